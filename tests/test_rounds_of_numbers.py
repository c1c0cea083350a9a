"""Numbers in loops of equal rounds: each has NumPy's type, and 0, 0.0 and -0.0 are three numbers."""

import numpy as np
import pytest

from tapeless import value_and_grad


def wide_beside_narrow(x):
    total = np.float64(0.0)
    for _ in range(8):
        total = total + np.sum(x) * 0.1
        x = np.sin(x)
    return total


def wide_complex_beside_narrow(x):
    total = np.complex128(0.0)
    for _ in range(8):
        total = total + np.sum(x) * 0.1j
        x = np.sin(x)
    return np.imag(total)


def whole_and_float_steps(x):
    kept = np.ones(3, np.float32)
    for t in range(10):
        x = np.sin(x) * (t + 1)
        kept = kept * float(t + 1) + x
    return np.sum(kept)


def divides_by_what_it_began_with(x):
    total, last = np.float64(1.0), np.float64(0.0)
    for _ in range(9):
        total = total * 0.5 + np.sum(x) * np.arctan(1.0 / last)
        last = last + np.sum(x)
    return total


@pytest.mark.parametrize("optimize", ["fast", "readable"])
@pytest.mark.parametrize(
    "f", [wide_beside_narrow, wide_complex_beside_narrow, whole_and_float_steps, divides_by_what_it_began_with]
)
def test_types_and_digits(f, optimize):
    x = np.array([0.3, -0.4, 0.9], np.float32)
    gradient = value_and_grad(f, optimize=optimize)
    with np.errstate(divide="ignore"):
        wanted = f(x)
        value, slope = gradient(x)
    assert "for " in gradient.source
    assert np.asarray(value).dtype == wanted.dtype
    assert np.asarray(value).tobytes() == wanted.tobytes()
    assert slope.dtype == np.float32


ZEROS = {
    "pad": lambda x, zero: np.pad(x, 1, constant_values=zero),
    "nan_to_num": lambda x, zero: np.nan_to_num(x * np.nan, nan=zero),
    "full": lambda x, zero: np.full(3, zero) * x[0],
}


@pytest.mark.parametrize("name", ZEROS)
def test_zeros_of_both_signs(name):
    def f(x):
        return np.sum(np.arctan2(ZEROS[name](x, 0.0), -1.0)) + 2.0 * np.sum(np.arctan2(ZEROS[name](x, -0.0), -1.0))

    x = np.array([0.3, 0.4, 0.5])
    assert value_and_grad(f)(x)[0] == f(x)


def test_a_sum_of_numbers_that_cancel():
    """0.1 * 12.0 - 0.1 * 12.0 of the backward pass is a float, as both products are."""

    def f(a, q, xs):
        values = []
        for t in range(24):
            b = 0.1 * (-1) ** t
            values.append(np.array([q[1] * b, xs[t] - a]))
        return sum(np.sum(v) for v in values)

    arguments = np.array(0.5), np.array([0.3, 0.4]), np.arange(24.0)
    value, (da, dq, dxs) = value_and_grad(f, (0, 1, 2))(*arguments)
    assert value == f(*arguments)
    np.testing.assert_allclose(da, -24.0)
    np.testing.assert_allclose(dq, [0.0, 0.0], atol=1e-14)
    np.testing.assert_array_equal(dxs, np.ones(24))


def test_rounds_with_zeros_of_other_signs():
    def f(x):
        total = 0.0
        for t in range(20):
            x = np.sin(x)
            total = total * 0.5 + np.sum(np.arctan2(np.pad(x, 1, constant_values=0.0 if t > 9 else -0.0), -1.0))
        return total

    x = np.array([0.3, 0.4, 0.5])
    assert value_and_grad(f)(x)[0] == f(x)
