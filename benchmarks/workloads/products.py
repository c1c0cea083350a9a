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


def add_pairs(sums, places, rows):
    """np.add.at for rows, two floats at a time as one complex number: quick only with one line of numbers."""
    dtype = np.result_type(rows, np.complex64)
    np.add.at(sums.view(dtype).ravel(), places.ravel(), rows.view(dtype).ravel())


def messages_best(nodes, strengths, source, target):
    """In blocks of edges that stay in the cache; what is sent is gathered again rather than kept."""
    step = 512
    blocks = [slice(k, k + step) for k in range(0, len(strengths), step)]
    sums = np.zeros_like(nodes)
    places = np.arange(nodes.size // 2).reshape(len(nodes), -1)
    for edges in blocks:
        sent = nodes.take(source[edges], axis=0)
        sent *= strengths[edges, None]
        add_pairs(sums, places.take(target[edges], axis=0), sent)
    np.tanh(sums, out=sums)
    squares = sums * sums
    value = squares.sum()
    np.subtract(1, squares, out=squares)
    sums *= squares
    sums *= 2
    dnodes, dstrengths = np.zeros_like(nodes), np.empty_like(strengths)
    for edges in blocks:
        dsent = sums.take(target[edges], axis=0)
        np.vecdot(nodes.take(source[edges], axis=0), dsent, out=dstrengths[edges])
        dsent *= strengths[edges, None]
        add_pairs(dnodes, places.take(source[edges], axis=0), dsent)
    return value, (dnodes, dstrengths)


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
        {"nodes": 4, "width": 2, "edges": 12},
        count=2,
    ),
]
