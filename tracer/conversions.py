"""Python wants a number of a stand-in: a truth, an integer, a float. Guarded where it can be, else refused."""

from __future__ import annotations

import operator
import re
import sys
from typing import Any, NoReturn

import numpy as np

from ..ir.op import BY_NAME
from ..ir.ops.elementwise import adds_up_squares, equal, less, not_equal, python_number
from .detached import detached
from .errors import TracingError, explain
from .site import called_name, handles_errors, is_user_code

_DIVISIONS: dict[np.ufunc, Any] = {
    np.divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
}
_RAISES = re.compile(r"(^|: ?)(raise|assert)\b")


class Conversions:
    """`bool(x)`, `int(x)`, `float(x)`, `x.item()` and what Python calls implicitly."""

    __slots__ = ()
    _trace: Any
    _home: Any
    _place: Any
    _here: Any
    _type: Any
    dtype: Any
    ndim: Any
    shape: Any
    size: Any

    def _single(self, what: str) -> Any:
        value = self._here()
        if value.size != 1:
            if what == "the truth of a condition":
                raise ValueError(
                    explain(
                        "the truth value of an array with more than one element is ambiguous",
                        self._trace.origin(),
                        "(x > 0).any() or (x > 0).all(), or np.where(x > 0, a, b) to choose element by element",
                        "ambiguous-truth",
                    )
                )
            raise TypeError("only length-1 arrays can be converted to Python scalars")
        return self._trace.number(value, what)

    def __bool__(self) -> bool:
        if self.size == 1 and self.dtype.kind != "b":  # the guard is about the truth, not about the number
            return bool(self._trace.number(self._trace.emit(not_equal, self._here(), 0), "the truth of a condition"))
        return bool(self._single("the truth of a condition"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iub" or self.ndim or (self.dtype.kind == "b" and not self._type.weak):
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(self._single("an integer"))

    def _whole(self, rounding: str) -> int:
        """A Python integer, guarded; only the integer decides what follows, not the digits behind it."""
        value = self._here()
        if self.dtype.kind == "f":
            value = self._trace.emit(BY_NAME[rounding], value)
        return int(self._trace.number(value, "an integer")) if value.size == 1 else self._single("an integer")

    def __int__(self) -> int:
        return self._whole("trunc")

    __trunc__ = __int__

    def __floor__(self) -> int:
        return self._whole("floor")

    def __ceil__(self) -> int:
        return self._whole("ceil")

    def _detached(self, what: str) -> NoReturn:
        self._home.check_open(self._place)
        raise detached(what, self._trace.origin())

    def __float__(self) -> float:
        if self.dtype.kind in "biu":
            return float(self._single("a number"))
        self._detached("float()")

    def __complex__(self) -> complex:
        self._detached("complex()")

    def __round__(self, ndigits: Any = None) -> Any:
        if ndigits is None and not self.ndim:
            return self._whole("rint")
        self._detached("round()")

    def _check_real(self, base: Any, exponent: Any) -> None:
        """Refuse a negative Python float to the power of a fraction, which is a complex number: a guard."""
        whole = type(exponent) in (int, float) and exponent == exponent // 1
        written = type(base) in (int, float)  # and no stand-in, which says that it is a float
        if whole or self.dtype.kind == "c" or (written and base >= 0):
            return
        value = self._trace.builder.value(base) if written else base._here()
        if not value.type.weak or value.dtype.kind != "f" or adds_up_squares(value):
            return
        negative = self._trace.emit(less, value, 0)
        if self._trace.is_known(negative) and self._trace.number(negative, "the sign of a base"):
            if type(exponent) not in (int, float) and bool(exponent % 1 == 0):
                return
            raise TracingError(
                explain(
                    "a negative Python float to the power of a fraction is a complex number",
                    self._trace.origin(),
                    "np.abs(x) ** p, or x as an array for nan as NumPy has it",
                    "operands",
                )
            )

    def _check_division(self, ufunc: np.ufunc, left: Any, right: Any) -> None:
        """Raise what Python raises for a division by zero, where the function may catch it; guarded if it may."""
        divide = _DIVISIONS.get(ufunc)
        if divide is None or type(right) in (int, float) or isinstance(right, np.generic):
            return
        other = self._trace.builder.value(left) if type(left) in (int, float) else left._here()
        divisor = right._here()
        if (
            not (other.type.weak and divisor.type.weak)
            or divisor.dtype.kind == "c"
            or not self._trace.is_known(divisor)
        ):
            return
        if not self._trace.concrete(divisor)[0] or handles_errors():
            zero = self._trace.emit(equal, divisor, 0)
            if self._trace.number(zero, "a divisor"):
                divide(1.0, 0.0)

    def __repr__(self) -> str:
        if self._home.closed:
            return "<traced value of a call that has ended>"
        return f"<traced {self._type}>"

    def __str__(self) -> str:
        frame = sys._getframe(1)
        if self._home.closed or not is_user_code(frame.f_code) or called_name(frame) == "print":
            return repr(self)
        return format(self)

    def __format__(self, spec: str) -> str:
        if self._home.closed:
            return repr(self)
        origin, value = self._trace.origin(), self._here()
        refusal = TracingError(
            explain(
                "a traced value has no digits to print",
                origin,
                "print(x) to see its type, or return the value with has_aux=True",
                "formatting",
            )
        )
        if origin is not None and _RAISES.search(origin.statement) and self._trace.is_known(value):
            return format(self._trace.concrete(value)[0], spec)  # the refusal comes up if the function still returns
        raise refusal

    def item(self, *args: Any) -> Any:
        """The element as a Python number, weak in promotions: still traced."""
        from .array import wrap

        if args and not self.ndim and args in ((0,), (-1,), ((),)):
            args = ()
        if args:
            if len(args) == 1 and self.ndim > 1 and not isinstance(args[0], tuple):
                args = np.unravel_index(int(args[0]), self.shape)
            element = self[args[0] if len(args) == 1 else tuple(args)]  # type: ignore[index]
            return element.item()
        self._home.check_open(self._place)
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        if self.dtype.kind in "biu":
            return self._single("a number")
        value = self._here()
        if value.ndim:
            value = self._trace.emit(BY_NAME["reshape"], value, shape=())
        return wrap(self._trace, value if value.type.weak else self._trace.emit(python_number, value))

    def tolist(self) -> Any:
        """Nested lists of traced Python numbers."""
        return [row.tolist() for row in self] if self.ndim else self.item()  # type: ignore[attr-defined]
