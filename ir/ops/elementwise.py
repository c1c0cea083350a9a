"""Elementwise operations: y is the result, g its cotangent, and every rule reads like the derivative in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import Value
from ..op import NONDIFF, Masked, Nondifferentiable, Op, Refused, op, register
from ..types import PYTHON_TYPE, ArrayType, broadcast_shapes, result_dtype, ufunc_dtype

Rule = Callable[..., Any]

# Where tests draw the operands of a rule from, as an interval.
REAL = (-3.0, 3.0)
POSITIVE = (0.1, 3.0)
UNIT = (-0.9, 0.9)
ABOVE_ONE = (1.1, 3.0)


_ORDERINGS = (np.greater, np.greater_equal, np.less, np.less_equal)


def _ufunc_rule(ufunc: np.ufunc, python_scalars: bool) -> Callable[..., ArrayType]:
    """The type rule of a ufunc. An operator on Python numbers alone gives a Python number (True counts as 1)."""

    counts = python_scalars and ufunc not in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)

    def number(x: ArrayType) -> ArrayType:
        return ArrayType((), np.dtype(int), weak=True) if counts and x.dtype.kind == "b" else x

    def unary_rule(x: ArrayType) -> ArrayType:
        if python_scalars and x.weak:
            return x.like((), ufunc_dtype(ufunc, number(x)), weak=True)
        return x.like(x.shape, ufunc_dtype(ufunc, x))

    def binary_rule(a: ArrayType, b: ArrayType) -> ArrayType:
        if python_scalars and a.weak and b.weak:
            if ufunc in _ORDERINGS and "c" in (a.dtype.kind, b.dtype.kind):
                raise TypeError(f"{ufunc.__name__} is not defined between Python's complex numbers")
            return a.like((), ufunc_dtype(ufunc, number(a), number(b)), weak=True)
        return a.like(broadcast_shapes(a.shape, b.shape), ufunc_dtype(ufunc, a, b))

    return unary_rule if ufunc.nin == 1 else binary_rule


def unary(
    ufunc: np.ufunc,
    vjp: Rule | Nondifferentiable | Refused,
    *,
    python: str | Callable[..., str] | None = None,
    domain: tuple[float, float] = REAL,
) -> Op:
    """A ufunc of one operand; `python` given means that it is an operator, also on Python numbers."""
    text = python or f"np.{ufunc.__name__}({{0}})"
    rule = _ufunc_rule(ufunc, python is not None)
    return register(Op(ufunc.__name__, ufunc, rule, text, vjp, elementwise=True, domain=(domain,)), ufunc)


def binary(
    ufunc: np.ufunc,
    da: Rule | Nondifferentiable | Refused,
    db: Rule | Refused | None = None,
    *,
    python: str | Callable[..., str] | None = None,
    domain: tuple[tuple[float, float], tuple[float, float]] = (REAL, REAL),
) -> Op:
    """A ufunc of two operands; `python` given means that it is an operator, also on Python numbers."""
    text = python or f"np.{ufunc.__name__}({{0}}, {{1}})"
    rule: Any = da if isinstance(da, Nondifferentiable | Refused) else (da, db)
    infer = _ufunc_rule(ufunc, python is not None)
    return register(Op(ufunc.__name__, ufunc, infer, text, rule, elementwise=True, domain=domain), ufunc)


def _is_complex(x: Value) -> bool:
    return x.dtype.kind == "c"


# ---------------------------------------------------------------------------------------------------- arithmetic

add = binary(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g, python="{0} + {1}")
subtract = binary(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g, python="{0} - {1}")
multiply = binary(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, python="{0} * {1}")
divide = binary(
    np.divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -(g * y) / b,
    python="{0} / {1}",
    domain=(REAL, POSITIVE),
)
negative = unary(np.negative, lambda g, y, x: -g, python="-{0}")
positive = unary(np.positive, lambda g, y, x: g, python="+{0}")


def _nonzero(y: Value) -> Value:
    """y, and 1 where it is 0."""
    chosen: Value = where(y.equals(0), 1, y)
    return chosen


_KEEPING = {"sum", "mean", "reshape", "expand_dims", "squeeze", "broadcast_to", "getitem", "copy", "positive", "astype"}


def _unscaled(x: Value) -> Any:
    """The atom of which x is a positive multiple."""
    made = x.builder.definition(x, "multiply")
    factor = Value(x.builder, made.operands[0]).literal if made is not None else None
    return made.operands[1] if made is not None and isinstance(factor, int | float) and factor > 0 else x.atom


def adds_up_squares(x: Value) -> bool:
    """Whether x is written as a sum of squares: its root is a length, which has the subgradient 0 at the origin."""
    todo = [x]
    while todo:
        made = x.builder.definition(todo.pop())
        if made is None or not made.operands or made.out.type.dtype.kind != "f":
            return False
        first, *rest = (Value(x.builder, operand) for operand in made.operands)
        other = rest[0].literal if rest else None
        name = made.op.name
        if name == "square" or (name in ("multiply", "matmul") and _unscaled(rest[0]) is _unscaled(first)):
            continue
        if name == "power" and isinstance(other, int | float) and other > 0 and other % 2 == 0:
            continue
        if name == "add":
            todo += [first, rest[0]]
        elif name in _KEEPING or (name in ("multiply", "divide") and isinstance(other, int | float) and other > 0):
            todo.append(first)
        elif name == "multiply" and isinstance(first.literal, int | float) and first.literal > 0:
            todo.append(rest[0])
        else:
            return False
    return True


def _share(y: Value, part: Value, other: Value) -> Value:
    """The share of one part in y = logaddexp(part, other); where that is -inf, a sum of nothing, it is 0."""
    numbers = [x.literal for x in (part, other) if x.literal is not None]
    some = any(number.real > -np.inf for number in numbers)  # as in log(1 + exp(x)), logaddexp(0, x)
    share: Value = exp(part - (y if some else where(y.equals(-np.inf), 0, y)))
    return share


def _power_base(g: Value, y: Value, x: Value, p: Value) -> Value | None:
    """d(x**p)/dx = p x**(p - 1), which is 0 for p = 0 also where x is 0."""
    if p.literal == 0.5 and adds_up_squares(x):
        return 0.5 * g / _nonzero(y)
    if p.literal is not None:
        return None if p.literal == 0 else p * g * x ** (p.literal - 1) if p.literal != 1 else g
    return g * p * x ** where(p.equals(0), 1, p - 1)


def _power_exponent(g: Value, y: Value, x: Value, p: Value) -> Value:
    """d(x**p)/dp = x**p log x; at x = 0 the limit 0 is taken (JAX and autograd do likewise)."""
    if isinstance(x.literal, int | float) and x.literal > 0:
        return g * y * float(np.log(x.literal))
    if _is_complex(y) and not _is_complex(x):
        x = astype(x, dtype=y.dtype)  # a negative number has a complex logarithm
    return g * y * log(where(x.equals(0), 1, x))


def _power_text(a: ArrayType, b: ArrayType) -> str:
    """The operator on booleans squares in another dtype than np.power."""
    return "np.power({0}, {1})" if a.dtype.kind == "b" and b.weak and not a.weak else "{0} ** {1}"


power = binary(np.power, _power_base, _power_exponent, python=_power_text, domain=(POSITIVE, REAL))
float_power = binary(np.float_power, _power_base, _power_exponent, domain=(POSITIVE, REAL))
floor_divide = binary(np.floor_divide, NONDIFF, python="{0} // {1}")
remainder = binary(
    np.remainder,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * floor_divide(a, b),
    python="{0} % {1}",
    domain=(REAL, POSITIVE),
)
fmod = binary(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * trunc(a / b), domain=(REAL, POSITIVE))
square = unary(np.square, lambda g, y, x: 2 * g * x)
reciprocal = unary(np.reciprocal, lambda g, y, x: -g * y * y, domain=POSITIVE)

# ---------------------------------------------------------------------------------- exponentials, logarithms, roots

exp = unary(np.exp, lambda g, y, x: g * y)
exp2 = unary(np.exp2, lambda g, y, x: float(np.log(2.0)) * g * y)
expm1 = unary(np.expm1, lambda g, y, x: g * (y + 1))
log = unary(np.log, lambda g, y, x: g / x, domain=POSITIVE)
log2 = unary(np.log2, lambda g, y, x: g / (float(np.log(2.0)) * x), domain=POSITIVE)
log10 = unary(np.log10, lambda g, y, x: g / (float(np.log(10.0)) * x), domain=POSITIVE)
log1p = unary(np.log1p, lambda g, y, x: g / (1 + x), domain=POSITIVE)
sqrt = unary(np.sqrt, lambda g, y, x: 0.5 * g / (_nonzero(y) if adds_up_squares(x) else y), domain=POSITIVE)
cbrt = unary(np.cbrt, lambda g, y, x: g / (3 * y * y), domain=POSITIVE)
logaddexp = binary(np.logaddexp, lambda g, y, a, b: g * _share(y, a, b), lambda g, y, a, b: g * _share(y, b, a))

# --------------------------------------------------------------------------------- trigonometric and hyperbolic


def _arccosh_root(x: Value) -> Value:
    """sqrt(x**2 - 1), for complex x on the branch that arccosh takes."""
    root: Value = sqrt(x - 1) * sqrt(x + 1) if _is_complex(x) else sqrt(x * x - 1)
    return root


sin = unary(np.sin, lambda g, y, x: g * cos(x))
cos: Op = unary(np.cos, lambda g, y, x: -g * sin(x))
tan = unary(np.tan, lambda g, y, x: g * (1 + y * y), domain=UNIT)
arcsin = unary(np.arcsin, lambda g, y, x: g / sqrt(1 - x * x), domain=UNIT)
arccos = unary(np.arccos, lambda g, y, x: -g / sqrt(1 - x * x), domain=UNIT)
arctan = unary(np.arctan, lambda g, y, x: g / (1 + x * x))
sinh = unary(np.sinh, lambda g, y, x: g * cosh(x))
cosh: Op = unary(np.cosh, lambda g, y, x: g * sinh(x))
tanh = unary(np.tanh, lambda g, y, x: g * (1 - y * y))
arcsinh = unary(np.arcsinh, lambda g, y, x: g / sqrt(x * x + 1))
arccosh = unary(np.arccosh, lambda g, y, x: g / _arccosh_root(x), domain=ABOVE_ONE)
arctanh = unary(np.arctanh, lambda g, y, x: g / (1 - x * x), domain=UNIT)
arctan2 = binary(
    np.arctan2,
    lambda g, y, a, b: g * b / (a * a + b * b),
    lambda g, y, a, b: -g * a / (a * a + b * b),
    domain=(POSITIVE, POSITIVE),
)


hypot = binary(
    np.hypot,
    lambda g, y, a, b: g * a / _nonzero(y),
    lambda g, y, a, b: g * b / _nonzero(y),
    domain=(POSITIVE, POSITIVE),
)

# ------------------------------------------------------------------------------------------ kinks (docs/kinks.md)


def _abs_vjp(g: Value, y: Value, x: Value) -> Any:
    if _is_complex(x):
        return g * conjugate(x) / where(y.equals(0), 1, y)
    return g * sign(x)


absolute = unary(np.absolute, _abs_vjp, python=lambda x: "abs({0})" if x.weak else "np.abs({0})")
fabs = unary(np.fabs, lambda g, y, x: g * sign(x))


def _larger(strict: str, present: bool = False) -> tuple[Rule, Rule]:
    """The two rules of an extremum: all to the winner, half each on a tie, and to a constant nothing at all.

    `present`: a number wins against nan.
    """

    def rule(g: Value, y: Value, mine: Value, other: Value) -> Any:
        if other.literal is not None:  # a result beyond the bound says the same, so that `mine` need not be kept
            return Masked(g, y._emit(strict, y, other))
        wins = mine._emit(strict, mine, other)
        if present and other.dtype.kind in "fc":
            wins = bitwise_or(wins, isnan(other))
        return where(mine.equals(other), 0.5 * g, where(wins, g, 0))

    return lambda g, y, a, b: rule(g, y, a, b), lambda g, y, a, b: rule(g, y, b, a)


maximum = binary(np.maximum, *_larger("greater"))
minimum = binary(np.minimum, *_larger("less"))
fmax = binary(np.fmax, *_larger("greater", present=True))
fmin = binary(np.fmin, *_larger("less", present=True))

# ------------------------------------------------------------------------------------------------------- complex


def _part(x: ArrayType) -> ArrayType:
    """The type of the real or imaginary part; a Python number has Python numbers for parts."""
    if x.weak and x.dtype.kind == "b":
        return ArrayType((), np.dtype(int), weak=True)
    return ArrayType(x.shape, ufunc_dtype(np.absolute, x), x.weak) if x.dtype.kind == "c" else x


conjugate: Op = unary(np.conjugate, lambda g, y, x: conjugate(g))


@op(np.real, python="{0}.real", elementwise=True, view=True)
def real(x: ArrayType) -> ArrayType:
    return _part(x)


real.vjp(lambda g, y, x: g)


@op(np.imag, python="{0}.imag", elementwise=True, view=True)
def imag(x: ArrayType) -> ArrayType:
    return _part(x)


@imag.vjp
def _imag_vjp(g: Value, y: Value, x: Value) -> Value | None:
    """Im(z) = Re(-1j z)."""
    if not _is_complex(x):
        return None
    return -(1j * g) if g.literal is None else g * -1j


# ------------------------------------------------------------------- piecewise constant, comparisons, logic, bits


def _sign_vjp(g: Value, y: Value, x: Value) -> Value | None:
    """x / |x| of a complex x turns with it: dy = (dx - y Re(conj(y) dx)) / |x|; that of a real x is constant.

    0 at 0, as for every modulus.
    """
    if not _is_complex(x):
        return None
    turned = g - real(g * y) * conjugate(y)
    chosen: Value = where(y.equals(0), 0, turned / _nonzero(absolute(x)))
    return chosen


floor: Op = unary(np.floor, NONDIFF)
ceil = unary(np.ceil, NONDIFF)
trunc: Op = unary(np.trunc, NONDIFF)
rint = unary(np.rint, NONDIFF)
sign: Op = unary(np.sign, _sign_vjp)
isnan = unary(np.isnan, NONDIFF)
isinf = unary(np.isinf, NONDIFF)
isfinite = unary(np.isfinite, NONDIFF)
signbit = unary(np.signbit, NONDIFF)
logical_not = unary(np.logical_not, NONDIFF)
invert = unary(np.invert, NONDIFF, python="~{0}")
greater = binary(np.greater, NONDIFF, python="{0} > {1}")
greater_equal = binary(np.greater_equal, NONDIFF, python="{0} >= {1}")
less = binary(np.less, NONDIFF, python="{0} < {1}")
less_equal = binary(np.less_equal, NONDIFF, python="{0} <= {1}")
equal = binary(np.equal, NONDIFF, python="{0} == {1}")
not_equal = binary(np.not_equal, NONDIFF, python="{0} != {1}")
logical_and = binary(np.logical_and, NONDIFF)
logical_or = binary(np.logical_or, NONDIFF)
logical_xor = binary(np.logical_xor, NONDIFF)
bitwise_and = binary(np.bitwise_and, NONDIFF, python="{0} & {1}")
bitwise_or = binary(np.bitwise_or, NONDIFF, python="{0} | {1}")
bitwise_xor = binary(np.bitwise_xor, NONDIFF, python="{0} ^ {1}")
left_shift = binary(np.left_shift, NONDIFF, python="{0} << {1}", domain=(REAL, POSITIVE))
right_shift = binary(np.right_shift, NONDIFF, python="{0} >> {1}", domain=(REAL, POSITIVE))

# ------------------------------------------------------------------------------------------- selection, conversion


@op(np.where, elementwise=True)
def where(condition: ArrayType, a: ArrayType, b: ArrayType) -> ArrayType:
    return ArrayType(broadcast_shapes(condition.shape, a.shape, b.shape), result_dtype(a, b))


def _truth(c: Value) -> Value:
    """The condition as a mask, which may be combined with others."""
    value: Value = c if c.dtype.kind == "b" else not_equal(c, 0)
    return value


def opposite(a: Value, b: Value) -> bool:
    """Whether one of two masks is written as the negation of the other."""
    for one, other in ((a, b), (b, a)):
        made = one.builder.definition(one, "logical_not") or one.builder.definition(one, "invert")
        if made is not None and made.operands[0] is other.atom and one.type == other.type and one.dtype.kind == "b":
            return True
    return False


where.vjp(None, lambda g, y, c, a, b: Masked(g, _truth(c)), lambda g, y, c, a, b: Masked(g, logical_not(c)))


def _astype(x: Any, *, dtype: np.dtype[Any]) -> Any:
    return np.asarray(x).astype(dtype)[()]


def _astype_text(x: ArrayType, *, dtype: np.dtype[Any]) -> str:
    return f"{{0}}.astype(np.{dtype.name})" if x.ndim or not x.weak else f"np.{dtype.name}({{0}})"


@op(name="astype", fun=_astype, python=_astype_text, elementwise=True)
def astype(x: ArrayType, *, dtype: np.dtype[Any]) -> ArrayType:
    return ArrayType(x.shape, dtype)


@astype.vjp
def astype_vjp(g: Value, y: Value, x: Value, *, dtype: np.dtype[Any]) -> Value | None:
    return g if dtype.kind in "fc" else None


def _stop_gradient(x: Any) -> Any:
    return x


@op(name="stop_gradient", fun=_stop_gradient, python="{0}", elementwise=True, view=True, rule=NONDIFF)
def stop_gradient(x: ArrayType) -> ArrayType:
    return x


def _python_type(dtype: np.dtype[Any]) -> type:
    return PYTHON_TYPE["i" if dtype.kind == "u" else dtype.kind]


def _python_number(x: Any) -> Any:
    return _python_type(np.asarray(x).dtype)(x)


def _python_number_text(x: ArrayType) -> str:
    return f"{_python_type(x.dtype).__name__}({{0}})"


@op(name="python_number", fun=_python_number, batch=lambda b, x: x, python=_python_number_text, elementwise=True)
def python_number(x: ArrayType) -> ArrayType:
    """A NumPy scalar as a Python number."""
    if x.ndim:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    return ArrayType((), np.dtype(_python_type(x.dtype)), weak=True)


python_number.vjp(lambda g, y, x: g)
