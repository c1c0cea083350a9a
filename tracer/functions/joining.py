"""Arrays put together and repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.ops import shape
from ...ir.types import normalize_axis
from ..array import Tracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..trace import Trace
from .arranging import atleast_1d, atleast_2d, atleast_3d, reshape
from .borrowed import in_steps
from .plain import plain_numbers
from .registry import as_tracer, check_target, function, wrap_constant


@function(np.concatenate)
def concatenate(
    trace: Trace, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None
) -> Any:
    values = _values(trace, arrays)
    if not values:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        values = [lift(trace, reshape(trace, wrap_constant(trace, v), -1)) for v in values]
        axis = 0
    result = wrap(trace, trace.emit(shape.concatenate, *values, axis=int(axis)))
    return _delivered(trace, arrays, result, out, dtype, casting, "np.concatenate")


def _values(trace: Trace, arrays: Any) -> list[Any]:
    return [lift(trace, a) for a in (arrays if isinstance(arrays, list | tuple) else as_tracer(trace, arrays))]


def _delivered(trace: Trace, arrays: Any, result: Any, out: Any, dtype: Any, casting: Any, name: str) -> Any:
    """The result in the dtype that was asked for, or written into `out`."""
    casting = casting or "same_kind"
    if out is not None:
        if dtype is not None:
            raise TypeError("concatenate() only takes `out` or `dtype` as an argument, but both were provided.")
        check_target(trace, out, f"out= of {name}")
        if out.shape != result.shape:
            raise ValueError("Output array is the wrong shape")
        if any(isinstance(a, Tracer) and a._place.root is out._place.root for a in arrays):
            cause = f"{name} into an array that is also one of those that it puts together is not supported"
            raise UnsupportedError(explain(cause, trace.origin(), f"out[...] = {name}(arrays)", "unsupported"))
        np.copyto(out, result, casting=casting)
        return out
    return result if dtype is None else result.astype(dtype, casting=casting)


@function(np.stack)
def stack(trace: Trace, arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    values = _values(trace, arrays)
    if not values:
        raise ValueError("need at least one array to stack")
    result = wrap(trace, trace.emit(shape.stack, *values, axis=int(axis)))
    return _delivered(trace, arrays, result, out, dtype, casting, "np.stack")


def _each(trace: Trace, tup: Any) -> list[Any]:
    return list(tup) if isinstance(tup, list | tuple) else list(as_tracer(trace, tup))


@function(np.vstack)
@in_steps
def vstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    return concatenate(trace, [atleast_2d(trace, a) for a in _each(trace, tup)], 0, dtype=dtype, casting=casting)


if hasattr(np, "row_stack"):  # a deprecated alias
    function(np.row_stack)(vstack)


@function(np.hstack)
@in_steps
def hstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    arrays = [atleast_1d(trace, a) for a in _each(trace, tup)]
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return concatenate(trace, arrays, axis, dtype=dtype, casting=casting)


@function(np.dstack)
@in_steps
def dstack(trace: Trace, tup: Any) -> Any:
    return concatenate(trace, [atleast_3d(trace, a) for a in _each(trace, tup)], 2)


@function(np.column_stack)
@in_steps
def column_stack(trace: Trace, tup: Any) -> Any:
    columns = [as_tracer(trace, a) for a in _each(trace, tup)]
    return concatenate(trace, [c if c.ndim > 1 else reshape(trace, c, (-1, 1)) for c in columns], 1)


@function(np.block)
@in_steps
def block(trace: Trace, arrays: Any) -> Any:
    """The innermost lists are joined along the last axis, those around them along the one before, and so on."""
    depths: list[int] = []
    leaves: list[Any] = []

    def visit(part: Any, depth: int) -> None:
        if isinstance(part, tuple):
            raise TypeError(
                "np.block takes lists; only lists can be used to arrange blocks, and np.block does not allow "
                "implicit conversion from tuple to ndarray."
            )
        if isinstance(part, list):
            if not part:
                raise ValueError("List at arrays cannot be empty")
            for one in part:
                visit(one, depth + 1)
        else:
            depths.append(depth)
            leaves.append(as_tracer(trace, part))

    visit(arrays, 0)
    if len(set(depths)) > 1:
        raise ValueError("List depths are mismatched.")
    depth = depths[0]
    ndim = max(depth, *(leaf.ndim for leaf in leaves))
    wide = iter([reshape(trace, leaf, (1,) * (ndim - leaf.ndim) + leaf.shape) for leaf in leaves])

    def join(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            return next(wide)
        return concatenate(trace, [join(one, level + 1) for one in part], ndim - depth + level)

    return join(arrays, 0) if depth else next(wide).copy()


@function(np.repeat)
def repeat(trace: Trace, a: Any, repeats: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    counts = plain_numbers(trace, repeats, "the number of repeats")
    if any(n < 0 for n in counts):
        raise ValueError("repeats may not contain negative values.")
    if axis is None or a.ndim == 0:
        a, axis = reshape(trace, a, -1), 0
    axis = normalize_axis(int(axis), a.ndim)
    return wrap(
        trace, trace.emit(shape.repeat, a._here(), repeats=counts[0] if len(counts) == 1 else counts, axis=axis)
    )


@function(np.tile)
def tile(trace: Trace, A: Any, reps: Any) -> Any:
    a = as_tracer(trace, A)
    counts = plain_numbers(trace, reps, "the number of repeats")
    if any(n < 0 for n in counts):
        raise ValueError("negative dimensions are not allowed")
    return wrap(trace, trace.emit(shape.tile, a._here(), reps=counts))


@function(np.roll)
def roll(trace: Trace, a: Any, shift: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    if axis is None:
        along: tuple[int, ...] | None = None
        by = plain_numbers(trace, shift, "the shift")
    else:
        pairs = np.broadcast(plain_numbers(trace, shift, "the shift"), axis)
        by, along = zip(*((int(n), normalize_axis(int(i), a.ndim)) for n, i in pairs), strict=True)
    return wrap(trace, trace.emit(shape.roll, a._here(), shift=by, axis=along))


@function(np.resize)
@in_steps
def resize(trace: Trace, a: Any, new_shape: Any) -> Any:
    """The elements again and again, until the new array is full."""
    flat = reshape(trace, as_tracer(trace, a), -1)
    dims = plain_numbers(trace, new_shape, "the shape")
    if any(n < 0 for n in dims):
        raise ValueError("all elements of `new_shape` must be non-negative")
    size = int(np.prod(dims))
    if not size or not flat.size:
        return np.zeros_like(flat, shape=dims)
    whole = concatenate(trace, [flat] * -(-size // flat.size))
    return reshape(trace, whole if whole.size == size else whole[:size], dims)
