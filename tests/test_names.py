"""What the variables of the text are called: as the user calls them, however they came by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import value_and_grad

R = np.random.default_rng(0).normal


def attention(weights: Any, x: Any) -> Any:
    q, k, v = (x @ w for w in weights)
    return np.sum(np.tanh(q @ k.T) @ v)


def scales(theta: Any, x: Any) -> Any:
    length, signal = np.exp(theta)
    return np.sum(signal * np.exp(-x / length))


def columns(r: Any) -> Any:
    a, b = r.T
    return np.sum(a * np.sin(b) * b)


def rows(x: Any) -> Any:
    total = 0.0
    for row in x:
        total = total + np.tanh(row @ row) * np.sum(row)
    return total


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def layers(w: Any, x: Any) -> Any:
    return np.sum(relu(x @ w) ** 2)


@pytest.mark.parametrize(
    ("function", "args", "names"),
    [
        (attention, ([R(size=(3, 4))] * 3, R(size=(5, 3))), ["q = ", "k = ", "v = ", "dq = ", "dk = ", "dv = "]),
        (scales, (R(size=2), R(size=9)), ["length = ", "signal = ", "dlength = ", "dsignal = "]),
        (columns, (R(size=(7, 2)),), ["a = ", "b = ", "da = ", "db = "]),
        (rows, (R(size=(2, 3)),), ["row = x[0]", "row_1 = x[1]", "drow = "]),
        (layers, (R(size=(3, 4)), R(size=(5, 3))), ["maximum = "]),
    ],
)
def test_names(function: Callable[..., Any], args: tuple[Any, ...], names: list[str]) -> None:
    g = value_and_grad(function)
    assert g(*args)[0] == function(*args)
    for name in names:
        assert f"\n    {name}" in g.source, g.source
    assert "x_1" not in g.source  # a parameter of an inner function is called as its argument
