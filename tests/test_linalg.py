"""numpy.linalg: values and dtypes against NumPy, gradients against differences."""

import numpy as np
import pytest
from slopes import KINDS, check, draw, leaves, regular, slope, weighted

from tapeless import fori_loop, grad, value_and_grad
from tapeless.ir.ops.decompositions import ALWAYS_COMPLEX

LA = np.linalg

SQUARE = {
    "inv": LA.inv,
    "det": LA.det,
    "slogdet": LA.slogdet,
    "pinv": LA.pinv,
    "cholesky": lambda a: LA.cholesky(a @ np.conj(np.swapaxes(a, -1, -2))),
    "cholesky upper": lambda a: LA.cholesky(a @ np.conj(np.swapaxes(a, -1, -2)), upper=True),
    "qr": LA.qr,
    "qr r": lambda a: LA.qr(a, "r"),
    "qr complete": lambda a: LA.qr(a, mode="complete"),
    "svdvals": LA.svdvals,
    "svd values": lambda a: LA.svd(a, compute_uv=False),
    "eigvalsh": LA.eigvalsh,
    "eigvalsh U": lambda a: LA.eigvalsh(a, UPLO="U"),
    "eig": LA.eig,
    "eigvals": LA.eigvals,
    "power": lambda a: LA.matrix_power(a, 5),
    "power 0": lambda a: a + LA.matrix_power(a, 0),
    "power 3": lambda a: LA.matrix_power(a, 3),
    "power -2": lambda a: LA.matrix_power(a, -2),
    "trace": LA.trace,
    "trace offset": lambda a: np.trace(a, 1, -1, -2),
    "diagonal": lambda a: LA.diagonal(a, offset=1),
    "transpose": LA.matrix_transpose,
    "matrix_norm": LA.matrix_norm,
    "nuc": lambda a: LA.matrix_norm(a, ord="nuc", keepdims=True),
    "vector_norm": lambda a: LA.vector_norm(a, ord=3, axis=(-1, -2)),
    "cond": LA.cond,
    "cond fro": lambda a: LA.cond(a, "fro"),
}


@pytest.mark.parametrize("name", SQUARE)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (2, 1, 2, 2), (1, 1)])
def test_square_matrices(name, dtype, shape):
    if shape == (1, 1) and name in ("diagonal", "trace offset"):
        return
    second = dtype is float and name in ("eig", "power", "trace", "matrix_norm", "cond") and shape == (3, 3)
    check(SQUARE[name], regular(*shape, dtype=dtype), second=second)
    if shape == (3, 3):
        check(SQUARE[name], np.asfortranarray(regular(*shape, dtype=dtype)), second=False)


ANY_SIZE = [name for name in SQUARE if name not in ("cond", "cond fro", "diagonal", "trace offset", "nuc")]


