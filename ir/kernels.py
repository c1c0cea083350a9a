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

    np.add.at is quick only where each place holds one number: narrow rows are added column by column, wide ones
    number by number, as many at a time as a cache holds.
    """
    if not rows.size or not x.flags.c_contiguous or np.may_share_memory(x, rows):
        return np.add.at(x, index, rows)
    table, rows, index = x.reshape(len(x), -1), rows.reshape(index.size, -1), index.ravel().astype(np.intp)
    width = table.shape[1]
    if width <= 8:
        for column in range(width):
            np.add.at(table[:, column], index, rows[:, column])
        return None
    table[:, 0][index]  # raises IndexError as np.add.at does
    numbers, starts, columns, step = x.reshape(-1), index[:, None] * width, np.arange(width), 32768 // width + 1
    for k in range(0, len(rows), step):
        np.add.at(numbers, (starts[k : k + step] + columns).ravel(), rows[k : k + step].ravel())
    return None


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
