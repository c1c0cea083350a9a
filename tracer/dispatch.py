"""From a NumPy call to the record that answers it: bind the arguments, refuse by name what is not supported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.op import BY_CALLABLE, Op
from ..ir.ops.compositions import COMPOSITIONS
from ..ir.ops.elementwise import astype, where
from ..ir.ops.indexing import index_add
from ..ir.ops.reduction import max_, min_, prod, sum_
from ..ir.ops.shape import broadcast_to
from ..ir.program import Var
from ..ir.types import broadcast_shapes, type_of
from .array import ArrayTracer, Tracer, lift, wrap
from .errors import TracingError, UnsupportedError, explain
from .functions import FUNCTIONS
from .trace import Trace

_REDUCTIONS: dict[Any, Op] = {np.add: sum_, np.multiply: prod, np.maximum: max_, np.minimum: min_}
_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


def refuse(trace: Trace, what: str, reason: str = "", fix: str = "") -> UnsupportedError:
    """The error for something in NumPy that is not supported."""
    cause = f"{what} is not supported by tapeless" + (f": {reason}" if reason else "")
    fix = fix or "say it with other NumPy functions, or call it outside and pass the result in as an argument"
    return UnsupportedError(explain(cause, trace.origin(), fix, "unsupported"))


# ---------------------------------------------------------------------------------------------------------- ufuncs


def call_ufunc(trace: Trace, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer __array_ufunc__."""
    out = kwargs.pop("out", None)
    mask = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    kwargs.pop("casting", None)
    if kwargs.get("order") in ("K", "C", None):
        kwargs.pop("order", None)
    if method == "reduce" and ufunc in _REDUCTIONS:
        return _reduce(trace, ufunc, inputs[0], kwargs, out, mask, dtype)
    if method == "outer" and ufunc.nin == 2 and not kwargs:
        a, b = (lift(trace, x) for x in inputs)
        left = np.reshape(wrap(trace, a), (*a.shape, *[1] * b.ndim))
        return call_ufunc(trace, ufunc, "__call__", (left, wrap(trace, b)), {})
    if method == "at" and ufunc in (np.add, np.subtract) and not kwargs:
        return _at(trace, ufunc, *inputs)
    if method != "__call__":
        raise refuse(trace, f"np.{ufunc.__name__}.{method}")
    if kwargs:
        raise refuse(trace, f"the keyword {next(iter(kwargs))!r} of np.{ufunc.__name__}")
    operands = [lift(trace, x) for x in inputs]
    op = BY_CALLABLE.get(ufunc)
    if op is None and ufunc not in COMPOSITIONS:
        raise refuse(trace, f"np.{ufunc.__name__}")
    if op is not None and op.infer(*(o.type for o in operands)).weak:
        operands = [_strong(trace, o) for o in operands]
    if dtype is not None:
        wanted = np.dtype(dtype)
        operands = [trace.emit(astype, o, dtype=wanted) for o in operands]
    result = trace.emit(op, *operands) if op is not None else COMPOSITIONS[ufunc](*operands)
    return _deliver(trace, result, out, mask, ufunc.__name__)


def _strong(trace: Trace, value: Value) -> Value:
    """A ufunc makes NumPy scalars of Python numbers."""
    if isinstance(value.atom, Var):
        strong: Value = trace.emit(astype, value, dtype=value.dtype)
        return strong
    return trace.builder.value(value.dtype.type(value.literal))


def _deliver(trace: Trace, result: Value, out: Any, mask: Any, name: str) -> Any:
    """The result, or what `out=` and `where=` make of it."""
    if isinstance(out, tuple):
        (out,) = out
    if out is None:
        if mask is not True:
            raise refuse(
                trace,
                f"where= of np.{name} without out=",
                "the rest would be uninitialized",
                "np.where(condition, a, b)",
            )
        return wrap(trace, result)
    check_target(trace, out, f"out= of np.{name}")
    if mask is not True:
        result = trace.emit(where, lift(trace, mask), result, out._value())
    if broadcast_shapes(result.shape, out.shape) != out.shape:
        raise ValueError(f"non-broadcastable output operand with shape {out.shape}, the result has {result.shape}")
    if result.shape != out.shape:
        result = trace.emit(broadcast_to, result, shape=out.shape)
    if not np.can_cast(result.dtype, out.dtype, casting="same_kind"):
        raise TypeError(f"Cannot cast ufunc {name!r} output from {result.dtype!r} to {out.dtype!r}")
    if result.dtype != out.dtype:
        result = trace.emit(astype, result, dtype=out.dtype)
    out._place.write(result)
    return out


def check_target(trace: Trace, target: Any, what: str) -> None:
    """Writing a traced value into a plain array would detach it."""
    if not isinstance(target, ArrayTracer):
        raise TracingError(
            explain(
                f"{what}: a traced value cannot be written into an array that was made outside of the trace",
                trace.origin(),
                "make the array inside the function, with np.zeros(...) or x.copy()",
                "writes-into-plain-arrays",
            )
        )


def _reduce(trace: Trace, ufunc: np.ufunc, x: Any, kwargs: dict[str, Any], out: Any, mask: Any, dtype: Any) -> Any:
    keywords = {"axis": static(kwargs.pop("axis", 0)), "keepdims": bool(kwargs.pop("keepdims", False))}
    if kwargs.pop("initial", _NO_VALUE) is not _NO_VALUE:
        raise refuse(trace, f"the keyword 'initial' of np.{ufunc.__name__}.reduce")
    if mask is not True:
        raise refuse(trace, f"the keyword 'where' of np.{ufunc.__name__}.reduce")
    value = lift(trace, x)
    if dtype is not None:
        value = trace.emit(astype, value, dtype=np.dtype(dtype))
    return _deliver(trace, trace.emit(_REDUCTIONS[ufunc], value, **keywords), out, True, ufunc.__name__)


