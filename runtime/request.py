"""What is asked for, before anything is traced: which derivative of which function, and how it is to be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OPTIMIZATIONS = ("fast", "readable")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: which function, with respect to what, with the value or without."""

    function: Callable[..., Any]
    argnums: int | str | tuple[int | str, ...] = 0
    has_aux: bool = False
    with_value: bool = False
    kind: str = "grad"  # or "vjp"
    debug: str | None = None  # "nan": the generated text runs under watch (debugging.py)
    cache: bool | str | None = None  # whether, or in which folder, it is kept on disk; None leaves it to TAPELESS_CACHE
    optimize: str = "fast"  # "readable": large arrays are not made in blocks, nor written into others
    target: str | None = None  # whom the text is for if not NumPy: "numba", or "namespace" for other arrays

    dynamic: bool | str = "auto"  # whether lengths that change from call to call become symbols: True, False or "auto"
    named: str | None = None  # what the generated function's name begins with, if not with the function's own name

    @property
    def name(self) -> str:
        own: Any = self.named or getattr(self.function, "__name__", type(self.function).__name__)
        base = own if own.isidentifier() else "function"
        return f"{base}_{'value_and_grad' if self.with_value else self.kind}"
