"""What a first course on backpropagation teaches, through the public interface, against the books' closed forms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from course import RNG, A, B, G, P, agrees, array, close

from tapeless import grad

# ---------------------------------------------------------------------------------------------------- scalar gates


def test_sum_times() -> None:
    g = grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2))
    assert g(-2.0, 5.0, -4.0) == (-4.0, -4.0, 3.0)


def test_logistic_neuron_with_two_inputs() -> None:
    def neuron(w0: Any, w1: Any, w2: Any, x0: Any, x1: Any) -> Any:
        return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))

    dw0, dw1, dw2, dx0, dx1 = grad(neuron, argnums=(0, 1, 2, 3, 4))(2.0, -3.0, -3.0, -1.0, -2.0)
    f = 1 / (1 + np.exp(-1.0))
    slope = f * (1 - f)
    close([dw0, dw1, dw2, dx0, dx1], [-slope, -2 * slope, slope, 2 * slope, -3 * slope])
    assert (round(dw0, 2), round(dx0, 2)) == (-0.20, 0.39)


def test_two_apples_with_tax() -> None:
    g = grad(lambda apple, count, tax: apple * count * tax, argnums=(0, 1, 2))
    close(g(100.0, 2.0, 1.1), [2.2, 110.0, 200.0])


W, X = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])


def test_squared_norm_of_a_product() -> None:
    close(grad(lambda q: np.sum(q**2))(W @ X), [0.44, 0.52])

    def f(w: Any, x: Any) -> Any:
        q = w @ x
        return np.sum(q**2)

    (dw, dx), source = agrees(f, W, X)
    assert re.search(r"^ +dq = 2\.0 \* q$", source, re.MULTILINE)
    close(dw, np.outer([0.44, 0.52], X))
    close(dx, W.T @ [0.44, 0.52])
    assert "dq[:, None] * x" in source
    assert "dq.dot(w)" in source


# ----------------------------------------------------------------------------------------------- elementwise gates


BINARY = {
    "add": (lambda a, b: a + b, G, G),
    "subtract": (lambda a, b: a - b, G, -G),
    "multiply": (lambda a, b: a * b, G * B, G * A),
    "divide": (lambda a, b: a / b, G / B, -G * A / B**2),
    "maximum": (np.maximum, G * (A > B), G * (B > A)),
    "minimum": (np.minimum, G * (A < B), G * (B < A)),
}


@pytest.mark.parametrize("name", BINARY)
def test_binary_gates(name: str) -> None:
    gate, da, db = BINARY[name]
    gradients, _ = agrees(lambda a, b: np.sum(G * gate(a, b)), A, B)
    close(gradients[0], da)
    close(gradients[1], db)


UNARY = {
    "negate": (lambda x: -x, A, -G),
    "square": (lambda x: x**2, A, 2 * G * A),
    "cube": (lambda x: x**3, A, 3 * G * A**2),
    "reciprocal": (lambda x: 1 / x, A, -G / A**2),
    "power": (lambda x: x**1.7, P, 1.7 * G * P**0.7),
    "exponential": (lambda x: 2.0**x, A, np.log(2) * G * 2.0**A),
    "exp": (np.exp, A, G * np.exp(A)),
    "log": (np.log, P, G / P),
    "sqrt": (np.sqrt, P, G / (2 * np.sqrt(P))),
    "abs": (np.abs, A, G * np.sign(A)),
    "tanh": (np.tanh, A, G * (1 - np.tanh(A) ** 2)),
    "sin": (np.sin, A, G * np.cos(A)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), A, G * np.exp(-A) / (1 + np.exp(-A)) ** 2),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary_gates(name: str) -> None:
    gate, x, want = UNARY[name]
    (dx,), _ = agrees(lambda x: np.sum(G * gate(x)), x)
    close(dx, want)


def test_power_of_two_variables() -> None:
    (da, db), _ = agrees(lambda a, b: np.sum(G * a**b), P, B)
    close(da, G * B * P ** (B - 1))
    close(db, G * np.log(P) * P**B)


def test_max_gate_routes() -> None:
    g = grad(lambda x, y: np.maximum(x, y), argnums=(0, 1))
    assert g(2.0, -1.0) == (1.0, 0.0)
    assert g(-1.0, 2.0) == (0.0, 1.0)
    assert g(2.0, 2.0) == (0.5, 0.5)  # a tie shares


def test_where_and_comparisons() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(G * np.where((a > b) & (a != 0), a * a, 3 * b)) + np.sum((a <= b) * b)

    (da, db), _ = agrees(f, A, B)
    close(da, np.where(A > B, 2 * G * A, 0))
    close(db, np.where(A > B, 0, 3 * G) + (A <= B))


def test_defaults_of_every_kind_are_the_users_own() -> None:
    def f(x: Any, act: Any = np.tanh, w: Any = A, *, scale: Any = B) -> Any:
        return np.sum(act(x * w) * scale)

    close(grad(f)(G), (1 - np.tanh(G * A) ** 2) * A * B)


def test_branch_on_a_comparison() -> None:
    g = grad(lambda x: x**3 if x > 0 else -2 * x)
    assert (g(2.0), g(-1.0)) == (12.0, -2.0)


def test_a_variable_used_many_times() -> None:
    (dx,), _ = agrees(lambda x: np.sum(x * x + np.exp(x) * x - x / 3 + x), A)
    close(dx, 2 * A + np.exp(A) * (1 + A) + 2 / 3)


# ------------------------------------------------------------------------------------ reductions and broadcasting


def test_repeat() -> None:
    v, weights = array(2, 3), array(2, 12)
    (dv,), _ = agrees(lambda v: np.sum(weights * np.repeat(v, 4, axis=1)), v)
    close(dv, weights.reshape(2, 3, 4).sum(axis=2))
    counts = [1, 0, 2]
    (dv,), _ = agrees(lambda v: np.sum(weights[:, :3] * np.repeat(v, counts, axis=1)), v)
    close(dv, np.stack([weights[:, 0], 0 * weights[:, 0], weights[:, 1] + weights[:, 2]], axis=1))


AXES = [None, 0, 1, -1, (0, 2), (1, 2), (0, 1, 2)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_sum_mean_max_along_axes(axis: Any, keepdims: bool) -> None:
    x = array(2, 3, 4)
    keys = {"axis": axis, "keepdims": keepdims}
    weights = RNG.normal(size=x.sum(**keys).shape)
    spread = np.broadcast_to(weights.reshape(x.sum(axis=axis, keepdims=True).shape), x.shape)
    (dx,), _ = agrees(lambda x: np.sum(weights * x.sum(**keys)), x)
    close(dx, spread)
    (dx,), _ = agrees(lambda x: np.sum(weights * np.mean(x, **keys)), x)
    close(dx, spread * weights.size / x.size)
    (dx,), _ = agrees(lambda x: np.sum(weights * x.max(**keys)), x)
    close(dx, spread * (x == x.max(axis=axis, keepdims=True)))


def test_ties_of_max_share_one() -> None:
    close(grad(lambda x: x.max())(np.array([1.0, 3.0, 3.0, 0.0])), [0, 0.5, 0.5, 0])
    close(grad(lambda x: x.max(axis=1).sum())(np.ones((2, 4))), np.full((2, 4), 0.25))


SHAPES = [
    ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (1, 3)), ((2, 3), ()), ((2, 1), (1, 3)), ((3,), (4, 1)),
    ((2, 1, 4), (3, 1)), ((1, 1), (2, 3)), ((), (2,)), ((4, 2, 3), (2, 3)), ((1,), (1, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_broadcasting(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = array(*left) + 0.1, array(*right) + 2
    weights = RNG.normal(size=np.broadcast_shapes(left, right))

    def down(g: Any, shape: tuple[int, ...]) -> Any:
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
        return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i]), keepdims=True).reshape(shape)

    for f, da, db in (
        (lambda a, b: a + b, weights, weights),
        (lambda a, b: a * b, weights * b, weights * a),
        (lambda a, b: a / b, weights / b, -weights * a / b**2),
    ):
        gradients, _ = agrees(lambda a, b, f=f: np.sum(weights * f(a, b)), a, b)
        close(gradients[0], down(da, left))
        close(gradients[1], down(db, right))


# ------------------------------------------------------------------------------------------------ linear algebra

MATMUL = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((1, 2, 3), (5, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), MATMUL)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = array(*left), array(*right)
    weights = RNG.normal(size=np.shape(a @ b))
    (da, db), source = agrees(lambda a, b: np.sum(weights * (a @ b)), a, b)
    if len(left) == len(right) == 2:
        close(da, weights @ b.T)
        close(db, a.T @ weights)
        assert ".dot(b.T)" in source
        assert "a.T.dot(" in source
    if left == (5, 2, 3) == (*right[:1], 2, 3):
        close(da, weights @ b.swapaxes(1, 2))
        close(db, a.swapaxes(1, 2) @ weights)
    if (left, right) == ((5, 2, 3), (3, 4)):
        close(db, np.einsum("nij,nik->jk", a, weights))


# ----------------------------------------------------------------------------------------------- moving elements


def test_transpose_reshape_and_slices() -> None:
    x = array(3, 4)
    weights = RNG.normal(size=(4, 3))
    close(agrees(lambda x: np.sum(weights * x.T), x)[0][0], weights.T)
    close(agrees(lambda x: np.sum(weights.ravel() * x.reshape(-1)), x)[0][0], weights.reshape(3, 4))
    want = np.zeros((3, 4))
    want[1:, ::2] = weights[:2, :2]
    close(agrees(lambda x: np.sum(weights[:2, :2] * x[1:, ::2]), x)[0][0], want)
    cube, g = array(2, 3, 4), RNG.normal(size=(4, 2, 3))
    close(agrees(lambda x: np.sum(g * np.transpose(x, (2, 0, 1))), cube)[0][0], g.transpose(1, 2, 0))


def test_integer_arrays_with_repeated_indices_collect() -> None:
    x, i, weights = array(5), np.array([0, 2, 2, 4, 2]), np.array([1.0, 2.0, 4.0, -8.0, 16.0])
    close(agrees(lambda x: np.sum(weights * x[i]), x)[0][0], [1, 0, 22, 0, -8])
    embedding, words = array(4, 2), np.array([[3, 1], [1, 1]])
    g = RNG.normal(size=(2, 2, 2))
    want = np.zeros((4, 2))
    np.add.at(want, words, g)
    close(agrees(lambda e: np.sum(g * e[words]), embedding)[0][0], want)


def test_concatenate_stack_pad() -> None:
    a, b = array(2, 3), array(1, 3) + 0.5
    g = RNG.normal(size=(3, 3))
    (da, db), _ = agrees(lambda a, b: np.sum(g * np.concatenate([a, b])), a, b)
    close(da, g[:2])
    close(db, g[2:])
    g = RNG.normal(size=(2, 2, 3))
    (da, dc), _ = agrees(lambda a, c: np.sum(g * np.stack([a, c], axis=1)), a, a + 1)
    close(da, g[:, 0])
    close(dc, g[:, 1])
    g = RNG.normal(size=(5, 6))
    (da,), _ = agrees(lambda a: np.sum(g * np.pad(a, ((1, 2), (0, 3)))), a)
    close(da, g[1:3, :3])
