"""For your own test files: gradients that are held to central differences. Works with pytest and without."""

from .gradients import assert_grads, grad_cases

__all__ = ["assert_grads", "grad_cases"]
