"""Forward mode inside of a trace: the tangents of a function's results, for tangents of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import numpy as np

from ..codegen.door import type_text
from ..ir.builder import Value
from ..ir.forward import forward, tangent_name
from ..ir.grad import spread
from ..ir.ops.elementwise import astype
from ..ir.program import Var
from ..ir.types import ArrayType, type_of
from ..tracer.array import lift, wrap
from ..tracer.errors import GradientError, explain
from ..tracer.function import Recording
from ..tracer.generics import R
from ..tracer.site import called_at
from ..tracer.structure import Structure, flatten, unflatten
from ..tracer.trace import ACTIVE, Trace
from .asking import a_function
from .binding import Parameters, bind, signature_of
from .compilation import (
    Parts,
    check_nothing_written,
    explained,
    finish,
)
from .cotangents import TANGENT, check_dtype, check_shape, direction_leaves, fitted
from .gradient import GradientFunction
from .nested import record_in_trace
from .packing import Nested
from .pullback import at_a_point
from .request import Request
from .returned import instances, structure_text
from .transformed import remembered
from .wanted import Target, outcome


def jvp_in_trace(
    trace: Trace, request: Request, parameters: Parameters, tangents: Sequence[Any] | None
) -> tuple[Any, ...]:
    """(results, their tangents), and with has_aux what comes along; one tangent for each wanted argument, or ones."""
    recording, wanted = record_in_trace(trace, request, parameters)
    found = outcome(request, recording)
    primals = [value for target in wanted for value in target.values]
    given = list(map(ones, primals)) if tangents is None else directions(trace, wanted, tangents)
    moved = tangents_along(trace, found.results, primals, given)
    out = unflatten(found.structure, (wrap(trace, v) for v in found.results))
    out_dot = unflatten(found.structure, (wrap(trace, v) for v in moved))
    if found.aux_structure is None:
        return out, out_dot
    return out, out_dot, unflatten(found.aux_structure, (wrap(trace, v) for v in found.aux))


def ones(like: Value) -> Value:
    """The tangent, or the cotangent, of ones."""
    builder = like.builder
    return spread(builder.value(like.dtype.type(1)), like.type) if like.shape else builder.value(1.0)


def directions(trace: Trace, wanted: Sequence[Target], tangents: Sequence[Any]) -> list[Value]:
    """A tangent for each leaf of the wanted arguments, with its type. GradientError for one that does not fit."""
    found = []
    for target, tangent in zip(wanted, tangents, strict=True):
        leaves = direction_leaves(tangent, target.structure, TANGENT)
        found += [_direction(trace, primal, leaf) for primal, leaf in zip(target.values, leaves, strict=True)]
    return found


def _direction(trace: Trace, primal: Value, leaf: Any) -> Value:
    tangent = lift(trace, leaf)
    check_shape(tangent.shape, primal.shape, TANGENT)
    check_dtype(tangent.dtype, primal.dtype, TANGENT)
    if isinstance(tangent.atom, Var) and isinstance(primal.atom, Var) and tangent.atom in trace.builder.inputs:
        tangent.atom.name = tangent_name(primal.atom.name)
    if tangent.dtype == primal.dtype:
        return tangent
    cast: Value = trace.builder.emit(astype, tangent, dtype=primal.dtype)
    return cast


def tangents_along(
    trace: Trace, results: Sequence[Value], primals: Sequence[Value], tangents: Sequence[Value]
) -> list[Value]:
    """The finished tangent of every result: in full, with the result's dtype, zero where nothing moves it."""
    builder = trace.builder
    found = explained(lambda: forward(builder, results, primals, tangents))
    level = max(builder.transposed) + 1
    finished = []
    for tangent, result in zip(found, results, strict=True):
        made = builder.definition(tangent) if tangent is not None else None
        with builder.at(made.origin if made else None, level):
            full = finish(builder, tangent, tangent_type(result.type), False)
        if isinstance(full.atom, Var) and isinstance(result.atom, Var) and result.atom.name and not full.atom.named:
            full.atom.name, full.atom.named = tangent_name(result.atom.name), result.atom.named
        finished.append(full)
    return finished


def tangent_type(type_: ArrayType) -> ArrayType:
    """The type of a tangent; what does not vary continuously has one of zeros, in floats."""
    return type_ if type_.inexact else ArrayType(type_.shape, np.dtype(float))


