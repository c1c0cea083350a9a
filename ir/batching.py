"""Batching: a program over one example becomes a program over all of them, the examples along the first axis.

Every operation says in its record how it is done for a batch (`Op.batch`); an elementwise one needs to say nothing.
A rule gets (batch, *operands, **params), where the operands that differ between examples have the batch axis in front,
and returns the batched result, or a tuple of results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .builder import Builder, Value
from .op import BY_NAME, Refused
from .program import Atom, Equation, Program, Var
from .types import ArrayType, normalize_axes, normalize_axis

Axis = int | tuple[int, ...] | None
Rounds = dict[Atom, Value | None]  # of a list that a while loop kept: which examples went on, if not all did


class NotBatchable(NotImplementedError):
    """A batch was asked for of an operation that has no batching rule; `equation` is where."""

    def __init__(self, reason: str, equation: Equation) -> None:
        super().__init__(reason)
        self.equation = equation


@dataclass(frozen=True, slots=True)
class Batch:
    """One equation to be done for `size` examples; `types` and `outs` are those of one example."""

    builder: Builder
    equation: Equation
    size: int
    batched: tuple[bool, ...]  # which operands differ between the examples
    rounds: Rounds

    @property
    def types(self) -> tuple[ArrayType, ...]:
        return tuple(o.type for o in self.equation.operands)

    @property
    def out(self) -> ArrayType:
        return self.equation.out.type

    def full(self, value: Value, number: int) -> Value:
        """The operand with the batch axis, also where it is the same for every example."""
        if self.batched[number]:
            return value
        new = self.builder.definition(value, "filled")
        if new is not None:  # a buffer for each example
            filled: Value = self.builder.emit(new.op, **{**new.params, "shape": (self.size, *value.shape)})
            return filled
        repeated: Value = BY_NAME["broadcast_to"](value, shape=(self.size, *value.shape))
        return repeated

    def aligned(self, value: Value, number: int, rank: int) -> Value:
        """The operand with ones behind the batch axis, so that it broadcasts with examples of this rank."""
        missing = rank - self.types[number].ndim
        if not self.batched[number] or missing <= 0:
            return value
        return insert_axes(value, 1, missing)

    def refuse(self, reason: str) -> NotBatchable:
        return NotBatchable(reason, self.equation)


@dataclass(frozen=True, slots=True)
class Unbatched:
    """A result among several that is the same for every example."""

    value: Value


def insert_axes(value: Value, at: int, count: int) -> Value:
    """`count` axes of length 1 in front of the axis `at`."""
    if count <= 0:
        return value
    wider: Value = BY_NAME["expand_dims"](value, axis=tuple(range(at, at + count)))
    return wider


def shift_axes(axis: Axis, ndim: int) -> Axis:
    """The axes of an example with `ndim` axes as axes of the batch; None, which is all of them, as their tuple."""
    if axis is None:
        return 1 if ndim == 1 else tuple(range(1, ndim + 1))
    if isinstance(axis, tuple):
        return tuple(a + 1 for a in normalize_axes(axis, ndim))
    return normalize_axis(axis, ndim) + 1


# ------------------------------------------------------------------------------------------------- rules for families


def elementwise(batch: Batch, *operands: Value, **params: Any) -> Any:
    """Element by element, with the examples' axes aligned as broadcasting aligns them."""
    rank = max((t.ndim for t in batch.types), default=0)
    aligned = [batch.aligned(v, i, rank) for i, v in enumerate(operands)]
    return batch.builder.emit(batch.equation.op, *aligned, **params)


def along(*names: str) -> Callable[..., Any]:
    """The rule of an operation whose params `names` count axes of its first operand, the only one that may differ."""

    def rule(batch: Batch, x: Value, *operands: Value, **params: Any) -> Any:
        if any(batch.batched[1:]):
            raise batch.refuse(f"{batch.equation.op.name} is not batched over its further operands")
        ndim = batch.types[0].ndim
        moved = {name: shift_axes(params[name], ndim) for name in names}
        if not ndim and any(params[name] is None for name in names):
            moved = dict.fromkeys(names, ())
        return batch.builder.emit(batch.equation.op, x, *operands, **{**params, **moved})

    return rule


