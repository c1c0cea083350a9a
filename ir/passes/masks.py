"""Masks that are always true or always false, and the choices that they leave no choice."""

from __future__ import annotations

from typing import Any

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..ops.elementwise import opposite
from ..program import Literal, Var


def mask_with_itself(builder: Builder, a: Value, b: Value) -> Value | None:
    """m & m = m | m = m."""
    return a if isinstance(a.atom, Var) and a.atom is b.atom else None


def mask_with_opposite(result: bool) -> Rule:
    """m | ~m is true everywhere, m & ~m nowhere."""

    def constant(builder: Builder, a: Value, b: Value) -> Value | None:
        if not opposite(a, b) or a.type.weak or -1 in a.shape:
            return None
        if not a.shape:
            return builder.value(a.dtype.type(result))
        whole: Value = builder.emit(BY_NAME["filled"], value=result, shape=a.shape, dtype=a.dtype)
        return whole

    return constant


def _constant(builder: Builder, mask: Value) -> Any:
    """The one value of a mask that is the same everywhere, else None."""
    if mask.dtype.kind != "b":
        return None
    made = builder.definition(mask, "filled")
    if made is not None:
        return bool(made.params["value"])
    return bool(mask.atom.value) if isinstance(mask.atom, Literal) else None


def no_choice(builder: Builder, condition: Value, a: Value, b: Value) -> Value | None:
    """where(true, a, b) = a, where(false, a, b) = b, where that has the type of the result."""
    constant = _constant(builder, condition)
    if constant is None:
        return None
    chosen = a if constant else b
    return chosen if chosen.type == BY_NAME["where"].infer(condition.type, a.type, b.type) else None


MASK_RULES: dict[str, tuple[Rule, ...]] = {
    "bitwise_and": (mask_with_itself, mask_with_opposite(False)),
    "bitwise_or": (mask_with_itself, mask_with_opposite(True)),
    "where": (no_choice,),
}
