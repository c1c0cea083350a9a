"""The quick way into a compiled function: a test whether a call is of the kind, and the state around as it was, that
the function is for, and the call.

It is asked at every call, so it is written as text for one kind of call, and compiled: attribute by attribute, by
identity where that is enough. What it does not recognize is looked at in full (`call_key`, `Snapshot.holds`).
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np

from ..tracer.state import Binding, Contents, Snapshot

Entrance = Callable[[tuple[Any, ...], dict[str, Any]], Any]
REFUSED = object()  # the answer to a call that is not of the kind
FEW_KEYS = 4  # of a dict that is looked at key by key
LONGEST = 200  # parts of a test; for more of them the text is not worth its compilation


def closed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The entrance of a path that was not called twice yet."""
    return REFUSED


class _Unusual(Exception):
    """It needs the full look."""


def entrance(args: tuple[Any, ...], kwargs: dict[str, Any], state: Snapshot, function: Callable[..., Any]) -> Entrance:
    """The way in for calls like this one, which `function` serves while the state is as it was."""
    try:
        return _Text().written(args, kwargs, state, function)
    except _Unusual:
        return closed


class _Text:
    def __init__(self) -> None:
        self.held: dict[str, Any] = {"ndarray": np.ndarray, "REFUSED": REFUSED}
        self.lines: list[str] = []
        self.tests: list[str] = []
        self.count = 0

    def written(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], state: Snapshot, function: Callable[..., Any]
    ) -> Entrance:
        if not state.complete or any(not key.isidentifier() or iskeyword(key) for key in kwargs):
            raise _Unusual
        names = [self._name() for _ in args]
        self.tests.append(f"len(args) == {len(args)}" if args else "not args")
        self.tests.append(f"len(kwargs) == {len(kwargs)}" if kwargs else "not kwargs")
        self.tests += [f"{key!r} in kwargs" for key in kwargs]
        self._settle()
        if names:
            self.lines.append(f"{', '.join(names)}, = args")
        values = list(args)
        for key, value in kwargs.items():
            names.append(self._name())
            values.append(value)
            self.lines.append(f"{names[-1]} = kwargs[{key!r}]")
        for name, value in zip(names, values, strict=True):
            self._value(name, value)
        for one in state.watched:
            self._watched(one)
        self._settle()
        passed = names[: len(args)] + [f"{key}={name}" for key, name in zip(kwargs, names[len(args) :], strict=True)]
        result = f"{self._hold(function)}({', '.join(passed)})"
        body = "\n        ".join(self.lines)
        text = f"def enter(args, kwargs):\n    try:\n        {body}\n"
        text += "    except (AttributeError, KeyError, ValueError):  # of a name that is gone\n"
        text += f"        return REFUSED\n    return {result}\n"
        exec(compile(text, "<a call>", "exec"), self.held)
        made: Entrance = self.held["enter"]
        return made

    def _name(self) -> str:
        self.count += 1
        if self.count > LONGEST:
            raise _Unusual
        return f"v{self.count}"

    def _hold(self, value: Any) -> str:
        name = self._name()
        self.held[name] = value
        return name

    def _settle(self) -> None:
        """All tests so far, before something is taken out of what they look at."""
        if self.tests:
            self.lines.append(f"if not ({' and '.join(self.tests)}): return REFUSED")
            self.tests.clear()

    def _value(self, name: str, value: Any) -> None:
        kind: Any = type(value)
        if kind is np.ndarray:
            usual = value.dtype is np.dtype(value.dtype.str)  # a pickled array brings a dtype of its own
            same = "is" if usual else "=="
            self.tests.append(f"type({name}) is ndarray and {name}.dtype {same} {self._hold(value.dtype)}")
            self.tests.append(f"{name}.shape == {value.shape!r}")
        elif kind in (float, complex) or (isinstance(value, np.generic) and value.dtype.kind in "biufc"):
            self.tests.append(f"type({name}) is {self._hold(kind)}")
        elif isinstance(value, np.ndarray) or hasattr(value, "__array_ufunc__"):
            raise _Unusual
        elif kind in (int, str, bool):
            self.tests.append(f"type({name}) is {kind.__name__} and {name} == {value!r}")
        elif kind in (tuple, list) or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
            self.tests.append(f"type({name}) is {self._hold(kind)} and len({name}) == {len(value)}")
            self._parts(name, list(value))
        elif kind is dict:
            if any(type(key) is not str for key in value):
                raise _Unusual
            self.tests.append(f"type({name}) is dict and [*{name}] == {[*value]!r}")
            self._parts(f"{name}.values()", list(value.values()))
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            self.tests.append(f"type({name}) is {self._hold(kind)}")
            fields = [field.name for field in dataclasses.fields(value)]
            whole = ", ".join(f"{name}.{field}" for field in fields)
            self._parts(f"{whole}," if fields else "()", [getattr(value, field) for field in fields])
        elif isinstance(value, dict | list | tuple):
            raise _Unusual
        else:
            self.tests.append(f"{name} is {self._hold(value)}")

    def _parts(self, whole: str, values: list[Any]) -> None:
        """The tests of what a container holds."""
        if not values:
            return
        names = [self._name() for _ in values]
        self._settle()
        self.lines.append(f"{', '.join(names)}, = {whole}")
        for name, value in zip(names, values, strict=True):
            self._value(name, value)

    def _watched(self, one: Binding | Contents) -> None:
        if isinstance(one, Contents):
            keys, values = one.value[: len(one.value) // 2], one.value[len(one.value) // 2 :]
            if type(one.thing) is not dict or len(keys) > FEW_KEYS or any(type(key) is not str for key in keys):
                self.tests.append(f"{self._hold(one)}.holds()")
                return
            held = self._hold(one.thing)
            self.tests.append(f"[*{held}] == {keys!r}")
            self.tests += [f"{held}[{k!r}] is {self._hold(v)}" for k, v in zip(keys, values, strict=True)]
        elif one.read() is not one.value:
            self.tests.append(f"{self._hold(one)}.holds()")
        else:
            self.tests.append(f"{self._read(one)} is {self._hold(one.value)}")

    def _read(self, one: Binding) -> str:
        """What the name is bound to, without a call where its home is known."""
        if type(one.home) is tuple:
            return f"{self._hold(one.home[0])}.{one.home[1]}"
        home = self._hold(one.home)
        if isinstance(one.home, types.CellType):
            return f"{home}.cell_contents"
        if type(one.home) is dict and one.name in one.home:
            return f"{home}[{one.name!r}]"
        return f"{self._hold(one)}.read()"
