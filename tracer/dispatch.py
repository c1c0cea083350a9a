"""From a NumPy call to the record that answers it: bind the arguments, refuse by name what is not supported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.dims import is_symbolic_number
from ..ir.op import BY_CALLABLE, Op
from ..ir.ops.compositions import COMPOSITIONS
from ..ir.ops.elementwise import astype, where
from ..ir.ops.rounding import PAIRS
from ..ir.ops.shape import broadcast_to
from ..ir.program import Literal, Var
from ..ir.types import PYTHON_TYPE, broadcast_shapes, type_of
from .array import Tracer, lift, wrap
from .functions import FUNCTIONS, check_target
from .functions.reducing import METHODS
from .refusals import refuse, refuse_case
from .trace import Trace
from .unbuffered import at, left_out

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------------------- ufuncs


def call_ufunc(trace: Trace, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer __array_ufunc__."""
    out = kwargs.pop("out", None)
    mask = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    casting = kwargs.pop("casting", None)
    if kwargs.get("order") in ("K", "C", None):
        kwargs.pop("order", None)
    if method in METHODS:
        if mask is not True:
            kwargs["where"] = mask
        return METHODS[method](trace, ufunc, *inputs, dtype=dtype, out=out, **kwargs)
    if method == "outer" and ufunc.nin == 2 and not kwargs:
        a, b = (_strong(trace, v) if v.type.weak else v for v in (lift(trace, x) for x in inputs))
        left = np.reshape(wrap(trace, a), (*a.shape, *[1] * b.ndim))
        asked = {"out": out, "dtype": dtype, "casting": casting or "same_kind"}
        return call_ufunc(trace, ufunc, "__call__", (left, wrap(trace, b)), {**asked, "where": mask})
    if method == "at" and not kwargs and ufunc.nout == 1:
        check_target(trace, inputs[0], f"np.{ufunc.__name__}.at")
        return at(trace, ufunc, *inputs)
    if method != "__call__":
        raise refuse(trace, f"np.{ufunc.__name__}.{method}")
    if kwargs and ufunc in FUNCTIONS and dtype is None and mask is True:
        return FUNCTIONS[ufunc](trace, *inputs, out=out, **kwargs)
    if kwargs:
        raise refuse(trace, f"the keyword {next(iter(kwargs))!r} of np.{ufunc.__name__}")
    operands = [lift(trace, x) for x in inputs]
    if ufunc in PAIRS and dtype is None:
        outs = out if out is not None else (None, None)
        if all(o.type.weak for o in operands):
            operands = [_strong(trace, o) for o in operands]
        results = zip(PAIRS[ufunc](*operands), outs, strict=True)
        return tuple(_deliver(trace, result, one, mask, ufunc.__name__) for result, one in results)
    op = BY_CALLABLE.get(ufunc)
    if op is None and ufunc not in COMPOSITIONS:
        from .functions.special import special_ufunc

        op = special_ufunc(trace, ufunc)
        if op is None:
            raise refuse(trace, f"np.{ufunc.__name__}")
    if op is not None and op.several:
        return _several(trace, op, operands, out, mask, dtype)
    if op is not None and op.infer(*(o.type for o in operands)).weak:
        operands = [_strong(trace, o) for o in operands]
    if dtype is not None or casting is not None:
        taken = _dtypes_taken(ufunc, operands, dtype, casting or "same_kind")
        operands = [trace.emit(astype, o, dtype=d) if dtype else o for o, d in zip(operands, taken, strict=False)]
    if mask is not True and out is not None:
        operands = left_out(trace, ufunc, operands, mask)
    result = trace.emit(op, *operands) if op is not None else COMPOSITIONS[ufunc](*operands)
    return _deliver(trace, result, out, mask, ufunc.__name__)


def _dtypes_taken(ufunc: np.ufunc, operands: Sequence[Value], dtype: Any, casting: Any) -> tuple[np.dtype[Any], ...]:
    """What the ufunc converts its operands to, or NumPy's error where the casting forbids it."""
    given = [PYTHON_TYPE[o.dtype.kind] if o.type.weak and o.dtype.kind != "b" else o.dtype for o in operands]
    asked: dict[str, Any] = {"casting": casting}
    if dtype is not None:
        asked["signature"] = (*[None] * ufunc.nin, *[np.dtype(dtype)] * ufunc.nout)
    taken: tuple[np.dtype[Any], ...] = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout), **asked)  # type: ignore[arg-type]
    return taken


def _several(trace: Trace, op: Op, operands: list[Value], out: Any, mask: Any, dtype: Any) -> tuple[Any, ...]:
    """The results of a ufunc of SciPy that has several."""
    if dtype is not None:
        operands = [trace.emit(astype, o, dtype=np.dtype(dtype)) for o in operands]
    outs = out if out is not None else (None,) * len(op.results)
    results = zip(trace.emit(op, *operands), outs, strict=True)
    return tuple(_deliver(trace, result, one, mask, op.name) for result, one in results)


def _strong(trace: Trace, value: Value) -> Value:
    """A ufunc makes NumPy scalars of Python numbers."""
    if isinstance(value.atom, Var):
        strong: Value = trace.emit(astype, value, dtype=value.dtype)
        return strong
    if is_symbolic_number(value.literal):
        return Value(trace.builder, Literal(value.literal, value.type.strong()))
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
    out.store(result)
    return out


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
    return answer(trace, func, name, meaning, args, kwargs)


def answer(trace: Trace, func: Any, name: str, meaning: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of `func`, which the errors call `name`, as an operation or a composition."""
    operands, keywords, out = bind(trace, func, name, meaning, args, kwargs)
    if not isinstance(func, np.ufunc) and not all(o is None or o.type.weak for o in operands):
        operands = [_strong(trace, o) if o is not None and o.type.weak else o for o in operands]  # np.asarray(2.0)
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
    try:
        result = meaning(*operands, **keywords)
    except NotImplementedError as error:
        raise refuse_case(trace, error) from None
    if site is not None and site.name and isinstance(result, Value) and trace.names_steps:
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
        if value.dtype.kind in "fc":  # its derivative would be lost
            cause = f"a traced {value.dtype} as a keyword of a NumPy function"
            raise refuse(value._trace, cause, "it decides what is computed", "a number of the code, or an int argument")
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
