"""The same elements in another shape or order: views, where NumPy gives one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir.ops.shape import filled
from ...ir.types import normalize_axes, normalize_axis
from ..array import ArrayTracer, ScalarTracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..place import Look, Root
from ..trace import Trace
from .registry import as_tracer, function, no_order, strong, view


@function(np.reshape)
def reshape(
    trace: Trace, a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    no_order(trace, order, "np.reshape")
    a = as_tracer(trace, a)
    if copy:
        return reshape(trace, a.copy(), shape, newshape=newshape)
    wanted = shape if shape is not None else newshape
    dims = [int(n) for n in (wanted if isinstance(wanted, tuple | list) else (wanted,))]
    if dims.count(-1) > 1:
        raise ValueError("can only specify one unknown dimension")
    if -1 in dims:
        rest = int(np.prod([n for n in dims if n != -1]))
        if rest == 0 or a.size % rest:
            raise ValueError(f"cannot reshape array of size {a.size} into shape {tuple(dims)}")
        dims[dims.index(-1)] = a.size // rest
    if tuple(dims) == a.shape and isinstance(a, ArrayTracer):
        return ArrayTracer(trace, a._place)
    return view(trace, a, "reshape", shape=tuple(dims))


@function(np.ravel)
def ravel(trace: Trace, a: Any, order: str = "C") -> Any:
    no_order(trace, order, "np.ravel")
    a = as_tracer(trace, a)
    return view(trace, a, "reshape", flat=True, shape=(a.size,))


@function(np.transpose)
def transpose(trace: Trace, a: Any, axes: Any = None) -> Any:
    a = as_tracer(trace, a)
    order = tuple(reversed(range(a.ndim))) if axes is None else tuple(normalize_axis(int(i), a.ndim) for i in axes)
    if len(order) != a.ndim:
        raise ValueError("axes don't match array")
    return view(trace, a, "transpose", axes=order) if a.ndim > 1 else strong(trace, a)


@function(np.matrix_transpose)
def matrix_transpose(trace: Trace, x: Any, /) -> Any:
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


@function(np.expand_dims)
def expand_dims(trace: Trace, a: Any, axis: Any) -> Any:
    a = as_tracer(trace, a)
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = normalize_axes(given, a.ndim + len(given))
    return view(trace, a, "expand_dims", axis=axes)


@function(np.squeeze)
def squeeze(trace: Trace, a: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    axes = tuple(i for i, n in enumerate(a.shape) if n == 1) if axis is None else normalize_axes(axis, a.ndim)
    return view(trace, a, "squeeze", axis=axes) if axes else strong(trace, a)


@function(np.atleast_1d)
def atleast_1d(trace: Trace, a: Any) -> Any:
    a = as_tracer(trace, a)
    return a if a.ndim else reshape(trace, a, (1,))


@function(np.atleast_2d)
def atleast_2d(trace: Trace, a: Any) -> Any:
    a = as_tracer(trace, a)
    return a if a.ndim > 1 else reshape(trace, a, (1, a.size))


@function(np.broadcast_to)
def broadcast_to(trace: Trace, array: Any, shape: Any, subok: bool = False) -> Any:
    wanted = tuple(shape) if isinstance(shape, tuple | list) else (int(shape),)
    return view(trace, array, "broadcast_to", shape=wanted)


@function(np.flip)
def flip(trace: Trace, m: Any, axis: Any = None) -> Any:
    m = as_tracer(trace, m)
    if m.ndim:
        return view(trace, m, "flip", axis=normalize_axes(axis, m.ndim))
    return ScalarTracer(trace, Root(strong(trace, m)._here()))  # m[()], a number of its own


@function(np.copy)
def copy(trace: Trace, a: Any, order: str = "K", subok: bool = False) -> Any:
    return strong(trace, as_tracer(trace, a)).copy(order)


@function(np.diagonal)
def diagonal(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    a = as_tracer(trace, a)
    moved = moveaxis(trace, a, (axis1, axis2), (-2, -1))
    n = min(moved.shape[-2] - max(-offset, 0), moved.shape[-1] - max(offset, 0))
    steps = np.arange(max(n, 0))
    rows, columns = (steps + max(-offset, 0)).tolist(), (steps + max(offset, 0)).tolist()
    return looks_at(moved, moved[..., rows, columns], lambda now: now[..., rows, columns])


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
    return looks_at(val, val._unary(np.real), lambda now: now._unary(np.real), "z = value + 1j * z.imag")


@function(np.imag)
def imag(trace: Trace, val: Any) -> Any:
    val = as_tracer(trace, val)
    if val.dtype.kind != "c":
        return wrap(trace, trace.emit(filled, value=0, shape=val.shape, dtype=val.dtype))
    return looks_at(val, val._unary(np.imag), lambda now: now._unary(np.imag), "z = z.real + 1j * value")


@function(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    trace: Trace, x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    x = as_tracer(trace, x)
    window = tuple(int(n) for n in np.atleast_1d(window_shape))
    axes = tuple(range(x.ndim)) if axis is None else tuple(normalize_axis(int(a), x.ndim) for a in np.atleast_1d(axis))
    if len(axes) != len(window):
        raise ValueError("window_shape and axis must have the same length")
    return view(trace, x, "sliding_window_view", window_shape=window, axis=axes)
