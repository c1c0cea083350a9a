"""The stand-in for an array: it answers NumPy and Python's operators by recording what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from ..ir.aliasing import is_cell
from ..ir.builder import Value
from ..ir.dims import Dim
from ..ir.indexing import full_index
from ..ir.op import BY_CALLABLE, BY_NAME
from ..ir.ops.elementwise import astype
from ..ir.ops.indexing import getitem, index_add, set_item
from ..ir.types import ArrayType
from .conversions import Conversions
from .detached import detached
from .errors import TracingError, UnsupportedError, explain
from .indexing import added_dims, computed_entries, encode_index, places_of_mask
from .lengths import refuse_rows
from .likeness import ArrayLikeness, Likeness, NumberLikeness, NumPyScalarLikeness, ScalarLikeness
from .memory import InMemory
from .methods import Methods
from .operators import Operators
from .place import Place, Root, View
from .storing import Stored
from .trace import ACTIVE, Trace


class Tracer(Likeness, Conversions, Operators, Methods):
    """Common to stand-ins of every rank. A handle on a place, whose value is looked up at each use."""

    __slots__ = ("_home", "_place")
    __array_priority__ = 1000.0

    def __init__(self, trace: Trace, place: Place) -> None:
        _set_home(self, trace)
        _set_place(self, place)

    @property
    def _trace(self) -> Trace:
        """Where operations on this stand-in are recorded: the body of a loop that is being traced, if there is one."""
        active, home = ACTIVE.get(), _home_of(self)
        return active if active is not None and active.is_inside(home) else home

    def _here(self) -> Value:
        """The current value, in the trace that records now."""
        return lift(self._trace, self)

    # ------------------------------------------------------------------------------------- facts, known now

    def _value(self) -> Value:
        """The current value, in the trace that this stand-in was made in."""
        place, home = _place_of(self), _home_of(self)
        if home.closed:
            home.check_open(place)
        if isinstance(place, View) and place.stale():
            self._settle(place)
        value = place.read()
        if home.builder.removed and value.atom in home.builder.removed:
            raise home.used_outside()
        return value

    def _settle(self, place: View) -> None:
        """Find out which views on the way to the root share memory: a write makes the difference visible."""
        for view in list(place.uncertain()):
            if self._home.shares_memory(view):
                view.decided = True
            else:
                view.detach()

    @property
    def _type(self) -> ArrayType:
        return self._place.type

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

    # ---------------------------------------------------------------------------------------------- NumPy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .dispatch import call_ufunc

        self._home.check_open(self._place)
        return call_ufunc(self._trace, ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .dispatch import call_function

        self._home.check_open(self._place)
        return call_function(self._trace, func, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self._home.check_open(self._place)
        raise detached("np.asarray()", self._trace.origin())

    # ------------------------------------------------------------------------------------------ operators

    def _binary(self, ufunc: np.ufunc, left: Any, right: Any) -> Any:
        for other in (left, right):
            if not isinstance(other, _OPERANDS):
                if isinstance(other, _SEQUENCES):
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
    def mT(self) -> Any:
        return np.matrix_transpose(self)  # type: ignore[call-overload]

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
        return flat_of(self, np.reshape(self, -1))  # type: ignore[call-overload]

    @flat.setter
    def flat(self, value: Any) -> None:
        given = lift(self._trace, value)
        if given.size == self.size or not given.ndim:
            self[...] = np.reshape(wrap(self._trace, given), self.shape) if given.ndim else value  # type: ignore[index]
        else:
            np.put(self, range(self.size), value)  # type: ignore[call-overload,arg-type]

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
        laid = wrap(self._trace, made, like=self._place if self.ndim else None)
        return laid.copy(order) if order != "K" and self.ndim > 1 else laid

    def copy(self, order: str = "C") -> Any:
        """A buffer of its own with the same value."""
        if order == "A" and self.ndim > 1 and not self._place.contiguous:
            order = "F" if self._trace.layout(self._place).flags.fnc else "C"
        if order == "F" and self.ndim > 1:
            return self.T.copy().T
        if order == "K" and self.ndim > 1:  # the layout decides what a reshape of the copy shares
            return wrap(self._trace, self._here(), like=self._place)
        value = self._here()
        if self.ndim > 1 and not self._place.contiguous:
            value = self._trace.emit(BY_NAME["copy"], value)  # what is computed from it lies as the copy does
        made = wrap(self._trace, value, contiguous=self.ndim > 0 or isinstance(self, CellTracer))
        if isinstance(made, ArrayTracer):
            made._note_owner()
            made._name_buffer()
        return made

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def conj(self) -> Any:
        """The conjugate; real arrays are their own, where np.conjugate makes a copy."""
        return self._unary(np.conjugate) if self.dtype.kind == "c" else self

    conjugate = conj


# What every recorded operation asks, past the likeness that answers the user, and without making a union each time.
_home_of, _set_home = Tracer.__dict__["_home"].__get__, Tracer.__dict__["_home"].__set__
_place_of, _set_place = Tracer.__dict__["_place"].__get__, Tracer.__dict__["_place"].__set__
_OPERANDS = (Tracer, int, float, complex, np.generic, np.ndarray)
_SEQUENCES = (list, tuple, range)


class ScalarTracer(ScalarLikeness, Tracer):
    """The stand-in for a 0-d value. Without __len__ and __getitem__, so that NumPy does not hide our errors."""

    __slots__ = ()

    def __new__(cls, trace: Trace, place: Place) -> ScalarTracer:
        kind = NumberTracer if place.type.weak else NumPyScalarTracer
        return object.__new__(kind if cls is ScalarTracer else cls)

    def is_integer(self) -> bool:
        """Whether the number is whole: a branch."""
        return bool(self == np.floor(self))  # type: ignore[call-overload]


class NumberTracer(NumberLikeness, ScalarTracer):
    """The stand-in for a Python number."""

    __slots__ = ()

    def _binary(self, ufunc: np.ufunc, left: Any, right: Any) -> Any:
        if ufunc is np.power:
            self._check_real(left, right)
        else:
            self._check_division(ufunc, left, right)
        result = super()._binary(ufunc, left, right)
        if self._trace.decides and isinstance(result, NumberTracer) and result.dtype.kind == "b":
            return bool(result)
        return result


class NumPyScalarTracer(NumPyScalarLikeness, ScalarTracer):
    """The stand-in for a NumPy scalar, which unlike a Python number takes an index: None, an Ellipsis, an empty one."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if any(type(entry) in (int, slice) for entry in (key if isinstance(key, tuple) else (key,))):
            raise IndexError("invalid index to scalar variable.")
        return CellTracer(self._trace, Root(self._here()))[key]


