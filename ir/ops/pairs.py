"""Rows of floats added to a table two at a time, as complex numbers. Written by passes/pairs.py, into loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..indexing import SLOT
from ..kernels import add_pairs
from ..op import Refused, op
from ..types import ArrayType
from .indexing import getitem, index_add

LATE = Refused("pairs are added after every batch is written")


def _add_pairs(x: Any, rows: Any, index: Any, places: Any) -> Any:
    result = np.array(x)
    add_pairs(result, index, rows, places)
    return result


@op(
    name="add_pairs",
    fun=_add_pairs,
    batch=LATE,
    python="{0}",
    update="add_pairs({0}, {2}, {1}, {3})",
    helpers=(add_pairs,),
)
def added_pairs(x: ArrayType, rows: ArrayType, index: ArrayType, places: ArrayType) -> ArrayType:
    """np.add.at(x, index, rows) for a table x; `places` [rows of x, pairs]: where each pair of its floats stands."""
    table: ArrayType = index_add.infer(x, rows, index, index=(SLOT,), distinct=False)
    if places.dtype.kind != "i" or places.ndim != 2 or places.shape[0] != x.shape[0] or 2 * places.size != x.size:
        raise ValueError(f"{places} are not the places of the pairs of {x}")
    return table


@added_pairs.vjp
def _added_vjp(g: Value, y: Value, x: Value, rows: Value, index: Value, places: Value) -> tuple[Value | None, ...]:
    return g, getitem(g, index, index=(SLOT,)), None, None
