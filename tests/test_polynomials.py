"""np.polyval and its kin, and numpy.polynomial: NumPy's values, and the slopes of the functions."""

import numpy as np
import pytest
from numpy import polynomial as P
from numpy.polynomial import polynomial as PP
from slopes import check, draw

from tapeless import grad

X, A = draw(3, 4), np.arange(12.0).reshape(3, 4) / 5 + 0.3
B = np.arange(4.0) - 1.3

EVALUATED = [
    lambda x: np.polyval([1.0, 2.0, 3.0], x),
    lambda x: np.polyval(x[0], x),
    lambda x: np.polyval(x[0], 2.0),
    lambda x: np.polyval(x[:, :, None], x[0]),
    lambda x: np.polyval([x[0, 0], 2, x[1, 1]], 1.5),
    lambda x: np.polyval([3.0], x) + x,
    lambda x: np.poly1d([1.0, -2.0, 3.0])(x),
    lambda x: np.poly1d(x[0])(x[1]),
    lambda x: PP.polyval(x, [1.0, 2.0, 3.0]),
    lambda x: PP.polyval(2.0, x[0]),
    lambda x: PP.polyval(x[0], x),
    lambda x: PP.polyval(x, A, tensor=False),
    lambda x: PP.polyval2d(x[0], x[1], x),
    lambda x: PP.polyval3d(x[0], x[1], x[2], A[None]),
    lambda x: PP.polygrid2d(x[0], x[1, :2], A),
    lambda x: PP.polyvalfromroots(x, [1.0, 2.0]),
    lambda x: P.chebyshev.chebval(x, x[0]),
    lambda x: P.legendre.legval(B, x[0]),
    lambda x: P.legendre.legval2d(x[0], x[1], A),
    lambda x: P.hermite.hermval(x, [1.0, 2.0, 3.0]),
    lambda x: P.hermite_e.hermeval(x, x[0]),
    lambda x: P.laguerre.lagval(x, [1.0, 2.0, 3.0]),
    lambda x: P.Polynomial([1.0, 2.0, 3.0], domain=[0, 2])(x),
    lambda x: P.Chebyshev([1.0, 2.0, 3.0])(x),
    lambda x: P.Legendre([1.0, 2.0, 3.0]).deriv()(x),
]
MADE = [
    lambda x: np.poly(x[0]),
    lambda x: (np.polyadd(x[0], [1.0, 2.0]), np.polysub([1.0, 2.0, 3.0, 4.0, 5.0], x[0])),
    lambda x: (np.polymul(x[0], [1.0, 2.0]), np.polymul(x[0], x[1, :2])),
    lambda x: np.polydiv(x[0], [1.0, 2.0]),
    lambda x: np.polydiv([1.0, 2.0, 3.0], x[0, :2]),
    lambda x: (np.polyder(x[0]), np.polyder(x[0], 2), np.polyder(x[0], m=0)),
    lambda x: (np.polyint(x[0]), np.polyint(x[0], 2, k=[1.0, 2.0]), np.polyint(x[0], 1, k=x[0, 0])),
    lambda x: (np.vander(x[0]), np.vander(x[0], 3), np.vander(x[0], 6, increasing=True), np.vander(x[0], 1)),
    lambda x: (PP.polyvander(x[0], 3), PP.polyvander2d(x[0], x[1], [1, 2])),
    lambda x: (PP.polyder(x[0]), PP.polyint(x[0], 2), PP.polyint(x[0], k=[1.0], lbnd=0.5)),
    lambda x: (PP.polyadd(x[0], [1.0]), PP.polysub([1.0], x[0]), PP.polymul(x[0], x[1]), PP.polymulx(x[0])),
    lambda x: (*PP.polydiv(x[0], [1.0, 2.0]), PP.polypow(x[0, :2], 3), PP.polyfromroots(x[0])),
    lambda x: (P.chebyshev.chebder(x[0]), P.chebyshev.chebint(x[0]), P.chebyshev.chebmul(x[0], x[1])),
    lambda x: (P.chebyshev.chebvander(x[0], 3), P.legendre.legder(x[0]), P.laguerre.lagint(x[0])),
]
FITTED = [
    lambda x: np.polyfit(B, x[0], 1),
    lambda x: np.polyfit(x[0], B, 2),
    lambda x: np.polyfit([0.0, 1.0, 2.0], x, 1),
    lambda x: np.polyfit(B, x[0], 1, w=[1.0, 2.0, 1.0, 1.0]),
    lambda x: PP.polyfit(B, x[0], 2),
]


@pytest.mark.parametrize("f", EVALUATED)
def test_evaluated(f):
    check(f, X)


@pytest.mark.parametrize("f", MADE)
def test_made(f):
    check(f, X)


@pytest.mark.parametrize("f", FITTED)
def test_fitted(f):
    check(f, X, second=False)


def test_zeros_in_front_are_guarded():
    g = grad(lambda p: np.sum(np.polymul(p, [1.0, 2.0]) ** 2))
    for p in (np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 3.0]), np.array([0.0, 0.0, 3.0])):
        coefficients = np.trim_zeros(p, "f")
        product = np.polymul(p, [1.0, 2.0])
        expected = 2 * np.correlate(product, [1.0, 2.0], "valid")
        np.testing.assert_allclose(g(p), np.concatenate([np.zeros(p.size - coefficients.size), expected]))


def test_single_precision():
    x = X.astype(np.float32)
    for f in (
        lambda x: np.polyval(x[0], x),
        lambda x: np.vander(x[0], 3),
        lambda x: np.polyder(x[0]),
        lambda x: np.polyint(x[0]),
        lambda x: PP.polyval(x, x[0]),
    ):
        g = grad(lambda x, f=f: np.sum(f(x)))(x)
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, grad(lambda x, f=f: np.sum(f(x)))(x.astype(float)), rtol=2e-5, atol=1e-5)


def test_text():
    g = grad(lambda p, x: np.sum(np.polyval(p, x)), (0, 1))
    g(B, X[0])
    assert "np.vander(x, 4)" in g.source, g.source
    assert "np.polyval(p[:-1] * np.arange(3, 0, -1)" in g.source, g.source


def test_a_polynomial_of_traced_coefficients_is_refused_by_name():
    with pytest.raises(Exception, match=r"Polynomial\(\)"):
        grad(lambda c: P.Polynomial(c)(2.0))(B)
