"""Rearrangements that undo or repeat one another, or that a product or a sum does by itself."""

from __future__ import annotations

from typing import Any

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..types import normalize_axes


def reshape_again(builder: Builder, x: Value, *, shape: tuple[int, ...]) -> Value | None:
    """Of several reshapes only the last counts; one to the same shape is none."""
    if x.shape == shape and not x.type.weak:
        return x
    for name in ("reshape", "expand_dims", "squeeze"):
        inner = builder.definition(x, name)
        if inner is not None:
            result: Value = builder.emit(BY_NAME["reshape"], Value(builder, inner.operands[0]), shape=shape)
            return result
    return None


def transpose_again(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """Two transposes are one; the identity is none."""
    if axes == tuple(range(x.ndim)) and not x.type.weak:
        return x
    equation = builder.definition(x, "transpose")
    if equation is None:
        return None
    inner = equation.params["axes"]
    result: Value = builder.emit(
        BY_NAME["transpose"], Value(builder, equation.operands[0]), axes=tuple(inner[a] for a in axes)
    )
    return result


def transposed_product(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """(a.T @ b).T = b.T @ a and (a @ b.T).T = b @ a.T for stacks of matrices; a product that is read, too, stays."""
    product = builder.definition(x, "matmul")
    n = x.ndim
    if (
        product is None
        or product.out.named
        or x.atom in builder.shared
        or n < 2
        or axes != (*range(n - 2), n - 1, n - 2)
    ):
        return None
    a, b = (Value(builder, o) for o in product.operands)
    if a.ndim != n or b.ndim != n:
        return None
    for turned, other, first in ((a, b, True), (b, a, False)):
        made = builder.definition(turned, "transpose")
        if made is not None and made.params["axes"] == axes:
            back = Value(builder, made.operands[0])
            flipped: Value = builder.emit(BY_NAME["transpose"], other, axes=axes)
            return flipped @ back if first else back @ flipped
    return None


def undo(name: str, param: str) -> Rule:
    """A rearrangement directly after its own inverse `name` is nothing."""

    def undone(builder: Builder, x: Value, **params: Any) -> Value | None:
        equation = builder.definition(x, name)
        if equation is None or equation.params[param] != params[param] or equation.operands[0].type.weak:
            return None
        return Value(builder, equation.operands[0])

    return undone


def squeeze_sum(builder: Builder, x: Value, *, axis: tuple[int, ...]) -> Value | None:
    """A sum with keepdims whose axes are then squeezed out is a sum without."""
    equation = builder.definition(x, "sum")
    if equation is None or not equation.params["keepdims"]:
        return None
    summed = Value(builder, equation.operands[0])
    if normalize_axes(equation.params["axis"], summed.ndim) != axis:
        return None
    result: Value = builder.emit(BY_NAME["sum"], summed, axis=equation.params["axis"], keepdims=False)
    return result


def broadcast_to_itself(builder: Builder, x: Value, *, shape: tuple[int, ...]) -> Value | None:
    """A broadcast to the shape that is there already is nothing."""
    return x if x.shape == shape and not x.type.weak else None
