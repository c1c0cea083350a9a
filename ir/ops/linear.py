"""Products: the adjoint of a matrix product is two matrix products with transposes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..builder import Value
from ..op import op
from ..types import ArrayType, broadcast_shapes, check_axes, result_dtype
from .elementwise import REAL, where
from .indexing import arange
from .reduction import sum_
from .shape import expand_dims, reshape, swap_last, transpose

# ---------------------------------------------------------------------------------------------------------- matmul


@op(np.matmul, python="{0} @ {1}", domain=(REAL, REAL))
def matmul(a: ArrayType, b: ArrayType) -> ArrayType:
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: the operands need at least one dimension; use * for numbers")
    inner_a, inner_b = a.shape[-1], b.shape[-2 if b.ndim > 1 else -1]
    if inner_a != inner_b:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not go together: {inner_a} is not {inner_b}")
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return ArrayType(batch + rows + columns, result_dtype(a, b))


def _last(g: Value) -> Value:
    return expand_dims(g, axis=(g.ndim,))


def _before_last(g: Value) -> Value:
    return expand_dims(g, axis=(g.ndim - 1,))


def _left(g: Value, y: Value, a: Value, b: Value) -> Value:
    """da = g b^T; with vectors, the outer product that this becomes."""
    if b.ndim == 1:
        return g * b if a.ndim == 1 else outer(g, b) if a.ndim == 2 else _last(g) * b
    if a.ndim == 1:
        return b @ g if b.ndim == 2 else sum_(b * _before_last(g), axis=-1)
    return g @ swap_last(b)


def _right(g: Value, y: Value, a: Value, b: Value) -> Value:
    """db = a^T g; a batch that b does not have is folded into the rows."""
    if a.ndim == 1:
        return g * a if b.ndim == 1 else outer(a, g) if b.ndim == 2 else _last(a) * _before_last(g)
    if b.ndim == 1:
        rows = a if a.ndim == 2 else reshape(a, shape=(prod(a.shape[:-1]), b.size))
        flat = g if g.ndim == 1 else reshape(g, shape=(g.size,))
        return transpose(rows, axes=(1, 0)) @ flat
    if b.ndim == 2 and a.ndim > 2:
        rows = reshape(a, shape=(prod(a.shape[:-1]), a.shape[-1]))
        columns = reshape(g, shape=(prod(g.shape[:-1]), g.shape[-1]))
        return transpose(rows, axes=(1, 0)) @ columns
    return swap_last(a) @ g


matmul.vjp(_left, _right)


@op(np.outer, domain=(REAL, REAL))
def outer(a: ArrayType, b: ArrayType) -> ArrayType:
    return ArrayType((a.size, b.size), result_dtype(a.strong(), b.strong()))


outer.vjp(
    lambda g, y, a, b: reshape(g @ _flat(b), shape=a.shape),
    lambda g, y, a, b: reshape(transpose(g, axes=(1, 0)) @ _flat(a), shape=b.shape),
)


def _flat(x: Value) -> Value:
    return x if x.ndim == 1 else reshape(x, shape=(x.size,))


# ------------------------------------------------------------------------------------------------------- tensordot

Axes = tuple[tuple[int, ...], tuple[int, ...]]


def _tensordot_text(a: ArrayType, b: ArrayType, *, axes: Axes) -> str:
    left, right = axes
    count = len(left)
    if left == tuple(range(a.ndim - count, a.ndim)) and right == tuple(range(count)):
        return f"np.tensordot({{0}}, {{1}}, axes={count})"
    shown = (left[0], right[0]) if count == 1 else (left, right)
    return f"np.tensordot({{0}}, {{1}}, axes={shown})"


@op(np.tensordot, python=_tensordot_text, owns=False, domain=(REAL, REAL))
def tensordot(a: ArrayType, b: ArrayType, *, axes: Axes) -> ArrayType:
    left, right = axes
    check_axes(left, a.ndim)
    check_axes(right, b.ndim)
    if any(a.shape[i] != b.shape[j] for i, j in zip(left, right, strict=True)):
        raise ValueError(f"shape-mismatch for sum: shapes {a.shape} and {b.shape} over axes {axes}")
    free_a = tuple(n for i, n in enumerate(a.shape) if i not in left)
    free_b = tuple(n for i, n in enumerate(b.shape) if i not in right)
    return ArrayType(free_a + free_b, result_dtype(a.strong(), b.strong()))


def _free(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i not in axes)


def _put_back(x: Value, order: tuple[int, ...]) -> Value:
    """Transpose so that the axis standing at k goes to order[k]."""
    if order == tuple(range(x.ndim)):
        return x
    return transpose(x, axes=tuple(int(i) for i in np.argsort(order)))


def _paired(axes: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    """The axes in the order in which a product leaves them: that of their partners."""
    return tuple(a for _, a in sorted(zip(others, axes, strict=True)))


@tensordot.vjp
def tensordot_vjp(g: Value, y: Value, a: Value, b: Value, *, axes: Axes) -> tuple[Value, Value]:
    left, right = axes
    free_a, free_b = _free(a.ndim, left), _free(b.ndim, right)
    n = len(free_a)
    over_b = (tuple(range(n, y.ndim)), free_b)
    da = tensordot(g, b, axes=over_b)
    over_a = (free_a, tuple(range(n)))
    db = tensordot(a, g, axes=over_a)
    return _put_back(da, free_a + _paired(left, right)), _put_back(db, _paired(right, left) + free_b)


# ---------------------------------------------------------------------------------------------------------- einsum


Order = bool | str | tuple[Any, ...]  # in which operands are multiplied, as np.einsum_path tells it


def _einsum(*operands: Any, subscripts: str, optimize: Order) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_text(*types: ArrayType, subscripts: str, optimize: Order) -> str:
    arrays = ", ".join(f"{{{i}}}" for i in range(len(types)))
    return f"np.einsum({subscripts!r}, {arrays}{f', optimize={optimize!r}' if optimize else ''})"


def einsum_sizes(inputs: list[str], types: tuple[ArrayType, ...]) -> dict[str, int]:
    """The length of each index; ValueError when two operands disagree."""
    sizes: dict[str, int] = {}
    for subscript, type_ in zip(inputs, types, strict=True):
        if len(subscript) != type_.ndim:
            raise ValueError(f"einsum: {subscript!r} has {len(subscript)} indices for the shape {type_.shape}")
        if len(set(zip(subscript, type_.shape, strict=True))) != len(set(subscript)):
            raise ValueError(f"einsum: a repeated index of {subscript!r} has two lengths in shape {type_.shape}")
        for letter, n in zip(subscript, type_.shape, strict=True):
            if sizes.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ValueError(f"einsum: index {letter!r} has lengths {sizes[letter]} and {n}")
            sizes[letter] = max(sizes[letter], n) if 0 not in (sizes[letter], n) else 0
    return sizes


@op(np.einsum, fun=_einsum, python=_einsum_text, owns=False)
def einsum(*operands: ArrayType, subscripts: str, optimize: Order = False) -> ArrayType:
    """Subscripts are in the explicit form `ab,bc->ac`, without an ellipsis."""
    inputs, output = subscripts.split("->")
    sizes = einsum_sizes(inputs.split(","), operands)
    if len(set(output)) != len(output) or not sizes.keys() >= set(output):
        raise ValueError(f"einsum: the output {output!r} names an index twice, or one that no operand has")
    return ArrayType(tuple(sizes[letter] for letter in output), result_dtype(*(o.strong() for o in operands)))


@einsum.vjp
def einsum_vjp(g: Value, y: Value, *operands: Value, subscripts: str, optimize: Order) -> tuple[Value, ...]:
    """Each operand's cotangent is an einsum of g with the other operands, onto the operand's own indices."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    many = len(operands) > 1
    cotangents = []
    for k, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        others = [(t, o) for i, (t, o) in enumerate(zip(terms, operands, strict=True)) if i != k]
        known = set(output).union(*(t for t, _ in others))
        target = "".join(letter for i, letter in enumerate(term) if letter in known and letter not in term[:i])
        parts = [output, *(t for t, _ in others)]
        values = [g, *(o for _, o in others)]
        if parts == [target]:
            result = g
        else:
            result = einsum(*values, subscripts=f"{','.join(parts)}->{target}", optimize=many)
        cotangents.append(_spread(result, target, term, operand))
    return tuple(cotangents)


