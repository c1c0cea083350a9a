"""zeros_like and its kin: new arrays with the shape, the dtype and the layout of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.ops.elementwise import astype
from ...ir.ops.shape import filled, full
from ..array import ArrayTracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..trace import Trace
from .registry import as_tracer, function


@function(np.zeros_like)
def _zeros_like(
    trace: Trace, a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:
    return _new(trace, a, 0, dtype, shape, order)


@function(np.empty_like)
def _empty_like(
    trace: Trace, a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:
    return _new(trace, a, 0, dtype, shape, order)


@function(np.ones_like)
def _ones_like(trace: Trace, a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    return _new(trace, a, 1, dtype, shape, order)


def _new(trace: Trace, like: Any, value: Any, dtype: Any, shape: Any, order: str) -> Any:
    like = as_tracer(trace, like)
    wanted = like.shape if shape is None else tuple(np.atleast_1d(shape).tolist())
    chosen = np.dtype(dtype) if dtype is not None else like.dtype
    made = trace.emit(filled, value=value, shape=wanted, dtype=chosen)
    return _kept(wrap(trace, made, **_laid_out(trace, like, shape, order)))


def _kept(made: Any) -> Any:
    """The new array; what is computed from it lies as it does."""
    if isinstance(made, ArrayTracer):
        made._note_owner()
    return made


def _laid_out(trace: Trace, like: Any, shape: Any, order: str) -> dict[str, Any]:
    """How NumPy lays out an array made like another one: in C order, or as that one lies."""
    if order == "C" or like.ndim < 2 or like._place.contiguous or (shape is not None and np.size(shape) != like.ndim):
        return {"contiguous": True}
    if shape is not None and order in ("K", "A") and trace.layout(like._place).flags.c_contiguous:
        return {"contiguous": True}
    if shape is not None or order not in ("K", "A"):
        raise UnsupportedError(
            explain("the layout of this new array depends on another one's", trace.origin(), "order='C'", "unsupported")
        )
    return {"like": like._place}


@function(np.full_like)
def _full_like(
    trace: Trace, a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:
    a = as_tracer(trace, a)
    wanted = a.shape if shape is None else tuple(np.atleast_1d(shape).tolist())
    value = lift(trace, fill_value)
    chosen = np.dtype(dtype) if dtype is not None else a.dtype
    made = trace.emit(full, value, shape=wanted)
    if made.dtype != chosen:
        made = trace.emit(astype, made, dtype=chosen)
    return _kept(wrap(trace, made, **_laid_out(trace, a, shape, order)))
