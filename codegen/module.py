"""The whole generated text: a function with its docstring, or a module that needs only numpy."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir.ops.custom import External
from ..ir.program import Program, Var
from .calls import local_functions, programs_within
from .externals import Named, externals, of_builtins
from .lower import Lowering
from .names import legal
from .positions import Positions, positions
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
    headings: Sequence[tuple[int, str]] = ()  # what the part of each level is called; forward and backward by default


@dataclass(frozen=True, slots=True)
class Generated:
    """The text of the function, what it needs besides numpy, and the names under which it reads captured arrays."""

    text: str
    helpers: tuple[Callable[..., Any], ...]
    captures: tuple[str, ...]
    guarded: bool
    imports: tuple[str, ...] = ()  # modules besides numpy
    positions: Positions = field(default_factory=dict)  # the equation of each line and expression, if asked for
    externals: tuple[Named, ...] = ()  # functions that the text calls by name


def generate(
    program: Program,
    signature: Signature,
    home: str,
    cotangents: int = 0,
    last: int | None = None,
    located: bool = False,
) -> Generated:
    """The function's text. `home` is the file of the user's function; `last` is the level of the nested function's
    equations, by default the highest that there is; `located` asks for `positions` too."""
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
    everywhere = [e for inner in programs_within(program) for e in inner.equations]
    helper_names = {h.__name__ for e in everywhere for h in e.op.helpers}
    libraries = {module.partition(".")[0] for e in everywhere for module in e.op.imports}
    module_names = {"np", "GuardMiss", signature.name, *helper_names, *libraries}
    if signature.closure:
        module_names.add(signature.closure[0])
    others = {*taken, *given.values()}
    outside = externals(program, module_names | others)
    module_names |= {named.name for named in outside.values()}
    called: dict[Program | External, str] = {external: named.name for external, named in outside.items()}
    functions = local_functions(program, module_names, others, home, called)
    reserved = {*functions.reserved, *captures} | (taken - set(given.values()))
    closure = signature.closure is not None
    lowering = Lowering(program, given, reserved, closure=closure, functions=functions.names, last=last)
    lowering.helpers.update(functions.helpers)
    lowering.imports.update(functions.imports)
    headings = bool(signature.headings)
    lowering.headings = dict(signature.headings)
    forward, backward = lowering.body(home)
    items = _docstring(signature) + _checks(signature) + _apart(signature, captures) + opening
    lowering.guarded = lowering.guarded or bool(signature.checks)
    if signature.closure:
        items += _closure(program, signature, lowering, forward, backward, cotangents)
    else:
        if forward:
            items += [Comment("forward"), *forward] if backward and not headings else forward
        if backward:
            named = [] if headings else [*([Comment("")] if forward else []), Comment("backward")]
            items += [*named, *backward]
        outputs = [lowering.expression(o) for o in program.outputs]
        items.append(ast.Return(expression(signature.result, outputs)))
    whole = [*functions.items, Function(f"def {signature.name}({signature.parameters}):", items)]
    text = print_items(whole)
    helpers = tuple(lowering.helpers[name] for name in sorted(lowering.helpers))
    found = positions(whole, text) if located else {}
    imports = tuple(sorted(lowering.imports))
    from_elsewhere = tuple(dict.fromkeys(outside.values()))
    return Generated(text, helpers, tuple(captures), lowering.guarded, imports, found, from_elsewhere)


def _closure(
    program: Program, signature: Signature, lowering: Lowering, forward: list[Item], backward: list[Item], count: int
) -> list[Item]:
    """A function that returns its result and the pullback."""
    assert signature.closure is not None
    name, result = signature.closure
    cotangents = [lowering.names[v] for v in program.inputs[len(program.inputs) - count :]]
    outputs = [lowering.expression(o) for o in program.outputs]
    inner = Function(f"def {name}({', '.join(cotangents)}):", [*backward, ast.Return(expression(result, outputs))])
    part = "backward" if name == "pullback" else "tangents"
    items: list[Item] = [Comment("forward"), *forward, Comment(""), Comment(part), inner, Comment("")]
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

    Raises ValueError for a captured array too large to be written out, and for a function that cannot be imported.
    """
    imports = "".join(f"import {module}\n" for module in generated.imports)
    imports += "".join(named.statement for named in generated.externals if not of_builtins(named))
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
