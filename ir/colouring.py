"""Colouring: which columns of a sparse matrix may share one product.

Columns that have no row in common may; each group is a colour, and every element of the matrix is read off directly
from the product with the sum of a group (Curtis, Powell and Reid, 1974).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Colours = np.ndarray[Any, np.dtype[np.intp]]


def colour_columns(pattern: Any) -> Colours:
    """A colour for each column of a boolean csr_array, so that no row has two columns of one colour.

    Greedy, in the order of the columns and in that of their degrees, the largest first (Gebremedhin, Manne and
    Pothen, What Color Is Your Jacobian?, SIAM Review 47, 2005, section 3.2): whichever takes fewer.
    """
    by_column = pattern.tocsc()
    starts, rows = by_column.indptr.tolist(), by_column.indices.tolist()
    in_order = _greedy(range(pattern.shape[1]), starts, rows, pattern.shape[0])
    if not rows or in_order.max() + 1 == np.diff(pattern.indptr).max():  # a row's elements all need their own
        return in_order
    shared = pattern.astype(np.int64)
    degrees = shared.T @ np.diff(pattern.indptr)
    by_degree = _greedy(np.argsort(-degrees, kind="stable").tolist(), starts, rows, pattern.shape[0])
    return by_degree if by_degree.max() < in_order.max() else in_order


def _greedy(order: Any, starts: list[int], rows: list[int], height: int) -> Colours:
    """The first colour that is free; the colours used in each row are the bits of a number."""
    used = [0] * height
    colours = np.zeros(len(starts) - 1, np.intp)
    for column in order:
        touched = rows[starts[column] : starts[column + 1]]
        taken = 0
        for row in touched:
            taken |= used[row]
        free = ~taken & (taken + 1)
        colours[column] = free.bit_length() - 1
        for row in touched:
            used[row] |= free
    return colours


def colour_symmetric(pattern: Any) -> Colours:
    """A star colouring of a symmetric pattern: each element can be read off at its own place or at the mirrored one.

    Neighbours differ, and every path of four vertices has three colours (Coleman and More, 1984; greedily as in
    Gebremedhin, Manne and Pothen, 2005, algorithm 4.1), in whichever of two orders takes fewer colours.
    """
    starts, neighbours = pattern.indptr.tolist(), pattern.indices.tolist()
    orders = (range(pattern.shape[0]), np.argsort(-np.diff(pattern.indptr), kind="stable").tolist())
    found = [_star(order, starts, neighbours) for order in orders]
    return min(found, key=lambda colours: int(colours.max(initial=-1)))


def _star(order: Any, starts: list[int], neighbours: list[int]) -> Colours:
    """Sets of colours are the bits of numbers.

    A vertex takes no colour of a neighbour, none that is `around` a neighbour without colour, and none that is
    `blocked` at one with: those of its neighbours that have a second neighbour of its colour.
    """
    n = len(starts) - 1
    own, around, blocked = [0] * n, [0] * n, [0] * n
    first: list[dict[int, int]] = [{} for _ in range(n)]  # of each colour, a neighbour that has it
    colours = np.zeros(n, np.intp)
    for v in order:
        near = [w for w in neighbours[starts[v] : starts[v + 1]] if w != v]
        taken = around[v]
        for w in near:
            taken |= blocked[w] if own[w] else around[w]
        free = ~taken & (taken + 1)
        own[v] = free
        colours[v] = free.bit_length() - 1
        for x in near:
            around[x] |= free
            other = first[x].setdefault(free, v)
            if other != v and own[x]:
                blocked[v] |= own[x]
                blocked[other] |= own[x]
    return colours


def read_directly(pattern: Any, rows: Any, colours: Colours) -> Any:
    """For each element whether no other of its row has the colour of its column."""
    own = colours[pattern.indices]
    keys = rows * (int(colours.max(initial=0)) + 1) + own
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[inverse] == 1
