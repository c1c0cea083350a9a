"""Loops over blocks of rows, as a `for` over slices."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir.describe import describe
from ..ir.program import Atom, Equation, Program, Var
from ..ir.trees import nodes
from ..ir.types import ArrayType
from . import plan
from .names import legal
from .source import Comment, Function, Item
from .templates import expression

if TYPE_CHECKING:
    from .lower import Lowering

SHORT = 8  # times smaller than a large array are those of a block that are not worth a line for each operation
_FUNCTIONS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}


def lower_blocks(outer: Lowering, number: int, equation: Equation, home: str) -> list[Item]:
    """What is to be filled, then `for start in range(0, n, step):` and the body for one block of each array."""
    from .loops import nested_lines

    params = equation.params
    body, whole, rows, step = params["body"], params["whole"], params["rows"], params["step"]
    before: list[Item] = []
    operands: list[str] = []
    added = params["added"]
    tables = equation.outs[len(equation.outs) - added :]
    for place, (operand, var) in enumerate(zip(equation.operands, body.inputs, strict=True)):
        value = outer.expression(operand)
        if place < added:
            operands.append(_added_to(outer, number, operand, tables[place], value, before))
            continue
        if isinstance(value, ast.Name):
            operands.append(value.id)
            continue
        wish = var.name.removesuffix("_block") or outer.wish(outer.made(operand))
        operands.append(outer.allocator.take(wish, number - 1, number))
        before.append(ast.Assign([ast.Name(operands[-1], ast.Store())], value))
    results: list[str] = []
    filled = outer.plan.filled.get(number, {})
    for place, (out, output) in enumerate(zip(equation.outs[: len(equation.outs) - added], body.outputs, strict=False)):
        until = max(outer.plan.last_use.get(out, number), number)
        if place in filled:
            results.append(operands[filled[place]])
            outer.allocator.extend(results[-1], until)
        else:
            wish = out.name or output.name.removesuffix("_block") or ("total" if place >= rows else _kept(body, output))
            results.append(outer.allocator.take(wish, number - 1, until))
            before.append(_text(f"{results[-1]} = {_empty(out.type) if place < rows else _zero(out.type)}"))
        outer.names[out] = results[-1]
    start, index = (outer.allocator.take(wish, number - 1, number) for wish in ("start", "rows"))
    given = dict(zip(body.inputs[:whole], operands, strict=False))
    taken = {start, index, *operands, *outer.names.values(), *outer.reserved}
    blocks: dict[str, str] = {}
    for var, array in zip(body.inputs[whole:], operands[whole:], strict=True):
        name = legal(var.name or f"{array}_block")
        while name in taken:
            name += "_"
        taken.add(name)
        given[var] = name
        blocks[name] = f"{array}[{index}]"
    within = taken - set(given.values())
    tables_of_body = body.inputs[:added]
    parts = {}
    for place, (output, name) in enumerate(zip(body.outputs[:rows], results, strict=False)):
        parts[output] = f"{name}[{index}]", body.inputs[filled[place]] if place in filled else None
    inner, lines = nested_lines(outer, body, given, body.inputs, home, within, tables_of_body,
                                block=_large(body), parts=parts)  # fmt: skip
    values = [inner.expression(output) for output in body.outputs]
    for place, (name, value) in enumerate(zip(results, values, strict=False)):
        later = values[place + 1 :]
        if body.outputs[place] in inner.plan.placed:
            continue
        if place < rows:
            overwritten = given[body.inputs[filled[place]]] if place in filled else None
            line = _where(value, lines, later, overwritten)
            _put(lines, line, _written(value if line is None else _right(lines[line]), f"{name}[{index}]"))
        else:
            line = _where(value, lines, later)
            block = value if line is None else _right(lines[line])
            _put(lines, line, ast.AugAssign(ast.Name(name, ast.Store()), ast.Add(), block))
    unit = "rows" if max(v.type.ndim for v in body.inputs[whole:]) > 1 else "elements"
    size = f"in blocks of {step} {unit}, which stay" if step > 1 else f"one {unit[:-1]} at a time, which stays"
    why = Comment(f"{size} in the cache")
    header = f"for {start} in range({params['length']}):"
    if step > 1:
        header = f"for {start} in range(0, {params['length']}, {step}):"
    first = _text(f"{index} = slice({start}, {start} + {step})")
    return [*before, why, Function(header, [first, *_read(lines, blocks)])]


def _added_to(outer: Lowering, number: int, operand: Atom, out: Var, value: ast.expr, before: list[Item]) -> str:
    """The name of a table that the blocks add to: a copy, where the table itself is still read."""
    until = max(outer.plan.last_use.get(out, number), number)
    if isinstance(operand, Var) and number in outer.plan.consumed.get(operand, ()):
        name = outer.names[operand]
        outer.allocator.extend(name, until)
    else:
        name = outer.allocator.take(out.name or "summed", number - 1, until)
        before.append(ast.Assign([ast.Name(name, ast.Store())], expression("{0}.copy()", [value])))
    outer.names[out] = name
    return name


def _kept(body: Program, output: Atom) -> str:
    """The name of an array that nobody named: it keeps what the blocks compute for later."""
    made = next(equation for equation in body.equations if output in equation.outs)
    return f"kept_{describe(made, {}, lambda var: None)}"


def _text(line: str) -> ast.stmt:
    return ast.parse(line).body[0]


def _empty(type_: ArrayType) -> str:
    dtype = "" if type_.dtype.name == "float64" else f", dtype=np.{type_.dtype.name}"
    return f"np.empty({type_.shape[0] if type_.ndim == 1 else type_.shape}{dtype})"


def _zero(type_: ArrayType) -> str:
    if not type_.shape:
        return "0.0"  # a Python number, which takes the dtype of what is added to it
    return _empty(type_).replace("np.empty", "np.zeros")


def _written(value: ast.expr, part: str) -> ast.stmt:
    """`np.add(a, b, out=dx[rows])` where NumPy's function can write it there, else `dx[rows] = ...`."""
    if isinstance(value, ast.BinOp) and type(value.op) in _FUNCTIONS:
        call = expression(f"np.{_FUNCTIONS[type(value.op)]}({{0}}, {{1}}, out={part})", [value.left, value.right])
        return ast.copy_location(ast.Expr(call), value)
    if isinstance(value, ast.Call) and not value.keywords and isinstance(value.func, ast.Attribute):
        if isinstance(getattr(np, value.func.attr, None), np.ufunc):
            places = ", ".join(f"{{{i}}}" for i in range(len(value.args)))
            return ast.Expr(expression(f"{ast.unparse(value.func)}({places}, out={part})", value.args))
    target = ast.parse(f"{part} = 0").body[0]
    assert isinstance(target, ast.Assign)
    return ast.Assign(target.targets, value)


