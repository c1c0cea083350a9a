"""tapeless.implicit: roots, fixed points and differential equations, with gradients that do not unroll the solver."""

import re

import numpy as np
import pytest

from tapeless import TracingError, grad, jacobian, jvp, primitive, value_and_grad, vmap
from tapeless.implicit import fixed_point, implicit_function, odeint, root

A, B = np.array([1.0, 2.0]), np.array([2.0, 3.0])


def slope(f, x, step=1e-5):
    """Central differences of a number with respect to one array."""
    x = np.asarray(x, float)
    found = np.empty(x.size)
    for i in range(x.size):
        move = np.zeros(x.size)
        move[i] = step
        move = move.reshape(x.shape)
        found[i] = (f(x + move) - f(x - move)) / (2 * step)
    return found.reshape(x.shape)


def curve(x, a, b):
    return x**2 * a + np.sum(x) * 0.1 - b


def of_root(a, b):
    return np.sum(root(curve, np.ones(2), a, b) ** 3)


def test_a_root_and_its_gradients():
    x = root(curve, np.ones(2), A, B)
    np.testing.assert_allclose(curve(x, A, B), 0, atol=1e-10)
    value, (da, db) = value_and_grad(of_root, argnums=(0, 1))(A, B)
    assert value == pytest.approx(np.sum(x**3), rel=1e-14)
    np.testing.assert_allclose(da, slope(lambda a: of_root(a, B), A), rtol=1e-7)
    np.testing.assert_allclose(db, slope(lambda b: of_root(A, b), B), rtol=1e-7)


def test_second_order_forward_mode_and_batches():
    weights = np.array([1.0, -2.0])

    def first(a):
        return np.sum(grad(of_root)(a, B) * weights)

    np.testing.assert_allclose(grad(first)(A), slope(first, A), rtol=1e-7)
    by_a = jacobian(lambda a: root(curve, np.ones(2), a, B))(A)
    _, moved = jvp(lambda a: root(curve, np.ones(2), a, B), (A,), (weights,))
    np.testing.assert_allclose(moved, by_a @ weights, rtol=1e-10)
    each = vmap(grad(lambda a: of_root(a, B)))(np.stack([A, A + 1]))
    np.testing.assert_allclose(each, [grad(of_root)(A, B), grad(of_root)(A + 1, B)], rtol=1e-10)


def test_the_gradient_does_not_unroll_the_solver():
    gradient = grad(of_root)
    gradient(A, B)
    assert gradient.source.count("while True:") == 1
    assert gradient.source.count("np.linalg.solve") == 2


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_shapes(shape):
    a = np.linspace(2.0, 3.0, int(np.prod(shape))).reshape(shape)
    found = grad(lambda a: np.sum(root(lambda x, a: x**2 - a, np.ones(shape), a)))(a)
    assert np.shape(found) == shape
    np.testing.assert_allclose(found, 0.5 / np.sqrt(a), rtol=1e-10)


def test_a_fixed_point_with_a_structure():
    def step(x, p):
        return np.cos(x) * p["s"] + p["n"] * 0.1

    def loss(s):
        return np.sum(fixed_point(step, np.zeros(2), {"s": s, "n": 2}) ** 2)

    s = np.array([0.5, 0.3])
    x = fixed_point(step, np.zeros(2), {"s": s, "n": 2})
    np.testing.assert_allclose(x, step(x, {"s": s, "n": 2}), rtol=1e-9)
    np.testing.assert_allclose(grad(loss)(s), slope(loss, s), rtol=1e-7)


def test_what_does_not_converge_is_nan():
    assert np.isnan(fixed_point(lambda x, a: a * x + 1, np.ones(2), 2.0, max_steps=5)).all()
    assert np.isnan(root(lambda x: x**2 + 1, np.ones(1) * 0.3, max_steps=5)).all()


def test_an_opaque_solver():
    calls = []
    cube_root = primitive(lambda a: calls.append(1) or np.array([v ** (1 / 3) for v in a.tolist()]), like=lambda a: a)
    solved = implicit_function(lambda a: cube_root(a), lambda x, a: x**3 - a)
    gradient = grad(lambda a: np.sum(solved(a) ** 2))
    np.testing.assert_allclose(gradient(B), 2 / 3 * B ** (-1 / 3), rtol=1e-12)
    assert calls == [1]
    given = root(lambda x, a: x**3 - a, B, B, solver=lambda f, x0, a: cube_root(a))
    np.testing.assert_allclose(given, np.cbrt(B))


