"""What a stand-in answers when the user's code asks what it is: the same as the value that it stands for.

`isinstance(x, np.ndarray)`, `isinstance(x, float)`, `np.isscalar(x)` and `hasattr(x, "shape")` decide branches without
touching a value; an honest answer ("a Tracer") would send the trace down another road than the plain call.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import numpy as np

from ..ir.types import PYTHON_TYPE
from .errors import TracingError, UnsupportedError, explain
from .site import is_user_code

_ARRAY_NAMES = frozenset(name for name in dir(np.ndarray) if not name.startswith("_"))
_SCALAR_NAMES = frozenset(name for name in dir(np.float64) if not name.startswith("_"))
_PYTHON_NAMES = {kind: frozenset(dir(python)) for kind, python in PYTHON_TYPE.items()}
_HINTS = {
    "view": "x.copy() for a copy, or x[...] for a view",
    "resize": "np.resize(x, shape), or x[:n].copy()",
    "tobytes": "x.tobytes() outside of the function",
    "base": "x.copy() where a fresh array is needed",
}


_ASSIGNMENTS = {
    "shape": "x = x.reshape(...)",
    "dtype": "x = x.astype(...)",
    "strides": "x.reshape(...), x.T or a slice",
    "real": "z = value + 1j * z.imag",
    "imag": "z = z.real + 1j * value",
}


class Likeness:
    """Base of the stand-ins."""

    __slots__ = ()
    _trace: Any
    _type: Any
    _here: Any
    _home: Any
    _place: Any
    _names: frozenset[str] = _ARRAY_NAMES

    def __getattr__(self, name: str) -> Any:
        """Only for names that are not defined: what the value itself would have is refused by name."""
        if name in type(self)._names:
            from .refusals import REFUSED

            reason = REFUSED.get(f"ndarray.{name}", "")
            raise UnsupportedError(
                explain(
                    f"the attribute .{name} of an array is not supported by tapeless{': ' * bool(reason)}{reason}",
                    self._trace.origin(),
                    _HINTS.get(name, f"f(x, {name}) with {name} = x.{name} taken outside of the function"),
                    "unsupported",
                )
            )
        kind = self.__class__
        shown = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise AttributeError(f"{shown!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "shape" and not is_user_code(sys._getframe(1).f_code):  # NumPy's own text, of its own array
            seen: Any = np.reshape(self, value)  # type: ignore[call-overload]
            name, value = "_place", seen._place
        if name in _ASSIGNMENTS and not (name in ("real", "imag") and self._type.shape):
            cause = f"assigning to .{name} of a traced array is not supported"
            raise UnsupportedError(explain(cause, self._trace.origin(), _ASSIGNMENTS[name], "unsupported"))
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        if self.__class__ is np.ndarray:  # type: ignore[comparison-overlap]
            raise TypeError("unhashable type: 'numpy.ndarray'")
        if self._type.dtype.kind in "iub":
            return hash(self._trace.number(self._here(), "an integer"))
        self._refuse("the hash of a traced value (a key of a dict, an element of a set) depends on its digits")

    def _refuse(self, cause: str) -> NoReturn:
        self._home.check_open(self._place)
        fix = "table[n] with a plain number or string n, or np.where(x == value, a, b)"
        raise TracingError(explain(cause, self._trace.origin(), fix, "detached-values"))


class ArrayLikeness(Likeness):
    """An ndarray, to whoever asks."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return np.ndarray


class ScalarLikeness(Likeness):
    """A NumPy scalar, to whoever asks."""

    __slots__ = ()
    _names = _SCALAR_NAMES
    _type: Any

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        type_ = self._type
        return PYTHON_TYPE[type_.dtype.kind] if type_.weak else type_.dtype.type


class NumPyScalarLikeness(ScalarLikeness):
    """A NumPy scalar that takes an index, and yet is nothing to iterate over."""

    __slots__ = ()
    __iter__ = None

    def __getattribute__(self, name: str) -> Any:
        if name == "__iter__":
            raise AttributeError(name)
        return object.__getattribute__(self, name)


class NumberLikeness(ScalarLikeness):
    """A Python number, to whoever asks: the user's code does not find the attributes of an array on it."""

    __slots__ = ()
    _names = frozenset(n for n in dir(float) if not n.startswith("_"))

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and name not in _PYTHON_NAMES["c"] and is_user_code(sys._getframe(1).f_code):
            python = object.__getattribute__(self, "__class__")
            if name not in _PYTHON_NAMES["f"] or python is complex:
                raise AttributeError(f"{python.__name__!r} object has no attribute {name!r}")
        return object.__getattribute__(self, name)
