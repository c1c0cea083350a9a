"""Dead-code elimination: what no output and no effect reads is not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..program import Atom, Equation, Program, Var


def eliminate_dead_code(program: Program) -> Program:
    """The program without the equations whose results nobody reads."""
    return _read_by(program, lambda equation: equation.op.effect)


def _read_by(program: Program, wanted: Callable[[Equation], bool]) -> Program:
    """The equations that are wanted, or read by these or by the outputs."""
    live: set[Atom] = {output for output in program.outputs if isinstance(output, Var)}
    kept = []
    for equation in reversed(program.equations):
        if not live.isdisjoint(equation.outs) or wanted(equation):
            kept.append(equation)
            for operand in equation.operands:
                if type(operand) is Var:
                    live.add(operand)
    return replace(program, equations=tuple(reversed(kept)))


def guards_only(program: Program) -> Program:
    """What decides whether a program may be used at all: its guards and what they read."""
    return _read_by(replace(program, outputs=()), lambda equation: equation.op.name == "guard")


def guarded_exactly(program: Program) -> Program:
    """The program in which what guards read is on level 0, where no rule may round otherwise, as what users write."""
    exact = {id(equation) for equation in guards_only(program).equations}
    return replace(program, equations=tuple(replace(e, level=0) if id(e) in exact else e for e in program.equations))
