"""Functions of kept numbers, computed for all rounds at once before the loop back: `np.cos(thetas)` for a cosine each.

NumPy's function of one number costs as much as of a hundred. Only loops of the reverse pass are looked at: their digits
need not be those that single calls give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..builder import Builder, Value
from ..describe import describe
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from .dead_code import eliminate_dead_code

_OPERATORS = {"add", "subtract", "multiply", "divide", "negative", "absolute"}
_CONVERSIONS = {"python_number", "astype"}


def hoist(program: Program) -> Program:
    """The program with functions of what was kept, within its loops back, moved before these loops."""
    if not any(e.op.name == "scan" and e.params["listed"] and e.level for e in program.equations):
        return program
    equations: list[Equation] = []
    for e in program.equations:
        equations += _hoisted(e) if e.op.name == "scan" and e.params["listed"] and e.level else [e]
    return replace(program, equations=tuple(equations))


def _hoisted(loop: Equation) -> list[Equation]:
    body: Program = loop.params["body"]
    first = loop.params["consts"] + loop.params["carry"]
    outside: dict[Var, Atom] = dict(zip(body.inputs, loop.operands, strict=True))
    kept = {v for v in body.inputs[first:] if _is_number(v)}
    known = kept | {v for v in body.inputs[: loop.params["consts"]] if _is_number(v)}
    varying = set(kept)  # from round to round
    made: dict[Var, Equation] = {}
    calls: list[Var] = []
    for e in body.equations:
        if (
            len(e.outs) != 1
            or not _is_number(e.out)
            or not all(isinstance(o, Literal) or o in known for o in e.operands)
        ):
            continue
        call = isinstance(e.op.fun, np.ufunc) and e.op.name not in _OPERATORS
        if not (call or e.op.name in _OPERATORS | _CONVERSIONS) or varying.isdisjoint(e.operands):
            continue
        known.add(e.out)
        varying.add(e.out)
        made[e.out] = e
        if call:
            calls.append(e.out)
    if not calls:
        return [loop]
    wanted = _wanted(body, calls)
    return _written(loop, body, wanted, made, outside, kept) if wanted else [loop]


def _is_number(v: Var) -> bool:
    return not v.type.shape and v.type.dtype == float


def _wanted(body: Program, calls: Sequence[Var]) -> list[Var]:
    """What the loop reads of the calls: the results, as Python's numbers where it converts them."""
    wanted = []
    for call in calls:
        readers = [e for e in body.equations if call in e.operands]
        if len(readers) == 1 and readers[0].op.name == "python_number" and call not in body.outputs:
            wanted.append(readers[0].out)
        elif readers or call in body.outputs:
            wanted.append(call)
    return wanted


def _written(
    loop: Equation,
    body: Program,
    wanted: list[Var],
    made: dict[Var, Equation],
    outside: dict[Var, Atom],
    kept: set[Var],
) -> list[Equation]:
    builder = Builder()
    arrays: dict[Var, Value] = {}

    def array(atom: Atom) -> Value:
        if isinstance(atom, Literal):
            return Value(builder, atom)
        if atom not in arrays:
            e = made.get(atom)
            if e is None:
                value = Value(builder, outside[atom])
                arrays[atom] = builder.emit(BY_NAME["array_of"], value) if value.type.weak and value.shape else value
            elif e.op.name in _CONVERSIONS:
                arrays[atom] = array(e.operands[0])
            else:
                operands = [array(o) for o in e.operands]
                with builder.at(e.origin, loop.level):
                    arrays[atom] = builder.emit(e.op, *operands, **e.params)
        return arrays[atom]

    names = {v: v.name for v in (*body.inputs, *made) if v.name}
    lists = []
    for var in wanted:
        e = made[var]
        with builder.at(e.origin, loop.level):
            value = array(var)
            lists.append(builder.emit(BY_NAME["list_of"], value) if var.type.weak else value)
        if lists[-1].shape != (loop.params["length"],):
            return [loop]
        if not var.name:
            var.name = describe(e, names, made.get)
            names[var] = var.name
        lists[-1].atom.name = lists[-1].atom.name or f"{var.name}s"  # type: ignore[union-attr]
    given = set(wanted)
    equations = tuple(e for e in body.equations if given.isdisjoint(e.outs))
    body = eliminate_dead_code(replace(body, inputs=(*body.inputs, *wanted), equations=equations))
    operands = (*loop.operands, *(value.atom for value in lists))
    first, read = loop.params["consts"] + loop.params["carry"], body.use_counts()
    places = [i for i, v in enumerate(body.inputs) if i < first or v in read]
    params = {**loop.params, "body": replace(body, inputs=tuple(body.inputs[i] for i in places))}
    return [*builder.equations, replace(loop, operands=tuple(operands[i] for i in places), params=params)]
