"""Functions of -x that are known from x."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..op import BY_NAME


@looks_into("negative")
def odd_function(builder: Builder, x: Value) -> Value | None:
    """erf(-x) = -erf(x), which is how SciPy computes it: to the bit, and once where both are asked for."""
    made = builder.definition(x, "negative")
    if made is None or x.dtype.kind != "f":
        return None
    value: Value = BY_NAME["scipy_erf"](Value(builder, made.operands[0]))
    return -value


ODD_RULES: dict[str, tuple[Rule, ...]] = {"scipy_erf": (odd_function,)}
