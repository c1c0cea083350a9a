"""Contractions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.ops import linear
from ...ir.types import normalize_axis
from ..array import ArrayTracer, lift, wrap
from ..einsum import explicit_subscripts
from ..errors import UnsupportedError, explain
from ..trace import Trace
from .arranging import looks_at
from .registry import function


@function(np.tensordot)
def tensordot(trace: Trace, a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = lift(trace, a), lift(trace, b)
    if isinstance(axes, int | np.integer):
        count = int(axes)
        over_a, over_b = tuple(range(left.ndim - count, left.ndim)), tuple(range(count))
    else:
        over_a, over_b = (tuple(int(i) for i in np.atleast_1d(side)) for side in axes)
        over_a = tuple(normalize_axis(i, left.ndim) for i in over_a)
        over_b = tuple(normalize_axis(i, right.ndim) for i in over_b)
    return wrap(trace, trace.emit(linear.tensordot, left, right, axes=(over_a, over_b)))


@function(np.einsum)
def einsum(trace: Trace, *operands: Any, optimize: Any = False, out: Any = None, **kwargs: Any) -> Any:
    if kwargs or out is not None or not isinstance(operands[0], str):
        raise UnsupportedError(
            explain("np.einsum takes the subscripts as a string, and no other keyword than optimize=", trace.origin())
        )
    values = [lift(trace, o) for o in operands[1:]]
    subscripts = explicit_subscripts(operands[0], [v.ndim for v in values])

    def look(*values: Any) -> Any:
        return wrap(trace, trace.emit(linear.einsum, *values, subscripts=subscripts, optimize=bool(optimize)))

    inputs, output = subscripts.split("->")
    if len(values) == 1 and set(inputs) == set(output) and isinstance(operands[1], ArrayTracer):  # a view in NumPy
        return looks_at(operands[1], look(*values), lambda now: look(now._value()), "x.T or x[range(n), range(n)]")
    return look(*values)
