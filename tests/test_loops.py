"""Structured loops and branches: values as in plain Python, gradients as differences give, loops in the source."""

from typing import Any

import numpy as np
import pytest

from tapeless import (
    TracingError,
    check_grads,
    checkpoint,
    cond,
    fori_loop,
    grad,
    jvp,
    scan,
    value_and_grad,
    vjp,
    while_loop,
)
from tapeless.ir.check import check
from tapeless.ir.interp import evaluate
from tapeless.ir.text import parse_program

R = np.random.default_rng(3)


def damped(theta, omega, k):
    def step(i, carry):
        theta, omega = carry
        omega = omega - 0.01 * (np.sin(theta) + k * omega)
        theta = theta + 0.01 * omega
        return theta, omega

    theta, omega = fori_loop(0, 100, step, (theta, omega))
    return theta**2


def recurrent(w, xs, h):
    def step(h, x):
        h = np.tanh(w @ h + x)
        return h, h.sum()

    h, ys = scan(step, h, xs)
    return np.sum(ys**2) + h[0]


def nested(x):
    def outer(i, c):
        return fori_loop(0, 3, lambda j, c: c * np.cos(c) * x, c) + i * x

    return np.sum(fori_loop(0, 4, outer, x))


def backwards_with_structure(p):
    def step(c, x):
        return {"a": c["a"] * np.sin(c["b"]), "b": c["b"] + x}, (x * c["a"], c["b"])

    c, (u, v) = scan(step, {"a": p["a"], "b": p["b"]}, p["xs"], reverse=True)
    return np.sum(u * v) + c["a"]


def newton(a):
    return while_loop(lambda x: np.abs(x * x - a) > 1e-13, lambda x: 0.5 * (x + a / x), a)


def counted(x):
    return while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * np.sin(c[1])), (0, x))[1].sum()


def branch(x, y):
    return cond(x[0] > 0, lambda a: np.sum(a**2) * y, lambda a: np.sum(np.exp(a)) + y, x)


def reads_by_index(x):
    return np.sum(fori_loop(1, 4, lambda i, y: y + x[i] * np.arange(3.0), np.zeros(3)) ** 2)


def never_runs(x):
    return fori_loop(0, 0, lambda i, c: c * 2.0, x).sum()


def without_xs(x):
    return scan(lambda c, _: (c * x, c), x, length=3)[1].sum()


CASES: list[tuple[Any, tuple[Any, ...]]] = [
    (damped, (0.3, 0.1, 0.2)),
    (recurrent, (R.normal(size=(3, 3)), R.normal(size=(5, 3)), R.normal(size=3))),
    (nested, (np.array([0.3, 0.2]),)),
    (backwards_with_structure, ({"a": 1.0, "b": 0.5, "xs": R.normal(size=4)},)),
    (newton, (2.0,)),
    (counted, (np.array([1.0, 2.0]),)),
    (branch, (np.array([1.0, 2.0]), 0.7)),
    (branch, (np.array([-1.0, 2.0]), 0.7)),
    (reads_by_index, (R.normal(size=5),)),
    (never_runs, (np.ones(3),)),
    (without_xs, (1.3,)),
]
IDS = [f"{f.__name__}{i}" for i, (f, _) in enumerate(CASES)]


@pytest.mark.parametrize(("f", "args"), CASES, ids=IDS)
def test_value_is_that_of_plain_python(f, args):
    assert value_and_grad(f)(*args)[0] == pytest.approx(f(*args), rel=1e-14)


@pytest.mark.parametrize(("f", "args"), CASES, ids=IDS)
def test_gradients_of_first_and_second_order(f, args):
    check_grads(f, args, order=2)


@pytest.mark.parametrize(("f", "args"), CASES, ids=IDS)
def test_programs_hold_together(f, args):
    stages = value_and_grad(f).lower(*args)
    for program in (stages.trace, stages.adjoint, stages.optimized):
        check(program)
        again = parse_program(str(program))
        check(again)
        assert str(again) == str(program)


@pytest.mark.parametrize(("f", "args"), CASES, ids=IDS)
def test_interpreter_and_source_agree(f, args):
    g = value_and_grad(f, argnums=tuple(range(len(args))))
    value, gradients = g(*args)
    leaves = [leaf for arg in args for leaf in (arg.values() if isinstance(arg, dict) else [arg])]
    stages = g.lower(*args)
    outputs = evaluate(stages.optimized, leaves, stages.captured)
    flat = [x for g in gradients for x in (g.values() if isinstance(g, dict) else [g])]
    for got, expected in zip([value, *flat], outputs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_the_loop_stays_a_loop_of_few_lines():
    source = value_and_grad(damped, argnums=(0, 1, 2)).lower(0.3, 0.1, 0.2).source
    assert "for i in range(100):" in source
    assert "for i in reversed(range(100)):" in source
    assert len([line for line in source.splitlines() if "np.sin" in line and "#" not in line]) == 1
    assert len(source.splitlines()) < 40


def test_while_stays_a_while():
    source = value_and_grad(newton).lower(2.0).source
    assert "while" in source
    assert "reversed(range(len(" in source


def test_only_the_branch_that_is_taken_runs():
    calls = grad(lambda x: cond(x > 0, np.sqrt, lambda v: v * v, x))
    with np.errstate(all="raise"):
        assert calls(-3.0) == -6.0
        assert calls(4.0) == 0.25
    assert calls.cache_info().paths == 1


def test_gradient_of_a_read_in_a_loop_is_added_in_place():
    source = grad(reads_by_index).lower(R.normal(size=5)).source
    assert "dx.copy()" not in source


def test_float32_stays():
    xs = np.arange(1, 4, dtype=np.float32)
    gradient = grad(lambda xs: scan(lambda c, x: (c * x, None), np.float32(1), xs)[0])(xs)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, [6, 3, 2])


