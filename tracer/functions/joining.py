"""Arrays put together, cut apart and repeated."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...ir.ops import elementwise, shape
from ...ir.types import normalize_axis
from ..array import Tracer, lift, wrap
from ..errors import TracingError, UnsupportedError, explain
from ..trace import Trace
from .arranging import atleast_1d, atleast_2d, broadcast_to, reshape
from .registry import as_tracer, function, wrap_constant


@function(np.concatenate)
def concatenate(
    trace: Trace, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None
) -> Any:
    values = [lift(trace, a) for a in arrays]
    if axis is None:
        values = [lift(trace, reshape(trace, wrap_constant(trace, v), -1)) for v in values]
        axis = 0
    result = wrap(trace, trace.emit(shape.concatenate, *values, axis=int(axis)))
    if out is not None:
        out[...] = result
        return out
    return result.astype(dtype) if dtype is not None else result


@function(np.stack)
def stack(trace: Trace, arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    result = wrap(trace, trace.emit(shape.stack, *[lift(trace, a) for a in arrays], axis=int(axis)))
    if out is not None:
        out[...] = result
        return out
    return result.astype(dtype) if dtype is not None else result


@function(np.vstack)
def vstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    return concatenate(trace, [atleast_2d(trace, a) for a in tup], 0, dtype=dtype)


@function(np.hstack)
def hstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    arrays = [atleast_1d(trace, a) for a in tup]
    return concatenate(trace, arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype)


@function(np.column_stack)
def column_stack(trace: Trace, tup: Any) -> Any:
    columns = [as_tracer(trace, a) for a in tup]
    return concatenate(trace, [c if c.ndim > 1 else reshape(trace, c, (-1, 1)) for c in columns], 1)


def axis_slices(x: Any, axis: int, bounds: list[tuple[int, int]]) -> list[Any]:
    before = (slice(None),) * axis
    return [x[(*before, slice(lo, hi))] for lo, hi in bounds]


@function(np.split)
def split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    if isinstance(indices_or_sections, int | np.integer) and ary.shape[axis] % int(indices_or_sections):
        raise ValueError("array split does not result in an equal division")
    return array_split(trace, ary, indices_or_sections, axis)


@function(np.array_split)
def array_split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    axis = normalize_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        size, extra = divmod(n, int(indices_or_sections))
        sizes = [size + 1] * extra + [size] * (int(indices_or_sections) - extra)
        edges = [0, *np.cumsum(sizes).tolist()]
    else:
        edges = [0, *(int(i) for i in indices_or_sections), n]
    return axis_slices(ary, axis, list(itertools.pairwise(edges)))


@function(np.pad)
def pad(trace: Trace, array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    array = as_tracer(trace, array)
    widths = tuple((int(a), int(b)) for a, b in np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist())
    constant = kwargs.pop("constant_values", 0)
    if mode != "constant" or kwargs or type(constant) not in (int, float):
        raise UnsupportedError(
            explain(
                f"np.pad with mode={mode!r} and these values is not supported yet", trace.origin(), "mode='constant'"
            )
        )
    result = trace.emit(shape.pad, array._here(), pad_width=widths)
    if constant:
        inside = trace.builder.emit(shape.filled, value=True, shape=array.shape, dtype=np.dtype(bool))
        mask = trace.emit(shape.pad, inside, pad_width=widths)
        result = trace.emit(elementwise.where, mask, result, trace.builder.value(constant))
    return wrap(trace, result)


@function(np.repeat)
def repeat(trace: Trace, a: Any, repeats: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    if isinstance(repeats, Tracer):
        raise TracingError(explain("np.repeat needs its repeats as plain integers", trace.origin()))
    counts = np.asarray(repeats)
    plain = int(counts.flat[0]) if counts.size == 1 else tuple(int(n) for n in counts)
    if axis is None or a.ndim == 0:
        a, axis = reshape(trace, a, -1), 0
    axis = normalize_axis(int(axis), a.ndim)
    return wrap(trace, trace.emit(shape.repeat, a._here(), repeats=plain, axis=axis))


@function(np.tile)
def tile(trace: Trace, A: Any, reps: Any) -> Any:
    a = as_tracer(trace, A)
    counts = tuple(int(n) for n in np.atleast_1d(reps))
    counts = (1,) * (a.ndim - len(counts)) + counts
    a = reshape(trace, a, (1,) * (len(counts) - a.ndim) + a.shape)
    split = reshape(trace, a, tuple(m for n in a.shape for m in (1, n)))
    wide = broadcast_to(trace, split, tuple(m for r, n in zip(counts, a.shape, strict=True) for m in (r, n)))
    return reshape(trace, wide, tuple(r * n for r, n in zip(counts, a.shape, strict=True))).copy()


@function(np.roll)
def roll(trace: Trace, a: Any, shift: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    if axis is None:
        return reshape(trace, roll(trace, reshape(trace, a, -1), shift, 0), a.shape)
    pairs = np.broadcast(shift, axis)
    for by, along in pairs:
        along = normalize_axis(int(along), a.ndim)
        n = a.shape[along]
        cut = (n - by) % n if n else 0
        if cut:
            a = concatenate(trace, axis_slices(a, along, [(cut, n), (0, cut)]), along)
    return a.copy()
