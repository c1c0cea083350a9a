"""Passes behind the rewrite rules keep the values of random adjoints, with everything taken for large."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import ROUNDING, assert_close, evaluate, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import random_program

from tapeless.ir.builder import Builder, Value
from tapeless.ir.check import check
from tapeless.ir.op import BY_NAME
from tapeless.ir.passes import blocks, columns, contractions, large_arrays, optimize, scaled_sums, small_factors
from tapeless.ir.symmetry import is_symmetric
from tapeless.ir.types import DTYPES, ArrayType, type_of


@pytest.fixture(autouse=True, scope="module")
def _everything_is_large() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contractions, "LONG", 0)
        patch.setattr(small_factors, "LARGE", 0)
        patch.setattr(small_factors, "SMALLER", 1)
        patch.setattr(columns, "TALL", 2)
        patch.setattr(blocks, "LARGE", 0)
        patch.setattr(large_arrays, "SMALLER", 2)
        patch.setattr(scaled_sums, "SMALLER", 2)
        patch.setattr(columns, "FEWEST", 0)
        yield


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_adjoints_stay_the_same(seed: int) -> None:
    program, arguments = random_program(seed, strange=False, orders=2)
    cheap = check(large_arrays.cheaper_on_large_arrays(check(optimize(program))))
    late = check(columns.keep_columns(check(contractions.contract_sums(check(optimize(program)), everywhere=True))))
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(program, arguments)
        except (TypeError, ValueError, OverflowError, IndexError, Warning):
            return
        for written in (late, cheap):
            for a, b in zip(evaluate(written, arguments), expected, strict=True):
                assert type_of(a) == type_of(b)
                if not type_of(b).inexact:
                    assert same_bits(a, b), f"{program}\n{written}"
                elif np.isfinite(b).all():
                    assert_close(a, b, ROUNDING, type_of(b).dtype, f"{program}\n{written}")


def square(name: str) -> tuple[Value, Value, Value]:
    """A matrix and vectors of the same length in a new program."""
    builder = Builder()
    matrix = builder.input(ArrayType((4, 4), DTYPES["f64"]), "m")
    return matrix, *(builder.input(ArrayType((4,), DTYPES["f64"]), v) for v in ("u", "v"))  # type: ignore[return-value]


def test_what_is_symmetric() -> None:
    m, u, v = square("m")
    transposed = BY_NAME["transpose"](m, axes=(1, 0))
    column = BY_NAME["expand_dims"](u, axis=(1,))
    antisymmetric = column - u
    cube = BY_NAME["expand_dims"](m, axis=(1,)) - m
    for symmetric in (
        m @ transposed,
        (2 * m) @ (transposed / -3),
        m + transposed,
        transposed * m,
        column + u,
        antisymmetric**2,
        BY_NAME["exp"](-0.5 * antisymmetric * antisymmetric) + 1,
        BY_NAME["sum"](cube * cube, axis=2),
        BY_NAME["outer"](u, u),
        BY_NAME["inv"](m @ transposed),
        column - 2 * (m @ transposed) + u,
        BY_NAME["sum"](m, axis=1, keepdims=True) + BY_NAME["sum"](m, axis=1),
        BY_NAME["reshape"](u, shape=(4, 1)) + BY_NAME["reshape"](u, shape=(1, 4)),
        BY_NAME["transpose"](column, axes=(1, 0)) + column,
        column + (v - (m @ transposed - (BY_NAME["expand_dims"](v, axis=(1,)) + u))),
    ):
        assert is_symmetric(symmetric), symmetric.builder.program("f", [symmetric])
    for other in (
        m,
        m @ m,
        transposed,
        antisymmetric,
        antisymmetric**3,
        column + v,
        column * m,
        m - transposed,
        antisymmetric + 1,
        BY_NAME["exp"](antisymmetric),
        BY_NAME["outer"](u, v),
        m @ (transposed * u),
        (m * u) @ transposed,
        BY_NAME["sum"](cube, axis=2),
        BY_NAME["sum"](cube * cube, axis=0),
        column - 2 * (m @ transposed) - u,
        column - 2 * m + u,
        BY_NAME["sum"](m, axis=1, keepdims=True) + BY_NAME["sum"](m, axis=0),
        BY_NAME["sum"](m, axis=1, keepdims=True) + BY_NAME["mean"](m, axis=1),
        column + m @ transposed + v,
    ):
        assert not is_symmetric(other), other.builder.program("f", [other])
