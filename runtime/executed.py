"""What ran while a function was traced: whether a gradient of it may be kept for other processes at all.

A trace can be repeated elsewhere if it is a function of what was read around it (see tracer/state.py). That holds if
every user function that ran is one whose code was read, and if what the user's code asked of Python and its libraries
answers the same everywhere: a process number, a clock or a file does not.
"""

from __future__ import annotations

import dis
import gc
import os
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ..tracer.interception import own_code
from ..tracer.mentions import mentions
from ..tracer.second_look import rewritten
from ..tracer.site import is_user_code
from ..tracer.state import Snapshot, is_user_space, own_package

# Modules whose functions answer the same in every process with the same versions; draws are refused by the tracer.
_NAMES = """
    __future__ abc array bisect builtins cmath collections contextlib copy copyreg dataclasses enum fractions functools
    heapq itertools json keyword math numbers operator random re reprlib statistics string struct textwrap types typing
    warnings numpy scipy tapeless
    _abc _bisect _collections _collections_abc _functools _heapq _operator _random _statistics _struct _weakrefset
"""
PURE = frozenset(_NAMES.split())
_IMPURE = ("numpy.lib._npyio_impl", "numpy.lib.format", "numpy.ctypeslib", "scipy.io", "scipy.datasets")
_ASKING = {"id", "hash", "input", "open", "__import__", "fromfile", "geterr", "geterrcall", "getbufsize"}
_ASKING |= {"dir", "__subclasses__", "get_printoptions", "show_config", "getstate", "get_state"}
_INTROSPECTION = {"__annotations__", "__doc__", "__code__", "__globals__", "__closure__", "__signature__", "__dir__"}
_STATES = {"bit_generator", "state", "get_state", "getstate"}
_FIXED = {"sys": {"float_info", "int_info", "maxsize", "byteorder", "version_info", "platform"}}
_QUIET, _USER, _OTHER, _IMPORT = range(4)  # ours and what is pure; the user's; what may answer otherwise; imports
_HOME = __name__.partition(".")[0]


def is_pure(module: str) -> bool:
    """Whether the functions of a module answer the same everywhere."""
    return module.partition(".")[0] in PURE and not module.startswith(_IMPURE)


