"""Shapes, joins, splits, padding and spacing: NumPy's values and views, and the slopes of the functions."""

import numpy as np
import pytest
from slopes import check, draw

from tapeless import grad, value_and_grad

X, CUBE, ROW = draw(3, 4), draw(2, 3, 4), draw(6)
F = np.asfortranarray(X)
A, B = np.arange(12.0).reshape(3, 4) / 5 + 0.3, np.arange(4.0) - 1.3

REARRANGED = [
    (lambda x: x.reshape(4, 3), X),
    (lambda x: np.reshape(x, (2, -1), order="F"), X),
    (lambda x: np.reshape((2 * x).T, (3, 4), order="A"), X),
    (lambda x: (2 * x).T.reshape((6, 2), order="F"), X),
    (lambda x: np.ravel(x, order="F"), X),
    (lambda x: np.ravel((2 * x).T, order="A"), X),
    (lambda x: np.ravel((2 * x).T, order="K"), X),
    (lambda x: np.ravel(x.transpose(2, 0, 1), order="K"), CUBE),
    (lambda x: np.ravel(x[::-1].transpose(1, 2, 0), "K"), CUBE),
    (lambda x: x.flatten("F"), X),
    (lambda x: (2 * x).T.flatten("A"), X),
    (lambda x: np.resize(x, (5, 7)), X),
    (lambda x: np.resize(x, 5), X),
    (lambda x: np.permute_dims(x, (-1, 0, 1)), CUBE),
    (lambda x: x.mT, CUBE),
    (lambda x: np.linalg.matrix_transpose(x), CUBE),
    (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), CUBE),
    (lambda x: np.rollaxis(x, -1, 1), CUBE),
    (lambda x: np.rollaxis(x, 0, 3), CUBE),
    (lambda x: np.rot90(x, 3, axes=(0, 2)), CUBE),
    (lambda x: (np.fliplr(x), np.flipud(x)), X),
    (lambda x: np.roll(x, 2), X),
    (lambda x: np.roll(x, (1, -2), axis=(0, 0)), CUBE),
    (lambda x: np.roll(x, 1, axis=(0, 1)), X),
    (lambda x: np.tile(x, (2, 3, 1)), X),
    (lambda x: np.tile(x, 0), X),
    (lambda x: np.repeat(x, np.array([1, 2, 0, 1]), 1), X),
    (lambda x: x.repeat([2, 0, 1], 0), X),
    (lambda x: np.broadcast_arrays(x, B, 1.0), X),
    (lambda x: np.atleast_1d(x, 1.0), X),
    (lambda x: np.atleast_2d(x[0], x, 2.0), X),
    (lambda x: np.atleast_3d(x, 1.0, x[0]), X),
]
JOINED = [
    (lambda x: np.block([[x, x], [A, 2 * x]]), X),
    (lambda x: np.block([[x[0], 1.0], [B, x[1, 1]]]), X),
    (lambda x: np.block([[x], [B[None]]]), X),
    (lambda x: np.concatenate([x, x[:1]], axis=None), X),
    (lambda x: np.concatenate(x, axis=1), CUBE),
    (lambda x: np.concatenate([x, A], out=np.zeros((6, 4))) * 2, X),
    (lambda x: np.stack(x), X),
    (lambda x: np.vstack(x), X),
    (lambda x: np.hstack([x, 1.0, x]), ROW),
    (lambda x: np.dstack([x, x]), ROW),
    (lambda x: np.dstack([x, A]), X),
    (lambda x: np.column_stack([x, x[:, 0]]), X),
    (lambda x: np.split(x, [1, 9], 1), X),
    (lambda x: np.split(x, [3, 1], 1), X),
    (lambda x: np.array_split(x, 5), X),
    (lambda x: np.hsplit(x, 2), X),
    (lambda x: np.hsplit(x, 3), ROW),
    (lambda x: np.vsplit(x, [1]), X),
    (lambda x: np.dsplit(x, 2), CUBE),
    (lambda x: np.append(x, 1.0), X),
    (lambda x: np.append(A, x, axis=1), X),
    (lambda x: np.insert(x, 2, x[0]), ROW),
    (lambda x: np.insert(x, [1, 1], x[:2]), ROW),
    (lambda x: np.insert(x, slice(1, 3), 2.0), ROW),
    (lambda x: np.insert(x, np.array([True, False, True, False, False, False]), 2.0), ROW),
    (lambda x: np.insert(x, 1, x[0] * 2, axis=0), X),
    (lambda x: np.insert(x, [1, 2], 3.0, axis=1), X),
    (lambda x: np.insert(x, [], 1.0, axis=0), X),
    (lambda x: np.insert(B, 1, x[0, 0]), X),
    (lambda x: np.delete(x, [0, 2]), ROW),
    (lambda x: np.delete(x, slice(None, None, 2)), ROW),
    (lambda x: np.delete(x, [0, -1], axis=1), X),
    (lambda x: np.delete(x, x > 0), ROW),
    (lambda x: np.delete(x, []), ROW),
    (lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)])), ROW),
    (lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)]), "b"), ROW),
]
PADDED = [
    *((lambda x, m=m, w=w: np.pad(x, w, mode=m), X) for m in ("edge", "wrap", "reflect", "symmetric") for w in (1, 7)),
    *(
        (lambda x, m=m, w=w: np.pad(x, w, mode=m), X)
        for m in ("linear_ramp", "maximum", "minimum", "mean", "median")
        for w in (2, ((2, 1), (0, 3)))
    ),
    (lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), X),
    (lambda x: np.pad(x, ((1,), (2,)), constant_values=2.0), X),
    (lambda x: np.pad(x, 1, constant_values=x[0, 0]), X),
    (lambda x: np.pad(x, 1, constant_values=((x[0, 0], 2), (3, x[1, 1]))), X),
    (lambda x: np.pad(x, 1, constant_values=B[:2]), X),
    (lambda x: np.pad(x, 4, mode="reflect", reflect_type="odd"), X),
    (lambda x: np.pad(x, 5, mode="symmetric", reflect_type="odd"), X),
    (lambda x: np.pad(x, 2, mode="linear_ramp", end_values=(1.0, x[0, 0])), X),
    (lambda x: np.pad(x, 2, mode="maximum", stat_length=2), X),
    (lambda x: np.pad(x, ((2, 1), (1, 3)), mode="mean", stat_length=((2, 1), (1, 2))), X),
    (lambda x: np.pad(x, 1, mode="empty")[1:-1, 1:-1], X),
    (lambda x: np.pad(x, 1, lambda v, w, a, k: v.__setitem__(0, k["p"] * v[w[0]]), p=x[0, 0]), X),
    (lambda x: np.pad(np.arange(4), 1, constant_values=x[0, 0]), X),
]
SPACED = [
    (lambda x: np.linspace(x[0], x[1], 5), X),
    (lambda x: np.linspace(x[0], 1, 4, endpoint=False, axis=-1), X),
    (lambda x: np.linspace(1.0, x[0], 5, retstep=True), ROW),
    (lambda x: np.linspace(x[0], x[1], 1), ROW),
    (lambda x: np.geomspace(2 + x[0] ** 2, 3.0, 4), ROW),
    (lambda x: np.geomspace(-1 - x[:2] ** 2, -3.0, 4, endpoint=False, axis=1), ROW),
    (lambda x: np.logspace(x[0], 1.0, 4), ROW),
    (lambda x: np.logspace(0.0, 1.0, 4, base=2 + x[0] ** 2), ROW),
    (lambda x: np.logspace(0.0, x[:2], 3, base=2 + x[2:4] ** 2), ROW),
    (lambda x: np.arange(x[0], x[0] + 2.2, 0.5), ROW),
    (lambda x: np.arange(3.0, -2.2, -(1 + x[0] ** 2)), ROW),
]
if hasattr(np, "unstack"):
    JOINED.append((lambda x: np.unstack(x, axis=1), X))


