"""Functions of libraries beside NumPy, which do not ask a stand-in: how one is entered.

    library_function("scipy.special", "log_softmax", log_softmax)    # an operation, or a composition of values

binds a call's arguments by the library's own signature, positional ones as operands and the rest as static keywords,
and refuses by name each keyword that the operation or composition lacks. Where the arguments need arranging:

    @arranged("scipy.fft", "fft")
    def fft(trace, x, n=None, axis=-1, norm=None): ...    # gets what the user passed, and returns stand-ins

Calls without a stand-in among the arguments reach the library, whoever makes them. It is not imported here: an
operation whose text calls it says so with `imports=("scipy.fft",)` and takes its meaning from
`of_module("scipy.fft", "fft")`, which imports when it is called; generated text then has `import scipy.fft`.
Compositions of NumPy's operations need neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ...ir.op import Op
from ..creation import contains_tracer
from ..interception import enter
from ..trace import ACTIVE, Trace

Answer = Callable[..., Any]  # (trace, the library's own function, args, kwargs) -> stand-ins


def arranged(module: str, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter an arrangement of the arguments of a library's functions; it gets (trace, *args, **kwargs)."""

    def decorate(arrangement: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _enter(module, name, lambda trace, own, args, kwargs: arrangement(trace, *args, **kwargs))
        return arrangement

    return decorate


def library_function(module: str, name: str, meaning: Op | Callable[..., Any]) -> None:
    """Enter an operation, or a composition of values, as the answer to a library's function."""

    def bound(trace: Trace, own: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from ..dispatch import answer

        return answer(trace, own, f"{module}.{name}", meaning, args, kwargs)

    _enter(module, name, bound)


def _enter(module: str, name: str, answer: Answer) -> None:
    def make(own: Any) -> Any:
        @wraps(own)
        def call(*args: Any, **kwargs: Any) -> Any:
            trace = ACTIVE.get()
            if trace is None or not contains_tracer([*args, *kwargs.values()]):
                return own(*args, **kwargs)
            trace.check_open()
            return answer(trace, own, args, kwargs)

        return call

    enter(module, name, make)
