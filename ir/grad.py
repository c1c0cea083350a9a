"""Reverse mode: one walk backwards over the equations. Un-broadcasting and the adding up of cotangents happen here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .builder import Builder, Value
from .composites import COMPOSITES, POINTWISE
from .describe import describe
from .dims import is_symbolic_number
from .op import Masked, Nondifferentiable, Refused
from .ops.elementwise import astype, bitwise_or, opposite, real, where
from .ops.reduction import sum_
from .ops.shape import broadcast_to, expand_dims, filled
from .program import Equation, Literal, Var
from .types import ArrayType, Shape


class NotDifferentiable(NotImplementedError):
    """A derivative was asked for that tapeless does not have; `equation` is where, `fix` what may help."""

    def __init__(self, reason: str, equation: Equation, fix: str = "") -> None:
        super().__init__(reason)
        self.equation = equation
        self.fix = fix


# A mask is carried past elementwise rules for what it hides: infinite derivatives, and nan where the user chose another
# value. nan goes through a maximum, so its mask is applied at once unless a derivative behind it can be infinite.
_HIDES_NOTHING = {"maximum", "minimum"}
_LINEAR = {"add", "subtract", "negative", "positive", "where", "astype", "copy", "full", "as_array"}
_TAME = {
    *("add", "subtract", "multiply", "negative", "positive", "square", "astype", "copy", "broadcast_to", "full"),
    *("maximum", "minimum", "absolute", "where", "tanh", "sin", "cos", "arctan"),
}


@dataclass(slots=True)
class Cotangent:
    """A cotangent on its way; it may merely broadcast to its variable, and is zero where `mask` is false."""

    value: Value
    mask: Value | None = None

    def materialize(self, target: ArrayType) -> Value:
        """The cotangent of a variable of type `target` as one value, the mask applied."""
        if self.mask is None:
            return self.value
        if self.value.literal is not None and np.isfinite(self.value.literal):
            chosen: Value = astype(self.mask, dtype=target.dtype) * self.value
        else:
            chosen = where(self.mask, _of_dtype(self.value, target), 0)
        return chosen


def active_variables(equations: Sequence[Equation], wanted: Sequence[Var]) -> set[Var]:
    """The variables through which a wanted input can change something, as far as derivatives see it."""
    active = set(wanted)
    for equation in equations:
        rule = equation.op.rule
        if isinstance(rule, Nondifferentiable):
            continue
        for k, operand in enumerate(equation.operands):
            if operand in active and not (isinstance(rule, tuple) and rule[k] is None):
                active.update(out for out in equation.outs if out.type.inexact)
                break
    return active


def cotangent_name(primal: str) -> str:
    """What the cotangent of x is called: dx."""
    return f"d{primal}" if primal else ""


def backward(
    builder: Builder,
    seeds: Sequence[tuple[Value, Value]],
    wanted: Sequence[Value],
    called: Callable[[str], str] = cotangent_name,
    level: int | None = None,
) -> list[Value | None]:
    """Append the adjoint of what `builder` holds and return the cotangent of each wanted value, None for zero.

    `seeds` pairs outputs with their cotangents; `called` makes a cotangent's name from that of its variable; `level`
    is that of the pass, one more than any before by default. A returned cotangent may merely broadcast to its variable.
    Raises NotDifferentiable where a rule is missing on an active path.
    """
    return _Reverse(builder, [v.atom for v in wanted if isinstance(v.atom, Var)], called, level).run(seeds, wanted)


class _Reverse:
    def __init__(self, builder: Builder, wanted: list[Var], called: Callable[[str], str], level: int | None) -> None:
        self.builder = builder
        self.called = called
        self.equations = tuple(builder.equations)
        self.active = active_variables(self.equations, wanted)
        self.wanted = set(wanted)
        self.level = builder.last_level() + 1 if level is None else level
        self.pending: dict[Var, Cotangent] = {}
        self.described: set[Var] = set()  # cotangents that are called after what computes the unnamed primal

    def run(self, seeds: Sequence[tuple[Value, Value]], wanted: Sequence[Value]) -> list[Value | None]:
        for output, cotangent in seeds:
            with self.builder.at(None, self.level):
                self._collect(output, Cotangent(cotangent), output.shape)
        with self.builder.slopes(self.equations):
            self._transpose_all()
        results: list[Value | None] = []
        for value in wanted:
            with self.builder.at(None, self.level):
                total = self.pending.get(value.atom) if isinstance(value.atom, Var) else None
                results.append(None if total is None else total.materialize(value.type))
                self._name(results[-1], value.atom)
        return results

    def _transpose_all(self) -> None:
        with self.builder.at(None, self.level):
            for equation in reversed(self.equations):
                if not self.pending.keys().isdisjoint(equation.outs) and not self.wanted.issuperset(equation.outs):
                    self.builder.origin = equation.origin
                    self._transpose(equation)

    def _transpose(self, equation: Equation) -> None:
        """Hand the cotangents of the results on to the operands."""
        if equation.op.several:
            self._transpose_several(equation)
            return
        out = equation.out
        total = self.pending[out]
        self._name(total.value, out)
        uniform = equation.op.uniform and total.mask is None and total.value.ndim == 0
        for composite in COMPOSITES.get(equation.op.name, ()):
            found = composite(self.builder, equation)
            if found is not None:
                base, rule = found
                if base.atom in self.active:
                    pointwise = composite in POINTWISE and total.mask is None
                    g = total.value if uniform or pointwise else self._full(total, out)
                    self._collect(base, Cotangent(rule(g)), base.shape)
                return
        if equation.op.rearranges and total.mask is None and total.value.ndim == 0:
            for atom in equation.operands:
                self._collect(Value(self.builder, atom), total, atom.type.shape)
            return
        operands = [Value(self.builder, operand) for operand in equation.operands]
        y = Value(self.builder, out)
        mask = None
        if equation.op.elementwise:
            g, mask = total.value, total.mask
        elif uniform:
            g = total.value
        else:
            g = self._full(total, out)
        narrower = [o for o in operands if o.dtype.kind == "f" and o.dtype != out.type.dtype and not o.type.weak]
        scales = equation.op.elementwise and equation.op.name not in _LINEAR
        if g.type.weak and narrower and scales and out.type.dtype.kind == "f":
            g = _of_dtype(g, out.type, strong=True)  # or the narrower operand would decide the precision
        for operand, contribution in zip(operands, self._apply(equation, g, y, operands), strict=True):
            if contribution is None:
                continue
            if isinstance(contribution, Masked):
                both = contribution.mask if mask is None else mask & contribution.mask
                cotangent = Cotangent(contribution.value, both)
                if equation.op.name in _HIDES_NOTHING and self._is_tame(operand.atom):
                    cotangent = Cotangent(cotangent.materialize(operand.type))
            else:
                cotangent = Cotangent(contribution, mask)
            self._collect(operand, cotangent, out.type.shape if equation.op.elementwise else None)

    def _is_tame(self, atom: Var | Literal) -> bool:
        """Whether the elementwise steps to this value have finite derivatives wherever it is not nan itself."""
        todo, seen = [atom], {atom}
        while todo:
            current = todo.pop()
            equation = self.builder.definitions.get(current) if isinstance(current, Var) else None
            if equation is None or not equation.op.elementwise or current.type.shape != atom.type.shape:
                continue  # its cotangent is summed or rearranged, so that the mask ends here anyway
            if equation.op.name == "divide":
                divisor = equation.operands[1].type.shape
                if divisor == atom.type.shape and not isinstance(equation.operands[1], Literal):
                    return False
            elif equation.op.name not in _TAME:
                return False
            todo += [o for o in equation.operands if o not in seen]
            seen.update(equation.operands)
        return True

    def _transpose_several(self, equation: Equation) -> None:
        """As `_transpose`; the rule gets a cotangent, or None for zero, for each result."""
        rule = equation.op.rule
        if isinstance(rule, Refused | Nondifferentiable) or not callable(rule):
            raise NotDifferentiable(f"{equation.op.name} has no derivative", equation)
        gs = [self._full(self.pending[out], out) if out in self.pending else None for out in equation.outs]
        ys = [Value(self.builder, out) for out in equation.outs]
        for g, out in zip(gs, equation.outs, strict=True):
            self._name(g, out)
        operands = [Value(self.builder, operand) for operand in equation.operands]
        found = rule(gs, ys, *operands, **equation.params)
        if isinstance(found, Refused):
            raise NotDifferentiable(found.reason, equation, found.fix)
        for operand, contribution in zip(operands, found, strict=True):
            if contribution is not None:
                self._collect(operand, Cotangent(contribution), None)

    def _apply(self, equation: Equation, g: Value, y: Value, operands: list[Value]) -> Sequence[Value | Masked | None]:
        rule = equation.op.rule
        params = equation.params
        if isinstance(rule, tuple):
            rules = rule if len(rule) == len(operands) else rule + (None,) * (len(operands) - len(rule))
            found: list[Value | Masked | None] = []
            for operand, own in zip(operands, rules, strict=True):
                if operand.atom not in self.active or own is None:
                    found.append(None)
                elif isinstance(own, Refused):
                    raise NotDifferentiable(own.reason, equation)
                else:
                    contribution = own(g, y, *operands, **params)
                    if isinstance(contribution, Refused):  # for operands of this kind
                        raise NotDifferentiable(contribution.reason, equation, contribution.fix)
                    found.append(contribution)
            return found
        if isinstance(rule, Refused):
            raise NotDifferentiable(rule.reason, equation)
        if rule is None:
            raise NotDifferentiable(f"{equation.op.name} has no derivative", equation)
        assert not isinstance(rule, Nondifferentiable)
        result = rule(g, y, *operands, **params)
        return result if isinstance(result, tuple) else (result,)

    def _collect(self, operand: Value, cotangent: Cotangent, virtual: Shape | None) -> None:
        """Add a contribution, summed down to the operand's shape and cast to its dtype."""
        var = operand.atom
        if not isinstance(var, Var) or var not in self.active:
            return
        target = var.type
        if virtual is None:
            value = cotangent.materialize(target)
            virtual = value.shape if value.ndim >= target.ndim else target.shape
            cotangent = Cotangent(value)
        if virtual != target.shape:
            cotangent = Cotangent(unbroadcast(cotangent.materialize(target), virtual, target.shape))
        added = Cotangent(match_dtype(cotangent.value, target), cotangent.mask)
        before = self.pending.get(var)
        if before is not None:  # fan-out becomes a sum
            self._name(before.value, var)
            added = self._sum(before, added, var)
            self._name(added.value, var)
        self.pending[var] = added

    def _sum(self, one: Cotangent, other: Cotangent, var: Var) -> Cotangent:
        """Both cotangents of a variable; a mask goes on if each has one and steps behind it may be infinite."""
        if var.type.shape[:1] == (-1,):
            from .ops.loops import sum_of_rounds

            return Cotangent(sum_of_rounds(one.materialize(var.type), other.materialize(var.type)))
        if one.mask is not None and other.mask is not None:
            if one.mask.atom is other.mask.atom:
                return Cotangent(one.value + other.value, one.mask)
            if opposite(one.mask, other.mask):  # the two branches of one choice
                return Cotangent(one.materialize(var.type) + other.materialize(var.type))
            if not self._is_tame(var):
                total = one.materialize(var.type) + other.materialize(var.type)
                return Cotangent(total, bitwise_or(one.mask, other.mask))
        return Cotangent(one.materialize(var.type) + other.materialize(var.type))

    def _full(self, cotangent: Cotangent, out: Var) -> Value:
        value = cotangent.materialize(out.type)
        self._name(value, out)
        return spread(value, out.type)

    def _name(self, value: Value | None, of: Var | Literal) -> None:
        """A cotangent that was computed for this variable is called d<variable>."""
        if value is None or not isinstance(value.atom, Var) or not isinstance(of, Var):
            return
        if value.atom.name and not (value.atom in self.described and of.name):
            return
        definition = self.builder.definition(value)
        if definition is not None and definition.level == self.level:
            value.atom.name, value.atom.named = self.called(of.name or self._described(of)), of.named
            if not of.name:
                self.described.add(value.atom)

    def _described(self, var: Var) -> str:
        """What the text calls a value that nobody named."""
        made = self.builder.definitions.get(var)
        if made is None:
            return ""
        known = {o: o.name for o in made.operands if isinstance(o, Var) and o.name}
        return describe(made, known, lambda operand: None)


