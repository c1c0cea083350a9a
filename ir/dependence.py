"""Which elements of a result depend on which elements of an operand: one table, by the operation's name.

A link is a chain of boolean matrices whose product is the structure of the local jacobian, one row for each element of
the result, one column for each element of the operand, both in C order. Two thin factors stand for a block in which
everything depends on everything, so that it is never written out. The empty chain is the identity. An operation
without a rule is dense: each element of its results depends on every element of each operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np

from .op import Op
from .program import Atom, Equation
from .types import ArrayType, Shape, normalize_axes

Link = tuple[Any, ...]  # of csr_array
Numbers = np.ndarray[Any, Any]
LARGEST = 20_000_000  # pairs that are listed one by one; beyond that whole blocks are taken


class Step:
    """One equation as a rule sees it: the types, the params, and the operands whose values are known."""

    def __init__(self, equation: Equation, value: Callable[[Atom], Any], nonzero: Callable[[Atom], Any]) -> None:
        self.equation = equation
        self.params = equation.params
        self.types: tuple[ArrayType, ...] = tuple(o.type for o in equation.operands)
        self.out: ArrayType = equation.out.type
        self.asked = False  # whether the link depends on values
        self._value, self._nonzero = value, nonzero

    def value(self, k: int) -> Any:
        """The array that operand k is in this call, None if it varies with what is differentiated."""
        found = self._value(self.equation.operands[k])
        self.asked = self.asked or found is not None
        return found

    def nonzero(self, k: int) -> Numbers | None:
        """Where operand k is not zero in this call, None if nothing is known of it."""
        found: Numbers | None = self._nonzero(self.equation.operands[k])
        self.asked = self.asked or found is not None
        return found

    def indices(self, first: int) -> list[Any] | None:
        """The operands from `first` on, if all of them are known."""
        found = [self.value(k) for k in range(first, len(self.types))]
        return None if any(value is None for value in found) else found


Rule = Callable[[Step, int], "Link | None"]  # None: it does not depend on this operand
RULES: dict[str, Rule] = {}
R = TypeVar("R", bound=Callable[..., Any])


def rule(*names: str) -> Callable[[R], R]:
    """Enter one rule for the operations of these names."""

    def enter(function: R) -> R:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def link_of(op: Op) -> Rule:
    """The rule of an operation: its own, that of its kind, or dense."""
    if op.name in RULES:
        return RULES[op.name]
    if op.elementwise:
        return elementwise
    if op.rearranges:
        return moved
    return reduced if {"axis", "keepdims"} <= set(op.keywords) and not op.several else dense


# ------------------------------------------------------------------------------------------------------------- matrices


def size(shape: Shape) -> int:
    """The number of elements; of what a while loop keeps, those of one iteration."""
    return prod(n for n in shape if n >= 0)


def matrix(rows: Any, columns: Any, height: int, width: int) -> Any:
    """True at the pairs (rows, columns), which may repeat."""
    from scipy.sparse import csr_array

    rows, columns = np.ravel(rows), np.ravel(columns)
    made = csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(height, width))
    made.sum_duplicates()
    return made


def numbers(shape: Shape) -> Numbers:
    """The number of each element in C order."""
    return np.arange(size(shape)).reshape(shape)


def pairs(step: Step, k: int, rows: Any, columns: Any) -> Link:
    """Element rows[i] of the result depends on element columns[i] of operand k."""
    return (matrix(rows, columns, size(step.out.shape), size(step.types[k].shape)),)


def mixed(out: Shape, out_axes: Sequence[int], of: Shape, of_axes: Sequence[int]) -> Link:
    """Each element depends on all those that share its place on the other axes, which broadcast."""
    apart = [i for i in range(len(out)) if i not in out_axes]
    alike = [i for i in range(len(of)) if i not in of_axes]
    blocks = tuple(out[i] for i in apart)
    count = prod(blocks)
    results = numbers(out).transpose(*apart, *out_axes).reshape(count, prod(out[i] for i in out_axes))
    within = tuple(of[i] for i in of_axes)
    elements = numbers(of).transpose(*alike, *of_axes)
    elements = elements.reshape((1,) * (len(apart) - len(alike)) + tuple(of[i] for i in alike) + within)
    elements = np.broadcast_to(elements, blocks + within).reshape(count, prod(within))
    block = np.arange(count)[:, None]
    return (
        matrix(results, np.broadcast_to(block, results.shape), size(out), count),
        matrix(np.broadcast_to(block, elements.shape), elements, count, size(of)),
    )


# -------------------------------------------------------------------------------------------------------- every element


def dense(step: Step, k: int) -> Link:
    """Everything depends on everything."""
    height, width = size(step.out.shape), size(step.types[k].shape)
    return (
        matrix(np.arange(height), np.zeros(height, int), height, 1),
        matrix(np.zeros(width, int), np.arange(width), 1, width),
    )


def elementwise(step: Step, k: int, where: Any = True) -> Link:
    """Each element on its own, up to broadcasting; only where `where` holds."""
    shape, of = step.out.shape, step.types[k].shape
    if where is True and of == shape:
        return ()
    chosen = np.ravel(np.broadcast_to(where, shape))
    columns = np.ravel(np.broadcast_to(numbers(of), shape))
    return pairs(step, k, np.arange(size(shape))[chosen], columns[chosen])


@rule("multiply")
def product(step: Step, k: int) -> Link:
    """A factor that is zero hides the other."""
    other = step.nonzero(1 - k)
    return elementwise(step, k, True if other is None or other.all() else other)


@rule("divide")
def quotient(step: Step, k: int) -> Link:
    """A numerator that is zero hides the denominator."""
    numerator = step.nonzero(0) if k else None
    return elementwise(step, k, True if numerator is None or numerator.all() else numerator)


@rule("where")
def choice(step: Step, k: int) -> Link | None:
    """Both branches, unless the condition is known; of the condition nothing."""
    condition = step.nonzero(0)
    if condition is None:
        return elementwise(step, k)
    return elementwise(step, k, condition if k == 1 else ~condition)


# functions of several results, and parts of complex numbers
@rule("scipy_airy", "scipy_itj0y0", "scipy_iti0k0", "scipy_it2j0y0", "scipy_it2i0k0", "scipy_itairy", "scipy_pbdv")
@rule("scipy_pbvv", "scipy_pbwa", "scipy_sici", "scipy_shichi", "scipy_fresnel", "scipy_ellipj")
@rule("set_real", "set_imag")
def of_each_element(step: Step, k: int) -> Link:
    return elementwise(step, k)


@rule("sign", "imag")
def constant_for_reals(step: Step, k: int) -> Link | None:
    """Piecewise constant unless the operand is complex."""
    return elementwise(step, k) if step.types[k].dtype.kind == "c" else None


@rule("interp", "polyval")
def of_one_argument(step: Step, k: int) -> Link:
    """Elementwise in the argument, dense in the table or the coefficients."""
    return elementwise(step, k) if k == (step.equation.op.name == "polyval") else dense(step, k)


# ------------------------------------------------------------------------------------------------------ moved elements


@rule("pad", "tile", "repeat", "diagonal", "diagonal_matrix", "lower_triangle", "upper_triangle")
@rule("sliding_window_view")
def moved(step: Step, k: int, known: Sequence[Any] = ()) -> Link:
    """Where each element of the result comes from, learnt by moving the elements' numbers; 0 is from nowhere."""
    params = dict(step.params)
    if "constant_values" in params:
        params["constant_values"] = 0
    given = [np.zeros(t.shape, int) for t in step.types[: len(step.types) - len(known)]]
    given[k] = numbers(step.types[k].shape) + 1
    places = np.ravel(step.equation.op.fun(*given, *known, **params))
    rows = np.flatnonzero(places)
    return pairs(step, k, rows, places[rows] - 1)


