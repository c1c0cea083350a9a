"""What a person leaves out of a gradient by hand, the generated one leaves out as well; the numbers stay right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import grad, hessian

rng = np.random.default_rng(0)
Z = rng.normal(size=(3, 4))
ROWS = rng.normal(size=3)


def backward_of(gradient: Any) -> str:
    return str(gradient.source.partition("# backward")[2])


def kept(z: Any, c: Any) -> Any:
    m = z.max(axis=1, keepdims=True)
    return np.sum(c[:, None] * (np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m))


def squeezed(z: Any, c: Any) -> Any:
    m = z.max(axis=1, keepdims=True)
    return np.sum(c * (np.log(np.sum(np.exp(z - m), axis=1)) + np.squeeze(m, axis=1)))


def expanded(z: Any, c: Any) -> Any:
    m = np.max(z, axis=1)
    return np.sum(c * (m + np.log(np.exp(z - m[:, None]).sum(axis=1))))


def leading(z: Any, c: Any) -> Any:
    z = z.T
    m = z.max(axis=0)
    return np.sum(c * (m + np.log(np.exp(z - m).sum(axis=0))))


def one_shift(z: Any, c: Any) -> Any:
    m = z.max()
    return np.sum(c * (m + np.log(np.exp(z - m).sum(axis=1))))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("function", [kept, squeezed, expanded, leading, one_shift])
def test_the_shift_of_a_log_sum_exp_gets_no_cotangent(function: Callable[..., Any], dtype: str) -> None:
    z, c = Z.astype(dtype), ROWS.astype(dtype)
    gradient = grad(function)
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    found = gradient(z, c)
    assert found.dtype == z.dtype
    np.testing.assert_allclose(found, ROWS[:, None] * p, rtol=1e-12 if dtype == "f8" else 1e-5)
    assert "==" not in gradient.source  # no look for the places of the maximum
    tied = gradient(np.zeros_like(z), c)
    np.testing.assert_allclose(tied, np.broadcast_to(c[:, None] / 4, (3, 4)), rtol=1e-6)
    curvature = np.einsum("i,ik,ijl->ijkl", ROWS, np.eye(3), p[:, :, None] * np.eye(4) - p[:, :, None] * p[:, None])
    np.testing.assert_allclose(hessian(function)(Z, ROWS), curvature, atol=1e-12)


def other_sign(z: Any) -> Any:
    m = z.max(axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) - m)


def other_axis(z: Any) -> Any:
    m = z.max(axis=1)
    return np.sum(m + np.log(np.exp(z - m).sum(axis=1)))


def other_place(z: Any) -> Any:
    m = z.max(axis=1, keepdims=True)
    return np.sum(np.arange(9.0).reshape(3, 3) * (np.log(np.sum(np.exp(z - m), axis=1)) + m))


@pytest.mark.parametrize("function", [other_sign, other_axis, other_place])
def test_another_shift_keeps_its_cotangent(function: Callable[..., Any]) -> None:
    z, step = Z[:, :3], 1e-6
    found = grad(function)(z)
    for place in np.ndindex(z.shape):
        move = np.zeros_like(z)
        move[place] = step
        assert found[place] == pytest.approx((function(z + move) - function(z - move)) / (2 * step), abs=1e-7)


def test_both_branches_of_a_choice_need_no_mask() -> None:
    def loss(x: Any) -> Any:
        t = np.exp(-x)
        return np.sum(np.log(np.where(x > 0, 1 - t / 2, t)))

    gradient = grad(loss)
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(gradient(x), [-1, -1, np.exp(-2) / 2 / (1 - np.exp(-2) / 2)], rtol=1e-14)
    assert "logical_not" not in gradient.source
    assert "|" not in gradient.source


def test_the_mask_of_a_bound_is_read_from_the_result() -> None:
    def bounded(x: Any, b: Any) -> Any:
        return np.sum(np.maximum(x * b, 0.5) ** 2) + np.sum(np.minimum(x * b, 2) ** 2)

    gradient = grad(bounded)
    x = np.array([0.1, 0.5, 1.0, 2.0, 3.0, np.nan])
    np.testing.assert_array_equal(gradient(x, np.ones(6)), [0.2, 1.0, 4.0, 4.0, 6.0, 0.0])
    assert "maximum > 0.5" in gradient.source


def test_products_with_zeros_are_left_out() -> None:
    def recurrent(w: Any, f: Any, x: Any) -> Any:
        h = np.zeros((2, 3))
        for k in range(2):
            h = f[k] * np.tanh(h @ w + x[k]) + f[k] * h
        return np.sum(h**2)

    gradient = grad(recurrent, (0, 1))
    w, f, x = rng.normal(size=(3, 3)), rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 2, 3))
    dw, df = gradient(w, f, x)
    for argument, found in ((w, dw), (f, df)):
        for place in np.ndindex(argument.shape):
            before = argument[place]
            argument[place] = before + 1e-6
            above = recurrent(w, f, x)
            argument[place] = before - 1e-6
            assert found[place] == pytest.approx((above - recurrent(w, f, x)) / 2e-6, abs=1e-6)
            argument[place] = before
    assert " 0 *" not in backward_of(gradient)
    assert backward_of(gradient).count(".T.dot(") == 1  # of two rounds the first one starts with zeros


def test_what_is_computed_already_is_used() -> None:
    def loss(x: Any, y: Any) -> Any:
        tail = x * np.exp(-0.5 * y * y)
        return np.sum(tail * tail)

    gradient = grad(loss, 1)
    x, y = rng.normal(size=4), rng.normal(size=4)
    np.testing.assert_allclose(gradient(x, y), -2 * y * x**2 * np.exp(-y * y), rtol=1e-13)
    assert "dy = -dtail * tail * y" in backward_of(gradient)


@pytest.mark.parametrize("score", [lambda x, w: -(x @ w), lambda x, w: -x @ w, lambda x, w: -1 * (x @ w)])
@pytest.mark.parametrize("p_of", [lambda t: 1 / (1 + np.exp(t)), lambda t: 1.0 / (np.exp(t) + 1.0)])
def test_the_logistic_function_however_its_sign_is_written(score: Any, p_of: Any) -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        p = p_of(score(x, w))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    x, y, w = rng.normal(size=(9, 3)), (rng.normal(size=9) > 0) * 1.0, rng.normal(size=3)
    gradient = grad(loss)
    np.testing.assert_allclose(gradient(w, x, y), x.T @ (1 / (1 + np.exp(-(x @ w))) - y) / 9, rtol=1e-12)
    assert "np.log" not in gradient.source  # neither is needed, nor a division by p (1 - p)
    for word in (" / p", "difference"):
        assert word not in backward_of(gradient), gradient.source
    with np.errstate(over="ignore"):  # exp of the score is inf
        steep = grad(lambda x: np.sum(p_of(score(x, np.ones(1)))))(np.array([[-800.0]]))
    np.testing.assert_array_equal(steep, [[0.0]])
