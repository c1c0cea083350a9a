"""logsumexp, softmax and log_softmax of scipy.special."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import together_along
from ..builder import Value
from ..op import of_module, op
from ..types import ArrayType, broadcast_shapes, reduced_shape
from .elementwise import exp, where
from .reduction import restore_dims, sum_
from .special import MODULE, function_dtypes, outside

Axis = int | tuple[int, ...] | None


def _above(y: Value) -> Value:
    """y, and 0 where it is -inf: nothing has a share in a sum of nothing."""
    chosen: Value = where(y.equals(-np.inf), 0, y)
    return chosen


def _said(x: ArrayType, axis: Axis, keepdims: bool = False) -> str:
    shown = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    return f"{'' if axis is None else f', axis={shown}'}{', keepdims=True' if keepdims else ''}"


def _sum_text(a: ArrayType, *, axis: Axis, keepdims: bool) -> str:
    return f"scipy.special.logsumexp({{0}}{_said(a, axis, keepdims)})"


@op(
    name="scipy_logsumexp",
    fun=of_module(MODULE, "logsumexp"),
    batch=together_along,
    python=_sum_text,
    imports=(MODULE,),
)
def logsumexp(a: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    return ArrayType(reduced_shape(a.shape, axis, keepdims), function_dtypes("logsumexp", a)[0])


@logsumexp.vjp
def logsumexp_vjp(g: Value, y: Value, a: Value, *, axis: Axis, keepdims: bool) -> Value:
    over = restore_dims(_above(y), a.ndim, axis, keepdims)
    value: Value = restore_dims(g, a.ndim, axis, keepdims) * exp(a - over)
    return value


def _weighted_text(a: ArrayType, b: ArrayType, *, axis: Axis, keepdims: bool) -> str:
    return f"scipy.special.logsumexp({{0}}, b={{1}}{_said(a, axis, keepdims)})"


def _weighted(a: Any, b: Any, *, axis: Axis, keepdims: bool) -> Any:
    return of_module(MODULE, "logsumexp")(a, axis=axis, b=b, keepdims=keepdims)


def _weighted_type(a: ArrayType, b: ArrayType, axis: Axis, keepdims: bool) -> ArrayType:
    shape = reduced_shape(broadcast_shapes(a.shape, b.shape), axis, keepdims)
    ones = [np.ones((1,) * bool(t.ndim), t.dtype)[()] for t in (a, b)]
    return ArrayType(shape, outside(_weighted, *ones, axis=None, keepdims=False).dtype)


@op(
    name="scipy_logsumexp_weighted",
    fun=_weighted,
    batch=together_along,
    python=_weighted_text,
    imports=(MODULE,),
)
def logsumexp_weighted(a: ArrayType, b: ArrayType, *, axis: Axis = None, keepdims: bool = False) -> ArrayType:
    """With a factor for each exponential."""
    return _weighted_type(a, b, axis, keepdims)


def _terms(g: Value, y: Value, a: Value, b: Value, axis: Axis, keepdims: bool) -> tuple[Value, Value]:
    """Of the logarithm of a sum of b exp(a)."""
    ndim = max(a.ndim, b.ndim)
    over = restore_dims(_above(y), ndim, axis, keepdims)
    share = restore_dims(g, ndim, axis, keepdims) * exp(a - over)
    return share * b, share


@logsumexp_weighted.vjp
def logsumexp_weighted_vjp(
    g: Value, y: Value, a: Value, b: Value, *, axis: Axis, keepdims: bool
) -> tuple[Value, Value]:
    da, db = _terms(g, y, a, b, axis, keepdims)
    return _down(da, a), _down(db, b)


def _down(value: Value, target: Value) -> Value:
    from ..grad import unbroadcast

    return unbroadcast(value, value.shape, target.shape) if value.shape != target.shape else value


def _signed_text(a: ArrayType, b: ArrayType, *, axis: Axis, keepdims: bool) -> str:
    return f"scipy.special.logsumexp({{0}}, b={{1}}{_said(a, axis, keepdims)}, return_sign=True)"


def _signed(a: Any, b: Any, *, axis: Axis, keepdims: bool) -> Any:
    return of_module(MODULE, "logsumexp")(a, axis=axis, b=b, keepdims=keepdims, return_sign=True)


@op(
    name="scipy_logsumexp_signed",
    fun=_signed,
    batch=together_along,
    python=_signed_text,
    imports=(MODULE,),
    several=True,
    results=("log", "sign"),
)
def logsumexp_signed(
    a: ArrayType, b: ArrayType, *, axis: Axis = None, keepdims: bool = False
) -> tuple[ArrayType, ArrayType]:
    """The logarithm of the modulus, and the sign."""
    made = _weighted_type(a, b, axis, keepdims)
    if made.dtype.kind == "c":
        raise TypeError("logsumexp with return_sign of complex numbers")
    return made, made


@logsumexp_signed.vjp
def logsumexp_signed_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], a: Value, b: Value, *, axis: Axis, keepdims: bool
) -> Any:
    if gs[0] is None:
        return None, None
    da, db = _terms(gs[0] * ys[1], ys[0], a, b, axis, keepdims)
    return _down(da, a), _down(db, b)


def _softmax_text(name: str) -> Any:
    return lambda x, *, axis: f"scipy.special.{name}({{0}}{_said(x, axis)})"


def _total(g: Value, axis: Axis) -> Value:
    value: Value = sum_(g, axis=axis, keepdims=axis is not None)
    return value


@op(
    name="scipy_softmax",
    fun=of_module(MODULE, "softmax"),
    batch=together_along,
    python=_softmax_text("softmax"),
    imports=(MODULE,),
)
def softmax(x: ArrayType, *, axis: Axis = None) -> ArrayType:
    return ArrayType(x.shape, function_dtypes("softmax", x)[0])


@softmax.vjp
def softmax_vjp(g: Value, y: Value, x: Value, *, axis: Axis) -> Value:
    value: Value = y * (g - _total(g * y, axis))
    return value


@op(
    name="scipy_log_softmax",
    fun=of_module(MODULE, "log_softmax"),
    batch=together_along,
    python=_softmax_text("log_softmax"),
    imports=(MODULE,),
)
def log_softmax(x: ArrayType, *, axis: Axis = None) -> ArrayType:
    return ArrayType(x.shape, function_dtypes("log_softmax", x)[0])


@log_softmax.vjp
def log_softmax_vjp(g: Value, y: Value, x: Value, *, axis: Axis) -> Value:
    value: Value = g - exp(y) * _total(g, axis)
    return value
