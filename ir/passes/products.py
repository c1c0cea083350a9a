"""Sums of matrix products: rows are added up before they are multiplied, which leaves a row to be multiplied."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..types import normalize_axes

Axis = int | tuple[int, ...] | None


def sum_before_product(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum(A @ B, axis=-2) = sum(A, axis=-2) @ B, sum(A @ B, axis=-1) = A @ sum(B, axis=-1); of stacks likewise."""
    product = builder.definition(x, "matmul")
    if product is None or product.out.named or x.atom in builder.shared or keepdims or x.dtype.kind not in "fc":
        return None
    if x.dtype.name == "float16":
        return None  # a sum alone may be too large
    a, b = (Value(builder, o) for o in product.operands)
    axes = normalize_axes(axis, x.ndim)
    if a.ndim == 2 and b.ndim == 1:
        return _sum(a, 0) @ b if axes == (0,) else None
    if a.ndim != b.ndim or a.ndim < 2 or a.dtype != b.dtype:
        return None
    rows, columns = x.ndim - 2, x.ndim - 1
    if axes == (rows,):
        return _sum(a, 0) @ b if x.ndim == 2 else _without(_sum(a, rows, keepdims=True) @ b, rows)
    if axes == (columns,):
        return a @ _sum(b, 1) if x.ndim == 2 else _without(a @ _sum(b, columns, keepdims=True), columns)
    if axes == (0, 1) and x.ndim == 2:
        return _sum(a, 0) @ _sum(b, 1)
    return None


def _sum(x: Value, axis: int, keepdims: bool = False) -> Value:
    total: Value = BY_NAME["sum"](x, axis=axis, keepdims=keepdims)
    return total


def _without(x: Value, axis: int) -> Value:
    """x[..., 0, :] or x[..., 0] of an axis of length 1."""
    squeezed: Value = BY_NAME["squeeze"](x, axis=(axis,))
    return squeezed


PRODUCT_RULES: dict[str, tuple[Rule, ...]] = {"sum": (sum_before_product,)}
