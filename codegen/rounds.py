"""Loops whose rounds leave their values in lists: `for x in xs:`, and back with `reversed`, without an index."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from ..ir.aliasing import cells, roots
from ..ir.describe import describe
from ..ir.op import Op
from ..ir.program import Atom, Equation, Literal, Program, Var
from .loops import Loop, assign, begins_plain, is_read, nested_lines, rebind, text
from .names import legal
from .source import Function, Item
from .templates import expression

SHORT = 24  # characters of what is gone over that stand in the header
_PLURALS = {"cos": "cosines", "sin": "sines"}
LONGEST = 104  # characters of a header, roughly


class Rounds(Loop):
    """A scan with `listed`."""

    def lines(self) -> list[Item]:
        """The lists, what is carried, and the `for`."""
        params = self.equation.params
        body, consts, carry, outs = params["body"], params["consts"], params["carry"], self.equation.outs
        count = len(body.outputs) - carry
        given = self.constants(body.inputs[:consts], self.operands[:consts])
        state, source = body.inputs[consts : consts + carry], self.equation.operands[consts : consts + carry]
        names = self.carry(consts, state, outs[:carry], source, [begins_plain(body, state)] * carry)
        given.update(zip(state, names, strict=True))
        places = [k for k in range(carry) if is_read(self.outer, outs[carry + count + k])]
        chosen = [j for j in range(count) if is_read(self.outer, outs[carry + j])]
        begun, made = [outs[carry + count + k] for k in places], [outs[carry + j] for j in chosen]
        beginnings, wishes = [names[k] for k in places], [_called(body, body.outputs[carry + j]) for j in chosen]
        needed = _needed(body, [body.outputs[carry + j] for j in chosen])
        late = all(body.outputs[k] not in needed for k in places)  # the next state is made when all else is
        together = (
            bool(begun and made) and late and len({self._reader(v) or -1 - i for i, v in enumerate(begun + made)}) == 1
        )
        if together:
            kept, collected = self._lists([*begun, *made], [*beginnings, *wishes], "kept"), []
        else:
            kept, collected = self._lists(begun, beginnings, "states"), self._lists(made, wishes, "kept")
        header, body, elements = self._header(body, consts + carry)
        given.update(elements)
        if together:
            members = [*(state[k] for k in places), *(body.outputs[carry + j] for j in chosen)]
            body = _with_append(body, kept[0][0], members, needed)
        owned = [v for v in self.owned_carries(body, consts, carry) if state.index(v) not in places]
        owned += self._copied(
            [v for k, v in enumerate(state) if k not in places and v not in owned], body, consts, names
        )
        owned += self._numbers(body, consts, carry)
        extra = {name for name, _ in (*kept, *collected)} | set(elements.values())
        inner, nested = nested_lines(self.outer, body, given, body.inputs[:consts], self.home, extra, owned)
        lines: list[Item] = []
        for name, group in kept if not together else ():
            lines.append(_appended(name, [ast.Name(names[places[i]], ast.Load()) for i in group]))
        lines += nested
        for name, group in collected:
            lines.append(_appended(name, [inner.expression(body.outputs[carry + chosen[i]]) for i in group]))
        lines += rebind(names, [inner.expression(o) for o in body.outputs[:carry]])
        before = [assign(name, ast.List([], ast.Load())) for name, _ in (*kept, *collected)]
        loop = Function(header, lines or [ast.Pass()])
        return [*self.before, *before, loop, *self._turned()]

    def _copied(self, candidates: Sequence[Var], body: Program, consts: int, names: Sequence[str]) -> list[Var]:
        """Carries that each round writes into: they begin as a copy, so that no round needs one of its own."""
        owner = roots(body)
        made: dict[Atom, Equation] = {out: e for e in body.equations for out in e.outs}
        results = [owner.get(o) if isinstance(o, Var) else None for o in body.outputs]
        found = []
        for var in candidates:
            k = body.inputs.index(var) - consts
            current = body.outputs[k]
            while current in made and made[current].op.update is not None and not made[current].op.effect:
                current = made[current].operands[0]
            if current is not var or body.outputs[k] is var or results.count(results[k]) > 1 or not var.type.shape:
                continue
            value = self.operands[consts + k]
            started = next((s for s in self.before if isinstance(s, ast.Assign) and _target(s) == names[k]), None)
            if started is not None:
                started.value = expression("{0}.copy()", [started.value])
            else:
                self.before.append(assign(names[k], expression("{0}.copy()", [value])))
            found.append(var)
        return found

    def _numbers(self, body: Program, consts: int, carry: int) -> list[Var]:
        """Carries that are plain numbers: `total += x` makes another one."""
        outer, within = cells(self.outer.program), cells(body)
        found = []
        for k in range(carry):
            source, output = self.equation.operands[consts + k], body.outputs[k]
            var = body.inputs[consts + k]
            plain = (
                source.type.weak
                or isinstance(source, Literal)
                or (source in self.outer.definition and source not in outer)
            )
            if not var.type.shape and plain and output not in within:
                found.append(var)
        return found

    # ------------------------------------------------------------------------------------------------- lists

    def _lists(self, members: Sequence[Var], elements: Sequence[str], together: str) -> list[tuple[str, list[int]]]:
        """The lists to append to, each with the members whose values it takes: those that one loop reads are tuples."""
        groups: dict[int, list[int]] = {}
        for i, var in enumerate(members):
            reader = self._reader(var)
            groups.setdefault(-1 - i if reader is None else reader, []).append(i)
        found = []
        for reader, group in groups.items():
            wish = plural(elements[group[0]] or "value") if len(group) == 1 else together
            name = self.take(wish, max(self.until(members[i]) for i in group))
            for position, i in enumerate(group):
                var = members[i]
                self.outer.names[var] = name
                self.outer.elements[var] = elements[i]
                if len(group) > 1:
                    self.outer.tuples[var] = (reader, position)
            found.append((name, group))
        return found

    def _reader(self, var: Var) -> int | None:
        """The one loop that reads the list, if nothing else does: its number."""
        readers = [n for n, e in enumerate(self.outer.program.equations) if var in e.operands]
        if len(readers) != 1 or var in self.outer.program.outputs:
            return None
        e = self.outer.program.equations[readers[0]]
        if e.op.name != "scan" or not e.params["listed"] or e.operands.count(var) > 1:
            return None
        return readers[0] if var in e.operands[e.params["consts"] + e.params["carry"] :] else None

    def _turned(self) -> list[Item]:
        """Lists as arrays where more than loops reads them; in the order of the rounds after a loop back."""
        lines: list[Item] = []
        carry = self.equation.params["carry"]
        for var in self.equation.outs[carry:]:
            if not is_read(self.outer, var):
                continue
            name = self.outer.names[var]
            back = self.equation.params["reverse"]
            if var.type.weak or _read_by_rounds_alone(self.outer.program, var):
                if back and self.outer.tuples.get(var, (0, 0))[1] == 0:
                    lines.append(text(f"{name}.reverse()"))
                continue
            lines.append(text(f"{name} = np.array({name}{'[::-1]' if back else ''})"))
        return lines

    # ------------------------------------------------------------------------------------------------ header

    def _header(self, body: Program, first: int) -> tuple[str, Program, dict[Var, str]]:
        """`for x, theta in zip(xs, thetas):`, with the names of the elements in the body."""
        read = body.use_counts()
        elements: dict[Var, str] = {}
        targets: dict[str, list[str]] = {}
        grouped: dict[str, dict[int, str]] = {}
        for var, operand, value in zip(
            body.inputs[first:], self.equation.operands[first:], self.operands[first:], strict=True
        ):
            if var not in read:
                continue
            source = ast.unparse(ast.fix_missing_locations(value))
            if not operand.type.weak and len(operand.type.shape) == 1 and operand not in self.outer.elements:
                body, var, listed = _as_numbers(body, var)
                if listed:
                    source = ast.unparse(ast.fix_missing_locations(expression("{0}.tolist()", [value])))
            if len(source) > SHORT:
                name = self.take(plural(legal(var.name or operand_name(operand) or "value")), self.number)
                self.before.append(assign(name, ast.parse(source, mode="eval").body))
                source = name
            name = self.take(legal(var.name or self.outer.elements.get(operand, "") or _singular(source)), self.number)
            elements[var] = name
            if operand in self.outer.tuples:
                grouped.setdefault(source, {})[self.outer.tuples[operand][1]] = name
                targets.setdefault(source, [])
            else:
                targets.setdefault(source, []).append(name)
        for source, names in grouped.items():
            places = [v for v, (reader, _) in self.outer.tuples.items() if reader == self.number and isinstance(v, Var)]
            size = sum(self.outer.names.get(v) == source for v in places)
            targets[source] = [f"({', '.join(names.get(i, '_') for i in range(size))})"]
        header, sources = _for(targets, self.equation.params["length"], self.equation.params["reverse"])
        if len(header) > LONGEST:
            name = self.take("rounds", self.number)
            self.before.append(text(f"{name} = {sources}"))
            header = header.replace(f" in {sources}:", f" in {name}:")
        return header, body, elements


def operand_name(operand: Atom) -> str:
    """What an operand is called, if it is."""
    name = operand.name if isinstance(operand, Var) else ""
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def _target(statement: ast.Assign) -> str:
    return getattr(statement.targets[0], "id", "")


def _for(targets: dict[str, list[str]], length: int, back: bool) -> tuple[str, str]:
    """The header of the loop, and what it goes over."""
    pairs = [(name, source) for source, names in targets.items() for name in names]
    if not pairs:
        return f"for _ in range({length}):", f"range({length})"
    counter = next((name for name, source in pairs if source == f"range({length})"), None)
    if counter is not None and len(pairs) == 2 and not back:
        name, source = next(pair for pair in pairs if pair[0] != counter)
        return f"for {counter}, {name} in enumerate({source}):", f"enumerate({source})"
    sources = [f"reversed({source})" if back else source for _, source in pairs]
    names = [name for name, _ in pairs]
    if len(pairs) == 1:
        return f"for {names[0].strip('()')} in {sources[0]}:", sources[0]
    over = f"zip({', '.join(sources)})"
    return f"for {', '.join(names)} in {over}:", over


def _appended(name: str, values: Sequence[ast.expr]) -> ast.stmt:
    value = values[0] if len(values) == 1 else ast.Tuple(list(values), ast.Load())
    return ast.Expr(ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [value], []))


def _needed(body: Program, ends: Sequence[Atom]) -> set[Atom]:
    """The values that these are made of, and they themselves."""
    needed: set[Atom] = set(ends)
    for e in reversed(body.equations):
        if not needed.isdisjoint(e.outs):
            needed.update(e.operands)
    return needed


def _with_append(body: Program, name: str, members: Sequence[Atom], needed: set[Atom]) -> Program:
    """The body that appends the members to a list as soon as they are there, and makes the next state afterwards."""
    first = [e for e in body.equations if not needed.isdisjoint(e.outs)]
    places = ", ".join(f"{{{i}}}" for i in range(len(members)))
    append = Op("append", list.append, lambda *types: (), "", update=f"{name}.append(({places}))", effect=True)
    last = first[-1]
    between = Equation(append, tuple(members), {}, (), last.origin, last.level)
    return replace(body, equations=(*first, between, *(e for e in body.equations if needed.isdisjoint(e.outs))))


def _called(body: Program, atom: object) -> str:
    """A name for what is collected."""
    if not isinstance(atom, Var) or atom.name:
        return getattr(atom, "name", "") or "value"
    made = body.definitions()
    equation = made.get(atom)
    known = {v: v.name for v in (*body.inputs, *made) if v.name}

    def of(var: Var) -> Equation | None:
        return made.get(var)

    return describe(equation, known, of) if equation is not None else "value"


def plural(name: str) -> str:
    """theta -> thetas, velocity -> velocities, loss -> losses, cos_x -> cos_xs, y_i -> ys."""
    name = name.removesuffix("_i")
    last = name.rpartition("_")[2]
    if name in _PLURALS:
        return _PLURALS[name]
    if len(last) > 2 and last.endswith("y") and last[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if len(last) > 2 and last.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def _singular(source: str) -> str:
    name = source.partition("[")[0].partition(".")[0]
    if name.isidentifier() and len(name) > 1 and name.endswith("s") and not name.endswith("ss"):
        return name[:-1]
    return "step" if source.startswith("range(") else "part"


def _as_numbers(body: Program, var: Var) -> tuple[Program, Var, bool]:
    """The body for a number of Python's in place of NumPy's, if it reads nothing else of the element."""
    readers = [e for e in body.equations if var in e.operands]
    if len(readers) != 1 or readers[0].op.name != "python_number" or var in body.outputs:
        return body, var, False
    equations = tuple(e for e in body.equations if e is not readers[0])
    inputs = tuple(readers[0].out if v is var else v for v in body.inputs)
    return replace(body, inputs=inputs, equations=equations), readers[0].out, True


def _read_by_rounds_alone(program: Program, var: Var) -> bool:
    """Whether all that read the list are loops that go over it."""
    for e in program.equations:
        if var in e.operands and e.op.name != "stack_of":
            if e.op.name != "scan" or not e.params["listed"]:
                return False
            if var in e.operands[: e.params["consts"] + e.params["carry"]]:
                return False
    return var not in program.outputs
