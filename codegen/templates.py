"""Expression templates of operations ("{0} + {1}") as syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import lru_cache

_PLACE = re.compile(r"\{(\d+)\}")
_PREFIX = "__operand_"


@lru_cache(maxsize=8192)
def parse_expression(text: str) -> ast.expr:
    """The tree of an expression in which {0}, {1} ... stand for operands."""
    return ast.parse(_PLACE.sub(rf"{_PREFIX}\1", text), mode="eval").body


@lru_cache(maxsize=8192)
def parse_statement(text: str) -> ast.stmt:
    """The tree of a statement with operands."""
    return ast.parse(_PLACE.sub(rf"{_PREFIX}\1", text)).body[0]


def fill(node: ast.AST, operands: Sequence[ast.expr]) -> ast.AST:
    """A copy of the tree with the operands in their places."""
    if isinstance(node, ast.Name):
        if not node.id.startswith(_PREFIX):
            return ast.Name(node.id, node.ctx)
        operand = operands[int(node.id[len(_PREFIX) :])]
        if isinstance(node.ctx, ast.Store):
            return ast.Name(operand.id, ast.Store()) if isinstance(operand, ast.Name) else operand
        return operand
    if not node._fields:
        return node  # an operator or a context, of which there is one
    fields: list[object] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            fields.append(fill(value, operands))
        elif isinstance(value, list):
            fields.append([fill(v, operands) if isinstance(v, ast.AST) else v for v in value])
        else:
            fields.append(value)
    return type(node)(*fields)


def expression(template: str, operands: Sequence[ast.expr]) -> ast.expr:
    """The template with operands; of two spellings `method || function` the method is for operands that are names."""
    method, _, function = template.partition(" || ")
    text = method if not function or isinstance(operands[0], ast.Name | ast.Attribute) else function
    result = fill(parse_expression(text), operands)
    assert isinstance(result, ast.expr)
    return result


def statement(template: str, operands: Sequence[ast.expr]) -> ast.stmt:
    """A statement template with operands; {0} may be the target."""
    result = fill(parse_statement(template), operands)
    assert isinstance(result, ast.stmt)
    return result
