"""Products of matrices that are sums or products of vectors: rows are added up, columns multiplied, by themselves."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..program import Equation
from ..sizes import reaches
from ..types import normalize_axes

LARGE = 1 << 17  # elements that are not made for their name alone, nor multiplied by what the sum may be
SMALLER = 8  # times fewer elements make a factor a small one
DEEPEST = 4  # factors that are looked through

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


def sum_of_scaled(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum(x * y * c) = sum(x * y) * c for a small c that does not vary along the axes, of a large product."""
    axes = normalize_axes(axis, x.ndim)
    if not reaches(x.size, LARGE) or len(axes) == x.ndim or x.dtype.kind not in "fc" or x.dtype.itemsize < 4:
        return None
    factors = _factors(builder, x, DEEPEST)
    fixed = [f for f in factors if f.size * SMALLER <= x.size and _is_fixed(f, x, axes)]
    rest = [f for f in factors if not any(f is one for one in fixed)]
    if len(rest) < 2 or not any(f.ndim for f in fixed):
        return None
    product = rest[0]
    for factor in rest[1:]:
        product = product * factor
    if product.type != x.type:
        return None
    total = _sum_along(product, axes, keepdims)
    for factor in fixed:
        squeezed = not keepdims and factor.ndim == x.ndim
        total = total * (BY_NAME["squeeze"](factor, axis=axes) if squeezed else factor)
    return total if total.type == BY_NAME["sum"].infer(x.type, axis=axis, keepdims=keepdims) else None


def _factors(builder: Builder, x: Value, left: int) -> list[Value]:
    """What a product multiplies, and what products that nothing else reads in it do."""
    made = builder.definition(x, "multiply")
    if made is None or not left or (left < DEEPEST and x.atom in builder.shared):
        return [x]
    return [f for o in made.operands for f in _factors(builder, Value(builder, o), left - 1)]


def _is_fixed(factor: Value, x: Value, axes: tuple[int, ...]) -> bool:
    """Whether a factor is a number, or is the same along the axes and has all of the others or none of these."""
    lead = x.ndim - factor.ndim
    leading = axes == tuple(range(len(axes))) and lead >= len(axes)
    return not factor.ndim or leading or (not lead and all(factor.shape[axis] == 1 for axis in axes))


def sum_of_turned_product(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum((A @ B) turned, axis) = sum(A @ B, the same axis), where the others keep their order."""
    turned = builder.definition(x, "transpose")
    if turned is None or x.atom in builder.shared or keepdims or (turned.out.named and not reaches(x.size, LARGE)):
        return None
    product, order = Value(builder, turned.operands[0]), turned.params["axes"]
    axes = normalize_axes(axis, x.ndim)
    rest = [a for i, a in enumerate(order) if i not in axes]
    if rest != sorted(rest) or product.atom in builder.shared or builder.definition(product, "matmul") is None:
        return None
    return sum_before_product(builder, product, axis=tuple(sorted(order[i] for i in axes)), keepdims=False)


def product_with_outer(builder: Builder, a: Value, b: Value) -> Value | None:
    """A @ (c * outer(u, v)) = outer(c * (A @ u), v), (c * outer(u, v)) @ B = outer(c * u, v @ B)."""
    if a.ndim != 2 or b.ndim != 2 or a.dtype != b.dtype or a.dtype.kind not in "fc" or a.dtype.name == "float16":
        return None
    for matrix, first in ((a, True), (b, False)):
        number, product = _scaled_outer(builder, b if first else a)
        if product is None:
            continue
        u, v = (Value(builder, o) for o in product.operands)
        if u.ndim != 1 or v.ndim != 1 or u.dtype != a.dtype or v.dtype != a.dtype:
            continue
        u, v = (matrix @ u, v) if first else (u, v @ matrix)
        outer: Value = BY_NAME["outer"](u if number is None else number * u, v)
        return outer
    return None


def _scaled_outer(builder: Builder, x: Value) -> tuple[Value | None, Equation | None]:
    """c and the equation of outer(u, v) where x is c * outer(u, v); None for a c of 1."""
    made = builder.definition(x)
    if made is not None and made.op.name == "multiply":
        for first, second in (made.operands, made.operands[::-1]):
            product = builder.definition(Value(builder, second), "outer")
            if product is not None and not first.type.shape and product.out.type == x.type:
                return Value(builder, first), product
    if made is not None and made.op.name == "negative":
        product = builder.definition(Value(builder, made.operands[0]), "outer")
        return builder.value(-1.0), product
    return None, made if made is not None and made.op.name == "outer" else None


def _sum_along(x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    total: Value = BY_NAME["sum"](x, axis=axes[0] if len(axes) == 1 else axes, keepdims=keepdims)
    return total


def _sum(x: Value, axis: int, keepdims: bool = False) -> Value:
    total: Value = BY_NAME["sum"](x, axis=axis, keepdims=keepdims)
    return total


def _without(x: Value, axis: int) -> Value:
    """x[..., 0, :] or x[..., 0] of an axis of length 1."""
    squeezed: Value = BY_NAME["squeeze"](x, axis=(axis,))
    return squeezed


PRODUCT_RULES: dict[str, tuple[Rule, ...]] = {
    "sum": (sum_before_product, sum_of_turned_product, sum_of_scaled),
    "matmul": (product_with_outer,),
}
