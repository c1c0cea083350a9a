"""Products, traces and np.einsum: values and dtypes against NumPy, gradients against differences."""

import numpy as np
import pytest
from slopes import KINDS, check, draw

from tapeless import grad, value_and_grad

LA = np.linalg

# --------------------------------------------------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", KINDS)
def test_products_of_vectors(dtype):
    a, b = draw(4, 3, dtype=dtype), draw(3, dtype=dtype)
    check(np.cross, a, b)
    check(LA.cross, a, b[None])
    check(lambda a, b: np.cross(a, b, axisa=0, axisc=0), a.T.copy(), b)
    check(lambda a, b: LA.cross(a, b, axis=0), a.T.copy(), b[:, None] + a.T)
    check(LA.outer, a[0], b)
    check(LA.vecdot, a, b)
    check(lambda a, b: LA.vecdot(a, b, axis=0), a.T.copy(), a.T.copy())
    check(np.vecdot, a, b)
    check(lambda a, b: np.vecdot(a, b, axis=0), a.T.copy(), b[:, None])
    check(lambda a, b: np.vecdot(a, b, keepdims=True), a, b)
    check(lambda a, b: np.vecdot(a, b, axes=[0, -1]), a.T.copy(), b)
    for m, n in (((), ()), ((), (2, 3)), ((3,), (3,)), ((2, 3), (3,)), ((2, 4, 3), (5, 3))):
        check(np.inner, draw(*m, dtype=dtype)[()], draw(*n, dtype=dtype)[()], second=False)
    for m, n in (((), (2,)), ((3,), (3,)), ((2, 3), (3, 4)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)), ((2, 3), (5, 3, 2))):
        check(np.dot, draw(*m, dtype=dtype)[()], draw(*n, dtype=dtype)[()], second=False)
    check(np.vdot, draw(2, 3, dtype=dtype), draw(6, dtype=dtype).reshape(2, 3))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) >= "2.5.0", reason="NumPy 2.5 takes three dimensions only")
def test_vectors_in_a_plane():
    with pytest.warns(DeprecationWarning, match="2-dimensional vectors"):
        expected = np.cross(np.ones((4, 2)), np.arange(3.0))
    g = value_and_grad(lambda a, b: (np.sum(np.cross(a, b) ** 2), np.cross(a, b)), (0, 1), has_aux=True)
    (_, found), _ = g(np.ones((4, 2)), np.arange(3.0))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="since NumPy 2.2")
@pytest.mark.parametrize("dtype", KINDS)
def test_products_of_matrices_and_vectors(dtype):
    a, x = draw(5, 2, 3, dtype=dtype), draw(5, 3, dtype=dtype)
    check(np.matvec, a, x)
    check(np.matvec, a, x[0])
    check(np.vecmat, draw(2, dtype=dtype), a)
    check(lambda a, x: np.matvec(a, x, axes=[(0, 1), 0, -1]), draw(2, 3, 5, dtype=dtype), draw(3, 5, dtype=dtype))
    check(lambda a, x: np.vecmat(x, a, axes=[0, (-2, -1), 0]), a, draw(2, 5, dtype=dtype))


@pytest.mark.parametrize("dtype", KINDS)
def test_products_of_matrices(dtype):
    a, b = draw(2, 3, 4, dtype=dtype), draw(4, 3, dtype=dtype)
    check(LA.matmul, a, b)
    check(lambda a, b: np.matmul(a, b, axes=[(0, 1), (-1, -2), (0, 1)]), draw(2, 3, 4), draw(4, 3))
    check(lambda a, b: LA.tensordot(a, b, axes=1), a, b)
    check(lambda a, b: LA.tensordot(a, b, axes=((1, 2), (1, 0))), a, b)
    check(np.kron, draw(2, 3, dtype=dtype), draw(3, 2, dtype=dtype))
    check(np.kron, draw(2, dtype=dtype), a)
    for shapes in (((2, 3), (3, 4)), ((2, 3), (3, 4), (4, 5)), ((5, 2), (2, 6), (6, 3)), ((2,), (2, 3), (3,))):
        check(lambda *m: LA.multi_dot(m), *(draw(*s, dtype=dtype) for s in shapes), second=False)
    for shapes in (
        ((3, 2), (2, 6), (6, 1), (1, 4)),
        ((4,), (4, 2), (2, 5), (5, 3)),
        ((2, 3), (3, 9), (9, 1), (1, 5), (5,)),
    ):
        check(lambda *m: LA.multi_dot(m), *(draw(*s, dtype=dtype) for s in shapes), second=False)


@pytest.mark.parametrize("offset", [0, 1, -2, 9])
@pytest.mark.parametrize("axes", [(0, 1), (2, 0), (-1, -3), (1, 2)])
def test_trace(offset, axes):
    check(lambda x: np.trace(x, offset, *axes), draw(2, 3, 4, 3))
    check(lambda x: x.trace(offset=offset, axis1=axes[0], axis2=axes[1]), draw(2, 3, 4))


def test_trace_of_other_dtypes():
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    value, d = value_and_grad(lambda x: np.trace(x, dtype=float))(x)
    assert value.dtype == float
    assert d.dtype == np.float32
    out = grad(lambda x: np.trace(x * x, out=np.zeros(())))(x.astype(float))
    np.testing.assert_array_equal(out, 2 * x * np.eye(3))


