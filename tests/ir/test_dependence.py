"""The structure of every operation, against the local jacobian that its own adjoint gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradcheck import as_tuple, is_inexact
from samples import Sample, build_of, differentiable, samples_of
from test_every_op import importable

pytest.importorskip("scipy")

from scipy.sparse import csr_array, eye_array

from tapeless.ir import ops
from tapeless.ir.builder import Builder
from tapeless.ir.grad import backward, spread
from tapeless.ir.interp import evaluate
from tapeless.ir.op import BY_NAME, Op
from tapeless.ir.sparsity import Patterns
from tapeless.ir.types import type_of

assert ops

SAMPLED = [n for n, op in sorted(BY_NAME.items()) if differentiable(op) and importable(op)]
CASES = [pytest.param(BY_NAME[n], s, id=f"{n}-{i}") for n in SAMPLED for i, s in enumerate(samples_of(BY_NAME[n]))]
# Elementwise and exact, unless a derivative happens to be zero where the sample lies
EXACT = {
    *("add", "subtract", "multiply", "divide", "exp", "tanh", "sqrt", "arctan2", "hypot", "stop_gradient", "astype"),
    *("reshape", "transpose", "broadcast_to", "expand_dims", "squeeze", "flip", "concatenate", "stack", "pad", "roll"),
    *("tile", "repeat", "getitem", "set_item", "index_add", "diagonal", "diagonal_matrix", "lower_triangle", "trace"),
    *("upper_triangle", "sliding_window_view", "overlap_add", "diff", "sum", "mean", "prod", "cumsum", "running"),
    "padded_diff",
    *("matmul", "outer", "tensordot", "einsum", "vecdot", "matvec", "vecmat", "cross", "convolve", "correlate"),
    *("convolution", "bincount", "det", "inv", "p_norm", "scipy_logsumexp", "scipy_softmax"),
    *("scipy_fresnel", "scipy_sici", "set_real", "sign", "imag", "real", "fftshift", "ifftshift"),
}
PRODUCTS = {"multiply", "divide", "matmul", "outer", "tensordot", "einsum", "vecdot", "matvec", "vecmat", "convolve"}
PRODUCTS |= {"correlate", "convolution"}


def structures(op: Op, sample: Sample, k: int, known: bool) -> tuple[Any, Any]:
    """What the rules say, and where the adjoint is not zero, both [results, operand k]."""
    builder = Builder()
    values = [builder.input(type_of(x), f"x{i}") for i, x in enumerate(sample.operands)]
    outs = as_tuple(build_of(op, sample.params)(*values))
    n = values[k].size
    others = {
        v.atom: x
        for i, (v, x) in enumerate(zip(values, sample.operands, strict=True))
        if i != k and (known or not is_inexact(x))
    }
    seeds = {values[k].atom: csr_array(eye_array(n, dtype=bool))}
    said = Patterns(builder.program("f", outs), seeds, others, n).run()
    cotangents = [builder.input(o.type.strong(), "g") for o in outs]
    pairs = [(o, c) for o, c in zip(outs, cotangents, strict=True) if o.type.inexact]
    (pulled,) = backward(builder, pairs, [values[k]])
    found = [np.zeros((o.size, n), bool) for o in outs]
    if pulled is not None:
        program = builder.program("pulled", [spread(pulled, values[k].type.strong())])
        for j, out in enumerate(outs):
            for e in range(out.size if out.type.inexact else 0):
                for unit in (1, 1j) if out.dtype.kind == "c" else (1,):
                    given = [np.zeros(o.shape, o.dtype) for o in outs]
                    given[j].reshape(-1)[e] = unit
                    with np.errstate(all="ignore"):
                        (row,) = evaluate(program, [*sample.operands, *(g[()] for g in given)])
                    found[j][e] |= np.ravel(row) != 0
    full = [np.zeros((o.size, n), bool) if p is None else p.toarray() for p, o in zip(said, outs, strict=True)]
    return np.concatenate(full), np.concatenate(found)


def check(op: Op, sample: Sample, exact: bool) -> None:
    for k, operand in enumerate(sample.operands):
        for known in (False, True) if is_inexact(operand) else ():
            said, found = structures(op, sample, k, known)
            assert not (found & ~said).any(), f"operand {k} (others known: {known}) depends on more than is said"
            if exact:
                assert not (said & ~found).any(), f"operand {k} (others known: {known}) depends on less than is said"


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_no_element_of_the_jacobian_is_missed(op: Op, sample: Sample) -> None:
    check(op, sample, op.name in EXACT)


@pytest.mark.parametrize(
    ("op", "sample"), [p for p in CASES if p.values[0].name in PRODUCTS and len(p.values[1].operands) == 2]
)
def test_zeros_of_a_known_factor_are_zeros_of_the_pattern(op: Op, sample: Sample) -> None:
    rng = np.random.default_rng(0)
    for k in (0, 1):
        factor = sample.operands[1 - k]
        if (op.name == "divide" and k == 0) or not is_inexact(factor) or not is_inexact(sample.operands[k]):
            continue
        holes = [np.asarray(x) for x in sample.operands]
        holes[1 - k] = factor * (rng.random(np.shape(factor)) < 0.4)
        said, found = structures(op, Sample(tuple(x[()] for x in holes), sample.params), k, known=True)
        np.testing.assert_array_equal(said, found)
