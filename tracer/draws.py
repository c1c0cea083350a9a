"""Random draws and clocks: what gives something else on each call must not be frozen into the text."""

from __future__ import annotations

import datetime
import os
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..ir.program import Origin
from .errors import TracingError, explain
from .interception import intercepts
from .locks import Lock
from .site import mentioned_at, place_of, type_test
from .trace import ACTIVE, Trace

if TYPE_CHECKING:
    import random

_KINDS = ("time", "perf_counter", "monotonic", "process_time", "thread_time")
_NAMES = [f"{kind}{suffix}" for kind in _KINDS for suffix in ("", "_ns")]
_CLOCKS: list[Any] = [getattr(time, name) for name in _NAMES if hasattr(time, name)]
_CLOCKS += [time.localtime, time.gmtime, time.ctime, time.asctime, time.strftime]
_CLOCKS += [os.urandom]
SOURCES = ("numpy.random", "random", "secrets", "uuid")  # modules of draws; tapeless does not import them for itself
_NOW = {"now", "today", "utcnow"}
_FRESH = {"default_rng", "RandomState", "SeedSequence", "Generator", "PCG64", "MT19937", "Philox", "SFC64"}


class _Nothing:
    """No value is one."""


def _of(module: str, name: str) -> Any:
    """A class or function of a module that somebody has imported: to import it takes longer than to compile."""
    return getattr(sys.modules.get(module), name, _Nothing)


def is_generator(value: Any) -> bool:
    """Whether it draws random numbers."""
    if isinstance(value, _of("random", "Random")):
        return not isinstance(value, _of("random", "SystemRandom"))
    return any(isinstance(value, _of("numpy.random", n)) for n in ("Generator", "RandomState", "BitGenerator"))


def _is_module(value: Any, *names: str) -> bool:
    """Whether it is one of these modules."""
    return isinstance(value, types.ModuleType) and any(value is sys.modules.get(name) for name in names)


def _is_clock(value: Any) -> bool:
    unseeded = _of("random", "SystemRandom")
    others = (unseeded, _of("uuid", "uuid1"), _of("uuid", "uuid4"))
    return isinstance(value, unseeded) or any(value is one for one in (*_CLOCKS, *others))


def check_outer(
    name: str, value: Any, chain: tuple[str, ...] = (), code: types.CodeType | None = None, line: int = 0
) -> list[tuple[str, Any]]:
    """Refuse clocks and iterators around the function; return the hidden generators that it may draw from."""
    shown = ".".join((name, *chain))
    for attribute in chain:
        if not isinstance(value, types.ModuleType) or _is_module(value, "numpy.random", "random", "secrets"):
            break
        value = getattr(value, attribute, None)
        chain = chain[1:]
    if _is_module(value, "numpy.random") and not (chain and chain[0] in _FRESH):
        return [(shown, np.random.mtrand._rand)]  # type: ignore[attr-defined]
    if _is_module(value, "random") and chain[:1] == ("SystemRandom",):
        value = value.SystemRandom
    if _is_module(value, "random") and not (chain and chain[0] == "Random"):
        return [(shown, value._inst)]
    clock = _is_module(value, "secrets") or _is_clock(value)
    clock = clock or (isinstance(value, type) and issubclass(value, datetime.date) and bool(_NOW.intersection(chain)))
    if clock:
        raise TracingError(
            explain(
                f"the function reads {shown}, which gives something else on each call and would be frozen",
                place_of(code, line),
                f"f(x, {'now' if 'time' in shown else 'draw'}), with {shown}(...) called before the call",
                "draws-and-clocks",
            )
        )
    if isinstance(value, _ITERATORS) or (isinstance(value, Iterator) and type(value).__module__ == "itertools"):
        raise TracingError(
            explain(
                f"the function reads from {shown}, a {type(value).__name__} that gives something else on each call",
                place_of(code, line),
                f"f(x, next({name})): pass the value in, or list({name}) before the function is traced",
                "draws-and-clocks",
            )
        )
    return []


