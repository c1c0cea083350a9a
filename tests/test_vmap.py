"""vmap is np.stack of calls one by one: values, dtypes and axes; gradients are those of central differences."""

import copy
import inspect
import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from oracle import central

from tapeless import (
    checkpoint,
    cond,
    custom_vjp,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    scan,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)
from tapeless.tracer.structure import flatten, unflatten


def draw(*shape, seed=0, dtype=float):
    random = np.random.default_rng(seed)
    found = random.normal(size=shape)
    return (found + 1j * random.normal(size=shape) if np.dtype(dtype).kind == "c" else found).astype(dtype)


def stacked(f, args, axes):
    """One call after the other; `axes` has an axis or None for each argument."""
    size = next(np.shape(a)[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    results = []
    for i in range(size):
        one = [a if axis is None else np.take(a, i, axis) for a, axis in zip(args, axes, strict=True)]
        results.append(f(*copy.deepcopy(one)))
    leaves, structure = zip(*(flatten(r, numbers=True) for r in results), strict=True)
    return unflatten(structure[0], iter([np.stack(found) for found in zip(*leaves, strict=True)]))


def same(found, expected):
    ours, theirs = flatten(found)[0], flatten(expected)[0]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        coarse = b.dtype in (np.float32, np.complex64, np.float16)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-4 if coarse else 1e-9, atol=1e-5 if coarse else 1e-12)


def right(f, *args, axes=None, slope=True):
    """Values, dtypes and what is left in the arguments; the gradient of the weighted sum of all results."""
    axes = axes or (0,) * len(args)
    given = copy.deepcopy(args)
    same(vmap(f, axes)(*given), stacked(f, args, axes))
    for a, b in zip(given, args, strict=True):
        np.testing.assert_array_equal(a, b)

    def total(results):
        leaves = [leaf for leaf in flatten(results)[0] if leaf.dtype.kind == "f"]
        return sum(np.sum(leaf * np.cos(np.arange(leaf.size)).reshape(leaf.shape)) for leaf in leaves)

    for k, arg in enumerate(args):
        if slope and isinstance(arg, np.ndarray) and arg.dtype == float:
            found = grad(lambda *a: total(vmap(f, axes)(*a)), k)(*args)
            expected = central(lambda *a: total(stacked(f, a, axes)), args, k)
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


X, Y, V, M = draw(4, 3), draw(4, 3, seed=1), draw(3, seed=2), draw(3, 3, seed=3)
A, ROWS, K = draw(4, 3, 2, 5), np.array([1, 0, 1, 0]), np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
S = np.stack([a @ a.T + 3 * np.eye(3) for a in draw(4, 3, 3)])

# ---------------------------------------------------------------------------------------------------- operations

FUNCTIONS = {
    "elementwise": (lambda x, y: np.where(x > 0, np.sin(x) * y, y), X, V),
    "aligned": (lambda x, m: x * m + x[:, None] * m, X, M),
    "reduced": (lambda x, m: x.max() + (m - m.mean(axis=0, keepdims=True)).std(axis=1), X, M),
    "products": (lambda x, m: (m @ x, x @ m, x @ x, np.outer(x, x) @ m, np.dot(m, x)), X, M),
    "einsum": (lambda x, m: (np.einsum("i,ij->j", x, m), np.einsum("ii->i", m), np.tensordot(m, x, 1)), X, M),
    "solve": (lambda x, m: np.linalg.solve(m @ m.T + 2 * np.eye(3), x), X, M),
    "joined": (lambda x, m: (np.concatenate([m, x[None]]), np.stack([x, m[0]], 1), np.append(m, x)), X, M),
    "rows": (lambda x, m: (m.T.ravel() * x[0], m.reshape(-1) * x[1], np.tile(x, 2), np.pad(m, (1, 0))), X, M),
    "sorted": (lambda x, m: (np.sort(x), np.argsort(m, axis=0), np.cumsum(m), np.median(x), np.argmax(m)), X, M),
    "windows": (lambda x, m: (np.convolve(x, m[0]), np.interp(m[0], np.arange(3.0), x)), X, M),
    "spectra": (lambda x, m: np.abs(np.fft.rfft(x)) ** 2 + np.abs(np.fft.fft2(m)).sum(), X, M),
    "nested lists": (lambda x, m: np.array([[x[0], 1], [m[0, 0], x[1]]]), X, M),
    "elements": (lambda x, m: sum(np.sin(t) * r[0] for t, r in zip(x, m, strict=True)), X, M),
    "not of the example": (lambda x, m: (np.ones(2), 3, True, 1.5, x.shape[0], m * 2), X, M),
    "nothing": (lambda x, m: {"x": x, "none": None, "name": "s"}, X, M),
}


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations(name, axes):
    f, x, m = FUNCTIONS[name]
    batch = [x if axes[0] == 0 else x.reshape(-1, 3)[0] if x.ndim > 1 else x, m]
    batch[0] = np.stack([batch[0]] * 4) * np.arange(1.0, 5)[:, None] if axes[0] == 0 and x.ndim == 1 else batch[0]
    batch[1] = np.stack([m * (1 + 0.3 * k) for k in range(4)]) if axes[1] == 0 else m
    right(f, *batch, axes=axes)


@pytest.mark.parametrize("function", ["inv", "det", "cholesky", "eigvalsh", "svd", "qr", "pinv", "norm"])
def test_linear_algebra(function):
    def f(a):
        found = getattr(np.linalg, function)(a)
        return found[1] if isinstance(found, tuple) else found

    right(f, S)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, complex, np.complex64, np.int8, np.uint8, np.int64, bool])
def test_dtypes(dtype):
    x = (np.arange(6) % 5).reshape(3, 2).astype(dtype)
    for f in (
        lambda x: x + 1,
        lambda x: x * 2.5,
        lambda x: x * np.float32(2),
        lambda x: x // 2 if dtype in (int, bool) else abs(x),
    ):
        right(f, x)
        right(f, x[:, 0])
    right(lambda x: (np.sum(x), np.mean(x), np.cumsum(x), x.max(), x[0]), x)


# ------------------------------------------------------------------------------------------------- index and writes

INDICES = [
    "i", ":,i", "...,i", "i,:,i", "i,i", "None,i", "i,None,i", "0,:,i", ":,0,i", "i,...,0", "i,1:,i", "::-1,i",
    "i,[0,1]", "[[0],[1]],i", "[0,2],:,1", "[0,2],...,[1,0]", ":,[1,0]", "1", "-1,...,None,::2",
    "i,0,0", "0,i,0", "0,i", "i,0", ":,i.reshape(-1,1),[0,1]", "i.reshape(-1,1),:,i", "()",
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES)
def test_indexing(index):
    scope = {"np": np}
    exec(
        f"def read(a, i):\n    return a[{index}]\n"
        f"def write(a, i):\n    a, old = a.copy(), a[{index}]\n"
        f"    a[{index}] = np.cumsum(old, -1) if np.ndim(old) else 3.0\n"
        f"    a[{index}] *= 2.0\n    return a\n",
        scope,
    )
    for a, i, axes in ((A, K, (0, 0)), (A, K[1], (0, None)), (A[0], K, (None, 0)), (A, ROWS, (0, 0))):
        right(scope["read"], a, i, axes=axes, slope=False)
        right(scope["write"], a, i, axes=axes, slope=False)
    right(scope["read"], A[:2], K[:2])
    right(scope["write"], A[:2], K[:2])


def element_by_element(x, i):
    y = np.zeros(5)
    for k in range(3):
        y[k] = x[k] * k
    y[i] += x[0]
    np.add.at(y, i, x[:2])
    return y


def masked(x, i):
    y = x.copy()
    y[x > 0] = 0
    y[i] = 4 * x[1]
    z = np.zeros((2, 3))
    z[:, np.array([True, False, True])] = x[:2, None]
    np.copyto(y, -1.0, where=x < -1)
    return y, z


