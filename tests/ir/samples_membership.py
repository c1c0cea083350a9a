"""Operands and params for membership and bits."""

from __future__ import annotations

from typing import Any

import numpy as np


def memberships(Sample: Any) -> dict[str, list[Any]]:
    """Operations without a derivative, with operands that NumPy takes."""
    bits = np.array([[1, 0, 1], [0, 0, 1]], bool)
    return {
        "isin": [Sample((np.array([1.0, 2.0]), np.array([2.0, 3.0])), {"invert": True})],
        "packbits": [Sample((bits,), {"axis": 1, "bitorder": "little"}), Sample((bits,))],
        "unpackbits": [Sample((np.array([3, 7], np.uint8),), {"count": 11})],
    }
