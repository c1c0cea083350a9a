"""Large elementwise parts of a program as loops over blocks of rows: what they make stays in the processor's cache.

An array of a million numbers goes to memory and back at each operation; a block of it goes through all of them while
it is in the cache. Rows are the entries along the first axis. Each loop makes rows of arrays, and sums over the rows:
what needs a finished sum, or whole arrays, waits for the next loop. Rows may be gathered from a whole array by an index
that has rows itself, and added to one (scattered): the additions keep their order.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

from ..aliasing import shares_memory
from ..builder import Builder, Value, literal
from ..op import BY_NAME
from ..ops.loops import map_programs
from ..program import Atom, Equation, Literal, Program, Var
from ..rows import (
    CHEAP,
    SUMS,
    added_rows,
    block_params,
    is_sum_of_rows,
    largest_divisor,
    needs_equal_blocks,
    row_operands,
    summed_operands,
)
from ..types import normalize_axes
from .block_order import Step, most_living, with_early_ends
from .dead_code import guards_only

LARGE = 1 << 20  # bytes from which an array is worth the loop: smaller ones stay in the cache by themselves
BLOCK = 1 << 17  # bytes of the largest array of a block: a few of them fit into a core's cache
COLUMNS = 3 << 19  # bytes of the columns of windows of a block: products are slower than what is read meanwhile
AGAIN_FROM = 2  # times as large must a matrix be that is rather multiplied block by block than read twice
ROOMS = 8  # blocks of this size that stay in the cache together
MANY = 8  # arrays of a block that are needed at once, from which the order of the steps is chosen to need fewer
NARROW = 64  # bytes of a row up to which a block has at least so many rows that the calls do not count
LONG = 4096
FEWEST = 2  # large arrays that need not go through memory, without which nothing is saved
AGAIN = 4  # cheap operations that are rather done again than their result written to memory and read


@dataclass(slots=True)
class _Loop:
    """Equations (by number) that one loop takes; those of `again` belong to an earlier one."""

    members: list[int]
    again: list[int] = field(default_factory=list)


def run_in_blocks(program: Program, last: int | None = None) -> Program:
    """The program with its large elementwise parts in loops. `last` is the level of what is run apart, if any is."""
    equations = []
    for equation in program.equations:
        if equation.holds_programs:
            equation = replace(equation, params=map_programs(dict(equation.params), run_in_blocks))
        equations.append(equation)
    return _Blocks(replace(program, equations=tuple(equations)), last).run()


class _Blocks:
    def __init__(self, program: Program, last: int | None) -> None:
        self.program = program
        self.equations = program.equations
        self.definition = {out: i for i, e in enumerate(self.equations) for out in e.outs}
        self.readers: dict[Var, list[int]] = {}
        for i, equation in enumerate(self.equations):
            for operand in equation.operands:
                if isinstance(operand, Var):
                    self.readers.setdefault(operand, []).append(i)
        self.apart = [int(last is not None and e.level == last) for e in self.equations]
        self.rows: dict[int, tuple[int, ...]] = {}  # members: the places of their operands that have rows
        self.sums: set[int] = set()
        self.added: set[int] = set()  # those of the sums that add rows to a whole array
        self.time = [0] * len(self.equations)
        self.outputs = {o for o in program.outputs if isinstance(o, Var)}

    def run(self) -> Program:
        if not any(_bytes(v) >= LARGE for e in self.equations for v in (*e.outs, *self._matrices(e))):
            return self.program
        self._find_members()
        loops = self._loops()
        if not loops:
            return self.program
        stored = self._stored(loops)
        return self._written(loops, stored)

    # ------------------------------------------------------------------------------------------------ what goes in

    def _find_members(self) -> None:
        """A guard compares the very number of the trace: what leads to one is left as it is."""
        guarding = {id(e) for e in guards_only(self.program).equations}
        for i, equation in enumerate(self.equations):
            if id(equation) in guarding:
                continue
            if is_sum_of_rows(equation):
                self.rows[i] = summed_operands(equation)
                self.sums.add(i)
                continue
            places = added_rows(equation)
            if places:
                self.rows[i] = places
                self.sums.add(i)
                self.added.add(i)
                continue
            places = row_operands(equation)
            if places and not (needs_equal_blocks(equation) and self._is_better_whole(equation)):
                self.rows[i] = places

    def _is_better_whole(self, equation: Equation) -> bool:
        """Whether there is no good length of equal blocks, or it is only another shape of what no loop makes."""
        if equation.op.view and self._maker(equation.operands[0]) not in self.rows:
            return True
        length = equation.out.type.shape[0]
        step = max(BLOCK * length // max(_bytes(equation.out), 1), 1)
        return 4 * largest_divisor(length, step) < min(length, step)

    def _length(self, i: int) -> int:
        """The number of rows that a member goes through."""
        return self.equations[i].operands[self.rows[i][0]].type.shape[0]

    def _loops(self) -> list[_Loop]:
        """The loops that pay, in an order in which they can be run. What does not pay is left as it is."""
        while True:
            self._set_times()
            groups = self._components()
            poor = [self._small_beginning(group) if self._pays(group) else group for group in groups]
            if not any(poor):
                return [_Loop(group) for group in sorted(groups, key=lambda g: (self.apart[g[0]], self.time[g[0]], g))]
            others = [some for some in poor if self.added.isdisjoint(some)]
            small = [some for some, group in zip(poor, groups, strict=True) if self._largest(group) < LARGE]
            first = next((those for those in (small, others) if any(those)), poor)
            for i in chain.from_iterable(first):  # the others may only have waited for these
                del self.rows[i]
                self.sums.discard(i)
                self.added.discard(i)

    def _set_times(self) -> None:
        """The number of the loop that each equation must wait for at least."""
        for i, equation in enumerate(self.equations):
            time = 0
            for place, operand in enumerate(equation.operands):
                made = self.definition.get(operand) if isinstance(operand, Var) else None
                if made is None or self.apart[made] < self.apart[i]:
                    continue
                time = max(time, self.time[made] + (made in self.rows and not self._together(made, i, place)))
            if equation.op.update is not None:  # a buffer is not written into before the loops that read it
                for reader in self.readers.get(equation.operands[0], ()):  # type: ignore[arg-type]
                    if reader < i and reader in self.rows and self.apart[reader] == self.apart[i]:
                        time = max(time, self.time[reader] + 1)
            self.time[i] = time
        written = {e.operands[0] for e in self.equations if e.op.update is not None}
        for i in sorted(self.rows, reverse=True):  # what reads nothing of the loops goes where it is needed
            if not written.isdisjoint(self.equations[i].operands):
                continue
            out = self.equations[i].out
            readers = self.readers.get(out, ())
            places = [(r, p) for r in readers for p, o in enumerate(self.equations[r].operands) if o is out]
            alone = i not in self.sums and not any(self._maker(v) in self.rows for v in self._row_inputs(i))
            if alone and places and all(self.apart[r] == self.apart[i] and self._together(i, r, p) for r, p in places):
                self.time[i] = max(self.time[i], min(self.time[r] for r in readers))

    def _together(self, made: int, reader: int, place: int) -> bool:
        """Whether a reader may take the operand block by block while it is made, or add to what others add to."""
        if place == 0 and made in self.added and reader in self.added and self._length(made) == self._length(reader):
            out = self.equations[made].out
            return self.readers[out] == [reader] and out not in self.outputs
        return (
            made not in self.sums
            and reader in self.rows
            and place in self.rows[reader]
            and self._length(made) == self._length(reader)
        )

    def _components(self) -> list[list[int]]:
        """Members of the same time that make or read the same rows."""
        leader: dict[int, int] = {i: i for i in self.rows}

        def find(i: int) -> int:
            while leader[i] != i:
                i = leader[i]
            return i

        seen: dict[object, int] = {}
        for i in self.rows:
            equation, key = self.equations[i], (self.apart[i], self.time[i], self._length(i))
            touched = [
                *(equation.operands[place] for place in self.rows[i]),
                *((equation.operands[0], equation.out) if i in self.added else [] if i in self.sums else equation.outs),
            ]
            for var in touched:
                other = seen.setdefault((key, var), i)
                leader[find(i)] = find(other)
        groups: dict[int, list[int]] = {}
        for i in self.rows:
            groups.setdefault(find(i), []).append(i)
        return list(groups.values())

    def _pays(self, group: list[int]) -> bool:
        """Whether several large arrays are made that nothing outside of the loop reads."""
        size = self._largest(group)
        if self._columns(group):  # they fit into one block, or pay
            return self._length(group[0]) > 1 and any(_bytes(v) > COLUMNS for i in group for v in self._arrays(i))
        if self._reads_again(group):
            return True
        if size < LARGE or self._length(group[0]) < 2 or size // self._length(group[0]) > 8 * BLOCK:
            return False
        made = [i for i in group if i not in self.sums and not shares_memory(self.equations[i])]
        passing = [i for i in made if 2 * _bytes(self.equations[i].out) >= size and not self._is_read_outside(i)]
        done = [self.equations[i].op for i in passing]
        return len(done) >= FEWEST and any(op.elementwise or op.name == "share_among_extremes" for op in done)

    def _is_read_outside(self, i: int) -> bool:
        """Whether the rows are needed in full; what is cheaply made again from what is there anyway is not."""
        equation = self.equations[i]
        again = equation.op.name in CHEAP and not any(self._maker(v) in self.rows for v in self._row_inputs(i))
        readers = self.readers.get(equation.out, ())
        viewed = any(r in self.rows and shares_memory(self.equations[r]) and self._is_read_outside(r) for r in readers)
        return (
            viewed
            or equation.out in self.outputs
            or not all(
                self._together(i, reader, place) and (again or self.time[reader] == self.time[i])
                for reader in readers
                for place, operand in enumerate(self.equations[reader].operands)
                if operand is equation.out
            )
        )

    def _small_beginning(self, group: list[int]) -> list[int]:
        """Members that make little of little, whose results the loop may as well read."""
        size = self._largest(group)
        large = {i for i in group if i in self.sums or 8 * _bytes(self.equations[i].out) > size}
        for i in group:
            if any(8 * _bytes(v) > size or self._maker(v) in large for v in self._row_inputs(i)):
                large.add(i)
        return [i for i in group if i not in large or self._is_view_of_whole(i)]

    def _is_view_of_whole(self, i: int) -> bool:
        """Whether it is a view of what no loop makes, which would be copied since it is not read in loops alone."""
        if not shares_memory(self.equations[i]) or any(self._maker(v) in self.rows for v in self._row_inputs(i)):
            return False
        out = self.equations[i].out
        read = [(r, p) for r in self.readers.get(out, ()) for p, o in enumerate(self.equations[r].operands) if o is out]
        return out in self.outputs or any(p not in self.rows.get(r, ()) for r, p in read)

    def _columns(self, group: Iterable[int]) -> list[int]:
        """Members that make columns of windows, which are many times as large as what they are made of."""
        return [i for i in group if self.equations[i].op.name == "window_columns"]

    def _largest(self, group: Iterable[int]) -> int:
        """Bytes of the largest array of the members, but for columns of windows."""
        columns = {self.equations[i].out for i in self._columns(group)}
        columns.update(v for i in group for v in self._matrices(self.equations[i]))
        return max((_bytes(v) for i in group for v in self._arrays(i) if v not in columns), default=0)

    def _matrices(self, equation: Equation) -> list[Var]:
        """The argument that is multiplied by a vector, as a matrix of rows."""
        if equation.op.name != "matmul" or sorted(o.type.ndim for o in equation.operands) != [1, 2]:
            return []
        given = (*self.program.inputs, *self.program.captures)
        return [o for o in equation.operands if isinstance(o, Var) and o.type.ndim == 2 and o in given]

    def _reads_again(self, group: Iterable[int]) -> bool:
        """Whether a large matrix is multiplied by several vectors: a block of it is in the cache the second time."""
        read = Counter(v for i in group for v in self._matrices(self.equations[i]))
        return any(count > 1 and _bytes(v) >= AGAIN_FROM * LARGE for v, count in read.items())

    def _arrays(self, i: int) -> Iterable[Var]:
        """The arrays of rows that a member makes, or adds up."""
        equation = self.equations[i]
        if i in self.added:
            return self._row_inputs(i)[:1]
        if i in self.sums:
            return [o for o in equation.operands if isinstance(o, Var)]
        return equation.outs

    # ------------------------------------------------------------------------------------- what goes through memory

    def _stored(self, loops: list[_Loop]) -> set[Var]:
        """The arrays of rows that are made in full, since a later loop or something else reads them."""
        where = {i: number for number, loop in enumerate(loops) for i in loop.members}
        stored = set(self.outputs)
        for i, equation in enumerate(self.equations):
            for place, operand in enumerate(equation.operands):
                if isinstance(operand, Var) and not (i in self.rows and place in self.rows[i]):
                    stored.add(operand)
        for number, loop in enumerate(loops):
            needed = [v for i in loop.members for v in self._row_inputs(i) if where.get(self._maker(v), -1) != number]
            needed = [v for v in needed if self._maker(v) in where]
            stored.update(v for v in needed if self.equations[self._maker(v)].op.name not in CHEAP)
            for var in map(self._viewed, needed):
                if var not in stored and self._cost_again(var, where, stored) > AGAIN:
                    stored.add(var)
        for number, loop in enumerate(loops):
            mine, again = set(loop.members), set[int]()
            waiting = [v for i in loop.members for v in self._row_inputs(i)]
            while waiting:
                var = waiting.pop()
                made = self._maker(var)
                if made in where and where[made] != number and var not in stored and made not in again:
                    again.add(made)
                    waiting += self._row_inputs(made)
            loop.again = sorted(again - mine)
        return stored

    def _viewed(self, var: Var) -> Var:
        """The array that a view is of, if that is made in a loop, too: the view is made again."""
        made = self._maker(var)
        if made in self.rows and self.equations[made].op.view and self._maker(self._row_inputs(made)[0]) in self.rows:
            return self._viewed(self._row_inputs(made)[0])
        return var

    def _row_inputs(self, i: int) -> list[Var]:
        found = [self.equations[i].operands[place] for place in self.rows[i]]
        return [o for o in found if isinstance(o, Var)]

    def _maker(self, var: Atom) -> int:
        return self.definition.get(var, -1) if isinstance(var, Var) else -1

    def _cost_again(self, var: Var, where: dict[int, int], stored: set[Var]) -> int:
        """How many cheap operations make these rows again from what is there in full; too many if that cannot be."""
        made = self._maker(var)
        if made not in where or var in stored:
            return 0
        if self.equations[made].op.name not in CHEAP:
            return AGAIN + 1
        total = int(not self.equations[made].op.view)
        for operand in self._row_inputs(made):
            total += self._cost_again(operand, where, stored)
            if total > AGAIN:
                break
        return total

    # ------------------------------------------------------------------------------------------------- the new program

    def _written(self, loops: list[_Loop], stored: set[Var]) -> Program:
        """Whole equations keep their order; a loop comes when what it reads is there."""
        nodes: list[tuple[int, list[Equation]]] = []
        taken = {i for loop in loops for i in loop.members}
        nodes += [(i, [e]) for i, e in enumerate(self.equations) if i not in taken]
        nodes += [(max(loop.members), self._loop_equations(loop, stored)) for loop in loops]
        maker = {out: n for n, (_, es) in enumerate(nodes) for e in es for out in e.outs}
        waits: list[set[int]] = [set() for _ in nodes]
        for n, (_, es) in enumerate(nodes):
            waits[n] = {maker[o] for e in es for o in e.operands if isinstance(o, Var) and o in maker} - {n}
        effects = [n for n, (_, es) in enumerate(nodes) if es[0].op.effect]
        for before, after in pairwise(effects):
            waits[after].add(before)
        for n, (i, es) in enumerate(nodes):
            if es[0].op.update is not None and isinstance(es[0].operands[0], Var):
                readers = {r for r in self.readers.get(es[0].operands[0], ()) if r < i and r in taken}
                waits[n] |= {
                    m
                    for m in range(len(nodes) - len(loops), len(nodes))
                    if readers & set(loops[m - len(nodes)].members)
                }
        followers: dict[int, list[int]] = {}
        for n, before_it in enumerate(waits):
            for m in before_it:
                followers.setdefault(m, []).append(n)
        ready = [(place, n) for n, (place, _) in enumerate(nodes) if not waits[n]]
        heapq.heapify(ready)
        ordered: list[Equation] = []
        while ready:
            _, n = heapq.heappop(ready)
            ordered += nodes[n][1]
            for m in followers.get(n, ()):
                waits[m].discard(n)
                if not waits[m]:
                    heapq.heappush(ready, (nodes[m][0], m))
        assert sum(len(es) for _, es in nodes) == len(ordered), "loops over blocks wait for each other"
        return replace(self.program, equations=tuple(ordered))

    def _loop_equations(self, loop: _Loop, stored: set[Var]) -> list[Equation]:
        """The loop, and the divisions that make means of its sums."""
        numbers = sorted({*loop.members, *loop.again})
        made = {out for i in numbers for out in self.equations[i].outs}
        length = self._length(loop.members[0])
        if most_living(self._steps(numbers)) > MANY:
            numbers = [step.number for step in with_early_ends(self._steps(numbers))]
        step = self._step(numbers, length)
        first = [i for i in loop.members if i in self.added and self._table(i) not in made]
        tables = [self._table(i) for i in first]
        whole: list[Var] = []
        sliced: list[Var] = []
        for i in numbers:
            for place, operand in enumerate(self.equations[i].operands):
                if isinstance(operand, Var) and operand not in made and (place or i not in self.added):
                    known = sliced if place in self.rows[i] else whole
                    if operand not in known:
                        known.append(operand)
        inner = Builder()
        values: dict[Var, dict[bool, Value]] = {}
        begun = {i: inner.input(self.equations[i].out.type, self.equations[i].out.name) for i in first}
        for var in whole:
            values.setdefault(var, {})[False] = inner.input(var.type, var.name)
        for var in sliced:
            block = var.type.with_shape((step, *var.type.shape[1:]))
            values.setdefault(var, {})[True] = inner.input(block, f"{var.name}_block" if var.name else "")
        for i in numbers:
            equation = self.equations[i]
            operands = [
                Value(inner, o) if isinstance(o, Literal) else values[o][place in self.rows[i]]
                for place, o in enumerate(equation.operands)
                if place or i not in self.added
            ]
            if i in self.added:
                operands.insert(0, begun[i] if i in begun else values[self._table(i)][True])
            with inner.at(equation.origin, equation.level):
                op = BY_NAME["sum"] if i in self.sums and equation.op.name in SUMS else equation.op
                value = inner.emit(op, *operands, **block_params(equation, step))
            if isinstance(value.atom, Var) and not value.atom.name:
                value.atom.name, value.atom.named = equation.out.name, equation.out.named
            values.setdefault(equation.out, {})[True] = value
        members = [self.equations[i] for i in loop.members]
        rows = [e.out for i, e in zip(loop.members, members, strict=True) if i not in self.sums and e.out in stored]
        sums = [e for i, e in zip(loop.members, members, strict=True) if i in self.sums - self.added]
        added = [self.equations[self._last_added(i, loop)].out for i in first]
        divisions: list[Equation] = []
        totals: list[Var] = []
        for e in sums:
            total = e.out
            if e.op.name == "mean":
                total = Var(e.out.type)
                divide = BY_NAME["divide"]
                divisions.append(Equation(divide, (total, literal(_counted(e))), {}, e.outs, e.origin, e.level))
            totals.append(total)
        results = [values[v][True] for v in (*rows, *(e.out for e in sums), *added)]
        for var, value in zip(rows, results, strict=False):
            if isinstance(value.atom, Var) and var.name:
                value.atom.name = f"{var.name}_block"
        body = inner.program("block", results)
        params = {"body": body, "length": length, "step": step, "whole": len(tables) + len(whole), "rows": len(rows)}
        params["added"] = len(tables)
        level = max(e.level for e in members)
        operands_here, results_here = (*tables, *whole, *sliced), (*rows, *totals, *added)
        made_here = Equation(BY_NAME["blocks"], operands_here, params, results_here, None, level)
        return [made_here, *divisions]

    def _table(self, i: int) -> Var:
        """The array that a member adds rows to."""
        table = self.equations[i].operands[0]
        assert isinstance(table, Var)
        return table

    def _last_added(self, i: int, loop: _Loop) -> int:
        """The last of the loop's members that add to the same array."""
        while True:
            more = [r for r in self.readers.get(self.equations[i].out, ()) if r in loop.members and r in self.added]
            if not more or self.equations[more[0]].operands[0] is not self.equations[i].out:
                return i
            i = more[0]

    def _steps(self, numbers: list[int]) -> list[Step]:
        made = [[] if i in self.sums else list(self.equations[i].outs) for i in numbers]
        return [Step(i, self.equations[i], self._row_inputs(i), m) for i, m in zip(numbers, made, strict=True)]

    def _step(self, numbers: list[int], length: int) -> int:
        """Rows of a block: a power of two."""
        row = max(_bytes(v) for i in numbers for v in self._arrays(i)) // length
        room = ROOMS * BLOCK // max(most_living(self._steps(numbers)), 1)
        room = min(max(room, BLOCK // 4), 2 * BLOCK)
        if self._reads_again(numbers):
            room = ROOMS * BLOCK
        if self._columns(numbers):
            room = COLUMNS
        step = 1 << max((room // max(row, 1)).bit_length() - 1, 0)
        if row <= NARROW:
            step = max(step, LONG)
        if any(needs_equal_blocks(self.equations[i]) for i in numbers):
            return largest_divisor(length, step)
        return step


def _counted(mean: Equation) -> int:
    x = mean.operands[0].type
    count = 1
    for axis in normalize_axes(mean.params["axis"], x.ndim):
        count *= x.shape[axis]
    return count


def _bytes(var: Var) -> int:
    return var.type.size * var.type.dtype.itemsize
