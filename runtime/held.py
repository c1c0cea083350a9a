"""What a text was made for and holds its arguments to: which of them are arrays, and values that stand in it."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..codegen.annotations import container_annotation, leaf_annotation
from ..tracer.function import Argument
from ..tracer.structure import Structure
from .binding import NotPassed
from .signatures import CommandError


def arrays_within(arguments: Sequence[Argument]) -> list[str]:
    """The paths of the arrays among the arguments."""
    return [
        path
        for argument in arguments
        for (path, _), type_ in zip(argument.structure.paths(argument.name), argument.types, strict=True)
        if type_.shape
    ]


def static_checks(arguments: Sequence[Argument], alone: bool = False) -> list[tuple[str, Any]]:
    """Arguments whose values are part of the text, where they can be written down and compared.

    With `alone`, in the text of a module, all of them are, since no cache tells them apart: CommandError for a value
    that cannot be told.
    """
    found: list[tuple[str, Any]] = []

    def visit(structure: Structure, path: str) -> None:
        if structure.kind == "static":
            value = structure.value.value
            if value is None or type(value) in (bool, int, str):
                found.append((path, value))
            elif alone and value is not NotPassed.DEFAULT:
                found.append(_told(path, value))
        for key, child in zip(structure.keys, structure.children, strict=True):
            visit(child, _within(structure, path, key))

    for argument in arguments:
        visit(argument.structure, argument.name)
    return found


def _told(path: str, value: Any) -> tuple[str, Any]:
    """What a module can compare of a static value: itself, or the name of a function, a class or an enum's member."""
    name = getattr(value, "__name__", "")
    if isinstance(value, enum.Enum):
        return f"{path}.name", value.name
    if isinstance(name, str) and name.isidentifier():
        return f"{path}.__name__", name
    if isinstance(value, np.dtype):
        return path, value.str
    if type(value) in (bytes, slice, range):
        return path, value
    raise CommandError(
        f"{path} is a {type(value).__name__}, which a module cannot tell from another one; "
        "make it a string, a number or a named function, or read it from around the function"
    )


def containers_within(arguments: Sequence[Argument]) -> list[tuple[str, int | list[Any]]]:
    """The dicts among the arguments with their keys, whose order a function may go by; lists and tuples with their
    lengths."""
    found: list[tuple[str, int | list[Any]]] = []

    def visit(structure: Structure, path: str) -> None:
        if structure.kind in ("dict", "list", "tuple"):
            found.append((path, list(structure.keys) if structure.kind == "dict" else len(structure.keys)))
        for key, child in zip(structure.keys, structure.children, strict=True):
            visit(child, _within(structure, path, key))

    for argument in arguments:
        visit(argument.structure, argument.name)
    return found


def _within(structure: Structure, path: str, key: Any) -> str:
    """How the part of a container is reached."""
    return f"{path}.{key}" if structure.kind in ("namedtuple", "dataclass") else f"{path}[{key!r}]"


def parameter_types(arguments: Sequence[Argument]) -> dict[str, str]:
    """The types of the parameters, as far as they can be named with numpy alone."""
    found = {}
    for argument in arguments:
        leaves = iter(map(leaf_annotation, argument.types))
        annotation = _annotation(argument.structure, leaves)
        if annotation is not None:
            found[argument.name] = annotation
    return found


def _annotation(structure: Structure, leaves: Iterator[str]) -> str | None:
    if structure.kind == "leaf":
        return next(leaves)
    if structure.kind == "static":
        value = structure.value.value
        if value is None:
            return "None"
        return type(value).__name__ if type(value) in (bool, int, str) else None
    parts = [_annotation(child, leaves) for child in structure.children]
    return container_annotation(structure.kind, structure.keys, parts)
