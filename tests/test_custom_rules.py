"""custom_vjp and custom_jvp: rules of the user's take the place of derivatives, in every transform and place."""

import copy
import inspect
import pickle
import threading
from collections import namedtuple
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from tapeless import (
    UnsupportedError,
    checkpoint,
    cond,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jvp,
    scan,
    sparse_jacobian,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)

X = np.array([-1.3, 0.4, 2.2])


def ruled(f, fwd, bwd, **options):
    made = custom_vjp(f, **options)
    made.defvjp(fwd, bwd)
    return made


@custom_vjp
def product(x, y):
    """x * sin(y)."""
    return x * np.sin(y)


product.defvjp(
    lambda x, y: (product(x, y), (x, y)), lambda kept, g: (g * np.sin(kept[1]), g * kept[0] * np.cos(kept[1]))
)


@custom_jvp
def product_forward(x, y):
    return x * np.sin(y)


@product_forward.defjvp
def product_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return product_forward(x, y), np.sin(y) * dx + x * np.cos(y) * dy


@custom_jvp
def product_apart(x, y):
    return x * np.sin(y)


product_apart.defjvps(lambda t, out, x, y: t * np.sin(y), lambda t, out, x, y: x * np.cos(y) * t)


def plain(x, y):
    return x * np.sin(y)


@custom_vjp
def rounded(x):
    return np.round(x)


rounded.defvjp(lambda x: (rounded(x), None), lambda _, g: (g,))
clipped = ruled(
    lambda x, low, high: x,
    lambda x, low, high: (x, None),
    lambda low, high, _, g: (np.clip(g, low, high),),
    nondiff_argnums=(1, 2),
)


# ------------------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("f", [product, product_forward, product_apart], ids=["vjp", "jvp", "jvps"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_every_order_are_those_of_the_plain_function(f, order):
    def iterated(f):
        def first(x, y):
            return np.sum(f(x, y) ** 2)

        for _ in range(order - 1):
            first = partial(lambda g, x, y: np.sum(np.cos(g(x, y)[0]) * g(x, y)[1]), grad(first, argnums=(0, 1)))
        return grad(first, argnums=(0, 1))

    for found, expected in zip(iterated(f)(X, X + 0.3), iterated(plain)(X, X + 0.3), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("f", [product, product_forward, product_apart], ids=["vjp", "jvp", "jvps"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex128])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3)])
def test_dtypes_and_shapes(f, dtype, shape):
    rng = np.random.default_rng(3)
    x, y = (np.array(rng.normal(size=shape), dtype, order="F")[()] for _ in range(2))
    g = np.array(rng.normal(size=shape) + 1, dtype)[()]
    (out, pull), (plain_out, plain_pull) = vjp(f, x, y), vjp(plain, x, y)
    np.testing.assert_array_equal(out, plain_out)
    for found, expected in zip(pull(g), plain_pull(g), strict=True):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape) == (np.dtype(dtype), shape)
        np.testing.assert_allclose(found, expected, rtol=1e-2 if dtype == np.float16 else 1e-6)


def test_python_numbers():
    assert grad(lambda x: product(x, 2.0) ** 2)(1.5) == pytest.approx(3 * np.sin(2.0) ** 2)
    assert type(grad(lambda x: product(x, 2.0))(1.5)) is float


def test_the_rule_replaces_the_derivative():
    gradient = grad(lambda x: np.sum(rounded(x) * x))
    np.testing.assert_array_equal(gradient(X), np.round(X) + X)
    np.testing.assert_array_equal(grad(lambda x: np.sum(gradient(x)))(X), [2, 2, 2])
    assert "dx = np.round(x) + x\n" in gradient.source


def test_jaxs_log1pexp_is_right_where_its_plain_derivative_is_nan():
    log1pexp = custom_vjp(lambda x: np.log1p(np.exp(x)))
    log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, g: (g * (1 - 1 / (1 + np.exp(x))),))
    with np.errstate(over="ignore"):
        assert grad(log1pexp)(1000.0) == 1.0
    assert grad(log1pexp)(100.0) == 1.0
    assert grad(grad(log1pexp))(100.0) == pytest.approx(np.exp(-100.0))


