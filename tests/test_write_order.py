"""Writes in the text: under the user's names, without copies of what is about to be overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import grad
from tests.oracle import central

X = np.linspace(1.0, 2.0, 6)


def smooth(x: Any) -> Any:
    y = x.copy()
    y[1:-1] = 0.5 * (x[:-2] + x[2:])
    return np.sum(y**3)


def halves(x: Any) -> Any:
    out = np.zeros(6)
    out[:3] = x[:3]
    out[3:] = x[3:] ** 2
    return np.sum(np.sin(out))


def arrays(x: Any) -> Any:
    y = np.array(x)
    y[0] = 2
    z = np.copy(y)
    z[1] *= x[2]
    return np.sum(y * z)


def overlapping(x: Any) -> Any:
    out = x**2
    out[1:4] = 3 * x[2:5]
    out[2:6] = out[:4] * x[1:5]
    return np.sum(out**2)


def edges(x: Any) -> Any:
    for _ in range(12):
        before = x.copy()
        x = x.copy()
        x[1:-1] = before[1:-1] + 0.2 * (before[2:] - 2 * before[1:-1] + before[:-2])
        x[0] = x[1]
        x[-1] = 0
    return np.sum(x**2)


def rows(x: Any) -> Any:
    u = np.outer(x, x[:4])
    for _ in range(12):
        u[:, 0] = u[:, 1]
        u[-1, :] = u[0, :]
        u[2:4] = u[1:3] * 0.5
    return np.sum(u**3)


@pytest.mark.parametrize(
    ("function", "present", "absent"),
    [
        (smooth, ["y = x.copy()", "dtotal = 0.5 * dy[1:-1]\n    dy[1:-1] = 0\n"], ["x_1", "dy[1:-1].copy()"]),
        (halves, ["dx[3:] = 2", " * dout[3:] * part_x"], [".copy()", "= 0\n"]),
        (arrays, ["y = x.copy()", "z = y.copy()"], ["x_1["]),
        (overlapping, [], []),
        (edges, ["dx[1] += dx[0]\n        dx[0] = 0", "dx[:-2] += "], ["dx.copy()", "np.zeros"]),
        (
            rows,
            ["du[0, :] += du[-1, :]\n        du[-1, :] = 0", "du[:, 1] += du[:, 0]\n        du[:, 0] = 0"],
            ["du.copy()"],
        ),
    ],
)
def test_text_and_slope(function: Callable[..., Any], present: list[str], absent: list[str]) -> None:
    g = grad(function)
    kept = X.copy()
    np.testing.assert_allclose(g(X), central(function, [X]), rtol=1e-6)
    np.testing.assert_array_equal(X, kept)
    for line in present:
        assert line in g.source
    for line in absent:
        assert line not in g.source, g.source
