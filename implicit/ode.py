"""Initial value problems by the method of Dormand and Prince, with gradients by the adjoint equation."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..runtime.api import stop_gradient
from ..runtime.pullback import vjp
from ..tracer.custom import custom_vjp
from ..tracer.loops import scan, while_loop
from .functions import cotangents, split

# Dormand and Prince 1980, table 2: 5th order, the last stage is the first one of the next step.
_NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES: tuple[tuple[float, ...], ...] = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1.4e-8,
    atol: float = 1.4e-8,
    max_steps: int = 10_000,
) -> Any:
    """y at the times t, of dy/dt = f(y, t, *args) and y(t[0]) = y0: an array of shape (len(t), *y0.shape).

    y0 is an array of real floats and f returns one of its shape and dtype; t is increasing or decreasing; args may be
    nested structures. Steps are chosen so that the error of each is below atol + rtol * |y| (Hairer, Nørsett and
    Wanner, Solving Ordinary Differential Equations I, II.4); from where max_steps for one interval do not suffice, the
    result is nan. Gradients with respect to y0, t and args integrate the adjoint equation backwards (Pontryagin 1962;
    Chen et al. 2018), to the same tolerances; nothing is kept but the result. TypeError for complex y0, and where f
    returns another shape or dtype than that of y; ValueError for t that is empty or not of one dimension.
    """
    y0 = np.asarray(y0) if hasattr(y0, "__array_ufunc__") else np.asarray(y0, float)
    if y0.dtype.kind != "f":
        raise TypeError(f"odeint takes y0 of real floats, not of {y0.dtype}: y0.astype(float), or the two parts of it")
    times = t if hasattr(t, "__array_ufunc__") else np.asarray(t)
    if np.ndim(times) != 1 or not np.shape(times)[0]:
        shape = np.shape(times)
        raise ValueError(f"odeint takes t of one dimension with at least one time in it, not of shape {shape}")
    options = rtol, atol, max_steps

    def solution(y0: Any, t: Any, *args: Any) -> Any:
        def interval(carry: Any, end: Any) -> Any:
            y, start = carry
            y = _integrated(lambda y, s: f(y, s, *args), y, start, end, options)
            return (y, end), y

        if len(t) == 1:
            return y0[None] * 1.0
        _, ys = scan(interval, (y0, t[0]), t[1:])
        return np.concatenate([y0[None], ys])

    solved = custom_vjp(solution)

    def forward(y0: Any, t: Any, *args: Any) -> Any:
        ys = solved(y0, t, *args)
        return ys, (ys, t, args)

    def backward(kept: tuple[Any, Any, tuple[Any, ...]], g: Any) -> tuple[Any, ...]:
        ys, t, args = kept
        return _adjoint(f, ys, t, args, g, options)

    solved.defvjp(forward, backward)
    return solved(y0, times.astype(y0.dtype), *args)


def _integrated(f: Callable[[Any, Any], Any], y: Any, start: Any, end: Any, options: tuple[float, float, int]) -> Any:
    """y at `end` from y at `start`. The steps are constants for derivatives."""
    rtol, atol, max_steps = options
    slope = _slope(f(y, start), y)

    def size(error: Any, y: Any) -> Any:
        return np.sqrt(np.mean((error / (atol + rtol * np.abs(y))) ** 2)) if y.size else np.sum(y)

    def unfinished(carry: Any) -> Any:
        going = (carry[2] != end) & (carry[4] < max_steps)
        return going

    def step(carry: Any) -> Any:
        y, slope, time, h, count = carry
        left = end - time
        last = np.abs(h) >= np.abs(left)
        h = np.where(last, left, h)
        slopes = [slope]
        for node, weights in zip(_NODES, _STAGES, strict=True):
            new = y + h * _weighted(weights, slopes)
            slopes.append(f(new, time + node * h))
        error = h * _weighted(_ERROR, slopes)
        wrong = stop_gradient(size(error, np.maximum(np.abs(y), np.abs(new))))
        good = wrong <= 1
        factor = np.clip(0.9 * np.maximum(wrong, 1e-10) ** -0.2, 0.2, 10.0)
        factor = np.where(np.isfinite(wrong), factor, 0.2)
        reached = np.where(good, np.where(last, end, time + h), time)
        return (
            np.where(good, new, y),
            np.where(good, slopes[-1], slope),
            reached,
            stop_gradient((h * factor).astype(y.dtype)),
            count + 1,
        )

    first = stop_gradient(_first_step(size(y, y), size(slope, y), end - start)).astype(y.dtype)
    y, _, time, _, _ = while_loop(unfinished, step, (y, slope, start, first, 0))
    return np.where(time == end, y, np.nan)


def _slope(slope: Any, y: Any) -> Any:
    """What f returns, held to the shape and dtype of y."""
    if isinstance(slope, int | float) and y.shape == ():
        return np.asarray(slope, y.dtype)
    of_list = isinstance(slope, list | tuple)
    if not of_list and np.shape(slope) == y.shape and np.result_type(slope) == y.dtype:
        return slope
    shown = type(slope).__name__ if of_list else f"{np.result_type(slope)} of shape {np.shape(slope)}"
    raise TypeError(
        f"f of odeint returns a {shown}, and y is {y.dtype} of shape {y.shape}: dy/dt has the shape and dtype of y, "
        "np.stack([...]).astype(y.dtype)"
    )


def _weighted(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    return functools.reduce(operator.add, [w * k for w, k in zip(weights, slopes, strict=True) if w])


def _first_step(of_y: Any, of_slope: Any, whole: Any) -> Any:
    """A hundredth of the way on which y changes by its own size, or a millionth of the interval."""
    known = (of_y > 1e-5) & (of_slope > 1e-5)
    guess = 0.01 * of_y / np.where(known, of_slope, 1)
    return np.sign(whole) * np.minimum(np.where(known, guess, 1e-6 * np.abs(whole)), np.abs(whole))


def _adjoint(
    f: Callable[..., Any], ys: Any, t: Any, args: Sequence[Any], g: Any, options: tuple[float, float, int]
) -> tuple[Any, ...]:
    """The cotangents of y0, t and args: d weights/dt = -weights df/dy, from the last time to the first."""
    moving, with_moving = split(args)
    shape, n = ys.shape[1:], ys[0].size

    def backwards(z: Any, time: Any) -> Any:
        y, weights = np.reshape(z[:n], shape), np.reshape(z[n : 2 * n], shape)
        slope, pullback = vjp(lambda y, *moving: f(y, time, *with_moving(moving)), y, *moving)
        parts = [slope, *(part for d in pullback(-weights) for part in _reals(d))]
        return np.concatenate([np.reshape(part, (-1,)).astype(z.dtype) for part in parts])

    def interval(carry: Any, x: Any) -> Any:
        weights, sums = carry
        y, dy, end, start = x
        dend = np.sum(dy * f(y, end, *args))
        weights = weights + np.reshape(dy, (n,))
        z = np.concatenate([np.reshape(y, (n,)), weights, sums])
        z = _integrated(backwards, z, end, start, options)
        return (z[n : 2 * n], z[2 * n :]), dend

    count = sum(np.size(part) for one in moving for part in _reals(one))
    zeros = np.zeros(n, ys.dtype), np.zeros(count, ys.dtype)
    values, of_values, ends, starts = ys[1:], g[1:], t[1:], t[:-1]
    (weights, sums), dt = scan(interval, zeros, (values, of_values, ends, starts), reverse=True)
    weights = np.reshape(weights, shape)
    first = -np.sum(weights * f(ys[0], t[0], *args))
    found, place = [], 0
    for one in moving:
        parts = []
        for part in _reals(one):
            parts.append(np.reshape(sums[place : place + np.size(part)], np.shape(part)))
            place += np.size(part)
        found.append((parts[0] + 1j * parts[1] if len(parts) > 1 else parts[0]).astype(np.result_type(one)))
    return weights + g[0], np.concatenate([np.reshape(first, (1,)), dt]), *cotangents(args, found)


def _reals(x: Any) -> list[Any]:
    """A real array, or the two parts of a complex one."""
    return [np.real(x), np.imag(x)] if np.result_type(x).kind == "c" else [x]
