"""Extremes along short axes and windows that are skipped: written entry by entry, with the values of NumPy's own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tapeless
from tapeless import grad, nn, value_and_grad
from tapeless.ir.window_kernels import overlap_add, reduce_few, share_among_extremes

RNG = np.random.default_rng(5)
TIES = RNG.integers(0, 3, size=(4, 6, 18, 18)).astype(float)


def by_definition(x: Any, g: Any, axes: tuple[int, ...], winner: Any) -> Any:
    """g shared among the winners."""
    y = np.expand_dims(winner(x, axis=axes), axes)
    return np.where(x == y, np.expand_dims(g, axes) / np.sum(x == y, axis=axes, keepdims=True), 0)


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize(
    ("shape", "axes", "short"),
    [
        ((4, 6, 12, 2, 12, 2), (3, 5), "both"),
        ((2, 2, 16, 3, 8, 3), (3, 5), "both"),
        ((2000, 3), (1,), "both"),
        ((2000, 9), (-1,), "both"),
        ((500, 10), (1,), "maximum"),  # more than an extreme is shared among entry by entry
        ((300, 16), (1,), "maximum"),
        ((300, 17), (1,), "neither"),
        ((1365, 3), (1,), "neither"),  # smaller than is worth a function of ours
        ((3, 2000), (0,), "share"),  # the last axis is long: NumPy's own maximum is as fast
        ((5000, 1), (1,), "neither"),
        ((2, 5), (0, 1), "neither"),
    ],
)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_extremes_along_short_axes(name: str, shape: Any, axes: Any, short: str, keepdims: bool, dtype: Any) -> None:
    x = RNG.integers(0, 4, size=shape).astype(dtype)
    winner = getattr(np, name)
    g = RNG.normal(size=winner(x, axis=axes, keepdims=keepdims).shape).astype(dtype)

    def f(x: Any) -> Any:
        return np.sum(g * winner(x, axis=axes, keepdims=keepdims))

    of = value_and_grad(f)
    value, dx = of(x)
    assert value == f(x)
    assert dx.dtype == dtype
    want = by_definition(x, g.reshape(winner(x, axis=axes).shape), axes, winner)
    np.testing.assert_array_equal(dx, want.astype(dtype))
    assert ("reduce_few(" in of.source) == (short in ("both", "maximum"))
    assert ("share_among_extremes(" in of.source) == (short in ("both", "share"))


def test_an_infinite_or_missing_share_stays_where_it_belongs() -> None:
    x, g = TIES.reshape(4, 6, 9, 2, 9, 2), RNG.normal(size=(4, 6, 9, 9))
    g[0, 0, 0], g[1, 1, 1] = np.inf, np.nan
    found = share_among_extremes(g, x.max(axis=(3, 5)), x, (3, 5))
    np.testing.assert_array_equal(found, by_definition(x, g, (3, 5), np.max))


def test_no_share_is_minus_zero() -> None:
    x = np.array([[0.0, 1.0], [3.0, 2.0]])
    dx = share_among_extremes(np.array([-2.0, -4.0]), np.array([1.0, 3.0]), x, (1,))
    np.testing.assert_array_equal(np.signbit(dx), [[False, True], [True, False]])


def test_nan_in_a_window() -> None:
    """It is the maximum, and equal to nothing: nobody gets a share, as for an array that is not large."""
    x = RNG.normal(size=(2000, 3))
    x[7, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        dx = grad(lambda x: np.sum(np.max(x, axis=1)[:100]))(x)
    assert np.isnan(reduce_few(np.maximum, x, (1,))[7])
    assert not dx[7].any()
    assert dx[:7].sum() == 7


@pytest.mark.parametrize("pool", [nn.max_pool2d, nn.avg_pool2d])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, None, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0), ((2, 4), (1, 2), (1, 0))]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pooling_of_large_images_is_that_of_each(pool: Any, size: Any, stride: Any, padding: Any, dtype: Any) -> None:
    """A single small image goes by NumPy's own functions."""
    x = TIES.astype(dtype)
    g = RNG.normal(size=pool(x, size, stride, padding).shape).astype(dtype)
    of = grad(lambda x, g: np.sum(g * pool(x, size, stride, padding)))
    dx = of(x, g)
    alone = grad(lambda x, g: np.sum(g * pool(x, size, stride, padding)))
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for i, k in np.ndindex(*x.shape[:2]):
        want = alone(x[i : i + 1, k : k + 1], g[i : i + 1, k : k + 1])[0, 0]
        np.testing.assert_allclose(dx[i, k], want, rtol=tolerance, atol=tolerance)
    assert not {"reduce_few", "share_among_extremes"} & set(alone.source.replace("(", " ").split())