@pytest.mark.parametrize(("f", "x"), REARRANGED)
def test_rearranged(f, x):
    check(f, x)


@pytest.mark.parametrize(("f", "x"), JOINED)
def test_joined_and_split(f, x):
    check(f, x)


@pytest.mark.parametrize(("f", "x"), PADDED)
def test_padded(f, x):
    check(f, x)


@pytest.mark.parametrize(("f", "x"), SPACED)
def test_spaced(f, x):
    check(f, x)


@pytest.mark.parametrize(("f", "x"), [*REARRANGED[:12], *JOINED[:4], *PADDED[:18], *SPACED[:5]])
def test_single_precision(f, x):
    x = x.astype(np.float32)

    def loss(x):
        results = f(x)
        results = [*results] if isinstance(results, tuple | list) else [results]
        return sum(np.sum(np.arange(1, r.size + 1, dtype=np.float32).reshape(r.shape) * r) for r in results), results

    (_, found), g = value_and_grad(loss, has_aux=True)(x)
    for one, other in zip(found, loss(x)[1], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert g.dtype == np.float32


def test_empty_and_0d():
    check(lambda x: (np.pad(x, 1), np.roll(x, 1), np.tile(x, 2), np.resize(x, (2, 2))), np.zeros((0, 3)))
    check(lambda x: np.pad(x, ((0, 0), (1, 1)), mode="edge"), np.zeros((0, 3)))
    check(lambda x: np.pad(x, 2, mode="reflect"), np.array([0.7]))
    for f in (lambda x: np.tile(x, 3), lambda x: np.atleast_3d(x), lambda x: np.linspace(0, x, 4)):
        g = grad(lambda x, f=f: np.sum(f(x) ** 2))(0.73)
        h = 1e-6
        np.testing.assert_allclose(g, (np.sum(f(0.73 + h) ** 2) - np.sum(f(0.73 - h) ** 2)) / (2 * h), rtol=1e-6)


# -------------------------------------------------------------------------------------------- views stay views

VIEWS = [
    lambda y: np.moveaxis(y, 0, 1),
    lambda y: np.rollaxis(y, 1),
    lambda y: y.mT,
    lambda y: np.hsplit(y, 2)[1],
    lambda y: np.vsplit(y, 3)[2],
    lambda y: np.array_split(y, 3, axis=1)[0],
    lambda y: np.flipud(y),
    lambda y: np.fliplr(y),
    lambda y: np.rot90(y),
    lambda y: np.ravel(y),
    lambda y: np.ravel(y, "F"),
    lambda y: np.ravel(y.T, "F"),
    lambda y: np.ravel(y.T, "K"),
    lambda y: np.reshape(y, (4, 3), order="F"),
    lambda y: y.T.reshape(3, 2, 2, order="F"),
    lambda y: np.atleast_3d(y),
    lambda y: np.atleast_1d(y, 1.0)[0],
    lambda y: np.meshgrid(y[0], y[1])[0],
    lambda y: np.meshgrid(y[0], y[1], copy=False, sparse=True)[0],
    lambda y: np.trim_zeros(y[0]),
    lambda y: np.delete(y, 0, axis=0),
    lambda y: np.delete(y, [], axis=0),
    lambda y: np.insert(y, [], 1.0, axis=0),
    lambda y: np.roll(y, 0, axis=0),
    lambda y: np.tile(y, 1),
    lambda y: np.pad(y, 0),
    lambda y: np.pad(y, 0, mode="mean"),
    lambda y: np.resize(y, (3, 4)),
    lambda y: np.block(y),
    lambda y: np.block([y]),
    lambda y: np.append(y, y[:0], axis=0),
    lambda y: np.take(y, 1, axis=0),
    lambda y: y.compress([1, 1, 1], axis=0),
    lambda y: np.nan_to_num(y),
    lambda y: np.nan_to_num(y, copy=False),
    lambda y: np.real_if_close(y),
    lambda y: np.clip(y, None, None),
]


@pytest.mark.parametrize("view", VIEWS)
def test_writes_through_views(view):
    """What a write into the result does to the array, and the other way round, is what NumPy does."""

    def into_result(x):
        y = x * 2
        v = view(y)
        v[0] = 5 * x[0, 0]
        return y, v + 0

    def into_array(x):
        y = x * 2
        v = view(y)
        y[1] = 3 * y[0]
        return y, v + 0

    check(into_result, X)
    check(into_array, X)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: np.broadcast_arrays(y, np.zeros((2, 3, 4)))[0],
        lambda y: np.diagonal(y),
        lambda y: np.lib.stride_tricks.sliding_window_view(y, 2, axis=1),
    ],
)
def test_what_cannot_be_written_says_so(view):
    def f(x):
        y = x * 2
        view(y)[0] = 1.0
        return np.sum(y)

    with pytest.raises(ValueError, match="read-only"):
        grad(f)(X)


