"""Large products of the user's own as BLAS does them: np.einsum is slower, and a trace needs no whole product.

They may round differently, so what a guard looks at is left as it is written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..ops.contraction import contract, is_plain
from ..program import Atom, Equation, Program, Var
from .dead_code import eliminate_dead_code, guards_only

LARGE = 1 << 20  # bytes of an operand, or of a result, from which on it is done so


def multiply_large(program: Program) -> Program:
    """The program with its large einsums as matrix products, and traces of products without these."""
    if not any(e.op.name in ("einsum", "trace") for e in program.equations):
        return program
    guarding = {id(e) for e in guards_only(program).equations}
    definition = program.definitions()
    uses = Counter(o for e in program.equations for o in e.operands if isinstance(o, Var))
    uses.update(o for o in program.outputs if isinstance(o, Var))
    builder = Builder()
    equations: list[Equation] = []
    for equation in program.equations:
        first = len(builder.equations)
        result = None
        if id(equation) not in guarding:
            with builder.at(equation.origin, equation.level):
                if equation.op.name == "einsum" and equation.level == 0:
                    result = _contracted(builder, equation)
                elif equation.op.name == "trace":
                    result = _trace_of_product(builder, equation, definition, uses)
        made = builder.equations[first:]
        if result is None or not made or made[-1].outs != (result.atom,) or result.type != equation.out.type:
            equations.append(equation)
        else:
            equations += [*made[:-1], replace(made[-1], outs=equation.outs)]
    return eliminate_dead_code(replace(program, equations=tuple(equations)))


def _is_large(atom: Atom) -> bool:
    shape = atom.type.shape
    known = all(isinstance(n, int) and n >= 0 for n in shape)
    return known and bool(atom.type.size * atom.type.dtype.itemsize >= LARGE)


def _contracted(builder: Builder, equation: Equation) -> Value | None:
    """np.einsum of two large factors, which does not ask BLAS unless it is told to, as a product of matrices."""
    if equation.params["optimize"] or len(equation.operands) != 2 or equation.out.type.dtype.kind not in "fc":
        return None
    if not any(map(_is_large, (*equation.operands, equation.out))):
        return None
    values = [Value(builder, o) for o in equation.operands]
    inputs, target = equation.params["subscripts"].split("->")
    terms = inputs.split(",")
    same = all(v.dtype == equation.out.type.dtype and not v.type.weak for v in values)
    if not same or equation.out.type.dtype.itemsize < 4 or not is_plain(values, terms):
        return None
    inner = set(terms[0]) & set(terms[1]) - set(target)
    left, right = (set(t) - set(other) for t, other in zip(terms, reversed(terms), strict=True))
    if not (inner and left & set(target) and right & set(target)):
        return None  # no matrix product
    return contract(values, terms, target)


def _trace_of_product(
    builder: Builder, equation: Equation, definition: dict[Var, Equation], uses: Counter[Var]
) -> Value | None:
    """trace(A @ B) = sum(A * B.T), where nothing else reads the product."""
    x = equation.operands[0]
    made = definition.get(x) if isinstance(x, Var) else None
    if made is None or made.op.name != "matmul" or uses[made.out] != 1 or made.out.type.ndim != 2:
        return None
    plain = equation.params["offset"] == 0 and {equation.params["axis1"] % 2, equation.params["axis2"] % 2} == {0, 1}
    a, b = (Value(builder, o) for o in made.operands)
    if not plain or a.ndim != 2 or b.ndim != 2 or a.dtype != b.dtype or a.dtype.kind not in "fc":
        return None
    if a.dtype.itemsize < 4 or a.shape != b.shape[::-1] or not any(map(_is_large, (*made.operands, made.out))):
        return None
    total: Value = BY_NAME["einsum"](a, b, subscripts="ij,ji->", optimize=False)
    return total