@pytest.mark.parametrize("name", ANY_SIZE)
@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
def test_without_elements(name, shape):
    f = SQUARE[name]
    x = np.zeros(shape)
    loss = weighted(f)
    (_, results), g = value_and_grad(loss, has_aux=True)(x)
    for one, other in zip(results, loss(x)[1], strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
    assert g.shape == shape


@pytest.mark.parametrize("name", SQUARE)
def test_single_precision_and_integers(name):
    loss = weighted(SQUARE[name])
    x = regular(3, 3)
    wide = grad(lambda x: loss(x)[0])(x)
    for dtype in (np.float32, np.complex64):
        x_low = x.astype(dtype)
        (_, results), g = value_and_grad(loss, has_aux=True)(x_low)
        assert g.dtype == dtype
        for one, other in zip(results, loss(x_low)[1], strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype
        if dtype is np.float32:
            np.testing.assert_allclose(g, wide, rtol=2e-3, atol=2e-3)
    if name.startswith(("power", "trace", "diagonal", "transpose")):
        return
    whole = np.array([[3, 1], [1, 5]])
    (_, results), _ = value_and_grad(lambda x, s: (s * loss(x)[0], loss(x)[1]), 1, has_aux=True)(whole, 1.0)
    for one, other in zip(results, loss(whole)[1], strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype


OBLONG = {
    "pinv": LA.pinv,
    "qr": LA.qr,
    "qr r": lambda a: LA.qr(a, mode="r"),
    "svdvals": LA.svdvals,
    "trace": LA.trace,
    "norm 2": lambda a: LA.norm(a, 2, axis=(-2, -1)),
    "norm -2": lambda a: LA.norm(a, -2, axis=(-1, -2), keepdims=True),
    "space": lambda a: [q @ np.conj(np.swapaxes(q, -1, -2)) for q in [LA.qr(a, "complete").Q[..., 2:]]],
    "svd": lambda a: [np.abs(y) for y in LA.svd(a, full_matrices=False)],
    "svd full": lambda a: [u[..., 2:] @ np.conj(np.swapaxes(u[..., 2:], -1, -2)) for u in [LA.svd(a).U]],
    "svd full right": lambda a: [np.conj(np.swapaxes(v[..., 2:, :], -1, -2)) @ v[..., 2:, :] for v in [LA.svd(a).Vh]],
    "svd product": lambda a: [(u[..., :2] * np.sqrt(s[..., None, :2])) @ vh[..., :2, :] for u, s, vh in [LA.svd(a)]],
}


@pytest.mark.parametrize("name", OBLONG)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 2), (3, 2, 5), (2, 5, 2)])
def test_oblong_matrices(name, dtype, shape):
    check(OBLONG[name], draw(*shape, dtype=dtype), second=shape == (3, 2) and dtype is float)


def invariant(w, v):
    """What does not depend on the phase of eigenvectors."""
    return [
        w,
        np.abs(v),
        (v * np.exp(0.3 * w[..., None, :])) @ np.conj(np.swapaxes(v, -1, -2)),
        v[..., :1] * np.conj(v[..., :1, :1]),
    ]


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
@pytest.mark.parametrize("uplo", ["L", "U", "l"])
def test_eigenvectors_of_hermitian_matrices(dtype, shape, uplo):
    check(lambda a: invariant(*LA.eigh(a, UPLO=uplo)), regular(*shape, dtype=dtype), second=dtype is float)


@pytest.mark.parametrize("f", [LA.eigh, lambda a: LA.eigh(a).eigenvectors, lambda a: LA.eigh(a)[0], LA.qr, LA.svd])
def test_some_results_alone(f):
    check(f, regular(3, 3))


@pytest.mark.parametrize("part", range(3))
def test_one_factor_of_three(part):
    check(lambda a: LA.svd(a, full_matrices=False)[part], draw(4, 3))
    check(lambda a: np.abs(LA.svd(a, full_matrices=False)[part]), draw(2, 3, 2, dtype=complex), second=False)


def test_hermitian_keyword():
    for dtype in KINDS:
        a = regular(3, 3, dtype=dtype)
        a[1, 1] = -4.0
        check(lambda a: LA.svd(a, hermitian=True, compute_uv=False), a)
        check(lambda a: [np.abs(y) for y in LA.svd(a, hermitian=True)], a, second=False)
        check(lambda a: LA.pinv(a, hermitian=True), a)


def test_eigenvalues_of_a_real_matrix_may_be_complex():
    def f(a):
        return np.sum(np.abs(LA.eigvals(a)) ** 3) + np.sum(np.abs(LA.eig(a)[1]) ** 4)

    g = value_and_grad(f)
    for a in (regular(3, 3), np.array([[0.2, 1.0, 0.3], [-1.1, 0.1, 0.2], [0.3, 0.2, 2.0]]), regular(3, 3)):
        value, d = g(a)
        assert value == pytest.approx(f(a))
        direction = draw(3, 3, seed=5)
        np.testing.assert_allclose(np.sum(d * direction), slope(lambda a: (f(a),), [a], 0, direction), rtol=1e-6)
    turning = np.array([[0.2, 1.0, 0.3], [-1.1, 0.1, 0.2], [0.3, 0.2, 2.0]])
    check(LA.eig, turning)
    check(LA.eigvals, np.stack([turning, regular(3, 3)]))
    assert g.cache_info().paths == (1 if ALWAYS_COMPLEX else 2)


