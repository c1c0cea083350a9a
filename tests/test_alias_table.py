"""A table of programs with writes, views and branches on which systems that record arrays as values go wrong.

Each is a few lines of ordinary NumPy; what it means is what NumPy does with it.
"""

import numpy as np
import pytest
from oracle import right

X = np.array([0.5, -1.2, 2.1, 0.7])
W = np.array([1.0, 2.0, -3.0, 0.5])
M = np.arange(1.0, 10).reshape(3, 3) / 3 + 0.1
SPD = np.array([[4.0, 1, 0.5, 0.2], [1, 5, 0.3, 0.1], [0.5, 0.3, 6, 1], [0.2, 0.1, 1, 7]])

TABLE = {}


def row(*args):
    """One line of the table: a program and the arguments to call it with."""

    def enter(f):
        assert f.__name__ not in TABLE
        TABLE[f.__name__] = (f, args)
        return f

    return enter


# --------------------------------------------------------------------------------------- two names, one array


@row(X)
def alias_then_augmented(x):
    y = x * 2
    z = y
    z += 1
    return (y * z * W).sum()


@row(X)
def rebinding_ends_the_alias(x):
    z = y = x * 1
    z += 1
    z = z + 1
    z *= 2
    return (y * z * W).sum()


@row(X)
def square_kept_before_the_write(x):
    y = x * 1
    s = (y * y).sum()  # the derivative of y * y needs the y from before
    y *= 3
    return s * y.sum()


@row(X)
def exponential_overwritten(x):
    y = np.exp(x)  # its derivative needs the result, which is gone
    z = y * 1
    y[:] = 0
    return z.sum() + (y * x).sum() + np.exp(x).sum()


@row(X)
def one_array_as_two_parameters(x):
    def g(a, b):
        a *= 2
        b += 1
        return (a * b * W).sum()

    y = x * 1
    return g(y, y)


@row(X)
def overlapping_parameters(x):
    def g(a, b):
        a += b
        b *= 2
        return (a * b).sum()

    y = x * 1
    return g(y[1:], y[:-1]) + (y * W).sum()


@row(M)
def a_matrix_and_its_transpose(m):
    def g(a, b):
        a += b
        b[0] *= 2
        return (a * b * M).sum()

    y = m * 1
    return g(y, y.T)


@row(X)
def accumulator_starts_as_the_first_term(x):
    total = None
    for term in (x * 1, x * 2, x**2):
        if total is None:
            total = term
        else:
            total += term
    return (total * x * W).sum()


@row(X.copy())
def argument_changed_for_the_caller(x):
    x *= 2
    x[0] = x[1] * x[2]
    return (x**2 * W).sum()


# ------------------------------------------------------------------------------------------------ views


@row(X)
def view_written_base_read(x):
    y = x * 1
    y[1:3][0] = x[3] * 5
    return (y**2 * W).sum()


@row(X)
def base_written_view_read(x):
    y = x * 1
    v = y[1:]
    y[2] = x[0] ** 2
    return (v**2).sum()


@row(X)
def scalar_is_a_copy_cell_is_a_view(x):
    y = x * 1
    s, c = y[0], y[0, ...]
    y[0] = 9 * x[1]
    return s * c + (y * W).sum()


@row(M)
def rows_of_an_iteration(m):
    y = m * 1
    for i, r in enumerate(y):
        r *= 2
        r[i] = m[0, i]
    return (y**2 * M).sum()


@row(M)
def transpose_assigned_to_itself(m):
    y = m * 1
    y[:] = y.T
    y += y.T[::-1]
    return (y**2 * M).sum()


@row(M)
def row_added_to_all_rows(m):
    y = m * 1
    y += y[0]  # NumPy reads y[0] as it was
    y *= y[:, :1]
    return (y**2 * M).sum()


@row(M)
def reshape_that_copies(m):
    y = m * 1
    y.reshape(-1)[1] = 7
    t = y.T.reshape(-1)
    t[0] = 100
    return (y**2 * M).sum() + t.sum()


@row(np.asfortranarray(M))
def layout_decides(m):
    y = m.copy(order="K")
    y.ravel()[1] = 5
    y.T.ravel()[2] = 3 * m[0, 0]
    return (y**2 * M).sum()


@row(M)
def gather_is_a_copy_scatter_is_not(m):
    y = m * 1
    z = y[[0, 1]]
    z[0] = 0
    y[[0, 2]] *= 2
    y[y > 3] -= 1
    return (y**2 * M).sum() + (z * M[:2]).sum()


# ------------------------------------------------------------------------------------- overlaps and swaps


@row(X)
def shifted_onto_itself(x):
    y = x * 1
    y[1:] = y[:-1]
    y[:-1] *= y[1:]
    y[::2] = y[1::2]
    return (y**2 * W).sum()


