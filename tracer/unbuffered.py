"""What NumPy's ufuncs do element by element: `where=` leaves elements out, `.at` takes repeated places one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.ops.elementwise import astype, where
from ..ir.ops.extremes_at import extreme_at
from ..ir.ops.indexing import index_add
from .array import ArrayTracer, Tracer, lift
from .errors import UnsupportedError, explain
from .indexing import encode_index, places_of_mask
from .trace import Trace

# Numbers at which a function is defined, by operand: what is left out must not warn, as it does not in NumPy.
_HARMLESS: dict[np.ufunc, tuple[int | None, ...]] = {
    **dict.fromkeys((np.log, np.log2, np.log10, np.sqrt, np.reciprocal, np.arccosh), (1,)),
    **dict.fromkeys((np.log1p, np.arcsin, np.arccos, np.arctanh, np.exp, np.exp2, np.expm1, np.sinh, np.cosh), (0,)),
    **dict.fromkeys((np.divide, np.floor_divide, np.remainder, np.fmod), (None, 1)),
    **dict.fromkeys((np.power, np.float_power), (1, None)),
}


def left_out(trace: Trace, ufunc: np.ufunc, operands: list[Value], mask: Any) -> list[Value]:
    """The operands of a call with `where=mask`, harmless numbers where the mask is false."""
    numbers = _HARMLESS.get(ufunc, ())
    return [
        operand if number is None else trace.emit(where, lift(trace, mask), operand, number)
        for operand, number in zip(operands, (*numbers, *[None] * len(operands)), strict=False)
    ]


def at(trace: Trace, ufunc: np.ufunc, target: Any, key: Any, amount: Any = None) -> None:
    """`ufunc.at(target, key, amount)`: repeated places in rounds, each of which has no place twice."""
    index, arrays = encode_index(trace, target.shape, key)
    if ufunc in (np.add, np.subtract):
        value = lift(trace, amount)
        if not np.can_cast(value.dtype, target.dtype, casting="same_kind"):
            cause = f"np.{ufunc.__name__}.at of {value.dtype} into an array of {target.dtype} is not supported"
            hint = f"x.astype({value.dtype.name}) for the array that is written"
            raise UnsupportedError(explain(cause, trace.origin(), hint, "unsupported"))
        if value.dtype.kind == "b":  # whose negative there is none of
            value = trace.emit(astype, value, dtype=target.dtype)
        if value.ndim and any(a.dtype.kind == "b" for a in arrays):
            index, arrays = places_of_mask(trace, target.shape, index, arrays)
        target.write_through(index_add, value if ufunc is np.add else -value, *arrays, index=index)
        return
    if ufunc in (np.maximum, np.minimum) and _are_integers(key) and target.dtype.kind in "fiu":
        value = lift(trace, amount)
        if np.can_cast(value.dtype, target.dtype, casting="same_kind"):
            target.write_through(extreme_at, value, *arrays, index=index, largest=ufunc is np.maximum)
            return
    for places, part in _rounds(trace, ufunc, target, key, amount):
        result = ufunc(target[places]) if amount is None else ufunc(target[places], part)
        if not np.can_cast(result.dtype, target.dtype, casting="same_kind"):
            raise TypeError(
                f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {target.dtype!r} "
                "with casting rule 'same_kind'"
            )
        target[places] = result


def _rounds(trace: Trace, ufunc: np.ufunc, target: ArrayTracer, key: Any, amount: Any) -> list[tuple[Any, Any]]:
    keys = key if isinstance(key, tuple) else (key,)
    if all(isinstance(k, int | np.integer | slice | type(...) | None) or _dtype(k).kind == "b" for k in keys):
        return [(key, amount)]  # no place twice
    plain = [found for k in keys if (found := _plain(trace, k)) is not None and found.dtype.kind in "iu"]
    if len(plain) < len(keys):
        raise UnsupportedError(
            explain(
                f"np.{ufunc.__name__}.at is supported for places that no argument decides, all given as arrays",
                trace.origin(),
                f"for i, v in zip(places, values): y[i] = np.{ufunc.__name__}(y[i], v)",
                "unsupported",
            )
        )
    places = np.stack(np.broadcast_arrays(*plain), -1)
    flat = places.reshape(-1, places.shape[-1])
    flat = np.where(flat < 0, flat + np.array(target.shape[: flat.shape[1]]), flat)
    rest = target.shape[flat.shape[1] :]
    if amount is not None:
        amount = np.reshape(np.broadcast_to(amount, places.shape[:-1] + rest), (len(flat), *rest))
    turns: list[list[int]] = []  # the numbers of the places that come for the first time, for the second, ...
    count: dict[tuple[int, ...], int] = {}
    for number, place in enumerate(map(tuple, flat.tolist())):
        turn = count[place] = count.get(place, -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(number)
    whole = len(turns) == 1
    return [(tuple(flat[now].T.tolist()), amount if whole or amount is None else amount[now]) for now in turns]


def _are_integers(key: Any) -> bool:
    """Whether the places are given by arrays of integers alone, which may name one of them again."""
    return all(_dtype(k).kind in "iu" for k in (key if isinstance(key, tuple) else (key,)))


def _dtype(key: Any) -> np.dtype[Any]:
    return key.dtype if isinstance(key, Tracer | np.ndarray) else np.dtype(object)


def _plain(trace: Trace, key: Any) -> np.ndarray[Any, Any] | None:
    """Places that are known now; None where an argument decides them."""
    if isinstance(key, Tracer):
        return trace.known(lift(trace, key))
    if isinstance(key, np.ndarray):
        return key
    found = np.asarray(key) if isinstance(key, list | tuple | range | int | np.integer) and not _holds(key) else None
    return found if found is None or found.size else found.astype(int)


def _holds(item: Any) -> bool:
    """Whether a stand-in is among the places."""
    return isinstance(item, Tracer) or (isinstance(item, list | tuple) and any(map(_holds, item)))