def test_clipped_by_parameters_that_are_no_arguments_of_the_rule():
    np.testing.assert_array_equal(grad(lambda x: np.sum(clipped(x, -2.0, 3.0) ** 2))(X), [-2, 0.8, 3])
    np.testing.assert_array_equal(grad(lambda x: np.sum(clipped(x, high=3.0, low=-2.0) ** 2))(X), [-2, 0.8, 3])


def test_constant_arguments_and_none_for_zero():
    once = ruled(lambda x, y: x * y, lambda x, y: (x * y, y), lambda y, g: (g * y, None))
    np.testing.assert_array_equal(grad(lambda x: np.sum(once(x, X)))(X), X)
    for found, expected in zip(
        grad(lambda x, y: np.sum(once(x, y)), argnums=(0, 1))(X, X + 1), (X + 1, 0 * X), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(grad(lambda y: np.sum(product_forward(X, y)))(X), X * np.cos(X))


def test_fwd_that_calls_its_function_and_keeps_the_result():
    exp = custom_vjp(lambda x: np.exp(x))

    def fwd(x):
        y = exp(x)
        return y, y

    exp.defvjp(fwd, lambda y, g: (g * y,))
    third = grad(lambda x: np.sum(grad(lambda x: np.sum(grad(lambda x: np.sum(exp(x)))(x)))(x)))
    np.testing.assert_allclose(third(X), np.exp(X), rtol=1e-14)
    with pytest.raises(UnsupportedError, match="of a higher order than that is traced for"):
        grad(lambda x: np.sum(third(x)))(X)


# -------------------------------------------------------------------------------------------- arguments and results

Pair = namedtuple("Pair", "one two")


@dataclass
class Parts:
    scale: float
    rest: list


def structured(p, q):
    return {"s": p["a"] * np.sin(q.one), "n": p["b"][0] * 2.0, "k": (q.two, 7)}


def structured_bwd(kept, g):
    p, q = kept
    one = g["s"] * p["a"] * np.cos(q.one)
    return {"b": [g["n"] * 2.0, None], "a": np.sum(g["s"] * np.sin(q.one))}, Pair(one, g["k"][0])


def test_structures():
    f = ruled(structured, lambda p, q: (f(p, q), (p, q)), structured_bwd)

    def loss(f, p, q):
        out = f(p, q=q)
        return np.sum(out["s"] ** out["k"][1]) + out["n"] ** 2 * np.sum(out["k"][0]), out["s"]

    arguments = {"a": 1.5, "b": [2.0, np.ones(2)]}, Pair(X, X + 1)
    found, expected = (
        value_and_grad(partial(loss, one), argnums=(0, 1), has_aux=True)(*arguments) for one in (f, structured)
    )
    assert found[0][0] == expected[0][0]
    (dp, dq), (dp_plain, dq_plain) = found[1], expected[1]
    assert list(dp) == ["a", "b"]
    assert dp["a"] == pytest.approx(dp_plain["a"])
    assert dp["b"][0] == pytest.approx(dp_plain["b"][0])
    np.testing.assert_array_equal(dp["b"][1], [0, 0])
    np.testing.assert_allclose(dq.one, dq_plain.one)
    np.testing.assert_allclose(dq.two, dq_plain.two)


def test_a_dataclass():
    f = ruled(
        lambda p: p.scale * p.rest[0],
        lambda p: (p.scale * p.rest[0], p),
        lambda p, g: (Parts(np.sum(g * p.rest[0]), [g * p.scale]),),
    )
    found = grad(lambda p: np.sum(f(p) ** 2))(Parts(1.5, [X]))
    np.testing.assert_allclose(found.scale, np.sum(3.0 * X * X))
    np.testing.assert_allclose(found.rest[0], 4.5 * X)


def test_methods():
    class Model:
        def __init__(self):
            self.w = 3.0

        @partial(custom_vjp, nondiff_argnums=0)
        def scaled(self, x):
            return x * self.w

        scaled.defvjp(lambda self, x: (x * self.w, None), lambda self, _, g: (g * self.w * 100,))

    model = Model()
    gradient = grad(lambda x: np.sum(model.scaled(x)))
    np.testing.assert_array_equal(gradient(X), [300, 300, 300])
    model.w = 5.0
    np.testing.assert_array_equal(gradient(X), [500, 500, 500])


def test_integers_pass_through():
    take = ruled(lambda x, i: x[i], lambda x, i: (x[i], (x, i)), lambda kept, g: (spread(*kept, g), None))

    def spread(x, i, g):
        d = np.zeros_like(x)
        d[i] = g
        return d

    index = np.array([2, 0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(take(x, index) * X[:2]))(X), [X[1], 0, X[0]])


# --------------------------------------------------------------------------------------------------- where it stands


def test_in_loops_and_branches():
    def looped(x):
        def body(c, _):
            return clipped(c * 1.5, -1.0, 1.0), rounded(c)

        c, ys = scan(body, x, length=3)
        return np.sum(c * ys)

    def unrolled(x):
        c, ys = x, []
        for _ in range(3):
            ys.append(rounded(c))
            c = clipped(c * 1.5, -1.0, 1.0)
        return np.sum(c * np.stack(ys))

    np.testing.assert_allclose(grad(looped)(X), grad(unrolled)(X), rtol=1e-14)
    assert "for " in vjp(looped, X)[1].source
    both = grad(lambda x: np.sum(cond(np.sum(x) > 0, rounded, lambda v: v * v, x)))
    np.testing.assert_array_equal(both(X), [1, 1, 1])
    np.testing.assert_array_equal(both(-X), -2 * X)
    doubled = grad(lambda x: np.sum(while_loop(lambda c: np.sum(c) < 10, lambda c: clipped(c * 2, -1.0, 1.0), x)))
    np.testing.assert_array_equal(doubled(X), [2, 2, 2])


def test_a_branch_in_the_backward_rule_is_guarded():
    def bwd(x, g):
        return (g * x * 10,) if np.all(x > 0) else (g * 2 * x,)

    f = ruled(lambda x: np.sum(x * x), lambda x: (np.sum(x * x), x), bwd)
    gradient = grad(lambda x: f(x))
    for x in (X, X + 5, X):
        np.testing.assert_array_equal(gradient(x), x * (10 if np.all(x > 0) else 2))
    assert gradient.cache_info().paths == 2


def test_a_value_that_the_rule_closes_over():
    def loss(x, w):
        f = ruled(lambda x: x * w, lambda x: (x * w, None), lambda _, g: (g * w * 10,))
        return np.sum(f(x) ** 2)

    np.testing.assert_allclose(grad(loss)(X, X + 1), 20 * X * (X + 1) ** 2)
    with pytest.raises(
        UnsupportedError,
        match=r"<lambda> closes over w and has a derivative of its own(.|\n)*Try: f\(x, w\): pass it",
    ):
        grad(loss, argnums=1)(X, X + 1)


def test_a_backward_rule_may_read_what_is_around_it():
    def loss(x, w):
        f = ruled(lambda x: x, lambda x: (x, None), lambda _, g: (g * w,))
        return np.sum(f(x) ** 2)

    np.testing.assert_allclose(grad(loss)(X, X + 1), 2 * X * (X + 1))
    mixed = grad(lambda w: np.sum(grad(loss)(X, w)))
    np.testing.assert_allclose(mixed(X + 1), 2 * X)


def test_another_rule_is_another_gradient():
    f = custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, g: (2 * g * x,))
    gradient = grad(lambda x: np.sum(f(x)))
    np.testing.assert_array_equal(gradient(X), 2 * X)
    f.defvjp(lambda x: (x * x, x), lambda x, g: (3 * g * x,))
    np.testing.assert_array_equal(gradient(X), 3 * X)


