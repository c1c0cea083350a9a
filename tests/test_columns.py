"""Tall tables of few columns are kept column by column: to the bit the same numbers, handed out in the usual order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tapeless import grad, value_and_grad, vjp

rng = np.random.default_rng(0)
N = 3000


def springs(points: Any, lengths: Any, first: Any, second: Any) -> Any:
    apart = points[second] - points[first]
    length = np.sqrt(np.sum(apart**2, axis=1, keepdims=True))
    unit = apart / length
    turned = np.cross(unit, points[first]) * lengths[:, None]
    return np.sum((length[:, 0] - lengths) ** 2) + np.sum(turned[:, :2] * apart[:, 1:] / 7)


def arguments(dtype: str = "f8") -> tuple[Any, ...]:
    first = rng.integers(0, 500, N)
    points, lengths = rng.normal(size=(500, 3)).astype(dtype), rng.uniform(1, 2, N).astype(dtype)
    return points, lengths, first, (first + rng.integers(1, 499, N)) % 500


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_value_is_the_functions_own_and_the_gradient_that_of_rows(dtype: str) -> None:
    given = arguments(dtype)
    turned = value_and_grad(springs, argnums=(0, 1))
    plain = value_and_grad(springs, argnums=(0, 1), optimize="readable")
    value, found = turned(*given)
    assert value == springs(*given)
    assert ".T.take(first, axis=1).T" in turned.source
    assert "cross_columns(" in turned.source
    _, by_rows = plain(*given)
    assert ".T.take(" not in plain.source
    for one, other in zip(found, by_rows, strict=True):
        assert one.flags.c_contiguous
        assert one.dtype == np.dtype(dtype)
        np.testing.assert_allclose(one, other, rtol=1e-9 if dtype == "f8" else 2e-2, atol=1e-3 if dtype == "f4" else 0)


def test_few_rows_and_wide_ones_stay_rows() -> None:
    points, lengths, first, second = arguments()
    few = value_and_grad(springs)
    few(points, lengths[:100], first[:100], second[:100])
    assert ".T.take(" not in few.source


def test_a_table_that_is_handed_out_has_the_usual_order() -> None:
    def scaled(shift: Any, table: Any, index: Any, scale: Any) -> Any:
        moved = (table[index] * scale[:, None] + shift) / np.sum(table[index] ** 2, axis=1, keepdims=True)
        return np.sum(np.tanh(moved * scale[:, None] - scale.mean())), moved

    gradient = value_and_grad(scaled, argnums=(0, 1, 3), has_aux=True)
    given = rng.normal(size=(N, 3)), rng.normal(size=(40, 3)), rng.integers(0, 40, N), rng.normal(size=N)
    (value, moved), (dshift, dtable, dscale) = gradient(*given)
    assert ".T.take(index, axis=1).T" in gradient.source
    own_value, own_moved = scaled(*given)
    assert value == pytest.approx(own_value)
    np.testing.assert_array_equal(moved, own_moved)
    for one in (moved, dshift, dtable, dscale):
        assert one.flags.c_contiguous
    step = np.zeros_like(given[0])
    step[7, 1] = 1e-6
    slope = (scaled(given[0] + step, *given[1:])[0] - scaled(given[0] - step, *given[1:])[0]) / 2e-6
    assert dshift[7, 1] == pytest.approx(slope, rel=1e-5)


def test_a_pullback_computes_the_copy_of_a_result_once() -> None:
    def moved(table: Any, index: Any, scale: Any) -> Any:
        near = table[index] * scale[:, None]
        return np.tanh(near / (1 + np.sum(near**2, axis=1, keepdims=True)) - scale[:, None]), near

    given = rng.normal(size=(40, 3)), rng.integers(0, 40, N), rng.normal(size=N)
    (first, second), pullback = vjp(lambda table: moved(table, *given[1:]), given[0])
    np.testing.assert_array_equal(first, moved(*given)[0])
    np.testing.assert_array_equal(second, moved(*given)[1])
    assert first.flags.c_contiguous
    assert second.flags.c_contiguous
    second[:] = np.nan  # theirs
    along = rng.normal(size=(40, 3))
    weights = rng.normal(size=(N, 3))
    slope = [np.sum(moved(given[0] + e * along, *given[1:])[0] * weights) for e in (1e-6, -1e-6)]
    dtable = pullback((weights, np.zeros((N, 3))))[0]
    assert np.sum(dtable * along) == pytest.approx((slope[0] - slope[1]) / 2e-6, rel=1e-5)


def test_the_callers_table_is_not_touched() -> None:
    def pulled(weights: Any, table: Any, index: Any, goals: Any) -> Any:
        apart = (table[index] - goals) * weights[:, None]
        apart = apart / (1 + np.sum(apart**2, axis=1, keepdims=True))
        return np.sum(apart * weights[:, None] * apart)

    weights, table, goals = rng.uniform(1, 2, N), rng.normal(size=(40, 3)), np.asfortranarray(rng.normal(size=(N, 3)))
    index = rng.integers(0, 40, N)
    for array in (weights, table, goals, index):
        array.flags.writeable = False
    kept = goals.copy()
    gradient = grad(pulled, argnums=(0, 1))
    gradient(weights, table, index, goals)
    assert "goals.copy(order='F')" in gradient.source
    np.testing.assert_array_equal(goals, kept)


def test_indices_that_are_no_places_raise() -> None:
    points, lengths, first, second = arguments()
    gradient = grad(springs)
    gradient(points, lengths, first, second)
    with pytest.raises(IndexError):
        gradient(points, lengths, np.where(first == first[0], 500, first), second)
    found = gradient(points, lengths, np.where(first > 250, first - 500, first), second)
    np.testing.assert_array_equal(found, gradient(points, lengths, first, second))
