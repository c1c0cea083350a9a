"""debug="nan": the first operation that made a nan or an infinity, by the user's line and the generated line."""

import pickle
import threading
import warnings

import numpy as np
import pytest

import tapeless
from tapeless import (
    NonFiniteError,
    TapelessError,
    checkpoint,
    cond,
    fori_loop,
    grad,
    scan,
    value_and_grad,
    vjp,
    while_loop,
)
from tapeless.runtime.gradient import GradientFunction
from tapeless.runtime.request import Request

X = np.array([0.5, 1.5, 2.0])


def cause(f, *args, **kwargs):
    """What the error says: its first line, and the others by how they begin."""
    with pytest.raises(NonFiniteError) as caught:
        f(*args, **kwargs)
    assert isinstance(caught.value, TapelessError)
    assert isinstance(caught.value, FloatingPointError)
    return str(caught.value)


def logs(w, x):
    z = x @ w
    p = np.log(z)
    return np.sum(p * p)


def roots(x):
    y = np.sqrt(x)
    return np.sum(y)


def test_a_forward_operation():
    said = cause(value_and_grad(logs, debug="nan"), np.array([1.0, 0.0]), np.eye(2))
    assert said.startswith("the first infinity (-inf at [1]) is made in the forward pass, by np.log(z)\n  in logs at ")
    assert f"test_debug_nan.py:{logs.__code__.co_firstlineno + 2}:  p = np.log(z)\n" in said
    assert "generated line 8: p = np.log(z)\n" in said
    assert "operands: z = 0.0\n" in said


def test_a_backward_operation():
    g = value_and_grad(roots, debug="nan")
    said = cause(g, np.array([4.0, 0.0]))
    assert "the first infinity (inf at [1]) is made in the backward pass, by 0.5 / y\n" in said
    assert f"test_debug_nan.py:{roots.__code__.co_firstlineno + 1}:  y = np.sqrt(x)\n" in said
    (line,) = [line for line in said.splitlines() if "generated line" in line]
    number, text = line.removeprefix("  generated line ").split(": ", 1)
    assert g.source.splitlines()[int(number) - 1].strip() == text == "dx = 0.5 / y"


@pytest.mark.parametrize(
    ("f", "args", "expected", "way"),
    [
        (lambda x: np.sum(np.log(1 + np.exp(x))), (X * 1000,), "pass, by np.exp(x)\n", "forward"),
        (lambda x: np.sum(np.tanh(1 / (x - 1.5))), (X,), "the first infinity (inf at [1])", "forward"),
        (lambda x: np.sum((x - x) / (x - x)), (X,), "the first nan (nan at [0])", "forward"),
        (lambda x: np.sum(np.arccos(x)), (np.array([0.2, 1.0]),), "(-inf at [1])", "backward"),
        (lambda x: np.prod(x) * 1e300, (X * 1e10,), "the first infinity (inf)", "forward"),
        (lambda x: np.sum(x**2), (np.array([1e30], np.float32),), "the first infinity (inf", "forward"),
        (lambda z: np.sum(np.abs(1 / z)), (np.array([1j, 0j]),), "pass, by 1 / z\n", "forward"),
        (lambda x: np.linalg.norm(np.linalg.inv(x * 1e-320)), (np.eye(2),), "np.linalg.inv", "forward"),
        (lambda x: np.sum(np.stack([x, x / (x - 2)]) ** 2), (X,), "(inf at [2])", "forward"),
        (lambda p: p["a"] / p["b"][0], ({"a": 1.0, "b": (np.float64(0),)},), "a / b", "forward"),
        (lambda x: np.log(x[0]) * x[1], (np.array([0.0, 1.0]),), "the first infinity (-inf)", "forward"),
    ],
)
def test_many_operations(f, args, expected, way):
    said = cause(value_and_grad(f, debug="nan"), *args)
    assert expected in said
    assert f"in the {way} pass" in said
    assert "test_debug_nan.py" in said


def in_place(x):
    y = np.zeros_like(x)
    y[0] = 1.0
    y[1:] += x[1:] / (x[1:] - 2)
    return np.sum(y**2)


def stored_as_float32(x):
    y = np.zeros(3, np.float32)
    y[:] = x * 1e200
    return np.sum(y)


def python_loop(x):
    for i in range(3):
        x = x / (x - i)
    return np.sum(x)


def fori(x):
    return fori_loop(0, 4, lambda i, c: c * np.exp(c), x)


def scanned(x):
    return np.sum(scan(lambda c, t: (c / (t - 1.5), c), x[0], x)[1])


def whiled(x):
    return while_loop(lambda c: c < 1e300, lambda c: c * c * 1e200, x)


