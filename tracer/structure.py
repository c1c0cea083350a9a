"""Nested arguments: dicts, lists, tuples, named tuples and dataclasses as leaves and the structure that holds them."""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a container. `kind` is leaf, static, dict, list, tuple, namedtuple or dataclass."""

    kind: str
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()
    type: type | None = None
    value: Any = None  # of a static leaf; of a defaultdict what makes its defaults

    @property
    def leaf_count(self) -> int:
        return 1 if self.kind == "leaf" else sum(child.leaf_count for child in self.children)

    def paths(self, prefix: str = "") -> Iterator[tuple[str, Structure]]:
        """The leaves in order, each with the Python expression that reaches it from `prefix`."""
        if self.kind == "leaf":
            yield prefix, self
        for key, child in zip(self.keys, self.children, strict=True):
            attribute = self.kind in ("namedtuple", "dataclass")
            yield from child.paths(f"{prefix}.{key}" if attribute else f"{prefix}[{key!r}]")

    def statics(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """The static values inside, each with the Python expression that reaches it from `prefix`."""
        if self.kind == "static":
            yield prefix, self.value.value
        for key, child in zip(self.keys, self.children, strict=True):
            attribute = self.kind in ("namedtuple", "dataclass")
            yield from child.statics(f"{prefix}.{key}" if attribute else f"{prefix}[{key!r}]")

    def classes(self) -> Iterator[Any]:
        """The classes of the containers."""
        if self.type is not None:
            yield self.type
        for child in self.children:
            yield from child.classes()


LEAF = Structure("leaf")


def is_array_leaf(value: Any) -> bool:
    """Whether a value is traced: arrays, NumPy scalars and Python floats; ints, bools and strings are static."""
    return isinstance(value, np.ndarray | np.generic | float | complex) or hasattr(value, "__array_ufunc__")


def flatten(value: Any, numbers: bool = False) -> tuple[list[Any], Structure]:
    """The leaves of a nested value in a fixed order, and its structure; dicts in the order of their insertion.

    With `numbers`, Python integers and booleans are leaves too, as they are in what a loop carries.
    """
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves, numbers)


def _flatten(value: Any, leaves: list[Any], numbers: bool) -> Structure:
    if is_array_leaf(value) or (numbers and isinstance(value, int)):
        leaves.append(value)
        return LEAF
    kind, keys, children = _open(value)
    if kind == "static":
        return Structure("static", value=_Static(value))
    inner = tuple(_flatten(child, leaves, numbers) for child in children)
    made_by = _Static(value.default_factory) if isinstance(value, defaultdict) else None
    return Structure(kind, keys, inner, type(value), made_by)


def _open(value: Any) -> tuple[str, tuple[Any, ...], list[Any]]:
    if isinstance(value, dict):
        return "dict", tuple(value), list(value.values())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "namedtuple", value._fields, list(value)
    if isinstance(value, tuple | list):
        return "tuple" if isinstance(value, tuple) else "list", tuple(range(len(value))), list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(f.name for f in dataclasses.fields(value))
        return "dataclass", names, [getattr(value, name) for name in names]
    return "static", (), []


def opened(value: Any) -> tuple[str, tuple[Any, ...], list[Any]]:
    """(kind, keys, children) of a container; the kind of what is none is leaf or static."""
    return ("leaf", (), []) if is_array_leaf(value) else _open(value)


_BY_VALUE = {*sys.stdlib_module_names, "numpy"}  # whose classes mean the same by `==`


class _Static:
    """A value that is part of the structure: equal by type and value, by identity where its class may see less."""

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key: Any = (type(value), id(value))
        if type(value).__module__.partition(".")[0] in _BY_VALUE:
            with suppress(TypeError, ValueError):
                hash(value)
                self._key = (type(value), value, repr(value) if isinstance(value, float) else None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Static) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.value)


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The nested value with these leaves; a dataclass is made without calling its __init__ a second time in earnest."""
    if structure.kind == "leaf":
        return next(leaves)
    if structure.kind == "static":
        return structure.value.value
    children = [unflatten(child, leaves) for child in structure.children]
    return rebuild(structure, children)


def rebuild(structure: Structure, children: list[Any]) -> Any:
    """One container from its children."""
    if structure.kind == "dict":
        plain = dict(zip(structure.keys, children, strict=True))
        if structure.value is not None:
            return structure.type(structure.value.value, plain)  # type: ignore[misc]
        return plain if structure.type is dict else structure.type(plain)  # type: ignore[misc]
    if structure.kind == "list":
        return children
    if structure.kind == "tuple":
        return tuple(children)
    if structure.kind == "namedtuple":
        return structure.type(*children)  # type: ignore[misc]
    new: Any = object.__new__(structure.type)  # type: ignore[arg-type]
    for name, child in zip(structure.keys, children, strict=True):
        object.__setattr__(new, name, child)
    return new
