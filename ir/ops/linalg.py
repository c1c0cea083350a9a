"""Linear systems, inverses and determinants of stacks of matrices.

The adjoints are those of M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), for complex matrices in the convention of this package: a cotangent is transposed, never
conjugated, so that a holomorphic function has the same rule for real and complex matrices. A function that is not
holomorphic conjugates on the way in and out (`conj`, `adjoint`), which for real matrices is nothing.

A matrix that has no inverse has no adjoint here either: NumPy's LinAlgError is raised by the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import Batch, along, insert_axes, stacks
from ..builder import Value
from ..indexing import SLOT, Slice
from ..op import NONDIFF, op
from ..types import ArrayType, Shape, broadcast_shapes, normalize_axis
from .elementwise import conjugate, imag, not_equal, real
from .indexing import index_add, set_item
from .linear import outer
from .reduction import any_, count_nonzero, max_, sum_, sum_dtype
from .shape import arange, broadcast_to, expand_dims, filled, reshape, squeeze, swap_last, transpose, zeros

LinAlgError = np.linalg.LinAlgError


def linalg_dtype(*types: ArrayType) -> np.dtype[Any]:
    """What np.linalg computes in: integers become float64, half precision is refused."""
    single, is_complex = True, False
    for type_ in types:
        if type_.dtype.kind in "fc" and type_.dtype.itemsize < 4:
            raise TypeError(f"array type {type_.dtype.name} is unsupported in linalg")
        is_complex = is_complex or type_.dtype.kind == "c"
        single = single and type_.dtype.name in ("float32", "complex64")
    return np.dtype(("complex64" if single else "complex128") if is_complex else ("float32" if single else "float64"))


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number."""
    return np.dtype({"complex64": "float32", "complex128": "float64"}.get(dtype.name, dtype.name))


def check_stacked(a: ArrayType) -> None:
    if a.ndim < 2:
        raise LinAlgError(f"{a.ndim}-dimensional array given. Array must be at least two-dimensional")


def check_square(a: ArrayType) -> None:
    check_stacked(a)
    if a.shape[-1] != a.shape[-2]:
        raise LinAlgError("Last 2 dimensions of the array must be square")


def conj(x: Value) -> Value:
    """The complex conjugate; a real value as it is, and what is a conjugate already as it was."""
    if x.dtype.kind != "c":
        return x
    made = x.builder.definition(x, "conjugate")
    conjugated: Value = conjugate(x) if made is None else Value(x.builder, made.operands[0])
    return conjugated


def adjoint(x: Value) -> Value:
    """The conjugate transpose of each matrix."""
    return conj(swap_last(x))


def columns(v: Value) -> Value:
    """Vectors as matrices of one column."""
    return expand_dims(v, axis=(v.ndim,))


def rows(v: Value) -> Value:
    """Vectors as matrices of one row; a single vector broadcasts so by itself."""
    return expand_dims(v, axis=(v.ndim - 1,)) if v.ndim > 1 else v


def per_matrix(v: Value) -> Value:
    """A number for each matrix of a stack, so that it broadcasts to the matrices."""
    return expand_dims(v, axis=(v.ndim, v.ndim + 1)) if v.ndim else v


def system_batch(batch: Batch, a: Value, b: Value, *rest: Value, **params: Any) -> Value:
    """The rule of A x = b, where b with one dimension is a vector: a batch of vectors are columns."""
    emit, op = batch.builder.emit, batch.equation.op
    left, right = (t.ndim for t in batch.types[:2])
    if any(batch.batched[2:]):  # the pivots of a factorization go with its matrices
        a = batch.full(a, 0)
    x: Value
    if right > 1:
        x = emit(op, batch.aligned(a, 0, right), batch.aligned(b, 1, left), *rest, **params)
    elif not batch.batched[1]:
        x = emit(op, a, b, *rest, **params)
    elif left == a.ndim == 2:  # one matrix for all: factorized once
        x = swap_last(emit(op, a, swap_last(b), *rest, **params))
    else:
        x = emit(op, a, insert_axes(columns(b), 1, left - 2), *rest, **params)
        x = squeeze(x, axis=(x.ndim - 1,))
    return x


def add_up(parts: Sequence[Value | None]) -> Value | None:
    """The sum of what is there."""
    total: Value | None = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    return total


# ------------------------------------------------------------------------------------- identity, triangles, trace


