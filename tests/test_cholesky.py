"""Log-likelihoods by a Cholesky factor: the adjoint knows what solved systems and the diagonal leave of the factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import check_grads, grad, value_and_grad

rng = np.random.default_rng(0)


def kernel(length: Any, x: Any) -> Any:
    return np.exp(-0.5 * np.sum((x[:, None] - x) ** 2, axis=2) / length**2) + 0.1 * np.eye(len(x))


def by_products(length: Any, x: Any) -> Any:
    z = x / length
    squares = np.sum(z**2, axis=1)
    return np.exp(-0.5 * (squares[:, None] + squares - 2 * z @ z.T)) + 0.1 * np.eye(len(x))


def likelihood(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, x))
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


def expanded(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(by_products(length, x))
    white = np.linalg.solve(factor, y)
    return np.sum(white**2) + 2 * np.log(factor.diagonal()).sum()


def two_systems(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, x))
    alpha = np.linalg.solve(factor.T, np.linalg.solve(factor, y))
    return length * (y @ alpha) + np.sum(np.log(np.diag(factor)) * np.sin(y))


def several_outputs(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, x))
    white = np.linalg.solve(factor, np.stack([y, y**2], axis=1))
    return length**2 * np.sum(white**2) / 3 - np.log(np.diagonal(factor)).sum() / 2


def also_read(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, x))
    return np.sum(np.tanh(factor @ y)) + np.linalg.solve(factor, y) @ np.sin(y) + np.prod(np.diag(factor)) ** 0.01


def unsymmetric(length: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, x) + 0.001 * np.outer(y, x[:, 0]))
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


FUNCTIONS = [likelihood, expanded, two_systems, several_outputs, also_read, unsymmetric]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("n", [1, 5, 70])
def test_gradients(function: Callable[..., Any], n: int) -> None:
    x, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    check_grads(function, (1.3, x, y), order=2 if n < 10 else 1)


def by_hand(length: Any, x: Any, y: Any) -> Any:
    k = kernel(length, x)
    inverse = np.linalg.inv(k)
    slope = 0.5 * (inverse - np.outer(inverse @ y, inverse @ y)) * (k - 0.1 * np.eye(len(x)))
    return np.sum(slope * np.sum((x[:, None] - x) ** 2, axis=2)) / length**3


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [6, 64, 65, 150])
def test_a_likelihood_needs_one_inverse_and_its_square(n: int, dtype: str) -> None:
    length, x, y = np.dtype(dtype).type(0.8), rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=n).astype(dtype)
    gradient = value_and_grad(likelihood)
    value, found = gradient(length, x, y)
    assert value == likelihood(length, x, y)
    assert found.dtype == np.dtype(dtype)
    expected = by_hand(0.8, x.astype(float), y.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-10 if dtype == "f8" else 2e-3)
    _, lines = gradient.source.split("# backward")
    backward = "\n".join(line for line in lines.splitlines() if not line.strip().startswith("#"))
    assert "tril" not in backward
    assert "solve" not in backward
    assert ("inverse_of_lower(" in backward) == (n > 64)


def test_the_gradient_of_a_matrix_stands_where_it_is_read() -> None:
    """Nothing is known of a matrix that is an argument: NumPy reads its lower triangle."""

    def density(k: Any, y: Any) -> Any:
        factor = np.linalg.cholesky(k)
        white = np.linalg.solve(factor, y)
        return white @ white / 2 + np.sum(np.log(np.diag(factor)))

    k, y = kernel(1.0, rng.normal(size=(80, 2))), rng.normal(size=80)
    found = grad(density)(k, y)
    inverse = np.linalg.inv(k)
    whole = 0.5 * (inverse - np.outer(inverse @ y, inverse @ y))
    np.testing.assert_allclose(found, np.tril(whole) + np.triu(whole, 1).T, atol=1e-9)


def test_a_stack_and_an_upper_factor() -> None:
    def stacked(k: Any, y: Any) -> Any:
        factor = np.linalg.cholesky(k @ k.swapaxes(1, 2) + np.eye(3))
        return np.sum(np.linalg.solve(factor, y[..., None]) ** 2) + np.log(np.diagonal(factor, axis1=1, axis2=2)).sum()

    def upper(k: Any, y: Any) -> Any:
        factor = np.linalg.cholesky(k @ k.T + np.eye(3), upper=True)
        return np.linalg.solve(factor.T, y) @ y + np.log(np.diag(factor)).sum()

    check_grads(stacked, (rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3))), order=2)
    check_grads(upper, (rng.normal(size=(3, 3)), rng.normal(size=3)), order=2)


def test_a_factor_that_is_no_number_gives_no_number() -> None:
    length, x, y = 1.0, rng.normal(size=(70, 2)), rng.normal(size=70)
    y[3] = np.nan
    assert np.isnan(grad(likelihood)(length, x, y))


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (65, 65), (200, 200), (3, 131, 131), (0, 0)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_the_inverse_in_halves(shape: tuple[int, ...], dtype: str) -> None:
    from tapeless.ir.kernels import inverse_of_lower

    lower = np.tril(rng.normal(size=shape) + (shape[-1] ** 0.5 * 4) * np.eye(shape[-1])).astype(dtype)
    inverse = inverse_of_lower(lower)
    assert inverse.dtype == lower.dtype
    np.testing.assert_allclose(inverse @ lower, np.broadcast_to(np.eye(shape[-1]), shape), atol=1e-4)
    assert not np.triu(inverse, 1).any()


def test_a_factor_that_is_read_many_times() -> None:
    def many(length: Any, x: Any, y: Any) -> Any:
        factor = np.linalg.cholesky(kernel(length, x))
        total = np.sum(np.log(np.diag(factor)))
        for shift in range(150):
            white = np.linalg.solve(factor, y + 0.01 * shift)
            total = total + white @ white
        return total

    check_grads(many, (0.9, rng.normal(size=(4, 2)), rng.normal(size=4)), order=1)
