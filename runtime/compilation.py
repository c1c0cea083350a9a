"""The road from a call to a compiled gradient, stage by stage: trace, adjoint, optimized, source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..codegen.module import Generated, Signature, generate
from ..ir.builder import Builder, Value
from ..ir.grad import NotDifferentiable, backward, match_dtype, spread
from ..ir.ops.elementwise import astype, python_number
from ..ir.ops.shape import as_array, filled, reshape
from ..ir.passes import optimize
from ..ir.passes.fresh_outputs import copy_shared_outputs
from ..ir.program import Origin, Program, Var
from ..ir.types import ArrayType
from ..tracer.errors import GradientError, UnsupportedError, explain
from ..tracer.function import AbstractLeaf, Argument, Recording, record, write_back
from ..tracer.state import Snapshot
from ..tracer.structure import Structure, flatten
from .binding import Parameters, give_defaults, parameters_text
from .held import array_shapes, static_checks
from .loading import load
from .overlap import written


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: which function, with respect to what, with the value or without."""

    function: Callable[..., Any]
    argnums: int | str | tuple[int | str, ...] = 0
    has_aux: bool = False
    with_value: bool = False
    kind: str = "grad"  # or "vjp"

    @property
    def name(self) -> str:
        own = getattr(self.function, "__name__", type(self.function).__name__)
        base = own if own.isidentifier() else "function"
        return f"{base}_{'value_and_grad' if self.with_value else self.kind}"


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
                raise ValueError(f"there is no stage {stage!r}; the stages are {', '.join(texts)}")
            return texts[stage]
        return "\n".join(f"# ---- {name}\n{text}" for name, text in texts.items())


def selected(argnums: int | str | tuple[int | str, ...], parameters: Parameters) -> list[tuple[int, str]]:
    """The arguments to differentiate: (parameter number, text that reaches it). GradientError for a wrong one."""
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    names = [name for name, _, _ in parameters]
    found: list[tuple[int, str]] = []
    for one in wanted:
        if isinstance(one, str):
            if one in names:
                found.append((names.index(one), one))
                continue
            keywords = next((i for i, (_, kind, v) in enumerate(parameters) if kind == "**kwargs" and one in v), None)
            if keywords is None:
                raise GradientError(
                    explain(f"there is no argument called {one!r}", fix=f"argnums={names[0]!r}", anchor="argnums")
                )
            found.append((keywords, f"{names[keywords]}[{one!r}]"))
            continue
        found.append(_by_number(int(one), parameters))
    return found


def _by_number(number: int, parameters: Parameters) -> tuple[int, str]:
    flat: list[tuple[int, str]] = []
    for i, (name, kind, value) in enumerate(parameters):
        if kind == "positional":
            flat.append((i, name))
        elif kind == "*args":
            flat += [(i, f"{name}[{k}]") for k in range(len(value))]
    if not -len(flat) <= number < len(flat):
        raise GradientError(
            explain(
                f"argnums={number}, but the function was called with {len(flat)} positional argument(s)",
                fix="argnums=0, or the name of a keyword argument",
                anchor="argnums",
            )
        )
    return flat[number]


@dataclass(slots=True)
class Target:
    """One argument to differentiate: its leaves in the trace and the shape that the gradient is returned in."""

    path: str
    structure: Structure
    values: list[Value]
    types: list[ArrayType]
    is_array: list[bool]


def targets(request: Request, parameters: Parameters, arguments: Sequence[Argument]) -> list[Target]:
    """The wanted arguments, each checked to be differentiable."""
    found = []
    for number, path in selected(request.argnums, parameters):
        name, _, value = parameters[number]
        argument = arguments[number]
        structure, start = argument.structure, 0
        if path != name:
            key = next(k for k in structure.keys if f"{name}[{k!r}]" == path)
            place = structure.keys.index(key)
            start = sum(child.leaf_count for child in structure.children[:place])
            structure, value = structure.children[place], value[key]
        count = structure.leaf_count
        types = argument.types[start : start + count]
        leaves = flatten(value)[0]
        _check_differentiable(path, structure, types, value)
        arrays = [isinstance(leaf, np.ndarray | AbstractLeaf) for leaf in leaves]
        found.append(Target(path, structure, argument.values[start : start + count], types, arrays))
    return found


