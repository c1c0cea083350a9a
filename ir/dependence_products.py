"""Products and convolutions: a zero of a factor that is known is a zero of the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .dependence import LARGEST, Link, Step, dense, elementwise, matrix, mixed, numbers, pairs, rule, size
from .types import Shape

Labels = tuple[Any, ...]  # one for each axis, as the letters of einsum


def multiplied(step: Step, k: int, out: Labels, terms: Sequence[Labels]) -> Link:
    """A sum of products, by the labels of its axes."""
    for other in range(len(terms)):
        mask = step.nonzero(other) if other != k else None
        if mask is not None and not mask.all():
            link = _with_known(step, k, out, terms[k], terms[other], mask)
            if link is not None:
                return link
    return _by_shared(step, k, out, terms[k])


def _sizes(labels: Labels, shape: Shape) -> dict[Any, int]:
    """The lengths of the labels; an axis of length 1 broadcasts and tells nothing."""
    return {label: n for label, n in zip(labels, shape, strict=True) if n != 1}


def _place(labels: Labels, shape: Shape, index: dict[Any, Any]) -> Any:
    """The number of the element with these indices."""
    place: Any = 0
    for label, n in zip(labels, shape, strict=True):
        place = place * n + (index[label] if n != 1 else 0)
    return place


def _grid(sizes: dict[Any, int]) -> dict[Any, Any]:
    """Every combination of the labels' indices, one flat array for each label."""
    shape = tuple(sizes.values())
    return dict(zip(sizes, np.indices(shape).reshape(len(shape), prod(shape)), strict=True))


def _by_shared(step: Step, k: int, out: Labels, term: Labels) -> Link:
    """Each element on those with the same indices of the labels that both have."""
    result, operand = _sizes(out, step.out.shape), _sizes(term, step.types[k].shape)
    shared = {label: n for label, n in result.items() if label in operand}
    order = tuple(shared)
    count = prod(shared.values())
    links = []
    for labels, shape, sizes in ((out, step.out.shape, result), (term, step.types[k].shape, operand)):
        index = _grid(sizes)
        place = np.broadcast_to(_place(labels, shape, index), prod(sizes.values()))
        block = np.broadcast_to(_place(order, tuple(shared.values()), index), prod(sizes.values()))
        links.append((block, place))
    (blocks, results), (groups, elements) = links
    return (
        matrix(results, blocks, size(step.out.shape), count),
        matrix(groups, elements, count, size(step.types[k].shape)),
    )


def _with_known(step: Step, k: int, out: Labels, term: Labels, known: Labels, mask: Any) -> Link | None:
    """As above, through the elements of another factor that are not zero; None if they are too many to list."""
    given: dict[Any, Any] = {}
    where = np.ones(np.count_nonzero(mask), bool)
    for label, n, index in zip(known, mask.shape, np.nonzero(mask), strict=True):
        if label in given:
            where &= given[label] == index
        if n != 1:
            given[label] = index
    sizes = {**_sizes(out, step.out.shape), **_sizes(term, step.types[k].shape)}
    free = {label: n for label, n in sizes.items() if label not in given}
    if len(where) * prod(free.values()) > LARGEST:
        return None
    at = {label: index[where, None] for label, index in given.items()} | _grid(free)
    shape = (int(where.sum()), prod(free.values()))
    rows = np.broadcast_to(_place(out, step.out.shape, at), shape)
    columns = np.broadcast_to(_place(term, step.types[k].shape, at), shape)
    return pairs(step, k, rows, columns)


@rule("matmul")
def matrix_product(step: Step, k: int) -> Link:
    a, b = (t.ndim for t in step.types)
    batch = tuple(range(max(a, b) - 2)) if max(a, b) > 2 else ()
    rows, columns = ("row",) * (a > 1), ("column",) * (b > 1)
    left = (*batch[len(batch) - (a - 2) :], "row", "inner") if a > 1 else ("inner",)
    right = (*batch[len(batch) - (b - 2) :], "inner", "column") if b > 1 else ("inner",)
    return multiplied(step, k, (*batch, *rows, *columns), (left, right))


