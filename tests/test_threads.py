"""Threads: a function is compiled once, everyone is right, and a trace disturbs nobody else's NumPy."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tapeless import grad, hessian, hvp, jacobian, jvp, linearize, value_and_grad, vjp, vmap
from tapeless.tracer.creation import _ORIGINALS

X = np.array([0.5, -1.2, 2.0])


def together(count, work):
    """Run work(i) in `count` threads that start at once; the results in order."""
    barrier = threading.Barrier(count)

    def run(i):
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def restored():
    return all(getattr(np, name) is original for name, original in _ORIGINALS.items())


def test_one_compilation_for_all():
    runs = []

    def f(x):
        runs.append(1)
        time.sleep(0.05)
        return (x**2).sum()

    g = grad(f)
    for found in together(8, lambda i: g(X)):
        np.testing.assert_allclose(found, 2 * X)
    assert len(runs) == g.cache_info().misses == 1
    np.testing.assert_allclose(together(8, lambda i: g(X * i))[3], 6 * X)
    assert len(runs) == 1


def test_many_shapes_at_once():
    g = value_and_grad(lambda x: (np.tanh(x) ** 2).sum(), dynamic=False)

    def work(i):
        x = np.linspace(0, 1, 1 + i % 20)
        value, d = g(x)
        np.testing.assert_allclose(value, (np.tanh(x) ** 2).sum())
        np.testing.assert_allclose(d, 2 * np.tanh(x) * (1 - np.tanh(x) ** 2))
        return True

    assert all(together(40, work))
    assert g.cache_info().misses == 20


def test_many_branches_at_once():
    def f(x):
        return (x**2).sum() if x.sum() > 0 else (x**3).sum()

    g = grad(f)

    def work(i):
        x = X if i % 2 else -X
        np.testing.assert_allclose(g(x), 2 * x if x.sum() > 0 else 3 * x**2)
        return True

    assert all(together(20, work))


def test_different_functions_at_once():
    def work(i):
        def f(x):
            buffer = np.zeros(3)
            buffer[:] = x * i
            return (buffer * np.ones(3) * np.arange(3)).sum()

        np.testing.assert_allclose(grad(f)(X), i * np.arange(3))
        return True

    assert all(together(16, work))
    assert restored()


def test_creation_functions_of_other_threads_are_left_alone():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def f(x):
        inside.set()
        done.wait(10)
        a = np.zeros(3)
        a[0] = x[0]
        return a.sum()

    def other():
        inside.wait(10)
        try:
            for make in (lambda: np.zeros(3), lambda: np.array([1.0, 2.0]), lambda: np.arange(3), lambda: np.eye(2)):
                seen.append(type(make()))
            seen.append(type(np.zeros_like(X)))
            seen.append(np.random.default_rng().random() >= 0)
            np.full(3, 2)[0] = 1
        finally:
            done.set()

    thread = threading.Thread(target=other)
    thread.start()
    found = grad(f)(X)
    thread.join()
    np.testing.assert_allclose(found, [1, 0, 0])
    assert seen == [np.ndarray] * 5 + [True]
    assert restored()


def test_creation_functions_of_a_thread_that_the_function_starts():
    def f(x):
        out = []
        thread = threading.Thread(target=lambda: out.append(np.ones(3)))
        thread.start()
        thread.join()
        return (x * out[0]).sum()

    np.testing.assert_allclose(grad(f)(X), [1, 1, 1])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, RecursionError])
def test_everything_is_restored_after_an_error(error):
    def f(x):
        np.zeros(3)[0] = x[0]
        raise error

    with pytest.raises(error):
        grad(f)(X)
    assert restored()
    assert type(np.zeros(3)) is np.ndarray
    np.testing.assert_allclose(grad(lambda x: (x * np.zeros(3)).sum())(X), 0)


def test_real_recursion():
    def f(x):
        return f(x + np.zeros(3))

    with pytest.raises(RecursionError):
        grad(f)(X)
    assert restored()


def test_an_error_of_one_thread_is_not_another_s():
    g = grad(lambda x, bad: x.sum() if not bad else [][1])

    def work(i):
        if i % 2:
            with pytest.raises(IndexError):
                g(X, True)
        else:
            np.testing.assert_allclose(g(X, False), [1, 1, 1])
        return True

    assert all(together(10, work))
    assert restored()


def test_a_trace_within_a_trace_of_another_function():
    inner = grad(lambda y: (y**2 * np.ones(3)).sum())

    def f(x):
        return (inner(x) * np.arange(3)).sum()

    for found in together(8, lambda i: grad(f)(X)):
        np.testing.assert_allclose(found, 2 * np.arange(3))
    assert restored()


def test_pullbacks_in_threads():
    def f(x):
        return np.sin(x)

    def work(i):
        out, pull = vjp(f, X * i)
        np.testing.assert_allclose(out, np.sin(X * i))
        np.testing.assert_allclose(pull(X)[0], np.cos(X * i) * X)
        return True

    assert all(together(16, work))


def test_state_that_changes_while_others_call():
    class Box:
        k = 1.0

    box = Box()
    g = grad(lambda x: x.sum() * box.k)
    stop = time.monotonic() + 0.5

    def work(i):
        while time.monotonic() < stop:
            if i == 0:
                box.k = float(random.randrange(1, 4))
            found = g(X)
            assert found[0] == found[1] == found[2]
            assert found[0] in (1.0, 2.0, 3.0)
        return True

    assert all(together(4, work))
    box.k = 2.5
    np.testing.assert_allclose(g(X), [2.5] * 3)


def test_draws_in_another_thread_are_no_draws_of_the_function():
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            np.random.random()
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(5):
            np.testing.assert_allclose(grad(lambda x: (x * np.arange(3)).sum())(X), np.arange(3))
    finally:
        stop.set()
        thread.join()


DERIVATIVES = {
    "jacobian": (lambda f: jacobian(f), lambda x: np.diag(3 * x**2)),
    "hessian": (lambda f: hessian(lambda x: f(x).sum()), lambda x: np.diag(6 * x)),
    "hvp": (lambda f: (lambda g: lambda x: g(x, x))(hvp(lambda x: f(x).sum())), lambda x: 6 * x**2),
    "vmap": (lambda f: vmap(f), lambda x: x**3),
    "vmap of grad": (lambda f: vmap(grad(f)), lambda x: 3 * x**2),
    "jvp": (lambda f: lambda x: jvp(f, (x,), (x,))[1], lambda x: 3 * x**3),
    "linearize": (lambda f: lambda x: linearize(f, x)[1](x), lambda x: 3 * x**3),
    "vjp": (lambda f: lambda x: vjp(f, x)[1](x)[0], lambda x: 3 * x**3),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_of_many_shapes_at_once(name):
    make, expected = DERIVATIVES[name]
    traced = []

    def f(x):
        traced.append(1)
        time.sleep(0.001)
        return x**3

    shapes = [np.linspace(1, 2, 1 + i) for i in range(4)]
    alone = make(lambda x: f(x))
    for x in shapes:
        alone(x)
    g, once = make(f), len(traced)

    def work(i):
        np.testing.assert_allclose(g(shapes[i % 4]), expected(shapes[i % 4]))
        return True

    assert all(together(24, work))
    assert len(traced) == 2 * once  # no shape is traced twice
    assert restored()


def test_methods_of_many_objects_at_once():
    class Box:
        def __init__(self, k):
            self.k = k

        @jacobian
        def cubes(self, x):
            return self.k * x**3

    boxes = [Box(k) for k in range(1, 5)]

    def work(i):
        box = boxes[i % 4]
        assert box.cubes is box.cubes
        np.testing.assert_allclose(box.cubes(X), np.diag(3 * box.k * X**2))
        return True

    assert all(together(24, work))
    assert [box.cubes.cache_info().misses for box in boxes] == [1, 1, 1, 1]
