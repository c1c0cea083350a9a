"""Functions of arrays whose lengths have names: each with its types, and with the sizes that it cannot have."""

import math

import numpy as np

import tapeless
from tapeless import nn

PROGRAMS = {}


def program(types, condition="True"):
    """Enter a function; `condition` is what its module assumes of the lengths."""

    def enter(function):
        PROGRAMS[f"{function.__name__}({types})"] = function, types, condition
        return function

    return enter


@program("f64[d], f64[n, d], f64[n]")
def logistic(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@program("f64[d], f64[n, d], f64[n]")
def ridge(w, x, y):
    n, d = x.shape
    r = x @ w - y
    return np.sum(r**2) / n + 0.1 * np.sum(w * w) / d


@program("f32[d], f32[n, d], f32[n]")
def half_precision(w, x, y):
    r = x @ w - y
    return np.mean(r * r)


@program("{'w1': f64[d, 5], 'b1': f64[5], 'w2': f64[5, 1]}, f64[n, d], f64[n]")
def perceptron(params, x, y):
    h = np.tanh(x @ params["w1"] + params["b1"])
    return np.mean(((h @ params["w2"])[:, 0] - y) ** 2)


@program("f64[d, 3], f64[n, d], i64[n]")
def cross_entropy(w, x, labels):
    z = x @ w
    z = z - z.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(labels)), labels])


@program("f64[n, d], f64[d], f64[d]")
def layer_norm(x, g, b):
    m = x.mean(axis=-1, keepdims=True)
    v = x.var(axis=-1, keepdims=True)
    return np.sum(np.sin((x - m) / np.sqrt(v + 1e-5) * g + b))


@program("f64[n, c], f64[c], f64[c]")
def batch_norm(x, g, b):
    n = x.shape[0]
    xc = x - x.sum(0) / n
    var = (xc**2).sum(0) / n
    return np.sum(((xc / np.sqrt(var + 1e-5)) * g + b) ** 3)


@program("f64[n, d], f64[m, d], f64[m, e]")
def attention(q, k, v):
    s = q @ k.T / math.sqrt(q.shape[1])
    s = s - s.max(axis=-1, keepdims=True)
    a = np.exp(s)
    return np.sum((a / a.sum(axis=-1, keepdims=True) @ v) ** 2)


@program("f64[n, 2, 6, 6], f64[3, 2, 3, 3]")
def convolution(x, w):
    return np.sum(nn.max_pool2d(nn.conv2d(x, w), 2) ** 2)


@program("f64[n, 2, h, w], f64[3, 2, 3, 3]", "h > 2 and w > 2")
def convolution_of_any_size(x, w):
    return np.sum(nn.conv2d(x, w) ** 2)


@program("f64[n]")
def variances(x):
    return np.var(x) + np.std(x) + np.mean(x)


@program("f64[n]")
def unbiased_variance(x):
    return np.var(x, ddof=1)


@program("f64[n, 3]")
def covariance(x):
    return np.sum(np.cov(x.T) ** 2)


@program("f64[n, d]")
def sums_so_far(x):
    return np.sum(np.cumsum(x) ** 2) + np.sum(np.cumsum(x, axis=1) ** 2)


@program("f64[n], f64[m]")
def joined(x, y):
    z = np.concatenate([x, np.zeros(1), y])
    return np.sum(z[1:] * z[:-1] * np.arange(z.size - 1))


@program("f64[n, d, 3]")
def reshaped(x):
    n, d, e = x.shape
    return np.sum(np.sin(x.reshape(n, d * e)).sum(axis=1) ** 2) + np.sum(x.reshape(-1) * np.arange(x.size))


@program("f64[n]", "n % 2 == 0")
def in_pairs(x):
    return np.sum(x.reshape(-1, 2)[:, 0] ** 2)


@program("f64[2 * n]")
def of_even_length(x):
    return np.sum(x.reshape(-1, 2)[:, 0] ** 2)


@program("f64[n + 1], f64[n]")
def edges(e, x):
    return np.sum((e[1:] - e[:-1]) * x)


@program("f64[n]")
def differences(x):
    return np.mean(np.diff(x) ** 2) + np.sum((x[1:] - x[:-1]) ** 3) + np.sum(np.diff(x, 2))


@program("f64[n]")
def strided(x):
    return np.sum(x[::2] ** 3) + np.mean(x[1::2]) + np.sum(x[::-1] * x) + np.sum(x[-3:]) + np.sum(x[2:-2:3])


