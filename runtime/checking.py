"""check_grads: the compiled derivative beside central differences, and a report that says where they part."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tracer.structure import Structure, flatten, unflatten
from .binding import signature_of
from .calculus import jvp, pushforward
from .pullback import vjp

# (atol, rtol, eps) by the coarsest dtype that takes part; central differences are good to eps**2 and rounding / eps.
TOLERANCES = {8: (1e-6, 1e-6, 1e-5), 4: (2e-2, 2e-2, 1e-2), 2: (2e-1, 2e-1, 1e-1)}
MODES = {"fwd": "forward", "rev": "reverse"}
DIRECTIONS = 3  # that are drawn for each check
ELEMENTS = 1000  # that are tried one by one for the report


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Compare f's derivatives up to `order` with central differences, for random cotangents and directions.

    args are the positional arguments: floats, complex numbers, arrays and structures of them, of any shape; integers,
    booleans, strings and None among them stay as they are. modes: "fwd" (jvp) and "rev" (vjp); from the second order
    on, each is checked of each. A check passes where |analytic - numeric| <= atol * sqrt(elements) + rtol * |numeric|,
    up to the rounding of f's values, by default with tolerances for the coarsest dtype among args. Raises
    AssertionError with the argument, the worst element, both numbers, the relative error and the generated line;
    ValueError for another mode or order, TypeError for args that are no sequence or hold nothing to differentiate.
    """
    __tracebackhide__ = True
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"check_grads knows the modes {' and '.join(map(repr, MODES))}, not {mode!r}")
    modes = [mode for mode in ("rev", "fwd") if mode in modes]  # the report of "rev" tells more, so it comes first
    if order < 1:
        raise ValueError("order must be at least 1")
    if not isinstance(args, tuple | list):
        raise TypeError("args must be a tuple of the arguments: check_grads(f, (x,))")
    random = np.random.default_rng(0)
    moving = _Moving.of(f, args)
    itemsizes = {_real(np.asarray(x).dtype).itemsize for x in flatten(moving.arguments)[0]}
    default = TOLERANCES.get(min(itemsizes), TOLERANCES[8])
    limits = tuple(d if given is None else given for given, d in zip((atol, rtol, eps), default, strict=True))
    _check(moving.function, moving, modes, order, random, limits, ())


def _check(
    f: Callable[..., Any],
    moving: _Moving,
    modes: Sequence[str],
    order: int,
    random: np.random.Generator,
    limits: tuple[float, ...],
    taken: tuple[str, ...],
) -> None:
    """Each mode of f, then each mode of each derivative of f."""
    __tracebackhide__ = True
    for mode in modes:
        _Check(f, moving, mode, random, limits, (*taken, mode)).run()
        if order > 1:
            _check(_derivative(f, moving, mode, random), moving, modes, order - 1, random, limits, (*taken, mode))


@dataclass(frozen=True, slots=True)
class _Moving:
    """A function of the arguments that can be differentiated alone: the others are constants in it."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    paths: list[str]  # what reaches each leaf from the user's args
    names: list[str]  # the parameter that each leaf belongs to

    @staticmethod
    def of(f: Callable[..., Any], args: Sequence[Any]) -> _Moving:
        kept: list[tuple[int, list[Any], Structure]] = []  # the arguments that move, as leaves
        given: list[Any] = []
        paths: list[str] = []
        names: list[str] = []
        called = _names(f, len(args))
        whole = True
        for number, argument in enumerate(args):
            leaves, structure = flatten(argument)
            floats = [_is_float(leaf) for leaf in leaves]
            whole = whole and all(floats) and bool(floats)
            if not any(floats):
                continue
            kept.append((number, leaves, structure))
            given.append(argument if all(floats) else [x for x, moves in zip(leaves, floats, strict=True) if moves])
            reached = [path for path, _ in structure.paths(f"args[{number}]")]
            paths += [path for path, moves in zip(reached, floats, strict=True) if moves]
            names += [called[number]] * sum(floats)
        if not given:
            raise TypeError("there is nothing to differentiate: args holds no floating-point or complex number")
        if whole:
            return _Moving(f, tuple(args), paths, names)

        def of_the_moving(*moved: Any) -> Any:
            arguments = list(args)
            for (number, leaves, structure), value in zip(kept, moved, strict=True):
                new = iter(flatten(value)[0])
                arguments[number] = unflatten(structure, iter([next(new) if _is_float(x) else x for x in leaves]))
            return f(*arguments)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(called[number], kind) for number, _, _ in kept]
        of_the_moving.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        of_the_moving.__name__ = getattr(f, "__name__", "function")
        of_the_moving.__wrapped__ = f  # type: ignore[attr-defined]  # whose file the comments need not name
        return _Moving(of_the_moving, tuple(given), paths, names)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """What f calls its positional arguments."""
    named: list[str] = []
    for p in signature_of(f).parameters.values():
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            named.append(p.name)
        elif p.kind is p.VAR_POSITIONAL:
            named += [f"{p.name}_{k}" for k in range(count - len(named))]
    return [*named, *(f"x{k}" for k in range(len(named), count))]


def _is_float(leaf: Any) -> bool:
    return np.asarray(leaf).dtype.kind in "fc"


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number."""
    return np.zeros(0, dtype).real.dtype


