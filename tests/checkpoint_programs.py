"""Functions of arrays, each written with `mark`, which is checkpoint or does nothing; and arguments for them."""

from collections import namedtuple

import numpy as np

from tapeless import cond, fori_loop, grad, scan, while_loop

R = np.random.default_rng(5)
X, W, B = R.normal(size=5), R.normal(size=(5, 5)), R.normal(size=5)
Pair = namedtuple("Pair", "first second")


def layers(mark):
    @mark
    def layer(p, x):
        return np.tanh(p["w"] @ x + p["b"])

    def f(p, x):
        for _ in range(3):
            x = layer(p, x)
        return np.sum(x**2)

    return f, ({"w": W, "b": B}, X)


def nested(mark):
    @mark
    def step(x):
        return np.sin(x) * x

    @mark
    def block(x):
        for _ in range(3):
            x = step(x)
        return x

    return lambda x: np.sum(block(block(x)) ** 2), (X,)


def in_scan(mark):
    @mark
    def step(c, a):
        return np.tanh(c) * a + c

    def body(c, a):
        c = step(c, a)
        return c, np.sum(c)

    def f(x, xs):
        c, y = scan(body, x, xs)
        return np.sum(c) + np.sum(y**2)

    return f, (X, np.array([0.5, -1.0, 2.0]))


def around_scan(mark):
    run = mark(lambda x, xs: scan(lambda c, a: (np.tanh(c) * a + c, c), x, xs))

    def f(x, xs):
        c, y = run(x, xs)
        return np.sum(c * x) + np.sum(y**2)

    return f, (X, np.array([0.5, -1.0, 2.0]))


def in_branches_and_while(mark):
    shrink = mark(lambda x: np.sin(x) * x / 2)

    def f(x):
        x = cond(np.sum(x) > 0, shrink, lambda x: shrink(x) * 2, x)
        return np.sum(while_loop(lambda x: np.sum(x**2) > 0.5, shrink, x))

    return f, (X,)


def gradient_within(mark):
    slope = mark(lambda x: grad(lambda y: np.sum(np.sin(y) ** 3))(x) * x)
    return lambda x: np.sum(slope(x) ** 2), (X,)


def around_infinite_slopes(mark):
    root, logarithm = mark(np.sqrt), mark(np.log)
    x = np.array([4.0, 0.0, 1.5])
    return lambda x: np.sum(np.where(x > 0, root(x), 0)) + np.sum(np.where(x > 0, 2 * logarithm(x + 0.0), 0) * x), (x,)


def numbers_and_words(mark):
    @mark
    def f(a, n, x, *, power=2.0, kind="sin"):
        return Pair(getattr(np, kind)(x) * a**power * n, [a * 2, n])

    def g(x):
        y, (b, n) = f(np.sum(x) ** 2, 3, x, power=3.0)
        z, (c, _) = f(1.5, 2, x, kind="cos")
        return np.sum(y) * b * n + np.sum(z) * c

    return g, (X,)


def captured(mark):
    @mark
    def f(x, w):
        return np.tanh(w @ x) * X + W[0]

    return lambda x: np.sum(f(f(x, W), W.T) ** 2), (X,)


def own_writes(mark):
    @mark
    def f(x):
        out = np.zeros(5)
        out[1:] = x[1:] ** 2
        out *= x
        x = x.copy()
        x[0] = 2.0
        return out + x

    return lambda x: np.sum(f(f(x))), (X,)


def decided(mark):
    @mark
    def f(x, a):
        if np.sum(x) > 0:
            return x * a
        return np.sin(x) * a

    return lambda x: np.sum(f(x, 2.0) * f(-x, 3.0)), (X,)


def handed_through(mark):
    same = mark(lambda x: x)

    def f(x):
        x = x * 2
        y = same(x)
        y += x
        return np.sum(x * y)

    return f, (X,)


def views(mark):
    parts = mark(lambda x: (x[1:], x.reshape(-1, 1), x[::-1]))

    def f(x):
        x = x * 2
        a, b, c = parts(x)
        a[0] = 3.0
        b += 1
        c *= 2
        return np.sum(x**2)

    return f, (X,)


def shared_results(mark):
    @mark
    def g(x):
        h = np.sin(x)
        return h, h[:2], {"again": h}

    def f(x):
        h, part, d = g(x)
        part *= 3
        d["again"] += 1
        return np.sum(h**2)

    return f, (X,)


def cells(mark):
    @mark
    def g(x):
        return x, np.array(x * 2), np.sum(x) * 1.5

    def f(x):
        s = np.array(np.sum(x * x))
        t, u, v = g(s)
        t += 1
        u += t
        return s * t * u * v

    return f, (X,)


def constants(mark):
    g = mark(lambda x: (3.0, np.ones(5), x * 0 + 1, None))

    def f(x):
        a, b, c, _ = g(x)
        return a * np.sum(b * c * x)

    return f, (X,)


def unused(mark):
    g = mark(lambda x, y: (x * 2, np.exp(y), None))
    return lambda x: np.sum(g(x, x)[0]), (X,)


def integers(mark):
    g = mark(lambda i, x: x[i] * (i + 1))
    return lambda x: np.sum(fori_loop(0, 4, lambda i, c: c + g(i, x), np.sum(x))), (X,)


PROGRAMS = [
    layers, nested, in_scan, around_scan, in_branches_and_while, gradient_within, around_infinite_slopes,
    numbers_and_words, captured, own_writes, decided, handed_through, views, shared_results, cells, constants, unused,
    integers,
]  # fmt: skip
