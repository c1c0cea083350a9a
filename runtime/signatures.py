"""What the command line is told: which function, with arguments of which types, with respect to which of them."""

from __future__ import annotations

import ast
import re
from typing import Any

from ..ir.types import parse_type
from ..tracer.errors import TapelessError
from ..tracer.function import AbstractLeaf

Argnums = int | str | tuple[int | str, ...]
_SYMBOL = re.compile(r"[A-Za-z_]\w*")


class CommandError(TapelessError):
    """What was asked for on the command line cannot be done; the message is one sentence that says what to do."""


def parse_arguments(text: str) -> tuple[tuple[Any, ...], dict[str, Any], str]:
    """`f64[32, 10], n=3` as (arguments, keyword arguments, the text in one spelling).

    An array or a number of which only the type is given is an AbstractLeaf. CommandError says what is wrong.
    """
    try:
        call = ast.parse(f"_({' '.join(text.split())})", mode="eval").body
    except (SyntaxError, ValueError):
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "_":
        raise CommandError(
            f"--args {text!r} cannot be read; write types separated by commas, as in 'f64[32, 10], f64[10]'"
        )
    args = tuple(_argument(node) for node in call.args)
    kwargs: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise CommandError("--args cannot hold **; write each keyword argument as name=type")
        if keyword.arg in kwargs:
            raise CommandError(f"--args names {keyword.arg} twice; remove one of them")
        kwargs[keyword.arg] = _argument(keyword.value)
    return args, kwargs, ast.unparse(call)[2:-1]


def _argument(node: ast.expr) -> Any:
    if isinstance(node, ast.Name | ast.Subscript):
        return AbstractLeaf(_type(node))
    if isinstance(node, ast.Tuple):
        return tuple(map(_argument, node.elts))
    if isinstance(node, ast.List):
        return list(map(_argument, node.elts))
    if isinstance(node, ast.Dict):
        if any(not isinstance(key, ast.Constant) for key in node.keys):
            raise CommandError(
                f"the keys of {ast.unparse(node)} in --args must be written out, as in {{'w': f64[3, 2]}}"
            )
        return {key.value: _argument(value) for key, value in zip(node.keys, node.values)}  # type: ignore[union-attr]
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise CommandError(
            f"{ast.unparse(node)} in --args is neither a type such as f64[32, 10] "
            "nor a plain Python value such as 3 or 'relu'"
        ) from None


def _type(node: ast.expr) -> Any:
    text = ast.unparse(node)
    if isinstance(node, ast.Subscript):
        dims = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        text = f"{ast.unparse(node.value)}[{', '.join(map(ast.unparse, dims))}]"
        symbol = next((d.id for d in dims if isinstance(d, ast.Name) and _SYMBOL.fullmatch(d.id)), None)
        wrong = next((d for d in dims if isinstance(d, ast.UnaryOp)), None)
        if wrong is not None:
            raise CommandError(f"{text}: the dimension {ast.unparse(wrong)} is not a length; write 0 or more")
        if symbol is not None:
            raise CommandError(
                f"{text}: dimensions with a name, such as {symbol}, are not supported yet; write its length instead"
            )
    try:
        return parse_type(text)
    except ValueError as error:
        raise CommandError(f"--args: {error}") from None


def parse_argnums(text: str) -> Argnums:
    """`0`, `w`, `0,2` or `w,b`: a number or name, or several in a tuple (`0,` is a tuple of one)."""
    parts = [part.strip() for part in text.split(",")]
    several = len(parts) > 1
    if several and not parts[-1]:
        parts.pop()
    found: list[int | str] = []
    for part in parts:
        if re.fullmatch(r"-?\d+", part):
            found.append(int(part))
        elif part.isidentifier():
            found.append(part)
        else:
            raise CommandError(f"--argnums {text!r} cannot be read; write numbers or names, as in 0,1 or w,b")
    return tuple(found) if several else found[0]


def argnums_text(argnums: Argnums) -> str:
    """The spelling that parse_argnums reads back."""
    if not isinstance(argnums, tuple):
        return str(argnums)
    return ",".join(map(str, argnums)) + ("," if len(argnums) == 1 else "")
