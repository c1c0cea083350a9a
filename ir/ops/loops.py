"""Structured control flow: operations that hold programs. The adjoint of a loop is a loop that runs the other way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..builder import Builder, Value
from ..op import Nondifferentiable, op
from ..program import Origin, Program, Var
from ..types import ArrayType
from .batched_loops import UNKNOWN, cond_batch, scan_batch, while_batch
from .rounds import read_back


def _stacked(type_: ArrayType, length: int, listed: bool = False) -> ArrayType:
    """One value for each round: an array, or with `listed` a list, in which Python's numbers stay what they are."""
    return ArrayType((length, *type_.shape), type_.dtype, type_.weak and listed)


def _check_inputs(program: Program, types: Sequence[ArrayType], what: str) -> None:
    declared = tuple(v.type for v in program.inputs)
    if declared != tuple(types):
        shown = ", ".join(map(str, types))
        raise TypeError(f"{what} takes {', '.join(map(str, declared))}, not {shown}")


def _own(values: Sequence[Any]) -> list[Any]:
    """Copies that lie as the arrays do, as each round of a plain loop gets them: later reshapes may ask."""
    return [x.copy("K") if isinstance(x, np.ndarray) else x for x in values]


# ------------------------------------------------------------------------------------------------------------ scan


def _run_scan(
    *operands: Any, body: Program, length: int, consts: int, carry: int, reverse: bool, listed: bool
) -> tuple[Any, ...]:
    from ..interp import evaluate

    fixed, state, xs = operands[:consts], list(operands[consts : consts + carry]), operands[consts + carry :]
    n = len(xs[0]) if length == UNKNOWN else length
    collected = [[None] * n for _ in range(len(body.outputs) - carry)]
    kept: list[list[Any]] = [[None] * n for _ in range(carry)]
    for i in reversed(range(n)) if reverse else range(n):
        for place, value in zip(kept, state, strict=True):
            place[i] = value
        results = evaluate(body, [*fixed, *_own(state), *_own([x[i] for x in xs])])
        state = list(results[:carry])
        for place, value in zip(collected, results[carry:], strict=True):
            place[i] = value
    stacked = [*collected, *kept]
    if length != UNKNOWN:
        outs = scan_types(body, length, carry, listed)[carry:]
        return (*state, *(_stack(values, t) for values, t in zip(stacked, outs, strict=True)))
    return (*state, *stacked)


def _stack(values: list[Any], type_: ArrayType) -> Any:
    if type_.weak:
        return values
    return np.array(values, type_.dtype).reshape(type_.shape)


def scan_types(body: Program, length: int, carry: int, listed: bool = False) -> tuple[ArrayType, ...]:
    """The final carries, the collected results, and the carry with which each iteration began."""
    state = tuple(o.type for o in body.outputs[:carry])
    collected = tuple(_stacked(o.type, length, listed) for o in body.outputs[carry:])
    return (*state, *collected, *(_stacked(t, length, listed) for t in state))


@op(name="scan", fun=_run_scan, batch=scan_batch, python="", numbered=False, may_alias=True, several=True)
def scan(
    *operands: ArrayType,
    body: Program,
    length: int,
    consts: int,
    carry: int,
    reverse: bool = False,
    listed: bool = False,
) -> tuple[ArrayType, ...]:
    """`length` iterations of body(consts, carry, x[i]) -> (carry, y[i]).

    With `listed` the values of the rounds stand in lists: the loop goes over these, without an index, and the loop back
    reads what is collected instead of computing it a second time.
    """
    slices = [replace(t, shape=t.shape[1:]) for t in operands[consts + carry :]]
    _check_inputs(body, [*operands[: consts + carry], *slices], "the body of the loop")
    types = tuple(o.type for o in body.outputs[:carry])
    if types != operands[consts : consts + carry]:
        raise TypeError("the body of a loop must return a carry of the types that it takes")
    return scan_types(body, length, carry, listed)


def inline(
    builder: Builder, program: Program, inputs: Sequence[Value], origin: Origin | None = None, level: int = 0
) -> list[Value]:
    """Write the equations of a program into the builder; its outputs there.

    With an `origin` it is the place that all of them answer; `level` is added to theirs.
    """
    known: dict[Var, Value] = dict(zip(program.inputs, inputs, strict=True))

    def read(atom: Any) -> Value:
        return known[atom] if isinstance(atom, Var) else Value(builder, atom)

    for equation in program.equations:
        with builder.at(origin or equation.origin, equation.level + level):
            operands = [read(atom) for atom in equation.operands]
            if equation.op.name in _OF_FIXED_TYPES:
                operands = [_as_declared(v, a.type) for v, a in zip(operands, equation.operands, strict=True)]
            result = builder.emit(equation.op, *operands, **equation.params)
        values = result if isinstance(result, tuple) else (result,)
        for out, value in zip(equation.outs, values, strict=True):
            known[out] = value
            if isinstance(value.atom, Var) and out.name and not value.atom.name:
                value.atom.name, value.atom.named = out.name, out.named
    return [read(o) for o in program.outputs]


