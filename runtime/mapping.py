"""vmap inside of a trace: the function is recorded for one example, and its equations are then done for the batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.ops.shape import transpose
from ..ir.program import Var
from ..tracer.array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift, wrap
from ..tracer.errors import explain
from ..tracer.place import Root
from ..tracer.site import called_at
from ..tracer.structure import Structure, flatten, opened, unflatten
from ..tracer.trace import Trace
from .binding import NotPassed
from .derivatives import batched_or_explained, name_of

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Axes = Any  # an int or None for all, or one for each argument, or nested as the arguments are


def signature_without_defaults(signature: inspect.Signature) -> inspect.Signature:
    """The signature by which a call tells what was passed."""
    parameters = signature.parameters.values()
    marked = [p if p.default is p.empty else p.replace(default=NotPassed.DEFAULT) for p in parameters]
    return signature.replace(parameters=marked)


def passed(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments without those that are defaults; what was passed behind one, by its name."""
    names = [p.name for p in signature.parameters.values() if p.kind in _POSITIONAL]
    first = tuple(takewhile(lambda arg: arg is not NotPassed.DEFAULT, args))
    named = {**dict(zip(names[len(first) :], args[len(first) :], strict=False)), **kwargs}
    return first, {name: arg for name, arg in named.items() if arg is not NotPassed.DEFAULT}


def vmap_in_trace(
    trace: Trace,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    in_axes: Axes,
    out_axes: Axes,
) -> Any:
    """`function` over every example of the arguments; keyword arguments are batched along their first axis."""
    leaves, structure = flatten((tuple(args), kwargs))
    axes = [*axes_of(in_axes, tuple(args)), *[0] * len(flatten(kwargs)[0])]
    size = batch_size([np.shape(leaf) for leaf in leaves], axes, structure)
    examples: dict[Var, Value] = {}
    standins: list[Any] = []
    for leaf, axis in zip(leaves, axes, strict=True):
        if axis is None and not isinstance(leaf, Tracer | np.ndarray):
            standins.append(leaf)
            continue
        value = lift(trace, leaf)
        if axis is not None:
            value = _one_of(examples, _in_front(trace, value, axis), name_of(value))
        cell = axis is None and isinstance(leaf, np.ndarray)
        kind = ArrayTracer if value.ndim else CellTracer if cell else ScalarTracer
        standins.append(kind(trace, Root(value, contiguous=axis is not None)))
    since = len(trace.builder.equations)
    given, keywords = unflatten(structure, iter(standins))
    with trace.one_of_many(examples):
        result = function(*given, **keywords)
        outs, shape = flatten(result, numbers=True)
        results = [lift(trace, out) for out in outs]
    batched = batched_or_explained(trace.builder, since, examples, results, size)
    placed = [_placed(trace, v, axis) for v, axis in zip(batched, _out_axes(out_axes, result), strict=True)]
    return unflatten(shape, (wrap(trace, v) for v in placed))


def _one_of(examples: dict[Var, Value], batch: Value, name: str) -> Value:
    """A variable that stands for one example of the batch."""
    one = Var(batch.type.with_shape(batch.shape[1:]), name, bool(name))
    examples[one] = batch
    return Value(batch.builder, one)


def _in_front(trace: Trace, value: Value, axis: int) -> Value:
    axis %= value.ndim
    if not axis:
        return value
    moved: Value = trace.emit_unnamed(transpose, value, axes=(axis, *(i for i in range(value.ndim) if i != axis)))
    return moved


def _placed(trace: Trace, value: Value, axis: int) -> Value:
    """The batch axis where out_axes wants it."""
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(
            explain(
                f"out_axes={axis}, but a result has {value.ndim} axes with the batch",
                called_at(),
                "out_axes=0, or -1 for the last axis",
                "batches",
            )
        )
    axis %= value.ndim
    if not axis:
        return value
    moved: Value = trace.emit(transpose, value, axes=(*range(1, axis + 1), 0, *range(axis + 1, value.ndim)))
    return moved


def axes_of(axes: Axes, value: Any, what: str = "argument") -> list[int | None]:
    """The axis of each leaf; what stands for a container stands for all in it."""
    numbers = what == "result"
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes] * len(flatten(value, numbers)[0])
    kind, keys, children = opened(value)
    given, named, parts = opened(axes)
    if given in ("tuple", "list") and kind != "dict":
        named = keys if len(parts) == len(keys) else ()
    elif given not in ("dict", kind):
        raise _wrong_axes(axes, value, what)
    if not keys or set(named) != set(keys):
        raise _wrong_axes(axes, value, what)
    found = dict(zip(named, parts, strict=True))
    return [axis for key, child in zip(keys, children, strict=True) for axis in axes_of(found[key], child, what)]


def _wrong_axes(axes: Axes, value: Any, what: str) -> ValueError:
    kind, keys, _ = opened(value)
    some = "s" * (len(keys) != 1)
    shown = f"{len(keys)} {what}{some}" if kind == "tuple" else "an array" if kind == "leaf" else f"a {kind}"
    name = "in_axes" if what == "argument" else "out_axes"
    return ValueError(
        explain(
            f"{name}={axes!r} does not fit {shown}",
            called_at(),
            f"{name}=0 for all, or one for each {what}, nested as they are: {name}=(1, {{'w': 0, 'b': 0}})",
            "batches",
        )
    )


def _out_axes(axes: Axes, result: Any) -> list[int]:
    found = axes_of(axes, result, "result")
    if None in found:
        raise ValueError(
            explain(
                "out_axes=None: a result has the batch along some axis",
                called_at(),
                "out_axes=0, and y[0] where the result is the same for all",
                "batches",
            )
        )
    return [axis for axis in found if axis is not None]


def batch_size(shapes: Sequence[tuple[int, ...]], axes: Sequence[int | None], structure: Structure) -> int:
    """How many examples there are. ValueError where arguments disagree, or where none has a batch axis."""
    paths = [path for path, _ in structure.paths("")]
    sizes: dict[int, str] = {}
    for shape, axis, path in zip(shapes, axes, paths, strict=True):
        if axis is None:
            continue
        path = path.removeprefix("[0]") or "args"
        if not -len(shape) <= axis < len(shape):
            raise ValueError(
                explain(
                    f"vmap over axis {axis} of an argument with {len(shape)} axes (args{path})",
                    called_at(),
                    "in_axes=(None, 0), with None for an argument that is the same for every example",
                    "batches",
                )
            )
        sizes.setdefault(shape[axis], f"args{path}")
    if len(sizes) != 1:
        shown = " and ".join(f"{n} ({path})" for n, path in sizes.items()) or "none"
        raise ValueError(
            explain(
                f"vmap needs one number of examples, got {shown}",
                called_at(),
                "arrays of one length along their batch axes; in_axes=(0, None) where one is the same for all examples"
                if sizes
                else "in_axes=0 for at least one argument",
                "batches",
            )
        )
    return next(iter(sizes))
