"""Operations that move elements without changing them; each adjoint moves them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch, along, as_rows
from ..builder import Value
from ..dims import range_length
from ..indexing import SLOT, Slice
from ..op import op
from ..types import ArrayType, Shape, broadcast_shapes, check_axes, normalize_axis, result_dtype


def _shape_text(shape: Shape) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def _reshape(x: Any, *, shape: Shape) -> Any:
    return np.reshape(x, shape)


def _reshape_batch(b: Batch, x: Value, *, shape: Shape) -> Value:
    return reshape(x, shape=(b.size, *shape))


def _reshape_text(x: ArrayType, *, shape: Shape) -> str:
    return f"{{0}}.reshape({', '.join(map(str, shape)) or '()'})"


@op(
    np.reshape,
    batch=_reshape_batch,
    fun=_reshape,
    python=_reshape_text,
    view=True,
    rearranges=True,
)
def reshape(x: ArrayType, *, shape: Shape) -> ArrayType:
    known = ArrayType(shape, x.dtype)
    if known.size != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    return known


@reshape.vjp
def reshape_vjp(g: Value, y: Value, x: Value, *, shape: Shape) -> Value:
    return reshape(g, shape=x.shape)


def _transpose_batch(b: Batch, x: Value, *, axes: tuple[int, ...]) -> Value:
    return transpose(x, axes=(0, *(a + 1 for a in axes)))


def _transpose_text(x: ArrayType, *, axes: tuple[int, ...]) -> str:
    if x.ndim == 2:
        return "{0}.T"
    moved = [i for i, a in enumerate(axes) if a != i]
    if len(moved) == 2:
        return f"{{0}}.swapaxes({moved[0]}, {moved[1]})"
    return "{0}.T" if axes == tuple(reversed(range(x.ndim))) else f"{{0}}.transpose({', '.join(map(str, axes))})"


@op(
    np.transpose,
    batch=_transpose_batch,
    python=_transpose_text,
    view=True,
    rearranges=True,
)
def transpose(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"axes {axes} are not a permutation of the {x.ndim} axes of the array")
    return x.with_shape([x.shape[a] for a in axes])


@transpose.vjp
def transpose_vjp(g: Value, y: Value, x: Value, *, axes: tuple[int, ...]) -> Value:
    return transpose(g, axes=tuple(int(a) for a in np.argsort(axes)))


def swap_last(x: Value) -> Value:
    """The matrix transpose of a stack of matrices."""
    n = x.ndim
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _broadcast_batch(b: Batch, x: Value, *, shape: Shape) -> Value:
    x = b.aligned(x, 0, len(shape))
    return x.builder.emit(b.equation.op, x, shape=(b.size, *shape))  # type: ignore[no-any-return]


def _broadcast_text(x: ArrayType, *, shape: Shape) -> str:
    return f"np.broadcast_to({{0}}, {shape})"


@op(np.broadcast_to, batch=_broadcast_batch, python=_broadcast_text, view=True, elementwise=True)
def broadcast_to(x: ArrayType, *, shape: Shape) -> ArrayType:
    if broadcast_shapes(x.shape, shape) != shape:
        raise ValueError(f"operand of shape {x.shape} cannot be broadcast to {shape}")
    return x.with_shape(shape)


broadcast_to.vjp(lambda g, y, x, *, shape: g)  # the driver sums it down


def _expand_batch(b: Batch, x: Value, *, axis: tuple[int, ...]) -> Value:
    return expand_dims(x, axis=tuple(a + 1 for a in axis))


def _expand_text(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    if x.weak:  # a Python number has no brackets
        return f"np.expand_dims({{0}}, {axis[0] if len(axis) == 1 else axis})"
    ndim = x.ndim + len(axis)
    last = max(axis)
    entries = ["None" if i in axis else ":" for i in range(last + 1)]
    if x.ndim > 1 and all(a >= ndim - len(axis) for a in axis):
        entries = ["...", *["None"] * len(axis)]
    return f"{{0}}[{', '.join(entries)}]"


@op(
    np.expand_dims,
    batch=_expand_batch,
    python=_expand_text,
    view=True,
    rearranges=True,
)
def expand_dims(x: ArrayType, *, axis: tuple[int, ...]) -> ArrayType:
    ndim = x.ndim + len(axis)
    check_axes(axis, ndim)
    remaining = iter(x.shape)
    return x.with_shape([1 if i in axis else next(remaining) for i in range(ndim)])


@expand_dims.vjp
def expand_dims_vjp(g: Value, y: Value, x: Value, *, axis: tuple[int, ...]) -> Value:
    return squeeze(g, axis=axis)


def _squeeze_text(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    return f"{{0}}.squeeze(axis={axis[0] if len(axis) == 1 else axis})"


@op(np.squeeze, batch=along("axis"), python=_squeeze_text, view=True, rearranges=True)
def squeeze(x: ArrayType, *, axis: tuple[int, ...]) -> ArrayType:
    check_axes(axis, x.ndim)
    for a in axis:
        if x.shape[a] != 1:
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return x.with_shape([n for i, n in enumerate(x.shape) if i not in axis])


@squeeze.vjp
def squeeze_vjp(g: Value, y: Value, x: Value, *, axis: tuple[int, ...]) -> Value:
    return expand_dims(g, axis=axis)


def _flip_text(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    entries = ["::-1" if i in axis else ":" for i in range(max(axis) + 1)]
    if len(entries) > 2 and all(i in axis for i in range(x.ndim - len(axis), x.ndim)):
        entries = ["...", *["::-1"] * len(axis)]
    return f"{{0}}[{', '.join(entries)}]"


@op(np.flip, batch=along("axis"), python=_flip_text, view=True, rearranges=True)
def flip(x: ArrayType, *, axis: tuple[int, ...]) -> ArrayType:
    check_axes(axis, x.ndim)
    return x.strong()


flip.vjp(lambda g, y, x, *, axis: flip(g, axis=axis))


def _concatenate(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _joined(b: Batch, *arrays: Value, axis: int) -> Value:
    arrays = tuple(b.full(x, i) for i, x in enumerate(arrays))
    return b.builder.emit(b.equation.op, *arrays, axis=normalize_axis(axis, b.out.ndim) + 1)  # type: ignore[no-any-return]


def _sequence_text(name: str) -> Any:
    def text(*types: ArrayType, axis: int) -> str:
        arrays = ", ".join(f"{{{i}}}" for i in range(len(types)))
        return f"np.{name}([{arrays}])" if axis == 0 else f"np.{name}([{arrays}], axis={axis})"

    return text


@op(np.concatenate, batch=_joined, fun=_concatenate, python=_sequence_text("concatenate"), rearranges=True)
def concatenate(*arrays: ArrayType, axis: int = 0) -> ArrayType:
    first = arrays[0]
    if first.ndim == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = normalize_axis(axis, first.ndim)
    for other in arrays[1:]:
        if other.ndim != first.ndim or any(
            m != n for i, (m, n) in enumerate(zip(first.shape, other.shape, strict=True)) if i != axis
        ):
            raise ValueError(
                f"arrays of shapes {first.shape} and {other.shape} cannot be concatenated along axis {axis}: "
                "all other dimensions must match"
            )
    length = sum(a.shape[axis] for a in arrays)
    return ArrayType((*first.shape[:axis], length, *first.shape[axis + 1 :]), result_dtype(*arrays))


@concatenate.vjp
def concatenate_vjp(g: Value, y: Value, *arrays: Value, axis: int) -> tuple[Value, ...]:
    from .indexing import slice_along

    parts, start = [], 0
    axis = normalize_axis(axis, y.ndim)
    for array in arrays:
        stop = start + array.shape[axis]
        parts.append(slice_along(g, axis, start, stop))
        start = stop
    return tuple(parts)


def _stack(*arrays: Any, axis: int) -> Any:
    return np.stack(arrays, axis=axis)


def _stack_text(*types: ArrayType, axis: int) -> str:
    if all(t.ndim == 0 for t in types):
        return f"np.array([{', '.join(f'{{{i}}}' for i in range(len(types)))}])"
    return str(_sequence_text("stack")(*types, axis=axis))


@op(np.stack, batch=_joined, fun=_stack, python=_stack_text, rearranges=True)
def stack(*arrays: ArrayType, axis: int = 0) -> ArrayType:
    first = arrays[0]
    if any(other.shape != first.shape for other in arrays):
        raise ValueError("all input arrays must have the same shape")
    axis = normalize_axis(axis, first.ndim + 1)
    dtype = result_dtype(*(a.strong() for a in arrays))
    return ArrayType((*first.shape[:axis], len(arrays), *first.shape[axis:]), dtype)


@stack.vjp
def stack_vjp(g: Value, y: Value, *arrays: Value, axis: int) -> tuple[Value, ...]:
    from .indexing import take_at

    axis = normalize_axis(axis, y.ndim)
    return tuple(take_at(g, axis, i) for i in range(len(arrays)))


def _roll_batch(b: Batch, x: Value, *, shift: tuple[int, ...], axis: tuple[int, ...] | None) -> Value:
    if axis is not None:
        return roll(x, shift=shift, axis=tuple(a + 1 for a in axis))
    rows = roll(as_rows(x), shift=(sum(shift),), axis=(1,))
    return reshape(rows, shape=x.shape)


def _roll_text(x: ArrayType, *, shift: tuple[int, ...], axis: tuple[int, ...] | None) -> str:
    by: Any = shift[0] if len(shift) == 1 else shift
    if axis is None:
        return f"np.roll({{0}}, {by})"
    return f"np.roll({{0}}, {by}, axis={axis[0] if len(axis) == 1 else axis})"


@op(np.roll, batch=_roll_batch, python=_roll_text, rearranges=True)
def roll(x: ArrayType, *, shift: tuple[int, ...], axis: tuple[int, ...] | None) -> ArrayType:
    check_axes(axis or (), x.ndim)
    return x.strong()


@roll.vjp
def roll_vjp(g: Value, y: Value, x: Value, *, shift: tuple[int, ...], axis: tuple[int, ...] | None) -> Value:
    return roll(g, shift=tuple(-n for n in shift), axis=axis)


def _tile_batch(b: Batch, x: Value, *, reps: tuple[int, ...]) -> Value:
    rank = b.out.ndim
    return tile(b.aligned(x, 0, rank), reps=(1,) * (1 + rank - len(reps)) + reps)


def _tile_text(x: ArrayType, *, reps: tuple[int, ...]) -> str:
    return f"np.tile({{0}}, {reps[0] if len(reps) == 1 else reps})"


def _tiled(shape: Shape, reps: tuple[int, ...]) -> tuple[Shape, Shape]:
    """The lengths and the numbers of repeats, for as many axes as the result has."""
    ndim = max(len(shape), len(reps))
    return (1,) * (ndim - len(shape)) + shape, (1,) * (ndim - len(reps)) + reps


@op(np.tile, batch=_tile_batch, python=_tile_text)
def tile(x: ArrayType, *, reps: tuple[int, ...]) -> ArrayType:
    lengths, counts = _tiled(x.shape, reps)
    return x.with_shape([n * r for n, r in zip(lengths, counts, strict=True)])


@tile.vjp
def tile_vjp(g: Value, y: Value, x: Value, *, reps: tuple[int, ...]) -> Value:
    """The copies apart, and added up."""
    from .reduction import sum_

    split: list[int] = []
    copies: list[int] = []
    for n, r in zip(*_tiled(x.shape, reps), strict=True):
        if r != 1:
            copies.append(len(split))
            split.append(r)
        split.append(n)
    apart = reshape(g, shape=tuple(split))
    axis = copies[0] if len(copies) == 1 else tuple(copies)
    total = sum_(apart, axis=axis) if copies else apart
    return reshape(total, shape=x.shape)


def _repeat_text(x: ArrayType, *, repeats: int | tuple[int, ...], axis: int) -> str:
    counts = repeats if isinstance(repeats, int) else list(repeats)
    return f"{{0}}.repeat({counts}, axis={axis}) || np.repeat({{0}}, {counts}, axis={axis})"


@op(np.repeat, batch=along("axis"), python=_repeat_text)
def repeat(x: ArrayType, *, repeats: int | tuple[int, ...], axis: int) -> ArrayType:
    check_axes((axis,), x.ndim)
    n = x.shape[axis]
    total = n * repeats if isinstance(repeats, int) else sum(repeats)
    if not isinstance(repeats, int) and len(repeats) != n:
        raise ValueError(f"operands could not be broadcast together with shape ({n},) ({len(repeats)},)")
    return x.with_shape([*x.shape[:axis], total, *x.shape[axis + 1 :]])


@repeat.vjp
def repeat_vjp(g: Value, y: Value, x: Value, *, repeats: int | tuple[int, ...], axis: int) -> Value:
    """Each element collects the cotangents of its copies."""
    from .indexing import index_add
    from .reduction import sum_

    if isinstance(repeats, int):
        split = reshape(g, shape=(*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
        return sum_(split, axis=axis + 1)
    owners = constant_array(x, np.repeat(np.arange(len(repeats)), repeats))
    return index_add(zeros(x), g, owners, index=(*[Slice()] * axis, SLOT))


def filled_text(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> str:
    suffix = "" if dtype == np.float64 else f", dtype={'bool' if dtype.kind == 'b' else f'np.{dtype.name}'}"
    if value == 0 and not np.signbit(value):
        return f"np.zeros({_shape_text(shape)}{suffix})"
    if value == 1:
        return f"np.ones({_shape_text(shape)}{suffix})"
    number = repr(value).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"np.full({_shape_text(shape)}, {number}{suffix})"


def _filled(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return np.full(shape, value, dtype)


@op(name="filled", fun=_filled, python=filled_text, numbered=False)
def filled(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> ArrayType:
    """A new array that holds one known number everywhere."""
    return ArrayType(shape, dtype)


def zeros(like: Value) -> Value:
    """Zeros of the shape and dtype of a value."""
    return like.builder.emit(filled, value=0, shape=like.shape, dtype=like.dtype)


def _full_text(x: ArrayType, *, shape: Shape) -> str:
    return f"np.full({_shape_text(shape)}, {{0}})"


def _full(x: Any, *, shape: Shape) -> Any:
    return np.full(shape, x)


@op(name="full", batch=_broadcast_batch, fun=_full, python=_full_text, numbered=False, elementwise=True)
def full(x: ArrayType, *, shape: Shape) -> ArrayType:
    """A new array filled by broadcasting x."""
    if broadcast_shapes(x.shape, shape) != shape:
        raise ValueError(f"could not broadcast input array from shape {x.shape} into shape {shape}")
    return x.with_shape(shape)


full.vjp(lambda g, y, x, *, shape: g)  # the driver sums it down


def _copy_text(x: ArrayType) -> str:
    return "{0}.copy()"


@op(np.copy, python=_copy_text, numbered=False, elementwise=True)
def copy(x: ArrayType) -> ArrayType:
    return x.strong()


copy.vjp(lambda g, y, x: g)


def _as_array(x: Any) -> Any:
    return np.array(x)


@op(name="as_array", fun=_as_array, python="np.array({0})", numbered=False, elementwise=True)
def as_array(x: ArrayType) -> ArrayType:
    """A 0-d array object, where NumPy's operations would leave a scalar."""
    return x.strong()


