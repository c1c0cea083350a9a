"""Elements chosen among several arrays, by conditions or by numbers; elements kept within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.ops import selection
from ...ir.ops.compositions import clip as clip_
from ...ir.ops.elementwise import where
from ...ir.types import result_dtype
from ..array import ArrayTracer, Tracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..trace import Trace
from .borrowed import in_steps
from .registry import as_tracer, check_target, function

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


def delivered(trace: Trace, result: Any, out: Any, name: str) -> Any:
    """The result, written into `out` if there is one."""
    if out is None:
        return result
    check_target(trace, out, f"out= of {name}")
    if out.shape != result.shape:
        raise ValueError(f"output array does not match the result of {name}: {out.shape}, {result.shape}")
    out[...] = result
    return out


@function(np.choose)
def choose(trace: Trace, a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    values = [lift(trace, c) for c in (choices if isinstance(choices, list | tuple) else as_tracer(trace, choices))]
    if not values or len(values) > 32:
        raise ValueError("np.choose takes between 1 and 32 choices")
    result = wrap(trace, trace.emit(selection.choose, lift(trace, a), *values, mode=mode))
    return delivered(trace, result, out, "np.choose")


@function(np.select)
def select(trace: Trace, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """np.where within np.where: the first condition that holds decides."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not len(condlist):
        raise ValueError("select with an empty condition list is not possible")
    conditions = [lift(trace, c) for c in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype.kind != "b":
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    choices = [lift(trace, c) for c in choicelist]
    result = lift(trace, default)
    dtype = result_dtype(*(c.type for c in choices), result.type)
    if result.type.weak and choices[-1].type.weak and result.literal is not None:
        result = trace.builder.value(dtype.type(result.literal))  # two Python numbers alone do not know the dtype
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = trace.emit_unnamed(where, condition, choice, result)
    made = wrap(trace, result, contiguous=result.ndim > 0)
    if made.ndim:
        made._note_owner()
    return made if made.dtype == dtype else made.astype(dtype)


@function(np.clip)
def clip(
    trace: Trace,
    a: Any,
    a_min: Any = _NO_VALUE,
    a_max: Any = _NO_VALUE,
    out: Any = None,
    *,
    min: Any = _NO_VALUE,
    max: Any = _NO_VALUE,
    **kwargs: Any,
) -> Any:
    from ..dispatch import _deliver, compose

    if kwargs:
        cause = f"the keyword {next(iter(kwargs))!r} of np.clip is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "x.astype(...) before it", "unsupported"))
    if a_min is _NO_VALUE and a_max is _NO_VALUE:
        a_min, a_max = (None if bound is _NO_VALUE else bound for bound in (min, max))
    elif a_min is _NO_VALUE or a_max is _NO_VALUE:
        raise TypeError(f"clip() missing 1 required positional argument: 'a_{'min' if a_min is _NO_VALUE else 'max'}'")
    elif min is not _NO_VALUE or max is not _NO_VALUE:
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    if a_min is None and a_max is None:
        return delivered(trace, np.positive(as_tracer(trace, a)), out, "np.clip")
    operands = [None if x is None else lift(trace, x) for x in (a, a_min, a_max)]
    result = compose(trace, clip_, operands, {})
    return wrap(trace, result) if out is None else _deliver(trace, result, out, True, "clip")


@function(np.nan_to_num)
@in_steps
def nan_to_num(trace: Trace, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    given = as_tracer(trace, x)
    if given.dtype.kind == "c":
        real, imag = (nan_to_num(trace, part, True, nan, posinf, neginf) for part in (given.real, given.imag))
        made = real + 1j * imag
    elif all(isinstance(v, int | float | None) for v in (nan, posinf, neginf)) and not isinstance(nan, Tracer):
        made = wrap(trace, trace.emit(selection.nan_to_num, given._here(), nan=nan, posinf=posinf, neginf=neginf))
    else:
        limits = np.finfo(given.dtype)
        made = np.where(np.isnan(given), nan, given)
        made = np.where(given == np.inf, limits.max if posinf is None else posinf, made)
        made = np.where(given == -np.inf, limits.min if neginf is None else neginf, made).astype(
            given.dtype, copy=False
        )
    if copy or not isinstance(x, ArrayTracer):
        return made
    x[...] = made
    return x
