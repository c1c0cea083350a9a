"""checkpoint: a function whose steps are computed a second time for the reverse pass, instead of kept for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any, NoReturn, TypeVar

import numpy as np

from ..ir.builder import Value
from ..ir.ops.calls import called
from ..ir.ops.loops import inline
from ..ir.ops.shape import as_array
from ..ir.passes.dead_code import guards_only
from ..ir.program import Program, Var
from .array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from .errors import TracingError, UnsupportedError, explain
from .function import leaf_name
from .loops import InnerTrace, scan
from .pickling import name_in_module
from .place import Look, Place, Root, View
from .site import called_at, current_site
from .structure import flatten, unflatten
from .trace import ACTIVE, Trace, tracing

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(f: F) -> F:
    """f, computed again in the reverse pass instead of remembered: less memory for at most one more run of f.

    A gradient keeps the arguments and results of f, and nothing that f computes on the way. A chain of n steps in
    groups of sqrt(n), each group one checkpointed function, keeps about 2 sqrt(n) arrays instead of n (Griewank 1992);
    checkpoints may be nested. In the generated source f is a function of its own. Values and gradients are those of f.

    Arguments and results are arrays and numbers in any structure; integers, strings and other things are passed as
    they are. Outside of a trace it only calls f. Raises TypeError if f is not callable, and TracingError if f writes
    into an argument, or into an array from outside.
    """
    if not callable(f):
        raise TypeError(
            explain(
                f"checkpoint takes a function, not {f!r}",
                called_at(),
                "checkpoint(f)(x): checkpoint takes the function, and what it returns takes the arguments",
                "checkpoints",
            )
        )

    return Checkpointed(f)  # type: ignore[return-value]


class Checkpointed:
    """What checkpoint returns."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f, updated=())
        self.__name__ = getattr(f, "__name__", type(f).__name__)

    __wrapped__: Callable[..., Any]
    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = ACTIVE.get()
        return self.__wrapped__(*args, **kwargs) if trace is None else _Call(trace, self.__wrapped__).run(args, kwargs)

    def _watched(self) -> list[Any]:
        """What the cache watches for change."""
        return [self.__wrapped__]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<checkpoint {self.__name__}>"

    def __reduce__(self) -> Any:
        return name_in_module(self) or (Checkpointed, (self.__wrapped__,))


def scan_in_segments(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, n: int, reverse: bool, size: int
) -> tuple[Any, Any]:
    """scan as a loop over segments of `size` rounds, each of them checkpointed; what is left over comes last."""
    count, rest = divmod(n, size)
    bounds = [(rest, n), (0, rest)] if reverse else [(0, n - rest), (n - rest, n)]

    def segment(carry: Any, part: Any) -> tuple[Any, Any]:
        return scan(f, carry, part, None if flatten(part)[0] else size, reverse)

    def last_segment(carry: Any, part: Any) -> tuple[Any, Any]:
        return scan(f, carry, part, rest, reverse)

    (start, stop), (start_of_rest, stop_of_rest) = bounds
    parts = _each(lambda x: np.reshape(x[start:stop], (count, size, *np.shape(x)[1:])), xs)
    carry, collected = scan(checkpoint(segment), init, parts, count, reverse)
    collected = _each(lambda y: np.reshape(y, (count * size, *np.shape(y)[2:])), collected)
    if not rest:
        return carry, collected
    carry, last = checkpoint(last_segment)(carry, _each(lambda x: x[start_of_rest:stop_of_rest], xs))
    pairs = zip(*(flatten(one)[0] for one in ((last, collected) if reverse else (collected, last))), strict=True)
    return carry, unflatten(flatten(collected)[1], iter([np.concatenate(pair) for pair in pairs]))


def _each(run: Callable[[Any], Any], values: Any) -> Any:
    leaves, structure = flatten(values)
    return unflatten(structure, iter([run(leaf) for leaf in leaves]))


