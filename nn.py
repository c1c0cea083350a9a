"""Layers of neural networks as functions of arrays: convolution, pooling, activations, cross-entropy.

Written in plain NumPy, so they run on arrays and are recorded when a gradient is traced; only the convolution is an
operation of its own. Images are NCHW: [batch, channels, height, width].
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .ir.ops.convolution import convolution
from .tracer.dispatch import apply

__all__ = ["avg_pool2d", "conv2d", "cross_entropy", "log_softmax", "max_pool2d", "relu", "sigmoid", "softmax"]

Array = TypeVar("Array")  # what goes in comes out: an array, or a traced value
Size = int | tuple[int, int]


def conv2d(
    x: Array, w: Any, stride: Size = 1, padding: Size | str = 0, dilation: Size = 1, groups: int = 1
) -> Array:
    """Cross-correlation of images with kernels: x[n, c, h, w], w[o, c / groups, kh, kw]  ->  [n, o, oh, ow].

    oh = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1, and ow likewise; a pair is (rows, columns). With
    padding='same' the output is as large as the input divided by the stride, rounded up; 'valid' is 0.
    Raises ValueError for shapes that do not fit together, TypeError for sizes that are not integers.
    """
    stride, dilation = _pair(stride, "stride"), _pair(dilation, "dilation")
    if np.ndim(x) != 4 or np.ndim(w) != 4:
        raise ValueError(f"conv2d takes x[n, c, h, w] and w[o, c, kh, kw], not shapes {np.shape(x)} and {np.shape(w)}")
    if isinstance(padding, str):
        around = _padding_by_name(padding, np.shape(x)[2:], np.shape(w)[2:], stride, dilation)
    else:
        rows, columns = _pair(padding, "padding", least=0)
        around = (rows, rows), (columns, columns)
    return apply(convolution, x, w, stride=stride, padding=around, dilation=dilation, groups=int(groups))


def max_pool2d(x: Array, size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The maximum of each window: x[n, c, h, w]  ->  [n, c, (h + 2 * padding - size) // stride + 1, ...].

    The stride is the size if it is not given. Elements that tie for a maximum share its gradient equally.
    Raises ValueError for a window larger than the padded image.
    """
    windows = _windows(x, size, stride, padding, -np.inf)
    return np.max(windows, axis=(3, 5) if np.ndim(windows) == 6 and _aligned(size, stride) else (4, 5))


def avg_pool2d(x: Array, size: Size, stride: Size | None = None, padding: Size = 0) -> Array:
    """The mean of each window, as `max_pool2d`; the zeros of the padding are counted."""
    windows = _windows(x, size, stride, padding, 0)
    return np.mean(windows, axis=(3, 5) if _aligned(size, stride) else (4, 5))
