"""What the public functions are asked: a function, and with respect to what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tracer.errors import explain
from ..tracer.site import called_at
from .wanted import a_noun


def a_function(function: Any, asked: str = "grad") -> Callable[..., Any]:
    """The function itself. TypeError for what cannot be called; `asked` is the public function that got it."""
    if callable(function):
        return function  # type: ignore[no-any-return]
    fix = "grad(f)(x): grad takes the function, and what it returns takes the arguments"
    if asked in ("jvp", "linearize", "vjp"):
        fix = {"jvp": "jvp(f, (x,), (v,))"}.get(asked, f"{asked}(f, x)") + ": the function, not what it returned"
    raise TypeError(
        explain(
            f"{asked} takes a function, not {a_noun(type(function).__name__)}",
            called_at(),
            fix.replace("grad", asked),
            "arguments",
        )
    )


def frozen(argnums: Any) -> Any:
    """argnums with a tuple for a list. TypeError for what is neither a number nor a name."""
    wanted = tuple(argnums) if isinstance(argnums, list) else argnums
    for one in wanted if isinstance(wanted, tuple) else (wanted,):
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise _no_place("argnums", one, "argnums=0, argnums='w' or argnums=(0, 1)")
    return wanted


def one_number(argnum: Any) -> int:
    """argnum itself. TypeError for anything but one number."""
    if isinstance(argnum, bool) or not isinstance(argnum, int):
        raise _no_place("argnum", argnum, "argnum=0, or jacobian(f, argnums=(0, 1))")
    return argnum


def _no_place(what: str, given: Any, fix: str) -> TypeError:
    wanted = "numbers or names" if what == "argnums" else "one number"
    return TypeError(explain(f"{what} must be {wanted}, not {given!r}", called_at(), fix, "argnums"))
