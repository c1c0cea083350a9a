"""Spellings for small arrays, where the call takes the time: of two that mean the same to the bit, the quicker one.

On ten elements (CPython 3.11, NumPy 2.4; ns): `np.sum(x)` 1490, `x.sum()` 550; `2 * x` 425, `2.0 * x` 340, since
NumPy makes an array of an int in two steps; `x @ y` 450, `x.dot(y)` 230.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.program import Atom, Equation, Literal, Var
from ..ir.sizes import is_small
from ..ir.types import ArrayType

WORK = 50_000  # multiplications of a small product
Made = Callable[[Var], Equation | None]  # what made a variable
_INTEGER_MATTERS = {"power", "float_power", "ldexp", "floor_divide", "remainder", "fmod"}
_VECTORS = (1, 2)  # dimensions for which `dot` and `@` are the same


def quick_template(template: str, equation: Equation, made: Made) -> str:
    """The quicker one of two spellings, `{0}.sum()` or `np.sum({0})`."""
    types = [o.type for o in equation.operands]
    if " || " in template and types and is_small(types[0]):
        return template.partition(" || ")[0]
    if equation.op.name == "matmul" and template == "{0} @ {1}" and _is_dot(equation, made):
        return "{0}.dot({1})"
    return template


def _is_dot(equation: Equation, made: Made) -> bool:
    """Whether a product of small vectors or matrices may be written `a.dot(b)`.

    The two call BLAS alike for arrays that lie in one piece; of others `dot` makes copies first, and `@` may add up in
    an order of its own. So the user's `@` stays, unless its factors have just been computed.
    """
    a, b = (o.type for o in equation.operands)
    if a.ndim not in _VECTORS or b.ndim not in _VECTORS or a.dtype != b.dtype or a.dtype.kind not in "fc":
        return False
    if not is_small(a) or not is_small(b) or a.size * (b.shape[1] if b.ndim == 2 else 1) > WORK:
        return False
    return equation.level > 0 or _was_dot(equation) or all(_in_one_piece(o, made) for o in equation.operands)


def _was_dot(equation: Equation) -> bool:
    """Whether the user wrote np.dot, or a function that NumPy has made of it."""
    expression = equation.origin.expression if equation.origin is not None else ""
    return "(" in expression and "@" not in expression and "matmul" not in expression


def _in_one_piece(atom: Atom, made: Made) -> bool:
    """Whether it is the array of an elementwise operation or product, which has just been made, or its transpose."""
    equation = made(atom) if isinstance(atom, Var) else None
    if equation is None:
        return False
    if equation.op.name == "transpose":
        return _in_one_piece(equation.operands[0], made)
    computed = isinstance(equation.op.fun, np.ufunc) or equation.op.name == "where"
    return computed and bool(equation.out.type.shape)


def as_float(atom: Atom, equation: Equation) -> Atom:
    """An integer beside a small array of floats as the float that NumPy makes of it; anything else as it is."""
    value = atom.value if isinstance(atom, Literal) and atom.type.weak else None
    if type(value) is not int or abs(value) > 2**24 or equation.op.name in _INTEGER_MATTERS:
        return atom
    if not isinstance(equation.op.fun, np.ufunc) and equation.op.name != "where":
        return atom
    arrays = [o.type for o in equation.operands if o.type.shape and o.type.dtype.kind != "b"]
    if not arrays or not is_small(equation.out.type) or any(t.dtype.name not in ("float32", "float64") for t in arrays):
        return atom
    return Literal(float(value), ArrayType((), np.dtype(float), weak=True))