@rule("getitem")
def read(step: Step, k: int) -> Link:
    """The elements at the index; all of them if the index varies."""
    index = step.indices(1)
    return dense(step, k) if index is None else moved(step, k, index)


@rule("set_item")
def written(step: Step, k: int) -> Link:
    """The new elements at the index and the old ones elsewhere."""
    index = step.indices(2)
    if index is None:
        return () if k == 0 else dense(step, k)
    return moved(step, k, index)


@rule("index_add")
def added(step: Step, k: int) -> Link:
    """The old elements, and those added at the index."""
    from .indexing import concrete_index

    if k == 0:
        return ()
    index = step.indices(2)
    if index is None:
        return dense(step, k)
    rows = numbers(step.out.shape)[concrete_index(step.params["index"], index)]
    return pairs(step, k, rows, np.broadcast_to(numbers(step.types[k].shape), rows.shape))


@rule("bincount")
def counted(step: Step, k: int) -> Link:
    """Each weight goes to its bin."""
    places = step.value(0)
    return dense(step, k) if places is None else pairs(step, k, places, np.arange(len(places)))


@rule("overlap_add")
def overlapping(step: Step, k: int) -> Link:
    """The elements that windows share collect theirs."""
    of, axis = step.types[k].shape, step.params["axis"]
    window = of[len(step.out.shape) :]
    rows = np.lib.stride_tricks.sliding_window_view(numbers(step.out.shape), window, axis)
    return pairs(step, k, rows, numbers(of))


@rule("diff")
def differences(step: Step, k: int) -> Link:
    """n + 1 neighbours."""
    x, n, axis = step.types[k], step.params["n"], step.params["axis"] % step.types[k].ndim
    places = np.moveaxis(numbers(x.shape), axis, 0)
    count = step.out.shape[axis]
    rows = np.moveaxis(numbers(step.out.shape), axis, 0)
    columns = [places[i : i + count] for i in range(n + 1)] if count else [places[:0]]
    return pairs(step, k, np.stack([rows] * len(columns)), np.stack(columns))


