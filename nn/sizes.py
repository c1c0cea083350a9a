"""What a size may be: one number for all dimensions, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray, or what stands for one while a function is traced
Size = int | tuple[int, ...]


def sizes_of(size: Any, name: str, least: int, d: int) -> tuple[int, ...]:
    """One integer for each of d dimensions."""
    sizes = tuple(size) if isinstance(size, tuple | list) else (size,) * d
    if len(sizes) != d:
        wanted = "an integer or a pair" if d == 2 else f"an integer or {d} of them"
        raise ValueError(f"{name} must be {wanted}, not {size!r}")
    for n in sizes:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"{name} must be an integer or a tuple of integers, not {size!r}")
        if n < least:
            raise ValueError(f"{name} must be at least {least}, not {size!r}")
    return tuple(int(n) for n in sizes)
