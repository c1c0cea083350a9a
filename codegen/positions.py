"""Which equation each generated line, and each expression in it, was written for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from ..ir.program import Equation
from .source import Comment, Function, Item, Verbatim

Span = tuple[int, int, int, int]  # first line and column, last line and column, as ast counts them
Positions = Mapping[Span, Equation]
_Marked = TypeVar("_Marked", bound=Item)


def mark(item: _Marked, equation: Equation) -> _Marked:
    """The same item, remembered as the equation's; what is marked already keeps its equation."""
    if isinstance(item, Function):
        for inner in item.body:
            mark(inner, equation)
    elif isinstance(item, ast.AST):
        mark_node(item, equation)
        if isinstance(item, ast.Assign):
            mark_node(item.value, equation)
    return item


def mark_node(node: ast.AST, equation: Equation) -> None:
    """Remember a tree as the equation's, unless it is known as another one's."""
    if not hasattr(node, "equation"):
        node.equation = equation  # type: ignore[attr-defined]


def positions(items: Sequence[Item], text: str) -> Positions:
    """Where the marked trees stand in the text that was printed from the items."""
    found: dict[Span, Equation] = {}
    for item, printed in zip(_statements(items), _statements(ast.parse(text).body), strict=True):
        if not isinstance(item, ast.stmt) or not isinstance(printed, ast.stmt):
            continue
        if ast.dump(item) == ast.dump(printed):
            pairs = zip(ast.walk(item), ast.walk(printed), strict=True)
        else:
            pairs = zip([item], [printed], strict=True)
        for node, place in pairs:
            equation = getattr(node, "equation", None)
            if equation is not None:
                found[span(place)] = equation
    return found


def span(node: ast.AST) -> Span:
    """Where a parsed statement or expression stands."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _statements(items: Sequence[Item]) -> Iterator[Item]:
    """The simple statements in the order of their lines, whether a block is printed or parsed."""
    for item in items:
        if isinstance(item, Comment):
            continue
        if isinstance(item, Verbatim) or not hasattr(item, "body"):
            yield item
            continue
        yield from _statements(item.body)
        yield from _statements(getattr(item, "orelse", ()))
