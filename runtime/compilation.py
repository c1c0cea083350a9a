"""The road from a call to a compiled gradient, stage by stage: trace, adjoint, optimized, source."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..codegen.door import type_text
from ..codegen.module import Generated, Signature, generate
from ..ir.assumptions import Assumption, is_symbolic
from ..ir.builder import Builder, Value
from ..ir.dims import is_symbolic_number
from ..ir.forward import tangent_name
from ..ir.grad import NotDifferentiable, backward, cotangent_name, match_dtype, number_of_dtype, spread
from ..ir.ops.elementwise import astype, python_number
from ..ir.ops.shape import as_array, filled, reshape
from ..ir.passes import optimize
from ..ir.passes.blocks import run_in_blocks
from ..ir.passes.columns import keep_columns
from ..ir.passes.contractions import contract_sums
from ..ir.passes.convolutions import write_convolutions
from ..ir.passes.dead_code import guarded_exactly
from ..ir.passes.diagonals import write_diagonals
from ..ir.passes.empty_lengths import divide_by_no_zero
from ..ir.passes.few_elements import take_apart
from ..ir.passes.fresh_outputs import copy_shared_outputs
from ..ir.passes.gathering import gather_products
from ..ir.passes.hoisting import hoist
from ..ir.passes.joining import join_columns
from ..ir.passes.large_arrays import cheaper_on_large_arrays
from ..ir.passes.large_products import multiply_large
from ..ir.passes.linear_order import sink_slopes
from ..ir.passes.pairs import add_in_pairs
from ..ir.passes.planes import keep_planes
from ..ir.passes.python_floats import python_floats
from ..ir.passes.rolling import roll
from ..ir.passes.small_arrays import quicker_on_small_arrays
from ..ir.passes.systems import solve_by_structure
from ..ir.passes.windows import shorten_windows
from ..ir.passes.write_order import order_writes
from ..ir.program import Atom, Equation, Origin, Program, Var
from ..ir.types import ArrayType
from ..tracer.errors import UnsupportedError, explain
from ..tracer.function import Recording, record, write_back
from ..tracer.site import called_at
from ..tracer.state import Snapshot
from ..tracer.structure import Structure
from .binding import Parameters, give_defaults, parameters_text
from .collector import collector_paused
from .held import arrays_within, containers_within, parameter_types, static_checks
from .interop import check_form, target_named, with_namespace, written_for
from .loading import load
from .overlap import written
from .request import Request
from .returned import check_keys, instances, structure_text
from .symbolic import compile_in_symbols, symbols_of
from .wanted import Target, check_scalar, outcome, targets


@dataclass(slots=True)
class Stages:
    """The programs and the text of one compiled path; prints itself stage by stage."""

    request: Request
    trace: Program
    adjoint: Program
    optimized: Program
    generated: Generated
    captured: tuple[np.ndarray[Any, Any], ...]
    function: Callable[..., Any]
    types: str
    guards: list[Origin] = field(default_factory=list)
    around: Snapshot = field(default_factory=Snapshot)
    assumptions: tuple[Assumption, ...] = ()  # of the lengths, where the text is for all that satisfy them

    @property
    def source(self) -> str:
        return self.generated.text

    def as_text(self, stage: str | None = None) -> str:
        """One stage (trace, adjoint, optimized or source), or all of them under headings."""
        texts = {
            "trace": str(self.trace),
            "adjoint": str(self.adjoint),
            "optimized": str(self.optimized),
            "source": self.source,
        }
        if stage is not None:
            if stage not in texts:
                raise ValueError(
                    explain(
                        f"there is no stage {stage!r}; the stages are {', '.join(texts)}",
                        called_at(),
                        '.as_text("source")',
                        "source",
                    )
                )
            return texts[stage]
        return "\n".join(f"# ---- {name}\n{text}" for name, text in texts.items())


def differentiate(builder: Builder, seeds: list[tuple[Value, Value]], wanted: list[Target]) -> list[Value]:
    """The finished gradient of every leaf: in full, with the leaf's dtype, zero where nothing depends on it."""
    flat = [value for target in wanted for value in target.values]
    level = builder.last_level() + 1
    found = explained(lambda: backward(builder, seeds, flat))
    types = [t for target in wanted for t in target.types]
    arrays = [a for target in wanted for a in target.is_array]
    finished = []
    for gradient, type_, is_array, of in zip(found, types, arrays, flat, strict=True):
        made = builder.definition(gradient) if gradient is not None else None
        before = len(builder.equations)
        with builder.at(made.origin if made else None, level):
            finished.append(finish(builder, gradient, type_, is_array))
        if len(builder.equations) > before and not finished[-1].atom.name:  # type: ignore[union-attr]
            finished[-1].atom.name = f"d{of.atom.name}"  # type: ignore[union-attr]
    return finished


