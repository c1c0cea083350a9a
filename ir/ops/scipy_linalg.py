"""scipy.linalg: triangular systems, factorizations to solve with, and functions of matrices.

Where NumPy has the same function, a call of SciPy's becomes NumPy's (linalg.py, decompositions.py); here is the rest.
Conventions as in linalg.py: cotangents are transposed without conjugation, so that a holomorphic function has the same
rule for real and complex matrices. N. Higham, "Functions of Matrices" (2008), is the source for expm, logm and sqrtm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..batching import stacks, stacks_in_full
from ..builder import Value
from ..indexing import Slice
from ..op import Op, of_module, register
from ..types import ArrayType, broadcast_shapes, result_dtype
from .cholesky import known_solution, known_triangular, multiple_of_square
from .decompositions import off_diagonal, read_triangle
from .elementwise import astype
from .indexing import getitem
from .linalg import (
    add_up,
    adjoint,
    check_square,
    check_stacked,
    columns,
    conj,
    diag,
    eye,
    lower_triangle,
    real_dtype,
    rows,
    system_batch,
    upper_triangle,
)
from .linear import outer
from .shape import concatenate, squeeze, swap_last, zeros

LINALG = ("scipy.linalg",)


def scipy_dtype(*types: ArrayType) -> np.dtype[Any]:
    """What scipy.linalg computes in: integers become float64, half precision float32."""
    dtype = result_dtype(*(t.strong() for t in types))
    if dtype.kind not in "fc":
        return np.dtype(float)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _computed(*types: ArrayType, narrow: bool = True) -> np.dtype[Any]:
    """The dtype of a result; half precision is for the caller to cast, and single precision if not `narrow`."""
    for type_ in types:
        if type_.dtype == np.float16 or (not narrow and type_.dtype.name in ("float32", "complex64")):
            raise TypeError(f"array type {type_.dtype.name} is unsupported in scipy.linalg")
    return scipy_dtype(*types)


def _record(name: str, infer: Callable[..., Any], text: Any, fun: Any = None, called: str = "", **fields: Any) -> Op:
    called = called or name
    meaning = fun or of_module("scipy.linalg", called)
    return register(Op(f"scipy_{name}", meaning, infer, text, imports=LINALG, **fields))


def _keywords(**given: tuple[Any, Any]) -> str:
    """Those keywords of a call that are not its defaults."""
    return "".join(f", {name}={value!r}" for name, (value, default) in given.items() if value != default)


def _solution(a: ArrayType, b: ArrayType) -> tuple[int, ...]:
    check_square(a)
    if b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"shapes of a {a.shape} and b {b.shape} are incompatible")
    if b.ndim == 1:
        return a.shape[:-1]
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])


def _pair(u: Value, v: Value, vectors: bool) -> Value:
    """u v^T, of vectors or of matrices of columns."""
    product: Value = (outer(u, v) if u.ndim == 1 else columns(u) * rows(v)) if vectors else u @ swap_last(v)
    return product


# ---------------------------------------------------------------------------------------------- triangular systems


def _solve_triangular_type(
    a: ArrayType, b: ArrayType, *, trans: int = 0, lower: bool = False, unit_diagonal: bool = False
) -> ArrayType:
    return ArrayType(_solution(a, b), _computed(a, b))


def _solve_triangular_text(a: ArrayType, b: ArrayType, *, trans: int, lower: bool, unit_diagonal: bool) -> str:
    said = _keywords(trans=("NTC"[trans], "N"), lower=(lower, False), unit_diagonal=(unit_diagonal, False))
    return f"scipy.linalg.solve_triangular({{0}}, {{1}}{said})"


solve_triangular = _record("solve_triangular", _solve_triangular_type, _solve_triangular_text, batch=system_batch)


@solve_triangular.vjp
def solve_triangular_vjp(
    g: Value, y: Value, a: Value, b: Value, *, trans: int, lower: bool, unit_diagonal: bool
) -> tuple[Value, Value]:
    """As of any system (Giles 2.3.1); the elements that are not read get no gradient."""
    keywords = {"lower": lower, "unit_diagonal": unit_diagonal}
    vectors = b.ndim == 1
    stacked = vectors and a.ndim > 2  # one vector for a stack of matrices
    right = columns(g) if stacked else g
    if trans == 2:
        db = conj(solve_triangular(a, conj(right), trans=0, **keywords))
    else:
        known = known_triangular(a, right, 1 - trans, **keywords)
        db = solve_triangular(a, right, trans=1 - trans, **keywords) if known is None else known
    if stacked:
        db = squeeze(db, axis=(db.ndim - 1,))
    da = -(_pair(db, y, vectors) if trans == 0 else _pair(y, db, vectors))
    da = conj(da) if trans == 2 else da
    side, offset = (lower_triangle, -1) if lower else (upper_triangle, 1)
    return side(da, offset=offset if unit_diagonal else 0), db


def _cho_solve(c: Any, b: Any, *, lower: bool) -> Any:
    return of_module("scipy.linalg", "cho_solve")((c, lower), b)


def _cho_solve_type(c: ArrayType, b: ArrayType, *, lower: bool) -> ArrayType:
    return ArrayType(_solution(c, b), _computed(c, b))


cho_solve = _record(
    "cho_solve",
    _cho_solve_type,
    lambda c, b, *, lower: f"scipy.linalg.cho_solve(({{0}}, {lower}), {{1}})",
    _cho_solve,
    batch=system_batch,
)


@cho_solve.vjp
def cho_solve_vjp(g: Value, y: Value, c: Value, b: Value, *, lower: bool) -> tuple[Value, Value]:
    """A = L L^H: dA = -db x^T as of any system, and from there to the triangle that is read."""
    stacked = b.ndim == 1 and c.ndim > 2  # one vector for a stack of matrices
    right = conj(columns(g) if stacked else g)
    found = known_solution("scipy_cho_solve", c, right, lower=lower)
    db = conj(cho_solve(c, right, lower=lower) if found is None else found)
    db = squeeze(db, axis=(db.ndim - 1,)) if stacked else db
    whole = _pair(db, y, b.ndim == 1)
    if c.dtype.kind != "c" and whole.dtype.kind != "c":
        squared = None if found is None else multiple_of_square(found, y, 2)
        both = whole + swap_last(whole) if squared is None else squared
        if lower:
            return -lower_triangle(both @ _triangle(c, lower)), db
        return -upper_triangle(_triangle(c, lower) @ both), db
    if lower:
        factor = lower_triangle(c)
        return -lower_triangle(whole @ conj(factor) + conj(swap_last(whole) @ factor)), db
    factor = upper_triangle(c)
    return -upper_triangle(conj(factor) @ whole + conj(factor @ swap_last(whole))), db


def _triangle(c: Value, lower: bool) -> Value:
    """The triangle of a factor that is read: all of it, if there are zeros elsewhere."""
    made = c.builder.definition(c, "cholesky")
    if made is not None and made.params["upper"] != lower:
        return c
    part: Value = lower_triangle(c) if lower else upper_triangle(c)
    return part


# --------------------------------------------------------------------------------------------------------------- LU


def _lu_type(a: ArrayType) -> tuple[ArrayType, ...]:
    check_stacked(a)
    dtype, (m, n), batch = _computed(a), a.shape[-2:], a.shape[:-2]
    k = min(m, n)
    return (
        ArrayType((*batch, m, m), real_dtype(dtype)),
        ArrayType((*batch, m, k), dtype),
        ArrayType((*batch, k, n), dtype),
    )


lu = _record("lu", _lu_type, "scipy.linalg.lu({0})", batch=stacks(2), several=True, results=("P", "L", "U"))


@lu.vjp
def lu_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value) -> tuple[Value | None]:
    """F. de Hoog, R. Anderssen and M. Lukas, "Differentiation of matrix functionals using triangular factorization"
    (2011); what a wide or tall matrix has beyond its square part is a triangular system."""
    p, lower, upper = ys
    _, dl, du = gs
    if dl is None and du is None:
        return (None,)
    m, n = a.shape[-2:]
    k = min(m, n)
    rest: Value | None = None
    if m > n:
        tail = _rows(lower, k, None)
        lower = _rows(lower, 0, k)
        if dl is not None:
            rest = _over(_rows(dl, k, None), upper)
            dl = _rows(dl, 0, k)
            du = add_up([du, -(swap_last(tail) @ rest)])
        else:
            rest = zeros(tail)
    elif m < n:
        tail = _columns(upper, k, None)
        upper = _columns(upper, 0, k)
        if du is not None:
            rest = solve_triangular(lower, _columns(du, k, None), trans=1, lower=True, unit_diagonal=True)
            du = _columns(du, 0, k)
            dl = add_up([dl, -(rest @ swap_last(tail))])
        else:
            rest = zeros(tail)
    total = _lu_square(dl, du, lower, upper)
    if rest is not None:
        total = concatenate(total, rest, axis=-2 if m > n else -1)
    return (p @ total,)


def _lu_square(dl: Value | None, du: Value | None, lower: Value, upper: Value) -> Value:
    """L^-T (tril(L^T dL, -1) + triu(dU U^T)) U^-T."""
    middle = add_up(
        [
            None if dl is None else lower_triangle(swap_last(lower) @ dl, offset=-1),
            None if du is None else upper_triangle(du @ swap_last(upper)),
        ]
    )
    assert middle is not None
    turned: Value = solve_triangular(lower, _over(middle, upper), trans=1, lower=True, unit_diagonal=True)
    return turned


def _over(x: Value, upper: Value) -> Value:
    """x U^-T."""
    divided: Value = swap_last(solve_triangular(upper, swap_last(x)))
    return divided


def _rows(x: Value, start: int, stop: int | None) -> Value:
    part: Value = getitem(x, index=(Ellipsis, Slice(start or None, stop), Slice()))
    return part


def _columns(x: Value, start: int, stop: int | None) -> Value:
    part: Value = getitem(x, index=(Ellipsis, Slice(start or None, stop)))
    return part


def _lu_factor_type(a: ArrayType) -> tuple[ArrayType, ArrayType]:
    check_square(a)
    return ArrayType(a.shape, _computed(a)), ArrayType(a.shape[:-1], np.dtype(np.int32))


lu_factor = _record(
    "lu_factor",
    _lu_factor_type,
    "scipy.linalg.lu_factor({0})",
    batch=stacks(2),
    several=True,
    owns=False,
    results=("lu", "piv"),
)


@lu_factor.vjp
def lu_factor_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value) -> tuple[Value | None]:
    """As `lu_vjp`; P L^-T is A^-T U^T, so that no permutation has to be written out."""
    g = gs[0]
    if g is None:
        return (None,)
    both, pivots = ys
    lower = lower_triangle(both, offset=-1) + eye(both, both.shape[-1])
    upper = upper_triangle(both)
    middle = lower_triangle(swap_last(lower) @ g, offset=-1) + upper_triangle(g @ swap_last(upper))
    da: Value = lu_solve(both, swap_last(upper) @ _over(middle, upper), pivots, trans=1)
    return (da,)


def _lu_solve(both: Any, b: Any, pivots: Any, *, trans: int) -> Any:
    return of_module("scipy.linalg", "lu_solve")((both, pivots), b, trans)


def _lu_solve_type(both: ArrayType, b: ArrayType, pivots: ArrayType, *, trans: int = 0) -> ArrayType:
    return ArrayType(_solution(both, b), _computed(both, b))


lu_solve = _record(
    "lu_solve",
    _lu_solve_type,
    lambda both, b, pivots, *, trans: f"scipy.linalg.lu_solve(({{0}}, {{2}}), {{1}}{_keywords(trans=(trans, 0))})",
    _lu_solve,
    batch=system_batch,
)


@lu_solve.vjp
def lu_solve_vjp(
    g: Value, y: Value, both: Value, b: Value, pivots: Value, *, trans: int
) -> tuple[Value, Value, Value | None]:
    """db = A^-T g; the factors' cotangents are those of the two triangular systems that are solved."""
    vectors = b.ndim == 1
    if vectors and both.ndim > 2:  # one vector for a stack of matrices
        d_both, db, _ = lu_solve_vjp(columns(g), columns(y), both, columns(b), pivots, trans=trans)
        return d_both, squeeze(db, axis=(db.ndim - 1,)), None
    db = lu_solve(both, g, pivots, trans=1 - trans)
    upper = upper_triangle(both)
    inner = solve_triangular(both, b if trans else g, trans=1)
    outside = solve_triangular(both, inner, trans=1, lower=True, unit_diagonal=True)
    half = upper @ (db if trans else y)
    below = _pair(outside, half, vectors)
    above = _pair(inner, db if trans else y, vectors)
    return -(lower_triangle(below, offset=-1) + upper_triangle(above)), db, None


