"""The path that an example takes: what Python asks of its values, answered alike where only types are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..ir.builder import Value
    from .trace import Trace

Place = tuple[str, str]  # the user's line, and what was asked for there


class Decisions:
    """The answers of one trace, by the place where each was asked for, in order."""

    def __init__(self) -> None:
        self._noted: dict[Place, list[Any]] = {}
        self._left: dict[Place, deque[Any]] = {}
        self._trace: Trace | None = None

    def begin(self, trace: Trace, noting: bool) -> None:
        """A trace that begins anew, as in a second look, or for another length, takes the path from its beginning."""
        while getattr(trace, "outer", None) is not None:
            trace = trace.outer  # type: ignore[attr-defined]
        if trace is self._trace:
            return
        self._trace = trace
        if noting:
            self._noted.clear()
        self._left = {place: deque(answers) for place, answers in self._noted.items()}

    def note(self, place: Place, answer: Any) -> None:
        self._noted.setdefault(place, []).append(answer)

    def next(self, place: Place) -> tuple[Any, ...]:
        """(the next answer at this place,), or () where the example asked for nothing more."""
        left = self._left.get(place)
        return (left.popleft(),) if left else ()


_ACTIVE: ContextVar[tuple[Decisions, bool] | None] = ContextVar("tapeless_decisions", default=None)


@contextmanager
def noting(decisions: Decisions) -> Iterator[None]:
    """Remember what is decided."""
    token = _ACTIVE.set((decisions, True))
    try:
        yield
    finally:
        _ACTIVE.reset(token)


@contextmanager
def following(decisions: Decisions) -> Iterator[None]:
    """Decide as it was decided."""
    token = _ACTIVE.set((decisions, False))
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def decided(trace: Trace, value: Value, what: str) -> tuple[Any, bool]:
    """As `trace.seen`: what Python asks for, and whether it depends on what may change."""
    active = _ACTIVE.get()
    if active is None:
        return trace.seen(value, what)
    decisions, notes = active
    decisions.begin(trace, notes)
    place = (str(trace.origin()), what)
    answer = () if notes else decisions.next(place)
    if answer and not trace.is_known(value):
        return answer[0], True
    found = trace.seen(value, what)
    if notes:
        decisions.note(place, found[0])
    return found
