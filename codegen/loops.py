"""Loops and branches that hold programs, as Python's own `for`, `while` and `if`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ir.aliasing import roots
from ..ir.ops.batched_loops import UNKNOWN
from ..ir.ops.custom import EXTERNAL
from ..ir.program import Atom, Equation, Literal, Program, Var
from ..ir.types import ArrayType
from .blocks import lower_blocks
from .calls import lower_call
from .externals import lower_external
from .names import legal
from .numbers import number_expression
from .source import Function, Item
from .templates import expression

if TYPE_CHECKING:
    from .lower import Lowering


def lower_block(outer: Lowering, number: int, equation: Equation, home: str) -> list[Item]:
    """The lines of a structured operation; none for any other equation."""
    if equation.op.name == "scan" and equation.params["listed"]:
        from .rounds import Rounds

        return Rounds(outer, number, equation, home).lines()
    if equation.op.name == "scan":
        return Loop(outer, number, equation, home).scan()
    if equation.op.name == "while_loop":
        return Loop(outer, number, equation, home).while_loop()
    if equation.op.name == "cond":
        return _cond(outer, number, equation, home)
    if equation.op.name == "blocks":
        return lower_blocks(outer, number, equation, home)
    if equation.op.name == "call":
        return lower_call(outer, number, equation)
    if equation.op.name in EXTERNAL:
        return lower_external(outer, number, equation)
    return []


def assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def text(template: str) -> ast.stmt:
    return ast.parse(template).body[0]


def is_read(outer: Lowering, var: Var) -> bool:
    return var in outer.plan.last_use


def nested_lines(
    outer: Lowering,
    program: Program,
    given: dict[Var, str],
    constant: Sequence[Var],
    home: str,
    extra: set[str],
    owned: Sequence[Var] = (),
    **options: Any,
) -> tuple[Lowering, list[Item]]:
    """The lines of a program inside a loop or branch, with names that disturb nothing outside; `options` are others of
    `Lowering`."""
    from .lower import Lowering

    reserved = {name for name in outer.names.values() if name not in given.values()} | outer.reserved | extra
    inner = Lowering(program, given, reserved, constant=constant, owned=owned, functions=outer.functions,
                     target=outer.target, reuse=outer.reuse, **options)  # fmt: skip
    forward, backward = inner.body(home)
    outer.helpers.update(inner.helpers)
    outer.imports.update(inner.imports)
    outer.guarded = outer.guarded or inner.guarded
    return inner, [*forward, *backward]


def rebind(names: Sequence[str], values: Sequence[ast.expr]) -> list[ast.stmt]:
    """The new carry under the names of the old one, all at once."""
    pairs = [(n, v) for n, v in zip(names, values, strict=True) if not (isinstance(v, ast.Name) and v.id == n)]
    if not pairs:
        return []
    if len(pairs) == 1:
        return [assign(*pairs[0])]
    target = ast.Tuple([ast.Name(n, ast.Store()) for n, _ in pairs], ast.Store())
    return [ast.Assign([target], ast.Tuple([v for _, v in pairs], ast.Load()))]


def same_wish(name: str, wish: str) -> bool:
    """Whether the name is the wish, or the wish with a number."""
    return name == wish or (name.startswith(f"{wish}_") and name[len(wish) + 1 :].isdigit())


class Loop:
    def __init__(self, outer: Lowering, number: int, equation: Equation, home: str) -> None:
        self.outer = outer
        self.number = number
        self.equation = equation
        self.home = home
        self.before: list[Item] = []
        self.operands: list[ast.expr] = []
        for operand in equation.operands:
            self.operands.append(outer.expression(operand))

    def take(self, wish: str, until: int) -> str:
        return self.outer.allocator.take(wish, self.number - 1, until)

    def until(self, var: Var) -> int:
        return max(self.outer.plan.last_use.get(var, self.number), self.number)

    def constants(self, inputs: Sequence[Var], values: Sequence[ast.expr]) -> dict[Var, str]:
        """Names for what the body reads from outside; what is not a name yet gets one before the loop."""
        given = {}
        for var, value in zip(inputs, values, strict=True):
            if isinstance(value, ast.Name):
                given[var] = value.id
            else:
                given[var] = self.take(var.name or "constant", self.number)
                self.before.append(assign(given[var], value))
        return given

    def carry(
        self, start: int, inputs: Sequence[Var], finals: Sequence[Var], sources: Sequence[Atom], made: Sequence[bool]
    ) -> list[str]:
        """Names for the carry, assigned before the loop; the name of what it starts from, if that is free then.

        made: whether the loop surely computes it anew, so that a plain number may start it instead of NumPy's.
        """
        names = []
        for place, (var, final, source) in enumerate(zip(inputs, finals, sources, strict=True)):
            wish = legal(final.name or var.name or "carry")
            value = self.operands[start + place]
            if isinstance(source, Literal) and made[place] and source.type.dtype.name in ("float64", "complex128"):
                value = number_expression(source.value, weak=True)
            others = self.equation.operands[: start + place] + self.equation.operands[start + place + 1 :]
            taken_over = isinstance(value, ast.Name) and same_wish(value.id, wish) and source not in others
            dies = isinstance(source, Var) and self.outer.plan.last_use.get(source, -1) <= self.number
            if taken_over and dies and source not in self.outer.constant:
                assert isinstance(value, ast.Name)
                name = value.id
                self.outer.allocator.extend(name, self.until(final))
            else:
                name = self.take(wish, self.until(final))
                self.before.append(assign(name, value))
            self.outer.names[final] = name
            names.append(name)
        return names

    def _collector(self, var: Var, wish: str, type_: ArrayType, length: ast.expr, listed: bool) -> str:
        """A place for one value of each iteration, made before the loop."""
        name = self.take(var.name or wish, self.until(var))
        self.outer.names[var] = name
        if listed:
            self.before.append(assign(name, expression("[None] * {0}", [length])))
        else:
            suffix = "" if type_.dtype.name == "float64" else f", dtype=np.{type_.dtype.name}"
            shape = type_.shape[0] if len(type_.shape) == 1 else type_.shape
            self.before.append(text(f"{name} = np.empty({shape}{suffix})"))
        return name

    def scan(self) -> list[Item]:
        params = self.equation.params
        body, consts, carry, length = params["body"], params["consts"], params["carry"], params["length"]
        outs = self.equation.outs
        count = len(body.outputs) - carry
        inputs = body.inputs
        given = self.constants(inputs[:consts], self.operands[:consts])
        source = self.equation.operands[consts : consts + carry]
        plain = length > 0 and begins_plain(body, inputs[consts : consts + carry])
        made = [plain] * carry
        names = self.carry(consts, inputs[consts : consts + carry], outs[:carry], source, made)
        given.update(zip(inputs[consts : consts + carry], names, strict=True))
        xs = self.constants(inputs[consts + carry :], self.operands[consts + carry :])
        slices = inputs[consts + carry :]
        unknown = length == UNKNOWN
        listed = unknown or (self.outer.target is not None and self.outer.target.lists)
        n = expression(f"len({xs[slices[0]]})", []) if unknown else ast.Constant(length)
        index = self.take("i", self.number)
        collected = [
            (self._collector(var, "results", var.type, n, listed), body.outputs[carry + j])
            for j, var in enumerate(outs[carry : carry + count])
            if is_read(self.outer, var)
        ]
        kept = [
            (self._collector(var, f"kept_{name}", var.type, n, listed), name)
            for var, name in zip(outs[carry + count :], names, strict=True)
            if is_read(self.outer, var)
        ]
        read = body.use_counts()
        lines: list[Item] = [text(f"{place}[{index}] = {name}") for place, name in kept]
        inner_names = {*names, index, *xs.values(), *self.outer.names.values(), *self.outer.reserved, *given.values()}
        for var in slices:
            if var not in read:
                continue
            name = legal(var.name or "x")
            while name in inner_names:
                name += "_"
            inner_names.add(name)
            whole = listed and not unknown and xs[var] not in self.outer.lists and var.type.shape
            place = f"{index}, ..." if whole else index
            body, var, element = _converted(body, var, f"{xs[var]}[{place}]")
            lines.append(text(f"{name} = {element}"))
            given[var] = name
        extra = inner_names | {place for place, _ in collected}
        owned = self.owned_carries(body, consts, carry) if not (listed and kept) else []
        extra -= set(given.values())
        inner, nested = nested_lines(self.outer, body, given, inputs[:consts], self.home, extra, owned)
        lines += nested
        lines += [_stored(place, index, inner.expression(output)) for place, output in collected]
        lines += rebind(names, [inner.expression(o) for o in body.outputs[:carry]])
        index_read = bool(kept or collected) or any(var in read for var in slices)
        order = f"range({ast.unparse(n)})"
        if params["reverse"]:  # numba has no reversed()
            last = f"{ast.unparse(n)} - 1" if unknown else length - 1
            order = f"range({last}, -1, -1)" if self.outer.target else f"reversed({order})"
        header = f"for {index if index_read else '_'} in {order}:"
        loop = Function(header, lines or [ast.Pass()])
        together = self._together([place for place, _ in collected + kept]) if listed and not unknown else []
        return [*self.before, loop, *together]

    def _together(self, places: Sequence[str]) -> list[Item]:
        """Lists as arrays, but for those that other loops alone read."""
        lines: list[Item] = []
        for place in places:
            var = next(v for v in self.equation.outs if self.outer.names.get(v) == place)
            if read_by_loops_alone(self.outer.program, var):
                self.outer.lists.add(place)
            else:
                lines.append(text(f"{place} = xp.stack({place})"))
        return lines

    def owned_carries(self, body: Program, consts: int, carry: int) -> list[Var]:
        """The carries that the body may overwrite: begun with a buffer nobody else reads, and handed on apart."""
        plan = self.outer.plan
        owner = roots(body)
        results = [owner[o] if isinstance(o, Var) else None for o in body.outputs]
        found = []
        for k in range(carry):
            source, var = self.equation.operands[consts + k], body.inputs[consts + k]
            own = isinstance(source, Var) and self.number in plan.consumed.get(source, ())
            apart = results[k] is not None and results.count(results[k]) == 1
            foreign = results[k] in body.inputs and results[k] is not var
            if own and apart and not foreign and var.type.shape:
                found.append(var)
        return found

    def while_loop(self) -> list[Item]:
        params = self.equation.params
        test, body, tests, consts = params["test"], params["body"], params["tests"], params["consts"]
        count = len(body.outputs)
        outs = self.equation.outs
        for_test = self.constants(test.inputs[:tests], self.operands[:tests])
        given = self.constants(body.inputs[:consts], self.operands[tests : tests + consts])
        source = self.equation.operands[tests + consts :]
        made = [False] * count  # no round at all may be run
        names = self.carry(tests + consts, body.inputs[consts:], outs[:count], source, made)
        kept = []
        for var, name in zip(outs[count:], names, strict=True):
            if is_read(self.outer, var):
                place = self.take(var.name or f"kept_{name}", self.until(var))
                self.outer.names[var] = place
                self.before.append(text(f"{place} = []"))
                kept.append((place, name))
        for_test.update(zip(test.inputs[tests:], names, strict=True))
        given.update(zip(body.inputs[consts:], names, strict=True))
        extra = {place for place, _ in kept}
        tester, test_lines = nested_lines(self.outer, test, for_test, test.inputs, self.home, extra)
        condition = tester.expression(test.outputs[0])
        inner, nested = nested_lines(self.outer, body, given, body.inputs[:consts], self.home, extra)
        lines: list[Item] = [text(f"{place}.append({name})") for place, name in kept]
        lines += nested
        lines += rebind(names, [inner.expression(o) for o in body.outputs])
        if not test_lines:
            header = f"while {ast.unparse(ast.fix_missing_locations(condition))}:"
            return [*self.before, Function(header, lines or [ast.Pass()])]
        stop = ast.If(ast.UnaryOp(ast.Not(), condition), [ast.Break()], [])
        return [*self.before, Function("while True:", [*test_lines, stop, *lines])]


def _converted(body: Program, var: Var, text: str) -> tuple[Program, Var, str]:
    """`float(x[i])` where the body reads a slice as a Python number alone: the body without that step, its result."""
    readers = [e for e in body.equations if var in e.operands]
    if len(readers) != 1 or readers[0].op.name != "python_number" or var in body.outputs:
        return body, var, text
    equations = tuple(e for e in body.equations if e is not readers[0])
    inputs = tuple(readers[0].out if v is var else v for v in body.inputs)
    template = readers[0].op.template([var.type], dict(readers[0].params))
    return replace(body, inputs=inputs, equations=equations), readers[0].out, template.format(text)


def read_by_loops_alone(program: Program, var: Var) -> bool:
    """Whether each reader takes one element in each of its rounds."""
    for equation in program.equations:
        params = equation.params
        first = params["consts"] + params["carry"] if equation.op.name == "scan" else len(equation.operands)
        if var in equation.operands[:first]:
            return False
    return var not in program.outputs


def begins_plain(body: Program, carried: Sequence[Var]) -> bool:
    """Whether the carries may begin as Python's numbers: each round makes NumPy's of them, by operators alone."""
    numbers = {v for v in carried if not v.type.shape}
    for equation in body.equations:
        read = [o for o in equation.operands if o in numbers]
        if not read:
            continue
        if equation.op.name not in ("add", "subtract", "multiply", "divide"):
            return False
        if all(isinstance(o, Literal) or o in numbers or o.type.weak for o in equation.operands):
            if equation.op.name == "divide":  # by 0 Python raises
                return False
            numbers.update(equation.outs)
            continue
        types = [replace(o.type, weak=True) if o in numbers else o.type for o in equation.operands]
        if equation.op.infer(*types, **equation.params) != equation.out.type:  # float32 beside a float is float32
            return False
    return not any(o in numbers or isinstance(o, Literal) for o in body.outputs)


def _stored(place: str, index: str, value: ast.expr) -> ast.stmt:
    target = ast.Subscript(ast.Name(place, ast.Load()), ast.Name(index, ast.Load()), ast.Store())
    return ast.Assign([target], value)


def _cond(outer: Lowering, number: int, equation: Equation, home: str) -> list[Item]:
    """Both branches assign the same names."""
    loop = Loop(outer, number, equation, home)
    condition, operands = loop.operands[0], loop.operands[1:]
    branches = (equation.params["true"], equation.params["false"])
    first = loop.constants(branches[0].inputs, operands)
    given = [first, dict(zip(branches[1].inputs, first.values(), strict=True))]
    names = []
    for out in equation.outs:
        name = loop.take(out.name or "chosen", loop.until(out))
        outer.names[out] = name
        names.append(name)
    blocks: list[Item] = []
    for branch, inputs, word in zip(branches, given, ("if", "else"), strict=True):
        inner, lines = nested_lines(outer, branch, inputs, branch.inputs, home, set(names))
        lines += [assign(name, inner.expression(o)) for name, o in zip(names, branch.outputs, strict=True)]
        header = f"if {ast.unparse(ast.fix_missing_locations(condition))}:" if word == "if" else "else:"
        blocks.append(Function(header, lines or [ast.Pass()]))
    return [*loop.before, *blocks]
