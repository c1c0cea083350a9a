"""NumPy functions that are not primitives: what each one is, in terms of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import Value
from .elementwise import astype, maximum, minimum, where
from .indexing import arange
from .reduction import Axis, max_, min_
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


@composition(np.ptp)
def ptp(a: Value, *, axis: Axis | None = None, keepdims: bool = False) -> Value:
    return max_(a, axis=axis, keepdims=keepdims) - min_(a, axis=axis, keepdims=keepdims)


@composition(np.clip)
def clip(a: Value, a_min: Value | None = None, a_max: Value | None = None) -> Value:
    if any(bound is not None and not bound.type.weak for bound in (a_min, a_max)):
        a = _of_numpy(a)  # what is clipped decides the dtype as an array does
    below = a if a_min is None else maximum(a, a_min)
    return below if a_max is None else minimum(below, a_max)


def _of_numpy(x: Value) -> Value:
    """A Python number as products of arrays take it: as an array of its own dtype."""
    made: Value = astype(x, dtype=x.dtype) if x.type.weak else x
    return made


@composition(np.inner)
def inner(a: Value, b: Value) -> Value:
    from .linear import tensordot

    if a.ndim == 0 or b.ndim == 0:
        return _of_numpy(a) * _of_numpy(b)
    if a.ndim == b.ndim == 1:
        return a @ b
    return tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


@composition(np.dot)
def dot(a: Value, b: Value) -> Value:
    from .linear import tensordot

    if a.ndim == 0 or b.ndim == 0:
        return _of_numpy(a) * _of_numpy(b)
    if a.ndim <= 2 and b.ndim <= 2:
        return a @ b
    return tensordot(a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


@composition(np.vdot)
def vdot(a: Value, b: Value) -> Value:
    from .elementwise import conjugate
    from .shape import reshape

    flat_a, flat_b = reshape(a, shape=(a.size,)), reshape(b, shape=(b.size,))
    return (conjugate(flat_a) if a.dtype.kind == "c" else flat_a) @ flat_b


def _triangle(m: Value, k: int, lower: bool) -> Value:
    """The elements of each matrix on and below (or above) the k-th diagonal, zeros elsewhere."""
    if m.ndim < 1:
        raise ValueError("a triangle needs at least one dimension")
    rows = expand_dims(arange(m, m.shape[-2 if m.ndim > 1 else -1]), axis=(1,))
    columns = arange(m, m.shape[-1])
    edge = rows + k if k else rows
    inside = columns <= edge if lower else columns >= edge
    chosen: Value = where(inside, m, False if m.dtype.kind == "b" else 0)
    return chosen


@composition(np.tril)
def tril(m: Value, *, k: int = 0) -> Value:
    return _triangle(m, k, lower=True)


@composition(np.triu)
def triu(m: Value, *, k: int = 0) -> Value:
    return _triangle(m, k, lower=False)
