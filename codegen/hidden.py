"""Parameters that bear the name of something that the text calls: `np`, `range`, or one of our functions.

Nobody but the caller may call them so: the function passes them on to another one, where they are called otherwise.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Mapping, Sequence

_ALWAYS = {"np", "scipy", "GuardMiss"}
_BUILTINS = frozenset(dir(builtins))


def parameter_names(parameters: str) -> list[str]:
    """The names in the text between the parentheses of a function."""
    if not parameters:
        return []
    parts = [p.split("=")[0].strip() for p in parameters.split(",")]
    return [p.lstrip("*") for p in parts if p.lstrip("*").isidentifier()]


def hides_a_name(parameters: Sequence[str], helpers: Collection[str], text: str) -> bool:
    """Whether a parameter hides something that the text calls."""
    doubtful = {p for p in parameters if p in _ALWAYS or p in _BUILTINS or p in helpers}
    if not doubtful:
        return False
    called = {n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return any(p in _ALWAYS or p in called for p in doubtful)


def other_names(parameters: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """The names behind the first function: those that hide nothing stay."""
    found = {}
    for name in parameters:
        other = name
        if name in _ALWAYS or name in _BUILTINS or name in taken:
            other += "_"
            while other in taken or other in parameters:
                other += "_"
        found[name] = other
    return found


def under(path: str, names: Mapping[str, str]) -> str:
    """A path such as `params['w']` that begins with the other name of its parameter."""
    for name, other in names.items():
        if other != name and re.match(rf"{re.escape(name)}(?!\w)", path):
            return other + path[len(name) :]
    return path
