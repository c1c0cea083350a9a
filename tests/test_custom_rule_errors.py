"""Rules that do not fit: what bwd and jvp return is checked when they are traced."""

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
