"""scipy.linalg: values and dtypes of SciPy, gradients by differences, for real and complex matrices and stacks."""

import numpy as np
import pytest

from tapeless import grad, value_and_grad
from tapeless.tracer.errors import TapelessError

scipy = pytest.importorskip("scipy")
linalg = pytest.importorskip("scipy.linalg")

R = np.random.default_rng(0)
A = R.standard_normal((3, 3)) + 4 * np.eye(3)
P = A @ A.T
Z = A + 1j * R.standard_normal((3, 3))
STACK = R.standard_normal((2, 3, 3)) + 4 * np.eye(3)
B, BS, VEC = R.standard_normal((3, 2)), R.standard_normal((2, 3, 2)), R.standard_normal(3)
WIDE = R.standard_normal((3, 5))


def differences(f, x, eps=1e-6):
    """dL/d(Re x) - i dL/d(Im x), by central differences."""
    found = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        for step in (1, 1j) if x.dtype.kind == "c" else (1,):
            moved = np.zeros_like(x)
            moved[place] = eps * step
            slope = (f(x + moved) - f(x - moved)) / (2 * eps)
            found[place] += slope * (1 if step == 1 else -1j)
    return found


def loss(results):
    """Of all results, of both parts, with other weights everywhere."""
    total = 0.0
    for y in results if isinstance(results, tuple) else (results,):
        if not isinstance(y, bool | int) and y.dtype.kind in "fc":
            weights = np.cos(1 + np.arange(y.size)).reshape(y.shape)
            total = total + np.sum(weights * np.real(y) ** 2 + np.sin(weights) * np.imag(y) + weights * np.real(y))
    return total


def check(function, x, rtol=1e-5):
    seen = []

    def f(x):
        results = function(x)
        for y in results if isinstance(results, tuple) else (results,):
            if hasattr(y, "dtype"):
                seen.append((y.shape, y.dtype))
        return loss(results)

    plain = f(x)
    expected, seen[:] = list(seen), []
    value, dx = value_and_grad(f)(x)
    for (shape, dtype), (own_shape, own_dtype) in zip(expected, seen, strict=False):
        assert own_shape == shape
        assert own_dtype == dtype
    np.testing.assert_allclose(value, plain, rtol=1e-12, atol=1e-12)
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    np.testing.assert_allclose(dx, differences(f, x), rtol=rtol, atol=1e-5)


