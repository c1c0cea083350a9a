"""Elements chosen, replaced, compared and rounded: NumPy's values, and the slopes of the functions."""

import numpy as np
import pytest
from slopes import check, draw

from tapeless import grad, value_and_grad
from tapeless.ir.op import BY_CALLABLE, Nondifferentiable, Refused

X, CUBE, ROW, SQUARE = draw(3, 4), draw(2, 3, 4), draw(6), draw(3, 3)
A, B = np.arange(12.0).reshape(3, 4) / 5 + 0.3, np.arange(4.0) - 1.3
PLACES, MASK = np.array([[0, 2], [1, 1]]), A > 1.3


def after(write, start=lambda x: x * 2):
    """The array that is left when a function has written into it."""

    def f(x):
        y = start(x)
        write(y, x)
        return y

    return f


TAKEN = [
    (lambda x: np.take(x, PLACES), X),
    (lambda x: x.take([0, 2], axis=0), X),
    (lambda x: np.take(x, (0, 2), axis=1), X),
    (lambda x: np.take(x, [0, 9, -1], mode="wrap", axis=1), X),
    (lambda x: np.take(x, [0, 9, -1], mode="clip", axis=1), X),
    (lambda x: np.take(x, 7, mode="wrap", axis=1), X),
    (lambda x: np.take(x, [0, 1], axis=1, out=np.zeros((3, 2))) * 2, X),
    (lambda x: np.take(A, np.argmax(x, axis=1)) * x[:, 0], X),
    (lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), X),
    (lambda x: np.take_along_axis(x, np.array([3, 1]), axis=None), X),
    (after(lambda y, x: np.put_along_axis(y, np.argmax(x, axis=1)[:, None], 9.0, axis=1)), X),
    (after(lambda y, x: np.put_along_axis(y, PLACES.T, x[:2, :2], axis=0), lambda x: x[:, :2] * 3), X),
    (lambda x: np.compress([False, True, True], x), X),
    (lambda x: np.compress(x[0] > 0, x, axis=1), X),
    (lambda x: x.compress([1, 0, 1, 1], axis=1), X),
    (lambda x: np.extract(x > 0, A) * np.extract(x > 0, x), X),
    (lambda x: x[tuple(np.argwhere(x > 0)[0])], X),
    (lambda x: x.ravel()[np.flatnonzero(x > 0)], X),
    (lambda x: x[np.ix_([0, 2], x[0] > 0)], X),
    (lambda x: x[np.unravel_index(np.argmax(x), x.shape)], X),
    (lambda x: (*np.unravel_index(np.argmax(x, axis=0), (3, 5), order="F"), x), X),
    (lambda x: x.ravel()[np.ravel_multi_index((np.argmax(x, 0), [0, 1, 2, 3]), (3, 4))], X),
    (lambda x: (np.diagflat(x[:2], 1), np.diag(x, -2), np.diagonal(x, 1)), X),
    (lambda x: np.diagonal(x, 1, 1, 2), CUBE),
    (lambda x: (x[np.diag_indices_from(x)], x[np.tril_indices_from(x)], x[np.triu_indices_from(x, 1)]), SQUARE),
    (lambda x: (np.tril(x), np.triu(x[:3], -1)), ROW),
    (lambda x: np.meshgrid(x[0], x[:, 0], B, indexing="ij"), X),
    (lambda x: np.meshgrid(x[0], x[:, 0], sparse=True, copy=False), X),
    (after(lambda y, x: np.fill_diagonal(y, x[0, :2]), lambda x: x.T * 2), X),
    (after(lambda y, x: np.fill_diagonal(y, x[0], wrap=True), lambda x: np.ones((7, 2)) * x[0, 0]), X),
    (after(lambda y, x: np.fill_diagonal(y, [1.0, 2.0, 3.0]), lambda x: np.stack([x, x, x])), SQUARE),
]
CHOSEN = [
    (lambda x: np.choose([0, 1, 1, 0, 2, 1], [x, 2 * x, 1.5]), ROW),
    (lambda x: np.choose(np.array([0, 1, 5, -1, 2, 1]), [x, x * x, B[0]], mode="wrap"), ROW),
    (lambda x: np.choose(np.array([0, 1, 5, -1, 2, 1]), (x, x * x, B[0]), mode="clip"), ROW),
    (lambda x: np.choose([2, 1, 0, 0], x), X),
    (lambda x: np.array([0, 1, 1, 0]).choose([x[0], x[1]]), X),
    (lambda x: np.select([x > 1, x > 0], [x, x * x], default=3.0), X),
    (lambda x: np.select([x > 1, x > 0], [1.0, x * x]), X),
    (lambda x: np.select([MASK, A > 1], [x, 2], x[0]), X),
    (lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda t: t * t, lambda t: 3 * t]), X),
    (lambda x: np.piecewise(x, [x < 0], [lambda t, k: t * k, 7.0], 3), X),
    (lambda x: np.clip(x, -0.5, None), X),
    (lambda x: np.clip(x, None, 0.5), X),
    (lambda x: np.clip(x, a_min=-0.5, a_max=x[0] + 3), X),
    (lambda x: np.clip(x, None, None), X),
    (lambda x: (x.clip(0), x.clip(max=B), x.clip(-1, 1, out=np.zeros((3, 4)))), X),
    (lambda x: np.clip(B, x[:, :1], 9), X),
    (lambda x: np.nan_to_num(np.where(x > 0.5, np.nan, x), nan=2.0), X),
    (lambda x: np.nan_to_num(np.where(x > 0.5, np.inf, x), posinf=2.0, neginf=-1.0), X),
    (lambda x: np.nan_to_num(np.where(x > 0.5, np.nan, x), nan=x[0]), X),
    (lambda x: np.nan_to_num(np.where(x > 0.5, np.nan, x) + 1j * x), X),
    (after(lambda y, x: np.copyto(y, x[0], where=MASK)), X),
    (lambda x: np.real_if_close(x + 0j), X),
    (lambda x: np.real_if_close(x + 1e-3j), X),
    (lambda x: (np.angle(x + 1j * A), np.angle(x + 1j * A, deg=True)), X),
    (lambda x: (np.conj(x + 1j * A), np.real(1j * x), (x + 1j * A).conjugate().imag), X),
]
COMPARED = [
    lambda x: (np.isclose(x, A), np.isclose(x, x + 1e-9, rtol=1e-3, equal_nan=True), x),
    lambda x: x * np.allclose(x, A) + x * np.allclose(x, x),
    lambda x: x * np.array_equal(x, A) + x * np.array_equal(x, x, equal_nan=True) + x * np.array_equiv(x, x[0]),
    lambda x: (np.isnan(x), np.isposinf(x), np.isneginf(x), np.iscomplex(x), np.isreal(x + 0j), x),
    lambda x: (np.round(x) * x, np.around(x), x.round(0), np.fix(x) * x, np.rint(x), np.trunc(x) * x),
    lambda x: (np.unwrap(3 * x), np.unwrap(3 * x, axis=0, period=4.0), np.unwrap(3 * x, discont=4.0)),
    lambda x: (np.sinc(x), np.sinc(1e-6 * x), np.i0(x), np.i0(9 * x)),
    lambda x: (np.copysign(x, A - 1.5), np.copysign(A, x), np.heaviside(x, 0.5), np.heaviside(A - 0.3, x)),
    lambda x: (*np.modf(x), *np.frexp(x), *divmod(x, 0.7), np.ldexp(x, 3), np.logaddexp2(x, B)),
    lambda x: (np.deg2rad(x), np.radians(x), np.rad2deg(x), np.degrees(x), x),
    lambda x: (np.gcd(np.argmax(x, 0), 12), np.lcm(np.argmax(x), 4), x),
    lambda x: (np.tensordot(x, A, axes=([0, 1], [0, 1])), np.tensordot(x, B, axes=0), np.outer(x, B)),
]


