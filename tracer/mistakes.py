"""Errors that the plain call would raise as well: in NumPy's own words, with the user's line and expression added."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from ..ir.types import PYTHON_TYPE
from .array import Tracer
from .errors import TapelessError, place
from .site import is_recorded_code, is_user_code, site_of
from .structure import flatten, unflatten

_ABOUT_CALLS = (TypeError, ValueError, IndexError, AttributeError, ArithmeticError)
LARGEST = 1_000_000  # elements of an operand, beyond which NumPy is not asked for its words


def placed(error: Exception) -> Exception:
    """The error to raise for one that the traced function raised: NumPy's own where there is one, and a note."""
    if isinstance(error, TapelessError | Warning) or "docs/errors.md#" in str(error):
        return error
    frames = _frames(error.__traceback__)
    inner = max((i for i, frame in enumerate(frames) if is_user_code(frame[0].f_code)), default=None)
    if inner is None:
        return error
    frame, instruction = frames[inner]
    below = [one for one, _ in frames[inner + 1 :]]
    ours = below and not is_recorded_code(below[0].f_code)  # else nn has words of its own
    found = next((said for one in below if (said := _numpys(one, error)) is not None), error) if ours else error
    origin = site_of(frame.f_code, instruction).origin
    if below or (isinstance(error, _ABOUT_CALLS) and not origin.statement.startswith(("raise", "assert"))):
        found.add_note(place(origin))
    return found.with_traceback(error.__traceback__)


def _frames(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    found = []
    while traceback is not None:
        found.append((traceback.tb_frame, traceback.tb_lasti))
        traceback = traceback.tb_next
    return found


def _numpys(frame: FrameType, error: Exception) -> Exception | None:
    """What NumPy itself raises for the call that a frame of ours answers, on arrays of the same types; None if nothing
    of the kind."""
    again = _ENTRIES.get(frame.f_code.co_name)
    if again is None:
        return None
    try:
        with np.errstate(all="ignore"):
            again(frame.f_locals)
    except Exception as own:
        kin = isinstance(own, type(error)) or isinstance(error, type(own))
        return own.with_traceback(None) if kin and not isinstance(own, TapelessError | Warning) else None
    return None


class _TooLarge(Exception):
    """Of an array that is not worth making for a message."""


def _plain(item: Any) -> Any:
    """The arguments of a call with an array of the same type for each stand-in; other arrays cannot be written."""
    leaves, structure = flatten(item)
    return unflatten(structure, iter([_array(leaf) for leaf in leaves]))


def _array(leaf: Any) -> Any:
    if not isinstance(leaf, Tracer):
        return leaf.copy() if type(leaf) is np.ndarray and leaf.size <= LARGEST else leaf
    type_ = leaf._type
    if type_.size > LARGEST:
        raise _TooLarge
    if type_.weak:
        return PYTHON_TYPE[type_.dtype.kind](1)
    if not type_.ndim:
        return type_.dtype.type(1)
    square = type_.ndim > 1 and type_.shape[-1] == type_.shape[-2]  # of which an inverse and a root exist
    return np.array(np.broadcast_to(np.eye(type_.shape[-1]) if square else 1, type_.shape), dtype=type_.dtype)


def _function(said: dict[str, Any]) -> None:
    said["func"](*_plain(said["args"]), **_plain(said["kwargs"]))


def _ufunc(said: dict[str, Any]) -> None:
    getattr(said["ufunc"], said["method"])(*_plain(said["inputs"]), **_plain(said["kwargs"]))


def _intercepted(said: dict[str, Any]) -> None:
    if "original" in said:
        said["original"](*_plain(said["args"]), **_plain(said["kwargs"]))


def _binary(said: dict[str, Any]) -> None:
    said["ufunc"](_plain(said["left"]), _plain(said["right"]))


def _in_place(said: dict[str, Any]) -> None:
    target = _plain(said["self"])
    said["ufunc"](target, _plain(said["other"]), target)


def _getitem(said: dict[str, Any]) -> None:
    operator.getitem(_plain(said["self"]), _plain(said["key"]))


def _setitem(said: dict[str, Any]) -> None:
    operator.setitem(_plain(said["self"]), _plain(said["key"]), _plain(said["item"]))


_ENTRIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "__array_function__": _function,
    "__array_ufunc__": _ufunc,
    "call": _intercepted,
    "_binary": _binary,
    "_in_place": _in_place,
    "__getitem__": _getitem,
    "__setitem__": _setitem,
}


@contextmanager
def in_numpys_words() -> Iterator[None]:
    """While the user's function is traced; around the trace, so that NumPy is asked when it has ended."""
    try:
        yield
    except Exception as error:
        found = placed(error)
        if found is error:
            raise
        raise found from None
