"""Operands and params for every operation: by its `domain` if it is elementwise, else from the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from samples_custom import around_rules
from samples_fft import frequencies, transforms
from samples_linalg import composed_linear_algebra, linear_algebra, structured, without_derivative
from samples_membership import memberships
from samples_order import ordered, without_order
from samples_parts import parts
from samples_places import places
from samples_scipy import scipy_operations
from samples_shape import rearranged, without_slope
from samples_special import special, steps
from samples_windows import image_columns, windows

from tapeless.ir.indexing import SLOT, Slice
from tapeless.ir.op import BY_NAME, Nondifferentiable, Op, Refused
from tapeless.ir.ops import load_all
from tapeless.ir.ops.compositions import COMPOSITIONS
from tapeless.ir.types import DTYPES

REAL = (-3.0, 3.0)
F64, BOOL = DTYPES["f64"], DTYPES["bool"]


@dataclass(frozen=True)
class Sample:
    """Concrete operands and params of one call; `order` is how often it is differentiated."""

    operands: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    order: int = 2

    def __str__(self) -> str:
        shapes = ",".join(str(np.shape(x)).replace(" ", "") for x in self.operands)
        return f"{shapes} {self.params}" if self.params else shapes


def numbers(*shape: int, between: tuple[float, float] = REAL, seed: int = 0) -> Any:
    """Distinct numbers in random order, away from integers and from each other, so that no kink is near."""
    rng = np.random.default_rng([seed, *shape])
    low, high = between
    size = int(np.prod(shape))
    grid = low + (high - low) * (np.arange(size) + 0.31 + 0.11 * (seed % 4)) / max(size, 1)
    values = rng.permutation(grid)
    close = np.abs(values - np.rint(values)) < 0.02
    return np.where(close, values + 0.027 + 0.007 * (seed % 4), values).reshape(shape)[()]


def complexes(*shape: int, seed: int = 0) -> Any:
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 17)


SHAPES: dict[int, tuple[tuple[tuple[int, ...], ...], ...]] = {
    1: (((2, 3),), ((),), ((0,),), ((1, 1),)),
    2: (
        ((2, 3), (2, 3)),
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 1), (1, 3)),
        ((2, 3), ()),
        ((), (4,)),
        ((), ()),
        ((0, 3), (3,)),
        ((1,), (3, 1)),
        ((2, 1, 3), (4, 1)),
    ),
}

HOLOMORPHIC = {
    *("add", "subtract", "multiply", "divide", "negative", "positive", "power", "float_power", "square", "reciprocal"),
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos"),
    *("arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
}
BITWISE = {
    *("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift", "gcd", "lcm"),
    "bitwise_count",
}
COMPLEX = HOLOMORPHIC | {"absolute", "conjugate", "sign"}


def is_ufunc(op: Op) -> bool:
    return op.elementwise and op.domain is not None


def differentiable(op: Op) -> bool:
    return bool(op.operand_names) and not isinstance(op.rule, Nondifferentiable | Refused)


def far_from_jumps(op: Op, operands: list[Any]) -> bool:
    if op.name not in ("remainder", "fmod"):
        return True
    quotient = np.asarray(operands[0] / operands[1])
    return bool(np.all(np.abs(quotient - np.rint(quotient)) > 0.01))


def elementwise_samples(op: Op) -> Iterator[Sample]:
    for shapes in SHAPES[op.fun.nin]:
        for seed in range(100):
            operands = [numbers(*s, between=d, seed=4 * seed + i) for i, (s, d) in enumerate(zip(shapes, op.domain))]
            if far_from_jumps(op, operands):
                break
        if op.name in BITWISE:
            operands = [np.rint(3 * x).astype(int)[()] for x in operands]
        yield Sample(tuple(operands))
    if op.name in COMPLEX:
        for shapes in SHAPES[op.fun.nin][:2]:
            yield Sample(tuple(0.4 * complexes(*s, seed=i + 1) + 0.1 for i, s in enumerate(shapes)))
    if op.name in COMPLEX and op.fun.nin == 2:
        low, high = op.domain[1]
        yield Sample((0.4 * complexes(2, 3), numbers(3, between=(max(low, 0.2), high))))
        yield Sample((numbers(3, between=(0.2, 2.5)), 0.4 * complexes(2, 1, seed=2)))


X, Y = numbers(2, 3, seed=1), numbers(2, 3, seed=2)
CUBE = numbers(2, 3, 4, seed=3)
Z = complexes(2, 3)
ROWS, COLUMNS = np.array([0, 1, 1, 0]), np.array([2, 0, 0, -1])
MASK = np.array([[True, False, True], [False, False, True]])
HALF = (0.5, 2.0)


def each(*operands: Any, **params: tuple[Any, ...]) -> list[Sample]:
    """One sample for each position of the listed params."""
    names = list(params)
    return [Sample(operands, dict(zip(names, row, strict=True))) for row in zip(*params.values(), strict=True)]


def reductions(*extra: Sample, between: tuple[float, float] = REAL, empty: bool = True) -> list[Sample]:
    cube = numbers(2, 3, 4, between=between, seed=3)
    found = each(
        cube,
        axis=(None, 0, -1, (0, 2), (2, 0), (), 1, (0, 1, 2), None),
        keepdims=(False, False, True, False, True, False, False, False, True),
    )
    found += [Sample((numbers(between=between),), {"axis": None, "keepdims": False})]
    found += [Sample((numbers(1, between=between),), {"axis": 0, "keepdims": False})]
    found += [Sample((numbers(3, 0, 2),), {"axis": axis, "keepdims": k}) for axis in (0, 2) for k in (False, True)]
    if empty:
        found += [Sample((numbers(3, 0, 2),), {"axis": axis, "keepdims": k}) for axis in (1, None) for k in (False,)]
    return [*found, *extra]


TABLE: dict[str, list[Sample]] = (
    {
        "real": [Sample((Z,)), Sample((X,)), Sample((Z[0, 0],)), Sample((0.7,))],
        "imag": [Sample((Z,)), Sample((X,)), Sample((Z[0, 0],))],
        "where": [
            Sample((MASK, X, Y)),
            Sample((MASK, X, numbers(3))),
            Sample((MASK[0], X, numbers(2, 1))),
            Sample((MASK, X, 0.5)),
            Sample((MASK[0, 0], X, Y)),
            Sample((MASK, numbers(), numbers(seed=1))),
            Sample((MASK, Z, X)),
            Sample((np.array([2, 0, 1]), X, Y)),
            Sample((numbers(2, 1, seed=9), numbers(3), 1.5)),
            Sample((X, Y, X[0])),
        ],
        "astype": [
            Sample((X,), {"dtype": F64}),
            Sample((X,), {"dtype": DTYPES["c128"]}),
            Sample((np.array([1, 2]),), {"dtype": F64}),
            Sample((0.5,), {"dtype": F64}),
            Sample((X[0, 0],), {"dtype": F64}),
            Sample((X,), {"dtype": DTYPES["i64"]}),
        ],
        "stop_gradient": [Sample((X,))],
        "python_number": [Sample((X[0, 0],)), Sample((Z[0, 0],)), Sample((np.int64(3),))],
        "reshape": [
            *each(CUBE, shape=((6, 4), (24,), (4, 3, 2), (2, 3, 4))),
            *each(numbers(), shape=((1, 1), ())),
            Sample((numbers(0, 3),), {"shape": (3, 0, 2)}),
        ],
        "transpose": [
            *each(CUBE, axes=((2, 0, 1), (0, 2, 1), (2, 1, 0), (0, 1, 2), (1, 2, 0))),
            Sample((X,), {"axes": (1, 0)}),
            Sample((numbers(),), {"axes": ()}),
        ],
        "broadcast_to": [
            *each(X, shape=((2, 3), (4, 2, 3))),
            Sample((numbers(2, 1),), {"shape": (2, 4)}),
            Sample((numbers(),), {"shape": (2, 3)}),
            Sample((numbers(1, 3),), {"shape": (0, 3)}),
            Sample((numbers(1, 3),), {"shape": (2, 5, 3)}),
            Sample((0.5,), {"shape": (3,)}),
        ],
        "expand_dims": [
            *each(X, axis=((0,), (1,), (2,), (0, 3), (1, 3), (2, 3))),
            Sample((numbers(),), {"axis": (0,)}),
            Sample((numbers(),), {"axis": (0, 1)}),
        ],
        "squeeze": each(numbers(1, 3, 1), axis=((0,), (2,), (0, 2))) + each(numbers(1), axis=((0,),)),
        "flip": each(CUBE, axis=((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2))) + each(numbers(0, 2), axis=((0,),)),
        "concatenate": [
            Sample((X, numbers(4, 3, seed=5)), {"axis": 0}),
            Sample((X, numbers(2, 1), Y), {"axis": 1}),
            Sample((X, Z), {"axis": -1}),
            Sample((X, numbers(0, 3)), {"axis": 0}),
            Sample((X,), {"axis": 1}),
            Sample((X, np.array([[1, 2, 3]])), {"axis": 0}),
        ],
        "stack": [Sample((X, Y), {"axis": a}) for a in (0, 1, 2, -1)]
        + [
            Sample((numbers(), numbers(seed=2), 0.5), {"axis": 0}),
            Sample((X, Z), {"axis": 0}),
            Sample((X,), {"axis": 1}),
        ],
        "pad": [
            *each(X, pad_width=(((1, 2), (0, 3)), ((0, 0), (0, 1)), ((0, 0), (0, 0)), ((1, 1), (1, 1)))),
            Sample((numbers(0),), {"pad_width": ((1, 2),)}),
        ],
        "repeat": each(CUBE, repeats=(2, 3, 1, (2, 0, 3), 0, (1, 1)), axis=(0, 1, 2, 1, 0, 0)),
        "full": [
            Sample((numbers(),), {"shape": (2, 3)}),
            Sample((numbers(3),), {"shape": (2, 3)}),
            Sample((0.5,), {"shape": (2,)}),
            Sample((numbers(),), {"shape": ()}),
        ],
        "copy": [Sample((X,)), Sample((numbers(),))],
        "as_array": [Sample((X,)), Sample((numbers(),)), Sample((0.5,))],
        "sum": reductions(Sample((Z,), {"axis": 1}), Sample((0.5,), {"axis": None})),
        "mean": reductions(Sample((Z,), {"axis": 1}), Sample((Z,), {"axis": None}), empty=False),
        "prod": reductions(Sample((Z,), {"axis": 1}), Sample((Z,), {"axis": None}), between=HALF),
        "others_product": [
            *each(numbers(2, 3, 2, between=HALF), axis=(None, 1, (0, 2), -1)),
            *(Sample((x,), {"axis": 1}) for x in (Z, numbers(2, 0), numbers(3, 1))),
        ],
        "max": reductions(empty=False),
        "min": reductions(empty=False),
        "cumsum": [
            *each(CUBE, axis=(None, 0, 1, -1)),
            Sample((numbers(),), {"axis": None}),
            Sample((Z,), {"axis": 0}),
            Sample((numbers(0, 2),), {"axis": 0}),
            Sample((numbers(5),), {"axis": None}),
        ],
        "convolve": [
            Sample((numbers(m, seed=1), numbers(n, seed=2)), {"mode": mode})
            for m, n in ((5, 3), (2, 6), (1, 4))
            for mode in ("full", "same", "valid")
        ],
        "correlate": [
            Sample((numbers(m, seed=1), numbers(n, seed=2)), {"mode": mode})
            for m, n in ((5, 3), (2, 6), (4, 4))
            for mode in ("full", "same", "valid")
        ],
        "sliding_window_view": [
            Sample((numbers(6),), {"window_shape": (3,), "axis": (0,)}),
            Sample((X,), {"window_shape": (2,), "axis": (1,)}),
            Sample((numbers(4, 5),), {"window_shape": (2, 3), "axis": (0, 1)}),
            Sample((CUBE,), {"window_shape": (3, 2), "axis": (2, 0)}),
            Sample((numbers(6),), {"window_shape": (2, 3), "axis": (0, 0)}),
        ],
        "overlap_add": [
            Sample((numbers(4, 3),), {"shape": (6,), "axis": (0,)}),
            Sample((numbers(3, 2, 2, 4),), {"shape": (4, 5), "axis": (0, 1)}),
            Sample((numbers(2, 3, 2, 3),), {"shape": (4, 4), "axis": (1, 0)}),
        ],
        "getitem": [
            *each(
                CUBE,
                index=(
                    (1,),
                    (-1, Slice(None, None, 2)),
                    (Ellipsis, 0),
                    (None, Slice(1, 2)),
                    (Slice(None, None, -1),),
                    (),
                    (Slice(5, 9),),
                    (0, 1, 2),
                    (Slice(), None, -2, Ellipsis),
                ),
            ),
            Sample((X, ROWS), {"index": (SLOT,)}),
            Sample((X, ROWS, COLUMNS), {"index": (SLOT, SLOT)}),
            Sample((CUBE, COLUMNS), {"index": (Slice(), SLOT)}),
            Sample((CUBE, COLUMNS), {"index": (1, Ellipsis, SLOT)}),
            Sample((CUBE, ROWS, COLUMNS), {"index": (SLOT, Slice(), SLOT)}),
            Sample((Z, ROWS), {"index": (SLOT,)}),
            Sample((X, np.array([[0], [1]]), np.array([0, 0, 2])), {"index": (SLOT, SLOT)}),
            Sample((X, np.int64(1)), {"index": (SLOT,)}),
            Sample((X, np.array([], int)), {"index": (SLOT,)}),
        ],
        "set_item": [
            *[
                Sample((CUBE, numbers(*s, seed=8)), {"index": i})
                for s, i in (
                    ((3, 4), (1,)),
                    ((), (0, 1, 2)),
                    ((), (Slice(1),)),
                    ((4,), (0, Slice(1, 3))),
                    ((3, 1), (Ellipsis, 3, None)),
                    ((1, 3, 4), (1,)),
                    ((2, 3), (Ellipsis, 0)),
                )
            ],
            Sample((X, numbers(4, 3, seed=8), ROWS), {"index": (SLOT,)}),
            Sample((X, numbers(), ROWS), {"index": (SLOT,)}),
            Sample((X, numbers(4, seed=8), ROWS, COLUMNS), {"index": (SLOT, SLOT)}),
            Sample((CUBE, numbers(4, 1, seed=8), COLUMNS), {"index": (0, SLOT)}),
            Sample((X, numbers(), MASK), {"index": (SLOT,)}),
            Sample((X, numbers(), MASK[:, 0]), {"index": (SLOT,)}),
            Sample((X, numbers(), MASK[0]), {"index": (Slice(), SLOT)}),
            Sample((numbers(3, 3), numbers(), np.array([True, False, True])), {"index": (Slice(), SLOT)}),
            Sample((X, 0.5, ROWS), {"index": (SLOT,)}),
            Sample((X, Y), {"index": ()}),
            Sample((Z, X[0]), {"index": (1,)}),
            Sample((np.array([1, 2, 3]), numbers()), {"index": (1,)}),
        ],
        "index_add": [
            Sample((CUBE, numbers(3, 4, seed=8)), {"index": (1,)}),
            Sample((CUBE, numbers(4)), {"index": (0, Slice(1, 3))}),
            Sample((X, numbers(4, 3, seed=8), ROWS), {"index": (SLOT,)}),
            Sample((X, numbers(), ROWS), {"index": (SLOT,)}),
            Sample((X, numbers(4, seed=8), ROWS, COLUMNS), {"index": (SLOT, SLOT)}),
            Sample((CUBE, numbers(2, 4, 1, seed=8), COLUMNS), {"index": (Slice(), SLOT)}),
            Sample((X, numbers(), MASK), {"index": (SLOT,)}),
            Sample((X, numbers(), MASK[0]), {"index": (Slice(), SLOT)}),
            Sample((X, numbers(3), np.array([1, 0])), {"index": (SLOT,), "distinct": True}),
            Sample((Z, X[0]), {"index": (1,), "distinct": True}),
        ],
        "matmul": [
            Sample((numbers(*s, seed=1), numbers(*t, seed=2)))
            for s, t in (
                ((2, 3), (3, 4)),
                ((3,), (3,)),
                ((3,), (3, 4)),
                ((2, 3), (3,)),
                ((5, 2, 3), (3, 4)),
                ((2, 3), (5, 3, 4)),
                ((5, 2, 3), (5, 3, 4)),
                ((5, 1, 2, 3), (4, 3, 2)),
                ((3,), (5, 3, 4)),
                ((5, 2, 3), (3,)),
                ((4, 1, 2, 3), (3,)),
                ((1, 2, 3), (5, 3, 4)),
                ((2, 0), (0, 3)),
                ((0, 3), (3, 2)),
                ((1, 1), (1, 1)),
                ((0,), (0,)),
                ((0, 2, 3), (3,)),
            )
        ]
        + [
            Sample((Z, complexes(3, 2, seed=4))),
            Sample((Z, numbers(3, 2))),
            Sample((X, complexes(3))),
            Sample((np.array([[1, 2, 3]]), numbers(3))),
        ],
        "outer": [
            Sample((numbers(3), numbers(4, seed=1))),
            Sample((X, Y)),
            Sample((numbers(), numbers(3))),
            Sample((Z[0], X[1])),
            Sample((numbers(0), numbers(3))),
        ],
        "tensordot": [
            Sample((numbers(*s, seed=1), numbers(*t, seed=2)), {"axes": a})
            for s, t, a in (
                ((2, 3, 4), (4, 3, 5), ((2, 1), (0, 1))),
                ((2, 3, 4), (4, 3, 5), ((1, 2), (1, 0))),
                ((2, 3), (3, 4), ((1,), (0,))),
                ((2, 3), (4, 2), ((0,), (1,))),
                ((2, 3), (4,), ((), ())),
                ((2, 3, 4), (4, 2, 3), ((0, 1, 2), (1, 2, 0))),
                ((3, 2, 4), (5, 4, 3), ((2, 0), (1, 2))),
                ((0, 3), (3, 2), ((1,), (0,))),
            )
        ]
        + [Sample((Z, complexes(4, 2, seed=4)), {"axes": ((0,), (1,))})],
        "einsum": [
            Sample(tuple(numbers(*s, seed=i) for i, s in enumerate(shapes)), {"subscripts": text})
            for text, *shapes in (
                ("ii->i", (3, 3)),
                ("ii->", (3, 3)),
                ("ij->", (2, 3)),
                ("ij->ji", (2, 3)),
                ("ij,j->i", (2, 3), (3,)),
                ("ij->j", (2, 3)),
                ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
                ("i,j->ij", (2,), (3,)),
                ("ij,kl->il", (2, 3), (4, 2)),
                ("i,i,i->", (3,), (3,), (3,)),
                ("ijj->i", (2, 3, 3)),
                ("iij,j->i", (2, 2, 3), (3,)),
                ("ij,ij->ij", (2, 3), (2, 3)),
                ("ij,ij->i", (2, 1), (2, 3)),
                (",i->i", (), (3,)),
                ("iii->", (2, 2, 2)),
                ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
                ("ijij->ji", (2, 3, 2, 3)),
                ("ij->", (0, 3)),
            )
        ]
        + [
            Sample((Z, complexes(3, seed=4)), {"subscripts": "ij,j->i"}),
            Sample((Z, Z), {"subscripts": "ij,ij->", "optimize": True}),
        ],
    }
    | transforms(Sample, numbers, complexes, each)
    | parts(Sample, numbers, complexes)
    | windows(Sample, numbers)
    | places(Sample, numbers, X, ROWS, COLUMNS)
    | around_rules(Sample, numbers, complexes)
)
TABLE |= special(Sample, numbers, complexes, each)
TABLE |= linear_algebra(Sample, numbers, complexes, each) | scipy_operations(Sample, numbers, complexes, each)
TABLE |= image_columns(Sample, numbers)
TABLE |= ordered(Sample, numbers, complexes, each, reductions)
for _name, _samples in rearranged(Sample, numbers, complexes, each).items():
    TABLE[_name] = TABLE.get(_name, []) + _samples

# Operations without a derivative: their values are compared, their cotangents end there.
PLAIN: dict[str, list[Sample]] = {
    "filled": each(value=(0, 1.5, -0.0, 2), shape=((2, 3), (), (0,), (1,)), dtype=(F64, F64, F64, DTYPES["i64"])),
    "arange": each(start=(0, 2, 5), stop=(4, 9, 0), step=(1, 3, -2)),
    "constant": each(values=((1.0, 2.5), ((1, 2), (3, 4)), (), (True, False)), dtype=(F64, DTYPES["i64"], F64, BOOL)),
    "any": reductions(Sample((MASK,), {"axis": 1})),
    "all": reductions(Sample((MASK,), {"axis": None})),
    "count_nonzero": reductions(Sample((MASK,), {"axis": 1})),
    "argmax": each(CUBE, axis=(None, 0, -1), keepdims=(False, True, False)),
    "argmin": each(CUBE, axis=(None, 0, -1), keepdims=(True, False, False)),
    "survives": [
        Sample((ROWS,), {"index": (SLOT,), "shape": (2, 3)}),
        Sample((ROWS, COLUMNS), {"index": (SLOT, SLOT), "shape": (2, 3)}),
        Sample((COLUMNS,), {"index": (Slice(), SLOT), "shape": (2, 3)}),
    ],
    "stop_gradient": TABLE["stop_gradient"],
    "is_contiguous": [Sample((X,)), Sample((CUBE[:, 1],))],
    "has_strides": [Sample((X,), {"strides": (24, 8)}), Sample((CUBE[:, 1],), {"strides": (8, 8)})],
    "guard": [Sample((np.bool_(True),), {"expected": True})],
    "store": [],
    "mask_places": each(MASK, axis=(0, 1), count=(3, 3)),
} | frequencies(each)
PLAIN |= steps(Sample, numbers)
PLAIN |= without_derivative(Sample, numbers, each)
PLAIN |= without_order(Sample, numbers, each)
PLAIN |= without_slope(Sample, numbers, each)
PLAIN |= memberships(Sample)
PLAIN |= structured(Sample, numbers)


def samples_of(op: Op) -> list[Sample]:
    """Samples with which the operation is tested; none means that somebody added it without any."""
    if is_ufunc(op):
        return list(elementwise_samples(op))
    return TABLE.get(op.name, []) or PLAIN.get(op.name, [])


def build_of(op: Op, params: dict[str, Any]) -> Callable[..., Any]:
    return lambda *values: op(*values, **params)


COMPOSED: dict[str, list[Sample]] = {
    "var": [
        *each(CUBE, axis=(None, 0, (0, 2)), keepdims=(False, True, False), ddof=(0, 1, 0)),
        Sample((Z,), {"axis": 1}),
    ],
    "std": [
        *each(CUBE, axis=(None, 0, (0, 2)), keepdims=(False, True, False), ddof=(0, 1, 0)),
        Sample((Z,), {"axis": 1}),
    ],
    "ptp": each(CUBE, axis=(None, 1, (0, 2)), keepdims=(False, True, False)),
    "clip": [
        Sample((X, -0.95, 1.35)),
        Sample((X, numbers(3, seed=7), numbers(2, 1, seed=3))),
        Sample((X, numbers(3, seed=7), 2.05)),
    ],
    "inner": [
        Sample((X, Y)),
        Sample((X, numbers(3))),
        Sample((numbers(), X)),
        Sample((X[0], Y[0])),
        Sample((CUBE, numbers(4))),
    ],
    "dot": [
        Sample((X, numbers(3, 4))),
        Sample((CUBE, numbers(2, 4, 3))),
        Sample((numbers(), X)),
        Sample((X[0], Y[0])),
        Sample((CUBE, numbers(4))),
        Sample((numbers(4), numbers(2, 4, 3))),
    ],
    "vdot": [Sample((X, Y)), Sample((Z, complexes(2, 3, seed=3))), Sample((X, Z))],
    "tril": each(X, k=(0, 1, -1)) + each(CUBE, k=(0,)),
    "triu": each(X, k=(0, 1, -1)) + each(CUBE, k=(0,)),
}
COMPOSED |= composed_linear_algebra(Sample, numbers, complexes, each)
COMPOSITION = {function.__name__: (key, function) for key, function in COMPOSITIONS.items()}
load_all()
NAMES = sorted(BY_NAME)
