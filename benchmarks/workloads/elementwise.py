"""Large elementwise programs: Black-Scholes with sensitivities, and a chain of twenty operations."""

from __future__ import annotations

import numpy as np

from .workload import Workload

BLOCK = 8192  # elements of float64: a dozen temporaries of 64 KiB stay in the second cache


def normal_cdf(z):
    """Abramowitz and Stegun, 26.2.17, for both signs."""
    a = np.abs(z)
    t = 1 / (1 + 0.2316419 * a)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = 0.3989422804014327 * np.exp(-0.5 * a * a) * series
    return np.where(z > 0, 1 - tail, tail)


def black_scholes(spot, volatility, rate, strike, time):
    deviation = volatility * np.sqrt(time)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / deviation
    d2 = d1 - deviation
    return np.sum(spot * normal_cdf(d1) - strike * np.exp(-rate * time) * normal_cdf(d2))


def cdf_and_slope(z, out, slope, a, t):
    """normal_cdf(z) into out and its derivative into slope; a and t are room to work in."""
    np.abs(z, out=a)
    np.multiply(a, 0.2316419, out=t)
    t += 1
    np.reciprocal(t, out=t)
    np.multiply(z, z, out=slope)
    slope *= -0.5
    np.exp(slope, out=slope)
    slope *= 0.3989422804014327
    np.multiply(t, 1.330274429, out=out)
    derivative = np.full_like(t, 1.330274429)
    for c in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        out += c
        derivative *= t
        derivative += out
        out *= t
    # the tail is density * series(t(a)): its slope by a is -a * tail - 0.2316419 * t**2 * density * series'(t)
    out *= slope
    derivative *= slope
    t *= t
    derivative *= t
    derivative *= 0.2316419
    np.multiply(a, out, out=slope)
    slope += derivative
    positive = z > 0
    np.subtract(1, out, out=out, where=positive)


def black_scholes_best(spot, volatility, rate, strike, time):
    n = spot.size
    dspot, dvolatility, drate = np.empty_like(spot), np.empty_like(spot), np.empty_like(spot)
    rooms = np.empty((9, min(BLOCK, n)))
    value = 0.0
    for start in range(0, n, BLOCK):
        part = slice(start, start + BLOCK)
        s, v, r, k, t = spot[part], volatility[part], rate[part], strike[part], time[part]
        root, d1, d2, n1, n2, slope1, slope2, a, b = rooms[:, : len(s)]
        ds, dv, dr = dspot[part], dvolatility[part], drate[part]
        np.sqrt(t, out=root)
        deviation = np.multiply(v, root, out=dv)
        np.divide(s, k, out=d1)
        np.log(d1, out=d1)
        np.multiply(v, v, out=d2)
        d2 *= 0.5
        d2 += r
        d2 *= t
        d1 += d2
        d1 /= deviation
        np.subtract(d1, deviation, out=d2)
        cdf_and_slope(d1, n1, slope1, a, b)
        cdf_and_slope(d2, n2, slope2, a, b)
        discounted = np.multiply(r, t, out=a)
        np.negative(a, out=a)
        np.exp(a, out=a)
        a *= k
        slope1 *= s
        slope2 *= discounted
        n2 *= discounted
        value += s.dot(n1) - n2.sum()
        # d2 = d1 - deviation: both slopes meet in d1
        dd1 = np.subtract(slope1, slope2, out=slope1)
        dd1 /= deviation
        np.divide(dd1, s, out=ds)
        ds += n1
        np.add(dd1, n2, out=dr)
        dr *= t
        # d1 = (log(s / k) + r t) / deviation + deviation / 2
        d1 -= deviation
        d1 *= dd1
        np.subtract(slope2, d1, out=dv)
        dv *= root
    return value, (dspot, dvolatility, drate)


def black_scholes_naive(spot, volatility, rate, strike, time):
    root = np.sqrt(time)
    deviation = volatility * root
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / deviation
    d2 = d1 - deviation
    n1, n2 = normal_cdf(d1), normal_cdf(d2)
    slope1, slope2 = cdf_slope_naive(d1), cdf_slope_naive(d2)
    discounted = strike * np.exp(-rate * time)
    value = np.sum(spot * n1 - discounted * n2)
    dd1 = spot * slope1 - discounted * slope2
    ddeviation = discounted * slope2 - dd1 * d1 / deviation
    dspot = n1 + dd1 / (deviation * spot)
    dvolatility = ddeviation * root + dd1 / deviation * volatility * time
    drate = dd1 / deviation * time + discounted * n2 * time
    return value, (dspot, dvolatility, drate)


