"""What NumPy is slow at in adjoints of windows and choices, by functions of ours.

The adjoint of a maximum is a comparison, a count, a division and a choice, each along axes as short as a window; that
of windows which were skipped is an array of all windows, most of them zero; and a choice between a number and zero
takes a branch for each element. These rules are for programs that are written out in NumPy, after everything else.
"""

from __future__ import annotations

from ..builder import Builder, Rule, Value
from ..dims import Dim
from ..indexing import Slice
from ..op import BY_NAME
from ..ops.elementwise import where
from ..ops.reduction import is_few
from ..ops.windows import keep, overlap_apart, share
from ..program import Program
from ..types import normalize_axes
from .algebra import adjoint_only
from .dead_code import eliminate_dead_code
from .simplify import simplify

LARGE = 4096  # elements of an array from which on a choice is worth a function of ours
MOST = 9  # elements that an extreme is taken of: for more, one comparison of all is faster


def _reduced(builder: Builder, value: Value, axes: tuple[int, ...], shape: tuple[int, ...]) -> Value | None:
    """What `value` is before it got axes of length 1, if it has the shape of what is kept of `shape`."""
    if value.shape != tuple(1 if i in axes else n for i, n in enumerate(shape)):
        return None
    made = builder.definition(value, "expand_dims")
    if made is not None and made.params["axis"] == axes:
        return Value(builder, made.operands[0])
    squeezed: Value = builder.emit(BY_NAME["squeeze"], value, axis=axes)
    return squeezed


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
    if x.shape != winner.shape or not is_few(x.type, axes, MOST):
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


WINDOW_RULES: dict[str, tuple[Rule, ...]] = {
    "where": (share_of_own_dtype, adjoint_only(choice_by_bits)),
    "astype": (share_cast_back,),
    "overlap_add": (overlap_of_skipped,),
}


def shorten_windows(program: Program) -> Program:
    """The program with these rules applied wherever they match."""
    if not any(e.op.name in ("where", "overlap_add") for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, WINDOW_RULES))
