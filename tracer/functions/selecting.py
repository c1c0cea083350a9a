"""Elements chosen by their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.indexing import SLOT
from ...ir.op import BY_CALLABLE, BY_NAME
from ...ir.ops import elementwise, selection
from ...ir.types import normalize_axis
from ..array import ArrayTracer, Tracer, lift, wrap
from ..creation import contains_tracer
from ..indexing import places_of_mask
from ..interception import intercepts
from ..trace import Trace
from .arranging import broadcast_arrays, diagonal, reshape
from .borrowed import borrow, in_steps, own_text
from .choosing import delivered
from .plain import plain_numbers
from .registry import as_tracer, check_target, function


@function(np.take)
@in_steps
def take(trace: Trace, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    a = as_tracer(trace, a)
    a, axis = (reshape(trace, a, -1), 0) if axis is None else (a, normalize_axis(int(axis), a.ndim))
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    listed = isinstance(indices, tuple | list)
    if listed:
        indices = list(indices) if contains_tracer(indices) else np.asarray(indices, None if len(indices) else np.intp)
    if mode != "raise":
        indices = indices % a.shape[axis] if mode == "wrap" else np.clip(indices, 0, a.shape[axis] - 1)
    if listed and type(indices) is np.ndarray:
        indices = indices.tolist()
    taken = a[(*(slice(None),) * axis, indices)]
    taken = taken.copy() if isinstance(taken, ArrayTracer) and np.ndim(indices) == 0 else taken  # a[i] is a view
    return delivered(trace, taken, out, "np.take")


@intercepts("numpy", "take")
def _take_of_plain(trace: Trace, a: Any, indices: Any, *args: Any, **kwargs: Any) -> Any:
    """NumPy asks only the array, and not the places."""
    plain = isinstance(a, Tracer) or not isinstance(indices, Tracer)
    return NotImplemented if plain else take(trace, a, indices, *args, **kwargs)


@function(np.diag)
def diag(trace: Trace, v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or a new matrix with a vector on its diagonal."""
    v = as_tracer(trace, v)
    if v.ndim == 2:
        return diagonal(trace, v, offset=int(k))
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    return wrap(trace, trace.emit(BY_NAME["diagonal_matrix"], v._here(), offset=int(k)), contiguous=True)


@function(np.where)
def _where(trace: Trace, condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return nonzero(trace, condition)
    return wrap(trace, trace.emit(elementwise.where, *(lift(trace, v) for v in (condition, x, y))))


@function(np.nonzero)
def nonzero(trace: Trace, a: Any) -> Any:
    value = lift(trace, a)
    mask = value if value.dtype.kind == "b" else trace.emit(BY_CALLABLE[np.not_equal], value, 0)
    _, places = places_of_mask(trace, value.shape, (SLOT,), [mask])
    return tuple(wrap(trace, p) for p in places)


borrow(np.flatnonzero, np.take_along_axis)


@function(np.argwhere)
@in_steps
def argwhere(trace: Trace, a: Any) -> Any:
    a = as_tracer(trace, a)
    if not a.ndim:
        return argwhere(trace, reshape(trace, a, 1))[:, :0]
    return np.stack(nonzero(trace, a), axis=1)


@function(np.extract)
@in_steps
def extract(trace: Trace, condition: Any, arr: Any) -> Any:
    return take(trace, arr, nonzero(trace, reshape(trace, condition, -1))[0])


_PUT = np.put_along_axis._implementation  # type: ignore[attr-defined]


@function(np.put_along_axis)
def put_along_axis(trace: Trace, arr: Any, indices: Any, values: Any, axis: Any) -> None:
    check_target(trace, arr, "np.put_along_axis")
    own_text(_PUT)(arr, indices, values, axis)


@function(np.compress)
@in_steps
def compress(trace: Trace, condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    mask = as_tracer(trace, condition)
    if mask.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(trace, a, nonzero(trace, mask)[0], axis, out)


@function(np.ix_)
@in_steps
def ix_(trace: Trace, *args: Any) -> Any:
    """Each sequence along an axis of its own."""
    found = []
    for place, given in enumerate(args):
        one = as_tracer(trace, given)
        if one.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        one = nonzero(trace, one)[0] if one.dtype.kind == "b" else one
        found.append(reshape(trace, one, tuple(-1 if i == place else 1 for i in range(len(args)))))
    return tuple(found)


@function(np.meshgrid)
@in_steps
def meshgrid(trace: Trace, *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    count = len(xi)
    along = list(range(count))
    if indexing == "xy" and count > 1:
        along[:2] = 1, 0
    grids = [reshape(trace, x, tuple(-1 if i == axis else 1 for i in range(count))) for x, axis in zip(xi, along)]
    if not sparse:
        grids = list(broadcast_arrays(trace, *grids))
    if copy:
        return tuple(grid.copy() for grid in grids)
    return grids if sparse else tuple(grids)


@function(np.diagflat)
def diagflat(trace: Trace, v: Any, k: int = 0) -> Any:
    return diag(trace, reshape(trace, v, -1), k)


_FROM_SHAPES = {np.tril_indices_from: np.tril_indices, np.triu_indices_from: np.triu_indices}
for _from, _plain in _FROM_SHAPES.items():

    def _indices_from(trace: Trace, arr: Any, k: int = 0, _plain: Any = _plain) -> Any:
        if np.ndim(arr) != 2:
            raise ValueError("input array must be 2-d")
        rows, columns = np.shape(arr)
        return _plain(rows, k, columns)

    function(_from)(_indices_from)


@function(np.diag_indices_from)
def diag_indices_from(trace: Trace, arr: Any) -> Any:
    sizes = np.shape(arr)
    if len(sizes) < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(sizes)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(sizes[0], len(sizes))


@function(np.unravel_index)
def unravel_index(trace: Trace, indices: Any, shape: Any, order: str = "C") -> Any:
    dims = plain_numbers(trace, shape, "the shape")
    places = lift(trace, indices)
    turned = dims[::-1] if order == "F" else dims
    found = [
        wrap(trace, trace.emit(selection.unravel_index, places, shape=turned, axis=axis)) for axis in range(len(dims))
    ]
    return tuple(found[::-1] if order == "F" else found)


@function(np.ravel_multi_index)
def ravel_multi_index(trace: Trace, multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    places = [lift(trace, one) for one in multi_index]
    if len(places) != len(plain_numbers(trace, dims, "the shape")):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(dims)}")
    mode = tuple(mode) if isinstance(mode, list) else mode
    made = trace.emit(
        selection.ravel_multi_index, *places, dims=plain_numbers(trace, dims, "the shape"), mode=mode, order=order
    )
    return wrap(trace, made)
