"""What rules of the user's have in common: a call's arguments as a rule sees them, and cotangents held to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from ..ir.builder import Value
from ..ir.op import Refused
from ..ir.ops.custom import passed, underivable, with_adjoint
from ..ir.ops.loops import inline
from ..ir.passes.dead_code import guards_only
from ..ir.program import Atom, Equation, Program, Var
from ..ir.types import ArrayType
from .array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from .errors import TracingError, explain
from .function import leaf_name
from .loops import InnerTrace
from .place import Root
from .site import current_site, return_place
from .structure import Structure, flatten, unflatten
from .trace import Trace, tracing

DEEPEST = 3  # how often a rule that calls its own function is traced within itself: once for each derivative
_WITHIN: ContextVar[tuple[int, ...]] = ContextVar("tapeless_rules", default=())


@contextmanager
def within(rule: object) -> Iterator[bool]:
    """While a rule is traced; gives whether the rule may be used once more within itself."""
    outer = _WITHIN.get()
    token = _WITHIN.set((*outer, id(rule)))
    try:
        yield outer.count(id(rule)) < DEEPEST
    finally:
        _WITHIN.reset(token)


class AdjointTrace(InnerTrace):
    """The trace of an adjoint, which is written wherever its cotangents are known."""

    def is_repeated(self) -> bool:
        return self.outer.is_repeated()

    def outside_value(self, var: Var) -> tuple[Any, bool]:
        taken = dict(zip(self.builder.captures, self.outside, strict=True))
        return self.outer.concrete(taken[var]) if var in taken else super().outside_value(var)


@dataclass(slots=True)
class Leaf:
    """One array or number of an argument: its value in the trace, and what stands for it in the rule."""

    path: str
    item: Any
    value: Value | None = None  # None for what is not traced
    root: Root | None = None

    @property
    def derivable(self) -> bool:
        return self.value is not None and self.value.type.inexact


@dataclass(slots=True)
class Argument:
    """One argument: what was passed, its leaves, and what the rule gets."""

    name: str
    structure: Structure
    leaves: list[Leaf]
    standin: Any = None


@dataclass(slots=True)
class Arguments:
    """The arguments of one call within a trace."""

    trace: Trace
    called: str  # the function's name, for messages
    each: list[Argument] = field(default_factory=list)

    def take(self, name: str, value: Any) -> Any:
        """One more argument; returns what stands for it."""
        items, structure = flatten(value)
        leaves = []
        for item, (path, _) in zip(items, structure.paths(name), strict=True):
            leaf = Leaf(path, item)
            if isinstance(item, Tracer):
                leaf.value = lift(self.trace, item)
                inside = self.trace.emit_unnamed(passed, leaf.value)
                self.trace.name(inside, leaf_name(path))
                leaf.root = Root(inside, item._place.contiguous)
            leaves.append(leaf)
        standins = [one.item if one.root is None else _standin(self.trace, one.root, one.item) for one in leaves]
        argument = Argument(name, structure, leaves, unflatten(structure, iter(standins)))
        self.each.append(argument)
        return argument.standin

    @property
    def standins(self) -> tuple[Any, ...]:
        return tuple(argument.standin for argument in self.each)

    @property
    def leaves(self) -> list[Leaf]:
        return [leaf for argument in self.each for leaf in argument.leaves]

    def check_unwritten(self) -> None:
        """Refuse writes that the plain call would leave in the caller's arrays."""
        for leaf in self.leaves:
            if leaf.root is not None and leaf.root.version:
                refuse(
                    f"the function {self.called} has a derivative of its own and writes into its argument {leaf.path}",
                    self.trace,
                    f"{leaf.path} = {leaf.path}.copy() as the first line of the function that writes",
                )


def _standin(trace: Trace, root: Root, like: Any = None) -> Any:
    if root.type.ndim:
        return ArrayTracer(trace, root)
    return (CellTracer if isinstance(like, CellTracer) else ScalarTracer)(trace, root)


def refuse(cause: str, trace: Trace, fix: str, rule: Callable[..., Any] | None = None) -> NoReturn:
    """A TracingError at the place where the rule returns, or where its function is called."""
    origin = return_place(getattr(inspect.unwrap(rule), "__code__", None)) if rule is not None else None
    raise TracingError(explain(cause, origin or trace.origin(), fix, "custom-rules"))


def is_traced(values: Any) -> bool:
    """Whether a stand-in is anywhere in it."""
    return any(isinstance(leaf, Tracer) for leaf in flatten(values)[0])


def taken(inner: InnerTrace, value: Any) -> Any:
    """A nested value of the enclosing trace as one of the inner trace; writes into it stay there."""
    leaves, structure = flatten(value)
    return unflatten(structure, iter([_taken(inner, leaf) for leaf in leaves]))


def _taken(inner: InnerTrace, leaf: Any) -> Any:
    if not isinstance(leaf, Tracer):
        return leaf
    value = inner.take(lift(inner.outer, leaf))
    return _standin(inner, Root(value, leaf._place.contiguous), leaf)


