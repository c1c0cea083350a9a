"""The layers of a first course on networks, through the public interface, against the books' closed forms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from course import RNG, A, G, agrees, array, backward_of, close

from tapeless import grad, nn
from tapeless.nn.sizes import sizes_of

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


SCORES = np.array([[0.3, 2.9, 4.0], [-1.0, 0.5, 0.2], [2.0, 2.0, -3.0], [0.1, 0.2, 0.3]])
LABELS = np.array([2, 0, 1, 2])
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
    for line in ("mu = x.sum(axis=0) / 6.0", "xc = x - mu", "std = np.sqrt(var + 1e-05)", "x_norm = xc * inv"):
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
    (n, _, height, width), (o, inner, kh, kw) = x.shape, w.shape
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
    lines = [line for line in program.splitlines() if "= convolution" in line]
    assert len(lines) == 3, program
    assert program.count("= flip") == 1
    assert re.search(r"= flip.*\bw\b.*axis=\(2, 3\)|= flip.*axis=\(2, 3\).*\bw\b", program), program
    spread = sizes_of(how.get("stride", 1), "stride", 1, 2)
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


POOLINGS = [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 2}, {"kernel_size": (2, 3), "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
]  # fmt: skip


@pytest.mark.parametrize("pool", [nn.max_pool2d, nn.avg_pool2d])
@pytest.mark.parametrize("how", POOLINGS, ids=str)
def test_pooling_of_every_kind(pool: Any, how: dict[str, Any]) -> None:
    x = array(2, 2, 5, 7)
    weights = RNG.normal(size=pool(x, **how).shape)
    agrees(lambda x: np.sum(weights * pool(x, **how)), x)


# ------------------------------------------------------------------------------------------------- moments, masks


@pytest.mark.parametrize("axis", [None, 0, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_variance_and_standard_deviation(axis: Any, keepdims: bool) -> None:
    x = array(3, 4, 2)
    g = RNG.normal(size=x.var(axis=axis, keepdims=keepdims).shape)
    spread = g.reshape(x.var(axis=axis, keepdims=True).shape)
    n, centred = x.size / spread.size, x - x.mean(axis=axis, keepdims=True)
    (dx,), source = agrees(lambda x: np.sum(g * np.var(x, axis=axis, keepdims=keepdims)), x)
    close(dx, 2 / n * spread * centred)
    assert "sum" not in re.sub(r"#.*", "", backward_of(source))  # x - mean(x) sums to 0, so the mean gets no cotangent
    (dx,), _ = agrees(lambda x: np.sum(g * x.std(axis=axis, keepdims=keepdims)), x)
    close(dx, spread * centred / (n * x.std(axis=axis, keepdims=True)))
    (dx,), _ = agrees(lambda x: np.sum(g * x.var(axis=axis, keepdims=keepdims, ddof=1)), x)
    close(dx, 2 / (n - 1) * spread * centred)
    assert grad(lambda x: np.sum(np.std(x)))(np.ones(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        (lambda x: np.maximum(np.log(x), 0), 0.0, 0.0),
        (lambda x: np.maximum(np.sqrt(x) - 1, 0), 0.0, 0.0),
        (lambda x: np.maximum(1 - 1 / x, 0), 0.0, 0.0),
        (lambda x: np.where(x > 0, x * np.log(x), 0), 0.0, 0.0),
        (lambda x: np.where(np.isnan(x), 0, (x - 2) ** 2), np.nan, 0.0),
    ],
)
def test_what_a_gate_blocks_stays_blocked(f: Any, at: float, want: float) -> None:
    with np.errstate(all="ignore"):
        close(grad(lambda x: np.sum(f(x)))(np.array([at, 0.5]))[0], want)


def test_one_mask_for_relu_after_an_affine_layer() -> None:
    def f(x: Any, w: Any, b: Any) -> Any:
        z = x @ w * 2 + b
        return np.sum(np.maximum(z, 0) ** 2)

    _, source = agrees(f, array(4, 3), array(3, 2), array(2))
    assert backward_of(source).count("np.where") == 1
    assert re.search(r"^ +dz = np\.where\(maximum > 0\.0, ", source, re.MULTILINE)