def along_or_flat(batch: Batch, x: Value, *, axis: int | None, **params: Any) -> Any:
    """The rule of an operation along one axis that takes its operand as one row when the axis is None."""
    if axis is not None:
        return batch.builder.emit(batch.equation.op, x, axis=shift_axes(axis, batch.types[0].ndim), **params)
    row = as_rows(x)
    result: Value = batch.builder.emit(batch.equation.op, row, axis=1, **params)
    expected = (batch.size, *batch.out.shape)
    return result if result.shape == expected else BY_NAME["reshape"](result, shape=expected)


def along_places(batch: Batch, x: Value, *, axes: tuple[int, ...] | None, **params: Any) -> Any:
    """The rule of an operation along `axes`, in the order in which they are given; None is all of them."""
    places = range(batch.types[0].ndim) if axes is None else axes
    return batch.builder.emit(batch.equation.op, x, axes=tuple(a + 1 for a in places), **params)


def together_along(batch: Batch, *operands: Value, axis: Axis, **params: Any) -> Any:
    """The rule of an operation along axes of what its operands broadcast to."""
    rank = max(t.ndim for t in batch.types)
    aligned = [batch.aligned(v, i, rank) for i, v in enumerate(operands)]
    moved = shift_axes(axis, rank) if rank else ()
    return batch.builder.emit(batch.equation.op, *aligned, axis=moved, **params)


def all_along(batch: Batch, *operands: Value, axis: int, **params: Any) -> Any:
    """The rule of an operation along an axis of operands of equal shapes."""
    full = [batch.full(v, i) for i, v in enumerate(operands)]
    return batch.builder.emit(batch.equation.op, *full, axis=shift_axes(axis, batch.types[0].ndim), **params)


def as_rows(x: Value) -> Value:
    """Each example as one row."""
    if x.ndim == 2:
        return x
    rows: Value = BY_NAME["reshape"](x, shape=(x.shape[0], prod(x.shape[1:])))
    return rows


def stacks(*core: int) -> Callable[..., Any]:
    """The rule of an operation over stacks: operand i is a stack of arrays with core[i] axes (the last counts on).

    What stands in front of the core axes broadcasts.
    """

    def rule(batch: Batch, *operands: Value, **params: Any) -> Any:
        cores = [core[min(i, len(core) - 1)] for i in range(len(operands))]
        outer = max(t.ndim - c for t, c in zip(batch.types, cores, strict=True))
        aligned = [batch.aligned(v, i, outer + c) for i, (v, c) in enumerate(zip(operands, cores, strict=True))]
        return batch.builder.emit(batch.equation.op, *aligned, **params)

    return rule


def stacks_in_full(batch: Batch, *operands: Value, **params: Any) -> Any:
    """As `stacks`, for an operation that broadcasts nothing: every operand gets the batch axis."""
    return batch.builder.emit(batch.equation.op, *(batch.full(v, i) for i, v in enumerate(operands)), **params)


def of_no_examples(batch: Batch, *operands: Value, **params: Any) -> tuple[Value, ...]:
    """Results of length 0: NumPy and SciPy refuse some operations on stacks of nothing."""
    filled, emit = BY_NAME["filled"], batch.builder.emit
    types = (batch_type(out.type, 0) for out in batch.equation.outs)
    return tuple(emit(filled, value=0, shape=t.shape, dtype=t.dtype) for t in types)


# ----------------------------------------------------------------------------------------------------- the transform


def vectorize(
    builder: Builder, since: int, examples: Mapping[Var, Value], outputs: Sequence[Value], size: int
) -> list[Value]:
    """Replace what `builder` holds from equation `since` on by the same for a batch.

    `examples` gives for each variable that stands for one example the batch of them, along the first axis. Returns the
    outputs with the batch axis in front, broadcast where they do not depend on the example. What does not depend on
    the example is done once. Raises NotBatchable where a rule is missing.
    """
    batches: dict[Var, Value] = dict(examples)
    differ = dependents(builder, examples, since)
    single = [e for e in builder.equations[since:] if any(o in differ for o in e.operands)]
    builder.remove(single, examples)
    same: dict[Var, Value] = {}
    rounds: Rounds = {}
    for equation in single:
        _emit(builder, equation, batches, same, rounds, size)
    results = []
    for output in outputs:
        atom = output.atom
        if isinstance(atom, Var) and atom in batches:
            results.append(batches[atom])
        else:
            one = same.get(atom, output) if isinstance(atom, Var) else output
            results.append(BY_NAME["broadcast_to"](one, shape=(size, *one.shape)))
    return results


