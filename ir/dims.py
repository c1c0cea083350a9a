"""Lengths that a program is written for once and for all: integers that carry an exact expression in symbols.

A `Dim` is an int to everyone who asks, its witness: an ordinary length that stands for all others, so that shape rules
and adjoints need not know of symbols. Arithmetic keeps the expression, and printing prints it: `n // 2`. What loses the
expression leaves the witness in the text, which is found out by writing the text for other witnesses as well: see
runtime/symbolic.py.

A comparison is answered for the witnesses. What the answer assumes of other lengths is recorded where somebody relies
on it: every comparison of the user's, and every equality of the compiler's that is no identity.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from . import expressions as poly
from .assumptions import assume, check_lost, decides, is_ours, lose
from .expressions import Expression

_NAME = re.compile(r"[^\W\d]\w*")
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


ufunc_of_lengths: list[Callable[..., Any]] = []  # how a ufunc of a length is recorded; the tracer says


def _compared(a: Any, relation: str, b: Any, frame: FrameType) -> Any:
    """The answer for the witnesses, with what it assumes recorded."""
    if type(b) is float or type(b) is Fraction:
        return Fraction.of(a)._answer(relation, b, frame)
    if type(b) not in (int, Dim):
        return NotImplemented
    if type(b) is Dim and a.expression == b.expression:  # the most frequent question
        return _RELATIONS[relation](0, 0)
    difference = poly.subtract(expression_of(a), expression_of(b))
    exact = poly.value_of(difference)
    if exact is not None:
        return _RELATIONS[relation](exact, 0)
    answer: bool = _RELATIONS[relation](_number(a), _number(b))
    holding = relation if answer else _OPPOSITE[relation]
    if _is_certain(difference, holding) or (holding == "==" and poly.vanishes(difference)):
        return answer
    users = not is_ours(frame)
    if users or holding == "==" or decides(frame, relation not in ("==", "!=") and isinstance(b, Dim)):
        assume(poly.relation_text(difference, holding), frame, users)
    return answer


def _is_certain(difference: Expression, holding: str) -> bool:
    """Whether `difference holding 0` is so for all lengths."""
    if holding == "==":
        return False
    if "<" not in holding and poly.nonnegative(difference):
        return holding == ">=" or any(not m for m, _ in difference)
    if ">" not in holding and poly.nonnegative(poly.scale(difference, -1)):
        return holding == "<=" or any(not m for m, _ in difference)
    return False


def expression_of(value: int) -> Expression:
    """The expression of a length, or that of a plain integer."""
    return value.expression if isinstance(value, Dim) else poly.constant(value)


def made(value: int, expression: Expression) -> int:
    """A length with this witness, or the plain integer that the expression is."""
    known = poly.value_of(expression)
    length: Any = Dim(value, expression) if known is None else known
    return length  # type: ignore[no-any-return]  # an int to everyone who asks


def _arithmetic(
    name: str, python: Callable[[int, int], int], exact: Callable[[Expression, Expression], Expression]
) -> tuple[Any, Any]:
    """The method of an operator, and its reflection."""

    def method(self: Dim, other: Any, swap: bool = False) -> Any:
        if type(other) is float or type(other) is Fraction:
            return getattr(Fraction.of(self), f"__{'r' * swap}{name}__", _unknown)(other)
        if type(other) not in (int, Dim):
            return NotImplemented
        pair: tuple[Any, Any] = (other, self) if swap else (self, other)
        a, b = pair
        return made(python(_number(a), _number(b)), exact(expression_of(a), expression_of(b)))

    return method, lambda self, other: method(self, other, True)


def _unknown(other: Any) -> Any:
    return NotImplemented


class _Number:
    """What has a number and says to be of another class: a subclass of int loses itself in C, as in 0.5 * n."""

    __slots__ = ("witness",)
    witness: Any

    def __pos__(self) -> Any:
        return self

    def __hash__(self) -> int:
        return hash(self.witness)

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """np.sqrt(n) is recorded as an operation on the number n."""
        for record in ufunc_of_lengths:
            return record(ufunc, method, *inputs, **kwargs)
        return NotImplemented


class Dim(_Number):
    """A length known by an expression in symbols, with a witness."""

    __slots__ = ("expression",)
    __class__: Any = property(lambda self: int)

    def __init__(self, witness: int, expression: Expression) -> None:
        self.witness = witness
        self.expression = expression

    __add__, __radd__ = _arithmetic("add", operator.add, poly.add)
    __sub__, __rsub__ = _arithmetic("sub", operator.sub, poly.subtract)
    __mul__, __rmul__ = _arithmetic("mul", operator.mul, poly.multiply)
    __floordiv__, __rfloordiv__ = _arithmetic("floordiv", operator.floordiv, poly.floor_divide)
    __mod__, __rmod__ = _arithmetic("mod", operator.mod, poly.remainder)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return 0 - self

    def __abs__(self) -> Any:
        length: Any = self
        return length if poly.nonnegative(self.expression) else at_least(length, -length)

    def __rshift__(self, bits: int) -> Any:
        return self // 2**bits

    def __lshift__(self, bits: int) -> Any:
        return self * 2**bits

    def __pow__(self, power: Any, modulo: Any = None) -> Any:
        if type(power) is int and power >= 0 and modulo is None:
            result: Any = 1
            for _ in range(power):
                result = result * self
            return result
        return Fraction.of(self) ** power if modulo is None else NotImplemented

    def __rpow__(self, base: Any, modulo: Any = None) -> Any:
        return base ** Fraction.of(self)

    def __truediv__(self, other: Any) -> Any:
        return Fraction.of(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / Fraction.of(self)

    def __eq__(self, other: object) -> Any:
        return _compared(self, "==", other, sys._getframe(1))

    def __ne__(self, other: object) -> Any:
        return _compared(self, "!=", other, sys._getframe(1))

    def __lt__(self, other: Any) -> Any:
        return _compared(self, "<", other, sys._getframe(1))

    def __le__(self, other: Any) -> Any:
        return _compared(self, "<=", other, sys._getframe(1))

    def __gt__(self, other: Any) -> Any:
        return _compared(self, ">", other, sys._getframe(1))

    def __ge__(self, other: Any) -> Any:
        return _compared(self, ">=", other, sys._getframe(1))

    def __bool__(self) -> bool:
        return bool(_compared(self, "!=", 0, sys._getframe(1)))

    __hash__ = _Number.__hash__

    def __index__(self) -> int:
        frame = sys._getframe(1)
        check_lost(self, frame)
        if poly.is_bounded(self.expression):  # a remainder has few values: others would do otherwise
            assume(poly.relation_text(poly.subtract(self.expression, poly.constant(self.witness)), "=="), frame, False)
        else:
            lose(f"{self} == {self.witness}")
        return int(self.witness)

    __int__ = __index__

    def __float__(self) -> float:
        check_lost(self, sys._getframe(1))
        return float(self.witness)

    def __str__(self) -> str:
        return poly.text(self.expression)

    __repr__ = __str__

    def __reduce__(self) -> Any:
        return Dim, (self.witness, self.expression)


def _number(value: Any) -> Any:
    """The witness of a number in symbols, or the plain number."""
    return value.witness if type(value) in (Dim, Fraction) else value


class Fraction(_Number):
    """A number computed from lengths, such as 1 / n, with its text; `strength` is that of its weakest operator:
    1 for + and -, 2 for * and /, 3 for a sign, 4 for **, 5 for a name or a call."""

    __slots__ = ("strength", "text")
    __class__: Any = property(lambda self: float)

    def __init__(self, witness: float, text: str, strength: int = 5) -> None:
        self.witness, self.text, self.strength = witness, text, strength

    @classmethod
    def of(cls, number: Any) -> Fraction:
        """A number of any kind as an operand."""
        if isinstance(number, Fraction):
            return number
        if isinstance(number, Dim):
            return cls(number.witness, str(number), poly.strength(number.expression))
        return cls(number, repr(number), 5 if number >= 0 else 3)

    def __eq__(self, other: object) -> Any:
        return self is other or self._answer("==", other, sys._getframe(1))

    def __ne__(self, other: object) -> Any:
        return self is not other and self._answer("!=", other, sys._getframe(1))

    def __lt__(self, other: Any) -> Any:
        return self._answer("<", other, sys._getframe(1))

    def __le__(self, other: Any) -> Any:
        return self._answer("<=", other, sys._getframe(1))

    def __gt__(self, other: Any) -> Any:
        return self._answer(">", other, sys._getframe(1))

    def __ge__(self, other: Any) -> Any:
        return self._answer(">=", other, sys._getframe(1))

    def _answer(self, relation: str, other: Any, frame: FrameType) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        answer = _RELATIONS[relation](self.witness, _number(other))
        users = not is_ours(frame)
        if users or (answer and relation == "=="):
            below = Fraction.of(other).text
            assume(f"{self.text} {relation if answer else _OPPOSITE[relation]} {below}", frame, users)
        return answer

    __hash__ = _Number.__hash__

    def __bool__(self) -> bool:
        return bool(self._answer("!=", 0.0, sys._getframe(1)))

    def __neg__(self) -> Any:
        return Fraction(-self.witness, f"-{self.text}" if self.strength > 2 else f"-({self.text})", 3)

    def __abs__(self) -> Any:
        return Fraction(abs(self.witness), f"abs({self.text})")

    def __float__(self) -> float:
        check_lost(self, sys._getframe(1))
        return float(self.witness)

    def __int__(self) -> int:
        check_lost(self, sys._getframe(1))
        return int(self.witness)

    __trunc__ = __floor__ = __ceil__ = __int__

    def __round__(self, digits: Any = None) -> Any:
        check_lost(self, sys._getframe(1))
        return round(self.witness, digits)

    def is_integer(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def _operator(sign: str, strength: int, python: Callable[[Any, Any], Any], swap: bool) -> Any:
    def method(self: Fraction, other: Any) -> Any:
        if isinstance(other, bool) or type(other) not in (int, float, Dim, Fraction):
            return NotImplemented
        a, b = (Fraction.of(other), self) if swap else (self, Fraction.of(other))
        left = a.text if a.strength >= strength + (sign == "**") else f"({a.text})"
        right = b.text if b.strength > strength else f"({b.text})"
        return Fraction(python(a.witness, b.witness), f"{left} {sign} {right}", strength)

    return method


for _name, _sign, _strength, _python in (
    ("add", "+", 1, operator.add),
    ("sub", "-", 1, operator.sub),
    ("mul", "*", 2, operator.mul),
    ("truediv", "/", 2, operator.truediv),
    ("pow", "**", 4, operator.pow),
):
    setattr(Fraction, f"__{_name}__", _operator(_sign, _strength, _python, False))
    setattr(Fraction, f"__r{_name}__", _operator(_sign, _strength, _python, True))


# ------------------------------------------------------------------------------------------------ for the type rules


def whole(value: Any) -> int:
    """An integer of any kind as Python's, a length as it is; TypeError for what is no integer."""
    length: Any = value if isinstance(value, Dim) else int(value.__index__())
    return length  # type: ignore[no-any-return]


