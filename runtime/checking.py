"""check_grads: the compiled derivative beside central differences, and a report that says where they part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tracer.structure import Structure, flatten, unflatten
from .pullback import vjp

# (atol, rtol, eps) by the coarsest dtype that takes part; central differences are good to eps**2 and rounding / eps.
TOLERANCES = {8: (1e-6, 1e-6, 1e-5), 4: (2e-2, 2e-2, 1e-2), 2: (2e-1, 2e-1, 1e-1)}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("rev",),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Compare f's derivatives up to `order` with central differences, for random cotangents and directions.

    args are floating-point scalars, arrays and structures of them. Raises AssertionError with the argument, the worst
    element, both numbers, the relative error and the generated line; ValueError for a mode other than "rev".
    """
    for mode in modes:
        if mode != "rev":
            raise ValueError(f"check_grads knows the mode 'rev', not {mode!r}")
    if order < 1:
        raise ValueError("order must be at least 1")
    arguments = tuple(args)
    random = np.random.default_rng(0)
    itemsize = min((np.dtype(type_of_leaf(x)).itemsize for x in flatten(arguments)[0]), default=8)
    default = TOLERANCES[min(itemsize, 8) if itemsize in TOLERANCES else 8]
    limits = tuple(d if given is None else given for given, d in zip((atol, rtol, eps), default, strict=True))
    for level in range(1, order + 1):
        _check_reverse(f, arguments, random, limits, level)
        if level < order:
            f = _derivative(f, arguments, random)


def type_of_leaf(leaf: Any) -> Any:
    """The real dtype in which a leaf's parts are counted."""
    dtype = np.asarray(leaf).dtype
    return np.zeros(0, dtype).real.dtype if dtype.kind in "fc" else np.dtype(float)


def _derivative(f: Callable[..., Any], arguments: tuple[Any, ...], random: np.random.Generator) -> Callable[..., Any]:
    """The gradient of f along one fixed random cotangent, as a function to be checked itself."""
    leaves, structure = flatten(f(*arguments))
    cotangent = unflatten(structure, iter([_draw(leaf, random) for leaf in leaves]))

    def derivative(*args: Any) -> Any:
        return vjp(f, *args)[1](cotangent)

    return derivative


def _draw(like: Any, random: np.random.Generator) -> Any:
    """Random numbers of both signs with the shape and dtype of a leaf."""
    array = np.asarray(like)
    drawn = random.uniform(0.5, 1.5, array.shape) * random.choice([-1.0, 1.0], array.shape)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * random.uniform(-1, 1, array.shape)
    if type(like) in (float, complex):
        return type(like)(drawn)
    return np.asarray(drawn, array.dtype if array.dtype.kind in "fc" else float)[()]


def _inner(cotangents: list[Any], values: list[Any]) -> float:
    """The real part of the sum of products: what a cotangent makes of a change."""
    return float(sum(np.sum(np.asarray(c) * np.asarray(v)).real for c, v in zip(cotangents, values, strict=True)))


def _check_reverse(
    f: Callable[..., Any],
    arguments: tuple[Any, ...],
    random: np.random.Generator,
    limits: tuple[float, ...],
    level: int,
) -> None:
    atol, rtol, eps = limits
    out, pullback = vjp(f, *arguments)
    results, result_structure = flatten(out)
    cotangents = [_draw(leaf, random) for leaf in results]
    gradients, _ = flatten(pullback(unflatten(result_structure, iter(cotangents))))
    leaves, structure = flatten(arguments)

    def value(changed: list[Any]) -> float:
        moved = flatten(f(*unflatten(structure, iter(changed))))[0]
        return _inner(cotangents, moved)

    def slope(direction: list[Any]) -> float:
        up = value([_moved(x, eps * d) for x, d in zip(leaves, direction, strict=True)])
        down = value([_moved(x, -eps * d) for x, d in zip(leaves, direction, strict=True)])
        return (up - down) / (2 * eps)

    for _ in range(3):
        direction = [np.asarray(_draw(leaf, random)) for leaf in leaves]
        analytic, numeric = _inner(gradients, direction), slope(direction)
        scale = max(1.0, float(np.sqrt(sum(np.size(x) for x in leaves))))
        if not abs(analytic - numeric) <= scale * atol + rtol * abs(numeric):
            source = getattr(pullback, "source", "")
            raise AssertionError(_report(leaves, structure, gradients, slope, source, level, (analytic, numeric)))


def _moved(x: Any, by: Any) -> Any:
    moved = np.asarray(x) + by
    return type(x)(moved) if type(x) in (float, complex) else np.asarray(moved, np.asarray(x).dtype)[()]


def _report(
    leaves: list[Any],
    structure: Structure,
    gradients: list[Any],
    slope: Callable[[list[Any]], float],
    source: str,
    level: int,
    along: tuple[float, float],
) -> str:
    """The element that is worst, among at most a thousand that are tried one by one."""
    worst: tuple[float, str, float, float] | None = None
    paths = [path for path, _ in structure.paths("args")]
    budget = 1000
    for number, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        for index in list(np.ndindex(np.shape(leaf)))[: max(budget, 0)]:
            budget -= 1
            direction = [np.zeros(np.shape(x)) for x in leaves]
            direction[number][index] = 1.0
            analytic, numeric = float(np.real(np.asarray(gradient)[index])), slope(direction)
            error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), 1e-12)
            if worst is None or not error <= worst[0]:
                place = f"{paths[number]}{list(index) if index else ''}"
                worst = (error, place, analytic, numeric)
    lines = [f"the gradient of order {level} is wrong" if level > 1 else "the gradient is wrong"]
    if worst is not None:
        error, place, analytic, numeric = worst
        lines += [
            f"  worst element: {place}",
            f"  analytic: {analytic!r}",
            f"  numeric:  {numeric!r}",
            f"  relative error: {error:.3g}",
        ]
    lines.append(f"  along a random direction: analytic {along[0]!r}, numeric {along[1]!r}")
    lines += [f"  generated: {line}" for line in _blame(source)]
    return "\n".join(lines)


def _blame(source: str) -> list[str]:
    """The generated lines of the backward pass that make the returned gradients."""
    lines = [line.strip() for line in source.splitlines()]
    returned = next((line for line in reversed(lines) if line.startswith("return (")), "")
    names = returned.removeprefix("return (").rstrip(",)").replace(" ", "").split(",")
    found = []
    for name in filter(None, names):
        assigned = [line for line in lines if line.startswith((f"{name} = ", f"{name} += ", f"{name} -= ", f"{name}["))]
        found += assigned[-1:]
    return found
