"""Gamma and beta functions of scipy.special, their incomplete forms, and distributions that are made of them.

In the argument the slopes are the densities. In the parameters they come from the mean of a logarithm under the
density (../special_kernels.py): d/da P(a, x) = P(a, x) (E[log t | t < x] - psi(a)), and so on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..op import Masked, Op, Refused, of_module, op
from ..special_kernels import beta_log_moment, gamma_log_moment
from ..types import ArrayType, broadcast_shapes, result_dtype
from .elementwise import exp, log, log1p, not_equal, where
from .special import MODULE, call, constant, function_dtypes, is_complex, plus, special, special_function

_NUMBER = ArrayType((), np.dtype(float), weak=True)

# ------------------------------------------------------------------------------------------------------ gamma and beta


def psi(x: Any) -> Any:
    return call("psi", x)


def _psi_slope(g: Value, y: Value, x: Value) -> Any:
    if is_complex(x):
        return Refused("scipy.special.psi of complex numbers: SciPy has no polygamma of them")
    return g * polygamma(1, x)


special("psi", _psi_slope)
polygamma: Op = special_function(
    "polygamma",
    Refused("the order of scipy.special.polygamma is whole"),
    lambda g, y, n, x: g * polygamma(plus(n, 1), x),
)
special("gamma", lambda g, y, x: g * y * psi(x))
special("gammaln", lambda g, y, x: g * psi(x))
special("loggamma", lambda g, y, x: g * psi(x))
special("rgamma", lambda g, y, x: -g * y * psi(x))
constant("gammasgn")


def _hurwitz_zeta(g: Value, y: Value, s: Value, q: Value) -> Value:
    """DLMF 25.11.17."""
    return -g * s * hurwitz_zeta(plus(s, 1), q)


_ZETA = Refused("the derivative of the zeta function in s is no function of SciPy")
hurwitz_zeta = special_function("zeta", _ZETA, _hurwitz_zeta)
special("zetac", _ZETA)

special(
    "beta",
    lambda g, y, a, b: g * y * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * y * (psi(b) - psi(a + b)),
)
special(
    "betaln",
    lambda g, y, a, b: g * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * (psi(b) - psi(a + b)),
)
special(
    "poch",
    lambda g, y, z, m: g * y * (psi(z + m) - psi(z)),
    lambda g, y, z, m: g * y * psi(z + m),
)


def _binom_n(g: Value, y: Value, n: Value, k: Value) -> Value:
    value: Value = g * y * (psi(n + 1) - psi(n - k + 1))
    return value


def _binom_k(g: Value, y: Value, n: Value, k: Value) -> Value:
    value: Value = g * y * (psi(n - k + 1) - psi(k + 1))
    return value


special("binom", _binom_n, _binom_k)
# Out of their range these functions are 0, not what the formula gives.
special_function(
    "comb",
    lambda g, y, n, k: Masked(_binom_n(g, y, n, k), not_equal(y, 0)),
    lambda g, y, n, k: Masked(_binom_k(g, y, n, k), not_equal(y, 0)),
)
special_function(
    "perm",
    lambda g, y, n, k: Masked(g * y * (psi(n + 1) - psi(n - k + 1)), not_equal(y, 0)),
    lambda g, y, n, k: Masked(g * y * psi(n - k + 1), not_equal(y, 0)),
)


def _is_widened(n: Any) -> bool:
    """SciPy makes 64 bits of arrays and of 16 bits, but not where the array is empty."""
    return bool(n.dtype == np.float16 or (n.dtype == np.float32 and n.ndim))


def _factorial(n: Any) -> Any:
    widened = isinstance(n, np.ndarray | np.generic) and _is_widened(n)
    return of_module(MODULE, "factorial")(np.float64(n) if widened else n)


def _factorial_text(n: ArrayType) -> str:
    return f"scipy.special.factorial({{0}}{'.astype(np.float64)' if _is_widened(n) else ''})"


@op(name="scipy_factorial", fun=_factorial, python=_factorial_text, imports=(MODULE,), elementwise=True)
def factorial(n: ArrayType) -> ArrayType:
    single = n.dtype == np.float32 and not n.ndim
    return ArrayType(n.shape, n.dtype if single else np.dtype(float))


factorial.vjp(lambda g, y, n: Masked(g * y * psi(n + 1), not_equal(y, 0)))


@op(
    name="scipy_multigammaln",
    fun=lambda a, *, d: of_module(MODULE, "multigammaln")(a, d),
    python=lambda a, *, d: f"scipy.special.multigammaln({{0}}, {d})",
    imports=(MODULE,),
    elementwise=True,
)
def multigammaln(a: ArrayType, *, d: int) -> ArrayType:
    return ArrayType(a.shape, function_dtypes("multigammaln", ArrayType(a.shape, a.dtype), d=1)[0])


@multigammaln.vjp
def multigammaln_vjp(g: Value, y: Value, a: Value, *, d: int) -> Value:
    slope = psi(a)
    for j in range(1, d):
        slope = slope + psi(a - 0.5 * j)
    value: Value = g * slope
    return value


# ------------------------------------------------------------------------------------- means of logarithms over a tail

_THIRD = Refused("the third derivative of an incomplete gamma or beta function in its parameters is not given")


def _gamma_text(a: ArrayType, x: ArrayType, *, power: int) -> str:
    return f"gamma_log_moment({{0}}, {{1}}{f', {power}' if power > 1 else ''})"


@op(
    name="gamma_log_moment",
    fun=lambda a, x, *, power: gamma_log_moment(a, x, power),
    python=_gamma_text,
    elementwise=True,
    helpers=(gamma_log_moment,),
)
def gamma_moment(a: ArrayType, x: ArrayType, *, power: int = 1) -> ArrayType:
    return ArrayType(broadcast_shapes(a.shape, x.shape), result_dtype(a, x, _NUMBER))


def _gamma_moment_a(g: Value, y: Value, a: Value, x: Value, *, power: int) -> Any:
    return _THIRD if power > 1 else g * gamma_moment(a, x, power=2)


def _gamma_moment_x(g: Value, y: Value, a: Value, x: Value, *, power: int) -> Any:
    """The density at the end over the probability of the tail, times how far log x is from the mean."""
    if power > 1:
        return _THIRD
    below = call("gammainc", a, x)
    return g * (log(x) - y) * gamma_density(a, x) / where(x < a, below, below - 1)


gamma_moment.vjp(_gamma_moment_a, _gamma_moment_x)


def gamma_density(a: Any, x: Any) -> Any:
    """x**(a - 1) exp(-x) / gamma(a)."""
    shape = plus(a, -1) if isinstance(a, Value) else a - 1
    return exp(call("xlogy", shape, x) - x - call("gammaln", a))


def gamma_shape_slope(below: Any, a: Any, x: Any) -> Any:
    """d/da P(a, x), where `below` is P(a, x) for x < a and P(a, x) - 1 elsewhere."""
    return below * (gamma_moment(a, x) - psi(a))


def _beta_text(a: ArrayType, b: ArrayType, x: ArrayType, *, i: int, j: int) -> str:
    return f"beta_log_moment({{0}}, {{1}}, {{2}}, {i}, {j})"


@op(
    name="beta_log_moment",
    fun=lambda a, b, x, *, i, j: beta_log_moment(a, b, x, i, j),
    python=_beta_text,
    elementwise=True,
    helpers=(beta_log_moment,),
)
def beta_moment(a: ArrayType, b: ArrayType, x: ArrayType, *, i: int, j: int) -> ArrayType:
    dtype = result_dtype(a, b, x, _NUMBER)
    return ArrayType(broadcast_shapes(a.shape, b.shape, x.shape), dtype)


def _beta_moment_a(g: Value, y: Value, a: Value, b: Value, x: Value, *, i: int, j: int) -> Any:
    return _THIRD if i + j > 1 else g * beta_moment(a, b, x, i=i + 1, j=j)


def _beta_moment_b(g: Value, y: Value, a: Value, b: Value, x: Value, *, i: int, j: int) -> Any:
    return _THIRD if i + j > 1 else g * beta_moment(a, b, x, i=i, j=j + 1)


def _beta_moment_x(g: Value, y: Value, a: Value, b: Value, x: Value, *, i: int, j: int) -> Any:
    if i + j > 1:
        return _THIRD
    if y.dtype.kind == "c":
        return Refused("moments of the beta distribution of complex numbers")
    below = call("betainc", a, b, x)
    ends = log(x) if i else log1p(-x)
    return g * (ends - y) * beta_density(a, b, x) / where((a + b) * x < a, below, below - 1)


beta_moment.vjp(_beta_moment_a, _beta_moment_b, _beta_moment_x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a - 1) (1 - x)**(b - 1) / B(a, b)."""
    left, right = (plus(v, -1) if isinstance(v, Value) else v - 1 for v in (a, b))
    return exp(call("xlogy", left, x) + call("xlog1py", right, -x) - call("betaln", a, b))


