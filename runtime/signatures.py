"""What the command line is told: which function, with arguments of which types, with respect to which of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from dataclasses import fields as fields_of
from typing import Any

from ..ir.symbols import Symbols
from ..ir.types import parse_type
from ..tracer.errors import TapelessError
from ..tracer.function import AbstractLeaf

Argnums = int | str | tuple[int | str, ...]


class CommandError(TapelessError):
    """What was asked for on the command line cannot be done; the message is one sentence that says what to do."""


def parse_arguments(text: str, around: Mapping[str, Any] | None = None) -> tuple[tuple[Any, ...], dict[str, Any], str]:
    """`f64[32, 10], n=3` as (arguments, keyword arguments, the text in one spelling).

    An array or a number of which only the type is given is an AbstractLeaf. The names of dataclasses and named tuples
    are looked up in `around`. CommandError says what is wrong.
    """
    try:
        call = ast.parse(f"_({' '.join(text.split())})", mode="eval").body
    except (SyntaxError, ValueError):
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "_":
        raise CommandError(
            f"--args {text!r} cannot be read; write types separated by commas, as in 'f64[32, 10], f64[10]'"
        )
    symbols = Symbols()
    known = around or {}
    args = tuple(_argument(node, symbols, known) for node in call.args)
    kwargs: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise CommandError("--args cannot hold **; write each keyword argument as name=type")
        if keyword.arg in kwargs:
            raise CommandError(f"--args names {keyword.arg} twice; remove one of them")
        kwargs[keyword.arg] = _argument(keyword.value, symbols, known)
    return args, kwargs, ast.unparse(call)[2:-1]


def _argument(node: ast.expr, symbols: Symbols, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name | ast.Subscript):
        return AbstractLeaf(_type(node, symbols))
    if isinstance(node, ast.Tuple):
        return tuple(_argument(element, symbols, known) for element in node.elts)
    if isinstance(node, ast.List):
        return [_argument(element, symbols, known) for element in node.elts]
    if isinstance(node, ast.Dict):
        if any(not isinstance(key, ast.Constant) for key in node.keys):
            raise CommandError(
                f"the keys of {ast.unparse(node)} in --args must be written out, as in {{'w': f64[3, 2]}}"
            )
        pairs = zip(node.keys, node.values)
        return {key.value: _argument(value, symbols, known) for key, value in pairs}  # type: ignore[union-attr]
    if isinstance(node, ast.Call):
        return _instance(node, symbols, known)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise CommandError(
            f"{ast.unparse(node)} in --args is neither a type such as f64[32, 10] "
            "nor a plain Python value such as 3 or 'relu'"
        ) from None


def _instance(node: ast.Call, symbols: Symbols, known: Mapping[str, Any]) -> Any:
    """`Params(w=f64[10], b=float)`: a dataclass or a named tuple of the user's, made without its __init__."""
    name = ast.unparse(node.func)
    first, *rest = name.split(".")
    found: Any = known.get(first)
    for part in rest:
        found = getattr(found, part, None)
    fields = _fields(found)
    if fields is None:
        raise CommandError(
            f"{ast.unparse(node)} in --args is neither a type such as f64[32, 10] nor a plain Python value such as 3 "
            f"or 'relu', and {name} is no dataclass or named tuple in the module of the function"
        )
    given: dict[str, Any] = dict(zip(fields, (_argument(value, symbols, known) for value in node.args)))
    for keyword in node.keywords:
        if keyword.arg not in fields or keyword.arg in given:
            raise CommandError(f"{ast.unparse(node)} in --args: {name} has the fields {', '.join(fields)}, each once")
        given[keyword.arg] = _argument(keyword.value, symbols, known)
    missing = [field for field in fields if field not in given and fields[field] is MISSING]
    if missing or len(node.args) > len(fields):
        raise CommandError(f"{ast.unparse(node)} in --args: {name} needs {', '.join(missing) or 'fewer fields'}")
    values = {field: given.get(field, default) for field, default in fields.items()}
    if issubclass(found, tuple):
        return found(**values)
    made = object.__new__(found)
    for field, value in values.items():
        object.__setattr__(made, field, value)
    return made


def _fields(kind: Any) -> dict[str, Any] | None:
    """The fields of a class with their defaults, or MISSING; None for what is neither a dataclass nor a named tuple."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        named: Any = kind
        return {field: named._field_defaults.get(field, MISSING) for field in named._fields}
    if not is_dataclass(kind):
        return None
    made = {f.name: f.default_factory() for f in fields_of(kind) if f.default_factory is not MISSING}
    return {f.name: made.get(f.name, f.default) for f in fields_of(kind)}


def _type(node: ast.expr, symbols: Symbols) -> Any:
    text = ast.unparse(node)
    if isinstance(node, ast.Subscript):
        dims = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        text = f"{ast.unparse(node.value)}[{', '.join(map(ast.unparse, dims))}]"
        wrong = next((d for d in dims if isinstance(d, ast.UnaryOp)), None)
        if wrong is not None:
            raise CommandError(f"{text}: the dimension {ast.unparse(wrong)} is not a length; write 0 or more")
    try:
        return parse_type(text, symbols=symbols)
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
