"""Hooks on cotangents: a value that is itself, and whose cotangent is changed, clipped or looked at on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.ops.custom import External
from ..ir.ops.custom import look as look_op
from .adjoints import Adjoint, AdjointTrace, Held, attach, cotangent_type, program_of, standin, wrapped
from .array import Tracer, lift
from .errors import TracingError, UnsupportedError, explain
from .opaque import home_of
from .site import called_at
from .structure import flatten, unflatten
from .trace import ACTIVE, Trace, tracing


def clip_gradient(x: Any, low: Any, high: Any) -> Any:
    """x itself, whose cotangent g is np.clip(g, low, high) on its way back; of a structure, every array in it.

    low and high broadcast to x; None is no bound. The cotangent keeps its dtype, whatever the bounds have. The result
    has memory of its own. UnsupportedError for complex x, TracingError for bounds that do not broadcast to x.
    """

    def change(g: Any) -> Any:
        clipped = np.clip(g, low, high)
        if np.shape(clipped) != np.shape(g):
            wide = next(np.shape(bound) for bound in (low, high) if np.ndim(bound))
            cause = (
                f"a bound of clip_gradient, of shape {wide}, does not broadcast to its value, of shape {np.shape(g)}"
            )
            raise TracingError(explain(cause, called_at(), "bounds that are numbers, or of the shape of x", "hooks"))
        return clipped if clipped.dtype == g.dtype else clipped.astype(g.dtype)

    for leaf in flatten(x)[0]:
        if np.asarray(leaf).dtype.kind == "c" if not isinstance(leaf, Tracer) else leaf.dtype.kind == "c":
            raise UnsupportedError(
                explain(
                    "clip_gradient of a complex value: complex numbers have no order",
                    called_at(),
                    "grad_of(z, lambda g: g / np.maximum(1, np.abs(g) / limit))",
                    "hooks",
                )
            )
    return grad_of(x, change)


def grad_of(x: Any, change: Callable[[Any], Any] | None = None, *, look: Callable[[Any], Any] | None = None) -> Any:
    """x itself, whose cotangent g is change(g) on its way back; of a structure, that of every array in it.

    change is traced NumPy, visible in the generated source, and returns an array of the shape and dtype of g. look is
    called by its name in the generated source, with the actual array g as it arrives (before `change`), each time that
    a gradient through x is computed; what it returns is ignored. The result has memory of its own.
    Raises TracingError, at the call, for another shape or dtype, and TypeError for what cannot be called.
    """
    for one in (change, look):
        if one is not None and not callable(one):
            raise TypeError(
                explain(
                    f"grad_of takes functions, not {one!r}",
                    called_at(),
                    "grad_of(x, lambda g: 2 * g), grad_of(x, look=print)",
                    "hooks",
                )
            )
    leaves, structure = flatten(x)
    trace = ACTIVE.get()
    if trace is None or not any(isinstance(leaf, Tracer) for leaf in leaves):
        return unflatten(structure, iter([np.array(a) if isinstance(a, np.ndarray) else a for a in leaves]))
    hooked = [_hooked(trace, leaf, change, look) for leaf in leaves]
    return unflatten(structure, iter(hooked))


def _hooked(trace: Trace, leaf: Any, change: Any, look: Any) -> Any:
    if not isinstance(leaf, Tracer) or leaf.dtype.kind not in "fc":
        return leaf
    value = lift(trace, leaf)
    inner = AdjointTrace(trace)
    name = getattr(value.atom, "name", "") or "x"
    with tracing(inner):
        g = inner.input(cotangent_type(value.type), f"d{name}", None)
        result = g
        if look is not None:
            inner.emit(look_op, g, external=_external(look))
        if change is not None:
            result = _changed(inner, change, g)
    program, kept = program_of(inner, f"{name}_hook", [result])
    values = attach(trace, [value], Adjoint(program, kept, [value]))
    return wrapped(trace, values, [leaf], flatten(leaf)[1])


def _changed(inner: AdjointTrace, change: Callable[[Any], Any], g: Any) -> Any:
    held = Held(change, "the change of grad_of", inner)
    result = lift(inner, change(standin(inner, g)))
    held.check_type(result.type, g.type, "the cotangent", "an array")
    return result


def _external(fun: Callable[..., Any]) -> External:
    name = getattr(fun, "__name__", type(fun).__name__)
    home, importable = home_of(fun)
    return External(fun, importable or name.replace("<lambda>", "look"), fun, "{0}", home)
