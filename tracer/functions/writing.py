"""Functions that write into an array that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import lift
from ..trace import Trace
from .registry import as_tracer, check_target, function


@function(np.fill_diagonal)
def fill_diagonal(trace: Trace, a: Any, val: Any, wrap: bool = False) -> None:
    check_target(trace, a, "np.fill_diagonal")
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    if a.ndim == 2 and wrap:
        flat = np.arange(0, a.size, a.shape[1] + 1)
        places = [one.tolist() for one in np.unravel_index(flat, a.shape)]
    else:
        places = [list(range(min(a.shape)))] * a.ndim
    a[tuple(places)] = _cycled(trace, val, len(places[0])) if np.ndim(val) else val


@function(np.copyto)
def copyto(trace: Trace, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
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
        dst[...] = np.where(where, src, dst)


def _cycled(trace: Trace, values: Any, count: int) -> Any:
    """The first `count` of the values, which begin again where they end."""
    flat = as_tracer(trace, values).reshape(-1)
    if flat.size == count or flat.size == 1:
        return flat
    return flat[[i % flat.size for i in range(count)]]


@function(np.put)
def put(trace: Trace, a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write by places in the flattened array; values are repeated as needed."""
    check_target(trace, a, "np.put")
    places = as_tracer(trace, ind).reshape(-1)
    if mode == "wrap":
        places = places % a.size
    elif mode == "clip":
        places = np.clip(places, 0, a.size - 1)
    elif mode != "raise":
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    if places.size and as_tracer(trace, v).size:
        a.flat[places] = _cycled(trace, v, places.size)


@function(np.place)
def place(trace: Trace, arr: Any, mask: Any, vals: Any) -> None:
    """Write the values one after the other where the mask is true; how many they are is guarded."""
    check_target(trace, arr, "np.place")
    mask = as_tracer(trace, mask)
    if mask.size != arr.size:
        raise ValueError("place: mask and data must be the same size")
    (places,) = np.nonzero(mask.reshape(-1))
    if not places.size:
        return
    if not as_tracer(trace, vals).size:
        raise ValueError("Cannot insert from an empty array!")
    arr.flat[places] = _cycled(trace, vals, places.size)


@function(np.putmask)
def putmask(trace: Trace, a: Any, mask: Any, values: Any) -> None:
    """Where the mask is true, the element of the values at the same place of the flattened array."""
    check_target(trace, a, "np.putmask")
    mask = as_tracer(trace, mask)
    if mask.size != a.size:
        raise ValueError("putmask: mask and data must be the same size")
    given = as_tracer(trace, values)
    if given.size:
        given = given if given.shape == a.shape or not given.ndim else _cycled(trace, given, a.size)
        given = given.astype(a.dtype)
        a[...] = np.where(mask.reshape(a.shape), given if given.size == 1 else given.reshape(a.shape), a)
