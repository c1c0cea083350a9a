"""What an equation does to arrays of n rows: row i of the result from row i of the operands, or a sum over all rows."""

from __future__ import annotations

from typing import Any

from .indexing import SLOT, Index, Slice, Slot, indexed_shape
from .program import Atom, Equation
from .types import normalize_axes, normalize_axis

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
    "reshape",
    "sign",
    "sqrt",
    "square",
    "squeeze",
    "subtract",
    "transpose",
    "where",
    "window_columns",
}
# Params that hold the shape of the result, of which the first length is the number of rows.
_SHAPED = {"overlap_add": "shape", "overlap_add_apart": "shape", "reshape": "shape", "spread_over_few": "shape"}


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
    if _is_gather(equation):
        return tuple(range(1, len(equation.operands)))
    x = equation.operands[0].type
    if op.name == "matmul":
        second = equation.operands[1].type
        alike = x.ndim == second.ndim > 2 and x.shape[0] == second.shape[0] == n
        return (0, 1) if alike else (0,) if (x.ndim, second.ndim) == (2, 1) else None
    if op.name == "convolve_columns":
        return (1,)
    if op.name == "einsum":
        return _rows_of_einsum(equation)
    if op.name in ("concatenate", "stack"):
        return tuple(range(len(equation.operands))) if normalize_axis(params["axis"], equation.out.type.ndim) else None
    if op.name == "cross":
        both = all(o.type.ndim == equation.out.type.ndim > 1 for o in equation.operands)
        return tuple(i for i, o in enumerate(equation.operands) if _of_rows(o, n, o.type.ndim)) if both else None
    if op.name == "share_among_extremes":
        return (0, 1, 2) if 0 not in params["axis"] else None
    if x.shape[0] != n:
        return None
    if op.name in ("convolution", "window_columns"):
        return (0,)
    if op.name == "reshape":
        return (0,) if x.size else None
    if op.name in ("overlap_add", "overlap_add_apart", "sliding_window_view", "spread_over_few", "sum_of_few"):
        return (0,) if 0 not in params["axis"] else None
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


def _rows_of_einsum(equation: Equation) -> tuple[int, ...] | None:
    """The operands whose first index is that of the result's rows, if it stands nowhere else."""
    given, _, found = equation.params["subscripts"].partition("->")
    terms = given.split(",")
    places = tuple(i for i, term in enumerate(terms) if term[:1] == found[:1])
    alike = all(equation.operands[i].type.shape[0] == equation.out.type.shape[0] for i in places)
    return places if found and alike and not any(found[0] in term[1:] for term in terms) else None


def _is_gather(equation: Equation) -> bool:
    """Whether it reads elements of a whole array by an index that has rows."""
    return equation.op.name == "getitem" and _have_rows(equation.operands[1:], equation.params["index"])


def _have_rows(arrays: tuple[Atom, ...], index: Index) -> bool:
    """Whether an index is arrays of integers, of the same shape, with nothing but slices and numbers behind."""
    slots = all(entry is SLOT for entry in index[: len(arrays)]) and len(arrays) > 0
    slots = slots and not any(entry is None or entry is Ellipsis for entry in index[len(arrays) :])
    shapes = {a.type.shape for a in arrays}
    return slots and all(a.type.dtype.kind in "iu" for a in arrays) and len(shapes) == 1 and shapes != {()}


def added_rows(equation: Equation) -> tuple[int, ...] | None:
    """The places of the operands that have a row for each of the rows added to a whole array; None for other steps."""
    if equation.op.name != "index_add" or equation.params["distinct"]:
        return None
    into, value, *arrays = equation.operands
    if not _have_rows(tuple(arrays), equation.params["index"]):
        return None
    full = value.type.shape == indexed_shape(into.type.shape, equation.params["index"], [a.type for a in arrays])
    return tuple(range(1, len(equation.operands))) if full and value.type.inexact else None


def is_sum_of_rows(equation: Equation) -> bool:
    """Whether the result is the sum (or the mean) of what each row gives."""
    return bool(summed_operands(equation))


def summed_operands(equation: Equation) -> tuple[int, ...]:
    """The places of the operands of which the result is the sum (or the mean) of what their rows give, if it is one."""
    if equation.op.name == "kernels_of_columns":
        return (0, 1)
    x = equation.operands[0].type if equation.operands else None
    if equation.op.name == "matmul" and x is not None and x.ndim == 1 and x.inexact:
        second = equation.operands[1].type
        return (0, 1) if second.ndim <= 2 and second.shape[0] == x.shape[0] and second.dtype == x.dtype else ()
    if equation.op.name not in SUMS or x is None:
        return ()
    return (0,) if x.shape and x.inexact and 0 in normalize_axes(equation.params["axis"], x.ndim) else ()


def needs_equal_blocks(equation: Equation) -> bool:
    """Whether the number of rows stands in the text of the operation."""
    return equation.op.name in _SHAPED


def largest_divisor(length: int, most: int) -> int:
    """The largest divisor of a length that is at most `most`: a number of rows for equal blocks."""
    return next(n for n in range(min(length, most), 0, -1) if length % n == 0)


def block_params(equation: Equation, rows: int) -> dict[str, Any]:
    """The params of the operation on a block of so many rows."""
    params = dict(equation.params)
    name = _SHAPED.get(equation.op.name)
    if name is not None:
        params[name] = (rows, *params[name][1:])
    return params
