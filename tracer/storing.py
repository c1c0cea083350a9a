"""Writes into what a stand-in points to: one way in, for assignments, operators like += and `out=` alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.op import BY_CALLABLE, Op
from ..ir.ops.elementwise import astype
from .operators import InPlaceOperators
from .place import Place, View, write_complex_part
from .site import current_site
from .trace import Trace


class Stored(InPlaceOperators):
    """A stand-in that can be written: an array, of whatever rank."""

    __slots__ = ()
    _home: Trace
    _place: Place
    _trace: Any
    _value: Any
    _settle: Any

    def _check_written(self) -> None:
        """Only what the body of a loop made itself may be written there; the rest is carried."""
        if self._trace is not self._home:
            raise self._trace.written_outside()
        self._home.check_written(self._place.root)
        if isinstance(self._place, View):
            self._settle(self._place)

    def store(self, value: Value) -> None:
        """Replace the whole content by a value of the same type."""
        self._check_written()
        self._place.write(value)
        self._note_owner()

    def _note_owner(self) -> None:
        """How the value lies is not what the operation that made it decided, but the buffer."""
        root = self._place.root
        if root.value.ndim > 1:
            self._home.owners.setdefault(root.value.atom, root)

    def _name_buffer(self) -> None:
        """A copy has the value of its original, under whose name it would be written to, and a name of its own."""
        site = current_site()
        self._place.root.name = site.name if site else ""

    def write_through(self, op: Op, item: Value, *arrays: Value, **params: Any) -> None:
        """Write into a part of it, with NumPy's cast to the dtype that is there."""
        trace, old = self._home, self._value().type
        self._check_written()
        if (item.dtype != old.dtype and not item.type.weak) or (
            item.type.weak and item.dtype.kind in "fc" and old.dtype.kind in "iub"
        ):
            item = trace.emit(astype, item, dtype=old.dtype)
        with trace.steps_unnamed():
            self._place.write_part(trace.emit, op, item, arrays, **params)
        self._note_owner()

    def _set_part(self, part: str, item: Any) -> None:
        """`z.real = item`: a write into every element."""
        from .array import Tracer, lift

        trace, dtype = self._home, self._place.type.dtype
        if dtype.kind != "c":
            if part == "imag":
                raise TypeError("array does not have imaginary part to set")
            self[...] = item  # type: ignore[index]
            return
        place = item._place if isinstance(item, Tracer) else None
        if isinstance(place, View) and place.parent is self._place and place.op == part:
            return  # `z.real += t` writes the view z.real, then assigns it to z.real
        value = lift(trace, item)
        own = np.empty(0, dtype).real.dtype
        if value.type.weak and value.dtype.kind == "c":
            raise TypeError("float() argument must be a string or a real number, not 'complex'")
        if value.dtype != own and not value.type.weak:
            value = trace.emit(astype, value, dtype=own)
        self._check_written()
        with trace.steps_unnamed():
            self._place.write(write_complex_part(self._value(), part, value))

    def _in_place(self, ufunc: np.ufunc, other: Any) -> Any:
        from .array import lift

        trace = self._home
        self._check_written()
        old = self._value()
        result = trace.emit(BY_CALLABLE[ufunc], old, lift(trace, other))
        if result.shape != old.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {old.shape} "
                f"doesn't match the broadcast shape {result.shape}"
            )
        if not np.can_cast(result.dtype, old.dtype, casting="same_kind"):
            raise TypeError(
                f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {old.dtype!r} "
                "with casting rule 'same_kind'"
            )
        if result.dtype != old.dtype:
            result = trace.emit(astype, result, dtype=old.dtype)
        self.store(result)
        return self

    def fill(self, value: Any) -> None:
        self[...] = value  # type: ignore[index]
