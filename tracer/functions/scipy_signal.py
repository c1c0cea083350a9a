"""scipy.signal: modes, methods and boundaries of convolutions; filters, and what is made of them.

Windows and designs of filters (`get_window`, `butter`, `firwin`, ...) take plain numbers and are called as they are.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ...ir.builder import Value
from ...ir.op import Op
from ...ir.ops import signal
from ...ir.types import normalize_axis
from ..array import lift, wrap
from ..creation import traced_creation
from ..refusals import refuse
from ..trace import Trace
from .borrowed import in_steps
from .libraries import arranged
from .registry import as_tracer
from .scipy_matrices import windows

_BOUNDARIES = {"wrap": "wrap", "circular": "wrap", "symm": "symmetric", "symmetric": "symmetric"}


def _operands(trace: Trace, name: str, in1: Any, in2: Any) -> tuple[Value, Value]:
    a, b = lift(trace, in1), lift(trace, in2)
    if a.ndim != b.ndim:
        raise ValueError(f"{name}: in1 and in2 should have the same dimensionality")
    if 0 in (a.size, b.size):
        raise refuse(trace, f"{name} of an empty array", "", "np.array([])")
    return a, b


def _by_method(name: str, op: Op | None) -> None:
    assert op is not None

    @arranged("scipy.signal", name)
    @in_steps
    def run(trace: Trace, in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
        a, b = _operands(trace, f"scipy.signal.{name}", in1, in2)
        if method not in ("auto", "direct", "fft"):
            raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
        if a.ndim == 0:
            x, w = as_tracer(trace, in1), as_tracer(trace, in2)
            return x * (np.conj(w) if name == "correlate" and np.iscomplexobj(w) else w)
        return wrap(trace, trace.emit(op, a, b, mode=mode, method=method))


def _by_axes(name: str, op: Op) -> None:
    @arranged("scipy.signal", name)
    @in_steps
    def run(trace: Trace, in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
        a, b = _operands(trace, f"scipy.signal.{name}", in1, in2)
        if a.ndim == 0:
            return as_tracer(trace, in1) * as_tracer(trace, in2)
        places = None
        if axes is not None:
            given = axes if isinstance(axes, tuple | list | np.ndarray) else [axes]
            places = tuple(normalize_axis(index(i), a.ndim) for i in given)
            if len(set(places)) != len(places):
                raise ValueError("all axes must be unique")
            if not places:
                raise ValueError("when provided, axes cannot be empty")
        return wrap(trace, trace.emit(op, a, b, mode=mode, axes=places))


def _in_plane(name: str, op: Op | None) -> None:
    assert op is not None

    @arranged("scipy.signal", name)
    @in_steps
    def run(trace: Trace, in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
        """Beyond the boundary stands what `np.pad` puts there: a part of the whole that a larger array has."""
        a, b = _operands(trace, f"scipy.signal.{name}", in1, in2)
        if a.ndim != 2:
            raise ValueError(f"{name} inputs must both be 2-D arrays")
        if boundary not in ("fill", "pad", *_BOUNDARIES):
            raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric'.")
        x = as_tracer(trace, in1)
        if mode == "valid" or (boundary in ("fill", "pad") and isinstance(fillvalue, int | float) and fillvalue == 0):
            return wrap(trace, trace.emit(op, a, b, mode=mode))
        if mode not in ("full", "same"):
            raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
        widths = []
        for n in b.shape:
            middle = n // 2 if name == "correlate2d" else (n - 1) // 2
            before = n - 1 if mode == "full" else n - 1 - middle
            widths.append((before, n - 1 if mode == "full" else middle))
        if boundary in _BOUNDARIES:
            mirrored: Any = _BOUNDARIES[boundary]
            around = np.pad(x, widths, mode=mirrored)
        else:
            around = np.pad(x, widths, constant_values=fillvalue)
        return wrap(trace, trace.emit(op, lift(trace, around), b, mode="valid"))


_by_method("convolve", signal.DIRECT.convolve)
_by_method("correlate", signal.DIRECT.correlate)
_by_axes("fftconvolve", signal.FOURIER.convolve)
_by_axes("oaconvolve", signal.OVERLAP.convolve)
_in_plane("convolve2d", signal.PLANE.convolve)
_in_plane("correlate2d", signal.PLANE.correlate)

# ----------------------------------------------------------------------------------------------------------- filters


def _filtered(trace: Trace, b: Any, a: Any, x: Any, axis: int) -> Any:
    return wrap(trace, trace.emit(signal.lfilter, lift(trace, b), lift(trace, a), lift(trace, x), axis=axis))


def _cut(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    return x[(*(slice(None),) * (axis % x.ndim), slice(start, stop, step))]


@arranged("scipy.signal", "lfilter")
@in_steps
def lfilter(trace: Trace, b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    b, a = np.atleast_1d(as_tracer(trace, b)), np.atleast_1d(as_tracer(trace, a))
    x = as_tracer(trace, x)
    axis = normalize_axis(index(axis), x.ndim)
    if zi is None:
        return _filtered(trace, b, a, x, axis)
    zi = as_tracer(trace, zi)
    order = max(b.shape[0], a.shape[0]) - 1
    expected = tuple(order if i == axis else n for i, n in enumerate(x.shape))
    if zi.shape != expected:
        if zi.ndim != x.ndim:
            raise ValueError("object of too small depth for desired array")
        zi = np.broadcast_to(zi, expected)
    if x.shape[axis] < order:
        raise refuse(trace, "zi= of scipy.signal.lfilter with a signal shorter than the filter")
    y = _filtered(trace, b, a, x, axis) + _response(trace, a, zi, axis, x.shape[axis])
    last_x, last_y = (np.moveaxis(_cut(s, axis, s.shape[axis] - order, None), axis, -1)[..., ::-1] for s in (x, y))
    if not order:
        return y, as_tracer(trace, np.zeros(expected))
    coming = last_x @ np.transpose(_tails(b, order)) - last_y @ np.transpose(_tails(a, order))
    return y, np.moveaxis(coming / a[0], -1, axis)


def _tails(c: Any, order: int) -> Any:
    """c[i + j] for i, j = 0, 1, ... and j from 1: what of the last inputs is still to come."""
    return windows(np.pad(c[1:], (0, 2 * order - c.shape[0])), order)


def _response(trace: Trace, a: Any, zi: Any, axis: int, n: int) -> Any:
    """What the state at the beginning adds to n outputs: it waits to be added to the next ones."""
    widths = [(0, n - size if i == axis else 0) for i, size in enumerate(zi.shape)]
    return _filtered(trace, a[:1], a, np.pad(zi, widths), axis)


@arranged("scipy.signal", "filtfilt")
@in_steps
def filtfilt(
    trace: Trace,
    b: Any,
    a: Any,
    x: Any,
    axis: int = -1,
    padtype: Any = "odd",
    padlen: Any = None,
    method: str = "pad",
    irlen: Any = None,
) -> Any:
    """Forwards and backwards, each from the steady state (F. Gustafsson, 1996, is another method)."""
    if method != "pad" or irlen is not None:
        raise refuse(trace, "the keyword 'method' of scipy.signal.filtfilt", "", "method='pad'")
    b, a = np.atleast_1d(as_tracer(trace, b)), np.atleast_1d(as_tracer(trace, a))
    x = as_tracer(trace, x)
    axis = normalize_axis(index(axis), x.ndim)
    n, taps = x.shape[axis], max(a.shape[0], b.shape[0])
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(f"Unknown value '{padtype}' given to padtype: it is 'even', 'odd', 'constant', or None.")
    edge = 0 if padtype is None else taps * 3 if padlen is None else index(padlen)
    if n <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    longer = _extended(x, axis, edge, padtype) if edge else x
    shape = [1] * x.ndim
    shape[axis] = -1
    start = np.reshape(_steady(b, a, taps), shape) if taps > 1 else None

    def once(signal: Any) -> Any:
        made = _filtered(trace, b, a, signal, axis)
        if start is None:
            return made
        return made + _response(trace, a, start * _cut(signal, axis, 0, 1), axis, signal.shape[axis])

    there = once(longer)
    back = np.flip(once(np.flip(there, axis)), axis)
    return _cut(back, axis, edge, back.shape[axis] - edge) if edge else back


def _steady(b: Any, a: Any, taps: int) -> Any:
    """The state in which a filter answers ones with ones (scipy.signal.lfilter_zi)."""
    a, b = (np.pad(c / a[0], (0, taps - c.shape[0])) if c.shape[0] < taps else c / a[0] for c in (a, b))
    rest = b[1:] - a[1:] * b[0]
    sums = np.cumsum(rest)
    first = sums[-1] / np.sum(a)
    return np.cumsum(a)[:-1] * first - np.pad(sums[:-1], (1, 0))


def _extended(x: Any, axis: int, n: int, kind: str) -> Any:
    if kind == "constant":
        before, after = (np.repeat(end, n, axis) for end in (_cut(x, axis, 0, 1), _cut(x, axis, -1, None)))
    else:
        before = np.flip(_cut(x, axis, 1, n + 1), axis)
        after = np.flip(_cut(x, axis, -n - 1, -1), axis)
        if kind == "odd":
            before = 2 * _cut(x, axis, 0, 1) - before
            after = 2 * _cut(x, axis, -1, None) - after
    return np.concatenate([before, x, after], axis)


@arranged("scipy.signal", "sosfilt")
@in_steps
def sosfilt(trace: Trace, sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """One section after the other."""
    if zi is not None:
        raise refuse(trace, "the keyword 'zi' of scipy.signal.sosfilt")
    sos, x = as_tracer(trace, sos), as_tracer(trace, x)
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    axis = normalize_axis(index(axis), x.ndim)
    for section in range(sos.shape[0]):
        x = _filtered(trace, sos[section, :3], sos[section, 3:], x, axis)
    return x


@arranged("scipy.signal", "detrend")
@in_steps
def detrend(
    trace: Trace, data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Any:
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    x = as_tracer(trace, data)
    if x.dtype.name not in ("float64", "float32", "complex128", "complex64"):
        x = x.astype(float)
    if type in ("constant", "c"):
        return x - np.mean(x, axis, keepdims=True)
    axis = normalize_axis(index(axis), x.ndim)
    n = x.shape[axis]
    ends = np.unique(np.concatenate([np.atleast_1d(0), np.atleast_1d(np.asarray(bp)), np.atleast_1d(n)]))
    if np.any(ends > n):
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    front = np.moveaxis(x, axis, 0)
    pairs = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
    parts = [_without_line(front[start:stop] if len(pairs) > 1 else front) for start, stop in pairs]
    return np.moveaxis(np.concatenate(parts) if len(parts) > 1 else parts[0], 0, axis)


def _without_line(x: Any) -> Any:
    """What is left of the first axis without the line that fits best."""
    n = x.shape[0]
    level = x - np.mean(x, axis=0)
    if n < 2:
        return level
    t = (traced_creation("arange", n) - 0.5 * (n - 1)).astype(x.dtype)
    slope = np.tensordot(t, x, 1) / (n * (n**2 - 1) / 12)
    return level - np.reshape(t, (n, *[1] * (x.ndim - 1))) * slope
