"""Numbers, or copies of elements, around an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch
from ..builder import Value
from ..dims import Dim, is_less
from ..indexing import SLOT, Slice
from ..op import op
from ..types import ArrayType
from .indexing import getitem, index_add, slice_along, take_at
from .reduction import sum_
from .shape import constant_array, copy, flip

Pairs = tuple[tuple[int, int], ...]


def _pad_text(x: ArrayType, *, pad_width: Pairs, mode: str, constant_values: Any) -> str:
    widths: Any = pad_width
    if len(set(pad_width)) == 1:
        before, after = pad_width[0]
        widths = before if before == after else f"({before}, {after})"
    keywords = f", mode={mode!r}" if mode != "constant" else ""
    if constant_values != 0 or str(constant_values).startswith("-"):
        keywords += f", constant_values={str(constant_values).replace('inf', 'np.inf').replace('nan', 'np.nan')}"
    return f"np.pad({{0}}, {widths}{keywords})"


def _pad(x: Any, *, pad_width: Pairs, mode: str, constant_values: Any) -> Any:
    keywords = {"constant_values": constant_values} if mode == "constant" else {}
    return np.pad(x, pad_width, mode=mode, **keywords)  # type: ignore[call-overload]


def _batch(b: Batch, x: Value, *, pad_width: Pairs, mode: str, constant_values: Any) -> Value:
    by_axis = isinstance(constant_values, tuple) and len(constant_values) > 1 and isinstance(constant_values[0], tuple)
    values = (constant_values[0], *constant_values) if by_axis else constant_values  # nothing is put before the batch
    return pad(x, pad_width=((0, 0), *pad_width), mode=mode, constant_values=values)


@op(np.pad, batch=_batch, fun=_pad, python=_pad_text)
def pad(x: ArrayType, *, pad_width: Pairs, mode: str = "constant", constant_values: Any = 0) -> ArrayType:
    """Known numbers, or copies of elements, around the array; each axis by itself."""
    if not pad_width:
        raise ValueError("a number has no axis to pad along")
    for axis, (n, widths) in enumerate(zip(x.shape, pad_width, strict=True)):
        if mode != "constant" and n == 0 and any(widths):
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    return x.with_shape([n + lo + hi for n, (lo, hi) in zip(x.shape, pad_width, strict=True)])


@pad.vjp
def pad_vjp(g: Value, y: Value, x: Value, *, pad_width: Pairs, mode: str, constant_values: Any) -> Value:
    """What lies over the array itself; and what lies over each copied element goes to that element."""
    bounds = [(lo or None, lo + n if hi else None) for n, (lo, hi) in zip(x.shape, pad_width, strict=True)]
    while bounds and bounds[-1] == (None, None):
        bounds.pop()
    if mode == "constant" or not bounds:
        return getitem(g, index=tuple(Slice(lo, hi) for lo, hi in bounds))
    for axis, (n, (lo, hi)) in enumerate(zip(x.shape, pad_width, strict=True)):
        if lo or hi:
            inner = copy(slice_along(g, axis, lo, lo + n))
            first, last = _copied(n, lo, hi, mode)
            inner = _gathered(inner, slice_along(g, axis, 0, lo), axis, first) if lo else inner
            after = slice_along(g, axis, lo + n, lo + n + hi)
            g = _gathered(inner, after, axis, last) if hi else inner
    return g


def _copied(n: int, lo: int, hi: int, mode: str) -> tuple[Any, Any]:
    """The places of an axis that are copied before it and behind it; of one in symbols, counted from the nearer end."""
    length = n
    if isinstance(n, Dim):
        is_less(n, 1 if mode == "edge" else max(lo, hi) + (mode == "reflect"))  # or some are copied again and again
        length = 4 * (lo + hi + 1)
    places = np.pad(np.arange(length), (lo, hi), mode=mode)  # type: ignore[call-overload]
    if length is not n:
        places = np.where(places < length // 2, places, places - length)
    return places[:lo], places[lo + length :]


def _gathered(total: Value, g: Value, axis: int, places: Any) -> Value:
    """The total with the slices of g added at these places along the axis."""
    before = (Slice(),) * axis
    first, step = int(places[0]), int(np.diff(places)[0]) if len(places) > 1 else 1
    if len(set(places)) == 1:
        added = sum_(g, axis=axis) if len(places) > 1 else take_at(g, axis, 0)
        return index_add(total, added, index=(*before, first), distinct=True)
    if step in (1, -1) and np.all(np.diff(places) == step):
        low, high = int(places.min()), int(places.max()) + 1
        g = flip(g, axis=(axis,)) if step < 0 else g
        touched = Slice(low or None, high if high and high < total.shape[axis] else None)
        return index_add(total, g, index=(*before, touched), distinct=True)
    value: Value = index_add(total, g, constant_array(g, places), index=(*before, SLOT), distinct=False)
    return value