def branched(x):
    return cond(x > 0, lambda x: np.log(x - x), lambda x: x, x)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (in_place, X, "inf at [1]"),
        (stored_as_float32, X, "y[:] = "),
        (python_loop, np.array([2.5, 0.0]), "x_1 = x / x"),
        (fori, 2.0, "np.exp(value)"),
        (scanned, X, "inf"),
        (whiled, 2.0, "inf"),
        (branched, 2.0, "np.log("),
    ],
)
def test_writes_loops_and_branches(f, x, expected):
    g = value_and_grad(f, debug="nan")
    assert expected in cause(g, x)
    assert f.__name__ in cause(g, x) or "<lambda>" in cause(g, x)


def test_the_root_is_named_and_what_became_of_it():
    said = cause(grad(lambda x: np.sum(np.log(1 + np.exp(x))), debug="nan"), np.array([1000.0]))
    assert said.startswith("the first infinity (inf at [0]) is made in the forward pass, by np.exp(x)\n")
    assert "it becomes nan in generated line " in said


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, np.log(x), 0.0) * x),
        lambda x: np.sum(1 / (1 + np.where(x > 1, np.exp(1000 * x), 1.0))) * 0 + np.sum(x),
        lambda x: np.linalg.norm(x - x),
        lambda x: np.nansum(np.where(x > 0, x, np.nan)),
    ],
)
def test_what_does_not_reach_the_result_is_no_error(f):
    x = np.array([1.0, 0.0, -2.0])
    value, gradient = value_and_grad(f, debug="nan")(x)
    assert np.isfinite(value)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gradient, grad(f)(x))


@pytest.mark.parametrize(
    ("value", "path"),
    [(np.array([1.0, np.nan]), "x holds nan at [1]"), (np.array([np.inf, 1.0]), "x holds inf at [0]")],
)
def test_an_argument_is_named_itself(value, path):
    assert f"the argument {path} already" in cause(grad(lambda x: np.sum(x * x), debug="nan"), value)
    said = cause(grad(lambda p: np.sum(p["x"] * p["x"]), debug="nan"), {"w": 1.0, "x": value})
    assert f"the argument p['x']{path[1:]} already" in said
    assert "test_debug_nan.py" in said


TABLE = np.array([1.0, np.inf])


def test_a_captured_array_is_named_itself():
    said = cause(grad(lambda x: np.sum(x * TABLE), debug="nan"), np.ones(2))
    assert said.startswith("the captured array TABLE holds inf at [1]")


def masked_softmax(s, mask):
    s = np.where(mask, s, -np.inf)
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    return np.sum((e / np.sum(e, axis=1, keepdims=True)) ** 2)


def test_an_infinity_in_the_text_is_passed_on_and_what_makes_nan_of_it_is_named():
    g = value_and_grad(masked_softmax, debug="nan")
    s = np.array([[1.0, 2.0], [3.0, 4.0]])
    value, _ = g(s, np.array([[True, False], [True, True]]))
    assert np.isfinite(value)
    said = cause(g, s, np.array([[True, False], [False, False]]))
    assert "pass, by s - s.max(axis=1, keepdims=True)\n" in said
    assert "the first nan (nan at [1, 0])" in said


def test_a_nan_in_the_text_that_reaches_the_result():
    said = cause(value_and_grad(lambda x: np.sum(np.where(x > 1, x, np.nan)), debug="nan"), X)
    assert said.startswith("the first nan is written in the function itself, np.nan, and reaches the result\n")


def test_what_numpy_refuses_is_explained_by_its_cause():
    def f(x):
        return np.sum(np.linalg.eigvalsh(x / (x - 1)))

    said = cause(grad(f, debug="nan"), np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert "the first infinity (inf at [0, 0]) is made in the forward pass, by x / difference\n" in said


def test_the_plain_result_to_the_bit():
    f = value_and_grad(logs, argnums=(0, 1))
    g = value_and_grad(logs, argnums=(0, 1), debug="nan")
    args = np.array([1.0, 2.0]), np.array([[0.3, 0.4], [3.0, 0.1]])
    (value, gradients), (watched, again) = f(*args), g(*args)
    assert value == watched
    for one, other in zip(gradients, again, strict=True):
        np.testing.assert_array_equal(one, other)
    readable = value_and_grad(logs, argnums=(0, 1), optimize="readable")
    assert readable.lower(*args).source == g.source
    assert f.module(*args) == g.module(*args)


def test_numpys_warnings_are_silent_in_it_and_back_afterwards():
    g = grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0) * x), debug="nan")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g(np.array([0.0, 1.0]))
        with pytest.raises(RuntimeWarning):
            np.log(np.zeros(1))


