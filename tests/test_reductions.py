"""Reductions and accumulations, as functions and as methods of ufuncs, with their keywords."""

import numpy as np
import pytest
from oracle import right

from tapeless import grad, value_and_grad

X = np.array([[0.31, -1.24, 2.13], [1.72, 0.45, -0.66]])
W = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 3.0]])
MASK = np.array([[True, False, True], [True, True, False]])

FUNCTIONS = {
    "sum where": lambda x: np.sum(np.sum(x, axis=0, where=MASK, initial=2.0) ** 3),
    "x.sum where": lambda x: np.sum(x.sum(1, where=MASK[0], keepdims=True) ** 3),
    "sum of integers": lambda x: np.sum(x, dtype=int) * x[0, 0] + np.sum(x > 0, axis=1, dtype=float)[0],
    "sum by NumPy's integers": lambda x: np.sum(np.sum(x, axis=np.int64(0)) ** 2),
    "prod": lambda x: np.sum(np.prod(x, axis=0, where=MASK, initial=2.0) ** 3),
    "max where": lambda x: np.sum(np.max(x, axis=1, where=MASK, initial=0.1) ** 3),
    "min axes": lambda x: np.sum(np.min(x, axis=(0, 1), keepdims=True) ** 3) + x.min(initial=-0.1),
    "mean where": lambda x: np.sum(np.mean(x, axis=0, where=MASK, keepdims=True) ** 3),
    "var where": lambda x: np.sum(np.var(x, axis=1, where=MASK, ddof=0.5) ** 2),
    "std where": lambda x: np.std(x, where=MASK) ** 3,
    "any where": lambda x: np.sum(x * np.any(x > 0, axis=1, where=MASK, keepdims=True)),
    "ptp": lambda x: np.sum(np.ptp(x, axis=1, keepdims=True) ** 3),
    "add.reduce": lambda x: np.sum(np.add.reduce(x, initial=1.5) ** 3),
    "logaddexp.reduce": lambda x: np.sum(np.logaddexp.reduce(x, axis=1, keepdims=True) ** 3),
    "logaddexp.reduce where": lambda x: np.logaddexp.reduce(x, axis=None, where=MASK, initial=1.0),
    "logaddexp2.reduce": lambda x: np.sum(np.logaddexp2.reduce(x) ** 2),
    "hypot.reduce": lambda x: np.sum(np.hypot.reduce(x) * W[0]),
    "fmax.reduce": lambda x: np.sum(np.fmax.reduce(x, axis=-1) ** 3) + np.sum(np.fmin.reduce(x) ** 2),
    "subtract.reduce": lambda x: np.sum(np.subtract.reduce(x, axis=-1) ** 3),
    "divide.reduce": lambda x: np.sum(np.divide.reduce(x, axis=1, keepdims=True) ** 2),
    "logical_and.reduce": lambda x: np.sum(x * np.logical_and.reduce(x > -1, axis=0)),
    "cumsum": lambda x: np.sum(x.cumsum(1) ** 3) + np.sum(np.cumsum(x) ** 2),
    "cumprod": lambda x: np.sum(np.cumprod(x, axis=1) ** 3) + np.sum(x.cumprod() ** 2),
    "cumulative_sum": lambda x: np.sum(np.cumulative_sum(x, axis=1, include_initial=True) ** 3),
    "cumulative_prod": lambda x: np.sum(np.cumulative_prod(x, axis=0, include_initial=True) ** 3),
    "add.accumulate": lambda x: np.sum(np.add.accumulate(x, axis=1) ** 3),
    "multiply.accumulate": lambda x: np.sum(np.multiply.accumulate(x) ** 3),
    "maximum.accumulate": lambda x: np.sum(np.maximum.accumulate(x, axis=1) ** 3 * W),
    "minimum.accumulate": lambda x: np.sum(np.minimum.accumulate(x, axis=1) ** 3 * W),
    "logaddexp.accumulate": lambda x: np.sum(np.logaddexp.accumulate(x, axis=-1) ** 3),
    "hypot.accumulate": lambda x: np.sum(np.hypot.accumulate(x) ** 3),
    "power.accumulate": lambda x: np.sum(np.power.accumulate(x**2 + 0.5, axis=1) ** 2),
    "floor_divide.accumulate": lambda x: np.sum(np.floor_divide.accumulate(x, axis=1) ** 2),
    "add.reduceat": lambda x: np.sum(np.add.reduceat(x, [0, 2], axis=1) ** 3),
    "add.reduceat from 1": lambda x: np.sum(np.add.reduceat(x.ravel(), [1, 3, 4]) ** 3),
    "add.reduceat unordered": lambda x: np.sum(np.add.reduceat(x.ravel(), [3, 1, 4]) ** 3),
    "maximum.reduceat": lambda x: np.sum(np.maximum.reduceat(x, [0, 2], axis=1) ** 3),
    "add.outer": lambda x: np.sum(np.add.outer(x[0], x[1]) ** 3),
    "lists": lambda x: np.sum([x[0, 0], x[1, 1] * 2]) ** 2 + np.mean([x[0], x[1] * 2], axis=0)[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right(name):
    right(FUNCTIONS[name], X)


OUTS = {
    "sum": lambda x, y: np.sum(x, axis=0, out=y[0]),
    "mean": lambda x, y: np.mean(x, axis=0, out=y[1]),
    "cumsum": lambda x, y: x.cumsum(axis=1, out=y),
    "accumulate": lambda x, y: np.maximum.accumulate(x, axis=1, out=y),
    "median": lambda x, y: np.median(x, axis=0, out=y[0]),
    "reduce": lambda x, y: np.logaddexp.reduce(x, axis=0, out=y[1]),
}


@pytest.mark.parametrize("name", OUTS)
def test_out(name):
    def f(x):
        y = np.ones((2, 3))
        OUTS[name](x, y)
        return np.sum(y**3 * W)

    right(f, X)


def test_out_at():
    def f(x):
        y = np.zeros(4)
        np.add.at(y, [0, 2, 0], x[0])
        return np.sum(y**2)

    right(f, X)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: np.sum(np.cumprod(x)), [2.0, 0.0, 3.0, 0.0], [1.0, 8.0, 0.0, 0.0]),
        (lambda x: np.maximum.accumulate(x)[2], [1.0, 1.0, 1.0], [1 / 3, 1 / 3, 1 / 3]),
        (lambda x: np.sum(np.maximum.accumulate(x)), [1.0, 1.0, 2.0, 0.0], [1.5, 0.5, 2.0, 0.0]),
        (lambda x: np.hypot.reduce(x), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: np.fmax.reduce(x), [1.0, np.nan, 1.0], [0.5, 0.0, 0.5]),
        (lambda x: np.max(x, initial=2.0), [1.0, 2.0], [0.0, 0.0]),
        (lambda x: np.sum(x, where=np.array([True, False])), [1.0, np.nan], [1.0, 0.0]),
    ],
)
def test_kinks(f, x, expected):
    np.testing.assert_allclose(grad(f)(np.array(x)), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.complex128])
