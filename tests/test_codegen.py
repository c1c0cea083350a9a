"""The text that is printed for a program: names, what is done in place, what is written inside a line, precedence."""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import grad, value_and_grad, vjp
from tapeless.codegen.module import Generated, Signature, generate
from tapeless.codegen.names import RESERVED, Allocator, legal
from tapeless.codegen.numbers import number_expression
from tapeless.codegen.source import print_statement
from tapeless.ir.builder import Builder, Value
from tapeless.ir.interp import evaluate
from tapeless.ir.op import BY_NAME
from tapeless.ir.program import Origin, Program
from tapeless.ir.types import parse_type


def emitted(build: Callable[..., Any], *types: str, names: str = "abcdef") -> tuple[Program, Generated]:
    """The program of `build` over inputs of these types, and its text."""
    builder = Builder()
    values = [builder.input(parse_type(t), n) for t, n in zip(types, names, strict=False)]
    built = build(*values)
    results = built if isinstance(built, tuple) else (built,)
    program = builder.program("f", results)
    parameters = [v.atom.name for v in values]
    result = ", ".join(f"{{{i}}}" for i in range(len(results)))
    shape = Signature("f", ", ".join(parameters), parameters, (), result, "What it is.", "what it takes")
    return program, generate(program, shape, "model.py")


def lines(generated: Generated) -> list[str]:
    """The lines of the body, without the docstring."""
    return [line.strip() for line in generated.text.split('"""')[2].splitlines() if line.strip()]


def run(generated: Generated, *arguments: Any) -> Any:
    scope: dict[str, Any] = {"np": np, **{h.__name__: h for h in generated.helpers}}
    exec(generated.text, scope)
    return scope["f"](*arguments)


def agree(build: Callable[..., Any], *arguments: Any) -> list[str]:
    """The text computes what the interpreter computes, and leaves the arguments alone. Returns its lines."""
    types = [f"f64[{', '.join(map(str, np.shape(a)))}]" if np.shape(a) else "f64" for a in arguments]
    program, generated = emitted(build, *types)
    before = [np.array(a) for a in arguments]
    found = run(generated, *arguments)
    results = found if isinstance(found, tuple) else (found,)
    for a, b in zip(results, evaluate(program, before), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=generated.text)
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=generated.text)
    return lines(generated)


def op(name: str, *operands: Any, **params: Any) -> Any:
    return BY_NAME[name](*operands, **params)


def called(value: Value, name: str) -> Value:
    """The value under the user's name."""
    value.atom.name, value.atom.named = name, True  # type: ignore[union-attr]
    return value


X = np.array([1.5, -2.0, 0.5])
Y = np.array([0.25, 3.0, -1.0])

# --------------------------------------------------------------------------------------------------------- precedence

PRINTED = [
    (lambda a, b, c: a - (b - c), "a - (b - c)"),
    (lambda a, b, c: (a - b) - c, "a - b - c"),
    (lambda a, b, c: a / (b * c), "a / (b * c)"),
    (lambda a, b, c: a / b * c, "a / b * c"),
    (lambda a, b, c: (-a) ** 2, "(-a) ** 2"),
    (lambda a, b, c: -(a**2), "-a ** 2"),
    (lambda a, b, c: 2 ** op("positive", a), "2 ** +a"),
    (lambda a, b, c: -(a @ b), "-(a @ b)"),
    (lambda a, b, c: -(a * b), "-a * b"),
    (lambda a, b, c: -(a + b), "-(a + b)"),
    (lambda a, b, c: a * (b + c), "a * (b + c)"),
    (lambda a, b, c: (a > b) & (b > c), "(a > b) & (b > c)"),
    (lambda a, b, c: a @ (b * c), "a @ (b * c)"),
    (lambda a, b, c: a + -2.5, "a + -2.5"),
    (lambda a, b, c: a * 1e300, "a * 1e+300"),
    (lambda a, b, c: a * math.inf, "a * np.inf"),
    (lambda a, b, c: a * -math.inf, "a * -np.inf"),
    (lambda a, b, c: a * math.nan, "a * np.nan"),
    (lambda a, b, c: a ** (-1), "a ** -1"),
    (lambda a, b, c: op("sum", a * b, axis=0) - 1, "np.sum(a * b, axis=0) - 1"),
    (lambda a, b, c: op("sum", a) - 1, "a.sum() - 1"),
]