class ArrayTracer(ArrayLikeness, InMemory, Stored, Tracer):
    """The stand-in for an array of at least one dimension."""

    __slots__ = ()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.shape[0], Dim):
            refuse_rows(self.shape[0])
        for i in range(len(self)):
            yield self[i]

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __getitem__(self, key: Any) -> Any:
        trace = self._trace
        index, arrays = encode_index(trace, self.shape, key)
        if any(a.dtype.kind == "b" for a in arrays):
            index, arrays = places_of_mask(trace, self.shape, index, arrays)
        if arrays and all(isinstance(e, ScalarTracer) and not isinstance(e, CellTracer) for e in computed_entries(key)):
            return self._view("getitem", arrays=arrays, index=index)
        if arrays:
            return wrap(trace, trace.emit(getitem, self._here(), *arrays, index=index))
        added = added_dims(index, self.ndim)
        if added:
            return self._view("expand_dims", axis=added)
        return self._view("getitem", index=index)

    def _view(self, op: str, flat: bool = False, arrays: Sequence[Value] = (), **params: Any) -> Any:
        """A view; its first read is recorded here, where the user wrote it."""
        trace = self._trace
        if trace is not self._home:
            return wrap(trace, trace.emit(BY_NAME[op], self._here(), *arrays, **params))
        self._value()
        trace.check_open()
        scalar = op == "getitem" and Ellipsis not in params["index"]
        if op == "getitem" and not scalar and self.ndim == sum(isinstance(e, int) for e in params["index"]):
            params["index"] = full_index(params["index"], self.ndim, ())
        place = View(self._place, op, flat, arrays, **params)
        value = trace.emit(BY_NAME[op], self._place.read(), *arrays, **params)
        place._value, place._seen = value, place.root.version
        if value.ndim == 0:
            if not scalar:
                return CellTracer(trace, place)
            constant = trace.constant(value)
            return ScalarTracer(trace, Root(value)) if constant is None else constant
        return ArrayTracer(trace, place)

    def __setitem__(self, key: Any, item: Any) -> None:
        trace = self._trace
        index, arrays = encode_index(trace, self.shape, key)
        if isinstance(item, ArrayTracer | CellTracer) and isinstance(item._place, View):
            view, full = item._place, full_index(index, self.ndim, [a.type for a in arrays])
            same = [a.atom for a in view.arrays] == [a.atom for a in arrays]
            if same and view.parent is self._place and view.op == "getitem" and view.params["index"] in (index, full):
                return  # `y[i] += t` writes the view y[i], then assigns it to y[i]
        value = lift(trace, item)
        if value.ndim and any(a.dtype.kind == "b" for a in arrays):
            index, arrays = places_of_mask(trace, self.shape, index, arrays)
        self.write_through(set_item, value, *arrays, index=index)

    real: Any = Tracer.__dict__["real"].setter(lambda self, item: self._set_part("real", item))
    imag: Any = Tracer.__dict__["imag"].setter(lambda self, item: self._set_part("imag", item))

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        np.put(self, indices, values, mode)  # type: ignore[call-overload,arg-type]


