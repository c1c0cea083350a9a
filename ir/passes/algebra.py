"""Local algebra as named rules in a table.

EXACT rules are right to the bit, also for nan, inf, -0.0 and empty arrays, and hold everywhere. ADJOINT rules are
identities of the reals that are at least as accurate as what they replace, but may round differently; they apply only
to equations that the reverse pass wrote (level > 0), so the user's own arithmetic is never touched.
A rule gets (builder, *operands, **params) and returns the value to use instead, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import NUMBER, Builder, Rule, Value, looks_into
from ..dims import is_symbolic_number
from ..op import BY_NAME
from ..program import Literal, Var
from ..types import ArrayType, broadcast_shapes, result_dtype
from .cancelling import CANCELLING_RULES
from .coefficients import COEFFICIENT_RULES, LONGEST_NUMBER, Scaled, is_part, peeled, scale, scaled_sum
from .custom import CUSTOM_RULES
from .identities import IDENTITY_RULES
from .masks import MASK_RULES
from .memory import MEMORY_RULES, overwritten_addition
from .moments import MOMENT_RULES
from .odd_functions import ODD_RULES
from .outward import OUTWARD_RULES
from .picking import PICKED_RULES, PICKING_RULES
from .products import PRODUCT_RULES
from .rearranging import (
    broadcast_to_itself,
    reshape_again,
    squeeze_sum,
    transpose_again,
    transposed_product,
    undo,
)
from .reuse import REUSE_RULES
from .scatter import SCATTER_RULES, sum_of_scatter
from .shares import SHARE_RULES
from .symmetric import SYMMETRIC_RULES
from .systems import FACTOR_RULES
from .tangents import TANGENT_RULES
from .uniform import UNIFORM_RULES
from .zeros import ZERO_RULES


def _defined(builder: Builder, value: Value, name: str) -> tuple[Value, ...] | None:
    """The operands of the equation `name` that made the value, if such a one did."""
    equation = builder.definition(value, name)
    return None if equation is None else tuple(Value(builder, o) for o in equation.operands)


def _same(a: Value, b: Value) -> bool:
    return isinstance(a.atom, Var) and a.atom is b.atom


def _is(value: Value, number: float) -> bool:
    return isinstance(value.atom, Literal) and value.atom.value == number


def _keeps_type(x: Value, *others: Value) -> bool:
    """Whether an elementwise operation of x with the others has the type of x."""
    if any(not o.type.weak and o.type.dtype != x.dtype for o in others):
        return False
    if x.type.weak and x.dtype.kind == "b":
        return False  # True * True is 1
    shape = broadcast_shapes(x.shape, *(o.shape for o in others))
    weak = x.type.weak and all(o.type.weak for o in others)
    return shape == x.shape and result_dtype(x.type, *(o.type for o in others)) == x.dtype and weak == x.type.weak


def _parts_mix(builder: Builder, *operands: Value) -> bool:
    """Whether a complex product is involved, in which inf * 0 and -0.0 + 0.0 arise; the adjoint may ignore them."""
    return builder.level == 0 and any(o.dtype.kind == "c" for o in operands)


def _negated(builder: Builder, value: Value, *others: Value) -> Value | None:
    """x where `value` is -x; not for integers that are promoted afterwards, since -(-128) wraps around, nor for a real
    number that becomes complex afterwards, since its imaginary part is 0.0 with either sign.

    What the user, or a backward block, has given a name stays a line of its own.
    """
    made = builder.definition(value, "negative")
    if made is None or made.out.named:
        return None
    exact = value.type.inexact and (value.dtype.kind == "c" or not _parts_mix(builder, *others))
    return Value(builder, made.operands[0]) if exact or all(o.dtype == value.dtype for o in others) else None


@looks_into(NUMBER)
def multiply_by_one(builder: Builder, a: Value, b: Value) -> Value | None:
    """1 * x = x * 1 = x."""
    if _parts_mix(builder, a, b):
        return None
    if _is(a, 1) and _keeps_type(b, a):
        return b
    return a if _is(b, 1) and _keeps_type(a, b) else None


@looks_into(NUMBER)
def divide_by_one(builder: Builder, a: Value, b: Value) -> Value | None:
    """x / 1 = x."""
    return a if _is(b, 1) and a.type.inexact and _keeps_type(a, b) and not _parts_mix(builder, a) else None


@looks_into("negative")
def negate_twice(builder: Builder, x: Value) -> Value | None:
    """-(-x) = x."""
    inner = _defined(builder, x, "negative")
    return inner[0] if inner else None


@looks_into("negative")
def multiply_negated(builder: Builder, a: Value, b: Value) -> Value | None:
    """(-a) * b = a * (-b) = -(a * b), the sign moved out where that costs nothing more."""
    if _parts_mix(builder, a, b):
        return None
    for x, other, first in ((a, b, True), (b, a, False)):
        inner = _negated(builder, x, other)
        if inner is not None and x.shape == broadcast_shapes(a.shape, b.shape):
            return -(inner * other if first else other * inner)
    return None


@looks_into("negative")
def divide_negated(builder: Builder, a: Value, b: Value) -> Value | None:
    """(-a) / b = -(a / b)."""
    inner = _negated(builder, a)
    if inner is None or not a.type.inexact or _parts_mix(builder, a, b):
        return None
    return -(inner / b) if a.shape == broadcast_shapes(a.shape, b.shape) else None


@looks_into("negative")
def add_negated(builder: Builder, a: Value, b: Value) -> Value | None:
    """a + (-b) = a - b, (-a) + b = b - a."""
    inner = _negated(builder, b, a)
    if inner is not None:
        return a - inner
    inner = _negated(builder, a, b)
    inner = _negated_part(builder, a) if inner is None else inner
    return b - inner if inner is not None else None


def _negated_part(builder: Builder, value: Value) -> Value | None:
    """x of a part -x of a cotangent, which has the name that the sum will have."""
    inner = _defined(builder, value, "negative") if is_part(builder, value) else None
    return inner[0] if inner and value.type.inexact else None


@looks_into("negative")
def subtract_negated(builder: Builder, a: Value, b: Value) -> Value | None:
    """a - (-b) = a + b."""
    inner = _negated(builder, b, a)
    return a + inner if inner is not None else None


def add_twice(builder: Builder, a: Value, b: Value) -> Value | None:
    """x + x = 2 * x; in the backward pass c * x + c * x = (2 c) * x for a number c, also where c * x has a name."""
    if not _same(a, b) or not a.type.inexact or _parts_mix(builder, a):
        return None
    part = peeled(builder, a) if is_part(builder, a) else None
    if part is not None and part.rest is not None and not part.trivial and part.rest.type == a.type:
        return scale(builder, Scaled(2 * part.num, part.den, part.rest))
    made = _defined(builder, a, "multiply") if builder.level > 0 else None
    number: Any = made[0].literal if made is not None and made[0].type.weak else None
    if made is not None and type(number) in (int, float) and made[1].type == a.type:
        return (2 * number) * made[1]
    return 2 * a


@looks_into(NUMBER)
def subtract_zero(builder: Builder, a: Value, b: Value) -> Value | None:
    """x - 0 = x."""
    return a if isinstance(b.atom, Literal) and repr(b.atom.value) in ("0", "0.0") and _keeps_type(a, b) else None


@looks_into(NUMBER)
def power_of_one(builder: Builder, a: Value, b: Value) -> Value | None:
    """x ** 1 = x."""
    return a if _is(b, 1) and a.type.inexact and _keeps_type(a, b) and not _parts_mix(builder, a) else None


def operand_not_broadcast(name: str) -> Rule:
    """f(broadcast_to(s), x) = f(s, x) where x gives the result its shape already."""

    @looks_into("broadcast_to")
    def not_broadcast(builder: Builder, a: Value, b: Value) -> Value | None:
        op = BY_NAME[name]
        for place, operand in enumerate((a, b)):
            inner = _defined(builder, operand, "broadcast_to")
            if not inner:
                continue
            pair = (inner[0], b) if place == 0 else (a, inner[0])
            if op.infer(pair[0].type, pair[1].type) == op.infer(a.type, b.type):
                result: Value = builder.emit(op, *pair)
                return result
        return None

    return not_broadcast


def weak_number(name: str) -> Rule:
    """f(dtype(c), x) = f(c, x) for a number c that takes the dtype of x by itself; c may be written or computed.

    So does a real array beside a complex one.
    """

    @looks_into(NUMBER, "astype")
    def weak(builder: Builder, a: Value, b: Value) -> Value | None:
        op = BY_NAME[name]
        for place, operand in enumerate((a, b)):
            inner = _defined(builder, operand, "astype")
            if isinstance(operand.atom, Literal) and isinstance(operand.atom.value, np.floating):
                plain = builder.value(operand.atom.value.item())
            elif inner and (inner[0].type.weak or (operand.dtype.kind == "c" and inner[0].dtype.kind == "f")):
                plain = inner[0]
            else:
                continue
            pair = (plain, b) if place == 0 else (a, plain)
            if op.infer(pair[0].type, pair[1].type) == op.infer(a.type, b.type):
                result: Value = builder.emit(op, *pair)
                return result
        return None

    return weak


def cast_of_a_number(builder: Builder, x: Value, *, dtype: np.dtype[Any]) -> Value | None:
    """A number in the text is written with the dtype that it is cast to."""
    if not isinstance(x.atom, Literal) or is_symbolic_number(x.atom.value):
        return None
    if x.dtype.kind in "biuf" and dtype.kind in "bif":
        if dtype.kind == "f" or abs(x.atom.value) < 2**31:  # not nan, and nothing that overflows
            with np.errstate(all="ignore"):
                return builder.value(np.asarray(x.atom.value).astype(dtype)[()])
    return None


def sign_outward(name: str) -> Rule:
    """A rearrangement of -x is minus that of x, so that a sum can subtract it."""

    def moved(builder: Builder, x: Value, **params: Any) -> Value | None:
        inner = _negated(builder, x)
        if inner is None:
            return None
        rearranged: Value = builder.emit(BY_NAME[name], inner, **params)
        return -rearranged

    return moved


def cast_to_itself(builder: Builder, x: Value, *, dtype: Any) -> Value | None:
    """A cast to the dtype that is there already is nothing (values never change in place)."""
    return x if x.dtype == dtype and not x.type.weak else None


def copy_is_the_value(builder: Builder, x: Value) -> Value | None:
    """A copy is the same value; who needs a buffer of its own gets one when the text is written."""
    return x if not x.type.weak else None


@looks_into("filled")
def number_for_filled(builder: Builder, a: Value, b: Value) -> Value | None:
    """full(shape, c) * x = c * x where x gives the result its shape and dtype already."""
    for filled, x in ((a, b), (b, a)):
        made = builder.definition(filled, "filled")
        if made is not None and x.type == _product_type(a, b) and x.dtype.kind == "f":
            return builder.value(float(made.params["value"])) * x
    return None


def plus_sign(builder: Builder, x: Value) -> Value | None:
    """+x = x."""
    return x if (builder.level > 0 or x.type.weak) and x.dtype.kind != "b" else None


def _number_everywhere(builder: Builder, x: Value) -> Any:
    """The number of an array that was filled with one, or of its negative."""
    inner = _defined(builder, x, "negative")
    made = builder.definition(inner[0] if inner else x, "filled")
    if made is None:
        return None
    number = x.dtype.type(made.params["value"])
    return -number if inner else number


def fold_numbers(name: str) -> Rule:
    """An operation on numbers alone is a number, and with an array of one number such an array."""

    @looks_into(NUMBER, "filled", "negative")
    def folded(builder: Builder, a: Value, b: Value) -> Value | None:
        filled = False
        numbers = []
        for operand in (a, b):
            if isinstance(operand.atom, Literal):
                number = operand.atom.value
            else:
                number, filled = _number_everywhere(builder, operand), True
            if number is None or is_symbolic_number(number):
                return None
            numbers.append(number)
        op = BY_NAME[name]
        type_ = op.infer(a.type, b.type)
        if name == "divide" and (type_.weak or numbers[1] == 0):
            return None  # 1 / 7 says more than its digits
        with np.errstate(all="ignore"):
            result = type_.dtype.type(op.fun(*numbers)).item()
        if len(repr(result)) > LONGEST_NUMBER:
            return None
        if not filled or not type_.shape:  # what is computed from a 0-d array is a scalar
            return builder.value(result if type_.weak else type_.dtype.type(result))
        whole: Value = builder.emit(BY_NAME["filled"], value=result, shape=type_.shape, dtype=type_.dtype)
        return whole

    return folded


def adjoint_only(rule: Rule) -> Rule:
    """The rule, kept away from the user's own equations."""

    def guarded(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        return rule(builder, *operands, **params) if builder.level > 0 else None

    guarded.__name__ = rule.__name__
    guarded.makers = getattr(rule, "makers", None)  # type: ignore[attr-defined]
    return guarded


def _product_type(a: Value, b: Value) -> ArrayType:
    result: ArrayType = BY_NAME["multiply"].infer(a.type, b.type)
    return result


@looks_into("divide", "negative")
def cancel_division(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x / p) * p = x, also with the quotient negated."""
    for quotient, factor in ((a, b), (b, a)):
        negated = _defined(builder, quotient, "negative")
        inner = _defined(builder, negated[0] if negated else quotient, "divide")
        if inner and _same(inner[1], factor) and inner[0].type == _product_type(a, b):
            return -inner[0] if negated else inner[0]
    return None


@looks_into("multiply")
def cancel_common_factor(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x * p) / p = x."""
    inner = _defined(builder, a, "multiply")
    if not inner:
        return None
    for x, p in (inner, inner[::-1]):
        if _same(p, b) and x.type == a.type and a.type.inexact:
            return x
    return None


@looks_into("subtract")
def negate_difference(builder: Builder, x: Value) -> Value | None:
    """-(a - b) = b - a."""
    inner = _defined(builder, x, "subtract")
    return inner[1] - inner[0] if inner else None


EXACT: dict[str, tuple[Rule, ...]] = {
    "multiply": (multiply_by_one, multiply_negated, operand_not_broadcast("multiply")),
    "divide": (divide_by_one, divide_negated, operand_not_broadcast("divide")),
    "add": (add_negated, add_twice, operand_not_broadcast("add")),
    "subtract": (subtract_negated, subtract_zero, operand_not_broadcast("subtract")),
    "negative": (negate_twice,),
    "positive": (plus_sign,),
    "power": (power_of_one,),
    "reshape": (reshape_again,),
    "transpose": (transpose_again,),
    "expand_dims": (undo("squeeze", "axis"),),
    "squeeze": (undo("expand_dims", "axis"), squeeze_sum, sign_outward("squeeze")),
    "flip": (undo("flip", "axis"),),
    "broadcast_to": (broadcast_to_itself,),
    "astype": (cast_to_itself, cast_of_a_number),
    "copy": (copy_is_the_value,),
}

ADJOINT: dict[str, tuple[Rule, ...]] = {
    "add": (fold_numbers("add"), weak_number("add")),
    "subtract": (fold_numbers("subtract"), weak_number("subtract")),
    "multiply": (fold_numbers("multiply"), weak_number("multiply"), number_for_filled, cancel_division),
    "divide": (fold_numbers("divide"), weak_number("divide"), cancel_common_factor),
    "negative": (negate_difference,),
    "transpose": (transposed_product,),
    "sum": (scaled_sum, sum_of_scatter),
    "index_add": (overwritten_addition,),
}


def _table(*tables: dict[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    merged: dict[str, tuple[Rule, ...]] = {}
    for table in tables:
        for name, rules in table.items():
            merged[name] = merged.get(name, ()) + rules
    return merged


def _guarded(table: dict[str, tuple[Callable[..., Value | None], ...]]) -> dict[str, tuple[Rule, ...]]:
    return {name: tuple(map(adjoint_only, rules)) for name, rules in table.items()}


RULES = _table(
    EXACT,
    MASK_RULES,
    MEMORY_RULES,
    PICKING_RULES,
    ODD_RULES,
    CUSTOM_RULES,
    FACTOR_RULES,
    *map(
        _guarded,
        (
            ZERO_RULES,
            SHARE_RULES,
            ADJOINT,
            REUSE_RULES,
            SCATTER_RULES,
            PICKED_RULES,
            UNIFORM_RULES,
            IDENTITY_RULES,
            SYMMETRIC_RULES,
            PRODUCT_RULES,
            MOMENT_RULES,
            CANCELLING_RULES,
            TANGENT_RULES,
            COEFFICIENT_RULES,
            OUTWARD_RULES,
        ),
    ),
)
