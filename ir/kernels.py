"""Array functions that NumPy lacks: ordinary functions, whose text goes into generated modules that call them."""

import numpy as np


def others_product(x, axis=None):
    """For each element the product of all others along `axis`: exclusive products from left and right, no division."""
    x = np.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None or not x.ndim else tuple(a % x.ndim for a in np.atleast_1d(axis))
    order = tuple(a for a in range(x.ndim) if a not in axes) + axes
    moved = x.transpose(order)
    lead = x.ndim - len(axes)
    flat = moved.reshape(*moved.shape[:lead], np.prod(moved.shape[lead:], dtype=int))
    left, right = np.ones_like(flat), np.ones_like(flat)
    np.cumprod(flat[..., :-1], axis=-1, out=left[..., 1:])
    np.cumprod(flat[..., :0:-1], axis=-1, out=right[..., -2::-1])
    return (left * right).reshape(moved.shape).transpose(np.argsort(order))


def add_rows(x, index, rows):
    """np.add.at(x, index, rows) for a table x: the same additions in the same order, so the same bits.

    np.add.at is quick only where each place holds one number: few columns are added one by one, many number by
    number, as many at a time as a cache holds. Two floats are one such number, a complex one.
    """
    few_columns = x.ndim == 2 and x.shape[1] <= 7
    if not rows.size or not (few_columns or x.flags.c_contiguous) or np.may_share_memory(x, rows):
        return np.add.at(x, index, rows)
    table, rows, index = x.reshape(len(x), -1), rows.reshape(index.size, -1), index.ravel().astype(np.intp, copy=False)
    pair, width = {np.dtype("f4"): "c8", np.dtype("f8"): "c16"}.get(x.dtype), table.shape[1]
    if pair and width % 2 == 0 and x.flags.c_contiguous and (width > 7 or rows.flags.c_contiguous):
        table, rows, width = table.view(pair), np.ascontiguousarray(rows).view(pair), width // 2
    if width <= 7:
        for column in range(width):
            np.add.at(table[:, column], index, rows[:, column])
        return None
    table[:, 0][index]  # raises IndexError as np.add.at does
    numbers, starts, columns, step = table.reshape(-1), index[:, None] * width, np.arange(width), 16384 // width + 1
    for k in range(0, len(rows), step):
        np.add.at(numbers, (starts[k : k + step] + columns).ravel(), rows[k : k + step].ravel())
    return None


def add_pairs(x, index, rows, places):
    """add_rows(x, index, rows) for a table of floats: two are one complex number, the row i has its at places[i]."""
    if x.dtype not in (np.float32, np.float64) or not x.flags.c_contiguous or np.may_share_memory(x, rows):
        return np.add.at(x, index, rows)
    pair = np.result_type(x, np.complex64)
    return np.add.at(x.reshape(-1).view(pair), places.take(index, axis=0).ravel(), rows.ravel().view(pair))


def at_numbers(ufunc, x, index, values):
    """ufunc.at(x, index, values), number by number: with one index into one line of numbers it is quick."""
    if not x.flags.c_contiguous or np.may_share_memory(x, values):
        return ufunc.at(x, index, values)
    whole = (
        isinstance(index, tuple) and len(index) == x.ndim and all(isinstance(i, np.ndarray) and i.size for i in index)
    )
    if whole and all(i.min() >= 0 and i.max() < n for i, n in zip(index, x.shape)):
        places = np.ravel_multi_index(index, x.shape)
    else:
        places = np.arange(x.size).reshape(x.shape)[index]
    return ufunc.at(x.reshape(-1), places.ravel(), np.broadcast_to(values, places.shape).ravel())


