"""Elements added to an array and taken out of it: new arrays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...ir.types import normalize_axis
from ..array import Tracer
from ..creation import LARGEST_CONSTANT
from ..trace import Trace
from .arranging import broadcast_to, moveaxis, reshape
from .borrowed import in_steps
from .joining import concatenate
from .plain import plain_array
from .registry import as_tracer, function
from .splitting import axis_slices

MANY_RUNS = 4  # beyond which the elements that are left are named by their places


@function(np.append)
@in_steps
def append(trace: Trace, arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate(trace, [as_tracer(trace, arr), as_tracer(trace, values)], axis)


def _axis_of(trace: Trace, arr: Any, axis: Any) -> tuple[Any, int]:
    """The array and the axis that an edit is about; without axis= it is flat."""
    arr = as_tracer(trace, arr)
    if axis is None:
        return (arr if arr.ndim == 1 else reshape(trace, arr, -1)), 0
    return arr, normalize_axis(int(axis), arr.ndim)


def _runs(places: Any) -> list[tuple[int, int]]:
    """Rising places as stretches (first, end)."""
    edges = np.flatnonzero(np.diff(places) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(places, edges) if part.size]


@function(np.delete)
@in_steps
def delete(trace: Trace, arr: Any, obj: Any, axis: Any = None) -> Any:
    arr, axis = _axis_of(trace, arr, axis)
    n = arr.shape[axis]
    before = (slice(None),) * axis
    if isinstance(obj, Tracer) and obj.dtype.kind == "b" and obj.ndim:
        if obj.shape != (n,):
            raise ValueError(
                "boolean array argument obj to delete must be one dimensional and match the axis length of " + str(n)
            )
        return arr[(*before, ~obj)]
    empty = isinstance(obj, list | tuple) and not obj
    unwanted = obj if empty or isinstance(obj, slice) else plain_array(trace, obj, "the places to delete")
    left = np.delete(np.arange(n), unwanted)
    runs = _runs(left)
    if len(runs) == 1:
        return axis_slices(arr, axis, runs)[0].copy()
    if 1 < len(runs) <= MANY_RUNS:
        bounds = [(lo or None, hi if hi < n else None) for lo, hi in runs]
        return concatenate(trace, axis_slices(arr, axis, bounds), axis)
    return arr[(*before, left.tolist() if left.size <= LARGEST_CONSTANT else left)]


@function(np.insert)
@in_steps
def insert(trace: Trace, arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """The pieces between the places, and the values between the pieces."""
    arr, axis = _axis_of(trace, arr, axis)
    n = arr.shape[axis]
    empty = isinstance(obj, list | tuple) and not obj
    where = obj if empty or isinstance(obj, slice) else plain_array(trace, obj, "the places to insert at")
    values = as_tracer(trace, values)
    if isinstance(where, np.ndarray) and where.size == 1 and where.dtype != bool:
        added = reshape(trace, values, (1,) * (arr.ndim - values.ndim) + values.shape)
        added = moveaxis(trace, added, 0, axis) if where.ndim == 0 else added
        count = added.shape[axis]
    else:
        count = np.insert(np.arange(n), where, -1).size - n
        added = values
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    added = broadcast_to(trace, added.astype(arr.dtype), shape)
    order = np.insert(np.arange(n), where, np.arange(n, n + count))  # where each element of the result comes from
    pieces: list[Any] = []
    for lo, hi in itertools.pairwise(_edges(order, n)):
        source, first = (arr, order[lo]) if order[lo] < n else (added, order[lo] - n)
        length = source.shape[axis]
        last = int(first) + hi - lo
        whole = last - first == length
        bounds = (int(first) or None, last if last < length else None)
        pieces.append(source if whole else axis_slices(source, axis, [bounds])[0])
    return concatenate(trace, pieces, axis) if len(pieces) > 1 else (pieces or [arr])[0].copy()


def _edges(order: Any, n: int) -> list[int]:
    """Where runs of neighbours begin, and the end; a run stays on one side of n."""
    jumps = (np.diff(order) != 1) | (order[1:] == n)
    return [0, *(np.flatnonzero(jumps) + 1).tolist(), len(order)] if len(order) else []


@function(np.trim_zeros)
@in_steps
def trim_zeros(trace: Trace, filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """A view without the zeros at the ends; where they end is guarded."""
    filt = as_tracer(trace, filt)
    inside = plain_array(trace, filt != 0, "the places of the zeros")
    counts = np.arange(1, inside.size + 1).reshape(inside.shape) * inside
    keywords = {} if axis is None else {"axis": axis}
    kept = np.trim_zeros(counts, trim, **keywords)  # type: ignore[arg-type]
    if not kept.size:
        return filt[tuple(slice(0, n) for n in kept.shape)]
    corner = _corner(inside, kept.shape, trim, axis)
    return filt[
        tuple(slice(lo or None, lo + n if lo + n < m else None) for lo, n, m in zip(corner, kept.shape, filt.shape))
    ]


def _corner(inside: Any, shape: tuple[int, ...], trim: str, axis: Any) -> list[int]:
    """Where the part of this shape begins."""
    axes = range(inside.ndim) if axis is None else [normalize_axis(int(a), inside.ndim) for a in np.atleast_1d(axis)]
    first = [int(places.min()) for places in np.nonzero(inside)]
    return [first[i] if i in axes and "f" in trim.lower() else 0 for i in range(inside.ndim)]
