"""The decorator: a function's gradient, compiled on the first call of each kind and cached."""

from __future__ import annotations

import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..codegen.module import folded, module_text
from ..ir.interp import evaluate
from ..ir.ops.effects import GuardMiss
from ..ir.passes.dead_code import guards_only
from ..tracer.errors import TracingError, explain
from ..tracer.state import Snapshot
from ..tracer.structure import flatten
from ..tracer.trace import ACTIVE
from .binding import Parameters, bind, call_key, raw_key, signature_of
from .compilation import Request, Stages, compile_request
from .nested import gradient_in_trace
from .overlap import check_overlap, written

MAXIMUM = 128  # kinds of call that are kept
MAXIMUM_PATHS = 32  # paths through branches that are kept for one kind of call


class CacheInfo(NamedTuple):
    """As functools.lru_cache reports it; `paths` counts the compiled functions."""

    hits: int
    misses: int
    maxsize: int
    currsize: int
    paths: int


@dataclass(slots=True)
class Path:
    """One compiled way through the function, right while the state around it is as it was."""

    stages: Stages
    state: Snapshot
    writes: tuple[int, ...] = ()  # the arguments' arrays that the function writes into

    def serves(self, parameters: Parameters) -> bool:
        """Whether the state is as it was and the guards pass for these arguments; nothing else is computed."""
        if not self.state.holds():
            return False
        program = guards_only(self.stages.optimized)
        if not program.equations:
            return True
        leaves = [leaf for _, _, value in parameters for leaf in flatten(value)[0]]
        cotangents = [None] * (len(program.inputs) - len(leaves))  # of a pullback; no guard reads them
        try:
            with np.errstate(all="ignore"):
                evaluate(program, [*leaves, *cotangents], self.stages.captured)
        except GuardMiss:
            return False
        return True


