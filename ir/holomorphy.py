"""Whether a linear pass is linear over the complex numbers: whether what it is the derivative of is holomorphic."""

from __future__ import annotations

from collections.abc import Sequence

from .builder import Value
from .program import Atom, Equation, Program, Var

_CONJUGATED = {"conjugate": 0, "vdot": 0, "vecdot": 0, "correlate": 1, "scipy_correlate": 1, "scipy_correlate2d": 1}
_LINEAR, _ANTILINEAR = 1, 2  # in the direction; both together is neither


def first_mixed(equations: Sequence[Equation], direction: Atom, outputs: Sequence[Value | None]) -> Equation | None:
    """The equation that makes an output anything but a complex multiple of the direction; None where all are that.

    `equations` hold a pass that is linear over the reals in the direction, a complex variable.
    """
    kinds, causes = _kinds(equations, {direction: _LINEAR})
    for output in outputs:
        if output is not None and kinds.get(output.atom, _LINEAR) != _LINEAR:
            return causes[output.atom]
    return None


def _kinds(equations: Sequence[Equation], known: dict[Atom, int]) -> tuple[dict[Atom, int], dict[Atom, Equation]]:
    """How each variable depends on the direction, and the equation that turned it from linear to something else."""
    kinds, causes = dict(known), dict[Atom, Equation]()
    for equation in equations:
        found, before = 0, None
        for place, operand in enumerate(equation.operands):
            kind = kinds.get(operand, 0)
            if kind and _CONJUGATED.get(equation.op.name) == place:
                kind = {_LINEAR: _ANTILINEAR, _ANTILINEAR: _LINEAR}.get(kind, kind)
            found |= kind
            before = before or causes.get(operand)
        if not found:
            continue
        if any(isinstance(v, Program) and not _is_linear_inside(v) for v in equation.params.values()):
            found = _LINEAR | _ANTILINEAR
        for out in equation.outs:
            narrowed = out.type.inexact and out.type.dtype.kind != "c"
            kinds[out] = _LINEAR | _ANTILINEAR if narrowed else found
            if kinds[out] != _LINEAR:
                causes[out] = before or equation
    return kinds, causes


def _is_linear_inside(program: Program) -> bool:
    """Whether nothing in a body takes complex values apart; which of them depend on the direction is not looked at."""
    return not any(
        e.op.name in _CONJUGATED or _takes_apart(e) or not all(map(_is_linear_inside, _programs(e)))
        for e in program.equations
    )


def _takes_apart(equation: Equation) -> bool:
    complex_in = any(isinstance(o, Var) and o.type.dtype.kind == "c" for o in equation.operands)
    return complex_in and any(out.type.inexact and out.type.dtype.kind != "c" for out in equation.outs)


def _programs(equation: Equation) -> list[Program]:
    return [v for v in equation.params.values() if isinstance(v, Program)]
