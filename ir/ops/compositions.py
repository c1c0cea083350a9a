"""NumPy functions that are not primitives: what each one is, in terms of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import Value
from ..types import normalize_axes
from .elementwise import absolute, maximum, minimum, multiply, sqrt, square, where
from .indexing import arange
from .reduction import Axis, max_, mean, min_, reduced_size, sum_
from .shape import expand_dims

COMPOSITIONS: dict[Any, Callable[..., Any]] = {}


def composition(*keys: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a composition for NumPy callables; positional arguments are traced, keywords are static."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for key in keys:
            if key in COMPOSITIONS:
                raise ValueError(f"{key} has a composition already")
            COMPOSITIONS[key] = function
        return function

    return enter


@composition(np.var)
def var(a: Value, *, axis: Axis | None = None, keepdims: bool = False, ddof: int | float = 0) -> Value:
    centred = a - mean(a, axis=axis, keepdims=True)
    squares = square(absolute(centred)) if a.dtype.kind == "c" else square(centred)
    if ddof == 0:
        return mean(squares, axis=axis, keepdims=keepdims)
    return sum_(squares, axis=axis, keepdims=keepdims) / (reduced_size(a, axis) - ddof)


@composition(np.std)
def std(a: Value, *, axis: Axis | None = None, keepdims: bool = False, ddof: int | float = 0) -> Value:
    return sqrt(var(a, axis=axis, keepdims=keepdims, ddof=ddof))


@composition(np.ptp)
def ptp(a: Value, *, axis: Axis | None = None, keepdims: bool = False) -> Value:
    return max_(a, axis=axis, keepdims=keepdims) - min_(a, axis=axis, keepdims=keepdims)


@composition(np.clip)
def clip(a: Value, a_min: Value | None = None, a_max: Value | None = None) -> Value:
    below = a if a_min is None else maximum(a, a_min)
    return below if a_max is None else minimum(below, a_max)


@composition(np.inner)
def inner(a: Value, b: Value) -> Value:
    from .linear import tensordot

    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.ndim == b.ndim == 1:
        return a @ b
    return tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


@composition(np.dot)
def dot(a: Value, b: Value) -> Value:
    from .linear import tensordot

    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return a @ b
    return tensordot(a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


@composition(np.vdot)
def vdot(a: Value, b: Value) -> Value:
    from .elementwise import conjugate
    from .shape import reshape

    flat_a, flat_b = reshape(a, shape=(a.size,)), reshape(b, shape=(b.size,))
    return (conjugate(flat_a) if a.dtype.kind == "c" else flat_a) @ flat_b


@composition(np.trace)
def trace(a: Value) -> Value:
    from .linear import einsum

    if a.ndim != 2:
        raise ValueError("trace of an array with more than two dimensions is not supported yet; use np.einsum")
    n = min(a.shape)
    from .indexing import slice_along

    return einsum(slice_along(slice_along(a, 0, 0, n), 1, 0, n), subscripts="ii->")


@composition(np.linalg.norm)
def norm(x: Value, *, ord: Any = None, axis: Axis | None = None, keepdims: bool = False) -> Value:
    """Euclidean and Frobenius; 0 at the origin."""
    flat = ord is None or (ord == 2 and len(normalize_axes(axis, x.ndim)) == 1)
    if not flat and not (ord == "fro" and len(normalize_axes(axis, x.ndim)) == 2):
        raise NotImplementedError(f"np.linalg.norm with ord={ord!r} is not differentiated yet")
    if axis is None and x.dtype.kind == "f":  # as NumPy does it
        from .shape import reshape

        flat_x = reshape(x, shape=(x.size,)) if x.ndim != 1 else x
        length = sqrt(flat_x @ flat_x)
        return reshape(length, shape=(1,) * x.ndim) if keepdims else length
    squares = square(absolute(x)) if x.dtype.kind == "c" else multiply(x, x)
    return sqrt(sum_(squares, axis=axis, keepdims=keepdims))


def _triangle(m: Value, k: int, lower: bool) -> Value:
    """The elements of each matrix on and below (or above) the k-th diagonal, zeros elsewhere."""
    if m.ndim < 2:
        raise ValueError("a triangle needs at least two dimensions")
    rows = expand_dims(arange(m, m.shape[-2]), axis=(1,))
    columns = arange(m, m.shape[-1])
    edge = rows + k if k else rows
    inside = columns <= edge if lower else columns >= edge
    chosen: Value = where(inside, m, 0)
    return chosen


@composition(np.tril)
def tril(m: Value, *, k: int = 0) -> Value:
    return _triangle(m, k, lower=True)


@composition(np.triu)
def triu(m: Value, *, k: int = 0) -> Value:
    return _triangle(m, k, lower=False)
