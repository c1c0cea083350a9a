"""Factorizations of stacks of matrices: Cholesky, QR, singular values, eigenvalues.

The factors of a real matrix are determined up to signs, so their derivatives are, too. What is not determined has no
derivative, and a result that depends on it has none:
- singular vectors and eigenvectors (`eigh`) of a complex matrix have an arbitrary phase; results must not depend on it;
- vectors of a repeated singular value or eigenvalue have an arbitrary basis: a gradient through them is nan or inf,
  while one through the values alone is right;
- of `svd(full_matrices=True)` and `qr(mode="complete")` the vectors beyond the range of A are an arbitrary basis of
  its complement (of a single real vector only the sign is): results must depend only on the space that they span.

A function that reads one triangle of a Hermitian matrix gives the other one no gradient. Conventions as in linalg.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import stacks
from ..builder import Value
from ..op import NONDIFF, Refused, op
from ..symmetry import is_symmetric
from ..types import ArrayType
from .elementwise import absolute, imag, real, where
from .indexing import arange, slice_along
from .linalg import (
    add_up,
    adjoint,
    check_square,
    check_stacked,
    columns,
    conj,
    diag,
    eye,
    inv,
    linalg_dtype,
    lower_triangle,
    real_dtype,
    rows,
    solve,
    upper_triangle,
)
from .reduction import argmax, sum_
from .shape import concatenate, swap_last

# ------------------------------------------------------------------------------------------------------ triangles


def read_triangle(s: Value, upper: bool) -> Value:
    """The gradient of what reads one triangle, from the gradient with respect to the whole Hermitian matrix."""
    if upper:
        folded = upper_triangle(s) + adjoint(lower_triangle(s, offset=-1))
    else:
        folded = lower_triangle(s) + adjoint(upper_triangle(s, offset=1))
    if s.dtype.kind == "c":  # the diagonal of a Hermitian matrix is real
        folded = folded - 1j * (eye(s, s.shape[-1], real_dtype(s.dtype)) * imag(s))
    return folded


def hermitian_part_read(a: Value, upper: bool) -> Value:
    """The Hermitian matrix of which one triangle is read."""
    if upper:
        whole = upper_triangle(a) + adjoint(upper_triangle(a, offset=1))
    else:
        whole = lower_triangle(a) + adjoint(lower_triangle(a, offset=-1))
    if a.dtype.kind == "c":
        whole = whole - 1j * (eye(a, a.shape[-1], real_dtype(a.dtype)) * imag(a))
    return whole


# ------------------------------------------------------------------------------------------------------- Cholesky


def _cholesky_text(a: ArrayType, *, upper: bool) -> str:
    return f"np.linalg.cholesky({{0}}{', upper=True' if upper else ''})"


def _cholesky(a: Any, *, upper: bool) -> Any:
    return np.linalg.cholesky(a, upper=True) if upper else np.linalg.cholesky(a)


@op(np.linalg.cholesky, batch=stacks(2), fun=_cholesky, python=_cholesky_text)
def cholesky(a: ArrayType, *, upper: bool = False) -> ArrayType:
    check_square(a)
    return ArrayType(a.shape, linalg_dtype(a))


@cholesky.vjp
def cholesky_vjp(g: Value, y: Value, a: Value, *, upper: bool) -> Value:
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 8-10; also S. Smith (1995).

    Where the matrix is symmetric as it is written, the cotangent may be, too."""
    from .cholesky import by_structure, inverse_of

    whole = by_structure(g, y, upper)
    if whole is not None:
        return whole if is_symmetric(a) else read_triangle(whole, upper)
    lower, d_lower = (adjoint(y), swap_last(g)) if upper else (y, conj(g))
    real_ = a.dtype.kind != "c"
    inverse = inverse_of(lower) if real_ else inv(lower)
    whole = 0.5 * (adjoint(inverse) @ hermitian_part_read(adjoint(lower) @ d_lower, upper=False) @ inverse)
    if real_ and is_symmetric(a):
        return whole
    below = read_triangle(whole, upper=False)
    return swap_last(below) if upper else conj(below)