def _emit(
    builder: Builder,
    equation: Equation,
    batches: dict[Var, Value],
    same: dict[Var, Value],
    rounds: Rounds,
    size: int,
) -> None:
    """One equation for the whole batch; `same` are results that turned out to be the same for every example."""
    flags = tuple(isinstance(o, Var) and o in batches for o in equation.operands)
    operands = [_found(builder, o, batches, same) for o in equation.operands]
    if not any(flags):  # what it seemed to depend on is the same for all
        with builder.at(equation.origin, equation.level):
            result = builder.emit(equation.op, *operands, **equation.params)
        for out, value in zip(equation.outs, result if isinstance(result, tuple) else (result,), strict=True):
            same[out] = _named(out, value)
        return
    rule = equation.op.batch
    if isinstance(rule, Refused):
        raise NotBatchable(rule.reason, equation)
    if rule is None and equation.op.elementwise:
        rule = elementwise
    if rule is None:
        raise NotBatchable(f"{equation.op.name} has no batching rule", equation)
    if not size and not equation.op.effect:
        rule = of_no_examples
    with builder.at(equation.origin, equation.level):
        result = rule(Batch(builder, equation, size, flags, rounds), *operands, **equation.params)
        for out, value in zip(equation.outs, result if isinstance(result, tuple) else (result,), strict=True):
            if isinstance(value, Unbatched):
                same[out] = _named(out, value.value)
            else:
                batches[out] = _checked(equation, out, value, size)


def _found(builder: Builder, atom: Atom, batches: Mapping[Var, Value], same: Mapping[Var, Value]) -> Value:
    if isinstance(atom, Var) and (atom in batches or atom in same):
        return batches[atom] if atom in batches else same[atom]
    return Value(builder, atom)


def _checked(equation: Equation, out: Var, value: Value, size: int) -> Value:
    """The batched result, held to the type of one example's and given its name."""
    expected = batch_type(out.type, size).shape
    if value.shape != expected:
        raise AssertionError(f"{equation.op.name}: a batch of {expected} was expected, not {value.shape}")
    if value.dtype != out.type.dtype:  # a Python number among the examples has become an array
        value = BY_NAME["astype"](value, dtype=out.type.dtype)
    return _named(out, value)


def _named(out: Var, value: Value) -> Value:
    if isinstance(value.atom, Var) and out.name and not value.atom.name:
        value.atom.name, value.atom.named = out.name, out.named
    return value


def batched_program(program: Program, batched: Sequence[bool], size: int, outs: Sequence[bool] = ()) -> BatchedProgram:
    """The program over all examples: inputs marked in `batched` have the batch axis in front.

    Outputs have it where they depend on a marked input, and where `outs` asks for it.
    """
    from .ops.loops import inline

    builder = Builder()
    examples: dict[Var, Value] = {}
    inputs: list[Value] = []
    for var, flag in zip(program.inputs, batched, strict=True):
        if flag:
            one = Value(builder, Var(var.type, var.name, var.named))
            assert isinstance(one.atom, Var)
            examples[one.atom] = builder.input(batch_type(var.type, size), var.name)
            inputs.append(one)
        else:
            inputs.append(builder.input(var.type, var.name))
    results = inline(builder, program, inputs)
    depends = dependents(builder, examples)
    asked = tuple(outs) or (False,) * len(results)
    flags = tuple(a or (isinstance(r.atom, Var) and r.atom in depends) for a, r in zip(asked, results, strict=True))
    full = vectorize(builder, 0, examples, [r for r, f in zip(results, flags, strict=True) if f], size)
    remaining = iter(full)
    outputs = [next(remaining) if f else r for r, f in zip(results, flags, strict=True)]
    return BatchedProgram(builder.program(program.name, outputs, program.origin), flags)


@dataclass(frozen=True, slots=True)
class BatchedProgram:
    """A program over a batch, and which of its outputs have the batch axis."""

    program: Program
    batched: tuple[bool, ...]


def batch_type(type_: ArrayType, size: int) -> ArrayType:
    """The type of `size` examples; where the number of rounds is not known (-1), that axis stays in front."""
    if type_.shape[:1] == (-1,):
        return ArrayType((-1, size, *type_.shape[1:]), type_.dtype)
    return ArrayType((size, *type_.shape), type_.dtype)


def dependents(builder: Builder, variables: Mapping[Var, Any], since: int = 0) -> set[Var]:
    """The variables, and everything that is computed from them."""
    found = set(variables)
    for equation in builder.equations[since:]:
        if any(o in found for o in equation.operands):
            found.update(equation.outs)
    return found
