"""Products with an identity or a diagonal matrix, as the unit vectors of a jacobian make them."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..op import BY_NAME


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


IDENTITY_RULES: dict[str, tuple[Rule, ...]] = {
    "matmul": (product_with_identity, product_with_diagonal),
    "multiply": (scaled_identity,),
    "divide": (divided_identity,),
    "transpose": (transposed_identity,),
}