# ------------------------------------------------------------------------------------------------------------- QR


def _qr_text(a: ArrayType, *, mode: str) -> str:
    return "np.linalg.qr({0})" if mode == "reduced" else f"np.linalg.qr({{0}}, mode={mode!r})"


@op(np.linalg.qr, batch=stacks(2), python=_qr_text, several=True, results=("Q", "R"))
def qr(a: ArrayType, *, mode: str = "reduced") -> tuple[ArrayType, ArrayType]:
    check_stacked(a)
    dtype, (m, n), batch = linalg_dtype(a), a.shape[-2:], a.shape[:-2]
    k = m if mode == "complete" else min(m, n)
    return ArrayType((*batch, m, k), dtype), ArrayType((*batch, k, n), dtype)


@op(name="qr_triangle", batch=stacks(2), fun=lambda a: np.linalg.qr(a, mode="r"), python="np.linalg.qr({0}, mode='r')")
def qr_triangle(a: ArrayType) -> ArrayType:
    """R alone."""
    check_stacked(a)
    return ArrayType((*a.shape[:-2], min(a.shape[-2:]), a.shape[-1]), linalg_dtype(a))


@qr.vjp
def qr_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value, *, mode: str) -> tuple[Value | None]:
    """S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010); for complex and wide
    matrices D. Roberts and L. Roberts, "QR and LQ decomposition matrix backpropagation algorithms" (2020)."""
    q, r = ys
    dq, dr = (None if g is None else conj(g) for g in gs)
    m, n = a.shape[-2:]
    k = min(m, n)
    if q.shape[-1] > k:  # mode="complete" of a tall matrix: the rest of Q turns with the range of A
        rest = slice_along(q, -1, k, m)
        q = slice_along(q, -1, 0, k)
        if dq is not None:
            d_rest = slice_along(dq, -1, k, m)
            dq = slice_along(dq, -1, 0, k) - rest @ (adjoint(d_rest) @ q)
        r, dr = slice_along(r, -2, 0, k), None if dr is None else slice_along(dr, -2, 0, k)
    if n <= m:
        return (conj(_qr_square(q, r, dq, dr)),)
    left = None if dr is None else slice_along(dr, -1, 0, k)
    if dr is None:
        assert dq is not None
        whole = _qr_square(q, slice_along(r, -1, 0, k), dq, None)
        return (conj(concatenate(whole, _nothing(a, n - k, whole), axis=-1)),)
    right = slice_along(dr, -1, k, n)
    turned = slice_along(a, -1, k, n) @ adjoint(right)  # R_right = Q^H A_right
    dq = turned if dq is None else dq + turned
    whole = _qr_square(q, slice_along(r, -1, 0, k), dq, left)
    return (conj(concatenate(whole, q @ right, axis=-1)),)


def _nothing(a: Value, count: int, like: Value) -> Value:
    """Zeros for the last columns."""
    from .shape import filled

    shape = (*a.shape[:-1], count)
    value: Value = a.builder.emit(filled, value=0, shape=shape, dtype=like.dtype)
    return value


def _qr_square(q: Value, r: Value, dq: Value | None, dr: Value | None) -> Value:
    """dA = (dQ + Q copyltu(R dR^H - dQ^H Q)) R^-H for a tall or square A."""
    m = add_up([None if dr is None else r @ adjoint(dr), None if dq is None else -(adjoint(dq) @ q)])
    assert m is not None
    turned = q @ hermitian_part_read(m, upper=False)
    total = turned if dq is None else dq + turned
    return adjoint(solve(r, adjoint(total)))


