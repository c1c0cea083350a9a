"""Which lines of a gradient take the time and the memory: the generated text, run with a clock around every line."""

from __future__ import annotations

import copy
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..codegen.timed import ENDED, STARTED, timed
from .compilation import Stages

BUDGET = 0.5  # seconds for all runs
RUNS = range(5, 200)  # at least and at most


@dataclass(frozen=True, slots=True)
class LineCost:
    """A line of the source: in one call it is run `calls` times and takes `seconds` altogether; `bytes` is the most
    memory that was new at once while it ran, what it computes on the way included."""

    number: int
    text: str
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """A call of a gradient, line by line; prints as a table. Times are medians over `runs`, without the clock's own."""

    name: str
    seconds: float  # of a whole call, without a clock in it
    runs: int
    lines: tuple[LineCost, ...]

    def __str__(self) -> str:
        loops = any(line.calls > 1 for line in self.lines)
        head = ["time", "%", *(["calls"] if loops else []), "memory"]
        widths = [9, 6, *([7] if loops else []), 10]
        rows = [f"{self.name}: {_time(self.seconds)} a call, the median of {self.runs}"]
        rows.append(" ".join(f"{title:>{width}}" for title, width in zip(head, widths, strict=True)))
        whole = max(sum(line.seconds for line in self.lines), 1e-12)
        for line in self.lines:
            cells = [""] * len(head)
            if line.calls:
                cells = [_time(line.seconds), f"{100 * line.seconds / whole:.1f}"]
                cells += [str(line.calls)] if loops else []
                cells.append(_size(line.bytes))
            shown = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            rows.append(f"{shown}  {line.text}".rstrip())
        return "\n".join(rows)


def profile(stages: Stages, args: tuple[Any, ...], kwargs: dict[str, Any], apart: bool) -> Profile:
    """Run the compiled function for these arguments; `apart`, each time on a copy of them, if it writes into them.

    Raises what the function raises.
    """
    text = stages.source.splitlines()
    clock = time.perf_counter
    seconds = [0.0] * (len(text) + 1)
    calls = [0] * (len(text) + 1)
    sizes = [0] * (len(text) + 1)

    def ended(line: int, started: float) -> None:
        seconds[line] += clock() - started
        calls[line] += 1

    def held() -> int:
        tracemalloc.reset_peak()
        return tracemalloc.get_traced_memory()[0]

    def grown(line: int, before: int) -> None:
        sizes[line] = max(sizes[line], tracemalloc.get_traced_memory()[1] - before)

    def run(function: Callable[..., Any]) -> float:
        given, named = copy.deepcopy((args, kwargs)) if apart else (args, kwargs)
        begun = clock()
        function(*given, **named)
        return clock() - begun

    watched = _instrumented(stages, clock, ended)
    own = min(_spent_on_nothing(clock, ended) for _ in range(100))
    run(stages.function)
    end = clock() + BUDGET
    whole: list[float] = []
    each: list[list[float]] = []
    while len(whole) < RUNS.start or (clock() < end and len(whole) < RUNS.stop):
        whole.append(run(stages.function))
        seconds[:], calls[:] = [0.0] * len(seconds), [0] * len(calls)
        run(watched)
        each.append(list(seconds))
    medians = [max(statistics.median(one) - own * count, 0.0) for one, count in zip(zip(*each), calls, strict=True)]
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        for _ in range(10):
            grown(0, held())
        run(_instrumented(stages, held, grown))
    finally:
        if not tracing:
            tracemalloc.stop()
    found = zip(range(1, len(text) + 1), text, calls[1:], medians[1:], sizes[1:], strict=True)
    lines = tuple(LineCost(n, line, count, spent, max(new - sizes[0], 0)) for n, line, count, spent, new in found)
    return Profile(stages.request.name, statistics.median(whole), len(whole), lines)


def _spent_on_nothing(clock: Callable[[], float], ended: Callable[[int, float], None]) -> float:
    """The time that a statement seems to take which does nothing."""
    started = clock()
    found = clock() - started
    ended(0, started)
    return found


def _instrumented(stages: Stages, started: Callable[[], Any], ended: Callable[[int, Any], None]) -> Callable[..., Any]:
    """The compiled function with its lines between two calls."""
    names = dict(stages.function.__globals__)
    names[STARTED], names[ENDED] = started, ended
    exec(compile(timed(stages.source), f"<profile of {stages.request.name}>", "exec"), names)
    function: Any = names[stages.request.name]
    function.__defaults__, function.__kwdefaults__ = stages.function.__defaults__, stages.function.__kwdefaults__
    return function  # type: ignore[no-any-return]


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:.0f} {unit}"
    raise AssertionError


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 1000 * size else f"{count / size:.0f} {unit}"
    return f"{count} B"
