"""Indexing in a batch: one more axis in front, and where the index differs between examples, one more index for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..batching import Batch, insert_axes
from ..builder import Value
from ..indexing import SLOT, Index, Slice, Slot, full_index, indexed_shape
from ..op import BY_NAME
from ..types import Shape


@dataclass(frozen=True, slots=True)
class _Indexed:
    """An index into the batch; `order` puts the axes of what it selects into those of (batch, *one example's)."""

    arrays: tuple[Value, ...]
    index: Index
    order: tuple[int, ...]


def _indexed(batch: Batch, arrays: Sequence[Value], flags: Sequence[bool], index: Index, shape: Shape) -> _Indexed:
    """The index of one example of this shape, for all of them."""
    types = batch.types[len(batch.types) - len(arrays) :]
    selected = len(indexed_shape(shape, index, types))
    if not any(flags):
        if not arrays:
            return _Indexed((), (Slice(), *index), tuple(range(selected + 1)))
        at, rank = _advanced_axes(index, len(shape), types)
        if at > 0 or not _is_separated(index, len(shape), types):
            return _Indexed(tuple(arrays), (Slice(), *index), tuple(range(selected + 1)))
        return _Indexed(tuple(arrays), (Slice(), *index), (rank, *range(rank), *range(rank + 1, selected + 1)))
    if any(t.dtype.kind == "b" for t in types):
        raise batch.refuse("a mask beside an index that differs from example to example is not batched")
    at, rank = _advanced_axes(index, len(shape), types)
    aligned = [insert_axes(a, 1, rank - t.ndim) if f else a for a, t, f in zip(arrays, types, flags, strict=True)]
    numbers = BY_NAME["arange"]
    examples: Value = batch.builder.emit(numbers, start=0, stop=batch.size, step=1)
    examples = insert_axes(examples, 1, rank)
    entries = full_index(index, len(shape), types)
    while entries and entries[-1] == Slice():
        entries = entries[:-1]
    order = (0, *range(rank + 1, rank + 1 + at), *range(1, rank + 1), *range(rank + 1 + at, selected + 1))
    return _Indexed((examples, *aligned), (SLOT, *entries), order)


def _advanced_axes(index: Index, ndim: int, types: Sequence[Any]) -> tuple[int, int]:
    """Where among the axes that are selected those of the index arrays stand, and how many they are."""
    rank = max(1 if t.dtype.kind == "b" else t.ndim for t in types)
    if _is_separated(index, ndim, types):
        return 0, rank
    place = 0
    for entry in full_index(index, ndim, types):
        if isinstance(entry, Slot | int):
            break
        place += 1
    return place, rank


def _is_separated(index: Index, ndim: int, types: Sequence[Any]) -> bool:
    """Whether slices stand between index arrays, so that NumPy puts their axes in front."""
    entries = full_index(index, ndim, types)
    places = [i for i, entry in enumerate(entries) if isinstance(entry, Slot | int)]
    return places != list(range(places[0], places[-1] + 1))


def read_batch(batch: Batch, x: Value, *arrays: Value, index: Index) -> Value:
    """Every example's x[index]."""
    getitem = BY_NAME["getitem"]
    if not batch.batched[0] and any(batch.batched[1:]) and not _needs_examples(batch, index):
        return _arranged(getitem(x, *_aligned(batch, arrays), index=index), _order_of_gather(batch, index))
    where = _indexed(batch, arrays, batch.batched[1:], index, batch.types[0].shape)
    return _arranged(getitem(batch.full(x, 0), *where.arrays, index=where.index), where.order)


def _needs_examples(batch: Batch, index: Index) -> bool:
    return any(t.dtype.kind == "b" for t in batch.types[1:])


def _aligned(batch: Batch, arrays: Sequence[Value]) -> list[Value]:
    rank = max(t.ndim for t in batch.types[1:])
    return [batch.aligned(a, i + 1, rank) for i, a in enumerate(arrays)]


def _order_of_gather(batch: Batch, index: Index) -> tuple[int, ...]:
    """The batch is the first axis of the index arrays: it goes to the front of the result."""
    at, _ = _advanced_axes(index, batch.types[0].ndim, batch.types[1:])
    return (at, *range(at), *range(at + 1, batch.out.ndim + 1))


def _arranged(x: Value, order: tuple[int, ...]) -> Value:
    return x if order == tuple(range(x.ndim)) else BY_NAME["transpose"](x, axes=order)


def write_batch(batch: Batch, x: Value, value: Value, *arrays: Value, index: Index, **params: Any) -> Value:
    """Every example's x with the value written to, or added at, the index."""
    flags = batch.batched[2:]
    masks = [flag for t, flag in zip(batch.types[2:], flags, strict=True) if t.dtype.kind == "b"]
    if any(masks) or (masks and batch.batched[1]):
        return _masked(batch, x, value, arrays, index)
    shape = batch.types[0].shape
    where = _indexed(batch, arrays, flags, index, shape)
    placed = len(indexed_shape(shape, index, batch.types[2:]))
    value = _value_at(batch, value, placed, where.order)
    written: Value = batch.builder.emit(
        batch.equation.op, batch.full(x, 0), value, *where.arrays, index=where.index, **params
    )
    return written


def _value_at(batch: Batch, value: Value, placed: int, order: tuple[int, ...]) -> Value:
    """What is written, with its axes as the indexed place of the batch has them."""
    type_ = batch.types[1]
    if batch.batched[1]:
        if type_.ndim > placed:
            value = BY_NAME["reshape"](value, shape=(batch.size, *type_.shape[type_.ndim - placed :]))
        value = batch.aligned(value, 1, placed)
    elif order == tuple(range(placed + 1)) or not type_.ndim:
        return value
    else:
        if type_.ndim > placed:
            value = BY_NAME["reshape"](value, shape=type_.shape[type_.ndim - placed :])
        value = insert_axes(value, 0, placed + 1 - value.ndim)
    inverse = tuple(order.index(i) for i in range(len(order)))
    return _arranged(value, inverse)


def _masked(batch: Batch, x: Value, value: Value, arrays: Sequence[Value], index: Index) -> Value:
    """x[mask] = number and x[mask] += number where mask or number differ: a choice, element by element."""
    differs = any(batch.batched[2:])
    if batch.types[1].ndim or (differs and index != (SLOT,)):
        raise batch.refuse(
            "how many elements a mask selects differs from example to example; "
            "write one number to y[mask] with no other index beside the mask, or use np.where"
        )
    rank = batch.types[0].ndim
    mask, value = arrays[0], batch.aligned(value, 1, rank)
    if index != (SLOT,):
        nowhere = batch.builder.emit(BY_NAME["filled"], value=False, shape=batch.types[0].shape, dtype=np.dtype(bool))
        mask = BY_NAME["set_item"](nowhere, True, *arrays, index=index)
    mask = insert_axes(mask, mask.ndim, rank + differs - mask.ndim)
    adds = batch.equation.op.name == "index_add"
    chosen: Value = BY_NAME["where"](mask, x + value if adds else value, x)
    return chosen


def survives_batch(batch: Batch, *arrays: Value, index: Index, shape: Shape) -> Value:
    """Which writes of each example are not overwritten by later ones."""
    where = _indexed(batch, arrays, batch.batched, index, shape)
    last = BY_NAME["survives"](*where.arrays, index=where.index, shape=(batch.size, *shape))
    return _arranged(last, where.order)
