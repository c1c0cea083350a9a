"""Convolutions, each the fastest for some shapes: ordinary functions, copied into generated modules that call them.

All give the same: the cross-correlation of x[n, c, *size] with w[o, c / groups, *kernel], which is [n, o, *result], in
one to three dimensions. Windows are copied out as the columns of matrices, since a product of matrices is the only
fast sum that NumPy has; they are copied a few images at a time, so that they are still in the cache when multiplied.
"""

import math

import numpy as np


def image_columns(x, kernel, result, stride, padding, dilation, by_row):
    """The windows of x[n, groups, c, *size] as columns of matrices, as many at a time as a cache holds.

    Yields a slice of the images, a slice of the places, and a list of columns[images, groups, c * taps, places]. With
    `by_row` there is one for each row of the kernel, which runs along the first dimension: all are views of the same
    columns, of which the next row of the kernel needs those one row of the image further.
    """
    (n, groups, c, *size), d = x.shape, len(kernel)
    lengths = [(m - 1) * by + (k - 1) * apart + 1 for m, by, k, apart in zip(result, stride, kernel, dilation)]
    inside = tuple(slice(lo, lo + m) for m, (lo, _) in zip(size, padding))
    seen = tuple(slice(max(length - lo, 0)) for length, (lo, _) in zip(lengths, padding))
    first = 1 if by_row else 0  # the first dimension of which the windows are copied
    window = [(k - 1) * apart + 1 for k, apart in zip(kernel[first:], dilation[first:])]
    along, places = range(3 + first, 3 + d), range(3, 3 + d)
    steps = (slice(None),) * (3 + first) + tuple(slice(None, None, by) for by in (*stride[first:], *dilation[first:]))
    depth, width = c * math.prod(kernel[first:]), math.prod(result[1:])
    rows = max(2**20 // max(1, groups * depth * width * x.itemsize), 4 * kernel[0])  # of places, in so many bytes
    rows = rows if 2 * rows < result[0] else max(rows, result[0])  # no strips of an image that almost fits
    count, rows = min(n, max(1, rows // result[0])), min(rows, result[0])
    padded = np.zeros((count, groups, c, *lengths), x.dtype)
    for start in range(0, n, max(count, 1)):
        images = x[start : start + count]
        if lengths != size or any(lo for lo, _ in padding):
            padded[(slice(len(images)), slice(None), slice(None), *inside)] = images[(..., *seen)]
            images = padded[: len(images)]
        for top in range(0, result[0], rows):
            bottom = min(top + rows, result[0])
            strip = images[:, :, :, top * stride[0] : (bottom - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1]
            windows = np.lib.stride_tricks.sliding_window_view(strip, window, axis=tuple(along))[steps]
            columns = windows.transpose(0, 1, 2, *range(3 + d, windows.ndim), *places)
            columns = np.ascontiguousarray(columns).reshape(len(images), groups, depth, columns.shape[-d] * width)
            starts = [i * dilation[0] * width for i in range(kernel[0])] if by_row else [0]
            by_rows = [columns[..., i : i + (bottom - top) * width] for i in starts]
            yield slice(start, start + count), slice(top * width, bottom * width), by_rows


def convolution(x, w, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation: x[n, c, *size], w[o, c / groups, *kernel]  ->  [n, o, *result], in one to three dimensions.

    `padding` is a number or a (before, after) for each dimension. All take one number, or one for each dimension.
    """
    (n, _, *size), (o, c, *kernel) = x.shape, w.shape
    d = len(kernel)
    stride, dilation = ((v,) * d if isinstance(v, int) else v for v in (stride, dilation))
    padding = ((padding, padding),) * d if isinstance(padding, int) else padding
    covered = [m + lo + hi - (k - 1) * apart for m, (lo, hi), k, apart in zip(size, padding, kernel, dilation)]
    result = [(m - 1) // by + 1 for m, by in zip(covered, stride)]
    # the rows of a kernel apart: fewer columns are copied, and more products added up
    by_row = d > 1 and stride[0] == dilation[0] == 1 and 4 * c * math.prod(kernel[1:]) >= 3 * o // groups
    rows, taps = kernel[0] if by_row else 1, math.prod(kernel[1:] if by_row else kernel)
    kernels = w.reshape(groups, o // groups, c, rows, taps).transpose(3, 0, 1, 2, 4)
    kernels = kernels.reshape(rows, groups, o // groups, c * taps)
    y = np.empty((n, o, *result), np.result_type(x, w))
    images = x.reshape(n, groups, c, *size)
    by_group = y.reshape(n, groups, o // groups, math.prod(result))
    for block, places, columns in image_columns(images, kernel, result, stride, padding, dilation, by_row):
        part = by_group[block, ..., places]
        np.matmul(kernels[0], columns[0], out=part)
        for row, shifted in zip(kernels[1:], columns[1:]):
            part += row @ shifted
    return y


def convolution_with_large_kernel(x, w, stride=1, padding=0, dilation=1, groups=1):
    """`convolution` with a kernel larger than the result, the form of a kernel's gradient: the sum of all channels'.

    Channel by channel, the kernel is multiplied with the windows of its size, one for each place of the result.
    """
    (n, _, *size), (o, c, *kernel) = x.shape, w.shape
    d = len(kernel)
    stride, dilation = ((v,) * d if isinstance(v, int) else v for v in (stride, dilation))
    padding = ((padding, padding),) * d if isinstance(padding, int) else padding
    covered = [m + lo + hi - (k - 1) * apart for m, (lo, hi), k, apart in zip(size, padding, kernel, dilation)]
    result = [(m - 1) // by + 1 for m, by in zip(covered, stride)]
    by_row = d > 1 and dilation[0] == 1 and n * math.prod(result[1:]) > 3  # thinner matrices are slow
    rows, places = result[0] if by_row else 1, math.prod(result)
    kernels = w.reshape(groups, o // groups, c, math.prod(kernel)).transpose(2, 0, 1, 3)
    channels = x.reshape(n, groups, c, *size).swapaxes(0, 2)
    y = np.zeros((rows, groups, n * places // rows, o // groups), np.result_type(x, w))
    for block, taps, columns in image_columns(channels, result, kernel, dilation, padding, stride, by_row):
        for row, shifted in zip(y, columns):
            row += (shifted @ kernels[block, ..., taps].swapaxes(2, 3)).sum(axis=0)
    y = y.reshape(rows, groups, n, places // rows, o // groups).transpose(2, 1, 4, 0, 3)
    return np.ascontiguousarray(y).reshape(n, o, *result)


def convolution_of_spread_images(x, w, padding=0, dilation=1, spread=1, groups=1):
    """`convolution` of images with spread - 1 zeros between their elements, the form of the transpose of a stride.

    Each element is multiplied with the whole kernel, and all is added up where it falls. `padding` is at most what the
    window reaches beyond one element, before the image.
    """
    (n, _, *size), (o, c, *kernel) = x.shape, w.shape
    d = len(kernel)
    dilation, spread = ((v,) * d if isinstance(v, int) else v for v in (dilation, spread))
    padding = ((padding, padding),) * d if isinstance(padding, int) else padding
    reach = [(k - 1) * apart for k, apart in zip(kernel, dilation)]
    result = [(m - 1) * by + 1 + lo + hi - r for m, by, (lo, hi), r in zip(size, spread, padding, reach)]
    inside = tuple(slice(r - lo, r - lo + q) for (lo, _), r, q in zip(padding, reach, result))
    lengths = [max((m - 1) * by + 1 + r, kept.stop) for m, by, r, kept in zip(size, spread, reach, inside)]
    places, taps = math.prod(size), math.prod(kernel)
    kernels = w.reshape(groups, o // groups, c, taps).swapaxes(2, 3).reshape(groups, o // groups * taps, c)
    y = np.empty((n, o, *result), np.result_type(x, w))
    count = max(1, 2**20 // max(1, o * taps * places * y.itemsize))
    for start in range(0, n, count):
        images = x[start : start + count]
        by_group = images.reshape(len(images), groups, c, places).transpose(1, 2, 0, 3)
        products = kernels @ by_group.reshape(groups, c, len(images) * places)
        products = products.reshape(o, *kernel, len(images), *size)
        total = np.zeros((o, len(images), *lengths), y.dtype)
        for tap in np.ndindex(*kernel):
            starts = [r - t * apart for r, t, apart in zip(reach, tap, dilation)]
            fallen = tuple(slice(i, i + (m - 1) * by + 1, by) for i, m, by in zip(starts, size, spread))
            total[(slice(None), slice(None), *fallen)] += products[(slice(None), *tap)]
        y[start : start + count] = total[(slice(None), slice(None), *inside)].swapaxes(0, 1)
    return y


def convolution_of_small_images(x, w, stride=1, padding=0, dilation=1, spread=1, groups=1):
    """`convolution` where the images are smaller than the kernels, in all its generality: of many images one matrix.

    `spread` puts spread - 1 zeros between the elements of x. Where the padding is negative, the rim is cut off.
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
    depth, places = c // groups * math.prod(kernel), math.prod(result)
    kernels = w.reshape(groups, o // groups, depth)
    y = np.empty((n, o, *result), np.result_type(x, w))
    count = max(1, 2**24 // max(1, groups * depth * places * x.itemsize))
    for start in range(0, n, count):
        some = windows[start : start + count]
        # the longer rows are copied as they lie
        if kernel[-1] > result[-1]:
            columns = some.transpose(1, 0, *range(3, d + 3), 2, *range(d + 3, 2 * d + 3))
            columns = columns.reshape(groups, len(some) * places, depth).swapaxes(1, 2)
        else:
            columns = some.transpose(1, 2, *range(d + 3, 2 * d + 3), 0, *range(3, d + 3))
            columns = columns.reshape(groups, depth, len(some) * places)
        y[start : start + count] = (kernels @ columns).reshape(o, len(some), *result).swapaxes(0, 1)
    return y
