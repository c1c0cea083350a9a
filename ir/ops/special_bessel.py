"""Bessel functions and their kin in scipy.special, differentiated in the argument (DLMF 9 to 11), not in the order."""

from __future__ import annotations

import math
from typing import Any

from ..builder import Value
from ..op import Op, Refused, op
from ..types import ArrayType, broadcast_shapes
from .elementwise import exp, sign
from .special import MODULE, Rule, call, function_dtypes, plus, real_only, special, special_several, total

ORDER = Refused("the slope of a Bessel function in its order is no function of SciPy")
_NOT_HOLOMORPHIC = "the scaling takes the absolute value of one part, so it has no complex derivative"

# ------------------------------------------------------------------------------------------------------ orders 0 and 1

special("j0", lambda g, y, x: -g * call("j1", x))
special("j1", lambda g, y, x: 0.5 * g * (call("j0", x) - call("jv", 2, x)))
special("y0", lambda g, y, x: -g * call("y1", x))
special("y1", lambda g, y, x: g * (call("y0", x) - y / x))
special("i0", lambda g, y, x: g * call("i1", x))
special("i1", lambda g, y, x: 0.5 * g * (call("i0", x) + call("iv", 2, x)))
special("i0e", lambda g, y, x: g * (call("i1e", x) - sign(x) * y))
special("i1e", lambda g, y, x: g * (0.5 * (call("i0e", x) + call("ive", 2, x)) - sign(x) * y))
special("k0", lambda g, y, x: -g * call("k1", x))
special("k1", lambda g, y, x: -g * (call("k0", x) + y / x))
special("k0e", lambda g, y, x: g * (y - call("k1e", x)))
special("k1e", lambda g, y, x: g * (y - call("k0e", x) - y / x))

# -------------------------------------------------------------------------------------------------------- every order


def _neighbours(name: str, other: int) -> Rule:
    """(C_{v-1} + other * C_{v+1}) / 2 (DLMF 10.6.1, 10.29.1)."""

    def rule(g: Value, y: Value, v: Value, z: Value) -> Value:
        below, above = call(name, plus(v, -1), z), call(name, plus(v, 1), z)
        value: Value = 0.5 * g * (below - above if other < 0 else below + above)
        return value

    return rule


def _kv(g: Value, y: Value, v: Value, z: Value) -> Value:
    return -_neighbours("kv", 1)(g, y, v, z)


for _name in ("jv", "yv", "hankel1", "hankel2", "yn"):
    special(_name, ORDER, _neighbours(_name, -1))
special("iv", ORDER, _neighbours("iv", 1))
special("kv", ORDER, _kv)
special("kn", ORDER, lambda g, y, n, x: -_neighbours("kn", 1)(g, y, n, x))
special("jve", ORDER, real_only("jve", _NOT_HOLOMORPHIC, _neighbours("jve", -1)))
special("yve", ORDER, real_only("yve", _NOT_HOLOMORPHIC, _neighbours("yve", -1)))
special(
    "ive",
    ORDER,
    real_only("ive", _NOT_HOLOMORPHIC, lambda g, y, v, x: _neighbours("ive", 1)(g, y, v, x) - g * sign(x) * y),
)
special("kve", ORDER, lambda g, y, v, z: g * y - _neighbours("kve", 1)(g, y, v, z))
special("hankel1e", ORDER, lambda g, y, v, z: _neighbours("hankel1e", -1)(g, y, v, z) - 1j * g * y)
special("hankel2e", ORDER, lambda g, y, v, z: _neighbours("hankel2e", -1)(g, y, v, z) + 1j * g * y)

# -------------------------------------------------------------------------------------------------------------- Struve


def _struve(name: str, other: int) -> Rule:
    """DLMF 11.4.27 and 11.4.29 with 11.4.23: also right at 0, where v / x is not."""

    def rule(g: Value, y: Value, v: Value, x: Value) -> Value:
        term = (0.5 * x) ** v * call("rgamma", plus(v, 1.5)) / math.sqrt(math.pi)
        value: Value = _neighbours(name, other)(g, y, v, x) + 0.5 * g * term
        return value

    return rule


special("struve", ORDER, _struve("struve", -1))
special("modstruve", ORDER, _struve("modstruve", 1))

# ------------------------------------------------------------------------------------------------------------- Kelvin

for _real, _imaginary in (("ber", "bei"), ("ker", "kei")):
    special(_real, lambda g, y, x, name=f"{_real}p": g * call(name, x))
    special(_imaginary, lambda g, y, x, name=f"{_imaginary}p": g * call(name, x))
    # x**2 w'' + x w' = i x**2 w for w = ber + i bei (DLMF 10.61.3)
    special(f"{_real}p", lambda g, y, x, other=_imaginary: -g * (call(other, x) + y / x))
    special(f"{_imaginary}p", lambda g, y, x, other=_real: g * (call(other, x) - y / x))

