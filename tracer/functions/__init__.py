"""NumPy functions whose arguments need arranging before an operation answers them, by family; and those of SciPy.

A family of SciPy is imported when a trace starts and its library is there, or when one of its ufuncs is met.
"""

import importlib
import sys

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
    selecting,
    sorting,
    spacing,
    spectral,
    splitting,
    statistics,
    writing,
)
from .registry import FUNCTIONS, as_tracer, check_target, function

__all__ = ["FUNCTIONS", "OF_SCIPY", "as_tracer", "check_target", "function", "load_all", "load_imported"]

OF_SCIPY = {
    "special": "scipy.special",
    "scipy_linalg": "scipy.linalg",
    "scipy_matrices": "scipy.linalg",
    "scipy_signal": "scipy.signal",
    "scipy_stats": "scipy.stats",
}


def load_imported() -> None:
    """Enter the functions of the modules of SciPy that somebody has imported."""
    for family, library in OF_SCIPY.items():
        if library in sys.modules:
            importlib.import_module(f".{family}", __name__)


def load_all() -> None:
    """Enter the functions of all families."""
    for family in OF_SCIPY:
        importlib.import_module(f".{family}", __name__)
