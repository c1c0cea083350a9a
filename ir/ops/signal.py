"""scipy.signal: convolutions and correlations of any dimension, and linear filters.

The adjoint of a convolution is a correlation and the other way round; that of a recursive filter is the same filter,
run backwards in time. Cotangents are transposed without conjugation, as everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch, insert_axes
from ..builder import Value
from ..op import Op, of_module, register
from ..types import ArrayType, Shape, broadcast_shapes, normalize_axis, result_dtype
from .convolution import correlation_batch, sliding_window_view
from .elementwise import conjugate
from .linear import tensordot
from .padding import pad
from .shape import filled, flip

SIGNAL = ("scipy.signal",)
Axes = tuple[int, ...]
SMALL = 64  # up to so many elements of a kernel, sums are not slower than transforms


def _conj(x: Value) -> Value:
    value: Value = conjugate(x) if x.dtype.kind == "c" else x
    return value


def _floating(*types: ArrayType) -> np.dtype[Any]:
    """What a transform computes in."""
    dtype = result_dtype(*(t.strong() for t in types))
    if dtype.kind not in "fc":
        return np.dtype(float)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def swapped(a: Shape, b: Shape, axes: Axes) -> bool:
    """Whether the second of two arrays is the longer one, for mode="valid"; ValueError if neither is."""
    if all(a[i] >= b[i] for i in axes):
        return False
    if all(b[i] >= a[i] for i in axes):
        return True
    raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")


def _result_shape(a: Shape, b: Shape, mode: str, axes: Axes) -> Shape:
    if len(a) != len(b):
        raise ValueError("in1 and in2 should have the same dimensionality")
    if 0 in a or 0 in b:
        raise ValueError("scipy.signal: the arrays cannot be empty here")
    others = [i for i in range(len(a)) if i not in axes]
    together = broadcast_shapes(tuple(a[i] for i in others), tuple(b[i] for i in others))
    shape = dict(zip(others, together, strict=True))
    if mode == "valid":
        swapped(a, b, axes)
    for i in axes:
        long, short = max(a[i], b[i]), min(a[i], b[i])
        lengths = {"full": long + short - 1, "same": a[i], "valid": long - short + 1}
        if mode not in lengths:
            raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
        shape[i] = lengths[mode]
    return tuple(shape[i] for i in range(len(a)))


class _Family:
    """A convolution and the correlation that is its adjoint, by the same algorithm."""

    def __init__(self, convolve: str, correlate: str, choice: str) -> None:
        """`choice`: the keyword beside the mode, "method" or "axes", if there is one."""
        self.choice = choice
        self.convolve = self._enter(convolve)
        self.correlate = self._enter(correlate, True) if correlate else None
        self.convolve.vjp(self._convolve_first, self._convolve_second)
        if self.correlate is not None:
            self.correlate.vjp(self._correlate_first, self._correlate_second)

    def _enter(self, name: str, correlate: bool = False) -> Op:
        choice = self.choice

        def shape(a: ArrayType, b: ArrayType, mode: str, axes: Axes | None = None) -> Shape:
            return _result_shape(a.shape, b.shape, mode, tuple(range(a.ndim)) if axes is None else axes)

        def dtype(a: ArrayType, b: ArrayType) -> np.dtype[Any]:
            made = result_dtype(a.strong(), b.strong())
            if made == np.float16 or made.kind == "b":
                raise TypeError(f"array type {made} is unsupported in scipy.signal.{name}")
            return made

        def by_method(a: ArrayType, b: ArrayType, *, mode: str = "full", method: str = "auto") -> ArrayType:
            return ArrayType(shape(a, b, mode), dtype(a, b))

        def by_axes(a: ArrayType, b: ArrayType, *, mode: str = "full", axes: Axes | None = None) -> ArrayType:
            return ArrayType(shape(a, b, mode, axes), _floating(a, b))

        def plain(a: ArrayType, b: ArrayType, *, mode: str = "full") -> ArrayType:
            return ArrayType(shape(a, b, mode), dtype(a, b))

        def text(a: ArrayType, b: ArrayType, *, mode: str, **choice: Any) -> str:
            said = "" if mode == "full" else f", mode={mode!r}"
            said += "".join(f", {k}={v!r}" for k, v in choice.items() if v not in (None, "auto"))
            return f"scipy.signal.{name}({{0}}, {{1}}{said})"

        rules: dict[str, Any] = {"method": by_method, "axes": by_axes, "": plain}
        fun = of_module("scipy.signal", name)
        batch = self._correlate_batch if correlate else self._convolve_batch
        return register(Op(f"scipy_{name}", fun, rules[choice], text, batch=batch, imports=SIGNAL, owns=False))

    def _convolve_batch(self, batch: Batch, a: Value, b: Value, *, mode: str, **choice: Any) -> Value:
        if self._transforms(batch, **choice):
            return _fourier_batch(batch, a, b, mode, choice.get("axes"))
        axes = tuple(range(b.ndim - len(batch.out.shape), b.ndim))
        return correlation_batch(batch, a, flip(b, axis=axes) if axes else b, _starts(batch, mode, False))

    def _correlate_batch(self, batch: Batch, a: Value, b: Value, *, mode: str, **choice: Any) -> Value:
        if self._transforms(batch, **choice):
            axes = tuple(range(b.ndim - len(batch.out.shape), b.ndim))
            return _fourier_batch(batch, a, _conj(flip(b, axis=axes)), mode, None)
        return correlation_batch(batch, a, _conj(b), _starts(batch, mode, not self.choice))

    def _transforms(self, batch: Batch, **choice: Any) -> bool:
        """Whether a batch is done by Fourier transforms, which take the axes to transform along."""
        if self.choice != "method":
            return self.choice == "axes"
        short = min(t.size for t in batch.types)
        asked = choice["method"] == "fft" or (choice["method"] == "auto" and short > SMALL)
        return asked and batch.out.dtype.kind in "fc"

    def _correlation(self, x: Value, w: Value, mode: str, choice: dict[str, Any]) -> Value:
        """sum_k x[n + k] w[k]: without the conjugate that a correlation of SciPy's takes."""
        if self.correlate is not None:
            value: Value = self.correlate(x, _conj(w), mode=mode, **choice)
            return value
        return self._convolution(x, self._reversed(w, choice), mode, choice)

    def _convolution(self, x: Value, w: Value, mode: str, choice: dict[str, Any]) -> Value:
        value: Value = self.convolve(x, w, mode=mode, **choice)
        return value

    def _axes(self, x: Value, choice: dict[str, Any]) -> Axes:
        axes = choice.get("axes")
        return tuple(range(x.ndim)) if axes is None else axes

    def _reversed(self, x: Value, choice: dict[str, Any]) -> Value:
        value: Value = flip(x, axis=self._axes(x, choice))
        return value

    def _in_full(self, g: Value, x: Value, w: Value, choice: dict[str, Any], later: bool = False) -> Value:
        """The cotangent of the full result, of which mode="same" is the middle; `later`: for an even number of terms
        that one of the two."""
        axes = self._axes(x, choice)
        widths = [(0, 0)] * g.ndim
        for i in axes:
            start = w.shape[i] // 2 if later else (w.shape[i] - 1) // 2
            widths[i] = (start, w.shape[i] - 1 - start)
        value: Value = pad(g, pad_width=tuple(widths))
        return value

    def _is_centred(self, x: Value, w: Value, choice: dict[str, Any]) -> bool:
        return all(w.shape[i] % 2 for i in self._axes(x, choice))

    def _convolve_first(self, g: Value, y: Value, x: Value, w: Value, *, mode: str, **choice: Any) -> Value:
        if mode == "valid":
            if swapped(x.shape, w.shape, self._axes(x, choice)):
                return self._reversed(self._correlation(w, g, "valid", choice), choice)
            return self._correlation(g, w, "full", choice)
        if mode == "same" and self._is_centred(x, w, choice):
            return self._correlation(g, w, "same", choice)
        return self._correlation(g if mode == "full" else self._in_full(g, x, w, choice), w, "valid", choice)

    def _convolve_second(self, g: Value, y: Value, x: Value, w: Value, *, mode: str, **choice: Any) -> Value:
        if mode == "valid":
            if swapped(x.shape, w.shape, self._axes(x, choice)):
                return self._correlation(g, x, "full", choice)
            return self._reversed(self._correlation(x, g, "valid", choice), choice)
        return self._correlation(g if mode == "full" else self._in_full(g, x, w, choice), x, "valid", choice)

    def _correlate_first(self, g: Value, y: Value, x: Value, w: Value, *, mode: str, **choice: Any) -> Value:
        """Of x[n + k] conj(w)[k]: a convolution with conj(w). correlate2d takes the later middle."""
        w = _conj(w)
        if mode == "valid":
            if swapped(x.shape, w.shape, self._axes(x, choice)):
                return self._convolution(w, g, "valid", choice)
            return self._convolution(g, w, "full", choice)
        if mode == "same" and self._is_centred(x, w, choice):
            return self._convolution(g, w, "same", choice)
        full = g if mode == "full" else self._in_full(g, x, w, choice, not self.choice)
        return self._convolution(full, w, "valid", choice)

    def _correlate_second(self, g: Value, y: Value, x: Value, w: Value, *, mode: str, **choice: Any) -> Value:
        if mode == "valid":
            if swapped(x.shape, w.shape, self._axes(x, choice)):
                return _conj(self._reversed(self._correlation(g, x, "full", choice), choice))
            return _conj(self._correlation(x, g, "valid", choice))
        full = g if mode == "full" else self._in_full(g, x, w, choice, not self.choice)
        return _conj(self._reversed(self._correlation(full, x, "valid", choice), choice))


