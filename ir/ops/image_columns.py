"""Steps of a convolution as they are written out: the rules of passes/image_columns.py alone make these operations."""

from __future__ import annotations

from math import prod
from typing import Any

from ..column_kernels import convolve_columns, kernels_of_columns, window_columns
from ..op import Refused, op
from ..types import ArrayType, Shape, result_dtype

LATE = Refused("columns of windows are made after every derivative is written")
Sizes = tuple[int, ...]
Sides = tuple[tuple[int, int], ...]


def _one(sizes: tuple[Any, ...]) -> Any:
    """The number that all of these are, or these as they are."""
    flat = {n for size in sizes for n in (size if isinstance(size, tuple) else (size,))}
    return flat.pop() if len(flat) == 1 else sizes


def _columns_text(x: ArrayType, *, kernel: Sizes, **params: Any) -> str:
    plain = {"stride": 1, "padding": 0, "dilation": 1}
    shown = {name: _one(value) for name, value in params.items()}
    keywords = [f", {name}={value}" for name, value in shown.items() if value != plain[name]]
    return f"window_columns({{0}}, {kernel}{''.join(keywords)})"


@op(
    name="window_columns",
    fun=window_columns,
    batch=LATE,
    rule=LATE,
    python=_columns_text,
    helpers=(window_columns,),
    imports=("math",),
)
def columns(x: ArrayType, *, kernel: Sizes, stride: Sizes, padding: Sides, dilation: Sizes) -> ArrayType:
    n, c, *size = x.shape
    places = []
    for m, k, by, (low, high), apart in zip(size, kernel, stride, padding, dilation, strict=True):
        places.append((low + m + high - (k - 1) * apart - 1) // by + 1)
        if places[-1] < 1 or low < 0 or high < 0:
            raise ValueError(f"there are no windows of shape {kernel} in {x} with the padding {padding}")
    return x.with_shape((n, c * prod(kernel), prod(places)))


@op(
    name="convolve_columns",
    fun=convolve_columns,
    batch=LATE,
    rule=LATE,
    python=lambda kernels, columns, *, shape: f"convolve_columns({{0}}, {{1}}, {shape})",
    helpers=(convolve_columns,),
    imports=("math",),
)
def convolve(kernels: ArrayType, columns: ArrayType, *, shape: Shape) -> ArrayType:
    rows, o, depth = kernels.shape
    n, given, places = columns.shape
    if given != depth or places != prod(shape) + (rows - 1) * prod(shape[1:]):
        raise ValueError(f"the columns {columns} do not fit the kernels {kernels} and a result of shape {shape}")
    return ArrayType((n, o, *shape), result_dtype(kernels, columns))


@op(
    name="kernels_of_columns",
    fun=kernels_of_columns,
    batch=LATE,
    rule=LATE,
    python=lambda columns, dy, *, rows: f"kernels_of_columns({{0}}, {{1}}, {rows})",
    helpers=(kernels_of_columns,),
    imports=("math",),
)
def kernel_gradient(columns: ArrayType, dy: ArrayType, *, rows: int) -> ArrayType:
    n, depth, places = columns.shape
    m, o, *shape = dy.shape
    if n != m or places != prod(shape) + (rows - 1) * prod(shape[1:]):
        raise ValueError(f"the columns {columns} are not those of a result {dy}")
    return ArrayType((rows, depth, o), result_dtype(columns, dy))
