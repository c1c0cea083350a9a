"""The stand-in for an array: it answers NumPy and Python's operators by recording what was asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from ..ir.aliasing import is_cell
from ..ir.builder import Value
from ..ir.indexing import full_index
from ..ir.op import BY_CALLABLE, BY_NAME, Op
from ..ir.ops.elementwise import astype
from ..ir.ops.indexing import getitem, index_add, set_item
from ..ir.types import ArrayType
from .conversions import Conversions
from .errors import TracingError, UnsupportedError, explain
from .indexing import added_dims, encode_index, places_of_mask
from .likeness import ArrayLikeness, Likeness, NumberLikeness, ScalarLikeness
from .operators import InPlaceOperators, Operators
from .place import Place, Root, View
from .site import called_name, is_user_code
from .trace import ACTIVE, Trace


class Tracer(Likeness, Conversions, Operators):
    """Common to stand-ins of every rank. A handle on a place, whose value is looked up at each use."""

    __slots__ = ("_home", "_place")
    __array_priority__ = 1000.0

    def __init__(self, trace: Trace, place: Place) -> None:
        self._home = trace
        self._place = place

    @property
    def _trace(self) -> Trace:
        """Where operations on this stand-in are recorded: the body of a loop that is being traced, if there is one."""
        active = ACTIVE.get()
        return active if active is not None and active.is_inside(self._home) else self._home

    def _here(self) -> Value:
        """The current value, in the trace that records now."""
        return lift(self._trace, self)

    # ------------------------------------------------------------------------------------- facts, known now

    def _value(self) -> Value:
        """The current value, in the trace that this stand-in was made in."""
        self._home.check_open()
        place = self._place
        if isinstance(place, View) and place.stale():
            self._settle(place)
        return place.read()

    def _settle(self, place: View) -> None:
        """Find out which views on the way to the root share memory: a write makes the difference visible."""
        for view in list(place.uncertain()):
            if self._home.shares_memory(view):
                view.decided = True
            else:
                view.detach()

    @property
    def _type(self) -> ArrayType:
        return self._place.read().type

    @property
    def shape(self) -> tuple[int, ...]:
        return self._type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._type.dtype

    @property
    def ndim(self) -> int:
        return self._type.ndim

    @property
    def size(self) -> int:
        return self._type.size

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

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
        raise TracingError(
            explain(
                "a traced value has no digits to print",
                self._trace.origin(),
                "print(x) to see its type, or return the value with has_aux=True",
                "formatting",
            )
        )

    # ---------------------------------------------------------------------------------------------- NumPy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .dispatch import call_ufunc

        return call_ufunc(self._trace, ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .dispatch import call_function

        return call_function(self._trace, func, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TracingError(
            explain(
                "a traced value was about to be turned into a plain array, which would lose its derivative",
                self._trace.origin(),
                "np.stack([...]) for a list of values, or a NumPy function that tapeless records",
                "detached-values",
            )
        )

    # ------------------------------------------------------------------------------------------ operators

    def _binary(self, ufunc: np.ufunc, left: Any, right: Any) -> Any:
        for other in (left, right):
            if not isinstance(other, Tracer | int | float | complex | np.generic | np.ndarray):
                if isinstance(other, list | tuple):
                    continue
                return NotImplemented
        trace = self._trace
        return wrap(trace, trace.emit(BY_CALLABLE[ufunc], lift(trace, left), lift(trace, right)))

    def _unary(self, ufunc: np.ufunc) -> Any:
        return wrap(self._trace, self._trace.emit(BY_CALLABLE[ufunc], self._here()))

    # ------------------------------------------------------------------------------- methods of the ndarray

    @property
    def T(self) -> Any:
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def real(self) -> Any:
        if self.dtype.kind != "c":
            return ArrayTracer(self._trace, self._place) if self.ndim else self
        return np.real(self)  # type: ignore[call-overload]

    @property
    def imag(self) -> Any:
        return np.imag(self)  # type: ignore[call-overload]

    @property
    def flat(self) -> Any:
        flat: Any = np.reshape(self, -1)  # type: ignore[call-overload]
        if isinstance(flat._place, View):
            flat._place.decided = True  # it writes through, whatever the layout
        return flat

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        value = self._here()
        wanted = np.dtype(dtype)
        if not np.can_cast(value.dtype, wanted, casting=casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {value.dtype!r} to {wanted!r} according to the rule {casting!r}"
            )
        if value.dtype == wanted and not copy:
            return self
        made = self._trace.emit(astype, value, dtype=wanted)
        return wrap(
            self._trace, made, contiguous=order == "C" and self.ndim > 0, like=self._place if self.ndim else None
        )

    def copy(self, order: str = "C") -> Any:
        """A buffer of its own with the same value."""
        if order != "C" and self.ndim > 1:  # the layout decides what a reshape of the copy shares
            return wrap(self._trace, self._here(), like=self._place)
        return wrap(self._trace, self._here(), contiguous=self.ndim > 0 or isinstance(self, CellTracer))

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def conj(self) -> Any:
        return self._unary(np.conjugate)

    conjugate = conj

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        wanted = shape[0] if len(shape) == 1 else shape
        asked = {} if copy is None else {"copy": copy}  # NumPy 2.0 does not know the keyword
        return np.reshape(self, wanted, order=order, **asked)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        wanted = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, wanted)  # type: ignore[call-overload]

    def flatten(self, order: str = "C") -> Any:
        return np.ravel(self, order=order).copy()  # type: ignore[call-overload]


class ScalarTracer(ScalarLikeness, Tracer):
    """The stand-in for a 0-d value. Without __len__ and __getitem__, so that NumPy does not hide our errors."""

    __slots__ = ()

    def __new__(cls, trace: Trace, place: Place) -> ScalarTracer:
        return object.__new__(NumberTracer if cls is ScalarTracer and place.read().type.weak else cls)

    def is_integer(self) -> bool:
        """Whether the number is whole: a branch."""
        return bool(self == np.floor(self))  # type: ignore[call-overload]


class NumberTracer(NumberLikeness, ScalarTracer):
    """The stand-in for a Python number."""

    __slots__ = ()


class ArrayTracer(ArrayLikeness, Tracer, InPlaceOperators):
    """The stand-in for an array of at least one dimension."""

    __slots__ = ()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):
            yield self[i]

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __getitem__(self, key: Any) -> Any:
        trace = self._trace
        index, arrays = encode_index(trace, self.shape, key)
        if any(a.dtype.kind == "b" for a in arrays):
            index, arrays = places_of_mask(trace, self.shape, index, arrays)
        if arrays:
            return wrap(trace, trace.emit(getitem, self._here(), *arrays, index=index))
        added = added_dims(index, self.ndim)
        if added:
            return self._view("expand_dims", axis=added)
        return self._view("getitem", index=index)

    def _view(self, op: str, flat: bool = False, **params: Any) -> Any:
        """A view; its first read is recorded here, where the user wrote it."""
        trace = self._trace
        if trace is not self._home:
            return wrap(trace, trace.emit(BY_NAME[op], self._here(), **params))
        self._value()
        trace.check_open()
        scalar = op == "getitem" and Ellipsis not in params["index"]
        if op == "getitem" and not scalar and self.ndim == sum(isinstance(e, int) for e in params["index"]):
            params["index"] = full_index(params["index"], self.ndim, ())
        place = View(self._place, op, flat, **params)
        value = trace.emit(BY_NAME[op], self._place.read(), **params)
        place._value, place._seen = value, place.root.version
        if value.ndim == 0:
            constant = trace.constant(value)
            if constant is not None:
                return constant
            return ScalarTracer(trace, Root(value)) if scalar else CellTracer(trace, place)
        return ArrayTracer(trace, place)

    def __setitem__(self, key: Any, item: Any) -> None:
        trace = self._trace
        index, arrays = encode_index(trace, self.shape, key)
        if isinstance(item, ArrayTracer | CellTracer) and isinstance(item._place, View) and not arrays:
            view, full = item._place, full_index(index, self.ndim, ())
            if view.parent is self._place and view.op == "getitem" and view.params["index"] in (index, full):
                return  # `y[i] += t` writes the view y[i], then assigns it to y[i]
        value = lift(trace, item)
        if value.ndim and any(a.dtype.kind == "b" for a in arrays):
            index, arrays = places_of_mask(trace, self.shape, index, arrays)
        self.write_through(set_item, value, *arrays, index=index)

    def _check_home(self) -> None:
        """Only what the body of a loop made itself may be written there; the rest is carried."""
        if self._trace is not self._home:
            raise TracingError(
                explain(
                    "the body of a structured loop writes into an array from outside of it",
                    self._trace.origin(),
                    "make the array part of the carry, and return the changed copy",
                    "loops",
                )
            )

    def write_through(self, op: Op, item: Value, *arrays: Value, **params: Any) -> None:
        """Write into the place, with NumPy's cast to the dtype that is there."""
        trace = self._home
        self._check_home()
        old = self._value()
        if isinstance(self._place, View):
            self._settle(self._place)
        if (item.dtype != old.dtype and not item.type.weak) or (
            item.type.weak and item.dtype.kind in "fc" and old.dtype.kind in "iub"
        ):
            item = trace.emit(astype, item, dtype=old.dtype)
        new = trace.emit(op, old, item, *arrays, **params)
        if isinstance(old.atom, type(new.atom)) and old.atom.name:  # type: ignore[union-attr]
            trace.name(new, old.atom.name)  # type: ignore[union-attr]
        self._place.write(new)

    def _in_place(self, ufunc: np.ufunc, other: Any) -> Any:
        trace = self._home
        self._check_home()
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
        if isinstance(self._place, View):
            self._settle(self._place)
        self._place.write(result)
        return self

    def fill(self, value: Any) -> None:
        self[...] = value


