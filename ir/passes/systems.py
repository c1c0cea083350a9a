"""Factors of matrices, and systems of which more is known than np.linalg.solve and np.linalg.inv ask for.

np.linalg.solve factorizes what is a factor already. For a triangular matrix substitution is as accurate, and takes a
tenth of the time; it may round differently, so the user's own systems, on level 0, are solved so only where they are
large, and where no guard looks at them.
"""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..ops.cholesky import factor_within
from ..program import Atom, Equation, Program, Var
from ..symmetry import is_symmetric
from .dead_code import guards_only

SMALL = 64  # rows up to which np.linalg.solve takes no longer
MANY = 4  # times as many right sides as rows are many
LARGE = 1 << 20  # bytes of a matrix of the user's own that is not factorized again


def diagonal_of_factor(builder: Builder, x: Value, *, offset: int, axis1: int, axis2: int) -> Value | None:
    """diagonal(L + triu(K, 1)) = diagonal(L), as of what scipy.linalg.cho_factor gives."""
    factor = factor_within(x) if offset == 0 else None
    if factor is None:
        return None
    diagonal: Value = builder.emit(BY_NAME["diagonal"], factor, offset=offset, axis1=axis1, axis2=axis2)
    return diagonal


FACTOR_RULES: dict[str, tuple[Rule, ...]] = {"diagonal": (diagonal_of_factor,)}


def solve_by_structure(program: Program) -> Program:
    """The program with large systems solved by what is known of their matrices."""
    if not any(e.op.name in ("solve", "inv") for e in program.equations):
        return program
    guarding = {id(e) for e in guards_only(program).equations}
    builder = Builder()
    builder.definitions.update((out, e) for e in program.equations for out in e.outs)
    inverses: dict[Atom, Var] = {}
    factors: dict[Atom, Equation] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        written = [equation]
        if equation.op.name in ("solve", "inv") and id(equation) not in guarding and _is_large(equation):
            written = _by_structure(builder, equation, inverses, factors)
        if equation.op.name == "cholesky":
            factors[equation.operands[0]] = equation
        if equation.op.name in ("inv", "inverse_of_lower"):
            inverses[equation.operands[0]] = equation.out
        equations += written
    return replace(program, equations=tuple(equations))


def _is_large(equation: Equation) -> bool:
    """Whether the matrix is one, and large enough; of the backward pass also a stack with many right sides."""
    a = equation.operands[0].type
    if not all(isinstance(n, int) and n >= 0 for n in a.shape):
        return False
    if a.ndim == 2:
        return bool(a.shape[0] > SMALL if equation.level > 0 else a.size * a.dtype.itemsize >= LARGE)
    return equation.op.name == "solve" and equation.level > 0 and _has_many_sides(equation)


def _has_many_sides(equation: Equation) -> bool:
    """Whether a product with the inverse is quicker, which is once computed and then multiplied by BLAS."""
    a, b = (o.type for o in equation.operands)
    alike = a.ndim == b.ndim and a.dtype == b.dtype and isinstance(b.shape[-1], int)
    return bool(alike and b.shape[-1] >= MANY * a.shape[-1] and b.shape[-1] >= SMALL)


def _by_structure(
    builder: Builder, equation: Equation, inverses: dict[Atom, Var], factors: dict[Atom, Equation]
) -> list[Equation]:
    matrix = equation.operands[0]
    side = _side(builder, matrix)
    if equation.op.name == "inv":
        if side == "lower" and matrix.type.dtype == equation.out.type.dtype:
            return [replace(equation, op=BY_NAME["inverse_of_lower"])]
        if equation.level > 0 and matrix.type.dtype.kind == "f" and is_symmetric(Value(builder, matrix)):
            return _by_factor(equation, factors.get(matrix)) or [replace(equation, op=BY_NAME["inverse_of_symmetric"])]
    elif equation.operands[1].type.ndim <= 2:
        if side:
            return [replace(equation, op=BY_NAME[f"solve_{side}"])]
        if equation.level > 0:
            return _by_inverse(builder, equation, inverses) or [equation]
    elif matrix.type.ndim > 2:
        return _inverted(builder, equation)
    return [equation]


def _by_factor(equation: Equation, made: Equation | None) -> list[Equation]:
    """The inverse of a matrix of which there is a Cholesky factor, L^-T L^-1."""
    if made is None or made.out.type != equation.out.type:
        return []
    writer = Builder()
    with writer.at(equation.origin, equation.level):
        factor = Value(writer, made.out)
        lower = BY_NAME["transpose"](factor, axes=(1, 0)) if made.params["upper"] else factor
        inverse = BY_NAME["inverse_of_lower"](lower)
        BY_NAME["transpose"](inverse, axes=(1, 0)) @ inverse
    return [*writer.equations[:-1], replace(writer.equations[-1], outs=equation.outs)]


def _by_inverse(builder: Builder, equation: Equation, inverses: dict[Atom, Var]) -> list[Equation]:
    """A system of the backward pass whose matrix, or its transpose, was inverted already."""
    matrix, b = equation.operands
    turned = builder.definition(Value(builder, matrix), "transpose")
    found = inverses.get(matrix if turned is None else turned.operands[0])
    if found is None or b.type.dtype != found.type.dtype:
        return []
    if turned is None:
        return [replace(equation, op=BY_NAME["matmul"], operands=(found, b), params={})]
    back = replace(turned, operands=(found,), outs=(Var(found.type),), origin=equation.origin, level=equation.level)
    return [back, replace(equation, op=BY_NAME["matmul"], operands=(back.out, b), params={})]


def _inverted(builder: Builder, equation: Equation) -> list[Equation]:
    """Small systems of the backward pass with many right sides, by the inverses."""
    a, b = equation.operands
    writer = Builder()
    turned = builder.definition(Value(builder, a), "transpose")
    n = a.type.ndim
    with writer.at(equation.origin, equation.level):
        if turned is not None and turned.params["axes"] == (*range(n - 2), n - 1, n - 2):
            inverse = BY_NAME["inv"](Value(writer, turned.operands[0]))
            product = BY_NAME["transpose"](inverse, axes=turned.params["axes"]) @ Value(writer, b)
        else:
            product = BY_NAME["inv"](Value(writer, a)) @ Value(writer, b)
    if product.type != equation.out.type:
        return [equation]
    return [*writer.equations[:-1], replace(writer.equations[-1], outs=equation.outs)]


def _side(builder: Builder, matrix: Atom) -> str:
    """Which triangle holds the whole matrix, "" if that is not known."""
    made = builder.definition(Value(builder, matrix))
    if made is None or matrix.type.ndim != 2:
        return ""
    name, params = made.op.name, made.params
    if name == "transpose":
        return {"lower": "upper", "upper": "lower", "": ""}[_side(builder, made.operands[0])]
    if name == "cholesky":
        return "upper" if params["upper"] else "lower"
    if name == "lower_triangle" and params["offset"] <= 0:
        return "lower"
    return "upper" if name == "upper_triangle" and params["offset"] >= 0 else ""
