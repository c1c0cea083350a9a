"""Reductions and accumulations, as functions and as methods of ufuncs, with all their keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.dims import equals
from ...ir.op import BY_CALLABLE, Nondifferentiable, Op
from ...ir.ops import statistics
from ...ir.ops.binning import add_reduceat
from ...ir.ops.compositions import ptp
from ...ir.ops.cumulative import accumulate, after, before, cumprod
from ...ir.ops.elementwise import astype, greater
from ...ir.ops.indexing import slice_along, take_at
from ...ir.ops.reduction import BY_UFUNC, all_, cumsum, nanmax, nanmin
from ...ir.ops.shape import concatenate, expand_dims, filled, reshape
from ...ir.types import normalize_axes, normalize_axis, reduced_shape
from ..array import lift, wrap
from ..errors import UnsupportedError
from ..refusals import refuse
from ..trace import Trace
from .plain import plain_numbers
from .registry import function

NO_VALUE = np._NoValue  # type: ignore[attr-defined]
_NEUTRAL: dict[Any, float] = {np.fmax: np.nan, np.fmin: np.nan}


def finish(trace: Trace, meaning: Callable[[], Value], out: Any, name: str) -> Any:
    """Record what `meaning` writes at the user's line, and deliver it into `out` if there is one."""
    from ..dispatch import _deliver, compose

    result = compose(trace, meaning, (), {})
    return wrap(trace, result) if out is None else _deliver(trace, result, out, True, name)


def static(value: Any) -> Any:
    """A keyword's value in a plain form."""
    from ..dispatch import static as plain

    return plain(value)


def plain_axis(axis: Any, ndim: int) -> Any:
    """The axis as numbers; the methods of ufuncs let a number be reduced along an axis that it lacks."""
    axis = static(axis)
    return None if not ndim and axis in (0, -1) else axis


def given(value: Any, default: Any = None) -> Any:
    return default if value is NO_VALUE else value


def mask_of(trace: Trace, where: Any) -> Value | None:
    """The elements that count, None for all."""
    if where is NO_VALUE or where is True or where is None:
        return None
    mask = lift(trace, where)
    if mask.dtype.kind != "b":
        raise TypeError(f"Cannot cast array data from {mask.dtype!r} to dtype('bool') according to the rule 'safe'")
    return mask


def operand(trace: Trace, a: Any, dtype: Any = None) -> Value:
    """The array in the dtype that is asked for, to which NumPy casts whatever it is."""
    value = lift(trace, a)
    if dtype is None:
        return value
    wanted = np.dtype(dtype)
    return value if value.dtype == wanted and not value.type.weak else trace.emit_unnamed(astype, value, dtype=wanted)


def averaged(trace: Trace, a: Any, dtype: Any) -> Value:
    """The array of which a mean is taken, in the dtype that is asked for."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise refuse(trace, f"a mean or a variance with dtype={np.dtype(dtype)}", fix="dtype=float, and .astype(...)")
    return operand(trace, a, dtype)


# ---------------------------------------------------------------------------------------------------------- reduce


def reduce_ufunc(
    trace: Trace,
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Answer `ufunc.reduce`."""
    value = operand(trace, array, dtype)
    axis, keepdims = plain_axis(axis, value.ndim), bool(given(keepdims, False))
    mask = mask_of(trace, where)
    if initial is None:
        initial = NO_VALUE if ufunc.identity is None else refuse_initial(trace, ufunc)
    start = None if initial is NO_VALUE else lift(trace, initial)
    return finish(trace, lambda: _reduced(trace, ufunc, value, axis, keepdims, start, mask), out, ufunc.__name__)


def refuse_initial(trace: Trace, ufunc: np.ufunc) -> Any:
    raise refuse(trace, f"initial=None of np.{ufunc.__name__}.reduce", fix="initial=x[0], with x[1:] in place of x")