def _at(trace: Trace, ufunc: np.ufunc, target: Any, key: Any, amount: Any) -> None:
    from .indexing import encode_index

    check_target(trace, target, f"np.{ufunc.__name__}.at")
    index, arrays = encode_index(trace, target.shape, key)
    value = lift(trace, amount)
    target.write_through(index_add, value if ufunc is np.add else -value, *arrays, index=index)


def apply(op: Op, *operands: Any, **params: Any) -> Any:
    """An operation that NumPy has no function for: recorded if an operand is traced, else computed."""
    traced = next((o for o in operands if isinstance(o, Tracer)), None)
    if traced is None:
        op.infer(*(type_of(o) for o in operands), **params)
        return op.fun(*operands, **params)
    trace = traced._trace
    return wrap(trace, trace.emit(op, *(lift(trace, o) for o in operands), **params))


# ------------------------------------------------------------------------------------------------- array functions


def call_function(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer __array_function__."""
    trace.check_open()
    special = FUNCTIONS.get(func)
    if special is not None:
        return special(trace, *args, **kwargs)
    meaning: Op | Callable[..., Any] | None = BY_CALLABLE.get(func) or COMPOSITIONS.get(func)
    name = function_name(func)
    if meaning is None:
        raise refuse(trace, name)
    operands, keywords, out = bind(trace, func, name, meaning, args, kwargs)
    if keywords.get("axis") in (0, -1) and "keepdims" in getattr(meaning, "keywords", ()) and not operands[0].ndim:
        keywords["axis"] = None  # NumPy reduces a number along an axis that it lacks
    if isinstance(meaning, Op):
        result = trace.emit(meaning, *operands, **keywords)
    else:
        result = compose(trace, meaning, operands, keywords)
    if isinstance(result, Value) and result.type.weak:
        result = _strong(trace, result)  # NumPy's functions make no Python numbers
    return _deliver(trace, result, out, True, name.removeprefix("np.")) if out is not None else wrap(trace, result)


def compose(trace: Trace, meaning: Callable[..., Any], operands: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Record a composition at the user's line; its result has the name that the user gives it."""
    from .site import current_site

    site = current_site()
    trace.builder.origin = site.origin if site else None
    result = meaning(*operands, **keywords)
    if site is not None and site.name and isinstance(result, Value):
        trace.name(result, site.name)
    return result


def function_name(func: Any) -> str:
    """`np.linalg.norm`: how the user calls it."""
    module = (getattr(func, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{getattr(func, '__name__', func)}"


@lru_cache(maxsize=1024)
def _parameters(func: Any) -> tuple[inspect.Parameter, ...]:
    try:
        signature = inspect.signature(func)
    except ValueError:  # the compiled products (dot, inner, vdot) of NumPy 2.0 to 2.3 do not tell theirs
        signature = inspect.signature(lambda a, b, out=None: None)
    return tuple(signature.parameters.values())


@lru_cache(maxsize=1024)
def _composition_names(meaning: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parameters = inspect.signature(meaning).parameters.values()
    operands = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
    return operands, tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def bind(
    trace: Trace, func: Any, name: str, meaning: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any], Any]:
    """The operands, the static keywords and `out` of a call, by NumPy's own signature.

    A keyword that the meaning does not have is refused by name, unless it says what is the case anyway.
    """
    if isinstance(meaning, Op):
        operand_names, keyword_names = meaning.operand_names, meaning.keywords
    else:
        operand_names, keyword_names = _composition_names(meaning)
    parameters = _parameters(func)
    given: dict[str, Any] = {}
    if len(args) > len(parameters):
        raise TypeError(f"{name}() takes {len(parameters)} positional arguments but {len(args)} were given")
    given.update(zip((p.name for p in parameters), args, strict=False))
    known = {p.name: p for p in parameters}
    for key, value in kwargs.items():
        if key not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
        given[key] = value
    operands: list[Any] = []
    for parameter in parameters[: len(operand_names)]:
        operand = given.pop(parameter.name, None)
        operands.append(None if operand is None else lift(trace, operand))
    while operands and operands[-1] is None:
        operands.pop()
    out = given.pop("out", None)
    if isinstance(out, tuple) and len(out) == 1:
        out = out[0]
    keywords: dict[str, Any] = {}
    for key, value in given.items():
        if value is _NO_VALUE:
            continue
        if key in keyword_names:
            keywords[key] = static(value)
        elif key == "dtype" and value is not None:
            operands = [trace.emit(astype, o, dtype=np.dtype(value)) for o in operands]
        elif value is not None and not (key in known and value is known[key].default):
            raise refuse(trace, f"the keyword {key!r} of {name}")
    return operands, keywords, out


def static(value: Any) -> Any:
    """A keyword's value in a hashable, plain form; traced values are refused by __index__ and __bool__ as needed."""
    if isinstance(value, Tracer):
        return value.__index__() if value.dtype.kind in "iu" else bool(value)
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, list | tuple):
        return tuple(static(v) for v in value)
    if isinstance(value, np.ndarray):
        return tuple(static(v) for v in value.tolist()) if value.ndim else static(value[()])
    return value
