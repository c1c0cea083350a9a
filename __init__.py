"""tapeless: plain NumPy functions in, readable NumPy gradient source out."""

from .ir.ops.effects import GuardMiss
from .runtime.api import grad, stop_gradient, value_and_grad
from .runtime.checking import check_grads
from .runtime.pullback import vjp
from .tracer.errors import GradientError, LeakedTracerError, TapelessError, TracingError, UnsupportedError
from .tracer.loops import cond, fori_loop, scan, while_loop

__version__ = "0.1.0"
__all__ = [
    "GradientError",
    "GuardMiss",
    "LeakedTracerError",
    "TapelessError",
    "TracingError",
    "UnsupportedError",
    "check_grads",
    "cond",
    "fori_loop",
    "grad",
    "scan",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "while_loop",
]
