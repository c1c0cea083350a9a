"""What a function reads from around it: globals, closures, defaults, attributes and their contents, watched for change.

A compiled path is right while all of this is as it was. Found by reading the code of the function and of the user's
functions that it can reach: each outer name is a binding, each mutable thing behind one has contents, and of an object,
a class or a module those attributes count that some reached code names. Beyond Python's view are only objects made by
compiled code, of which the identity is watched.
"""

from __future__ import annotations

import functools
import importlib
import operator
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .draws import SOURCES, check_outer, check_types, is_generator
from .interception import OuterName, is_intercepted, original_of, own_code, with_code
from .mentions import mentions
from .second_look import rewritten
from .site import is_user_code
from .structure import flatten

_MISSING = object()
_PLAIN = (int, float, complex, bool, str, bytes, type(None), np.generic, np.dtype, range, slice)
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_EVERYTHING = {"getattr", "vars", "__dict__", "fields", "asdict", "astuple", "__getattribute__", "attrgetter"}
_MAKING = {"__init__", "__new__", "__post_init__"}
_RARE = _MAKING | {"__repr__", "__str__", "__del__", "__reduce__", "__getstate__", "__setstate__", "__init_subclass__"}
LARGEST = 20_000  # watched things; beyond, nothing is taken for unchanged
_HOME = __name__.partition(".")[0]
own_package: ContextVar[str] = ContextVar("tapeless_own_package", default="")  # an installed one that is the user's


def _same(a: Any, b: Any) -> bool:
    if a is b or original_of(a) is original_of(b):
        return True
    return type(a) is type(b) and isinstance(a, _PLAIN) and repr(a) == repr(b)


@dataclass(slots=True, eq=False)
class Binding:
    """A name, and what it was bound to."""

    name: str
    read: Callable[[], Any]
    value: Any
    home: Any = None  # the cell or the globals where it is bound, or (an object, the name of its attribute)

    def holds(self) -> bool:
        now = self.read()
        return now is self.value or _same(now, self.value)


@dataclass(slots=True, eq=False)
class Contents:
    """A mutable thing, and what was in it."""

    name: str
    thing: Any
    read: Callable[[Any], Any]
    value: Any

    def holds(self) -> bool:
        now = self.read(self.thing)
        if isinstance(now, bytes):
            return bool(now == self.value)
        if len(now) == len(self.value) and all(map(operator.is_, now, self.value)):
            return True
        return len(now) == len(self.value) and all(map(_same, now, self.value))


@dataclass(slots=True, eq=False)
class Snapshot:
    """Everything that is watched for one compiled path."""

    watched: list[Binding | Contents] = field(default_factory=list)
    generators: list[tuple[str, Any]] = field(default_factory=list)
    intercepted: list[OuterName] = field(default_factory=list)
    complete: bool = True
    decides: bool = False  # whether some code asks `is True`
    functions: list[types.FunctionType] = field(default_factory=list)  # those whose code was read

    def holds(self) -> bool:
        for one in self.watched:
            if type(one) is Binding and one.read() is one.value:
                continue  # what is asked at every call, without a call of ours
            if not one.holds():
                return False
        return self.complete

    def difference(self) -> str | None:
        """Which thing has changed, for `explain`."""
        if not self.complete:
            return "more is around the function than can be watched"
        changed = next((one for one in self.watched if not one.holds()), None)
        return None if changed is None else f"{changed.name} has changed"


def snapshot(
    function: Callable[..., Any],
    arguments: Sequence[tuple[str, str, Any]] = (),
    second_look: bool = False,
    classes: bool = False,
) -> Snapshot:
    """The state around the function, and within arguments (name, kind, value) that are not arrays, as it is now.

    With `second_look`, the functions that it reaches are to run from another code (see second_look.py). With `classes`,
    the methods of the classes that arguments are made of are read, too. Raises TracingError where the code reads a
    clock or an iterator, which give something else each time.
    """
    return _Search(second_look, classes).run(function, arguments)


