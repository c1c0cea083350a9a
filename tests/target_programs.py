"""Plain NumPy functions of many kinds, with the types of their arguments and with arguments: (function, args, argnums,
arguments). What one of the targets lacks is named behind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import tapeless

RNG = np.random.default_rng(7)
MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def regression(w, b, x, y):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.01 * np.sum(w**2)


def layers(params, x, y):
    (w1, b1), (w2, b2) = params
    h = np.maximum(x @ w1 + b1, 0)
    return np.mean((np.tanh(h @ w2 + b2) - y) ** 2)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def pendulum(theta):
    a, v = theta[0], theta[1]
    for _ in range(20):
        v = v - 0.01 * np.sin(a) * theta[2]
        a = a + 0.01 * v
    return a**2 + v**2


def scanned(theta):
    def step(carry, _):
        a, v = carry
        v = v - 0.01 * np.sin(a) * theta[2]
        a = a + 0.01 * v
        return (a, v), a

    (a, v), way = tapeless.scan(step, (theta[0], theta[1]), None, length=30)
    return a**2 + v**2 + np.sum(way**2)


def settled(x):
    def going_on(state):
        return state[0] > 1e-3

    def step(state):
        return state[0] * 0.5, state[1] + state[0] * x

    return tapeless.while_loop(going_on, step, (x * 1.0, x * 0.0))[1]


def softmax(w, x, y):
    z = x @ w
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p = p / p.sum(axis=1, keepdims=True)
    return -np.mean(np.sum(y * np.log(p), axis=1))


def option(s, k, t, r, sigma):
    def cdf(x):
        return 0.5 * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))

    d1 = (np.log(s / k) + (r + sigma**2 / 2) * t) / (sigma * np.sqrt(t))
    return np.sum(s * cdf(d1) - k * np.exp(-r * t) * cdf(d1 - sigma * np.sqrt(t)))


def heat(u, k):
    def step(u, _):
        v = u.copy()
        v[1:-1] += k * (u[:-2] - 2 * u[1:-1] + u[2:])
        return v, None

    u, _ = tapeless.scan(step, u, None, length=10)
    return np.sum(u**2)


def plate(u):
    for _ in range(2):
        v = u.copy()
        v[1:-1, 1:-1] += 0.1 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
        u = v
    return np.sum(u**2)


def batchnorm(x, gamma, beta):
    x_norm = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return np.sum(np.tanh(gamma * x_norm + beta) ** 2)


def process(theta, x, y):
    d = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
    k = theta[0] * np.exp(-0.5 * d / theta[1]) + theta[2] * np.eye(len(x))
    return 0.5 * y @ np.linalg.solve(k, y) + 0.5 * np.linalg.slogdet(k)[1]


def triangular(theta, x, y):
    d = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
    chol = np.linalg.cholesky(theta[0] * np.exp(-0.5 * d / theta[1]) + theta[2] * np.eye(len(x)))
    return np.sum(np.linalg.solve(chol, y) ** 2) + np.sum(np.log(np.diag(chol)))


def embedding(table, ids, w):
    return np.sum(np.tanh(table[ids] @ w))


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    s = np.exp(s - s.max(axis=-1, keepdims=True))
    return np.sum((s / s.sum(axis=-1, keepdims=True) @ v) ** 2)


def clusters(c, x):
    return np.mean(np.min(np.sum((x[:, None] - c) ** 2, axis=-1), axis=1))


def huber(x):
    return np.sum(np.where(np.abs(x) < 1, 0.5 * x**2, np.abs(x) - 0.5))


def quadratic(x):
    return 0.5 * x @ MATRIX @ x


def joined(x, y):
    z = np.concatenate([x, y])
    s = np.stack([x, x * 2], axis=1)
    return np.sum(np.cumsum(z) ** 3) + np.sum(s[::-1] ** 2 * np.array([1.0, 2.0]))


def ranked(x, y):
    return np.sum(np.sort(x) * y) + np.sum(np.sort(x)[1:] ** 2)


def lengths(x):
    square = x @ x.T
    return np.linalg.norm(x) + np.sum(np.linalg.norm(x, axis=1)) + np.trace(square) + np.linalg.det(square)


def overwritten(x):
    y = x.copy()
    y[y < 0] = 0.0
    y[2, :] = 1.0
    return np.sum(y**2 * x)


def scalars(a, b, n=3):
    return np.sin(a) * b**n / (1 + a * a)


def products(x):
    return np.sum(np.repeat(x, 3, axis=1) ** 2) + np.sum(np.outer(x[0], x[1])) + np.tensordot(x, x, 2)


class Example(NamedTuple):
    function: Any
    args: str
    arguments: tuple[Any, ...]
    argnums: Any = 0

    def __str__(self) -> str:
        return str(self.function.__name__)


TWO_LAYERS = "((f64[4, 8], f64[8]), (f64[8, 2], f64[2])), f64[20, 4], f64[20, 2]"
POSITIVE = [1 + RNG.random(9) for _ in range(3)]
EXAMPLES = [
    Example(regression, "f64[4], float, f64[n, 4], f64[n]", (normal(4), 0.3, normal(9, 4), RNG.random(9)), ("w", "b")),
    Example(
        layers,
        TWO_LAYERS,
        (((normal(4, 8), normal(8)), (normal(8, 2), normal(2))), normal(20, 4), normal(20, 2)),
    ),
    Example(rosenbrock, "f64[10]", (normal(10),)),
    Example(rosenbrock, "f32[10]", (normal(10).astype(np.float32),)),
    Example(pendulum, "f64[3]", (normal(3),)),
    Example(scanned, "f64[3]", (normal(3),)),
    Example(settled, "float", (0.7,)),
    Example(softmax, "f64[4, 3], f64[n, 4], f64[n, 3]", (normal(4, 3), normal(10, 4), RNG.random((10, 3)))),
    Example(
        softmax,
        "f32[4, 3], f32[5, 4], f32[5, 3]",
        tuple(x.astype(np.float32) for x in (normal(4, 3), normal(5, 4), RNG.random((5, 3)))),
    ),
    Example(option, "f64[9], f64[9], f64[9], float, float", (*POSITIVE, 0.03, 0.2), (0, 2, 3, 4)),
    Example(heat, "f64[30], float", (normal(30), 0.1), (0, 1)),
    Example(plate, "f64[6, 7]", (normal(6, 7),)),
    Example(batchnorm, "f64[9, 3], f64[3], f64[3]", (normal(9, 3), normal(3), normal(3)), (0, 1, 2)),
    Example(process, "f64[3], f64[6, 2], f64[6]", (np.array([1.0, 2.0, 0.3]), normal(6, 2), normal(6))),
    Example(triangular, "f64[3], f64[6, 2], f64[6]", (np.array([1.0, 2.0, 0.3]), normal(6, 2), normal(6))),
    Example(embedding, "f64[10, 3], i64[2, 3], f64[3]", (normal(10, 3), np.array([[1, 2, 2], [0, 9, 9]]), normal(3))),
    Example(attention, "f64[2, 5, 4], f64[2, 5, 4], f64[2, 5, 4]", tuple(normal(3, 2, 5, 4)), (0, 1, 2)),
    Example(clusters, "f64[3, 2], f64[20, 2]", (normal(3, 2), normal(20, 2))),
    Example(huber, "f64[5]", (2 * normal(5),)),
    Example(quadratic, "f64[2]", (normal(2),)),
    Example(joined, "f64[3], f64[4]", (normal(3), normal(4)), (0, 1)),
    Example(ranked, "f64[7], f64[7]", (normal(7), normal(7)), (0, 1)),
    Example(lengths, "f64[3, 4]", (normal(3, 4),)),
    Example(overwritten, "f64[3, 4]", (normal(3, 4),)),
    Example(scalars, "f64, float, n=3", (np.float64(0.3), 0.5, 3), (0, 1)),
    Example(products, "f64[3, 4]", (normal(3, 4),)),
]
