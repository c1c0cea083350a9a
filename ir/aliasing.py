"""Who shares memory with whom: the root of a value is the value that owns its buffer."""

from __future__ import annotations

from collections.abc import Collection

from .program import Equation, Literal, Program, Var

# A view of these kinds must not be written through: several elements share one place, or NumPy forbids it.
_READ_ONLY = {"broadcast_to", "diagonal", "sliding_window_view"}


def shares_memory(equation: Equation) -> bool:
    """Whether the result is a view of the first operand: no copy by an index array, no scalar taken out."""
    if not equation.operands or not isinstance(equation.operands[0], Var):
        return False
    if equation.op.name == "einsum":
        given, _, found = equation.params["subscripts"].partition("->")
        return len(equation.operands) == 1 and set(given) == set(found)  # a transpose or a diagonal
    if equation.op.name != "getitem" or not equation.op.view:
        return equation.op.view
    if any(o.type.shape or o.type.dtype.kind == "b" for o in equation.operands[1:]):
        return False  # integers that are computed give views, arrays of them copies
    return bool(equation.out.type.shape) or not equation.operands[0].type.shape or Ellipsis in equation.params["index"]


_CELLS = {
    "as_array",
    "broadcast_to",
    "copy",
    "filled",
    "full",
    "i0",
    "reshape",
    "squeeze",
    "tensordot",
    "transpose",
    "where",
}


def is_cell(equation: Equation) -> bool:
    """Whether the result is a 0-d array, where most operations give a scalar: it can be written in place."""
    if equation.out.type.shape:
        return False
    if equation.op.name == "einsum":
        return bool(equation.params["optimize"]) and len(equation.operands) > 1  # NumPy goes through tensordot then
    return equation.op.name in _CELLS or (equation.op.name == "getitem" and Ellipsis in equation.params["index"])


def cells(program: Program) -> set[Var]:
    """The 0-d arrays of a program; a cast of one is one, too."""
    found: set[Var] = set()
    for equation in program.equations:
        cast = equation.op.name == "astype" and equation.operands[0] in found
        if equation.outs and not equation.op.several and (cast or is_cell(equation)):
            found.add(equation.out)
    return found


def may_alias(equation: Equation, out: Var) -> bool:
    """Whether a result of a loop or branch may be an operand handed through, or a view that repeats elements."""
    if not equation.op.may_alias:
        return False
    place = equation.outs.index(out)
    params = equation.params
    if equation.op.name == "call":
        return False  # it gives arrays of its own (passes.fresh_outputs)
    if equation.op.name == "scan":
        if place >= params["carry"]:
            return bool(params["length"] < 0)
        return params["length"] < 1 or _handed_through(params["body"], place)
    if equation.op.name == "cond":
        return _handed_through(params["true"], place) or _handed_through(params["false"], place)
    return True


def _handed_through(program: Program, place: int) -> bool:
    output = program.outputs[place]
    if not isinstance(output, Var):
        return False
    made = next((e for e in program.equations if output in e.outs), None)
    if made is not None and may_alias(made, output):
        return True
    return roots(program)[output] in program.inputs or output in read_only(program)


def parents(program: Program) -> dict[Var, Var]:
    """What each value is a view of; itself where it has a buffer of its own, or the caller's."""
    parent: dict[Var, Var] = {v: v for v in (*program.inputs, *program.captures)}
    for equation in program.equations:
        for out in equation.outs:
            first = equation.operands[0] if shares_memory(equation) else out
            parent[out] = first if isinstance(first, Var) else out
    return parent


def roots(program: Program) -> dict[Var, Var]:
    """The owner of each value's buffer; inputs and captures are owners that belong to the caller."""
    owner: dict[Var, Var] = {}
    for var, parent in parents(program).items():
        owner[var] = owner[parent] if parent is not var else var
    return owner


def read_only(program: Program, owned: Collection[Var] = ()) -> set[Var]:
    """The values through which nothing may be written: the caller's arrays, and views that repeat elements."""
    found: set[Var] = {*program.inputs, *program.captures} - set(owned)
    for equation in program.equations:
        for out in equation.outs:
            first = equation.operands[0] if equation.operands else None
            repeats = equation.op.name in _READ_ONLY or may_alias(equation, out)
            if (
                repeats
                or (equation.op.view and isinstance(first, Literal))
                or (shares_memory(equation) and first in found)
            ):
                found.add(out)
    return found


def shared_by_rounds(loop: Equation) -> list[tuple[Var, Var]]:
    """Results of a loop that may be the same array, or lists that may hold an operand or a result: (array, holder)."""
    body: Program = loop.params["body"]
    listed = bool(loop.params.get("listed"))
    carry = loop.params["carry"] if loop.op.name == "scan" else len(body.outputs)
    first = loop.params["consts"]
    owner = roots(body)
    handed = {v: v for v in owner}  # arrays that may be one, in the same round or from round to round

    def same(v: Var) -> Var:
        v = owner[v]
        while handed[v] is not v:
            v = owner[handed[v]]
        return v

    for k, output in enumerate(body.outputs[:carry]):
        if isinstance(output, Var):
            handed[same(body.inputs[first + k])] = same(output)
    ends = [(out, same(o)) for out, o in zip(loop.outs, body.outputs) if isinstance(o, Var) and o.type.shape]
    places = set(loop.outs[:carry])
    finals = [(out, one) for out, one in ends if out in places]
    found = [(v, holder) for v, one in finals for holder, other in finals if one is other and v is not holder]
    if not listed:
        return found
    lists = [(out, one) for out, one in ends if out not in places]
    kept = zip(loop.outs[len(body.outputs) :], body.inputs[first:])
    lists += [(out, same(v)) for out, v in kept if v.type.shape]
    given = zip(loop.operands, body.inputs, strict=True)
    finals += [(o, same(v)) for o, v in given if isinstance(o, Var) and v.type.shape]
    return found + [(v, holder) for v, one in finals for holder, other in lists if one is other]