@rule("outer")
def outer_product(step: Step, k: int) -> Link:
    rows, columns = (numbers(step.out.shape) // max(step.out.shape[1], 1), numbers(step.out.shape))
    columns = rows if k == 0 else columns % max(step.out.shape[1], 1)
    other = step.nonzero(1 - k)
    if other is None:
        return pairs(step, k, numbers(step.out.shape), columns)
    chosen = np.broadcast_to(np.ravel(other)[:, None] if k == 1 else np.ravel(other), step.out.shape)
    return pairs(step, k, numbers(step.out.shape)[chosen], columns[chosen])


@rule("tensordot")
def tensor_product(step: Step, k: int) -> Link:
    left, right = step.params["axes"]
    a: list[Any] = [("a", i) for i in range(step.types[0].ndim)]
    b: list[Any] = [("b", i) for i in range(step.types[1].ndim)]
    for i, j in zip(left, right, strict=True):
        b[j] = a[i]
    out = [label for i, label in enumerate(a) if i not in left] + [label for j, label in enumerate(b) if j not in right]
    return multiplied(step, k, tuple(out), (tuple(a), tuple(b)))


@rule("einsum")
def einstein_sum(step: Step, k: int) -> Link:
    inputs, output = step.params["subscripts"].split("->")
    return multiplied(step, k, tuple(output), [tuple(term) for term in inputs.split(",")])


@rule("vecdot", "matvec", "vecmat")
def vector_product(step: Step, k: int) -> Link:
    """The leading axes broadcast."""
    name = step.equation.op.name
    cores = {"vecdot": ("i", "i", ""), "matvec": ("ji", "i", "j"), "vecmat": ("i", "ij", "j")}[name]
    lead = step.out.ndim - len(cores[2])
    terms = [(*range(lead - (t.ndim - len(core)), lead), *core) for t, core in zip(step.types, cores[:2], strict=True)]
    return multiplied(step, k, (*range(lead), *cores[2]), terms)


@rule("cross")
def cross_product(step: Step, k: int) -> Link:
    """Each component on the two others."""
    out = numbers(step.out.shape)
    elements = np.broadcast_to(numbers(step.types[k].shape), step.out.shape)
    return pairs(step, k, np.stack([out, out]), np.stack([np.roll(elements, 1, -1), np.roll(elements, 2, -1)]))


# ---------------------------------------------------------------------------------------------------------- convolution


@rule("convolve", "correlate")
def convolved(step: Step, k: int) -> Link:
    """Element j of the first and t of the second meet at j + t; in a correlation at j - t."""
    (a,), (v,) = (t.shape for t in step.types)
    mode, short = step.params["mode"], min(a, v)
    correlation = step.equation.op.name == "correlate"
    start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
    if correlation and mode == "same" and a < v:
        start = a + v - 1 - start - v
    j, t = np.indices((a, v))
    rows = (j - t + v - 1 if correlation else j + t) - start
    used = (rows >= 0) & (rows < step.out.shape[0])
    other = step.nonzero(1 - k)
    if other is not None:
        used &= other[:, None] if k else other
    return pairs(step, k, rows[used], (t if k else j)[used])


@rule("convolution")
def channels(step: Step, k: int) -> Link:
    """A window of each channel of the group, for each channel of the result."""
    x, w = step.types
    d, (n, o), groups = x.ndim - 2, step.out.shape[:2], step.params["groups"]
    inner, kernel, out = w.shape[1], w.shape[2:], step.out.shape[2:]
    if n * o * inner * prod(kernel) * prod(out) > LARGEST:
        return mixed(step.out.shape, range(1, d + 2), x.shape, range(1, d + 2)) if k == 0 else dense(step, k)
    windows = _windows(step, numbers(x.shape) + 1).reshape(n, groups, 1, inner, *out, *kernel)
    whole = (n, groups, o // groups, inner, *out, *kernel)
    rows = np.broadcast_to(numbers(step.out.shape).reshape(n, groups, o // groups, 1, *out, *(1,) * d), whole)
    by_kernel = (1, groups, o // groups, inner, *(1,) * d, *kernel)
    used = np.broadcast_to(windows > 0, whole)
    other = step.nonzero(1 - k)
    if other is not None:
        seen = other.reshape(by_kernel) if k == 0 else _windows(step, other.astype(int)).reshape(windows.shape) > 0
        used = used & seen
    columns = windows - 1 if k == 0 else numbers(w.shape).reshape(by_kernel)
    return pairs(step, k, rows[used], np.broadcast_to(columns, whole)[used])


def _windows(step: Step, x: Any) -> Any:
    """x[n, c, out..., kernel...]: what the kernel lies over, zeros around the array."""
    d, kernel = x.ndim - 2, step.types[1].shape[2:]

    def each(name: str) -> tuple[Any, ...]:
        given = step.params[name]
        return given if isinstance(given, tuple) else (given,) * d

    sides = step.params["padding"]
    sides = sides if isinstance(sides, tuple) else ((sides, sides),) * d
    for i, (stride, between, apart, (low, high)) in enumerate(
        zip(each("stride"), each("spread"), each("dilation"), sides, strict=True)
    ):
        axis = 2 + i
        length = (x.shape[axis] - 1) * between + 1
        x = np.moveaxis(x, axis, 0)
        placed = np.zeros((max(low, 0) + length + max(high, 0), *x.shape[1:]), int)
        placed[max(low, 0) : max(low, 0) + length : between] = x
        placed = placed[max(-low, 0) : len(placed) - max(-high, 0)]
        first = np.arange(step.out.shape[axis])[:, None] * stride
        x = np.moveaxis(placed[first + np.arange(kernel[i]) * apart], (0, 1), (axis, x.ndim))
    return x


__all__ = ["channels", "convolved", "elementwise", "multiplied"]
