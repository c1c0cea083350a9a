"""A gradient taken inside a traced function: its equations go into the program that is being recorded."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.ops.elementwise import positive
from ..ir.ops.shape import copy
from ..ir.program import Var
from ..tracer.array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from ..tracer.checkpoint import Checkpointed
from ..tracer.errors import UnsupportedError, explain
from ..tracer.function import Argument, Call, Recording, function_origin
from ..tracer.place import Root
from ..tracer.structure import Structure, flatten, rebuild, unflatten
from ..tracer.trace import Trace
from .binding import Parameters
from .compilation import differentiate
from .cotangents import check_dtype, check_shape, direction_leaves
from .request import Request
from .wanted import Target, check_scalar, outcome, targets


def record_in_trace(trace: Trace, request: Request, parameters: Parameters) -> tuple[Recording, list[Target]]:
    """Run the function on copies of the arguments, so that whatever else uses these counts apart."""
    arguments: list[Argument] = []
    roots: list[Root] = []
    passed: list[Any] = []
    call = Call()
    for name, kind, value in parameters:
        leaves, structure = flatten(value)
        passed += leaves
        values = [_separate(trace, lift(trace, leaf)) for leaf in leaves]
        own = [Root(v) for v in values]
        roots += own
        cells = [isinstance(leaf, np.ndarray) for leaf in leaves]
        pairs = zip(values, cells, strict=True)
        kinds = [ArrayTracer if v.ndim else CellTracer if cell else ScalarTracer for v, cell in pairs]
        standins = [kind(trace, root) for kind, root in zip(kinds, own, strict=True)]
        arguments.append(Argument(name, structure, [v.type for v in values], values))
        call.add(name, kind, unflatten(structure, iter(standins)))
    wanted = targets(request, parameters, arguments)
    leaves, structure = flatten(request.function(*call.positional, **call.keywords))
    if any(root.version for root in roots):
        _write_back(trace, request, passed, roots)
    results = [lift(trace, leaf) for leaf in leaves]
    return Recording(trace, arguments, results, structure, function_origin(request.function)), wanted


def _write_back(trace: Trace, request: Request, passed: list[Any], roots: list[Root]) -> None:
    """Leave in the arguments what the function wrote into its copies of them, as the plain call does.

    Refused where the function may also see an argument under another name: that would have shown the writes.
    """
    places = [leaf._place.root for leaf in passed if isinstance(leaf, ArrayTracer)]
    written = [(leaf, root) for leaf, root in zip(passed, roots, strict=True) if root.version]
    seen = len(set(map(id, places))) < len(places) or _may_hold_tracer(request.function)
    if seen or not all(isinstance(leaf, ArrayTracer) for leaf, _ in written):
        raise UnsupportedError(
            explain(
                f"{request.name} is called inside of a traced function, and its function writes into an argument "
                "that it may see under another name",
                trace.origin(),
                "x = x.copy() as the first line of the function that writes",
                "arguments-that-are-written",
            )
        )
    for leaf, root in written:
        leaf[...] = wrap(trace, root.value)


def _may_hold_tracer(thing: Any) -> bool:
    """Whether a function, or a container around it, may hold a traced array: unless all of it is known to hold none."""
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return _may_hold_tracer([cells, thing.__defaults__, thing.__kwdefaults__])
    if isinstance(thing, Checkpointed):
        return _may_hold_tracer(thing.__wrapped__)
    if isinstance(getattr(thing, "_request", None), Request):  # a derivative of a function
        options = getattr(getattr(thing, "_make", None), "keywords", {})
        return _may_hold_tracer([thing.__wrapped__, options])
    if isinstance(thing, Tracer):
        return isinstance(thing, ArrayTracer | CellTracer)
    if isinstance(thing, list | tuple | dict):
        return any(map(_may_hold_tracer, thing.values() if isinstance(thing, dict) else thing))
    return not isinstance(thing, np.ndarray | np.generic | int | float | complex | str | type(None) | types.ModuleType)


def _separate(trace: Trace, value: Value) -> Value:
    """The same value as a variable of its own; a Python number stays one."""
    apart: Value = trace.emit_unnamed(positive if value.type.weak else copy, value)
    if isinstance(value.atom, Var) and isinstance(apart.atom, Var) and not apart.atom.name:
        apart.atom.name = value.atom.name
    return apart


def gradient_in_trace(trace: Trace, request: Request, parameters: Parameters) -> Any:
    """What the gradient function returns, as stand-ins."""
    trace.debug = trace.debug or request.debug
    recording, wanted = record_in_trace(trace, request, parameters)
    value, aux_structure, aux = check_scalar(request, recording)
    result = _differentiated(trace, [(value, trace.builder.value(1.0))], wanted)
    gradients = tuple(result) if isinstance(request.argnums, tuple) else result[0]
    carried = unflatten(aux_structure, (wrap(trace, v) for v in aux)) if aux_structure is not None else None
    if request.with_value:
        first = wrap(trace, value)
        return ((first, carried), gradients) if request.has_aux else (first, gradients)
    return (gradients, carried) if request.has_aux else gradients


def pullback_in_trace(trace: Trace, request: Request, parameters: Parameters) -> tuple[Any, ...]:
    """The function's results, a pullback that records a reverse pass at each call, and with has_aux the aux."""
    recording, wanted = record_in_trace(trace, request, parameters)
    found = outcome(request, recording)

    def pullback(cotangent: Any) -> Any:
        leaves = [lift(trace, leaf) for leaf in direction_leaves(cotangent, found.structure)]
        for result, leaf in zip(found.results, leaves, strict=True):
            check_shape(leaf.shape, result.shape)
            check_dtype(leaf.dtype, result.dtype)
        seeds = list(zip(found.results, leaves, strict=True))
        return tuple(_differentiated(trace, seeds, wanted))

    out = unflatten(found.structure, (wrap(trace, v) for v in found.results))
    if found.aux_structure is None:
        return out, pullback
    return out, pullback, unflatten(found.aux_structure, (wrap(trace, v) for v in found.aux))


def _differentiated(trace: Trace, seeds: list[tuple[Value, Value]], wanted: list[Target]) -> list[Any]:
    gradients = iter(differentiate(trace.builder, seeds, wanted))
    return [_built(trace, target.structure, gradients) for target in wanted]


def _built(trace: Trace, structure: Structure, gradients: Iterator[Value]) -> Any:
    if structure.kind == "leaf":
        return wrap(trace, next(gradients))
    if structure.kind == "static":
        return None
    return rebuild(structure, [_built(trace, child, gradients) for child in structure.children])
