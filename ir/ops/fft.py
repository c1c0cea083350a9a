"""Discrete Fourier transforms, NumPy's and SciPy's: the matrix of one is symmetric, so that its adjoint is itself.

Cotangents are transposed without conjugation (docs/design.md), so `dx = np.fft.fft(dy)` answers `y = np.fft.fft(x)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import along, along_places
from ..builder import Value
from ..dims import has_symbols
from ..indexing import Slice
from ..op import Op, of_module, op, register
from ..types import ArrayType, Shape, check_axes, normalize_axis, result_dtype
from .elementwise import conjugate, real
from .indexing import getitem, set_item
from .padding import pad

SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
Axes = tuple[int, ...] | None


def fit(x: Value, shape: Shape) -> Value:
    """Cut off at the end of each axis, or filled with zeros there: the adjoint of filling with zeros, or cutting."""
    cuts = [Slice(None, n if n < m or has_symbols((m, n)) else None) for m, n in zip(x.shape, shape, strict=True)]
    cuts = [Slice() if cut.stop == m else cut for cut, m in zip(cuts, x.shape, strict=True)]
    while cuts and cuts[-1] == Slice():
        cuts.pop()
    if cuts:
        x = getitem(x, index=tuple(cuts))
    widths = tuple((0, n - m) for m, n in zip(x.shape, shape, strict=True))
    return pad(x, pad_width=widths) if any(after for _, after in widths) else x


def scaled(x: Value, axis: int, part: int | Slice, factor: float) -> Value:
    """x with the elements at `part` of one axis multiplied by a number."""
    last = axis == x.ndim - 1 and axis > 0
    index = (*((...,) if last else (Slice(),) * axis), part)
    return set_item(x, getitem(x, index=index) * factor, index=index)


def _both_halves(x: Value, axis: int, n: int) -> Value:
    """The half spectrum of a real signal of length n, with each term for its mirror image, too: all count twice but
    the first and, for an even n, the middle one."""
    if n < 3:
        return x
    return scaled(x, normalize_axis(axis, x.ndim), Slice(1, None if n % 2 else -1), 2)


def _real_if_cast(g: Value) -> Value:
    """The real numbers that a complex cotangent was made from by a cast: the transform makes it by itself."""
    cast = g.builder.definition(g, "astype")
    if cast is None or cast.operands[0].type.dtype.kind != "f" or cast.operands[0].type.weak:
        return g
    plain = Value(g.builder, cast.operands[0])
    return plain if result_dtype(plain.type, ArrayType((), np.dtype(complex), weak=True)) == g.dtype else g


def _check_length(n: int) -> None:
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")


def keywords_text(x: ArrayType, keywords: dict[str, Any]) -> str:
    """What is said in a call beside the array, where it is not the default."""
    said = {k: v for k, v in keywords.items() if v is not None}
    if said.get("norm") == "backward":
        del said["norm"]
    if said.get("axis") in (-1, x.ndim - 1):
        del said["axis"]
    return "".join(f", {k}={v!r}" for k, v in said.items())


class Transforms:
    """The ten transforms of one library, each with its adjoint in terms of the others."""

    def __init__(self, module: str, spelled: str, prefix: str, half: bool, imports: tuple[str, ...] = ()) -> None:
        """`half`: the library leaves 16-bit results in 16 bits."""
        self.module, self.spelled, self.prefix, self.half, self.imports = module, spelled, prefix, half, imports
        self.fft = self._line("fft", _whole, lambda x, n: n)
        self.ifft = self._line("ifft", _whole, lambda x, n: n)
        self.rfft = self._line("rfft", _whole, lambda x, n: n // 2 + 1)
        self.ihfft = self._line("ihfft", _whole, lambda x, n: n // 2 + 1)
        self.irfft = self._line("irfft", _doubled, lambda x, n: n)
        self.hfft = self._line("hfft", _doubled, lambda x, n: n)
        self.fftn, self.ifftn = self._grid("fftn"), self._grid("ifftn")
        self.rfftn, self.irfftn = self._grid("rfftn"), self._grid("irfftn")
        for symmetric in (self.fft, self.ifft):
            symmetric.vjp(self._same(symmetric))
        for symmetric in (self.fftn, self.ifftn):
            symmetric.vjp(self._same(symmetric))
        self.rfft.vjp(self._real_part(self.fft))
        self.ihfft.vjp(self._real_part(self.ifft))
        self.irfft.vjp(self._half_spectrum(self.ihfft))
        self.hfft.vjp(self._half_spectrum(self.rfft))
        self.rfftn.vjp(self._rfftn_vjp)
        self.irfftn.vjp(self._irfftn_vjp)

    # ------------------------------------------------------------------------------------------------ records

    def _real_dtype(self, x: ArrayType) -> np.dtype[Any]:
        dtype = np.empty(0, x.dtype).real.dtype
        if dtype.kind != "f":
            return np.dtype(float)
        return np.dtype(np.float32) if dtype == np.float16 and not self.half else dtype

    def _dtype(self, x: ArrayType, name: str) -> np.dtype[Any]:
        dtype = self._real_dtype(x)
        if name in ("rfft", "rfftn", "ihfft") and x.dtype.kind == "c":
            raise TypeError(f"{self.spelled}.{name} takes real numbers; for complex ones there is fft")
        if name in ("irfft", "hfft", "irfftn"):
            return dtype
        return result_dtype(ArrayType((), dtype), ArrayType((), np.dtype(complex), weak=True))

    def _line(self, name: str, default: Any, length: Any) -> Op:
        """A transform along one axis."""

        def infer(x: ArrayType, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> ArrayType:
            place = normalize_axis(axis, x.ndim)
            points = default(x.shape[place]) if n is None else n
            _check_length(points)
            shape = (*x.shape[:place], length(x, points), *x.shape[place + 1 :])
            return ArrayType(shape, self._dtype(x, name))

        def text(x: ArrayType, **keywords: Any) -> str:
            return f"{self.spelled}.{name}({{0}}{keywords_text(x, keywords)})"

        return self._register(name, infer, text, of_module(self.module, name), along("axis"))

    def _grid(self, name: str) -> Op:
        """A transform along several axes; of the last of them, the transforms of real signals have one half."""

        def infer(x: ArrayType, *, s: Axes = None, axes: Axes = None, norm: str = "backward") -> ArrayType:
            places = tuple(range(x.ndim)) if axes is None else axes
            if not places or len(set(places)) != len(places) or any(not 0 <= a < x.ndim for a in places):
                raise ValueError(f"{name}: the axes {axes} of an array with {x.ndim} dimensions")
            lengths = self.points(name, x, places) if s is None else s
            shape = list(x.shape)
            for axis, n in zip(places, lengths, strict=True):
                _check_length(n)
                shape[axis] = n
            if name == "rfftn":
                shape[places[-1]] = lengths[-1] // 2 + 1
            dtype = self._dtype(x, name)
            if name == "irfftn" and dtype == np.float16 and len(places) > 1:
                dtype = np.dtype(np.float32)  # the steps before the last give complex numbers, of 64 bits at least
            return ArrayType(tuple(shape), dtype)

        def text(x: ArrayType, *, s: Axes = None, axes: Axes = None, norm: str = "backward") -> str:
            places = tuple(range(x.ndim)) if axes is None else axes
            plane = places == (x.ndim - 2, x.ndim - 1)
            shown = None if plane or (axes is None and s is None) else places
            keywords = keywords_text(x, {"s": s, "axes": shown, "norm": norm})
            return f"{self.spelled}.{name[:-1] + '2' if plane else name}({{0}}{keywords})"

        called = of_module(self.module, name)

        def fun(x: Any, *, s: Axes, axes: Axes, norm: str) -> Any:
            return called(x, s, tuple(range(np.ndim(x))) if s is not None and axes is None else axes, norm)

        return self._register(name, infer, text, fun, along_places)

    def _register(self, name: str, infer: Any, text: Any, fun: Any, batch: Any) -> Op:
        keys = (getattr(np.fft, name),) if self.module == "numpy.fft" else ()
        return register(Op(self.prefix + name, fun, infer, text, batch=batch, imports=self.imports), *keys)

    @staticmethod
    def points(name: str, x: Any, axes: Sequence[int]) -> tuple[int, ...]:
        """How many points the transform of several axes has along each of them, if nothing is said."""
        lengths = [x.shape[a] for a in axes]
        if name == "irfftn":
            lengths[-1] = 2 * (lengths[-1] - 1)
        return tuple(lengths)

    # ------------------------------------------------------------------------------------------------ adjoints

    def _same(self, transform: Op) -> Any:
        """A symmetric matrix."""

        def vjp(g: Value, y: Value, x: Value, **keywords: Any) -> Value:
            keywords.pop("n", None), keywords.pop("s", None)
            return fit(transform(_real_if_cast(g), **keywords), x.shape)

        return vjp

    def _real_part(self, transform: Op) -> Any:
        """Half of the rows of a symmetric matrix, for a real operand."""

        def vjp(g: Value, y: Value, x: Value, *, n: int | None, axis: int, norm: str) -> Value:
            points = x.shape[axis] if n is None else n
            whole = transform(g, n=None if points == g.shape[axis] else points, axis=axis, norm=norm)
            return fit(real(whole), x.shape)

        return vjp

    def _half_spectrum(self, transform: Op) -> Any:
        """What is real from half of a spectrum: the other half is the mirror image, which counts, too."""

        def vjp(g: Value, y: Value, x: Value, *, n: int | None, axis: int, norm: str) -> Value:
            half = transform(g, axis=axis, norm=norm)
            return fit(_both_halves(half, axis, g.shape[axis]), x.shape)

        return vjp

    def _rfftn_vjp(self, g: Value, y: Value, x: Value, *, s: Axes, axes: Axes, norm: str) -> Value:
        places = tuple(range(x.ndim)) if axes is None else axes
        n = x.shape[places[-1]] if s is None else s[-1]
        lengths = (*(g.shape[a] for a in places[:-1]), n)
        same = lengths == self.points("fftn", g, places)
        return fit(real(self.fftn(g, s=None if same else lengths, axes=axes, norm=norm)), x.shape)

    def _irfftn_vjp(self, g: Value, y: Value, x: Value, *, s: Axes, axes: Axes, norm: str) -> Value:
        last = (x.ndim if axes is None else axes[-1] + 1) - 1
        half = conjugate(self.rfftn(g, axes=axes, norm=SWAPPED[norm]))
        return fit(_both_halves(half, last, g.shape[last]), x.shape)


def _whole(n: int) -> int:
    return n


def _doubled(n: int) -> int:
    return 2 * (n - 1)


NUMPY = Transforms("numpy.fft", "np.fft", "", half=True)
SCIPY = Transforms("scipy.fft", "scipy.fft", "scipy_", half=False, imports=("scipy.fft",))

# ------------------------------------------------------------------------------------------------------------ shifts


def _shift_text(name: str) -> Any:
    def text(x: ArrayType, *, axes: Axes = None) -> str:
        shown = axes[0] if axes is not None and len(axes) == 1 else axes
        return f"np.fft.{name}({{0}})" if axes is None else f"np.fft.{name}({{0}}, axes={shown})"

    return text


@op(np.fft.fftshift, batch=along_places, python=_shift_text("fftshift"), rearranges=True)
def fftshift(x: ArrayType, *, axes: Axes = None) -> ArrayType:
    check_axes(axes or (), x.ndim)
    return x.strong()


@op(np.fft.ifftshift, batch=along_places, python=_shift_text("ifftshift"), rearranges=True)
def ifftshift(x: ArrayType, *, axes: Axes = None) -> ArrayType:
    check_axes(axes or (), x.ndim)
    return x.strong()


fftshift.vjp(lambda g, y, x, *, axes: ifftshift(g, axes=axes))
ifftshift.vjp(lambda g, y, x, *, axes: fftshift(g, axes=axes))

# ------------------------------------------------------------------------------------------------------- frequencies


def _frequencies(name: str) -> Any:
    def text(*, n: int, d: int | float) -> str:
        return f"np.fft.{name}({n})" if d == 1 else f"np.fft.{name}({n}, {d!r})"

    return {"fun": lambda *, n, d: getattr(np.fft, name)(n, d), "python": text}


@op(np.fft.fftfreq, **_frequencies("fftfreq"))
def fftfreq(*, n: int, d: int | float = 1.0) -> ArrayType:
    return ArrayType((n,), np.dtype(float))


@op(np.fft.rfftfreq, **_frequencies("rfftfreq"))
def rfftfreq(*, n: int, d: int | float = 1.0) -> ArrayType:
    return ArrayType((n // 2 + 1,), np.dtype(float))
