"""Batches and layers with mean 0 and variance 1."""

from __future__ import annotations

import numpy as np

from .sizes import Array, Size


def batch_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """Each channel of input[n, c, ...] minus its mean, by its standard deviation, times weight[c], plus bias[c].

    With training=True the mean and the (biased) variance are those of the batch, and the running ones are written to:
    running = (1 - momentum) * running + momentum * new, with the unbiased variance (Ioffe and Szegedy, 1502.03167).
    """
    axes = (0, *range(2, np.ndim(input)))
    wide = (-1, *[1] * (np.ndim(input) - 2))
    if training:
        mean = input.mean(axis=axes, keepdims=True)
        centred = input - mean
        var = (centred**2).mean(axis=axes, keepdims=True)
        count = np.size(input) // np.shape(input)[1]
        if running_mean is not None:
            running_mean[...] = (1 - momentum) * running_mean + momentum * mean.reshape(-1)
        if running_var is not None:
            unbiased = var.reshape(-1) * (count / (count - 1))
            running_var[...] = (1 - momentum) * running_var + momentum * unbiased
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm needs running_mean and running_var, or training=True")
    else:
        centred = input - running_mean.reshape(wide)
        var = running_var.reshape(wide)
    x_hat = centred / np.sqrt(var + eps)
    y = x_hat if weight is None else x_hat * weight.reshape(wide)
    return y if bias is None else y + bias.reshape(wide)


def layer_norm(
    input: Array, normalized_shape: Size, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    """The last dimensions, which have normalized_shape, minus their mean, by their standard deviation (1607.06450)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if np.shape(input)[np.ndim(input) - len(shape) :] != shape:
        raise ValueError(f"the input of shape {np.shape(input)} does not end in normalized_shape={shape}")
    axes = tuple(range(-len(shape), 0))
    centred = input - input.mean(axis=axes, keepdims=True)
    var = (centred**2).mean(axis=axes, keepdims=True)
    x_hat = centred / np.sqrt(var + eps)
    y = x_hat if weight is None else x_hat * weight
    return y if bias is None else y + bias
