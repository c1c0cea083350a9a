"""The structure of a jacobian, read from a program: which elements of an input can change which elements of a result.

Patterns are boolean matrices of one row for each element of a value and one column for each element of the inputs. One
pass carries them from the inputs to the outputs, equation by equation, through the links of dependence.py (Griewank
and Walther, Evaluating Derivatives, section 7.1). Nothing passes where no derivative does: operations and operands
without one, integers, stop_gradient. What does not depend on the inputs is evaluated where its values matter, as for
an index or for the zeros of a matrix; `facts` lists those, so that another call can tell whether they still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from . import dependence_products  # whose rules stand in the same table
from .dependence import Step, link_of, size
from .interp import evaluate_equation
from .op import Nondifferentiable
from .ops.batched_loops import UNKNOWN
from .program import Atom, Equation, Literal, Program, Var

assert dependence_products

Facts = dict[tuple[Var, bool], Any]  # what was looked at (with True, only where it is zero), and what was seen


class Patterns:
    """The patterns of a program's values; `values` are those of the inputs that nothing is differentiated by."""

    def __init__(
        self,
        program: Program,
        seeds: Mapping[Var, Any],
        values: Mapping[Var, Any],
        width: int,
        links: dict[Any, Any] | None = None,
        looked: Callable[[Var], None] | None = None,
    ) -> None:
        self.program = program
        self.width = width
        self.patterns = {var: pattern for var, pattern in seeds.items() if pattern is not None and pattern.nnz}
        self.values = dict(values)
        self.facts: Facts = {}
        self._given = set(values)
        self._from_given = set(values)
        self._definitions = program.definitions()
        self._links = {} if links is None else links
        self._looked = looked
        for equation in program.equations:
            if not equation.op.effect and all(isinstance(o, Literal) or self._is_known(o) for o in equation.operands):
                self._given.update(equation.outs)
                if any(o in self._from_given for o in equation.operands):
                    self._from_given.update(equation.outs)

    def run(self) -> list[Any]:
        """The pattern of every output, None for an empty one."""
        needed = {o for o in self.program.outputs if isinstance(o, Var)}
        for equation in reversed(self.program.equations):
            if any(out in needed for out in equation.outs):
                needed.update(o for o in equation.operands if isinstance(o, Var))
        for equation in self.program.equations:
            if any(out in needed for out in equation.outs):
                self._propagate(equation)
        return [self.pattern(o) for o in self.program.outputs]

    def pattern(self, atom: Atom) -> Any:
        """What an atom depends on, None if on nothing."""
        return self.patterns.get(atom) if isinstance(atom, Var) else None

    # ----------------------------------------------------------------------------------------------- known values

    def _is_known(self, atom: Atom) -> bool:
        return isinstance(atom, Literal) or atom in self._given

    def evaluate(self, atom: Atom) -> Any:
        """The value of an atom that depends on nothing differentiated, None for any other."""
        if isinstance(atom, Literal):
            return atom.value
        if atom not in self._given:
            return None
        pending = [atom]
        while pending:
            equation = self._definitions.get(pending[-1])
            if pending[-1] in self.values or equation is None:
                pending.pop()
                continue
            missing = [o for o in equation.operands if isinstance(o, Var) and o not in self.values]
            pending += missing
            if not missing:
                with np.errstate(all="ignore"):
                    results = evaluate_equation(equation, [self._read(o) for o in equation.operands])
                self.values.update(zip(equation.outs, results, strict=True))
        return self.values[atom]

    def _read(self, atom: Atom) -> Any:
        return atom.value if isinstance(atom, Literal) else self.values[atom]

    def value(self, atom: Atom) -> Any:
        """As `evaluate`, and remember it as a fact if it comes from outside of the program."""
        found = self.evaluate(atom)
        if found is not None and isinstance(atom, Var) and atom in self._from_given:
            self.facts[atom, False] = np.array(found)
            if self._looked is not None:
                self._looked(atom)
        return found

    def nonzero(self, atom: Atom) -> Any:
        """Where the atom is not zero, None if that is not known."""
        found = self.evaluate(atom)
        if found is None:
            return None
        mask = np.asarray(found) != 0
        if isinstance(atom, Var) and atom in self._from_given:
            self.facts[atom, True] = mask
            if self._looked is not None:
                self._looked(atom)
        return mask

    def agrees(self, facts: Facts) -> bool:
        """Whether what was seen in another call is so in this one."""
        for (var, zeros), seen in facts.items():
            found = np.asarray(self.evaluate(var))
            if not np.array_equal(found != 0 if zeros else found, seen):
                return False
        return True

    # ----------------------------------------------------------------------------------------------- propagation

    def _propagate(self, equation: Equation) -> None:
        rule = equation.op.rule
        if isinstance(rule, Nondifferentiable) or not any(self.pattern(o) is not None for o in equation.operands):
            return
        structured = _STRUCTURED.get(equation.op.name)
        if structured is not None:
            for out, pattern in zip(equation.outs, structured(self, equation), strict=True):
                self._set(out, pattern)
            return
        for number, out in enumerate(equation.outs):
            if not out.type.inexact:
                continue
            total = None
            for k, operand in enumerate(equation.operands):
                pattern = self.pattern(operand)
                stops = isinstance(rule, tuple) and (k >= len(rule) or rule[k] is None)
                if pattern is not None and not stops:
                    total = _union(total, self._through(equation, number, k, pattern))
            self._set(out, total)

    def _set(self, out: Var, pattern: Any) -> None:
        if pattern is not None and pattern.nnz and out.type.inexact:
            self.patterns[out] = pattern

    def _through(self, equation: Equation, number: int, k: int, pattern: Any) -> Any:
        key = (equation, number, k)
        link = self._links.get(key, False)
        if link is False:
            step = Step(equation, self.value, self.nonzero)
            step.out = equation.outs[number].type
            link = link_of(equation.op)(step, k)
            if not step.asked:
                self._links[key] = link
        if link is None:
            return None
        for factor in reversed(link):
            pattern = factor @ pattern
        return pattern


