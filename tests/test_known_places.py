"""Places that are known to differ, as NumPy users name them: a range, np.diag_indices, what was just read."""

import numpy as np
import pytest

from tapeless import value_and_grad

Z = np.random.default_rng(3).normal(size=(6, 6))
LABELS = np.array([0, 5, 2, 2, 4, 1])


def _picked(z, rows):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -np.log(p[rows, LABELS]).sum()


def test_a_range_picks_as_arange_does():
    by_range = value_and_grad(lambda z: _picked(z, range(len(z))))
    by_arange = value_and_grad(lambda z: _picked(z, np.arange(len(z))))
    for got, expected in zip(by_range(Z), by_arange(Z), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert "np.add.at" not in by_range.source


@pytest.mark.parametrize("places", [range(0), range(2, 6), range(5, -1, -2), range(-2, 0)])
def test_reads_and_writes_at_a_range(places):
    def through(x):
        y = 2.0 * x
        y[places] = x[places] ** 3
        return np.sum(y * x[::-1])

    def chosen(x):
        inside = np.isin(np.arange(6), np.arange(6)[list(places)])
        return np.sum(np.where(inside, x**3, 2.0 * x) * x[::-1])

    x = Z[0]
    value, dx = value_and_grad(through)(x)
    expected, slope = value_and_grad(chosen)(x)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(dx, slope, rtol=1e-13)


def test_the_diagonal_by_its_places():
    def by_places(k, noise):
        k = k.copy()
        k[np.diag_indices(len(k))] += noise
        return np.linalg.slogdet(k)[1]

    g = value_and_grad(by_places, argnums=(0, 1))
    k = Z @ Z.T
    value, (dk, dnoise) = g(k, 0.3)
    inverse = np.linalg.inv(k + 0.3 * np.eye(6))
    np.testing.assert_allclose(value, np.linalg.slogdet(k + 0.3 * np.eye(6))[1], rtol=1e-13)
    np.testing.assert_allclose(dk, inverse.T, rtol=1e-9)
    np.testing.assert_allclose(dnoise, np.trace(inverse), rtol=1e-9)
    assert "last_write" not in g.source
    assert "np.add.at" not in g.source
    assert g.source.count("[rows, rows]") == 3  # one read, one write, one read of the cotangent


def test_diag_indices_of_several_axes_and_of_arrays():
    def cube(x):
        return np.sum(x[np.diag_indices(3, ndim=3)] * np.diag_indices(3)[0])

    x = np.arange(27.0).reshape(3, 3, 3)
    value, dx = value_and_grad(cube)(x)
    expected = np.zeros((3, 3, 3))
    expected[1, 1, 1], expected[2, 2, 2] = 1, 2
    assert value == cube(x)
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("number", [0.0, 2, np.float32(1)])
def test_a_sum_with_a_number_is_never_of_nothing(number):
    x = np.array([1.0, -np.inf, -800.0, 800.0])
    g = value_and_grad(lambda x: np.sum(np.logaddexp(number, x) * np.arange(4.0)))
    np.testing.assert_allclose(g(x)[1], np.arange(4.0) * np.exp(x - np.logaddexp(number, x)), rtol=1e-14)
    assert "inf" not in g.source
    nothing = value_and_grad(lambda x: np.sum(np.logaddexp(-np.inf, x)))
    np.testing.assert_array_equal(nothing(np.array([-np.inf, 0.0]))[1], [0.0, 1.0])
