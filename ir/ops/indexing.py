"""Reading and writing parts of arrays: the adjoint of a read is a scatter-add, that of a write is a read."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..builder import Value
from ..dims import Dim
from ..indexing import SLOT, Index, Slice, Slot, concrete_index, index_text, indexed_shape
from ..kernels import add_rows, at_numbers, last_write
from ..op import NONDIFF, op
from ..sizes import reaches
from ..types import ArrayType, Shape, normalize_axis, result_dtype
from .batched_indexing import read_batch, survives_batch, write_batch
from .elementwise import where
from .reduction import sum_
from .shape import arange as _arange
from .shape import expand_dims, filled, zeros

NARROW = 1024  # bytes of a row
MANY = 4096  # numbers to be added, from which on a kernel of our own pays


def _getitem(x: Any, *arrays: Any, index: Index) -> Any:
    return x[concrete_index(index, arrays)]


def _getitem_text(x: ArrayType, *arrays: ArrayType, index: Index) -> str:
    if index == (SLOT,) and x.ndim > 1 and _takes_narrow_rows(x, arrays[0]):
        return "{0}.take({1}, axis=0)"
    return f"{{0}}[{index_text(index, 1)}]"


def _takes_narrow_rows(x: ArrayType, index: ArrayType) -> bool:
    """Whether take, which copies row by row, is quicker than an index, which does so number by number.

    take makes a table contiguous first, which few rows of a large one are not worth.
    """
    width = prod(x.shape[1:])
    whole = index.dtype.kind == "i" or (index.dtype.kind == "u" and index.dtype.itemsize < 8)
    narrow = not isinstance(width, Dim) and width > 1 and width * x.dtype.itemsize <= NARROW
    return whole and narrow and reaches(index.size, 64) and index.size * 8 >= x.shape[0]


@op(name="getitem", batch=read_batch, fun=_getitem, python=_getitem_text, view=True, uniform=True)
def getitem(x: ArrayType, *arrays: ArrayType, index: Index) -> ArrayType:
    shape = indexed_shape(x.shape, index, arrays)
    if -1 in shape:
        raise IndexError("how many elements a boolean mask selects is not known from its type")
    return x.with_shape(shape)


@getitem.vjp
def getitem_vjp(g: Value, y: Value, x: Value, *arrays: Value, index: Index) -> tuple[Value | None, ...]:
    axes = _axes_of_one(index, x.shape)
    if axes is not None:  # every element is read
        return (expand_dims(g, axis=axes) if axes and g.ndim == y.ndim else g,)
    added = index_add(zeros(x), g, *arrays, index=index, distinct=distinct(arrays))
    return (added, *[None] * len(arrays))


def _axes_of_one(index: Index, shape: Shape) -> tuple[int, ...] | None:
    """The axes of one entry that an index takes out, if it takes all others in full; None for any other index."""
    taken = []
    for axis, entry in enumerate(index):
        if entry in (0, -1) and type(entry) is int and shape[axis] == 1:
            taken.append(axis)
        elif entry != Slice():
            return None
    return tuple(taken)


def check_fits(value: ArrayType, shape: Shape) -> None:
    """A value written into a place of this shape must broadcast to it (leading ones may be dropped)."""
    trimmed = value.shape
    while len(trimmed) > len(shape) and trimmed[0] == 1:
        trimmed = trimmed[1:]
    fits = len(trimmed) <= len(shape) and -1 not in shape
    if fits and all(m in (1, n) for m, n in zip(reversed(trimmed), reversed(shape), strict=False)):
        return
    if value.ndim or -1 not in shape:
        raise ValueError(f"could not broadcast input array from shape {value.shape} into shape {shape}")


def _set_item(x: Any, value: Any, *arrays: Any, index: Index) -> Any:
    result = np.array(x)
    result[concrete_index(index, arrays)] = value
    return result


def _set_item_text(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index) -> str:
    return f"{{0}}[{index_text(index, 2)}] = {{1}}"


@op(name="set_item", batch=write_batch, fun=_set_item, python="{0}", update=_set_item_text)
def set_item(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index) -> ArrayType:
    check_fits(value, indexed_shape(x.shape, index, arrays))
    return x.strong()


def distinct(arrays: tuple[Value, ...]) -> bool:
    """Whether no place can be named twice: slices, masks and single numbers never do, nor arrays beside a range
    or beside different numbers, nor all the places of one mask."""
    many = [a for a in arrays if a.dtype.kind != "b" and a.ndim]
    if len(many) == 1 and _permutes(many[0]):
        return True
    ranges = [a for a in many if a.builder.definition(a, "arange") is not None or _is_written_once(a)]
    if not many or (ranges and all(a.shape == ranges[0].shape for a in many)):
        return True
    places = [a.builder.definition(a, "mask_places") for a in many]
    masks = {p.operands[0] for p in places if p is not None}
    return None not in places and len(masks) == 1 and len(many) == next(iter(masks)).type.ndim


def _is_written_once(places: Value) -> bool:
    """Whether the places are written out in the text, each of them once."""
    made = places.builder.definition(places, "constant")
    numbers = np.ravel(made.params["values"]) if made is not None else np.array([-1])
    return bool(numbers.size and numbers.min() >= 0 and len(set(numbers.tolist())) == numbers.size)


def _permutes(places: Value) -> bool:
    """Whether the places come from sorting a row, all of them or a slice."""
    made = places.builder.definition(places)
    while made is not None and made.op.name == "getitem" and len(made.operands) == 1:
        made = places.builder.definition(Value(places.builder, made.operands[0]))
    if made is None or made.out.type.ndim != 1:
        return False
    return made.op.name in ("argsort", "argpartition", "lexsort") or made.params.get("part") == "index"


@set_item.vjp
def set_item_vjp(g: Value, y: Value, x: Value, value: Value, *arrays: Value, index: Index) -> tuple[Value | None, ...]:
    """The old value loses what was overwritten; the new one gets it, once: of repeated places the last write counts."""
    if value.literal is not None:
        dvalue = None
    elif any(a.dtype.kind == "b" for a in arrays):
        dvalue = _sum_masked(g, arrays, index)
    else:
        dvalue = getitem(g, *arrays, index=index)
        if not distinct(arrays):
            dvalue = where(survives(*arrays, index=index, shape=x.shape), dvalue, 0)
        dvalue = _with_leading_ones(dvalue, value)
    dx = set_item(g, 0, *arrays, index=index)  # after the read, so that it can be done in place
    return (dx, dvalue, *[None] * len(arrays))


def _with_leading_ones(cotangent: Value, value: Value) -> Value:
    """NumPy lets a written value have more dimensions than its place, if they are of length 1."""
    missing = value.ndim - cotangent.ndim
    return expand_dims(cotangent, axis=tuple(range(missing))) if missing > 0 else cotangent


def _sum_masked(g: Value, arrays: tuple[Value, ...], index: Index) -> Value:
    """The sum of g[index] for an index with a mask, whatever the number of its true entries."""
    mask = arrays[0]
    if index != (SLOT,):
        nowhere = g.builder.emit(filled, value=False, shape=g.shape, dtype=np.dtype(bool))
        mask = set_item(nowhere, True, *arrays, index=index)
    elif g.ndim > mask.ndim:
        mask = expand_dims(mask, axis=tuple(range(mask.ndim, g.ndim)))
    return sum_(where(mask, g, 0))


def _survives(*arrays: Any, index: Index, shape: Shape) -> Any:
    return last_write(shape, concrete_index(index, arrays))


def _survives_text(*arrays: ArrayType, index: Index, shape: Shape) -> str:
    return f"last_write({shape}, np.index_exp[{index_text(index, 0)}])"


@op(name="survives", batch=survives_batch, fun=_survives, python=_survives_text, rule=NONDIFF, helpers=(last_write,))
def survives(*arrays: ArrayType, index: Index, shape: Shape) -> ArrayType:
    written = indexed_shape(shape, index, arrays)
    if -1 in written:
        raise IndexError("how many elements a boolean mask selects is not known from its type")
    return ArrayType(written, np.dtype(bool))


def _index_add(x: Any, value: Any, *arrays: Any, index: Index, distinct: bool) -> Any:
    result = np.array(x)
    np.add.at(result, concrete_index(index, arrays), value)
    return result


def _index_add_text(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index, distinct: bool) -> str:
    target = index_text(index, 2)
    if distinct:
        return f"{{0}}[{target}] += {{1}}"
    if isinstance(index[0], Slot) and all(isinstance(entry, Slice) for entry in index[1:]):
        rows = (Slice(), *index[1:])
        if _adds_many_rows(x.with_shape(indexed_shape(x.shape, rows, ())), value, arrays[0]):
            return f"add_rows({{0}}{f'[{index_text(rows, 0)}]' if index[1:] else ''}, {{2}}, {{1}})"
    if len(index) == 2 and isinstance(index[0], Slot) and type(index[1]) is int:
        return f"np.add.at({{0}}[:, {index[1]}], {{2}}, {{1}})"
    if len(index) == 1 and isinstance(index[0], Slot):
        return f"np.add.at({{0}}, {target}, {{1}})"
    apart = any(isinstance(entry, Slice) or entry is Ellipsis for entry in index)
    target = f"np.index_exp[{target}]" if apart else f"({target})"
    return f"{'at_numbers(np.add, ' if many_numbers(x, value, arrays) else 'np.add.at('}{{0}}, {target}, {{1}})"


def _adds_many_rows(x: ArrayType, value: ArrayType, places: ArrayType) -> bool:
    """Whether so many rows of a table are added to that NumPy's np.add.at is worth being avoided."""
    rows = places.dtype.kind in "iu" and places.ndim > 0 and value.shape == places.shape + x.shape[1:]
    one_line = x.ndim == places.ndim == 1
    return rows and not one_line and x.size > 0 and value.dtype == x.dtype and reaches(value.size, MANY)