REAL = [
    lambda x: linalg.solve(x, VEC),
    lambda x: linalg.solve(x, B, transposed=True),
    lambda x: linalg.solve(x, VEC, assume_a="pos"),
    lambda x: linalg.solve(x, VEC, assume_a="sym", lower=True),
    lambda x: linalg.solve(x, VEC, assume_a="upper triangular"),
    lambda x: linalg.solve(A, x),
    lambda x: linalg.solve_triangular(x, VEC),
    lambda x: linalg.solve_triangular(x, B, trans="T", lower=True),
    lambda x: linalg.solve_triangular(x, B, 1, unit_diagonal=True),
    lambda x: linalg.solve_triangular(A, x, trans="C"),
    lambda x: linalg.inv(x),
    lambda x: linalg.det(x),
    lambda x: linalg.pinv(x),
    lambda x: linalg.norm(x),
    lambda x: linalg.norm(x, "nuc"),
    lambda x: linalg.norm(x, axis=1),
    lambda x: linalg.lstsq(x, VEC)[0],
    lambda x: linalg.lstsq(x, B)[0],
    lambda x: linalg.cholesky(x @ x.T),
    lambda x: linalg.cholesky(P + x, lower=True),
    lambda x: np.triu(linalg.cho_factor(P + x)[0]),  # what the other triangle holds is left open
    lambda x: np.tril(linalg.cho_factor(P + x, lower=True)[0]),
    lambda x: linalg.cho_solve(linalg.cho_factor(x @ x.T), VEC),
    lambda x: linalg.cho_solve((x, True), VEC),
    lambda x: linalg.cho_solve((x, False), B),
    lambda x: linalg.cho_solve((A, False), x),
    lambda x: linalg.lu(x),
    lambda x: linalg.lu(x[::-1], permute_l=True),
    lambda x: linalg.lu(x, p_indices=True)[1:],
    lambda x: linalg.lu_factor(x[::-1]),
    lambda x: linalg.lu_solve(linalg.lu_factor(x[::-1]), VEC),
    lambda x: linalg.lu_solve(linalg.lu_factor(x), B, trans=1),
    lambda x: linalg.lu_solve(linalg.lu_factor(A), x),
    lambda x: linalg.qr(x),
    lambda x: linalg.qr(x, mode="economic"),
    lambda x: linalg.qr(x, mode="r"),
    lambda x: linalg.svd(x),
    lambda x: linalg.svd(x, compute_uv=False),
    lambda x: linalg.svdvals(x),
    lambda x: tuple(y**2 for y in linalg.eigh(x)),
    lambda x: tuple(y**2 for y in linalg.eigh(x, lower=False)),
    lambda x: tuple(y**2 for y in linalg.eigh(x + x.T, P)),
    lambda x: tuple(y**2 for y in linalg.eigh(A + A.T, P + x, lower=False)),
    lambda x: linalg.eigh(x, eigvals_only=True),
    lambda x: linalg.eigvalsh(x, P),
    lambda x: linalg.expm(0.3 * x),
    lambda x: linalg.expm_frechet(0.3 * x, A),
    lambda x: linalg.expm_frechet(0.3 * A, x, compute_expm=False),
    lambda x: linalg.logm(x),
    lambda x: linalg.sqrtm(x),
    lambda x: linalg.sqrtm(-x),
    lambda x: linalg.cosm(x),
    lambda x: linalg.sinm(x),
    lambda x: linalg.coshm(0.3 * x),
    lambda x: linalg.sinhm(0.3 * x),
    lambda x: linalg.solve_sylvester(x, A, P),
    lambda x: linalg.solve_sylvester(A, x, P),
    lambda x: linalg.solve_sylvester(A, P, x),
    lambda x: linalg.solve_continuous_lyapunov(x, P),
    lambda x: linalg.block_diag(x, 1.0, VEC, x),
    lambda x: linalg.khatri_rao(x, A),
    lambda x: linalg.toeplitz(x[0]),
    lambda x: linalg.toeplitz(x[0], x[1, :2]),
    lambda x: linalg.toeplitz([1.0, 2.0], x[0]),
    lambda x: linalg.hankel(x[0]),
    lambda x: linalg.hankel(x[0], x[1, :2]),
    lambda x: linalg.circulant(x),
    lambda x: linalg.companion(x[0]),
    lambda x: linalg.solve_toeplitz((x[0] + 3, x[1]), VEC),
]
COMPLEX = [
    lambda x: linalg.solve(x, VEC),
    lambda x: linalg.solve(x, VEC, assume_a="her"),
    lambda x: linalg.solve_triangular(x, VEC, trans=2),
    lambda x: linalg.solve_triangular(x, B, trans=1, lower=True),
    lambda x: linalg.cho_solve((x, True), VEC),
    lambda x: linalg.cho_solve((x, False), B),
    lambda x: linalg.cholesky(x @ x.conj().T),
    lambda x: np.tril(linalg.cho_factor(x @ x.conj().T, lower=True)[0]),
    lambda x: linalg.lu(x),
    lambda x: linalg.lu_solve(linalg.lu_factor(x), VEC),
    lambda x: linalg.expm(0.3 * x),
    lambda x: linalg.logm(x),
    lambda x: linalg.sqrtm(x),
    lambda x: linalg.cosm(0.3 * x),
    lambda x: linalg.solve_sylvester(x, A, P),
    lambda x: linalg.eigvalsh(x),
    lambda x: linalg.eigh(x, P)[0],
    lambda x: linalg.det(x),
    lambda x: linalg.toeplitz(x[0]),
]
STACKED = [
    lambda x: linalg.solve(x, BS),
    lambda x: linalg.solve(x, VEC),
    lambda x: linalg.solve_triangular(x, VEC),
    lambda x: linalg.solve_triangular(x, B, lower=True),
    lambda x: linalg.inv(x),
    lambda x: linalg.det(x),
    lambda x: linalg.expm(0.3 * x),
    lambda x: linalg.logm(x),
    lambda x: linalg.sqrtm(x),
    lambda x: linalg.lu(x),
    lambda x: linalg.cho_solve((x, False), BS),
    lambda x: linalg.lu_solve(linalg.lu_factor(x), BS),
    lambda x: linalg.lu_solve(linalg.lu_factor(x), VEC, trans=1),
    lambda x: linalg.cho_solve((x, True), VEC),
]
OBLONG = [
    lambda x: linalg.lu(x),
    lambda x: linalg.lu(x)[1],
    lambda x: linalg.lu(x)[2],
    lambda x: linalg.qr(x, mode="economic"),
    lambda x: linalg.pinv(x),
    lambda x: linalg.lstsq(x, np.ones(x.shape[0]))[:2],
    lambda x: linalg.svd(x, full_matrices=False),
    lambda x: linalg.block_diag(x, x),
]


