"""The types in a module's text, for whoever calls it: `w: NDArray[np.float64]`, `-> tuple[np.float64, ...]`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ..ir.types import PYTHON_TYPE, ArrayType
from .source import WIDTH


def leaf_annotation(type_: ArrayType, is_array: bool = False) -> str:
    """The annotation of an array or a number; a 0-d result may be an array."""
    if type_.weak:
        return PYTHON_TYPE[type_.dtype.kind].__name__
    scalar = f"np.{'bool_' if type_.dtype.kind == 'b' else type_.dtype.name}"
    return f"NDArray[{scalar}]" if type_.shape or is_array else scalar


def container_annotation(kind: str, keys: Sequence[object], parts: Sequence[str | None]) -> str | None:
    """The annotation of a container of annotated parts: as much as can be said without a name of the user's."""
    if kind == "tuple":
        return "tuple" if None in parts else f"tuple[{', '.join(p for p in parts if p) or '()'}]"
    if kind not in ("dict", "list"):
        return None
    same = parts[0] if len(set(parts)) == 1 else None
    if kind == "list" or same is None:
        return kind if same is None else f"list[{same}]"
    named = {type(key).__name__ for key in keys}
    return f"dict[{named.pop()}, {same}]" if len(named) == 1 else "dict"


def result_annotation(result: ast.expr, leaves: Mapping[str, str]) -> str | None:
    """The annotation of a returned expression over names of leaves; None where it makes one of the user's types."""
    if isinstance(result, ast.Name):
        return leaves[result.id]
    if isinstance(result, ast.Constant):
        return "None" if result.value is None else type(result.value).__name__
    if isinstance(result, ast.Dict):
        keys = [key.value for key in result.keys if isinstance(key, ast.Constant)]
        return container_annotation("dict", keys, [result_annotation(v, leaves) for v in result.values])
    if isinstance(result, ast.Tuple | ast.List):
        kind = "tuple" if isinstance(result, ast.Tuple) else "list"
        return container_annotation(kind, (), [result_annotation(e, leaves) for e in result.elts])
    return None


def annotated(name: str, parameters: str, types: Mapping[str, str], returns: str | None) -> str:
    """The line, or the lines, of `def name(parameters)` with the types that are known."""
    function = ast.parse(f"def _({parameters}): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    args = function.args
    parts: list[str] = []
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    for arg, default in zip(positional, [*defaults, *args.defaults]):
        parts.append(_parameter(arg.arg, types, default))
    if args.vararg:
        parts.append(f"*{args.vararg.arg}")
    elif args.kwonlyargs:
        parts.append("*")
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        parts.append(_parameter(arg.arg, types, default))
    if args.kwarg:
        parts.append(f"**{args.kwarg.arg}")
    end = f") -> {returns}:" if returns else "):"
    line = f"def {name}({', '.join(parts)}{end}"
    if len(line) <= WIDTH or not parts:
        return line
    return "\n".join([f"def {name}(", *(f"    {part}," for part in parts), end])


def _parameter(name: str, types: Mapping[str, str], default: ast.expr | None) -> str:
    known = f"{name}: {types[name]}" if name in types else name
    if default is None:
        return known
    return f"{known} = {ast.unparse(default)}" if name in types else f"{known}={ast.unparse(default)}"
