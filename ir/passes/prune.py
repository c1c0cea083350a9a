"""Loops, branches and calls take, compute and give only what is read, and so does what stands within them."""

from __future__ import annotations

from dataclasses import replace

from ..ops.calls import narrowed
from ..ops.loops import map_programs
from ..program import Equation, Program, Var
from .dead_code import eliminate_dead_code
from .prune_loops import pruned_loop


def prune(program: Program) -> Program:
    """The program with every loop, branch and call narrowed to what is read behind it, from the last to the first.

    What is not read by them any more is gone.
    """
    if not any(e.holds_programs for e in program.equations):
        return program
    live = {output for output in program.outputs if isinstance(output, Var)}
    later = {out for e in program.equations if e.op.name != "while_loop" for out in e.outs}
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if not equation.op.effect and live.isdisjoint(equation.outs):
            continue
        if equation.holds_programs:
            equation = _pruned(equation, live, later)
        kept.append(equation)
        live.update(operand for operand in equation.operands if isinstance(operand, Var))
    return eliminate_dead_code(replace(program, equations=tuple(reversed(kept))))


def _pruned(equation: Equation, live: set[Var], later: set[Var]) -> Equation:
    if equation.op.name == "call":
        return _pruned_call(equation, live)
    if equation.op.name == "cond":
        return _pruned_branches(equation, live)
    if equation.op.name != "scan":
        return replace(equation, params=map_programs(dict(equation.params), prune))
    equation = pruned_loop(equation, live, later)
    equation = replace(equation, params=map_programs(dict(equation.params), prune))
    return pruned_loop(equation, live, later)  # what is in the body may need less of what the loop brings


def _pruned_call(equation: Equation, live: set[Var]) -> Equation:
    body: Program = equation.params["body"]
    read = [(out, result) for out, result in zip(equation.outs, body.outputs, strict=True) if out in live]
    outputs = tuple(result for _, result in read)
    body, operands = narrowed(prune(eliminate_dead_code(replace(body, outputs=outputs))), outputs)
    return replace(
        equation,
        operands=tuple(equation.operands[i] for i in operands),
        params={"body": body},
        outs=tuple(out for out, _ in read),
    )


def _pruned_branches(equation: Equation, live: set[Var]) -> Equation:
    kept = [k for k, out in enumerate(equation.outs) if out in live]
    branches: dict[str, Program] = {
        name: prune(eliminate_dead_code(replace(branch, outputs=tuple(branch.outputs[k] for k in kept))))
        for name, branch in equation.params.items()
    }
    read = [(branch, branch.use_counts()) for branch in branches.values()]
    operands = [i for i in range(len(equation.operands) - 1) if any(b.inputs[i] in uses for b, uses in read)]
    params = {n: replace(b, inputs=tuple(b.inputs[i] for i in operands)) for n, b in branches.items()}
    return replace(
        equation,
        operands=(equation.operands[0], *(equation.operands[1 + i] for i in operands)),
        params=params,
        outs=tuple(equation.outs[k] for k in kept),
    )
