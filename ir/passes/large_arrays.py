"""Cheaper arithmetic on large arrays, where the time of each operation counts and the last digits may differ.

A division takes twice as long as a product, a power ten times, a choice by a random mask six times as long. None of
the rules adds a cancellation, and at 0, inf and nan the results stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..builder import Builder, Rule, Value
from ..indexing import SLOT, Index
from ..op import BY_NAME
from ..program import Literal, Program, Var
from ..types import normalize_axes
from . import blocks
from .dead_code import eliminate_dead_code, guards_only
from .exponential_sums import EXPONENTIAL_RULES, is_at_least_one
from .factoring import factor_sums
from .picking import is_diagonal_of_shared, pick_first
from .scaled_sums import sum_before_scaling
from .simplify import simplify

Axis = int | tuple[int, ...] | None
SMALLER = 8  # times fewer elements make a factor a small one
DEEPEST = 6  # steps back in which it is looked for what bounds a number
MOST_NESTED = 3  # sums within factors of sums whose factors are taken out
LARGEST_POWER = 8  # of repeated products, each of which rounds
_KEEPING = {"expand_dims", "squeeze", "reshape", "transpose", "broadcast_to", "getitem", "sum", "mean", "max", "min"}


def cheaper_on_large_arrays(program: Program) -> Program:
    """The program with these rules wherever large arrays are made, but for what leads to a guard."""
    if not any(_is_large(out) for e in program.equations for out in e.outs):
        return program
    program = sum_before_scaling(program)
    cheaper = eliminate_dead_code(simplify(program, RULES, exactly=guards_only(program).equations))
    for _ in range(MOST_NESTED):
        factored = factor_sums(cheaper)
        if factored is cheaper:
            break
        cheaper = eliminate_dead_code(simplify(factored, {"multiply": (product_there,)}))
    return cheaper


def _is_large(var: Var | Literal) -> bool:
    return -1 not in var.type.shape and var.type.size * var.type.dtype.itemsize >= blocks.LARGE


def is_safe_divisor(builder: Builder, x: Value, depth: int = DEEPEST) -> bool:
    """Whether 1 / x is surely an ordinary number where x is: x is a root, or a sum of exponentials up to exp(0)."""
    made = builder.definition(x)
    if made is None or not depth:
        return False
    if made.op.name == "sqrt":
        return True
    if made.op.name == "sum":
        return is_at_least_one(builder, made)
    if made.op.name in _KEEPING:
        return is_safe_divisor(builder, Value(builder, made.operands[0]), depth - 1)
    return False


def _real(x: Value) -> bool:
    return x.dtype.kind == "f" and x.dtype.itemsize >= 4 and not x.type.weak


def _is_small(x: Value, like: Value) -> bool:
    """Whether x is an array, with far fewer elements."""
    return bool(x.shape) and 0 < x.size * SMALLER <= like.size


def _inverse(builder: Builder, x: Value) -> Value:
    """1 / x, before the axes of length 1 are put in."""
    made = builder.definition(x, "expand_dims")
    inverse = 1 / (x if made is None else Value(builder, made.operands[0]))
    if isinstance(inverse.atom, Var) and not inverse.atom.name:
        inverse.atom.name = "inverse"
    if made is None:
        return inverse
    column: Value = builder.emit(BY_NAME["expand_dims"], inverse, **made.params)
    return column


def product_there(builder: Builder, a: Value, b: Value) -> Value | None:
    """a * b = b * a, where that is there already."""
    return builder.find("multiply", b, a)


def divide_by_small(builder: Builder, a: Value, b: Value) -> Value | None:
    """x / s = x * (1 / s) for a small s, as one of the backward pass, or the root of something."""
    if not _real(a) or not _real(b) or not _is_small(b, a) or a.dtype != b.dtype:
        return None
    return a * _inverse(builder, b) if builder.level > 0 or is_safe_divisor(builder, b) else None


def divide_by_inverted(builder: Builder, a: Value, b: Value) -> Value | None:
    """x / y = x * (1 / y) where 1 / y is there already."""
    for one in (1, 1.0):
        known = builder.find("divide", builder.value(one), b)
        if known is not None and _real(a) and _real(b) and known.type == b.type:
            return a * known
    return None


def divide_by_number(builder: Builder, a: Value, b: Value) -> Value | None:
    """x / 2 = 0.5 * x, likewise for other numbers of which the inverse is short."""
    number = b.literal
    if type(number) not in (int, float) or not _real(a) or not 1e-6 < abs(number) < 1e6:
        return None
    inverse = 1 / number
    return inverse * a if len(repr(inverse)) <= 8 and 1 / inverse == number else None


def divide_by_parts(builder: Builder, a: Value, b: Value) -> Value | None:
    """(g / (x / y)) / y = g / x, (g / y) / (x / y) = g / x."""
    first = builder.definition(a, "divide")
    if first is None or builder.level == 0 or not _real(a) or a.atom in builder.shared:
        return None
    g, divisor = (Value(builder, o) for o in first.operands)
    for quotient, factor in ((divisor, b), (b, divisor)):
        made = builder.definition(quotient, "divide")
        if made is not None and made.operands[1] is factor.atom and made.operands[0].type == g.type == a.type:
            return g / Value(builder, made.operands[0])
    return None


def _is_number(x: Value) -> bool:
    """Whether it is a number, of an ordinary size if that is known."""
    if x.literal is None:
        return not x.shape and x.dtype.kind in "if"
    return type(x.literal) in (int, float) and 1e-100 < abs(x.literal) < 1e100


def gather_numbers(name: str) -> Rule:
    """(x * s) * c = x * (s * c), (x * s) / c = x * (s / c) for a small s and a number c."""

    def gathered(builder: Builder, a: Value, b: Value) -> Value | None:
        for product, number in ((a, b), (b, a)) if name == "multiply" else ((a, b),):
            made = builder.definition(product, "multiply")
            if made is None or product.atom in builder.shared or not _real(product) or not _is_number(number):
                continue
            for x, s in (made.operands, made.operands[::-1]):
                large, small = Value(builder, x), Value(builder, s)
                if large.type == product.type and _is_small(small, large) and small.dtype == large.dtype:
                    scaled: Value = builder.emit(BY_NAME[name], small, number)
                    return large * scaled if scaled.type == small.type else None
        return None

    return gathered


def gather_small(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x * s) * t = x * (s * t) for small s and t."""
    for product, t in ((a, b), (b, a)):
        made = builder.definition(product, "multiply")
        if made is None or not _real(a) or not _real(b):
            continue
        for x, s in (made.operands, made.operands[::-1]):
            large, small = Value(builder, x), Value(builder, s)
            if large.type != product.type or not _is_small(small, large) or not _is_small(t, large):
                continue
            factor = BY_NAME["multiply"].infer(small.type, t.type)
            if factor.size * SMALLER <= large.size and product.type == BY_NAME["multiply"].infer(a.type, b.type):
                known = product_there(builder, small, t)
                return large * (small * t if known is None else known)
    return None


