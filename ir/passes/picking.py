"""A few elements are picked before they are computed with, not after: the others are then not computed at all."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..indexing import SLOT, Index, Slice
from ..op import BY_NAME
from ..sizes import reaches
from .scatter import is_every_row, onto, scatter_of

ROUNDED = {"add", "subtract", "multiply", "divide", "negative"}  # the same bits for every element, wherever it stands
FEWER = 4  # times fewer elements that are worth it
LARGE = 1 << 17  # elements that need not be kept for a few of them, when those can be computed once more


def pick_first(builder: Builder, x: Value, *arrays: Value, index: Index) -> Value | None:
    """(a - b)[i, j] = a[i, j] - b[i, j] for index arrays, where nothing else reads a - b, or it is large."""
    made = builder.definition(x)
    if made is None or made.op.name not in ROUNDED or not arrays:
        return None
    if x.atom in builder.shared and not (reaches(x.size, LARGE) and x.size >= 16 * arrays[0].size):
        return None
    if is_diagonal_of_shared(builder, x, arrays):
        return None
    if len(index) != x.ndim or any(entry is not SLOT for entry in index) or x.type.weak:
        return None
    if any(a.dtype.kind not in "iu" or a.ndim != 1 or a.shape != arrays[0].shape for a in arrays):
        return None
    operands = [Value(builder, o) for o in made.operands]
    if arrays[0].size * FEWER > x.size:
        return None
    picked = [_picked(builder, o, x, arrays) for o in operands if not _is_overwritten(builder, o)]
    if len(picked) < len(operands):
        return None
    result: Value = builder.emit(made.op, *picked)
    return result if result.type == BY_NAME["getitem"].infer(x.type, *(a.type for a in arrays), index=index) else None


def is_diagonal_of_shared(builder: Builder, x: Value, arrays: tuple[Value, ...]) -> bool:
    """Whether it is x[i, i] of a matrix that others read too, as a rule in full: to add something to the diagonal."""
    return len(arrays) == 2 and arrays[0].atom is arrays[1].atom and x.atom in builder.shared


def _is_overwritten(builder: Builder, x: Value) -> bool:
    """Whether a read of x now may cost a copy of it."""
    return any(e.op.update is not None and e.operands[0] is x.atom for e in builder.equations if e.operands)


def _picked(builder: Builder, operand: Value, like: Value, arrays: tuple[Value, ...]) -> Value:
    """The elements of an operand that are broadcast to those picked from the whole."""
    if not operand.ndim:
        return operand
    lead = like.ndim - operand.ndim
    kept = [k for k in range(lead, like.ndim) if operand.shape[k - lead] == like.shape[k]]
    if len(kept) == 1 and is_every_row(builder, arrays[kept[0]], like.shape[kept[0]]):
        entries: Index = tuple(Slice() if k in kept else 0 for k in range(lead, like.ndim))
        column = builder.definition(operand, "expand_dims")
        if column is not None and len(column.operands[0].type.shape) == 1:
            return Value(builder, column.operands[0])
        return operand if entries == (Slice(),) else BY_NAME["getitem"](operand, index=entries)
    chosen: Value = BY_NAME["getitem"](
        operand,
        *(arrays[k] for k in kept),
        index=tuple(SLOT if k in kept else 0 for k in range(lead, like.ndim)),
    )
    return chosen


def cancel_picked_division(builder: Builder, a: Value, b: Value) -> Value | None:
    """scatter(v / p[i]) * p = scatter(v) also where p[i] was picked before it was computed."""
    for scattered, p in ((a, b), (b, a)):
        scatter = scatter_of(builder, scattered)
        if scatter is None or p.type != scattered.type:
            continue
        amount = Value(builder, scatter.operands[1])
        negated = builder.definition(amount, "negative")
        quotient = builder.definition(amount if negated is None else Value(builder, negated.operands[0]), "divide")
        if quotient is None:
            continue
        picked = pick_first(
            builder, p, *(Value(builder, o) for o in scatter.operands[2:]), index=scatter.params["index"]
        )
        if picked is not None and picked.atom is quotient.operands[1]:
            left = Value(builder, quotient.operands[0])
            return onto(builder, Value(builder, scatter.operands[0]), scatter, left if negated is None else -left)
    return None


PICKING_RULES: dict[str, tuple[Rule, ...]] = {"getitem": (pick_first,)}
PICKED_RULES: dict[str, tuple[Rule, ...]] = {"multiply": (cancel_picked_division,)}
