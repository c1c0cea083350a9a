"""The modules of a project, as [tool.tapeless] in its pyproject.toml lists them."""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from .ahead import Recipe, checked_kinds, parse_kinds
from .signatures import Argnums, CommandError, parse_argnums

NAME = "pyproject.toml"
_FUNCTION = {
    "target": str, "args": str, "kind": (str, list), "argnums": (str, int, list), "has_aux": bool, "name": str,
    "example": str, "written_for": str, "optimize": str,
}  # fmt: skip
_MODULE = {"output": str, "functions": list, **_FUNCTION}
_TABLE = {"modules": list, "path": list}
_EXAMPLE = '[[tool.tapeless.modules]] with output = "pkg/_gradients.py", target = "pkg.model:loss" and args = "f64[n]"'


@dataclass(frozen=True, slots=True)
class Module:
    """One file to write, and what it is made from."""

    output: str
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """All modules of a project; their paths begin at its root."""

    file: str
    modules: tuple[Module, ...]
    path: tuple[str, ...] = ()

    def place(self, module: Module) -> str:
        """What messages call a module."""
        return f"{NAME}, {module.output}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """With the root as the current folder, and what `path` lists in front of what is imported from."""
        before, search = os.getcwd(), list(sys.path)
        os.chdir(os.path.dirname(self.file))
        sys.path[:0] = [os.path.abspath(folder) for folder in self.path]
        try:
            yield
        finally:
            os.chdir(before)
            sys.path[:] = search


@contextmanager
def searched() -> Iterator[None]:
    """With what `path` lists in the project around the current folder in front of what is imported from."""
    folders: list[str] = []
    with suppress(CommandError):  # no project, or one that a command without a function would complain about
        project = read_project(os.getcwd())
        folders = [os.path.join(os.path.dirname(project.file), folder) for folder in project.path]
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(folder)


def read_project(start: str) -> Project:
    """The project around a folder: the nearest pyproject.toml. CommandError says what is missing or wrong in it."""
    file = _nearest(start)
    if file is None:
        raise CommandError(
            f"there is no {NAME} here or in a folder above; name a function, or list it there: {_EXAMPLE}"
        )
    try:
        with open(file, "rb") as stream:
            whole = tomllib.load(stream)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{NAME} cannot be read: {error}; correct that first") from None
    tool = whole.get("tool", {})
    table = tool.get("tapeless") if isinstance(tool, dict) else None
    if table is None:
        raise CommandError(f"{NAME} has no [tool.tapeless]; name a function, or list it there: {_EXAMPLE}")
    where = f"{NAME}, [tool.tapeless]"
    _check_keys(table, _TABLE, where)
    modules = table.get("modules", [])
    if not modules:
        raise CommandError(f"{where} lists no modules; write {_EXAMPLE}")
    made = tuple(_module(module, f"{where}, module {number}") for number, module in enumerate(modules, 1))
    outputs = [module.output for module in made]
    twice = next((output for output in outputs if outputs.count(output) > 1), None)
    if twice is not None:
        raise CommandError(f"{where} writes {twice} twice; put its functions into one module")
    return Project(file, made, tuple(_strings(table.get("path", []), f"{where}, path")))


def _nearest(start: str) -> str | None:
    folder = os.path.abspath(start)
    while True:
        file = os.path.join(folder, NAME)
        if os.path.isfile(file):
            return file
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _module(table: Any, where: str) -> Module:
    _check_keys(table, _MODULE, where)
    if "output" not in table:
        raise CommandError(f'{where} has no output; add the file to write: output = "pkg/_gradients.py"')
    output = os.path.normpath(table["output"])
    where = f"{NAME}, {output}"
    own = {key: value for key, value in table.items() if key in _FUNCTION}
    if own and "functions" in table:
        raise CommandError(f"{where} has functions and also {', '.join(own)}; move these into one of the functions")
    functions = table.get("functions", [own] if own else [])
    if not functions:
        raise CommandError(f'{where} lists no functions; add target = "pkg.model:loss" and args = "f64[n]"')
    if own:
        return Module(output, (_recipe(own, where),))
    return Module(output, tuple(_recipe(f, f"{where}, function {number}") for number, f in enumerate(functions, 1)))


def _recipe(table: Any, where: str) -> Recipe:
    _check_keys(table, _FUNCTION, where)
    for key, example in (("target", '"pkg.model:loss"'), ("args", '"f64[32, 10], f64[10]"')):
        if key not in table:
            raise CommandError(f"{where} has no {key}; add {key} = {example}")
    try:
        kind = table.get("kind")
        kinds = None if kind is None else parse_kinds(kind) if isinstance(kind, str) else checked_kinds(kind)
        argnums = _argnums(table.get("argnums"))
    except CommandError as error:
        raise CommandError(f"{where}: {error}") from None
    return Recipe(
        table["target"], table["args"], kinds, argnums, table.get("has_aux"), table.get("name"), table.get("example"),
        table.get("written_for"), table.get("optimize"),
    )  # fmt: skip


def _argnums(given: Any) -> Argnums | None:
    if given is None or isinstance(given, int):
        return given
    if isinstance(given, str):
        return parse_argnums(given)
    found = [one if isinstance(one, int) else parse_argnums(str(one)) for one in given]
    return tuple(one for one in found if not isinstance(one, tuple))


def _strings(given: Sequence[Any], where: str) -> list[str]:
    if not all(isinstance(one, str) for one in given):
        raise CommandError(f'{where} must be a list of strings; write path = ["src"]')
    return list(given)


def _check_keys(table: Any, known: Mapping[str, Any], where: str) -> None:
    """Refuse what is no table, keys that mean nothing, and values of another type."""
    if not isinstance(table, dict):
        raise CommandError(f"{where} is not a table; write {_EXAMPLE}")
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(known)}"
            raise CommandError(f"{where} has an unknown key {key}; {hint}")
        types = known[key] if isinstance(known[key], tuple) else (known[key],)
        if type(value) not in types:
            names = {str: "a string", int: "a number", list: "a list", bool: "true or false"}
            raise CommandError(f"{where}: {key} must be {' or '.join(names[t] for t in types)}, not {value!r}")
