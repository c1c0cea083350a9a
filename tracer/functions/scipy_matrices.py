"""Matrices that scipy.linalg makes of vectors and of other matrices: a choice of elements, and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import traced_creation
from ..refusals import refuse
from ..trace import Trace
from .borrowed import in_steps
from .libraries import arranged
from .registry import as_tracer


def _vector(trace: Trace, x: Any, name: str) -> Any:
    x = np.atleast_1d(as_tracer(trace, x))
    if x.ndim != 1:
        raise refuse(trace, f"scipy.linalg.{name} of a stack of vectors", "", "one call for each vector")
    return x


def windows(x: Any, n: int) -> Any:
    """Each n elements that follow each other, as rows."""
    return np.lib.stride_tricks.sliding_window_view(x, n, axis=-1)


@arranged("scipy.linalg", "toeplitz")
@in_steps
def toeplitz(trace: Trace, c: Any, r: Any = None) -> Any:
    """T[i, j] = c[i - j] on and below the diagonal, r[j - i] above."""
    c = _vector(trace, c, "toeplitz")
    r = np.conj(c) if r is None and np.iscomplexobj(c) else c if r is None else _vector(trace, r, "toeplitz")
    return windows(np.concatenate([c[::-1], r[1:]]), r.shape[0])[::-1].copy()


@arranged("scipy.linalg", "hankel")
@in_steps
def hankel(trace: Trace, c: Any, r: Any = None) -> Any:
    """H[i, j] = c[i + j], and r goes on below the other diagonal."""
    c = _vector(trace, c, "hankel")
    if r is None:
        return windows(np.pad(c, (0, c.shape[0] - 1)), c.shape[0]).copy()
    r = _vector(trace, r, "hankel")
    return windows(np.concatenate([c, r[1:]]), r.shape[0]).copy()


@arranged("scipy.linalg", "circulant")
@in_steps
def circulant(trace: Trace, c: Any) -> Any:
    """C[i, j] = c[i - j mod n]."""
    c = np.atleast_1d(as_tracer(trace, c))
    turned = c[..., ::-1]
    return windows(np.concatenate([turned, turned[..., :-1]], axis=-1), c.shape[-1])[..., ::-1, :].copy()


@arranged("scipy.linalg", "companion")
@in_steps
def companion(trace: Trace, a: Any) -> Any:
    a = _vector(trace, a, "companion")
    n = a.shape[0] - 1
    if n < 1:
        raise ValueError("The length of `a` along the last axis must be at least 2.")
    first = -a[1:] / (1.0 * a[0])
    return np.concatenate([first[None, :], traced_creation("eye", n - 1, n, dtype=first.dtype)])


@arranged("scipy.linalg", "block_diag")
@in_steps
def block_diag(trace: Trace, *arrs: Any) -> Any:
    blocks = [np.atleast_2d(as_tracer(trace, a)) for a in arrs]
    if any(b.ndim > 2 for b in blocks):
        raise refuse(trace, "scipy.linalg.block_diag of stacks of matrices", "", "one call for each of them")
    total = sum(b.shape[1] for b in blocks)
    rows, before = [], 0
    for block in blocks:
        after = total - before - block.shape[1]
        rows.append(np.pad(block, ((0, 0), (before, after))) if before or after else block)
        before += block.shape[1]
    return np.concatenate(rows) if len(rows) > 1 else rows[0]


@arranged("scipy.linalg", "kron")
@in_steps
def kron(trace: Trace, a: Any, b: Any) -> Any:
    return np.kron(as_tracer(trace, a), as_tracer(trace, b))


@arranged("scipy.linalg", "khatri_rao")
@in_steps
def khatri_rao(trace: Trace, a: Any, b: Any) -> Any:
    """Kronecker products of columns."""
    a, b = as_tracer(trace, a), as_tracer(trace, b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError("The both arrays should be 2-D, with the same number of columns.")
    product = a[:, None, :] * b[None, :, :]
    return np.reshape(product, (a.shape[0] * b.shape[0], a.shape[1]))


@arranged("scipy.linalg", "solve_toeplitz")
@in_steps
def solve_toeplitz(trace: Trace, c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """By Gaussian elimination, where SciPy uses Levinson's recursion."""
    matrix = toeplitz(trace, *c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(trace, c_or_cr)
    return np.linalg.solve(matrix, as_tracer(trace, b))
