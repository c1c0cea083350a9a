"""What a text in symbols assumes of lengths, while it is written: who asked, on which line, and what the answer was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

_PACKAGE = __name__.rpartition(".ir.")[0] + "."
_REWRITES = (f"{_PACKAGE}ir.passes.", f"{_PACKAGE}codegen.")  # which only choose among equals
_LIBRARIES = {*sys.stdlib_module_names, "numpy", "scipy"} - {"__main__"}


class Assumption(NamedTuple):
    """Something that is true of the witnesses and must be of every call: `n > 50`. `file` is "" for the compiler's."""

    text: str
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Assumptions:
    """What is assumed while a program is written. `ordered`: also which of two lengths is longer."""

    ordered: bool = False
    strict: bool = False  # every answer is: an error that the function handles may lead it another way
    found: dict[str, Assumption] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)  # equations with witnesses that were asked for as plain integers


_ASSUMED: ContextVar[Assumptions | None] = ContextVar("tapeless_assumptions", default=None)
refusals: list[Callable[[Any], Any]] = []  # the error for a length that Python needs the number of; the tracer has it


@contextmanager
def assuming(assumptions: Assumptions) -> Iterator[Assumptions]:
    """Record what comparisons of lengths assume."""
    token = _ASSUMED.set(assumptions)
    try:
        yield assumptions
    finally:
        _ASSUMED.reset(token)


def assumed() -> tuple[Assumption, ...]:
    """What has been assumed until now."""
    found = _ASSUMED.get()
    return () if found is None else tuple(found.found.values())


def be_strict() -> None:
    """Record every answer from now on."""
    found = _ASSUMED.get()
    if found is not None:
        found.strict = True


def is_symbolic() -> bool:
    """Whether a program in symbols is being written."""
    return _ASSUMED.get() is not None


def is_ours(frame: FrameType | None) -> bool:
    """Whether the compiler asks, be it through a library."""
    while frame is not None and not _is_borrowed(frame):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _LIBRARIES:
            return name.startswith(_PACKAGE)
        frame = frame.f_back
    return frame is None


def _is_borrowed(frame: FrameType) -> bool:
    """Whether it runs NumPy's own text on the user's behalf, whose globals are looked up in others."""
    return type(frame.f_globals) is not dict


def _users(frame: FrameType) -> FrameType:
    """The user's own frame, where NumPy's text asks on behalf of it."""
    found: FrameType | None = frame
    while found is not None:
        name = str(found.f_globals.get("__name__", ""))
        known = _is_borrowed(found) or name.partition(".")[0] in _LIBRARIES or name.startswith(_PACKAGE)
        if not known:
            return found
        found = found.f_back
    return frame


def assume(text: str, frame: FrameType, users: bool) -> None:
    """Record an assumption, with the line if it is the user's."""
    assumed = _ASSUMED.get()
    if assumed is not None and text not in assumed.found:
        frame = _users(frame)
        place = (frame.f_code.co_filename, frame.f_lineno) if users else ()
        assumed.found[text] = Assumption(text, *place)


def lose(text: str) -> None:
    """Note an equation of a length with its witness, which somebody asked for."""
    found = _ASSUMED.get()
    if found is not None:
        found.lost.add(text)


def check_lost(value: Any, frame: FrameType) -> None:
    """The user's code, or a library that it calls, may not have the witness."""
    if is_symbolic() and not is_ours(frame):
        for refuse in refusals:
            refuse(value)


def decides(frame: FrameType, order: bool) -> bool:
    """Whether an answer may decide what is computed, not just how: as a rule, one about the `order` of two lengths."""
    found = _ASSUMED.get()
    if found is None or not (found.strict or (order and found.ordered)):
        return False
    return not str(frame.f_globals.get("__name__")).startswith(_REWRITES)
