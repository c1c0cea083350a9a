"""Sums of products over the rounds of a loop back, as one product behind it: dW = dz.T @ x for all rounds at once.

`dW += np.outer(dz, x)` in each round goes through all of dW each time. What the rounds multiply is collected instead,
where that is small, and multiplied together. Only gradients are computed so: their digits need not be those of one
certain order of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from ..types import ArrayType
from .dead_code import eliminate_dead_code
from .prune import prune

SMALL = 1 << 20  # bytes that may be collected for a product


@dataclass(frozen=True, slots=True)
class _Term:
    """left.T @ right of two vectors, or of two matrices with as many rows, or with `turned` its transpose."""

    left: Var
    right: Var
    sign: str
    turned: bool


def gather_products(program: Program) -> Program:
    """The program with products that loops back only add up computed behind these loops."""
    equations: list[Equation] = []
    for e in program.equations:
        if e.op.name == "scan" and e.params["listed"] and e.level:
            equations += _Loop(e, program).run()
        else:
            equations.append(e)
    if len(equations) == len(program.equations):
        return program
    return eliminate_dead_code(prune(replace(program, equations=tuple(equations))))


class _Loop:
    def __init__(self, loop: Equation, program: Program) -> None:
        self.loop = loop
        self.program = program
        self.body: Program = loop.params["body"]
        self.consts, self.carry = loop.params["consts"], loop.params["carry"]
        self.made = self.body.definitions()
        self.readers: dict[Atom, list[Equation]] = {}
        for e in self.body.equations:
            for o in e.operands:
                if isinstance(o, Var):
                    self.readers.setdefault(o, []).append(e)
        self.collected: dict[Var, Var] = {}  # values of the rounds, and what holds all of them behind the loop

    def run(self) -> list[Equation]:
        """The loop, and the products behind it."""
        found = {k: terms for k in range(self.carry) if (terms := self._terms(k))}
        if not found:
            return [self.loop]
        results = dict(enumerate(self.body.outputs[: self.carry]))
        results.update({k: self.body.inputs[self.consts + k] for k in found})
        new = [v for terms in found.values() for t in terms for v in (t.left, t.right) if self._list(v) is None]
        new = list(dict.fromkeys(new))
        count = len(self.body.outputs) - self.carry
        outs, outputs = list(self.loop.outs), [*results.values(), *self.body.outputs[self.carry :]]
        for v in new:
            self.collected[v] = Var(ArrayType((self.loop.params["length"], *v.type.shape), v.type.dtype), "")
        place = self.carry + count
        outs[place:place] = [self.collected[v] for v in new]
        body = eliminate_dead_code(replace(self.body, outputs=(*outputs, *new)))
        params = {**self.loop.params, "body": body}
        begun = {k: self.loop.operands[self.consts + k] for k in found}
        totals = {k: outs[k] for k in found}
        for k in found:
            outs[k] = Var(outs[k].type)
        loop = replace(self.loop, params=params, outs=tuple(outs))
        behind: list[Equation] = []
        for k, terms in found.items():
            behind += self._products(begun[k], totals[k], terms)
        return [loop, *behind]

    def _terms(self, k: int) -> list[_Term]:
        """The terms that make up what the carry gains in a round, if all of them are products worth it."""
        acc, out = self.body.inputs[self.consts + k], self.body.outputs[k]
        kept = self.loop.outs[len(self.loop.outs) - self.carry + k]
        if (
            len(acc.type.shape) != 2
            or acc.type.dtype.kind not in "fc"
            or any(kept in e.operands for e in self.program.equations)
        ):
            return []
        terms: list[_Term] = []
        current: Atom = out
        while current is not acc:
            e = self.made.get(current) if isinstance(current, Var) else None
            if (
                e is None
                or e.op.name not in ("add", "subtract")
                or list(self.body.outputs).count(current) > (current is out)
            ):
                return []
            assert isinstance(current, Var)
            if len(self.readers.get(current, ())) != (current is not out):
                return []
            one, other = e.operands
            term = self._term(other, e.op.name, acc)
            if term is None and e.op.name == "add":
                one, other = other, one
                term = self._term(other, e.op.name, acc)
            if term is None:
                return []
            terms.append(term)
            current = one
        return terms if len(self.readers.get(acc, ())) == 1 else []

    def _term(self, atom: Atom, sign: str, acc: Var, turned: bool = False) -> _Term | None:
        e = self.made.get(atom) if isinstance(atom, Var) else None
        if e is None or atom.type.dtype != acc.type.dtype or len(self.readers.get(e.out, ())) != 1:
            return None
        if e.out in self.body.outputs:
            return None
        if e.op.name == "transpose":
            return None if turned else self._term(e.operands[0], sign, acc, turned=True)
        if e.op.name == "outer":
            left, right = e.operands
            if isinstance(left, Var) and isinstance(right, Var) and len(left.type.shape) == len(right.type.shape) == 1:
                return self._checked(_Term(left, right, sign, turned), acc)
        if e.op.name == "matmul" and all(len(o.type.shape) == 2 for o in e.operands):
            made = self.made.get(e.operands[0]) if isinstance(e.operands[0], Var) else None
            right = e.operands[1]
            if (
                made is not None
                and made.op.name == "transpose"
                and isinstance(made.operands[0], Var)
                and isinstance(right, Var)
            ):
                return self._checked(_Term(made.operands[0], right, sign, turned), acc)
        return None

    def _checked(self, term: _Term, acc: Var) -> _Term | None:
        """The term, if both factors differ from round to round and are small together."""
        fixed = set(self.body.inputs[: self.consts])
        sizes = 0
        for v in (term.left, term.right):
            if v in fixed or v.type.dtype != acc.type.dtype or v.type.weak:
                return None
            sizes += v.type.size * v.type.dtype.itemsize * self.loop.params["length"]
        return term if sizes <= SMALL else None

    def _list(self, v: Var) -> Var | None:
        """What holds the values of all rounds: a list that the loop reads, or one that it collects now."""
        if v in self.collected:
            return self.collected[v]
        if v in self.body.inputs[self.consts + self.carry :]:
            found = self.loop.operands[self.body.inputs.index(v)]
            return found if isinstance(found, Var) else None
        return None

    def _products(self, begun: Atom, total: Var, terms: Sequence[_Term]) -> list[Equation]:
        builder = Builder()
        with builder.at(self.loop.origin, self.loop.level):
            result: Value | None = None if self._is_zero(begun) else Value(builder, begun)
            for term in reversed(terms):
                left, right = (self._rows(builder, v) for v in (term.left, term.right))
                product = left.builder.emit(
                    BY_NAME["matmul"], builder.emit(BY_NAME["transpose"], left, axes=(1, 0)), right
                )
                if term.turned:
                    product = builder.emit(BY_NAME["transpose"], product, axes=(1, 0))
                if result is None:
                    result = product if term.sign == "add" else -product
                else:
                    result = result + product if term.sign == "add" else result - product
        assert result is not None
        assert result.type == total.type
        last = builder.equations[-1]
        named = [replace(last, outs=(total,))]
        for e in builder.equations[:-1]:
            if e.op.name in ("add", "subtract") and not e.out.name:
                e.out.name, e.out.named = total.name, total.named
        return [*builder.equations[:-1], *named]

    def _rows(self, builder: Builder, v: Var) -> Value:
        found = self._list(v)
        assert found is not None
        value = Value(builder, found)
        if value.ndim == 3:
            value = builder.emit(BY_NAME["reshape"], value, shape=(value.shape[0] * value.shape[1], value.shape[2]))
        return value

    def _is_zero(self, atom: Atom) -> bool:
        made = next((e for e in self.program.equations if atom in e.outs), None)
        if isinstance(atom, Literal) or made is None:
            return False
        return made.op.name == "filled" and bool(made.params["value"] == 0)
