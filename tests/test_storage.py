"""Storage: what shares memory with what, through views of views, and what a write through one of them costs."""

import numpy as np
import pytest
from oracle import right

from tapeless import TapelessError, grad, linearize, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.1, 0.7])
W = np.array([1.0, 2.0, -3.0, 0.5])
C = np.arange(24.0).reshape(2, 3, 4) / 7 + 0.1


# ------------------------------------------------------------------------------- reshapes that are views, or copies


def state_of_another_buffer(x):
    y = np.outer(x, x)
    y[0] = 1
    t = y.T.reshape(-1)
    w = t[:2]
    t[0] = 5
    return (w * x[:2]).sum() + (y**2).sum() + t.sum()


def copy_read_after_its_base_was_written(x):
    y = np.outer(x, x)
    t = y.T.reshape(-1)
    w = t[:2]
    y[1] = 7
    t[0] = 5
    w[1] = x[1]
    return (w * x[:2]).sum() + (y**2).sum() + t.sum()


def out_is_a_copy(x):
    y = np.outer(x, x)
    t = y.T.reshape(-1)
    np.add(t, 1, out=t)
    np.add(t[:4], x, out=t[:4])
    np.sum(y, axis=0, out=t[4:8])
    return (y**2 * W).sum() + (t**3).sum()


def flat_reads_copy(x):
    y = np.outer(x, x)
    g = y.flat[0:3]
    g[0] = 5
    y.flat[0:3] *= 2
    y.T.flat[[1, 2]] += x[:2]
    h = y.flat.copy()
    h[1] = 7
    y.flat[y.flat > 1] = 0
    return (y**2 * W).sum() + g.sum() + h.sum()


def flat_assigned(x):
    y, z, w = np.outer(x, x), np.outer(x, x), np.outer(x, x)
    y.flat = x
    z.T.flat = np.outer(x, x[::-1])
    w.flat = x[0]
    return (y * W + z**2 * W + w * y.T).sum()


@pytest.mark.parametrize(
    "f",
    [
        state_of_another_buffer,
        copy_read_after_its_base_was_written,
        out_is_a_copy,
        flat_reads_copy,
        flat_assigned,
    ],
)
def test_copies_and_views(f):
    right(f, X)


def copy_of_another_layout(m):
    y = m.copy()
    t = (y * 2).ravel()
    z = y * 2
    z.ravel()[1] = m[0, 0]
    u = np.ascontiguousarray(m) * 3
    u.reshape(-1)[2] = 7
    return (z**2 * C[0]).sum() + (u**2).sum() + t.sum()


def written_in_another_layout(m):
    y = np.zeros((4, 3))
    np.add(m, 1, out=y.T)
    z = y * 2
    z.ravel()[1] = m[0, 1]
    z.T.ravel()[2] = 100
    return (z**2).sum()


@pytest.mark.parametrize("f", [copy_of_another_layout, written_in_another_layout])
@pytest.mark.parametrize("m", [C[0], np.asfortranarray(C[0]), C[:, 0].T @ C[:, 1, :3].copy() + 0])
def test_layouts(f, m):
    right(f, m if m.shape == (3, 4) else np.asfortranarray(C[1]), variations=((1.0, 0.0),))


# ------------------------------------------------------------------------------------------- parts of parts


def steps_backwards(c):
    y = c * 1
    v = y[:, ::-1, 1:]
    v[0, 0, 0] = c[1, 1, 1]
    v[1, 1] = c[0, 0, 1:]
    v[..., -1] *= 2
    v[:, -1:, ::2] += 1
    return (y**2 * C).sum()


def arranged(c):
    y = c * 1
    v = y.transpose(2, 0, 1)
    v[0, 1, 2] = 5
    v[1] = c[:, :, 0] * 2
    v[:, 1, 0] = c[0, 0]
    t = y.T
    t[1:, 0] *= c[0, 0, 1:, None]
    t[::2, ::-1, 1] = c[0, :, ::2].T
    return (y**2 * C).sum()


def arrays_into_parts(c):
    y = c * 1
    v = y[:, 1]
    v[:, [0, 3]] *= c[0, 0, :2]
    y[1][[0, 1], 1:3] -= c[0, 1, 1:3]
    w = y[0, :, 1]
    w[[0, 0, 2]] += c[0, 0, :3]
    np.add.at(w, [0, 0], c[0, 0, :2])
    y[0, ::-1][[0, 2]] = c[1, :2]
    y[..., 2][[1, 0], [0, 2]] = 7
    return (y**2 * C).sum()


def conditions_on_parts(c):
    y = c * 1
    v = y[1]
    v[v > 2] = 0
    w = v[:, ::2]
    w[w < 3] *= 5
    return (y**2 * C).sum()


