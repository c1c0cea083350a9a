"""Factors of the backward pass moved to where they meet others, or where fewer elements are multiplied."""

from __future__ import annotations

import numpy as np

from ..builder import Builder, Rule, Value, looks_into
from ..dims import ordinary
from ..op import BY_NAME
from .coefficients import Scaled, is_part, scale, scaled


def computed_outward(builder: Builder, a: Value, b: Value) -> Value | None:
    """(s * x) @ b = s * (x @ b), (x / s) @ b = (x @ b) / s for a number s that is computed."""
    result = BY_NAME["matmul"].infer(a.type, b.type)
    if result.dtype == np.float16 or not result.inexact:
        return None
    for factor, other, first in ((a, b, True), (b, a, False)):
        made = builder.definition(factor, "multiply") or builder.definition(factor, "divide")
        if made is None or made.out.named or factor.atom in builder.shared:
            continue
        x, s = (Value(builder, o) for o in made.operands)
        if made.op.name == "multiply" and not x.shape:
            x, s = s, x
        if s.shape or s.literal is not None or s.dtype != x.dtype or x.type != factor.type or x.dtype != result.dtype:
            continue
        if ordinary(result.size) <= ordinary(factor.size):
            product: Value = builder.emit(BY_NAME["matmul"], *((x, other) if first else (other, x)))
            pair = (s, product) if made.op.name == "multiply" else (product, s)
            return builder.emit(made.op, *pair)  # type: ignore[no-any-return]
    return None


@looks_into("multiply")
def integers_times(builder: Builder, a: Value, b: Value) -> Value | None:
    """(1.0 * i) * x = i * x for integers i, which become floats here as there."""
    for product, x in ((a, b), (b, a)):
        made = builder.definition(product, "multiply")
        if made is None or made.out.named:
            continue
        one, i = (Value(builder, o) for o in made.operands)
        plain = BY_NAME["multiply"].infer(i.type, x.type) == BY_NAME["multiply"].infer(a.type, b.type)
        if one.literal == 1 and i.dtype.kind in "iu" and i.shape and x.dtype.kind == "f" and plain:
            return i * x if product is a else x * i
    return None


@looks_into("divide")
def quotient_times(builder: Builder, a: Value, b: Value) -> Value | None:
    """(c / u) * x = c * (x / u) for a number c and arrays u and x of one shape."""
    for quotient, x in ((a, b), (b, a)):
        made = builder.definition(quotient, "divide")
        if made is None or made.out.named or not is_part(builder, quotient) or x.type != quotient.type or not x.shape:
            continue
        number, u = (Value(builder, o) for o in made.operands)
        c = scaled(builder, number)
        if c.rest is None and u.type == x.type and x.dtype.kind == "f" and x.dtype != np.float16:
            return scale(builder, Scaled(c.num, c.den, x / u))
    return None


OUTWARD_RULES: dict[str, tuple[Rule, ...]] = {
    "multiply": (integers_times, quotient_times),
    "matmul": (computed_outward,),
}