def _right(line: Item) -> ast.expr:
    assert isinstance(line, ast.Assign)
    return line.value


def _large(body: Program) -> int:
    """Bytes from which an array of a block is worth being written over: half of those of the largest, if it is long."""
    made = [out.type for e in body.equations if e.op.elementwise for out in e.outs]
    largest = max((t.size * t.dtype.itemsize for t in made), default=0)
    return max(largest // 2, plan.LARGE // SHORT, 1)


def _where(
    value: ast.expr, lines: Sequence[Item], later: Sequence[ast.expr], overwritten: str | None = None
) -> int | None:
    """The line that computes a result which nothing else reads: it may as well deliver it.

    `overwritten` is what must not be read after that line.
    """
    if not isinstance(value, ast.Name) or _names(later)[value.id]:
        return None
    place = max((place for place, line in enumerate(lines) if _names([line])[value.id]), default=-1)
    line = lines[place] if place >= 0 else None
    target = line.targets[0] if isinstance(line, ast.Assign) else None
    if not isinstance(target, ast.Name) or target.id != value.id:
        return None
    return None if overwritten and _names([*lines[place + 1 :], *later])[overwritten] else place


def _put(lines: list[Item], place: int | None, statement: ast.stmt) -> None:
    if place is None:
        lines.append(statement)
    else:
        lines[place] = statement


def _names(trees: Sequence[Item | ast.expr]) -> Counter[str]:
    """How often each name stands in the trees, to be read or assigned."""
    found = [n.id for tree in trees if isinstance(tree, ast.AST) for n in nodes(tree) if isinstance(n, ast.Name)]
    return Counter(found)


class _Parts(ast.NodeTransformer):
    def __init__(self, parts: Mapping[str, str]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.parts:
            return node
        return ast.parse(self.parts[node.id], mode="eval").body


def _read(lines: Sequence[Item], blocks: Mapping[str, str]) -> list[Item]:
    """The lines with the blocks of the operands: those that are read once are written where they are read."""
    uses = _names(lines)
    parts = _Parts({name: text for name, text in blocks.items() if uses[name] == 1})
    first = [_text(f"{name} = {text}") for name, text in blocks.items() if uses[name] > 1]
    return [*first, *(parts.visit(line) if isinstance(line, ast.AST) else line for line in lines)]
