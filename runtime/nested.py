"""A gradient taken inside a traced function: its equations go into the program that is being recorded."""

from __future__ import annotations

from typing import Any

from ..ir.ops.shape import copy
from ..tracer.array import ArrayTracer, ScalarTracer, lift, wrap
from ..tracer.function import Argument, Recording, function_origin
from ..tracer.place import Root
from ..tracer.structure import flatten, rebuild, unflatten
from ..tracer.trace import Trace
from .binding import Parameters
from .compilation import Request, Target, check_scalar, differentiate, seed_for, targets


def call_in_trace(trace: Trace, request: Request, parameters: Parameters) -> Any:
    """The gradient as stand-ins. The differentiated values are copies, so that what else uses them counts apart."""
    arguments: list[Argument] = []
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, kind, value in parameters:
        leaves, structure = flatten(value)
        lifted = [lift(trace, leaf) for leaf in leaves]
        values = [trace.emit(copy, v) if v.type.shape or not v.type.weak else _same(trace, v) for v in lifted]
        standins = [ArrayTracer(trace, Root(v)) if v.ndim else ScalarTracer(trace, Root(v)) for v in values]
        arguments.append(Argument(name, structure, [v.type for v in values], values))
        rebuilt = unflatten(structure, iter(standins))
        if kind == "keyword":
            keywords[name] = rebuilt
        elif kind == "**kwargs":
            keywords.update(rebuilt)
        elif kind == "*args":
            positional.extend(rebuilt)
        else:
            positional.append(rebuilt)
    wanted = targets(request, parameters, arguments)
    result = request.function(*positional, **keywords)
    leaves, structure = flatten(result)
    recording = Recording(
        trace, arguments, [lift(trace, leaf) for leaf in leaves], structure, function_origin(request.function)
    )
    value, aux_structure, aux = check_scalar(request, recording)
    level = trace.builder.level
    gradients = iter(differentiate(trace.builder, [(value, seed_for(value))], wanted))
    trace.builder.level = level
    built = [_rebuilt(trace, target, gradients) for target in wanted]
    result = tuple(built) if isinstance(request.argnums, tuple) else built[0]
    carried = unflatten(aux_structure, (wrap(trace, v) for v in aux)) if aux_structure is not None else None
    if request.with_value:
        first = wrap(trace, value)
        return ((first, carried), result) if request.has_aux else (first, result)
    return (result, carried) if request.has_aux else result


def _same(trace: Trace, value: Any) -> Any:
    """A Python number as a value of its own, still a Python number."""
    from ..ir.ops.elementwise import positive

    return trace.emit(positive, value)


def _rebuilt(trace: Trace, target: Target, gradients: Any) -> Any:
    def build(structure: Any) -> Any:
        if structure.kind == "leaf":
            return wrap(trace, next(gradients))
        if structure.kind == "static":
            return None
        return rebuild(structure, [build(child) for child in structure.children])

    return build(target.structure)
