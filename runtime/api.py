"""The public functions."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, TypeVar, overload

from ..ir.ops.elementwise import stop_gradient as _stop_gradient
from ..tracer.array import Tracer, wrap
from ..tracer.generics import P
from ..tracer.structure import flatten, unflatten
from .gradient import Decorator, GradientFunction, PairDecorator, differentiated

T = TypeVar("T")
Optimize = Literal["fast", "readable"]
Cache = bool | str | PathLike[str] | None
Dynamic = bool | Literal["auto"]
Argnums = int | str | tuple[int | str, ...] | list[int | str]


@overload
def grad(
    fun: Callable[P, Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> GradientFunction[P, Any]: ...


@overload
def grad(
    fun: None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> Decorator: ...


def grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> Any:
    """The gradient of a function that returns one number; also `@grad` and `@grad(argnums=...)`.

    argnums: number or name of the argument, or several in a tuple; the result has the argument's structure, shapes and
    dtypes, in a tuple if argnums is one. With has_aux, fun returns (value, aux) and the result is (gradient, aux).
    With debug="nan", a result that holds nan or infinity raises NonFiniteError (a FloatingPointError), which names the
    first operation that made it, its line and the generated line; slower, so meant for the search alone.
    With optimize="readable", large arrays are not computed in blocks, nor written into others that are done with.
    With cache=True, or a folder, the source is kept on disk for later processes, which then need not trace; by default
    the environment's TAPELESS_CACHE says so (docs/cache.md).
    With dynamic="auto", the third length of a dimension makes a source for all its lengths, if there can be one; with
    dynamic=True the first call does, or raises TracingError; with False each size has a source of its own.
    Calls raise GradientError (a TypeError) for integer arguments and outputs that are not one number, TracingError (a
    TypeError) for what cannot be recorded, UnsupportedError (a NotImplementedError) for what is not supported.
    """
    return differentiated(fun, argnums, has_aux, False, argnum, debug, optimize, cache, dynamic)


@overload
def value_and_grad(
    fun: Callable[P, Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> GradientFunction[P, tuple[Any, Any]]: ...


@overload
def value_and_grad(
    fun: None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> PairDecorator: ...


def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    argnum: int | None = None,
    debug: str | None = None,
    optimize: Optimize = "fast",
    cache: Cache = None,
    dynamic: Dynamic = "auto",
) -> Any:
    """As `grad`, but returns (value, gradient), sharing the forward pass; with has_aux ((value, aux), gradient)."""
    return differentiated(fun, argnums, has_aux, True, argnum, debug, optimize, cache, dynamic)


def stop_gradient(x: T) -> T:
    """The value itself, constant for derivatives; of a structure, every array in it."""
    if isinstance(x, Tracer):
        return wrap(x._trace, x._trace.emit(_stop_gradient, x._here()))
    leaves, structure = flatten(x)
    if not any(isinstance(leaf, Tracer) for leaf in leaves):
        return x
    return unflatten(structure, iter([stop_gradient(leaf) if isinstance(leaf, Tracer) else leaf for leaf in leaves]))
