"""scan, fori_loop, while_loop and cond: loops that stay loops, and branches that stay branches.

Outside of a trace they run as plain Python. Inside, the body is traced once, into a program of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.dims import at_least, whole
from ..ir.ops.elementwise import add, astype
from ..ir.ops.loops import cond as cond_op
from ..ir.ops.loops import scan as scan_op
from ..ir.ops.loops import while_ as while_op
from ..ir.ops.shape import arange
from ..ir.program import Program, Var
from ..ir.types import ArrayType, result_dtype
from .array import ArrayTracer, ScalarTracer, lift, wrap
from .errors import TracingError, explain
from .place import Root
from .site import called_at
from .structure import Structure, flatten, unflatten
from .trace import ACTIVE, Trace, tracing


class InnerTrace(Trace):
    """The trace of a body. What it uses from outside becomes a constant operand of the loop."""

    def __init__(self, outer: Trace) -> None:
        super().__init__()
        self.outer = outer
        self.decides = outer.decides
        self.outside: list[Value] = []  # in the order of builder.captures
        self._taken: dict[Var, Value] = {}

    def take(self, value: Value, name: str = "") -> Value:
        """A value of the enclosing trace as a value of this one."""
        atom = value.atom
        if not isinstance(atom, Var):
            return self.builder.value(atom)
        if atom not in self._taken:
            self._taken[atom] = self.builder.capture(atom.type, name or atom.name)
            self.outside.append(value)
        return self._taken[atom]

    def capture(self, array: np.ndarray[Any, Any]) -> Value:
        return self.take(self.outer.capture(array))

    def is_inside(self, other: Trace) -> bool:
        return self.outer is other or self.outer.is_inside(other)

    def is_repeated(self) -> bool:
        return True

    def written_outside(self) -> TracingError:
        """The error for a write into an array that was not made here."""
        return TracingError(
            explain(
                "the body of a structured loop writes into an array from outside of it",
                self.origin(),
                "fori_loop(0, n, body, (c, out)): make the array part of the carry, and write there",
                "loops",
            )
        )

    def take_from(self, other: Trace, value: Value) -> Value:
        return self.take(value if self.outer is other else self.outer.take_from(other, value))


def _standins(trace: Trace, structure: Structure, values: Sequence[Value]) -> Any:
    tracers = [ArrayTracer(trace, Root(v)) if v.ndim else ScalarTracer(trace, Root(v)) for v in values]
    return unflatten(structure, iter(tracers))


def _record(
    outer: Trace,
    name: str,
    function: Callable[..., Any],
    groups: Sequence[tuple[Structure, list[ArrayType], list[str]]],
) -> tuple[InnerTrace, list[Value], Structure]:
    """Trace a function of structured arguments; its results in the inner trace."""
    inner = InnerTrace(outer)
    arguments = []
    for structure, types, names in groups:
        values = [inner.input(t, n, None) for t, n in zip(types, names, strict=True)]
        arguments.append(_standins(inner, structure, values))
    with tracing(inner):
        leaves, structure = flatten(function(*arguments), numbers=True)
        results = [lift(inner, leaf) for leaf in leaves]
    return inner, results, structure


def _program(inner: InnerTrace, name: str, results: Sequence[Value]) -> Program:
    """The inner trace as a program whose first inputs are the constants."""
    builder = inner.builder
    builder.inputs = [*builder.captures, *builder.inputs]
    builder.captures = []
    return builder.program(name, results)


def _names(values: Sequence[Value], default: str) -> list[str]:
    return [v.atom.name if isinstance(v.atom, Var) and v.atom.name else default for v in values]


def _cast(trace: Trace, value: Value, type_: ArrayType) -> Value:
    if value.type == type_:
        return value
    if value.shape != type_.shape:
        raise TracingError(
            explain(
                f"the carry of a loop changes its shape from {type_.shape} to {value.shape}",
                trace.origin(),
                f"a carry of shape {value.shape} from the start, or c.reshape({type_.shape}) at the end of the body",
                "loops",
            )
        )
    if value.dtype.kind == "b" and type_.dtype.kind != "b":  # True + True is True in the first round, and 2.0 as floats
        raise TracingError(
            explain(
                f"the carry of a loop changes its dtype from bool to {type_.dtype}",
                trace.origin(),
                "keep every part of the carry at one shape and dtype",
                "loops",
            )
        )
    if type_.weak:  # a Python number stays one: int becomes float or complex by adding that zero
        zero = 0.0 if type_.dtype.kind == "f" else 0j
        if value.literal is not None:
            return trace.builder.value(value.literal + zero)
        wider: Value = trace.emit(add, value, zero)
        return wider
    cast: Value = trace.emit(astype, value, dtype=type_.dtype)
    return cast


def _settled(types: Sequence[ArrayType], results: Sequence[Value]) -> list[ArrayType]:
    """The carry's types once the first round has promoted them."""
    return [
        t if t == r.type else ArrayType(t.shape, result_dtype(t, r.type), t.weak and r.type.weak)
        for t, r in zip(types, results, strict=True)
    ]


