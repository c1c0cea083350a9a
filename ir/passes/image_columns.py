"""Convolutions as products with the columns of windows, which the convolution and its kernel's gradient then share.

What makes the columns is an operation of its own: where images are large, it goes with what is made of them into a loop
over a few images (passes/blocks.py), so that columns stay in the cache and are never there for all images.
"""

from __future__ import annotations

from math import prod

from ..builder import Builder, Rule, Value
from ..dims import Dim
from ..op import BY_NAME
from ..ops.convolution import Each, Padding, both_sides, each, function_of, is_by_row
from ..ops.image_columns import columns, convolve, kernel_gradient
from ..ops.shape import reshape, transpose
from ..program import Program, Var
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .rearranging import reshape_again, transpose_again
from .simplify import simplify

SMALL = 1 << 12  # elements of all columns up to which nothing is gained
LARGEST = 1 << 23  # bytes of the columns of an image: larger ones, or those of a single one, are made of strips of it


def by_columns(
    builder: Builder,
    x: Value,
    w: Value,
    *,
    stride: Each,
    padding: Padding,
    dilation: Each,
    spread: Each,
    groups: int,
) -> Value | None:
    """A convolution, or the cotangent of a kernel, which is one of the input with the cotangent of the result."""
    d = x.ndim - 2
    if groups != 1 or any(isinstance(n, Dim) for n in (*x.shape, *w.shape)) or max(each(spread, d)) > 1:
        return None
    function = function_of(x.type, w.type, stride, padding, dilation, spread, groups)
    by, around, apart = each(stride, d), both_sides(padding, d), each(dilation, d)
    if function == "convolution":
        return _convolution(builder, x, w, by, around, apart)
    if function == "convolution_with_large_kernel" and builder.level > 0:  # the sum is in another order
        return _kernel_gradient(builder, x, w, by, around, apart)
    return None


def _named(value: Value, name: str) -> Value:
    if isinstance(value.atom, Var) and not value.atom.name:
        value.atom.name = name
    return value


def _columns(
    x: Value,
    kernel: tuple[int, ...],
    o: int,
    by: tuple[int, ...],
    around: tuple[tuple[int, int], ...],
    apart: tuple[int, ...],
) -> tuple[Value, int, tuple[int, ...]] | None:
    """The columns of all windows, the rows of the kernel that are multiplied apart, and the places of the windows."""
    places, needed = [], []
    for m, k, step, (low, high), between in zip(x.shape[2:], kernel, by, around, apart, strict=True):
        reach = (k - 1) * between + 1
        places.append((low + m + high - reach) // step + 1)
        needed.append((low, max((places[-1] - 1) * step + reach - low - m, 0)))
        if low + m - reach >= places[-1] * step:
            return None  # the rim of the image has no part in it
    rows = kernel[0] if is_by_row(x.shape[1], o, kernel, by, apart) else 1
    window = (1, *kernel[1:]) if rows > 1 else kernel
    if min(low for low, _ in needed) < 0 or min(places) < 1 or not x.size:
        return None
    if max(window) == max(by) == 1 and not any(high for _, high in needed) and not any(low for low, _ in needed):
        return None if x.size < SMALL else (reshape(x, shape=(*x.shape[:2], prod(places))), 1, tuple(places))
    made = _named(columns(x, kernel=window, stride=by, padding=tuple(needed), dilation=apart), "columns")
    large = made.size // x.shape[0] * made.dtype.itemsize > (LARGEST if x.shape[0] > 1 else blocks.LARGE)
    return None if large or made.size < SMALL else (made, rows, tuple(places))


def _convolution(
    builder: Builder,
    x: Value,
    w: Value,
    by: tuple[int, ...],
    around: tuple[tuple[int, int], ...],
    apart: tuple[int, ...],
) -> Value | None:
    o, c, *kernel = w.shape
    found = _columns(x, tuple(kernel), o, by, around, apart)
    if found is None:
        return None
    made, rows, places = found
    if rows == 1:
        kernels = reshape(w, shape=(1, o, c * prod(kernel)))
    else:
        turned = transpose(w, axes=(2, 0, 1, *range(3, w.ndim)))
        kernels = reshape(turned, shape=(rows, o, c * prod(kernel[1:])))
    value: Value = convolve(_named(kernels, "rotated" if _is_rotated(builder, w) else "kernels"), made, shape=places)
    return value


def _is_rotated(builder: Builder, w: Value) -> bool:
    """Whether it is a kernel turned around, as in the gradient of an image."""
    while (made := builder.definition(w)) is not None and made.op.name in ("flip", "reshape", "transpose"):
        if made.op.name == "flip":
            return True
        w = Value(builder, made.operands[0])
    return False


def _kernel_gradient(
    builder: Builder,
    x: Value,
    w: Value,
    by: tuple[int, ...],
    around: tuple[tuple[int, int], ...],
    apart: tuple[int, ...],
) -> Value | None:
    """The result is [c, o, *kernel], as `x` is the input and `w` the cotangent with the first two axes exchanged."""
    swapped = (1, 0, *range(2, x.ndim))
    images, dy = transpose(x, axes=swapped), transpose(w, axes=swapped)
    o, c = dy.shape[1], images.shape[1]
    kernel = BY_NAME["convolution"].infer(x.type, w.type, stride=by, padding=around, dilation=apart).shape[2:]
    found = _columns(images, kernel, o, apart, around, by)
    if found is None or found[2] != dy.shape[2:]:
        return None
    made, rows, _ = found
    dw = _named(kernel_gradient(made, dy, rows=rows), "dkernels")
    if rows == 1:
        value: Value = transpose(
            reshape(dw, shape=(c, *kernel, o)), axes=(0, len(kernel) + 1, *range(1, len(kernel) + 1))
        )
        return value
    apart_rows = reshape(dw, shape=(rows, c, *kernel[1:], o))
    value = transpose(apart_rows, axes=(1, len(kernel) + 1, 0, *range(2, len(kernel) + 1)))
    return value


def transpose_of_ones(builder: Builder, x: Value, *, axes: tuple[int, ...]) -> Value | None:
    """Moving axes of length 1 alone is another shape."""
    others = [a for a in axes if x.shape[a] != 1]
    if others != sorted(others) or x.type.weak or any(isinstance(n, Dim) for n in x.shape):
        return None
    value: Value = reshape(x, shape=tuple(x.shape[a] for a in axes))
    return value


def flip_of_one(builder: Builder, x: Value, *, axis: tuple[int, ...]) -> Value | None:
    """The same array, turned around along axes of length 1."""
    return x if all(x.shape[a] == 1 for a in axis) and not x.type.weak else None


RULES: dict[str, tuple[Rule, ...]] = {
    "convolution": (by_columns,),
    "flip": (flip_of_one,),
    "reshape": (reshape_again,),
    "transpose": (transpose_again, transpose_of_ones),
}


def multiply_columns(program: Program) -> Program:
    """The program with its convolutions written so, wherever that pays, but for what leads to a guard."""
    if not any(e.op.name == "convolution" for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
