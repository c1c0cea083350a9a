"""Every operation, one file per family. Importing this package enters NumPy's; SciPy's are entered when one is needed.

A family of `OF_SCIPY` is imported by the arrangement in tracer/functions that answers with its operations, or when
BY_NAME lacks a name. Whoever lists the operations calls `load_all` first.
"""

import importlib

from . import (
    binning,
    blocks,
    calls,
    columns,
    compositions,
    convolution,
    cumulative,
    custom,
    decompositions,
    diagonals,
    effects,
    elementwise,
    extremes_at,
    fft,
    image_columns,
    indexing,
    linalg,
    linear,
    loops,
    masks,
    membership,
    norms,
    padding,
    pairs,
    parts,
    polynomials,
    products,
    quantiles,
    reduction,
    rounding,
    rounds,
    selection,
    shape,
    sorting,
    spacing,
    statistics,
    triangular,
    windows,
)

OF_SCIPY = (
    "cosine",
    "scipy_linalg",
    "signal",
    "special",
    "special_bessel",
    "special_distributions",
    "special_error",
    "special_gamma",
    "special_integrals",
    "special_reductions",
)


def load_all() -> None:
    """Enter the operations of all families."""
    for family in OF_SCIPY:
        importlib.import_module(f".{family}", __name__)


__all__ = [
    "OF_SCIPY",
    "binning",
    "blocks",
    "calls",
    "columns",
    "compositions",
    "convolution",
    "cumulative",
    "custom",
    "decompositions",
    "diagonals",
    "effects",
    "elementwise",
    "extremes_at",
    "fft",
    "image_columns",
    "indexing",
    "linalg",
    "linear",
    "load_all",
    "loops",
    "masks",
    "membership",
    "norms",
    "padding",
    "pairs",
    "parts",
    "polynomials",
    "products",
    "quantiles",
    "reduction",
    "rounding",
    "rounds",
    "selection",
    "shape",
    "sorting",
    "spacing",
    "statistics",
    "triangular",
    "windows",
]
