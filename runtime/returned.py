"""How structures are written in the text: what a function returns, and gradients in the shape of the arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..tracer.errors import GradientError, explain
from ..tracer.function import Recording
from ..tracer.site import called_at
from ..tracer.structure import Structure
from .wanted import a_noun


def instances(recording: Recording) -> dict[type, str]:
    """For the user's classes that the arguments are made of an expression that reaches an instance."""
    return {kind: path for a in recording.arguments for kind, path in _container_types(a.structure, a.name)}


def _container_types(structure: Structure, path: str) -> Iterator[tuple[type, str]]:
    """Every class of the user's in a structure, and an expression that reaches an instance."""
    attribute = structure.kind in ("namedtuple", "dataclass")
    if attribute and structure.type is not None:
        yield structure.type, path
    for key, child in zip(structure.keys, structure.children, strict=True):
        yield from _container_types(child, f"{path}.{key}" if attribute else f"{path}[{spelled(key)}]")


def static_text(value: Any, path: str) -> str:
    """What the function returns besides arrays, written into the text."""
    if value is None or type(value) in (bool, int, str):
        return spelled(value)
    raise GradientError(
        explain(
            f"the function returns {a_noun(type(value).__name__)} ({path}), which the generated text cannot build",
            called_at(),
            "return loss, {'count': n}: arrays, numbers, strings, and dicts, lists and tuples of them",
            "outputs",
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
                    f"{path} has the key {key!r}, {a_noun(type(key).__name__)}, which the generated text cannot spell",
                    called_at(),
                    "use strings or numbers as keys: params['name'], params[0]",
                    "outputs",
                )
            )
        check_keys(child, path)


def _check_fields(structure: Structure, path: str) -> None:
    """Refuse a dataclass that its own __init__ cannot make from its fields."""
    derived = [f.name for f in dataclasses.fields(structure.type) if not f.init]  # type: ignore[arg-type]
    if derived:
        raise GradientError(
            explain(
                f"a gradient cannot have the type of {path}: {structure.type.__name__}() does not take its "  # type: ignore[union-attr]
                f"field {derived[0]}",
                called_at(),
                f"make {derived[0]} a property, or differentiate with respect to a dict of the other fields",
                "outputs",
            )
        )


def structure_text(
    structure: Structure, path: str, place: int, gradients: bool = True, made: Mapping[type, str] | None = None
) -> tuple[str, int]:
    """An expression that builds the structure from outputs {place}, {place + 1} ...; returns the next place too.

    The gradient of what is not an array is None. `made` says which expressions are instances of the user's classes.
    """
    if structure.kind == "leaf":
        return f"{{{place}}}", place + 1
    if structure.kind == "static":
        return ("None" if gradients else static_text(structure.value.value, path)), place
    instance = path if gradients else (made or {}).get(structure.type)  # type: ignore[arg-type]
    if structure.kind in ("namedtuple", "dataclass") and instance is None:
        raise GradientError(
            explain(
                f"the function returns a {structure.kind}, which the generated text cannot build",
                called_at(),
                "return {'value': ...}: a dict, a list or a tuple",
                "outputs",
            )
        )
    if structure.kind == "dataclass":
        _check_fields(structure, path)
    parts = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        attribute = structure.kind in ("namedtuple", "dataclass")
        inner, place = structure_text(
            child, f"{path}.{key}" if attribute else f"{path}[{spelled(key)}]", place, gradients, made
        )
        parts.append((key, inner))
    if structure.kind == "dict":
        return "{" + ", ".join(f"{spelled(key)}: {inner}" for key, inner in parts) + "}", place
    if structure.kind == "list":
        return "[" + ", ".join(inner for _, inner in parts) + "]", place
    if structure.kind == "tuple":
        return "(" + ", ".join(inner for _, inner in parts) + ("," if len(parts) == 1 else "") + ")", place
    fields = ", ".join(f"{key}={inner}" for key, inner in parts)
    return f"type({instance})({fields})", place
