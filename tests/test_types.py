"""Dtypes, Python numbers and kinks: what NumPy returns, and a gradient of the argument's own dtype."""

import numpy as np
import pytest
from oracle import right

from tapeless import TracingError, check_grads, grad, value_and_grad


def backward(f, *args):
    """The lines of the backward pass, without the comments."""
    lines = grad(f).lower(*args).source.split("# backward")[1].splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("#"))


FLOATS = [np.float64, np.float32, np.float16]
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5, np.float16: 1e-2}

MIXED = {
    "a wider scalar": lambda x: np.sum(x * np.float64(2.0)),
    "a narrower scalar": lambda x: np.sum(x * np.float16(2.0)),
    "a Python number": lambda x: np.sum(2 * x + 0.5),
    "a wider array": lambda x: np.sum(x * np.arange(1.0, 4.0)),
    "an integer array": lambda x: np.sum(x * np.arange(3)),
    "a small integer": lambda x: np.sum(x * np.int8(3) + np.int64(2)),
    "a cast": lambda x: np.sum(x.astype(np.float32) ** 2),
    "a mean": lambda x: np.mean(x * x),
    "a wider element": lambda x: np.sum(x * x[0].astype(np.float64)),
    "a scalar of the argument": lambda x: x[1] * 2 + np.float32(1),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("f", MIXED.values(), ids=MIXED.keys())
def test_mixed_dtypes(f, dtype):
    x = np.array([0.5, 1.5, 2.0], dtype)
    value, d = value_and_grad(f)(x)
    expected = f(x)
    assert value == expected
    assert value.dtype == expected.dtype
    assert d.dtype == dtype
    exact = grad(f)(x.astype(float))
    np.testing.assert_allclose(d.astype(float), exact, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", FLOATS)
def test_scalars_of_numpy(dtype):
    f = lambda x: np.sin(x) * np.arange(3).sum() + np.float64(2) * x  # noqa: E731
    value, d = value_and_grad(f)(dtype(1.5))
    assert value.dtype == f(dtype(1.5)).dtype
    assert type(d) is dtype
    np.testing.assert_allclose(float(d), 3 * np.cos(1.5) + 2, rtol=TOLERANCE[dtype])


# ---------------------------------------------------------------------------------------------------- Python numbers

SLOPES = {
    "a root": (lambda x: x**0.5, np.inf),
    "a third root": (lambda x: 2 * x ** (1 / 3), np.inf),
    "a root that was not chosen": (lambda x: np.where(x > 0, x**0.5, 3 * x), 3.0),
    "a logarithm": (lambda x: np.log(x), np.inf),
    "a finite slope": (lambda x: x**1.5 + x, 1.0),
    "a product": (lambda x: x * np.log1p(x) + x**0, 0.0),
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", SLOPES)
def test_slopes_of_python_numbers_at_zero(name):
    """Python divides no number by zero; a slope is infinite all the same."""
    f, slope = SLOPES[name]
    for g in (grad(f), lambda x: value_and_grad(f)(x)[1]):
        d = g(0.0)
        assert d == slope
        assert type(d) is float


def test_only_a_slope_that_may_be_infinite_is_divided_by_numpy():
    assert "np." not in backward(lambda x, y: x**3 + x / y + 2**x, 1.0, 2.0)


def test_a_power_that_is_complex_is_refused():
    g = grad(lambda x: x ** (1 / 3))
    np.testing.assert_allclose(g(8.0), 1 / 12)
    for f in (g, grad(lambda x: x ** (1 / 3))):
        with pytest.raises(TracingError, match="complex number"):
            f(-8.0)
    assert grad(lambda x, p: x**p)(-8.0, 2.0) == -16.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: divmod(x, 2.0)[1] ** 2 + divmod(7.5, x)[1],
        lambda x: pow(x, 2) + abs(-x) + (+x) - (-x) // 1,
        lambda x: (x * x + 4) ** 0.5 + (2 * x**2 + x * x / 3) ** 0.5,
        lambda x: x * (x > 1) + x * int(x > 0) + (x > 0) * 2,
        lambda x: np.rint(x) * x + np.floor(x) * np.ceil(x),
    ],
)
def test_python_numbers(f):
    right(f, 1.3)
    right(lambda x: np.sum(f(x)), np.array(2.3))


@pytest.mark.parametrize("x", [0.7, -0.7, 1.4, -2.1])
def test_the_slope_of_a_remainder_is_the_quotient_that_was_taken(x):
    assert grad(lambda x: 7.0 % x)(x) == -(7.0 // x)


# ------------------------------------------------------------------------------------------------------------- kinks

LENGTHS = {
    "one square": lambda x: np.sqrt(x**2).sum(),
    "two squares": lambda x: np.sqrt(x[0] ** 2 + x[1] ** 2),
    "weights": lambda x: np.sqrt(2 * x[0] * x[0] + np.square(x[1]) / 3),
    "a power": lambda x: np.dot(x, x) ** 0.5 + (x**2).sum() ** 0.5,
    "rows": lambda x: np.sqrt((x[:, None] ** 2).sum(axis=1)).sum(),
    "differences": lambda x: np.sqrt((x[:, None] - 2 * x[None]) ** 2).sum(),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_root_of_a_sum_of_squares_is_a_length(name):
    np.testing.assert_array_equal(grad(LENGTHS[name])(np.zeros(2)), [0, 0])
    right(LENGTHS[name], np.array([0.3, -0.4]))


def test_a_root_that_is_no_length_stays_as_it_is():
    assert "where" not in backward(lambda x: np.sqrt(x**2 + 1e-5).sum(), np.ones(2))


def test_log_of_nothing_has_no_share():
    f = lambda x: np.logaddexp(x[0] - np.inf, x[1] - np.inf) + np.logaddexp(x[0], x[1])  # noqa: E731
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(grad(lambda x: np.exp(f(x)) + x.sum())(np.zeros(2)), [1, 1])


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))).sum()


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_what_was_not_chosen_has_no_slope_though_it_is_used_twice():
    np.testing.assert_allclose(grad(sigmoid)(np.array([1000.0, -1000.0, 0.5])), [0, 0, 0.2350037122], atol=1e-12)
    check_grads(sigmoid, (np.array([0.3, -0.4, 2.0]),))
