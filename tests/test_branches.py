"""Python that looks at values: branches, loops, conversions, types. Each path is right, or the reason is told."""

import bisect
import collections
import copy
import functools
import itertools
import math
import numbers
import statistics

import numpy as np
import oracle
import pytest

from tapeless import GradientError, TapelessError, check_grads, grad, value_and_grad

X = np.array([0.5, -1.2, 2.1, 0.7])


VARIATIONS = ((1, 0), (-1.3, 0.2), (0.5, 0.13), (2.2, -1), (-0.2, 0.05), (1, 0))


def right(f, x=X):
    return oracle.right(f, x, variations=VARIATIONS)


# -------------------------------------------------------------------------------------------------- paths


def if_else(x):
    return (x**2).sum() if x[0] > 0.3 else (x**3).sum()


def early_return(x):
    if x.sum() < 0:
        return x[0] ** 2
    y = x * 2
    if y[1] > 0:
        return y[1] ** 3
    return (y * x).sum()


def while_loop(x):
    s, n = abs(x[0]) + 0.1, 0
    while s < 10:
        s = s * (2 + x[2] ** 2)
        n += 1
    return s * n


def newton(x):
    a = x[0] ** 2 + 1
    r = a
    for _ in range(50):
        new = (r + a / r) / 2
        if abs(new - r) < 1e-14:
            break
        r = new
    else:
        return r * 0
    return r


def chained(x):
    return x[0] ** 2 if -1 < x[0] < x[2] else x[1] * 3


def and_or_not(x):
    v = x[0] > 0 and x[1]
    w = x[2] or x[3]
    return v * w if not x[0] < 0 else x[3] + w


def builtins_that_compare(x):
    return max(list(x)) * min(x) + max(x[0], x[1], 0) + sum(v * i for i, v in enumerate(sorted(x)))


def sorted_by_key(x):
    return sum(v * i for i, v in enumerate(sorted(x, key=lambda t: -t * t)))


def any_all(x):
    return (x**2).sum() if (x > 1).any() and not (x > 0).all() else (x**3).sum()


def masks(x):
    return (x[x > 0] ** 2).sum() * len(x[x > 0]) + (x > 0.1234).sum() * x.sum() + np.mean(x < 0) * x[0]


def places(x):
    (i,) = np.where(x > 0)
    j = np.nonzero(x < 0)[0]
    return (x[i] ** 2).sum() * len(i) + (x[j] ** 3).sum()


def extremes(x):
    return x[np.argmax(x)] ** 2 + x[x.argmin()] * np.argmax(x)


def as_an_index(x):
    return x[1 if x[0] > 0 else 2] ** 2 + x[int(x[0] > 0)] + x[(x > 0).astype(int)].sum()


def counts(x):
    s = 0.0
    for i in range(int(abs(x[2]) * 2.3) + math.floor(abs(x[0])) + math.ceil(x[3]) % 3 + round(x[1]) % 2):
        s = s + x[0] * i
    return s + x[1]


def dispatch(x):
    return {0: lambda t: t**2, 1: lambda t: t**3}.get(int(abs(x[2])), lambda t: -t)(x[0])


def recursion(x):
    def f(t):
        return t if t > 5 else f(t * t + 1)

    return f(x[1])


def membership(x):
    return x[0] ** 2 * (2 if x[1] in [0.25, 3] else 1) * (5 if 4.0 in x else 1)


def bisection(x):
    return x[min(bisect.bisect([0.0, 1.0, 2.0], x[0]), 3)] * x[1]


def assertion(x):
    assert x.sum() < 100, "too large"
    return (x**2).sum()


@pytest.mark.parametrize(
    "f",
    [
        if_else,
        early_return,
        while_loop,
        newton,
        chained,
        and_or_not,
        builtins_that_compare,
        sorted_by_key,
        any_all,
        masks,
        places,
        extremes,
        as_an_index,
        counts,
        dispatch,
        recursion,
        membership,
        bisection,
        assertion,
    ],
)
def test_every_path_is_right(f):
    right(f)


def test_an_assertion_that_fails():
    g = grad(assertion)
    g(X)
    with pytest.raises(AssertionError, match="too large"):
        g(X + 100)
    g(X)


