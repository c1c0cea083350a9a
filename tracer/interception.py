"""What NumPy and SciPy do not dispatch: while a trace is active, the names that hold such a thing hold a replacement.

A function is entered once, with `intercepts("scipy.special", "logsumexp")` over its answer; an object that is no
function, with `enter`. The module is not imported for it: the names are replaced when somebody has imported it. They
are replaced in the module, and in the globals and closures of the traced function (`from numpy import zeros`). A
replacement looks at a context variable and at who calls: other threads, other contexts and libraries get the original.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from types import CellType, CodeType, FrameType, FunctionType
from typing import Any

from .locks import Lock
from .site import called_name, is_recorded_code
from .trace import ACTIVE

Answer = Callable[..., Any]  # (trace, *args, **kwargs) -> result, or NotImplemented where the original shall answer


@dataclass(frozen=True, slots=True, eq=False)
class OuterName:
    """A name that something is bound to: in a module or class, in the cell of a closure, or a function's __code__."""

    home: dict[str, Any] | type | CellType | FunctionType
    name: str
    original: Any

    def read(self) -> Any:
        if isinstance(self.home, dict):
            return self.home.get(self.name)
        if isinstance(self.home, CellType):
            return self.home.cell_contents
        if isinstance(self.home, FunctionType):
            return self.home.__code__
        return vars(self.home).get(self.name)

    def bind(self, thing: Any) -> None:
        if isinstance(self.home, dict):
            self.home[self.name] = thing
        elif isinstance(self.home, CellType):
            self.home.cell_contents = thing
        elif isinstance(self.home, FunctionType):
            self.home.__code__ = thing
        else:
            setattr(self.home, self.name, thing)


_lock = Lock()
MAKERS: dict[tuple[str, str], Callable[[Any], Any]] = {}  # from the original to its replacement, when it is there
_NAMES: dict[tuple[str, str], OuterName] = {}  # those that are there
_REPLACEMENTS: dict[int, Any] = {}  # by the identity of the original
_ORIGINALS: dict[int, Any] = {}  # by the identity of the replacement
_KEPT: list[Any] = []
_traces = 0  # that are running, in whatever thread
_bound: dict[tuple[int, str], OuterName] = {}  # the names in modules that are replaced for them, by home and name
_users: dict[tuple[int, str], int] = {}  # how many traces have a name of the user's replaced


def enter(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Have `module.name` replaced by `make(original)`; one that is entered already raises ValueError.

    The name may be that of a method, `Class.method`, which is replaced in the class, for all its objects.
    """
    if (module, name) in MAKERS:
        raise ValueError(f"{module}.{name} is intercepted already")
    MAKERS[module, name] = make


def intercepts(module: str, *names: str) -> Callable[[Answer], Answer]:
    """Enter an answer for functions of a module; it gets (trace, *args, **kwargs)."""

    def entered(answer: Answer) -> Answer:
        for name in names:
            enter(module, name, lambda original: answered(original, answer))
        return answer

    return entered


def answered(original: Callable[..., Any], answer: Answer) -> Callable[..., Any]:
    """A function that answers the user's own calls while a trace is active; the original answers all others."""

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        trace = ACTIVE.get()
        if trace is None or not is_called_by_user(sys._getframe(1), call, original.__name__):
            return original(*args, **kwargs)
        result = answer(trace, *args, **kwargs)
        return original(*args, **kwargs) if result is NotImplemented else result

    return call


def is_called_by_user(caller: FrameType, replacement: Any, name: str) -> bool:
    """Whether the frame calls the replacement itself; of compiled code, which has no frame, it is the user's, too."""
    if not is_recorded_code(caller.f_code):
        return False
    called = called_name(caller)
    return called == name or (
        bool(called) and (caller.f_globals.get(called) is replacement or caller.f_locals.get(called) is replacement)
    )


def original_of(thing: Any) -> Any:
    """What a name is bound to but for us."""
    return _ORIGINALS.get(id(thing), thing)


def is_intercepted(thing: Any) -> bool:
    """Whether a name in the user's program that is bound to this has to be replaced as well."""
    return id(original_of(thing)) in _REPLACEMENTS


def own_code(function: FunctionType) -> CodeType:
    """The code that the function has but for us."""
    code: CodeType = original_of(function.__code__)
    return code


def with_code(function: FunctionType, code: CodeType) -> OuterName:
    """Have the function run from another code while a trace is active."""
    original = own_code(function)
    with _lock:
        _pair(original, code)
    return OuterName(function, "__code__", original)


def _pair(original: Any, replacement: Any) -> None:
    if id(original) not in _REPLACEMENTS:
        _KEPT.append(original)  # so that no id is used twice
        _REPLACEMENTS[id(original)], _ORIGINALS[id(replacement)] = replacement, original


def find_intercepted() -> None:
    """Look for the modules that have been imported since the last time."""
    with _lock:
        for (module, name), make in list(MAKERS.items()):
            if (module, name) in _NAMES or module not in sys.modules:
                continue
            holder, _, last = name.rpartition(".")
            owner = vars(sys.modules[module]).get(holder) if holder else sys.modules[module]
            space = vars(owner) if owner is not None else {}
            if last in space:  # else not in this version, or the module is being imported right now
                home = owner if isinstance(owner, type) else space
                _NAMES[module, name] = OuterName(home, last, space[last])
                if id(space[last]) not in _REPLACEMENTS:
                    _pair(space[last], make(space[last]))


@contextmanager
def intercepted(outer: Sequence[OuterName] = ()) -> Iterator[None]:
    """Replace the names in the modules, and these names of the user's, while a trace is running in whatever thread."""
    global _traces
    with _lock:
        _traces += 1
        for one in islice(_NAMES.values(), len(_bound), None):
            one.bind(_REPLACEMENTS[id(one.original)])
            _bound[id(one.home), one.name] = one
        own = [((id(one.home), one.name), one) for one in outer if (id(one.home), one.name) not in _bound]
        for key, one in own:
            if not _users.get(key):
                one.bind(_REPLACEMENTS[id(one.original)])
            _users[key] = _users.get(key, 0) + 1
    try:
        yield
    finally:
        with _lock:
            for key, one in own:
                _users[key] -= 1
                if not _users[key]:
                    del _users[key]
                    _restore(one)
            _traces -= 1
            if not _traces:
                for one in _bound.values():
                    _restore(one)
                _bound.clear()


def _restore(one: OuterName) -> None:
    if one.read() is _REPLACEMENTS[id(one.original)]:  # the user may have bound it anew
        one.bind(one.original)