def test_carry_is_promoted_to_a_type_that_holds():
    assert grad(lambda x: fori_loop(0, 3, lambda i, c: c * x, 1))(2.0) == 12.0


def test_gradient_is_not_an_alias_of_an_argument():
    x = np.ones(3)
    out, pullback = vjp(lambda x: fori_loop(0, 2, lambda i, c: c, x), x)
    cotangent = np.ones(3)
    (gradient,) = pullback(cotangent)
    assert not np.shares_memory(gradient, cotangent)
    np.testing.assert_array_equal(out, x)


def test_while_gradient_may_be_pulled_back_twice():
    x = np.array([1.0, 2.0])
    _, pullback = vjp(counted, x)
    first, second = pullback(1.0)[0], pullback(1.0)[0]
    np.testing.assert_array_equal(first, second)


def test_outside_of_a_trace_everything_is_plain_python():
    assert fori_loop(0, 3, lambda i, c: c + i, 1) == 4
    assert while_loop(lambda c: c < 10, lambda c: c * 2, 1) == 16
    assert cond(True, lambda: "yes", lambda: "no") == "yes"
    carry, ys = scan(lambda c, x: (c + x, c * x), 0.0, np.arange(3.0))
    assert carry == 3.0
    np.testing.assert_array_equal(ys, [0.0, 0.0, 2.0])


def _changes_shape(x):
    return fori_loop(0, 2, lambda i, c: np.concatenate([c, c]), x).sum()


def _changes_structure(x):
    return fori_loop(0, 2, lambda i, c: (c, c), x)


def _writes_outside(x):
    kept = np.zeros(3)

    def body(i, c):
        kept[i] = c
        return c

    return fori_loop(0, 2, body, x)


def _branches_in_the_body(x):
    return fori_loop(0, 2, lambda i, c: c * 2 if c > 0 else c, x)


def _returns_no_pair(x):
    return scan(lambda c, _: c, x, length=2)


@pytest.mark.parametrize(
    ("f", "x", "cause"),
    [
        (_changes_shape, np.ones(2), "changes its shape"),
        (_changes_structure, 1.0, "structure"),
        (_writes_outside, 1.0, "writes into an array from outside"),
        (_branches_in_the_body, 1.0, "Python needs the truth"),
        (_returns_no_pair, 1.0, r"pair \(carry, y\)"),
    ],
)
def test_misuse_is_said(f, x, cause):
    with pytest.raises(TracingError, match=cause) as caught:
        grad(f)(x)
    assert "test_loops.py" in str(caught.value)
    assert "docs/errors.md#" in str(caught.value)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        scan(lambda c, x: (c, x), 0.0, (np.ones(2), np.ones(3)))


INNER = {
    "scan": lambda c: scan(lambda d, _: (d * 2, None), c, length=3)[0],
    "while_loop": lambda c: while_loop(lambda d: d < 3000, lambda d: d * 2, c),
    "cond": lambda c: cond(c > 0, lambda d: d * 2, lambda d: d * 3, c),
    "checkpoint": checkpoint(lambda c: c * 2),
    "segments": lambda c: scan(lambda d, _: (d * 2, None), c, length=5, checkpoint=2)[0],
    "two": lambda c: scan(lambda d, _: ((d[0] * d[1], d[1] + 1), None), (c, 1), length=3)[0][0],
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_a_python_number_through_a_loop_in_a_loop(inner):
    """The outer loop reads it back from an array, and the inner one takes a Python number."""

    def looped(x):
        return fori_loop(0, 2, lambda i, c: inner(c) + c * c, x)

    def unrolled(x):
        for _ in range(2):
            x = inner(x) + x * x
        return x

    assert grad(looped)(1.5) == grad(unrolled)(1.5)
    assert jvp(looped, (1.5,), (1.0,)) == jvp(unrolled, (1.5,), (1.0,))
    assert grad(grad(looped))(1.5) == pytest.approx(grad(grad(unrolled))(1.5), rel=1e-14)
    linear = grad(lambda x: fori_loop(0, 2, lambda i, c: inner(c), x))
    assert linear(1.5) == grad(lambda x: inner(inner(x)))(1.5)


def test_single_precision_beside_a_python_number_in_a_loop_in_a_loop():
    a = np.array([1, 2], np.float32)

    def looped(x):
        def outer(i, state):
            c, n, v = state
            c, n = fori_loop(0, 2, lambda j, s: (s[0] * 1.5, s[1] + 1), (c, n))
            return c, n, v + cond(c > 0, lambda c: c * a * n, lambda c: -c * a, c)

        return np.sum(fori_loop(0, 3, outer, (x, 0, np.zeros(2, np.float32)))[2])

    assert looped(0.5).dtype == value_and_grad(looped)(0.5)[0].dtype == np.float32
    assert grad(looped)(0.5) == 3 * (2 * 1.5**2 + 4 * 1.5**4 + 6 * 1.5**6)
