"""Which matrices are symmetric as they are written, for every value of what they are made of."""

from __future__ import annotations

from .builder import Builder, Value
from .program import Equation, Literal, Var
from .types import normalize_axes

DEEPEST = 40  # operations that are looked through
_COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "equal", "not_equal", "hypot", "logaddexp"}
_EVEN = {"square", "absolute", "cos", "cosh", "fabs"}


def is_symmetric(matrix: Value) -> bool:
    """Whether the matrix equals its transpose but for rounding."""
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    return square and _Parities(matrix.builder).of(matrix.atom, 2, DEEPEST) == 1


class _Parities:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.known: dict[Var, int] = {}

    def of(self, atom: Var | Literal, ndim: int, left: int) -> int:
        """1 where a value, as it broadcasts to `ndim` dimensions, stays the same when the first two of these are
        swapped, -1 where that turns its sign, 0 where neither is known."""
        if atom.type.ndim <= ndim - 2 or isinstance(atom, Literal):
            return 1  # the same number everywhere along both
        made = self.builder.definitions.get(atom)
        if made is None or atom.type.ndim != ndim or atom.type.shape[0] != atom.type.shape[1] or not left:
            return 0
        if atom not in self.known:
            self.known[atom] = _of(self, made, ndim, left - 1)
        return self.known[atom]


def _of(parities: _Parities, made: Equation, ndim: int, left: int) -> int:
    builder = parities.builder
    name, operands, params = made.op.name, made.operands, made.params
    if name == "identity_matrix":
        return int(params["offset"] == 0)
    if name == "diagonal_matrix":
        return int(params["offset"] == 0)
    if name == "filled":
        return 1
    if name == "outer":
        return int(operands[0] is operands[1])
    if name == "matmul":
        return int(ndim == 2 and _is_gram(builder, *operands))
    if name == "transpose":
        swapped = (1, 0, *range(2, ndim))
        return parities.of(operands[0], ndim, left) if params["axes"] in (swapped, tuple(range(ndim))) else 0
    if name in ("sum", "mean") and not params["keepdims"] and isinstance(operands[0], Var):
        inner = operands[0].type.ndim
        axes = params["axis"] if isinstance(params["axis"], tuple) else (params["axis"],)
        later = all(a is not None and a % inner >= 2 for a in axes)
        return parities.of(operands[0], inner, left) if later else 0
    if name == "inv":
        return parities.of(operands[0], ndim, left) if ndim == 2 else 0
    if not made.op.elementwise:
        return 0
    if len(operands) == 2 and _are_swapped(builder, *operands, ndim):
        return 1 if name in _COMMUTATIVE else -1 if name == "subtract" else 0
    signs = [parities.of(operand, ndim, left) for operand in operands]
    if 0 in signs:
        return int(name in ("add", "subtract") and _adds_pairs(parities, made, ndim, left))
    if name in _EVEN or (name == "power" and _is_even(operands[1]) and signs[1] == 1):
        return 1
    if name in ("multiply", "divide"):
        return signs[0] * signs[1]
    if name in ("negative", "positive"):
        return signs[0]
    if name in ("add", "subtract"):
        fixed = any(isinstance(o, Literal) or o.type.ndim < ndim for o in operands)
        return signs[0] if signs[0] == signs[1] and not (fixed and signs[0] == -1) else 0
    return int(all(sign == 1 for sign in signs))


def _adds_pairs(parities: _Parities, made: Equation, ndim: int, left: int) -> bool:
    """Whether a sum, as of x[:, None] - a + x, has for each term its transpose with the same sign."""
    builder = parities.builder
    waiting, alone = [(1, made.out)], list[tuple[int, Var | Literal]]()
    while waiting and len(alone) < DEEPEST:
        sign, term = waiting.pop()
        inner = builder.definitions[term]
        second = sign if inner.op.name == "add" else -sign
        for signed, operand in zip((sign, second), inner.operands, strict=True):
            deeper = builder.definitions.get(operand) if isinstance(operand, Var) else None
            if operand.type.ndim > ndim or parities.of(operand, ndim, left) == 1:
                continue
            if deeper is not None and deeper.op.name in ("add", "subtract") and operand.type.ndim == ndim:
                waiting.append((signed, deeper.out))
            else:
                alone.append((signed, operand))
    while alone:
        signed, one = alone.pop()
        match = next((o for o in alone if o[0] == signed and _are_swapped(builder, one, o[1], ndim)), None)
        if match is None:
            return False
        alone.remove(match)
    return True


