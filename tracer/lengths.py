"""Lengths in symbols in the user's hands: NumPy's functions of them, `len`, `max`, `math.sqrt`, and what is refused."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from ..ir import assumptions, dims
from ..ir.dims import Dim, Fraction
from ..ir.program import Literal
from ..ir.types import ArrayType
from .errors import TracingError, explain
from .locks import Lock
from .site import called_at
from .trace import ACTIVE

_WHOLE: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.maximum: dims.at_least,
    np.minimum: dims.at_most,
}
_BUILTINS: dict[str, Callable[..., Any]] = {"len": builtins.len, "max": builtins.max, "min": builtins.min}
_MATH: dict[str, Callable[..., Any]] = {
    name: getattr(math, name) for name in ("sqrt", "log", "log2", "log10", "log1p", "exp", "lgamma")
}
_SPACED: dict[str, Callable[..., Any]] = {"linspace": np.linspace}
_lock = Lock()
_users = 0


def _plain(value: Any) -> Any:
    return value.witness if type(value) in (Dim, Fraction) else value


def _ufunc_of_lengths(ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """A ufunc of lengths: a length again where it counts, else a number of the program."""
    from .array import lift, wrap
    from .dispatch import call_ufunc

    trace = ACTIVE.get()
    if trace is None:
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)
    whole = all(isinstance(i, int | np.integer) for i in inputs)
    if whole and ufunc in _WHOLE and method == "__call__" and not kwargs:
        return _WHOLE[ufunc](*(i if isinstance(i, Dim) else int(i) for i in inputs))
    if len(inputs) == 1 and ufunc.nout == 1 and method == "__call__" and not kwargs:
        witness = ufunc(_plain(inputs[0]))
        if isinstance(witness, np.floating):  # np.sqrt(n) is a number of NumPy's
            number = Fraction(float(witness), f"np.{ufunc.__name__}({inputs[0]})")
            return wrap(trace, lift(trace, Literal(number, ArrayType((), witness.dtype))))
    return call_ufunc(trace, ufunc, method, inputs, kwargs)


def _refused(value: Any) -> NoReturn:
    """Python needs the number itself."""
    origin = called_at()
    written = origin.expression if origin is not None else ""
    names = _names(value)
    fix = f"scan(step, init, xs) or fori_loop(0, {names}, body, init)"
    if written.startswith(("int(", "float(", "round(", "math.floor(", "math.ceil(")):
        fix = f"whole arithmetic such as 8 * {names} // 10, which keeps the symbol"
    elif "math." in written:
        fix = f"np.sqrt({names}), {names} ** 0.5 and the like"
    cause = f"Python needs {value} as a number here, and the text is for every {names}"
    raise TracingError(explain(cause, origin, f"{fix}; {or_a_number(names)}", "symbolic-dimensions"))


def or_a_number(names: str) -> str:
    """What is always possible."""
    return f"or a number instead of {names} in --args, or dynamic=False"


def _names(value: Any) -> str:
    """The symbols in an expression."""
    names = dict.fromkeys(dims.names_in(value))
    return " and ".join(names) or "length"


def refuse_rows(length: int) -> NoReturn:
    """An array is taken apart row by row, and there are as many as the symbol says."""
    raise TracingError(
        explain(
            f"Python takes an array apart along an axis of length {length}, and the text is for every {_names(length)}",
            called_at(),
            f"operations on the whole array, or scan(step, init, x); {or_a_number(_names(length))}",
            "symbolic-dimensions",
        )
    )


def places(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """np.ndindex(*shape), of lengths that are numbers."""
    for n in shape:
        if isinstance(n, Dim):
            refuse_rows(n)
    return iter(np.ndindex(*shape))


def _len(x: Any, /) -> Any:
    from .array import ArrayTracer

    if isinstance(x, ArrayTracer) and isinstance(x.shape[0], Dim):
        return x.shape[0]
    return _BUILTINS["len"](x)


def _extremum(name: str, of: Callable[[int, int], int]) -> Callable[..., Any]:
    def extremum(*args: Any, **kwargs: Any) -> Any:
        values = args if _BUILTINS["len"](args) > 1 else args[0] if args and isinstance(args[0], tuple | list) else ()
        if not kwargs and any(type(v) is Dim for v in values) and all(type(v) in (int, Dim) for v in values):
            result = values[0]
            for value in values[1:]:
                result = of(result, value)
            return result
        return _BUILTINS[name](*args, **kwargs)

    return extremum


def _linspace(*args: Any, **kwargs: Any) -> Any:
    from .functions import FUNCTIONS

    trace, given = ACTIVE.get(), kwargs.get("num", args[2] if _BUILTINS["len"](args) > 2 else None)
    if trace is None or type(given) is not Dim:
        return _SPACED["linspace"](*args, **kwargs)
    return FUNCTIONS[_SPACED["linspace"]](trace, *args, **kwargs)


def _of_math(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        if any(type(a) in (Dim, Fraction) for a in args):
            return Fraction(_MATH[name](*map(_plain, args)), f"math.{name}({', '.join(map(str, args))})")
        return _MATH[name](*args)

    return call


_REPLACED: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (
        builtins,
        _BUILTINS,
        {"len": _len, "max": _extremum("max", dims.at_least), "min": _extremum("min", dims.at_most)},
    ),
    (np, _SPACED, {"linspace": _linspace}),
    (math, _MATH, {name: _of_math(name) for name in _MATH}),
]


@contextmanager
def lengths_answered() -> Iterator[None]:
    """While a program in symbols is traced: functions that Python does not dispatch answer lengths, too."""
    global _users
    with _lock:
        _users += 1
        for module, _, ours in _REPLACED:
            vars(module).update(ours)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                for module, originals, _ in _REPLACED:
                    vars(module).update(originals)


dims.ufunc_of_lengths.append(_ufunc_of_lengths)
assumptions.refusals.append(_refused)
