"""Small arrays: the quicker of equal spellings, to the bit, and calls that are known at first sight."""

from __future__ import annotations

import itertools
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from tapeless import TapelessError, grad, value_and_grad

Array = np.ndarray[Any, Any]


def logistic(w, x, y):  # type: ignore[no-untyped-def]
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def ridge(w, x, y):  # type: ignore[no-untyped-def]
    d = np.dot(x, w) - y
    return (d * d).mean() + 0.1 * np.dot(w, w)


def valley(w, x, y):  # type: ignore[no-untyped-def]
    a, b = w[:-1], w[1:]
    return 100 * ((b - a * a) ** 2).sum() + np.sum((1 - a) ** 2)


def spread(w, x, y):  # type: ignore[no-untyped-def]
    return np.var(x, axis=0).sum() + np.mean(x, axis=-1) @ y + np.std(w)


def angle(w, x, y):  # type: ignore[no-untyped-def]
    return w @ x[0] / (np.linalg.norm(w * 2) * np.linalg.norm(x[0] - 1))


def shifted(w, x, y):  # type: ignore[no-untyped-def]
    z = w - np.max(w, keepdims=True)
    return np.sum(np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True) * w)


def hidden(w, x, y):  # type: ignore[no-untyped-def]
    h = np.tanh((x * 2) @ (w * 2)[:, None] + 1)
    return np.mean((h[:, 0] - y) ** 2) + np.sum(np.outer(w, w))


FUNCTIONS = [logistic, ridge, valley, spread, angle, shifted, hidden]


def arguments(dtype: Any, layout: str) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(3)
    w, x, y = rng.normal(size=6), rng.normal(size=(7, 6)), rng.random(7)
    w, x, y = w.astype(dtype), x.astype(dtype), y.astype(dtype)
    if layout == "F":
        x = np.asfortranarray(x)
    if layout == "reversed":
        w, x, y = w[::-1], x[::-1, ::-1], y[::-1]
    if layout == "strided":
        w, x, y = (np.repeat(np.repeat(v, 2, axis=0), 2, axis=-1) for v in (w, x, y))
        w, x, y = w[::4], x[::2, ::2], y[::4]
    return w, x, y


