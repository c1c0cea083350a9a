"""Distribution functions of scipy.special: incomplete gamma and beta functions by other names, and their inverses.

Parameters that SciPy rounds to whole numbers (counts of events and of trials) have the derivative zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..builder import Value
from .elementwise import floor, sign, sqrt, where
from .special import call, special
from .special_gamma import beta_density, beta_slopes, gamma_density, gamma_shape_slope

Partial = Callable[..., Any]  # (value, *operands) -> the slope, or None where the function is piecewise constant


def _whole(k: Any) -> Any:
    """SciPy rounds a count down."""
    if k.literal is not None:
        return int(k.literal // 1)
    return floor(k) if k.dtype.kind == "f" else k


def _enter(name: str, partials: tuple[Partial | None, ...], factor: int = 1) -> None:
    def rule(partial: Partial) -> Any:
        return lambda g, y, *operands: factor * g * partial(y if factor > 0 else 1 - y, *operands)

    special(name, *(None if p is None else rule(p) for p in partials))


def _enter_inverse(name: str, partials: tuple[Partial | None, ...], place: int, factor: int = 1, at: int = -1) -> None:
    """The operand at `place` as a function of the probability, which stands at `at` among the operands.

    The probability is F, or 1 - F where the factor is -1. dy = (factor dp - the sum of F_k dx_k) / F_place.
    """
    n = len(partials)
    at = at % n

    def arranged(y: Value, operands: tuple[Value, ...]) -> tuple[Value, list[Value]]:
        others = [x for k, x in enumerate(operands) if k != at]
        others.insert(place, y)
        return operands[at], others

    def rule(k: int) -> Any:
        def of_probability(g: Value, y: Value, *operands: Value) -> Any:
            p, xs = arranged(y, operands)
            return factor * g / _slope(partials[place])(p if factor > 0 else 1 - p, *xs)

        def of_other(g: Value, y: Value, *operands: Value) -> Any:
            p, xs = arranged(y, operands)
            value = p if factor > 0 else 1 - p
            return -g * _slope(partials[where_to])(value, *xs) / _slope(partials[place])(value, *xs)

        if k == at:
            return of_probability
        rest = [i for i in range(n) if i != at].index(k)
        where_to = rest + (rest >= place)
        return None if partials[where_to] is None else of_other

    special(name, *map(rule, range(n)))


def _slope(partial: Partial | None) -> Partial:
    assert partial is not None
    return partial


# ---------------------------------------------------------------------------------------------- by the incomplete gamma


def _chi_x(y: Any, v: Any, x: Any) -> Any:
    return 0.5 * gamma_density(0.5 * v, 0.5 * x)


def _chi_v(y: Any, v: Any, x: Any) -> Any:
    return 0.5 * gamma_shape_slope(where(x < v, y, y - 1), 0.5 * v, 0.5 * x)


def _gamma_rate(y: Any, a: Any, b: Any, x: Any) -> Any:
    return x * gamma_density(b, a * x)


def _gamma_shape(y: Any, a: Any, b: Any, x: Any) -> Any:
    return gamma_shape_slope(where(a * x < b, y, y - 1), b, a * x)


def _gamma_x(y: Any, a: Any, b: Any, x: Any) -> Any:
    return a * gamma_density(b, a * x)


def _poisson_mean(y: Any, k: Any, m: Any) -> Any:
    """F = Q(floor(k) + 1, m)."""
    return -gamma_density(_whole(k) + 1, m)


CHI, GAMMA, POISSON = (_chi_v, _chi_x), (_gamma_rate, _gamma_shape, _gamma_x), (None, _poisson_mean)
_enter("chdtr", CHI)
_enter("chdtrc", CHI, -1)
_enter_inverse("chdtri", CHI, 1, -1)
_enter_inverse("chdtriv", CHI, 0, at=0)
_enter("gdtr", GAMMA)
_enter("gdtrc", GAMMA, -1)
_enter_inverse("gdtria", GAMMA, 0, at=0)
_enter_inverse("gdtrib", GAMMA, 1, at=1)
_enter_inverse("gdtrix", GAMMA, 2, at=2)
_enter("pdtr", POISSON)
_enter("pdtrc", POISSON, -1)
_enter_inverse("pdtri", POISSON, 1, at=1)

# ----------------------------------------------------------------------------------------------- by the incomplete beta


def _binomial(y: Any, k: Any, n: Any, p: Any) -> Any:
    """F = I_{1-p}(n - k, k + 1)."""
    return -beta_density(n - _whole(k), _whole(k) + 1, 1 - p)


def _negative_binomial(y: Any, k: Any, n: Any, p: Any) -> Any:
    """F = I_p(n, k + 1)."""
    return beta_density(n, _whole(k) + 1, p)


BINOMIAL, NEGATIVE = (None, None, _binomial), (None, None, _negative_binomial)
_enter("bdtr", BINOMIAL)
_enter("bdtrc", BINOMIAL, -1)
_enter_inverse("bdtri", BINOMIAL, 2, at=2)
_enter("nbdtr", NEGATIVE)
_enter("nbdtrc", NEGATIVE, -1)
_enter_inverse("nbdtri", NEGATIVE, 2, at=2)


def _beta_part(i: int) -> Partial:
    def slope(y: Any, a: Any, b: Any, x: Any) -> Any:
        y = call("betainc", a, b, x) if y is None else y
        return beta_slopes(where((a + b) * x < a, y, y - 1), a, b, x, i)

    return slope


BETA = (_beta_part(1), _beta_part(0), lambda y, a, b, x: beta_density(a, b, x))
_enter_inverse("btdtria", BETA, 0, at=0)
_enter_inverse("btdtrib", BETA, 1, at=1)


def _f_argument(m: Any, n: Any, x: Any) -> Any:
    return m * x / (m * x + n)


def _f_x(y: Any, m: Any, n: Any, x: Any) -> Any:
    """F = I_t(m / 2, n / 2) with t = m x / (m x + n)."""
    return beta_density(0.5 * m, 0.5 * n, _f_argument(m, n, x)) * m * n / ((m * x + n) * (m * x + n))


def _f_degrees(i: int) -> Partial:
    """t depends on m x / n: m d/dm = x d/dx and n d/dn = -x d/dx."""

    def slope(y: Any, m: Any, n: Any, x: Any) -> Any:
        t, a, b = _f_argument(m, n, x), 0.5 * m, 0.5 * n
        y = call("fdtr", m, n, x) if y is None else y
        own = 0.5 * beta_slopes(where((a + b) * t < a, y, y - 1), a, b, t, i)
        along = x * _f_x(y, m, n, x)
        return own + along / m if i else own - along / n

    return slope


FISHER = (_f_degrees(1), _f_degrees(0), _f_x)
_enter("fdtr", FISHER)
_enter("fdtrc", FISHER, -1)
_enter_inverse("fdtri", FISHER, 2, at=2)
_enter_inverse("fdtridfd", FISHER, 1, at=1)


def _t_density(y: Any, v: Any, t: Any) -> Any:
    """(1 + t**2 / v)**(-(v + 1) / 2) / (sqrt(v) B(v / 2, 1 / 2))."""
    return (1 + t * t / v) ** (-0.5 * (v + 1)) / (sqrt(v) * call("beta", 0.5 * v, 0.5))


def _t_degrees(y: Any, v: Any, t: Any) -> Any:
    """F = 1 - I_x(v / 2, 1 / 2) / 2 for t > 0, with x = v / (v + t**2); F depends on t**2 / v, too."""
    x, a = v / (v + t * t), 0.5 * v
    tail = call("betainc", a, 0.5, x)
    own = beta_slopes(where((a + 0.5) * x < a, tail, tail - 1), a, 0.5, x, 1)
    return -0.25 * sign(t) * own - t * _t_density(y, v, t) / (2 * v)


STUDENT = (_t_degrees, _t_density)
_enter("stdtr", STUDENT)
_enter_inverse("stdtrit", STUDENT, 1, at=1)
_enter_inverse("stdtridf", STUDENT, 0, at=0)
