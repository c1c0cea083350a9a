"""Arrays cut apart: views."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.dims import Dim, at_most
from ...ir.types import normalize_axis
from ..trace import Trace
from .arranging import moveaxis
from .plain import plain_numbers
from .registry import as_tracer, function


def axis_slices(x: Any, axis: int, bounds: Sequence[tuple[int | None, int | None]]) -> list[Any]:
    """x[..., lo:hi, ...] for each pair."""
    before = (slice(None),) * axis
    return [x[(*before, slice(lo, hi))] for lo, hi in bounds]


def _sections(given: Any) -> int | None:
    """The number of equal parts, or None where places to cut at are given."""
    return int(given) if isinstance(given, int | np.integer) else None


@function(np.split)
def split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    sections = _sections(indices_or_sections)
    if sections is not None and ary.shape[normalize_axis(int(axis), ary.ndim)] % sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(trace, ary, indices_or_sections, axis)


@function(np.array_split)
def array_split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    axis = normalize_axis(int(axis), ary.ndim)
    sections = _sections(indices_or_sections)
    if sections is None:
        inner = plain_numbers(trace, indices_or_sections, "the places to split at")
        return axis_slices(ary, axis, list(itertools.pairwise([None, *inner, None])))
    if sections <= 0:
        raise ValueError("number sections must be larger than 0.")
    size, extra = divmod(ary.shape[axis], sections)
    if isinstance(size, Dim):
        places = [i * size + at_most(i, extra) for i in range(sections + 1)]
        return axis_slices(ary, axis, list(itertools.pairwise(places)))
    sizes = [size + 1] * extra + [size] * (sections - extra)
    return axis_slices(ary, axis, list(itertools.pairwise([0, *itertools.accumulate(sizes)])))


def _along(name: str, least: int, axis: int) -> Any:
    def cut(trace: Trace, ary: Any, indices_or_sections: Any) -> list[Any]:
        ary = as_tracer(trace, ary)
        if ary.ndim < least:
            raise ValueError(f"{name} only works on arrays of {least} or more dimensions")
        return split(trace, ary, indices_or_sections, min(axis, ary.ndim - 1))

    return cut


function(np.hsplit)(_along("hsplit", 1, 1))
function(np.vsplit)(_along("vsplit", 2, 0))
function(np.dsplit)(_along("dsplit", 3, 2))


def unstack(trace: Trace, x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    x = as_tracer(trace, x)
    if x.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    return tuple(moveaxis(trace, x, int(axis), 0))


if hasattr(np, "unstack"):  # NumPy 2.1
    function(np.unstack)(unstack)
