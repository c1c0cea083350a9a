"""What a function reads from around it: globals, closures, defaults and attributes, watched for change.

A compiled path is right while all of this is as it was. Found by reading the code of the function and of the user's
functions that it mentions; what is reached in other ways is not seen.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .site import is_user_code

_MISSING = object()
_PLAIN = (int, float, complex, bool, str, bytes, type(None))


@dataclass(slots=True)
class Watched:
    """One thing outside of the function: how to read it, and what it was."""

    name: str
    read: Callable[[], Any]
    value: Any
    content: bytes | None = None

    def holds(self) -> bool:
        now = self.read()
        if now is self.value:
            return self.content is None or now.tobytes() == self.content
        if type(now) is not type(self.value) or not isinstance(now, (*_PLAIN, tuple, np.generic)):
            return False
        return bool(repr(now) == repr(self.value))


@dataclass(slots=True)
class Snapshot:
    """Everything that is watched for one compiled path."""

    watched: list[Watched] = field(default_factory=list)

    def holds(self) -> bool:
        return all(one.holds() for one in self.watched)

    def difference(self) -> str | None:
        """Which thing has changed, for `explain`."""
        changed = next((one for one in self.watched if not one.holds()), None)
        return None if changed is None else f"{changed.name} has changed"


def snapshot(function: Callable[..., Any]) -> Snapshot:
    """The state around the function as it is now."""
    found: dict[tuple[int, str], Watched] = {}
    seen: set[int] = set()
    _visit(function, found, seen)
    return Snapshot(list(found.values()))


def _visit(function: Any, found: dict[tuple[int, str], Watched], seen: set[int]) -> None:
    if id(function) in seen or len(seen) > 500:
        return
    seen.add(id(function))
    while isinstance(function, types.MethodType) or hasattr(function, "func"):
        if isinstance(function, types.MethodType):
            _attributes(function.__self__, "self", function.__func__, found, seen)
            function = function.__func__
        else:
            function = function.func
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        _visit(wrapped, found, seen)
    if not isinstance(function, types.FunctionType):
        call = getattr(type(function), "__call__", None)
        if isinstance(call, types.FunctionType):
            _attributes(function, "self", call, found, seen)
            _visit(call, found, seen)
        return
    if not is_user_code(function.__code__):
        return
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name, chain in _mentions(function.__code__):
        if name in cells:
            cell = cells[name]
            _watch(name, lambda cell=cell: _cell(cell), chain, found, seen)
        elif name in function.__globals__:
            names = function.__globals__
            _watch(name, lambda names=names, name=name: names.get(name, _MISSING), chain, found, seen)


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _attributes(
    instance: Any, name: str, function: Any, found: dict[tuple[int, str], Watched], seen: set[int]
) -> None:
    """What a method reads from its own object."""
    code = function.__code__
    if not code.co_varnames:
        return
    for first, chain in _mentions(code, local=True):
        if first == code.co_varnames[0] and chain:
            _watch(name, lambda: instance, chain, found, seen)


def _watch(
    name: str,
    read: Callable[[], Any],
    chain: tuple[str, ...],
    found: dict[tuple[int, str], Watched],
    seen: set[int],
) -> None:
    """Watch `name.attribute.attribute`, as far as the attributes are plain data."""
    value = read()
    if isinstance(value, types.ModuleType) and not _is_user_module(value):
        return
    for attribute in chain:
        following = getattr(value, attribute, _MISSING)
        if following is _MISSING or isinstance(value, np.ndarray | type):
            break
        name = f"{name}.{attribute}"
        outer = read
        read = lambda outer=outer, attribute=attribute: getattr(outer(), attribute, _MISSING)  # noqa: E731
        value = following
    if isinstance(value, types.MethodType):
        _visit(value, found, seen)
        return
    key = (id(value), name)
    if key in found:
        return
    found[key] = Watched(name, read, value, _content(value))
    if callable(value) and not isinstance(value, type):
        _visit(value, found, seen)
    elif isinstance(value, list | tuple | dict) and len(value) <= 100:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for place, item in list(items):
            inner = f"{name}[{place!r}]"
            found[(id(value), inner)] = Watched(inner, _item_reader(read, place), item, _content(item))


def _item_reader(read: Callable[[], Any], place: Any) -> Callable[[], Any]:
    def item() -> Any:
        try:
            return read()[place]
        except (KeyError, IndexError, TypeError):
            return _MISSING

    return item


def _content(value: Any) -> bytes | None:
    return value.tobytes() if type(value) is np.ndarray and value.dtype.kind != "O" else None


def _is_user_module(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and "site-packages" not in file and "lib/python" not in file


_FROM_OUTSIDE = {"LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF"}
_LOCAL = {"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF"}


@lru_cache(maxsize=4096)
def _mentions(code: types.CodeType, local: bool = False) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every outer name that the code loads (or every local one) with the attributes read from it, also when nested."""
    return tuple(dict.fromkeys(_scan(code, _LOCAL if local else _FROM_OUTSIDE)))


def _scan(code: types.CodeType, loads: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    current: str | None = None
    chain: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and current is not None:
            chain.append(str(instruction.argval))
            continue
        if current is not None:
            yield current, tuple(chain)
        current, chain = (str(instruction.argval), []) if instruction.opname in loads else (None, [])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _scan(constant, loads)