_OF_FIXED_TYPES = {"call", "cond", "scan", "while_loop"}  # which hold programs that take these types alone


def _as_declared(value: Value, type_: ArrayType) -> Value:
    """A value as an inner program takes it: a Python number again, where the loop around it reads it from an array."""
    from .elementwise import astype, python_number

    if value.type == type_ or value.shape != type_.shape:
        return value
    cast: Value = value if value.dtype == type_.dtype else astype(value, dtype=type_.dtype)
    return python_number(cast) if type_.weak and not cast.type.weak else cast


def _copies(builder: Builder, variables: Sequence[Var]) -> list[Value]:
    """Inputs like those of another program."""
    return [builder.input(v.type, v.name) for v in variables]


def _zero(like: Value) -> Value:
    """A zero cotangent to begin a sum with."""
    from .shape import zeros

    if like.ndim:
        return zeros(like)
    return like.builder.value(like.dtype.type(0))


def _strong_input(builder: Builder, var: Var) -> Value:
    """The cotangent of a variable as an input: a NumPy number also where the variable is a Python one."""
    return builder.input(var.type.strong(), f"d{var.name}" if var.name else "")


def _in_full(value: Value, type_: ArrayType) -> Value:
    from ..grad import spread
    from .elementwise import astype

    full = spread(value, type_.strong())
    if full.type.weak:  # what a loop carries must not change from a Python number to a NumPy one
        full = (
            astype(full, dtype=type_.dtype)
            if full.literal is None
            else full.builder.value(type_.dtype.type(full.literal))
        )
    elif full.dtype != type_.dtype:
        full = astype(full, dtype=type_.dtype)
    return full


def _moving(body: Program, consts: int, carry: int, gs: Sequence[Value | None], count: int) -> set[Var]:
    """The inputs of a loop's body whose cotangents are not zero in every iteration.

    gs: the cotangents of the final carries, of what is collected, and of the carries that are kept.
    """
    place = {v: k for k, v in enumerate(body.inputs[consts : consts + carry])}
    from_outside = {v for v, k in place.items() if gs[k] is not None or gs[carry + count + k] is not None}
    moving = {v for v in from_outside if v.type.inexact}
    while True:
        ends = [body.outputs[place[v]] for v in moving if v in place]
        ends += [body.outputs[carry + j] for j in range(count) if gs[carry + j] is not None]
        found = moving | {v for v in _reached(body, ends) if v.type.inexact}
        if found == moving:
            return moving
        moving = found


def _reached(body: Program, ends: Sequence[Any]) -> set[Var]:
    """The inputs that these outputs may have a derivative by."""
    reached = {end for end in ends if isinstance(end, Var)}
    for equation in reversed(body.equations):
        if not reached.isdisjoint(equation.outs) and not isinstance(equation.op.rule, Nondifferentiable):
            reached.update(o for o in equation.operands if isinstance(o, Var) and o.type.inexact)
    return reached.intersection(body.inputs)


