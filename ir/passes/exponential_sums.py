"""Logarithms of sums of exponentials of large arrays, in the steps that NumPy does on several numbers at once."""

from __future__ import annotations

import math

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..program import Equation, Literal
from ..types import normalize_axes

Axis = int | tuple[int, ...] | None


def shifted_exponentials(builder: Builder, a: Value, b: Value) -> Value | None:
    """logaddexp(c, x) = max(x, c) + log1p(exp(-|x - c|)) for a number c, as NumPy has it, one element at a time."""
    for number, x in ((a, b), (b, a)):
        c = number.literal
        if type(c) in (int, float) and abs(c) < 1e300 and _real(x):
            size = BY_NAME["absolute"](x if c == 0 else x - c)
            rest: Value = BY_NAME["log1p"](BY_NAME["exp"](-size))
            larger: Value = BY_NAME["maximum"](x, c)
            return larger + rest
    return None


def logsumexp_in_steps(builder: Builder, a: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """logsumexp(a) = log(sum(exp(a - m))) + m with the largest number m, which is 0 instead where it is infinite."""
    axes = _part_of_axes(a, axis)
    if axes is None:
        return None
    top, shifted = _shifted(a, axes, finite=True)
    logarithm: Value = BY_NAME["log"](_positive(_sum(BY_NAME["exp"](shifted), axes))) + top
    if logarithm.dtype != a.dtype:
        return None
    if not keepdims:
        logarithm = BY_NAME["squeeze"](logarithm, axis=axes)
    return logarithm


def softmax_in_steps(builder: Builder, x: Value, *, axis: Axis) -> Value | None:
    """softmax(x) = exp(x - m) / sum(exp(x - m)), as SciPy has it."""
    axes = _part_of_axes(x, axis)
    if axes is None:
        return None
    exp: Value = BY_NAME["exp"](_shifted(x, axes, finite=False)[1])
    return exp * (1 / _sum(exp, axes))


def log_softmax_in_steps(builder: Builder, x: Value, *, axis: Axis) -> Value | None:
    """log_softmax(x) = x - m - log(sum(exp(x - m))), as SciPy has it."""
    axes = _part_of_axes(x, axis)
    if axes is None:
        return None
    _, shifted = _shifted(x, axes, finite=True)
    logarithm: Value = BY_NAME["log"](_sum(BY_NAME["exp"](shifted), axes))
    return shifted - logarithm


def share_of_sum(builder: Builder, x: Value) -> Value | None:
    """exp(a - logsumexp(a)) = exp(a - m) / sum(exp(a - m)), exp(z - log(sum(exp(z)))) = exp(z) / sum(exp(z))."""
    difference = builder.definition(x, "subtract")
    if difference is None or not _real(x):
        return None
    minuend, logarithm = (Value(builder, o) for o in difference.operands)
    logarithm = _bare(builder, logarithm)
    moved = builder.definition(logarithm, "add")
    log = builder.definition(Value(builder, moved.operands[0]) if moved is not None else logarithm, "log")
    if log is None:
        return None
    divisor = _bare(builder, Value(builder, log.operands[0]))
    chosen = builder.definition(divisor, "where")
    total = builder.definition(Value(builder, chosen.operands[2]) if chosen is not None else divisor, "sum")
    exponential = None if total is None else builder.definition(Value(builder, total.operands[0]), "exp")
    if total is None or exponential is None:
        return None
    shifted = Value(builder, exponential.operands[0])
    if moved is not None:
        made = builder.definition(shifted, "subtract")
        if made is None or made.operands[0] is not minuend.atom or chosen is None:
            return None
        if not _is_finite_part(builder, Value(builder, made.operands[1]), moved.operands[1]):
            return None
    elif chosen is not None or shifted.atom is not minuend.atom or not is_at_least_one(builder, total):
        return None  # exp(z) may be too large where exp(z - log(sum(exp(z)))) is not
    exp = Value(builder, exponential.out)
    if not total.params["keepdims"]:
        divisor = BY_NAME["expand_dims"](divisor, axis=normalize_axes(total.params["axis"], exp.ndim))
    return exp * (1 / divisor) if exp.type == x.type and divisor.ndim == exp.ndim else None


def is_at_least_one(builder: Builder, total: Equation) -> bool:
    """Whether it adds up exp(x - max(x)) along the axes of the largest element, which gives 1."""
    exponential = builder.definition(Value(builder, total.operands[0]), "exp")
    shifted = None if exponential is None else builder.definition(Value(builder, exponential.operands[0]), "subtract")
    if shifted is None:
        return False
    x, top = shifted.operands
    largest = builder.definition(Value(builder, top))
    if (
        largest is not None
        and largest.op.name == "where"
        and _is_finite_part(builder, Value(builder, top), largest.operands[1])
    ):
        largest = builder.definition(Value(builder, largest.operands[1]))
    for _ in range(2):
        if largest is not None and largest.op.name == "expand_dims":
            largest = builder.definition(Value(builder, largest.operands[0]))
    if largest is None or largest.op.name != "max" or largest.operands[0] is not x:
        return False
    axes = [normalize_axes(e.params["axis"], x.type.ndim) for e in (largest, total)]
    return axes[0] == axes[1]


def _part_of_axes(x: Value, axis: Axis) -> tuple[int, ...] | None:
    axes = normalize_axes(axis, x.ndim)
    return axes if _real(x) and len(axes) < x.ndim and x.size else None


def _shifted(x: Value, axes: tuple[int, ...], finite: bool) -> tuple[Value, Value]:
    """The largest number along the axes, and x without it."""
    top: Value = BY_NAME["max"](x, axis=axes[0] if len(axes) == 1 else axes, keepdims=True)
    return top, x - (BY_NAME["where"](BY_NAME["isfinite"](top), top, 0.0) if finite else top)


def _sum(x: Value, axes: tuple[int, ...]) -> Value:
    total: Value = BY_NAME["sum"](x, axis=axes[0] if len(axes) == 1 else axes, keepdims=True)
    return total


def _positive(total: Value) -> Value:
    """The sum of exponentials, but 1 for a row of -inf alone, of which nothing is left."""
    value: Value = BY_NAME["where"](total.equals(0.0), 1.0, total)
    return value


def _is_finite_part(builder: Builder, shift: Value, top: object) -> bool:
    made = builder.definition(shift, "where")
    finite = None if made is None else builder.definition(Value(builder, made.operands[0]), "isfinite")
    return made is not None and finite is not None and finite.operands[0] is top and made.operands[1] is top


def _bare(builder: Builder, value: Value) -> Value:
    """A column of logarithms without the axes that were taken out and put in again, and without its choice at -inf."""
    for _ in range(4):
        made = builder.definition(value)
        if made is None:
            break
        if made.op.name in ("expand_dims", "squeeze"):
            value = Value(builder, made.operands[0])
        elif made.op.name == "where" and _is_infinite(builder, Value(builder, made.operands[0]), made.operands[2]):
            value = Value(builder, made.operands[2])
        else:
            break
    return value


def _is_infinite(builder: Builder, mask: Value, x: object) -> bool:
    made = builder.definition(mask, "equal")
    if made is None or made.operands[0] is not x:
        return False
    other = made.operands[1]
    return isinstance(other, Literal) and bool(other.value == -math.inf)


def _real(x: Value) -> bool:
    return x.dtype.kind == "f" and x.dtype.itemsize >= 4 and not x.type.weak


EXPONENTIAL_RULES: dict[str, tuple[Rule, ...]] = {
    "logaddexp": (shifted_exponentials,),
    "scipy_logsumexp": (logsumexp_in_steps,),
    "scipy_softmax": (softmax_in_steps,),
    "scipy_log_softmax": (log_softmax_in_steps,),
    "exp": (share_of_sum,),
}
