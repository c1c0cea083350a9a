"""Operands for convolutions, and for what is left of windows when a program is written out."""

from __future__ import annotations

from typing import Any

import numpy as np


def windows(sample: Any, numbers: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    made = []
    for shape, axis in (((3, 2, 2, 3), (1, 3)), ((4, 3), (1,)), ((2, 1, 3), (1, 2))):
        x = np.rint(numbers(*shape)).astype(int)  # with ties; of integers, since nothing but g has a derivative
        y = x.max(axis=axis)
        made.append(sample((numbers(*y.shape, seed=4), y, x), {"axis": axis}))
    apart = [
        sample((numbers(2, 3, 2, 3),), {"shape": (4, 8), "axis": (0, 1), "step": (2, 2)}),
        sample((numbers(2, 3, 2),), {"shape": (2, 8), "axis": (1,), "step": (3,)}),
    ]
    sums = [
        sample((numbers(2, 3, 5, 4), numbers(2, 3, 3, 2, seed=1))),
        sample((numbers(1, 2, 4, 5), numbers(3, 2, 2, 2, seed=1)), {"stride": (2, 3), "padding": ((1, 0), (2, 1))}, 1),
        sample((numbers(1, 4, 3, 4), numbers(2, 2, 2, 2, seed=1)), {"groups": 2, "spread": (2, 1)}, 1),
    ]
    some = numbers(2, 3)
    masked = [sample((some, some[1] > 0)), sample((some[0], some > 0)), sample((numbers(3, 1), some[:1] > 0))]
    return {"convolution": sums, "kept": masked, "share_among_extremes": made, "overlap_add_apart": apart}
