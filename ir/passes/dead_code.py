"""Dead-code elimination: what no output and no effect reads is not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..program import Equation, Program, Var


def eliminate_dead_code(program: Program) -> Program:
    """The program without the equations whose results nobody reads."""
    return _read_by(program, lambda equation: equation.op.effect)


def _read_by(program: Program, wanted: Callable[[Equation], bool]) -> Program:
    """The equations that are wanted, or read by these or by the outputs."""
    live = {output for output in program.outputs if isinstance(output, Var)}
    kept = []
    for equation in reversed(program.equations):
        if wanted(equation) or any(out in live for out in equation.outs):
            kept.append(equation)
            live.update(operand for operand in equation.operands if isinstance(operand, Var))
    return replace(program, equations=tuple(reversed(kept)))


def guards_only(program: Program) -> Program:
    """What decides whether a program may be used at all: its guards and what they read."""
    return _read_by(replace(program, outputs=()), lambda equation: equation.op.name == "guard")
