"""NumPy functions whose arguments need arranging before an operation answers them, by family."""

from . import alike, arranging, borrowed, facts, joining, products, selecting  # noqa: F401  (each enters its functions)
from .registry import FUNCTIONS, as_tracer, function

__all__ = ["FUNCTIONS", "as_tracer", "function"]
