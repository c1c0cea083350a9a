"""What the text may be written for besides NumPy: the operations that a target knows, their spelling, and rewrites."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..ir.builder import Rule
from ..ir.op import Op
from ..ir.ops.loops import map_programs
from ..ir.passes.dead_code import eliminate_dead_code
from ..ir.passes.simplify import simplify
from ..ir.program import Atom, Equation, Literal, Program
from ..ir.types import ArrayType

Spelling = str | Callable[..., str] | None  # as Op.python; None: as for NumPy
STRUCTURED = ("scan", "while_loop", "cond")


class Refuse(Exception):
    """A spelling cannot say it: why, and what to write instead."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.reason, self.fix = reason, fix


class OutsideTarget(Exception):
    """A program holds an equation that its target has no text for."""

    def __init__(self, equation: Equation, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.equation, self.reason, self.fix = equation, reason, fix


class Numbers(NamedTuple):
    """How a target writes numbers: a literal by itself, and an operand that is a Python number among arrays."""

    literal: Callable[[Literal], ast.expr]
    operand: Callable[[Equation, int, list[Atom], ast.expr], ast.expr]


@dataclass(frozen=True)
class Target:
    """`rules` rewrite what the target lacks into what it has; `spellings` list all that it has."""

    name: str
    what: str  # as in "... is not in the subset of NumPy that <what>"
    rules: Mapping[str, tuple[Rule, ...]]
    spellings: Mapping[str, Spelling]
    updates: Mapping[str, Spelling]  # statements that write into an array
    numbers: Numbers
    dtype: Callable[[np.dtype[Any]], str]  # how a dtype is written where an array's is compared with it
    scalar: Callable[[str, np.dtype[Any]], str]  # how a number is made one of a dtype
    instead: Mapping[str, str] = field(default_factory=dict)  # what to write instead of an operation that it lacks
    check: Callable[[Equation], None] = lambda equation: None  # raises Refuse
    parameter: str = ""  # the name of a namespace that the function is given in place of NumPy
    containers: tuple[str, ...] = ("tuple", "list", "dict", "namedtuple", "dataclass")  # what arguments may come in
    closures: bool = True  # whether a function may return one
    arrays_alone: bool = False  # results are arrays also where NumPy's text makes Python numbers of them
    lists: bool = False  # nothing is written into an array: no +=, and what a loop collects is a list

    def prepare(self, program: Program) -> Program:
        """The program in operations that the target has; OutsideTarget names the first equation that has none."""
        program = self._rewritten(program)
        if self.arrays_alone:
            program = replace(program, outputs=tuple(_before_conversion(o, program) for o in program.outputs))
        program = eliminate_dead_code(program)
        self._check(program)
        return program

    def _rewritten(self, program: Program) -> Program:
        inside = [
            replace(e, params=map_programs(dict(e.params), self._rewritten))
            if any(isinstance(v, Program) for v in e.params.values())
            else e
            for e in program.equations
        ]
        return eliminate_dead_code(simplify(replace(program, equations=tuple(inside)), dict(self.rules)))

    def _check(self, program: Program) -> None:
        for equation in program.equations:
            try:
                self.check(equation)
                self._spelled(equation)
            except Refuse as refuse:
                raise OutsideTarget(equation, refuse.reason, refuse.fix) from None
            for value in equation.params.values():
                if isinstance(value, Program):
                    self._check(value)

    def _spelled(self, equation: Equation) -> None:
        op, types = equation.op, [o.type for o in equation.operands]
        if op.name in STRUCTURED:
            return
        if op.update is not None and op.name in self.updates:
            self.statement(op, types, equation.params)
        elif op.update is None and op.name in self.spellings:
            self.expression(op, types, equation.params)
        else:
            of = "its derivative needs " if equation.level else ""
            reason = f"{of}{op.name}, which is not in the subset of NumPy that {self.what}"
            raise Refuse(reason, self.instead.get(op.name, ""))

    def expression(self, op: Op, types: list[ArrayType], params: Mapping[str, Any]) -> str:
        """The template of an operation's expression."""
        return _text(self.spellings[op.name], op.python, types, params)

    def statement(self, op: Op, types: list[ArrayType], params: Mapping[str, Any]) -> str:
        """The template of the statement that performs it in place."""
        return _text(self.updates[op.name], op.update, types, params)


def _before_conversion(output: Atom, program: Program) -> Atom:
    """What is made a Python number as the last thing of all."""
    made = next((e for e in program.equations if output in e.outs and e.op.name == "python_number"), None)
    return output if made is None else made.operands[0]


def _text(spelling: Spelling, own: Spelling, types: list[ArrayType], params: Mapping[str, Any]) -> str:
    chosen = own if spelling is None else spelling
    assert chosen is not None
    return chosen if isinstance(chosen, str) else chosen(*types, **params)
