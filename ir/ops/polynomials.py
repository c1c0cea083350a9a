"""Polynomials with the highest power first: their adjoint is made of powers, np.vander."""

from __future__ import annotations

import numpy as np

from ..batching import Batch, insert_axes
from ..builder import Value
from ..indexing import Slice
from ..op import op
from ..types import ArrayType, broadcast_shapes, result_dtype
from .elementwise import astype
from .indexing import getitem
from .linear import matmul
from .reduction import sum_
from .shape import arange, reshape, transpose


def _powers(like: Value, n: int, increasing: bool = False) -> Value:
    """n, n - 1, ... 1, or upwards, in the dtype of a value."""
    start, stop, step = (1, n + 1, 1) if increasing else (n, 0, -1)
    numbers = like.builder.emit(arange, start=start, stop=stop, step=step)
    value: Value = astype(numbers, dtype=like.dtype)
    return value


def _polyval_batch(batch: Batch, p: Value, x: Value) -> Value:
    several, ndim = batch.types[0].ndim - 1, batch.types[1].ndim
    if batch.batched[0]:
        p = insert_axes(transpose(p, axes=(1, 0, *range(2, p.ndim))), 2, ndim - several)
    value: Value = polyval(p, batch.aligned(x, 1, several))
    return value


@op(np.polyval, batch=_polyval_batch)
def polyval(p: ArrayType, x: ArrayType) -> ArrayType:
    """The coefficients lie along the first axis of p; its others broadcast with x."""
    if not p.ndim or not p.shape[0]:
        raise ValueError("np.polyval needs a vector of coefficients")
    return ArrayType(broadcast_shapes(p.shape[1:], x.shape), result_dtype(p, x.strong()))


@polyval.vjp
def polyval_vjp(g: Value, y: Value, p: Value, x: Value) -> tuple[Value, Value | None]:
    n = p.shape[0]
    if p.ndim > 1:
        return _several_vjp(g, p, x)
    flat = x if x.ndim == 1 else reshape(astype(x, dtype=x.dtype) if x.type.weak else x, shape=(x.size,))
    across = g if g.ndim == 1 else reshape(g, shape=(g.size,))
    dp = matmul(across, vander(flat, N=n))
    if n == 1:
        return dp, None
    slope = getitem(p, index=(Slice(None, -1),)) * _powers(p, n - 1)
    return dp, g * polyval(slope, x)


def _several_vjp(g: Value, p: Value, x: Value) -> tuple[Value, Value | None]:
    """Of several polynomials: the cotangent times each power, the powers as the first axis."""
    n = p.shape[0]
    flat = reshape(astype(x, dtype=x.dtype) if x.type.weak else x, shape=(x.size,))
    powers = reshape(transpose(vander(flat, N=n), axes=(1, 0)), shape=(n, *x.shape))
    dp = g * insert_axes(powers, 1, g.ndim - x.ndim)
    if n == 1:
        return dp, None
    slope = getitem(p, index=(Slice(None, -1),)) * insert_axes(_powers(p, n - 1), 1, p.ndim - 1)
    return dp, g * polyval(slope, x)


def _vander_text(x: ArrayType, *, N: int, increasing: bool) -> str:
    return f"np.vander({{0}}, {N}{', increasing=True' if increasing else ''})"


def _vander_batch(batch: Batch, x: Value, *, N: int, increasing: bool) -> Value:
    powers = vander(reshape(x, shape=(x.size,)), N=N, increasing=increasing)
    value: Value = reshape(powers, shape=(batch.size, *batch.out.shape))
    return value


@op(np.vander, batch=_vander_batch, python=_vander_text)
def vander(x: ArrayType, *, N: int, increasing: bool = False) -> ArrayType:
    """The powers of each number, in a row."""
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    return ArrayType((*x.shape, N), np.promote_types(x.dtype, int))


@vander.vjp
def vander_vjp(g: Value, y: Value, x: Value, *, N: int, increasing: bool) -> Value | None:
    if N < 2:
        return None
    rest = getitem(g, index=(Slice(), Slice(1) if increasing else Slice(None, -1)))
    slopes = _powers(x, N - 1, increasing) * vander(x, N=N - 1, increasing=increasing)
    value: Value = sum_(rest * slopes, axis=1)
    return value