@pytest.mark.parametrize("function", REAL)
def test_a_real_matrix(function):
    check(function, A)


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("function", COMPLEX)
def test_a_complex_matrix(function):
    check(function, Z)


@pytest.mark.parametrize("function", STACKED)
def test_a_stack_of_matrices(function):
    check(function, STACK)


@pytest.mark.parametrize("x", [WIDE, WIDE.T.copy()], ids=["wide", "tall"])
@pytest.mark.parametrize("function", OBLONG)
def test_an_oblong_matrix(function, x):
    check(function, x)


@pytest.mark.parametrize("name", ["inv", "det", "expm", "sqrtm", "lu_factor", "pinv", "norm", "qr"])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_dtypes_are_those_of_scipy(name, dtype):
    x = (A if dtype == np.float32 else Z).astype(dtype)
    seen = []

    def f(x):
        y = getattr(linalg, name)(x)
        y = y[0] if isinstance(y, tuple) else y
        seen.append(y.dtype)
        return np.sum(np.real(y))

    f(x)
    assert grad(f)(x).dtype == dtype
    assert seen[1] == seen[0]


def test_integers_become_floats():
    whole = np.array([[2, 1, 0], [0, 3, 1], [1, 0, 2]])
    value, dx = value_and_grad(lambda x, a: linalg.solve(a, x) @ x)(VEC, whole)
    np.testing.assert_allclose(value, linalg.solve(whole, VEC) @ VEC)
    np.testing.assert_allclose(dx, (np.linalg.inv(whole) + np.linalg.inv(whole).T) @ VEC)


def test_a_matrix_that_was_made_can_be_written():
    def f(x):
        t = linalg.toeplitz(x)
        t[0, 1] = 0
        return np.sum(t**2) + np.sum(x)

    np.testing.assert_allclose(grad(f)(VEC), differences(f, VEC), rtol=1e-6)


def test_the_source_is_what_a_person_writes():
    def f(x, b):
        c = linalg.cho_factor(x, lower=True)
        z = linalg.cho_solve(c, b)
        return np.sum(linalg.expm(x) @ z)

    g = grad(f, (0, 1))
    g(P / 30, VEC)
    for text in ("scipy.linalg.expm(x)", "scipy.linalg.expm_frechet(x.T, ", "scipy.linalg.cho_solve(("):
        assert text in g.source

    g = grad(lambda x: np.sum(linalg.solve(x, linalg.toeplitz(x[0]))))
    g(A)
    assert "scipy." not in g.source


REFUSED = {
    "qr": lambda x: linalg.qr(x, pivoting=True)[1],
    "eigh": lambda x: linalg.eigh(x, subset_by_index=[0, 1])[0],
    "pinv": lambda x: linalg.pinv(x, atol=0.1),
    "logm": lambda x: linalg.logm(-x).real,
    "schur": lambda x: linalg.schur(x)[0],
    "hessenberg": lambda x: linalg.hessenberg(x),
    "polar": lambda x: linalg.polar(x)[0],
    "funm": lambda x: linalg.funm(x, np.exp),
    "csr_matrix": lambda x: pytest.importorskip("scipy.sparse").csr_matrix(x).sum(),
    "dpotrf": lambda x: linalg.lapack.dpotrf(x)[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name):
    with pytest.raises(TapelessError, match=name):
        grad(lambda x: np.sum(REFUSED[name](x)))(A)
