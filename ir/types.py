"""Abstract values: what is known of an array before it exists, with NumPy's own promotion rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .dims import Dim, Fraction
from .symbols import Symbols

Shape = tuple[int, ...]

_KIND_LETTER = {"f": "f", "i": "i", "u": "u", "c": "c"}
_PYTHON_NAME = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
PYTHON_TYPE: dict[str, type] = {"b": bool, "i": int, "f": float, "c": complex}
DTYPES: dict[str, np.dtype[Any]] = {"bool": np.dtype(np.bool_)} | {
    f"{kind}{8 * size}": np.dtype(f"{kind}{size}")
    for kind, sizes in {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "c": (8, 16)}.items()
    for size in sizes
}


def dtype_name(dtype: np.dtype[Any]) -> str:
    """`f64`, `i32`, `bool`: the short name of a numeric dtype; raises TypeError for any other."""
    if dtype.kind == "b":
        return "bool"
    name = f"{_KIND_LETTER.get(dtype.kind, '?')}{8 * dtype.itemsize}"
    if name not in DTYPES:
        raise TypeError(f"arrays of dtype {dtype} cannot be differentiated or traced")
    return name


@dataclass(frozen=True, slots=True)
class ArrayType:
    """Shape and dtype of a value. `weak` marks a Python scalar, which does not decide a promotion (NEP 50)."""

    shape: Shape
    dtype: np.dtype[Any]
    weak: bool = False

    def __str__(self) -> str:
        if self.weak:
            name = _PYTHON_NAME[self.dtype.kind]
            lengths = ", ".join(map(str, self.shape))
            return f"{name}[{lengths}]" if self.shape else name  # a list with one for each round
        name = dtype_name(self.dtype)
        if not self.shape:
            return "bool[()]" if name == "bool" else name  # `bool` alone is Python's
        return f"{name}[{', '.join(map(str, self.shape))}]"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def inexact(self) -> bool:
        """Whether a derivative with respect to such a value exists: real or complex floating point."""
        return self.dtype.kind in "fc"

    def with_shape(self, shape: Sequence[int]) -> ArrayType:
        """The strong type with this dtype and another shape."""
        return ArrayType(tuple(shape), self.dtype)

    def like(self, shape: Shape, dtype: np.dtype[Any], weak: bool = False) -> ArrayType:
        """The type of this shape and dtype: this very type if it is the one, as it mostly is for an operand."""
        if self.dtype is dtype and self.weak is weak and self.shape == shape:
            return self
        return ArrayType(shape, dtype, weak)

    def strong(self) -> ArrayType:
        return ArrayType(self.shape, self.dtype) if self.weak else self


def type_of(value: Any) -> ArrayType:
    """The type of a concrete array, NumPy scalar or Python number; TypeError for what is none of these."""
    kind = type(value)
    if kind is np.ndarray or isinstance(value, np.generic):
        dtype_name(value.dtype)
        return ArrayType(value.shape, value.dtype.newbyteorder("="))
    for python in PYTHON_TYPE.values():
        if kind is python:
            return ArrayType((), np.dtype(python), weak=True)
    if kind is Dim or kind is Fraction:
        return ArrayType((), np.dtype(int if kind is Dim else float), weak=True)
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__} is not an array or a number")


_TYPE = re.compile(r"([a-z]+\d*)\s*(?:\[([^\]]*)\])?")


def parse_type(text: str, unknown: bool = False, symbols: Symbols | None = None) -> ArrayType:
    """`f64[32, 10]`, `f64` or `float` (a Python number) as a type; ValueError says what is wrong with the text.

    With `symbols`, dimensions may be names and whole expressions of them, `f64[n, 2 * d]`.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a type; write, for example, f64[32, 10], i64[5], f32 or float")
    name, dims = match.groups()
    if name in _PYTHON_NAME.values() and not (name == "bool" and dims is not None):
        if dims is not None:
            raise ValueError(f"{text!r}: a Python {name} has no shape; write f64[{dims}] for an array")
        kind = next(k for k, n in _PYTHON_NAME.items() if n == name)
        return ArrayType((), np.dtype(PYTHON_TYPE[kind]), weak=True)
    if name not in DTYPES:
        raise ValueError(f"{text!r}: there is no dtype {name!r}; known are {', '.join(DTYPES)}")
    shape: list[int] = []
    for dim in (dims or "").replace("()", "").split(","):
        if not dim.strip():
            continue
        if symbols is not None and not dim.strip().isdigit():
            shape.append(symbols.length(dim.strip(), text))
            continue
        if not dim.strip().isdigit() and not (unknown and dim.strip() == "-1"):
            raise ValueError(f"{text!r}: the dimension {dim.strip()!r} is not a number")
        shape.append(int(dim))
    return ArrayType(tuple(shape), DTYPES[name])


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting; ValueError names the shapes that do not go together."""
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return first
    result = [1] * max(map(len, shapes))
    for shape in shapes:
        for axis in range(1, len(shape) + 1):
            dim = shape[-axis]
            if dim == 1 or dim == result[-axis]:
                continue
            if result[-axis] != 1:
                raise ValueError(
                    f"operands could not be broadcast together with shapes {' '.join(str(s) for s in shapes)}"
                )
            result[-axis] = dim
    return tuple(result)


def ufunc_dtype(ufunc: np.ufunc, *types: ArrayType) -> np.dtype[Any]:
    """The dtype that the ufunc gives for operands of these types, by NumPy's own resolution; TypeError as NumPy's."""
    return _resolved_dtype(ufunc, *[(t.dtype, t.weak) for t in types])


@lru_cache(maxsize=4096)
def _resolved_dtype(ufunc: np.ufunc, *kinds: tuple[np.dtype[Any], bool]) -> np.dtype[Any]:
    dtypes: tuple[Any, ...] = tuple(dtype for dtype, _ in kinds)
    if not all(weak for _, weak in kinds):
        dtypes = tuple(PYTHON_TYPE[d.kind] if weak and d.kind != "b" else d for d, weak in kinds)
    return ufunc.resolve_dtypes(dtypes + (None,) * ufunc.nout)[-1]


def result_dtype(*types: ArrayType) -> np.dtype[Any]:
    """The dtype to which NumPy promotes the types together (np.result_type with weak Python scalars)."""
    if all(t.weak for t in types):
        return np.result_type(*(t.dtype for t in types))
    return np.result_type(*(PYTHON_TYPE[t.dtype.kind](0) if t.weak else t.dtype for t in types))


def normalize_axis(axis: int, ndim: int) -> int:
    """The axis counted from the front; ValueError (NumPy's AxisError) when there is none."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def check_axes(axes: Sequence[int], ndim: int) -> None:
    """Params hold axes counted from the front; AxisError (a ValueError) for any other."""
    for axis in axes:
        if not 0 <= axis < ndim:
            raise np.exceptions.AxisError(axis, ndim)


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """All axes that `axis` means, sorted, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    axes = [normalize_axis(int(a), ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(axes))


def reduced_shape(shape: Shape, axis: int | Sequence[int] | None, keepdims: bool) -> Shape:
    """The shape that is left after a reduction over `axis`."""
    axes = normalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)