@pytest.mark.parametrize(
    ("index", "short"),
    [
        ((slice(None), slice(None, None, 2), slice(None, None, 3)), True),
        ((slice(None), slice(None), slice(None, None, 2)), True),
        ((slice(None), slice(None, None, 2), slice(None, None, 2), slice(None), slice(None, None, 2)), False),
        ((slice(None), slice(1, None, 2)), False),
        ((slice(None, None, 2), slice(None, None, 2)), False),
        ((slice(None), slice(None, None, -1)), False),
        ((0, slice(None, None, 2)), False),
    ],
)
def test_windows_that_are_skipped(index: Any, short: bool) -> None:
    x = RNG.normal(size=(2, 7, 9))

    def f(x: Any) -> Any:
        return np.sum(np.sin(np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))[index]))

    of = grad(f)
    dx, v = of(x), RNG.normal(size=x.shape)
    np.testing.assert_allclose(np.vdot(dx, v), (f(x + 1e-6 * v) - f(x - 1e-6 * v)) / 2e-6, rtol=1e-7)
    assert ("step=" in of.source) == short, of.source


def test_overlaps_a_step_apart() -> None:
    windows = RNG.normal(size=(3, 2, 4, 2))
    x = overlap_add(windows, (9, 8), (0, 1), step=(2, 5))
    want = np.zeros((9, 8))
    for i, j in np.ndindex(3, 2):
        want[2 * i : 2 * i + 4, 5 * j : 5 * j + 2] += windows[i, j]
    np.testing.assert_allclose(x, want)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("count", "large"), [(4096, True), (4095, False)])
def test_a_choice_in_an_adjoint_has_the_bits_of_where(dtype: Any, count: int, large: bool) -> None:
    x, g = RNG.normal(size=(2, count)).astype(dtype)
    g[:6] = np.inf, -np.inf, np.nan, -np.nan, -0.0, 0.0
    x[:6] = -1, -1, -1, 1, 1, 1
    of = grad(lambda x, g: np.vdot(g, np.maximum(x, 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        dx = of(x, g)
    assert dx.dtype == dtype
    assert dx.tobytes() == np.where(x > 0, g, dtype(0)).tobytes()
    assert ("kept(" in of.source) == large


def test_a_choice_of_the_user_stays_as_it_is_written() -> None:
    x = RNG.normal(size=5000)
    of = grad(lambda x: np.sum(np.where(x > 0, x, 0) ** 2))
    np.testing.assert_array_equal(of(x), 2 * np.where(x > 0, x, 0))
    assert "np.where(mask, x, 0.0)" in of.source


def test_choices_and_shares_have_second_derivatives_and_batches() -> None:
    x, v = RNG.normal(size=(2, 40, 6, 6, 4))

    def f(x: Any) -> Any:
        return np.sum(np.max(np.maximum(np.sin(x), 0) ** 3, axis=-1))

    first = grad(f)
    found = grad(lambda x: np.vdot(first(x), v))(x)
    want = (first(x + 1e-6 * v) - first(x - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(tapeless.vmap(first)(np.stack([x, v])), np.stack([first(x), first(v)]))
