"""The whole generated text: a function with its docstring, or a module that needs only numpy."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.program import Program, Var
from .lower import Lowering
from .names import legal
from .source import WIDTH, Comment, Function, Item, Verbatim, print_items
from .templates import expression


@dataclass(frozen=True, slots=True)
class Signature:
    """How the generated function is called, and what it returns.

    `parameters` is the text between the parentheses; `leaves` reaches each input from a parameter (`params['w']`);
    `checks` are static arguments with the value that the text was made for; `result` is an expression over the
    program's outputs {0}, {1} ...; `describes` is the first line of the docstring, `types` the second.
    """

    name: str
    parameters: str
    leaves: Sequence[str]
    checks: Sequence[tuple[str, Any]]
    result: str
    describes: str
    types: str
    closure: tuple[str, str] | None = None  # (name, result expression) of the nested function of a vjp
    shapes: Sequence[tuple[str, tuple[int, ...]]] = ()  # arrays that the text itself must hold to their shapes
    written: Sequence[tuple[str, Sequence[str]]] = ()  # arrays that are written into, each with the other arrays


@dataclass(frozen=True, slots=True)
class Generated:
    """The text of the function, what it needs besides numpy, and the names under which it reads captured arrays."""

    text: str
    helpers: tuple[Callable[..., Any], ...]
    captures: tuple[str, ...]
    guarded: bool
    imports: tuple[str, ...] = ()  # modules besides numpy


def generate(program: Program, signature: Signature, home: str, cotangents: int = 0) -> Generated:
    """The function's text. `home` is the file of the user's function."""
    given: dict[Var, str] = {}
    opening: list[Item] = []
    taken = {legal(p.split("=")[0].strip(" *")) for p in signature.parameters.split(",")}
    arguments = program.inputs[: len(program.inputs) - cotangents]
    for var, leaf in zip(arguments, signature.leaves, strict=True):
        if leaf.isidentifier():
            given[var] = leaf
    uses = program.use_counts()
    unpacked: list[tuple[str, str]] = []
    for var, leaf in zip(arguments, signature.leaves, strict=True):
        if var not in given and var in uses:
            given[var] = _free(legal(var.name or "x"), taken | set(given.values()))
            unpacked.append((given[var], leaf))
    opening += _unpack(unpacked)
    for var in program.inputs[len(arguments) :]:
        given[var] = _free(legal(var.name or "dy"), taken | set(given.values()))
    captures = []
    for var in program.captures:
        given[var] = _free(legal(var.name or "captured"), taken | set(given.values()))
        captures.append(given[var])
    helper_names = {h.__name__ for e in program.equations for h in e.op.helpers}
    libraries = {module.partition(".")[0] for e in program.equations for module in e.op.imports}
    reserved = {"np", "GuardMiss", *helper_names, *libraries, *captures} | (taken - set(given.values()))
    if signature.closure:
        reserved.add(signature.closure[0])
    lowering = Lowering(program, given, reserved, closure=signature.closure is not None)
    forward, backward = lowering.body(home)
    items = _docstring(signature) + _checks(signature) + _apart(signature, captures) + opening
    lowering.guarded = lowering.guarded or bool(signature.checks)
    if signature.closure:
        items += _closure(program, signature, lowering, forward, backward, cotangents)
    else:
        if forward:
            items += [Comment("forward"), *forward] if backward else forward
        if backward:
            items += ([Comment("")] if forward else []) + [Comment("backward"), *backward]
        outputs = [lowering.expression(o) for o in program.outputs]
        items.append(ast.Return(expression(signature.result, outputs)))
    text = print_items([Function(f"def {signature.name}({signature.parameters}):", items)])
    helpers = tuple(lowering.helpers[name] for name in sorted(lowering.helpers))
    return Generated(text, helpers, tuple(captures), lowering.guarded, tuple(sorted(lowering.imports)))


def _closure(
    program: Program, signature: Signature, lowering: Lowering, forward: list[Item], backward: list[Item], count: int
) -> list[Item]:
    """A function that returns its result and the pullback."""
    assert signature.closure is not None
    name, result = signature.closure
    cotangents = [lowering.names[v] for v in program.inputs[len(program.inputs) - count :]]
    outputs = [lowering.expression(o) for o in program.outputs]
    inner = Function(f"def {name}({', '.join(cotangents)}):", [*backward, ast.Return(expression(result, outputs))])
    items: list[Item] = [Comment("forward"), *forward, Comment(""), Comment("backward"), inner, Comment("")]
    items.append(ast.Return(expression(f"{signature.result}, {name}", outputs)))
    return items


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _unpack(pairs: list[tuple[str, str]]) -> list[Item]:
    """`w, b = params['w'], params['b']`, a few on each line."""
    items: list[Item] = []
    for i in range(0, len(pairs), 4):
        some = pairs[i : i + 4]
        left = ", ".join(name for name, _ in some)
        right = ", ".join(leaf for _, leaf in some)
        items.append(ast.parse(f"{left} = {right}").body[0])
    return items


def _docstring(signature: Signature) -> list[Item]:
    return [Verbatim(f'"""{signature.describes}\n\n{folded(signature.types)}\n"""')]


def folded(types: str) -> str:
    """The line with the types, broken between arguments where it is long."""
    lines = [""]
    for part in re.split(r"(?<=,) (?![^\[]*\])|(?=  ->)", types):
        longer = f"{lines[-1]} {part}" if lines[-1] and not part.startswith(" ") else lines[-1] + part
        if len(longer) > WIDTH - 4 and lines[-1]:
            lines.append(f"    {part.strip()}")
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _checks(signature: Signature) -> list[Item]:
    """Static arguments are part of the text: another value is another path."""
    items: list[Item] = []
    for start in range(0, len(signature.shapes), 4):
        some = signature.shapes[start : start + 4]
        paths, wanted = ", ".join(path for path, _ in some), ", ".join(str(shape) for _, shape in some)
        found = ", ".join(f"{path}.shape" for path, _ in some)
        one = len(some) == 1
        test = f"{found} != {wanted}" if one else f"({found}) != ({wanted})"
        message = f"{paths} must have the shape{'' if one else 's'} {wanted}"
        items.append(ast.parse(f"if {test}: raise ValueError({message!r})").body[0])
    for path, value in signature.checks:
        test = f"{path} is not {value!r}" if value is None or isinstance(value, bool) else f"{path} != {value!r}"
        items.append(ast.parse(f"if {test}: raise GuardMiss({path!r})").body[0])
    return items


def _apart(signature: Signature, captures: Sequence[str]) -> list[Item]:
    """What is written into was traced as memory of its own: an array that shares it would not see the writes."""
    items: list[Item] = []
    for path, arrays in signature.written:
        others = [*arrays, *captures]
        if not others:
            continue
        one = len(others) == 1
        test = f"np.shares_memory({path}, {others[0]})"
        if not one:
            test = f"any(np.shares_memory({path}, other) for other in ({', '.join(others)}))"
        message = f"{path} is written into and must not share memory with {' or '.join(others)}: pass {path}.copy()"
        items.append(ast.parse(f"if {test}: raise ValueError({message!r})").body[0])
    return items


GUARD_MISS = '''class GuardMiss(Exception):
    """A value decided a branch when this text was made, and is another one now."""
'''


def module_text(generated: Generated, header: str, captured: Sequence[np.ndarray[Any, Any]]) -> str:
    """A module that imports numpy and the libraries that its text calls: header, constants, helpers, the function.

    Raises ValueError for a captured array too large to be written out.
    """
    imports = "".join(f"import {module}\n" for module in generated.imports)
    parts = [f'"""{header}"""\n\nimport numpy as np\n{imports}']
    constants = []
    for name, array in zip(generated.captures, captured, strict=True):
        if array.size > 1000:
            raise ValueError(
                f"the captured array {name} has {array.size} elements, too many to write into a module; "
                "pass it as an argument"
            )
        constants.append(f"{name} = {_array_text(array)}\n")
    if constants:
        parts.append("".join(constants))
    if generated.guarded:
        parts.append(GUARD_MISS)
    parts += [inspect.getsource(helper) for helper in generated.helpers]
    parts.append(generated.text)
    head, rest = parts[0], parts[1:]
    if constants:
        head, rest = f"{head}\n{rest[0]}", rest[1:]
    return "\n\n".join([head.rstrip("\n") + "\n", *(p.rstrip("\n") + "\n" for p in rest)])


def _array_text(array: np.ndarray[Any, Any]) -> str:
    values = repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({values}, dtype=np.{array.dtype.name}).reshape({array.shape})"
