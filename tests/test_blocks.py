"""Large arrays in blocks of rows, and in buffers that are free: the same results in less memory, as a loop."""

import random
import tracemalloc
import warnings

import numpy as np
import pytest
from program_oracle import Skipped, check_program
from random_programs import Author, Rejected

import tapeless.codegen.plan
import tapeless.ir.passes.blocks
from tapeless import grad, hessian, jvp, stop_gradient, value_and_grad, vjp


@pytest.fixture
def small(monkeypatch):
    """What is large, and what fits into a block, made small enough for small arrays to be worth it."""
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 16)
    monkeypatch.setattr(tapeless.codegen.plan, "LARGE", 16)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "BLOCK", 96)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "FEWEST", 1)


def batch_norm(x, gamma):
    xc = x - x.mean(axis=0)
    x_norm = xc / np.sqrt(np.mean(xc**2, axis=0) + 1e-5)
    return np.sum(np.tanh(gamma * x_norm) ** 2)


def layer_norm(x, gamma):
    xc = x - x.mean(axis=1, keepdims=True)
    return np.sum(np.tanh(gamma * xc / np.sqrt(np.mean(np.abs(xc) ** 2, axis=1, keepdims=True) + 1e-5)))


def softmax(x, gamma):
    e = np.exp(x - np.max(x.real, axis=1)[:, None])
    return np.sum(e / np.sum(e, axis=1)[:, None] * gamma)


def elementwise(x, gamma):
    y = np.sin(x) * np.cos(gamma) + np.where(x.real > 0, x, np.exp(x))
    return np.sum(y * y / (1 + np.abs(y) ** 2))


def products(x, gamma):
    h = np.tanh(x * gamma)
    return np.sum(np.tanh(h @ (h.T @ h) * 0.1) * x) + np.sum(h.T @ (h * h))


def parts(x, gamma):
    y = np.tanh(x * gamma)
    return np.sum(y[:, 0] * y[:, -1] ** 2 + np.sum(y[:, 1:] - y[:, :-1], axis=1)) + np.sum(y[1:] * y[:-1])


def outer_of_rows(x, gamma):
    h = np.tanh(x[: x.shape[1]] * gamma)  # square: rows and columns are equally many
    return np.sum(np.exp(h[:, None] * h * 0.1) * h) + np.sum(h * h.T + h[0])


def written(x, gamma):
    y = np.exp(x * gamma * 0.1)
    z = y * x
    y[1:] *= z[:-1]
    y[:, 0] = np.sum(np.abs(z) ** 2, axis=1)
    return np.sum(y * z * z)


