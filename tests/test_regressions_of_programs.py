"""Programs that random_programs.py wrote and that were once wrong, each cut down, beside NumPy and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import central

from tapeless import TracingError, UnsupportedError, cond, fori_loop, grad, scan, value_and_grad, vjp, while_loop

X = np.array([0.5, -1.5, 2.0, 0.25])
SQUARE = np.array([[1.0, 2.0, 1.5], [4.0, 5.5, 3.0], [0.5, -1.0, 2.5]])


def compare(f: Any, *arguments: Any, k: int = 0, bound: float = 1e-6) -> Any:
    """Value, dtype, gradient and what is left in the arguments are NumPy's."""

    def fresh() -> list[Any]:
        return [a.copy("K") if isinstance(a, np.ndarray) else a for a in arguments]

    ours, plain = fresh(), fresh()
    compiled = value_and_grad(f, k)
    value, gradient = compiled(*ours)
    expected = f(*plain)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert np.asarray(value).dtype == np.asarray(expected).dtype
    assert type(gradient) is type(arguments[k])
    np.testing.assert_allclose(gradient, central(f, fresh(), k), rtol=bound, atol=bound)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(a, b)
    return compiled


def written_row(x):
    row = x[np.argmax(x[:, 0])]  # a computed integer: a view, as x[1] is
    row[0] = 5 * row[1]
    part = x[np.argmax(x[0]) - 1, 1:]
    part *= 2
    return (x**2).sum()


def row_before_a_write(x):
    k = np.argmax(x[:, 0])
    row = x[k]
    x[k, 1] = 7.0  # which is seen through the row
    x[0] += row
    return (x * x).sum() + row.sum()


def row_added_to(x):
    y = x * 2
    y[np.argmax(x[:, 1])] += x[0]
    return np.sum(y**2)


def place_of_the_largest(x):
    x[np.argmax(x)] = np.sinh(0.3 * x)  # the cotangent's row was read after it was set to 0
    return (x * x).sum()


@pytest.mark.parametrize("f", [written_row, row_before_a_write, row_added_to])
def test_a_computed_integer_as_an_index_gives_a_view(f: Any) -> None:
    compare(f, SQUARE)
    compare(f, SQUARE[::-1].copy())


def test_the_cotangent_of_a_row_is_read_before_the_row_is_cleared() -> None:
    compare(place_of_the_largest, np.array([[0.5]]))


# ------------------------------------------------------------------------------------------------ structured loops


def loops_in_a_loop(x, w):
    a = fori_loop(0, 2, lambda i, c: fori_loop(0, 2, lambda j, d: d * 0.7 + w * j, c) + c, x)
    return a.sum() + (x * x).sum()  # x was the name of the inner loop's slice


def array_begun_with_then_written(w):
    c = while_loop(lambda c: c[1] < 3, lambda c: (np.sin(c[0]), c[1] + 1), (w, 0))[0]
    w[...] = w + 1.0  # the first state is kept for the way back
    w[0] += c.sum()
    return np.sum(np.sin(0.5 * w)) + np.sum(c * 1.1)


def handed_through_then_written(w):
    y = w * 2
    z = cond(w.sum() > 0, lambda u: u, lambda u: u * 2, y)
    y[0] = 7.0
    return np.sum(y * y) + np.sum(z**3)


def carry_handed_through(x, v):
    return np.sum(x * 0.3) + scan(lambda c, u: (c + u, u * c), x, v)[0] * 1.1  # the gradient was a Python float


def writes_in_bodies(x):
    def doubled(u):
        u *= 2
        return u

    def halved(i, u):
        u[i] *= 0.5
        return u

    y = cond(x.sum() > 0, doubled, doubled, x)
    z = fori_loop(0, 2, halved, x)
    z[0] += 1
    return x.sum() + (y * z).sum()  # x is as it was


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (loops_in_a_loop, (X, X**2)),
        (array_begun_with_then_written, (X,)),
        (handed_through_then_written, (X,)),
        (carry_handed_through, (np.float64(1.5), X)),
        (writes_in_bodies, (X,)),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)