def axes_of_length_one(c):
    y = np.zeros((1, 2, 1, 3, 4))
    y[0, :, 0] = c
    v = y.squeeze()
    v[0, 1, 2] = 5
    v[:, [0, 1]] += c[:, :2]
    np.expand_dims(v, (0, 2))[0, 1, 0, 1, 1] = 4
    v[:, None, 0][0, 0, 1] = 9
    return (y[0, :, 0] ** 2 * C).sum()


def reshaped_parts(c):
    y = c * 1
    v = y.reshape(6, 4)
    v[4] = 1
    v[1, 2] = c[0, 0, 0]
    w = v.reshape(3, 8)[1]
    w[3] = 8
    w[::2] *= 1.5
    y[:, :2].reshape(-1)[0] = 9
    return (y**2 * C).sum()


def nothing_of_it(c):
    y = c * 1
    v = y[:, 2:2]
    v[..., ::-2] = 5
    v[3:1, 0::-2] -= y.sum()
    np.add.at(y[:, :-1:-1], np.index_exp[:, :1], 2.0)
    return (y**2 * C).sum()


def rows_within_rows(c):
    y = c * 1
    for a in y:
        for b in a:
            b[0] = b[1] * 2
            b[1:] -= b[0]
            b /= 1.5
    for u, v in zip(y[0], y[1], strict=True):
        u[:], v[:] = v + u, u * v
    for column in y[0].T:
        column[0] = column[-1]
    return (y**2 * C).sum()


@pytest.mark.parametrize(
    "f",
    [
        steps_backwards,
        arranged,
        arrays_into_parts,
        conditions_on_parts,
        axes_of_length_one,
        reshaped_parts,
        nothing_of_it,
        rows_within_rows,
    ],
)
def test_parts_of_parts(f):
    right(f, C)


def test_an_index_out_of_a_part():
    for key in (2, -3):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 2"):
            grad(lambda x, key=key: (x * 1)[1:3].__setitem__(key, 1.0))(X)


def through_a_slice(n):
    def f(x):
        y = np.zeros(n + 1)
        part = y[1:]
        for i in range(n):
            part[i] = y[i] * 0.5 + x[i % 4]
        return (y**2).sum()

    return f


def through_rows(n):
    def f(x):
        y = np.zeros((n, 4))
        for i, row in enumerate(y):
            row[i % 4] = x[i % 4] * 2
        return (y**2).sum()

    return f


def through_a_reversal(n):
    def f(x):
        y = np.zeros(n)
        back = y[::-1]
        for i in range(n):
            back[i] = x[i % 4]
        return (y * y).sum()

    return f


@pytest.mark.parametrize("make", [through_a_slice, through_rows, through_a_reversal])
def test_writes_cost_what_they_write(make):
    """n writes of elements copy nothing: one line each, forward and backward, and no whole array in between."""
    f = make(64)
    g = right(f, X)
    assert ".copy()" not in g.source
    lines = [value_and_grad(make(n)).lower(X).source.count("\n") for n in (32, 64, 128)]
    assert lines[2] - lines[1] <= 2 * (lines[1] - lines[0]) + 8


# --------------------------------------------------------------------------------- numbers that are arrays


def conditions(x):
    x[x > 0] *= 2
    x[x < -50] = 3
    x[True] += 1
    x[False] = 9
    y = np.array(x)
    y[x > 0] = 5.0
    z = x.copy()
    z[y > 0] = y * x
    return x * y * z + x[x > 0.2].sum()


def numbers_written(x):
    x[...] *= x
    x[None][0] = x * 2
    x.reshape(1)[0] += 1
    x.fill(x * 2)
    x.flat[0] = x * 3
    y = np.asarray(x)
    y -= 1
    w = x[()]
    w += 3
    s = np.zeros(())
    np.add(x, w, out=s)
    np.multiply(s, 2, out=s)
    return x * y + s


@pytest.mark.parametrize("f", [conditions, numbers_written])
def test_numbers_that_are_arrays(f):
    right(f, np.array(0.7))


# ----------------------------------------------------------------------------------------------- operators


def operators(x):
    y = x * 7 + 20
    z = y
    y /= 3
    y **= 2
    y -= x
    y += range(4)
    y *= 1.5
    return (y * z * W).sum()


def operators_on_integers(x):
    i = np.arange(4)
    j = i
    i <<= 2
    i >>= 1
    i |= 1
    i &= 7
    i ^= 3
    k = (x > 0).astype(int)
    k <<= j + 1
    return (x * j * (k >> 1) * (1 << i)).sum()


def operators_on_conditions(x):
    b = x > 0
    c = b
    b &= x < 1.5
    b |= x < -1
    b ^= True
    return (x * c).sum()


def whole_quotients(x):
    q, r = divmod(x, 0.73)
    a, b = divmod(7.1, x)
    return (q * r * x + a * b).sum()


