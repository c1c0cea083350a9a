"""Operands and params for operations that repeat, shift, pad, choose, round and evaluate polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np


def rearranged(sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    x, cube, z = numbers(2, 3, seed=1), numbers(2, 3, 4, seed=3), complexes(2, 3)
    row = numbers(4, seed=4)
    widths: dict[str, Any] = {
        "pad_width": (((2, 1), (1, 2)), ((0, 3), (1, 0)), ((0, 0), (5, 9)), ((1, 1), (1, 1))),
    }
    ends: dict[str, Any] = {"num": (5, 4, 1, 0), "endpoint": (True, False, True, True)}
    ends["axis"] = (0, -1, 1, 0)
    numbered = np.array([0, 2, 1, 0, 1, 2])
    positive = numbers(3, between=(0.5, 2.0), seed=2)
    return {
        "take_columns": [sample((numbers(4, 3), np.array([1, 1, -1])))],
        "in_columns": [sample((x,))],
        "cross_columns": [sample((numbers(4, 3, seed=1), numbers(4, 3, seed=2)))],
        "filled_columns": [sample((), {"value": 0, "shape": (4, 3), "dtype": np.dtype(float)})],
        "pad": [
            *(s for mode in ("edge", "reflect", "symmetric", "wrap") for s in each(x, **widths, mode=(mode,) * 4)),
            *each(x, pad_width=(((1, 0), (0, 2)),) * 3, constant_values=(1.5, (1, 2), ((0, 1), (2.5, 3)))),
            *each(numbers(1), pad_width=(((2, 1),),) * 2, mode=("reflect", "edge")),
            sample((z,), {"pad_width": ((1, 1), (0, 2)), "mode": "wrap"}),
            sample((numbers(0, 2),), {"pad_width": ((0, 0), (1, 1)), "mode": "edge"}),
        ],
        "roll": [
            *each(cube, shift=((1,), (-2,), (1, 2), (1, 1), (5,)), axis=(None, (1,), (0, 2), (0, 0), (2,))),
            *each(numbers(0, 2), shift=((1,),), axis=((0,),)),
            sample((z,), {"shift": (1,), "axis": (1,)}),
        ],
        "tile": [
            *each(x, reps=((2,), (2, 1), (3, 1, 2), (1, 1), (0, 1), ())),
            *each(numbers(), reps=((3,), (2, 2))),
            sample((z,), {"reps": (2, 2)}),
        ],
        "linspace": [
            *each(row, numbers(4, seed=5), **ends),
            *each(numbers(), numbers(seed=1), num=(5, 1), endpoint=(False, True)),
            sample((0.5, numbers()), {"num": 3}),
            sample((row, 1.5), {"num": 3}),
            sample((z, numbers(3)), {"num": 3}),
        ],
        "geomspace": [
            *each(positive, numbers(3, between=(0.5, 2.0), seed=3), num=(4, 3), endpoint=(True, False), axis=(0, 1)),
            sample((positive, 3.0), {"num": 3}),
        ],
        "steps": [
            sample((numbers(), 4.0, 0.5), {"length": len(np.arange(numbers(), 4.0, 0.5))}),
            sample((0, np.float64(2.1), np.float64(0.4)), {"length": 6}),
        ],
        "choose": [
            sample((numbered, numbers(6), numbers(6, seed=1), 1.5)),
            sample((np.array([[0], [1]]), x, numbers(3, seed=2))),
            sample((np.array([5, -1, 1]), x, numbers(3, seed=2)), {"mode": "wrap"}),
            sample((np.array([5, -1, 1]), x, z), {"mode": "clip"}),
        ],
        "or_one": [sample((numbers()[()],))],
        "nan_to_num": [
            sample((x,)),
            sample((numbers(),), {"nan": 2.0}),
            sample((z,), {"posinf": 1.0, "neginf": -1.5}),
        ],
        "ldexp": [sample((x, np.array([1, -2, 3]))), sample((numbers(), np.array([1, 2])))],
        "fraction": [sample((x,)), sample((numbers(),))],
        "mantissa": [sample((x,)), sample((numbers(),))],
        "sinc": [sample((x,)), sample((1e-6 * x,)), sample((numbers(),)), sample((0.3 * z,)), sample((0.4,))],
        "i0": [sample((x,)), sample((numbers(),))],
        "i1": [sample((x,)), sample((numbers(),))],
        "polyval": [
            sample((row, x)),
            sample((row, numbers())),
            sample((row, 0.7)),
            sample((numbers(1), x)),
            sample((numbers(2), numbers(3))),
            sample((complexes(3), z)),
            sample((numbers(3, 2, 1), numbers(3))),
            sample((numbers(1, 2), 0.7)),
        ],
        "vander": [
            *each(row, N=(4, 2, 1, 0), increasing=(False, True, False, False)),
            sample((complexes(3),), {"N": 3}),
        ],
    }


def without_slope(sample: Any, numbers: Any, each: Any) -> dict[str, list[Any]]:
    """Operations without a derivative."""
    places = np.array([5, 0, 3])
    return {
        "round": [*each(numbers(2, 3), decimals=(0, 1, -1)), sample((np.array([1, 2]),)), sample((0.77,))],
        "exponent": [sample((numbers(2, 3),)), sample((numbers(),))],
        "unravel_index": [
            *each(places, shape=((2, 3),) * 2, axis=(0, 1)),
            sample((np.int64(4),), {"shape": (2, 3), "axis": 1}),
        ],
        "ravel_multi_index": [
            sample((np.array([0, 1]), np.array([2, 0])), {"dims": (2, 3)}),
            sample((np.array([0, 4]), np.array([2, 0])), {"dims": (2, 3), "mode": "clip", "order": "F"}),
            sample((np.array([0, 1]),), {"dims": (3,)}),
        ],
    }
