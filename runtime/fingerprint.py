"""Values by their contents, so that two processes can compare what a trace reads around it without sharing an object.

The digest covers types, numbers to the bit, arrays with their layout, code with the text that it was made from, and
which names mean the same object. What has no such digest (an open file, a thing of compiled code) is refused by name:
it is never taken for equal.
"""

from __future__ import annotations

import abc
import collections
import copyreg
import enum
import functools
import hashlib
import importlib
import linecache
import operator
import os
import struct
import sys
import types
import typing
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np

from ..tracer.draws import is_generator
from ..tracer.interception import original_of, own_code
from ..tracer.mentions import mentions
from ..tracer.site import is_user_code
from ..tracer.state import Contents, Snapshot, is_user_space
from ..tracer.structure import Structure, flatten
from .binding import Parameters
from .executed import is_pure, outer_value
from .gradient import GradientFunction
from .wrapping import Wrapping

MOST = 200_000  # things; beyond, nothing is kept
_HOME = __name__.partition(".")[0]
PINNED = {*sys.stdlib_module_names, "numpy", "scipy", _HOME}  # whose versions are part of the digest, or of the file
_EXACT = (bool, int, str, bytes, type(None), type(...), type(NotImplemented))
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType)
_DESCRIPTORS += (types.MethodDescriptorType, types.ClassMethodDescriptorType)  # type: ignore[assignment]
_NUMBERS = (bool, int, float, complex, type(None))  # whose hashes are the same everywhere
_CONTAINERS = (list, tuple, dict, set, frozenset, collections.deque)
_CONTAINERS += (collections.OrderedDict, collections.defaultdict)  # type: ignore[assignment]
_EMPTY_BASES = (object, typing.Generic, typing.Protocol, abc.ABC, *_CONTAINERS)  # whose code reads no attributes
_SHAPING = ("__match_args__", "__slots__", "_fields", "_field_defaults")  # what Python reads of a class by itself
_BUILT = {"__wrapped__", "__module__", "__name__", "__qualname__", "__doc__", "__annotations__", "__signature__"}


class Unprovable(Exception):
    """Something has no digest, or not one that would be the same in another process."""


