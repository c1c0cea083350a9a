"""Rules that write what NumPy does along axes as loops over rows: for compilers that know whole arrays alone."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ..builder import Builder, Rule, Value
from ..indexing import SLOT, Index, Slice
from ..op import BY_NAME
from ..program import Program
from ..types import normalize_axes, result_dtype

Axis = int | tuple[int, ...] | None


def rows(inputs: list[Value], fixed: list[Value], name: str, body: Callable[..., Value]) -> Value:
    """One result of `body(*fixed, *rows)` for each row of the inputs, which are of one length."""
    (result,) = _loop(fixed, [], inputs, name, lambda _, f, x: ([], body(*f, *x)))
    if _name(inputs[0]):
        result.atom.name = f"{name}_{_name(inputs[0])}"  # type: ignore[union-attr]
    return result


def _loop(
    fixed: list[Value],
    carry: list[Value],
    slices: list[Value],
    name: str,
    body: Callable[[list[Value], list[Value], list[Value]], tuple[list[Value], Value | None]],
) -> list[Value]:
    builder = slices[0].builder
    inner = Builder(builder._rules)
    f = [inner.input(v.type, _name(v)) for v in fixed]
    c = [inner.input(v.type, _name(v)) for v in carry]
    x = [inner.input(v.type.with_shape(v.shape[1:]), "row") for v in slices]
    state, collected = body(c, f, x)
    outputs = state if collected is None else [*state, collected]
    program: Program = inner.program(name, outputs)
    outs = builder.emit(
        BY_NAME["scan"], *fixed, *carry, *slices, body=program, length=slices[0].shape[0], consts=len(fixed),
        carry=len(carry),
    )  # fmt: skip
    found: list[Value] = list(outs)
    return found[: len(outputs)]


def _name(value: Value) -> str:
    return getattr(value.atom, "name", "")


def _moved(x: Value, axes: tuple[int, ...]) -> Value:
    return x if axes == tuple(range(x.ndim)) else BY_NAME["transpose"](x, axes=axes)


def along_rows(op: str) -> Rule:
    """A reduction along axes, as reductions of whole rows."""

    def rule(builder: Builder, x: Value, *, axis: Axis, keepdims: bool, **params: Any) -> Value | None:
        axes = normalize_axes(axis, x.ndim)
        if keepdims:
            plain = builder.emit(BY_NAME[op], x, axis=axis, keepdims=False, **params)
            return BY_NAME["expand_dims"](plain, axis=axes) if axes else plain  # type: ignore[no-any-return]
        if len(axes) == x.ndim:
            return None if axis is None else builder.emit(BY_NAME[op], x, axis=None, keepdims=False, **params)
        if not axes:
            return None
        first = next(i for i in range(x.ndim) if i not in axes)
        moved = _moved(x, (first, *(i for i in range(x.ndim) if i != first)))
        rest = tuple(range(moved.ndim - 1))
        left = tuple(i - (i > first) for i in axes)
        along: Axis = None if len(left) == len(rest) else left[0] if len(left) == 1 else left

        def body(row: Value) -> Value:
            return row.builder.emit(BY_NAME[op], row, axis=along, keepdims=False, **params)  # type: ignore[no-any-return]

        return rows([moved], [], op, body)

    return rule


def with_kept_axes(op: str) -> Rule:
    """A reduction that keeps its axes, as one that does not and axes put back."""

    def rule(builder: Builder, x: Value, *, axis: Axis, keepdims: bool, **params: Any) -> Value | None:
        if not keepdims:
            return None
        plain = builder.emit(BY_NAME[op], x, axis=axis, keepdims=False, **params)
        axes = normalize_axes(axis, x.ndim)
        return BY_NAME["expand_dims"](plain, axis=axes) if axes else plain  # type: ignore[no-any-return]

    return rule


def mean_as_sum(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """The mean is the sum divided by the number of elements."""
    if axis is None and not keepdims and x.dtype.name == "float64":
        return None
    count = prod(x.shape[a] for a in normalize_axes(axis, x.ndim))
    if not count:
        return None
    return builder.emit(BY_NAME["sum"], x, axis=axis, keepdims=keepdims) / count  # type: ignore[no-any-return]


def in_stacks(op: str, *cores: int) -> Rule:
    """An operation on matrices, as a loop over those in a stack; `cores` are the dimensions of one."""

    def rule(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        depth = [v.ndim - core for v, core in zip(operands, cores)]
        deepest = max(depth)
        if deepest <= 0:
            return None
        length = next(v.shape[0] for v, d in zip(operands, depth) if d == deepest)
        moving = [d == deepest and v.shape[0] == length for v, d in zip(operands, depth)]
        if not all(m or d < deepest for m, d in zip(moving, depth)):
            return None  # stacks of which one is broadcast
        fixed = [v for v, m in zip(operands, moving) if not m]

        def body(*values: Value) -> Value:
            still, each = iter(values[: len(fixed)]), iter(values[len(fixed) :])
            return values[0].builder.emit(BY_NAME[op], *(next(each if m else still) for m in moving), **params)  # type: ignore[no-any-return]

        return rows([v for v, m in zip(operands, moving) if m], fixed, op, body)

    return rule


def stacked_product(builder: Builder, a: Value, b: Value) -> Value | None:
    """Products of stacks of matrices, one by one; a stack times one matrix is one product of all its rows."""
    dtype = result_dtype(a.type, b.type)
    if a.dtype != dtype or b.dtype != dtype:
        return _cast(a, dtype) @ _cast(b, dtype)
    if a.ndim > 2 and b.ndim <= 2:
        flat = BY_NAME["reshape"](a, shape=(prod(a.shape[:-1]), a.shape[-1]))
        return BY_NAME["reshape"](flat @ b, shape=(*a.shape[:-1], *b.shape[1:]))  # type: ignore[no-any-return]
    if a.ndim > 2 and b.ndim > 2 and a.ndim != b.ndim:
        return None
    return in_stacks("matmul", min(a.ndim, 2), 2)(builder, a, b)


def _cast(x: Value, dtype: Any) -> Value:
    return x if x.dtype == dtype else BY_NAME["astype"](x, dtype=dtype)


def tensordot_as_product(builder: Builder, a: Value, b: Value, *, axes: Any) -> Value:
    """One matrix product: what is summed over as columns of the one factor and rows of the other."""
    left, right = axes
    free_a = tuple(i for i in range(a.ndim) if i not in left)
    free_b = tuple(i for i in range(b.ndim) if i not in right)
    inner = prod(a.shape[i] for i in left)
    rows_a, columns_b = (prod(v.shape[i] for i in free) for v, free in ((a, free_a), (b, free_b)))
    first = BY_NAME["reshape"](_moved(a, (*free_a, *left)), shape=(rows_a, inner))
    second = BY_NAME["reshape"](_moved(b, (*right, *free_b)), shape=(inner, columns_b))
    shape = (*(a.shape[i] for i in free_a), *(b.shape[i] for i in free_b))
    return BY_NAME["reshape"](first @ second, shape=shape)  # type: ignore[no-any-return]


def vecdot_as_sum(builder: Builder, a: Value, b: Value) -> Value:
    a = BY_NAME["conjugate"](a) if a.dtype.kind == "c" else a
    return builder.emit(BY_NAME["sum"], a * b, axis=max(a.ndim, b.ndim) - 1, keepdims=False)  # type: ignore[no-any-return]


def inverse_of_any(builder: Builder, a: Value) -> Value:
    return builder.emit(BY_NAME["inv"], a)  # type: ignore[no-any-return]


def repeat_as_broadcast(builder: Builder, x: Value, *, repeats: int | tuple[int, ...], axis: int) -> Value | None:
    """Each element beside its copies, on an axis of their own that is then merged."""
    if not isinstance(repeats, int):
        return None
    apart = BY_NAME["expand_dims"](x, axis=(axis + 1,))
    full = BY_NAME["full"](apart, shape=(*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
    shape = (*x.shape[:axis], x.shape[axis] * repeats, *x.shape[axis + 1 :])
    return BY_NAME["reshape"](full, shape=shape)  # type: ignore[no-any-return]


def add_one_by_one(
    builder: Builder, x: Value, value: Value, *places: Value, index: Index, distinct: bool
) -> Value | None:
    """np.add.at for one array of places, or several: x[i[k], j[k]] += value[k], one after the other."""
    if distinct or any(p.dtype.kind == "b" for p in places):
        return None
    if not places:  # a block of the array names no place twice
        return builder.emit(BY_NAME["index_add"], x, value, index=index, distinct=True)  # type: ignore[no-any-return]
    first = index[: len(places)]
    if any(entry is not SLOT for entry in first) or any(p.shape != places[0].shape for p in places):
        return None
    if any(entry is SLOT for entry in index[len(places) :]):
        return None
    shape = places[0].shape
    rest = BY_NAME["getitem"].infer(x.type, *(p.type for p in places), index=index).shape[len(shape) :]
    full = value if value.shape == (*shape, *rest) else BY_NAME["broadcast_to"](value, shape=(*shape, *rest))
    count = prod(shape)
    flat = [v if len(shape) == 1 else BY_NAME["reshape"](v, shape=(count,)) for v in places]
    values = full if len(shape) == 1 else BY_NAME["reshape"](full, shape=(count, *rest))

    def body(state: list[Value], _: list[Value], slices: list[Value]) -> tuple[list[Value], None]:
        *at, row = slices
        return [BY_NAME["index_add"](state[0], row, *at, index=index, distinct=True)], None

    return _loop([], [x], [*flat, values], "add", body)[0]


def mask_as_choice(builder: Builder, x: Value, value: Value, *masks: Value, index: Index) -> Value | None:
    """x[mask] = number, for a mask of all of x, as a choice between the two."""
    if index != (SLOT,) or masks[0].dtype.kind != "b" or masks[0].ndim < 2 or value.ndim:
        return None
    mask = masks[0]
    if mask.ndim < x.ndim:
        mask = BY_NAME["expand_dims"](mask, axis=tuple(range(mask.ndim, x.ndim)))
    chosen: Value = BY_NAME["where"](mask, value, x)
    return chosen if chosen.dtype == x.dtype else None


def flat_places(builder: Builder, x: Value, *places: Value, index: Index) -> Value | None:
    """x[i] for an array i of several dimensions: for its places in a row, in the shape that they have."""
    many = [p for p in places if p.ndim > 1 and p.dtype.kind != "b"]
    if len(many) != 1 or len(places) != 1 or index[0] is not SLOT:
        return None
    shape = places[0].shape
    row = BY_NAME["reshape"](places[0], shape=(places[0].size,))
    found = BY_NAME["getitem"](x, row, index=index)
    return BY_NAME["reshape"](found, shape=(*shape, *found.shape[1:]))  # type: ignore[no-any-return]


def pad_as_write(builder: Builder, x: Value, *, pad_width: Any, mode: str, constant_values: Any) -> Value | None:
    """The array written into a larger one that holds one number."""
    if mode != "constant" or not isinstance(constant_values, int | float):
        return None
    shape = tuple(n + lo + hi for n, (lo, hi) in zip(x.shape, pad_width))
    around = builder.emit(BY_NAME["filled"], value=constant_values, shape=shape, dtype=x.dtype)
    place = tuple(Slice(lo or None, lo + n if hi else None) for n, (lo, hi) in zip(x.shape, pad_width))
    return BY_NAME["set_item"](around, x, index=place)  # type: ignore[no-any-return]