class CallTrace(InnerTrace):
    """The trace of a function that is called once, here: its inputs are values of the enclosing trace."""

    def __init__(self, outer: Trace) -> None:
        super().__init__(outer)
        self.given: dict[Var, Value] = {}
        self.places: dict[Var, int] = {}  # which argument an input is
        self.plain: dict[int, tuple[int, str]] = {}  # the place and path of each plain array among the arguments

    def argument(self, place: int, path: str, outside: Value) -> Value:
        """A value of the enclosing trace as an input of this one."""
        inside = self.input(outside.type, leaf_name(path), None)
        assert isinstance(inside.atom, Var)
        self.given[inside.atom] = outside
        self.places[inside.atom] = place
        return inside

    def capture(self, array: np.ndarray[Any, Any]) -> Value:
        outside = self.outer.capture(array)
        if id(array) in self.plain and isinstance(outside.atom, Var) and outside.atom not in self._taken:
            self._taken[outside.atom] = self.argument(*self.plain[id(array)], outside)
        return self.take(outside)

    def is_repeated(self) -> bool:
        return self.outer.is_repeated()

    def written_outside(self) -> TracingError:
        return TracingError(
            explain(
                "a checkpointed function writes into an array from outside of it",
                self.origin(),
                "return what is to be written, and write it after the call: out[0] = f(x)",
                "checkpoints",
            )
        )

    def outside_value(self, var: Var) -> tuple[Any, bool]:
        taken = dict(zip(self.builder.captures, self.outside, strict=True))
        return self.outer.concrete(self.given[var] if var in self.given else taken[var])  # type: ignore[index]


@dataclass(slots=True)
class _Passed:
    """An argument that is traced: what the caller passed, and the storage that stands for it inside."""

    path: str
    leaf: Any
    root: Root


