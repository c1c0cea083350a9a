"""Solutions as functions: roots, fixed points and differential equations; their gradients do not unroll the solver."""

from .functions import implicit_function
from .ode import odeint
from .solvers import fixed_point, root

__all__ = ["fixed_point", "implicit_function", "odeint", "root"]