class _Search:
    def __init__(self, second_look: bool, classes: bool) -> None:
        self.second_look = second_look
        self.classes = classes
        self.functions: list[types.FunctionType] = []
        self.watched: list[Binding | Contents] = []
        self.generators: list[tuple[str, Any]] = []
        self.intercepted: list[OuterName] = []
        self.seen: set[int] = set()
        self.bound: set[tuple[int, str]] = set()
        self.kept: list[Any] = []  # so that no id is used twice
        self.names: set[str] = set()
        self.decides = False
        self.spaces: list[tuple[str, Any]] = []  # objects, classes and modules whose named attributes count
        self.constructed: set[type] = set()  # classes that the code can call
        self.todo: deque[tuple[str, Any]] = deque()

    def run(self, function: Any, arguments: Any) -> Snapshot:
        self.todo.append(("", function))
        for name, _, value in arguments:
            structure = flatten(value)[1]
            self.todo += structure.statics(name)
            self.todo += [(kind.__name__, kind) for kind in structure.classes()] if self.classes else []
        settled = -1
        while self.todo or settled != len(self.names):
            settled = len(self.names)
            while self.todo and len(self.watched) < LARGEST:
                self._visit(*self.todo.popleft())
            if len(self.watched) >= LARGEST:
                return self._found(False)
            for name, space in self.spaces:
                self._attributes(name, space)
        self._fix_attributes()
        return self._found(True)

    def _found(self, complete: bool) -> Snapshot:
        return Snapshot(self.watched, self.generators, self.intercepted, complete, self.decides, self.functions)

    def _bind(self, name: str, home: Any, read: Callable[[], Any]) -> None:
        if (id(home), name) in self.bound:
            return
        self.bound.add((id(home), name))
        self.kept.append(home)
        value = original_of(read())
        if is_intercepted(value):
            self.intercepted.append(OuterName(home, name, value))
        if not isinstance(value, types.ModuleType):
            self.watched.append(Binding(name, read, value, home))
        self.todo.append((name, value))

    def _contents(self, name: str, thing: Any, read: Callable[[Any], Any]) -> Any:
        value = read(thing)
        self.watched.append(Contents(name, thing, read, value))
        return value

    def _visit(self, name: str, value: Any) -> None:
        if isinstance(value, _PLAIN) or value is _MISSING or id(value) in self.seen:
            return
        self.seen.add(id(value))
        self.kept.append(value)
        if issubclass(type(value), np.ndarray):  # and no stand-in of an earlier trace
            if value.dtype.kind == "O":
                self._children(name, self._contents(name, value, lambda a: list(a.ravel())))
            else:
                self._contents(name, value, np.ndarray.tobytes)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self.todo += [(name or "self", value.__self__), (name, value.__func__)]
        elif isinstance(value, functools.partial):
            self.todo += [(name, value.func), (name, value.args), (name, value.keywords)]
        elif isinstance(value, property):
            self.todo.append((name, value.fget))
        elif isinstance(value, staticmethod | classmethod | functools.cached_property):
            self.todo.append((name, getattr(value, "__func__", None) or getattr(value, "func", None)))
        elif isinstance(value, types.BuiltinMethodType | types.BuiltinFunctionType):
            if is_generator(value.__self__):
                self.generators.append((name, value.__self__))
        elif is_generator(value):
            self.generators.append((name, value))
        elif isinstance(value, types.CellType):
            self._bind(name, value, lambda: _cell(value))
        elif isinstance(value, types.ModuleType | type):
            if is_user_space(value):
                self.spaces.append((name, value))
                if isinstance(value, type):
                    self.constructed.add(value)
        else:
            self._object(name, value)

    def _object(self, name: str, value: Any) -> None:
        if isinstance(value, _CONTAINERS):
            read = _items if isinstance(value, dict) else list
            fixed = isinstance(value, tuple | frozenset)  # who is bound to it is watched
            found: list[Any] = list(value) if fixed else self._contents(name, value, read)
            self._children(name, found, list(value) if isinstance(value, dict) else ())
        check_outer(name, value)
        watched = getattr(type(value), "_watched", None)
        if watched is not None and type(value).__module__.partition(".")[0] == _HOME:  # a function with rules
            self._children(name, self._contents(f"a rule of {name}", value, watched))
            return
        wrapped = getattr(value, "__wrapped__", None)
        ours = type(value).__module__.partition(".")[0] == _HOME  # a gradient, of a function or of any callable object
        if isinstance(wrapped, types.FunctionType) or (ours and wrapped is not None):
            self.todo.append((name, wrapped))
        if is_user_space(type(value)):
            self.spaces += [(name, value), (type(value).__name__, type(value))]
        elif hasattr(value, "__dict__") and not ours:
            self.spaces.append((name, value))

    def _children(self, name: str, found: list[Any], keys: Any = ()) -> None:
        for place, child in enumerate(found):
            if not isinstance(child, _PLAIN):
                shown = keys[place % len(keys)] if keys else place
                self.todo.append((f"{name}[{shown!r}]" if isinstance(shown, int | str) else name, child))

    def _function(self, function: types.FunctionType) -> None:
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            self.todo.append(("", wrapped))
        code = own_code(function)
        if not is_user_code(code):
            return
        self.functions.append(function)
        other = rewritten(code) if self.second_look else None
        if other is not None:
            self.intercepted.append(with_code(function, other))
        check_types(code)
        found = mentions(code)
        self.names |= found.names
        self.decides |= found.decides

        for kind in ("__defaults__", "__kwdefaults__") if code.co_kwonlyargcount else ("__defaults__",):
            read = functools.partial(getattr, function, kind)
            self.watched.append(Binding(f"the defaults of {function.__name__}", read, read(), (function, kind)))
        for default in (function.__defaults__, function.__kwdefaults__):
            if default:
                self.todo.append((f"the defaults of {function.__name__}", default))
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        space = function.__globals__
        for mention in found.outer:
            name = mention.name
            outer = _cell(cells[name]) if name in cells else space.get(name)
            if name in _EVERYTHING:
                self.names.add(name)
            if mention.chain == ("append",) and isinstance(outer, list | deque):
                continue  # a log: written, not read
            if name in cells:
                self._bind(name, cells[name], lambda cell=cells[name]: _cell(cell))  # type: ignore[misc]
            elif name in space:
                self._bind(name, space, lambda space=space, name=name: space.get(name, _MISSING))  # type: ignore[misc]
            elif name in ("globals", "eval"):
                for word in sorted(found.names & space.keys()):
                    self._bind(word, space, lambda space=space, word=word: space.get(word, _MISSING))  # type: ignore[misc]
            self._environment(outer, mention.chain)
            self.generators += check_outer(name, outer, mention.chain, code, mention.line)
        for name in found.modules:
            for module in _imported(name):
                self.todo.append((name, module))
                self._environment(module, found.names)
                for attribute in sorted(found.names & set(dir(module))):
                    chain = (attribute, *sorted(found.names & {"now", "today", "utcnow"}))
                    self.generators += check_outer(name, module, chain, code, code.co_firstlineno)

    def _environment(self, outer: Any, names: Iterable[str]) -> None:
        """The environment's variables, if the code may read them."""
        reads = outer is os and not {"environ", "getenv"}.isdisjoint(names)
        if (reads or outer is os.environ or outer is os.getenv) and id(os.environ) not in self.seen:
            self.seen.add(id(os.environ))
            self._contents("os.environ", os.environ, _items)  # type: ignore[arg-type]

    def _attributes(self, name: str, space: Any) -> None:
        """Queue what the named attributes are; which of them exist is fixed at the end, when all names are known."""
        own = _own(space)
        for key in _named(own, self.names):
            value = own[key]
            if not isinstance(value, _PLAIN) and id(value) not in self.seen:
                self.todo.append((f"{name}.{key}", value))
        if isinstance(space, type):
            for base in space.__mro__[1:]:
                if id(base) not in self.seen:
                    self.todo.append((base.__name__, base))
            for key, value in own.items():
                implicit = key.startswith("__") and (key not in _RARE or (key in _MAKING and space in self.constructed))
                if implicit and isinstance(value, types.FunctionType) and id(value) not in self.seen:
                    self.todo.append((key, value))

    def _fix_attributes(self) -> None:
        names = None if self.names & _EVERYTHING else frozenset(self.names)
        for name, space in self.spaces:
            self._contents(f"an attribute of {name}", space, lambda s, names=names: _read_attributes(s, names))  # type: ignore[misc]


