"""Densities, distribution functions and their logarithms, as formulas of NumPy and scipy.special.

Each is a function of z = (x - loc) / scale, or of the whole number k = x - loc, and of the shape parameters. The
formulas are those of N. Johnson, S. Kotz and N. Balakrishnan, "Continuous Univariate Distributions" (1994), and of
"Univariate Discrete Distributions" (2005), in SciPy's parameters. They hold inside of the support; what stands beyond
is said by `low` and `high`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Formula = Callable[..., Any]
LOG_2PI = float(np.log(2 * np.pi))


class _Special:
    """scipy.special, which whoever has a distribution has imported."""

    def __getattr__(self, name: str) -> Any:
        import scipy.special

        return getattr(scipy.special, name)


sc = _Special()


@dataclass(frozen=True)
class Family:
    """The formulas of a distribution. What is not given follows: log f from f, sf from cdf."""

    logpdf: Formula
    cdf: Formula | None = None
    sf: Formula | None = None
    logcdf: Formula | None = None
    logsf: Formula | None = None
    ppf: Formula | None = None
    mean: Formula | None = None
    var: Formula | None = None
    entropy: Formula | None = None
    shapes: tuple[str, ...] = ()
    proper: tuple[Formula, ...] = ()  # for each shape parameter, whether it is one
    low: float = -np.inf
    open: bool = False  # the density at the lower end is that beyond
    high: float | Formula = np.inf  # of the shape parameters where it depends on them
    inside: float = 1.0  # a point in the support, at which no formula fails
    whole: str = ""  # a shape parameter that is a whole number


def _positive(x: Any) -> Any:
    return x > 0


def _probability(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


def _any(x: Any) -> Any:
    return x >= 0


def _log_expit(z: Any) -> Any:
    return -np.logaddexp(0, -z)


def _lognorm_logpdf(z: Any, s: Any) -> Any:
    log_z = np.log(z)
    return -(log_z**2) / (2 * s**2) - log_z - np.log(s) - 0.5 * LOG_2PI


def _t_logpdf(z: Any, df: Any) -> Any:
    normalizer = sc.gammaln(0.5 * (df + 1)) - sc.gammaln(0.5 * df) - 0.5 * (np.log(df) + np.log(np.pi))
    return normalizer - 0.5 * (df + 1) * np.log1p(z**2 / df)


CONTINUOUS: dict[str, Family] = {
    "norm": Family(
        lambda z: -0.5 * z**2 - 0.5 * LOG_2PI,
        cdf=lambda z: sc.ndtr(z),
        sf=lambda z: sc.ndtr(-z),
        logcdf=lambda z: sc.log_ndtr(z),
        logsf=lambda z: sc.log_ndtr(-z),
        ppf=lambda q: sc.ndtri(q),
        mean=lambda: 0.0,
        var=lambda: 1.0,
        entropy=lambda: 0.5 * (LOG_2PI + 1),
    ),
    "t": Family(
        _t_logpdf,
        cdf=lambda z, df: sc.stdtr(df, z),
        sf=lambda z, df: sc.stdtr(df, -z),
        ppf=lambda q, df: sc.stdtrit(df, q),
        shapes=("df",),
        proper=(_positive,),
    ),
    "gamma": Family(
        lambda z, a: sc.xlogy(a - 1.0, z) - z - sc.gammaln(a),
        cdf=lambda z, a: sc.gammainc(a, z),
        sf=lambda z, a: sc.gammaincc(a, z),
        ppf=lambda q, a: sc.gammaincinv(a, q),
        mean=lambda a: a,
        var=lambda a: a,
        entropy=lambda a: a + sc.gammaln(a) + (1 - a) * sc.digamma(a),
        shapes=("a",),
        proper=(_positive,),
        low=0.0,
    ),
    "beta": Family(
        lambda z, a, b: sc.xlog1py(b - 1.0, -z) + sc.xlogy(a - 1.0, z) - sc.betaln(a, b),
        cdf=lambda z, a, b: sc.betainc(a, b, z),
        sf=lambda z, a, b: sc.betaincc(a, b, z),
        ppf=lambda q, a, b: sc.betaincinv(a, b, q),
        mean=lambda a, b: a / (a + b),
        var=lambda a, b: a * b / ((a + b + 1) * (a + b) ** 2),
        shapes=("a", "b"),
        proper=(_positive, _positive),
        low=0.0,
        high=1.0,
        inside=0.5,
    ),
    "expon": Family(
        lambda z: -z,
        cdf=lambda z: -np.expm1(-z),
        sf=lambda z: np.exp(-z),
        logsf=lambda z: -z,
        ppf=lambda q: -np.log1p(-q),
        mean=lambda: 1.0,
        var=lambda: 1.0,
        entropy=lambda: 1.0,
        low=0.0,
    ),
    "lognorm": Family(
        _lognorm_logpdf,
        cdf=lambda z, s: sc.ndtr(np.log(z) / s),
        sf=lambda z, s: sc.ndtr(-np.log(z) / s),
        logcdf=lambda z, s: sc.log_ndtr(np.log(z) / s),
        logsf=lambda z, s: sc.log_ndtr(-np.log(z) / s),
        ppf=lambda q, s: np.exp(s * sc.ndtri(q)),
        mean=lambda s: np.exp(0.5 * s**2),
        var=lambda s: np.expm1(s**2) * np.exp(s**2),
        entropy=lambda s: 0.5 * (1 + LOG_2PI) + np.log(s),
        shapes=("s",),
        proper=(_positive,),
        low=0.0,
        open=True,
    ),
    "uniform": Family(
        lambda z: 0.0 * z,
        cdf=lambda z: z,
        sf=lambda z: 1.0 - z,
        ppf=lambda q: q,
        mean=lambda: 0.5,
        var=lambda: 1.0 / 12,
        entropy=lambda: 0.0,
        low=0.0,
        high=1.0,
        inside=0.5,
    ),
    "laplace": Family(
        lambda z: -np.abs(z) - np.log(2),
        cdf=lambda z: np.where(z > 0, 1.0 - 0.5 * np.exp(-np.abs(z)), 0.5 * np.exp(-np.abs(z))),
        sf=lambda z: np.where(z > 0, 0.5 * np.exp(-np.abs(z)), 1.0 - 0.5 * np.exp(-np.abs(z))),
        logcdf=lambda z: np.where(z > 0, np.log1p(-0.5 * np.exp(-np.abs(z))), z - np.log(2)),
        logsf=lambda z: np.where(z > 0, -z - np.log(2), np.log1p(-0.5 * np.exp(-np.abs(z)))),
        ppf=lambda q: np.where(q > 0.5, -np.log(2 * (1 - q)), np.log(2 * q)),
        mean=lambda: 0.0,
        var=lambda: 2.0,
        entropy=lambda: float(np.log(2)) + 1,
    ),
    "logistic": Family(
        lambda z: -np.abs(z) - 2.0 * np.log1p(np.exp(-np.abs(z))),
        cdf=lambda z: sc.expit(z),
        sf=lambda z: sc.expit(-z),
        logcdf=_log_expit,
        logsf=lambda z: _log_expit(-z),
        ppf=lambda q: np.log(q / (1 - q)),
        mean=lambda: 0.0,
        var=lambda: np.pi**2 / 3,
        entropy=lambda: 2.0,
    ),
    "cauchy": Family(
        lambda z: -np.log(np.pi) - np.log1p(z**2),
        cdf=lambda z: np.arctan2(1, -z) / np.pi,
        sf=lambda z: np.arctan2(1, z) / np.pi,
        ppf=lambda q: np.where(q > 0, np.tan(np.pi * (q - 0.5)), -np.inf),
        entropy=lambda: float(np.log(4 * np.pi)),
    ),
}

DISCRETE: dict[str, Family] = {
    "poisson": Family(
        lambda k, mu: sc.xlogy(k, mu) - sc.gammaln(k + 1) - mu,
        cdf=lambda k, mu: sc.gammaincc(k + 1, mu),
        sf=lambda k, mu: sc.gammainc(k + 1, mu),
        mean=lambda mu: mu,
        var=lambda mu: mu,
        shapes=("mu",),
        proper=(_any,),
    ),
    "binom": Family(
        lambda k, n, p: (
            sc.gammaln(n + 1) - (sc.gammaln(k + 1) + sc.gammaln(n - k + 1)) + sc.xlogy(k, p) + sc.xlog1py(n - k, -p)
        ),
        cdf=lambda k, n, p: sc.betaincc(k + 1, n - k, p),
        sf=lambda k, n, p: sc.betainc(k + 1, n - k, p),
        mean=lambda n, p: n * p,
        var=lambda n, p: n * p * (1 - p),
        shapes=("n", "p"),
        proper=(_any, _probability),
        high=lambda n, p: n,
        whole="n",
    ),
    "bernoulli": Family(
        lambda k, p: sc.xlogy(k, p) + sc.xlog1py(1 - k, -p),
        cdf=lambda k, p: 1 - p + 0.0 * k,
        sf=lambda k, p: p + 0.0 * k,
        mean=lambda p: p,
        var=lambda p: p * (1 - p),
        shapes=("p",),
        proper=(_probability,),
        high=lambda p: 1.0,
    ),
    "nbinom": Family(
        lambda k, n, p: sc.gammaln(n + k) - sc.gammaln(k + 1) - sc.gammaln(n) + n * np.log(p) + sc.xlog1py(k, -p),
        cdf=lambda k, n, p: sc.betainc(n, k + 1, p),
        sf=lambda k, n, p: sc.betaincc(n, k + 1, p),
        mean=lambda n, p: n * (1 - p) / p,
        var=lambda n, p: n * (1 - p) / p**2,
        shapes=("n", "p"),
        proper=(_positive, lambda p: (p > 0) & (p <= 1)),
    ),
    "geom": Family(
        lambda k, p: sc.xlog1py(k - 1, -p) + np.log(p),
        cdf=lambda k, p: -np.expm1(np.log1p(-p) * k),
        sf=lambda k, p: np.exp(k * np.log1p(-p)),
        logsf=lambda k, p: k * np.log1p(-p),
        mean=lambda p: 1 / p,
        var=lambda p: (1 - p) / p**2,
        shapes=("p",),
        proper=(lambda p: (p > 0) & (p <= 1),),
        low=1.0,
    ),
}
