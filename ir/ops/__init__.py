"""Every operation, one file per family. Importing this package fills the registry."""

from . import compositions, convolution, effects, elementwise, indexing, linear, loops, masks, reduction, shape

__all__ = [
    "compositions",
    "convolution",
    "effects",
    "elementwise",
    "indexing",
    "linear",
    "loops",
    "masks",
    "reduction",
    "shape",
]
