"""Rules that keep the numbers of a cotangent together: one coefficient `num / den` in front, as a person writes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..builder import Builder, Rule, Value
from ..dims import Dim, is_positive, is_symbolic_number, ordinary
from ..op import BY_NAME
from ..program import Literal, Var
from ..types import ArrayType, normalize_axes

Number = int | float
LONGEST_NUMBER = 8  # digits; 0.1 * -0.1 stays a product, since -0.010000000000000002 says nothing to a reader


class Scaled(NamedTuple):
    """num / den * rest; rest is None for a bare number."""

    num: Number
    den: Number
    rest: Value | None

    @property
    def trivial(self) -> bool:
        return self.num == 1 and self.den == 1

    def same_factor(self, other: Scaled) -> bool:
        return self.num == other.num and self.den == other.den


def _number(value: Value) -> Number | None:
    atom = value.atom
    if isinstance(atom, Literal) and atom.type.weak and type(atom.value) in (int, float, Dim):
        return atom.value if atom.value == atom.value and abs(atom.value) != float("inf") else None
    return None


def scaled(builder: Builder, value: Value) -> Scaled:
    """The value as a coefficient times the rest, which has the value's own type."""
    number = _number(value)
    if number is not None:
        return Scaled(number, 1, None)
    found = _split(builder, value)
    return found if found.rest is None or found.rest.type == value.type else Scaled(1, 1, value)


def peeled(builder: Builder, value: Value) -> Scaled:
    """As `scaled`, also where the value has a name."""
    found = _split(builder, value, named=True)
    return found if found.rest is None or found.rest.type == value.type else Scaled(1, 1, value)


def _split(builder: Builder, value: Value, named: bool = False) -> Scaled:
    equation = builder.definition(value) if value.type.inexact else None
    if equation is None or (equation.out.named and not named):  # what has a name stays a line of its own
        return Scaled(1, 1, value)
    if equation.op.name not in ("negative", "divide", "multiply"):
        return Scaled(1, 1, value)
    operands = [Value(builder, o) for o in equation.operands]
    if equation.op.name == "negative":
        inner = scaled(builder, operands[0])
        return Scaled(-inner.num, inner.den, inner.rest)
    if equation.op.name == "divide":
        den = _number(operands[1])
        if isinstance(den, Dim):
            above = scaled(builder, operands[0])
            return Scaled(above.num, above.den * den, above.rest)
        if den is not None and den != 0:
            num = _number(operands[0])
            return Scaled(num, den, None) if num is not None else Scaled(1, den, operands[0])
        above = scaled(builder, operands[0])
        if den is None and above.rest is not None and not above.trivial and value.atom not in builder.shared:
            return Scaled(above.num, above.den, _plain(builder, "divide", above.rest, operands[1]))
    if equation.op.name == "multiply":
        first = scaled(builder, operands[0])
        if first.rest is None:
            return Scaled(first.num, first.den, operands[1])
    return Scaled(1, 1, value)


def scale(builder: Builder, x: Scaled) -> Value:
    """Write num / den * rest: nothing for 1, a sign for -1, a division for 1 / n."""
    inner = scaled(builder, x.rest) if x.rest is not None else x
    both = Scaled(x.num * inner.num, x.den * inner.den, inner.rest)
    if inner is not x and inner.rest is not None and not inner.trivial and _is_written(both):
        x = both
    num, den, rest = _reduced(x.num, x.den) + (x.rest,)
    difference = builder.definition(rest, "subtract") if rest is not None and num == -1 else None
    if difference is not None:
        a, b = (Value(builder, o) for o in difference.operands)
        num, rest = 1, _plain(builder, "subtract", b, a)
    if rest is None:
        return builder.value(num) if den == 1 else _plain(builder, "divide", builder.value(num), builder.value(den))
    if den == 1:
        if num == 1:
            return rest
        return _plain(builder, "negative", rest) if num == -1 else _plain(builder, "multiply", builder.value(num), rest)
    if num in (1, -1):
        quotient = _plain(builder, "divide", rest, builder.value(den))
        return quotient if num == 1 else _plain(builder, "negative", quotient)
    if _may_vanish(den):  # Python's own 1 / n has no value for 0
        return _plain(builder, "divide", _plain(builder, "multiply", builder.value(num), rest), builder.value(den))
    factor = _plain(builder, "divide", builder.value(num), builder.value(den))
    return _plain(builder, "multiply", factor, rest)


