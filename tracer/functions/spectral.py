"""Fourier, cosine and sine transforms of NumPy and SciPy: lengths, axes and normalizations in their plain forms."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.op import BY_CALLABLE, BY_NAME, Op
from ...ir.ops.elementwise import conjugate
from ...ir.ops.fft import NUMPY, SCIPY, SWAPPED, Transforms
from ...ir.types import normalize_axis
from ..array import lift, wrap
from ..errors import UnsupportedError, explain
from ..interception import intercepts
from ..refusals import refuse
from ..trace import Trace
from .libraries import arranged
from .registry import as_tracer, check_target, function

_LINES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_GRIDS = ("fftn", "ifftn", "rfftn", "irfftn")


def _norm(norm: Any) -> str:
    if norm is None:
        return "backward"
    if norm not in SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return str(norm)


def _axis(axis: Any, ndim: int) -> int:
    """-1 for the last one."""
    place = normalize_axis(index(axis), ndim)
    return -1 if place == ndim - 1 else place


def _line(trace: Trace, op: Op, x: Any, n: Any, axis: Any, norm: Any) -> Value:
    """A transform along one axis."""
    value = lift(trace, x)
    place = _axis(axis, value.ndim)
    points = value.shape[place]
    default = 2 * (points - 1) if op.name.endswith(("irfft", "hfft")) and not op.name.endswith("ihfft") else points
    said = None if n is None or index(n) == default else index(n)
    made: Value = trace.emit(op, value, n=said, axis=place, norm=_norm(norm))
    return made


def _places(trace: Trace, x: Any, s: Any, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The axes, counted from the front, and the lengths along them if they are given."""
    if axes is None:
        given = list(range(x.ndim) if s is None else range(-len(np.atleast_1d(s)), 0))
    else:
        given = [index(a) for a in (axes if isinstance(axes, tuple | list | np.ndarray) else [axes])]
    places = tuple(normalize_axis(a, x.ndim) for a in given)
    if len(set(places)) != len(places):
        cause = f"a transform of the same axis twice (axes={tuple(given)}) is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "one call after the other", "unsupported"))
    if s is None:
        return places, None
    wanted = [index(n) for n in (s if isinstance(s, tuple | list | np.ndarray) else [s])]
    if len(wanted) != len(places):
        raise ValueError("Shape and axes have different lengths.")
    return places, tuple(x.shape[a] if n == -1 else n for a, n in zip(places, wanted, strict=True))


def _grid(trace: Trace, library: Transforms, name: str, value: Value, s: Any, axes: Any, norm: Any) -> Value:
    """A transform along several axes."""
    op: Op = getattr(library, name)
    places, lengths = _places(trace, value, s, axes)
    if not places:
        if name in ("rfftn", "irfftn"):
            raise IndexError("at least one axis is needed")
        return value
    default = Transforms.points(name, value, places)
    made: Value = trace.emit(
        op,
        value,
        s=None if lengths == default else lengths,
        axes=None if places == tuple(range(value.ndim)) else places,
        norm=_norm(norm),
    )
    return made


def _deliver(trace: Trace, made: Value, out: Any, name: str) -> Any:
    if out is None:
        return wrap(trace, made)
    check_target(trace, out, f"out= of np.fft.{name}")
    if out.shape != made.shape:
        raise ValueError("output array has wrong shape.")
    if out.dtype != made.dtype:
        cause = f"out= of np.fft.{name} with an array of {out.dtype} for a result of {made.dtype} is not supported"
        raise UnsupportedError(explain(cause, trace.origin(), "assign the result: out[...] = ...", "unsupported"))
    out._place.write(made)
    return out


# ----------------------------------------------------------------------------------------------------------- numpy


