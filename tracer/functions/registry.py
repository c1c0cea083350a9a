"""NumPy functions whose arguments need arranging before an operation answers them: where they are entered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir.builder import Value
from ...ir.op import BY_NAME
from ..array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from ..detached import written_into_plain
from ..errors import UnsupportedError, explain
from ..place import Root
from ..trace import Trace

FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def function(*keys: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter an arrangement for NumPy callables; it gets (trace, *args, **kwargs) and returns stand-ins."""

    def enter(handler: Callable[..., Any]) -> Callable[..., Any]:
        for key in keys:
            FUNCTIONS[key] = handler
        return handler

    return enter


def as_tracer(trace: Trace, x: Any) -> Any:
    """Anything array-like as a stand-in."""
    if isinstance(x, Tracer) and x._home is trace:
        return x
    return wrap_constant(trace, lift(trace, x))


def wrap_constant(trace: Trace, value: Value) -> Any:
    return ArrayTracer(trace, Root(value)) if value.ndim else ScalarTracer(trace, Root(value))


def view(trace: Trace, x: Any, op: str, **params: Any) -> Any:
    """A rearrangement that shares storage."""
    x = as_tracer(trace, x)
    if isinstance(x, ArrayTracer | CellTracer):
        return x._view(op, **params)
    params.pop("flat", None)  # says how a view lies, and a number has no views
    return wrap(trace, trace.emit(BY_NAME[op], x._here(), **params))


def strong(trace: Trace, x: Any) -> Any:
    """The same stand-in, or that of a NumPy scalar for a Python number: what NumPy's functions make of one."""
    value = x._here()
    return wrap(trace, trace.emit(BY_NAME["astype"], value, dtype=value.dtype)) if value.type.weak else x


def no_order(trace: Trace, order: str, name: str) -> None:
    if order not in ("C", "K", "A", None):
        cause = f"order={order!r} of {name} is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "order='C'", "unsupported"))


def check_target(trace: Trace, target: Any, what: str) -> None:
    """Writing a traced value into a plain array would detach it."""
    if not isinstance(target, ArrayTracer | CellTracer):
        raise written_into_plain(what, trace.origin())
