"""The implicit function theorem: where residual(x, a) = 0 defines x(a), dx/da = -(dresidual/dx)^-1 dresidual/da."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..runtime.calculus import jacobian
from ..runtime.pullback import vjp
from ..tracer.custom import custom_vjp
from ..tracer.structure import flatten, unflatten


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
        places = [i for i, arg in enumerate(args) if is_moving(arg)]

        def of_moving(x: Any, *moving: Any) -> Any:
            return residual(x, *put(args, places, moving))

        moving = [args[i] for i in places]
        slopes = jacobian(of_moving)(x, *moving)
        weights = np.linalg.solve(np.reshape(slopes, (x.size, x.size)).T, np.reshape(g, (x.size,)))
        _, pullback = vjp(of_moving, x, *moving)
        found = pullback(np.reshape(weights, x.shape))[1:]
        return tuple(put([None] * len(args), places, [_negated(d) for d in found]))

    solved.defvjp(forward, backward)
    return solved


def is_moving(arg: Any) -> bool:
    """Whether there is a derivative with respect to the argument: all arrays in it are of floats."""
    leaves = flatten(arg)[0]
    return bool(leaves) and all(np.result_type(leaf).kind in "fc" for leaf in leaves)


def put(values: Sequence[Any], places: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """The values with others in some places."""
    found = list(values)
    for place, other in zip(places, others, strict=True):
        found[place] = other
    return found


def _negated(value: Any) -> Any:
    leaves, structure = flatten(value)
    return unflatten(structure, iter([-leaf for leaf in leaves]))
