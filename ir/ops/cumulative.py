"""Along an axis, step by step: products, extrema and other ufuncs accumulated; differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import all_along, along, along_or_flat
from ..builder import Value
from ..dims import Dim, at_least
from ..indexing import Slice
from ..kernels import recurrence
from ..op import BY_NAME, Nondifferentiable, Op, op
from ..sizes import is_small
from ..types import ArrayType, normalize_axis, ufunc_dtype
from .elementwise import REAL, where
from .indexing import getitem, index_add
from .padding import pad
from .reduction import cumulative_text, sum_dtype
from .shape import concatenate, filled, reshape, zeros


def before(x: Value, axis: int) -> Value:
    """All but the last along an axis: what stood before each but the first."""
    return getitem(x, index=(*[Slice()] * axis, Slice(None, -1)))


def first(x: Value, axis: int) -> Value:
    """The first along an axis, which stays with length 1."""
    return getitem(x, index=(*[Slice()] * axis, Slice(None, 1)))


def after(x: Value, axis: int) -> Value:
    """All but the first along an axis."""
    return getitem(x, index=(*[Slice()] * axis, Slice(1)))


# ------------------------------------------------------------------------------------------------ recurrences


def _recurrence_text(a: ArrayType, b: ArrayType, *, axis: int, backwards: bool) -> str:
    keywords = [f"axis={axis}"] * (axis != 0) + ["backwards=True"] * backwards
    return f"recurrence({', '.join(['{0}', '{1}', *keywords])})"


@op(
    name="running",
    fun=recurrence,
    batch=all_along,
    python=_recurrence_text,
    helpers=(recurrence,),
    domain=(REAL, REAL),
)
def linear_recurrence(a: ArrayType, b: ArrayType, *, axis: int, backwards: bool = False) -> ArrayType:
    """h[i] = b[i] + a[i] h[i - 1], a[0] unused; backwards its transpose, h[i] = b[i] + a[i + 1] h[i + 1]."""
    normalize_axis(axis, b.ndim)
    if a.shape != b.shape:
        raise ValueError(f"a recurrence needs equal shapes, not {a.shape} and {b.shape}")
    return ArrayType(b.shape, np.result_type(a.dtype, b.dtype))


@linear_recurrence.vjp
def _recurrence_vjp(g: Value, y: Value, a: Value, b: Value, *, axis: int, backwards: bool) -> tuple[Value, Value]:
    db = linear_recurrence(a, g, axis=axis, backwards=not backwards)
    factor = before(db, axis) * after(y, axis) if backwards else after(db, axis) * before(y, axis)
    return _from_second_on(factor, axis), db


def _from_second_on(x: Value, axis: int) -> Value:
    """x behind a first place of zeros."""
    value: Value = pad(x, pad_width=tuple((1, 0) if i == axis else (0, 0) for i in range(x.ndim)))
    return value


# ------------------------------------------------------------------------------------------------- accumulation


@op(np.cumprod, batch=along_or_flat, python=cumulative_text("cumprod"), domain=((0.5, 2.0),))
def cumprod(x: ArrayType, *, axis: int | None = None) -> ArrayType:
    if axis is None:
        return ArrayType((x.size,), sum_dtype(x))
    normalize_axis(axis, x.ndim)
    return ArrayType(x.shape, sum_dtype(x))


@cumprod.vjp
def cumprod_vjp(g: Value, y: Value, x: Value, *, axis: int | None) -> Value:
    """The product before each factor, times what later products make of it; nothing is divided by x."""
    along = 0 if axis is None else normalize_axis(axis, x.ndim)
    factors = reshape(x, shape=(x.size,)) if axis is None and x.ndim != 1 else x
    later = linear_recurrence(factors, g, axis=along, backwards=True)
    if factors.shape[along] > 1:
        later = concatenate(first(later, along), after(later, along) * before(y, along), axis=along)
    return reshape(later, shape=x.shape) if later.shape != x.shape else later


def _accumulate(x: Any, *, ufunc: str, axis: int) -> Any:
    return getattr(np, ufunc).accumulate(x, axis=axis)


def _accumulate_text(x: ArrayType, *, ufunc: str, axis: int) -> str:
    return f"np.{ufunc}.accumulate({{0}}{f', axis={axis}' if axis else ''})"


@op(name="accumulate", fun=_accumulate, batch=along("axis"), python=_accumulate_text)
def accumulate(x: ArrayType, *, ufunc: str, axis: int = 0) -> ArrayType:
    """y[0] = x[0], y[i] = f(y[i - 1], x[i]) with a ufunc f of two operands."""
    normalize_axis(axis, x.ndim)
    if ufunc in ("add", "multiply"):
        return ArrayType(x.shape, sum_dtype(x))
    return ArrayType(x.shape, ufunc_dtype(getattr(np, ufunc), x.strong(), x.strong()))


@accumulate.vjp
def accumulate_vjp(g: Value, y: Value, x: Value, *, ufunc: str, axis: int) -> Value:
    """The total cotangent h of each y runs back through dy[i]/dy[i-1]; that of x[i] is h[i] dy[i]/dx[i]."""
    rule = BY_NAME[ufunc].rule
    axis = normalize_axis(axis, x.ndim)
    if x.shape[axis] < 2:
        return g
    if isinstance(rule, Nondifferentiable):
        behind = tuple((0, x.shape[axis] - 1) if i == axis else (0, 0) for i in range(x.ndim))
        alone: Value = pad(first(g, axis), pad_width=behind)
        return alone
    if ufunc in ("maximum", "minimum", "fmax", "fmin"):
        step, share = _record_steps(y, x, axis)
        return linear_recurrence(step, g, axis=axis, backwards=True) * share
    by_last, by_new = _steps(rule, g, y, x, axis)
    total = linear_recurrence(_from_second_on(by_last, axis), g, axis=axis, backwards=True)
    dx: Value = concatenate(first(total, axis), after(total, axis) * by_new, axis=axis)
    return dx


def _steps(rule: Any, g: Value, y: Value, x: Value, axis: int) -> tuple[Value, Value]:
    """dy[i]/dy[i-1] and dy[i]/dx[i] for all but the first, by the rules of the ufunc."""
    operands = before(y, axis), after(x, axis)
    by_last, by_new = (r(g.builder.value(1.0), after(y, axis), *operands) for r in rule)
    if by_last.shape != operands[0].shape:
        by_last = zeros(operands[0]) + by_last
    return by_last, by_new


def _record_steps(y: Value, x: Value, axis: int) -> tuple[Value, Value]:
    """The same for an extremum: all that equal it so far share it, `count` of them."""
    from .elementwise import astype

    wins = x.equals(y)
    stays = after(y, axis).equals(before(y, axis))
    same = _from_second_on(astype(stays, dtype=y.dtype), axis)
    count = linear_recurrence(same, astype(wins, dtype=y.dtype), axis=axis)
    share = where(wins, 1 / where(wins, count, 1), 0)
    return same * (1 - share), share


# ---------------------------------------------------------------------------------------------------- differences


def _diff_text(x: ArrayType, *, n: int, axis: int) -> str:
    keywords = [f"n={n}"] * (n != 1) + [f"axis={axis}"] * (axis not in (-1, x.ndim - 1))
    return f"np.diff({', '.join(['{0}', *keywords])})"


@op(np.diff, batch=along("axis"), python=_diff_text)
def diff(x: ArrayType, *, n: int = 1, axis: int = -1) -> ArrayType:
    axis = normalize_axis(axis, x.ndim)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    return x.with_shape([max(m - n, 0) if i == axis else m for i, m in enumerate(x.shape)])


@diff.vjp
def diff_vjp(g: Value, y: Value, x: Value, *, n: int, axis: int) -> Value:
    """The n-th difference of the cotangent between zeros, with the sign of (-1)**n: one step, which has a transpose."""
    axis = normalize_axis(axis, x.ndim)
    if isinstance(x.shape[axis], Dim):
        return _scattered_diff(g, x, n, axis)
    if n >= x.shape[axis]:
        return zeros(x)
    if n == 1 and is_small(x.type) and not g.type.weak:  # np.pad takes longer than all the rest
        return _scattered_diff(g, x, n, axis)
    if n == 0:
        return g
    return _alternating(padded_diff, g, n, axis)


def _scattered_diff(g: Value, x: Value, n: int, axis: int) -> Value:
    """The same for a length in symbols, also for one that is too short to have differences."""
    lengths = [at_least(x.shape[axis] - k, 0) for k in range(n)]
    for length in reversed(lengths):
        dx: Value = (
            zeros(x)
            if length is lengths[0]
            else g.builder.emit(
                filled, value=0, shape=tuple(length if i == axis else m for i, m in enumerate(x.shape)), dtype=x.dtype
            )
        )
        before = (*[Slice()] * axis, Slice(None, -1))
        behind = (*[Slice()] * axis, Slice(1, None))
        g = index_add(index_add(dx, g, index=behind, distinct=True), -g, index=before, distinct=True)
    return g


def _alternating(operation: Op, g: Value, n: int, axis: int) -> Value:
    """(-1)**n operation(g), where two signs are none."""
    negated = g.builder.definition(g, "negative") if n % 2 else None
    back: Value = operation(g if negated is None else Value(g.builder, negated.operands[0]), n=n, axis=axis)
    return -back if n % 2 and negated is None else back


def _padded_diff(x: Any, *, n: int, axis: int) -> Any:
    return np.diff(np.pad(x, [(n, n) if i == axis else (0, 0) for i in range(np.ndim(x))]), n=n, axis=axis)


def _padded_diff_text(x: ArrayType, *, n: int, axis: int) -> str:
    widths = n if x.ndim == 1 else tuple((n, n) if i == axis else (0, 0) for i in range(x.ndim))
    return _diff_text(x, n=n, axis=axis).replace("{0}", f"np.pad({{0}}, {widths})")


@op(name="padded_diff", fun=_padded_diff, batch=along("axis"), python=_padded_diff_text)
def padded_diff(x: ArrayType, *, n: int, axis: int) -> ArrayType:
    """The n-th difference between n zeros on either side: the transpose of `diff`, but for the sign of (-1)**n."""
    return x.with_shape([m + n if i == axis else m for i, m in enumerate(x.shape)])


@padded_diff.vjp
def padded_diff_vjp(g: Value, y: Value, x: Value, *, n: int, axis: int) -> Value:
    return _alternating(diff, g, n, axis)
