"""Structures read from programs, colourings, and the sparse jacobians and hessians that they give."""

import sys
import time

import numpy as np
import pytest

from tapeless import (
    GradientError,
    UnsupportedError,
    cond,
    custom_vjp,
    fori_loop,
    grad,
    scan,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    stop_gradient,
    vjp,
    while_loop,
)

pytest.importorskip("scipy")

from scipy import sparse

RNG = np.random.default_rng(0)
N = 12
U = RNG.uniform(0.5, 1.5, N)
BANDED = sparse.diags_array([1.0, -2.0, 0.5], offsets=[-1, 0, 2], shape=(N, N)).toarray()
EDGES = np.array([[0, 3], [3, 5], [5, 11], [11, 0], [7, 8]])


def numeric(f, *args):
    """The jacobian by the first argument, by central differences."""
    x = np.array(args[0], float)
    columns = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-6
        step = step.reshape(x.shape)
        columns.append((np.ravel(f(x + step, *args[1:])) - np.ravel(f(x - step, *args[1:]))) / 2e-6)
    return np.stack(columns, axis=1)


def laplacian(u):
    return np.roll(u, 1) - 2 * u + np.roll(u, -1)


def brusselator(u):
    """Two species on a ring, one behind the other."""
    a, b = u[: N // 2], u[N // 2 :]
    da = 1 + a**2 * b - 4.4 * a + 0.02 * laplacian(a)
    db = 3.4 * a - a**2 * b + 0.02 * laplacian(b)
    return np.concatenate([da, db])


def finite_volumes(u):
    """Upwind fluxes through the faces of a line of cells, with fixed ends."""
    inside = np.concatenate([[1.0], u, [0.0]])
    flux = np.where(inside[:-1] > 0.8, inside[:-1] ** 2, inside[:-1] * inside[1:])
    return flux[:-1] - flux[1:]


def two_dimensions(u):
    """The five-point stencil on a padded grid."""
    x = np.pad(u.reshape(3, 4), 1)
    return np.exp(x[1:-1, 1:-1]) + x[:-2, 1:-1] * x[2:, 1:-1] + x[1:-1, :-2] - x[1:-1, 2:]


def unstructured(u):
    """A flux along each edge of a mesh, added up in its cells."""
    flux = u[EDGES[:, 0]] * u[EDGES[:, 1]] ** 2
    out = np.zeros(N)
    np.add.at(out, EDGES[:, 0], flux)
    np.add.at(out, EDGES[:, 1], -flux)
    return out


def by_matrix(u):
    return np.sin(BANDED @ u) * u


def by_convolution(u):
    return np.convolve(u**2, [1.0, 0.0, -1.0], mode="same")


def in_place(u):
    out = np.zeros((N, 2))
    out[1:, 0] = u[1:] - u[:-1]
    out[:, 1] = u**3
    out[::3] *= 2
    return out


def in_blocks(u):
    x = u.reshape(3, 4)
    return x / x.sum(axis=1, keepdims=True) + np.cumsum(x, axis=1)


def counted_loop(u):
    def step(i, u):
        return u + 0.1 * i * laplacian(u) * u

    return fori_loop(0, 3, step, u)


def swept(u):
    """One cell after the other: everything before it counts."""

    def step(i, u):
        v = u.copy()
        v[i + 1] = u[i] * u[i + 1]
        return v

    return fori_loop(0, N - 1, step, u)


def scanned(u):
    return scan(lambda c, x: (c * x, c + x), 1.0, u)[1]


def repeated(u):
    return while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, s[1] * np.roll(s[1], 1)), (0, u))[1]


def branched(u):
    return cond(u[0] > 0, lambda u: u * np.roll(u, 1), lambda u: np.roll(u, 2) ** 2, u)


@custom_vjp
def clipped(u):
    return np.minimum(u, 1.0) * np.roll(u, 1)


def clipped_forward(u):
    return clipped(u), u


def clipped_backward(u, g):
    return (np.where(u < 1, g, 0) * np.roll(u, 1) + np.roll(g * np.minimum(u, 1.0), -1),)


clipped.defvjp(clipped_forward, clipped_backward)

