"""Rules that do not fit: what bwd and jvp return is checked when they are traced."""

import re

import numpy as np
import pytest

from tapeless import TracingError, custom_jvp, custom_vjp, grad

X = np.array([-1.3, 0.4, 2.2])


def ruled(f, fwd, bwd, **options):
    made = custom_vjp(f, **options)
    made.defvjp(fwd, bwd)
    return made


ERRORS = [
    (lambda r, g: (g,), "returns 1 cotangents, and f has 2 arguments"),
    (lambda r, g: g, "must return a tuple of 2, not a traced array"),
    (lambda r, g: (np.sum(g), None), r"of shape \(\) for x, which has shape \(3,\)"),
    (lambda r, g: (None, g * r[0]), "of dtype float64 for y, which has dtype float32"),
    (lambda r, g: ([g], None), "returns a list for x, which is an array"),
    (lambda r, g: (g * 1j, None), "of dtype complex128 for x"),
]


@pytest.mark.parametrize(("bwd", "message"), ERRORS)
def test_what_bwd_returns_is_checked_when_it_is_traced(bwd, message):
    f = ruled(lambda x, y: x * y, lambda x, y: (x * y, (x, y)), bwd)
    with pytest.raises(TracingError, match=message):
        grad(lambda x, y: np.sum(f(x, y)))(X, X.astype(np.float32))


def test_the_bwd_of_a_structure_is_checked():
    f = ruled(lambda p: p["a"], lambda p: (p["a"], None), lambda _, g: ({"b": g},))
    with pytest.raises(TracingError, match="returns a dict of 1 for p, which is a dict of 1"):
        grad(lambda p: np.sum(f(p)))({"a": X})


def forward_ruled(rule):
    f = custom_jvp(lambda x: x * 2)
    f.defjvp(rule)
    return grad(lambda x: np.sum(f(x)))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda p, t: p[0] * 2, "must return a pair"),
        (lambda p, t: (p[0] * 2, t[0] * t[0]), "not linear in the tangents"),
        (lambda p, t: (p[0] * 2, np.sum(t[0])), r"of shape \(\) for its value"),
        (lambda p, t: (t[0] * 2, t[0]), "computes its value from a tangent"),
    ],
)
def test_what_a_forward_rule_returns_is_checked(rule, message):
    with pytest.raises(TracingError, match=message):
        forward_ruled(rule)(X)


def test_no_rule_no_gradient():
    with pytest.raises(TracingError, match="has no rule yet"):
        grad(lambda x: np.sum(custom_vjp(np.sin)(x)))(X)
    with pytest.raises(TracingError, match="has no rule yet"):
        grad(lambda x: np.sum(custom_jvp(lambda x: x)(x)))(X)


def test_a_write_into_an_argument_is_refused():
    def fwd(x):
        x += 1
        return x * 2, None

    f = ruled(lambda x: x * 2, fwd, lambda _, g: (g * 2,))
    with pytest.raises(TracingError, match="writes into its argument x"):
        grad(lambda x: np.sum(f(x)))(X)


def test_keyword_only_arguments_are_refused():
    def f(x, *, k):
        return x * k

    with pytest.raises(TypeError, match="takes k by keyword alone"):
        grad(lambda x: np.sum(custom_vjp(f)(x, k=2.0)))(X)


DOUBLE = {
    "shape": (lambda x: x * 2, lambda x: np.sum(x * 2), r"returns f64 where f returns f64\[3\]"),
    "rank": (lambda x: x * 2, lambda x: (x * 2)[None], r"returns f64\[1, 3\] where f returns f64\[3\]"),
    "dtype": (lambda x: x * 2, lambda x: (x * 2).astype("f4"), r"returns f32\[3\] where f returns f64\[3\]"),
    "constant": (lambda x: x * 2, lambda x: np.float64(3), r"returns f64 where f returns f64\[3\]"),
    "count": (lambda x: x * 2, lambda x: (x, x), r"the parts out\[0\], out\[1\] where f returns one with out$"),
    "key": (lambda x: {"a": x}, lambda x: {"b": x}, r"the parts out\['b'\] where f returns one with out\['a'\]"),
    "branch": (lambda x: x if x[0] < 0 else x[0], lambda x: x[0], r"returns f64 where f returns f64\[3\]"),
}


@pytest.mark.parametrize("name", DOUBLE)
def test_the_value_of_a_rule_is_that_of_the_function(name):
    function, value, message = DOUBLE[name]

    def f(x):
        return function(x)

    by_reverse = ruled(f, lambda x: (value(x), None), lambda _, g: (2 * np.ones(3),))
    by_forward = custom_jvp(f)
    by_forward.defjvp(lambda p, t: (value(p[0]), value(t[0])))
    for rule in (by_reverse, by_forward):
        with pytest.raises(TracingError) as caught:
            grad(lambda x, rule=rule: sum(np.sum(y) for y in np.atleast_1d(rule(x))))(X)
        assert re.search(message, str(caught.value).splitlines()[0])


def test_functions_that_no_trace_takes_are_believed():
    def f(x):
        return np.array([float(v) for v in x])

    rule = ruled(f, lambda x: (x * 1.0, None), lambda _, g: (2 * g,))
    np.testing.assert_array_equal(grad(lambda x: np.sum(rule(x)))(X), np.full(3, 2.0))


def test_the_glance_at_the_function_leaves_nothing_behind():
    around = np.arange(5000.0)
    runs = []

    def f(x):
        runs.append(1)
        return x * 2 + around[:3]

    rule = ruled(f, lambda x: (x * 2, None), lambda _, g: (2 * g,))
    outer = ruled(lambda x: rule(x), lambda x: (rule(x), None), lambda _, g: (3 * g,))
    g = grad(lambda x: np.sum(outer(x)))
    np.testing.assert_array_equal(g(X), np.full(3, 3.0))
    assert "around" not in g.source
    assert len(runs) == 1