# ---------------------------------------------------------------------------------------------------------- systems


@pytest.mark.parametrize("kinds", [(float, float), (complex, float), (float, complex), (complex, complex)])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (3,)),
        ((2, 3, 3), (3, 1)),
        ((2, 3, 3), (2, 3, 2)),
        ((3, 3), (2, 3, 2)),
        ((4, 1, 3, 3), (2, 3, 1)),
        ((1, 1), (1,)),
    ],
)
def test_solve(kinds, a, b):
    check(LA.solve, regular(*a, dtype=kinds[0]), draw(*b, dtype=kinds[1]), second=kinds == (float, float))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("a", "b"), [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3, 1)), ((4, 1), (4,))]
)
def test_lstsq(dtype, a, b):
    a, b = draw(*a, dtype=dtype) + 2 * np.eye(*a), draw(*b, dtype=dtype)
    check(lambda a, b: LA.lstsq(a, b)[0], a, b)
    check(lambda a, b: LA.lstsq(a, b, rcond=1e-8)[0], a, b)
    check(LA.lstsq, a, b, second=False)


def test_lstsq_of_matrices_that_keep_their_rank():
    u, v, b = draw(4, 1), draw(1, 3), draw(4)
    check(lambda u, v, b: LA.lstsq(u @ v, b, rcond=1e-10)[0], u, v, b)
    check(lambda u, v: LA.pinv(u @ v, rcond=1e-10), u, v)
    g = grad(lambda u, v, b: LA.lstsq(u @ v, b, rcond=1e-10)[1].sum() + np.sum(b**2), 2)
    np.testing.assert_allclose(g(u, v, b), 2 * b)  # NumPy returns no residuals then


def test_lstsq_source_assumes_a_rank_only_for_residuals():
    a, b = draw(4, 2), draw(4)
    alone = grad(lambda a, b: np.sum(LA.lstsq(a, b)[0] ** 2))
    alone(a, b)
    assert "GuardMiss" not in alone.source

    def unpacked(a, b):
        x, _, _, _ = LA.lstsq(a, b)
        return np.sum(x**2)

    ignored = grad(unpacked)
    np.testing.assert_array_equal(ignored(a, b), alone(a, b))
    assert "GuardMiss" not in ignored.source
    both = grad(lambda a, b: np.sum(LA.lstsq(a, b)[1]))
    both(a, b)
    assert "GuardMiss" in both.source


def test_tensor_equations():
    check(LA.tensorsolve, draw(2, 3, 6), draw(2, 3))
    check(lambda a, b: LA.tensorsolve(a, b, axes=(0, 2)), draw(3, 6, 2), draw(6))
    check(LA.tensorinv, draw(2, 3, 6))
    check(lambda a: LA.tensorinv(a, ind=1), draw(4, 2, 2))


def test_triangles_that_are_not_read_have_no_gradient():
    for f in (lambda a: LA.eigvalsh(a).sum() ** 2, lambda a: LA.cholesky(a).sum()):
        assert np.all(np.triu(grad(f)(regular(3, 3) @ np.eye(3) + 3 * np.eye(3)), 1) == 0)


def test_values_of_a_repeated_eigenvalue_have_a_gradient():
    np.testing.assert_allclose(grad(lambda a: np.sum(LA.eigvalsh(a) ** 2))(np.eye(3)), 2 * np.eye(3))
    np.testing.assert_allclose(grad(lambda a: LA.norm(a, "nuc"))(2 * np.eye(3)), np.eye(3))
    with np.errstate(all="ignore"):  # a gradient through the vectors is visibly none
        d = grad(lambda a: np.sum(LA.eigh(a)[1] ** 3))(np.eye(3))
    assert not np.isfinite(d).all()


# ------------------------------------------------------------------------------------------------------------ norms

