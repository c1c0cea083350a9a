"""Rules for reads of what was written: the value that was stored, or the array before writes that lie elsewhere."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..dims import Dim
from ..indexing import Index, Slice, bounds_of
from ..op import BY_NAME
from ..program import Equation
from ..types import Shape

LONGEST_CHAIN = 32  # writes that a read may look past; all or nothing, or the old array would have to be kept


def _span(entry: object, n: int) -> range | None:
    if isinstance(n, Dim) or not all(type(b) is int for b in bounds_of((entry,))):
        return None  # x[0] and x[-1] are one place or two
    if isinstance(entry, int):
        return range(entry % n, entry % n + 1) if n else None
    return range(*entry.concrete().indices(n)) if isinstance(entry, Slice) else None


def disjoint(a: Index, b: Index, shape: Shape) -> bool:
    """Whether two static indices surely name different places: some leading axis has no common position."""
    for axis, (one, other) in enumerate(zip(a, b, strict=False)):
        if axis >= len(shape):
            return False
        left, right = _span(one, shape[axis]), _span(other, shape[axis])
        if left is None or right is None:
            return False
        if not left or not right or left[-1] < right[0] or right[-1] < left[0]:
            return left.step > 0 and right.step > 0
        if left.step == right.step and abs(left.step) > 1 and (left[0] - right[0]) % left.step:
            return True
    return False


def covers(written: Index, read: Index, shape: Shape) -> bool:
    """Whether everything that `read` names lies surely within `written`; both static, of equal length."""
    if len(written) != len(read) or len(written) > len(shape):
        return False
    for one, other, n in zip(written, read, shape, strict=False):
        outer, inner = _span(one, n), _span(other, n)
        if outer is None or not inner or not all(i in outer for i in (inner[:1] or ())) or inner[-1] not in outer:
            return False
        if len(inner) > 1 and inner.step % outer.step:
            return False
    return True


def store_number(builder: Builder, x: Value, value: Value, *arrays: Value, index: Index) -> Value | None:
    """Writing an array of one number is writing the number."""
    filled = builder.definition(value, "filled")
    if filled is None or not value.shape or value.dtype != x.dtype:
        return None
    number = x.dtype.type(filled.params["value"])
    result: Value = builder.emit(BY_NAME["set_item"], x, number.item(), *arrays, index=index)
    return result


def write_what_was_read(builder: Builder, x: Value, value: Value, *arrays: Value, index: Index) -> Value | None:
    """Writing x[i] to x[i] changes nothing, also where places repeat."""
    read = builder.definition(value, "getitem")
    same = read is not None and read.operands == (x.atom, *(a.atom for a in arrays)) and read.params["index"] == index
    return x if same and value.type == x.type.with_shape(value.shape) else None


def read_past_writes(builder: Builder, x: Value, *arrays: Value, index: Index) -> Value | None:
    """set_item(y, v, i)[i] = v; set_item(y, v, i)[j] = y[j] where i and j have nothing in common; full(c)[j] = c.

    A read goes past writes only to a value, a constant or an array that the function does not own: a read of an older
    state of a buffer would cost a copy of it.
    """
    if arrays:
        return None
    current = x
    for _ in range(LONGEST_CHAIN):
        equation = builder.definition(current)
        if equation is None or equation.op.name not in ("set_item", "index_add") or len(equation.operands) != 2:
            break
        written = equation.params["index"]
        if equation.op.name == "set_item" and written == index:
            stored = Value(builder, equation.operands[1])
            read = BY_NAME["getitem"].infer(x.type, index=index)
            return stored if stored.type == read else None
        number = Value(builder, equation.operands[1]).literal
        if equation.op.name == "set_item" and number is not None and covers(written, index, x.shape):
            shape = BY_NAME["getitem"].infer(x.type, index=index).shape
            return None if shape else builder.value(x.dtype.type(number))
        if not disjoint(written, index, x.shape):
            break
        current = Value(builder, equation.operands[0])
    else:
        return None
    filled = builder.definition(current, "filled")
    if filled is not None:
        shape = BY_NAME["getitem"].infer(x.type, index=index).shape
        constant = filled.params["value"]
        if not shape:
            return builder.value(x.dtype.type(constant))
        whole: Value = builder.emit(BY_NAME["filled"], value=constant, shape=shape, dtype=x.dtype)
        return whole
    if current is x or current.atom not in builder.inputs:
        return None
    result: Value = builder.emit(BY_NAME["getitem"], current, index=index)
    return result


def overwritten_addition(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool
) -> Value | None:
    """set_item(y, 0, i) with v added at i is set_item(y, v, i), also if something else was added to it in between."""
    between: list[Equation] = []
    current = x
    equation = builder.definition(x)
    while equation is not None and equation.op.name == "index_add" and len(between) < LONGEST_CHAIN:
        if equation.level != builder.level or current.atom in builder.shared:
            return None
        between.append(equation)
        current = Value(builder, equation.operands[0])
        equation = builder.definition(current)
    if equation is None or equation.op.name != "set_item" or not distinct or equation.params["index"] != index:
        return None
    if equation.operands[2:] != tuple(a.atom for a in arrays) or (between and current.atom in builder.shared):
        return None
    stored = Value(builder, equation.operands[1])
    if stored.literal is None or stored.literal != 0:
        return None
    base = Value(builder, equation.operands[0])
    result: Value = builder.emit(BY_NAME["set_item"], base, value, *arrays, index=index)
    for added in reversed(between):
        result = builder.emit(added.op, result, *(Value(builder, o) for o in added.operands[1:]), **added.params)
    return result


MEMORY_RULES: dict[str, tuple[Rule, ...]] = {
    "getitem": (read_past_writes,),
    "set_item": (store_number, write_what_was_read),
}
