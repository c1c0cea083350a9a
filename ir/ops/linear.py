"""Products: the adjoint of a matrix product is two matrix products with transposes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..batching import Batch, as_rows, insert_axes
from ..builder import Value
from ..op import op
from ..types import ArrayType, broadcast_shapes, check_axes, result_dtype
from .elementwise import REAL, conjugate, where
from .indexing import arange
from .reduction import sum_
from .shape import expand_dims, reshape, squeeze, swap_last, transpose

# ---------------------------------------------------------------------------------------------------------- matmul


def _matmul_batch(batch: Batch, a: Value, b: Value) -> Value:
    """A product over stacks; a batch of vectors is a matrix of rows, or of columns where the matrices differ too."""
    left, right = (t.ndim for t in batch.types)
    both = all(batch.batched)
    if left == right == 1:
        return sum_(a * b, axis=1) if both else a @ b if batch.batched[0] else b @ a
    if right == 1 and batch.batched[1]:
        if left == 2 and not both:
            return b @ transpose(a, axes=(1, 0))
        product = a @ _last(insert_axes(b, 1, left - 2))
        return squeeze(product, axis=(product.ndim - 1,))
    if left == 1 and batch.batched[0] and (both or right > 2):
        product = insert_axes(a, 1, right - 1) @ b
        return squeeze(product, axis=(product.ndim - 2,))
    rank = max(left, right)
    return (a if left == 1 else batch.aligned(a, 0, rank)) @ (b if right == 1 else batch.aligned(b, 1, rank))


@op(np.matmul, batch=_matmul_batch, python="{0} @ {1}", domain=(REAL, REAL))
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


def _outer_batch(batch: Batch, a: Value, b: Value) -> Value:
    left, right = (as_rows(x) if flag else _flat(x) for x, flag in zip((a, b), batch.batched, strict=True))
    return _last(left) * (_before_last(right) if batch.batched[1] else right)


@op(np.outer, batch=_outer_batch, domain=(REAL, REAL))
def outer(a: ArrayType, b: ArrayType) -> ArrayType:
    return ArrayType((a.size, b.size), result_dtype(a.strong(), b.strong()))


outer.vjp(
    lambda g, y, a, b: reshape(g @ _flat(b), shape=a.shape),
    lambda g, y, a, b: reshape(_flat(a) @ g, shape=b.shape),
)


def _flat(x: Value) -> Value:
    return x if x.ndim == 1 else reshape(x, shape=(x.size,))


def _conj(x: Value) -> Value:
    conjugated: Value = conjugate(x) if x.dtype.kind == "c" else x
    return conjugated


def _vdot_batch(batch: Batch, a: Value, b: Value) -> Value:
    product = _conj(a) * b
    total: Value = sum_(product, axis=tuple(range(1, product.ndim)))
    return total


@op(name="vdot", fun=np.vdot, batch=_vdot_batch, python="np.vdot({0}, {1})")
def vdot(a: ArrayType, b: ArrayType) -> ArrayType:
    """sum(conj(a) * b) of two arrays of one shape."""
    if a.shape != b.shape or not a.shape:
        raise ValueError(f"vdot: {a} and {b} are not arrays of one shape")
    return ArrayType((), result_dtype(a.strong(), b.strong()))


vdot.vjp(lambda g, y, a, b: _conj(g * b), lambda g, y, a, b: g * _conj(a))


# ------------------------------------------------------------------------------------------------------- tensordot

Axes = tuple[tuple[int, ...], tuple[int, ...]]


def _tensordot_text(a: ArrayType, b: ArrayType, *, axes: Axes) -> str:
    left, right = axes
    count = len(left)
    if left == tuple(range(a.ndim - count, a.ndim)) and right == tuple(range(count)):
        return f"np.tensordot({{0}}, {{1}}, axes={count})"
    shown = (left[0], right[0]) if count == 1 else (left, right)
    return f"np.tensordot({{0}}, {{1}}, axes={shown})"


def _tensordot_batch(batch: Batch, a: Value, b: Value, *, axes: Axes) -> Value:
    """The batch is one more axis that is left alone; where both operands have it, an einsum pairs it up."""
    left, right = (tuple(i + flag for i in part) for part, flag in zip(axes, batch.batched, strict=True))
    if not all(batch.batched):
        product = tensordot(a, b, axes=(left, right))
        return product if batch.batched[0] else _to_front(product, batch.types[0].ndim - len(left))
    letters = iter("bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    first = ["a"] + [next(letters) for _ in range(batch.types[0].ndim)]
    second = ["a"] + [next(letters) for _ in range(batch.types[1].ndim)]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    free = [x for i, x in enumerate(first) if i not in left] + [
        x for j, x in enumerate(second[1:], 1) if j not in right
    ]
    subscripts = f"{''.join(first)},{''.join(second)}->{''.join(free)}"
    summed: Value = einsum(a, b, subscripts=subscripts, optimize=True)
    return summed


def _to_front(x: Value, axis: int) -> Value:
    rest = (i for i in range(x.ndim) if i != axis)
    return transpose(x, axes=(axis, *rest)) if axis else x


@op(np.tensordot, batch=_tensordot_batch, python=_tensordot_text, domain=(REAL, REAL))
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


def _einsum_batch(batch: Batch, *operands: Value, subscripts: str, optimize: Order) -> Value:
    """One more index, for the operands that have the batch axis, and in front of the result."""
    unused = next(c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts)
    inputs, output = subscripts.split("->")
    terms = [f"{unused}{t}" if flag else t for t, flag in zip(inputs.split(","), batch.batched, strict=True)]
    return einsum(*operands, subscripts=f"{','.join(terms)}->{unused}{output}", optimize=optimize)


@op(np.einsum, batch=_einsum_batch, fun=_einsum, python=_einsum_text)
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
    from .contraction import best_order, contract, is_plain

    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    plain = is_plain([y, *operands], [output, *terms])
    cotangents = []
    for k, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        others = [(t, o) for i, (t, o) in enumerate(zip(terms, operands, strict=True)) if i != k]
        known = set(output).union(*(t for t, _ in others))
        target = "".join(letter for i, letter in enumerate(term) if letter in known and letter not in term[:i])
        parts = [output, *(t for t, _ in others)]
        values = [g, *(o for _, o in others)]
        if parts == [target]:
            result = g
        elif plain and others:
            result = contract(values, parts, target)
        else:
            known_sizes = len(values) > 2 and all(-1 not in v.shape for v in values)
            order = best_order(values, parts, target) if known_sizes else bool(others)
            result = einsum(*values, subscripts=f"{','.join(parts)}->{target}", optimize=order)
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
