"""The maximum or the mean of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dims import is_less
from .sizes import Array, Size, sizes_of


def max_pool1d(input: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The maximum of each window of signals: input[n, c, l], as for `max_pool2d`."""
    return _max_pool(input, kernel_size, stride, padding, 1)


def max_pool2d(input: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The maximum of each window: input[n, c, h, w]  ->  [n, c, (h + 2 * padding - size) // stride + 1, ...].

    The stride is the size unless it is given; padding counts as minus infinity. Where several elements of a window are
    the maximum, they share its gradient equally. Raises ValueError for a window larger than the padded image.
    """
    return _max_pool(input, kernel_size, stride, padding, 2)


def avg_pool1d(input: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The mean of each window of signals: input[n, c, l], as for `max_pool2d`; padding counts as zeros."""
    return _avg_pool(input, kernel_size, stride, padding, 1)


def avg_pool2d(input: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The mean of each window, shapes and errors as for `max_pool2d`; padding counts as zeros in the mean."""
    return _avg_pool(input, kernel_size, stride, padding, 2)


def _max_pool(x: Array, size: Any, stride: Any, padding: Any, d: int) -> Array:
    kernel, by, around = _pooling(x, size, stride, padding, d)
    if any(around):
        n, c, *image = np.shape(x)
        larger = (m + 2 * p for m, p in zip(image, around, strict=True))
        padded = np.full((n, c, *larger), -np.inf, dtype=x.dtype)
        padded[(slice(None), slice(None), *(slice(p, p + m) for m, p in zip(image, around, strict=True)))] = x
        x = padded
    windows, axes = _windows(x, kernel, by)
    return windows.max(axis=axes)


def _avg_pool(x: Array, size: Any, stride: Any, padding: Any, d: int) -> Array:
    kernel, by, around = _pooling(x, size, stride, padding, d)
    if any(around):
        padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in around)))
        x = padded
    windows, axes = _windows(x, kernel, by)
    return windows.mean(axis=axes)


def _pooling(x: Array, size: Any, stride: Any, padding: Any, d: int) -> tuple[tuple[int, ...], ...]:
    """The sizes of a pooling for each dimension, checked against the image."""
    if np.ndim(x) != d + 2:
        raise ValueError(f"pooling takes x[n, c, {'l' if d == 1 else 'h, w'}], not shape {np.shape(x)}")
    kernel, around = sizes_of(size, "kernel_size", 1, d), sizes_of(padding, "padding", 0, d)
    by = kernel if stride is None else sizes_of(stride, "stride", 1, d)
    for n, k, p in zip(np.shape(x)[2:], kernel, around, strict=True):
        if p > k // 2:
            raise ValueError(f"the padding {padding} of a pooling must be at most half of its size {size}")
        if is_less(n + 2 * p, k):
            raise ValueError(f"a pooling window of size {size} is larger than the image of shape {np.shape(x)}")
    return kernel, by, around


def _windows(x: Array, size: tuple[int, ...], stride: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """The windows of images, and their axes: a reshape where they lie side by side, else sliding windows."""
    (n, c, *image), d = np.shape(x), len(size)
    if size != stride:
        windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(2, d + 2)))
        steps = tuple(slice(None, None, by) for by in stride)
        return (windows if max(stride) == 1 else windows[(slice(None), slice(None), *steps)]), (
            *range(d + 2, 2 * d + 2),
        )
    whole = [m - m % k for m, k in zip(image, size, strict=True)]
    if whole != image:
        cropped = x[(slice(None), slice(None), *(slice(None, m) for m in whole))]
        x = cropped
    windows = x.reshape(n, c, *(part for m, k in zip(whole, size, strict=True) for part in (m // k, k)))
    return windows, tuple(range(3, 2 * d + 2, 2))
