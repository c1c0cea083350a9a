"""What a function's code mentions: outer names that it loads, attributes that it reads, modules that it imports."""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_OUTER = {"LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"}


class Mention(NamedTuple):
    """An outer name, the attributes read from it at once (`time.perf_counter`), and the line."""

    name: str
    chain: tuple[str, ...]
    line: int


class Mentions(NamedTuple):
    """Everything that one function's code names, nested functions included."""

    outer: tuple[Mention, ...]
    names: frozenset[str]  # attributes and short strings: what may be read from an object
    modules: tuple[str, ...]
    decides: bool  # compares with True or False by identity, as `match` does: only Python's own will do


@lru_cache(maxsize=4096)
def mentions(code: types.CodeType) -> Mentions:
    """Read once for each code object."""
    names: set[str] = set()
    modules: dict[str, None] = {}
    outer = tuple(dict.fromkeys(_scan(code, names, modules)))
    return Mentions(outer, frozenset(names), tuple(modules), _compares_truths(code))


def _compares_truths(code: types.CodeType) -> bool:
    """Whether the code says `is True`, `is not False` or `case True`."""
    if any(isinstance(constant, bool) for constant in code.co_consts):  # else the instructions need not be read
        for before, after in pairwise(dis.get_instructions(code)):
            if after.opname == "IS_OP" and before.opname == "LOAD_CONST" and isinstance(before.argval, bool):
                return True
    return any(_compares_truths(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


def _only_written(window: list[dis.Instruction]) -> bool:
    """Whether what is loaded first is a record that the code keeps and does not read.

    `log.append(v)`, `n += 1`, `last["v"] = v` and `count["k"] += 1` change with every run, and decide nothing.
    """
    first, *rest = window
    if first.opname not in _OUTER | _ATTRIBUTES:
        return False
    names = [i.opname for i in rest]
    if names[:1] in (["LOAD_METHOD"], ["LOAD_ATTR"]) and rest[0].argval == "append":
        return first.opname in _ATTRIBUTES  # of an outer name, what it is bound to shows
    if names[:2] == ["LOAD_CONST", "BINARY_OP"] and rest[1].argrepr.endswith("="):
        stores = [i for i in rest[2:4] if i.opname.startswith("STORE")]
        return bool(stores) and stores[0].argval == first.argval
    if names[:1] != ["LOAD_CONST"]:
        return False
    if names[1:2] == ["STORE_SUBSCR"]:
        return True
    update = ["COPY", "COPY", "BINARY_SUBSCR", "LOAD_CONST", "BINARY_OP", "SWAP", "SWAP", "STORE_SUBSCR"]
    return names[1:9] == update


def _scan(code: types.CodeType, names: set[str], modules: dict[str, None]) -> Iterator[Mention]:
    current: str | None = None
    chain: list[str] = []
    line = code.co_firstlineno
    instructions = [i for i in dis.get_instructions(code) if i.opname != "CACHE"]
    for number, instruction in enumerate(instructions):
        if instruction.starts_line:
            position = instruction.positions
            line = (position.lineno if position is not None else None) or line
        if instruction.opname == "IMPORT_NAME":
            modules[str(instruction.argval)] = None
        if _only_written(instructions[number : number + 10]):
            if current is not None and instruction.opname not in _ATTRIBUTES:
                yield Mention(current, tuple(chain), line)
            current, chain = None, []
            continue
        if instruction.opname in _ATTRIBUTES:
            names.add(str(instruction.argval))
            if current is not None:
                chain.append(str(instruction.argval))
                continue
        if current is not None:
            yield Mention(current, tuple(chain), line)
        current, chain = (str(instruction.argval), []) if instruction.opname in _OUTER else (None, [])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _scan(constant, names, modules)
        elif isinstance(constant, str) and constant.isidentifier():
            names.add(constant)
