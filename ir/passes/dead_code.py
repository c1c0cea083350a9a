"""Dead-code elimination: what no output and no effect reads is not computed."""

from __future__ import annotations

from dataclasses import replace

from ..program import Program, Var


def eliminate_dead_code(program: Program) -> Program:
    """The program without the equations whose results nobody reads."""
    live = {output for output in program.outputs if isinstance(output, Var)}
    kept = []
    for equation in reversed(program.equations):
        if equation.op.effect or any(out in live for out in equation.outs):
            kept.append(equation)
            live.update(operand for operand in equation.operands if isinstance(operand, Var))
    return replace(program, equations=tuple(reversed(kept)))


def guards_only(program: Program) -> Program:
    """What decides whether a program may be used at all: its guards and what they read."""
    kept = tuple(e for e in program.equations if not e.op.effect or e.op.name == "guard")
    return eliminate_dead_code(replace(program, equations=kept, outputs=()))
