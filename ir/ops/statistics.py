"""Statistics that are not primitives: means, variances and covariances, of all elements or of some."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..dims import at_least, equals, holds_symbols
from ..indexing import SLOT
from ..types import broadcast_shapes, normalize_axes, result_dtype
from .compositions import composition
from .elementwise import (
    absolute,
    astype,
    conjugate,
    divide,
    imag,
    invert,
    isnan,
    maximum,
    minimum,
    multiply,
    real,
    sqrt,
    square,
    where,
)
from .indexing import arange, getitem
from .reduction import Axis, count_nonzero, mean, reduced_size, sum_
from .shape import broadcast_to, concatenate, expand_dims, reshape, squeeze, transpose

SINGLE, HALF = np.dtype(np.float32), np.dtype(np.float16)


def present(a: Value, mask: Value | None = None) -> Value | None:
    """Where a is not nan (and the mask is true); None where nothing can be nan and there is no mask."""
    if not a.type.inexact:
        return mask
    there: Value = invert(isnan(a))
    return there if mask is None else there & mask


def kept(a: Value, mask: Value | None, neutral: Any) -> Value:
    """a with a neutral number where the mask is false."""
    if mask is None:
        return a
    if broadcast_shapes(a.shape, mask.shape) != a.shape:
        raise ValueError(f"where= of shape {mask.shape} does not broadcast to the shape {a.shape}")
    if a.dtype.kind == "b":
        neutral = bool(neutral)
    chosen: Value = where(mask, a, neutral)
    return chosen


def counted(a: Value, mask: Value | None, axis: Axis, keepdims: bool) -> Any:
    """How many elements count for each result."""
    if mask is None:
        return reduced_size(a, axis)
    full = broadcast_to(mask, shape=a.shape) if mask.shape != a.shape else mask
    return count_nonzero(full, axis=axis, keepdims=keepdims)


def divisor(n: Any, like: Value) -> Any:
    """The number, or NumPy's own 0, by which it divides to give inf and nan."""
    if holds_symbols(n):
        return at_least(n, 0) if isinstance(n, int) else n
    return n if n > 0 else np.zeros((), like.dtype).real.dtype.type(0)


def _over(total: Value, count: Any) -> Value:
    """total / count in the dtype of the total."""
    quotient: Value = divide(total, count)
    return astype(quotient, dtype=total.dtype) if quotient.dtype != total.dtype else quotient


def _precise(a: Value) -> Value:
    """What NumPy adds up: halves in single precision, integers in double."""
    if a.dtype == HALF:
        a = astype(a, dtype=SINGLE)
    elif not a.type.inexact:
        a = astype(a, dtype=np.dtype(float))
    return a


def _rounded(result: Value, dtype: np.dtype[Any]) -> Value:
    return astype(result, dtype=HALF) if dtype == HALF and result.dtype != HALF else result


def mean_where(a: Value, mask: Value | None, axis: Axis = None, keepdims: bool = False) -> Value:
    """The mean of what the mask keeps; nan where that is nothing."""
    if mask is None:
        plain: Value = mean(a, axis=axis, keepdims=keepdims)
        return plain
    total = sum_(kept(_precise(a), mask, 0), axis=axis, keepdims=keepdims)
    return _rounded(_over(total, counted(a, mask, axis, keepdims)), a.dtype)


def variance(
    a: Value,
    mask: Value | None = None,
    centre: Value | None = None,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    without_nan: bool = False,
) -> Value:
    """The mean square distance from the mean, or from a given centre; `without_nan` gives nan where n <= ddof."""
    precise = _precise(a)
    n = counted(a, mask, axis, True)
    if centre is None:
        centre = mean(precise, axis=axis, keepdims=True) if mask is None else _mean_of(precise, mask, axis, n)
    centred = precise - centre
    squares = square(absolute(centred)) if a.dtype.kind == "c" else square(centred)
    if mask is None and ddof == 0:
        return _rounded(mean(squares, axis=axis, keepdims=keepdims), a.dtype)
    total = sum_(kept(squares, mask, 0), axis=axis, keepdims=keepdims)
    if not isinstance(n, Value):
        return _rounded(_over(total, divisor(n - ddof, total)), a.dtype)
    if not keepdims and n.ndim:
        n = squeeze(n, axis=normalize_axes(axis, n.ndim))
    freedom = n - ddof if ddof else n
    if without_nan:
        result = where(freedom > 0, _over(total, where(freedom > 0, freedom, 1)), np.nan)
    else:
        result = _over(total, maximum(freedom, 0) if ddof else freedom)
    return _rounded(result, a.dtype)


