"""Functions of scipy.special: how one is entered, and the elementary ones. SciPy is imported when one is used.

The formulas are those of the NIST Digital Library of Mathematical Functions (DLMF, https://dlmf.nist.gov), if nothing
else is said. A parameter whose slope has no formula in functions of SciPy is refused by name: the order of a Bessel
function, the parameters of a hypergeometric one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from contextvars import Context
from functools import lru_cache
from typing import Any

import numpy as np

from ..batching import elementwise
from ..builder import Value
from ..op import BY_NAME, NONDIFF, Nondifferentiable, Op, Refused, of_module, register
from ..types import ArrayType, broadcast_shapes
from .elementwise import absolute, exp, log, log1p, maximum, minimum, sin, sqrt, where

PREFIX = "scipy_"
MODULE = "scipy.special"
DEGREE = math.pi / 180
Rule = Callable[..., Any]


def _ufunc_dtypes(name: str, *types: ArrayType) -> tuple[np.dtype[Any], ...]:
    """The dtypes of a ufunc's results, by NumPy's own resolution."""
    return _resolved_dtypes(name, *[ArrayType((), t.dtype, t.weak) for t in types])


@lru_cache(maxsize=4096)
def _resolved_dtypes(name: str, *types: ArrayType) -> tuple[np.dtype[Any], ...]:
    ufunc = getattr(importlib.import_module(MODULE), name)
    kinds: tuple[Any, ...] = tuple(_python_kind(t) if t.weak else t.dtype for t in types)
    if all(t.weak for t in types):
        kinds = tuple(t.dtype for t in types)
    resolved: tuple[np.dtype[Any], ...] = ufunc.resolve_dtypes(kinds + (None,) * ufunc.nout)
    return resolved[ufunc.nin :]


def function_dtypes(name: str, *types: ArrayType, **static: Any) -> tuple[np.dtype[Any], ...]:
    """The dtype that a function written in Python gives: it is asked."""
    return _dtypes_given(name, *[ArrayType((1,) * bool(t.ndim), t.dtype, t.weak) for t in types], **static)


@lru_cache(maxsize=4096)
def _dtypes_given(name: str, *types: ArrayType, **static: Any) -> tuple[np.dtype[Any], ...]:
    ones = [_python_kind(t)(1) if t.weak else np.ones((1,) * bool(t.ndim), t.dtype)[()] for t in types]
    return (np.asarray(outside(of_module(MODULE, name), *ones, **static)).dtype,)


def outside(function: Callable[..., Any], *args: Any, **static: Any) -> Any:
    """What it gives in a context of its own: SciPy's text must not find a trace that is active."""
    return Context().run(function, *args, **static)


def _python_kind(type_: ArrayType) -> Any:
    return {"b": bool, "i": int, "f": float, "c": complex}[type_.dtype.kind]


def _infer(arity: int, of: Callable[..., Any]) -> Callable[..., Any]:
    """A type rule with that many operands."""
    if arity == 1:
        return lambda x: of(x)
    if arity == 2:
        return lambda a, x: of(a, x)
    if arity == 3:
        return lambda a, b, x: of(a, b, x)
    return lambda a, b, c, x: of(a, b, c, x)


def _enter(name: str, arity: int, rule: Any, results: tuple[str, ...], dtypes: Any) -> Op:
    def typed(*types: ArrayType) -> Any:
        shape = broadcast_shapes(*(t.shape for t in types))
        found = tuple(ArrayType(shape, dtype) for dtype in dtypes(name, *types))
        return found if results else found[0]

    places = ", ".join(f"{{{i}}}" for i in range(arity))
    text, fun = f"scipy.special.{name}({places})", of_module(MODULE, name)
    several = bool(results)
    made = Op(PREFIX + name, fun, _infer(arity, typed), text, rule, imports=(MODULE,), elementwise=not several)
    made.several, made.results, made.batch = several, results, elementwise
    return register(made)


def special(name: str, *rules: Rule | Refused | None) -> Op:
    """A ufunc of scipy.special with the rule of each operand, as for `binary` in elementwise.py."""
    return _enter(name, len(rules), rules, (), _ufunc_dtypes)