def _reduced(
    trace: Trace, ufunc: np.ufunc, x: Value, axis: Any, keepdims: bool, initial: Value | None, mask: Value | None
) -> Value:
    if mask is not None:
        neutral: Any = ufunc.identity if initial is None or ufunc.identity is not None else initial
        neutral = _NEUTRAL.get(ufunc, neutral)
        if neutral is None or (ufunc.identity is None and initial is None):
            raise ValueError(
                f"reduction operation {ufunc.__name__!r} does not have an identity, so to use a where mask one has "
                "to specify 'initial'"
            )
        x = statistics.kept(x, mask, neutral)
    if initial is not None and not x.size and ufunc.identity is None:
        shape = reduced_shape(x.shape, axis, keepdims)
        made: Value = x.builder.emit(filled, value=0, shape=shape, dtype=x.dtype) + initial
        return made
    result = _plain(trace, ufunc, x, axis, keepdims)
    if initial is not None:
        first = BY_CALLABLE.get(ufunc)
        if first is None:
            raise unknown(trace, ufunc, "reduce")
        narrows = initial.dtype.kind in "fc" and result.dtype.kind in "biu"
        if narrows or (not initial.type.weak and initial.dtype != result.dtype):
            initial = astype(initial, dtype=result.dtype)
        result = first(initial, result) if ufunc not in (np.maximum, np.minimum) else first(result, initial)
    return result


def unknown(trace: Trace, ufunc: np.ufunc, method: str) -> UnsupportedError:
    return refuse(trace, f"np.{ufunc.__name__}.{method}")


def _plain(trace: Trace, ufunc: np.ufunc, x: Value, axis: Any, keepdims: bool) -> Value:
    op = BY_UFUNC.get(ufunc)
    if op is not None:
        reduced: Value = op(x, axis=axis, keepdims=keepdims)
        return reduced
    _check_accumulates(trace, ufunc, "reduce")
    axes = normalize_axes(axis, x.ndim)
    if len(axes) > 1:
        raise ValueError(
            f"reduction operation {ufunc.__name__!r} is not reorderable, so at most one axis may be specified"
        )
    for along in axes:
        if equals(x.shape[along], 0):
            raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
        x = take_at(accumulate(x, ufunc=ufunc.__name__, axis=along), along, x.shape[along] - 1)
    return expand_dims(x, axis=axes) if keepdims and axes else x


def _check_accumulates(trace: Trace, ufunc: np.ufunc, method: str) -> None:
    """Whether the rules of the ufunc say how it accumulates."""
    op = BY_CALLABLE.get(ufunc)
    if op is None or ufunc.nin != 2:
        raise unknown(trace, ufunc, method)
    known = isinstance(op.rule, Nondifferentiable) or (isinstance(op.rule, tuple) and all(map(callable, op.rule)))
    if not known:
        raise unknown(trace, ufunc, method)


# ------------------------------------------------------------------------------------------ accumulate and reduceat


def accumulate_ufunc(
    trace: Trace, ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None
) -> Any:
    """Answer `ufunc.accumulate`."""
    value = operand(trace, array, dtype)
    if not value.ndim:
        raise TypeError("cannot accumulate on a scalar")
    along = normalize_axis(plain_axis(axis, value.ndim), value.ndim)
    known: dict[Any, Op] = {np.add: cumsum, np.multiply: cumprod}
    if ufunc in known:
        return finish(trace, lambda: known[ufunc](value, axis=along), out, ufunc.__name__)
    _check_accumulates(trace, ufunc, "accumulate")
    return finish(trace, lambda: accumulate(value, ufunc=ufunc.__name__, axis=along), out, ufunc.__name__)


