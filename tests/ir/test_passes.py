"""Every rewrite rule has an example on which it fires; EXACT rules are right to the bit, ADJOINT rules to rounding."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradcheck import ROUNDING, assert_close, evaluate, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import random_program

from tapeless.ir.builder import Builder, Rule, Value
from tapeless.ir.check import check
from tapeless.ir.indexing import SLOT, Slice
from tapeless.ir.op import BY_NAME
from tapeless.ir.passes import PIPELINE, optimize
from tapeless.ir.passes.algebra import EXACT, RULES
from tapeless.ir.passes.custom import CUSTOM_RULES
from tapeless.ir.passes.dead_code import eliminate_dead_code
from tapeless.ir.passes.memory import MEMORY_RULES
from tapeless.ir.passes.simplify import simplify
from tapeless.ir.program import Program
from tapeless.ir.types import DTYPES, type_of

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
    ("positive", "plus_sign"): (lambda e, x, y, s: e.positive(x),),
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

def eye(e: Any, n: int) -> Any:
    return e.identity_matrix(rows=n, columns=n, offset=0, dtype=DTYPES["f64"])


# x, y: f64[4, 3]; r: f64[3]; c: f64[4, 1]; s: f64; i, j: index vectors of length 4; all positive, away from 0.
P = Slice(1, 3)
ADJOINT_EXAMPLES: dict[tuple[str, str], tuple[Write, ...]] = {
    ("multiply", "folded"): (
        lambda e, x, y, r, c, s, i, j: e.multiply(np.float64(2.0), 3.0),
        lambda e, x, y, r, c, s, i, j: 2.0 * e.filled(value=1.5, shape=(3,), dtype=DTYPES["f64"]),
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
    ("negative", "negate_difference"): (lambda e, x, y, r, c, s, i, j: -(x - r),),
    ("transpose", "transposed_product"): (
        lambda e, x, y, r, c, s, i, j: e.transpose(e.transpose(x, axes=(1, 0)) @ y, axes=(1, 0)),
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
    ("multiply", "cancel_scattered_division"): (
        lambda e, x, y, r, c, s, i, j: (
            e.index_add(e.zeros(x), s / e.getitem(x, i, j, index=(SLOT, SLOT)), i, j, index=(SLOT, SLOT)) * x
        ),
        lambda e, x, y, r, c, s, i, j: (
            x * e.index_add(e.zeros(x), -(r / e.getitem(x, index=(P,))), index=(P,), distinct=True)
        ),
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
    ),
    ("divide", "gather_quotient"): (
        lambda e, x, y, r, c, s, i, j: (2 * x) / 4,
        lambda e, x, y, r, c, s, i, j: (6 * x) / 3,
        lambda e, x, y, r, c, s, i, j: (x / 3) / 2,
        lambda e, x, y, r, c, s, i, j: (-x) / 2,
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


ALL_RULES = {(name, rule.__name__): rule for name, rules in RULES.items() for rule in rules}
EXACT_RULES = {
    (name, rule.__name__)
    for table in (EXACT, MEMORY_RULES, CUSTOM_RULES)
    for name, rules in table.items()
    for rule in rules
}
WHOLE = {("with_adjoint", "its_values")}  # answers with several values: tests/test_custom_rules.py reads the text


def written(write: Write, arguments: list[Any], rules: dict[str, tuple[Rule, ...]], level: int) -> Program:
    builder = Builder(rules)
    values = [builder.input(type_of(a), f"v{k}") for k, a in enumerate(arguments)]
    with builder.at(None, level):
        return check(eliminate_dead_code(builder.program("f", [write(Emit(builder), *values)])))


def fired(key: tuple[str, str], write: Write, arguments: list[Any], level: int) -> tuple[bool, Program]:
    """The program written with this rule alone, and whether it answered."""
    answers = []

    def watched(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        answer = ALL_RULES[key](builder, *operands, **params)
        if answer is not None:
            inferred = BY_NAME[key[0]].infer(*(o.type for o in operands), **params)
            assert answer.type == inferred, f"{key} made {answer.type} of {inferred}"
            answers.append(answer)
        return answer

    program = written(write, arguments, {key[0]: (watched,)}, level)
    return bool(answers), program


def test_every_rule_has_an_example() -> None:
    assert len(ALL_RULES) == sum(map(len, RULES.values())), "two rules of one operation have the same name"
    assert set(EXACT_EXAMPLES) == EXACT_RULES - WHOLE, "each EXACT rule needs an example in EXACT_EXAMPLES"
    assert set(ADJOINT_EXAMPLES) == set(ALL_RULES) - EXACT_RULES, "each other rule needs one in ADJOINT_EXAMPLES"


HOSTILE = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.5, 5e-324, 3e38, 1e308)
KINDS = ("f16", "f32", "f64", "c64", "c128", "i8", "u8", "i64", "bool")


def hostile(dtype: str) -> tuple[Any, Any, Any]:
    """All pairs of values that break identities, and one number."""
    with np.errstate(all="ignore"):
        if dtype.startswith("f"):
            values = np.array(HOSTILE).astype(DTYPES[dtype])
        elif dtype.startswith("c"):
            values = np.array([complex(a, b) for a, b in itertools.product(HOSTILE[:7], repeat=2)]).astype(
                DTYPES[dtype]
            )
        else:
            values = np.array([0, 1, 2, 127, 128, 255, -1, -128]).astype(DTYPES[dtype])
    x, y = (np.ascontiguousarray(v).ravel() for v in np.meshgrid(values, values))
    return x, y, values[1]


def exact_arguments() -> list[list[Any]]:
    found = [list(hostile(k)) for k in KINDS]
    found += [[x[:0], y[:0], s] for x, y, s in found]
    for a, b in (("f32", "f64"), ("i8", "f64"), ("u8", "f64"), ("i8", "i64"), ("f64", "c128"), ("f16", "i64")):
        for one, other in ((a, b), (b, a)):
            x, _, s = hostile(one)
            _, y, _ = hostile(other)
            n = min(x.size, y.size)
            found.append([x[:n], y[:n], s])
    return found


@pytest.mark.parametrize("key", sorted(EXACT_EXAMPLES), ids="-".join)
def test_exact(key: tuple[str, str]) -> None:
    for write in EXACT_EXAMPLES[key]:
        answered = False
        for level, arguments in itertools.product((0, 1), exact_arguments()):
            try:
                plain = written(write, arguments, {}, level)
            except (TypeError, ValueError, IndexError, OverflowError):
                continue  # the operation does not take this dtype, or not so few elements
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    (expected,) = evaluate(plain, arguments)
                except OverflowError:
                    continue  # 200 in an i8
                did, program = fired(key, write, arguments, level)
                (found,) = evaluate(program, arguments)
            answered |= did
            if level == 1 and any(np.iscomplexobj(a) for a in arguments):
                continue  # in the adjoint the parts of a complex product may mix
            assert same_bits(found, expected), f"{plain}\n{program}\n{expected}\n{found}"
        assert answered or (key, write) in SILENT, f"{key} never fired"


SILENT = [
    (("subtract", "subtract_zero"), EXACT_EXAMPLES["subtract", "subtract_zero"][2]),  # x - -0.0 is x + 0.0
    (("getitem", "read_past_writes"), EXACT_EXAMPLES["getitem", "read_past_writes"][-1]),  # not looked into
]


def adjoint_arguments() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes: tuple[tuple[int, ...], ...] = ((4, 3), (4, 3), (3,), (4, 1), ())
    return [*(rng.uniform(0.5, 2.0, s)[()] for s in shapes), np.array([0, 2, 2, 1]), np.array([1, 0, 0, 2])]


@pytest.mark.parametrize("key", sorted(ADJOINT_EXAMPLES), ids="-".join)
def test_adjoint(key: tuple[str, str]) -> None:
    arguments = adjoint_arguments()
    for write in ADJOINT_EXAMPLES[key]:
        assert not fired(key, write, arguments, 0)[0], f"{key} touched the user's own arithmetic"
        did, program = fired(key, write, arguments, 2)
        plain = written(write, arguments, {}, 2)
        assert did, f"{key} did not fire on\n{plain}"
        (expected,), (found,) = evaluate(plain, arguments), evaluate(program, arguments)
        assert type_of(found) == type_of(expected)
        assert_close(found, expected, ROUNDING, "f8", f"{plain}\n{program}")
        whole = check(optimize(plain))
        assert len(whole.equations) <= len(plain.equations), f"{plain}\n{whole}"
        assert_close(evaluate(whole, arguments)[0], expected, ROUNDING, "f8", f"{plain}\n{whole}")


@pytest.mark.parametrize("dtype", ["f16", "f32", "i64", "i8", "c64"])
@pytest.mark.parametrize("key", sorted(ADJOINT_EXAMPLES), ids="-".join)
def test_adjoint_rules_keep_every_type(key: tuple[str, str], dtype: str) -> None:
    """Also where the operands are of other dtypes, or of two different ones (`fired` asserts it)."""
    plain_arguments = adjoint_arguments()
    for mixed in range(3):
        arguments = [
            a.astype(DTYPES[dtype])[()] if k < 5 and (k + mixed) % 3 else a for k, a in enumerate(plain_arguments)
        ]
        for write in ADJOINT_EXAMPLES[key]:
            try:
                fired(key, write, arguments, 1)
            except (TypeError, ValueError):
                continue


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_programs_stay_the_same_to_the_bit(seed: int) -> None:
    """At level 0 only EXACT rules fire: nan, inf, -0.0 and every dtype come out as they were."""
    program, arguments = random_program(seed, strange=True, orders=0)
    compare(program, arguments, exact=True)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_adjoints_stay_the_same(seed: int) -> None:
    program, arguments = random_program(seed, strange=False, orders=2)
    compare(program, arguments, exact=False)


def compare(program: Program, arguments: list[Any], exact: bool) -> None:
    stage = check(program)
    for run in PIPELINE:
        stage = check(run(stage))
    assert [o.type for o in stage.outputs] == [o.type for o in program.outputs]
    assert str(simplify(stage)) == str(simplify(stage))
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(program, arguments)
        except (TypeError, ValueError, OverflowError, IndexError, Warning):
            return
        for a, b in zip(evaluate(stage, arguments), expected, strict=True):
            assert type_of(a) == type_of(b)
            if exact or not type_of(b).inexact:
                assert same_bits(a, b), f"{program}\n{stage}"
            elif np.isfinite(b).all():
                assert_close(a, b, ROUNDING, type_of(b).dtype, f"{program}\n{stage}")


def test_dead_code_keeps_effects_and_what_they_read() -> None:
    builder = Builder()
    x = builder.input(type_of(np.ones(2)), "x")
    condition = BY_NAME["any"](x > 0)
    BY_NAME["guard"](condition, expected=True)
    BY_NAME["sin"](x)
    program = eliminate_dead_code(builder.program("f", [x]))
    assert [e.op.name for e in program.equations] == ["greater", "any", "guard"]


def test_equal_equations_are_one() -> None:
    builder = Builder()
    x = builder.input(type_of(np.ones(2)), "x")
    assert (x * 2.0).atom is (x * 2.0).atom
    assert (x * 2.0).atom is not (x * 2).atom
    assert (x * 0.0).atom is not (x * -0.0).atom
    assert (x * float("nan")).atom is (x * float("nan")).atom
    assert BY_NAME["copy"](x).atom is not BY_NAME["copy"](x).atom
