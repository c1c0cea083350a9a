"""Functions that wrap another one in pickles: by name where a module holds them, else by their parts."""

from __future__ import annotations

import copyreg
import sys
from typing import Any


def name_in_module(thing: Any) -> str | None:
    """The name under which its module holds this very object: what __reduce__ returns for it, as functions do."""
    name: str = getattr(thing, "__qualname__", "")
    found: Any = sys.modules.get(getattr(thing, "__module__", None) or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is thing else None


def by_attributes(thing: Any) -> tuple[Any, ...]:
    """As Python pickles any object: its class and its attributes, which may lead back to it."""
    return copyreg.__newobj__, (type(thing),), thing.__dict__  # type: ignore[attr-defined]