def test_dtypes(dtype):
    x = X.astype(dtype)
    for f in (np.sum, np.mean, np.var, np.std, np.cumprod, np.nanmean, np.nanvar, np.add.accumulate):
        g = value_and_grad(lambda x: (np.real(np.sum(f(x, axis=0))), f(x, axis=0)), has_aux=True)  # noqa: B023
        (_, value), d = g(x)
        expected = f(x, axis=0)
        assert value.dtype == expected.dtype
        assert d.dtype == dtype
        tolerance = {np.float16: 3e-3, np.float32: 3e-6}.get(dtype, 1e-12)
        np.testing.assert_allclose(value, expected, rtol=tolerance)


def test_empty():
    assert value_and_grad(lambda x: np.max(x, initial=0.0))(np.zeros(0))[0] == 0
    assert grad(lambda x: np.sum(np.cumprod(x)))(np.zeros(0)).shape == (0,)
    with pytest.raises(ValueError, match="identity"):
        grad(lambda x: np.max(x))(np.zeros(0))


def test_refused():
    with pytest.raises(ValueError, match="identity"):
        grad(lambda x: np.max(x, where=MASK))(X)
    with pytest.raises(ValueError, match=r"does not broadcast|axis remapping"):
        grad(lambda x: np.sum(x[0], where=MASK))(X)
    with pytest.raises(ValueError, match="reorderable"):
        grad(lambda x: np.subtract.reduce(x, axis=(0, 1)))(X)
    with pytest.raises(NotImplementedError, match="dtype=int64"):
        grad(lambda x: np.sum(np.mean(x, axis=0, dtype=np.int64)))(X)
    with pytest.raises(np.exceptions.AxisError):
        grad(lambda x: np.mean(x, axis=0))(np.float64(1.0))
