"""Composite adjoints: a few expressions whose derivative is simpler, and safer, than that of their parts.

Each entry looks at the last equation of the expression. Where it matches, the cotangent goes straight to the variable
that the expression is a function of, past the equations between. The forward program stays as the user wrote it.
"""

from __future__ import annotations

from collections.abc import Callable

from .builder import Builder, Value
from .dims import at_least
from .ops.elementwise import conjugate, where
from .ops.reduction import reduced_size, restore_dims, sum_
from .program import Equation, Literal, Var
from .types import Shape, normalize_axes

Match = tuple[Value, Callable[[Value], Value]]


def softmax(builder: Builder, equation: Equation) -> Match | None:
    """p = exp(z) / sum(exp(z)), also with z = u - m for any m constant along the axis: dz = g p - p sum(g p).

    A shift along the axis changes nothing, so m gets no cotangent; nothing is divided by a p that underflowed.
    """
    numerator, denominator = (Value(builder, o) for o in equation.operands)
    exponential = builder.definition(numerator, "exp")
    axes = _summed_axes(builder, denominator, exponential)
    if exponential is None or axes is None:
        return None
    z = _before_shift(builder, Value(builder, exponential.operands[0]), axes)
    p = Value(builder, equation.out)
    axis = axes[0] if len(axes) == 1 and numerator.ndim > 1 else axes

    def rule(g: Value) -> Value:
        weighted = g * p
        if len(axes) == p.ndim:
            return weighted - p * sum_(weighted)
        return weighted - p * sum_(weighted, axis=axis, keepdims=True)

    return z, rule


def log_softmax(builder: Builder, equation: Equation) -> Match | None:
    """z - log(sum(exp(z))), also with z = u - m for any m constant along the axis: dz = g - softmax(z) sum(g)."""
    z, logarithm = (Value(builder, o) for o in equation.operands)
    log = builder.definition(logarithm, "log")
    exponential = builder.find("exp", z)
    if log is None or exponential is None or z.shape != equation.out.type.shape:
        return None
    total = Value(builder, log.operands[0])
    axes = _summed_axes(builder, total, builder.definition(exponential))
    if axes is None:
        return None
    everything = len(axes) == z.ndim
    axis = None if everything else axes[0] if len(axes) == 1 else axes

    def rule(g: Value) -> Value:
        return g - exponential / total * sum_(g, axis=axis, keepdims=not everything)

    return _before_shift(builder, z, axes), rule


def _summed_axes(builder: Builder, denominator: Value, exponential: Equation | None) -> tuple[int, ...] | None:
    """The axes over which `denominator` sums the exponential, if it does so and broadcasts back along them."""
    total = builder.definition(denominator, "sum")
    added_dims = builder.definition(denominator, "expand_dims")
    if added_dims is not None:
        total = builder.definition(Value(builder, added_dims.operands[0]), "sum")
    if total is None or exponential is None or total.operands[0] is not exponential.out:
        return None
    shape = exponential.out.type.shape
    axes = normalize_axes(total.params["axis"], len(shape))
    if denominator.shape != _aligned(shape, axes) and not (denominator.ndim == 0 and len(axes) == len(shape)):
        return None
    if added_dims is None and not total.params["keepdims"] and denominator.ndim:
        return None  # broadcast along another axis than the one summed
    return axes


