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


def columns_of(image, out):
    """The windows of a padded image [c, h + kh - 1, w + kw - 1] as columns: out[c, kh, kw, h, w]."""
    _, kh, kw, h, w = out.shape
    for i in range(kh):
        for j in range(kw):
            out[:, i, j] = image[:, i : i + h, j : j + w]


def add_columns(columns, out):
    """The transpose of columns_of: adds to out."""
    _, kh, kw, h, w = columns.shape
    for i in range(kh):
        for j in range(kw):
            out[:, i : i + h, j : j + w] += columns[:, i, j]


def convolution_best(x, w, b):
    """Image by image, so that the columns stay in the cache and are built once for both directions."""
    n, c, height, width = x.shape
    o, _, kh, kw = w.shape
    size = height * width
    kernel = w.reshape(o, -1)
    transposed = np.ascontiguousarray(kernel.T)
    dkernel, db, value = np.zeros_like(kernel), np.zeros_like(b), 0.0
    dx = np.empty_like(x)
    padded, dpadded = np.zeros((2, c, height + kh - 1, width + kw - 1), x.dtype)
    inner = (slice(None), slice(kh // 2, kh // 2 + height), slice(kw // 2, kw // 2 + width))
    columns, dcolumns = np.empty((2, c * kh * kw, size), x.dtype)
    windows = (c, kh, kw, height, width)
    y, part = np.empty((o, size), x.dtype), np.empty_like(kernel)
    for one, done in zip(x, dx):
        padded[inner] = one
        columns_of(padded, columns.reshape(windows))
        np.matmul(kernel, columns, out=y)
        y += b[:, None]
        np.maximum(y, 0, out=y)
        value += np.vdot(y, y)
        y *= 2 / (n * o * size)
        db += y.sum(axis=1)
        np.matmul(y, columns.T, out=part)
        dkernel += part
        np.matmul(transposed, y, out=dcolumns)
        dpadded.fill(0)
        add_columns(dcolumns.reshape(windows), dpadded)
        done[...] = dpadded[inner]
    return x.dtype.type(value / (n * o * size)), (dx, dkernel.reshape(w.shape), db)


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


def pooled_relu(y, out):
    """relu and the maximum of 2x2 windows of y[c, h, w]  ->  out[c, h / 2, w / 2]."""
    corners = y[:, ::2, ::2], y[:, ::2, 1::2], y[:, 1::2, ::2], y[:, 1::2, 1::2]
    np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]), out=out)
    np.maximum(out, 0, out=out)


def unpooled(dout, out, y):
    """The cotangent of y[c, h, w], written over it; where the maximum is 0 nothing flows."""
    dout *= out > 0
    for i in range(2):
        for j in range(2):
            corner = y[:, i::2, j::2]
            np.multiply(dout, corner == out, out=corner)


def lenet_best(w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, labels):
    """Convolutions image by image, on columns that are kept; the dense layers for the whole batch."""
    n, c, height, width = x.shape
    dtype = x.dtype
    (o1, _, k, _), o2 = w1.shape, len(w2)
    half = height // 2, width // 2
    low = half[0] - k + 1, half[1] - k + 1
    kernel1, kernel2 = w1.reshape(o1, -1), w2.reshape(o2, -1)
    padded = np.zeros((c, height + k - 1, width + k - 1), dtype)
    columns1 = np.empty((n, c * k * k, height * width), dtype)
    columns2 = np.empty((n, o1 * k * k, low[0] * low[1]), dtype)
    y1, y2 = np.empty((n, o1, height, width), dtype), np.empty((n, o2, *low), dtype)
    p1, p2 = np.empty((n, o1, *half), dtype), np.empty((n, o2, low[0] // 2, low[1] // 2), dtype)
    inner = (slice(None), slice(k // 2, k // 2 + height), slice(k // 2, k // 2 + width))
    for i in range(n):
        padded[inner] = x[i]
        columns_of(padded, columns1[i].reshape(c, k, k, height, width))
        np.matmul(kernel1, columns1[i], out=y1[i].reshape(o1, -1))
        y1[i] += b1[:, None, None]
        pooled_relu(y1[i], p1[i])
        columns_of(p1[i], columns2[i].reshape(o1, k, k, *low))
        np.matmul(kernel2, columns2[i], out=y2[i].reshape(o2, -1))
        y2[i] += b2[:, None, None]
        pooled_relu(y2[i], p2[i])
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
    dp2 = (dh3 @ w3.T).reshape(p2.shape)
    dkernel1, dkernel2 = np.zeros_like(kernel1), np.zeros_like(kernel2)
    transposed = np.ascontiguousarray(kernel2.T)
    dcolumns, dp1 = np.empty_like(columns2[0]), np.empty_like(p1[0])
    for i in range(n):
        dy2 = y2[i].reshape(o2, -1)
        unpooled(dp2[i], p2[i], y2[i])
        dkernel2 += dy2 @ columns2[i].T
        np.matmul(transposed, dy2, out=dcolumns)
        dp1.fill(0)
        add_columns(dcolumns.reshape(o1, k, k, *low), dp1)
        unpooled(dp1, p1[i], y1[i])
        dkernel1 += y1[i].reshape(o1, -1) @ columns1[i].T
    gradients = dkernel1.reshape(w1.shape), y1.sum(axis=(0, 2, 3)), dkernel2.reshape(w2.shape), y2.sum(axis=(0, 2, 3))
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
