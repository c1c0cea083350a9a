"""Elliptic integrals, hypergeometric functions and orthogonal polynomials of scipy.special (DLMF 13, 15, 18, 19)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..builder import Value
from ..op import Refused
from .elementwise import cos, maximum, rint, sin, sqrt
from .special import call, plus, special, special_several, total

PARAMETER = Refused("its slope in this parameter is no function of SciPy")

# ---------------------------------------------------------------------------------------- Carlson's symmetric integrals


def _rd(x: Any, y: Any, z: Any) -> Any:
    return call("elliprd", x, y, z)


def _rd_side(g: Value, x: Value, y: Value, z: Value) -> Value:
    """In the first argument (DLMF 19.18.1 and the Euler-Poisson-Darboux equation); nan where x is z."""
    value: Value = g * (_rd(y, z, x) - _rd(x, y, z)) / (2 * (x - z))
    return value


def _rd_last(g: Value, d: Value, x: Value, y: Value, z: Value) -> Value:
    """The function is homogeneous of degree -3/2."""
    sides = x * _rd_side(g, x, y, z) + y * _rd_side(g, y, x, z)
    return -(1.5 * g * d + sides) / z


special(
    "elliprd",
    lambda g, d, x, y, z: _rd_side(g, x, y, z),
    lambda g, d, x, y, z: _rd_side(g, y, x, z),
    _rd_last,
)
special(
    "elliprf",
    lambda g, f, x, y, z: -g * _rd(y, z, x) / 6,
    lambda g, f, x, y, z: -g * _rd(x, z, y) / 6,
    lambda g, f, x, y, z: -g * _rd(x, y, z) / 6,
)
# R_C(x, y) = R_F(x, y, y) is homogeneous of degree -1/2; by that, slopes of R_D(x, y, y) are not needed
special(
    "elliprc",
    lambda g, c, x, y: -g * _rd(y, y, x) / 6,
    lambda g, c, x, y: g * (x * _rd(y, y, x) / 6 - 0.5 * c) / y,
)


def _rg(g: Value, x: Value, y: Value, z: Value) -> Value:
    value: Value = 0.25 * g * (call("elliprf", x, y, z) - x * _rd(y, z, x) / 3)
    return value


special(
    "elliprg",
    lambda g, f, x, y, z: _rg(g, x, y, z),
    lambda g, f, x, y, z: _rg(g, y, x, z),
    lambda g, f, x, y, z: _rg(g, z, x, y),
)

# ------------------------------------------------------------------------------------------------ Legendre's integrals
# The textbook slopes divide by m; those in R_D do not (DLMF 19.25.1).

special("ellipk", lambda g, k, m: g * (k - _rd(0, 1 - m, 1) / 3) / (2 * (1 - m)))
special("ellipkm1", lambda g, k, p: -g * (k - _rd(0, p, 1) / 3) / (2 * p))
special("ellipe", lambda g, e, m: -g * _rd(0, 1 - m, 1) / 6)


def _turns(phi: Value) -> tuple[Any, Any, Any]:
    """How many half turns are nearest to an angle, and the sine and cosine of what is left."""
    turns = rint(phi / math.pi)
    left = phi - math.pi * turns
    return turns, sin(left), cos(left)


def _first_kind_m(phi: Value, m: Value) -> Any:
    """d/dm F(phi, m): s**3 / 6 R_D(c**2, 1, 1 - m s**2), and twice that of K(m) for each half turn."""
    turns, s, c = _turns(phi)
    whole = (call("ellipk", m) - _rd(0, 1 - m, 1) / 3) / (1 - m)
    return turns * whole + s * s * s * _rd(c * c, 1, 1 - m * s * s) / 6


def _second_kind_m(phi: Value, m: Value) -> Any:
    """d/dm E(phi, m)."""
    turns, s, c = _turns(phi)
    return -(turns * _rd(0, 1 - m, 1) / 3 + s * s * s * _rd(c * c, 1 - m * s * s, 1) / 6)


def _delta(phi: Value, m: Value) -> Any:
    s = sin(phi)
    return sqrt(1 - m * s * s)


special(
    "ellipkinc",
    lambda g, y, phi, m: g / _delta(phi, m),
    lambda g, y, phi, m: g * _first_kind_m(phi, m),
)
special(
    "ellipeinc",
    lambda g, y, phi, m: g * _delta(phi, m),
    lambda g, y, phi, m: g * _second_kind_m(phi, m),
)


def _ellipj(gs: Any, ys: Any, u: Value, m: Value) -> Any:
    """By the amplitude: u = F(ph, m), so that d ph / du = dn and d ph / dm = -dn dF/dm (DLMF 22.13)."""
    sn, cn, dn, ph = ys
    by_ph = total((gs[0], lambda: cn), (gs[1], lambda: -sn), (gs[2], lambda: -(m * sn * cn) / dn))
    by_ph = gs[3] if by_ph is None else by_ph if gs[3] is None else by_ph + gs[3]
    direct = total((gs[2], lambda: -(sn * sn) / (2 * dn)))
    du = by_ph * dn
    dm = -du * _first_kind_m(ph, m)
    return du, dm if direct is None else dm + direct


special_several("ellipj", 2, ("sn", "cn", "dn", "ph"), _ellipj)


def _agm(g: Value, y: Value, a: Value, b: Value) -> Value:
    """In a, by agm = pi a / (2 K(1 - p)) with p = (b / a)**2 and the slope of K (DLMF 19.8.5)."""
    p = (b / a) * (b / a)
    value: Value = g * y * _rd(0, p, 1) / (3 * a * call("ellipkm1", p))
    return value


special("agm", lambda g, y, a, b: _agm(g, y, a, b), lambda g, y, a, b: _agm(g, y, b, a))  # it is symmetric

# ------------------------------------------------------------------------------------------------------- hypergeometric

special("hyp0f1", PARAMETER, lambda g, y, v, z: g * call("hyp0f1", plus(v, 1), z) / v)
special("hyp1f1", PARAMETER, PARAMETER, lambda g, y, a, b, z: g * (a / b) * call("hyp1f1", plus(a, 1), plus(b, 1), z))
special(
    "hyp2f1",
    PARAMETER,
    PARAMETER,
    PARAMETER,
    lambda g, y, a, b, c, z: g * (a * b / c) * call("hyp2f1", plus(a, 1), plus(b, 1), plus(c, 1), z),
)
special("hyperu", PARAMETER, PARAMETER, lambda g, y, a, b, x: -g * a * call("hyperu", plus(a, 1), plus(b, 1), x))

# ----------------------------------------------------------------------------------------------- orthogonal polynomials

_DEGREE = Refused("the slope of a polynomial in its degree is not given")
Slope = Callable[..., Any]


def _polynomial(name: str, parameters: int, slope: Slope) -> None:
    """One of degree n; the slope gets (n, n - 1, *parameters, x), and is 0 for n = 0."""

    def rule(g: Value, y: Value, n: Value, *others: Value) -> Any:
        if n.literal is not None and n.literal == 0:
            return None
        return g * slope(plus(n, 0) if n.literal is not None else n, plus(n, -1), *others)

    if parameters == 0:
        special(name, _DEGREE, lambda g, y, n, x: rule(g, y, n, x))
    elif parameters == 1:
        special(name, _DEGREE, PARAMETER, lambda g, y, n, a, x: rule(g, y, n, a, x))
    else:
        special(name, _DEGREE, PARAMETER, PARAMETER, lambda g, y, n, a, b, x: rule(g, y, n, a, b, x))


def _not_negative(n: Any) -> Any:
    """Where the factor n is 0, whatever polynomial that SciPy has."""
    return maximum(n, 0) if isinstance(n, Value) else n


def _gegenbauer(n: Any, a: Any, x: Any) -> Any:
    return call("eval_gegenbauer", n, a, x)


_polynomial("eval_legendre", 0, lambda n, m, x: _gegenbauer(m, 1.5, x))
_polynomial("eval_chebyt", 0, lambda n, m, x: n * call("eval_chebyu", m, x))
_polynomial("eval_chebyu", 0, lambda n, m, x: 2 * _gegenbauer(m, 2.0, x))
_polynomial("eval_chebyc", 0, lambda n, m, x: n * call("eval_chebys", m, x))
_polynomial("eval_chebys", 0, lambda n, m, x: _gegenbauer(m, 2.0, 0.5 * x))
_polynomial("eval_gegenbauer", 1, lambda n, m, a, x: 2 * a * _gegenbauer(m, plus(a, 1), x))
_polynomial("eval_hermite", 0, lambda n, m, x: 2 * n * call("eval_hermite", _not_negative(m), x))
_polynomial("eval_hermitenorm", 0, lambda n, m, x: n * call("eval_hermitenorm", _not_negative(m), x))
_polynomial("eval_laguerre", 0, lambda n, m, x: -call("eval_genlaguerre", m, 1.0, x))
_polynomial("eval_genlaguerre", 1, lambda n, m, a, x: -call("eval_genlaguerre", m, plus(a, 1), x))
_polynomial(
    "eval_jacobi",
    2,
    lambda n, m, a, b, x: 0.5 * (n + a + b + 1) * call("eval_jacobi", m, plus(a, 1), plus(b, 1), x),
)
_polynomial("eval_sh_legendre", 0, lambda n, m, x: 2 * _gegenbauer(m, 1.5, 2 * x - 1))
_polynomial("eval_sh_chebyt", 0, lambda n, m, x: 2 * n * call("eval_sh_chebyu", m, x))
_polynomial("eval_sh_chebyu", 0, lambda n, m, x: 4 * _gegenbauer(m, 2.0, 2 * x - 1))
_polynomial("eval_sh_jacobi", 2, lambda n, m, p, q, x: n * call("eval_sh_jacobi", m, plus(p, 2), plus(q, 1), x))
special(
    "lpmv",
    _DEGREE,
    _DEGREE,
    lambda g, y, m, v, x: g * ((v + m) * call("lpmv", m, plus(v, -1), x) - v * x * y) / (1 - x * x),
)
