"""The implicit function theorem: where residual(x, a) = 0 defines x(a), dx/da = -(dresidual/dx)^-1 dresidual/da."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..runtime.calculus import jacobian
from ..runtime.pullback import vjp
from ..tracer.custom import custom_vjp
from ..tracer.structure import Structure, flatten, rebuild, unflatten


def implicit_function(solver: Callable[..., Any], residual: Callable[..., Any]) -> Any:
    """The function solver(*args) -> x of which residual(x, *args) = 0 is known, with the gradient that follows from it.

    x is one array of floats of any shape, which residual(x, *args) has as well; args may be nested structures. The
    gradient solves one linear system with the transposed jacobian of the residual at x (Krantz and Parks, The Implicit
    Function Theorem, 2002; Griewank and Walther 2008, chapter 15), and never looks into the solver: that may be
    opaque (see `primitive`). It is as right as x is a solution, and nan or an error of np.linalg.solve where the
    jacobian is singular. The result may be differentiated again.
    """
    solved = custom_vjp(solver)

    def forward(*args: Any) -> tuple[Any, Any]:
        x = solved(*args)
        return x, (x, args)

    def backward(kept: tuple[Any, tuple[Any, ...]], g: Any) -> tuple[Any, ...]:
        x, args = kept
        moving, with_moving = split(args)

        def of_moving(x: Any, *moving: Any) -> Any:
            return residual(x, *with_moving(moving))

        slopes = jacobian(of_moving)(x, *moving)
        weights = np.linalg.solve(np.reshape(slopes, (x.size, x.size)).T, np.reshape(g, (x.size,)))
        _, pullback = vjp(of_moving, x, *moving)
        return cotangents(args, [-d for d in pullback(np.reshape(weights, x.shape))[1:]])

    solved.defvjp(forward, backward)
    return solved


def is_moving(leaf: Any) -> bool:
    """Whether there is a derivative with respect to it."""
    return np.result_type(leaf).kind in "fc"


def split(args: Sequence[Any]) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The arrays of floats in the arguments, and the arguments with others in the places of these."""
    leaves, structure = flatten(tuple(args))

    def with_moving(moving: Sequence[Any]) -> Any:
        others = iter(moving)
        return unflatten(structure, iter([next(others) if is_moving(leaf) else leaf for leaf in leaves]))

    return [leaf for leaf in leaves if is_moving(leaf)], with_moving


def cotangents(args: Sequence[Any], found: Sequence[Any]) -> tuple[Any, ...]:
    """What was found for the arrays of floats in the structure of the arguments, with None for the rest."""
    given = iter(found)

    def of(structure: Structure, leaves: Iterator[Any]) -> Any:
        if structure.kind == "leaf":
            return next(given) if is_moving(next(leaves)) else None
        if structure.kind == "static":
            return None
        return rebuild(structure, [of(child, leaves) for child in structure.children])

    leaves, structure = flatten(tuple(args))
    found_for: tuple[Any, ...] = of(structure, iter(leaves))
    return found_for
