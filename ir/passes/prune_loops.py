"""Loops carry in and out only what is read: unused constants, slices and collected results are dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..program import Equation, Program, Var
from .dead_code import eliminate_dead_code


def prune_loops(program: Program) -> Program:
    """The program with the operands and results removed that no iteration, or nobody after the loop, reads."""
    read = program.use_counts()
    equations = [_pruned(e, read) if e.op.name == "scan" else e for e in program.equations]
    return replace(program, equations=tuple(equations))


def _pruned(equation: Equation, read: dict[Var, int]) -> Equation:
    params: dict[str, Any] = dict(equation.params)
    body, consts, carry = params["body"], params["consts"], params["carry"]
    count = len(body.outputs) - carry
    wanted = [j for j in range(count) if equation.outs[carry + j] in read]
    outputs = (*body.outputs[:carry], *(body.outputs[carry + j] for j in wanted))
    body = eliminate_dead_code(replace(body, outputs=outputs))
    inside = body.use_counts()
    keep = [i for i, v in enumerate(body.inputs) if consts <= i < consts + carry or v in inside]
    slices = [i for i in keep if i >= consts + carry]
    if params["length"] == -1 and not slices:
        keep.append(consts + carry)  # a list tells how often to go round
    outs = (
        *equation.outs[:carry],
        *(equation.outs[carry + j] for j in wanted),
        *equation.outs[carry + count :],
    )
    params["body"] = replace(body, inputs=tuple(body.inputs[i] for i in keep))
    params["consts"] = sum(i < consts for i in keep)
    return replace(equation, operands=tuple(equation.operands[i] for i in keep), params=params, outs=outs)
