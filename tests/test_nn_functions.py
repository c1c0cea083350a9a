"""Every function of tapeless.nn: its value against loops or a formula in plain NumPy, its gradient by differences."""

import math

import numpy as np
import pytest
from oracle import central

from tapeless import grad, nn

RNG = np.random.default_rng(11)
X1, X2 = RNG.normal(size=(2, 4, 9)), RNG.normal(size=(2, 4, 5, 6))
SCORES, LABELS = RNG.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
SOFT = RNG.dirichlet(np.ones(3), size=5)
FACTORS = np.array([0.3, 0.5, 0.9])
P = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
LOG_P = np.log(P)
AT = LOG_P[np.arange(5), LABELS]
IGNORED = np.array([0, -100, 1, 1, -100])


def by_loops(x, w, stride, padding, dilation):
    """A convolution in any number of dimensions, element by element."""
    d = x.ndim - 2
    x = np.pad(x, ((0, 0), (0, 0), *((padding, padding),) * d))
    size = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:])]
    y = np.zeros((x.shape[0], w.shape[0], *size))
    for place in np.ndindex(*size):
        window = tuple(
            slice(stride * i, stride * i + dilation * (k - 1) + 1, dilation) for i, k in zip(place, w.shape[2:])
        )
        y[(..., *place)] = np.tensordot(x[(..., *window)], w, axes=(range(1, d + 2),) * 2)
    return y


CONVOLUTIONS = [
    (nn.conv1d, (2, 3, 8), (4, 3, 3)),
    (nn.conv2d, (2, 3, 6, 7), (4, 3, 3, 2)),
    (nn.conv3d, (1, 2, 5, 6, 5), (3, 2, 2, 3, 2)),
]


@pytest.mark.parametrize(("function", "size", "kernel"), CONVOLUTIONS)
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_convolutions(function, size, kernel, stride, padding, dilation):
    x, w, b = RNG.normal(size=size), RNG.normal(size=kernel), RNG.normal(size=kernel[0])
    y = function(x, w, b, stride, padding, dilation)
    wanted = by_loops(x, w, stride, padding, dilation) + b.reshape(-1, *[1] * (len(size) - 2))
    np.testing.assert_allclose(y, wanted, atol=1e-12)
    g = RNG.normal(size=y.shape)

    def f(x, w, b):
        return np.sum(g * function(x, w, b, stride, padding, dilation))

    for k, found in enumerate(grad(f, argnums=(0, 1, 2))(x, w, b)):
        np.testing.assert_allclose(found, central(f, (x, w, b), k), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": (1, 2), "dilation": (2, 1)},
        {"groups": 2, "stride": 2},
    ],
)
def test_the_transposed_convolution_is_the_transpose(how):
    """<conv_transpose(x), g> = <x, conv(g)>."""
    x, w = RNG.normal(size=(2, 4, 3, 4)), RNG.normal(size=(4, 3, 3, 2))
    y = nn.conv_transpose2d(x, w, **how)
    g = RNG.normal(size=y.shape)
    forward = {name: value for name, value in how.items() if name != "output_padding"}
    back = nn.conv2d(g, w, **forward)
    np.testing.assert_allclose(np.sum(y * g), np.sum(x * back[:, :, :3, :4]))

    def f(x, w):
        return np.sum(g * nn.conv_transpose2d(x, w, **how))

    for k, found in enumerate(grad(f, argnums=(0, 1))(x, w)):
        np.testing.assert_allclose(found, central(f, (x, w), k), rtol=1e-6, atol=1e-7)


def gelu_exactly(x):
    return np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.ravel()]).reshape(x.shape)


def normalized(x, axes):
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5)


def attention(q, k, v, mask):
    scores = np.where(mask, np.einsum("...le,...se->...ls", q, k) / np.sqrt(q.shape[-1]), -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return np.einsum("...ls,...sv->...lv", weights, v)


Q, K, V = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 6))
MASK = np.array([[True, False, True, True, False]] * 3)
MEAN, VAR = RNG.normal(size=4), RNG.uniform(0.5, 2, size=4)