def halves(x, gamma):
    y = stop_gradient(x) * np.tanh(x * gamma)
    return np.sum(y[: len(y) // 2] * y[len(y) - len(y) // 2 :]) + np.mean(y**3)


FUNCTIONS = [
    batch_norm, layer_norm, softmax, elementwise, products, parts, outer_of_rows, written, halves,
]  # fmt: skip


def draw(rows, dtype=float):
    rng = np.random.default_rng(rows)
    x, gamma = rng.normal(size=(rows, 3)), rng.normal(size=3)
    if np.dtype(dtype).kind == "c":
        x, gamma = x + 1j * rng.normal(size=x.shape), gamma + 0.5j
    return x.astype(dtype), gamma.astype(dtype)


def real(f, dtype):
    return f if np.dtype(dtype).kind == "f" else lambda x, gamma: f(x, gamma).real


def compare(f, *args, tolerance=1e-10):
    fast = value_and_grad(f, argnums=(0, 1))
    plain = value_and_grad(f, argnums=(0, 1), optimize="readable")
    before = [a.copy() for a in args]
    value, gradients = fast(*args)
    expected_value, expected = plain(*args)
    assert type(value) is type(expected_value)
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    for one, other in zip(gradients, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1, np.abs(other).max()))
    for one, other in zip(args, before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "for start in" not in plain.source
    assert "out=" not in plain.source
    return fast.source


@pytest.mark.parametrize("rows", [3, 4, 5, 8, 9, 17])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_same_as_without_blocks(small, f, rows):
    assert "for start in range(0, " in compare(f, *draw(rows))


@pytest.mark.parametrize("dtype", ["float32", "complex128", "complex64"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_dtypes(small, f, dtype):
    compare(real(f, dtype), *draw(9, dtype), tolerance=1e-10 if dtype == "complex128" else 2e-5)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_arrays_that_lie_otherwise_in_memory(small, f):
    x, gamma = draw(9)
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=0)[::2], frozen, np.repeat(x, 2, axis=1)[:, ::2]):
        compare(f, other, gamma[::-1])


def test_a_pullback_may_be_called_again(small):
    x, gamma = draw(9)
    y, pull = vjp(lambda x, gamma: np.tanh(np.exp(x * gamma) * x) * x, x, gamma)
    seed = np.sin(np.arange(27.0)).reshape(9, 3)
    first = pull(seed)
    kept = [g.copy() for g in first]
    pull(2 * seed)
    for one, other, again in zip(first, kept, pull(seed), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(y, np.tanh(np.exp(x * gamma) * x) * x)


def test_other_derivatives(small):
    x, gamma = draw(5)
    step = 1e-6 * np.ones_like(x)
    value, tangent = jvp(lambda x: np.exp(np.sin(x) * gamma) * x, (x,), (step,))
    later = np.exp(np.sin(x + step) * gamma) * (x + step)
    np.testing.assert_allclose(tangent, later - value, atol=1e-10)
    vector = x[:, 0].copy()
    curvature = hessian(lambda v: np.sum(np.tanh(v * v[::-1]) * np.exp(v)))(vector)
    slope = grad(lambda v: np.sum(np.tanh(v * v[::-1]) * np.exp(v)), optimize="readable")
    columns = [(slope(vector + h) - slope(vector - h)) / 2e-5 for h in 1e-5 * np.eye(5)]
    np.testing.assert_allclose(curvature, np.transpose(columns), rtol=1e-6, atol=1e-7)


def test_a_sum_that_decides_is_left_alone(small):
    def f(x):
        y = np.exp(np.sin(x) * x)
        return np.sum(y) if np.sum(y) > 1 else np.sum(-y)

    x = draw(9)[0]
    np.testing.assert_allclose(grad(f)(x), grad(f, optimize="readable")(x), rtol=1e-12)


def test_random_programs_in_blocks(small):
    tried = 0
    for seed in range(80):
        try:
            text = Author(random.Random(seed).randrange).write()
            with warnings.catch_warnings(action="ignore"):
                check_program(text)
            tried += 1
        except (Rejected, Skipped):
            continue
    assert tried > 40


def rows_of(bytes_, columns):
    return bytes_ // (8 * columns)


def test_large_arrays_take_less_memory():
    x, gamma = np.random.default_rng(0).normal(size=(rows_of(1 << 22, 64), 64)), np.ones(64)
    peaks = []
    for optimize in ("fast", "readable"):
        g = grad(layer_norm, optimize=optimize)
        g(x, gamma)
        tracemalloc.start()
        g(x, gamma)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < 1.5 * x.nbytes  # the gradient itself, and some blocks
    assert peaks[1] > 4 * x.nbytes


def test_small_arrays_are_left_alone():
    g = grad(layer_norm)
    g(*draw(1000))
    assert "for start" not in g.source


def test_what_is_not_needed_any_more_is_overwritten():
    n = 1 << 17

    def f(x, y):
        return np.sum((x @ y) * x)

    def g(x):
        return f(x, np.ones((512, 512))) + np.sum(x[:-1] * x[1:])

    x = np.random.default_rng(0).normal(size=(n // 512, 512))
    fast, plain = grad(g), grad(g, optimize="readable")
    np.testing.assert_allclose(fast(x), plain(x), rtol=1e-12)


@pytest.mark.parametrize("optimize", ["faster", None, 1])
def test_another_way_to_optimize(optimize):
    with pytest.raises(ValueError, match="there is no optimize="):
        grad(np.sum, optimize=optimize)
