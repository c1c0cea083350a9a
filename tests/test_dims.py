"""Lengths with names: one module for every length, what it assumes of them, and the decorator's dynamic=."""

import json
import re
import subprocess
import sys
import threading
import warnings
from itertools import product

import numpy as np
import pytest
from dims_programs import PROGRAMS

from tapeless import TracingError, compile_module, grad, jacobian, jvp, value_and_grad, vjp
from tapeless.ir.assumptions import Assumptions, assuming
from tapeless.ir.dims import Dim, at_least, at_most, slice_length
from tapeless.ir.symbols import Symbols
from tapeless.runtime.signatures import parse_arguments
from tapeless.tracer.structure import flatten, unflatten

SIZES = (0, 1, 2, 3, 17)
MIXED = ((1, 2, 3), (2, 1, 1), (0, 3, 2), (5, 0, 1), (7, 4, 6), (1, 5, 1), (40, 3, 9), (3, 40, 8))


def names_of(types):
    return list(dict.fromkeys(re.findall(r"\b[a-z]\b(?!')", types)))


def sizes_of(types):
    """Lengths for the names: equal ones, and all kinds of others."""
    names = names_of(types)
    some = [dict.fromkeys(names, n) for n in SIZES] + [dict(zip(names, mixed, strict=False)) for mixed in MIXED]
    return [{**dict.fromkeys(names, 2), **s} for s in some] + ([{names[0]: 1000}] if len(names) == 1 else [])


def arguments(types, lengths, rng):
    """Arrays of these types."""

    def drawn(leaf):
        shape = tuple(eval(str(n), {}, lengths) for n in leaf.type.shape)
        if leaf.type.dtype.kind == "i":
            return rng.integers(0, 3, shape)
        return rng.uniform(0.2, 1.5, shape).astype(leaf.type.dtype) if shape else float(rng.uniform(0.2, 1.5))

    found = []
    for argument in parse_arguments(types)[0]:
        leaves, structure = flatten(argument)
        found.append(unflatten(structure, iter([drawn(leaf) for leaf in leaves])))
    return found


def copies(args):
    return [unflatten(s, iter([np.copy(x) if np.ndim(x) else x for x in xs])) for xs, s in map(flatten, args)]


def outcome(function, args):
    """What it returns and leaves in its arguments, or the error."""
    args = copies(args)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return flatten(function(*args))[0], [x for a in args for x in flatten(a)[0]]
        except Exception as error:
            return error


def assert_same(found, wanted):
    assert not isinstance(found, Exception), found
    for some, others in zip(found, wanted, strict=True):
        for a, b in zip(some, others, strict=True):
            assert type(a) is type(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
            single = np.asarray(b).dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-11)


