"""Rules that leave arrays as they are: a write becomes a new array, put together from the parts that are kept."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..builder import Builder, Value
from ..dims import Dim, at_least, at_most, slice_length
from ..indexing import SLOT, Index, Slice, full_index
from ..op import BY_NAME


class Place(NamedTuple):
    """What an index names along one axis: `length` elements from `start` on, and what lies around them."""

    start: int
    length: int
    inside: Slice = Slice()
    before: Slice | None = None
    after: Slice | None = None
    dropped: bool = False
    backwards: bool = False


def _places(shape: tuple[int, ...], index: Index) -> list[Place] | None:
    """The block that an index names, axis by axis; None if it names no block."""
    if any(entry is SLOT or entry is None for entry in index):
        return None
    found = [_place(n, entry) for n, entry in zip(shape, full_index(index, len(shape), ()))]
    return None if None in found else found  # type: ignore[return-value]


def _place(n: int, entry: Any) -> Place | None:
    if not isinstance(entry, Slice):
        start = n + entry if entry < 0 else entry
        last = entry == -1 or (not isinstance(n, Dim) and start == n - 1)
        around = (None if _is_zero(start) else Slice(None, entry), None if last else Slice(entry + 1, None))
        return Place(start, 1, Slice(entry, None if last else entry + 1), *around, dropped=True)
    start, stop, step = entry.start, entry.stop, entry.step or 1
    if (start, stop) == (None, None) and step in (1, -1):
        return Place(0, n, backwards=step < 0)
    if isinstance(n, Dim):
        if step != 1 or any(isinstance(bound, Dim) for bound in (start, stop)):
            return None
        first = 0 if start is None else at_least(n + start, 0) if start < 0 else at_most(start, n)
        count = slice_length(entry.concrete(), n)
        return Place(first, count, entry, Slice(None, start) if start else None, Slice(stop, None) if stop else None)
    start, stop, step = entry.concrete().indices(n)
    if step not in (1, -1):
        return None
    if step < 0:
        start, stop = stop + 1, start + 1
    stop = max(start, stop)
    after = Slice(_as_written(entry, stop, n), None) if stop < n else None
    inside = Slice(start or None, stop if after else None)
    return Place(start, stop - start, inside, Slice(None, start) if start else None, after, backwards=step < 0)


def _as_written(entry: Slice, stop: int, n: int) -> int:
    """-1 where the user counts from the end."""
    return stop - n if entry.step is None and entry.stop is not None and entry.stop < 0 else stop


def _is_zero(n: int) -> bool:
    return not isinstance(n, Dim) and n == 0


def _block(value: Value, places: list[Place]) -> Value:
    """The value with the shape of the block, and in its order."""
    shape = tuple(place.length for place in places)
    if value.literal is not None:
        return value.builder.emit(BY_NAME["filled"], value=value.literal, shape=shape, dtype=value.dtype)  # type: ignore[no-any-return]
    kept = [axis for axis, place in enumerate(places) if not place.dropped]
    if value.ndim > len(kept):  # NumPy lets ones stand in front
        value = BY_NAME["reshape"](value, shape=value.shape[value.ndim - len(kept) :])
    missing = kept[: len(kept) - value.ndim]
    axes = tuple(axis for axis, place in enumerate(places) if place.dropped or axis in missing)
    if axes and value.ndim:
        value = BY_NAME["expand_dims"](value, axis=axes)
    value = value if value.shape == shape else BY_NAME["broadcast_to"](value, shape=shape)
    backwards = tuple(axis for axis, place in enumerate(places) if place.backwards)
    return BY_NAME["flip"](value, axis=backwards) if backwards else value  # type: ignore[no-any-return]


def _padded(value: Value, shape: tuple[int, ...], places: list[Place]) -> Value:
    """An array of this shape with the value as its block and zeros around it."""
    widths = tuple(
        (place.start if place.before else 0, n - place.start - place.length if place.after else 0)
        for n, place in zip(shape, places)
    )
    plain = all(not place.before and not place.after for place in places)
    return value if plain else BY_NAME["pad"](value, pad_width=widths)  # type: ignore[no-any-return]


def _around(value: Value, like: Value, places: list[Place]) -> Value:
    """An array with the value as its block, and `like` around it."""
    partial = [axis for axis, place in enumerate(places) if place.before or place.after]
    if not partial:
        return value
    axis = partial[0]
    place = places[axis]
    if len(partial) > 1:  # the block's own rows first
        rows = _part(like, axis, place.inside)
        value = _around(value, rows, [*places[:axis], Place(0, place.length), *places[axis + 1 :]])
    before = [_part(like, axis, place.before)] if place.before else []
    after = [_part(like, axis, place.after)] if place.after else []
    return value.builder.emit(BY_NAME["concatenate"], *before, value, *after, axis=axis)  # type: ignore[no-any-return]


def _part(x: Value, axis: int, bounds: Slice) -> Value:
    return BY_NAME["getitem"](x, index=(*[Slice()] * axis, bounds))  # type: ignore[no-any-return]


def _converted(value: Value, x: Value) -> Value:
    """The value with the dtype of the array that it is written into."""
    if value.literal is not None:
        return value.builder.value(x.dtype.type(value.literal))
    if value.type.weak or value.dtype != x.dtype:
        return BY_NAME["astype"](value, dtype=x.dtype)  # type: ignore[no-any-return]
    return value


def written_block(builder: Builder, x: Value, value: Value, *masks: Value, index: Index) -> Value | None:
    """x[1:-1] = value, as the value between the parts that are kept; x[mask] = number, as a choice."""
    if len(masks) == 1 and index == (SLOT,) and masks[0].dtype.kind == "b" and not value.ndim:
        mask = masks[0]
        if mask.ndim < x.ndim:
            mask = BY_NAME["expand_dims"](mask, axis=tuple(range(mask.ndim, x.ndim)))
        chosen: Value = BY_NAME["where"](mask, value, x)
        return chosen if chosen.dtype == x.dtype else None
    places = _places(x.shape, index)
    if places is None or (value.dtype.kind == "c" and x.dtype.kind != "c"):
        return None
    block = _block(_converted(value, x), places)
    return _padded(block, x.shape, places) if _holds_zeros(builder, x) else _around(block, x, places)


def added_block(builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool) -> Value | None:
    """x[1:-1] += value, as x plus the value with zeros around it."""
    places = _places(x.shape, index)
    if places is None:
        return None
    padded = _padded(_block(_converted(value, x), places), x.shape, places)
    return padded if _holds_zeros(builder, x) else x + padded


def _holds_zeros(builder: Builder, x: Value) -> bool:
    made = builder.definition(x, "filled")
    return made is not None and bool(made.params["value"] == 0)


def read_forwards(builder: Builder, x: Value, *arrays: Value, index: Index) -> Value | None:
    """x[::-1] as np.flip of x: not every library reads backwards."""
    entries = full_index(index, x.ndim, [a.type for a in arrays])
    if arrays or not any(isinstance(entry, Slice) and entry.step == -1 for entry in entries):
        return None
    lengths = iter(x.shape)
    forwards: list[Any] = []
    backwards = []
    for entry in entries:
        n = 0 if entry is None else next(lengths)
        if isinstance(entry, Slice) and entry.step == -1:
            backwards.append(sum(not isinstance(e, int) for e in forwards))
            if (entry.start, entry.stop) != (None, None):
                if isinstance(n, Dim):
                    return None
                start, stop, _ = entry.concrete().indices(n)
                entry = Slice(stop + 1, max(start, stop) + 1)
            else:
                entry = Slice()
        forwards.append(entry)
    part = x if all(e == Slice() for e in forwards) else BY_NAME["getitem"](x, index=tuple(forwards))
    return BY_NAME["flip"](part, axis=tuple(backwards))  # type: ignore[no-any-return]
