"""Large arrays of points whose coordinates lie apart in memory, and large products as BLAS does them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapeless import value_and_grad

rng = np.random.default_rng(0)
X, MEANS, SCALES = rng.normal(size=(1000, 10)), rng.normal(size=(25, 10)), rng.normal(size=(25, 10)) / 3
FACTORS = np.tril(rng.normal(size=(25, 10, 10)) / 5) + np.eye(10)
POINTS = rng.normal(size=(300, 3))


def log_sum(x: Any) -> Any:
    largest = x.max(axis=0)
    return np.sum(largest + np.log(np.sum(np.exp(x - largest), axis=0)))


def by_products(means: Any, factors: Any, x: Any) -> Any:
    return log_sum(-0.5 * np.sum(((x - means[:, None]) @ factors.swapaxes(1, 2)) ** 2, axis=2))


def by_einsum(means: Any, factors: Any, x: Any) -> Any:
    z = np.einsum("kij,nkj->nki", factors, x[:, None] - means)
    return log_sum(-0.5 * np.einsum("nki,nki->kn", z, z))


def by_systems(means: Any, factors: Any, x: Any) -> Any:
    z = np.linalg.solve(factors, (x - means[:, None]).swapaxes(1, 2))
    return log_sum(-0.5 * np.sum(z**2, axis=1))


def diagonal(means: Any, scales: Any, x: Any) -> Any:
    squares = ((x[None] - means[:, None]) ** 2 * np.exp(-2 * scales)[:, None]).sum(axis=2)
    return log_sum(-0.5 * squares - scales.sum(axis=1)[:, None])


def point_by_point(means: Any, scales: Any, x: Any) -> Any:
    z = (x[:, None, :] - means) / np.exp(scales)
    return log_sum(-0.5 * np.sum(z**2, axis=-1).T)


def handed_out(means: Any, scales: Any, x: Any) -> Any:
    z = x[None] - means[:, None]
    return np.sum(z * z * z), z


MIXTURES = [
    (by_products, FACTORS),
    (by_einsum, FACTORS),
    (by_systems, FACTORS),
    (diagonal, SCALES),
    (point_by_point, SCALES),
]


@pytest.mark.parametrize(("function", "second"), MIXTURES, ids=[f.__name__ for f, _ in MIXTURES])
def test_mixtures(function: Callable[..., Any], second: Any) -> None:
    fast, plain = (value_and_grad(function, argnums=(0, 1, 2), optimize=how) for how in ("fast", "readable"))
    value, found = fast(MEANS, second, X)
    expected, slopes = plain(MEANS, second, X)
    assert expected == function(MEANS, second, X)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for one, other in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
        assert one.flags.c_contiguous
    turned = function is not by_systems
    assert ("order='F'" in fast.source) == turned
    assert "order='F'" not in plain.source


def distances(lengths: Any, x: Any) -> Any:
    apart = (x[:, None, :] - x[None, :, :]) / np.exp(lengths)
    return np.sum(np.exp(-0.5 * np.sum(apart**2, axis=-1)) * np.cos(x[:, 0]))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_differences_of_all_pairs(dtype: str) -> None:
    x, lengths = rng.normal(size=(420, 3)).astype(dtype), np.array([0.1, -0.2, 0.3], dtype)
    g = value_and_grad(distances, argnums=(0, 1))
    value, found = g(lengths, x)
    exact, slopes = value_and_grad(distances, argnums=(0, 1), optimize="readable")(
        lengths.astype(float), x.astype(float)
    )
    np.testing.assert_allclose(value, exact, rtol=1e-12 if dtype == "f8" else 1e-5)
    for one, other in zip(found, slopes, strict=True):
        assert one.dtype == np.dtype(dtype)
        np.testing.assert_allclose(
            one, other, rtol=1e-9 if dtype == "f8" else 1e-3, atol=1e-3 if dtype == "f4" else 1e-9
        )
    assert "order='F'" in g.source


def test_what_is_handed_out_lies_as_numpy_lays_it() -> None:
    g = value_and_grad(handed_out, has_aux=True)
    (_, z), _ = g(MEANS, SCALES, X)
    assert z.flags.c_contiguous
    np.testing.assert_array_equal(z, X[None] - MEANS[:, None])


def test_few_points_are_left_as_they_are() -> None:
    g = value_and_grad(by_products, argnums=(0, 1))
    value, _ = g(MEANS, FACTORS, X[:100])
    assert value == by_products(MEANS, FACTORS, X[:100])
    assert "order='F'" not in g.source


def written(gradient: Any) -> str:
    """The lines of the source that are no comments."""
    return "\n".join(line for line in gradient.source.splitlines() if not line.strip().startswith("#"))


def trace_of(a: Any, b: Any) -> Any:
    return np.trace(a @ b) + np.trace(a.T @ b.T @ a)


def matrices(a: Any, b: Any) -> Any:
    return np.sum(np.tanh(np.einsum("bij,bjk->bik", a, b)))


def scores(a: Any, b: Any) -> Any:
    return np.sum(np.sin(np.einsum("hqd,hkd->hqk", a, b)))


def crossed(a: Any, b: Any) -> Any:
    return np.sum(np.einsum("ij,kj->ki", a, b) ** 2)


SQUARE = rng.normal(size=(2, 370, 370)) / 9
STACKS = rng.normal(size=(2, 40, 64, 64)) / 4
WIDE = rng.normal(size=(2, 400, 380)) / 9


@pytest.mark.parametrize(
    ("function", "pair", "call"),
    [
        (trace_of, SQUARE, "np.trace"),
        (matrices, STACKS, "np.einsum"),
        (scores, STACKS, "np.einsum"),
        (crossed, WIDE, "np.einsum"),
    ],
)
def test_large_products(function: Callable[..., Any], pair: Any, call: str) -> None:
    fast, plain = (value_and_grad(function, argnums=(0, 1), optimize=how) for how in ("fast", "readable"))
    value, found = fast(*pair)
    expected, slopes = plain(*pair)
    assert expected == function(*pair)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    for one, other in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    assert call in written(plain)
    assert call not in written(fast)
    small = tuple(p[..., :5, :5] for p in pair)
    assert value_and_grad(function)(*small)[0] == function(*small)


def test_a_number_that_python_asks_for_is_that_of_einsum() -> None:
    def asked(a: Any, b: Any) -> Any:
        total = np.sum(np.einsum("bij,bjk->bik", a, b) ** 2)
        return total / 2 if total > 1e9 else total

    g = value_and_grad(asked)
    assert g(*STACKS)[0] == asked(*STACKS)
    assert "np.einsum('bij,bjk->bik', a, b)" in g.source
