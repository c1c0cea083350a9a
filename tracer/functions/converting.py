"""asanyarray, require, fromiter and kaiser, which do not ask a stand-in; sets, which are unique and sorted arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...ir.ops.membership import packbits, unpackbits
from ..array import Tracer, lift, wrap
from ..creation import contains_tracer, traced_creation
from ..interception import intercepts
from ..refusals import refuse
from ..trace import Trace
from .borrowed import borrow, named_by_user, own_text
from .reducing import static
from .registry import as_tracer, function


@intercepts("numpy", "asanyarray")
def _asanyarray(trace: Trace, a: Any, dtype: Any = None, order: Any = None, **rest: Any) -> Any:
    return traced_creation("asarray", a, dtype, order, **rest) if contains_tracer(a) else NotImplemented


borrow(np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d)  # by np.unique, np.sort and a mask
if hasattr(np, "in1d"):  # gone since NumPy 2.4
    borrow(np.in1d)

_CHECKED = own_text(np.asarray_chkfinite)
_REQUIRED = own_text(np.require)


@intercepts("numpy", "asarray_chkfinite")
def _asarray_chkfinite(trace: Trace, a: Any, dtype: Any = None, order: Any = None) -> Any:
    return named_by_user(trace, _CHECKED, a, dtype, order) if contains_tracer(a) else NotImplemented


@intercepts("numpy", "require")
def _require(trace: Trace, a: Any, dtype: Any = None, requirements: Any = None, **rest: Any) -> Any:
    return named_by_user(trace, _REQUIRED, a, dtype, requirements, **rest) if contains_tracer(a) else NotImplemented


@intercepts("numpy", "fromiter")
def _fromiter(trace: Trace, iter: Iterable[Any], dtype: Any, count: int = -1, **rest: Any) -> Any:
    """As many elements as the iterator gives while the program is written."""
    items = list(iter) if count < 0 else [item for item, _ in zip(iter, range(count), strict=False)]
    if len(items) < count:
        raise ValueError(f"iterator too short: Expected {count} but iterator had only {len(items)} items.")
    if not contains_tracer(items):
        return np.fromiter.__wrapped__(items, dtype)  # type: ignore[attr-defined]  # the iterator is used up
    return traced_creation("array", items, dtype)


@function(np.packbits)
def _packbits(trace: Trace, a: Any, /, axis: Any = None, bitorder: str = "big") -> Any:
    return wrap(trace, trace.emit(packbits, lift(trace, a), axis=static(axis), bitorder=bitorder))


@function(np.unpackbits)
def _unpackbits(trace: Trace, a: Any, /, axis: Any = None, count: Any = None, bitorder: str = "big") -> Any:
    return wrap(
        trace, trace.emit(unpackbits, lift(trace, a), axis=static(axis), count=static(count), bitorder=bitorder)
    )


def _reader(name: str) -> Any:
    def answer(trace: Trace, *args: Any, **kwargs: Any) -> Any:
        if not contains_tracer([*args, *kwargs.values()]):
            return NotImplemented
        if name == "frombuffer" and not np.dtype(args[1] if len(args) > 1 else kwargs.get("dtype", float)).itemsize:
            return NotImplemented  # an error of NumPy's own
        raise refuse(trace, f"np.{name}")

    return answer


for _name in ("frombuffer", "from_dlpack", "nested_iters"):
    intercepts("numpy", _name)(_reader(_name))


@intercepts("numpy", "kaiser")
def _kaiser(trace: Trace, M: Any, beta: Any) -> Any:
    """The window of Kaiser, I0(beta sqrt(1 - u^2)) / I0(beta) with u from -1 to 1, for a beta that is traced."""
    if not isinstance(beta, Tracer) or isinstance(M, Tracer):
        return NotImplemented
    width = as_tracer(trace, beta).astype(float)
    if M <= 1:
        return np.ones(max(int(M), 0)) + 0 * width
    middle = (M - 1) / 2.0
    root = np.sqrt(1 - ((np.asarray(range(int(M)), float) - middle) / middle) ** 2.0)
    return np.i0(width * root) / np.i0(width)