def spread(value: Value, target: ArrayType) -> Value:
    """A value that broadcasts to `target`, in full, with the dtype of `target`."""
    if value.shape == target.shape and not (value.type.weak and not target.weak):
        return value
    if value.literal is not None and not target.shape:
        return number_of_dtype(value, target.dtype)
    if value.literal is not None:
        full: Value = value.builder.emit(filled, value=value.literal, shape=target.shape, dtype=target.dtype)
        return full
    value = _of_dtype(match_dtype(value, target), target)
    if value.shape != target.shape:
        value = broadcast_to(value, shape=target.shape)
    return value


def _of_dtype(value: Value, target: ArrayType, strong: bool = False) -> Value:
    """A Python number that is computed, as a NumPy number where it becomes an array of another dtype."""
    if not value.type.weak or (value.dtype == target.dtype and not strong) or target.weak:
        return value
    if value.literal is not None:
        return number_of_dtype(value, target.dtype)
    cast: Value = astype(value, dtype=target.dtype)
    return cast


def number_of_dtype(value: Value, dtype: np.dtype[Any]) -> Value:
    """A number in the text as one of NumPy's."""
    if is_symbolic_number(value.literal):
        cast: Value = astype(value, dtype=dtype)
        return cast
    return value.builder.value(dtype.type(value.literal))


