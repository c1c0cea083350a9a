"""A call's arguments by the function's signature, and what the cache knows a call by."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy import ndarray

from ..tracer.errors import explain
from ..tracer.site import called_at
from ..tracer.structure import flatten

Parameters = list[tuple[str, str, Any]]


class NotPassed(enum.Enum):
    """In a call's arguments: one that was left to its default."""

    DEFAULT = "the function's own"

    def __repr__(self) -> str:
        """As signatures in stubs show a default."""
        return "..."


_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "*args",
    inspect.Parameter.VAR_KEYWORD: "**kwargs",
}


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature, or (*args, **kwargs) for a callable that has none; a ufunc takes its operands alone."""
    if isinstance(function, np.ufunc):
        names = ("x",) if function.nin == 1 else tuple(f"x{i + 1}" for i in range(function.nin))
        return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names])
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )


def bind(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any], name: str = "f") -> Parameters:
    """(name, kind, value) for every parameter, defaults filled in; TypeError as Python's own."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        shown = inspect.Signature([p.replace(annotation=p.empty) for p in signature.parameters.values()])
        raise TypeError(explain(str(error), called_at(), f"{name}{shown}", "arguments")) from None
    bound.apply_defaults()
    return [(name, _KINDS[signature.parameters[name].kind], value) for name, value in bound.arguments.items()]


def give_defaults(function: Callable[..., Any], signature: inspect.Signature) -> None:
    """The user's own defaults, also those that no text can hold (arrays, functions), for the generated function."""
    empty = inspect.Parameter.empty
    without = (empty, NotPassed.DEFAULT)
    given = [(p, p.default) for p in signature.parameters.values() if not any(p.default is d for d in without)]
    function.__defaults__ = tuple(d for p, d in given if p.kind is not p.KEYWORD_ONLY) or None  # type: ignore[attr-defined]
    ours = {k: v for k, v in (function.__kwdefaults__ or {}).items() if k not in signature.parameters}  # type: ignore[attr-defined]
    ours |= {p.name: d for p, d in given if p.kind is p.KEYWORD_ONLY}
    function.__kwdefaults__ = ours or None  # type: ignore[attr-defined]


def parameters_text(parameters: Parameters, signature: inspect.Signature) -> str:
    """The text between the parentheses of the generated function."""
    parts: list[str] = []
    starred = False
    for name, kind, value in parameters:
        if value is NotPassed.DEFAULT:
            continue
        if kind in ("*args", "**kwargs"):
            starred = starred or kind == "*args"
            parts.append(("*" if kind == "*args" else "**") + name)
            continue
        if kind == "keyword" and not starred:
            parts.append("*")
            starred = True
        default = signature.parameters[name].default
        plain = default is None or type(default) in (int, float, bool, str)
        if default is not inspect.Parameter.empty and plain and (kind == "keyword" or _all_plain(name, signature)):
            parts.append(f"{name}={default!r}")
        else:
            parts.append(name)
    return ", ".join(parts)


def _all_plain(name: str, signature: inspect.Signature) -> bool:
    """Whether every positional default from this one on can be written, so that none follows a bare parameter."""
    seen = False
    for parameter in signature.parameters.values():
        seen = seen or parameter.name == name
        if seen and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            default = parameter.default
            if not (default is None or type(default) in (int, float, bool, str)):
                return False
    return True


def call_key(parameters: Parameters) -> tuple[Hashable, ...]:
    """Equal keys may share a compiled path: the same structure, dtypes, shapes and static values."""
    parts: list[Hashable] = []
    for _, _, value in parameters:
        parts.append(leaf_key(value))
    return tuple(parts)


def raw_key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
    """As `call_key`, of the arguments as they were passed: quicker, but a keyword differs from a position."""
    key: tuple[Hashable, ...] = ()
    for a in args:  # at every call: written so that it takes least
        key += (a.dtype, a.shape) if type(a) is ndarray else (leaf_key(a),)
    if kwargs:
        key += tuple([(name, leaf_key(value)) for name, value in kwargs.items()])
    return key


def leaf_key(value: Any) -> Hashable:
    """What the cache knows one argument by."""
    kind: Any = type(value)
    if kind is np.ndarray:
        return (value.dtype, value.shape)
    if kind is float or kind is complex:
        return kind
    leaves, structure = flatten(value)
    return (structure, *map(array_key, leaves))


def array_key(leaf: Any) -> Hashable:
    """What the cache knows one array or number within an argument by."""
    kind: Any = type(leaf)
    if kind is np.ndarray:
        return (leaf.dtype, leaf.shape)
    if isinstance(leaf, np.generic):
        return leaf.dtype
    return kind