def test_what_the_residual_closes_over_is_no_argument():
    with pytest.raises(NotImplementedError, match="closes over"):
        grad(lambda a: np.sum(root(lambda x: x**2 - a, np.ones(2))))(A)


# --------------------------------------------------------------------------------------------------------------- odes


def turning(y, t, w, k):
    return np.array([[0.0, 1.0], [-1.0, 0.0]]) @ y * w["a"] - k * y * np.sin(t)


Y0, T, W, K = np.array([1.0, 0.5]), np.array([0.0, 0.3, 1.0]), {"a": 1.3}, 0.4


def of_solution(y0, t, w, k):
    return np.sum(odeint(turning, y0, t, w, k) ** 2 * np.arange(6).reshape(3, 2))


@pytest.mark.parametrize("t", [T, T[::-1], np.array([0.5])])
def test_a_solution_that_is_known(t):
    found = odeint(lambda y, t, a: -a * y, np.array([2.0, 1.0]), t, 1.5)
    np.testing.assert_allclose(found, np.exp(-1.5 * (t - t[0]))[:, None] * np.array([2.0, 1.0]), rtol=1e-7)


def test_the_adjoint_equation():
    dy0, dt, dw, dk = grad(of_solution, argnums=(0, 1, 2, 3))(Y0, T, W, K)
    np.testing.assert_allclose(dy0, slope(lambda y0: of_solution(y0, T, W, K), Y0), rtol=1e-6)
    np.testing.assert_allclose(dt, slope(lambda t: of_solution(Y0, t, W, K), T), rtol=1e-6)
    np.testing.assert_allclose(dw["a"], slope(lambda a: of_solution(Y0, T, {"a": a}, K), 1.3), rtol=1e-6)
    np.testing.assert_allclose(dk, slope(lambda k: of_solution(Y0, T, W, k), K), rtol=1e-6)


def test_one_time_alone():
    dy0, dt = grad(lambda y0, t: np.sum(odeint(turning, y0, t, W, K) ** 2), argnums=(0, 1))(Y0, T[:1])
    np.testing.assert_array_equal(dy0, 2 * Y0)
    np.testing.assert_allclose(dt, [0], atol=1e-12)


