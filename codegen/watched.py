"""The generated function with an eye on every operation: the same lines in the same order, each result looked at.

`np.log(p * q)` becomes `watch(2, np.log(a := watch(1, p * q, p, q)), a)`: nothing is computed twice, and the watch sees
the result of each operation beside the operands that it was made from. What a statement overwrites is kept before.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.program import Origin
from .positions import Positions, span

WATCH = "<watch>"  # names with brackets can hide no name of the text: only a tree can hold them
_UNWRITTEN = {"empty", "empty_like"}  # memory that holds anything


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the text: its line, its own expression, the user's line that it answers, its operands."""

    line: int
    statement: str
    expression: str
    origin: Origin | None
    part: str  # forward, backward or tangent
    operands: tuple[str, ...]
    literal: tuple[bool, ...]  # whether the operand is a number that the text itself spells out
    elementwise: bool


def watched(
    text: str, positions: Positions, modules: Collection[str], captures: Sequence[str]
) -> tuple[ast.Module, list[Step]]:
    """The tree of the watched text, and its steps by number; `modules` are names that are no operands."""
    tree = ast.parse(text)
    writer = _Writer(text, positions, {"np", *modules}, captures)
    tree.body = [writer.function(node) if isinstance(node, ast.FunctionDef) else node for node in tree.body]
    return ast.fix_missing_locations(tree), writer.steps


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _texts(names: Sequence[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(name) for name in names], ast.Load())


def _read(node: ast.expr) -> ast.expr:
    """A target as an expression that reads it."""
    read = copy.deepcopy(node)
    read.ctx = ast.Load()  # type: ignore[attr-defined]
    return read


