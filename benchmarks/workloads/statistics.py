"""The log-likelihood of a Gaussian mixture (ADBench's, without its constants) and of a Gaussian process."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def triangle(d):
    """Where the element [i, j] below the diagonal stands among the numbers of icf[k], and whether it is below."""
    i, j = np.indices((d, d))
    below = i > j
    return np.where(below, d + i * (i - 1) // 2 + j, 0), below * 1.0


def mixture(alphas, means, icf, x):
    """Jin Li's parametrization as in ADBench: icf[k] are the logarithms of the diagonal, then the lower triangle."""
    n, d = x.shape
    where, below = triangle(d)
    logs = icf[:, :d]
    diagonal = np.exp(logs)
    factor = icf[:, where] * below + diagonal[:, :, None] * np.eye(d)
    moved = (x - means[:, None, :]) @ factor.swapaxes(1, 2)
    inner = (alphas + logs.sum(axis=1))[:, None] - 0.5 * np.sum(moved**2, axis=2)
    largest = inner.max(axis=0)
    likelihood = np.sum(largest + np.log(np.exp(inner - largest).sum(axis=0)))
    top = alphas.max()
    prior = 0.5 * (np.sum(diagonal**2) + np.sum(icf[:, d:] ** 2))
    return likelihood - n * (top + np.log(np.exp(alphas - top).sum())) + prior


def mixture_best(alphas, means, icf, x):
    n, d = x.shape
    k = len(alphas)
    rows, columns = np.tril_indices(d, -1)
    logs, lower = icf[:, :d], icf[:, d:]
    diagonal = np.exp(logs)
    factor = np.zeros((k, d, d))
    factor[:, rows, columns] = lower
    factor[:, range(d), range(d)] = diagonal
    centered = np.ascontiguousarray(x.T) - means[:, :, None]
    moved = factor @ centered
    inner = np.einsum("kin,kin->kn", moved, moved)
    inner *= -0.5
    inner += (alphas + logs.sum(axis=1))[:, None]
    largest = inner.max(axis=0)
    inner -= largest
    weights = np.exp(inner, out=inner)
    total = weights.sum(axis=0)
    weights /= total
    top = alphas.max()
    shares = np.exp(alphas - top)
    mass = shares.sum()
    value = largest.sum() + np.log(total).sum() - n * (top + np.log(mass))
    value += 0.5 * (np.vdot(diagonal, diagonal) + np.vdot(lower, lower))
    counts = weights.sum(axis=1)
    moved *= weights[:, None]
    dfactor = moved @ centered.swapaxes(1, 2)
    dmeans = (moved.sum(axis=2)[:, None] @ factor)[:, 0]
    dicf = np.empty_like(icf)
    np.subtract(diagonal, dfactor[:, range(d), range(d)], out=dicf[:, :d])
    dicf[:, :d] *= diagonal
    dicf[:, :d] += counts[:, None]
    np.subtract(lower, dfactor[:, rows, columns], out=dicf[:, d:])
    return value, (counts - shares * (n / mass), dmeans, dicf)


def mixture_naive(alphas, means, icf, x):
    n, d = x.shape
    rows, columns = np.tril_indices(d, -1)
    value = -n * np.log(np.sum(np.exp(alphas)))
    factors = []
    inner = np.empty((n, len(alphas)))
    for k in range(len(alphas)):
        factor = np.diag(np.exp(icf[k, :d]))
        factor[rows, columns] = icf[k, d:]
        factors.append(factor)
        inner[:, k] = alphas[k] + np.sum(icf[k, :d]) - 0.5 * np.sum(((x - means[k]) @ factor.T) ** 2, axis=1)
        value += 0.5 * np.sum(factor**2)
    largest = inner.max(axis=1, keepdims=True)
    weights = np.exp(inner - largest)
    value += np.sum(largest) + np.sum(np.log(weights.sum(axis=1)))
    weights = weights / weights.sum(axis=1, keepdims=True)
    dalphas = weights.sum(axis=0) - n * np.exp(alphas) / np.sum(np.exp(alphas))
    dmeans, dicf = np.zeros_like(means), np.zeros_like(icf)
    for k, factor in enumerate(factors):
        centered = x - means[k]
        dmoved = -weights[:, k : k + 1] * (centered @ factor.T)
        dmeans[k] = -np.sum(dmoved @ factor, axis=0)
        dfactor = dmoved.T @ centered + factor
        dicf[k, :d] = weights[:, k].sum() + np.diag(dfactor) * np.diag(factor)
        dicf[k, d:] = dfactor[rows, columns]
    return value, (dalphas, dmeans, dicf)


