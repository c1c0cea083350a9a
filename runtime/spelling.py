"""The types of arguments at hand, in the words of --args."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.types import type_of
from ..tracer.structure import opened
from .signatures import CommandError


def types_of(arguments: Sequence[Any]) -> str:
    """`f64[32, 10], {'w': f64[10]}, float, 3` for arrays, dicts, numbers, static values. CommandError for others."""
    return ", ".join(map(_spelled, arguments))


def _spelled(value: Any) -> str:
    kind, keys, children = opened(value)
    if kind == "leaf":
        try:
            return str(type_of(value))
        except TypeError as error:
            raise CommandError(f"{error}; pass plain arrays and numbers, or write their types in a string") from None
    if kind == "static":
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        raise CommandError(
            f"a {type(value).__name__} cannot be written as an argument of a command; leave it to a default"
        )
    parts = [_spelled(child) for child in children]
    if kind == "dict":
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(keys, parts)) + "}"
    if kind == "list":
        return f"[{', '.join(parts)}]"
    if kind == "tuple":
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return f"{type(value).__name__}({', '.join(f'{key}={part}' for key, part in zip(keys, parts))})"
