"""Programs of random_programs.py that were once wrong about the kind of a value: its dtype, an array or a number."""

from __future__ import annotations

import numpy as np
from program_oracle import check_program

from tapeless import value_and_grad

X = np.array([0.5, -1.5, 2.0, 0.25])


def test_a_full_contraction_of_constants_is_an_array() -> None:
    def written(x):
        b = np.ones(3, dtype=int)
        s = np.tensordot(b, b, axes=1)
        s[...] **= 2
        return x.sum() * s

    value, d = value_and_grad(written)(X)
    assert value == written(X) == 9 * X.sum()
    np.testing.assert_array_equal(d, np.full(4, 9.0))


def test_squares_of_truths_have_the_dtype_of_the_operator() -> None:
    for f in (lambda w, v: (w * v**2).sum(), lambda w, v: (w * np.power(v, 2)).sum()):
        w, v = np.float32(0.5), X > 0
        value = value_and_grad(f)(w, v)[0]
        assert value == f(w, v)
        assert value.dtype == f(w, v).dtype


def test_a_choice_between_single_numbers_is_single() -> None:
    def f(x):
        c = np.float32(0.5)
        return (x * 0.3).sum() + np.where(np.isfinite(x), c, c).sum()

    x = X.astype(np.float32)
    value = value_and_grad(f)(x)[0]
    assert (value, value.dtype) == (f(x), np.float32)


def test_a_copy_of_a_number_is_an_array() -> None:
    def f(x):
        a = np.copy(x)
        held = a
        held += 2.0 * x
        return np.sin(a) * np.mean(held)

    for x in (np.float32(0.7), np.float64(0.7), 0.7, np.array(0.7)):
        value, d = value_and_grad(f)(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-6)
        np.testing.assert_allclose(d, 3 * (np.cos(2.1) * 2.1 + np.sin(2.1)), rtol=1e-5)


def test_a_branch_that_spreads_a_number_is_not_written() -> None:
    """A branch of the second derivative repeats one number, and what it gives was written into."""
    check_program(
        """\
# arguments: f64; f64[1, 4]; f64[1]; seed 837
def f(x, w, v):
    a = np.asarray(np.sum(v)) * 1.5
    out = w[None]
    t = np.zeros(a.shape)
    total = cond(t > 0, lambda u: fori_loop(0, 2, lambda i, d: d * u, w), lambda u: w * u, v)
    return np.sum(np.sin(0.3 * x)) + 0.5 * np.mean(w) + np.sum(np.sin(0.7 * v)) + np.sum(np.sin(0.9 * a)) + 1.1 * np.mean(out) + np.sum(np.sin(1.3 * t)) + 1.5 * np.mean(total)
"""  # noqa: E501 - what the program draws depends on its text
    )


def test_a_clipped_python_number_is_an_array_of_its_dtype() -> None:
    def f(v, w):
        return (np.clip(w, v, v + 0.5) + np.clip(0.1, v, None)).sum()

    v = X.astype(np.float32)
    value = value_and_grad(f)(v, 0.3)[0]
    assert value.dtype == f(v, 0.3).dtype
    np.testing.assert_allclose(value, f(v, 0.3))


def test_the_outer_product_with_a_python_number_has_the_dtype_of_an_array_of_it() -> None:
    def f(v, w):
        return np.multiply.outer(v, w).sum() + np.add.outer(w, v).sum()

    v = X.astype(np.float32)
    value, d = value_and_grad(f, 1)(v, 0.3)
    assert value.dtype == f(v, 0.3).dtype == np.float64
    np.testing.assert_allclose(value, f(v, 0.3))
    np.testing.assert_allclose(d, X.sum() + 4)
