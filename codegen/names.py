"""Names for the variables of the text: the user's own, d<name> for cotangents, and speaking ones for the rest."""

from __future__ import annotations

import builtins
import heapq
import keyword
import re
from collections.abc import Callable

from ..ir.program import Atom, Equation, Var

RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "scipy", "GuardMiss"})
LONGEST = 24

_BINARY = {"add": "plus", "subtract": "minus", "multiply": "times", "divide": "over", "matmul": "at", "maximum": "max"}
_PLAIN = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "divide": "quotient",
    "matmul": "product",
    "negative": "negated",
    "greater": "mask",
    "greater_equal": "mask",
    "less": "mask",
    "less_equal": "mask",
    "equal": "mask",
    "not_equal": "mask",
    "logical_not": "mask",
    "where": "chosen",
    "getitem": "part",
    "index_add": "scattered",
    "set_item": "written",
    "arange": "rows",
    "filled": "array",
    "filled_columns": "array",
    "take_columns": "part",
    "cross_columns": "cross",
    "full": "array",
    "constant": "table",
    "sliding_window_view": "windows",
    "reshape": "reshaped",
    "transpose": "transposed",
    "expand_dims": "column",
    "broadcast_to": "spread",
    "concatenate": "joined",
    "stack": "stacked",
    "absolute": "size",
    "power": "power",
    "mask_places": "places",
    "astype": "cast",
    "convolution": "convolved",
    "identity_matrix": "identity",
    "solve": "solved",
    "inverse_of_lower": "inverse",
}


def legal(name: str) -> str:
    """A name that may be assigned in generated code."""
    cleaned = re.sub(r"\W", "_", name) or "value"
    if cleaned[0].isdigit():
        cleaned = f"_{cleaned}"
    return f"{cleaned}_" if cleaned in RESERVED else cleaned


def describe(equation: Equation, known: dict[Var, str], made: Callable[[Var], Equation | None]) -> str:
    """A speaking name for an unnamed value, from its operation and the names of its operands.

    `made` gives the equation of an operand that is written inside the line and so has no name.
    """
    op = equation.op.name
    if op == "python_number" and isinstance(equation.operands[0], Var):
        converted = equation.operands[0]
        inner = made(converted)  # float(np.exp(x)) is called as np.exp(x) would be
        if converted in known or inner is not None:
            return known[converted] if converted in known or inner is None else describe(inner, known, made)
    names = [_operand_name(o, known, made) for o in equation.operands]
    if op in _BINARY and len(names) == 2 and all(names):
        wish = f"{names[0]}_{_BINARY[op]}_{names[1]}"
        if len(wish) <= LONGEST:
            return wish
    word = _PLAIN.get(op, op.removeprefix("scipy_"))
    if op in ("getitem",) and names and names[0] and all(isinstance(i, int) for i in equation.params["index"]):
        wish = "_".join([names[0], *(str(i).replace("-", "m") for i in equation.params["index"])])
        if len(wish) <= LONGEST:
            return wish
    if names and names[0] and len(names) == 1 and op not in ("reshape", "transpose", "expand_dims", "broadcast_to"):
        wish = f"{word}_{names[0]}"
        if len(wish) <= LONGEST:
            return wish
    return word


def _operand_name(operand: Atom, known: dict[Var, str], made: Callable[[Var], Equation | None]) -> str:
    if not isinstance(operand, Var):
        return ""
    if operand in known:
        return known[operand]
    equation = made(operand)
    if equation is None or equation.op.name != "getitem":
        return ""
    return describe(equation, known, made)


class Allocator:
    """Hands out names; a name is free again after the last use of its holder."""

    def __init__(self, reserved: set[str]) -> None:
        self._busy: dict[str, int] = dict.fromkeys(reserved, 1 << 60)
        self._numbered: dict[str, list[tuple[int, str]]] = {}  # wish -> heap of (busy until, numbered name)
        self._count: dict[str, int] = {}

    def hold(self, name: str, until: int) -> None:
        self._busy[name] = max(until, self._busy.get(name, -1))

    def extend(self, name: str, until: int) -> None:
        """The holder of a name was written in place: it lives on."""
        self._busy[name] = until

    def take(self, wish: str, position: int, until: int) -> str:
        """The wish, or the wish with a number, free at this position."""
        wish = legal(wish)
        name = wish if self._busy.get(wish, -1) <= position else self._with_number(wish, position)
        self._busy[name] = until
        if name != wish:
            heapq.heappush(self._numbered[wish], (until, name))
        return name

    def _with_number(self, wish: str, position: int) -> str:
        heap = self._numbered.setdefault(wish, [])
        while heap and heap[0][0] <= position:
            name = heapq.heappop(heap)[1]
            if self._busy[name] <= position:
                return name
            heapq.heappush(heap, (self._busy[name], name))  # it was extended meanwhile
        while True:
            self._count[wish] = self._count.get(wish, 0) + 1
            name = f"{wish}_{self._count[wish]}"
            if self._busy.get(name, -1) <= position:
                return name
