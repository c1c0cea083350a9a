"""Functions with derivatives of their own: custom_vjp gives the reverse rule, custom_jvp the forward rule."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, overload

import numpy as np

from ..ir.builder import Value
from ..ir.op import Refused
from ..ir.ops.custom import underivable
from ..ir.program import Var
from ..ir.types import ArrayType
from .adjoints import (
    Argument,
    Arguments,
    Held,
    Leaf,
    attach,
    closed_over,
    cotangent_type,
    is_traced,
    refuse,
    taken,
    trace_adjoint,
    within,
    wrapped,
)
from .array import ArrayTracer, ScalarTracer, Tracer, lift, wrap
from .errors import explain
from .function import leaf_name
from .generics import P, R
from .glance import result_of
from .pickling import by_attributes, name_in_module
from .place import Root
from .site import called_at
from .structure import Structure, flatten, unflatten
from .trace import ACTIVE, Trace
from .transposed import dependent, transposed


class Ruled(Generic[P, R]):
    """A function with a rule for its derivative. Outside of a trace it only calls the function."""

    _name = ""
    _convention = ""

    def __init__(self, function: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> None:
        if not callable(function):
            raise TypeError(
                explain(
                    f"{self._name} takes a function, not {function!r}",
                    called_at(),
                    f"{self._name}(f), or @{self._name} above the def of f",
                    "custom-rules",
                )
            )
        self._function: Callable[..., Any] = function
        self._nondiff = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self._signature = _signature(function)
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = ACTIVE.get()
        if trace is None:
            return _own_memory(self._function(*args, **kwargs), (args, kwargs))
        trace.check_open()
        names, values = self._bound(args, kwargs)
        with within(self) as again:
            return self._recorded(trace, names, values) if again else self._refused(trace, values)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[str], list[Any]]:
        """All arguments by position, with their names; keywords and defaults through the signature."""
        bound = self._signature.bind(*args, **kwargs)
        given = set(bound.arguments)
        bound.apply_defaults()
        if given.intersection(bound.kwargs):
            word = next(word for word in bound.kwargs if word in given)
            raise TypeError(
                explain(
                    f"the function {self.__name__} takes {word} by keyword alone; a rule gets arguments by position",
                    called_at(),
                    f"def {self.__name__}(x, {word}): without * in front of {word}",
                    "custom-rules",
                )
            )
        names = []
        for name in bound.arguments:
            kind = self._signature.parameters[name].kind
            many = kind is inspect.Parameter.VAR_POSITIONAL
            names += [f"{name}_{i}" for i in range(len(bound.arguments[name]))] if many else [name]
        if kwargs or len(args) != len(bound.args):
            names = names[: len(bound.args)]
        return names, list(bound.args)

    def _nondiff_places(self, count: int) -> list[int]:
        return sorted({n % count for n in self._nondiff}) if count else []

    def _recorded(self, trace: Trace, names: list[str], values: list[Any]) -> Any:
        raise NotImplementedError

    def _refused(self, trace: Trace, values: list[Any]) -> Any:
        """The function's own steps, where its rule is too deep within itself to be traced again."""
        leaves, structure = flatten(self._function(*values))
        name = self.__name__
        reason = f"{name} is called in its own rule, and this derivative is of a higher order than that is traced for"
        why = Refused(reason, f"the value of {name} in the rule of {name}, computed without a call of {name}()")
        return unflatten(structure, iter([_barred(trace, leaf, why) for leaf in leaves]))

    def _check_result(
        self, trace: Trace, names: list[str], values: list[Any], out: Any, rule: Callable[..., Any]
    ) -> None:
        """Refuse a value that a rule returns if the function itself returns one of another shape or dtype."""
        wanted = result_of(trace, self._function, values)
        if wanted is None:
            return
        leaves, structure = flatten(out)
        given = [(path, lift(trace, leaf).type) for leaf, (path, _) in zip(leaves, structure.paths("out"), strict=True)]
        if [path for path, _ in given] != [path for path, _ in wanted]:
            differ = f"a value with the parts {_parts(given)}", f"one with {_parts(wanted)}"
        else:
            pairs = ((mine, own) for (_, mine), (_, own) in zip(given, wanted, strict=True))
            unlike = next(((mine, own) for mine, own in pairs if not _alike(mine, own)), None)
            if unlike is None:
                return
            differ = str(unlike[0]), str(unlike[1])
        name = self.__name__
        refuse(
            f"the forward rule of {name} returns {differ[0]} where {name} returns {differ[1]}",
            trace, f"out = {name}({', '.join(names)}), and return out first", rule,
        )  # fmt: skip

    def _missing(self, trace: Trace) -> None:
        refuse(f"the function {self.__name__} has no rule yet", trace, f"{self.__name__}.{self._convention}")

    def _watched(self) -> list[Any]:
        """What the cache watches for change."""
        return [self._function]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self._name} {self.__name__}>"

    def __reduce__(self) -> Any:
        """By name where it stands in a module, as functions are; else by its parts."""
        return name_in_module(self) or by_attributes(self)

    __name__: str


