"""Statistics, quantiles, histograms and interpolation, against plain NumPy and central differences."""

import numpy as np
import pytest
from oracle import right

from tapeless import grad, value_and_grad

X = np.array([[0.31, -1.24, 2.13], [1.72, 0.45, -0.66]])
W = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 3.0]])
NAN = np.array([[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]])
KNOTS = np.array([-2.03, -0.57, 0.64, 1.51, 3.02])
TABLE = np.array([[1.0, 2.0], [3.0, 4.0]])
POINTS = np.array([0.1, 0.4, 0.35])

FUNCTIONS = {
    "var mean=": lambda x: np.sum(np.var(x, axis=1, mean=x[:, :1], correction=1) ** 2),
    "std ddof": lambda x: np.sum(np.std(x, axis=0, ddof=1, keepdims=True) ** 2),
    "nanmean": lambda x: np.sum(np.nanmean(x + NAN, axis=1) ** 3),
    "nanvar": lambda x: np.sum(np.nanvar(x + NAN, axis=1, ddof=1) ** 2),
    "nanstd": lambda x: np.nanstd(x + NAN) ** 3 + np.sum(np.nanstd(x + NAN, axis=1, keepdims=True)),
    "nansum": lambda x: np.sum(np.nansum(x + NAN, axis=0) ** 3),
    "nanprod": lambda x: np.sum(np.nanprod(x + NAN, axis=0) ** 3),
    "nanmax": lambda x: np.sum(np.nanmax(x + NAN, axis=1) ** 3) + np.nanmin(x + NAN) ** 2,
    "nancumsum": lambda x: np.sum(np.nancumsum(x + NAN, axis=0) ** 3) + np.sum(np.nancumprod(x + NAN) ** 2),
    "median": lambda x: np.median(x) ** 3,
    "median axis": lambda x: np.sum(np.median(x, axis=1) ** 3) + np.sum(np.median(x, axis=0, keepdims=True) ** 2),
    "nanmedian": lambda x: np.sum(np.nanmedian(x + NAN, axis=1) ** 3),
    "quantile": lambda x: np.sum(np.quantile(x, 0.3, axis=1) ** 3),
    "quantiles": lambda x: np.sum(np.quantile(x, [0.3, 0.9], axis=0, keepdims=True) ** 3),
    "percentile": lambda x: np.sum(np.percentile(x, np.array([[30], [50]]), axis=(0, 1)) ** 3),
    "nanquantile": lambda x: np.sum(np.nanquantile(x + NAN, [0.2, 0.7], axis=1) ** 3),
    "nanpercentile": lambda x: np.sum(np.nanpercentile(x + NAN, 20, axis=0, method="hazen") ** 3),
    "weighted quantile": lambda x: np.sum(np.quantile(x, 0.4, axis=1, method="inverted_cdf", weights=W[0]) ** 3),
    "average": lambda x: np.average(x) ** 3 + np.sum(np.average(x, axis=1, weights=W[0]) ** 2),
    "average by x": lambda x: np.average(W, weights=x**2) ** 3,
    "average returned": lambda x: np.sum(np.average(x, axis=1, weights=x**2, returned=True)[1] ** 2),
    "average keepdims": lambda x: np.sum(np.average(x, axis=0, weights=x[:, 0] ** 2, keepdims=True) ** 2),
    "cov": lambda x: np.sum(np.cov(x) * TABLE) + np.cov(x[0]) ** 2,
    "cov columns": lambda x: np.sum(np.cov(x, rowvar=False, ddof=0) ** 2),
    "cov of two": lambda x: np.sum(np.cov(x[0], x[1] ** 2, bias=True) * TABLE),
    "cov weights": lambda x: np.sum(np.cov(x, aweights=W[0] * x[0] ** 2, fweights=[1, 2, 3]) ** 2),
    "corrcoef": lambda x: np.sum(np.corrcoef(np.vstack([x, W[:1]])) * np.arange(9.0).reshape(3, 3)),
    "interp": lambda x: np.sum(np.interp(x, KNOTS, KNOTS**2) ** 2),
    "interp table": lambda x: np.sum(np.interp(KNOTS * 0.73, np.sort(x[0]), x[1]) ** 2),
    "interp ends": lambda x: np.sum(np.interp(KNOTS, np.sort(x[0]), x[1], left=0.2, right=x[0, 0]) ** 2),
    "interp period": lambda x: np.sum(np.interp(x, KNOTS, KNOTS**2, period=1.913) ** 2),
    "bincount": lambda x: np.sum(np.bincount([0, 2, 0], weights=x[0]) ** 2),
    "bincount minlength": lambda x: np.sum(np.bincount([0, 2, 0], x[0], minlength=5) ** 2),
    "histogram": lambda x: np.sum(np.histogram(W, bins=3, weights=x)[0] ** 2),
    "histogram density": lambda x: np.sum(np.histogram(W, [0.2, 1, 3], weights=x**2, density=True)[0] ** 2),
    "histogram counts": lambda x: np.sum(np.histogram(x, bins=3, range=(-3, 3))[0] * x[0]),
    "histogram auto": lambda x: np.histogram(W * x[0, 0], bins="sturges")[0][0] * x[0, 0],
    "histogram2d": lambda x: np.sum(np.histogram2d(POINTS, POINTS**2, bins=2, weights=x[0])[0] ** 2),
    "histogramdd": lambda x: np.sum(
        np.histogramdd([POINTS, -POINTS], [[0, 0.2, 1.0], 3], weights=x[0] ** 2, density=True)[0] ** 2
    ),
    "convolve": lambda x: np.sum(np.convolve(x[0], x[1], mode="same") ** 2),
    "correlate": lambda x: np.sum(np.correlate(x[0], x[1], "full") ** 2),
    "gradient": lambda x: np.sum(np.gradient(x, 0.5, axis=1) ** 2) + np.trapezoid(x, axis=1)[0] ** 2,
}
METHODS = [
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen"),
    *("weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right(name):
    right(FUNCTIONS[name], X)


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantiles(method):
    row = np.array([0.3, -1.2, 2.1, 1.7, 0.4, -0.9])
    right(lambda x: np.sum(np.quantile(x, [0.0, 0.05, 0.25, 0.62, 1.0], method=method) ** 2), row)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("q", [0.3, [0.3, 0.8], np.float64(0.3), np.float32(0.3)])
def test_dtype_of_quantiles(dtype, q):
    x = X.astype(dtype)
    (_, value), d = value_and_grad(lambda x: (np.sum(np.quantile(x, q)), np.quantile(x, q)), has_aux=True)(x)
    expected = np.quantile(x, q)
    assert np.asarray(value).dtype == expected.dtype
    assert d.dtype == dtype
    np.testing.assert_allclose(value, expected, rtol=2 * float(np.finfo(expected.dtype).eps))


def test_missing_numbers_get_no_cotangent():
    x = X + NAN
    for f in (np.nansum, np.nanmean, np.nanstd, np.nanmedian, np.nanmax, np.nanprod):
        d = grad(lambda x: np.sum(f(x, axis=1)))(x)  # noqa: B023
        assert np.isfinite(d).all(), f.__name__
        assert d[0, 1] == 0, f.__name__


def test_nan_decides_a_quantile():
    value = value_and_grad(lambda x: np.median(x))(X + NAN)[0]
    assert np.isnan(value)


def test_kinks():
    flat = np.array([[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(grad(lambda x: np.nanstd(x))(flat), np.zeros((1, 3)))
    np.testing.assert_array_equal(grad(lambda x: np.std(x, where=flat > 0))(flat), np.zeros((1, 3)))
    np.testing.assert_array_equal(grad(lambda x: np.nanmax(x))(flat), np.full((1, 3), 1 / 3))


def test_weight_on_an_edge_counts_once():
    places, edges = np.array([0.0, 1.0, 2.0, 2.5, -0.1]), np.array([0.0, 1.0, 2.0])
    g = value_and_grad(lambda w: np.sum(np.histogram(places, edges, weights=w)[0] * np.array([1.0, 10.0])))
    value, d = g(np.ones(5))
    np.testing.assert_array_equal(d, [1.0, 10.0, 10.0, 0.0, 0.0])
    assert value == 21.0


def test_guarded_length_of_bincount():
    g = grad(lambda x, i: np.sum(np.bincount(i, weights=x) ** 2))
    np.testing.assert_array_equal(g(np.ones(2), np.array([0, 1])), [2.0, 2.0])
    np.testing.assert_array_equal(g(np.ones(2), np.array([3, 3])), [4.0, 4.0])


def test_source():
    g = grad(lambda x: np.sum(np.median(x, axis=1)))
    g(X)
    assert "dx[np.arange(2), np.argsort(x)[:, 1]] = " in g.source
    g = grad(lambda x: np.sum(np.cov(x) * TABLE))
    g(X)
    assert g.source.count(".dot(") == 2


def test_refused():
    with pytest.raises(NotImplementedError, match="edges of the bins move"):
        grad(lambda x: np.sum(np.histogram(x, 4)[1]))(X)
    with pytest.raises(NotImplementedError, match="traced q"):
        grad(lambda x: np.quantile(X, x[0, 0] ** 2))(X)
    with pytest.raises(NotImplementedError, match="averaged_inverted_cdf"):
        grad(lambda x: np.nanquantile(x, 0.3, method="averaged_inverted_cdf"))(X)
    with pytest.raises(TypeError, match="Axis must be specified"):
        grad(lambda x: np.average(x, weights=W[0]))(X)
