"""Arrays of a few numbers that are made number by number, and read so, as these numbers.

`state = np.array([x, v])`, stepped a few hundred times, spends more on calls than on arithmetic; numbers go on as
Python's floats where that is exact (python_floats.py). Only what rounds alike for a number and for an array is taken
apart: `+ - * /`, signs and copies. The arrays that anything else reads, or the user gets, are put together again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dims import Dim
from ..indexing import Slice
from ..op import BY_NAME, Op
from ..program import Atom, Equation, Literal, Var
from ..types import ArrayType

FEW = 4  # numbers
DOUBLE = ArrayType((), np.dtype(float))

_ROUNDED = {"add", "subtract", "multiply", "divide", "negative", "positive", "absolute"}
_MADE_OF_NUMBERS = {"stack", "concatenate", "set_item", "index_add"}

# Nanoseconds, measured on CPython 3.11 and NumPy 2.4.
ARRAY_STEP = 450
NUMBER_STEP = 50
PUT_TOGETHER = 1000
WORTH = 10_000  # less than this is not worth a changed text


def take_apart(
    equations: Sequence[Equation], live: Collection[Var]
) -> tuple[tuple[Equation, ...], Mapping[Atom, Atom]]:
    """The equations with such arrays as numbers, where that saves enough; `live` is what is read behind them.

    With them come numbers that are no longer read from an array, each with what it is instead.
    """
    webs = _Webs(live)
    for equation in equations:
        webs.enter(equation)
    chosen = webs.worthwhile()
    if not chosen:
        return tuple(equations), {}
    writer = _Writer(webs, chosen)
    return writer.run(equations), writer.instead


def _is_small(atom: Atom) -> bool:
    shape = atom.type.shape
    return (
        len(shape) == 1
        and not isinstance(shape[0], Dim)
        and 1 <= shape[0] <= FEW
        and atom.type.dtype == DOUBLE.dtype
        and not atom.type.weak
    )


def _numbers(equation: Equation) -> list[Atom] | None:
    """The 0-d operands, where all others are small arrays of the result's length; None where one is not."""
    found = []
    for operand in equation.operands:
        if not operand.type.shape:
            found.append(operand)
        elif not _is_small(operand) or operand.type.shape != equation.out.type.shape:
            return None
    return found


def _place(equation: Equation, slot: int) -> int | None:
    """The one static place that a read or a write names."""
    index = equation.params["index"]
    one = len(index) == 1 and type(index[0]) is int and len(equation.operands) == slot
    return index[0] if one else None


def _splits(equation: Equation) -> bool:
    """Whether the numbers of the result can be made one by one."""
    name = equation.op.name
    if len(equation.outs) != 1 or not _is_small(equation.out):
        return False
    if name in _ROUNDED:
        numbers = _numbers(equation)
        return numbers is not None and all(n.type.weak or n.type.dtype == DOUBLE.dtype for n in numbers)
    if name == "stack":
        return all(o.type.dtype.kind in "fiub" for o in equation.operands)
    if name in ("concatenate", "copy"):
        return all(map(_is_small, equation.operands))
    if name == "getitem":
        index = equation.params["index"]
        return len(index) == 1 and isinstance(index[0], Slice) and _is_small(equation.operands[0])
    if name in ("set_item", "index_add"):
        written = equation.operands[1].type
        return _place(equation, 2) is not None and not written.shape and written.dtype.kind in "fiub"
    return name == "constant" or (name == "filled" and isinstance(equation.params["value"], int | float))


@dataclass(slots=True)
class _Webs:
    """Small arrays that hand numbers on to each other, with what taking each group apart saves."""

    live: Collection[Var]
    parent: dict[Var, Var] = field(default_factory=dict)
    split: set[Var] = field(default_factory=set)
    needed: set[Var] = field(default_factory=set)  # split arrays that are also read as arrays
    saved: dict[Var, int] = field(default_factory=dict)
    made: set[Var] = field(default_factory=set)  # webs in which an array is made of numbers
    read: set[Var] = field(default_factory=set)  # webs of which a number is read

    def root(self, var: Var) -> Var:
        while var in self.parent:
            above = self.parent[var]
            self.parent[var] = self.parent.get(above, above)
            var = above
        return var

    def enter(self, equation: Equation) -> None:
        arrays = [o for o in equation.operands if isinstance(o, Var) and o in self.split]
        if _splits(equation):
            out = equation.out
            self.split.add(out)
            self._note(out, equation)
            for array in equation.operands:
                if isinstance(array, Var) and array.type.shape:
                    self.saved.setdefault(self.root(array), 0)  # also one whose numbers are only read
                    self._join(out, array)
            if out in self.live:
                self.needed.add(out)
            return
        if equation.op.name == "getitem" and _place(equation, 1) is not None and arrays:
            root = self.root(arrays[0])
            self.read.add(root)
            self.saved[root] += NUMBER_STEP
            return
        self.needed.update(arrays)

    def _note(self, out: Var, equation: Equation) -> None:
        n = out.type.shape[0]
        name = equation.op.name
        if name in _ROUNDED:
            saves = ARRAY_STEP - n * NUMBER_STEP
        else:
            saves = PUT_TOGETHER if name in ("stack", "concatenate") else NUMBER_STEP
        self.saved[out] = saves
        if name in _MADE_OF_NUMBERS:
            self.made.add(out)

    def _join(self, one: Var, other: Var) -> None:
        a, b = self.root(one), self.root(other)
        if a is b:
            return
        self.parent[b] = a
        self.saved[a] += self.saved.pop(b)
        for marks in (self.made, self.read):
            if b in marks:
                marks.discard(b)
                marks.add(a)

    def worthwhile(self) -> set[Var]:
        """The arrays that are taken apart."""
        for var in self.needed:
            self.saved[self.root(var)] -= PUT_TOGETHER
        good = {r for r, saved in self.saved.items() if saved >= WORTH and r in self.made and r in self.read}
        return {v for v in self.split if self.root(v) in good}


