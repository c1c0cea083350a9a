"""Numbers as they are written in Python."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.dims import is_symbolic_number
from .templates import expression


def number_expression(value: Any, weak: bool) -> ast.expr:
    """A number as it is written in Python; a NumPy scalar keeps its type unless `weak`."""
    if is_symbolic_number(value):
        return expression(str(value), [])
    if isinstance(value, np.generic):
        plain = number_expression(value.item(), True)
        if weak:
            return plain
        name = "np.bool_" if value.dtype.kind == "b" else f"np.{value.dtype.name}"
        return expression(f"{name}({{0}})", [plain])
    if isinstance(value, bool):
        return ast.Constant(value)
    if isinstance(value, complex):
        if (
            value.real == 0
            and math.copysign(1, value.real) == math.copysign(1, value.imag)
            and value.imag == value.imag
        ):
            return _signed(value.imag, lambda imag: ast.Constant(complex(0, imag)))  # -2j is -0.0 - 2j
        return expression("complex({0}, {1})", [number_expression(v, True) for v in (value.real, value.imag)])
    if isinstance(value, float) and math.isnan(value):
        return expression("np.nan", [])
    return _signed(value, lambda v: expression("np.inf", []) if v == math.inf else ast.Constant(v))


def _signed(value: Any, positive: Callable[[Any], ast.expr]) -> ast.expr:
    if math.copysign(1, value) < 0:
        return ast.UnaryOp(ast.USub(), positive(-value))
    return positive(value)
