"""A convolution of 3x3 kernels, and LeNet. Images are [n, c, h, w], as in torch."""

from __future__ import annotations

import numpy as np

from .perceptrons import cross_entropy_best, cross_entropy_naive
from .workload import Workload

try:
    from tapeless import nn
except ImportError:  # a peer's interpreter: it brings its own
    nn = None


def convolution(x, w, b):
    y = nn.conv2d(x, w, b, padding=1)
    return np.mean(np.maximum(y, 0) ** 2)


def rows_of(image, out):
    """The windows along the rows of a padded image [c, h, w + kw - 1] as columns: out[c, kw, h, w]."""
    _, kw, _, w = out.shape
    for j in range(kw):
        out[:, j] = image[:, :, j : j + w]


def convolve_rows(kernel, columns, out, part):
    """The sum, over the rows of a kernel [kh, o, c * kw], of its products with columns a row further each."""
    flat, width = columns.reshape(kernel.shape[2], -1), columns.shape[3]
    np.matmul(kernel[0], flat[:, : out.shape[1]], out=out)
    for i in range(1, len(kernel)):
        np.matmul(kernel[i], flat[:, i * width : i * width + out.shape[1]], out=part)
        out += part


def convolution_best(x, w, b):
    """Image by image, so that all stays in the cache; the rows of the kernel one by one, on columns without them."""
    n, c, height, width = x.shape
    o, _, kh, kw = w.shape
    size = height * width
    kernel = w.transpose(2, 0, 1, 3).reshape(kh, o, c * kw)
    rotated = w[:, :, ::-1, ::-1].transpose(2, 1, 0, 3).reshape(kh, c, o * kw)
    dkernel, db, value = np.zeros((kh, c * kw, o), x.dtype), np.zeros_like(b), 0.0
    dx = np.empty_like(x)
    padded, dpadded = (np.zeros((m, height + kh - 1, width + kw - 1), x.dtype) for m in (c, o))
    columns, dcolumns = (np.empty((m, kw, height + kh - 1, width), x.dtype) for m in (c, o))
    flat = columns.reshape(c * kw, -1)
    inner = (slice(None), slice(kh // 2, kh // 2 + height), slice(kw // 2, kw // 2 + width))
    y, part = np.empty((2, o, size), x.dtype)
    dpart, product = np.empty((c, size), x.dtype), np.empty_like(dkernel[0])
    for one, done in zip(x, dx):
        padded[inner] = one
        rows_of(padded, columns)
        convolve_rows(kernel, columns, y, part)
        y += b[:, None]
        np.maximum(y, 0, out=y)
        value += np.vdot(y, y)
        y *= 2 / (n * o * size)
        db += y.sum(axis=1)
        for i in range(kh):
            np.matmul(flat[:, i * width : i * width + size], y.T, out=product)
            dkernel[i] += product
        dpadded[inner] = y.reshape(o, height, width)
        rows_of(dpadded, dcolumns)
        convolve_rows(rotated, dcolumns, done.reshape(c, size), dpart)
    dw = dkernel.reshape(kh, c, kw, o).transpose(3, 1, 0, 2)
    return x.dtype.type(value / (n * o * size)), (dx, np.ascontiguousarray(dw), db)


def columns_naive(x, kh, kw):
    """im2col of the whole batch: [n, h, w, c * kh * kw]."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    n, c, h, w = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * kh * kw)


def convolve_naive(x, w, b):
    o, _, kh, kw = w.shape
    columns = columns_naive(x, kh, kw)
    return (columns @ w.reshape(o, -1).T + b).transpose(0, 3, 1, 2), columns


def convolve_back_naive(dy, columns, x, w):
    o, c, kh, kw = w.shape
    n, _, h, width = dy.shape
    flat = dy.transpose(0, 2, 3, 1).reshape(-1, o)
    dw = (flat.T @ columns.reshape(-1, c * kh * kw)).reshape(w.shape)
    dcolumns = (flat @ w.reshape(o, -1)).reshape(n, h, width, c, kh, kw)
    dx = np.zeros_like(x)
    for i in range(kh):
        for j in range(kw):
            dx[:, :, i : i + h, j : j + width] += dcolumns[..., i, j].transpose(0, 3, 1, 2)
    return dx, dw, flat.sum(axis=0)


def convolution_naive(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y, columns = convolve_naive(padded, w, b)
    y = np.maximum(y, 0)
    dpadded, dw, db = convolve_back_naive(2 * y / y.size, columns, padded, w)
    return np.mean(y**2), (dpadded[:, :, 1:-1, 1:-1], dw, db)


def lenet(w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, labels):
    h = np.maximum(nn.conv2d(x, w1, b1, padding=2), 0)
    h = nn.max_pool2d(h, 2)
    h = np.maximum(nn.conv2d(h, w2, b2), 0)
    h = nn.max_pool2d(h, 2)
    h = h.reshape(len(labels), -1)
    h = np.maximum(h @ w3 + b3, 0)
    h = np.maximum(h @ w4 + b4, 0)
    scores = h @ w5 + b5
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def row_columns(images, kw):
    """The windows along the rows of images [n, c, h, w + kw - 1] as columns: [n, c, kw, h, w]."""
    windows = np.lib.stride_tricks.sliding_window_view(images, kw, axis=3)
    return np.ascontiguousarray(windows.transpose(0, 1, 4, 2, 3))


def by_rows(kernel, columns, height):
    """The sum, over the rows of a kernel [kh, o, c * kw], of its products with columns that are a row further each."""
    n, width = len(columns), columns.shape[4]
    flat, size = columns.reshape(n, kernel.shape[2], -1), height * width
    y = kernel[0] @ flat[:, :, :size]
    for i in range(1, len(kernel)):
        y += kernel[i] @ flat[:, :, i * width : i * width + size]
    return y


def kernel_by_rows(dy, columns, kh):
    """The cotangent of such a kernel w[o, c, kh, kw], from that of y[n, o, size]."""
    n, c, kw, _, width = columns.shape
    flat, size, o = columns.reshape(n, c * kw, -1), dy.shape[2], dy.shape[1]
    rows = [(flat[:, :, i * width : i * width + size] @ dy.swapaxes(1, 2)).sum(axis=0) for i in range(kh)]
    return np.ascontiguousarray(np.reshape(rows, (kh, c, kw, o)).transpose(3, 1, 0, 2))


def pooled_relu(y):
    """relu and the maximum of 2x2 windows of y[n, c, h, w]."""
    corners = [y[:, :, i::2, j::2] for i in range(2) for j in range(2)]
    out = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    return np.maximum(out, 0, out=out)


def unpooled(dout, out, y):
    """The cotangent of y[n, c, h, w], written over it; where the maximum is 0 nothing flows."""
    dout *= out > 0
    for i in range(2):
        for j in range(2):
            corner = y[:, :, i::2, j::2]
            np.multiply(dout, corner == out, out=corner)


def lenet_best(w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, labels):
    """The rows of the kernels one by one, on columns that are windows along the rows of the images alone."""
    n, c, height, width = x.shape
    (o1, _, k, _), o2, pad = w1.shape, len(w2), w1.shape[2] // 2
    half, low = (height // 2, width // 2), (height // 2 - k + 1, width // 2 - k + 1)
    kernel1, kernel2 = (w.transpose(2, 0, 1, 3).reshape(k, len(w), -1) for w in (w1, w2))
    padded = np.zeros((n, c, height + k - 1, width + k - 1), x.dtype)
    padded[:, :, pad : pad + height, pad : pad + width] = x
    columns1 = row_columns(padded, k)
    y1 = by_rows(kernel1, columns1, height)
    y1 += b1[:, None]
    y1 = y1.reshape(n, o1, height, width)
    p1 = pooled_relu(y1)
    columns2 = row_columns(p1, k)
    y2 = by_rows(kernel2, columns2, low[0])
    y2 += b2[:, None]
    y2 = y2.reshape(n, o2, *low)
    p2 = pooled_relu(y2)
    h2 = p2.reshape(n, -1)
    h3 = h2 @ w3
    h3 += b3
    np.maximum(h3, 0, out=h3)
    h4 = h3 @ w4
    h4 += b4
    np.maximum(h4, 0, out=h4)
    value, (dscores,) = cross_entropy_best(h4 @ w5 + b5, labels)
    dh4 = dscores @ w5.T
    dh4 *= h4 > 0
    dh3 = dh4 @ w4.T
    dh3 *= h3 > 0
    unpooled((dh3 @ w3.T).reshape(p2.shape), p2, y2)
    around = np.zeros((n, o2, half[0] + k - 1, half[1] + k - 1), x.dtype)
    around[:, :, k - 1 : half[0], k - 1 : half[1]] = y2
    rotated = w2[:, :, ::-1, ::-1].transpose(2, 1, 0, 3).reshape(k, o1, -1)
    dp1 = by_rows(rotated, row_columns(around, k), half[0])
    unpooled(dp1.reshape(p1.shape), p1, y1)
    dw1 = kernel_by_rows(y1.reshape(n, o1, -1), columns1, k)
    dw2 = kernel_by_rows(y2.reshape(n, o2, -1), columns2, k)
    gradients = dw1, y1.sum(axis=(0, 2, 3)), dw2, y2.sum(axis=(0, 2, 3))
    dense = h2.T @ dh3, dh3.sum(axis=0), h3.T @ dh4, dh4.sum(axis=0), h4.T @ dscores, dscores.sum(axis=0)
    return value, gradients + dense


def pool_naive(x):
    n, c, h, w = x.shape
    windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
    y = windows.max(axis=(3, 5))
    return y, windows == y[:, :, :, None, :, None]


def pool_back_naive(dy, largest):
    dx = largest * dy[:, :, :, None, :, None] / largest.sum(axis=(3, 5), keepdims=True)
    n, c, h, _, w, _ = dx.shape
    return dx.reshape(n, c, 2 * h, 2 * w)


def lenet_naive(w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, labels):
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    y1, columns1 = convolve_naive(padded, w1, b1)
    p1, largest1 = pool_naive(np.maximum(y1, 0))
    y2, columns2 = convolve_naive(p1, w2, b2)
    p2, largest2 = pool_naive(np.maximum(y2, 0))
    h2 = p2.reshape(len(labels), -1)
    a3 = h2 @ w3 + b3
    h3 = np.maximum(a3, 0)
    a4 = h3 @ w4 + b4
    h4 = np.maximum(a4, 0)
    value, (dscores,) = cross_entropy_naive(h4 @ w5 + b5, labels)
    da4 = (dscores @ w5.T) * (a4 > 0)
    da3 = (da4 @ w4.T) * (a3 > 0)
    dy2 = pool_back_naive((da3 @ w3.T).reshape(p2.shape), largest2).astype(x.dtype) * (y2 > 0)
    dp1, dw2, db2 = convolve_back_naive(dy2, columns2, p1, w2)
    dy1 = pool_back_naive(dp1, largest1).astype(x.dtype) * (y1 > 0)
    _, dw1, db1 = convolve_back_naive(dy1, columns1, padded, w1)
    dense = h2.T @ da3, da3.sum(axis=0), h3.T @ da4, da4.sum(axis=0), h4.T @ dscores, dscores.sum(axis=0)
    return value, (dw1, db1, dw2, db2, *dense)


def convolution_arguments(random, n, c, o, size, dtype):
    shapes = (n, c, size, size), (o, c, 3, 3), (o,)
    return tuple((random.normal(size=shape) / (9 if len(shape) > 3 else 1)).astype(dtype) for shape in shapes)


def lenet_arguments(random, n, size, channels, widths, dtype):
    flat = channels[1] * ((size // 2 - 4) // 2) ** 2
    shapes = [(channels[0], 1, 5, 5), (channels[1], channels[0], 5, 5), *zip((flat, *widths), widths)]
    weights = []
    for shape in shapes:
        fan = shape[0] if len(shape) == 2 else shape[1] * 25
        weights += [random.normal(size=shape) / fan**0.5, random.normal(size=shape[-1 if len(shape) == 2 else 0]) / 10]
    arrays = (a.astype(dtype) for a in (*weights, random.normal(size=(n, 1, size, size))))
    return *arrays, random.integers(0, widths[-1], n)


WORKLOADS = [
    Workload(
        f"{name}-{dtype[-2:]}",
        f"{title}, batch 32, {dtype}",
        function,
        best,
        naive,
        arguments,
        sizes | {"dtype": dtype},
        small | {"dtype": dtype},
        count=count,
        blas=True,
    )
    for name, title, function, best, naive, arguments, sizes, small, count in (
        (
            "lenet",
            "LeNet on 28 x 28",
            lenet,
            lenet_best,
            lenet_naive,
            lenet_arguments,
            {"n": 32, "size": 28, "channels": (6, 16), "widths": (120, 84, 10)},
            {"n": 2, "size": 16, "channels": (2, 3), "widths": (6, 5, 3)},
            10,
        ),
        (
            "convolution",
            "convolution 3x3, 32 to 64 channels, 32 x 32",
            convolution,
            convolution_best,
            convolution_naive,
            convolution_arguments,
            {"n": 32, "c": 32, "o": 64, "size": 32},
            {"n": 2, "c": 2, "o": 3, "size": 5},
            3,
        ),
    )
    for dtype in ("float32", "float64")
]
