"""Derivatives beyond the gradient: forward mode, jacobians, hessians and their products with vectors, batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from ..tracer.errors import GradientError, explain
from ..tracer.generics import P, R
from ..tracer.site import called_at
from ..tracer.trace import Trace
from .asking import a_function, frozen
from .binding import bind, signature_of
from .derivatives import jacobian_in_trace
from .forward_mode import jvp_in_trace
from .gradient import Decorator, GradientFunction, PairDecorator
from .mapping import Axes, passed, signature_without_defaults, vmap_in_trace
from .nested import pullback_in_trace
from .request import Request
from .transformed import (
    Compiled,
    TransformedFunction,
    VectorProduct,
    positional_names,
    positional_signature,
    remembered,
)

Function = Callable[..., Any]
Argnums = int | str | tuple[int | str, ...] | list[int | str]


# ------------------------------------------------------------------------------------------------------- forward mode


@overload
def jvp(
    fun: Callable[..., R], primals: Sequence[Any], tangents: Sequence[Any], has_aux: Literal[False] = False
) -> tuple[R, R]: ...


@overload
def jvp(
    fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: Literal[True]
) -> tuple[Any, Any, Any]: ...


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """(fun(*primals), its derivative along the tangents), by forward mode; the cost is a few times that of fun.

    tangents: one for each primal, of its structure, shapes and real dtype; None for a primal that stays constant. With
    has_aux, fun returns (out, aux) and the result is (out, tangent, aux). Raises as `grad` does, and GradientError for
    tangents that do not fit. `make_jvp(fun)` gives the source.
    """
    a_function(fun, "jvp")
    primals, tangents = _pairs(fun, primals, tangents)
    moving = tuple(i for i, tangent in enumerate(tangents) if tangent is not None)
    result: tuple[Any, ...] = pushforward(fun, len(primals), moving, has_aux)(*primals, *(tangents[i] for i in moving))
    return result


def _pairs(fun: Function, primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError(
            explain(
                "jvp takes the primals and the tangents in tuples",
                called_at(),
                "jvp(f, (x,), (v,))",
                "tangents",
            )
        )
    if len(primals) != len(tangents):
        raise GradientError(
            explain(
                f"jvp got {len(primals)} primal(s) and {len(tangents)} tangent(s)",
                called_at(),
                "jvp(f, (x, y), (v, None)), with None for a primal that stays constant",
                "tangents",
            )
        )
    return tuple(primals), tuple(tangents)


def pushforward(fun: Function, count: int, moving: tuple[int, ...], has_aux: bool = False) -> Compiled:
    """The compiled function of `count` primals and the tangents of those that are `moving`."""
    return remembered(fun, ("jvp", count, moving, has_aux), lambda: _pushforward(fun, count, moving, has_aux))


def _pushforward(fun: Function, count: int, moving: tuple[int, ...], has_aux: bool) -> TransformedFunction:
    request = Request(fun, moving, has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return jvp_in_trace(trace, request, bind(signature_of(fun), args[:count], {}), args[count:])

    names = positional_names(fun, count)
    dotted = [f"{names[i]}_dot" for i in moving]
    make = partial(_pushforward, count=count, moving=moving, has_aux=has_aux)
    return TransformedFunction(fun, "jvp", run, make, positional_signature([*names, *dotted]))


# --------------------------------------------------------------------------------------------------------- jacobians


def _jacobian(
    fun: Function, mode: str, argnums: Argnums, has_aux: bool, with_value: bool, kind: str
) -> TransformedFunction:
    request = Request(fun, frozen(argnums), has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out, jac, aux = jacobian_in_trace(trace, request, bind(signature_of(fun), args, kwargs), mode)
        if with_value:
            return ((out, aux), jac) if has_aux else (out, jac)
        return (jac, aux) if has_aux else jac

    options = {"mode": mode, "argnums": argnums, "has_aux": has_aux, "with_value": with_value, "kind": kind}
    return TransformedFunction(fun, kind, run, partial(_jacobian, **options))  # type: ignore[arg-type]


def chosen(argnums: Argnums, argnum: int | None) -> Argnums:
    """Which arguments are meant, by either name of the keyword."""
    return argnums if argnum is None else argnum


def made_of(make: Callable[..., Any], fun: Function | None, asked: str) -> Any:
    """Also as a decorator with options. TypeError for what is no function; `asked` is the public one that got it."""
    return (lambda f: make(a_function(f, asked))) if fun is None else make(a_function(fun, asked))


@overload
def jacobian(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def jacobian(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def jacobian(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """The jacobian, an array of shape out.shape + in.shape, by forward or reverse mode, whichever needs fewer passes.

    Results and arguments may be structures: the result then has the structure of the arguments inside that of the
    results. Complex to complex it is the derivative of a holomorphic function. Raises as `grad` does.
    """
    options = {
        "mode": "auto",
        "argnums": chosen(argnums, argnum),
        "has_aux": has_aux,
        "with_value": False,
        "kind": "jacobian",
    }
    return made_of(partial(_jacobian, **options), fun, "jacobian")  # type: ignore[arg-type]


@overload
def jacrev(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def jacrev(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def jacrev(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """As `jacobian`, by reverse mode: one pass for each element of the results."""
    options = {
        "mode": "rev",
        "argnums": chosen(argnums, argnum),
        "has_aux": has_aux,
        "with_value": False,
        "kind": "jacobian",
    }
    return made_of(partial(_jacobian, **options), fun, "jacrev")  # type: ignore[arg-type]


@overload
def jacfwd(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def jacfwd(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def jacfwd(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """As `jacobian`, by forward mode: one pass for each element of the arguments."""
    options = {
        "mode": "fwd",
        "argnums": chosen(argnums, argnum),
        "has_aux": has_aux,
        "with_value": False,
        "kind": "jacobian",
    }
    return made_of(partial(_jacobian, **options), fun, "jacfwd")  # type: ignore[arg-type]


@overload
def value_and_jacobian(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, tuple[Any, Any]]: ...


@overload
def value_and_jacobian(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> PairDecorator: ...


def value_and_jacobian(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """As `jacobian`, but returns (value, jacobian); with has_aux ((value, aux), jacobian)."""
    options = {
        "mode": "auto",
        "argnums": chosen(argnums, argnum),
        "has_aux": has_aux,
        "with_value": True,
        "kind": "value_and_jacobian",
    }
    return made_of(partial(_jacobian, **options), fun, "value_and_jacobian")  # type: ignore[arg-type]


def _hessian(fun: Function, argnums: Argnums, has_aux: bool) -> TransformedFunction:
    first = _jacobian(fun, "first", argnums, has_aux, False, "jacobian")
    request = Request(first, frozen(argnums), has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        _, found, aux = jacobian_in_trace(trace, request, bind(signature_of(fun), args, kwargs), "symmetric")
        return (found, aux) if has_aux else found

    return TransformedFunction(fun, "hessian", run, partial(_hessian, argnums=argnums, has_aux=has_aux))


@overload
def hessian(
    fun: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[P, Any]: ...


@overload
def hessian(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Decorator: ...


def hessian(
    fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Any:
    """The matrix of second derivatives, of shape out.shape + in.shape + in.shape: forward over reverse mode.

    Of a structure, that structure of that structure. Raises as `grad` does.
    """
    return made_of(partial(_hessian, argnums=chosen(argnums, argnum), has_aux=has_aux), fun, "hessian")


# ------------------------------------------------------------------------------------------------ products with vectors


def _hvp(fun: Function, argnums: Argnums, has_aux: bool) -> VectorProduct:
    wanted = frozen(argnums)
    request = Request(GradientFunction(Request(fun, wanted, has_aux)), wanted, has_aux)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any], vector: Any) -> Any:
        tangents = vector if isinstance(wanted, tuple) else (vector,)
        found = jvp_in_trace(trace, request, bind(signature_of(fun), args, kwargs), tangents)
        return found[1:] if has_aux else found[1]

    return VectorProduct(fun, "hvp", run, partial(_hvp, argnums=argnums, has_aux=has_aux))


@overload
def hvp(
    fun: Function, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> GradientFunction[..., Any]: ...


@overload
def hvp(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None
) -> Callable[[Function], GradientFunction[..., Any]]: ...


def hvp(fun: Function | None = None, argnums: Argnums = 0, has_aux: bool = False, *, argnum: int | None = None) -> Any:
    """hvp(fun)(*args, v): the hessian of a function that returns one number, times v, at a few times fun's cost.

    v has the structure of the argument; with several argnums it is a tuple. Raises as `grad` does.
    """
    return made_of(partial(_hvp, argnums=chosen(argnums, argnum), has_aux=has_aux), fun, "hvp")


hessian_vector_product = hvp


def _half_square(y: Any) -> Any:
    return 0.5 * np.sum(y * y)


def _ggnvp(fun: Function, loss: Function, argnums: Argnums, has_aux: bool) -> VectorProduct:
    wanted = frozen(argnums)
    request = Request(fun, wanted if isinstance(wanted, tuple) else (wanted,), has_aux)
    outer = _hvp(loss, 0, False)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any], vector: Any) -> Any:
        parameters = bind(signature_of(fun), args, kwargs)
        tangents = vector if isinstance(wanted, tuple) else (vector,)
        out, out_dot, *aux = jvp_in_trace(trace, request, parameters, tangents)
        curved = outer(out, out_dot)
        pulled = pullback_in_trace(trace, request, parameters)[1](curved)
        return with_aux(pulled if isinstance(wanted, tuple) else pulled[0], aux)

    return VectorProduct(fun, "ggnvp", run, partial(_ggnvp, loss=loss, argnums=argnums, has_aux=has_aux))


def with_aux(found: Any, aux: Sequence[Any]) -> Any:
    """A derivative, and behind it what came along."""
    return (found, *aux) if aux else found


@overload
def ggnvp(
    fun: Function,
    loss: Function = _half_square,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
) -> GradientFunction[..., Any]: ...


@overload
def ggnvp(
    fun: None = None,
    loss: Function = _half_square,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
) -> Callable[[Function], GradientFunction[..., Any]]: ...


def ggnvp(
    fun: Function | None = None,
    loss: Function = _half_square,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
) -> Any:
    """ggnvp(fun, loss)(*args, v) = J.T H J v: the generalized Gauss-Newton matrix times v.

    J is the jacobian of fun, H the hessian of loss at fun(*args); loss returns one number, by default half the sum of
    squares, for which H is the identity (Schraudolph 2002).
    """
    return made_of(partial(_ggnvp, loss=loss, argnums=chosen(argnums, argnum), has_aux=has_aux), fun, "ggnvp")


# -------------------------------------------------------------------------------------------------------------- batches


def _vmap(fun: Function, in_axes: Axes, out_axes: Axes) -> TransformedFunction:
    own = signature_of(fun)

    def run(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return vmap_in_trace(trace, fun, *passed(own, args, kwargs), in_axes, out_axes)

    make = partial(_vmap, in_axes=in_axes, out_axes=out_axes)
    function = TransformedFunction(fun, "vmap", run, make, signature_without_defaults(own))
    function.__signature__ = own
    return function


@overload
def vmap(fun: Callable[P, R], in_axes: Axes = 0, out_axes: Axes = 0) -> GradientFunction[P, R]: ...


@overload
def vmap(
    fun: None = None, in_axes: Axes = 0, out_axes: Axes = 0
) -> Callable[[Callable[P, R]], GradientFunction[P, R]]: ...


def vmap(fun: Function | None = None, in_axes: Axes = 0, out_axes: Axes = 0) -> Any:
    """`fun` for every example of a batch, as one program over whole arrays: no loop is run.

    in_axes: the axis that holds the examples, None for an argument that is the same for all; one for all arguments, or
    one for each, or nested as the arguments are. out_axes likewise for the results. Keyword arguments are batched along
    their first axis; what is left to its default is the same for all. Python numbers among the results become arrays.
    Raises ValueError for axes and lengths that do not fit, UnsupportedError (a NotImplementedError)
    for an operation that cannot be batched, TracingError for a branch that differs between examples.
    """
    return made_of(partial(_vmap, in_axes=in_axes, out_axes=out_axes), fun, "vmap")
