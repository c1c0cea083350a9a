"""From a function and its arguments to a program: the arguments become stand-ins, the results become outputs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from ..ir.assumptions import be_strict, is_symbolic
from ..ir.builder import Value
from ..ir.ops.effects import store
from ..ir.program import Origin
from ..ir.types import ArrayType, type_of
from . import dispatch  # whose tables name NumPy's functions, before any of them is replaced
from .array import ArrayTracer, CellTracer, ScalarTracer, Tracer, lift
from .draws import draws_are_seen, draws_refused
from .errors import (
    DetachedError,
    GradientError,
    LeakedTracerError,
    TracingError,
    dtype_fix,
    explain,
    refusals_are_final,
)
from .functions import load_imported
from .interception import find_intercepted, intercepted
from .mistakes import in_numpys_words
from .place import Root
from .site import called_at, has_handlers
from .state import Snapshot, snapshot
from .structure import Structure, flatten, unflatten
from .trace import ACTIVE, Trace, tracing


@dataclass(slots=True, eq=False)
class Argument:
    """One parameter of the call: its name, the structure of what was passed, and the stand-ins for its leaves."""

    name: str
    structure: Structure
    types: list[ArrayType]
    values: list[Value]


@dataclass(slots=True, eq=False)
class Call:
    """The arguments of a call, put together parameter by parameter."""

    positional: list[Any] = field(default_factory=list)
    keywords: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, kind: str, value: Any) -> None:
        if kind == "keyword":
            self.keywords[name] = value
        elif kind == "**kwargs":
            self.keywords.update(value)
        elif kind == "*args":
            self.positional.extend(value)
        else:
            self.positional.append(value)


@dataclass(slots=True, eq=False)
class Recording:
    """A traced function: the open trace, its arguments and its results."""

    trace: Trace
    arguments: list[Argument]
    results: list[Value]
    result_structure: Structure
    origin: Origin
    around: Snapshot = field(default_factory=Snapshot)

    @property
    def captured(self) -> tuple[np.ndarray[Any, Any], ...]:
        return tuple(self.trace.arrays)


def codes_of(function: Callable[..., Any], others: Sequence[Callable[..., Any]]) -> list[CodeType]:
    """The code of the function and of others, where they have one."""
    codes = [getattr(inspect.unwrap(one), "__code__", None) for one in (function, *others)]
    return [code for code in codes if code is not None]


def function_origin(function: Callable[..., Any]) -> Origin:
    """Where the function is defined."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    if code is None:
        return Origin("", 0, name)
    return Origin(os.path.basename(code.co_filename), code.co_firstlineno, name)


def record(
    function: Callable[..., Any],
    parameters: Sequence[tuple[str, str, Any]],
    abstract: bool = False,
) -> Recording:
    """Run the function on stand-ins.

    `parameters` lists (name, kind, value) with kind one of positional, keyword, *args, **kwargs in the order of the
    signature; with `abstract`, leaves of the values are ArrayTypes. Raises what the function raises, and
    TracingError where it does something that cannot be recorded.
    """
    try:
        return _record(function, parameters, abstract, second_look=False)
    except DetachedError as detached:  # a plain array may have met a stand-in in compiled code
        try:
            return _record(function, parameters, abstract, second_look=True)
        except Exception:
            raise TracingError(*detached.args).with_traceback(detached.__traceback__) from None


def _record(
    function: Callable[..., Any], parameters: Sequence[tuple[str, str, Any]], abstract: bool, second_look: bool
) -> Recording:
    trace = Trace()
    arguments: list[Argument] = []
    call = Call()
    for name, kind, value in parameters:
        leaves, structure = flatten(value)
        standins, argument = _standins(trace, name, leaves, structure, abstract)
        arguments.append(argument)
        call.add(name, kind, unflatten(structure, iter(standins)))
    load_imported()
    find_intercepted()
    around = snapshot(function, parameters, second_look)
    trace.decides = around.decides
    if is_symbolic() and any(map(has_handlers, codes_of(function, around.functions))):
        be_strict()
    origin = function_origin(function)
    seen = draws_are_seen()
    with (
        in_numpys_words(),
        tracing(trace),
        intercepted(around.intercepted),
        refusals_are_final(),
        draws_refused(around.generators, getattr(inspect.unwrap(function), "__code__", None)),
    ):
        result = function(*call.positional, **call.keywords)
        leaves, structure = flatten(result)
        values = [_result(trace, leaf) for leaf in leaves]
        trace.check_captured()
    if draws_are_seen() != seen:  # the function has imported random or numpy.random, and may have drawn from it
        return _record(function, parameters, abstract, second_look)
    return Recording(trace, arguments, values, structure, origin, around)


