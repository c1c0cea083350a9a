"""Texts for other readers than NumPy: numba's compiler, or the namespace of another array library."""

from __future__ import annotations

from ..codegen.target import OutsideTarget, Target
from ..ir.program import Origin, Program
from ..tracer.errors import UnsupportedError, explain
from ..tracer.function import Recording
from ..tracer.structure import Structure

TARGETS = ("numba", "namespace")


def target_named(name: str) -> Target:
    """The tables of a target, which are large and seldom needed."""
    if name == "numba":
        from ..codegen.numba_target import NUMBA

        return NUMBA
    from ..codegen.namespace_target import NAMESPACE

    return NAMESPACE


def written_for(target: Target, program: Program) -> Program:
    """The program in operations that the target has. UnsupportedError, with the user's line, for one that it lacks."""
    try:
        return target.prepare(program)
    except OutsideTarget as outside:
        equation = outside.equation
        reason = f"this cannot be written for {target.name}: {outside.reason}"
        fix = outside.fix or f"the same without {equation.op.name}"
        raise _refused(reason, equation.origin or program.origin, fix) from None


def check_form(target: Target, recording: Recording, closure: bool) -> None:
    """Refuse arguments and results in containers that the target does not know, and functions as results."""
    structures = [(a.name, a.structure) for a in recording.arguments]
    for path, structure in [*structures, ("the result", recording.result_structure)]:
        kind = _outside(structure, target.containers)
        if kind is not None:
            reason = f"{path} holds a {kind}, which cannot be written for {target.name}"
            raise _refused(reason, recording.origin, f"a {' or '.join(target.containers)} of arrays")
    if closure and not target.closures:
        reason = f"a function that returns a function cannot be written for {target.name}"
        raise _refused(reason, recording.origin, "--kind value_and_grad, or grad")


def _outside(structure: Structure, known: tuple[str, ...]) -> str | None:
    if structure.kind not in ("leaf", "static", *known):
        return structure.kind
    return next((kind for child in structure.children if (kind := _outside(child, known))), None)


def _refused(reason: str, origin: Origin | None, fix: str) -> UnsupportedError:
    return UnsupportedError(explain(reason, origin, fix, "outside-the-target"))


def with_namespace(target: Target | None, parameters: str, origin: Origin) -> str:
    """The text of the parameters, with one for the namespace at their end: `w, x, *, xp=np`."""
    if target is None or not target.parameter:
        return parameters
    names = [part.split("=")[0].split(":")[0].strip() for part in parameters.split(",")]
    clash = next((n for n in names if n == target.parameter or n.startswith("**")), None)
    if clash is not None:
        reason = f"the array namespace is to be given as {target.parameter}, beside which there is {clash}"
        raise _refused(reason, origin, f"def {origin.function}(...) with another name for the parameter")
    star = [] if any(n.startswith("*") for n in names) else ["*"]
    return ", ".join([*([parameters] if parameters else []), *star, f"{target.parameter}=np"])
