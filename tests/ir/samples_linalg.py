"""Operands and params for the operations of linear algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapeless.ir.ops.decompositions import ALWAYS_COMPLEX
from tapeless.ir.types import DTYPES

Make = Callable[..., Any]


def regular(numbers: Make, *shape: int, seed: int = 0) -> Any:
    """Square matrices far from singular ones, with eigenvalues and singular values that are apart."""
    n = shape[-1]
    return numbers(*shape, seed=seed) / 3 + np.diag(np.arange(n) * 1.3 + 1.5)


def positive(numbers: Make, *shape: int, seed: int = 0) -> Any:
    """Positive definite matrices; what is above the diagonal is not read."""
    return 0.3 * numbers(*shape, seed=seed) + 4 * np.eye(shape[-1])


def linear_algebra(Sample: Any, numbers: Make, complexes: Make, each: Make) -> dict[str, list[Any]]:
    """One table of differentiable operations."""
    tall, wide = numbers(4, 3, seed=6), numbers(2, 4, seed=6)
    square, stack = regular(numbers, 3, 3), regular(numbers, 2, 3, 3, seed=1)
    z = regular(complexes, 3, 3)
    systems: tuple[Any, ...] = (
        *((square,), (stack,), (z,), (regular(numbers, 1, 1),), (numbers(0, 0),), (numbers(0, 2, 2),)),
        (np.array([[2, 1], [1, 3]]),),
        (np.asfortranarray(square),),
    )
    several = [Sample((a,)) for (a,) in systems]
    empty = [Sample((numbers(0, 2, 2),), {"upper": False}), Sample((numbers(0, 0),), {"upper": True})]
    return {
        "lower_triangle": each(numbers(2, 3, 4), offset=(0, 1, -1)),
        "upper_triangle": each(numbers(2, 3, 4), offset=(0, 1, -1)),
        "diagonal_matrix": each(numbers(3), offset=(0, 1, -2)) + [Sample((numbers(0),)), Sample((complexes(2),))],
        "diagonal": [
            *each(numbers(2, 3, 4, 3), offset=(0, 1, -1, 0, 7), axis1=(0, 1, 3, -2, 1), axis2=(1, 3, 1, -1, 2)),
            *(Sample((x,)) for x in (numbers(3, 3), numbers(2, 4), complexes(2, 2), numbers(0, 0), numbers(2, 3, 2))),
        ],
        "trace": [
            *each(
                numbers(2, 3, 4, 3),
                offset=(0, 1, -2, 0, 7),
                axis1=(0, 1, 3, -2, 1),
                axis2=(1, 3, 1, -1, 2),
            ),
            *(Sample((x,)) for x in (numbers(3, 3), numbers(2, 4), complexes(2, 2), numbers(0, 0), numbers(2, 3, 2))),
        ],
        "inv": several,
        "inverse_of_lower": [Sample((np.tril(a),)) for (a,) in systems[:6]],
        "det": several,
        "slogdet": several,
        "solve": [
            Sample((a, b))
            for a, b in (
                (square, numbers(3)),
                (square, numbers(3, 2)),
                (square, square[::-1]),
                (stack, numbers(3)),
                (stack, numbers(2, 3, 2)),
                (stack, numbers(3, 2)),
                (square, numbers(2, 3, 2)),
                (stack[:, None], numbers(4, 3, 1)),
                (z, complexes(3, seed=4)),
                (z, numbers(3, 2)),
                (square, complexes(3, 2)),
                (numbers(0, 0), numbers(0)),
                (numbers(0, 2, 2), numbers(2)),
                (regular(numbers, 1, 1), numbers(1)),
            )
        ],
        "pinv": [Sample((x,)) for x in (tall, wide, square, np.stack([tall, -tall[::-1]]), complexes(3, 2))]
        + [Sample((numbers(0, 2),)), Sample((numbers(0, 3, 2),)), Sample((tall,), {"rcond": 1e-8})]
        + [Sample((square,), {"hermitian": True}), Sample((z,), {"hermitian": True})],
        "lstsq": [
            Sample((a, b))
            for a, b in (
                (tall, numbers(4)),
                (tall, numbers(4, 2)),
                (wide, numbers(2)),
                (wide, numbers(2, 3)),
                (square, numbers(3)),
                (complexes(4, 2), complexes(4, seed=3)),
                (complexes(2, 3), numbers(2, 2)),
            )
        ]
        + [Sample((tall, numbers(4)), {"rcond": 1e-10})],
        "cholesky": [
            *each(positive(numbers, 3, 3), upper=(False, True)),
            *each(positive(complexes, 2, 3, 3), upper=(False, True)),
            Sample((positive(numbers, 1, 1),)),
            *empty,
        ],
        "qr": [
            *(Sample((x,), {"mode": "reduced"}) for x in (tall, wide, square, stack)),
            *(Sample((x,), {"mode": "reduced"}) for x in (z, complexes(4, 2), complexes(2, 3))),
            *(Sample((x,), {"mode": "complete"}) for x in (tall, wide, square, complexes(2, 3))),
            *(Sample((x,), {"mode": "reduced"}) for x in (numbers(0, 0), numbers(0, 3, 2), numbers(1, 1))),
        ],
        "qr_triangle": [Sample((x,)) for x in (tall, wide, square, z)],
        "svd": [
            *(Sample((x,), {"full_matrices": False}) for x in (tall, wide, square, stack, numbers(1, 1))),
            *(Sample((x,), {"full_matrices": True}) for x in (tall, numbers(3, 4), square)),
            Sample((numbers(0, 2, 2),)),
            Sample((numbers(0, 0),)),
            Sample((square,), {"hermitian": True}),
        ],
        "svdvals": [Sample((x,)) for x in (tall, wide, square, stack, z, complexes(3, 2), numbers(0, 2))]
        + [Sample((square,), {"hermitian": True})],
        "eigh": [
            *each(square, upper=(False, True)),
            *(Sample((x,)) for x in (stack, numbers(1, 1), numbers(0, 0), numbers(0, 2, 2))),
        ],
        "eigvalsh": [
            *each(square, upper=(False, True)),
            *each(z, upper=(False, True)),
            *(Sample((x,)) for x in (stack, numbers(0, 0))),
        ],
        "eig": [
            Sample((square,), {"is_complex": ALWAYS_COMPLEX}),
            Sample((np.array([[0.3, -1.2, 0.1], [1.1, 0.5, 0.2], [0.4, 0.1, 1.7]]),), {"is_complex": True}),
            Sample((z,), {"is_complex": True}),
            Sample((regular(complexes, 2, 2, 2, seed=1),), {"is_complex": True}),
            Sample((numbers(0, 0),), {"is_complex": ALWAYS_COMPLEX}),
        ],
        "eigvals": [
            Sample((square,), {"is_complex": ALWAYS_COMPLEX}),
            Sample((np.array([[0.3, -1.2], [1.1, 0.5]]),), {"is_complex": True}),
            Sample((z,), {"is_complex": True}),
        ],
        "p_norm": [
            *each(
                numbers(2, 3, 4),
                ord=(3, 1.5, None, 2, -2, 0.5),
                axis=(1, -1, None, 0, 1, 2),
                keepdims=(False, True, False, False, False, True),
            ),
            *each(complexes(2, 3), ord=(None, None, 3, None), axis=(None, 1, 0, (0, 1))),
            Sample((numbers(2, 0),), {"ord": 3, "axis": 1}),
        ],
        "cross": [
            Sample((numbers(3, seed=1), numbers(3, seed=2))),
            Sample((numbers(2, 3), numbers(3))),
            Sample((numbers(2, 1, 3), numbers(4, 3))),
            Sample((complexes(3), numbers(3))),
            Sample((numbers(0, 3), numbers(3))),
        ],
        "vdot": [
            Sample((numbers(3, seed=1), numbers(3, seed=2))),
            Sample((numbers(2, 3), numbers(2, 3, seed=2))),
            Sample((numbers(0, 2), numbers(0, 2))),
            Sample((complexes(2, 3), complexes(2, 3, seed=2))),
        ],
        "vecdot": [
            Sample((numbers(3, seed=1), numbers(3, seed=2))),
            Sample((numbers(2, 3), numbers(3))),
            Sample((complexes(4, 1, 3), complexes(2, 3, seed=2))),
            Sample((numbers(0, 3), numbers(3))),
        ],
        "matvec": [
            Sample((numbers(2, 3), numbers(3))),
            Sample((numbers(4, 1, 2, 3), numbers(2, 3))),
            Sample((complexes(2, 3), complexes(3))),
        ],
        "vecmat": [
            Sample((numbers(3), numbers(3, 2))),
            Sample((numbers(2, 3), numbers(4, 1, 3, 2))),
            Sample((complexes(3), complexes(3, 2))),
        ],
    }


def without_derivative(Sample: Any, numbers: Make, each: Make) -> dict[str, list[Any]]:
    """Operations whose values alone are compared."""
    float_, bool_ = DTYPES["f64"], DTYPES["bool"]
    return {
        "identity_matrix": each(rows=(2, 2, 0), columns=(2, 3, 0), offset=(0, 1, 0), dtype=(float_, bool_, float_)),
        "matrix_rank": [Sample((numbers(2, 3),)), Sample((numbers(2, 3, 3),), {"tol": 0.1}), Sample((numbers(3),))],
        "is_complex": [Sample((numbers(2),)), Sample((numbers(2) + 1j,))],
    }


def composed_linear_algebra(Sample: Any, numbers: Make, complexes: Make, each: Make) -> dict[str, list[Any]]:
    """Compositions."""
    cube, square = np.exp(0.4 * numbers(2, 3, 4, seed=3)), regular(numbers, 3, 3)  # sums of `numbers` may tie
    orders: tuple[Any, ...] = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    return {
        "norm": [
            *each(cube, axis=(None, 1, (0, 2)), keepdims=(False, True, False)),
            *each(cube, ord=(None, np.inf, -np.inf, 0, 1, 2, 3, -1), axis=(1, -1, 0, 2, 1, 0, 1, 2)),
            *each(cube[0], ord=orders),
            *(Sample((cube,), {"ord": o, "axis": (2, 0)}) for o in orders),
            *(Sample((cube,), {"ord": o, "axis": (0, 1), "keepdims": True}) for o in orders),
            *each(complexes(2, 3), ord=(None, "fro", "nuc", 1, np.inf, 2, 3), axis=(1, None, None, 0, 1, None, 1)),
            Sample((complexes(2, 3, 2),)),
            Sample((numbers(),)),
        ],
        "matrix_norm": each(cube, ord=("fro", "nuc", 1, 2), keepdims=(False, True, False, True)),
        "vector_norm": each(
            cube, axis=(None, 1, (0, 2), (2, 1, 0)), keepdims=(False, True, True, False), ord=(2, 3, 1, np.inf)
        ),
        "singular_values": [Sample((numbers(3, 2),))],
        "cond": each(square, p=(None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc")) + [Sample((complexes(2, 3, 2),))],
        "cross": [
            Sample((numbers(4, 3), numbers(3)), {"axis": -1}),
            Sample((numbers(3, 4), numbers(2, 4, 3)), {"axisa": 0, "axisc": 1}),
        ],
        "kron": [
            Sample((numbers(2, 3), numbers(3, 2))),
            Sample((numbers(3), numbers(2, 2))),
            Sample((numbers(2, 1, 3), numbers(4))),
            Sample((numbers(), numbers(2))),
            Sample((complexes(2), numbers(3))),
            Sample((numbers(0, 2), numbers(3, 1))),
        ],
        "tensorsolve": [
            Sample((numbers(2, 3, 6, seed=2), numbers(2, 3))),
            Sample((numbers(3, 6, 2, seed=1), numbers(6)), {"axes": (0, 2)}),
        ],
        "tensorinv": [Sample((numbers(4, 2, 2, seed=1),), {"ind": 1}), Sample((numbers(2, 3, 6, seed=2),))],
    }


def structured(Sample: Any, numbers: Make) -> dict[str, list[Any]]:
    """Matrices of which more is known; these operations are written after every derivative, so that they have none."""
    lower = np.tril(numbers(70, 70) / 9) + 4 * np.eye(70)
    symmetric, indefinite = lower @ lower.T, np.diag(np.array([1.5, -2.0, 3.0]))
    sides = numbers(70, seed=3), numbers(70, 2, seed=3), numbers(70, 0)
    return {
        "solve_lower": [Sample((lower, b)) for b in sides] + [Sample((numbers(0, 0), numbers(0)))],
        "solve_upper": [Sample((lower.T, b)) for b in sides] + [Sample((numbers(0, 0), numbers(0)))],
        "inverse_of_symmetric": [Sample((symmetric,)), Sample((indefinite,)), Sample((numbers(0, 0),))],
        "diagonal_add": [
            *(Sample((numbers(3, 3), value)) for value in (0.5, np.inf, numbers(3, seed=2))),
            *(Sample((numbers(0, 0), value)) for value in (1.0, numbers(0))),
        ],
    }