def beta_slopes(below: Any, a: Any, b: Any, x: Any, i: int) -> Any:
    """d/da (i = 1) or d/db (i = 0) of I_x(a, b); `below` is I for x < a / (a + b) and I - 1 elsewhere."""
    return below * (beta_moment(a, b, x, i=i, j=1 - i) - psi(a if i else b) + psi(a + b))


# ----------------------------------------------------------------------------------------------- incomplete functions


def _P_a(y: Value, a: Value, x: Value) -> Any:
    return gamma_shape_slope(where(x < a, y, y - 1), a, x)


def _Q_a(y: Value, a: Value, x: Value) -> Any:
    return gamma_shape_slope(where(x < a, y - 1, y), a, x)


special("gammainc", lambda g, y, a, x: g * _P_a(y, a, x), lambda g, y, a, x: g * gamma_density(a, x))
special("gammaincc", lambda g, y, a, x: g * _Q_a(y, a, x), lambda g, y, a, x: -g * gamma_density(a, x))
special(
    "gammaincinv",
    lambda g, y, a, p: -g * _P_a(p, a, y) / gamma_density(a, y),
    lambda g, y, a, p: g / gamma_density(a, y),
)
special(
    "gammainccinv",
    lambda g, y, a, p: g * _Q_a(p, a, y) / gamma_density(a, y),
    lambda g, y, a, p: -g / gamma_density(a, y),
)


