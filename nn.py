"""Layers of neural networks as functions of arrays: convolution, pooling, activations, cross-entropy.

Written in plain NumPy, so they run on arrays and are recorded when a gradient is traced; only the convolution is an
operation of its own. Images are NCHW: [batch, channels, height, width].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ir.ops.convolution import convolution
from .tracer.dispatch import apply

__all__ = ["avg_pool2d", "conv2d", "cross_entropy", "log_softmax", "max_pool2d", "relu", "sigmoid", "softmax"]

Array = Any  # an ndarray, or what stands for one while a function is traced
Pair = tuple[int, int]  # (rows, columns)
Size = int | Pair  # one number for both, or a pair

# -------------------------------------------------------------------------------------------------------- convolution


def conv2d(x: Array, w: Array, stride: Size = 1, padding: Size | str = 0, dilation: Size = 1, groups: int = 1) -> Array:
    """Cross-correlation of images with kernels: x[n, c, h, w], w[o, c / groups, kh, kw]  ->  [n, o, oh, ow].

    oh = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1, and ow likewise. With padding='same' the output has
    the size of the input divided by the stride, rounded up, an odd row or column going to the end; 'valid' is 0.
    Raises ValueError for shapes and sizes that do not fit together, TypeError for a size that is not an integer.
    """
    if np.ndim(x) != 4 or np.ndim(w) != 4:
        raise ValueError(f"conv2d takes x[n, c, h, w] and w[o, c, kh, kw], not shapes {np.shape(x)} and {np.shape(w)}")
    by, apart = _pair(stride, "stride", 1), _pair(dilation, "dilation", 1)
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups must be a positive integer, not {groups!r}")
    if isinstance(padding, str):
        around = _named_padding(padding, np.shape(x)[2:], np.shape(w)[2:], by, apart)
    else:
        rows, columns = _pair(padding, "padding", 0)
        around = (rows, rows), (columns, columns)
    return apply(convolution, x, w, stride=by, padding=around, dilation=apart, groups=groups)


def _named_padding(name: str, image: Any, kernel: Any, stride: Any, dilation: Any) -> tuple[Pair, ...]:
    if name == "valid":
        return (0, 0), (0, 0)
    if name != "same":
        raise ValueError(f"padding must be integers, 'same' or 'valid', not {name!r}")
    around = []
    for n, k, by, apart in zip(image, kernel, stride, dilation, strict=True):
        total = max((-(-n // by) - 1) * by + apart * (k - 1) + 1 - n, 0)
        around.append((total // 2, total - total // 2))
    return tuple(around)


def _pair(size: Any, name: str, least: int) -> Pair:
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer or a pair, not {size!r}")
    for n in pair:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"{name} must be an integer or a pair of integers, not {size!r}")
        if n < least:
            raise ValueError(f"{name} must be at least {least}, not {size!r}")
    return int(pair[0]), int(pair[1])


# ------------------------------------------------------------------------------------------------------------ pooling


def max_pool2d(x: Array, size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The maximum of each window: x[n, c, h, w]  ->  [n, c, (h + 2 * padding - size) // stride + 1, ... w likewise].

    The stride is the size unless it is given; padding counts as minus infinity. Where several elements of a window are
    the maximum, they share its gradient equally. Raises ValueError for a window larger than the padded image.
    """
    kernel, by, (rows, columns) = _pooling(x, size, stride, padding)
    if rows or columns:
        n, c, h, w = np.shape(x)
        padded = np.full((n, c, h + 2 * rows, w + 2 * columns), -np.inf, dtype=x.dtype)
        padded[:, :, rows : rows + h, columns : columns + w] = x
        x = padded
    windows, axes = _windows(x, kernel, by)
    return windows.max(axis=axes)


def avg_pool2d(x: Array, size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The mean of each window, shapes and errors as for `max_pool2d`; padding counts as zeros in the mean."""
    kernel, by, (rows, columns) = _pooling(x, size, stride, padding)
    if rows or columns:
        padded = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
        x = padded
    windows, axes = _windows(x, kernel, by)
    return windows.mean(axis=axes)


def _pooling(x: Array, size: Any, stride: Any, padding: Any) -> tuple[Pair, Pair, Pair]:
    """The sizes of a pooling as pairs, checked against the image."""
    if np.ndim(x) != 4:
        raise ValueError(f"pooling takes x[n, c, h, w], not shape {np.shape(x)}")
    kernel, around = _pair(size, "size", 1), _pair(padding, "padding", 0)
    by = kernel if stride is None else _pair(stride, "stride", 1)
    for n, k, p in zip(np.shape(x)[2:], kernel, around, strict=True):
        if p > k // 2:
            raise ValueError(f"the padding {padding} of a pooling must be at most half of its size {size}")
        if n + 2 * p < k:
            raise ValueError(f"a pooling window of size {size} is larger than the image of shape {np.shape(x)}")
    return kernel, by, around


def _windows(x: Array, size: Pair, stride: Pair) -> tuple[Array, Pair]:
    """The windows of images, and their axes: a reshape where they lie side by side, else sliding windows."""
    (n, c, h, w), (kh, kw), (sh, sw) = np.shape(x), size, stride
    if size != stride:
        windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))
        return (windows if stride == (1, 1) else windows[:, :, ::sh, ::sw]), (4, 5)
    if h % kh or w % kw:
        cropped = x[:, :, : h - h % kh, : w - w % kw]
        x = cropped
    windows = x.reshape(n, c, h // kh, kh, w // kw, kw)
    return windows, (3, 5)


# -------------------------------------------------------------------------------------------------------- activations


def relu(x: Array) -> Array:
    """The positive part, elementwise; the derivative at 0 is 0 (docs/kinks.md)."""
    return np.maximum(x, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise, without overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along the axis, without overflow; the shape of x."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of the softmax along the axis, without overflow or log(0); the shape of x."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def cross_entropy(scores: Array, labels: Array) -> Array:
    """The mean of -log(softmax(scores)) at the labels: scores[n, k] or scores[k]  ->  a number.

    labels are integers ([n], or one integer), or weights of the shape of scores (one-hot, or soft labels).
    The gradient with respect to scores is (softmax(scores) - labels) / n. Raises ValueError for other shapes.
    """
    if np.ndim(scores) not in (1, 2) or np.shape(labels) not in (np.shape(scores), np.shape(scores)[:-1]):
        raise ValueError(
            "cross_entropy takes scores[n, k] with labels[n] or [n, k] (or scores[k] with one label or [k]), "
            f"not shapes {np.shape(scores)} and {np.shape(labels)}"
        )
    log_p = log_softmax(scores)
    n = np.shape(scores)[0] if np.ndim(scores) == 2 else 1
    if np.ndim(labels) == np.ndim(scores):
        return -np.sum(labels * log_p) / n
    if np.ndim(scores) == 1:
        return -log_p[labels]
    return -np.mean(log_p[np.arange(n), labels])
