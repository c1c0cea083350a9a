"""Divisions that a later product takes back, also in the terms of a sum: the gradients of logarithmic losses."""

from __future__ import annotations

from ..builder import Builder, Rule, Value, looks_into
from ..op import BY_NAME
from ..program import Literal, Var
from .coefficients import Scaled, peeled, scale

DEEPEST = 4  # factors that are looked through


def _operands(builder: Builder, value: Value, name: str) -> tuple[Value, Value] | None:
    made = builder.definition(value, name)
    if made is None:
        return None
    a, b = (Value(builder, o) for o in made.operands)
    return a, b


def _undivided(builder: Builder, term: Value, by: Value, depth: int = DEEPEST) -> Value | None:
    """term * by, if the term is divided by that somewhere in its factors."""
    quotient = _operands(builder, term, "divide")
    if quotient is not None and quotient[1].atom is by.atom:
        return quotient[0] if quotient[0].type == term.type else None
    for name, pair in (("divide", quotient), ("multiply", _operands(builder, term, "multiply"))):
        for place, factor in enumerate(pair or () if depth else ()):
            if factor.type != term.type or (name == "divide" and place):
                continue
            inner = _undivided(builder, factor, by, depth - 1)
            if inner is not None and pair is not None:
                both = (inner, pair[1]) if place == 0 else (pair[0], inner)
                product: Value = builder.emit(BY_NAME[name], *both)
                return product
    negated = builder.definition(term, "negative")
    if negated is not None:
        inner = _undivided(builder, Value(builder, negated.operands[0]), by, depth)
        return None if inner is None else -inner
    return None


@looks_into("add", "subtract", "negative", "divide", "multiply")
def cancel_in_sum(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x / p - y) * p = x - y * p, where nothing else reads the difference; a sum likewise."""
    for total, factor in ((a, b), (b, a)):
        if total.atom in builder.shared or not isinstance(factor.atom, Var) or factor.type != total.type:
            continue
        inner = peeled(builder, total)  # c * (x / p - y) * p = c * (x - y * p)
        if not inner.trivial and inner.rest is not None:
            cancelled_inside = cancel_in_sum(builder, inner.rest, factor)
            if cancelled_inside is not None:
                return scale(builder, Scaled(inner.num, inner.den, cancelled_inside))
        for name in ("add", "subtract"):
            terms = _operands(builder, total, name)
            if terms is None or any(t.dtype != total.dtype for t in terms):
                continue
            whole = [t.type == total.type and t.atom not in builder.shared for t in terms]
            cancelled = [_undivided(builder, t, factor) if w else None for t, w in zip(terms, whole, strict=True)]
            if cancelled == [None, None]:
                continue
            first, second = (t * factor if c is None else c for t, c in zip(terms, cancelled, strict=True))
            result: Value = builder.emit(BY_NAME[name], first, second)
            return result
    return None


@looks_into("expand_dims")
def cancel_in_columns(builder: Builder, a: Value, b: Value) -> Value | None:
    """(x / p)[:, None] * p[:, None] = x[:, None]."""
    columns = [builder.definition(v, "expand_dims") for v in (a, b)]
    if columns[0] is None or columns[1] is None or columns[0].params["axis"] != columns[1].params["axis"]:
        return None
    one, other = (Value(builder, column.operands[0]) for column in columns if column is not None)
    for term, by in ((one, other), (other, one)):
        quotient = _operands(builder, term, "divide")
        if quotient is not None and quotient[0].literal is not None and quotient[1].atom is by.atom:
            if term.type == by.type and a.type == b.type:
                number = a.dtype.type(quotient[0].literal).item()
                full: Value = builder.emit(BY_NAME["filled"], value=number, shape=a.shape, dtype=a.dtype)
                return full
        whole = _undivided(builder, term, by) if isinstance(by.atom, Var) and by.type == term.type else None
        if whole is not None and whole.type == term.type:
            spread: Value = builder.emit(BY_NAME["expand_dims"], whole, axis=columns[0].params["axis"])
            return spread
    return None


def _less_one(builder: Builder, x: Value, swapped: bool) -> Value | None:
    """c where x is c - 1, or 1 - c with `swapped`."""
    pair = _operands(builder, x, "subtract")
    if pair is None:
        return None
    one, c = pair if swapped else pair[::-1]
    number = one.atom.value if isinstance(one.atom, Literal) else None
    return c if number == 1 and c.type == x.type else None


def _crossed(name: str) -> Rule:
    """(c - 1) * b + c * (1 - b) = c - b, (1 - c) * b - c * (1 - b) = b - c."""

    @looks_into("multiply")
    def crossed(builder: Builder, a: Value, b: Value) -> Value | None:
        first, second = _operands(builder, a, "multiply"), _operands(builder, b, "multiply")
        if first is None or second is None:
            return None
        for (x, p), (c, y) in ((u, v) for u in (first, first[::-1]) for v in (second, second[::-1])):
            less, rest = _less_one(builder, x, name == "subtract"), _less_one(builder, y, True)
            if less is None or rest is None or less.atom is not c.atom or rest.atom is not p.atom:
                continue
            integers = c.dtype.kind == "i" and c.dtype.itemsize >= 4 and c.shape == p.shape
            if p.type == a.type == b.type and (c.type == p.type or integers):
                return c - p if name == "add" else p - c
        return None

    return crossed


CANCELLING_RULES: dict[str, tuple[Rule, ...]] = {
    "multiply": (cancel_in_sum, cancel_in_columns),
    "add": (_crossed("add"),),
    "subtract": (_crossed("subtract"),),
}
