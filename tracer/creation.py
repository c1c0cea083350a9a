"""Arrays made inside a traced function: while a trace is active, NumPy's creation functions return traced buffers.

NumPy does not dispatch these (they take no array), so the names in NumPy's namespace are replaced. The replacement
looks at a context variable and at who calls: other threads, other contexts and libraries always get the original.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.ops.elementwise import astype
from ..ir.ops.shape import arange, constant, filled, full, stack
from .array import ArrayTracer, Tracer, lift, wrap
from .draws import frozen_draw
from .errors import UnsupportedError, explain
from .place import Place, Root
from .site import called_name, is_recorded_code
from .trace import ACTIVE, Trace

LARGEST_CONSTANT = 1000  # elements; larger ones stay plain arrays, captured by reference


def constant_value(trace: Trace, array: np.ndarray[Any, Any]) -> Value:
    """A small plain array, written out in the program; a large one is captured."""
    if array.size > LARGEST_CONSTANT:
        return trace.capture(array)
    value: Value = trace.emit(constant, values=_frozen(array.tolist()), dtype=array.dtype)
    return value


def _frozen(values: Any) -> Any:
    return tuple(map(_frozen, values)) if isinstance(values, list) else values


def contains_tracer(item: Any) -> bool:
    """Whether a stand-in is anywhere in nested lists and tuples."""
    if isinstance(item, Tracer):
        return True
    return isinstance(item, list | tuple) and any(map(contains_tracer, item))


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
        return tuple(int(n.__index__()) for n in shape)
    return (int(shape.__index__()),)


def _numeric(dtype: Any) -> bool:
    return dtype is None or np.dtype(dtype).kind in "fciub"


def _new(trace: Trace, value: Any, shape: Any, dtype: Any) -> Any:
    chosen = np.dtype(float if dtype is None else dtype)
    return wrap(trace, trace.emit(filled, value=value, shape=_shape(shape), dtype=chosen), contiguous=True)


def _zeros(trace: Trace, shape: Any, dtype: Any = float, order: str = "C", **rest: Any) -> Any:
    return _new(trace, 0, shape, dtype) if not rest and _numeric(dtype) else NotImplemented


def _ones(trace: Trace, shape: Any, dtype: Any = None, order: str = "C", **rest: Any) -> Any:
    return _new(trace, 1, shape, dtype) if not rest and _numeric(dtype) else NotImplemented


def _full(trace: Trace, shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **rest: Any) -> Any:
    if rest or not _numeric(dtype):
        return NotImplemented
    if type(fill_value) in (int, float, bool):
        return _new(trace, fill_value, shape, type(fill_value) if dtype is None else dtype)
    value = array_of(trace, fill_value)
    result = trace.emit(full, value, shape=_shape(shape))
    if dtype is not None and np.dtype(dtype) != result.dtype:
        result = trace.emit(astype, result, dtype=np.dtype(dtype))
    return wrap(trace, result, contiguous=True)


def _arange(trace: Trace, *args: Any, **kwargs: Any) -> Any:
    if kwargs or not 1 <= len(args) <= 3 or not all(isinstance(a, int | np.integer | Tracer) for a in args):
        return NotImplemented
    if any(isinstance(a, Tracer) and a.dtype.kind not in "iu" for a in args):
        raise UnsupportedError(
            explain("np.arange with traced float bounds", trace.origin(), "start + step * np.arange(n)", "unsupported")
        )
    bounds = [int(a.__index__()) for a in args]
    start, stop = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else 1
    return wrap(trace, trace.emit(arange, start=start, stop=stop, step=step), contiguous=True)


def _array(trace: Trace, object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **rest: Any) -> Any:
    order = rest.pop("order", "K")
    subclass = rest.pop("subok", False) and not isinstance(object, Tracer)
    if order not in ("K", "C", "A") or subclass or rest or not _numeric(dtype):
        return NotImplemented
    like: Place | None = None
    if isinstance(object, Tracer):
        value = object._here()
        if not copy and ndmin == 0 and (dtype is None or np.dtype(dtype) == value.dtype):
            return object
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
    if ndmin > value.ndim:
        result = np.reshape(result, (1,) * (ndmin - value.ndim) + value.shape)
    return result


def _asarray(trace: Trace, a: Any, dtype: Any = None, order: Any = None, **rest: Any) -> Any:
    if type(a) is np.ndarray or rest or order not in (None, "K", "A"):
        return NotImplemented
    return _array(trace, a, dtype, copy=None)


def _ascontiguousarray(trace: Trace, a: Any, dtype: Any = None, **rest: Any) -> Any:
    """The array itself if it lies in C order, else a copy."""
    if type(a) is np.ndarray or rest:
        return NotImplemented
    a = _array(trace, a, dtype, copy=None)
    if not isinstance(a, ArrayTracer) or a._place.contiguous:
        return a
    return a._view("reshape", flat=True, shape=a.shape)


def _eye(trace: Trace, N: Any, *args: Any, **kwargs: Any) -> Any:
    plain = _ORIGINALS["eye"](N, *args, **kwargs)
    if plain.size > LARGEST_CONSTANT or plain.dtype.kind not in "fciub":
        return NotImplemented
    return wrap(trace, constant_value(trace, plain), contiguous=True)


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
    "array": _array,
    "asarray": _asarray,
    "ascontiguousarray": _ascontiguousarray,
    "eye": _eye,
    "identity": _eye,
}
for _name in ("zeros_like", "empty_like", "ones_like", "full_like"):
    _REPLACEMENTS[_name] = lambda trace, a, *args, _name=_name, **kwargs: _like(trace, a, *args, _name=_name, **kwargs)

_ORIGINALS: dict[str, Any] = {name: getattr(np, name) for name in _REPLACEMENTS}


def original(name: str) -> Any:
    """NumPy's own creation function of this name, also while it is replaced; None for other names."""
    return _ORIGINALS.get(name, getattr(np, name))


def traced_creation(name: str, *args: Any, **kwargs: Any) -> Any:
    """What the creation function of this name makes while a trace is active: a traced buffer, if it can be one."""
    trace = ACTIVE.get()
    result = NotImplemented if trace is None else _REPLACEMENTS[name](trace, *args, **kwargs)
    return _ORIGINALS[name](*args, **kwargs) if result is NotImplemented else result


def _replacement(name: str) -> Callable[..., Any]:
    own = _ORIGINALS[name]

    @wraps(own)
    def create(*args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1)  # of compiled code, which has no frame of its own, this is the user's
        if ACTIVE.get() is None or not is_recorded_code(caller.f_code) or called_name(caller) != name:
            return own(*args, **kwargs)
        return traced_creation(name, *args, **kwargs)

    return create


_bits: Any = np.random.bit_generator
_randbits = _bits.randbits


def _no_entropy(bits: int) -> int:
    """Seeds an unseeded np.random.default_rng(): its draws would be the same in every later call."""
    trace = ACTIVE.get()
    if trace is not None:
        raise frozen_draw("made a random generator without a seed", trace.origin())
    fresh: int = _randbits(bits)
    return fresh


_lock = threading.Lock()
_users = 0


@contextmanager
def creation_recorded() -> Iterator[None]:
    """Replace the creation functions while at least one trace is running, in whatever thread."""
    global _users
    with _lock:
        if _users == 0:
            for name in _REPLACEMENTS:
                setattr(np, name, _replacement(name))
            _bits.randbits = _no_entropy
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for name, original in _ORIGINALS.items():
                    setattr(np, name, original)
                _bits.randbits = _randbits
