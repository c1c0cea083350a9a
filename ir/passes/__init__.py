"""Passes from program to program, and the one order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from ..program import Program
from .dead_code import eliminate_dead_code
from .simplify import simplify

Pass = Callable[[Program], Program]

PIPELINE: tuple[Pass, ...] = (eliminate_dead_code, simplify, eliminate_dead_code)


def optimize(program: Program) -> Program:
    """Run the pipeline."""
    for run in PIPELINE:
        program = run(program)
    return program
