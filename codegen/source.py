"""Syntax trees as text. The only importer of astor; prints by statements, so that comments can stand between."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from .plain import plain_text

WIDTH = 110
_WHOLE_IMAGINARY = re.compile(r"\b(\d+)\.0j\b")  # astor prints 1j as 1.0j


class Comment(NamedTuple):
    """A line of its own; an empty one is a blank line."""

    text: str


class Function(NamedTuple):
    """A nested function with comments in its body."""

    header: str
    body: Sequence[Item] = ()


class Verbatim(NamedTuple):
    """Lines printed as they stand: a docstring."""

    text: str


Item = ast.stmt | Comment | Function | Verbatim


def print_items(items: Sequence[Item], indent: int = 0) -> str:
    """The statements and comments as lines, each line ended."""
    margin = "    " * indent
    lines: list[str] = []
    for item in items:
        if isinstance(item, Comment):
            lines.append(f"{margin}# {item.text}" if item.text else "")
        elif isinstance(item, Verbatim):
            lines += [f"{margin}{line}" if line else "" for line in item.text.splitlines()]
        elif isinstance(item, Function):
            lines.append(f"{margin}{item.header}")
            lines.append(print_items(item.body, indent + 1).rstrip("\n"))
        else:
            lines.append(textwrap.indent(print_statement(item), margin))
    return "\n".join(lines) + "\n"


def print_statement(statement: ast.stmt) -> str:
    """One statement without its line end; the text parses back to the same tree."""
    text = plain_text(statement)
    if text is not None and len(text) <= WIDTH:
        return text
    text = None if _single(statement) else _astor(statement)
    if text is None or not _same(text, statement) or max(map(len, text.splitlines()), default=0) > WIDTH:
        plain = ast.unparse(ast.fix_missing_locations(statement))
        text = _wrapped(plain)
        text = text if _same(text, statement) else plain
    return text


def _single(statement: ast.stmt) -> bool:
    """A returned tuple of one, which astor prints without parentheses: the comma is easily missed."""
    return (
        isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple) and len(statement.value.elts) == 1
    )


def _astor(statement: ast.stmt) -> str | None:
    """astor breaks on some of the newest Pythons; ast.unparse takes over there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # astor names node classes that 3.12 deprecates
        import astor  # here, since a first gradient may well need none of it

        try:
            printed: str = astor.to_source(statement, pretty_source="".join)
        except Exception:  # whatever an old printer meets in a new tree
            return None
    return _WHOLE_IMAGINARY.sub(r"\1j", printed.rstrip("\n"))


def _same(text: str, statement: ast.stmt) -> bool:
    try:
        parsed = ast.parse(text).body
    except SyntaxError:
        return False
    return len(parsed) == 1 and ast.dump(parsed[0]) == ast.dump(statement)


def _wrapped(text: str) -> str:
    """A long line that ends with a bracket, broken after the commas in it; no other line is broken."""
    if len(text) <= WIDTH or "\n" in text:
        return text
    start = tail = 0
    while True:
        opening = next((i for i in range(start, len(text)) if text[i] in "([{"), None)
        if opening is None or text[-1 - tail] not in ")]}":
            return text
        parts = _split(text[opening + 1 : len(text) - 1 - tail])
        if parts is None:
            return text
        if len(parts) > 1:
            break
        start, tail = opening + 1, tail + 1
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) + 5 > WIDTH:
            lines.append(line)
            line = part
        else:
            line = f"{line} {part}".strip()
    lines.append(line)
    body = "\n".join(f"    {one}" for one in lines)
    return f"{text[: opening + 1]}\n{body}\n{text[-1 - tail :]}"


def _split(text: str) -> list[str] | None:
    """The text in pieces that end with its outermost commas; None if it closes a bracket that it did not open."""
    parts, depth, start, quote = [], 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth < 0:
                return None
        elif c == "," and depth == 0:
            parts.append(text[start : i + 1].strip())
            start = i + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts
