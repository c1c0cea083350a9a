"""What NumPy is slow at in adjoints of windows and choices, by functions of ours.

The adjoint of a maximum is a comparison, a count, a division and a choice, each along axes as short as a window; that
of windows which were skipped is an array of all windows, most of them zero; and a choice between a number and zero
takes a branch for each element. These rules are for programs that are written out in NumPy, after everything else.
"""

from __future__ import annotations

from math import prod

from ..builder import Builder, Rule, Value
from ..dims import Dim
from ..indexing import Slice
from ..op import BY_NAME
from ..ops.elementwise import where
from ..ops.reduction import Axis, is_few, reduced_size
from ..ops.shape import expand_dims, reshape, transpose
from ..ops.windows import keep, overlap_apart, share, spread, sum_of_few
from ..program import Equation, Program
from ..types import normalize_axes
from . import blocks
from .algebra import adjoint_only
from .dead_code import eliminate_dead_code, guards_only
from .rearranging import transpose_again
from .simplify import simplify

LARGE = 4096  # elements of an array from which on a choice is worth a function of ours
MOST = 9  # elements that an extreme is taken of: for more, one comparison of all is faster


def _reduced(builder: Builder, value: Value, axes: tuple[int, ...], shape: tuple[int, ...]) -> Value | None:
    """What `value` is before it got axes of length 1, if it has the shape of what is kept of `shape`."""
    if axes == tuple(range(len(axes))) and value.shape == shape[len(axes) :]:
        return value  # leading axes are put in by the broadcast
    if value.shape != tuple(1 if i in axes else n for i, n in enumerate(shape)):
        return None
    made = builder.definition(value, "expand_dims")
    if made is not None and made.params["axis"] == axes:
        return Value(builder, made.operands[0])
    squeezed: Value = builder.emit(BY_NAME["squeeze"], value, axis=axes)
    return squeezed


def _is_short(x: Value, axes: tuple[int, ...]) -> bool:
    """Whether these are short axes of a large array."""
    if any(isinstance(n, Dim) or n < 1 for n in x.shape) or x.size < LARGE or len(axes) == x.ndim:
        return False
    return 1 < prod(x.shape[a] for a in axes) <= MOST


def share_of_winners(builder: Builder, winner: Value, a: Value, b: Value) -> Value | None:
    """where(x == y, g / sum(x == y), 0), where y is the extreme of x along short axes."""
    compared, quotient = builder.definition(winner, "equal"), builder.definition(a, "divide")
    if compared is None or quotient is None or b.literal is None or b.literal != 0:
        return None
    counted = builder.definition(Value(builder, quotient.operands[1]), "sum")
    if counted is None or counted.operands[0] is not winner.atom:
        return None
    x, extreme = (Value(builder, o) for o in compared.operands)
    axes = normalize_axes(counted.params["axis"], winner.ndim)
    if x.shape != winner.shape or not _is_short(x, axes):
        return None
    g = _reduced(builder, Value(builder, quotient.operands[0]), axes, x.shape)
    y = _reduced(builder, extreme, axes, x.shape)
    if g is None or y is None or g.type.weak or g.dtype.kind != "f":
        return None
    value: Value = share(g, y, x, axis=axes)
    return value


def share_of_own_dtype(builder: Builder, winner: Value, a: Value, b: Value) -> Value | None:
    """The same, where the quotient with a count has the dtype of its numerator."""
    quotient = builder.definition(a, "divide")
    if quotient is None or quotient.operands[0].type.dtype != a.dtype:
        return None
    return share_of_winners(builder, winner, a, b)


def share_cast_back(builder: Builder, x: Value, *, dtype: object) -> Value | None:
    """The same, where the quotient of float32 and a count is float64 and is cast back: it is rounded alike."""
    made = builder.definition(x, "where")
    if made is None:
        return None
    found = share_of_winners(builder, *(Value(builder, o) for o in made.operands))
    return found if found is not None and found.dtype == dtype else None