def _eye(*, rows: int, columns: int, offset: int, dtype: np.dtype[Any]) -> Any:
    return np.eye(rows, columns, k=offset, dtype=dtype)


def _eye_text(*, rows: int, columns: int, offset: int, dtype: np.dtype[Any]) -> str:
    shown = [str(rows)] + ([str(columns)] if columns != rows else []) + ([f"k={offset}"] if offset else [])
    if dtype != np.float64:
        shown.append("dtype=bool" if dtype.kind == "b" else f"dtype=np.{dtype.name}")
    return f"np.eye({', '.join(shown)})"


@op(name="identity_matrix", fun=_eye, python=_eye_text, numbered=False)
def identity_matrix(*, rows: int, columns: int, offset: int, dtype: np.dtype[Any]) -> ArrayType:
    """Ones on a diagonal."""
    return ArrayType((rows, columns), dtype)


def eye(like: Value, n: int, dtype: Any = None, m: int | None = None, offset: int = 0) -> Value:
    """The identity in the program of `like`, and in its dtype."""
    wanted = like.dtype if dtype is None else np.dtype(dtype)
    value: Value = like.builder.emit(
        identity_matrix, rows=n, columns=n if m is None else m, offset=offset, dtype=wanted
    )
    return value


def _diagonal_text(x: ArrayType, *, offset: int, axis1: int, axis2: int) -> str:
    return f"np.diagonal({', '.join(['{0}', *_where_it_is(offset, axis1, axis2)])})"


def _where_it_is(offset: int, axis1: int, axis2: int) -> list[str]:
    shown = [f"offset={offset}"] if offset else []
    return shown if (axis1, axis2) == (0, 1) else [*shown, f"axis1={axis1}", f"axis2={axis2}"]


def _two_axes(x: ArrayType, axis1: int, axis2: int) -> tuple[int, int]:
    if x.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    first, second = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    return first, second


