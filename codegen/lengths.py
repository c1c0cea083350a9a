"""Lengths in symbols in the text: `n, d = x.shape`, and what the text assumes of them."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence

from ..ir.assumptions import Assumption
from ..ir.dims import names_in
from ..ir.program import Var
from .calls import words
from .door import Leaf, length_lines
from .source import Item, Verbatim


def symbols_within(inputs: Sequence[Var]) -> set[str]:
    """The names of the lengths in the shapes of the inputs."""
    return {name for var in inputs for n in var.type.shape if type(n) is not int for name in names_in(n)}


def opening(leaves: Sequence[Leaf], body: Sequence[Item], assumptions: Sequence[Assumption]) -> list[Item]:
    """The lengths that the body reads, and a test of each assumption."""
    tests = [_test(assumption) for assumption in assumptions]
    lines = length_lines(leaves, words([*body, *tests]))
    return [*([Verbatim("\n".join(lines))] if lines else []), *tests]


def _test(assumption: Assumption) -> ast.stmt:
    message = f"this text is for {described(assumption)}"
    return ast.parse(f"if not {assumption.text}: raise ValueError({message!r})").body[0]


def described(assumption: Assumption) -> str:
    """`n > 50 (model.py:12)`."""
    place = f" ({os.path.basename(assumption.file)}:{assumption.line})" if assumption.file else ""
    return f"{assumption.text}{place}"
