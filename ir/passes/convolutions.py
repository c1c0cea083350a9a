"""Convolutions, in whatever way they are written, as the products of matrices that are fastest in NumPy."""

from __future__ import annotations

from ..program import Program
from .gathered_windows import view_gathered_windows
from .image_columns import multiply_columns
from .scipy_convolutions import multiply_instead_of_scipy
from .taps import convolve_taps
from .window_products import convolve_windows


def write_convolutions(program: Program) -> Program:
    """The program with sums over taps and products of windows as convolutions, and these as products with columns."""
    for run in (view_gathered_windows, multiply_instead_of_scipy, convolve_taps, convolve_windows, multiply_columns):
        program = run(program)
    return program
