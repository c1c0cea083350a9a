"""Exact expressions in symbols: polynomials with whole coefficients over lengths and their quotients and remainders.

An expression is a sorted tuple of (monomial, coefficient), a monomial a sorted tuple of (atom, power): equal
expressions are equal tuples. An atom is a symbol, or an operation on expressions that is none of sum and product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Atom(NamedTuple):
    """A symbol ("", its number, its name), or ("//" | "%" | "max" | "min", expression, expression)."""

    kind: str
    left: Any
    right: Any


Monomial = tuple[tuple[Atom, int], ...]
Expression = tuple[tuple[Monomial, int], ...]


def symbol(name: str, number: int) -> Expression:
    """The symbol of this name; its number decides where it stands in a product."""
    return _of(Atom("", number, name))


def constant(value: int) -> Expression:
    return (((), value),) if value else ()


def value_of(e: Expression) -> int | None:
    """The number that the expression is, if it has no symbol."""
    return 0 if not e else e[0][1] if len(e) == 1 and not e[0][0] else None


def _of(atom: Atom) -> Expression:
    return ((((atom, 1),), 1),)


def _collected(terms: Iterable[tuple[Monomial, int]]) -> Expression:
    found: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        found[monomial] = found.get(monomial, 0) + coefficient
    return tuple(sorted((m, c) for m, c in found.items() if c))


def add(a: Expression, b: Expression) -> Expression:
    return _collected((*a, *b))


def scale(a: Expression, factor: int) -> Expression:
    return tuple((m, c * factor) for m, c in a) if factor else ()


def subtract(a: Expression, b: Expression) -> Expression:
    return add(a, scale(b, -1))


def multiply(a: Expression, b: Expression) -> Expression:
    return _collected((_joined(m, n), c * d) for m, c in a for n, d in b)


def _joined(a: Monomial, b: Monomial) -> Monomial:
    powers = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items()))


def floor_divide(a: Expression, b: Expression) -> Expression:
    """a // b. What b divides is divided: (2 n + 1) // 2 is n, and (n d) // d is n."""
    whole, rest = _divided(a, b)
    remaining = value_of(rest)
    divisor = value_of(b)
    if remaining is not None and divisor:
        return add(whole, constant(remaining // divisor))
    return whole if remaining == 0 else add(whole, _of(Atom("//", rest, b)))


def remainder(a: Expression, b: Expression) -> Expression:
    """a % b, without the terms that b divides."""
    _, rest = _divided(a, b)
    remaining, divisor = value_of(rest), value_of(b)
    if remaining is not None and divisor:
        return constant(remaining % divisor)
    return () if remaining == 0 else _of(Atom("%", rest, b))


def _divided(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """The sum of the terms that b divides, divided, and of those that it does not."""
    if len(b) != 1:
        return ((), a) if a != b else (constant(1), ())
    ((below, by),) = b
    whole: list[tuple[Monomial, int]] = []
    rest: list[tuple[Monomial, int]] = []
    for monomial, coefficient in a:
        powers = dict(monomial)
        divides = coefficient % by == 0 and all(powers.get(atom, 0) >= power for atom, power in below)
        if divides and (monomial or not below):
            left = {atom: power - dict(below).get(atom, 0) for atom, power in monomial}
            whole.append((tuple(sorted((atom, p) for atom, p in left.items() if p)), coefficient // by))
        else:
            rest.append((monomial, coefficient))
    return _collected(whole), _collected(rest)


def extremum(kind: str, a: Expression, b: Expression) -> Expression:
    """max(a, b) or min(a, b), decided where it is known for all lengths."""
    for one, other in ((a, b), (b, a)):
        if nonnegative(subtract(one, other)):
            return one if kind == "max" else other
    for one, other in ((a, b), (b, a)):  # max(max(n - 1, 0), 1) is max(n - 1, 1)
        if len(one) == 1 and len(one[0][0]) == 1 and one[0][1] == 1 and one[0][0][0][1] == 1:
            inner = one[0][0][0][0]
            if inner.kind == kind:
                for side, rest in ((inner.left, inner.right), (inner.right, inner.left)):
                    difference = subtract(other, side)
                    if nonnegative(difference if kind == "max" else scale(difference, -1)):
                        return extremum(kind, rest, other)
    return _of(Atom(kind, a, b))


def nonnegative(e: Expression) -> bool:
    """Whether the value is surely 0 or more; lengths are."""
    if all(c > 0 and all(_atom_nonnegative(atom) for atom, _ in m) for m, c in e):
        return True
    for monomial, coefficient in e:  # n // 2 <= n / 2, min(a, b) <= a, max(a, b) >= a
        if len(monomial) != 1 or monomial[0][1] != 1:
            continue
        atom, rest = monomial[0][0], subtract(e, ((monomial, coefficient),))
        if atom.kind == "//" and coefficient < 0 and (value_of(atom.right) or 0) > 0:
            if nonnegative(add(scale(rest, value_of(atom.right) or 0), scale(atom.left, coefficient))):
                return True
        if atom.kind in ("max", "min"):
            enough = any if atom.kind == ("min" if coefficient < 0 else "max") else all
            if enough(nonnegative(add(rest, scale(side, coefficient))) for side in (atom.left, atom.right)):
                return True
    return False


def _atom_nonnegative(atom: Atom) -> bool:
    if atom.kind == "max":
        return nonnegative(atom.left) or nonnegative(atom.right)
    return atom.kind == "" or (nonnegative(atom.left) and nonnegative(atom.right))


def is_bounded(e: Expression) -> bool:
    """Whether the expression is a remainder by a number, plus a number."""
    atoms = [atom for monomial, _ in e for atom, _ in monomial]
    return bool(atoms) and all(atom.kind == "%" and value_of(atom.right) is not None for atom in atoms)


def numbered(e: Expression) -> dict[str, int]:
    """The symbols in the expression, with their numbers."""
    return dict(_symbols(e))


def _symbols(e: Expression) -> Iterator[tuple[str, int]]:
    for monomial, _ in e:
        for atom, _ in monomial:
            if atom.kind == "":
                yield atom.right, atom.left
            else:
                yield from _symbols(atom.left)
                yield from _symbols(atom.right)


# ------------------------------------------------------------------------------------------------------------- text


def text(e: Expression) -> str:
    """The expression in Python, longest terms first: `n * d + 1`, `(n + 1) // 2`."""
    if not e:
        return "0"
    ordered = sorted(e, key=lambda term: (term[1] < 0, -sum(p for _, p in term[0]), term[0]))
    parts = [_term(ordered[0])] + [
        f"{'-' if term[1] < 0 else '+'} {_term((term[0], abs(term[1])))}" for term in ordered[1:]
    ]
    return " ".join(parts)


def strength(e: Expression) -> int:
    """That of the weakest operator in the text: 1 for a sum, 2 for a product or quotient, 3 for a sign, 4, and 5."""
    if len(e) != 1:
        return 1 if e else 5
    ((monomial, coefficient),) = e
    if coefficient < 0:
        return 1
    if not monomial:
        return 5
    atom, power = monomial[0]
    if len(monomial) > 1 or coefficient != 1 or (atom.kind in ("//", "%") and power == 1):
        return 2
    return 4 if power != 1 else 5


def _term(term: tuple[Monomial, int]) -> str:
    monomial, coefficient = term
    several = len(monomial) > 1 or abs(coefficient) != 1
    factors = [_power(atom, power, several) for atom, power in monomial]
    if not factors:
        return str(coefficient)
    if abs(coefficient) != 1:
        factors.insert(0, str(coefficient))
    elif coefficient < 0:
        factors[0] = f"-{_power(*monomial[0], True)}"
    return " * ".join(factors)


def _power(atom: Atom, power: int, several: bool) -> str:
    shown = _atom(atom)
    quotient = atom.kind in ("//", "%")
    if power != 1:
        return f"({shown}) ** {power}" if quotient else f"{shown} ** {power}"
    return f"({shown})" if quotient and several else shown


def _atom(atom: Atom) -> str:
    if atom.kind == "":
        return str(atom.right)
    if atom.kind in ("max", "min"):
        return f"{atom.kind}({text(atom.left)}, {text(atom.right)})"
    below = text(atom.right)
    return f"{_above(atom.left)} {atom.kind} {below if below.isidentifier() or below.isdigit() else f'({below})'}"


def _above(e: Expression) -> str:
    return text(e) if len(e) == 1 and e[0][1] > 0 else f"({text(e)})"


def vanishes(e: Expression) -> bool:
    """Whether the expression is surely 0 for all values of its one symbol, as max(n - 1, 0) + min(1, n) - n is.

    A sum of such terms is linear and periodic behind the constants in it, so that a few periods tell.
    """
    names, constants, period = set(numbered(e)), [1], 1
    todo = [e]
    while todo:
        for monomial, coefficient in todo.pop():
            if len(monomial) > 1 or any(power > 1 for _, power in monomial):
                return False
            constants.append(abs(coefficient))
            for atom, _ in monomial:
                if atom.kind in ("//", "%"):
                    divisor = value_of(atom.right)
                    if not divisor or divisor < 0:
                        return False
                    period = math.lcm(period, divisor)
                if atom.kind:
                    todo += [atom.left, atom.right]
    if len(names) != 1 or sum(constants) > 100 or period > 60:
        return False
    (name,) = names
    value = eval(f"lambda {name}: {text(e)}", {"__builtins__": {}, "max": max, "min": min})
    return not any(value(n) for n in range((sum(constants) + 3) * period))


def relation_text(e: Expression, relation: str) -> str:
    """`e relation 0` with every term where it is positive: n - 50 > 0 is n > 50."""
    if relation in ("==", "!="):
        divided = _divisibility(e)
        if divided:
            return f"{divided} {relation} 0"
        bound = _bound(e)
        if bound is not None:
            return relation_text(bound, ">=" if relation == "==" else "<")
    mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    leading = [c for m, c in e if m]
    if leading and leading[0] < 0:
        e, relation = scale(e, -1), mirrored.get(relation, relation)
    above = tuple((m, c) for m, c in e if c > 0)
    below = tuple((m, -c) for m, c in e if c < 0)
    if value_of(above) is not None and value_of(below) is None:
        above, below, relation = below, above, mirrored.get(relation, relation)
    return f"{text(above)} {relation} {text(below)}"


def _bound(e: Expression) -> Expression | None:
    """n - 1 for the difference of max(n - 1, 0) and n - 1, which is 0 if that is not negative."""
    for monomial, coefficient in e:
        if len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].kind in ("max", "min"):
            atom, rest = monomial[0][0], subtract(e, ((monomial, coefficient),))
            for one, other in ((atom.left, atom.right), (atom.right, atom.left)):
                if not add(rest, scale(one, coefficient)):
                    return subtract(one, other) if atom.kind == "max" else subtract(other, one)
    return None


def _divisibility(e: Expression) -> str:
    """`n % 2` for the difference of n and 2 * (n // 2)."""
    for monomial, coefficient in e:
        if len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].kind == "//":
            atom = monomial[0][0]
            for sign in (1, -1):
                product = scale(multiply(_of(atom), atom.right), sign)
                if scale(subtract(e, product), -sign) == atom.left and coefficient * sign > 0:
                    return _atom(Atom("%", atom.left, atom.right))
    return ""
