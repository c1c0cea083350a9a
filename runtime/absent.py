"""The module that is to be written, while it does not exist: the package around it may import it already."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn


class _Stand(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the file where it will lie, as a module that has every name."""

    def __init__(self, file: str) -> None:
        self.file = os.path.abspath(file)
        self.names: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        own = f"{fullname.rpartition('.')[2]}.py"
        if all(os.path.join(os.path.abspath(folder), own) != self.file for folder in path or sys.path):
            return None
        self.names.append(fullname)
        return importlib.machinery.ModuleSpec(fullname, self, origin=self.file)

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: _missing(name, module.__name__)  # type: ignore[method-assign, assignment]


def _missing(name: str, module: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)

    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{module}.{name} is being generated and cannot be called yet")

    return call


@contextmanager
def absent(output: str | None) -> Iterator[None]:
    """Let the module at `output` be imported though nobody has written it; afterwards it is forgotten."""
    if output is None or os.path.exists(output):
        yield
        return
    stand = _Stand(output)
    sys.meta_path.insert(0, stand)
    try:
        yield
    finally:
        sys.meta_path.remove(stand)
        for name in stand.names:
            sys.modules.pop(name, None)
