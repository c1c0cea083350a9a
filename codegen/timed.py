"""The generated text once more, with a clock around every statement."""

from __future__ import annotations

import ast
from collections.abc import Sequence

STARTED, ENDED = "_tapeless_started", "_tapeless_ended"  # functions: the first gives what the second is told
_HELD = "_tapeless_held"


def timed(text: str) -> ast.Module:
    """The tree of the text in which each statement that is run stands between `started` and `ended` of its line.

    A loop or branch is seen through its statements, a test that only raises as one. What is returned is computed first.
    """
    tree = ast.parse(text)
    tree.body = [_function(node) if isinstance(node, ast.FunctionDef) else node for node in tree.body]
    return ast.fix_missing_locations(tree)


def _function(node: ast.FunctionDef) -> ast.FunctionDef:
    node.body = _block(node.body)
    return node


def _block(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for statement in statements:
        found += _statement(statement)
    return found


def _statement(node: ast.stmt) -> list[ast.stmt]:
    if isinstance(node, ast.FunctionDef):
        return [_function(node)]
    if isinstance(node, ast.For | ast.While) or (isinstance(node, ast.If) and not _only_raises(node)):
        node.body, node.orelse = _block(node.body), _block(node.orelse)
        return [node]
    if isinstance(node, ast.Return) and node.value is not None:
        held = ast.Assign([ast.Name(_HELD, ast.Store())], node.value)
        return [*_between(held, node.lineno), ast.Return(ast.Name(_HELD, ast.Load()))]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return [node]  # the docstring
    if isinstance(node, ast.Break | ast.Continue | ast.Pass):
        return [node]
    return _between(node, node.lineno)


def _only_raises(node: ast.If) -> bool:
    return not node.orelse and all(isinstance(inner, ast.Raise) for inner in node.body)


def _between(node: ast.stmt, line: int) -> list[ast.stmt]:
    before = ast.parse(f"{STARTED}_at = {STARTED}()").body
    after = ast.parse(f"{ENDED}({line}, {STARTED}_at)").body
    return [*before, node, *after]
