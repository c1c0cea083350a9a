"""Windows that are gathered by arrays of indices (`x[:, k, i, j]`), as the views of the image that they are.

The arrays must be computed in the function from nothing but numbers: what they hold is looked at here.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..builder import Builder, Rule, Value
from ..indexing import SLOT, Index, Slice
from ..ops.convolution import sliding_window_view
from ..ops.indexing import getitem
from ..ops.shape import reshape, transpose
from ..ops.windows import overlap_apart
from ..program import Literal, Program
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .rearranging import reshape_again, transpose_again
from .simplify import simplify
from .tap_grids import is_zero

SMALL = 1 << 12  # elements of all windows up to which nothing is gained
MOST = 1 << 22  # of an array of indices
DEEPEST = 12


def _known(builder: Builder, value: Value, depth: int = DEEPEST) -> Any:
    """The array of integers that a value always is, or None."""
    if isinstance(value.atom, Literal):
        return value.literal
    made = builder.definition(value)
    if made is None or not depth or made.op.several or made.op.effect or value.dtype.kind not in "iu":
        return None
    if -1 in value.shape or value.size > MOST or made.holds_programs:
        return None
    operands = [_known(builder, Value(builder, o), depth - 1) for o in made.operands]
    return None if any(o is None for o in operands) else made.op.fun(*operands, **made.params)


class _Gathered:
    """x[..., k, i, j] as windows: rows are channels and taps, columns are places."""

    def __init__(self, x: Value, arrays: tuple[Value, ...], index: Index) -> None:
        self.found = False
        slots = [a for a, entry in enumerate(index) if entry is SLOT]
        if any(e is not SLOT and e != Slice() for e in index) or not 2 <= len(slots) <= 3 or -1 in x.shape:
            return
        if slots != list(range(x.ndim - len(slots), x.ndim)) or x.ndim > 4:
            return
        known = [_known(x.builder, array) for array in arrays]
        if any(i is None or np.ndim(i) != 2 for i in known):
            return
        indices = np.broadcast_arrays(*known)
        taps, places = indices[0].shape
        if not taps * places:
            return
        *channel, rows, columns = indices
        channels = x.shape[-3] if channel else 1
        window = tuple(int(i[:, 0].max()) + 1 for i in (rows, columns))
        counts = [len(np.unique(i[0])) for i in (rows, columns)]
        steps = tuple(int(i[0].max()) // max(m - 1, 1) or 1 for i, m in zip((rows, columns), counts, strict=True))
        if channels * prod(window) != taps or prod(counts) != places:
            return
        every = np.indices((channels, *window, *counts)).reshape(5, taps, places)
        expected = [every[0], every[1] + every[3] * steps[0], every[2] + every[4] * steps[1]][-len(indices) :]
        ends = [(m - 1) * step + k for m, step, k in zip(counts, steps, window, strict=True)]
        if any(end > n for end, n in zip(ends, x.shape[-2:], strict=True)):
            return
        self.found = all(np.array_equal(i, want) for i, want in zip(indices, expected, strict=True))
        self.rest = x.shape[: x.ndim - len(slots)]
        self.channels = (channels,) if channel else ()
        self.window, self.steps, self.counts = window, steps, tuple(counts)
        self.axis = (x.ndim - 2, x.ndim - 1)
        self.size = prod(x.shape[: x.ndim - len(slots)]) * taps * places


def gathered(builder: Builder, x: Value, *arrays: Value, index: Index) -> Value | None:
    """The windows as a view, copied where they are reshaped."""
    if len(arrays) < 2 or x.dtype.kind not in "fc":
        return None
    of = _Gathered(x, arrays, index)
    if not of.found or of.size < SMALL or (builder.level == 0 and of.size * x.dtype.itemsize < blocks.LARGE):
        return None
    windows = sliding_window_view(x, window_shape=of.window, axis=of.axis)
    leading = x.ndim - 2
    # of as many places as the index names, of an image that may have more
    places = tuple(Slice(None, (m - 1) * s + 1, s) for m, s in zip(of.counts, of.steps, strict=True))
    whole = windows.shape[leading : leading + 2] == of.counts and of.steps == (1, 1)
    if not whole:
        full = all((n - 1) // s + 1 == m for n, m, s in zip(windows.shape[leading:], of.counts, of.steps, strict=False))
        kept = tuple(Slice(None, None, s) for s in of.steps) if full else places
        windows = getitem(windows, index=(*[Slice()] * leading, *kept))
    order = (*range(leading), leading + 2, leading + 3, leading, leading + 1)
    shape = (*of.rest, prod((*of.channels, *of.window)), prod(of.counts))
    value: Value = reshape(transpose(windows, axes=order), shape=shape)
    return value


def scattered(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool = False
) -> Value | None:
    """What is added up where windows were gathered from, into zeros."""
    if len(arrays) < 2 or builder.level == 0 or x.dtype != value.dtype or not is_zero(builder, x):
        return None
    of = _Gathered(x, arrays, index)
    if not of.found or of.size < SMALL or value.ndim != len(of.rest) + 2:
        return None
    if any((n - k) // s + 1 != m for n, k, s, m in zip(x.shape[-2:], of.window, of.steps, of.counts, strict=True)):
        return None  # fewer places than there are windows
    made = builder.definition(value, "transpose")
    source = value if made is None else Value(builder, made.operands[0])
    axes = tuple(range(value.ndim)) if made is None else made.params["axes"]
    parts: list[tuple[int, ...]] = [*((n,) for n in of.rest), (*of.channels, *of.window), of.counts]
    groups = [parts[axes.index(i)] for i in range(source.ndim)]
    split = reshape(source, shape=tuple(n for group in groups for n in group))
    starts = [sum(len(g) for g in groups[:i]) for i in range(len(groups))]
    order = [starts[a] + k for a in axes for k in range(len(parts[axes.index(a)]))]
    rest = len(of.rest) + len(of.channels)
    ordered = transpose(split, axes=tuple(order))
    last = transpose(ordered, axes=(*range(rest), rest + 2, rest + 3, rest, rest + 1))
    total: Value = overlap_apart(last, shape=x.shape, axis=of.axis, step=of.steps)
    return total


def transpose_of_merged(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """Windows whose axes are merged and then turned are turned first: merging them copies them, before or after."""
    made = builder.definition(x, "reshape")
    if made is None or -1 in x.shape:
        return None
    inner = Value(builder, made.operands[0])
    turned = builder.definition(inner, "transpose")
    view = builder.definition(inner if turned is None else Value(builder, turned.operands[0]))
    if view is not None and view.op.name == "getitem":
        view = builder.definition(Value(builder, view.operands[0]))
    if view is None or view.op.name != "sliding_window_view":
        return None
    groups: list[list[int]] = []
    remaining = list(range(inner.ndim))
    for n in x.shape:
        group: list[int] = []
        while remaining and (not group or prod(inner.shape[a] for a in group) < n):
            group.append(remaining.pop(0))
        if prod(inner.shape[a] for a in group) != n:
            return None
        groups.append(group)
    if remaining:
        return None
    moved = transpose(inner, axes=tuple(a for i in axes for a in groups[i]))
    value: Value = reshape(moved, shape=tuple(x.shape[i] for i in axes))
    return value


RULES: dict[str, tuple[Rule, ...]] = {
    "getitem": (gathered,),
    "index_add": (scattered,),
    "reshape": (reshape_again,),
    "transpose": (transpose_again, transpose_of_merged),
}


def view_gathered_windows(program: Program) -> Program:
    """The program with these rules wherever they match, but for what leads to a guard."""
    if not any(e.op.name == "getitem" and len(e.operands) > 2 for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
