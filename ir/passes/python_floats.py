"""Arithmetic of single numbers on Python's floats, where that is exactly NumPy's: the same bits, several times sooner.

NumPy's float64 numbers and Python's floats are one format, and `+ - *` and `abs` of them round alike. All else stays
NumPy's: Python's division by zero and its overflowing power raise, and the functions of `math` differ from NumPy's in
the last bit. What the user gets keeps its type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..op import BY_NAME
from ..ops.batched_loops import UNKNOWN
from ..program import Atom, Equation, Literal, Program, Var
from ..types import ArrayType
from .dead_code import eliminate_dead_code

DOUBLE = ArrayType((), np.dtype(float))
FLOAT = ArrayType((), np.dtype(float), weak=True)
BOOL = ArrayType((), np.dtype(bool), weak=True)

_ARITHMETIC = {"add", "subtract", "multiply", "negative", "absolute", "divide"}
_TESTS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
_DECIDED = {"guard", "where", "cond", "python_number"}  # by a truth value of Python's as by one of NumPy's
_NOT_BELOW_ZERO = {"exp", "exp2", "square", "absolute", "sqrt", "cosh"}
_TAKE_NUMBERS = {"set_item", "index_add", "stack"}  # besides the elementwise operations

# What is saved or spent, in nanoseconds (measured on CPython 3.11 and NumPy 2.4).
SAVED = 15  # by an operator between two Python floats
SAVED_BY_CALL = 25  # by a NumPy function that is called with a Python float
INTO_PYTHON = 16  # float(x)
INTO_NUMPY = 60  # np.float64(x)
WORTH = 1000  # less than this is not worth a changed text
WORTH_IN_LOOPS = 200  # in all rounds together
ROUNDS = 10  # of a loop that runs nobody knows how often


def python_floats(program: Program) -> Program:
    """The program with float64 numbers as Python floats wherever enough arithmetic is done on them."""
    program = _with_loops(program)
    choice = _Choice(program)
    choice.decide(WORTH)
    return _Writer(choice).run() if choice.steps or choice.sources else program


@dataclass(slots=True)
class _Choice:
    """Which steps of one program are done on Python floats.

    In the body of a loop `carried` are the numbers of a round, with the places in its outputs of what they are in the
    next one, and `fixed` those from outside; both may be handed in as Python floats. Of the outputs the first `strict`
    have types to keep.
    """

    program: Program
    carried: Mapping[Var, int] = field(default_factory=dict)
    fixed: Collection[Var] = ()
    strict: int | None = None
    steps: set[int] = field(default_factory=set)  # the equations that are chosen
    floats: set[Var] = field(default_factory=set)  # their results, and the inputs that are handed in as Python floats
    converted: set[Var] = field(default_factory=set)  # NumPy's numbers that they read
    sources: dict[Var, Atom] = field(default_factory=dict)  # NumPy's numbers that were just made of Python's
    readers: dict[Var, list[int]] = field(default_factory=dict)
    made_by: dict[Atom, Equation] = field(default_factory=dict)
    handed_out: set[Atom] = field(default_factory=set)  # outputs that must be NumPy's numbers

    def decide(self, worth: int) -> None:
        """Choose each group of connected steps that saves at least `worth` nanoseconds."""
        equations = self.program.equations
        places = set(self.carried.values())
        outputs = enumerate(self.program.outputs[: self.strict])
        self.handed_out = {o for place, o in outputs if isinstance(o, Var) and place not in places}
        self.handed_out |= {o for o in self.program.outputs if o.type.dtype.kind == "b"}
        made: dict[Atom, int] = {}
        self.made_by = {out: e for e in equations for out in e.outs}
        for number, e in enumerate(equations):
            for operand in e.operands:
                if isinstance(operand, Var):
                    self.readers.setdefault(operand, []).append(number)
            made.update((out, number) for out in e.outs)
            if e.op.name == "astype" and e.out.type == DOUBLE and e.operands[0].type == FLOAT:
                self.sources[e.out] = e.operands[0]
        self.floats.update(self.sources)
        able = [n for n, e in enumerate(equations) if self._may(e)]
        for members, carried in self._groups(able, made):
            self._weigh(members, carried, worth)

    def _groups(self, able: Sequence[int], made: Mapping[Atom, int]) -> Iterable[tuple[list[int], list[Var]]]:
        """The steps that hand numbers on to each other, directly or by way of a next round."""
        nodes = {*able, *self.carried}
        parent: dict[Any, Any] = {}

        def root(node: Any) -> Any:
            while node in parent:
                above = parent[node]
                parent[node] = parent.get(above, above)
                node = above
            return node

        def join(one: Any, atom: Atom) -> None:
            other = made.get(atom, atom)
            if other in nodes and root(one) is not root(other):
                parent[root(one)] = root(other)

        for n in able:
            for operand in self.program.equations[n].operands:
                join(n, operand)
        for v in self.carried:
            join(v, self._next(v))
        groups: dict[Any, tuple[list[int], list[Var]]] = {}
        for n in able:
            groups.setdefault(root(n), ([], []))[0].append(n)
        for v in self.carried:
            groups.setdefault(root(v), ([], []))[1].append(v)
        return groups.values()

    def _next(self, v: Var) -> Atom:
        """What a carried number is in the next round."""
        return self.program.outputs[self.carried[v]]

    def _may(self, e: Equation) -> bool:
        """Whether the step does on Python floats what it does on NumPy's."""
        if e.op.name in _TESTS:
            readers = [self.program.equations[n] for n in self.readers.get(e.out, ())] if e.outs else []
            decides = all(r.op.name in _DECIDED and e.out not in r.operands[1:] for r in readers)
            return decides and e.out not in self.handed_out and not e.out.type.weak and all(map(_is_number, e.operands))
        if e.op.name not in _ARITHMETIC or e.out.type != DOUBLE or not all(map(_is_number, e.operands)):
            return False
        divisor = e.operands[-1]
        return e.op.name != "divide" or (
            _value(divisor) != 0 if isinstance(divisor, Literal) else self._above_zero(divisor)
        )

    def _above_zero(self, atom: Atom, depth: int = 8) -> bool:
        """Whether a number is surely above zero, or nan, by the way it is made."""
        if isinstance(atom, Literal):
            return bool(_value(atom) > 0)
        e = self.made_by.get(atom)
        if e is None or not depth:
            return False
        if e.op.name != "add":
            return e.op.name == "cosh"
        one, other = e.operands
        pairs = ((one, other), (other, one))
        return any(self._above_zero(a, depth - 1) and self._not_below_zero(b, depth - 1) for a, b in pairs)

    def _not_below_zero(self, atom: Atom, depth: int) -> bool:
        e = self.made_by.get(atom)
        if e is None or not depth:
            return isinstance(atom, Literal) and bool(_value(atom) >= 0)
        if e.op.name == "multiply":
            return e.operands[0] is e.operands[1]
        if e.op.name == "add":
            return all(self._not_below_zero(o, depth - 1) for o in e.operands)
        return e.op.name in _NOT_BELOW_ZERO

    def _weigh(self, members: list[int], carried: list[Var], worth: int) -> None:
        """Choose a group, if it is worth it."""
        equations = self.program.equations
        steps, floats = set(members), {*carried, *self.sources, *(equations[n].out for n in members)}
        for n in reversed(members):
            if self._better_left(n, steps, floats):
                steps.discard(n)
                floats.discard(equations[n].out)
        read = {o for n in steps for o in equations[n].operands if isinstance(o, Var) and o.type == DOUBLE} - floats
        fixed = read.intersection(self.fixed)
        entered = read - fixed
        entered |= {o for v in carried if isinstance(o := self._next(v), Var) and o not in floats}
        floats |= fixed
        known = {o for o in self.sources if not steps.isdisjoint(self.readers.get(o, ()))}
        saved = SAVED * len(steps) - INTO_PYTHON * len(entered)
        for v in (floats - self.sources.keys()) | known:
            calls = sum(n not in steps and _is_call(equations[n]) for n in self.readers.get(v, ()))
            strong = v.type == DOUBLE and self.read_as_numpy(v, steps, floats, entered)
            saved += SAVED_BY_CALL * calls + INTO_NUMPY * ((v in known and not strong) - (v not in known and strong))
        if steps and saved >= (1 if known else worth):
            self.steps |= steps
            self.floats |= floats
            self.converted |= entered

    def _better_left(self, n: int, steps: set[int], floats: set[Var]) -> bool:
        """Whether the result is wanted as NumPy's number alone, and one of the operands is one."""
        e = self.program.equations[n]
        own = [o for o in e.operands if isinstance(o, Var) and o.type == DOUBLE]
        if all(o in floats or o in self.fixed for o in own) or e.out.type != DOUBLE:
            return False
        if any(e.out is self._next(v) for v in self.carried) or not steps.isdisjoint(self.readers.get(e.out, ())):
            return False
        return self.read_as_numpy(e.out, steps, floats, ())

    def read_as_numpy(
        self, v: Var, steps: Collection[int], floats: Collection[Var], converted: Collection[Var]
    ) -> bool:
        """Whether anybody needs the value as NumPy's number."""
        if v in self.handed_out:
            return True
        for n in self.readers.get(v, ()):
            e = self.program.equations[n]
            if n not in steps and any(e.operands[i] is v for i in numpy_places(e, floats, converted)):
                return True
        return False


