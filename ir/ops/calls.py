"""A call of a program: one equation here, a function of its own in the generated text.

Whatever is to be printed as a local function that the user can read is such a call: write the function into a Builder
of its own, and emit `called(builder, program, operands)`. The program's name becomes the function's name, its inputs
the parameters; equal programs share one function. Its equations have no effects (a guard belongs into the program
around it), and its results are arrays of their own: `passes.fresh_outputs` copies what would share memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..batching import Batch, Unbatched, batched_program
from ..builder import Builder, Value
from ..op import op
from ..program import Atom, Literal, Program, Var
from ..types import ArrayType
from .elementwise import where
from .loops import _check_inputs, _copies, _in_full, inline


def _run_call(*operands: Any, body: Program) -> tuple[Any, ...]:
    from ..interp import evaluate

    return evaluate(body, operands)


def _call_batch(batch: Batch, *operands: Value, body: Program) -> tuple[Any, ...]:
    """The function for all examples at once."""
    batched = batched_program(body, batch.batched, batch.size)
    results = called(batch.builder, batched.program, operands)
    return tuple(v if flag else Unbatched(v) for v, flag in zip(results, batched.batched, strict=True))


@op(name="call", fun=_run_call, batch=_call_batch, python="", numbered=False, may_alias=True, several=True)
def call(*operands: ArrayType, body: Program) -> tuple[ArrayType, ...]:
    """body(operands): nothing that is computed inside is kept."""
    _check_inputs(body, operands, f"the function {body.name}")
    return tuple(o.type for o in body.outputs)


def called(builder: Builder, body: Program, operands: Sequence[Value]) -> list[Value]:
    """The outputs of the program for these operands, in the builder: through a call that takes and gives what it must.

    An output that is an input or a number is the operand or the number itself. Raises TypeError where an operand is
    not of its input's type.
    """
    _check_inputs(body, [o.type for o in operands], f"the function {body.name}")
    made: dict[Atom, Value] = dict(zip(body.inputs, operands, strict=True))
    computed = list(dict.fromkeys(o for o in body.outputs if isinstance(o, Var) and o not in made))
    if computed:
        narrow, kept = narrowed(body, computed)
        outs = builder.emit(call, *(operands[i] for i in kept), body=narrow)
        made.update(zip(computed, outs, strict=True))
    return [Value(builder, o) if isinstance(o, Literal) else made[o] for o in body.outputs]


def narrowed(body: Program, outputs: Sequence[Atom]) -> tuple[Program, list[int]]:
    """The program with these outputs alone and the inputs that they need, and which inputs those are."""
    from ..passes.dead_code import eliminate_dead_code

    body = eliminate_dead_code(replace(body, outputs=tuple(outputs)))
    read = body.use_counts()
    kept = [i for i, var in enumerate(body.inputs) if var in read]
    return replace(body, inputs=tuple(body.inputs[i] for i in kept)), kept


@call.vjp
def call_vjp(
    gs: Sequence[Value | None], ys: Sequence[Value], *operands: Value, body: Program
) -> tuple[Value | None, ...]:
    """Another call: the function once more, then its adjoint (Griewank and Walther 2008, chapter 12)."""
    from ..grad import backward

    inner, builder = Builder(), ys[0].builder
    inputs = _copies(inner, body.inputs)
    results = inline(inner, body, inputs)
    seeds, passed = [], []
    for result, output, g, y in zip(results, body.outputs, gs, ys, strict=True):
        if g is None:
            continue
        name = output.name if isinstance(output, Var) else ""
        selected = _selected(builder, g)
        cotangent = inner.input(y.type.strong(), f"d{name or 'y'}")
        passed.append(_in_full(selected[0] if selected else g, y.type))
        if selected:  # what the mask hides stays hidden inside, behind whatever infinite derivative
            result = where(inner.input(selected[1].type, "mask"), result, 0)
            passed.append(selected[1])
        seeds.append((result, cotangent))
    ids = [i for i, o in enumerate(operands) if isinstance(o.atom, Var) and o.type.inexact]
    found = backward(inner, seeds, [inputs[i] for i in ids])
    with inner.at(None, max((e.level for e in inner.equations), default=1)):
        full = {i: _full(g, inputs[i].type) for i, g in zip(ids, found, strict=True) if g is not None}
    adjoint = inner.program(f"{body.name}_adjoint", full.values(), body.origin)
    cotangents = dict(zip(full, called(builder, adjoint, [*operands, *passed]), strict=True))
    return tuple(cotangents.get(i) for i in range(len(operands)))


def _full(g: Value, type_: ArrayType) -> Value:
    """A cotangent with the dtype of its variable; one number for all elements stays one."""
    return _in_full(g, type_ if g.ndim else type_.with_shape(()))


def _selected(builder: Builder, g: Value) -> tuple[Value, Value] | None:
    """The value and the mask of a cotangent that is zero where the mask is false."""
    made = builder.definition(g)
    if made is None or len(made.operands) < 2:
        return None
    mask, value = Value(builder, made.operands[0]), Value(builder, made.operands[1])
    if made.op.name == "multiply":  # a number where the mask is true: the mask as 0 and 1, times that number
        cast = builder.definition(mask, "astype")
        mask = Value(builder, cast.operands[0]) if cast is not None else mask
    elif made.op.name != "where" or not isinstance(made.operands[2], Literal) or made.operands[2].value != 0:
        return None
    if mask.dtype.kind != "b" or mask.shape != g.shape or (made.op.name == "multiply" and value.literal is None):
        return None
    return value, mask
