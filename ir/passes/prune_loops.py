"""Loops carry in and out only what is read: unused constants, slices and collected results are dropped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ..program import Equation, Program, Var
from .dead_code import eliminate_dead_code


def pruned_loop(equation: Equation, read: Collection[Var], later: Collection[Var]) -> Equation:
    """A scan without the operands and results that no iteration, or nobody after the loop, reads.

    Where nothing is read that tells how often to go round, a list that a while loop has kept does: none of `later`,
    what is made of those.
    """
    equation = _with_constants(equation, read)
    params: dict[str, Any] = dict(equation.params)
    body, consts, carry = params["body"], params["consts"], params["carry"]
    count = len(body.outputs) - carry
    outs = equation.outs
    wanted = [j for j in range(count) if outs[carry + j] in read]
    first = {k for k in range(carry) if outs[k] in read or outs[carry + count + k] in read}
    state = _needed_carries(body, consts, carry, first, wanted)
    outputs = (*(body.outputs[k] for k in state), *(body.outputs[carry + j] for j in wanted))
    body = eliminate_dead_code(replace(body, outputs=outputs))
    inside = body.use_counts()
    keep = [i for i in range(consts) if body.inputs[i] in inside]
    params["consts"], params["carry"] = len(keep), len(state)
    keep += [consts + k for k in state]
    slices = [i for i in range(consts + carry, len(body.inputs)) if body.inputs[i] in inside]
    if params["length"] < 0 and not slices:
        lists = range(consts + carry, len(body.inputs))
        slices = [next((i for i in lists if equation.operands[i] not in later), consts + carry)]
    keep += slices
    params["body"] = replace(body, inputs=tuple(body.inputs[i] for i in keep))
    left = (
        *(outs[k] for k in state),
        *(outs[carry + j] for j in wanted),
        *(outs[carry + count + k] for k in state),
    )
    return replace(equation, operands=tuple(equation.operands[i] for i in keep), params=params, outs=left)


def _with_constants(equation: Equation, read: Collection[Var]) -> Equation:
    """What a loop carries as it came in, and nobody reads after it, is one of its constants."""
    params: dict[str, Any] = dict(equation.params)
    body, consts, carry = params["body"], params["consts"], params["carry"]
    outs, first = equation.outs, len(equation.outs) - carry
    unread = [k for k in range(carry) if outs[k] not in read and outs[first + k] not in read]
    fixed = [k for k in unread if body.outputs[k] is body.inputs[consts + k]]
    if not fixed:
        return equation
    moving = [k for k in range(carry) if k not in fixed]
    order = [*range(consts), *(consts + k for k in (*fixed, *moving)), *range(consts + carry, len(body.inputs))]
    inputs, outputs = (body.inputs[i] for i in order), (*(body.outputs[k] for k in moving), *body.outputs[carry:])
    params["body"] = replace(body, inputs=tuple(inputs), outputs=outputs)
    params["consts"], params["carry"] = consts + len(fixed), len(moving)
    left = (*(outs[k] for k in moving), *outs[carry:first], *(outs[first + k] for k in moving))
    return replace(equation, operands=tuple(equation.operands[i] for i in order), params=params, outs=left)


def _needed_carries(body: Program, consts: int, carry: int, needed: set[int], wanted: list[int]) -> list[int]:
    """The carries that matter: read after the loop, or by what is, in this iteration or a later one."""
    place = {v: k for k, v in enumerate(body.inputs[consts : consts + carry])}
    made = body.definitions()
    effects = [o for e in body.equations if e.op.effect for o in e.operands]
    stack = [*effects, *(body.outputs[k] for k in needed), *(body.outputs[carry + j] for j in wanted)]
    seen: set[Any] = set()
    while stack:
        atom = stack.pop()
        if not isinstance(atom, Var) or atom in seen:
            continue
        seen.add(atom)
        if atom in made:
            stack.extend(made[atom].operands)
        elif atom in place and place[atom] not in needed:
            needed = needed | {place[atom]}
            stack.append(body.outputs[place[atom]])
    return sorted(needed)