def through_views(x, i):
    y = np.zeros((2, 3))
    row, column = y[1], y.T[0]
    row[:] = x
    column += x[1]
    y.ravel()[1] = 7 * x[2]
    y[:, ::-1][0, i] = 2.0
    return y, row * column[1]


def in_place(x, i):
    y = np.full(3, 2.0)
    y *= x
    np.multiply(y, x, out=y)
    y[i] -= 1
    np.put_along_axis(y, i, x[:2], axis=0)
    return y


@pytest.mark.parametrize("f", [element_by_element, masked, through_views, in_place])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
def test_writes(f, axes):
    places = np.array([[0, 1], [1, 1], [2, 0], [2, 1]])
    right(f, X if axes[0] == 0 else V, places if axes[1] == 0 else places[2], axes=axes)


def test_bins():
    places = np.array([[0, 1], [1, 3], [2, 2]])
    right(lambda i, w: np.bincount(i, w, minlength=5), places, draw(3, 2))
    for one in (places + 2, places - 1, (places + 2).astype(np.uint8)):
        with pytest.raises(ValueError, match="negative"):  # beyond the row: never counted for another example
            vmap(lambda i: np.bincount(i, minlength=5))(one)


# ------------------------------------------------------------------------------------------------ loops and branches


def newton(x):
    return while_loop(lambda s: np.abs(s * s - x) > 1e-9, lambda s: (s + x / s) / 2, x + 1.0)


def doubling(x):
    """Each example goes round another number of times, and what stands still would grow without bounds."""
    return while_loop(
        lambda c: np.sum(c[0] ** 2) < 50.0, lambda c: (c[0] * 1.5 * np.cos(c[0] * 0.01), c[1] + 1), (x, 0)
    )


def counted(x, n):
    return while_loop(lambda c: c[1] < n, lambda c: (np.sqrt(c[0]) * V**2, c[1] + 1), (np.abs(x) + 0.1, 0))[0]