def match_dtype(value: Value, target: ArrayType) -> Value:
    """A cotangent has the dtype of its variable; numbers in the text (weak) take it by themselves."""
    if value.dtype.kind == "c" and target.dtype.kind != "c":
        value = real(value)
    if value.type.weak or target.weak or value.dtype == target.dtype:
        return value
    if value.literal is not None:
        return number_of_dtype(value, target.dtype)
    cast: Value = astype(value, dtype=target.dtype)
    return cast


def unbroadcast(value: Value, virtual: Shape, target: Shape) -> Value:
    """Sum `value`, which broadcasts to `virtual`, down to `target`: the adjoint of a broadcast is a sum.

    An axis along which `value` is constant is not summed; its length multiplies.
    """
    lead = len(virtual) - len(target)
    offset = len(virtual) - value.ndim
    dropped: list[int] = []
    kept: list[int] = []
    count = 1
    for i, n in enumerate(virtual):
        if i >= lead and target[i - lead] == n:
            continue
        axis = i - offset
        if axis >= 0 and value.shape[axis] == n and n != 1:
            (dropped if i < lead else kept).append(axis)
        else:
            count *= n
            if axis >= 0 and i < lead:
                dropped.append(axis)
    if count == 0:
        return value.builder.value(0.0)  # nothing was there to add up
    if kept and not dropped:
        return _times(sum_(value, axis=tuple(kept) if len(kept) > 1 else kept[0], keepdims=True), count)
    if dropped:
        places = tuple(axis + offset - lead for axis in kept)
        value = sum_(value, axis=_axes(sorted(dropped + kept), value.ndim))
        if places and value.ndim:
            value = expand_dims(value, axis=places)
    if value.ndim < len(target) and 1 in target and value.ndim:
        value = expand_dims(value, axis=tuple(range(len(target) - value.ndim)))
    return _times(value, count)


def _times(value: Value, count: int) -> Value:
    return value * count if count != 1 else value


def _axes(axes: list[int], ndim: int) -> int | tuple[int, ...] | None:
    if len(axes) == ndim:
        return None
    return tuple(axes) if len(axes) > 1 else axes[0]
