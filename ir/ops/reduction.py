"""Reductions: a sum's adjoint is a broadcast, an extremum's goes to the winners, which share it on a tie."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..batching import along, along_or_flat
from ..builder import Value
from ..dims import Dim, at_least
from ..kernels import others_product
from ..op import NONDIFF, Masked, Op, op, register
from ..types import ArrayType, normalize_axes, normalize_axis, reduced_shape, ufunc_dtype
from ..window_kernels import reduce_few
from .elementwise import REAL, exp, exp2, where
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


def sum_dtype(x: ArrayType) -> np.dtype[Any]:
    """NumPy adds up small integers and booleans in the platform's integer."""
    if x.dtype.kind in "bi" and x.dtype.itemsize < np.dtype(int).itemsize:
        return np.dtype(int)
    if x.dtype.kind == "u" and x.dtype.itemsize < np.dtype(np.uint).itemsize:
        return np.dtype(np.uint)
    return x.dtype


@op(np.sum, batch=along("axis"), python=_reduction_text("sum"), uniform=True, domain=(REAL,))
def sum_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), sum_dtype(x))


@sum_.vjp
def sum_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return restore_dims(g, x.ndim, axis, keepdims)


@op(np.mean, batch=along("axis"), python=_reduction_text("mean"), uniform=True, domain=(REAL,))
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
    return restore_dims(g, x.ndim, axis, keepdims) / at_least(reduced_size(x, axis), 1)


@op(np.prod, batch=along("axis"), python=_reduction_text("prod"), domain=((0.5, 2.0),))
def prod(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), sum_dtype(x))


def _others_text(x: ArrayType, *, axis: Axis) -> str:
    return "others_product({0})" if axis is None else f"others_product({{0}}, axis={axis})"


@op(
    name="others_product",
    fun=others_product,
    batch=along("axis"),
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


def is_few(x: ArrayType, axis: Axis, most: int) -> bool:
    """Whether these are short axes, the last one among them, of an array that is worth to go through them one by one.

    For 75,000 windows of 2 x 2 the maximum took 2 ms by NumPy's own reduction, and 0.1 ms entry by entry; a function
    of ours takes 5 microseconds more than one of NumPy's.
    """
    axes = normalize_axes(axis, x.ndim)
    if any(isinstance(n, Dim) or n < 1 for n in x.shape) or x.size < 4096 or x.ndim - 1 not in axes:
        return False
    return len(axes) < x.ndim and 1 < math.prod(x.shape[a] for a in axes) <= most


def _extremum_text(name: str, ufunc: str) -> Any:
    plain = _reduction_text(name)

    def text(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> str:
        if not is_few(x, axis, 16):
            usual: str = plain(x, axis=axis, keepdims=keepdims)
            return usual
        kept = ", keepdims=True" if keepdims else ""
        return f"reduce_few(np.{ufunc}, {{0}}, {normalize_axes(axis, x.ndim)}{kept})"

    return text


@op(
    np.max,
    batch=along("axis"),
    name="max",
    python=_extremum_text("max", "maximum"),
    rule=_extremum_vjp,
    helpers=(reduce_few,),
    domain=(REAL,),
)
def max_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "maximum")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


@op(
    np.min,
    batch=along("axis"),
    name="min",
    python=_extremum_text("min", "minimum"),
    rule=_extremum_vjp,
    helpers=(reduce_few,),
    domain=(REAL,),
)
def min_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "minimum")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


@op(np.nanmax, batch=along("axis"), python=_reduction_text("nanmax", method=False), rule=_extremum_vjp, domain=(REAL,))
def nanmax(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "fmax")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


@op(np.nanmin, batch=along("axis"), python=_reduction_text("nanmin", method=False), rule=_extremum_vjp, domain=(REAL,))
def nanmin(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "fmin")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


# ------------------------------------------------------------------------------------------- reductions by a ufunc


