"""scipy.linalg: NumPy's own calls where NumPy has the function, the records of ir/ops/scipy_linalg.py elsewhere.

A matrix of which SciPy reads one triangle (`assume_a="pos"`, `cholesky`, `eigh`) gets its gradient there alone.
`overwrite_a=` and its like permit something, which is not made use of; `check_finite=` is left to the function called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.op import Op
from ...ir.ops import decompositions, linalg
from ...ir.ops import scipy_linalg as own
from ...ir.ops.cholesky import factor_within
from ...ir.ops.elementwise import astype
from ..array import lift, wrap
from ..creation import traced_creation
from ..refusals import refuse
from ..trace import Trace
from .borrowed import in_steps
from .libraries import arranged
from .linalg import _guard_kind, _several
from .registry import as_tracer

_LEFT_OUT: Any = object()


def _refuse_keywords(trace: Trace, name: str, **given: Any) -> None:
    """Refuse by name what is given."""
    for keyword, value in given.items():
        if value is not None and value is not False and value is not _LEFT_OUT:
            raise refuse(trace, f"the keyword {keyword!r} of scipy.linalg.{name}")


def _matrix(trace: Trace, a: Any) -> Value:
    """An array in the dtype that scipy.linalg computes in."""
    value = lift(trace, a)
    dtype = own.scipy_dtype(value.type)
    if value.dtype == np.float16:
        value = trace.emit(astype, value, dtype=dtype)
    return value


def _emit(trace: Trace, op: Op, *operands: Any, **keywords: Any) -> Any:
    return wrap(trace, trace.emit(op, *(_matrix(trace, o) for o in operands), **keywords))


def _stands(trace: Trace, a: Any) -> Any:
    """A stand-in in the dtype that scipy.linalg computes in."""
    return wrap(trace, _matrix(trace, a)) if lift(trace, a).dtype == np.float16 else as_tracer(trace, a)


def _transposed(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


# ---------------------------------------------------------------------------------------------------------- systems


@arranged("scipy.linalg", "solve")
@in_steps
def solve(
    trace: Trace,
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    a, b = _stands(trace, a), _stands(trace, b)
    if assume_a in ("pos", "positive definite") and np.ndim(a) == 2 and not transposed:
        factor = np.linalg.cholesky(a, upper=not lower)
        return _emit(trace, own.cho_solve, factor, b, lower=bool(lower))
    a = _assumed(trace, "solve", a, assume_a, lower)
    if transposed:
        if np.iscomplexobj(a):
            raise refuse(trace, "the keyword 'transposed' of scipy.linalg.solve", "of complex numbers", "a.T")
        a = _transposed(a)
    return np.linalg.solve(a, b)


def _assumed(trace: Trace, name: str, a: Any, structure: Any, lower: bool) -> Any:
    """The matrix that is meant: of a symmetric one SciPy reads one triangle."""
    if structure in (None, "gen", "general"):
        return a
    if structure in ("pos", "positive definite", "sym", "symmetric", "her", "hermitian"):
        side, offset = (np.tril, -1) if lower else (np.triu, 1)
        apart = side(a, offset)
        if structure in ("sym", "symmetric") or not np.iscomplexobj(a):
            return side(a) + _transposed(apart)
        diagonal = traced_creation("eye", a.shape[-1]) * np.real(a)
        return apart + np.conj(_transposed(apart)) + diagonal
    if structure in ("upper triangular", "lower triangular"):
        return (np.triu if structure.startswith("upper") else np.tril)(a)
    if structure in ("diagonal", "tridiagonal"):
        near = 0 if structure == "diagonal" else 1
        return np.triu(np.tril(a, near), -near)
    raise refuse(trace, f"assume_a={structure!r} of scipy.linalg.{name}", "", "assume_a='gen'")


def _flag(trans: Any) -> int:
    flags = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
    if trans not in flags:
        raise ValueError("trans is 0 or 'N', 1 or 'T', 2 or 'C'")
    return flags[trans]


@arranged("scipy.linalg", "solve_triangular")
def solve_triangular(
    trace: Trace,
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    keywords = {"trans": _flag(trans), "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    value = _matrix(trace, a)
    if keywords["trans"] == 2 and value.dtype.kind != "c":
        keywords["trans"] = 1
    return _emit(trace, own.solve_triangular, value, b, **keywords)


@arranged("scipy.linalg", "inv")
@in_steps
def inv(
    trace: Trace,
    a: Any,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: Any = None,
    lower: bool = False,
) -> Any:
    return np.linalg.inv(_assumed(trace, "inv", _stands(trace, a), assume_a, lower))


@arranged("scipy.linalg", "det")
@in_steps
def det(trace: Trace, a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    value = lift(trace, a)
    wide = np.dtype(complex if value.dtype.kind == "c" else float)  # whatever it is given
    return np.linalg.det(as_tracer(trace, a) if value.dtype == wide else as_tracer(trace, a).astype(wide))


@arranged("scipy.linalg", "pinv")
@in_steps
def pinv(
    trace: Trace, a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True
) -> Any:
    _refuse_keywords(trace, "pinv", atol=atol, return_rank=return_rank)
    a = _stands(trace, a)
    dtype = own.scipy_dtype(a._here().type)
    cutoff = float(max(a.shape[-2:]) * np.finfo(dtype).eps) if rtol is None else float(rtol)
    return np.linalg.pinv(a, rcond=cutoff)


@arranged("scipy.linalg", "lstsq")
def lstsq(
    trace: Trace,
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:
    left, right = _matrix(trace, a), _matrix(trace, b)
    if left.ndim != 2:
        raise refuse(trace, "scipy.linalg.lstsq of a stack of matrices", "", "one call for each matrix")
    cutoff = float(np.finfo(own.scipy_dtype(left.type, right.type)).eps) if cond is None else float(cond)
    x, squares, rank, values = (wrap(trace, v) for v in _several(trace, linalg.lstsq, left, right, rcond=cutoff))
    if right.ndim == 1 and squares.size:
        squares = squares[0]
    if squares.size and int(rank) < left.shape[1]:
        squares = np.array([], squares.dtype)
    return x, squares, rank, values


@arranged("scipy.linalg", "norm")
@in_steps
def norm(
    trace: Trace, a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    return np.linalg.norm(as_tracer(trace, a), ord, axis, keepdims)


@arranged("scipy.linalg", "solve_sylvester")
def solve_sylvester(trace: Trace, a: Any, b: Any, q: Any) -> Any:
    return _emit(trace, own.solve_sylvester, a, b, q)


@arranged("scipy.linalg", "solve_continuous_lyapunov", "solve_lyapunov")
@in_steps
def solve_continuous_lyapunov(trace: Trace, a: Any, q: Any) -> Any:
    a = _stands(trace, a)
    return _emit(trace, own.solve_sylvester, a, np.conj(_transposed(a)) if np.iscomplexobj(a) else _transposed(a), q)


# --------------------------------------------------------------------------------------------------- factorizations


@arranged("scipy.linalg", "cholesky")
def cholesky(trace: Trace, a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return _emit(trace, decompositions.cholesky, a, upper=not lower)


@arranged("scipy.linalg", "cho_factor")
@in_steps
def cho_factor(trace: Trace, a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The other triangle of the result holds what is in the matrix there."""
    a = _stands(trace, a)
    factor = np.linalg.cholesky(a, upper=True) if not lower else np.linalg.cholesky(a)
    if a.ndim > 2:
        raise refuse(trace, "scipy.linalg.cho_factor of a stack of matrices", "", "np.linalg.cholesky")
    side, offset = (linalg.upper_triangle, 1) if lower else (linalg.lower_triangle, -1)
    return factor + wrap(trace, trace.emit(side, a._here(), offset=offset)), bool(lower)


