"""Averages, quantiles, covariances, histograms and interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.dims import equals
from ...ir.op import Op
from ...ir.ops import binning, quantiles, statistics
from ...ir.ops.elementwise import astype, less
from ...ir.ops.indexing import take_at
from ...ir.ops.reduction import max_, sum_
from ...ir.ops.shape import expand_dims, full, reshape, transpose
from ...ir.types import normalize_axis, result_dtype
from ..array import Tracer, lift, wrap
from ..refusals import refuse
from ..trace import Trace
from .plain import plain_array
from .reducing import NO_VALUE, finish, operand, static
from .registry import as_tracer, function

# ---------------------------------------------------------------------------------------------------------- averages


def _check_weights(weights: Value, a: Value, axis: Any) -> list[int]:
    """The axes that the weights belong to; ValueError and TypeError as NumPy's."""
    if weights.shape == a.shape:
        return list(range(a.ndim))
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = [normalize_axis(i, a.ndim) for i in (axis if isinstance(axis, tuple) else (axis,))]
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    return axes


def _weights_over(weights: Value, a: Value, axis: Any) -> Value:
    """The weights with the number of dimensions of the array."""
    axes = _check_weights(weights, a, axis)
    order = tuple(int(i) for i in np.argsort(axes))
    if order != tuple(range(weights.ndim)):
        weights = transpose(weights, axes=order)
    missing = tuple(i for i in range(a.ndim) if i not in axes)
    return expand_dims(weights, axis=missing) if missing else weights


@function(np.average)
def _average(
    trace: Trace, a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = NO_VALUE
) -> Any:
    value = lift(trace, a)
    axis, keepdims = static(axis), keepdims is not NO_VALUE and bool(keepdims)
    heavy = None if weights is None else lift(trace, weights)
    found: list[Value] = []

    def result() -> Value:
        if heavy is None:
            found.append(statistics.mean_where(value, None, axis, keepdims))
            each = value.size // max(found[0].size, 1)
            found.append(value.builder.value(found[0].dtype.type(each)))
        else:
            found.extend(statistics.average(value, _weights_over(heavy, value, axis), axis, keepdims))
        return found[0]

    mean = finish(trace, result, None, "average")
    if not returned:
        return mean
    scale = found[1]
    if scale.shape != found[0].shape:
        scale = trace.emit_unnamed(full, scale, shape=found[0].shape)
    return mean, wrap(trace, scale)


# --------------------------------------------------------------------------------------------------------- quantiles


def _median(op: Op) -> Any:
    def answer(
        trace: Trace,
        a: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: Any = False,
        keepdims: Any = False,
    ) -> Any:
        value = operand(trace, a)
        axis, keepdims = static(axis), keepdims is not NO_VALUE and bool(keepdims)
        _keep_input(trace, overwrite_input)
        return finish(trace, lambda: op(value, axis=axis, keepdims=keepdims), out, op.name)

    return answer


def _keep_input(trace: Trace, overwrite: Any) -> None:
    if overwrite:
        raise refuse(trace, "overwrite_input=True", "how it leaves the input is up to NumPy", "the call without it")


function(np.median)(_median(quantiles.median))
function(np.nanmedian)(_median(quantiles.nanmedian))
_OF_ALL = ("linear", "lower", "higher", "midpoint", "nearest", *quantiles.PLOTTING)


def _levels(trace: Trace, q: Any, data: np.dtype[Any], op: Op) -> tuple[Any, np.dtype[Any] | None]:
    """The levels as numbers, and the dtype that NumPy's numbers among them give to the result of small floats."""
    if isinstance(q, Tracer) and trace.actual(q._here(), "the level of a quantile")[1]:
        raise refuse(trace, f"np.{op.name} with a traced q", fix="q as a number or as a list of numbers")
    if not isinstance(q, np.generic | np.ndarray | Tracer):
        return static(q), None
    known = plain_array(trace, q, "the level of a quantile")
    levels = static(known)
    if data.kind != "f" or data.itemsize == 8:
        return levels, None
    return levels if known.ndim else (levels,), op.fun(np.ones(2, data), known[()]).dtype


