"""Loops and branches in a batch: the body is batched once; examples that are done before the others stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import Batch, Unbatched, batched_program, insert_axes
from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Program
from ..types import ArrayType

UNKNOWN = -1  # the length of what a while loop keeps: one entry for each iteration


def _swapped(x: Value) -> Value:
    """(batch, round, ...) as (round, batch, ...) and back; what a while loop keeps is a list of batches already."""
    if x.shape[0] == UNKNOWN:
        return x
    moved: Value = BY_NAME["transpose"](x, axes=(1, 0, *range(2, x.ndim)))
    return moved


def _settled(body: Program, consts: Sequence[bool], carry: Sequence[bool], xs: Sequence[bool], size: int) -> list[bool]:
    """Which carries differ between the examples once the loop has gone round."""
    flags = list(carry)
    while True:
        batched = batched_program(body, [*consts, *flags, *xs], size)
        after = [a or b for a, b in zip(flags, batched.batched, strict=False)]
        if after == flags:
            return flags
        flags = after


def _marked(values: Sequence[Value], flags: Sequence[bool], kept: bool = False) -> tuple[Any, ...]:
    """The results of a loop with the batch in front, or marked as the same for all; `kept` are stacks of rounds."""
    return tuple((_swapped(v) if kept else v) if flag else Unbatched(v) for v, flag in zip(values, flags, strict=True))


def scan_batch(
    batch: Batch, *operands: Value, body: Program, length: int, consts: int, carry: int, reverse: bool, listed: bool
) -> tuple[Any, ...]:
    """One loop over batches. A loop over what a while loop kept goes as far with each example as that one did."""
    first = consts + carry
    fixed, slices = batch.batched[:consts], batch.batched[first:]
    going = _going(batch, operands[first:], slices) if length == UNKNOWN else None
    flags = list(batch.batched[consts:first])
    flags = _settled(body, fixed, flags, slices, batch.size) if going is None else [True] * carry
    outs = [*flags, *[False] * (len(body.outputs) - carry)]
    batched = batched_program(body, [*fixed, *flags, *slices], batch.size, outs)
    program, stacked = batched.program, (*batched.batched[carry:], *flags)
    state = [batch.full(v, consts + i) if f else v for i, (v, f) in enumerate(zip(operands[consts:first], flags))]
    xs = [_swapped(v) if f else v for v, f in zip(operands[first:], slices, strict=True)]
    if going is not None:
        program, xs = _standing_still(program, consts, carry, batch.size), [*xs, going]
    results = batch.builder.emit(
        BY_NAME["scan"], *operands[:consts], *state, *xs, body=program, length=length, consts=consts, carry=carry,
        reverse=reverse,
    )  # fmt: skip
    if length == UNKNOWN:
        batch.rounds.update((v.atom, going) for v in results[carry:])
    return _marked(results[:carry], flags) + _marked(results[carry:], stacked, kept=True)


def _going(batch: Batch, lists: Sequence[Value], flags: Sequence[bool]) -> Value | None:
    """Which examples went on, of each round of the while loop that made these lists; None if all of them did."""
    for value, flag in zip(lists, flags, strict=True):
        if flag and value.atom not in batch.rounds:
            raise batch.refuse("the derivative of a while loop, taken within another loop or branch, is not batched")
    found = [batch.rounds[v.atom] for v in lists if v.atom in batch.rounds]
    return next((going for going in found if going is not None), None)


def _standing_still(body: Program, consts: int, carry: int, size: int) -> Program:
    """The body of a loop that changes only the examples that its last input says."""
    from .loops import inline

    inner = Builder()
    given = [inner.input(v.type, v.name) for v in body.inputs]
    state = given[consts : consts + carry]
    results = inline(inner, body, given)
    active = inner.input(ArrayType((size,), np.dtype(bool)), "active")
    chosen = _chosen(active, results[:carry], state)
    return inner.program(body.name, [*chosen, *results[carry:]])


def while_batch(
    batch: Batch, *operands: Value, test: Program, body: Program, tests: int, consts: int
) -> tuple[Any, ...]:
    """One loop until every example is done."""
    from .loops import inline

    size, first = batch.size, tests + consts
    for_test, fixed = batch.batched[:tests], batch.batched[tests:first]
    flags = _settled(body, fixed, batch.batched[first:], (), size)
    active: Program | None = None
    constants, going = operands[:first], batched_program(test, [*for_test, *flags], size)
    if going.batched[0]:
        flags = [True] * len(flags)
        active = _truths(batched_program(test, [*for_test, *flags], size, [True]).program, size)
    step = batched_program(body, [*fixed, *flags], size, flags).program
    state = [batch.full(v, first + i) if f else v for i, (v, f) in enumerate(zip(operands[first:], flags))]
    if active is None:
        programs = {"test": going.program, "body": step, "tests": tests, "consts": consts}
    else:
        state += inline(batch.builder, active, [*operands[:tests], *state])
        programs = {"test": _any_active(active, step, consts), "body": _active_only(active, step, tests, consts)}
        programs |= {"tests": 0, "consts": first}
    results = batch.builder.emit(BY_NAME["while_loop"], *constants, *state, **programs)
    count, kept = len(flags), results[len(state) :]
    batch.rounds.update((v.atom, None if active is None else kept[-1]) for v in kept)
    return _marked(results[:count], flags) + _marked(kept[:count], flags, kept=True)


def _truths(test: Program, size: int) -> Program:
    """A condition with one truth value for each example."""
    from .loops import inline

    outer = Builder()
    (found,) = inline(outer, test, [outer.input(v.type, v.name) for v in test.inputs])
    if found.ndim > 1:
        found = BY_NAME["reshape"](found, shape=(size,))
    return outer.program(test.name, [found if found.dtype.kind == "b" else BY_NAME["not_equal"](found, 0)])


def _any_active(test: Program, body: Program, consts: int) -> Program:
    """The condition of the loop: whether the last carry says of any example that it goes on."""
    outer = Builder()
    for var in body.inputs[consts:]:
        outer.input(var.type, var.name)
    return outer.program(test.name, [BY_NAME["any"](outer.input(test.outputs[0].type, "active"))])


def _active_only(test: Program, body: Program, tests: int, consts: int) -> Program:
    """A body that changes only the examples that go on; its constants are those of the condition, then its own."""
    from .loops import inline

    inner = Builder()
    for_test = [inner.input(v.type, v.name) for v in test.inputs[:tests]]
    given = [inner.input(v.type, v.name) for v in body.inputs]
    active = inner.input(test.outputs[0].type, "active")
    changed = _chosen(active, inline(inner, body, given), given[consts:])
    return inner.program(body.name, [*changed, *inline(inner, test, [*for_test, *changed])])


def _chosen(active: Value, new: Sequence[Value], old: Sequence[Value]) -> list[Value]:
    """The new values of the examples that go on, the old ones of the others."""
    where = BY_NAME["where"]
    return [where(_along(active, n), n, o) for n, o in zip(new, old, strict=True)]


def _along(mask: Value, like: Value) -> Value:
    """One truth value for each example, so that it broadcasts with the batch."""
    return insert_axes(mask, 1, like.ndim - 1)


def cond_batch(batch: Batch, condition: Value, *operands: Value, true: Program, false: Program) -> tuple[Any, ...]:
    """One branch for all, or where the condition differs, both branches and a choice between their results."""
    from .loops import inline

    size, flags = batch.size, batch.batched[1:]
    if batch.batched[0]:
        every = [True] * len(true.outputs)
        results = [
            inline(batch.builder, batched_program(branch, flags, size, every).program, operands)
            for branch in (true, false)
        ]
        where = BY_NAME["where"]
        return tuple(where(_along(condition, a), a, b) for a, b in zip(*results, strict=True))
    first, second = (batched_program(branch, flags, size) for branch in (true, false))
    differ = [a or b for a, b in zip(first.batched, second.batched, strict=True)]
    programs = [batched_program(branch, flags, size, differ).program for branch in (true, false)]
    outs = batch.builder.emit(BY_NAME["cond"], condition, *operands, true=programs[0], false=programs[1])
    return _marked(outs, differ)
