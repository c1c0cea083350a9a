"""Writing a program: infer the type, number the value, keep the origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .op import BY_NAME, Op
from .program import Atom, Equation, Literal, Origin, Program, Var
from .types import ArrayType, Shape, type_of

Rule = Callable[..., "Value | None"]
NUMBER = "a number"  # beside the names of operations, what makes a Literal


def looks_into(*makers: str) -> Callable[[Rule], Rule]:
    """Say of a rule that it answers only where an operand is made by one of these operations: else it is not asked.

    Who wraps such a rule in another function hands its `makers` on.
    """

    def declared(rule: Rule) -> Rule:
        rule.makers = frozenset(makers)  # type: ignore[attr-defined]
        return rule

    return declared


def literal(value: Any) -> Literal:
    """A Python number or NumPy scalar as an operand."""
    return Literal(value, type_of(value))


class Value:
    """An atom together with the program it is written in; Python's operators on it emit equations."""

    __slots__ = ("atom", "builder")

    def __init__(self, builder: Builder, atom: Atom) -> None:
        self.builder = builder
        self.atom = atom

    @property
    def type(self) -> ArrayType:
        return self.atom.type

    @property
    def shape(self) -> Shape:
        return self.atom.type.shape

    @property
    def ndim(self) -> int:
        return len(self.atom.type.shape)

    @property
    def size(self) -> int:
        return self.atom.type.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.atom.type.dtype

    @property
    def literal(self) -> Any:
        """The number, if this is a literal, else None."""
        return self.atom.value if isinstance(self.atom, Literal) else None

    def _emit(self, name: str, *operands: Any) -> Value:
        return self.builder.emit(BY_NAME[name], *operands)

    def __add__(self, other: Any) -> Value:
        return self._emit("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return self._emit("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self._emit("subtract", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self._emit("subtract", other, self)

    def __mul__(self, other: Any) -> Value:
        return self._emit("multiply", self, other)

    def __rmul__(self, other: Any) -> Value:
        return self._emit("multiply", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self._emit("divide", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._emit("divide", other, self)

    def __pow__(self, other: Any) -> Value:
        return self._emit("power", self, other)

    def __neg__(self) -> Value:
        return self._emit("negative", self)

    def __matmul__(self, other: Any) -> Value:
        return self._emit("matmul", self, other)

    def __and__(self, other: Any) -> Value:
        return self._emit("bitwise_and", self, other)

    def __gt__(self, other: Any) -> Value:
        return self._emit("greater", self, other)

    def __lt__(self, other: Any) -> Value:
        return self._emit("less", self, other)

    def __ge__(self, other: Any) -> Value:
        return self._emit("greater_equal", self, other)

    def __le__(self, other: Any) -> Value:
        return self._emit("less_equal", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a value of a program has no truth value while the program is written")

    def equals(self, other: Any) -> Value:
        return self._emit("equal", self, other)

    def __repr__(self) -> str:
        shown = self.atom.value if isinstance(self.atom, Literal) else self.atom.name or "?"
        return f"<{shown}: {self.type}>"


def exactly(params: Mapping[str, Any]) -> tuple[object, ...]:
    """A key of the params: -0.0 is not 0.0, and 1.0 is not 1."""
    return tuple([(name, _bits(value)) for name, value in params.items()]) if params else ()


def _bits(value: Any) -> object:
    if isinstance(value, float | complex | np.inexact):
        return type(value), repr(value)
    return tuple(map(_bits, value)) if type(value) is tuple else value


def _may_divide(exponent: Atom, slope: bool = False) -> bool:
    """Whether a power with this exponent divides by its base; of an exponent that varies a slope may."""
    return bool(exponent.value.real < 0) if isinstance(exponent, Literal) else slope


class RemovedError(TypeError):
    """A variable is used that stood for one example of a batch, outside of the function of one example."""


class Builder:
    """An open program. Equal equations get one value, so common subexpressions are never written twice."""

    def __init__(self, rules: dict[str, tuple[Rule, ...]] | None = None) -> None:
        self.equations: list[Equation] = []
        self.inputs: list[Var] = []
        self.captures: list[Var] = []
        self.definitions: dict[Var, Equation] = {}
        self.origin: Origin | None = None
        self.level = 0
        self.transposed: set[int] = set()  # the levels of reverse passes that were only made to be transposed again
        self.removed: set[Var] = set()  # what stood for one example until the batch took its place
        self.shared: set[Atom] = set()  # when a program is written again: what more than one of its steps reads
        self._numbers: dict[Any, tuple[Var, ...]] = {}
        self._rules = rules or {}
        self._asked: dict[tuple[str, ...], Sequence[Rule]] = {}  # of the rules those that may answer, by the makers
        self._divided: set[Atom] | None = None  # in a reverse pass: what the function itself divides by

    def input(self, type_: ArrayType, name: str) -> Value:
        var = Var(type_, name, named=True)
        self.inputs.append(var)
        return Value(self, var)

    def capture(self, type_: ArrayType, name: str) -> Value:
        var = Var(type_, name, named=bool(name))
        self.captures.append(var)
        return Value(self, var)

    def value(self, operand: Any) -> Value:
        """The operand as a value of this program: a Value, Var, Literal, Python number or NumPy scalar."""
        if isinstance(operand, Value):
            if operand.builder is not self:
                raise ValueError("a value of another program was used")
            return operand
        return Value(self, operand if type(operand) in (Var, Literal) else literal(operand))

    @contextmanager
    def at(self, origin: Origin | None, level: int) -> Iterator[None]:
        """Write what follows on behalf of `origin`."""
        before = self.origin, self.level
        self.origin, self.level = origin, level
        try:
            yield
        finally:
            self.origin, self.level = before

    @contextmanager
    def slopes(self, equations: Iterable[Equation]) -> Iterator[None]:
        """Write a reverse pass of these equations: an infinite slope of a Python number is inf, as NumPy divides."""
        before, self._divided = self._divided, set()
        for equation in equations:
            if not all(operand.type.weak for operand in equation.operands):
                continue  # NumPy divides here
            if equation.op.name in ("divide", "floor_divide", "remainder"):
                self._divided.add(equation.operands[1])
            elif equation.op.name == "power" and _may_divide(equation.operands[1]):
                self._divided.add(equation.operands[0])
        try:
            yield
        finally:
            self._divided = before

    def _divided_as_numpy(self, op: Op, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """The operands of a step that Python would raise ZeroDivisionError in, though the function itself did not."""
        a, b = atoms
        divisor = a if op.name == "power" else b
        python = a.type.weak and b.type.weak and a.type.dtype.kind != "c" != b.type.dtype.kind
        nonzero = isinstance(divisor, Literal) and divisor.value != 0
        if not python or nonzero or divisor in (self._divided or ()):
            return atoms
        if op.name == "power" and not _may_divide(b, slope=True):
            return atoms
        converted = self.emit(BY_NAME["astype"], divisor, dtype=np.dtype(float)).atom
        return (converted, b) if op.name == "power" else (a, converted)

    def emit(self, op: Op, *operands: Any, **params: Any) -> Any:
        """Append `op(*operands, **params)` and return its value, or the tuple of its values; type errors raise here."""
        atoms = tuple([o.atom if type(o) is Value and o.builder is self else self.value(o).atom for o in operands])
        if self.removed and not self.removed.isdisjoint(atoms):
            raise RemovedError(op.name)
        if self._divided is not None and op.name in ("divide", "power"):
            atoms = self._divided_as_numpy(op, atoms)
        return self._write(op, atoms, op.complete(params), None)

    def again(self, equation: Equation, atoms: tuple[Atom, ...]) -> Any:
        """As `emit`, of an equation of another program: its own types hold for operands of the same types."""
        return self._write(equation.op, atoms, equation.params, [out.type for out in equation.outs])

    def _write(
        self, op: Op, atoms: tuple[Atom, ...], params: Mapping[str, Any], types: Sequence[ArrayType] | None
    ) -> Any:
        """What the rules make of it, the value that it has already, or a new equation; `types` are its results'."""
        if op.name in self._rules:
            rules = self._rules_for(op.name, atoms)
            values = [Value(self, a) for a in atoms] if rules else ()
            for rule in rules:
                replaced = rule(self, *values, **params)
                if replaced is not None:
                    return replaced
        key = None
        if op.numbered:
            key = (op.name, tuple([a if isinstance(a, Var) else a.key() for a in atoms]), exactly(params))
            known = self._numbers.get(key)
            if known is not None:
                return self._result(op, known)
        if types is None:
            inferred = op.infer(*[a.type for a in atoms], **params)
            types = inferred if isinstance(inferred, tuple) else (inferred,)
        outs = tuple(map(Var, types))
        equation = Equation(op, atoms, params, outs, self.origin, self.level)
        self.equations.append(equation)
        for out in outs:
            self.definitions[out] = equation
        if key is not None:
            self._numbers[key] = outs
        return self._result(op, outs)

    def _rules_for(self, name: str, atoms: tuple[Atom, ...]) -> Sequence[Rule]:
        """The rules of an operation that may answer for operands that are made as these are."""
        key = [name]
        for atom in atoms:
            if type(atom) is Literal:
                key.append(NUMBER)
            else:
                made = self.definitions.get(atom)  # type: ignore[arg-type]
                key.append(made.op.name if made is not None else "")
        known = self._asked.get(tuple(key))
        if known is None:
            makers = key[1:]
            rules = self._rules[name]
            known = tuple(r for r in rules if not (m := getattr(r, "makers", None)) or not m.isdisjoint(makers))
            self._asked[tuple(key)] = known
        return known

    def _result(self, op: Op, outs: tuple[Var, ...]) -> Any:
        return Value(self, outs[0]) if len(outs) == 1 and not op.several else tuple(Value(self, out) for out in outs)

    def last_level(self) -> int:
        """The highest level of an equation."""
        return max((e.level for e in self.equations), default=0)

    def relevel(self, since: int, levels: Mapping[int, int]) -> None:
        """Give equations from `since` on other levels: passes that were written one by one may be parts of one."""
        for number, equation in enumerate(self.equations[since:], since):
            if levels.get(equation.level, equation.level) != equation.level:
                moved = replace(equation, level=levels[equation.level])
                self.equations[number] = moved
                for out in equation.outs:
                    self.definitions[out] = moved
        self.transposed = {levels.get(level, level) for level in self.transposed}

    def remove(self, equations: Iterable[Equation], examples: Iterable[Var]) -> None:
        """Take equations out again, with the variables they stood for; using one of those raises RemovedError."""
        outs = {out for e in equations for out in e.outs}
        self.removed |= outs | set(examples)
        self.equations[:] = [e for e in self.equations if not outs.intersection(e.outs)]
        for out in outs:
            del self.definitions[out]
        self._numbers = {key: known for key, known in self._numbers.items() if not outs.intersection(known)}

    def rewrite(self, since: int, run: Callable[[tuple[Equation, ...]], tuple[Equation, ...]]) -> None:
        """Replace the equations from `since` on by what `run` makes of them; it may drop some, or narrow them."""
        before = tuple(self.equations[since:])
        after = run(before)
        outs = {out for e in after for out in e.outs}
        gone = {out for e in before for out in e.outs} - outs
        self.equations[since:] = after
        for out in gone:
            del self.definitions[out]
        self.definitions.update((out, e) for e in after for out in e.outs)
        kept = set(map(id, after))
        changed = gone | {out for e in before if id(e) not in kept for out in e.outs}
        self._numbers = {key: known for key, known in self._numbers.items() if not changed.intersection(known)}

    def find(self, name: str, *operands: Value, **params: Any) -> Value | None:
        """The value of an equation that stands here already, if there is one."""
        key = (
            name,
            tuple(o.atom if isinstance(o.atom, Var) else o.atom.key() for o in operands),
            tuple(BY_NAME[name].complete(params).items()),
        )
        known = self._numbers.get(key)
        return Value(self, known[0]) if known is not None else None

    def definition(self, value: Value, name: str | None = None) -> Equation | None:
        """The equation that made the value (if it is of the operation `name`), else None."""
        atom = value.atom
        if type(atom) is Literal:
            return None
        equation = self.definitions.get(atom)  # type: ignore[arg-type]
        return equation if equation is None or name is None or equation.op.name == name else None

    def program(self, name: str, outputs: Iterable[Value], origin: Origin | None = None) -> Program:
        """Close the program with these outputs."""
        atoms = tuple(o.atom for o in outputs)
        if not self.removed.isdisjoint(atoms):
            raise RemovedError("the result")
        return Program(name, tuple(self.inputs), tuple(self.captures), tuple(self.equations), atoms, origin)