def _numpy_line(name: str) -> Callable[..., Any]:
    def run(trace: Trace, a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        if name == "hfft" and out is not None:
            raise _no_keyword(trace, "np.fft.hfft", "out")  # which NumPy ignores
        return _deliver(trace, _line(trace, getattr(NUMPY, name), a, n, axis, norm), out, name)

    return run


def _numpy_grid(name: str, axes_2: Any = None) -> Callable[..., Any]:
    spelled = name if axes_2 is None else f"{name[:-1]}2"

    def run(trace: Trace, a: Any, s: Any = None, axes: Any = axes_2, norm: Any = None, out: Any = None) -> Any:
        if out is not None and (s is not None or name in ("rfftn", "irfftn")):
            raise _no_keyword(trace, f"np.fft.{spelled}", "out")  # each step writes there, and they differ in shape
        value = lift(trace, a)
        made = _grid(trace, NUMPY, name, value, s, axes, norm)
        return as_tracer(trace, a) if made is value else _deliver(trace, made, out, spelled)

    return run


def _no_keyword(trace: Trace, name: str, keyword: str) -> UnsupportedError:
    return refuse(trace, f"the keyword {keyword!r} of {name}")


for _name in _LINES:
    function(getattr(np.fft, _name))(_numpy_line(_name))
for _name in _GRIDS:
    function(getattr(np.fft, _name))(_numpy_grid(_name))
    function(getattr(np.fft, f"{_name[:-1]}2"))(_numpy_grid(_name, (-2, -1)))


@function(np.fft.fftshift)
def _fftshift(trace: Trace, x: Any, axes: Any = None) -> Any:
    return _shift(trace, np.fft.fftshift, x, axes)


@function(np.fft.ifftshift)
def _ifftshift(trace: Trace, x: Any, axes: Any = None) -> Any:
    return _shift(trace, np.fft.ifftshift, x, axes)


def _shift(trace: Trace, key: Any, x: Any, axes: Any) -> Any:
    value = lift(trace, x)
    if axes is not None:
        given = axes if isinstance(axes, tuple | list | np.ndarray) else [axes]
        axes = tuple(normalize_axis(index(a), value.ndim) for a in given)
    return wrap(trace, trace.emit(BY_CALLABLE[key], value, axes=axes), contiguous=value.ndim > 0)


def _frequencies(name: str) -> None:
    @intercepts("numpy.fft", name)
    def run(trace: Trace, n: Any, d: Any = 1.0, **rest: Any) -> Any:
        if rest or type(d) not in (int, float) or not isinstance(n, int | np.integer) or n < 1 or d == 0:
            return NotImplemented
        return wrap(trace, trace.emit(BY_NAME[name], n=int(n), d=d), contiguous=True)


for _name in ("fftfreq", "rfftfreq"):
    _frequencies(_name)

# ----------------------------------------------------------------------------------------------------------- scipy


def _plain(trace: Trace, name: str, overwrite_x: Any, workers: Any, plan: Any = None) -> None:
    for keyword, value in (("overwrite_x", overwrite_x or None), ("workers", workers), ("plan", plan)):
        if value is not None:
            raise _no_keyword(trace, f"scipy.fft.{name}", keyword)


def _scipy_line(name: str) -> Callable[..., Any]:
    def run(
        trace: Trace,
        x: Any,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        _plain(trace, name, overwrite_x, workers, plan)
        return wrap(trace, _line(trace, getattr(SCIPY, name), x, n, axis, norm))

    return run


def _scipy_grid(name: str, axes_2: Any = None) -> Callable[..., Any]:
    def run(
        trace: Trace,
        x: Any,
        s: Any = None,
        axes: Any = axes_2,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        _plain(trace, name, overwrite_x, workers, plan)
        value = lift(trace, x)
        if name == "hfftn":
            norm = SWAPPED[_norm(norm)]
            made = _grid(trace, SCIPY, "irfftn", trace.emit(conjugate, value), s, axes, norm)
        elif name == "ihfftn":
            made = trace.emit(conjugate, _grid(trace, SCIPY, "rfftn", value, s, axes, SWAPPED[_norm(norm)]))
        else:
            made = _grid(trace, SCIPY, name, value, s, axes, norm)
        return as_tracer(trace, x) if made is value else wrap(trace, made)

    return run


def _scipy_real(name: str) -> Callable[..., Any]:
    def run(
        trace: Trace,
        x: Any,
        type: Any = 2,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        _plain(trace, name, overwrite_x, workers)
        if type not in (1, 2, 3, 4):
            raise ValueError(f"the type of scipy.fft.{name} is 1, 2, 3 or 4, not {type!r}")
        value = lift(trace, x)
        place = _axis(axis, value.ndim)
        said = None if n is None or index(n) == value.shape[place] else index(n)
        keywords = {"type": index(type), "n": said, "axis": place, "norm": _norm(norm)}
        even = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
        if value.dtype.kind == "c" and even != (norm == "ortho"):  # SciPy ignores it there
            raise _no_keyword(trace, f"scipy.fft.{name} of complex numbers", "orthogonalize")
        return wrap(trace, trace.emit(BY_NAME[f"scipy_{name}"], value, **keywords, orthogonalize=even))

    return run


def _scipy_real_grid(name: str) -> Callable[..., Any]:
    """One axis after the other, as SciPy does it."""

    def run(
        trace: Trace,
        x: Any,
        type: Any = 2,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        orthogonalize: Any = None,
    ) -> Any:
        _plain(trace, f"{name}n", overwrite_x, workers)
        x = as_tracer(trace, x)
        places, lengths = _places(trace, x, s, axes)
        for axis, n in zip(places, lengths or [None] * len(places), strict=True):
            x = _scipy_real(name)(trace, x, type, n, axis, norm, orthogonalize=orthogonalize)
        return x

    return run


for _name in _LINES:
    arranged("scipy.fft", _name)(_scipy_line(_name))
for _name in (*_GRIDS, "hfftn", "ihfftn"):
    arranged("scipy.fft", _name)(_scipy_grid(_name))
    arranged("scipy.fft", f"{_name[:-1]}2")(_scipy_grid(_name, (-2, -1)))
for _name in ("dct", "idct", "dst", "idst"):
    arranged("scipy.fft", _name)(_scipy_real(_name))
    arranged("scipy.fft", f"{_name}n")(_scipy_real_grid(_name))
