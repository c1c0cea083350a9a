"""What autograd needs written differently: convolutions, writes in place, and the contraction in pairs.

Its gradient of einsum drops optimize=True, and takes minutes.
"""

from __future__ import annotations

import types

import autograd.numpy as np


def conv2d(x, w, b, padding=0):
    """Columns of slices and one product."""
    if padding:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="constant")
    o, _, kh, kw = w.shape
    h, width = x.shape[2] - kh + 1, x.shape[3] - kw + 1
    columns = np.stack([x[:, :, i : i + h, j : j + width] for i in range(kh) for j in range(kw)], axis=2)
    flat = np.transpose(columns, (0, 3, 4, 1, 2)).reshape(len(x) * h * width, -1)
    y = np.dot(flat, w.reshape(o, -1).T) + b
    return np.transpose(y.reshape(len(x), h, width, o), (0, 3, 1, 2))


def max_pool2d(x, size):
    n, c, h, w = x.shape
    return np.max(x.reshape(n, c, h // size, size, w // size, size), axis=(3, 5))


nn = types.SimpleNamespace(conv2d=conv2d, max_pool2d=max_pool2d)


def heat(u, conductivity, steps):
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        u = u + np.pad(conductivity * flow, 1, mode="constant")
    return np.sum(u * u)


def contraction(a, b, c, d):
    first = np.tensordot(a, b, ([1], [0]))  # p j k
    second = np.tensordot(first, c, ([1], [0]))  # p k l
    return np.sum(np.tensordot(second, d, ([1, 2], [0, 1])) ** 2)


PROGRAMS = {"heat": heat, "contraction": contraction}
REFUSED = {"messages": "autograd has no scatter-add"}
