"""A text for lengths in symbols: written twice, for different witnesses, and only believed if it is the same text.

What the compiler or the function makes of a length without its symbol differs from witness to witness, be it a number,
the number of rounds of a loop, or a decision. So a symbol that got lost is an error, never a text for one length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..ir import dims
from ..ir import expressions as poly
from ..ir.assumptions import Assumptions, assuming
from ..ir.dims import Dim
from ..ir.program import Equation, Origin, Program, Var
from ..ir.symbols import WITNESSES
from ..ir.types import ArrayType
from ..tracer.errors import TapelessError, TracingError, explain
from ..tracer.function import AbstractLeaf
from ..tracer.lengths import lengths_answered, or_a_number
from ..tracer.structure import flatten, unflatten
from .binding import Parameters

if TYPE_CHECKING:
    from .compilation import Stages

Compile = Callable[[Parameters], "Stages"]


def leaves_of(parameters: Parameters) -> Iterator[Any]:
    """Every array and number among the arguments."""
    for _, _, value in parameters:
        yield from flatten(value)[0]


def symbols_of(parameters: Parameters) -> dict[str, int]:
    """The symbols in the shapes of the arguments, with their numbers."""
    found: dict[str, int] = {}
    for leaf in leaves_of(parameters):
        for n in leaf.type.shape if isinstance(leaf, AbstractLeaf) else ():
            if isinstance(n, Dim):
                found.update(poly.numbered(n.expression))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def compile_in_symbols(
    compile_: Compile, parameters: Parameters, symbols: Mapping[str, int], patient: bool = True
) -> Stages:
    """The stages for all lengths. Raises TracingError where the text depends on one of them, naming the user's line.

    Lengths that small numbers divide are tried only if `patient`: a function that is called waits for all this.
    """
    _check_told(parameters, symbols)
    failures: list[Exception] = []
    taken = {name for name, _, _ in parameters}
    names = {name: f"len_{name}" if name in taken else name for name in symbols}
    for witnesses in WITNESSES if patient else WITNESSES[:2]:
        ordered = witnesses in WITNESSES[1::2]
        try:
            (one, lost), (other, also_lost) = (
                _compiled(compile_, parameters, symbols, names, w, ordered) for w in witnesses
            )
        except TapelessError:
            raise
        except Exception as error:  # the function may ask for other lengths: an even one, a longer one
            failures.append(error)
            continue
        if _same(one, other) and not lost & also_lost:  # what both witnesses have in common, other lengths may not
            return one
        failures.append(_lost(one, other, list(names.values())))
    raise _in_symbols(failures[0], names.values())


def _check_told(parameters: Parameters, symbols: Iterable[str]) -> None:
    """Refuse a symbol that no length tells: of n * d alone nobody knows n."""
    shapes = [leaf.type.shape for leaf in leaves_of(parameters) if isinstance(leaf, AbstractLeaf)]
    told = {found[0] for shape in shapes for n in shape if (found := dims.linear(n)) is not None}
    for name in symbols:
        if name not in told:
            raise TracingError(
                explain(
                    f"the dimension {name} follows from no shape of the arguments",
                    None,
                    f"f64[{name}], f64[2 * {name}] or f64[{name} + 1] for one of the arrays",
                    "symbolic-dimensions",
                )
            )


def _compiled(
    compile_: Compile, parameters: Parameters, symbols: Mapping[str, int], names: Mapping[str, str],
    witnesses: Sequence[int], ordered: bool,
) -> tuple[Stages, set[str]]:  # fmt: skip
    lengths = {name: Dim(witnesses[number], poly.symbol(names[name], number)) for name, number in symbols.items()}
    with assuming(Assumptions(ordered)) as assumptions, lengths_answered():
        stages = compile_([(name, kind, _bound(value, lengths)) for name, kind, value in parameters])
    stages.assumptions = tuple(assumptions.found.values())
    return stages, assumptions.lost


def _bound(value: Any, lengths: Mapping[str, Dim]) -> Any:
    """The argument with its symbols bound to these lengths."""
    leaves, structure = flatten(value)
    if not any(isinstance(leaf, AbstractLeaf) for leaf in leaves):
        return value
    return unflatten(structure, iter([_leaf(leaf, lengths) for leaf in leaves]))


def _leaf(leaf: Any, lengths: Mapping[str, Any]) -> Any:
    if not isinstance(leaf, AbstractLeaf):
        return leaf
    type_ = leaf.type
    shape = tuple(dims.bound(n, lengths) for n in type_.shape)
    return AbstractLeaf(ArrayType(shape, type_.dtype, type_.weak))


def _same(one: Stages, other: Stages) -> bool:
    return (
        one.generated.text == other.generated.text
        and [a.text for a in one.assumptions] == [a.text for a in other.assumptions]
        and [(a.shape, a.dtype) for a in one.captured] == [(a.shape, a.dtype) for a in other.captured]
        and [h.__name__ for h in one.generated.helpers] == [h.__name__ for h in other.generated.helpers]
    )


def _in_symbols(error: Exception, names: Iterable[str]) -> Exception:
    """The error of a witness, told of the lengths that it stands for."""
    if error.args and isinstance(error.args[0], str) and not isinstance(error, TapelessError):
        text = error.args[0]
        for name, witness in zip(names, WITNESSES[0][0]):
            text = re.sub(rf"\b{witness}\b", name, text)
        error.args = (text, *error.args[1:])
    return error


def _lost(one: Stages, other: Stages, names: Sequence[str]) -> TracingError:
    """The error for texts that differ, at the first line of the user's that does."""
    origin = None
    for programs in ((one.trace, other.trace), (one.adjoint, other.adjoint), (one.optimized, other.optimized)):
        origin = _first_difference(*programs)
        if origin is not None:
            break
    shown = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return TracingError(
        explain(
            f"what is recorded here depends on how long {shown} is, and the text is for every length",
            origin or one.trace.origin,
            f"lengths taken from x.shape, scan(step, init, xs) instead of a loop; {or_a_number(names[0])}",
            "symbolic-dimensions",
        )
    )


def _first_difference(one: Program, other: Program) -> Origin | None:
    """The user's line at the first equation that two programs do not have in common."""
    places: tuple[dict[Var, int], dict[Var, int]] = ({}, {})
    for program, known in zip((one, other), places, strict=True):
        for var in (*program.inputs, *program.captures):
            known[var] = len(known)
    longer = one if len(one.equations) >= len(other.equations) else other
    for number, pair in enumerate(zip_longest(one.equations, other.equations)):
        if None in pair or _shown(pair[0], places[0]) != _shown(pair[1], places[1]):
            at = min(number, len(longer.equations) - 1)
            return longer.equations[at].origin if longer.equations else None
        for equation, known in zip(pair, places, strict=True):
            for out in equation.outs:
                known[out] = len(known)
    return None


def _shown(equation: Equation, known: Mapping[Var, int]) -> Any:
    operands = [known.get(o, -1) if isinstance(o, Var) else repr(o.value) for o in equation.operands]
    params = {k: str(v) for k, v in equation.params.items() if not isinstance(v, Program)}
    return equation.op.name, operands, params, [str(out.type) for out in equation.outs]
