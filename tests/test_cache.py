"""When a function is traced again, what is kept, and that nothing which was computed is."""

import gc
import linecache
import weakref

import numpy as np
import pytest

from tapeless import grad, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.0])


def counted(f):
    """The function and a list that grows each time Python runs it."""
    runs = []

    def wrapper(*args, **kwargs):
        runs.append(1)
        return f(*args, **kwargs)

    return wrapper, runs


def traced_again(f, first, second):
    g = grad(f)
    g(*first)
    g(*first)
    assert g.cache_info().misses == 1
    g(*second)
    g(*first)
    return g.cache_info().misses == 2


@pytest.mark.parametrize(
    ("second", "again"),
    [
        ((X * 2, 1), False),
        ((X[::-1], 1), False),
        ((np.asfortranarray(X), 1), False),
        ((X[:2], 1), True),
        ((X.reshape(1, 3), 1), True),
        ((X.astype("f4"), 1), True),
        ((X.astype(complex), 1), True),
        ((X, 2), True),
        ((X, True), True),
        ((X, "1"), True),
        ((X, 1.0), True),
        ((X, np.float64(1)), True),
        ((X, None), True),
        ((X, (1,)), True),
        ((X, [1]), True),
        ((X, {"a": 1}), True),
    ],
)
def test_what_makes_a_new_kind_of_call(second, again):
    assert traced_again(lambda x, n: np.abs(x).sum(), (X, 1), second) is again


def test_python_floats_are_not_part_of_the_key():
    assert not traced_again(lambda x, k: (x * k).sum(), (X, 1.0), (X, 2.0))


def test_0d_array_and_scalar_are_told_apart():
    g = grad(lambda x: x * x)
    kinds = [type(g(x)) for x in (np.float64(2), np.array(2.0), 2.0, np.float64(2), np.array(2.0))]
    assert kinds == [np.float64, np.ndarray, float, np.float64, np.ndarray]


def test_negative_zero_and_nan_as_static_text():
    g = grad(lambda x, s: x.sum() * {"a": 1.0, "b": 2.0}[s])
    assert g(X, "a")[0] == 1.0
    assert g(X, "b")[0] == 2.0


def test_positions_and_keywords_share_what_is_compiled():
    g = grad(lambda x, y=2.0: (x * y).sum())
    for call in (lambda: g(X), lambda: g(x=X), lambda: g(X, 3.0), lambda: g(X, y=3.0), lambda: g(y=3.0, x=X)):
        np.testing.assert_allclose(call(), [3.0] * 3 if call is not None and "3.0" in repr(call()) else call())
    assert g.cache_info().misses == 1


def test_the_function_runs_only_when_it_is_traced():
    f, runs = counted(lambda x: (x**2).sum())
    g = grad(f)
    for _ in range(5):
        g(X)
    assert len(runs) == 1
    info = g.cache_info()
    assert (info.hits, info.misses, info.currsize, info.paths) == (4, 1, 1, 1)
    g.cache_clear()
    assert g.cache_info().currsize == 0
    g(X)
    assert len(runs) == 2


def test_the_cache_is_bounded():
    g = grad(lambda x, n: (x**2).sum() * (n % 3))
    limit = g.cache_info().maxsize
    for n in range(limit + 20):
        g(X, n)
    assert g.cache_info().currsize <= limit
    np.testing.assert_allclose(g(X, 1), 2 * X)
    np.testing.assert_allclose(g(X, limit + 2), 2 * X * ((limit + 2) % 3))


def test_paths_through_branches_are_bounded():
    def f(x):
        for n in range(200):
            if x[0] < n:
                return (x * n).sum()

    g = grad(f)

    def take_60_paths():
        for n in range(60):
            np.testing.assert_allclose(g(np.array([n + 0.5, 1.0])), n + 1)

    with pytest.warns(RuntimeWarning, match=r"(?s)32 paths.*if x\[0\] < n.*Try: np.where"):
        take_60_paths()
    assert g.cache_info().paths <= 32
    np.testing.assert_allclose(g(np.array([0.5, 1.0])), 1)


def test_results_are_never_cached():
    g = value_and_grad(lambda x: ((x * 2).sum(), x * 2), has_aux=True)
    (_, aux), first = g(X)
    aux[:] = 0
    first[:] = 0
    (_, aux), second = g(X)
    np.testing.assert_allclose(aux, X * 2)
    np.testing.assert_allclose(second, [2, 2, 2])


def test_constants_in_the_text_are_not_shared_between_calls():
    g = grad(lambda x: x.sum(), has_aux=False)
    h = value_and_grad(lambda x: (x.sum(), np.zeros(3)), has_aux=True)
    k = value_and_grad(lambda x: (x.sum(), np.array([1.0, 2.0])), has_aux=True)
    for f in (g, lambda x: h(x)[0][1], lambda x: k(x)[0][1]):
        first = f(X)
        kept = first.copy()
        first[:] = 7
        np.testing.assert_array_equal(f(X), kept)


def test_explain_says_why():
    g = grad(lambda x: x.sum() if x[0] > 0 else (x**2).sum())
    g(X)
    g(X[:2])
    g(-X)
    text = g.explain()
    assert "the first call" in text
    assert "a new combination" in text
    assert "another branch at test_cache.py" in text
    assert text.count("guard at") >= 2


def test_an_error_leaves_nothing_behind():
    def f(x, bad):
        if bad:
            raise KeyError("mine")
        return x.sum()

    g = grad(f)
    with pytest.raises(KeyError, match="mine"):
        g(X, True)
    np.testing.assert_allclose(g(X, False), [1, 1, 1])
    with pytest.raises(KeyError):
        g(X, True)


def test_a_gradient_that_is_gone_leaves_no_function_behind():
    def make():
        big = np.zeros(1000)
        f = lambda x: (x * big.sum()).sum()  # noqa: E731
        grad(f)(X)
        vjp(f, X)
        return weakref.ref(f)

    refs = [make() for _ in range(300)]
    gc.collect()
    assert sum(r() is not None for r in refs) <= 130


def test_texts_do_not_pile_up():
    gc.collect()
    before = sum(name.startswith("<tapeless") for name in linecache.cache)
    for _ in range(50):
        grad(lambda x: x.sum())(X)
    gc.collect()
    assert sum(name.startswith("<tapeless") for name in linecache.cache) < before + 50


def test_vjp_is_compiled_once():
    f, runs = counted(lambda x: x**2)
    for k in range(5):
        vjp(f, X * k)[1](X)
    assert len(runs) == 1
    vjp(f, X[:2])
    assert len(runs) == 2
