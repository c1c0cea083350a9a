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
    found = {"chosen": [sample((some > 0, some, some[::-1])), sample((some[0] > 0, some[0], some[1]))]}
    return found | {"convolution": sums, "kept": masked, "share_among_extremes": made, "overlap_add_apart": apart}


def image_columns(sample: Any, numbers: Any) -> dict[str, list[Any]]:
    """Samples of what has no derivative, since it is made after all of them are written."""
    plain = {"kernel": (1, 2), "stride": (1, 1), "padding": ((0, 0), (1, 0)), "dilation": (1, 1)}
    apart = {"kernel": (2, 3), "stride": (2, 1), "padding": ((1, 1), (0, 2)), "dilation": (1, 2)}
    x, kernels, dy = numbers(2, 3, 4, 5), numbers(2, 4, 6), numbers(2, 4, 3, 5)
    return {
        "sum_of_few": [sample((x,), {"axis": (1,)}), sample((x,), {"axis": (1, 3)})],
        "spread_over_few": [sample((x,), {"shape": (2, 2, 3, 4, 2, 5), "axis": (1, 4)})],
        "window_columns": [sample((x,), plain), sample((x,), apart), sample((x[..., 0],), {**LINE, "kernel": (3,)})],
        "convolve_columns": [sample((kernels, numbers(2, 6, 20)), {"shape": (3, 5)})],
        "kernels_of_columns": [sample((numbers(2, 6, 20), dy), {"rows": 2})],
    }


LINE = {"stride": (1,), "padding": ((1, 1),), "dilation": (1,)}
