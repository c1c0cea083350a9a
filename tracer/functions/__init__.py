"""NumPy functions whose arguments need arranging before an operation answers them, by family."""

from . import (  # noqa: F401  (each enters its functions)
    alike,
    applying,
    arranging,
    borrowed,
    choosing,
    comparing,
    concatenators,
    converting,
    editing,
    facts,
    iterating,
    joining,
    linalg,
    listed,
    padding,
    polynomials,
    products,
    reducing,
    scipy_linalg,
    scipy_matrices,
    scipy_signal,
    scipy_stats,
    selecting,
    sorting,
    spacing,
    special,
    spectral,
    splitting,
    statistics,
    writing,
)
from .registry import FUNCTIONS, as_tracer, check_target, function

__all__ = ["FUNCTIONS", "as_tracer", "check_target", "function"]
