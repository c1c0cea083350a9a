"""Boolean masks as places: how many entries are true is part of the program, which ones is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import NONDIFF, Refused, op
from ..types import ArrayType


def _mask_places(mask: Any, *, axis: int, count: int) -> Any:
    return np.nonzero(mask)[axis]


@op(
    name="mask_places",
    batch=Refused("how many elements a mask selects may differ from example to example; use np.where(mask, x, 0)"),
    fun=_mask_places,
    python=lambda mask, *, axis, count: f"np.nonzero({{0}})[{axis}]",
    rule=NONDIFF,
)
def mask_places(mask: ArrayType, *, axis: int, count: int) -> ArrayType:
    """Where the mask is true, along one axis, in C order; `count` entries are, which a guard has made sure of."""
    if mask.dtype.kind != "b" or not 0 <= axis < mask.ndim:
        raise TypeError(f"{mask} is not a mask with an axis {axis}")
    return ArrayType((count,), np.dtype(np.intp))
