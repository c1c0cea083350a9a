"""`sin, cos = np.sin, np.cos` above a long program of single numbers: each call saves a fifth of its time."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from ..ir.trees import nodes
from .names import legal
from .source import Function, Item
from .templates import statement

MANY = 50  # calls of a function with single numbers, each on a line of its own


def short_names(items: Sequence[Item], taken: Collection[str]) -> list[Item]:
    """The line that gives NumPy's functions short names, if any of them is called for many single numbers; these calls
    are changed in place. `taken` are names that mean something else, besides those that stand in the items."""
    calls: dict[str, list[ast.Call]] = {}
    counts: Counter[str] = Counter()
    used: set[str] = set(taken)
    for node, rounds in _nodes(items):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif _on_a_number(node):
            called = node.args[0].func.attr  # type: ignore[attr-defined]
            calls.setdefault(called, []).append(node.args[0])  # type: ignore[attr-defined]
            counts[called] += rounds
    names = [name for name in calls if counts[name] >= MANY and name not in used and legal(name) == name]
    if not names:
        return []
    for name in names:
        for call in calls[name]:
            call.func = ast.Name(name, ast.Load())
    return [statement(f"{', '.join(names)} = {', '.join(f'np.{name}' for name in names)}", [])]


def _on_a_number(node: ast.AST) -> bool:
    """Whether it is `float(np.f(x))`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "float":
        return False
    called = node.args[0].func if node.args and isinstance(node.args[0], ast.Call) else None
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name) or called.value.id != "np":
        return False
    return isinstance(getattr(np, called.attr, None), np.ufunc)


def _nodes(items: Sequence[Item], rounds: int = 1) -> Iterator[tuple[ast.AST, int]]:
    """All nodes, with how often their lines are run at least, as far as headers say it."""
    for item in items:
        if isinstance(item, Function):
            if not item.header.startswith("else"):
                yield from ((node, rounds) for node in nodes(ast.parse(f"{item.header}\n    pass")))
            times = re.search(r"\brange\((\d+)\)", item.header) if item.header.startswith("for ") else None
            yield from _nodes(item.body, rounds * int(times[1]) if times else rounds)
        elif isinstance(item, ast.AST):
            yield from ((node, rounds) for node in nodes(item))