@scan.vjp
def scan_vjp(
    gs: Sequence[Value | None],
    ys: Sequence[Value],
    *operands: Value,
    body: Program,
    length: int,
    consts: int,
    carry: int,
    reverse: bool,
    listed: bool = False,
) -> tuple[Value | None, ...]:
    """The same loop the other way round: it carries the cotangents of carry and constants, and reads what was kept."""
    from ..grad import backward

    count = len(body.outputs) - carry
    fixed, state, slices = body.inputs[:consts], body.inputs[consts : consts + carry], body.inputs[consts + carry :]
    kept = ys[carry + count :]
    d_final, d_collected, d_kept = gs[:carry], gs[carry : carry + count], gs[carry + count :]
    moving = _moving(body, consts, carry, gs, count)
    const_ids, carry_ids, slice_ids = ([i for i, v in enumerate(vs) if v in moving] for vs in (fixed, state, slices))
    if not (const_ids or carry_ids or slice_ids):  # as in a loop over integers alone
        return (None,) * len(operands)

    inner = Builder()
    c = _copies(inner, fixed)
    dc = [_strong_input(inner, fixed[i]) for i in const_ids]
    dk = [_strong_input(inner, state[i]) for i in carry_ids]
    k = [inner.input(v.type if listed else v.type.strong(), v.name) for v in state]
    x = _copies(inner, slices)
    dy = {
        j: inner.input(body.outputs[j + carry].type.strong(), "dy") for j, g in enumerate(d_collected) if g is not None
    }
    dkept = {i: inner.input(state[i].type.strong(), "") for i in carry_ids if d_kept[i] is not None}
    results = inline(inner, body if listed else _with_strong_carry(body, consts, carry), [*c, *k, *x])
    seeds = [(results[i], d) for i, d in zip(carry_ids, dk, strict=True)]
    seeds += [(results[carry + j], d) for j, d in dy.items()]
    wanted = [*(c[i] for i in const_ids), *(k[i] for i in carry_ids), *(x[i] for i in slice_ids)]
    if listed:  # what a round adds to a sum over the rounds is added where it is made
        seeds += [(c[i], d) for i, d in zip(const_ids, dc, strict=True)]
    found = backward(inner, seeds, wanted)
    level = max((e.level for e in inner.equations), default=1)
    for g in found[: len(const_ids)]:  # the name is for the sum over all iterations
        if not listed and g is not None and isinstance(g.atom, Var) and g.atom not in inner.inputs:
            g.atom.name, g.atom.named = "", False
    with inner.at(None, level):
        full = [None if g is None else _in_full(g, w.type) for g, w in zip(found, wanted, strict=True)]
        first, second = len(const_ids), len(const_ids) + len(carry_ids)
        totals = [acc if g is None else g if listed else acc + g for acc, g in zip(dc, full[:first], strict=True)]
        states = [_zero(k[i]) if g is None else g for i, g in zip(carry_ids, full[first:second], strict=True)]
        states = [g + dkept[i] if i in dkept else g for i, g in zip(carry_ids, states, strict=True)]
        moved = [_zero(x[i]) if g is None else g for i, g in zip(slice_ids, full[second:], strict=True)]
        for total, i in zip(totals, const_ids, strict=True):
            _name(total, f"d{fixed[i].name}" if fixed[i].name else "")
        for new, i in zip(states, carry_ids, strict=True):
            _name(new, f"d{state[i].name}" if state[i].name else "")
    adjoint = inner.program(f"{body.name}_adjoint", [*totals, *states, *moved])
    read: list[int] = []
    if listed:
        adjoint, read = read_back(adjoint, [results[carry + j] for j in range(count)])

    builder = ys[0].builder
    init = []
    for i in const_ids:
        init.append(_zero(operands[i]))
        _name(init[-1], f"d{fixed[i].name}" if fixed[i].name else "")
    for i in carry_ids:
        g = d_final[i]
        init.append(_zero(ys[i]) if g is None else _in_full(g, state[i].type))
        _name(init[-1], f"d{state[i].name}" if state[i].name else "")
    xs = [*kept, *operands[consts + carry :]]
    xs += [_in_full(d_collected[j], ys[carry + j].type) for j in dy]  # type: ignore[arg-type]
    xs += [_in_full(d_kept[i], kept[i].type) for i in dkept]  # type: ignore[arg-type]
    xs += [ys[carry + j] for j in read]
    outs = builder.emit(
        scan, *operands[:consts], *init, *xs, body=adjoint, length=length, consts=consts, carry=len(init),
        reverse=not reverse, listed=listed,
    )  # fmt: skip
    outs = outs if isinstance(outs, tuple) else (outs,)
    cotangents: list[Value | None] = [None] * len(operands)
    for i, value in zip(const_ids, outs, strict=False):
        cotangents[i] = value
    for i, value in zip(carry_ids, outs[first:], strict=False):
        cotangents[consts + i] = value
    for i, value in zip(slice_ids, outs[second:], strict=False):
        cotangents[consts + carry + i] = value
    return tuple(cotangents)


def _name(value: Value, name: str) -> None:
    if name and isinstance(value.atom, Var) and not value.atom.name:
        value.atom.name, value.atom.named = name, True


def _with_strong_carry(body: Program, consts: int, carry: int) -> Program:
    """The body for carries read back from an array: NumPy numbers where the loop had Python ones."""
    if not any(v.type.weak for v in body.inputs[consts : consts + carry]):
        return body
    builder = Builder()
    inputs = [
        builder.input(v.type.strong() if consts <= i < consts + carry else v.type, v.name)
        for i, v in enumerate(body.inputs)
    ]
    return builder.program(body.name, inline(builder, body, inputs))


# ----------------------------------------------------------------------------------------------------------- while


def _run_while(*operands: Any, test: Program, body: Program, tests: int, consts: int) -> tuple[Any, ...]:
    from ..interp import evaluate

    for_test, fixed, state = operands[:tests], operands[tests : tests + consts], list(operands[tests + consts :])
    kept: list[list[Any]] = [[] for _ in state]
    while evaluate(test, [*for_test, *state])[0]:
        for place, value in zip(kept, state, strict=True):
            place.append(value)
        state = list(evaluate(body, [*fixed, *_own(state)]))
    return (*state, *kept)


@op(name="while_loop", fun=_run_while, batch=while_batch, python="", numbered=False, may_alias=True, several=True)
def while_(*operands: ArrayType, test: Program, body: Program, tests: int, consts: int) -> tuple[ArrayType, ...]:
    """body(consts, carry) -> carry while test(test constants, carry) holds; the carries of all iterations are kept."""
    state = operands[tests + consts :]
    _check_inputs(body, operands[tests:], "the body of the loop")
    _check_inputs(test, [*operands[:tests], *state], "the condition of the loop")
    if tuple(o.type for o in body.outputs) != tuple(state):
        raise TypeError("the body of a loop must return a carry of the types that it takes")
    return (*state, *(_stacked(t, UNKNOWN) for t in state))


def sum_of_rounds(one: Value, other: Value) -> Value:
    """The sum of two lists that have an array for each round: a loop, since Python's + would join them."""
    inner = Builder()
    type_ = one.type.with_shape(one.shape[1:])
    added = inner.input(type_, "") + inner.input(other.type.with_shape(other.shape[1:]), "")
    total: Value
    (total,) = one.builder.emit(
        scan, one, other, body=inner.program("body", [added]), length=UNKNOWN, consts=0, carry=0
    )
    return total


@while_.vjp
def while_vjp(
    gs: Sequence[Value | None],
    ys: Sequence[Value],
    *operands: Value,
    test: Program,
    body: Program,
    tests: int,
    consts: int,
) -> tuple[Value | None, ...]:
    """A loop back over what was kept; the condition has no derivative."""
    pulled = scan_vjp(
        gs, ys, *operands[tests:], body=body, length=UNKNOWN, consts=consts, carry=len(body.outputs), reverse=False
    )
    return (*[None] * tests, *pulled)


# ------------------------------------------------------------------------------------------------------------ cond


def _run_cond(condition: Any, *operands: Any, true: Program, false: Program) -> tuple[Any, ...]:
    from ..interp import evaluate

    return evaluate(true if condition else false, _own(operands))


@op(name="cond", fun=_run_cond, batch=cond_batch, python="", numbered=False, may_alias=True, several=True)
def cond(condition: ArrayType, *operands: ArrayType, true: Program, false: Program) -> tuple[ArrayType, ...]:
    """true(operands) or false(operands), whichever the condition says; only that one is run."""
    _check_inputs(true, operands, "the first branch")
    _check_inputs(false, operands, "the second branch")
    types = tuple(o.type for o in true.outputs)
    if types != tuple(o.type for o in false.outputs):
        raise TypeError("both branches must return the same types")
    return types


@cond.vjp
def cond_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], condition: Value, *operands: Value, true: Program, false: Program
) -> tuple[Value | None, ...]:
    """The adjoint of the branch that was taken."""
    ids = [i for i, o in enumerate(operands) if o.type.inexact]
    if not ids:  # branches of integers alone
        return (None,) * (1 + len(operands))
    given = [j for j, g in enumerate(gs) if g is not None]
    adjoints = [_branch_adjoint(branch, ids, given) for branch in (true, false)]
    cotangents = [_in_full(gs[j], ys[j].type) for j in given]  # type: ignore[arg-type]
    outs = condition.builder.emit(cond, condition, *operands, *cotangents, true=adjoints[0], false=adjoints[1])
    outs = outs if isinstance(outs, tuple) else (outs,)
    result: list[Value | None] = [None] * (1 + len(operands))
    for i, value in zip(ids, outs, strict=True):
        result[1 + i] = value
    return tuple(result)


def _branch_adjoint(branch: Program, ids: list[int], given: list[int]) -> Program:
    from ..grad import backward

    inner = Builder()
    inputs = _copies(inner, branch.inputs)
    cotangents = [inner.input(branch.outputs[j].type.strong(), "dy") for j in given]
    results = inline(inner, branch, inputs)
    wanted = [inputs[i] for i in ids]
    found = backward(inner, [(results[j], d) for j, d in zip(given, cotangents, strict=True)], wanted)
    with inner.at(None, max((e.level for e in inner.equations), default=1)):
        full = [_zero(w) if g is None else _in_full(g, w.type) for g, w in zip(found, wanted, strict=True)]
    return inner.program(f"{branch.name}_adjoint", full)


def map_programs(params: dict[str, Any], run: Callable[[Program], Program]) -> dict[str, Any]:
    """The params with every program in them replaced."""
    return {name: run(value) if isinstance(value, Program) else value for name, value in params.items()}
