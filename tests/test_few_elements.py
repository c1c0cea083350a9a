"""Tiny arrays that are made number by number and read so: computed with the numbers, to the same bits."""

import numpy as np
import pytest

from tapeless import grad, hessian, value_and_grad, vjp


def euler(state, steps=60):
    def slope(s):
        return np.array([s[1], -9.81 * np.sin(s[0])])

    for _ in range(steps):
        state = state + 0.01 * slope(state)
    return np.sum(state**2)


def in_halves(y, k):
    path = []
    for _ in range(40):
        q, v = y[:2], y[2:]
        force = np.array([-k * q[0] * q[1], q[0]])
        y = y + 0.1 * np.concatenate([v, force])
        path.append(y)
    return sum(y[0] for y in path) + np.sum(np.array(path) ** 2)


def written(x, steps=30):
    y = np.zeros(3)
    y[0] = x
    for i in range(steps):
        z = y.copy()
        z[1] = y[0] * 0.9
        z[2] += y[1]
        z[i % 3] -= 0.1
        y = z / 1.1 + np.array([0.0, 1, y[2] * 0.01])
    return y[-1]


def lorenz(a, b):
    r = np.array([a, b, 0.0])
    for _ in range(40):
        x, y, z = r
        r = r + 0.01 * np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
    return r[0]


def folded(s):
    for _ in range(60):
        s = np.array([-s[1], s[0]]) if s[0] > 0.3 else -abs(s) * np.array([0.9, s[0]])
    return s[0] - s[1] / 2


def fixed(s, a):
    t = s * a
    s = s.copy()
    for _ in range(40):
        t = 0.3 * s + 0.2 * np.array([t[1], t[0]])
        s[1] = a
    return s[1] * s[1] + t[0] + a


def arrays_made(g):
    """How often the text makes an array of numbers."""
    return sum("np.array([" in line for line in g.source.splitlines() if not line.lstrip().startswith("#"))


PROGRAMS = [
    (euler, (np.array([1.0, 0.2]),)),
    (in_halves, (np.array([1.0, 0.2, 0.3, 0.4]), 2.0)),
    (written, (np.float64(2.0),)),
    (written, (2.0,)),
    (lorenz, (1.0, np.float64(2.0))),
    (fixed, (np.array([1.0, 2.0]), 0.7)),
    (fixed, (np.array([1.0, 2.0]), np.float64(0.7))),
    (folded, (np.array([0.5, -0.2]),)),
    (folded, (np.array([0.0, np.nan]),)),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS)
def test_the_bits_are_those_of_arrays(function, args):
    every = tuple(range(len(args)))
    g, plain = (value_and_grad(function, argnums=every, optimize=o) for o in ("fast", "readable"))
    value, slopes = g(*args)
    expected = function(*args)
    np.testing.assert_array_equal(value, expected)
    assert type(value) is type(expected)
    for slope, wanted in zip(slopes, plain(*args)[1], strict=True):
        assert type(slope) is type(wanted)
        np.testing.assert_allclose(slope, wanted, rtol=1e-12)
    if function is not in_halves:
        assert arrays_made(plain) > 0 or function is written
        assert arrays_made(g) <= (function is euler)  # the last one, which is summed


def test_a_few_steps_and_other_kinds_stay_as_they_are():
    few = grad(lambda s: euler(s, steps=2))
    few(np.array([1.0, 0.2]))
    assert arrays_made(few) == 2
    single = grad(euler)
    slope = single(np.array([1.0, 0.2], np.float32))
    assert slope.dtype == np.float32
    assert arrays_made(single) > 0


def test_what_is_handed_out_is_put_together():
    def path(s):
        for _ in range(60):
            s = s + 0.1 * np.array([s[1], -s[0]])
        return s, s[1], 2 * s

    s = np.array([0.3, -0.4])
    results, pull = vjp(path, s)
    for result, expected in zip(results, path(s), strict=True):
        np.testing.assert_array_equal(result, expected)
    matrix = np.linalg.matrix_power(np.array([[1, 0.1], [-0.1, 1]]), 60)
    (slope,) = pull((np.array([1.0, 2.0]), 0.5, np.array([0.0, 1.0])))
    np.testing.assert_allclose(slope, matrix.T @ [1.0, 4.5], rtol=1e-12)

    value_and_aux = value_and_grad(lambda s: (path(s)[1], path(s)[0]), has_aux=True)
    (value, aux), slope = value_and_aux(s)
    assert value == path(s)[1]
    np.testing.assert_array_equal(aux, path(s)[0])
    np.testing.assert_allclose(slope, matrix[1], rtol=1e-12)


def test_second_order():
    s = np.array([0.7, 0.1])
    second = hessian(euler)(s)
    step = 1e-5
    first = grad(euler, optimize="readable")
    moved = [first(s + step * e) - first(s - step * e) for e in np.eye(2)]
    np.testing.assert_allclose(second, np.array(moved) / (2 * step), rtol=1e-6, atol=1e-6)


def test_an_argument_that_is_written():
    def stepped(s):
        for _ in range(60):
            s += 0.1 * np.array([s[1], -s[0]])
        return s[0] * s[1]

    s, same, fresh = (np.array([0.3, -0.4]) for _ in range(3))
    slope = grad(stepped)(s)
    np.testing.assert_allclose(slope, grad(stepped, optimize="readable")(same), rtol=1e-12)
    stepped(fresh)
    np.testing.assert_array_equal(s, fresh)
