"""What `explain` says: which calls were traced and why, which paths are kept, what their guards need and missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..ir.interp import evaluate_equation
from ..ir.ops.effects import GuardMiss
from ..ir.program import Atom, Equation, Literal, Program, Var
from ..tracer.errors import NonFiniteError, place
from ..tracer.function import AbstractLeaf
from ..tracer.state import Snapshot
from ..tracer.structure import flatten
from .binding import Parameters
from .entrance import Entrance, closed, entrance

if TYPE_CHECKING:
    from .compilation import Stages

MOST_ENTRANCES = 4  # that are written for one path: its calls may differ in keywords
_SHOWN = 4  # paths of which it is told why a call missed them


class Miss(NamedTuple):
    """A guard that a call did not pass, and the value that it met."""

    guard: Equation
    value: Any

    @property
    def line(self) -> str:
        return str(self.guard.origin or "")


@dataclass(slots=True, eq=False)
class Path:
    """One compiled way through the function, right while the state around it is as it was."""

    stages: Stages
    state: Snapshot
    writes: tuple[int, ...] = ()  # the arguments' arrays that the function writes into
    number: int = 0  # of the traced call that it was compiled for
    missed: dict[str, int] = field(default_factory=dict)  # calls that did not pass a guard, by its line
    restored: bool = False  # from disk: of its stages there are only the source and the guards
    general: bool = False  # for many lengths, which are symbols in its stages
    enter: Entrance = closed  # for calls like one that the path has served
    entrances: int = 0  # that were written so far

    def serves(self, parameters: Parameters) -> bool:
        """Whether the state is as it was and the guards pass for these arguments; nothing else is computed."""
        return self.state.holds() and self.miss(parameters) is None

    def miss(self, parameters: Parameters) -> Miss | None:
        """The first guard that these arguments do not pass."""
        from ..ir.passes.dead_code import guards_only

        program = guards_only(self.stages.optimized)
        leaves = [leaf for _, _, value in parameters for leaf in flatten(value)[0]]
        steps = _Steps(program, leaves, self.stages.captured)
        with np.errstate(all="ignore"):
            for equation in program.equations:
                try:
                    steps.take(equation)
                except GuardMiss:
                    return Miss(equation, _number(steps.read(equation.operands[0])))
        return None

    def open_to(self, args: tuple[Any, ...], kwargs: dict[str, Any], again: bool) -> None:
        """Have an entrance for calls like this one; `again`, since the one that is there has refused it."""
        if self.writes or self.general or self.entrances == MOST_ENTRANCES or (self.entrances and not again):
            return
        self.entrances += 1
        self.enter = entrance(args, kwargs, self.state, self.stages.function)

    def count(self, line: str) -> None:
        """Remember that a call did not pass the guard of a line."""
        self.missed[line] = self.missed.get(line, 0) + 1


class _Steps:
    """A program's values for actual arguments, one equation after the other."""

    def __init__(self, program: Program, leaves: Sequence[Any], captured: Sequence[Any]) -> None:
        self.values: dict[Var, Any] = dict(zip(program.inputs, leaves, strict=False))  # no guard reads a cotangent
        self.values.update(zip(program.captures, captured, strict=True))

    def read(self, atom: Atom) -> Any:
        return atom.value if isinstance(atom, Literal) else self.values[atom]

    def take(self, equation: Equation) -> None:
        results = evaluate_equation(equation, [self.read(o) for o in equation.operands])
        self.values.update(zip(equation.outs, results, strict=True))


def locate(error: Exception, stages: Stages, parameters: Parameters) -> None:
    """Add the user's line to an error of the generated text, by taking its steps again until one raises the same."""
    if isinstance(error, NonFiniteError) or getattr(error, "__notes__", None) or stages.request.kind == "vjp":
        return
    program = stages.optimized
    leaves = [leaf for _, _, value in parameters for leaf in flatten(value)[0]]
    steps = _Steps(program, leaves, stages.captured)
    for equation in program.equations:
        if equation.op.effect:
            continue
        try:
            steps.take(equation)
        except Exception as same:
            inner = vars(same).get("equation", equation) if equation.params.get("listed") else equation
            if type(same) is type(error) and inner.origin is not None:
                error.add_note(place(inner.origin))
            return


