"""Arguments that have to be known while the program is written: counts, widths, places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.dims import holds_symbols, whole
from ...ir.op import BY_CALLABLE
from ..array import Tracer, lift
from ..creation import constant_value, contains_tracer
from ..trace import Trace


def plain_array(trace: Trace, given: Any, what: str) -> np.ndarray[Any, Any]:
    """The array as it is in this call; a guard holds it if an argument or a captured array decides it."""
    if not isinstance(given, np.ndarray | Tracer) and not contains_tracer(given):
        return np.asarray(given)
    value = lift(trace, given)
    if not value.ndim:
        return np.asarray(trace.number(value, what))
    found, depends = trace.actual(value, what)
    if depends and found.size:
        same = trace.emit_unnamed(BY_CALLABLE[np.equal], value, constant_value(trace, found))
        trace.number(trace.emit_unnamed(BY_CALLABLE[np.all], same), what)
    return np.asarray(found)


def plain_numbers(trace: Trace, given: Any, what: str) -> tuple[int, ...]:
    """Integers, of one or of several."""
    if holds_symbols(tuple(given) if isinstance(given, list) else given):
        return tuple(map(whole, given if isinstance(given, tuple | list) else (given,)))
    found = np.atleast_1d(plain_array(trace, given, what))
    if found.dtype.kind not in "iub" and found.size:
        raise TypeError(f"{what} must be integers, not {found.dtype}")
    return tuple(int(n) for n in found.ravel().tolist())