@qr_triangle.vjp
def qr_triangle_vjp(g: Value, y: Value, a: Value) -> Value | None:
    q, r = qr(a, mode="reduced")
    (da,) = qr_vjp([None, g], [q, r], a, mode="reduced")
    return da


# ------------------------------------------------------------------------------------------------ singular values


def _svd_keywords(full_matrices: bool, hermitian: bool) -> str:
    return ("" if full_matrices else ", full_matrices=False") + (", hermitian=True" if hermitian else "")


def _svd_text(a: ArrayType, *, full_matrices: bool, hermitian: bool) -> str:
    return f"np.linalg.svd({{0}}{_svd_keywords(full_matrices, hermitian)})"


def _svd(a: Any, *, full_matrices: bool, hermitian: bool) -> Any:
    return np.linalg.svd(a, full_matrices, hermitian=hermitian)


@op(np.linalg.svd, batch=stacks(2), fun=_svd, python=_svd_text, several=True, owns=False, results=("U", "S", "Vh"))
def svd(a: ArrayType, *, full_matrices: bool = True, hermitian: bool = False) -> tuple[ArrayType, ...]:
    check_stacked(a)
    if hermitian:
        check_square(a)
    dtype, (m, n), batch = linalg_dtype(a), a.shape[-2:], a.shape[:-2]
    k = min(m, n)
    left, right = (m, n) if full_matrices else (k, k)
    return (
        ArrayType((*batch, m, left), dtype),
        ArrayType((*batch, k), real_dtype(dtype)),
        ArrayType((*batch, right, n), dtype),
    )


def off_diagonal(x: Value) -> Value:
    """Differences between values, to divide by: inf on the diagonal, which has no part in a rotation."""
    apart: Value = where(eye(x, x.shape[-1], np.dtype(bool)), np.inf, x)
    return apart


@svd.vjp
def svd_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], a: Value, *, full_matrices: bool, hermitian: bool
) -> tuple[Value | None]:
    """J. Townsend, "Differentiating the singular value decomposition" (2016); for complex matrices Z.-Q. Wan and
    S.-X. Zhang, "Automatic differentiation for complex valued SVD" (2019)."""
    u, s, vh = ys
    du, ds, dvh = gs
    du = None if du is None else conj(du)
    dv = None if dvh is None else swap_last(dvh)  # of V, in the literature's convention
    m, n = a.shape[-2:]
    k = min(m, n)
    u_rest = v_rest = du_rest = dv_rest = None
    v = adjoint(vh)
    if full_matrices and m != n:
        if m > n:
            u_rest, u = slice_along(u, -1, k, m), slice_along(u, -1, 0, k)
            if du is not None:
                du_rest, du = slice_along(du, -1, k, m), slice_along(du, -1, 0, k)
        else:
            v_rest, v = slice_along(v, -1, k, n), slice_along(v, -1, 0, k)
            if dv is not None:
                dv_rest, dv = slice_along(dv, -1, k, n), slice_along(dv, -1, 0, k)
            vh = slice_along(vh, -2, 0, k)
    middle: Value | None = None
    if du is not None or dv is not None:
        apart = off_diagonal((rows(s) - columns(s)) * (rows(s) + columns(s)))
        if du is not None:
            turned = (adjoint(u) @ du) / apart
            middle = (turned + adjoint(turned)) * rows(s)
        if dv is not None:
            projected = vh @ dv
            turned = projected / apart
            middle = add_up([middle, columns(s) * (turned + adjoint(turned))])
            if a.dtype.kind == "c":  # a common phase of u_i and v_i is free, their relative one is not
                phases = eye(s, k) * imag(projected) / rows(s)
                middle = add_up([middle, -1j * phases])
    if middle is None:
        assert ds is not None
        total = (u * rows(ds)) @ vh
    else:
        if ds is not None:
            middle = middle + diag(ds)
        total = u @ middle @ vh
    if du is not None and m > k:
        outside = _outside(u, du, u_rest, du_rest)
        total = total + (outside / rows(s)) @ vh
    if dv is not None and n > k:
        outside = _outside(v, dv, v_rest, dv_rest)
        total = total + u @ adjoint(outside / rows(s))
    if hermitian:
        total = read_triangle(total, upper=False)
    return (conj(total),)


