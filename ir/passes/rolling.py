"""A Python loop that was traced round by round, as one loop again.

A run of equations that repeats (the same operations with the same params, types and lines of the user's) becomes a
`scan`: each operand is a value of the same round, of one of the rounds before, the same one from outside in all rounds,
or a part of an array, or a number, that follows the number of the round. Nothing is computed otherwise than it was
recorded; where anything does not fit, the rounds stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..builder import exactly
from ..ops.custom import EXTERNAL
from ..program import Equation, Program, Var
from .indexed_rounds import Misfit
from .rounds import Rounds

FEWEST = 8  # rounds that are worth a loop
CANDIDATES = 8  # periods that are tried
HOLES = 64  # equations within the first round that stand before the loop: what all rounds share


def roll(equations: Sequence[Equation], live: Collection[Var]) -> tuple[Equation, ...]:
    """The equations with every run that repeats as a loop; `live` is what somebody reads behind them."""
    if len(equations) < FEWEST:
        return tuple(equations)
    kinds = _kinds(equations)
    for run in _runs(kinds):
        loop = _rolled(equations, kinds, run, live)
        if loop is None:
            continue
        start, made, rest = loop
        read = {o for e in (*made, *rest) for o in e.operands if isinstance(o, Var)}
        return (*roll(equations[:start], read | set(live)), *made, *roll(rest, live))
    return tuple(equations)


@dataclass(frozen=True, slots=True)
class _Run:
    """Equations from `start` to before `stop`, of which each is as the one `period` before it."""

    start: int
    stop: int
    period: int

    @property
    def rounds(self) -> int:
        return (self.stop - self.start) // self.period


def _kinds(equations: Sequence[Equation]) -> list[int]:
    """A number for each equation: equal ones may be the same step in two rounds. -1 is in no loop."""
    numbers: dict[object, int] = {}
    found = []
    for e in equations:
        if e.op.effect or e.op.name in EXTERNAL or any(isinstance(v, Program) for v in e.params.values()):
            found.append(-1)
            continue
        types = tuple(out.type.strong() for out in e.outs)  # Python's numbers become NumPy's in the first rounds
        key = (e.op.name, _pattern(e), len(e.operands), types, e.origin, e.level)
        found.append(numbers.setdefault(key, len(numbers)))
    return found


def _pattern(e: Equation) -> object:
    """The params with a mark for each integer of an index, which may follow the number of the round."""
    if e.op.name not in ("getitem", "set_item"):
        return exactly(e.params)
    return tuple("i" if type(entry) is int else entry for entry in e.params["index"])


def _runs(kinds: Sequence[int]) -> list[_Run]:
    """The runs that repeat often enough, the one that covers most first."""
    before: dict[int, list[int]] = {}
    counts: Counter[int] = Counter()
    for i, kind in enumerate(kinds):
        if kind >= 0:
            places = before.setdefault(kind, [])
            counts.update(i - place for place in places[-6:])
            places.append(i)
    runs: list[_Run] = []
    for period, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES]:
        if count >= FEWEST - 1:
            runs += _of_period(kinds, period)
    return sorted(runs, key=lambda run: (-run.rounds * run.period, run.period))


def _of_period(kinds: Sequence[int], period: int) -> Iterable[_Run]:
    start = 0
    for i in range(len(kinds) - period + 1):
        if i < len(kinds) - period and kinds[i] == kinds[i + period] >= 0:
            continue
        if i + period - start >= FEWEST * period:
            yield _Run(start, i + period, period)
        start = i + 1


def _rolled(
    equations: Sequence[Equation], kinds: Sequence[int], run: _Run, live: Collection[Var]
) -> tuple[int, list[Equation], list[Equation]] | None:
    """Where a run begins, the loop that takes its place, and what stands behind it; None where it does not fit."""
    for start in dict.fromkeys((run.stop - run.rounds * run.period, run.start)):
        places = [list(range(start + r * run.period, start + (r + 1) * run.period)) for r in range(run.rounds)]
        first = _first_round(kinds, places[0])
        for attempt in (([first, *places] if first else places), places, places[1:], places[2:]):
            if len(attempt) < FEWEST:
                continue
            rounds = Rounds(equations, attempt, live)
            try:
                made = rounds.loop()
            except Misfit:
                continue
            rest = [new for e in equations[rounds.stop :] for new in rounds.instead.get(id(e), (e,))]
            if len(made) + run.period < (rounds.stop - rounds.start) / 2:
                return rounds.start, made, rest
    return None


def _first_round(kinds: Sequence[int], second: Sequence[int]) -> list[int]:
    """The places of a round before that has other equations in between: what all rounds share."""
    places: list[int] = []
    place = second[0]
    for following in reversed(second):
        place -= 1
        while place >= 0 and kinds[place] != kinds[following] and second[0] - place < HOLES + len(second):
            if kinds[place] < 0:
                return []
            place -= 1
        if place < 0 or kinds[place] != kinds[following]:
            return []
        places.append(place)
    return places[::-1]