def _derivative(f: Callable[..., Any], moving: _Moving, mode: str, random: np.random.Generator) -> Callable[..., Any]:
    """The derivative of f along one fixed random cotangent or tangent, as a function to be checked itself."""
    if mode == "rev":
        leaves, structure = flatten(f(*moving.arguments))
        cotangent = unflatten(structure, iter([_draw(leaf, random) for leaf in leaves]))
        return lambda *args: flatten(vjp(f, *args)[1](cotangent))[0]  # no text returns dataclasses; a list will do
    leaves, structure = flatten(moving.arguments)
    tangents = unflatten(structure, iter([_draw(leaf, random) for leaf in leaves]))
    return lambda *args: jvp(f, args, tangents)[1]


def _draw(like: Any, random: np.random.Generator) -> Any:
    """Random numbers of both signs with the shape and dtype of a leaf; zero for what has no derivative."""
    array = np.asarray(like)
    drawn = random.uniform(0.5, 1.5, array.shape) * random.choice([-1.0, 1.0], array.shape)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * random.uniform(-1, 1, array.shape)
    if type(like) in (float, complex):
        return type(like)(drawn)
    return np.asarray(drawn if array.dtype.kind in "fc" else 0 * drawn, array.dtype if _is_float(like) else float)[()]


def _inner(cotangents: Sequence[Any], values: Sequence[Any]) -> float:
    """The real part of the sum of products: what a cotangent makes of a change. Added up in double precision."""
    parts = [np.sum(_wide(c) * _wide(v)).real for c, v in zip(cotangents, values, strict=True)]
    return float(sum(parts))


def _wide(x: Any) -> Any:
    array = np.asarray(x)
    return array.astype(np.result_type(array.dtype, np.float64)) if array.dtype.kind in "fciub" else np.zeros(())


class _Check:
    """One mode of one function at one point: the analytic and the numeric change along a direction."""

    def __init__(
        self,
        f: Callable[..., Any],
        moving: _Moving,
        mode: str,
        random: np.random.Generator,
        limits: tuple[float, ...],
        taken: tuple[str, ...],
    ) -> None:
        self.f = f
        self.moving = moving
        self.mode = mode
        self.random = random
        self.atol, self.rtol, self.eps = limits
        self.taken = taken
        self.leaves, self.structure = flatten(moving.arguments)
        self.source = ""
        if mode == "rev":
            out, pullback = vjp(f, *moving.arguments)
            self.results, structure = flatten(out)
            self.cotangents = [_draw(leaf, random) for leaf in self.results]
            self.gradients = flatten(pullback(unflatten(structure, iter(self.cotangents))))[0]
            self.source = getattr(pullback, "source", "")
        else:
            count = len(moving.arguments)
            self.pushforward = pushforward(f, count, tuple(range(count)))
            self.results = flatten(f(*self._built(self.leaves)))[0]
            self.cotangents = [_draw(leaf, random) for leaf in self.results]
        pairs = [(c, r) for c, r in zip(self.cotangents, self.results, strict=True) if _is_float(r)]
        sizes = [np.sum(np.abs(_wide(c) * _wide(r))) * np.finfo(np.asarray(r).dtype).eps for c, r in pairs]
        self.noise = 10 * float(sum(sizes)) / self.eps  # what rounding of f's own values makes of a difference

    def run(self) -> None:
        """Raise AssertionError if the two differ along one of a few random directions."""
        __tracebackhide__ = True
        elements = sum(np.size(x) for x in self.leaves)
        for _ in range(DIRECTIONS):
            direction = [_draw(leaf, self.random) for leaf in self.leaves]
            analytic, numeric = self.slopes(direction)
            allowed = max(1.0, elements**0.5) * self.atol + self.rtol * abs(numeric) + self.noise
            if not abs(analytic - numeric) <= allowed:
                raise AssertionError(self.report(analytic, numeric))

    def slopes(self, direction: Sequence[Any]) -> tuple[float, float]:
        """The analytic and the numeric change along the direction, which is that of the steps as they are rounded."""
        up = [_moved(x, self.eps * np.asarray(d)) for x, d in zip(self.leaves, direction, strict=True)]
        down = [_moved(x, -self.eps * np.asarray(d)) for x, d in zip(self.leaves, direction, strict=True)]
        taken = [(_wide(u) - _wide(d)) / (2 * self.eps) for u, d in zip(up, down, strict=True)]
        numeric = (self._value(up) - self._value(down)) / (2 * self.eps)
        if self.mode == "rev":
            return _inner(self.gradients, taken), numeric
        tangents = [_as(x, t) for x, t in zip(self.leaves, taken, strict=True)]
        changes = flatten(self.pushforward(*self._built(self.leaves), *self._built(tangents))[1])[0]
        self.source = self.pushforward.source
        return _inner(self.cotangents, changes), numeric

    def _value(self, leaves: list[Any]) -> float:
        return _inner(self.cotangents, flatten(self.f(*self._built(leaves)))[0])

    def _built(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        built: tuple[Any, ...] = unflatten(self.structure, iter(leaves))
        return built

    # ------------------------------------------------------------------------------------------------ reporting

    def report(self, analytic: float, numeric: float) -> str:
        """Both numbers for the element that is worst, and the generated line that made its gradient."""
        order = len(self.taken)
        what = f"the gradient of order {order} is wrong" if order > 1 else "the gradient is wrong"
        modes = f"{MODES[self.mode]} mode" + (f" of {' of '.join(MODES[m] for m in self.taken[-2::-1])}" * (order > 1))
        name = getattr(self.moving.function, "__name__", type(self.moving.function).__name__)
        lines = [f"{what}: {name}, {modes}"]
        worst = self._worst()
        if worst is not None:
            error, leaf, place, at = worst
            lines += [
                f"  argument: {self.moving.names[leaf]}, {_described(self.leaves[leaf])}",
                f"  worst element: {self.moving.paths[leaf]}{place}",
                f"  analytic: {at[0]!r}",
                f"  numeric:  {at[1]!r}",
                f"  relative error: {error:.3g}",
            ]
        lines.append(f"  along a random direction: analytic {analytic!r}, numeric {numeric!r}")
        lines += [f"  {line}" for line in _blame(self.source, self.mode, len(self.leaves), worst[1] if worst else 0)]
        return "\n".join(lines)

    def _worst(self) -> tuple[float, int, str, tuple[float, float]] | None:
        """(relative error, leaf, index, (analytic, numeric)) among at most so many elements."""
        worst: tuple[float, int, str, tuple[float, float]] | None = None
        budget = ELEMENTS
        for number, leaf in enumerate(self.leaves):
            steps = ((1.0, ""), (1j, " (imaginary part)")) if np.asarray(leaf).dtype.kind == "c" else ((1.0, ""),)
            for index in list(np.ndindex(np.shape(leaf)))[: max(budget, 0)]:
                for step, part in steps:
                    budget -= 1
                    direction = [np.zeros(np.shape(x), np.asarray(x).dtype) for x in self.leaves]
                    direction[number][index] = step
                    analytic, numeric = self.slopes(direction)
                    # beside the step's own rounding, so that the noise of a zero is not the worst of all
                    error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), self.atol)
                    if worst is None or not error <= worst[0]:
                        place = f"[{', '.join(map(str, index))}]" if index else ""
                        worst = (error, number, place + part, (analytic, numeric))
        return worst


