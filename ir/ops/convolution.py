"""Convolutions: the kernel's adjoint is a convolution of input with cotangent, the input's a full convolution of the
cotangent with the kernel rotated by 180 degrees (Dumoulin and Visin, arXiv:1603.07285, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..batching import Batch, insert_axes
from ..builder import Value
from ..convolution_kernels import (
    convolution,
    convolution_of_small_images,
    convolution_of_spread_images,
    convolution_with_large_kernel,
    image_columns,
)
from ..dims import Dim, is_less
from ..op import op
from ..types import ArrayType, Shape, check_axes, result_dtype, type_of
from ..window_kernels import overlap_add
from .elementwise import conjugate
from .padding import pad
from .shape import flip, reshape, squeeze, transpose

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


def correlation_batch(batch: Batch, x: Value, w: Value, starts: Sequence[int]) -> Value:
    """Examples x[*size] correlated with w[*kernel], as images of one channel: where the kernels differ, the examples
    are channels, each a group. Of the full correlation the result begins at `starts`.
    """
    sides = tuple(
        (k - 1 - start, m - n + start)
        for n, k, m, start in zip(batch.types[0].shape, batch.types[1].shape, batch.out.shape, starts, strict=True)
    )
    x_differs, w_differs = batch.batched
    images = insert_axes(x, 1, 1) if x_differs and not w_differs else insert_axes(x, 0, 1 if x_differs else 2)
    kernels = insert_axes(w, 1, 1) if w_differs else insert_axes(w, 0, 2)
    groups = batch.size if x_differs and w_differs else 1
    y = convolve_channels(images, kernels, padding=sides if any(map(any, sides)) else 0, groups=groups)
    value: Value = squeeze(y, axis=(0 if w_differs else 1,))
    return value


def _convolve_batch(batch: Batch, a: Value, v: Value, *, mode: str) -> Value:
    short = min(batch.types[0].size, batch.types[1].size)
    start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
    return correlation_batch(batch, a, flip(v, axis=(v.ndim - 1,)), [start])


def _correlate_batch(batch: Batch, a: Value, v: Value, *, mode: str) -> Value:
    return correlation_batch(batch, a, _conj(v), [_correlate_start(batch.types[0], batch.types[1], mode)])


@op(np.convolve, batch=_convolve_batch, python=_mode_text("convolve", "full"), domain=((-3.0, 3.0),) * 2)
def convolve(a: ArrayType, v: ArrayType, *, mode: str = "full") -> ArrayType:
    return ArrayType(_convolved_shape(a, v, mode, "np.convolve"), result_dtype(a.strong(), v.strong()))


@op(np.correlate, batch=_correlate_batch, python=_mode_text("correlate", "valid"), domain=((-3.0, 3.0),) * 2)
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


def _correlate_start(a: Value | ArrayType, v: Value | ArrayType, mode: str) -> int:
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

# -------------------------------------------------------------------------------------- one to three dimensions

Each = int | tuple[int, ...]  # one number, or one for each dimension
Padding = int | tuple[tuple[int, int], ...]


def each(value: Any, d: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * d


def both_sides(padding: Padding, d: int) -> tuple[tuple[int, int], ...]:
    return padding if isinstance(padding, tuple) else ((padding, padding),) * d


def _written(x: ArrayType, w: ArrayType, **params: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function that convolves, and the keywords that are not its defaults."""
    d = x.ndim - 2
    given: dict[str, Any] = {name: each(params[name], d) for name in ("stride", "dilation", "spread")}
    given |= {"padding": both_sides(params["padding"], d), "groups": params["groups"]}
    kernel = _kernel(x, w, convolve_channels.infer(x, w, **given).shape[2:], **given)
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "spread": 1, "groups": 1}
    shown = {name: _one(given[name]) for name in defaults}
    return kernel, {name: value for name, value in shown.items() if value != defaults[name]}