def _check_differentiable(path: str, structure: Structure, types: list[ArrayType], value: Any) -> None:
    if structure.kind == "static":
        hint = f"{float(value)!r} instead of {value!r}" if isinstance(value, int) else "an array or a float"
        raise GradientError(
            explain(
                f"the gradient with respect to {path} does not exist: it is {_a(type(value).__name__)}",
                fix=f"pass {hint}, or choose another argument with argnums=",
                anchor="integer-arguments",
            )
        )
    for type_, (leaf, _) in zip(types, structure.paths(path), strict=True):
        if not type_.inexact:
            raise GradientError(
                explain(
                    f"the gradient with respect to {leaf} does not exist: it is an array of {type_.dtype}",
                    fix=f"pass {leaf}.astype(float), or choose another argument with argnums=",
                    anchor="integer-arguments",
                )
            )


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def check_scalar(request: Request, recording: Recording) -> tuple[Value, Structure | None, list[Value]]:
    """The single number that the function returns, and what comes with it as aux. GradientError for anything else."""
    structure, results = recording.result_structure, recording.results
    aux_structure = None
    aux: list[Value] = []
    if request.has_aux:
        if structure.kind != "tuple" or len(structure.children) != 2:
            raise GradientError(
                explain(
                    "with has_aux=True the function must return a pair (value, aux)", recording.origin, anchor="aux"
                )
            )
        count = structure.children[0].leaf_count
        aux_structure, aux = structure.children[1], results[count:]
        structure, results = structure.children[0], results[:count]
    if structure.kind != "leaf":
        what = f"a {structure.kind} of {len(structure.children)}"
        if structure.kind == "static":
            other = structure.value.value
            what = "nothing" if other is None else _a(type(other).__name__)
        fix = "return one number"
        if structure.kind == "tuple" and len(structure.children) == 2 and not request.has_aux:
            fix = "has_aux=True, if the second is only carried along"
        raise GradientError(
            explain(f"the function must return one number, but returned {what}", recording.origin, fix, "outputs")
        )
    (value,) = results
    if value.size != 1:
        raise GradientError(
            explain(
                f"the function must return one number, but returned an array of shape {value.shape}",
                recording.origin,
                "return out.sum(), or use vjp for a function with several outputs",
                "outputs",
            )
        )
    if value.dtype.kind == "c":
        raise GradientError(
            explain(
                "the function returned a complex number", recording.origin, "return out.real or abs(out)", "outputs"
            )
        )
    return value, aux_structure, aux


def differentiate(builder: Builder, seeds: list[tuple[Value, Value]], wanted: list[Target]) -> list[Value]:
    """The finished gradient of every leaf: in full, with the leaf's dtype, zero where nothing depends on it."""
    flat = [value for target in wanted for value in target.values]
    try:
        found = backward(builder, seeds, flat)
    except NotDifferentiable as error:
        origin = error.equation.origin
        raise UnsupportedError(
            explain(f"there is no gradient here: {error}", origin, "stop_gradient(x) if it is meant to be constant")
        ) from None
    types = [t for target in wanted for t in target.types]
    arrays = [a for target in wanted for a in target.is_array]
    finished = []
    level = max((e.level for e in builder.equations), default=0)
    for gradient, type_, is_array, of in zip(found, types, arrays, flat, strict=True):
        made = builder.definition(gradient) if gradient is not None else None
        before = len(builder.equations)
        with builder.at(made.origin if made else None, max(level, 1)):
            finished.append(finish(builder, gradient, type_, is_array))
        if len(builder.equations) > before and not finished[-1].atom.name:  # type: ignore[union-attr]
            finished[-1].atom.name = f"d{of.atom.name}"  # type: ignore[union-attr]
    return finished


