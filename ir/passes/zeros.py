"""Arrays of zeros in the backward pass: products with them are zeros, and adding them is nothing."""

from __future__ import annotations

from typing import Any

from ..builder import NUMBER, Builder, Rule, Value, looks_into
from ..indexing import Index
from ..op import BY_NAME


def _are_zeros(builder: Builder, x: Value) -> bool:
    made = builder.definition(x, "filled")
    return made is not None and made.params["value"] == 0 and x.ndim > 0 and x.type.inexact


def zeros_again(name: str) -> Rule:
    """A product with zeros, and zeros in another arrangement, are zeros."""

    @looks_into("filled")
    def zeros(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        if not any(_are_zeros(builder, o) for o in operands):
            return None
        type_ = BY_NAME[name].infer(*(o.type for o in operands), **params)
        if not type_.shape or -1 in type_.shape:  # as many as a loop has rounds
            return None
        result: Value = builder.emit(BY_NAME["filled"], value=0, shape=type_.shape, dtype=type_.dtype)
        return result

    return zeros


@looks_into("filled", NUMBER)
def zeros_divided(builder: Builder, a: Value, b: Value) -> Value | None:
    """0 / x = 0."""
    if not a.shape and a.literal == 0 and not b.shape and b.literal is None and not b.type.weak:
        return builder.value(BY_NAME["divide"].infer(a.type, b.type).dtype.type(0))
    return zeros_again("divide")(builder, a, b) if _are_zeros(builder, a) else None


@looks_into(NUMBER)
def zero_negated(builder: Builder, x: Value) -> Value | None:
    """-0 = 0."""
    return x if x.literal == 0 and not x.type.weak else None


def zeros_or_zero(builder: Builder, condition: Value, a: Value, b: Value) -> Value | None:
    """where(m, 0, 0) = 0."""
    nothing = [_are_zeros(builder, v) or v.literal == 0 for v in (a, b)]
    type_ = BY_NAME["where"].infer(condition.type, a.type, b.type)
    if not all(nothing) or not type_.shape or -1 in type_.shape or not type_.inexact:
        return None
    result: Value = builder.emit(BY_NAME["filled"], value=0, shape=type_.shape, dtype=type_.dtype)
    return result


@looks_into("filled")
def plus_zeros(builder: Builder, a: Value, b: Value) -> Value | None:
    """x + 0 = 0 + x = x."""
    for x, other in ((a, b), (b, a)):
        if _are_zeros(builder, other) and BY_NAME["add"].infer(a.type, b.type) == x.type:
            return x
    return None


@looks_into("filled")
def minus_zeros(builder: Builder, a: Value, b: Value) -> Value | None:
    """x - 0 = x."""
    return a if _are_zeros(builder, b) and BY_NAME["subtract"].infer(a.type, b.type) == a.type else None


def addition_of_zeros(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool
) -> Value | None:
    """Zeros added at some places of x are x."""
    return x if _are_zeros(builder, value) else None


ZERO_RULES: dict[str, tuple[Rule, ...]] = {
    "multiply": (zeros_again("multiply"),),
    "matmul": (zeros_again("matmul"),),
    "transpose": (zeros_again("transpose"),),
    "negative": (zeros_again("negative"), zero_negated),
    "astype": (zeros_again("astype"),),
    "divide": (zeros_divided,),
    "where": (zeros_or_zero,),
    "add": (plus_zeros,),
    "subtract": (minus_zeros,),
    "index_add": (addition_of_zeros,),
}
