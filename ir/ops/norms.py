"""Norms of vectors and matrices, and the condition number. A norm of zeros has the gradient 0 (docs/kinks.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch, as_rows, shift_axes
from ..builder import Value
from ..op import op
from ..types import ArrayType, normalize_axes, normalize_axis, reduced_shape
from .compositions import composition
from .decompositions import svdvals
from .elementwise import absolute, astype, multiply, not_equal, sign, sqrt, where
from .indexing import take_at
from .linalg import check_square, check_stacked, conj, inv, linalg_dtype, real_dtype
from .reduction import Axis, max_, min_, restore_dims, sum_
from .shape import filled, reshape, transpose

# --------------------------------------------------------------------------------------- powers, complex lengths


def _keywords(ord: Any, axis: Axis, keepdims: bool) -> str:
    shown = [] if ord is None else [f"ord={ord!r}"]
    shown += ([] if axis is None else [f"axis={axis}"]) + (["keepdims=True"] if keepdims else [])
    return "".join(f", {keyword}" for keyword in shown)


def _norm_batch(batch: Batch, x: Value, *, ord: Any, axis: Axis, keepdims: bool) -> Value:
    """Over all axes, np.linalg.norm takes each example for one vector."""
    if axis is not None:
        return p_norm(x, ord=ord, axis=shift_axes(axis, batch.types[0].ndim), keepdims=keepdims)
    lengths = p_norm(as_rows(x), ord=ord, axis=1)
    value: Value = reshape(lengths, shape=(batch.size, *batch.out.shape)) if keepdims else lengths
    return value


@op(
    name="p_norm",
    batch=_norm_batch,
    fun=lambda x, *, ord, axis, keepdims: np.linalg.norm(x, ord, axis, keepdims),
    python=lambda x, *, ord, axis, keepdims: f"np.linalg.norm({{0}}{_keywords(ord, axis, keepdims)})",
)
def p_norm(x: ArrayType, *, ord: int | float | None = None, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    """sum(|x|**ord)**(1 / ord); without `ord` the length, over any number of axes if they are all."""
    dtype = x.dtype if x.inexact else np.dtype(float)
    return ArrayType(reduced_shape(x.shape, axis, keepdims), real_dtype(dtype))


@p_norm.vjp
def p_norm_vjp(g: Value, y: Value, x: Value, *, ord: int | float | None, axis: Axis, keepdims: bool) -> Value:
    """d|x|_p = sum(sign(x) |x|**(p - 1) dx) / |x|_p**(p - 1)."""
    length = restore_dims(where(y.equals(0), 1, y), x.ndim, axis, keepdims)
    scale = restore_dims(g, x.ndim, axis, keepdims)
    if ord is None or ord == 2:
        return scale * conj(x) / length
    size = absolute(x)
    if x.dtype.kind == "c":
        direction = conj(x) / where(size.equals(0), 1, size)
    else:
        direction = sign(x)
    ratio = size / length
    if ord < 1:  # the slope at 0 is infinite on both sides
        ratio = where(size.equals(0), 1, ratio)
    return scale * direction * ratio ** (ord - 1)


# ------------------------------------------------------------------------------------------------------- np.linalg


def _extremum(x: Value, largest: bool, axis: Axis, keepdims: bool) -> Value:
    """The largest or smallest; the largest of no elements is 0."""
    axes = normalize_axes(axis, x.ndim)
    if largest and any(x.shape[a] == 0 for a in axes):
        shape = reduced_shape(x.shape, axis, keepdims)
        empty: Value = x.builder.emit(filled, value=0, shape=shape, dtype=x.dtype)
        return empty
    found: Value = (max_ if largest else min_)(x, axis=axis, keepdims=keepdims)
    return found


def _vector_norm(x: Value, ord: Any, axis: int, keepdims: bool) -> Value:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    result: Value
    if ord is None or ord == 2:
        if x.dtype.kind == "c":
            result = p_norm(x, axis=axis, keepdims=keepdims)
        else:
            result = sqrt(sum_(multiply(x, x), axis=axis, keepdims=keepdims))
    elif ord in (np.inf, -np.inf):
        result = _extremum(absolute(x), ord > 0, axis, keepdims)
    elif ord == 0:
        result = sum_(astype(not_equal(x, 0), dtype=real_dtype(x.dtype)), axis=axis, keepdims=keepdims)
    elif ord == 1:
        result = sum_(absolute(x), axis=axis, keepdims=keepdims)
    else:
        result = p_norm(x, ord=ord, axis=axis, keepdims=keepdims)
    return result


def _matrix_norm(x: Value, ord: Any, row: int, column: int) -> Value:
    result: Value
    if ord in (None, "fro", "f"):
        if x.dtype.kind == "c":
            result = p_norm(x, axis=(row, column))
        else:
            result = sqrt(sum_(multiply(x, x), axis=(row, column)))
    elif ord in (2, -2, "nuc"):
        rest = tuple(i for i in range(x.ndim) if i not in (row, column))
        order = (*rest, row, column)
        s = svdvals(transpose(x, axes=order) if order != tuple(range(x.ndim)) else x)
        result = sum_(s, axis=-1) if ord == "nuc" else _extremum(s, ord == 2, -1, False)
    elif ord in (1, -1, np.inf, -np.inf):
        along, over = (row, column) if abs(ord) == 1 else (column, row)
        sums = sum_(absolute(x), axis=along)
        result = _extremum(sums, ord > 0, over - (over > along), False)
    else:
        raise ValueError("Invalid norm order for matrices.")
    return result


@composition(np.linalg.norm)
def norm(x: Value, *, ord: Any = None, axis: Axis | None = None, keepdims: bool = False) -> Value:
    """Every order of NumPy's."""
    if not x.type.inexact:
        x = astype(x, dtype=np.dtype(float))
    if axis is None and (ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1)):
        if x.dtype.kind == "c":
            length: Value = p_norm(x, keepdims=keepdims)
            return length
        flat_x = reshape(x, shape=(x.size,)) if x.ndim != 1 else x
        length = sqrt(flat_x @ flat_x)  # as NumPy does it
        return reshape(length, shape=(1,) * x.ndim) if keepdims else length
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    row, column = (normalize_axis(a, x.ndim) for a in axes)
    if row == column:
        raise ValueError("Duplicate axes given.")
    result = _matrix_norm(x, ord, row, column)
    return reshape(result, shape=reduced_shape(x.shape, (row, column), True)) if keepdims else result