def conjugates_of_real_arrays(x):
    y = x * 1
    z = y.conj()
    z -= 3
    w = np.conj(y)
    w += 1
    v = +y
    v += 2
    np.array(y, copy=None, ndmin=2)[0, 2] = 8
    y[:] += range(4)
    return (y * z * w * v).sum()


@pytest.mark.parametrize(
    "f", [operators, operators_on_integers, operators_on_conditions, whole_quotients, conjugates_of_real_arrays]
)
def test_operators_write_in_place(f):
    right(f, X)


def test_the_imaginary_part_of_a_real_array_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        grad(lambda x: x.imag.__setitem__(0, 1.0))(X)


def test_overlapping_results_are_refused():
    def f(x):
        y = x * 1
        np.concatenate([x[:2], y[:2]], out=y)
        return (y * W).sum()

    with pytest.raises(TapelessError, match=r"(?s)test_storage\.py.*Try: "):
        grad(f)(X)


# --------------------------------------------------------------------------------------- element by element


def unbuffered(x):
    y = np.outer(x, x)
    np.multiply.at(y, ([0, 1, 0, 0], [1, 1, 1, 2]), x)
    np.maximum.at(y, [0, 0], x[:2, None] * np.ones(4))
    np.divide.at(y, [3, -1], 2.0)
    np.negative.at(y, [1])
    np.multiply.at(y, (slice(None), 0), x)
    np.power.at(y, np.array([2, 2]), 2)
    np.minimum.at(y[0], 2, x[0])
    np.multiply.at(y[0], [], x[:0])
    np.multiply.at(y[3], np.array([True, False, True, False]), x[:2])
    return (y * W).sum()


def left_out_elements_do_not_warn(x):
    y = np.zeros(4)
    np.divide(1, x * 0, out=y, where=x > 10)
    np.log(x, out=y, where=x > 1)
    np.sqrt(x, out=y, where=x > 2)
    np.power(x, 0.5, out=y, where=x > 0.6)
    return (y * W).sum()


def iterators(x):
    y = np.outer(x, x)
    s = 0.0
    with np.nditer(y, op_flags=["readwrite"]) as it:
        for v in it:
            v[...] = v * 2
            v += 1
    for v in np.nditer(y):
        s = s + v**2
    for (i, j), v in np.ndenumerate(y):
        y[i, j] = v + i - j
    return s + (y * W).sum()


def integers_seen_through_views(x):
    i, m = np.arange(4), np.ones(4, bool)
    c, d = i[1, ...], m[2, ...]
    c += 5
    i[:1].reshape(())[...] = 7
    d &= False
    return (x * i * m).sum() + x[c - 5]


@pytest.mark.parametrize("f", [unbuffered, left_out_elements_do_not_warn, iterators, integers_seen_through_views])
def test_element_by_element(f):
    right(f, X)


def test_iterators_are_read_only_unless_they_say_otherwise():
    def f(x):
        for v in np.nditer(x * 1):
            v += 1
        return x.sum()

    with pytest.raises(ValueError, match="read-only"):
        grad(f)(X)
    with pytest.raises(TapelessError, match=r"(?s)np.nditer is supported .*test_storage\.py.*Try: "):
        grad(lambda x: sum(a * b for a, b in np.nditer([x, x])))(X)


def made_in_fortran_order(x):
    m = np.asfortranarray(np.outer(x, x))
    m.ravel()[1] = 100
    m.T.ravel()[1] = x[0]
    e = np.empty((4, 4), order="F")
    e[:] = m
    e.ravel()[3] = 9
    e.T.ravel()[2] = 8
    q = np.array(m, order="F")
    q.ravel("F")[2] = 1
    f = np.full((4, 4), x[0], order="F")
    f.T.ravel()[1] = x[1]
    return (m * W).sum() + (e * W).sum() + (q * W).sum() + (f * W).sum()


def test_made_in_fortran_order():
    right(made_in_fortran_order, X)


@pytest.mark.parametrize("transform", [vjp, linearize])
@pytest.mark.parametrize("f", [np.tanh, lambda x: np.exp(x).reshape(2, 2), lambda x: (np.sqrt(x), x * np.sqrt(x))])
def test_what_is_written_into_results_does_not_reach_the_derivative(transform, f):
    x = np.linspace(1.0, 2.0, 4)
    results, derivative = transform(f, x)
    arrays = results if isinstance(results, tuple) else (results,)
    ones = tuple(np.ones_like(a) for a in arrays)
    given = np.ones(4) if transform is linearize else ones if len(ones) > 1 else ones[0]
    before = derivative(given)
    for array in arrays:
        array[...] = 7.0
    np.testing.assert_array_equal(np.asarray(derivative(given)), np.asarray(before))