@pytest.mark.parametrize(("build", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_precedence(build: Callable[..., Any], text: str) -> None:
    def one(a: Value, b: Value, c: Value) -> Any:
        if "2 ** +a" in text:
            return op("power", a.builder.value(2), op("positive", a))
        return build(a, b, c)

    with np.errstate(all="ignore"):
        first, second = agree(one, X, Y, X + Y)
    name, _, right = first.partition(" = ")
    assert (right, second) == (text, f"return {name}")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-3, "-3"),
        (-0.0, "-0.0"),
        (1e-320, "1e-320"),
        (True, "True"),
        (2j, "2j"),
        (complex(-0.0, -2.0), "-2j"),
        (complex(0.0, -2.0), "complex(0.0, -2.0)"),
        (1 - 2j, "complex(1.0, -2.0)"),
        (complex(-0.0, 1), "complex(-0.0, 1.0)"),
        (complex(math.nan, math.inf), "complex(np.nan, np.inf)"),
        (-math.inf, "-np.inf"),
        (np.float32(0.5), "np.float32(0.5)"),
        (np.float32(-0.5), "np.float32(-0.5)"),
        (np.int8(-3), "np.int8(-3)"),
        (np.bool_(True), "np.bool_(True)"),
        (np.complex64(1 - 2j), "np.complex64(complex(1.0, -2.0))"),
    ],
    ids=repr,
)
def test_numbers(value: Any, text: str) -> None:
    node = number_expression(value, not isinstance(value, np.generic))
    printed = print_statement(ast.Expr(node))
    assert eval(printed.replace(" ", ""), {"np": np}) == value or value != value
    assert printed.strip("()").replace(".0j", "j") == text.strip("()")
    found = eval(printed, {"np": np})
    assert np.asarray(found).tobytes() == np.asarray(value).tobytes()


# ------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["np", "lambda", "sum", "x y", "3d", "", "GuardMiss", "match", "é", "print"])
def test_legal_names(name: str) -> None:
    found = legal(name)
    assert found.isidentifier()
    assert found not in RESERVED


def test_a_name_is_free_after_its_last_use() -> None:
    names = Allocator({"taken"})
    assert names.take("x", 0, 5) == "x"
    assert names.take("x", 4, 9) == "x_1"
    assert names.take("x", 5, 9) == "x"
    assert names.take("taken", 6, 9) == "taken_1"
    assert names.take("x", 7, 9) == "x_2"
    assert names.take("x", 9, 12) == "x"
    names.extend("x", 20)
    assert names.take("x", 12, 13) == "x_2" or names.take("x", 12, 13).startswith("x_")


def test_users_names_that_python_needs() -> None:
    def f(x):
        sum = x * 2
        np_ = sum + 1
        GuardMiss = np_ * sum
        list = GuardMiss * x
        return list @ sum

    compiled = value_and_grad(f)
    compiled(X)
    found = [n for n in ast.walk(ast.parse(compiled.source)) if isinstance(n, ast.Name)]
    names = {n.id for n in found if isinstance(n.ctx, ast.Store)}
    assert not names & {*dir(builtins), "np", "GuardMiss"}


def test_a_parameter_is_hidden_only_after_its_last_use() -> None:
    def f(x, w):
        x = x * w
        x = np.sin(x)
        w = x * w
        return np.sum(w * x)

    compiled = value_and_grad(f, argnums=(0, 1))
    value, _ = compiled(X, Y)
    assert value == f(X, Y)