def _check_structure(trace: Trace, before: Structure, after: Structure) -> None:
    if before != after:
        raise TracingError(
            explain(
                "the body of a loop must return a carry of the structure that it takes",
                trace.origin(),
                "return (a, b) where the carry is (a, b): as it came in, changed only in its numbers",
                "loops",
            )
        )


def _carry(trace: Trace, init: Any) -> tuple[list[Value], Structure]:
    leaves, structure = flatten(init, numbers=True)
    return [lift(trace, leaf) for leaf in leaves], structure


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: bool | int = False,
) -> tuple[Any, Any]:
    """`for x in xs: carry, y = f(carry, x)`: the last carry and all the y, stacked.

    init, xs and the y may be nested structures; xs is indexed along the first axis of its arrays. With xs=None, give
    `length`, and f gets None for x. With `checkpoint=k`, a gradient keeps the carry of every k-th round alone and
    computes the rounds between a second time; True stands for the square root of the length, for the least memory.
    """
    leaves, structure = flatten(xs)
    n = _length(leaves, length)
    trace = ACTIVE.get()
    size = _segment(checkpoint, n)
    if trace is None:
        return _plain_scan(f, init, leaves, structure, n, reverse)
    if 0 < size < n:
        from .checkpoint import scan_in_segments

        return scan_in_segments(f, init, xs, n, bool(reverse), size)
    slices = [lift(trace, leaf) for leaf in leaves]
    state, carry_structure = _carry(trace, init)
    types = [v.type for v in state]
    for _ in range(3):
        groups = [
            (carry_structure, types, _names(state, "carry")),
            (structure, [v.type.with_shape(v.shape[1:]) for v in slices], _names(slices, "x")),
        ]
        inner, results, returned = _record(trace, "body", f, groups)
        if returned.kind != "tuple" or len(returned.children) != 2:
            raise TracingError(
                explain(
                    "the body of scan must return a pair (carry, y)",
                    trace.origin(),
                    "return carry, None where nothing is collected",
                    "loops",
                )
            )
        _check_structure(trace, carry_structure, returned.children[0])
        settled = _settled(types, results[: len(state)])
        if settled == types:
            break
        types = settled
    with tracing(inner):
        inner.closed = False
        results = [_cast(inner, r, t) for r, t in zip(results, types, strict=False)] + results[len(state) :]
    body = _program(inner, "body", results)
    state = [_cast(trace, v, t) for v, t in zip(state, types, strict=True)]
    outs = trace.emit(
        scan_op, *inner.outside, *state, *slices, body=body, length=n, consts=len(inner.outside), carry=len(state),
        reverse=bool(reverse),
    )  # fmt: skip
    final = unflatten(carry_structure, (wrap(trace, v) for v in outs[: len(state)]))
    return final, unflatten(returned.children[1], (wrap(trace, v) for v in outs[len(state) : len(results)]))


def _length(leaves: list[Any], length: int | None) -> int:
    lengths = {np.shape(leaf)[0] for leaf in leaves} | ({whole(length)} if length is not None else set())
    if len(lengths) != 1:
        raise ValueError(
            explain(
                f"scan needs one length, got {' and '.join(map(str, sorted(lengths))) or 'none'}",
                called_at(),
                "xs[:n] of equal lengths" if lengths else "scan(f, init, xs) or scan(f, init, length=n)",
                "loops",
            )
        )
    return whole(lengths.pop())


def _segment(checkpoint: bool | int, n: int) -> int:
    """How many rounds are computed again together; 0 for none."""
    if not isinstance(checkpoint, int | np.integer) or checkpoint < 0:
        raise ValueError(
            explain(
                f"scan takes a number of rounds for checkpoint, not {checkpoint!r}",
                called_at(),
                "checkpoint=True, or checkpoint=8 to keep the carry of every eighth round",
                "checkpoints",
            )
        )
    return math.isqrt(max(n - 1, 0)) + 1 if checkpoint is True else int(checkpoint)


