"""Systems of which more is known: triangular ones, those solved before, matrices that differ in their diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import check_grads, value_and_grad, vjp

rng = np.random.default_rng(0)
N = 380  # rows of a matrix of more than a megabyte
X, Y = rng.normal(size=(N, 3)), rng.normal(size=N)


def smooth(length: Any, x: Any) -> Any:
    squares = np.sum(x**2, axis=1)
    return np.exp(-(squares[:, None] - 2 * x @ x.T + squares) / length)


def kernel(length: Any, noise: Any, x: Any) -> Any:
    return smooth(length, x) + noise * np.eye(len(x))


def by_numpy(length: Any, noise: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, noise, x))
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


def by_row(length: Any, noise: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(smooth(length, x) + np.diag(noise * np.ones(len(x))))
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


def twice(length: Any, noise: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, noise, x))
    return 0.5 * y @ np.linalg.solve(factor.T, np.linalg.solve(factor, y)) + np.sum(np.log(np.diag(factor)))


def upper(length: Any, noise: Any, x: Any, y: Any) -> Any:
    factor = np.linalg.cholesky(kernel(length, noise, x), upper=True)
    white = np.linalg.solve(factor.T, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


def determinant(length: Any, noise: Any, x: Any, y: Any) -> Any:
    k = kernel(length, noise, x)
    return 0.5 * y @ np.linalg.solve(k, y) + 0.5 * np.linalg.slogdet(k)[1]


def inverse(length: Any, noise: Any, x: Any, y: Any) -> Any:
    k = smooth(length, x)
    k[np.diag_indices(len(x))] += noise
    return 0.5 * y @ np.linalg.inv(k) @ y + 0.5 * np.linalg.slogdet(k)[1]


def triangular(length: Any, noise: Any, x: Any, y: Any) -> Any:
    linalg = pytest.importorskip("scipy.linalg")
    factor = linalg.cholesky(kernel(length, noise, x), lower=True)
    white = linalg.solve_triangular(factor, y, lower=True)
    return 0.5 * y @ linalg.solve_triangular(factor.T, white) + np.sum(np.log(np.diag(factor)))


def positive(length: Any, noise: Any, x: Any, y: Any) -> Any:
    linalg = pytest.importorskip("scipy.linalg")
    k = kernel(length, noise, x)
    return 0.5 * y @ linalg.solve(k, y, assume_a="pos") + 0.5 * np.linalg.slogdet(k)[1]


def transposed(length: Any, noise: Any, x: Any, y: Any) -> Any:
    linalg = pytest.importorskip("scipy.linalg")
    factor = linalg.cholesky(kernel(length, noise, x))
    white = linalg.solve_triangular(factor, y, trans=1)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor)))


def factored(length: Any, noise: Any, x: Any, y: Any, lower: bool = True) -> Any:
    linalg = pytest.importorskip("scipy.linalg")
    c, low = linalg.cho_factor(kernel(length, noise, x), lower=lower)
    return 0.5 * y @ linalg.cho_solve((c, low), y) + np.sum(np.log(np.diag(c)))


def factored_above(length: Any, noise: Any, x: Any, y: Any) -> Any:
    return factored(length, noise, x, y, lower=False)


NUMPYS = [by_numpy, by_row, twice, upper, determinant, inverse]
WAYS = [*NUMPYS, positive, triangular, transposed, factored, factored_above]


def written(gradient: Any) -> str:
    """The lines of the source that are no comments."""
    return "\n".join(line for line in gradient.source.splitlines() if not line.strip().startswith("#"))


@pytest.mark.parametrize("function", WAYS)
@pytest.mark.parametrize("n", [1, 6, 70])
def test_one_likelihood_written_in_many_ways(function: Callable[..., Any], n: int) -> None:
    x, y = X[:n], Y[:n]
    value, found = value_and_grad(function, argnums=(0, 1, 3))(1.3, 0.2, x, y)
    if function in NUMPYS:
        assert value == function(1.3, 0.2, x, y)
    np.testing.assert_allclose(value, function(1.3, 0.2, x, y), rtol=1e-12)
    k = kernel(1.3, 0.2, x)
    alpha = np.linalg.solve(k, y)
    slope = 0.5 * (np.linalg.inv(k) - np.outer(alpha, alpha))
    by_hand = -np.sum(slope * smooth(1.3, x) * np.log(smooth(1.3, x))) / 1.3, np.trace(slope), alpha
    for one, other in zip(found, by_hand, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
    check_grads(function, (1.3, 0.2, x[:6], y[:6]), order=2)


@pytest.mark.parametrize("function", WAYS)
def test_large_matrices_are_factorized_once(function: Callable[..., Any]) -> None:
    fast, plain = (value_and_grad(function, argnums=(0, 1, 3), optimize=how) for how in ("fast", "readable"))
    value, found = fast(1.3, 0.2, X, Y)
    expected, slopes = plain(1.3, 0.2, X, Y)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for one, other in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
    text = written(fast)
    assert "np.eye" not in text, "the matrix of zeros is not made"
    assert "np.diag(" not in text
    assert text.count("linalg.solve(") == (1 if function is determinant else 0), text
    assert text.count("= inverse_of") + text.count("linalg.inv(") == 1, text
    assert "tril" not in text


def test_what_is_not_finite_on_the_diagonal() -> None:
    """inf * 0 beside the diagonal is nan, as in NumPy's product with the identity."""

    def determinant_of(noise: Any, k: Any) -> Any:
        return np.linalg.slogdet(np.exp(k) + noise * np.eye(N))[1]

    k = -np.abs(X[:, :1] - X[:, 0])
    for noise in (np.inf, np.nan, 0.3, 0.0):
        with np.errstate(all="ignore"):
            value, _ = value_and_grad(determinant_of)(noise, k)
            np.testing.assert_allclose(value, determinant_of(noise, k), rtol=1e-12)


