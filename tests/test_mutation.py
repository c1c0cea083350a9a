"""Programs that write: views, aliases, masks, arguments. Each is right, with NumPy's own effects, or refused clearly."""

import copy

import numpy as np
import pytest

from tapeless import TapelessError, grad, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.1, 0.7])
M = np.arange(1.0, 10).reshape(3, 3) / 3 + 0.1
N = np.arange(4)


def central(f, args, k, eps=1e-6):
    base = np.asarray(args[k], float)
    out = np.zeros(base.shape)
    for i in np.ndindex(base.shape):
        values = []
        for step in (eps, -eps):
            moved = [copy.deepcopy(a) for a in args]
            moved[k] = base.copy()
            moved[k][i] += step
            values.append(float(np.reshape(f(*moved), ())))
        out[i] = (values[0] - values[1]) / (2 * eps)
    return out


def right(f, *args, k=0):
    """Value, gradient and what is left in the arguments are NumPy's; also in a second call with other numbers."""
    g = value_and_grad(f, k)
    for scale, shift in ((1.0, 0.0), (-1.7, 0.31), (0.6, 0.05)):
        ours = [copy.deepcopy(a) for a in args]
        kind = np.asarray if isinstance(args[k], np.ndarray) else float
        ours[k] = kind(ours[k] * scale + shift)
        plain, start = copy.deepcopy(ours), copy.deepcopy(ours)
        value, d = g(*ours)
        expected = f(*plain)
        np.testing.assert_allclose(value, np.reshape(expected, ()))
        assert np.asarray(value).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(d, central(f, start, k), rtol=2e-4, atol=1e-5)
        for a, b in zip(ours, plain, strict=True):
            np.testing.assert_array_equal(a, b)
    return g


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
    [alias, shifted_add, reversed_onto_itself, swap, flipped, broadcast_follows, windows_follow, unit_axes, squeezed]
    + [element_views, real_part_of_a_real_array, asarray_does_not_copy],
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
    [rows_exchanged, a_row_is_a_view, iterated_rows, transposed, ravelled, the_diagonal_follows, einsum_views_follow]
    + [split, views_of_views, fancy_reads_copy, fancy_writes],
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
    [masks, repeated_set, repeated_add, repeated_add_at, out, out_of_reductions, fill_and_copyto, buffers, loop_fills]
    + [zero_dimensional],
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
        lambda x: x.view(),
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


# --------------------------------------------------------------------------------------------------------- arguments


def doubles(x):
    x *= 2
    return (x**2).sum()


def sets_an_element(x):
    x[0] = x[1] * 3
    return (x**2).sum()


def iterates(x):
    for v in x.reshape(2, 2):
        v *= 3
    return (x**2).sum()


@pytest.mark.parametrize("f", [doubles, sets_an_element, iterates])
def test_an_argument_that_is_written(f):
    right(f, X.copy())


def test_a_0d_argument_that_is_written():
    def f(x):
        y = x
        y += 1
        return x * x

    right(f, np.array(2.0))


def test_other_arguments_that_are_written():
    def into(x, buffer):
        buffer[:] = x**2
        return (buffer * x).sum()

    def exchanged(x, y):
        t = x.copy()
        x[:] = y
        y[:] = t
        return (x * N).sum() + (y**2).sum()

    def on_a_branch(x, y):
        x[:] = y * 2 + x
        if x[0] > 0:
            y[0] = 1.0
        return (x * y).sum()

    for f in (into, exchanged, on_a_branch):
        for k in (0, 1):
            right(f, X.copy(), X[::-1].copy(), k=k)


def test_arguments_in_a_structure_that_are_written():
    def f(p):
        p["w"] *= 2
        p["l"][0][1] = 0
        return (p["w"] * p["l"][0]).sum()

    p = {"w": X.copy(), "l": [X.copy()]}
    q = copy.deepcopy(p)
    g = grad(f)(p)
    f(q)
    np.testing.assert_array_equal(p["w"], q["w"])
    np.testing.assert_array_equal(p["l"][0], q["l"][0])
    np.testing.assert_allclose(g["w"], 2 * X * [1, 0, 1, 1])


def test_rebinding_entries_of_a_dict_argument():
    def f(p):
        p["w"] = p["w"] * 2
        p["new"] = 1.0
        return p["w"].sum()

    p = {"w": X.copy()}
    g = grad(f)
    np.testing.assert_allclose(g(p)["w"], [2, 2, 2, 2])
    assert list(p) == ["w"]
    np.testing.assert_array_equal(p["w"], X)


def test_a_read_only_argument_that_is_written():
    x = X.copy()
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        grad(doubles)(x)


def overwrites_second(x, y):
    x += 1
    return (x * y).sum()


def test_arguments_that_share_memory_and_are_written():
    x = X.copy()
    g = value_and_grad(overwrites_second, (0, 1))
    g(X.copy(), X.copy())  # compiled for separate arrays
    for args in ((x, x), (x, x[:]), (x[:2], x[1:3])):
        plain = copy.deepcopy(args)
        with pytest.raises(TapelessError, match=r"(?s)share memory.*Try: "):
            g(*args)
        np.testing.assert_array_equal(args[0], plain[0])


def test_an_argument_that_is_a_global_too_and_is_written():
    kept = X.copy()

    def f(x):
        x *= 2
        return (x * kept).sum()

    g = grad(f)
    np.testing.assert_allclose(g(X.copy()), 2 * X)
    with pytest.raises(TapelessError, match=r"(?s)share memory.*Try: "):
        g(kept)


def test_arguments_that_share_memory_and_are_read():
    x = X.copy()
    a, b = grad(lambda x, y: (x * y**2).sum(), (0, 1))(x, x)
    np.testing.assert_allclose(a, X**2)
    np.testing.assert_allclose(b, 2 * X**2)


def test_vjp_of_a_function_that_writes_its_argument():
    with pytest.raises(TapelessError, match=r"(?s)writes into its argument x.*Try: x = x.copy\(\)"):
        vjp(doubles, X.copy())


def test_a_pullback_reads_captured_arrays_as_they_were():
    factor = X.copy()
    _, pull = vjp(lambda x: x * factor, X)
    factor[:] = 0
    np.testing.assert_allclose(pull(np.ones(4))[0], X)
    np.testing.assert_allclose(vjp(lambda x: x * factor, X)[0], 0)


def test_an_inner_gradient_of_a_function_that_writes_its_argument():
    def f(x):
        g = grad(doubles)(x)
        return (g * x).sum()

    try:
        d = grad(f)(X.copy())
    except TapelessError as error:
        assert "Try:" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(d, central(lambda x: 8 * (x * 2 * x).sum(), [X], 0), rtol=1e-5)