def many_numbers(x: ArrayType, value: ArrayType, arrays: tuple[ArrayType, ...]) -> bool:
    """Whether so many numbers, not much fewer than the array has, meet it that a ufunc's .at is worth being avoided."""
    known = not isinstance(x.size, Dim) and not isinstance(value.size, Dim) and value.dtype == x.dtype
    return known and all(a.dtype.kind in "iu" for a in arrays) and value.size >= MANY and 4 * value.size >= x.size > 0


@op(
    name="index_add",
    batch=write_batch,
    fun=_index_add,
    python="{0}",
    update=_index_add_text,
    helpers=(add_rows, at_numbers),
)
def index_add(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index, distinct: bool = False) -> ArrayType:
    """x with `value` added at the index; places named more than once collect every addition (np.add.at).

    `distinct` promises that no place is named twice.
    """
    shape = indexed_shape(x.shape, index, arrays)
    check_fits(value, shape)
    if value.ndim > len(shape):
        raise ValueError(f"cannot add shape {value.shape} into shape {shape}")
    dtype = result_dtype(x, value)
    if dtype != x.dtype:
        raise TypeError(f"cannot add {value} into an array of {x.dtype}")
    return x.strong()


@index_add.vjp
def index_add_vjp(
    g: Value, y: Value, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool
) -> tuple[Value | None, ...]:
    if any(a.dtype.kind == "b" for a in arrays):
        return (g, _sum_masked(g, arrays, index), *[None] * len(arrays))
    dvalue = _with_leading_ones(getitem(g, *arrays, index=index), value)
    return (g, dvalue, *[None] * len(arrays))


def slice_along(x: Value, axis: int, start: int, stop: int) -> Value:
    """x[..., start:stop, ...] along one axis."""
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    bounds = Slice(start or None, stop if stop < n else None)
    return x if bounds == Slice() else getitem(x, index=(*[Slice()] * axis, bounds))


def take_at(x: Value, axis: int, place: int) -> Value:
    """x[..., place, ...] along one axis."""
    return getitem(x, index=(*[Slice()] * normalize_axis(axis, x.ndim), place))


def arange(like: Value, stop: int) -> Value:
    """0, 1, ... stop - 1 as a value of the program that `like` belongs to."""
    value: Value = like.builder.emit(_arange, start=0, stop=stop, step=1)
    return value
