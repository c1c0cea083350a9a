"""Convolutions that a user writes as a loop over the taps of a kernel, as the convolutions that they are.

`out += np.tensordot(x[:, :, i : i + h, j : j + w], kernel[:, :, i, j], axes=(1, 1))` for all i and j, or the same by
np.einsum or `@`: the sum is one convolution, what its gradient adds up to in x another, and what it writes into the
kernel's gradient a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..builder import Builder, Rule, Value
from ..indexing import Index, Slice
from ..op import BY_NAME
from ..ops.convolution import convolve_channels
from ..ops.indexing import getitem
from ..ops.shape import flip, transpose
from ..ops.windows import overlap_apart
from ..program import Program
from ..types import Shape
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .image_columns import transpose_of_ones
from .memory import disjoint
from .rearranging import reshape_again, transpose_again
from .simplify import simplify
from .tap_grids import MOST, Grid, Write, cropped, full_index, grid_of, is_zero, writes_into_zeros
from .window_products import LETTERS, Product, Term, finished, peeled, products_of

FEWEST = 2  # taps
_PRODUCTS = ("einsum", "matmul", "tensordot")


@dataclass(frozen=True, slots=True)
class _Part:
    """An element along some axes of an array (those of the kernel), or a range (those of an image), with a letter for
    each axis that is left."""

    base: Value
    index: Index
    letters: str


@dataclass(frozen=True, slots=True)
class _Tap:
    """One product: two arrays, or parts of them, and the letters of the result."""

    parts: tuple[_Part, _Part]
    result: str


def _part(builder: Builder, term: Term) -> _Part:
    term = peeled(builder, term)
    made = builder.definition(term.value, "getitem")
    whole = _Part(term.value, (), term.letters)
    if made is None or len(made.operands) > 1:
        return whole
    index, base = made.params["index"], Value(builder, made.operands[0])
    if not all(type(entry) is int or isinstance(entry, Slice) for entry in index):
        return whole
    return _Part(base, full_index(index, base.ndim), term.letters)


def _tap(builder: Builder, value: Value) -> _Tap | None:
    """The product that a value is, its axes in any order."""
    term = peeled(builder, Term(value, LETTERS[: value.ndim]))
    made = builder.definition(term.value)
    if made is None or made.op.name not in _PRODUCTS:
        return None
    operands = [Value(builder, o) for o in made.operands]
    product = next(products_of(builder, made.op.name, operands, dict(made.params)), None)
    if product is None and made.op.name == "matmul":
        product = _rows_by_matrix(*operands)
    if product is None or len(product.result) != value.ndim:
        return None
    parts = (_part(builder, product.terms[0]), _part(builder, product.terms[1]))
    order = "".join(product.result[term.letters.index(c)] for c in LETTERS[: value.ndim])
    return _Tap(parts, order)


def _rows_by_matrix(a: Value, b: Value) -> Product | None:
    """a[..., c] @ b[c, o], or a[o, c] @ b[..., c, l]."""
    if min(a.ndim, b.ndim) != 2 or a.dtype != b.dtype or a.dtype.kind not in "fc" or a.dtype.name == "float16":
        return None
    if b.ndim > 2:
        stack, row, summed, column = LETTERS[: b.ndim - 2], *map(LETTERS.__getitem__, range(b.ndim, b.ndim + 3))
        shape = (*b.shape[:-2], a.shape[0], b.shape[-1])
        return Product((Term(a, row + summed), Term(b, stack + summed + column)), stack + row + column, shape)
    rows, summed, column = LETTERS[: a.ndim - 1], LETTERS[a.ndim], LETTERS[a.ndim + 1]
    terms = Term(a, rows + summed), Term(b, summed + column)
    return Product(terms, rows + column, (*a.shape[:-1], b.shape[1]))


def _terms(builder: Builder, value: Value, limit: int = MOST) -> list[Value]:
    """What is added up."""
    if is_zero(builder, value):
        return []
    made = builder.definition(value, "add")
    if made is None or limit < 1:
        return [value]
    first, second = (Value(builder, o) for o in made.operands)
    if first.shape != value.shape and not is_zero(builder, first):
        return [value]
    return (
        [*_terms(builder, first, limit - 1), second]
        if not is_zero(builder, second)
        else _terms(builder, first, limit - 1)
    )


def _alike(taps: Sequence[_Tap | None]) -> list[_Tap]:
    """The products, if they differ in the parts alone that they take of the same two arrays."""
    first = taps[0]
    if first is None:
        return []
    for tap in taps:
        if tap is None or tap.result != first.result:
            return []
        for part, other in zip(tap.parts, first.parts, strict=True):
            if part.letters != other.letters or part.base.atom is not other.base.atom:
                return []
    return [tap for tap in taps if tap is not None]


def _kernel_letters(part: _Part, grid: Grid, names: Sequence[str]) -> str:
    """The letters of all axes of the kernel, `names` for those of the taps."""
    rest = iter(part.letters)
    return "".join(names[grid.taps.index(a)] if a in grid.taps else next(rest) for a in range(part.base.ndim))


def _unused(tap: _Tap, count: int) -> list[str]:
    taken = tap.result + tap.parts[0].letters + tap.parts[1].letters
    return [c for c in LETTERS if c not in taken][:count]


def _role(letters: str, *, within: Sequence[str], without: Sequence[str] = ()) -> str | None:
    """The one letter that all of `within` have and none of `without`; empty if there is none, None if several."""
    found = [c for c in letters if all(c in w for w in within) and not any(c in w for w in without)]
    return None if len(found) > 1 else "".join(found)


def sum_of_taps(builder: Builder, a: Value, b: Value) -> Value | None:
    """The sum of products of ranges of an image with the elements of a kernel: a convolution."""
    last = _tap(builder, b)
    if last is None or not last.parts[0].index or not last.parts[1].index:
        return None
    if BY_NAME["add"].infer(a.type, b.type) != b.type:
        return None  # added to zeros of another dtype or shape
    terms = [*_terms(builder, a), b]
    taps = _alike([_tap(builder, term) for term in terms]) if len(terms) >= FEWEST else []
    if not taps:
        return None
    shape, dtype = b.shape, b.dtype
    for image, kernel in ((0, 1), (1, 0)):
        x, w = taps[0].parts[image], taps[0].parts[kernel]
        grid = grid_of(
            x.base.shape, [t.parts[image].index for t in taps], w.base.shape, [t.parts[kernel].index for t in taps]
        )
        if grid is None:
            continue
        large = max(x.base.size, prod(shape)) * dtype.itemsize
        if builder.level == 0 and large < blocks.LARGE:
            return None
        result, places = taps[0].result, "".join(x.letters[i] for i in grid.axes)
        rest = "".join(c for c in x.letters if c not in places)
        n = _role(rest, within=[result], without=[w.letters])
        c = _role(rest, within=[w.letters], without=[result])
        o = _role(w.letters, within=[result], without=[x.letters])
        if n is None or c is None or o is None or sorted(result) != sorted(n + o + places):
            return None
        if len(n + c) != len(rest) or len(c + o) != len(w.letters):
            return None
        names = _unused(taps[0], len(grid.taps))
        kernels = Term(w.base, _kernel_letters(w, grid, names))
        seen = Term(cropped(x.base, grid, w.base.shape), x.letters)
        y = convolve_channels(
            seen.arranged([n, c, *places]),
            kernels.arranged([o, c, *names]),
            stride=grid.steps,
            dilation=grid.apart,
        )
        product = Product((seen, kernels), result, shape)
        return finished(y, [n, o, *places], product)
    return None


def added_taps(
    builder: Builder, x: Value, value: Value, *arrays: Value, index: Index, distinct: bool = False
) -> Value | None:
    """What such a sum's gradient adds to that of an image, or to that of a kernel: a convolution, too."""
    if arrays or value.dtype != x.dtype:
        return None
    write = Write(value, full_index(index, x.ndim), True)
    found = _writes_of_taps(builder, x, write)
    return _overlapping_windows(builder, x, write) if found is None else found


