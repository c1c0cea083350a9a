"""Loops over the taps of a kernel, written out: which range of an image goes with which element of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..builder import Builder, Value
from ..indexing import Index, Slice
from ..ops.indexing import getitem
from ..types import Shape

MOST = 400  # taps


@dataclass(frozen=True, slots=True)
class Write:
    """A value that was added at an index, or put there over what was there before."""

    value: Value
    index: Index
    added: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """How the ranges of an image go with the taps of a kernel: by `axes` of the one and `taps` of the other."""

    axes: tuple[int, ...]
    taps: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    apart: tuple[int, ...]
    lengths: tuple[int, ...]  # of the ranges


def full_index(index: Index, ndim: int) -> Index:
    return (*index, *[Slice()] * (ndim - len(index)))


def is_zero(builder: Builder, value: Value) -> bool:
    made = builder.definition(value, "filled")
    return (value.literal is not None and value.literal == 0) or (made is not None and made.params["value"] == 0)


def grid_of(image: Shape, ranges: Sequence[Index], kernel: Shape, taps: Sequence[Index]) -> Grid | None:
    """The grid of all taps of a kernel, if each is there once and the ranges go with them."""
    if not all(all(isinstance(e, Slice) for e in index) for index in ranges) or -1 in (*image, *kernel):
        return None
    along = tuple(a for a, e in enumerate(taps[0]) if type(e) is int)
    if any(tuple(a for a, e in enumerate(index) if type(e) is int) != along for index in taps):
        return None
    if any(e != Slice() for index in taps for a, e in enumerate(index) if a not in along):
        return None
    chosen = [tuple(index[a] % kernel[a] for a in along) for index in taps]  # type: ignore[operator]
    if not along or len(set(chosen)) != len(chosen) or len(chosen) != prod(kernel[a] for a in along):
        return None
    spans = [[range(*e.concrete().indices(n)) for e, n in zip(index, image, strict=True)] for index in ranges]  # type: ignore[union-attr]
    axes, starts, apart = [], [], []
    for j, a in enumerate(along):
        at = chosen.index(tuple(0 for _ in along))
        one = tuple(int(i == j and kernel[a] > 1) for i in range(len(along)))
        other = chosen.index(one)
        moved = [i for i in range(len(image)) if spans[at][i].start != spans[other][i].start]
        if len(moved) != 1 or moved[0] in axes:
            return None  # so also a kernel of one tap along an axis
        axes.append(moved[0])
        starts.append(spans[at][moved[0]].start)
        apart.append(spans[other][moved[0]].start - spans[at][moved[0]].start)
    if min(apart) < 1:
        return None
    for tap, span in zip(chosen, spans, strict=True):
        for i, one_span in enumerate(span):
            if len(one_span) != len(spans[0][i]) or one_span.step != spans[0][i].step or one_span.step < 1:
                return None
            if i not in axes and one_span != range(image[i]):
                return None
            if i in axes and one_span.start != starts[axes.index(i)] + apart[axes.index(i)] * tap[axes.index(i)]:
                return None
    steps, lengths = (tuple(f(spans[0][a]) for a in axes) for f in (lambda s: s.step, len))
    return Grid(tuple(axes), along, tuple(starts), steps, tuple(apart), lengths)


def cropped(x: Value, grid: Grid, kernel: Shape) -> Value:
    """The part of an image that the taps see."""
    index: list[Slice] = [Slice()] * x.ndim
    for a, k, start, step, apart, length in zip(
        grid.axes, grid.taps, grid.starts, grid.steps, grid.apart, grid.lengths, strict=True
    ):
        end = start + (kernel[k] - 1) * apart + (length - 1) * step + 1
        if (start, end) != (0, x.shape[a]):
            index[a] = Slice(start, end, None)
    if all(entry == Slice() for entry in index):
        return x
    value: Value = getitem(x, index=tuple(index))
    return value


def writes_into_zeros(builder: Builder, value: Value) -> list[Write]:
    """What is written into zeros, the last first."""
    found: list[Write] = []
    while len(found) <= MOST:
        made = builder.definition(value)
        if made is None or len(made.operands) != 2 or made.op.name not in ("index_add", "set_item"):
            return found if is_zero(builder, value) else []
        before, written = (Value(builder, o) for o in made.operands)
        added = made.op.name == "index_add" or is_zero(builder, before)
        found.append(Write(written, full_index(made.params["index"], value.ndim), added))
        value = before
    return []