def _I_slope(i: int, sign_: int = 1) -> Any:
    """Of I_x(a, b), or its complement (-1), in a (1) or b (0)."""

    def slope(y: Value, a: Value, b: Value, x: Value) -> Any:
        below, above = (y, y - 1) if sign_ > 0 else (y - 1, y)
        return beta_slopes(where((a + b) * x < a, below, above), a, b, x, i)

    return slope


_I_a, _I_b, _J_a, _J_b = _I_slope(1), _I_slope(0), _I_slope(1, -1), _I_slope(0, -1)
special(
    "betainc",
    lambda g, y, a, b, x: g * _I_a(y, a, b, x),
    lambda g, y, a, b, x: g * _I_b(y, a, b, x),
    lambda g, y, a, b, x: g * beta_density(a, b, x),
)
special(
    "betaincc",
    lambda g, y, a, b, x: g * _J_a(y, a, b, x),
    lambda g, y, a, b, x: g * _J_b(y, a, b, x),
    lambda g, y, a, b, x: -g * beta_density(a, b, x),
)
special(
    "betaincinv",
    lambda g, y, a, b, p: -g * _I_a(p, a, b, y) / beta_density(a, b, y),
    lambda g, y, a, b, p: -g * _I_b(p, a, b, y) / beta_density(a, b, y),
    lambda g, y, a, b, p: g / beta_density(a, b, y),
)
special(
    "betainccinv",
    lambda g, y, a, b, p: g * _J_a(p, a, b, y) / beta_density(a, b, y),
    lambda g, y, a, b, p: g * _J_b(p, a, b, y) / beta_density(a, b, y),
    lambda g, y, a, b, p: -g / beta_density(a, b, y),
)