def _reduced(num: Number, den: Number) -> tuple[Number, Number]:
    """Whole quotients are divided out (6 / 3 is 2), and a sign stands above."""
    if is_symbolic_number(num) or is_symbolic_number(den):
        return num, den
    if den < 0:
        num, den = -num, -den
    if den != 1 and num % den == 0:
        num, den = num / den, 1
    elif den != 1 and num not in (0, 1, -1) and den % num == 0:
        num, den = (1, den / num) if num > 0 else (-1, den / -num)
    return _whole(num), _whole(den)


def _whole(number: Number) -> Number:
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def _plain(builder: Builder, name: str, *operands: Value) -> Value:
    """Emit past the rules: the form is the wanted one."""
    rules, builder._rules = builder._rules, {}
    try:
        result: Value = builder.emit(BY_NAME[name], *operands)
    finally:
        builder._rules = rules
    return result


def gather_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """c * (d * x) = (c d) * x; a bare number times a bare number is one."""
    left, right = scaled(builder, a), scaled(builder, b)
    if left.rest is not None and right.rest is None:
        left, right = right, left
        a, b = b, a
    if left.rest is not None or (right.rest is not None and not b.type.inexact):
        return None
    product = Scaled(left.num * right.num, left.den * right.den, right.rest)
    if not _is_written(product):
        return None
    return scale(builder, product) if right.rest is not None else _number_of(builder, product, a, b)


def _is_written(x: Scaled) -> bool:
    """Whether the coefficient is short enough for a reader, and in range."""
    return max(_digits(x.num), _digits(x.den)) <= LONGEST_NUMBER and _in_range(x)


def _may_vanish(den: Number) -> bool:
    """Whether a length may be 0: nothing divided by it is nothing, but a sum of nothing, divided by it, is nan."""
    return isinstance(den, Dim) and not is_positive(den)


def _digits(number: Number) -> int:
    """How long a number is to a reader; one with a name is short."""
    return 1 if is_symbolic_number(number) else len(repr(number))


def _in_range(x: Scaled) -> bool:
    """Whether the coefficient is a normal number of the dtype that it multiplies."""
    limits = np.finfo(x.rest.dtype if x.rest is not None else float)
    return all(not n or limits.tiny <= abs(float(n)) <= limits.max for n in (x.num, x.den, x.num / x.den))


def _number_of(builder: Builder, x: Scaled, *operands: Value) -> Value:
    """The bare number, a float if one of the operands was."""
    number = scale(builder, x)
    floating = any(o.dtype.kind == "f" for o in operands) and number.literal is not None
    if floating and is_symbolic_number(number.literal):
        return builder.value(Literal(number.literal, ArrayType((), np.dtype(float), weak=True)))
    return builder.value(float(number.literal)) if floating else number


def subtract_scaled(builder: Builder, a: Value, b: Value) -> Value | None:
    """a + (-c) * x = a - c * x for a number c, also where (-c) stands at one factor of a product or quotient x."""
    for base, other in ((a, b), (b, a)):
        opposite = _without_sign(builder, other)
        if opposite is not None:
            return base - opposite
    return None


def add_scaled(builder: Builder, a: Value, b: Value) -> Value | None:
    """a - (-c) * x = a + c * x, likewise."""
    opposite = _without_sign(builder, b)
    return a + opposite if opposite is not None else None


