"""Equations without a result that matter all the same: what was assumed, and what is written into an argument."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import NONDIFF, Refused, op
from ..types import ArrayType


class GuardMiss(Exception):
    """A value differs from what this path of the program was traced for."""


def _guard(value: Any, *, expected: Any) -> tuple[()]:
    if not (value == expected):
        raise GuardMiss(f"{value} is not {expected}")
    return ()


def _guard_text(value: ArrayType, *, expected: Any) -> str:
    if expected is True:
        return "if not {0}: raise GuardMiss({origin})"
    if expected is False:
        return "if {0}: raise GuardMiss({origin})"
    return f"if {{0}} != {expected!r}: raise GuardMiss({{origin}})"


@op(name="guard", fun=_guard, python="", update=_guard_text, rule=NONDIFF, numbered=False, effect=True)
def guard(value: ArrayType, *, expected: Any) -> tuple[()]:
    """The value decided a branch or a count while tracing; the program is right only while it is `expected`."""
    return ()


def _is_contiguous(x: Any) -> bool:
    return bool(x.flags.c_contiguous)


_LAYOUT = Refused("how an example lies in memory decides here; write into x.copy() instead")


@op(name="is_contiguous", batch=_LAYOUT, fun=_is_contiguous, python="{0}.flags.c_contiguous", rule=NONDIFF)
def is_contiguous(x: ArrayType) -> ArrayType:
    """Whether an argument lies in C order: that decides which reshapes of it are views."""
    if x.weak:
        raise TypeError("a Python number has no memory layout")
    return ArrayType((), np.dtype(bool), weak=True)


def _has_strides(x: Any, *, strides: tuple[int, ...]) -> bool:
    return bool(x.strides == strides)


@op(
    name="has_strides",
    batch=_LAYOUT,
    fun=_has_strides,
    python=lambda x, *, strides: f"{{0}}.strides == {strides}",
    rule=NONDIFF,
)
def has_strides(x: ArrayType, *, strides: tuple[int, ...]) -> ArrayType:
    """Whether an argument that is not in C order lies in memory as it did while tracing."""
    return ArrayType((), np.dtype(bool), weak=True)


def _store(x: Any, value: Any) -> tuple[()]:
    np.copyto(x, value)
    return ()


@op(name="store", fun=_store, python="", update="{0}[...] = {1}", rule=NONDIFF, numbered=False, effect=True)
def store(x: ArrayType, value: ArrayType) -> tuple[()]:
    """What the function leaves in its argument x, written as the last thing."""
    return ()
