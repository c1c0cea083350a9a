"""Operands and params for the operations of scipy.linalg and scipy.signal."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples_fft import HAS_SCIPY
from samples_linalg import positive, regular


def scipy_operations(Sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    """One table of differentiable operations; without SciPy they have no samples."""
    table = linear(Sample, numbers, complexes, each) | signals(Sample, numbers, complexes, each)
    return table if HAS_SCIPY else {name: [] for name in table}


def linear(Sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    square, stack, z = regular(numbers, 3, 3), regular(numbers, 2, 3, 3, seed=1), regular(complexes, 3, 3)
    pivots = np.array([1, 1, 2], np.int32)
    matrices = [Sample((a,)) for a in (square, stack, z, regular(numbers, 1, 1))]
    systems = (
        *((square, numbers(3)), (square, numbers(3, 2)), (stack, numbers(2, 3, 2)), (stack, numbers(3))),
        *((square, numbers(2, 3, 2)), (z, complexes(3, seed=4)), (z, numbers(3, 2)), (square, complexes(3, 2))),
    )
    small, plane = 0.4 * square, np.array([[0.3, 0.7], [-0.2, 0.4]])
    return {
        "scipy_solve_triangular": [
            Sample(pair, {"trans": trans, "lower": lower, "unit_diagonal": unit})
            for pair in systems
            for trans, lower, unit in ((0, False, False), (1, True, False), (0, True, True), (2, False, True))
        ],
        "scipy_cho_solve": [Sample(pair, {"lower": lower}) for pair in systems for lower in (False, True)],
        "scipy_lu": [*matrices, *(Sample((x,)) for x in (numbers(2, 4), numbers(4, 2), complexes(2, 3)))],
        "scipy_lu_factor": matrices,
        "scipy_lu_solve": [
            Sample((a, b, pivots), {"trans": trans})
            for a, b in ((square, numbers(3)), (square, numbers(3, 2)), (z, complexes(3, seed=4)), (z, numbers(3, 2)))
            for trans in (0, 1)
        ],
        "scipy_eigh": [
            *each(regular(numbers, 2, 2), lower=(True, False)),  # of larger ones LAPACK's signs leap (driver "evr")
            Sample((square, positive(numbers, 3, 3))),
            Sample((square, positive(numbers, 3, 3)), {"lower": False}),
        ],
        "scipy_expm": [Sample((x,)) for x in (small, 0.4 * stack, 0.4 * z, numbers(1, 1))],
        "scipy_expm_frechet": [Sample((small, direction)) for direction in (square, z)],
        "scipy_logm": [Sample((square,), {"is_complex": False}, order=1), Sample((z,), {"is_complex": True}, order=1)],
        "scipy_sqrtm": [Sample((square,), {"is_complex": False}), Sample((z,), {"is_complex": True})],
        "scipy_solve_sylvester": [
            Sample((square, plane, numbers(3, 2))),
            Sample((z, square, complexes(3, 3))),
        ],
    }


def signals(Sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    line, short, even, wave = numbers(6, seed=1), numbers(3, seed=2), numbers(4, seed=3), complexes(4)
    plane, window, wide = numbers(4, 3, seed=4), numbers(2, 3, seed=5), numbers(5, 4, seed=6)
    modes = ("full", "same", "valid")
    lines = [(line, short), (line, even), (even, line), (wave, short), (short, wave), (wave, complexes(3, seed=8))]
    planes = [(plane, window), (plane, wide), (plane, numbers(3, 3))]
    both = [Sample(pair, {"mode": mode}) for pair in lines + planes for mode in modes]
    along = [Sample((plane, numbers(1, 2)), {"mode": mode, "axes": (1,)}) for mode in modes]
    along += [Sample((plane, numbers(2, 3)), {"mode": mode, "axes": (0,)}) for mode in modes]
    methods = each(line, short, method=("direct", "fft"))
    recursive = np.array([2.0, 0.5, -0.3])
    return {
        "scipy_convolve": both + methods,
        "scipy_correlate": both + methods,
        "scipy_convolve2d": [Sample(pair, {"mode": mode}) for pair in planes for mode in modes],
        "scipy_correlate2d": [Sample(pair, {"mode": mode}) for pair in planes for mode in modes],
        "scipy_fftconvolve": both + along,
        "scipy_oaconvolve": both[:6] + along,
        "scipy_lfilter": [
            *(Sample((b, recursive, x)) for b in (short, numbers(1)) for x in (line, wave, numbers(2))),
            *(Sample((short, recursive[:1], x), {"axis": axis}) for x in (plane,) for axis in (0, 1)),
            Sample((short, recursive, numbers(2, 4, 2)), {"axis": 1}),
        ],
    }
