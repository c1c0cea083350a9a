"""Rosenbrock's function and logistic regression: small arrays, where each call counts."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_best(x):
    head = x[:-1]
    bend = x[1:] - head * head
    gap = 1 - head
    dx = np.empty_like(x)
    dx[0] = 0.0
    np.multiply(bend, 200.0, out=dx[1:])
    dx[:-1] -= 400.0 * bend * head + 2.0 * gap
    return 100.0 * bend.dot(bend) + gap.dot(gap), (dx,)


def rosenbrock_naive(x):
    value = np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    dx = np.zeros_like(x)
    dx[:-1] += -400.0 * (x[1:] - x[:-1] ** 2) * x[:-1] - 2 * (1 - x[:-1])
    dx[1:] += 200.0 * (x[1:] - x[:-1] ** 2)
    return value, (dx,)


def logistic(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_best(w, x, y):
    n = len(y)
    p = x @ w
    np.negative(p, out=p)
    np.exp(p, out=p)
    p += 1
    np.reciprocal(p, out=p)
    logs = np.log(p)
    value = y.dot(logs)
    other = np.subtract(1, p)
    np.log(other, out=logs)
    value += logs.sum() - y.dot(logs)
    p -= y
    dw = p @ x
    dw /= n
    return -value / n, (dw,)


def logistic_naive(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    value = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return value, (x.T @ ((p - y) / len(y)),)


def logistic_arguments(random, n, d):
    w = random.normal(size=d) / d**0.5
    return w, random.normal(size=(n, d)), random.integers(0, 2, n) * 1.0


WORKLOADS = [
    Workload(
        "rosenbrock",
        "Rosenbrock, 10",
        rosenbrock,
        rosenbrock_best,
        rosenbrock_naive,
        lambda random, n: (random.normal(size=n),),
        {"n": 10},
        {"n": 4},
    ),
    *(
        Workload(
            f"logistic-{n}",
            f"logistic regression, {n:,} x {d}",
            logistic,
            logistic_best,
            logistic_naive,
            logistic_arguments,
            {"n": n, "d": d},
            {"n": 7, "d": 3},
            blas=True,
        )
        for n, d in ((50, 10), (10_000, 100))
    ),
]
