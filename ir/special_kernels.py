"""Means of logarithms over one tail of a gamma or beta density: ordinary functions, copied into generated modules.

Both densities are log-concave in log(t) and in log(t / (1 - t)), and fall from the end of the tail that holds no mode.
So a tanh-sinh rule up to where they have fallen by exp(-45) gives means and covariances to about 12 digits.
"""

import numpy as np


def gamma_log_moment(a, x, power=1):
    """The mean (or the variance, power=2) of log t under t**(a-1) exp(-t), for t < x if x < a, else for t > x."""
    dtype = np.result_type(a, x, 0.0)
    a, x = np.broadcast_arrays(np.asarray(a, float), np.asarray(x, float))
    below, limits = x < a, np.finfo(float)
    x = np.clip(x, limits.tiny, limits.max)
    with np.errstate(all="ignore"):
        high = np.minimum(np.sqrt(90 / x), np.maximum(1.7, np.log(90 / x)))
        end = np.where(below, (45 + x) / a, high)  # t = x exp(-u) or x exp(u), with 0 < u < end
        side = np.where(below, -1.0, 1.0)
        for _ in range(40):  # Newton's method for a fall of 45
            fall, slope = x * np.expm1(side * end) - side * a * end, side * (x * np.exp(side * end) - a)
            end = end - (fall - 45) / slope
        s = np.linspace(-3.2, 3.2, 97).reshape(-1, *[1] * x.ndim)
        part = 1 / (1 + np.exp(-np.pi * np.sinh(s)))
        u = part * end
        w = np.cosh(s) * part * (1 - part) * np.exp(side * a * u - x * np.expm1(side * u))
        w = w / w.sum(axis=0)
        mean = (w * u).sum(axis=0)
        moment = np.log(x) + side * mean if power == 1 else (w * (u - mean) ** 2).sum(axis=0)
    return moment.astype(dtype)[()]


def beta_log_moment(a, b, x, i, j):
    """The mean of log t (1, 0) or log(1 - t) (0, 1) under t**(a-1) (1-t)**(b-1), or a covariance, where i + j is 2.

    For t < x if x is less than the mean a / (a + b), else for t > x.
    """
    dtype = np.result_type(a, b, x, 0.0)
    a, b, x = np.broadcast_arrays(*(np.asarray(v, float) for v in (a, b, x)))
    below, limits = (a + b) * x < a, np.finfo(float)
    rest = np.clip(1 - x, limits.tiny, 1.0)
    x = np.clip(x, limits.tiny, 1.0)
    with np.errstate(all="ignore"):
        a, b, x, rest = (np.where(below, v, other) for v, other in ((a, b), (b, a), (x, rest), (rest, x)))
        end = (45 - (a + b) * np.log(rest)) / a  # log(t / (1 - t)) is less than at the end by u, with 0 < u < end
        for _ in range(40):  # Newton's method for a fall of 45
            left = rest + x * np.exp(-end)
            fall, slope = a * end + (a + b) * np.log(left), a - (a + b) * x * np.exp(-end) / left
            end = end - (fall - 45) / slope
        s = np.linspace(-3.2, 3.2, 97).reshape(-1, *[1] * x.ndim)
        part = 1 / (1 + np.exp(-np.pi * np.sinh(s)))
        u = part * end
        left = np.log1p(x * np.expm1(-u))
        w = np.cosh(s) * part * (1 - part) * np.exp(-a * u - (a + b) * left)
        w = w / w.sum(axis=0)
        log_t, log_rest = np.log(x) - u - left, np.log(rest) - left
        means = [np.where(below, p, q) for p, q in ((log_t, log_rest), (log_rest, log_t))]
        if i + j == 1:
            moment = (w * (means[0] if i else means[1])).sum(axis=0)
        else:
            away = [m - (w * m).sum(axis=0) for m in means]
            moment = (w * away[0] ** i * away[1] ** j).sum(axis=0)
    return moment.astype(dtype)[()]
