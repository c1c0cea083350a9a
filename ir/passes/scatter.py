"""Rules for cotangents of reads: zeros with a few numbers added are never made when they can be added elsewhere."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..indexing import SLOT, Index, Slice, Slot, indexed_shape
from ..op import BY_NAME
from ..program import Equation
from ..sizes import reaches
from ..types import normalize_axes

MANY = 4096  # numbers to be added, from which on it matters how
NARROW = 8  # columns that are added one by one


def scatter_of(builder: Builder, value: Value) -> Equation | None:
    """The index_add into fresh zeros that made the value, if one did."""
    equation = builder.definition(value, "index_add")
    if equation is None:
        return None
    base = builder.definition(Value(builder, equation.operands[0]), "filled")
    return equation if base is not None and base.params["value"] == 0 else None


def onto(builder: Builder, base: Value, scatter: Equation, amount: Value | None = None) -> Value:
    """What `scatter` adds, added to `base` instead of to zeros."""
    added = amount if amount is not None else Value(builder, scatter.operands[1])
    arrays = [Value(builder, o) for o in scatter.operands[2:]]
    result: Value = builder.emit(BY_NAME["index_add"], base, added, *arrays, **scatter.params)
    return result


@looks_into("index_add")
def add_scatter(builder: Builder, a: Value, b: Value) -> Value | None:
    """a + scatter(v) = a with v added, also where more than one v was added to the zeros."""
    for scattered, base in ((b, a), (a, b)):
        scatters = _all_scatters(builder, scattered) if base.type == scattered.type else []
        if scatters:
            for scatter in reversed(scatters):
                base = onto(builder, base, scatter)
            return base
    return None


def _all_scatters(builder: Builder, value: Value) -> list[Equation]:
    """The additions into fresh zeros that made the value, the last one first, if nothing reads what is between."""
    found = []
    made = builder.definition(value, "index_add")
    while made is not None:
        found.append(made)
        before = Value(builder, made.operands[0])
        zeros = builder.definition(before, "filled")
        if zeros is not None:
            return found if zeros.params["value"] == 0 else []
        made = None if before.atom in builder.shared else builder.definition(before, "index_add")
    return []


@looks_into("index_add")
def subtract_scatter(builder: Builder, a: Value, b: Value) -> Value | None:
    """scatter(v) - b = -b with v added; a - scatter(v) = a with -v added."""
    scatter = scatter_of(builder, b)
    if scatter is not None and a.type == b.type and not _adds_more_than_it_has(scatter):
        return onto(builder, a, scatter, -Value(builder, scatter.operands[1]))
    scatter = scatter_of(builder, a)
    if scatter is not None and a.type == b.type:
        return onto(builder, -b, scatter)
    return None


@looks_into("index_add")
def cancel_scattered_division(builder: Builder, a: Value, b: Value) -> Value | None:
    """scatter(v / p[i]) * p = scatter(v), both at the same index i."""
    for scattered, p in ((a, b), (b, a)):
        scatter = scatter_of(builder, scattered)
        if scatter is None or p.type != scattered.type:
            continue
        sign, amount = 1, Value(builder, scatter.operands[1])
        negated = builder.definition(amount, "negative")
        if negated is not None:
            sign, amount = -1, Value(builder, negated.operands[0])
        quotient = builder.definition(amount, "divide")
        if quotient is None:
            continue
        read = builder.definition(Value(builder, quotient.operands[1]), "getitem")
        same_place = (
            read is not None
            and read.operands[0] is p.atom
            and read.operands[1:] == scatter.operands[2:]
            and read.params["index"] == scatter.params["index"]
        )
        if same_place:
            left = Value(builder, quotient.operands[0])
            zeros = Value(builder, scatter.operands[0])
            return onto(builder, zeros, scatter, left if sign > 0 else -left)
    return None


def sum_of_scatter(builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value | None:
    """The sum of everything scattered is the sum of what was added; one addition in each row is itself."""
    scatter = scatter_of(builder, x)
    if scatter is None or not x.type.inexact:
        return None
    added = Value(builder, scatter.operands[1])
    arrays = [Value(builder, o) for o in scatter.operands[2:]]
    if any(a.dtype.kind == "b" for a in arrays):
        return None
    index = scatter.params["index"]
    axes = normalize_axes(axis, x.ndim)
    shape = indexed_shape(x.shape, index, [a.type for a in arrays])
    if len(axes) == x.ndim and not keepdims:
        count = 1
        for n in shape:
            count *= n
        if added.literal is not None and added.dtype.kind in "if":
            return builder.value(x.dtype.type(added.literal * count))
        if added.type == x.type.with_shape(()):
            return added * count if count != 1 else added
        total: Value | None = builder.emit(BY_NAME["sum"], added) if added.type == x.type.with_shape(shape) else None
        return total
    one_per_row = (
        x.ndim == 2
        and axes == (1,)
        and len(arrays) == 2
        and all(isinstance(entry, Slot) for entry in index)
        and is_every_row(builder, arrays[0], x.shape[0])
        and arrays[1].shape in (arrays[0].shape, ())
    )
    if one_per_row and added.ndim == 0:
        strong = added if added.type == x.type.with_shape(()) else builder.emit(BY_NAME["astype"], added, dtype=x.dtype)
        rows: Value = builder.emit(BY_NAME["broadcast_to"], strong, shape=(shape[0], 1) if keepdims else shape)
        return rows
    if one_per_row and added.type == x.type.with_shape(shape):
        if not keepdims:
            return added
        column: Value = builder.emit(BY_NAME["expand_dims"], added, axis=(1,))
        return column
    return None


def is_every_row(builder: Builder, rows: Value, n: int) -> bool:
    made = builder.definition(rows, "arange")
    return made is not None and (made.params["start"], made.params["stop"], made.params["step"]) == (0, n, 1)


def _adds_more_than_it_has(scatter: Equation) -> bool:
    """Whether fewer numbers are negated afterwards than before."""
    into, value = scatter.operands[0].type, scatter.operands[1].type
    return not scatter.params["distinct"] and reaches(value.size, MANY) and value.size >= 2 * into.size


def negative_scattered(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool
) -> Value | None:
    """scatter(-v) = -scatter(v), where fewer numbers are negated then."""
    made, zeros = builder.definition(value, "negative"), builder.definition(x, "filled")
    if made is None or value.atom in builder.shared or zeros is None or zeros.params["value"] != 0:
        return None
    if distinct or not reaches(value.size, MANY) or value.size < 2 * x.size or value.type.shape == ():
        return None
    added: Value = builder.emit(
        BY_NAME["index_add"], x, Value(builder, made.operands[0]), *arrays, index=index, distinct=False
    )
    return -added


def scatter_parts(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool
) -> Value | None:
    """Rows put together from a few columns are scattered part by part: they need not be put together."""
    if distinct or index != (SLOT,) or x.ndim != 2 or arrays[0].ndim != 1 or arrays[0].dtype.kind not in "iu":
        return None
    if value.type != x.type.with_shape((*arrays[0].shape, x.shape[1])):
        return None
    if not reaches(value.size, MANY) or not 2 <= x.shape[1] <= NARROW:
        return None
    parts: list[tuple[Value, Slice | int]] = []
    while builder.definition(value, "filled") is None:
        made = builder.definition(value, "index_add")
        if made is None or value.atom in builder.shared or len(made.operands) != 2:
            return None
        place = made.params["index"]
        if len(place) != 2 or place[0] != Slice() or not isinstance(place[1], Slice | int):
            return None
        part = Value(builder, made.operands[1])
        if part.type != value.type.with_shape(indexed_shape(value.shape, place, ())):
            return None
        parts.append((part, place[1]))
        value = Value(builder, made.operands[0])
    zeros = builder.definition(value, "filled")
    if zeros is None or zeros.params["value"] != 0 or not parts:
        return None
    for part, columns in reversed(parts):
        x = builder.emit(BY_NAME["index_add"], x, part, *arrays, index=(SLOT, columns), distinct=False)
    return x


SCATTER_RULES: dict[str, tuple[Rule, ...]] = {
    "add": (add_scatter,),
    "subtract": (subtract_scatter,),
    "multiply": (cancel_scattered_division,),
    "index_add": (scatter_parts, negative_scattered),
}
