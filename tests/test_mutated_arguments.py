"""Functions that write into their arguments: the caller's array is left as a plain call would leave it, or refused."""

import copy

import numpy as np
import pytest
from oracle import central, right

from tapeless import TapelessError, grad, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.1, 0.7])
N = np.arange(4)


def doubles(x):
    x *= 2
    return (x**2).sum()


def sets_an_element(x):
    x[0] = x[1] * 3
    return (x**2).sum()


def iterates(x):
    for v in x.reshape(2, 2):
        v *= 3
    return (x**2).sum()


@pytest.mark.parametrize("f", [doubles, sets_an_element, iterates])
def test_an_argument_that_is_written(f):
    right(f, X.copy())


def test_a_0d_argument_that_is_written():
    def f(x):
        y = x
        y += 1
        return x * x

    right(f, np.array(2.0))


def test_other_arguments_that_are_written():
    def into(x, buffer):
        buffer[:] = x**2
        return (buffer * x).sum()

    def exchanged(x, y):
        t = x.copy()
        x[:] = y
        y[:] = t
        return (x * N).sum() + (y**2).sum()

    def on_a_branch(x, y):
        x[:] = y * 2 + x
        if x[0] > 0:
            y[0] = 1.0
        return (x * y).sum()

    for f in (into, exchanged, on_a_branch):
        for k in (0, 1):
            right(f, X.copy(), X[::-1].copy(), k=k)


def test_arguments_in_a_structure_that_are_written():
    def f(p):
        p["w"] *= 2
        p["l"][0][1] = 0
        return (p["w"] * p["l"][0]).sum()

    p = {"w": X.copy(), "l": [X.copy()]}
    q = copy.deepcopy(p)
    g = grad(f)(p)
    f(q)
    np.testing.assert_array_equal(p["w"], q["w"])
    np.testing.assert_array_equal(p["l"][0], q["l"][0])
    np.testing.assert_allclose(g["w"], 2 * X * [1, 0, 1, 1])


def test_rebinding_entries_of_a_dict_argument():
    def f(p):
        p["w"] = p["w"] * 2
        p["new"] = 1.0
        return p["w"].sum()

    p = {"w": X.copy()}
    g = grad(f)
    np.testing.assert_allclose(g(p)["w"], [2, 2, 2, 2])
    assert list(p) == ["w"]
    np.testing.assert_array_equal(p["w"], X)


def test_a_read_only_argument_that_is_written():
    x = X.copy()
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        grad(doubles)(x)


def overwrites_second(x, y):
    x += 1
    return (x * y).sum()


def test_arguments_that_share_memory_and_are_written():
    x = X.copy()
    g = value_and_grad(overwrites_second, (0, 1))
    g(X.copy(), X.copy())  # compiled for separate arrays
    for args in ((x, x), (x, x[:]), (x[:2], x[1:3])):
        plain = copy.deepcopy(args)
        with pytest.raises(TapelessError, match=r"(?s)share memory.*Try: "):
            g(*args)
        np.testing.assert_array_equal(args[0], plain[0])


def test_an_argument_that_is_a_global_too_and_is_written():
    kept = X.copy()

    def f(x):
        x *= 2
        return (x * kept).sum()

    g = grad(f)
    np.testing.assert_allclose(g(X.copy()), 2 * X)
    with pytest.raises(TapelessError, match=r"(?s)share memory.*Try: "):
        g(kept)


def test_arguments_that_share_memory_and_are_read():
    x = X.copy()
    a, b = grad(lambda x, y: (x * y**2).sum(), (0, 1))(x, x)
    np.testing.assert_allclose(a, X**2)
    np.testing.assert_allclose(b, 2 * X**2)


def test_vjp_of_a_function_that_writes_its_argument():
    with pytest.raises(TapelessError, match=r"(?s)writes into its argument x.*Try: x = x.copy\(\)"):
        vjp(doubles, X.copy())


def test_a_pullback_reads_captured_arrays_as_they_were():
    factor = X.copy()
    _, pull = vjp(lambda x: x * factor, X)
    factor[:] = 0
    np.testing.assert_allclose(pull(np.ones(4))[0], X)
    np.testing.assert_allclose(vjp(lambda x: x * factor, X)[0], 0)


def test_an_inner_gradient_of_a_function_that_writes_its_argument():
    def f(x):
        g = grad(doubles)(x)
        return (g * x).sum()

    try:
        d = grad(f)(X.copy())
    except TapelessError as error:
        assert "Try:" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(d, central(lambda x: 8 * (x * 2 * x).sum(), [X], 0), rtol=1e-5)
