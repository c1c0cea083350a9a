"""A planned program as statements and comments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.describe import describe
from ..ir.dims import is_symbolic_number
from ..ir.indexing import Index
from ..ir.op import BY_NAME, Op
from ..ir.ops.custom import External
from ..ir.passes.memory import LONGEST_CHAIN, disjoint
from ..ir.program import Atom, Equation, Literal, Origin, Program, Var
from ..ir.types import type_of
from .loops import lower_block
from .names import Allocator
from .numbers import number_expression
from .plan import END, Plan, plan
from .positions import mark, mark_node
from .small_arrays import as_float, quick_template
from .source import Comment, Item
from .target import Target
from .templates import expression, statement

WRITTEN = ("", 0, 0)  # the block of the writes into arguments, which answers no forward line


class Lowering:
    """Writes the body of one function; `names` maps variables that have a line of their own to their names."""

    def __init__(
        self,
        program: Program,
        given: dict[Var, str],
        reserved: set[str],
        closure: bool = False,
        constant: Collection[Var] = (),
        owned: Collection[Var] = (),
        functions: Mapping[Program | External, str] | None = None,
        last: int | None = None,
        target: Target | None = None,
        reuse: bool = False,
        block: int | None = None,
        parts: Mapping[Var, tuple[str, Var | None]] | None = None,
    ) -> None:
        """`constant` are inputs that keep their names throughout, since the text is run again and again; `owned`
        are inputs whose buffers may be overwritten; `functions` are the names of what is called; `last` is
        the level of the backward part, by default the highest that there is; `target` is what the text is for
        if not NumPy; with `reuse` large results are written into operands that are not needed any more; `block` are
        the bytes that make a result large in the body of a loop over blocks, `parts` are the texts of the blocks that
        its results go to, with the blocks of operands that they are written over."""
        self.program = program
        self.parts = parts or {}
        self.target = target
        self.lists: set[str] = set()  # names of lists that a loop collected, for a target without writes
        self.functions = functions or {}
        self.headings: dict[int, str] = {}  # what the part of each level is called
        self.closure = closure
        self.constant = {*program.captures, *constant}  # whose names are not given to anything else
        self.reuse = reuse and target is None
        replaced = {output: old for output, (_, old) in self.parts.items()}
        self.plan: Plan = plan(program, closure, owned, last, self.reuse, block, replaced)
        self.last = max((e.level for e in program.equations), default=0) if last is None else last
        self.names: dict[Var, str] = dict(given)
        self.elements: dict[Atom, str] = {}  # of a list with a value for each round of a loop: what one is called
        self.tuples: dict[Atom, tuple[int, int]] = {}  # of such lists that are one list of tuples: which, and the place
        self.helpers: dict[str, Callable[..., Any]] = {}
        self.imports: set[str] = set()
        self.guarded = False
        self.definition = {out: n for n, e in enumerate(program.equations) for out in e.outs}
        self.reserved = reserved
        self.allocator = Allocator(reserved)
        for var, name in given.items():
            # A parameter's name is free again after its last use; a user who reassigns it would do the same.
            until = END if closure or var in constant else self.plan.last_use.get(var, -1)
            self.allocator.hold(name, until)

    # --------------------------------------------------------------------------------------------- statements

    def body(self, home: str) -> tuple[list[Item], list[Item]]:
        """The forward and the backward lines; `home` is the file whose lines need no file name in comments."""
        forward: list[Item] = []
        backward: list[Item] = []
        block: tuple[str, int, int] | None = None
        entered = False
        equations = self.program.equations
        last = self.last
        start = len(equations)  # what stands between a gradient taken inside and the user's next line is no ending
        while start and equations[start - 1].level == last:
            start -= 1
        for number, equation in enumerate(equations):
            if number in self.plan.inlined:
                continue
            part = backward if equation.level == last > 0 and (self.closure or number >= start) else forward
            if part is backward and not entered:
                entered = True
                if self.closure:
                    self._hold_forward_names()
            lines = lower_block(self, number, equation, home) or self._lines(number, equation)
            if lines and equation.level in self.headings:
                part += [Comment("")] if forward or backward else []
                part.append(Comment(self.headings.pop(equation.level)))
            if equation.op.name == "store" and block is not WRITTEN:
                part.append(Comment("what the function writes into its arguments"))
                block = WRITTEN
            elif equation.level > 0 and equation.origin is not None:
                here = (equation.origin.file, equation.origin.line, equation.level)
                if here != block:
                    part.append(Comment(answer(equation.origin, home)))
                    block = here
            part += [mark(line, equation) for line in lines]
        return forward, backward

    def _hold_forward_names(self) -> None:
        """Names of the enclosing function are not assigned in the nested one: that would hide them."""
        for name in self.names.values():
            self.allocator.hold(name, END)

    def _lines(self, number: int, equation: Equation) -> list[ast.stmt]:
        if equation.op.imports:
            self.imports.update(equation.op.imports)
        if equation.op.name == "guard":
            return [self._guard(equation)]
        if equation.op.effect:
            return [self._update(equation, self.expression(equation.operands[0]))]
        if equation.op.update is not None:
            return self._write(number, equation)
        value = self._value(equation)
        if equation.op.several:
            return [ast.Assign([self._several_names(number, equation)], value)]
        if number in self.plan.in_place:
            return [self._accumulate(number, equation)]
        if number in self.plan.overwritten:
            return [self._over_operand(number, equation, self.plan.overwritten[number])]
        if number in self.plan.delivered:
            return [self._into_part(number, equation, self.plan.delivered[number])]
        if number in self.plan.detached:
            value = expression("{0}.copy()", [value])
        name = self._assign_name(number, equation)
        return [ast.Assign([ast.Name(name, ast.Store())], value)]

    def _write(self, number: int, equation: Equation) -> list[ast.stmt]:
        """An update: of the first operand where nobody else needs it, else of a copy."""
        first = equation.operands[0]
        if number in self.plan.in_place:
            assert isinstance(first, Var)
            made = self.made(first)
            if equation.level > 0 and equation.out.name and made is not None and made.level < equation.level:
                kept = ast.Name(self.names[first], ast.Load())  # a cotangent that begins as a value of the function
                name = self._assign_name(number, equation, strictly_before=True)
                renamed = ast.Assign([ast.Name(name, ast.Store())], kept)
                return [renamed, self._update(equation, ast.Name(name, ast.Load()))]
            name = self._inherit(first, equation.out)
            return [self._update(equation, ast.Name(name, ast.Load()))]
        source = expression("{0}.copy()", [self.expression(first)])
        # The value to be written is read after the copy has taken its name, so that name must not be in use by it.
        name = self._assign_name(number, equation, strictly_before=True)
        assign = ast.Assign([ast.Name(name, ast.Store())], source)
        return [assign, self._update(equation, ast.Name(name, ast.Load()))]

    def _update(self, equation: Equation, target: ast.expr) -> ast.stmt:
        operands = [target, *map(self.expression, _whole_value(equation))]
        op, params = equation.op, dict(equation.params)
        if op.name == "index_add" and params["distinct"] and self._still_zero(equation.operands[0], params["index"]):
            op, params = BY_NAME["set_item"], {"index": params["index"]}  # what is added to 0 is written
        types = [o.type for o in equation.operands]
        template = self.target.statement(op, types, params) if self.target else op.update_template(types, params)
        self._keep_helpers(op, template)
        return _subtracted(_augmented(statement(template, operands), self._own_part(equation)))

    def _own_part(self, equation: Equation) -> str:
        """The name of what is read from the very place that is written, if the value written is made from it."""
        value = equation.operands[-1]
        made = self.made(value)
        if equation.op.name != "set_item" or len(equation.operands) != 2 or made is None or not made.op.elementwise:
            return ""
        for operand in made.operands:
            part = self.made(operand) if isinstance(operand, Var) and operand in self.names else None
            if part is None or part.op.name != "getitem" or made.out.type != part.out.type:
                continue
            if part.operands == equation.operands[:1] and part.params["index"] == equation.params["index"]:
                return self.names[part.out]
        return ""

    def _keep_helpers(self, op: Op, template: str) -> None:
        """Put the functions of ours that the text calls into the module."""
        if not op.helpers:
            return
        called = [h for h in op.helpers if f"{h.__name__}(" in template]
        called += [h for h in op.helpers if any(h.__name__ in c.__code__.co_names for c in called)]
        self.helpers.update((h.__name__, h) for h in called)

    def _still_zero(self, atom: Atom, index: Index) -> bool:
        """Whether nothing has been written at the index of a buffer that began as zeros."""
        for _ in range(LONGEST_CHAIN):
            made = self.made(atom)
            if made is None:
                return False
            if made.op.name in ("filled", "filled_columns"):
                return bool(made.params["value"] == 0)
            if made.op.update is None or len(made.operands) != 2:
                return False
            if not disjoint(made.params["index"], index, made.out.type.shape):
                return False
            atom = made.operands[0]
        return False

    def _guard(self, equation: Equation) -> ast.stmt:
        self.guarded = True
        types = [o.type for o in equation.operands]
        template = equation.op.update_template(types, dict(equation.params))
        place = repr(str(equation.origin or ""))
        return statement(template.replace("{origin}", place), [self.expression(equation.operands[0])])

    def _accumulate(self, number: int, equation: Equation) -> ast.stmt:
        """`dx += ...`, into the operand that has the name of the result."""
        side = 1 if number in self.plan.swapped else 0
        target, other = equation.operands[side], equation.operands[1 - side]
        assert isinstance(target, Var)
        right = self.expression(as_float(other, equation) if self.reuse else other)
        name = self._inherit(target, equation.out)
        augmented = ast.AugAssign(ast.Name(name, ast.Store()), _OPERATORS[equation.op.name], right)
        written = _subtracted(augmented)
        if self.target and self.target.lists and isinstance(written, ast.AugAssign):
            # what is a number for NumPy may be a view of an array there
            value = ast.BinOp(ast.Name(name, ast.Load()), written.op, written.value)
            return ast.Assign([ast.Name(name, ast.Store())], value)
        return written

    def _over_operand(self, number: int, equation: Equation, place: int) -> ast.stmt:
        """`y = np.add(x, z, out=x)`; if both have one name, `x += z` or `np.exp(x, out=x)`."""
        target = equation.operands[place]
        assert isinstance(target, Var)
        atoms = self._plain(equation)
        operands = [self.expression(o) for o in atoms]
        buffer = self.names[target]
        alike = equation.out.name == target.name or not (equation.out.name or target.named)
        alike = alike or equation.out in self.plan.placed  # nobody reads it by a name of its own
        name = self._inherit(target, equation.out) if alike else self._assign_name(number, equation)
        operator = _OPERATORS.get(equation.op.name)
        commutes = equation.op.name in ("add", "multiply")
        if name == buffer and operator is not None and (place == 0 or commutes):
            return _subtracted(ast.AugAssign(ast.Name(name, ast.Store()), operator, operands[1 - place]))
        call = _with_out(equation, operands, buffer)
        return ast.Expr(call) if name == buffer else ast.Assign([ast.Name(name, ast.Store())], call)

    def _into_part(self, number: int, equation: Equation, result: Var) -> ast.stmt:
        """`np.add(x, y, out=dx[rows])`, with a name if that is only a step on the way."""
        call = _with_out(equation, [self.expression(o) for o in self._plain(equation)], self.parts[result][0])
        if equation.out is result:
            return ast.Expr(call)
        return ast.Assign([ast.Name(self._assign_name(number, equation), ast.Store())], call)

    def _inherit(self, source: Var, out: Var) -> str:
        name = self.names[source]
        self.names[out] = name
        self.allocator.extend(name, self.plan.last_use.get(out, -1))
        return name

    def _assign_name(self, number: int, equation: Equation, strictly_before: bool = False) -> str:
        out = equation.out
        until = self._until(number, out)
        wish = self.wish(equation)
        name = self.allocator.take(wish, number - 1 if strictly_before else number, until)
        self.names[out] = name
        return name

    def wish(self, equation: Equation | None) -> str:
        """The name that the result is to have: the user's, or what the operation says."""
        if equation is None:
            return "value"
        return equation.out.name or describe(equation, self.names, self.made)

    def _several_names(self, number: int, equation: Equation) -> ast.expr:
        """`Q, R`: a name for each result that is read, `_` for the others (which is nobody's name: see `legal`)."""
        names = []
        for out, usual in zip(equation.outs, equation.op.results, strict=True):
            read = out in self.plan.last_use
            names.append(self.allocator.take(out.name or usual, number, self._until(number, out)) if read else "_")
            if read:
                self.names[out] = names[-1]
        return ast.Tuple([ast.Name(name, ast.Store()) for name in names], ast.Store())

    def made(self, var: Atom) -> Equation | None:
        """The equation that computes a value, but for arguments and numbers."""
        number = self.definition.get(var) if isinstance(var, Var) else None
        return None if number is None else self.program.equations[number]

    def _until(self, number: int, out: Var) -> int:
        return max(self.plan.last_use.get(out, number), number)

    # -------------------------------------------------------------------------------------------- expressions

    def expression(self, atom: Atom) -> ast.expr:
        """An operand: a name, a number or the expression of an inlined equation."""
        if isinstance(atom, Literal):
            if is_symbolic_number(atom.value) and "math." in str(atom.value):
                self.imports.add("math")
            return self.target.numbers.literal(atom) if self.target else number_expression(atom.value, atom.type.weak)
        if atom in self.names:
            return ast.Name(self.names[atom], ast.Load())
        equation = self.program.equations[self.definition[atom]]
        value = self._value(equation)
        mark_node(value, equation)
        return value

    def _sign_moves(self, atom: Atom) -> bool:
        """Whether the first factor of a product may bear its sign: unsigned ones and booleans have none."""
        if isinstance(atom, Literal):
            return True
        made = self.program.equations[self.definition[atom]] if atom in self.definition else None
        if made is not None and made.op.name in ("multiply", "divide"):
            return self._sign_moves(made.operands[0])
        return atom.type.dtype.kind in "fc"

    def _plain(self, equation: Equation) -> list[Atom]:
        """The operands, with numbers as a person writes them."""
        atoms = list(equation.operands)
        for place, atom in enumerate(atoms):  # one after the other: what is written for one decides what the next needs
            if type(atom) is Literal:
                atoms[place] = _plain_literal(equation, place, atoms)
            if self.reuse:
                atoms[place] = as_float(atoms[place], equation)
        return atoms

    def _value(self, equation: Equation) -> ast.expr:
        if equation.op.imports:
            self.imports.update(equation.op.imports)
        atoms = self._plain(equation)
        types = [atom.type for atom in atoms]
        operands = [self.expression(atom) for atom in atoms]
        if self.target:
            operands = [self.target.numbers.operand(equation, i, atoms, text) for i, text in enumerate(operands)]
        if equation.op.name == "negative":
            moves = self._sign_moves(equation.operands[0])
            return _negative(operands[0]) if moves else ast.UnaryOp(ast.USub(), operands[0])
        if self.target:
            return expression(self.target.expression(equation.op, types, equation.params), operands)
        template = equation.op.template(types, dict(equation.params))
        template = quick_template(template, equation, self.made) if self.reuse else template
        self._keep_helpers(equation.op, template)
        if types and types[0].weak:  # a Python number has no methods
            template = template.rpartition(" || ")[2]
            template = f"np.asarray({{0}}){template[3:]}" if template.startswith("{0}.") else template
        return expression(template, operands)