def _as(like: Any, value: Any) -> Any:
    """The value with the type and the dtype of a leaf."""
    return type(like)(value) if type(like) in (float, complex) else np.asarray(value, np.asarray(like).dtype)[()]


def _moved(x: Any, by: Any) -> Any:
    return _as(x, np.asarray(x) + by)


def _described(leaf: Any) -> str:
    if type(leaf) in (float, complex):
        return f"a {type(leaf).__name__}"
    return f"{np.asarray(leaf).dtype}[{', '.join(map(str, np.shape(leaf)))}]"


def _blame(source: str, mode: str, count: int, wanted: int) -> list[str]:
    """The generated line that makes the gradient of the wanted leaf among so many, and the user's line it answers.

    In forward mode, and where gradients are returned in a form that does not tell, those of all.
    """
    returns = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        return []
    last = max(returns, key=lambda node: (node.col_offset, node.lineno))  # that of the nested function
    assert last.value is not None
    leaves = _leaf_expressions(last.value)
    if mode == "fwd":
        leaves = leaves[len(leaves) // 2 :]  # the tangents stand behind the results
    elif len(leaves) == count:
        leaves = [leaves[wanted]]
    names = [node.id for leaf in leaves for node in ast.walk(leaf) if isinstance(node, ast.Name) and node.id != "np"]
    lines = source.splitlines()
    found = []
    for name in dict.fromkeys(names):
        assigned = [k for k, line in enumerate(lines) if re.match(rf"\s*{name}(\[.*\])? ([-+*/]|\*\*)?= ", line)]
        if assigned:
            answers = (lines[k].strip() for k in range(assigned[-1], -1, -1) if re.match(r"\s*# .*line \d+:", lines[k]))
            found.append(f"generated line {assigned[-1] + 1}: {lines[assigned[-1]].strip()}")
            found += [f"which answers {answer[2:]}" for answer in [next(answers, "")] if answer]
    return found


def _leaf_expressions(node: ast.expr) -> list[ast.expr]:
    """The expressions of the leaves of what is returned, in order."""
    if isinstance(node, ast.Tuple | ast.List):
        return [leaf for element in node.elts for leaf in _leaf_expressions(element)]
    if isinstance(node, ast.Dict):
        return [leaf for value in node.values for leaf in _leaf_expressions(value)]
    return [] if isinstance(node, ast.Constant) and node.value is None else [node]
