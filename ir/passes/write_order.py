"""Where writes into arrays stand: a write of which nothing is read goes, one that would force a copy waits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ..aliasing import shares_memory
from ..ops.loops import map_programs
from ..program import Equation, Program, Var
from .memory import disjoint


def order_writes(program: Program) -> Program:
    """Without the writes that no read sees, and with zeros written after the last read of what they overwrite."""
    return _late_zeros(_without_unread_writes(replace(program, equations=tuple(map(_inside, program.equations)))))


def _inside(equation: Equation) -> Equation:
    if not any(isinstance(value, Program) for value in equation.params.values()):
        return equation
    return replace(equation, params=map_programs(dict(equation.params), order_writes))


def _readers(program: Program) -> dict[Var, list[int]]:
    found: dict[Var, list[int]] = defaultdict(list)
    for number, equation in enumerate(program.equations):
        for operand in equation.operands:
            if isinstance(operand, Var):
                found[operand].append(number)
    return found


def _without_unread_writes(program: Program) -> Program:
    """Parts that lie elsewhere are read from the array as it was before the write."""
    equations: list[Equation | None] = list(program.equations)
    outputs = {o for o in program.outputs if isinstance(o, Var)}
    readers = _readers(program)
    for number in reversed(range(len(equations))):
        write = equations[number]
        if write is None or write.op.name not in ("set_item", "index_add") or len(write.operands) != 2:
            continue
        before, index, after = write.operands[0], write.params["index"], readers[write.out]
        if write.out in outputs or not isinstance(before, Var) or not after:
            continue
        if before in outputs or any(_updates(equations[n], before) for n in readers[before] if n != number):
            continue
        if all(_reads_elsewhere(equations[n], index, before) for n in after):
            for n in after:
                equations[n] = replace(equations[n], operands=(before,))  # type: ignore[type-var]
            readers[before] += after
            equations[number] = None
    return replace(program, equations=tuple(e for e in equations if e is not None))


def _updates(equation: Equation | None, array: Var) -> bool:
    return equation is not None and equation.op.update is not None and equation.operands[0] is array


def _reads_elsewhere(equation: Equation | None, written: tuple[object, ...], array: Var) -> bool:
    if equation is None or equation.op.name != "getitem" or len(equation.operands) != 1:
        return False
    return disjoint(written, equation.params["index"], array.type.shape)


def _late_zeros(program: Program) -> Program:
    """A number that is written over a part of a cotangent waits until that part was read, on the same line."""
    equations = list(program.equations)
    readers = _readers(program)
    views: dict[Var, list[Var]] = defaultdict(list)
    for equation in equations:
        if shares_memory(equation):
            views[equation.operands[0]].append(equation.out)  # type: ignore[index]
    place = {id(equation): number for number, equation in enumerate(equations)}
    for write in reversed(program.equations):
        if write.op.name != "set_item" or isinstance(write.operands[1], Var) or not isinstance(write.operands[0], Var):
            continue
        number = place[id(write)]
        held = _all_views(write.operands[0], views)
        last = max((place[id(program.equations[n])] for view in held for n in readers[view]), default=0)
        waiting = equations[number + 1 : last + 1]
        if not waiting or any(write.out in e.operands or not _beside(e, write) for e in waiting):
            continue
        equations[number : last + 1] = [*waiting, write]
        for moved in range(number, last + 1):
            place[id(equations[moved])] = moved
    return replace(program, equations=tuple(equations))


def _all_views(array: Var, views: dict[Var, list[Var]]) -> list[Var]:
    found = list(views[array])
    for view in found:
        found += views[view]
    return found


def _beside(equation: Equation, write: Equation) -> bool:
    """Whether both belong to one line of the text, and the order of the two does not matter."""
    one, other = equation.origin, write.origin
    same = one is None or (other is not None and one[:2] == other[:2])  # file and line
    return same and equation.level == write.level and not equation.op.effect
