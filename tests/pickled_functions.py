"""Functions of a module, for test_pickling.py: other processes import them from here."""

import functools
from dataclasses import dataclass

import numpy as np

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
    linearize,
    make_jvp,
    make_vjp,
    primitive,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    value_and_grad,
    value_and_jacobian,
    vjp,
    vmap,
)

X = np.array([0.5, -1.2, 2.0])
MATRIX = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 1.0], [0.0, 0.3, 0.7]])


def loss(w):
    """One number."""
    return np.sum(np.tanh(MATRIX @ w) ** 2)


def net(w, scale=2.0):
    """An array."""
    return np.tanh(MATRIX @ w) * scale


def one(w):
    """A network of one argument."""
    return net(w)


def branching(params):
    """A structure in and out, a branch, a checkpoint and a loop."""
    h = block(params["w"])
    if h.sum() > 0:
        h = h * 2
    for _ in range(3):
        h = block(h) * np.sin(h)
    return {"h": h, "sum": h.sum()}


@checkpoint
def block(h):
    return np.tanh(MATRIX @ h)


@grad
def decorated(w):
    return loss(w)


@vmap
def batched(w):
    return loss(w)


@custom_vjp
def ruled(w):
    return w * 2


ruled.defvjp(lambda w: (w * 2, None), lambda _, g: (3 * g,))


@custom_jvp
def pushed(w):
    return w * 2


@pushed.defjvp
def _pushed(primals, tangents):
    return primals[0] * 2, tangents[0] * 3


@primitive
def opaque(w):
    return w * 2


@sparse_jacobian
def structured(w):
    return w[1:] * w[:-1]


class Model:
    """Derivatives as methods."""

    def __init__(self, scale):
        self.scale = scale

    @jacobian
    def slopes(self, w):
        return net(w, self.scale)

    @hvp
    def product(self, w):
        return loss(w) * self.scale

    @vmap
    def many(self, w):
        return loss(w) * self.scale

    @make_vjp
    def pulled(self, w):
        return net(w, self.scale)

    @make_jvp
    def moved(self, w):
        return net(w, self.scale)

    @sparse_jacobian
    def sparse(self, w):
        return w[1:] * w[:-1] * self.scale

    @checkpoint
    def again(self, w):
        return net(w, self.scale)

    @staticmethod
    @grad
    def loose(w):
        return loss(w)

    def plain(self, w):
        return loss(w) * self.scale

    slope_of_plain = grad(plain)


class Trainer:
    """An object that keeps derivatives of its own methods, as attributes."""

    def __init__(self):
        self.slope = grad(self.loss)
        self.slopes = jacobian(self.loss)
        self.mapped = vmap(self.loss)
        self.kept = checkpoint(self.loss)
        self.ruled = custom_vjp(self.loss)
        self.ruled.defvjp(self.both, self.back)
        self.pushed = custom_jvp(self.loss)
        self.opaque = primitive(self.loss)
        self.pull = make_vjp(self.net)
        self.sparse = sparse_hessian(self.loss)

    def loss(self, w):
        return loss(w)

    def net(self, w):
        return net(w)

    def both(self, w):
        return loss(w), w

    def back(self, w, g):
        return (g * w,)


@dataclass
class Point:
    """An argument with fields."""

    w: np.ndarray
    k: float


def of_point(point):
    return {"h": net(point.w) * point.k, "sum": point.k**2}


class Quadratic:
    """A callable object."""

    def __call__(self, w):
        return np.sum(w**2)


def with_rules(w):
    return np.sum(ruled(w) * pushed(w))


