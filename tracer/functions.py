"""NumPy functions whose arguments need arranging before an operation answers them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.op import BY_CALLABLE, BY_NAME
from ..ir.ops.elementwise import where
from ..ir.ops.linear import einsum, tensordot
from ..ir.ops.shape import concatenate, filled, pad, repeat, stack
from ..ir.types import normalize_axes, normalize_axis
from .array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from .einsum import explicit_subscripts
from .errors import TracingError, UnsupportedError, explain
from .place import Look, Root
from .trace import Trace

FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def function(*keys: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter an arrangement for NumPy callables; it gets (trace, *args, **kwargs) and returns stand-ins."""

    def enter(handler: Callable[..., Any]) -> Callable[..., Any]:
        for key in keys:
            FUNCTIONS[key] = handler
        return handler

    return enter


def as_tracer(trace: Trace, x: Any) -> Any:
    """Anything array-like as a stand-in."""
    if isinstance(x, Tracer) and x._home is trace:
        return x
    return wrap_constant(trace, lift(trace, x))


def wrap_constant(trace: Trace, value: Value) -> Any:
    return ArrayTracer(trace, Root(value)) if value.ndim else ScalarTracer(trace, Root(value))


def _view(trace: Trace, x: Any, op: str, **params: Any) -> Any:
    """A rearrangement that shares storage."""
    x = as_tracer(trace, x)
    if isinstance(x, ArrayTracer | CellTracer):
        return x._view(op, **params)
    params.pop("flat", None)  # says how a view lies, and a number has no views
    return wrap(trace, trace.emit(BY_NAME[op], x._here(), **params))


def _strong(trace: Trace, x: Any) -> Any:
    """The same stand-in, or that of a NumPy scalar for a Python number: what NumPy's functions make of one."""
    value = x._here()
    return wrap(trace, trace.emit(BY_NAME["astype"], value, dtype=value.dtype)) if value.type.weak else x


def _no_order(trace: Trace, order: str, name: str) -> None:
    if order not in ("C", "K", "A", None):
        raise UnsupportedError(explain(f"order={order!r} of {name} is not supported", trace.origin(), "order='C'"))


# ------------------------------------------------------------------------------------------------------- facts

_FACTS = {
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
}
for _key, _fact in _FACTS.items():
    FUNCTIONS[_key] = lambda trace, x, _fact=_fact: _fact(as_tracer(trace, x))


@function(np.size)
def _size(trace: Trace, a: Any, axis: Any = None) -> int:
    shape = as_tracer(trace, a).shape
    return int(np.prod(shape)) if axis is None else shape[normalize_axis(axis, len(shape))]


@function(np.result_type)
def _result_type(trace: Trace, *args: Any) -> Any:
    from ..ir.types import result_dtype

    return result_dtype(*(lift(trace, a).type for a in args if isinstance(a, Tracer | np.ndarray | int | float)))