class _Writer:
    def __init__(self, text: str, positions: Positions, modules: set[str], captures: Sequence[str]) -> None:
        self.lines = text.splitlines()
        self.positions = positions
        self.modules = modules
        self.captures = captures
        self.steps: list[Step] = []
        self.places = 0  # temporary names given out
        self.watch = WATCH
        self.statement: ast.stmt | None = None
        self.level = 0

    # --------------------------------------------------------------------------------------------- statements

    def function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Its body under a watch; a nested function's watch begins with what that of the outer one has seen."""
        outer = self.watch
        a = node.args
        names = [p.arg for p in (*a.posonlyargs, *a.args, *filter(None, [a.vararg]), *a.kwonlyargs)]
        names += [a.kwarg.arg] if a.kwarg else []
        given: list[ast.expr] = [_texts(names), ast.Tuple([_load(n) for n in names], ast.Load())]
        opens: ast.expr = _load(outer)
        if outer != WATCH:
            opens = ast.Attribute(opens, "again", ast.Load())
        else:
            captured: list[ast.expr] = [_load(n) for n in self.captures]
            given += [_texts(self.captures), ast.Tuple(captured, ast.Load())]
        self.places += 1
        self.watch = f"<watch {self.places}>"
        start = 1 if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant) else 0
        body = self.block(node.body[start:])
        begin = ast.withitem(ast.Call(opens, given, []), ast.Name(self.watch, ast.Store()))
        inside = ast.With([begin], body)
        ast.copy_location(inside, node)
        node.body = [*node.body[:start], ast.fix_missing_locations(inside)]
        self.watch = outer
        return node

    def block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The statements, each with what watches it, all on its own line."""
        lines: list[ast.stmt] = []
        for statement in statements:
            for one in self.lines_of(statement):
                lines.append(ast.fix_missing_locations(ast.copy_location(one, statement)))
        return lines

    def lines_of(self, node: ast.stmt) -> list[ast.stmt]:
        """One statement as the statements that it becomes."""
        if isinstance(node, ast.FunctionDef):
            return [self.function(node)]
        if isinstance(node, ast.For | ast.While | ast.If):
            node.body, node.orelse = self.block(node.body), self.block(node.orelse)
            return [node]
        self.statement = node
        answered = self.positions.get(span(node))
        self.level = answered.level if answered is not None else self.level
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            return self._store(node, node.targets[0])
        if isinstance(node, ast.Assign):
            node.value = self.expression(node.value)
        elif isinstance(node, ast.AugAssign):
            return self._update(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return self._call(node, node.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            step = self._step(node.value, [], [])
            node.value = self._ask("result", ast.Constant(step), self.expression(node.value))
        return [node]

    def _store(self, node: ast.Assign, target: ast.Subscript) -> list[ast.stmt]:
        """`x[i] = v`: only the part that is written is looked at afterwards."""
        step = self._step(target, [ast.unparse(node.value)], [self._literal(node.value)])  # what was there is gone
        keep, value = self._kept_as(self.expression(node.value))
        node.value = value
        look = self._ask("wrote", ast.Constant(step), _read(target.value), _read(target), ast.Constant(None), value)
        return [keep, node, ast.Expr(look)]

    def _update(self, node: ast.AugAssign) -> list[ast.stmt]:
        target = node.target
        step = self._step(target, [ast.unparse(target), ast.unparse(node.value)], [False, self._literal(node.value)])
        before, old = self._kept_as(self._ask("before", _read(target)))
        keep, value = self._kept_as(self.expression(node.value))
        node.value = value
        root = _read(target.value) if isinstance(target, ast.Subscript) else _read(target)
        return [before, keep, node, ast.Expr(self._ask("wrote", ast.Constant(step), root, _read(target), old, value))]

    def _call(self, node: ast.Expr, call: ast.Call) -> list[ast.stmt]:
        """`np.add.at(x, i, v)`, `values.append(x)`: what writes into its first argument, or into its object."""
        if any(k.arg == "out" for k in call.keywords):
            node.value = self.expression(call)
            return [node]
        texts, literal, lines, kept = [], [], [], []
        method = isinstance(call.func, ast.Attribute) and not self._is_module(call.func.value)
        parts = [call.func.value, *call.args] if method else list(call.args)  # type: ignore[attr-defined]
        for part in parts:
            texts.append(ast.unparse(part))
            literal.append(self._literal(part))
            line, name = self._kept_as(self.expression(part))
            lines.append(line)
            kept.append(name)
        if not kept:
            return [node]
        step = self._step(call, texts, literal)
        before, old = self._kept_as(self._ask("before", kept[0]))
        if method:
            call.func.value, call.args = kept[0], kept[1:]  # type: ignore[attr-defined]
        else:
            call.args = kept
        look = self._ask("wrote", ast.Constant(step), kept[0], kept[0], old, *kept[1:])
        return [*lines, before, node, ast.Expr(look)]

    # -------------------------------------------------------------------------------------------- expressions

    def expression(self, node: ast.expr) -> ast.expr:
        """The expression with every operation in it watched. Conditions and indices are left as they are."""
        if isinstance(node, ast.Tuple | ast.List):
            node.elts = [self.expression(e) for e in node.elts]
        elif isinstance(node, ast.Dict):
            node.values = [self.expression(v) for v in node.values]
        elif isinstance(node, ast.Starred):
            node.value = self.expression(node.value)
        elif self._literal(node) or self._is_module(node):
            return node
        elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript | ast.Call):
            return self._operation(node)
        return node

    def _operation(self, node: ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript | ast.Call) -> ast.expr:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _UNWRITTEN:
            return node
        parts = _parts(node) if not isinstance(node, ast.Call) else self._arguments(node)
        texts = [ast.unparse(part) for _, _, part in parts]
        step = self._step(node, texts, [self._literal(part) for _, _, part in parts])
        overwrites = isinstance(node, ast.Call) and any(k.arg == "out" for k in node.keywords)
        seen: list[ast.expr] = []
        for owner, field, part in parts:
            new, read = self._seen(self.expression(part), overwrites)
            if isinstance(field, int):
                owner.args[field] = new  # type: ignore[attr-defined]
            else:
                setattr(owner, field, new)
            seen.append(read)
        return self._ask("", ast.Constant(step), node, *seen)

    def _seen(self, node: ast.expr, overwrites: bool) -> tuple[ast.expr, ast.expr]:
        """The operand, and an expression that reads it again, as it was if the operation may overwrite it."""
        if self._literal(node):
            return node, node
        if not overwrites and isinstance(node, ast.Name):
            return node, node
        if not isinstance(node, ast.Starred):
            self.places += 1
            name = f"<{self.places}>"
            if overwrites:
                kept = ast.NamedExpr(ast.Name(name, ast.Store()), self._ask("keep", node))
                return ast.Subscript(kept, ast.Constant(0), ast.Load()), ast.Subscript(
                    _load(name), ast.Constant(1), ast.Load()
                )
            return ast.NamedExpr(ast.Name(name, ast.Store()), node), _load(name)
        return node, ast.Constant(None)

    def _arguments(self, call: ast.Call) -> list[tuple[ast.AST, str | int, ast.expr]]:
        """What a call reads, where it stands; not what it only writes."""
        parts: list[tuple[ast.AST, str | int, ast.expr]] = []
        if isinstance(call.func, ast.Attribute) and not self._is_module(call.func):
            parts.append((call.func, "value", call.func.value))
        parts += [(call, place, part) for place, part in enumerate(call.args)]
        parts += [(k, "value", k.value) for k in call.keywords if k.arg not in ("out", "axis", "dtype", "keepdims")]
        return parts

    # ------------------------------------------------------------------------------------------------- helpers

    def _ask(self, method: str, *arguments: ast.expr) -> ast.Call:
        asked = ast.Attribute(_load(self.watch), method, ast.Load()) if method else _load(self.watch)
        return ast.Call(asked, list(arguments), [])

    def _kept_as(self, value: ast.expr) -> tuple[ast.stmt, ast.expr]:
        self.places += 1
        return ast.Assign([ast.Name(f"<{self.places}>", ast.Store())], value), _load(f"<{self.places}>")

    def _step(self, node: ast.expr, operands: Sequence[str], literal: Sequence[bool]) -> int:
        """The number of a new step, described before its tree is changed."""
        statement = self.statement
        assert statement is not None
        whole = self.positions.get(span(statement))
        equation = self.positions.get(span(node)) or whole
        writes = isinstance(getattr(node, "ctx", None), ast.Store)
        lines = self.lines[statement.lineno - 1 : statement.end_lineno]
        self.steps.append(
            Step(
                statement.lineno,
                " ".join(line.strip() for line in lines),
                ast.unparse(statement if writes else node),
                equation.origin if equation is not None else None,
                self._part(statement.lineno, equation.level if equation is not None else self.level),
                tuple(operands),
                tuple(literal),
                _is_elementwise(statement if writes else node),
            )
        )
        return len(self.steps) - 1

    def _part(self, line: int, level: int) -> str:
        """Which pass a line belongs to: above the program's own level, what the heading over it says."""
        headings = (text.strip() for text in reversed(self.lines[:line]))
        heading = next((text for text in headings if text in ("# forward", "# backward", "# tangents")), "")
        if level == 0:
            return "forward"
        return "tangent" if heading == "# tangents" else "backward"

    def _is_module(self, node: ast.expr) -> bool:
        """`np`, `np.linalg`, `np.inf`: a name in a module."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.modules

    def _literal(self, node: ast.expr) -> bool:
        """A number as text: 2.0, -np.inf, np.float32(1), complex(0, 1)."""
        if isinstance(node, ast.UnaryOp):
            return self._literal(node.operand)
        if isinstance(node, ast.Call):
            makes = isinstance(node.func, ast.Name) and node.func.id == "complex"
            made = getattr(np, node.func.attr, None) if isinstance(node.func, ast.Attribute) else None
            return (makes or isinstance(made, type)) and all(map(self._literal, node.args)) and not node.keywords
        return isinstance(node, ast.Constant) or (isinstance(node, ast.Attribute) and self._is_module(node))


def _parts(node: ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript) -> list[tuple[ast.AST, str | int, ast.expr]]:
    fields = ("left", "right") if isinstance(node, ast.BinOp) else ("operand",)
    fields = ("value",) if isinstance(node, ast.Attribute | ast.Subscript) else fields
    return [(node, field, getattr(node, field)) for field in fields]


def _is_elementwise(node: ast.AST) -> bool:
    """Whether element i of the result is made from the elements i of the operands alone."""
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return not isinstance(node.op, ast.MatMult)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        found = getattr(np, node.func.attr, None)
        is_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
        return is_numpy and (found is np.where or (isinstance(found, np.ufunc) and found.signature is None))
    return isinstance(node, ast.UnaryOp)