FUNCTIONS = [
    *(brusselator, finite_volumes, two_dimensions, unstructured, by_matrix, by_convolution, in_place, in_blocks),
    *(counted_loop, swept, scanned, repeated, branched, clipped),
]
LOOSE = {  # how many more elements the structure has than the jacobian at one point, and why
    two_dimensions: "zeros of the padding among the factors",
    finite_volumes: "both branches of where",
    repeated: "any number of iterations",
    branched: "both branches",
    clipped: "both branches of where",
}


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "clipped"))
def test_jacobian(f):
    expected = numeric(f, U)
    pattern, found = sparsity(f)(U), sparse_jacobian(f)(U)
    assert type(pattern) is type(found) is sparse.csr_array
    assert pattern.dtype == bool
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-8)
    missed, more = (abs(expected) > 1e-7) & ~pattern.toarray(), pattern.toarray() & (abs(expected) < 1e-7)
    assert not missed.any()
    assert more.any() == (f in LOOSE)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "clipped"))
def test_hessian(f):
    def energy(u):
        return np.sum(f(u) ** 2)

    expected = numeric(grad(energy), U)
    found, pattern = sparse_hessian(energy)(U), sparsity(energy, order=2)(U)
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-6 * abs(expected).max())
    np.testing.assert_array_equal(pattern.toarray(), pattern.T.toarray())


# ------------------------------------------------------------------------------------------------ size and colours


def tridiagonal(u):
    out = -2 * u**2
    out[1:] += u[:-1]
    out[:-1] += u[1:] ** 2
    return out


def seconds(run):
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


@pytest.mark.parametrize(("n", "limit"), [(10_000, 2), (100_000, 10)])
def test_large_bands(n, limit):
    u = np.linspace(0, 1, n)
    jacobian = sparse_jacobian(tridiagonal)
    pattern, taken = seconds(lambda: sparsity(tridiagonal)(u))
    assert taken < limit
    assert pattern.nnz == 3 * n - 2
    found, taken = seconds(lambda: jacobian(u))
    assert taken < limit
    assert jacobian.colouring(u).count == 3
    np.testing.assert_array_equal(found.diagonal(), -4 * u)
    np.testing.assert_array_equal(found.diagonal(1), 2 * u[1:])
    np.testing.assert_array_equal(found.diagonal(-1), np.ones(n - 1))


def test_rosenbrock():
    from scipy.optimize import rosen_hess

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    hessian = sparse_hessian(rosenbrock)
    found = hessian(U)
    assert found.nnz == 3 * N - 2
    np.testing.assert_allclose(found.toarray(), rosen_hess(U), rtol=1e-12)
    assert hessian.colouring(U).count == 3


@pytest.mark.parametrize(
    ("f", "by", "count"),
    [
        (lambda u: u**2 + u[0], "columns", 2),
        (lambda u: np.concatenate([u**2, [u.sum()]]), "rows", 2),
        (lambda u: u * u.sum(), "rows", N),
        (lambda u: u**2, "rows", 1),
        (lambda u: np.zeros(3), "rows", 0),
    ],
)
def test_the_side_with_fewer_colours(f, by, count):
    jacobian = sparse_jacobian(f)
    np.testing.assert_allclose(jacobian(U).toarray(), numeric(f, U), atol=1e-8)
    colouring = jacobian.colouring(U)
    assert (colouring.by, colouring.count) == (by, count)
    assert jacobian.colouring(U) is colouring  # it is kept


@pytest.mark.parametrize(
    ("f", "by", "count"),
    [
        (lambda u: u[0] * np.sum(u) + np.sum(u**3), "symmetry", 2),
        (lambda u: (u[0] + u[5] ** 2) * np.sum(np.exp(u)), "symmetry", 3),
        (lambda u: np.sum(u) ** 3, "rows", N),
        (lambda u: np.sum(u[0] * u[1:6] ** 2) + np.sum(u[6] * u[5:] ** 2), "symmetry", 3),
        (lambda u: np.sum(u**4), "rows", 1),
    ],
)
def test_the_symmetry_of_a_hessian(f, by, count):
    hessian = sparse_hessian(f)
    expected = numeric(grad(f), U)
    for _ in range(2):
        np.testing.assert_allclose(hessian(U).toarray(), expected, atol=1e-6)
    colouring = hessian.colouring(U)
    assert (colouring.by, colouring.count) == (by, count)


def test_the_source_is_that_of_one_product():
    jacobian = sparse_jacobian(lambda u: np.sin(u))
    jacobian(U)
    assert "np.cos(u)" in jacobian.source
    assert "def pullback(dy):" in jacobian.source
    by_columns = sparse_jacobian(lambda u: np.sin(u) + u[0])
    by_columns(U)
    assert "def pushforward(u_dot):" in by_columns.source


