"""Cheaper arithmetic on large arrays: the same numbers but for the last digits, and the same at 0, inf and nan."""

import re
import warnings

import numpy as np
import pytest
import scipy.special

import tapeless.codegen.plan
import tapeless.ir.passes.blocks
from tapeless import value_and_grad


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """What is large, and what fits into a block, made small."""
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 16)
    monkeypatch.setattr(tapeless.codegen.plan, "LARGE", 16)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "BLOCK", 96)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "FEWEST", 1)


def cubes(x, w):
    return np.sum(x**3 * w - w**4 * x + (1 + x**2) ** -1.5 + (w * w) ** 2.5 + x**-2)


def gelu(x, w):
    return np.sum(w * 0.5 * x * (1 + np.tanh(0.8 * (x + 0.044715 * x**3))))


def softplus(x, w):
    return np.sum(w * np.logaddexp(0, x)) + np.logaddexp(x, 0.5).sum()


def leaky(x, w):
    return np.sum(w * np.where(x > 0, x, 0.25 * x))


def elu(x, w):
    return np.sum(w * np.where(x > 0, x, np.expm1(x)))


def relu(x, w):
    return np.sum(np.where(x > 0, x, 0) ** 2 * w)


def huber(x, w):
    a = np.abs(x - w)
    return np.sum(np.where(a <= 1, 0.5 * a**2, a - 0.5))


def tails(x, w):
    a = np.abs(x)
    t = 1 / (1 + 0.2 * a)
    tail = np.exp(-0.5 * a * a) * (t * (0.3 + t * (-0.4 + t * (1.8 + t * (-1.8 + t * 1.3)))))
    return np.sum(np.where(x > 0, 1 - tail, tail) * w)


def logarithms(x, w):
    return np.sum(np.log(np.abs(x) / (1 + w * w)) * w)


def row_norm(x, w):
    return np.sum(x / np.linalg.norm(x, axis=1, keepdims=True) * w)


def batch_norm(x, w):
    y = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * w[0] + w[1]
    return np.sum(np.maximum(y, 0) ** 2)


def batch_norm_by_sums(x, w):
    centred = x - np.sum(x, axis=0) / len(x)
    scale = 1 / (np.sum(centred * centred, axis=0) / len(x) + 1e-5) ** 0.5
    return np.sum(np.tanh(w[0] * (centred * scale) + w[1]))


def layer_norm(x, w):
    m, s = x.mean(axis=-1, keepdims=True), x.std(axis=-1, keepdims=True)
    return np.sum(np.tanh(w[0] * ((x - m) / (s + 1e-3)) + w[1]))


def cosines(x, w):
    xn, wn = (v / np.sqrt(np.sum(v * v, axis=1, keepdims=True)) for v in (x, w))
    return np.sum(1 - np.sum(xn * wn, axis=1))


def softmax(x, w):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.sum(e / e.sum(axis=1, keepdims=True) * w)


def logsumexp(x, w):
    return np.sum(scipy.special.logsumexp(x, axis=1) * w[:, 0]) + np.sum(scipy.special.logsumexp(x, axis=0) * w[0])


def scipy_softmax(x, w):
    logarithm = scipy.special.log_softmax(x * w[0], axis=-1)
    return np.sum(scipy.special.softmax(x, axis=1) * w) - np.sum(logarithm * w) + np.sum(np.exp(logarithm) ** 2)


def log_softmax(x, w):
    z = x - x.max(axis=1, keepdims=True)
    return -np.sum(w * (z - np.log(np.exp(z).sum(axis=1, keepdims=True))))


def logistic(x, w):
    p = 1 / (1 + np.exp(-(x @ w[0])))
    return -np.mean(w[1, 0] * np.log(p) + (1 - w[1, 0]) * np.log(1 - p)) + np.sum(w**2)


def least_squares(x, w):
    r = np.dot(x, w[0]) - x.dot(w[1]) ** 2
    return r @ r / len(x) + np.sum(r[:, None] * x * w[2])


FUNCTIONS = [
    cubes, gelu, softplus, leaky, elu, relu, huber, tails, logarithms, row_norm, batch_norm, batch_norm_by_sums,
    layer_norm, cosines, softmax, logsumexp, scipy_softmax, log_softmax,
    least_squares,
]  # fmt: skip
ELEMENTWISE = [cubes, gelu, softplus, leaky, elu, relu, huber, tails, logarithms]


def both(f, x, w):
    """The values and gradients that are fast, those that are readable, and the fast text."""
    fast = value_and_grad(f, argnums=(0, 1))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = fast(x, w)
        expected = value_and_grad(f, argnums=(0, 1), optimize="readable")(x, w)
    return (found[0], *found[1]), (expected[0], *expected[1]), fast.source


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("rows", [4, 7, 30])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_same_but_for_the_last_digits(f, rows, dtype):
    rng = np.random.default_rng(rows)
    x, w = rng.normal(size=(2, rows, 18)).astype(dtype)
    found, expected, source = both(f, x, w)
    assert "for start in" in source
    tolerance = 1e-11 if dtype == "f8" else 3e-4
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::-1, ::-1], lambda x: x.astype(">f8")])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_arrays_that_lie_otherwise_in_memory(f, layout):
    x, w = np.random.default_rng(1).normal(size=(2, 9, 18))
    found, expected, _ = both(f, layout(x), w)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11 * np.abs(other).max())