@op(np.diagonal, batch=along("axis1", "axis2"), python=_diagonal_text, view=True)
def diagonal(x: ArrayType, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ArrayType:
    """The diagonal of two axes, as the last axis."""
    first, second = _two_axes(x, axis1, axis2)
    count = min(x.shape[first] - max(-offset, 0), x.shape[second] - max(offset, 0))
    return x.with_shape((*(n for i, n in enumerate(x.shape) if i not in (first, second)), max(count, 0)))


@diagonal.vjp
def diagonal_vjp(g: Value, y: Value, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    """Each element goes back to its place."""
    first, second = _two_axes(x.type, axis1, axis2)
    order = (*(i for i in range(x.ndim) if i not in (first, second)), first, second)
    moved = order != tuple(range(x.ndim))
    count, below, right = y.shape[-1], max(-offset, 0), max(offset, 0)
    places = [g.builder.emit(arange, start=start, stop=start + count, step=1) for start in (below, right)]
    empty = zeros(transpose(x, axes=order) if moved else x)
    index = (SLOT, SLOT) if x.ndim == 2 else (Ellipsis, SLOT, SLOT)
    dx: Value = index_add(empty, g, *places, index=index, distinct=True)
    return transpose(dx, axes=tuple(int(i) for i in np.argsort(order))) if moved else dx


def _diagonal_matrix_text(x: ArrayType, *, offset: int) -> str:
    return f"np.diag({{0}}, k={offset})" if offset else "np.diag({0})"


def _diagonal_matrix_batch(batch: Batch, x: Value, *, offset: int) -> Value:
    matrices = x.builder.emit(filled, value=0, shape=(batch.size, *batch.out.shape), dtype=x.dtype)
    count, below, right = x.shape[1], max(-offset, 0), max(offset, 0)
    places = [x.builder.emit(arange, start=start, stop=start + count, step=1) for start in (below, right)]
    written: Value = set_item(matrices, x, *places, index=(Slice(), SLOT, SLOT))
    return written


@op(
    name="diagonal_matrix",
    fun=lambda x, *, offset: np.diag(x, offset),
    batch=_diagonal_matrix_batch,
    python=_diagonal_matrix_text,
)
def diagonal_matrix(x: ArrayType, *, offset: int = 0) -> ArrayType:
    """A matrix with this diagonal."""
    if x.ndim != 1:
        raise ValueError(f"a diagonal is one row, not {x}")
    n = x.size + abs(offset)
    return ArrayType((n, n), x.dtype)


diagonal_matrix.vjp(lambda g, y, x, *, offset: diagonal(g, offset=offset))


def diag(v: Value) -> Value:
    """A diagonal matrix of each vector."""
    matrices: Value = diagonal_matrix(v) if v.ndim == 1 else eye(v, v.shape[-1]) * rows(v)
    return matrices


def _triangle_text(name: str) -> Any:
    return lambda x, *, offset: f"np.{name}({{0}}{f', {offset}' if offset else ''})"


@op(name="lower_triangle", batch=stacks(2), fun=lambda x, *, offset: np.tril(x, offset), python=_triangle_text("tril"))
def lower_triangle(x: ArrayType, *, offset: int = 0) -> ArrayType:
    return x


@op(name="upper_triangle", batch=stacks(2), fun=lambda x, *, offset: np.triu(x, offset), python=_triangle_text("triu"))
def upper_triangle(x: ArrayType, *, offset: int = 0) -> ArrayType:
    return x


lower_triangle.vjp(lambda g, y, x, *, offset: lower_triangle(g, offset=offset))
upper_triangle.vjp(lambda g, y, x, *, offset: upper_triangle(g, offset=offset))


def _trace_text(x: ArrayType, *, offset: int, axis1: int, axis2: int) -> str:
    return f"np.trace({', '.join(['{0}', *_where_it_is(offset, axis1, axis2)])})"


@op(np.trace, batch=along("axis1", "axis2"), python=_trace_text)
def trace(x: ArrayType, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ArrayType:
    """The sum along a diagonal of two axes."""
    first, second = _two_axes(x, axis1, axis2)
    return ArrayType(tuple(n for i, n in enumerate(x.shape) if i not in (first, second)), sum_dtype(x))


@trace.vjp
def trace_vjp(g: Value, y: Value, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    """g on the diagonal."""
    first, second = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    if first > second:
        first, second, offset = second, first, -offset
    diagonal = eye(g, x.shape[first], None, x.shape[second], offset)
    later = tuple(i - first for i in range(first, x.ndim) if i not in (first, second))
    if later:
        diagonal = expand_dims(diagonal, axis=later)
    spread = expand_dims(g, axis=(first, second)) if g.ndim else g
    return spread * diagonal


# ----------------------------------------------------------------------------------------------- inverse, systems


@op(np.linalg.inv, batch=stacks(2), python="np.linalg.inv({0})")
def inv(a: ArrayType) -> ArrayType:
    check_square(a)
    return ArrayType(a.shape, linalg_dtype(a))


@inv.vjp
def inv_vjp(g: Value, y: Value, a: Value) -> Value:
    """dA^-1 = -A^-1 dA A^-1 (Giles 2.2.3)."""
    return -(swap_last(y) @ g @ swap_last(y))


@op(np.linalg.solve, batch=system_batch, python="np.linalg.solve({0}, {1})")
def solve(a: ArrayType, b: ArrayType) -> ArrayType:
    """A x = b; b of one dimension is a vector, of more a stack of matrices."""
    check_square(a)
    dtype = linalg_dtype(a, b)
    if b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        np.linalg.solve(np.empty(a.shape), np.empty(b.shape))  # NumPy's own error
    if b.ndim == 1:
        return ArrayType(a.shape[:-1], dtype)
    return ArrayType((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), dtype)


@solve.vjp
def solve_vjp(g: Value, y: Value, a: Value, b: Value) -> tuple[Value, Value]:
    """db = A^-T g, dA = -db x^T (Giles 2.3.1)."""
    from .cholesky import solved

    if b.ndim > 1:
        db = solved(swap_last(a), g)
        return -(db @ swap_last(y)), db
    if a.ndim == 2:
        db = solved(swap_last(a), g)
        return -outer(db, y), db
    stacked = solve(swap_last(a), columns(g))
    return -(stacked * rows(y)), squeeze(stacked, axis=(stacked.ndim - 1,))


# --------------------------------------------------------------------------------------------------- determinants


@op(np.linalg.det, batch=stacks(2), python="np.linalg.det({0})")
def det(a: ArrayType) -> ArrayType:
    check_square(a)
    return ArrayType(a.shape[:-2], linalg_dtype(a))


@det.vjp
def det_vjp(g: Value, y: Value, a: Value) -> Value:
    """Jacobi's formula, d det A = det A tr(A^-1 dA) (Giles 2.2.4). A singular matrix raises LinAlgError."""
    return per_matrix(g * y) * swap_last(inv(a))


@op(np.linalg.slogdet, batch=stacks(2), python="np.linalg.slogdet({0})", several=True, results=("sign", "logdet"))
def slogdet(a: ArrayType) -> tuple[ArrayType, ArrayType]:
    check_square(a)
    dtype = linalg_dtype(a)
    return ArrayType(a.shape[:-2], dtype), ArrayType(a.shape[:-2], real_dtype(dtype))


@slogdet.vjp
def slogdet_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value) -> tuple[Value | None]:
    """d log|det A| = Re tr(A^-1 dA); the sign of a complex determinant turns by the imaginary part of that."""
    d_sign, d_log = gs
    scale = d_log
    if d_sign is not None and a.dtype.kind == "c":
        scale = add_up([d_log, imag(d_sign * ys[0]) * 1j])
    return (None if scale is None else per_matrix(scale) * swap_last(inv(a)),)


# ------------------------------------------------------------------------------------------- pseudoinverse, lstsq


def _pinv_text(a: ArrayType, *, rcond: float | None, hermitian: bool) -> str:
    shown = ["{0}"] + ([] if rcond is None else [f"rcond={rcond!r}"]) + (["hermitian=True"] if hermitian else [])
    return f"np.linalg.pinv({', '.join(shown)})"


def _pinv(a: Any, *, rcond: float | None, hermitian: bool) -> Any:
    return np.linalg.pinv(a, rcond, hermitian)


@op(np.linalg.pinv, batch=stacks(2), fun=_pinv, python=_pinv_text)
def pinv(a: ArrayType, *, rcond: float | None = None, hermitian: bool = False) -> ArrayType:
    check_stacked(a)
    if hermitian:
        check_square(a)
    dtype = linalg_dtype(a) if a.shape[-1] and a.shape[-2] else a.dtype
    return ArrayType((*a.shape[:-2], a.shape[-1], a.shape[-2]), dtype)


@pinv.vjp
def pinv_vjp(g: Value, y: Value, a: Value, *, rcond: float | None, hermitian: bool) -> Value:
    """G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973), eq. 4.12.

    It holds for changes of A that keep its rank; where the rank changes, the pseudoinverse jumps.
    """
    p, whole, g_adjoint = conj(y), conj(a), adjoint(g)
    if hermitian:
        from .decompositions import hermitian_part_read, read_triangle

        whole = conj(hermitian_part_read(a, upper=False))
    da = -(swap_last(y) @ g @ swap_last(y))
    da = da + (g_adjoint - whole @ (p @ g_adjoint)) @ (p @ swap_last(y))
    da = da + (swap_last(y) @ p) @ (g_adjoint - (g_adjoint @ p) @ whole)
    return conj(read_triangle(conj(da), upper=False)) if hermitian else da


def _cutoff(dtype: np.dtype[Any], a: Shape, rcond: float | None) -> float:
    """Below which part of the largest one lstsq takes a singular value for zero."""
    eps = float(np.finfo(dtype.name).eps)
    return eps * max(a) if rcond is None else rcond if rcond >= 0 else eps


def _lstsq_batch(batch: Batch, a: Value, b: Value, *, rcond: float | None) -> tuple[Value, ...]:
    """NumPy has it for one matrix: many right sides are columns, many matrices have a pseudoinverse each."""
    from .decompositions import svdvals

    (m, n), vectors = batch.types[0].shape, batch.types[1].ndim == 1
    if not batch.batched[0]:
        many = swap_last(b) if vectors else reshape(transpose(b, axes=(1, 0, 2)), shape=(m, b.size // m if m else 0))
        x, squares, rank, s = batch.builder.emit(batch.equation.op, a, many, rcond=rcond)
        per = batch.size, 1 if vectors else b.shape[2]
        x = transpose(x, axes=(1, 0)) if vectors else transpose(reshape(x, shape=(n, *per)), axes=(1, 0, 2))
        squares = reshape(squares, shape=per if squares.size else (batch.size, 0))
        rank, s = (broadcast_to(v, shape=(batch.size, *v.shape)) for v in (rank, s))
        return x, squares, rank, s
    cutoff = _cutoff(batch.out.dtype, (m, n), rcond)
    right = b if not vectors else columns(b) if batch.batched[1] else expand_dims(b, axis=(1,))
    x = pinv(a, rcond=cutoff) @ right
    residual = right - a @ x
    square = real(residual * conj(residual)) if residual.dtype.kind == "c" else residual * residual
    squares = sum_(square, axis=1)
    if m <= n:
        squares = a.builder.emit(filled, value=0, shape=(batch.size, 0), dtype=real_dtype(batch.out.dtype))
    s = svdvals(a)
    rank = count_nonzero(s > cutoff * expand_dims(max_(s, axis=1), axis=(1,)), axis=1)
    return squeeze(x, axis=(2,)) if vectors else x, squares, rank, s


def _lstsq_text(a: ArrayType, b: ArrayType, *, rcond: float | None) -> str:
    return "np.linalg.lstsq({0}, {1})" if rcond is None else f"np.linalg.lstsq({{0}}, {{1}}, rcond={rcond!r})"


@op(
    np.linalg.lstsq,
    batch=_lstsq_batch,
    python=_lstsq_text,
    several=True,
    results=("solution", "residuals", "rank", "singular_values"),
)
def lstsq(a: ArrayType, b: ArrayType, *, rcond: float | None = None) -> tuple[ArrayType, ...]:
    """The residuals have the type that they have when A has full rank; else NumPy returns none."""
    dtype = linalg_dtype(a, b)
    if b.ndim == 0 or a.ndim != 2 or b.ndim > 2 or a.shape[0] != b.shape[0]:
        np.linalg.lstsq(np.ones(a.shape), np.ones(b.shape))  # NumPy's own error
    m, n = a.shape
    count = (b.shape[1] if b.ndim == 2 else 1) if m > n else 0
    real_ = real_dtype(dtype)
    return (
        ArrayType((n, *b.shape[1:]), dtype),
        ArrayType((count,), real_),
        ArrayType((), np.dtype(np.int32)),
        ArrayType((min(m, n),), real_),
    )


@lstsq.vjp
def lstsq_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], a: Value, b: Value, *, rcond: float | None
) -> tuple[Value | None, Value | None]:
    """x = A^+ b with the derivative of A^+ by Golub and Pereyra (see `pinv`): right for changes that keep the rank.

    With the residual r = b - A x and v = A^+T g it is db = v and dA = -v x^T + r (A^+ v)^T + (A^+T x) (g - A^T v)^T.
    The sum of squares r^T r has the derivative 2 r^T (db - dA x), since A^T r = 0.
    """
    from .decompositions import svd

    g, d_squares, _, d_values = gs
    x = ys[0]
    db: Value | None = None
    parts: list[Value | None] = []
    vectors = b.ndim == 1

    def product(u: Value, v: Value) -> Value:
        result: Value = outer(u, v) if vectors else u @ swap_last(v)
        return result

    if g is not None or d_squares is not None:
        residual = conj(b - a @ x)
    if g is not None:
        p = pinv(a, rcond=_cutoff(x.dtype, a.shape, rcond))
        db = swap_last(p) @ g
        parts.append(product(residual, p @ conj(db)))
        parts.append(product(swap_last(p) @ conj(x), conj(g - swap_last(a) @ db)))
    if d_squares is not None and d_squares.size:
        weight = d_squares if not vectors else squeeze(d_squares, axis=(0,))
        db = add_up([db, 2 * residual * weight])
    if db is not None:
        parts.insert(0, -product(db, x))
    if d_values is not None:
        u, _, vh = svd(a, full_matrices=False)
        parts.append(conj((u * d_values) @ vh))
    return add_up(parts), db


def _rank_text(a: ArrayType, *, tol: float | None, hermitian: bool, rtol: float | None) -> str:
    shown = ["{0}"] + ([] if tol is None else [f"tol={tol!r}"]) + (["hermitian=True"] if hermitian else [])
    return f"np.linalg.matrix_rank({', '.join(shown + ([] if rtol is None else [f'rtol={rtol!r}']))})"


def _rank_batch(batch: Batch, a: Value, **params: Any) -> Value:
    """A vector that is not zero has the rank 1."""
    if a.ndim > 2:
        return stacks(2)(batch, a, **params)
    vectors = a if a.ndim == 2 else expand_dims(a, axis=(1,))
    nonzero: Value = any_(not_equal(vectors, 0), axis=1)
    return nonzero


@op(np.linalg.matrix_rank, batch=_rank_batch, python=_rank_text, rule=NONDIFF)
def matrix_rank(
    a: ArrayType, *, tol: float | None = None, hermitian: bool = False, rtol: float | None = None
) -> ArrayType:
    if a.ndim >= 2:
        linalg_dtype(a)
    return ArrayType(a.shape[:-2], np.dtype(np.intp), weak=a.ndim < 2)
