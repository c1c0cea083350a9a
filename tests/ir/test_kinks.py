"""Where a derivative does not exist, and where numbers are hostile: one written policy (docs/kinks.md)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradcheck import check_gradient, evaluate, optimize
from samples import numbers

from tapeless.ir.builder import Builder, Value
from tapeless.ir.check import check
from tapeless.ir.grad import NotDifferentiable, backward
from tapeless.ir.op import BY_NAME, Refused
from tapeless.ir.ops.compositions import COMPOSITIONS
from tapeless.ir.types import type_of

inf, nan = np.inf, np.nan
CALLED = {function.__name__: function for function in COMPOSITIONS.values()}


class Names:
    """`o.sin(x)`: operations and compositions by name."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return BY_NAME[name] if name in BY_NAME else CALLED[name]


o = Names()
G = 3.0  # the cotangent of everything here; a forgotten or a doubled one would show


def gradient(build: Callable[..., Any], *operands: Any) -> list[Any]:
    """The cotangents of the operands for the cotangent G, divided by it; optimizing must not change them."""
    arguments = [np.asarray(x, float)[()] if not np.iscomplexobj(x) else np.asarray(x)[()] for x in operands]
    builder = Builder()
    values = [builder.input(type_of(a), f"x{i}") for i, a in enumerate(arguments)]
    y = build(*values)
    found = backward(builder, [(y, builder.value(G))], values)
    program = check(builder.program("f", [d if d is not None else builder.value(0.0) for d in found]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = evaluate(program, arguments)
        optimized = evaluate(check(optimize(program)), arguments)
    for before, after in zip(results, optimized, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-13)
    return [np.broadcast_to(r, np.shape(a)) / G for r, a in zip(results, arguments, strict=True)]


POLICY: list[tuple[str, Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]] = [
    ("abs", lambda x: o.absolute(x), ([-2.0, 0.0, -0.0, 3.0],), ([-1, 0, 0, 1],)),
    ("fabs", lambda x: o.fabs(x), ([-2.0, 0.0],), ([-1, 0],)),
    ("abs of a complex zero", lambda x: o.absolute(x), (np.array([0j, 3 + 4j]),), ([0, 0.6 - 0.8j],)),
    ("relu", lambda x: o.maximum(x, 0), ([-1.0, 0.0, 2.0],), ([0, 0, 1],)),
    ("relu, other way", lambda x: o.maximum(0.0, x), ([-1.0, 0.0, 2.0],), ([0, 0, 1],)),
    ("a ceiling", lambda x: o.minimum(x, 1.0), ([-1.0, 1.0, 2.0],), ([1, 0, 0],)),
    ("relu by fmax", lambda x: o.fmax(x, 0), ([-1.0, 0.0, 2.0, nan],), ([0, 0, 1, 0],)),
    (
        "clip",
        lambda x: o.clip(x, x.builder.value(0.0), x.builder.value(1.0)),
        ([-1.0, 0.0, 0.5, 1.0, 2.0],),
        ([0, 0, 1, 0, 0],),
    ),
    ("hypot", lambda a, b: o.hypot(a, b), ([0.0, 3.0], [0.0, 4.0]), ([0, 0.6], [0, 0.8])),
    ("norm", lambda x: o.norm(x), ([0.0, 0.0],), ([0, 0],)),
    ("norm of rows", lambda x: o.norm(x, axis=1), ([[0.0, 0.0], [3.0, 4.0]],), ([[0, 0], [0.6, 0.8]],)),
    (
        "sqrt of a sum of squares",
        lambda x: o.sqrt(o.sum(x * x, axis=0)),
        ([[0.0, 3.0], [0.0, 4.0]],),
        ([[0, 0.6], [0, 0.8]],),
    ),
    ("sqrt of a sum of **2", lambda x: o.sqrt(o.sum(x**2)), ([0.0, 0.0],), ([0, 0],)),
    ("sqrt of a sum of square", lambda x: o.sqrt(o.sum(o.square(x), axis=0, keepdims=True)), ([0.0, 0.0],), ([0, 0],)),
    ("sqrt of x @ x", lambda x: o.sqrt(x @ x), ([0.0, 0.0],), ([0, 0],)),
    ("root mean square", lambda x: o.sqrt(o.mean(x * x)), ([0.0, 0.0],), ([0, 0],)),
    ("std of equal numbers", lambda x: o.std(x), ([2.0, 2.0, 2.0],), ([0, 0, 0],)),
    ("std of equal numbers, ddof", lambda x: o.std(x, axis=0, ddof=1), ([[2.0], [2.0]],), ([[0], [0]],)),
    ("maximum", lambda a, b: o.maximum(a, b), ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), ([0, 0.5, 1], [1, 0.5, 0])),
    ("minimum", lambda a, b: o.minimum(a, b), ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), ([1, 0.5, 0], [0, 0.5, 1])),
    ("maximum of one with itself", lambda a: o.maximum(a, a), ([1.0, -2.0],), ([1, 1],)),
    ("maximum, broadcast", lambda a, b: o.maximum(a, b), ([1.0, 2.0, 2.0], 2.0), ([0, 0.5, 0.5], 2)),
    ("fmax beside nan", lambda a, b: o.fmax(a, b), ([nan, 2.0, 3.0], [1.0, nan, 3.0]), ([0, 1, 0.5], [1, 0, 0.5])),
    ("fmin beside nan", lambda a, b: o.fmin(a, b), ([nan, 2.0, 3.0], [1.0, nan, 3.0]), ([0, 1, 0.5], [1, 0, 0.5])),
    ("max of several", lambda x: o.max(x), ([1.0, 3.0, 3.0, 3.0],), ([0, 1 / 3, 1 / 3, 1 / 3],)),
    ("max along rows", lambda x: o.max(x, axis=1), ([[1.0, 1.0], [2.0, 5.0]],), ([[0.5, 0.5], [0, 1]],)),
    (
        "min of several, kept",
        lambda x: o.min(x, axis=(0, 1), keepdims=True),
        ([[1.0, 1.0], [2.0, 1.0]],),
        ([[1 / 3, 1 / 3], [0, 1 / 3]],),
    ),
    ("ptp of equal numbers", lambda x: o.ptp(x), ([2.0, 2.0],), ([0, 0],)),
    ("max of infinities", lambda x: o.max(x), ([inf, inf, 1.0],), ([0.5, 0.5, 0],)),
    ("x ** 0", lambda x: x**0, ([0.0, 2.0],), ([0, 0],)),
    ("x ** 1", lambda x: x**1, ([0.0, 2.0],), ([1, 1],)),
    ("x ** 2", lambda x: x**2, ([0.0, -2.0],), ([0, -4],)),
    ("x ** -1", lambda x: x**-1, ([-2.0],), ([-0.25],)),
    ("x ** p, p = 0", lambda x, p: x**p, ([0.0, 2.0], [0.0, 0.0]), ([0, 0], [0, np.log(2)])),
    ("x ** p at 0", lambda x, p: x**p, ([0.0, 0.0], [1.0, 2.0]), ([1, 0], [0, 0])),
    ("2 ** p", lambda p: o.power(2, p), ([0.0, 3.0],), ([np.log(2), 8 * np.log(2)],)),
    ("0 ** p", lambda p: o.power(0.0, p), ([1.0, 3.0],), ([0, 0],)),
    ("floor", lambda x: x * o.floor(x), ([1.5],), ([1],)),
    ("prod with zeros", lambda x: o.prod(x), ([0.0, 2.0, 3.0],), ([6, 0, 0],)),
    ("prod with two zeros", lambda x: o.prod(x), ([0.0, 0.0, 3.0],), ([0, 0, 0],)),
    ("logaddexp of nothing", lambda a, b: o.logaddexp(a, b), ([-inf, 1.0], [0.0, -inf]), ([0, 1], [1, 0])),
    ("mean of nothing", lambda x: o.mean(x, axis=1), (np.zeros((2, 0)),), (np.zeros((2, 0)),)),
]


