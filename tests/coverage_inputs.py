"""What the sample calls are called with, by the names of their parameters, and how a call is judged."""

import inspect
import zlib
from functools import cache

import numpy as np
from slopes import draw, regular, slope

from tapeless import value_and_grad


def _away_from(kink, x):
    return x + np.where(x > kink, 0.2, -0.2)


def _masked(array, where):
    made = array.copy()
    made[where] = np.nan
    return made


@cache
def inputs():
    """All arrays; a call's parameters choose from them. Numbers lie away from kinks and ties."""
    x = _away_from(0, draw(3, 4))
    return {
        # matrices of any sign, in (0, 1), above 1, and such as broadcast to them
        "x": x,
        "y": _away_from(0, x - 0.37 * x[::-1, ::-1] - 0.5),
        "p": 0.15 + 0.7 * _unit(3, 4),
        "q": 0.2 + 0.6 * _unit(3, 4, seed=8),
        "g": 1.3 + _unit(3, 4, seed=6),
        "r": draw(4, seed=7),
        "c": draw(3, 1, seed=7),
        "s": np.float64(1.7),
        "f": np.asfortranarray(draw(3, 4, seed=9)),
        "o": np.array(0.8),
        "e": np.zeros((0, 4)),
        "l": draw(1, 1),
        # vectors, a rising one, and one of its values
        "v": draw(6),
        "w": draw(6, seed=5),
        "u": draw(4, seed=6),
        "t": np.cumsum(0.4 + _unit(6)),
        "h": draw(8),
        "a3": draw(3),
        "b3": draw(3, seed=5),
        "a2": draw(2),
        "b2": draw(2, seed=5),
        # stacks, square, tall and wide matrices
        "T": draw(2, 3, 4),
        "U": draw(2, 3, 4, seed=5),
        "A": regular(3, 3),
        "B": regular(3, 3) + draw(3, 3, seed=5),
        "N": regular(2, 3, 3),
        "D": draw(5, 3),
        "W": draw(3, 5),
        "S": _positive(3, 3),
        "P": _positive(2, 3, 3),
        "F": draw(4, 4, seed=6),
        "G": draw(2, 4, 6),
        "O": draw(2, 2, 2),
        "H": regular(4, 4),
        # complex
        "z": draw(3, 4, dtype=complex),
        "zz": draw(3, 4, dtype=complex, seed=5),
        "zv": draw(6, dtype=complex),
        "Z": regular(3, 3, dtype=complex),
        "hz": draw(8, dtype=complex),
        "zs": np.complex128(0.7 - 1.1j),
        "C": _positive(3, 3, dtype=complex),
        "FZ": draw(4, 4, dtype=complex),
        # with nan
        "nx": _masked(x, ([0, 2], [1, 3])),
        "nv": _masked(draw(6), [2]),
        "nt": _masked(draw(2, 3, 4), (0, 1, 2)),
        # booleans and integers, which have no gradient
        "m": np.arange(12).reshape(3, 4) % 5 % 2 == 1,
        "mv": np.array([True, False, True, True, False, True]),
        "mr": x[0] > -0.3,
        "n": np.arange(12).reshape(3, 4) % 5,
        "i": np.array([3, 0, 5, 1, 4, 2]),
        "j": np.array([1, 0, 1]),
        "k": np.array([[1, 0, 2, 3], [3, 2, 0, 1], [0, 1, 2, 3]]),
        "b": np.array([7, 12, 250], np.uint8),
    }


def _unit(*shape, seed=4):
    return np.random.default_rng([seed, *shape]).uniform(size=shape)


def _positive(*shape, dtype=float):
    half = draw(*shape, dtype=dtype)
    return half @ np.conj(np.swapaxes(half, -1, -2)) + np.eye(shape[-1]) * np.arange(1, shape[-1] + 1)


def arguments(call, single=False):
    """Fresh copies of what the call's parameters name; in single precision, if asked for."""
    smaller = {"d": np.float32, "D": np.complex64}
    made = []
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.default is not parameter.empty:
            continue  # what a lambda in a loop keeps
        a = inputs()[name]
        kind = np.dtype(smaller.get(a.dtype.char, a.dtype) if single else a.dtype)
        made.append(a.astype(kind).copy("K") if isinstance(a, np.ndarray) else kind.type(a))
    return made