def _by_ufunc(ufunc: np.ufunc, rule: Any) -> Op:
    """The operation `ufunc.reduce`."""

    def text(x: ArrayType, *, axis: Axis, keepdims: bool) -> str:
        keywords = ([] if axis == 0 else [f"axis={axis}"]) + (["keepdims=True"] if keepdims else [])
        return f"np.{ufunc.__name__}.reduce({', '.join(['{0}', *keywords])})"

    def infer(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
        if ufunc.identity is None:
            _check_not_empty(x, axis, ufunc.__name__)
        return ArrayType(reduced_shape(x.shape, axis, keepdims), ufunc_dtype(ufunc, x.strong(), x.strong()))

    return register(
        Op(f"{ufunc.__name__}_reduce", ufunc.reduce, infer, text, rule, batch=along("axis"), domain=(REAL,))
    )


def _logaddexp_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    """Each exponential's share of the sum."""
    total = restore_dims(y, x.ndim, axis, keepdims)
    return restore_dims(g, x.ndim, axis, keepdims) * exp(x - total)


def _logaddexp2_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    total = restore_dims(y, x.ndim, axis, keepdims)
    return restore_dims(g, x.ndim, axis, keepdims) * exp2(x - total)


def _length_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    """The unit vector, and 0 at the origin."""
    length = restore_dims(where(y.equals(0), 1, y), x.ndim, axis, keepdims)
    return restore_dims(g, x.ndim, axis, keepdims) * (x / length)


BY_UFUNC: dict[Any, Op] = {
    np.add: sum_,
    np.multiply: prod,
    np.maximum: max_,
    np.minimum: min_,
    np.fmax: _by_ufunc(np.fmax, _extremum_vjp),
    np.fmin: _by_ufunc(np.fmin, _extremum_vjp),
    np.logaddexp: _by_ufunc(np.logaddexp, _logaddexp_vjp),
    np.logaddexp2: _by_ufunc(np.logaddexp2, _logaddexp2_vjp),
    np.hypot: _by_ufunc(np.hypot, _length_vjp),
} | {u: _by_ufunc(u, NONDIFF) for u in (np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor)}


@op(np.any, batch=along("axis"), python=_reduction_text("any"), rule=NONDIFF)
def any_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(bool))


@op(np.all, batch=along("axis"), python=_reduction_text("all"), rule=NONDIFF)
def all_(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(bool))


BY_UFUNC |= {np.logical_or: any_, np.logical_and: all_}
_COUNTS_IN_PYTHON = isinstance(np.count_nonzero(()), int)  # so it was before NumPy 2.3


@op(np.count_nonzero, batch=along("axis"), python=_reduction_text("count_nonzero", method=False), rule=NONDIFF)
def count_nonzero(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    weak = _COUNTS_IN_PYTHON and axis is None and not keepdims
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp), weak)


@op(np.argmax, batch=along_or_flat, python=_reduction_text("argmax"), rule=NONDIFF)
def argmax(x: ArrayType, *, axis: int | None = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "argmax")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp))


@op(np.argmin, batch=along_or_flat, python=_reduction_text("argmin"), rule=NONDIFF)
def argmin(x: ArrayType, *, axis: int | None = None, keepdims: bool = False) -> ArrayType:
    _check_not_empty(x, axis, "argmin")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), np.dtype(np.intp))


def cumulative_text(name: str) -> Any:
    def text(x: ArrayType, *, axis: int | None = None) -> str:
        keyword = "" if axis is None else f"axis={axis}"
        return f"{{0}}.{name}({keyword}) || np.{name}({', '.join(filter(None, ['{0}', keyword]))})"

    return text


@op(np.cumsum, batch=along_or_flat, python=cumulative_text("cumsum"), domain=(REAL,))
def cumsum(x: ArrayType, *, axis: int | None = None) -> ArrayType:
    if axis is None:
        return ArrayType((x.size,), sum_dtype(x))
    normalize_axis(axis, x.ndim)
    return ArrayType(x.shape, sum_dtype(x))


@cumsum.vjp
def cumsum_vjp(g: Value, y: Value, x: Value, *, axis: int | None) -> Value:
    """The sum of all cotangents from here on: a cumulative sum from the other end."""
    from .shape import flip, reshape

    along = 0 if axis is None else normalize_axis(axis, x.ndim)
    backwards = flip(cumsum(flip(g, axis=(along,)), axis=along), axis=(along,))
    return reshape(backwards, shape=x.shape) if axis is None and x.ndim != 1 else backwards
