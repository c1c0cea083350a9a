"""vjp: a function's value and the map from cotangents of its results to cotangents of its arguments."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import numpy as np

from ..ir.types import ArrayType
from ..tracer.array import Tracer
from ..tracer.errors import UnsupportedError, explain
from ..tracer.generics import R
from ..tracer.structure import Structure, flatten
from ..tracer.trace import ACTIVE
from .asking import a_function
from .binding import bind, signature_of
from .compilation import Stages
from .cotangents import direction_leaves, fitted
from .gradient import GradientFunction
from .nested import pullback_in_trace
from .packing import Nested
from .request import Request
from .transformed import remembered


class Pullback:
    """The transposed derivative at one point. Call it with a cotangent of the result's structure and shape."""

    def __init__(self, nested: Nested, structure: Structure, types: list[ArrayType]) -> None:
        self._nested = nested
        self._function = nested.function
        self._structure = structure
        self._types = types

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        """One cotangent for each argument. GradientError when the cotangent does not fit the result."""
        leaves = direction_leaves(cotangent, self._structure)
        traced = next((leaf for leaf in leaves if isinstance(leaf, Tracer)), None)
        if traced is not None:
            raise UnsupportedError(
                explain(
                    "a pullback that was made outside of the function is called with a traced value",
                    traced._trace.origin(),
                    "call vjp(f, x) inside of the function, or pass what the pullback returns as an argument",
                    "cotangents",
                )
            )
        cast = [fitted(leaf, type_) for leaf, type_ in zip(leaves, self._types, strict=True)]
        result: tuple[Any, ...] = self._function(*cast)
        return result

    @property
    def source(self) -> str:
        """The NumPy source of the value and of this map."""
        return self._nested.generated.text

    def __repr__(self) -> str:
        return f"<tapeless pullback of {self._nested.outer.removesuffix('_vjp')}>"

    def __reduce__(self) -> Any:
        return Pullback, (self._nested, self._structure, self._types)


@overload
def vjp(fun: Callable[..., R], *primals: Any, has_aux: Literal[False] = False) -> tuple[R, Pullback]: ...


@overload
def vjp(fun: Callable[..., Any], *primals: Any, has_aux: Literal[True]) -> tuple[Any, Pullback, Any]: ...


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(fun(*primals), pullback), where pullback(cotangent) returns one gradient for each primal.

    The pullback may be called many times, and keeps what it needs of the primals, whatever happens to them later. With
    has_aux, fun returns (out, aux) and the result is (out, pullback, aux). Raises as `grad` does; the results of fun
    may be arrays of any shape in any structure.
    """
    a_function(fun, "vjp")
    trace = ACTIVE.get()
    if trace is not None:
        request = Request(fun, tuple(range(len(primals))), has_aux, kind="vjp")
        return pullback_in_trace(trace, request, bind(signature_of(fun), primals, {}))
    compiled = compiled_pullback(fun, len(primals), has_aux)
    (out, aux), pullback, types_ = at_a_point(compiled, primals, has_aux)
    made = Pullback(pullback, flatten(out)[1], types_)
    return (out, made, aux) if has_aux else (out, made)


def compiled_pullback(fun: Callable[..., Any], count: int, has_aux: bool = False) -> GradientFunction[..., Any]:
    """The compiled function of `count` primals that returns the value and the pullback."""
    request = Request(fun, tuple(range(count)), has_aux, kind="vjp")
    return remembered(fun, ("vjp", count, has_aux), lambda: GradientFunction(request))


def at_a_point(
    compiled: GradientFunction[..., Any], primals: Sequence[Any], has_aux: bool
) -> tuple[tuple[Any, Any], Nested, list[ArrayType]]:
    """The value and the aux of a function that returns a linear map too, that map, and the types of the value."""
    kept = tuple(_kept(primal) for primal in primals)
    stages = compiled.lower(*kept)
    returned, linear = _on_copies(stages)(*kept)
    out, aux = returned if has_aux else (returned, None)
    count = len(flatten(out)[0])
    nested = Nested(linear, stages.generated, stages.request.name)
    return (out, aux), nested, [output.type for output in stages.adjoint.outputs[:count]]


def _on_copies(stages: Stages) -> Callable[..., Any]:
    """The compiled function with captured arrays as they are now: a pullback may read them much later."""
    function = stages.function
    if not stages.captured or not isinstance(function, types.FunctionType):
        return function
    copies = dict(zip(stages.generated.captures, map(np.array, stages.captured), strict=True))
    bound = types.FunctionType(function.__code__, {**function.__globals__, **copies}, function.__name__)
    bound.__defaults__, bound.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return bound


def _kept(value: Any) -> Any:
    """A copy that later writes do not reach."""
    from ..tracer.structure import unflatten

    leaves, structure = flatten(value)
    return unflatten(structure, iter([np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]))
