"""Programs print and parse back to the same program, whatever stands in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradcheck import evaluate, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import random_program
from samples import NAMES, samples_of

from tapeless.ir.builder import Builder
from tapeless.ir.check import check
from tapeless.ir.grad import backward
from tapeless.ir.op import BY_NAME
from tapeless.ir.program import Literal, Origin, Program
from tapeless.ir.text import parse_program, print_program
from tapeless.ir.types import parse_type, type_of


def round_trip(program: Program) -> Program:
    text = print_program(program)
    read = check(parse_program(text))
    assert print_program(read) == text
    assert [e.op for e in read.equations] == [e.op for e in program.equations]
    assert [dict(e.params) for e in read.equations if "value" not in e.params and "values" not in e.params] == [
        dict(e.params) for e in program.equations if "value" not in e.params and "values" not in e.params
    ]
    assert [o.type for o in read.outputs] == [o.type for o in program.outputs]
    return read


LITERALS = [
    *(0, -1, 2**40, 0.0, -0.0, 0.1, 1e-320, 1e300, True, False, float("nan"), float("inf"), -float("inf")),
    *(
        1j,
        -1j,
        complex(-0.0, 1.0),
        complex(0.0, -0.0),
        complex("nan+infj"),
        complex("inf-nanj"),
        complex(-0.0, -float("inf")),
    ),
    *(np.float32(0.1), np.float32("nan"), np.float16(-0.0), np.float64("-inf"), np.int8(-128), np.uint64(2**64 - 1)),
    *(np.bool_(True), np.complex64(1 - 2j), np.complex128(complex("nan-0j"))),
]


@pytest.mark.parametrize("value", LITERALS, ids=repr)
def test_literals(value: Any) -> None:
    builder = Builder()
    read = round_trip(builder.program("f", [builder.value(value)]))
    (atom,) = read.outputs
    assert isinstance(atom, Literal)
    assert same_bits(atom.value, value)


@pytest.mark.parametrize("value", [v for v in LITERALS if not isinstance(v, np.generic)], ids=repr)
def test_params(value: Any) -> None:
    builder = Builder()
    dtype = type_of(value).dtype
    filled = builder.emit(BY_NAME["filled"], value=value, shape=(1,), dtype=dtype)
    constant = builder.emit(BY_NAME["constant"], values=((value, value),), dtype=dtype)
    program = builder.program("f", [filled, constant])
    for a, b in zip(evaluate(program, []), evaluate(round_trip(program), []), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_every_op(name: str) -> None:
    op = BY_NAME[name]
    for sample in samples_of(op):
        builder = Builder()
        result = builder.emit(op, *(builder.input(type_of(x), "x") for x in sample.operands), **sample.params)
        round_trip(builder.program("f", list(result) if isinstance(result, tuple) else [result]))


def test_names_origins_and_levels() -> None:
    builder = Builder()
    x = builder.input(parse_type("f64[2]"), "x")
    w = builder.capture(parse_type("f64[2]"), "w")
    with builder.at(Origin("some dir/model.py", 3, "f", "y = np.sin(x)"), 0):
        y = BY_NAME["sin"](x)
    y.atom.name = "y"
    z = y * w
    z.atom.name = "y"
    (dx,) = backward(builder, [(z, builder.value(1.0))], [x])
    assert dx is not None
    (ddx,) = backward(builder, [(dx, builder.value(1.0))], [x])
    assert ddx is not None
    program = builder.program("f", [z, dx, ddx])
    assert (
        str(program)
        == """\
def f(x: f64[2], *, w: f64[2]) -> (f64[2], f64[2], f64[2]):
    y: f64[2] = sin(x)  # some dir/model.py:3
    y_1: f64[2] = multiply(y, w)
    # backward
    dy: f64[2] = multiply(1.0, w)
    _1: f64[2] = cos(x)  # some dir/model.py:3
    dx: f64[2] = multiply(dy, _1)  # some dir/model.py:3
    # backward, order 2
    dcos_x: f64[2] = multiply(1.0, dy)  # some dir/model.py:3
    _2: f64[2] = negative(dcos_x)  # some dir/model.py:3
    dx_1: f64[2] = multiply(_2, y)  # some dir/model.py:3
    return (y_1, dx, dx_1,)
"""
    )
    read = round_trip(program)
    assert [e.level for e in read.equations] == [e.level for e in program.equations]
    assert [str(e.origin) for e in read.equations] == [str(e.origin) for e in program.equations]
    assert read.captures[0].name == "w"


def test_names_that_are_taken() -> None:
    builder = Builder()
    values = [
        builder.input(parse_type("f64"), n) for n in ("sin", "x", "x", "x_1", "_", "_a", "_1", "", "f64", "slice")
    ]
    for v in values:
        BY_NAME["sin"](v)
    read = round_trip(builder.program("f", [BY_NAME["sin"](v) for v in values]))
    assert read.inputs[5].name == "_a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "function"),
        ("def f(x: f64) -> (f64):\n    y: f64 = sinus(x)\n    return (y,)", "line 2 is not an equation"),
        ("def f(x: f64) -> (f64):\n    y: f64 = sin(z)\n    return (y,)", "line 2: z is read before"),
        ("def f(x: f63) -> (f64):\n    return (x,)", "no dtype 'f63'"),
    ],
)
def test_what_does_not_parse(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_program(text)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_programs(seed: int) -> None:
    program, arguments = random_program(seed)
    read = round_trip(check(program))
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(program, arguments)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError, Warning):
            return
        for a, b in zip(expected, evaluate(read, arguments), strict=True):
            assert same_bits(a, b)
