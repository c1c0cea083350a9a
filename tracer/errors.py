"""What a user is told: one sentence of cause, the line it happened on, and something to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..ir.program import Origin


def explain(
    cause: str, origin: Origin | None = None, fix: str = "", anchor: str = "", details: Sequence[str] = ()
) -> str:
    """The message of every error: cause, place, expression, details, `Try:` line and the page that says more."""
    lines = [cause]
    if origin is not None:
        lines.append(place(origin))
    lines += [f"  {detail}" for detail in details]
    if fix:
        lines.append(f"  Try: {fix}")
    if anchor:
        lines.append(f"  See docs/errors.md#{anchor}")
    return "\n".join(lines)


def place(origin: Origin) -> str:
    """Where it happened: file, line and statement, and the expression within it."""
    where = f"  in {origin.function} at {origin.file}:{origin.line}"
    lines = [f"{where}:  {origin.statement}" if origin.statement else where]
    if origin.expression and origin.expression != origin.statement:
        lines.append(f"  expression: {origin.expression}")
    return "\n".join(lines)


def dtype_fix(name: str, dtype: np.dtype[Any]) -> str:
    """What to write instead of an array that cannot be traced for its dtype."""
    if dtype.names:
        return f"{name}[{dtype.names[0]!r}], one field of the records"
    if dtype.kind in "mM":
        unit = np.datetime_data(dtype)[0]
        since = f"{name} - {name}[0]" if dtype.kind == "M" else name
        return f"({since}) / np.timedelta64(1, {unit if unit != 'generic' else 's'!r})"
    if dtype.kind in "USTV":
        return f"{name}.tolist(): a list of strings is passed on as it is"
    return f"{name}.astype(float)"


class TapelessError(Exception):
    """Base of all errors that tapeless raises by itself."""


class Refusal(TapelessError):
    """What the plain call would have done and the trace could not: final, also if the function catches it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        refusals = REFUSALS.get()
        if refusals is not None:
            refusals.append(self)


REFUSALS: ContextVar[list[Refusal] | None] = ContextVar("tapeless_refusals", default=None)


class TracingError(Refusal, TypeError):
    """The function does something with a traced value that cannot be recorded."""


class DetachedError(TracingError):
    """Compiled code asked a stand-in for an array."""


class UnsupportedError(Refusal, NotImplementedError):
    """NumPy has it, tapeless does not (yet, or for a reason that the message gives)."""


class GradientError(TapelessError, TypeError):
    """The gradient that was asked for does not exist: an integer argument, an output that is not a number."""


class NonFiniteError(TapelessError, FloatingPointError):
    """With debug="nan": an operation made a nan or an infinity that reached the result."""


class LeakedTracerError(TracingError):
    """A stand-in was used after the trace that it belongs to had ended."""


@contextmanager
def refusals_are_final() -> Iterator[None]:
    """Raise at the end what the function was refused and caught by itself: it went another way than a plain call."""
    refusals: list[Refusal] = []
    token = REFUSALS.set(refusals)
    try:
        yield
    except Exception as error:
        if refusals and isinstance(refusals[-1], DetachedError) and not isinstance(error, TapelessError):
            raise refusals[-1] from error  # compiled code says its own of an error in __float__
        raise
    finally:
        REFUSALS.reset(token)
    if refusals:
        raise refusals[0]
