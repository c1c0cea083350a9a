"""Names for the variables of the text: the user's own, d<name> for cotangents, and speaking ones for the rest."""

from __future__ import annotations

import builtins
import heapq
import keyword
import re

RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "scipy", "GuardMiss"})


def legal(name: str) -> str:
    """A name that may be assigned in generated code."""
    cleaned = name
    if not (name.isascii() and name.isidentifier()):  # which almost every name is
        cleaned = re.sub(r"\W", "_", name) or "value"
        cleaned = f"_{cleaned}" if cleaned[0].isdigit() else cleaned
    return f"{cleaned}_" if cleaned in RESERVED else cleaned


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