def _convolution_text(x: ArrayType, w: ArrayType, **params: Any) -> str:
    kernel, keywords = _written(x, w, **params)
    return f"{kernel.__name__}({{0}}, {{1}}{''.join(f', {name}={value}' for name, value in keywords.items())})"


def function_of(
    x: ArrayType, w: ArrayType, stride: Each, padding: Padding, dilation: Each, spread: Each, groups: int
) -> str:
    """The name of the function that convolves."""
    given = {"stride": stride, "padding": padding, "dilation": dilation, "spread": spread, "groups": groups}
    return _written(x, w, **given)[0].__name__


def is_by_row(c: int, o: int, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> bool:
    """Whether the rows of a kernel are multiplied one by one, as in `convolution`."""
    apart = len(kernel) > 1 and kernel[0] > 1 and stride[0] == dilation[0] == 1
    return apart and 4 * c * prod(kernel[1:]) >= 3 * o


def _convolved(x: Any, w: Any, **params: Any) -> Any:
    x, w = np.asarray(x), np.asarray(w)
    kernel, keywords = _written(type_of(x), type_of(w), **convolve_channels.complete(params))
    return kernel(x, w, **keywords)


def _kernel(
    x: ArrayType, w: ArrayType, result: Shape, stride: Any, padding: Any, dilation: Any, spread: Any, groups: int
) -> Callable[..., Any]:
    """The fastest of the functions for these shapes, as measured in NumPy on one core and on two.

    The choice may not depend on the witness of a length that is not known: an unknown size is that of large images.
    """
    reach = [(k - 1) * apart for k, apart in zip(w.shape[2:], dilation, strict=True)]
    before = [low for low, _ in padding]
    o, c = w.shape[0] // groups, w.shape[1]
    channels_known = not isinstance(o, Dim) and not isinstance(c, Dim)
    size, taps, places = (_count(lengths) for lengths in (x.shape[2:], w.shape[2:], result))
    large = taps is None or (places is not None and taps > places)  # the kernel, more than its result
    forwards = max(stride) == 1 and all(0 <= low <= most for low, most in zip(before, reach, strict=True))
    # Zeros between the elements would be multiplied, too. Adding up what each element contributes is also faster where
    # the windows hold many more channels than there are in the result, or lie over more padding than image.
    wide = (channels_known and c >= 8 * o) or (size is not None and places is not None and places >= 2 * size)
    if forwards and not large and (max(spread) > 1 or wide):
        return convolution_of_spread_images
    if max(spread) > 1 or min(before) < 0:
        return convolution_of_small_images  # the one for every geometry
    # Of a product of an image's columns with a kernel that is larger, most of the time is spent on reading the kernel:
    # for a few hundred channels and 4 x 4 pixels twice as long as for all images together.
    columns = taps if large else places
    if channels_known and columns is not None and o >= columns:
        return convolution_of_small_images
    return convolution_with_large_kernel if large else convolution


def _count(lengths: Sequence[int]) -> int | None:
    """The product of lengths, None if one is a symbol."""
    return None if any(isinstance(n, Dim) for n in lengths) else prod(lengths)


def _one(value: Any) -> Any:
    """The number that all of these are, or these as they are."""
    flat = {n for v in value for n in (v if isinstance(v, tuple) else (v,))} if isinstance(value, tuple) else {value}
    return flat.pop() if len(flat) == 1 else value


def _channels_batch(batch: Batch, x: Value, w: Value, *, groups: int, **params: Any) -> Value:
    """Examples with one kernel are more images; kernels for one image are more channels; both, a group each."""
    size, n, o = batch.size, batch.types[0].shape[0], batch.types[1].shape[0]
    x_differs, w_differs = batch.batched
    if not w_differs:
        y = convolve_channels(_folded(x, 0), w, groups=groups, **params)
        return _unfolded(y, 0, (size, n))
    if x_differs:
        channels = _folded(_moved(x, 0, 1), 1)
        y = convolve_channels(channels, _folded(w, 0), groups=size * groups, **params)
        return _moved(_unfolded(y, 1, (size, o)), 1, 0)
    if groups == 1:
        return _moved(_unfolded(convolve_channels(x, _folded(w, 0), **params), 1, (size, o)), 1, 0)
    each = _unfolded(w, 1, (groups, o // groups))  # of all kernels, those for a group of channels stand together
    y = convolve_channels(x, _folded(_folded(_moved(each, 0, 1), 0), 0), groups=groups, **params)
    return _folded(_moved(_unfolded(y, 1, (groups, size, o // groups)), 2, 0), 2)


def _folded(x: Value, axis: int) -> Value:
    """Two axes as one."""
    if x.shape[axis] == 1 or x.shape[axis + 1] == 1:
        value: Value = squeeze(x, axis=(axis if x.shape[axis] == 1 else axis + 1,))
        return value
    value = reshape(x, shape=(*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))
    return value


def _unfolded(x: Value, axis: int, lengths: Shape) -> Value:
    """One axis as several."""
    value: Value = reshape(x, shape=(*x.shape[:axis], *lengths, *x.shape[axis + 1 :]))
    return value


def _moved(x: Value, source: int, target: int) -> Value:
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return _transposed(x, tuple(order))


@op(
    name="convolution",
    fun=_convolved,
    batch=_channels_batch,
    python=_convolution_text,
    helpers=(
        convolution,
        convolution_with_large_kernel,
        convolution_of_spread_images,
        convolution_of_small_images,
        image_columns,
    ),
    imports=("math",),
)
def convolve_channels(
    x: ArrayType,
    w: ArrayType,
    *,
    stride: Each = 1,
    padding: Padding = 0,
    dilation: Each = 1,
    spread: Each = 1,
    groups: int = 1,
) -> ArrayType:
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(f"a convolution takes x[n, c, ...] and w[o, c, ...], not shapes {x.shape} and {w.shape}")
    d, (n, c), (o, inner) = x.ndim - 2, x.shape[:2], w.shape[:2]
    if c != inner * groups or o % groups:
        raise ValueError(
            f"a convolution of {c} input channels does not fit a kernel of shape {w.shape} in {groups} group(s)"
        )
    strides, sides, apart, between = each(stride, d), both_sides(padding, d), each(dilation, d), each(spread, d)
    out = []
    for i in range(d):
        length = (x.shape[2 + i] - 1) * between[i] + 1 + sum(sides[i])
        window = (w.shape[2 + i] - 1) * apart[i] + 1
        if is_less(length, window):
            raise ValueError(f"the kernel of shape {w.shape} is larger than the padded input {x.shape}")
        out.append((length - window) // strides[i] + 1)
    return ArrayType((n, o, *out), result_dtype(x, w))


def swap_channels(x: Value, groups: int) -> Value:
    """Exchange the first two axes; within each group if there are several."""
    rest = tuple(range(2, x.ndim))
    if groups == 1:
        return _transposed(x, (1, 0, *rest))
    n, c = x.shape[:2]
    split = reshape(x, shape=(groups, n // groups, c, *x.shape[2:]))
    swapped = _transposed(split, (0, 2, 1, *(a + 1 for a in rest)))
    value: Value = reshape(swapped, shape=(groups * c, n // groups, *x.shape[2:]))
    return value


def _transposed(x: Value, axes: tuple[int, ...]) -> Value:
    value: Value = transpose(x, axes=axes)
    return value


def _input_vjp(
    g: Value, y: Value, x: Value, w: Value, *, stride: Each, padding: Padding, dilation: Each, spread: Each, groups: int
) -> Value:
    """A full convolution of the cotangent (spread by the stride) with the rotated kernel."""
    d = x.ndim - 2
    rotated = swap_channels(flip(w, axis=tuple(range(2, d + 2))), groups)
    strides, sides, apart, between = each(stride, d), both_sides(padding, d), each(dilation, d), each(spread, d)
    around = []
    for i in range(d):
        window = (w.shape[2 + i] - 1) * apart[i] + 1
        covered = (g.shape[2 + i] - 1) * strides[i] + 1
        length = (x.shape[2 + i] - 1) * between[i] + 1
        low = window - 1 - sides[i][0]
        around.append((low, length + window - 1 - low - covered))
    return convolve_channels(
        g, rotated, stride=spread, padding=tuple(around), dilation=dilation, spread=stride, groups=groups
    )


def _kernel_vjp(
    g: Value, y: Value, x: Value, w: Value, *, stride: Each, padding: Padding, dilation: Each, spread: Each, groups: int
) -> Value:
    """A convolution of the input with the cotangent, the batch in the place of the channels."""
    n, d = x.shape[0], x.ndim - 2
    swapped = (1, 0, *range(2, d + 2))
    if groups == 1:
        images, kernels = _transposed(x, swapped), _transposed(g, swapped)
    else:
        c = x.shape[1] // groups
        split = _transposed(reshape(x, shape=(n, groups, c, *x.shape[2:])), (2, 1, 0, *range(3, d + 3)))
        images = reshape(split, shape=(c, groups * n, *x.shape[2:]))
        kernels = _transposed(g, swapped)
    strides, sides, apart, between = each(stride, d), both_sides(padding, d), each(dilation, d), each(spread, d)
    around = []
    for i in range(d):
        low = sides[i][0]
        covered = (g.shape[2 + i] - 1) * strides[i] + 1
        length = (x.shape[2 + i] - 1) * between[i] + 1 + low
        around.append((low, (w.shape[2 + i] - 1) * apart[i] + covered - length))
    dw = convolve_channels(
        images, kernels, stride=dilation, padding=tuple(around), dilation=stride, spread=spread, groups=groups
    )
    return _transposed(dw, swapped)


convolve_channels.vjp(_input_vjp, _kernel_vjp)

# ------------------------------------------------------------------------------------------------------- windows


def _windows_text(x: ArrayType, *, window_shape: Shape, axis: tuple[int, ...]) -> str:
    shown, along = (window_shape[0], axis[0]) if len(axis) == 1 else (window_shape, axis)
    keyword = "" if x.ndim == len(axis) == 1 else f", axis={along}"
    return f"np.lib.stride_tricks.sliding_window_view({{0}}, {shown}{keyword})"


def _windows_batch(batch: Batch, x: Value, *, axis: tuple[int, ...], **params: Any) -> Any:
    return batch.builder.emit(batch.equation.op, x, axis=tuple(a + 1 for a in axis), **params)


@op(np.lib.stride_tricks.sliding_window_view, batch=_windows_batch, python=_windows_text, view=True)
def sliding_window_view(x: ArrayType, *, window_shape: Shape, axis: tuple[int, ...]) -> ArrayType:
    check_axes(axis, x.ndim)
    shape = list(x.shape)
    for n, a in zip(window_shape, axis, strict=True):
        shape[a] -= n - 1
        if is_less(shape[a], 1):
            raise ValueError(f"window of shape {window_shape} is larger than the array of shape {x.shape}")
    return x.with_shape([*shape, *window_shape])


def _overlap_text(windows: ArrayType, *, shape: Shape, axis: tuple[int, ...]) -> str:
    return f"overlap_add({{0}}, {shape}, {axis})"


def _overlap_batch(batch: Batch, windows: Value, *, shape: Shape, axis: tuple[int, ...]) -> Value:
    value: Value = overlap(windows, shape=(batch.size, *shape), axis=tuple(a + 1 for a in axis))
    return value


@op(name="overlap_add", fun=overlap_add, batch=_overlap_batch, python=_overlap_text, helpers=(overlap_add,))
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
