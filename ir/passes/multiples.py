"""Several multiples of one array in the backward pass, made of one of them: 400 * d * a beside 200 * d.

On small arrays a number times an array takes half as long again as an array times an array, since NumPy makes an array
of the number first. What the products have in common is taken out where a sum has it too: -2 * b - 400 * d * a is
-2 * (b + (200 * d) * a).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..builder import literal
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from ..sizes import is_small
from .simplify import simplify

MOST = 8  # times as large a multiple may be as that which it is made of


def share_multiples(program: Program) -> Program:
    """The program with larger multiples that a product reads made of the smallest one, where there are several."""
    definition = {e.out: e for e in program.equations if e.op.name == "multiply"}
    known: dict[Var, set[float]] = {}
    for e in definition.values():
        found = _multiple(e)
        if found is not None:
            known.setdefault(found[1], set()).add(abs(found[0]))
    if all(len(numbers) < 2 for numbers in known.values()):
        return program
    uses = program.use_counts()
    equations: list[Equation] = []
    for e in program.equations:
        equations += _shared(e, definition, known, uses) or [e]
    if len(equations) == len(program.equations):
        return program
    return simplify(replace(program, equations=tuple(equations)))


def _multiple(e: Equation) -> tuple[float, Var] | None:
    """c and x of a product c * x of a number in the text and a small array."""
    c, x = e.operands
    if not isinstance(c, Literal) or type(c.value) not in (int, float) or not isinstance(x, Var) or not c.type.weak:
        return None
    plain = e.level > 0 and is_small(x.type) and x.type == e.out.type and x.type.dtype.name in ("float32", "float64")
    return (c.value, x) if plain and c.value else None


def _shared(
    e: Equation, definition: Mapping[Var, Equation], known: Mapping[Var, set[float]], uses: Mapping[Var, int]
) -> list[Equation] | None:
    """(c * x) * y as r * ((c / r * x) * y), where c / r * x is there too."""
    if e.op.name != "multiply" or e.level == 0:
        return None
    for place, operand in enumerate(e.operands):
        made = definition.get(operand) if isinstance(operand, Var) else None
        found = _multiple(made) if made is not None and not made.out.named and uses[made.out] == 1 else None
        if found is None:
            continue
        c, x = found
        smallest = min(known[x])
        ratio = c / smallest
        if smallest == abs(c) or ratio != int(ratio) or abs(ratio) > MOST or x.type != e.out.type:
            continue
        base, inner = Var(x.type), Var(e.out.type)
        operands = list[Atom](e.operands)
        operands[place] = base
        multiply = BY_NAME["multiply"]
        return [
            Equation(multiply, (_number(smallest), x), {}, (base,), e.origin, e.level),
            replace(e, operands=tuple(operands), outs=(inner,)),
            replace(e, operands=(_number(ratio), inner)),
        ]
    return None


def _number(value: float) -> Literal:
    return literal(int(value) if value == int(value) else value)