ORDERS = [None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf, 0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", KINDS)
def test_vector_norms(order, dtype):
    x = draw(3, 4, dtype=dtype) + 0.1
    for axis, keepdims in ((0, False), (-1, True), (1, False)):
        check(lambda x, a=axis, k=keepdims: LA.norm(x, order, a, k), x, second=order == 3)
        check(lambda x, a=axis, k=keepdims: LA.vector_norm(x, axis=a, keepdims=k, ord=order), x, second=False)
    check(lambda x: LA.norm(x, ord=order), x[0], second=False)
    check(lambda x: LA.vector_norm(x, ord=2 if order is None else order, axis=(1, 0)), x, second=False)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", KINDS)
def test_matrix_norms(order, dtype):
    x = draw(2, 3, 4, dtype=dtype)
    for axis, keepdims in (((0, 1), False), ((-1, 0), True), ((2, 1), False)):
        check(lambda x, a=axis, k=keepdims: LA.norm(x, order, a, k), x, second=False)
    check(lambda x: LA.norm(x, order), x[0], second=dtype is float)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0.5, 2.5])
@pytest.mark.parametrize("dtype", KINDS)
def test_norms_of_zeros_have_gradient_zero(order, dtype):
    x = np.zeros((2, 2), dtype)
    np.testing.assert_array_equal(grad(lambda x: LA.norm(x, order, axis=1).sum())(x), x)
    assert not grad(LA.norm)(x).any()


