"""The checker is checked: adjoints that are wrong in the ways that once shipped must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from gradcheck import analytic, check_gradient

from tapeless.ir.builder import Value
from tapeless.ir.op import BY_NAME, Masked
from tapeless.ir.ops.elementwise import conjugate, exp, multiply, sin, where
from tapeless.ir.ops.reduction import sum_
from tapeless.ir.types import ArrayType

X = np.array([[0.5, -1.2, 0.7], [1.4, 0.3, -0.6]])
ROW = np.array([0.8, -0.4, 1.1])


@contextmanager
def rule(name: str, wrong: Any) -> Iterator[None]:
    """The operation with another adjoint."""
    op = BY_NAME[name]
    right = op.rule
    op.rule = wrong
    try:
        yield
    finally:
        op.rule = right


def fails(build: Callable[..., Any], *operands: Any, order: int = 1) -> None:
    with pytest.raises(AssertionError):
        check_gradient(build, operands, order=order)


def test_right_rules_pass() -> None:
    check_gradient(lambda x: sin(x) * exp(x), [X])
    check_gradient(lambda x, r: x * r, [X, ROW])


def test_off_by_a_thousandth_fails() -> None:
    with rule("sin", lambda g, y, x: 1.001 * g * BY_NAME["cos"](x)):
        fails(sin, X)
        fails(lambda x: sum_(sin(x)), X)


def test_off_by_a_millionth_fails() -> None:
    with rule("exp", lambda g, y, x: g * y * (1 + 1e-6)):
        fails(exp, X)


def test_multiplying_by_the_cotangent_twice_fails() -> None:
    with rule("exp", lambda g, y, x: g * g * y):
        fails(exp, X)
        fails(lambda x: sum_(exp(x)), X)


def test_forgetting_the_cotangent_fails() -> None:
    with rule("exp", lambda g, y, x: y):
        fails(exp, X)


def test_a_missing_unbroadcast_fails() -> None:
    """A cotangent with an axis too many is summed down by the driver; one that was not, is caught."""
    with rule("cumsum", lambda g, y, x, axis: BY_NAME["broadcast_to"](g, shape=(4, *g.shape))):
        fails(lambda x: BY_NAME["cumsum"](x, axis=0), X)
    with rule("sum", lambda g, y, x, axis, keepdims: BY_NAME["expand_dims"](g, axis=(0,))):
        fails(lambda x: sum_(x, axis=1), X[:2, :2])


def test_an_unbroadcast_that_the_driver_forgot_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapeless.ir import grad

    monkeypatch.setattr(grad, "unbroadcast", lambda value, virtual, target: value)
    fails(lambda x, r: x * r, X, ROW)


def test_an_unbroadcast_that_takes_one_row_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapeless.ir import grad

    monkeypatch.setattr(grad, "unbroadcast", lambda value, virtual, target: BY_NAME["getitem"](value, index=(0,)))
    fails(lambda x, r: x * r, X, ROW)


def test_swapped_operands_fail() -> None:
    right = BY_NAME["multiply"].rule
    assert isinstance(right, tuple)
    with rule("multiply", right[::-1]):
        fails(multiply, X, X + 1.3)


def test_a_forgotten_operand_fails() -> None:
    right = BY_NAME["multiply"].rule
    assert isinstance(right, tuple)
    with rule("multiply", (right[0], None)):
        fails(multiply, X, ROW)


def test_a_conjugate_too_many_fails() -> None:
    z = X + 1j * X[::-1]
    check_gradient(lambda x: x * x, [z])
    with rule("square", lambda g, y, x: 2 * g * conjugate(x)):
        fails(BY_NAME["square"], z)


def test_an_inverted_mask_fails() -> None:
    def right(g: Value, y: Value, c: Value, a: Value, b: Value) -> Masked:
        return Masked(g, c)

    with rule("where", (None, right, right)):
        fails(lambda a, b: where(a > 0, a, b), X, X + 0.5)


def test_a_rule_that_is_right_only_once_fails_in_second_order() -> None:
    """A rule may use only operations that are differentiable again."""
    with rule("sin", lambda g, y, x: g * BY_NAME["stop_gradient"](BY_NAME["cos"](x))):
        check_gradient(sin, [X], order=1)
        fails(sin, X, order=2)


def test_a_cotangent_of_another_dtype_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from tapeless.ir import grad

    monkeypatch.setattr(grad, "match_dtype", lambda value, target: value)
    with pytest.raises(AssertionError):
        analytic(lambda x: x * np.float64(2.0), [X.astype(np.float32)], [X], [0])


def test_a_wrong_type_rule_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BY_NAME["exp"], "infer", lambda x: ArrayType(x.shape, np.dtype(np.float32)))
    fails(exp, X)


def test_a_write_into_an_operand_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BY_NAME["exp"], "fun", lambda x: np.exp(x, out=x))
    with pytest.raises(ValueError, match="read-only"):
        check_gradient(exp, [X])
