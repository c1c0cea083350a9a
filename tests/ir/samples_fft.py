"""Operands and params for the Fourier, cosine and sine transforms."""

from __future__ import annotations

import importlib.util
from typing import Any

HAS_SCIPY = importlib.util.find_spec("scipy") is not None


def transforms(sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    line, plane = numbers(6, seed=1), numbers(2, 5, seed=2)
    waves, sheet = complexes(4, seed=3), complexes(3, 2, seed=4)
    lengths: dict[str, Any] = {"n": (None, 4, 9, 1), "norm": ("backward", "ortho", "forward", "backward")}
    table: dict[str, list[Any]] = {}
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        real_only = name in ("rfft", "ihfft")
        table[name] = [
            *each(line, **lengths),
            *each(plane, axis=(0, 1), n=(3, 2) if name in ("irfft", "hfft") else (None, 4)),
            *([] if real_only else each(waves, n=(None, 7, 2, 3), norm=("backward", "forward", "ortho", "backward"))),
            *([] if real_only else each(sheet, axis=(0, -1), n=(None, 5))),
        ]
    cube = numbers(2, 3, 4, seed=5)
    for name in ("fftn", "ifftn", "rfftn", "irfftn"):
        grids: dict[str, Any] = {
            "s": (None, (4, 2), None, (3, 5, 4)),
            "axes": (None, (1, 2), (2, 0), (0, 2, 1)),
            "norm": ("backward", "ortho", "forward", "backward"),
        }
        table[name] = each(cube, **grids)
        if name != "rfftn":
            table[name] += each(complexes(2, 3, seed=6), s=(None, (3, 4)), axes=(None, (1, 0)))
    for name in list(table):
        table[f"scipy_{name}"] = table[name][::2] if HAS_SCIPY else []
    for name in ("fftshift", "ifftshift"):
        table[name] = [*each(plane, axes=(None, (0,), (0, 1))), sample((sheet,), {"axes": (0,)})]
    for name in ("dct", "idct", "dst", "idst"):
        table[f"scipy_{name}"] = (
            [
                sample((line,), {"type": type_, "norm": norm, "orthogonalize": even, "n": n})
                for type_, n in zip((1, 2, 3, 4), (None, 4, 8, None), strict=True)
                for norm, even in (("backward", False), ("ortho", True), ("forward", True), ("ortho", False))
            ]
            + each(plane, type=(2, 1), axis=(0, 0))
            + each(complexes(3, seed=7), type=(3,))
        )
        if not HAS_SCIPY:
            table[f"scipy_{name}"] = []
    return table


def frequencies(each: Any) -> dict[str, list[Any]]:
    """The same for what has no derivative."""
    return {name: each(n=(6, 5, 1), d=(0.1, 1, 2.5)) for name in ("fftfreq", "rfftfreq")}
