"""The verifier: every value is assigned once, before it is read, with the type that its operation gives."""

from __future__ import annotations

from .program import Equation, Program, Var
from .text import Names, print_equation


class InvalidProgram(ValueError):
    """A program breaks a rule of the representation; the message shows the equation, its neighbours and its origin."""


def check(program: Program) -> Program:
    """The program itself, if it is well formed; raises InvalidProgram otherwise."""
    known: set[Var] = set()
    for var in (*program.inputs, *program.captures):
        if var in known:
            raise InvalidProgram(f"{program.name}: the input {var.name!r} is listed twice")
        known.add(var)
    for number, equation in enumerate(program.equations):
        problem = _problem(equation, known)
        if problem:
            raise InvalidProgram(_explain(program, number, problem))
        known.update(equation.outs)
        for inner in equation.params.values():
            if isinstance(inner, Program):
                check(inner)
    for output in program.outputs:
        if isinstance(output, Var) and output not in known:
            raise InvalidProgram(f"{program.name}: the output {output.name or '?'} is never assigned")
    return program


def _problem(equation: Equation, known: set[Var]) -> str:
    for operand in equation.operands:
        if isinstance(operand, Var) and operand not in known:
            return f"reads {operand.name or 'a value'} before it is assigned"
    for out in equation.outs:
        if out in known:
            return f"assigns {out.name or 'a value'} a second time"
    if tuple(equation.params) != equation.op.keywords:
        return f"has the params {tuple(equation.params)}, not {equation.op.keywords}"
    try:
        inferred = equation.op.infer(*(o.type for o in equation.operands), **equation.params)
    except (TypeError, ValueError, IndexError) as error:
        return f"does not type: {error}"
    types = inferred if isinstance(inferred, tuple) else (inferred,)
    declared = tuple(out.type for out in equation.outs)
    if types != declared:
        return f"is declared {', '.join(map(str, declared))} but gives {', '.join(map(str, types))}"
    return ""


def _explain(program: Program, number: int, problem: str) -> str:
    names = Names(program)
    lines = [f"{program.name}: equation {number} {problem}"]
    for i in range(max(0, number - 2), min(len(program.equations), number + 3)):
        lines.append(f"{'>' if i == number else ' '} {i:4}  {print_equation(program.equations[i], names)}")
    origin = program.equations[number].origin
    if origin is not None:
        lines.append(f"from {origin}: {origin.statement}")
    return "\n".join(lines)