def _without_sign(builder: Builder, value: Value, depth: int = 4) -> Value | None:
    """-value, if that is `value` with a minus taken from its coefficient."""
    inner = scaled(builder, value)
    if inner.rest is not None and inner.num < 0:
        return scale(builder, Scaled(-inner.num, inner.den, inner.rest))
    equation = builder.definition(value, "multiply") or builder.definition(value, "divide")
    if equation is None or not value.type.inexact or not depth or equation.out.named:
        return None
    x, y = (Value(builder, o) for o in equation.operands)
    opposite = _without_sign(builder, x, depth - 1)
    if opposite is not None and opposite.type == x.type:
        return _plain(builder, equation.op.name, opposite, y)
    opposite = _without_sign(builder, y, depth - 1)
    if opposite is not None and opposite.type == y.type:
        return _plain(builder, equation.op.name, x, opposite)
    return None


def gather_quotient(builder: Builder, a: Value, b: Value) -> Value | None:
    """(c * x) / d = (c / d) * x."""
    den = _number(b)
    if den is None or den == 0:
        return None
    above = scaled(builder, a)
    if above.trivial or (above.rest is None and above.den == 1):
        return None
    quotient = Scaled(above.num, above.den * den, above.rest)
    if _digits(quotient.den) > LONGEST_NUMBER or not _in_range(quotient):
        return None
    return scale(builder, quotient) if above.rest is not None else _number_of(builder, quotient, a, builder.value(1.0))


def gather_negation(builder: Builder, x: Value) -> Value | None:
    """-(c * x) = (-c) * x for a number c."""
    inner = scaled(builder, x)
    negated = Scaled(-inner.num, inner.den, inner.rest)
    if inner.rest is None:
        return _number_of(builder, negated, x)
    return scale(builder, negated) if inner.num not in (1, -1) else None


