"""Elements chosen among arrays, or replaced where they are no numbers: cotangents go where elements came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import elementwise
from ..builder import Value
from ..op import NONDIFF, Masked, Refused, op
from ..types import ArrayType, Shape, broadcast_shapes, result_dtype
from .elementwise import isfinite, maximum, minimum, not_equal, remainder

# ---------------------------------------------------------------------------------------------------------- choose


def _choose(places: Any, *choices: Any, mode: str) -> Any:
    return np.choose(places, choices, mode=mode)  # type: ignore[call-overload]


def _choose_text(places: ArrayType, *choices: ArrayType, mode: str) -> str:
    listed = ", ".join(f"{{{i + 1}}}" for i in range(len(choices)))
    return f"np.choose({{0}}, [{listed}]{'' if mode == 'raise' else f', mode={mode!r}'})"


@op(np.choose, fun=_choose, python=_choose_text, elementwise=True)
def choose(places: ArrayType, *choices: ArrayType, mode: str = "raise") -> ArrayType:
    shape = broadcast_shapes(places.shape, *(c.shape for c in choices))
    return ArrayType(shape, result_dtype(*choices))


@choose.vjp
def choose_vjp(g: Value, y: Value, places: Value, *choices: Value, mode: str) -> tuple[Any, ...]:
    if mode == "wrap":
        places = remainder(places, len(choices))
    elif mode == "clip":
        places = minimum(maximum(places, 0), len(choices) - 1)
    return (None, *(Masked(g, places.equals(i)) for i in range(len(choices))))


# ------------------------------------------------------------------------------------------------ a number or 1


def _or_one(x: Any) -> Any:
    return x if x != 0 else np.asarray(x).dtype.type(1)


@op(name="or_one", fun=_or_one, batch=Refused("it is made after every batch is written"), python="({0} or 1.0)")
def or_one(x: ArrayType) -> ArrayType:
    """A number, and 1 for 0: what is divided by the length of a vector of zeros. To be read by operators alone."""
    if x.shape or x.weak or not x.inexact:
        raise TypeError(f"{x} is not a float of NumPy's")
    return x


@or_one.vjp
def or_one_vjp(g: Value, y: Value, x: Value) -> Masked:
    return Masked(g, not_equal(x, 0))


# ------------------------------------------------------------------------------------------------------ nan_to_num


def _number_text(x: ArrayType, *, nan: float, posinf: float | None, neginf: float | None) -> str:
    given = {"nan": nan if nan or repr(nan) == "-0.0" else None, "posinf": posinf, "neginf": neginf}
    keywords = "".join(f", {key}={_spelled(value)}" for key, value in given.items() if value is not None)
    return f"np.nan_to_num({{0}}{keywords})"


def _spelled(number: float) -> str:
    return repr(number).replace("inf", "np.inf").replace("nan", "np.nan")


@op(np.nan_to_num, python=_number_text, elementwise=True)
def nan_to_num(
    x: ArrayType, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> ArrayType:
    return x.strong()


@nan_to_num.vjp
def nan_to_num_vjp(g: Value, y: Value, x: Value, *, nan: float, posinf: float | None, neginf: float | None) -> Masked:
    """What replaces an element is constant."""
    return Masked(g, isfinite(x))


# ---------------------------------------------------------------------------------------------------------- places


def _unravel(places: Any, *, shape: Shape, axis: int) -> Any:
    return np.unravel_index(places, shape)[axis]


def _unravel_text(places: ArrayType, *, shape: Shape, axis: int) -> str:
    return f"np.unravel_index({{0}}, {shape})[{axis}]"


@op(name="unravel_index", fun=_unravel, batch=elementwise, python=_unravel_text, rule=NONDIFF)
def unravel_index(places: ArrayType, *, shape: Shape, axis: int) -> ArrayType:
    """Along one axis, the places that these places in the flattened array are."""
    return ArrayType(places.shape, np.dtype(np.intp))


def _ravel_many(*places: Any, dims: Shape, mode: str | tuple[str, ...], order: str) -> Any:
    return np.ravel_multi_index(places, dims, mode=mode, order=order)  # type: ignore[call-overload]


def _ravel_many_text(*places: ArrayType, dims: Shape, mode: str | tuple[str, ...], order: str) -> str:
    listed = ", ".join(f"{{{i}}}" for i in range(len(places))) + ("," if len(places) == 1 else "")
    keywords = ("" if mode == "raise" else f", mode={mode!r}") + ("" if order == "C" else f", order={order!r}")
    return f"np.ravel_multi_index(({listed}), {dims}{keywords})"


@op(name="ravel_multi_index", fun=_ravel_many, batch=elementwise, python=_ravel_many_text, rule=NONDIFF)
def ravel_multi_index(
    *places: ArrayType, dims: Shape, mode: str | tuple[str, ...] = "raise", order: str = "C"
) -> ArrayType:
    """The places in the flattened array."""
    return ArrayType(broadcast_shapes(*(p.shape for p in places)), np.dtype(np.intp))
