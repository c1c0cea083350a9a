"""Sorting, searching, distinct elements and differences, against plain NumPy and central differences."""

import numpy as np
import pytest
from oracle import right

from tapeless import grad, hvp, jvp, sparse_hessian, value_and_grad

X = np.array([[0.31, -1.24, 2.13], [1.72, 0.45, -0.66]])
ROW = np.array([0.3, -1.2, 2.1, 1.7, 0.4])
W = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 3.0]])

FUNCTIONS = {
    "sort": lambda x: np.sum(np.sin(np.sort(x)) * W),
    "sort axis=0": lambda x: np.sum(np.sort(x, axis=0) ** 2 * W),
    "sort of all": lambda x: np.sum(np.sort(x, axis=None) ** 2 * W.ravel()),
    "sort stable": lambda x: np.sum(np.sort(x, stable=True) * W) + np.sum(np.sort(x, kind="mergesort")[0] ** 3),
    "argsort": lambda x: np.sum(x[np.argsort(x[:, 0])] * W),
    "x.argsort": lambda x: np.sum(x[0][x[0].argsort()[:2]] ** 2),
    "argsort of all": lambda x: np.sum(x.ravel()[np.argsort(x, axis=None)] * W.ravel()),
    "partition": lambda x: np.sum(np.partition(x, 1) * W),
    "partition kth": lambda x: np.partition(x, [0, 3], axis=None)[3] ** 2,
    "argpartition": lambda x: np.sum(x[0][np.argpartition(x[0], 1)[:1]] ** 2),
    "x.argpartition": lambda x: np.sum(x[1][x[1].argpartition(1)[:1]] ** 2),
    "lexsort": lambda x: np.sum(x[0][np.lexsort((x[1], x[0] > 0))] * W[0]),
    "searchsorted": lambda x: np.sum(x * np.searchsorted(np.sort(x[0]), x)),
    "searchsorted sorter": lambda x: np.sum(x * np.searchsorted(x[0], x, side="right", sorter=np.argsort(x[0]))),
    "digitize": lambda x: np.sum(x * np.digitize(x, [-1.0, 0.0, 1.0], right=True)),
    "unique": lambda x: np.sum(np.unique(x) * W.ravel()),
    "unique parts": lambda x: np.sum(np.unique(np.sign(x) * x[0, 0], return_inverse=True, return_counts=True)[0] ** 3),
    "unique counts": lambda x: np.sum(np.unique(np.sign(x) + 0 * x, return_counts=True)[1] * x[0, :2]),
    "unique rows": lambda x: np.sum(np.unique(x, axis=0) * W),
    "unique_all": lambda x: np.sum(np.unique_all(x).values * W.ravel()),
    "unique_inverse": lambda x: np.sum(np.unique_inverse(x).inverse_indices * x),
    "argmax": lambda x: np.sum(np.argmax(x, axis=1) * x[:, 0]) + x[0, np.argmin(x[0])] ** 2,
    "nanargmax": lambda x: x[0, np.nanargmax(x[0])] ** 2 + x[1, np.nanargmin(x[1])] ** 3,
    "diff": lambda x: np.sum(np.diff(x) ** 3),
    "diff n": lambda x: np.sum(np.diff(x, n=2) ** 3) + np.sum(np.diff(x, axis=0) ** 2),
    "diff ends": lambda x: np.sum(np.diff(x, prepend=0.5, append=x[:, :1]) ** 3),
    "ediff1d": lambda x: np.sum(np.ediff1d(x, to_end=[1.0, 2.0], to_begin=x[0, 0]) ** 2),
    "apply_along_axis": lambda x: np.sum(np.apply_along_axis(lambda r, c: r * np.sum(r) * c, 1, x, 2.0) ** 2),
    "apply_along_axis matrix": lambda x: np.sum(np.apply_along_axis(np.outer, 0, x, [1.0, 2.0])[0, 1] ** 2),
    "apply_over_axes": lambda x: np.sum(np.apply_over_axes(np.sum, x**2, [0, 1]) ** 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right(name):
    right(FUNCTIONS[name], X)


def test_in_place():
    def sorted_(x):
        y = x.copy()
        y.sort(axis=0)
        return np.sum(y * W)

    def partitioned(x):
        y = x.copy()
        view = y[0]
        view.partition(1)
        return np.sum(y**2 * W)

    right(sorted_, X)
    right(partitioned, X)


def test_source():
    g = grad(lambda x: np.sum(np.sort(x) * ROW))
    g(ROW + 0.01)
    assert "[np.argsort(x)] = " in g.source
    assert "np.add.at" not in g.source
    g = grad(lambda x: np.sum(np.diff(x) * ROW[1]))
    g(ROW + 0.01)
    assert "dx[:-1] -= " in g.source
    g(np.ones(20_000))
    assert "-np.diff(np.pad(" in g.source


def test_ties_and_signed_zeros():
    x = np.array([1.0, 0.0, -0.0, 1.0])
    value, d = value_and_grad(lambda x: np.sum(np.sort(x) * np.array([1.0, 2.0, 3.0, 4.0])))(x)
    assert value == 7.0
    assert sorted(d) == [1.0, 2.0, 3.0, 4.0]
    assert d[[1, 2]].sum() == 3.0


def test_nan_is_last():
    x = np.array([np.nan, 1.0, 0.5])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.sort(x)[:2] * np.array([1.0, 2.0])))(x), [0.0, 2.0, 1.0])


