"""What a first course on backpropagation teaches, through the public interface, against the closed forms of the books."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import grad, nn, value_and_grad

RNG = np.random.default_rng(7)


def close(got: Any, want: Any) -> None:
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def numeric(f: Callable[..., Any], args: tuple[Any, ...], k: int) -> Any:
    """Central differences with respect to argument k."""
    x = np.asarray(args[k], dtype=float)
    result = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = x.copy()
            moved[i] += step
            ends.append(f(*args[:k], moved if moved.ndim else float(moved), *args[k + 1 :]))
        result[i] = (ends[0] - ends[1]) / 2e-5
    return result


def agrees(f: Callable[..., Any], *args: Any, argnums: tuple[int, ...] | None = None) -> tuple[tuple[Any, ...], str]:
    """The gradients and the source, after checking the value, the shapes and the numbers by differences."""
    chosen = tuple(range(len(args))) if argnums is None else argnums
    g = value_and_grad(f, argnums=chosen)
    value, gradients = g(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12)
    for k, gradient in zip(chosen, gradients, strict=True):
        assert np.shape(gradient) == np.shape(args[k])
        np.testing.assert_allclose(gradient, numeric(f, args, k), rtol=2e-6, atol=1e-7)
    return gradients, g.source


def backward_of(source: str) -> str:
    return source.split("# backward\n")[1]


def array(*shape: int) -> Any:
    """Numbers away from 0 and from each other, so that no kink is near."""
    size = math.prod(shape)
    values = (np.arange(size) - size / 2 + 0.3) / max(size, 1) * 3
    return RNG.permutation(values).reshape(shape)


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
    assert re.search(r"^ +dq = 2 \* q$", source, re.MULTILINE)
    close(dw, np.outer([0.44, 0.52], X))
    close(dx, W.T @ [0.44, 0.52])
    assert "np.outer(dq, x)" in source
    assert "w.T @ dq" in source or "dq @ w" in source


# ----------------------------------------------------------------------------------------------- elementwise gates

A, B = np.array([[0.5, -1.5, 2.0], [1.2, 0.7, -0.4]]), np.array([[1.5, 2.5, -0.5], [0.8, -1.1, 1.9]])
G = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 4.0]])  # a cotangent of both signs
P = np.abs(A)

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
        assert "@ b.T" in source
        assert "a.T @" in source
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


# ------------------------------------------------------------------------------------------------------ layers


def relu_written(x: Any) -> Any:
    out = x.copy()
    out[x <= 0] = 0
    return out


@pytest.mark.parametrize("relu", [lambda x: np.maximum(x, 0), relu_written, nn.relu], ids=["maximum", "mask", "nn"])
def test_relu(relu: Any) -> None:
    (dx,), _ = agrees(lambda x: np.sum(G * relu(x)), A)
    close(dx, G * (A > 0))
    assert grad(lambda x: np.sum(relu(x)))(np.zeros(3)).tolist() == [0, 0, 0]


def test_sigmoid_layer() -> None:
    def f(x: Any) -> Any:
        y = 1 / (1 + np.exp(-x))
        return np.sum(G * y)

    (dx,), source = agrees(f, A)
    y = 1 / (1 + np.exp(-A))
    close(dx, G * y * (1 - y))
    assert "np.exp" not in re.sub(r"#.*", "", backward_of(source))  # y (1 - y), from what the forward pass has
    assert np.isfinite(grad(lambda x: np.sum(nn.sigmoid(x)))(np.array([-1000.0, 1000.0]))).all()


def test_affine_with_a_reshape_of_the_input() -> None:
    x, w, b = array(4, 2, 3), array(6, 5), array(5)
    g = RNG.normal(size=(4, 5))

    def affine(x: Any, w: Any, b: Any) -> Any:
        out = x.reshape(x.shape[0], -1) @ w + b
        return np.sum(g * np.tanh(out))

    (dx, dw, db), _ = agrees(affine, x, w, b)
    rows = x.reshape(4, 6)
    dout = g * (1 - np.tanh(rows @ w + b) ** 2)
    close(db, dout.sum(axis=0))
    close(dw, rows.T @ dout)
    close(dx, (dout @ w.T).reshape(4, 2, 3))


def softmax(a: Any) -> Any:
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_hot_loss(a: Any, t: Any) -> Any:
    y = np.exp(a - np.max(a, axis=-1, keepdims=True))
    y = y / np.sum(y, axis=-1, keepdims=True)
    return -np.sum(t * np.log(y)) / (len(t) if t.ndim == 2 else 1)


def label_loss(a: Any, t: Any) -> Any:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(y[np.arange(len(t)), t]))


def one_label_loss(a: Any, t: Any) -> Any:
    e = np.exp(a - a.max())
    y = e / e.sum()
    return -np.log(y[t])


SCORES, LABELS = np.array([[0.3, 2.9, 4.0], [-1.0, 0.5, 0.2], [2.0, 2.0, -3.0], [0.1, 0.2, 0.3]]), np.array([2, 0, 1, 2])
ENTROPIES = {
    "one-hot, 2-D": (one_hot_loss, SCORES, np.eye(3)[LABELS]),
    "one-hot, 1-D": (one_hot_loss, SCORES[0], np.eye(3)[2]),
    "labels, 2-D": (label_loss, SCORES, LABELS),
    "label, 1-D": (one_label_loss, SCORES[0], 2),
    "nn, one-hot, 2-D": (nn.cross_entropy, SCORES, np.eye(3)[LABELS]),
    "nn, one-hot, 1-D": (nn.cross_entropy, SCORES[0], np.eye(3)[2]),
    "nn, labels, 2-D": (nn.cross_entropy, SCORES, LABELS),
    "nn, label, 1-D": (nn.cross_entropy, SCORES[0], 2),
}


@pytest.mark.parametrize("name", ENTROPIES)
def test_softmax_with_cross_entropy(name: str) -> None:
    loss, scores, t = ENTROPIES[name]

    def f(a: Any) -> Any:
        return loss(a, t)

    (da,), source = agrees(f, scores)
    n = len(scores) if scores.ndim == 2 else 1
    close(da, (softmax(scores) - (t if np.ndim(t) == scores.ndim else np.eye(3)[t])) / n)
    # No division by a probability: below the line stands at most a number, or the sum of exponentials that makes y.
    backward = re.sub(r"#.*", "", backward_of(source))
    for divisor in re.findall(r"/ *([\w.]+)", backward):
        assert re.fullmatch(r"\d[\d.]*|sum_\w+", divisor), source
    # And so nothing breaks where a probability underflows to 0.
    far = np.zeros_like(scores)
    far[..., 0] = 2000.0
    with np.errstate(divide="ignore"):
        assert np.isfinite(grad(f)(far)).all()


def batchnorm(x: Any, gamma: Any, beta: Any, g: Any) -> Any:
    mu = x.mean(axis=0)
    xc = x - mu
    sq = xc**2
    var = np.mean(sq, axis=0)
    std = np.sqrt(var + 1e-5)
    inv = 1 / std
    x_norm = xc * inv
    scaled = gamma * x_norm
    out = scaled + beta
    return np.sum(g * out)


def staged_batchnorm_backward(x: Any, gamma: Any, beta: Any, dout: Any) -> Any:
    """By hand, gate by gate, as in every course."""
    n = len(x)
    xc = x - x.mean(axis=0)
    std = np.sqrt(np.mean(xc**2, axis=0) + 1e-5)
    x_norm = xc / std
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(x_norm * dout, axis=0)
    dx_norm = gamma * dout
    dxc = dx_norm / std
    dinv = np.sum(dx_norm * xc, axis=0)
    dstd = -dinv / std**2
    dvar = 0.5 * dstd / std
    dxc += 2 / n * xc * dvar
    dmu = -dxc.sum(axis=0)
    return dxc + dmu / n, dgamma, dbeta


def test_batch_normalization_in_nine_lines() -> None:
    x, gamma, beta, g = array(6, 3), array(3), array(3), RNG.normal(size=(6, 3))
    gradients, source = agrees(batchnorm, x, gamma, beta, g, argnums=(0, 1, 2))
    for got, want in zip(gradients, staged_batchnorm_backward(x, gamma, beta, g), strict=True):
        close(got, want)
    forward, backward = source.split("# backward\n")
    for line in ("mu = x.mean(axis=0)", "xc = x - mu", "std = np.sqrt(var + 1e-05)", "inv = 1 / std", "x_norm = xc * inv"):
        assert f"    {line}\n" in forward
    names = re.findall(r"^ +(d\w+) [-+*/]?=", backward, re.MULTILINE)
    assert set(names) >= {"dgamma", "dbeta", "dx_norm", "dxc", "dvar", "dmu", "dx"}
    assert not [n for n in names if re.search(r"\d", n)]
    assert "dbeta = g.sum(axis=0)" in backward
    for line in ("x_norm = xc * inv", "std = np.sqrt(var + 1e-5)", "mu = x.mean(axis=0)"):
        assert re.search(rf"# line \d+: {re.escape(line)}\n", backward)


# ------------------------------------------------------------------------------------------------- convolution


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("n", "m"), [(7, 3), (3, 7), (4, 4), (6, 2), (5, 1)])
def test_convolve_and_correlate(function: Any, mode: str, n: int, m: int) -> None:
    a, v = array(n), array(m)
    g = RNG.normal(size=function(a, v, mode=mode).shape)
    (da, dv), _ = agrees(lambda a, v: np.sum(g * function(a, v, mode=mode)), a, v)
    if function is np.convolve and mode == "full":  # each gradient correlates the cotangent with the other operand
        close(da, np.correlate(g, v, mode="valid") if n >= 1 else None)
        close(dv, np.correlate(g, a, mode="valid"))


CONVOLUTIONS = [
    {}, {"padding": 1}, {"stride": 2}, {"stride": (2, 3), "padding": (1, 2)}, {"dilation": 2}, {"groups": 2},
    {"stride": 2, "padding": 2, "dilation": (1, 2), "groups": 2}, {"padding": "same"}, {"padding": "same", "stride": 2},
]  # fmt: skip


def convolved(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """By loops, straight from the definition."""
    (sh, sw), (ph, pw), (dh, dw) = (p if isinstance(p, tuple) else (p, p) for p in (stride, padding, dilation))
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    (n, c, height, width), (o, inner, kh, kw) = x.shape, w.shape
    y = np.zeros((n, o, (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1))
    for image, out, row, column in np.ndindex(y.shape):
        first = out // (o // groups) * inner
        part = x[image, first : first + inner, row * sh :, column * sw :]
        y[image, out, row, column] = np.sum(part[:, : dh * kh : dh, : dw * kw : dw] * w[out])
    return y


@pytest.mark.parametrize("how", CONVOLUTIONS, ids=str)
def test_conv2d(how: dict[str, Any]) -> None:
    x, w = array(2, 4, 7, 8), array(6, 4 // how.get("groups", 1), 3, 2)
    y = nn.conv2d(x, w, **how)
    if how.get("padding") != "same":
        np.testing.assert_allclose(y, convolved(x, w, **how), atol=1e-12)
    weights = RNG.normal(size=y.shape)
    agrees(lambda x, w: np.sum(weights * nn.conv2d(x, w, **how)), x, w)

    def f(x: Any, w: Any) -> Any:
        y = nn.conv2d(x, w, **how)
        return np.sum(y * y)

    # The adjoint is two convolutions: input with cotangent, and cotangent with the kernel rotated by 180 degrees.
    program = grad(f, argnums=(0, 1)).lower(x, w).as_text("adjoint")
    lines = [line for line in program.splitlines() if "= conv2d" in line]
    assert len(lines) == 3, program
    assert program.count("= flip") == 1
    assert re.search(r"= flip.*\bw\b.*axis=\(2, 3\)|= flip.*axis=\(2, 3\).*\bw\b", program), program
    spread = nn._pair(how.get("stride", 1), "stride", 1)
    assert sum(f"spread={spread}" in line for line in lines) >= 1  # the cotangent, dilated by the stride


def test_convolution_by_hand() -> None:
    x, w = array(2, 3, 6, 5), array(4, 3, 3, 2)

    def by_hand(x: Any, w: Any) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
        y = np.einsum("nchwij,ocij->nohw", windows, w)
        return np.sum(np.sin(y))

    gradients, _ = agrees(by_hand, x, w)
    want = grad(lambda x, w: np.sum(np.sin(nn.conv2d(x, w))), argnums=(0, 1))(x, w)
    for got, other in zip(gradients, want, strict=True):
        close(got, other)


# ------------------------------------------------------------------------------------------------------ pooling


def max_by_hand(x: Any) -> Any:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def max_by_two_reductions(x: Any) -> Any:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=3).max(axis=4)


@pytest.mark.parametrize("pool", [lambda x: nn.max_pool2d(x, 2), max_by_hand, max_by_two_reductions])
def test_max_pool_gradient_only_at_the_maximum(pool: Any) -> None:
    x, g = array(2, 3, 4, 6), RNG.normal(size=(2, 3, 2, 3))
    (dx,), _ = agrees(lambda x: np.sum(g * pool(x)), x)
    winners = x == pool(x).repeat(2, axis=2).repeat(2, axis=3)
    close(dx, np.where(winners, g.repeat(2, axis=2).repeat(2, axis=3), 0))
    tied = np.ones((1, 1, 2, 2))
    assert grad(lambda x: np.sum(pool(x)))(tied).tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


def test_ties_inside_a_pooling_window_share_one() -> None:
    x = np.array([[5.0, 1.0, 2.0, 7.0], [5.0, 0.0, 7.0, 7.0]]).reshape(1, 1, 2, 4)
    dx = grad(lambda x: np.sum(nn.max_pool2d(x, 2)))(x)
    close(dx[0, 0], [[0.5, 0, 0, 1 / 3], [0.5, 0, 1 / 3, 1 / 3]])


def test_avg_pool() -> None:
    x, g = array(2, 3, 4, 6), RNG.normal(size=(2, 3, 2, 3))
    want = g.repeat(2, axis=2).repeat(2, axis=3) / 4
    close(agrees(lambda x: np.sum(g * nn.avg_pool2d(x, 2)), x)[0][0], want)
    close(agrees(lambda x: np.sum(g * x.reshape(2, 3, 2, 2, 3, 2).mean(axis=(3, 5))), x)[0][0], want)


@pytest.mark.parametrize("pool", [nn.max_pool2d, nn.avg_pool2d])
@pytest.mark.parametrize("how", [{"size": 2}, {"size": 3, "stride": 2}, {"size": (2, 3), "stride": 1}, {"size": 3, "stride": 2, "padding": 1}], ids=str)  # fmt: skip
def test_pooling_of_every_kind(pool: Any, how: dict[str, Any]) -> None:
    x = array(2, 2, 5, 7)
    weights = RNG.normal(size=pool(x, **how).shape)
    agrees(lambda x: np.sum(weights * pool(x, **how)), x)
