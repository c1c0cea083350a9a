"""Medians, quantiles and percentiles: the cotangent goes to the elements between which the result lies."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..batching import Batch, as_rows, shift_axes
from ..builder import Value
from ..indexing import SLOT, Slice
from ..op import Masked, op
from ..types import ArrayType, normalize_axes, normalize_axis, reduced_shape
from .elementwise import REAL, astype, ceil, floor, invert, isnan, maximum, minimum, rint, where
from .indexing import arange, getitem, index_add, take_at
from .reduction import Axis, count_nonzero, restore_dims, sum_
from .shape import broadcast_to, constant_array, expand_dims, reshape, squeeze, transpose, zeros
from .sorting import argsort, places_along

Levels = Any  # a number, or nested tuples of numbers

# Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996): the place of the quantile q among n elements in
# order is n q + alpha + q (1 - alpha - beta) - 1.
PLOTTING = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}


def _levels(x: ArrayType | Value, q: Levels, percent: bool) -> Any:
    """q as NumPy sees it: a Python number has the dtype of the data."""
    kind = x.dtype if isinstance(q, int | float) and not isinstance(q, np.generic) and x.dtype.kind == "f" else None
    levels = np.asarray(q, dtype=kind)
    return np.true_divide(levels, x.dtype.type(100) if x.dtype.kind == "f" else 100) if percent else levels


def _neighbours(n: int, q: Any, method: str) -> tuple[Any, Any, Any]:
    """The places of the two elements between which each quantile lies, and the weight of the second."""
    place: Any
    if method in PLOTTING:
        alpha, beta = PLOTTING[method]
        place = n * q + (alpha + q * (1 - alpha - beta)) - 1
    elif method in ("inverted_cdf", "averaged_inverted_cdf"):
        place = n * q - 1
    elif method == "closest_observation":
        place = n * q - 1.5
    else:
        place = (n - 1) * q
    low = np.floor(place)
    weight = place - low
    if method == "inverted_cdf":
        weight = np.where(weight == 0, 0.0, 1.0)
    elif method == "averaged_inverted_cdf":
        weight = np.where(weight == 0, 0.5, 1.0)
    elif method == "closest_observation":
        weight = np.where((weight == 0) & (low % 2 == 1), 0.0, 1.0)
    elif method == "midpoint":
        weight = np.where(weight == 0, 0.0, 0.5)
    elif method == "lower":
        weight = np.zeros_like(weight)
    elif method == "higher":
        weight = np.where(weight == 0, 0.0, 1.0)
    elif method == "nearest":
        weight = np.around(place) - low
    elif method != "linear" and method not in PLOTTING:
        raise ValueError(f"{method!r} is not a valid method for quantiles")
    last = max(n - 1, 0)
    low, high = np.clip(low, 0, last).astype(int), np.clip(low + 1, 0, last).astype(int)
    return low, high, np.where(low == high, 0.0, weight)


@lru_cache(maxsize=256)
def _dtype(function: Any, dtype: np.dtype[Any], params: tuple[tuple[str, Any], ...]) -> np.dtype[Any]:
    """The dtype that NumPy gives, from NumPy itself; it also says what is wrong with the params."""
    return np.asarray(function(np.ones(2, dtype), **dict(params))).dtype


def _text(name: str) -> Any:
    def text(x: ArrayType, **params: Any) -> str:
        q, keywords = params.get("q"), []
        if "q" in params:
            keywords.append(repr(_nested(q)))
        if params["axis"] is not None:
            keywords.append(f"axis={params['axis']}")
        if params.get("method", "linear") != "linear":
            keywords.append(f"method={params['method']!r}")
        if params["keepdims"]:
            keywords.append("keepdims=True")
        return f"np.{name}({', '.join(['{0}', *keywords])})"

    return text


def _nested(q: Levels) -> Any:
    return [_nested(v) for v in q] if isinstance(q, tuple) else q


def _type(function: Any, x: ArrayType, q: Levels, axis: Axis, method: str, keepdims: bool) -> ArrayType:
    if np.ndim(q) > 1 and function in (np.nanquantile, np.nanpercentile):
        raise ValueError("levels in several dimensions: NumPy mixes up the axes of its result")
    if function in (np.quantile, np.percentile) and any(x.shape[a] == 0 for a in normalize_axes(axis, x.ndim)):
        raise IndexError("there is no quantile of nothing")
    params = () if q is None else (("q", q), ("method", method))
    shape = reduced_shape(x.shape, axis, keepdims)
    return ArrayType((*np.shape(q), *shape) if q is not None else shape, _dtype(function, x.dtype, params))


def _quantile_batch(batch: Batch, x: Value, *, axis: Axis, keepdims: bool, **params: Any) -> Value:
    """The levels stay in front of the axes of the data, and behind that of the examples."""
    if batch.types[0].ndim:
        axis = shift_axes(axis, batch.types[0].ndim)
    else:
        x, axis, keepdims = as_rows(x), 1, False
    found: Value = batch.builder.emit(batch.equation.op, x, axis=axis, keepdims=keepdims, **params)
    levels = np.ndim(params.get("q", 0))
    order = (levels, *range(levels), *range(levels + 1, found.ndim))
    return transpose(found, axes=order) if levels else found


@op(np.median, batch=_quantile_batch, python=_text("median"), domain=(REAL,))
def median(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return _type(np.median, x, None, axis, "", keepdims)


@op(np.nanmedian, batch=_quantile_batch, python=_text("nanmedian"), domain=(REAL,))
def nanmedian(x: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return _type(np.nanmedian, x, None, axis, "", keepdims)


@op(np.quantile, batch=_quantile_batch, python=_text("quantile"), domain=(REAL,))
def quantile(
    x: ArrayType, *, q: Levels, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> ArrayType:
    return _type(np.quantile, x, q, axis, method, keepdims)


@op(np.percentile, batch=_quantile_batch, python=_text("percentile"), domain=(REAL,))
def percentile(
    x: ArrayType, *, q: Levels, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> ArrayType:
    return _type(np.percentile, x, q, axis, method, keepdims)


@op(np.nanquantile, batch=_quantile_batch, python=_text("nanquantile"), domain=(REAL,))
def nanquantile(
    x: ArrayType, *, q: Levels, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> ArrayType:
    return _type(np.nanquantile, x, q, axis, method, keepdims)


@op(np.nanpercentile, batch=_quantile_batch, python=_text("nanpercentile"), domain=(REAL,))
def nanpercentile(
    x: ArrayType, *, q: Levels, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> ArrayType:
    return _type(np.nanpercentile, x, q, axis, method, keepdims)


# ------------------------------------------------------------------------------------------------------- the adjoint


def _lined_up(x: Value, axis: Axis) -> tuple[Value, int]:
    """x with the reduced axes as one, and where that is."""
    axes = normalize_axes(axis, x.ndim)
    if len(axes) == 1:
        return x, axes[0]
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    moved = transpose(x, axes=rest + axes) if rest + axes != tuple(range(x.ndim)) else x
    shape = (*(x.shape[i] for i in rest), prod(x.shape[i] for i in axes))
    return (reshape(moved, shape=shape) if moved.shape != shape else moved), len(rest)


def _put_back(rows: Value, x: Value, axis: Axis) -> Value:
    """The inverse of `_lined_up`."""
    axes = normalize_axes(axis, x.ndim)
    if len(axes) == 1:
        return rows
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    shape = tuple(x.shape[i] for i in order)
    back = reshape(rows, shape=shape) if rows.shape != shape else rows
    if order != tuple(range(x.ndim)):
        back = transpose(back, axes=tuple(int(i) for i in np.argsort(order)))
    return back


class _Rows:
    """The elements that each result is made from, in order, and the cotangents that fall on them."""

    def __init__(self, x: Value, axis: Axis, g: Value, count: int) -> None:
        self.x, self.axis = x, axis
        self.rows, self.along = _lined_up(x, axis)
        rest = self.rows.shape[: self.along] + self.rows.shape[self.along + 1 :]
        self.single = count == 1
        if self.single:
            self.g = reshape(g, shape=rest) if g.shape != rest else g
        else:
            g = reshape(g, shape=(count, *rest)) if g.shape != (count, *rest) else g
            order = (*range(1, self.along + 1), 0, *range(self.along + 1, g.ndim))
            self.g = transpose(g, axes=order) if self.along else g
        self.order = argsort(self.rows, axis=self.along)
        self.found: Value | None = None

    def per_level(self, numbers: Any) -> Any:
        """One number for each quantile, so that it broadcasts to the cotangent."""
        if len(set(numbers.tolist())) == 1:
            return numbers.tolist()[0]
        kind = self.g.dtype if numbers.dtype.kind == "f" else None
        levels = constant_array(self.rows, np.asarray(numbers, kind))
        behind = self.rows.ndim - 1 - self.along
        return reshape(levels, shape=(numbers.size, *[1] * behind)) if behind else levels

    def add(self, place: Any, share: Any, distinct: bool) -> None:
        """Let this share of the cotangents fall on the elements at these places of the order."""
        if isinstance(place, Value):
            along = places_along(place, self.along)
            chosen = getitem(self.order, *along, index=(SLOT,) * self.rows.ndim)
        elif self.single:
            chosen = take_at(self.order, self.along, int(place[0]))
        else:
            index = (*[Slice()] * self.along, SLOT)
            chosen = getitem(self.order, constant_array(self.order, np.asarray(place)), index=index)
        amount = self.g
        if isinstance(place, Value) and self.single:
            amount = expand_dims(amount, axis=(self.along,))
        if isinstance(share, Value) or share != 1:
            amount = amount * share
        if self.single and not isinstance(place, Value):
            others = places_along(expand_dims(chosen, axis=(self.along,)), self.along)
            lead = [squeeze(o, axis=(self.along,)) for i, o in enumerate(others) if i != self.along and o.ndim > 1]
            lead = lead if chosen.ndim > 1 else [arange(chosen, n) for n in chosen.shape]
            places = [*lead[: self.along], chosen, *lead[self.along :]]
        else:
            places = places_along(chosen, self.along)
        into = zeros(self.rows) if self.found is None else self.found
        if amount.dtype != into.dtype:  # several levels make a double of whatever they are taken of
            amount = astype(amount, dtype=into.dtype)
        self.found = index_add(into, amount, *places, index=(SLOT,) * self.rows.ndim, distinct=distinct)

    def cotangent(self) -> Value:
        assert self.found is not None
        return _put_back(self.found, self.x, self.axis)


def _between(g: Value, x: Value, q: Any, axis: Axis, method: str) -> Value:
    """The cotangent of x where all elements count."""
    q = np.atleast_1d(q).ravel()
    if not x.size or not q.size:
        return zeros(x)
    if not x.ndim:
        return g if q.size == 1 else sum_(g)
    rows = _Rows(x, axis, g, q.size)
    low, high, weight = _neighbours(rows.rows.shape[rows.along], q, method)
    for places, share in ((low, 1 - weight), (high, weight)):
        if np.any(share):
            rows.add(places, rows.per_level(share), len(set(places.tolist())) == places.size)
    return rows.cotangent()


def _between_present(g: Value, x: Value, q: Any, axis: Axis, method: str) -> Value:
    """The same where nan does not count: of each row only the first elements in order, `count` of them."""
    q = np.atleast_1d(q).ravel()
    if not x.size or not q.size:
        return zeros(x)
    if not x.ndim:
        return g if q.size == 1 else sum_(g)
    rows = _Rows(x, axis, g, q.size)
    count = count_nonzero(invert(isnan(rows.rows)), axis=rows.along, keepdims=True)
    levels = rows.per_level(q)
    if method in PLOTTING:
        alpha, beta = PLOTTING[method]
        place = count * levels + (alpha + levels * (1 - alpha - beta)) - 1
        place = minimum(maximum(place, 0), count - 1)
    else:
        place = (count - 1) * levels
    low, high = floor(place), ceil(place)
    shares: dict[str, list[tuple[Value, Any]]] = {
        "lower": [(low, 1)],
        "higher": [(high, 1)],
        "nearest": [(rint(place), 1)],
        "midpoint": [(low, 0.5), (high, 0.5)],
    }
    weight = astype(place - low, dtype=rows.g.dtype)
    some = count > 0  # else the result is nan, whatever the elements are
    rows.g = where(squeeze(some, axis=(rows.along,)) if rows.single else some, rows.g, 0)
    for k, (places, share) in enumerate(shares.get(method, [(low, None), (high, None)])):
        part = share if share is not None else weight if k else 1 - weight
        rows.add(astype(places, dtype=np.dtype(int)), part, rows.single)
    return rows.cotangent()


@median.vjp
def median_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return _between(g, x, np.asarray(0.5), axis, "linear")


@nanmedian.vjp
def nanmedian_vjp(g: Value, y: Value, x: Value, *, axis: Axis, keepdims: bool) -> Value:
    return _between_present(g, x, np.asarray(0.5), axis, "linear")


@quantile.vjp
def quantile_vjp(g: Value, y: Value, x: Value, *, q: Levels, axis: Axis, method: str, keepdims: bool) -> Value:
    return _between(g, x, _levels(x, q, False), axis, method)


@percentile.vjp
def percentile_vjp(g: Value, y: Value, x: Value, *, q: Levels, axis: Axis, method: str, keepdims: bool) -> Value:
    return _between(g, x, _levels(x, q, True), axis, method)


@nanquantile.vjp
def nanquantile_vjp(g: Value, y: Value, x: Value, *, q: Levels, axis: Axis, method: str, keepdims: bool) -> Value:
    return _between_present(g, x, _levels(x, q, False), axis, method)


@nanpercentile.vjp
def nanpercentile_vjp(g: Value, y: Value, x: Value, *, q: Levels, axis: Axis, method: str, keepdims: bool) -> Value:
    return _between_present(g, x, _levels(x, q, True), axis, method)


# ---------------------------------------------------------------------------------------------------------- weighted


def _weighted(x: Any, weights: Any, *, q: Levels, axis: Axis, keepdims: bool) -> Any:
    return np.quantile(x, q, axis=axis, method="inverted_cdf", keepdims=keepdims, weights=weights)  # type: ignore[call-overload]


def _weighted_text(x: ArrayType, weights: ArrayType, *, q: Levels, axis: Axis, keepdims: bool) -> str:
    rest = [f"axis={axis}"] * (axis is not None) + ["keepdims=True"] * keepdims
    return f"np.quantile({', '.join(['{0}', repr(q), 'method=' + repr('inverted_cdf'), 'weights={1}', *rest])})"


def _weighted_batch(batch: Batch, x: Value, weights: Value, *, axis: Axis, **params: Any) -> Value:
    """Weights of the places along the axes may go for all examples; what differs is given for every element."""
    data, given = batch.types
    x = batch.full(x, 0)
    axes = range(data.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    places = tuple(normalize_axis(a, data.ndim) for a in axes)  # in the order of the weights' axes
    if given.shape == data.shape:
        weights = batch.full(weights, 1)
    elif batch.batched[1]:
        if len(places) > 1:
            weights = transpose(weights, axes=(0, *(int(i) + 1 for i in np.argsort(places))))
        spread = (batch.size, *(n if i in places else 1 for i, n in enumerate(data.shape)))
        weights = broadcast_to(reshape(weights, shape=spread), shape=x.shape)
    moved = tuple(a + 1 for a in places) if len(places) != 1 else places[0] + 1
    value: Value = batch.builder.emit(batch.equation.op, x, weights, axis=moved, **params)
    return value


@op(
    name="weighted_quantile",
    fun=_weighted,
    batch=_weighted_batch,
    python=_weighted_text,
    domain=(REAL, REAL),
)
def weighted_quantile(
    x: ArrayType, weights: ArrayType, *, q: float, axis: Axis = None, keepdims: bool = False
) -> ArrayType:
    """One element of each row, by the inverse of the weighted distribution function."""
    if "c" in (x.dtype.kind, weights.dtype.kind):
        raise TypeError("a must be an array of real numbers")
    return ArrayType(reduced_shape(x.shape, axis, keepdims), x.dtype)


def _chosen(g: Value, y: Value, x: Value, weights: Value, *, q: float, axis: Axis, keepdims: bool) -> Masked:
    """Those that equal the result share its cotangent, as with an extremum."""
    chosen = x.equals(restore_dims(y, x.ndim, axis, keepdims))
    count = sum_(chosen, axis=axis, keepdims=axis is not None)
    return Masked(restore_dims(g, x.ndim, axis, keepdims) / count, chosen)


weighted_quantile.vjp(_chosen, None)