def test_structured_loops(f: Any, arguments: Any) -> None:
    compare(f, *arguments)


def test_a_branch_of_integers_alone() -> None:
    compare(lambda x, p: (x * cond(x[0] > 0, lambda u: u + 1, lambda u: -u, p)).sum(), X, np.arange(4))


def test_single_precision_in_loops() -> None:
    def looped(x, v):
        t = fori_loop(0, 2, lambda i, u: np.tanh(u) * 0.5, x)
        return np.sum(np.hypot(v, x)) + np.sum(t * 0.7)

    x, v = X.astype(np.float32), X + 1
    for function, k in ((looped, 0), (looped, 1)):
        gradient = grad(function, k)(x, v)
        wide = [np.asarray(a, dtype=float) for a in (x, v)]
        np.testing.assert_allclose(gradient, central(function, wide, k), rtol=1e-4, atol=1e-4)
        assert gradient.dtype == (x, v)[k].dtype


def test_a_carry_that_begins_as_a_truth_is_refused() -> None:
    with pytest.raises(TracingError, match="from bool to float"):
        grad(lambda x: scan(lambda c, u: (c * u, None), x[0] > 0, x)[0])(X)


# ------------------------------------------------------------------------------------------------ dtypes and numbers


def test_masked_numbers_of_single_precision() -> None:
    def largest(v):
        best = v[0]
        for u in v[1:]:
            best = np.where(u > best, u, best)
        return 0.7 * np.mean(v) + 1.3 * np.mean(best)

    gradient = grad(largest)(SQUARE.astype(np.float32))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, central(largest, [SQUARE]), rtol=1e-5)


def test_a_narrow_factor_does_not_make_the_gradient_coarse() -> None:
    for narrow in (np.float16, np.float32):
        compare(lambda x, q: (x / q).sum() * 1.1, X, (X + 3).astype(narrow), bound=1e-8)


def test_numbers_written_into_integers_and_truths() -> None:
    def written(x, p, w):
        p[::2] = np.zeros(4)[-1]
        w[0] = np.array([0, 2])[1]
        return x * p.sum() + x * w.sum()

    compare(written, 1.5, np.arange(3), np.zeros(3, dtype=bool))


def test_the_sign_of_a_product_of_truths() -> None:
    compare(lambda x, v: (x * np.exp(-(v * 1.5))).sum(), X, X > 0)
    compare(lambda x, v: (x * -(v * 1.5)).sum(), X, np.array([1, 2, 250, 0], dtype=np.uint8))


def test_floats_subtracted_at_places_of_an_integer_array() -> None:
    def subtracted(x, w):
        np.subtract.at(w, np.array([0, 1]), x[0])
        return x.sum() * w.sum()

    with pytest.raises(UnsupportedError, match=r"subtract\.at of float64"):
        grad(subtracted)(np.array([0.3, 1.2]), np.arange(3))


def test_a_number_times_an_array_of_no_dimension() -> None:
    def scaled(x, w):
        y = np.zeros(w.shape)
        x *= y
        return (x * 0.3).sum()

    compare(scaled, np.float64(1.5), np.float64(2.0))


def test_truths_added_by_a_ufunc() -> None:
    def added(x, w):
        np.add(w, max(w, w), out=x[None])
        return (x * x).sum()

    assert value_and_grad(added)(X.copy(), True)[0] == added(X.copy(), True)


# ------------------------------------------------------------------------------------------------- layouts and views


def raveled(x):
    flat = x.ravel()
    flat[0] += 5 * flat[1]
    return (x * x).sum()


def made_contiguous(x):
    y = np.ascontiguousarray(x)
    y[0] += 5
    return (x * x).sum()


def array_of_arrays(x):
    s = np.tanh(np.array([x, x]))
    np.ascontiguousarray(s)[0] -= 0.3
    return np.sum(s**2)


def loop_of_a_layout(x):
    total = fori_loop(0, 2, lambda i, c: c * np.cos(c), x)
    flat = total.reshape(-1)
    flat[::2] = 7.0
    return np.sum(total**2)


