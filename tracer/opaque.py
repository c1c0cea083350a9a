"""Functions that nobody looks into: compiled code, simulators. They are called by name from the generated source."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any, Generic, overload

import numpy as np

from ..ir.builder import Value
from ..ir.op import Refused
from ..ir.ops.custom import External, call_declared, call_external
from ..ir.ops.loops import _in_full, inline
from ..ir.program import Var
from ..ir.types import ArrayType, type_of
from .adjoints import (
    Adjoint,
    AdjointTrace,
    Argument,
    Arguments,
    Held,
    Leaf,
    attach,
    cotangent_type,
    program_of,
    seeds_for,
    taken,
    wrapped,
)
from .array import ArrayTracer, ScalarTracer, lift
from .errors import REFUSALS, TracingError, explain
from .function import leaf_name
from .generics import P, R
from .loops import InnerTrace
from .pickling import by_attributes, name_in_module
from .place import Root
from .site import called_at
from .structure import Structure, flatten, unflatten
from .trace import ACTIVE, Trace, _NeedsValue, tracing
from .transposed import dependent, transposed

_SPELLED = (bool, int, str, type(None))


class Primitive(Generic[P, R]):
    """An opaque function: `primitive(f)`."""

    def __init__(self, function: Callable[P, R], like: Callable[..., Any] | None = None) -> None:
        if not callable(function):
            raise TypeError(
                explain(
                    f"primitive takes a function, not {function!r}",
                    called_at(),
                    "primitive(f), or @primitive above the def of f",
                    "opaque-functions",
                )
            )
        self._function = function
        self._like = like
        self._vjps: dict[int, Callable[..., Any] | None] = {}
        self._jvps: dict[int, Callable[..., Any] | str | None] = {}
        functools.update_wrapper(self, function, updated=())
        del self.__wrapped__  # whose code is nobody's business
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__signature__: inspect.Signature | None
        try:
            self.__signature__ = inspect.signature(function)
        except (TypeError, ValueError):
            self.__signature__ = None

    __wrapped__: Any
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = ACTIVE.get()
        if trace is None:
            return self._function(*args, **kwargs)
        trace.check_open()
        return _Call(self, trace, args, kwargs).run()

    def _watched(self) -> list[Any]:
        """What the cache watches for change; not the function itself, which is called each time."""
        rules = [*self._vjps.values(), *self._jvps.values()]
        return [self._like, *(rule for rule in rules if not isinstance(rule, Primitive))]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}>"

    def __reduce__(self) -> Any:
        """By name where it stands in a module, as functions are; else by its parts."""
        return name_in_module(self) or by_attributes(self)


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


@overload
def primitive(fun: Callable[P, R], *, like: Callable[..., Any] | None = None) -> Primitive[P, R]: ...


@overload
def primitive(
    fun: None = None, *, like: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Primitive[P, R]]: ...


def primitive(fun: Any = None, *, like: Callable[..., Any] | None = None) -> Any:
    """An opaque function: never traced, called by its name from the generated source. Also as a decorator.

    fun takes and returns arrays and numbers, one or several in a tuple; integers, strings and None are passed as they
    are. Its derivative is given by `defvjp`, as in autograd. What it returns is known by calling it on the values of
    the call that is traced, and the generated source holds later calls to that shape and dtype (TypeError). Where
    values are not known (ahead of time, in the body of a loop), `like(*args)` must tell: it returns anything of the
    shapes and dtypes of the result, such as `lambda x: x` or `lambda x: np.empty(len(x))`.

    It may keep its arguments, for nothing writes into them afterwards; if it writes into them itself, the generated
    source computes with what it wrote. Ahead of time it must be importable: defined at the top level of a module.
    """
    if fun is None:
        return lambda f: Primitive(f, like)
    return Primitive(fun, like)


def _primitive(fun: Any) -> Primitive[..., Any]:
    if not isinstance(fun, Primitive):
        raise TypeError(
            explain(
                f"defvjp and defjvp take a primitive, not {fun!r}, which is differentiated by what it computes",
                called_at(),
                "defvjp(primitive(f), ...), or custom_vjp(f) for a function of NumPy with a rule of its own",
                "opaque-functions",
            )
        )
    return fun


def defvjp(fun: Any, *vjpmakers: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> None:
    """Give the reverse rule of a primitive, argument by argument, in autograd's convention.

    vjpmaker(ans, *args, **kwargs) returns g -> cotangent of that argument, of its shape and dtype; None stands for a
    zero. Where the makers are NumPy they are traced, so that the result may be differentiated again; else they are
    called by name. `argnums` are the arguments that the makers belong to. TypeError if fun is no primitive.
    """
    places = range(len(vjpmakers)) if argnums is None else argnums
    _primitive(fun)._vjps.update(zip(places, vjpmakers, strict=True))


def defjvp(fun: Any, *jvps: Callable[..., Any] | str | None, argnums: Sequence[int] | None = None) -> None:
    """Give the forward rule of a primitive, argument by argument, in autograd's convention.

    jvp(g, ans, *args, **kwargs) returns the tangent of the result for the tangent g of that argument, and is linear in
    g; None stands for a zero. It must be NumPy: gradients are its transpose, so that 'same' of autograd, the opaque
    function itself, is refused when it is needed. An argument with a rule of both kinds uses that of `defvjp`.
    """
    places = range(len(jvps)) if argnums is None else argnums
    _primitive(fun)._jvps.update(zip(places, jvps, strict=True))


# ---------------------------------------------------------------------------------------------------------- the call


def spelled(value: Any) -> str:
    """A plain value as text, with nothing in it that a template would take for a place."""
    return repr(value).replace("{", "\\x7b").replace("}", "\\x7d").replace("|", "\\x7c")


@dataclass(slots=True)
class Spelling:
    """How arguments stand between the parentheses of a call."""

    name: str
    trace: Trace
    count: int = 0

    def text(self, structure: Structure, path: str) -> str:
        if structure.kind == "leaf":
            self.count += 1
            return f"{{{self.count - 1}}}"
        if structure.kind == "static":
            value = structure.value.value
            if not isinstance(value, _SPELLED):
                self._refuse(path, type(value).__name__)
            return spelled(value)
        parts = [self.text(c, f"{path}[{k!r}]") for k, c in zip(structure.keys, structure.children, strict=True)]
        if structure.kind == "list":
            return f"[{', '.join(parts)}]"
        if structure.kind == "tuple":
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if structure.kind == "dict" and structure.type is dict and all(isinstance(k, _SPELLED) for k in structure.keys):
            pairs = zip(structure.keys, parts, strict=True)
            return "{" + ", ".join(f"{spelled(k)}: {part}" for k, part in pairs) + "}"
        return self._refuse(path, structure.type.__name__ if structure.type else structure.kind)

    def _refuse(self, path: str, kind: str) -> Any:
        raise TracingError(
            explain(
                f"the opaque function {self.name} gets a thing ({path}, {kind}) that the generated text cannot spell",
                self.trace.origin(),
                f"primitive(functools.partial({self.name}, thing)): arrays, numbers, strings and containers of them",
                "opaque-functions",
            )
        )


def home_of(function: Any, owner: Any = None) -> tuple[str, str]:
    """The module from which the function, or the primitive that it is in, can be imported, and its name there."""
    for thing in (owner, function):
        module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
        if module and name and module != "__main__" and "." not in name and _found(module, name) in (owner, function):
            return module, name
    return "", ""


class _Call:
    """One call of a primitive within a trace."""

    def __init__(self, own: Primitive[..., Any], trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.own = own
        self.trace = trace
        self.args = args
        self.kwargs = kwargs
        self.arguments = Arguments(trace, own.__name__)
        names = _argument_names(own, len(args))
        self.standins = tuple(self.arguments.take(n, a) for n, a in zip(names, args, strict=True))
        self.words = self.arguments.take("keywords", kwargs)
        self.bound = self._bound()

    def _bound(self) -> int:
        """How many arguments in front are things that no text can spell: an object whose method this is."""
        count = 0
        for argument in self.arguments.each[:-1]:
            if argument.structure.kind != "static" or isinstance(argument.structure.value.value, _SPELLED):
                break
            count += 1
        return count

    def run(self) -> Any:
        external, operands = self._external()
        types, structure = self._result(external, operands)
        single = structure.kind == "leaf"
        raw: tuple[Value, ...] = self.trace.emit(
            call_external if self.own._like is None else call_declared,
            *operands,
            external=external,
            types=tuple(types),
            single=single,
        )
        for value, known in zip(raw, self.actual, strict=False):
            self.trace._known[value.atom] = (known, True)  # type: ignore[index]
        values = self._derived(list(raw), structure)
        leaves = [None] * len(values)
        return wrapped(self.trace, values, leaves, structure)

    def _external(self) -> tuple[External, list[Value]]:
        """The function as the text calls it, and its operands."""
        own, bound = self.own, self.bound
        function: Any = functools.partial(own._function, *self.args[:bound]) if bound else own._function
        items, structure = flatten((self.args[bound:], self.kwargs))
        operands = [lift(self.trace, item) for item in items]
        spelling = Spelling(own.__name__, self.trace)
        positional = [spelling.text(c, f"argument {i}") for i, c in enumerate(structure.children[0].children)]
        words = structure.children[1]
        named = [f"{k}={spelling.text(c, k)}" for k, c in zip(words.keys, words.children, strict=True)]

        def call(*values: Any) -> Any:
            args, kwargs = unflatten(structure, iter(values))
            return function(*args, **kwargs)

        home, name = home_of(own._function, own) if not bound else ("", "")
        why = self._no_rule()
        written = ", ".join([*positional, *named])
        external = External(function, name or own.__name__, call, written, home, why.reason, why.fix)
        return external, operands

    def _no_rule(self, argument: str = "") -> Refused:
        name = self.own.__name__
        which = f" with respect to its argument {argument}" if argument else ""
        rule = f"defvjp({name}, lambda ans, *args: lambda g: ...)"
        return Refused(
            f"{name} is opaque and has no derivative{which}", f"{rule}, a rule for each argument by position"
        )

    # ---------------------------------------------------------------------------------------------- its result

    def _result(self, external: External, operands: Sequence[Value]) -> tuple[list[ArrayType], Structure]:
        """The types of what it returns: as declared, or as it returns them now."""
        self.actual: list[Any] = []
        if self.own._like is not None:
            inner = InnerTrace(self.trace)
            with tracing(inner):
                result = self.own._like(*taken(inner, self.args), **taken(inner, self.kwargs))
                leaves, structure = flatten(result, numbers=True)
                types = [lift(inner, leaf).type for leaf in leaves]
        else:
            result = _run(external, self._actual(operands))
            leaves, structure = flatten(result, numbers=True)
            types = [self._type(leaf) for leaf in leaves]
            self.actual = leaves
        plain = structure.kind == "leaf" or (
            structure.kind in ("tuple", "list") and all(c.kind == "leaf" for c in structure.children) and leaves
        )
        if not plain:
            shown = type(result).__name__
            self._refuse(f"returns a {shown}", "return one array, or a tuple of arrays")
        return types, structure

    def _actual(self, operands: Sequence[Value]) -> list[Any]:
        try:
            known = [self.trace.concrete(value)[0] for value in operands]
        except _NeedsValue:
            name = self.own.__name__
            raise TracingError(
                explain(
                    f"what the opaque function {name} returns is not known here: its arguments have no values yet",
                    self.trace.origin(),
                    f"primitive({name}, like=lambda x: x), which tells the shape and dtype of the result",
                    "opaque-functions",
                )
            ) from None
        return [np.array(one) if isinstance(one, np.ndarray) else one for one in known]

    def _type(self, leaf: Any) -> ArrayType:
        try:
            return type_of(leaf)
        except TypeError as error:
            return self._refuse(f"returns what cannot be traced: {error}", "return np.asarray(result, float)")

    def _refuse(self, what: str, fix: str) -> Any:
        cause = f"the opaque function {self.own.__name__} {what}"
        raise TracingError(explain(cause, self.trace.origin(), fix, "opaque-functions"))

    # ------------------------------------------------------------------------------------------ its derivative

    def _derived(self, raw: list[Value], structure: Structure) -> list[Value]:
        """The results with the adjoint of the rules; once for each order of derivative that goes through them."""
        own = self.own
        ruled = [n for n in range(len(self.args)) if n in own._vjps or n in own._jvps]
        never = [
            (leaf.value, self._no_rule(leaf_name(leaf.path)))
            for n, argument in enumerate(self.arguments.each)
            for leaf in argument.leaves
            if n not in ruled and leaf.value is not None and leaf.derivable
        ]
        if not never and not any(self.arguments.each[n].leaves for n in ruled):
            return raw
        adjoint = self._adjoint(raw, structure, ruled)
        places = {value.atom: i for i, value in enumerate(raw)}
        values = raw
        for _ in range(3 if any(kept.atom in places for kept in adjoint.kept) else 1):
            kept = [values[places[k.atom]] if k.atom in places else k for k in adjoint.kept]
            values = attach(self.trace, raw, replace(adjoint, kept=kept), never)
        return values

    def _adjoint(self, raw: list[Value], structure: Structure, ruled: list[int]) -> Adjoint:
        inner = AdjointTrace(self.trace)
        inner.decides = self.trace.decides
        with tracing(inner):
            g = seeds_for(inner, raw, structure)
            ans = taken(inner, wrapped(self.trace, raw, [None] * len(raw), structure))
            pairs: list[tuple[Value, Value]] = []
            for place in ruled:
                argument = self.arguments.each[place]
                found = self._cotangents(inner, place, argument, ans, g)
                pairs += [
                    (leaf.value, given)
                    for leaf, given in zip(argument.leaves, found, strict=True)
                    if given is not None and leaf.derivable and leaf.value is not None
                ]
            results = [_in_full(given, value.type) for value, given in pairs]
        program, kept = program_of(inner, f"{self.own.__name__}_adjoint", results)
        return Adjoint(program, kept, [value for value, _ in pairs])

    def _cotangents(self, inner: AdjointTrace, place: int, argument: Argument, ans: Any, g: Any) -> list[Any]:
        own = self.own
        if not any(leaf.derivable for leaf in argument.leaves):
            return [None] * len(argument.leaves)
        if place in own._vjps:
            maker = own._vjps[place]
            if maker is None:
                return [None] * len(argument.leaves)
            args, kwargs = taken(inner, self.args), taken(inner, self.kwargs)
            return self._by_vjp(inner, place, argument, maker, ans, args, kwargs, g)
        return self._by_jvp(inner, place, argument, ans, g)

    def _by_vjp(
        self, inner: AdjointTrace, place: int, argument: Argument, maker: Callable[..., Any],
        ans: Any, args: Any, kwargs: Any, g: Any,
    ) -> list[Any]:  # fmt: skip
        """What the rule gives; a rule that hands its values to opaque code is opaque, too."""
        before = len(inner.builder.equations)
        refusals = REFUSALS.set([])
        try:
            returned = maker(ans, *args, **kwargs)(g)
        except TracingError:
            returned = None
            opaque = True
        else:
            opaque = bool(REFUSALS.get())
        finally:
            REFUSALS.reset(refusals)
        if opaque:
            del inner.builder.equations[before:]
            return self._opaque_vjp(inner, place, argument, maker, ans, args, kwargs, g)
        held = Held(maker, f"the rule of {self.own.__name__} for its argument {argument.name}", inner)
        return held.cotangents(returned, argument)

    def _by_jvp(self, inner: AdjointTrace, place: int, argument: Argument, ans: Any, g: Any) -> list[Any]:
        """The transpose of the forward rule."""
        own, rule = self.own, self.own._jvps[place]
        (leaf,) = argument.leaves if argument.structure.kind == "leaf" else (None,)
        if leaf is None or leaf.value is None:
            return self._refuse(f"has a forward rule for {argument.name}, which is no single array", "defvjp")  # type: ignore[no-any-return]
        if rule is None:
            return [None]
        builder = inner.builder
        since = len(builder.equations)
        tangent = Var(cotangent_type(leaf.value.type), f"{argument.name}_dot")
        moved = Root(Value(builder, tangent), True)
        t = (ArrayTracer if tangent.type.ndim else ScalarTracer)(inner, moved)
        args, kwargs = list(taken(inner, self.args)), taken(inner, self.kwargs)
        if isinstance(rule, str):
            return self._refuse(  # type: ignore[no-any-return]
                f"has the forward rule {rule!r} for {argument.name}, which is opaque and has no transpose",
                f"defvjp({own.__name__}, lambda ans, {argument.name}: lambda g: ...)",
            )
        found = rule(t, ans, *args, **kwargs)
        outs, structure = flatten(ans)
        values = [lift(inner, out) for out in outs]
        held = Held(rule, f"the forward rule of {own.__name__} for its argument {argument.name}", inner)  # type: ignore[arg-type]
        ends = [Leaf(path, None, v) for v, (path, _) in zip(values, structure.paths("its value"), strict=True)]
        given = held.cotangents(found, Argument("its value", structure, ends))
        linear = dependent(builder, since, {tangent})
        builder.remove(linear, [tangent])
        adjoint = transposed(inner, own.__name__, held.rule, linear, [tangent], values, given)
        seeds = [lift(inner, one) for one in flatten(g)[0]]
        return list(inline(builder, adjoint.program, [*adjoint.kept, *seeds]))

    def _opaque_vjp(
        self, inner: AdjointTrace, place: int, argument: Argument, maker: Callable[..., Any],
        ans: Any, args: Any, kwargs: Any, g: Any,
    ) -> list[Any]:  # fmt: skip
        """The rule as a function of its own: `f_vjp_0(ans, x, g)`."""
        if argument.structure.kind != "leaf":
            self._refuse(f"has an opaque rule for {argument.name}, a {argument.structure.kind}", "write it in NumPy")
        things, args = args[: self.bound], args[self.bound :]
        name = f"{self.own.__name__}_vjp_{place}"
        items, structure = flatten((ans, args, g, kwargs))
        spelling = Spelling(name, inner)
        result, positional, cotangent, words = structure.children
        parts = [spelling.text(result, "the result")]
        parts += [spelling.text(c, f"argument {i}") for i, c in enumerate(positional.children)]
        parts.append(spelling.text(cotangent, "the cotangent"))
        parts += [f"{k}={spelling.text(c, k)}" for k, c in zip(words.keys, words.children, strict=True)]

        def rule(ans: Any, *rest: Any, **kwargs: Any) -> Any:
            *args, g = rest
            return maker(ans, *things, *args, **kwargs)(g)

        def call(*values: Any) -> Any:
            ans, args, g, kwargs = unflatten(structure, iter(values))
            return rule(ans, *args, g, **kwargs)

        reason = f"the derivative of {self.own.__name__} is opaque itself and has no derivative"
        fix = f"defvjp({self.own.__name__}, ...) with a rule that is written in NumPy"
        external = External(rule, name, call, ", ".join(parts), "", reason, fix)
        type_ = argument.leaves[0].value.type.strong()  # type: ignore[union-attr]
        operands = [lift(inner, item) for item in items]
        (made,) = inner.emit(call_declared, *operands, external=external, types=(type_,), single=True)
        return [made]


def _argument_names(own: Primitive[..., Any], count: int) -> list[str]:
    signature = own.__signature__
    names: list[str] = []
    for parameter in signature.parameters.values() if signature is not None else ():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def _run(external: External, values: Sequence[Any]) -> Any:
    """What it returns, outside of the trace."""
    token = ACTIVE.set(None)
    try:
        return external.call(*values)
    finally:
        ACTIVE.reset(token)
