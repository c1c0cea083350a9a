"""A logistic regression by Newton's method with conjugate gradients: the hessian is never made, only multiplied.

    python examples/newton.py

Each step asks for the gradient and for some products of the hessian with a vector, and prints how far it got. Then
comes the source of such a product. If SciPy is installed, its trust-ncg solves the same problem, with the same two
functions.
"""

from __future__ import annotations

import numpy as np

from tapeless import hvp, value_and_grad


def loss(w, x, y):
    scores = x @ w
    return np.mean(np.logaddexp(0, scores) - y * scores) + 0.005 * np.sum(w**2)


def conjugate_gradients(product, b, tolerance, steps):
    """The solution of product(v) = b, and how many products it took (Hestenes and Stiefel 1952)."""
    v, r, p = np.zeros_like(b), b, b
    for step in range(steps):
        if np.linalg.norm(r) <= tolerance:
            return v, step
        q = product(p)
        size = (r @ r) / (p @ q)
        v, rest = v + size * p, r - size * q
        p, r = rest + (rest @ rest) / (r @ r) * p, rest
    return v, steps


def newton(f, product, w, tolerance=1e-10):
    """Newton's method, each step as exact as it is worth, and halved until the loss falls."""
    for step in range(1, 51):
        value, g = f(w)
        size = np.linalg.norm(g)
        if size <= tolerance:
            break
        v, count = conjugate_gradients(lambda p, w=w: product(w, p), -g, min(0.5, size**0.5) * size, 10 * g.size)
        print(f"{step:>4}   loss {value:.12f}   |gradient| {size:.1e}   {count} products")
        length = 1.0
        while f(w + length * v)[0] > value and length > 1e-6:
            length /= 2
        w = w + length * v
    return w


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 50)) * np.logspace(0, -1, 50)
    y = (rng.random(2000) < 1 / (1 + np.exp(-(x @ rng.normal(size=50))))).astype(float)
    f, product = value_and_grad(loss), hvp(loss)
    start = np.zeros(50)
    w = newton(lambda w: f(w, x, y), lambda w, p: product(w, x, y, p), start)
    print(f"\n{product.source}")
    try:
        from scipy.optimize import minimize
    except ImportError:
        print("SciPy is not installed, so there is nothing to compare with.")
        return
    found = minimize(
        f,
        start,
        args=(x, y),
        jac=True,
        hessp=lambda w, p, *args: product(w, *args, p),
        method="trust-ncg",
        options={"gtol": 1e-10},
    )
    print(f"SciPy's trust-ncg took {found.nit} steps; the weights differ by at most {np.abs(found.x - w).max():.0e}.")


if __name__ == "__main__":
    main()
