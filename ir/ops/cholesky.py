"""The adjoint of a Cholesky factor L of K in the cases that log-likelihoods are made of.

With P the symmetric matrix whose lower triangle is that of L^T dL, the cotangent of K is L^-T P L^-1 / 2 (I. Murray,
"Differentiation of the Cholesky decomposition", 2016). A cotangent that comes from a solved system is dL = -u v^T with
L^T u = h, so that L^T dL = -h v^T; one from the diagonal, as of a log-determinant, leaves a diagonal P. Then no
product with L is needed, and where h is a multiple of v none with P.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..batching import stacks
from ..builder import Value
from ..kernels import inverse_of_lower
from ..op import op
from ..program import Equation, Var
from ..sizes import reaches
from ..symmetry import is_symmetric
from ..types import ArrayType
from .linalg import check_square, diagonal, inv, linalg_dtype, solve
from .linear import outer
from .shape import expand_dims, swap_last

DEEPEST = 12  # factors that are looked through, of a third of that many nested sums
MOST = 100  # parts of a cotangent that are told apart
LARGE = 64  # rows from which halves are worth their products


@op(
    name="inverse_of_lower",
    batch=stacks(2),
    fun=inverse_of_lower,
    python="inverse_of_lower({0})",
    helpers=(inverse_of_lower,),
)
def _inverse_of_lower(a: ArrayType) -> ArrayType:
    """The inverse of lower triangular matrices, above whose diagonal there are zeros."""
    check_square(a)
    return ArrayType(a.shape, linalg_dtype(a))


@_inverse_of_lower.vjp
def _inverse_vjp(g: Value, y: Value, a: Value) -> Value:
    """As that of an inverse. What stands above the diagonal is not read, and the adjoint of L reads it no more."""
    return -(swap_last(y) @ g @ swap_last(y))


def inverse_of(lower: Value) -> Value:
    """The inverse of a Cholesky factor."""
    inverse: Value = _inverse_of_lower(lower) if reaches(lower.shape[-1], LARGE + 1) else inv(lower)
    return inverse


def solved(a: Value, b: Value) -> Value:
    """The x of A x = b in an adjoint: with the inverse of a Cholesky factor, which the adjoint of that needs, too."""
    if a.ndim == 2 and a.dtype.kind == "f" and a.dtype == b.dtype:
        turned = _operand(a, "transpose")
        twice = None if turned is None else _operand(turned, "transpose")
        a, turned = (a, turned) if twice is None else (twice, None)
        x = known_solution("solve", turned if turned is not None and is_symmetric(turned) else a, b)
        if x is not None:
            return x
        factor = a if turned is None else turned
        if a.builder.definition(factor, "cholesky") is not None:
            inverse = inverse_of_factor(factor)
            return inverse @ b if turned is None else swap_last(inverse) @ b
    result: Value = solve(a, b)
    return result


def known_solution(name: str, a: Value, b: Value, **params: Any) -> Value | None:
    """The x of A x = b as a multiple of what `name` has solved A for already, if b is that multiple."""
    part = _multiple(b)
    known = a.builder.find(name, a, part.base, **params)
    if known is None or known.type != b.type:
        return None
    return _scaled(known, part.number, part.scalars)


def known_triangular(a: Value, b: Value, trans: int, lower: bool, unit_diagonal: bool) -> Value | None:
    """What was solved already with the same triangle, also where the other one of the transpose was meant."""
    same = {"unit_diagonal": unit_diagonal}
    turned = a.builder.definition(a, "transpose")
    if turned is not None and turned.params["axes"] == (1, 0):
        base = Value(a.builder, turned.operands[0])
        found = known_solution("scipy_solve_triangular", base, b, trans=1 - trans, lower=not lower, **same)
        if found is not None:
            return found
    return known_solution("scipy_solve_triangular", a, b, trans=trans, lower=lower, **same)


def multiple_of_square(x: Value, y: Value, number: float) -> Value | None:
    """number * x y^T if x is a multiple of y, which makes it a symmetric matrix as it is written."""
    part = _multiple(x, number)
    if part.base.atom is not y.atom or y.ndim > 2:
        return None
    return _scaled(outer(y, y) if y.ndim == 1 else y @ swap_last(y), part.number, part.scalars)


def factor_within(c: Value, lower: bool | None = None) -> Value | None:
    """The Cholesky factor of what scipy.linalg.cho_factor gave, beside whose zeros the matrix itself stands."""
    made = c.builder.definition(c, "add")
    if made is None:
        return None
    factor, rest = (Value(c.builder, o) for o in made.operands)
    first = c.builder.definition(factor, "cholesky")
    upper = first is not None and bool(first.params["upper"])
    second = c.builder.definition(rest, "lower_triangle" if upper else "upper_triangle")
    if first is None or second is None or second.params["offset"] != (-1 if upper else 1) or lower is upper:
        return None
    return factor if factor.type == c.type else None


def inverse_of_factor(factor: Value) -> Value:
    """The inverse of what np.linalg.cholesky gave, lower or upper."""
    made = factor.builder.definition(factor, "cholesky")
    if made is not None and made.params["upper"]:
        return swap_last(inverse_of(_transposed(factor)))
    return inverse_of(factor)


def _operand(value: Value, name: str) -> Value | None:
    made = value.builder.definition(value, name)
    return None if made is None else Value(value.builder, made.operands[0])


def _transposed(matrix: Value) -> Value:
    """A^T, the matrix itself where that was transposed already."""
    made = matrix.builder.definition(matrix, "transpose")
    if made is not None and made.params["axes"] == (1, 0):
        return Value(matrix.builder, made.operands[0])
    turned: Value = swap_last(matrix)
    return turned


@dataclass(frozen=True, slots=True)
class _Multiple:
    """number * the numbers of `scalars` * base."""

    number: float
    scalars: tuple[Value, ...]
    base: Value

    def alike(self, other: _Multiple) -> bool:
        same = [s.atom for s in self.scalars] == [s.atom for s in other.scalars]
        return same and self.base.atom is other.base.atom and isinstance(self.base.atom, Var)


def _multiple(value: Value, number: float = 1.0, scalars: tuple[Value, ...] = (), left: int = DEEPEST) -> _Multiple:
    """The value as a multiple of something, with sums of multiples of one thing put together."""
    made = value.builder.definition(value) if left > 0 else None
    operands = [Value(value.builder, o) for o in made.operands] if made is not None else []
    name = "" if made is None else made.op.name
    if name == "negative":
        return _multiple(operands[0], -number, scalars, left - 1)
    if name == "power" and operands[1].literal == 1 and operands[0].type == value.type:
        return _multiple(operands[0], number, scalars, left - 1)  # as the derivative of a square leaves it
    if name in ("multiply", "divide"):
        pairs = [(operands[0], operands[1])] + ([(operands[1], operands[0])] if name == "multiply" else [])
        for rest, factor in pairs:
            if rest.type != value.type or factor.ndim or rest.literal is not None:
                continue
            if isinstance(factor.literal, int | float) and (name == "multiply" or factor.literal != 0):
                scaled = number * factor.literal if name == "multiply" else number / factor.literal
                return _multiple(rest, float(scaled), scalars, left - 1)
            if name == "multiply" and factor.literal is None and value.ndim:
                return _multiple(rest, number, (*scalars, factor), left - 1)
    if name in ("add", "subtract") and all(o.type == value.type for o in operands):
        one, other = (_multiple(o, left=left - DEEPEST // 3) for o in operands)
        if one.alike(other):
            total = one.number + (other.number if name == "add" else -other.number)
            return _Multiple(number * total, (*scalars, *one.scalars), one.base)
    return _Multiple(number, scalars, value)


@dataclass(frozen=True, slots=True)
class _Factor:
    """What np.linalg.cholesky gave: L, or with `upper` L^T."""

    value: Value
    upper: bool

    @property
    def lower(self) -> Value:
        return _transposed(self.value) if self.upper else self.value

    def side(self, a: Value) -> str:
        """Which of the two triangles a matrix is: "lower" for L, "upper" for L^T, else ""."""
        made = _operand(a, "transpose")
        turned = made is not None and made.atom is self.value.atom
        if not turned and a.atom is not self.value.atom:
            return ""
        return "upper" if turned != self.upper else "lower"


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of L^T dL times `number` and `scalars`. `kind` is "outer" or "matmul" for the product of h and v (u is
    L^-T h), "diagonal" for v on the diagonal, a number or a row, "symmetric" for the part v L of dL with a symmetric v;
    of what is of no such kind v is the part of dL."""

    kind: str
    number: float
    scalars: tuple[Value, ...]
    v: Value
    h: Value | None = None
    u: Value | None = None


