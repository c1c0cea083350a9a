"""Rows that are gathered from a table and added to one, block by block: the additions keep their order."""

import numpy as np
import pytest

import tapeless.codegen.plan
import tapeless.ir.passes.blocks
from tapeless import grad, hessian, jvp, value_and_grad, vjp

RANDOM = np.random.default_rng(5)
EDGES, NODES, WIDTH = 23, 7, 3  # odd, so that there are no pairs
SOURCE, TARGET = RANDOM.integers(-NODES, NODES, (2, EDGES))
X, WEIGHTS = RANDOM.normal(size=(NODES, WIDTH)), RANDOM.normal(size=EDGES)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """What is large, and what fits into a block, made small."""
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 16)
    monkeypatch.setattr(tapeless.codegen.plan, "LARGE", 16)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "BLOCK", 96)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LONG", 4)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "FEWEST", 1)


def messages(x, weights):
    sums = np.zeros_like(x)
    np.add.at(sums, TARGET, x[SOURCE] * weights[:, None])
    return np.sum(np.tanh(sums) ** 2)


def both_ends(x, weights):
    ends = np.tanh(x[SOURCE] - x[TARGET]) * weights[:, None]
    sums = np.zeros_like(x)
    np.add.at(sums, SOURCE, ends)
    np.add.at(sums, TARGET, -ends * ends)
    return np.sum(sums**3)


def onto_what_is_read_again(x, weights):
    sums = x * x
    before = sums * 2
    np.add.at(sums, TARGET, np.sin(x[SOURCE]) * weights[:, None])
    return np.sum(sums * sums * before)


def its_own_sums(x, weights):
    sums = np.cos(x)
    np.add.at(sums, TARGET, np.exp(x[SOURCE] * 0.1) * weights[:, None])
    np.add.at(sums, SOURCE, np.exp(sums[TARGET] * 0.1) * weights[:, None])
    return np.sum(sums**2)


def pairs(x, weights):
    columns = np.abs(SOURCE) % WIDTH
    picked = np.exp(x[TARGET, columns] * weights) * weights
    sums = np.zeros(x.shape)
    np.add.at(sums, (SOURCE, columns), np.tanh(picked))
    return np.sum(sums**2)


def columns_of_rows(x, weights):
    rows = x[SOURCE]
    u, v, w = rows[:, :1], rows[:, 1:2], rows[:, 2:]
    turned = np.concatenate((u * v, np.exp(w * u * 0.1), v + w), axis=1)
    return np.sum(np.cross(turned, rows) ** 2 * weights[:, None]) + np.sum(np.einsum("ij,ij->i", turned, rows))


def tokens(x, weights):
    rows = np.tanh(x[np.stack([SOURCE, TARGET], axis=1)] * weights[:, None, None])
    return np.sum(rows.mean(axis=1) ** 2)


FUNCTIONS = [messages, both_ends, onto_what_is_read_again, its_own_sums, pairs, columns_of_rows, tokens]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_same_as_without_blocks(f, dtype):
    x, weights = X.astype(dtype), WEIGHTS.astype(dtype)
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    fast = value_and_grad(f, argnums=(0, 1))
    plain = value_and_grad(f, argnums=(0, 1), optimize="readable")
    value, gradients = fast(x, weights)
    expected_value, expected = plain(x, weights)
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    for one, other in zip(gradients, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    assert "for start in range(0, " in fast.source
    assert "for start in" not in plain.source


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_all_derivatives(f):
    def plain(x):
        return f(x, WEIGHTS)

    step = np.sin(np.arange(X.size)).reshape(X.shape)
    slope = (plain(X + 1e-6 * step) - plain(X - 1e-6 * step)) / 2e-6
    np.testing.assert_allclose(np.sum(grad(plain)(X) * step), slope, rtol=2e-7)
    np.testing.assert_allclose(jvp(plain, (X,), (step,))[1], slope, rtol=2e-7)
    curved = np.tensordot(hessian(plain)(X), step, 2)
    change = (grad(plain)(X + 1e-6 * step) - grad(plain)(X - 1e-6 * step)) / 2e-6
    np.testing.assert_allclose(curved, change, rtol=1e-5, atol=1e-6 * np.abs(change).max())


def test_a_pullback_may_be_called_again():
    def sums(x, weights):
        y = x * 2
        np.add.at(y, TARGET, np.tanh(x[SOURCE]) * weights[:, None])
        return y

    _, pull = vjp(sums, X, WEIGHTS)
    seed = np.cos(np.arange(X.size)).reshape(X.shape)
    first = pull(seed)
    kept = [g.copy() for g in first]
    pull(2 * seed)
    for one, before, again in zip(first, kept, pull(seed), strict=True):
        np.testing.assert_array_equal(one, before)
        np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", [messages, both_ends, onto_what_is_read_again, its_own_sums], ids=lambda f: f.__name__)
def test_wide_rows_are_added_in_pairs(f, dtype):
    x, weights = np.sin(np.arange(112.0)).reshape(7, 16).astype(dtype), WEIGHTS.astype(dtype)
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    fast = value_and_grad(f, argnums=(0, 1))
    value, gradients = fast(x, weights)
    expected_value, expected = value_and_grad(f, argnums=(0, 1), optimize="readable")(x, weights)
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    assert "add_pairs(" in fast.source
    y, pull = vjp(lambda x: np.tanh(x) * f(x, WEIGHTS), x.astype(float))
    np.testing.assert_array_equal(pull(np.ones_like(y))[0], pull(np.ones_like(y))[0])


def test_what_the_caller_gave_is_only_written_where_he_says_so():
    def f(x, out):
        np.add.at(out, TARGET, np.tanh(x[SOURCE]) * WEIGHTS[:, None])
        return np.sum(out**2)

    given = np.ones_like(X)
    expected = given.copy()
    f(X, expected)
    kept = X.copy()
    grad(f)(X, given)
    np.testing.assert_allclose(given, expected, rtol=1e-14)
    np.testing.assert_array_equal(X, kept)


def test_the_additions_keep_their_order():
    rows = np.array([1e16, 1.0, -1e16, 1.0] * 6)[:, None] * np.ones((1, 3))
    index = np.zeros(24, int)

    def f(x):
        sums = np.zeros((2, 3))
        np.add.at(sums, index, rows * x[index])
        return np.sum(sums[0] * x[1])

    x = np.ones((2, 3))
    value, _ = value_and_grad(f)(x)
    assert value == f(x)


@pytest.mark.parametrize("place", [NODES, -NODES - 1])
def test_a_place_outside_raises(place):
    index = TARGET.copy()
    index[-1] = place

    def f(x, index):
        return np.sum(np.tanh(x[index] * WEIGHTS[:, None]) ** 2)

    with pytest.raises(IndexError, match=f"index {place} is out of bounds for axis 0 with size {NODES}"):
        grad(f)(X, index)