def _mean_of(a: Value, mask: Value, axis: Axis, count: Value) -> Value:
    return _over(sum_(kept(a, mask, 0), axis=axis, keepdims=True), count)


def deviation(a: Value, mask: Value | None = None, *rest: Any) -> Value:
    """The root of the variance; 0 has the derivative 0 (a plain root's adjoint sees to that itself)."""
    squares = variance(a, mask, *rest)
    if mask is None:
        root: Value = sqrt(squares)
        return root
    flat = squares.equals(0)
    chosen: Value = where(flat, 0, sqrt(where(flat, 1, squares)))
    return chosen


@composition(np.var)
def var(a: Value, *, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Value:
    return variance(a, None, None, axis, ddof, keepdims)


@composition(np.std)
def std(a: Value, *, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Value:
    return deviation(a, None, None, axis, ddof, keepdims)


# ----------------------------------------------------------------------------------------------------------- average


def average(a: Value, weights: Value, axis: Axis = None, keepdims: bool = False) -> tuple[Value, Value]:
    """The weighted mean and the sum of the weights, which have the shape of `a` already or broadcast to it."""
    dtype = result_dtype(a.type, weights.type)
    if not a.type.inexact:
        dtype = np.result_type(dtype, np.float64)
    a, weights = (v if v.dtype == dtype else astype(v, dtype=dtype) for v in (a, weights))
    scale = sum_(weights, axis=axis, keepdims=keepdims) if weights.shape == a.shape else sum_(weights)
    return sum_(a * weights, axis=axis, keepdims=keepdims) / scale, scale


# -------------------------------------------------------------------------------------------------------- covariance


def observations(m: Value, y: Value | None, rowvar: bool, dtype: np.dtype[Any]) -> Value:
    """The variables as rows, in two dimensions."""

    def rows(v: Value) -> Value:
        v = astype(v, dtype=dtype) if v.dtype != dtype else v
        v = reshape(v, shape=(1, v.size)) if v.ndim < 2 else v
        return v if rowvar or equals(v.shape[0], 1) else transpose(v, axes=(1, 0))

    first = rows(m)
    if not rowvar and m.ndim == 2:
        first = transpose(m if m.dtype == dtype else astype(m, dtype=dtype), axes=(1, 0))
    return first if y is None else concatenate(first, rows(y), axis=0)


def covariance(x: Value, weights: Value | None, factor: Any) -> Value:
    """The products of the centred rows, divided by `factor`; a number for a single row."""
    along = x.ndim - 1
    if weights is None:
        centred = x - mean(x, axis=along, keepdims=x.ndim > 1)
        other = centred
    else:
        heavy = expand_dims(weights, axis=(0,)) if x.ndim > 1 else weights
        centred = x - average(x, heavy, axis=along, keepdims=x.ndim > 1)[0]
        other = centred * weights
    if x.ndim > 1:
        other = transpose(other, axes=(1, 0))
    return centred @ (conjugate(other) if x.dtype.kind == "c" else other) / factor


def correlation(c: Value) -> Value:
    """Each covariance over both standard deviations, kept between -1 and 1 in spite of rounding."""
    if c.ndim == 0:
        return c / c
    places = arange(c, c.shape[0])
    variances = getitem(c, places, places, index=(SLOT, SLOT))
    spread = sqrt(real(variances) if c.dtype.kind == "c" else variances)
    scaled = c / expand_dims(spread, axis=(1,)) / spread
    if c.dtype.kind == "c":
        clipped = (minimum(maximum(part(scaled), -1.0), 1.0) for part in (real, imag))
        whole, imaginary = clipped
        return whole + multiply(imaginary, 1j)
    result: Value = minimum(maximum(scaled, -1.0), 1.0)
    return result