class GradientFunction:
    """A function that returns a gradient. `source` is the text that the last call ran."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._signature = signature_of(request.function)
        self._paths: OrderedDict[Any, list[Path]] = OrderedDict()
        self._calls: dict[Any, list[Path]] = {}  # the same lists, by the arguments as they were passed
        self._lock = threading.RLock()
        self._last: Path | None = None
        self._hits = 0
        self._misses: list[str] = []
        self._bound: OrderedDict[int, tuple[Any, GradientFunction]] = OrderedDict()  # by the identity of the object
        functools.update_wrapper(self, request.function, updated=())

    # ------------------------------------------------------------------------------------------------- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is None:
            paths = self._calls.get(raw_key(args, kwargs))
            if paths is not None:
                for path in paths:
                    if path.state.holds():
                        if path.writes:
                            check_overlap(path.writes, bind(self._signature, args, kwargs), path.stages.captured)
                        try:
                            result = path.stages.function(*args, **kwargs)
                        except GuardMiss:
                            continue
                        self._last = path
                        self._hits += 1
                        return result
        return self._first_call(args, kwargs)

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call inside of a trace, or one of a kind that no compiled path serves yet."""
        trace = ACTIVE.get()
        self._signature = signature_of(self._request.function)  # whose defaults may have been replaced
        parameters = bind(self._signature, args, kwargs)
        if trace is not None:
            return gradient_in_trace(trace, self._request, parameters)
        path = self._compile(parameters)
        if path.writes:
            check_overlap(path.writes, parameters, path.stages.captured)
        with self._lock:
            if len(self._calls) > MAXIMUM:
                self._calls.clear()
            self._calls[raw_key(args, kwargs)] = self._paths[call_key(parameters)]
        return path.stages.function(*args, **kwargs)

    def _compile(self, parameters: Parameters) -> Path:
        """A new path for this call; one thread at a time, and none for what another thread has just made."""
        key = call_key(parameters)
        with self._lock:
            known = self._paths.get(key, [])
            for path in known:
                if path.serves(parameters):
                    self._last = path
                    self._hits += 1
                    return path
            self._misses.append(self._reason(parameters, known))
            stages = compile_request(self._request, parameters, self._signature)
            path = Path(stages, stages.around, written(stages.optimized))
            self._paths[key] = [path, *known][:MAXIMUM_PATHS]
            self._paths.move_to_end(key)
            while len(self._paths) > MAXIMUM:
                self._paths.popitem(last=False)
            self._last = path
            return path

    def _reason(self, parameters: Parameters, known: list[Path]) -> str:
        shown = ", ".join(f"{name}: {_shown(value)}" for name, _, value in parameters)
        if known:
            changed = next((why for path in known if (why := path.state.difference())), None)
            if changed:
                return f"({shown}): {changed}"
            lines = sorted({str(o) for path in known for o in path.stages.guards})
            return f"({shown}): another branch at {', '.join(lines)}"
        if not self._misses:
            return f"({shown}): the first call"
        return f"({shown}): a new combination of structure, dtypes, shapes or static values"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: the gradient of the bound method."""
        if instance is None:
            return self
        with self._lock:
            known = self._bound.get(id(instance))
            if known is None:
                known = self._bound[id(instance)] = (instance, self._for(instance))
                if len(self._bound) > MAXIMUM:
                    self._bound.popitem(last=False)
            return known[1]

    def _for(self, instance: Any) -> GradientFunction:
        request = self._request
        method = request.function.__get__(instance)
        return GradientFunction(Request(method, request.argnums, request.has_aux, request.with_value, request.kind))

    # ------------------------------------------------------------------------------------------------ reading

    @property
    def source(self) -> str:
        """The NumPy source that the last call ran; for one that was never called, an instruction."""
        if self._last is None:
            raise TracingError(
                explain(
                    f"{self.__name__} has no source yet: it depends on the arguments",  # type: ignore[attr-defined]
                    fix="call it once, or .lower(*args).source",
                    anchor="source",
                )
            )
        return self._last.stages.source

    def trace(self, *args: Any, **kwargs: Any) -> str:
        """The typed program of the function itself for these arguments, as text."""
        return self.lower(*args, **kwargs).as_text("trace")

    def lower(self, *args: Any, **kwargs: Any) -> Stages:
        """All stages for these arguments: `.as_text()` prints them, `.source` is the last one."""
        return self._path_for(bind(self._signature, args, kwargs)).stages

    def compile(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """The bare function for arguments of this kind: no dispatch, no checks but the guards in its text."""
        return self.lower(*args, **kwargs).function

    def module(self, *args: Any, **kwargs: Any) -> str:
        """A module text for these arguments that needs only numpy."""
        parameters = bind(self._signature, args, kwargs)
        stages = compile_request(self._request, parameters, self._signature, abstract=True)
        return module_text(stages.generated, header(stages), stages.captured)

    def _path_for(self, parameters: Parameters) -> Path:
        for path in self._paths.get(call_key(parameters), ()):
            if path.serves(parameters):
                return path
        return self._compile(parameters)

    def cache_info(self) -> CacheInfo:
        """Hits, misses and sizes."""
        paths = sum(map(len, self._paths.values()))
        return CacheInfo(self._hits, len(self._misses), MAXIMUM, len(self._paths), paths)

    def cache_clear(self) -> None:
        """Forget every compiled path."""
        with self._lock:
            self._paths.clear()
            self._calls.clear()
            self._last = None
            self._hits = 0
            self._misses.clear()

    def explain(self) -> str:
        """Why each path was traced, and what its guards are."""
        lines = [f"{self._request.name}: {len(self._misses)} trace(s), {self._hits} cached call(s)"]
        lines += [f"  {number}. {reason}" for number, reason in enumerate(self._misses, 1)]
        for paths in self._paths.values():
            for path in paths:
                lines += [f"  guard at {origin}: {origin.statement}" for origin in path.stages.guards]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<tapeless {self._request.name}>"

    def __reduce__(self) -> Any:
        """By name if it is decorated in a module, as functions are; else by the function that it differentiates."""
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_rebuild, (self._request,))


def _rebuild(request: Request) -> GradientFunction:
    return GradientFunction(request)


def _shown(value: Any) -> str:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    return type(value).__name__ if isinstance(value, float | dict | list | tuple) else repr(value)


def header(stages: Stages) -> str:
    """The docstring of a generated module: what it was made from, and whose it is."""
    origin = stages.trace.origin
    made_from = f"{origin.function} ({origin.file}:{origin.line})" if origin and origin.file else "a function"
    return (
        f"Gradient code for {made_from}, generated by tapeless.\n\n"
        f"{folded(stages.types)}\n\n"
        "This text needs only numpy. It belongs to whoever generated it, without any condition.\n"
    )


def differentiated(
    function: Callable[..., Any] | None,
    argnums: int | str | tuple[int | str, ...] | list[int | str],
    has_aux: bool,
    with_value: bool,
    argnum: int | None,
) -> Any:
    """The common part of grad and value_and_grad: also as a decorator with arguments."""
    wanted = argnums if argnum is None else argnum
    if isinstance(wanted, list):
        wanted = tuple(wanted)
    _check_argnums(wanted)
    if function is None:
        return lambda f: GradientFunction(Request(_callable(f), wanted, has_aux, with_value))
    return GradientFunction(Request(_callable(function), wanted, has_aux, with_value))


def _callable(function: Any) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(
            explain(f"grad takes a function, not {type(function).__name__}", fix="grad(f), then call the result on x")
        )
    return function


def _check_argnums(argnums: Any) -> None:
    for one in argnums if isinstance(argnums, tuple) else (argnums,):
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise TypeError(
                explain(f"argnums must be numbers or names, not {one!r}", fix="argnums=0", anchor="argnums")
            )