def cdf_slope_naive(z):
    a = np.abs(z)
    t = 1 / (1 + 0.2316419 * a)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    dseries = 0.319381530 + t * (
        2 * -0.356563782 + t * (3 * 1.781477937 + t * (4 * -1.821255978 + t * 5 * 1.330274429))
    )
    density = 0.3989422804014327 * np.exp(-0.5 * a**2)
    return density * (a * series + 0.2316419 * t**2 * dseries)


def black_scholes_arguments(random, n):
    spot, strike = random.uniform(80, 120, n), random.uniform(80, 120, n)
    return spot, random.uniform(0.1, 0.5, n), random.uniform(0.01, 0.1, n), strike, random.uniform(0.2, 2, n)


def chain(x, y):
    a = np.sin(x) * y
    b = np.exp(-a * a)
    c = b + 0.5 * x
    d = np.tanh(c) * a
    e = np.sqrt(1 + d * d)
    f = np.log(e + b)
    g = f * y - d / e
    h = np.cos(g) + g * g
    return np.sum(h * b)


def chain_best(x, y):
    n = x.size
    dx, dy = np.empty_like(x), np.empty_like(y)
    rooms = np.empty((11, min(BLOCK, n)))
    value = 0.0
    for start in range(0, n, BLOCK):
        part = slice(start, start + BLOCK)
        u, v, du, dv = x[part], y[part], dx[part], dy[part]
        s, a, b, th, d, e, f, g, w, q, z = rooms[:, : len(u)]
        np.sin(u, out=s)
        np.multiply(s, v, out=a)
        np.multiply(a, a, out=b)
        np.negative(b, out=b)
        np.exp(b, out=b)
        np.multiply(u, 0.5, out=th)
        th += b
        np.tanh(th, out=th)
        np.multiply(th, a, out=d)
        np.multiply(d, d, out=e)
        e += 1
        np.sqrt(e, out=e)
        np.add(e, b, out=z)
        np.log(z, out=f)
        np.divide(d, e, out=q)
        np.multiply(f, v, out=g)
        g -= q
        np.cos(g, out=w)
        np.multiply(g, g, out=dv)
        w += dv  # h
        value += w.dot(b)
        np.sin(g, out=dv)
        g += g
        g -= dv
        g *= b  # dg; w is the first part of db
        np.multiply(g, f, out=dv)
        # g = f v - d / e, and f = log(e + b)
        df = np.multiply(g, v, out=f)
        df /= z
        w += df
        g /= e
        q *= g
        df += q  # de
        d /= e
        df *= d
        df -= g  # dd
        # d = th * a
        np.multiply(df, a, out=q)
        df *= th  # da
        th *= th
        np.subtract(1, th, out=th)
        q *= th  # dc
        w += q
        q *= 0.5
        # b = exp(-a a)
        w *= b
        w *= a
        w *= 2
        df -= w
        s *= df
        dv += s
        np.cos(u, out=du)
        du *= v
        du *= df
        du += q
    return value, (dx, dy)


def chain_naive(x, y):
    a = np.sin(x) * y
    b = np.exp(-a * a)
    c = b + 0.5 * x
    th = np.tanh(c)
    d = th * a
    e = np.sqrt(1 + d**2)
    f = np.log(e + b)
    g = f * y - d / e
    h = np.cos(g) + g**2
    value = np.sum(h * b)
    dg = b * (2 * g - np.sin(g))
    df = dg * y
    de = df / (e + b) + dg * d / e**2
    dd = de * d / e - dg / e
    dc = dd * a * (1 - th**2)
    db = h + df / (e + b) + dc
    da = dd * th - 2 * a * b * db
    return value, (da * y * np.cos(x) + 0.5 * dc, dg * f + da * np.sin(x))


WORKLOADS = [
    Workload(
        "black-scholes",
        "Black-Scholes with sensitivities, 1e6 options",
        black_scholes,
        black_scholes_best,
        black_scholes_naive,
        black_scholes_arguments,
        {"n": 1_000_000},
        {"n": 50},
        count=3,
    ),
    Workload(
        "chain",
        "chain of 20 elementwise operations, 1e6",
        chain,
        chain_best,
        chain_naive,
        lambda random, n: (random.normal(size=n), random.normal(size=n)),
        {"n": 1_000_000},
        {"n": 50},
        count=2,
    ),
]