def _terms(
    dl: Value,
    factor: _Factor,
    number: float = 1.0,
    scalars: tuple[Value, ...] = (),
    turned: bool = False,
    left: int = MOST,
) -> list[_Term]:
    """What the cotangent of L, or with `turned` that of its transpose, adds up."""
    found = _multiple(dl, number, scalars)
    made = dl.builder.definition(found.base) if left > 0 else None
    operands = [Value(dl.builder, o) for o in made.operands] if made is not None else []
    name = "" if made is None else made.op.name
    if name in ("add", "subtract") and all(o.shape == dl.shape for o in operands):
        signed = found.number if name == "add" else -found.number
        return [
            *_terms(operands[0], factor, found.number, found.scalars, turned, left - 1),
            *_terms(operands[1], factor, signed, found.scalars, turned, left - 1),
        ]
    if name == "transpose":
        return _terms(operands[0], factor, found.number, found.scalars, not turned, left - 1)
    if name == ("upper_triangle" if turned else "lower_triangle") and made is not None and made.params["offset"] == 0:
        return _terms(operands[0], factor, found.number, found.scalars, turned, left - 1)  # nothing else of dL counts
    if name == "filled" and made is not None and made.params["value"] == 0:
        return []
    if name == "index_add" and made is not None and _writes_diagonal(made, dl.builder.definitions):
        amount = _multiple(operands[1], found.number, found.scalars)
        rest = _terms(operands[0], factor, found.number, found.scalars, turned, left - 1)
        return [*rest, _Term("diagonal", amount.number, amount.scalars, _by_diagonal(amount.base, factor.value))]
    if name == "matmul" and operands[0].ndim == operands[1].ndim == 2:
        side, symmetric = operands if turned else operands[::-1]
        if factor.side(side) == ("upper" if turned else "lower") and is_symmetric(symmetric):
            return [_Term("symmetric", found.number, found.scalars, symmetric)]
    transposed = _operand(operands[1], "transpose") if name == "matmul" and operands[0].ndim == 2 else None
    if name == "outer" or (transposed is not None and transposed.ndim == 2):
        u, v = operands[0], operands[1] if transposed is None else transposed
        u, v = (v, u) if turned else (u, v)
        solution = _multiple(u)
        h = _solved_for(solution.base, factor)
        if h is not None:
            both = (found.number * solution.number, (*found.scalars, *solution.scalars))
            return [_Term(name, *both, v, h, solution.base)]
    return [_Term("", found.number, found.scalars, swap_last(found.base) if turned else found.base)]


