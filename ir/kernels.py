"""Array functions that NumPy lacks: ordinary functions, whose text goes into generated modules that call them."""

import numpy as np


def conv2d(x, w, stride=(1, 1), padding=0, dilation=(1, 1), spread=(1, 1), groups=1):
    """Cross-correlation: x[n, c, h, w], w[o, c / groups, kh, kw]  ->  [n, o, oh, ow].

    `padding` is a number or ((top, bottom), (left, right)); where negative, rows or columns are cut off.
    `spread` puts spread - 1 zeros between the elements of x.
    """
    n, c, height, width = x.shape
    o, _, kh, kw = w.shape
    (top, bottom), (left, right) = ((padding, padding),) * 2 if isinstance(padding, int) else padding
    if spread != (1, 1) or max(top, bottom, left, right) > 0:
        height, width = (height - 1) * spread[0] + 1, (width - 1) * spread[1] + 1
        row, column = max(top, 0), max(left, 0)
        padded = np.zeros((n, c, row + height + max(bottom, 0), column + width + max(right, 0)), x.dtype)
        padded[:, :, row : row + height : spread[0], column : column + width : spread[1]] = x
        x = padded
    if min(top, bottom, left, right) < 0:
        x = x[:, :, max(-top, 0) : x.shape[2] - max(-bottom, 0), max(-left, 0) : x.shape[3] - max(-right, 0)]
    window = ((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1)
    windows = np.lib.stride_tricks.sliding_window_view(x, window, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    height, width = windows.shape[2:4]
    windows = windows.reshape(n, groups, c // groups, height, width, kh, kw)
    size, count = c // groups * kh * kw, n * height * width
    # one matrix product for each group; the longer rows are copied as they lie
    if kw > width:
        columns = windows.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, count, size).swapaxes(1, 2)
    else:
        columns = windows.transpose(1, 2, 5, 6, 0, 3, 4).reshape(groups, size, count)
    y = w.reshape(groups, o // groups, size) @ columns
    return y.reshape(o, n, height, width).swapaxes(0, 1)


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


def last_write(shape, index):
    """Where each write of `x[index] = values` survives: False for a place that a later one writes again."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    order = np.arange(places.size).reshape(places.shape)
    writer = np.empty(np.prod(shape, dtype=int), dtype=int)
    writer[places] = order
    return writer[places] == order