def numpy_places(e: Equation, floats: Collection[Var], converted: Collection[Var]) -> Sequence[int]:
    """Of the operands that are Python floats (or `converted` to such) those that must be NumPy's in this step."""
    ours = [i for i, o in enumerate(e.operands) if o in floats]
    both = [i for i, o in enumerate(e.operands) if o in converted and o not in floats]
    places = [*ours, *both]
    if not places or e.op.name in ("python_number", "guard"):
        return ()
    if not e.op.elementwise and (e.op.name not in _TAKE_NUMBERS or (0 in places and e.op.name != "stack")):
        return places
    types = [o.type for o in e.operands]
    declared = tuple(out.type for out in e.outs)
    for kept in ((), both, *([*both, i] for i in reversed(ours))):
        found = [FLOAT if i in places and i not in kept else t for i, t in enumerate(types)]
        try:
            inferred = e.op.infer(*found, **e.params)
        except (TypeError, ValueError):
            continue
        if (inferred if isinstance(inferred, tuple) else (inferred,)) == declared:
            return kept
    return places


def _is_number(atom: Atom) -> bool:
    """Whether it is a float64 number or an integer of Python's, or the same as one."""
    if isinstance(atom, Literal) and (type(atom.value) is int or not isinstance(atom.value, float)):
        return type(atom.value) is int and abs(atom.value) < 2**53  # no symbolic length
    return atom.type in (DOUBLE, FLOAT) or (atom.type.weak and atom.type.dtype.kind == "i")