def put_taps(builder: Builder, x: Value, value: Value, *arrays: Value, index: Index) -> Value | None:
    """The same for what is put there."""
    if arrays or value.dtype != x.dtype:
        return None
    return _writes_of_taps(builder, x, Write(value, full_index(index, x.ndim), is_zero(builder, x)))


def _writes_of_taps(builder: Builder, x: Value, last: Write) -> Value | None:
    tap = _tap(builder, last.value) if builder.level > 0 else None
    if tap is None or not (tap.parts[0].index or tap.parts[1].index):
        return None
    writes = [last, *writes_into_zeros(builder, x)]
    if not all(type(entry) is int or isinstance(entry, Slice) for write in writes for entry in write.index):
        return None
    taps = _alike([_tap(builder, write.value) for write in writes]) if len(writes) >= FEWEST else []
    places = [write.index for write in writes]
    for number in (0, 1) if taps else ():
        dy, part = taps[0].parts[number], taps[0].parts[1 - number]
        if any(t.parts[number].index != dy.index for t in taps) or not part.index:
            continue
        whole = getitem(dy.base, index=dy.index) if dy.index else dy.base
        given = Term(whole, dy.letters)
        parts = [t.parts[1 - number].index for t in taps]
        grid = grid_of(x.shape, places, part.base.shape, parts)
        if grid is not None:
            return _image_gradient(x.shape, given, part, taps[0], grid) if all(w.added for w in writes) else None
        grid = grid_of(part.base.shape, parts, x.shape, places)
        if grid is not None:
            return _kernel_gradient(x.shape, given, part, taps[0], grid)
    return None