def _outside(u: Value, du: Value, rest: Value | None, d_rest: Value | None) -> Value:
    """The part of du outside of the range of u, with what the complement of that range hands on as it turns."""
    if rest is None:
        return du - u @ (adjoint(u) @ du)
    assert d_rest is not None
    return rest @ (adjoint(rest) @ du - adjoint(d_rest) @ u)


def _svdvals(a: Any, *, hermitian: bool) -> Any:
    return np.linalg.svd(a, compute_uv=False, hermitian=hermitian)


def _svdvals_text(a: ArrayType, *, hermitian: bool) -> str:
    return f"np.linalg.svd({{0}}, compute_uv=False{', hermitian=True' if hermitian else ''})"


@op(name="svdvals", batch=stacks(2), fun=_svdvals, python=_svdvals_text, owns=False)
def svdvals(a: ArrayType, *, hermitian: bool = False) -> ArrayType:
    """Singular values alone."""
    check_stacked(a)
    if hermitian:
        check_square(a)
    return ArrayType((*a.shape[:-2], min(a.shape[-2:])), real_dtype(linalg_dtype(a)))


@svdvals.vjp
def svdvals_vjp(g: Value, y: Value, a: Value, *, hermitian: bool) -> Value | None:
    """dA = U diag(dS) V^H: also where singular values are equal, if what is done with them is symmetric."""
    ys = svd(a, full_matrices=False, hermitian=hermitian)
    (da,) = svd_vjp([None, g, None], ys, a, full_matrices=False, hermitian=hermitian)
    return da


# ---------------------------------------------------------------------------- eigenvalues of Hermitian matrices


def _uplo_text(name: str) -> Any:
    return lambda a, *, upper: f"np.linalg.{name}({{0}}{', UPLO={!r}'.format('U') if upper else ''})"


def _eigh(a: Any, *, upper: bool) -> Any:
    return np.linalg.eigh(a, "U" if upper else "L")


@op(np.linalg.eigh, batch=stacks(2), fun=_eigh, python=_uplo_text("eigh"), several=True, results=("w", "V"))
def eigh(a: ArrayType, *, upper: bool = False) -> tuple[ArrayType, ArrayType]:
    check_square(a)
    dtype = linalg_dtype(a)
    return ArrayType(a.shape[:-1], real_dtype(dtype)), ArrayType(a.shape, dtype)


@eigh.vjp
def eigh_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value, *, upper: bool) -> tuple[Value | None]:
    """dA = V (diag(dw) + (V^H dV) / (w_j - w_i)) V^H (Giles 3.1)."""
    w, v = ys
    dw, dv = gs
    if dv is None:
        assert dw is not None
        total = (v * rows(dw)) @ adjoint(v)
    else:
        middle = (adjoint(v) @ conj(dv)) / off_diagonal(rows(w) - columns(w))
        if dw is not None:
            middle = middle + diag(dw)
        total = v @ middle @ adjoint(v)
    return (conj(read_triangle(total, upper)),)


def _eigvalsh(a: Any, *, upper: bool) -> Any:
    return np.linalg.eigvalsh(a, "U" if upper else "L")


@op(np.linalg.eigvalsh, batch=stacks(2), fun=_eigvalsh, python=_uplo_text("eigvalsh"))
def eigvalsh(a: ArrayType, *, upper: bool = False) -> ArrayType:
    check_square(a)
    return ArrayType(a.shape[:-1], real_dtype(linalg_dtype(a)))


@eigvalsh.vjp
def eigvalsh_vjp(g: Value, y: Value, a: Value, *, upper: bool) -> Value | None:
    w, v = eigh(a, upper=upper)
    (da,) = eigh_vjp([g, None], [w, v], a, upper=upper)
    return da


