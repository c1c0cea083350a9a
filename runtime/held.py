"""What a text was made for and holds its arguments to: the shapes of arrays, and values that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tracer.function import Argument
from ..tracer.structure import Structure


def array_shapes(arguments: Sequence[Argument]) -> list[tuple[str, tuple[int, ...]]]:
    """The arrays among the arguments: a text that no cache chooses by shape has to check them by itself."""
    return [
        (path, type_.shape)
        for argument in arguments
        for (path, _), type_ in zip(argument.structure.paths(argument.name), argument.types, strict=True)
        if type_.shape
    ]


def static_checks(arguments: Sequence[Argument]) -> list[tuple[str, Any]]:
    """Arguments whose values are part of the text, where they can be written down and compared."""
    found: list[tuple[str, Any]] = []

    def visit(structure: Structure, path: str) -> None:
        if structure.kind == "static":
            value = structure.value.value
            if value is None or type(value) in (bool, int, str):
                found.append((path, value))
        for key, child in zip(structure.keys, structure.children, strict=True):
            attribute = structure.kind in ("namedtuple", "dataclass")
            visit(child, f"{path}.{key}" if attribute else f"{path}[{key!r}]")

    for argument in arguments:
        visit(argument.structure, argument.name)
    return found
