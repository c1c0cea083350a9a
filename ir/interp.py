"""The reference evaluator: each equation by its own meaning, one after the other. The oracle of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .program import Atom, Equation, Literal, Program, Var
from .types import PYTHON_TYPE


def evaluate_equation(equation: Equation, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The results of one equation on concrete operands; a weak result is a Python number, or a list of such."""
    if any(out.type.weak for out in equation.outs):  # Python's arithmetic, in which True is 1
        operands = [int(o) if type(o) is bool else o for o in operands]
    result = equation.op.fun(*operands, **equation.params)
    several = equation.op.several or len(equation.outs) != 1
    results = result if several else (result,)
    return tuple(
        PYTHON_TYPE[out.type.dtype.kind](value) if out.type.weak and not out.type.shape else value
        for out, value in zip(equation.outs, results, strict=True)
    )


def evaluate(program: Program, inputs: Sequence[Any], captures: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The program's outputs for these inputs."""
    values: dict[Var, Any] = dict(zip(program.inputs, inputs, strict=True))
    values.update(zip(program.captures, captures, strict=True))

    def read(atom: Atom) -> Any:
        return atom.value if isinstance(atom, Literal) else values[atom]

    for equation in program.equations:
        try:
            results = evaluate_equation(equation, [read(o) for o in equation.operands])
        except Exception as error:
            vars(error).setdefault("equation", equation)  # the innermost, for whoever looks for the user's line
            raise
        values.update(zip(equation.outs, results, strict=True))
    return tuple(read(o) for o in program.outputs)
