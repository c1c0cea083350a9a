"""Numbers evenly spaced between two ends: each is a blend of the ends, and so is the adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch
from ..builder import Value
from ..op import Refused, op
from ..types import ArrayType, broadcast_shapes, normalize_axis, result_dtype
from .elementwise import astype
from .indexing import arange
from .reduction import sum_
from .shape import expand_dims


def _between(name: str) -> Any:
    def text(start: ArrayType, stop: ArrayType, *, num: int, endpoint: bool, axis: int) -> str:
        keywords = ("" if endpoint else ", endpoint=False") + (f", axis={axis}" if axis else "")
        return f"np.{name}({{0}}, {{1}}, {num}{keywords})"

    return text


def _spaced(start: ArrayType, stop: ArrayType, num: int, axis: int) -> ArrayType:
    shape = broadcast_shapes(start.shape, stop.shape)
    axis = normalize_axis(axis, len(shape) + 1)
    dtype = result_dtype(start, stop)
    return ArrayType((*shape[:axis], num, *shape[axis:]), dtype if dtype.kind in "fc" else np.dtype(float))


def _shares(g: Value, y: Value, num: int, endpoint: bool, axis: int) -> Value:
    """How much of each number comes from the second end."""
    share: Value = g.builder.emit(linspace, 0.0, 1.0, num=num, endpoint=endpoint)
    real = np.dtype(g.dtype.type(0).real.dtype)
    share = share if real == share.dtype else astype(share, dtype=real)
    after = y.ndim - 1 - normalize_axis(axis, y.ndim)
    return expand_dims(share, axis=tuple(range(1, after + 1))) if after else share


def _spaced_batch(batch: Batch, start: Value, stop: Value, *, num: int, endpoint: bool, axis: int) -> Any:
    ends = [batch.aligned(v, i, batch.out.ndim - 1) for i, v in enumerate((start, stop))]
    place = normalize_axis(axis, batch.out.ndim) + 1
    return batch.builder.emit(batch.equation.op, *ends, num=num, endpoint=endpoint, axis=place)


@op(np.linspace, batch=_spaced_batch, python=_between("linspace"))
def linspace(start: ArrayType, stop: ArrayType, *, num: int, endpoint: bool = True, axis: int = 0) -> ArrayType:
    return _spaced(start, stop, num, axis)


@linspace.vjp
def linspace_vjp(
    g: Value, y: Value, start: Value, stop: Value, *, num: int, endpoint: bool, axis: int
) -> tuple[Value | None, Value | None]:
    t = _shares(g, y, num, endpoint, axis)
    first = None if start.literal is not None else sum_(g * (1 - t), axis=axis)
    last = None if stop.literal is not None else sum_(g * t, axis=axis)
    return first, last


@op(np.geomspace, batch=_spaced_batch, python=_between("geomspace"), domain=((0.5, 2.0), (0.5, 2.0)))
def geomspace(start: ArrayType, stop: ArrayType, *, num: int, endpoint: bool = True, axis: int = 0) -> ArrayType:
    spaced = _spaced(start, stop, num, axis)
    return ArrayType(spaced.shape, np.promote_types(spaced.dtype, float))


@geomspace.vjp
def geomspace_vjp(
    g: Value, y: Value, start: Value, stop: Value, *, num: int, endpoint: bool, axis: int
) -> tuple[Value | None, Value | None]:
    """log y is evenly spaced."""
    t = _shares(g, y, num, endpoint, axis)
    grown = g * y
    first = None if start.literal is not None else sum_(grown * (1 - t), axis=axis) / start
    last = None if stop.literal is not None else sum_(grown * t, axis=axis) / stop
    return first, last


def _steps(start: Any, stop: Any, step: Any, *, length: int) -> Any:
    found = np.arange(start, stop, step)
    if len(found) != length:
        raise ValueError(f"np.arange gave {len(found)} numbers, not {length}")
    return found


LENGTH = (
    "how many numbers np.arange gives differs from example to example; "
    "use np.linspace with a known count, or start + step * np.arange(n)"
)


@op(name="steps", fun=_steps, batch=Refused(LENGTH), python="np.arange({0}, {1}, {2})")
def steps(start: ArrayType, stop: ArrayType, step: ArrayType, *, length: int) -> ArrayType:
    """np.arange with ends that are not integers; how many numbers there are is known."""
    return ArrayType((length,), result_dtype(start.strong(), stop.strong(), step.strong()))


steps.vjp(
    lambda g, y, start, stop, step, *, length: sum_(g),
    None,
    lambda g, y, start, stop, step, *, length: sum_(g * astype(arange(g, length), dtype=g.dtype)),
)