def _writes_diagonal(made: Equation, definitions: dict[Var, Equation]) -> bool:
    base, _, *places = made.operands
    rows = [definitions.get(p) if isinstance(p, Var) else None for p in places]
    if len(rows) != 2 or base.type.ndim != 2:
        return False
    whole = {"start": 0, "stop": base.type.shape[0], "step": 1}
    return all(r is not None and r.op.name == "arange" and dict(r.params) == whole for r in rows)


def _by_diagonal(amount: Value, factor: Value) -> Value:
    """amount * diagonal(L), without the product where the amount was divided by it."""
    quotient = amount.builder.definition(amount, "divide")
    if quotient is not None:
        c, d = (Value(amount.builder, o) for o in quotient.operands)
        if _is_diagonal_of(d, factor):
            return c
    return amount * diagonal(factor)


def _is_diagonal_of(d: Value, factor: Value) -> bool:
    made = d.builder.definition(d, "diagonal")
    plain = {"offset": 0, "axis1": 0, "axis2": 1}
    return made is not None and made.operands[0] is factor.atom and dict(made.params) == plain


def _solved_for(u: Value, factor: _Factor) -> Value | None:
    """The h of L^T u = h, if u was made so."""
    made = u.builder.definition(u)
    if made is None or made.op.name not in ("solve", "matmul", "scipy_solve_triangular"):
        return None
    a, h = (Value(u.builder, o) for o in made.operands)
    if h.ndim not in (1, 2):
        return None
    if made.op.name == "matmul":
        turned = _operand(a, "transpose")
        a = a if turned is None else turned
        inverse = u.builder.definition(a)
        if inverse is None or inverse.op.name not in ("inverse_of_lower", "inv"):
            return None
        side = factor.side(Value(u.builder, inverse.operands[0]))
        wanted = "upper" if turned is None else "lower"
    else:
        side, wanted = factor.side(a), "upper"
        if made.op.name == "scipy_solve_triangular":
            if made.params["trans"]:
                wanted = "lower"
            if made.params["unit_diagonal"] or made.params["lower"] != (wanted == "lower"):
                return None
    return h if side == wanted else None