# -------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize(
    ("f", "elements"),
    [
        (lambda x: x[0] * x[1], {(0, 1), (1, 0)}),
        (lambda x: np.sum(x**2), {(i, i) for i in range(N)}),
        (lambda x: np.sum(3 * x) + x[2], set()),
        (lambda x: np.sum(abs(x)), set()),
        (lambda x: stop_gradient(x[0]) * x[1] ** 2, {(1, 1)}),
        (lambda x: np.floor(x[0]) * x[1], set()),
        (lambda x: x[3] ** 2 * np.zeros(1)[0], set()),
        (lambda x: np.exp(x[:2]).prod(), {(0, 0), (0, 1), (1, 0), (1, 1)}),
    ],
)
def test_second_order_structure(f, elements):
    rows, columns = sparsity(f, order=2)(U).nonzero()
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == elements


def test_what_stops_derivatives_stops_the_structure():
    def f(x):
        return np.where(x > 1, x[0], 0.0) + np.round(x) + stop_gradient(x) * 2 + np.argsort(x)

    rows, columns = sparsity(f)(U).nonzero()
    assert (set(rows), set(columns)) == (set(range(N)), {0})


# -------------------------------------------------------------------- what it rests on besides the wanted arguments


def test_the_zeros_of_a_captured_matrix_are_seen_anew():
    matrix = BANDED.copy()

    def f(u):
        return matrix @ u**2

    jacobian, pattern = sparse_jacobian(f), sparsity(f)
    for row, column, value in [(0, 0, 3.0), (0, 9, 2.0), (0, 9, 0.0)]:
        matrix[row, column] = value
        np.testing.assert_allclose(jacobian(U).toarray(), 2 * matrix * U)
        assert pattern(U).nnz == np.count_nonzero(matrix)


def test_an_argument_that_is_an_index():
    def f(u, places, scale):
        return u[places] ** 2 * scale

    jacobian = sparse_jacobian(f)
    for places in (np.array([3, 1, 1]), np.array([0, 5, 11])):
        for scale in (0.0, 2.0, np.array([1.0, 0.0, 2.0])):
            expected = numeric(f, U, places, scale)
            np.testing.assert_allclose(jacobian(U, places, scale).toarray(), expected, atol=1e-8)
            assert jacobian(U, places, scale).nnz == np.count_nonzero(expected)


def test_values_inside_of_loops_are_seen_anew():
    def f(u, weights):
        return scan(lambda c, x: (c + x[1] * x[0], c * 1.0), 0.0, (u, weights))[0]

    jacobian = sparse_jacobian(f)
    for weights in (np.ones(N), np.arange(N) % 2 * 1.0, np.zeros(N)):
        np.testing.assert_array_equal(jacobian(U, weights).toarray(), [weights])
        assert jacobian(U, weights).nnz == np.count_nonzero(weights)


def test_the_structure_is_not_read_twice(monkeypatch):
    from tapeless.runtime import sparse as module

    calls = []
    read = module.read_pattern
    monkeypatch.setattr(module, "read_pattern", lambda *args: calls.append(1) or read(*args))
    jacobian = sparse_jacobian(lambda u, t: t * (BANDED @ u) ** 2)
    for t in (1.0, 2.0, -3.0):
        jacobian(U * t, t)
    assert len(calls) == 1
    jacobian(U, 0.0)
    assert len(calls) == 2
    jacobian(U, 5.0)
    assert len(calls) == 2


def test_each_path_has_its_structure():
    def f(u):
        return u * np.roll(u, 1) if u[0] > 0 else u**2

    jacobian = sparse_jacobian(f)
    for u in (U, -U, 2 * U):
        np.testing.assert_allclose(jacobian(u).toarray(), numeric(f, u), atol=1e-8)
        alone = sparse_jacobian(f)
        alone(u)
        assert jacobian.source == alone.source
    assert (jacobian(U).nnz, jacobian(-U).nnz) == (2 * N, N)


@pytest.mark.parametrize("called", [False, True])
def test_the_state_around_a_method_is_watched(called):
    class Model:
        power = 2

        def loss(self, u):
            return np.sum(u**self.power)

        __call__ = loss

    model = Model()
    hessian = sparse_hessian(model if called else model.loss)
    for model.power in (2, 3, 4):
        p = model.power
        np.testing.assert_allclose(hessian(U).diagonal(), p * (p - 1) * U ** (p - 2))