def overlap_of_skipped(
    builder: Builder, windows: Value, *, shape: tuple[int, ...], axis: tuple[int, ...]
) -> Value | None:
    """The sum of all windows, of which only every so many are not zero."""
    written = builder.definition(windows, "index_add") or builder.definition(windows, "set_item")
    if written is None or len(written.operands) != 2 or len(set(axis)) < len(axis):
        return None
    zeros = builder.definition(Value(builder, written.operands[0]), "filled")
    values = Value(builder, written.operands[1])
    index = written.params["index"]
    steps = [entry.step or 1 for entry in index if isinstance(entry, Slice) and entry.start is entry.stop is None]
    if zeros is None or zeros.params["value"] != 0 or not 0 < len(steps) == len(index) <= len(shape):
        return None
    by = tuple(steps[a] if a < len(steps) else 1 for a in axis)
    others = [step for a, step in enumerate(steps) if a not in axis]
    if min(by) < 1 or max(by) == 1 or any(step != 1 for step in others) or values.ndim != windows.ndim:
        return None
    if values.dtype != windows.dtype or values.type.weak:
        return None
    kept = tuple(-(-n // steps[a]) if a < len(steps) else n for a, n in enumerate(windows.shape))
    if values.shape != kept:
        return None
    value: Value = overlap_apart(values, shape=shape, axis=axis, step=by)
    return value


def _tiles(
    shape: tuple[int, ...], window: tuple[int, ...], axis: tuple[int, ...], steps: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Where windows lie side by side: the shape with an axis for the windows and one for what is within each, and the
    order of these axes in which all windows come first."""
    if any(isinstance(n, Dim) for n in shape) or len(set(axis)) < len(axis) or window != steps:
        return None
    if any(shape[a] % n or not shape[a] for a, n in zip(axis, window, strict=True)):
        return None
    split: list[int] = []
    outer, inner = [], dict[int, int]()
    for a, n in enumerate(shape):
        outer.append(len(split))
        if a in axis:
            inner[a] = len(split) + 1
        split += [n // window[axis.index(a)], window[axis.index(a)]] if a in axis else [n]
    return tuple(split), (*outer, *(inner[a] for a in axis))


def windows_side_by_side(builder: Builder, x: Value, *arrays: Value, index: tuple[object, ...]) -> Value | None:
    """sliding_window_view(x, k)[::k]: the same view of the same memory, by another shape of x."""
    made = builder.definition(x, "sliding_window_view")
    if made is None or arrays or any(not isinstance(s, Slice) or s.start or s.stop is not None for s in index):
        return None
    steps = [s.step or 1 for s in index if isinstance(s, Slice)] + [1] * (x.ndim - len(index))
    source, axis, window = Value(builder, made.operands[0]), made.params["axis"], made.params["window_shape"]
    if any(step != 1 for a, step in enumerate(steps) if a not in axis):
        return None
    tiles = _tiles(source.shape, window, axis, tuple(steps[a] for a in axis))
    if tiles is None:
        return None
    value: Value = transpose(reshape(source, shape=tiles[0]), axes=tiles[1])
    return value


def overlap_of_tiles(
    builder: Builder, windows: Value, *, shape: tuple[int, ...], axis: tuple[int, ...], step: tuple[int, ...]
) -> Value | None:
    """The sum of windows that lie side by side: they are put there."""
    tiles = _tiles(shape, windows.shape[len(shape) :], axis, step)
    if tiles is None:
        return None
    back = tuple(tiles[1].index(i) for i in range(len(tiles[1])))
    value: Value = reshape(transpose(windows, axes=back), shape=shape)
    return value


def share_of_transposed(builder: Builder, g: Value, y: Value, x: Value, *, axis: tuple[int, ...]) -> Value | None:
    """The shares of elements in another order, where the rest of the axes keep theirs."""
    made = builder.definition(x, "transpose")
    if made is None:
        return None
    order = made.params["axes"]
    rest = [order[a] for a in range(x.ndim) if a not in axis]
    if rest != sorted(rest):
        return None
    value: Value = share(g, y, Value(builder, made.operands[0]), axis=tuple(sorted(order[a] for a in axis)))
    turned: Value = transpose(value, axes=order)
    return turned


def choice_by_bits(builder: Builder, mask: Value, a: Value, b: Value) -> Value | None:
    """where(mask, a, 0) of a large array of floats."""
    if b.literal is None or b.literal != 0 or mask.dtype.kind != "b" or a.shape != mask.shape or a.type.weak:
        return None
    if a.dtype.kind != "f" or a.dtype.itemsize > 8 or any(isinstance(n, Dim) for n in a.shape) or a.size < LARGE:
        return None
    if str(b.literal) == "-0.0" or where.infer(mask.type, a.type, b.type) != a.type:
        return None
    value: Value = keep(a, mask)
    return value


def sum_of_few_elements(builder: Builder, x: Value, *, axis: Axis, keepdims: bool = False) -> Value | None:
    """A sum along axes as short as a window, entry by entry: NumPy would start anew for each of them."""
    made = builder.definition(x)
    if x.dtype.kind not in "fc" or x.dtype.name == "float16" or x.type.weak or not is_few(x.type, axis, MOST):
        return None
    if builder.level == 0 and x.size * x.dtype.itemsize < blocks.LARGE:
        return None  # NumPy's own order
    if made is not None and made.op.name in ("multiply", "power", "square"):
        return None  # a contraction
    axes = normalize_axes(axis, x.ndim)
    total: Value = sum_of_few(x, axis=axes)
    return expand_dims(total, axis=axes) if keepdims else total


def mean_of_few_elements(builder: Builder, x: Value, *, axis: Axis, keepdims: bool = False) -> Value | None:
    """The same for a mean."""
    total = sum_of_few_elements(builder, x, axis=axis, keepdims=keepdims)
    return None if total is None else total / reduced_size(x, axis)


def spread_over_windows(builder: Builder, x: Value, *, shape: tuple[int, ...]) -> Value | None:
    """An array that is repeated along short axes and then takes another shape: it is copied either way."""
    made = builder.definition(x, "broadcast_to")
    if made is None or any(isinstance(n, Dim) for n in x.shape) or x.type.weak:
        return None
    one = Value(builder, made.operands[0])
    axes = tuple(i for i, (n, m) in enumerate(zip(one.shape, x.shape, strict=False)) if n != m)
    if one.ndim != x.ndim or not is_few(x.type, axes, MOST):
        return None
    source = _reduced(builder, one, axes, x.shape)
    if source is None:
        return None
    value: Value = reshape(spread(source, shape=x.shape, axis=axes), shape=shape)
    return value


WINDOW_RULES: dict[str, tuple[Rule, ...]] = {
    "where": (share_of_own_dtype, adjoint_only(choice_by_bits)),
    "astype": (share_cast_back,),
    "getitem": (windows_side_by_side,),
    "overlap_add": (overlap_of_skipped,),
    "overlap_add_apart": (overlap_of_tiles,),
    "share_among_extremes": (share_of_transposed,),
    "transpose": (transpose_again,),
    "mean": (mean_of_few_elements,),
    "reshape": (spread_over_windows,),
    "sum": (sum_of_few_elements,),
}


def _concerns(equation: Equation) -> bool:
    """Whether an equation may be the beginning of what a rule matches."""
    if equation.op.name in ("mean", "sum"):
        return is_few(equation.operands[0].type, equation.params["axis"], MOST)
    return equation.op.name in ("broadcast_to", "overlap_add", "sliding_window_view", "where")


def shorten_windows(program: Program) -> Program:
    """The program with these rules applied wherever they match, but for what leads to a guard."""
    if not any(map(_concerns, program.equations)):
        return program
    return eliminate_dead_code(simplify(program, WINDOW_RULES, exactly=guards_only(program).equations))
