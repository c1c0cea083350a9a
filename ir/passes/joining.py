"""Tall tables that are put together from their columns are written as one np.concatenate.

A buffer of zeros that is written into part by part has as many lines as it has parts, and cannot be made in blocks of
rows; the parts side by side can. The numbers are the same.
"""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder, Value
from ..dims import Dim
from ..indexing import Slice
from ..op import BY_NAME
from ..program import Equation, Program, Var
from ..sizes import reaches
from .dead_code import eliminate_dead_code

TALL = 2048  # rows from which on it matters


def join_columns(program: Program) -> Program:
    """The program with its tall tables of several parts as concatenations."""
    made = program.definitions()
    reads = program.use_counts()
    equations = []
    for equation in program.equations:
        parts = _parts(equation, made, reads)
        equations.append(equation if parts is None else _side_by_side(equation, parts))
    if all(one is other for one, other in zip(equations, program.equations, strict=True)):
        return program
    return eliminate_dead_code(replace(program, equations=tuple(equations)))


def _parts(equation: Equation, made: dict[Var, Equation], reads: dict[Var, int]) -> list[Var] | None:
    """The parts from left to right, if the equation writes the last of those that make up a whole table."""
    places: list[tuple[int, int, Var]] = []
    step: Equation | None = equation
    while step is not None and (place := _columns(step)) is not None:
        if step is not equation and reads[step.out] > 1:
            return None
        part, before = step.operands[1], step.operands[0]
        if not isinstance(part, Var) or part.type != equation.out.type.with_shape((step.out.type.shape[0], place[1])):
            return None
        places.append((place[0], place[0] + place[1], part))
        step = made.get(before) if isinstance(before, Var) else None
    if step is None or step.op.name != "filled" or step.params["value"] != 0 or len(places) < 2:
        return None
    places.sort(key=lambda place: place[:2])
    ends = [0, *(stop for _, stop, _ in places)]
    whole = [start for start, _, _ in places] == ends[:-1] and ends[-1] == equation.out.type.shape[1]
    return [part for _, _, part in places] if whole else None


def _columns(step: Equation) -> tuple[int, int] | None:
    """Where the columns begin that are written into a tall table, and how many they are."""
    written = step.op.name == "set_item" or (step.op.name == "index_add" and step.params["distinct"])
    if not written or len(step.operands) != 2 or step.out.type.ndim != 2:
        return None
    (rows, width), index = step.out.type.shape, step.params["index"]
    if isinstance(width, Dim) or not reaches(rows, TALL) or len(index) != 2 or index[0] != Slice():
        return None
    columns = index[1]
    if not isinstance(columns, Slice) or columns.step not in (None, 1):
        return None
    start, stop, _ = columns.concrete().indices(width)
    return (start, stop - start) if stop > start else None


def _side_by_side(equation: Equation, parts: list[Var]) -> Equation:
    builder = Builder()
    with builder.at(equation.origin, equation.level):
        builder.emit(BY_NAME["concatenate"], *(Value(builder, part) for part in parts), axis=1)
    return replace(builder.equations[-1], outs=equation.outs)