@program("f64[n]")
def halves(x):
    n = x.shape[0]
    return np.sum(x[: n // 2] ** 2) - np.sum(x[max(n - 3, 0) :]) * n % 7


@program("f64[n, m]")
def stencil(u):
    return np.sum((u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]) ** 2)


@program("f64[n, d], f64[n, e]")
def products(a, b):
    return np.sum(np.einsum("ni,nj->ij", a, b) ** 2)


@program("float, float, f64[n]")
def gaussian(mu, log_scale, x):
    n = x.size
    r = (x - mu) * np.exp(-log_scale)
    return 0.5 * n * np.log(2 * np.pi) + n * log_scale + 0.5 * np.sum(r * r)


@program("f64[n]")
def gaussian_process(x):
    n = len(x)
    k = np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2) + 1e-1 * np.eye(n)
    return -0.5 * x @ np.linalg.solve(k, x) - 0.5 * np.linalg.slogdet(k)[1] - 0.5 * n * np.log(2 * np.pi)


@program("f64[n], f64[m]")
def all_pairs(x, y):
    return np.sum((x[:, None] - y[None, :]) ** 2)


@program("f64[n, d], f64[1, d], f64[n, 1]")
def broadcast(x, row, column):
    return np.sum(np.tanh(x + row) * column)


@program("f64[t, d], f64[d]")
def recurrent(x, h):
    def step(c, xt):
        c = np.tanh(0.5 * c + xt)
        return c, c

    last, states = tapeless.scan(step, h, x)
    return np.sum(last**2) + np.mean(states)


@program("f64[n, d]")
def counted_loop(x):
    n, d = x.shape
    return tapeless.fori_loop(0, n, lambda i, c: c * 0.9 + x[i], np.zeros(d)).sum()


@program("f64[d, d], f64[n, d]")
def again(w, x):
    layer = tapeless.checkpoint(lambda x, w: np.tanh(x @ w) + np.ones(len(x))[:, None])
    return np.mean(layer(layer(x, w), w) ** 2)


@program("f64[n, d]")
def buffer(x):
    n, d = x.shape
    z = np.zeros((n + 1, d))
    z[1:] = x
    x[:] = 2 * z[:-1]
    return np.sum(x**2) + np.sum(z[-1] ** 2)


@program("f64[5, d], i64[n]")
def embedding(table, places):
    return np.sum(table[places] ** 2)


@program("f64[n]")
def blended(x):
    return np.sum(x * np.linspace(0, 1, len(x))) + np.sum(np.tile(x, 3)) + np.sum(np.repeat(x, 2) ** 2)


@program("f64[n]")
def in_three(x):
    a, b, c = np.array_split(x, 3)
    return np.sum(a) + np.sum(b**2) + np.sum(c**3) + np.sum(np.pad(x, 1) ** 2)


@program("f64[n], f64[n]")
def averages_by_hand(x, y):
    n = len(x)
    return np.sum(x) / n + 0.5 * np.sum(y * y) / n + np.ones(n) / n @ x


@program("f64[n, d], f64[n, d], f64[n, e]", "n > 0")
def causal_attention(q, k, v):
    n, d = q.shape
    earlier = np.arange(n)[:, None] >= np.arange(n)[None, :]
    s = np.where(earlier, q @ k.T / np.sqrt(d + 1), -1e9)
    a = np.exp(s - s.max(axis=1, keepdims=True)) if n else s
    return np.sum(a / a.sum(axis=1, keepdims=True) @ v)


@program("f64[n, d], f64[d, d]", "d % 4 == 0 or n == 0")
def heads(x, w):
    n, d = x.shape
    z = (x @ w).reshape(n, 4, d // 4).transpose(1, 0, 2)
    return np.sum(np.tanh(z @ z.transpose(0, 2, 1)))


@program("f64[n, 3]", "n >= 3")
def around(x):
    return np.sum(np.pad(x, ((2, 1), (0, 0)), mode="reflect") ** 3) + np.sum(np.pad(x, 1, mode="edge")[2:] ** 2)


@program("f64[n]")
def spectrum(x):
    return np.sum(np.abs(np.fft.rfft(x)) ** 2) / len(x) + np.sum(np.fft.fft(x, n=6).real ** 2)


@program("f64[n]", "n > 3")
def branching(x):
    if x.shape[0] > 3:
        return np.sum(x**2)
    return np.sum(x)


@program("f64[n, d]", "n >= d")
def tall(x):
    return np.sum(np.linalg.qr(x)[1] ** 2)


@program("f64[n, m]", "n != 1 and m != 1")
def squeezed(x):
    return np.sum(np.squeeze(x).sum(axis=0) ** 2)


@program("f64[n], f64[m], f64[m]", "m != 1")
def interpolated(x, xp, fp):
    return np.sum(np.interp(x, np.cumsum(xp), fp) ** 2)


@program("f64[n], f64[n, m]")
def named_as_an_argument(m, x):
    return np.sum(m @ x) / (len(m) + 1)