def _quantile(op: Op, percent: bool, without_nan: bool) -> Any:
    def answer(
        trace: Trace,
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: Any = False,
        method: Any = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Any:
        value = operand(trace, a)
        axis, keepdims = static(axis), keepdims is not NO_VALUE and bool(keepdims)
        _keep_input(trace, overwrite_input)
        levels, dtype = _levels(trace, q, value.dtype, op)
        method = str(method)
        if weights is not None:
            heavy = lift(trace, weights)
            if method != "inverted_cdf":
                raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
            if without_nan or isinstance(levels, tuple):
                fix = "np.quantile(x, q, method='inverted_cdf', weights=w) for each q"
                raise refuse(trace, "the keyword 'weights' with several q, or without nan", fix=fix)
            _check_weights(heavy, value, axis)
            level = levels / 100 if percent else levels
            return finish(
                trace,
                lambda: quantiles.weighted_quantile(value, heavy, q=level, axis=axis, keepdims=keepdims),
                out,
                "quantile",
            )
        if without_nan and np.ndim(levels) > 1:
            raise refuse(trace, f"np.{op.name} with q in several dimensions", fix="a list of numbers for q")
        if without_nan and method not in _OF_ALL:
            raise refuse(trace, f"np.{op.name} with method={method!r}", fix="method='linear'")

        def result() -> Value:
            found: Value = op(value, q=levels, axis=axis, method=method, keepdims=keepdims)
            if dtype is None:
                return found
            found = found if np.ndim(q) else take_at(found, 0, 0)
            return found if found.dtype == dtype else astype(found, dtype=dtype)

        return finish(trace, result, out, op.name)

    return answer


function(np.quantile)(_quantile(quantiles.quantile, percent=False, without_nan=False))
function(np.percentile)(_quantile(quantiles.percentile, percent=True, without_nan=False))
function(np.nanquantile)(_quantile(quantiles.nanquantile, percent=False, without_nan=True))
function(np.nanpercentile)(_quantile(quantiles.nanpercentile, percent=True, without_nan=True))

# -------------------------------------------------------------------------------------------------------- covariance


def _covariance(
    trace: Trace, m: Any, y: Any, rowvar: Any, ddof: int, fweights: Any, aweights: Any, dtype: Any
) -> Value:
    first = lift(trace, m)
    second = None if y is None else lift(trace, y)
    if first.ndim > 2 or (second is not None and second.ndim > 2):
        raise ValueError(f"{'m' if first.ndim > 2 else 'y'} has more than 2 dimensions")
    known = [v.type for v in (first, second) if v is not None]
    wanted = np.dtype(dtype) if dtype is not None else np.result_type(result_dtype(*known), np.float64)
    frequencies, importance = (None if w is None else lift(trace, w) for w in (fweights, aweights))

    def result() -> Value:
        x = statistics.observations(first, second, bool(rowvar), wanted)
        both = [w for w in (frequencies, importance) if w is not None]
        for w in both:
            if w.shape != x.shape[1:]:
                raise RuntimeError("incompatible numbers of samples and weights")
        weights = both[0] * both[1] if len(both) == 2 else both[0] if both else None
        factor: Any = statistics.divisor(x.shape[1] - ddof, x)
        if weights is not None:
            total = sum_(weights)
            if ddof == 0:
                factor = total
            elif importance is None:
                factor = total - ddof
            else:
                factor = total - ddof * sum_(weights * importance) / total
        single = reshape(x, shape=(x.size,)) if equals(x.shape[0], 1) else x
        return statistics.covariance(single, weights, factor)

    from ..dispatch import compose

    value: Value = compose(trace, result, (), {})
    return value


@function(np.cov)
def _cov(
    trace: Trace,
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    lost = int(ddof) if ddof is not None else 0 if bias else 1
    return wrap(trace, _covariance(trace, m, y, rowvar, lost, fweights, aweights, dtype))


@function(np.corrcoef)
def _corrcoef(trace: Trace, x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    with trace.steps_unnamed():
        c = _covariance(trace, x, y, rowvar, 1, None, None, dtype)
    return finish(trace, lambda: statistics.correlation(c), None, "corrcoef")


# ------------------------------------------------------------------------------------------------- tables and bins


@function(np.interp)
def _interp(trace: Trace, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    places, knots, values = (lift(trace, v) for v in (x, xp, fp))
    if period is not None:
        return _periodic(trace, places, knots, values, period)
    traced = {k: v for k, v in (("left", left), ("right", right)) if isinstance(v, Tracer)}
    plain = {
        k: None if v is None or k in traced else complex(v) if np.iscomplexobj(v) else float(v)
        for k, v in (("left", left), ("right", right))
    }
    result = finish(trace, lambda: binning.interp(places, knots, values, **plain), None, "interp")
    if "left" in traced:
        result = np.where(as_tracer(trace, x) < as_tracer(trace, xp)[0], left, result)
    if "right" in traced:
        result = np.where(as_tracer(trace, x) > as_tracer(trace, xp)[-1], right, result)
    return result


def _periodic(trace: Trace, x: Value, xp: Value, fp: Value, period: Any) -> Any:
    """The knots of one period, in order, and one more at each end."""
    from ...ir.indexing import SLOT
    from ...ir.ops.elementwise import absolute, remainder
    from ...ir.ops.indexing import getitem, slice_along
    from ...ir.ops.shape import concatenate
    from ...ir.ops.sorting import argsort

    if not isinstance(period, Tracer) and period == 0:
        raise ValueError("period must be a non-zero value")
    length = trace.emit_unnamed(absolute, lift(trace, period)) if isinstance(period, Tracer) else abs(period)

    def result() -> Value:
        n = xp.size
        order = argsort(remainder(xp, length))
        knots, values = (getitem(v, order, index=(SLOT,)) for v in (remainder(xp, length), fp))
        before, behind = slice_along(knots, 0, n - 1, n) - length, slice_along(knots, 0, 0, 1) + length
        knots = concatenate(before, knots, behind, axis=0)
        values = concatenate(slice_along(values, 0, n - 1, n), values, slice_along(values, 0, 0, 1), axis=0)
        between: Value = binning.interp(remainder(x, length), knots, values)
        return between

    return finish(trace, result, None, "interp")


@function(np.bincount)
def _bincount(trace: Trace, x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    places = lift(trace, x)
    length = int(minlength)
    if length < 0:
        raise ValueError("'minlength' must not be negative")
    differs = trace.is_of_an_example(places)  # then a place beyond minlength raises when the batch is counted
    if places.size and places.dtype.kind in "iub" and not (length and differs):
        greatest = trace.emit_unnamed(max_, places)
        if not length or not trace.number(trace.emit_unnamed(less, greatest, length), "the greatest place"):
            length = 1 + int(trace.number(greatest, "the greatest place"))
    operands = [places] if weights is None else [places, lift(trace, weights)]
    return wrap(trace, trace.emit(binning.bincount, *operands, length=length))


def _edges(trace: Trace, a: Value, bins: Any, range: Any) -> Value:
    """The edges of the bins: given, over a range, or over all the data."""
    if not isinstance(bins, str) and np.ndim(bins) == 1:
        return lift(trace, bins)
    if isinstance(bins, str):
        if range is not None:
            raise refuse(trace, f"bins={bins!r} with range=", fix="a number of bins")
        counted = trace.emit_unnamed(binning.histogram_edge_count, a, bins=bins)
        count = int(trace.number(counted, "the number of bins"))
        found: Value = trace.emit_unnamed(binning.histogram_bin_edges, a, bins=bins, count=count)
        return found
    number = int(bins.__index__())
    if number < 1:
        raise ValueError("`bins` must be positive, when an integer")
    if range is None:
        found = trace.emit_unnamed(binning.histogram_bin_edges, a, bins=number, count=number + 1)
        return found
    low, high = (float(v) for v in static(range))
    if low > high:
        raise ValueError("max must be larger than min in range parameter.")
    if low == high:
        low, high = low - 0.5, high + 0.5
    dtype = np.result_type(low, high, a.dtype)
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    found = trace.emit_unnamed(binning.equal_edges, low=low, high=high, count=number + 1, dtype=dtype)
    return found


@function(np.histogram_bin_edges)
def _histogram_bin_edges(trace: Trace, a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    return wrap(trace, _edges(trace, lift(trace, a), bins, range))


@function(np.histogram)
def _histogram(
    trace: Trace, a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    from ...ir.ops.cumulative import diff

    value = lift(trace, a)
    edges = _edges(trace, value, bins, range)
    operands = [value, edges] if weights is None else [value, edges, lift(trace, weights)]
    if edges.ndim != 1 or edges.size < 2:
        raise refuse(trace, "a histogram without a bin", fix="at least two edges")

    def result() -> Value:
        counts: Value = binning.histogram(*operands)
        return counts / astype(diff(edges, n=1, axis=0), dtype=np.dtype(float)) / sum_(counts) if density else counts

    return finish(trace, result, None, "histogram"), wrap(trace, edges)


@function(np.histogramdd)
def _histogramdd(
    trace: Trace, sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if isinstance(sample, list | tuple):
        columns = [lift(trace, column) for column in sample]
    else:
        table = as_tracer(trace, sample)
        columns = [lift(trace, table[:, i]) for i in np.arange(table.shape[1])]
    count = len(columns)
    each = list(bins) if isinstance(bins, list | tuple) or np.ndim(bins) else [bins] * count
    if len(each) != count:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    ranges = [None] * count if range is None else list(range)
    if len(ranges) != count:
        raise ValueError("range argument must have one entry per dimension")
    edges = [_edges(trace, c, b, r) for c, b, r in zip(columns, each, ranges, strict=True)]
    heavy = None if weights is None else operand(trace, weights, float)
    hist = finish(trace, lambda: binning.grid(columns, edges, heavy, bool(density)), None, "histogramdd")
    return hist, [wrap(trace, e) for e in edges]


@function(np.histogram2d)
def _histogram2d(
    trace: Trace, x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if (isinstance(bins, list | tuple) or np.ndim(bins) == 1) and len(bins) not in (1, 2):
        bins = [bins, bins]
    hist, edges = _histogramdd(trace, [x, y], bins, range, density, weights)
    return hist, edges[0], edges[1]
