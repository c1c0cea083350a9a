"""Products and quotients put together from what the program has computed already."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..op import BY_NAME
from ..ops.reduction import Axis
from ..program import Equation
from ..types import normalize_axes


def _passing(builder: Builder, value: Value, name: str) -> tuple[Equation, Value, Value] | None:
    """The equation `name` that made the value for one reader alone, with its operands; what has a name stays a line."""
    made = builder.definition(value, name)
    if made is None or made.out.named or value.atom in builder.shared:
        return None
    a, b = (Value(builder, o) for o in made.operands)
    return made, a, b


def _known(builder: Builder, name: str, a: Value, b: Value, below: int) -> Value | None:
    """The value of `name` of a and b, if it stands there already, below a level."""
    known = builder.find(name, a, b)
    there = builder.definition(known) if known is not None else None
    return known if there is not None and there.level < below else None


def _product(a: Value, b: Value, like: tuple[str, Value, Value]) -> Value | None:
    """a * b, if it has the type of what it replaces."""
    name, x, y = like
    same = BY_NAME["multiply"].infer(a.type, b.type) == BY_NAME[name].infer(x.type, y.type)
    return a * b if same else None


@looks_into("divide")
def reuse_quotient(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x / b) * a = x * (a / b) where the program below has a / b already."""
    for quotient, factor in ((a, b), (b, a)):
        made = builder.definition(quotient, "divide")
        if made is not None:
            x, divisor = (Value(builder, o) for o in made.operands)
            known = _known(builder, "divide", factor, divisor, made.level)
            if known is not None:
                return _product(x, known, ("multiply", a, b))
    return None


@looks_into("multiply")
def reuse_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x * a) * b = x * (a * b) where the program below has a * b already."""
    for product, factor in ((a, b), (b, a)):
        found = _passing(builder, product, "multiply")
        if found is None or factor.literal is not None:
            continue
        made, first, second = found
        for x, other in ((first, second), (second, first)):
            for pair in ((other, factor), (factor, other)):
                known = _known(builder, "multiply", *pair, made.level)
                if known is not None:
                    return _product(x, known, ("multiply", a, b))
    return None


@looks_into("multiply")
def reuse_divided(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x * y) / b = (x / b) * y where x / b is there already."""
    found = _passing(builder, a, "multiply")
    if found is None or b.literal is not None:
        return None
    for x, y in (found[1:], found[:0:-1]):
        known = _known(builder, "divide", x, b, builder.level + 1)
        if known is not None and known.type == BY_NAME["divide"].infer(a.type, b.type):
            return _product(known, y, ("divide", a, b))
    return None


def reuse_sum(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """x.sum(axis=1, keepdims=True) = x.sum(axis=1)[:, None] where the sum is there already."""
    axes = normalize_axes(axis, x.ndim)
    known = builder.find("sum", x, axis=axis, keepdims=False) if keepdims and len(axes) < x.ndim else None
    spread: Value | None = None if known is None else builder.emit(BY_NAME["expand_dims"], known, axis=axes)
    return spread


REUSE_RULES: dict[str, tuple[Rule, ...]] = {
    "sum": (reuse_sum,),
    "multiply": (reuse_quotient, reuse_product),
    "divide": (reuse_divided,),
}
