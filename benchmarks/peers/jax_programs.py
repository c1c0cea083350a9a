"""What JAX needs written differently: convolutions, writes as .at[], the heat equation as a scan.

Unrolled, its hundred steps kept XLA compiling for minutes.
"""

from __future__ import annotations

import types

import jax
import jax.numpy as np


def conv2d(x, w, b, padding=0):
    y = jax.lax.conv_general_dilated(x, w, (1, 1), ((padding, padding), (padding, padding)))
    return y + b[:, None, None]


def max_pool2d(x, size):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // size, size, w // size, size).max(axis=(3, 5))


nn = types.SimpleNamespace(conv2d=conv2d, max_pool2d=max_pool2d)


def heat(u, conductivity, steps):
    def step(u, _):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        return u.at[1:-1, 1:-1].add(conductivity * flow), None

    u, _ = jax.lax.scan(step, u, length=steps)
    return np.sum(u * u)


def messages(nodes, strengths, source, target):
    sums = np.zeros_like(nodes).at[target].add(nodes[source] * strengths[:, None])
    return np.sum(np.tanh(sums) ** 2)


PROGRAMS = {"heat": heat, "messages": messages}
REFUSED: dict[str, str] = {}
