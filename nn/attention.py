"""Attention, and what stands around it in a network."""

from __future__ import annotations

import numpy as np

from .activations import softmax
from .sizes import Array


def dropout(input: Array, mask: Array, p: float = 0.5) -> Array:
    """input / (1 - p) where the mask is true, else 0. Draw the mask outside: rng.random(input.shape) >= p."""
    if not 0 <= p < 1:
        raise ValueError(f"the probability p must be at least 0 and below 1, not {p!r}")
    return np.where(mask, input / (1 - p), 0)


def embedding(input: Array, weight: Array) -> Array:
    """The rows of weight[k, d] at the integers input[...]  ->  [..., d]; an index that comes often counts often."""
    return weight[input]


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Array:
    """softmax(query key^T * scale) value: query[..., l, e], key[..., s, e], value[..., s, v]  ->  [..., l, v].

    The scale is 1 / sqrt(e) unless it is given. Where a boolean attn_mask[..., l, s] is false there is no attention; a
    float one is added to the scores. With is_causal a query attends to the keys up to its own place.
    """
    scores = query @ key.swapaxes(-1, -2) * (1 / np.sqrt(np.shape(query)[-1]) if scale is None else scale)
    if is_causal:
        if attn_mask is not None:
            raise ValueError("give attn_mask or is_causal, not both")
        attn_mask = np.tri(*np.shape(scores)[-2:], dtype=bool)
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    return softmax(scores) @ value
