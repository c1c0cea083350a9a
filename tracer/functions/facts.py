"""What NumPy tells about an array without looking at its elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir.types import ArrayType, normalize_axis, result_dtype
from ..array import Tracer, lift
from ..refusals import refuse
from ..trace import Trace
from .registry import FUNCTIONS, as_tracer, function

_FACTS = {
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
}
for _key, _fact in _FACTS.items():
    FUNCTIONS[_key] = lambda trace, x, _fact=_fact: _fact(as_tracer(trace, x))


@function(np.size)
def _size(trace: Trace, a: Any, axis: Any = None) -> int:
    shape = as_tracer(trace, a).shape
    return math.prod(shape) if axis is None else shape[normalize_axis(axis, len(shape))]


@function(np.result_type)
def _result_type(trace: Trace, *args: Any) -> Any:
    types = [lift(trace, a).type if isinstance(a, Tracer | np.ndarray | int | float | complex) else a for a in args]
    return result_dtype(*(t if isinstance(t, ArrayType) else ArrayType((), np.dtype(t)) for t in types))


@function(np.min_scalar_type)
def _min_scalar_type(trace: Trace, a: Any, /) -> Any:
    x = as_tracer(trace, a)
    if not x.ndim:
        raise refuse(trace, "np.min_scalar_type", "of a number it depends on the value", "x.dtype")
    return x.dtype


@function(np.can_cast)
def _can_cast(trace: Trace, from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(as_tracer(trace, from_).dtype, to, casting)