@rule("padded_diff")
def padded_differences(step: Step, k: int) -> Link:
    """n + 1 neighbours, of which those beyond the ends are zeros."""
    x, n, axis = step.types[k], step.params["n"], step.params["axis"]
    places = np.moveaxis(numbers(x.shape), axis, 0)
    rows = np.moveaxis(numbers(step.out.shape), axis, 0)
    count = x.shape[axis]
    return pairs(step, k, np.stack([rows[i : i + count] for i in range(n + 1)]), np.stack([places] * (n + 1)))


@rule("linspace", "geomspace")
def spaced(step: Step, k: int) -> Link:
    """A new axis, along which everything depends on both ends."""
    axis = step.params["axis"] % step.out.ndim
    return mixed(step.out.shape, (axis,), step.types[k].shape, ())


# --------------------------------------------------------------------------------------------------- along some axes


def reduced(step: Step, k: int) -> Link:
    """One element of all those along the axes."""
    x, out = step.types[k], step.out
    if k and x.shape != step.types[0].shape:
        return dense(step, k)
    axes = normalize_axes(step.params["axis"], x.ndim)
    kept = out.ndim - (x.ndim - len(axes))  # axes that stay with length 1, or those of several quantiles in front
    if kept == len(axes) and step.params["keepdims"] and out.ndim == x.ndim:
        return mixed(out.shape, axes, x.shape, axes)
    return mixed(out.shape, tuple(range(kept)), x.shape, axes) if not step.params["keepdims"] else dense(step, k)


@rule("trace")
def traced(step: Step, k: int) -> Link:
    """The sum of a diagonal."""
    chosen = np.diagonal(numbers(step.types[k].shape), *(step.params[p] for p in ("offset", "axis1", "axis2")))
    return pairs(step, k, np.broadcast_to(numbers(step.out.shape)[..., None], chosen.shape), chosen)


@rule("sort", "partition", "scipy_softmax", "scipy_log_softmax", "scipy_dct", "scipy_idct", "scipy_dst", "scipy_idst")
@rule("fft", "ifft", "rfft", "ihfft", "irfft", "hfft", "fftn", "ifftn", "rfftn", "irfftn")
@rule("scipy_fft", "scipy_ifft", "scipy_rfft", "scipy_ihfft", "scipy_irfft", "scipy_hfft")
@rule("scipy_fftn", "scipy_ifftn", "scipy_rfftn", "scipy_irfftn", "others_product")
def along(step: Step, k: int) -> Link:
    """Each line along the axes is mixed with itself."""
    shape = step.types[k].shape
    axes = normalize_axes(step.params["axes" if "axes" in step.params else "axis"], len(shape))
    return mixed(step.out.shape, axes, shape, axes) if len(shape) == step.out.ndim else dense(step, k)


@rule("cumsum", "cumprod", "accumulate", "running")
def cumulative(step: Step, k: int) -> Link:
    """Each element on those before it along the axis, or behind it: in strides of 1, 2, 4 ... (Hillis and Steele)."""
    shape, axis = step.types[k].shape, step.params["axis"]
    places = np.ravel(numbers(shape)) if axis is None else np.moveaxis(numbers(shape), axis, 0)
    back = step.params.get("backwards", False)
    places = places[::-1] if back else places
    links: list[Any] = []
    stride = 1
    while stride < len(places):
        rows, columns = (np.concatenate([np.ravel(places), np.ravel(p)]) for p in (places[stride:], places[:-stride]))
        links += pairs(step, k, rows, columns)
        stride *= 2
    if step.equation.op.name == "running" and k == 0:  # a[i] leads from i - 1 to i, backwards from i to i - 1
        rows, columns = (places[1:], places[:-1]) if back else (places[1:], places[1:])
        links += pairs(step, k, rows, columns)
    return tuple(links)


@rule("cholesky", "inv", "pinv", "det", "qr_triangle", "svdvals", "eigvalsh", "eigvals", "scipy_expm")
@rule("scipy_logm", "scipy_sqrtm", "scipy_lu_factor")
def by_matrix(step: Step, k: int) -> Link:
    """Each matrix of a stack by itself."""
    lead = step.types[k].shape[:-2]
    if step.out.shape[: len(lead)] != lead:
        return dense(step, k)
    behind = range(len(lead), step.out.ndim)
    return mixed(step.out.shape, tuple(behind), step.types[k].shape, (len(lead), len(lead) + 1))


@rule("vander")
def powers(step: Step, k: int) -> Link:
    """A row of powers for each element."""
    return mixed(step.out.shape, (step.out.ndim - 1,), step.types[k].shape, ())
