"""In loops over blocks, where the pairs of floats of a table stand is found once, before the loop.

Rows are added to a table two floats at a time, as complex numbers, and the places of these are as many as the pairs.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ..builder import Builder, Value
from ..dims import Dim
from ..indexing import SLOT
from ..op import BY_NAME
from ..program import Equation, Program, Var

WIDE = 16  # floats of a row, from which on they are not added column by column


def add_in_pairs(program: Program) -> Program:
    """The program with what its loops add to tables of floats in pairs."""
    equations: list[Equation] = []
    places: dict[tuple[int, int], Var] = {}  # by rows and pairs of a row: one array of places serves all loops
    for equation in program.equations:
        if equation.op.name == "blocks" and equation.params["added"]:
            equation = _in_pairs(equation, places, equations)
        equations.append(equation)
    return replace(program, equations=tuple(equations)) if places else program


def _in_pairs(loop: Equation, places: dict[tuple[int, int], Var], before: list[Equation]) -> Equation:
    body = loop.params["body"]
    inner: dict[tuple[int, int], Var] = {}
    equations = []
    for equation in body.equations:
        pairs = _pairs(equation, loop.params["length"])
        if pairs is not None:
            if pairs not in places:
                before += _places(pairs, loop)
                places[pairs] = before[-1].out
            given = inner.setdefault(pairs, Var(places[pairs].type, "places", named=True))
            equation = replace(equation, op=BY_NAME["add_pairs"], operands=(*equation.operands, given), params={})
        equations.append(equation)
    if not inner:
        return loop
    whole = loop.params["whole"]
    operands = (*loop.operands[:whole], *(places[pairs] for pairs in inner), *loop.operands[whole:])
    inputs = (*body.inputs[:whole], *inner.values(), *body.inputs[whole:])
    body = replace(body, inputs=inputs, equations=tuple(equations))
    return replace(loop, operands=operands, params={**loop.params, "body": body, "whole": whole + len(inner)})


def _pairs(equation: Equation, length: int) -> tuple[int, int] | None:
    """Rows of the table and pairs of each, if the equation adds many wide rows of floats to one."""
    if equation.op.name != "index_add" or equation.params["index"] != (SLOT,) or equation.params["distinct"]:
        return None
    table, rows, index = (operand.type for operand in equation.operands)
    width = prod(table.shape[1:])
    if isinstance(width, Dim) or isinstance(table.shape[0], Dim) or isinstance(length, Dim):
        return None
    fits = width >= WIDE and width % 2 == 0 and rows.shape == index.shape + table.shape[1:]
    floats = table.dtype.name in ("float32", "float64") and rows.dtype == table.dtype and not rows.weak
    many = length * prod(index.shape[1:]) >= table.shape[0] > 0
    return (table.shape[0], width // 2) if fits and floats and many and index.dtype.kind == "i" else None


def _places(pairs: tuple[int, int], loop: Equation) -> list[Equation]:
    builder = Builder()
    with builder.at(None, loop.level):
        numbers: Value = builder.emit(BY_NAME["arange"], start=0, stop=pairs[0] * pairs[1], step=1)
        table: Value = builder.emit(BY_NAME["reshape"], numbers, shape=pairs)
    assert isinstance(table.atom, Var)
    table.atom.name, table.atom.named = "places", True
    return builder.equations