def test_both_paths_are_kept():
    g = right(if_else)
    assert g.cache_info().misses == 2
    assert "raise GuardMiss" in g.source


def test_a_guard_on_a_captured_array():
    limit = np.array([0.0])
    g = grad(lambda x: (x**2).sum() if x[0] > limit[0] else (x**3).sum())
    np.testing.assert_allclose(g(X), 2 * X)
    limit[0] = 9.0
    np.testing.assert_allclose(g(X), 3 * X**2)


def test_a_guard_at_a_nan():
    g = grad(lambda x: (x**2).sum() if x[0] > 0 else (x * 3).sum())
    assert np.isnan(g(np.array([np.nan, 1.0]))[0]) or g(np.array([np.nan, 1.0]))[0] == 3
    np.testing.assert_allclose(g(np.array([1.0, 1.0])), [2, 2])
    np.testing.assert_allclose(g(np.array([np.nan, 1.0])), [3, 3])


def test_a_nan_count_misses_each_time():
    def f(x):
        return x.sum() * (2 if x[0] != x[0] else 1)

    g = grad(f)
    for x, k in ((1.0, 1), (np.nan, 2), (1.0, 1), (np.nan, 2)):
        np.testing.assert_allclose(g(np.array([x, 1.0])), [k, k])


def test_the_truth_of_an_array():
    with pytest.raises(ValueError, match=r"(?s)ambiguous.*test_branches\.py.*Try: \(x > 0\)\.any\(\)"):
        grad(lambda x: x.sum() if x > 0 else x[0])(X)


# -------------------------------------------------------------------------------------------------- leaving the program


LEAVING = {
    "math.exp": lambda x: math.exp(x[0]) * x[1],
    "math.hypot": lambda x: math.hypot(x[0], x[1]),
    "math.fsum": lambda x: math.fsum(x),
    "float": lambda x: float(x[0]) * x[1],
    "complex": lambda x: complex(x[0]).real * x[1],
    "round": lambda x: round(x[0], 2) * x[1],
    "format": lambda x: len(f"{x[0]:.3f}") * x[0],
    "f-string": lambda x: len(f"{x[0]}") * x[0],
    "str": lambda x: len(str(x)) * x[0],
    "percent": lambda x: len("%s" % x[0]) * x[0],  # noqa: UP031
    "a key": lambda x: {x[0]: 1.0}[x[0]] * x[1],
    "a set": lambda x: len(set(x)) * x[0],
    "tobytes": lambda x: len(x.tobytes()) * x[0],
    "hasattr": lambda x: x[0] * hasattr(x, "tobytes"),
    "type is": lambda x: x[0] * (2 if type(x) is np.ndarray else 3),
    "type in": lambda x: x[0] * (2 if type(x[0]) in (float, np.float64) else 3),
    "caught float": lambda x: caught(lambda: float(x[0])) * x[1],
    "caught math": lambda x: caught(lambda: math.exp(x[0])) * x[1],
}


def caught(f):
    try:
        return f()
    except Exception:
        return 0.0


@pytest.mark.parametrize("case", LEAVING)
def test_what_would_lose_the_derivative_is_refused(case):
    with pytest.raises(TapelessError, match=r"(?s)test_branches\.py.*Try: "):
        grad(LEAVING[case])(X)


def test_a_python_float_that_leaves():
    with pytest.raises(TapelessError, match=r"(?s)math\.sin\(x\).*Try: np\.sin\(x\)"):
        grad(lambda x: math.sin(x))(1.5)


def test_errors_that_plain_numpy_has_too_can_be_caught():
    def f(x):
        try:
            s = x[10]
        except IndexError:
            s = x[0] ** 2
        try:
            s = s * len(x[0])
        except TypeError:
            s = s * 3
        return s * caught(lambda: (x @ np.ones(7)).sum()) + s * x[1]

    right(f)


# ----------------------------------------------------------------------------------------------- asking what it is


