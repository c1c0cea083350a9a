"""Arrays made inside a traced function: while a trace is active, NumPy's creation functions return traced buffers.

NumPy does not dispatch these (they take no array), so they are intercepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.dims import whole
from ..ir.op import BY_NAME
from ..ir.ops.elementwise import astype
from ..ir.ops.linalg import identity_matrix
from ..ir.ops.shape import arange, constant, filled, full, reshape, stack
from .array import ArrayTracer, CellTracer, Tracer, lift, wrap
from .interception import intercepts, original_of
from .place import Place, Root
from .refusals import refuse
from .trace import ACTIVE, Trace

LARGEST_CONSTANT = 1000  # elements; larger ones stay plain arrays, captured by reference


def constant_value(trace: Trace, array: np.ndarray[Any, Any]) -> Value:
    """A small plain array, written out in the program; a large one is captured."""
    if array.size > LARGEST_CONSTANT:
        return trace.capture(array)
    if not array.size and array.ndim > 1:  # nested tuples do not tell the shape
        empty: Value = trace.emit(filled, value=0, shape=array.shape, dtype=array.dtype)
        return empty
    value: Value = trace.emit(constant, values=_frozen(array.tolist()), dtype=array.dtype)
    return value


def _frozen(values: Any) -> Any:
    return tuple(map(_frozen, values)) if isinstance(values, list) else values


def contains_tracer(item: Any) -> bool:
    """Whether a stand-in is anywhere in nested lists and tuples."""
    if isinstance(item, Tracer):
        return True
    return isinstance(item, list | tuple) and any(map(contains_tracer, item))


def listed(trace: Trace, item: Iterable[Any]) -> Value:
    """A list within an expression, as the array that NumPy makes of it; it is not what the statement names."""
    with trace.steps_unnamed():
        return array_of(trace, list(item) if isinstance(item, range) else item)


def array_of(trace: Trace, item: Any) -> Value:
    """Nested lists, some with stand-ins in them, as one array."""
    if isinstance(item, Tracer) or not isinstance(item, list | tuple):
        return lift(trace, item)
    if not contains_tracer(item):
        return constant_value(trace, np.asarray(item))
    parts = [array_of(trace, element) for element in item]
    value: Value = trace.emit(stack, *parts, axis=0)
    return value


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, tuple | list):
        return tuple(map(whole, shape))
    return (whole(shape),)


def _numeric(dtype: Any) -> bool:
    return dtype is None or np.dtype(dtype).kind in "fciub"


def _new(trace: Trace, value: Any, shape: Any, dtype: Any, order: str = "C") -> Any:
    chosen = np.dtype(float if dtype is None else dtype)
    if order in "Ff" and len(_shape(shape)) > 1:
        return np.transpose(_new(trace, value, _shape(shape)[::-1], dtype))
    return wrap(trace, trace.emit(filled, value=value, shape=_shape(shape), dtype=chosen), contiguous=True)


def _zeros(trace: Trace, shape: Any, dtype: Any = float, order: str = "C", **rest: Any) -> Any:
    return _new(trace, 0, shape, dtype, order) if not rest and _numeric(dtype) else NotImplemented


def _ones(trace: Trace, shape: Any, dtype: Any = None, order: str = "C", **rest: Any) -> Any:
    return _new(trace, 1, shape, dtype, order) if not rest and _numeric(dtype) else NotImplemented


def _full(trace: Trace, shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **rest: Any) -> Any:
    if rest or not _numeric(dtype):
        return NotImplemented
    if type(fill_value) in (int, float, bool):
        return _new(trace, fill_value, shape, type(fill_value) if dtype is None else dtype, order)
    value = array_of(trace, fill_value)
    extra = value.ndim - len(_shape(shape))
    if extra > 0 and value.shape[:extra] == (1,) * extra:  # NumPy broadcasts what it writes also this way
        value = trace.emit(reshape, value, shape=value.shape[extra:])
    result = trace.emit(full, value, shape=_shape(shape))
    if dtype is not None and np.dtype(dtype) != result.dtype:
        result = trace.emit(astype, result, dtype=np.dtype(dtype))
    made = wrap(trace, result, contiguous=True)
    return _in_fortran_order(made) if order in "Ff" else made


def _in_fortran_order(x: Any) -> Any:
    """A copy of a stand-in that lies with its first axis innermost."""
    return np.transpose(np.transpose(x).copy()) if x.ndim > 1 else x  # type: ignore[call-overload]


def _steps(trace: Trace, start: Any, stop: Any = None, step: Any = 1) -> Any:
    """np.arange with traced ends that are no integers: how many numbers there are is guarded."""
    ends = [lift(trace, x) for x in ((0, start, step) if stop is None else (start, stop, step))]
    first, last, by = (trace.emit_unnamed(astype, x, dtype=np.dtype(float)) for x in ends)
    count = trace.emit_unnamed(BY_NAME["ceil"], (last - first) / by)
    length = max(int(trace.number(count, "how many numbers there are")), 0)
    return wrap(trace, trace.emit(BY_NAME["steps"], *ends, length=length), contiguous=True)


def _arange(trace: Trace, *args: Any, **kwargs: Any) -> Any:
    if kwargs.keys() & {"start", "stop", "step"}:
        given = dict(zip(("start", "stop", "step"), args, strict=False))
        if given.keys() & kwargs.keys() or ("stop" in kwargs and "start" not in (*given, *kwargs)):
            return NotImplemented  # which NumPy refuses, or reads in its own way
        given |= {name: kwargs.pop(name) for name in ("start", "stop", "step") if name in kwargs}
        ends = (0, given["start"]) if given.get("stop") is None else (given["start"], given["stop"])
        args = (*ends, given.get("step") or 1)
    dtype = kwargs.get("dtype")
    if dtype is not None and np.dtype(dtype).kind == "f" and any(isinstance(a, Tracer) for a in args):
        kwargs.pop("dtype")
        args = tuple(wrap(trace, trace.emit_unnamed(astype, lift(trace, a), dtype=np.dtype(dtype))) for a in args)
    if not kwargs and any(isinstance(a, Tracer) and a.dtype.kind == "f" for a in args):
        return _steps(trace, *args)
    if kwargs or not 1 <= len(args) <= 3 or not all(isinstance(a, int | np.integer | Tracer) for a in args):
        return NotImplemented
    bounds = [whole(a) for a in args]
    start, stop = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else 1
    return wrap(trace, trace.emit(arange, start=start, stop=stop, step=step), contiguous=True)


def _diag_indices(trace: Trace, n: Any, ndim: Any = 2) -> Any:
    """Written as the aranges that they are, whose places are known to differ."""
    if not all(isinstance(x, int | np.integer) for x in (n, ndim)):
        return NotImplemented
    places = _arange(trace, n)
    return (places,) * ndim


def _array(trace: Trace, object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **rest: Any) -> Any:
    order = rest.pop("order", "K")
    copy = {0: False, 1: True, 2: None}[copy.value] if isinstance(copy, np._CopyMode) else copy
    subclass = rest.pop("subok", False) and not isinstance(object, Tracer)
    if order in ("C", "F") and copy is None and isinstance(object, ArrayTracer) and object.ndim > 1:
        made = _array(trace, object, dtype, copy=None, ndmin=ndmin, **rest)
        return _ascontiguousarray(trace, made) if order == "C" else _asfortranarray(trace, made)
    if order == "F" and copy:
        made = _array(trace, object, dtype, ndmin=ndmin, subok=subclass, **rest)
        return _in_fortran_order(made) if isinstance(made, Tracer) else NotImplemented
    if rest and contains_tracer(object):
        raise refuse(trace, f"the keyword {next(iter(rest))!r} of np.array")
    if order not in ("K", "C", "A") or subclass or rest or not _numeric(dtype):
        return NotImplemented
    like: Place | None = None
    if isinstance(object, Tracer):
        value = object._here()
        kept = isinstance(object, ArrayTracer | CellTracer)  # asarray makes a 0-d array of a number
        if kept and not copy and (dtype is None or np.dtype(dtype) == value.dtype):
            missing = (1,) * (ndmin - value.ndim)
            return np.reshape(object, missing + value.shape) if missing else object
        like = object._place
    elif isinstance(object, np.ndarray):
        if copy is not True or type(object) is not np.ndarray or object.dtype.kind not in "fciub":
            return NotImplemented
        value = lift(trace, object)
        like = Root(value)
    elif isinstance(object, list | tuple):
        if not contains_tracer(object):
            plain = np.asarray(object)
            if plain.dtype.kind not in "fciub" or plain.size > LARGEST_CONSTANT or plain.ndim == 0:
                return NotImplemented
        value = array_of(trace, object)
    else:
        return NotImplemented
    if dtype is not None and np.dtype(dtype) != value.dtype:
        value = trace.emit(astype, value, dtype=np.dtype(dtype))
    elif value.type.weak:
        value = trace.emit(astype, value, dtype=value.dtype)
    ordered = like is None or order == "C" or value.ndim < 2
    result = wrap(trace, value, contiguous=True) if ordered else wrap(trace, value, like=like)
    if isinstance(result, ArrayTracer):
        result._name_buffer()
    if like is None and isinstance(result, ArrayTracer):
        result._note_owner()  # np.stack of arrays in Fortran's order would lie otherwise
    if ndmin > value.ndim:
        result = np.reshape(result, (1,) * (ndmin - value.ndim) + value.shape)
    return result


def _asarray(trace: Trace, a: Any, dtype: Any = None, order: Any = None, **rest: Any) -> Any:
    copy = rest.pop("copy", None)
    if rest.get("device", "cpu") in (None, "cpu"):
        rest.pop("device", None)
    if type(a) is np.ndarray or rest or order not in (None, "K", "A", "C", "F"):
        return NotImplemented
    made = _array(trace, a, dtype, copy=copy)
    if order in ("C", "F") and isinstance(made, ArrayTracer) and made.ndim > 1:
        return _ascontiguousarray(trace, made) if order == "C" else _asfortranarray(trace, made)
    return made


def _ascontiguousarray(trace: Trace, a: Any, dtype: Any = None, **rest: Any) -> Any:
    """The array itself if it lies in C order, else a copy."""
    if type(a) is np.ndarray or rest:
        return NotImplemented
    a = _array(trace, a, dtype, copy=None)
    if isinstance(a, Tracer) and not a.ndim:
        return np.reshape(a, (1,))  # type: ignore[call-overload]
    if not isinstance(a, ArrayTracer) or a._place.contiguous:
        return a
    made = a._view("reshape", flat=True, shape=a.shape)
    trace.owners[made._value().atom] = made._place
    return made


def _asfortranarray(trace: Trace, a: Any, dtype: Any = None, **rest: Any) -> Any:
    """The array itself if its first axis is innermost, else a copy."""
    if type(a) is np.ndarray or rest:
        return NotImplemented
    a = _array(trace, a, dtype, copy=None)
    if not isinstance(a, ArrayTracer) or a.ndim < 2:
        return _ascontiguousarray(trace, a)
    return np.transpose(_ascontiguousarray(trace, np.transpose(a)))  # type: ignore[call-overload]


def _eye(trace: Trace, N: Any, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C", **rest: Any) -> Any:
    if rest or order != "C" or not _numeric(dtype):
        return NotImplemented
    rows, columns = whole(N), whole(N if M is None else M)
    made = trace.emit(identity_matrix, rows=rows, columns=columns, offset=int(k), dtype=np.dtype(dtype))
    return wrap(trace, made, contiguous=True)


def _identity(trace: Trace, n: Any, dtype: Any = None, **rest: Any) -> Any:
    return NotImplemented if rest else _eye(trace, n, dtype=dtype)


def _like(trace: Trace, a: Any, *args: Any, _name: str, **kwargs: Any) -> Any:
    """zeros_like(plain array): a traced buffer too, since the function may write traced values into it."""
    from .functions import FUNCTIONS

    if type(a) is not np.ndarray:
        return NotImplemented
    return FUNCTIONS[_ORIGINALS[_name]](trace, a, *args, **kwargs)


_REPLACEMENTS: dict[str, Callable[..., Any]] = {
    "zeros": _zeros,
    "empty": _zeros,
    "ones": _ones,
    "full": _full,
    "arange": _arange,
    "diag_indices": _diag_indices,
    "array": _array,
    "asarray": _asarray,
    "ascontiguousarray": _ascontiguousarray,
    "asfortranarray": _asfortranarray,
    "eye": _eye,
    "identity": _identity,
}
for _name in ("zeros_like", "empty_like", "ones_like", "full_like"):
    _REPLACEMENTS[_name] = lambda trace, a, *args, _name=_name, **kwargs: _like(trace, a, *args, _name=_name, **kwargs)

_ORIGINALS: dict[str, Any] = {name: getattr(np, name) for name in _REPLACEMENTS}


def original(name: str) -> Any:
    """NumPy's own function of this name, also while it is replaced."""
    return _ORIGINALS[name] if name in _ORIGINALS else original_of(getattr(np, name))


def traced_creation(name: str, *args: Any, **kwargs: Any) -> Any:
    """What the creation function of this name makes while a trace is active: a traced buffer, if it can be one."""
    trace = ACTIVE.get()
    result = NotImplemented if trace is None else _REPLACEMENTS[name](trace, *args, **kwargs)
    return _ORIGINALS[name](*args, **kwargs) if result is NotImplemented else result


for _name, _answer in _REPLACEMENTS.items():
    intercepts("numpy", _name)(_answer)
