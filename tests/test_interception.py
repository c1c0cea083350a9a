"""What NumPy does not dispatch: imported names, np.r_, methods of plain arrays; and that nothing is left behind."""

import sys
import threading

import numpy as np
import pytest
from numpy import array as make  # the names under test
from numpy import r_ as joined
from numpy import zeros
from oracle import right

from tapeless import TracingError, grad

A = np.arange(9.0).reshape(3, 3) / 7
X = np.array([0.3, 0.7, 0.9])


class Model:
    def __init__(self):
        self.weights = A.copy()

    def loss(self, x):
        return (self.weights.T.dot(x) ** 2).sum()


def imported_zeros(x):
    y = zeros(3)
    for i in range(3):
        y[i] = x[i] ** 2
    return y.sum() * y[0]


def imported_under_another_name(x):
    return make([x[0], x[1] * 2]).prod()


def imported_inside(x):
    from numpy import ones as filled

    y = filled(3)
    y[1:] *= x[1:]
    return (y**3).sum()


def r_of_pieces(x):
    return (np.r_[x, 1.0, x[0], 0:2] ** 2).sum()


def r_imported(x):
    y = joined[1.0, 2.0, 3.0]
    y += x
    return (y**2).sum()


def c_of_columns(x):
    return (np.c_[x, x**2] ** 2).sum()


def r_with_directive(x):
    return (np.r_["0,2", x, x * 2] ** 2).sum()


def dot_of_a_global(x):
    return (A.dot(x) ** 2).sum()


def dot_of_a_view(x):
    return A[1:].T.dot(x[:2]).sum() * x[2]


def dot_of_dot(x):
    return A.dot(x).dot(A).dot(x)


def dot_in_a_lambda(x):
    apply = lambda m: m.dot(x)  # noqa: E731
    return (apply(A) * np.array([1.0, 2, 3])).sum()


def take_by_traced_index(x):
    return A[0].take(x.argmax()) * x.sum()


def copy_of_a_global(x):
    y = A.copy()
    y[0] = x
    return (y * y).sum()


def sum_of_globals(x):
    y = A[0] + 0
    y += x
    return (y * y).sum()


def spaced(x):
    y = np.linspace(0, 1, 3)
    y += x
    return (y * y).sum()


def triangle(x):
    y = np.tri(3)
    y[:, 1] = x
    return (y * y * A).sum()


def seeded(x):
    y = np.random.default_rng(0).normal(size=3)
    y *= x
    return (y * y).sum()


def scalar_type(x):
    return np.float64(x[0]) * x[1]


def vectorized(x):
    f = np.vectorize(lambda t, u: t * u if t < 0.5 else u)
    return (f(x, A) * A).sum()


def vectorized_by_its_first_result(x):
    f = np.vectorize(lambda t: 0 if t < 0.5 else t * t)
    return f(x).sum() * x[0] + f(x[::-1]).sum()


def generated(x):
    return (np.fromiter((v * v for v in x), float) * A).sum()


def plain_table_by_traced_places(x):
    places = x.argsort()[:2]
    return (A[places] @ x).sum() + (A[:, places] * x[:, None]).sum() + A[1:, places][0, 0] * x[0]


def plain_table_by_traced_mask(x):
    return (A[0][x > 0.5] ** 2).sum() * x.sum()


def function_take_by_traced_index(x):
    return np.take(A[0], x.argmax()) * x.sum()