def reduceat_ufunc(
    trace: Trace, ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None
) -> Any:
    """Answer `ufunc.reduceat`: from each index to the next, or the element there if the next is not greater."""
    value, where = operand(trace, array, dtype), lift(trace, indices)
    along = normalize_axis(plain_axis(axis, value.ndim), value.ndim)
    n = value.shape[along]
    if where.ndim != 1 or not where.size:
        raise ValueError(f"np.{ufunc.__name__}.reduceat takes a list of indices")
    rising = trace.emit_unnamed(all_, trace.emit_unnamed(greater, after(where, 0), before(where, 0)))
    if ufunc is np.add and trace.number(rising, "the order of the indices"):
        return finish(trace, lambda: add_reduceat(value, where, axis=along), out, "add")
    places = plain_numbers(trace, indices, "the indices of reduceat")
    if any(not 0 <= p < n for p in places):
        raise IndexError(f"index out-of-bounds in {ufunc.__name__}.reduceat [0, {n})")

    def pieces() -> Value:
        parts = []
        for p, q in zip(places, [*places[1:], n], strict=True):
            piece = slice_along(value, along, p, max(q, p + 1))
            parts.append(_plain(trace, ufunc, piece, along, True))
        joined: Value = concatenate(*parts, axis=along)
        return joined

    return finish(trace, pieces, out, ufunc.__name__)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce_ufunc,
    "accumulate": accumulate_ufunc,
    "reduceat": reduceat_ufunc,
}

# ---------------------------------------------------------------------------------------------- sums, products, extrema


