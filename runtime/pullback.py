"""vjp: a function's value and the map from cotangents of its results to cotangents of its arguments."""

from __future__ import annotations

import threading
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.types import ArrayType, type_of
from ..tracer.array import Tracer
from ..tracer.errors import UnsupportedError, explain
from ..tracer.structure import Structure, flatten
from ..tracer.trace import ACTIVE
from .binding import bind, signature_of
from .compilation import Request, Stages
from .cotangents import check_cotangent_dtype, check_cotangent_shape, cotangent_leaves
from .gradient import MAXIMUM, GradientFunction
from .nested import pullback_in_trace

_known: OrderedDict[tuple[int, ...], GradientFunction] = OrderedDict()  # the latest, by the function's identity
_lock = threading.Lock()


class Pullback:
    """The transposed derivative at one point. Call it with a cotangent of the result's structure and shape."""

    def __init__(self, function: Callable[..., Any], structure: Structure, types: list[ArrayType], source: str) -> None:
        self._function = function
        self._structure = structure
        self._types = types
        self.source = source

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        """One cotangent for each argument. GradientError when the cotangent does not fit the result."""
        leaves = cotangent_leaves(cotangent, self._structure)
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
        cast = [self._fit(leaf, type_) for leaf, type_ in zip(leaves, self._types, strict=True)]
        result: tuple[Any, ...] = self._function(*cast)
        return result

    def _fit(self, leaf: Any, type_: ArrayType) -> Any:
        check_cotangent_dtype(np.asarray(leaf).dtype, type_.dtype)
        given = type_of(leaf)
        check_cotangent_shape(given.shape, type_.shape)
        if type_.weak or (given.dtype == type_.dtype and not given.weak):
            return leaf
        return np.asarray(leaf, dtype=type_.dtype)[()]


def vjp(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(fun(*primals), pullback), where pullback(cotangent) returns one gradient for each primal.

    The pullback may be called many times, and keeps what it needs of the primals, whatever happens to them later.
    Raises as `grad` does; the results of fun may be arrays of any shape in any structure.
    """
    request = Request(fun, tuple(range(len(primals))), kind="vjp")
    trace = ACTIVE.get()
    if trace is not None:
        return pullback_in_trace(trace, request, bind(signature_of(fun), primals, {}))
    compiled = _compiled(fun, request)
    kept = tuple(_kept(primal) for primal in primals)
    stages = compiled.lower(*kept)
    out, pullback = _on_copies(stages)(*kept)
    leaves, structure = flatten(out)
    types_ = [output.type for output in stages.adjoint.outputs[: len(leaves)]]
    return out, Pullback(pullback, structure, types_, stages.source)


def _compiled(fun: Callable[..., Any], request: Request) -> GradientFunction:
    """One compiled function for each function and number of arguments; what is compiled keeps the function alive."""
    count = len(request.argnums) if isinstance(request.argnums, tuple) else 1
    method = isinstance(fun, types.MethodType)
    key = (id(fun.__self__), id(fun.__func__), count) if method else (id(fun), count)  # type: ignore[attr-defined]
    with _lock:
        found = _known.get(key)
        if found is None:
            found = _known[key] = GradientFunction(request)
        _known.move_to_end(key)
        while len(_known) > MAXIMUM:
            _known.popitem(last=False)
    return found


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
