"""What a user reads when something cannot be done: the cause, the line it happened on, and what to try."""

import numpy as np
import pytest

import tapeless
from tapeless import GradientError, LeakedTracerError, TapelessError, TracingError, UnsupportedError, grad, vjp
from tapeless.ir.op import BY_CALLABLE
from tapeless.ir.ops.compositions import COMPOSITIONS
from tapeless.tracer.functions import FUNCTIONS
from tapeless.tracer.refusals import ADVICE

X = np.array([0.5, -1.2, 2.0])


class Opaque:
    pass


def float_of(x):
    y = x * 2
    return float(y[0]) + y[1]


def index_with_a_float(x):
    return x[x[0]]


def number_of_an_array(x):
    return np.arange(x[0]).sum()


def a_matrix(x):
    m = np.ma.masked_array([1.0, 2.0, 3.0])
    return (x * m).sum()


def objects(x):
    o = np.array([1.0, None, 2.0])
    return (x * o).sum()


def a_string(x):
    return (x + "a").sum()


def an_object(x):
    return (x * Opaque()).sum()


def unknown_function(x):
    return x.sum() * len(np.array2string(x))


def unknown_keyword(x):
    return np.add(x, 1.0, signature="dd->d").sum()


def unknown_ufunc(x):
    return np.spacing(x).sum()


def unknown_method(x):
    y = x * 2
    np.spacing.at(y, [0])
    return y.sum()


OUTSIDE = np.zeros(3)


def plain_target(x):
    np.multiply(x, 2, out=OUTSIDE)
    return OUTSIDE.sum()


def unhashable(x):
    return {x[0]: 1}[x[0]]


def digits(x):
    return x[0] * len(f"{x[0]:.2f}")


def draws(x):
    return (x * np.random.rand(3)).sum()


def the_type(x):
    return x.sum() if type(x) is np.ndarray else x[0]


def truth(x):
    return x.sum() if x > 0 else x[0]


REFUSED = [
    float_of, a_matrix, objects, unknown_function, unknown_keyword, unknown_ufunc, unknown_method,
    plain_target, unhashable, digits, draws, the_type,
]  # fmt: skip


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_a_refusal_has_a_cause_a_line_and_a_fix(f):
    with pytest.raises(TapelessError) as caught:
        grad(f)(X)
    lines = str(caught.value).splitlines()
    assert lines[0][0].islower() or lines[0].startswith(("np.", "a "))
    assert not lines[0].endswith(".")
    assert "Tracer" not in str(caught.value)
    first = f.__code__.co_firstlineno
    last = max(line for *_, line in f.__code__.co_lines() if line)
    place = lines[1]
    assert place.startswith(f"  in {f.__name__} at test_errors.py:")
    assert first <= int(place.split("test_errors.py:")[1].split(":")[0]) <= last
    assert any(line.startswith("  Try: ") for line in lines)


def family(error):
    """The error's type, or the builtin one that a private one of NumPy's is a kind of."""
    return next(kind for kind in error.__mro__ if not kind.__name__.startswith(("_", "UFunc")))


@pytest.mark.parametrize(
    "f",
    [
        truth,
        index_with_a_float,
        a_string,
        an_object,
        lambda x: x @ np.ones(4),
        lambda x: x + np.ones(2),
        lambda x: x.reshape(2, 2),
        lambda x: x[5],
        lambda x: x[:, 0],
        lambda x: x.sum(axis=1),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: np.stack([x, np.ones(2)]),
        lambda x: x.transpose(0, 1),
        lambda x: np.broadcast_to(x, (2, 2)),
        lambda x: x.astype("nonsense"),
        lambda x: x.nothing,
        lambda x: np.sum(x, nothing=3),
        lambda x: x.copy().__setitem__(slice(0, 2), np.ones(3)),
        lambda x: x.copy().__iadd__(np.ones((2, 3))),
        lambda x: np.zeros(3, int).__iadd__(x),
        lambda x: np.einsum("ij->i", x),
        lambda x: len(x[0]),
        lambda x: iter(x[0]),
        lambda x: x[np.array([0.5])],
        lambda x: x ^ 1,
        lambda x: x.squeeze(0),
        lambda x: np.split(x, 2),
        lambda x: undefined_name,  # noqa: F821
        lambda x: x("call"),
    ],
)
def test_mistakes_raise_what_plain_numpy_raises(f):
    with pytest.raises(Exception) as plain:  # noqa: PT011
        f(X.copy())
    with pytest.raises(family(plain.type)) as ours:
        grad(f)(X.copy())
    assert "Tracer" not in str(ours.value)


def test_an_error_inside_names_the_line():
    def f(x):
        y = x * 2
        return (y @ np.ones(4)).sum()

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        grad(f)(X)
    notes = getattr(caught.value, "__notes__", [])
    assert any("y @ np.ones(4)" in note and "test_errors.py" in note for note in notes)


def test_the_families_of_errors():
    assert issubclass(TracingError, TypeError)
    assert issubclass(GradientError, TypeError)
    assert issubclass(UnsupportedError, NotImplementedError)
    assert issubclass(LeakedTracerError, TracingError)
    for one in (TracingError, GradientError, UnsupportedError, LeakedTracerError):
        assert issubclass(one, TapelessError)
        assert getattr(tapeless, one.__name__) is one


def test_a_refusal_that_the_function_catches_is_raised_all_the_same():
    def f(x):
        try:
            return float(x[0]) * x[1]
        except Exception:
            return x[0]

    with pytest.raises(TracingError, match=r"float\(\)"):
        grad(f)(X)


def test_a_refusal_in_one_call_does_not_spoil_the_next():
    def f(x, bad):
        return OUTSIDE.__iadd__(x).sum() if bad else x.sum()

    g = grad(f)
    for _ in range(2):
        with pytest.raises(TracingError):
            g(X, True)
        np.testing.assert_allclose(g(X, False), [1, 1, 1])


def test_arguments_of_the_wrong_kind():
    with pytest.raises(GradientError, match=r"(?s)argument called 'z'.*Try: argnums='x'"):
        grad(lambda x: x.sum(), "z")(X)
    with pytest.raises(GradientError, match=r"(?s)it is an int.*Try: pass 3.0 instead of 3"):
        grad(lambda x: x * 1.0)(3)
    with pytest.raises(GradientError, match=r"(?s)p\['n'\] does not exist: it is an array of int.*Try: pass p\['n'\]"):
        grad(lambda p: p["w"].sum())({"w": X, "n": np.arange(3)})


def test_not_differentiable_inside():
    with pytest.raises(TapelessError, match=r"(?s)Try: "):
        vjp(lambda x: x, "text")[1]("text")


def test_no_warning_is_hidden_or_added():
    with pytest.warns(RuntimeWarning, match="divide by zero|invalid value"):
        grad(lambda x: np.log(x).sum())(np.zeros(3))


def test_printing_a_traced_value(capsys):
    def f(x):
        print("shape", x.shape, x)
        return x.sum()

    grad(f)(X)
    assert capsys.readouterr().out == "shape (3,) <traced f64[3]>\n"


def test_no_advice_for_what_is_answered():
    answered = {f.__name__ for f in (*FUNCTIONS, *BY_CALLABLE, *COMPOSITIONS) if hasattr(f, "__name__")}
    assert not answered & set(ADVICE)
