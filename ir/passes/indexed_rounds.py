"""Parts of arrays that follow the number of the round: x[t], x[:, t], x[n - 1 - t], and y[t + 1] = ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..builder import Builder, Value
from ..indexing import Index, Slice
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Var
from ..types import ArrayType, Shape


class Misfit(Exception):
    """The rounds are no loop."""


@dataclass(frozen=True, slots=True)
class Path:
    """The place `first + step * r` along `axis`, with the same entries for the other axes in all rounds."""

    index: Index
    axis: int
    first: int
    step: int
    length: int

    def at(self, r: int) -> Index:
        """The index of one round; it may lie outside."""
        return (*self.index[: self.axis], self.first + self.step * r, *self.index[self.axis + 1 :])

    def rounds_since(self, written: Path) -> int | None:
        """How many rounds ago `written` went through the place of this path; None if it goes elsewhere."""
        if (self.axis, self.step) != (written.axis, written.step) or self.others() != written.others():
            return None
        since, rest = divmod(written.first - self.first, self.step)
        return None if rest else since

    def others(self) -> Index:
        return (*self.index[: self.axis], *self.index[self.axis + 1 :])

    def whole(self, rounds: int) -> Index:
        """The index of all rounds together."""
        stop = self.first + self.step * rounds
        if self.step < 0:
            start = self.first if self.first < self.length - 1 else None
            entry = Slice(start, stop if stop >= 0 else None, self.step)
        else:
            last = stop if stop < self.length else None
            entry = Slice(self.first or None, last, self.step if self.step > 1 else None)
        return (*self.index[: self.axis], entry, *self.index[self.axis + 1 :])

    def front(self) -> int:
        """The axis of the rounds in what the index of all of them gives."""
        return sum(isinstance(entry, Slice) for entry in self.index[: self.axis])


def path(indices: Sequence[Index], shape: Shape) -> Path:
    """The path that the indices of the rounds go. Raises Misfit where they go none."""
    if len({len(index) for index in indices}) > 1:
        raise Misfit
    moving = [a for a, entries in enumerate(zip(*indices, strict=True)) if any(e != entries[0] for e in entries)]
    if len(moving) != 1 or any(not isinstance(e, int | Slice) or type(e) is bool for e in indices[0]):
        raise Misfit
    axis = moving[0]
    length = shape[axis]
    if type(length) is not int or any(type(index[axis]) is not int for index in indices):
        raise Misfit
    numbers = [index[axis] % length for index in indices]
    step = numbers[1] - numbers[0]
    if not step or numbers != [numbers[0] + step * r for r in range(len(numbers))]:
        raise Misfit
    return Path(indices[0], axis, numbers[0], step, length)


def all_parts(builder: Builder, base: Var, way: Path, rounds: int) -> Value:
    """The parts of all rounds, one in each row."""
    index = way.whole(rounds)
    while index and index[-1] == Slice():
        index = index[:-1]
    value = Value(builder, base)
    if index:
        value = builder.emit(BY_NAME["getitem"], value, index=index)
    front = way.front()
    if front:
        order = (front, *(a for a in range(value.ndim) if a != front))
        value = builder.emit(BY_NAME["transpose"], value, axes=order)
    return value


@dataclass(frozen=True, slots=True)
class Written:
    """An array into which each round writes one part: `base` is the array before the loop."""

    base: Var
    way: Path
    type: ArrayType  # of a part

    def after(self, builder: Builder, values: Value, rounds: int) -> Value:
        """The array after the loop, from the parts of all rounds."""
        front = self.way.front()
        if values.type.weak:
            values = builder.emit(BY_NAME["array_of"], values)
        if front:
            values = builder.emit(
                BY_NAME["transpose"], values, axes=(*range(1, front + 1), 0, *range(front + 1, values.ndim))
            )
        written: Value = builder.emit(
            BY_NAME["set_item"], Value(builder, self.base), values, index=self.way.whole(rounds)
        )
        return written


def written_array(row: Sequence[Equation], within: dict[Var, tuple[int, int, int]], j: int) -> Written | None:
    """What the equations of a row write into, if each writes another part of one array; `within` are the places of
    the values of the loop."""
    if row[0].op.name != "set_item" or len(row[0].operands) != 2:
        return None
    indices = [e.params["index"] for e in row]
    if all(index == indices[0] for index in indices):
        return None
    base = row[0].operands[0]
    if not isinstance(base, Var) or base in within:
        raise Misfit
    if any(within.get(e.operands[0]) != (r, j, 0) for r, e in enumerate(row[1:])):  # type: ignore[arg-type]
        raise Misfit
    way = path(indices, base.type.shape)
    part: ArrayType = BY_NAME["getitem"].infer(base.type, index=indices[0])
    return Written(base, way, part)


def part_name(model: Equation, first: Equation, q: int, source: Atom) -> str:
    """What operand q of a step is called (or with -1 the part that the step takes) that differs from round to round:
    x of xs, and step or number of what is no array."""
    own = model.outs[0].name if q < 0 else getattr(model.operands[q], "name", "")
    if own:
        return str(own)
    if source.type.weak:
        return "step" if source.type.dtype.kind == "i" else "number"
    base = first.operands[0] if q < 0 else source
    name = base.name if isinstance(base, Var) else ""
    return name[:-1] if len(name) > 1 and name.endswith("s") and not name.endswith("ss") else ""


class Names(dict[Var, str]):
    """The names of all variables that have one."""

    def __contains__(self, var: object) -> bool:
        return isinstance(var, Var) and bool(var.name)

    def __missing__(self, var: Var) -> str:
        return var.name


def same(one: Atom, other: Atom) -> bool:
    if isinstance(one, Literal) and isinstance(other, Literal):
        return one.key() == other.key()
    return one is other
