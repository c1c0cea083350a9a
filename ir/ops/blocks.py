"""A loop over blocks of rows: what is large is made piece by piece, while the pieces are in the processor's cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Refused, op
from ..program import Program
from ..types import ArrayType

LATE = Refused("blocks of rows are made after every derivative is written")


def _run(*operands: Any, body: Program, length: int, step: int, whole: int, rows: int, added: int) -> tuple[Any, ...]:
    from ..interp import evaluate

    tables, fixed, arrays = operands[:added], operands[added:whole], operands[whole:]
    written: list[list[Any]] = [[] for _ in body.outputs[:rows]]
    last = len(body.outputs) - added
    totals = [_zero(output.type) for output in body.outputs[rows:last]]
    for start in range(0, length, step):
        results = evaluate(body, [*tables, *fixed, *(x[start : start + step] for x in arrays)])
        tables = tuple(results[last:])
        for place, value in zip(written, results, strict=False):
            place.append(value)
        totals = [total + value for total, value in zip(totals, results[rows:last], strict=True)]
    return (*map(np.concatenate, written), *totals, *tables)


def _zero(type_: ArrayType) -> Any:
    return np.zeros(type_.shape, type_.dtype) if type_.shape else type_.dtype.type(0)


@op(name="blocks", fun=_run, batch=LATE, rule=LATE, python="", numbered=False, several=True)
def blocks(
    *operands: ArrayType, body: Program, length: int, step: int, whole: int, rows: int, added: int
) -> tuple[ArrayType, ...]:
    """body(whole operands, x[start : start + step] of the others) for start = 0, step ... below `length`.

    The first `whole` operands are read as a whole; to the first `added` of these each block adds, and the last results
    of the body are what they become. The first `rows` results are blocks of the results, the others are added up.
    """
    for type_, var in zip(operands, body.inputs, strict=True):
        expected = type_ if whole > 0 else type_.with_shape((step, *type_.shape[1:]))
        whole -= 1
        if var.type != expected:
            raise TypeError(f"the body of a loop over blocks takes {var.type}, not {expected}")
    written = tuple(o.type.with_shape((length, *o.type.shape[1:])) for o in body.outputs[:rows])
    return (*written, *(o.type for o in body.outputs[rows:]))
