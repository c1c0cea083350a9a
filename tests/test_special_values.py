"""Special values: every ufunc gives NumPy's own bits for nan, infinities, zeros of both signs, the ends of the range;
and a table of what the derivative is there. Stable forms are right far out."""

import warnings

import numpy as np
import pytest

from tapeless import grad, nn, vjp
from tapeless.ir.op import BY_CALLABLE

INF, NAN = np.inf, np.nan
SPECIAL = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 5e-324, 1.7e308, -1.7e308])
UFUNCS = sorted(
    {
        f.__name__: f
        for f in vars(np).values()
        if isinstance(f, np.ufunc) and f in BY_CALLABLE and f.nout == 1 and f.signature is None
    }.items()
)
REAL = [(name, f) for name, f in UFUNCS if "d->" in " ".join(f.types) or "dd->" in " ".join(f.types)]


def quietly(f, *args):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args)


@pytest.mark.parametrize(("name", "ufunc"), REAL)
@pytest.mark.parametrize("shape", ["values", "empty", "number"])
def test_values_have_numpys_bits(name, ufunc, shape):
    operands = [SPECIAL] if ufunc.nin == 1 else list(np.meshgrid(SPECIAL, SPECIAL))
    if shape == "empty":
        operands = [a[:0] for a in operands]
    if shape == "number":
        operands = [a.ravel()[4] for a in operands]
    if ufunc.nin == 2 and "dd->" not in " ".join(ufunc.types):
        pytest.skip(f"{name} takes no two floats")
    value = quietly(lambda: vjp(lambda *xs: ufunc(*xs), *operands)[0])
    wanted = quietly(ufunc, *operands)
    np.testing.assert_array_equal(value, wanted)
    assert np.asarray(value).dtype == wanted.dtype
    if wanted.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(value), np.signbit(wanted))


# From x to the derivative there; nan at nan for all of them.
SLOPES = {
    np.exp: {INF: INF, -INF: 0, 0.0: 1, -1000.0: 0},
    np.expm1: {INF: INF, -INF: 0, 0.0: 1},
    np.exp2: {-INF: 0, 0.0: np.log(2)},
    np.log: {INF: 0, 0.0: INF, 1.0: 1},
    np.log1p: {INF: 0, -1.0: INF, 0.0: 1, 1e-300: 1},
    np.log2: {0.0: INF, 1.0: 1 / np.log(2)},
    np.log10: {0.0: INF, 1.0: 1 / np.log(10)},
    np.sqrt: {INF: 0, 0.0: INF, 4.0: 0.25},
    np.cbrt: {INF: 0, 0.0: INF, 8.0: 1 / 12},
    np.square: {INF: INF, -INF: -INF, 0.0: 0},
    np.reciprocal: {INF: 0, -INF: 0, 0.0: -INF},
    np.tanh: {INF: 0, -INF: 0, 0.0: 1, 1000.0: 0},
    np.arctan: {INF: 0, -INF: 0, 0.0: 1},
    np.arcsinh: {INF: 0, 0.0: 1},
    np.arccosh: {1.0: INF, INF: 0},
    np.arctanh: {1.0: INF, -1.0: INF, 0.0: 1},
    np.arcsin: {1.0: INF, -1.0: INF, 0.0: 1},
    np.arccos: {1.0: -INF, -1.0: -INF, 0.0: -1},
    np.absolute: {INF: 1, -INF: -1, 0.0: 0},
    np.sign: {INF: 0, 0.0: 0},
    np.floor: {INF: 0, 0.5: 0},
    np.negative: {INF: -1},
    np.sin: {0.0: 1},
    np.cos: {0.0: 0},
}


@pytest.mark.parametrize("ufunc", SLOPES, ids=lambda f: f.__name__)
def test_slopes_at_special_values(ufunc):
    points = SLOPES[ufunc]
    x = np.array(list(points))
    found = quietly(grad(lambda x: np.sum(ufunc(x))), x)
    np.testing.assert_allclose(found, list(points.values()), rtol=1e-15)


@pytest.mark.parametrize(
    "ufunc", [f for f in SLOPES if f not in (np.sign, np.floor, np.negative)], ids=lambda f: f.__name__
)
def test_nan_stays_nan(ufunc):
    value = quietly(grad(lambda x: np.sum(ufunc(x))), np.array([NAN]))
    assert np.isnan(value).all()


def logsumexp(x):
    m = x.max()
    return m + np.log(np.sum(np.exp(x - m)))


STABLE = {
    "sigmoid": (lambda x: np.sum(nn.sigmoid(x)), [1e3, -1e3, INF, -INF], [0, 0, 0, 0]),
    "sigmoid by a choice": (
        lambda x: np.sum(np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))),
        [1e3, -1e3, 0.0],
        [0, 0, 0.25],
    ),
    "softplus": (lambda x: np.sum(nn.softplus(x)), [1e3, -1e3, INF, -INF, 0.0], [1, 0, 1, 0, 0.5]),
    "log(1 + exp)": (lambda x: np.sum(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)), [1e3, -1e3], [1, 0]),
    "logsumexp": (logsumexp, [1e3, -1e3, 1e3], [0.5, 0, 0.5]),
    "logaddexp": (lambda x: np.logaddexp(x[0], x[1]), [1e3, -1e3], [1, 0]),
    "logaddexp of nothing": (lambda x: np.logaddexp(x[0], x[1]), [-INF, -INF], [0, 0]),
    "logaddexp with nothing": (lambda x: np.logaddexp(x[0], x[1]), [-INF, 3.0], [0, 1]),
    "softmax": (lambda x: nn.softmax(x)[0], [1e3, -1e3, 0.0], [0, 0, 0]),
    "softmax of a mask": (lambda x: nn.softmax(x)[0], [0.0, -INF, 0.0], [0.25, 0, -0.25]),
    "log_softmax": (lambda x: nn.log_softmax(x)[0], [1e3, -1e3, 0.0], [0, 0, 0]),
    "cross_entropy": (lambda x: nn.cross_entropy(x, 1), [1e3, -1e3, 0.0], [1, -1, 0]),
    "with logits": (lambda x: nn.binary_cross_entropy_with_logits(x, 1.0), [-1e3], [-1]),
    "tanh": (lambda x: np.sum(np.tanh(x)), [1e3, -1e3], [0, 0]),
    "expm1": (lambda x: np.sum(np.expm1(x) / x), [1e-12], [0.5]),
    "norm": (lambda x: np.linalg.norm(x), [0.0, 0.0], [0, 0]),
    "hypot": (lambda x: np.hypot(x[0], x[1]), [0.0, 0.0], [0, 0]),
}


@pytest.mark.parametrize("name", STABLE)
def test_stable_forms(name):
    f, x, wanted = STABLE[name]
    tolerance = 1e-3 if name == "expm1" else 1e-12  # a difference of two close numbers, by what the user wrote
    np.testing.assert_allclose(quietly(grad(f), np.array(x)), wanted, rtol=tolerance, atol=tolerance)
