"""Forward mode in the order in which it is read: the slopes stand beside the tangents that they multiply."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..program import Equation, Program, Var


def sink_slopes(program: Program, levels: Collection[int]) -> Program:
    """Move what is left of the reverse passes at these levels, from which a tangent was made by transposing once more,
    to where it is first read; it belongs to the level of its reader then."""
    first: dict[Var, int] = {}
    moved: dict[int, list[Equation]] = {}
    kept: list[tuple[int, Equation]] = []
    outputs = {o for o in program.outputs if isinstance(o, Var)}
    for number in reversed(range(len(program.equations))):
        equation = program.equations[number]
        readers = [first[out] for out in equation.outs if out in first]
        place = number
        if equation.level in levels and readers and not equation.op.effect and not outputs.intersection(equation.outs):
            place = min(readers)
        for operand in equation.operands:
            if isinstance(operand, Var):
                first[operand] = min(place, first.get(operand, place))
        if place == number:
            kept.append((number, equation))
        else:
            reader = program.equations[place]
            moved.setdefault(place, []).append(replace(equation, level=max(equation.level, reader.level)))
    ordered: list[Equation] = []
    for number, equation in reversed(kept):
        ordered += reversed(moved.get(number, []))
        ordered.append(equation)
    return replace(program, equations=tuple(ordered))
