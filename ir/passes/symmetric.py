"""A symmetric matrix is its own transpose, and adds up to the same along rows and columns: one of the two is enough."""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..symmetry import is_symmetric


def transposed_symmetric(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """S.T = S."""
    return x if axes == (1, 0) and builder.definition(x) is not None and is_symmetric(x) else None


def rows_of_symmetric(
    builder: Builder, x: Value, *, axis: int | tuple[int, ...] | None, keepdims: bool
) -> Value | None:
    """S.sum(axis=1) = S.sum(axis=0), which need not be computed twice."""
    if axis not in (1, -1) or x.ndim != 2 or builder.definition(x) is None or not is_symmetric(x):
        return None
    total: Value = builder.emit(BY_NAME["sum"], x, axis=0, keepdims=False)
    if keepdims:
        total = builder.emit(BY_NAME["expand_dims"], total, axis=(1,))
    return total


SYMMETRIC_RULES: dict[str, tuple[Rule, ...]] = {
    "transpose": (transposed_symmetric,),
    "sum": (rows_of_symmetric,),
}
