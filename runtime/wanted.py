"""What a gradient is taken of, and with respect to what: the arguments and the number, each checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.builder import Value
from ..ir.program import Origin
from ..ir.types import ArrayType
from ..tracer.errors import GradientError, explain
from ..tracer.function import Argument, Recording
from ..tracer.site import called_at, return_place
from ..tracer.structure import Structure, flatten
from .binding import Parameters

if TYPE_CHECKING:
    from .request import Request


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
                    explain(
                        f"there is no argument called {one!r} among {', '.join(names)}",
                        called_at(),
                        f"argnums={names[0]!r}" if names else "f(x), with an argument x to differentiate",
                        "argnums",
                    )
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
                called_at(),
                "argnums=0, or the name of a keyword argument, argnums='scale'",
                "argnums",
            )
        )
    return flat[number]


@dataclass(slots=True, eq=False)
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
        _check_differentiable(path, structure, types, value, len(parameters) > 1)
        arrays = [isinstance(leaf, np.ndarray) for leaf in leaves]  # of no axes; `f64` alone means a number
        found.append(Target(path, structure, argument.values[start : start + count], types, arrays))
    return found


def _check_differentiable(path: str, structure: Structure, types: list[ArrayType], value: Any, others: bool) -> None:
    other = ", or choose another argument: grad(f, argnums=1)" if others else ""
    if structure.kind == "static":
        number = isinstance(value, int)
        hint = f"{float(value)!r} instead of {value!r}" if number else f"{path}=1.0 or {path}=np.ones(3)"
        raise GradientError(
            explain(
                f"the gradient with respect to {path} does not exist: it is {a_noun(type(value).__name__)}",
                called_at(),
                f"pass {hint}{other}",
                "integer-arguments",
            )
        )
    if not types and value:
        raise GradientError(
            explain(
                f"the gradient with respect to {path} does not exist: no float and no array is in it",
                called_at(),
                f"pass np.array({path}, float){other}",
                "integer-arguments",
            )
        )
    for type_, (leaf, _) in zip(types, structure.paths(path), strict=True):
        if not type_.inexact:
            raise GradientError(
                explain(
                    f"the gradient with respect to {leaf} does not exist: it is an array of {type_.dtype}",
                    called_at(),
                    f"pass {leaf}.astype(float){other}",
                    "integer-arguments",
                )
            )


def a_noun(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@dataclass(slots=True, eq=False)
class Outcome:
    """What a function returned: the results to be differentiated, and with has_aux what came along."""

    structure: Structure
    results: list[Value]
    aux_structure: Structure | None
    aux: list[Value]


def outcome(request: Request, recording: Recording) -> Outcome:
    """The results and the aux apart. GradientError where has_aux was asked for and no pair was returned."""
    structure, results = recording.result_structure, recording.results
    if not request.has_aux:
        return Outcome(structure, results, None, [])
    if structure.kind != "tuple" or len(structure.children) != 2:
        raise GradientError(
            explain(
                "with has_aux=True the function must return a pair (value, aux)",
                returned_at(request, recording),
                "return value, aux, or leave out has_aux=True",
                "aux",
            )
        )
    count = structure.children[0].leaf_count
    return Outcome(structure.children[0], results[:count], structure.children[1], results[count:])


def returned_at(request: Request, recording: Recording) -> Origin:
    """Where the function returns, for messages."""
    return return_place(getattr(request.function, "__code__", None)) or recording.origin


def check_scalar(request: Request, recording: Recording) -> tuple[Value, Structure | None, list[Value]]:
    """The single number that the function returns, and what comes with it as aux. GradientError for anything else."""
    where = returned_at(request, recording)
    found = outcome(request, recording)
    structure, results, aux_structure, aux = found.structure, found.results, found.aux_structure, found.aux
    if structure.kind != "leaf":
        what = f"a {structure.kind} of {len(structure.children)}"
        if structure.kind == "static":
            other = structure.value.value
            what = "nothing" if other is None else a_noun(type(other).__name__)
        fix = "return np.sum(out), one number"
        if structure.kind == "tuple" and len(structure.children) == 2 and not request.has_aux:
            fix = "grad(f, has_aux=True), if the second is only carried along"
        elif structure.kind == "static":
            fix = "return loss, the number to differentiate, at the end of the function"
            if isinstance(other, Iterator):
                fix = "return sum(v for v in x), or np.stack(list(...)) of what a generator gives"
        elif structure.kind == "dict" and structure.keys:
            fix = f"return out[{structure.keys[0]!r}], or with has_aux=True: return out[{structure.keys[0]!r}], out"
        raise GradientError(explain(f"the function must return one number, but returned {what}", where, fix, "outputs"))
    (value,) = results
    if value.size != 1:
        raise GradientError(
            explain(
                f"the function must return one number, but returned an array of shape {value.shape}",
                where,
                "return out.sum(); or jacobian(f), or elementwise_grad(f) if it works element by element, or vjp(f, x)",
                "outputs",
            )
        )
    if value.dtype.kind == "c":
        raise GradientError(
            explain(
                "the function returned a complex number, which has no gradient",
                where,
                "return out.real, out.imag or abs(out); vjp(f, x) differentiates a complex result",
                "outputs",
            )
        )
    return value, aux_structure, aux
