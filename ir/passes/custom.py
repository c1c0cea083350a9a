"""Once everything is differentiated, values with an adjoint of their own are the values."""

from __future__ import annotations

from typing import Any

from ..builder import Rule, Value


def the_value_itself(builder: Any, x: Value, **_: Any) -> Value:
    return x


def its_values(builder: Any, *operands: Value, outputs: int, **_: Any) -> tuple[Value, ...]:
    return operands[:outputs]


CUSTOM_RULES: dict[str, tuple[Rule, ...]] = {
    "with_adjoint": (its_values,),  # type: ignore[dict-item]
    "passed": (the_value_itself,),
    "underivable": (the_value_itself,),
}
