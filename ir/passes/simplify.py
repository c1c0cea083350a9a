"""One walk that writes the program again through the rewrite rules, with equal equations written once."""

from __future__ import annotations

from collections import Counter

from ..builder import Builder, Rule, Value
from ..program import Atom, Program, Var
from .algebra import RULES


def simplify(program: Program, rules: dict[str, tuple[Rule, ...]] = RULES) -> Program:
    """The program with every rule of the table applied where it matches; names and origins stay."""
    builder = Builder(rules)
    renamed: dict[Var, Atom] = {}
    reads = Counter(a for e in program.equations for a in e.operands if isinstance(a, Var))
    reads.update(o for o in program.outputs if isinstance(o, Var))
    written: set[Atom] = set()
    for var in program.inputs:
        builder.inputs.append(var)
        renamed[var] = var
    for var in program.captures:
        builder.captures.append(var)
        renamed[var] = var

    def read(atom: Atom) -> Value:
        return Value(builder, renamed[atom] if isinstance(atom, Var) else atom)

    for equation in program.equations:
        before = len(builder.equations)
        with builder.at(equation.origin, equation.level):
            result = builder.emit(equation.op, *map(read, equation.operands), **equation.params)
        values = result if isinstance(result, tuple) else (result,)
        for out, value in zip(equation.outs, values, strict=True):
            assert value.type == out.type, (equation.op, value.type, out.type)
            renamed[out] = value.atom
            if reads[out] > 1 or value.atom in written:
                builder.shared.update((value.atom, *(o for e in builder.equations[before:] for o in e.outs)))
            written.add(value.atom)
            made = builder.definition(value)
            later = (
                made.level if made is not None else 0
            ) < equation.level  # d<name> is no name for a value of the forward pass
            if not isinstance(value.atom, Var) or not out.name or later:
                continue
            if not value.atom.name or out.named > value.atom.named:
                value.atom.name, value.atom.named = out.name, out.named
    return builder.program(program.name, [read(o) for o in program.outputs], program.origin)
