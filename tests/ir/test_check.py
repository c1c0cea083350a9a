"""The verifier refuses every kind of broken program, and its message shows where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tapeless.ir.builder import Builder, Value
from tapeless.ir.check import InvalidProgram, check
from tapeless.ir.op import BY_NAME
from tapeless.ir.program import Equation, Origin, Program, Var
from tapeless.ir.types import parse_type

ORIGIN = Origin("model.py", 7, "loss", "p = np.exp(x) + s", "np.exp(x)")
Change = Callable[[Equation], Equation]


def program() -> Program:
    builder = Builder()
    x = builder.input(parse_type("f64[2, 3]"), "x")
    with builder.at(ORIGIN, 0):
        p = BY_NAME["exp"](x)
        p.atom.name = "p"
        s: Value = BY_NAME["sum"](p, axis=1)
        s.atom.name = "s"
        t = BY_NAME["sin"](s)
        t.atom.name = "t"
        u = BY_NAME["cos"](t)
        u.atom.name = "u"
    return builder.program("loss", [u])


def changed(number: int, change: Change) -> Program:
    """The program with one equation changed."""
    right = program()
    equations = list(right.equations)
    equations[number] = change(equations[number])
    return replace(right, equations=tuple(equations))


def retyped(text: str) -> Change:
    return lambda e: replace(e, outs=(Var(parse_type(text), "p"),))


def message(broken: Program) -> str:
    with pytest.raises(InvalidProgram) as caught:
        check(broken)
    return str(caught.value)


def test_a_right_program_passes() -> None:
    right = program()
    assert check(right) is right


def test_read_before_assigned() -> None:
    right = program()
    first, second, *rest = right.equations
    assert (
        message(replace(right, equations=(second, first, *rest)))
        == """\
loss: equation 0 reads p before it is assigned
>    0  s: f64[2] = sum(p, axis=1, keepdims=False)
     1  p: f64[2, 3] = exp(x)
     2  t: f64[2] = sin(s)
from model.py:7: p = np.exp(x) + s"""
    )


def test_the_window_lies_around_the_equation() -> None:
    text = message(changed(3, lambda e: replace(e, operands=(Var(parse_type("f64[2]"), "ghost"),))))
    assert (
        text
        == """\
loss: equation 3 reads ghost before it is assigned
     1  s: f64[2] = sum(p, axis=1, keepdims=False)
     2  t: f64[2] = sin(s)
>    3  u: f64[2] = cos(undefined)
from model.py:7: p = np.exp(x) + s"""
    )


def test_assigned_twice() -> None:
    right = program()
    text = message(replace(right, equations=(*right.equations, right.equations[0])))
    assert "equation 4 assigns p a second time" in text


def test_an_input_assigned() -> None:
    right = program()
    equations = (replace(right.equations[0], outs=right.inputs), *right.equations[1:])
    assert "equation 0 assigns x a second time" in message(replace(right, equations=equations))


@pytest.mark.parametrize(
    ("text", "gives"),
    [("f64[3, 2]", "f64[2, 3]"), ("f32[2, 3]", "f64[2, 3]"), ("f64", "f64[2, 3]"), ("float", "f64[2, 3]")],
)
def test_another_type_than_the_operation_gives(text: str, gives: str) -> None:
    assert f"equation 0 is declared {text} but gives {gives}" in message(changed(0, retyped(text)))


def test_a_weak_result_declared_strong() -> None:
    builder = Builder()
    y = builder.input(parse_type("float"), "x") + 1
    right = builder.program("f", [y])
    check(right)
    broken = replace(right.equations[0], outs=(Var(parse_type("f64"), "y"),))
    assert "is declared f64 but gives float" in message(replace(right, equations=(broken,), outputs=broken.outs))


def test_too_few_results() -> None:
    assert "is declared  but gives f64[2, 3]" in message(changed(0, lambda e: replace(e, outs=())))


def test_operands_that_do_not_go_together() -> None:
    builder = Builder()
    x, y = (builder.input(parse_type(t), n) for t, n in (("f64[2, 3]", "x"), ("f64[3, 2]", "y")))
    right = builder.program("f", [x + x])
    broken = replace(right.equations[0], operands=(x.atom, y.atom))
    text = message(replace(right, equations=(broken,)))
    assert "equation 0 does not type: operands could not be broadcast together with shapes (2, 3) (3, 2)" in text


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"axis": 5, "keepdims": False}, "does not type"),
        ({"keepdims": False, "axis": 1}, "has the params ('keepdims', 'axis'), not ('axis', 'keepdims')"),
        ({"axis": 1}, "has the params ('axis',)"),
        ({"axis": 1, "keepdims": False, "dtype": None}, "'dtype'"),
        ({"axis": 1, "keepdims": True}, "is declared f64[2] but gives f64[2, 1]"),
    ],
)
def test_wrong_params(params: dict[str, object], said: str) -> None:
    assert said in message(changed(1, lambda e: replace(e, params=params)))


def test_wrong_number_of_operands() -> None:
    assert "does not type" in message(changed(0, lambda e: replace(e, operands=e.operands * 2)))
    assert "does not type" in message(changed(0, lambda e: replace(e, operands=())))


def test_an_output_that_nobody_assigns() -> None:
    ghost = Var(parse_type("f64"), "ghost")
    assert message(replace(program(), outputs=(ghost,))) == "loss: the output ghost is never assigned"


def test_an_input_listed_twice() -> None:
    right = program()
    assert message(replace(right, inputs=right.inputs * 2)) == "loss: the input 'x' is listed twice"
    assert message(replace(right, captures=right.inputs)) == "loss: the input 'x' is listed twice"


def test_an_equation_without_an_origin_is_shown_without() -> None:
    text = message(changed(0, lambda e: replace(e, origin=None, params={"axis": 1})))
    assert "from " not in text


def test_values_of_another_program_are_refused() -> None:
    x = Builder().input(parse_type("f64"), "x")
    with pytest.raises(ValueError, match="another program"):
        BY_NAME["add"](Builder().input(parse_type("f64"), "y"), x)


def test_a_value_has_no_truth() -> None:
    with pytest.raises(TypeError, match="truth value"):
        bool(Builder().input(parse_type("f64"), "x"))
