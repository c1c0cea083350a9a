"""Convolutions: the kernel's adjoint is a convolution of input with cotangent, the input's a full convolution of the
cotangent with the kernel rotated by 180 degrees (Dumoulin and Visin, arXiv:1603.07285, section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Value
from ..kernels import conv2d, overlap_add
from ..op import op
from ..types import ArrayType, Shape, check_axes, result_dtype
from .elementwise import conjugate
from .shape import flip, pad, reshape, transpose

# ------------------------------------------------------------------------------------------------- one dimension


def _convolved_shape(a: ArrayType, v: ArrayType, mode: str, name: str) -> Shape:
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"{name} takes one-dimensional arrays, not shapes {a.shape} and {v.shape}")
    if a.size == 0 or v.size == 0:
        raise ValueError(f"{name}: the arrays cannot be empty")
    long, short = max(a.size, v.size), min(a.size, v.size)
    lengths = {"full": long + short - 1, "same": long, "valid": long - short + 1}
    if mode not in lengths:
        raise ValueError(f"{name}: mode {mode!r} is not one of 'full', 'same', 'valid'")
    return (lengths[mode],)


def _mode_text(name: str, default: str) -> Any:
    def text(a: ArrayType, v: ArrayType, *, mode: str) -> str:
        return f"np.{name}({{0}}, {{1}})" if mode == default else f"np.{name}({{0}}, {{1}}, mode={mode!r})"

    return text


@op(np.convolve, python=_mode_text("convolve", "full"), domain=((-3.0, 3.0),) * 2)
def convolve(a: ArrayType, v: ArrayType, *, mode: str = "full") -> ArrayType:
    return ArrayType(_convolved_shape(a, v, mode, "np.convolve"), result_dtype(a.strong(), v.strong()))


@op(np.correlate, python=_mode_text("correlate", "valid"), domain=((-3.0, 3.0),) * 2)
def correlate(a: ArrayType, v: ArrayType, *, mode: str = "valid") -> ArrayType:
    return ArrayType(_convolved_shape(a, v, mode, "np.correlate"), result_dtype(a.strong(), v.strong()))


def _conj(x: Value) -> Value:
    value: Value = conjugate(x) if x.dtype.kind == "c" else x
    return value


def _reverse(x: Value) -> Value:
    value: Value = flip(x, axis=(0,))
    return value


def _full_cotangent(g: Value, a: Value, v: Value, start: int) -> Value:
    """The cotangent of the full convolution, of which g covers the part from `start`."""
    rest = a.size + v.size - 1 - start - g.size
    value: Value = pad(g, pad_width=((start, rest),)) if start or rest else g
    return value


def _convolve_one(g: Value, y: Value, x: Value, other: Value, *, mode: str) -> Value:
    """The cotangent of one of the two (a convolution commutes)."""
    if mode == "valid" and x.size >= other.size:
        return convolve(g, _reverse(other), mode="full")
    if mode == "valid":
        return convolve(_reverse(other), g, mode="valid")
    start = 0 if mode == "full" else (min(x.size, other.size) - 1) // 2
    return correlate(_full_cotangent(g, x, other, start), _conj(other), mode="valid")


convolve.vjp(
    lambda g, y, a, v, *, mode: _convolve_one(g, y, a, v, mode=mode),
    lambda g, y, a, v, *, mode: _convolve_one(g, y, v, a, mode=mode),
)


def _correlate_start(a: Value, v: Value, mode: str) -> int:
    short = min(a.size, v.size)
    if mode == "full":
        return 0
    if mode == "valid":
        return short - 1
    left = (short - 1) // 2
    return left if a.size >= v.size else a.size + v.size - 1 - left - max(a.size, v.size)


def _correlate_a(g: Value, y: Value, a: Value, v: Value, *, mode: str) -> Value:
    full = _full_cotangent(g, a, v, _correlate_start(a, v, mode))
    return convolve(full, _conj(v), mode="valid")


def _correlate_v(g: Value, y: Value, a: Value, v: Value, *, mode: str) -> Value:
    full = _full_cotangent(g, a, v, _correlate_start(a, v, mode))
    return _conj(_reverse(correlate(full, _conj(a), mode="valid")))


correlate.vjp(_correlate_a, _correlate_v)

# ------------------------------------------------------------------------------------------------ two dimensions

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def _conv2d_text(
    x: ArrayType, w: ArrayType, *, stride: Pair, padding: Padding, dilation: Pair, spread: Pair, groups: int
) -> str:
    around: int | Padding = padding[0][0] if len({n for side in padding for n in side}) == 1 else padding
    given = {"stride": (stride, (1, 1)), "padding": (around, 0), "dilation": (dilation, (1, 1)),
             "spread": (spread, (1, 1)), "groups": (groups, 1)}  # fmt: skip
    keywords = "".join(f", {name}={value}" for name, (value, default) in given.items() if value != default)
    return f"conv2d({{0}}, {{1}}{keywords})"


@op(name="conv2d", fun=conv2d, python=_conv2d_text, owns=False, helpers=(conv2d,))
def convolution(
    x: ArrayType,
    w: ArrayType,
    *,
    stride: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
    spread: Pair = (1, 1),
    groups: int = 1,
) -> ArrayType:
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError(f"conv2d takes x[n, c, h, w] and w[o, c, kh, kw], not shapes {x.shape} and {w.shape}")
    n, c = x.shape[:2]
    o, inner = w.shape[:2]
    if c != inner * groups or o % groups:
        raise ValueError(f"conv2d: {c} input channels do not fit a kernel of shape {w.shape} in {groups} group(s)")
    out = []
    for i in range(2):
        length = (x.shape[2 + i] - 1) * spread[i] + 1 + sum(padding[i])
        window = (w.shape[2 + i] - 1) * dilation[i] + 1
        if length < window:
            raise ValueError(f"conv2d: the kernel of shape {w.shape} is larger than the padded input {x.shape}")
        out.append((length - window) // stride[i] + 1)
    return ArrayType((n, o, *out), result_dtype(x, w))


def _swap_channels(x: Value, groups: int) -> Value:
    """Exchange the first two axes; within each group if there are several."""
    if groups == 1:
        return _transposed(x, (1, 0, 2, 3))
    n, c = x.shape[:2]
    split = reshape(x, shape=(groups, n // groups, c, *x.shape[2:]))
    return reshape(_transposed(split, (0, 2, 1, 3, 4)), shape=(groups * c, n // groups, *x.shape[2:]))


def _transposed(x: Value, axes: tuple[int, ...]) -> Value:
    value: Value = transpose(x, axes=axes)
    return value


def _input_vjp(
    g: Value, y: Value, x: Value, w: Value, *, stride: Pair, padding: Padding, dilation: Pair, spread: Pair, groups: int
) -> Value:
    """A full convolution of the cotangent (spread by the stride) with the rotated kernel."""
    rotated = _swap_channels(flip(w, axis=(2, 3)), groups)
    around = []
    for i in range(2):
        window = (w.shape[2 + i] - 1) * dilation[i] + 1
        covered = (g.shape[2 + i] - 1) * stride[i] + 1
        length = (x.shape[2 + i] - 1) * spread[i] + 1
        low = window - 1 - padding[i][0]
        around.append((low, length + window - 1 - low - covered))
    return convolution(
        g, rotated, stride=spread, padding=tuple(around), dilation=dilation, spread=stride, groups=groups
    )


def _kernel_vjp(
    g: Value, y: Value, x: Value, w: Value, *, stride: Pair, padding: Padding, dilation: Pair, spread: Pair, groups: int
) -> Value:
    """A convolution of the input with the cotangent, the batch in the place of the channels."""
    n = x.shape[0]
    if groups == 1:
        images, kernels = _transposed(x, (1, 0, 2, 3)), _transposed(g, (1, 0, 2, 3))
    else:
        c, o = x.shape[1] // groups, g.shape[1]
        split = _transposed(reshape(x, shape=(n, groups, c, *x.shape[2:])), (2, 1, 0, 3, 4))
        images = reshape(split, shape=(c, groups * n, *x.shape[2:]))
        kernels = _transposed(g, (1, 0, 2, 3))
        assert kernels.shape[0] == o
    around = []
    for i in range(2):
        low = padding[i][0]
        covered = (g.shape[2 + i] - 1) * stride[i] + 1
        length = (x.shape[2 + i] - 1) * spread[i] + 1 + low
        around.append((low, (w.shape[2 + i] - 1) * dilation[i] + covered - length))
    dw = convolution(
        images, kernels, stride=dilation, padding=tuple(around), dilation=stride, spread=spread, groups=groups
    )
    return _transposed(dw, (1, 0, 2, 3))


convolution.vjp(_input_vjp, _kernel_vjp)

# ------------------------------------------------------------------------------------------------------- windows


def _windows_text(x: ArrayType, *, window_shape: Shape, axis: tuple[int, ...]) -> str:
    shown, along = (window_shape[0], axis[0]) if len(axis) == 1 else (window_shape, axis)
    keyword = "" if x.ndim == len(axis) == 1 else f", axis={along}"
    return f"np.lib.stride_tricks.sliding_window_view({{0}}, {shown}{keyword})"


@op(np.lib.stride_tricks.sliding_window_view, python=_windows_text, view=True)
def sliding_window_view(x: ArrayType, *, window_shape: Shape, axis: tuple[int, ...]) -> ArrayType:
    check_axes(axis, x.ndim)
    shape = list(x.shape)
    for n, a in zip(window_shape, axis, strict=True):
        shape[a] -= n - 1
        if shape[a] <= 0:
            raise ValueError(f"window of shape {window_shape} is larger than the array of shape {x.shape}")
    return x.with_shape([*shape, *window_shape])


def _overlap_text(windows: ArrayType, *, shape: Shape, axis: tuple[int, ...]) -> str:
    return f"overlap_add({{0}}, {shape}, {axis})"


@op(name="overlap_add", fun=overlap_add, python=_overlap_text, helpers=(overlap_add,))
def overlap(windows: ArrayType, *, shape: Shape, axis: tuple[int, ...]) -> ArrayType:
    result = windows.with_shape(shape)
    window = windows.shape[len(shape) :]
    if sliding_window_view.infer(result, window_shape=window, axis=axis).shape != windows.shape:
        raise ValueError(f"windows of shape {windows.shape} are not those of an array of shape {shape}")
    return result


@sliding_window_view.vjp
def _windows_vjp(g: Value, y: Value, x: Value, *, window_shape: Shape, axis: tuple[int, ...]) -> Value:
    value: Value = overlap(g, shape=x.shape, axis=axis)
    return value


@overlap.vjp
def _overlap_vjp(g: Value, y: Value, windows: Value, *, shape: Shape, axis: tuple[int, ...]) -> Value:
    window = windows.shape[windows.ndim - len(axis) :]
    value: Value = sliding_window_view(g, window_shape=window, axis=axis)
    return value
