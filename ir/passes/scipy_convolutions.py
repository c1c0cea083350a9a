"""SciPy's convolutions of large arrays with small ones as products of matrices, which take a fraction of their time."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

from ..builder import Builder, Rule, Value
from ..ops.convolution import convolve_channels
from ..ops.shape import flip, reshape
from ..program import Program
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .rearranging import reshape_again
from .simplify import simplify

SMALL = 1 << 12  # elements up to which nothing is gained
MOST = 256  # taps, or places of the result, up to which no Fourier transform is faster


def _by_product(
    flipped: bool, builder: Builder, a: Value, b: Value, *, mode: str, method: str = "direct"
) -> Value | None:
    if a.dtype != b.dtype or a.dtype.kind != "f" or not 1 <= a.ndim == b.ndim <= 3 or -1 in (*a.shape, *b.shape):
        return None
    shorter = any(n < k for n, k in zip(a.shape, b.shape, strict=True))
    if a.size < SMALL or method == "fft" or (shorter and mode != "full"):
        return None
    if builder.level == 0 and a.size * a.dtype.itemsize < blocks.LARGE:
        return None  # to the last digit
    if mode == "same" and not all(k % 2 for k in b.shape):
        return None
    rims = tuple({"full": k - 1, "same": k // 2, "valid": 0}[mode] for k in b.shape)
    shape = tuple(n + 2 * rim - k + 1 for n, rim, k in zip(a.shape, rims, b.shape, strict=True))
    if min(b.size, prod(shape)) > MOST:
        return None
    kernel = flip(b, axis=tuple(range(b.ndim))) if flipped else b
    x, w = (reshape(v, shape=(1, 1, *v.shape)) for v in (a, kernel))
    y = convolve_channels(x, w, padding=tuple((rim, rim) for rim in rims))
    value: Value = reshape(y, shape=shape)
    return value


def _reversed_twice(builder: Builder, x: Value, *, axis: tuple[int, ...]) -> Value | None:
    made = builder.definition(x, "flip")
    return Value(builder, made.operands[0]) if made is not None and made.params["axis"] == axis else None


def _rules(flipped: bool) -> tuple[Rule, ...]:
    rule: Any = partial(_by_product, flipped)
    return (rule,)


RULES: dict[str, tuple[Rule, ...]] = {
    "scipy_convolve": _rules(True),
    "scipy_convolve2d": _rules(True),
    "scipy_correlate": _rules(False),
    "scipy_correlate2d": _rules(False),
    "flip": (_reversed_twice,),
    "reshape": (reshape_again,),
}


def multiply_instead_of_scipy(program: Program) -> Program:
    """The program with these rules wherever they match, but for what leads to a guard."""
    if not any(e.op.name.startswith("scipy_co") for e in program.equations):
        return program
    return eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