def _is_even(atom: Var | Literal) -> bool:
    return isinstance(atom, Literal) and isinstance(atom.value, int | float) and atom.value % 2 == 0


def _unscaled(builder: Builder, atom: Var | Literal) -> Var | Literal:
    """What the atom is a multiple of, by a number."""
    made = builder.definitions.get(atom) if isinstance(atom, Var) else None
    while made is not None and made.op.name in ("multiply", "divide", "negative"):
        operands = [o for o in made.operands if not isinstance(o, Literal) and o.type.ndim > 0]
        divided = made.op.name == "divide" and made.operands[0] not in operands
        if len(operands) != 1 or divided or operands[0].type.dtype != made.out.type.dtype:
            break
        atom = operands[0]
        made = builder.definitions.get(atom)
    return atom


def _is_gram(builder: Builder, a: Var | Literal, b: Var | Literal) -> bool:
    """Whether a @ b is x @ x.T or x.T @ x, times a number."""
    a, b = _unscaled(builder, a), _unscaled(builder, b)
    for one, other in ((a, b), (b, a)):
        made = builder.definitions.get(one) if isinstance(one, Var) else None
        if made is not None and made.op.name == "transpose" and made.params["axes"] == (1, 0):
            if _unscaled(builder, made.operands[0]) is other:
                return True
    return False


def _are_swapped(builder: Builder, a: Var | Literal, b: Var | Literal, ndim: int) -> bool:
    """Whether one broadcasts along the first dimension as the other does along the second: x[:, None] and x[None]."""
    places: dict[int, object] = {}
    for atom in (a, b):
        if isinstance(atom, Literal):
            return False
        made = builder.definitions.get(atom)
        if made is not None and made.op.name == "transpose" and made.operands[0] in (a, b):
            return atom.type.ndim == ndim and made.params["axes"] == (1, 0, *range(2, ndim))
        place, entries = _entries(builder, atom, ndim)
        places[place] = entries
    return {0, 1} == places.keys() and places[0] == places[1]


def _entries(builder: Builder, atom: Var, ndim: int) -> tuple[int, object]:
    """Along which of the first two dimensions a value broadcasts, -1 if that is not known, and what it is of."""
    made = builder.definitions.get(atom)
    if atom.type.ndim == ndim - 1:
        if made is not None and made.op.name in ("sum", "mean"):
            return 0, (made.op.name, made.operands[0], normalize_axes(made.params["axis"], made.operands[0].type.ndim))
        return 0, atom
    if made is None or atom.type.ndim != ndim:
        return -1, atom
    name, operand = made.op.name, made.operands[0] if made.operands else atom
    if name == "expand_dims" and made.params["axis"] in ((0,), (1,)) and isinstance(operand, Var):
        return made.params["axis"][0], _entries(builder, operand, ndim)[1]
    if name == "reshape" and ndim == 2 and operand.type.ndim == 1 and isinstance(operand, Var):
        return int(atom.type.shape[1] == 1), _entries(builder, operand, ndim)[1]
    if name == "transpose" and ndim == 2 and 1 in atom.type.shape and isinstance(operand, Var):
        place, entries = _entries(builder, operand, ndim)
        return (1 - place if place >= 0 else -1), entries
    if name in ("sum", "mean") and made.params["keepdims"] and ndim == 2:
        axes = normalize_axes(made.params["axis"], 2)
        return (1 if axes == (1,) else -1), (name, operand, axes)
    return -1, atom
