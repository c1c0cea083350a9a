"""Membership in a set, and bits packed into bytes: what has no slope."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch, along_or_flat, as_rows
from ..builder import Value
from ..op import NONDIFF, op
from ..types import ArrayType, normalize_axis
from .elementwise import equal
from .elementwise import invert as negated
from .reduction import any_
from .shape import expand_dims, reshape


def _isin_batch(batch: Batch, element: Value, tests: Value, *, invert: bool, **params: Any) -> Value:
    """Of sets that differ: each element beside all of its set."""
    if not batch.batched[1]:
        return batch.builder.emit(batch.equation.op, element, tests, invert=invert, **params)
    rows = expand_dims(as_rows(batch.full(element, 0)), axis=(2,))
    found: Value = any_(equal(rows, expand_dims(as_rows(tests), axis=(1,))), axis=2)
    found = negated(found) if invert else found
    shape = (batch.size, *batch.out.shape)
    return found if found.shape == shape else reshape(found, shape=shape)


@op(
    np.isin,
    batch=_isin_batch,
    python=lambda x, test, *, assume_unique, invert, kind: (
        f"np.isin({{0}}, {{1}}{', assume_unique=True' * assume_unique}{', invert=True' * invert}"
        f"{f', kind={kind!r}' if kind else ''})"
    ),
    rule=NONDIFF,
)
def isin(
    element: ArrayType,
    test_elements: ArrayType,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    kind: str | None = None,
) -> ArrayType:
    return ArrayType(element.shape, np.dtype(bool))


def _bits_batch(batch: Batch, a: Value, *, axis: int | None, **params: Any) -> Any:
    """A single number is a row of one, whatever the axis."""
    return along_or_flat(batch, a, axis=axis if batch.types[0].ndim else None, **params)


_BYTE = np.dtype(np.uint8)


def _axis_text(axis: int | None, rest: str) -> str:
    return f"{f', axis={axis}' if axis is not None else ''}{rest}"


@op(
    np.packbits,
    batch=_bits_batch,
    python=lambda a, *, axis, bitorder: (
        f"np.packbits({{0}}{_axis_text(axis, f', bitorder={bitorder!r}' if bitorder != 'big' else '')})"
    ),
    rule=NONDIFF,
)
def packbits(a: ArrayType, *, axis: int | None = None, bitorder: str = "big") -> ArrayType:
    if a.dtype.kind not in "biu":
        raise TypeError("Expected an input array of integer or boolean data type")
    shape = (a.size,) if axis is None or not a.ndim else a.shape
    along = 0 if axis is None else normalize_axis(axis, len(shape))
    return ArrayType(tuple((n + 7) // 8 if i == along else n for i, n in enumerate(shape)), _BYTE)


@op(
    np.unpackbits,
    batch=_bits_batch,
    python=lambda a, *, axis, count, bitorder: (
        "np.unpackbits({0}"
        + _axis_text(axis, f", count={count}" * (count is not None) + f", bitorder={bitorder!r}" * (bitorder != "big"))
        + ")"
    ),
    rule=NONDIFF,
)
def unpackbits(a: ArrayType, *, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> ArrayType:
    if a.dtype != _BYTE:
        raise TypeError("Expected an input array of unsigned byte data type")
    shape = (a.size,) if axis is None or not a.ndim else a.shape
    along = 0 if axis is None else normalize_axis(axis, len(shape))
    bits = shape[along] * 8
    bits = bits if count is None else count if count >= 0 else bits + count
    return ArrayType(tuple(bits if i == along else n for i, n in enumerate(shape)), _BYTE)
