"""Sorting and order: the adjoint of a sort puts each cotangent back to where its element came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch, all_along, along, as_rows
from ..builder import Value
from ..indexing import SLOT, Slice
from ..op import NONDIFF, Refused, op
from ..types import ArrayType, normalize_axis
from .elementwise import REAL
from .indexing import arange, getitem, index_add
from .shape import concatenate, expand_dims, reshape, zeros

INDEX = np.dtype(np.intp)


def _sort_text(name: str) -> Any:
    def text(x: ArrayType, *, axis: int, kind: str | None) -> str:
        keywords = [f"axis={axis}"] * (axis not in (-1, x.ndim - 1)) + [f"kind={kind!r}"] * (kind is not None)
        return f"np.{name}({', '.join(['{0}', *keywords])})"

    return text


def _check_sortable(x: ArrayType, axis: int) -> None:
    normalize_axis(axis, x.ndim)


@op(np.sort, batch=along("axis"), python=_sort_text("sort"), domain=(REAL,))
def sort(x: ArrayType, *, axis: int = -1, kind: str | None = None) -> ArrayType:
    _check_sortable(x, axis)
    return x.strong()


@op(np.argsort, batch=along("axis"), python=_sort_text("argsort"), rule=NONDIFF)
def argsort(x: ArrayType, *, axis: int = -1, kind: str | None = None) -> ArrayType:
    _check_sortable(x, axis)
    return ArrayType(x.shape, INDEX)


def places_along(order: Value, axis: int) -> list[Value]:
    """The index arrays that read `order` along an axis, and every other axis as it stands."""
    places = []
    for i, n in enumerate(order.shape):
        others = tuple(k for k in range(order.ndim) if k < i)
        behind = tuple(range(i + 1, order.ndim))
        count = arange(order, n)
        places.append(order if i == axis else expand_dims(count, axis=others + behind) if order.ndim > 1 else count)
    return places


def gather_along(x: Value, order: Value, axis: int) -> Value:
    """np.take_along_axis."""
    axis = normalize_axis(axis, x.ndim)
    return getitem(x, *places_along(order, axis), index=(SLOT,) * x.ndim)


def scatter_along(like: Value, g: Value, order: Value, axis: int, distinct: bool = True) -> Value:
    """Zeros like `like` with g added at the places `order` along an axis."""
    axis = normalize_axis(axis, like.ndim)
    places = places_along(order, axis)
    added: Value = index_add(zeros(like), g, *places, index=(SLOT,) * like.ndim, distinct=distinct)
    return added


@sort.vjp
def sort_vjp(g: Value, y: Value, x: Value, *, axis: int, kind: str | None) -> Value:
    return scatter_along(x, g, argsort(x, axis=axis, kind=kind), axis)


def _partition_text(name: str) -> Any:
    def text(x: ArrayType, *, kth: int | tuple[int, ...], axis: int) -> str:
        shown = kth if isinstance(kth, int) else list(kth)
        return f"np.{name}({{0}}, {shown}{'' if axis in (-1, x.ndim - 1) else f', axis={axis}'})"

    return text


@op(np.partition, batch=along("axis"), python=_partition_text("partition"), domain=(REAL,))
def partition(x: ArrayType, *, kth: int | tuple[int, ...], axis: int = -1) -> ArrayType:
    n = x.shape[normalize_axis(axis, x.ndim)]
    for k in (kth,) if isinstance(kth, int) else kth:
        if n and not -n <= k < n:
            raise ValueError(f"kth(={k}) out of bounds ({n})")
    return x.strong()


@op(np.argpartition, batch=along("axis"), python=_partition_text("argpartition"), rule=NONDIFF)
def argpartition(x: ArrayType, *, kth: int | tuple[int, ...], axis: int = -1) -> ArrayType:
    partition.infer(x, kth=kth, axis=axis)
    return ArrayType(x.shape, INDEX)


@partition.vjp
def partition_vjp(g: Value, y: Value, x: Value, *, kth: int | tuple[int, ...], axis: int) -> Value:
    """Equal ranks of x and y are the same element: how the rest lies is up to NumPy."""
    ranked = gather_along(g, argsort(y, axis=axis), axis)
    return scatter_along(x, ranked, argsort(x, axis=axis), axis)


def _searchsorted(a: Any, v: Any, *sorter: Any, side: str) -> Any:
    return np.searchsorted(a, v, side=side, sorter=sorter[0] if sorter else None)  # type: ignore[call-overload]


def _searchsorted_text(a: ArrayType, v: ArrayType, *sorter: ArrayType, side: str) -> str:
    rest = [f"side={side!r}"] * (side != "left") + ["sorter={2}"] * len(sorter)
    return f"np.searchsorted({', '.join(['{0}', '{1}', *rest])})"


def search_rows(rows: Value, values: Value, side: str) -> Value:
    """np.searchsorted in each row: the place of a value among both in order, less its place among the values."""
    m = values.shape[1]
    both = concatenate(values, rows, axis=1) if side == "left" else concatenate(rows, values, axis=1)
    part = Slice(None, m) if side == "left" else Slice(rows.shape[1])
    among_both = getitem(_ranks(both), index=(Slice(), part))
    place: Value = among_both - _ranks(values)
    return place


def _ranks(rows: Value) -> Value:
    """How many stand before each element when its row is in order, equal ones as they come."""
    ranks: Value = argsort(argsort(rows, axis=1, kind="stable"), axis=1)
    return ranks


def _searchsorted_batch(batch: Batch, a: Value, v: Value, *sorter: Value, side: str) -> Value:
    if not batch.batched[0] and not any(batch.batched[2:]):
        return batch.builder.emit(batch.equation.op, a, v, *sorter, side=side)
    rows = batch.full(a, 0)
    for order in sorter:
        rows = gather_along(rows, batch.full(order, 2), 1)
    found = search_rows(rows, as_rows(batch.full(v, 1)), side)
    shape = (batch.size, *batch.out.shape)
    return found if found.shape == shape else reshape(found, shape=shape)


@op(
    np.searchsorted,
    fun=_searchsorted,
    batch=_searchsorted_batch,
    python=_searchsorted_text,
    rule=NONDIFF,
)
def searchsorted(a: ArrayType, v: ArrayType, *sorter: ArrayType, side: str = "left") -> ArrayType:
    if a.ndim != 1:
        raise ValueError("object too deep for desired array" if a.ndim else "object of too small depth")
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})")
    return ArrayType(v.shape, INDEX)


def _digitize_batch(batch: Batch, x: Value, bins: Value, *, right: bool) -> Any:
    if batch.batched[1]:
        raise batch.refuse(
            "np.digitize finds out whether the bins rise or fall, which may differ from example to example; "
            "np.searchsorted takes bins that differ"
        )
    return batch.builder.emit(batch.equation.op, x, bins, right=right)


@op(
    np.digitize,
    batch=_digitize_batch,
    python=lambda x, bins, *, right: f"np.digitize({{0}}, {{1}}{', right=True' if right else ''})",
    rule=NONDIFF,
)
def digitize(x: ArrayType, bins: ArrayType, *, right: bool = False) -> ArrayType:
    if bins.ndim != 1:
        raise ValueError("object too deep for desired array" if bins.ndim else "object of too small depth")
    if x.dtype.kind == "c":
        raise TypeError("x may not be complex")
    return ArrayType(x.shape, INDEX)


def _lexsort(*keys: Any, axis: int) -> Any:
    return np.lexsort(keys, axis=axis)


def _lexsort_text(*keys: ArrayType, axis: int) -> str:
    listed = ", ".join(f"{{{i}}}" for i in range(len(keys)))
    return f"np.lexsort([{listed}]{'' if axis == -1 else f', axis={axis}'})"


@op(name="lexsort", fun=_lexsort, batch=all_along, python=_lexsort_text, rule=NONDIFF)
def lexsort(*keys: ArrayType, axis: int = -1) -> ArrayType:
    if any(k.shape != keys[0].shape for k in keys):
        raise ValueError("all keys need to be the same shape")
    normalize_axis(axis, keys[0].ndim)
    return ArrayType(keys[0].shape, INDEX)


# ----------------------------------------------------------------------------------------------------------- unique


DISTINCT = "how many distinct elements there are differs from example to example; np.sort keeps their number"


def _unique_keywords(part: str, axis: int | None, equal_nan: bool) -> list[str]:
    keywords = [f"return_{part}=True"] if part else []
    return keywords + [f"axis={axis}"] * (axis is not None) + ["equal_nan=False"] * (not equal_nan)


def _unique(x: Any, *, part: str, count: int, axis: int | None, equal_nan: bool) -> Any:
    asked: dict[str, Any] = {f"return_{part}": True}
    return np.unique(x, axis=axis, equal_nan=equal_nan, **asked)[1]


def _unique_text(x: ArrayType, *, part: str, count: int, axis: int | None, equal_nan: bool) -> str:
    return f"np.unique({', '.join(['{0}', *_unique_keywords(part, axis, equal_nan)])})[1]"


@op(name="unique", fun=_unique, batch=Refused(DISTINCT), python=_unique_text, rule=NONDIFF)
def unique(x: ArrayType, *, part: str, count: int, axis: int | None, equal_nan: bool = True) -> ArrayType:
    """A part of what np.unique tells (index, inverse, counts); `count` are distinct, a guard has made sure."""
    if part != "inverse":
        return ArrayType((count,), INDEX)
    return ArrayType(x.shape if axis is None else (x.shape[axis],), INDEX)


def _unique_count(x: Any, *, axis: int | None, equal_nan: bool) -> Any:
    return np.intp(np.shape(np.unique(x, axis=axis, equal_nan=equal_nan))[axis or 0])


def _unique_count_text(x: ArrayType, *, axis: int | None, equal_nan: bool) -> str:
    call = f"np.unique({', '.join(['{0}', *_unique_keywords('', axis, equal_nan)])})"
    return f"np.intp({call}.shape[{axis or 0}])"


@op(name="unique_count", fun=_unique_count, batch=Refused(DISTINCT), python=_unique_count_text, rule=NONDIFF)
def unique_count(x: ArrayType, *, axis: int | None, equal_nan: bool = True) -> ArrayType:
    """How many distinct elements (or slices along `axis`) there are."""
    return ArrayType((), INDEX)


def flat(x: Value) -> Value:
    return x if x.ndim == 1 else reshape(x, shape=(x.size,))
