"""Functions that take derivatives, or batches, of another one while they are traced: compiled and cached like any."""

from __future__ import annotations

import functools
import inspect
import types
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from ..tracer.locks import Lock
from ..tracer.trace import ACTIVE, Trace
from .binding import signature_of
from .compilation import Stages
from .gradient import MAXIMUM, GradientFunction
from .request import Request
from .wrapping import Wrapping

if TYPE_CHECKING:
    from .profile import Profile

Compiled = GradientFunction[..., Any]
Run = Callable[[Trace, tuple[Any, ...], dict[str, Any]], Any]  # what the function returns, in stand-ins
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_known: OrderedDict[Hashable, Compiled] = OrderedDict()  # the latest, by the function's identity
_lock = Lock()


class TransformedFunction(Compiled):
    """The compiled function that `run` describes in terms of `fun`. `make(fun)` makes it anew, for another function
    or in another process; `signature` is fun's unless another is given."""

    def __init__(
        self,
        fun: Callable[..., Any],
        kind: str,
        run: Run,
        make: Callable[[Callable[..., Any]], Any],
        signature: inspect.Signature | None = None,
        debug: str | None = None,
    ) -> None:
        super().__init__(Request(_traced(fun, run, signature), kind=kind, debug=debug))
        Wrapping.__init__(self, fun, self._signature)
        self._make = make

    def _for(self, instance: Any) -> Any:
        return self._make(self.__wrapped__.__get__(instance))

    def _parts(self) -> tuple[Any, ...]:
        return (self._make, self.__wrapped__)


def _traced(fun: Callable[..., Any], run: Run, signature: inspect.Signature | None) -> Callable[..., Any]:
    """What is traced: a function that looks like `fun` and does what `run` says."""

    def function(*args: Any, **kwargs: Any) -> Any:
        trace = ACTIVE.get()
        assert trace is not None
        return run(trace, args, kwargs)

    functools.update_wrapper(function, fun, updated=())
    function.__name__ = getattr(fun, "__name__", type(fun).__name__)
    function.__signature__ = signature_of(fun) if signature is None else signature  # type: ignore[attr-defined]
    return function


def remembered(fun: Callable[..., Any], key: Hashable, make: Callable[[], Compiled]) -> Compiled:
    """One compiled function for each function and key; what is compiled keeps the function alive."""
    method = isinstance(fun, types.MethodType)
    whose: Hashable = (id(fun.__self__), id(fun.__func__)) if method else id(fun)  # type: ignore[attr-defined]
    with _lock:
        found = _known.get((whose, key))
        if found is None:
            found = _known[whose, key] = make()
        _known.move_to_end((whose, key))
        while len(_known) > MAXIMUM:
            _known.popitem(last=False)
    return found


def positional_names(fun: Callable[..., Any], count: int) -> list[str]:
    """Names for `count` positional arguments, as the function itself calls them."""
    names: list[str] = []
    for parameter in signature_of(fun).parameters.values():
        if parameter.kind in _POSITIONAL:
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{i}" for i in range(count - len(names))]
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def positional_signature(names: Sequence[str]) -> inspect.Signature:
    """A signature of these positional parameters."""
    return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])


class VectorProduct(TransformedFunction):
    """A function of fun's arguments and, behind the positional ones, a vector; `run` gets it as its last argument.

    In the text the vector is a keyword where a positional argument has a default, so that this stays as it is.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        kind: str,
        run: Callable[[Trace, tuple[Any, ...], dict[str, Any], Any], Any],
        make: Callable[[Callable[..., Any]], Any],
        debug: str | None = None,
    ) -> None:
        self._own = signature_of(fun)
        self._vector = _free_name("v", self._own)
        self._plain = _is_last(self._own)

        def split(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if self._vector in kwargs:
                return run(trace, args, {k: v for k, v in kwargs.items() if k != self._vector}, kwargs[self._vector])
            return run(trace, args[:-1], kwargs, args[-1])

        super().__init__(fun, kind, split, make, _with_vector(self._own, self._vector), debug)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._plain:
            return super().__call__(*args, **kwargs)
        args, kwargs = self._arranged(args, kwargs)
        return super().__call__(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Stages:
        args, kwargs = self._arranged(args, kwargs)
        return super().lower(*args, **kwargs)

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        args, kwargs = self._arranged(args, kwargs)
        return super().profile(*args, **kwargs)

    def module(self, *args: Any, **kwargs: Any) -> str:
        args, kwargs = self._arranged(args, kwargs)
        return super().module(*args, **kwargs)

    def _arranged(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call with the vector, which comes last, where the text has it."""
        if self._plain or self._vector in kwargs or not args:
            return args, kwargs
        return args[:-1], {**kwargs, self._vector: args[-1]}


def _free_name(name: str, signature: inspect.Signature) -> str:
    while name in signature.parameters:
        name += "_"
    return name


def _is_last(signature: inspect.Signature) -> bool:
    """Whether a vector can stand behind the positional parameters: all of them are required."""
    first = [p for p in signature.parameters.values() if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    return all(p.kind in _POSITIONAL and p.default is p.empty for p in first)


def _with_vector(signature: inspect.Signature, name: str) -> inspect.Signature:
    """The signature with one more parameter, behind the positional ones: a keyword where these are not all required."""
    parameters = list(signature.parameters.values())
    if _is_last(signature):
        first = [p for p in parameters if p.kind in _POSITIONAL]
        kind = first[-1].kind if first else inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([*first, inspect.Parameter(name, kind), *parameters[len(first) :]])
    last = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    vector = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    return inspect.Signature([*(p for p in parameters if p not in last), vector, *last])