def finish(builder: Builder, gradient: Value | None, type_: ArrayType, is_array: bool) -> Value:
    """One gradient with the shape, the dtype and the kind of its argument."""
    if type_.weak:
        zero = complex(0) if type_.dtype.kind == "c" else 0.0
        if gradient is None:
            return builder.value(zero)
        if gradient.literal is not None:
            return builder.value(type(zero)(gradient.literal))
        gradient = match_dtype(gradient, type_)
        return gradient if gradient.type.weak else _named(python_number(gradient), gradient)
    if gradient is None and not type_.shape and not is_array:
        return builder.value(type_.dtype.type(0))
    if gradient is None:
        empty: Value = builder.emit(filled, value=0, shape=type_.shape, dtype=type_.dtype)
        return empty
    if gradient.literal is not None and not type_.shape and not is_array:
        return builder.value(type_.dtype.type(gradient.literal))
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


def compile_request(
    request: Request, parameters: Parameters, signature: inspect.Signature, abstract: bool = False
) -> Stages:
    """Trace, differentiate, optimize, print and load. Raises what the function raises, or a TapelessError."""
    recording = record(request.function, parameters, abstract)
    wanted = targets(request, parameters, recording.arguments)
    for argument in recording.arguments:
        check_keys(argument.structure, argument.name)
    check_keys(recording.result_structure, "the result")
    adjoint_of = pullback_program if request.kind == "vjp" else gradient_program
    parts = adjoint_of(request, recording, wanted)
    optimized = copy_shared_outputs(optimize(parts.adjoint), parts.fresh)
    leaves = [path for a in recording.arguments for path, _ in a.structure.paths(a.name)]
    checks = static_checks(recording.arguments)
    described = describe(request, recording, wanted, parts.returned)
    text = parameters_text(parameters, signature)
    arrays = array_shapes(recording.arguments)
    apart = [(leaves[i], [other for other, _ in arrays if other != leaves[i]]) for i in written(optimized)]
    alone = (arrays, apart) if abstract else ()  # a module has no cache and no caller that checks these
    shape = Signature(request.name, text, leaves, checks, parts.result, *described, parts.closure, *alone)
    generated = generate(optimized, shape, recording.origin.file, parts.cotangents)
    guards = [e.origin for e in optimized.equations if e.op.name == "guard" and e.origin]
    function = load(generated, request.name, recording.captured)
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


@dataclass(frozen=True, slots=True)
class Parts:
    """What distinguishes a gradient from a pullback once the reverse pass is written."""

    trace: Program
    adjoint: Program
    fresh: range  # the outputs that are handed out as arrays of their own
    result: str  # the returned expression over the outputs
    returned: str  # its types, for the docstring
    closure: tuple[str, str] | None = None
    cotangents: int = 0


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
    first = int(request.with_value)
    fresh = range(first, first + len(gradients))
    shown = _gradient_types(request, wanted)
    returned = f"{type_text(value.type)}, {shown}" if request.with_value else shown
    result = result_text(request, wanted, aux_structure)
    return Parts(trace, adjoint, fresh, result, returned + (", aux" if aux_structure is not None else ""))


def pullback_program(request: Request, recording: Recording, wanted: list[Target]) -> Parts:
    """The function's results, and the function from their cotangents to those of the arguments."""
    for argument in recording.arguments:
        if any(recording.trace.roots[value.atom].version for value in argument.values):
            raise UnsupportedError(
                explain(
                    f"vjp of a function that writes into its argument {argument.name}",
                    recording.origin,
                    f"{argument.name} = {argument.name}.copy() as the first line of the function",
                    "arguments-that-are-written",
                )
            )
    builder = recording.trace.builder
    trace = builder.program(request.name, recording.results, recording.origin)
    cotangents = []
    for number, result in enumerate(recording.results):
        name = getattr(result.atom, "name", "") or ("y" if len(recording.results) == 1 else f"y{number}")
        cotangents.append(builder.input(result.type, f"d{name}"))
    gradients = differentiate(builder, list(zip(recording.results, cotangents, strict=True)), wanted)
    adjoint = builder.program(request.name, [*recording.results, *gradients], recording.origin)
    count = len(recording.results)
    shown, place = structure_text(recording.result_structure, "out", 0, gradients=False)
    parts = []
    for target in wanted:
        part, place = structure_text(target.structure, target.path, place)
        parts.append(part)
    pulled = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    returned = f"{', '.join(type_text(r.type) for r in recording.results)}, pullback"
    fresh = range(count, count + len(gradients))
    return Parts(trace, adjoint, fresh, shown, returned, ("pullback", pulled), count)


