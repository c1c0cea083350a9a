"""Products and quotients of the backward pass where their numbers cost least: beside a small factor, and once.

`exp / total / n` goes twice through a large array, `exp / (n * total)` once. The result may round differently.
"""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from ..sizes import reaches
from .dead_code import eliminate_dead_code

LARGE = 4096  # elements that are rather gone through once
SMALLER = 4  # times fewer elements make a factor a small one


def shrink_products(program: Program) -> Program:
    """The program with numbers at the small factors of large products, and c * x - c * y as c * (x - y)."""
    return _Shrinking(program).run()


class _Shrinking:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.builder = Builder()
        self.definition = program.definitions()
        self.uses = program.use_counts()

    def run(self) -> Program:
        equations: list[Equation] = []
        changed = False
        for equation in self.program.equations:
            written = self._rewritten(equation)
            changed = changed or written is not None
            for one in written or [equation]:
                equations.append(one)
                self.definition.update((out, one) for out in one.outs)
        return eliminate_dead_code(replace(self.program, equations=tuple(equations))) if changed else self.program

    def _rewritten(self, equation: Equation) -> list[Equation] | None:
        if equation.level == 0 or len(equation.outs) != 1 or not reaches(equation.out.type.size, LARGE):
            return None
        if equation.out.type.dtype.kind not in "fc" or equation.out.type.dtype.itemsize < 4:
            return None
        self.builder = Builder()
        with self.builder.at(equation.origin, equation.level):
            name, operands = equation.op.name, equation.operands
            value = None
            if name in ("multiply", "divide"):
                value = self._number(equation.out, name, operands)
            elif name == "subtract":
                value = self._common(equation.out, operands)
        if value is None or value.type != equation.out.type:
            return None
        *before, last = self.builder.equations
        return [*before, replace(last, outs=equation.outs)]

    def _emit(self, name: str, a: Atom, b: Atom) -> Value:
        result: Value = self.builder.emit(BY_NAME[name], Value(self.builder, a), Value(self.builder, b))
        return result

    def _passing(self, atom: Atom, *names: str) -> Equation | None:
        """The equation that made a value for one reader alone, without a name."""
        made = self.definition.get(atom) if isinstance(atom, Var) else None
        if made is None or made.op.name not in names or self.uses[made.out] != 1 or made.out.named:
            return None
        return made if made.level > 0 else None

    def _number(self, out: Var, name: str, operands: tuple[Atom, ...]) -> Value | None:
        """c * (x * y), c * (x / y), (x * y) / c and (x / y) / c for a number c and a small y."""
        for large, number in (operands, operands[::-1]) if name == "multiply" else (operands,):
            if not _is_number(number) or large.type != out.type:
                continue
            made = self._passing(large, "multiply", "divide")
            if made is None:
                continue
            pairs = [made.operands] + ([made.operands[::-1]] if made.op.name == "multiply" else [])
            for x, y in pairs:
                if x.type != out.type or not y.type.shape or y.type.size * SMALLER > out.type.size:
                    continue
                if made.op.name == "multiply":
                    factor = self._emit(name, *((number, y) if name == "multiply" else (y, number)))
                    return self._emit("multiply", x, factor.atom)
                if name == "divide":
                    return self._emit("divide", x, self._emit("multiply", number, y).atom)
                return self._emit("multiply", x, self._emit("divide", number, y).atom)
        return None

    def _common(self, out: Var, operands: tuple[Atom, ...]) -> Value | None:
        """x * p - p * s = p * (x - s) for a small s, if x * p is read here and by sums alone."""
        product = self.definition.get(operands[0]) if isinstance(operands[0], Var) else None
        second = self._passing(operands[1], "multiply")
        if product is None or product.op.name != "multiply" or second is None or product.out.named:
            return None
        if operands[0].type != out.type or not self._is_summed(product.out):
            return None
        for x, p in (product.operands, product.operands[::-1]):
            for q, s in (second.operands, second.operands[::-1]):
                small = s.type.size * SMALLER <= out.type.size
                if isinstance(p, Var) and q is p and small and x.type == p.type == out.type:
                    return self._emit("multiply", p, self._emit("subtract", x, s).atom)
        return None

    def _is_summed(self, product: Var) -> bool:
        """Whether one reader of a product adds it up, and there is only one more."""
        readers = [e for e in self.program.equations if product in e.operands]
        return self.uses[product] == len(readers) == 2 and any(e.op.name == "sum" for e in readers)


def _is_number(atom: Atom) -> bool:
    if isinstance(atom, Literal):
        return isinstance(atom.value, int | float) and not isinstance(atom.value, bool) and atom.value != 0
    return not atom.type.shape