def test_a_global_of_the_rule_is_watched():
    space = {"np": np, "factor": 2.0, "custom_vjp": custom_vjp}
    exec("def bwd(_, g):\n    return (g * factor,)\n", space)
    f = ruled(lambda x: x * 1.0, lambda x: (x * 1.0, None), space["bwd"])
    gradient = grad(lambda x: np.sum(f(x)))
    np.testing.assert_array_equal(gradient(X), [2, 2, 2])
    space["factor"] = 5.0
    np.testing.assert_array_equal(gradient(X), [5, 5, 5])


def test_results_have_memory_of_their_own_within_a_trace_and_without():
    same = ruled(lambda x: x, lambda x: (x, None), lambda _, g: (g,))

    def loss(x):
        y = same(x)
        y += 1
        return np.sum(y * x)

    x = X.copy()
    assert loss(x) == np.sum((X + 1) * X)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_allclose(grad(loss)(X), 2 * X + 1)


def test_outside_of_a_trace_it_is_the_function():
    assert product(2.0, 0.5) == plain(2.0, 0.5)
    np.testing.assert_array_equal(product_forward(X, y=X), plain(X, X))


def test_name_signature_and_pickle():
    assert product.__name__ == "product"
    assert product.__doc__ == "x * sin(y)."
    assert list(inspect.signature(product).parameters) == ["x", "y"]
    assert pickle.loads(pickle.dumps(product)) is product
    assert copy.deepcopy(product_forward) is product_forward


