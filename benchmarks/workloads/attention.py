"""Attention with several heads: the mean square of its distance to a target."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def attention(q, k, v, target):
    scores = q @ k.swapaxes(1, 2) / q.shape[-1] ** 0.5
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.mean((weights @ v - target) ** 2)


def attention_best(q, k, v, target):
    """Head by head, so that the scores stay in the cache."""
    heads, n, d = q.shape
    dq, dk, dv = np.empty_like(q), np.empty_like(k), np.empty_like(v)
    weights, dscores = np.empty((2, n, n), q.dtype)
    queries, out = np.empty((2, n, d), q.dtype)
    value, scale = 0.0, d**-0.5
    for h in range(heads):
        np.multiply(q[h], scale, out=queries)
        np.matmul(queries, k[h].T, out=weights)
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=1, keepdims=True)
        np.matmul(weights, v[h], out=out)
        out -= target[h]
        value += np.vdot(out, out)
        out *= 2 / q.size
        np.matmul(weights.T, out, out=dv[h])
        np.matmul(out, v[h].T, out=dscores)
        dscores -= np.vecdot(dscores, weights)[:, None]
        dscores *= weights
        np.matmul(dscores, k[h], out=dq[h])
        dq[h] *= scale
        np.matmul(dscores.T, queries, out=dk[h])
    return value / q.size, (dq, dk, dv)


def attention_naive(q, k, v, target):
    scale = q.shape[-1] ** 0.5
    scores = q @ k.swapaxes(1, 2) / scale
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    gap = weights @ v - target
    dout = 2 * gap / gap.size
    dweights = dout @ v.swapaxes(1, 2)
    dscores = weights * (dweights - np.sum(dweights * weights, axis=-1, keepdims=True)) / scale
    dv = weights.swapaxes(1, 2) @ dout
    return np.mean(gap**2), (dscores @ k, dscores.swapaxes(1, 2) @ q, dv)


WORKLOADS = [
    Workload(
        "attention",
        "attention, 8 heads, 256 x 64",
        attention,
        attention_best,
        attention_naive,
        lambda random, heads, n, d: tuple(random.normal(size=(4, heads, n, d))),
        {"heads": 8, "n": 256, "d": 64},
        {"heads": 2, "n": 5, "d": 3},
        count=3,
        blas=True,
    )
]