def _value(literal: Literal) -> float:
    """The number of a literal; nan for one that is no plain number, such as a symbolic length."""
    return literal.value if isinstance(literal.value, int | float) else float("nan")


def _is_call(e: Equation) -> bool:
    """Whether it is a NumPy function of numbers."""
    return e.op.elementwise and isinstance(e.op.fun, np.ufunc) and not e.out.type.shape


# --------------------------------------------------------------------------------------------------------- writing


class _Writer:
    """`weak` and `strong` are the float64 numbers of the old program as Python's and as NumPy's in the new one; `new`
    is what other values have become."""

    def __init__(self, choice: _Choice) -> None:
        self.choice = choice
        self.equations: list[Equation] = []
        self.ours = choice.floats | choice.converted
        self.places: dict[int, Sequence[int]] = {}
        self.weak: dict[Var, Atom] = {}
        self.strong: dict[Var, Atom] = {}
        self.new: dict[Var, Atom] = {}

    def run(self) -> Program:
        choice, program = self.choice, self.choice.program
        inputs = tuple(map(self._input, program.inputs))
        for number, equation in enumerate(program.equations):
            self._write(number, equation)
        floats = {place for v, place in choice.carried.items() if v in choice.floats}
        count = len(program.outputs)
        collected = range(count if choice.strict is None else choice.strict, count)
        outputs = tuple(
            self._float(o)
            if place in floats
            or (o in choice.floats and o not in choice.handed_out)
            or (o in choice.converted and place in collected and o not in choice.handed_out)
            else self._number(o)
            for place, o in enumerate(program.outputs)
        )
        return eliminate_dead_code(replace(program, inputs=inputs, equations=tuple(self.equations), outputs=outputs))

    def _input(self, var: Var) -> Var:
        if var not in self.choice.floats:
            return var
        self.weak[var] = made = Var(FLOAT, var.name, var.named)
        return made

    def _write(self, number: int, e: Equation) -> None:
        choice = self.choice
        source = e.operands[0] if e.op.name == "python_number" else None
        known = self.weak.get(source) or self.new.get(source) if isinstance(source, Var) else None
        if known is not None:
            self.new[e.out] = known
            if isinstance(known, Var) and e.out.named > known.named:
                known.name, known.named = e.out.name, e.out.named
            return
        if number in choice.steps:
            operands = [self._float(o, e) for o in e.operands]
            outs: tuple[Var, ...] = (Var(FLOAT if e.out.type == DOUBLE else BOOL, e.out.name, e.out.named),)
            (self.weak if e.out.type == DOUBLE else self.new)[e.out] = outs[0]
        else:
            kept = self._kept(number)
            floats = [o in self.ours and i not in kept for i, o in enumerate(e.operands)]
            operands = [(self._float if f else self._number)(o, e) for o, f in zip(e.operands, floats, strict=True)]
            outs = tuple(map(self._result, e.outs))
        self.equations.append(replace(e, operands=tuple(operands), outs=outs))
        for out in e.outs:
            if out in choice.sources:
                self.weak[out], self.strong[out] = self._number(choice.sources[out]), out
            elif out in choice.converted:
                self._float(out, e)
            elif out in choice.floats and out.type == DOUBLE and self._read_as_numpy(out):
                self._number(out, e)

    def _kept(self, number: int) -> Sequence[int]:
        """The operands of an equation that stay NumPy's numbers."""
        if number not in self.places:
            choice = self.choice
            e = choice.program.equations[number]
            self.places[number] = numpy_places(e, choice.floats, choice.converted)
        return self.places[number]

    def _read_as_numpy(self, v: Var) -> bool:
        choice = self.choice
        equations, readers = choice.program.equations, choice.readers.get(v, ())
        rest = (n for n in readers if n not in choice.steps)
        return v in choice.handed_out or any(equations[n].operands[i] is v for n in rest for i in self._kept(n))

    def _result(self, out: Var) -> Var:
        """The result of a step; one that is only read as a Python float leaves its name to that."""
        if out not in self.choice.converted or not out.name or self._read_as_numpy(out):
            return out
        self.strong[out] = made = Var(out.type)
        return made

    def _float(self, atom: Atom, at: Equation | None = None) -> Atom:
        """A float64 number as a Python float; anything else as it is."""
        if isinstance(atom, Literal):
            value = atom.value.item() if isinstance(atom.value, np.generic) else atom.value
            return Literal(value, ArrayType((), np.dtype(type(value)), weak=True))
        if atom.type != DOUBLE:
            return self.new.get(atom, atom)
        if atom not in self.weak:
            self.weak[atom] = made = Var(FLOAT, atom.name, atom.named)
            self._convert("python_number", self.strong.get(atom, atom), made, at)
        return self.weak[atom]

    def _number(self, atom: Atom, at: Equation | None = None) -> Atom:
        """A float64 number as NumPy's; anything else as it is."""
        if isinstance(atom, Literal):
            return atom
        if atom.type != DOUBLE:
            return self.new.get(atom, atom)
        if atom in self.choice.floats and atom not in self.strong:
            self.strong[atom] = made = Var(DOUBLE, atom.name)
            self._convert("astype", self.weak[atom], made, at, dtype=DOUBLE.dtype)
        return self.strong.get(atom, atom)

    def _convert(self, name: str, source: Atom, made: Var, at: Equation | None, **params: Any) -> None:
        origin, level = (at.origin, at.level) if at is not None else (None, 0)
        self.equations.append(Equation(BY_NAME[name], (source,), params, (made,), origin, level))


