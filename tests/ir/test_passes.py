"""Every rewrite rule has an example on which it fires; EXACT rules are right to the bit, ADJOINT rules to rounding."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from gradcheck import ROUNDING, assert_close, evaluate, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import random_program
from rule_examples import ADJOINT_EXAMPLES, EXACT_EXAMPLES, Emit, Write

from tapeless.ir.builder import Builder, Rule, Value
from tapeless.ir.check import check
from tapeless.ir.op import BY_NAME
from tapeless.ir.passes import PIPELINE, optimize
from tapeless.ir.passes.algebra import EXACT, RULES
from tapeless.ir.passes.custom import CUSTOM_RULES
from tapeless.ir.passes.dead_code import eliminate_dead_code
from tapeless.ir.passes.masks import MASK_RULES
from tapeless.ir.passes.memory import MEMORY_RULES
from tapeless.ir.passes.odd_functions import ODD_RULES
from tapeless.ir.passes.picking import PICKING_RULES
from tapeless.ir.passes.simplify import simplify
from tapeless.ir.passes.systems import FACTOR_RULES
from tapeless.ir.program import Program
from tapeless.ir.types import DTYPES, type_of

ALL_RULES = {(name, rule.__name__): rule for name, rules in RULES.items() for rule in rules}
EXACT_RULES = {
    (name, rule.__name__)
    for table in (EXACT, MASK_RULES, MEMORY_RULES, PICKING_RULES, ODD_RULES, CUSTOM_RULES, FACTOR_RULES)
    for name, rules in table.items()
    for rule in rules
}
WHOLE = {("with_adjoint", "its_values")}  # answers with several values: tests/test_custom_rules.py reads the text


def written(write: Write, arguments: list[Any], rules: dict[str, tuple[Rule, ...]], level: int) -> Program:
    builder = Builder(rules)
    values = [builder.input(type_of(a), f"v{k}") for k, a in enumerate(arguments)]
    with builder.at(None, level):
        return check(eliminate_dead_code(builder.program("f", [write(Emit(builder), *values)])))


def fired(key: tuple[str, str], write: Write, arguments: list[Any], level: int) -> tuple[bool, Program]:
    """The program written with this rule alone, and whether it answered."""
    answers = []

    def watched(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        answer = ALL_RULES[key](builder, *operands, **params)
        if answer is not None:
            inferred = BY_NAME[key[0]].infer(*(o.type for o in operands), **params)
            assert answer.type == inferred, f"{key} made {answer.type} of {inferred}"
            answers.append(answer)
        return answer

    watched.makers = getattr(ALL_RULES[key], "makers", None)  # type: ignore[attr-defined]  # where it is not asked
    program = written(write, arguments, {key[0]: (watched,)}, level)
    return bool(answers), program


def test_every_rule_has_an_example() -> None:
    assert len(ALL_RULES) == sum(map(len, RULES.values())), "two rules of one operation have the same name"
    assert set(EXACT_EXAMPLES) == EXACT_RULES - WHOLE, "each EXACT rule needs an example in EXACT_EXAMPLES"
    assert set(ADJOINT_EXAMPLES) == set(ALL_RULES) - EXACT_RULES, "each other rule needs one in ADJOINT_EXAMPLES"


HOSTILE = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.5, 5e-324, 3e38, 1e308)
KINDS = ("f16", "f32", "f64", "c64", "c128", "i8", "u8", "i64", "bool")


def hostile(dtype: str) -> tuple[Any, Any, Any]:
    """All pairs of values that break identities, and one number."""
    with np.errstate(all="ignore"):
        if dtype.startswith("f"):
            values = np.array(HOSTILE).astype(DTYPES[dtype])
        elif dtype.startswith("c"):
            values = np.array([complex(a, b) for a, b in itertools.product(HOSTILE[:7], repeat=2)]).astype(
                DTYPES[dtype]
            )
        else:
            values = np.array([0, 1, 2, 127, 128, 255, -1, -128]).astype(DTYPES[dtype])
    x, y = (np.ascontiguousarray(v).ravel() for v in np.meshgrid(values, values))
    return x, y, values[1]


def exact_arguments() -> list[list[Any]]:
    found = [list(hostile(k)) for k in KINDS]
    found += [[x[:0], y[:0], s] for x, y, s in found]
    for a, b in (("f32", "f64"), ("i8", "f64"), ("u8", "f64"), ("i8", "i64"), ("f64", "c128"), ("f16", "i64")):
        for one, other in ((a, b), (b, a)):
            x, _, s = hostile(one)
            _, y, _ = hostile(other)
            n = min(x.size, y.size)
            found.append([x[:n], y[:n], s])
    return found


@pytest.mark.parametrize("key", sorted(EXACT_EXAMPLES), ids="-".join)
def test_exact(key: tuple[str, str]) -> None:
    for write in EXACT_EXAMPLES[key]:
        answered = False
        for level, arguments in itertools.product((0, 1), exact_arguments()):
            try:
                plain = written(write, arguments, {}, level)
            except (TypeError, ValueError, IndexError, OverflowError):
                continue  # the operation does not take this dtype, or not so few elements
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    (expected,) = evaluate(plain, arguments)
                except OverflowError:
                    continue  # 200 in an i8
                did, program = fired(key, write, arguments, level)
                (found,) = evaluate(program, arguments)
            answered |= did
            if level == 1 and any(np.iscomplexobj(a) for a in arguments):
                continue  # in the adjoint the parts of a complex product may mix
            assert same_bits(found, expected), f"{plain}\n{program}\n{expected}\n{found}"
        assert answered or (key, write) in SILENT, f"{key} never fired"


SILENT = [
    (("subtract", "subtract_zero"), EXACT_EXAMPLES["subtract", "subtract_zero"][2]),  # x - -0.0 is x + 0.0
    (("getitem", "read_past_writes"), EXACT_EXAMPLES["getitem", "read_past_writes"][-1]),  # not looked into
]


def adjoint_arguments() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes: tuple[tuple[int, ...], ...] = ((4, 3), (4, 3), (3,), (4, 1), ())
    return [*(rng.uniform(0.5, 2.0, s)[()] for s in shapes), np.array([0, 2, 2, 1]), np.array([1, 0, 0, 2])]


@pytest.mark.parametrize("key", sorted(ADJOINT_EXAMPLES), ids="-".join)
def test_adjoint(key: tuple[str, str]) -> None:
    arguments = adjoint_arguments()
    for write in ADJOINT_EXAMPLES[key]:
        assert not fired(key, write, arguments, 0)[0], f"{key} touched the user's own arithmetic"
        did, program = fired(key, write, arguments, 2)
        plain = written(write, arguments, {}, 2)
        assert did, f"{key} did not fire on\n{plain}"
        (expected,), (found,) = evaluate(plain, arguments), evaluate(program, arguments)
        assert type_of(found) == type_of(expected)
        assert_close(found, expected, ROUNDING, "f8", f"{plain}\n{program}")
        whole = check(optimize(plain))
        assert len(whole.equations) <= len(plain.equations), f"{plain}\n{whole}"
        assert_close(evaluate(whole, arguments)[0], expected, ROUNDING, "f8", f"{plain}\n{whole}")


@pytest.mark.parametrize("dtype", ["f16", "f32", "i64", "i8", "c64"])
@pytest.mark.parametrize("key", sorted(ADJOINT_EXAMPLES), ids="-".join)
def test_adjoint_rules_keep_every_type(key: tuple[str, str], dtype: str) -> None:
    """Also where the operands are of other dtypes, or of two different ones (`fired` asserts it)."""
    plain_arguments = adjoint_arguments()
    for mixed in range(3):
        arguments = [
            a.astype(DTYPES[dtype])[()] if k < 5 and (k + mixed) % 3 else a for k, a in enumerate(plain_arguments)
        ]
        for write in ADJOINT_EXAMPLES[key]:
            try:
                fired(key, write, arguments, 1)
            except (TypeError, ValueError):
                continue


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_programs_stay_the_same_to_the_bit(seed: int) -> None:
    """At level 0 only EXACT rules fire: nan, inf, -0.0 and every dtype come out as they were."""
    program, arguments = random_program(seed, strange=True, orders=0)
    compare(program, arguments, exact=True)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_adjoints_stay_the_same(seed: int) -> None:
    program, arguments = random_program(seed, strange=False, orders=2)
    compare(program, arguments, exact=False)


def compare(program: Program, arguments: list[Any], exact: bool) -> None:
    stage = check(program)
    for run in PIPELINE:
        stage = check(run(stage))
    assert [o.type for o in stage.outputs] == [o.type for o in program.outputs]
    assert str(simplify(stage)) == str(simplify(stage))
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(program, arguments)
        except (TypeError, ValueError, OverflowError, IndexError, Warning):
            return
        for a, b in zip(evaluate(stage, arguments), expected, strict=True):
            assert type_of(a) == type_of(b)
            if exact or not type_of(b).inexact:
                assert same_bits(a, b), f"{program}\n{stage}"
            elif np.isfinite(b).all():
                assert_close(a, b, ROUNDING, type_of(b).dtype, f"{program}\n{stage}")


def test_dead_code_keeps_effects_and_what_they_read() -> None:
    builder = Builder()
    x = builder.input(type_of(np.ones(2)), "x")
    condition = BY_NAME["any"](x > 0)
    BY_NAME["guard"](condition, expected=True)
    BY_NAME["sin"](x)
    program = eliminate_dead_code(builder.program("f", [x]))
    assert [e.op.name for e in program.equations] == ["greater", "any", "guard"]


def test_equal_equations_are_one() -> None:
    builder = Builder()
    x = builder.input(type_of(np.ones(2)), "x")
    assert (x * 2.0).atom is (x * 2.0).atom
    assert (x * 2.0).atom is not (x * 2).atom
    assert (x * 0.0).atom is not (x * -0.0).atom
    assert (x * float("nan")).atom is (x * float("nan")).atom
    assert BY_NAME["copy"](x).atom is not BY_NAME["copy"](x).atom
