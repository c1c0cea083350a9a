"""Every record of the registry, enrolled by itself: gradients of both orders, and the text that codegen prints."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gradcheck import check_gradient, check_low_precision, evaluate, forward_program
from samples import COMPOSED, COMPOSITION, PLAIN, TABLE, Sample, build_of, differentiable, is_ufunc, samples_of

from tapeless.ir import ops
from tapeless.ir.builder import Builder
from tapeless.ir.grad import active_variables
from tapeless.ir.op import BY_NAME, Op, Refused
from tapeless.ir.types import type_of

assert ops  # importing it fills the registry


def cases(names: list[str]) -> list[Any]:
    return [pytest.param(BY_NAME[n], s, id=f"{n}-{i}") for n in names for i, s in enumerate(samples_of(BY_NAME[n]))]


def importable(op: Op) -> bool:
    return all(importlib.util.find_spec(module.partition(".")[0]) for module in op.imports)


def sampled_elsewhere(op: Op) -> bool:
    """Loops and rules hold programs, opaque calls hold functions, lists stand between loops alone, and `underivable` is
    there to refuse: whole functions sample them, in tests of their own."""
    held = [str(annotation) for annotation in op.infer.__annotations__.values()]
    if op.name in ("array_of", "list_of", "numbers", "stack_of"):
        return True
    return any("Program" in one or "External" in one for one in held) or op.name == "underivable"


ALL = sorted(BY_NAME)
DIFFERENTIABLE = [name for name in ALL if differentiable(BY_NAME[name])]


@pytest.mark.parametrize("name", ALL)
def test_every_record_has_a_sample(name: str) -> None:
    op = BY_NAME[name]
    if sampled_elsewhere(op):
        return
    known = is_ufunc(op) or name in TABLE or name in PLAIN
    assert known, f"{name}: add operands and params to TABLE (or PLAIN, if it has no derivative) in samples.py"
    if differentiable(op) and importable(op):
        assert samples_of(op), f"{name} is differentiable and needs a sample in TABLE"


def test_no_sample_is_left_over() -> None:
    assert set(TABLE) | set(PLAIN) <= set(BY_NAME)
    assert set(COMPOSED) == set(COMPOSITION)


@pytest.mark.parametrize("name", ALL)
def test_not_differentiable_is_said(name: str) -> None:
    op = BY_NAME[name]
    if op.operand_names:
        assert op.rule is not None, f"{name} has neither a vjp nor NONDIFF"
    if isinstance(op.rule, tuple):
        assert len(op.rule) == len(op.operand_names), f"{name}: one rule for each operand"


@pytest.mark.parametrize(("op", "sample"), cases(DIFFERENTIABLE))
def test_gradient(op: Op, sample: Sample) -> None:
    check_gradient(build_of(op, sample.params), sample.operands, order=sample.order)


@pytest.mark.parametrize(("op", "sample"), cases(DIFFERENTIABLE))
def test_gradient_in_low_precision(op: Op, sample: Sample) -> None:
    check_low_precision(build_of(op, sample.params), sample.operands)


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if len(BY_NAME[n].operand_names) == 2 and n in BY_NAME])
def test_one_operand_used_twice(name: str) -> None:
    op = BY_NAME[name]
    for sample in samples_of(op):
        a, b = (*sample.operands, None)[:2]
        if (
            len(sample.operands) != 2
            or np.shape(a) != np.shape(b)
            or not type_of(a).inexact
            or name in ("fmod", "remainder", "set_real", "set_imag")
        ):
            continue
        if name in ("maximum", "minimum", "fmax", "fmin"):
            return  # a tie everywhere: see test_kinks.py
        for x in (a, b):
            low = max(d[0] for d in op.domain) if is_ufunc(op) else -np.inf
            x = np.abs(x) + 0.1 if low >= 0 and np.asarray(x).dtype.kind == "f" else x
            check_gradient(lambda v, params=sample.params: op(v, v, **params), [x])


@pytest.mark.parametrize("name", ALL)
def test_without_a_derivative_the_cotangent_ends(name: str) -> None:
    op = BY_NAME[name]
    if differentiable(op) or not op.operand_names or isinstance(op.rule, Refused):
        return
    for sample in samples_of(op):
        builder = Builder()
        values = [builder.input(type_of(x), "x") for x in sample.operands]
        op(*values, **sample.params)
        assert active_variables(builder.equations, [v.atom for v in values]) == {v.atom for v in values}


# --------------------------------------------------------------------------------------------------------- the text


def executed(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> Iterator[Any]:
    """What the text of the operation computes, in each of its spellings."""
    types = [type_of(x) for x in operands]
    scope: dict[str, Any] = {"np": np, **{helper.__name__: helper for helper in op.helpers}}
    scope |= {module.partition(".")[0]: __import__(module) for module in op.imports}
    scope |= {f"v{i}": x for i, x in enumerate(operands)}
    names = [f"v{i}" for i in range(len(operands))]
    params = op.complete(params)
    if op.update is not None:
        scope["v0"] = np.array(operands[0])
        exec(op.update_template(types, params).format(*names), scope)
        yield scope["v0"]
        return
    for text in op.template(types, params).split(" || "):
        yield eval(text.format(*names), scope)


@pytest.mark.parametrize(("op", "sample"), cases([n for n in ALL if not BY_NAME[n].effect]))
def test_the_text_is_what_it_computes(op: Op, sample: Sample) -> None:
    if not sample.operands:
        builder = Builder()
        program = builder.program("f", [builder.emit(op, **sample.params)])
    else:
        program = forward_program(build_of(op, sample.params), sample.operands)
    with np.errstate(all="ignore"):
        expected = evaluate(program, sample.operands)
        for result in executed(op, sample.operands, sample.params):
            for found, one in zip(result if op.several else (result,), expected, strict=True):
                same = type_of(found) == type_of(one)
                assert same or op.update is not None, f"{type_of(found)} by the text, {type_of(one)} by the interpreter"
                np.testing.assert_array_equal(found, one)


# ----------------------------------------------------------------------------------------------------- compositions

COMPOSED_CASES = [pytest.param(n, s, id=f"{n}-{i}") for n, samples in COMPOSED.items() for i, s in enumerate(samples)]


@pytest.mark.parametrize(("name", "sample"), COMPOSED_CASES)
def test_composition(name: str, sample: Sample) -> None:
    numpy_function, composition = COMPOSITION[name]

    def build(*values: Any) -> Any:
        return composition(*values, **sample.params)

    (value,) = evaluate(forward_program(build, sample.operands), sample.operands)
    expected = numpy_function(*sample.operands, **sample.params)
    assert type_of(value) == type_of(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    check_gradient(build, sample.operands)