@pytest.mark.parametrize(("build", "operands", "expected"), [pytest.param(*row[1:], id=row[0]) for row in POLICY])
def test_policy(build: Callable[..., Any], operands: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    for found, wanted in zip(gradient(build, *operands), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


def where(c: Any, a: Any, b: Any) -> Value:
    value: Value = BY_NAME["where"](c, a, b)
    return value


MASKED: list[tuple[str, Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]] = [
    ("sqrt(-x) where it is none", lambda x: where(x >= 0, x, o.sqrt(-x)), ([4.0, -4.0, 0.0],), ([1, -0.25, 1],)),
    ("log where it is none", lambda x: where(x > 0, o.log(x), 0.0), ([2.0, 0.0, -1.0],), ([0.5, 0, 0],)),
    ("1 / x at 0", lambda x: where(x.equals(0), 0.0, 1 / x), ([2.0, 0.0],), ([-0.25, 0],)),
    ("x log x", lambda x: where(x > 0, x * o.log(x), 0.0), ([1.0, 0.0],), ([1, 0],)),
    (
        "two masks",
        lambda x: where(x > 0, where(x > 1, o.log(x - 1), o.sqrt(x)), o.exp(x)),
        ([2.0, 0.25, 0.0, -inf],),
        ([1, 1, 1, 0],),
    ),
    (
        "an integer as condition",
        lambda x: where(o.astype(o.floor(x), dtype=np.dtype(int)), where(x > 1, 1 / (x - 2), x), o.sqrt(x)),
        ([3.0, 2.5, 0.25],),
        ([-1, -4, 1],),
    ),
    (
        "the mask of a matrix over a row",
        lambda r: where(r > r.builder.value(np.float64(0)), o.sqrt(r), 0.0),
        ([[4.0], [-1.0]],),
        ([[0.25], [0]],),
    ),
    (
        "broadcast inside",
        lambda x, r: where(x > 0, o.log(x) * r, 0.0),
        ([[1.0, 0.0], [2.0, 4.0]], [1.0, 1.0]),
        ([[1, 0], [0.5, 0.25]], [np.log(2), np.log(4)]),
    ),
    ("before a sum", lambda x: where(x > 0, o.sum(o.sqrt(x + 1), axis=0), 0.0), ([3.0, -0.75],), ([0.25, 1.0],)),
    ("relu of log", lambda x: o.maximum(o.log(x), 0), ([0.0, 2.0],), ([0, 0.5],)),
    ("max of 1 / x", lambda x: o.max(-1 / x), ([0.5, 4.0],), ([0, 1 / 16],)),
]


@pytest.mark.parametrize(("build", "operands", "expected"), [pytest.param(*row[1:], id=row[0]) for row in MASKED])
def test_masked_cotangents_stay_zero(
    build: Callable[..., Any], operands: tuple[Any, ...], expected: tuple[Any, ...]
) -> None:
    for found, wanted in zip(gradient(build, *operands), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


def softmax(z: Value, shift: Value | None = None, axis: int = -1) -> Value:
    e = o.exp(z if shift is None else z - shift)
    return e / o.sum(e, axis=axis, keepdims=True)


def test_softmax_is_one_adjoint_and_stays_finite() -> None:
    x = numbers(2, 4)
    check_gradient(lambda z: softmax(z, o.max(z, axis=-1, keepdims=True)), [x])
    check_gradient(lambda z: softmax(z), [x])
    check_gradient(lambda z: softmax(z, axis=0), [x])
    check_gradient(lambda z: (lambda e: e / o.sum(e))(o.exp(z)), [x])
    check_gradient(lambda z: (lambda e: e / o.sum(e))(o.exp(z - o.max(z))), [numbers(3)])
    check_gradient(lambda z: (lambda e: e / o.expand_dims(o.sum(e, axis=1), axis=(1,)))(o.exp(z)), [x])
    check_gradient(lambda z, m: softmax(z, m), [x, numbers(2, 1)])
    (found,) = gradient(lambda z: o.log(softmax(z, o.max(z, axis=-1, keepdims=True)) + 1e-30), [[0.0, 800.0, -800.0]])
    assert np.isfinite(found).all()


def test_what_only_looks_like_a_softmax() -> None:
    """The sum along another axis, of another array, or a shift that varies along the axis."""
    square = numbers(3, 3)
    check_gradient(lambda z: (lambda e: e / o.sum(e, axis=1))(o.exp(z)), [square])
    check_gradient(lambda z: (lambda e: e / o.sum(e, axis=0))(o.exp(z)), [square])
    check_gradient(lambda z, m: softmax(z, m, axis=1), [square, numbers(3, seed=4)])
    check_gradient(lambda z, m: softmax(z, m, axis=1), [square, numbers(3, 3, seed=4)])
    check_gradient(lambda z, u: o.exp(z) / o.sum(o.exp(u), axis=1, keepdims=True), [square, numbers(3, 3, seed=4)])
    check_gradient(lambda z, m: softmax(z, m, axis=1), [numbers(1, 3), numbers(2, 1, seed=4)])
    check_gradient(lambda z: (lambda e: e / o.expand_dims(o.sum(e, axis=0), axis=(1,)))(o.exp(z)), [square])


def test_the_logistic_function_and_what_only_looks_like_it() -> None:
    x = numbers(2, 3)
    check_gradient(lambda z: 1 / (1 + o.exp(-z)), [x])
    check_gradient(lambda z: 1.0 / (o.exp(-z) + 1), [x + 0.3j * x[::-1]])
    check_gradient(lambda z: 2 / (1 + o.exp(-z)), [x])
    check_gradient(lambda z: 1 / (2 + o.exp(-z)), [x])
    check_gradient(lambda z: 1 / (1 + o.exp(z)), [x])
    check_gradient(lambda z, w: 1 / (1 + o.exp(-(z @ w))), [x, numbers(3)])
    check_gradient(lambda z: (lambda e: e / (1 + e))(o.exp(-z)), [x])
    (found,) = gradient(lambda z: 1 / (1 + o.exp(-z)), [-800.0, 800.0])
    np.testing.assert_array_equal(found, [0, 0])


def test_the_logarithm_of_softmax() -> None:
    """z - log(sum(exp(z))) in its spellings, and where the sum runs along another axis."""
    x, square = numbers(2, 4), numbers(3, 3)
    check_gradient(lambda z: z - o.log(o.sum(o.exp(z), axis=1, keepdims=True)), [x])
    check_gradient(lambda z: z - o.log(o.sum(o.exp(z), axis=(0, 1))), [x])
    check_gradient(lambda z: (lambda s: s - o.log(o.sum(o.exp(s), axis=0, keepdims=True)))(z - o.max(z)), [x])
    check_gradient(lambda z, m: (lambda s: s - o.log(o.sum(o.exp(s), axis=1, keepdims=True)))(z - m), [x, x[:, :1]])
    check_gradient(lambda z, m: (lambda s: s - o.log(o.sum(o.exp(s), axis=1, keepdims=True)))(z - m), [x, x[:1]])
    check_gradient(lambda z: z - o.log(o.sum(o.exp(z), axis=1)), [square])
    check_gradient(lambda z: z - o.log(o.sum(o.exp(2 * z), axis=1, keepdims=True)), [square])
    check_gradient(lambda z: z - o.log(o.exp(z)) * 0.5, [square])


def test_what_looks_like_a_norm() -> None:
    x, y = numbers(3, 3), numbers(3, 3, seed=1)
    check_gradient(lambda x, y: o.sqrt(o.sum(o.square(x * y))), [x, y])
    check_gradient(lambda x: o.sqrt(o.sum(o.absolute(x) * o.absolute(x), axis=1)), [x])
    check_gradient(lambda x: o.sqrt(o.mean(o.square(x), axis=0) / 2.5), [x])
    check_gradient(lambda x: o.sqrt(o.sum(o.square(x), axis=1) / o.sum(x * x)), [x])
    check_gradient(lambda x: o.sqrt(x @ o.square(x) + 90.0), [numbers(3)])
    check_gradient(lambda z: o.sqrt(o.sum(z * z)), [x[0] + 1j * y[0]])


def test_nan_is_not_hidden() -> None:
    """Where the value is nan, the gradient does not claim to know better."""
    cases: list[tuple[Callable[..., Any], Any]] = [
        (lambda x: o.norm(x), [1.0, nan]),
        (lambda x: o.exp(x), [nan]),
        (lambda x: o.absolute(x), [nan]),
        (lambda x: o.sqrt(x), [-1.0]),
    ]
    for build, x in cases:
        (found,) = gradient(build, x)
        assert np.isnan(found).any()


def test_a_missing_derivative_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal names its reason, a record without a rule does not pass for a zero; both only on an active path."""
    for rule, message in (
        (Refused("because"), "because"),
        ((Refused("because"),), "because"),
        (None, "sin has no derivative"),
    ):
        monkeypatch.setattr(BY_NAME["sin"], "rule", rule)
        with pytest.raises(NotDifferentiable, match=message) as caught:
            gradient(lambda x: 2 * o.sin(x), [1.0])
        assert caught.value.equation.op.name == "sin"
        (found,) = gradient(lambda x: x * o.floor(o.sin(o.stop_gradient(x))), [1.0])
        assert found == 0.0


def test_what_does_not_depend_on_an_operand_has_no_cotangent() -> None:
    builder = Builder()
    x, y = (builder.input(type_of(np.ones(2)), n) for n in "xy")
    assert backward(builder, [(o.sin(x), builder.value(1.0))], [y]) == [None]
    assert backward(builder, [(o.floor(x), builder.value(1.0))], [x]) == [None]
    assert backward(builder, [], [x]) == [None]


def test_every_subset_of_outputs() -> None:
    """With several outputs their cotangents add up; those without one contribute nothing."""
    x = numbers(2, 3)
    builds: list[Callable[..., Any]] = [
        lambda x: (o.sin(x), o.sum(x, axis=0), o.floor(x)),
        lambda x: (o.sin(x), o.sin(x)),
        lambda x: (x * 2, o.exp(x * 2)),
        lambda x: (x, x),
    ]
    for build in builds:
        check_gradient(build, [x])


@pytest.mark.parametrize("virtual", [(2, 3), (4, 2, 3), (5, 4, 2, 3), (0, 2, 3)])
@pytest.mark.parametrize("target", [(2, 3), (3,), (1, 3), (2, 1), (1, 1), (1,), ()])
@pytest.mark.parametrize("small", [(), (1,), (3,), (1, 3), (2, 1), (2, 3)])
def test_unbroadcast(virtual: tuple[int, ...], target: tuple[int, ...], small: tuple[int, ...]) -> None:
    """The sum of what a cotangent means, whatever part of it is written out."""
    from tapeless.ir.grad import unbroadcast

    g = numbers(*small)
    builder = Builder()
    (found,) = evaluate(
        check(builder.program("f", [unbroadcast(builder.input(type_of(g), "g"), virtual, target)])), [g]
    )
    whole = np.broadcast_to(g, virtual)
    lead = len(virtual) - len(target)
    expected = whole.sum(axis=tuple(range(lead)))
    axes = tuple(i for i, n in enumerate(target) if n == 1 and expected.shape[i] != 1)
    expected = expected.sum(axis=axes, keepdims=True)
    np.testing.assert_allclose(np.broadcast_to(found, target), expected, rtol=1e-12, atol=1e-12)