as_array.vjp(lambda g, y, x: g)


def _arange_text(*, start: int, stop: int, step: int) -> str:
    if step != 1:
        return f"np.arange({start}, {stop}, {step})"
    return f"np.arange({start}, {stop})" if start else f"np.arange({stop})"


@op(np.arange, fun=lambda *, start, stop, step: np.arange(start, stop, step), python=_arange_text)
def arange(*, start: int, stop: int, step: int) -> ArrayType:
    """Integers only; with float bounds np.arange is a constant like any other."""
    return ArrayType((range_length(start, stop, step),), np.dtype(int))


def _nested(values: Any) -> Any:
    return [_nested(v) for v in values] if isinstance(values, tuple) else values


def _frozen(values: Any) -> Any:
    return tuple(_frozen(v) for v in values) if isinstance(values, list) else values


def _constant_text(*, values: Any, dtype: np.dtype[Any]) -> str:
    inferred = np.array(_nested(values)).dtype
    cast = "" if inferred == dtype else f", dtype=np.{dtype.name}"
    return f"np.array({_written(values)}{cast})"


def _written(values: Any) -> str:
    """Nested lists; what has no literal in Python is a name of NumPy."""
    if isinstance(values, tuple):
        return f"[{', '.join(map(_written, values))}]"
    if isinstance(values, complex) and not np.isfinite(values):
        return f"complex({_written(values.real)}, {_written(values.imag)})"
    if isinstance(values, float) and not np.isfinite(values):
        return "np.nan" if values != values else "np.inf" if values > 0 else "-np.inf"
    return repr(values)


@op(
    name="constant",
    fun=lambda *, values, dtype: np.array(_nested(values), dtype),
    python=_constant_text,
    numbered=False,
)
def constant(*, values: Any, dtype: np.dtype[Any]) -> ArrayType:
    """A small array written out in the text, as nested tuples of numbers."""
    return ArrayType(np.shape(values), dtype)


def constant_array(like: Value, array: Any) -> Value:
    """A small concrete array as a value of the program that `like` belongs to."""
    array = np.asarray(array)
    value: Value = like.builder.emit(constant, values=_frozen(array.tolist()), dtype=array.dtype)
    return value