def _with_out(equation: Equation, operands: Sequence[ast.expr], out: str) -> ast.expr:
    """The call of NumPy's function that writes its result to a given place."""
    function = equation.op.fun.__name__
    exponent = equation.operands[-1]
    if equation.op.name == "power" and isinstance(exponent, Literal) and exponent.value == 2:
        function, operands = "square", operands[:1]
    places = ", ".join(f"{{{i}}}" for i in range(len(operands)))
    return expression(f"np.{function}({places}, out={out})", operands)


def answer(origin: Origin, home: str) -> str:
    """The comment over a backward block: the forward line that it answers."""
    place = f"line {origin.line}" if origin.file == home else f"{origin.file}, line {origin.line}"
    text = origin.statement if len(origin.statement) <= 88 else f"{origin.statement[:85]}..."
    return f"{place}: {text}" if text else place


def _augmented(node: ast.stmt, part: str = "") -> ast.stmt:
    """`x[i] = x[i] + v` as `x[i] += v`; `part` is another name of x[i]."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.BinOp):
        return node
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Subscript) or not isinstance(
        value.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow
    ):
        return node
    places = {ast.dump(ast.Subscript(target.value, target.slice, ast.Load())), ast.dump(ast.Name(part, ast.Load()))}
    if ast.dump(value.left) in places:
        return ast.AugAssign(target, value.op, value.right)
    if isinstance(value.op, ast.Add | ast.Mult) and ast.dump(value.right) in places:
        return ast.AugAssign(target, value.op, value.left)
    return node


def _subtracted(node: ast.stmt) -> ast.stmt:
    """`x += -1 / n` as `x -= 1 / n`."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        positive = _without_sign(node.value)
        if positive is not None:
            return ast.AugAssign(node.target, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), positive)
    return node