def leaves(result):
    """The arrays and numbers in a result, whatever it holds them in."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, tuple | list):
        return [leaf for one in result for leaf in leaves(one)]
    return [result]


def is_float(y):
    return y.dtype.kind in "fc" if hasattr(y, "dtype") else isinstance(y, float | complex)


def weights(results, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=np.shape(y)) + 1j * rng.normal(size=np.shape(y)) for y in results]


def weighted(call, w):
    """Real and imaginary parts of all floating-point results, each by a number of its own, and the results."""

    def loss(*args):
        results = leaves(call(*args))
        total = 0.0
        for y, by in zip(results, w, strict=True):
            if not is_float(y):
                continue
            if np.result_type(y).kind == "c":
                total = total + np.sum(np.real(y) * by.real) + np.sum(np.imag(y) * by.imag)
            else:
                total = total + np.sum(y * by.real)
        return total, [y for y in results if isinstance(y, int | float | complex) or hasattr(y, "dtype")]

    return loss


def judge(call, tolerance=1e-6, single=True):
    """Results are NumPy's; gradients are slopes, and single precision stays single. Returns the gradients."""
    expected = leaves(call(*arguments(call)))
    w = weights(expected, zlib.crc32(call.__code__.co_code) % 1000)
    loss = weighted(call, w)
    args = arguments(call)
    wanted = tuple(k for k, a in enumerate(args) if np.asarray(a).dtype.kind in "fc")
    rough = any(getattr(y, "dtype", np.dtype(float)).char in "fF" for y in expected)
    step, tolerance = (2e-2, 5e-3) if rough else (2e-4, tolerance)
    compiled = value_and_grad(loss, wanted, has_aux=True)
    (_, found), gradients = compiled(*args)
    same(found, [y for y in expected if isinstance(y, int | float | complex) or hasattr(y, "dtype")], 1e-12)
    for k, d in zip(wanted, gradients, strict=True):
        x = arguments(call)[k]
        assert np.shape(d) == np.shape(x)
        assert np.asarray(d).dtype == np.asarray(x).dtype
        for seed in (3, 13):
            direction = np.array(x)
            direction[...] = draw(*np.shape(x), dtype=direction.dtype, seed=seed)
            rise = np.sum((d * direction).real)
            expected_rise = slope(lambda *a: loss(*_copies(a)), arguments(call), k, direction, step)
            np.testing.assert_allclose(rise, expected_rise, rtol=tolerance, atol=tolerance)
    small = arguments(call, single=True)
    if single and any(np.asarray(a).dtype.char in "fF" for a in small):
        _in_single_precision(call, loss, wanted, gradients)
    return gradients


def _copies(args):
    return [a.copy("K") if isinstance(a, np.ndarray) else a for a in args]


def _in_single_precision(call, loss, wanted, gradients):
    expected = leaves(call(*arguments(call, single=True)))
    (_, found), small = value_and_grad(loss, wanted, has_aux=True)(*arguments(call, single=True))
    same(found, [y for y in expected if isinstance(y, int | float | complex) or hasattr(y, "dtype")], 1e-4)
    for k, d, exact in zip(wanted, small, gradients, strict=True):
        x = arguments(call, single=True)[k]
        assert np.asarray(d).dtype == np.asarray(x).dtype
        assert np.shape(d) == np.shape(x)
        scale = np.max(np.abs(exact), initial=1.0)
        np.testing.assert_allclose(d / scale, exact / scale, rtol=0, atol=2e-2)


def same(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        if np.asarray(other).dtype.kind in "fc":
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(one, other)


def judge_plain(call):
    """The result is NumPy's, and the gradient that of the rest of the function."""
    args = arguments(call)
    wanted = tuple(k for k, a in enumerate(args) if np.asarray(a).dtype.kind in "fc")
    expected = leaves(call(*arguments(call)))

    def loss(*args):
        total = 0.0
        for a in args:
            if getattr(a, "dtype", np.dtype(int)).kind in "fc":
                total = total + np.sum(np.real(a))
        results = leaves(call(*args))
        for y, plain in zip(results, expected, strict=True):
            if hasattr(plain, "ndim") and plain.dtype.kind in "biufc":
                total = total + np.sum(np.real(y)) * 0.75
        return total, [y for y in results if isinstance(y, int | float | complex) or hasattr(y, "dtype")]

    if not wanted:
        return
    (value, found), gradients = value_and_grad(loss, wanted, has_aux=True)(*arguments(call))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(value, loss(*arguments(call))[0], rtol=1e-12)
    same(found, [y for y in expected if isinstance(y, int | float | complex) or hasattr(y, "dtype")], 0)
    for k, d in zip(wanted, gradients, strict=True):
        np.testing.assert_array_equal(d, np.ones_like(args[k]))