# ----------------------------------------------------------------------------------------------- symmetric problems


def _eigh_type(*operands: ArrayType, lower: bool = True) -> tuple[ArrayType, ArrayType]:
    for operand in operands:
        check_square(operand)
    dtype = _computed(*operands)
    shape = operands[0].shape
    if len(operands) > 1:
        shape = (*broadcast_shapes(shape[:-2], operands[1].shape[:-2]), *shape[-2:])
    return ArrayType(shape[:-1], real_dtype(dtype)), ArrayType(shape, dtype)


def _eigh_text(*operands: ArrayType, lower: bool) -> str:
    return f"scipy.linalg.eigh({'{0}, {1}' if len(operands) > 1 else '{0}'}{_keywords(lower=(lower, True))})"


eigh = _record("eigh", _eigh_type, _eigh_text, batch=stacks(2), several=True, results=("w", "V"))


@eigh.vjp
def eigh_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], *operands: Value, lower: bool
) -> tuple[Value | None, ...]:
    """Giles 3.1; of A v = w B v with V^H B V = 1 in the same way: dB = -(that) diag(w), and half of the overlap."""
    w, v = ys
    dw, dv = gs
    general = len(operands) > 1
    if dv is None:
        if dw is None:
            return (None,) * len(operands)
        da = (v * rows(dw)) @ adjoint(v)
        totals = [da, -((v * rows(dw * w)) @ adjoint(v))] if general else [da]
    else:
        overlap = adjoint(v) @ conj(dv)
        middle = overlap / off_diagonal(rows(w) - columns(w))
        if dw is not None:
            middle = middle + diag(dw)
        totals = [v @ middle @ adjoint(v)]
        if general:
            half = 0.5 * (eye(v, v.shape[-1]) * overlap)
            totals.append(-(v @ (middle * rows(w) + half) @ adjoint(v)))
    return tuple(conj(read_triangle(t, not lower)) for t in totals)


