"""Cosine and sine transforms, as SciPy has them: the adjoint of each is its inverse, in the other normalization.

Without `orthogonalize` the ends of a signal are weighted differently in the types 1, 2 and 3 (Makhoul, "A fast cosine
transform in one and two dimensions", 1980): there a type and its transpose differ by a factor 2 at the ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import along
from ..builder import Value
from ..op import Op, of_module, register
from ..types import ArrayType, normalize_axis
from .fft import SWAPPED, fit, keywords_text, scaled

_TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
_INVERSE = {"dct": "idct", "idct": "dct", "dst": "idst", "idst": "dst"}


def _dtype(x: ArrayType) -> np.dtype[Any]:
    if x.dtype.kind not in "fc":
        return np.dtype(float)
    return np.dtype(np.float32) if x.dtype == np.float16 else x.dtype


def _ends(name: str, type_: int) -> tuple[int, ...]:
    """The places at which a transform of type 1, 2 or 3 counts half."""
    if name.endswith("dst"):
        return () if type_ == 1 else (-1,)
    return (0, -1) if type_ == 1 else (0,)


def _enter(name: str) -> Op:
    def infer(
        x: ArrayType,
        *,
        type: int = 2,
        n: int | None = None,
        axis: int = -1,
        norm: str = "backward",
        orthogonalize: bool = False,
    ) -> ArrayType:
        place = normalize_axis(axis, x.ndim)
        points = x.shape[place] if n is None else n
        if points < 1:
            raise ValueError(f"invalid number of data points ({points}) specified")
        if type == 1 and points < 2 and name.endswith("dct"):
            raise ValueError("DCT-I is not defined for size < 2")
        return ArrayType((*x.shape[:place], points, *x.shape[place + 1 :]), _dtype(x))

    def text(x: ArrayType, *, type: int, orthogonalize: bool, norm: str, **keywords: Any) -> str:
        keywords = {"type": None if type == 2 else type, **keywords, "norm": norm}
        if orthogonalize != (norm == "ortho"):
            keywords["orthogonalize"] = orthogonalize
        return f"scipy.fft.{name}({{0}}{keywords_text(x, keywords)})"

    def vjp(
        g: Value, y: Value, x: Value, *, type: int, n: int | None, axis: int, norm: str, orthogonalize: bool
    ) -> Value:
        kind = _TRANSPOSED[type] if name.startswith("i") else type
        place = normalize_axis(axis, x.ndim)
        ends = () if orthogonalize else _ends(name, kind)
        if kind in (1, 2):
            for end in ends:
                g = scaled(g, place, end, 2)
        inverse = _OPS[_INVERSE[name]]
        dx = inverse(g, type=type, axis=axis, norm=SWAPPED[norm], orthogonalize=orthogonalize)
        if kind in (1, 3):
            for end in ends:
                dx = scaled(dx, place, end, 0.5)
        return fit(dx, x.shape)

    fun = of_module("scipy.fft", name)
    return register(Op(f"scipy_{name}", fun, infer, text, vjp, along("axis"), imports=("scipy.fft",)))


_OPS = {name: _enter(name) for name in _INVERSE}
dct, idct, dst, idst = _OPS.values()