# ------------------------------------------------------------------------------------------------------ the text


@pytest.mark.parametrize(
    ("f", "lines"),
    [
        (lambda x: np.roll(x, 1, axis=1), ["np.roll(x, 1, axis=1)", "dx = np.roll(w, -1, axis=1)"]),
        (lambda x: np.tile(x, (2, 1)), ["np.tile(x, (2, 1))", ".reshape(2, 3, 4).sum(axis=0)"]),
        (lambda x: x.reshape(4, 3, order="F"), ["x.T.reshape(3, 4).T"]),
        (lambda x: np.pad(x, 1, mode="reflect"), ["np.pad(x, 1, mode='reflect')", "[:, 1] += "]),
        (lambda x: np.pad(x, 1, constant_values=2.0), ["np.pad(x, 1, constant_values=2.0)"]),
        (lambda x: np.delete(x, 1, axis=0), ["np.concatenate([x[:1], x[2:]])"]),
        (lambda x: np.linspace(x[0], x[1], 5), ["np.linspace(x[0], x[1], 5)"]),
    ],
)
def test_text(f, lines):
    w = draw(*f(X).shape)
    g = grad(lambda x: np.sum(f(x) * w))
    g(X)
    for line in lines:
        assert line in g.source, g.source


# ---------------------------------------------------------------------------------------- guards and refusals


