"""The leaves of a cotangent, in the order of the result that it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tracer.errors import GradientError, explain
from ..tracer.site import called_at
from ..tracer.structure import Structure, is_array_leaf


def cotangent_leaves(cotangent: Any, structure: Structure, path: str = "") -> list[Any]:
    """By key and place, not by the order in which a dict was filled. GradientError when the structures differ."""
    if structure.kind == "leaf":
        if type(cotangent) is int:
            return [float(cotangent)]
        if not is_array_leaf(cotangent):
            raise _misfit(path, "an array or a number", cotangent)
        return [cotangent]
    if structure.kind == "static":
        return []
    keys, named = structure.keys, structure.kind in ("namedtuple", "dataclass")
    if structure.kind == "dict":
        if not isinstance(cotangent, dict) or set(cotangent) != set(keys):
            raise _misfit(path, f"a dict with the keys {', '.join(map(repr, keys))}", cotangent)
    elif named:
        if not all(hasattr(cotangent, key) for key in keys):
            raise _misfit(path, f"something with the fields {', '.join(keys)}", cotangent)
    elif not isinstance(cotangent, list | tuple) or len(cotangent) != len(keys):
        raise _misfit(path, f"a {structure.kind} of {len(keys)}", cotangent)
    found = []
    for key, child in zip(keys, structure.children, strict=True):
        part = getattr(cotangent, key) if named else cotangent[key]
        found += cotangent_leaves(part, child, f"{path}.{key}" if named else f"{path}[{key!r}]")
    return found


def check_cotangent_shape(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """GradientError for a cotangent that would have to be broadcast."""
    if given != wanted:
        raise GradientError(
            explain(
                f"the cotangent has shape {given}, the function's result {wanted}",
                called_at(),
                f"pullback(np.broadcast_to(cotangent, {wanted}))",
                "cotangents",
            )
        )


def check_cotangent_dtype(given: np.dtype[Any], wanted: np.dtype[Any]) -> None:
    """GradientError for a cotangent that would lose something on the way to the result's dtype."""
    if given.kind not in "biufc" or (given.kind == "c" and wanted.kind != "c"):
        raise GradientError(
            explain(
                f"the cotangent has the dtype {given}, the function's result {wanted}",
                called_at(),
                "pullback(cotangent.real)" if given.kind == "c" else "pullback(cotangent.astype(float))",
                "cotangents",
            )
        )


def _misfit(path: str, wanted: str, given: Any) -> GradientError:
    shown = (
        f"{type(given).__name__} of {len(given)}" if isinstance(given, dict | list | tuple) else type(given).__name__
    )
    return GradientError(
        explain(
            f"the cotangent{path} is a {shown}, the function's result there is {wanted}",
            called_at(),
            "y, pullback = vjp(f, x), then pullback(y): a cotangent has the structure of y",
            "cotangents",
        )
    )