@composition(np.linalg.matrix_norm)
def matrix_norm(x: Value, *, keepdims: bool = False, ord: Any = "fro") -> Value:
    return norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


@composition(np.linalg.vector_norm)
def vector_norm(x: Value, *, axis: Axis | None = None, keepdims: bool = False, ord: Any = 2) -> Value:
    """A vector norm over any axes, taken together."""
    axes = tuple(normalize_axis(a, x.ndim) for a in ((axis,) if isinstance(axis, int) else axis or ()))
    if axis is None:
        flat = reshape(x, shape=(x.size,)) if x.ndim != 1 else x
    elif len(axes) == 1:
        return norm(x, axis=axes[0], keepdims=keepdims, ord=ord)
    else:
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        moved = transpose(x, axes=axes + rest)
        flat = reshape(moved, shape=(int(np.prod([x.shape[a] for a in axes])), *(x.shape[a] for a in rest)))
    result = norm(flat, axis=0, ord=ord)
    kept = reduced_shape(x.shape, axis, True)
    return reshape(result, shape=kept) if keepdims and kept else result


@composition(np.linalg.svdvals)
def singular_values(x: Value) -> Value:
    values: Value = svdvals(x)
    return values


@composition(np.linalg.cond)
def cond(x: Value, *, p: Any = None) -> Value:
    """The ratio of singular values, or the product of two norms. A singular matrix raises LinAlgError in the latter."""
    check_stacked(x.type)
    if x.size == 0 and 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    ratio: Value
    if p is None or p in (2, -2):
        s = svdvals(x)
        largest, smallest = take_at(s, -1, 0), take_at(s, -1, -1)
        ratio = smallest / largest if p == -2 else largest / smallest
        return ratio
    check_square(x.type)
    linalg_dtype(x.type)
    if not x.type.inexact:
        x = astype(x, dtype=np.dtype(float))
    ratio = norm(x, ord=p, axis=(-2, -1)) * norm(inv(x), ord=p, axis=(-2, -1))
    return ratio