def special_function(name: str, *rules: Rule | Refused | None) -> Op:
    """The same for a function that SciPy writes in Python."""
    return _enter(name, len(rules), rules, (), function_dtypes)


def constant(name: str, arity: int = 1, rule: Nondifferentiable | Refused = NONDIFF) -> Op:
    """A ufunc of scipy.special that is piecewise constant."""
    return _enter(name, arity, rule, (), _ufunc_dtypes)


def special_several(name: str, arity: int, results: tuple[str, ...], rule: Rule) -> Op:
    """A ufunc of several results; the rule gets a list of their cotangents, None for zero."""
    return _enter(name, arity, rule, results, _ufunc_dtypes)


def total(*terms: tuple[Value | None, Any]) -> Value | None:
    """The sum of the products of cotangents, which may be None, and slopes, which are functions of nothing."""
    made: Value | None = None
    for g, slope in terms:
        if g is not None:
            made = g * slope() if made is None else made + g * slope()
    return made


def call(name: str, *operands: Any) -> Any:
    """The value of a function of scipy.special, which may be entered later; of Python numbers, a Python number."""
    op = BY_NAME[PREFIX + name]
    given = [_plain(x) for x in operands]
    return op(*operands) if None in given else float(outside(op.fun, *given))


def _plain(x: Any) -> Any:
    """A Python number as itself, None for all others."""
    if isinstance(x, Value):
        return x.literal if x.type.weak else None
    return x


def plus(n: Value, step: int | float) -> Any:
    """n + step, as a number where n is one."""
    return n + step if n.literal is None else n.literal + step


def is_complex(x: Value) -> bool:
    return x.dtype.kind == "c"


def real_only(name: str, why: str, rule: Rule) -> Rule:
    """A rule for real operands; of complex ones the function has no complex derivative."""

    def chosen(g: Value, y: Value, *operands: Value) -> Any:
        if any(is_complex(x) for x in operands):
            return Refused(f"scipy.special.{name} of complex numbers: {why}")
        return rule(g, y, *operands)

    return chosen


def nonzero(x: Value) -> Value:
    """x, and 1 where it is 0."""
    if x.literal is not None and x.literal != 0:
        return x
    chosen: Value = where(x.equals(0), 1, x)
    return chosen


# ------------------------------------------------------------------------------------------------ sigmoids and powers

expit = special("expit", lambda g, y, x: g * y * (1 - y))
log_expit = special("log_expit", lambda g, y, x: g * expit(-x))
logit = special("logit", lambda g, y, x: g / (x * (1 - x)))
special("expm1", lambda g, y, x: g * (y + 1))
special("log1p", lambda g, y, x: g / (1 + x))
special("exp2", lambda g, y, x: math.log(2.0) * g * y)
special("exp10", lambda g, y, x: math.log(10.0) * g * y)
special("cbrt", lambda g, y, x: g / (3 * y * y))
special("cosm1", lambda g, y, x: -g * sin(x))
special("powm1", lambda g, y, x, p: g * p * x ** plus(p, -1), lambda g, y, x, p: g * (y + 1) * log(x))


def exprel_slope(x: Any, y: Any) -> Any:
    """The derivative of y = exprel(x) is y + (1 - y) / x, and 1F1(2, 3, x) / 2 near 0, where that loses its digits.

    SciPy's 1F1 does not come back from infinity.
    """
    near = absolute(x) < 1
    series = 0.5 * call("hyp1f1", 2, 3, where(near, x, 0))
    part = 1 / where(near, 1, x)
    return where(near, series, y * (1 - part) + part)


exprel = special("exprel", lambda g, y, x: g * exprel_slope(x, y))

cosdg: Op
sindg = special("sindg", lambda g, y, x: DEGREE * g * cosdg(x))
cosdg = special("cosdg", lambda g, y, x: -DEGREE * g * sindg(x))
special("tandg", lambda g, y, x: DEGREE * g * (1 + y * y))
special("cotdg", lambda g, y, x: -DEGREE * g * (1 + y * y))
special(
    "radian",
    lambda g, y, d, m, s: DEGREE * g,
    lambda g, y, d, m, s: DEGREE / 60 * g,
    lambda g, y, d, m, s: DEGREE / 3600 * g,
)
constant("round")