@pytest.mark.parametrize("f", [raveled, made_contiguous, array_of_arrays])
def test_what_a_layout_decides_is_decided_in_each_call(f: Any) -> None:
    compiled = value_and_grad(f)
    for x in (X, SQUARE):
        backwards = x[::-1].copy()[::-1]
        for layout in (x.copy(), backwards, np.asfortranarray(x), x.copy()):
            ours, plain = layout.copy(), layout.copy()
            if layout is backwards:
                ours, plain = (x[::-1].copy()[::-1] for _ in range(2))
            elif layout.flags.f_contiguous:
                ours, plain = layout.copy("F"), layout.copy("F")
            np.testing.assert_allclose(compiled(ours)[0], f(plain), rtol=1e-12)
            np.testing.assert_array_equal(ours, plain)


def test_the_layout_of_what_a_loop_hands_out() -> None:
    compare(loop_of_a_layout, SQUARE)
    with pytest.raises(TracingError, match="depends on its layout"):
        grad(loop_of_a_layout)(np.asfortranarray(SQUARE))


def vector_of_a_number(x):
    total = np.ascontiguousarray(x)  # of shape (1,)
    total *= 0.5
    return (total * 0.3).sum() + x


def array_of_a_number(x):
    return (np.asarray(x) * 0.5).sum() + x


def full_of_a_vector(x):
    return np.full((), x[-1:]).sum() * 2.0


def element_through_a_new_axis(x):
    s = x * 2
    s[..., 0][None] **= 2
    s[..., None][-1, ..., 0] = np.sum(s, keepdims=True)
    return np.sum(s * x)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (vector_of_a_number, np.float64(1.5)),
        (array_of_a_number, 1.5),
        (full_of_a_vector, X),
        (element_through_a_new_axis, X),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)
def test_arrays_of_one_element(f: Any, x: Any) -> None:
    compare(f, x)


def test_the_guard_of_a_truth_is_not_about_the_number() -> None:
    compiled = grad(lambda x: 2 * x.sum() if x.sum() else x[0])
    assert compiled(X).tolist() == [2, 2, 2, 2]
    compiled.source_before = compiled.source
    assert compiled(X + 0.7).tolist() == [2, 2, 2, 2]
    assert compiled.source == compiled.source_before
    assert compiled(np.zeros(4)).tolist() == [1, 0, 0, 0]


def test_a_mask_of_another_shape_is_refused_as_numpy_does() -> None:
    def masked(p, v):
        p[v >= 1.0] += v.sum()
        return p.sum()

    with pytest.raises(IndexError):
        masked(SQUARE.copy(), np.array([[1.0, 0.5, 2.0]]))
    with pytest.raises(IndexError, match="boolean index"):
        grad(masked)(SQUARE.copy(), np.array([[1.0, 0.5, 2.0]]))


def constant_where_an_inner_loop_begins(x, w):
    def body(i, c):
        return fori_loop(0, 2, lambda j, d: np.sin(d) * 1.3, w) * c  # w is as it was in each round

    return fori_loop(0, 2, body, x).sum()


def captured_array_that_begins_a_loop(x):
    s = np.arange(4.0)
    out = fori_loop(0, 3, lambda i, c: c * np.cos(c) + 0.1 * i, s)
    return (x * out).sum() + np.mean(s)


def test_what_a_loop_begins_with_keeps_its_name() -> None:
    compare(constant_where_an_inner_loop_begins, X, X**2)
    compare(constant_where_an_inner_loop_begins, X, X**2, k=1)
    compare(captured_array_that_begins_a_loop, X)


def test_arrays_of_no_elements_keep_their_shape() -> None:
    compare(lambda x: np.linalg.inv(x @ x + np.eye(len(x))).sum() + np.sum(x), np.zeros(0))


def test_an_initial_number_has_the_dtype_of_the_array() -> None:
    compare(lambda x, k: x.sum() * np.max(k, initial=0.6), X, np.zeros(3, dtype=int))