# ---------------------------------------------------------------------------------------------- functions of matrices


def _square_type(a: ArrayType) -> ArrayType:
    check_square(a)
    return ArrayType(a.shape, _computed(a))


expm = _record("expm", _square_type, "scipy.linalg.expm({0})", batch=stacks(2), owns=False)


def _expm_frechet(a: Any, e: Any) -> Any:
    return of_module("scipy.linalg", "expm_frechet")(a, e, compute_expm=False)


def _expm_frechet_type(a: ArrayType, e: ArrayType) -> ArrayType:
    check_square(a)
    if a.shape != e.shape:
        raise ValueError("expected A and E to be the same shape")
    return ArrayType(a.shape, np.dtype(complex if _computed(a, e).kind == "c" else float))


expm_frechet = _record(
    "expm_frechet",
    _expm_frechet_type,
    "scipy.linalg.expm_frechet({0}, {1}, compute_expm=False)",
    _expm_frechet,
    batch=stacks_in_full,
)


def _blocks(a: Value, e: Value) -> Value:
    """[[A, E], [0, A]]: a function of it has the derivative of f at A, in the direction E, in its upper right block
    (R. Mathias, "A chain rule for matrix functions and applications", 1996)."""
    above = concatenate(a, e, axis=-1)
    below = concatenate(zeros(a), a, axis=-1)
    whole: Value = concatenate(above, below, axis=-2)
    return whole