def _starts(batch: Batch, mode: str, later: bool) -> list[int]:
    """Where in the full result that of a mode begins; `later` as for `_in_full`."""
    pairs = zip(batch.types[0].shape, batch.types[1].shape, strict=True)
    return [0 if mode == "full" else min(n, k) - 1 if mode == "valid" else (k - 1 + later) // 2 for n, k in pairs]


def _fourier_batch(batch: Batch, a: Value, b: Value, mode: str, axes: Axes | None) -> Value:
    """What is the same for all examples broadcasts along the axis that is not transformed."""
    rank = batch.out.ndim
    a = batch.full(a, 0) if mode == "same" else insert_axes(a, 0, rank + 1 - a.ndim)  # which has the first one's shape
    b = insert_axes(b, 0, rank + 1 - b.ndim)
    along = tuple(i + 1 for i in (range(rank) if axes is None else axes))
    op = batch.equation.op if batch.equation.op in (FOURIER.convolve, OVERLAP.convolve) else FOURIER.convolve
    value: Value = op(a, b, mode=mode, axes=along)
    return value


DIRECT = _Family("convolve", "correlate", "method")
PLANE = _Family("convolve2d", "correlate2d", "")
FOURIER = _Family("fftconvolve", "", "axes")
OVERLAP = _Family("oaconvolve", "", "axes")

# ----------------------------------------------------------------------------------------------------------- filters


def _lfilter(b: Any, a: Any, x: Any, *, axis: int) -> Any:
    return of_module("scipy.signal", "lfilter")(b, a, x, axis)


def _lfilter_type(b: ArrayType, a: ArrayType, x: ArrayType, *, axis: int = -1) -> ArrayType:
    normalize_axis(axis, x.ndim)
    if b.ndim != 1 or a.ndim != 1 or not b.size or not a.size:
        raise ValueError("object of too small depth for desired array")
    dtype = result_dtype(b.strong(), a.strong(), x.strong())
    if dtype.name not in ("float32", "float64", "complex64", "complex128"):
        raise TypeError(f"array type {dtype} is unsupported in scipy.signal.lfilter")
    return ArrayType(x.shape, dtype)


def _lfilter_text(b: ArrayType, a: ArrayType, x: ArrayType, *, axis: int) -> str:
    said = "" if normalize_axis(axis, x.ndim) == x.ndim - 1 else f", axis={axis}"
    return f"scipy.signal.lfilter({{0}}, {{1}}, {{2}}{said})"


def _lfilter_batch(batch: Batch, b: Value, a: Value, x: Value, *, axis: int) -> Any:
    if any(batch.batched[:2]):
        raise batch.refuse("scipy.signal.lfilter runs one filter: the signal may differ from example to example")
    place = normalize_axis(axis, batch.out.ndim) + 1
    return batch.builder.emit(batch.equation.op, b, a, x, axis=place)


lfilter = register(
    Op("scipy_lfilter", _lfilter, _lfilter_type, _lfilter_text, batch=_lfilter_batch, imports=SIGNAL, owns=False)
)


def _backwards(g: Value, b: Value, a: Value, axis: int) -> Value:
    """The filter run from the end to the beginning: its matrix, transposed."""
    along = (normalize_axis(axis, g.ndim),)
    value: Value = flip(lfilter(b, a, flip(g, axis=along), axis=axis), axis=along)
    return value


def one(like: Value) -> Value:
    """The coefficients of the filter that changes nothing."""
    value: Value = like.builder.emit(filled, value=1, shape=(1,), dtype=like.dtype)
    return value


def _lags(u: Value, x: Value, count: int, axis: int) -> Value:
    """sum_n u[n] x[n - k] for k below `count`, over all other axes too."""
    place = normalize_axis(axis, x.ndim)
    before = pad(x, pad_width=tuple((count - 1 if i == place else 0, 0) for i in range(x.ndim)))
    windows = sliding_window_view(before, window_shape=(count,), axis=(place,))
    every = tuple(range(u.ndim))
    sums = u @ windows if u.ndim == 1 else tensordot(u, windows, axes=(every, every))
    value: Value = flip(sums, axis=(0,))
    return value


def _lfilter_b(g: Value, y: Value, b: Value, a: Value, x: Value, *, axis: int) -> Value:
    """a * dy = db * x."""
    return _lags(_backwards(g, one(a), a, axis), x, b.size, axis)


def _lfilter_a(g: Value, y: Value, b: Value, a: Value, x: Value, *, axis: int) -> Value:
    """a * dy = -da * y."""
    return -_lags(_backwards(g, one(a), a, axis), y, a.size, axis)


lfilter.vjp(_lfilter_b, _lfilter_a, lambda g, y, b, a, x, *, axis: _backwards(g, b, a, axis))
