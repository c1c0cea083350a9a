"""Polynomials: np.polyval and its kin, and the modules of numpy.polynomial."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.ops import polynomials
from ..array import Tracer, lift, wrap
from ..creation import contains_tracer
from ..errors import UnsupportedError, explain
from ..interception import answered, enter
from ..trace import ACTIVE, Trace
from .borrowed import borrow, in_steps, named_by_user, own_text
from .registry import as_tracer, function

borrow(np.polyadd, np.polysub, np.polyder, np.polyint, np.poly, np.roots, np.common_type)


_HORNER = np.polyval._implementation  # type: ignore[attr-defined]


@function(np.polyval)
def polyval(trace: Trace, p: Any, x: Any) -> Any:
    if isinstance(p, np.poly1d):
        p = p.coeffs
    coefficients = as_tracer(trace, p)
    if isinstance(x, np.poly1d):
        cause = "np.polyval of a polynomial is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "np.polyval(p, x) with arrays", "unsupported"))
    if coefficients.ndim != 1 or not coefficients.size:
        return named_by_user(trace, own_text(_HORNER), coefficients, x)
    return wrap(trace, trace.emit(polynomials.polyval, coefficients._here(), lift(trace, x)))


@function(np.vander)
def vander(trace: Trace, x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = as_tracer(trace, x)
    count = x.size if N is None else int(N)
    return wrap(trace, trace.emit(polynomials.vander, x._here(), N=count, increasing=bool(increasing)))


def _leading(coefficients: Any) -> Any:
    """Without the zeros in front."""
    first = 0
    while first < coefficients.size - 1 and coefficients[first] == 0:
        first += 1
    return coefficients[first:] if first else coefficients


@function(np.polymul)
@in_steps
def polymul(trace: Trace, a1: Any, a2: Any) -> Any:
    """As NumPy's, by way of np.poly1d, which drops zeros in front: that there are none is guarded."""
    return np.convolve(*(_leading(np.atleast_1d(as_tracer(trace, a))) for a in (a1, a2)))


_DIVISION = np.polydiv._implementation  # type: ignore[attr-defined]


@function(np.polydiv)
def polydiv(trace: Trace, u: Any, v: Any) -> Any:
    """As NumPy's, which drops zeros in front of the remainder: that there are none is guarded."""
    return named_by_user(trace, own_text(_DIVISION), as_tracer(trace, u), as_tracer(trace, v))


_FIT = np.polyfit._implementation  # type: ignore[attr-defined]


@function(np.polyfit)
def polyfit(
    trace: Trace, x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    x, y, w = (None if a is None else as_tracer(trace, a) for a in (x, y, w))
    return named_by_user(trace, own_text(_FIT), x, y, deg, rcond, full, w, cov)


# --------------------------------------------------------------------------------------------- numpy.polynomial

_FAMILIES = {
    "polynomial": "poly",
    "chebyshev": "cheb",
    "legendre": "leg",
    "hermite": "herm",
    "hermite_e": "herme",
    "laguerre": "lag",
}
_FUNCTIONS = (
    *("add", "sub", "mul", "mulx", "div", "pow", "der", "int", "line", "fromroots", "roots", "companion", "fit"),
    *("val", "val2d", "val3d", "grid2d", "grid3d", "valfromroots", "vander", "vander2d", "vander3d", "weight"),
)


def _as_written(original: Any) -> Any:
    """These ask nobody: their own text runs where an argument is traced."""
    text = getattr(original, "_implementation", original)

    def answer(trace: Trace, *args: Any, **kwargs: Any) -> Any:
        if not contains_tracer([*args, *kwargs.values()]):
            return NotImplemented
        return named_by_user(trace, own_text(text), *args, **kwargs)

    return answered(original, answer)


for _module, _prefix in _FAMILIES.items():
    for _name in _FUNCTIONS:
        enter(f"numpy.polynomial.{_module}", f"{_prefix}{_name}", _as_written)


def _mapping(original: Any) -> Any:
    """What `Polynomial(...)(x)` and its kin do to x first."""

    def mapdomain(x: Any, old: Any, new: Any) -> Any:
        if ACTIVE.get() is None or not isinstance(x, Tracer):
            return original(x, old, new)
        offset, scale = np.polynomial.polyutils.mapparms(old, new)
        return offset + scale * x

    return mapdomain


enter("numpy.polynomial.polyutils", "mapdomain", _mapping)
