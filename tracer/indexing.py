"""What stands between the user's brackets, split into a static index and array operands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Value
from ..ir.indexing import SLOT, Index, Slice, encode_entry, full_index, indexed_shape
from ..ir.ops.masks import mask_places
from ..ir.ops.reduction import count_nonzero
from ..ir.ops.shape import arange
from .errors import UnsupportedError, explain

if TYPE_CHECKING:
    from .trace import Trace


_ARRAYS = (np.ndarray, list, tuple, range, np.bool_, bool)  # what indexes as an array does


def encode_index(trace: Trace, shape: tuple[int, ...], key: Any) -> tuple[Index, list[Value]]:
    """The index with arrays as slots. Lists are arrays, single traced integers stay traced, numbers are static."""
    from .array import Tracer, lift

    entries = key if isinstance(key, tuple) else (key,)
    index: list[Any] = []
    arrays: list[Value] = []
    for entry in entries:
        traced = isinstance(entry, Tracer)
        if traced or isinstance(entry, _ARRAYS):
            if isinstance(entry, range):
                value = trace.emit_unnamed(arange, start=entry.start, stop=entry.stop, step=entry.step)
            elif isinstance(entry, list | tuple):
                if not any(isinstance(e, Tracer) for e in entry):
                    entry = np.asarray(entry, dtype=None if entry else np.intp)
                    value = _constant(trace, entry)
                else:
                    value = lift(trace, entry)
            else:
                value = lift(trace, np.bool_(entry) if isinstance(entry, bool) else entry)
            if value.dtype.kind not in "biu":
                raise IndexError("arrays used as indices must be of integer (or boolean) type")
            index.append(SLOT)
            arrays.append(value)
        else:
            try:
                index.append(encode_entry(entry))
            except TypeError:
                raise IndexError(
                    "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays index an array"
                ) from None
    if any(a.dtype.kind == "b" for a in arrays):
        indexed_shape(shape, tuple(index), [a.type for a in arrays])  # a mask has the shape of what it chooses from
    return tuple(index), arrays


def computed_entries(key: Any) -> Iterator[Any]:
    """The entries of an index that are not known numbers, slices, None or the ellipsis."""
    entries = key if isinstance(key, tuple) else (key,)
    basic = (int, np.integer, slice, type(None), type(Ellipsis))
    return (e for e in entries if isinstance(e, bool) or not isinstance(e, basic))


def added_dims(index: Index, ndim: int) -> tuple[int, ...]:
    """The new axes of an index that does nothing else, `[:, None]` or `[..., None]`; () for any other index."""
    if None not in index or any(e not in (None, Ellipsis, Slice()) for e in index):
        return ()
    entries = full_index(index, ndim, ())
    return tuple(i for i, entry in enumerate(entries) if entry is None)


def _constant(trace: Trace, array: np.ndarray[Any, Any]) -> Value:
    from .creation import constant_value

    with trace.steps_unnamed():
        return constant_value(trace, array)


def places_of_mask(
    trace: Trace, shape: tuple[int, ...], index: Index, arrays: list[Value]
) -> tuple[Index, list[Value]]:
    """Each boolean mask replaced by the integer places it selects; their number is guarded."""
    remaining = iter(arrays)
    entries: list[Any] = []
    found: list[Value] = []
    for entry in index:
        if entry is not SLOT and entry != SLOT:
            entries.append(entry)
            continue
        array = next(remaining)
        if array.dtype.kind != "b":
            entries.append(SLOT)
            found.append(array)
            continue
        if not array.ndim:
            cause = "a single condition as an index is not supported"
            raise UnsupportedError(explain(cause, trace.origin(), "np.where(c, x, 0)", "unsupported"))
        count = trace.number(
            trace.emit_unnamed(count_nonzero, array, axis=None, keepdims=False), "the number of true entries"
        )
        for axis in range(array.ndim):
            entries.append(SLOT)
            found.append(trace.emit_unnamed(mask_places, array, axis=axis, count=count))
    return tuple(entries), found
