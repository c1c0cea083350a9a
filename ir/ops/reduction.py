"""Reductions: a sum's adjoint is a broadcast, an extremum's goes to the winners, which share it on a tie."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..kernels import others_product
from ..op import NONDIFF, Masked, op
from ..types import ArrayType, normalize_axes, normalize_axis, reduced_shape
from .elementwise import REAL, where
from .shape import expand_dims

Axis = int | tuple[int, ...] | None


def restore_dims(g: Value, ndim: int, axis: Axis, keepdims: bool) -> Value:
    """Put the reduced axes back with length 1, unless they come first: broadcasting does that by itself."""
    axes = normalize_axes(axis, ndim)
    if keepdims or g.ndim == 0 or axes == tuple(range(len(axes))):
        return g
    return expand_dims(g, axis=axes)


def _reduction_text(name: str, method: bool = True) -> Any:
    def text(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> str:
        keywords = ([] if axis is None else [f"axis={axis}"]) + (["keepdims=True"] if keepdims else [])
        plain = f"np.{name}({', '.join(['{0}', *keywords])})"
        return f"{{0}}.{name}({', '.join(keywords)}) || {plain}" if method and not x.weak else plain

    return text


def _sum_dtype(x: ArrayType) -> np.dtype[Any]:
    """NumPy adds up small integers and booleans in the platform's integer."""
    if x.dtype.kind in "bi" and x.dtype.itemsize < np.dtype(int).itemsize:
        return np.dtype(int)
    if x.dtype.kind == "u" and x.dtype.itemsize < np.dtype(np.uint).itemsize:
        return np.dtype(np.uint)
    return x.dtype


@op(np.sum, python=_reduction_text("sum"), uniform=True, domain=(REAL,))
def sum_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), _sum_dtype(x))


@sum_.vjp
def sum_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return restore_dims(g, x.ndim, axis, keepdims)


@op(np.mean, python=_reduction_text("mean"), uniform=True, domain=(REAL,))
def mean(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    dtype = x.dtype if x.inexact else np.dtype(float)
    return ArrayType(reduced_shape(x.shape, axis, keepdims), dtype)


def reduced_size(x: Value, axis: Axis) -> int:
    """How many elements each result of a reduction is made from."""
    count = 1
    for a in normalize_axes(axis, x.ndim):
        count *= x.shape[a]
    return count


@mean.vjp
def mean_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return restore_dims(g, x.ndim, axis, keepdims) / max(reduced_size(x, axis), 1)


@op(np.prod, python=_reduction_text("prod"), domain=((0.5, 2.0),))
def prod(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), _sum_dtype(x))


def _others_text(x: ArrayType, *, axis: Axis) -> str:
    return "others_product({0})" if axis is None else f"others_product({{0}}, axis={axis})"


@op(
    name="others_product",
    fun=others_product,
    python=_others_text,
    owns=False,
    helpers=(others_product,),
    domain=((0.5, 2.0),),
)
def _others(x: ArrayType, *, axis: Axis = None) -> ArrayType:
    normalize_axes(axis, x.ndim)
    return x.strong()


@_others.vjp
def _others_vjp(g: Value, y: Value, x: Value, *, axis: Axis) -> Value:
    """The product of all but i, by x_j: the product of all but i and j; for i = j it is 0. No division, as before."""
    from .indexing import arange
    from .shape import reshape, transpose

    axes = normalize_axes(axis, x.ndim)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    n, shape = reduced_size(x, axis), tuple(x.shape[a] for a in rest)
    order = rest + axes
    rows, g_rows = (reshape(transpose(v, axes=order), shape=(*shape, n)) for v in (x, g))
    index = arange(x, n)
    same = expand_dims(index, axis=(1,)).equals(index)
    without = where(same, 1, expand_dims(rows, axis=(len(shape),)))
    pairs = where(same, 0, _others(without, axis=len(shape) + 1))
    total = sum_(expand_dims(g_rows, axis=(len(shape) + 1,)) * pairs, axis=len(shape))
    moved = reshape(total, shape=tuple(x.shape[a] for a in order))
    back: Value = transpose(moved, axes=tuple(int(a) for a in np.argsort(order)))
    return back


@prod.vjp
def prod_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return restore_dims(g, x.ndim, axis, keepdims) * _others(x, axis=axis)


def _extremum_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Any:
    """The winners along `axis` share the cotangent equally."""
    winner = x.equals(restore_dims(y, x.ndim, axis, keepdims))
    count = sum_(winner, axis=axis, keepdims=axis is not None)
    return Masked(restore_dims(g, x.ndim, axis, keepdims) / count, winner)


def _check_not_empty(x: ArrayType, axis: Axis, name: str) -> None:
    if any(x.shape[a] == 0 for a in normalize_axes(axis, x.ndim)):
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity")


@op(np.max, name="max", python=_reduction_text("max"), rule=_extremum_vjp, domain=(REAL,))
def max_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "maximum")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


@op(np.min, name="min", python=_reduction_text("min"), rule=_extremum_vjp, domain=(REAL,))
def min_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "minimum")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


@op(np.any, python=_reduction_text("any"), rule=NONDIFF)
def any_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(bool))


@op(np.all, python=_reduction_text("all"), rule=NONDIFF)
def all_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(bool))


_COUNTS_IN_PYTHON = isinstance(np.count_nonzero(()), int)  # so it was before NumPy 2.3


@op(np.count_nonzero, python=_reduction_text("count_nonzero", method=False), rule=NONDIFF)
def count_nonzero(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    weak = _COUNTS_IN_PYTHON and axis is None and not keepdims
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp), weak)


@op(np.argmax, python=_reduction_text("argmax"), rule=NONDIFF)
def argmax(x: ArrayType, *, axis: int | None = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "argmax")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp))


@op(np.argmin, python=_reduction_text("argmin"), rule=NONDIFF)
def argmin(x: ArrayType, *, axis: int | None = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "argmin")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp))


def _cumulative_text(name: str) -> Any:
    def text(x: ArrayType, *, axis: int | None = None) -> str:
        keyword = "" if axis is None else f"axis={axis}"
        return f"{{0}}.{name}({keyword}) || np.{name}({', '.join(filter(None, ['{0}', keyword]))})"

    return text


@op(np.cumsum, python=_cumulative_text("cumsum"), domain=(REAL,))
def cumsum(x: ArrayType, *, axis: int | None = None) -> ArrayType:
    if axis is None:
        return ArrayType((x.size,), _sum_dtype(x))
    normalize_axis(axis, x.ndim)
    return ArrayType(x.shape, _sum_dtype(x))


@cumsum.vjp
def cumsum_vjp(g: Value, y: Value, x: Value, *, axis: int | None) -> Value:
    """The sum of all cotangents from here on: a cumulative sum from the other end."""
    from .shape import flip, reshape

    along = 0 if axis is None else normalize_axis(axis, x.ndim)
    backwards = flip(cumsum(flip(g, axis=(along,)), axis=along), axis=(along,))
    return reshape(backwards, shape=x.shape) if axis is None and x.ndim != 1 else backwards