def explained(run: Callable[[], Any]) -> Any:
    """What `run` returns. UnsupportedError, with the user's line, where a derivative is missing."""
    try:
        return run()
    except NotDifferentiable as error:
        raise UnsupportedError(
            explain(
                f"there is no gradient here: {error}",
                error.equation.origin,
                error.fix or "stop_gradient(x) for an operand x that is meant to be constant",
                "no-derivative",
            )
        ) from None


def finish(builder: Builder, gradient: Value | None, type_: ArrayType, is_array: bool) -> Value:
    """One gradient with the shape, the dtype and the kind of its argument."""
    if type_.weak:
        zero = complex(0) if type_.dtype.kind == "c" else 0.0
        if gradient is None:
            return builder.value(zero)
        if gradient.literal is not None:
            return builder.value(type(zero)(gradient.literal)) if not is_symbolic_number(gradient.literal) else gradient
        gradient = match_dtype(gradient, type_)
        if type_.dtype.kind == "c" and gradient.dtype.kind != "c":
            gradient = _named(astype(gradient, dtype=type_.dtype), gradient)
        return gradient if gradient.type.weak else _named(python_number(gradient), gradient)
    if gradient is None and not type_.shape and not is_array:
        return builder.value(type_.dtype.type(0))
    if gradient is None:
        empty: Value = builder.emit(filled, value=0, shape=type_.shape, dtype=type_.dtype)
        return empty
    if gradient.literal is not None and not type_.shape and not is_array:
        return number_of_dtype(gradient, type_.dtype)
    full = spread(gradient, type_)
    if full.dtype != type_.dtype or full.type.weak:
        full = _named(astype(full, dtype=type_.dtype), full)
    if is_array and not type_.shape and builder.definition(full, "filled") is None:
        full = _named(as_array(full), full)
    return full


def _named(value: Value, after: Value) -> Value:
    """The value under the name of another one that it replaces."""
    old, new = after.atom, value.atom
    if isinstance(old, Var) and isinstance(new, Var) and not new.name:
        new.name, new.named = old.name, old.named
    return value


