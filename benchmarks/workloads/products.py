"""A contraction of four tensors, and sums over the edges of a graph."""

from __future__ import annotations

import numpy as np

from .workload import Workload


def contraction(a, b, c, d):
    return np.sum(np.einsum("pi,ijk,jl,klq->pq", a, b, c, d, optimize=True) ** 2)


def contraction_best(a, b, c, d):
    """One matrix product for each pair, in both directions, on a layout where none needs a copy but b's."""
    (p, i), (_, j, k) = a.shape, b.shape
    turned = b.transpose(0, 2, 1).reshape(i, k * j)
    first = a @ turned  # p, k j
    second = first.reshape(p * k, j) @ c  # p k, l
    flat = d.reshape(-1, d.shape[2])
    out = second.reshape(p, -1) @ flat
    value = np.vdot(out, out)
    out *= 2
    dd = second.reshape(p, -1).T @ out
    dsecond = (out @ flat.T).reshape(p * k, -1)
    dc = first.reshape(p * k, j).T @ dsecond
    dfirst = (dsecond @ c.T).reshape(p, k * j)
    db = (a.T @ dfirst).reshape(i, k, j).transpose(0, 2, 1)
    return value, (dfirst @ turned.T, db, dc, dd.reshape(d.shape))


def contraction_naive(a, b, c, d):
    out = np.einsum("pi,ijk,jl,klq->pq", a, b, c, d, optimize=True)
    dout = 2 * out
    da = np.einsum("pq,ijk,jl,klq->pi", dout, b, c, d, optimize=True)
    db = np.einsum("pq,pi,jl,klq->ijk", dout, a, c, d, optimize=True)
    dc = np.einsum("pq,pi,ijk,klq->jl", dout, a, b, d, optimize=True)
    dd = np.einsum("pq,pi,ijk,jl->klq", dout, a, b, c, optimize=True)
    return np.sum(out**2), (da, db, dc, dd)


def messages(nodes, strengths, source, target):
    sums = np.zeros_like(nodes)
    np.add.at(sums, target, nodes[source] * strengths[:, None])
    return np.sum(np.tanh(sums) ** 2)


def sum_by(index, rows, n):
    """The sums of the rows with the same index: the first ones of all, then the second ones, and so on.

    Sorted, so that each round adds to the head of an array of sums; 16 bits are sorted by radix.
    """
    order = np.argsort(index.astype(np.uint16) if n <= 65536 else index, kind="stable")
    counts = np.bincount(index, minlength=n)
    starts = np.cumsum(counts) - counts
    largest = np.argsort(-counts, kind="stable")
    starts, counts = starts[largest], -counts[largest]
    sums = np.zeros((n, *rows.shape[1:]), rows.dtype)
    for k in range(-counts[0]):
        m = np.searchsorted(counts, -k)
        sums[:m] += rows[order[starts[:m] + k]]
    out = np.empty_like(sums)
    out[largest] = sums
    return out


def messages_best(nodes, strengths, source, target):
    sent = nodes[source]
    sums = sum_by(target, sent * strengths[:, None], len(nodes))
    np.tanh(sums, out=sums)
    squares = sums * sums
    value = squares.sum()
    np.subtract(1, squares, out=squares)
    sums *= squares
    sums *= 2
    dsent = sums[target]
    dstrengths = np.vecdot(sent, dsent)
    dsent *= strengths[:, None]
    return value, (sum_by(source, dsent, len(nodes)), dstrengths)


def messages_naive(nodes, strengths, source, target):
    sums = np.zeros_like(nodes)
    sent = nodes[source]
    np.add.at(sums, target, sent * strengths[:, None])
    y = np.tanh(sums)
    dsent = (2 * y * (1 - y**2))[target]
    dnodes = np.zeros_like(nodes)
    np.add.at(dnodes, source, dsent * strengths[:, None])
    return np.sum(y**2), (dnodes, np.sum(dsent * sent, axis=1))


def messages_arguments(random, nodes, width, edges):
    ends = random.integers(0, nodes, (2, edges))
    return random.normal(size=(nodes, width)), random.normal(size=edges) / 4, *ends


WORKLOADS = [
    Workload(
        "contraction",
        "einsum of four tensors of 48",
        contraction,
        contraction_best,
        contraction_naive,
        lambda random, n: tuple(random.normal(size=(n,) * d) / n ** (d / 2) for d in (2, 3, 2, 3)),
        {"n": 48},
        {"n": 3},
        count=4,
        blas=True,
    ),
    Workload(
        "messages",
        "gather and scatter, 20,000 edges of 2,000 nodes, 32 wide",
        messages,
        messages_best,
        messages_naive,
        messages_arguments,
        {"nodes": 2000, "width": 32, "edges": 20_000},
        {"nodes": 4, "width": 3, "edges": 12},
        count=2,
    ),
]