def _overlapping_windows(builder: Builder, x: Value, last: Write) -> Value | None:
    """What is added of windows that stand in a buffer, all that go with one tap at a time."""
    if builder.level == 0 or builder.definition(last.value, "getitem") is None:
        return None
    writes = [last, *writes_into_zeros(builder, x)]
    parts = [_read_before(builder, write.value) for write in writes]
    first = parts[0]
    if first is None or any(part is None or part[0].atom is not first[0].atom for part in parts):
        return None
    windows, places = first[0], [write.index for write in writes]
    taps = [part[1] for part in parts if part is not None]
    if not all(write.added for write in writes) or not all(isinstance(e, Slice) for at in places for e in at):
        return None
    grid = grid_of(x.shape, places, windows.shape, taps)
    if grid is None or max(grid.apart) > 1 or any(grid.starts):
        return None
    rest = [a for a in range(windows.ndim) if a not in grid.taps]
    ordered: Value = transpose(windows, axes=(*rest, *grid.taps))
    value: Value = overlap_apart(ordered, shape=x.shape, axis=grid.axes, step=grid.steps)
    return value


def _read_before(builder: Builder, part: Value) -> tuple[Value, Index] | None:
    """The array that a part was read from, before other parts of it were overwritten, and the index."""
    made = builder.definition(part, "getitem")
    if made is None or len(made.operands) > 1:
        return None
    base = Value(builder, made.operands[0])
    index = full_index(made.params["index"], base.ndim)
    for _ in range(MOST):
        written = builder.definition(base, "set_item")
        if written is None or len(written.operands) > 2:
            break
        if not disjoint(index, full_index(written.params["index"], base.ndim), base.shape):
            return None
        base = Value(builder, written.operands[0])
    return base, index


def _image_gradient(shape: Shape, dy: Term, w: _Part, tap: _Tap, grid: Grid) -> Value | None:
    """The full convolution of a cotangent with the rotated kernel."""
    places = "".join(tap.result[a] for a in grid.axes)
    rest = "".join(c for c in tap.result if c not in places)
    n = _role(rest, within=[dy.letters], without=[w.letters])
    c = _role(rest, within=[w.letters], without=[dy.letters])
    o = _role(w.letters, within=[dy.letters], without=[tap.result])
    if n is None or c is None or o is None or len(n + c) != len(rest) or set(places) - set(dy.letters):
        return None
    if len(n + o + places) != len(dy.letters) or len(c + o) != len(w.letters):
        return None
    names = _unused(tap, len(grid.taps))
    kernels = Term(w.base, _kernel_letters(w, grid, names))
    rotated = flip(kernels.arranged([c, o, *names]), axis=tuple(range(2, 2 + len(names))))
    around = []
    for a, k, start, step, apart, m in zip(
        grid.axes, rotated.shape[2:], grid.starts, grid.steps, grid.apart, grid.lengths, strict=True
    ):
        reach = (k - 1) * apart
        around.append((reach + start, shape[a] - start - (m - 1) * step - 1))
    dx = convolve_channels(
        dy.arranged([n, o, *places]), rotated, padding=tuple(around), dilation=grid.apart, spread=grid.steps
    )
    return finished(dx, [n, c, *places], Product((dy, kernels), tap.result, shape))


def _kernel_gradient(shape: Shape, dy: Term, x: _Part, tap: _Tap, grid: Grid) -> Value | None:
    """A convolution of an image with a cotangent; `shape` is that of the kernel."""
    places = "".join(x.letters[a] for a in grid.axes)
    rest = "".join(c for c in x.letters if c not in places)
    n = _role(rest, within=[dy.letters], without=[tap.result])
    c = _role(rest, within=[tap.result], without=[dy.letters])
    o = _role(dy.letters, within=[tap.result], without=[x.letters])
    if n is None or c is None or o is None or len(n + c) != len(rest) or set(places) - set(dy.letters):
        return None
    if sorted(tap.result) != sorted(c + o) or len(n + o + places) != len(dy.letters):
        return None
    names = _unused(tap, len(grid.taps))
    letters = iter(tap.result)
    target = "".join(names[grid.taps.index(a)] if a in grid.taps else next(letters) for a in range(len(shape)))
    images = Term(cropped(x.base, grid, shape), x.letters)
    dw = convolve_channels(
        images.arranged([c, n, *places]),
        dy.arranged([o, n, *places]),
        stride=grid.apart,
        dilation=grid.steps,
    )
    return finished(dw, [c, o, *names], Product((images, dy), target, shape))


RULES: dict[str, tuple[Rule, ...]] = {
    "add": (sum_of_taps,),
    "index_add": (added_taps,),
    "set_item": (put_taps,),
    "reshape": (reshape_again,),
    "transpose": (transpose_again, transpose_of_ones),
}


def convolve_taps(program: Program) -> Program:
    """The program with these rules wherever they match, but for what leads to a guard."""
    parts = [e for e in program.equations if e.op.name == "getitem"]
    if len(parts) < 2 * FEWEST or not any(e.op.name in _PRODUCTS for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
