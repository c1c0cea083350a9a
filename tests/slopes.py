"""Functions of arrays with several results, real or complex, judged by NumPy and by their slopes along directions."""

import numpy as np

from tapeless import grad, value_and_grad

KINDS = [float, complex]


def draw(*shape, dtype=float, seed=1):
    """Random numbers, the same ones in every run."""
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def regular(*shape, dtype=float):
    """Square matrices that are far from singular, with eigenvalues that are apart."""
    return (0.4 * draw(*shape, dtype=dtype, seed=2) + np.diag(np.arange(shape[-1]) * 1.4 + 2.0)).astype(dtype)


def leaves(result):
    return [*result] if isinstance(result, tuple | list) else [result]


def weighted(f, seed=0):
    """A real number made of all results, and the results."""

    def loss(*args):
        results = f(*args)
        rng = np.random.default_rng(seed)
        total = 0.0
        for y in leaves(results):
            w = rng.normal(size=np.shape(y)) + 1j * rng.normal(size=np.shape(y))
            if np.result_type(y).kind == "f":
                total = total + np.sum(w.real.astype(y.dtype) * y)
            elif np.result_type(y).kind == "c":
                total = total + np.sum((w.astype(y.dtype) * y).real)
        return total, leaves(results)

    return loss


def slope(loss, args, k, direction, step=2e-4):
    def at(h):
        moved = list(args)
        moved[k] = args[k] + h * direction
        return loss(*moved)[0]

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def check(f, *args, second=True):
    """Results are NumPy's to the last bit of their dtype; the gradient has the slopes of the function."""
    loss = weighted(f)
    wanted = tuple(k for k, a in enumerate(args) if np.asarray(a).dtype.kind in "fc")
    (value, results), gradients = value_and_grad(loss, wanted, has_aux=True)(*args)
    expected_value, expected = loss(*args)
    for one, other in zip(results, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(value, expected_value, rtol=1e-10)
    for k, g in zip(wanted, gradients, strict=True):
        x = args[k]
        assert g.shape == x.shape
        assert g.dtype == x.dtype
        direction = draw(*x.shape, dtype=x.dtype, seed=3)
        found = np.sum((g * direction).real)
        np.testing.assert_allclose(found, slope(loss, args, k, direction), rtol=1e-6, atol=1e-7)
        if second and x.dtype.kind == "f":
            first = grad(lambda *a, k=k: loss(*a)[0], k)

            def along(*a, first=first, direction=direction):
                return (np.sum(first(*a) * direction),)

            g2 = grad(lambda *a, along=along: along(*a)[0], k)(*args)
            turned = draw(*x.shape, seed=4)
            np.testing.assert_allclose(np.sum(g2 * turned), slope(along, args, k, turned), rtol=1e-5, atol=1e-6)
