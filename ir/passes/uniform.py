"""Arrays of the backward pass that hold one number everywhere: the number takes their place where it can."""

from __future__ import annotations

from typing import Any

from ..builder import Builder, Rule, Value, looks_into
from ..op import BY_NAME


def one_number_again(name: str) -> Rule:
    """An array of one number, in another arrangement, is one of that number."""

    @looks_into("filled", "broadcast_to")
    def uniform(builder: Builder, x: Value, **params: Any) -> Value | None:
        type_ = BY_NAME[name].infer(x.type, **params)
        if not type_.shape or -1 in type_.shape:
            return None
        made = builder.definition(x)
        assert made is not None
        if made.op.name == "filled":
            whole: Value = builder.emit(
                BY_NAME["filled"], value=made.params["value"], shape=type_.shape, dtype=type_.dtype
            )
            return whole
        number = Value(builder, made.operands[0])
        op = BY_NAME["broadcast_to"]
        if number.shape or op.infer(number.type, shape=type_.shape) != type_:
            return None
        spread: Value = op(number, shape=type_.shape)
        return spread

    return uniform


@looks_into("filled")
def number_over(builder: Builder, a: Value, b: Value) -> Value | None:
    """full(shape, c) / x = c / x where x gives the result its shape and dtype already."""
    made = builder.definition(a, "filled")
    if made is None or a.dtype.kind != "f":
        return None
    op, number = BY_NAME["divide"], builder.value(float(made.params["value"]))
    return number / b if op.infer(number.type, b.type) == op.infer(a.type, b.type) else None


UNIFORM_RULES: dict[str, tuple[Rule, ...]] = {
    "divide": (number_over,),
    **{name: (one_number_again(name),) for name in ("expand_dims", "squeeze", "reshape", "transpose")},
}
