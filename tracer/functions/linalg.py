"""numpy.linalg: results as NumPy's named tuples, and keywords that choose another operation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.op import BY_NAME, Op
from ...ir.ops import decompositions, linalg, products
from ...ir.ops.elementwise import astype
from ...ir.types import normalize_axis
from ..array import Tracer, lift, wrap
from ..errors import UnsupportedError, explain
from ..site import current_site
from ..trace import Trace
from .registry import as_tracer, function

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]
_EighResult: Any = type(np.linalg.eigh(np.eye(1)))
_EigResult: Any = type(np.linalg.eig(np.eye(1)))
_QRResult: Any = type(np.linalg.qr(np.eye(1)))
_SVDResult: Any = type(np.linalg.svd(np.eye(1)))
_SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


@lru_cache(maxsize=1024)
def _targets(statement: str, expression: str) -> tuple[str, ...]:
    """The names in `w, V = np.linalg.eigh(A)`; none where the results are not unpacked into names."""
    try:
        (node,) = ast.parse(statement).body
        value = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        return ()
    if not isinstance(node, ast.Assign) or ast.dump(node.value) != ast.dump(value):
        return ()
    target = node.targets[0]
    if not isinstance(target, ast.Tuple) or not all(isinstance(t, ast.Name) for t in target.elts):
        return ()
    return tuple(t.id for t in target.elts if isinstance(t, ast.Name))


def _several(trace: Trace, operation: Op, *operands: Any, **params: Any) -> tuple[Value, ...]:
    """Record an operation of several results under the names that the user gives them."""
    values: tuple[Value, ...] = trace.emit(operation, *(lift(trace, o) for o in operands), **params)
    for value, name in zip(values, _given_names(), strict=False):
        if name != "_":
            trace.name(value, name)
    return values


def _given_names() -> tuple[str, ...]:
    """The names that the user's statement gives to the results of the call that is running."""
    site = current_site()
    return _targets(site.origin.statement, site.origin.expression) if site and site.origin else ()


def _number(trace: Trace, value: Any, what: str) -> float | None:
    """A tolerance: a plain number, since what it cuts off is part of the program."""
    if value is None:
        return None
    if isinstance(value, Tracer) or np.ndim(value):
        raise UnsupportedError(
            explain(f"{what} is not supported as an array", trace.origin(), "a Python number", "unsupported")
        )
    return float(value)


