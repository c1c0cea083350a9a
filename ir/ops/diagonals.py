"""What is added to the diagonal of a matrix, written there: `K + noise * np.eye(n)` without the matrix of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import add_to_diagonal
from ..op import Refused, op
from ..types import ArrayType
from .linalg import check_square

LATE = Refused("the diagonal is written into after every derivative is written")


def _added(matrix: Any, value: Any) -> Any:
    result = np.array(matrix)
    if np.ndim(value):
        result.flat[:: len(result) + 1] += value
    else:
        add_to_diagonal(result, value)
    return result


def _text(matrix: ArrayType, value: ArrayType) -> str:
    return f"{{0}}.flat[::{matrix.shape[0] + 1}] += {{1}}" if value.shape else "add_to_diagonal({0}, {1})"


@op(
    name="diagonal_add",
    fun=_added,
    batch=LATE,
    rule=LATE,
    python="{0}",
    update=_text,
    helpers=(add_to_diagonal,),
)
def diagonal_add(matrix: ArrayType, value: ArrayType) -> ArrayType:
    """matrix + value * np.eye(n) for a number, matrix + np.diag(value) for a row, in the dtype of the matrix."""
    check_square(matrix)
    if matrix.ndim != 2 or value.shape not in ((), matrix.shape[:1]):
        raise ValueError(f"a matrix and a number or a row, not {matrix} and {value}")
    return matrix