def _standins(
    trace: Trace, name: str, leaves: list[Any], structure: Structure, abstract: bool
) -> tuple[list[Any], Argument]:
    standins: list[Any] = []
    values: list[Value] = []
    types: list[ArrayType] = []
    for leaf, (path, _) in zip(leaves, structure.paths(name), strict=True):
        if not isinstance(leaf, AbstractLeaf):
            _check_leaf(leaf, path)
        type_ = leaf.type if isinstance(leaf, AbstractLeaf) else type_of(leaf)
        value = trace.input(type_, leaf_name(path), None if isinstance(leaf, AbstractLeaf) else leaf)
        root = Root(value, not value.ndim)
        trace.roots[value.atom] = root
        cell = isinstance(leaf, np.ndarray)
        standins.append((ArrayTracer if type_.ndim else CellTracer if cell else ScalarTracer)(trace, root))
        values.append(value)
        types.append(type_)
    return standins, Argument(name, structure, types, values)


class AbstractLeaf:
    """An argument of which only the type is known."""

    __array_ufunc__ = None

    def __init__(self, type_: ArrayType) -> None:
        self.type = type_


def _check_leaf(leaf: Any, path: str) -> None:
    """Refuse what looks like an array but means something else, by name."""
    if isinstance(leaf, Tracer):
        leaf._home.check_open(leaf._place)
    if isinstance(leaf, np.ndarray) and type(leaf) is not np.ndarray:
        raise TracingError(
            explain(
                f"the argument {path} is a {type(leaf).__module__}.{type(leaf).__qualname__}, not a plain array",
                called_at(),
                f"np.asarray({path})" if not isinstance(leaf, np.ma.MaskedArray) else f"{path}.filled(0)",
                "array-subclasses",
            )
        )
    try:
        type_of(leaf)
    except TypeError as error:
        dtype = getattr(leaf, "dtype", None)
        cause = f"the argument {path} cannot be traced: it is an array of dtype {dtype}" if dtype else str(error)
        fix = dtype_fix(path, np.dtype(dtype)) if dtype else f"float({path})"
        raise TracingError(explain(cause, called_at(), fix, "dtypes")) from None


def leaf_name(path: str) -> str:
    """A variable's name for a leaf: the key or attribute that ends its path, `params['w1']` -> w1."""
    cleaned = path.replace("'", "").replace('"', "").replace("]", "")
    parts = [p for p in cleaned.replace("[", ".").split(".") if p]
    last = parts[-1]
    if last.isidentifier():
        return last
    return "_".join(p for p in parts if p.isidentifier() or p.isdigit()) or "x"


def _result(trace: Trace, leaf: Any) -> Value:
    """A result of the function; also a plain number or array is one."""
    try:
        return lift(trace, leaf)
    except LeakedTracerError:
        raise
    except TypeError as error:
        raise GradientError(
            explain(
                f"the function returned something that is not a number or an array: {error}",
                called_at(),
                "return np.sum(out), one number",
                "outputs",
            )
        ) from None


def write_back(recording: Recording) -> None:
    """What the function wrote into its arguments is left in the caller's arrays, as the plain call would leave it."""
    builder = recording.trace.builder
    last = max((e.level for e in builder.equations), default=0)
    for argument in recording.arguments:
        for value in argument.values:
            root = recording.trace.roots.get(value.atom)
            if root is not None and root.version:
                with builder.at(None, last):
                    builder.emit(store, value, root.value)


__all__ = ["ACTIVE", "AbstractLeaf", "Argument", "Recording", "dispatch", "leaf_name", "record", "write_back"]
