"""Who shares memory with whom: the root of a value is the value that owns its buffer."""

from __future__ import annotations

from .program import Literal, Program, Var

# A view of these kinds must not be written through: several elements share one place, or NumPy forbids it.
_READ_ONLY = {"broadcast_to", "sliding_window_view"}


def roots(program: Program) -> dict[Var, Var]:
    """The owner of each value's buffer; inputs and captures are owners that belong to the caller."""
    owner: dict[Var, Var] = {v: v for v in (*program.inputs, *program.captures)}
    for equation in program.equations:
        for out in equation.outs:
            first = equation.operands[0] if equation.operands else None
            shares = equation.op.view and isinstance(first, Var) and (out.type.shape or not first.type.shape)
            owner[out] = owner[first] if shares and isinstance(first, Var) else out  # a 0-d result is a scalar
    return owner


def read_only(program: Program) -> set[Var]:
    """The values through which nothing may be written: the caller's arrays, and views that repeat elements."""
    found: set[Var] = {*program.inputs, *program.captures}
    for equation in program.equations:
        for out in equation.outs:
            first = equation.operands[0] if equation.operands else None
            repeats = equation.op.name in _READ_ONLY
            if repeats or (equation.op.view and (isinstance(first, Literal) or first in found)):
                found.add(out)
    return found
