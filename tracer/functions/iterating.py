"""Iterators over elements, which NumPy makes without asking the array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..array import ArrayTracer, Tracer, lift
from ..errors import UnsupportedError, explain
from ..interception import intercepts
from ..lengths import places
from ..place import Look
from ..trace import Trace


@intercepts("numpy", "ndenumerate")
def _ndenumerate(trace: Trace, arr: Any) -> Any:
    if not isinstance(arr, ArrayTracer):
        return NotImplemented
    return ((place, arr[place]) for place in places(arr.shape))


@intercepts("numpy", "nditer")
def _nditer(trace: Trace, op: Any, *args: Any, **kwargs: Any) -> Any:
    """The 0-d views of one array, one after the other as they lie in memory."""
    operands = op if isinstance(op, list | tuple) else (op,)
    if not any(isinstance(one, Tracer) for one in operands):
        return NotImplemented
    flags = kwargs.pop("op_flags", None) or ["readonly"]
    (asked,) = flags if len(flags) == 1 and isinstance(flags[0], list | tuple) else (flags,)
    if args or kwargs or not isinstance(op, ArrayTracer) or list(asked) not in (["readonly"], ["readwrite"]):
        raise _refusal(trace, "np.nditer is supported for one array, without flags but readonly and readwrite")
    if op.ndim > 1 and not op._place.contiguous and not trace.layout(op._place).flags.c_contiguous:
        raise _refusal(trace, "np.nditer is supported for arrays in C order")
    return _elements(trace, op, list(asked) == ["readwrite"])


def _refusal(trace: Trace, cause: str) -> UnsupportedError:
    return UnsupportedError(explain(cause, trace.origin(), "for i in np.ndindex(x.shape): x[i] = ...", "unsupported"))


class _Elements:
    """An iterator that is a context as well, as np.nditer is."""

    def __init__(self, elements: Iterator[Any]) -> None:
        self._elements = elements

    def __iter__(self) -> Iterator[Any]:
        return self._elements

    def __next__(self) -> Any:
        return next(self._elements)

    def __enter__(self) -> _Elements:
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing is buffered."""


def _elements(trace: Trace, x: ArrayTracer, writable: bool) -> _Elements:
    def element(place: tuple[int, ...]) -> Any:
        cell = x[(*place, ...)]
        if not writable:
            cell._place = Look(x._place, cell._value(), lambda: lift(trace, x[(*place, ...)]))
        return cell

    return _Elements(element(place) for place in places(x.shape))
