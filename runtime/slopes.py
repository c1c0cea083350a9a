"""One number for each element: derivatives of functions that work element by element, or of one complex number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, overload

from ..ir.builder import Value
from ..ir.grad import cotangent_name
from ..ir.program import Var
from ..tracer.array import lift, wrap
from ..tracer.errors import GradientError, explain
from ..tracer.generics import P
from ..tracer.structure import Structure, flatten, unflatten
from ..tracer.trace import Trace
from .asking import frozen, one_number
from .binding import bind, signature_of
from .calculus import Argnums, Function, chosen, made_of, with_aux
from .derivatives import check_holomorphic, jacobian_in_trace, name_of
from .forward_mode import jvp_in_trace, ones
from .gradient import Decorator, GradientFunction
from .nested import pullback_in_trace
from .request import Request
from .transformed import TransformedFunction


def _pulled_ones(fun: Function, argnums: Argnums, has_aux: bool) -> TransformedFunction:
    wanted = frozen(argnums)
    request = Request(fun, wanted if isinstance(wanted, tuple) else (wanted,), has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out, pullback, *aux = pullback_in_trace(trace, request, bind(signature_of(fun), args, kwargs))
        leaves, structure = flatten(out)
        values = [lift(trace, leaf) for leaf in leaves]
        seeds = [wrap(trace, ones(value)) for value in values]
        for place, value in enumerate(values):
            if value.dtype.kind == "c":
                _check_complex(trace, pullback, structure, seeds, place, value)
        found = pullback(unflatten(structure, iter(seeds)))
        return with_aux(found if isinstance(wanted, tuple) else found[0], aux)

    return TransformedFunction(fun, "elementwise_grad", run, partial(_pulled_ones, argnums=argnums, has_aux=has_aux))


def _check_complex(
    trace: Trace, pullback: Callable[..., Any], structure: Structure, seeds: list[Any], place: int, value: Value
) -> None:
    """One complex number for each element is a derivative only if the pass is linear over them: see derivatives.py."""
    builder, since = trace.builder, len(trace.builder.equations)
    one = Var(value.type.strong(), cotangent_name(name_of(value)))
    cotangents = [wrap(trace, Value(builder, one)) if i == place else seed for i, seed in enumerate(seeds)]
    ends = [lift(trace, leaf) for leaf in flatten(pullback(unflatten(structure, iter(cotangents))))[0]]
    if any(end.dtype.kind != "c" for end in ends):
        raise GradientError(
            explain(
                "elementwise_grad of a function of a real argument with complex results would lose half of it",
                trace.origin(),
                "deriv(f)(x), by forward mode, or jacobian(f)(x)",
                "outputs",
            )
        )
    check_holomorphic(builder, since, one, ends)
    builder.remove(builder.equations[since:], [one])


def _holomorphic_grad(fun: Function, argnums: Argnums, has_aux: bool) -> TransformedFunction:
    request = Request(fun, frozen(argnums), has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out, found, aux = jacobian_in_trace(trace, request, bind(signature_of(fun), args, kwargs), "auto")
        _check_one_complex(trace, flatten(out)[0])
        return (found, aux) if has_aux else found

    return TransformedFunction(
        fun, "holomorphic_grad", run, partial(_holomorphic_grad, argnums=argnums, has_aux=has_aux)
    )


def _check_one_complex(trace: Trace, leaves: list[Any]) -> None:
    values = [lift(trace, leaf) for leaf in leaves]
    if len(values) != 1 or values[0].shape or values[0].dtype.kind != "c":
        raise GradientError(
            explain(
                "holomorphic_grad needs a function that returns one complex number",
                trace.origin(),
                "grad(f), of a function that returns one real number",
                "outputs",
            )
        )


@overload
def elementwise_grad(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def elementwise_grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def elementwise_grad(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """The derivative of each element of the result by the same element of the argument, for functions that work element
    by element; in general the sum of the jacobian's rows. Complex to complex for holomorphic functions alone; raises
    GradientError for others, and for complex results of a real argument."""
    return made_of(partial(_pulled_ones, argnums=chosen(argnums, argnum), has_aux=has_aux), fun, "elementwise_grad")


@overload
def holomorphic_grad(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def holomorphic_grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def holomorphic_grad(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """The complex derivative f'(z) of a function that returns one complex number.

    Raises as `grad` does, and GradientError for a function that is not holomorphic.
    """
    return made_of(
        partial(_holomorphic_grad, argnums=chosen(argnums, argnum), has_aux=has_aux), fun, "holomorphic_grad"
    )


def _deriv(fun: Function, argnum: int, has_aux: bool) -> TransformedFunction:
    request = Request(fun, (one_number(argnum),), has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        _, found, *aux = jvp_in_trace(trace, request, bind(signature_of(fun), args, kwargs), None)
        return with_aux(found, aux)

    return TransformedFunction(fun, "deriv", run, partial(_deriv, argnum=argnum, has_aux=has_aux))


@overload
def deriv(fun: Callable[P, Any], argnum: int = 0, has_aux: bool = False) -> GradientFunction[P, Any]: ...


@overload
def deriv(fun: None = None, argnum: int = 0, has_aux: bool = False) -> Decorator: ...


def deriv(fun: Function | None = None, argnum: int = 0, has_aux: bool = False) -> Any:
    """The derivative of fun along ones, by forward mode: f'(x) for a number x, with results of any shape."""
    return made_of(partial(_deriv, argnum=argnum, has_aux=has_aux), fun, "deriv")


def grad_named(fun: Callable[P, Any], argname: str) -> GradientFunction[P, Any]:
    """The gradient with respect to the argument of this name."""
    return GradientFunction(Request(fun, argname))
