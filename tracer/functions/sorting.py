"""Sorting, searching, distinct elements."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.indexing import SLOT, Slice
from ...ir.op import Op
from ...ir.ops import sorting, statistics
from ...ir.ops.cumulative import diff
from ...ir.ops.indexing import getitem
from ...ir.ops.reduction import all_, any_, argmax, argmin
from ...ir.ops.shape import concatenate
from ...ir.types import normalize_axis
from ..array import ArrayTracer, lift, wrap
from ..refusals import refuse
from ..trace import Trace
from .arranging import broadcast_to, reshape
from .plain import plain_numbers
from .reducing import NO_VALUE, finish, operand, plain_axis
from .registry import as_tracer, function


def _kind(trace: Trace, kind: Any, order: Any, stable: Any) -> str | None:
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    if kind is not None and stable not in (None, NO_VALUE):
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time. Use only one of them.")
    if stable is not None and stable is not NO_VALUE and bool(stable):
        return "stable"
    return None if kind in (None, "quicksort") else str(kind)


def _lined_up(trace: Trace, a: Any, axis: Any) -> tuple[Any, int]:
    """The array and the axis; without an axis all elements in a row."""
    a = as_tracer(trace, a)
    if axis is None:
        return reshape(trace, a, -1), 0
    return a, normalize_axis(int(axis), a.ndim)


@function(np.sort)
def sort(trace: Trace, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    a, axis = _lined_up(trace, a, axis)
    return wrap(trace, trace.emit(sorting.sort, a._here(), axis=axis, kind=_kind(trace, kind, order, stable)))


@function(np.argsort)
def argsort(trace: Trace, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    a = as_tracer(trace, a)
    a, axis = _lined_up(trace, reshape(trace, a, -1) if not a.ndim and axis in (0, -1) else a, axis)
    return wrap(trace, trace.emit(sorting.argsort, a._here(), axis=axis, kind=_kind(trace, kind, order, stable)))


@function(np.sort_complex)
def _sort_complex(trace: Trace, a: Any) -> Any:
    dtype = as_tracer(trace, a).dtype
    small = dtype.kind in "iub" and dtype.itemsize < 4 and dtype.kind != "b"
    return sort(trace, a).astype(np.complex64 if small or dtype == np.complex64 else np.complex128)


def _places(trace: Trace, kth: Any) -> int | tuple[int, ...]:
    places = plain_numbers(trace, kth, "kth")
    return places[0] if not np.ndim(kth) else places


@function(np.partition)
def partition(trace: Trace, a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    _kind(trace, None, order, None)
    a, axis = _lined_up(trace, a, axis)
    return wrap(trace, trace.emit(sorting.partition, a._here(), kth=_places(trace, kth), axis=axis))


@function(np.argpartition)
def argpartition(trace: Trace, a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    _kind(trace, None, order, None)
    a, axis = _lined_up(trace, a, axis)
    return wrap(trace, trace.emit(sorting.argpartition, a._here(), kth=_places(trace, kth), axis=axis))


def sort_in_place(
    self: ArrayTracer, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """Sort the array itself."""
    self.store(sort(self._trace, self, axis, kind, order, stable=stable)._here())


def partition_in_place(
    self: ArrayTracer, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> None:
    """Partition the array itself."""
    self.store(partition(self._trace, self, kth, axis, kind, order)._here())


ArrayTracer.sort = sort_in_place  # type: ignore[attr-defined]
ArrayTracer.partition = partition_in_place  # type: ignore[attr-defined]


@function(np.searchsorted)
def searchsorted(trace: Trace, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    operands = [lift(trace, x) for x in (a, v, *(() if sorter is None else (sorter,)))]
    return wrap(trace, trace.emit(sorting.searchsorted, *operands, side=str(side)))


@function(np.digitize)
def digitize(trace: Trace, x: Any, bins: Any, right: Any = False) -> Any:
    return wrap(trace, trace.emit(sorting.digitize, lift(trace, x), lift(trace, bins), right=bool(right)))


@function(np.lexsort)
def lexsort(trace: Trace, keys: Any, axis: Any = -1) -> Any:
    rows = list(keys) if isinstance(keys, list | tuple) else list(as_tracer(trace, keys))
    return wrap(trace, trace.emit(sorting.lexsort, *(lift(trace, k) for k in rows), axis=int(axis)))


# ----------------------------------------------------------------------------------------------------------- unique


def _distinct(trace: Trace, a: Any, axis: int | None, equal_nan: bool, *parts: str) -> list[Any]:
    """The distinct elements and the given parts of what np.unique tells; their number is guarded.

    The elements are those at their first places: an element that occurs several times has its cotangent there.
    """
    x = as_tracer(trace, a)
    axis = None if axis is None else normalize_axis(int(axis), x.ndim)
    if axis is None:
        value: Value = reshape(trace, x, -1)._here()
        seen = x._here() if x.ndim else value
    else:
        value = seen = x._here()
    keywords = {"axis": axis, "equal_nan": bool(equal_nan)}
    counted = trace.emit_unnamed(sorting.unique_count, seen, **keywords)
    count = int(trace.number(counted, "the number of distinct elements"))
    first = trace.emit_unnamed(sorting.unique, seen, part="index", count=count, **keywords)
    values = trace.emit(getitem, value, first, index=(*[Slice()] * (axis or 0), SLOT))
    found = [wrap(trace, values)]
    for part in parts:
        told = (
            first if part == "index" else trace.emit_unnamed(sorting.unique, seen, part=part, count=count, **keywords)
        )
        found.append(wrap(trace, told))
        if part == "inverse" and not x.ndim:
            found[-1] = reshape(trace, found[-1], ())
    return found


@function(np.unique)
def unique(
    trace: Trace,
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    if not sorted:
        _check_order(trace, as_tracer(trace, ar).dtype)
    wanted = {"index": return_index, "inverse": return_inverse, "counts": return_counts}
    found = _distinct(trace, ar, axis, equal_nan, *(part for part, asked in wanted.items() if asked))
    return tuple(found) if len(found) > 1 else found[0]


def _check_order(trace: Trace, dtype: np.dtype[Any]) -> None:
    """NumPy does not sort what it finds by hashing."""
    if dtype.kind in "iuc" and "sorted" in inspect.signature(np.unique).parameters:
        raise refuse(trace, f"np.unique_values of {dtype}", "NumPy does not sort them", "np.unique(x), which sorts")


def _of_array_api(function_: Any, *parts: str) -> None:
    """unique_values and its kin: nan differs from nan."""
    if function_ is None:
        return
    kind = {2: {"counts": "UniqueCountsResult", "inverse": "UniqueInverseResult"}.get(parts[0]), 4: "UniqueAllResult"}

    def answer(trace: Trace, x: Any) -> Any:
        found = _distinct(trace, x, None, False, *parts)
        result = getattr(np.lib._arraysetops_impl, kind[len(found)] or "")  # type: ignore[attr-defined]
        return result(*found)

    function(function_)(answer)


_of_array_api(np.unique_counts, "counts")
_of_array_api(np.unique_inverse, "inverse")
_of_array_api(np.unique_all, "index", "inverse", "counts")


@function(np.unique_values)
def _unique_values(trace: Trace, x: Any) -> Any:
    _check_order(trace, as_tracer(trace, x).dtype)
    return _distinct(trace, x, None, False)[0]


# ------------------------------------------------------------------------------------------------------ differences


def _edge(trace: Trace, a: Any, edge: Any, axis: int) -> Any:
    """A number before or after an array, as wide as the array."""
    edge = as_tracer(trace, edge)
    if edge.ndim:
        return edge._here()
    return broadcast_to(trace, edge, tuple(1 if i == axis else n for i, n in enumerate(a.shape)))._here()


@function(np.diff)
def _diff(trace: Trace, a: Any, n: int = 1, axis: Any = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    a = as_tracer(trace, a)
    if not a.ndim:
        raise ValueError("diff requires input that is at least one dimensional")
    if n == 0:
        return a
    axis = normalize_axis(plain_axis(axis, a.ndim), a.ndim)
    parts = [_edge(trace, a, prepend, axis)] if prepend is not NO_VALUE else []
    parts.append(a._here())
    if append is not NO_VALUE:
        parts.append(_edge(trace, a, append, axis))
    value = trace.emit_unnamed(concatenate, *parts, axis=axis) if len(parts) > 1 else parts[0]
    return wrap(trace, trace.emit(diff, value, n=int(n), axis=axis))


@function(np.ediff1d)
def _ediff1d(trace: Trace, ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = reshape(trace, as_tracer(trace, ary), -1)._here()
    ends = [None if end is None else reshape(trace, as_tracer(trace, end), -1)._here() for end in (to_begin, to_end)]
    for end, name in zip(ends, ("to_begin", "to_end"), strict=True):
        if end is not None and not np.can_cast(end.dtype, flat.dtype, casting="same_kind"):
            raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")

    def result() -> Value:
        between = diff(flat, n=1, axis=0)
        parts = [operand(trace, wrap(trace, e), flat.dtype) for e in ends[:1] if e is not None]
        parts.append(between)
        parts += [operand(trace, wrap(trace, e), flat.dtype) for e in ends[1:] if e is not None]
        joined: Value = concatenate(*parts, axis=0) if len(parts) > 1 else between
        return joined

    return finish(trace, result, None, "ediff1d")


# -------------------------------------------------------------------------------------------------- places of extrema


def _place_without_nan(op: Op, neutral: float) -> Any:
    def answer(trace: Trace, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NO_VALUE) -> Any:
        value = lift(trace, a)
        axis, keepdims = plain_axis(axis, value.ndim), keepdims is not NO_VALUE and bool(keepdims)
        there = statistics.present(value)
        if there is not None:
            filled = trace.emit_unnamed(all_, trace.emit_unnamed(any_, there, axis=axis))
            if not trace.number(filled, "whether a slice is all nan"):
                raise ValueError("All-NaN slice encountered")

        def result() -> Value:
            place: Value = op(statistics.kept(value, there, neutral), axis=axis, keepdims=keepdims)
            return place

        return finish(trace, result, out, op.name)

    return answer


function(np.nanargmax)(_place_without_nan(argmax, -np.inf))
function(np.nanargmin)(_place_without_nan(argmin, np.inf))
