"""A loop over blocks of rows: what is large is made piece by piece, while the pieces are in the processor's cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Refused, op
from ..program import Program
from ..types import ArrayType

LATE = Refused("blocks of rows are made after every derivative is written")


def _run(*operands: Any, body: Program, length: int, step: int, whole: int, rows: int) -> tuple[Any, ...]:
    from ..interp import evaluate

    fixed, arrays = operands[:whole], operands[whole:]
    written: list[list[Any]] = [[] for _ in body.outputs[:rows]]
    totals = [_zero(output.type) for output in body.outputs[rows:]]
    for start in range(0, length, step):
        results = evaluate(body, [*fixed, *(x[start : start + step] for x in arrays)])
        for place, value in zip(written, results, strict=False):
            place.append(value)
        totals = [total + value for total, value in zip(totals, results[rows:], strict=True)]
    return (*map(np.concatenate, written), *totals)


def _zero(type_: ArrayType) -> Any:
    return np.zeros(type_.shape, type_.dtype) if type_.shape else type_.dtype.type(0)


@op(name="blocks", fun=_run, batch=LATE, rule=LATE, python="", numbered=False, several=True)
def blocks(*operands: ArrayType, body: Program, length: int, step: int, whole: int, rows: int) -> tuple[ArrayType, ...]:
    """body(whole operands, x[start : start + step] of the others) for start = 0, step ... below `length`.

    The first `whole` operands are read as a whole. The first `rows` results of the body are blocks of the results,
    the others are added up.
    """
    for type_, var in zip(operands, body.inputs, strict=True):
        expected = type_ if whole > 0 else type_.with_shape((step, *type_.shape[1:]))
        whole -= 1
        if var.type != expected:
            raise TypeError(f"the body of a loop over blocks takes {var.type}, not {expected}")
    written = tuple(o.type.with_shape((length, *o.type.shape[1:])) for o in body.outputs[:rows])
    return (*written, *(o.type for o in body.outputs[rows:]))