def mixture_arguments(random, n, d, k):
    means, icf = random.normal(size=(k, d)), random.normal(size=(k, d * (d + 1) // 2)) / 2
    return random.normal(size=k), means, icf, random.normal(size=(n, d))


def process(log_lengths, log_signal, log_noise, x, y):
    """The negative log marginal likelihood with a squared-exponential kernel, a length for each input."""
    z = x / np.exp(log_lengths)
    squares = np.sum(z**2, axis=1)
    distances = squares[:, None] + squares - 2 * z @ z.T
    covariance = np.exp(2 * log_signal - 0.5 * distances) + np.exp(2 * log_noise) * np.eye(len(x))
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * np.log(2 * np.pi)


def inverse_of_lower(factor):
    """The inverse of a lower triangular matrix in halves: products, which run at the speed of BLAS."""
    n = len(factor)
    if n <= 64:
        return np.linalg.inv(factor)
    half = n // 2
    inverse = np.zeros_like(factor)
    inverse[:half, :half] = first = inverse_of_lower(factor[:half, :half])
    inverse[half:, half:] = second = inverse_of_lower(factor[half:, half:])
    np.matmul(second, factor[half:, :half] @ -first, out=inverse[half:, :half])
    return inverse


def process_best(log_lengths, log_signal, log_noise, x, y):
    n = len(y)
    noise = np.exp(2 * log_noise)
    z = x / np.exp(log_lengths)
    halves = np.vecdot(z, z)
    halves *= -0.5
    kernel = z @ z.T
    kernel += halves
    kernel += (halves + 2 * log_signal)[:, None]
    np.exp(kernel, out=kernel)
    covariance = kernel.copy()
    covariance.flat[:: n + 1] += noise
    factor = np.linalg.cholesky(covariance)
    inverse = inverse_of_lower(factor)
    white = inverse @ y
    value = 0.5 * white.dot(white) + np.log(factor.diagonal()).sum() + 0.5 * n * np.log(2 * np.pi)
    solved = white @ inverse
    dcovariance = np.matmul(inverse.T, inverse, out=covariance)
    dcovariance -= np.multiply(solved[:, None], solved, out=factor)
    dlog_noise = noise * dcovariance.trace()
    dcovariance *= kernel
    rows = dcovariance.sum(axis=1)
    # sum of m[i, j] * (z[i] - z[j])**2 / 2, for a symmetric m
    dlog_lengths = rows @ (z * z) - np.einsum("ij,ij->j", z, dcovariance @ z)
    return value, (dlog_lengths, rows.sum(), dlog_noise)


def process_naive(log_lengths, log_signal, log_noise, x, y):
    z = x / np.exp(log_lengths)
    apart = z[:, None, :] - z
    kernel = np.exp(2 * log_signal - 0.5 * np.sum(apart**2, axis=2))
    covariance = kernel + np.exp(2 * log_noise) * np.eye(len(x))
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    solved = inverse @ y
    value = 0.5 * y @ solved + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * np.log(2 * np.pi)
    dcovariance = 0.5 * (inverse - np.outer(solved, solved))
    dkernel = dcovariance * kernel
    dlog_lengths = np.sum(dkernel[:, :, None] * apart**2, axis=(0, 1))
    return value, (dlog_lengths, 2 * np.sum(dkernel), 2 * np.exp(2 * log_noise) * np.trace(dcovariance))


def process_arguments(random, n, d):
    x = random.normal(size=(n, d))
    return random.normal(size=d) / 4 + 0.5, 0.2, -1.0, x, np.sin(x.sum(axis=1)) + 0.3 * random.normal(size=n)


WORKLOADS = [
    Workload(
        "mixture",
        "Gaussian mixture, 1,000 x 10, 25 components",
        mixture,
        mixture_best,
        mixture_naive,
        mixture_arguments,
        {"n": 1000, "d": 10, "k": 25},
        {"n": 6, "d": 3, "k": 2},
        count=3,
        blas=True,
    ),
    Workload(
        "process",
        "Gaussian process, 500 points, Cholesky",
        process,
        process_best,
        process_naive,
        process_arguments,
        {"n": 500, "d": 5},
        {"n": 6, "d": 2},
        count=3,
        blas=True,
    ),
]