def _upper_right(x: Value, n: int) -> Value:
    corner: Value = getitem(x, index=(Ellipsis, Slice(None, n), Slice(n, None)))
    return corner


@expm.vjp
def expm_vjp(g: Value, y: Value, a: Value) -> Value:
    """The Frechet derivative at A^T in the direction of g (A. Al-Mohy and N. Higham, "Computing the Frechet derivative
    of the matrix exponential", 2009)."""
    if g.dtype != y.dtype:
        g = astype(g, dtype=y.dtype)
    derivative: Value = expm_frechet(swap_last(a), g)
    return derivative


@expm_frechet.vjp
def expm_frechet_vjp(g: Value, y: Value, a: Value, e: Value) -> tuple[Value, Value]:
    """The derivative is a block of an exponential itself, whose adjoint is taken in the same way."""
    n = a.shape[-1]
    nothing = zeros(g)
    inside = concatenate(concatenate(nothing, g, axis=-1), concatenate(nothing, nothing, axis=-1), axis=-2)
    whole = expm_frechet(swap_last(_blocks(a, e)), inside)
    return _block(whole, 0, n) + _block(whole, n, n), expm_frechet(swap_last(a), g)


def _block(x: Value, start: int, n: int) -> Value:
    """A block on the diagonal."""
    along = Slice(start or None, None if start else n)
    block: Value = getitem(x, index=(Ellipsis, along, along))
    return block


