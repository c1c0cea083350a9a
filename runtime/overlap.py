"""Functions that write into their arguments: whose memory is whose has to be as it was taken to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.program import Program
from ..tracer.errors import TracingError, explain
from ..tracer.site import called_at
from ..tracer.structure import flatten
from .binding import Parameters


def written(program: Program) -> tuple[int, ...]:
    """The inputs, by number, that the program writes into."""
    return tuple(program.inputs.index(e.operands[0]) for e in program.equations if e.op.name == "store")  # type: ignore[arg-type]


def check_overlap(writes: Sequence[int], parameters: Parameters, captured: Sequence[Any]) -> None:
    """Refuse a written argument that shares memory with another argument or with an array around the function."""
    leaves: list[tuple[str, Any]] = []
    for name, _, value in parameters:
        found, structure = flatten(value)
        leaves += zip((path for path, _ in structure.paths(name)), found, strict=True)
    others = leaves + [("an array around the function", array) for array in captured]
    for number in writes:
        path, array = leaves[number]
        for k, (other, it) in enumerate(others):
            if k != number and isinstance(it, np.ndarray) and isinstance(array, np.ndarray) and _share(array, it):
                raise TracingError(
                    explain(
                        f"the function writes into {path}, and {path} and {other} share memory in this call",
                        called_at(),
                        f"pass {path}.copy()",
                        "arguments-that-share-memory",
                    )
                )


def _share(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
