"""What a function returns, by its types: found in a trace that is thrown away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.types import ArrayType
from .adjoints import AdjointTrace, taken
from .array import lift
from .errors import REFUSALS
from .structure import flatten
from .trace import Trace, tracing

_GLANCING: ContextVar[bool] = ContextVar("tapeless_glancing", default=False)


class Glance(AdjointTrace):
    """A trace that leaves nothing behind in the one around it."""

    def capture(self, array: np.ndarray[Any, Any]) -> Value:
        return Trace.capture(self, array)


def result_of(trace: Trace, function: Callable[..., Any], values: Sequence[Any]) -> list[tuple[str, ArrayType]] | None:
    """The paths and types of what the function returns; None if it is nothing for a trace, or within another glance."""
    if _GLANCING.get():
        return None  # what is called in there has its own glance where it is called in earnest
    inner = Glance(trace)
    refusals, glancing = REFUSALS.set([]), _GLANCING.set(True)
    try:
        with tracing(inner):
            leaves, structure = flatten(function(*taken(inner, list(values))))
            types = [lift(inner, leaf).type for leaf in leaves]
    except Exception:
        return None
    finally:
        REFUSALS.reset(refusals)
        _GLANCING.reset(glancing)
    return [(path, type_) for (path, _), type_ in zip(structure.paths("out"), types, strict=True)]