@function(np.can_cast)
def _can_cast(trace: Trace, from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(as_tracer(trace, from_).dtype, to, casting)


# ------------------------------------------------------------------------------------------------------- shape


@function(np.reshape)
def _reshape(
    trace: Trace, a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    _no_order(trace, order, "np.reshape")
    a = as_tracer(trace, a)
    if copy:
        return _reshape(trace, a.copy(), shape, newshape=newshape)
    wanted = shape if shape is not None else newshape
    dims = [int(n) for n in (wanted if isinstance(wanted, tuple | list) else (wanted,))]
    if dims.count(-1) > 1:
        raise ValueError("can only specify one unknown dimension")
    if -1 in dims:
        rest = int(np.prod([n for n in dims if n != -1]))
        if rest == 0 or a.size % rest:
            raise ValueError(f"cannot reshape array of size {a.size} into shape {tuple(dims)}")
        dims[dims.index(-1)] = a.size // rest
    if tuple(dims) == a.shape and isinstance(a, ArrayTracer):
        return ArrayTracer(trace, a._place)
    return _view(trace, a, "reshape", shape=tuple(dims))


@function(np.ravel)
def _ravel(trace: Trace, a: Any, order: str = "C") -> Any:
    _no_order(trace, order, "np.ravel")
    a = as_tracer(trace, a)
    return _view(trace, a, "reshape", flat=True, shape=(a.size,))


@function(np.transpose)
def _transpose(trace: Trace, a: Any, axes: Any = None) -> Any:
    a = as_tracer(trace, a)
    order = tuple(reversed(range(a.ndim))) if axes is None else tuple(normalize_axis(int(i), a.ndim) for i in axes)
    if len(order) != a.ndim:
        raise ValueError("axes don't match array")
    return _view(trace, a, "transpose", axes=order) if a.ndim > 1 else _strong(trace, a)


@function(np.matrix_transpose)
def _matrix_transpose(trace: Trace, x: Any, /) -> Any:
    return _swapaxes(trace, x, -1, -2)


@function(np.swapaxes)
def _swapaxes(trace: Trace, a: Any, axis1: int, axis2: int) -> Any:
    a = as_tracer(trace, a)
    order = list(range(a.ndim))
    i, j = normalize_axis(int(axis1), a.ndim), normalize_axis(int(axis2), a.ndim)
    order[i], order[j] = j, i
    return _view(trace, a, "transpose", axes=tuple(order))


@function(np.moveaxis)
def _moveaxis(trace: Trace, a: Any, source: Any, destination: Any) -> Any:
    a = as_tracer(trace, a)
    from_ = [normalize_axis(int(i), a.ndim) for i in np.atleast_1d(source)]
    to = [normalize_axis(int(i), a.ndim) for i in np.atleast_1d(destination)]
    order = [i for i in range(a.ndim) if i not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return _view(trace, a, "transpose", axes=tuple(order))


@function(np.expand_dims)
def _expand_dims(trace: Trace, a: Any, axis: Any) -> Any:
    a = as_tracer(trace, a)
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = normalize_axes(given, a.ndim + len(given))
    return _view(trace, a, "expand_dims", axis=axes)


@function(np.squeeze)
def _squeeze(trace: Trace, a: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    axes = tuple(i for i, n in enumerate(a.shape) if n == 1) if axis is None else normalize_axes(axis, a.ndim)
    return _view(trace, a, "squeeze", axis=axes) if axes else _strong(trace, a)


@function(np.atleast_1d)
def _atleast_1d(trace: Trace, a: Any) -> Any:
    a = as_tracer(trace, a)
    return a if a.ndim else _reshape(trace, a, (1,))


@function(np.atleast_2d)
def _atleast_2d(trace: Trace, a: Any) -> Any:
    a = as_tracer(trace, a)
    return a if a.ndim > 1 else _reshape(trace, a, (1, a.size))


@function(np.broadcast_to)
def _broadcast_to(trace: Trace, array: Any, shape: Any, subok: bool = False) -> Any:
    wanted = tuple(shape) if isinstance(shape, tuple | list) else (int(shape),)
    return _view(trace, array, "broadcast_to", shape=wanted)


@function(np.flip)
def _flip(trace: Trace, m: Any, axis: Any = None) -> Any:
    m = as_tracer(trace, m)
    if m.ndim:
        return _view(trace, m, "flip", axis=normalize_axes(axis, m.ndim))
    return ScalarTracer(trace, Root(_strong(trace, m)._here()))  # m[()], a number of its own


@function(np.copy)
def _copy(trace: Trace, a: Any, order: str = "K", subok: bool = False) -> Any:
    return _strong(trace, as_tracer(trace, a)).copy(order)


@function(np.concatenate)
def _concatenate(
    trace: Trace, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None
) -> Any:
    values = [lift(trace, a) for a in arrays]
    if axis is None:
        values = [lift(trace, _reshape(trace, wrap_constant(trace, v), -1)) for v in values]
        axis = 0
    result = wrap(trace, trace.emit(concatenate, *values, axis=int(axis)))
    if out is not None:
        out[...] = result
        return out
    return result.astype(dtype) if dtype is not None else result


@function(np.stack)
def _stack(trace: Trace, arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    result = wrap(trace, trace.emit(stack, *[lift(trace, a) for a in arrays], axis=int(axis)))
    if out is not None:
        out[...] = result
        return out
    return result.astype(dtype) if dtype is not None else result


@function(np.vstack)
def _vstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    return _concatenate(trace, [_atleast_2d(trace, a) for a in tup], 0, dtype=dtype)


@function(np.hstack)
def _hstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    arrays = [_atleast_1d(trace, a) for a in tup]
    return _concatenate(trace, arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype)


@function(np.column_stack)
def _column_stack(trace: Trace, tup: Any) -> Any:
    columns = [as_tracer(trace, a) for a in tup]
    return _concatenate(trace, [c if c.ndim > 1 else _reshape(trace, c, (-1, 1)) for c in columns], 1)


def _axis_slices(x: Any, axis: int, bounds: list[tuple[int, int]]) -> list[Any]:
    before = (slice(None),) * axis
    return [x[(*before, slice(lo, hi))] for lo, hi in bounds]


@function(np.split)
def _split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    if isinstance(indices_or_sections, int | np.integer) and ary.shape[axis] % int(indices_or_sections):
        raise ValueError("array split does not result in an equal division")
    return _array_split(trace, ary, indices_or_sections, axis)


@function(np.array_split)
def _array_split(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = as_tracer(trace, ary)
    axis = normalize_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        size, extra = divmod(n, int(indices_or_sections))
        sizes = [size + 1] * extra + [size] * (int(indices_or_sections) - extra)
        edges = [0, *np.cumsum(sizes).tolist()]
    else:
        edges = [0, *(int(i) for i in indices_or_sections), n]
    return _axis_slices(ary, axis, list(itertools.pairwise(edges)))


@function(np.pad)
def _pad(trace: Trace, array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    array = as_tracer(trace, array)
    widths = tuple((int(a), int(b)) for a, b in np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist())
    constant = kwargs.pop("constant_values", 0)
    if mode != "constant" or kwargs or type(constant) not in (int, float):
        raise UnsupportedError(
            explain(
                f"np.pad with mode={mode!r} and these values is not supported yet", trace.origin(), "mode='constant'"
            )
        )
    result = trace.emit(pad, array._here(), pad_width=widths)
    if constant:
        inside = trace.builder.emit(filled, value=True, shape=array.shape, dtype=np.dtype(bool))
        mask = trace.emit(pad, inside, pad_width=widths)
        result = trace.emit(where, mask, result, trace.builder.value(constant))
    return wrap(trace, result)


@function(np.repeat)
def _repeat(trace: Trace, a: Any, repeats: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    if isinstance(repeats, Tracer):
        raise TracingError(explain("np.repeat needs its repeats as plain integers", trace.origin()))
    counts = np.asarray(repeats)
    plain = int(counts.flat[0]) if counts.size == 1 else tuple(int(n) for n in counts)
    if axis is None or a.ndim == 0:
        a, axis = _reshape(trace, a, -1), 0
    axis = normalize_axis(int(axis), a.ndim)
    return wrap(trace, trace.emit(repeat, a._here(), repeats=plain, axis=axis))


@function(np.tile)
def _tile(trace: Trace, A: Any, reps: Any) -> Any:
    a = as_tracer(trace, A)
    counts = tuple(int(n) for n in np.atleast_1d(reps))
    counts = (1,) * (a.ndim - len(counts)) + counts
    a = _reshape(trace, a, (1,) * (len(counts) - a.ndim) + a.shape)
    split = _reshape(trace, a, tuple(m for n in a.shape for m in (1, n)))
    wide = _broadcast_to(trace, split, tuple(m for r, n in zip(counts, a.shape, strict=True) for m in (r, n)))
    return _reshape(trace, wide, tuple(r * n for r, n in zip(counts, a.shape, strict=True))).copy()


@function(np.roll)
def _roll(trace: Trace, a: Any, shift: Any, axis: Any = None) -> Any:
    a = as_tracer(trace, a)
    if axis is None:
        return _reshape(trace, _roll(trace, _reshape(trace, a, -1), shift, 0), a.shape)
    pairs = np.broadcast(shift, axis)
    for by, along in pairs:
        along = normalize_axis(int(along), a.ndim)
        n = a.shape[along]
        cut = (n - by) % n if n else 0
        if cut:
            a = _concatenate(trace, _axis_slices(a, along, [(cut, n), (0, cut)]), along)
    return a.copy()


@function(np.take)
def _take(trace: Trace, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if mode != "raise" or out is not None:
        raise UnsupportedError(explain("np.take with mode= or out= is not supported", trace.origin(), "a[indices]"))
    a = as_tracer(trace, a)
    if axis is None:
        return _reshape(trace, a, -1)[indices]
    return a[(*(slice(None),) * normalize_axis(axis, a.ndim), indices)]


@function(np.diag)
def _diag(trace: Trace, v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or a new matrix with a vector on its diagonal."""
    v = as_tracer(trace, v)
    if v.ndim == 2:
        return _diagonal(trace, v, offset=int(k))
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    k, n = int(k), v.shape[0] + abs(int(k))
    matrix = wrap(trace, trace.emit(filled, value=0, shape=(n, n), dtype=v.dtype), contiguous=True)
    below, right = np.arange(v.shape[0]) + max(-k, 0), np.arange(v.shape[0]) + max(k, 0)
    matrix[below.tolist(), right.tolist()] = v
    return matrix


@function(np.fill_diagonal)
def _fill_diagonal(trace: Trace, a: Any, val: Any, wrap: bool = False) -> None:
    from .dispatch import check_target

    check_target(trace, a, "np.fill_diagonal")
    if a.ndim != 2 or wrap:
        raise UnsupportedError(
            explain("np.fill_diagonal is supported for matrices, without wrap=", trace.origin(), "a[i, i] = value")
        )
    places = np.arange(min(a.shape)).tolist()
    a[places, places] = val


@function(np.diagonal)
def _diagonal(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    a = as_tracer(trace, a)
    moved = _moveaxis(trace, a, (axis1, axis2), (-2, -1))
    n = min(moved.shape[-2] - max(-offset, 0), moved.shape[-1] - max(offset, 0))
    steps = np.arange(max(n, 0))
    rows, columns = (steps + max(-offset, 0)).tolist(), (steps + max(offset, 0)).tolist()
    return _looks_at(moved, moved[..., rows, columns], lambda now: now[..., rows, columns])


def _looks_at(base: Any, seen: Any, look: Callable[[Any], Any], fix: str = "") -> Any:
    """A view of a kind of its own: what is seen of `base`, looked at again after every write to it.

    It cannot be written; where NumPy would allow that, `fix` says what to do instead.
    """
    if isinstance(base, ArrayTracer) and isinstance(seen, ArrayTracer):
        trace = base._trace

        def refusal() -> UnsupportedError:
            cause = "writing through this view of a traced array is not supported"
            return UnsupportedError(explain(cause, trace.origin(), fix, "writes-through-views"))

        seen._place = Look(base._place, seen._value(), lambda: lift(trace, look(base)), refusal if fix else None)
    return seen


@function(np.real)
def _real(trace: Trace, val: Any) -> Any:
    val = as_tracer(trace, val)
    if val.dtype.kind != "c":
        return val.real
    return _looks_at(val, val._unary(np.real), lambda now: now._unary(np.real), "z = value + 1j * z.imag")


@function(np.imag)
def _imag(trace: Trace, val: Any) -> Any:
    val = as_tracer(trace, val)
    if val.dtype.kind != "c":
        return wrap(trace, trace.emit(filled, value=0, shape=val.shape, dtype=val.dtype))
    return _looks_at(val, val._unary(np.imag), lambda now: now._unary(np.imag), "z = z.real + 1j * value")


# ---------------------------------------------------------------------------------------- selection and writing


@function(np.where)
def _where(trace: Trace, condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return _nonzero(trace, condition)
    return wrap(trace, trace.emit(where, *(lift(trace, v) for v in (condition, x, y))))


@function(np.nonzero)
def _nonzero(trace: Trace, a: Any) -> Any:
    from ..ir.indexing import SLOT
    from .indexing import places_of_mask

    value = lift(trace, a)
    mask = value if value.dtype.kind == "b" else trace.emit(BY_CALLABLE[np.not_equal], value, 0)
    _, places = places_of_mask(trace, value.shape, (SLOT,), [mask])
    return tuple(wrap(trace, p) for p in places)


@function(np.copyto)
def _copyto(trace: Trace, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    from .dispatch import check_target

    check_target(trace, dst, "np.copyto")
    given = lift(trace, src)
    number = given.type.weak and given.dtype.kind == "i"
    if not number and not np.can_cast(given.dtype, dst.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {given.dtype!r} to {dst.dtype!r} according to the rule {casting!r}"
        )
    if where is True:
        dst[...] = src
    else:
        dst[...] = _where(trace, where, src, dst)


# -------------------------------------------------------------------------------------------------------- products


@function(np.tensordot)
def _tensordot(trace: Trace, a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = lift(trace, a), lift(trace, b)
    if isinstance(axes, int | np.integer):
        count = int(axes)
        over_a, over_b = tuple(range(left.ndim - count, left.ndim)), tuple(range(count))
    else:
        over_a, over_b = (tuple(int(i) for i in np.atleast_1d(side)) for side in axes)
        over_a = tuple(normalize_axis(i, left.ndim) for i in over_a)
        over_b = tuple(normalize_axis(i, right.ndim) for i in over_b)
    return wrap(trace, trace.emit(tensordot, left, right, axes=(over_a, over_b)))


@function(np.einsum)
def _einsum(trace: Trace, *operands: Any, optimize: Any = False, out: Any = None, **kwargs: Any) -> Any:
    if kwargs or out is not None or not isinstance(operands[0], str):
        raise UnsupportedError(
            explain("np.einsum takes the subscripts as a string, and no other keyword than optimize=", trace.origin())
        )
    values = [lift(trace, o) for o in operands[1:]]
    subscripts = explicit_subscripts(operands[0], [v.ndim for v in values])

    def look(*values: Any) -> Any:
        return wrap(trace, trace.emit(einsum, *values, subscripts=subscripts, optimize=bool(optimize)))

    inputs, output = subscripts.split("->")
    if len(values) == 1 and set(inputs) == set(output) and isinstance(operands[1], ArrayTracer):  # a view in NumPy
        return _looks_at(operands[1], look(*values), lambda now: look(now._value()), "x.T or x[range(n), range(n)]")
    return look(*values)


@function(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    trace: Trace, x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    x = as_tracer(trace, x)
    window = tuple(int(n) for n in np.atleast_1d(window_shape))
    axes = tuple(range(x.ndim)) if axis is None else tuple(normalize_axis(int(a), x.ndim) for a in np.atleast_1d(axis))
    if len(axes) != len(window):
        raise ValueError("window_shape and axis must have the same length")
    return _view(trace, x, "sliding_window_view", window_shape=window, axis=axes)
