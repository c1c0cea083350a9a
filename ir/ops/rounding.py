"""Numbers taken apart and rounded: the steps have no slope, what is left of a number has that of the number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import Value
from ..kernels import bessel_i1
from ..op import NONDIFF, Masked, op
from ..types import ArrayType, broadcast_shapes, result_dtype
from .elementwise import (
    REAL,
    absolute,
    binary,
    cos,
    exp2,
    floor_divide,
    negative,
    remainder,
    sign,
    trunc,
    unary,
    where,
)

PAIRS: dict[np.ufunc, Callable[..., tuple[Value, Value]]] = {}  # ufuncs of two results


def _pair(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def enter(function: Any) -> Any:
        PAIRS[ufunc] = function
        return function

    return enter


# ---------------------------------------------------------------------------------------------------------- angles

DEGREE = float(np.pi) / 180
deg2rad = unary(np.deg2rad, lambda g, y, x: DEGREE * g)
radians = unary(np.radians, lambda g, y, x: DEGREE * g)
rad2deg = unary(np.rad2deg, lambda g, y, x: g / DEGREE)
degrees = unary(np.degrees, lambda g, y, x: g / DEGREE)

# ----------------------------------------------------------------------------------------------- signs, steps, scales

logaddexp2 = binary(np.logaddexp2, lambda g, y, a, b: g * exp2(a - y), lambda g, y, a, b: g * exp2(b - y))
copysign: Any = binary(np.copysign, lambda g, y, x, s: g * sign(x) * copysign(1.0, s), None, domain=(REAL, REAL))
heaviside = binary(np.heaviside, None, lambda g, y, x, h: Masked(g, x.equals(0)))  # type: ignore[arg-type]
gcd = binary(np.gcd, NONDIFF)
lcm = binary(np.lcm, NONDIFF)
if hasattr(np, "bitwise_count"):
    bitwise_count = unary(np.bitwise_count, NONDIFF)


@op(np.ldexp, python="np.ldexp({0}, {1})", elementwise=True)
def ldexp(x: ArrayType, exponent: ArrayType) -> ArrayType:
    return ArrayType(
        broadcast_shapes(x.shape, exponent.shape), np.ldexp.resolve_dtypes((x.dtype, exponent.dtype, None))[2]
    )


ldexp.vjp(lambda g, y, x, exponent: ldexp(g, exponent), None)


def _part(ufunc: np.ufunc, place: int) -> Any:
    return lambda x: ufunc(x)[place]


@op(name="fraction", fun=_part(np.modf, 0), python="np.modf({0})[0]", elementwise=True)
def fraction(x: ArrayType) -> ArrayType:
    """What is left of a number without its integral part."""
    return ArrayType(x.shape, np.modf.resolve_dtypes((x.dtype, None, None))[1])


fraction.vjp(lambda g, y, x: g)


@_pair(np.modf)
def modf(x: Value) -> tuple[Value, Value]:
    whole = trunc(x)
    return fraction(x), whole


@op(name="mantissa", fun=_part(np.frexp, 0), python="np.frexp({0})[0]", elementwise=True)
def mantissa(x: ArrayType) -> ArrayType:
    """The number by the power of two that leaves it between 1/2 and 1."""
    return ArrayType(x.shape, np.frexp.resolve_dtypes((x.dtype, None, None))[1])


@op(name="exponent", fun=_part(np.frexp, 1), python="np.frexp({0})[1]", elementwise=True, rule=NONDIFF)
def exponent(x: ArrayType) -> ArrayType:
    """The power of two that goes with the mantissa."""
    return ArrayType(x.shape, np.frexp.resolve_dtypes((x.dtype, None, None))[2])


mantissa.vjp(lambda g, y, x: ldexp(g, negative(exponent(x))))


@_pair(np.frexp)
def frexp(x: Value) -> tuple[Value, Value]:
    return mantissa(x), exponent(x)


@_pair(np.divmod)
def divmod_(a: Value, b: Value) -> tuple[Value, Value]:
    return floor_divide(a, b), remainder(a, b)


# ---------------------------------------------------------------------------------------------------------- rounding


def _round_text(x: ArrayType, *, decimals: int) -> str:
    return f"np.round({{0}}, {decimals})" if decimals else "np.round({0})"


@op(np.round, np.around, fun=np.round, python=_round_text, rule=NONDIFF, elementwise=True)
def round_(a: ArrayType, *, decimals: int = 0) -> ArrayType:
    if a.dtype.kind == "b" and decimals:
        raise TypeError("truth values have no decimals")
    return ArrayType(a.shape, np.dtype(np.float16) if a.dtype.kind == "b" else a.dtype)


# ------------------------------------------------------------------------------------------------------- sinc, Bessel


@op(np.sinc, elementwise=True)
def sinc(x: ArrayType) -> ArrayType:
    return ArrayType(x.shape, result_dtype(x, ArrayType((), np.dtype(float), weak=True)))


@sinc.vjp
def sinc_vjp(g: Value, y: Value, x: Value) -> Value:
    """(cos(pi x) - sinc(x)) / x; near 0, where that cancels, the first term of the series, -pi**2 x / 3."""
    pi = float(np.pi)
    near = absolute(x) < float(np.finfo(y.dtype).eps ** 0.25)
    slope: Value = where(near, -pi * pi / 3 * x, (cos(pi * x) - y) / where(near, 1, x))
    return g * slope


@op(np.i0, python="np.i0({0})", elementwise=True)
def i0(x: ArrayType) -> ArrayType:
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    return ArrayType(x.shape, x.dtype if x.dtype.kind == "f" else np.dtype(float))


@op(name="i1", fun=bessel_i1, python="bessel_i1({0})", elementwise=True, helpers=(bessel_i1,))
def i1(x: ArrayType) -> ArrayType:
    if x.dtype.kind == "c":
        raise TypeError("i1 takes real numbers")
    return ArrayType(x.shape, x.dtype if x.inexact else np.dtype(float))


i0.vjp(lambda g, y, x: g * i1(x))


@i1.vjp
def i1_vjp(g: Value, y: Value, x: Value) -> Value:
    """I0(x) - I1(x) / x, which is 1/2 at 0 (DLMF 10.29.2)."""
    zero = x.equals(0)
    return g * (i0(x) - where(zero, 0.5, y / where(zero, 1, x)))
