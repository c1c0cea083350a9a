"""Random functions with a loop: odd carries, early values, writes, aliases, lists, parts of arrays by the round."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

KINDS = ("f8", "f8", "f8", "f4", "c16", "scalar", "scalar", "zero", "empty", "int")
LOOPS = (
    *["for t in range(T):"] * 4,
    "for t, x in enumerate(xs):",
    "for x, t in zip(xs, range(T)):",
    "for t in reversed(range(T)):",
)
PARTS = (
    *("x = xs[t]", "x = xs[T - 1 - t]", "x = xs[-1 - t]", "x = xs[t] + xs[(t + 1) % T]", "x = xs[2]"),
    *("x = ys[:, t] if ys.ndim > 1 else ys[t]", "x = xs[t, ...]", "x = xs[t] - xs[0]"),
)
STEPS = (
    *("a = a + 0.1 * np.tanh(b) * x", "b = b - 0.05 * a * a", "a, b = b, a", "h = np.tanh(0.5 * h + 0.3 * x)"),
    *("h = np.sin(h) + a", "total = total + np.sum(h * x)", "total = total + h", "total += np.sum(a)"),
    *("outs.append(h)", "outs.append(a * x)", "sums.append(np.sum(b * h))", "prev2 = prev; prev = a"),
    *("h = h + 0.1 * prev2", "h = 0.9 * h + 0.01 * t * x", "a = a * (1 + 0.001 * t)", "b = np.maximum(a, b) - 0.1"),
    *("b = np.where(a > b, a, b) * 0.9", "h = h / (1 + 0.1 * h * h)", "c = a * b; h = h + c * 0.1"),
    *("k = np.exp(-0.1 * xs[0]); a = a * k", "q = np.sqrt(1.5 + a * a); h = h - q * 0.01", "a = x * 0.3"),
    *("early = early + (np.sum(h) if t == 3 else 0.0)", "h = np.where(t % 2 == 0, h, a)", "b = b + 0.1 * np.sum(W)"),
    *("g = np.sum(a * a); h = h - 0.1 * g", "a = -a", "h = abs(h)", "prev2 = h", "h = prev * 0.5", "h = h ** 2 * 0.1"),
    *("total = total * 0.99", "h = np.copy(h)", "h = a", "prev = prev2", "b = b * 2.0 ** -t", "early = h"),
    *("early = np.sum(a) if t == 2 else early", "h = [h, a][t % 2] * 0.7", "w = u * 0.1; total = total + np.sum(w)"),
)
ON_ARRAYS = (
    *("a = W @ a * 0.3", "h = h + W @ x", "a = a[::-1] + 0.1 * x", "h = np.concatenate([h[1:], a[:1]])"),
    *("h = np.cumsum(h) * 0.2", "h = np.roll(h, 1)", "h = h[::-1]", "b = b.reshape(-1)", "outs.append(W @ x)"),
    *("a = np.sort(a)", "h = h.copy(); h[0:1] += 1.0", "P = W.T @ W; a = a + 0.01 * (P @ x)"),
)
PART_BY_PART = (
    *("y[t] = h", "y[t + 1] = 0.5 * y[t] + a * x", "y[t + 2] = y[t + 1] - 0.3 * y[t] + x", "h = h + y[t]"),
    *("y[t] = y[t + 1] + x", "y[t] += x", "y[T - t] = x * x", "h = h + 0.1 * y[T - t]", "y[t + 1] = np.sin(y[t])"),
    *("y[t, ...] = x", "y[t + 1] = 0.9 * y[t]; h = y[t + 1] * 0.3", "h = h + 0.1 * y[0]"),
)
IN_PLACE = (
    *("u[1:] += 0.1 * u[:-1]", "u += 0.1 * a", "u *= 0.9", "v = u; v[0:2] += 0.1", "u[:1] = x[:1]", "a = a + u"),
    *("w = u[::-1]; h = h + w", "u = u + x", "prev = u", "outs.append(u)", "outs.append(u[:1])", "u[...] = h"),
    *(
        "u[1:-1] = a[1:-1] + u[1:-1]",
        "h = u * 1.0",
        "u = np.tanh(u)",
        "early = u",
        "early = u[:1] if t == 4 else early",
    ),
)
ENDS = (
    *("z = z + np.sum(np.stack(VALUES) ** 2)", "z = z + np.sum(np.array(VALUES) ** 2)", "z = z + np.sum(VALUES[-1])"),
    *("z = z + np.sum(VALUES[2] * 0.3) + np.sum(VALUES[5])", "z = z + np.mean(np.stack(VALUES, axis=-1) ** 2)"),
    *("z = z + sum(np.sum(v * v) for v in VALUES)", "z = z + np.sum(np.cumsum(np.stack(VALUES), axis=0))"),
    "z = z + np.sum(np.stack(VALUES[1:]) ** 3)",
)
RESULT = (
    "np.sum(a) + np.sum(b * 0.7) + np.sum(h * h) + np.sum(total) + np.sum(early) + 0.3 * np.sum(prev)"
    " + 0.2 * np.sum(prev2) + np.sum(u * u) + np.sum(y * y)"
)


def program(seed: int) -> tuple[str, tuple[Any, ...]]:
    """The text of a function f, and its arguments."""
    draw = random.Random(seed)
    kind, n = draw.choice(KINDS), draw.choice((8, 9, 10, 12, 13))
    d = 0 if kind == "empty" else draw.choice((1, 2, 3, 4))
    steps = [*STEPS, *(ON_ARRAYS if kind not in ("scalar", "zero") else ())]
    lines = ["import numpy as np", "def f(a, b, u, W, xs, ys):", f"    T = {n}"]
    if draw.random() < 0.4 and kind not in ("scalar", "zero"):
        lines.append("    u = u.copy()")
        steps += [*IN_PLACE, *IN_PLACE]
    if draw.random() < 0.35:
        lines.append("    y = np.zeros((T + 2, *xs.shape[1:]), xs.dtype); y[0] = 0.3; y[-1] = xs[1]")
        steps += [*PART_BY_PART, *PART_BY_PART]
    else:
        lines.append("    y = 0.0")
    start = draw.choice(("0.0", "0", "np.sum(a)", "a", "b"))
    lines.append(f"    outs = []; sums = []; total = {start}; prev = a; prev2 = b; early = 0.0")
    lines.append(draw.choice(("    h = np.zeros_like(a)", "    h = b * 0.5")))
    loop = draw.choice(LOOPS)
    body = [] if "x" in loop.split(" in ")[0] else [draw.choice(PARTS)]
    body += [one for _ in range(draw.randint(1, 9)) for one in draw.choice(steps).split("; ")]
    nested = draw.random() < 0.2
    body += ["for _ in range(3):", f"    {draw.choice(('h = np.tanh(h + 0.1 * a)', 'a = a - 0.1 * h * h'))}"] * nested
    lines += [f"    {loop}", *(f"        {line}" for line in body)] * draw.choice((1, 1, 1, 1, 1, 1, 2))
    lines.append(f"    z = {RESULT}")
    for values in ("outs", "sums"):
        lines += [f"    if {values}:", f"        {draw.choice(ENDS).replace('VALUES', values)}"]
    lines.append("    return np.real(z * np.conj(z))" if kind == "c16" else "    return z")
    return "\n".join(lines) + "\n", _arguments(kind, n, d, np.random.default_rng(seed))


def _arguments(kind: str, n: int, d: int, draw: np.random.Generator) -> tuple[Any, ...]:
    if kind == "scalar":
        return (*(float(draw.normal()) for _ in range(4)), draw.normal(size=n), draw.normal(size=n))
    if kind == "zero":
        numbers = np.array(draw.normal()), np.float64(draw.normal()), float(draw.normal()), np.array(0.3)
        return (*numbers, draw.normal(size=n), draw.normal(size=n))
    arrays = [draw.normal(size=shape) for shape in ((d,), (d,), (d,), (d, d), (n, d), (d, n))]
    if kind == "f4":
        arrays = [x.astype(np.float32) for x in arrays]
    if kind == "c16":
        arrays = [x + 1j * draw.normal(size=x.shape) for x in arrays]
    if kind == "int":
        arrays[1] = draw.integers(0, 4, size=d)
    return tuple(arrays)
