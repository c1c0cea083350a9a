"""Static descriptions of an index: what stands between the brackets, with arrays left as slots for operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dims import has_symbols, slice_length, whole
from .types import ArrayType, Shape, broadcast_shapes


@dataclass(frozen=True, slots=True)
class Slice:
    """A hashable slice (Python's own is not hashable before 3.12)."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None

    def concrete(self) -> slice:
        return slice(self.start, self.stop, self.step)

    def __str__(self) -> str:
        text = f"{_bound(self.start)}:{_bound(self.stop)}"
        return text if self.step is None else f"{text}:{self.step}"


@dataclass(frozen=True, slots=True)
class Slot:
    """An array index, given as the next operand."""


SLOT = Slot()
Entry = int | Slice | Slot | None | type(...)
Index = tuple[Any, ...]


def _bound(value: int | None) -> str:
    return "" if value is None else str(value)


def concrete_index(index: Index, arrays: Sequence[Any]) -> Any:
    """The index as NumPy takes it, with the slots filled."""
    remaining = iter(arrays)
    entries = tuple(
        entry.concrete() if isinstance(entry, Slice) else next(remaining) if isinstance(entry, Slot) else entry
        for entry in index
    )
    return entries[0] if len(entries) == 1 else entries


def index_text(index: Index, first: int) -> str:
    """The index as Python text, slots as {first}, {first + 1}, ..."""
    parts = []
    for entry in index:
        if isinstance(entry, Slot):
            parts.append(f"{{{first}}}")
            first += 1
        else:
            parts.append("..." if entry is Ellipsis else str(entry))
    if not parts:
        return "()"
    return ", ".join(parts)


def full_index(index: Index, ndim: int, array_types: Sequence[ArrayType]) -> Index:
    """The index with the ellipsis and missing trailing entries written out as full slices; IndexError if too long."""
    masks = iter(array_types)
    used = 0
    for entry in index:
        if isinstance(entry, Slot):
            type_ = next(masks)
            used += type_.ndim if type_.dtype.kind == "b" else 1
        elif entry is not None and entry is not Ellipsis:
            used += 1
    if used > ndim:
        raise IndexError(f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed")
    fill = (Slice(),) * (ndim - used)
    if Ellipsis not in index:
        return index + fill
    at = index.index(Ellipsis)
    return index[:at] + fill + index[at + 1 :]


def indexed_shape(shape: Shape, index: Index, array_types: Sequence[ArrayType]) -> Shape:
    """The shape of `x[index]`, by NumPy's rules for basic and advanced indexing.

    A boolean mask is allowed only where its number of true entries does not matter to the caller (in-place writes);
    it counts as one axis of unknown length, given as -1.
    """
    entries = full_index(index, len(shape), array_types)
    arrays = iter(array_types)
    advanced = any(isinstance(e, Slot) for e in entries)
    result: list[int] = []
    index_shapes: list[Shape] = []
    place: int | None = None
    separated = closed = False
    axis = 0
    for entry in entries:
        if isinstance(entry, Slot) or (advanced and isinstance(entry, int)):
            if place is None:
                place = len(result)
            elif closed:
                separated = True
            if isinstance(entry, Slot):
                type_ = next(arrays)
                if type_.dtype.kind == "b":
                    if type_.shape != shape[axis : axis + type_.ndim]:
                        raise IndexError(
                            f"boolean index of shape {type_.shape} does not match the indexed array of shape {shape}"
                        )
                    index_shapes.append((-1,))
                    axis += type_.ndim
                    continue
                if type_.dtype.kind not in "iu":
                    raise IndexError("arrays used as indices must be of integer (or boolean) type")
                index_shapes.append(type_.shape)
            else:
                _check_integer(entry, axis, shape)
            axis += 1
            continue
        closed = place is not None
        if entry is None:
            result.append(1)
        elif isinstance(entry, Slice):
            result.append(slice_length(entry.concrete(), shape[axis]))
            axis += 1
        else:
            _check_integer(entry, axis, shape)
            axis += 1
    if place is None:
        return tuple(result)
    broadcast = _broadcast_index_shapes(index_shapes)
    if separated:
        return broadcast + tuple(result)
    return tuple(result[:place]) + broadcast + tuple(result[place:])


def _broadcast_index_shapes(shapes: list[Shape]) -> Shape:
    known = [shape for shape in shapes if shape != (-1,)]
    try:
        if shapes and len(known) < len(shapes):
            others = broadcast_shapes(*known) if known else ()
            return others if others and others[-1] != 1 else broadcast_shapes(others, (-1,))  # as many as it chooses
        return broadcast_shapes(*shapes) if shapes else ()
    except ValueError:
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {' '.join(map(str, shapes))}"
        ) from None


def _check_integer(entry: int, axis: int, shape: Shape) -> None:
    if not -shape[axis] <= entry < shape[axis]:
        raise IndexError(f"index {entry} is out of bounds for axis {axis} with size {shape[axis]}")


def bounds_of(index: Index) -> list[int]:
    """The numbers in an index."""
    bounds = [b for e in index if isinstance(e, Slice) for b in (e.start, e.stop, e.step) if b is not None]
    return bounds + [e for e in index if isinstance(e, int)]


_INTEGERS, _BOOLEANS = (int, np.integer), (bool, np.bool_)


def encode_entry(entry: Any) -> Any:
    """One static entry of an index (int, slice, None, Ellipsis) in its hashable form; TypeError for anything else."""
    if entry is None or entry is Ellipsis:
        return entry
    if isinstance(entry, slice):
        return Slice(*(None if b is None else whole(b) for b in (entry.start, entry.stop, entry.step)))
    if isinstance(entry, _INTEGERS) and not isinstance(entry, _BOOLEANS):
        return whole(entry)
    raise TypeError(f"{entry!r} is not an index")


def _slice_of(places: range) -> Slice:
    """A slice that names exactly these places, from the first to the last."""
    if not places:
        return Slice(0, 0)
    stop = places.start + len(places) * places.step
    return Slice(places.start, stop if stop >= 0 else None, places.step if places.step != 1 else None)


def index_of_part(outer: Index, inner: Index, shape: Shape, arrays: Sequence[ArrayType]) -> Index | None:
    """The one index k with `x[k]` the same places as `x[outer][inner]`, for a basic `outer` of as many entries as x has
    axes; None where no such index lays them out in the same order."""
    if None in outer or None in inner or len(outer) != len(shape) or any(a.dtype.kind == "b" for a in arrays):
        return None
    if has_symbols((*shape, *bounds_of(outer), *bounds_of(inner))):
        return None
    kept = [range(n)[e.concrete()] for e, n in zip(outer, shape, strict=True) if isinstance(e, Slice)]
    entries = list(full_index(inner, len(kept), arrays))
    found: list[Any] = []
    for entry, n in zip(outer, shape, strict=True):
        if isinstance(entry, int):
            found.append(entry)
            continue
        places, asked = kept.pop(0), entries.pop(0)
        if isinstance(asked, Slot):
            if places != range(n):
                return None
            found.append(asked)
        elif isinstance(asked, int):
            found.append(places[asked])
        else:
            chosen = places[asked.concrete()]
            found.append(Slice() if chosen == range(n) else _slice_of(chosen))
    advanced = [i for i, e in enumerate(found) if isinstance(e, int | Slot)]
    if arrays and advanced[-1] - advanced[0] + 1 != len(advanced):
        return None  # the axis of the arrays would come first
    while found and found[-1] == Slice():
        found.pop()
    return tuple(found) or (Ellipsis,)
