"""For every rewrite rule the programs on which it fires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rule_parts import beside, centred_product, eye, less_one_share, many, places, scattered_share, tall

from tapeless.ir.builder import Builder, Value
from tapeless.ir.indexing import SLOT, Slice
from tapeless.ir.op import BY_NAME
from tapeless.ir.types import DTYPES

Write = Callable[..., Any]  # emit functions, values -> value


class Emit:
    """`e.sin(x, axis=0)` emits the operation into one builder."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *operands, **params: self.builder.emit(BY_NAME[name.rstrip("_")], *operands, **params)

    def zeros(self, like: Value) -> Value:
        value: Value = self.filled(value=0, shape=like.shape, dtype=like.dtype)
        return value


# x, y: vectors of one dtype; s: a number of that dtype; m: a matrix [n, 3] of it.
EXACT_EXAMPLES: dict[tuple[str, str], tuple[Write, ...]] = {
    ("astype", "cast_of_a_number"): (lambda e, x, y, s: x * e.astype(x.builder.value(2), dtype=DTYPES["f32"]),),
    ("passed", "the_value_itself"): (lambda e, x, y, s: e.passed(x) + s,),
    ("underivable", "the_value_itself"): (lambda e, x, y, s: e.underivable(x, reason="") + s,),
    ("multiply", "multiply_by_one"): (
        lambda e, x, y, s: 1 * x,
        lambda e, x, y, s: x * 1,
        lambda e, x, y, s: x * 1.0,
        lambda e, x, y, s: 1.0 * s,
    ),
    ("multiply", "multiply_negated"): (lambda e, x, y, s: -x * y, lambda e, x, y, s: x * -y, lambda e, x, y, s: -x * s),
    ("diagonal", "diagonal_of_factor"): (
        lambda e, x, y, s: e.diagonal(
            e.cholesky(eye(e, len(x.shape) and x.shape[0]), upper=False) + e.upper_triangle(e.outer(x, y), offset=1)
        ),
        lambda e, x, y, s: e.diagonal(
            e.cholesky(eye(e, len(x.shape) and x.shape[0]), upper=True) + e.lower_triangle(e.outer(x, y), offset=-1)
        ),
    ),
    ("multiply", "not_broadcast"): (
        lambda e, x, y, s: e.broadcast_to(s, shape=x.shape) * x,
        lambda e, x, y, s: x * e.broadcast_to(s, shape=x.shape),
    ),
    ("divide", "divide_by_one"): (lambda e, x, y, s: x / 1, lambda e, x, y, s: x / 1.0),
    ("divide", "divide_negated"): (lambda e, x, y, s: -x / y, lambda e, x, y, s: -x / s),
    ("divide", "not_broadcast"): (
        lambda e, x, y, s: e.broadcast_to(s, shape=x.shape) / x,
        lambda e, x, y, s: x / e.broadcast_to(s, shape=x.shape),
    ),
    ("add", "add_negated"): (lambda e, x, y, s: x + -y, lambda e, x, y, s: -x + y, lambda e, x, y, s: -s + y),
    ("add", "add_twice"): (lambda e, x, y, s: x + x, lambda e, x, y, s: s + s),
    ("add", "not_broadcast"): (lambda e, x, y, s: e.broadcast_to(s, shape=x.shape) + x,),
    ("subtract", "subtract_negated"): (lambda e, x, y, s: x - -y, lambda e, x, y, s: s - -y),
    ("subtract", "subtract_zero"): (lambda e, x, y, s: x - 0, lambda e, x, y, s: x - 0.0, lambda e, x, y, s: x - -0.0),
    ("subtract", "not_broadcast"): (lambda e, x, y, s: x - e.broadcast_to(s, shape=x.shape),),
    ("negative", "negate_twice"): (lambda e, x, y, s: e.negative(-x),),
    ("power", "power_of_one"): (lambda e, x, y, s: x**1, lambda e, x, y, s: x**1.0),
    ("reshape", "reshape_again"): (
        lambda e, x, y, s: e.reshape(e.reshape(x, shape=(x.size, 1)), shape=(1, x.size)),
        lambda e, x, y, s: e.reshape(x, shape=x.shape),
        lambda e, x, y, s: e.reshape(e.expand_dims(x, axis=(0,)), shape=(x.size, 1)),
        lambda e, x, y, s: e.reshape(e.squeeze(e.expand_dims(x, axis=(0,)), axis=(0,)), shape=(x.size, 1)),
    ),
    ("transpose", "transpose_again"): (
        lambda e, x, y, s: e.transpose(e.transpose(e.expand_dims(x, axis=(0,)), axes=(1, 0)), axes=(1, 0)),
        lambda e, x, y, s: e.transpose(x, axes=(0,)),
        lambda e, x, y, s: e.transpose(e.transpose(e.expand_dims(x, axis=(0, 1)), axes=(2, 0, 1)), axes=(2, 0, 1)),
    ),
    ("expand_dims", "undone"): (
        lambda e, x, y, s: e.expand_dims(e.squeeze(e.reshape(x, shape=(x.size, 1)), axis=(1,)), axis=(1,)),
    ),
    ("squeeze", "undone"): (
        lambda e, x, y, s: e.squeeze(e.expand_dims(x, axis=(0,)), axis=(0,)),
        lambda e, x, y, s: e.squeeze(e.expand_dims(s, axis=(0, 1)), axis=(0, 1)),
    ),
    ("squeeze", "moved"): (lambda e, x, y, s: e.squeeze(-e.expand_dims(x, axis=(0,)), axis=(0,)),),
    ("squeeze", "squeeze_sum"): (
        lambda e, x, y, s: e.squeeze(e.sum(e.expand_dims(x, axis=(0,)), axis=1, keepdims=True), axis=(1,)),
        lambda e, x, y, s: e.squeeze(e.sum(e.expand_dims(x, axis=(0,)), axis=None, keepdims=True), axis=(0, 1)),
    ),
    ("flip", "undone"): (lambda e, x, y, s: e.flip(e.flip(x, axis=(0,)), axis=(0,)),),
    ("broadcast_to", "broadcast_to_itself"): (
        lambda e, x, y, s: e.broadcast_to(x, shape=x.shape),
        lambda e, x, y, s: e.broadcast_to(s, shape=()),
    ),
    ("astype", "cast_to_itself"): (lambda e, x, y, s: e.astype(x, dtype=x.dtype),),
    ("scipy_erf", "odd_function"): (lambda e, x, y, s: BY_NAME["scipy_erf"](-x) + y,),
    ("positive", "plus_sign"): (lambda e, x, y, s: e.positive(x),),
    ("set_item", "write_what_was_read"): (
        lambda e, x, y, s: e.set_item(x, e.getitem(x, index=(Slice(1, 3),)), index=(Slice(1, 3),)),
        lambda e, x, y, s: e.set_item(
            x, e.getitem(x, places(e, x.size // 2), index=(SLOT,)), places(e, x.size // 2), index=(SLOT,)
        ),
    ),
    ("set_item", "store_number"): (
        lambda e, x, y, s: e.set_item(x, e.filled(value=1, shape=(2,), dtype=x.dtype), index=(Slice(0, 2),)),
        lambda e, x, y, s: e.set_item(x, e.filled(value=0.1, shape=(2,), dtype=y.dtype), index=(Slice(0, 2),)),
        lambda e, x, y, s: e.set_item(x, e.filled(value=200, shape=(2,), dtype=y.dtype), index=(Slice(0, 2),)),
    ),
    ("copy", "copy_is_the_value"): (lambda e, x, y, s: e.copy(x),),
    ("bitwise_and", "mask_with_itself"): (
        lambda e, x, y, s: e.equal(x, y) & e.equal(x, y),
        lambda e, x, y, s: e.isnan(x) & e.isnan(x),
    ),
    ("bitwise_or", "mask_with_itself"): (lambda e, x, y, s: e.bitwise_or(e.isnan(x), e.isnan(x)),),
    ("bitwise_and", "constant"): (
        lambda e, x, y, s: e.equal(x, y) & e.logical_not(e.equal(x, y)),
        lambda e, x, y, s: e.logical_not(e.isnan(s)) & e.isnan(s),
    ),
    ("bitwise_or", "constant"): (
        lambda e, x, y, s: e.bitwise_or(e.equal(x, y), e.logical_not(e.equal(x, y))),
        lambda e, x, y, s: e.bitwise_or(e.invert(e.isnan(s)), e.isnan(s)),
    ),
    ("where", "no_choice"): (
        lambda e, x, y, s: e.where(e.filled(value=True, shape=x.shape, dtype=np.dtype(bool)), x, 0),
        lambda e, x, y, s: e.where(e.filled(value=False, shape=x.shape, dtype=np.dtype(bool)), s, y),
        lambda e, x, y, s: e.where(e.builder.value(np.True_), x, y),
    ),
    ("getitem", "pick_first"): (
        lambda e, x, y, s: e.getitem(x - y, places(e, x.size // 4), index=(SLOT,)),
        lambda e, x, y, s: e.getitem(-(x * s), places(e, x.size // 4), index=(SLOT,)),
        lambda e, x, y, s: e.getitem(
            e.expand_dims(x, axis=(1,)) + y, places(e, x.size), places(e, y.size), index=(SLOT, SLOT)
        ),
        lambda e, x, y, s: e.getitem(
            (e.expand_dims(x, axis=(1,)) - e.expand_dims(y, axis=(0,))) / e.expand_dims(y, axis=(1,)),
            places(e, x.size // 2),
            places(e, x.size // 2),
            index=(SLOT, SLOT),
        ),
    ),
    ("getitem", "read_past_writes"): (
        lambda e, x, y, s: e.getitem(e.set_item(x, s, index=(Slice(0, 0),)), index=(Slice(1, None),)),
        lambda e, x, y, s: e.getitem(e.set_item(e.zeros(x), y, index=(Slice(),)), index=(Slice(),)),
        lambda e, x, y, s: e.getitem(
            e.set_item(x, e.getitem(y, index=(Slice(None, None, 2),)), index=(Slice(None, None, 2),)),
            index=(Slice(1, None, 2),),
        ),
        lambda e, x, y, s: e.getitem(e.filled(value=-0.0, shape=(4, 3), dtype=x.dtype), index=(1, Slice(1, None))),
        lambda e, x, y, s: e.getitem(
            e.set_item(e.set_item(e.zeros(x), s, index=(Slice(2, 4),)), s, index=(Slice(5, 7),)), index=(Slice(0, 2),)
        ),
        lambda e, x, y, s: e.getitem(e.set_item(x, s, index=(Slice(None, None, -2),)), index=(Slice(1, 3),)),
    ),
}


# x, y: f64[4, 3]; r: f64[3]; c: f64[4, 1]; s: f64; i, j: index vectors of length 4; all positive, away from 0.
P = Slice(1, 3)
ADJOINT_EXAMPLES: dict[tuple[str, str], tuple[Write, ...]] = {
    ("multiply", "folded"): (
        lambda e, x, y, r, c, s, i, j: e.multiply(np.float64(2.0), 3.0),
        lambda e, x, y, r, c, s, i, j: 2.0 * e.filled(value=1.5, shape=(3,), dtype=DTYPES["f64"]),
        lambda e, x, y, r, c, s, i, j: 2.0 * -e.filled(value=1.5, shape=(3,), dtype=DTYPES["f64"]),
    ),
    ("multiply", "number_for_filled"): (
        lambda e, x, y, r, c, s, i, j: e.filled(value=1.5, shape=(4, 3), dtype=DTYPES["f64"]) * x,
        lambda e, x, y, r, c, s, i, j: x * e.filled(value=1, shape=(3,), dtype=DTYPES["f64"]),
    ),
    ("add", "folded"): (lambda e, x, y, r, c, s, i, j: e.add(np.float64(2.0), 3.0),),
    ("subtract", "folded"): (lambda e, x, y, r, c, s, i, j: e.subtract(np.float64(2.0), 3.0),),
    ("divide", "folded"): (lambda e, x, y, r, c, s, i, j: e.divide(np.float64(3.0), 2.0),),
    ("multiply", "weak"): (lambda e, x, y, r, c, s, i, j: e.astype(e.builder.value(0.3), dtype=DTYPES["f64"]) * x,),
    ("add", "weak"): (lambda e, x, y, r, c, s, i, j: x + e.astype(e.builder.value(0.3), dtype=DTYPES["f64"]),),
    ("subtract", "weak"): (lambda e, x, y, r, c, s, i, j: x - e.astype(e.builder.value(0.3), dtype=DTYPES["f64"]),),
    ("divide", "weak"): (lambda e, x, y, r, c, s, i, j: x / e.astype(e.builder.value(0.3), dtype=DTYPES["f64"]),),
    ("multiply", "cancel_division"): (
        lambda e, x, y, r, c, s, i, j: (x / y) * y,
        lambda e, x, y, r, c, s, i, j: r * (x / r),
    ),
    ("multiply", "reuse_quotient"): (lambda e, x, y, r, c, s, i, j: (below(e, lambda: x / r), (y / r) * x)[1],),
    ("multiply", "zeros"): (
        lambda e, x, y, r, c, s, i, j: x * e.zeros(x),
        lambda e, x, y, r, c, s, i, j: e.zeros(r) * x,
    ),
    ("matmul", "zeros"): (lambda e, x, y, r, c, s, i, j: x @ e.filled(value=0, shape=(3, 2), dtype=x.dtype),),
    ("transpose", "zeros"): (lambda e, x, y, r, c, s, i, j: e.transpose(e.zeros(x), axes=(1, 0)) @ y,),
    ("negative", "zeros"): (lambda e, x, y, r, c, s, i, j: -e.zeros(x) * y,),
    ("negative", "zero_negated"): (lambda e, x, y, r, c, s, i, j: x * -e.builder.value(np.float64(0)),),
    ("sum", "sum_of_shares_less_one"): (
        lambda e, x, y, r, c, s, i, j: e.sum(less_one_share(e, x, j, 0.25, True), axis=1, keepdims=True) + y,
        lambda e, x, y, r, c, s, i, j: e.sum(less_one_share(e, x, j, 4, False), axis=1) * i,
        lambda e, x, y, r, c, s, i, j: s + e.sum(e.index_add(r / e.sum(r), -1.0, index=(1,), distinct=True)),
    ),
    ("sum", "sum_of_centred_rows"): (lambda e, x, y, r, c, s, i, j: centred_product(e, x, y),),
    ("multiply", "integers_times"): (
        lambda e, x, y, r, c, s, i, j: (1.0 * i) * e.squeeze(c, axis=(1,)),
        lambda e, x, y, r, c, s, i, j: e.squeeze(c, axis=(1,)) * (1.0 * j),
    ),
    ("add", "plus_zeros"): (
        lambda e, x, y, r, c, s, i, j: x + e.zeros(r),
        lambda e, x, y, r, c, s, i, j: e.zeros(y) + x,
    ),
    ("astype", "zeros"): (lambda e, x, y, r, c, s, i, j: e.astype(e.zeros(x), dtype=DTYPES["f32"]) + y,),
    ("divide", "zeros_divided"): (lambda e, x, y, r, c, s, i, j: e.zeros(x) / r,),
    ("where", "zeros_or_zero"): (
        lambda e, x, y, r, c, s, i, j: e.where(x > y, e.zeros(x), 0),
        lambda e, x, y, r, c, s, i, j: e.where(x > y, 0.0, e.zeros(r)),
    ),
    ("sum", "reuse_sum"): (
        lambda e, x, y, r, c, s, i, j: (
            below(e, lambda: e.sum(x, axis=1, keepdims=False)),
            e.sum(x, axis=1, keepdims=True) * y,
        )[1],
    ),
    ("multiply", "cancel_in_columns"): (
        lambda e, x, y, r, c, s, i, j: e.expand_dims(2.0 / r, axis=(1,)) * e.expand_dims(r, axis=(1,)),
        lambda e, x, y, r, c, s, i, j: e.expand_dims(x, axis=(2,)) * e.expand_dims(y / x, axis=(2,)),
    ),
    ("subtract", "minus_zeros"): (lambda e, x, y, r, c, s, i, j: x - e.zeros(r),),
    ("index_add", "addition_of_zeros"): (
        lambda e, x, y, r, c, s, i, j: e.index_add(x, e.zeros(y), i, index=(SLOT,)),
        lambda e, x, y, r, c, s, i, j: e.index_add(x, e.zeros(r), index=(1,)),
    ),
    ("multiply", "reuse_product"): (
        lambda e, x, y, r, c, s, i, j: (below(e, lambda: x * r), (y * r) * x)[1],
        lambda e, x, y, r, c, s, i, j: (below(e, lambda: 3 * r), r * (x * 3))[1],
    ),
    ("divide", "reuse_divided"): (
        lambda e, x, y, r, c, s, i, j: x / r + (x * y) / r,
        lambda e, x, y, r, c, s, i, j: x / r + (s * x) / r,
    ),
    ("divide", "cancel_common_factor"): (
        lambda e, x, y, r, c, s, i, j: (x * r) / r,
        lambda e, x, y, r, c, s, i, j: (r * x) / r,
    ),
    ("matmul", "product_with_identity"): (
        lambda e, x, y, r, c, s, i, j: eye(e, 4) @ x,
        lambda e, x, y, r, c, s, i, j: x @ eye(e, 3),
    ),
    ("matmul", "product_with_diagonal"): (
        lambda e, x, y, r, c, s, i, j: x @ e.diagonal_matrix(r, offset=0),
        lambda e, x, y, r, c, s, i, j: e.diagonal_matrix(e.squeeze(c, axis=(1,)), offset=0) @ x,
    ),
    ("multiply", "scaled_identity"): (
        lambda e, x, y, r, c, s, i, j: eye(e, 3) * r,
        lambda e, x, y, r, c, s, i, j: s * e.diagonal_matrix(r, offset=0),
        lambda e, x, y, r, c, s, i, j: e.diagonal_matrix(r, offset=0) * r,
    ),
    ("divide", "divided_identity"): (
        lambda e, x, y, r, c, s, i, j: eye(e, 3) / r,
        lambda e, x, y, r, c, s, i, j: e.diagonal_matrix(r, offset=0) / s,
    ),
    ("transpose", "transposed_identity"): (
        lambda e, x, y, r, c, s, i, j: e.transpose(eye(e, 3), axes=(1, 0)),
        lambda e, x, y, r, c, s, i, j: e.transpose(e.diagonal_matrix(r, offset=0), axes=(1, 0)),
    ),
    ("add", "one_choice"): (
        lambda e, x, y, r, c, s, i, j: e.where(x > y, x, 0) + e.where(e.logical_not(x > y), y, 0),
        lambda e, x, y, r, c, s, i, j: e.where(e.logical_not(x > y), x, 0) + e.where(x > y, y, 0),
    ),
    ("add", "combined"): (lambda e, x, y, r, c, s, i, j: x / r + y / r,),
    ("subtract", "combined"): (
        lambda e, x, y, r, c, s, i, j: x / r - y / r,
        lambda e, x, y, r, c, s, i, j: x / r - (y / r) * x,
        lambda e, x, y, r, c, s, i, j: x / y - x * (x / y),
    ),
    ("sum", "sum_of_scaled"): (
        lambda e, x, y, r, c, s, i, j: e.sum((tall(e, x) * r) * tall(e, y), axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(
            e.expand_dims(y, axis=(0,)) * (tall(e, x) * s * tall(e, r)), axis=0, keepdims=True
        ),
    ),
    ("sum", "sum_of_turned_product"): (
        lambda e, x, y, r, c, s, i, j: e.sum(e.transpose(e.transpose(x, axes=(1, 0)) @ (y + x), axes=(1, 0)), axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(e.transpose((x + y) @ e.transpose(y, axes=(1, 0)), axes=(1, 0)), axis=1),
    ),
    ("matmul", "product_with_outer"): (
        lambda e, x, y, r, c, s, i, j: x @ e.outer(r, r + s),
        lambda e, x, y, r, c, s, i, j: s * e.outer(r, r) @ e.transpose(y, axes=(1, 0)),
        lambda e, x, y, r, c, s, i, j: y @ -e.outer(r, r),
    ),
    ("matmul", "product_of_negated"): (
        lambda e, x, y, r, c, s, i, j: -e.transpose(x, axes=(1, 0)) @ y,
        lambda e, x, y, r, c, s, i, j: r @ -e.transpose(x, axes=(1, 0)),
    ),
    ("sum", "sum_of_product"): (lambda e, x, y, r, c, s, i, j: e.sum(r * (r + r), axis=None),),
    ("transpose", "turned_negated"): (lambda e, x, y, r, c, s, i, j: e.transpose(-x, axes=(1, 0)),),
    ("negative", "negate_difference"): (lambda e, x, y, r, c, s, i, j: -(x - r),),
    ("transpose", "transposed_product"): (
        lambda e, x, y, r, c, s, i, j: e.transpose(e.transpose(x, axes=(1, 0)) @ y, axes=(1, 0)),
        lambda e, x, y, r, c, s, i, j: e.transpose(x @ e.transpose(y, axes=(1, 0)), axes=(1, 0)),
        lambda e, x, y, r, c, s, i, j: e.transpose(
            e.transpose(e.expand_dims(x, axis=(0,)), axes=(0, 2, 1)) @ e.expand_dims(y, axis=(0,)), axes=(0, 2, 1)
        ),
    ),
    ("transpose", "transposed_symmetric"): (
        lambda e, x, y, r, c, s, i, j: e.transpose(x @ e.transpose(2 * x, axes=(1, 0)), axes=(1, 0)),
        lambda e, x, y, r, c, s, i, j: e.transpose(e.exp(s - (e.expand_dims(r, axis=(1,)) - r) ** 2), axes=(1, 0)),
    ),
    ("transpose", "number_moved"): (lambda e, x, y, r, c, s, i, j: e.transpose(-(x / 3), axes=(1, 0)),),
    ("squeeze", "number_moved"): (lambda e, x, y, r, c, s, i, j: e.squeeze(2 * c, axis=(1,)),),
    ("matmul", "computed_outward"): (
        lambda e, x, y, r, c, s, i, j: (s * x) @ r,
        lambda e, x, y, r, c, s, i, j: (e.transpose(x, axes=(1, 0)) / s) @ y,
        lambda e, x, y, r, c, s, i, j: r @ (r / s),
    ),
    ("multiply", "quotient_times"): (
        lambda e, x, y, r, c, s, i, j: (3 / x) * y,
        lambda e, x, y, r, c, s, i, j: x * (1 / y),
    ),
    ("matmul", "scaled_product"): (
        lambda e, x, y, r, c, s, i, j: e.transpose(x, axes=(1, 0)) @ (y / 4),
        lambda e, x, y, r, c, s, i, j: (-2 * x) @ r,
    ),
    ("sum", "rows_of_symmetric"): (
        lambda e, x, y, r, c, s, i, j: e.sum(e.outer(r, r) * e.outer(r, r) - s, axis=1),
        lambda e, x, y, r, c, s, i, j: e.sum(e.tanh(e.expand_dims(r, axis=(1,)) + r), axis=-1),
    ),
    ("sum", "sum_along_identity"): (
        lambda e, x, y, r, c, s, i, j: e.sum((e.transpose(x, axes=(1, 0)) @ y) * eye(e, 3)),
        lambda e, x, y, r, c, s, i, j: e.sum(eye(e, 3) * (e.transpose(x, axes=(1, 0)) @ y), axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(e.exp(e.expand_dims(x, axis=(1,)) * eye(e, 3)) * eye(e, 3), axis=2),
    ),
    ("sum", "sum_of_centred"): (
        lambda e, x, y, r, c, s, i, j: e.sum(y + r * (x - e.mean(x, axis=0)), axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(y - (x - e.mean(x, axis=1, keepdims=True)) / c, axis=1, keepdims=True),
        lambda e, x, y, r, c, s, i, j: e.sum((x - e.mean(x, axis=(0, 1))) + y),
    ),
    ("sum", "known_sum"): (
        lambda e, x, y, r, c, s, i, j: e.sum(x * y, axis=0) - e.sum((r * x / s) * y, axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(x * y, axis=1) - e.sum((x / c) * y, axis=1),
        lambda e, x, y, r, c, s, i, j: e.sum(x * y, axis=1, keepdims=True) - e.sum(y * (x / c), axis=1, keepdims=True),
    ),
    ("trace", "trace_of_outer"): (
        lambda e, x, y, r, c, s, i, j: e.trace(0.5 * (e.transpose(x, axes=(1, 0)) @ y - 3 * e.outer(r, r))),
        lambda e, x, y, r, c, s, i, j: e.trace(e.outer(r, r + s) + eye(e, 3)),
    ),
    ("sum", "sum_before_product"): (
        lambda e, x, y, r, c, s, i, j: e.sum(e.transpose(x, axes=(1, 0)) @ y, axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(e.transpose(x, axes=(1, 0)) @ y, axis=-1),
        lambda e, x, y, r, c, s, i, j: e.sum(x @ r, axis=None),
    ),
    ("sum", "scaled_sum"): (
        lambda e, x, y, r, c, s, i, j: e.sum(2 * x, axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(x / 4, axis=None),
        lambda e, x, y, r, c, s, i, j: e.sum(x * s, axis=(0, 1)),
        lambda e, x, y, r, c, s, i, j: e.sum(x * r, axis=0),
        lambda e, x, y, r, c, s, i, j: e.sum(x / c, axis=1, keepdims=True),
        lambda e, x, y, r, c, s, i, j: e.sum(-x, axis=1),
        lambda e, x, y, r, c, s, i, j: e.sum(r * x, axis=-2, keepdims=True),
    ),
    ("sum", "sum_of_scatter"): (
        lambda e, x, y, r, c, s, i, j: e.sum(e.index_add(e.zeros(x), s, i, index=(SLOT,)), axis=None),
        lambda e, x, y, r, c, s, i, j: e.sum(e.index_add(e.zeros(x), x, i, index=(SLOT,))),
        lambda e, x, y, r, c, s, i, j: e.sum(e.index_add(e.zeros(x), 1.5, i, j, index=(SLOT, SLOT))),
        lambda e, x, y, r, c, s, i, j: e.sum(e.index_add(e.zeros(x), r, index=(2,))),
        lambda e, x, y, r, c, s, i, j: e.sum(
            e.index_add(e.zeros(x), e.squeeze(c, axis=(1,)), e.arange(start=0, stop=4, step=1), j, index=(SLOT, SLOT)),
            axis=1,
        ),
        lambda e, x, y, r, c, s, i, j: e.sum(
            e.index_add(e.zeros(x), e.squeeze(c, axis=(1,)), e.arange(start=0, stop=4, step=1), j, index=(SLOT, SLOT)),
            axis=1,
            keepdims=True,
        ),
    ),
    ("index_add", "overwritten_addition"): (
        lambda e, x, y, r, c, s, i, j: e.index_add(e.set_item(x, 0, index=(1,)), r, index=(1,), distinct=True),
        lambda e, x, y, r, c, s, i, j: e.index_add(
            e.set_item(x, 0.0, j2(e), index=(SLOT,)), s, j2(e), index=(SLOT,), distinct=True
        ),
    ),
    ("add", "add_scatter"): (
        lambda e, x, y, r, c, s, i, j: x + e.index_add(e.zeros(x), y, i, index=(SLOT,)),
        lambda e, x, y, r, c, s, i, j: e.index_add(e.zeros(x), r, index=(1,), distinct=True) + x,
    ),
    ("subtract", "subtract_scatter"): (
        lambda e, x, y, r, c, s, i, j: x - e.index_add(e.zeros(x), y, i, index=(SLOT,)),
        lambda e, x, y, r, c, s, i, j: e.index_add(e.zeros(x), r, index=(1,)) - x,
    ),
    ("index_add", "negative_scattered"): (
        lambda e, x, y, r, c, s, i, j: e.index_add(
            e.zeros(x), -e.broadcast_to(r, shape=(2000, 3)), many(e, 2000, 4), index=(SLOT,)
        ),
    ),
    ("index_add", "scatter_parts"): (
        lambda e, x, y, r, c, s, i, j: e.index_add(
            e.zeros(x), beside(e, x, s, Slice(2, None)), many(e, 2000, 4), index=(SLOT,)
        ),
        lambda e, x, y, r, c, s, i, j: e.index_add(x, beside(e, x, s, 2), many(e, 2000, 4), index=(SLOT,)),
    ),
    ("multiply", "cancel_scattered_division"): (
        lambda e, x, y, r, c, s, i, j: (
            e.index_add(e.zeros(x), s / e.getitem(x, i, j, index=(SLOT, SLOT)), i, j, index=(SLOT, SLOT)) * x
        ),
        lambda e, x, y, r, c, s, i, j: (
            x * e.index_add(e.zeros(x), -(r / e.getitem(x, index=(P,))), index=(P,), distinct=True)
        ),
    ),
    ("expand_dims", "uniform"): (
        lambda e, x, y, r, c, s, i, j: x * e.expand_dims(e.broadcast_to(s, shape=(4,)), axis=(1,)),
        lambda e, x, y, r, c, s, i, j: e.expand_dims(e.filled(value=1.5, shape=(4,), dtype=x.dtype), axis=(1,)) + x,
    ),
    ("squeeze", "uniform"): (lambda e, x, y, r, c, s, i, j: x * e.squeeze(e.broadcast_to(s, shape=(1, 3)), axis=(0,)),),
    ("reshape", "uniform"): (
        lambda e, x, y, r, c, s, i, j: x + e.reshape(e.filled(value=2, shape=(12,), dtype=x.dtype), shape=(4, 3)),
    ),
    ("transpose", "uniform"): (
        lambda e, x, y, r, c, s, i, j: x + e.transpose(e.broadcast_to(s, shape=(3, 4)), axes=(1, 0)),
    ),
    ("divide", "number_over"): (
        lambda e, x, y, r, c, s, i, j: e.filled(value=1, shape=(4, 1), dtype=x.dtype) / x,
        lambda e, x, y, r, c, s, i, j: x + e.filled(value=0.5, shape=(3,), dtype=x.dtype) / r,
    ),
    ("multiply", "cancel_picked_division"): (
        lambda e, x, y, r, c, s, i, j: scattered_share(e, x, c, s, j) * (x / c),
        lambda e, x, y, r, c, s, i, j: (x / c) * scattered_share(e, x, c, -s, j),
    ),
    ("multiply", "gather_product"): (
        lambda e, x, y, r, c, s, i, j: 2 * (3.0 * x),
        lambda e, x, y, r, c, s, i, j: 3 * (x / 6),
        lambda e, x, y, r, c, s, i, j: (x / 3) * 0.5,
        lambda e, x, y, r, c, s, i, j: e.builder.value(2.0) * 3,
        lambda e, x, y, r, c, s, i, j: e.builder.value(3) * 2,
        lambda e, x, y, r, c, s, i, j: -2 * (-x),
        lambda e, x, y, r, c, s, i, j: -1.0 * x,
        lambda e, x, y, r, c, s, i, j: x * 2.0,
        lambda e, x, y, r, c, s, i, j: 2 * ((-0.5 * x) / y),
    ),
    ("divide", "gather_quotient"): (
        lambda e, x, y, r, c, s, i, j: (2 * x) / 4,
        lambda e, x, y, r, c, s, i, j: (6 * x) / 3,
        lambda e, x, y, r, c, s, i, j: (x / 3) / 2,
        lambda e, x, y, r, c, s, i, j: (-x) / 2,
        lambda e, x, y, r, c, s, i, j: ((0.5 * x) / y) / 2,
    ),
    ("negative", "gather_negation"): (
        lambda e, x, y, r, c, s, i, j: -(3 * x),
        lambda e, x, y, r, c, s, i, j: -e.builder.value(1.5),
    ),
    ("add", "factored"): (
        lambda e, x, y, r, c, s, i, j: 2 * x + 2 * r,
        lambda e, x, y, r, c, s, i, j: x / 3 + y / 3,
        lambda e, x, y, r, c, s, i, j: (2 * x) * r + 2 * y,
    ),
    ("subtract", "factored"): (lambda e, x, y, r, c, s, i, j: 2 * x - 2 * r,),
    ("add", "gathered_twice"): (
        lambda e, x, y, r, c, s, i, j: (x + 0.5 * y) + 0.5 * y,
        lambda e, x, y, r, c, s, i, j: (x + (y / 4) * r) + (y / 4) * r,
    ),
    ("subtract", "gathered_twice"): (lambda e, x, y, r, c, s, i, j: (x - 0.5 * y) - 0.5 * y,),
    ("expand_dims", "number_moved"): (
        lambda e, x, y, r, c, s, i, j: e.expand_dims(2 * r, axis=(1,)),
        lambda e, x, y, r, c, s, i, j: e.expand_dims(-(r / 3), axis=(0, 2)),
    ),
    ("multiply", "cancel_in_sum"): (
        lambda e, x, y, r, c, s, i, j: (s - x / y) * y,
        lambda e, x, y, r, c, s, i, j: (x / y - c) * y,
        lambda e, x, y, r, c, s, i, j: y * (2 * x + r / 3 * (x / y)),
        lambda e, x, y, r, c, s, i, j: (-(x / y) - x / (2 * y)) * y,
    ),
    ("add", "crossed"): (
        lambda e, x, y, r, c, s, i, j: (x - 1) * y + x * (1 - y),
        lambda e, x, y, r, c, s, i, j: y * (x - 1.0) + (1 - y) * x,
    ),
    ("subtract", "crossed"): (lambda e, x, y, r, c, s, i, j: (1 - x) * y - x * (1 - y),),
    ("add", "gathered_multiples"): (
        lambda e, x, y, r, c, s, i, j: 3 * x + x,
        lambda e, x, y, r, c, s, i, j: x / 4 + 2 * x,
    ),
    ("subtract", "gathered_multiples"): (
        lambda e, x, y, r, c, s, i, j: -x - x,
        lambda e, x, y, r, c, s, i, j: 5 * (x * y) - 2 * (x * y),
    ),
    ("add", "subtract_scaled"): (
        lambda e, x, y, r, c, s, i, j: x + -2 * y,
        lambda e, x, y, r, c, s, i, j: (-2 * y) + r,
        lambda e, x, y, r, c, s, i, j: x + (-2 * y) * r / c,
    ),
    ("subtract", "add_scaled"): (
        lambda e, x, y, r, c, s, i, j: x - -2 * y,
        lambda e, x, y, r, c, s, i, j: r - (-2 * y) * c,
    ),
}


def j2(e: Emit) -> Any:
    return e.arange(start=0, stop=2, step=1)


def below(e: Emit, write: Callable[[], Any]) -> None:
    with e.builder.at(None, 0):
        write()
