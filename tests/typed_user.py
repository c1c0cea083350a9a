"""What an editor and mypy know of the public functions: checked by mypy, and run as it stands."""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from tapeless import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    ggnvp,
    grad,
    grad_named,
    hessian,
    holomorphic_grad,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    make_jvp,
    make_vjp,
    primitive,
    sparsity,
    stop_gradient,
    value_and_grad,
    value_and_jacobian,
    vjp,
    vmap,
)

Array = NDArray[np.float64]
X: Array = np.array([0.5, -1.0])


def loss(w: Array, scale: float = 1.0) -> np.float64:
    return np.sum(w**2) * scale


def net(w: Array, scale: float = 1.0) -> Array:
    return np.tanh(w) * scale


@grad
def decorated(w: Array, *, scale: float) -> np.float64:
    return loss(w, scale)


@grad(argnums=(0, 1))
def with_options(w: Array, scale: float) -> np.float64:
    return loss(w, scale)


@custom_vjp
def ruled(w: Array) -> Array:
    return w * 2


ruled.defvjp(lambda w: (w * 2, None), lambda _, g: (2 * g,))


@custom_jvp(nondiff_argnums=(1,))
def power(w: Array, n: int) -> Array:
    return w**n


@checkpoint
def block(w: Array, scale: float = 2.0) -> Array:
    return net(w, scale)


@primitive
def opaque(w: Array) -> Array:
    return w


class Model:
    """A derivative as a method takes what the method takes."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    @grad
    def slope(self, w: Array) -> np.float64:
        return loss(w, self.scale)


def run() -> None:
    """Each line is true of the types, and none raises."""
    g = grad(loss)
    assert_type(g(X), Any)
    assert_type(g.source, str)
    assert_type(g.lower(X, scale=2.0).source, str)
    assert_type(g.cache_info().hits, int)
    assert_type(g.explain(), str)
    assert_type(g.module(X), str)
    assert_type(decorated(X, scale=2.0), Any)
    assert_type(decorated.source, str)
    assert_type(with_options(X, 2.0), Any)
    assert_type(with_options.source, str)
    assert_type(Model(2.0).slope(X), Any)
    assert_type(Model(2.0).slope.cache_info().misses, int)
    assert_type(value_and_grad(loss)(X, scale=2.0), tuple[Any, Any])
    assert_type(value_and_grad(argnums=1)(loss)(X, 2.0), tuple[Any, Any])
    assert_type(value_and_jacobian(net)(X), tuple[Any, Any])
    for derivative in (jacobian(net), jacrev(net), jacfwd(net), elementwise_grad(net), deriv(net), jacobian()(net)):
        assert_type(derivative(X, scale=2.0), Any)
    assert_type(hessian(loss)(X), Any)
    assert_type(grad_named(loss, "w")(X, scale=2.0), Any)
    for product in (hvp(loss), hvp(argnums=0)(loss)):
        assert_type(product(X, X), Any)
        assert_type(product.source, str)
    assert_type(ggnvp(net)(X, X), Any)
    assert_type(holomorphic_grad(lambda z: z * z)(1j), Any)
    assert_type(vmap(net, in_axes=(0, None))(np.eye(2), 2.0), Array)
    assert_type(vmap(in_axes=(0, None))(net)(np.eye(2), 2.0), Array)
    assert_type(vmap(grad(loss), in_axes=(0, None))(np.eye(2), 2.0), Any)
    assert_type(jvp(net, (X,), (X,)), tuple[Array, Array])
    assert_type(jvp(lambda w: (w, 1), (X,), (X,), has_aux=True), tuple[Any, Any, Any])
    out, pullback = vjp(net, X)
    assert_type(out, Array)
    assert_type(pullback(out), tuple[Any, ...])
    assert_type(pullback.source, str)
    moved, linear = linearize(net, X)
    assert_type(moved, Array)
    assert_type(linear(X), Any)
    assert_type(linear.source, str)
    assert_type(make_jvp(net)(X)(X), tuple[Any, ...])
    assert_type(make_vjp(net)(X)[0](X), Any)
    assert_type(ruled(X), Array)
    assert_type(opaque(X), Array)
    assert_type(block(X, scale=1.0), Array)
    assert_type(stop_gradient(X), Array)
    kept: Callable[[Array, int], Array] = power
    assert_type(kept(X, 2), Array)
    try:
        import scipy.sparse  # noqa: F401
    except ImportError:
        return
    assert_type(sparsity(net).colouring(X).count, int)


def refused() -> None:
    """Never called: mypy says that each of these is wrong, and if it stops to, that the comment is not used."""
    grad(loss)("text")  # type: ignore[arg-type]
    grad(loss)(X, wrong=2.0)  # type: ignore[call-arg]
    decorated(X)  # type: ignore[call-arg]
    with_options(X)  # type: ignore[call-arg]
    Model(2.0).slope()  # type: ignore[call-arg]
    vmap(net)("text")  # type: ignore[arg-type]
    ruled(1, 2)  # type: ignore[call-arg, arg-type]
    print(grad(loss).sorce)  # type: ignore[attr-defined]
    grad(3)  # type: ignore[call-overload]