def standin(trace: Trace, value: Value) -> Any:
    """What stands for a value that nobody has written into."""
    return _standin(trace, Root(value))


def cotangent_type(type_: ArrayType) -> ArrayType:
    """The type of the cotangent of a value: that of the value, as a NumPy number where it is a Python one."""
    return type_.strong()


def seeds_for(inner: InnerTrace, outs: Sequence[Value], structure: Structure) -> Any:
    """Stand-ins for the cotangents of the results, in their structure; None where a result is an integer."""
    seeds: list[Any] = []
    for out in outs:
        if not out.type.inexact:
            seeds.append(None)
            continue
        name = out.atom.name if isinstance(out.atom, Var) and out.atom.name else "y"
        seeds.append(_standin(inner, Root(inner.input(cotangent_type(out.type), f"d{name}", None))))
    return unflatten(structure, iter(seeds))


# ----------------------------------------------------------------------------------------------- what a rule returns


@dataclass(slots=True)
class Held:
    """A rule's results held to the arguments that they are cotangents of."""

    rule: Callable[..., Any]
    what: str  # the rule's name, for messages
    trace: Trace

    def cotangents(self, returned: Any, argument: Argument) -> list[Any]:
        """What was returned for one argument as a list beside its leaves, None for zero."""
        leaves = iter(argument.leaves)
        found: list[Any] = []
        self._walk(returned, argument.structure, argument.name, leaves, found)
        return found

    def _walk(self, given: Any, structure: Structure, path: str, leaves: Iterator[Leaf], found: list[Any]) -> None:
        if given is None:
            for _ in range(structure.leaf_count):
                next(leaves)
                found.append(None)
        elif structure.kind == "leaf":
            found.append(self._leaf(given, next(leaves)))
        elif structure.kind == "static":
            refuse(
                f"{self.what} returns a cotangent for {path}, which is not an array of floats",
                self.trace,
                f"return None in its place: {path} has no derivative",
                self.rule,
            )
        else:
            parts = self._parts(given, structure, path)
            attribute = structure.kind in ("namedtuple", "dataclass")
            for key, child, part in zip(structure.keys, structure.children, parts, strict=True):
                self._walk(part, child, f"{path}.{key}" if attribute else f"{path}[{key!r}]", leaves, found)

    def _parts(self, given: Any, structure: Structure, path: str) -> list[Any]:
        keys = structure.keys
        if structure.kind == "dict" and isinstance(given, dict) and set(given) == set(keys):
            return [given[key] for key in keys]
        if structure.kind in ("namedtuple", "dataclass") and all(hasattr(given, key) for key in keys):
            return [getattr(given, key) for key in keys]
        if structure.kind in ("tuple", "list") and isinstance(given, tuple | list) and len(given) == len(keys):
            return list(given)
        shown = f"{type(given).__name__} of {len(given)}" if hasattr(given, "__len__") else type(given).__name__
        refuse(
            f"{self.what} returns a {shown} for {path}, which is a {structure.kind} of {len(keys)}",
            self.trace,
            f"return d for {path}, of the structure of {path}, with None where it is zero",
            self.rule,
        )

    def _leaf(self, given: Any, leaf: Leaf) -> Any:
        leaves, structure = flatten(given, numbers=True)
        if structure.kind != "leaf":
            refuse(
                f"{self.what} returns a {type(given).__name__} for {leaf.path}, which is an array or a number",
                self.trace,
                f"a cotangent with the shape of {leaf.path}, or None for zero",
                self.rule,
            )
        type_ = leaf.value.type if leaf.value is not None else lift(self.trace, leaf.item).type
        value = lift(self.trace, leaves[0])
        if not type_.inexact:
            refuse(
                f"{self.what} returns a cotangent for {leaf.path}, which is an array of {type_.dtype}",
                self.trace,
                f"return None in its place: {leaf.path} has no derivative",
                self.rule,
            )
        self.check_type(value.type, type_, leaf.path, "a cotangent")
        return value

    def check_type(self, given: ArrayType, wanted: ArrayType, path: str, noun: str) -> None:
        """Hold shape and dtype of a cotangent or tangent to those of its variable."""
        if given.shape != wanted.shape:
            refuse(
                f"{self.what} returns {noun} of shape {given.shape} for {path}, which has shape {wanted.shape}",
                self.trace,
                f"np.broadcast_to(d, {wanted.shape}), or the sum of d over the axes along which {path} was broadcast",
                self.rule,
            )
        fits = given.dtype == wanted.dtype or (
            (given.weak or wanted.weak) and np.can_cast(given.dtype, wanted.dtype, "same_kind")
        )
        if not fits:
            loses = given.dtype.kind == "c" != wanted.dtype.kind
            refuse(
                f"{self.what} returns {noun} of dtype {given.dtype} for {path}, which has dtype {wanted.dtype}",
                self.trace,
                "d.real, if the imaginary part is not wanted" if loses else f"d.astype(np.{wanted.dtype})",
                self.rule,
            )


