"""From which size on something pays, also for lengths in symbols, of which no number is known."""

from __future__ import annotations

from .dims import Dim


def reaches(count: int, bound: int) -> bool:
    """Whether there are so many elements, or rows; a length in symbols is taken for a long one."""
    return isinstance(count, Dim) or count >= bound