def by_structure(dl: Value, value: Value, upper: bool = False) -> Value | None:
    """The symmetric cotangent of K for real matrices, from that of `value`, which is L, or L^T with `upper`; None where
    nothing of it is of a known kind."""
    if value.ndim != 2 or value.dtype.kind != "f" or dl.dtype != value.dtype:
        return None
    from .decompositions import hermitian_part_read

    factor = _Factor(value, upper)
    terms = _terms(dl, factor, turned=upper)
    if not any(term.kind for term in terms):
        return None
    lower = factor.lower
    parts: list[Value] = []
    unsymmetric: list[Value] = []  # of P
    others: list[Value] = []  # of dL
    for term in terms:
        if not term.kind:
            others.append(_scaled(term.v, term.number, term.scalars))
        elif term.kind == "symmetric":
            parts.append(_scaled(term.v, 0.5 * term.number, term.scalars))
        elif term.h is None or term.u is None:
            parts.append(_by_inverse(term, inverse_of(lower)))
        else:
            square = _square(term, term.h, term.u, lower)
            product = outer(term.h, term.v) if term.kind == "outer" else term.h @ swap_last(term.v)
            if square is None:
                unsymmetric.append(_scaled(product, term.number, term.scalars))
            else:
                parts.append(square)
    if others:
        unsymmetric.append(swap_last(lower) @ _sum(others))
    if unsymmetric:
        inverse = inverse_of(lower)
        symmetric = hermitian_part_read(_sum(unsymmetric), upper=False)
        parts.append(0.5 * (swap_last(inverse) @ symmetric @ inverse))
    return _sum(parts)


def _by_inverse(term: _Term, inverse: Value) -> Value:
    """L^-T P L^-1 / 2 for a diagonal P."""
    if not term.v.ndim:
        return _scaled(swap_last(inverse) @ inverse, 0.5 * term.number, (term.v, *term.scalars))
    weighted = expand_dims(term.v, axis=(1,)) * inverse
    return _scaled(swap_last(inverse) @ weighted, 0.5 * term.number, term.scalars)


def _square(term: _Term, h: Value, u: Value, lower: Value) -> Value | None:
    """L^-T P L^-1 / 2 for P = h v^T, if h and v are multiples of one thing."""
    first, second = _multiple(h), _multiple(term.v)
    if first.base.atom is not second.base.atom:
        return None
    number, scalars = term.number * second.number, (*term.scalars, *second.scalars)
    if first.scalars or not first.number:
        number, scalars = number * first.number, (*scalars, *first.scalars)
        u = swap_last(inverse_of(lower)) @ first.base
    else:
        number /= first.number  # u is that multiple of what the thing itself gives
    return _scaled(outer(u, u) if term.kind == "outer" else u @ swap_last(u), 0.5 * number, scalars)


def _sum(parts: list[Value]) -> Value:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _scaled(part: Value, number: float, scalars: tuple[Value, ...]) -> Value:
    coefficient: Any = number
    for scalar in scalars:
        coefficient = coefficient * (scalar.literal if isinstance(scalar.literal, int | float) else scalar)
    one = isinstance(coefficient, int | float) and coefficient == 1
    return part if one else coefficient * part
