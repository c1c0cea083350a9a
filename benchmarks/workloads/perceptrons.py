"""Perceptrons with one and two hidden layers, and softmax cross-entropy alone."""

from __future__ import annotations

import itertools

import numpy as np

from .workload import Workload


def cross_entropy(scores, labels):
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def cross_entropy_best(scores, labels):
    """In blocks of rows that stay in the cache."""
    n, k = scores.shape
    dscores = np.empty_like(scores)
    value = 0.0
    step = max(1, 32768 // k)
    for start in range(0, n, step):
        label = labels[start : start + step]
        rows = np.arange(len(label))
        p = dscores[start : start + step]
        np.subtract(scores[start : start + step], scores[start : start + step].max(axis=1, keepdims=True), out=p)
        value -= p[rows, label].sum()
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        value += np.log(total).sum()
        total *= n
        p /= total
        p[rows, label] -= 1 / n
    return scores.dtype.type(value / n), (dscores,)


def cross_entropy_naive(scores, labels):
    n = len(labels)
    rows = np.arange(n)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    value = -np.mean(np.log(p[rows, labels]))
    dscores = p.copy()
    dscores[rows, labels] -= 1
    return value, (dscores / n,)


def perceptron2(w1, b1, w2, b2, x, labels):
    h = np.maximum(x @ w1 + b1, 0)
    return cross_entropy(h @ w2 + b2, labels)


def perceptron2_best(w1, b1, w2, b2, x, labels):
    h = x @ w1
    h += b1
    np.maximum(h, 0, out=h)
    scores = h @ w2
    scores += b2
    value, (dscores,) = cross_entropy_best(scores, labels)
    dh = dscores @ w2.T
    dh *= h > 0
    return value, (x.T @ dh, dh.sum(axis=0), h.T @ dscores, dscores.sum(axis=0))


def perceptron2_naive(w1, b1, w2, b2, x, labels):
    a = x @ w1 + b1
    h = np.maximum(a, 0)
    value, (dscores,) = cross_entropy_naive(h @ w2 + b2, labels)
    da = (dscores @ w2.T) * (a > 0)
    return value, (x.T @ da, da.sum(axis=0), h.T @ dscores, dscores.sum(axis=0))


def perceptron3(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    return cross_entropy(h2 @ w3 + b3, labels)


def perceptron3_best(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = x @ w1
    h1 += b1
    np.maximum(h1, 0, out=h1)
    h2 = h1 @ w2
    h2 += b2
    np.maximum(h2, 0, out=h2)
    scores = h2 @ w3
    scores += b3
    value, (dscores,) = cross_entropy_best(scores, labels)
    dh2 = dscores @ w3.T
    dh2 *= h2 > 0
    dh1 = dh2 @ w2.T
    dh1 *= h1 > 0
    dw1, dw2, dw3 = x.T @ dh1, h1.T @ dh2, h2.T @ dscores
    return value, (dw1, dh1.sum(axis=0), dw2, dh2.sum(axis=0), dw3, dscores.sum(axis=0))


def perceptron3_naive(w1, b1, w2, b2, w3, b3, x, labels):
    a1 = x @ w1 + b1
    h1 = np.maximum(a1, 0)
    a2 = h1 @ w2 + b2
    h2 = np.maximum(a2, 0)
    value, (dscores,) = cross_entropy_naive(h2 @ w3 + b3, labels)
    da2 = (dscores @ w3.T) * (a2 > 0)
    da1 = (da2 @ w2.T) * (a1 > 0)
    dw1, dw2, dw3 = x.T @ da1, h1.T @ da2, h2.T @ dscores
    return value, (dw1, da1.sum(axis=0), dw2, da2.sum(axis=0), dw3, dscores.sum(axis=0))


def perceptron_arguments(random, n, widths, dtype):
    weights = []
    for d, k in itertools.pairwise(widths):
        weights += [(random.normal(size=(d, k)) / d**0.5).astype(dtype), random.normal(size=k).astype(dtype)]
    return *weights, random.normal(size=(n, widths[0])).astype(dtype), random.integers(0, widths[-1], n)


def cross_entropy_arguments(random, n, k):
    return random.normal(size=(n, k)), random.integers(0, k, n)


def perceptron(layers, function, best, naive, widths, small):
    return [
        Workload(
            f"perceptron{layers}-{dtype[-2:]}",
            f"perceptron, 128 x {'-'.join(map(str, widths))}, {dtype}",
            function,
            best,
            naive,
            perceptron_arguments,
            {"n": 128, "widths": widths, "dtype": dtype},
            {"n": 5, "widths": small, "dtype": dtype},
            count=2 * layers,
            blas=True,
        )
        for dtype in ("float32", "float64")
    ]


WORKLOADS = [
    *perceptron(2, perceptron2, perceptron2_best, perceptron2_naive, (784, 512, 10), (6, 5, 3)),
    *perceptron(3, perceptron3, perceptron3_best, perceptron3_naive, (784, 512, 256, 10), (6, 5, 4, 3)),
    Workload(
        "cross-entropy",
        "softmax cross-entropy, 1,024 x 1,000",
        cross_entropy,
        cross_entropy_best,
        cross_entropy_naive,
        cross_entropy_arguments,
        {"n": 1024, "k": 1000},
        {"n": 6, "k": 4},
    ),
]
