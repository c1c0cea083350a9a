"""Programs that write: views, aliases, masks, buffers. Each is right, with NumPy's own effects, or refused clearly."""

import numpy as np
import pytest
from oracle import right

from tapeless import TapelessError, grad, value_and_grad

X = np.array([0.5, -1.2, 2.1, 0.7])
M = np.arange(1.0, 10).reshape(3, 3) / 3 + 0.1
N = np.arange(4)


def refused(f, *args, match="Try: "):
    with pytest.raises(TapelessError, match=rf"(?s)(test_mutation\.py.*{match}|{match}.*test_mutation\.py)"):
        grad(f)(*args)


# -------------------------------------------------------------------------------------------------- aliases and views


def alias(x):
    y = x * 2
    z = y
    z += x
    return (y * x).sum()


def shifted_add(x):
    y = x * 1
    y[1:] += y[:-1]
    return (y**2).sum()


def reversed_onto_itself(x):
    y = x * 1
    y[:] = y[::-1]
    return (y**2 * N).sum()


def swap(x):
    y = x * 1
    y[0], y[1] = y[1], y[0]
    return (y**2 * N).sum()


def flipped(x):
    y = x * 1
    z = np.flip(y)
    z[0] = 7
    y[3] *= x[0]
    return (y**2 * N).sum() + (z * N).sum()


def broadcast_follows(x):
    y = x * 1
    b = np.broadcast_to(y, (2, 4))
    y[0] = x[1] * 3
    return (b**2).sum()


def windows_follow(x):
    y = x * 1
    w = np.lib.stride_tricks.sliding_window_view(y, 2)
    y[0] = x[1] * 3
    return (w**2).sum()


def unit_axes(x):
    y = x * 1
    np.atleast_2d(y)[0, 1] = 2
    y[None][0, 2] *= 3
    np.expand_dims(y, 0)[0, 3] = x[0]
    return (y**2).sum()


def squeezed(x):
    y = x[None] * 1
    np.squeeze(y)[1] = x[0]
    y.squeeze()[2] = 5
    return (y**2).sum()


def element_views(x):
    y = x.copy()
    a = y[0:1]
    a += x[1]
    b = y[0]
    b += 1
    return (y**2).sum() + b


def real_part_of_a_real_array(x):
    y = x * 1
    y.real[0] = 4
    return (y**2).sum()


def asarray_does_not_copy(x):
    y = x * 1
    np.asarray(y)[0] = 5
    np.ascontiguousarray(y)[1] = x[0]
    w = np.array(y)
    w[2] = 9
    v = y.astype(float, copy=False)
    v[3] = 2
    return (y**2).sum() + w.sum()


@pytest.mark.parametrize(
    "f",
    [
        alias,
        shifted_add,
        reversed_onto_itself,
        swap,
        flipped,
        broadcast_follows,
        windows_follow,
        unit_axes,
        squeezed,
        element_views,
        real_part_of_a_real_array,
        asarray_does_not_copy,
    ],
)
def test_aliases_and_views_of_a_vector(f):
    right(f, X)


def rows_exchanged(m):
    y = m * 1
    y[[0, 1]] = y[[1, 0]]
    return (y**2 * M).sum()


def a_row_is_a_view(m):
    y = m * 1
    a = y[0]
    y[0] = y[1]
    return (a * y[1]).sum()


def iterated_rows(m):
    y = m * 1
    for row in y:
        row *= 2
        row[0] += 1
    return (y**2).sum()


def transposed(m):
    y = np.zeros((3, 3))
    y.T[0, :] = m[0]
    y[1:][0] += 5 * m[1]
    t = y.T
    t[0] = t[1] * 2
    np.moveaxis(y, 0, 1)[2] *= 3
    y.swapaxes(0, 1)[1] += 1
    return (y**2).sum()


def ravelled(m):
    y = m.copy()
    r = y.ravel()
    r[0] = 3
    r[4] *= 2
    t = y.T.ravel()
    t[0] = 9
    f = y.flatten()
    f[1] = 7
    y.reshape(-1)[8] = m[0, 0]
    return (y**2).sum() + t.sum() * m[0, 1] + f.sum()


def the_diagonal_follows(m):
    y = m * 1
    d, e = np.diagonal(y), y.diagonal(offset=1)
    y[0, 0] = 7 * m[0, 1]
    y[0, 1] = m[2, 2]
    return (d**2).sum() + (e**3).sum()


def einsum_views_follow(m):
    y = m * 1
    d, t = np.einsum("ii->i", y), np.einsum("ij->ji", y)
    y[0, 0] = 7 * m[0, 1]
    return (d**2).sum() + (t[0] ** 3).sum()


def split(m):
    y = m * 1
    a, b, _ = np.split(y, 3)
    a[...] = 0
    b *= m[0]
    return (y**2).sum()


def views_of_views(m):
    y = m.copy()
    v = y[1:]
    w = v[:, 1:]
    w[0] = m[0, :2]
    v[1] *= 2
    u = w.T
    u += 1
    return (y**2).sum()


def fancy_reads_copy(m):
    y = m.copy()
    z = y[[0, 1]]
    z[0] = 0
    return (y**2).sum() + z.sum()


def fancy_writes(m):
    y = m.copy()
    y[:, [0, 2]] *= m[:, :2]
    y[[0, 1], [1, 2]] = m[2, 0]
    y[..., 0] = m[..., 1]
    y[np.ix_([0, 2], [1, 2])] = m[:2, :2]
    return (y**3).sum()


@pytest.mark.parametrize(
    "f",
    [
        rows_exchanged,
        a_row_is_a_view,
        iterated_rows,
        transposed,
        ravelled,
        the_diagonal_follows,
        einsum_views_follow,
        split,
        views_of_views,
        fancy_reads_copy,
        fancy_writes,
    ],
)
def test_aliases_and_views_of_a_matrix(f):
    right(f, M)