VALUES = {
    "leaky_relu": (lambda x: nn.leaky_relu(x, 0.2), X1, np.where(X1 > 0, X1, 0.2 * X1)),
    "elu": (lambda x: nn.elu(x, 0.7), X1, np.where(X1 > 0, X1, 0.7 * (np.exp(X1) - 1))),
    "gelu": (nn.gelu, X1, gelu_exactly(X1)),
    "gelu_tanh": (
        lambda x: nn.gelu(x, approximate="tanh"),
        X1,
        0.5 * X1 * (1 + np.tanh(np.sqrt(2 / np.pi) * (X1 + 0.044715 * X1**3))),
    ),
    "silu": (nn.silu, X1, X1 / (1 + np.exp(-X1))),
    "softplus": (lambda x: nn.softplus(x, beta=2.0), X1, np.log1p(np.exp(2 * X1)) / 2),
    "softmax": (lambda x: nn.softmax(x, dim=1), SCORES, P),
    "max_pool1d": (lambda x: nn.max_pool1d(x, 2), X1, X1[..., :8].reshape(2, 4, 4, 2).max(axis=-1)),
    "avg_pool1d": (lambda x: nn.avg_pool1d(x, 3, 1), X1, (X1[..., :-2] + X1[..., 1:-1] + X1[..., 2:]) / 3),
    "mse_loss": (lambda s: nn.mse_loss(s, SOFT), SCORES, np.mean((SCORES - SOFT) ** 2)),
    "nll_loss": (lambda s: nn.nll_loss(s, LABELS), SCORES, -SCORES[np.arange(5), LABELS].mean()),
    "cross_entropy": (lambda s: nn.cross_entropy(s, LABELS), SCORES, -AT.mean()),
    "cross_entropy_sum": (lambda s: nn.cross_entropy(s, LABELS, reduction="sum"), SCORES, -AT.sum()),
    "cross_entropy_none": (lambda s: nn.cross_entropy(s, LABELS, reduction="none"), SCORES, -AT),
    "cross_entropy_weight": (
        lambda s: nn.cross_entropy(s, LABELS, FACTORS),
        SCORES,
        -(FACTORS[LABELS] * AT).sum() / FACTORS[LABELS].sum(),
    ),
    "cross_entropy_ignore": (
        lambda s: nn.cross_entropy(s, IGNORED, ignore_index=-100),
        SCORES,
        -LOG_P[[0, 2, 3], [0, 1, 1]].mean(),
    ),
    "cross_entropy_smooth": (
        lambda s: nn.cross_entropy(s, LABELS, label_smoothing=0.3),
        SCORES,
        -(0.7 * AT + 0.1 * LOG_P.sum(axis=1)).mean(),
    ),
    "cross_entropy_soft": (lambda s: nn.cross_entropy(s, SOFT), SCORES, -(SOFT * LOG_P).sum(axis=1).mean()),
    "cross_entropy_of_images": (
        lambda s: nn.cross_entropy(s.reshape(1, 3, 5), LABELS[None]),
        SCORES.T.copy(),
        -AT.mean(),
    ),
    "binary_cross_entropy": (
        lambda p: nn.binary_cross_entropy(p, SOFT),
        P,
        -np.mean(SOFT * np.log(P) + (1 - SOFT) * np.log(1 - P)),
    ),
    "binary_cross_entropy_with_logits": (
        lambda s: nn.binary_cross_entropy_with_logits(s, SOFT, pos_weight=FACTORS),
        SCORES,
        np.mean(FACTORS * SOFT * np.log1p(np.exp(-SCORES)) + (1 - SOFT) * np.log1p(np.exp(SCORES))),
    ),
    "batch_norm": (lambda x: nn.batch_norm(x, training=True), X2, normalized(X2, (0, 2, 3))),
    "batch_norm_running": (
        lambda x: nn.batch_norm(x, MEAN, VAR, FACTORS[[0, 1, 2, 0]], MEAN),
        X1,
        ((X1.swapaxes(1, 2) - MEAN) / np.sqrt(VAR + 1e-5) * FACTORS[[0, 1, 2, 0]] + MEAN).swapaxes(1, 2),
    ),
    "layer_norm": (lambda x: nn.layer_norm(x, (5, 6)), X2, normalized(X2, (2, 3))),
    "dropout": (lambda x: nn.dropout(x, MASK[0][:3], 0.25), SCORES, SCORES / 0.75 * MASK[0][:3]),
    "embedding": (lambda w: nn.embedding(np.array([[0, 4], [4, 2]]), w), SCORES, SCORES[[[0, 4], [4, 2]]]),
    "attention": (lambda q: nn.scaled_dot_product_attention(q, K, V), Q, attention(Q, K, V, True)),
    "attention_mask": (lambda k: nn.scaled_dot_product_attention(Q, k, V, MASK), K, attention(Q, K, V, MASK)),
    "attention_causal": (
        lambda v: nn.scaled_dot_product_attention(Q, K, v, is_causal=True),
        V,
        attention(Q, K, V, np.tri(3, 5, dtype=bool)),
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_value_and_gradient(name):
    function, x, wanted = VALUES[name]
    if name == "gelu":
        pytest.importorskip("scipy", reason="the exact gelu takes erf from scipy, which is optional")
    y = function(x)
    np.testing.assert_allclose(y, wanted, atol=1e-12)
    g = RNG.normal(size=np.shape(y))

    def f(x):
        return np.sum(g * function(x))

    np.testing.assert_allclose(grad(f)(x), central(f, (x,)), rtol=1e-5, atol=1e-7)


def test_integer_labels_may_be_arguments():
    """Traced labels choose from traced scores and from a plain table."""

    def f(scores, labels):
        return nn.cross_entropy(scores, labels, FACTORS, ignore_index=-100, label_smoothing=0.1)

    for labels in (LABELS, IGNORED):
        wanted = central(lambda s, labels=labels: f(s, labels), (SCORES,))
        np.testing.assert_allclose(grad(f)(SCORES, labels), wanted, rtol=1e-5, atol=1e-8)


def test_a_training_step_of_batch_norm_writes_the_running_statistics():
    mean, var = MEAN.copy(), VAR.copy()

    def f(x, mean, var):
        return np.sum(nn.batch_norm(x, mean, var, training=True) ** 3)

    grad(f)(X2, mean, var)
    np.testing.assert_allclose(mean, 0.9 * MEAN + 0.1 * X2.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(var, 0.9 * VAR + 0.1 * X2.var(axis=(0, 2, 3), ddof=1))


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("reduction must be", lambda: nn.mse_loss(SCORES, SOFT, reduction="max")),
        ("needs running_mean", lambda: nn.batch_norm(X2)),
        ("does not end in", lambda: nn.layer_norm(X2, 5)),
        ("at least 0 and below 1", lambda: nn.dropout(SCORES, SCORES > 0, 1.0)),
        ("approximate must be", lambda: nn.gelu(SCORES, approximate="fast")),
        ("not both", lambda: nn.scaled_dot_product_attention(Q, K, V, MASK, True)),
        ("do not divide", lambda: nn.conv_transpose2d(X2, RNG.normal(size=(5, 1, 2, 2)), groups=2)),
        ("bias of conv2d", lambda: nn.conv2d(X2, RNG.normal(size=(3, 4, 2, 2)), 2)),
    ],
)
def test_mistakes(message, call):
    with pytest.raises(ValueError, match=message):
        call()