class Executed:
    """The user's functions that ran, and `reason`, the first thing that stands against keeping what came of it."""

    def __init__(self, package: str) -> None:
        """`package` is the one that the traced function is from: it counts as the user's, also if it is installed."""
        self.package = package
        self.reason = ""
        self.libraries: set[str] = set()
        self._codes: dict[int, types.CodeType] = {}
        self._kinds: dict[int, int] = {}
        self._seen: list[types.CodeType] = []  # so that no id is used twice
        self._importing = 0
        self._placed = False

    def __enter__(self) -> None:
        """Watch this thread. Python has one place for a profiler; where it is taken, nothing can be said."""
        self._token = own_package.set(self.package)
        self._placed = sys.getprofile() is None
        if not self._placed:
            self.reason = "a profiler is running, which takes the place from which the trace is watched"
            return
        self._collects = gc.isenabled()
        gc.disable()  # what a collection runs, finalizers and callbacks, is not the function's
        kinds = self._kinds

        def event(frame: types.FrameType, what: str, asked: Any) -> None:
            kind = kinds.get(id(frame.f_code))
            if kind != _QUIET:  # in few words: it runs at every call and return of Python
                self._event(frame, what, asked, self._meet(frame) if kind is None else kind)

        sys.setprofile(event)

    def __exit__(self, *error: object) -> None:
        if self._placed:
            sys.setprofile(None)
            if self._collects:
                gc.enable()
        own_package.reset(self._token)

    def _event(self, frame: types.FrameType, event: str, asked: Any, kind: int) -> None:
        if kind == _IMPORT:
            self._importing += {"call": 1, "return": -1}.get(event, 0)
        elif self._importing:  # what finds and makes a module is nobody's business, but what a user's module does is
            if kind == _USER and event == "call" and frame.f_code.co_name == "<module>":
                self.reason = self.reason or f"it imports {frame.f_globals.get('__name__')} while it is traced"
        elif kind == _USER:
            if event == "call":
                self._codes[id(frame.f_code)] = frame.f_code
            elif event == "c_call" and not _answers_everywhere(asked):
                self._object(_shown(asked))
        elif kind == _OTHER and event == "call" and frame.f_back is not None and is_user_code(frame.f_back.f_code):
            self._object(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")

    def _object(self, called: str) -> None:
        self.reason = self.reason or f"it calls {called}, which may answer something else elsewhere"

    def _meet(self, frame: types.FrameType) -> int:
        """The kind of a code that runs for the first time."""
        code, module = frame.f_code, str(frame.f_globals.get("__name__", ""))
        home = sys.modules.get(module)
        made = code.co_filename == "<string>" and home is not None and not is_user_space(home)  # of a library's class
        if is_user_code(code) and not made and not module.startswith("namedtuple_"):
            kind = _USER
        elif code.co_name == "_find_and_load" and module == "importlib._bootstrap":
            kind = _IMPORT
        elif module.partition(".")[0] == _HOME:
            kind = _QUIET
        else:
            quiet = (is_pure(module) and code.co_name not in _ASKING) or module.startswith("importlib._bootstrap")
            kind = _QUIET if quiet else _OTHER
            self.libraries.add(module.partition(".")[0])
        self._seen.append(code)
        self._kinds[id(code)] = kind
        return kind

    def objection(self, around: Snapshot) -> str:
        """Why what was traced cannot be repeated from this state; "" if nothing stands against it."""
        if self.reason:
            return self.reason
        read: set[int] = set()
        ran: list[types.FunctionType] = []
        for function in around.functions:
            code = own_code(function)
            other = rewritten(code)
            own = {id(c) for whole in (code, other) if whole is not None for c in _nested(whole)}
            read |= own
            if not own.isdisjoint(self._codes):
                ran.append(function)
        for number, code in self._codes.items():
            if number not in read:
                file = os.path.basename(code.co_filename)
                return f"it runs {code.co_qualname} ({file}:{code.co_firstlineno}), which is not found by reading it"
        for function in ran:
            module = _impure_module(function)
            if module:
                return f"{function.__name__} names the module {module}, which may answer something else elsewhere"
            if any(map(_makes_set, _nested(own_code(function)))):
                return f"{function.__name__} makes a set, whose order may be another one elsewhere, unlike a dict's"
            looked = sorted(_INTROSPECTION & mentions(own_code(function)).names)
            if looked:
                return f"{function.__name__} reads {looked[0]}, which is not watched"
            if around.generators and not _STATES.isdisjoint(mentions(own_code(function)).names):
                return f"{function.__name__} reads the state of a random generator"
        return ""


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


@lru_cache(maxsize=4096)
def _makes_set(code: types.CodeType) -> bool:
    """Whether there is a set in the code that is more than asked for what it holds."""
    instructions = list(dis.get_instructions(code))
    for one, after in pairwise(instructions):
        if one.opname in ("BUILD_SET", "SET_ADD", "SET_UPDATE"):
            return True
        if one.opname == "LOAD_CONST" and isinstance(one.argval, frozenset) and after.opname != "CONTAINS_OP":
            return True
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME") and one.argval in ("set", "frozenset"):
            return True
    return False


def outer_value(function: types.FunctionType, cells: dict[str, types.CellType], name: str) -> Any:
    """What a name outside of the function is bound to; None for nothing."""
    try:
        return cells[name].cell_contents if name in cells else function.__globals__.get(name)
    except ValueError:
        return None


def _impure_module(function: types.FunctionType) -> str:
    """A module beyond the user's own and the pure ones that the function's code names."""
    code = own_code(function)
    found = mentions(code)
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    for mention in found.outer:
        value = outer_value(function, cells, mention.name)
        if not isinstance(value, types.ModuleType) or is_user_space(value) or is_pure(value.__name__):
            continue
        if not mention.chain or mention.chain[0] not in _FIXED.get(value.__name__, ()):
            return value.__name__
    for name in found.modules:
        module = sys.modules.get(name)
        if module is not None and not is_user_space(module) and not is_pure(name):
            return name
    return ""


def _answers_everywhere(asked: Any) -> bool:
    """Whether a function of C's answers the same in every process."""
    if getattr(asked, "__name__", "") in _ASKING:
        return False
    owner = getattr(asked, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        return is_pure(str(getattr(asked, "__module__", None) or getattr(owner, "__name__", "")))
    kinds = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    return all(is_pure(str(kind.__module__)) or is_user_space(kind) for kind in kinds)


def _shown(asked: Any) -> str:
    owner, name = getattr(asked, "__self__", None), getattr(asked, "__qualname__", repr(asked))
    if owner is None or isinstance(owner, types.ModuleType):
        return f"{getattr(asked, '__module__', None) or 'builtins'}.{name}"
    return str(name)
