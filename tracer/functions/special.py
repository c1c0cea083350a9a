"""scipy.special: its ufuncs find their records by name, its functions are replaced; the rest is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.op import BY_CALLABLE, BY_NAME, Op
from ...ir.ops import load_all
from ...ir.ops.elementwise import logaddexp
from ...ir.ops.special import MODULE, PREFIX, call, plus
from ...ir.ops.special_bessel import spherical
from ...ir.types import normalize_axes
from ..array import lift, wrap
from ..errors import UnsupportedError
from ..refusals import refuse
from ..trace import Trace
from .libraries import arranged, library_function

load_all()

_NUMERICAL = "SciPy computes it by an expansion whose slope it does not give"
_COUNTS = "it counts"
_PARAMETERS = "it solves for a parameter that its own distribution has no slope in"
# What is refused, and why: the ufuncs, and what SciPy writes in Python.
_UFUNCS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("mathieu_a", "mathieu_b", "mathieu_cem", "mathieu_sem", "mathieu_modcem1", "mathieu_modcem2"),
            *("mathieu_modsem1", "mathieu_modsem2", "obl_ang1", "obl_ang1_cv", "obl_cv", "obl_rad1"),
            *("obl_rad1_cv", "obl_rad2", "obl_rad2_cv", "pro_ang1", "pro_ang1_cv", "pro_cv"),
            *("pro_rad1", "pro_rad1_cv", "pro_rad2", "pro_rad2_cv", "modfresnelm", "modfresnelp"),
            *("besselpoly", "kelvin", "elliprj", "smirnov", "smirnovi", "kolmogi"),
            *("kolmogorov", "tklmbda"),
        ),
        _NUMERICAL,
    ),
    **dict.fromkeys(
        ("chndtr", "ncfdtr", "nctdtr", "chndtrix", "ncfdtri", "nctdtrit"),
        "the density of a non-central distribution is no function of scipy.special",
    ),
    **dict.fromkeys(
        (
            *("bdtrik", "bdtrin", "nbdtrik", "nbdtrin", "pdtrik", "chndtridf"),
            *("chndtrinc", "ncfdtridfd", "ncfdtridfn", "ncfdtrinc", "nctdtridf", "nctdtrinc"),
        ),
        _PARAMETERS,
    ),
    "airye": "its scaling is not smooth; write airy(x) and the factor",
    **dict.fromkeys(("nrdtrimn", "nrdtrisd"), "write x - std * ndtri(p), or (x - mean) / ndtri(p)"),
}
_FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("lmbda", "lqmn", "lqn", "pbdn_seq", "pbdv_seq", "pbvv_seq"),
            *("riccati_jn", "riccati_yn", "ellip_harm", "ellip_harm_2", "ellip_normal"),
        ),
        _NUMERICAL,
    ),
    "diric": "it is 0 / 0 at multiples of 2 pi; write np.sin(n * x / 2) / (n * np.sin(x / 2))",
    **dict.fromkeys(("factorial2", "factorialk", "stirling2"), _COUNTS),
    **dict.fromkeys(
        (
            *(
                "legendre_p",
                "legendre_p_all",
                "assoc_legendre_p",
                "assoc_legendre_p_all",
                "sph_legendre_p",
                "sph_legendre_p_all",
            ),
            *("sph_harm_y", "sph_harm_y_all"),
        ),
        "SciPy gives its slope by diff_n=1, and that is not recorded",
    ),
}
REFUSED = _UFUNCS | _FUNCTIONS


def special_ufunc(trace: Trace, ufunc: np.ufunc) -> Op | None:
    """The record of a ufunc of scipy.special, None for another ufunc; refuses by name what has no record."""
    module = sys.modules.get(MODULE)
    name = ufunc.__name__
    if module is None or getattr(module, name, None) is not ufunc:
        return None
    op = BY_NAME.get(PREFIX + name)
    if op is None:
        raise refuse(trace, f"{MODULE}.{name}", REFUSED.get(name, ""))
    BY_CALLABLE[ufunc] = op
    return op


def _refusing(name: str, reason: str) -> None:
    @arranged(MODULE, name)
    def refused(trace: Trace, *args: Any, **kwargs: Any) -> UnsupportedError:
        raise refuse(trace, f"{MODULE}.{name}", reason)


for _name, _reason in _FUNCTIONS.items():
    _refusing(_name, _reason)

# --------------------------------------------------------------------------------------------- functions of one result

for _name in ("polygamma", "comb", "perm", "factorial", "lambertw"):
    library_function(MODULE, _name, BY_NAME[PREFIX + _name])


@arranged(MODULE, "zeta")
def zeta(trace: Trace, x: Any, q: Any = None, out: Any = None) -> Any:
    if out is not None:
        raise refuse(trace, f"the keyword 'out' of {MODULE}.zeta")
    if q is None:
        reason = "the slope of Riemann's zeta function is no function of SciPy"
        raise refuse(trace, f"{MODULE}.zeta", reason)
    return wrap(trace, trace.emit(BY_NAME["scipy_zeta"], lift(trace, x), lift(trace, q)))


@arranged(MODULE, "multigammaln")
def multigammaln(trace: Trace, a: Any, d: Any) -> Any:
    return wrap(trace, trace.emit(BY_NAME["scipy_multigammaln"], lift(trace, a), d=index(d)))


def _spherical(op: Op) -> None:
    @arranged(MODULE, op.name.removeprefix(PREFIX))
    def bessel(trace: Trace, n: Any, z: Any, derivative: bool = False) -> Any:
        return wrap(trace, trace.emit(op, lift(trace, n), lift(trace, z), derivative=bool(derivative)))


for _op in spherical.values():
    _spherical(_op)


def softplus(x: Value) -> Any:
    return logaddexp(0, x)


def assoc_laguerre(x: Value, n: Value, k: Value | None = None) -> Any:
    return call("eval_genlaguerre", n, 0.0 if k is None else k, x)


library_function(MODULE, "softplus", softplus)
library_function(MODULE, "assoc_laguerre", assoc_laguerre)


def _derivative(name: str, of: str, other: int, sign: int = 1) -> None:
    """The n-th derivative of a Bessel function in the argument (DLMF 10.6.7, 10.29.5)."""

    def composed(v: Value, z: Value, *, n: int = 1) -> Any:
        if index(n) < 0:
            raise ValueError(f"n must be a non-negative integer, not {n}")
        made, factor = call(of, plus(v, -n) if n else v, z), 1.0
        for i in range(1, n + 1):
            factor *= other * (n - i + 1) / i
            made = made + factor * call(of, plus(v, 2 * i - n), z)
        return made * (sign**n / 2.0**n) if n else made

    library_function(MODULE, name, composed)


for _name, _of, _other, _sign in (
    ("jvp", "jv", -1, 1),
    ("yvp", "yv", -1, 1),
    ("h1vp", "hankel1", -1, 1),
    ("h2vp", "hankel2", -1, 1),
    ("ivp", "iv", 1, 1),
    ("kvp", "kv", 1, -1),
):
    _derivative(_name, _of, _other, _sign)

# -------------------------------------------------------------------------------------------------------- along an axis


def _axis(axis: Any, ndim: int) -> Any:
    """As operations want it: a number or a tuple counted from the front, None for all."""
    if axis is None or not ndim:
        return None
    axes = normalize_axes(axis if isinstance(axis, tuple | list) else index(axis), ndim)
    return axes if isinstance(axis, tuple | list) else axes[0]


@arranged(MODULE, "logsumexp")
def logsumexp(
    trace: Trace, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    value = lift(trace, a)
    weights = None if b is None else lift(trace, b)
    ndim = value.ndim if weights is None else max(value.ndim, weights.ndim)
    params = {"axis": _axis(axis, ndim), "keepdims": bool(keepdims)}
    if return_sign:
        if "c" in (value.dtype.kind, "" if weights is None else weights.dtype.kind):
            raise refuse(trace, f"the keyword 'return_sign' of {MODULE}.logsumexp of complex numbers")
        made = trace.emit(BY_NAME["scipy_logsumexp_signed"], value, 1 if weights is None else weights, **params)
        return tuple(wrap(trace, one) for one in made)
    if weights is not None:
        return wrap(trace, trace.emit(BY_NAME["scipy_logsumexp_weighted"], value, weights, **params))
    return wrap(trace, trace.emit(BY_NAME["scipy_logsumexp"], value, **params))


def _softmax(name: str) -> Callable[..., Any]:
    def along(trace: Trace, x: Any, axis: Any = None) -> Any:
        value = lift(trace, x)
        return wrap(trace, trace.emit(BY_NAME[PREFIX + name], value, axis=_axis(axis, value.ndim)))

    return along


for _name in ("softmax", "log_softmax"):
    arranged(MODULE, _name)(_softmax(_name))
