"""The transpose of steps that are linear in some values: from forward rules to adjoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ir.builder import Builder, Value
from ..ir.grad import NotDifferentiable, backward
from ..ir.ops.loops import _in_full, inline
from ..ir.passes.dead_code import eliminate_dead_code
from ..ir.program import Atom, Equation, Program, Var
from .adjoints import Adjoint, at_level_zero, cotangent_type, refuse
from .errors import UnsupportedError, explain

if TYPE_CHECKING:
    from .trace import Trace


def dependent(builder: Builder, since: int, variables: set[Var]) -> list[Equation]:
    """The equations that compute something from these variables."""
    found, reached = [], set(variables)
    for equation in builder.equations[since:]:
        if any(o in reached for o in equation.operands):
            found.append(equation)
            reached.update(equation.outs)
    return found


def transposed(
    trace: Trace,
    called: str,
    rule: Callable[..., Any],
    linear: Sequence[Equation],
    tangents: Sequence[Var],
    outs: Sequence[Value],
    given: Sequence[Value | None],
) -> Adjoint:
    """The adjoint of the linear steps from `tangents` to the tangents `given` of the results `outs`.

    Raises UnsupportedError where a step has no transpose, TracingError where it is not linear.
    """
    made = {out for e in linear for out in e.outs}
    reads: list[Atom] = [o for e in linear for o in e.operands] + [g.atom for g in given if g is not None]
    kept = list(dict.fromkeys(v for v in reads if isinstance(v, Var) and v not in made and v not in tangents))
    builder = Builder()
    inputs = [builder.input(v.type, v.name) for v in kept]
    moved = [builder.input(v.type, v.name) for v in tangents]
    ends = tuple(g.atom for g in given if g is not None)
    results = iter(inline(builder, Program(called, (*kept, *tangents), (), tuple(linear), ends), [*inputs, *moved]))
    seeds, cotangents = [], []
    for out, tangent in zip(outs, given, strict=True):
        end = next(results) if tangent is not None else None
        if out.type.inexact:
            name = out.atom.name if isinstance(out.atom, Var) and out.atom.name else "y"
            cotangents.append(builder.input(cotangent_type(out.type), f"d{name}"))
            seeds += [(end, cotangents[-1])] if end is not None else []
    try:
        found = backward(builder, seeds, moved, lambda name: f"d{name.removesuffix('_dot')}")
    except NotDifferentiable as error:
        raise UnsupportedError(
            explain(
                f"the forward rule of {called} cannot be transposed: {error}",
                error.equation.origin,
                "a reverse rule: custom_vjp(f), or defvjp(f, ...) of a primitive",
                "custom-rules",
            )
        ) from None
    with builder.at(None, max((e.level for e in builder.equations), default=1)):
        full = [_in_full(builder.value(0.0) if g is None else g, m.type) for g, m in zip(found, moved, strict=True)]
    program = eliminate_dead_code(builder.program(f"{called}_adjoint", full))
    used = program.use_counts()
    if any(m.atom in used for m in moved):
        refuse(
            f"the forward rule of {called} is not linear in the tangents",
            trace,
            "return out, slope * x_dot with a slope that is computed from the primals alone",
            rule,
        )
    own = tuple(v for v in program.inputs if v not in {m.atom for m in moved})
    program = replace(program, inputs=own, equations=at_level_zero(program.equations))
    return Adjoint(program, [Value(trace.builder, v) for v in kept], [])
