"""Numbers evenly spaced between traced ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.dims import whole
from ...ir.op import Op
from ...ir.ops import spacing
from ..array import lift, wrap
from ..trace import Trace
from .borrowed import in_steps
from .registry import as_tracer, function


def _between(trace: Trace, op: Op, start: Any, stop: Any, num: Any, endpoint: bool, dtype: Any, axis: int) -> Any:
    count = whole(num)
    if count < 0:
        raise ValueError(f"Number of samples, {count}, must be non-negative.")
    ends = lift(trace, start), lift(trace, stop)
    return wrap(trace, trace.emit(op, *ends, num=count, endpoint=bool(endpoint), axis=int(axis)))


@function(np.linspace)
@in_steps
def linspace(
    trace: Trace,
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    made = _between(trace, spacing.linspace, start, stop, num, endpoint, dtype, axis)
    if dtype is not None:
        made = (np.floor(made) if np.dtype(dtype).kind in "iu" else made).astype(dtype)
    if not retstep:
        return made
    pieces = whole(num) - 1 if endpoint else whole(num)
    return made, (as_tracer(trace, stop) - start) / pieces if pieces > 0 else np.nan


@function(np.geomspace)
@in_steps
def geomspace(
    trace: Trace, start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    made = _between(trace, spacing.geomspace, start, stop, num, endpoint, dtype, axis)
    return made if dtype is None else made.astype(dtype)


@function(np.logspace)
@in_steps
def logspace(
    trace: Trace,
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """The base, to evenly spaced exponents."""
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (
            np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x))
            for x in (as_tracer(trace, y) for y in (start, stop, base))
        )
        base = np.expand_dims(base, axis)
    made = np.power(base, np.linspace(as_tracer(trace, start), stop, num, endpoint, axis=axis))
    return made if dtype is None else made.astype(dtype)