def kinds(x):
    score = 1
    score *= 2 if isinstance(x, np.ndarray) else 1
    score *= 3 if isinstance(x[0], float) else 1
    score *= 5 if isinstance(x[0], np.floating) else 1
    score *= 7 if isinstance(x[0], numbers.Number) else 1
    score *= 11 if np.isscalar(x[0]) else 1
    score *= 13 if np.isscalar(x) else 1
    score *= 17 if isinstance(x > 0, np.ndarray) else 1
    score *= 19 if isinstance(x[0] > 0, np.bool_) else 1
    score *= 23 if isinstance(x.item(0), float) and not isinstance(x.item(0), np.generic) else 1
    score *= 29 if isinstance(np.array(x[0]), np.ndarray) else 1
    score *= 31 if isinstance(x[..., 0], np.ndarray) else 1
    score *= 37 if hasattr(x, "__len__") else 1
    score *= 41 if hasattr(x[0], "__len__") else 1
    score *= 43 if isinstance(x, (list, tuple, int)) else 1
    score *= 47 if hasattr(x, "nothing_of_this_name") else 1
    score *= 53 if callable(x) else 1
    score *= 59 if np.iterable(x) else 1
    score *= 61 if isinstance(x[0], collections.abc.Iterable) else 1
    return (x * x).sum() * score


def test_arrays_answer_as_arrays():
    right(kinds)


def number_kinds(x):
    score = 1
    score *= 2 if isinstance(x, float) else 1
    score *= 3 if isinstance(x, np.floating) else 1
    score *= 5 if isinstance(x, np.ndarray) else 1
    score *= 7 if np.isscalar(x) else 1
    score *= 11 if hasattr(x, "shape") else 1
    score *= 13 if hasattr(x, "dtype") else 1
    score *= 17 if isinstance(x * 2, float) else 1
    score *= 19 if isinstance(np.sin(x), np.floating) else 1
    score *= 23 if isinstance(x > 0, bool) else 1
    score *= 29 if hasattr(x, "is_integer") and x.is_integer() else 1
    score *= 31 if isinstance(x, (int, float)) else 1
    return x * x * score


@pytest.mark.parametrize("make", [float, np.float64, np.float32, np.array])
def test_numbers_answer_as_what_they_are(make):
    if make is np.array:
        right(lambda x: x * x * (2 if isinstance(x, np.ndarray) else 1) * (3 if isinstance(x, float) else 1), make(1.5))
        return
    g = value_and_grad(number_kinds)
    for x in (make(1.5), make(2.0), make(-0.5)):
        value, d = g(x)
        assert value == number_kinds(x)
        assert d == 2 * x * round(number_kinds(x) / (x * x))


# -------------------------------------------------------------------------------------------------- ordinary Python


def generators(x):
    def squares():
        for v in x:
            yield v * v

    a, b, *c = squares()
    return sum(squares()) * a + b * sum(c)


def cube(t):
    return t**3


def functional(x):
    return functools.reduce(lambda a, b: a * b, x) + sum(map(cube, x)) + math.prod(x)


def zipped(x):
    return sum(a * b for a, b in itertools.pairwise(x)) + sum(i * v for i, v in enumerate(reversed(x)))


def collected(x):
    d = collections.defaultdict(float)
    for i, v in enumerate(x):
        d[i % 2] += v * v
    q = collections.deque(x)
    q.rotate(1)
    parts = [v for v in x if v > 0]
    parts.append(x.sum())
    parts[0] = parts[0] * 2
    return d[0] * d[1] + sum(a * b for a, b in zip(q, x, strict=True)) + sum(parts)


def matched(x):
    match x.shape, x.ndim:
        case (n,), 1:
            scale = n
        case _:
            scale = 0
    with np.errstate(all="ignore"):
        return (x**2).sum() * scale * len(x) * x.size


def arrays_from_lists(x):
    a = np.array([x[0] * x[1], x[2], 1.0]).sum()
    b = (np.array([[x[0], x[1]], [x[2], x[3]]]) @ np.array([1, 2])).sum()
    c = (np.asarray([v**2 for v in x]) * x).sum()
    d = np.array([x[0] * 3, 2], dtype=np.float32).astype(float).sum() * 0
    return a * b + c + d + sum(x.tolist()) * x.item(1)


