"""Equations that repeat, written as one loop: what each operand of a round is, and what is read of it afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..builder import Builder, Value
from ..describe import describe
from ..op import BY_NAME
from ..program import Atom, Equation, Literal, Var
from ..types import ArrayType
from .blocks import LARGE as BLOCKS
from .indexed_rounds import Misfit, Names, Written, all_parts, part_name, path, same, written_array

FARTHEST = 3  # rounds that an operand may lie back
LARGE = 1 << 24  # bytes: more than this is not collected for the sake of one round
LONG = 400  # equations that are many, even if large arrays are gone through in blocks
ALONE = 4  # values of single rounds that are read after the loop, each by a line of its own


_ALIKE = {"add", "subtract", "multiply", "negative", "absolute"}  # of Python's floats as of NumPy's, to the last bit


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a round reads of the value that `place` (equation, result) had `back` rounds before."""

    place: tuple[int, int]
    back: int


class Rounds:
    """`places[r][j]` is where the equation j of round r stands."""

    def __init__(self, equations: Sequence[Equation], places: Sequence[Sequence[int]], live: Collection[Var]) -> None:
        self.equations = equations
        self.rounds = [[equations[i] for i in row] for row in places]
        self.n = len(places)
        self.model = self.rounds[self.n // 2]
        self.start, self.stop = places[0][0], places[-1][-1] + 1
        within = {i for row in places for i in row}
        self.shared = [e for i, e in enumerate(equations[self.start : self.stop], self.start) if i not in within]
        self.live = live
        self.place = {
            out: (r, j, k)
            for r, row in enumerate(self.rounds)
            for j, e in enumerate(row)
            for k, out in enumerate(e.outs)
        }
        self.made = {out: e for e in equations[: self.stop] for out in e.outs}
        self.before: list[Equation] = []  # the lines before the loop
        self.carried: dict[_Carried, list[Atom]] = {}  # what the first rounds read in place of it
        self.sliced: dict[tuple[int, int], tuple[Var, Atom]] = {}  # of an operand, or (j, -1): of a part itself
        self.reads: dict[tuple[int, int], Any] = {}  # what an operand is in each round
        self.instead: dict[int, list[Equation]] = {}  # by id: what equations behind the loop become
        self.writes: dict[int, Written] = {}  # arrays that are written part by part: what is written, in the loop
        self.alias: dict[int, Any] = {}  # reads of those parts: where the parts come from
        self.given: set[Var] = set()  # results of those that the loop gives itself

    def loop(self) -> list[Equation]:
        """What stands before the loop, the loop, and what is read of single rounds. Raises Misfit."""
        self._check_shared()
        self._check_size()
        for j, e in enumerate(self.model):
            written = written_array([row[j] for row in self.rounds], self.place, j) if e.op.name == "set_item" else None
            if written is not None:
                self.writes[j] = written
        for j in range(len(self.model)):
            self._look(j)
        return self._written()

    def _check_shared(self) -> None:
        """What stands within the first round, and is none of its steps, must not need any of them."""
        if any(o in self.place for e in self.shared for o in e.operands if isinstance(o, Var)):
            raise Misfit
        if any(e.op.effect for e in self.shared):
            raise Misfit

    def _check_size(self) -> None:
        """A few rounds that work on large arrays element by element stay as they are: blocks go through all at once."""
        large = any(out.type.size * out.type.dtype.itemsize >= BLOCKS for e in self.model for out in e.outs)
        if large and all(e.op.elementwise for e in self.model) and self.n * len(self.model) <= LONG:
            raise Misfit

    # ------------------------------------------------------------------------------------------------ operands

    def _look(self, j: int) -> None:
        row = [round_[j] for round_ in self.rounds]
        indices = [e.params.get("index") for e in row]
        if j in self.writes:
            self.reads[j, 1] = self._operand(j, 1, [e.operands[1] for e in row])
            return
        if row[0].op.name == "getitem" and any(index != indices[0] for index in indices):
            if self._written_part(j, indices, row):
                return
            base = row[0].operands[0]
            if any(e.operands != row[0].operands for e in row) or not isinstance(base, Var) or base in self.place:
                raise Misfit
            self.sliced[j, -1] = row[0].out, self._parts(base, indices, row[0])
            return
        for q in range(len(row[0].operands)):
            self.reads[j, q] = self._operand(j, q, [e.operands[q] for e in row])

    def _operand(self, j: int, q: int, atoms: list[Atom]) -> Any:
        last = atoms[-1]
        if isinstance(last, Var) and last in self.place:
            round_, *place = self.place[last]
            back = self.n - 1 - round_
            if back > FARTHEST or place[0] in self.writes:
                raise Misfit
            for r, atom in enumerate(atoms[back:], back):
                if not isinstance(atom, Var) or self.place.get(atom) != (r - back, *place):
                    raise Misfit
            if not back:
                return tuple(place)
            first = atoms[:back]
            if any(isinstance(atom, Var) and atom in self.place for atom in first):
                raise Misfit
            return self._carry(_Carried((place[0], place[1]), back), first)
        if any(isinstance(atom, Var) and atom in self.place for atom in atoms):
            raise Misfit
        if all(same(atom, last) for atom in atoms):
            return last
        if all(isinstance(atom, Literal) for atom in atoms):
            self.sliced[j, q] = Var(last.type), self._numbers(atoms)  # type: ignore[arg-type]
        else:
            self.sliced[j, q] = Var(last.type), self._elements(atoms)
        return self.sliced[j, q][0]

    def _numbers(self, literals: list[Literal]) -> Atom:
        """Numbers of Python's, one for each round."""
        values = tuple(literal.value for literal in literals)
        if any(literal.type != literals[0].type for literal in literals):
            raise Misfit
        if literals[0].type == ArrayType((), np.dtype(float)):
            values = tuple(map(float, values))
        elif not literals[0].type.weak:
            raise Misfit
        if type(values[0]) is bool or not all(np.isfinite(value) for value in values):
            raise Misfit
        builder = Builder()
        with builder.at(self.rounds[0][0].origin, 0):
            made: Value = builder.emit(BY_NAME["numbers"], values=values)
        self.before += builder.equations
        return made.atom

    def _elements(self, atoms: list[Atom]) -> Atom:
        """Parts of one array that were taken before the loop, one after the other."""
        found = [self.made.get(atom) if isinstance(atom, Var) else None for atom in atoms]
        if any(e is None or e.op.name != "getitem" for e in found):
            raise Misfit
        parts = [e for e in found if e is not None]
        base = parts[0].operands[0]
        if not isinstance(base, Var) or any(e.operands != parts[0].operands for e in parts):
            raise Misfit
        return self._parts(base, [e.params["index"] for e in parts], parts[0])

    def _parts(self, base: Var, indices: list[Any], like: Equation) -> Atom:
        """base[c + d * r] of all rounds, as an array with one part in each row."""
        if len(like.operands) > 1:
            raise Misfit
        builder = Builder()
        with builder.at(like.origin, like.level):
            value = all_parts(builder, base, path(indices, base.type.shape), self.n)
        self.before += builder.equations
        return value.atom

    def _written_part(self, j: int, indices: list[Any], row: list[Equation]) -> bool:
        """Whether the row reads what a round has written into an array part by part; the part is noted instead."""
        last = row[-1].operands[0]
        if not isinstance(last, Var) or last not in self.place or self.place[last][1] not in self.writes:
            return False
        round_, at, _ = self.place[last]
        late = self.n - 1 - round_  # 0: after the write of the same round
        written = self.writes[at]
        versions = [self.place.get(e.operands[0]) for e in row]  # type: ignore[arg-type]
        if versions != [(r - late, at, 0) if r >= late else None for r in range(self.n)] or late > 1:
            raise Misfit
        if (late and row[0].operands[0] is not written.base) or len(row[0].operands) > 1:
            raise Misfit
        way = path(indices, written.base.type.shape)
        back = way.rounds_since(written.way)
        if back is None or back > FARTHEST:
            raise Misfit
        if back < late:  # no round has written there yet
            self.sliced[j, -1] = row[0].out, self._parts(written.base, indices, row[0])
        elif not back:
            self.alias[j] = (at, 0)
        else:
            builder = Builder()
            with builder.at(row[0].origin, 0):
                first = [builder.emit(BY_NAME["getitem"], written.base, index=way.at(r)).atom for r in range(back)]
            self.before += builder.equations
            self.alias[j] = self._carry(_Carried((at, 0), back), first)
        return True

    def _carry(self, carried: _Carried, first: list[Atom]) -> _Carried:
        known = self.carried.setdefault(carried, first)
        if any(not self._alike(one, other) for one, other in zip(known, first, strict=True)):
            raise Misfit
        return carried

    def _alike(self, one: Atom, other: Atom) -> bool:
        """The same value: also of equal parts of one array."""
        a, b = ([e for e in self.before if x in e.outs] for x in (one, other))
        if a and b and a[0].op.name == b[0].op.name == "getitem":
            return a[0].operands == b[0].operands and a[0].params == b[0].params
        return same(one, other)

    def _type(self, place: tuple[int, int]) -> ArrayType:
        """The type of a value that rounds make."""
        j, k = place
        return self.writes[j].type if j in self.writes else self.model[j].outs[k].type

    # ------------------------------------------------------------------------------------------------- writing

    def _written(self) -> list[Equation]:
        inner = Builder()
        values: dict[Any, Value] = {}
        carried = self._chains()
        for state in carried:
            out = self.model[state.place[0]].outs[state.place[1]]
            values[state] = inner.input(self._type(state.place), out.name if state.back == 1 else "")
            if state.place[0] in self.writes:
                values[state].atom.name = f"{out.name}_i" if out.name else ""  # type: ignore[union-attr]
            else:
                self._rename(values[state], out)
        slices = list(self.sliced)
        for key in slices:
            var, source = self.sliced[key]
            type_ = replace(source.type, shape=source.type.shape[1:])
            if type_.strong() != var.type.strong():
                raise Misfit
            values[key] = inner.input(
                type_, part_name(self.model[key[0]], self.rounds[0][key[0]], key[1], self.sliced[key][1])
            )
            if type_ != var.type:
                values[key] = inner.emit(BY_NAME["astype"], values[key], dtype=var.type.dtype)
        outer: list[Var] = []
        for j, e in enumerate(self.model):
            if (j, -1) in values:
                values[j, 0, "out"] = values[j, -1]
                continue
            if j in self.alias:
                read = self.alias[j]
                values[j, 0, "out"] = values[read] if isinstance(read, _Carried) else values[(*read, "out")]
                continue
            operands = []
            for q in range(1 if j in self.writes else 0, len(e.operands)):
                read = self.reads[j, q]
                if isinstance(read, tuple):
                    operands.append(values[(*read, "out")])
                elif isinstance(read, _Carried):
                    operands.append(values[read])
                elif (j, q) in values:
                    operands.append(values[j, q])
                elif isinstance(read, Literal):
                    operands.append(Value(inner, read))
                else:
                    if read not in values:
                        values[read] = self._from_outside(inner, read, values, outer)
                    operands.append(values[read])
            with inner.at(e.origin, e.level):
                if j in self.writes:
                    values[j, 0, "out"] = self._part_of(operands[0], self.writes[j].type, e)
                    continue
                made = inner.emit(e.op, *operands, **e.params)
            for k, (value, out) in enumerate(zip(made if isinstance(made, tuple) else (made,), e.outs, strict=True)):
                if value.type != out.type:
                    raise Misfit
                self._check_types(j, k)
                values[j, k, "out"] = value
                if not value.atom.name:
                    self._rename(value, out)
        fixed = [var for var in (values[var].atom for var in outer) if isinstance(var, Var)]
        results = []
        for state in carried:
            new = values[(*state.place, "out")] if state.back == 1 else values[_Carried(state.place, state.back - 1)]
            if new.type != values[state].type:
                raise Misfit
            results.append(new)
        elsewhere = {j for j, q in self.sliced if q < 0} | set(self.alias)
        places = [(j, k) for j, e in enumerate(self.model) for k in range(len(e.outs)) if j not in elsewhere]
        collected = [values[(*place, "out")] for place in places]
        inner.inputs[:0] = fixed
        body = inner.program("step", [*results, *collected])
        starts = [self._start(state, self.carried[state][0]) for state in carried]
        operands_ = (*outer, *starts, *(self.sliced[key][1] for key in slices))
        params = {"body": body, "length": self.n, "consts": len(outer), "carry": len(carried)}
        scan = BY_NAME["scan"]
        params = scan.complete({**params, "reverse": False, "listed": True})
        types = scan.infer(*(o.type for o in operands_), **params)
        finals = self._finals(carried)
        outs = [finals.get(k) or Var(t) for k, t in enumerate(types)]
        lists = {place: len(carried) + i for i, place in enumerate(places)}
        behind = self._behind(lists, outs, set(finals.values()))
        loop = Equation(scan, operands_, params, tuple(outs), self.model[0].origin, 0)
        return [*self.shared, *self.before, loop, *behind]

    def _part_of(self, value: Value, type_: ArrayType, e: Equation) -> Value:
        """What is written, as the part that it becomes."""
        if value.shape != type_.shape or (value.dtype.kind == "c" and type_.dtype.kind != "c"):
            raise Misfit
        if value.type != type_:
            if value.literal is not None or value.dtype.kind not in "fc":
                raise Misfit
            value = value.builder.emit(BY_NAME["astype"], value, dtype=type_.dtype)
        if isinstance(value.atom, Var) and not value.atom.name and e.out.name:
            value.atom.name = f"{e.out.name}_i"
        return value

    def _from_outside(self, inner: Builder, read: Var, values: dict[Any, Value], outer: list[Var]) -> Value:
        """What all rounds share, as an input of the body; X.T is written there again."""
        made = self.made.get(read)
        if made is not None and made in self.shared and made.op.name == "transpose" and len(made.operands) == 1:
            source = made.operands[0]
            assert isinstance(source, Var)
            if source not in values:
                values[source] = self._from_outside(inner, source, values, outer)
            with inner.at(made.origin, made.level):
                again: Value = inner.emit(made.op, values[source], **made.params)
            return again
        name = read.name or (describe(made, Names(), self.made.get) if made is not None else "")
        outer.append(read)
        return Value(inner, Var(read.type, name, read.named))

    def _check_types(self, j: int, k: int) -> None:
        """The first rounds may have computed on Python's floats, where that gives the same bits."""
        wanted = self.model[j].outs[k].type
        for r, round_ in enumerate(self.rounds):
            type_ = round_[j].outs[k].type
            if type_ != wanted:
                if (
                    r >= FARTHEST
                    or type_.strong() != wanted
                    or wanted.dtype != float
                    or round_[j].op.name not in _ALIKE
                ):
                    raise Misfit

    def _chains(self) -> list[_Carried]:
        """All that is carried: what lies two rounds back was carried from the round before."""
        for state in list(self.carried):
            first = self.carried[state]
            for back in range(1, state.back):
                nearer = _Carried(state.place, back)
                known = self.carried.setdefault(nearer, first[state.back - back :])
                if any(not same(a, b) for a, b in zip(known, first[state.back - back :], strict=True)):
                    raise Misfit
        return sorted(self.carried, key=lambda state: (state.back, state.place))

    def _start(self, state: _Carried, atom: Atom) -> Atom:
        """What a carried value is before the loop: a Python number as NumPy's, where that is what the rounds make."""
        wanted = self._type(state.place)
        if atom.type == wanted:
            return atom
        if not atom.type.weak or wanted.shape or wanted.weak or wanted.dtype not in (float, complex, int):
            raise Misfit
        if not np.can_cast(atom.type.dtype, wanted.dtype) or atom.type.dtype.kind == "b":
            raise Misfit
        if isinstance(atom, Literal):
            if type(atom.value) not in (int, float, complex) or (type(atom.value) is int and abs(atom.value) >= 2**53):
                raise Misfit
            return Literal(wanted.dtype.type(atom.value), wanted)
        builder = Builder()
        with builder.at(self.rounds[0][0].origin, 0):
            value = builder.emit(BY_NAME["astype"], atom, dtype=wanted.dtype)
        self.before += builder.equations
        self._rename(value, atom)
        return value.atom  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------------------------ after the loop

    def _finals(self, carried: list[_Carried]) -> dict[int, Var]:
        """The variables that the carries are after the last round."""
        finals: dict[int, Var] = {}
        for k, state in enumerate(carried):
            out = self.rounds[self.n - state.back][state.place[0]].outs[state.place[1]]
            if (state.place[0], -1) not in self.sliced and state.place[0] not in (
                self.alias.keys() | self.writes.keys()
            ):
                finals[k] = out
        return finals

    def _behind(self, lists: dict[tuple[int, int], int], outs: list[Var], known: set[Var]) -> list[Equation]:
        """What is read of single rounds after the loop, and the arrays that the values of all rounds are put into."""
        behind: list[Equation] = []
        read = {o for o in self.live if o in self.place}
        for e in self.equations[self.stop :]:
            if e.op.name in ("stack", "concatenate") and self._joined(e, lists, outs):
                continue
            read.update(o for o in e.operands if isinstance(o, Var) and o in self.place)
        alone = 0
        for var in sorted(read - known, key=self.place.__getitem__):
            r, j, k = self.place[var]
            if (j, -1) in self.sliced and self.rounds[r][j].operands[0] not in self.place:
                behind.append(self.rounds[r][j])
                continue
            if j in self.writes and r == self.n - 1:
                builder = Builder()
                with builder.at(self.rounds[r][j].origin, 0):
                    self.writes[j].after(builder, Value(builder, outs[lists[j, k]]), self.n)
                behind += [*builder.equations[:-1], replace(builder.equations[-1], outs=(var,))]
                continue
            if j in self.writes or j in self.alias or (j, -1) in self.sliced:
                raise Misfit
            alone += 1
            if alone > ALONE or self.n * var.type.size * var.type.dtype.itemsize > LARGE:
                raise Misfit
            behind += self._single(outs[lists[j, k]], r, var)
        return behind

    def _single(self, values: Var, r: int, var: Var) -> list[Equation]:
        """The value of one round."""
        builder = Builder()
        with builder.at(self.rounds[r][0].origin, 0):
            value = Value(builder, values)
            if values.type.weak:
                value = builder.emit(BY_NAME["array_of"], value)
            value = builder.emit(BY_NAME["getitem"], value, index=(r,))
            if var.type.weak:
                value = builder.emit(BY_NAME["python_number"], value)
        if value.type != var.type:
            raise Misfit
        return [*builder.equations[:-1], replace(builder.equations[-1], outs=(var,))]

    def _joined(self, e: Equation, lists: dict[tuple[int, int], int], outs: list[Var]) -> bool:
        """Whether the values of all rounds are put together here, one after the other; it is noted how instead."""
        inside = [i for i, o in enumerate(e.operands) if isinstance(o, Var) and o in self.place]
        if len(inside) != self.n or inside != list(range(inside[0], inside[0] + self.n)):
            return False
        found = [self.place[o] for o in e.operands[inside[0] : inside[-1] + 1]]  # type: ignore[index]
        _, j, k = found[0]
        if found != [(r, j, k) for r in range(self.n)] or (j, k) not in lists:
            return False
        values, axis = outs[lists[j, k]], e.params["axis"] % e.out.type.ndim
        if e.op.name == "concatenate" and (axis or len(inside) < len(e.operands)):
            return False
        if e.op.name == "stack" and axis and len(inside) < len(e.operands):
            return False
        builder = Builder()
        with builder.at(e.origin, e.level):
            value = Value(builder, values)
            if values.type.weak:
                value = builder.emit(BY_NAME["array_of"], value)
            if e.op.name == "concatenate":
                value = builder.emit(BY_NAME["reshape"], value, shape=e.out.type.shape)
            elif axis:
                value = builder.emit(BY_NAME["stack_of"], value, axis=axis)
            ends = e.operands[: inside[0]], e.operands[inside[-1] + 1 :]
            if any(ends):
                joined = [builder.emit(BY_NAME["stack"], *end, axis=0) if end else None for end in ends]
                parts = [part for part in (joined[0], value, joined[1]) if part is not None]
                value = builder.emit(BY_NAME["concatenate"], *parts, axis=0)
        if value.type != e.out.type:
            return False
        if builder.equations:
            self.instead[id(e)] = [*builder.equations[:-1], replace(builder.equations[-1], outs=e.outs)]
        elif values in self.place or values in self.given:
            return False
        else:
            outs[lists[j, k]] = e.out
            self.given.add(e.out)
            self.instead[id(e)] = []
        return True

    # -------------------------------------------------------------------------------------------------- naming

    def _rename(self, value: Value, like: Atom) -> None:
        if isinstance(value.atom, Var) and isinstance(like, Var):
            value.atom.name, value.atom.named = like.name, like.named