def _alike(mine: ArrayType, own: ArrayType) -> bool:
    """Whether shape and dtype are the same; a Python number may stand for a NumPy scalar."""
    number = (mine.weak or own.weak) and np.can_cast(mine.dtype, own.dtype, "same_kind")
    return mine.shape == own.shape and (mine.dtype == own.dtype or number)


def _parts(types: Sequence[tuple[str, ArrayType]]) -> str:
    return ", ".join(path for path, _ in types) or "none"


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Of a ufunc its operands alone."""
    if not isinstance(function, np.ufunc):
        return inspect.signature(function)
    names = [f"x{i + 1}" for i in range(function.nin)] if function.nin > 1 else ["x"]
    return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names])


def _barred(trace: Trace, leaf: Any, why: Refused) -> Any:
    if not isinstance(leaf, Tracer) or leaf.dtype.kind not in "fc":
        return leaf
    barred = trace.emit(underivable, lift(trace, leaf), reason=why.reason, fix=why.fix)
    return wrap(trace, barred, contiguous=leaf.ndim > 0)


def _own_memory(result: Any, arguments: Any) -> Any:
    """The result in memory of its own, as within a trace: a write into it reaches no argument."""
    given = [leaf for leaf in flatten(arguments)[0] if isinstance(leaf, np.ndarray)]
    leaves, structure = flatten(result)
    shared = [isinstance(x, np.ndarray) and any(np.may_share_memory(x, g) for g in given) for x in leaves]
    if not any(shared):
        return result
    return unflatten(structure, iter([x.copy("K") if s else x for x, s in zip(leaves, shared, strict=True)]))


class CustomVjp(Ruled[P, R]):
    """What custom_vjp returns."""

    _name = "custom_vjp"
    _convention = "defvjp(fwd, bwd) with fwd(*args) -> (out, residuals), bwd(residuals, g) -> cotangents"

    def __init__(self, fun: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> None:
        super().__init__(fun, nondiff_argnums)
        self._fwd: Callable[..., Any] | None = None
        self._bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Give the rule: fwd(*args) -> (out, residuals), bwd(residuals, cotangent) -> cotangents."""
        self._fwd, self._bwd = fwd, bwd

    def _watched(self) -> list[Any]:
        return [self._function, self._fwd, self._bwd]

    def _recorded(self, trace: Trace, names: list[str], values: list[Any]) -> Any:
        if self._fwd is None or self._bwd is None:
            self._missing(trace)
        fwd, bwd = self._fwd, self._bwd
        assert fwd is not None
        assert bwd is not None
        arguments = Arguments(trace, self.__name__)
        places = self._nondiff_places(len(values))
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            if place not in places:
                arguments.take(name, value)
        since = len(trace.builder.equations)
        standins = iter(arguments.standins)
        returned = fwd(*[v if i in places else next(standins) for i, v in enumerate(values)])
        if not isinstance(returned, tuple) or len(returned) != 2:
            refuse(
                f"the forward rule of {self.__name__} must return a pair (out, residuals)",
                trace, "return out, (x, y) with what the backward rule needs, or return out, None", fwd,
            )  # fmt: skip
        out, residuals = returned
        arguments.check_unwritten()
        self._check_result(trace, names, values, out, fwd)
        if not is_traced(out):
            return out
        leaves, structure = flatten(out)
        outs = [lift(trace, leaf) for leaf in leaves]
        never = closed_over(trace, since, arguments, outs)
        held = Held(bwd, f"the backward rule of {self.__name__}", trace)
        nondiff = [values[i] for i in places]

        def run(inner: Any, cotangents: Any) -> list[Any]:
            held.trace = inner
            found = bwd(*taken(inner, nondiff), taken(inner, residuals), cotangents)
            return _cotangents(held, found, arguments)

        adjoint = trace_adjoint(trace, f"{self.__name__}_adjoint", outs, structure, arguments.each, run)
        return wrapped(trace, attach(trace, outs, adjoint, never), leaves, structure)


