"""Functions that the text calls by their names: each under a name of its own, imported where that is possible."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..ir.ops.custom import EXTERNAL, External
from ..ir.program import Equation, Program
from ..ir.types import ArrayType
from .calls import programs_within
from .names import legal
from .source import Item
from .templates import expression

if TYPE_CHECKING:
    from .lower import Lowering


class Named(NamedTuple):
    """A function and the name that it has in the text."""

    name: str
    fun: Any
    home: str  # "" if it cannot be imported
    original: str

    @property
    def statement(self) -> str:
        """The import of it; ValueError where there is none."""
        if not self.home:
            raise ValueError(
                f"the function {self.original} is called by the generated text and cannot be imported by it: "
                f"define {self.original} at the top level of a module of its own"
            )
        return f"from {self.home} import {self.original}{f' as {self.name}' if self.name != self.original else ''}\n"


def externals(program: Program, taken: Collection[str]) -> dict[External, Named]:
    """A name for each function that is called, here or in the programs within; `taken` are others' names."""
    found: dict[External, Named] = {}
    by_function: dict[int, Named] = {}
    used = set(taken)
    for inner in programs_within(program):
        for equation in inner.equations:
            if equation.op.name not in EXTERNAL:
                continue
            external: External = equation.params["external"]
            named = by_function.get(id(external.fun))
            if named is None:
                named = by_function[id(external.fun)] = Named(
                    _free(external, used), external.fun, external.home, external.name
                )
                used.add(named.name)
            found[external] = named
    return found


def _free(external: External, used: Collection[str]) -> str:
    if getattr(builtins, external.name, None) is external.fun:
        return external.name
    base = name = legal(external.name)
    number = 1
    while name in used:
        number += 1
        name = f"{base}_{number}"
    return name


def of_builtins(named: Named) -> bool:
    """Whether the name needs no import."""
    return getattr(builtins, named.name, None) is named.fun


def lower_external(outer: Lowering, number: int, equation: Equation) -> list[Item]:
    """The call, and the test that what it returned is what the text was made for."""
    external: External = equation.params["external"]
    called = outer.functions[external]
    operands = [outer.expression(o) for o in equation.operands]
    call = expression(f"{called}({external.arguments})", operands)
    if equation.op.name == "look":
        return [ast.Expr(call)]
    names = []
    for place, out in enumerate(equation.outs):
        wish = out.name or ("result" if len(equation.outs) == 1 else f"result_{place}")
        until = max(outer.plan.last_use.get(out, number), number)
        names.append(outer.allocator.take(wish, number - 1, until))
        outer.names[out] = names[-1]
    targets = [ast.Name(name, ast.Store()) for name in names]
    target: ast.expr = targets[0] if equation.params["single"] else ast.Tuple(list(targets), ast.Store())
    test = " or ".join(_test(name, out.type) for name, out in zip(names, equation.outs, strict=True))
    shown = ", ".join(str(out.type) for out in equation.outs)
    message = f"{called} returned something else than {shown}"
    check = ast.parse(f"if {test}: raise TypeError({message!r})").body[0]
    return [ast.Assign([target], call), check]


def _test(name: str, type_: ArrayType) -> str:
    if type_.weak:
        return f"type({name}) is not {type(np.zeros((), type_.dtype).item()).__name__}"
    return f"{name}.shape != {type_.shape} or {name}.dtype != np.{type_.dtype.name}"
