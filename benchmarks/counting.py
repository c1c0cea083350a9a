"""What a gradient costs in counts that no machine changes: equations, lines, large arrays, costly functions."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from workloads import Workload
from workloads.workload import written

LARGE = 100_000  # bytes, of an array that is worth counting
STEPS = 10  # of a Python loop: more of them count the same again
COSTLY = ("exp", "log", "tanh", "sin", "cos", "sqrt", "power", "divide")
PRODUCTS = ("matmul", "dot", "vdot", "einsum", "tensordot", "inner", "vecdot")

_tally: Counter[str] = Counter()


class Counted(np.ndarray[Any, Any]):
    """An array that counts what is done with it; so does everything that is made of it."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        outs = keywords.get("out")
        result = getattr(ufunc, method)(*_plain(inputs), **_plain(keywords))
        if method == "__call__":
            _count_call(ufunc.__name__)
        if outs is None:
            return _counted(result)
        return outs[0] if len(outs) == 1 else outs

    def __array_function__(self, function: Any, kinds: Any, args: Any, keywords: Any) -> Any:
        result = function(*_plain(args), **_plain(keywords))
        _count_call(function.__name__)
        out = keywords.get("out")
        return _counted(result) if out is None else out

    def copy(self, order: Any = "C") -> Any:
        return _counted(self.view(np.ndarray).copy(order))

    def dot(self, other: Any, out: Any = None) -> Any:
        _count_call("dot")
        return _counted(self.view(np.ndarray).dot(_plain(other), _plain(out)))

    def astype(self, *args: Any, **keywords: Any) -> Any:
        return _counted(self.view(np.ndarray).astype(*args, **keywords))


class _NumPy:
    """The module as the generated text reads it: what its functions make is counted, too."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        if isinstance(value, type | np.ufunc | types.ModuleType) or not callable(value):
            return value
        return lambda *args, **keywords: _counted(value(*args, **keywords))


def _count_call(name: str) -> None:
    if name in COSTLY:
        _tally[name] += 1
    elif name in PRODUCTS:
        _tally["products"] += 1


def _plain(value: Any) -> Any:
    if isinstance(value, Counted):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _counted(value: Any) -> Any:
    """The results; one that is large and lies in memory of its own counts."""
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(map(_counted, value))
    if type(value) is not np.ndarray:
        return value
    if value.base is None and value.nbytes >= LARGE:
        _tally["large arrays"] += 1
    return value.view(Counted)


def counts(work: Workload) -> dict[str, int]:
    """Of one call of the compiled gradient at full size, though of few steps."""
    import tapeless

    sizes = {name: min(size, STEPS) if name == "steps" else size for name, size in work.sizes.items()}
    arguments = replace(work, sizes=sizes).draw("full")
    stages = tapeless.value_and_grad(work.function, argnums=tuple(range(work.count))).lower(*arguments)
    _tally.clear()
    with np.errstate(all="ignore"):
        _watched(stages.function)(*map(_argument, arguments))
    found = {"equations": equations(stages.optimized), "lines": written(stages.source)}
    return found | {name: _tally[name] for name in ("large arrays", "products", *COSTLY) if _tally[name]}


def equations(program: Any) -> int:
    """Of a program and of those within it."""
    inner = [v for e in program.equations for v in e.params.values() if isinstance(v, type(program))]
    return len(program.equations) + sum(map(equations, inner))


def _argument(value: Any) -> Any:
    return value.view(Counted) if isinstance(value, np.ndarray) else value


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same text with a module that counts behind `np`, and so its helpers."""
    names = dict(function.__globals__)
    for name, value in list(names.items()):
        if value is np:
            names[name] = _NumPy()
    for name, value in list(names.items()):
        if isinstance(value, types.FunctionType):
            its_own = value.__globals__ if value.__globals__ is not function.__globals__ else names
            around = names if its_own is names else {**its_own, "np": _NumPy()}
            names[name] = types.FunctionType(value.__code__, around, name, value.__defaults__, value.__closure__)
            names[name].__kwdefaults__ = value.__kwdefaults__  # type: ignore[attr-defined]
    return names[function.__name__]  # type: ignore[no-any-return]
