"""Products of windows that a user takes himself, as the convolutions that they are.

`np.tensordot(sliding_window_view(x, (3, 3), axis=(2, 3)), w, ...)`, the same by np.einsum or as a product of matrices,
what is left of it in the gradient of w, and the sum of overlapping windows in that of x: each is one convolution, of
which no array of all windows is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..builder import Builder, Rule, Value
from ..indexing import Slice
from ..op import BY_NAME
from ..ops.convolution import convolve_channels
from ..ops.reduction import Axis
from ..ops.shape import flip, reshape, transpose
from ..program import Program, Var
from ..types import Shape, broadcast_shapes, normalize_axes
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .image_columns import transpose_of_ones
from .rearranging import reshape_again, transpose_again
from .simplify import simplify
from .tap_grids import cropped, full_index, grid_of, writes_into_zeros

SMALL = 1 << 12  # elements of all windows up to which nothing is gained
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Term:
    """An array, with a letter for each axis."""

    value: Value
    letters: str

    def arranged(self, letters: Sequence[str]) -> Value:
        """The array with these axes; an empty letter stands for one of length 1."""
        value: Value = transpose(self.value, axes=tuple(self.letters.index(c) for c in letters if c))
        lengths = iter(value.shape)
        shape = tuple(next(lengths) if c else 1 for c in letters)
        return value if shape == value.shape else reshape(value, shape=shape)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows of `x` along `places`, `steps` apart; `taps` are the axes within a window."""

    x: Term
    places: str
    taps: str
    steps: tuple[int, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Product:
    """A sum of products of two arrays over the letters that are not in `result`, reshaped."""

    terms: tuple[Term, Term]
    result: str
    shape: Shape


def peeled(builder: Builder, term: Term) -> Term:
    """What was transposed, or got axes of length 1 that no letter is needed for."""
    made = builder.definition(term.value, "transpose")
    if made is None:
        return term
    axes = made.params["axes"]
    letters = "".join(term.letters[axes.index(i)] for i in range(len(axes)))
    return peeled(builder, Term(Value(builder, made.operands[0]), letters))


def _windows(builder: Builder, term: Term) -> _Windows | None:
    """The windows that the array consists of, if it does."""
    term = peeled(builder, term)
    size, value, steps = term.value.size, term.value, (1,) * term.value.ndim
    skipped = builder.definition(value, "getitem")
    if skipped is not None:
        index = skipped.params["index"]
        if len(skipped.operands) > 1 or any(not isinstance(s, Slice) or s.start or s.stop is not None for s in index):
            return None
        steps = tuple(s.step or 1 for s in index) + (1,) * (value.ndim - len(index))
        value = Value(builder, skipped.operands[0])
    made = builder.definition(value, "sliding_window_view")
    if made is None:
        return _copied_windows(builder, term)
    if min(steps) < 1 or len(set(made.params["axis"])) < len(made.params["axis"]):
        return None
    axis, x = made.params["axis"], Value(builder, made.operands[0])
    if any(step != 1 for i, step in enumerate(steps) if i not in axis):
        return None
    places = "".join(term.letters[a] for a in axis)
    inner = Term(x, term.letters[: x.ndim])
    return _Windows(inner, places, term.letters[x.ndim :], tuple(steps[a] for a in axis), size)


def _copied_windows(builder: Builder, term: Term) -> _Windows | None:
    """Windows that were written into a buffer, all that go with one tap at a time."""
    writes = writes_into_zeros(builder, term.value)
    reads = [builder.definition(write.value, "getitem") for write in writes]
    images = {made.operands[0] for made in reads if made is not None and len(made.operands) == 1}
    if len(images) != 1 or None in reads:
        return None
    x = Value(builder, images.pop())
    ranges = [full_index(made.params["index"], x.ndim) for made in reads if made is not None]
    if (
        not all(len(r) == x.ndim and all(isinstance(e, Slice) for e in r) for r in ranges)
        or x.dtype != term.value.dtype
    ):
        return None
    grid = grid_of(x.shape, ranges, term.value.shape, [write.index for write in writes])
    if grid is None or max(grid.apart) > 1:
        return None
    letters = "".join(c for a, c in enumerate(term.letters) if a not in grid.taps)
    places, taps = "".join(letters[a] for a in grid.axes), "".join(term.letters[a] for a in grid.taps)
    seen = Term(cropped(x, grid, term.value.shape), letters)
    return _Windows(seen, places, taps, grid.steps, term.value.size)


def _matrices(builder: Builder, a: Value, b: Value, shape: Shape) -> Iterator[Product]:
    """A product of matrices, one of which is a reshaped array: by the axes of that array."""
    if a.ndim != 2 or b.ndim != 2:
        return
    for number, matrix in enumerate((a, b)):
        turned, letters = peeled(builder, Term(matrix, "01")), LETTERS
        made = builder.definition(turned.value, "reshape")
        if made is None:
            continue
        inner = Value(builder, made.operands[0])
        split = _split(inner.shape, turned.value.shape[0])
        if split is None:
            continue
        groups = {turned.letters[0]: letters[:split], turned.letters[1]: letters[split : inner.ndim]}
        lengths = dict(zip(letters, inner.shape, strict=False))
        free, summed = (groups["0"], groups["1"]) if number == 0 else (groups["1"], groups["0"])
        other, alone = (b, a)[number], letters[inner.ndim]
        lengths[alone] = other.shape[1 - number]
        straight = peeled(builder, Term(other, "01"))  # rows stay rows
        pattern = summed + alone if straight.letters[0] == str(number) else alone + summed
        parts = Term(reshape(straight.value, shape=tuple(lengths[c] for c in pattern)), pattern)
        term = Term(inner, letters[: inner.ndim])
        yield Product((term, parts), free + alone if number == 0 else alone + free, shape)


def _split(shape: Shape, first: int) -> int | None:
    """How many leading axes have `first` elements together."""
    return next((i for i in range(1, len(shape)) if prod(shape[:i]) == first), None)


def products_of(builder: Builder, name: str, operands: Sequence[Value], params: dict[str, Any]) -> Iterator[Product]:
    """What an equation adds up, in the ways in which it can be said."""
    if len(operands) != 2 or any(o.literal is not None for o in operands):
        return
    a, b = operands
    if a.dtype != b.dtype or a.dtype.kind not in "fc" or a.dtype.name == "float16" or -1 in (*a.shape, *b.shape):
        return
    if name == "sum":
        yield from _summed(a, b, **params)
        return
    shape = BY_NAME[name].infer(a.type, b.type, **params).shape
    if name == "matmul":
        yield from _matrices(builder, a, b, shape)
        return
    if name == "tensordot":
        left, right = params["axes"]
        first, rest = LETTERS[: a.ndim], iter(LETTERS[a.ndim :])
        second = "".join(first[left[right.index(i)]] if i in right else next(rest) for i in range(b.ndim))
        result = "".join(c for c in first + second if (c in first) != (c in second))
    else:
        inputs, _, result = params["subscripts"].partition("->")
        first, second = inputs.split(",")
        if any(len(set(s)) < len(s) for s in (first, second)) or a.ndim != len(first) or b.ndim != len(second):
            return
    yield Product((Term(a, first), Term(b, second)), result, shape)


def _summed(a: Value, b: Value, *, axis: Axis, keepdims: bool) -> Iterator[Product]:
    """The sum of elementwise products."""
    shape = broadcast_shapes(a.shape, b.shape)
    axes = normalize_axes(axis, len(shape))
    if keepdims:
        return
    result = "".join(LETTERS[i] for i in range(len(shape)) if i not in axes)
    terms = _aligned(a, len(shape)), _aligned(b, len(shape))
    if {*terms[0].letters, *terms[1].letters} == set(LETTERS[: len(shape)]):
        yield Product(terms, result, tuple(n for i, n in enumerate(shape) if i not in axes))


def _aligned(x: Value, ndim: int) -> Term:
    """An operand of a broadcast, without the axes of length 1 along which it is repeated."""
    letters = LETTERS[ndim - x.ndim : ndim]
    single = tuple(i for i, n in enumerate(x.shape) if n == 1)
    if not single:
        return Term(x, letters)
    kept = tuple(n for n in x.shape if n != 1)
    return Term(reshape(x, shape=kept), "".join(c for i, c in enumerate(letters) if i not in single))


def finished(value: Value, letters: Sequence[str], product: Product) -> Value:
    """The result of a convolution, whose axes have these letters, as that of the product."""
    kept = tuple(n for n, c in zip(value.shape, letters, strict=True) if c)
    value = value if kept == value.shape else reshape(value, shape=kept)
    found = Term(value, "".join(letters)).arranged(product.result)
    finished: Value = reshape(found, shape=product.shape) if found.shape != product.shape else found
    return finished


def _product_of_windows(builder: Builder, name: str, operands: Sequence[Value], params: dict[str, Any]) -> Value | None:
    for product in products_of(builder, name, operands, params):
        for term, other in (product.terms, product.terms[::-1]):
            windows = _windows(builder, term)
            if windows is None or windows.size < SMALL:
                continue
            if builder.level == 0 and windows.size * term.value.dtype.itemsize < blocks.LARGE:
                continue
            for made in (_convolved(windows, other, product), _kernel_gradient(windows, other, product)):
                if made is not None:
                    return made
    return None


def _convolved(windows: _Windows, w: Term, product: Product) -> Value | None:
    """The sum over the taps: a convolution of x with w."""
    result, rest = product.result, [c for c in windows.x.letters if c not in windows.places]
    batch = [c for c in rest if c in result and c not in w.letters]
    channel = [c for c in rest if c in w.letters and c not in result]
    made = [c for c in w.letters if c not in windows.x.letters + windows.taps]
    if set(windows.taps) - set(w.letters) or set(windows.taps) & set(result) or set(windows.places) & set(w.letters):
        return None
    if not (len(batch) < 2 and len(channel) < 2 and len(made) < 2 and len(batch) + len(channel) == len(rest)):
        return None
    n, c, o = "".join(batch), "".join(channel), "".join(made)
    if sorted(result) != sorted(n + o + windows.places):
        return None
    x = windows.x.arranged([n, c, *windows.places])
    y = convolve_channels(x, w.arranged([o, c, *windows.taps]), stride=windows.steps)
    return finished(y, [n, o, *windows.places], product)


def _kernel_gradient(windows: _Windows, dy: Term, product: Product) -> Value | None:
    """The sum over the places: the cotangent of the kernel, from that of the result."""
    result, rest = product.result, [c for c in windows.x.letters if c not in windows.places]
    batch = [c for c in rest if c in dy.letters and c not in result]
    channel = [c for c in rest if c in result and c not in dy.letters]
    made = [c for c in dy.letters if c not in windows.x.letters]
    if (
        set(windows.places) - set(dy.letters)
        or set(windows.places) & set(result)
        or set(windows.taps) & set(dy.letters)
    ):
        return None
    if not (len(batch) < 2 and len(channel) < 2 and len(made) < 2 and len(batch) + len(channel) == len(rest)):
        return None
    n, c, o = "".join(batch), "".join(channel), "".join(made)
    if sorted(result) != sorted(c + o + windows.taps):
        return None
    images, cotangents = windows.x.arranged([c, n, *windows.places]), dy.arranged([o, n, *windows.places])
    window = [_length(product, letter) for letter in windows.taps]
    sizes, places = images.shape[2:], cotangents.shape[2:]
    cut = tuple(
        (0, k - 1 + (m - 1) * step + 1 - size)
        for k, m, step, size in zip(window, places, windows.steps, sizes, strict=True)
    )
    dw = convolve_channels(images, cotangents, padding=cut, dilation=windows.steps)
    return finished(dw, [c, o, *windows.taps], product)


def _length(product: Product, letter: str) -> int:
    """The length of an axis."""
    return next(t.value.shape[t.letters.index(letter)] for t in product.terms if letter in t.letters)


def by_einsum(builder: Builder, *operands: Value, **params: Any) -> Value | None:
    """np.einsum of windows."""
    return _product_of_windows(builder, "einsum", operands, params)


def by_tensordot(builder: Builder, *operands: Value, **params: Any) -> Value | None:
    """np.tensordot of windows."""
    return _product_of_windows(builder, "tensordot", operands, params)


def by_matmul(builder: Builder, *operands: Value, **params: Any) -> Value | None:
    """A product of matrices, of which one is made of windows."""
    return _product_of_windows(builder, "matmul", operands, params)


def by_sum(builder: Builder, x: Value, **params: Any) -> Value | None:
    """np.sum of windows times a kernel."""
    made = builder.definition(x, "multiply")
    if made is None or not any(n > 1 for n in x.shape):
        return None
    return _product_of_windows(builder, "sum", [Value(builder, o) for o in made.operands], params)


def overlapping(
    builder: Builder, windows: Value, *, shape: Shape, axis: tuple[int, ...], step: tuple[int, ...] = ()
) -> Value | None:
    """The sum of overlapping windows that are products of a cotangent and a kernel: a convolution of these."""
    if -1 in windows.shape or windows.size < SMALL or len(set(axis)) < len(axis):
        return None
    outer = peeled(builder, Term(windows, LETTERS[: windows.ndim]))
    made = builder.definition(outer.value)
    if made is not None and made.op.name == "reshape":
        made = builder.definition(Value(builder, made.operands[0]), "matmul")
        terms = None if made is None else _unfolded(builder, outer, *(Value(builder, o) for o in made.operands))
    elif made is not None and made.op.name in ("einsum", "tensordot"):
        products = products_of(builder, made.op.name, [Value(builder, o) for o in made.operands], dict(made.params))
        terms = next((_renamed(product, outer.letters) for product in products), None)
    elif made is not None and made.op.name == "multiply" and all(isinstance(o, Var) for o in made.operands):
        a, b = (_aligned(Value(builder, o), windows.ndim) for o in made.operands)
        names = dict(zip(LETTERS, outer.letters, strict=False))
        terms = Term(a.value, "".join(names[c] for c in a.letters)), Term(b.value, "".join(names[c] for c in b.letters))
    else:
        terms = None
    if terms is None:
        return None
    letters = LETTERS[: windows.ndim]
    places, taps = "".join(letters[a] for a in axis), letters[len(shape) :]
    rest = [c for i, c in enumerate(letters[: len(shape)]) if i not in axis]
    for dy, w in (terms, terms[::-1]):
        if set(places) - set(dy.letters) or set(taps) - set(w.letters):
            continue
        summed = [c for c in dy.letters if c in w.letters]
        batch, channel = ([c for c in rest if c in t.letters] for t in (dy, w))
        if max(len(summed), len(batch), len(channel)) > 1 or len(dy.letters + w.letters) != len(
            {*letters, *summed}
        ) + len(summed):
            continue
        n, c, o = "".join(batch), "".join(channel), "".join(summed)
        if any(x in letters for x in summed):
            continue
        rotated = flip(w.arranged([c, o, *taps]), axis=tuple(range(2, 2 + len(taps))))
        cotangent, by = dy.arranged([n, o, *places]), step or (1,) * len(axis)
        around = tuple(
            (k - 1, shape[a] - (m - 1) * s - 1)
            for k, a, m, s in zip(rotated.shape[2:], axis, cotangent.shape[2:], by, strict=True)
        )
        dx = convolve_channels(cotangent, rotated, padding=around, spread=by)
        target = "".join(letters[: len(shape)])
        return finished(dx, [n, c, *places], Product((dy, w), target, shape))
    return None


def _unfolded(builder: Builder, outer: Term, a: Value, b: Value) -> tuple[Term, Term] | None:
    """The factors of a product of matrices, with the axes into which its result was reshaped."""
    split = _split(outer.value.shape, a.shape[0]) if a.ndim == b.ndim == 2 else None
    if split is None:
        return None
    row_letters = outer.letters[:split]
    unused = next(c for c in LETTERS if c not in outer.letters)
    names = {"0": row_letters, "1": unused, "2": outer.letters[split:]}
    lengths = {**dict(zip(outer.letters, outer.value.shape, strict=True)), unused: a.shape[1]}

    def split_up(matrix: Value, letters: str) -> Term:
        straight = peeled(builder, Term(matrix, letters))
        pattern = "".join(names[c] for c in straight.letters)
        return Term(reshape(straight.value, shape=tuple(lengths[c] for c in pattern)), pattern)

    return split_up(a, "01"), split_up(b, "12")


def _renamed(product: Product, letters: str) -> tuple[Term, Term]:
    """The factors, with these letters for the axes of the result."""
    names = dict(zip(product.result, letters, strict=True))
    unused = (c for c in LETTERS if c not in letters)
    for term in product.terms:
        for c in term.letters:
            if c not in names:
                names[c] = next(unused)
    first, second = (Term(t.value, "".join(names[c] for c in t.letters)) for t in product.terms)
    return first, second


RULES: dict[str, tuple[Rule, ...]] = {
    "einsum": (by_einsum,),
    "tensordot": (by_tensordot,),
    "matmul": (by_matmul,),
    "sum": (by_sum,),
    "overlap_add": (overlapping,),
    "overlap_add_apart": (overlapping,),
    "reshape": (reshape_again,),
    "transpose": (transpose_again, transpose_of_ones),
}


def convolve_windows(program: Program) -> Program:
    """The program with these rules wherever they match, but for what leads to a guard."""
    if not any(e.op.name in ("sliding_window_view", "overlap_add", "set_item") for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
