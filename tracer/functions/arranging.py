"""The same elements in another shape or order: views, where NumPy gives one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir.dims import equals, whole
from ...ir.op import BY_NAME
from ...ir.ops.shape import filled
from ...ir.types import broadcast_shapes, normalize_axes, normalize_axis
from ..array import ArrayTracer, ScalarTracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..place import Look, Root, View
from ..trace import Trace
from .borrowed import in_steps
from .plain import plain_numbers
from .registry import as_tracer, function, strong, view


def layout_order(trace: Trace, a: Any, order: Any, name: str) -> str:
    """ "C" or "F", or "K" where neither is meant: what an order that asks for the layout in memory comes to."""
    order = "C" if order is None else str(order).upper()
    if order not in ("C", "F", "A", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if order == "K" and name == "np.reshape":
        raise ValueError("order 'K' is not permitted for reshaping")
    if a.ndim < 2:
        return "C"
    if order in ("C", "F") or a._place.contiguous:
        return "F" if order == "F" else "C"
    lies = trace.layout(a._place)
    if order == "A":
        return "F" if lies.flags.fnc else "C"
    return "C" if lies.flags.c_contiguous else "F" if lies.flags.f_contiguous else "K"


@function(np.reshape)
@in_steps
def reshape(
    trace: Trace, a: Any, /, shape: Any = None, order: Any = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    a = as_tracer(trace, a)
    order = layout_order(trace, a, order, "np.reshape")
    if copy:
        return reshape(trace, a.copy("K"), shape, order, newshape=newshape)
    wanted = shape if shape is not None else newshape
    if isinstance(wanted, ArrayTracer | np.ndarray):
        wanted = plain_numbers(trace, wanted, "the shape")
    dims = [whole(n) for n in (wanted if isinstance(wanted, tuple | list) else (wanted,))]
    if dims.count(-1) > 1:
        raise ValueError("can only specify one unknown dimension")
    if -1 in dims:
        rest = math.prod(n for n in dims if n != -1)
        if rest == 0 or a.size % rest:
            raise ValueError(f"cannot reshape array of size {a.size} into shape {tuple(dims)}")
        dims[dims.index(-1)] = a.size // rest
    if tuple(dims) == a.shape and isinstance(a, ArrayTracer):
        return ArrayTracer(trace, a._place)
    if order == "F" and len(dims) + a.ndim > 2:
        seen = view(trace, transpose(trace, a), "reshape", shape=tuple(reversed(dims)))
        return transpose(trace, seen if copy is None else _without_copy(trace, seen))
    seen = view(trace, a, "reshape", shape=tuple(dims))
    return seen if copy is None else _without_copy(trace, seen)


def _without_copy(trace: Trace, seen: Any) -> Any:
    """A reshape with copy=False."""
    if isinstance(seen, ArrayTracer) and isinstance(seen._place, View):
        for one in list(seen._place.uncertain()):
            if not trace.shares_memory(one):
                raise ValueError("Unable to avoid creating a copy while reshaping.")
            one.decided = True
    return seen


@function(np.ravel)
@in_steps
def ravel(trace: Trace, a: Any, order: Any = "C") -> Any:
    a = as_tracer(trace, a)
    order = layout_order(trace, a, order, "np.ravel")
    if order == "F":
        a = transpose(trace, a)
    elif order == "K":
        strides = trace.layout(a._place).strides
        a = transpose(trace, a, sorted(range(a.ndim), key=lambda i: -abs(strides[i])))
    return view(trace, a, "reshape", flat=True, shape=(a.size,))


@function(np.transpose)
def transpose(trace: Trace, a: Any, axes: Any = None) -> Any:
    a = as_tracer(trace, a)
    order = tuple(reversed(range(a.ndim))) if axes is None else tuple(normalize_axis(int(i), a.ndim) for i in axes)
    if len(order) != a.ndim:
        raise ValueError("axes don't match array")
    return view(trace, a, "transpose", axes=order) if a.ndim > 1 else strong(trace, a)


@function(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(trace: Trace, x: Any, /) -> Any:
    x = as_tracer(trace, x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(trace, x, -1, -2)


@function(np.swapaxes)
def swapaxes(trace: Trace, a: Any, axis1: int, axis2: int) -> Any:
    a = as_tracer(trace, a)
    order = list(range(a.ndim))
    i, j = normalize_axis(int(axis1), a.ndim), normalize_axis(int(axis2), a.ndim)
    order[i], order[j] = j, i
    return view(trace, a, "transpose", axes=tuple(order))


@function(np.moveaxis)
def moveaxis(trace: Trace, a: Any, source: Any, destination: Any) -> Any:
    a = as_tracer(trace, a)
    from_ = [normalize_axis(int(i), a.ndim) for i in np.atleast_1d(source)]
    to = [normalize_axis(int(i), a.ndim) for i in np.atleast_1d(destination)]
    order = [i for i in range(a.ndim) if i not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return view(trace, a, "transpose", axes=tuple(order))


@function(np.rollaxis)
def rollaxis(trace: Trace, a: Any, axis: int, start: int = 0) -> Any:
    a = as_tracer(trace, a)
    axis = normalize_axis(int(axis), a.ndim)
    place = int(start) + a.ndim if start < 0 else int(start)
    if not 0 <= place <= a.ndim:
        raise np.exceptions.AxisError(
            f"'start' arg requires {-a.ndim} <= start < {a.ndim + 1}, but {start} was passed in"
        )
    return moveaxis(trace, a, axis, place - 1 if axis < place else place)


@function(np.expand_dims)
def expand_dims(trace: Trace, a: Any, axis: Any) -> Any:
    a = as_tracer(trace, a)
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = normalize_axes(given, a.ndim + len(given))
    return view(trace, a, "expand_dims", axis=axes)


@function(np.squeeze)
def squeeze(trace: Trace, a: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    axes = tuple(i for i, n in enumerate(a.shape) if equals(n, 1)) if axis is None else normalize_axes(axis, a.ndim)
    return view(trace, a, "squeeze", axis=axes) if axes else strong(trace, a)


def _at_least(trace: Trace, arrays: tuple[Any, ...], one: Callable[[Any], Any]) -> Any:
    results = tuple(one(as_tracer(trace, a)) for a in arrays)
    return results[0] if len(results) == 1 else results


@function(np.atleast_1d)
def atleast_1d(trace: Trace, *arys: Any) -> Any:
    return _at_least(trace, arys, lambda a: a if a.ndim else reshape(trace, a, (1,)))


@function(np.atleast_2d)
def atleast_2d(trace: Trace, *arys: Any) -> Any:
    return _at_least(trace, arys, lambda a: a if a.ndim > 1 else reshape(trace, a, (1, a.size)))


@function(np.atleast_3d)
def atleast_3d(trace: Trace, *arys: Any) -> Any:
    def one(a: Any) -> Any:
        if a.ndim == 0:
            return reshape(trace, a, (1, 1, 1))
        return a if a.ndim > 2 else expand_dims(trace, a, (0, 2) if a.ndim == 1 else 2)

    return _at_least(trace, arys, one)


@function(np.broadcast_to)
def broadcast_to(trace: Trace, array: Any, shape: Any, subok: bool = False) -> Any:
    return view(trace, array, "broadcast_to", shape=plain_numbers(trace, shape, "the shape"))


@function(np.broadcast_arrays)
def broadcast_arrays(trace: Trace, *args: Any, subok: bool = False) -> Any:
    arrays = [as_tracer(trace, a) for a in args]
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return tuple(strong(trace, a) if a.shape == shape else broadcast_to(trace, a, shape) for a in arrays)


@function(np.flip)
def flip(trace: Trace, m: Any, axis: Any = None) -> Any:
    m = as_tracer(trace, m)
    if m.ndim:
        return view(trace, m, "flip", axis=normalize_axes(axis, m.ndim))
    return ScalarTracer(trace, Root(strong(trace, m)._here()))  # m[()], a number of its own


@function(np.flipud)
def flipud(trace: Trace, m: Any) -> Any:
    m = as_tracer(trace, m)
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(trace, m, 0)


@function(np.fliplr)
def fliplr(trace: Trace, m: Any) -> Any:
    m = as_tracer(trace, m)
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(trace, m, 1)


@function(np.copy)
def copy(trace: Trace, a: Any, order: str = "K", subok: bool = False) -> Any:
    a = strong(trace, as_tracer(trace, a))
    return a.copy(order) if a.ndim else wrap(trace, a._here(), contiguous=True)  # an array, also of a number


def astype(trace: Trace, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return as_tracer(trace, x).astype(dtype, copy=copy)


if hasattr(np, "astype"):  # NumPy 2.1
    function(np.astype)(astype)


@function(np.diagonal)
def diagonal(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    a = as_tracer(trace, a)

    def look(now: Any) -> Any:
        return wrap(trace, trace.emit(BY_NAME["diagonal"], now._here(), **where))

    where = {"offset": int(offset), "axis1": int(axis1), "axis2": int(axis2)}
    return looks_at(a, look(a), look)


def looks_at(base: Any, seen: Any, look: Callable[[Any], Any], fix: str = "") -> Any:
    """A view of a kind of its own: what is seen of `base`, looked at again after every write to it.

    It cannot be written; where NumPy would allow that, `fix` says what to do instead.
    """
    if isinstance(base, ArrayTracer) and isinstance(seen, ArrayTracer):
        trace = base._trace

        def refusal() -> UnsupportedError:
            cause = "writing through this view of a traced array is not supported"
            return UnsupportedError(explain(cause, trace.origin(), fix, "writes-through-views"))

        seen._place = Look(base._place, seen._value(), lambda: lift(trace, look(base)), refusal if fix else None)
    return seen


@function(np.real)
def real(trace: Trace, val: Any) -> Any:
    val = as_tracer(trace, val)
    if val.dtype.kind != "c":
        return val.real
    return val._view("real") if isinstance(val, ArrayTracer) else wrap(trace, trace.emit(BY_NAME["real"], val._here()))


@function(np.imag)
def imag(trace: Trace, val: Any) -> Any:
    val = as_tracer(trace, val)
    if val.dtype.kind != "c":
        zeros = wrap(trace, trace.emit(filled, value=0, shape=val.shape, dtype=val.dtype))
        return looks_at(val, zeros, lambda now: zeros)  # NumPy's are read-only
    return val._view("imag") if isinstance(val, ArrayTracer) else wrap(trace, trace.emit(BY_NAME["imag"], val._here()))


@function(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    trace: Trace, x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    if writeable:
        cause = "sliding_window_view with writeable=True is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "x[...] = value in the array itself", "unsupported"))
    x = as_tracer(trace, x)
    window = tuple(int(n) for n in np.atleast_1d(window_shape))
    axes = tuple(range(x.ndim)) if axis is None else tuple(normalize_axis(int(a), x.ndim) for a in np.atleast_1d(axis))
    if len(axes) != len(window):
        raise ValueError("window_shape and axis must have the same length")
    return view(trace, x, "sliding_window_view", window_shape=window, axis=axes)
