"""What the rounds of a loop leave in lists: as arrays and back, and read by the loop that goes the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..aliasing import shares_memory
from ..builder import Value
from ..op import NONDIFF, Refused, op
from ..program import Equation, Literal, Program, Var
from ..types import PYTHON_TYPE, ArrayType
from .shape import transpose

_NO_BATCH = Refused("lists are made after the batch")


def _array_of(x: Any) -> Any:
    return np.array(x)


@op(name="array_of", fun=_array_of, python="np.array({0})", batch=_NO_BATCH, rearranges=True)
def array_of(x: ArrayType) -> ArrayType:
    """A list of Python's numbers as an array."""
    return x.strong()


array_of.vjp(lambda g, y, x: g)


def _stack_of(x: Any, *, axis: int) -> Any:
    return np.stack(x, axis=axis)


@op(
    name="stack_of",
    fun=_stack_of,
    python=lambda x, *, axis: f"np.stack({{0}}, axis={axis})",
    batch=_NO_BATCH,
    rearranges=True,
)
def stack_of(x: ArrayType, *, axis: int) -> ArrayType:
    """A list of arrays as one array, with the rounds along another axis than the first."""
    shape = list(x.shape)
    return x.with_shape([*shape[1 : axis + 1], shape[0], *shape[axis + 1 :]])


@stack_of.vjp
def stack_of_vjp(g: Value, y: Value, x: Value, *, axis: int) -> Value:
    return transpose(g, axes=(axis, *range(axis), *range(axis + 1, g.ndim)))


def _list_of(x: Any) -> Any:
    return np.asarray(x).tolist()


@op(name="list_of", fun=_list_of, python="{0}.tolist()", batch=_NO_BATCH, rearranges=True)
def list_of(x: ArrayType) -> ArrayType:
    """An array of float64 or complex128 numbers as a list of Python's."""
    if x.ndim != 1 or x.dtype.name not in ("float64", "complex128"):
        raise TypeError(f"{x} is not made a list of Python's numbers")
    return ArrayType(x.shape, x.dtype, weak=True)


list_of.vjp(lambda g, y, x: g)


def _numbers_text(*, values: tuple[Any, ...]) -> str:
    n = len(values)
    if type(values[0]) is int:
        start, step = values[0], values[1] - values[0]
        if step and values == tuple(range(start, start + n * step, step)):
            stop = start + n * step
            return f"range({stop})" if (start, step) == (0, 1) else f"range({start}, {stop}{f', {step}' * (step != 1)})"
    elif type(values[0]) is float:
        unit = values[1] - values[0]
        if list(map(repr, values)) == list(map(repr, (unit * np.arange(n)).tolist())):
            return f"({unit!r} * np.arange({n})).tolist()"
        return _powers_text(values) or f"[{', '.join(map(repr, values))}]"
    return f"[{', '.join(map(repr, values))}]"


def _powers_text(values: tuple[float, ...]) -> str:
    """Numbers such as 0.9 ** t, 0.1 * 0.9 ** t or 1 - 0.9 ** t, in these words if that gives the same bits."""
    n = len(values)
    for first in (0, 1):
        over = range(first, first + n)
        rest = 1 - values[1 - first]  # of the power 1
        candidates = [("1 - {b} ** step", 1.0, rest)] if 0 < rest < 1 else []
        if values[0]:
            base = values[1] / values[0]
            scale = values[0] if not first else values[0] / base if base else 0.0
            candidates += [("{b} ** step", 1.0, base), ("{a} * {b} ** step", scale, base)]
        for text, scale, base in candidates:
            a, b = float(f"{scale:.12g}"), float(f"{base:.12g}")
            if not 0 < b < 1e3 or abs(math.log(b)) * n > 500:
                continue
            made = [1 - b**k if text.startswith("1") else a * b**k if "a" in text else b**k for k in over]
            if made == list(values):
                within = f"{n}" if not first else f"{first}, {first + n}"
                return f"[{text.format(a=a, b=b)} for step in range({within})]"
    return ""


@op(name="numbers", fun=lambda *, values: list(values), python=_numbers_text, rule=NONDIFF, batch=_NO_BATCH)
def numbers(*, values: tuple[Any, ...]) -> ArrayType:
    """A list of finite numbers of Python's, all of one type, one for each round of a loop."""
    kinds = {type(value) for value in values}
    if len(values) < 2 or len(kinds) != 1 or not kinds.issubset(PYTHON_TYPE.values()):
        raise TypeError("a list of numbers has two at least, of one type")
    return ArrayType((len(values),), np.dtype(kinds.pop()), weak=True)


def read_back(adjoint: Program, collected: Sequence[Value]) -> tuple[Program, list[int]]:
    """The body of the loop back with what the loop forth has collected as further inputs, and which these are.

    `collected` are values of the body, computed a second time in it. Views are made again, of what was collected.
    """
    from dataclasses import replace

    from ..passes.dead_code import eliminate_dead_code
    from ..passes.simplify import simplify

    count = len(adjoint.outputs)
    whole = replace(adjoint, outputs=(*adjoint.outputs, *(value.atom for value in collected)))
    whole = simplify(eliminate_dead_code(whole))
    given = set(whole.inputs)
    made = whole.definitions()
    known: dict[Any, int] = {}
    for j, atom in enumerate(whole.outputs[count:]):
        if isinstance(atom, Var) and atom not in given and not _again(made[atom]):
            known.setdefault(atom, j)
    stack, seen, read = list(whole.outputs[:count]), set(), []
    while stack:
        atom = stack.pop()
        if isinstance(atom, Literal) or atom in given or atom in seen:
            continue
        seen.add(atom)
        if atom in known:
            read.append(atom)
        else:
            stack += made[atom].operands
    read.sort(key=known.__getitem__)
    taken = set(read)
    left = tuple(e for e in whole.equations if taken.isdisjoint(e.outs))
    body = replace(whole, inputs=(*whole.inputs, *read), equations=left, outputs=whole.outputs[:count])
    return eliminate_dead_code(body), [known[atom] for atom in read]


def _again(equation: Equation) -> bool:
    """Whether it is made again rather than kept: a view, or a buffer that holds one number."""
    if len(equation.outs) > 1:
        return True
    return shares_memory(equation) or not equation.operands
