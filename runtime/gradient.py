"""The decorator: a function's gradient, compiled on the first call of each kind and cached."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, Self, overload

from ..codegen.module import folded, module_text
from ..ir.ops.effects import GuardMiss
from ..tracer.errors import TracingError, explain
from ..tracer.generics import P, R
from ..tracer.locks import Lock
from ..tracer.site import called_at
from ..tracer.trace import ACTIVE
from .asking import a_function, frozen
from .binding import Parameters, bind, call_key, raw_key, signature_of
from .compilation import Request, Stages, compile_request
from .explanation import Path, Traced, explanation, locate, traced
from .overlap import check_overlap, written
from .wrapping import Wrapping

Q = ParamSpec("Q")

MAXIMUM = 128  # kinds of call that are kept
MAXIMUM_PATHS = 32  # paths through branches that are kept for one kind of call


class CacheInfo(NamedTuple):
    """As functools.lru_cache reports it; `paths` counts the compiled functions."""

    hits: int
    misses: int
    maxsize: int
    currsize: int
    paths: int


class GradientFunction(Wrapping, Generic[P, R]):
    """A function that returns a gradient. `source` is the text that the last call ran."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._signature = signature_of(request.function)
        self._paths: OrderedDict[Any, list[Path]] = OrderedDict()
        self._calls: dict[Any, list[Path]] = {}  # the same lists, by the arguments as they were passed
        self._lock = Lock()
        self._last: Path | None = None
        self._hits = 0
        self._warned = False
        self._traced: list[Traced] = []
        super().__init__(request.function, self._signature)

    # ------------------------------------------------------------------------------------------------- calling

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if ACTIVE.get() is None:
            paths = self._calls.get(raw_key(args, kwargs))
            if paths is not None:
                for path in paths:
                    if path.state.holds():
                        if path.writes:
                            try:
                                check_overlap(path.writes, self._bind(args, kwargs), path.stages.captured)
                            except TracingError:
                                break  # unless its guards say that another path is meant
                        try:
                            result = path.stages.function(*args, **kwargs)
                        except GuardMiss as miss:
                            path.count(str(miss))
                            continue
                        except Exception as error:
                            locate(error, path.stages, self._bind(args, kwargs))
                            raise
                        self._last = path
                        self._hits += 1
                        return result
            return self._first_call(args, kwargs, tried=paths is not None)
        return self._first_call(args, kwargs)

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any], tried: bool = False) -> Any:
        """A call inside of a trace, or one of a kind that no compiled path serves yet."""
        trace = ACTIVE.get()
        if trace is not None and self._request.kind != "grad":
            return self._request.function(*args, **kwargs)
        self._signature = signature_of(self._request.function)  # whose defaults may have been replaced
        parameters = self._bind(args, kwargs)
        if trace is not None:
            from .nested import gradient_in_trace

            return gradient_in_trace(trace, self._request, parameters)
        path = self._compile(parameters, tried)
        if path.writes:
            check_overlap(path.writes, parameters, path.stages.captured)
        with self._lock:
            if len(self._calls) > MAXIMUM:
                self._calls.clear()
            self._calls[raw_key(args, kwargs)] = self._paths[call_key(parameters)]
        try:
            return path.stages.function(*args, **kwargs)
        except Exception as error:
            locate(error, path.stages, parameters)
            raise

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parameters:
        return bind(self._signature, args, kwargs, self._request.name)

    def _compile(self, parameters: Parameters, tried: bool = False) -> Path:
        """A new path for this call; one thread at a time, and none for what another thread has just made."""
        key = call_key(parameters)
        with self._lock:
            known = self._paths.get(key, [])
            for path in known:
                if path.serves(parameters):
                    self._last = path
                    self._hits += 1
                    return path
            self._traced.append(traced(parameters, known, not self._traced, tried))
            stages = compile_request(self._request, parameters, self._signature)
            path = Path(stages, stages.around, written(stages.optimized), len(self._traced))
            self._paths[key] = [path, *known][:MAXIMUM_PATHS]
            if len(known) == MAXIMUM_PATHS:
                self._warn(path)
            self._paths.move_to_end(key)
            while len(self._paths) > MAXIMUM:
                self._paths.popitem(last=False)
            self._last = path
            return path

    def _warn(self, path: Path) -> None:
        """Say once that each call takes another path, so that each is compiled anew."""
        if self._warned:
            return
        self._warned = True
        origin = path.stages.guards[-1] if path.stages.guards else called_at()
        warnings.warn(
            explain(
                f"{self._request.name} took more than {MAXIMUM_PATHS} paths for one kind of call, and forgets old ones",
                origin,
                "np.where(condition, a, b), cond(...) or while_loop(...), which decide when the gradient runs",
                "too-many-paths",
            ),
            RuntimeWarning,
            stacklevel=4,
        )

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any = None) -> Self: ...
        @overload
        def __get__(
            self: GradientFunction[Concatenate[Any, Q], R], instance: Any, owner: Any = None
        ) -> GradientFunction[Q, R]: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

    def _for(self, instance: Any) -> Any:
        return GradientFunction(replace(self._request, function=self._request.function.__get__(instance)))

    # ------------------------------------------------------------------------------------------------ reading

    @property
    def source(self) -> str:
        """The NumPy source that the last call ran; for one that was never called, an instruction."""
        if self._last is None:
            raise TracingError(
                explain(
                    f"{self._request.name} has no source yet: it depends on the arguments",
                    called_at(),
                    "call it once, or .lower(*args).source",
                    "source",
                )
            )
        return self._last.stages.source

    def trace(self, *args: Any, **kwargs: Any) -> str:
        """The typed program of the function itself for these arguments, as text."""
        return self.lower(*args, **kwargs).as_text("trace")

    def lower(self, *args: Any, **kwargs: Any) -> Stages:
        """All stages for these arguments: `.as_text()` prints them, `.source` is the last one."""
        return self._path_for(self._bind(args, kwargs)).stages

    def compile(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """The bare function for arguments of this kind: no dispatch, no checks but the guards in its text."""
        return self.lower(*args, **kwargs).function

    def module(self, *args: Any, **kwargs: Any) -> str:
        """A module text for these arguments that needs only numpy."""
        parameters = self._bind(args, kwargs)
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
        return CacheInfo(self._hits, len(self._traced), MAXIMUM, len(self._paths), paths)

    def cache_clear(self) -> None:
        """Forget every compiled path."""
        with self._lock:
            self._paths.clear()
            self._calls.clear()
            self._last = None
            self._hits = 0
            self._traced.clear()
            self._warned = False

    def explain(self) -> str:
        """Which calls were traced and why, which paths are kept, and what their guards need."""
        return explanation(self._request.name, self._traced, self._hits, list(self._paths.values()))

    def __repr__(self) -> str:
        return f"<tapeless {self._request.name}>"

    def _parts(self) -> tuple[Any, ...]:
        """What makes it, and of what."""
        request = self._request
        return _requested, *(getattr(request, f.name) for f in fields(request))  # apart: the function may lead to self


def _requested(*parts: Any) -> GradientFunction[..., Any]:
    return GradientFunction(Request(*parts))


class Decorator(Protocol):
    """What `grad(argnums=1)` and its like are."""

    def __call__(self, fun: Callable[P, Any], /) -> GradientFunction[P, Any]: ...


class PairDecorator(Protocol):
    """As `Decorator`, for functions that return the value too."""

    def __call__(self, fun: Callable[P, Any], /) -> GradientFunction[P, tuple[Any, Any]]: ...


def header(stages: Stages) -> str:
    """The docstring of a generated module: what it was made from, and whose it is."""
    origin = stages.trace.origin
    made_from = f"{origin.function} ({origin.file}:{origin.line})" if origin and origin.file else "a function"
    modules = [*stages.generated.imports, *(named.home for named in stages.generated.externals if named.home)]
    libraries = sorted({module.partition(".")[0] for module in modules})
    return (
        f"Gradient code for {made_from}, generated by tapeless.\n\n"
        f"{folded(stages.types)}\n\n"
        f"This text needs only {' and '.join(['numpy', *libraries])}. "
        "It belongs to whoever generated it, without any condition.\n"
    )


def differentiated(
    function: Callable[..., Any] | None,
    argnums: int | str | tuple[int | str, ...] | list[int | str],
    has_aux: bool,
    with_value: bool,
    argnum: int | None,
    debug: str | None = None,
) -> Any:
    """The common part of grad and value_and_grad: also as a decorator with arguments."""
    wanted = frozen(argnums if argnum is None else argnum)
    if debug is not None:
        from .debugging import check_debug

        check_debug(debug)
    if function is None:
        return lambda f: GradientFunction(Request(a_function(f), wanted, has_aux, with_value, debug=debug))
    return GradientFunction(Request(a_function(function), wanted, has_aux, with_value, debug=debug))
