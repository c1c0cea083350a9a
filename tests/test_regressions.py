"""Programs that were once wrong, each as small as it can be, under the name of what was wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tapeless import GradientError, check_grads, grad, value_and_grad

X = np.array([0.5, -1.5, 2.0, 0.25])
TABLE = np.arange(12.0).reshape(4, 3) / 7


def code_of(source: str) -> str:
    """The generated source without its comments."""
    return "\n".join(line for line in source.splitlines() if not line.strip().startswith("#"))


def test_a_range_or_a_tuple_indexes_as_an_array() -> None:
    def picked(scores: Any) -> Any:
        return scores[range(3), (0, 2, 2)].sum() + scores[range(2)].sum()

    value, dscores = value_and_grad(picked)(TABLE)
    assert value == picked(TABLE)
    want = np.zeros((4, 3))
    want[[0, 1, 2], [0, 2, 2]] += 1
    want[:2] += 1
    assert np.array_equal(dscores, want)


def test_stack_writes_its_out() -> None:
    def stacked(x: Any) -> Any:
        both = np.zeros((2, 4))
        np.stack([x, x**2], out=both)
        return both.sum()

    value, dx = value_and_grad(stacked)(X)
    assert value == stacked(X)
    assert np.allclose(dx, 1 + 2 * X)


@pytest.mark.skipif(np.__version__.startswith("2.0."), reason="np.reshape has copy= since NumPy 2.1")
def test_reshape_with_copy_does_not_share_memory() -> None:
    def reshaped(x: Any) -> Any:
        y, z = np.reshape(x, (2, 2), copy=True), x.reshape((2, 2), copy=True)
        y[0, 0] = z[0, 1] = 7
        return (x**2).sum() + y.sum() + z.sum()

    value, dx = value_and_grad(reshaped)(X)
    assert value == reshaped(X)
    assert np.allclose(dx, 2 * X + [1, 1, 2, 2])


def test_split_refuses_unequal_parts() -> None:
    with pytest.raises(ValueError, match="equal division"):
        grad(lambda x: np.split(x, 3)[0].sum())(X)
    assert grad(lambda x: np.array_split(x, 3)[0].sum())(X).tolist() == [1, 1, 0, 0]


def test_copyto_keeps_to_its_casting() -> None:
    def copied(x: Any) -> Any:
        whole = np.zeros(4, dtype=int)
        np.copyto(whole, x)
        return (whole * x).sum()

    with pytest.raises(TypeError, match="same_kind"):
        grad(copied)(X)


@pytest.mark.parametrize(("shift", "axis"), [(1, (0, 1)), ((1, 2), 1), ((1, -2), (0, 1))])
def test_roll_broadcasts_shifts_and_axes(shift: Any, axis: Any) -> None:
    def rolled(x: Any) -> Any:
        return np.sum(np.roll(x, shift, axis=axis) * TABLE)

    value, dx = value_and_grad(rolled)(TABLE**2)
    assert value == rolled(TABLE**2)
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    assert np.array_equal(dx, np.roll(TABLE, back, axis=axis))


def test_an_array_has_the_methods_that_this_numpy_has() -> None:
    """`hasattr(x, "ptp")` is False with NumPy 2, for the stand-in too."""
    seen = []
    grad(lambda x: seen.append(hasattr(x, "ptp")) or x.sum())(X)
    assert seen == [hasattr(X, "ptp")]


@pytest.mark.parametrize("x", [X, TABLE], ids=["1-D", "2-D"])
def test_norm_has_the_bits_of_numpy(x: Any) -> None:
    for keepdims in (False, True):
        value, dx = value_and_grad(lambda x, keepdims=keepdims: np.linalg.norm(x, keepdims=keepdims).sum())(x)
        assert value == np.linalg.norm(x)
        assert np.allclose(dx, x / np.linalg.norm(x))


def test_what_was_returned_instead_of_a_number_is_named() -> None:
    with pytest.raises(GradientError, match="returned a str"):
        grad(lambda x: "loss")(X)
    with pytest.raises(GradientError, match="returned nothing"):
        grad(lambda x: None)(X)


def test_no_sign_is_written_twice() -> None:
    def entropy(w: Any, x: Any, y: Any) -> Any:
        p = 1 / (1 + np.exp(-(x @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    assert "--" not in code_of(grad(entropy).lower(np.ones(3), TABLE, np.array([0, 1, 1, 0])).source)


def test_a_penalty_has_one_coefficient() -> None:
    source = grad(lambda w: 0.05 * np.sum(w * w)).lower(X).source
    assert "dw = 0.1 * w" in source
    assert "*= 2" not in source


def test_a_product_is_not_written_the_wrong_way_round() -> None:
    def scores(q: Any, k: Any) -> Any:
        return np.sum((q @ k.T) ** 2)

    source = grad(scores, argnums="k").lower(TABLE, TABLE + 1).source
    assert "q.T).T" not in source
    assert ".T.dot(q)" in source


def test_a_module_refuses_written_arguments_that_share_memory() -> None:
    def written(a: Any, b: Any) -> Any:
        a[0] = 5.0
        return np.sum(a * b)

    module: dict[str, Any] = {}
    exec(grad(written).module(X.copy(), X.copy()), module)
    x = X.copy()
    with pytest.raises(ValueError, match="must not share memory"):
        module["written_grad"](x, x)
    assert module["written_grad"](x, X.copy()).tolist() == [0, *X[1:]]


def test_a_gradient_is_no_view_of_what_was_summed_into_it() -> None:
    """A running sum backwards is a reversed view; later terms were added in place and the view was handed out."""
    dx = grad(lambda x: np.cumsum(x)[-2] + np.sum(x * X))(X)
    assert dx.flags.owndata
    assert dx.flags.c_contiguous
    assert np.allclose(dx, X + np.array([1, 1, 1, 0]))


def test_a_place_without_a_statement_ends_its_line() -> None:
    with pytest.raises(GradientError) as error:
        grad(lambda x: x * 2)(X)
    assert all(line == line.rstrip() for line in str(error.value).splitlines())


def false_condition_as_an_index(x):
    z = np.zeros(x.shape)
    x = x.copy()
    x[np.var(z) > 0.2] = 7.0  # the condition is a plain False: nothing is written
    return np.mean(x)


def value_with_leading_ones(x):
    z = np.tanh(x[1:])
    z[:, 0] = x.T @ x
    return np.mean(x) + np.sum(z * 0.5)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (false_condition_as_an_index, np.arange(9.0).reshape(3, 3)),
        (value_with_leading_ones, np.arange(4.0).reshape(4, 1)),
    ],
)
def test_writes_that_numpy_takes(f, x):
    value, gradient = value_and_grad(f)(x)
    assert value == f(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        assert gradient[index] == pytest.approx((f(x + step) - f(x - step)) / 2e-6, abs=1e-6)


WITHOUT_TEXT = """
import numpy as np

