"""Parts that several examples of rewrite rules are made of."""

from __future__ import annotations

from typing import Any

from tapeless.ir.builder import Value
from tapeless.ir.indexing import SLOT, Slice
from tapeless.ir.types import DTYPES


def places(e: Any, n: int) -> Any:
    return e.arange(start=0, stop=n, step=1)


def eye(e: Any, n: int) -> Any:
    return e.identity_matrix(rows=n, columns=n, offset=0, dtype=DTYPES["f64"])


def scattered_share(e: Any, x: Value, c: Value, s: Value, j: Value) -> Value:
    """Zeros but for s / (x / c) at two places, where x / c is read before it is computed."""
    rows, columns = places(e, 2), e.getitem(j, index=(Slice(0, 2),))
    share = e.getitem(x, rows, columns, index=(SLOT, SLOT)) / e.getitem(c, rows, index=(SLOT, 0))
    value: Value = e.index_add(e.zeros(x), s / share, rows, columns, index=(SLOT, SLOT), distinct=True)
    return value


def less_one_share(e: Any, x: Value, j: Value, k: float, before: bool) -> Value:
    """k * x / sum(x) of each row, less k at one place of it."""
    total = e.sum(x, axis=1, keepdims=False)
    share = e.expand_dims(k / total, axis=(1,)) * x if before else k * (x / e.expand_dims(total, axis=(1,)))
    value: Value = e.index_add(share, e.builder.value(-k), places(e, 4), j, index=(SLOT, SLOT), distinct=True)
    return value


def centred_product(e: Any, x: Value, y: Value) -> Value:
    product = (x - e.mean(x, axis=0, keepdims=False)) @ e.transpose(y, axes=(1, 0))
    value: Value = product - e.sum(3 * product, axis=0, keepdims=False)
    return value


def many(e: Any, n: int, below: int) -> Any:
    """n places that repeat."""
    return e.remainder(places(e, n), below)


def beside(e: Any, x: Any, s: Any, last: Any) -> Any:
    """A tall table like x, put together from its columns; zeros between them."""
    table = e.filled(value=0, shape=(2000, 3), dtype=x.dtype)
    table = e.index_add(table, e.broadcast_to(s, shape=(2000, 1)), index=(Slice(), Slice(None, 1)), distinct=True)
    part = e.broadcast_to(2 * s, shape=(2000,) if type(last) is int else (2000, 1))
    return e.index_add(table, part, index=(Slice(), last), distinct=True)


def tall(e: Any, x: Any) -> Any:
    """A large array."""
    return e.broadcast_to(x, shape=(12_000, 4, 3))
