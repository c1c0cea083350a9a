"""Python's operators on a stand-in, each as the ufunc that NumPy would call."""

from __future__ import annotations

from typing import Any

import numpy as np


class Operators:
    """Binary, reflected, comparing and unary operators."""

    __slots__ = ()
    dtype: Any

    def _binary(self, ufunc: np.ufunc, left: Any, right: Any) -> Any:
        raise NotImplementedError

    def _unary(self, ufunc: np.ufunc) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self._binary(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._binary(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._binary(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._binary(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._binary(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary(np.divide, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Any:
        return self._binary(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._binary(np.remainder, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, other: Any) -> Any:
        if self.dtype.kind == "b" and type(other) in (int, float) and other == 2:
            return self._unary(np.square)  # which has another dtype than np.power, for booleans alone
        return self._binary(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary(np.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._binary(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._binary(np.matmul, other, self)

    def __and__(self, other: Any) -> Any:
        return self._binary(np.bitwise_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return self._binary(np.bitwise_and, other, self)

    def __or__(self, other: Any) -> Any:
        return self._binary(np.bitwise_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return self._binary(np.bitwise_or, other, self)

    def __xor__(self, other: Any) -> Any:
        return self._binary(np.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return self._binary(np.bitwise_xor, other, self)

    def __lshift__(self, other: Any) -> Any:
        return self._binary(np.left_shift, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return self._binary(np.left_shift, other, self)

    def __rshift__(self, other: Any) -> Any:
        return self._binary(np.right_shift, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return self._binary(np.right_shift, other, self)

    def __lt__(self, other: Any) -> Any:
        return self._binary(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return self._binary(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._binary(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._binary(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return self._binary(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return self._binary(np.not_equal, self, other)

    def __hash__(self) -> int:
        raise TypeError("unhashable")  # Likeness says of what

    def __neg__(self) -> Any:
        return self._unary(np.negative)

    def __pos__(self) -> Any:
        return self._unary(np.positive)

    def __abs__(self) -> Any:
        return self._unary(np.absolute)

    def __invert__(self) -> Any:
        return self._unary(np.invert)


class InPlaceOperators:
    """`y += t` and its kin: a write into y."""

    __slots__ = ()

    def _in_place(self, ufunc: np.ufunc, other: Any) -> Any:
        raise NotImplementedError

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(np.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(np.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(np.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(np.divide, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(np.floor_divide, other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place(np.remainder, other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(np.power, other)

    def __iand__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_and, other)

    def __ior__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_or, other)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_xor, other)

    def __ilshift__(self, other: Any) -> Any:
        return self._in_place(np.left_shift, other)

    def __irshift__(self, other: Any) -> Any:
        return self._in_place(np.right_shift, other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(np.matmul, other)
