"""Tables of few columns and many rows, kept column by column: the same numbers in another order of memory.

NumPy goes through such a table row by row, two or three numbers at a time, as soon as a column or a row broadcasts to
it; column by column it goes through all rows at once. Written by passes/columns.py at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..indexing import SLOT
from ..kernels import cross_columns
from ..op import Refused, op
from ..types import ArrayType, Shape
from .indexing import getitem, index_add
from .products import cross3
from .shape import filled_text, zeros

LATE = Refused("the order of memory is chosen after every batch is written")


@op(
    name="take_columns",
    fun=lambda x, index: x.T.take(index, axis=1).T,
    batch=LATE,
    python="{0}.T.take({1}, axis=1).T",
)
def take_columns(x: ArrayType, index: ArrayType) -> ArrayType:
    """x[index] for rows x."""
    found: ArrayType = getitem.infer(x, index, index=(SLOT,))
    return found


@take_columns.vjp
def _take_vjp(g: Value, y: Value, x: Value, index: Value) -> tuple[Value, None]:
    return index_add(zeros(x), g, index, index=(SLOT,), distinct=False), None


@op(name="in_columns", fun=lambda x: x.copy(order="F"), batch=LATE, python="{0}.copy(order='F')")
def in_columns(x: ArrayType) -> ArrayType:
    if x.ndim != 2:
        raise ValueError(f"{x} is no table")
    return x


in_columns.vjp(lambda g, y, x: g)


@op(
    name="cross_columns",
    fun=cross_columns,
    batch=LATE,
    python="cross_columns({0}, {1})",
    helpers=(cross_columns,),
)
def cross_in_columns(a: ArrayType, b: ArrayType) -> ArrayType:
    """The cross products of rows with rows."""
    if not a.ndim == b.ndim == 2 or a.shape != b.shape:
        raise ValueError(f"cross_columns: {a} and {b} are not tables of the same shape")
    product: ArrayType = cross3.infer(a, b)
    return product


cross_in_columns.vjp(lambda g, y, a, b: (cross3(b, g), cross3(g, a)))


def _filled_columns(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return np.full(shape, value, dtype, order="F")


def _filled_columns_text(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> str:
    return f"{filled_text(value=value, shape=shape, dtype=dtype)[:-1]}, order='F')"


@op(name="filled_columns", fun=_filled_columns, batch=LATE, python=_filled_columns_text, numbered=False)
def filled_columns(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> ArrayType:
    """A new table that holds one known number everywhere."""
    return ArrayType(shape, dtype)