@pytest.mark.parametrize("layout", ["C", "F", "reversed", "strided"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_of_numpy_to_the_bit(function: Callable[..., Any], dtype: Any, layout: str) -> None:
    w, x, y = arguments(dtype, layout)
    value, gradients = value_and_grad(function, (0, 1))(w, x, y)
    plain = function(w, x, y)
    assert type(value) is type(plain)
    assert value.tobytes() == plain.tobytes()
    readable = value_and_grad(function, (0, 1), optimize="readable")(w, x, y)[1]
    for found, wanted in zip(gradients, readable, strict=True):
        assert found.dtype == wanted.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-6)


TEXTS: dict[str, tuple[Callable[..., Any], str]] = {
    "sums as methods": (lambda x: np.sum(x * x), "(x * x).sum()"),
    "means as sums": (lambda x: np.mean(x * x), "(x * x).sum() / 5"),
    "numbers as floats": (lambda x: np.sum(np.exp(1 - x)), "1.0 - x"),
    "products of what was made": (lambda x: np.exp(x) @ np.sin(x), "exp_x.dot(sin_x)"),
    "the user's np.dot": (lambda x: np.dot(x, x), "x.dot(x)"),
    "the length of a vector": (lambda x: np.linalg.norm(x - 1), "/ (value or 1.0)"),
    "outer products": (lambda x: np.sum(np.sin(np.outer(x, x))), "x[:, None] * x"),
    "one element for all": (lambda x: np.sum(np.exp(x - x.max(keepdims=True))), "x.max()"),
    "one factor": (lambda x: np.sum(np.exp(x)) / np.sum(x) ** 2 + np.mean(x * x) / 3, "/ 15"),
    "parts of a cotangent": (lambda x: np.sum(np.exp(x) - x * 2), "dx = exp_x - 2.0"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(case: str) -> None:
    function, wanted = TEXTS[case]
    gradient = value_and_grad(function)
    x = np.linspace(0.5, 1.5, 5)
    gradient(x)
    assert wanted in gradient.source
    plain = value_and_grad(function, optimize="readable")
    np.testing.assert_allclose(gradient(x)[1], plain(x)[1], rtol=1e-12)
    assert wanted in ("x.dot(x)",) or wanted not in plain.source or case in ("one factor", "parts of a cotangent")


W, X = np.linspace(-1, 1, 3), np.sin(np.arange(30.0)).reshape(10, 3)
LABELS = np.arange(10) % 2


def entropy(w: Any, x: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logits(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def shifted_entropy(w: Any, x: Any, y: Any) -> Any:
    z = np.outer(x @ w, np.array([1.0, -1.0]))
    z = z - z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y])


def one_shifted(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    z = z - z.max()
    return np.log(np.exp(z).sum()) - z[3]


def hinge(w: Any, x: Any, y: Any) -> Any:
    return np.mean(np.maximum(0, 1 - (2 * y - 1.0) * (x @ w)))


def scatter(w: Any, x: Any, y: Any) -> Any:
    u = x * w
    c = u - u.mean(axis=0)
    s = c.T @ c / len(u)
    return np.trace(s @ s)


def steps(w: Any, x: Any, y: Any) -> Any:
    return np.sum(np.diff(x @ w) ** 2)


def weighted(w: Any, x: Any, y: Any) -> Any:
    return np.dot(np.arange(1, 4), w * w)


def cubes(w: Any, x: Any, y: Any) -> Any:
    return np.sum((x @ w) ** 4)


BACKWARD: dict[Callable[..., Any], tuple[str, ...]] = {
    entropy: ("dw = (p - y).dot(x) / 10.0",),
    logits: ("- y) / 10.0",),
    shifted_entropy: ("dz[", " -= 1 / 10"),
    one_shifted: ("dz[3] -= 1",),
    hinge: ("maximum > 0.0) *", " / 10.0"),
    scatter: ("dc",),
    steps: ("[1:] = ", "[:-1] -= "),
    weighted: ("rows * w",),
    cubes: ("* x_at_w * x_at_w",),
}
NOT_THERE = ("mask", "np.pad", "np.outer", "np.mean", " ** 3", "dc.sum", "np.where")


@pytest.mark.parametrize("function", BACKWARD)
def test_backward_parts_are_as_short_as_by_hand(function: Callable[..., Any]) -> None:
    gradient = value_and_grad(function)
    value, dw = gradient(W, X, LABELS)
    assert value == function(W, X, LABELS)
    for place in range(3):
        step = 1e-6 * (np.arange(3) == place)
        slope = (function(W + step, X, LABELS) - function(W - step, X, LABELS)) / 2e-6
        assert dw[place] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    text = "\n".join(line for line in gradient.source.split("# backward")[1].splitlines() if "# line" not in line)
    for part in BACKWARD[function]:
        assert part in text
    for part in NOT_THERE:
        assert part not in text


def test_what_is_there_anyway_is_not_computed_again() -> None:
    def valley(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    gradient = grad(valley)
    gradient(np.ones(6))
    backward = gradient.source.split("# backward")[1]
    assert backward.count("200.0 *") == 1
    assert backward.count("-2.0 * (") == 1
    assert "400" not in backward


def test_large_arrays_keep_their_spellings() -> None:
    gradient = value_and_grad(lambda x: np.mean(x @ x) - np.sum(1 - x))
    gradient(np.ones(20_000))
    assert "1 - x" in gradient.source
    assert ".dot(" not in gradient.source


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128])
def test_means_of_other_dtypes_stay_means(dtype: Any) -> None:
    counts = (np.arange(6) * 11_000).astype(dtype)  # whose sum is no number of half precision
    gradient = value_and_grad(lambda w: w * np.mean(counts).real)
    assert gradient(2.0)[0] == 2.0 * np.mean(counts).real
    assert np.isfinite(gradient(2.0)[1])


def test_the_mean_of_nothing_is_what_numpy_makes_of_it() -> None:
    gradient = value_and_grad(lambda x: np.mean(x))
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value, dx = gradient(np.ones(0))
        assert np.isnan(value)
        assert dx.shape == (0,)
        assert any("empty slice" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_length_of_zeros_has_no_slope(dtype: Any) -> None:
    gradient = value_and_grad(lambda x, y: np.linalg.norm(x) * np.linalg.norm(y), (0, 1))
    value, (dx, dy) = gradient(np.zeros(3, dtype), np.ones(3, dtype))
    assert value == 0
    assert not dx.any()
    assert not dy.any()
    assert value.dtype == dx.dtype == dtype
    assert np.isnan(gradient(np.full(3, np.nan, dtype), np.ones(3, dtype))[1][0]).all()


# ---------------------------------------------------------------------------------------------------- dispatch


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Model:
    w: Any
    rate: float


CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "array": ((np.ones(3),), {}),
    "another shape": ((np.ones(4),), {}),
    "another dtype": ((np.ones(3, np.float32),), {}),
    "numbers": ((np.float64(2.0),), {}),
    "a number of Python": ((2.0,), {}),
    "an option": ((np.ones(3), 3), {}),
    "another option": ((np.ones(3), 4), {}),
    "an option of another type": ((np.ones(3), True), {}),
    "a keyword": ((np.ones(3),), {"power": 3}),
    "two keywords": ((np.ones(3),), {"scale": 2.0, "power": 3}),
    "a text": ((np.ones(3), 2), {"scale": "big"}),
    "a tuple": (((np.ones(3), np.ones(2)),), {}),
    "a list": (([np.ones(3), np.ones(2)],), {}),
    "a named tuple": ((Pair(np.ones(3), np.ones(2)),), {}),
    "a dict": (({"a": np.ones(3), "b": np.ones(2)},), {}),
    "a dict in another order": (({"b": np.ones(2), "a": np.ones(3)},), {}),
    "a nested dict": (({"a": [np.ones(3), {"c": 2.0}]},), {}),
    "a dataclass": ((Model(np.ones(3), 0.5),), {}),
    "nothing beside": ((((), np.ones(3)),), {}),
}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return leaves([value.w, value.rate]) if isinstance(value, Model) else [value]


def of_everything(x: Any, power: Any = 2, *, scale: Any = 1.0) -> Any:
    total = 0.0
    for place, leaf in enumerate(leaves(x)):
        total = total + (place + 1) * np.sum(leaf * leaf) * float(power)
    return total * (7.0 if scale == "big" else scale)


@pytest.mark.parametrize(("case", "other"), [*itertools.product(CALLS, CALLS)])
def test_a_call_is_known_for_what_it_is(case: str, other: str) -> None:
    gradient = value_and_grad(of_everything)
    for name in (case, case, case, other, case, other, other):
        args, kwargs = CALLS[name]
        assert gradient(*args, **kwargs)[0] == of_everything(*args, **kwargs)
    assert gradient.cache_info().hits + gradient.cache_info().misses >= 4


def test_what_is_around_a_function_is_still_watched() -> None:
    factor = 2.0
    options = {"bias": 1.0}

    def scaled(x: Any, *, power: float = 2.0) -> Any:
        return factor * np.sum(x) ** power + options["bias"] * x[0] * OUTSIDE

    gradient = grad(scaled)
    x = np.ones(2)

    def check() -> None:
        for _ in range(3):
            np.testing.assert_allclose(gradient(x), 2 * factor * 2 + np.array([options["bias"] * OUTSIDE, 0]))

    global OUTSIDE
    check()
    factor = 3.0
    check()
    options["bias"] = 5.0
    check()
    OUTSIDE = 7.0
    check()
    OUTSIDE = 1.0
    options["bias"] = 1
    check()
    scaled.__kwdefaults__ = {"power": 1.0}
    for _ in range(3):
        np.testing.assert_allclose(gradient(x), factor + np.array([1.0, 0]))
    del options["bias"]
    with pytest.raises(KeyError):
        gradient(x)


OUTSIDE = 1.0


def test_arrays_from_elsewhere_are_known_too() -> None:
    gradient = grad(lambda x: np.sum(x * x))
    x = np.arange(3.0)
    brought = pickle.loads(pickle.dumps(x))
    swapped = x.astype(x.dtype.newbyteorder())
    for array in (x, x, brought, brought, x, brought):
        np.testing.assert_array_equal(gradient(array), 2 * x)
    assert gradient.cache_info().hits == 5
    np.testing.assert_array_equal(gradient(swapped), 2 * x)
    assert gradient.cache_info().paths == 2


def test_guards_and_errors_of_calls_that_are_known() -> None:
    def halved(x: Any) -> Any:
        if x[0] > 0:
            return np.linalg.solve(np.diag(x), x).sum() * x[0]
        return -x.sum()

    gradient = grad(halved)
    up, down = np.array([2.0, 1.0]), np.array([-2.0, 1.0])
    for x, wanted in ((up, [2.0, 0.0]), (up, [2.0, 0.0]), (up, [2.0, 0.0]), (down, [-1.0, -1.0]), (up, [2.0, 0.0])):
        np.testing.assert_allclose(gradient(x), wanted, atol=1e-12)
    assert gradient.cache_info().paths == 2
    with pytest.raises(np.linalg.LinAlgError) as caught:
        gradient(np.array([2.0, 0.0]))
    assert "test_small_arrays.py" in str(getattr(caught.value, "__notes__", ""))
    with pytest.raises((TypeError, TapelessError)):
        gradient(up, up)
