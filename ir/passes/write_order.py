"""Where writes into arrays stand: a write of which nothing is read goes, one that would force a copy waits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial

from ..aliasing import shares_memory
from ..ops.loops import map_programs
from ..program import Equation, Program, Var
from .memory import disjoint


def order_writes(program: Program, inputs: bool = False) -> Program:
    """Without the writes that no read sees, and with zeros written after the last read of what they overwrite.

    `inputs` may be overwritten, as those of a loop's body.
    """
    program = replace(program, equations=tuple(map(_inside, program.equations)))
    program = _without_unread_writes(program)
    return _late_zeros(_additions_first(_reads_of_the_latest(program, inputs)))


def _inside(equation: Equation) -> Equation:
    if not equation.holds_programs:
        return equation
    return replace(equation, params=map_programs(dict(equation.params), partial(order_writes, inputs=True)))


def _is_write(equation: Equation) -> bool:
    """Whether it writes to places that are named by numbers."""
    return equation.op.name in ("set_item", "index_add") and len(equation.operands) == 2


def _reads_of_the_latest(program: Program, inputs: bool) -> Program:
    """A part is read from the array as it is by then: its older states need not be kept for that."""
    given = set() if inputs else set(program.inputs)
    given.update(program.captures)
    written: dict[Var, list[Equation]] = defaultdict(list)
    equations = []
    for equation in program.equations:
        if equation.op.name == "getitem" and len(equation.operands) == 1:
            array, index = equation.operands[0], equation.params["index"]
            while array not in given and len(written[array]) == 1:  # type: ignore[index]
                (write,) = written[array]  # type: ignore[index]
                if not disjoint(write.params["index"], index, write.out.type.shape):
                    break
                array = write.out
            if array is not equation.operands[0]:
                equation = replace(equation, operands=(array,))
        elif equation.op.update is not None and isinstance(equation.operands[0], Var):
            written[equation.operands[0]] += [equation] if _is_write(equation) else [equation, equation]
        equations.append(equation)
    return replace(program, equations=tuple(equations))


def _additions_first(program: Program) -> Program:
    """`x[j] += x[i]` stands before `x[i] = 0`, which then overwrites nothing that is still read."""
    equations: list[Equation] = []
    readers = _readers(program)
    made: dict[Var, Equation] = {}
    outputs = set(program.outputs)
    for equation in program.equations:
        made.update((out, equation) for out in equation.outs)
        equations.append(equation)
        if equation.op.name != "index_add" or not _is_write(equation):
            continue
        read, before = (made.get(o) if isinstance(o, Var) else None for o in equation.operands[::-1])
        if read is None or before is None or before.op.name != "set_item" or not _is_write(before):
            continue
        place, alone = before.params["index"], len(readers[before.out]) == 1 and before.out not in outputs
        same = read.op.name == "getitem" and read.operands == before.operands[:1] and read.params["index"] == place
        if not same or not alone or isinstance(before.operands[1], Var):
            continue
        if disjoint(place, equation.params["index"], equation.out.type.shape):
            equations.remove(before)
            added = replace(equation, operands=(before.operands[0], equation.operands[1]), outs=before.outs)
            equations[-1:] = [added, replace(before, operands=(before.out, before.operands[1]), outs=equation.outs)]
            made.update({before.out: added, equation.out: equations[-1]})
    return replace(program, equations=tuple(equations))


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