def _upper(uplo: Any) -> bool:
    if uplo.upper() not in ("U", "L"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return bool(uplo.upper() == "U")


# -------------------------------------------------------------------------------------------------- factorizations


@function(np.linalg.slogdet)
def slogdet(trace: Trace, a: Any) -> Any:
    return _SlogdetResult(*(wrap(trace, v) for v in _several(trace, linalg.slogdet, a)))


@function(np.linalg.cholesky)
def cholesky(trace: Trace, a: Any, /, *, upper: bool = False) -> Any:
    return wrap(trace, trace.emit(decompositions.cholesky, lift(trace, a), upper=bool(upper)))


@function(np.linalg.qr)
def qr(trace: Trace, a: Any, mode: str = "reduced") -> Any:
    if mode in ("f", "full", "e", "economic", "raw"):
        cause = f"np.linalg.qr with mode={mode!r} is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "mode='reduced', 'complete' or 'r'", "unsupported"))
    if mode == "r":
        return wrap(trace, trace.emit(decompositions.qr_triangle, lift(trace, a)))
    if mode not in ("reduced", "complete"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    return _QRResult(*(wrap(trace, v) for v in _several(trace, decompositions.qr, a, mode=mode)))


@function(np.linalg.svd)
def svd(trace: Trace, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    hermitian = bool(hermitian)
    if not compute_uv:
        return wrap(trace, trace.emit(decompositions.svdvals, lift(trace, a), hermitian=hermitian))
    keywords = {"full_matrices": bool(full_matrices), "hermitian": hermitian}
    return _SVDResult(*(wrap(trace, v) for v in _several(trace, decompositions.svd, a, **keywords)))


@function(np.linalg.eigh)
def eigh(trace: Trace, a: Any, UPLO: str = "L") -> Any:
    return _EighResult(*(wrap(trace, v) for v in _several(trace, decompositions.eigh, a, upper=_upper(UPLO))))


@function(np.linalg.eigvalsh)
def eigvalsh(trace: Trace, a: Any, UPLO: str = "L") -> Any:
    return wrap(trace, trace.emit(decompositions.eigvalsh, lift(trace, a), upper=_upper(UPLO)))


@function(np.linalg.eig)
def eig(trace: Trace, a: Any) -> Any:
    value = lift(trace, a)
    results = _several(trace, decompositions.eig, value, is_complex=_complex_eigenvalues(trace, value))
    _guard_kind(trace, value, results[0])
    return _EigResult(*(wrap(trace, v) for v in results))


@function(np.linalg.eigvals)
def eigvals(trace: Trace, a: Any) -> Any:
    value = lift(trace, a)
    result = trace.emit(decompositions.eigvals, value, is_complex=_complex_eigenvalues(trace, value))
    _guard_kind(trace, value, result)
    return wrap(trace, result)


def _complex_eigenvalues(trace: Trace, a: Value) -> bool:
    """Whether NumPy returns complex eigenvalues: of a real matrix, where any is complex."""
    linalg.check_square(a.type)
    linalg.linalg_dtype(a.type)
    if a.dtype.kind == "c" or decompositions.ALWAYS_COMPLEX:
        return True
    known, _ = trace.actual(a, "to know whether eigenvalues are complex")
    return bool(np.iscomplexobj(np.linalg.eigvals(known)))


def _guard_kind(trace: Trace, a: Value, w: Value) -> None:
    if a.dtype.kind != "c" and not decompositions.ALWAYS_COMPLEX:
        trace.number(trace.emit(decompositions.is_complex, w), "to know whether eigenvalues are complex")


# ----------------------------------------------------------------------------------------- systems, pseudoinverses


@function(np.linalg.pinv)
def pinv(trace: Trace, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _NO_VALUE) -> Any:
    value = lift(trace, a)
    if rcond is not None and rtol is not _NO_VALUE:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rtol is None:  # said aloud, it means another cutoff than left out
        rcond = max(value.shape[-2:]) * np.finfo(value.dtype).eps
    cutoff = _number(trace, rcond if rtol is None or rtol is _NO_VALUE else rtol, "rcond= of np.linalg.pinv")
    return wrap(trace, trace.emit(linalg.pinv, value, rcond=cutoff, hermitian=bool(hermitian)))


class _LeastSquares(tuple[Any, ...]):
    """What np.linalg.lstsq returns. Whoever looks at the residuals assumes that A has full rank, or that it has not."""

    _full: int  # the rank that leaves residuals

    def _residuals(self) -> Any:
        residuals, rank = super().__getitem__(1), super().__getitem__(2)
        if residuals.size and int(rank) != self._full:
            return np.array([], residuals.dtype)
        return residuals

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return tuple(self[i] for i in range(*key.indices(4)))
        return self._residuals() if key in (1, -3) else super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(4))


@function(np.linalg.lstsq)
def lstsq(trace: Trace, a: Any, b: Any, rcond: Any = None) -> Any:
    cutoff = _number(trace, rcond, "rcond= of np.linalg.lstsq")
    values = _several(trace, linalg.lstsq, a, b, rcond=cutoff)
    results = tuple(wrap(trace, v) for v in values)
    if _given_names()[1:2] == ("_",):
        return results
    result = _LeastSquares(results)
    result._full = values[0].shape[0]
    return result


@function(np.linalg.matrix_rank)
def matrix_rank(trace: Trace, A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if tol is not None and rtol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    keywords = {
        "tol": _number(trace, tol, "tol= of np.linalg.matrix_rank"),
        "hermitian": bool(hermitian),
        "rtol": _number(trace, rtol, "rtol= of np.linalg.matrix_rank"),
    }
    return wrap(trace, trace.emit(linalg.matrix_rank, lift(trace, A), **keywords))


# -------------------------------------------------------------------------------------------------------- products


@function(np.linalg.matrix_power)
def matrix_power(trace: Trace, a: Any, n: Any) -> Any:
    try:
        exponent = n.__index__()
    except (AttributeError, TypeError) as error:
        raise TypeError("exponent must be an integer") from error
    if exponent == 1:  # the array itself
        a = as_tracer(trace, a)
        linalg.check_square(a._here().type)
        return a
    return _compose(trace, products.matrix_power, lift(trace, a), exponent)


@function(np.linalg.multi_dot)
def multi_dot(trace: Trace, arrays: Any, *, out: Any = None) -> Any:
    return deliver(trace, _compose(trace, products.multi_dot, [lift(trace, x) for x in arrays]), out, "multi_dot")


def _compose(trace: Trace, meaning: Any, *operands: Any) -> Any:
    from ..dispatch import compose

    return wrap(trace, compose(trace, meaning, operands, {}))


def deliver(trace: Trace, result: Any, out: Any, name: str) -> Any:
    """The result, or `out` with the result in it."""
    from ..dispatch import _deliver

    return result if out is None else _deliver(trace, lift(trace, result), out, True, name)


@function(np.trace)
def trace_(
    trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    value = lift(trace, a)
    if dtype is not None:
        value = trace.emit(astype, value, dtype=np.dtype(dtype))
    result = trace.emit(linalg.trace, value, offset=int(offset), axis1=int(axis1), axis2=int(axis2))
    return deliver(trace, wrap(trace, result), out, "trace")


@function(np.linalg.trace)
def linalg_trace(trace: Trace, x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace_(trace, x, offset, lift(trace, x).ndim - 2, lift(trace, x).ndim - 1, dtype)


@function(np.linalg.diagonal)
def linalg_diagonal(trace: Trace, x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@function(np.linalg.outer)
def linalg_outer(trace: Trace, x1: Any, x2: Any, /) -> Any:
    a, b = lift(trace, x1), lift(trace, x2)
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(f"Input arrays must be one-dimensional, but they are x1.ndim={a.ndim} and x2.ndim={b.ndim}.")
    return wrap(trace, trace.emit(BY_NAME["outer"], a, b))


@function(np.linalg.cross)
def linalg_cross(trace: Trace, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = lift(trace, x1), lift(trace, x2)
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, "
            f"but they are {a.shape[axis]} and {b.shape[axis]} dimensional instead."
        )
    return np.cross(x1, x2, axis=axis)


@function(np.linalg.matmul)
def linalg_matmul(trace: Trace, x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@function(np.linalg.tensordot)
def linalg_tensordot(trace: Trace, x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


@function(np.linalg.matrix_transpose)
def linalg_matrix_transpose(trace: Trace, x: Any, /) -> Any:
    return np.matrix_transpose(x)


@function(np.linalg.vecdot)
def linalg_vecdot(trace: Trace, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    product: Any = np.vecdot
    return product(x1, x2, axis=axis)


# ------------------------------------------------------------------------------- the axes of generalized products


def _generalized(ufunc: np.ufunc, ranks: tuple[int, int, int]) -> None:
    """Enter a product whose keywords say which axes hold its vectors and matrices."""

    def call(
        trace: Trace, a: Any, b: Any, /, *, axes: Any = None, axis: Any = None, keepdims: bool = False, out: Any = None
    ) -> Any:
        vectors = ranks == (1, 1, 0)
        if (axis is not None or keepdims) and not vectors:
            raise TypeError(f"{ufunc.__name__}: axis and keepdims can be used only with vectors")
        if axes is not None and axis is not None:
            raise TypeError("cannot specify both 'axis' and 'axes'")
        given = [_axis_tuple(x) for x in axes] if axes is not None else [(axis,)] * 2 if axis is not None else []
        operands = [lift(trace, a), lift(trace, b)]
        for k, (own, operand) in enumerate(zip(given, operands, strict=False)):
            operands[k] = _moved(operand, own, last=True)
        result = trace.emit(BY_NAME[ufunc.__name__], *operands)
        if keepdims:
            place = given[0][0] if given else -1
            result = trace.emit(BY_NAME["expand_dims"], result, axis=(normalize_axis(place, result.ndim + 1),))
        elif len(given) > 2:
            result = _moved(result, given[2], last=False)
        return deliver(trace, wrap(trace, result), out, ufunc.__name__)

    function(ufunc)(call)


def _axis_tuple(axes: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in axes) if isinstance(axes, tuple | list) else (int(axes),)


def _moved(x: Value, axes: tuple[int, ...], last: bool) -> Value:
    """These axes moved to the end, or the last ones to these places."""
    places = [normalize_axis(i, x.ndim) for i in axes]
    ends = list(range(x.ndim - len(places), x.ndim))
    source, target = (places, ends) if last else (ends, places)
    rest = [i for i in range(x.ndim) if i not in source]
    for to, from_ in sorted(zip(target, source, strict=True)):
        rest.insert(to, from_)
    if rest == list(range(x.ndim)):
        return x
    moved: Value = BY_NAME["transpose"](x, axes=tuple(rest))
    return moved


_generalized(np.matmul, (2, 2, 2))
for _name, _ranks in (("vecdot", (1, 1, 0)), ("matvec", (2, 1, 1)), ("vecmat", (1, 2, 1))):
    if hasattr(np, _name):  # the latter two since NumPy 2.2
        _generalized(getattr(np, _name), _ranks)
