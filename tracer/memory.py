"""What an array tells about how it lies in memory, and itself seen once more."""

from __future__ import annotations

from typing import Any

import numpy as np

from .place import Place
from .refusals import refuse
from .trace import Trace

_ORDERS = {"C": "c_contiguous", "F": "f_contiguous", "C_CONTIGUOUS": "c_contiguous", "F_CONTIGUOUS": "f_contiguous"}
_ORDERS |= {"CONTIGUOUS": "c_contiguous", "FORTRAN": "f_contiguous", "FNC": "fnc", "FORC": "forc"}


class Flags:
    """The flags about the order of the elements; the layout that they tell is guarded."""

    def __init__(self, trace: Trace, place: Place) -> None:
        self._trace, self._place = trace, place

    def __getitem__(self, name: str) -> bool:
        if name not in _ORDERS:
            raise refuse(self._trace, f"the flag {name} of an array", "the program does not know it", "x.copy()")
        if self._place.contiguous and self._place.type.ndim > 1 and _ORDERS[name] == "c_contiguous":
            return True
        found: bool = getattr(self._trace.layout(self._place).flags, _ORDERS[name])
        return found

    def __getattr__(self, name: str) -> bool:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name.upper()]


class InMemory:
    """Attributes of an array that concern its memory."""

    __slots__ = ()
    device = "cpu"  # the array API standard's
    dtype: np.dtype[Any]
    _trace: Trace
    _place: Place

    @property
    def flags(self) -> Flags:
        return Flags(self._trace, self._place)

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        """The array itself once more."""
        if dtype is np.ndarray:
            dtype, type = None, dtype
        if type not in (None, np.ndarray) or (dtype is not None and np.dtype(dtype) != self.dtype):
            raise refuse(self._trace, "view of an array as another type", "it reads the bytes", "x.astype(dtype)")
        from .array import ArrayTracer

        return ArrayTracer(self._trace, self._place)
