"""Batch norm and layer norm under tanh."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def batch_norm(x, gamma, beta):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    x_norm = xc / np.sqrt(var + 1e-5)
    return np.sum(np.tanh(gamma * x_norm + beta))


def batch_norm_best(x, gamma, beta):
    """Three passes in blocks of rows: the variance; tanh and the sums; dx."""
    n, d = x.shape
    step = max(1, 32768 // d)
    mu = x.mean(axis=0)
    var = np.zeros_like(mu)
    buffer = np.empty((step, d), x.dtype)
    for start in range(0, n, step):
        block = x[start : start + step]
        xc = np.subtract(block, mu, out=buffer[: len(block)])
        var += np.einsum("ij,ij->j", xc, xc)
    inverse = 1 / np.sqrt(var / n + 1e-5)
    slope, shift = gamma * inverse, beta - gamma * inverse * mu
    dx = np.empty_like(x)
    value, dbeta, moment = 0.0, np.zeros_like(beta), np.zeros_like(beta)
    for start in range(0, n, step):
        block, dy = x[start : start + step], dx[start : start + step]
        np.multiply(block, slope, out=dy)
        dy += shift
        np.tanh(dy, out=dy)
        value += dy.sum()
        np.multiply(dy, dy, out=dy)
        np.subtract(1, dy, out=dy)
        dbeta += dy.sum(axis=0)
        moment += np.einsum("ij,ij->j", dy, block)
    dgamma = (moment - mu * dbeta) * inverse
    by_x = -slope * inverse * dgamma / n
    constant = -slope * dbeta / n - by_x * mu
    for start in range(0, n, step):
        block, dy = x[start : start + step], dx[start : start + step]
        dy *= slope
        dy += constant
        dy += np.multiply(block, by_x, out=buffer[: len(block)])
    return value, (dx, dgamma, dbeta)


def batch_norm_naive(x, gamma, beta):
    n = len(x)
    xc = x - x.mean(axis=0)
    std = np.sqrt(np.mean(xc**2, axis=0) + 1e-5)
    x_norm = xc / std
    y = np.tanh(gamma * x_norm + beta)
    dout = 1 - y**2
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * x_norm, axis=0)
    dx_norm = dout * gamma
    dvar = np.sum(dx_norm * xc, axis=0) * -0.5 * std**-3
    dmu = -np.sum(dx_norm / std, axis=0) - 2 * dvar * np.mean(xc, axis=0)
    return y.sum(), (dx_norm / std + dvar * 2 * xc / n + dmu / n, dgamma, dbeta)


def layer_norm(x, gamma, beta):
    xc = x - x.mean(axis=1, keepdims=True)
    var = np.mean(xc**2, axis=1, keepdims=True)
    x_norm = xc / np.sqrt(var + 1e-5)
    return np.sum(np.tanh(gamma * x_norm + beta))


def layer_norm_best(x, gamma, beta):
    """Everything of a block of rows at once, as rows do not meet."""
    n, d = x.shape
    step = max(1, 16384 // d)
    dx = np.empty_like(x)
    normal, buffer = np.empty((step, d), x.dtype), np.empty((step, d), x.dtype)
    value, dgamma, dbeta = 0.0, np.zeros_like(gamma), np.zeros_like(beta)
    for start in range(0, n, step):
        block, dy = x[start : start + step], dx[start : start + step]
        x_norm, work = normal[: len(block)], buffer[: len(block)]
        np.subtract(block, block.mean(axis=1, keepdims=True), out=x_norm)
        inverse = 1 / np.sqrt(np.vecdot(x_norm, x_norm) / d + 1e-5)[:, None]
        x_norm *= inverse
        np.multiply(x_norm, gamma, out=dy)
        dy += beta
        np.tanh(dy, out=dy)
        value += dy.sum()
        np.multiply(dy, dy, out=dy)
        np.subtract(1, dy, out=dy)
        dbeta += dy.sum(axis=0)
        dgamma += np.einsum("ij,ij->j", dy, x_norm)
        dy *= gamma
        along = np.vecdot(dy, x_norm)[:, None] / d
        dy -= dy.mean(axis=1, keepdims=True)
        dy -= np.multiply(x_norm, along, out=work)
        dy *= inverse
    return value, (dx, dgamma, dbeta)


def layer_norm_naive(x, gamma, beta):
    d = x.shape[1]
    xc = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt(np.mean(xc**2, axis=1, keepdims=True) + 1e-5)
    x_norm = xc / std
    y = np.tanh(gamma * x_norm + beta)
    dout = 1 - y**2
    dx_norm = dout * gamma
    dvar = np.sum(dx_norm * xc, axis=1, keepdims=True) * -0.5 * std**-3
    dmu = -np.sum(dx_norm / std, axis=1, keepdims=True)
    dx = dx_norm / std + dvar * 2 * xc / d + dmu / d
    return y.sum(), (dx, np.sum(dout * x_norm, axis=0), dout.sum(axis=0))


def arguments(random, n, d):
    return random.normal(size=(n, d)), random.normal(size=d), random.normal(size=d)


WORKLOADS = [
    Workload(
        f"{name}-norm",
        f"{name} norm, 4,096 x 512",
        function,
        best,
        naive,
        arguments,
        {"n": 4096, "d": 512},
        {"n": 70, "d": 3},
        count=3,
    )
    for name, function, best, naive in (
        ("batch", batch_norm, batch_norm_best, batch_norm_naive),
        ("layer", layer_norm, layer_norm_best, layer_norm_naive),
    )
]
