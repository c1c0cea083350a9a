"""Sums along an axis that are known already: what was centred adds up to 0, a multiple of something summed to one."""

from __future__ import annotations

import math

from ..builder import Builder, Rule, Value
from ..dims import Dim
from ..op import BY_NAME
from ..program import Equation, Literal
from ..types import normalize_axes
from .coefficients import peeled

Axis = int | tuple[int, ...] | None
Factor = tuple[str, Value]  # "multiply" or "divide", and by what
DEEPEST = 4  # factors that are taken out of a product


def _constant(builder: Builder, factor: Value, like: Value, axes: tuple[int, ...]) -> bool:
    """Whether a factor, broadcast to the shape of `like`, is the same along the axes."""
    lead = like.ndim - factor.ndim
    return all(axis < lead or factor.shape[axis - lead] == 1 for axis in axes)


def _is_centred(builder: Builder, x: Value, axes: tuple[int, ...]) -> bool:
    """Whether x is u - mean(u) along the axes."""
    made = builder.definition(x, "subtract")
    if made is None or x.dtype.kind not in "fc":
        return False
    u, m = (Value(builder, o) for o in made.operands)
    widened = builder.definition(m, "expand_dims")
    if widened is not None:
        m = Value(builder, widened.operands[0])
    mean = builder.definition(m, "mean") or _divided_sum(builder, m, axes)
    if mean is None or mean.operands[0] is not u.atom or u.type != x.type:
        return False
    if normalize_axes(mean.params["axis"], u.ndim) != axes:
        return False
    if widened is not None:
        return not mean.params["keepdims"] and normalize_axes(widened.params["axis"], u.ndim) == axes
    return bool(mean.params["keepdims"]) or axes == tuple(range(len(axes)))


def _divided_sum(builder: Builder, m: Value, axes: tuple[int, ...]) -> Equation | None:
    """The sum that a mean was written as: sum(u) / n with the number n of what is added up."""
    made = builder.definition(m, "divide")
    total = None if made is None else builder.definition(Value(builder, made.operands[0]), "sum")
    if made is None or total is None or not isinstance(made.operands[1], Literal):
        return None
    u = total.operands[0].type
    if -1 in u.shape or any(isinstance(n, Dim) for n in u.shape):
        return None
    return total if made.operands[1].value == math.prod(u.shape[axis] for axis in axes) else None


def sum_of_centred(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum(a + c * (u - mean(u))) = sum(a) for a c that does not vary along the axes, likewise with minus."""
    made = builder.definition(x, "add") or builder.definition(x, "subtract")
    if made is None or x.dtype == "float16":
        return None
    a, b = (Value(builder, o) for o in made.operands)
    axes = normalize_axes(axis, x.ndim)
    for kept, other in ((a, b), (b, a)):
        if kept.type != x.type or other.type != x.type:
            continue
        centred, _ = _barer(builder, other, x, axes)[-1]
        if _is_centred(builder, centred, axes):
            total: Value = builder.emit(BY_NAME["sum"], kept, axis=axis, keepdims=keepdims)
            return -total if kept is b and made.op.name == "subtract" else total
    return None


def sum_of_centred_rows(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum(c * (u - mean(u, axis=0)) @ m, axis=0) = 0 for a number c: each column of the product is centred as well."""
    bare = peeled(builder, x).rest
    product = None if bare is None else builder.definition(bare, "matmul")
    if product is None or x.ndim != 2 or normalize_axes(axis, 2) != (0,) or x.dtype == "float16":
        return None
    rows = Value(builder, product.operands[0])
    if rows.ndim != 2 or rows.dtype != x.dtype or not _is_centred(builder, rows, (0,)):
        return None
    shape = (1, x.shape[1]) if keepdims else x.shape[1:]
    zeros: Value = builder.emit(BY_NAME["filled"], value=0, shape=shape, dtype=x.dtype)
    return zeros


def known_sum(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum((a / c) * b) = sum(a * b) / c where sum(a * b) is there already and c does not vary along the axes."""
    made = builder.definition(x, "multiply")
    if made is None or x.dtype == "float16":
        return None
    axes = normalize_axes(axis, x.ndim)
    first, second = (_barer(builder, Value(builder, o), x, axes) for o in made.operands)
    for a, taken in first:
        for b, others in second:
            total = _sum_of(builder, a, b, axis, keepdims) if taken or others else None
            if total is not None:
                return multiplied(builder, total, [*taken, *others], x, axes, keepdims)
    return None


def _sum_of(builder: Builder, a: Value, b: Value, axis: Axis, keepdims: bool) -> Value | None:
    """sum(a * b), if that is there."""
    for product in (builder.find("multiply", a, b), builder.find("multiply", b, a)):
        total = None if product is None else builder.find("sum", product, axis=axis, keepdims=keepdims)
        if total is not None:
            return total
    return None


def multiplied(
    builder: Builder, total: Value, factors: list[Factor], like: Value, axes: tuple[int, ...], keepdims: bool
) -> Value | None:
    """The sum with the factors that were taken out of it, if their shapes allow that."""
    result: Value = total
    for name, factor in factors:
        flat = factor if keepdims or not factor.ndim else _without(factor, like, axes)
        if flat is None:
            return None
        result = builder.emit(BY_NAME[name], result, flat)
    return result if result.type == total.type else None


def _barer(builder: Builder, x: Value, like: Value, axes: tuple[int, ...]) -> list[tuple[Value, list[Factor]]]:
    """x, and what is left of it without one, two ... of the factors and divisors that do not vary along the axes."""
    found: list[tuple[Value, list[Factor]]] = [(x, [])]
    for _ in range(DEEPEST):
        x, factors = found[-1]
        made = builder.definition(x, "multiply") or builder.definition(x, "divide")
        if made is None:
            break
        a, b = (Value(builder, o) for o in made.operands)
        pairs = [(a, b)] + ([(b, a)] if made.op.name == "multiply" else [])
        inner = [(u, c) for u, c in pairs if u.type == like.type and _constant(builder, c, like, axes)]
        if not inner or (inner[0][1].dtype != like.dtype and not inner[0][1].type.weak):
            break
        found.append((inner[0][0], [*factors, (made.op.name, inner[0][1])]))
    return found


def _without(factor: Value, like: Value, axes: tuple[int, ...]) -> Value | None:
    """A factor as it stands beside a sum that has lost the axes."""
    lead = like.ndim - factor.ndim
    inside = tuple(axis - lead for axis in axes if axis >= lead)
    if not inside:
        return factor if axes == tuple(range(len(axes))) else None
    squeezed: Value = BY_NAME["squeeze"](factor, axis=inside)
    return squeezed


MOMENT_RULES: dict[str, tuple[Rule, ...]] = {"sum": (sum_of_centred, sum_of_centred_rows, known_sum)}
