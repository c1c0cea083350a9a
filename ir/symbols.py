"""Names for lengths, and the ordinary lengths that stand for them while a text is written."""

from __future__ import annotations

import ast
import builtins
import keyword
import operator
from collections.abc import Callable
from typing import Any

from . import expressions as poly
from .dims import Dim

WITNESSES = (
    # Ordinary lengths. Descending, since the first axis is the long one as a rule; then ascending, so that a decision
    # which of two lengths is longer is found out. No two have the same remainder by a small number.
    ((137, 131, 127, 113, 109, 107, 103, 101), (76, 88, 104, 136, 146, 148, 164, 172)),
    ((137, 131, 127, 113, 109, 107, 103, 101), (226, 214, 206, 202, 188, 178, 176, 172)),
    # Lengths that small numbers divide, where the function asks for it: reshape(-1, 2), n % 2 == 0.
    ((264, 228, 204, 156, 132, 84, 60, 36), (60, 84, 132, 156, 204, 228, 264, 276)),
    ((264, 228, 204, 156, 132, 84, 60, 36), (276, 264, 228, 204, 156, 132, 84, 60)),
)
_TAKEN = {*keyword.kwlist, *dir(builtins), "np", "scipy"}


class Symbols:
    """The names of lengths in the order of their first appearance, each with a witness."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def length(self, text: str, where: str) -> int:
        """`2 * n + 1` as a length; ValueError for what is none, and for more names than there are witnesses."""
        try:
            tree: Any = ast.parse(text, mode="eval").body
        except SyntaxError:
            tree = None
        found = self._value(tree)
        if found is None:
            raise ValueError(
                f"{where!r}: the dimension {text!r} is not a number, a name or a whole expression such as 2 * n"
            )
        return found

    def _value(self, node: ast.expr | None) -> Any:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name):
            return self._named(node.id)
        operators: dict[type, Callable[[Any, Any], Any]] = {
            ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
            ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
        }  # fmt: skip
        if isinstance(node, ast.BinOp) and type(node.op) in operators:
            a, b = self._value(node.left), self._value(node.right)
            if a is None or b is None or (type(node.op) in (ast.FloorDiv, ast.Mod) and b == 0):
                return None
            return operators[type(node.op)](a, b)
        return None

    def _named(self, name: str) -> Dim:
        if name in _TAKEN:
            raise ValueError(f"a dimension cannot be called {name}: choose another name")
        if name not in self.names:
            self.names.append(name)
        number = self.names.index(name)
        if number >= len(WITNESSES[0][0]):
            raise ValueError(f"more than {len(WITNESSES[0][0])} names of dimensions: write numbers for some of them")
        return Dim(WITNESSES[0][0][number], poly.symbol(name, number))
