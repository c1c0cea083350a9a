"""Operands and params for reductions by ufuncs, cumulative operations, order statistics and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapeless.ir.types import DTYPES

Make = Callable[..., Any]
HALF = (0.5, 2.0)
LEVELS = (0.3, (0.2, 0.9), ((0.5,), (0.7,)), 0.0, 1, 0.37)


def ordered(Sample: Any, numbers: Make, complexes: Make, each: Make, reductions: Make) -> dict[str, list[Any]]:
    """Differentiable operations."""
    return (
        _reduced(Sample, numbers, complexes, reductions)
        | _cumulative(Sample, numbers, complexes, each)
        | (
            _sorted(Sample, numbers, complexes, each)
            | _levels(Sample, numbers, each)
            | _tables(Sample, numbers, complexes)
        )
    )


def _reduced(Sample: Any, numbers: Make, complexes: Make, reductions: Make) -> dict[str, list[Any]]:
    some = numbers(2, 3, 4, seed=5)
    some[some > 2] = np.nan
    with_nan = Sample((some,), {"axis": 1})
    return {
        "nanmax": reductions(with_nan, empty=False),
        "nanmin": reductions(with_nan, empty=False),
        "fmax_reduce": reductions(with_nan, empty=False),
        "fmin_reduce": reductions(with_nan, empty=False),
        "logaddexp_reduce": reductions(empty=False),
        "logaddexp2_reduce": reductions(empty=False),
        "hypot_reduce": reductions(),
    }


def _cumulative(Sample: Any, numbers: Make, complexes: Make, each: Make) -> dict[str, list[Any]]:
    cube, positive = numbers(2, 3, 4, seed=3), numbers(2, 3, 2, between=HALF, seed=1)
    zeros = np.array([[1.5, 0.0, 2.0, 0.5], [0.0, 0.7, 0.0, 1.2]])
    ufuncs = ("maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot", "subtract", "divide", "multiply", "power")
    return {
        "running": [
            Sample((numbers(*shape, seed=1), numbers(*shape, seed=2)), {"axis": axis, "backwards": back})
            for shape, axis in (((4,), 0), ((2, 3), 1), ((3, 2), 0), ((1,), 0), ((0, 2), 0))
            for back in (False, True)
        ],
        "cumprod": [
            *each(cube, axis=(None, 0, 1, -1)),
            Sample((numbers(),), {"axis": None}),
            Sample((complexes(2, 3),), {"axis": 0}),
            Sample((numbers(0, 2),), {"axis": 0}),
            Sample((numbers(5),), {"axis": None}),
            Sample((zeros,), {"axis": 1}),
        ],
        "accumulate": [
            *(Sample((positive,), {"ufunc": name, "axis": 1}) for name in ufuncs),
            Sample((numbers(5),), {"ufunc": "maximum"}),
            Sample((numbers(5),), {"ufunc": "logaddexp"}),
            Sample((numbers(1, 2),), {"ufunc": "hypot", "axis": 0}),
            Sample((numbers(2, 0),), {"ufunc": "maximum", "axis": 1}),
            Sample((positive,), {"ufunc": "floor_divide", "axis": 1}, 1),
        ],
        "diff": [
            *each(cube, n=(1, 2, 1, 3, 1, 0), axis=(-1, 0, 1, 2, 0, 1)),
            Sample((numbers(4),), {"n": 1, "axis": 0}),
            Sample((complexes(2, 3),), {"n": 2, "axis": 1}),
            Sample((numbers(0, 2),), {"n": 1, "axis": 0}),
            Sample((numbers(2, 3),), {"n": 5, "axis": 1}),
        ],
        "padded_diff": [
            *each(cube, n=(1, 2, 3), axis=(0, 1, 2)),
            Sample((numbers(4),), {"n": 1, "axis": 0}),
            Sample((complexes(2, 3),), {"n": 2, "axis": 1}),
            Sample((numbers(0, 2),), {"n": 1, "axis": 0}),
        ],
    }


def _sorted(Sample: Any, numbers: Make, complexes: Make, each: Make) -> dict[str, list[Any]]:
    cube = numbers(2, 3, 4, seed=3)
    return {
        "sort": [
            *each(cube, axis=(0, 1, -1), kind=(None, "stable", None)),
            Sample((numbers(5),)),
            Sample((complexes(4),)),
            *(Sample((numbers(*shape),), {"axis": 0}) for shape in ((0, 2), (1,), (3, 0))),
        ],
        "partition": [
            *each(cube, kth=(1, (0, 2), -1), axis=(0, -1, 1)),
            Sample((numbers(5),), {"kth": 2}),
            Sample((numbers(0, 2),), {"kth": 1, "axis": 1}),
        ],
    }


def _levels(Sample: Any, numbers: Make, each: Make) -> dict[str, list[Any]]:
    cube = numbers(2, 3, 4, seed=3)
    some = numbers(3, 5, seed=5)
    some[0, 1] = some[0, 3] = some[2, 4] = np.nan
    axes: dict[str, Any] = {
        "axis": (None, 0, (0, 2), -1, 1, (2, 1)),
        "keepdims": (False, True, False, False, True, True),
    }
    methods = (
        *("linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased"),
        *("normal_unbiased", "interpolated_inverted_cdf"),
    )
    more = ("inverted_cdf", "averaged_inverted_cdf", "closest_observation")
    small = [Sample((x,), {"q": 0.4}) for x in (numbers(), numbers(1), numbers(1, 1))]
    found: dict[str, list[Any]] = {
        name: [*each(cube, **axes), Sample((numbers(),)), Sample((numbers(5),)), Sample((some,), {"axis": 1})]
        for name in ("median", "nanmedian")
    }
    found["median"].pop()
    for name in ("quantile", "percentile"):
        factor = 100 if name == "percentile" else 1
        levels = [_times(q, factor) for q in LEVELS]
        found[name] = [*each(cube, q=tuple(levels), **axes), *small]
        found[name] += [
            Sample((numbers(2, 5),), {"q": _times(q, factor), "axis": 1, "method": m})
            for m in (*methods, *more)
            for q in (0.3, (0.05, 0.62))
        ]
        found[f"nan{name}"] = [*each(cube, q=(*levels[:2], levels[1], *levels[3:]), **axes), *small] + [
            Sample((some,), {"q": _times(q, factor), "axis": axis, "method": m})
            for m in methods
            for q, axis in ((0.3, 1), ((0.05, 0.62), 0))
        ]
    weights = numbers(2, 3, 4, between=HALF, seed=2)
    found["weighted_quantile"] = [
        Sample((cube, w), {"q": q, "axis": axis, "keepdims": keep})
        for w, q, axis, keep in ((weights[0, :, 0], 0.2, 1, True), (weights[:, 1], 0.9, (0, 2), False))
    ]
    return found


def _times(q: Any, factor: int) -> Any:
    return tuple(_times(v, factor) for v in q) if isinstance(q, tuple) else q if factor == 1 else round(q * factor, 3)


def _tables(Sample: Any, numbers: Make, complexes: Make) -> dict[str, list[Any]]:
    knots, values = np.sort(numbers(5, seed=1)), numbers(5, seed=2)
    wide = 1.6 * numbers(2, 3, seed=7)
    edges = np.array([-2, -1, 1, 2])  # integers, which stay what they are in tests of other dtypes
    return {
        "interp": [
            Sample((wide, knots, values)),
            Sample((wide, knots, values), {"left": 0.5, "right": -1.5}),
            Sample((numbers(), knots, values)),
            Sample((wide, knots[:2], values[:2])),
            Sample((wide, knots, complexes(5, seed=3))),
            Sample((numbers(0), knots, values)),
            Sample((wide, knots[:1] + 9.3, values[:1])),
        ],
        "bincount": [
            Sample((np.array([0, 2, 2, 4]), numbers(4)), {"length": 5}),
            Sample((np.array([0, 2]), numbers(2)), {"length": 6}),
            Sample((np.array([], int), numbers(0)), {"length": 2}),
            Sample((np.array([0, 2, 2]),), {"length": 3}),
        ],
        "histogram": [
            Sample((numbers(2, 4), edges, numbers(2, 4, seed=3))),
            Sample((numbers(5), edges[:2], complexes(5, seed=3))),
            Sample((np.array([-1.9, 1.4, 0.3, 7.0]), edges, numbers(4))),
            Sample((numbers(5), edges)),
        ],
        "add_reduceat": [
            Sample((numbers(6), np.array([0, 2, 5]))),
            Sample((numbers(2, 5), np.array([1, 3])), {"axis": 1}),
            Sample((numbers(4, 2, 3), np.array([2])), {"axis": 0}),
        ],
    }


def without_order(Sample: Any, numbers: Make, each: Make) -> dict[str, list[Any]]:
    """Operations without a derivative."""
    x, ties = numbers(2, 3, seed=1), np.array([[1, 2, 1], [2, 2, 0]])
    bits = [Sample((ties,), {"axis": axis, "keepdims": keep}) for axis, keep in ((0, False), (1, True), (None, False))]
    knots = np.sort(numbers(5, seed=1))
    f64 = DTYPES["f64"]
    return {
        **{f"{name}_reduce": bits for name in ("logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor")},
        "argsort": [*each(x, axis=(0, 1, -1), kind=(None, "stable", "heapsort")), Sample((x[0],), {"axis": -1})],
        "argpartition": each(x, kth=(1, (0, 1)), axis=(1, 0)),
        "searchsorted": [
            *(Sample((knots, x), {"side": side}) for side in ("left", "right")),
            Sample((knots[::-1].copy(), 0.5, np.arange(5)[::-1].copy())),
        ],
        "digitize": [Sample((x, np.array([-2, 0, 1])), {"right": right}) for right in (False, True)],
        "lexsort": [Sample((x[0], x[1])), Sample((ties, x), {"axis": 0})],
        "unique": [Sample((ties,), {"part": part, "count": 3, "axis": None}) for part in ("index", "inverse", "counts")]
        + [Sample((ties,), {"part": "index", "count": 2, "axis": 0})],
        "unique_count": each(ties, axis=(None, 0, 1)),
        "histogram_bin_edges": [],  # refused, because the edges do move
        "histogram_edge_count": [Sample((x,), {"bins": "auto"})],
        "equal_edges": [Sample((), {"low": -1.0, "high": 2.0, "count": 4, "dtype": f64})],
    }