@pytest.mark.parametrize("f", ELEMENTWISE, ids=lambda f: f.__name__)
def test_zero_infinity_and_nan(f):
    """Each element has a gradient of its own, so that a nan stays where it is."""
    strange = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1e200, -1e200, 710.0, -710.0])
    x, w = (v.ravel() for v in np.meshgrid(strange, [1.0, -2.0, 0.5]))
    (value, dx, dw), (expected, dx_, dw_), _ = both(f, x, w)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(dx, dx_, rtol=1e-12, atol=1e-290)
    np.testing.assert_allclose(dw, dw_, rtol=1e-12, atol=1e-290)


@pytest.mark.parametrize(("number", "columns"), [(-np.inf, slice(None)), (-np.inf, 3), (np.inf, 3), (np.nan, 3)])
@pytest.mark.parametrize("f", [scipy.special.logsumexp, scipy.special.log_softmax, scipy.special.softmax])
def test_rows_that_are_infinite(f, number, columns):
    """Also no warning where SciPy gives none."""
    x = np.random.default_rng(0).normal(size=(9, 18))
    x[1, columns] = number
    weights = np.ones((9, 18))[(slice(None), 0) if f is scipy.special.logsumexp else ...]
    wanted = []
    for optimize in ("fast", "readable"):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            g = value_and_grad(lambda x, w: (np.sum(f(x, axis=1) * w), f(x, axis=1)), has_aux=True, optimize=optimize)
            (_, y), dx = g(x, weights)
        wanted.append((y, dx, "scipy" in g.source, {str(w.message) for w in found}))
    (y, dx, _, warned), (expected, expected_dx, _, usual) = wanted
    assert [kept for _, _, kept, _ in wanted] == [False, True]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-15)
    assert bool(warned) <= bool(usual)


@pytest.mark.parametrize("number", [-800.0, -720.0, 0.0, 800.0, 1e200])
def test_shares_whose_exponentials_are_too_large_or_too_small(number):
    """exp(z - log(sum(exp(z)))) with numbers that are not shifted is not exp(z) / sum(exp(z))."""
    x = np.random.default_rng(0).normal(size=(9, 18))
    x[1] = x[2, 3] = number

    def shares(x):
        return np.exp(x - np.log(np.sum(np.exp(x), axis=1, keepdims=True)))

    with np.errstate(all="ignore"):
        _, found = value_and_grad(lambda x: (np.sum(shares(x)), shares(x)), has_aux=True)(x)[0]
        np.testing.assert_allclose(found, shares(x), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_matrix_that_two_vectors_are_multiplied_by_is_read_once(dtype):
    """Once for both products, a block of it at a time."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(40, 6)).astype(dtype), rng.random((2, 6)).astype(dtype)
    found, expected, source = both(logistic, x, w)
    assert "@ x_block" in source
    assert "x_block @" in source
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-11 if dtype == "f8" else 1e-4)


def test_what_an_if_reads_is_the_very_number_of_numpy():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 50, 18))
    total = np.sum(np.where(x > 0, 1 - x**3, x**3) / np.sqrt(np.sum(w * w, axis=1, keepdims=True)))

    def exact(x, w):
        y = np.where(x > 0, 1 - x**3, x**3) / np.sqrt(np.sum(w * w, axis=1, keepdims=True))
        return np.sum(y * w) if np.sum(y) == total else np.sum(y)

    value, _ = value_and_grad(exact)(x, w)
    expected = np.where(x > 0, 1 - x**3, x**3) / np.sqrt(np.sum(w * w, axis=1, keepdims=True)) * w
    np.testing.assert_allclose(value, expected.sum(), rtol=1e-11)


def code(function):
    """The function's own lines, without those of comments."""
    body = function.source.rpartition('"""')[2]
    return "\n".join(line for line in body.splitlines() if not line.lstrip().startswith("#"))


@pytest.mark.parametrize(
    ("f", "there", "gone"),
    [
        (cubes, ["np.sqrt("], [" ** 3", " ** 4", "** -1.5", "** 2.5", "** -2"]),
        (softplus, ["np.log1p("], ["np.logaddexp("]),
        (leaky, [], ["np.where("]),
        (elu, ["chosen("], ["np.where("]),
        (relu, ["kept("], ["np.where("]),
        (tails, ["sign = 2.0 * mask"], ["np.where("]),
        (softmax, ["1.0 / "], ["exp /"]),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_what_is_written(f, there, gone):
    x, w = np.random.default_rng(1).normal(size=(2, 9, 18))
    fast = value_and_grad(f)
    fast(x, w)
    assert all(text in code(fast) for text in there), fast.source
    assert not any(text in code(fast) for text in gone), fast.source


def test_a_polynomial_and_its_slope_are_horners_scheme_together():
    def polynomial(t):
        return np.sum(t * (0.3 + t * (-0.4 + t * (1.8 + t * (-1.8 + t * 1.3)))))

    fast = value_and_grad(polynomial)
    t = np.linspace(-1, 1, 100)
    _, dt = fast(t)
    np.testing.assert_allclose(dt, 0.3 - 0.8 * t + 5.4 * t**2 - 7.2 * t**3 + 6.5 * t**4, rtol=1e-12)
    assert len(re.findall(r" \*=? ", code(fast))) <= 8, fast.source


def test_blocks_are_written_where_they_belong():
    """No array of a block is made but for what is needed at once."""

    def chain(x, w):
        return np.sum(np.tanh(np.exp(x * w) + 1))

    fast = value_and_grad(chain)
    x, w = np.random.default_rng(0).normal(size=(2, 40))
    _, dx = fast(x, w)
    np.testing.assert_allclose(dx, (1 - np.tanh(np.exp(x * w) + 1) ** 2) * np.exp(x * w) * w, rtol=1e-11, atol=1e-15)
    assert "out=dx[rows]" in fast.source
    assert "dx[rows] =" not in fast.source