class _Writer:
    """The equations again, with the chosen arrays as numbers."""

    def __init__(self, webs: _Webs, chosen: set[Var]) -> None:
        self.needed = webs.needed
        self.chosen = chosen
        self.numbers: dict[Atom, list[Atom]] = {}
        self.instead: dict[Atom, Atom] = {}
        self.doubles: dict[Atom, Atom] = {}  # numbers of other types as elements
        self.given: dict[tuple[str, int], str] = {}  # names of the user's for the numbers of arrays of a name
        self.written: list[Equation] = []

    def run(self, equations: Sequence[Equation]) -> tuple[Equation, ...]:
        for e in equations:
            place = _place(e, 1) if e.op.name == "getitem" else None
            if place is not None and e.out.named and _is_small(e.operands[0]) and isinstance(e.operands[0], Var):
                array = e.operands[0]
                self.given.setdefault((array.name, place % array.type.shape[0]), e.out.name)
        others = [o for e in equations if self.chosen.intersection(e.outs) for o in e.operands]
        read = {o for o in others if isinstance(o, Var) and o.type.shape and o not in self.chosen}
        within = {out for e in equations for out in e.outs}
        for array in dict.fromkeys(o for o in others if o in read and o not in within):
            self.elements(equations[0], array)  # before a loop that the user wrote, not in its first round
        for e in equations:
            operands = tuple(self.instead.get(o, o) for o in e.operands)
            place = _place(e, 1) if e.op.name == "getitem" else None
            if len(e.outs) == 1 and e.out in self.chosen:
                made = _ELEMENTS[e.op.name](self, e, operands)
                self.numbers[e.out] = made
                self.name(e.out)
                if e.out in self.needed:
                    self.written.append(Equation(BY_NAME["stack"], tuple(made), {"axis": 0}, e.outs, e.origin, e.level))
            elif place is not None and operands[0] in self.numbers:
                number = self.numbers[operands[0]][place]
                self.instead[e.out] = number
                if isinstance(number, Var) and e.out.named and not number.named and operands[0] in self.chosen:
                    number.name, number.named = e.out.name, True
            else:
                self.written.append(
                    Equation(e.op, operands, e.params, e.outs, e.origin, e.level) if operands != e.operands else e
                )
                for out in read.intersection(e.outs):
                    self.elements(e, out)
        return tuple(self.written)

    def name(self, array: Atom) -> None:
        """After what the user unpacks them into, `x, v = state`, or by their places: state_0, state_1."""
        for i, number in enumerate(self.numbers[array]):
            if isinstance(number, Var) and not number.name and isinstance(array, Var) and array.name:
                given = self.given.get((array.name, i), "")
                number.name, number.named = given or f"{array.name}_{i}", bool(given) and array in self.chosen

    def emit(self, like: Equation, op: Op, *operands: Atom, **params: Any) -> Atom:
        params = op.complete(params)
        out = Var(op.infer(*(o.type for o in operands), **params))
        self.written.append(Equation(op, operands, params, (out,), like.origin, like.level))
        return out

    def double(self, like: Equation, number: Atom) -> Atom:
        """A number as the element of an array that it is written into."""
        if number.type == DOUBLE:
            return number
        if isinstance(number, Literal):
            value = np.float64(number.value)
            return Literal(value, DOUBLE)
        if number not in self.doubles:
            self.doubles[number] = self.emit(like, BY_NAME["astype"], number, dtype=DOUBLE.dtype)
        return self.doubles[number]

    def elements(self, like: Equation, array: Atom) -> list[Atom]:
        """The numbers of a small array; those of one that is none of ours are read."""
        if array not in self.numbers:
            read = BY_NAME["getitem"]
            self.numbers[array] = [self.emit(like, read, array, index=(i,)) for i in range(array.type.shape[0])]
            self.name(array)
        return self.numbers[array]


def _stacked(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    return [writer.double(e, o) for o in operands]


def _joined(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    return [number for o in operands for number in writer.elements(e, o)]


def _cut(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    return writer.elements(e, operands[0])[e.params["index"][0].concrete()]


def _with_one_written(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    numbers = list(writer.elements(e, operands[0]))
    place, number = e.params["index"][0], operands[1]
    if e.op.name == "index_add":
        numbers[place] = writer.emit(e, BY_NAME["add"], numbers[place], number)
    else:
        numbers[place] = writer.double(e, number)
    return numbers


def _number_by_number(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    n = e.out.type.shape[0]
    parts = [writer.elements(e, o) if o.type.shape else [o] * n for o in operands]
    return [writer.emit(e, e.op, *(part[i] for part in parts), **e.params) for i in range(n)]


def _known(writer: _Writer, e: Equation, operands: tuple[Atom, ...]) -> list[Atom]:
    n = e.out.type.shape[0]
    values = e.params["values"] if e.op.name == "constant" else [e.params["value"]] * n
    return [Literal(np.float64(value), DOUBLE) for value in values]


_ELEMENTS: dict[str, Callable[[_Writer, Equation, tuple[Atom, ...]], list[Atom]]] = {
    "stack": _stacked,
    "concatenate": _joined,
    "copy": _joined,
    "getitem": _cut,
    "set_item": _with_one_written,
    "index_add": _with_one_written,
    "constant": _known,
    "filled": _known,
    **dict.fromkeys(_ROUNDED, _number_by_number),
}
