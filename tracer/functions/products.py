"""Contractions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.op import BY_NAME
from ...ir.ops import linear
from ...ir.ops.compositions import COMPOSITIONS
from ...ir.ops.contraction import in_pairs, is_plain
from ...ir.types import normalize_axis
from ..array import ArrayTracer, lift, wrap
from ..einsum import explicit_subscripts, listed_subscripts
from ..trace import Trace
from .arranging import looks_at
from .linalg import deliver
from .registry import function, no_order

_DOT, _INNER = np.dot, np.inner  # which are others while a trace runs
_BLAS = ("float32", "float64", "complex64", "complex128")


def _contracted(trace: Trace, func: Any, a: Any, b: Any, out: Any) -> Any:
    """np.dot and np.inner; BLAS leaves a matrix times a number in C order, however the matrix lies."""
    from ..dispatch import answer

    result = answer(trace, func, f"np.{func.__name__}", COMPOSITIONS[func], (a, b), {} if out is None else {"out": out})
    scaled = isinstance(result, ArrayTracer) and result.ndim == 2 and 0 in (np.ndim(a), np.ndim(b))
    if scaled and out is None and result.dtype.name in _BLAS:
        result._place.root.contiguous = True
    return result


@function(np.dot)
def dot(trace: Trace, a: Any, b: Any, out: Any = None) -> Any:
    return _contracted(trace, _DOT, a, b, out)


@function(np.inner)
def inner(trace: Trace, a: Any, b: Any) -> Any:
    return _contracted(trace, _INNER, a, b, None)


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
def einsum(
    trace: Trace,
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    from ..dispatch import static

    no_order(trace, order, "np.einsum")
    text, arrays = _subscripts(operands)
    values = [lift(trace, x) for x in arrays]
    if dtype is not None:
        for value in values:
            if not np.can_cast(value.dtype, dtype, casting=casting):  # type: ignore[arg-type]
                raise TypeError(f"Cannot cast operand from {value.dtype!r} to {np.dtype(dtype)!r} by {casting!r}")
        values = [trace.emit(BY_NAME["astype"], v, dtype=np.dtype(dtype)) for v in values]
    np.einsum(text, *(np.zeros((1,) * v.ndim) for v in values))  # NumPy's own errors
    subscripts = explicit_subscripts(text, [v.ndim for v in values])
    how = static(optimize) if not isinstance(optimize, int) else bool(optimize)

    inputs, output = subscripts.split("->")
    terms = inputs.split(",")

    def multiply(values: Sequence[Any], terms: Sequence[str], target: str) -> Any:
        emit = trace.emit if target == output else trace.emit_unnamed
        order = len(values) == 2 or (len(values) == len(arrays) and how)
        return emit(linear.einsum, *values, subscripts=f"{','.join(terms)}->{target}", optimize=order)

    def look(*values: Any) -> Any:
        if how and len(values) > 2 and is_plain(values, terms):  # so that a reverse pass has the products of pairs
            return wrap(trace, in_pairs(values, terms, output, optimize=how, multiply=multiply, numpys=True))
        return wrap(trace, trace.emit(linear.einsum, *values, subscripts=subscripts, optimize=how))

    if len(values) == 1 and set(inputs) == set(output) and isinstance(arrays[0], ArrayTracer) and out is None:
        # a view in NumPy
        return looks_at(arrays[0], look(*values), lambda now: look(now._value()), "x.T or x[range(n), range(n)]")
    result = look(*values)
    return result if out is None else deliver(trace, result, out, "einsum")


def _subscripts(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The text and the arrays of a call; also of the form einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    if not operands:
        raise ValueError("must specify the einstein sum subscripts string and at least one operand")
    if isinstance(operands[0], str):
        return operands[0], list(operands[1:])
    pairs = len(operands) // 2
    text = ",".join(map(listed_subscripts, operands[1 : 2 * pairs : 2]))
    if len(operands) % 2:
        text += f"->{listed_subscripts(operands[-1])}"
    return text, list(operands[: 2 * pairs : 2])


@function(np.einsum_path)
def einsum_path(trace: Trace, *operands: Any, **kwargs: Any) -> Any:
    """The order of the products is decided by shapes alone."""
    text, arrays = _subscripts(operands)
    values = [lift(trace, x) for x in arrays]
    return np.einsum_path(text, *(np.broadcast_to(np.zeros((), v.dtype), v.shape) for v in values), **kwargs)
