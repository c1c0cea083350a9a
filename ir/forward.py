"""Forward mode: the transpose of the reverse pass.

A reverse pass is linear in the cotangents it begins with. Its own reverse pass, begun with tangents of the primals,
therefore ends at the tangents of the results; dead-code elimination removes the pass in between. One rule for each
operation serves both directions. (Christianson 1992 for the idea; Radul et al. 2022 split the same pair the other way.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from .builder import Builder, Value
from .grad import NotDifferentiable, backward, cotangent_name, spread
from .program import Atom, Equation, Program, Var


def forward(
    builder: Builder, outputs: Sequence[Value], primals: Sequence[Value], tangents: Sequence[Value]
) -> list[Value | None]:
    """Append the tangent of each output of what `builder` holds, None for zero.

    `tangents` are those of the primals, one each. A returned tangent may merely broadcast to its output.
    Raises NotDifferentiable where a rule is missing on an active path.
    """
    results: list[Value | None] = [None] * len(outputs)
    moving = [i for i, output in enumerate(outputs) if isinstance(output.atom, Var) and output.type.inexact]
    cotangents = [Value(builder, _cotangent_of(outputs[i].atom)) for i in moving]
    level, start = builder.last_level() + 1, len(builder.equations)
    builder.transposed.add(level)
    given = [(outputs[i], c) for i, c in zip(moving, cotangents, strict=True)]
    pulled = backward(builder, given, primals, level=level)
    seeds = [
        (spread(gradient, primal.type), tangent)
        for gradient, primal, tangent in zip(pulled, primals, tangents, strict=True)
        if gradient is not None
    ]
    since = len(builder.equations)
    found = backward(builder, seeds, cotangents, _of_cotangent, level + 1)
    _name_tangents(builder.equations[since:])
    _drop_effects(builder, cotangents)
    builder.rewrite(start, lambda written: _needed(written, found))
    _check_linear(builder.equations[start:], {c.atom for c in cotangents})
    for i, tangent in zip(moving, found, strict=True):
        results[i] = tangent
    return results


def _needed(equations: tuple[Equation, ...], tangents: Sequence[Value | None]) -> tuple[Equation, ...]:
    """The equations that the tangents are made by; the cotangents were only there to be transposed."""
    from .passes.dead_code import eliminate_dead_code
    from .passes.prune import prune

    program = Program("tangents", (), (), equations, tuple(t.atom for t in tangents if t is not None))
    return eliminate_dead_code(prune(eliminate_dead_code(program))).equations


def _check_linear(equations: Sequence[Equation], cotangents: Collection[Atom]) -> None:
    """The transpose of what is linear in the cotangents does not read them; rules of the user's may be anything."""
    for equation in equations:
        if any(o in cotangents for o in equation.operands):
            raise NotDifferentiable(
                "a rule that is not linear in its cotangent has no forward mode",
                equation,
                "jacrev(f)(x) or vjp(f, x): reverse mode, which the rule is written for",
            )


def _drop_effects(builder: Builder, cotangents: Sequence[Value]) -> None:
    """What looks at a cotangent of the pass in between, which is never run."""
    reached = {c.atom for c in cotangents}
    for equation in builder.equations:
        if not reached.isdisjoint(equation.operands):
            reached.update(equation.outs)
    builder.equations[:] = [e for e in builder.equations if not e.op.effect or reached.isdisjoint(e.operands)]


def _name_tangents(equations: Iterable[Equation]) -> None:
    """What the rules of loops called the cotangent of the cotangent dx is the tangent of x."""
    for equation in equations:
        bodies = [value for value in equation.params.values() if isinstance(value, Program)]
        for var in (*equation.outs, *(v for body in bodies for v in body.inputs)):
            if var.name.startswith("dd") and not var.name.endswith("_dot"):
                var.name = _of_cotangent(var.name[1:])
        for body in bodies:
            _name_tangents(body.equations)


def _cotangent_of(atom: Atom) -> Var:
    return Var(atom.type.strong(), cotangent_name(atom.name) if isinstance(atom, Var) else "")


def tangent_name(primal: str) -> str:
    """What the tangent of x is called: x_dot."""
    return f"{primal}_dot" if primal else ""


def _of_cotangent(cotangent: str) -> str:
    """The tangent of x is the cotangent of dx."""
    return tangent_name(cotangent.removeprefix("d"))