def made():
    """Everything that the public functions return, and the arguments to call it with."""
    model = Model(3.0)
    return {
        "grad": (grad(loss), (X,)),
        "value_and_grad": (value_and_grad(loss), (X,)),
        "jacobian": (jacobian(net), (X,)),
        "jacrev": (jacrev(net, argnums=(0, 1)), (X, 2.0)),
        "jacfwd": (jacfwd(net), (X,)),
        "value_and_jacobian": (value_and_jacobian(net), (X,)),
        "hessian": (hessian(loss), (X,)),
        "hvp": (hvp(loss), (X, X)),
        "ggnvp": (ggnvp(net, loss=loss), (X, X)),
        "elementwise_grad": (elementwise_grad(np.sin), (X,)),
        "deriv": (deriv(one), (X,)),
        "holomorphic_grad": (holomorphic_grad(np.sin), (0.5 + 1j,)),
        "grad_named": (grad_named(loss, "w"), (X,)),
        "vmap": (vmap(net, in_axes=(0, None)), (MATRIX, 2.0)),
        "vmap of grad": (vmap(grad(loss)), (MATRIX,)),
        "jacobian of grad": (jacobian(grad(loss)), (X,)),
        "grad of checkpoint": (grad(checkpoint(loss)), (X,)),
        "make_jvp": (make_jvp(net), (X,)),
        "make_jvp, at a point": (make_jvp(net)(X), (X,)),
        "make_vjp": (make_vjp(one), (X,)),
        "make_vjp, at a point": (make_vjp(one)(X)[0], (X,)),
        "vjp": (vjp(branching, {"w": X})[1], ({"h": X, "sum": 1.5},)),
        "linearize": (linearize(branching, {"w": X})[1], ({"w": X},)),
        "vjp of a dataclass": (vjp(of_point, Point(X, 2.0))[1], ({"h": X, "sum": 1.5},)),
        "linearize, of a dataclass": (linearize(of_point, Point(X, 2.0))[1], (Point(X, 1.0),)),
        "vjp under watch": (vjp(lambda w: grad(loss, debug="nan")(w), X)[1], (X,)),
        "linearize, of what needs no values": (linearize(np.sum, X)[1], (X,)),
        "sparse_jacobian": (sparse_jacobian(net), (X,)),
        "sparse_hessian": (sparse_hessian(loss), (X,)),
        "sparsity": (sparsity(loss, order=2), (X,)),
        "checkpoint": (checkpoint(net), (X,)),
        "custom_vjp": (custom_vjp(net), (X,)),
        "custom_jvp": (custom_jvp(net), (X,)),
        "primitive": (primitive(net), (X,)),
        "rules": (grad(with_rules), (X,)),
        "decorated": (decorated, (X,)),
        "batched": (batched, (MATRIX,)),
        "structured": (structured, (X,)),
        "partial": (jacobian(functools.partial(net, scale=3.0)), (X,)),
        "callable object": (hessian(Quadratic()), (X,)),
        "bound method": (grad(model.plain), (X,)),
        **{f"Model.{name}": (getattr(model, name), (X,)) for name in METHODS},
        **{f"Trainer.{name}": (function, (X,)) for name, function in vars(Trainer()).items() if name != "mapped"},
        "Trainer.mapped": (Trainer().mapped, (MATRIX,)),
        "Model.product": (model.product, (X, X)),
        "Model.many": (model.many, (MATRIX,)),
        "Model.loose": (Model.loose, (X,)),
    }


METHODS = ("slopes", "pulled", "moved", "sparse", "again", "loose", "slope_of_plain")


def shown(result):
    """What a call returned, to compare: bytes, and for a map what it gives."""
    if callable(result):
        return shown(result(X))
    if isinstance(result, tuple | list):
        return tuple(map(shown, result))
    if isinstance(result, Point):
        return type(result).__name__, shown(result.w), shown(result.k)
    if isinstance(result, dict):
        return {key: shown(value) for key, value in result.items()}
    array = np.asarray(result.toarray() if hasattr(result, "toarray") else result)
    return type(result).__name__, str(array.dtype), array.shape, array.tobytes()


def call(function, args):
    """In another process."""
    return shown(function(*args))