@pytest.mark.parametrize("p", [None, 1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"])
def test_cond(p):
    check(lambda x: LA.cond(x, p), regular(3, 3), second=False)
    check(lambda x: LA.cond(x, p), regular(2, 2, 2, dtype=complex), second=False)


# ---------------------------------------------------------------------------------------------------------- errors

WRONG = {
    "not square": (LA.inv, (2, 3)),
    "a vector": (LA.det, (3,)),
    "no eigenvalues": (LA.eigh, (2, 3)),
    "eig": (LA.eig, (2, 3)),
    "solve": (lambda a: LA.solve(a, np.ones(4)), (3, 3)),
    "solve a stack": (lambda a: LA.solve(a, np.ones((2, 4, 1))), (3, 3)),
    "lstsq": (lambda a: LA.lstsq(a, np.ones(4)), (3, 3)),
    "svd": (LA.svd, (3,)),
    "qr": (LA.qr, (3,)),
    "qr mode": (lambda a: LA.qr(a, "best"), (3, 3)),
    "uplo": (lambda a: LA.eigh(a, "X"), (3, 3)),
    "norm": (lambda a: LA.norm(a, "bad"), (3, 3)),
    "norm of three": (lambda a: LA.norm(a, 2), (2, 2, 2)),
    "axes": (lambda a: LA.norm(a, 1, (0, 0)), (2, 2)),
    "power": (lambda a: LA.matrix_power(a, 0.5), (2, 2)),
    "power of an oblong": (lambda a: LA.matrix_power(a, 2), (2, 3)),
    "multi_dot": (lambda a: LA.multi_dot([a]), (2, 2)),
    "einsum": (lambda a: np.einsum("ij->ii", a), (2, 2)),
    "einsum ranks": (lambda a: np.einsum("ijk", a), (2, 2)),
    "einsum lengths": (lambda a: np.einsum("ii", a), (2, 3)),
    "einsum output": (lambda a: np.einsum("ij->k", a), (2, 3)),
    "outer": (lambda a: LA.outer(a, a), (2, 3)),
    "linalg cross": (lambda a: LA.cross(a, a), (2, 2)),
    "cross": (lambda a: np.cross(a, a), (2, 4)),
    "trace": (np.trace, (2,)),
    "trace axes": (lambda a: np.trace(a, 0, 1, 1), (2, 2)),
    "tensorsolve": (lambda a: LA.tensorsolve(a, np.ones(2)), (2, 3)),
    "tensorinv": (lambda a: LA.tensorinv(a, 0), (2, 2)),
    "empty cond": (LA.cond, (0, 0)),
    "vecdot": (lambda a: np.vecdot(a, np.ones(4)), (2, 3)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_raise_numpys_error(name):
    f, shape = WRONG[name]
    x = draw(*shape)
    with pytest.raises(Exception) as expected:  # noqa: PT011
        f(x)
    g = grad(lambda x: sum(np.sum(y) for y in leaves(f(x))))
    with pytest.raises(type(expected.value)) as found:
        g(x)
    assert str(found.value).strip() == str(expected.value).strip()


def test_linalg_errors_pass_through():
    with pytest.raises(LA.LinAlgError, match="Singular matrix"):
        grad(lambda a: LA.inv(a).sum())(np.ones((2, 2)))
    with pytest.raises(LA.LinAlgError, match="positive definite"):
        grad(lambda a: LA.cholesky(a).sum())(-np.eye(2))
    with pytest.raises(LA.LinAlgError, match="Singular matrix"):
        grad(LA.det)(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="float16 is unsupported in linalg"):
        grad(LA.det)(np.eye(2, dtype=np.float16))


def test_what_is_refused_is_named():
    with pytest.raises(NotImplementedError, match="raw"):
        grad(lambda a: LA.qr(a, "raw")[0].sum())(np.eye(2))
    with pytest.raises(NotImplementedError, match=r"rcond= of np\.linalg\.pinv"):
        grad(lambda a: LA.pinv(a, rcond=np.array([1e-3, 1e-2])).sum())(np.ones((2, 2, 2)))


def test_a_traced_order_is_refused():
    with pytest.raises(NotImplementedError, match="a traced float64 as a keyword"):
        grad(lambda x: LA.norm(x, x[0]))(np.ones(3))


def test_ranks_are_numbers():
    def f(a):
        return np.sum(a**2) * LA.matrix_rank(a) if LA.matrix_rank(a, tol=1e-8) > 1 else np.sum(a)

    np.testing.assert_allclose(grad(f)(np.eye(3)), 6 * np.eye(3))
    np.testing.assert_allclose(grad(f)(np.ones((3, 3))), np.ones((3, 3)))


def test_the_source_is_what_a_person_would_write():
    def f(A, b):
        x = np.linalg.solve(A, b)
        return np.sum(x**2)

    g = grad(f, (0, 1))
    g(regular(3, 3), draw(3))
    assert "db = np.linalg.solve(A.T, dx)\n" in g.source
    assert "dA = -db[:, None] * x\n" in g.source

    def h(A):
        w, V = np.linalg.eigh(A)
        return np.sum(w**2) + V[0, 0]

    g = grad(h)
    g(regular(3, 3))
    assert "w, V = np.linalg.eigh(A)\n" in g.source
    assert "/ np.where(np.eye(3, dtype=bool), np.inf, w - w[:, None])" in g.source


def test_what_a_call_returns_may_be_written_and_looped_over():
    def f(a):
        a = a.copy()
        w, v = LA.eigh(a)
        w[0] = 0.0
        v *= 2
        b = LA.matrix_power(a, 1)
        b[0, 0] = 3.0  # a itself
        return [w, np.abs(v), LA.inv(a)]

    check(f, regular(3, 3), second=False)

    def g(a):
        x = np.eye(3)
        for _ in range(3):
            x, r = LA.qr(a @ x)
        return x, r

    check(g, regular(3, 3), second=False)

    def body(i, x):
        w, v = LA.eigh(x)
        return LA.solve(x + 5 * np.eye(3), v * w)

    check(lambda a: fori_loop(0, 3, body, a), regular(3, 3), second=False)


def test_an_underscore_of_the_user_is_not_lost():
    def f(a):
        _ = np.sum(a**2)
        w = LA.eigh(a).eigenvalues
        return [_ * w, LA.qr(a).Q]

    check(f, regular(3, 3))


def test_results_are_numpys_named_tuples():
    @grad
    def f(a):
        for call in (LA.eigh, LA.eig, LA.qr, LA.svd, LA.slogdet):
            assert type(call(a)) is type(call(np.eye(2)))
        assert len(LA.lstsq(a, a[0])) == 4
        return LA.eigh(a).eigenvalues[0] + LA.qr(a).R[0, 0] + LA.svd(a).S[0] + LA.slogdet(a).logabsdet

    assert f(regular(3, 3)).shape == (3, 3)