# ------------------------------------------------------------------------------------ eigenvalues of any matrices

ALWAYS_COMPLEX = bool(np.iscomplexobj(np.linalg.eigvals(np.eye(1))))  # as it is since NumPy 2.5


@op(
    np.linalg.eig,
    batch=stacks(2),
    fun=lambda a, *, is_complex: np.linalg.eig(a),
    python=lambda a, *, is_complex: "np.linalg.eig({0})",
    several=True,
    results=("w", "V"),
)
def eig(a: ArrayType, *, is_complex: bool) -> tuple[ArrayType, ArrayType]:
    """`is_complex`: whether NumPy returns complex numbers; of a real matrix its values decide that."""
    check_square(a)
    dtype = linalg_dtype(a)
    if is_complex:
        dtype = np.result_type(dtype, np.complex64)
    return ArrayType(a.shape[:-1], dtype), ArrayType(a.shape, dtype)


@eig.vjp
def eig_vjp(gs: Sequence[Value | None], ys: Sequence[Value], a: Value, *, is_complex: bool) -> tuple[Value | None]:
    """dA = V^-H (diag(dw) + (V^H dV) / conj(w_j - w_i)) V^H (Giles 3.1; C. Boeddeker et al., "On the computation of
    complex-valued gradients with application to statistically optimum beamforming", 2017, eq. 4.77).

    LAPACK's eigenvectors have length 1, and one component of each that is real: dV loses what would change either.
    """
    w, v = ys
    dw, dv = (None if g is None else conj(g) for g in gs)
    if dv is None:
        assert dw is not None
        middle = columns(dw) * adjoint(v)
        return (conj(solve(adjoint(v), middle)),)
    overlap = sum_(conj(dv) * v, axis=-2, keepdims=True)
    along = v * (real(overlap) if is_complex else overlap)
    dv = dv - along
    if is_complex and a.size:
        size = where(imag(v).equals(0), absolute(v), -1)
        chosen = columns(arange(v, w.shape[-1])).equals(argmax(size, axis=v.ndim - 2, keepdims=True))
        dv = dv + where(chosen, 1j * imag(overlap) / where(chosen, v, 1), 0)
    turned = (adjoint(v) @ dv) / conj(off_diagonal(rows(w) - columns(w)))
    if dw is not None:
        turned = turned + diag(dw)
    return (conj(solve(adjoint(v), turned @ adjoint(v))),)


@op(
    np.linalg.eigvals,
    batch=stacks(2),
    fun=lambda a, *, is_complex: np.linalg.eigvals(a),
    python=lambda a, *, is_complex: "np.linalg.eigvals({0})",
)
def eigvals(a: ArrayType, *, is_complex: bool) -> ArrayType:
    """`is_complex` as for `eig`."""
    check_square(a)
    dtype = linalg_dtype(a)
    return ArrayType(a.shape[:-1], np.result_type(dtype, np.complex64) if is_complex else dtype)


@eigvals.vjp
def eigvals_vjp(g: Value, y: Value, a: Value, *, is_complex: bool) -> Value | None:
    w, v = eig(a, is_complex=is_complex)
    (da,) = eig_vjp([g, None], [w, v], a, is_complex=is_complex)
    return da


EITHER = (
    "whether the eigenvalues of a real matrix come out complex differs from example to example; "
    "make the matrix complex first, as in a.astype(complex)"
)


@op(
    name="is_complex",
    fun=lambda x: bool(np.iscomplexobj(x)),
    rule=NONDIFF,
    batch=Refused(EITHER),
    python="np.iscomplexobj({0})",
)
def is_complex(x: ArrayType) -> ArrayType:
    """Whether the eigenvalues of a real matrix came out complex."""
    return ArrayType((), np.dtype(bool), weak=True)
