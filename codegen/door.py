"""What a module checks when it is called: that the arguments are those that its text was written for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.dims import linear, names_in
from ..ir.types import PYTHON_TYPE, ArrayType
from .source import WIDTH, Item, Verbatim

_ROOM = WIDTH - 12  # for a part of the test on a line of its own


class Leaf(NamedTuple):
    """An array or a number among the arguments: how the caller reaches it, and what it is called in the text."""

    path: str
    name: str
    type: ArrayType


def type_text(type_: ArrayType) -> str:
    """`float64[32, 10]`, as in the docstrings."""
    if type_.weak:
        return str(type_)
    name = type_.dtype.name
    return f"{name}[{', '.join(map(str, type_.shape))}]" if type_.shape else name


def door(leaves: Sequence[Leaf], written: Collection[str], outside: Collection[str] = ()) -> list[Item]:
    """One test of all leaves, for a fraction of a microsecond; what fails it is looked at, converted or refused.

    `written` are the paths of what the text writes into, which no other object may replace; `outside` are the symbols
    that are known as variables around the test.
    """
    if not leaves:
        return []
    tests = [*_kinds(leaves), *_dtypes(leaves), *_shapes(leaves, outside)]
    lines = condition(tests)
    table = [f"{_declared(leaf, outside)}: {leaf.name}" for leaf in leaves]
    lines += _indented(_filled("check_arguments({", table, "})"))
    for leaf in leaves:
        if not leaf.type.shape and leaf.name.isidentifier() and leaf.path not in written:
            lines.append(f"    {leaf.name} = {_scalar(leaf.type)}({leaf.name})")
    return [Verbatim("\n".join(lines))]


def _declared(leaf: Leaf, outside: Collection[str]) -> str:
    """`'x: float64[n, d]'`, in quotes; lengths from outside as the numbers that they are."""
    known = [str(n) for n in leaf.type.shape if not set(names_in(n)).isdisjoint(outside)]
    if not known:
        return repr(f"{leaf.path}: {type_text(leaf.type)}")
    lengths = ", ".join(f"{{{n}}}" if str(n) in known else str(n) for n in leaf.type.shape)
    return f"f{f'{leaf.path}: {leaf.type.dtype.name}[{lengths}]'!r}"


def plain_door(
    leaves: Sequence[Leaf], dtype: Callable[[np.dtype[Any]], str], scalar: Callable[[str, np.dtype[Any]], str]
) -> list[Item]:
    """The same test for other arrays than NumPy's, and without a function that looks closer.

    `dtype` says how a dtype is written, `scalar` how a number is made one of a dtype.
    """
    arrays = [leaf for leaf in leaves if leaf.type.shape]
    lines = []
    if arrays:
        tests = [f"{leaf.name}.dtype == {dtype(leaf.type.dtype)}" for leaf in arrays]
        wanted = ", ".join(f"{leaf.path}: {type_text(leaf.type)}" for leaf in arrays)
        lines = [*condition([*tests, *_shapes(arrays)]), f"    raise TypeError({f'the arguments must be {wanted}'!r})"]
    for leaf in leaves:
        if not leaf.type.shape and not leaf.type.weak and leaf.name.isidentifier():
            lines.append(f"{leaf.name} = {scalar(leaf.name, leaf.type.dtype)}")
    return [Verbatim("\n".join(lines))] if lines else []


def _scalar(type_: ArrayType) -> str:
    """The type of a number, as it is written."""
    return PYTHON_TYPE[type_.dtype.kind].__name__ if type_.weak else f"np.{_name(type_.dtype)}"


def _name(dtype: np.dtype[np.generic]) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name


def _kinds(leaves: Sequence[Leaf]) -> list[str]:
    """`type(w) is type(x) is np.ndarray`."""
    groups: dict[str, list[str]] = {}
    for leaf in leaves:
        kind = "np.ndarray" if leaf.type.shape else _scalar(leaf.type)
        groups.setdefault(kind, []).append(f"type({leaf.name})")
    return [chain for kind, names in groups.items() for chain in _chains(names, " is ", kind)]


def _dtypes(leaves: Sequence[Leaf]) -> list[str]:
    """`w.dtype == x.dtype == np.float64`."""
    groups: dict[str, list[str]] = {}
    for leaf in leaves:
        if leaf.type.shape:
            groups.setdefault(f"np.{_name(leaf.type.dtype)}", []).append(f"{leaf.name}.dtype")
    return [chain for dtype, names in groups.items() for chain in _chains(names, " == ", dtype)]


def _chains(names: Sequence[str], sign: str, last: str) -> list[str]:
    """The names and what all of them are, in as many comparisons as the lines need."""
    chains, chain = [], ""
    for name in names:
        if chain and len(chain) + len(name) + len(sign) + len(last) > _ROOM:
            chains.append(f"{chain}{last}")
            chain = ""
        chain += f"{name}{sign}"
    return [*chains, f"{chain}{last}"]


def _shapes(leaves: Sequence[Leaf], outside: Collection[str] = ()) -> list[str]:
    """`(w.shape, x.shape) == ((4,), (10, 4))`; lengths in symbols are those of the array where they come first."""
    known = {symbol: place for symbol, place in _symbols(leaves).items() if symbol not in outside}
    tests, pairs = [], []
    for leaf in leaves:
        if not leaf.type.shape:
            continue
        own = [place for place in known.values() if place.name == leaf.name]
        if len(own) == len(leaf.type.shape) and all(place[2:] == (1, 0) for place in own):
            # each length of it defines a symbol
            tests.append(f"{leaf.name}.ndim == {len(own)}")
            continue
        if own:
            tests.append(f"{leaf.name}.ndim == {len(leaf.type.shape)}")
        if own and all(place[2:] == (1, 0) for place in own):
            fixed = set(range(len(leaf.type.shape))) - {place.axis for place in own}
            pairs += [(f"{leaf.name}.shape[{i}]", _length(leaf.type.shape[i], known)) for i in sorted(fixed)]
            continue
        tests += [f"{leaf.name}.shape[{place.axis}] >= {place.more}" for place in own if place.more > 0]
        lengths = ", ".join(_length(n, known) for n in leaf.type.shape)
        pairs.append((f"{leaf.name}.shape", f"({lengths}{',' if len(leaf.type.shape) == 1 else ''})"))
    some: list[tuple[str, str]] = []
    for pair in pairs:
        if some and len(_equal([*some, pair])) > _ROOM:
            tests.append(_equal(some))
            some = []
        some.append(pair)
    return [*tests, *([_equal(some)] if some else [])]


def _equal(pairs: Sequence[tuple[str, str]]) -> str:
    if len(pairs) == 1:
        return " == ".join(pairs[0])
    return f"({', '.join(found for found, _ in pairs)}) == ({', '.join(wanted for _, wanted in pairs)})"


class Place(NamedTuple):
    """The array and the axis that tell a symbol: its length is `factor` times the symbol, plus `more`."""

    name: str
    axis: int
    factor: int = 1
    more: int = 0

    def __str__(self) -> str:
        text = f"{self.name}.shape[{self.axis}]"
        text = f"({text} {'-' if self.more > 0 else '+'} {abs(self.more)})" if self.more else text
        text = f"{text} // {self.factor}" if self.factor != 1 else text
        return text.removeprefix("(").removesuffix(")") if self.factor == 1 else text


def _symbols(leaves: Sequence[Leaf]) -> dict[str, Place]:
    """For each symbol an array and an axis where it stands alone; of arrays with most symbols, the first.

    A symbol that stands alone nowhere is told by a length such as 2 * n + 1.
    """
    known: dict[str, Place] = {}
    for leaf in sorted(leaves, key=lambda leaf: -len({str(n) for n in leaf.type.shape if str(n).isidentifier()})):
        for axis, n in enumerate(leaf.type.shape):
            if str(n).isidentifier():
                known.setdefault(str(n), Place(leaf.name, axis))
    for leaf in leaves:
        for axis, n in enumerate(leaf.type.shape):
            solved = linear(n)
            if solved is not None:
                known.setdefault(solved[0], Place(leaf.name, axis, *solved[1:]))
    return known


def _length(n: int, known: dict[str, Place]) -> str:
    """A length by those of the arrays that define its symbols: `2 * n` as `2 * x.shape[0]`."""
    places = {symbol: ast.parse(str(place), mode="eval").body for symbol, place in known.items()}

    class Placed(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return places.get(node.id, node)

    return ast.unparse(Placed().visit(ast.parse(str(n), mode="eval")))


def length_lines(leaves: Sequence[Leaf], used: Collection[str]) -> list[str]:
    """`n, d = x.shape`: the symbols of the text, those that it reads."""
    lines = []
    known = {symbol: place for symbol, place in _symbols(leaves).items() if symbol in used}
    for leaf in leaves:
        solved = {symbol: place for symbol, place in known.items() if place.name == leaf.name and place[2:] != (1, 0)}
        lines += [f"{symbol} = {place}" for symbol, place in solved.items()]
        own = {p.axis: symbol for symbol, p in known.items() if p.name == leaf.name and symbol not in solved}
        if len(own) > 1:
            targets = [own.get(axis, "_") for axis in range(len(leaf.type.shape))]
            lines.append(f"{', '.join(targets)} = {leaf.name}.shape")
        else:
            lines += [f"{symbol} = {leaf.name}.shape[{axis}]" for axis, symbol in own.items()]
    return lines


def condition(tests: Sequence[str]) -> list[str]:
    """`if not (a and b):`, on several lines where one is too long."""
    for sign, opposite in ((" is ", " is not "), (" == ", " != ")):
        if len(tests) == 1 and tests[0].count(sign) == 1:
            return [f"if {tests[0].replace(sign, opposite)}:"]
    line = f"if not ({' and '.join(tests)}):"
    if len(line) <= WIDTH - 4:
        return [line]
    return ["if not (", f"    {tests[0]}", *(f"    and {test}" for test in tests[1:]), "):"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _filled(before: str, parts: Sequence[str], after: str) -> list[str]:
    """The call on one line, or its parts on several between."""
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) <= WIDTH - 8:
        return [line]
    lines = [f"    {parts[0]},"]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 <= WIDTH - 8:
            lines[-1] += f" {part},"
        else:
            lines.append(f"    {part},")
    return [before, *lines, after]