@function(np.sum)
def _sum(
    trace: Trace,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    return reduce_ufunc(trace, np.add, a, axis, dtype, out, keepdims, initial, where)


@function(np.prod)
def _prod(
    trace: Trace,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    return reduce_ufunc(trace, np.multiply, a, axis, dtype, out, keepdims, initial, where)


def _extremum(ufunc: np.ufunc) -> Callable[..., Any]:
    def answer(
        trace: Trace,
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        return reduce_ufunc(trace, ufunc, a, axis, None, out, keepdims, initial, where)

    return answer


function(np.max, np.amax)(_extremum(np.maximum))
function(np.min, np.amin)(_extremum(np.minimum))


def _logical(ufunc: np.ufunc) -> Callable[..., Any]:
    def answer(
        trace: Trace, a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE
    ) -> Any:
        return reduce_ufunc(trace, ufunc, a, axis, None, out, keepdims, NO_VALUE, where)

    return answer


function(np.any)(_logical(np.logical_or))
function(np.all)(_logical(np.logical_and))


# ------------------------------------------------------------------------------------------------- means and variances


@function(np.mean)
def _mean(
    trace: Trace,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Any:
    value, mask = averaged(trace, a, dtype), mask_of(trace, where)
    axis, keepdims = static(axis), bool(given(keepdims, False))
    return finish(trace, lambda: statistics.mean_where(value, mask, axis, keepdims), out, "mean")


def _freedom(ddof: Any, correction: Any) -> Any:
    """How many degrees of freedom are lost, by either name."""
    if correction is not NO_VALUE:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    return static(ddof)


def _spread(meaning: Callable[..., Value], without_nan: bool) -> Callable[..., Any]:
    """A variance or a standard deviation."""

    def answer(
        trace: Trace,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = NO_VALUE,
        *,
        where: Any = NO_VALUE,
        mean: Any = NO_VALUE,
        correction: Any = NO_VALUE,
    ) -> Any:
        if dtype is not None and np.dtype(dtype).kind != "c" and lift(trace, a).dtype.kind == "c":
            raise refuse(trace, "a real dtype= for the variance of complex numbers", fix="x.real, or np.abs(x)")
        value, mask = averaged(trace, a, dtype), mask_of(trace, where)
        centre = None if mean is NO_VALUE else lift(trace, mean)
        axis = plain_axis(axis, value.ndim) if without_nan else static(axis)
        ddof = _freedom(ddof, correction)
        keepdims = bool(given(keepdims, False))

        def result() -> Value:
            counts = statistics.present(value, mask) if without_nan else mask
            return meaning(value, counts, centre, axis, ddof, keepdims, without_nan)

        return finish(trace, result, out, "var")

    return answer


function(np.var)(_spread(statistics.variance, False))
function(np.std)(_spread(statistics.deviation, False))
function(np.nanvar)(_spread(statistics.variance, True))
function(np.nanstd)(_spread(statistics.deviation, True))

# ------------------------------------------------------------------------------------------------------- without nan


def _total_without_nan(ufunc: np.ufunc) -> Callable[..., Any]:
    def answer(
        trace: Trace,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        value, mask = operand(trace, a, dtype), mask_of(trace, where)
        axis, keepdims = plain_axis(axis, value.ndim), bool(given(keepdims, False))
        start = None if initial is NO_VALUE else lift(trace, initial)

        def result() -> Value:
            clean = statistics.kept(value, statistics.present(value, mask), ufunc.identity)
            return _reduced(trace, ufunc, clean, axis, keepdims, start, None)

        return finish(trace, result, out, ufunc.__name__)

    return answer


function(np.nansum)(_total_without_nan(np.add))
function(np.nanprod)(_total_without_nan(np.multiply))


@function(np.nanmean)
def _nanmean(
    trace: Trace,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Any:
    value, mask = averaged(trace, a, dtype), mask_of(trace, where)
    axis, keepdims = plain_axis(axis, value.ndim), bool(given(keepdims, False))

    def result() -> Value:
        return statistics.mean_where(value, statistics.present(value, mask), axis, keepdims)

    return finish(trace, result, out, "mean")


def _extremum_without_nan(op: Op, ufunc: np.ufunc) -> Callable[..., Any]:
    def answer(
        trace: Trace,
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        if initial is not NO_VALUE or where is not NO_VALUE:
            return reduce_ufunc(trace, ufunc, a, axis, None, out, keepdims, initial, given(where, True))
        value = lift(trace, a)
        axis, keepdims = plain_axis(axis, value.ndim), bool(given(keepdims, False))
        return finish(trace, lambda: op(value, axis=axis, keepdims=keepdims), out, ufunc.__name__)

    return answer


function(np.nanmax)(_extremum_without_nan(nanmax, np.fmax))
function(np.nanmin)(_extremum_without_nan(nanmin, np.fmin))


def _running_without_nan(op: Op, neutral: int) -> Callable[..., Any]:
    def answer(trace: Trace, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        value = operand(trace, a, dtype)
        axis = plain_axis(axis, value.ndim)

        def result() -> Value:
            running: Value = op(statistics.kept(value, statistics.present(value), neutral), axis=axis)
            return running

        return finish(trace, result, out, op.name)

    return answer


function(np.nancumsum)(_running_without_nan(cumsum, 0))
function(np.nancumprod)(_running_without_nan(cumprod, 1))

# ---------------------------------------------------------------------------------------------------------- cumulative


def _running(op: Op) -> Callable[..., Any]:
    def answer(trace: Trace, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        value = operand(trace, a, dtype)
        axis = plain_axis(axis, value.ndim)
        return finish(trace, lambda: op(value, axis=axis), out, op.name)

    return answer


function(np.cumsum)(_running(cumsum))
function(np.cumprod)(_running(cumprod))


@function(np.ptp)
def _ptp(trace: Trace, a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Any:
    value = lift(trace, a)
    axis, keepdims = plain_axis(axis, value.ndim), bool(given(keepdims, False))
    return finish(trace, lambda: ptp(value, axis=axis, keepdims=keepdims), out, "ptp")


def _cumulative(op: Op, start: int) -> Callable[..., Any]:
    """cumulative_sum and cumulative_prod of the array API standard."""

    def answer(
        trace: Trace, x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        value = operand(trace, x, dtype)
        if not value.ndim:
            value = trace.emit_unnamed(reshape, value, shape=(1,))
        if axis is None and value.ndim != 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        along = normalize_axis(plain_axis(0 if axis is None else axis, value.ndim), value.ndim)

        def result() -> Value:
            running: Value = op(value, axis=along)
            if include_initial:
                shape = tuple(1 if i == along else n for i, n in enumerate(running.shape))
                first = running.builder.emit(filled, value=start, shape=shape, dtype=running.dtype)
                running = concatenate(first, running, axis=along)
            return running

        return finish(trace, result, out, op.name)

    return answer


if hasattr(np, "cumulative_sum"):  # NumPy 2.0 has neither
    function(np.cumulative_sum)(_cumulative(cumsum, 0))
    function(np.cumulative_prod)(_cumulative(cumprod, 1))
