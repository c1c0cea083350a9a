"""np.maximum.at and np.minimum.at: the extreme of what stood at a place and of all that falls on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..indexing import Index, Slice, concrete_index, index_text, indexed_shape
from ..kernels import at_numbers
from ..op import op
from ..types import ArrayType
from .batched_indexing import write_batch
from .elementwise import astype, where
from .indexing import check_fits, getitem, index_add, many_numbers


def _extreme_at(x: Any, value: Any, *arrays: Any, index: Index, largest: bool) -> Any:
    result = np.array(x)
    (np.maximum if largest else np.minimum).at(result, concrete_index(index, arrays), value)
    return result


def _text(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index, largest: bool) -> str:
    place = index_text(index, 2)
    if any(isinstance(entry, Slice) or entry is Ellipsis for entry in index):
        place = f"np.index_exp[{place}]"
    elif len(index) > 1:
        place = f"({place})"
    ufunc = f"np.{'maximum' if largest else 'minimum'}"
    if (x.ndim > 1 or arrays[0].ndim > 1) and many_numbers(x, value, arrays):
        return f"at_numbers({ufunc}, {{0}}, {place}, {{1}})"
    return f"{ufunc}.at({{0}}, {place}, {{1}})"


@op(name="extreme_at", batch=write_batch, fun=_extreme_at, python="{0}", update=_text, helpers=(at_numbers,))
def extreme_at(x: ArrayType, value: ArrayType, *arrays: ArrayType, index: Index, largest: bool) -> ArrayType:
    """x with the largest (smallest) number at each place of the index, of all that fall on it and of its own."""
    check_fits(value, indexed_shape(x.shape, index, arrays))
    if value.dtype != x.dtype and not value.weak:
        raise TypeError(f"cannot put {value} into an array of {x.dtype}")
    return x.strong()


@extreme_at.vjp
def extreme_at_vjp(
    g: Value, y: Value, x: Value, value: Value, *arrays: Value, index: Index, largest: bool
) -> tuple[Value | None, ...]:
    """All that reach the extreme share its cotangent in equal parts, as those of np.max do."""
    made = x.builder.definition(x, "filled")
    begun = x if made is None else made.params["value"]  # the number, so that the buffer itself may be written into
    kept, reached = y.equals(begun), getitem(y, *arrays, index=index).equals(value)
    ones = astype(kept, dtype=g.dtype), astype(reached, dtype=g.dtype)
    count = index_add(ones[0], ones[1], *arrays, index=index)
    share = g / where(count.equals(0), 1, count)  # nobody reaches nan
    dvalue = where(reached, getitem(share, *arrays, index=index), 0) if value.literal is None else None
    return (where(kept, share, 0), dvalue, *[None] * len(arrays))
