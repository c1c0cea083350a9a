"""Activations, elementwise or along a dimension."""

from __future__ import annotations

import numpy as np

from .sizes import Array


def relu(input: Array) -> Array:
    """The positive part, elementwise; the derivative at 0 is 0 (docs/kinks.md)."""
    return np.maximum(input, 0)


def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """x where it is positive, else negative_slope * x; the derivative at 0 is negative_slope."""
    return np.where(input > 0, input, negative_slope * input)


def elu(input: Array, alpha: float = 1.0) -> Array:
    """x where it is positive, else alpha * (exp(x) - 1) (Clevert et al., arXiv:1511.07289)."""
    return np.where(input > 0, input, alpha * np.expm1(np.minimum(input, 0)))


def gelu(input: Array, approximate: str = "none") -> Array:
    """x times the normal distribution function of x (Hendrycks and Gimpel, arXiv:1606.08415).

    approximate='tanh' is their formula with the hyperbolic tangent; 'none' is exact and needs scipy.
    """
    if approximate == "tanh":
        return 0.5 * input * (1 + np.tanh(np.sqrt(2 / np.pi) * (input + 0.044715 * input**3)))
    if approximate != "none":
        raise ValueError(f"approximate must be 'none' or 'tanh', not {approximate!r}")
    from scipy.special import erf

    return 0.5 * input * (1 + erf(input / np.sqrt(2)))


def sigmoid(input: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise, without overflow."""
    return 0.5 * np.tanh(0.5 * input) + 0.5


def silu(input: Array) -> Array:
    """x * sigmoid(x), elementwise."""
    return input * sigmoid(input)


def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + exp(beta * x)) / beta, elementwise, without overflow; x itself where beta * x is above the threshold."""
    scaled = beta * input if beta != 1 else input
    smooth = np.logaddexp(0, scaled) / beta if beta != 1 else np.logaddexp(0, scaled)
    return np.where(scaled > threshold, input, smooth)


def softmax(input: Array, dim: int = -1, *, axis: int | None = None) -> Array:
    """exp(x) / sum(exp(x)) along a dimension (NumPy calls it axis), without overflow; the shape of x."""
    along = dim if axis is None else axis
    e = np.exp(input - input.max(axis=along, keepdims=True))
    return e / e.sum(axis=along, keepdims=True)


def log_softmax(input: Array, dim: int = -1, *, axis: int | None = None) -> Array:
    """The logarithm of the softmax along a dimension, without overflow or log(0); the shape of x."""
    along = dim if axis is None else axis
    shifted = input - input.max(axis=along, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=along, keepdims=True))