def linear_program(request: Request, recording: Recording, wanted: list[Target]) -> Parts:
    """The function's results, and the function from tangents of the arguments to those of the results."""
    check_nothing_written(request, recording)
    trace = recording.trace
    builder = trace.builder
    traced = builder.program(request.name, recording.results, recording.origin)
    found = outcome(request, recording)
    primals = [value for target in wanted for value in target.values]
    tangents = [builder.input(v.type, tangent_name(getattr(v.atom, "name", "") or "x")) for v in primals]
    moved = tangents_along(trace, found.results, primals, tangents)
    adjoint = builder.program(request.name, [*recording.results, *moved], recording.origin)
    made = instances(recording)
    shown, place = structure_text(recording.result_structure, "out", 0, gradients=False, made=made)
    pushed, _ = structure_text(found.structure, "out", place, gradients=False, made=made)
    returned = f"{', '.join(type_text(r.type) for r in recording.results)}, pushforward"
    last = max(builder.transposed) + 1
    return Parts(traced, adjoint, shown, returned, ("pushforward", pushed), len(tangents), last)


class LinearMap:
    """The derivative at one point. Call it with a tangent for each primal; what it reads of them is computed once."""

    def __init__(self, nested: Nested, primals: Sequence[tuple[Structure, list[ArrayType]]]) -> None:
        self._nested = nested
        self._function = nested.function
        self._primals = primals

    def __call__(self, *tangents: Any) -> Any:
        """The tangent of the result, in its structure. GradientError for tangents that do not fit the primals."""
        if len(tangents) != len(self._primals):
            raise GradientError(
                explain(
                    f"the linear map takes {len(self._primals)} tangent(s), not {len(tangents)}",
                    called_at(),
                    "one tangent for each primal: np.zeros_like(x) for one that stays constant",
                    "tangents",
                )
            )
        given = []
        for tangent, (structure, types) in zip(tangents, self._primals, strict=True):
            leaves = direction_leaves(tangent, structure, TANGENT)
            given += [fitted(leaf, type_, TANGENT) for leaf, type_ in zip(leaves, types, strict=True)]
        return self._function(*given)

    @property
    def source(self) -> str:
        """The NumPy source of the value and of this map."""
        return self._nested.generated.text

    def __repr__(self) -> str:
        return f"<tapeless pushforward of {self._nested.outer.removesuffix('_linearize')}>"

    def __reduce__(self) -> Any:
        return LinearMap, (self._nested, self._primals)


@overload
def linearize(fun: Callable[..., R], *primals: Any, has_aux: Literal[False] = False) -> tuple[R, LinearMap]: ...


@overload
def linearize(fun: Callable[..., Any], *primals: Any, has_aux: Literal[True]) -> tuple[Any, LinearMap, Any]: ...


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(fun(*primals), linear map), where the map takes a tangent for each primal to the tangent of the result.

    The value and the slopes are computed once; the map may be called many times. With has_aux, fun returns (out, aux)
    and the result is (out, map, aux). Raises as `grad` does.
    """
    request = Request(a_function(fun, "linearize"), tuple(range(len(primals))), has_aux, kind="linearize")
    trace = ACTIVE.get()
    if trace is not None:
        return _linearize_in_trace(trace, request, bind(signature_of(fun), primals, {}))
    compiled = remembered(fun, ("linearize", len(primals), has_aux), lambda: GradientFunction(request))
    (out, aux), pushed, _ = at_a_point(compiled, primals, has_aux)
    made = LinearMap(pushed, [(flatten(p)[1], [type_of(leaf) for leaf in flatten(p)[0]]) for p in primals])
    return (out, made, aux) if has_aux else (out, made)


def _linearize_in_trace(trace: Trace, request: Request, parameters: Parameters) -> tuple[Any, ...]:
    recording, wanted = record_in_trace(trace, request, parameters)
    found = outcome(request, recording)
    primals = [value for target in wanted for value in target.values]

    def pushed(*tangents: Any) -> Any:
        moved = tangents_along(trace, found.results, primals, directions(trace, wanted, tangents))
        return unflatten(found.structure, (wrap(trace, v) for v in moved))

    out = unflatten(found.structure, (wrap(trace, v) for v in found.results))
    if found.aux_structure is None:
        return out, pushed
    return out, pushed, unflatten(found.aux_structure, (wrap(trace, v) for v in found.aux))