LOOPS = {
    "carry": (lambda h, xs: scan(lambda c, x: (np.tanh(c + x), c * x), h, xs), X, draw(4, 5, 3)),
    "constants": (lambda h, w: scan(lambda c, x: (np.tanh(w @ c + x), c.sum()), h, np.arange(4.0)), X, S),
    "reverse": (lambda h, xs: scan(lambda c, x: (c * x, c), h, xs, reverse=True), X, draw(4, 5, 3)),
    "segments": (lambda h, xs: scan(lambda c, x: (np.tanh(c + x), c), h, xs, checkpoint=2), X, draw(4, 5, 3)),
    "spreads": (lambda h, xs: scan(lambda c, x: ((c[1], c[2], h + x), c), (V * 1, V * 2, V * 3), xs), X, draw(4, 3, 3)),
    "fori": (lambda h, xs: fori_loop(0, 3, lambda i, c: c * h[i] + xs[i], h), X, draw(4, 3, 3)),
    "while": (lambda h, x: (doubling(h), newton(np.abs(x) + 1)), X, draw(4)),
    "while, a limit of each": (counted, X, np.array([2, 0, 3, 1])),
    "cond": (lambda h, x: cond(x > 0, lambda h: np.cos(x) * h, lambda h: h * 2, h), X, np.array([1.0, -1, 2, -3])),
    "cond in scan": (
        lambda h, xs: scan(lambda c, x: (cond(x.sum() > 0, np.sin, lambda c: c + 1, c), None), h, xs)[0],
        X, draw(4, 5, 3),
    ),
    "while in scan": (
        lambda h, xs: scan(lambda c, x: (while_loop(lambda d: d.sum() < 9, lambda d: d * 1.5 + 1, c) * x, c), h, xs),
        X, np.abs(draw(4, 3, 3)) + 0.1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("name", LOOPS)
def test_loops(name, axes):
    f, h, x = LOOPS[name]
    with np.errstate(invalid="ignore"):  # of the branch that is not taken
        right(f, h if axes[0] == 0 else h[1], x if axes[1] == 0 else x[0], axes=axes)


def energy(h):
    return np.sum(doubling(h)[0] ** 2)


@pytest.mark.parametrize(
    "derivative",
    [grad(energy), hessian(energy), jacrev(lambda h: doubling(h)[0]), jacfwd(lambda h: doubling(h)[0]),
     lambda h: jvp(energy, (h,), (V,))[1], lambda h: hvp(energy)(h, V), grad(lambda h: np.sum(grad(energy)(h) ** 2)),
     lambda h: grad(lambda h: np.sum(scan(lambda c, x: (doubling(c * x)[0], c), h, np.array([0.1, 0.7]))[0]))(h)],
    ids=["grad", "hessian", "jacrev", "jacfwd", "jvp", "hvp", "second", "within_scan"],
)  # fmt: skip
def test_derivatives_of_loops_that_stop_at_different_rounds(derivative):
    same(vmap(derivative)(X), stacked(derivative, (X,), (0,)))


@pytest.mark.parametrize(
    "f",
    [lambda h: np.sum(hessian(energy)(h) * M), lambda h: np.sum(vmap(hessian(energy))(np.stack([h, 2 * h])) * M),
     lambda h: vjp(energy, h)[1](1.0)[0] @ V + vjp(energy, h)[1](2.0)[0] @ h],
    ids=["hessian", "batch", "two pullbacks"],
)  # fmt: skip
def test_what_a_while_loop_kept_is_read_twice(f):
    np.testing.assert_allclose(grad(f)(X[0]), central(f, (X[0],), eps=1e-5), rtol=1e-6)


# --------------------------------------------------------------------------------------------------------- nesting


def potential(x):
    return np.prod(np.sin(x)) + np.sum(x**3) * x[0]


@pytest.mark.parametrize(
    "f",
    [grad(potential), value_and_grad(potential), hessian(potential), jacobian(np.sin), jacrev(lambda x: np.outer(x, x)),
     jacfwd(lambda x: np.outer(x, x)), lambda x: jvp(potential, (x,), (V,)), lambda x: vjp(potential, x)[1](2.0),
     lambda x: hvp(potential)(x, V), checkpoint(potential), grad(checkpoint(potential)),
     lambda x: vmap(lambda row: row * x + potential(x))(M), lambda x: vmap(potential, 1)(np.outer(x, V))],
    ids=["grad", "value_and_grad", "hessian", "jacobian", "jacrev", "jacfwd", "jvp",
         "vjp", "hvp", "checkpoint", "grad_checkpoint", "closure", "vmap"],
)  # fmt: skip
def test_of_transformations(f):
    right(f, X)


def test_transformations_of_it():
    f = vmap(lambda x: np.sin(x) * x.sum())
    loop = lambda x: np.stack([np.sin(row) * row.sum() for row in x])  # noqa: E731
    same(jacobian(f)(X), jacobian(loop)(X))
    same(hessian(lambda x: np.sum(f(x) ** 2))(X), hessian(lambda x: np.sum(loop(x) ** 2))(X))
    same(jvp(f, (X,), (Y,)), jvp(loop, (X,), (Y,)))


def test_pairwise_distances():
    distances = vmap(vmap(lambda a, b: np.sqrt(np.sum((a - b) ** 2)), (None, 0)), (0, None))
    same(distances(X, M), np.sqrt(((X[:, None] - M) ** 2).sum(-1)))
    assert "np.sqrt(((a[:, None] - b) ** 2).sum(axis=2))" in distances.source


def test_a_rule_of_the_users():
    @custom_vjp
    def scaled(a, b):
        return np.sin(a) * b

    scaled.defvjp(
        lambda a, b: (np.sin(a) * b, (a, b)), lambda kept, g: (3 * g * np.cos(kept[0]) * kept[1], g * kept[1])
    )
    for axes in ((0, 0), (0, None), (None, 0)):
        args = [X if axis == 0 else V for axis in axes]
        f = grad(lambda a, b: np.sum(scaled(a, b)), (0, 1))
        same(vmap(f, axes)(*args), stacked(f, args, axes))
        found = grad(lambda a, b, axes=axes: np.sum(vmap(scaled, axes)(a, b)), (0, 1))(*args)
        expected = [np.sum(g, 0) if axis is None else g for g, axis in zip(stacked(f, args, axes), axes, strict=True)]
        same(found, tuple(expected))


# ------------------------------------------------------------------------------------------------------------ axes


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out", [0, 1, -1, -2])
def test_axes(axis, out):
    x = draw(3, 4, 5)
    expected = np.stack([np.cumsum(row, 0) for row in np.moveaxis(x, axis, 0)])
    same(vmap(lambda x: np.cumsum(x, 0), axis, out)(x), np.moveaxis(expected, 0, out))


class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray


@pytest.mark.parametrize(
    ("argument", "axes"),
    [
        ({"x": X.T, "y": V}, {"y": None, "x": 1}),
        ((X, V), (0, None)),
        ([X.T, V], (-1, None)),
        (Pair(X, V), (0, None)),
        (Layer(X, V), {"w": 0, "b": None}),
        ({"x": (X, {"y": V})}, {"x": (0, None)}),
    ],
    ids=repr,
)
def test_axes_of_structures(argument, axes):
    def f(p, scale):
        first, second = flatten(p)[0]
        return {"a": first * second, "b": (scale * first.sum(), second)}

    found = vmap(f, (axes, None), {"a": 1, "b": 0})(argument, 2)
    same(found, {"a": (X * V).T, "b": (2 * X.sum(1), np.stack([V] * 4))})


@pytest.mark.parametrize("size", [0, 1])
def test_none_and_one_example(size):
    f = vmap(lambda x, m: (np.sin(x) @ m, x[[0, 0]], np.sort(x), 2), (0, None))
    found = f(X[:size], M)
    assert [(y.shape, y.dtype.kind) for y in found] == [
        ((size, 3), "f"),
        ((size, 2), "f"),
        ((size, 3), "f"),
        ((size,), "i"),
    ]
    assert grad(lambda x: np.sum(f(x, M)[0]))(X[:size]).shape == (size, 3)
    assert vmap(grad(energy))(X[:size]).shape == (size, 3)


def test_arguments_by_name_and_defaults():
    def f(x, w=V, scale=2.0, n=3, *, shift=1.5, **more):
        return x * w * scale * n + shift + sum(more.values())

    batched = vmap(f)
    same(batched(draw(3, 3)), f(draw(3, 3)))  # the default of w also has three elements, and is not of the examples
    same(batched(X, Y), f(X, Y))
    same(batched(X, scale=ROWS * 1.0), f(X, scale=ROWS[:, None] * 1.0))
    same(batched(X, shift=Y, other=X), f(X, shift=Y, other=X))
    same(vmap(f, (0, None))(X, V * 2), f(X, V * 2))
    assert str(inspect.signature(batched)) == str(inspect.signature(f))
    assert vmap(lambda *rows, by: sum(rows) * by)(X, Y, by=X).shape == (4, 3)
    namespace = {}
    exec(batched.module(X), namespace)
    same(next(v for k, v in namespace.items() if k.endswith("_vmap"))(X), f(X))


@pytest.mark.parametrize("make", [np.asfortranarray, lambda x: np.repeat(x, 2, -1)[..., ::2], lambda x: x[::-1, ::-1]])
def test_layouts(make):
    x = make(draw(3, 2, 4))
    x.flags.writeable = False
    right(lambda x: (x.ravel() * np.arange(8.0), x.ravel("F"), x.reshape(4, 2), x.T), x)


def test_an_array_of_one_element_stays_one():
    total = np.array(2.0)
    same(vmap(lambda x, t: x * t[()] + t[None], (0, None))(X, total), X * 2 + 2)


def test_a_captured_array_is_seen_as_it_is_when_called():
    w = V.copy()
    f = vmap(lambda x: x * w)
    same(f(X), X * V)
    w[:] = 1
    same(f(X), X)


def test_threads():
    f = vmap(grad(potential))
    expected, found = f(X), [None] * 8

    def run(k):
        fresh = vmap(grad(potential)) if k % 2 else f
        found[k] = fresh(X)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        np.testing.assert_array_equal(one, expected)