def _without_sign(node: ast.expr) -> ast.expr | None:
    """The expression without its leading minus, if it has one."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left = _without_sign(node.left)
        return None if left is None else ast.BinOp(left, node.op, node.right)
    return None


def _negative(operand: ast.expr) -> ast.expr:
    """-(a * b) is written -a * b: the same number to the bit."""
    if isinstance(operand, ast.BinOp) and isinstance(operand.op, ast.Mult | ast.Div):
        return ast.BinOp(_negative(operand.left), operand.op, operand.right)
    if isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.USub):
        return operand.operand
    return ast.UnaryOp(ast.USub(), operand)


def _whole_value(equation: Equation) -> Sequence[Atom]:
    """The operands behind the target; a float that the backward pass writes among floats as an integer if it is one."""
    rest = equation.operands[1:]
    if equation.level == 0 or not rest or equation.operands[0].type.dtype.kind != "f":
        return rest
    value = rest[0].value if isinstance(rest[0], Literal) else None
    if not isinstance(value, float) or not value.is_integer() or repr(float(value)) == "-0.0":
        return rest
    return (Literal(int(value), type_of(int(value))), *rest[1:])


def _plain_literal(equation: Equation, place: int, operands: Sequence[Atom]) -> Atom:
    """A number as a person writes it, where the result is the same: 2.0 for np.float64(2.0), 1 for 1.0."""
    literal = operands[place]
    if not isinstance(literal, Literal) or not equation.op.elementwise or literal.type.dtype.kind not in "fciub":
        return literal
    value = literal.value.item() if isinstance(literal.value, np.generic) else literal.value
    candidates = [value]
    others = [o for o in equation.operands if not isinstance(o, Literal)]
    if isinstance(value, bool) and not others:
        return literal  # True + True is 2 in Python, and True in NumPy
    whole = isinstance(value, float) and (others or equation.op.name == "divide")  # 1 / 7, but no 2 + 2
    if whole and equation.level > 0 and value.is_integer() and abs(value) < 2**53:
        if equation.op.name in _WHOLE and repr(value) != "-0.0":
            candidates.insert(0, int(value))
    for candidate in candidates:
        plain = Literal(candidate, type_of(candidate))
        types = [plain.type if i == place else o.type for i, o in enumerate(operands)]
        try:
            if equation.op.infer(*types, **equation.params) == equation.out.type:
                return plain
        except (TypeError, ValueError, OverflowError):
            continue
    return literal


_OPERATORS: dict[str, ast.operator] = {
    "add": ast.Add(),
    "subtract": ast.Sub(),
    "multiply": ast.Mult(),
    "divide": ast.Div(),
}
_WHOLE = {"add", "subtract", "multiply", "divide", "where"}