def test_the_cache_guards_and_methods():
    class Model:
        offset = 1.0

        @grad(debug="nan")
        def loss(self, x):
            if np.sum(x) > 0:
                return np.sum(1 / (x - self.offset))
            return np.sum(x)

    model = Model()
    for _ in range(2):
        np.testing.assert_array_equal(model.loss(-X), np.ones(3))
        assert "the first infinity (-inf at [0]) is made in the backward pass, by -1 / difference\n" in cause(
            model.loss, np.array([1.0, 2.0])
        )
        np.testing.assert_allclose(model.loss(X), -1 / (X - 1) ** 2)
    assert model.loss.cache_info().hits == 2
    assert model.loss.cache_info().paths == 3


def test_threads_see_their_own():
    g = grad(roots, debug="nan")
    g(np.ones(2))
    found = {}

    def run(k):
        for _ in range(50):
            if k % 2:
                np.testing.assert_array_equal(g(np.full(2, float(k))), 0.5 / np.sqrt(np.full(2, float(k))))
            else:
                assert "in the backward pass" in cause(g, np.zeros(2))
        found[k] = True

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6


@pytest.mark.parametrize("where", ["outer", "inner"])
def test_gradients_of_gradients(where):
    inner = grad(lambda y: np.sum(y**1.5), debug="nan" if where == "inner" else None)
    outer = grad(lambda x: np.sum(inner(x)), debug="nan" if where == "outer" else None)
    np.testing.assert_allclose(outer(X), 0.75 / np.sqrt(X))
    assert "in the backward pass" in cause(outer, np.array([1.0, 0.0]))


def test_a_pullback_is_watched_each_time():
    g = GradientFunction(Request(roots, (0,), kind="vjp", debug="nan"))
    value, pullback = g(np.array([4.0, 1.0]))
    assert value == 3.0
    np.testing.assert_array_equal(pullback(2.0)[0], [0.5, 1.0])
    _, pullback = g(np.array([4.0, 0.0]))
    for _ in range(2):
        assert "the first infinity (inf at [1]) is made in the backward pass" in cause(pullback, 1.0)
    assert "the argument dy holds nan" in cause(g(np.array([4.0, 1.0]))[1], np.nan)


def test_with_aux_structures_and_pickle():
    def f(p):
        return np.sum(p["a"] ** 2), {"ratio": 1 / p["b"]}

    g = value_and_grad(f, has_aux=True, debug="nan")
    (value, aux), gradient = g({"a": X, "b": 2.0})
    assert (value, aux["ratio"], gradient["b"]) == (6.5, 0.5, 0.0)
    assert "pass, by 1 / b\n" in cause(g, {"a": X, "b": np.float64(0)})
    assert "p = np.log(z)" in cause(pickle.loads(pickle.dumps(WATCHED)), np.zeros(2), np.eye(2))


WATCHED = value_and_grad(logs, debug="nan")


def block(h, w):
    return np.log(h @ w)


def test_a_function_of_the_text_is_watched_by_its_caller():
    g = value_and_grad(lambda w, h: np.sum(checkpoint(block)(checkpoint(block)(h, w), w)), debug="nan")
    said = cause(g, np.eye(2), np.array([1.0, 2.0]))
    assert said.startswith(
        "the first infinity (-inf at [0]) is made in the forward pass, by np.log(h @ w)\n  in block at "
    )
    assert "generated line 2: return np.log(h @ w)\n" in said
    assert np.isfinite(g(np.eye(2) + 3, np.array([1.0, 2.0]))[0])
    masked = grad(lambda w, h: np.sum(np.where(h > 1, checkpoint(block)(h, w), 0.0)), debug="nan")
    np.testing.assert_allclose(masked(np.eye(2), np.array([0.0, 2.0])), [[0, 0], [0, 1]])


def test_inside_of_a_loop_in_segments():
    g = grad(lambda x: scan(lambda c, v: (c + np.sqrt(v), None), 0.0, x, checkpoint=2)[0], debug="nan")
    said = cause(g, np.array([1.0, 0.0, 2.0]))
    assert said.startswith("the first infinity (inf) is made in the backward pass, by 0.5 * dcarry / np.sqrt(part_)\n")
    assert "expression: np.sqrt(v)\n" in said


def test_a_wrong_value_is_refused():
    for wrong in ("inf", True, 1):
        with pytest.raises(ValueError, match=r"(?s)debug may be 'nan' or None, not .*Try: .*#debug"):
            grad(logs, debug=wrong)


def test_nothing_is_watched_unasked(monkeypatch):
    def refuse(*args):
        raise AssertionError("watched")

    monkeypatch.setattr("tapeless.runtime.debugging.watch", refuse)
    monkeypatch.setattr("tapeless.codegen.module.positions", refuse)
    grad(lambda x: np.sum(np.sqrt(x)))(X)
    vjp(roots, X)
    assert "NonFiniteError" in tapeless.__all__
