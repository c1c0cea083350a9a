"""An LSTM: the mean square of the distance of its last state to a target."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def lstm(wx, wh, b, xs, target):
    n, d = target.shape
    h = np.zeros((n, d))
    c = np.zeros((n, d))
    for x in xs:
        z = x @ wx + h @ wh + b
        i = 1 / (1 + np.exp(-z[:, :d]))
        f = 1 / (1 + np.exp(-z[:, d : 2 * d]))
        o = 1 / (1 + np.exp(-z[:, 2 * d : 3 * d]))
        g = np.tanh(z[:, 3 * d :])
        c = f * c + i * g
        h = o * np.tanh(c)
    return np.mean((h - target) ** 2)


def lstm_best(wx, wh, b, xs, target):
    """The inputs' product for all steps at once, the gates side by side, the weights' gradients in one product each."""
    steps, n, width = xs.shape
    d = target.shape[1]
    gates = (xs.reshape(steps * n, width) @ wx).reshape(steps, n, 4 * d)
    gates += b
    hs, cs = np.zeros((2, steps + 1, n, d))
    tanhs, product, room = np.empty((steps, n, d)), np.empty((n, 4 * d)), np.empty((n, d))
    for t in range(steps):
        z = gates[t]
        z += np.matmul(hs[t], wh, out=product)
        sigmoids = z[:, : 3 * d]
        np.negative(sigmoids, out=sigmoids)
        np.exp(sigmoids, out=sigmoids)
        sigmoids += 1
        np.reciprocal(sigmoids, out=sigmoids)
        g = z[:, 3 * d :]
        np.tanh(g, out=g)
        np.multiply(z[:, d : 2 * d], cs[t], out=cs[t + 1])
        cs[t + 1] += np.multiply(z[:, :d], g, out=room)
        np.tanh(cs[t + 1], out=tanhs[t])
        np.multiply(z[:, 2 * d : 3 * d], tanhs[t], out=hs[t + 1])
    gap = hs[-1] - target
    value = np.vdot(gap, gap) / gap.size
    dh = gap * (2 / gap.size)
    dc = np.zeros((n, d))
    back = np.ascontiguousarray(wh.T)
    slope = np.empty((n, 3 * d))
    for t in range(steps - 1, -1, -1):
        z = gates[t]  # becomes its own cotangent
        i, f, o, g = z[:, :d], z[:, d : 2 * d], z[:, 2 * d : 3 * d], z[:, 3 * d :]
        np.multiply(tanhs[t], tanhs[t], out=room)
        np.subtract(1, room, out=room)
        room *= dh
        room *= o
        dc += room
        np.multiply(z[:, : 3 * d], z[:, : 3 * d], out=slope)
        np.subtract(z[:, : 3 * d], slope, out=slope)
        np.multiply(g, g, out=room)
        np.subtract(1, room, out=room)
        room *= i
        room *= dc
        np.multiply(dc, g, out=i)
        g[...] = room
        np.multiply(dc, f, out=room)
        np.multiply(dc, cs[t], out=f)
        np.multiply(dh, tanhs[t], out=o)
        z[:, : 3 * d] *= slope
        dc, room = room, dc
        np.matmul(z, back, out=dh)
    flat = gates.reshape(steps * n, 4 * d)
    dwh = hs[:-1].reshape(steps * n, d).T @ flat
    return value, (xs.reshape(steps * n, width).T @ flat, dwh, flat.sum(axis=0))


def lstm_naive(wx, wh, b, xs, target):
    n, d = target.shape
    h, c = np.zeros((n, d)), np.zeros((n, d))
    kept = []
    for x in xs:
        z = x @ wx + h @ wh + b
        i = 1 / (1 + np.exp(-z[:, :d]))
        f = 1 / (1 + np.exp(-z[:, d : 2 * d]))
        o = 1 / (1 + np.exp(-z[:, 2 * d : 3 * d]))
        g = np.tanh(z[:, 3 * d :])
        kept.append((x, h, c, i, f, o, g))
        c = f * c + i * g
        h = o * np.tanh(c)
    value = np.mean((h - target) ** 2)
    dh = 2 * (h - target) / h.size
    dc = np.zeros((n, d))
    dwx, dwh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for x, h, c, i, f, o, g in reversed(kept):
        tanh_c = np.tanh(f * c + i * g)
        dc = dc + dh * o * (1 - tanh_c**2)
        gates = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * tanh_c * o * (1 - o), dc * i * (1 - g**2)
        dz = np.concatenate(gates, axis=1)
        dwx += x.T @ dz
        dwh += h.T @ dz
        db += dz.sum(axis=0)
        dh = dz @ wh.T
        dc = dc * f
    return value, (dwx, dwh, db)


def lstm_arguments(random, steps, n, width, d):
    weights = random.normal(size=(width, 4 * d)) / width**0.5, random.normal(size=(d, 4 * d)) / d**0.5
    return *weights, random.normal(size=4 * d), random.normal(size=(steps, n, width)), random.normal(size=(n, d))


WORKLOADS = [
    Workload(
        "lstm",
        "LSTM, 50 steps, batch 32, 64 to 128",
        lstm,
        lstm_best,
        lstm_naive,
        lstm_arguments,
        {"steps": 50, "n": 32, "width": 64, "d": 128},
        {"steps": 3, "n": 2, "width": 3, "d": 4},
        count=3,
        blas=True,
    )
]