# ----------------------------------------------------------------------------------------------------------- loops


def _with_loops(program: Program) -> Program:
    """The program with its loops carrying Python floats where that is worth it."""
    if not any(isinstance(value, Program) for e in program.equations for value in e.params.values()):
        return program
    equations: list[Equation] = []
    renamed: dict[Var, Var] = {}
    lists: dict[Var, Var] = {}  # what loops collect as arrays, as lists of Python floats
    for e in program.equations:
        e = replace(e, operands=tuple(renamed.get(o, o) for o in e.operands))  # type: ignore[arg-type]
        if e.op.name == "scan":
            _scan(_with_lists(e, lists), equations, renamed)
            if e.params["listed"]:
                _collected(equations, lists)
        elif e.op.name == "while_loop":
            _while(e, equations, renamed)
        else:
            equations.append(e)
    outputs = tuple(renamed.get(o, o) for o in program.outputs)  # type: ignore[arg-type]
    program = replace(program, equations=tuple(equations), outputs=outputs)
    return eliminate_dead_code(program) if lists else program


def _with_lists(e: Equation, lists: Mapping[Var, Var]) -> Equation:
    """A loop that goes over lists of Python floats, where it went over arrays of the same numbers."""
    body, first = e.params["body"], e.params["consts"] + e.params["carry"]
    found = [i for i, o in enumerate(e.operands[first:], first) if o in lists and e.params["listed"]]
    if not found:
        return e
    operands, inputs, conversions = list(e.operands), list(body.inputs), []
    for i in found:
        var = inputs[i]
        operands[i], inputs[i] = lists[operands[i]], Var(FLOAT, var.name, var.named)  # type: ignore[index]
        to = {"dtype": DOUBLE.dtype}
        conversions.append(Equation(BY_NAME["astype"], (inputs[i],), to, (var,), e.origin, 0))
    body = replace(body, inputs=tuple(inputs), equations=(*conversions, *body.equations))
    return replace(e, operands=tuple(operands), params={**e.params, "body": body})