def test_counts_are_guarded():
    g = grad(lambda x, n: np.sum(np.repeat(x, n) ** 2))
    np.testing.assert_allclose(g(ROW[:3], np.array([1, 0, 2])), 2 * ROW[:3] * [1, 0, 2])
    np.testing.assert_allclose(g(ROW[:3], np.array([0, 3, 1])), 2 * ROW[:3] * [0, 3, 1])
    edges = np.array([1, 2])
    parts = grad(lambda x: np.sum(np.split(x, edges)[1]))
    np.testing.assert_array_equal(parts(ROW[:4]), [0, 1, 0, 0])
    edges[1] = 3
    np.testing.assert_array_equal(parts(ROW[:4]), [0, 1, 1, 0])


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.reshape takes copy= since NumPy 2.1")
def test_reshape_with_copy():
    check(lambda x: np.reshape(x, (2, 6), copy=True), X)
    for copy in (True, False):
        test_writes_through_views(lambda y, copy=copy: np.reshape(y, (4, 3), copy=copy))
    with pytest.raises(ValueError, match="Unable to avoid"):
        grad(lambda x: np.sum(np.reshape(x.T, -1, copy=False)))(X)


def test_layouts_are_guarded():
    g = grad(lambda x: np.sum(np.ravel(x, order="A") * np.arange(12.0)))
    np.testing.assert_array_equal(g(X), np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(g(F), np.arange(12.0).reshape(4, 3).T)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.reshape(x, (5, -1)), ValueError),
        (lambda x: np.split(x, 5), ValueError),
        (lambda x: np.rollaxis(x, 0, 5), ValueError),
        (lambda x: np.pad(x, 1, mode="nope"), ValueError),
        (lambda x: np.pad(x, 1, mode="edge", constant_values=1), ValueError),
        (lambda x: np.pad(x, -1), ValueError),
        (lambda x: np.pad(x, 1.5), TypeError),
        (lambda x: np.pad(x[:0], 1, mode="edge"), ValueError),
        (lambda x: np.delete(x, 9, axis=0), IndexError),
        (lambda x: np.insert(x, 9, 1.0, axis=0), IndexError),
        (lambda x: np.repeat(x, -1), ValueError),
        (lambda x: np.block([[x], (x,)]), TypeError),
        (lambda x: np.concatenate([]), ValueError),
        (lambda x: np.linspace(x[0], 1.0, -1), ValueError),
        (lambda x: np.broadcast_arrays(x, np.zeros(3)), ValueError),
    ],
)
def test_errors_are_numpys(f, error):
    with pytest.raises(error):
        f(X)
    with pytest.raises(error):
        grad(lambda x: np.sum(f(x)))(X)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8)), "as_strided"),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1, writeable=True), "writeable=True"),
    ],
)
def test_refusals_name_the_function(f, message):
    with pytest.raises(Exception, match=message):
        grad(lambda x: np.sum(f(x)))(X)