class CellTracer(ArrayLikeness, ScalarTracer, InPlaceOperators):
    """The stand-in for a 0-d array, `x[..., 0]` or an argument: an operator like += writes into it."""

    __slots__ = ()
    _in_place: Any = ArrayTracer._in_place
    _check_home: Any = ArrayTracer._check_home
    _view: Any = ArrayTracer._view

    def __getitem__(self, key: Any) -> Any:
        self._check_key(key)
        if key is None:
            return np.reshape(self, (1,))  # type: ignore[call-overload]
        return wrap(self._trace, self._here()) if isinstance(key, tuple) else CellTracer(self._trace, self._place)

    def __setitem__(self, key: Any, item: Any) -> None:
        self._check_key(key)
        self._check_home()
        value, old = lift(self._trace, item), self._value()
        if value.ndim:
            raise ValueError("setting an array element with a sequence.")
        self._place.write(self._trace.emit(astype, value, dtype=old.dtype) if value.type != old.type else value)

    def _check_key(self, key: Any) -> None:
        if isinstance(key, int | slice) or (isinstance(key, tuple) and key):
            raise IndexError("too many indices for array: array is 0-dimensional")
        if key is not None and key is not Ellipsis and not (isinstance(key, tuple) and not key):
            cause = "this index into a 0-d array is not supported"
            raise UnsupportedError(explain(cause, self._trace.origin(), "x.reshape(1), and index that", "unsupported"))

    fill = ArrayTracer.fill