def test_threads():
    results = []
    gradient = grad(lambda x: np.sum(product(x, x) ** 2))
    expected = grad(lambda x: np.sum(plain(x, x) ** 2))(X)
    threads = [threading.Thread(target=lambda: results.append(gradient(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for found in results:
        np.testing.assert_allclose(found, expected)


def test_the_text_is_what_a_person_would_write():
    softplus = custom_vjp(lambda x: np.log1p(np.exp(x)))

    def bwd(x, g):
        sigmoid = 1 / (1 + np.exp(-x))
        return (g * sigmoid,)

    softplus.defvjp(lambda x: (softplus(x), x), bwd)

    def loss(x):
        y = softplus(x * 2)
        return np.sum(y**3)

    gradient = value_and_grad(loss)
    gradient(X)
    body = gradient.source.partition('"""\n    #')[2]
    lines = [line.strip() for line in body.splitlines() if "#" not in line]
    assert lines[1:] == [
        "x = x * 2.0",
        "y = np.log1p(np.exp(x))",
        "value = (y ** 3).sum()",
        "",
        "dy = 3.0 * y ** 2",
        "sigmoid = 1.0 / (1.0 + np.exp(-x))",
        "dx = 2.0 * (dy * sigmoid)",
        "return value, dx",
    ]


# --------------------------------------------------------------------------------------------------- other transforms


@pytest.mark.parametrize("f", [product, product_forward, product_apart], ids=["vjp", "jvp", "jvps"])
def test_forward_mode_jacobians_and_batches(f):
    def of_both(f):
        return lambda x: f(x, x + 0.3) * np.cumsum(x)

    t = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(jvp(of_both(f), (X,), (t,))[1], jvp(of_both(plain), (X,), (t,))[1], rtol=1e-12)
    np.testing.assert_allclose(jacobian(of_both(f))(X), jacobian(of_both(plain))(X), rtol=1e-12)
    np.testing.assert_allclose(jacfwd(of_both(f))(X), jacobian(of_both(plain))(X), rtol=1e-12)
    whole, plain_whole = (hessian(lambda x, f=f: np.sum(of_both(f)(x)))(X) for f in (f, plain))
    np.testing.assert_allclose(whole, plain_whole, rtol=1e-12)
    many = np.stack([X, X + 1])
    each = np.stack([of_both(plain)(x) for x in many])
    np.testing.assert_allclose(vmap(of_both(f))(many), each, rtol=1e-12)
    slopes, plain_slopes = (
        [
            vmap(grad(lambda x, f=f: np.sum(of_both(f)(x))))(many),
            grad(lambda xs, f=f: np.sum(vmap(of_both(f))(xs) ** 2))(many),
            vmap(lambda x, f=f: f(x, X))(many),
        ]
        for f in (f, plain)
    )
    for found, expected in zip(slopes, plain_slopes, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_sparse_jacobians_are_those_of_the_rule():
    pytest.importorskip("scipy")
    reverse = ruled(lambda x: x[::-1] * 1.0, lambda x: (x[::-1] * 1.0, None), lambda _, g: (3 * g[::-1],))
    np.testing.assert_array_equal(sparse_jacobian(reverse)(X).toarray(), 3 * np.eye(3)[::-1])


def test_in_a_checkpoint():
    checkpointed = grad(lambda x: np.sum(checkpoint(lambda x: product(x, x) ** 2)(x)))
    np.testing.assert_allclose(checkpointed(X), grad(lambda x: np.sum(plain(x, x) ** 2))(X), rtol=1e-12)


def test_a_rule_that_is_not_linear_has_no_forward_mode():
    with pytest.raises(UnsupportedError, match="not linear in its cotangent has no forward mode"):
        jvp(lambda x: clipped(x, -1.0, 1.0) * 2, (X,), (X,))
