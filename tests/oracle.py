"""Real NumPy as the judge: values, dtypes and what is left in arguments from plain calls, gradients by differences."""

import copy

import numpy as np

from tapeless import value_and_grad

VARIATIONS = ((1.0, 0.0), (-1.7, 0.31), (0.6, 0.05))


def central(f, args, k=0, eps=1e-6):
    """Central differences of f with respect to its argument k."""
    out = np.zeros(np.shape(args[k]))
    kind = np.asarray if isinstance(args[k], np.ndarray) else float
    for i in np.ndindex(out.shape):
        values = []
        for step in (eps, -eps):
            moved = [copy.deepcopy(a) for a in args]
            changed = np.array(args[k], float)
            changed[i] += step
            moved[k] = kind(changed)
            values.append(float(np.reshape(f(*moved), ())))
        out[i] = (values[0] - values[1]) / (2 * eps)
    return out


def right(f, *args, k=0, variations=VARIATIONS):
    """Value, dtype, gradient and what is left in the arguments are NumPy's; also with other numbers."""
    g = value_and_grad(f, k)
    for scale, shift in variations:
        ours = [copy.deepcopy(a) for a in args]
        kind = np.asarray if isinstance(args[k], np.ndarray) else float
        ours[k] = kind(ours[k] * scale + shift)
        plain, start = copy.deepcopy(ours), copy.deepcopy(ours)
        value, d = g(*ours)
        expected = f(*plain)
        np.testing.assert_allclose(value, np.reshape(expected, ()))
        assert np.asarray(value).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(d, central(f, start, k), rtol=2e-4, atol=1e-5)
        for a, b in zip(ours, plain, strict=True):
            np.testing.assert_array_equal(a, b)
    return g
