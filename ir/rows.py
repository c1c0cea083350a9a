"""What an equation does to arrays of n rows: row i of the result from row i of the operands, or a sum over all rows."""

from __future__ import annotations

from .indexing import Slice, Slot
from .program import Atom, Equation
from .types import normalize_axes

# Elementwise operations that print a shape, give no array of their own, or make a Python number.
_APART = {"as_array", "broadcast_to", "choose", "copy", "full", "python_number", "stop_gradient"}
_REDUCTIONS = {"all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "sum"}
SUMS = {"mean", "sum"}
# What costs about as much as reading the result from memory.
CHEAP = {
    "absolute",
    "add",
    "divide",
    "equal",
    "expand_dims",
    "getitem",
    "greater",
    "greater_equal",
    "kept",
    "less",
    "less_equal",
    "logical_not",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "squeeze",
    "subtract",
    "transpose",
    "where",
}


def row_operands(equation: Equation) -> tuple[int, ...] | None:
    """The places of the operands of which row i of the result needs row i alone, while it may need all of the others.

    None if the rows of the result are not made so.
    """
    op, params = equation.op, equation.params
    if op.several or op.effect or op.update is not None or not equation.out.type.shape:
        return None
    n = equation.out.type.shape[0]
    if op.elementwise:
        if op.name in _APART:
            return None
        return tuple(i for i, o in enumerate(equation.operands) if _of_rows(o, n, equation.out.type.ndim))
    if not equation.operands or not equation.operands[0].type.shape:
        return None
    x = equation.operands[0].type
    if op.name == "matmul":
        second = equation.operands[1].type
        alike = x.ndim == second.ndim > 2 and x.shape[0] == second.shape[0] == n
        return (0, 1) if alike else None
    if x.shape[0] != n:
        return None
    if op.name == "outer":
        return (0,) if x.ndim == 1 else None
    if op.name in _REDUCTIONS:
        return (0,) if 0 not in normalize_axes(params["axis"], x.ndim) else None
    if op.name in ("expand_dims", "squeeze"):
        return (0,) if 0 not in params["axis"] else None
    if op.name == "transpose":
        return (0,) if params["axes"][0] == 0 else None
    if op.name == "getitem":
        index = params["index"]
        plain = not any(isinstance(entry, Slot) or entry is Ellipsis for entry in index)
        return (0,) if plain and index and index[0] == Slice() else None
    return None


def _of_rows(operand: Atom, n: int, ndim: int) -> bool:
    """Whether an operand of an elementwise operation has a row for each of the n rows of the result."""
    type_ = operand.type
    return type_.ndim == ndim and type_.shape[0] == n


def is_sum_of_rows(equation: Equation) -> bool:
    """Whether the result is the sum (or the mean) of what each row gives."""
    if equation.op.name not in SUMS:
        return False
    x = equation.operands[0].type
    return bool(x.shape) and x.inexact and 0 in normalize_axes(equation.params["axis"], x.ndim)