def test_distinct_elements_may_change_in_number():
    g = grad(lambda x: np.sum(np.unique(x) ** 2))
    np.testing.assert_array_equal(g(np.array([1.0, 2.0, 3.0])), [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(g(np.array([2.0, 1.0, 2.0])), [4.0, 2.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.complex128])
def test_dtypes(dtype):
    x = X.astype(dtype)
    _value, d = value_and_grad(lambda x: np.real(np.sum(np.sort(x) * W.astype(dtype))))(x)
    assert d.dtype == dtype
    expected = np.zeros_like(x)
    np.put_along_axis(expected, np.argsort(x), W.astype(dtype), 1)
    np.testing.assert_array_equal(d, expected)


def test_refused():
    with pytest.raises(ValueError, match="fields"):
        grad(lambda x: np.sum(np.sort(x, order="a")))(X)
    with pytest.raises(ValueError, match="out of bounds"):
        grad(lambda x: np.sum(np.partition(x, 7)))(X)
    with pytest.raises(ValueError, match="All-NaN"):
        grad(lambda x: x[np.nanargmax(x * np.nan)])(ROW)


@pytest.mark.parametrize(("n", "axis"), [(1, 0), (1, -1), (2, 0), (2, 1), (3, 1)])
def test_tangents_of_differences_are_differences(n, axis):
    x, v = np.random.default_rng(0).normal(size=(2, 5, 4))

    def energy(x):
        return np.sum(np.diff(x, n=n, axis=axis) ** 3)

    np.testing.assert_allclose(
        jvp(lambda x: np.diff(x, n=n, axis=axis), (x,), (v,))[1], np.diff(v, n=n, axis=axis), rtol=1e-12
    )
    product = hvp(energy)
    slope = (grad(energy)(x + 1e-6 * v) - grad(energy)(x - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(product(x, v), slope, rtol=1e-6, atol=1e-7)
    text = product.source.split("# tangents")[1]
    assert text.count("np.diff(v" if n > 1 else "1:] - v[") == 1, text  # of few elements parts are subtracted
    assert text.count("np.zeros") == (n == 1), "the padding of the pass in between is left"
    pytest.importorskip("scipy")
    assert sparse_hessian(energy).pattern(x).nnz == np.count_nonzero(sparse_hessian(energy)(x).toarray())
