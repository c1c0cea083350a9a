"""Steps of a convolution over the windows of images as columns: ordinary functions, copied into generated modules.

A product of matrices is the only fast sum that NumPy has, so windows are copied out as the columns of one. Those of the
rows of a kernel, one by one, are the same columns, a row of the image further each: so many times less is copied.
"""

import math

import numpy as np


def window_columns(x, kernel, stride=1, padding=0, dilation=1):
    """The windows of the size of a kernel in x[n, c, *size] as columns[n, c * taps, places]."""
    n, c, *size = x.shape
    stride, dilation = ((v,) * len(kernel) if isinstance(v, int) else v for v in (stride, dilation))
    padding = ((padding, padding),) * len(kernel) if isinstance(padding, int) else padding
    lengths = [lo + m + hi for m, (lo, hi) in zip(size, padding)]
    if lengths != size:
        inside = tuple(slice(lo, lo + m) for m, (lo, _) in zip(size, padding))
        padded = np.zeros((n, c, *lengths), x.dtype)
        padded[(slice(None), slice(None), *inside)] = x
        x = padded
    places = [(m - (k - 1) * apart - 1) // by + 1 for m, k, apart, by in zip(lengths, kernel, dilation, stride)]
    columns = np.empty((n, c, *kernel, *places), x.dtype)
    for tap in np.ndindex(*kernel):
        starts = [t * apart for t, apart in zip(tap, dilation)]
        seen = tuple(slice(i, i + (m - 1) * by + 1, by) for i, m, by in zip(starts, places, stride))
        columns[(slice(None), slice(None), *tap)] = x[(..., *seen)]
    return columns.reshape(n, c * math.prod(kernel), math.prod(places))


def convolve_columns(kernels, columns, shape):
    """The sum, over the rows of kernels[rows, o, depth], of their products with columns that are a row further each."""
    n, size, width = len(columns), math.prod(shape), math.prod(shape[1:])
    y = kernels[0] @ columns[..., :size]
    for i in range(1, len(kernels)):
        y += kernels[i] @ columns[..., i * width : i * width + size]
    return y.reshape(n, len(kernels[0]), *shape)


def kernels_of_columns(columns, dy, rows):
    """The cotangent of `kernels` in y = convolve_columns(kernels, columns, shape), from that of y: [rows, depth, o]."""
    n, o, *shape = dy.shape
    size, width = math.prod(shape), math.prod(shape[1:])
    dy = dy.reshape(n, o, size).swapaxes(1, 2)
    return np.array([(columns[..., i * width : i * width + size] @ dy).sum(axis=0) for i in range(rows)])