PROGRAMS = [
    *(imported_zeros, imported_under_another_name, imported_inside, r_of_pieces, r_imported, c_of_columns),
    *(r_with_directive, dot_of_a_global, dot_of_a_view, dot_of_dot, dot_in_a_lambda, take_by_traced_index),
    *(copy_of_a_global, sum_of_globals, spaced, triangle, seeded, scalar_type, vectorized, generated),
    vectorized_by_its_first_result,
    *(function_take_by_traced_index, plain_table_by_traced_places, plain_table_by_traced_mask),
    Model().loss,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program(program):
    right(program, X)


def test_a_closure_that_imported_the_name():
    from numpy import full

    def f(x):
        y = full(3, 2.0)
        y[0] = x[0]
        return (y * x).sum()

    right(f, X)
    assert full is np.full


def test_everything_is_as_it_was_afterwards():
    code = dot_of_a_global.__code__
    grad(dot_of_a_global)(X)
    grad(imported_zeros)(X)
    assert dot_of_a_global.__code__ is code
    assert zeros is np.zeros
    assert np.zeros.__module__ == "numpy"
    assert type(np.r_).__module__.startswith("numpy")


def test_other_threads_see_numpy_while_a_trace_runs():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def watch():
        inside.wait(10)
        seen.append((type(zeros(2)), type(np.r_[1.0, 2.0]), A.dot(X).tolist(), Model().loss(X)))
        done.set()

    def f(x):
        inside.set()
        done.wait(10)
        y = zeros(3)
        y += A.dot(x)
        return y.sum()

    thread = threading.Thread(target=watch)
    thread.start()
    grad(f)(X)
    thread.join()
    assert seen == [(np.ndarray, np.ndarray, A.dot(X).tolist(), Model().loss(X))]


def test_a_name_bound_anew_by_the_function_stays_so():
    space = sys.modules[__name__]

    def f(x):
        space.zeros = len
        return (x * x).sum()

    try:
        grad(f)(X)
        assert zeros is len
    finally:
        space.zeros = np.zeros


def test_arrays_that_others_see_are_not_written():
    """In a second look a plain array is a stand-in, and a write into it would be lost to those who hold the array."""
    shared, held = np.zeros(3), [np.zeros(3)]

    def itself():
        return shared

    def a_part():
        return held[0][1:]

    def into_a_closure(x):
        shared[0] = x[0]
        return shared.sum()

    def into_a_result(x):
        y = itself()
        y[0] = x[0]
        return y.sum()

    def into_a_view(x):
        y = a_part()
        y += x[:2]
        return y.sum()

    for f in (into_a_closure, into_a_result, into_a_view):
        with pytest.raises(TracingError):
            grad(f)(X)
    assert not shared.any()
    assert not held[0].any()


def test_a_mini_batch_of_plain_data():
    data, targets = np.arange(12.0).reshape(6, 2), np.arange(6.0)

    def loss(w, batch):
        error = data[batch] @ w - targets[batch]
        return np.mean(error**2)

    g = grad(loss)
    for batch in (np.array([0, 3, 5]), np.array([1, 1, 2])):
        w = np.array([0.3, -0.2])
        wanted = 2 * data[batch].T @ (data[batch] @ w - targets[batch]) / 3
        np.testing.assert_allclose(g(w, batch), wanted)
    assert g.cache_info().paths == 1


def test_an_import_is_guarded_as_any_name():
    calls = []

    def f(x):
        calls.append(1)
        y = zeros(3)
        y += x
        return y.sum() * y[0]

    g = grad(f)
    g(X)
    g(X)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda y, x: np.put(y, [0, 2, -1], x),
        lambda y, x: np.put(y, [0, 7, 2], x, mode="wrap"),
        lambda y, x: np.put(y, [0, 9, -2], x, mode="clip"),
        lambda y, x: np.put(y, [1, 1, 3, 0], x[:2]),
        lambda y, x: np.put(y, x.argsort(), 2 * x),
        lambda y, x: y.put([1, 3], [x[2], 1.0]),
        lambda y, x: np.put(y[::2], [0, 1], x),
        lambda y, x: np.place(y, y > 0.5, x[:2]),
        lambda y, x: np.place(y, y > 9, []),
        lambda y, x: np.place(y[1:], np.array([True, False, True, True, False]), [x[0], x[1] ** 2]),
        lambda y, x: np.putmask(y, y > 0.5, y * x[0]),
        lambda y, x: np.putmask(y, y > 0.5, x),
        lambda y, x: np.putmask(y, [True, False] * 3, 2.5),
    ],
)
def test_put_place_putmask(write):
    def f(x):
        y = np.array([0.2, 0.8, 1.1, -0.4, 0.6, 0.1])
        y[0] *= x[0]
        write(y, x)
        return (y**2 * np.arange(1.0, 7)).sum()

    right(f, X)


def test_a_function_with_asserts_under_pytest():
    def f(x):
        y = A.copy()
        assert y.shape == (3, 3)
        y[0] = x
        return (y * y).sum()

    right(f, X)


def test_an_error_that_numpy_makes_of_a_refusal():
    def f(x):
        b = np.arange(3.0)
        b.flat[0] = x[-1]
        return (b * x).sum()

    def into_a_global(x):
        A.flat[0] = x[0]
        return A.sum()

    right(f, X)
    with pytest.raises(TracingError, match="cannot be written into an array that was made outside"):
        grad(into_a_global)(X)


def test_an_identity_is_written_as_one():
    g = grad(lambda x: np.sum(np.diag(x) @ (A + x[0] * np.eye(3)) + np.identity(3)))
    g(X)
    assert "np.eye(3)" in g.source
    assert "np.array(" not in g.source
