"""Tables: piecewise linear interpolation, and weights added up in bins."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..batching import Batch, as_rows
from ..builder import Value
from ..dims import equals
from ..indexing import SLOT, Slice
from ..op import NONDIFF, Masked, Refused, op
from ..types import ArrayType
from .elementwise import REAL, astype, imag, logical_or, maximum, minimum, real, where
from .indexing import getitem, index_add
from .reduction import sum_
from .shape import arange, concatenate, expand_dims, filled, reshape, zeros
from .sorting import INDEX, gather_along, search_rows, searchsorted

EDGES = "the edges of the bins move with the data; give them as an array, or give range="


def _check_real(*operands: ArrayType) -> None:
    if any(o.dtype.kind == "c" for o in operands):
        raise TypeError("complex numbers have no order")


def bin_of(x: Value, edges: Value) -> Value:
    """Between which two edges x lies; the first and the last bin reach as far as x does."""
    inner = getitem(edges, index=(Slice(1, -1),))
    place: Value = searchsorted(inner, x, side="right")
    return place


def _bins_of_rows(rows: Value, edges: Value) -> Value:
    """The same for rows of x, whose edges may be rows, too."""
    if edges.ndim == 1:
        return bin_of(rows, edges)
    return search_rows(getitem(edges, index=(Slice(), Slice(1, -1))), rows, "right")


def _ends(edges: Value) -> tuple[Value, Value]:
    """The first and the last edge, for rows of edges as columns."""
    if edges.ndim == 1:
        return getitem(edges, index=(0,)), getitem(edges, index=(-1,))
    first, last = (getitem(edges, index=(Slice(), part)) for part in (Slice(None, 1), Slice(-1)))
    return first, last


def _in_shape(rows: Value, batch: Batch) -> Value:
    shape = (batch.size, *batch.out.shape)
    value: Value = rows if rows.shape == shape else reshape(rows, shape=shape)
    return value


# ------------------------------------------------------------------------------------------------------------ interp


def _interp(x: Any, xp: Any, fp: Any, *, left: Any, right: Any) -> Any:
    return np.interp(x, xp, fp, left, right)


def _interp_text(x: ArrayType, xp: ArrayType, fp: ArrayType, *, left: Any, right: Any) -> str:
    ends = [f"left={left!r}"] * (left is not None) + [f"right={right!r}"] * (right is not None)
    return f"np.interp({', '.join(['{0}', '{1}', '{2}', *ends])})"


def _interp_batch(batch: Batch, x: Value, xp: Value, fp: Value, *, left: Any, right: Any) -> Value:
    """Of points that differ: the line between the two beside each x, and the values at the ends beyond them."""
    if not any(batch.batched[1:]):
        return batch.builder.emit(batch.equation.op, x, xp, fp, left=left, right=right)
    x, xp = (v if v.dtype == np.float64 else astype(v, dtype=np.dtype(float)) for v in (x, xp))  # as np.interp does
    fp = fp if fp.dtype == batch.out.dtype else astype(fp, dtype=batch.out.dtype)
    rows = as_rows(batch.full(x, 0))
    (low, high), (first, last) = _ends(xp), _ends(fp)
    if batch.types[1].size > 1:
        piece = _bins_of_rows(rows, xp)
        x0, x1, y0, y1 = (_at_places(v, p) for v in (xp, fp) for p in (piece, piece + 1))
        width = x1 - x0
        flat = width.equals(0)
        between = where(flat, y1, y0 + (rows - x0) * ((y1 - y0) / where(flat, 1, width)))
    else:
        between = first
    between = where(rows < low, first if left is None else left, between)
    return _in_shape(where(rows > high, last if right is None else right, between), batch)


def _at_places(values: Value, places: Value) -> Value:
    """values[places], row by row where the values are rows."""
    if values.ndim > 1:
        return gather_along(values, places, 1)
    taken: Value = getitem(values, places, index=(SLOT,))
    return taken


@op(np.interp, fun=_interp, batch=_interp_batch, python=_interp_text, domain=(REAL, REAL, REAL))
def interp(x: ArrayType, xp: ArrayType, fp: ArrayType, *, left: Any = None, right: Any = None) -> ArrayType:
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    if not xp.size:
        raise ValueError("array of sample points is empty")
    _check_real(x, xp)
    dtype = np.dtype(complex if fp.dtype.kind == "c" else float)
    return ArrayType(x.shape, dtype)


def _piece(x: Value, xp: Value, fp: Value) -> tuple[Value, Value, Value]:
    """The piece that each x lies on, its width and its slope."""
    piece = bin_of(x, xp)
    width, rise = (getitem(v, piece + 1, index=(SLOT,)) - getitem(v, piece, index=(SLOT,)) for v in (xp, fp))
    return piece, width, rise / width


def _inside(x: Value, xp: Value) -> Value:
    value: Value = (x >= getitem(xp, index=(0,))) & (x <= getitem(xp, index=(-1,)))
    return value


def _interp_x(g: Value, y: Value, x: Value, xp: Value, fp: Value, *, left: Any, right: Any) -> Any:
    """The slope of the piece; beyond the ends the function is constant."""
    if equals(xp.size, 1):
        return None
    return Masked(g * _piece(x, xp, fp)[2], _inside(x, xp))


def _share(g: Value, x: Value, xp: Value, fp: Value) -> tuple[Value, Value, Value, Value]:
    """How the cotangent of each x falls on the two ends of its piece."""
    piece, width, slope = _piece(x, xp, fp)
    inner = minimum(maximum(x, getitem(xp, index=(0,))), getitem(xp, index=(-1,)))
    share = (inner - getitem(xp, piece, index=(SLOT,))) / width
    return piece, slope, g * (1 - share), g * share


def _given(g: Value, x: Value, xp: Value, left: Any, right: Any) -> Value:
    """Without the cotangents of what lies beyond an end that has a value of its own."""
    if left is not None:
        g = where(x < getitem(xp, index=(0,)), 0, g)
    if right is not None:
        g = where(x > getitem(xp, index=(-1,)), 0, g)
    return g


def _interp_xp(g: Value, y: Value, x: Value, xp: Value, fp: Value, *, left: Any, right: Any) -> Any:
    if equals(xp.size, 1):
        return None
    piece, slope, low, high = _share(where(_inside(x, xp), g, 0), x, xp, fp)
    return _at_ends(zeros(xp), piece, -slope * low, -slope * high)


def _interp_fp(g: Value, y: Value, x: Value, xp: Value, fp: Value, *, left: Any, right: Any) -> Any:
    g = _given(g, x, xp, left, right)
    if equals(xp.size, 1):
        return sum_(g)
    piece, _, low, high = _share(g, x, xp, fp)
    return _at_ends(zeros(fp), piece, low, high)


def _at_ends(into: Value, piece: Value, low: Value, high: Value) -> Value:
    if into.dtype != low.dtype:
        into = astype(into, dtype=low.dtype)
    into = index_add(into, low, piece, index=(SLOT,), distinct=piece.ndim == 0)
    value: Value = index_add(into, high, piece + 1, index=(SLOT,), distinct=piece.ndim == 0)
    return value


interp.vjp(_interp_x, _interp_xp, _interp_fp)

# ---------------------------------------------------------------------------------------------------------- bincount


def _bincount(x: Any, *weights: Any, length: int) -> Any:
    return np.bincount(x, weights[0] if weights else None, length)


def _bincount_text(x: ArrayType, *weights: ArrayType, length: int) -> str:
    return f"np.bincount({{0}}{', weights={1}' if weights else ''}, minlength={length})"


def _count_rows(rows: Value, weights: Value | None, length: int, known: bool = True) -> Value:
    """np.bincount of each row, the bins of all rows counted on; a place outside of its row is made negative, for which
    np.bincount raises."""
    size, flat = rows.shape[0], (rows.size,)
    places = rows
    if length:
        starts = rows.builder.emit(arange, start=0, stop=size * length, step=length)
        places = rows + expand_dims(starts, axis=(1,))
    if not known:
        outside = rows >= length if rows.dtype.kind != "i" else logical_or(rows < 0, rows >= length)
        places = where(outside, -1, astype(places, dtype=INDEX) if places.dtype.kind != "i" else places)
    given = () if weights is None else (reshape(weights, shape=flat),)
    counts = bincount(reshape(places, shape=flat), *given, length=size * length)
    value: Value = reshape(counts, shape=(size, length))
    return value


def _bincount_batch(batch: Batch, x: Value, *weights: Value, length: int) -> Value:
    places = batch.full(x, 0)
    return _count_rows(places, batch.full(weights[0], 1) if weights else None, length, known=False)


@op(np.bincount, fun=_bincount, batch=_bincount_batch, python=_bincount_text)
def bincount(x: ArrayType, *weights: ArrayType, length: int) -> ArrayType:
    """How often each of 0 ... length - 1 is in x, or the sum of the weights there; a guard made sure of the length."""
    if x.ndim != 1:
        raise ValueError("object too deep for desired array" if x.ndim else "object of too small depth")
    if any(w.shape != x.shape for w in weights):
        raise ValueError("The weights and list don't have the same length.")
    if x.dtype.kind not in "iub":
        raise TypeError(f"Cannot cast array data from {x.dtype!r} to dtype('int64') according to the rule 'safe'")
    if weights and x.size and weights[0].dtype.kind == "c":
        raise TypeError("np.bincount takes real weights")
    return ArrayType((length,), np.dtype(float) if weights and x.size else INDEX)


@bincount.vjp
def bincount_vjp(g: Value, y: Value, x: Value, *weights: Value, length: int) -> tuple[Value | None, ...]:
    return (None, *(getitem(g, x, index=(SLOT,)) for _ in weights))


# --------------------------------------------------------------------------------------------------------- histogram


def _histogram(a: Any, edges: Any, *weights: Any) -> Any:
    return np.histogram(a, edges, weights=weights[0] if weights else None)[0]


def _histogram_text(a: ArrayType, edges: ArrayType, *weights: ArrayType) -> str:
    return f"np.histogram({{0}}, {{1}}{', weights={2}' if weights else ''})[0]"


def _histogram_batch(batch: Batch, a: Value, edges: Value, *weights: Value) -> Value:
    """Each place counted in its row; what lies beyond the edges, in a bin more."""
    if batch.batched[1]:
        raise batch.refuse("np.histogram makes sure that the edges rise; give all examples the same edges")
    rows, count = as_rows(batch.full(a, 0)), batch.out.size
    low, high = _ends(edges)
    places = where((rows >= low) & (rows <= high), bin_of(rows, edges), count)
    parts: list[Value | None] = [None]
    if weights:
        heavy = as_rows(batch.full(weights[0], 2))
        parts = [real(heavy), imag(heavy)] if heavy.dtype.kind == "c" else [heavy]
    counts = [getitem(_count_rows(places, part, count + 1), index=(Slice(), Slice(None, -1))) for part in parts]
    return counts[0] if len(counts) == 1 else counts[0] + 1j * counts[1]


@op(name="histogram", fun=_histogram, batch=_histogram_batch, python=_histogram_text)
def histogram(a: ArrayType, edges: ArrayType, *weights: ArrayType) -> ArrayType:
    """The weights of what lies between each two edges; how many lie there without weights."""
    if edges.ndim != 1:
        raise ValueError("`bins` must be 1d, when an array")
    if weights and weights[0].shape != a.shape:
        raise ValueError("weights should have the same shape as a.")
    dtype = weights[0].dtype if weights else INDEX
    if dtype.kind == "b":
        raise TypeError("np.histogram with boolean weights is not supported")
    return ArrayType((edges.size - 1,), dtype)


@histogram.vjp
def histogram_vjp(g: Value, y: Value, a: Value, edges: Value, *weights: Value) -> tuple[Any, ...]:
    """Each weight counts in its bin; the last one holds its right edge too."""
    if not weights:
        return (None, None)
    inside = (a >= getitem(edges, index=(0,))) & (a <= getitem(edges, index=(-1,)))
    place = bin_of(a, edges)
    return (None, None, where(inside, getitem(g, place, index=(SLOT,)), 0))


def _edges(a: Any, *, bins: int | str, count: int) -> Any:
    return np.histogram_bin_edges(a, bins)


@op(
    name="histogram_bin_edges",
    fun=_edges,
    python=lambda a, *, bins, count: f"np.histogram_bin_edges({{0}}, {bins!r})",
    rule=Refused(EDGES),
    batch=Refused(EDGES),
)
def histogram_bin_edges(a: ArrayType, *, bins: int | str, count: int) -> ArrayType:
    """`count` edges of equal bins from the least to the greatest of the data."""
    return ArrayType((count,), np.histogram_bin_edges(np.ones(1, a.dtype), 1).dtype)


def _edge_count(a: Any, *, bins: str) -> Any:
    return np.intp(len(np.histogram_bin_edges(a, bins)))


@op(
    name="histogram_edge_count",
    batch=Refused(EDGES),
    fun=_edge_count,
    python=lambda a, *, bins: f"np.intp(len(np.histogram_bin_edges({{0}}, {bins!r})))",
    rule=NONDIFF,
)
def histogram_edge_count(a: ArrayType, *, bins: str) -> ArrayType:
    """How many edges a rule such as 'auto' makes of the data."""
    _check_real(a)
    return ArrayType((), INDEX)


def _equal_edges(*, low: float, high: float, count: int, dtype: np.dtype[Any]) -> Any:
    return np.linspace(low, high, count, dtype=dtype)


def _equal_edges_text(*, low: float, high: float, count: int, dtype: np.dtype[Any]) -> str:
    return f"np.linspace({low}, {high}, {count}{'' if dtype == np.dtype(float) else f', dtype=np.{dtype.name}'})"


@op(name="equal_edges", fun=_equal_edges, python=_equal_edges_text)
def equal_edges(*, low: float, high: float, count: int, dtype: np.dtype[Any]) -> ArrayType:
    """Edges of equal bins over a range that is known."""
    return ArrayType((count,), dtype)


def grid(columns: list[Value], edges: list[Value], weights: Value | None, density: bool) -> Value:
    """The histogram of points with several coordinates: the sum of the weights in each cell."""
    shape = tuple(e.size - 1 for e in edges)
    inside: Value | None = None
    cell: Any = 0
    for column, edge, n in zip(columns, edges, shape, strict=True):
        within = (column >= getitem(edge, index=(0,))) & (column <= getitem(edge, index=(-1,)))
        inside = within if inside is None else inside & within
        cell = cell * n + bin_of(column, edge) if isinstance(cell, Value) else bin_of(column, edge)
    assert inside is not None
    amount = astype(inside, dtype=np.dtype(float)) if weights is None else where(inside, weights, 0)
    total = reshape(bincount(cell, amount, length=prod(shape)), shape=shape)
    if density:
        cells = total
        for i, edge in enumerate(edges):
            width = getitem(edge, index=(Slice(1),)) - getitem(edge, index=(Slice(None, -1),))
            behind = tuple(k for k in range(1, len(shape) - i))
            total = total / (expand_dims(width, axis=behind) if behind else width)
        total = total / sum_(cells)
    return total


# ------------------------------------------------------------------------------------------------------- add.reduceat


def _reduceat_batch(batch: Batch, x: Value, indices: Value, *, axis: int) -> Any:
    if batch.batched[1]:
        raise batch.refuse("np.add.reduceat adds up between the same indices for all examples")
    return batch.builder.emit(batch.equation.op, x, indices, axis=axis + 1)


def _reduceat(x: Any, indices: Any, *, axis: int) -> Any:
    return np.add.reduceat(x, indices, axis=axis)


@op(
    name="add_reduceat",
    batch=_reduceat_batch,
    fun=_reduceat,
    python=lambda x, indices, *, axis: f"np.add.reduceat({{0}}, {{1}}{f', axis={axis}' if axis else ''})",
)
def add_reduceat(x: ArrayType, indices: ArrayType, *, axis: int = 0) -> ArrayType:
    """The sums from each index to the next; they increase, which a guard has made sure of."""
    from .reduction import sum_dtype

    if not 0 <= axis < x.ndim or indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise TypeError("np.add.reduceat takes an array and a row of integers")
    shape = (*x.shape[:axis], indices.size, *x.shape[axis + 1 :])
    return ArrayType(shape, sum_dtype(x))


@add_reduceat.vjp
def add_reduceat_vjp(g: Value, y: Value, x: Value, indices: Value, *, axis: int) -> tuple[Value | None, None]:
    """Each element has the cotangent of the sum that it is in; what stands before the first index is in none."""
    from .indexing import arange

    none = g.builder.emit(filled, value=0, shape=(*g.shape[:axis], 1, *g.shape[axis + 1 :]), dtype=g.dtype)
    number = searchsorted(indices, arange(x, x.shape[axis]), side="right")  # 0 before the first index
    return getitem(concatenate(none, g, axis=axis), number, index=(*[Slice()] * axis, SLOT)), None