# ----------------------------------------------------------------------------------------- arguments and results


def test_structures_are_flattened_in_order():
    def f(p, *, scale=2.0):
        return {"a": p["x"] * scale, "b": (np.sum(p["y"]) ** 2, p["x"][::-1, 0])}

    p = {"x": U[:4].reshape(2, 2), "y": U[4:7]}
    out, pullback = vjp(lambda p: f(p, scale=3.0), p)
    found = sparse_jacobian(f)(p, scale=3.0).toarray()
    assert found.shape == (4 + 1 + 2, 4 + 3)
    for row in range(7):
        seeds = np.split(np.eye(7)[row], [4, 5])
        (dp,) = pullback({"a": seeds[0].reshape(2, 2), "b": (seeds[1][0], seeds[2])})
        np.testing.assert_allclose(found[row], np.concatenate([dp["x"].ravel(), dp["y"]]))
    assert out["b"][1].shape == (2,)


@pytest.mark.parametrize("argnums", [1, "b", (0, 1), [1, 0], (-1, "a")])
def test_argnums(argnums):
    def f(a, b, *rest):
        return a * b**2 + rest[0][0]

    a, b, c = U[:3], U[3:6], U[6:8]
    blocks = [np.diag(b**2), np.diag(2 * a * b), np.ones((3, 1)) * [1, 0]]
    order = {1: [1], "b": [1], (0, 1): [0, 1], (1, 0): [1, 0], (-1, "a"): [2, 0]}
    key = tuple(argnums) if isinstance(argnums, list) else argnums
    found = sparse_jacobian(f, argnums)(a, b, c).toarray()
    np.testing.assert_allclose(found, np.concatenate([blocks[i] for i in order[key]], axis=1))


def test_hessian_by_two_arguments():
    def f(a, b):
        return np.sum(a * b**2)

    a, b = U[:3], U[3:6]
    expected = np.block([[np.zeros((3, 3)), np.diag(2 * b)], [np.diag(2 * b), np.diag(2 * a)]])
    np.testing.assert_allclose(sparse_hessian(f, (0, 1))(a, b).toarray(), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    for f in (lambda u: u * np.roll(u, 1), lambda u: u**2 + u[0]):
        found = sparse_jacobian(f)(U.astype(dtype))
        assert found.dtype == (np.float32 if dtype == np.float16 else dtype)  # scipy.sparse has no float16
        np.testing.assert_allclose(found.toarray(), numeric(f, U), rtol=8 * np.finfo(dtype).eps, atol=1e-7)


@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (lambda x: x * x, 3.0, (1, 1)),
        (lambda x: x * x, np.float32(3.0), (1, 1)),
        (lambda x: np.array([x, x * 2]), np.array(3.0), (2, 1)),
        (lambda x: x * x.sum(), np.ones(0), (0, 0)),
        (lambda x: (x**2, np.floor(x), x > 1), np.asfortranarray(U.reshape(3, 4)), (36, 12)),
        (lambda x: np.ones(2), U, (2, N)),
    ],
)
def test_shapes(f, x, shape):
    found = sparse_jacobian(f)(x)
    assert found.shape == sparsity(f)(x).shape == shape

    def joined(x):
        parts = f(x)
        return np.concatenate([np.ravel(p) for p in (parts if isinstance(parts, tuple) else (parts,))])

    if np.size(x):
        np.testing.assert_allclose(found.toarray(), numeric(joined, x), atol=1e-7)


# -------------------------------------------------------------------------------------------------------- refusals


def test_refusals(monkeypatch):
    with pytest.raises(GradientError, match="array of int"):
        sparse_jacobian(lambda x: x * 1.0)(np.arange(3))
    for x in (U + 1j, U):
        with pytest.raises(GradientError, match="complex"):
            sparse_jacobian(lambda x: x * 1j)(x)
    with pytest.raises(GradientError, match="one number"):
        sparse_hessian(lambda x: x * 2)(U)
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        sparsity(lambda x: x, order=3)
    with pytest.raises(UnsupportedError, match="inside of a traced function"):
        grad(lambda x: sparse_jacobian(lambda y: y**2)(x).sum())(U)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match=r"pip install tapeless\[scipy\]"):
        sparsity(lambda x: x)(U)
