"""1 / n of Python numbers raises for n = 0; where it only meets arrays that are empty then, it is 1 / max(n, 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import expressions as poly
from ..dims import Dim, at_least, expression_of, is_positive
from ..program import Equation, Literal, Program, Var
from ..types import type_of


def divide_by_no_zero(program: Program) -> Program:
    """The program with such divisors kept from 0, as far as the reverse pass wrote them."""
    users: dict[Var, list[Equation]] = {}
    for equation in program.equations:
        for operand in equation.operands:
            if isinstance(operand, Var):
                users.setdefault(operand, []).append(equation)
    outputs = set(program.outputs)

    def is_empty_with(out: Var, den: int) -> bool:
        """Whether the value only meets arrays that have no elements where the divisor is 0."""
        if out.type.shape:
            return not poly.remainder(expression_of(out.type.size), expression_of(den))
        if out in outputs or not out.type.weak or out not in users:
            return False
        return all(len(e.outs) == 1 and is_empty_with(e.out, den) for e in users[out])

    equations = []
    for equation in program.equations:
        den: Any = equation.operands[1].value if _divides_numbers(equation) else None  # type: ignore[union-attr]
        length = type(den) is Dim
        if length and not is_positive(den) and is_empty_with(equation.out, den):
            kept = at_least(den, 1)
            equation = replace(equation, operands=(equation.operands[0], Literal(kept, type_of(kept))))
        equations.append(equation)
    return replace(program, equations=tuple(equations))


def _divides_numbers(equation: Equation) -> bool:
    divides = equation.op.name == "divide" and equation.level > 0 and equation.out.type.weak
    return divides and isinstance(equation.operands[1], Literal)