def _own(values: Any) -> Any:
    """The same in memory of its own: a round's writes reach nothing outside, with a trace or without."""
    leaves, structure = flatten(values, numbers=True)
    return unflatten(structure, iter([leaf.copy("K") if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))


def _plain_scan(f: Any, carry: Any, leaves: list[Any], structure: Structure, n: int, reverse: bool) -> tuple[Any, Any]:
    collected: list[Any] = [None] * n
    shape: Structure | None = None
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(_own(carry), _own(unflatten(structure, iter([leaf[i] for leaf in leaves]))))
        collected[i], shape = flatten(y)
    if shape is None:
        return _own(carry), None
    return _own(carry), unflatten(shape, iter([np.stack(column) for column in zip(*collected, strict=True)]))


def fori_loop(lower: int, upper: int, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """`for i in range(lower, upper): carry = body(i, carry)`; the last carry."""
    trace = ACTIVE.get()
    if trace is None:
        for i in range(lower, upper):
            init = body(np.int64(i), _own(init))  # as the elements of the arange that is recorded
        return _own(init)
    counts = wrap(trace, trace.emit(arange, start=whole(lower), stop=at_least(whole(upper), whole(lower)), step=1))
    return scan(lambda carry, i: (body(i, carry), None), init, counts)[0]


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """`while cond(carry): carry = body(carry)`; the last carry."""
    trace = ACTIVE.get()
    if trace is None:
        while cond(init):
            init = body(_own(init))
        return _own(init)
    state, structure = _carry(trace, init)
    types = [v.type for v in state]
    for _ in range(3):
        group = [(structure, types, _names(state, "carry"))]
        inner, results, returned = _record(trace, "body", body, group)
        _check_structure(trace, structure, returned)
        settled = _settled(types, results)
        if settled == types:
            break
        types = settled
    with tracing(inner):
        inner.closed = False
        results = [_cast(inner, r, t) for r, t in zip(results, types, strict=True)]
    program = _program(inner, "body", results)
    tester, test_results, _ = _record(trace, "test", cond, [(structure, types, _names(state, "carry"))])
    if len(test_results) != 1 or test_results[0].size != 1:
        raise TracingError(
            explain(
                "the condition of while_loop must be one truth value",
                trace.origin(),
                "np.all(c < limit) or np.any(c < limit)",
                "loops",
            )
        )
    test = _program(tester, "test", test_results)
    state = [_cast(trace, v, t) for v, t in zip(state, types, strict=True)]
    outs = trace.emit(
        while_op, *tester.outside, *inner.outside, *state, test=test, body=program, tests=len(tester.outside),
        consts=len(inner.outside),
    )  # fmt: skip
    return unflatten(structure, (wrap(trace, v) for v in outs[: len(state)]))


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """true_fun(*operands) if pred else false_fun(*operands), decided when the gradient runs; both are recorded."""
    trace = ACTIVE.get()
    if trace is None:
        return _own((true_fun if pred else false_fun)(*_own(operands)))
    values, structure = _carry(trace, operands)
    groups = [
        (child, [v.type for v in part], _names(part, "x"))
        for child, part in zip(structure.children, _split(structure, values), strict=True)
    ]
    first, first_results, shape = _record(trace, "true", true_fun, groups)
    second, second_results, other = _record(trace, "false", false_fun, groups)
    if shape != other or [r.shape for r in first_results] != [r.shape for r in second_results]:
        raise TracingError(
            explain(
                "both branches of cond must return the same structure and shapes",
                trace.origin(),
                "np.broadcast_to(y, x.shape), or None in both branches where one has nothing to return",
                "loops",
            )
        )
    types = _settled([r.type for r in first_results], second_results)
    branches = []
    for inner, results in ((first, first_results), (second, second_results)):
        with tracing(inner):
            inner.closed = False
            branches.append([_cast(inner, r, t) for r, t in zip(results, types, strict=True)])
    outside = _share(first, second)
    programs = [_program(i, n, r) for i, n, r in zip((first, second), ("true", "false"), branches, strict=True)]
    outs = trace.emit(cond_op, lift(trace, pred), *outside, *values, true=programs[0], false=programs[1])
    return unflatten(shape, (wrap(trace, v) for v in outs))


def _split(structure: Structure, values: list[Value]) -> list[list[Value]]:
    parts, start = [], 0
    for child in structure.children:
        parts.append(values[start : start + child.leaf_count])
        start += child.leaf_count
    return parts


def _share(first: InnerTrace, second: InnerTrace) -> list[Value]:
    """Give both branches the same constants in the same order."""
    for value in list(first.outside):
        second.take(value)
    for value in list(second.outside):
        first.take(value)
    order = list(first.outside)
    by_atom = {value.atom: captured for value, captured in zip(second.outside, second.builder.captures, strict=True)}
    second.builder.captures = [by_atom[value.atom] for value in order]
    second.outside = order
    return order