def _aligned(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _before_shift(builder: Builder, z: Value, axes: tuple[int, ...]) -> Value:
    """u where z = u - m with m constant along the axes, else z."""
    shifted = builder.definition(z, "subtract")
    if shifted is None:
        return z
    u, m = (Value(builder, o) for o in shifted.operands)
    constant = m.ndim == 0 or _in_all_dims(m, z.ndim) == _aligned(z.shape, axes)
    return u if constant and u.type == z.type else z


def _in_all_dims(x: Value, ndim: int) -> Shape:
    """The shape as it broadcasts beside others of that many dimensions."""
    return (1,) * (ndim - x.ndim) + x.shape


def log_sum_exp(builder: Builder, equation: Equation) -> Match | None:
    """log(sum(exp(z - m))) + m for any m constant along the axes, a maximum as a rule: dz = g softmax(z), dm = 0."""
    a, b = (Value(builder, o) for o in equation.operands)
    return _shifted_log(builder, equation, a, b) or _shifted_log(builder, equation, b, a)


def _shifted_log(builder: Builder, equation: Equation, logarithm: Value, added: Value) -> Match | None:
    """`log_sum_exp` where the logarithm is the first and the shift the second of the two."""
    log = builder.definition(logarithm, "log")
    total = builder.definition(Value(builder, log.operands[0]), "sum") if log is not None else None
    exponential = builder.definition(Value(builder, total.operands[0]), "exp") if total is not None else None
    if total is None or exponential is None or exponential.out.type.dtype.kind != "f":
        return None
    p, mass = Value(builder, exponential.out), Value(builder, total.out)
    difference = builder.definition(Value(builder, exponential.operands[0]), "subtract")
    if difference is None or equation.out.type != mass.type:
        return None
    z, m = (Value(builder, o) for o in difference.operands)
    axes, keepdims = normalize_axes(total.params["axis"], p.ndim), total.params["keepdims"]
    if m.ndim and (_in_all_dims(m, p.ndim) != _aligned(p.shape, axes) or added.shape != mass.shape):
        return None
    if z.type != p.type or _without_dims(builder, m) is not _without_dims(builder, added):
        return None
    return z, lambda g: restore_dims(g / mass, z.ndim, axes, keepdims) * p


def _without_dims(builder: Builder, x: Value) -> Var | Literal:
    """The atom with the elements of x, of which dimensions of length 1 were added or taken away."""
    made = builder.definition(x)
    while made is not None and made.op.name in ("expand_dims", "squeeze", "reshape"):
        x = Value(builder, made.operands[0])
        made = builder.definition(x)
    return x.atom


def euclidean_norm(builder: Builder, equation: Equation) -> Match | None:
    """r = sqrt(sum of x**2 / n): dx = g x / (n r), and 0 at the origin (docs/kinks.md). n may be any number."""
    total = builder.definition(Value(builder, equation.operands[0]))
    n: float = 1
    if total is not None and total.op.name == "divide":
        divisor = Value(builder, total.operands[1]).literal
        if not isinstance(divisor, int | float) or not divisor > 0:
            return None
        n, total = divisor, builder.definition(Value(builder, total.operands[0]))
    if total is None:
        return None
    r = Value(builder, equation.out)
    if total.op.name == "matmul" and total.operands[0] is total.operands[1] and not total.out.type.shape:
        x = Value(builder, total.operands[0])
        axes: tuple[int, ...] = (0,)
        keepdims = False
    elif total.op.name in ("sum", "mean"):
        squared = _square_root_of(builder, Value(builder, total.operands[0]))
        if squared is None:
            return None
        x = squared
        axes = normalize_axes(total.params["axis"], x.ndim)
        keepdims = total.params["keepdims"]
        if total.op.name == "mean":
            n *= at_least(reduced_size(x, axes), 1)
    else:
        return None
    if x.dtype.kind != "f" or x.type.weak:
        return None

    def rule(g: Value) -> Value:
        length = where(r.equals(0), 1, r)
        scale = g / (length if n == 1 else n * length)
        return restore_dims(scale, x.ndim, axes, keepdims) * x

    base = _before_centring(builder, x, axes)
    return (x if base is None else base), rule


def variance(builder: Builder, equation: Equation) -> Match | None:
    """The sum or mean of (x - mean(x))**2, as np.var writes it: dx = 2 g (x - mean(x)), or that by n."""
    centred = _square_root_of(builder, Value(builder, equation.operands[0]))
    if centred is None:
        return None
    axes = normalize_axes(equation.params["axis"], centred.ndim)
    x = _before_centring(builder, centred, axes)
    if x is None:
        return None
    n = at_least(reduced_size(x, axes), 1) if equation.op.name == "mean" else 1
    return x, lambda g: 2 * (restore_dims(g, x.ndim, axes, equation.params["keepdims"]) / n) * centred


def _before_centring(builder: Builder, centred: Value, axes: tuple[int, ...]) -> Value | None:
    """x where centred = x - mean(x): what sums to 0 gives the mean no cotangent.

    Not where the user has given the difference a name: then the steps are kept apart as written.
    """
    difference = builder.definition(centred, "subtract")
    if difference is None or difference.out.named or centred.dtype.kind != "f":
        return None
    x, m = (Value(builder, o) for o in difference.operands)
    mean = builder.definition(m, "mean")
    if mean is None or mean.operands[0] is not x.atom or centred.type != x.type:
        return None
    same = normalize_axes(mean.params["axis"], x.ndim) == axes
    return x if same and (mean.params["keepdims"] or len(axes) == x.ndim) else None


def _square_root_of(builder: Builder, squares: Value) -> Value | None:
    """x where `squares` is x * x, np.square(x) or x ** 2."""
    equation = builder.definition(squares)
    if equation is None:
        return None
    first = Value(builder, equation.operands[0])
    if equation.op.name == "square":
        return first
    if equation.op.name in ("multiply", "power"):
        second = Value(builder, equation.operands[1])
        if (equation.op.name == "multiply" and second.atom is first.atom) or (
            equation.op.name == "power" and second.literal is not None and second.literal == 2
        ):
            return first
    return None


def logistic(builder: Builder, equation: Equation) -> Match | None:
    """y = 1 / (1 + exp(-z)): dz = g y (1 - y), also where exp(-z) overflows; of 1 / (1 + exp(t)) the negative."""
    one, denominator = (Value(builder, o) for o in equation.operands)
    total = builder.definition(denominator, "add")
    if one.literal != 1 or total is None:
        return None
    left, right = (Value(builder, o) for o in total.operands)
    if left.literal != 1:
        left, right = right, left
    exponential = builder.definition(right, "exp")
    if left.literal != 1 or exponential is None:
        return None
    exponent, y = Value(builder, exponential.operands[0]), Value(builder, equation.out)
    if exponent.type != y.type:
        return None
    negated = builder.definition(exponent, "negative")
    if negated is None:
        return exponent, lambda g: -(g * y * (1 - y))
    return Value(builder, negated.operands[0]), lambda g: g * y * (1 - y)


def squared_modulus(builder: Builder, equation: Equation) -> Match | None:
    """|z|**2 of a complex z, which is z conj(z): dz = 2 g conj(z), without a division by |z|."""
    modulus = _square_root_of(builder, Value(builder, equation.out))
    size = builder.definition(modulus, "absolute") if modulus is not None else None
    if size is None or size.operands[0].type.dtype.kind != "c":
        return None
    z = Value(builder, size.operands[0])
    return z, lambda g: 2 * g * conjugate(z)


def diagonal_of_factor(builder: Builder, equation: Equation) -> Match | None:
    """The diagonal of what scipy.linalg.cho_factor gave is that of the factor."""
    from .ops.cholesky import factor_within
    from .ops.linalg import diagonal_vjp

    factor = factor_within(Value(builder, equation.operands[0]))
    if factor is None or equation.params["offset"] != 0:
        return None
    y = Value(builder, equation.out)
    return factor, lambda g: diagonal_vjp(g, y, factor, **equation.params)


Composite = Callable[[Builder, Equation], Match | None]
POINTWISE: tuple[Composite, ...] = (squared_modulus, log_sum_exp)  # their rules take a cotangent that merely broadcasts
COMPOSITES: dict[str, tuple[Composite, ...]] = {
    "add": (log_sum_exp,),
    "divide": (softmax, logistic),
    "subtract": (log_softmax,),
    "sqrt": (euclidean_norm,),
    "mean": (variance,),
    "sum": (variance,),
    "square": (squared_modulus,),
    "power": (squared_modulus,),
    "multiply": (squared_modulus,),
    "diagonal": (diagonal_of_factor,),
}
