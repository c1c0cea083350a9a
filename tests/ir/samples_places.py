"""Operands for what collects several numbers at one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapeless.ir.indexing import SLOT, Slice


def places(sample: Any, numbers: Any, x: Any, rows: Any, columns: Any) -> dict[str, list[Any]]:
    """The table of samples; x is a matrix, rows and columns are places of it."""
    some = numbers(*rows.shape, seed=8)
    table, index, pairs = numbers(3, 4), np.array([2, 0, 0, -1, 2]), np.arange(6).reshape(3, 2)
    return {
        "add_pairs": [sample((table, numbers(5, 4, seed=8), index, pairs))],
        "extreme_at": [
            sample((x, numbers(*rows.shape, x.shape[1], seed=8), rows), {"index": (SLOT,), "largest": True}),
            sample((x, some, rows, columns), {"index": (SLOT, SLOT), "largest": False}),
            sample(
                (x, numbers(x.shape[0], *columns.shape, seed=8), columns), {"index": (Slice(), SLOT), "largest": True}
            ),
            sample((x[0], numbers(), columns), {"index": (SLOT,), "largest": True}),
        ],
    }
