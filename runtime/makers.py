"""make_jvp and make_vjp: functions of the arguments that return derivatives at these, as in autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tracer.errors import GradientError, TracingError, explain
from ..tracer.site import called_at
from .asking import a_function, one_number
from .binding import signature_of
from .calculus import pushforward
from .gradient import GradientFunction
from .pullback import Pullback, vjp
from .wrapping import Wrapping


class Maker(Wrapping):
    """A function of fun's positional arguments that returns its derivative at these."""

    _name: str

    def __init__(self, fun: Callable[..., Any], argnum: int, has_aux: bool = False) -> None:
        super().__init__(a_function(fun, self._name), signature_of(fun))
        self._argnum = one_number(argnum)
        self._has_aux = has_aux

    def _place(self, args: tuple[Any, ...]) -> int:
        """Which of the arguments is meant. GradientError for one that is not there."""
        if not -len(args) <= self._argnum < len(args):
            raise GradientError(
                explain(
                    f"argnum={self._argnum}, but the function was called with {len(args)} argument(s)",
                    called_at(),
                    f"{self._name}(f, argnum=0)",
                    "argnums",
                )
            )
        return self._argnum % len(args)

    def _for(self, instance: Any) -> Any:
        return type(self)(self.__wrapped__.__get__(instance), self._argnum, self._has_aux)

    def _parts(self) -> tuple[Any, ...]:
        return type(self), self.__wrapped__, self._argnum, self._has_aux

    def __repr__(self) -> str:
        return f"<tapeless {self.__name__}_{self._name}>"


class MadeJvp(Maker):
    """What make_jvp returns: a function of the arguments. `source` is the text that the last call ran."""

    _name = "make_jvp"
    _last: GradientFunction[..., Any] | None = None

    def __call__(self, *args: Any) -> Pushforward:
        """The map from a tangent of the argument to (fun(*args), the tangent of the result)."""
        self._last = pushforward(self.__wrapped__, len(args), (self._place(args),), self._has_aux)
        return Pushforward(self._last, args)

    @property
    def source(self) -> str:
        """The NumPy source of the last call."""
        if self._last is None:
            raise TracingError(
                explain("there is no source yet: it depends on the arguments", called_at(), "call it once", "source")
            )
        return self._last.source


class Pushforward:
    """The derivative at one point as a map of tangents, computed anew with the value at each call."""

    def __init__(self, function: GradientFunction[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args

    def __call__(self, tangent: Any) -> tuple[Any, ...]:
        """(the function's value, its tangent), and the aux. GradientError for a tangent that does not fit."""
        result: tuple[Any, ...] = self._function(*self._args, tangent)
        return result

    @property
    def source(self) -> str:
        """The NumPy source of the last call."""
        return self._function.source

    def __repr__(self) -> str:
        return f"<tapeless pushforward of {self._function.__name__}>"


class MadeVjp(Maker):
    """What make_vjp returns: a function of the arguments."""

    _name = "make_vjp"

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """The map from a cotangent of the result to that of the argument, fun(*args), and the aux."""
        place = self._place(args)
        if self._has_aux:
            out, pullback, aux = vjp(self.__wrapped__, *args, has_aux=True)
            return OnePullback(pullback, place), out, aux
        out, pullback = vjp(self.__wrapped__, *args)
        return OnePullback(pullback, place), out


class OnePullback:
    """A pullback of which one cotangent is wanted."""

    def __init__(self, pullback: Pullback, argnum: int) -> None:
        self._pullback = pullback
        self._argnum = argnum

    def __call__(self, cotangent: Any) -> Any:
        """The cotangent of the argument. GradientError when the cotangent does not fit the result."""
        return self._pullback(cotangent)[self._argnum]

    @property
    def source(self) -> str:
        """The NumPy source of the value and of this map."""
        return getattr(self._pullback, "source", "")

    def __repr__(self) -> str:
        return repr(self._pullback)


def make_jvp(fun: Callable[..., Any], argnum: int = 0, has_aux: bool = False) -> MadeJvp:
    """make_jvp(fun)(*args)(tangent) is (fun(*args), the derivative along the tangent), as in autograd.

    With has_aux, fun returns (out, aux), and aux stands behind both.
    """
    return MadeJvp(fun, argnum, has_aux)


def make_vjp(fun: Callable[..., Any], argnum: int = 0, has_aux: bool = False) -> MadeVjp:
    """make_vjp(fun)(*args) is (pullback, fun(*args)), as in autograd; the pullback is that of args[argnum].

    With has_aux, fun returns (out, aux), and aux stands behind both.
    """
    return MadeVjp(fun, argnum, has_aux)
