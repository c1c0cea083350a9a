"""Sums of products of the backward pass with their common factors taken out: g * a + g * t * b = g * (a + t * b).

The derivative of a polynomial becomes Horner's scheme again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from . import blocks

SUMS = {"add", "subtract"}
MOST = 64  # terms of a sum that is looked at


@dataclass(slots=True)
class _Term:
    """A product, with its sign."""

    negative: bool
    factors: list[Atom]


def factor_sums(program: Program) -> Program:
    """The program with large sums of products factored where that takes fewer operations."""
    return _Factoring(program).run()


class _Factoring:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.definition = program.definitions()
        self.place = {out: i for i, e in enumerate(program.equations) for out in e.outs}
        self.readers: dict[Var, list[Equation]] = {}
        for equation in program.equations:
            for operand in equation.operands:
                if isinstance(operand, Var):
                    self.readers.setdefault(operand, []).append(equation)
        self.outputs = {o for o in program.outputs if isinstance(o, Var)}

    def run(self) -> Program:
        written: dict[Var, list[Equation]] = {}
        for equation in self.program.equations:
            if self._is_root(equation):
                found = self._factored(equation)
                if found is not None:
                    written[equation.out] = found
        if not written:
            return self.program
        equations: list[Equation] = []
        for equation in self.program.equations:
            equations += written.get(equation.out, [equation]) if equation.outs else [equation]
        return replace(self.program, equations=tuple(equations))

    def _is_root(self, equation: Equation) -> bool:
        """Whether it is a large sum of the backward pass that is not a term of another one alone."""
        if not self._adds(equation):
            return False
        readers = self.readers.get(equation.out, [])
        return equation.out in self.outputs or len(readers) != 1 or not self._adds(readers[0])

    def _adds(self, equation: Equation) -> bool:
        return equation.op.name in SUMS and self._is_taken(equation)

    def _is_taken(self, equation: Equation) -> bool:
        type_ = equation.out.type
        large = -1 not in type_.shape and type_.size * type_.dtype.itemsize >= blocks.LARGE
        return large and equation.level > 0 and type_.dtype.kind == "f" and type_.dtype.itemsize >= 4

    def _factored(self, root: Equation) -> list[Equation] | None:
        """The equations that make the sum with its common factors taken out, if these are fewer."""
        terms, gone = self._terms(root)
        if not 2 <= len(terms) <= MOST or any(f.type != root.out.type for t in terms for f in t.factors if _wide(f)):
            return None
        counts = Counter(f for t in terms for f in set(t.factors) if isinstance(f, Var))
        if not counts or max(counts.values()) < 2:
            return None
        builder = Builder()
        with builder.at(root.origin, root.level):
            value = self._written(builder, terms)
        if len(builder.equations) >= len(gone) or value.type != root.out.type:
            return None
        *before, last = builder.equations
        if last.out is not value.atom:
            return None
        return [*before, replace(last, outs=root.outs)]

    def _terms(self, root: Equation) -> tuple[list[_Term], set[Var]]:
        """The products that a sum adds up, and the steps which are not needed any more once it is written otherwise."""
        inside = self._inside(root)
        terms: list[_Term] = []

        def add(atom: Atom, negative: bool) -> None:
            made = self.definition.get(atom) if isinstance(atom, Var) and atom in inside else None
            if made is not None and made.op.name in SUMS:
                add(made.operands[0], negative)
                add(made.operands[1], negative != (made.op.name == "subtract"))
            elif made is not None and made.op.name == "negative":
                add(made.operands[0], not negative)
            else:
                signs, factors = self._factors(atom, inside)
                terms.append(_Term(negative != signs, factors))

        add(root.out, False)
        return terms, inside

    def _factors(self, atom: Atom, inside: set[Var]) -> tuple[bool, list[Atom]]:
        made = self.definition.get(atom) if isinstance(atom, Var) and atom in inside else None
        if made is None or made.op.name not in ("multiply", "negative"):
            return False, [atom]
        if made.op.name == "negative":
            negative, factors = self._factors(made.operands[0], inside)
            return not negative, factors
        (first, a), (second, b) = (self._factors(o, inside) for o in made.operands)
        return first != second, a + b

    def _inside(self, root: Equation) -> set[Var]:
        """The sums and products that are read for this sum alone."""
        reached = {root.out}
        waiting = [root]
        while waiting:
            equation = waiting.pop()
            for operand in equation.operands:
                made = self.definition.get(operand) if isinstance(operand, Var) else None
                if made is None or made.out in reached or not self._is_taken(made) or made.out in self.outputs:
                    continue
                product = made.op.name in ("multiply", "negative")
                if product or (made.op.name in SUMS and equation.op.name in SUMS):
                    reached.add(made.out)
                    waiting.append(made)
        while True:
            out = {v for v in reached if v is not root.out}
            kept = {v for v in out if any(r.outs[0] not in reached for r in self.readers[v] if r.outs)}
            # a sum below a product is a factor as a whole
            kept |= {
                v
                for v in out
                if self.definition[v].op.name in SUMS
                and (len(self.readers[v]) > 1 or self.readers[v][0].op.name not in (*SUMS, "negative"))
            }
            if not kept:
                return reached
            reached -= kept

    def _written(self, builder: Builder, terms: list[_Term]) -> Value:
        """The sum, with the factor that most of the terms have taken out first."""
        counts = Counter(f for t in terms for f in dict.fromkeys(t.factors) if isinstance(f, Var) and _wide(f))
        common = max(counts, key=lambda f: (counts[f], -self.place.get(f, -1)), default=None)
        if common is None or counts[common] < 2:
            return self._added(builder, [(t.negative, self._product(builder, t.factors)) for t in terms])
        rest, others = [], []
        for term in terms:
            if common in term.factors:
                factors = list(term.factors)
                factors.remove(common)
                rest.append(_Term(term.negative, factors))
            else:
                others.append(term)
        inverted = all(t.negative for t in rest)
        if inverted:
            rest = [_Term(False, t.factors) for t in rest]
        parts = [(t.negative, self._product(builder, t.factors)) for t in others]
        inner = self._written(builder, rest)
        product = Value(builder, common) * inner
        return self._added(builder, [*parts, (inverted, product)])

    def _product(self, builder: Builder, factors: list[Atom]) -> Value:
        """The product of factors, numbers first; of none it is 1."""
        if not factors:
            return builder.value(1.0)
        ordered = sorted(factors, key=lambda f: (isinstance(f, Var), f.type.size if isinstance(f, Var) else 0))
        value = builder.value(ordered[0])
        for factor in ordered[1:]:
            value = value * builder.value(factor)
        return value

    def _added(self, builder: Builder, parts: list[tuple[bool, Value]]) -> Value:
        parts = sorted(parts, key=lambda part: part[0])  # begin with one that is not subtracted
        (negative, value), *rest = parts
        if negative:
            value = -value
        for minus, other in rest:
            value = BY_NAME["subtract" if minus else "add"](value, other)
        return value


def _wide(atom: Atom) -> bool:
    return not isinstance(atom, Literal) and bool(atom.type.shape)
