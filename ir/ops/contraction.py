"""Sums of products, pair by pair: a matrix product where it is one, so that BLAS does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..builder import Value
from ..types import result_dtype
from .elementwise import astype
from .linear import Order, einsum, einsum_sizes, tensordot
from .reduction import sum_
from .shape import expand_dims, transpose

NARROW = 16  # rows or columns from which on a matrix of a stack is worth a call of BLAS

Multiply = Callable[[Sequence[Value], Sequence[str], str], Value]


def is_plain(values: Sequence[Value], terms: Sequence[str]) -> bool:
    """Whether no index is named twice in a term, and each has one known length everywhere."""
    if any(len(set(term)) < len(term) or -1 in value.shape for value, term in zip(values, terms, strict=True)):
        return False
    sizes = einsum_sizes(list(terms), tuple(value.type for value in values))
    return all(sizes[c] == n for v, t in zip(values, terms, strict=True) for c, n in zip(t, v.shape, strict=True))


def best_order(values: Sequence[Value], terms: Sequence[str], target: str, optimize: Order = True) -> tuple[Any, ...]:
    """What np.einsum may be given as `optimize`, so that it need not look for the best order at every call."""
    arrays = [np.broadcast_to(np.zeros((), v.dtype), v.shape) for v in values]
    wish: Any = list(optimize) if isinstance(optimize, tuple) and optimize[0] == "einsum_path" else optimize
    return tuple(np.einsum_path(f"{','.join(terms)}->{target}", *arrays, optimize=wish)[0])


def in_pairs(
    values: Sequence[Value], terms: Sequence[str], target: str, *, optimize: Order, multiply: Multiply, numpys: bool
) -> Value:
    """The product in the order that np.einsum takes with `optimize`, decided here once by the shapes.

    `multiply(values, terms, target)` does one step. What is left in between has its indices as NumPy has them, sorted
    by length, with `numpys`: the steps are those inside np.einsum, bit for bit, if `multiply` is np.einsum itself.
    Without it they stand as a product leaves them.
    """
    sizes = einsum_sizes(list(terms), tuple(value.type for value in values))
    _, *steps = best_order(values, terms, target, optimize)
    if len(steps) == 1:
        return multiply(values, terms, target)
    waiting = list(zip(values, terms, strict=True))
    for step in steps:
        chosen = [waiting[i] for i in sorted(step, reverse=len(step) != 2)]
        waiting = [pair for i, pair in enumerate(waiting) if i not in step]
        needed = set(target).union(*(term for _, term in waiting))
        found = [c for c in dict.fromkeys("".join(term for _, term in chosen)) if c in needed]
        if numpys:
            found.sort(key=lambda c: (sizes[c], c))
        else:
            found.sort(key=lambda c: any(c not in term for _, term in chosen))
        out = "".join(found) if waiting else target
        waiting.append((multiply([v for v, _ in chosen], [t for _, t in chosen], out), out))
    return waiting[0][0]


def contract(values: Sequence[Value], terms: Sequence[str], target: str) -> Value:
    """What np.einsum gives for plain terms, as products of pairs, all of them in the precision of the result."""
    if len(values) > 2:
        dtype = result_dtype(*(v.type.strong() for v in values))
        real = np.empty(0, dtype).real.dtype
        values = [_cast(v, dtype if v.dtype.kind == "c" else real) for v in values]
    return in_pairs(values, terms, target, optimize=True, multiply=_product, numpys=False)


def _cast(x: Value, dtype: np.dtype[np.generic]) -> Value:
    return x if x.dtype == dtype else astype(x, dtype=dtype)


def _product(values: Sequence[Value], terms: Sequence[str], target: str) -> Value:
    """One step: of two factors as a rule; NumPy takes more of them at once where no order is better."""
    if len(values) != 2:
        return _einsum(values, terms, target, optimize=False)
    (a, b), (first, second) = values, terms
    a, first = _summed(a, first, second + target)
    b, second = _summed(b, second, first + target)
    inner = "".join(c for c in first if c in second and c not in target)
    batch = "".join(c for c in target if c in first and c in second)
    left = "".join(c for c in target if c in first and c not in second)
    right = "".join(c for c in target if c in second and c not in first)
    if not inner:
        return _aligned(a, first, target) * _aligned(b, second, target)
    if right and next(c for c in target if c not in batch) in right:
        a, b, first, second, left, right = b, a, second, first, right, left
    natural = batch + left + right
    if batch:
        if not len(left) == len(right) == len(inner) == 1:
            return _einsum((a, b), (first, second), target, optimize=bool(left and right))
    elif max(a.ndim, b.ndim) > 2 or len(inner) > 1:
        stacked = _stacked((a, b), (first, second), target, inner) if len(inner) == 1 else None
        if stacked is not None:
            return stacked
        inner = "".join(c for c in (first if a.size >= b.size else second) if c in inner)  # the larger one as it lies
        axes = (tuple(map(first.index, inner)), tuple(map(second.index, inner)))
        free = "".join(c for c in first if c in left) + "".join(c for c in second if c in right)
        return _turned(tensordot(a, b, axes=axes), free, target)
    return _turned(_turned(a, first, batch + left + inner) @ _turned(b, second, batch + inner + right), natural, target)


def _stacked(values: Sequence[Value], terms: Sequence[str], target: str, inner: str) -> Value | None:
    """A stack of matrices times one matrix, which np.tensordot would have to copy where it does not lie in order."""
    for (x, term), (m, pair) in (zip(values, terms, strict=True), reversed([*zip(values, terms, strict=True)])):
        if m.ndim != 2 or x.ndim < 3:
            continue
        (new,) = set(pair) - {inner}
        place = target.find(new) - len(target)
        if place not in (-1, -2):
            continue
        wanted = target.replace(new, inner)
        x, m = _turned(x, term, wanted), _turned(m, pair, inner + new if place == -1 else new + inner)
        if min(*x.shape[-2:], *m.shape) < NARROW:
            continue
        return x @ m if place == -1 else m @ x
    return None


def _einsum(values: Sequence[Value], terms: Sequence[str], target: str, *, optimize: bool) -> Value:
    summed: Value = einsum(*values, subscripts=f"{','.join(terms)}->{target}", optimize=optimize)
    return summed


def _summed(x: Value, term: str, wanted: str) -> tuple[Value, str]:
    """The sum over the indices that nobody else has."""
    alone = tuple(i for i, c in enumerate(term) if c not in wanted)
    if not alone:
        return x, term
    rest = "".join(c for c in term if c in wanted)
    return sum_(x, axis=(alone[0] if len(alone) == 1 else alone) if rest else None), rest


def _turned(x: Value, have: str, want: str) -> Value:
    return x if have == want else transpose(x, axes=tuple(map(have.index, want)))


def _aligned(x: Value, have: str, want: str) -> Value:
    """x with an axis for each index of `want`, of length 1 for those that it lacks (in front they need none)."""
    x = _turned(x, have, "".join(c for c in want if c in have))
    lead = next((i for i, c in enumerate(want) if c in have), len(want))
    missing = tuple(i - lead for i, c in enumerate(want) if c not in have and i > lead)
    return expand_dims(x, axis=missing) if missing else x
