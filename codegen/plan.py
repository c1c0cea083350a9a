"""What becomes a line of its own, what is written inside another line, and what is done in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ..ir.aliasing import cells, may_alias, parents, read_only, roots, shared_by_rounds, shares_memory
from ..ir.describe import describe
from ..ir.ops.custom import EXTERNAL
from ..ir.program import Equation, Literal, Program, Var

LARGE = 1 << 18  # bytes from which an array is rather written over than made: a new one is new pages of memory
END = 1 << 40  # the position of the return statement
LONGEST_EXPRESSION = 60  # characters, roughly, that may be written inside another line
_CHEAP_VIEWS = {"transpose", "expand_dims"}
_IN_PLACE_OPERATORS = {"add", "subtract", "multiply", "divide"}


@dataclass(slots=True)
class Plan:
    """Decisions by equation number. `inlined` has no line; `in_place` overwrites its first operand (or, for
    `swapped`, its second); `copied` updates a copy of its first operand."""

    inlined: set[int]
    in_place: set[int]
    swapped: set[int]
    overwritten: dict[int, int]  # large arrays that are written into an operand that nobody reads afterwards: which
    filled: dict[int, dict[int, int]]  # loops over blocks: the results that are written into operands, and which
    copied: set[int]
    consumed: dict[Var, set[int]]  # the loops that may overwrite an operand: nobody reads it afterwards
    delivered: dict[int, Var]  # steps whose buffer is a block of a result of the loop over blocks: which
    placed: set[Var]  # results of a loop over blocks that stand where they belong without any further line
    detached: set[int]  # views that are copied when they are made, since their base is overwritten before they are read
    last_use: dict[Var, int]  # the position of the last line that reads the variable or shares its name
    reads_at: list[int]  # the position of the line in which an equation is written


def plan(
    program: Program,
    closure: bool = False,
    owned: Collection[Var] = (),
    last: int | None = None,
    reuse: bool = False,
    block: int | None = None,
    parts: Mapping[Var, Var | None] | None = None,
) -> Plan:
    """Decide for every equation. With `closure` the backward part is a function that may be called many times;
    `owned` are inputs whose buffers may be overwritten; `last` is the level of the backward part, else the highest;
    with `reuse` large results are written into operands that are not needed any more; `block` are the bytes that make
    a result large in the body of a loop over blocks, which has an operation to a line for that, and `parts`
    its results that are parts of arrays, with the blocks of operands that they are written over, if any."""
    parts = parts or {}
    blocks = [part for part in parts.values() if part is not None]
    planner = _Planner(program, closure, (*owned, *blocks), last, reuse, block, parts)
    result = planner.run()
    kept = [part for part in blocks if not planner.becomes_another(part)]
    if len(kept) < len(blocks):
        result = _Planner(program, closure, (*owned, *kept), last, reuse, block, parts).run()
    return result


class _Planner:
    def __init__(
        self,
        program: Program,
        closure: bool,
        owned: Collection[Var],
        last: int | None,
        reuse: bool,
        block: int | None,
        parts: Mapping[Var, Var | None],
    ) -> None:
        self.program = program
        self.parts = parts
        self.reuse = reuse
        self.in_blocks = reuse and block is not None
        self.large = LARGE if block is None else block
        self.equations = program.equations
        self.closure = closure
        self.uses: dict[Var, list[int]] = {}
        for number, equation in enumerate(self.equations):
            for operand in equation.operands:
                if isinstance(operand, Var):
                    self.uses.setdefault(operand, []).append(number)
        self.cells = cells(program)
        self.views = {out for e in self.equations if shares_memory(e) for out in e.outs}  # and writes into them
        self.outputs = {o for o in program.outputs if isinstance(o, Var)}
        self.owner = parents(program)
        self.frozen = read_only(program, owned)
        self.updates: dict[Var, list[int]] = {}
        self.origin = roots(program)
        for number, equation in enumerate(self.equations):
            if equation.op.update is not None and isinstance(equation.operands[0], Var):
                self.updates.setdefault(self.origin[equation.operands[0]], []).append(number)
            for target, _ in _added_to(equation):
                self.updates.setdefault(self.origin[target], []).append(number)
        self.final = max((e.level for e in self.equations), default=0) if last is None else last
        self.late = {out for e in self.equations for out in e.outs if e.level == self.final}  # made by the last pass
        self.definition = {out: n for n, e in enumerate(self.equations) for out in e.outs}
        self.reads_at = list(range(len(self.equations)))
        self.sizes = [0] * len(self.equations)
        self.held = [o for e in self.equations if e.op.name in EXTERNAL for o in e.operands if isinstance(o, Var)]
        self.before: dict[Var, Var] = {}  # what a result was written over
        self.lent: list[tuple[Var, Var]] = []  # an operand of a loop or branch, and a result that may be that array

    def run(self) -> Plan:
        self._name_buffers()
        inlined = self._inline()
        last_use = self._last_uses(inlined)
        result = Plan(inlined, set(), set(), {}, {}, set(), {}, {}, set(), set(), last_use, self.reads_at)
        self._decide_in_place(result)
        self._name_alike()
        return result

    def _name_buffers(self) -> None:
        """A new buffer that is only made to be written into has the name of what it becomes."""
        for equation in reversed(self.equations):
            first = equation.operands[0] if equation.operands else None
            if equation.op.name == "index_add" and not equation.params["distinct"] and not equation.out.name:
                equation.out.name = "summed"  # what nobody named
            if equation.op.update is not None and isinstance(first, Var) and equation.outs and equation.out.name:
                if not first.name and first not in self.frozen:
                    first.name, first.named = equation.out.name, equation.out.named
            for target, out in _added_to(equation):
                if not target.name and target not in self.frozen:
                    target.name, target.named = out.name or "summed", out.named

    # ------------------------------------------------------------------------------------------------ inlining

    def _inline(self) -> set[int]:
        inlined: set[int] = set()
        definition = self.definition
        for number in range(len(self.equations) - 1, -1, -1):
            if self._may_inline(number):
                inlined.add(number)
                self.reads_at[number] = self._line_of(number)
        for number, equation in enumerate(self.equations):
            text = equation.op.template([o.type for o in equation.operands], dict(equation.params))
            size = 6 + max(len(text.partition(" || ")[0]) - 40, 0)  # many keywords are long, too
            for operand in equation.operands:
                if isinstance(operand, Var) and definition.get(operand) in inlined:
                    size += self.sizes[definition[operand]]
                else:
                    size += len(operand.name) + 3 if isinstance(operand, Var) else 4
            self.sizes[number] = size
            if number in inlined and size > LONGEST_EXPRESSION:
                inlined.discard(number)
                self.sizes[number] = 8
        self._settle(inlined)
        return inlined

    def _settle(self, inlined: set[int]) -> None:
        """The line of each equation, now that the long ones have lines of their own."""
        for number in range(len(self.equations) - 1, -1, -1):
            if number in inlined:
                self.reads_at[number] = self._line_of(number)
            else:
                self.reads_at[number] = number

    def _line_of(self, number: int) -> int:
        """The last line in which an inlined equation is written."""
        return max((self.reads_at[u] for u in self.uses.get(self.equations[number].out, ())), default=END)

    def _may_inline(self, number: int) -> bool:
        equation = self.equations[number]
        if equation.op.effect or equation.op.update is not None or equation.op.several:
            return False
        out = equation.out
        uses = self.uses.get(out, [])
        if out in self.outputs and not uses and _converts(equation):
            written = [o for o in equation.operands if isinstance(o, Var) and self.updates.get(self.owner[o])]
            return self.program.outputs.count(out) == 1 and not written
        if out.named or out in self.outputs:
            return False
        slope = self.closure and 0 < equation.level < self.final
        if slope and any(self.equations[u].level == self.final for u in uses):
            return False  # it is computed once, the closure may be called many times
        if not uses or not (len(uses) == 1 or self._cheap(equation, len(uses))):
            return False
        for user in (self.equations[u] for u in uses):
            if user.op.update is not None and not user.op.effect and user.operands[0] is out:
                return False
            if any(target is out for target, _ in _added_to(user)):
                return False
        if not equation.operands and equation.op.name not in ("arange", "identity_matrix"):
            return False
        if self.in_blocks and self._saves_a_buffer(number):
            return False
        if self.reuse and self._is_subtracted_product(number):
            return False
        until = max((self.reads_at[u] for u in uses), default=END)
        return not any(
            number < update < until
            for operand in equation.operands
            if isinstance(operand, Var)
            for update in self.updates.get(self.origin[operand], ())
        )

    def _saves_a_buffer(self, number: int) -> bool:
        """Whether a result should be overwritten by the step that reads it, or stand in an operand of its own."""
        equation = self.equations[number]
        out, reader = equation.out, self.equations[self.uses[equation.out][0]]
        if _bytes(out) < self.large or shares_memory(equation):
            return False
        if self._may_overwrite(reader) and reader.out.type == out.type:
            return not self._is_delivered(reader) or self._may_overwrite(equation)
        return self._may_overwrite(equation) and any(
            isinstance(o, Var) and o.type == out.type and o not in self.frozen and max(self.uses[o]) == number
            for o in equation.operands
        )

    def _is_subtracted_product(self, number: int) -> bool:
        """Whether x - A @ B, or x / (A @ B), can be written where the product stands; NumPy does it on the left."""
        equation = self.equations[number]
        reader = self.equations[self.uses[equation.out][0]]
        if equation.op.name not in ("matmul", "outer", "tensordot") or reader.op.name not in ("subtract", "divide"):
            return False
        alike = reader.operands[1] is equation.out and reader.out.type == equation.out.type
        return alike and self._may_overwrite(reader)

    def _is_delivered(self, equation: Equation) -> bool:
        """Whether a block is a part of a result, and nothing else: it is computed where it belongs."""
        delivered = [out for out in equation.outs if out in self.parts and not self.uses.get(out)]
        return len(delivered) == 1 and self.program.outputs.count(delivered[0]) == 1

    def _may_overwrite(self, equation: Equation) -> bool:
        """Whether NumPy's function takes `out=`, and the result is large enough to care where it goes."""
        if not isinstance(equation.op.fun, np.ufunc) or not equation.op.elementwise or equation.op.several:
            return False
        return _bytes(equation.out) >= self.large

    def _cheap(self, equation: Equation, count: int) -> bool:
        """Whether to write it again costs nothing: numbers, and views of something that has a name."""
        if equation.operands and all(isinstance(o, Literal) for o in equation.operands):
            return equation.out.type.weak
        first = equation.operands[0] if equation.operands else None
        if equation.op.name in _CHEAP_VIEWS and isinstance(first, Var):
            return first.named and count <= 3
        element = equation.op.name == "getitem" and not equation.out.type.shape and len(equation.operands) == 1
        return element and first in self.program.inputs and count <= 3

    # ------------------------------------------------------------------------------------------------- in place

    def _last_uses(self, inlined: set[int]) -> dict[Var, int]:
        last: dict[Var, int] = {}
        for number, equation in enumerate(self.equations):
            for operand in equation.operands:
                if isinstance(operand, Var):
                    position = self.reads_at[number]
                    if self.closure and equation.level == self.final and operand not in self.late:
                        position = END
                    last[operand] = max(last.get(operand, -1), position)
        for out in self.outputs:
            last[out] = END
        return last

    def _decide_in_place(self, result: Plan) -> None:
        members: dict[Var, list[Var]] = {}
        for var in (*self.program.inputs, *self.program.captures):
            members[var] = [var]
        for number, equation in enumerate(self.equations):
            for out in equation.outs:
                members.setdefault(self._root(out), []).append(out)
                if may_alias(equation, out):
                    self.lent += [(o, out) for o in equation.operands if isinstance(o, Var) and o.type.shape]
            if number in result.inlined or not equation.outs:
                continue
            if equation.op.name in ("scan", "while_loop"):
                self.lent += shared_by_rounds(equation)
            if equation.op.name == "scan":
                first, count = equation.params["consts"], equation.params["carry"]
                for target in equation.operands[first : first + count]:
                    if not isinstance(target, Var):
                        continue
                    sharing = [
                        o for o in equation.operands if isinstance(o, Var) and self._root(o) is self._root(target)
                    ]
                    if len(sharing) == 1 and self._free(target, number, members, result):
                        result.consumed.setdefault(target, set()).add(number)
            if equation.op.name == "blocks":
                self._add_to_operands(number, equation, members, result)
                if self.reuse:
                    self._fill_operands(number, equation, members, result)
            if equation.op.update is not None:
                target = equation.operands[0]
                if isinstance(target, Var) and self._free(target, number, members, result):
                    self._merge(target, equation.out, members)
                    result.in_place.add(number)
                else:
                    result.copied.add(number)
            elif self._is_delivered(equation):
                self._deliver(number, equation, members, result)
                continue
            elif equation.op.name in _IN_PLACE_OPERATORS and equation.level > 0:
                self._accumulate(number, equation, members, result)
            if self.reuse and number not in result.in_place and self._may_overwrite(equation):
                self._overwrite(number, equation, members, result)

    def _overwrite(self, number: int, equation: Equation, members: dict[Var, list[Var]], result: Plan) -> None:
        """Write over an operand that is free then; rather over a step without a name, and over the last one made."""
        found: list[tuple[bool, int, int]] = []
        for place, operand in enumerate(equation.operands):
            if isinstance(operand, Var) and operand.type == equation.out.type:
                given = operand in self.parts.values()
                found.append((given or not operand.named, self.definition.get(operand, len(self.equations)), -place))
        for _, made, place in sorted(found, reverse=True) if self.in_blocks else found:
            target = equation.operands[-place]
            assert isinstance(target, Var)
            if made not in result.inlined and self._free(target, number, members, result):
                self._merge(target, equation.out, members)
                result.overwritten[number] = -place
                self.before[equation.out] = target
                return

    def _deliver(self, number: int, equation: Equation, members: dict[Var, list[Var]], result: Plan) -> None:
        """A block of a result: the steps that are written over each other on the way to it may stand there at once."""
        if not self._may_overwrite(equation):
            return
        out = equation.out
        old = self.parts[out]
        for operand in sorted(
            (o for o in equation.operands if isinstance(o, Var) and o.type == out.type),
            key=lambda o: self.definition.get(o, len(self.equations)),
            reverse=True,
        ):
            first = operand
            while first in self.before:
                first = self.before[first]
            made = self.definition.get(first)
            if made in result.inlined or self.definition.get(operand) in result.inlined or first in self.outputs:
                continue
            if made is None and (first is not old or old in self.frozen):
                continue
            if made is not None and (made in result.delivered or not self._may_deliver(made, old, members, result)):
                continue
            if self._free(operand, number, members, result):
                self._merge(operand, out, members)
                result.overwritten[number] = equation.operands.index(operand)
                self.before[out] = operand
                result.placed.add(out)
                if made is not None:
                    result.delivered[made] = out
                return
        if self._may_deliver(number, old, members, result):
            result.delivered[number] = out
            result.placed.add(out)

    def _may_deliver(self, number: int, old: Var | None, members: dict[Var, list[Var]], result: Plan) -> bool:
        """Whether a step may be written where the result belongs: what stood there is not read afterwards."""
        equation = self.equations[number]
        if not self._may_overwrite(equation) or equation.out in self.views:
            return False
        standing = [] if old is None else members.get(self._root(old), [old])
        return all(result.last_use.get(v, -1) <= number for v in standing)

    def becomes_another(self, block: Var) -> bool:
        """Whether something else than the result that takes the place of a block is written over it."""
        last = block
        after = {target: out for out, target in self.before.items()}
        while last in after:
            last = after[last]
        return last is not block and self.parts.get(last) is not block

    def _name_alike(self) -> None:
        """Steps without a name, each written over the one before, have the name of what they become."""
        for number in range(len(self.equations) - 1, -1, -1):
            equation = self.equations[number]
            target = self.before.get(equation.out) if self.in_blocks and len(equation.outs) == 1 else None
            if target is None or target.name or target not in self.definition:
                continue
            if self.equations[self.definition[target]].level != equation.level:
                continue
            equation.out.name = equation.out.name or describe(equation, {}, lambda var: None)
            target.name = equation.out.name

    def _add_to_operands(self, number: int, equation: Equation, members: dict[Var, list[Var]], result: Plan) -> None:
        """What blocks add to may be the operand itself."""
        for target, out in _added_to(equation):
            read = [o for o in equation.operands if isinstance(o, Var) and self._root(o) is self._root(target)]
            if len(read) == 1 and target not in self.views and self._free(target, number, members, result):
                self._merge(target, out, members)
                result.consumed.setdefault(target, set()).add(number)

    def _fill_operands(self, number: int, equation: Equation, members: dict[Var, list[Var]], result: Plan) -> None:
        """A block of a result may be written where a block of an operand stood, once that was read."""
        params = equation.params
        places = list(range(params["whole"], len(equation.operands)))
        for k, out in enumerate(equation.outs[: params["rows"]]):
            for place in places:
                target = equation.operands[place]
                if (
                    not isinstance(target, Var)
                    or target.type != out.type
                    or self.definition.get(target) in result.inlined
                ):
                    continue
                if any(e.op.view and params["body"].inputs[place] in e.operands for e in params["body"].equations):
                    continue
                alone = sum(isinstance(o, Var) and self._root(o) is self._root(target) for o in equation.operands) == 1
                if alone and self._free(target, number, members, result):
                    self._merge(target, out, members)
                    result.filled.setdefault(number, {})[k] = place
                    places.remove(place)
                    break

    def _accumulate(self, number: int, equation: Equation, members: dict[Var, list[Var]], result: Plan) -> None:
        out = equation.out
        sides = (0, 1) if equation.op.name in ("add", "multiply") else (0,)
        for side in sides:
            target = equation.operands[side]
            if not isinstance(target, Var) or target.name != out.name or not out.name or target.type != out.type:
                continue
            if equation.operands[1 - side] is target or self.definition.get(target) in result.inlined:
                continue  # what has no line of its own cannot be added to
            scalar = not target.type.shape
            dies = result.last_use.get(target, -1) <= number
            if (dies and scalar and target not in self.frozen and target not in self.cells) or self._free(
                target, number, members, result
            ):
                if not scalar:
                    self._merge(target, out, members)
                    self.before[out] = target
                result.in_place.add(number)
                if side:
                    result.swapped.add(number)
                return

    def _free(self, target: Var, number: int, members: dict[Var, list[Var]], result: Plan) -> bool:
        """Whether nobody reads the buffer of the target after this line, perhaps once small views are copied."""
        if target in self.frozen or not target.type.shape:
            return False
        root, out = self._root(target), self.equations[number].out
        if any(self._root(held) is root for held in self.held):
            return False  # who was called with it may have kept it
        for operand, borrower in self.lent:
            if self._root(operand) is root:
                if any(result.last_use.get(v, -1) > number for v in members.get(self._root(borrower), ())):
                    return False
        if target in self.views and out in self.outputs:
            return False  # what is handed out is no view, of whatever buffer
        living = [v for v in members[root] if v is out or result.last_use.get(v, -1) > number]
        members[root] = living
        blocking = [v for v in living if v is not out]
        views = [v for v in blocking if self.owner[v] is not v]
        if len(views) < len(blocking) or sum(v.type.size for v in views) >= target.type.size:
            return not blocking
        numbers = [self.definition[v] for v in views]
        if any(n in result.inlined or not shares_memory(self.equations[n]) for n in numbers):
            return False
        for view, made in zip(views, numbers, strict=True):
            result.detached.add(made)
            self.owner[view] = view
            members[view] = [view]
        members[root] = [v for v in living if v is out]
        return True

    def _root(self, var: Var) -> Var:
        """The owner of the buffer, also after results have moved into the buffers of their operands."""
        while self.owner[var] is not var:
            var = self.owner[var]
        return var

    def _merge(self, target: Var, out: Var, members: dict[Var, list[Var]]) -> None:
        """The result now lives in the target's buffer, and so will every view of it."""
        root = self._root(target)
        if target in self.views:
            self.views.add(out)
        members[root] += members.pop(out, [out])
        self.owner[out] = root


def _added_to(equation: Equation) -> list[tuple[Var, Var]]:
    """The arrays that a loop over blocks adds to, and what they become."""
    added = equation.params["added"] if equation.op.name == "blocks" else 0
    pairs = zip(equation.operands[:added], equation.outs[len(equation.outs) - added :], strict=True)
    return [(target, out) for target, out in pairs if isinstance(target, Var)]


def _bytes(var: Var) -> int:
    return var.type.size * var.type.dtype.itemsize


def _converts(equation: Equation) -> bool:
    """Whether it is a conversion of one number, written around what is returned."""
    numbers = equation.op.name == "astype" and equation.operands[0].type.weak
    return numbers or equation.op.name in ("python_number", "as_array")
