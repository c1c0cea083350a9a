"""Steps over windows and masks as they are written out: the rules of passes/windows.py alone make these operations."""

from __future__ import annotations

import numpy as np

from ..batching import Batch
from ..builder import Value
from ..indexing import Slice
from ..op import Refused, op
from ..types import ArrayType, Shape, broadcast_shapes
from ..window_kernels import chosen, kept, overlap_add, reduce_few, share_among_extremes, spread_over_few
from .convolution import sliding_window_view
from .elementwise import divide, where
from .indexing import getitem
from .reduction import sum_
from .shape import expand_dims

Axes = tuple[int, ...]
LATE = Refused("it is made after every derivative is written")


@op(name="kept", fun=kept, elementwise=True, python="kept({0}, {1})", helpers=(kept,))
def keep(x: ArrayType, mask: ArrayType) -> ArrayType:
    if x.dtype.itemsize > 8 or mask.dtype.kind != "b" or x.weak:
        raise TypeError(f"no bits of {x} are kept by {mask}")
    return ArrayType(broadcast_shapes(x.shape, mask.shape), x.dtype)


keep.vjp(lambda g, y, x, mask: where(mask, g, 0), None)


@op(name="chosen", fun=chosen, elementwise=True, batch=LATE, python="chosen({0}, {1}, {2})", helpers=(chosen,))
def choose_bits(mask: ArrayType, a: ArrayType, b: ArrayType) -> ArrayType:
    if mask.dtype.kind != "b" or a != b or mask.shape != a.shape or a.dtype.kind != "f" or a.dtype.itemsize > 8:
        raise TypeError(f"no bits of {a} and {b} are chosen by {mask}")
    return ArrayType(a.shape, a.dtype)


choose_bits.vjp(None, lambda g, y, mask, a, b: where(mask, g, 0), lambda g, y, mask, a, b: where(mask, 0, g))


def _share_text(g: ArrayType, y: ArrayType, x: ArrayType, *, axis: Axes) -> str:
    return f"share_among_extremes({{0}}, {{1}}, {{2}}, {axis})"


def _share_batch(batch: Batch, g: Value, y: Value, x: Value, *, axis: Axes) -> Value:
    g, y, x = (batch.full(value, i) for i, value in enumerate((g, y, x)))
    value: Value = share(g, y, x, axis=tuple(a + 1 for a in axis))
    return value


@op(
    name="share_among_extremes",
    fun=share_among_extremes,
    batch=_share_batch,
    python=_share_text,
    helpers=(share_among_extremes, kept),
)
def share(g: ArrayType, y: ArrayType, x: ArrayType, *, axis: Axes) -> ArrayType:
    rest = tuple(n for i, n in enumerate(x.shape) if i not in axis)
    if not g.shape == y.shape == rest:
        raise ValueError(f"{g} and {y} do not belong to {x} without the axes {axis}")
    dtype = divide.infer(g.strong(), g.strong()).dtype
    if dtype.itemsize > 8:
        raise TypeError(f"{g} has too many bits to be chosen from")
    return ArrayType(x.shape, dtype)


def _share_vjp(g: Value, dx: Value, dy: Value, y: Value, x: Value, *, axis: Axes) -> Value:
    winner = x.equals(expand_dims(y, axis=axis))
    value: Value = sum_(where(winner, g, 0), axis=axis) / sum_(winner, axis=axis)
    return value


share.vjp(_share_vjp, None, None)


@op(
    name="sum_of_few",
    fun=lambda x, axis: reduce_few(np.add, x, axis),
    batch=LATE,
    rule=LATE,
    python=lambda x, *, axis: f"reduce_few(np.add, {{0}}, {axis})",
    helpers=(reduce_few,),
)
def sum_of_few(x: ArrayType, *, axis: Axes) -> ArrayType:
    """The sum along short axes, in the order of their elements."""
    return x.with_shape([n for i, n in enumerate(x.shape) if i not in axis])


@op(
    name="spread_over_few",
    fun=spread_over_few,
    batch=LATE,
    rule=LATE,
    python=lambda x, *, shape, axis: f"spread_over_few({{0}}, {shape}, {axis})",
    helpers=(spread_over_few,),
)
def spread(x: ArrayType, *, shape: Shape, axis: Axes) -> ArrayType:
    if x.shape != tuple(n for i, n in enumerate(shape) if i not in axis):
        raise ValueError(f"{x} is not an array of shape {shape} without the axes {axis}")
    return x.with_shape(shape)


def _overlap_text(windows: ArrayType, *, shape: Shape, axis: Axes, step: Axes) -> str:
    by = step[0] if len(set(step)) == 1 else step
    return f"overlap_add({{0}}, {shape}, {axis}, step={by})"


def _overlap_batch(batch: Batch, windows: Value, *, shape: Shape, axis: Axes, step: Axes) -> Value:
    value: Value = overlap_apart(windows, shape=(batch.size, *shape), axis=tuple(a + 1 for a in axis), step=step)
    return value


@op(name="overlap_add_apart", fun=overlap_add, batch=_overlap_batch, python=_overlap_text, helpers=(overlap_add,))
def overlap_apart(windows: ArrayType, *, shape: Shape, axis: Axes, step: Axes) -> ArrayType:
    expected = list(shape)
    for a, n, by in zip(axis, windows.shape[len(shape) :], step, strict=True):
        expected[a] = (shape[a] - n) // by + 1
    if len(set(axis)) < len(axis) or (*expected, *windows.shape[len(shape) :]) != windows.shape:
        raise ValueError(f"windows of shape {windows.shape} are not those of an array of shape {shape}, {step} apart")
    return windows.with_shape(shape)


@overlap_apart.vjp
def _overlap_vjp(g: Value, y: Value, windows: Value, *, shape: Shape, axis: Axes, step: Axes) -> Value:
    view = sliding_window_view(g, window_shape=windows.shape[len(shape) :], axis=axis)
    steps = dict(zip(axis, step, strict=True))
    value: Value = getitem(view, index=tuple(Slice(None, None, steps.get(a)) for a in range(len(shape))))
    return value
