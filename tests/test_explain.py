"""What `g.explain()` says: which calls were traced and why, and what the guards of the kept paths need."""

import numpy as np
import pytest

from tapeless import grad, vjp

X = np.array([0.5, -1.2, 2.0])


def lines_of(g):
    return g.explain().splitlines()


def place(f, text):
    """`test_explain.py:12` of the line of a function that holds the text."""
    import inspect

    lines, start = inspect.getsourcelines(f)
    return f"test_explain.py:{start + next(i for i, line in enumerate(lines) if text in line)}"


def branching(x):
    if x[0] > 0:
        return x.sum()
    for _ in range(int(x[1])):
        x = x * 2
    return np.sum(x**2)


def test_before_a_call():
    assert grad(branching).explain() == "branching_grad: 0 calls traced, 0 calls served by a path that was kept"


def test_the_whole_text():
    g = grad(branching)
    for x in ([1.0, 2.0], [-1.0, 2.0], [3.0, 2.0], [-1.0, 3.0], [-1.0, 3.0]):
        g(np.array(x))
    branch, loop = place(branching, "if x[0] > 0"), place(branching, "for _ in")
    assert g.explain() == "\n".join(
        [
            "branching_grad: 3 calls traced, 2 calls served by a path that was kept",
            "traced calls:",
            "  1. (x: float64[2]): the first call",
            f"  2. (x: float64[2]): another branch at {branch}",
            "       path 1 missed: x[0] > 0 is False, and needs True",
            f"  3. (x: float64[2]): another branch at {branch}, {loop}",
            "       path 1 missed: x[0] > 0 is False, and needs True",
            "       path 2 missed: int(x[1]) is 3, and needs 2",
            "kept paths:",
            "  path 1 (x: float64[2])",
            f"    guard at {branch}: if x[0] > 0",
            "      x[0] > 0 needs True; missed by 2 calls",
            "  path 2 (x: float64[2])",
            f"    guard at {branch}: if x[0] > 0",
            "      x[0] > 0 needs False; missed by 1 call",
            f"    guard at {loop}: for _ in range(int(x[1]))",
            "      int(x[1]) needs 2; missed by 1 call",
            "  path 3 (x: float64[2])",
            f"    guard at {branch}: if x[0] > 0",
            "      x[0] > 0 needs False",
            f"    guard at {loop}: for _ in range(int(x[1]))",
            "      int(x[1]) needs 3",
        ]
    )


def test_it_is_the_same_each_time():
    texts = set()
    for _ in range(3):
        g = grad(branching)
        for x in ([1.0, 2.0], [-1.0, 2.0], [-1.0, 3.0]):
            g(np.array(x))
        texts |= {g.explain(), g.explain()}
    assert len(texts) == 1


def test_what_changed_around_the_function():
    rate = 2.0
    g = grad(lambda x: rate * np.sum(x))
    g(X)
    rate = 3.0
    assert "    not used now: rate has changed" in lines_of(g)
    g(X)
    assert "  2. (x: float64[3]): rate has changed" in lines_of(g)
    rate = 2.0
    g(X)
    assert lines_of(g)[0].endswith("2 calls traced, 1 call served by a path that was kept")
    assert lines_of(g)[-1] == "    not used now: rate has changed"


def test_another_kind_of_call():
    g = grad(lambda x, mode, scale: np.sum(x) * scale if mode == "sum" else x[0] * scale)
    g(X, "sum", 2.0)
    g(X, "first", 2.0)
    g(X[:2], "sum", 2.0)
    g(X[:2], mode="sum", scale=3.0)
    assert lines_of(g)[:5] == [
        "function_grad: 3 calls traced, 1 call served by a path that was kept",
        "traced calls:",
        "  1. (x: float64[3], mode: 'sum', scale: float): the first call",
        "  2. (x: float64[3], mode: 'first', scale: float): "
        "a new combination of structure, dtypes, shapes or static values",
        "  3. (x: float64[2], mode: 'sum', scale: float): "
        "a new combination of structure, dtypes, shapes or static values",
    ]


def test_no_more_misses_are_told_than_can_be_read():
    def f(x):
        for n in range(20):
            if x[0] < n:
                return x.sum() * n

    g = grad(f)
    for n in range(10):
        g(np.array([n + 0.5]))
    assert "       and 5 more" in lines_of(g)


def test_a_warning_says_when_there_are_too_many_paths():
    def f(x):
        return x.sum() * int(x[0])

    g = grad(f)
    with pytest.warns(RuntimeWarning, match=r"(?s)32 paths.*int\(x\[0\]\).*Try: np.where.*#too-many-paths") as caught:
        [g(np.array([n + 0.5])) for n in range(40)]
    assert len(caught) == 1
    assert g.cache_info().paths == 32
    assert f"at {place(f, 'int(x[0])')}" in str(caught[0].message)


def test_an_error_of_the_numbers_names_the_line():
    def f(x, a):
        scaled = 2 * x
        return np.sum(divided(scaled, a))

    def divided(b, a):
        with np.errstate(all="raise"):
            return b / a

    g = grad(f)
    np.testing.assert_allclose(g(X, 1.0), [2, 2, 2])
    with np.errstate(all="raise"):
        for _ in range(2):
            with pytest.raises(FloatingPointError) as caught:
                g(X, np.array(0.0))
            (note,) = caught.value.__notes__
            assert f"in divided at {place(divided, 'return b / a')}:  return b / a" in note
            assert "expression: b / a" in note


def test_a_pullback_is_not_in_the_way():
    _, pullback = vjp(branching, X[::-1].copy())
    np.testing.assert_allclose(pullback(1.0)[0], [1, 1, 1])