class Fingerprint:
    """A digest that grows. `around` says which objects and functions are read attribute by attribute, name by name."""

    def __init__(self, around: Snapshot) -> None:
        self._hash = hashlib.sha256()
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used twice
        self._count = 0
        self._read = {id(function) for function in around.functions}
        self._spaces = {id(one.thing) for one in around.watched if isinstance(one, Contents)}

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def words(self, *words: object) -> None:
        """Plain words, each with its length, so that no two sequences give the same bytes."""
        for word in words:
            text = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
            self._hash.update(b"%d:" % len(text) + text)
        self._count += 1
        if self._count > MOST:
            raise Unprovable("more is around the function than can be compared")

    def all(self, values: Sequence[Any]) -> None:
        self.words(len(values))
        for value in values:
            self.add(value)

    def add(self, value: Any) -> None:
        """One value and what is in it."""
        value = original_of(value)
        kind: Any = type(value)
        if kind in _EXACT:
            self.words(kind.__name__, repr(value))
        elif kind is float:
            self.words("float", struct.pack("<d", value))
        elif kind is complex:
            self.words("complex", struct.pack("<dd", value.real, value.imag))
        elif isinstance(value, np.generic) and value.dtype.kind in "biufcmMSU":
            self.words("scalar", value.dtype.str, value.tobytes())
        elif isinstance(value, np.dtype):
            if value.fields or value.metadata:
                raise Unprovable(f"the dtype {value} has fields")
            self.words("dtype", value.str)
        elif kind is range or kind is slice:
            self.words(kind.__name__)
            self.all([value.start, value.stop, value.step])
        elif kind is tuple:
            self.words("tuple")
            self.all(value)
        elif id(value) in self._numbers:
            self.words("again", self._numbers[id(value)])
        else:
            self._numbers[id(value)] = len(self._numbers)
            self._kept.append(value)
            self._new(value)

    def _new(self, value: Any) -> None:
        """A thing with an identity, when it is met for the first time."""
        if isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, types.ModuleType):
            self._module(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self.words("method")
            self.all([value.__self__, value.__func__])
        elif isinstance(value, types.CodeType):
            self._code(value)
        elif isinstance(value, types.CellType):
            self.words("cell")
            try:
                self.add(value.cell_contents)
            except ValueError:
                self.words("empty")
        elif isinstance(value, functools.partial):
            self.words("partial")
            self.all([value.func, value.args, value.keywords])
        elif isinstance(value, property):
            self.words("property")
            self.add(value.fget)
        elif isinstance(value, staticmethod | classmethod):
            self.words(type(value).__name__)
            self.add(value.__func__)
        elif isinstance(value, functools.cached_property):
            self.words("cached_property")
            self.add(value.func)
        elif isinstance(value, _DESCRIPTORS):
            self.words("descriptor", value.__objclass__.__qualname__, value.__name__)
        elif isinstance(value, functools._lru_cache_wrapper):
            self._remembering(value)
        elif isinstance(value, np.ufunc):
            self._named(value, "numpy", value.__name__, "scipy.special")
        elif isinstance(value, types.BuiltinFunctionType):
            self._builtin(value)
        elif isinstance(value, enum.Enum):
            self.words("member", value.name)
            self.all([type(value), value._value_])
        elif is_generator(value):
            self.words("generator")  # no draw from it is part of a trace
            self.add(type(value))
        elif type(value).__module__.partition(".")[0] == _HOME:
            self._ours(value)
        else:
            self._object(value)

    # ------------------------------------------------------------------------------------------------ kinds of things

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        if type(array) is not np.ndarray or array.dtype.kind not in "biufcmMSUO":
            raise Unprovable(f"a {type(array).__name__} of dtype {array.dtype} is around it")
        layout = (array.shape, array.strides, array.flags.writeable)
        self.words("array", array.dtype.str, *layout)
        if array.dtype.kind == "O":
            self.all(list(array.ravel()))
        else:
            self.words(array.tobytes())

    def _module(self, module: types.ModuleType) -> None:
        if not is_pure(module.__name__) and not (is_user_space(module) and id(module) in self._spaces):
            raise Unprovable(f"the module {module.__name__} is around it")
        self.words("module", module.__name__)

    def _class(self, kind: type) -> None:
        if not is_user_space(kind):
            if kind.__module__.partition(".")[0] not in PINNED or kind.__module__ in ("decimal", "_pydecimal"):
                raise Unprovable(f"{kind.__module__}.{kind.__qualname__} may be another one elsewhere")
            self._named(kind, kind.__module__, kind.__qualname__)
        elif id(kind) in self._spaces:
            own = vars(kind)
            self.words("class", kind.__module__, kind.__qualname__, kind.__name__)
            self.words(*(key for key in own if "annot" not in key))
            self.all([type(kind), *kind.__mro__[1:], *(own.get(key) for key in _SHAPING)])
            for field in own.get("__dataclass_fields__", {}).values():
                self.words(field.name, field.init, field.kw_only, field._field_type)
                self.add(dict(field.metadata))
        else:
            raise Unprovable(f"the class {kind.__qualname__} is not found by reading the function")

    def _function(self, function: types.FunctionType) -> None:
        if not is_user_code(own_code(function)):
            home = str(function.__globals__.get("__name__", ""))  # of the code: the function may bear another's name
            if not is_pure(home):
                raise Unprovable(f"{home}.{function.__qualname__} may answer something else elsewhere")
            try:
                self._named(function, home, function.__qualname__)
            except Unprovable:  # made by another one of the library's
                self.all([own_code(function), *(function.__closure__ or ()), function.__defaults__])
            return
        if id(function) not in self._read:
            raise Unprovable(f"the function {function.__qualname__} is not found by reading the function")
        code = own_code(function)
        self.words("function", function.__module__, function.__qualname__, function.__name__)
        self.add(code)
        self.words(source_of(code))
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        for mention in mentions(code).outer:  # what they are bound to is watched, unless it is nothing, or a module
            self.words(mention.name, mention.name in cells, mention.name in function.__globals__)
            self._library(outer_value(function, cells, mention.name), mention.chain)
        self.all([function.__defaults__, function.__kwdefaults__])
        own = {k: v for k, v in function.__dict__.items() if k not in _BUILT}
        self.all([*own, *own.values()])

    def _library(self, module: Any, chain: Sequence[str]) -> None:
        """A module that a name is bound to, and what the code takes out of it if it is one of the pure ones."""
        if not isinstance(module, types.ModuleType):
            return
        self.words("module", module.__name__)
        found: Any = module
        for name in chain:
            if not isinstance(found, types.ModuleType) or not is_pure(found.__name__):
                return
            found = getattr(found, name, None)
        found = original_of(found)
        if isinstance(found, types.FunctionType) and is_user_code(own_code(found)):
            raise Unprovable(f"{module.__name__}.{'.'.join(chain)} has been replaced")
        if type(found) in (*_EXACT, float, complex):
            self.add(found)

    def _code(self, code: types.CodeType) -> None:
        numbers = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self.words("code", code.co_qualname, os.path.basename(code.co_filename), code.co_firstlineno, *numbers)
        self.words(code.co_code, code.co_linetable, code.co_exceptiontable)
        self.words(*code.co_names, "", *code.co_varnames, "", *code.co_cellvars, "", *code.co_freevars)
        for constant in code.co_consts:
            if isinstance(constant, frozenset):  # of `x in {"a", "b"}`: asked, in no order
                self.words("set", *sorted(map(repr, constant)))
            elif isinstance(constant, types.CodeType):
                self._code(constant)
            else:
                self.add(constant)

    def _remembering(self, function: Any) -> None:
        """A function with lru_cache: as long as nothing is remembered, what it returns is what it computes."""
        if function.cache_info().currsize:
            raise Unprovable(f"the lru_cache of {function.__name__} holds results that cannot be looked at")
        self.words("lru_cache", sorted(function.cache_parameters().items()))
        self.add(function.__wrapped__)

    def _builtin(self, function: Any) -> None:
        owner = function.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            module = function.__module__ or getattr(owner, "__name__", "")
            if not is_pure(module):
                raise Unprovable(f"{module}.{function.__name__} may answer something else elsewhere")
            self._named(function, module, function.__qualname__)
        else:
            self.words("bound", function.__name__)
            self.add(owner)

    def _named(self, value: Any, module: str, name: str, *others: str) -> None:
        """What a library holds under a name."""
        for home in (module, *others):
            found: Any = sys.modules.get(home)
            for part in name.split("."):
                found = getattr(found, part, None)
            if original_of(found) is value:
                self.words("named", home, name)
                return
        raise Unprovable(f"{module}.{name} cannot be found under its name")

    def _ours(self, value: Any) -> None:
        """A gradient, a function with rules: what it was made of."""
        self.words("ours", type(value).__qualname__)
        if isinstance(value, Wrapping):
            self.all(recipe(value))
            return
        own = {k: v for k, v in vars(value).items() if k not in _BUILT and k != "_signature" and not _within_us(v)}
        self.all([*own, *own.values(), getattr(value, "__wrapped__", None)])

    def _object(self, value: Any) -> None:
        kind = type(value)
        mine = is_user_space(kind)
        self.words("object")
        self.add(kind)
        container = next((c for c in _CONTAINERS if isinstance(value, c)), None)
        if container in (set, frozenset) and not all(isinstance(one, _NUMBERS) for one in value):
            raise Unprovable("a set is around it, whose order is another one in each process; a tuple keeps its own")
        if container is not None:
            self.all(list(value))
            self.all(list(value.values()) if isinstance(value, dict) else ())
            self.add(getattr(value, "default_factory", None))
            self.add(getattr(value, "maxlen", None))
        if mine and id(value) not in self._spaces:
            raise Unprovable(f"an object of {kind.__qualname__} is not found by reading the function")
        foreign = [base for base in kind.__mro__ if not is_user_space(base) and base not in _EMPTY_BASES]
        if foreign and (container is None or kind is not container):
            self._reduced(value)

    def _reduced(self, value: Any) -> None:
        """An object of a library's class, by what a pickle holds of it."""
        if isinstance(value, operator.attrgetter | operator.methodcaller):
            raise Unprovable(f"an {type(value).__name__} is around it, which hides the names that it reads")
        try:
            known = copyreg.dispatch_table.get(type(value))
            reduced = value.__reduce_ex__(4) if known is None else known(value)
        except Exception:
            raise Unprovable(f"an object of {type(value).__qualname__} cannot be looked into") from None
        if isinstance(reduced, str):
            self._named(value, type(value).__module__, reduced)
            return
        make, args, state, items, pairs = (*reduced, None, None, None)[:5]
        self.all([make, args, state, None if items is None else list(items), None if pairs is None else list(pairs)])


def _within_us(value: Any) -> bool:
    """A closure of ours, made of parts that stand beside it."""
    return (
        isinstance(value, types.FunctionType) and "<locals>" in value.__qualname__ and not is_user_code(value.__code__)
    )


def source_of(code: types.CodeType) -> str:
    """The lines that a function's code stands on, as they are now: names and comments come from them."""
    lines = [line for line, *_ in code.co_positions() if line]
    if not lines:
        return ""
    text = linecache.getlines(code.co_filename)
    return "".join(text[min(lines) - 1 : max(lines)])


def recipe(made: Any) -> list[Any]:
    """Of what a gradient was made, without the folder that it is kept in."""
    request = getattr(made, "_request", None)
    names = [f.name for f in fields(request) if f.name not in ("function", "cache")] if request is not None else []
    parts = () if type(made) is GradientFunction else made._parts()  # which are the request's
    return [made.__wrapped__, *parts, *names, *(getattr(request, name) for name in names)]


# ------------------------------------------------------------------------------------------------------ of one call


def of_call(made: Any, parameters: Parameters, around: Snapshot) -> str:
    """The digest of everything that a trace for this call depends on, versions included. Raises Unprovable."""
    if not around.complete:
        raise Unprovable("more is around the function than can be watched")
    found = Fingerprint(around)
    try:
        found.words(*versions())
        _arguments(found, parameters)
        for one in around.watched:
            found.words(type(one).__name__, one.name)
            if isinstance(one, Contents):
                _contents(found, one)
            else:
                found.add(one.value)
        found.all(around.functions)
        found.all(recipe(made))
    except RecursionError:
        raise Unprovable("what is around the function is nested too deeply") from None
    return found.hexdigest()


def _contents(found: Fingerprint, one: Contents) -> None:
    if one.thing is not os.environ:
        found.add(one.thing)
    if isinstance(one.value, list):
        found.all(one.value)


def _arguments(found: Fingerprint, parameters: Parameters) -> None:
    for name, kind, value in parameters:
        leaves, structure = flatten(value)
        found.words(name, kind)
        _structure(found, structure)
        for leaf in leaves:
            if type(leaf) in (float, complex):
                found.words(type(leaf).__name__)
            elif type(leaf) is np.ndarray or isinstance(leaf, np.generic):
                found.words(type(leaf).__name__, leaf.dtype.str, leaf.shape)
            else:
                raise Unprovable(f"the argument {name} holds a {type(leaf).__name__}")


def _structure(found: Fingerprint, structure: Structure) -> None:
    found.words(structure.kind)
    found.all([structure.type, *structure.keys])
    if structure.value is not None:
        found.add(structure.value.value)
    for child in structure.children:
        _structure(found, child)


# ---------------------------------------------------------------------------------------------------------- versions


def versions() -> tuple[str, ...]:
    """Of all that decides what a text looks like, given what it depends on."""
    promotion = getattr(np, "_get_promotion_state", lambda: "")()
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    errors = str(np.geterr()) + str(any(action == "error" for action, *_ in warnings.filters))  # what raises
    return sys.version, str(sys.flags.optimize), sys.platform, machine, np.__version__, promotion, errors, own_source()


@lru_cache(maxsize=1)
def own_source() -> str:
    """tapeless itself: the version, and a digest of its modules, which in a checkout change without one."""
    package = importlib.import_module(_HOME)
    root = os.path.dirname(os.path.abspath(package.__file__ or ""))
    found = hashlib.sha256()
    for path in sorted(_modules(root)):
        with open(path, "rb") as file:
            text = file.read()
        found.update(f"{os.path.relpath(path, root)}:{len(text)}:".encode() + text)
    return f"{package.__version__} {found.hexdigest()[:16]}"


def _modules(root: str) -> Iterator[str]:
    for room in (".", "ir", "tracer", "codegen", "runtime", "nn", "implicit", "testing"):
        for folder, inner, files in os.walk(os.path.join(root, room)):
            if room == ".":
                inner.clear()  # beside the package's folders may stand others that are not of it
            yield from (os.path.join(folder, name) for name in files if name.endswith(".py"))