@collector_paused()
def compile_request(
    request: Request,
    parameters: Parameters,
    signature: inspect.Signature,
    abstract: bool = False,
    watch: AbstractContextManager[None] | None = None,
    exact: bool = False,
) -> Stages:
    """Trace (under `watch`), differentiate, optimize, print and load; with `exact`, what guards look at is computed as
    it was traced, to the last digit. Raises what the function raises, or a TapelessError."""
    symbols = {} if is_symbolic() else symbols_of(parameters)
    if symbols:
        return compile_in_symbols(
            lambda bound: compile_request(request, bound, signature, abstract, watch, exact),
            parameters,
            symbols,
            abstract,
        )
    with watch or nullcontext():
        recording = record(request.function, parameters, abstract)
    wanted = targets(request, parameters, recording.arguments) if request.kind in DIFFERENTIATED else []
    for argument in recording.arguments:
        check_keys(argument.structure, argument.name)
    check_keys(recording.result_structure, "the result")
    if not (request.target or is_symbolic() or request.debug or recording.trace.debug) and request.optimize == "fast":
        take_few_elements_apart(recording)
    if not (request.target or is_symbolic() or request.debug or recording.trace.debug):
        roll_loops(recording)
    parts = _program_of(request.kind)(request, recording, wanted)
    early = len(recording.results) if parts.closure else 0
    debug = (request.debug or recording.trace.debug) is not None and not abstract
    ordered = sink_slopes(optimize(guarded_exactly(parts.adjoint) if exact else parts.adjoint), parts.slopes)
    ordered = order_writes(ordered)
    target = target_named(request.target) if request.target else None
    fast = request.optimize == "fast" and not debug and target is None and not is_symbolic()
    if fast:
        ordered = gather_products(ordered)
    if target is not None:
        check_form(target, recording, parts.closure is not None)
        ordered = written_for(target, ordered)
    else:
        if fast:
            ordered = solve_by_structure(multiply_large(ordered))
            ordered = cheaper_on_large_arrays(write_convolutions(shorten_windows(ordered)))
            ordered = keep_planes(write_diagonals(ordered, parts.closure is not None))
            ordered = add_in_pairs(run_in_blocks(join_columns(ordered), parts.last if parts.closure else None))
        ordered = contract_sums(ordered, large=fast)
        if request.optimize == "fast" and not debug:
            ordered = keep_columns(ordered)
        if fast:
            ordered = quicker_on_small_arrays(ordered)
        ordered = python_floats(ordered)
        ordered = hoist(ordered) if fast else ordered
    if is_symbolic():
        ordered = divide_by_no_zero(ordered)
    last = 1 if parts.last is None else parts.last
    optimized = copy_shared_outputs(ordered, early, last, request.kind in DIFFERENTIATED)
    leaves = [path for a in recording.arguments for path, _ in a.structure.paths(a.name)]
    checks = static_checks(recording.arguments, abstract)
    described = describe(request, recording, wanted, parts.returned)
    text = with_namespace(target, parameters_text(parameters, signature), recording.origin)
    arrays = arrays_within(recording.arguments)
    apart = [(leaves[i], [other for other in arrays if other != leaves[i]]) for i in written(optimized)]
    alone = (True, apart) if abstract else ()  # a module has no cache and no caller that checks its arguments
    shape = Signature(request.name, text, leaves, checks, parts.result, *described, parts.closure, *alone)
    if abstract:
        held, types = containers_within(recording.arguments), parameter_types(recording.arguments)
        shape = dataclasses.replace(shape, containers=held, annotations=types)
    if request.kind not in DIFFERENTIATED:
        shape = dataclasses.replace(shape, headings=_headings(optimized, bool(parts.slopes)))
    generated = generate(optimized, shape, recording.origin.file, parts.cotangents, parts.last, debug, target, fast)
    guards = [e.origin for e in optimized.equations if e.op.name == "guard" and e.origin]
    function = load(generated, request.name, recording.captured, debug)
    give_defaults(function, signature)
    return Stages(
        request,
        parts.trace,
        parts.adjoint,
        optimized,
        generated,
        recording.captured,
        function,
        described[1],
        guards,
        recording.around,
    )


def take_few_elements_apart(recording: Recording) -> None:
    """Compute with the numbers of tiny arrays, before any derivative is taken."""
    builder = recording.trace.builder
    if builder.last_level():
        return
    kept = [*recording.results, *(root.value for root in recording.trace.roots.values())]
    live = {value.atom for value in kept if isinstance(value.atom, Var)}
    instead: dict[Atom, Atom] = {}

    def apart(equations: tuple[Equation, ...]) -> tuple[Equation, ...]:
        written, found = take_apart(equations, live)
        instead.update(found)
        return written

    builder.rewrite(0, apart)
    recording.results = [Value(builder, instead.get(r.atom, r.atom)) for r in recording.results]


def roll_loops(recording: Recording) -> None:
    """Write loops that Python ran while the function was traced as loops, before any derivative is taken."""
    builder = recording.trace.builder
    if builder.last_level():
        return
    kept = [*recording.results, *(value for argument in recording.arguments for value in argument.values)]
    kept += [root.value for root in recording.trace.roots.values()]
    live = {value.atom for value in kept if isinstance(value.atom, Var)}
    builder.rewrite(0, lambda equations: roll(equations, live))