# ------------------------------------------------------------------------------------------- masks, indices, buffers


def masks(x):
    y = x.copy()
    y[y < 0] = 0
    y[y > 1] *= 3
    y[x > 0] = x[x > 0] ** 2 + y[x > 0]
    return (y * x).sum()


def repeated_set(x):
    y = np.zeros(3)
    y[[0, 1, 0, 2]] = x
    return (y**2).sum()


def repeated_add(x):
    y = np.zeros(3)
    y[[0, 1, 0, 2]] += x
    return (y**2).sum()


def repeated_add_at(x):
    y = np.zeros(3)
    np.add.at(y, [0, 1, 0, 2], x)
    np.subtract.at(y, np.array([2, 2]), x[:2])
    return (y**2).sum()


def out(x):
    y = np.empty(4)
    np.multiply(x, x, out=y)
    np.add(y, 1, y)
    np.multiply(y, y[::-1], out=y)
    z = np.zeros(8)
    np.multiply(x, y, out=z[::2])
    np.exp(x, out=z[1::2])
    return (z * np.arange(8)).sum()


def out_of_reductions(x):
    y = np.zeros(2)
    np.sum(np.outer(x, x)[:2], axis=1, out=y)
    z = np.zeros((2, 2))
    np.matmul(np.outer(y, y), np.outer(y, y), out=z)
    return z.sum()


def fill_and_copyto(x):
    y = np.zeros(4)
    np.copyto(y, x)
    np.copyto(y, 0.5, where=x < 0)
    y[1:3].fill(x[0])
    return (y**2).sum()


def buffers(x):
    a, b, c = np.zeros(2), np.ones((2, 2)), np.full(3, x[0])
    a[0] = x[1]
    b[0] = x[:2]
    b[1] = x[2:]
    c[1:] = x[2]
    d = np.array([x[0], [1.0, x[1]][1], 2.0])
    e = np.asarray([[v * v for v in x], [1, 2, 3, 4]])
    return (a**2).sum() + (b @ b).sum() + (c**2).sum() + (d**3).sum() + (e * x).sum()


def loop_fills(x):
    y = np.zeros(5)
    for i in range(4):
        y[i + 1] = y[i] * 0.5 + x[i] ** 2
    return (y**2).sum()


def zero_dimensional(x):
    a = np.zeros(())
    b = a
    a += x.sum()
    c = np.array(x[0] * 2)
    c[()] = c * x[1]
    c[...] += 1
    return b * 2 + a * c[()]


@pytest.mark.parametrize(
    "f",
    [
        masks,
        repeated_set,
        repeated_add,
        repeated_add_at,
        out,
        out_of_reductions,
        fill_and_copyto,
        buffers,
        loop_fills,
        zero_dimensional,
    ],
)
def test_buffers(f):
    right(f, X)


def test_writes_cast_as_numpy_does():
    def integers(x):
        y = np.arange(4)
        y[1:] = x[1:] * 3 + 0.25
        return (y * x).sum()

    def singles(x):
        y = np.zeros(4, np.float32)
        y[:] = x
        return (y * x).sum()

    value, d = value_and_grad(integers)(X)
    assert value == integers(X)
    np.testing.assert_allclose(d, [0, -3, 6, 2])  # the integers are constant
    value, d = value_and_grad(singles)(X)
    assert value == singles(X)
    np.testing.assert_allclose(d, 2 * X, rtol=1e-6)
    with pytest.raises(TypeError):
        grad(lambda x: np.add(x, 0, out=np.zeros(4, int)).sum() * 1.0)(X)


def test_read_only_views_are_not_written():
    for f in (
        lambda m: np.diagonal(m).__setitem__(0, 1.0),
        lambda m: np.broadcast_to(m, (2, 3, 3)).__setitem__(0, 1.0),
    ):
        with pytest.raises(ValueError, match="read-only"):
            grad(f)(M.copy())


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linspace(0, 1, 4).__setitem__(0, x[0]),
        lambda x: np.copyto(np.linspace(0, 1, 4), x),
        lambda x: np.add(x, 1, out=np.linspace(0, 1, 4)),
        lambda x: np.add.at(np.linspace(0, 1, 4), [0, 0], x[:2]),
        lambda x: N.astype(float).__iadd__(x),
        lambda x: (x * (1 + 2j)).real.__setitem__(0, 1.0),
        lambda x: np.einsum("ii->i", np.outer(x, x)).__setitem__(0, 1.0),
        lambda x: setattr(x, "shape", (2, 2)),
        lambda x: setattr(x * 1j, "imag", 1.0),
        lambda x: x.resize(2),
        lambda x: x.view(np.int64),
    ],
)
def test_writes_that_are_refused(f):
    refused(f, X)


def test_a_plain_array_written_between_two_uses_is_refused():
    def f(x):
        y = np.linspace(0, 1, 4)
        first = (y * x).sum()
        y[0] = 9
        return first + (y * x).sum()

    refused(f, X)


def test_a_part_that_is_made_from_itself_is_written_in_place():
    def diffusion(u, rate):
        u = u.copy()
        for _ in range(3):
            u[1:-1] += rate * (u[:-2] + u[2:] - 2 * u[1:-1])
        return np.sum(u * u * u)

    u = np.random.default_rng(0).normal(size=9)
    gradient = grad(diffusion)
    slope = gradient(u, 0.3)
    assert "du[1:-1] -= 2.0 * " in gradient.source
    for k in range(9):
        step = 1e-6 * (np.arange(9) == k)
        expected = (diffusion(u + step, 0.3) - diffusion(u - step, 0.3)) / 2e-6
        assert abs(slope[k] - expected) < 1e-7
