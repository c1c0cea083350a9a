"""One walk that writes the program again through the rewrite rules, with equal equations written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ..builder import Builder, Rule, Value
from ..program import Atom, Equation, Program, Var
from .algebra import RULES


def simplify(
    program: Program, rules: dict[str, tuple[Rule, ...]] = RULES, exactly: Collection[Equation] = ()
) -> Program:
    """The program with every rule of the table applied where it matches, but for the equations that are to be kept
    `exactly` as they are; names and origins stay."""
    kept = set(map(id, exactly))
    builder = Builder(rules)
    renamed: dict[Var, Atom] = {}
    reads = _readers(program)
    written: set[Atom] = set()
    for var in program.inputs:
        builder.inputs.append(var)
        renamed[var] = var
    for var in program.captures:
        builder.captures.append(var)
        renamed[var] = var

    def read(atom: Atom) -> Atom:
        return renamed[atom] if type(atom) is Var else atom

    for equation in program.equations:
        before = len(builder.equations)
        builder._rules = {} if id(equation) in kept else rules
        builder.origin, builder.level = equation.origin, equation.level
        result = builder.again(equation, tuple(map(read, equation.operands)))
        values = result if isinstance(result, tuple) else (result,)
        for out, value in zip(equation.outs, values, strict=True):
            assert value.type == out.type, (equation.op, value.type, out.type)
            renamed[out] = value.atom
            if reads[out] > 1 or value.atom in written:
                builder.shared.add(value.atom)
                for new in builder.equations[before:]:
                    builder.shared.update(new.outs)
            written.add(value.atom)
            made = builder.definition(value)
            later = (
                made.level if made is not None else 0
            ) < equation.level  # d<name> is no name for a value of the forward pass
            if not isinstance(value.atom, Var) or not out.name or later:
                continue
            if not value.atom.name or out.named > value.atom.named:
                value.atom.name, value.atom.named = out.name, out.named
    return builder.program(program.name, [Value(builder, read(o)) for o in program.outputs], program.origin)


def _readers(program: Program) -> Counter[Var]:
    """How many equations and outputs read each value."""
    read: list[Var] = []
    for equation in program.equations:
        read += {a for a in equation.operands if isinstance(a, Var)}
    return Counter([*read, *(o for o in program.outputs if isinstance(o, Var))])