# ------------------------------------------------------------------------------------- entropies and robust distances

special(
    "xlogy",
    lambda g, y, a, x: g * log(x),
    lambda g, y, a, x: g * a / (x if _is_nonzero(a) else where(a.equals(0), 1, x)),  # 0 log(x) is 0 everywhere
)
special(
    "xlog1py",
    lambda g, y, a, x: g * log1p(x),
    lambda g, y, a, x: g * a / (1 + (x if _is_nonzero(a) else where(a.equals(0), 0, x))),
)
special("entr", lambda g, y, x: -g * (log(x) + 1))
special(
    "rel_entr",
    lambda g, y, p, q: g * (log(p / q) + 1),
    lambda g, y, p, q: -g * p / (q if _is_nonzero(p) else where(p.equals(0), 1, q)),
)
special(
    "kl_div",
    lambda g, y, p, q: g * log(p / q),
    lambda g, y, p, q: g * (1 - p / (q if _is_nonzero(p) else where(p.equals(0), 1, q))),
)


def _is_nonzero(x: Value) -> bool:
    return x.literal is not None and bool(x.literal != 0)


special(
    "huber",
    lambda g, y, d, r: g * maximum(absolute(r) - d, 0),
    lambda g, y, d, r: g * minimum(maximum(r, -d), d),
)


def _pseudo_huber_width(g: Value, y: Value, d: Value, r: Value) -> Value:
    """y = d**2 (s - 1) with s = sqrt(1 + (r / d)**2): dy/dd = d (s - 1)**2 / s."""
    q = y / (d * d)
    return g * d * q * q / (q + 1)


special("pseudo_huber", _pseudo_huber_width, lambda g, y, d, r: g * r / sqrt(1 + (r / d) * (r / d)))

# -------------------------------------------------------------------------------------------- Box-Cox transformations


def _boxcox_exponent(of_log: Any, p: Value) -> Any:
    """boxcox = log(x) exprel(p log(x)), differentiated with respect to p."""
    scaled = p * of_log
    return of_log * of_log * exprel_slope(scaled, call("exprel", scaled))


special(
    "boxcox",
    lambda g, y, x, p: g * x ** plus(p, -1),
    lambda g, y, x, p: g * _boxcox_exponent(log(x), p),
)
special(
    "boxcox1p",
    lambda g, y, x, p: g * (1 + x) ** plus(p, -1),
    lambda g, y, x, p: g * _boxcox_exponent(log1p(x), p),
)
special(
    "inv_boxcox",
    lambda g, y, x, p: g * y ** (1 - p),
    lambda g, y, x, p: -g * _boxcox_exponent(log(y), p) * y ** (1 - p),
)
special(
    "inv_boxcox1p",
    lambda g, y, x, p: g * (1 + y) ** (1 - p),
    lambda g, y, x, p: -g * _boxcox_exponent(log1p(y), p) * (1 + y) ** (1 - p),
)

# ----------------------------------------------------------------------------------------- inverses of exponentials

special("wrightomega", lambda g, y, z: g * y / (1 + y))


def _lambertw_text(z: ArrayType, *, k: int, tol: float) -> str:
    return f"scipy.special.lambertw({{0}}{f', {k}' if k else ''}{f', tol={tol!r}' if tol != 1e-8 else ''})"


def _lambertw(z: ArrayType, *, k: int = 0, tol: float = 1e-8) -> ArrayType:
    return ArrayType(z.shape, function_dtypes("lambertw", z, k=k, tol=tol)[0])


lambertw = register(
    Op(
        "scipy_lambertw",
        of_module(MODULE, "lambertw"),
        _lambertw,
        _lambertw_text,
        (lambda g, y, z, *, k, tol: g * exp(-y) / (1 + y),),
        elementwise=True,
        imports=(MODULE,),
    )
)