class Traced(NamedTuple):
    """One call that a path was compiled for."""

    arguments: str
    reason: str
    misses: tuple[str, ...] = ()
    kept: str = ""  # what became of it on disk
    restored: bool = False  # a path was read from disk, and nothing was traced


def traced(parameters: Parameters, known: Iterable[Path], is_first: bool, counted: bool) -> Traced:
    """Why a call is traced although paths are known for calls of its kind; whether their misses are counted already."""
    arguments = f"({', '.join(f'{name}: {_shown(value)}' for name, _, value in parameters)})"
    misses, changes, lines = [], [], []
    for path in sorted(known, key=lambda p: p.number):
        changed = path.state.difference()
        miss = None if changed else path.miss(parameters)
        if changed:
            changes.append(changed)
        elif miss is not None:
            if not counted:
                path.count(miss.line)
            lines.append(miss.line)
            what, needed = _what(miss.guard), _needed(miss.guard)
            misses.append(f"path {path.number} missed: {what} is {miss.value!r}, and needs {needed}")
    if len(misses) > _SHOWN:
        misses = [*misses[:_SHOWN], f"and {len(misses) - _SHOWN} more"]
    if changes:
        return Traced(arguments, changes[-1], tuple(misses))
    if lines:
        return Traced(arguments, f"another branch at {', '.join(dict.fromkeys(lines))}", tuple(misses))
    if is_first:
        return Traced(arguments, "the first call")
    return Traced(arguments, "a new combination of structure, dtypes, shapes or static values")


def explanation(name: str, calls: Sequence[Traced], hits: int, kinds: Sequence[Sequence[Path]]) -> str:
    """The whole text."""
    paths = sorted({id(path): path for known in kinds for path in known}.values(), key=lambda p: p.number)
    traced = sum(not call.restored for call in calls)
    lines = [f"{name}: {_count(traced, 'call')} traced, {_count(hits, 'call')} served by a path that was kept"]
    if calls:
        lines.append("traced calls:" if traced == len(calls) else "traced calls, and those for which a file was read:")
    for number, call in enumerate(calls, 1):
        lines.append(f"  {number}. {call.arguments}: {call.reason}")
        lines += [f"       {said}" for said in (*call.misses, call.kept) if said]
    if paths:
        lines.append("kept paths:")
    for path in paths:
        lines.append(f"  path {path.number} {calls[path.number - 1].arguments}")
        changed = path.state.difference()
        if changed:
            lines.append(f"    not used now: {changed}")
        lines += _guards(path)
    return "\n".join(lines)


def _guards(path: Path) -> list[str]:
    lines, counted = [], set()
    for guard in path.stages.optimized.equations:
        if guard.op.name != "guard" or guard.origin is None:
            continue
        line = str(guard.origin)
        missed = 0 if line in counted else path.missed.get(line, 0)
        counted.add(line)
        lines.append(f"    guard at {line}: {guard.origin.statement}".rstrip(" :"))
        misses = f"; missed by {_count(missed, 'call')}" if missed else ""
        lines.append(f"      {_what(guard)} needs {_needed(guard)}{misses}")
    return lines


def _what(guard: Equation) -> str:
    """What a guard looks at, in the user's words."""
    origin = guard.origin
    if origin is None:
        return "a value"
    return origin.expression or origin.statement or "a value"


def _needed(guard: Equation) -> str:
    return repr(_number(guard.params["expected"]))


def _number(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic | np.ndarray) and value.size == 1 else value
    return int(value) if isinstance(value, float) and value.is_integer() else value  # as int(x) gives it


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shown(value: Any) -> str:
    value = value.type if isinstance(value, AbstractLeaf) else value
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    return repr(value) if value is None or type(value) in (bool, int, str) else type(value).__name__