def test_what_was_overwritten_on_the_diagonal_is_put_back() -> None:
    def both(noise: Any, x: Any) -> Any:
        k = np.exp(-np.abs(x[:, None] - x))
        factor = np.linalg.cholesky(k + noise * np.eye(N))
        return np.sum(np.log(np.diag(factor))) + np.sum(k * k * np.cos(k))

    g = value_and_grad(both, argnums=(0, 1))
    value, (dnoise, dx) = g(0.3, X[:, 0])
    expected, (one, other) = value_and_grad(both, argnums=(0, 1), optimize="readable")(0.3, X[:, 0])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(dnoise, one, rtol=1e-9)
    np.testing.assert_allclose(dx, other, rtol=1e-8, atol=1e-9)
    assert "add_to_diagonal(" in written(g)
    assert ".copy()" not in written(g)


def test_a_pullback_that_is_called_twice_finds_the_matrix_as_it_was() -> None:
    _, pullback = vjp(determinant, 1.3, 0.2, X, Y)
    first, second = pullback(1.0), pullback(2.0)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(2 * one, other, rtol=1e-10, atol=1e-12)


def test_a_number_that_python_asks_for_is_numpys() -> None:
    seen = []

    def guarded(length: Any, y: Any) -> Any:
        factor = np.linalg.cholesky(kernel(length, 0.2, X))
        white = np.linalg.solve(factor, y)
        total = white @ white
        if total > 1e9:
            total = total / 2
        seen.append(0)
        return total

    g = value_and_grad(guarded)
    assert g(1.3, Y)[0] == guarded(1.3, Y)
    assert "solve_lower" not in g.source
    g(1.3, Y)
    assert len(seen) == 2, "the guard held"


def test_products_with_outer_products_are_those_of_vectors() -> None:
    def quadratic(a: Any, y: Any) -> Any:
        return y @ np.linalg.inv(a) @ y

    a = np.diag(np.arange(1.0, 41)) + rng.normal(size=(40, 40)) / 20
    g = value_and_grad(quadratic)
    _, da = g(a, Y[:40])
    left, right = np.linalg.solve(a.T, Y[:40]), np.linalg.solve(a, Y[:40])
    np.testing.assert_allclose(da, -np.outer(left, right), rtol=1e-9)
    check_grads(quadratic, (a[:4, :4], Y[:4]), order=2)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize("columns", [(), (3,), (50,), (0,)])
@pytest.mark.parametrize("n", [0, 1, 32, 33, 100])
def test_substitution_in_blocks(n: int, columns: tuple[int, ...], dtype: str) -> None:
    from tapeless.ir.kernels import solve_lower, solve_upper

    a = (np.tril(rng.normal(size=(n, n))) + 4 * n**0.5 * np.eye(n)).astype(dtype)
    b = rng.normal(size=(n, *columns)).astype(dtype)
    for matrix, solve in ((a, solve_lower), (a.T, solve_upper)):
        x = solve(matrix, b)
        assert x.dtype == np.dtype(dtype)
        assert x.shape == b.shape
        np.testing.assert_allclose(matrix @ x, b, atol=1e-5 if dtype == "f4" else 1e-12)