# --------------------------------------------------------------------------------------------------------- emission


def closed_over(
    trace: Trace, since: int, arguments: Arguments, outs: Sequence[Value], inside: Collection[Atom] = ()
) -> list[tuple[Value, Refused]]:
    """What the equations from `since` on use of what was there before, besides the arguments; and why no derivative
    may reach it. `inside` are variables that belong to the rule."""
    builder = trace.builder
    recorded = builder.equations[since:]
    own: set[Atom] = {out for e in recorded for out in e.outs}
    own.update(inside)
    own.update(leaf.root.first.atom for leaf in arguments.leaves if leaf.root is not None)
    read: list[Atom] = [o for e in recorded for o in e.operands] + [out.atom for out in outs]
    found = dict.fromkeys(a for a in read if isinstance(a, Var) and a.type.inexact and a not in own)
    return [
        (Value(builder, var), _closed(arguments.called, var.name or "a value"))
        for var in found
        if var not in builder.captures
    ]


def _closed(called: str, name: str) -> Refused:
    reason = f"{called} closes over {name} and has a derivative of its own, which says nothing about {name}"
    name = name if name.isidentifier() else "w"
    return Refused(reason, f"f(x, {name}): pass it as an argument, for which the rule returns a cotangent")


def program_of(inner: AdjointTrace, name: str, results: Sequence[Value]) -> tuple[Program, list[Value]]:
    """The inner trace as a program, first what it read of the enclosing trace; and those values there.

    What decides its branches is compared in the enclosing program.
    """
    builder = inner.builder
    if any(e.op.name == "guard" for e in builder.equations):
        decided = guards_only(Program(name, tuple(builder.captures), (), tuple(builder.equations), ()))
        inline(inner.outer.builder, decided, inner.outside)
        builder.equations = [e for e in builder.equations if e.op.name != "guard"]
    builder.inputs = [*builder.captures, *builder.inputs]
    builder.captures = []
    return builder.program(name, results), list(inner.outside)


@dataclass(slots=True)
class Adjoint:
    """A program, what it reads, and the values that its results are the cotangents of."""

    program: Program
    kept: list[Value]
    arguments: list[Value]


def attach(
    trace: Trace, outs: Sequence[Value], adjoint: Adjoint, never: Sequence[tuple[Value, Refused]] = ()
) -> list[Value]:
    """The values with this adjoint; a derivative with respect to what is in `never` is refused, with the reason."""
    barred = [trace.emit_unnamed(underivable, value, reason=why.reason, fix=why.fix) for value, why in never]
    values: tuple[Value, ...] = trace.emit(
        with_adjoint, *outs, *adjoint.kept, *adjoint.arguments, *barred,
        adjoint=adjoint.program, outputs=len(outs), kept=len(adjoint.kept),
    )  # fmt: skip
    site = current_site()
    if len(values) == 1 and site is not None and site.name and trace.names_steps:
        trace.name(values[0], site.name)
    for value, out in zip(values, outs, strict=True):
        if isinstance(out.atom, Var) and out.atom.named:
            trace.name(value, out.atom.name)
    return list(values)


def wrapped(trace: Trace, values: Sequence[Value], leaves: Sequence[Any], structure: Structure) -> Any:
    """Values with an adjoint in the structure of the results that they stand for."""
    made = []
    for value, leaf in zip(values, leaves, strict=True):
        traced = isinstance(leaf, Tracer)
        if isinstance(leaf, CellTracer):
            made.append(CellTracer(trace, Root(value, True)))
        else:
            made.append(wrap(trace, value, contiguous=bool(value.ndim) and (not traced or leaf._place.contiguous)))
    return unflatten(structure, iter(made))


def trace_adjoint(
    trace: Trace,
    name: str,
    outs: Sequence[Value],
    structure: Structure,
    arguments: Sequence[Argument],
    run: Callable[[AdjointTrace, Any], list[Any]],
) -> Adjoint:
    """Trace an adjoint: run(inner trace, cotangents) gives, beside the leaves of the arguments, cotangents or None."""
    inner = AdjointTrace(trace)
    inner.decides = trace.decides
    with tracing(inner):
        found = run(inner, seeds_for(inner, outs, structure))
        pairs = [
            (leaf.value, given)
            for leaf, given in zip((one for a in arguments for one in a.leaves), found, strict=True)
            if given is not None and leaf.value is not None and leaf.derivable
        ]
        results = [lift(inner, given) if not isinstance(given, Value) else given for _, given in pairs]
    program, kept = program_of(inner, name, results)
    return Adjoint(program, kept, [value for value, _ in pairs])


def at_level_zero(equations: Sequence[Equation]) -> tuple[Equation, ...]:
    """The equations of a reverse pass as those of a program of its own."""
    first = min((e.level for e in equations), default=0)
    return tuple(replace(e, level=e.level - first) for e in equations)