_SOME: tuple[Any, ...] = ([], (), {}, {}.values(), {}.items(), set(), "", range(0))
_MADE: tuple[Any, ...] = (map(str, ()), zip(), filter(None, ()), enumerate(()), reversed([]))
_ITERATORS: tuple[type, ...] = (types.GeneratorType, *(type(iter(one)) for one in _SOME), *map(type, _MADE))


def check_types(code: types.CodeType) -> None:
    """Refuse `type(x) is float`: unlike isinstance, it cannot see what a stand-in stands for."""
    line = type_test(code)
    if line is not None:
        raise TracingError(
            explain(
                "the type of a traced value is not that of the number or array it stands for",
                place_of(code, line),
                "isinstance(x, float) instead of type(x) is float",
                "type-tests",
            )
        )


def _state(generator: Any) -> Any:
    if hasattr(generator, "getstate"):  # a random.Random
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return repr(generator.get_state())
    bits = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
    return repr(bits.state)


@contextmanager
def draws_refused(generators: list[tuple[str, Any]], code: types.CodeType | None) -> Iterator[None]:
    """Raise if one of the generators around the function was drawn from while it was traced."""
    before = [_state(generator) for _, generator in generators]
    with _seeds_required():
        yield
    for (name, generator), state in zip(generators, before, strict=True):
        if _state(generator) != state:
            raise frozen_draw(f"drew random numbers from {name}", mentioned_at(code, name))


def frozen_draw(what: str, origin: Origin | None) -> TracingError:
    """The error for a random number that would be the same in every call."""
    return TracingError(
        explain(
            f"the function {what}, which would be frozen into the compiled gradient",
            origin,
            "pass the draws in as an argument: loss(w, noise) with noise = rng.normal(size=...)",
            "draws-and-clocks",
        )
    )


_lock = Lock()
_users = 0
_originals: dict[str, Any] = {}  # what gives seeds, while ours stand in their places


def _no_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """Seeds a random.Random, which without a seed would draw the same in every later call."""
    trace = ACTIVE.get()
    if a is None and trace is not None:
        raise frozen_draw("made a random generator without a seed", trace.origin())
    _originals["seed"](self, a, version)


def _no_entropy(bits: int) -> int:
    """Seeds an unseeded np.random.default_rng(): its draws would be the same in every later call."""
    trace = ACTIVE.get()
    if trace is not None:
        raise frozen_draw("made a random generator without a seed", trace.origin())
    fresh: int = _originals["randbits"](bits)
    return fresh


def _seeding() -> Iterator[tuple[Any, str, Any]]:
    """What gives seeds, in the modules that have been imported: its owner, its name, and ours."""
    if _of("random", "Random") is not _Nothing:
        yield _of("random", "Random"), "seed", _no_seed
    if _of("numpy.random.bit_generator", "randbits") is not _Nothing:
        yield sys.modules["numpy.random.bit_generator"], "randbits", _no_entropy


def draws_are_seen() -> list[bool]:
    """Which modules of generators have been imported, so that `draws_refused` stands before them."""
    return [name in sys.modules for name in ("random", "numpy.random.bit_generator")]


@contextmanager
def _seeds_required() -> Iterator[None]:
    """While at least one trace is running, in whatever thread."""
    global _users
    with _lock:
        _users += 1
        for owner, name, ours in _seeding():
            if getattr(owner, name) is not ours:
                _originals[name] = getattr(owner, name)
                setattr(owner, name, ours)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            for owner, name, ours in _seeding():
                if _users == 0 and getattr(owner, name) is ours:
                    setattr(owner, name, _originals[name])


@intercepts("numpy", "load", "loadtxt", "genfromtxt", "fromfile", "fromregex")
def _refuse_file(trace: Trace, *args: Any, **kwargs: Any) -> NoReturn:
    """What is in a file may be something else in a later call."""
    raise TracingError(
        explain(
            "the function reads a file, and what is in it now would be frozen into the compiled gradient",
            trace.origin(),
            "f(x, data) with data read from the file before the call",
            "draws-and-clocks",
        )
    )


@intercepts("builtins", "open")
def _refuse_reading(trace: Trace, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    return _refuse_file(trace) if "r" in mode or "+" in mode else NotImplemented