def _gradient_types(request: Request, wanted: list[Target]) -> str:
    shown = ", ".join(type_text(t) for target in wanted for t in target.types)
    several = isinstance(request.argnums, tuple) or sum(len(t.types) for t in wanted) > 1
    return f"({shown})" if several else shown


def _name_value(value: Value) -> None:
    if isinstance(value.atom, Var) and not value.atom.named:
        value.atom.name, value.atom.named = "value", True


def static_text(value: Any, path: str) -> str:
    """What the function returns besides arrays, written into the text."""
    if value is None or type(value) in (bool, int, str):
        return spelled(value)
    raise GradientError(
        explain(
            f"the function returns {_a(type(value).__name__)} ({path}), which the generated text cannot build",
            fix="return arrays, numbers, strings, and dicts, lists and tuples of them",
            anchor="outputs",
        )
    )


def spelled(value: Any) -> str:
    """A key or a plain value as text, with nothing in it that a template would take for a place."""
    return repr(value).replace("{", "\\x7b").replace("}", "\\x7d").replace("|", "\\x7c")


def check_keys(structure: Structure, path: str) -> None:
    """Refuse dictionary keys that no text can spell."""
    for key, child in zip(structure.keys, structure.children, strict=True):
        parts = key if type(key) is tuple else (key,)
        if not all(part is None or type(part) in (str, int, bool, float) for part in parts):
            raise GradientError(
                explain(
                    f"{path} has the key {key!r}, {_a(type(key).__name__)}, which the generated text cannot spell",
                    fix="use strings or integers as keys",
                    anchor="outputs",
                )
            )
        check_keys(child, path)


def structure_text(structure: Structure, path: str, place: int, gradients: bool = True) -> tuple[str, int]:
    """An expression that builds the structure from outputs {place}, {place + 1} ...; returns the next place too.

    The gradient of what is not an array is None.
    """
    if structure.kind == "leaf":
        return f"{{{place}}}", place + 1
    if structure.kind == "static":
        return ("None" if gradients else static_text(structure.value.value, path)), place
    if structure.kind in ("namedtuple", "dataclass") and not gradients:
        raise GradientError(
            explain(
                f"the function returns a {structure.kind}, which the generated text cannot build",
                fix="return a dict, a list or a tuple",
                anchor="outputs",
            )
        )
    parts = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        attribute = structure.kind in ("namedtuple", "dataclass")
        inner, place = structure_text(
            child, f"{path}.{key}" if attribute else f"{path}[{spelled(key)}]", place, gradients
        )
        parts.append((key, inner))
    if structure.kind == "dict":
        return "{" + ", ".join(f"{spelled(key)}: {inner}" for key, inner in parts) + "}", place
    if structure.kind == "list":
        return "[" + ", ".join(inner for _, inner in parts) + "]", place
    if structure.kind == "tuple":
        return "(" + ", ".join(inner for _, inner in parts) + ("," if len(parts) == 1 else "") + ")", place
    fields = ", ".join(f"{key}={inner}" for key, inner in parts)
    return f"type({path})({fields})", place


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


def describe(request: Request, recording: Recording, wanted: list[Target], returned: str) -> tuple[str, str]:
    """The two lines of the docstring."""
    own = getattr(request.function, "__name__", "function")
    place = f" ({recording.origin})" if recording.origin.file else ""
    what = "Value and pullback" if request.kind == "vjp" else "Value and gradient" if request.with_value else "Gradient"
    first = f"{what} of {own}{place} with respect to {', '.join(t.path for t in wanted)}."
    inputs = ", ".join(
        f"{path}: {type_text(t)}"
        for a in recording.arguments
        for (path, _), t in zip(a.structure.paths(a.name), a.types, strict=True)
    )
    return first, f"{inputs}  ->  {returned}"


def type_text(type_: ArrayType) -> str:
    """`float64[32, 10]`, as in the docstrings."""
    if type_.weak:
        return str(type_)
    name = type_.dtype.name
    return f"{name}[{', '.join(map(str, type_.shape))}]" if type_.shape else name