# --------------------------------------------------------------------------------------------------- several results


def _airy(gs: Any, ys: Any, z: Value) -> Any:
    """Ai'' = z Ai, and so for Bi (DLMF 9.2.1)."""
    ai, aip, bi, bip = ys
    return (total((gs[0], lambda: aip), (gs[1], lambda: z * ai), (gs[2], lambda: bip), (gs[3], lambda: z * bi)),)


special_several("airy", 1, ("Ai", "Aip", "Bi", "Bip"), _airy)


def _integral(name: str, results: tuple[str, str], slopes: Any) -> None:
    def rule(gs: Any, ys: Any, x: Value) -> Any:
        return (total(*((g, lambda slope=slope: slope(x)) for g, slope in zip(gs, slopes, strict=True))),)

    special_several(name, 1, results, rule)


_integral("itj0y0", ("int_j0", "int_y0"), (lambda x: call("j0", x), lambda x: call("y0", x)))
_integral("iti0k0", ("int_i0", "int_k0"), (lambda x: call("i0", x), lambda x: call("k0", x)))
_integral("it2j0y0", ("int_j0", "int_y0"), (lambda x: (1 - call("j0", x)) / x, lambda x: -call("y0", x) / x))
_integral("it2i0k0", ("int_i0", "int_k0"), (lambda x: (call("i0", x) - 1) / x, lambda x: -call("k0", x) / x))
special("itstruve0", lambda g, y, x: g * call("struve", 0, x))
special("itmodstruve0", lambda g, y, x: g * call("modstruve", 0, x))
special("it2struve0", lambda g, y, x: -g * call("struve", 0, x) / x)


def _itairy(gs: Any, ys: Any, x: Value) -> Any:
    def part(k: int, negative: bool) -> Any:
        return lambda: call("airy", -x if negative else x)[k]

    return (total((gs[0], part(0, False)), (gs[1], part(2, False)), (gs[2], part(0, True)), (gs[3], part(2, True))),)


special_several("itairy", 1, ("Apt", "Bpt", "Ant", "Bnt"), _itairy)


def _parabolic(name: str, ratio: Any) -> None:
    """A function and its derivative, w'' = ratio(v, x) w (DLMF 12.2)."""

    def rule(gs: Any, ys: Any, v: Value, x: Value) -> Any:
        w, slope = ys
        return None, total((gs[0], lambda: slope), (gs[1], lambda: ratio(v, x) * w))

    special_several(name, 2, ("w", "wp"), rule)


_parabolic("pbdv", lambda v, x: 0.25 * x * x - v - 0.5)
_parabolic("pbvv", lambda v, x: 0.25 * x * x - v - 0.5)
_parabolic("pbwa", lambda a, x: a - 0.25 * x * x)

# ----------------------------------------------------------------------------------------------------------- spherical


def _spherical(name: str, modified: bool) -> Op:
    """w'' = -2 w' / z - (1 - n (n + 1) / z**2) w, and with the other sign of 1 if modified (DLMF 10.47)."""

    def text(n: ArrayType, z: ArrayType, *, derivative: bool) -> str:
        return f"scipy.special.{name}({{0}}, {{1}}{', derivative=True' if derivative else ''})"

    def fun(n: Any, z: Any, *, derivative: bool) -> Any:
        import importlib

        return getattr(importlib.import_module(MODULE), name)(n, z, derivative)

    @op(name=f"scipy_{name}", fun=fun, python=text, elementwise=True, imports=(MODULE,))
    def infer(n: ArrayType, z: ArrayType, *, derivative: bool = False) -> ArrayType:
        return ArrayType(broadcast_shapes(n.shape, z.shape), function_dtypes(name, n, z, derivative=derivative)[0])

    def rule(g: Value, y: Value, n: Value, z: Value, *, derivative: bool) -> Any:
        if not derivative:
            return g * infer(n, z, derivative=True)
        order = n * (n + 1) if n.literal is None else n.literal * (n.literal + 1)
        ratio = order / (z * z) + (1 if modified else -1)
        return g * (ratio * infer(n, z) - 2 * y / z)

    infer.vjp(ORDER, rule)
    return infer


spherical = {
    name: _spherical(name, modified)
    for name, modified in (
        ("spherical_jn", False),
        ("spherical_yn", False),
        ("spherical_in", True),
        ("spherical_kn", True),
    )
}

# -------------------------------------------------------------------------------------------------- Wright's functions

special("wright_bessel", ORDER, ORDER, lambda g, y, a, b, x: g * call("wright_bessel", a, a + b, x))
special("log_wright_bessel", ORDER, ORDER, lambda g, y, a, b, x: g * exp(call("log_wright_bessel", a, a + b, x) - y))
