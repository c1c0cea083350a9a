"""Rules that keep the numbers of a cotangent together: one coefficient `num / den` in front, as a person writes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..builder import NUMBER, Builder, Rule, Value, looks_into
from ..dims import Dim, is_positive, is_symbolic_number, ordinary
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Var
from ..sizes import is_small
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
    if type(atom) is Literal and atom.type.weak and type(atom.value) in (int, float, Dim):
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


def is_part(builder: Builder, value: Value) -> bool:
    """Whether it was made in the backward pass, and for one step alone."""
    made = builder.definition(value)
    return made is not None and made.level > 0 and value.atom not in builder.shared


def _has_other_readers(builder: Builder, value: Value) -> bool:
    """Whether a multiple of an array that the backward pass makes is there anyway."""
    made = builder.definition(value)
    return made is not None and made.level > 0 and bool(value.shape) and value.atom in builder.shared


def _is_first_part(builder: Builder, value: Value) -> bool:
    """Whether it is a part of the cotangent of an array that nothing was added to so far: a long sum grows in place."""
    if not value.shape or not is_part(builder, value):
        return False
    rest = peeled(builder, value).rest
    made = None if rest is None else builder.definition(rest)
    return made is None or made.level == 0 or made.op.name not in ("add", "subtract")


def _is_plain_multiple(builder: Builder, made: Equation) -> bool:
    """Whether a cotangent that one step reads is c * x or x / c for a number c and an array x of the forward pass."""
    if made.op.name == "negative" or not made.out.type.shape or not is_part(builder, Value(builder, made.out)):
        return False
    number, x = made.operands if made.op.name == "multiply" else made.operands[::-1]
    forward = builder.definitions.get(x) if isinstance(x, Var) else None
    bare = scaled(builder, Value(builder, number)).rest is None
    return bare and forward is not None and forward.level == 0


def _split(builder: Builder, value: Value, named: bool = False) -> Scaled:
    equation = builder.definition(value)
    if equation is None or equation.op.name not in ("negative", "divide", "multiply"):
        return Scaled(1, 1, value)
    stays = equation.out.named and not named and not _may_be_bare(builder, value)
    stays = stays and not _is_plain_multiple(builder, equation)
    if stays or not value.type.inexact:  # what has a name stays a line of its own, but for numbers
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
    if equation.op.name == "multiply" and _may_be_bare(builder, operands[0]):
        first = scaled(builder, operands[0])
        if first.rest is None:
            return Scaled(first.num, first.den, operands[1])
    return Scaled(1, 1, value)


def _may_be_bare(builder: Builder, value: Value) -> bool:
    """Whether it is a number in the text, perhaps with a sign or divided by such: if not, `scaled` leaves a rest."""
    atom = value.atom
    while type(atom) is not Literal:
        made = builder.definitions.get(atom)  # type: ignore[arg-type]
        if made is None or made.op.name not in ("negative", "divide"):
            return False
        if made.op.name == "divide" and type(made.operands[1]) is not Literal:
            return False
        atom = made.operands[0]
    return True


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


@looks_into(NUMBER, "negative", "divide")
def gather_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """c * (d * x) = (c d) * x; a bare number times a bare number is one."""
    if not _may_be_bare(builder, a) and not _may_be_bare(builder, b):
        return None
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


@looks_into(NUMBER, "negative", "divide", "multiply")
def subtract_scaled(builder: Builder, a: Value, b: Value) -> Value | None:
    """a + (-c) * x = a - c * x for a number c, also where (-c) stands at one factor of a product or quotient x."""
    for base, other in ((a, b), (b, a)):
        opposite = _without_sign(builder, other)
        if opposite is not None:
            return base - opposite
    return None


@looks_into(NUMBER, "negative", "divide", "multiply")
def add_scaled(builder: Builder, a: Value, b: Value) -> Value | None:
    """a - (-c) * x = a + c * x, likewise."""
    opposite = _without_sign(builder, b)
    return a + opposite if opposite is not None else None


def _may_bear_sign(builder: Builder, atom: Atom, depth: int) -> bool:
    """Whether a minus may stand at the value, or at one of its factors: if not, `_without_sign` finds none."""
    if type(atom) is Literal:
        return type(atom.value) not in (int, float) or atom.value < 0
    made = builder.definitions.get(atom)  # type: ignore[arg-type]
    if made is None or made.op.name not in ("negative", "divide", "multiply"):
        return False
    if made.op.name == "negative" or not depth:
        return True
    a, b = made.operands
    return _may_bear_sign(builder, a, depth - 1) or _may_bear_sign(builder, b, depth - 1)


def _without_sign(builder: Builder, value: Value, depth: int = 4) -> Value | None:
    """-value, if that is `value` with a minus taken from its coefficient."""
    if not _may_bear_sign(builder, value.atom, depth):
        return None
    inner = scaled(builder, value)
    if inner.rest is not None and inner.num < 0:
        return scale(builder, Scaled(-inner.num, inner.den, inner.rest))
    if inner.rest is None and value.literal is not None and inner.num < 0 and not is_symbolic_number(inner.num):
        return builder.value(-inner.num)
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


@looks_into(NUMBER)
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


@looks_into(NUMBER, "negative", "divide", "multiply")
def gather_negation(builder: Builder, x: Value) -> Value | None:
    """-(c * x) = (-c) * x for a number c."""
    if x.shape and x.atom in builder.shared:
        return None  # what is there anyway is subtracted, or its sign turned
    inner = scaled(builder, x)
    negated = Scaled(-inner.num, inner.den, inner.rest)
    if inner.rest is None:
        return _number_of(builder, negated, x)
    made = builder.definition(inner.rest, "subtract")
    turned = made is not None and not made.out.named and is_part(builder, inner.rest)  # -(a - b) / n = (b - a) / n
    return scale(builder, negated) if inner.num not in (1, -1) or (turned and not inner.trivial) else None


def scaled_sum(builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value | None:
    """sum(c * x) = c * sum(x), for a number c and for an array c that does not vary along the summed axes."""
    if x.dtype == np.float16:
        return None  # the sum alone may be too large
    inner = scaled(builder, x)
    outward = inner.rest is not None and not inner.trivial and not _may_vanish(inner.den)
    if outward and not _is_made_anyway(builder, x):
        assert inner.rest is not None
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


def _is_made_anyway(builder: Builder, x: Value) -> bool:
    """Whether others read a small array too: once it is there, a product outside of a sum is a call more."""
    return x.atom in builder.shared and is_small(x.type)


def scaled_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """(c * a) @ b = c * (a @ b) for a number c, where the product has no more elements than the factor."""
    result = BY_NAME["matmul"].infer(a.type, b.type)
    if result.dtype == np.float16 or not result.inexact:
        return None
    for factor, other, first in ((a, b, True), (b, a, False)):
        inner = scaled(builder, factor)
        if inner.trivial or inner.rest is None or inner.rest.dtype != result.dtype or _may_vanish(inner.den):
            continue
        made_anyway = _is_made_anyway(builder, factor) and is_small(other.type)  # a large product may be there, too
        if ordinary(result.size) > ordinary(factor.size) or made_anyway:
            continue
        product: Value = builder.emit(BY_NAME["matmul"], *((inner.rest, other) if first else (other, inner.rest)))
        return scale(builder, Scaled(inner.num, inner.den, product))
    return None


def common_factor(name: str) -> Rule:
    """c * x + c * y = c * (x + y), c * x + (-c) * y = c * (x - y) for a number c other than 1."""
    other = {"add": "subtract", "subtract": "add"}[name]

    @looks_into("negative", "divide", "multiply")
    def factored(builder: Builder, a: Value, b: Value) -> Value | None:
        left = _multiple_of(builder, a)
        if left.trivial or left.rest is None or (left.den == 1 and left.num in (1, -1)):
            return None
        right = _multiple_of(builder, b)
        opposite = left.same_factor(Scaled(-right.num, right.den, None))
        if right.trivial or right.rest is None or not (left.same_factor(right) or opposite):
            return None
        if BY_NAME[name].infer(left.rest.type, right.rest.type) != BY_NAME[name].infer(a.type, b.type):
            return None
        rest: Value = builder.emit(BY_NAME[other if opposite else name], left.rest, right.rest)
        inner = scaled(builder, rest)  # c * x + c * x = (2 c) * x
        product = Scaled(left.num * inner.num, left.den * inner.den, inner.rest)
        if inner.rest is None and _is_written(product):
            return _number_of(builder, product, a, b)
        return scale(builder, product if _is_written(product) else Scaled(left.num, left.den, rest))

    return factored


def multiples(name: str) -> Rule:
    """c * x + d * x = (c + d) * x for numbers c and d, also where c * x has a name that nothing else reads."""

    @looks_into("negative", "divide", "multiply")
    def gathered_multiples(builder: Builder, a: Value, b: Value) -> Value | None:
        if a.atom in builder.shared:
            return None
        left = peeled(builder, a)
        if left.rest is None or left.trivial:
            return None
        right = scaled(builder, b)
        if right.rest is None or left.rest.atom is not right.rest.atom:
            return None
        other = right.num if name == "add" else -right.num
        total = Scaled(left.num * right.den + other * left.den, left.den * right.den, left.rest)
        if total.num == 0 or not _is_written(total) or not left.rest.type == a.type == b.type:
            return None
        return scale(builder, total)

    return gathered_multiples


def added_twice(name: str) -> Rule:
    """(a + c * x) + c * x = a + (2 c) * x for a number c other than 1, likewise with minus."""

    @looks_into(name)
    def gathered_twice(builder: Builder, a: Value, b: Value) -> Value | None:
        before = builder.definition(a, name)
        if before is None or before.operands[1] is not b.atom or not isinstance(b.atom, Var):
            return None
        if a.atom in builder.shared:
            return None
        part = _deep(builder, b)
        double = Scaled(2 * part.num, part.den, part.rest)
        first = Value(builder, before.operands[0])
        meets = part.trivial and abs(_deep(builder, first, in_a_sum=True).num) == 2  # c * y + 2 * x = c * (y + x)
        if not (meets or not part.trivial) or part.rest is None or not _in_range(double):
            return None
        result: Value = builder.emit(BY_NAME[name], first, scale(builder, double))
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


def _multiple_of(builder: Builder, value: Value) -> Scaled:
    """As `_deep` of a term of a sum, also a multiple of integers, which the other term makes floats."""
    found = _deep(builder, value, in_a_sum=True)
    if not found.trivial or value.dtype.kind != "f":
        return found
    bare = _split(builder, value, named=_is_first_part(builder, value))
    integers = bare.rest is not None and bare.rest.dtype.kind == "i" and bare.rest.shape == value.shape
    return bare if integers else found


def _deep(builder: Builder, value: Value, in_a_sum: bool = False) -> Scaled:
    """As `scaled`, also where the coefficient stands at one factor of a product, and in a sum at a part of a cotangent,
    which has the name that the sum will have."""
    found = peeled(builder, value) if in_a_sum and _is_first_part(builder, value) else scaled(builder, value)
    equation = None if found.rest is None else builder.definition(found.rest, "multiply")
    if equation is None or (not found.trivial and equation.out.named):
        return found
    a, b = (Value(builder, o) for o in equation.operands)
    for one, other, first in ((a, b, True), (b, a, False)):
        part = _split(builder, one)  # the number may be what makes floats of integers: the other factor does it, too
        if part.rest is None or BY_NAME["multiply"].infer(part.rest.type, other.type) != value.type:
            continue
        if not part.trivial and not _has_other_readers(builder, one):
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
