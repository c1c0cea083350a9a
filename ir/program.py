"""The program: typed single assignments in a straight line, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .types import ArrayType

if TYPE_CHECKING:
    from .op import Op


class Origin(NamedTuple):
    """The place in the user's source that an equation answers."""

    file: str
    line: int
    function: str
    statement: str = ""  # the statement's text on one line
    expression: str = ""  # the exact expression inside it

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True, eq=False)
class Var:
    """A value that is assigned once. Identity is equality; `name` is only a wish for the printed name, so it may be
    given after the value."""

    type: ArrayType
    name: str = ""
    named: bool = False  # whether the user gave this value that name


@dataclass(frozen=True, slots=True)
class Literal:
    """A number in the program's text: weak for a Python number, strong for a NumPy scalar."""

    value: Any
    type: ArrayType

    def key(self) -> tuple[object, ...]:
        """Equal keys mean the same bits: -0.0 is not 0.0, and nan equals itself."""
        return (repr(self.value), self.type)


Atom = Var | Literal


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """`outs = op(*operands, **params)`. `level` is 0 in the user's program and counts the reverse passes above it."""

    op: Op
    operands: tuple[Atom, ...]
    params: Mapping[str, Any]
    outs: tuple[Var, ...]
    origin: Origin | None = None
    level: int = 0

    @property
    def out(self) -> Var:
        return self.outs[0]

    @property
    def holds_programs(self) -> bool:
        """Whether a param is a program: a loop's body, a branch, what is called."""
        return bool(self.params) and any(isinstance(value, Program) for value in self.params.values())


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Inputs are the function's array arguments, captures the arrays that it found around it."""

    name: str
    inputs: tuple[Var, ...]
    captures: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]
    origin: Origin | None = field(default=None)

    def __str__(self) -> str:
        from .text import print_program

        return print_program(self)

    def definitions(self) -> dict[Var, Equation]:
        """The equation that computes each value."""
        return {out: equation for equation in self.equations for out in equation.outs}

    def use_counts(self) -> dict[Var, int]:
        """How often each value is read, as an operand or as an output."""
        counts: dict[Var, int] = {}
        for equation in self.equations:
            for operand in equation.operands:
                if type(operand) is Var:
                    counts[operand] = counts.get(operand, 0) + 1
        for output in self.outputs:
            if isinstance(output, Var):
                counts[output] = counts.get(output, 0) + 1
        return counts