@dataclass(frozen=True, slots=True)
class Parts:
    """What distinguishes a gradient from a pullback once the reverse pass is written."""

    trace: Program
    adjoint: Program
    result: str  # the returned expression over the outputs
    returned: str  # its types, for the docstring
    closure: tuple[str, str] | None = None
    cotangents: int = 0
    last: int | None = None  # the level of what belongs to the closure
    slopes: frozenset[int] = frozenset()  # the levels of which only slopes are left, for tangents


def gradient_program(request: Request, recording: Recording, wanted: list[Target]) -> Parts:
    """The gradient of the single number that the function returns."""
    builder = recording.trace.builder
    value, aux_structure, aux = check_scalar(request, recording)
    trace = builder.program(request.name, recording.results, recording.origin)
    gradients = differentiate(builder, [(value, builder.value(1.0))], wanted)
    write_back(recording)
    if value.shape and request.with_value:
        value = reshape(value, shape=())
    if request.with_value:
        _name_value(value)
    outputs = [*([value] if request.with_value else []), *gradients, *aux]
    adjoint = builder.program(request.name, outputs, recording.origin)
    shown = _gradient_types(request, wanted)
    returned = f"{type_text(value.type)}, {shown}" if request.with_value else shown
    result = result_text(request, wanted, aux_structure)
    return Parts(trace, adjoint, result, returned + (", aux" if aux_structure is not None else ""))


def pullback_program(request: Request, recording: Recording, wanted: list[Target]) -> Parts:
    """The function's results, and the function from their cotangents to those of the arguments."""
    check_nothing_written(request, recording)
    builder = recording.trace.builder
    trace = builder.program(request.name, recording.results, recording.origin)
    cotangents = []
    last = builder.last_level() + 1
    found = outcome(request, recording)
    for number, result in enumerate(found.results):
        name = getattr(result.atom, "name", "") or ("y" if len(found.results) == 1 else f"y{number}")
        cotangents.append(builder.input(result.type, cotangent_name(name)))
    gradients = differentiate(builder, list(zip(found.results, cotangents, strict=True)), wanted)
    adjoint = builder.program(request.name, [*recording.results, *gradients], recording.origin)
    count = len(found.results)
    shown, place = structure_text(recording.result_structure, "out", 0, gradients=False, made=instances(recording))
    parts = []
    for target in wanted:
        part, place = structure_text(target.structure, target.path, place)
        parts.append(part)
    pulled = parts[0]
    if isinstance(request.argnums, tuple):
        pulled = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    returned = f"{', '.join(type_text(r.type) for r in recording.results)}, pullback"
    return Parts(trace, adjoint, shown, returned, ("pullback", pulled), count, last)


def check_nothing_written(request: Request, recording: Recording) -> None:
    """Refuse writes into arguments: a map that is called later could not tell which state of them is meant."""
    for argument in recording.arguments:
        written_to = [root for v in argument.values if (root := recording.trace.roots[v.atom]).version]
        if written_to:
            write = recording.trace.builder.definition(written_to[0].value)
            raise UnsupportedError(
                explain(
                    f"{request.kind} of a function that writes into its argument {argument.name} is not supported",
                    write.origin if write is not None else recording.origin,
                    f"{argument.name} = {argument.name}.copy() as the first line of the function",
                    "arguments-that-are-written",
                )
            )


def transformed_program(request: Request, recording: Recording, wanted: list[Target]) -> Parts:
    """What a function computes that takes its derivatives, or its batches, itself: see transformed.py."""
    builder = recording.trace.builder
    trace = builder.program(request.name, recording.results, recording.origin)
    write_back(recording)
    if request.kind == "jvp":
        _name_results(recording)
    for output in recording.results:
        if isinstance(output.atom, Var) and not output.atom.name:
            output.atom.name = _NOUN.get(request.kind, "")
    adjoint = builder.program(request.name, recording.results, recording.origin)
    result, _ = structure_text(recording.result_structure, "out", 0, gradients=False, made=instances(recording))
    returned = ", ".join(type_text(r.type) for r in recording.results)
    return Parts(trace, adjoint, result, returned, slopes=frozenset(builder.transposed))