class FlatTracer(ArrayTracer):
    """The stand-in for `x.flat`: it writes through, whatever the layout, and what is read of it is a copy."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found.copy() if isinstance(found, ArrayTracer) else found

    def copy(self, order: str = "C") -> Any:
        return wrap(self._trace, self._here(), contiguous=True)


def flat_of(x: Tracer, vector: Any) -> Any:
    """The flat iterator of x, of which `vector` is the reshape to one dimension."""
    if isinstance(vector._place, View) and vector._place is not x._place:
        vector._place.decided = True
    return FlatTracer(x._trace, vector._place)


class CellTracer(ArrayLikeness, Stored, ScalarTracer):
    """The stand-in for a 0-d array, `x[..., 0]` or an argument: an operator like += writes into it."""

    __slots__ = ()
    _view: Any = ArrayTracer._view

    def __getitem__(self, key: Any) -> Any:
        if self._is_condition(key):
            return self._as_vector()[_as_mask(key)]
        if isinstance(key, tuple) and key and all(k is None or k is Ellipsis for k in key):
            return np.reshape(self, (1,) * key.count(None))  # type: ignore[call-overload]
        self._check_key(key)
        if key is None:
            return self._as_vector()
        return wrap(self._trace, self._here()) if isinstance(key, tuple) else CellTracer(self._trace, self._place)

    def __setitem__(self, key: Any, item: Any) -> None:
        if self._is_condition(key):
            self._as_vector()[_as_mask(key)] = item
            return
        if key is None:
            self._as_vector()[...] = item
            return
        self._check_key(key)
        value, old = lift(self._trace, item), self._value()
        if value.size != 1:
            raise ValueError("setting an array element with a sequence.")
        if value.ndim:
            value = self._trace.emit(BY_NAME["reshape"], value, shape=())
        self.store(self._trace.emit(astype, value, dtype=old.dtype) if value.type != old.type else value)

    @staticmethod
    def _is_condition(key: Any) -> bool:
        key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
        return isinstance(key, bool | np.bool_) or (isinstance(key, Tracer) and not key.ndim and key.dtype.kind == "b")

    def _as_vector(self) -> Any:
        """The view of length 1."""
        vector = self._view("reshape", shape=(1,))
        vector._place.decided = True
        return vector

    def _check_key(self, key: Any) -> None:
        if isinstance(key, int | slice) or (isinstance(key, tuple) and key):
            raise IndexError("too many indices for array: array is 0-dimensional")
        if key is not None and key is not Ellipsis and not (isinstance(key, tuple) and not key):
            cause = "this index into a 0-d array is not supported"
            raise UnsupportedError(explain(cause, self._trace.origin(), "x.reshape(1)[index]", "unsupported"))

    def __iter__(self) -> NoReturn:
        raise TypeError("iteration over a 0-d array")

    def __len__(self) -> NoReturn:
        raise TypeError("len() of unsized object")


def _as_mask(condition: Any) -> Any:
    """The condition that chooses the element of a 0-d array, as a mask of length 1."""
    condition = condition[0] if isinstance(condition, tuple) else condition
    return np.reshape(condition, (1,)) if isinstance(condition, Tracer) else [bool(condition)]


def wrap(trace: Trace, value: Value, contiguous: bool = False, like: Place | None = None) -> Any:
    """A value as a stand-in with a buffer of its own; a 0-d integer that no argument decides is a plain number.

    The buffer lies in C order if `contiguous`, or as the place `like`; else as the operation that made it decides.
    """
    if value.ndim:
        made = ArrayTracer(trace, Root(value, contiguous, like))
        if like is not None and like.root.first.atom is not value.atom:
            made._note_owner()
        return made
    if contiguous:
        return CellTracer(trace, Root(value, contiguous))
    equation = trace.builder.definition(value)
    if equation is not None and is_cell(equation):
        return CellTracer(trace, Root(value))
    constant = trace.constant(value)
    return ScalarTracer(trace, Root(value)) if constant is None else constant


def lift(trace: Trace, item: Any) -> Value:
    """Anything that NumPy would take as an operand, as a value of the trace."""
    if isinstance(item, Tracer):
        if _home_of(item) is not trace:
            if trace.is_inside(item._home):
                return trace.take_from(item._home, item._value())
            item._home.check_open(item._place)
            raise TracingError(
                explain(
                    "a traced value of another function's trace was used",
                    trace.origin(),
                    "f(x, value): pass the value as an argument of the function that uses it",
                    "leaks",
                )
            )
        return Tracer._value(item)
    if type(item) is np.ndarray:
        return trace.capture(item)
    if isinstance(item, np.ndarray):
        trace.check_array(item)
    if isinstance(item, _SEQUENCES):
        from .creation import listed

        return listed(trace, item)
    try:
        return trace.builder.value(item)
    except TypeError:
        raise TracingError(
            explain(
                f"a {type(item).__name__} cannot be an operand of an array operation",
                trace.origin(),
                "np.array(list(values)), x.value, or None left out: operands are numbers and arrays",
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


_METHODS = """
    all any argmax argmin cumsum cumprod diagonal dot max mean min prod ptp repeat round squeeze std sum
    swapaxes take trace var ravel nonzero argsort argpartition searchsorted choose
"""
for _name in _METHODS.split():
    if hasattr(np.empty(1), _name):  # NumPy 2 has no .ptp
        setattr(Tracer, _name, _method(_name))


NumPyScalarTracer.__name__, NumberTracer.__name__ = "traced scalar", "traced number"  # as Python's own messages say
ArrayTracer.__name__ = CellTracer.__name__ = "traced array"
__all__ = ["ArrayTracer", "ScalarTracer", "Tracer", "index_add", "lift", "wrap"]