def test_backwards_in_time_and_in_one_precision():
    back = grad(lambda y0: np.sum(odeint(turning, y0, T[::-1], W, K)[-1] ** 2))(Y0)
    np.testing.assert_allclose(
        back, slope(lambda y0: np.sum(odeint(turning, y0, T[::-1], W, K)[-1] ** 2), Y0), rtol=1e-6
    )
    single = grad(lambda y0, k: np.sum(odeint(lambda y, t, k: -k * y, y0, T, k, rtol=1e-5, atol=1e-6)), argnums=(0, 1))
    dy0, dk = single(Y0.astype(np.float32), np.float32(0.4))
    assert (dy0.dtype, dk.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(dy0, np.sum(np.exp(-0.4 * T)), rtol=1e-3)
    np.testing.assert_allclose(dk, np.sum(-T * np.exp(-0.4 * T)) * np.sum(Y0), rtol=1e-3)


def test_what_takes_too_many_steps_is_nan():
    found = odeint(lambda y, t: y**2, np.array([1.0]), np.array([0.0, 0.5, 2.0]), max_steps=200)
    np.testing.assert_allclose(found[:2, 0], [1, 2], rtol=1e-6)
    assert np.isnan(found[2, 0])


def test_complex_values_are_refused():
    with pytest.raises(TypeError, match="real floats, not of complex128"):
        odeint(lambda y, t: 1j * y, np.ones(1) + 0j, T)


@pytest.mark.parametrize("t", [np.array([]), [], np.array(0.5), 0.5, np.zeros((2, 2))], ids=repr)
def test_times_that_are_none(t):
    for solve in (lambda y: odeint(lambda y, t: -y, y, t).sum(), grad(lambda y: odeint(lambda y, t: -y, y, t).sum())):
        with pytest.raises(ValueError, match=r"t of one dimension with at least one time in it, not of shape \("):
            solve(np.ones(2))
    with pytest.raises(ValueError, match="at least one time"):
        grad(lambda y, t: odeint(lambda y, t: -y, y, t).sum(), 1)(np.ones(2), np.array([]))


def test_a_solver_that_branches_in_python_is_refused():
    def newton(a):
        x = a
        while np.any(abs(x * x - a) > 1e-9):
            x = (x + a / x) / 2
        return x

    solved = implicit_function(newton, lambda x, a: x * x - a)
    gradient = grad(lambda a: np.sum(solved(a)))
    np.testing.assert_allclose(gradient(B), 0.5 / np.sqrt(B), rtol=1e-7)
    with pytest.raises(TracingError):
        vmap(solved)(B)


@pytest.mark.parametrize(
    "solve",
    [
        lambda p: root(lambda x, p: x**2 - p["a"] * p["n"], np.ones(2), p),
        lambda p: fixed_point(lambda x, p: (x + p["a"] * p["n"] / x) / 2, np.ones(2), p),
        lambda p: odeint(lambda y, t, p: p["a"] * p["n"] / (2 * y), np.sqrt(p["n"]), [0.5, 1.0], p),
    ],
)
def test_integers_and_words_beside_floats_in_one_argument(solve):
    def f(a):
        return np.sum(solve({"a": a, "n": np.array([2, 3]), "why": "sqrt", "also": (None, 4)}))

    assert grad(f)(1.7) == pytest.approx(slope(f, 1.7), rel=1e-6)


def test_integers_to_start_from():
    assert grad(lambda a: root(lambda x, a: x**2 - a, np.array([1]), a)[0])(2.0) == pytest.approx(0.5 / np.sqrt(2))


@pytest.mark.parametrize("y0", [1.5, np.float64(1.5), np.array(1.5), np.float32(1.5)])
def test_one_number_over_time(y0):
    dy0, dk = grad(lambda y, k: odeint(lambda y, t, k: k * y, y, T, k, rtol=1e-6)[-1], argnums=(0, 1))(y0, y0 * 0.2)
    span = T[-1] - T[0]
    np.testing.assert_allclose([dy0, dk], [np.exp(0.3 * span), 1.5 * span * np.exp(0.3 * span)], rtol=1e-5)
    assert np.result_type(dy0) == np.result_type(dk) == np.asarray(y0).dtype


def test_a_complex_argument_of_the_equation():
    def f(a):
        return np.sum(odeint(lambda y, t, a: -y * np.abs(a) * a.real, Y0, T, a) ** 2)

    a, step = 0.3 + 0.2j, 1e-5
    wanted = [(f(a + s) - f(a - s)) / (2 * step) for s in (step, 1j * step)]
    assert grad(f)(a) == pytest.approx(wanted[0] - 1j * wanted[1], rel=1e-6)


def test_a_wider_argument_leaves_the_precision_of_the_solution():
    y0, k = Y0.astype(np.float32), np.array([0.3, 0.4])
    f = lambda y, k: np.sum(odeint(lambda y, t, k: (-k * y).astype(y.dtype), y, T, k, rtol=1e-5))  # noqa: E731
    dy0, dk = grad(f, argnums=(0, 1))(y0, k)
    assert (dy0.dtype, dk.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(dy0, np.exp(-np.outer(T - T[0], k)).sum(axis=0), rtol=1e-3)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda y, t: np.sum(y), "returns a float64 of shape (), and y is float64 of shape (2,)"),
        (lambda y, t: [y[1], -y[0]], "returns a list, and y is float64 of shape (2,)"),
        (lambda y, t: y.astype(np.float32), "returns a float32 of shape (2,), and y is float64 of shape (2,)"),
    ],
)
def test_slopes_have_the_shape_and_dtype_of_the_solution(f, message):
    for solved in (lambda y0: np.sum(odeint(f, y0, T)), grad(lambda y0: np.sum(odeint(f, y0, T)))):
        with pytest.raises(TypeError, match=re.escape(message)):
            solved(np.ones(2))