FORMS = [
    ("ij,jk", (2, 3), (3, 4)),
    ("ij , jk -> k i", (2, 3), (3, 4)),
    ("ii", (3, 3)),
    ("iij->ji", (2, 2, 3)),
    ("...ii->...", (2, 3, 3)),
    ("...ij,...jk", (2, 1, 2, 3), (4, 3, 2)),
    ("i...->...", (2, 3)),
    ("i...j,j...->i...", (2, 4, 3), (3, 4)),
    ("ba", (2, 3)),
    ("i,j,k->kij", (2,), (3,), (4,)),
    ("ijij", (2, 3, 2, 3)),
    ("...,...", (2, 3), (3,)),
    ("->", ()),
    ("Ab,bA->bA", (2, 3), (3, 2)),
    ("ij->", (0, 2)),
    ("ij,ij->i", (2, 1), (2, 3)),
    ("i,->i", (3,), ()),
]


@pytest.mark.parametrize(("text", "shapes"), [(form[0], form[1:]) for form in FORMS])
@pytest.mark.parametrize("dtype", KINDS)
def test_einsum(text, shapes, dtype):
    operands = [draw(*s, dtype=dtype)[()] for s in shapes]
    check(lambda *x: np.einsum(text, *x), *operands, second=dtype is float)


@pytest.mark.parametrize(
    "optimize", [True, "greedy", "optimal", ("greedy", 1000), ["einsum_path", (1, 2), (0, 1)], None]
)
def test_einsum_in_other_orders(optimize):
    check(lambda a, b, c: np.einsum("ij,jk,kl", a, b, c, optimize=optimize), draw(2, 3), draw(3, 4), draw(4, 2))


def test_einsum_with_lists():
    a, b = draw(2, 3), draw(3, 4)
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), a, b)
    check(lambda a, b: np.einsum(a, [5, 1], b, [1, 30], [30, 5]), a, b)
    check(lambda a: np.einsum(a, [Ellipsis, 0], [Ellipsis]), a)
    check(lambda a, b: np.einsum("ij,jk", a, b, dtype=complex), a, b, second=False)


def test_einsum_into_an_array():
    def f(a, b):
        y = np.zeros((2, 4))
        z = np.einsum("ij,jk->ik", a, b, out=y)
        return np.sum(y**2) + np.sum(z), y

    check(lambda a, b: f(a, b)[1], draw(2, 3), draw(3, 4))
    check(lambda a, b: np.linalg.multi_dot([a, b, b.T], out=np.zeros((2, 3))), draw(2, 3), draw(3, 4))


def test_einsum_path_is_numpys():
    a, b, c = draw(2, 3), draw(3, 4), draw(4, 2)
    seen = []

    def f(a, b, c):
        seen.append(np.einsum_path("ij,jk,kl", a, b, c, optimize="optimal"))
        return np.einsum("ij,jk,kl->", a, b, c, optimize=seen[-1][0])

    check(f, a, b, c, second=False)
    assert seen[0] == np.einsum_path("ij,jk,kl", a, b, c, optimize="optimal")


WIDE = [
    ("ij,jk->ki", {"i": 3, "j": 4, "k": 2}, ".dot("),
    ("ijk,ljk->li", {"i": 3, "j": 4, "k": 2, "l": 5}, "np.tensordot("),
    ("bqhd,bkhd->bhqk", {"b": 2, "q": 3, "h": 2, "d": 4, "k": 5}, "@"),
    ("ab,bc,cd,de->ae", {"a": 2, "b": 3, "c": 4, "d": 5, "e": 2}, ".dot("),
    ("pi,ijk,jl,klq->pq", {"p": 2, "i": 3, "j": 4, "k": 3, "l": 2, "q": 5}, "np.tensordot("),
    ("ij,k->ikj", {"i": 2, "j": 3, "k": 4}, "*"),
    (",ij->ij", {"i": 2, "j": 3}, "*"),
]


@pytest.mark.parametrize(("text", "sizes", "product"), WIDE)
@pytest.mark.parametrize("optimize", [False, True])
def test_the_adjoint_of_einsum_is_products_of_pairs(text, sizes, product, optimize):
    """No order is searched for when the gradient runs."""
    operands = [draw(*(sizes[c] for c in term))[()] for term in text.split("->")[0].split(",")]
    g = value_and_grad(
        lambda *x: np.sum(np.einsum(text, *x, optimize=optimize) ** 2), argnums=tuple(range(len(operands)))
    )
    value, _ = g(*operands)
    assert value == np.sum(np.einsum(text, *operands, optimize=optimize) ** 2)
    lines = g.source.split("# backward")[1].splitlines()
    backward = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert product in backward
    assert "einsum(" not in backward
    check(lambda *x: np.einsum(text, *x, optimize=optimize), *operands)


def test_einsum_multiplies_in_the_precision_of_the_result():
    """Without `optimize` NumPy converts all operands first, also booleans, of which a sum would be True."""
    mask, single, double = np.array([[True, True], [True, False]]), draw(2, dtype=np.float32), draw(2)
    tiny = np.float32(1e-30)
    (d,) = [grad(lambda x: np.einsum("ij,jk,k->i", mask, mask, x).sum())(double)]
    np.testing.assert_array_equal(d, (mask.astype(float) @ mask).sum(axis=0))
    d = grad(lambda x: np.einsum("i,i,i->", single * tiny, single * tiny, x))(double)
    np.testing.assert_allclose(d, np.float64(single * tiny) ** 2, rtol=1e-12)


def test_broadcast_einsum_finds_its_order_once():
    a, b, c = draw(2, 1), draw(2, 3), draw(3, 4)
    g = grad(lambda a, b, c: np.einsum("ij,ij,jk->ik", a, b, c).sum(), argnums=(0, 1, 2))
    g(a, b, c)
    assert "optimize=True" not in g.source
    check(lambda a, b, c: np.einsum("ij,ij,jk->ik", a, b, c), a, b, c)
