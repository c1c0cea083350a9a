"""The user's own functions applied along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir.types import normalize_axis
from ..lengths import places as places_of
from ..trace import Trace
from .arranging import moveaxis, reshape
from .borrowed import borrow
from .joining import stack
from .registry import as_tracer, function

borrow(np.apply_over_axes)


@function(np.apply_along_axis)
def apply_along_axis(trace: Trace, func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Row by row; what the function returns stands where the axis was."""
    x = as_tracer(trace, arr)
    axis = normalize_axis(int(axis), x.ndim)
    lead = x.shape[:axis] + x.shape[axis + 1 :]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = moveaxis(trace, x, axis, -1)
    found = [as_tracer(trace, func1d(rows[place], *args, **kwargs)) for place in places_of(lead)]
    first = found[0]
    found = [f if f.dtype == first.dtype else f.astype(first.dtype) for f in found]
    joined = reshape(trace, stack(trace, found), (*lead, *first.shape))
    places = tuple(range(len(lead), joined.ndim))
    return moveaxis(trace, joined, places, tuple(range(axis, axis + first.ndim))) if first.ndim else joined
