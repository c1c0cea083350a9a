"""Roots by Newton's method and fixed points by iteration, as loops that stay loops in the generated source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime.calculus import jacobian
from ..tracer.loops import while_loop
from .functions import implicit_function


def root(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    tol: float = 1e-10,
    max_steps: int = 50,
    solver: Callable[..., Any] | None = None,
) -> Any:
    """x with f(x, *args) = 0, from x0 by Newton's method with the exact jacobian.

    x0 and f(x, *args) are arrays of floats of one shape. Ends when all |f| <= tol; the result is nan throughout if
    max_steps do not lead there. With solver(f, x0, *args), that one finds x instead. Gradients with respect to args are
    those of `implicit_function`; x0 has none. A solution that is not isolated (a singular jacobian) raises
    numpy.linalg.LinAlgError.
    """

    slopes_of = jacobian(f)

    def newton(start: Any, *args: Any) -> Any:
        if solver is not None:
            return solver(f, start, *args)

        def unsolved(carry: tuple[Any, Any]) -> Any:
            going = np.any(np.abs(f(carry[0], *args)) > tol) & (carry[1] < max_steps)
            return going

        def step(carry: tuple[Any, Any]) -> tuple[Any, Any]:
            x, count = carry
            slopes = np.reshape(slopes_of(x, *args), (x.size, x.size))
            move = np.linalg.solve(slopes, np.reshape(f(x, *args), (x.size,)))
            return x - np.reshape(move, x.shape), count + 1

        x, _ = while_loop(unsolved, step, (start, 0))
        return np.where(np.all(np.abs(f(x, *args)) <= tol), x, np.nan)

    return implicit_function(newton, lambda x, start, *args: f(x, *args))(_array(x0), *args)


def fixed_point(f: Callable[..., Any], x0: Any, *args: Any, tol: float = 1e-10, max_steps: int = 1000) -> Any:
    """x with f(x, *args) = x, from x0 by x = f(x, *args).

    x0 and f(x, *args) are arrays of floats of one shape. Ends when every |f(x) - x| <= tol * (1 + |x|); the result is
    nan throughout if max_steps do not lead there. Gradients with respect to args are those of `implicit_function` with
    the residual x - f(x, *args); x0 has none.
    """

    def iterated(start: Any, *args: Any) -> Any:
        def moves(carry: tuple[Any, Any, Any]) -> Any:
            x, new, count = carry
            going = np.any(np.abs(new - x) > tol * (1 + np.abs(x))) & (count < max_steps)
            return going

        def step(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            _, x, count = carry
            return x, f(x, *args), count + 1

        x, new, _ = while_loop(moves, step, (start, f(start, *args), 0))
        return np.where(np.all(np.abs(new - x) <= tol * (1 + np.abs(x))), new, np.nan)

    return implicit_function(iterated, lambda x, start, *args: x - f(x, *args))(_array(x0), *args)


def _array(x: Any) -> Any:
    """A list, a number or integers as an array of floats; what is traced is one."""
    x = x if hasattr(x, "__array_ufunc__") else np.asarray(x, float)
    return x if x.dtype.kind in "fc" else x.astype(float)