@row(M)
def rows_swapped_by_index(m):
    y = m * 1
    y[[0, 2]] = y[[2, 0]]
    y[:, [0, 1]] = y[:, [1, 0]]
    return (y**2 * M).sum()


@row(M)
def rows_swapped_by_name(m):
    y = m * 1
    y[0], y[1] = y[1], y[0]  # views: both rows end up the same
    y[1, 1], y[2, 2] = y[2, 2], y[1, 1]  # numbers: a swap
    return (y**2 * M).sum()


@row(X)
def running_sum(x):
    y = x * 1
    for i in range(1, 4):
        y[i] += y[i - 1]
    return (y**2 * W).sum()


@row(X)
def stencil(x):
    u = np.zeros(6)
    u[1:-1] = x
    for _ in range(3):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0] = u[1]
    return (u**2).sum()


# ------------------------------------------------------------------------------------------ repeated places


@row(X)
def last_write_counts(x):
    y = np.zeros(3)
    y[[0, 1, 0, 2]] = x
    y[[1, 1]] = x[:2] ** 2
    return (y**2).sum()


@row(X)
def augmented_repeats_count_once(x):
    y = np.ones(3)
    y[[0, 1, 0, 2]] += x
    y[[2, 2]] *= x[2:]
    return (y**2).sum()


@row(X)
def unbuffered_repeats_count_each_time(x):
    y = np.ones(3)
    np.add.at(y, [0, 1, 0, 2], x)
    np.subtract.at(y[1:], [0, 0], x[:2])
    return (y**2).sum()


@row(X)
def histogram(x):
    h = np.zeros(3)
    k = np.clip(np.floor(x).astype(int), 0, 2)
    np.add.at(h, k, x**2)
    h[k] += 1
    return (h**2).sum()


# ---------------------------------------------------------------------------------------------- branches


@row(X)
def sorted_by_hand(x):
    y = x * 1
    for i in range(4):
        for j in range(3 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return (y**2 * W).sum()


@row(X)
def while_it_is_small(x):
    y, i = x * 1, 0
    while y[0] ** 2 + i < 6:
        y[i % 4] += 0.5 * y[(i + 1) % 4]
        i += 1
    return (y**2 * W).sum()


@row(X, W)
def time_warping(x, w):
    d = np.full((5, 5), np.inf)
    d[0, 0] = 0
    for i in range(4):
        for j in range(4):
            d[i + 1, j + 1] = (x[i] - w[j]) ** 2 + min(d[i, j + 1], d[i + 1, j], d[i, j])
    return d[4, 4]


@row(X)
def division_under_a_mask(x):
    y = np.zeros(4)
    np.divide(1, x, out=y, where=x > 0)
    np.log(x, out=y, where=x > 1)
    return (y**2 * W).sum()


# ------------------------------------------------------------------------------------------ linear algebra


@row(SPD)
def elimination(a):
    u, lower = a.copy(), np.eye(4)
    for k in range(4):
        for i in range(k + 1, 4):
            lower[i, k] = u[i, k] / u[k, k]
            u[i, k:] -= lower[i, k] * u[k, k:]
    return np.log(np.abs(np.diag(u))).sum() + (lower**2).sum()


@row(SPD)
def elimination_with_pivots(a):
    y = a * 1
    for k in range(4):
        p = k + int(np.argmax(np.abs(y[k:, k])))
        y[[k, p]] = y[[p, k]]
        y[k + 1 :, k] /= y[k, k]
        y[k + 1 :, k + 1 :] -= np.outer(y[k + 1 :, k], y[k, k + 1 :])
    return (y * SPD).sum()


@row(SPD)
def cholesky_by_hand(a):
    a = a @ a.T + np.eye(4)
    lower = np.zeros_like(a)
    for i in range(4):
        for j in range(i + 1):
            s = a[i, j] - lower[i, :j] @ lower[j, :j]
            lower[i, j] = np.sqrt(s) if i == j else s / lower[j, j]
    return (lower * SPD).sum()


@row(X)
def orthogonalized_in_place(x):
    a = np.outer(x, x) + np.diag([1.0, 2, 3, 4])
    for j in range(4):
        q = a[:, j]
        q /= np.sqrt(q @ q)
        for k in range(j + 1, 4):
            a[:, k] -= (q @ a[:, k]) * q
    return (a * W).sum()


@row(X)
def tridiagonal(x):
    b, d, s = 4 + x * 0.1, x * 1, np.zeros(4)
    for i in range(1, 4):
        w = -1 / b[i - 1]
        b[i] += w
        d[i] -= w * d[i - 1]
    s[-1] = d[-1] / b[-1]
    for i in range(2, -1, -1):
        s[i] = (d[i] + s[i + 1]) / b[i]
    return (s**2 * W).sum()


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name):
    f, args = TABLE[name]
    for k in range(len(args)):
        right(f, *args, k=k)


def test_the_table_is_long_enough():
    assert len(TABLE) >= 26