def _union(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _split(pattern: Any, sizes: Sequence[int]) -> list[Any]:
    """The rows, as many together as the sizes say."""
    ends = np.cumsum([0, *sizes])
    return [pattern[start:stop] for start, stop in pairwise(ends)]


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(a.nnz == b.nnz and (a != b).nnz == 0)


# ------------------------------------------------------------------------------------------------------ loops and cond


class _Body:
    """A program inside of another, run again and again; the inputs in `carried` change from one run to the next."""

    def __init__(
        self,
        outer: Patterns,
        program: Program,
        operands: Sequence[Atom],
        width: int | None = None,
        carried: Sequence[int] = (),
    ) -> None:
        self.outer, self.program, self.operands, self.carried = outer, program, operands, carried
        self.width = outer.width if width is None else width
        self.links: dict[Any, Any] = {}
        self.looked: set[Var] = set()

    def run(self, patterns: Sequence[Any], values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The patterns of the outputs, and the values of those that are known (None for the others)."""
        inputs = self.program.inputs
        known = {var: value for var, value in zip(inputs, values, strict=True) if value is not None}
        seeds = dict(zip(inputs, patterns, strict=True))
        inner = Patterns(self.program, seeds, known, self.width, self.links, self.looked.add)
        found = inner.run()
        for var, zeros in inner.facts:
            place = inputs.index(var) if var in inputs else None
            if zeros and place is not None and place not in self.carried:
                self.outer.nonzero(self.operands[place])
            else:  # whatever came from outside may have mattered
                for operand in self.operands:
                    self.outer.value(operand)
        return found, [inner.evaluate(o) for o in self.program.outputs]


def _scan(outer: Patterns, equation: Equation) -> list[Any]:
    """Iteration by iteration; it ends early when nothing changes any more."""
    p = equation.params
    body, length, consts, carry = p["body"], p["length"], p["consts"], p["carry"]
    operands = equation.operands
    split = consts + carry
    if length == UNKNOWN:
        return _repeated(outer, equation, body, operands, consts, carry)
    inner = _Body(outer, body, operands, carried=range(consts, split))
    fixed, state, stacks = (
        [outer.pattern(o) for o in part] for part in (operands[:consts], operands[consts:split], operands[split:])
    )
    constants = [outer.evaluate(o) for o in operands[:consts]]
    current = [outer.evaluate(o) for o in operands[consts:split]]
    slices = [outer.evaluate(o) for o in operands[split:]]
    lengths = [size(o.type.shape[1:]) for o in operands[split:]]
    rows: list[list[Any]] = [[None] * length for _ in equation.outs[carry:]]
    places = range(length)[::-1] if p["reverse"] else range(length)
    varies = any(s is not None for s in stacks)
    results: list[Any] = []
    for turn, i in enumerate(places):
        kept = list(state)
        parts = [None if s is None else s[i * n : (i + 1) * n] for s, n in zip(stacks, lengths, strict=True)]
        known = [*constants, *current, *(None if s is None else s[i] for s in slices)]
        results, values = inner.run([*fixed, *state, *parts], known)
        state, current = results[:carry], values[:carry]
        for place, pattern in zip(rows, [*results[carry:], *kept], strict=True):
            place[i] = pattern
        steady = turn and not varies and not inner.looked
        if steady and all(map(_same, state, kept)):
            for j in places[turn + 1 :]:
                for place, pattern in zip(rows, [*results[carry:], *state], strict=True):
                    place[j] = pattern
            break
    stacked = [_stacked(place, out, outer.width) for place, out in zip(rows, equation.outs[carry:], strict=True)]
    return [*state, *stacked]


def _stacked(parts: list[Any], out: Var, width: int) -> Any:
    from scipy.sparse import csr_array, vstack

    if all(part is None for part in parts):
        return None
    empty = csr_array((size(out.type.shape[1:]), width), dtype=bool)
    return vstack([empty if part is None else part for part in parts], format="csr")


def _while(outer: Patterns, equation: Equation) -> list[Any]:
    """As many iterations as may be."""
    p = equation.params
    operands = equation.operands[p["tests"] :]
    return _repeated(outer, equation, p["body"], operands, p["consts"], len(operands) - p["consts"])


def _repeated(
    outer: Patterns, equation: Equation, body: Program, operands: Sequence[Atom], consts: int, carry: int
) -> list[Any]:
    """The union over any number of iterations; what is kept of them has the pattern of one."""
    inner = _Body(outer, body, operands)
    split = consts + carry
    fixed = [outer.pattern(o) for o in operands[:consts]]
    state = [outer.pattern(o) for o in operands[consts:split]]
    stacks = [outer.pattern(o) for o in operands[split:]]
    known = [outer.evaluate(o) for o in operands[:consts]] + [None] * (len(operands) - consts)
    while True:
        results, _ = inner.run([*fixed, *state, *stacks], known)
        wider = [_union(a, b) for a, b in zip(state, results[:carry], strict=True)]
        if all(map(_same, wider, state)):
            return [*state, *results[carry:], *state]
        state = wider


def _cond(outer: Patterns, equation: Equation) -> list[Any]:
    """Both branches, unless it is known which."""
    condition, operands = equation.operands[0], equation.operands[1:]
    taken = outer.value(condition)
    branches = [equation.params["true"], equation.params["false"]]
    if taken is not None:
        branches = branches[:1] if taken else branches[1:]
    patterns = [outer.pattern(o) for o in operands]
    found = [
        _Body(outer, branch, operands).run(patterns, [outer.evaluate(o) for o in operands])[0] for branch in branches
    ]
    return found[0] if len(found) == 1 else [_union(a, b) for a, b in zip(*found, strict=True)]


def _call(outer: Patterns, equation: Equation) -> list[Any]:
    """A program run once."""
    operands = equation.operands
    body = _Body(outer, equation.params["body"], operands)
    return body.run([outer.pattern(o) for o in operands], [outer.evaluate(o) for o in operands])[0]


def _with_adjoint(outer: Patterns, equation: Equation) -> list[Any]:
    """The transposed structure of an adjoint that the user gives: it is linear in its cotangents."""
    from scipy.sparse import csr_array, eye_array

    p = equation.params
    adjoint, outputs, kept = p["adjoint"], p["outputs"], p["kept"]
    read, arguments = equation.operands[outputs : outputs + kept], equation.operands[outputs + kept :]
    sizes = [size(var.type.shape) for var in adjoint.inputs[kept:]]
    total = sum(sizes)
    unit = csr_array(eye_array(total, dtype=bool))
    body = _Body(outer, adjoint, read, total)
    known = [outer.evaluate(o) for o in read] + [None] * len(sizes)
    pulled, _ = body.run([None] * kept + _split(unit, sizes), known)
    found = None
    for pattern, argument in zip(pulled, arguments, strict=False):
        of = outer.pattern(argument)
        if pattern is not None and of is not None:
            found = _union(found, csr_array(pattern.T) @ of)
    parts = iter([None] * len(sizes) if found is None else _split(found, sizes))
    return [next(parts) if out.type.inexact else None for out in equation.outs]


_STRUCTURED = {
    "scan": _scan, "while_loop": _while, "cond": _cond, "call": _call, "with_adjoint": _with_adjoint,
}  # fmt: skip
