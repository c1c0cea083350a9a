"""Sums over large scaled arrays: sum(a * (b * s)) = sum(a * b) * s where s is small.

That pays where b * s is needed for nothing else then, as in a gradient by the scale of a normalization. In the user's
own sums it is done for quotients by roots alone, as in the cosine of rows of length one.
"""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Program, Var
from ..types import normalize_axes
from . import blocks
from .dead_code import guards_only
from .moments import multiplied

SMALLER = 8  # times fewer elements make a factor a small one


def sum_before_scaling(program: Program) -> Program:
    """The program with such factors outside of the sums."""
    return _Scaling(program).run()


class _Scaling:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.definition = program.definitions()
        self.readers: dict[Var, list[Equation]] = {}
        for equation in program.equations:
            for operand in equation.operands:
                if isinstance(operand, Var):
                    self.readers.setdefault(operand, []).append(equation)
        self.outputs = set(program.outputs)
        self.guarding = {id(e) for e in guards_only(program).equations}

    def run(self) -> Program:
        equations: list[Equation] = []
        for equation in self.program.equations:
            equations += self._scaled_later(equation) or [equation]
        if len(equations) == len(self.program.equations):
            return self.program
        return replace(self.program, equations=tuple(equations))

    def _scaled_later(self, total: Equation) -> list[Equation] | None:
        product = self._product(total)
        if product is None:
            return None
        for factor, other in (product.operands, product.operands[::-1]):
            parts = self._parts(factor)
            if parts is None or not isinstance(factor, Var) or not self._only_scales(factor):
                continue
            name, b, s = parts
            if not self._is_constant(s, total) or (total.level == 0 and not self._is_by_root(name, s)):
                continue
            builder = Builder()
            with builder.at(total.origin, total.level):
                bare = builder.value(other) * builder.value(b)
                added: Value = builder.emit(BY_NAME["sum"], bare, **total.params)
                axes = normalize_axes(total.params["axis"], bare.ndim)
                factors = [(name, builder.value(s))]
                result = multiplied(builder, added, factors, bare, axes, total.params["keepdims"])
            if result is None or result.type != total.out.type:
                continue
            *before, last = builder.equations
            return [*before, replace(last, outs=total.outs)]
        return None

    def _product(self, total: Equation) -> Equation | None:
        """The large products that a sum along some axes adds up, and nothing else reads."""
        if total.op.name != "sum" or id(total) in self.guarding or not isinstance(total.operands[0], Var):
            return None
        made = self.definition.get(total.operands[0])
        if made is None or made.op.name != "multiply" or len(self.readers[made.out]) > 1 or made.out in self.outputs:
            return None
        type_ = made.out.type
        large = -1 not in type_.shape and type_.size * type_.dtype.itemsize >= blocks.LARGE
        whole = len(normalize_axes(total.params["axis"], type_.ndim)) == type_.ndim
        real = type_.dtype.kind == "f" and type_.dtype.itemsize >= 4
        return made if large and real and not whole and all(o.type == type_ for o in made.operands) else None

    def _is_by_root(self, name: str, s: Atom) -> bool:
        made = self.definition.get(s) if isinstance(s, Var) else None
        while made is not None and made.op.name in ("expand_dims", "squeeze") and isinstance(made.operands[0], Var):
            made = self.definition.get(made.operands[0])
        return name == "divide" and made is not None and made.op.name == "sqrt"

    def _parts(self, factor: Atom) -> tuple[str, Atom, Atom] | None:
        """How a large array is a multiple of another one: multiplied or divided, which, and by what small array."""
        made = self.definition.get(factor) if isinstance(factor, Var) else None
        if made is None or made.op.name not in ("multiply", "divide"):
            return None
        for b, s in (made.operands, made.operands[::-1])[: 2 if made.op.name == "multiply" else 1]:
            if b.type == made.out.type and _is_small(s, made.out):
                return made.op.name, b, s
        return None

    def _only_scales(self, factor: Var) -> bool:
        """Whether a scaled array is read by such sums alone, and by what scales it once more."""
        if factor in self.outputs:
            return False
        for reader in self.readers[factor]:
            others = [o for o in reader.operands if o is not factor]
            if reader.op.name not in ("multiply", "divide") or len(others) != 1:
                return False
            scaled = _is_small(others[0], factor) and (reader.op.name == "multiply" or reader.operands[0] is factor)
            parts = self._parts(factor)
            if scaled and parts is not None and _alike(parts[2], others[0], factor):
                continue
            totals = self.readers.get(reader.out, [])
            if not totals or any(self._product(total) is not reader for total in totals):
                return False
            if parts is None or not all(self._is_constant(parts[2], total) for total in totals):
                return False
            if any(total.level == 0 and not self._is_by_root(parts[0], parts[2]) for total in totals):
                return False
        return True

    def _is_constant(self, s: Atom, total: Equation) -> bool:
        """Whether a factor does not vary along the axes of a sum."""
        ndim = total.operands[0].type.ndim
        lead = ndim - s.type.ndim
        axes = normalize_axes(total.params["axis"], ndim)
        return all(axis < lead or s.type.shape[axis - lead] == 1 for axis in axes)


def _is_small(s: Atom, like: Var) -> bool:
    return not isinstance(s, Literal) and bool(s.type.shape) and 0 < s.type.size * SMALLER <= like.type.size


def _alike(s: Atom, t: Atom, like: Var) -> bool:
    """Whether the product of two small factors is small as well."""
    return BY_NAME["multiply"].infer(s.type, t.type).size * SMALLER <= like.type.size
