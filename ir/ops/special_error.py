"""The error function and its kin, and the normal distribution, in scipy.special (DLMF 7)."""

from __future__ import annotations

import math
from typing import Any

from ..builder import Value
from ..op import Refused
from .elementwise import cos, cosh, exp, imag, log, maximum, real, sin, sinh, where
from .special import call, special, special_several, total

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)

special("erf", lambda g, y, x: TWO_OVER_ROOT_PI * g * exp(-x * x))
special("erfc", lambda g, y, x: -TWO_OVER_ROOT_PI * g * exp(-x * x))
erfcx = special("erfcx", lambda g, y, x: g * (2 * x * y - TWO_OVER_ROOT_PI))
special("erfi", lambda g, y, x: TWO_OVER_ROOT_PI * g * exp(x * x))
special("erfinv", lambda g, y, x: 1 / TWO_OVER_ROOT_PI * g * exp(y * y))
special("erfcinv", lambda g, y, x: -1 / TWO_OVER_ROOT_PI * g * exp(y * y))
special("dawsn", lambda g, y, x: g * (1 - 2 * x * y))


def _wofz_slope(z: Value, w: Value) -> Value:
    """DLMF 7.10.2."""
    return TWO_OVER_ROOT_PI * 1j - 2 * z * w


wofz = special("wofz", lambda g, y, z: g * _wofz_slope(z, y))

# ------------------------------------------------------------------------------------------------ normal distribution


def _inverse_mills(x: Value) -> Any:
    """The normal density over the normal distribution function; where both are tiny, too."""
    return math.sqrt(2 / math.pi) / erfcx(-x / math.sqrt(2))


special("ndtr", lambda g, y, x: g * exp(-0.5 * x * x) / ROOT_TWO_PI)
special("log_ndtr", lambda g, y, x: g * _inverse_mills(x))
special("ndtri", lambda g, y, p: ROOT_TWO_PI * g * exp(0.5 * y * y))
special("ndtri_exp", lambda g, y, x: g / _inverse_mills(y))
special(
    "owens_t",
    lambda g, y, h, a: -g * exp(-0.5 * h * h) * call("erf", a * h / math.sqrt(2)) / (2 * ROOT_TWO_PI),
    lambda g, y, h, a: g * exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a)),
)


def _voigt(x: Value, sigma: Value, gamma: Value) -> tuple[Any, Any]:
    """z and w'(z) of the profile Re(w(z)) / (sigma sqrt(2 pi)) with z = (x + i gamma) / (sigma sqrt(2))."""
    z = (x + 1j * gamma) / (math.sqrt(2) * sigma)
    return z, _wofz_slope(z, wofz(z))


def _voigt_width(g: Value, y: Value, x: Value, sigma: Value, gamma: Value) -> Value:
    z, slope = _voigt(x, sigma, gamma)
    return -g * (y + real(z * slope) / (ROOT_TWO_PI * sigma)) / sigma


special(
    "voigt_profile",
    lambda g, y, x, sigma, gamma: g * real(_voigt(x, sigma, gamma)[1]) / (2 * math.sqrt(math.pi) * sigma * sigma),
    _voigt_width,
    lambda g, y, x, sigma, gamma: -g * imag(_voigt(x, sigma, gamma)[1]) / (2 * math.sqrt(math.pi) * sigma * sigma),
)

# --------------------------------------------------------------------------------------------- trigonometric integrals


def _over(value: Any, z: Value) -> Any:
    """sin(z) / z or sinh(z) / z, which are 1 at 0."""
    return where(z.equals(0), 1, value / where(z.equals(0), 1, z))


def _sici(gs: Any, ys: Any, x: Value) -> Any:
    return (total((gs[0], lambda: _over(sin(x), x)), (gs[1], lambda: cos(x) / x)),)


def _shichi(gs: Any, ys: Any, x: Value) -> Any:
    return (total((gs[0], lambda: _over(sinh(x), x)), (gs[1], lambda: cosh(x) / x)),)


def _fresnel(gs: Any, ys: Any, z: Value) -> Any:
    angle = 0.5 * math.pi * z * z
    return (total((gs[0], lambda: sin(angle)), (gs[1], lambda: cos(angle))),)


special_several("sici", 1, ("si", "ci"), _sici)
special_several("shichi", 1, ("shi", "chi"), _shichi)
special_several("fresnel", 1, ("S", "C"), _fresnel)

# ---------------------------------------------------------------------------------------------- exponential integrals

special("expi", lambda g, y, x: g * exp(x) / x)
special("exp1", lambda g, y, x: -g * exp(-x) / x)


def _expn(g: Value, y: Value, n: Value, x: Value) -> Value:
    """DLMF 8.19.13; E_0(x) = exp(-x) / x."""
    if n.literal is not None and n.literal == 0:
        return -g * y * (1 + 1 / x)
    if n.literal is not None:
        return -g * call("expn", n.literal - 1, x)
    lower: Value = where(n.equals(0), y * (1 + 1 / x), call("expn", maximum(n - 1, 0), x))
    return -g * lower


special("expn", Refused("the order of scipy.special.expn has no derivative here"), _expn)


def _spence(g: Value, y: Value, z: Value) -> Value:
    """log(z) / (1 - z), which is -1 at 1."""
    if z.dtype.kind == "c":
        return g * where(z.equals(1), -1, log(z) / where(z.equals(1), 1, 1 - z))
    return -g / call("exprel", log(z))


special("spence", _spence)
