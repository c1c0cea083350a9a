"""tapeless: plain NumPy functions in, readable NumPy gradient source out."""

import importlib
from typing import TYPE_CHECKING, Any

from .runtime.collector import collector_paused

with collector_paused():  # what a hundred modules define stays
    from .ir.ops.effects import GuardMiss
    from .runtime.api import grad, stop_gradient, value_and_grad
    from .tracer.errors import (
        GradientError,
        LeakedTracerError,
        NonFiniteError,
        TapelessError,
        TracingError,
        UnsupportedError,
    )

if TYPE_CHECKING:
    from .runtime.ahead import compile_module
    from .runtime.calculus import (
        ggnvp,
        hessian,
        hessian_vector_product,
        hvp,
        jacfwd,
        jacobian,
        jacrev,
        jvp,
        value_and_jacobian,
        vmap,
    )
    from .runtime.checking import check_grads
    from .runtime.disk_cache import CacheWarning
    from .runtime.forward_mode import linearize
    from .runtime.makers import make_jvp, make_vjp
    from .runtime.pullback import vjp
    from .runtime.slopes import deriv, elementwise_grad, grad_named, holomorphic_grad
    from .runtime.sparse import sparse_hessian, sparse_jacobian, sparsity
    from .tracer.checkpoint import checkpoint
    from .tracer.custom import custom_jvp, custom_vjp
    from .tracer.hooks import clip_gradient, grad_of
    from .tracer.loops import cond, fori_loop, scan, while_loop
    from .tracer.opaque import defjvp, defvjp, primitive

__version__ = "0.1.0"
__all__ = [
    "CacheWarning",
    "GradientError",
    "GuardMiss",
    "LeakedTracerError",
    "NonFiniteError",
    "TapelessError",
    "TracingError",
    "UnsupportedError",
    "check_grads",
    "checkpoint",
    "clip_gradient",
    "compile_module",
    "cond",
    "custom_jvp",
    "custom_vjp",
    "defjvp",
    "defvjp",
    "deriv",
    "elementwise_grad",
    "fori_loop",
    "ggnvp",
    "grad",
    "grad_named",
    "grad_of",
    "hessian",
    "hessian_vector_product",
    "holomorphic_grad",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "make_jvp",
    "make_vjp",
    "primitive",
    "scan",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "stop_gradient",
    "value_and_grad",
    "value_and_jacobian",
    "vjp",
    "vmap",
    "while_loop",
]

# Where the names are that an ordinary gradient does not need: a module is imported when one of its names is asked for.
_LATER = {
    "runtime.ahead": "compile_module",
    "runtime.calculus": "ggnvp hessian hessian_vector_product hvp jacfwd jacobian jacrev jvp value_and_jacobian vmap",
    "runtime.checking": "check_grads",
    "runtime.disk_cache": "CacheWarning",
    "runtime.forward_mode": "linearize",
    "runtime.makers": "make_jvp make_vjp",
    "runtime.pullback": "vjp",
    "runtime.slopes": "deriv elementwise_grad grad_named holomorphic_grad",
    "runtime.sparse": "sparse_hessian sparse_jacobian sparsity",
    "tracer.checkpoint": "checkpoint",
    "tracer.custom": "custom_jvp custom_vjp",
    "tracer.hooks": "clip_gradient grad_of",
    "tracer.loops": "cond fori_loop scan while_loop",
    "tracer.opaque": "defjvp defvjp primitive",
}
_HOMES = {name: module for module, names in _LATER.items() for name in names.split()}


if not TYPE_CHECKING:  # to which any name would be there

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
