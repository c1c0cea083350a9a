"""tapeless: plain NumPy functions in, readable NumPy gradient source out."""

from .ir.ops.effects import GuardMiss
from .runtime.api import grad, stop_gradient, value_and_grad
from .runtime.calculus import (
    deriv,
    elementwise_grad,
    ggnvp,
    grad_named,
    hessian,
    hessian_vector_product,
    holomorphic_grad,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_jacobian,
    vmap,
)
from .runtime.checking import check_grads
from .runtime.forward_mode import linearize
from .runtime.makers import make_jvp, make_vjp
from .runtime.pullback import vjp
from .runtime.sparse import sparse_hessian, sparse_jacobian, sparsity
from .tracer.checkpoint import checkpoint
from .tracer.custom import custom_jvp, custom_vjp
from .tracer.errors import (
    GradientError,
    LeakedTracerError,
    NonFiniteError,
    TapelessError,
    TracingError,
    UnsupportedError,
)
from .tracer.hooks import clip_gradient, grad_of
from .tracer.loops import cond, fori_loop, scan, while_loop
from .tracer.opaque import defjvp, defvjp, primitive

__version__ = "0.1.0"
__all__ = [
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
