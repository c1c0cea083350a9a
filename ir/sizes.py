"""From which size on something pays, or up to which, also for lengths in symbols, of which no number is known."""

from __future__ import annotations

from .dims import Dim
from .types import ArrayType

FEW = 10_000  # elements of a small array: beyond, the elements take longer than the call


def reaches(count: int, bound: int) -> bool:
    """Whether there are so many elements, or rows; a length in symbols is taken for a long one."""
    return isinstance(count, Dim) or count >= bound


def is_small(type_: ArrayType) -> bool:
    """Whether it is an array, no number, and is known to have few elements."""
    return bool(type_.shape) and all(type(n) is int and n >= 0 for n in type_.shape) and type_.size <= FEW
