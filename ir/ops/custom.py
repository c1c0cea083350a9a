"""Derivatives that the user gives: values with an adjoint of their own, and calls of functions nobody looks into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..builder import Value
from ..op import NONDIFF, Op, Refused, op, register
from ..program import Program
from ..types import ArrayType
from .loops import _in_full, _zero, inline

if TYPE_CHECKING:
    from ..batching import Batch


# ---------------------------------------------------------------------------------------------------- with_adjoint


def _run_with_adjoint(*operands: Any, adjoint: Program, outputs: int, kept: int) -> tuple[Any, ...]:
    return operands[:outputs]


@op(name="with_adjoint", fun=_run_with_adjoint, python="", numbered=False, may_alias=True, several=True)
def with_adjoint(*operands: ArrayType, adjoint: Program, outputs: int, kept: int) -> tuple[ArrayType, ...]:
    """The first `outputs` operands, which have a derivative of their own.

    Operands: the values; `kept` values that the adjoint reads; the arguments. adjoint(kept, cotangents of the inexact
    values) -> a cotangent for each argument. Operands behind these are what no derivative may reach (`underivable`).
    """
    values, arguments = operands[:outputs], operands[outputs + kept :]
    if len(adjoint.inputs) != kept + sum(t.inexact for t in values) or len(adjoint.outputs) > len(arguments):
        raise TypeError(f"{adjoint.name} does not fit the values and arguments that it is the adjoint of")
    for output, argument in zip(adjoint.outputs, arguments, strict=False):
        if output.type.shape != argument.shape:
            raise TypeError(f"{adjoint.name} gives a cotangent of shape {output.type.shape} to {argument}")
    return values


@with_adjoint.vjp
def with_adjoint_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], *operands: Value, adjoint: Program, outputs: int, kept: int
) -> tuple[Value | None, ...]:
    """The adjoint, written here; only the arguments get cotangents."""
    builder = ys[0].builder
    cotangents = [_zero(y) if g is None else _in_full(g, y.type) for g, y in zip(gs, ys, strict=True) if y.type.inexact]
    found = inline(builder, adjoint, [*operands[outputs : outputs + kept], *cotangents], builder.origin, builder.level)
    rest = len(operands) - outputs - kept - len(found)
    return (*[None] * (outputs + kept), *found, *[builder.value(0.0)] * rest)


def _with_adjoint_batch(batch: Batch, *operands: Value, adjoint: Program, outputs: int, kept: int) -> Any:
    """Values, arguments and cotangents differ between examples; what the adjoint reads besides, where it does."""
    from ..batching import batched_program

    start = outputs + kept
    seeds = len(adjoint.inputs) - kept
    flags = [*batch.batched[outputs:start], *[True] * seeds]
    made = batched_program(adjoint, flags, batch.size, [True] * len(adjoint.outputs)).program
    full = [v if outputs <= i < start else batch.full(v, i) for i, v in enumerate(operands)]
    return batch.builder.emit(with_adjoint, *full, adjoint=made, outputs=outputs, kept=kept)


with_adjoint.batch = _with_adjoint_batch


# ------------------------------------------------------------------------------------------- arguments and refusals


def _same(x: Any, **_: Any) -> Any:
    return x


@op(
    name="passed", fun=_same, python="{0}", elementwise=True, view=True, numbered=False,
    rule=lambda g, y, x: g,
)  # fmt: skip
def passed(x: ArrayType) -> ArrayType:
    """An argument as a function sees it: what is computed from it counts apart from what else uses the value."""
    return x


@op(
    name="underivable", fun=_same, python="{0}", elementwise=True, view=True, numbered=False,
    rule=(lambda g, y, x, *, reason, fix: Refused(reason, fix),),
)  # fmt: skip
def underivable(x: ArrayType, *, reason: str, fix: str = "") -> ArrayType:
    """The value itself; a derivative that would have to go on here is refused for this reason."""
    return x


# ------------------------------------------------------------------------------------------------------ opaque calls


@dataclass(frozen=True, eq=False)
class External:
    """A function that is called by its name: compiled code, a simulator, a callback."""

    fun: Callable[..., Any]
    name: str  # what it is called in the text, if that is free
    call: Callable[..., Any]  # from the operands' values to the result
    arguments: str  # how the operands stand between the parentheses: "{0}, n={1}"
    home: str = ""  # the module that it can be imported from under its qualified name; "" if there is none
    reason: str = ""  # why a derivative ends here
    fix: str = ""  # and what to do about it

    def __repr__(self) -> str:
        return f"'{self.name}'"


def _run_external(*operands: Any, external: External, types: tuple[ArrayType, ...], single: bool) -> tuple[Any, ...]:
    result = external.call(*operands)
    return (result,) if single else tuple(result)


def _external_types(
    *operands: ArrayType, external: External, types: tuple[ArrayType, ...], single: bool
) -> tuple[ArrayType, ...]:
    """What the function returns, held to these types; one array if `single`, else a tuple of them."""
    return types


def _external_vjp(
    gs: Sequence[Value | None],
    ys: Sequence[Value],
    *operands: Value,
    external: External,
    types: tuple[ArrayType, ...],
    single: bool,
) -> Refused:
    """Nothing is known about it but its values."""
    return Refused(external.reason, external.fix)


_ONE_EXAMPLE = Refused("a function that is called by its name takes one example at a time")


def _calling(name: str, effect: bool) -> Op:
    fields: dict[str, Any] = {"rule": _external_vjp, "batch": _ONE_EXAMPLE, "effect": effect}
    return register(
        Op(name, _run_external, _external_types, "", **fields, numbered=False, may_alias=True, several=True)
    )


# What a function returned once says nothing sure about the next call: that is made, and held to the types, also where
# the values are not read. What was declared is relied upon.
call_external = _calling("call_external", effect=True)
call_declared = _calling("call_declared", effect=False)


def _look(x: Any, *, external: External) -> tuple[()]:
    external.call(x)
    return ()


@op(
    name="look", fun=_look, python="", rule=NONDIFF, numbered=False, effect=True,
    batch=Refused("a function that looks at a cotangent takes that of one example"),
)  # fmt: skip
def look(x: ArrayType, *, external: External) -> tuple[()]:
    """The function gets the value to look at, and gives nothing back."""
    return ()


EXTERNAL = ("call_external", "call_declared", "look")