def filled(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] ** 2
    parts = np.array([x[0], out[1]])
    return out.sum() + parts.sum()
"""


def test_arrays_made_in_code_without_source_text():
    names: dict[str, Any] = {}
    exec(WITHOUT_TEXT, names)
    np.testing.assert_allclose(grad(names["filled"])(np.array([1.0, 2.0, 3.0])), [3.0, 8.0, 6.0])


def triangles(x):
    return np.sum(np.tril(x) @ np.triu(x, k=1)) + np.sum(np.tril(x, -1) ** 2)


def diagonals(x):
    d = np.diag(x, 1)
    return np.sum(np.diag(np.diag(x), k=-1) ** 2) + np.sum(d**3)


def filled_diagonal(x):
    y = np.tanh(x)
    seen = np.diag(y)
    np.fill_diagonal(y, x[0] ** 2)
    return np.sum(y * np.arange(9.0).reshape(3, 3)) + seen.sum()


@pytest.mark.parametrize("f", [triangles, diagonals, filled_diagonal])
def test_triangles_and_diagonals(f):
    x = np.random.default_rng(5).normal(size=(3, 3))
    assert value_and_grad(f)(x)[0] == f(x)
    check_grads(f, (x,), order=2)


def test_a_mean_of_nothing_by_hand_is_nan_as_in_numpy():
    def f(x):
        return np.sum(np.tanh(x) ** 2) / len(x)

    with np.errstate(all="ignore"):
        value, gradient = value_and_grad(f)(np.zeros((0, 3)))
    assert np.isnan(value)
    assert gradient.shape == (0, 3)