def _valued(single: bool) -> Callable[..., ArrayType]:
    """The type of a function of matrices that is complex for some real ones; `single`: it knows single precision."""

    def infer(a: ArrayType, *, is_complex: bool) -> ArrayType:
        check_square(a)
        dtype = _computed(a, narrow=single)
        return ArrayType(a.shape, np.result_type(dtype, np.complex64) if is_complex else dtype)

    return infer


def _function(name: str, single: bool) -> Op:
    called = of_module("scipy.linalg", name)
    return _record(
        name,
        _valued(single),
        lambda a, *, is_complex: f"scipy.linalg.{name}({{0}})",
        lambda a, *, is_complex: called(a),
        batch=stacks(2),
        owns=False,
    )


logm = _function("logm", single=False)
sqrtm = _function("sqrtm", single=True)


@logm.vjp
def logm_vjp(g: Value, y: Value, a: Value, *, is_complex: bool) -> Value:
    """The derivative at A^T in the direction of g, as a block of a logarithm (see `_blocks`)."""
    blocks = _blocks(swap_last(a), g)
    return _upper_right(logm(blocks, is_complex=is_complex), a.shape[-1])


def _sylvester_type(a: ArrayType, b: ArrayType, q: ArrayType) -> ArrayType:
    check_square(a)
    check_square(b)
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ValueError("Dimensions of the matrices do not go together")
    return ArrayType((*broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2]), *q.shape[-2:]), _computed(a, b, q))


solve_sylvester = _record(
    "solve_sylvester", _sylvester_type, "scipy.linalg.solve_sylvester({0}, {1}, {2})", batch=stacks(2)
)


@solve_sylvester.vjp
def solve_sylvester_vjp(g: Value, y: Value, a: Value, b: Value, q: Value) -> tuple[Value, Value, Value]:
    """A X + X B = Q: dQ solves A^T dQ + dQ B^T = g, and dA = -dQ X^T, dB = -X^T dQ."""
    dq = solve_sylvester(swap_last(a), swap_last(b), g)
    return -(dq @ swap_last(y)), -(swap_last(y) @ dq), dq


@sqrtm.vjp
def sqrtm_vjp(g: Value, y: Value, a: Value, *, is_complex: bool) -> Value:
    """Y Y = A, so that dY Y + Y dY = dA: a Sylvester equation (Higham, section 6.1)."""
    root = swap_last(y)
    da: Value = solve_sylvester(root, root, g)
    return da
