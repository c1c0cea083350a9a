"""What NumPy itself writes in Python out of comparisons, parts and corrections of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..trace import Trace
from .borrowed import borrow, in_steps, named_by_user, own_text
from .registry import as_tracer, function

borrow(np.array_equal)
borrow(np.iscomplex, np.isreal, np.isposinf, np.isneginf, np.real_if_close)
borrow(np.angle, np.unwrap)


@function(np.array_equiv)
@in_steps
def array_equiv(trace: Trace, a1: Any, a2: Any) -> bool:
    a1, a2 = as_tracer(trace, a1), as_tracer(trace, a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return bool((a1 == a2).all())


@function(np.isclose)
@in_steps
def isclose(trace: Trace, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    a, b = as_tracer(trace, a), as_tracer(trace, b)
    b = b.astype(float) if b.dtype.kind in "biu" else b
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


@function(np.allclose)
@in_steps
def allclose(trace: Trace, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> bool:
    return bool(np.all(isclose(trace, a, b, rtol, atol, equal_nan)))


_PIECEWISE = np.piecewise._implementation  # type: ignore[attr-defined]


@function(np.piecewise)
def piecewise(trace: Trace, x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function gets the elements that its condition holds for; how many they are is guarded."""
    x = as_tracer(trace, x)
    steps = own_text(_PIECEWISE)
    if x.ndim:
        return named_by_user(trace, steps, x, condlist, funclist, *args, **kw)
    conditions = [
        np.reshape(as_tracer(trace, c), 1) for c in (condlist if isinstance(condlist, list | tuple) else [condlist])
    ]
    return named_by_user(trace, steps, np.reshape(x, 1), conditions, funclist, *args, **kw).reshape(())


@function(np.fix)
def fix(trace: Trace, x: Any, out: Any = None) -> Any:
    return np.trunc(as_tracer(trace, x), out=out)
