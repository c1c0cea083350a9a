"""Ordinary Python around arrays: branches, loops, containers, exceptions. Plain NumPy and differences are the judge."""

import collections
import dataclasses
import functools
import itertools
import os
import random

import numpy as np
import pytest
from oracle import central, right

import tapeless
from tapeless import (
    LeakedTracerError,
    TracingError,
    UnsupportedError,
    cond,
    fori_loop,
    grad,
    scan,
    value_and_grad,
    vjp,
    while_loop,
)


def agrees(f, *points, k=0):
    """Value and gradient at every point, one after the other with one compiled function, so that branches miss."""
    g = value_and_grad(f)
    for point in (*points, points[0]):
        value, d = g(point)
        np.testing.assert_allclose(value, f(point))
        np.testing.assert_allclose(d, central(f, [point]), rtol=2e-4, atol=1e-5)


def array(*numbers):
    return np.array(numbers, float)


def early_return(x):
    for i, v in enumerate(x):
        if v < 0:
            return v**2 * (i + 1)
    return x.prod()


def loop_with_else(x):
    n = 0
    while x.sum() < 40:
        x = x * 1.7
        n += 1
        if n > 3:
            break
    else:
        x = x + 1
    return x.sum() * n


def newton(x):
    root = x[0]
    for _ in range(50):
        new = 0.5 * (root + x[0] / root)
        if abs(new - root) < 1e-14:
            break
        root = new
    return root * x[1]


def accumulated(x):
    total = 0.0

    def add(v):
        nonlocal total
        total += v * v

    for v in itertools.chain(x, reversed(x[:2])):
        add(v)
    return total + functools.reduce(lambda a, b: a * b + 1, x)


@dataclasses.dataclass
class Pair:
    a: object
    b: object


def records(x):
    p = dataclasses.replace(Pair(x[0], 2.0), b=x[1])
    match p:
        case Pair(a, b=b):
            return a * b + sum(v * v for v in collections.deque(x, maxlen=2))


def generated(x):
    def squares():
        total = 0.0
        while True:
            v = yield total
            total = total + v**2

    running = squares()
    next(running)
    return [running.send(v) for v in x][-1] * max(x) + min(list(x))


def caught(x):
    def root(v):
        if v < 0:
            raise ValueError("negative")
        return v**0.5

    total = 0.0
    for v in x:
        try:
            total += root(v)
        except ValueError as error:
            total += v * len(str(error))
        else:
            total += 1
        finally:
            total *= 2
    return total


def until_the_end(x):
    total, i = 0.0, 0
    try:
        while True:
            total += x[i] ** 2
            i += 1
    except IndexError:
        return total * i


def quotient_and_rest(x):
    q, r = divmod(x, 2.0)
    s, t = divmod(7.0, x)
    return np.sum(r**2 + q + s * x + t)


def by_integer_key(x):
    places = np.argmax(x), np.argmin(x)
    table = dict(zip(places, ("largest", "smallest"), strict=True))
    return sum(x[k] ** 2 if name == "largest" else x[k] for k, name in table.items())


def listed(x):
    rows = [np.sin(v) for v in x]
    return np.sum(rows) * np.max(rows) + np.dot(rows, [1.0, 2.0, 3.0]) + np.linalg.norm([x[0], x[1]])


