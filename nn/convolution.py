"""Convolutions of signals, images and volumes, and the transpose of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.ops.convolution import convolve_channels
from ..tracer.dispatch import apply
from .sizes import Array, Size, sizes_of


def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of signals: input[n, c, l], weight[o, c / groups, k]  ->  [n, o, ol], as for `conv2d`."""
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 1)


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of images with kernels: input[n, c, h, w], weight[o, c / groups, kh, kw]  ->  [n, o, oh, ow].

    oh = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1, and ow likewise; bias[o] is added. With
    padding='same' the output has the size of the input divided by the stride, rounded up, an odd row or column going
    to the end; 'valid' is 0.
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 2)


def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of volumes: input[n, c, d, h, w], weight[o, c / groups, kd, kh, kw], as for `conv2d`."""
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 3)


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Array:
    """The transpose of `conv2d`: input[n, c, h, w], weight[c, o / groups, kh, kw]  ->  [n, o, oh, ow].

    oh = (h - 1) * stride - 2 * padding + dilation * (kh - 1) + output_padding + 1, and ow likewise.
    """
    _check_dimensions("conv_transpose2d", input, weight, bias, 2)
    by, apart = sizes_of(stride, "stride", 1, 2), sizes_of(dilation, "dilation", 1, 2)
    cut, more = sizes_of(padding, "padding", 0, 2), sizes_of(output_padding, "output_padding", 0, 2)
    _check_groups(groups)
    c, o, *kernel = np.shape(weight)
    if c % groups:
        raise ValueError(f"{c} channels do not divide into {groups} groups")
    rotated = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    if groups > 1:
        kernels = weight[:, :, ::-1, ::-1].reshape(groups, c // groups, o, *kernel)
        rotated = kernels.swapaxes(1, 2).reshape(groups * o, c // groups, *kernel)
    rims = [(k - 1) * q - p for k, q, p in zip(kernel, apart, cut, strict=True)]
    around = tuple((rim, rim + extra) for rim, extra in zip(rims, more, strict=True))
    y = apply(convolve_channels, input, rotated, padding=around, dilation=apart, spread=by, groups=groups)
    return y if bias is None else y + bias[:, None, None]


def _convolution(
    x: Array, w: Array, bias: Array | None, stride: Any, padding: Any, dilation: Any, groups: int, d: int
) -> Array:
    _check_dimensions(f"conv{d}d", x, w, bias, d)
    by, apart = sizes_of(stride, "stride", 1, d), sizes_of(dilation, "dilation", 1, d)
    _check_groups(groups)
    if isinstance(padding, str):
        around = _named_padding(padding, np.shape(x)[2:], np.shape(w)[2:], by, apart)
    else:
        around = tuple((n, n) for n in sizes_of(padding, "padding", 0, d))
    y = apply(convolve_channels, x, w, stride=by, padding=around, dilation=apart, groups=groups)
    return y if bias is None else y + bias.reshape(-1, *[1] * d)


def _check_dimensions(name: str, x: Array, w: Array, bias: Array | None, d: int) -> None:
    if np.ndim(x) != d + 2 or np.ndim(w) != d + 2:
        size, kernel = ("l", "h, w", "d, h, w")[d - 1], ("k", "kh, kw", "kd, kh, kw")[d - 1]
        raise ValueError(f"{name} takes x[n, c, {size}] and w[o, c, {kernel}], not shapes {np.shape(x)}, {np.shape(w)}")
    if bias is not None and np.ndim(bias) != 1:
        raise ValueError(f"the bias of {name} has one number for each output channel, not shape {np.shape(bias)}")


def _check_groups(groups: Any) -> None:
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups must be a positive integer, not {groups!r}")


def _named_padding(name: str, size: Any, kernel: Any, stride: Any, dilation: Any) -> tuple[tuple[int, int], ...]:
    if name == "valid":
        return ((0, 0),) * len(size)
    if name != "same":
        raise ValueError(f"padding must be integers, 'same' or 'valid', not {name!r}")
    around = []
    for n, k, by, apart in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // by) - 1) * by + apart * (k - 1) + 1 - n, 0)
        around.append((total // 2, total - total // 2))
    return tuple(around)
