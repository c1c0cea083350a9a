"""The decorator: a function's gradient, compiled on the first call of each kind and cached."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, Self, overload

from ..ir.ops.effects import GuardMiss
from ..tracer.errors import TapelessError, TracingError, explain
from ..tracer.generics import P, R
from ..tracer.locks import Lock
from ..tracer.site import called_at
from ..tracer.trace import ACTIVE
from .asking import a_function, frozen
from .binding import Parameters, bind, call_key, raw_key, signature_of
from .collector import collector_paused
from .dynamic import Dynamic, Versions, check_dynamic
from .entrance import REFUSED, closed
from .explanation import Path, Traced, explanation, locate, traced
from .overlap import check_overlap, written
from .request import OPTIMIZATIONS, Request
from .wrapping import Wrapping

if TYPE_CHECKING:
    from .compilation import Stages
    from .disk_cache import Kept
    from .profile import Profile

Q = ParamSpec("Q")

active = ACTIVE.get
MAXIMUM = 128  # kinds of call that are kept
MAXIMUM_PATHS = 32  # paths through branches that are kept for one kind of call


def compile_request(*args: Any, **options: Any) -> Stages:
    """As in compilation.py, which is loaded when the first function is compiled: it takes as long as all the rest."""
    with collector_paused():
        from .compilation import compile_request

        return compile_request(*args, **options)


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
        self._versions: Versions | None = None  # texts that are for many sizes
        super().__init__(request.function, self._signature)

    # ------------------------------------------------------------------------------------------------- calling

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if active() is not None:
            return self._first_call(args, kwargs)
        path = self._last
        if path is None:
            return self._first_call(args, kwargs)
        try:
            result: R = path.enter(args, kwargs)
        except GuardMiss as miss:
            path.count(str(miss))
            return self._searched(args, kwargs, missed=path)
        except Exception as error:
            self._locate(error, path, self._bind(args, kwargs))
            raise
        if result is REFUSED:
            return self._searched(args, kwargs)
        self._hits += 1
        return result

    def _searched(self, args: tuple[Any, ...], kwargs: dict[str, Any], missed: Path | None = None) -> Any:
        """A call by one of the paths for its kind, other than `missed`, or by a new one."""
        paths = self._calls.get(raw_key(args, kwargs))
        for path in paths or ():
            if path is missed or not path.state.holds():
                continue
            if path.writes:
                try:
                    check_overlap(path.writes, self._bind(args, kwargs), path.stages.captured)
                except TracingError:
                    break  # unless its guards say that another path is meant
            path.open_to(args, kwargs, again=path is self._last)
            try:
                result = path.stages.function(*args, **kwargs)
            except GuardMiss as miss:
                path.count(str(miss))
                continue
            except Exception as error:
                if path.general:
                    return self._first_call(args, kwargs, tried=True, special=True)
                self._locate(error, path, self._bind(args, kwargs))
                raise
            self._last = path
            self._hits += 1
            return result
        return self._first_call(args, kwargs, tried=paths is not None)

    def _first_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], tried: bool = False, special: bool = False
    ) -> Any:
        """A call inside of a trace, or one of a kind that no compiled path serves yet; `special`: no general one."""
        trace = ACTIVE.get()
        if trace is not None and self._request.kind != "grad":
            return self._request.function(*args, **kwargs)
        self._signature = signature_of(self._request.function)  # whose defaults may have been replaced
        parameters = self._bind(args, kwargs)
        if trace is not None:
            from .nested import gradient_in_trace

            return gradient_in_trace(trace, self._request, parameters)
        path = self._compile(parameters, tried, special)
        if path.writes:
            check_overlap(path.writes, parameters, path.stages.captured)
        with self._lock:
            if len(self._calls) > MAXIMUM:
                self._calls.clear()
            self._calls[raw_key(args, kwargs)] = self._paths[call_key(parameters)]
        try:
            return path.stages.function(*args, **kwargs)
        except Exception as error:
            if path.general:  # the function may go another way for these lengths: it handles the error, say
                return self._first_call(args, kwargs, tried, special=True)
            if isinstance(error, GuardMiss):
                return self._exact(path, parameters)(*args, **kwargs)
            self._locate(error, path, parameters)
            raise

    def _exact(self, path: Path, parameters: Parameters) -> Callable[..., Any]:
        """The path's function anew: its guards missed the very call that it is for, by digits that rewriting made."""
        with self._lock:
            stages = compile_request(self._request, parameters, self._signature, exact=True)
            path.stages, path.state, path.writes = stages, stages.around, written(stages.optimized)
            path.restored, path.enter = False, closed
        return stages.function

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parameters:
        return bind(self._signature, args, kwargs, self._request.name)

    def _compile(self, parameters: Parameters, tried: bool = False, special: bool = False) -> Path:
        """A new path for this call; one thread at a time, and none for what another thread has just made."""
        key = call_key(parameters)
        with self._lock:
            known = [path for path in self._paths.get(key, []) if not (special and path.general)]
            for path in known:
                if path.serves(parameters):
                    self._last = path
                    self._hits += 1
                    return path
            if not known and not special:
                general = self._general(parameters)
                if general is not None:
                    self._enter(key, [general])
                    return general
            why = traced(parameters, known, not self._traced, tried)
            kept = self._kept(parameters)
            restored = self._restored(kept, parameters, why) if kept is not None else None
            path = restored or self._traced_path(kept, parameters, why)
            if len(known) == MAXIMUM_PATHS:
                self._warn(path)
            self._enter(key, [path, *known][:MAXIMUM_PATHS])
            return path

    def _enter(self, key: Any, paths: list[Path]) -> None:
        """Keep the paths of a kind of call, the one that was found last in front."""
        self._paths[key] = paths
        self._paths.move_to_end(key)
        while len(self._paths) > MAXIMUM:
            self._paths.popitem(last=False)
        self._last = paths[0]

    def _general(self, parameters: Parameters) -> Path | None:
        """A path for many sizes that serves this call; written when the sizes of the calls are seen to change."""
        request = self._request
        plain = request.kind == "grad" and request.debug is None and request.target is None
        if request.dynamic is False or not plain:
            return None
        if self._versions is None:
            self._versions = Versions(request.dynamic)

        def compiled(abstract: Parameters) -> tuple[Stages, Path]:
            why = traced(abstract, (), not self._traced, False)
            stages = compile_request(request, abstract, self._signature)
            self._traced.append(why._replace(reason="a text for every length, since lengths change"))
            return stages, Path(stages, stages.around, written(stages.optimized), len(self._traced), general=True)

        before = len(self._traced)
        path: Path | None = self._versions.path(parameters, compiled)
        self._hits += path is not None and len(self._traced) == before
        return path

    def _traced_path(self, kept: Kept | None, parameters: Parameters, why: Traced) -> Path:
        self._traced.append(why)
        watch = kept.watch if kept is not None else None
        stages = compile_request(self._request, parameters, self._signature, watch=watch)
        if kept is not None:
            self._traced[-1] = why._replace(kept=kept.keep(stages))
        return Path(stages, stages.around, written(stages.optimized), len(self._traced))

    def _kept(self, parameters: Parameters) -> Kept | None:
        """What a cache on disk has for this call, if one is asked for; pullbacks need more than the source."""
        cache = self._request.cache
        if cache is None:
            cache = os.environ.get("TAPELESS_CACHE", "")
        if not cache or cache in ("0", "false", "no", "off") or self._request.kind in ("vjp", "linearize"):
            return None
        from .disk_cache import Kept

        return Kept(self, self._request, parameters, self._signature)

    def _restored(self, kept: Kept, parameters: Parameters, why: Traced) -> Path | None:
        """A path from disk that serves this call."""
        for entry in kept.entries():
            path = Path(entry.stages, kept.around, entry.writes, len(self._traced) + 1, restored=True)
            if path.serves(parameters):
                self._traced.append(why._replace(kept=f"read from {entry.file}", restored=True))
                return path
        return None

    def _locate(self, error: Exception, path: Path, parameters: Parameters) -> None:
        with suppress(TapelessError):
            locate(error, self._stages_of(path, parameters), parameters)

    def _stages_of(self, path: Path, parameters: Parameters) -> Stages:
        """All stages; of a path from disk they are made when somebody asks for them."""
        with self._lock:
            if path.restored:
                path.stages = compile_request(self._request, parameters, self._signature)
                path.restored = False
        return path.stages

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
        parameters = self._bind(args, kwargs)
        return self._stages_of(self._path_for(parameters), parameters)

    def compile(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """The bare function for arguments of this kind: no dispatch, no checks but the guards in its text."""
        return self.lower(*args, **kwargs).function

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """The time and the memory of each line of the source for these arguments: `print(g.profile(x))`."""
        from .profile import profile

        parameters = self._bind(args, kwargs)
        path = self._path_for(parameters)
        return profile(self._stages_of(path, parameters), args, kwargs, apart=bool(path.writes))

    def module(self, *args: Any, **kwargs: Any) -> str:
        """A module text for these arguments that needs only numpy."""
        from ..codegen.assembled import Part, module_text
        from .headers import header

        parameters = self._bind(args, kwargs)
        stages = compile_request(self._request, parameters, self._signature, abstract=True)
        return module_text([Part(stages.generated, stages.captured)], header([stages]))

    def _path_for(self, parameters: Parameters) -> Path:
        for path in self._paths.get(call_key(parameters), ()):
            if path.serves(parameters):
                return path
        return self._compile(parameters)

    def cache_info(self) -> CacheInfo:
        """Hits, misses and sizes."""
        paths = len({id(path) for known in self._paths.values() for path in known})
        misses = sum(not call.restored for call in self._traced)
        return CacheInfo(self._hits, misses, MAXIMUM, len(self._paths), paths)

    def cache_clear(self) -> None:
        """Forget every compiled path."""
        with self._lock:
            self._paths.clear()
            self._calls.clear()
            self._versions = None
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


def differentiated(
    function: Callable[..., Any] | None,
    argnums: int | str | tuple[int | str, ...] | list[int | str],
    has_aux: bool,
    with_value: bool,
    argnum: int | None,
    debug: str | None = None,
    optimize: str = "fast",
    cache: bool | str | os.PathLike[str] | None = None,
    dynamic: Dynamic = "auto",
) -> Any:
    """The common part of grad and value_and_grad: also as a decorator with arguments."""
    wanted = frozen(argnums if argnum is None else argnum)
    if debug is not None:
        from .debugging import check_debug

        check_debug(debug)
    if optimize not in OPTIMIZATIONS:
        shown = " and ".join(map(repr, OPTIMIZATIONS))
        raise ValueError(
            explain(f"there is no optimize={optimize!r}; there are {shown}", called_at(), 'optimize="fast"', "source")
        )

    if dynamic != "auto" and not isinstance(dynamic, bool):
        check_dynamic(dynamic)
    folder = _folder(cache)

    def made(f: Callable[..., Any]) -> GradientFunction[..., Any]:
        options = {"debug": debug, "optimize": optimize, "cache": folder, "dynamic": dynamic}
        return GradientFunction(Request(a_function(f), wanted, has_aux, with_value, **options))  # type: ignore[arg-type]

    return made if function is None else made(function)


def _folder(cache: Any) -> bool | str | None:
    """What `cache` asks for, as plain values."""
    if cache is None or isinstance(cache, bool):
        return cache
    if isinstance(cache, str | os.PathLike) and isinstance(os.fspath(cache), str) and os.fspath(cache):
        return os.fspath(cache)
    cause = f"cache may be True, False, None or a folder, not {cache!r}"
    raise TypeError(explain(cause, called_at(), "grad(f, cache=True)", "disk-cache"))
