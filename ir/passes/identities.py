"""Products with an identity or a diagonal matrix, as the unit vectors of a jacobian make them."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..op import BY_NAME
from ..types import normalize_axes
from .coefficients import Scaled, peeled, scale


def _is_identity(builder: Builder, x: Value) -> bool:
    made = builder.definition(x, "identity_matrix")
    return made is not None and made.params["rows"] == made.params["columns"] and made.params["offset"] == 0


def product_with_identity(builder: Builder, a: Value, b: Value) -> Value | None:
    """I @ b = b, a @ I = a."""
    if a.ndim == b.ndim == 2 and a.dtype == b.dtype:
        return b if _is_identity(builder, a) else a if _is_identity(builder, b) else None
    return None


def product_with_diagonal(builder: Builder, a: Value, b: Value) -> Value | None:
    """diag(v) @ b = v[:, None] * b, a @ diag(v) = a * v."""
    if a.ndim != 2 or b.ndim != 2:
        return None
    left, right = _diagonal_of(builder, a), _diagonal_of(builder, b)
    if right is not None:
        return a * right
    if left is not None:
        column: Value = BY_NAME["expand_dims"](left, axis=(1,))
        return column * b
    return None


@looks_into("identity_matrix", "diagonal_matrix")
def scaled_identity(builder: Builder, a: Value, b: Value) -> Value | None:
    """I * v = diag(v) for a row v; diag(u) * v = diag(u * v) for a row or a number v."""
    for matrix, row in ((a, b), (b, a)):
        if row.dtype != matrix.dtype and not row.type.weak:
            continue
        if row.shape == matrix.shape[1:] and row.ndim == 1 and _is_identity(builder, matrix):
            return _diagonal(row)
        diagonal = _diagonal_of(builder, matrix)
        if diagonal is not None and row.shape in ((), diagonal.shape):
            return _diagonal(diagonal * row)
    return None


@looks_into("identity_matrix", "diagonal_matrix")
def divided_identity(builder: Builder, a: Value, b: Value) -> Value | None:
    """I / v = diag(1 / v) for a row v; diag(u) / v = diag(u / v) for a row or a number v."""
    if b.dtype != a.dtype and not b.type.weak:
        return None
    if b.ndim == 1 and b.shape == a.shape[1:] and _is_identity(builder, a):
        return _diagonal(1 / b)
    diagonal = _diagonal_of(builder, a)
    return _diagonal(diagonal / b) if diagonal is not None and b.shape in ((), diagonal.shape) else None


def _diagonal_of(builder: Builder, matrix: Value) -> Value | None:
    made = builder.definition(matrix, "diagonal_matrix")
    return Value(builder, made.operands[0]) if made is not None and made.params["offset"] == 0 else None


def _diagonal(row: Value) -> Value:
    made: Value = BY_NAME["diagonal_matrix"](row, offset=0)
    return made


def transposed_identity(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """I.T = I, diag(v).T = diag(v)."""
    symmetric = _is_identity(builder, x) or _diagonal_of(builder, x) is not None
    return x if symmetric and axes == (1, 0) else None


def sum_along_identity(
    builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool
) -> Value | None:
    """sum(x * I) = trace(x); along one of the two axes the diagonal of x."""
    made = builder.definition(x, "multiply")
    if made is None or keepdims or x.ndim < 2:
        return None
    axes = normalize_axes(axis, x.ndim)
    for first, second in (made.operands, made.operands[::-1]):
        matrix, identity = Value(builder, first), Value(builder, second)
        if matrix.type != x.type or identity.ndim != 2 or not _is_identity(builder, identity):
            continue
        last = (x.ndim - 2, x.ndim - 1)
        if axes == last == (0, 1):
            return builder.emit(BY_NAME["trace"], matrix)  # type: ignore[no-any-return]
        if len(axes) == 1 and axes[0] in last:
            return builder.emit(BY_NAME["diagonal"], matrix, axis1=last[0], axis2=last[1])  # type: ignore[no-any-return]
    return None


def trace_of_outer(builder: Builder, x: Value, *, offset: int, axis1: int, axis2: int) -> Value | None:
    """trace(outer(u, v)) = u @ v, also as a part of a sum, so that the sum need not be kept for its diagonal."""
    made = builder.definition(x)
    if made is None or x.ndim != 2 or offset or (axis1, axis2) != (0, 1) or x.dtype.kind not in "fc":
        return None
    inner = peeled(builder, x)
    if not inner.trivial and inner.rest is not None:
        total = trace_of_outer(builder, inner.rest, offset=0, axis1=0, axis2=1)
        return None if total is None else scale(builder, Scaled(inner.num, inner.den, total))
    a, b = (Value(builder, o) for o in made.operands[:2]) if len(made.operands) > 1 else (x, x)
    if made.op.name == "outer":
        alike = a.shape == b.shape and a.type == b.type and a.ndim == 1
        return a @ b if alike else None
    if made.op.name not in ("add", "subtract") or a.type != x.type or b.type != x.type:
        return None
    parts = [trace_of_outer(builder, part, offset=0, axis1=0, axis2=1) for part in (a, b)]
    if parts == [None, None]:
        return None
    first, second = (BY_NAME["trace"](v) if p is None else p for v, p in zip((a, b), parts, strict=True))
    result: Value = builder.emit(made.op, first, second)
    return result


IDENTITY_RULES: dict[str, tuple[Rule, ...]] = {
    "matmul": (product_with_identity, product_with_diagonal),
    "multiply": (scaled_identity,),
    "divide": (divided_identity,),
    "transpose": (transposed_identity,),
    "sum": (sum_along_identity,),
    "trace": (trace_of_outer,),
}