def scaled_sum(builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value | None:
    """sum(c * x) = c * sum(x), for a number c and for an array c that does not vary along the summed axes."""
    if x.dtype == np.float16:
        return None  # the sum alone may be too large
    inner = scaled(builder, x)
    if inner.rest is not None and not inner.trivial and not _may_vanish(inner.den):
        total = builder.emit(BY_NAME["sum"], inner.rest, axis=axis, keepdims=keepdims)
        return scale(builder, Scaled(inner.num, inner.den, total))
    axes = normalize_axes(axis, x.ndim)
    for name in ("divide", "multiply"):
        equation = builder.definition(x, name)
        if equation is None:
            continue
        a, b = (Value(builder, o) for o in equation.operands)
        pairs = [(a, b)] if name == "divide" else [(a, b), (b, a)]
        for summed, fixed in pairs:
            aligned = fixed.ndim == 0 or keepdims or all(i < x.ndim - fixed.ndim for i in axes)
            offset = x.ndim - fixed.ndim
            varies = any(i >= offset and fixed.shape[i - offset] != 1 for i in axes)
            if aligned and not varies and summed.type == x.type and fixed.type.dtype == x.type.dtype:
                total = builder.emit(BY_NAME["sum"], summed, axis=axis, keepdims=keepdims)
                result: Value = builder.emit(BY_NAME[name], *((total, fixed) if summed is a else (fixed, total)))
                return result
    return None


def scaled_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """(c * a) @ b = c * (a @ b) for a number c, where the product has no more elements than the factor."""
    result = BY_NAME["matmul"].infer(a.type, b.type)
    if result.dtype == np.float16 or not result.inexact:
        return None
    for factor, other, first in ((a, b, True), (b, a, False)):
        inner = scaled(builder, factor)
        if inner.trivial or inner.rest is None or inner.rest.dtype != result.dtype or _may_vanish(inner.den):
            continue
        if ordinary(result.size) > ordinary(factor.size):
            continue
        product: Value = builder.emit(BY_NAME["matmul"], *((inner.rest, other) if first else (other, inner.rest)))
        return scale(builder, Scaled(inner.num, inner.den, product))
    return None


def common_factor(name: str) -> Rule:
    """c * x + c * y = c * (x + y), c * x + (-c) * y = c * (x - y) for a number c other than 1."""
    other = {"add": "subtract", "subtract": "add"}[name]

    def factored(builder: Builder, a: Value, b: Value) -> Value | None:
        left, right = _deep(builder, a), _deep(builder, b)
        opposite = left.same_factor(Scaled(-right.num, right.den, None))
        if left.trivial or right.trivial or not (left.same_factor(right) or opposite):
            return None
        if left.rest is None or right.rest is None or (left.den == 1 and left.num in (1, -1)):
            return None
        rest: Value = builder.emit(BY_NAME[other if opposite else name], left.rest, right.rest)
        inner = scaled(builder, rest)  # c * x + c * x = (2 c) * x
        product = Scaled(left.num * inner.num, left.den * inner.den, inner.rest)
        return scale(builder, product if _is_written(product) else Scaled(left.num, left.den, rest))

    return factored


def multiples(name: str) -> Rule:
    """c * x + d * x = (c + d) * x for numbers c and d, also where c * x has a name that nothing else reads."""

    def gathered_multiples(builder: Builder, a: Value, b: Value) -> Value | None:
        if a.atom in builder.shared:
            return None
        left, right = peeled(builder, a), scaled(builder, b)
        if left.rest is None or right.rest is None or left.rest.atom is not right.rest.atom or left.trivial:
            return None
        other = right.num if name == "add" else -right.num
        total = Scaled(left.num * right.den + other * left.den, left.den * right.den, left.rest)
        if total.num == 0 or not _is_written(total) or not left.rest.type == a.type == b.type:
            return None
        return scale(builder, total)

    return gathered_multiples


def added_twice(name: str) -> Rule:
    """(a + c * x) + c * x = a + (2 c) * x for a number c other than 1, likewise with minus."""

    def gathered_twice(builder: Builder, a: Value, b: Value) -> Value | None:
        before = builder.definition(a, name)
        if before is None or before.operands[1] is not b.atom or not isinstance(b.atom, Var):
            return None
        if a.atom in builder.shared:
            return None
        part = _deep(builder, b)
        double = Scaled(2 * part.num, part.den, part.rest)
        if part.trivial or part.rest is None or not _in_range(double):
            return None
        result: Value = builder.emit(BY_NAME[name], Value(builder, before.operands[0]), scale(builder, double))
        return result

    return gathered_twice


def number_outward(name: str) -> Rule:
    """A rearrangement of c * x is c times that of x, so that numbers meet."""

    def number_moved(builder: Builder, x: Value, **params: Any) -> Value | None:
        inner = scaled(builder, x)
        if inner.trivial or inner.rest is None or x.atom in builder.shared:
            return None
        return scale(builder, Scaled(inner.num, inner.den, builder.emit(BY_NAME[name], inner.rest, **params)))

    return number_moved


def _deep(builder: Builder, value: Value) -> Scaled:
    """As `scaled`, also where the coefficient stands at one factor of a product."""
    found = scaled(builder, value)
    equation = None if found.rest is None else builder.definition(found.rest, "multiply")
    if equation is None or (not found.trivial and equation.out.named):
        return found
    a, b = (Value(builder, o) for o in equation.operands)
    for one, other, first in ((a, b, True), (b, a, False)):
        part = scaled(builder, one)
        if not part.trivial and part.rest is not None:
            rest = _plain(builder, "multiply", *((part.rest, other) if first else (other, part.rest)))
            return Scaled(found.num * part.num, found.den * part.den, rest)
    return found


COEFFICIENT_RULES: dict[str, tuple[Rule, ...]] = {
    "multiply": (gather_product,),
    "divide": (gather_quotient,),
    "negative": (gather_negation,),
    "add": (common_factor("add"), multiples("add"), subtract_scaled, added_twice("add")),
    "subtract": (common_factor("subtract"), multiples("subtract"), add_scaled, added_twice("subtract")),
    "expand_dims": (number_outward("expand_dims"),),
    "squeeze": (number_outward("squeeze"),),
    "transpose": (number_outward("transpose"),),
    "matmul": (scaled_product,),
}