@arranged("scipy.linalg", "cho_solve")
def cho_solve(trace: Trace, c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    c, lower = c_and_lower
    both = _matrix(trace, c)
    factor = factor_within(both, bool(lower))
    return _emit(trace, own.cho_solve, both if factor is None else factor, b, lower=bool(lower))


@arranged("scipy.linalg", "lu")
def lu(
    trace: Trace,
    a: Any,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> Any:
    if permute_l:
        permutation, left, right = (wrap(trace, v) for v in trace.emit(own.lu, _matrix(trace, a)))
        return permutation @ left, right
    permutation, left, right = (wrap(trace, v) for v in _several(trace, own.lu, _matrix(trace, a)))
    if p_indices:
        permutation = np.argmax(permutation, axis=-1).astype(np.int32)
    return permutation, left, right


@arranged("scipy.linalg", "lu_factor")
def lu_factor(trace: Trace, a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    value = _matrix(trace, a)
    if value.shape[-1:] != value.shape[-2:-1]:
        raise refuse(trace, "scipy.linalg.lu_factor of a matrix that is not square", "", "scipy.linalg.lu(a)")
    return tuple(wrap(trace, v) for v in _several(trace, own.lu_factor, value))


@arranged("scipy.linalg", "lu_solve")
def lu_solve(
    trace: Trace, lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    both, pivots = lu_and_piv
    value = _matrix(trace, both)
    flag = _flag(trans)
    if flag == 2 and value.dtype.kind == "c":
        raise refuse(trace, "trans=2 of scipy.linalg.lu_solve", "of complex numbers", "trans=1 and np.conj")
    made = trace.emit(own.lu_solve, value, _matrix(trace, b), lift(trace, pivots), trans=min(flag, 1))
    return wrap(trace, made)


@arranged("scipy.linalg", "qr")
def qr(
    trace: Trace,
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    _refuse_keywords(trace, "qr", pivoting=pivoting)
    value = _matrix(trace, a)
    if mode not in ("full", "r", "economic"):
        raise refuse(trace, f"mode={mode!r} of scipy.linalg.qr", "", "mode='full', 'economic' or 'r'")
    reduced = mode == "economic" or value.shape[-2] <= value.shape[-1]
    results = _several(trace, decompositions.qr, value, mode="reduced" if reduced else "complete")
    q, r = (wrap(trace, v) for v in results)
    return (r,) if mode == "r" else (q, r)


@arranged("scipy.linalg", "svd")
def svd(
    trace: Trace,
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    if lapack_driver != "gesdd":
        raise refuse(trace, "the keyword 'lapack_driver' of scipy.linalg.svd")
    if not compute_uv:
        return _emit(trace, decompositions.svdvals, a)
    results = _several(trace, decompositions.svd, _matrix(trace, a), full_matrices=bool(full_matrices))
    return tuple(wrap(trace, v) for v in results)


@arranged("scipy.linalg", "svdvals")
def svdvals(trace: Trace, a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return _emit(trace, decompositions.svdvals, a)


@arranged("scipy.linalg", "eigh")
def eigh(
    trace: Trace,
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    _refuse_keywords(
        trace,
        "eigh",
        type=type if type != 1 else None,
        subset_by_index=subset_by_index,
        subset_by_value=subset_by_value,
        driver=driver,
    )
    if eigvals_only and b is None:
        return _emit(trace, decompositions.eigvalsh, a, upper=not lower)
    operands = [_matrix(trace, x) for x in ((a,) if b is None else (a, b))]
    if eigvals_only:
        return wrap(trace, trace.emit(own.eigh, *operands, lower=bool(lower))[0])
    return tuple(wrap(trace, v) for v in _several(trace, own.eigh, *operands, lower=bool(lower)))


@arranged("scipy.linalg", "eigvalsh")
def eigvalsh(
    trace: Trace,
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    subsets = {"subset_by_index": subset_by_index, "subset_by_value": subset_by_value}
    return eigh(trace, a, b, lower=lower, eigvals_only=True, type=type, driver=driver, **subsets)


# ---------------------------------------------------------------------------------------------- functions of matrices


@arranged("scipy.linalg", "expm")
def expm(trace: Trace, A: Any) -> Any:
    return _emit(trace, own.expm, A)


@arranged("scipy.linalg", "expm_frechet")
def expm_frechet(
    trace: Trace, A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    _refuse_keywords(trace, "expm_frechet", method=method)
    wide = [_wide(trace, x) for x in (A, E)]
    derivative = wrap(trace, trace.emit(own.expm_frechet, *wide))
    return (wrap(trace, trace.emit(own.expm, wide[0])), derivative) if compute_expm else derivative


def _wide(trace: Trace, a: Any) -> Value:
    value = lift(trace, a)
    dtype = np.dtype(complex if value.dtype.kind == "c" else float)
    wide: Value = value if value.dtype == dtype else trace.emit(astype, value, dtype=dtype)
    return wide


@arranged("scipy.linalg", "logm")
def logm(trace: Trace, A: Any, disp: Any = True) -> Any:
    _refuse_keywords(trace, "logm", disp=None if disp else 0)
    return _valued(trace, own.logm, "logm", _wide(trace, A))


@arranged("scipy.linalg", "sqrtm")
def sqrtm(trace: Trace, A: Any, disp: Any = True, blocksize: Any = _LEFT_OUT) -> Any:
    _refuse_keywords(trace, "sqrtm", disp=None if disp else 0)
    return _valued(trace, own.sqrtm, "sqrtm", _matrix(trace, A))


def _valued(trace: Trace, op: Op, name: str, a: Value) -> Any:
    """Complex for some real matrices: their values decide that."""
    is_complex = a.dtype.kind == "c"
    if not is_complex:
        known, _ = trace.actual(a, f"to know whether scipy.linalg.{name} is complex")
        is_complex = bool(np.iscomplexobj(op.fun(np.asarray(known), is_complex=False)))
        if is_complex and op is own.logm:
            reason = "its eigenvalues lie where the logarithm jumps"
            raise refuse(trace, "scipy.linalg.logm of a real matrix with a complex logarithm", reason, "A + 0j")
    result = trace.emit(op, a, is_complex=is_complex)
    _guard_kind(trace, a, result)
    return wrap(trace, result)


def _of_exponential(name: str) -> None:
    """cosm and its like, as SciPy has them: of two exponentials, or of one where the matrix is real."""

    @arranged("scipy.linalg", name)
    @in_steps
    def run(trace: Trace, A: Any) -> Any:
        a = _stands(trace, A)

        def exponential(x: Any) -> Any:
            return _emit(trace, own.expm, x)

        if name == "sinhm":
            return 0.5 * (exponential(a) - exponential(-a))
        if name == "coshm":
            return 0.5 * (exponential(a) + exponential(-a))
        if not np.iscomplexobj(a):
            turned = exponential(1j * a)
            return np.real(turned) if name == "cosm" else np.imag(turned)
        if name == "cosm":
            return 0.5 * (exponential(1j * a) + exponential(-1j * a))
        return -0.5j * (exponential(1j * a) - exponential(-1j * a))


for _name in ("cosm", "sinm", "coshm", "sinhm"):
    _of_exponential(_name)