def test_the_gradient_of_a_number_is_a_number() -> None:
    def largest(x, w):
        w += np.max(x, axis=0, keepdims=True)
        return 0.3 * np.mean(w)

    gradient = grad(largest)(np.float32(2), np.ones((3, 3), dtype=np.float32))
    assert type(gradient) is np.float32
    assert abs(gradient - 0.3) < 1e-6


def test_arguments_that_share_memory_where_nothing_is_written() -> None:
    def copied(x, v):
        c = np.ascontiguousarray(v)
        c[...] **= 2
        return np.sum(c) + x.sum()

    compiled = grad(copied, 1)
    compiled(X, X.copy())  # a path that writes
    x = X.copy()
    assert compiled(x, x[::-1]).tolist() == (2 * X[::-1]).tolist()


def test_branches_and_loops_of_numbers_of_several_dtypes() -> None:
    def chosen(x, w):
        b = cond(x > 0, lambda u: fori_loop(0, 2, lambda i, d: d * u, w), lambda u: w * u, x)
        return np.sum(b * w)

    gradient = grad(chosen)(1.5, SQUARE.astype(np.float32))
    np.testing.assert_allclose(gradient, central(chosen, [1.5, SQUARE]), rtol=1e-4)
    assert type(gradient) is float

    def added(x, w):
        total = x / (2.5 + np.cos(w))
        inner = fori_loop(0, 2, lambda i, c: fori_loop(0, 2, lambda j, d: d * 0.7 + total * j, c) + w, total)
        return inner * 0.7 + np.sin(total * w)

    for k in (0, 1):
        gradient = grad(added, k)(np.float32(0.5), np.float32(-1.2))
        np.testing.assert_allclose(gradient, central(added, [0.5, -1.2], k), rtol=1e-5)
        assert type(gradient) is np.float32


def test_a_result_that_is_an_argument() -> None:
    results, pullback = vjp(lambda x, w: (w, x * w), X, X + 1)
    np.testing.assert_array_equal(results[0], X + 1)
    dx, dw = pullback((X, X))
    np.testing.assert_allclose(dx, X * (X + 1))
    np.testing.assert_allclose(dw, X + X * X)


def test_a_cast_of_a_number_is_not_added_to_in_place() -> None:
    def largest(x, w):
        c = w + np.sum(x * np.float32(0.3))
        return np.sum((c + x.max()) * w) + np.sum(x * np.float32(0.5))

    gradient = grad(largest)(np.float32(2), SQUARE)
    assert type(gradient) is np.float32
    np.testing.assert_allclose(gradient, 1.3 * SQUARE.sum() + 0.5, rtol=1e-5)


def test_a_carry_that_is_a_part_of_what_the_loop_goes_through() -> None:
    """In the second derivative the sum began in a row of the array whose rows were added up."""

    def looped(w):
        w = w.copy()
        w[:] = w[::-1]
        c = scan(lambda c, u: (c + u.sum(), u * c), w[0], w, reverse=True)[0]
        return c.sum() + np.mean(fori_loop(0, 2, lambda i, c: c * np.cos(c), c))

    d = np.array([[0.3], [0.2], [-0.4], [0.9]])
    compare(lambda w: np.sum(grad(looped)(w) * d), X[:, None], bound=1e-5)


def test_a_triangle_of_truths() -> None:
    compare(lambda x, v: (x * np.tanh(np.triu(v))).sum(), SQUARE, SQUARE > 1)


def test_a_vector_made_of_an_element_is_a_view() -> None:
    def written(x, b):
        z = x[..., 0]
        out = np.reshape(z, (-1, 1))
        z[...] = b[:1] * 2
        return (out * 0.9).sum() + (x * x).sum()

    compare(written, X, X + 1)
    compare(written, X, X + 1, k=1)


def test_an_array_made_like_another_lies_as_it_does() -> None:
    def made(v):
        s = np.ones_like(v) / 0.4
        flat = s.ravel()  # a view or a copy
        flat[1] += 5.0
        return (s * v).sum()

    compiled = value_and_grad(made)
    for v in (np.asfortranarray(SQUARE), SQUARE[::-1].copy()[::-1], SQUARE, SQUARE.T):
        assert compiled(v)[0] == made(v)
