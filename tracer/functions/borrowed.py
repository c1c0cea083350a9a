"""NumPy functions that NumPy writes in Python, out of others: their own text runs on the stand-ins.

So every keyword means exactly what it means in NumPy. What the text makes by itself (`np.zeros`, `np.asarray`) are
traced buffers there: its functions run as copies, whose globals hold our creation functions.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

from ...ir.op import BY_CALLABLE
from ...ir.ops.compositions import COMPOSITIONS
from ..array import Tracer
from ..creation import original, traced_creation
from ..interception import original_of
from ..site import current_site
from ..trace import ACTIVE, Trace
from .registry import FUNCTIONS, as_tracer


def _as_array(a: Any, *args: Any, **kwargs: Any) -> Any:
    """asanyarray and asarray: a stand-in is an array already; of lists with stand-ins in them an array is made."""
    made = traced_creation("asarray", a, *args, **kwargs)
    trace = ACTIVE.get()
    return as_tracer(trace, made) if trace is not None and isinstance(a, Tracer) else made


def _type(thing: Any) -> Any:
    """What a stand-in answers: the type of what it stands for."""
    return thing.__class__ if isinstance(thing, Tracer) else type(thing)


def _creation(name: str) -> Callable[..., Any]:
    return lambda *args, **kwargs: traced_creation(name, *args, **kwargs)


_SUBSTITUTES: dict[str, Callable[..., Any]] = {
    name: _creation(name) for name in ("zeros", "ones", "empty", "full", "array", "arange", "eye", "identity")
} | {"asarray": _as_array, "asanyarray": _as_array, "ascontiguousarray": _creation("ascontiguousarray")}


class _Module:
    """NumPy, or a module of it, as a borrowed function sees it."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _seen(name, getattr(self._module, name))


def _seen(name: str, thing: Any) -> Any:
    """What a name of NumPy's text stands for in a borrowed function."""
    thing = original_of(thing)
    if name in _SUBSTITUTES and thing is original(name):
        return _SUBSTITUTES[name]
    if isinstance(thing, types.ModuleType) and thing.__name__.partition(".")[0] == "numpy":
        return _Module(thing)
    if isinstance(thing, types.FunctionType) and thing.__module__.partition(".")[0] == "numpy":
        return own_text(thing)
    return thing


@cache
def own_text(function: types.FunctionType) -> types.FunctionType:
    """A function of NumPy that makes traced buffers and takes stand-ins: a copy with globals of its own."""
    scope = _Scope(function.__globals__)
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class _Scope(dict[str, Any]):
    """Globals that look each name up in NumPy's own when it is first read."""

    def __init__(self, own: dict[str, Any]) -> None:
        super().__init__(__builtins__=own["__builtins__"])
        self._own = own

    def __missing__(self, name: str) -> Any:
        value = self[name] = _type if name == "type" else _seen(name, self._own[name])
        return value


def borrow(*functions: Any) -> None:
    """Enter NumPy functions that are answered by their own text."""
    for function in functions:
        if function in BY_CALLABLE or function in COMPOSITIONS or function in FUNCTIONS:
            raise ValueError(f"{function} is answered already")
        implementation = getattr(function, "_implementation", function)
        FUNCTIONS[function] = _borrowed(implementation)


def _borrowed(implementation: types.FunctionType) -> Callable[..., Any]:
    return lambda trace, *args, **kwargs: named_by_user(trace, own_text(implementation), *args, **kwargs)


def named_by_user(trace: Trace, steps: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Record the steps that the user wrote as one call: what has a name is the result."""
    with trace.steps_unnamed():
        result = steps(*args, **kwargs)
    site = current_site()
    if isinstance(result, Tracer) and site is not None and site.name and trace.names_steps:
        trace.name(result._here(), site.name)
    return result


def in_steps(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Have an arrangement of several steps recorded as one call."""

    @wraps(handler)
    def run(trace: Trace, *args: Any, **kwargs: Any) -> Any:
        return named_by_user(trace, handler, trace, *args, **kwargs)

    return run


borrow(np.rot90, np.trapezoid, np.gradient)
