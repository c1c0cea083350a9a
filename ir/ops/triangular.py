"""Systems of which more is known than np.linalg.solve and np.linalg.inv ask for: triangular, symmetric matrices.

They stand in the texts of large matrices. LAPACK has routines for each; NumPy does not call them, but what these do in
blocks is mostly products of matrices, which NumPy has.
"""

from __future__ import annotations

from ..kernels import inverse_of_lower, inverse_of_symmetric, solve_lower, solve_upper
from ..op import Refused, op
from ..types import ArrayType
from .linalg import check_square, linalg_dtype

LATE = Refused("what is known of a matrix is made use of after every derivative is written")


def _solution(a: ArrayType, b: ArrayType) -> ArrayType:
    check_square(a)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(f"a matrix and one or more right sides, not {a} and {b}")
    return ArrayType(b.shape, linalg_dtype(a, b))


@op(name="solve_lower", fun=solve_lower, batch=LATE, rule=LATE, python="solve_lower({0}, {1})", helpers=(solve_lower,))
def lower_system(a: ArrayType, b: ArrayType) -> ArrayType:
    """The x of a @ x = b for a lower triangular a; nothing above its diagonal is read, but in blocks on that."""
    return _solution(a, b)


@op(name="solve_upper", fun=solve_upper, batch=LATE, rule=LATE, python="solve_upper({0}, {1})", helpers=(solve_upper,))
def upper_system(a: ArrayType, b: ArrayType) -> ArrayType:
    """The x of a @ x = b for an upper triangular a."""
    return _solution(a, b)


@op(
    name="inverse_of_symmetric",
    fun=inverse_of_symmetric,
    batch=LATE,
    rule=LATE,
    python="inverse_of_symmetric({0})",
    helpers=(inverse_of_symmetric, inverse_of_lower),
)
def symmetric_inverse(a: ArrayType) -> ArrayType:
    """The inverse of one symmetric matrix of real numbers."""
    check_square(a)
    if a.ndim != 2 or a.dtype.kind == "c":
        raise ValueError(f"one real matrix, not {a}")
    return ArrayType(a.shape, linalg_dtype(a))
