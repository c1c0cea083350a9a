"""Array functions that NumPy lacks: ordinary functions, whose text goes into generated modules that call them."""

import numpy as np


def convolution(x, w, stride=1, padding=0, dilation=1, spread=1, groups=1):
    """Cross-correlation: x[n, c, *size], w[o, c / groups, *kernel]  ->  [n, o, *result], in one to three dimensions.

    `padding` is a number or a (before, after) for each dimension; where negative, the rim is cut off.
    `spread` puts spread - 1 zeros between the elements of x. All take one number, or one for each dimension.
    """
    (n, c, *size), (o, _, *kernel) = x.shape, w.shape
    d = len(kernel)
    stride, dilation, spread = ((v,) * d if isinstance(v, int) else v for v in (stride, dilation, spread))
    padding = ((padding, padding),) * d if isinstance(padding, int) else padding
    if max(spread) > 1 or max(map(max, padding)) > 0:
        ends = [max(lo, 0) + (m - 1) * by + 1 for m, by, (lo, _) in zip(size, spread, padding)]
        padded = np.zeros((n, c, *(end + max(hi, 0) for end, (_, hi) in zip(ends, padding))), x.dtype)
        inside = tuple(slice(max(lo, 0), end, by) for end, by, (lo, _) in zip(ends, spread, padding))
        padded[(slice(None), slice(None), *inside)] = x
        x = padded
    if min(map(min, padding)) < 0:
        x = x[(..., *(slice(max(-lo, 0), m - max(-hi, 0)) for m, (lo, hi) in zip(x.shape[2:], padding)))]
    window = tuple((k - 1) * apart + 1 for k, apart in zip(kernel, dilation))
    windows = np.lib.stride_tricks.sliding_window_view(x, window, axis=tuple(range(2, d + 2)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, by) for by in (*stride, *dilation)))]
    result = windows.shape[2 : d + 2]
    windows = windows.reshape(n, groups, c // groups, *result, *kernel)
    depth, count = c // groups * int(np.prod(kernel)), n * int(np.prod(result))
    places, taps = range(3, d + 3), range(d + 3, 2 * d + 3)
    # one matrix product for each group; the longer rows are copied as they lie
    if kernel[-1] > result[-1]:
        columns = windows.transpose(1, 0, *places, 2, *taps).reshape(groups, count, depth).swapaxes(1, 2)
    else:
        columns = windows.transpose(1, 2, *taps, 0, *places).reshape(groups, depth, count)
    y = w.reshape(groups, o // groups, depth) @ columns
    return y.reshape(o, n, *result).swapaxes(0, 1)


def overlap_add(windows, shape, axis):
    """The sum of all windows at their places: the transpose of sliding_window_view along `axis`."""
    x = np.zeros(shape, windows.dtype)
    count = len(axis)
    for offset in np.ndindex(windows.shape[windows.ndim - count :]):
        start = [0] * x.ndim
        for a, shift in zip(axis, offset, strict=True):
            start[a] += shift
        x[tuple(slice(s, s + n) for s, n in zip(start, windows.shape))] += windows[(..., *offset)]
    return x


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
    if not x.flags.c_contiguous or np.may_share_memory(x, rows):
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
