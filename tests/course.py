"""What the tests of the course share: a gradient is checked for its value, its shapes and against differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tapeless import value_and_grad

RNG = np.random.default_rng(7)
A, B = np.array([[0.5, -1.5, 2.0], [1.2, 0.7, -0.4]]), np.array([[1.5, 2.5, -0.5], [0.8, -1.1, 1.9]])
G = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 4.0]])  # a cotangent of both signs
P = np.abs(A)


def close(got: Any, want: Any) -> None:
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def numeric(f: Callable[..., Any], args: tuple[Any, ...], k: int) -> Any:
    """Central differences with respect to argument k."""
    x = np.asarray(args[k], dtype=float)
    result = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = x.copy()
            moved[i] += step
            ends.append(f(*args[:k], moved if moved.ndim else float(moved), *args[k + 1 :]))
        result[i] = (ends[0] - ends[1]) / 2e-5
    return result


def agrees(f: Callable[..., Any], *args: Any, argnums: tuple[int, ...] | None = None) -> tuple[tuple[Any, ...], str]:
    """The gradients and the source, after checking the value, the shapes and the numbers by differences."""
    chosen = tuple(range(len(args))) if argnums is None else argnums
    g = value_and_grad(f, argnums=chosen)
    value, gradients = g(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12)
    for k, gradient in zip(chosen, gradients, strict=True):
        assert np.shape(gradient) == np.shape(args[k])
        np.testing.assert_allclose(gradient, numeric(f, args, k), rtol=2e-6, atol=1e-7)
    return gradients, g.source


def backward_of(source: str) -> str:
    return source.split("# backward\n")[1]


def array(*shape: int) -> Any:
    """Numbers away from 0 and from each other, so that no kink is near."""
    size = math.prod(shape)
    values = (np.arange(size) - size / 2 + 0.3) / max(size, 1) * 3
    return RNG.permutation(values).reshape(shape)
