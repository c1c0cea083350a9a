"""Generated functions as one module that needs only numpy: the imports, constants and helpers of all of them once."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arguments import check_arguments
from .externals import of_builtins
from .module import Generated

LEFT_ALONE = "# fmt: off\n# flake8: noqa\n# mypy: ignore-errors\n"  # ruff reads the second line as well
GUARD_MISS = '''class GuardMiss(Exception):
    """A value decided a branch when this text was made, and is another one now."""

    def __str__(self) -> str:
        return f"this module was made for the other outcome of the branch at {self.args[0]}"
'''


class Part(NamedTuple):
    """A function of the module, the arrays around it that it reads, and the text of what stands behind it."""

    generated: Generated
    captured: Sequence[np.ndarray[Any, Any]]
    behind: str = ""


def module_text(parts: Sequence[Part], header: str) -> str:
    """A module that imports numpy and the libraries that its text calls: header, constants, helpers, the functions.

    Raises ValueError for a captured array too large to be written out, and for a function that cannot be imported.
    """
    helpers = {h.__name__: h for part in parts for h in part.generated.helpers}
    imports = sorted({module for part in parts for module in part.generated.imports})
    names = _Names({"np", "NDArray", "GuardMiss", *helpers, *(module.partition(".")[0] for module in imports)})
    names.reserved |= {part.generated.name for part in parts}
    own = [_own(part, names) for part in parts]
    annotated = any("NDArray[" in text for one in own for text in one.functions)
    lines = ["import numpy as np", *(f"import {module}" for module in imports)]
    lines += ["from numpy.typing import NDArray"] if annotated else []
    lines += dict.fromkeys(statement for one in own for statement in one.imports)
    head = f'{LEFT_ALONE}"""{header}"""\n\n' + "\n".join(lines)
    constants = "\n".join(dict.fromkeys(constant for one in own for constant in one.constants))
    blocks = [GUARD_MISS] if any(part.generated.guarded for part in parts) else []
    blocks += _sources(h for name, h in sorted(helpers.items()) if name != check_arguments.__name__)
    blocks += dict.fromkeys(text for one in own for text in one.functions)
    blocks += _sources(h for name, h in helpers.items() if name == check_arguments.__name__)
    opening = f"{head}\n\n{constants}" if constants else head
    return "\n\n\n".join([opening, *(block.strip("\n") for block in blocks)]) + "\n"


def _sources(helpers: Iterator[Callable[..., Any]]) -> list[str]:
    return [inspect.getsource(helper) for helper in helpers]


class _Own(NamedTuple):
    imports: list[str]
    constants: list[str]
    functions: list[str]


class _Names:
    """The names at the top level of the module, each with what it means; the same meaning stands there once."""

    def __init__(self, reserved: set[str]) -> None:
        self.reserved = reserved
        self._meanings: dict[str, str] = {}

    def for_(self, wish: str, meaning: str, avoid: set[str]) -> str:
        """The wish, or the wish with a number where it means something else already."""
        name, number = wish, 1
        while name in self.reserved or self._meanings.get(name, meaning) != meaning or (name != wish and name in avoid):
            number += 1
            name = f"{wish}_{number}"
        self._meanings[name] = meaning
        return name


def _own(part: Part, names: _Names) -> _Own:
    """What a function brings along, under names that no other function uses for something else."""
    generated = part.generated
    *inner, main = [_lines(generated.text, node) for node in ast.parse(generated.text).body]
    used = {node.id for node in ast.walk(ast.parse(generated.text)) if isinstance(node, ast.Name)}
    new: dict[str, str] = {}
    constants = []
    for old, array in zip(generated.captures, part.captured, strict=True):
        value = _array_text(old, array)
        new[old] = names.for_(old, value, used)
        constants.append(f"{new[old]} = {value}")
    imports = []
    for named in generated.externals:
        if not of_builtins(named):
            new[named.name] = names.for_(named.name, named.statement, used)
            imports.append(named._replace(name=new[named.name]).statement.rstrip("\n"))
    functions = []
    for text in inner:
        text = renamed(text, new)
        old = _defined(text)
        new[old] = names.for_(old, text, used)
        functions.append(renamed(text, {old: new[old]}))
    main = renamed(main, new).replace(generated.header, generated.annotated or generated.header, 1)
    return _Own(imports, constants, [*functions, main, *([part.behind] if part.behind else [])])


def _defined(text: str) -> str:
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.name


def _lines(text: str, node: ast.stmt) -> str:
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def renamed(text: str, new: Mapping[str, str]) -> str:
    """The text with other names for variables and for the function that it defines; all else as it stands."""
    new = {old: name for old, name in new.items() if old != name}
    if not new:
        return text
    lines = text.encode().split(b"\n")
    places = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in new:
            places.append((node.lineno, node.col_offset, node.id))
        elif isinstance(node, ast.FunctionDef) and node.name in new:
            places.append((node.lineno, node.col_offset + len("def "), node.name))
    for line, column, old in sorted(places, reverse=True):
        before = lines[line - 1]
        lines[line - 1] = before[:column] + new[old].encode() + before[column + len(old.encode()) :]
    return b"\n".join(lines).decode()


def _array_text(name: str, array: np.ndarray[Any, Any]) -> str:
    if array.size > 1000:
        raise ValueError(
            f"the captured array {name} has {array.size} elements, too many to write into a module; "
            "pass it as an argument"
        )
    if not array.size:
        return f"np.empty({array.shape}, np.{'bool_' if array.dtype.kind == 'b' else array.dtype.name})"
    numbers = array.tolist()
    dtype = "" if np.array(numbers).dtype == array.dtype and array.dtype.kind in "bfc" else f", np.{array.dtype.name}"
    return f"np.array({_written(numbers)}{dtype})"


def _written(value: Any) -> str:
    """Nested lists of numbers as text that gives the same numbers: nan, infinities and signs of zeros too."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    text = repr(value)
    if isinstance(value, complex) and re.search(r"nan|inf|-0(?!\.\d*[1-9])", text):
        return f"complex({_written(value.real)}, {_written(value.imag)})"
    return text.replace("nan", "np.nan").replace("inf", "np.inf")
