"""The workloads' functions in PyTorch."""

from __future__ import annotations

import torch
from torch.nn import functional


def rosenbrock(x):
    return torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic(w, x, y):
    p = torch.sigmoid(x @ w)
    return -torch.mean(y * torch.log(p) + (1 - y) * torch.log(1 - p))


def perceptron2(w1, b1, w2, b2, x, labels):
    h = torch.relu(torch.addmm(b1, x, w1))
    return functional.cross_entropy(torch.addmm(b2, h, w2), labels)


def perceptron3(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = torch.relu(torch.addmm(b1, x, w1))
    h2 = torch.relu(torch.addmm(b2, h1, w2))
    return functional.cross_entropy(torch.addmm(b3, h2, w3), labels)


def cross_entropy(scores, labels):
    return functional.cross_entropy(scores, labels)


def batch_norm(x, gamma, beta):
    return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5).tanh().sum()


def layer_norm(x, gamma, beta):
    return functional.layer_norm(x, gamma.shape, gamma, beta, eps=1e-5).tanh().sum()


def convolution(x, w, b):
    y = functional.conv2d(x, w, b, padding=1)
    return torch.mean(torch.relu(y) ** 2)


def lenet(w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, labels):
    h = functional.max_pool2d(torch.relu(functional.conv2d(x, w1, b1, padding=2)), 2)
    h = functional.max_pool2d(torch.relu(functional.conv2d(h, w2, b2)), 2)
    h = torch.relu(torch.addmm(b3, h.flatten(1), w3))
    h = torch.relu(torch.addmm(b4, h, w4))
    return functional.cross_entropy(torch.addmm(b5, h, w5), labels)


def attention(q, k, v, target):
    weights = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1)
    return torch.mean((weights @ v - target) ** 2)


def lstm(wx, wh, b, xs, target):
    d = target.shape[1]
    h, c = torch.zeros_like(target), torch.zeros_like(target)
    for x in xs:
        z = torch.addmm(torch.addmm(b, x, wx), h, wh)
        i, f, o = torch.sigmoid(z[:, : 3 * d]).chunk(3, dim=1)
        c = f * c + i * torch.tanh(z[:, 3 * d :])
        h = o * torch.tanh(c)
    return torch.mean((h - target) ** 2)


def pendulum(theta, omega, steps):
    for _ in range(steps):
        omega = omega - 0.01 * torch.sin(theta)
        theta = theta + 0.01 * omega
    return theta


def predators(x, y, a, b, c, d, steps):
    for _ in range(steps):
        dx = x * (a - b * y)
        dy = y * (c * x - d)
        middle_x = x + 0.005 * dx
        middle_y = y + 0.005 * dy
        x = x + 0.01 * (middle_x * (a - b * middle_y))
        y = y + 0.01 * (middle_y * (c * middle_x - d))
    return x * x + y


def heat(u, conductivity, steps):
    u = u.clone()
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += conductivity * flow
    return torch.sum(u * u)


def normal_cdf(z):
    a = torch.abs(z)
    t = 1 / (1 + 0.2316419 * a)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = 0.3989422804014327 * torch.exp(-0.5 * a * a) * series
    return torch.where(z > 0, 1 - tail, tail)


def black_scholes(spot, volatility, rate, strike, time):
    deviation = volatility * torch.sqrt(time)
    d1 = (torch.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / deviation
    d2 = d1 - deviation
    return torch.sum(spot * normal_cdf(d1) - strike * torch.exp(-rate * time) * normal_cdf(d2))


def chain(x, y):
    a = torch.sin(x) * y
    b = torch.exp(-a * a)
    c = b + 0.5 * x
    d = torch.tanh(c) * a
    e = torch.sqrt(1 + d * d)
    f = torch.log(e + b)
    g = f * y - d / e
    h = torch.cos(g) + g * g
    return torch.sum(h * b)


def mixture(alphas, means, icf, x):
    n, d = x.shape
    i, j = torch.tril_indices(d, d, -1)
    logs = icf[:, :d]
    diagonal = torch.exp(logs)
    factor = torch.diag_embed(diagonal)
    factor[:, i, j] = icf[:, d:]
    moved = (x - means[:, None, :]) @ factor.transpose(1, 2)
    inner = (alphas + logs.sum(dim=1))[:, None] - 0.5 * torch.sum(moved**2, dim=2)
    prior = 0.5 * (torch.sum(diagonal**2) + torch.sum(icf[:, d:] ** 2))
    return torch.logsumexp(inner, dim=0).sum() - n * torch.logsumexp(alphas, dim=0) + prior


def process(log_lengths, log_signal, log_noise, x, y):
    z = x / torch.exp(log_lengths)
    squares = torch.sum(z**2, dim=1)
    distances = squares[:, None] + squares - 2 * z @ z.T
    noise = torch.exp(2 * log_noise) * torch.eye(len(x), dtype=x.dtype)
    covariance = torch.exp(2 * log_signal - 0.5 * distances) + noise
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, y[:, None], upper=False)[:, 0]
    return 0.5 * white @ white + torch.sum(torch.log(torch.diag(factor))) + 0.5 * len(y) * 1.8378770664093453


def reprojection(cameras, points, weights, camera, point, features):
    rotation, centre = cameras[:, :3], cameras[:, 3:6]
    angle = torch.sqrt(torch.sum(rotation**2, dim=1, keepdim=True))
    axis = (rotation / angle)[camera]
    cosine, sine = torch.cos(angle)[camera], torch.sin(angle)[camera]
    seen = points[point] - centre[camera]
    along = torch.sum(axis * seen, dim=1, keepdim=True)
    seen = seen * cosine + torch.linalg.cross(axis, seen) * sine + axis * along * (1 - cosine)
    flat = seen[:, :2] / seen[:, 2:]
    square = torch.sum(flat**2, dim=1, keepdim=True)
    inner = cameras[:, 6:][camera]
    bent = flat * (1 + inner[:, 3:4] * square + inner[:, 4:5] * square**2)
    residuals = weights[:, None] * (bent * inner[:, :1] + inner[:, 1:3] - features)
    return 0.5 * torch.sum(residuals**2) + 0.5 * torch.sum((1 - weights**2) ** 2)


def contraction(a, b, c, d):
    return torch.sum(torch.einsum("pi,ijk,jl,klq->pq", a, b, c, d) ** 2)


def messages(nodes, strengths, source, target):
    sums = torch.zeros_like(nodes).index_add(0, target, nodes[source] * strengths[:, None])
    return torch.sum(torch.tanh(sums) ** 2)


PROGRAMS = {name: found for name, found in globals().items() if getattr(found, "__module__", "") == __name__}
