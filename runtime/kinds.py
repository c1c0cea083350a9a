"""Which derivatives a module can hold, by the names that the command line knows them by."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..ir.types import type_of
from ..tracer.function import AbstractLeaf
from ..tracer.structure import flatten, unflatten
from ..tracer.trace import Trace
from .binding import Parameters, bind, signature_of
from .calculus import hessian, hvp, jacobian, value_and_jacobian
from .forward_mode import jvp_in_trace, tangent_type
from .gradient import GradientFunction
from .request import Request
from .signatures import CommandError
from .transformed import TransformedFunction, VectorProduct
from .wanted import selected

KINDS = ("value", "grad", "value_and_grad", "vjp", "jvp", "jacobian", "value_and_jacobian", "hessian", "hvp")
USUAL = ("value_and_grad", "grad")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_MATRICES = {"jacobian": jacobian, "value_and_jacobian": value_and_jacobian, "hessian": hessian}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def kind_of(function: Callable[..., Any]) -> str | None:
    """What a decorated function is already: a derivative of a kind. None for a function of the user's."""
    if not isinstance(function, GradientFunction):
        return None
    return "value_and_grad" if function._request.with_value else function._request.kind


def plain(function: Callable[..., Any], kind: str) -> Request:
    """The function behind a gradient, with what its decorator says; CommandError behind another derivative."""
    if not isinstance(function, GradientFunction):
        return Request(function)
    if function._request.kind != "grad":
        raise CommandError(
            f"{function._request.name} is a derivative itself, so that there is no {kind} of it; "
            "leave the kind out, or name the function that it was made of"
        )
    return function._request


def made(
    request: Request, kind: str, parameters: Parameters, given: Arguments
) -> tuple[GradientFunction[..., Any], Any]:
    """The derivative as a function, and the arguments that it takes: those that were given, and directions."""
    fun, wanted, has_aux = request.function, request.argnums, request.has_aux
    if kind in ("grad", "value_and_grad"):
        return GradientFunction(replace(request, with_value=kind == "value_and_grad")), given
    if kind == "vjp":
        return GradientFunction(replace(request, with_value=False, kind="vjp")), given
    if kind in _MATRICES:
        return _MATRICES[kind](fun, argnums=wanted, has_aux=has_aux), given
    if kind == "value":
        return _value(fun), given
    places = _places(wanted, parameters, kind)
    directions = {name: _direction(value) for name, value in places.items()}
    args, kwargs = given
    if kind == "jvp":
        pushed, names = _jvp(fun, wanted, has_aux, tuple(places))
        return pushed, (args, {**kwargs, **dict(zip(names, directions.values()))})
    vector = tuple(directions.values()) if isinstance(wanted, tuple) else next(iter(directions.values()))
    product = hvp(fun, argnums=wanted, has_aux=has_aux)
    assert isinstance(product, VectorProduct)
    bound = signature_of(fun).bind(*args, **kwargs)
    return product, product._arranged((*bound.args, vector), bound.kwargs)


def _places(wanted: Any, parameters: Parameters, kind: str) -> dict[str, Any]:
    """The wanted arguments by name."""
    values = {name: value for name, _, value in parameters}
    found = {}
    for _, path in selected(wanted, parameters):
        if path not in values:
            raise CommandError(f"{kind} cannot be taken along {path}, one of many arguments; give it a name of its own")
        found[path] = values[path]
    return found


def _direction(value: Any) -> Any:
    """A tangent of which only the type is known, for an argument or for its type."""
    leaves, structure = flatten(value)
    types = [leaf.type if isinstance(leaf, AbstractLeaf) else type_of(leaf) for leaf in leaves]
    return unflatten(structure, iter([AbstractLeaf(tangent_type(type_)) for type_ in types]))


def _value(fun: Callable[..., Any]) -> TransformedFunction:
    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return fun(*args, **kwargs)

    return TransformedFunction(fun, "value", run, _value)


def _jvp(
    fun: Callable[..., Any], wanted: Any, has_aux: bool, places: tuple[str, ...]
) -> tuple[TransformedFunction, list[str]]:
    """The value and its derivative along tangents, which stand behind the other arguments, and their names."""
    own = signature_of(fun)
    request = Request(fun, wanted, has_aux)
    names = []
    for place in places:
        name = f"{place}_dot"
        while name in own.parameters:
            name += "_"
        names.append(name)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        count = len(args) - sum(name not in kwargs for name in names)
        tangents = [kwargs.pop(name) for name in names if name in kwargs] or list(args[count:])
        return jvp_in_trace(trace, request, bind(own, args[:count], kwargs), tangents)

    make = partial(_jvp, wanted=wanted, has_aux=has_aux, places=places)
    signature = _with_tangents(own, names)
    return TransformedFunction(fun, "jvp", run, lambda f: make(f)[0], signature), names


def _with_tangents(own: inspect.Signature, names: list[str]) -> inspect.Signature:
    """Positional tangents where every argument is one without a default, and tangents by keyword elsewhere."""
    parameters = list(own.parameters.values())
    simple = all(p.kind in _POSITIONAL and p.default is p.empty for p in parameters)
    kind = parameters[-1].kind if simple and parameters else inspect.Parameter.KEYWORD_ONLY
    new = [inspect.Parameter(name, kind) for name in names]
    last = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    return inspect.Signature([*(p for p in parameters if p not in last), *new, *last])