PROGRAMS = [
    early_return, loop_with_else, newton, accumulated, records, generated, caught, until_the_end, quotient_and_rest,
    by_integer_key, listed,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(f):
    negative = () if f is newton else (array(1.5, -2.1, 3.3), array(-0.7, 2.2, 1.9))
    agrees(f, array(1.2, 2.3, 3.4), array(21.0, 2.1, 13.0), *negative)


def by_identity(x):
    return x**2 if (x > 2) is True else x**3


def by_pattern(x):
    match x > 2:
        case True:
            return x**2
        case _:
            return x**3


@pytest.mark.parametrize("f", [by_identity, by_pattern])
def test_a_comparison_of_python_numbers_is_true_itself(f):
    """`is True` cannot be answered by a stand-in: the comparison is a bool of Python's, and guarded."""
    agrees(f, 1.5, 2.5)


def test_a_comparison_of_numpy_numbers_is_not_true_itself():
    assert grad(lambda x: x[0] * (2.0 if (x[0] > 0) is True else 3.0))(array(1.0)) == 3.0


def guarded_division(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        return 5 * x


def test_a_caught_division_by_zero():
    g = grad(guarded_division)
    assert [g(2.0), g(0.0), g(2.0)] == [-0.25, 5.0, -0.25]
    assert [grad(guarded_division)(x) for x in (0.0, 2.0)] == [5.0, -0.25]


def test_a_division_by_zero_is_raised_on_the_users_line():
    with pytest.raises(ZeroDivisionError) as caught_error:
        grad(lambda x: 1 / x)(0.0)
    assert caught_error.traceback[-1].path != __file__
    assert any(entry.path.name == "test_control_flow.py" for entry in caught_error.traceback[1:])


def checked(x):
    if x[0] < 0:
        raise ValueError(f"negative: {x[0]:.2f} in {x}")
    return x.sum()


def test_the_digits_are_in_what_the_function_raises():
    with pytest.raises(ValueError, match=r"negative: -1.00 in \[-1. {2}2.\]"):
        grad(checked)(array(-1.0, 2.0))


def test_digits_in_an_error_that_is_caught_would_be_frozen():
    def f(x):
        try:
            return checked(x)
        except ValueError as error:
            return x.sum() * len(str(error))

    with pytest.raises(TracingError, match="digits"):
        grad(f)(array(-1.0, 2.0))


def test_a_number_is_not_iterated():
    with pytest.raises(TypeError, match="0-d"):
        grad(lambda x: sum(v for v in x))(np.array(1.0))


def test_a_comparison_is_no_index_of_a_list():
    with pytest.raises(TypeError):
        grad(lambda x: [x.sum(), x.prod()][x[0] > 1])(array(1.0, 2.0))


# ------------------------------------------------------------------------------------------------ structured loops


def alternating(x):
    return fori_loop(0, 3, lambda i, c: (np.where(c[1], c[0] + x[i], c[0] * 2), ~c[1]), (0.0, np.bool_(True)))[0]


def gradient_of_a_choice(x):
    return grad(lambda y: cond(y > 0, lambda y: y**3, np.sin, y))(x[0])


def loops_in_loops(x):
    inner = lambda c, v: (fori_loop(0, 3, lambda i, d: d * v + i, c) * 0.1, c)  # noqa: E731
    carry, seen = scan(inner, 1.0, x, reverse=True)
    return carry * seen.sum()


def counted(x):
    value, n = while_loop(lambda c: c[0] < 20, lambda c: (c[0] * 1.5 + x[0], c[1] + 1), (x.sum(), 0))
    return value * n


def gradient_of_a_loop(x):
    return (grad(lambda y: fori_loop(0, 3, lambda i, c: c * y + 1, y).sum())(x) ** 2).sum()


@pytest.mark.parametrize(
    "f", [alternating, gradient_of_a_choice, loops_in_loops, counted, gradient_of_a_loop], ids=lambda f: f.__name__
)
def test_structured_loops(f):
    agrees(f, array(1.1, 0.7, 1.3), array(0.2, -0.1, 3.0) if f is counted else array(-1.2, 0.4, 3.0))


# -------------------------------------------------------------------------------------------------- around the function

rate = 2.0


@pytest.mark.parametrize("f", [lambda x: x * globals()["rate"], lambda x: x * globals().get("rate")])
def test_globals_by_their_table_are_watched(f, monkeypatch):
    g = grad(f)
    assert g(1.0) == 2.0
    monkeypatch.setitem(globals(), "rate", 3.0)
    assert g(1.0) == 3.0


@pytest.mark.parametrize("f", [lambda x: x * float(os.environ["RATE"]), lambda x: x * float(os.getenv("RATE"))])
def test_the_environment_is_watched(f, monkeypatch):
    g = grad(f)
    for value in (2.0, 3.0):
        monkeypatch.setenv("RATE", str(value))
        assert g(1.0) == value


def reads_a_file(x):
    with open(__file__) as file:
        return x * len(file.read())


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * random.Random().random(),
        lambda x: x * random.SystemRandom().random(),
        lambda x: x * np.load("numbers.npy")[0],
        reads_a_file,
    ],
)
def test_what_is_something_else_on_each_call_is_refused(f):
    with pytest.raises(TracingError, match=r"test_control_flow\.py"):
        grad(f)(1.0)
    assert 0 <= random.Random().random() < 1


def test_a_generator_with_a_seed_draws_the_same():
    right(lambda x: x.sum() * random.Random(3).random(), array(1.0, 2.0))


kept = []


def keeps(x):
    y = x * 2
    kept.append(y)
    return y.sum()


@pytest.mark.parametrize("use", [lambda y: y + 1, np.sin, float, lambda y: y[0].item(), np.mean, lambda y: y > 0])
def test_a_leak_says_where_the_value_was_made(use):
    grad(keeps)(array(1.0))
    with pytest.raises(LeakedTracerError, match=r"made at test_control_flow\.py:\d+: {2}y = x \* 2"):
        use(kept.pop())


def test_a_leak_that_is_returned_is_a_leak():
    memo = {}

    def f(x, n):
        if n not in memo:
            memo[n] = x**n
        return memo[n]

    g = grad(f)
    assert g(2.0, 3) == 12
    with pytest.raises(LeakedTracerError):
        g(3.0, 3)


def test_a_pendulum_of_300_steps():
    def f(theta, omega):
        for _ in range(300):
            omega = omega - 0.01 * np.sin(theta)
            theta = theta + 0.01 * omega
        return theta**2

    right(f, 0.3, 0.1)


def test_grad_of_vjp_of_a_loop():
    def f(x):
        y, pullback = vjp(lambda v: fori_loop(0, 2, lambda i, c: np.sin(c) * v, v), x)
        return (pullback(y)[0] ** 2).sum()

    agrees(f, array(0.4, 1.2))
    assert tapeless.grad(f)(array(0.4)).shape == (1,)


def doubled(y):
    y *= 2
    return (y**2).sum()


def written_inside(x):
    y = x * 3
    part = y[:2]
    return (grad(doubled)(part) * part).sum() + (y**2).sum()


def two_written_inside(x):
    def f(a, b):
        a[0] = b[1]
        b[:] = a * 2
        return (a * b).sum()

    y = x.copy()
    return (grad(f)(y, y * 2) * y).sum()


@pytest.mark.parametrize("f", [written_inside, two_written_inside])
def test_a_gradient_inside_writes_as_the_plain_call_does(f):
    agrees(f, array(0.4, 1.2, -0.7))


def seen_in_a_closure(x):
    y = x.copy()

    def f(z):
        z *= 2
        return (z * y).sum()

    return grad(f)(y).sum()


def passed_twice(x):
    def f(a, b):
        a *= 2
        return (a * b).sum()

    y = x.copy()
    return grad(f)(y, y).sum()


@pytest.mark.parametrize("f", [seen_in_a_closure, passed_twice])
def test_a_write_inside_that_is_seen_under_another_name_is_refused(f):
    with pytest.raises(UnsupportedError, match=r"writes into an argument"):
        grad(f)(array(0.4, 1.2))
