"""Rules for cotangents of reads: zeros with a few numbers added are never made when they can be added elsewhere."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..indexing import Slot, indexed_shape
from ..op import BY_NAME
from ..program import Equation
from ..types import normalize_axes


def _scatter(builder: Builder, value: Value) -> Equation | None:
    """The index_add into fresh zeros that made the value, if one did."""
    equation = builder.definition(value, "index_add")
    if equation is None:
        return None
    base = builder.definition(Value(builder, equation.operands[0]), "filled")
    return equation if base is not None and base.params["value"] == 0 else None


def _onto(builder: Builder, base: Value, scatter: Equation, amount: Value | None = None) -> Value:
    """What `scatter` adds, added to `base` instead of to zeros."""
    added = amount if amount is not None else Value(builder, scatter.operands[1])
    arrays = [Value(builder, o) for o in scatter.operands[2:]]
    result: Value = builder.emit(BY_NAME["index_add"], base, added, *arrays, **scatter.params)
    return result


def add_scatter(builder: Builder, a: Value, b: Value) -> Value | None:
    """a + scatter(v) = a with v added."""
    for scattered, base in ((b, a), (a, b)):
        scatter = _scatter(builder, scattered)
        if scatter is not None and base.type == scattered.type:
            return _onto(builder, base, scatter)
    return None


def subtract_scatter(builder: Builder, a: Value, b: Value) -> Value | None:
    """scatter(v) - b = -b with v added; a - scatter(v) = a with -v added."""
    scatter = _scatter(builder, b)
    if scatter is not None and a.type == b.type:
        return _onto(builder, a, scatter, -Value(builder, scatter.operands[1]))
    scatter = _scatter(builder, a)
    if scatter is not None and a.type == b.type:
        return _onto(builder, -b, scatter)
    return None


def cancel_scattered_division(builder: Builder, a: Value, b: Value) -> Value | None:
    """scatter(v / p[i]) * p = scatter(v), both at the same index i."""
    for scattered, p in ((a, b), (b, a)):
        scatter = _scatter(builder, scattered)
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
            return _onto(builder, zeros, scatter, left if sign > 0 else -left)
    return None


def sum_of_scatter(builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value | None:
    """The sum of everything scattered is the sum of what was added; one addition in each row is itself."""
    scatter = _scatter(builder, x)
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


SCATTER_RULES: dict[str, tuple[Rule, ...]] = {
    "add": (add_scatter,),
    "subtract": (subtract_scatter,),
    "multiply": (cancel_scattered_division,),
}