def ordinary(n: int) -> int:
    """The length by which costs are judged."""
    number: int = _number(n)
    return number


def at_least(n: int, bound: int) -> int:
    """max(n, bound), whatever n will be."""
    return _extremum("max", n, bound)


def at_most(n: int, bound: int) -> int:
    """min(n, bound), whatever n will be."""
    return _extremum("min", n, bound)


def _extremum(kind: str, a: int, b: int) -> int:
    chosen = (max if kind == "max" else min)(_number(a), _number(b))
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return chosen
    return made(chosen, poly.extremum(kind, expression_of(a), expression_of(b)))


def slice_length(bounds: slice, n: int) -> int:
    """len(range(n)[bounds]), also for lengths in symbols."""
    given = (bounds.start, bounds.stop, bounds.step)
    if not any(isinstance(b, Dim) for b in (*given, n)):
        return len(range(*bounds.indices(n)))
    step = 1 if bounds.step is None else bounds.step
    if step > 0:
        if bounds.start is not None and bounds.stop is None and step == 1 and _is_negative(bounds.start):
            return at_most(-bounds.start, n)
        start = 0 if bounds.start is None else _counted(bounds.start, n, 0)
        stop = n if bounds.stop is None else _ending(bounds.stop, n)
        return at_least((stop - start + step - 1) // step, 0)
    start = n - 1 if bounds.start is None else at_most(_counted(bounds.start, n, -1), n - 1)
    stop = -1 if bounds.stop is None else _counted(bounds.stop, n, -1)
    return at_least((start - stop - step - 1) // -step, 0)


def range_length(start: int, stop: int, step: int) -> int:
    """len(range(start, stop, step)), also for lengths in symbols."""
    if not any(isinstance(b, Dim) for b in (start, stop, step)):
        return len(range(start, stop, step))
    if _is_negative(step):
        start, stop, step = stop, start, -step
    return at_least((stop - start + step - 1) // step, 0)


def _counted(bound: int, n: int, lowest: int) -> int:
    """Where a slice starts, or, backwards, where it stops; too far to the right is too far anyway."""
    return at_least(n + bound, lowest) if _is_negative(bound) else bound


def _ending(bound: int, n: int) -> int:
    return n + bound if _is_negative(bound) else at_most(bound, n)


def _is_negative(bound: int) -> bool:
    """Whether a bound counts from the end: a sign that depends on the lengths is an assumption."""
    if not isinstance(bound, Dim):
        return bound < 0
    e = bound.expression
    negative = bound.witness < 0
    if not _is_certain(e, "<" if negative else ">="):
        assume(poly.relation_text(e, "<" if negative else ">="), sys._getframe(1), users=False)
    return negative


def equals(a: int, b: int) -> bool:
    """a == b, where the answer decides what is computed: an assumption of lengths in symbols, be it yes or no."""
    return _relied(a, "==", b)


def is_less(a: int, b: int) -> bool:
    """a < b, likewise."""
    return _relied(a, "<", b)


def _relied(a: int, relation: str, b: int) -> bool:
    answer = _RELATIONS[relation](_number(a), _number(b))
    if isinstance(a, Dim) or isinstance(b, Dim):
        difference = poly.subtract(expression_of(a), expression_of(b))
        holding = relation if answer else _OPPOSITE[relation]
        exact = poly.value_of(difference)
        if exact is not None:
            return _RELATIONS[relation](exact, 0)
        if not _is_certain(difference, holding):
            assume(poly.relation_text(difference, holding), sys._getframe(1), users=False)
    return answer


def is_positive(n: int) -> bool:
    """Whether a length is surely not 0."""
    return _is_certain(expression_of(n), ">")


def has_symbols(shape: Sequence[int]) -> bool:
    """Whether a length of the shape is one in symbols."""
    return any(isinstance(n, Dim) for n in shape)


def bound(value: int, lengths: Mapping[str, int]) -> int:
    """The same length of other symbols: each name stands for another length, or for a number."""
    if not isinstance(value, Dim):
        return value
    result: int = eval(str(value), {"__builtins__": {}, "max": at_least, "min": at_most}, dict(lengths))
    return result


def is_symbolic_number(value: Any) -> bool:
    """Whether a number has a text of its own."""
    return type(value) is Dim or type(value) is Fraction


def holds_symbols(value: Any) -> bool:
    """Whether a length in symbols is anywhere in nested tuples, and in slices."""
    if isinstance(value, tuple):
        return any(map(holds_symbols, value))
    bounds = [getattr(value, name, None) for name in ("start", "stop", "step")]
    return is_symbolic_number(value) or any(map(is_symbolic_number, bounds))


def linear(n: int) -> tuple[str, int, int] | None:
    """(name, factor, number) of a length such as 2 * n + 1; None for any other."""
    if not isinstance(n, Dim):
        return None
    constant = sum(c for monomial, c in n.expression if not monomial)
    terms = [(monomial, c) for monomial, c in n.expression if monomial]
    if len(terms) != 1 or len(terms[0][0]) != 1 or terms[0][1] < 1:
        return None
    (atom, power), factor = terms[0][0][0], terms[0][1]
    return (atom.right, factor, constant) if atom.kind == "" and power == 1 else None


def names_in(value: Any) -> list[str]:
    """The symbols in a length, or the names in the text of a number."""
    return list(poly.numbered(value.expression)) if isinstance(value, Dim) else _NAME.findall(str(value))
