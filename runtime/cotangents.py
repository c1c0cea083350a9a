"""The leaves of a cotangent, in the order of the result that it belongs to; of a tangent, in that of its argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.types import ArrayType, type_of
from ..tracer.errors import GradientError, explain
from ..tracer.site import called_at
from ..tracer.structure import Structure, is_array_leaf
from .wanted import a_noun


@dataclass(frozen=True, slots=True)
class Role:
    """What a direction is called in messages, what it belongs to, and how it is passed."""

    name: str
    of: str
    call: str
    structure: str
    page: str


COTANGENT = Role(
    "the cotangent",
    "the function's result",
    "pullback({})",
    "y, pullback = vjp(f, x), then pullback(y): a cotangent has the structure of y",
    "cotangents",
)
TANGENT = Role(
    "the tangent",
    "the argument",
    "jvp(f, (x,), ({},))",
    "jvp(f, (x,), (v,)) or hvp(f)(x, v), with v of the structure of x",
    "tangents",
)


def direction_leaves(value: Any, structure: Structure, role: Role = COTANGENT, path: str = "") -> list[Any]:
    """By key and place, not by the order in which a dict was filled. GradientError when the structures differ."""
    if structure.kind == "leaf":
        if type(value) is int:
            return [float(value)]
        if not is_array_leaf(value):
            raise _misfit(path, "an array or a number", value, role)
        return [value]
    if structure.kind == "static":
        return []
    keys, named = structure.keys, structure.kind in ("namedtuple", "dataclass")
    if structure.kind == "dict":
        if not isinstance(value, dict) or set(value) != set(keys):
            raise _misfit(path, f"a dict with the keys {', '.join(map(repr, keys))}", value, role)
    elif named:
        if not all(hasattr(value, key) for key in keys):
            raise _misfit(path, f"something with the fields {', '.join(keys)}", value, role)
    elif not isinstance(value, list | tuple) or len(value) != len(keys):
        raise _misfit(path, f"a {structure.kind} of {len(keys)}", value, role)
    found = []
    for key, child in zip(keys, structure.children, strict=True):
        part = getattr(value, key) if named else value[key]
        found += direction_leaves(part, child, role, f"{path}.{key}" if named else f"{path}[{key!r}]")
    return found


def check_shape(given: tuple[int, ...], wanted: tuple[int, ...], role: Role = COTANGENT) -> None:
    """GradientError for a direction that would have to be broadcast."""
    if given != wanted:
        fix = role.call.format(f"np.broadcast_to({role.name.split()[-1]}, {wanted})")
        cause = f"{role.name} has shape {given}, {role.of} {wanted}"
        raise GradientError(explain(cause, called_at(), fix, role.page))


def check_dtype(given: np.dtype[Any], wanted: np.dtype[Any], role: Role = COTANGENT) -> None:
    """GradientError for a direction that would lose something on the way to the dtype of what it belongs to."""
    if given.kind not in "biufc" or (given.kind == "c" and wanted.kind != "c"):
        short = role.name.split()[-1]
        fix = role.call.format(f"{short}.real" if given.kind == "c" else f"{short}.astype(float)")
        cause = f"{role.name} has the dtype {given}, {role.of} {wanted}"
        raise GradientError(explain(cause, called_at(), fix, role.page))


def fitted(leaf: Any, type_: ArrayType, role: Role = COTANGENT) -> Any:
    """A direction's leaf with the dtype of what it belongs to. GradientError for one that does not fit."""
    check_dtype(np.asarray(leaf).dtype, type_.dtype, role)
    given = type_of(leaf)
    check_shape(given.shape, type_.shape, role)
    if type_.weak or (given.dtype == type_.dtype and not given.weak):
        return leaf
    return np.asarray(leaf, dtype=type_.dtype)[()]


def _misfit(path: str, wanted: str, given: Any, role: Role) -> GradientError:
    shown = a_noun(type(given).__name__)
    if isinstance(given, dict | list | tuple):
        shown += f" of {len(given)}"
    elif is_array_leaf(given):
        shape = getattr(given, "shape", ())
        shown = f"an array of shape {shape}" if shape else "a number"
    cause = f"{role.name}{path} is {shown}, {role.of} there is {wanted}"
    return GradientError(explain(cause, called_at(), role.structure, role.page))