class _Call:
    """One call of a checkpointed function within a trace."""

    def __init__(self, trace: Trace, f: Callable[..., Any]) -> None:
        self.trace = trace
        self.f = f
        self.shown = getattr(f, "__name__", type(f).__name__)
        self.name = self.shown if self.shown.isidentifier() else "checkpointed"
        self.inner = CallTrace(trace)
        self.count = 0  # of the leaves of all arguments
        self.passed: list[_Passed] = []
        self.handed: list[tuple[str, Any, list[Any]]] = []  # what f gets under each name, and the leaves in it

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What f returns, as values of the enclosing trace."""
        self.trace.check_open()
        bound = _bound(self.f, args, kwargs)
        for name, value in bound.arguments.items():
            bound.arguments[name] = self._argument(name, value)
        with tracing(self.inner):
            result = self.f(*bound.args, **bound.kwargs)
            leaves, structure = flatten(result)
            for leaf in leaves:
                if self._is_made(leaf):
                    lift(self.inner, leaf)  # a view of what was written since is read again
            self._check_arguments()
            places = self._places(leaves)
            results = [place.read() for place in places]
        cells = {id(leaf._place) for leaf in leaves if isinstance(leaf, CellTracer)}
        values = [
            self.trace.emit(as_array, value) if id(place) in cells and not value.ndim else value
            for value, place in zip(self._emit(results), places, strict=True)
        ]
        made = {id(place): wrap(self.trace, value) for value, place in zip(values, places, strict=True)}
        return unflatten(structure, iter([self._result(leaf, made) for leaf in leaves]))

    # ---------------------------------------------------------------------------------------------- arguments

    def _argument(self, name: str, value: Any) -> Any:
        leaves, structure = flatten(value)
        standins = []
        for leaf, (path, _) in zip(leaves, structure.paths(name), strict=True):
            self.count += 1
            if not isinstance(leaf, Tracer | float | complex | np.inexact):
                standins.append(leaf)  # a plain array or integer is the same inside as outside
                self.inner.plain[id(leaf)] = (self.count, path)
                continue
            inside = self.inner.argument(self.count, path, lift(self.trace, leaf))
            root = Root(inside)
            self.passed.append(_Passed(path, leaf, root))
            cell = isinstance(leaf, CellTracer)
            standins.append((ArrayTracer if inside.ndim else CellTracer if cell else ScalarTracer)(self.inner, root))
        given = unflatten(structure, iter(standins))
        self.handed.append((name, given, standins))
        return given

    def _check_arguments(self) -> None:
        """Refuse writes that the plain call would leave in the caller's arrays and containers."""
        for one in self.passed:
            if one.root.version:
                self._refuse_write(one.path)
        for name, given, before in self.handed:
            after = flatten(given)[0]
            if len(after) != len(before) or any(a is not b for a, b in zip(after, before, strict=True)):
                self._refuse_write(name)

    def _refuse_write(self, path: str) -> NoReturn:
        raise UnsupportedError(
            explain(
                f"the checkpointed function {self.shown} writes into its argument {path}",
                self.trace.origin(),
                f"{path} = {path}.copy() as the first line of {self.shown}",
                "checkpoints",
            )
        )

    # ------------------------------------------------------------------------------------------------ results

    def _is_made(self, leaf: Any) -> bool:
        """Whether it is a value of this function: an argument, or computed in it."""
        return isinstance(leaf, Tracer) and leaf._home is self.inner

    def _places(self, leaves: list[Any]) -> list[Place]:
        """What the function must return: the storage that it made and hands out, whole where several parts go out."""
        arguments = {id(one.root) for one in self.passed}
        roots: dict[int, dict[int, Place]] = {}
        for leaf in leaves:
            if self._is_made(leaf) and id(leaf._place.root) not in arguments:
                roots.setdefault(id(leaf._place.root), {})[id(leaf._place)] = leaf._place
        return [next(iter(p.values())) if len(p) == 1 else next(iter(p.values())).root for p in roots.values()]

    def _emit(self, results: list[Value]) -> list[Value]:
        """The call; what decides its branches is compared in the program around it."""
        inner, trace = self.inner.builder, self.trace
        arguments = sorted(inner.inputs, key=self.inner.places.__getitem__)
        operands = [*(self.inner.given[v] for v in arguments), *self.inner.outside]
        body = Program(self.name, (*arguments, *inner.captures), (), tuple(inner.equations), ())
        trace.builder.origin = trace.origin()
        if any(e.op.name == "guard" for e in inner.equations):
            inline(trace.builder, guards_only(body), operands)
        equations = tuple(e for e in inner.equations if e.op.name != "guard")
        body = replace(body, equations=equations, outputs=tuple(v.atom for v in results))
        values = called(trace.builder, body, operands)
        site = current_site()
        if len(values) == 1 and site is not None and site.name and trace.names_steps:
            trace.name(values[0], site.name)
        return values

    def _result(self, leaf: Any, made: dict[int, Any]) -> Any:
        """A leaf of the result: what came from outside is handed back as it is, so that writes reach it."""
        if not self._is_made(leaf):
            return leaf
        place = leaf._place
        if id(place) in made:
            return made[id(place)]
        own = next((one.leaf for one in self.passed if one.root is place.root), None)
        return self._same_view(place, place.root, made[id(place.root)] if own is None else own)

    def _same_view(self, place: Place, root: Root, whole: Any) -> Any:
        """The view of the array outside that `place` is of its root, so that a write into one is seen in the other."""
        if place is root:
            return whole
        if not isinstance(place, View) or isinstance(place, Look) or place.arrays:
            return self._refuse_view()
        parent = self._same_view(place.parent, root, whole)
        if not isinstance(parent, ArrayTracer | CellTracer) or parent._home is not self.trace:
            return self._refuse_view()
        view = parent._view(place.op, place.flat, **place.params)
        if isinstance(view._place, View):
            view._place.decided = place.decided
        return view

    def _refuse_view(self) -> NoReturn:
        raise TracingError(
            explain(
                f"the checkpointed function {self.shown} returns a view of an argument or of another result",
                self.trace.origin(),
                "return part.copy(), so that the result has memory of its own",
                "checkpoints",
            )
        )


def _bound(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments by name; those of a function that does not tell its names are called x."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        names = ["x"] if len(args) == 1 else [f"x{i}" for i in range(len(args))]
        kinds = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names]
        signature = inspect.Signature([*kinds, inspect.Parameter("keywords", inspect.Parameter.VAR_KEYWORD)])
    return signature.bind(*args, **kwargs)