def _spread(x: Value, have: str, want: str, operand: Value) -> Value:
    """Give x, indexed by `have`, the axes of `want`: summed ones by broadcasting, repeated ones on the diagonal."""
    distinct = "".join(dict.fromkeys(want))
    order = tuple(have.index(letter) for letter in distinct if letter in have)
    if order != tuple(range(x.ndim)):
        x = transpose(x, axes=order)
    missing = tuple(i for i, letter in enumerate(distinct) if letter not in have)
    if missing:
        x = expand_dims(x, axis=missing)
    if distinct == want:
        return x
    axes_of = {letter: [i for i, other in enumerate(want) if other == letter] for letter in distinct}
    first = {places[0] for places in axes_of.values()}
    x = expand_dims(x, axis=tuple(i for i in range(len(want)) if i not in first))
    for places in axes_of.values():
        for other in places[1:]:
            on_diagonal = _along(x, operand, places[0]).equals(_along(x, operand, other))
            x = where(on_diagonal, x, 0)
    return x


def _along(x: Value, operand: Value, axis: int) -> Value:
    """0, 1, 2, ... along one axis of an operand, with length 1 along the others."""
    n = operand.shape[axis]
    return reshape(arange(x, n), shape=tuple(n if i == axis else 1 for i in range(operand.ndim)))
