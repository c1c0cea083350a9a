"""Jacobians inside of a trace: one reverse or forward pass, batched over the directions of a basis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..ir.batching import NotBatchable, vectorize
from ..ir.builder import Builder, Value
from ..ir.forward import tangent_name
from ..ir.grad import cotangent_name
from ..ir.holomorphy import first_mixed
from ..ir.ops.custom import EXTERNAL
from ..ir.ops.linalg import eye
from ..ir.ops.shape import reshape, transpose
from ..ir.program import Equation, Origin, Program, Var
from ..tracer.array import wrap
from ..tracer.errors import GradientError, UnsupportedError, explain
from ..tracer.site import called_at
from ..tracer.structure import Structure, rebuild, unflatten
from ..tracer.trace import Trace
from .binding import Parameters
from .compilation import differentiate
from .forward_mode import tangents_along
from .nested import record_in_trace
from .request import Request
from .wanted import Outcome, Target, outcome, returned_at


def jacobian_in_trace(trace: Trace, request: Request, parameters: Parameters, mode: str) -> tuple[Any, Any, Any]:
    """(results, jacobian, aux): the arguments' structure within that of the results, of arrays out.shape + in.shape.

    mode is "rev", one reverse pass for each element of the results, "fwd", one forward pass for each element of the
    arguments, or "auto", whichever are fewer; for a hessian "first" prefers the one, "symmetric" the other.
    GradientError for results that have no derivative.
    """
    recording, wanted = record_in_trace(trace, request, parameters)
    found = outcome(request, recording)
    for value in found.results:
        if not value.type.inexact:
            raise GradientError(
                explain(
                    f"the function returns {value.dtype}, which has no derivative",
                    returned_at(request, recording),
                    "return y.astype(float), or with has_aux=True: return y, counts",
                    "outputs",
                )
            )
    if _goes_backwards(found, wanted, mode, returned_at(request, recording)):
        blocks = _by_rows(trace, found.results, wanted)
    else:
        symmetric = mode == "symmetric" and _is_symmetric(trace.builder, found.results, wanted)
        blocks = _by_columns(trace, found.results, wanted, symmetric)
    out = unflatten(found.structure, (wrap(trace, v) for v in found.results))
    carried = found.aux_structure
    aux = None if carried is None else unflatten(carried, (wrap(trace, v) for v in found.aux))
    return out, _nested(found.structure, iter([_arguments(trace, request, wanted, b) for b in blocks])), aux


def _goes_backwards(found: Outcome, wanted: Sequence[Target], mode: str, where: Origin) -> bool:
    """Whether to go backwards. What is real on one side only decides it: there the other way sees half of it."""
    into = [v.dtype.kind == "c" for target in wanted for v in target.values]
    out = [v.dtype.kind == "c" for v in found.results]
    only_back, only_forth = any(into) and not all(out), any(out) and not all(into)
    if (only_back and only_forth) or (mode == "fwd" and only_back) or (mode == "rev" and only_forth):
        sides = ("complex", "real", "jacrev") if only_back else ("real", "complex", "jacfwd")
        what, fix = f"a {sides[0]} argument with {sides[1]} results", f"{sides[2]}(f), or jacobian(f), which chooses"
        if only_back and only_forth:
            what, fix = "real and complex arguments with real and complex results", "jacobian(f, argnums=0), one by one"
        raise GradientError(
            explain(
                f"{'jacobian' if mode not in ('rev', 'fwd') else f'jac{mode}'} of a function of {what}",
                where,
                fix,
                "outputs",
            )
        )
    if only_back or only_forth:
        return only_back
    if mode != "auto":
        return mode in ("rev", "first")
    return sum(v.size for v in found.results) <= sum(v.size for target in wanted for v in target.values)


def _is_symmetric(builder: Builder, results: Sequence[Value], wanted: Sequence[Target]) -> bool:
    """Whether derivatives are those of one number, so that their jacobian is its own transpose.

    Only then have they the shapes of the arguments. What the user says is a derivative need not be one.
    """
    shapes = [value.shape for target in wanted for value in target.values]
    return [y.shape for y in results] == shapes and not _holds(builder.equations, ("with_adjoint", *EXTERNAL))


def _holds(equations: Iterable[Equation], names: Collection[str]) -> bool:
    """Whether an operation of such a name is among the equations, or in the programs of their loops and branches."""
    return any(
        e.op.name in names or any(isinstance(v, Program) and _holds(v.equations, names) for v in e.params.values())
        for e in equations
    )


def _by_rows(trace: Trace, results: Sequence[Value], wanted: list[Target]) -> list[list[Value]]:
    """For each result the blocks of all leaves: its cotangent runs through the unit vectors."""
    builder = trace.builder
    base = builder.last_level()
    blocks = []
    for y in results:
        with _on_top_of(builder, base):
            if not y.shape:
                pulled = partial(_pulled, builder, y, wanted)
                _check_number(builder, y, cotangent_name, pulled)
                blocks.append(pulled(builder.value(1.0)))
                continue
            one = Var(y.type.strong(), cotangent_name(name_of(y)))
            since = len(builder.equations)
            rows = _pulled(builder, y, wanted, Value(builder, one))
            check_holomorphic(builder, since, one, rows)
            batched = batched_or_explained(builder, since, {one: _basis(builder, y)}, rows, y.size)
            blocks.append([_reshaped(b, (*y.shape, *row.shape)) for b, row in zip(batched, rows, strict=True)])
    return blocks


def _by_columns(
    trace: Trace, results: Sequence[Value], wanted: list[Target], symmetric: bool = False
) -> list[list[Value]]:
    """As `_by_rows`: the tangent of each leaf runs through the unit vectors. The columns are put upright, unless the
    whole is `symmetric`: then they are as good as rows."""
    builder = trace.builder
    base = builder.last_level()
    columns: list[list[Value]] = []
    for x in (value for target in wanted for value in target.values):
        with _on_top_of(builder, base):
            if not x.shape:
                pushed = partial(_moved, trace, results, x)
                _check_number(builder, x, tangent_name, pushed)
                columns.append(pushed(builder.value(1.0)))
                continue
            one = Var(x.type.strong(), tangent_name(name_of(x)))
            since = len(builder.equations)
            moved = _moved(trace, results, x, Value(builder, one))
            check_holomorphic(builder, since, one, moved)
            batched = batched_or_explained(builder, since, {one: _basis(builder, x)}, moved, x.size)
            if symmetric:
                columns.append([_reshaped(b, (*x.shape, *y.shape)) for b, y in zip(batched, results, strict=True)])
            else:
                columns.append([_upright(b, y, x) for b, y in zip(batched, results, strict=True)])
    return columns if symmetric else [[column[i] for column in columns] for i in range(len(results))]


def _pulled(builder: Builder, y: Value, wanted: list[Target], cotangent: Value) -> list[Value]:
    return differentiate(builder, [(y, cotangent)], wanted)


def _moved(trace: Trace, results: Sequence[Value], x: Value, tangent: Value) -> list[Value]:
    return tangents_along(trace, results, [x], [tangent])


def _check_number(
    builder: Builder, like: Value, called: Callable[[str], str], run: Callable[[Value], list[Value]]
) -> None:
    """As `check_holomorphic`, of a pass in one direction, which need not be a variable to be written."""
    if like.dtype.kind == "c":
        one, since = Var(like.type.strong(), called(name_of(like))), len(builder.equations)
        check_holomorphic(builder, since, one, run(Value(builder, one)))
        builder.remove(builder.equations[since:], [one])


def check_holomorphic(builder: Builder, since: int, one: Var, ends: Sequence[Value]) -> None:
    """One complex number for each pair of elements says all only where the derivative is linear over them."""
    mixed = first_mixed(builder.equations[since:], one, ends) if one.type.dtype.kind == "c" else None
    if mixed is not None:
        raise GradientError(
            explain(
                "a function that is not holomorphic has no derivative of complex numbers",
                mixed.origin or called_at(),
                "jacobian(lambda a, b: f(a + 1j * b), argnums=(0, 1)), by the real and the imaginary part",
                "outputs",
            )
        )


@contextmanager
def _on_top_of(builder: Builder, base: int) -> Iterator[None]:
    """Passes for several results, or for several arguments, stand beside each other, above the same level."""
    since, transposed = len(builder.equations), set(builder.transposed)
    yield
    slopes = builder.transposed - transposed
    written = slopes | {e.level for e in builder.equations[since:]}
    builder.relevel(since, {level: base + 1 + (bool(slopes) and level not in slopes) for level in written})


def _basis(builder: Builder, like: Value) -> Value:
    """The unit vectors in the space of a value, one after the other."""
    with builder.at(builder.origin, builder.last_level()):
        unit = eye(like, like.size)
        return unit if like.ndim == 1 else reshape(unit, shape=(like.size, *like.shape))


def _reshaped(batched: Value, shape: tuple[int, ...]) -> Value:
    with batched.builder.at(None, batched.builder.last_level()):
        return batched if batched.shape == shape else reshape(batched, shape=shape)


def _upright(batched: Value, y: Value, x: Value) -> Value:
    with batched.builder.at(None, batched.builder.last_level()):
        if batched.ndim > 1:
            batched = transpose(batched, axes=(*range(1, batched.ndim), 0))
        return batched if x.ndim == 1 else reshape(batched, shape=(*y.shape, *x.shape))


def batched_or_explained(
    builder: Builder, since: int, examples: Mapping[Var, Value], outputs: Sequence[Value], size: int
) -> list[Value]:
    """As `vectorize`. UnsupportedError, with the user's line, where an operation cannot be batched."""
    try:
        return vectorize(builder, since, examples, outputs, size)
    except NotBatchable as error:
        raise UnsupportedError(
            explain(
                f"this cannot be done for a batch: {error}",
                error.equation.origin,
                "np.stack([f(x) for x in xs]): a loop over the examples",
                "batches",
            )
        ) from None


def _arguments(trace: Trace, request: Request, wanted: Sequence[Target], values: Sequence[Value]) -> Any:
    """One result's derivatives in the structure of the arguments."""
    leaves = iter([wrap(trace, v) for v in values])
    parts = [_nested(target.structure, leaves) for target in wanted]
    return tuple(parts) if isinstance(request.argnums, tuple) else parts[0]


def name_of(value: Value) -> str:
    """The name of a value in the program, if it has one."""
    return value.atom.name if isinstance(value.atom, Var) else ""


def _nested(structure: Structure, parts: Iterator[Any]) -> Any:
    """The structure with a part for each leaf, and None for what is no array."""
    if structure.kind == "leaf":
        return next(parts)
    if structure.kind == "static":
        return None
    return rebuild(structure, [_nested(child, parts) for child in structure.children])
