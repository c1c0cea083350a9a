"""scipy.stats: the methods of distributions, answered in their classes while a trace is active.

So every object of a class is answered, whatever name holds it, and one that was frozen outside of the function, too.
Densities are those of distributions.py: zero beyond the support, with a gradient of zero, and nan for parameters that
are none. Of a whole number there is no derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...ir.ops import scipy_linalg
from ..array import Tracer, lift, wrap
from ..creation import contains_tracer, traced_creation
from ..draws import frozen_draw
from ..interception import enter
from ..refusals import refuse
from ..trace import ACTIVE, Trace
from .borrowed import named_by_user
from .distributions import CONTINUOUS, DISCRETE, LOG_2PI, Family, sc
from .registry import as_tracer

Answer = Callable[..., Any]  # (trace, the distribution, *args, **kwargs) -> stand-ins


def _method(module: str, owner: str, name: str, answer: Answer) -> None:
    """Enter the answer to a method of a class of distributions."""

    def make(own: Any) -> Any:
        @wraps(own)
        def call(distribution: Any, *args: Any, **kwargs: Any) -> Any:
            trace = ACTIVE.get()
            if trace is None or not contains_tracer([*args, *kwargs.values()]):
                return own(distribution, *args, **kwargs)
            trace.check_open()
            return named_by_user(trace, answer, trace, distribution, *args, **kwargs)

        return call

    enter(module, f"{owner}.{name}", make)


_ANSWERED = frozenset(
    {"pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "mean", "var", "std", "entropy"}
)


class Frozen:
    """A distribution with traced parameters."""

    def __init__(self, dist: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = dist, args, kwargs

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.dist, name)
        trace = ACTIVE.get()
        if trace is not None and name not in _ANSWERED:
            called = getattr(self.dist, "name", type(self.dist).__name__.removesuffix("_gen"))
            raise refuse(trace, f"scipy.stats.{called}(...).{name}")

        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*args, *self.args, **self.kwds, **kwargs)

        return call


def _frozen(trace: Trace, distribution: Any, *args: Any, **kwargs: Any) -> Any:
    return Frozen(distribution, args, kwargs)


# ------------------------------------------------------------------------------------------------------- parameters


def _number(trace: Trace, x: Any) -> Any:
    """A stand-in of float64, or a plain number as it is."""
    if isinstance(x, bool | int | float | np.number) and not isinstance(x, Tracer):
        return float(x)
    x = as_tracer(trace, x)
    return x if x.dtype == np.float64 else x.astype(float)


class _Call:
    """The parameters of one call of a method."""

    def __init__(self, trace: Trace, dist: Any, args: tuple[Any, ...], kwargs: dict[str, Any], method: str) -> None:
        table = CONTINUOUS | DISCRETE
        if dist.name not in table or not type(dist).__module__.startswith("scipy.stats."):
            raise refuse(trace, f"scipy.stats.{dist.name}.{method}")
        self.trace, self.family = trace, table[dist.name]
        self.discrete = dist.name in DISCRETE
        names = (*self.family.shapes, "loc", *(() if self.discrete else ("scale",)))
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names):
            raise TypeError(f"{dist.name}.{method}() takes at most {len(names)} parameters but {len(args)} were given")
        for key, value in kwargs.items():
            if key not in names or key in given:
                raise TypeError(f"{dist.name}.{method}() got an unexpected keyword argument {key!r}")
            given[key] = value
        for name in self.family.shapes:
            if name not in given:
                raise TypeError(f"{dist.name}.{method}() missing 1 required positional argument: {name!r}")
        self.shapes = tuple(_number(trace, given[name]) for name in self.family.shapes)
        self.loc, self.scale = _number(trace, given.get("loc", 0)), _number(trace, given.get("scale", 1))

    @property
    def high(self) -> Any:
        high = self.family.high
        return high(*self.shapes) if callable(high) else high

    def standard(self, x: Any) -> Any:
        """(x - loc) / scale."""
        x = as_tracer(self.trace, _number(self.trace, x))
        if not _is(self.loc, 0.0):
            x = x - self.loc
        return x if _is(self.scale, 1.0) else x / self.scale

    def per_scale(self, log_density: Any) -> Any:
        return log_density if _is(self.scale, 1.0) else log_density - np.log(self.scale)

    def proper(self, result: Any, scale: bool = True) -> Any:
        """nan where a parameter is none. A scale below zero has no logarithm, so that it needs no test there."""
        tests = [test(p) for test, p in zip(self.family.proper, self.shapes, strict=True)]
        tests += [np.floor(p) == p for name, p in zip(self.family.shapes, self.shapes, strict=True)
                  if name == self.family.whole]  # fmt: skip
        if scale:
            tests.append(self.scale > 0)
        for test in tests:
            if isinstance(test, Tracer):
                result = np.where(test, result, np.nan)
            elif not test:
                result = result * np.nan
        return result


def _is(x: Any, number: float) -> bool:
    return type(x) is float and x == number


def _bounded(low: Any, high: Any) -> bool:
    return not (_is(low, -np.inf) and _is(high, np.inf))


# ---------------------------------------------------------------------------------------------- density, distribution


def _either(*tests: Any) -> Any:
    """Whether any of the tests that there are holds."""
    known = [test for test in tests if test is not None]
    found = known[0] if known else None
    for test in known[1:]:
        found = found | test
    return found


def _density(log: bool, discrete: bool) -> Answer:
    name = ("log" if log else "") + ("pmf" if discrete else "pdf")

    def answer(trace: Trace, dist: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(trace, dist, args, kwargs, name)
        family, low, high = call.family, call.family.low, call.high
        z = call.standard(x)
        beyond = None
        if discrete:
            k = np.floor(z)
            low = max(low, 0.0)
            beyond, z = z > k, k
        if not _is(low, -np.inf):
            beyond = _either(beyond, z <= low if family.open else z < low)
        if not _is(high, np.inf):
            beyond = _either(beyond, z > high)
        if beyond is not None:
            z = np.where(beyond, low if discrete else family.inside, z)
        made = call.per_scale(family.logpdf(z, *call.shapes))
        made = made if log else np.exp(made)
        if beyond is not None:
            made = np.where(beyond, -np.inf if log else 0.0, made)
        return call.proper(made, scale=beyond is not None and not discrete)

    return answer


def _formula(family: Family, log: bool, upper: bool) -> Callable[..., Any] | None:
    exact = (family.logsf if upper else family.logcdf) if log else (family.sf if upper else family.cdf)
    if exact is not None or not log:
        return exact
    plain = family.sf if upper else family.cdf
    return None if plain is None else lambda *args: np.log(plain(*args))


def _distribution(log: bool, upper: bool, discrete: bool) -> Answer:
    name = ("log" if log else "") + ("sf" if upper else "cdf")

    def answer(trace: Trace, dist: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(trace, dist, args, kwargs, name)
        formula = _formula(call.family, log, upper)
        if formula is None:
            raise refuse(trace, f"scipy.stats.{dist.name}.{name}")
        z, low, high = call.standard(x), call.family.low, call.high
        if discrete:
            z, low = np.floor(z), max(low, 0.0)
        nothing, everything = (-np.inf, 0.0) if log else (0.0, 1.0)
        if upper:
            nothing, everything = everything, nothing
        below = None if _is(low, -np.inf) else z < low if discrete else z <= low
        above = None if _is(high, np.inf) else z >= high
        beyond = _either(below, above)
        if beyond is not None:
            z = np.where(beyond, low if discrete else call.family.inside, z)
        made = formula(z, *call.shapes)
        if below is not None:
            made = np.where(below, nothing, made)
        if above is not None:
            made = np.where(above, everything, made)
        return call.proper(made, scale=not discrete)

    return answer


def _ppf(trace: Trace, dist: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    call = _Call(trace, dist, args, kwargs, "ppf")
    if call.family.ppf is None:
        raise refuse(trace, f"scipy.stats.{dist.name}.ppf")
    q = as_tracer(trace, _number(trace, q))
    beyond = (q < 0) | (q > 1)
    made = call.loc + call.scale * call.family.ppf(np.where(beyond, 0.5, q), *call.shapes)
    return call.proper(np.where(beyond, np.nan, made))


def _moment(name: str) -> Answer:
    def answer(trace: Trace, dist: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(trace, dist, args, kwargs, name)
        formula = getattr(call.family, "var" if name == "std" else name)
        if formula is None or (name != "mean" and np.ndim(call.loc)):
            raise refuse(trace, f"scipy.stats.{dist.name}.{name}")
        standard = formula(*call.shapes)
        if name == "mean":
            made = call.loc + call.scale * standard
        elif name == "entropy":
            made = standard if _is(call.scale, 1.0) else standard + np.log(call.scale)
        else:
            made = call.scale**2 * standard if name == "var" else call.scale * np.sqrt(standard)
        return call.proper(as_tracer(trace, made), scale=not _is(call.scale, 1.0))

    return answer


_INNER = "scipy.stats._distn_infrastructure"
for _discrete, _owner in ((False, "rv_continuous"), (True, "rv_discrete")):
    for _log in (False, True):
        _prefix = "log" if _log else ""
        _method(_INNER, _owner, f"{_prefix}{'pmf' if _discrete else 'pdf'}", _density(_log, _discrete))
        for _upper in (False, True):
            _name = f"{_prefix}{'sf' if _upper else 'cdf'}"
            _method(_INNER, _owner, _name, _distribution(_log, _upper, _discrete))
_method(_INNER, "rv_continuous", "ppf", _ppf)
_method(_INNER, "rv_generic", "__call__", _frozen)
for _name in ("mean", "var", "std", "entropy"):
    _method(_INNER, "rv_generic", _name, _moment(_name))


def _draws(own: Any) -> Any:
    """Draws would be the same in every later call."""

    @wraps(own)
    def rvs(distribution: Any, *args: Any, **kwargs: Any) -> Any:
        trace = ACTIVE.get()
        if trace is None:
            return own(distribution, *args, **kwargs)
        name = getattr(distribution, "name", None) or type(distribution).__name__.removesuffix("_gen")
        raise frozen_draw(f"drew from scipy.stats.{name}", trace.origin())

    return rvs


enter(_INNER, "rv_generic.rvs", _draws)

# ----------------------------------------------------------------------------------------------------- of many numbers


def _normal_parameters(trace: Trace, mean: Any, cov: Any) -> tuple[int, Any, Any]:
    """The dimension, the mean (None for zero) and the covariance as a matrix."""
    cov = as_tracer(trace, 1.0 if cov is None else _number(trace, cov))
    mean = None if mean is None else as_tracer(trace, _number(trace, mean))
    if mean is not None and mean.ndim > 1:
        raise ValueError(f"Array 'mean' must be a vector of length {mean.size}.")
    dim = mean.size if mean is not None and mean.ndim else cov.shape[0] if cov.ndim else 1
    if mean is not None and mean.ndim == 0:
        mean = np.reshape(mean, (1,))
    if cov.ndim == 0:
        cov = cov * traced_creation("eye", dim)
    elif cov.ndim == 1:
        cov = np.diag(cov)
    elif dim == 1 and cov.shape != (1, 1):
        raise ValueError("Array 'cov' must be a vector or (1, 1) for a mean of length 1.")
    if cov.shape != (dim, dim):
        raise ValueError(f"Dimension mismatch: array 'cov' is of shape {cov.shape}, but 'mean' is of length {dim}.")
    if mean is not None and mean.shape != (dim,):
        raise ValueError(f"Array 'mean' must be a vector of length {dim}.")
    return dim, mean, cov


def _normal(log: bool) -> Answer:
    name = "logpdf" if log else "pdf"

    def answer(
        trace: Trace,
        dist: Any,
        x: Any,
        mean: Any = None,
        cov: Any = 1,
        allow_singular: bool = False,
        **unknown: Any,
    ) -> Any:
        """By the Cholesky factor of the covariance, where SciPy takes eigenvalues."""
        if allow_singular or unknown:
            raise refuse(trace, f"the keyword 'allow_singular' of scipy.stats.multivariate_normal.{name}")
        dim, mean, cov = _normal_parameters(trace, mean, cov)
        x = as_tracer(trace, _number(trace, x))
        if x.ndim == 0:
            x = np.reshape(x, (1,))
        elif x.ndim == 1 and dim == 1:
            x = np.expand_dims(x, 1)
        away = x if mean is None else x - mean
        factor = np.linalg.cholesky(cov)
        vectors = np.reshape(away, (-1, dim)).T if away.ndim > 1 else away
        keywords = {"trans": 0, "lower": True, "unit_diagonal": False}
        operands = lift(trace, factor), lift(trace, vectors)
        z = wrap(trace, trace.emit(scipy_linalg.solve_triangular, *operands, **keywords))
        squares = np.sum(z**2, axis=0)
        made = -0.5 * (dim * LOG_2PI + squares) - np.sum(np.log(np.diag(factor)))
        if away.ndim > 1:
            made = np.reshape(made, tuple(n for n in away.shape[:-1] if n != 1))
        return made if log else np.exp(made)

    return answer


def _dirichlet(log: bool) -> Answer:
    def answer(trace: Trace, dist: Any, x: Any, alpha: Any) -> Any:
        alpha, x = as_tracer(trace, _number(trace, alpha)), as_tracer(trace, _number(trace, x))
        if alpha.ndim != 1:
            raise ValueError(f"Parameter vector 'a' must be one dimensional, but a.shape = {alpha.shape}.")
        if x.shape[0] == alpha.shape[0] - 1:
            x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
        if x.shape[0] != alpha.shape[0] or x.ndim > 2:
            raise ValueError(f"Vector 'x' does not fit the parameter vector: {x.shape} and {alpha.shape}.")
        if np.any(alpha <= 0):
            raise ValueError("All parameters must be greater than 0")
        if np.any(x < 0) or np.any(np.abs(np.sum(x, axis=0) - 1) > 10e-10):
            raise ValueError("The input vector 'x' must lie within the normal simplex.")
        normalizer = sc.gammaln(np.sum(alpha)) - np.sum(sc.gammaln(alpha))
        powers = alpha - 1 if x.ndim == 1 else np.expand_dims(alpha - 1, 1)
        made = normalizer + np.sum(sc.xlogy(powers, x), axis=0)
        made = np.squeeze(made) if made.ndim else made
        return made if log else np.exp(made)

    return answer


_MANY = "scipy.stats._multivariate"
for _owner, _density_of in (("multivariate_normal_gen", _normal), ("dirichlet_gen", _dirichlet)):
    _method(_MANY, _owner, "logpdf", _density_of(True))
    _method(_MANY, _owner, "pdf", _density_of(False))
    _method(_MANY, _owner, "__call__", _frozen)
    enter(_MANY, f"{_owner}.rvs", _draws)


def _already_frozen(owner: str, parameters: tuple[str, ...]) -> None:
    """One that was frozen with plain parameters, for a traced x."""

    def through(name: str) -> Answer:
        def answer(trace: Trace, frozen: Any, x: Any) -> Any:
            given = {p: getattr(frozen, p) for p in parameters}
            if getattr(frozen, "allow_singular", False):
                given["allow_singular"] = True
            return getattr(frozen._dist, name)(x, **given)

        return answer

    for name in ("logpdf", "pdf"):
        _method(_MANY, owner, name, through(name))


_already_frozen("multivariate_normal_frozen", ("mean", "cov"))
_already_frozen("dirichlet_frozen", ("alpha",))