def test_names_of_the_enclosing_function_are_not_assigned_in_the_pullback() -> None:
    def f(x):
        dx = np.exp(x)
        product = dx * x
        return product * np.sin(product)

    _, pullback = vjp(f, X)
    outer = ast.parse(pullback.source).body[0]
    assert isinstance(outer, ast.FunctionDef)
    inner = next(s for s in outer.body if isinstance(s, ast.FunctionDef))

    def stored(body: list[ast.stmt]) -> set[str]:
        found = [n for s in body if not isinstance(s, ast.FunctionDef) for n in ast.walk(s)]
        return {n.id for n in found if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    assert not stored(inner.body) & (stored(outer.body) | {"x"})
    first, second = pullback(Y)[0], pullback(Y)[0]
    np.testing.assert_array_equal(first, second)


# ---------------------------------------------------------------------------------------------------------- in place


def write(x: Value, value: Any, index: Any = (0,)) -> Value:
    written: Value = op("set_item", x, value, index=index)
    return written


def test_an_argument_is_copied_before_it_is_written() -> None:
    assert agree(lambda a: write(a, 5.0), X) == ["written = a.copy()", "written[0] = 5.0", "return written"]


def test_a_new_buffer_is_written_in_place() -> None:
    assert agree(lambda a: write(called(a * 2, "y"), 5.0), X) == ["y = a * 2", "y[0] = 5.0", "return y"]


def test_a_value_that_is_read_later_is_copied() -> None:
    def build(a: Value) -> Any:
        y = called(a * 2, "y")
        return write(y, 5.0), y + 1

    assert any(".copy()" in line for line in agree(build, X))


def test_a_value_that_is_an_output_too_is_copied() -> None:
    def build(a: Value) -> Any:
        y = called(a * 2, "y")
        return y, write(y, 5.0)

    assert any(".copy()" in line for line in agree(build, X))


@pytest.mark.parametrize(
    "view",
    [
        lambda y: op("getitem", y, index=(slice_(1, None),)),
        lambda y: op("reshape", y, shape=(3, 1)),
        lambda y: op("flip", y, axis=(0,)),
        lambda y: op("expand_dims", y, axis=(0,)),
        lambda y: op("broadcast_to", y, shape=(2, 3)),
        lambda y: op("sliding_window_view", y, window_shape=(2,), axis=(0,)),
        lambda y: op("einsum", y, subscripts="i->i"),
        lambda y: op("getitem", y, index=(0, ...)),
    ],
)
def test_a_view_that_is_read_later_keeps_what_it_saw(view: Callable[[Value], Value]) -> None:
    def build(a: Value) -> Any:
        y = called(a * 2, "y")
        part = called(view(y), "part")
        return write(y, 5.0), part + 1

    agree(build, X)

    def other(a: Value) -> Any:
        y = called(a * 2, "y")
        part = called(view(y), "part")
        z = write(part, 7.0, (0,)) if part.ndim and part.shape[0] else part * 2
        return z, y + 1

    agree(other, X)


def slice_(start: int | None, stop: int | None) -> Any:
    from tapeless.ir.indexing import Slice

    return Slice(start, stop)


def test_the_same_buffer_twice() -> None:
    def build(a: Value) -> Any:
        y = called(a * 2, "y")
        with a.builder.at(Origin("model.py", 1, "f", "y + y"), 1):
            dy = called(y * y, "dy")
            return called(dy + dy, "dy")

    agree(build, X)


def test_accumulation_stops_at_values_that_live_on() -> None:
    def build(a: Value, b: Value) -> Any:
        with a.builder.at(None, 1):
            dy = called(a * 2, "dy")
            first = called(dy + b, "dy")
            second = called(first + dy, "dy")
            return second, dy

    agree(build, X, Y)


def test_accumulation_into_a_matrix_not_into_its_row() -> None:
    def build(a: Value, b: Value) -> Any:
        with a.builder.at(None, 1):
            dy = called(a * 2, "dy")
            return called(dy + b, "dy")

    agree(build, X, np.ones((2, 3)))


def test_what_is_read_before_a_write_is_not_written_behind_it() -> None:
    def build(a: Value) -> Any:
        y = called(a * 2, "y")
        before = op("getitem", y, index=(1,)) * 3
        z = called(write(y, 5.0, (1,)), "z")
        return z * before

    agree(build, X)


def test_a_swap_of_two_arguments() -> None:
    def swap(x, w):
        kept = x.copy()
        s = np.sum(x * w * w)
        x[:] = w
        w[:] = kept
        return s

    x, w = X.copy(), Y.copy()
    value, (dx, dw) = value_and_grad(swap, argnums=(0, 1))(x, w)
    np.testing.assert_array_equal((x, w), (Y, X))
    np.testing.assert_array_equal(dx, Y * Y)
    np.testing.assert_allclose(dw, 2 * X * Y)
    assert value == np.sum(X * Y * Y)


def test_arguments_are_written_after_the_backward_pass_has_read_them() -> None:
    def f(x):
        x += x * x
        return np.sum(x)

    x = X.copy()
    np.testing.assert_allclose(grad(f)(x), 1 + 2 * X)
    np.testing.assert_array_equal(x, X + X * X)


def test_zero_dimensional_arrays_are_handed_out_fresh() -> None:
    a, b = np.array(2.0), np.array(3.0)
    da, db = grad(lambda x, y: x * y + (x - x), argnums=(0, 1))(a, b)
    assert type(da) is type(db) is np.ndarray
    assert not np.shares_memory(da, b)
    assert not np.shares_memory(db, a)
    assert not np.shares_memory(*grad(lambda x, y: np.sin(x + y), argnums=(0, 1))(a, b))


def test_a_captured_array_is_never_written() -> None:
    table = X.copy()

    def f(x):
        y = table * np.ones_like(x)
        z = table * x
        y[0] = x[0]
        return np.sum(y * z)

    grad(f)(Y)
    np.testing.assert_array_equal(table, X)


def test_updates_are_written_as_a_person_would() -> None:
    def build(a: Value, b: Value) -> Any:
        y = called(a * 2, "y")
        y = called(write(y, op("getitem", y, index=(1,)) * 3, (1,)), "y")
        y = called(write(y, op("getitem", y, index=(2,)) + op("getitem", b, index=(0,)), (2,)), "y")
        return called(write(y, op("getitem", y, index=(0,)) - (-op("getitem", b, index=(0,))), (0,)), "y")

    assert agree(build, X, Y)[1:-1] == ["y[1] *= 3", "y[2] += b[0]", "y[0] += b[0]"]