def _own(space: Any) -> dict[str, Any]:
    found = dict(getattr(space, "__dict__", {}))
    if not isinstance(space, type | types.ModuleType):
        for kind in type(space).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if hasattr(type(space), slot) and slot not in ("__dict__", "__weakref__"):
                    value = getattr(space, slot, _MISSING)
                    if value is not _MISSING:
                        found[slot] = value
    return found


def _named(own: dict[str, Any], names: set[str] | frozenset[str] | None) -> list[str]:
    if names is None or names & _EVERYTHING:
        return [key for key in own if not key.startswith("__")]
    return [key for key in own if key in names]


def _read_attributes(space: Any, names: frozenset[str] | None) -> list[Any]:
    own = _own(space)
    return [part for key in _named(own, names) for part in (key, own[key])]


def _items(mapping: dict[Any, Any]) -> list[Any]:
    return [*mapping.keys(), *mapping.values()]


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _imported(name: str) -> Iterator[types.ModuleType]:
    """The modules that an import statement may mean; a relative one is known by its end."""
    exact = importlib.import_module(name) if name in SOURCES else sys.modules.get(name)
    for full, module in [(name, exact)] if exact is not None else list(sys.modules.items()):
        if (full == name or (name and full.endswith(f".{name}"))) and isinstance(module, types.ModuleType):
            yield module


def is_user_space(space: Any) -> bool:
    """Whether a module or class belongs to the user's program: not to us, a library or Python itself."""
    module = space if isinstance(space, types.ModuleType) else sys.modules.get(getattr(space, "__module__", ""))
    if module is None:
        return getattr(space, "__module__", "builtins") not in ("builtins", None)
    if module.__name__ == "__main__" or module.__name__.partition(".")[0] == own_package.get():
        return True
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] == _HOME:
        return False
    return "site-packages" not in file and "lib/python" not in file and "dist-packages" not in file
