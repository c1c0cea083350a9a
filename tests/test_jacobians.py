"""Jacobians, hessians and their products with vectors: values, shapes, dtypes, structures, calls and nesting."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tapeless import (
    GradientError,
    cond,
    custom_vjp,
    deriv,
    elementwise_grad,
    fori_loop,
    grad,
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
    scan,
    value_and_jacobian,
    vjp,
    vmap,
)

Pair = namedtuple("Pair", "w b")


@dataclass
class Layer:
    w: Any
    b: Any


def draw(*shape, seed=0, dtype=float):
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def numeric(f, x, eps=1e-6):
    """The jacobian by central differences, of shape out.shape + in.shape."""
    x = np.asarray(x)
    columns = []
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = eps
        columns.append((np.asarray(f(x + e)) - np.asarray(f(x - e))) / (2 * eps))
    out = np.shape(f(x))
    return np.stack(columns, axis=-1).reshape(*out, *x.shape) if columns else np.zeros((*out, *x.shape))


def regular(x):
    return x @ x.T + 3 * np.eye(len(x))


# One for each kind of operation; the argument is a matrix of 3 rows and 3 columns.
OPERATIONS = {
    "elementwise": lambda x: np.tanh(x) * np.exp(-x) / (2 + np.cos(x)),
    "broadcasting": lambda x: x[:, :1] * x[0] + x[1, 2],
    "power": lambda x: np.abs(x) ** x[0] + np.hypot(x, 1.0) + np.arctan2(x, 2.0),
    "reductions": lambda x: (x - x.mean(0)) / x.std(1, keepdims=True) + x.max() * x.min(1) + np.prod(x, 0),
    "norms": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True) + np.linalg.norm(x),
    "cumulative": lambda x: np.cumsum(x, 0) * np.cumprod(x, 1) + np.diff(x, prepend=0.5),
    "shape": lambda x: np.moveaxis(x.reshape(3, 1, 3), 0, -1).ravel() * np.tile(x[0], 3) + np.repeat(x[1], 3),
    "joining": lambda x: np.concatenate([x, np.stack([x[0], x[1] * x[2]])]) ** 2,
    "indexing": lambda x: x[[0, 2, 2], [1, 0, 0]] * x[::-1, 1] + x[x[:, 0] < 9][:, 2],
    "padding": lambda x: np.pad(x, 1) * np.roll(np.pad(x, 1), 1, 0),
    "sorting": lambda x: np.sort(x, axis=0) * np.partition(x, 1, axis=1) + np.median(x) * np.quantile(x, 0.3, axis=0),
    "selecting": lambda x: np.where(x > 0, x**3, np.sin(x)) + np.clip(x, -0.5, 0.5) + np.maximum(x, x.T),
    "products": lambda x: np.outer(x[0], x[1]) @ np.kron(x[:1], x[2:].T)[:, :3] + np.inner(x, x) + np.cross(x, x[0]),
    "einsum": lambda x: np.einsum("ij,kj,ki->ik", x, x, x) + np.tensordot(x, x, axes=([0], [1])),
    "solve": lambda x: np.linalg.solve(regular(x), x) + np.linalg.inv(regular(x)) * np.linalg.det(x),
    "decompositions": lambda x: np.linalg.cholesky(regular(x)) @ np.linalg.qr(x)[1] + np.linalg.svd(x)[1],
    "eigenvalues": lambda x: np.linalg.eigh(x + x.T)[0] * np.linalg.slogdet(regular(x))[1],
    "convolution": lambda x: np.convolve(x[0], x[1]) + np.correlate(x[2], x[0], "full"),
    "spectrum": lambda x: np.abs(np.fft.fft(x)) ** 2 + np.fft.irfft(np.fft.rfft(x, axis=0), 3, axis=0),
    "interpolation": lambda x: np.interp(x, [-3.0, 0.1, 3.0], [0.0, 1.0, -2.0]) * np.polyval(x[0], x),
    "statistics": lambda x: np.cov(x) + np.trapezoid(x**2, axis=0) + np.gradient(x, axis=0),
    "triangles": lambda x: np.tril(x) @ np.triu(x) + np.diag(np.diag(x)) * np.trace(x),
}


def written(x):
    y = np.zeros((3, 3))
    y[0] = x[1] * 2
    y[1:] += x[:2] ** 2
    y *= x
    np.add.at(y, [0, 0], x[2] * y[1])
    return y


def looped(x):
    last, rows = scan(lambda c, row: (np.tanh(c @ x) + row, c * row), x[0], x)
    return fori_loop(0, 2, lambda i, c: c * x[1] + last, rows[2])


def branched(x):
    y = cond(np.sum(x) < 100, lambda a: a**2, lambda a: a, x)
    return y * 2 if y[0, 0] > 0 else y


OPERATIONS |= {"writing": written, "loops": looped, "branches": branched}


@pytest.mark.parametrize("name", OPERATIONS)
def test_both_modes_are_the_slope(name):
    f, x = OPERATIONS[name], draw(3, 3, seed=1)
    backwards, forwards = jacrev(f)(x), jacfwd(f)(x)
    assert backwards.shape == forwards.shape == np.shape(f(x)) + (3, 3)
    np.testing.assert_allclose(backwards, forwards, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(backwards, numeric(f, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_hessian_of_several_numbers_is_the_jacobian_of_the_jacobian(name):
    f, x = OPERATIONS[name], draw(3, 3, seed=1)
    found = hessian(f)(x)
    assert found.shape == np.shape(f(x)) + (3, 3, 3, 3)
    np.testing.assert_allclose(found, numeric(jacrev(f), x), rtol=1e-4, atol=1e-5)
    v = draw(3, 3, seed=2)
    product = hvp(lambda x: np.sum(np.sin(f(x))))(x, v)
    whole = hessian(lambda x: np.sum(np.sin(f(x))))(x)
    np.testing.assert_allclose(product, np.tensordot(whole, v), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(whole, whole.transpose(2, 3, 0, 1), rtol=1e-8, atol=1e-9)


SHAPES = [(), (0,), (1,), (3,), (1, 1), (2, 3), (0, 2), (2, 0, 3)]


@pytest.mark.parametrize("out", SHAPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_those_of_the_result_and_of_the_argument(shape, out):
    x, c = draw(*shape, seed=3)[()], draw(*out, seed=4)

    def f(x):
        return np.sum(x**3) * c

    for jac in (jacrev, jacfwd, jacobian):
        np.testing.assert_allclose(jac(f)(x), np.multiply.outer(c, 3 * x**2), rtol=1e-12)
    second = np.diag(6 * np.ravel(x)).reshape(shape * 2)
    np.testing.assert_allclose(hessian(f)(x), np.multiply.outer(c, second), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_dtypes_are_those_of_numpy(dtype):
    x = draw(3, seed=5, dtype=dtype)
    for jac in (jacrev, jacfwd, jacobian, hessian):
        assert jac(lambda x: np.exp(x) * x[0])(x).dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps ** 0.9
    np.testing.assert_allclose(jacobian(lambda x: x**2)(x), np.diag(2 * x), rtol=tolerance)
    product = hvp(lambda x: np.sum(x**3).real)(x, x)
    assert product.dtype == dtype
    np.testing.assert_allclose(deriv(np.exp)(x[0]), np.exp(x[0]), rtol=tolerance)


LAYOUTS = {
    "fortran": np.asfortranarray(draw(4, 3, seed=6)),
    "strided": draw(8, 6, seed=7)[::2, ::-2],
    "transposed": draw(3, 4, seed=8).T,
    "broadcast": np.broadcast_to(draw(3, seed=9), (4, 3)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_of_an_argument_does_not_matter(name):
    x = LAYOUTS[name]
    x.flags.writeable = False
    for transform in (jacobian, jacfwd, hessian):
        f = transform(lambda x: np.cumsum(x.ravel()) * x[1, 2])
        np.testing.assert_array_equal(f(x), f(x.copy()))
        assert f(x).flags.writeable


# ------------------------------------------------------------------------------------------------ complex numbers


HOLOMORPHIC = {
    "elementwise": lambda z: np.exp(z) * z**2 / np.sin(z) + np.sqrt(z) + np.tanh(z),
    "linear": lambda z: np.linalg.solve(np.outer(z, z) + 5 * np.eye(3), z) + np.linalg.inv(np.diag(z))[0],
    "spectrum": lambda z: np.fft.fft(z) * z + np.cumsum(z)[::-1],
    "convolution": lambda z: np.convolve(z, z),
    "number": lambda z: np.prod(z) * np.log(z[0]),
    "conjugates": lambda z: np.conj(np.exp(np.conj(z))) + np.vdot(np.conj(z), z),
}


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_complex_jacobians_of_holomorphic_functions(name):
    f, z = HOLOMORPHIC[name], draw(3, seed=10, dtype=complex)
    expected = numeric(f, z)
    for jac in (jacrev, jacfwd, jacobian):
        np.testing.assert_allclose(jac(f)(z), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(hessian(f)(z), numeric(jacrev(f), z), rtol=1e-5, atol=1e-6)


MIXED = {
    "modulus": lambda z: z * np.abs(z),
    "real part": lambda z: z.real + 1j * z,
    "conjugate": lambda z: np.conj(z) * z,
    "product": lambda z: np.vdot(z, z) * z,
    "spectrum": lambda z: np.fft.irfft(z) * (1 + 0j),
    "loop": lambda z: scan(lambda c, x: (c * np.conj(x), c), z[0], z)[0],
}


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian, hessian])
@pytest.mark.parametrize("name", MIXED)
def test_other_functions_of_complex_numbers_have_no_complex_jacobian(name, transform):
    with pytest.raises(GradientError, match="not holomorphic"):
        transform(MIXED[name])(draw(3, seed=11, dtype=complex))


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian, holomorphic_grad])
def test_neither_has_one_complex_number(transform):
    np.testing.assert_allclose(transform(lambda z: z**3)(1 + 2j), 3 * (1 + 2j) ** 2, rtol=1e-14)
    with pytest.raises(GradientError, match="not holomorphic"):
        transform(lambda z: z * np.conj(z))(1 + 2j)


def test_what_is_real_on_one_side_decides_the_mode():
    x, z = draw(3, seed=12), draw(3, seed=13, dtype=complex)
    np.testing.assert_allclose(jacobian(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)), rtol=1e-14)
    np.testing.assert_allclose(jacobian(lambda z: abs(z) ** 2)(z), np.diag(grad(lambda z: np.sum(abs(z) ** 2))(z)))
    np.testing.assert_allclose(hessian(lambda x: np.exp(1j * x[0]) + x[1])(x)[0, 0], -np.exp(1j * x[0]), rtol=1e-14)
    both = jacobian(lambda x, z: x * z, argnums=(0, 1))(x, z)
    np.testing.assert_allclose(both[0], np.diag(z), rtol=1e-14)
    np.testing.assert_allclose(both[1], np.diag(x), rtol=1e-14)
    with pytest.raises(GradientError, match="real and complex"):
        jacobian(lambda x, z: (x * z, abs(z)), argnums=(0, 1))(x, z)


X, Y = draw(3, seed=14), draw(2, seed=15)
TREES = {
    "dict": ({"w": X, "b": Y}, lambda t: (t["w"], t["b"])),
    "nested": ({"a": [X, (Y,)], "none": None}, lambda t: (t["a"][0], t["a"][1][0])),
    "namedtuple": (Pair(X, Y), lambda t: (t.w, t.b)),
    "dataclass": (Layer(X, Y), lambda t: (t.w, t.b)),
    "static": ([X, None, Y], lambda t: (t[0], t[2])),
}


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
@pytest.mark.parametrize("name", TREES)
def test_the_structure_of_the_arguments_stands_within_that_of_the_results(name, transform):
    tree, parts = TREES[name]

    def f(t):
        w, b = parts(t)
        return {"outer": np.outer(w, b), "pair": (w**2, [b])}

    found = transform(f)(tree)
    assert type(found["outer"]) is type(tree)
    for out, at in (
        (lambda w, b: np.outer(w, b), lambda r: r["outer"]),
        (lambda w, b: w**2, lambda r: r["pair"][0]),
        (lambda w, b: b, lambda r: r["pair"][1][0]),
    ):
        by_w, by_b = parts(at(found))
        np.testing.assert_allclose(by_w, numeric(lambda w, o=out: o(w, Y), X), atol=1e-8)
        np.testing.assert_allclose(by_b, numeric(lambda b, o=out: o(X, b), Y), atol=1e-8)


@pytest.mark.parametrize("name", TREES)
def test_the_hessian_of_a_structure_is_that_structure_of_that_structure(name):
    tree, parts = TREES[name]

    def f(t):
        w, b = parts(t)
        return np.sum(np.outer(w**2, b)) + np.sum(b**3)

    (ww, wb), (bw, bb) = (parts(row) for row in parts(hessian(f)(tree)))
    np.testing.assert_allclose(ww, np.diag(np.full(3, 2 * Y.sum())), atol=1e-12)
    np.testing.assert_allclose(wb, np.outer(2 * X, np.ones(2)), rtol=1e-12)
    np.testing.assert_allclose(bw, wb.T, rtol=1e-12)
    np.testing.assert_allclose(bb, np.diag(6 * Y), atol=1e-12)
    along_w, along_b = parts(hvp(f)(tree, tree))
    np.testing.assert_allclose(along_w, ww @ X + wb @ Y, rtol=1e-12)
    np.testing.assert_allclose(along_b, bw @ X + bb @ Y, rtol=1e-12)


def test_aux_comes_along_everywhere():
    def f(x):
        return x**2, {"sum": np.sum(x), "count": 3}

    out, jac = X**2, np.diag(2 * X)
    for transform in (jacrev, jacfwd, jacobian):
        found, aux = transform(f, has_aux=True)(X)
        np.testing.assert_allclose(found, jac)
        assert aux == {"sum": X.sum(), "count": 3}
    (value, aux), found = value_and_jacobian(f, has_aux=True)(X)
    np.testing.assert_array_equal(value, out)
    np.testing.assert_allclose(found, jac)
    found, aux = hessian(f, has_aux=True)(X)
    assert found.shape == (3, 3, 3)
    assert aux["sum"] == X.sum()
    found, aux = hvp(lambda x: (np.sum(x**3), x.sum()), has_aux=True)(X, X)
    np.testing.assert_allclose(found, 6 * X**2)
    assert aux == X.sum()
    for value, derivative, aux in (vjp(f, X, has_aux=True), linearize(f, X, has_aux=True)):
        np.testing.assert_array_equal(value, out)
        np.testing.assert_allclose(np.squeeze(derivative(X)), 2 * X**2)
        assert aux["sum"] == X.sum()


@pytest.mark.parametrize("name", TREES)
def test_linear_maps_take_and_return_structures(name):
    tree, parts = TREES[name]
    out, along = linearize(lambda t: t, tree)
    assert type(out) is type(along(tree)) is type(tree)
    for whole in (out, along(tree), vjp(lambda t: t, tree)[1](tree)[0], jvp(lambda t: t, (tree,), (tree,))[1]):
        np.testing.assert_array_equal(parts(whole)[0], X)
        np.testing.assert_array_equal(parts(whole)[1], Y)


def scaled(x, y, factor=2.0, *, shift=0.0):
    return factor * x * y + shift * x


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, np.diag(6 * X + 1)),
        ("y", np.diag(3 * X)),
        ((1, 0), (np.diag(3 * X), np.diag(6 * X + 1))),
        (["x"], (np.diag(6 * X + 1),)),
        (-1, 2 * X * X),
        ("shift", X),
    ],
)
@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian])
def test_argnums(argnums, expected, transform):
    found = transform(scaled, argnums=argnums)(X, 2 * X, 3.0, shift=1.0)
    assert type(found) is type(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


class Model:
    def __init__(self, scale):
        self.scale = scale

    @jacobian
    def slope(self, x):
        return self.scale * x**2

    def energy(self, x):
        return np.sum(self.scale * x**3)


def test_defaults_keywords_and_methods():
    np.testing.assert_allclose(jacobian(scaled)(X, X), np.diag(2 * X))
    np.testing.assert_allclose(jacobian(scaled)(y=X, x=X), np.diag(2 * X))
    np.testing.assert_allclose(
        jacobian(lambda *xs: xs[0] * xs[1], argnums=(0, 1))(X, X + 1), (np.diag(X + 1), np.diag(X))
    )
    np.testing.assert_allclose(jacobian(lambda **kw: kw["a"] * kw["b"], argnums="b")(a=X, b=X), np.diag(X))
    np.testing.assert_allclose(deriv(lambda *xs: xs[0] * xs[1] ** 2, 1)(X, X), 2 * X**2)
    model = Model(2.0)
    np.testing.assert_allclose(model.slope(X), np.diag(4 * X))
    model.scale = 3.0
    np.testing.assert_allclose(model.slope(X), np.diag(6 * X))
    np.testing.assert_allclose(hessian(model.energy)(X), np.diag(18 * X))
    np.testing.assert_allclose(hvp(model.energy)(X, X), 18 * X**2)


def test_a_captured_array_may_change():
    a = np.ones(3)
    jac, curved = jacobian(lambda x: a * x**2), hvp(lambda x: np.sum(a * x**2))
    for factor in (1.0, 2.0):
        a[:] = factor
        np.testing.assert_allclose(jac(X), np.diag(2 * factor * X))
        np.testing.assert_allclose(curved(X, X), 2 * factor * X)
    a = np.zeros(3)
    assert not jac(X).any()


def test_nothing_to_differentiate_by_or_nothing_returned():
    assert jacobian(lambda p, x: [x, x * 2])({}, X) == [{}, {}]
    assert hessian(lambda p: p)({}) == {}
    assert jacobian(lambda x: {})(X) == {}


@pytest.mark.parametrize("transform", [jacrev, jacfwd, jacobian, hessian])
def test_a_function_that_writes_into_its_argument(transform):
    def f(x):
        x[0] = x[1] ** 2
        return np.sum(x**3)

    x, plain = X.copy(), X.copy()
    found = transform(f)(x)
    f(plain)
    np.testing.assert_array_equal(x, plain)
    first = np.array([0.0, 6 * X[1] ** 5 + 3 * X[1] ** 2, 3 * X[2] ** 2])
    second = np.diag([0.0, 30 * X[1] ** 4 + 6 * X[1], 6 * X[2]])
    np.testing.assert_allclose(found, second if transform is hessian else first, rtol=1e-12)
    x = X.copy()
    np.testing.assert_allclose(hvp(f)(x, X), second @ X, rtol=1e-12)
    np.testing.assert_array_equal(x, plain)


def test_each_branch_has_its_own_path():
    def f(x):
        if x[0] > 0:
            return x**2
        return x[:2] * x[1]

    jac, curved = jacobian(f), hessian(f)
    for x in (abs(X), -abs(X), 2 * abs(X)):
        np.testing.assert_allclose(jac(x), numeric(f, x), atol=1e-8)
        np.testing.assert_allclose(curved(x), numeric(jac, x), atol=1e-8)
    assert jac.cache_info().paths == 2


@pytest.mark.parametrize("argnum", [1, -2, 2])
def test_a_made_derivative_of_an_argument_that_is_not_there(argnum):
    for make in (make_jvp, make_vjp):
        with pytest.raises(GradientError, match="called with 1 argument"):
            make(np.sin, argnum)(X)


@pytest.mark.parametrize(
    "f", [lambda x: x, lambda x: (x, 2 * x), lambda x: x.T, lambda x: np.ones(3), lambda x: [x, x]]
)
def test_maps_hand_out_arrays_of_their_own(f):
    for make in (linearize, vjp):
        out, along = make(f, X)
        given = X.copy() if make is linearize or isinstance(out, np.ndarray) else tuple(np.ones(3) for _ in out)
        first, second = along(given), along(given)
        leaves = list(first) if isinstance(first, tuple | list) else [first]
        kept = [leaf.copy() for leaf in leaves]
        for leaf in leaves:
            assert not np.shares_memory(leaf, given[0] if isinstance(given, tuple) else given)
            leaf += 1
        np.testing.assert_array_equal(second, kept[0] if not isinstance(first, tuple | list) else kept)


# -------------------------------------------------------------------------------------------------------- nesting


V = draw(3, seed=16)
OUTER = {
    "grad": lambda f: grad(lambda x: np.sum(f(x) ** 2)),
    "jacrev": lambda f: lambda x: jacrev(f)(x).sum(0),
    "jacfwd": lambda f: lambda x: jacfwd(f)(x) @ V,
    "jvp": lambda f: lambda x: jvp(f, (x,), (V * x,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](V * x)[0],
    "linearize": lambda f: lambda x: linearize(f, x)[1](V),
    "hessian": lambda f: lambda x: hessian(lambda y: np.sum(f(y)))(x) @ x,
    "hvp": lambda f: lambda x: hvp(lambda y: np.sum(f(y)))(x, V),
    "elementwise": lambda f: elementwise_grad(f),
    "vmap": lambda f: lambda x: vmap(lambda c: f(x * c))(x).sum(1),
    "scan": lambda f: lambda x: scan(lambda c, e: (f(c) * e, c), x, V[:2])[0],
    "fori_loop": lambda f: lambda x: fori_loop(0, 2, lambda i, c: f(c) + x, x),
    "cond": lambda f: lambda x: cond(np.sum(x) > -99, f, lambda c: c, x),
}
NESTED = [(a, b) for a in OUTER for b in OUTER]
NESTED += [tuple(np.random.default_rng(i).choice(list(OUTER), 3)) for i in range(12)]


@pytest.mark.parametrize("names", NESTED, ids="-".join)
def test_in_any_order(names):
    def f(x):
        return np.tanh(x * x[::-1]) * np.exp(x) * 0.3

    for name in names:
        f = OUTER[name](f)
    x = 0.3 * X
    found = jacobian(f)(x)
    np.testing.assert_allclose(found, numeric(f, x), rtol=2e-5, atol=1e-6 * max(1.0, abs(found).max()))


def test_values_from_around_are_differentiated_too():
    def outer(x):
        jac = jacobian(lambda y: y**2 * x)(x)  # x is an argument and a constant of it
        return np.sum(jac @ jvp(lambda y: y * x, (x,), (np.ones(3),))[1])

    np.testing.assert_allclose(grad(outer)(X), 6 * X**2, rtol=1e-12)


def test_a_rule_of_the_users_need_not_be_symmetric():
    @custom_vjp
    def product(x):
        return x[0] * x[1]

    product.defvjp(lambda x: (x[0] * x[1], x), lambda x, g: (g * np.stack([x[1] * x[1], x[0]]),))
    x = np.array([2.0, 3.0])
    np.testing.assert_allclose(hessian(product)(x), [[0.0, 6.0], [1.0, 0.0]])
    np.testing.assert_allclose(jacobian(grad(product))(x), [[0.0, 6.0], [1.0, 0.0]])
