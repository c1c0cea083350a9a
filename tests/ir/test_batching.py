"""Every record's batching rule, enrolled by itself: a batch is what its examples are one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gradcheck import check_gradient, evaluate, forward_program, is_inexact
from samples import Sample, build_of, differentiable, samples_of
from test_every_op import ALL, importable, sampled_elsewhere

from tapeless.ir.batching import NotBatchable, batched_program
from tapeless.ir.indexing import SLOT
from tapeless.ir.op import BY_NAME, Op, Refused
from tapeless.ir.ops.loops import inline
from tapeless.ir.types import type_of

SIZE = 3


def rule_of(op: Op) -> Any:
    return op.batch if op.batch is not None else op.elementwise or None


SAMPLED = [name for name in ALL if BY_NAME[name].operand_names and not BY_NAME[name].effect]
RULED = [name for name in SAMPLED if rule_of(BY_NAME[name]) and not isinstance(BY_NAME[name].batch, Refused)]


@pytest.mark.parametrize("name", SAMPLED)
def test_every_record_says_how_it_is_batched(name: str) -> None:
    assert rule_of(BY_NAME[name]) is not None, f"{name} needs batch=..., a rule or Refused(reason)"


# Operands that must be the same for all examples, by their number, for the reason that the rule gives.
REFUSED: dict[str, set[int]] = {
    "add_reduceat": {1},  # where the sums begin, which must rise
    "digitize": {1},  # bins that rise or fall: NumPy finds out which
    "histogram": {1},  # edges that rise: NumPy makes sure
    "scipy_lfilter": {0, 1},  # the coefficients of a filter
}


def is_refused(op: Op, sample: Sample, flags: tuple[bool, ...]) -> bool:
    """Whether the operands that differ are among those; of masks, where the number of true entries matters."""
    differing = {k for k, flag in enumerate(flags) if flag}
    if op.name in ("set_item", "index_add"):
        masks = {k for k, x in enumerate(sample.operands) if k > 1 and np.asarray(x).dtype.kind == "b"}
        partial = sample.params["index"] != (SLOT,) and bool(differing & masks)
        return bool(masks) and (np.ndim(sample.operands[1]) > 0 or partial)
    return bool(differing & REFUSED.get(op.name, set()))


ONLY_AS_IT_IS = {("searchsorted", 2)}  # an operand of which a changed one would not go with the others


def examples(op: Op, number: int, operand: Any) -> Any:
    """Different operands of the same kind: scaled, or with the elements in another order."""
    array = np.asarray(operand)
    if (op.name, number) in ONLY_AS_IT_IS:
        return np.stack([array] * SIZE)
    if array.dtype.kind in "fc":
        return np.stack([array * (1 - 0.07 * k) for k in range(SIZE)]).astype(array.dtype)
    return np.stack([np.roll(array, k) for k in range(SIZE)])


def _numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


_ROW, _ODD = _numbers(4), np.array([np.nan, np.inf, -np.inf, 0.5])
# Where a rule that composes other operations may go wrong, beside the samples.
CORNERS: dict[str, list[Sample]] = {
    "interp": [
        Sample((_ODD, np.array([0.0, 1, 2]), _numbers(3)), {"left": 1.5}),
        Sample((np.array([0.0, 1, 0.93, 1.86, 2, 3]), np.array([0.0, 1, 1, 2, 2]), _numbers(5))),
        Sample((_ODD, np.array([0.5]), np.array([2.0]))),
        Sample((_ROW.astype(np.float32), np.array([-1, 0, 1], np.float16), _numbers(3).astype(np.float32))),
        Sample((_ROW, np.array([-1, 0, 1]), np.array([1j, 2, 3 - 1j]))),
    ],
    "searchsorted": [Sample((np.array([-1.0, 0, 0, np.nan]), _ODD), {"side": side}) for side in ("left", "right")]
    + [Sample((np.zeros(0), _ROW))],
    "histogram": [Sample((_ODD, np.array([-1.0, 0, 1]), np.array([1, 2, 3, 4])))],
    "bincount": [Sample((np.array([0, 3, 3], np.uint8), _numbers(3).astype(np.float32)), {"length": 4})],
    "isin": [Sample((_ODD, np.array([np.nan, 0.5])))],
    "diagonal_matrix": [Sample((_ODD,), {"offset": -1})],
    "lstsq": [Sample((_numbers(3, 2, seed=k), _numbers(3)), {"rcond": rcond}) for k, rcond in enumerate((-1, 0.3))],
    "matrix_rank": [Sample((_ROW,)), Sample((np.zeros(3),))],
    "convolve": [Sample((_numbers(2), _numbers(5)), {"mode": mode}) for mode in ("full", "same", "valid")],
    "correlate": [Sample((_numbers(2), 1j * _numbers(5)), {"mode": mode}) for mode in ("full", "same", "valid")],
    "scipy_convolve": [Sample((_numbers(70), _numbers(80)), {"mode": mode}) for mode in ("full", "same", "valid")],
    "scipy_correlate": [Sample((_numbers(80), 1j * _numbers(70)), {"mode": mode}) for mode in ("same", "valid")],
    "scipy_correlate2d": [Sample((_numbers(3, 4), _numbers(2, 2)), {"mode": mode}) for mode in ("same", "valid")],
    "median": [Sample((_ROW[0],)), Sample((_ODD,))],
    "weighted_quantile": [Sample((_numbers(2, 3, 4), np.abs(_numbers(4, 2))), {"q": 0.3, "axis": (2, 0)})],
}


def subsets(sample: Sample) -> Iterator[tuple[bool, ...]]:
    """Which operands differ: each alone, and all of them."""
    able = [type(x) not in (bool, int, float, complex) for x in sample.operands]
    count = len(able)
    found = [tuple(i == k for i in range(count)) for k in range(count) if able[k]]
    if count > 1 and any(able) and tuple(able) not in found:
        found.append(tuple(able))
    yield from found


CASES = [
    pytest.param(BY_NAME[name], sample, flags, id=f"{name}-{i}-{''.join('b' if f else '_' for f in flags)}")
    for name in RULED
    if importable(BY_NAME[name]) and not sampled_elsewhere(BY_NAME[name])
    for i, sample in enumerate([*samples_of(BY_NAME[name]), *CORNERS.get(name, [])])
    for flags in subsets(sample)
]


@pytest.mark.parametrize(("op", "sample", "flags"), CASES)
def test_a_batch_is_its_examples(op: Op, sample: Sample, flags: tuple[bool, ...]) -> None:
    program = forward_program(build_of(op, sample.params), sample.operands)
    given = [examples(op, k, x) if f else x for k, (x, f) in enumerate(zip(sample.operands, flags, strict=True))]
    if is_refused(op, sample, flags):
        with pytest.raises(NotBatchable):
            batched_program(program, flags, SIZE)
        return
    batch = batched_program(program, flags, SIZE)
    with np.errstate(all="ignore"):
        one_by_one = [
            evaluate(program, [x[k] if f else x for x, f in zip(given, flags, strict=True)]) for k in range(SIZE)
        ]
        results = evaluate(batch.program, given)
    for place, (result, batched) in enumerate(zip(results, batch.batched, strict=True)):
        assert batched
        expected = np.stack([np.asarray(found[place]) for found in one_by_one])
        assert result.shape == expected.shape
        assert result.dtype == type_of(one_by_one[0][place]).dtype
        coarse = result.dtype in (np.float16, np.float32, np.complex64)
        np.testing.assert_allclose(result, expected, rtol=1e-4 if coarse else 1e-9, atol=1e-5 if coarse else 1e-11)


def test_a_negative_place_raises_as_in_one_example() -> None:
    program = forward_program(lambda x: BY_NAME["bincount"](x, length=4), (np.array([0, 3]),))
    with pytest.raises(ValueError, match="negative"):
        evaluate(batched_program(program, [True], 2).program, [np.array([[0, 1], [-1, 2]])])


FIRST = {case.values[0].name: case for case in reversed(CASES)}


@pytest.mark.parametrize(("op", "sample", "flags"), list(FIRST.values()))
def test_a_batch_of_none_has_the_right_type(op: Op, sample: Sample, flags: tuple[bool, ...]) -> None:
    if is_refused(op, sample, flags):
        return
    program = forward_program(build_of(op, sample.params), sample.operands)
    given = [examples(op, k, x)[:0] if f else x for k, (x, f) in enumerate(zip(sample.operands, flags, strict=True))]
    for one, result in zip(program.outputs, evaluate(batched_program(program, flags, 0).program, given), strict=True):
        assert (result.shape, result.dtype) == ((0, *one.type.shape), one.type.dtype)


def has_slope(op: Op, number: int) -> bool:
    """Whether the record has a derivative with respect to this operand."""
    return not isinstance(op.rule, tuple) or callable(op.rule[min(number, len(op.rule) - 1)])


def sloped() -> Iterator[Any]:
    """A first sample of each differentiable record with a rule of its own; all operands differ, or one."""
    for name in RULED:
        op = BY_NAME[name]
        if op.batch is None or not differentiable(op) or not importable(op) or sampled_elsewhere(op):
            continue
        for sample in samples_of(op):
            able = tuple(is_inexact(x) and k not in REFUSED.get(name, set()) for k, x in enumerate(sample.operands))
            if any(able) and sum(np.size(x) for x in sample.operands) < 30:
                yield pytest.param(op, sample, able, id=name)
                if sum(able) > 1:  # one differs, the others are shared
                    yield pytest.param(
                        op, sample, tuple(k == able.index(True) for k in range(len(able))), id=f"{name}-1"
                    )
                break


@pytest.mark.parametrize(("op", "sample", "flags"), list(sloped()))
def test_a_batch_has_the_gradient_of_its_examples(op: Op, sample: Sample, flags: tuple[bool, ...]) -> None:
    program = forward_program(build_of(op, sample.params), sample.operands)
    given = [examples(op, k, x) if f else x for k, (x, f) in enumerate(zip(sample.operands, flags, strict=True))]
    batch = batched_program(program, flags, SIZE).program
    wanted = [k for k, x in enumerate(given) if is_inexact(x) and has_slope(op, k)]
    check_gradient(lambda *values: tuple(inline(values[0].builder, batch, values)), given, wanted=wanted, order=1)