def last_write(shape, index):
    """Where each write of `x[index] = values` survives: False for a place that a later one writes again."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    order = np.arange(places.size).reshape(places.shape)
    writer = np.empty(np.prod(shape, dtype=int), dtype=int)
    writer[places] = order
    return writer[places] == order


def inverse_of_lower(factor):
    """The inverse of lower triangular matrices in halves: products, which run at the speed of BLAS."""
    n = factor.shape[-1]
    if n <= 64:
        return np.linalg.inv(factor)
    half, inverse = n // 2, np.zeros_like(factor)
    inverse[..., :half, :half] = first = inverse_of_lower(factor[..., :half, :half])
    inverse[..., half:, half:] = second = inverse_of_lower(factor[..., half:, half:])
    np.matmul(second, factor[..., half:, :half] @ -first, out=inverse[..., half:, :half])
    return inverse


def inverse_of_symmetric(matrix):
    """The inverse of a symmetric matrix: by its Cholesky factor, in half of the time, if it is positive definite."""
    try:
        inverse = inverse_of_lower(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return np.linalg.inv(matrix)
    return inverse.T @ inverse


def add_to_diagonal(matrix, number):
    """matrix += number * np.eye(n), to the bit but for the sign of zeros."""
    if not np.isfinite(number):
        matrix += number * 0.0  # which is nan, as the product with the zeros beside the diagonal
    matrix.flat[:: len(matrix) + 1] += number


def solve_lower(a, b):
    """The x of a @ x = b for a lower triangular a: forward substitution in blocks, of which most are products."""
    x, many = np.empty(b.shape, np.result_type(a, b)), b.size > 32 * len(b)
    for i in range(0, len(a), 32):
        block = slice(i, i + 32)
        rest, corner = b[block] - a[block, :i] @ x[:i], a[block, block]
        x[block] = np.linalg.inv(corner) @ rest if many else np.linalg.solve(corner, rest)
    return x


def solve_upper(a, b):
    """The x of a @ x = b for an upper triangular a: back substitution in blocks, of which most are products."""
    x, many = np.empty(b.shape, np.result_type(a, b)), b.size > 32 * len(b)
    for i in reversed(range(0, len(a), 32)):
        block = slice(i, i + 32)
        rest, corner = b[block] - a[block, i + 32 :] @ x[i + 32 :], a[block, block]
        x[block] = np.linalg.inv(corner) @ rest if many else np.linalg.solve(corner, rest)
    return x


def cross_columns(a, b):
    """np.cross(a, b) of the rows of two tables, into contiguous columns."""
    (a0, a1, a2), (b0, b1, b2) = a.T, b.T
    product = np.empty(a.shape, np.result_type(a, b), order="F")
    product[:, 0] = a1 * b2 - a2 * b1
    product[:, 1] = a2 * b0 - a0 * b2
    product[:, 2] = a0 * b1 - a1 * b0
    return product


def recurrence(a, b, axis=0, backwards=False):
    """h[i] = b[i] + a[i] * h[i - 1] along an axis; backwards, its transpose: h[i] = b[i] + a[i + 1] * h[i + 1]."""
    dtype = np.result_type(a, b)
    steps, h = np.moveaxis(a, axis, 0), np.moveaxis(np.array(b, dtype), axis, 0)
    if h.ndim == 1:  # one by one, Python's numbers are faster
        steps, h = steps.tolist(), h.tolist()
    if backwards:
        for i in range(len(h) - 2, -1, -1):
            h[i] = h[i] + steps[i + 1] * h[i + 1]
    else:
        for i in range(1, len(h)):
            h[i] = h[i] + steps[i] * h[i - 1]
    return np.moveaxis(np.array(h, dtype), 0, axis)


def bessel_i1(x):
    """The derivative of np.i0: the mean of sinh(x cos t) cos t over t, by the trapezoidal rule (DLMF 10.32.3)."""
    if np.iscomplexobj(x):
        raise TypeError("the Bessel function takes real numbers here")
    cosines = np.cos(np.pi * (np.arange(128) + 0.5) / 256)
    total = np.sum(np.sinh(np.multiply.outer(x, cosines)) * cosines, axis=-1) / 128
    return total.astype(np.result_type(x, 0.0))[()]
