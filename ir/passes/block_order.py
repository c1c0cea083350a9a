"""The order of the steps of a block: arrays that nobody reads any more make room for others in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..program import Equation, Var


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An equation of the loop, with the rows that it reads and those that it makes."""

    number: int
    equation: Equation
    reads: list[Var]
    makes: list[Var]


def most_living(steps: Sequence[Step]) -> int:
    """How many large arrays of a block are needed at once, if each is written over one that is not any more."""
    last = {v: place for place, step in enumerate(steps) for v in step.reads}
    size = max((_bytes(v) for step in steps for v in (*step.reads, *step.makes)), default=0)
    living: set[Var] = set()
    most = 0
    for place, step in enumerate(steps):
        living.update(v for v in (*step.reads, *step.makes) if 2 * _bytes(v) >= size)
        living = {v for v in living if last.get(v, -1) > place}
        most = max(most, len(living))
    return most


def with_early_ends(steps: Sequence[Step]) -> list[Step]:
    """The steps in an order in which those that end the life of arrays come as soon as they can be computed."""
    maker = {out: step.number for step in steps for out in step.equation.outs}
    waits = {s.number: {maker[o] for o in s.equation.operands if isinstance(o, Var) and o in maker} for s in steps}
    readers: dict[Var, list[Step]] = {}
    for step in steps:
        for var in dict.fromkeys(step.reads):
            readers.setdefault(var, []).append(step)
    left = {var: len(found) for var, found in readers.items()}
    ordered: list[Step] = []
    done: set[int] = set()

    def ends(step: Step) -> bool:
        """Whether as much memory is free after a step as before."""
        freed = sum(_bytes(v) for v in dict.fromkeys(step.reads) if left[v] == 1 and v in maker)
        return freed >= sum(map(_bytes, step.makes))

    for first in steps:
        waiting = [first]
        while waiting:
            step = waiting.pop()
            if step.number in done or not waits[step.number] <= done or not (step is first or ends(step)):
                continue
            ordered.append(step)
            done.add(step.number)
            for var in dict.fromkeys(step.reads):
                left[var] -= 1
            near = {r.number: r for v in (*step.reads, *step.makes) for r in readers.get(v, ())}
            waiting += [near[number] for number in sorted(near, reverse=True)]
    return ordered


def _bytes(var: Var) -> int:
    return var.type.size * var.type.dtype.itemsize