@pytest.mark.parametrize(("f", "x"), TAKEN)
def test_taken(f, x):
    check(f, x)


@pytest.mark.parametrize(("f", "x"), CHOSEN)
def test_chosen(f, x):
    check(f, x)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
@pytest.mark.parametrize("f", COMPARED)
def test_compared_and_rounded(f):
    check(f, X)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.clip takes min= and max= since NumPy 2.1")
def test_clip_with_new_keywords():
    check(lambda x: (np.clip(x, max=0.5), np.clip(x, min=-0.5), np.clip(x, min=-0.5, max=x[0] + 3)), X)
    with pytest.raises(ValueError, match="min"):
        grad(lambda x: np.sum(np.clip(x, 0, 1, min=0)))(X)


def test_decimals():
    for decimals in (-1, 1, 2):
        (_, found), g = value_and_grad(
            lambda x, n=decimals: (np.sum(np.round(x, n) * x), np.round(x, n)), has_aux=True
        )(X)
        np.testing.assert_array_equal(found, np.round(X, decimals))
        np.testing.assert_array_equal(g, found)


def test_select_promotes_as_numpy_does():
    x = X.astype(np.float32)
    for f in (
        lambda x: np.select([x > 1, x > 0], [x, 1], 0),
        lambda x: np.select([x > 1, x > 0], [1, x], 0),
        lambda x: np.select([x > 1, x > 0], [x, 1.0], 2),
        lambda x: np.select([x > 1, x > 0], [x, A], 2),
        lambda x: np.choose([0, 1, 1, 0], [x[0], 1.5]),
        lambda x: np.nan_to_num(x, nan=1.0),
        lambda x: np.clip(x, np.float64(0), 1),
        lambda x: np.sinc(x),
        lambda x: np.i0(x),
        lambda x: np.modf(x)[0],
    ):
        (_, found), g = value_and_grad(lambda x, f=f: (np.sum(f(x)), f(x)), has_aux=True)(x)
        assert found.dtype == f(x).dtype
        np.testing.assert_array_equal(found, f(x))
        assert g.dtype == np.float32