def copies(x):
    y, z = copy.deepcopy(x), copy.copy(x)
    y[0] = 1
    z[1] = 2
    return (x * y * z).sum()


@pytest.mark.parametrize("f", [generators, functional, zipped, collected, matched, arrays_from_lists, copies])
def test_ordinary_python(f):
    right(f)


def test_the_mean_of_the_standard_library():
    try:
        right(lambda x: statistics.mean(x) * x[0])
    except TapelessError as error:
        assert "Try:" in str(error)  # noqa: PT017


def test_a_value_that_leaks():
    kept = []

    def f(x):
        kept.append(x * 2)
        return x.sum() if len(kept) < 2 else (kept[0] * x).sum()

    g = grad(f)
    g(X)
    assert "ended" in repr(kept[0])
    for use in (lambda: kept[0] + 1, lambda: kept[0][0], lambda: np.sin(kept[0]), lambda: bool(kept[0][0] > 0)):
        with pytest.raises(TapelessError, match=r"(?s)after the call that it belongs to has ended"):
            use()
    with pytest.raises(TapelessError):
        g(X)


def test_a_constant_result():
    np.testing.assert_array_equal(grad(lambda x: 3.0)(X), np.zeros(4))
    np.testing.assert_array_equal(grad(lambda x: np.float32(3))(X), np.zeros(4))
    np.testing.assert_array_equal(grad(lambda x: np.argmax(x))(X), np.zeros(4))
    with pytest.raises(GradientError, match="one number"):
        grad(lambda x: None)(X)


# --------------------------------------------------------------------------------------------------- masked branches


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: np.where(x >= 0, x, np.sqrt(-x)).sum(), [0.0, 4.0, -4.0], [1, 1, -0.25]),
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum(), [0.0, 4.0, -4.0], [0, 0.25, 0]),
        (lambda x: np.where(x > 0, np.log(x), 0).sum(), [0.0, 2.0, -1.0], [0, 0.5, 0]),
        (lambda x: np.where(x != 0, 1 / x, 0).sum(), [0.0, 2.0], [0, -0.25]),
        (lambda x: np.where(x != 0, np.sin(x) / x, 1).sum(), [0.0], [0]),
        (lambda x: np.where(x > 0, x * np.log(x), 0).sum(), [0.0, 1.0], [0, 1]),
        (lambda x: np.where(x < 1, np.arcsin(x), x).sum(), [0.0, 1.0], [1, 1]),
        (lambda x: np.where(np.abs(x) < 700, np.exp(x), 0).sum(), [0.0, 1000.0], [1, 0]),
        (lambda x: (np.where(x > 0, x, np.nan)[:1]).sum(), [2.0, -1.0], [1, 0]),
        (lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0).sum(), [0.0, 4.0], [0, 0.25]),
    ],
)
def test_masked_branches_have_no_nan(f, x, expected):
    x = np.array(x)
    with np.errstate(all="ignore"):
        for kind in (np.float64, np.float32):
            g = grad(f)(x.astype(kind))
            np.testing.assert_allclose(g, expected, rtol=1e-6)
            assert g.dtype == kind


def test_second_order_through_branches():
    check_grads(if_else, (X,), order=2)
    check_grads(newton, (X,), order=2)


def test_numpy_functions_make_scalars_of_python_numbers():
    for f in (np.flip, np.squeeze, np.transpose, np.sin, np.positive, np.ravel, np.negative, np.copy):
        right(lambda x, f=f: f(x).sum() * f(x).max() * 1.0, 1.5)


def test_a_guard_that_hangs_on_the_last_digit_does_not_miss_its_own_call():
    """What it looks at is a gradient, which the text may round otherwise than the trace."""

    def inner(x):
        return np.sum(np.sin(x) * x) * 3.0 / 7

    def f(x):
        slopes = np.sum(grad(inner)(x))
        return slopes * int(slopes * 1e15)

    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=30)
        g = grad(f)
        slopes = np.sum(grad(inner)(x))
        expected = grad(lambda x: np.sum(grad(inner)(x)))(x) * int(slopes * 1e15)
        for _ in range(2):
            np.testing.assert_allclose(g(x), expected, rtol=1e-12)
        assert g.cache_info().misses == 1