def rows_added(builder: Builder, a: Value, b: Value) -> Value | None:
    """x.T @ v = v @ x, which adds up multiples of rows."""
    made = builder.definition(a, "transpose")
    if made is None or a.ndim != 2 or b.ndim != 1 or a.dtype != b.dtype or made.params["axes"] != (1, 0):
        return None
    return b @ Value(builder, made.operands[0])


def negate_small(builder: Builder, a: Value, b: Value) -> Value | None:
    """(-x) * s = x * (-s) for a small s."""
    for negated, s in ((a, b), (b, a)):
        made = builder.definition(negated, "negative")
        if made is not None and _is_small(s, negated) and _real(negated):
            return Value(builder, made.operands[0]) * -s
    return None


def mean_as_sum(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """The mean of each row is its sum over their number, as np.mean has it; of squares it is a product."""
    axes = normalize_axes(axis, x.ndim)
    if 0 in axes or not axes or not _real(x):
        return None
    count = 1
    for place in axes:
        count *= x.shape[place]
    total: Value = builder.emit(BY_NAME["sum"], x, axis=axis, keepdims=keepdims)
    return total / count if count else None


def power_as_products(builder: Builder, x: Value, p: Value) -> Value | None:
    """x**3 = x * x * x, x**4 = (x * x) * (x * x), x**-2 = 1 / (x * x), likewise halves of what is not negative."""
    exponent = p.literal
    if type(exponent) not in (int, float) or not p.type.weak or not _real(x) or exponent in (-1, 0, 0.5, 1, 2):
        return None
    size = abs(exponent)
    if size > LARGEST_POWER or size * 2 != int(size * 2):
        return None
    half = size != int(size)
    if half and not _nonnegative(builder, x):
        return None
    product = _repeated(x, int(size))
    if half:
        root: Value = BY_NAME["sqrt"](x)
        product = root if product is None else product * root
    assert product is not None
    return product if exponent > 0 else 1 / product


def _repeated(x: Value, n: int) -> Value | None:
    if n < 2:
        return x if n else None
    if n % 2:
        before = _repeated(x, n - 1)
        assert before is not None
        return before * x
    half = _repeated(x, n // 2)
    assert half is not None
    return half * half


def _nonnegative(builder: Builder, x: Value, depth: int = DEEPEST) -> bool:
    """Whether x is surely not negative, and 0 without a sign."""
    if x.literal is not None:
        return bool(isinstance(x.literal, int | float) and x.literal > 0)
    made = builder.definition(x)
    if made is None or not depth or x.dtype.kind != "f":
        return False
    inner = [Value(builder, o) for o in made.operands]
    name = made.op.name
    if name in ("square", "exp", "absolute"):
        return True
    if name == "power":
        return type(inner[1].literal) in (int, float) and inner[1].literal % 2 == 0
    if name == "multiply" and inner[0].atom is inner[1].atom:
        return True
    if name in ("add", "multiply", "divide", "maximum"):
        return all(_nonnegative(builder, v, depth - 1) for v in inner)
    return name in _KEEPING and _nonnegative(builder, inner[0], depth - 1)


def choice_of_signs(builder: Builder, mask: Value, a: Value, b: Value) -> Value | None:
    """where(m, -x, x) = (1 - 2 m) * x, where(m, 1 - x, x) = (1 - 2 m) * x + m, where(m, 3 * x, x) = (1 + 2 m) * x."""
    if mask.dtype.kind != "b" or not mask.shape or a.type != b.type or not _real(a) or mask.shape != a.shape:
        return None
    (p, k, x), (q, h, y) = _line(builder, a), _line(builder, b)
    if x.atom is not y.atom or not p or not q or p == q or q + (p - q) != p or x.literal is not None:
        return None
    if h or k not in (0, 1):
        return None
    sign = builder.find("subtract", builder.value(1), _step(mask, x, 2.0)) if p == -q == 1 else None
    factor = _affine(mask, x, q, p - q) * x if sign is None else -(sign * x)
    return factor + mask if k else factor


def choice_by_bits(builder: Builder, mask: Value, a: Value, b: Value) -> Value | None:
    """where(mask, a, b) of floats without a branch for each element."""
    if a.type != b.type or not a.shape or mask.shape != a.shape or mask.dtype.kind != "b" or a.dtype.kind != "f":
        return None
    if a.dtype.itemsize > 8 or a.type.weak:
        return None
    value: Value = BY_NAME["chosen"](mask, a, b)
    return value


def kept_by_bits(builder: Builder, mask: Value, a: Value, b: Value) -> Value | None:
    """where(mask, a, 0) likewise."""
    if mask.dtype.kind != "b" or not a.shape or a.shape != mask.shape or a.dtype.kind != "f" or a.dtype.itemsize > 8:
        return None
    if type(b.literal) not in (int, float) or repr(float(b.literal)) != "0.0" or a.type.weak:
        return None
    value: Value = BY_NAME["kept"](a, mask)
    return value


def kept_already(builder: Builder, x: Value, mask: Value) -> Value | None:
    """kept(x, m) = x where x is zero but for m: a multiple of something that was kept by m."""
    inner = x
    for _ in range(DEEPEST):
        made = builder.definition(inner)
        if made is None:
            return None
        if made.op.name == "kept":
            return x if made.operands[1] is mask.atom and x.shape == mask.shape else None
        if made.op.name == "negative":
            inner = Value(builder, made.operands[0])
            continue
        numbers = [o for o in made.operands if isinstance(o, Literal) and abs(o.value) < 1e300]
        others = [o for o in made.operands if isinstance(o, Var)]
        if made.op.name != "multiply" or len(numbers) != 1 or len(others) != 1:
            return None
        inner = Value(builder, others[0])
    return None


def equal_there(builder: Builder, a: Value, b: Value) -> Value | None:
    """(a == b) = (b == a), where that is there already."""
    return builder.find("equal", b, a)


def without_leading_axes(name: str) -> Rule:
    """f(x, v[None]) = f(x, v) where x gives the result its shape already."""

    def written(builder: Builder, a: Value, b: Value) -> Value | None:
        op = BY_NAME[name]
        for place, operand in enumerate((a, b)):
            made = builder.definition(operand, "expand_dims")
            if made is None:
                continue
            axes = normalize_axes(made.params["axis"], operand.ndim)
            inner = Value(builder, made.operands[0])
            spread = builder.definition(inner, "broadcast_to")
            if spread is not None and not spread.operands[0].type.shape:
                inner, axes = Value(builder, spread.operands[0]), ()  # the same number everywhere
            pair = (a, inner) if place else (inner, b)
            if axes == tuple(range(len(axes))) and op.infer(pair[0].type, pair[1].type) == op.infer(a.type, b.type):
                result: Value = builder.emit(op, *pair)
                return result
        return None

    return written


def mean_of_rows(builder: Builder, x: Value, *, axis: Axis, keepdims: bool) -> Value | None:
    """mean(x, axis=0, keepdims=True) = mean(x, axis=0)[None]."""
    axes = normalize_axes(axis, x.ndim)
    if not keepdims or axes != tuple(range(len(axes))) or len(axes) == x.ndim:
        return None
    row: Value = builder.emit(BY_NAME["mean"], x, axis=axes[0] if len(axes) == 1 else axes, keepdims=False)
    spread: Value = builder.emit(BY_NAME["expand_dims"], row, axis=axes)
    return spread


def _affine(mask: Value, x: Value, start: float, step: float) -> Value:
    """start + step * mask."""
    first: float = int(start) if start == int(start) else start
    value = first + _step(mask, x, step) if step > 0 else first - _step(mask, x, -step)
    if isinstance(value.atom, Var) and (start, step) == (1, -2):
        value.atom.name = "sign"
    return value


def _step(mask: Value, x: Value, step: float) -> Value:
    """step * mask, in the dtype of x."""
    return mask.builder.value(step if x.dtype == float else x.dtype.type(step)) * mask


def _line(builder: Builder, value: Value) -> tuple[float, float, Value]:
    """p, k and x of a value p * x + k with numbers p and k."""
    made = builder.definition(value)
    if made is not None and len(made.operands) in (1, 2):
        inner = [Value(builder, o) for o in made.operands]
        numbers = [v.literal if type(v.literal) in (int, float) and v.type.weak else None for v in inner]
        if made.op.name == "negative":
            return -1.0, 0.0, inner[0]
        if made.op.name == "multiply" and numbers[0] is not None:
            return float(numbers[0]), 0.0, inner[1]
        if made.op.name == "multiply" and numbers[1] is not None:
            return float(numbers[1]), 0.0, inner[0]
        if made.op.name == "subtract" and numbers[0] is not None:
            return -1.0, float(numbers[0]), inner[1]
    return 1.0, 0.0, value


def pick_before(builder: Builder, x: Value, *arrays: Value, index: Index) -> Value | None:
    """exp(x)[i, j] = exp(x[i, j]), and likewise other functions, for far fewer elements than x has."""
    made = builder.definition(x)
    if made is None or not made.op.elementwise or len(made.operands) != 1 or made.params or not arrays:
        return None
    if is_diagonal_of_shared(builder, x, arrays):
        return None
    inner = Value(builder, made.operands[0])
    if not _real(inner) or len(index) != x.ndim or any(entry is not SLOT for entry in index):
        return None
    if any(a.dtype.kind not in "iu" or a.ndim != 1 for a in arrays) or arrays[0].size * SMALLER > x.size:
        return None
    few: Value = BY_NAME["getitem"](inner, *arrays, index=index)
    picked: Value = builder.emit(made.op, few)
    return picked


def _for_large(rule: Callable[..., Value | None], builder: Builder, *operands: Value, **params: Any) -> Value | None:
    """The rule, for what makes or reads large arrays."""
    if not any(_is_large(o.atom) for o in operands):
        return None
    return rule(builder, *operands, **params)


_RULES: dict[str, tuple[Rule, ...]] = {
    "add": (without_leading_axes("add"),),
    "subtract": (without_leading_axes("subtract"),),
    "multiply": (
        product_there,
        without_leading_axes("multiply"),
        negate_small,
        gather_small,
        gather_numbers("multiply"),
    ),
    "equal": (equal_there,),
    "divide": (
        without_leading_axes("divide"),
        divide_by_parts,
        gather_numbers("divide"),
        divide_by_inverted,
        divide_by_small,
        divide_by_number,
    ),
    "matmul": (rows_added,),
    "power": (power_as_products,),
    "mean": (mean_as_sum, mean_of_rows),
    "where": (choice_of_signs, choice_by_bits, kept_by_bits),
    "kept": (kept_already,),
    "getitem": (pick_before, pick_first),
}
RULES: dict[str, tuple[Rule, ...]] = {
    name: tuple(partial(_for_large, rule) for rule in rules) for name, rules in (_RULES | EXPONENTIAL_RULES).items()
}
