"""What a workload is."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Workload:
    """A function in plain NumPy and its gradient by hand, twice.

    `best` is the fastest that we could write with NumPy alone, `naive` what a good student writes. Both return the
    value and the gradients of the first `count` arguments. `arguments(random, **sizes)` draws the arguments; `small`
    are sizes for tests. `blas` says whether matrix products or decompositions take part.
    """

    name: str
    title: str
    function: Callable[..., Any]
    best: Callable[..., Any]
    naive: Callable[..., Any]
    arguments: Callable[..., Arguments]
    sizes: dict[str, Any]
    small: dict[str, Any]
    count: int = 1
    blas: bool = False

    def draw(self, size: str) -> Arguments:
        """The arguments, the same ones in every process; `size` is "full" or "small"."""
        return self.arguments(np.random.default_rng(0), **(self.small if size == "small" else self.sizes))


def rebound(function: Callable[..., Any], **modules: Any) -> Callable[..., Any]:
    """The same text with other modules behind its global names, and so the functions of its file that it calls."""
    names = dict(function.__globals__, **modules)
    for name, found in function.__globals__.items():
        if isinstance(found, types.FunctionType) and found.__globals__ is function.__globals__:
            names[name] = types.FunctionType(found.__code__, names, name, found.__defaults__)
    return names[function.__name__]


def lines_of(function: Callable[..., Any]) -> int:
    """The lines of a function and of the functions of its file that it calls, without blank lines and comments."""
    seen: dict[str, Callable[..., Any]] = {}
    waiting = [function]
    while waiting:
        one = waiting.pop()
        seen[one.__name__] = one
        for name in one.__code__.co_names:
            found = one.__globals__.get(name)
            if isinstance(found, types.FunctionType) and found.__module__ == one.__module__ and name not in seen:
                waiting.append(found)
    return sum(written(inspect.getsource(one)) for one in seen.values())


def written(source: str) -> int:
    """The lines of a text that are neither blank nor a comment."""
    lines = (line.strip() for line in source.splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))
