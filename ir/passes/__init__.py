"""Passes from program to program, and the one order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..ops.loops import map_programs
from ..program import Equation, Program
from .dead_code import eliminate_dead_code
from .prune import prune
from .simplify import simplify
from .small_factors import shrink_products

Pass = Callable[[Program], Program]

PIPELINE: tuple[Pass, ...] = (
    eliminate_dead_code,
    prune,  # first, since forward mode leaves the cotangents that nothing reads as operands of loops and calls
    simplify,
    eliminate_dead_code,
    prune,
    shrink_products,
)


def optimize(program: Program) -> Program:
    """Run the pipeline, first on the programs inside of loops and branches."""
    if any(equation.holds_programs for equation in program.equations):
        program = replace(program, equations=tuple(map(_optimize_inside, program.equations)))
    for run in PIPELINE:
        program = run(program)
    return program


def _optimize_inside(equation: Equation) -> Equation:
    if not equation.holds_programs:
        return equation
    return replace(equation, params=map_programs(dict(equation.params), optimize))