def _collected(equations: list[Equation], lists: dict[Var, Var]) -> None:
    """Give the last loop, which collects lists, the types of what it appends to them now."""
    place = max(n for n, e in enumerate(equations) if e.op.name == "scan")
    loop = equations[place]
    outs = list(loop.outs)
    for k, found in enumerate(loop.op.infer(*(o.type for o in loop.operands), **loop.params)):
        if found.shape and found.weak and not outs[k].type.weak and k >= loop.params["carry"]:
            out = outs[k]
            outs[k] = lists[out] = Var(found, out.name, out.named)
            equations.append(Equation(BY_NAME["array_of"], (outs[k],), {}, (out,), loop.origin, loop.level))
    equations[place] = replace(loop, outs=tuple(outs))


def _scan(e: Equation, equations: list[Equation], renamed: dict[Var, Var]) -> None:
    """Append the loop, and before and behind it the conversions of what it carries."""
    consts, carry, length = e.params["consts"], e.params["carry"], e.params["length"]
    body = _with_loops(e.params["body"])
    choice = _Choice(
        body,
        {v: k for k, v in enumerate(body.inputs[consts : consts + carry]) if v.type == DOUBLE},
        [v for v in body.inputs[:consts] if v.type == DOUBLE],
        carry,
    )
    choice.decide(max(WORTH_IN_LOOPS // max(ROUNDS if length == UNKNOWN else length, 1), 1))
    if choice.steps:
        body = _Writer(choice).run()
    given = [v in choice.floats for v in choice.program.inputs]
    _append(e, {"body": body}, given, given[consts : consts + carry], equations, renamed)


def _while(e: Equation, equations: list[Equation], renamed: dict[Var, Var]) -> None:
    """As `_scan`; the condition takes what the loop carries."""
    tests, consts = e.params["tests"], e.params["consts"]
    body, test = _with_loops(e.params["body"]), e.params["test"]
    choice = _Choice(
        body,
        {v: k for k, v in enumerate(body.inputs[consts:]) if v.type == DOUBLE},
        [v for v in body.inputs[:consts] if v.type == DOUBLE],
    )
    choice.decide(WORTH_IN_LOOPS // ROUNDS)
    if not choice.steps:
        _append(e, {"body": body}, [], [], equations, renamed)
        return
    given = [v in choice.floats for v in body.inputs]
    looking = _Choice(test, {}, [v for v, ours in zip(test.inputs[tests:], given[consts:], strict=True) if ours], 0)
    looking.decide(0)
    looking.floats.update(looking.fixed)
    params = {"body": _Writer(choice).run(), "test": _Writer(looking).run()}
    _append(e, params, [*[False] * tests, *given], given[consts:], equations, renamed)


def _append(
    e: Equation,
    programs: dict[str, Program],
    given: Sequence[bool],
    carried: Sequence[bool],
    equations: list[Equation],
    renamed: dict[Var, Var],
) -> None:
    """Append the loop; `given` are the operands and `carried` the first results that are Python floats now."""
    operands, outs = list(e.operands), list(e.outs)
    for place, (ours, o) in enumerate(zip(given, e.operands, strict=False)):
        if ours and isinstance(o, Literal):
            operands[place] = Literal(float(o.value), FLOAT)
        elif ours and o.type == DOUBLE:
            assert isinstance(o, Var)
            operands[place] = made = Var(FLOAT, o.name, o.named)
            equations.append(Equation(BY_NAME["python_number"], (o,), {}, (made,), e.origin, e.level))
    behind = []
    for place, (ours, out) in enumerate(zip(carried, e.outs, strict=False)):
        if ours:
            outs[place] = made = Var(FLOAT, out.name, out.named)
            renamed[out] = number = Var(DOUBLE, out.name)
            to = {"dtype": DOUBLE.dtype}
            behind.append(Equation(BY_NAME["astype"], (made,), to, (number,), e.origin, e.level))
    params: dict[str, Any] = {**e.params, **programs}
    equations.append(replace(e, operands=tuple(operands), params=params, outs=tuple(outs)))
    equations += behind
