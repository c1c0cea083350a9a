"""What the transpose of a reverse pass leaves to be put together: quotients and choices that belong to one step."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..dims import ordinary
from ..op import BY_NAME
from ..program import Literal


def _operands(builder: Builder, value: Value, name: str) -> tuple[Value, ...] | None:
    """The operands of the unnamed equation `name` that made the value, if such a one did."""
    made = builder.definition(value, name)
    if made is None or made.out.named:
        return None
    return tuple(Value(builder, o) for o in made.operands)


def common_denominator(name: str) -> Rule:
    """a / q - b / q = (a - b) / q, also where the second is (b / q) * y: the tangent of a quotient."""

    @looks_into("divide")
    def combined(builder: Builder, a: Value, b: Value) -> Value | None:
        if builder.level < 2:  # a first reverse pass shares its quotients already
            return None
        left, right = _operands(builder, a, "divide"), _operands(builder, b, "divide")
        scale = None
        if right is None and (product := _operands(builder, b, "multiply")) is not None:
            right, scale = _operands(builder, product[0], "divide"), product[1]
            if right is None:
                right, scale = _operands(builder, product[1], "divide"), product[0]
        if left is None or right is None or left[1].atom is not right[1].atom or isinstance(left[1].atom, Literal):
            return None
        other = right[0] if scale is None else right[0] * scale
        total: Value = BY_NAME[name](left[0], other)
        result = total / left[1]
        return result if result.type == BY_NAME[name].infer(a.type, b.type) else None

    return combined


@looks_into("where")
def one_choice(builder: Builder, a: Value, b: Value) -> Value | None:
    """where(m, x, 0) + where(~m, y, 0) = where(m, x, y)."""
    first, second = _operands(builder, a, "where"), _operands(builder, b, "where")
    if first is None or second is None or first[2].literal != 0 or second[2].literal != 0 or a.type != b.type:
        return None
    for (m, x, _), (n, y, _) in ((first, second), (second, first)):
        negation = builder.definition(n, "logical_not") or builder.definition(n, "invert")
        if negation is not None and negation.operands[0] is m.atom:
            chosen: Value = BY_NAME["where"](m, x, y)
            return chosen if chosen.type == a.type else None
    return None


def product_of_negated(builder: Builder, a: Value, b: Value) -> Value | None:
    """(-a) @ b = a @ (-b) = -(a @ b), so that a sum can subtract it; where the product is no larger than the factor."""
    if builder.level < 2:
        return None
    for x, first in ((a, True), (b, False)):
        inner = _operands(builder, x, "negative")
        if inner is not None:
            product = inner[0] @ b if first else a @ inner[0]
            return -product if ordinary(product.size) <= ordinary(x.size) else None
    return None


def _is_precise(x: Value) -> bool:
    """Whether a product of matrices adds up these as well as a sum does."""
    return x.type.inexact and x.dtype.itemsize > 2


def sum_of_product(builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value | None:
    """sum(a * b) = a @ b for two rows."""
    alone = x.ndim == 1 and not keepdims and x.atom not in builder.shared
    factors = _operands(builder, x, "multiply") if alone else None
    if factors is None or any(f.shape != x.shape or f.dtype != x.dtype or not _is_precise(x) for f in factors):
        return None
    return factors[0] @ factors[1]


def turned_negated(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """(-a).T = -a.T"""
    inner = _operands(builder, x, "negative") if builder.level > 1 else None
    if inner is None:
        return None
    turned: Value = BY_NAME["transpose"](inner[0], axes=axes)
    return -turned


TANGENT_RULES: dict[str, tuple[Rule, ...]] = {
    "add": (one_choice, common_denominator("add")),
    "subtract": (common_denominator("subtract"),),
    "matmul": (product_of_negated,),
    "transpose": (turned_negated,),
    "sum": (sum_of_product,),
}
