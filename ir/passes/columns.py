"""Tall tables of few columns (points in space, residuals) kept column by column where they are made.

A table that is gathered row by row is gathered column by column, and NumPy keeps that order of memory in everything
that is computed from it. The numbers stay the same to the bit. What is handed out is copied into the usual order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

from ..builder import Builder, Value
from ..dims import Dim
from ..indexing import SLOT, Slice, Slot
from ..op import BY_NAME
from ..ops.custom import EXTERNAL
from ..program import Equation, Literal, Program, Var
from ..sizes import reaches

TALL = 2048  # rows from which on the loop along a column is worth the turn
NARROW = 8  # columns at most
MANY = 256  # rows of a table that is gathered from in a loop, from which on its turn counts
FEWEST = 4  # operations that gain, without which nothing is turned
_CALLS = {*EXTERNAL, "call", "scan", "while_loop", "cond"}


def keep_columns(program: Program, handed_out: bool = True) -> Program:
    """The program with its tall tables column by column, where that pays; `handed_out`: its outputs go to the user."""
    equations = tuple(chain.from_iterable(map(_inside, program.equations)))
    if equations != program.equations:
        program = replace(program, equations=equations)
    return _Columns(program, handed_out).run()


def _inside(equation: Equation) -> list[Equation]:
    """A loop over blocks of rows with its body written so; what it hands on is copied into other arrays.

    A table that each block gathers columns from is turned once, before the loop.
    """
    if equation.op.name != "blocks":
        return [equation]
    body = keep_columns(equation.params["body"], handed_out=False)
    if body is equation.params["body"]:
        return [equation]
    gathered = {e.operands[0] for e in body.equations if e.op.name == "take_columns"}
    before: list[Equation] = []
    operands = list(equation.operands)
    for place in range(equation.params["added"], equation.params["whole"]):
        table = operands[place]
        if body.inputs[place] in gathered and isinstance(table, Var) and reaches(table.type.shape[0], MANY):
            before.append(_one("in_columns", [table], equation))
            before[-1].out.name, before[-1].out.named = f"{table.name or 'table'}_in_columns", True
            operands[place] = before[-1].out
    turned = replace(equation, operands=tuple(operands), params={**equation.params, "body": body})
    return [*before, turned]


def _one(name: str, operands: Iterable[Var], like: Equation, **params: Any) -> Equation:
    builder = Builder()
    with builder.at(like.origin, like.level):
        builder.emit(BY_NAME[name], *(Value(builder, o) for o in operands), **params)
    return builder.equations[-1]


def _is_table(atom: object) -> bool:
    type_ = getattr(atom, "type", None)
    if type_ is None or type_.ndim != 2 or type_.weak or type_.dtype.kind not in "fc":
        return False
    rows, columns = type_.shape
    return not isinstance(columns, Dim) and bool(2 <= columns <= NARROW) and reaches(rows, TALL)


class _Columns:
    def __init__(self, program: Program, handed_out: bool) -> None:
        self.program = program
        self.handed_out = handed_out
        self.turned: set[Var] = set()  # tables that are kept column by column
        self.touched: set[Var] = set()  # what is made from these, in whatever order
        self.made: dict[Var, Equation] = {o: e for e in program.equations for o in e.outs}
        self.gain = 0

    def run(self) -> Program:
        gathers = [e for e in self.program.equations if self._is_gather(e)]
        if not gathers or any(e.op.name in _CALLS for e in self.program.equations):
            return self.program
        self._follow()
        return self._written() if self.gain >= FEWEST else self.program

    def _is_gather(self, equation: Equation) -> bool:
        if equation.op.name != "getitem" or equation.params["index"] != (SLOT,) or not _is_table(equation.out):
            return False
        table, index = equation.operands
        return table.type.ndim == 2 and index.type.ndim == 1 and index.type.dtype.kind == "i"

    # -------------------------------------------------------------------------------------------- what is turned

    def _follow(self) -> None:
        buffers = self._buffers()
        for equation in self.program.equations:
            name, tables = equation.op.name, [o for o in equation.operands if _is_table(o)]
            turned = [o for o in tables if o in self.turned]
            if self._is_gather(equation) or (name == "filled" and equation.out in buffers):
                self.turned.add(equation.out)
            elif turned:
                self.gain += self._gains(equation)
                if self._keeps(equation):
                    self.turned.update(out for out in equation.outs if _is_table(out))
            elif equation.op.update is not None and equation.outs and equation.operands[0] in self.turned:
                self.turned.add(equation.out)
            shaping = equation.operands[:1] if equation.op.update is not None else equation.operands
            if any(v in self.turned or v in self.touched for v in (*shaping, *equation.outs)):
                self.touched.update(out for out in equation.outs if out.type.ndim > 1)

    def _buffers(self) -> set[Var]:
        """New tables that are only written column by column."""
        found = {e.out for e in self.program.equations if e.op.name == "filled" and _is_table(e.out)}
        chain = {out: out for out in found}  # the buffer that a table was written into
        for equation in self.program.equations:
            for place, operand in enumerate(equation.operands):
                buffer = chain.get(operand) if isinstance(operand, Var) else None
                if buffer is None:
                    continue
                if equation.op.update is not None and place == 0 and equation.outs:
                    chain[equation.out] = buffer
                    index = equation.params.get("index", (SLOT,))
                    if any(isinstance(entry, Slot) for entry in index) or index[:1] != (Slice(),):
                        found.discard(buffer)
        return found

    def _keeps(self, equation: Equation) -> bool:
        """Whether tables that an operation makes have the order of its operands."""
        name = equation.op.name
        if name == "concatenate":
            return all(o in self.turned or o.type.shape[1:] == (1,) for o in equation.operands)
        if name == "cross":
            return all(_is_table(o) for o in equation.operands)
        if name == "getitem":
            return not any(isinstance(entry, Slot) for entry in equation.params["index"])
        if equation.op.update is not None:
            return equation.operands[0] in self.turned
        return equation.op.elementwise and equation.op.name not in ("copy", "as_array", "astype", "stop_gradient")

    def _gains(self, equation: Equation) -> bool:
        """Whether an operation goes row by row unless its tables are turned."""
        if equation.op.name in ("cross", "einsum"):
            return True
        if equation.op.name == "sum":
            return equation.params["axis"] is not None
        broadcast = any(not isinstance(o, Literal) and o.type.shape and not _is_table(o) for o in equation.operands)
        return equation.op.elementwise and broadcast

    # ------------------------------------------------------------------------------------------ the new program

    def _written(self) -> Program:
        equations: list[Equation] = []
        copies: dict[Var, Var] = {}  # tables that come row by row, column by column
        for equation in self.program.equations:
            mixed = (equation.op.elementwise or equation.op.name == "cross") and any(
                out in self.turned for out in equation.outs
            )
            if mixed:
                equation, before = self._with_columns(equation, copies)
                equations += before
            if equation.op.name == "vdot" and all(o in self.turned for o in equation.operands):
                equation, before = self._column_by_column(equation)
                equations += before
            equations.append(self._turned(equation))
        outputs = list(self.program.outputs)
        for i, output in enumerate(outputs if self.handed_out else ()):
            if isinstance(output, Var) and output in self.touched:
                place = next(n for n, e in enumerate(equations) if output in e.outs)
                copied = _one("copy", [output], equations[place])
                copied.out.name, copied.out.named = output.name, output.named
                equations.insert(place + 1, copied)
                outputs[i] = copied.out
        return replace(self.program, equations=tuple(equations), outputs=tuple(outputs))

    def _with_columns(self, equation: Equation, copies: dict[Var, Var]) -> tuple[Equation, list[Equation]]:
        before: list[Equation] = []
        operands = []
        for operand in equation.operands:
            if isinstance(operand, Var) and _is_table(operand) and operand not in self.turned:
                if operand not in copies:
                    before.append(_one("in_columns", [operand], equation))
                    copies[operand] = before[-1].out
                operand = copies[operand]
            operands.append(operand)
        return replace(equation, operands=tuple(operands)) if before or copies else equation, before

    def _column_by_column(self, equation: Equation) -> tuple[Equation, list[Equation]]:
        """np.vdot(a.T, b.T), which makes no copies, for np.vdot(a, b)."""
        turned = {o: _one("transpose", [o], equation, axes=(1, 0)) for o in equation.operands if isinstance(o, Var)}
        operands = tuple(turned[o].out for o in equation.operands if isinstance(o, Var))
        return replace(equation, operands=operands), list(turned.values())

    def _turned(self, equation: Equation) -> Equation:
        """The equation under the name that it has for tables in columns, with its own results."""
        name = equation.op.name
        if not equation.outs or equation.out not in self.turned:
            return equation
        if name == "filled":
            return replace(equation, op=BY_NAME["filled_columns"])
        if name == "cross":
            return replace(equation, op=BY_NAME["cross_columns"])
        if self._is_gather(equation):
            return replace(equation, op=BY_NAME["take_columns"], params={})
        return equation
