"""clip_gradient and grad_of: what happens to a cotangent on its way, visible in the source."""

import numpy as np
import pytest

from tapeless import (
    TracingError,
    UnsupportedError,
    clip_gradient,
    cond,
    grad,
    grad_of,
    jvp,
    scan,
    value_and_grad,
    vjp,
)

X = np.array([-1.3, 0.4, 2.2])


def test_clipped():
    gradient = value_and_grad(lambda x: np.sum(clip_gradient(np.tanh(x), -0.5, 0.5) * x**2))
    value, dx = gradient(X)
    assert value == np.sum(np.tanh(X) * X**2)
    np.testing.assert_allclose(dx, np.clip(X**2, -0.5, 0.5) * (1 - np.tanh(X) ** 2) + 2 * X * np.tanh(X))
    assert "-0.5" in gradient.source


@pytest.mark.parametrize(("low", "high"), [(None, 0.5), (-1.0, None), (-(X**2), X**2)])
def test_bounds(low, high):
    np.testing.assert_allclose(grad(lambda x: np.sum(clip_gradient(x, low, high) ** 2))(X), np.clip(2 * X, low, high))


def test_traced_bounds():
    gradient = grad(lambda x: np.sum(clip_gradient(x, -np.abs(x), np.abs(x)) ** 2))
    np.testing.assert_allclose(gradient(X), np.clip(2 * X, -np.abs(X), np.abs(X)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_dtypes_and_shapes(dtype, shape):
    x = np.full(shape, 3, dtype)[()]
    out, pull = vjp(lambda x: clip_gradient(x, -1, 1), x)
    (dx,) = pull(np.full(shape, 5, dtype)[()])
    assert (out.dtype, dx.dtype, np.shape(dx)) == (np.dtype(dtype), np.dtype(dtype), shape)
    np.testing.assert_array_equal(dx, np.ones(shape))


def test_changed_and_differentiated_again():
    gradient = grad(lambda x: np.sum(grad_of(x, lambda g: g**2) ** 3))
    np.testing.assert_allclose(gradient(X), 9 * X**4)
    again = grad(lambda x: np.sum(gradient(x)))  # whose cotangent goes through the hook as well
    np.testing.assert_allclose(again(X), (36 * X**3) ** 2)


def test_structures():
    def loss(p):
        p = clip_gradient(p, -1, 0.5)
        return np.sum(p["a"] * 3 * p["b"][0]), p["b"][1]

    found, count = grad(loss, has_aux=True)({"a": X, "b": [X, 2]})
    assert count == 2
    np.testing.assert_allclose(found["a"], np.clip(3 * X, -1, 0.5))
    np.testing.assert_allclose(found["b"][0], np.clip(3 * X, -1, 0.5))


def test_looked_at_in_the_order_of_the_backward_pass():
    seen = []

    def first(g):
        seen.append(("first", g))

    def second(g):
        seen.append(("second", g))

    def loss(x):
        y = grad_of(x * 2, look=first)
        return np.sum(grad_of(y * x, lambda g: 3 * g, look=second) ** 2)

    gradient = grad(loss)
    for _ in range(2):
        dx = gradient(X)
        assert [name for name, _ in seen] == ["second", "first"]
        np.testing.assert_allclose(seen[0][1], 4 * X**2)
        np.testing.assert_allclose(seen[1][1], 12 * X**3)
        np.testing.assert_allclose(dx, 48 * X**3)
        seen.clear()
    assert gradient.source.index("second(") < gradient.source.index("first(")


def test_what_is_looked_at_is_not_overwritten():
    seen = []

    def loss(x):
        y = x * 2
        z = grad_of(y, look=seen.append)
        return np.sum(z * x + z**2 + np.sin(y))

    gradient = grad(loss)
    gradient(X)
    np.testing.assert_allclose(seen[0], 5 * X)


def test_nobody_looks_where_no_cotangent_comes():
    seen = []
    grad(lambda x: np.sum(x) + 0 * np.sum(np.round(grad_of(x, look=seen.append))))(X)
    grad(lambda x, y: np.sum(x) + np.sum(grad_of(y, look=seen.append)))(X, X)
    assert not seen


def test_builtins_have_their_own_names(capsys):
    gradient = grad(lambda x: np.sum(grad_of(x, look=print) ** 2))
    gradient(np.ones(2))
    assert capsys.readouterr().out == "[2. 2.]\n"
    assert "print(dx)\n" in gradient.source
    assert "print(dx)\n" in gradient.module(np.ones(2))


def test_in_loops_branches_and_pullbacks():
    seen = []
    look = seen.append

    def looped(x):
        return np.sum(scan(lambda c, _: (grad_of(c * 1.5, look=look), None), x, length=2)[0])

    np.testing.assert_allclose(grad(looped)(X), 2.25)
    np.testing.assert_allclose(seen, [[1, 1, 1], [1.5, 1.5, 1.5]])
    seen.clear()
    grad(lambda x: np.sum(cond(x[0] > 0, lambda x: grad_of(x, look=look), lambda x: x * 2, x)))(X)
    assert not seen
    _, pull = vjp(lambda x: grad_of(x, look=look) * 2, X)
    assert not seen
    pull(X)
    pull(X + 1)
    np.testing.assert_allclose(seen, [2 * X, 2 * X + 2])


def test_in_forward_mode_there_is_nothing_to_look_at():
    seen = []
    _, tangent = jvp(lambda x: grad_of(x * 2, look=seen.append) * x, (X,), (X,))
    np.testing.assert_allclose(tangent, 4 * X * X)
    assert not seen
    _, doubled = jvp(lambda x: grad_of(x, lambda g: 2 * g), (X,), (X,))
    np.testing.assert_allclose(doubled, 2 * X)


def test_outside_of_a_trace_it_is_a_copy():
    same = grad_of({"a": X, "n": 2}, look=print)
    np.testing.assert_array_equal(same["a"], X)
    assert not np.shares_memory(same["a"], X)
    assert clip_gradient(2.0, 0, 1) == 2.0


def test_what_is_refused():
    with pytest.raises(TracingError, match=r"the change of grad_of returns an array of shape \(\)"):
        grad(lambda x: np.sum(grad_of(x, np.sum)))(X)
    with pytest.raises(UnsupportedError, match="complex numbers have no order"):
        grad(lambda z: np.sum(abs(clip_gradient(z, 0, 1))))(X + 1j)
    with pytest.raises(TypeError, match="grad_of takes functions"):
        grad_of(X, 3)
    with pytest.raises(TracingError, match=r"a bound of clip_gradient, of shape \(2, 3\), does not broadcast"):
        grad(lambda x: np.sum(clip_gradient(x, 0, np.ones((2, 3)))))(X)


def test_wider_bounds_leave_the_dtype():
    x = X.astype(np.float32)
    found = grad(lambda x: np.sum(clip_gradient(x, np.float64(-0.1), np.array([0.1, 0.2, 0.3])) * 5))(x)
    np.testing.assert_array_equal(found, np.array([0.1, 0.2, 0.3]).astype(np.float32))
    assert found.dtype == np.float32
