"""Programs that are called, as functions of the generated text; equal programs share one function."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..ir.ops.custom import External
from ..ir.program import Atom, Equation, Program, Var
from .names import legal
from .source import Comment, Function, Item, print_items

if TYPE_CHECKING:
    from .lower import Lowering


class Called(str):
    """The name of a function, which takes these lengths besides its operands."""

    lengths: tuple[str, ...] = ()


def words(items: Sequence[Item]) -> set[str]:
    """The names in the lines, and whatever else looks like one."""
    return set(re.findall(r"[^\W\d]\w*", print_items(items)))


@dataclass(slots=True)
class LocalFunctions:
    """The functions above the main one: their text, and the name of each program that is called."""

    names: dict[Program | External, str] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)  # what no variable of any function may be called
    items: list[Item] = field(default_factory=list)
    helpers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)


def programs_within(program: Program) -> Iterator[Program]:
    """The program and all that it holds, the innermost first."""
    for equation in program.equations:
        for value in equation.params.values():
            if isinstance(value, Program):
                yield from programs_within(value)
    yield program


def local_functions(
    program: Program,
    module: set[str],
    others: set[str],
    home: str,
    externals: Mapping[Program | External, str] | None = None,
    reuse: bool = False,
    lengths: Collection[str] = (),
) -> LocalFunctions:
    """A function for each program that is called within this one, those that it calls itself before it.

    `module` are names that every function reads; `others` are read by the main function alone: its parameters, and the
    captured arrays. `externals` are the names of functions from elsewhere. `reuse` is as for `Lowering`.
    A function that reads one of the `lengths` gets it as a parameter.
    """
    found = LocalFunctions(dict(externals or {}))
    bodies = {e.params["body"]: None for p in programs_within(program) for e in p.equations if e.op.name == "call"}
    keys = {body: _key(body) for body in bodies}
    first: dict[Any, Program] = {}
    for body, key in keys.items():
        first.setdefault(key, body)
    free = _names(list(first.values()), module | others)
    found.reserved = module.union(*free.values())
    known: dict[tuple[str, str], Called] = {}
    for key, body in first.items():
        base = legal(body.name)
        parameters, items = _function(body, found, home, reuse)
        read = [name for name in sorted(lengths) if name in words(items)]
        parameters = ", ".join(filter(None, (parameters, *read)))
        text = f"({parameters}):\n{print_items(items)}"
        if (base, text) not in known:
            known[base, text] = Called(free[base].pop(0))
            known[base, text].lengths = tuple(read)
            found.items += [Function(f"def {known[base, text]}({parameters}):", items), Comment(""), Comment("")]
        found.names.update({other: known[base, text] for other, its in keys.items() if its == key})
    return found


def _names(bodies: list[Program], taken: set[str]) -> dict[str, list[str]]:
    """Enough free names for the functions of each name: `layer`, `layer_1` ..."""
    free: dict[str, list[str]] = {}
    used = set(taken)
    for body in bodies:
        base = legal(body.name)
        number, name = 0, base
        while name in used:
            number += 1
            name = f"{base}_{number}"
        used.add(name)
        free.setdefault(base, []).append(name)
    return free


def _function(body: Program, functions: LocalFunctions, home: str, reuse: bool) -> tuple[str, list[Item]]:
    """The parameters and the lines."""
    from .lower import Lowering

    given: dict[Var, str] = {}
    for var in body.inputs:
        base = name = legal(var.name or "x")
        number = 0
        while name in functions.reserved or name in given.values():
            number += 1
            name = f"{base}_{number}"
        given[var] = name
    lowering = Lowering(body, given, functions.reserved, functions=functions.names, reuse=reuse)
    forward, backward = lowering.body(home)
    items: list[Item] = [Comment("forward"), *forward] if forward and backward else [*forward]
    if backward:
        items += ([Comment("")] if forward else []) + [Comment("backward"), *backward]
    results = [lowering.expression(o) for o in body.outputs]
    one = len(results) == 1
    items.append(_returned(items, body, results[0]) if one else ast.Return(ast.Tuple(results, ast.Load())))
    functions.helpers.update(lowering.helpers)
    functions.imports.update(lowering.imports)
    return ", ".join(given.values()), items


def _returned(items: list[Item], body: Program, result: ast.expr) -> ast.stmt:
    """`return result`; an unnamed result that the last line computes is returned there."""
    last, output = items[-1] if items else None, body.outputs[0]
    if isinstance(last, ast.Assign) and isinstance(output, Var) and not output.name and isinstance(result, ast.Name):
        if isinstance(last.targets[0], ast.Name) and last.targets[0].id == result.id:
            items.pop()
            return ast.copy_location(ast.Return(last.value), last)
    return ast.Return(result)


def lower_call(outer: Lowering, number: int, equation: Equation) -> list[Item]:
    """`y, z = f(x)`."""
    operands = [outer.expression(o) for o in equation.operands]
    body: Program = equation.params["body"]
    operands += [ast.Name(name, ast.Load()) for name in getattr(outer.functions[body], "lengths", ())]
    targets: list[ast.expr] = []
    for out, result in zip(equation.outs, body.outputs, strict=True):
        name = "_"
        if out in outer.plan.last_use:
            wish = out.name or getattr(result, "name", "") or "result"
            name = outer.allocator.take(wish, number, max(outer.plan.last_use[out], number))
            outer.names[out] = name
        targets.append(ast.Name(name, ast.Store()))
    target = targets[0] if len(targets) == 1 else ast.Tuple(targets, ast.Store())
    return [ast.Assign([target], ast.Call(ast.Name(outer.functions[body], ast.Load()), operands, []))]


def _key(program: Program) -> Any:
    """What two programs have in common that give the same text, but for the names of their variables."""
    places: dict[Atom, int] = {}

    def place(atom: Atom) -> Any:
        return places[atom] if isinstance(atom, Var) else atom.key()

    for var in (*program.inputs, *program.captures):
        places[var] = len(places)
    lines = []
    for e in program.equations:
        operands = tuple(map(place, e.operands))
        for out in e.outs:
            places[out] = len(places)
        lines.append((e.op.name, operands, _params(e.params), tuple(o.type for o in e.outs), e.origin, e.level))
    types = tuple(v.type for v in program.inputs)
    return program.name, types, tuple(lines), tuple(map(place, program.outputs))


def _params(params: Mapping[str, Any]) -> Any:
    return tuple((k, _key(v) if isinstance(v, Program) else (v, repr(v))) for k, v in params.items())
