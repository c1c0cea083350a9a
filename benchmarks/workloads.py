"""Functions to differentiate, each beside the best gradient that a person would write by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Workload:
    """`by_hand` returns (value, gradients of the first `count` arguments)."""

    name: str
    function: Callable[..., Any]
    by_hand: Callable[..., Any]
    arguments: Arguments
    count: int


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    head = x[:-1]
    bend = x[1:] - head**2
    gap = 1 - head
    value = np.sum(100.0 * bend**2 + gap**2)
    dx = np.zeros_like(x)
    dx[:-1] = -400 * bend * head - 2 * gap
    dx[1:] += 200 * bend
    return value, (dx,)


def logistic(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_by_hand(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    value = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return value, (x.T @ ((p - y) / len(y)),)


def perceptron(w1, b1, w2, b2, x, t):
    h = np.maximum(x @ w1 + b1, 0)
    scores = h @ w2 + b2
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(t)), t]))


def perceptron_by_hand(w1, b1, w2, b2, x, t):
    n = len(t)
    h = np.maximum(x @ w1 + b1, 0)
    scores = h @ w2 + b2
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(n)
    value = -np.mean(np.log(p[rows, t]))
    p[rows, t] -= 1
    p /= n
    dh = p @ w2.T
    dh[h <= 0] = 0
    return value, (x.T @ dh, dh.sum(axis=0), h.T @ p, p.sum(axis=0))


def batchnorm(x, gamma, beta):
    mu = x.mean(axis=0)
    xc = x - mu
    std = np.sqrt(np.mean(xc**2, axis=0) + 1e-5)
    return np.sum(np.tanh(gamma * (xc / std) + beta))


def batchnorm_by_hand(x, gamma, beta):
    n = len(x)
    xc = x - x.mean(axis=0)
    std = np.sqrt(np.mean(xc**2, axis=0) + 1e-5)
    x_norm = xc / std
    y = np.tanh(gamma * x_norm + beta)
    dout = 1 - y * y
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * x_norm, axis=0)
    dx_norm = dout * gamma
    dxc = dx_norm / std
    dstd = -np.sum(dx_norm * x_norm, axis=0) / std
    dxc += dstd / (n * std) * xc
    return y.sum(), (dxc - dxc.mean(axis=0), dgamma, dbeta)


def pendulum(theta, omega):
    for _ in range(300):
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    return theta


def pendulum_by_hand(theta, omega):
    kept = []
    for _ in range(300):
        kept.append(theta)
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    dtheta, domega = 1.0, 0.0
    for angle in reversed(kept):
        domega += 0.01 * dtheta
        dtheta -= 0.01 * domega * np.cos(angle)
    return theta, (dtheta, domega)


def workloads() -> list[Workload]:
    """All of them, with fixed random arguments."""
    random = np.random.default_rng(0)
    normal = random.normal
    labels = random.integers(0, 10, 128)
    return [
        Workload("Rosenbrock, 10", rosenbrock, rosenbrock_by_hand, (normal(size=10),), 1),
        Workload(
            "logistic regression, 1,000 x 50",
            logistic,
            logistic_by_hand,
            (normal(size=50) / 7, normal(size=(1000, 50)), random.integers(0, 2, 1000) * 1.0),
            1,
        ),
        Workload(
            "perceptron, 128 x 784-256-10",
            perceptron,
            perceptron_by_hand,
            (normal(size=(784, 256)) / 28, normal(size=256), normal(size=(256, 10)) / 16, normal(size=10))
            + (normal(size=(128, 784)), labels),
            4,
        ),
        Workload(
            "batch norm, 1,024 x 256",
            batchnorm,
            batchnorm_by_hand,
            (normal(size=(1024, 256)), normal(size=256), normal(size=256)),
            3,
        ),
        Workload("pendulum, 300 steps", pendulum, pendulum_by_hand, (0.3, 0.1), 2),
    ]
