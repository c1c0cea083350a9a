"""Sums of products in the backward pass are contractions, of any shapes and dtypes; the numbers stay those of NumPy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import check_grads, grad, hessian, value_and_grad

rng = np.random.default_rng(0)


def backward_of(gradient: Any) -> str:
    lines = str(gradient.source.partition("# backward")[2]).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("#"))


def rows(x: Any, s: Any) -> Any:
    return np.sum(np.sin(x * s[:, None]) ** 2)


def columns(x: Any, s: Any) -> Any:
    return np.sum(np.tanh(x * s))


def whole(x: Any, s: Any) -> Any:
    return np.sum(np.exp(-x * s))


def planes(x: Any, s: Any) -> Any:
    return np.sum(np.cos(x * s[:, None]))


def shifted(x: Any, s: Any) -> Any:
    return np.sum(np.tanh(x + s))


CASES: list[tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...], str]] = [
    (rows, (100, 40), (100,), "np.vecdot"),
    (rows, (600, 3), (600,), "np.einsum('ij,ij->i'"),
    (rows, (3, 4), (3,), "np.vecdot"),
    (columns, (100, 40), (40,), "np.einsum('ij,ij->j'"),
    (columns, (5, 2), (2,), ".sum(axis=0)"),
    (whole, (100, 40), (), "np.vdot"),
    (whole, (7,), (), ".dot("),
    (planes, (20, 30, 9), (30,), "np.einsum('ijk,ijk->j'"),
    (shifted, (2000, 3), (3,), "np.einsum('ij->j', "),
    (shifted, (2000, 30), (30,), ".sum(axis=0)"),
    (rows, (0, 4), (0,), "np.vecdot"),
    (columns, (0, 4), (4,), ".sum(axis=0)"),
    (whole, (0, 4), (), "np.vdot"),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("function", "shape", "factor", "text"), CASES)
def test_the_products_are_not_made(
    function: Callable[..., Any], shape: tuple[int, ...], factor: tuple[int, ...], text: str, dtype: str
) -> None:
    x, s = rng.normal(size=shape).astype(dtype), np.asarray(rng.normal(size=factor)).astype(dtype)[()]
    gradient = value_and_grad(function, argnums=(0, 1))
    value, (dx, ds) = gradient(x, s)
    assert value == function(x, s)
    assert dx.shape == shape
    assert np.shape(ds) == factor
    assert dx.dtype == ds.dtype == np.dtype(dtype)
    assert text in backward_of(gradient)
    expected = grad(function, argnums=(0, 1))(x.astype("f8")[..., None][..., 0], np.asarray(s, "f8")[()])
    step = 1e-6
    for i in range(min(s.size, 3)):
        moved = np.zeros(s.shape)
        moved.flat[i] = step
        slope = (function(x.astype("f8"), s + moved) - function(x.astype("f8"), s - moved)) / (2 * step)
        np.testing.assert_allclose(np.ravel(ds)[i], slope, rtol=1e-3 if dtype == "f4" else 1e-6, atol=1e-4)
    np.testing.assert_allclose(dx, expected[0], rtol=1e-4, atol=1e-5)


def test_half_precision_and_mixed_dtypes_are_added_up_as_before() -> None:
    x, s = rng.normal(size=(100, 40)).astype("f2"), rng.normal(size=40).astype("f2")
    gradient = grad(columns, argnums=1)
    assert gradient(x, s).dtype == np.float16
    assert "* x).sum(axis=0)" in backward_of(gradient)
    mixed = grad(columns, argnums=1)
    assert mixed(x.astype("f4"), s.astype("f8")).dtype == np.float64


def test_complex_products_are_not_conjugated() -> None:
    def modulus(z: Any, s: Any) -> Any:
        return np.sum(np.abs(np.sin(z * s)) ** 2)

    z = rng.normal(size=(60, 30)) + 1j * rng.normal(size=(60, 30))
    check_grads(modulus, (z, rng.normal(size=30) + 0.5j), order=1)
    check_grads(modulus, (z, 0.3 + 0.2j), order=1)


def test_what_is_read_elsewhere_is_added_up_as_it_is() -> None:
    def function(x: Any, w: Any) -> Any:
        return np.sum(np.exp(x) * w)

    gradient = grad(function, argnums=(0, 1))
    x, w = rng.normal(size=(50, 40)), rng.normal(size=(50, 40))
    dx, dw = gradient(x, w)
    np.testing.assert_allclose(dx, np.exp(x) * w)
    np.testing.assert_allclose(dw, np.exp(x))


def test_nan_and_inf_go_through() -> None:
    x = np.array([[1.0, np.inf], [np.nan, 2.0], [0.5, 0.25]])
    with np.errstate(invalid="ignore"):
        found = grad(columns, argnums=1)(x, np.array([1.0, 0.0]))
        expected = np.sum((1 - np.tanh(x * [1.0, 0.0]) ** 2) * x, axis=0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def pairs(x: Any, y: Any) -> Any:
    return np.sum(np.log1p((x[:, None, :] * y[None]) ** 2) * x[:, None, :])


def test_sums_over_pairs() -> None:
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(25, 4))
    check_grads(pairs, (x, y), order=1)
    small = rng.normal(size=(2, 2)), rng.normal(size=(3, 2))
    check_grads(pairs, small, order=2)
    np.testing.assert_allclose(hessian(whole, argnums=1)(x, 0.3), np.sum(x**2 * np.exp(-x * 0.3)))


def test_scores_of_attention_are_multiplied_once() -> None:
    """softmax: p * (g - sum(g * p)), and the scale stands at the smaller product."""

    def attention(q: Any, k: Any, v: Any) -> Any:
        scores = q @ k.T / 8.0
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = weights / weights.sum(axis=1, keepdims=True)
        return np.sum((weights @ v) ** 3)

    arguments = tuple(rng.normal(size=(3, 120, 7)))
    gradient = grad(attention, argnums=(0, 1, 2))
    gradient(*arguments)
    text = backward_of(gradient)
    assert "np.vecdot(" in text
    assert re.search(r"= weights \* \(dweights - ", text)
    assert not re.search(r"dscores / 8\b(?! )", text)
    check_grads(attention, arguments, order=1)


def test_rows_are_added_up_before_they_are_multiplied() -> None:
    def moved(m: Any, x: Any, w: Any) -> Any:
        return np.sum(((x - m[:, None]) @ w) ** 2)

    m, x, w = rng.normal(size=(3, 4)), rng.normal(size=(50, 4)), rng.normal(size=(3, 4, 4))
    gradient = grad(moved)
    gradient(m, x, w)
    assert "((x - m[:, None]) @ w).sum(axis=1" in backward_of(gradient)
    check_grads(moved, (m, x, w), order=2)


def test_the_moments_of_batch_norm_are_computed_once() -> None:
    def norm(x: Any, gamma: Any, beta: Any) -> Any:
        mu = x.mean(axis=0)
        xc = x - mu
        var = np.mean(xc**2, axis=0)
        x_norm = xc / np.sqrt(var + 1e-5)
        return np.sum(np.tanh(gamma * x_norm + beta))

    arguments = rng.normal(size=(20, 6)), rng.normal(size=6), rng.normal(size=6)
    gradient = grad(norm, argnums=(0, 1, 2))
    gradient(*arguments)
    assert backward_of(gradient).count("sum(") == 2  # dbeta and dgamma
    check_grads(norm, arguments, order=2)


def test_one_number_for_a_cotangent() -> None:
    """A coefficient in the numerator meets the one in front of it."""

    def width(s: Any, x: Any) -> Any:
        return np.sum(np.exp(-0.5 * x**2 / s**2))

    gradient = grad(width)
    np.testing.assert_allclose(gradient(2.0, 3.0), 9 / 8 * np.exp(-9 / 8))
    assert "0.5" not in backward_of(gradient)


def test_the_users_own_sums_are_numpys_unless_they_are_large() -> None:
    def squares(x: Any, y: Any) -> Any:
        return np.sum(np.sum(np.sin(x * y) ** 2, axis=1))

    small, large = rng.normal(size=(40, 30)), rng.normal(size=(20000, 10))
    gradient = value_and_grad(squares)
    assert gradient(small, 0.5)[0] == squares(small, 0.5)
    assert "np.sum(sin" in gradient.source or "np.sum(np.sin" in gradient.source
    np.testing.assert_allclose(gradient(large, 0.5)[0], squares(large, 0.5), rtol=1e-13)
    plain = value_and_grad(squares, optimize="readable")
    assert plain(large, 0.5)[0] == squares(large, 0.5)


def test_the_number_that_a_branch_was_taken_by_is_numpys() -> None:
    def branching(x: Any) -> Any:
        energy = np.sum(x * x, axis=1)
        if energy[0] == np.sum(LARGE * LARGE, axis=1)[0]:
            return np.sum(energy)
        return np.sum(x)

    gradient = value_and_grad(branching)
    value, dx = gradient(LARGE)
    assert value == pytest.approx(np.sum(LARGE**2))
    np.testing.assert_allclose(dx, 2 * LARGE)
    gradient(LARGE)


LARGE = rng.normal(size=(20000, 10))
