"""Python wants a number of a stand-in: a truth, an integer, a float. Guarded where it can be, else refused."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..ir.op import BY_NAME
from ..ir.ops.elementwise import python_number
from .errors import TracingError, explain


class Conversions:
    """`bool(x)`, `int(x)`, `float(x)`, `x.item()` and what Python calls implicitly."""

    __slots__ = ()
    _trace: Any
    _here: Any
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
                        "a.any() or a.all(), or np.where(condition, a, b)",
                        "ambiguous-truth",
                    )
                )
            raise TypeError("only length-1 arrays can be converted to Python scalars")
        return self._trace.number(value, what)

    def __bool__(self) -> bool:
        return bool(self._single("the truth of a condition"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iub" or self.ndim:
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
        raise TracingError(
            explain(
                f"{what} takes a traced value out of the program, which would lose its derivative",
                self._trace.origin(),
                "the NumPy function of the same name (np.exp instead of math.exp), and x itself instead of float(x)",
                "detached-values",
            )
        )

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

    def item(self, *args: Any) -> Any:
        """The element as a Python number, weak in promotions: still traced."""
        from .array import wrap

        if args:
            if len(args) == 1 and self.ndim > 1 and not isinstance(args[0], tuple):
                args = np.unravel_index(int(args[0]), self.shape)
            element = self[args[0] if len(args) == 1 else tuple(args)]  # type: ignore[index]
            return element.item()
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
