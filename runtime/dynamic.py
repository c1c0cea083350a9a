"""When sizes change from call to call: one text for all of them, written at the third size of a dimension."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import expressions as poly
from ..ir.dims import Dim
from ..ir.symbols import WITNESSES
from ..ir.types import ArrayType, type_of
from ..tracer.errors import explain
from ..tracer.function import AbstractLeaf
from ..tracer.site import called_at
from ..tracer.structure import flatten, unflatten
from .binding import Parameters, array_key

if TYPE_CHECKING:
    from .compilation import Stages

ENOUGH = 3  # distinct lengths of one dimension, from which on a text for all of them is written
ATTEMPTS = 3  # texts that are tried for one kind of call
_LETTERS = ("n", "m", "k", "p", "q", "r", "s", "t")
Sizes = tuple[int, ...]
Dynamic = bool | str  # True, False or "auto"


def check_dynamic(dynamic: Any) -> None:
    """ValueError for what `dynamic` cannot be."""
    if dynamic is not True and dynamic is not False and dynamic != "auto":
        cause = f'dynamic may be True, False or "auto", not {dynamic!r}'
        raise ValueError(explain(cause, called_at(), "grad(f, dynamic=True)", "symbolic-dimensions"))


def _arrays(parameters: Parameters) -> Iterator[np.ndarray[Any, Any]]:
    for _, _, value in parameters:
        yield from (leaf for leaf in flatten(value)[0] if type(leaf) is np.ndarray)


def kind_and_sizes(parameters: Parameters) -> tuple[Hashable, Sizes]:
    """What a call has in common with others that differ in the lengths of their arrays, and these lengths."""
    parts: list[Hashable] = []
    sizes: list[int] = []
    for _, _, value in parameters:
        leaves, structure = flatten(value)
        parts.append(structure)
        for leaf in leaves:
            if type(leaf) is np.ndarray:
                parts.append((leaf.dtype, leaf.ndim))
                sizes += leaf.shape
            else:
                parts.append(array_key(leaf))
    return tuple(parts), tuple(sizes)


@dataclass(frozen=True, slots=True)
class Form:
    """Which lengths are numbers, and which are symbols plus a number: (symbol or -1, number) for each."""

    places: tuple[tuple[int, int], ...]

    @property
    def symbols(self) -> int:
        return max((symbol for symbol, _ in self.places), default=-1) + 1

    def values(self, sizes: Sizes) -> list[int] | None:
        """The lengths that the symbols stand for in a call; None if the call has another form."""
        values = [-1] * self.symbols
        for (symbol, number), size in zip(self.places, sizes, strict=True):
            if symbol < 0:
                if size != number:
                    return None
            elif values[symbol] < 0:
                values[symbol] = size - number
            elif values[symbol] != size - number:
                return None
        return values if all(v >= 0 for v in values) else None


def form_of(seen: Sequence[Sizes], eager: bool) -> Form | None:
    """What the sizes of several calls have in common; None where no dimension has had enough lengths yet.

    Dimensions that differ by one and the same number in all calls are one symbol. `eager` makes a symbol of every
    length but 0 and 1, after one call.
    """
    columns = list(zip(*seen, strict=True))
    if not eager and not any(len(set(column)) >= ENOUGH for column in columns):
        return None
    known: list[tuple[int, ...]] = []
    places: list[tuple[int, int]] = []
    for column in columns:
        if len(set(column)) == 1 and (not eager or column[0] < 2):
            places.append((-1, column[0]))
            continue
        for symbol, other in enumerate(known):
            distances = {a - b for a, b in zip(column, other, strict=True)}
            if len(distances) == 1 and (len(seen) > 1 or distances == {0}):
                places.append((symbol, distances.pop()))
                break
        else:
            places.append((len(known), 0))
            known.append(column)
    return Form(tuple(places)) if 0 < len(known) <= len(WITNESSES[0][0]) else None


@dataclass(slots=True, eq=False)
class Version:
    """A text for all sizes of a form."""

    form: Form
    path: Any
    holds: Callable[..., bool]  # whether the lengths are as the text assumes

    def serves(self, sizes: Sizes) -> bool:
        values = self.form.values(sizes)
        try:
            return values is not None and bool(self.holds(*values))
        except ZeroDivisionError:  # n % m of an m that is 0
            return False


@dataclass(slots=True, eq=False)
class _Kind:
    seen: list[Sizes] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    tried: set[Form] = field(default_factory=set)


class Versions:
    """The texts of one function that are for many sizes."""

    def __init__(self, dynamic: Dynamic) -> None:
        self._eager = dynamic is True
        self._kinds: dict[Hashable, _Kind] = {}

    def path(self, parameters: Parameters, compile_: Callable[[Parameters], tuple[Stages, Any]]) -> Any:
        """The path that serves a call of a new size; None where it is to have a text of its own.

        `compile_` makes the stages and the path for arguments whose shapes have symbols. Raises what it raises if
        every length was asked to be a symbol; otherwise the sizes have texts of their own.
        """
        from ..ir.passes.blocks import LARGE

        if not self._eager and any(array.nbytes >= LARGE for array in _arrays(parameters)):
            return None  # a text of its own computes it in blocks
        key, sizes = kind_and_sizes(parameters)
        kind = self._kinds.setdefault(key, _Kind())
        for version in kind.versions:
            if version.serves(sizes) and version.path.serves(parameters):
                return version.path
        if sizes not in kind.seen:
            kind.seen = [*kind.seen, sizes][-16:]
        form = form_of(kind.seen[-1:] if self._eager else kind.seen, self._eager)
        if form is None or form in kind.tried or len(kind.tried) >= ATTEMPTS:
            return None
        kind.tried.add(form)
        names = _names(parameters, form.symbols)
        try:
            stages, path = compile_(_with_symbols(parameters, form, names))
        except Exception:
            if self._eager:
                raise
            return None
        test = " and ".join(f"({a.text})" for a in stages.assumptions) or "True"
        version = Version(form, path, eval(f"lambda {', '.join(names)}: {test}", {}))
        kind.versions.insert(0, version)
        return path if version.serves(sizes) else None

    def clear(self) -> None:
        self._kinds.clear()


def _names(parameters: Parameters, count: int) -> list[str]:
    taken = {name for name, _, _ in parameters}
    letters = (letter for letter in _LETTERS if letter not in taken)
    return list(itertools.islice(itertools.chain(letters, (f"n{i}" for i in itertools.count(1))), count))


def _with_symbols(parameters: Parameters, form: Form, names: Sequence[str]) -> Parameters:
    """The arguments with their arrays' types alone, in symbols; numbers stay as they are."""
    lengths = [Dim(WITNESSES[0][0][i], poly.symbol(name, i)) for i, name in enumerate(names)]
    places = iter(form.places)

    def abstract(leaf: Any) -> Any:
        if type(leaf) is not np.ndarray or not leaf.ndim:
            return leaf
        shape = [
            lengths[symbol] + number if symbol >= 0 else number
            for symbol, number in itertools.islice(places, leaf.ndim)
        ]
        return AbstractLeaf(ArrayType(tuple(shape), type_of(leaf).dtype))

    changed = []
    for name, how, value in parameters:
        leaves, structure = flatten(value)
        changed.append((name, how, unflatten(structure, iter([abstract(leaf) for leaf in leaves]))))
    return changed