@overload
def custom_vjp(fun: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> CustomVjp[P, R]: ...


@overload
def custom_vjp(
    fun: None = None, nondiff_argnums: int | Sequence[int] = ()
) -> Callable[[Callable[P, R]], CustomVjp[P, R]]: ...


def custom_vjp(fun: Any = None, nondiff_argnums: int | Sequence[int] = ()) -> Any:
    """A function whose reverse rule is given: `f = custom_vjp(f)` or `@custom_vjp`, then `f.defvjp(fwd, bwd)`.

    fwd(*args) returns (out, residuals); bwd(residuals, cotangent) returns a tuple with one cotangent for each argument,
    of its structure, shape and dtype, or None for zero. With nondiff_argnums these arguments get no cotangent and are
    passed on as bwd(*nondiff, residuals, cotangent). The convention is that of JAX. Cotangents are those of `vjp`.

    Outside of a trace it only calls f. Within one, fwd takes the place of f, and bwd is traced once, at the call; both
    are ordinary NumPy, so that the result may be differentiated again. Results have memory of their own.
    Raises TracingError, at the call, where bwd returns anything else than the arguments need, where f writes into
    an argument, and UnsupportedError where a derivative is asked for of a value that f closes over.
    """
    return CustomVjp(fun, nondiff_argnums) if fun is not None else lambda f: CustomVjp(f, nondiff_argnums)


def _cotangents(held: Held, found: Any, arguments: Arguments) -> list[Any]:
    """What a reverse rule returns, beside the leaves of all arguments."""
    count = len(arguments.each)
    if not isinstance(found, tuple | list):
        one = f"return ({'d' + arguments.each[0].name if arguments.each else ''},), a tuple of one"
        several = f"return {', '.join('d' + a.name for a in arguments.each)}: one for each argument"
        refuse(
            f"{held.what} must return a tuple of {count}, not a {_kind(found)}",
            held.trace,
            one if count == 1 else several,
            held.rule,
        )
    if len(found) != count:
        refuse(
            f"{held.what} returns {len(found)} cotangents, and {arguments.called} has {count} arguments to derive by",
            held.trace,
            f"return {', '.join('d' + a.name for a in arguments.each)}{',' * (count == 1)} with None where it is zero",
            held.rule,
        )
    return [
        one for given, argument in zip(found, arguments.each, strict=True) for one in held.cotangents(given, argument)
    ]


def _kind(thing: Any) -> str:
    return (
        f"{'traced ' if isinstance(thing, Tracer) else ''}{'array' if np.ndim(thing) else 'number'}"
        if isinstance(thing, Tracer | np.ndarray | float | int)
        else type(thing).__name__
    )


class CustomJvp(Ruled[P, R]):
    """What custom_jvp returns."""

    _name = "custom_jvp"
    _convention = "defjvp(rule) with rule(primals, tangents) -> (out, tangent_out)"

    def __init__(self, fun: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> None:
        super().__init__(fun, nondiff_argnums)
        self._rule: Callable[..., Any] | None = None
        self._parts: tuple[Callable[..., Any] | None, ...] = ()

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give the rule, (primals, tangents) -> (out, tangent_out); also as a decorator."""
        self._rule, self._parts = rule, ()
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Give the rule argument by argument: each (tangent, out, *primals) -> tangent of out; None for zero."""
        self._parts = rules
        f: Callable[..., Any] = self

        def rule(*args: Any) -> tuple[Any, Any]:
            *nondiff, primals, tangents = args
            arguments = list(primals)
            for place, value in zip(self._nondiff_places(len(nondiff) + len(primals)), nondiff, strict=True):
                arguments.insert(place, value)
            out = f(*arguments)
            total = None
            for own, tangent in zip(rules, tangents, strict=True):
                if own is not None and tangent is not None:
                    part = own(tangent, out, *primals)
                    total = part if total is None else total + part
            return out, total

        self._rule = rule

    def _watched(self) -> list[Any]:
        return [self._function, *(self._parts or (self._rule,))]

    def _recorded(self, trace: Trace, names: list[str], values: list[Any]) -> Any:
        if self._rule is None:
            self._missing(trace)
        rule = self._rule
        assert rule is not None
        arguments = Arguments(trace, self.__name__)
        places = self._nondiff_places(len(values))
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            if place not in places:
                arguments.take(name, value)
        builder = trace.builder
        since = len(builder.equations)
        moving = {
            leaf.path: Var(cotangent_type(leaf.value.type), f"{leaf_name(leaf.path)}_dot")
            for leaf in arguments.leaves
            if leaf.derivable and leaf.value is not None
        }
        tangents = tuple(
            unflatten(a.structure, iter([_tangent(trace, leaf, moving) for leaf in a.leaves])) if a.leaves else None
            for a in arguments.each
        )
        returned = rule(*[values[i] for i in places], arguments.standins, tangents)
        if not isinstance(returned, tuple) or len(returned) != 2:
            refuse(
                f"the forward rule of {self.__name__} must return a pair (out, tangent_out)",
                trace, "return out, out_dot", rule,
            )  # fmt: skip
        out, out_dot = returned
        arguments.check_unwritten()
        self._check_result(trace, names, values, out, rule)
        if not is_traced(out):
            return out
        leaves, structure = flatten(out)
        outs = [lift(trace, leaf) for leaf in leaves]
        given = self._tangents(rule, trace, structure, outs, out_dot)
        linear = dependent(builder, since, set(moving.values()))
        if any(o.atom in {v for e in linear for v in e.outs} or o.atom in moving.values() for o in outs):
            refuse(f"the forward rule of {self.__name__} computes its value from a tangent", trace,
                   "return out, out_dot with out computed from the primals alone", rule)  # fmt: skip
        never = closed_over(trace, since, arguments, outs, moving.values())
        builder.remove(linear, moving.values())
        sources = [leaf for leaf in arguments.leaves if leaf.path in moving]
        adjoint = transposed(trace, self.__name__, rule, linear, [moving[s.path] for s in sources], outs, given)
        adjoint.arguments = [s.value for s in sources if s.value is not None]
        return wrapped(trace, attach(trace, outs, adjoint, never), leaves, structure)

    def _tangents(
        self, rule: Callable[..., Any], trace: Trace, structure: Structure, outs: Sequence[Value], given: Any
    ) -> list[Value | None]:
        """The tangents that the rule returns, beside the leaves of its value."""
        held = Held(rule, f"the forward rule of {self.__name__}", trace)
        leaves = [
            Leaf("its value" + path, None, value) for value, (path, _) in zip(outs, structure.paths(""), strict=True)
        ]
        return held.cotangents(given, Argument("its value", structure, leaves))


@overload
def custom_jvp(fun: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> CustomJvp[P, R]: ...


@overload
def custom_jvp(
    fun: None = None, nondiff_argnums: int | Sequence[int] = ()
) -> Callable[[Callable[P, R]], CustomJvp[P, R]]: ...


def custom_jvp(fun: Any = None, nondiff_argnums: int | Sequence[int] = ()) -> Any:
    """A function whose forward rule is given: `f = custom_jvp(f)` or `@custom_jvp`, then `@f.defjvp`.

    The rule gets (primals, tangents), two tuples with one entry for each argument, and returns (out, tangent_out), of
    equal structure, shapes and dtypes; what it does to the tangents must be linear. With nondiff_argnums it is called
    as rule(*nondiff, primals, tangents). The convention is that of JAX. The reverse rule is its transpose.

    Outside of a trace it only calls f. Within one the rule takes the place of f; it is ordinary NumPy, so that the
    result may be differentiated again. The tangent of what is no float is None.
    """
    return CustomJvp(fun, nondiff_argnums) if fun is not None else lambda f: CustomJvp(f, nondiff_argnums)


def _tangent(trace: Trace, leaf: Leaf, moving: dict[str, Var]) -> Any:
    """What stands for the tangent of an argument; zeros where the argument is a constant."""
    if leaf.path in moving:
        root = Root(Value(trace.builder, moving[leaf.path]), True)
        return (ArrayTracer if root.type.ndim else ScalarTracer)(trace, root)
    dtype = np.asarray(leaf.item).dtype if not isinstance(leaf.item, Tracer) else leaf.item.dtype
    return np.zeros(np.shape(leaf.item), dtype)[()] if dtype.kind in "fc" else None
