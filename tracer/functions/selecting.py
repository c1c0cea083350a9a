"""Elements chosen and written by their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.indexing import SLOT
from ...ir.op import BY_CALLABLE
from ...ir.ops import elementwise
from ...ir.ops.shape import filled
from ...ir.types import normalize_axis
from ..array import lift, wrap
from ..errors import UnsupportedError, explain
from ..indexing import places_of_mask
from ..trace import Trace
from .arranging import diagonal, reshape
from .registry import as_tracer, function


@function(np.take)
def take(trace: Trace, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if mode != "raise" or out is not None:
        raise UnsupportedError(explain("np.take with mode= or out= is not supported", trace.origin(), "a[indices]"))
    a = as_tracer(trace, a)
    if axis is None:
        return reshape(trace, a, -1)[indices]
    return a[(*(slice(None),) * normalize_axis(axis, a.ndim), indices)]


@function(np.diag)
def diag(trace: Trace, v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or a new matrix with a vector on its diagonal."""
    v = as_tracer(trace, v)
    if v.ndim == 2:
        return diagonal(trace, v, offset=int(k))
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    k, n = int(k), v.shape[0] + abs(int(k))
    matrix = wrap(trace, trace.emit(filled, value=0, shape=(n, n), dtype=v.dtype), contiguous=True)
    below, right = np.arange(v.shape[0]) + max(-k, 0), np.arange(v.shape[0]) + max(k, 0)
    matrix[below.tolist(), right.tolist()] = v
    return matrix


@function(np.fill_diagonal)
def fill_diagonal(trace: Trace, a: Any, val: Any, wrap: bool = False) -> None:
    from ..dispatch import check_target

    check_target(trace, a, "np.fill_diagonal")
    if a.ndim != 2 or wrap:
        raise UnsupportedError(
            explain("np.fill_diagonal is supported for matrices, without wrap=", trace.origin(), "a[i, i] = value")
        )
    places = np.arange(min(a.shape)).tolist()
    a[places, places] = val


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


@function(np.copyto)
def copyto(trace: Trace, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    from ..dispatch import check_target

    check_target(trace, dst, "np.copyto")
    given = lift(trace, src)
    number = given.type.weak and given.dtype.kind == "i"
    if not number and not np.can_cast(given.dtype, dst.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {given.dtype!r} to {dst.dtype!r} according to the rule {casting!r}"
        )
    if where is True:
        dst[...] = src
    else:
        dst[...] = _where(trace, where, src, dst)