def wrap(trace: Trace, value: Value, contiguous: bool = False, like: Place | None = None) -> Any:
    """A value as a stand-in with a buffer of its own; a 0-d integer that no argument decides is a plain number.

    The buffer lies in C order if `contiguous`, or as the place `like`; else as the operation that made it decides.
    """
    if value.ndim:
        return ArrayTracer(trace, Root(value, contiguous, like))
    if contiguous:
        return CellTracer(trace, Root(value, contiguous))
    constant = trace.constant(value)
    if constant is not None:
        return constant
    made = trace.builder.definition(value)
    return (CellTracer if made is not None and is_cell(made) else ScalarTracer)(trace, Root(value))


def lift(trace: Trace, item: Any) -> Value:
    """Anything that NumPy would take as an operand, as a value of the trace."""
    if isinstance(item, Tracer):
        if item._home is not trace:
            if trace.is_inside(item._home):
                return trace.take_from(item._home, item._value())
            item._home.check_open()
            raise TracingError(
                explain("a traced value of another function's trace was used", trace.origin(), anchor="leaks")
            )
        return item._value()
    if type(item) is np.ndarray:
        return trace.capture(item)
    if isinstance(item, np.ndarray):
        trace.check_array(item)
    if isinstance(item, list | tuple):
        from .creation import array_of

        return array_of(trace, item)
    try:
        return trace.builder.value(item)
    except TypeError:
        raise TracingError(
            explain(
                f"a {type(item).__name__} cannot be an operand of an array operation",
                trace.origin(),
                "pass numbers or arrays",
                "operands",
            )
        ) from None


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"np.{name} of this array."
    return method


for _name in [
    "all",
    "any",
    "argmax",
    "argmin",
    "clip",
    "cumsum",
    "cumprod",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "repeat",
    "round",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
    "ravel",
    "nonzero",
    "argsort",
    "searchsorted",
    "compress",
    "choose",
]:
    if hasattr(np.empty(1), _name):  # NumPy 2 has no .ptp
        setattr(Tracer, _name, _method(_name))


def _sort_in_place(self: ArrayTracer, axis: int = -1, kind: Any = None, order: Any = None) -> None:
    """Sort the array itself."""
    self[...] = np.sort(self, axis=axis)  # type: ignore[call-overload]


ArrayTracer.sort = _sort_in_place  # type: ignore[attr-defined]
for _kind, _name in ((ArrayTracer, "array"), (CellTracer, "array"), (ScalarTracer, "scalar"), (NumberTracer, "number")):
    _kind.__name__ = f"traced {_name}"  # as Python's own messages call it
__all__ = ["ArrayTracer", "ScalarTracer", "Tracer", "index_add", "lift", "wrap"]
