"""np.pad: one operation where known numbers or copied elements are put around, else the parts are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir.dims import equals
from ...ir.ops import padding
from ..array import wrap
from ..creation import contains_tracer
from ..trace import Trace
from .borrowed import in_steps
from .joining import concatenate
from .plain import plain_array
from .registry import as_tracer, function
from .splitting import axis_slices

_KEYWORDS: dict[str, set[str]] = {
    "empty": set(),
    "edge": set(),
    "wrap": set(),
    "constant": {"constant_values"},
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "minimum": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
}
_STATISTICS: dict[str, Any] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
Ends = Callable[[Any, int, tuple[int, int]], tuple[Any, Any]]  # what goes before and after along an axis


@function(np.pad)
@in_steps
def pad(trace: Trace, array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    array = as_tracer(trace, array)
    widths = _widths(trace, pad_width, array.ndim)
    if callable(mode):
        return _filled_by(mode, np.pad(array, widths), widths, kwargs)
    if mode not in _KEYWORDS:
        raise ValueError(f"mode '{mode}' is not supported")
    unknown = kwargs.keys() - _KEYWORDS[mode]
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    if array.ndim == 0:
        return array.copy()
    values = kwargs.get("constant_values", 0)
    odd = kwargs.get("reflect_type", "even") == "odd"
    if mode == "constant" and not contains_tracer(values) and not isinstance(values, np.ndarray):
        return wrap(trace, trace.emit(padding.pad, array._here(), pad_width=widths, constant_values=_frozen(values)))
    if mode == "empty":  # nobody knows what is there
        return wrap(trace, trace.emit(padding.pad, array._here(), pad_width=widths))
    if mode in ("edge", "wrap", "reflect", "symmetric") and not odd:
        return wrap(trace, trace.emit(padding.pad, array._here(), pad_width=widths, mode=mode))
    for axis, (n, pair) in enumerate(zip(array.shape, widths, strict=True)):
        if mode != "constant" and n == 0 and any(pair):
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    if odd:
        return _reflected(trace, array, widths, mode == "symmetric")
    if mode == "constant":
        pairs = _pairs(trace, values, array.ndim)
        return _joined(trace, array, widths, lambda now, axis, pair: pairs[axis])
    if mode == "linear_ramp":
        pairs = _pairs(trace, kwargs.get("end_values", 0), array.ndim)
        return _joined(trace, array, widths, lambda now, axis, pair: _ramps(now, axis, pair, pairs[axis]))
    lengths = _pairs(trace, kwargs.get("stat_length"), array.ndim)
    statistic = _STATISTICS[mode]
    return _joined(trace, array, widths, lambda now, axis, pair: _statistics(now, axis, lengths[axis], statistic))


def _frozen(values: Any) -> Any:
    if isinstance(values, list | tuple):
        return tuple(map(_frozen, values))
    return values.item() if isinstance(values, np.generic) else values


def _widths(trace: Trace, given: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """The widths before and after each axis."""
    if isinstance(given, dict):
        listed: list[Any] = [(0, 0)] * ndim
        for axis, width in given.items():
            listed[axis] = width if isinstance(width, tuple) else (width, width)
        given = listed
    found = plain_array(trace, given, "the widths of a padding")
    if found.dtype.kind != "i" and found.size:
        raise TypeError("`pad_width` must be of integral type.")
    if found.size and found.min() < 0:
        raise ValueError("index can't contain negative values")
    if found.size == 2 and found.shape != (2, 1):
        found = found.ravel()
    return tuple((int(a), int(b)) for a, b in np.broadcast_to(found, (ndim, 2)).tolist())


def _pairs(trace: Trace, given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """A value before and after for each axis, from one value, a pair, or one or two for each axis."""
    if given is None:
        return [(None, None)] * ndim
    nested = _nested(trace, given)
    rows = nested if isinstance(nested, list) else [nested]
    rows = rows if isinstance(rows[0], list) else [rows]
    if len(rows) == 1 or len(rows) == ndim:
        pairs = [(row[0], row[-1]) for row in rows if len(row) in (1, 2)]
        if len(pairs) == len(rows):
            return pairs * ndim if len(pairs) == 1 else pairs
    raise ValueError(f"the values for np.pad do not go together with {ndim} axes")


def _nested(trace: Trace, given: Any) -> Any:
    if isinstance(given, list | tuple):
        return [_nested(trace, one) for one in given]
    if np.ndim(given):
        return [_nested(trace, one) for one in as_tracer(trace, given)]
    return given


def _joined(trace: Trace, array: Any, widths: tuple[tuple[int, int], ...], ends: Ends) -> Any:
    """The axes one after the other, as NumPy does it: the later ones go along what was put there before."""
    dtype, padded = array.dtype, False
    for axis, pair in enumerate(widths):
        if not any(pair):
            continue
        parts, padded = [], True
        for width, end in zip(pair, ends(array, axis, pair), strict=True):
            part = as_tracer(trace, end).astype(dtype, copy=False)
            shape = (*array.shape[:axis], width, *array.shape[axis + 1 :])
            parts.append(part if part.shape == shape else np.broadcast_to(part, shape))
        around = [parts[0]] * (pair[0] > 0) + [array] + [parts[1]] * (pair[1] > 0)
        array = concatenate(trace, around, axis)
    return array if padded else array.copy()


def _ramps(now: Any, axis: int, pair: tuple[int, int], ends: tuple[Any, Any]) -> tuple[Any, Any]:
    n = now.shape[axis]
    ramps = []
    for width, end, edge in zip(pair, ends, (0, n - 1), strict=True):
        last = now[(*(slice(None),) * axis, edge)]
        ramps.append(np.linspace(end, last, width, endpoint=False, dtype=now.dtype, axis=axis))
    return ramps[0], np.flip(ramps[1], axis)


def _statistics(now: Any, axis: int, lengths: tuple[Any, Any], statistic: Any) -> tuple[Any, Any]:
    n = now.shape[axis]
    before, after = (n if length is None else min(int(length), n) for length in lengths)
    if not (before and after) and statistic in (_STATISTICS["maximum"], _STATISTICS["minimum"]):
        raise ValueError("stat_length of 0 yields no value for padding")
    results = []
    for bounds in [(0, before)] if before == after == n else [(0, before), (n - after, n)]:
        (part,) = axis_slices(now, axis, [bounds]) if bounds != (0, n) else (now,)
        found = statistic(part, axis=axis, keepdims=True)
        results.append(np.rint(found) if now.dtype.kind in "iu" else found)
    return results[0], results[-1]


def _reflected(trace: Trace, array: Any, widths: tuple[tuple[int, int], ...], with_edge: bool) -> Any:
    """Twice the edge less the mirror image, again and again where the array is shorter than the padding."""
    for axis, (left, right) in enumerate(widths):
        n, skip = array.shape[axis], 0 if with_edge else 1
        if equals(n, 1):
            array = np.pad(array, [(left, right) if i == axis else (0, 0) for i in range(array.ndim)], mode="edge")
            continue
        while left or right:
            length = array.shape[axis]
            whole = length // n * n if with_edge else (length - 1) // (n - 1) * (n - 1)
            parts = [array]
            if left:
                count = min(whole, left)
                first, mirrored = axis_slices(array, axis, [(0, 1), (skip, skip + count)])
                parts.insert(0, 2 * first - np.flip(mirrored, axis))
                left -= count
            if right:
                count = min(whole, right)
                last, mirrored = axis_slices(
                    array, axis, [(length - 1, length), (length - skip - count, length - skip)]
                )
                parts.append(2 * last - np.flip(mirrored, axis))
                right -= count
            array = concatenate(trace, parts, axis)
    return array


def _filled_by(function: Any, padded: Any, widths: tuple[tuple[int, int], ...], kwargs: dict[str, Any]) -> Any:
    """The user's function writes into each vector along each axis."""
    for axis in range(padded.ndim):
        view = np.moveaxis(padded, axis, -1)
        for place in np.ndindex(view.shape[:-1]):
            function(view[(*place, Ellipsis)], widths[axis], axis, kwargs)
    return padded