def loaded(function, types, kind="value_and_grad"):
    text = compile_module(function, types, kind=kind)
    namespace = {}
    exec(compile(text, "module", "exec"), namespace)
    return text, namespace[f"{function.__name__}_{kind}"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_module_for_every_length(name):
    function, types, condition = PROGRAMS[name]
    _, compiled = loaded(function, types)
    rng = np.random.default_rng(0)
    served = 0
    for lengths in sizes_of(types):
        args = arguments(types, lengths, rng)
        wanted = outcome(value_and_grad(function, dynamic=False), args)
        if not eval(condition, {}, lengths):
            assert isinstance(outcome(compiled, args), ValueError)
        elif not isinstance(wanted, Exception):
            assert_same(outcome(compiled, args), wanted)
            served += 1
    assert served >= 3


def test_the_modules_need_only_numpy(tmp_path):
    names = [
        n for n in PROGRAMS if n.startswith(("logistic", "cross", "attention", "recurrent", "convolution(", "edges"))
    ]
    rng = np.random.default_rng(1)
    cases = []
    for number, name in enumerate(names):
        function, types, condition = PROGRAMS[name]
        (tmp_path / f"module_{number}.py").write_text(compile_module(function, types, kind="value_and_grad"))
        for k, lengths in enumerate(sizes_of(types)):
            if eval(condition, {}, lengths):
                args = arguments(types, lengths, rng)
                file = tmp_path / f"case_{number}_{k}.npz"
                found = outcome(value_and_grad(function, dynamic=False), args)
                if isinstance(found, Exception):
                    continue
                results, _ = found
                np.savez(file, *args, results[0], *results[1:])
                cases.append((number, function.__name__, str(file), len(args)))
    script = """
import json, sys, warnings
sys.path.insert(0, sys.argv[1])
import numpy as np
for number, name, file, count in json.load(open(sys.argv[1] + "/cases.json")):
    stored = list(np.load(file).values())
    function = getattr(__import__(f"module_{number}"), f"{name}_value_and_grad")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, gradient = function(*stored[:count])
    np.testing.assert_allclose(value, stored[count], rtol=1e-9)
    np.testing.assert_allclose(gradient, stored[count + 1], rtol=1e-9, atol=1e-12)
assert not [m for m in sys.modules if m.startswith("tapeless")]
print("right")
"""
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "right\n", done.stderr


def test_the_text():
    text, _ = loaded(*PROGRAMS["ridge(f64[d], f64[n, d], f64[n])"][:2])
    assert "    n, d = x.shape\n" in text
    assert "    dr = 2 * r / n\n" in text
    assert not re.search(r"\b1(37|31|27)\b", text), "a witness"
    assert text == loaded(*PROGRAMS["ridge(f64[d], f64[n, d], f64[n])"][:2])[0]


@pytest.mark.parametrize("kind", ["jacobian", "vjp", "jvp"])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_every_kind_of_derivative(kind, n):
    def f(x):
        return np.tanh(x) * np.sum(x) / np.sqrt(len(x))

    _, compiled = loaded(f, "f64[n]", kind)
    x, u = np.random.default_rng(n).normal(size=(2, n))
    with np.errstate(all="ignore"):
        if kind == "jacobian":
            np.testing.assert_allclose(compiled(x), jacobian(f)(x))
        elif kind == "jvp":
            np.testing.assert_allclose(compiled(x, u), jvp(f, (x,), (u,)))
        else:
            np.testing.assert_allclose(compiled(x)[1](u), vjp(f, x)[1](u)[0])


@pytest.mark.parametrize(
    "args",
    [
        (np.ones(3), np.ones((5, 4)), np.ones(5)),
        (np.ones(4), np.ones((5, 4)), np.ones(1)),
        (np.ones(4), np.ones(4), np.ones(5)),
        (np.ones((4, 1)), np.ones((5, 4)), np.ones(5)),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(args):
    _, compiled = loaded(*PROGRAMS["logistic(f64[d], f64[n, d], f64[n])"][:2])
    with pytest.raises(ValueError, match=r"must be a NumPy array of dtype float64"):
        compiled(*args)


def test_lengths_that_are_told_by_an_expression():
    _, even = loaded(*PROGRAMS["of_even_length(f64[2 * n])"][:2])
    with pytest.raises(ValueError, match=r"do not go together|must be"):
        even(np.ones(5))
    _, more = loaded(without_two(), "f64[n + 2]")
    with pytest.raises(ValueError, match=r"do not go together|must be"):
        more(np.ones(1))


def without_two():
    def total(x):
        return np.sum(x[2:] ** 2)

    return total


def test_assumptions_stand_in_the_header_and_at_the_door():
    text, compiled = loaded(*PROGRAMS["branching(f64[n])"][:2])
    assert re.search(r"It is for all lengths with n > 3 \(dims_programs\.py:\d+\)\.", text)
    with pytest.raises(ValueError, match=r"this text is for n > 3 \(dims_programs\.py:\d+\)"):
        compiled(np.ones(3))


def steep(x):
    return np.sum(np.gradient(x) ** 2)


def test_what_numpy_asks_is_asked_by_the_line_that_calls_it():
    for _ in range(2):  # what NumPy's text has looked up once, it knows
        assert re.search(r"n >= 2 \(test_dims\.py:\d+\)", compile_module(steep, "f64[n]"))


def loop(x):
    total = 0.0
    for i in range(x.shape[0]):
        total = total + x[i] ** 2
    return total


def rows(x):
    return sum(v**2 for v in x)


def hidden_in_a_list(x):
    return np.sum(x * np.array([1.0] * len(x)))


def number(x):
    return np.sum(x) * float(len(x))


def decided_by_parity(x):
    return np.median(x)


def swallowed(x):
    try:
        for _ in range(len(x)):
            pass
    except TypeError:
        pass
    return np.sum(x)


def drawn_once(x):
    return np.sum(x * np.random.default_rng(0).normal(size=x.shape[0]))


def windowed(x):
    return np.sum(x * np.hanning(len(x)))


@pytest.mark.parametrize(
    "function", [loop, rows, hidden_in_a_list, number, decided_by_parity, swallowed, drawn_once, windowed]
)
def test_no_text_for_one_length(function):
    with pytest.raises(TracingError, match=r"(?s)the text is for every .*test_dims\.py:\d+"):
        compile_module(function, "f64[n]")


@pytest.mark.parametrize("types", ["f64[n], f64[m]", "f64[n], f64[3]", "f64[n, 2], f64[n]", "f64[n], f64[n + 1]"])
def test_broadcasting_never_guesses(types):
    with pytest.raises(Exception, match="broadcast"):
        compile_module(lambda x, y: np.sum(x + y), types)


# ---------------------------------------------------------------------------------------------------- the arithmetic


def lengths():
    symbols = Symbols()
    return symbols.length("n", ""), symbols.length("d", "")


def test_slices_have_the_lengths_that_python_gives_them():
    n, _ = lengths()
    bounds = [None, *range(-5, 6)]
    for start, stop, step in product(bounds, bounds, [None, 1, 2, 3, -1, -2]):
        one = slice(start, stop, step)
        text = str(slice_length(one, n))
        assert [eval(text, {"n": k}) for k in range(12)] == [len(range(k)[one]) for k in range(12)], (one, text)


def test_the_text_of_a_length_computes_it():
    n, d = lengths()
    rng = np.random.default_rng(0)

    def expression(depth):
        if not depth:
            return str(rng.choice(["n", "d", "0", "1", "2", "3"]))
        a, b = expression(depth - 1), expression(depth - 1)
        form = rng.choice(
            [
                "({a} + {b})",
                "({a} - {b})",
                "({a} * {b})",
                "({a} // {k})",
                "({a} % {k})",
                "least({a}, {b})",
                "most({a}, {b})",
            ]
        )
        return str(form).format(a=a, b=b, k=rng.integers(1, 5))

    def value(text, n, d, least, most):
        return eval(text, {"n": n, "d": d, "least": least, "most": most, "max": max, "min": min})

    for _ in range(1500):
        text = expression(rng.integers(1, 5))
        made = value(text, n, d, at_least, at_most)
        for a, b in ((0, 0), (1, 5), (3, 1), (7, 2), (100, 101)):
            assert value(str(made), a, b, max, min) == value(text, a, b, max, min), (text, str(made))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2 * n + n", "3 * n"),
        ("n * d // d", "n"),
        ("(2 * n + 1) // 2", "n"),
        ("d * n", "n * d"),
        ("1 - n", "1 - n"),
        ("(n + 1) * (n - 1)", "n ** 2 - 1"),
        ("2 * (1 / n)", "2 * (1 / n)"),
        ("0.5 * n / d", "0.5 * n / d"),
        ("(n * d) ** 0.5", "(n * d) ** 0.5"),
        ("1 / (n // 2)", "1 / (n // 2)"),
        ("-(n / 2)", "-(n / 2)"),
    ],
)
def test_how_a_length_is_written(text, shown):
    n, d = lengths()
    assert str(eval(text, {"n": n, "d": d})) == shown


def test_what_is_certain_is_not_assumed():
    n, d = lengths()
    with assuming(Assumptions()) as assumed:
        answers = eval(
            "[n >= 0, n + 1 > n, 2 * n == n + n, n - 1 < n, n + d >= d, n == d, n > 3, n % 2 == 0]", {"n": n, "d": d}
        )
    assert answers[:5] == [True] * 5
    assert set(assumed.found) == {"n != d", "n > 3", "n % 2 != 0"}
    assert isinstance(n, int)
    assert type(n) is Dim


# ------------------------------------------------------------------------------------------------------ the decorator


@pytest.mark.parametrize("name", PROGRAMS)
def test_dynamic_is_static(name):
    function, types, _ = PROGRAMS[name]
    general = value_and_grad(function)
    rng = np.random.default_rng(2)
    for lengths in (*sizes_of(types), *sizes_of(types)[::-1]):
        args = arguments(types, lengths, rng)
        wanted = outcome(value_and_grad(function, dynamic=False), args)
        found = outcome(general, args)
        if isinstance(wanted, Exception):
            assert type(found) is type(wanted) or isinstance(wanted, ZeroDivisionError), found
        else:
            assert_same(found, wanted)


def mean_square(x, y):
    return np.mean((x - y) ** 2)


def test_the_third_length_makes_a_source_for_all():
    g = grad(mean_square)
    for n in (5, 7, 9, 11, 0, 1, 2, 1000, 5):
        np.testing.assert_allclose(g(np.ones(n), np.zeros(n)), np.full(n, 2 / max(n, 1)))
    assert g.cache_info()[:2] == (6, 3)
    assert "(x: float64[n], y: float64[n]): a text for every length" in g.explain()
    assert "    n = x.shape[0]\n" in g.lower(np.ones(12), np.ones(12)).source


def test_dynamic_true_and_false():
    g = grad(mean_square, dynamic=True)
    for n in (3, 5, 1, 0):
        g(np.ones(n), np.zeros(n))
    assert g.cache_info().misses == 1
    g = grad(mean_square, dynamic=False)
    for n in (3, 4, 5, 6, 7):
        g(np.ones(n), np.zeros(n))
    assert g.cache_info().misses == 5


@pytest.mark.parametrize("function", [loop, rows, decided_by_parity, number])
def test_without_a_source_for_all_each_size_has_its_own(function):
    g = grad(function)
    for n in (2, 3, 4, 5, 1):
        x = np.arange(1.0, n + 1)
        np.testing.assert_allclose(g(x), grad(function, dynamic=False)(x))
    assert g.cache_info().misses == 5
    with pytest.raises(TracingError):
        grad(function, dynamic=True)(np.ones(3))


def test_errors_that_the_function_handles():
    def eighth(x):
        try:
            return np.sum(x) * x[7]
        except IndexError:
            return 3 * np.sum(x)

    g = grad(eighth)
    for n in (10, 11, 12, 13, 3, 2, 3, 14):
        x = np.arange(1.0, n + 1)
        np.testing.assert_allclose(g(x), grad(eighth, dynamic=False)(x))


def test_handled_errors_are_assumptions():
    def three(x):
        try:
            return np.sum((x + np.ones(3)) ** 2)
        except ValueError:
            return np.sum(5 * x)

    text, compiled = loaded(three, "f64[n]")
    assert "n != 3" in text
    with pytest.raises(ValueError, match="this text is for n != 3"):
        compiled(np.ones(3))
    np.testing.assert_allclose(compiled(np.ones(4))[1], np.full(4, 5.0))
    g = grad(three)
    for n in (10, 11, 12, 13, 3):
        np.testing.assert_allclose(g(np.ones(n)), grad(three, dynamic=False)(np.ones(n)))


def test_branches_on_values_keep_their_guards():
    def absolute(x, s):
        return np.sum(x) if s > 0 else -np.sum(x)

    g = grad(absolute)
    for n, s in product((2, 3, 4, 5, 6), (1.0, -1.0)):
        np.testing.assert_allclose(g(np.ones(n), s), np.full(n, s))


def test_lengths_that_differ_by_a_number():
    g = grad(lambda e, x: np.sum((e[1:] - e[:-1]) * x))
    for n in (3, 4, 5, 6, 0):
        g(np.ones(n + 1), np.ones(n))
    assert g.cache_info().misses == 3
    assert "x: float64[n - 1]" in g.lower(np.ones(9), np.ones(8)).source


def test_threads():
    g = value_and_grad(lambda x: np.sum(np.tanh(x) ** 2))
    wrong = []

    def work(k):
        for n in range(1 + k, 40, 3):
            x = np.linspace(0, 1, n)
            value, dx = g(x)
            t = np.tanh(x)
            if not (np.allclose(value, (t**2).sum()) and np.allclose(dx, 2 * t * (1 - t**2))):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert g.cache_info().misses <= 4


def test_lengths_are_forgotten_after_a_compilation():
    """Nothing of a text in symbols reaches a text of numbers, also of the very length of a witness."""
    for n in (137, 76, 226, 264, 60):
        compile_module(mean_square, "f64[n], f64[n]")
        source = grad(mean_square, dynamic=False).lower(np.ones(n), np.ones(n)).source
        assert f"x: float64[{n}]" in source
        assert "max(" not in source