def test_slopes_where_they_are_delicate():
    np.testing.assert_allclose(grad(lambda t: np.sinc(t))(1e-7), -(np.pi**2) / 3 * 1e-7, rtol=1e-6)
    assert grad(lambda t: np.sinc(t))(0.0) == 0
    np.testing.assert_allclose(grad(grad(lambda t: np.sinc(t)))(0.0), -(np.pi**2) / 3)
    assert grad(lambda t: np.i0(t))(0.0) == 0
    np.testing.assert_allclose(grad(grad(lambda t: np.i0(t)))(0.0), 0.5)
    logarithm = grad(lambda x: np.sum(np.nan_to_num(np.log(x))))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(logarithm(np.array([-1.0, 0.0, 2.0])), [0, 0, 0.5])
        g = grad(lambda x: np.sum(np.select([x > 0], [np.sqrt(x)], 0.0)))(np.array([-1.0, 4.0]))
    np.testing.assert_array_equal(g, [0, 0.25])


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.choose([0, 1, 3, 1], [x, A]), ValueError),
        (lambda x: np.choose([0], [x], mode="nope"), ValueError),
        (lambda x: np.select([x], [x]), TypeError),
        (lambda x: np.select([x > 0], []), ValueError),
        (lambda x: np.take(x, [1, 20]), IndexError),
        (lambda x: np.meshgrid(x[0], B, indexing="zz"), ValueError),
        (lambda x: np.piecewise(x, [x < 0], [1, 2, 3]), ValueError),
        (lambda x: np.compress([[1]], x), ValueError),
        (lambda x: np.diag_indices_from(x), ValueError),
        (lambda x: np.unravel_index(np.argmax(x), (2, 2)), ValueError),
    ],
)
def test_errors_are_numpys(f, error):
    x = np.abs(X) + np.arange(12.0).reshape(3, 4)
    with pytest.raises(error):
        f(x)
    with pytest.raises(error):
        value_and_grad(lambda x: np.sum(x) + np.sum(f(x)[0]))(x)


@pytest.mark.parametrize(
    ("f", "lines"),
    [
        (lambda x: np.select([x > 1, x > 0], [x, x * x], 3.0), ["np.where(mask, x, np.where(mask_1, x * x, 3.0))"]),
        (lambda x: np.nan_to_num(x), ["np.nan_to_num(x)", "np.isfinite(x)"]),
        (lambda x: np.choose([0, 1, 1, 0], [x, 2 * x]), ["np.choose(table, [x, 2 * x])"]),
        (lambda x: np.i0(x), ["np.i0(x)", "bessel_i1(x)"]),
    ],
)
def test_text(f, lines):
    g = value_and_grad(lambda x: np.sum(f(x)))
    g(X)
    for line in lines:
        assert line in g.source, g.source


def test_every_ufunc_is_answered_or_refused():
    """Each has a record with a slope, or is said to have none; the few others are refused by name."""
    refused = {"isnat", "nextafter", "spacing"}
    for name, ufunc in vars(np).items():
        if not isinstance(ufunc, np.ufunc) or name in refused or ufunc.nout == 2:
            continue
        op = BY_CALLABLE.get(ufunc)
        assert op is not None, name
        assert op.rule is not None, name
        assert not isinstance(op.rule, Refused), name
        integers = all(not set("fdg") & set(t.split("->")[0]) for t in ufunc.types)
        assert isinstance(op.rule, Nondifferentiable) or not integers, name
    for name in refused - {"isnat"}:
        f = getattr(np, name)
        with pytest.raises(NotImplementedError, match=name):
            grad(lambda x, f=f: np.sum(f(*[x] * f.nin)))(X)