def _name_results(recording: Recording) -> None:
    """What a function returns without giving it a name is out, its tangent out_dot."""
    count = recording.result_structure.children[0].leaf_count
    for output, moved in zip(recording.results[:count], recording.results[count:], strict=False):
        for value, name in ((output, "out"), (moved, tangent_name("out"))):
            if isinstance(value.atom, Var) and not value.atom.name:
                value.atom.name = name


def _headings(program: Program, tangents: bool) -> tuple[tuple[int, str], ...]:
    """What the parts of the text are called, if each level stands in one piece."""
    levels = [e.level for e in program.equations if e.op.name != "store"]
    if levels != sorted(levels) or not levels or not levels[-1]:
        return ()
    found = sorted(set(levels))
    names = {level: "forward" if not level else "backward" for level in found}
    if tangents:
        names[found[-1]] = "tangents"
    return tuple(names.items())


DIFFERENTIATED = ("grad", "vjp", "linearize")  # kinds whose derivative is taken here, of the function as it was traced


def _program_of(kind: str) -> Callable[[Request, Recording, list[Target]], Parts]:
    """What makes the program of a kind."""
    if kind == "linearize":
        from .forward_mode import linear_program

        return linear_program
    return {"grad": gradient_program, "vjp": pullback_program}.get(kind, transformed_program)


def _gradient_types(request: Request, wanted: list[Target]) -> str:
    shown = ", ".join(type_text(t) for target in wanted for t in target.types)
    several = isinstance(request.argnums, tuple) or sum(len(t.types) for t in wanted) > 1
    return f"({shown})" if several else shown


def _name_value(value: Value) -> None:
    if isinstance(value.atom, Var) and not value.atom.named:
        value.atom.name, value.atom.named = "value", True


def result_text(request: Request, wanted: list[Target], aux: Structure | None) -> str:
    """The return value over the outputs {0}, {1} ..."""
    place = int(request.with_value)
    parts = []
    for target in wanted:
        part, place = structure_text(target.structure, target.path, place)
        parts.append(part)
    if isinstance(request.argnums, tuple):
        gradients = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    else:
        gradients = parts[0]
    if aux is None:
        return f"({{0}}, {gradients})" if request.with_value else gradients
    carried, _ = structure_text(aux, "aux", place, gradients=False)
    return f"(({{0}}, {carried}), {gradients})" if request.with_value else f"({gradients}, {carried})"


_NOUN = {"jacobian": "jacobian", "hessian": "hessian", "hvp": "product", "ggnvp": "product", "deriv": "derivative"}
_WHAT = {
    "value": "Value",
    "grad": "Gradient",
    "vjp": "Value and pullback",
    "linearize": "Value and linear map of tangents",
    "jvp": "Value and directional derivative",
    "jacobian": "Jacobian",
    "value_and_jacobian": "Value and jacobian",
    "hessian": "Hessian",
    "hvp": "Product of the hessian with a vector",
    "ggnvp": "Product of the generalized Gauss-Newton matrix with a vector",
    "elementwise_grad": "Derivative, element by element,",
    "deriv": "Derivative",
    "holomorphic_grad": "Complex derivative",
    "vmap": "Batch",
}


def describe(request: Request, recording: Recording, wanted: list[Target], returned: str) -> tuple[str, str]:
    """The two lines of the docstring."""
    own = getattr(request.function, "__name__", "function")
    place = f" ({recording.origin})" if recording.origin.file else ""
    what = "Value and gradient" if request.with_value else _WHAT[request.kind]
    of = f" with respect to {', '.join(t.path for t in wanted)}" if wanted else ""
    first = f"{what} of {own}{place}{of}."
    inputs = ", ".join(
        f"{path}: {type_text(t)}"
        for a in recording.arguments
        for (path, _), t in zip(a.structure.paths(a.name), a.types, strict=True)
    )
    return first, f"{inputs}  ->  {returned}"
