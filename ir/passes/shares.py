"""What a shift of the scores gets back from a cross-entropy: nothing, since the shares of a row add up to one.

`z - z.max(axis=1, keepdims=True)` is written so that no exponential overflows; the cotangent of z is
k * exp(z) / sum(exp(z)), with -k added at the place of the class in each row.
"""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..indexing import Slot
from ..op import BY_NAME
from ..types import normalize_axes
from .coefficients import Scaled, peeled, scaled
from .scatter import is_every_row

Axis = int | tuple[int, ...] | None


@looks_into("index_add")
def sum_of_shares_less_one(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """sum(k * e / sum(e), with -k added at one place) = 0 along the axis of that sum."""
    made = builder.definition(x, "index_add")
    if made is None or x.dtype.kind != "f":
        return None
    base, added, *arrays = (Value(builder, o) for o in made.operands)
    axes = normalize_axes(axis, x.ndim)
    index = made.params["index"]
    if x.ndim == 1:
        single = axes == (0,) and len(index) == 1 and all(a.ndim == 0 and a.dtype.kind in "iu" for a in arrays)
        one_in_each = single and (type(index[0]) is int or isinstance(index[0], Slot))
    else:
        rows = len(arrays) == 2 and all(isinstance(entry, Slot) for entry in index) and len(index) == x.ndim == 2
        one_in_each = rows and axes == (1,) and is_every_row(builder, arrays[0], x.shape[0])
        one_in_each = one_in_each and arrays[1].shape in ((), arrays[0].shape) and arrays[1].dtype.kind in "iu"
    if not one_in_each:
        return None
    taken, share = scaled(builder, added), _share(builder, base, axes)
    if taken.rest is not None or share is None or taken.num * share.den != -share.num * taken.den:
        return None
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
    if not shape:
        return builder.value(x.dtype.type(0))
    zeros: Value = builder.emit(BY_NAME["filled"], value=0, shape=shape, dtype=x.dtype)
    return zeros


def _share(builder: Builder, x: Value, axes: tuple[int, ...]) -> Scaled | None:
    """The number k of k * e / sum(e), with the sum along the axes."""
    found = peeled(builder, x)
    if found.rest is None:
        return None
    quotient, product = builder.definition(found.rest, "divide"), builder.definition(found.rest, "multiply")
    if quotient is not None:
        e, total = (Value(builder, o) for o in quotient.operands)
        return Scaled(found.num, found.den, None) if _is_total(builder, _bare(builder, total), e, axes) else None
    for factor, inverse in (product.operands, product.operands[::-1]) if product is not None else ():
        made = builder.definition(_bare(builder, Value(builder, inverse)), "divide")
        number = scaled(builder, Value(builder, made.operands[0])) if made is not None else found
        if made is None or number.rest is not None:
            continue
        if _is_total(builder, Value(builder, made.operands[1]), Value(builder, factor), axes):
            return Scaled(found.num * number.num, found.den * number.den, None)
    return None


def _bare(builder: Builder, x: Value) -> Value:
    """x without the axes of length 1 that were put in."""
    made = builder.definition(x, "expand_dims")
    return x if made is None else Value(builder, made.operands[0])


def _is_total(builder: Builder, total: Value, e: Value, axes: tuple[int, ...]) -> bool:
    made = builder.definition(total, "sum")
    return made is not None and made.operands[0] is e.atom and normalize_axes(made.params["axis"], e.ndim) == axes


SHARE_RULES: dict[str, tuple[Rule, ...]] = {"sum": (sum_of_shares_less_one,)}
