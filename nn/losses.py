"""Losses, and how they are reduced to a number."""

from __future__ import annotations

import numpy as np

from .activations import log_softmax
from .sizes import Array


def _reduced(losses: Array, reduction: str) -> Array:
    if reduction == "mean":
        return np.mean(losses)
    if reduction == "sum":
        return np.sum(losses)
    if reduction != "none":
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return losses


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """-log(softmax(input)) at the targets: input[n, k, ...] or input[k]  ->  a number (reduction="none": [n, ...]).

    target are integers ([n, ...], or one integer), or probabilities of the shape of input (one-hot, or soft labels);
    weight[k] are factors of the classes, by whose sum the mean divides; an integer target of ignore_index does not
    count (none by default, where torch has -100). The gradient of the mean with respect to input[n, k] is
    (softmax(input) - target) / n.
    """
    scores, labels = input, target
    if np.ndim(scores) < 1 or np.shape(labels) not in (np.shape(scores), np.shape(scores)[:1] + np.shape(scores)[2:]):
        if np.ndim(scores) != 1 or np.ndim(labels) != 0:
            raise ValueError(
                "cross_entropy takes scores[n, k] with labels[n] or [n, k] (or scores[k] with one label or [k]), "
                f"not shapes {np.shape(scores)} and {np.shape(labels)}"
            )
    classes = 0 if np.ndim(scores) == 1 else 1
    log_p = log_softmax(scores, classes)
    if np.ndim(labels) != np.ndim(scores):
        if not label_smoothing:
            return nll_loss(log_p, labels, weight, ignore_index, reduction)
        k = np.shape(scores)[classes]
        hard = nll_loss(log_p, labels, weight, ignore_index, "none")
        shares = log_p if weight is None else log_p * _along_classes(weight, np.ndim(scores))
        smooth = -np.sum(shares, axis=classes)
        if ignore_index is not None:
            smooth = np.where(labels == ignore_index, 0, smooth)
        losses = (1 - label_smoothing) * hard + label_smoothing / k * smooth
        if reduction == "mean" and (weight is not None or ignore_index is not None):
            safe = labels if ignore_index is None else np.where(labels == ignore_index, 0, labels)
            return np.sum(losses) / np.sum(_counts(labels, safe, weight, ignore_index))
        return _reduced(losses, reduction)
    if label_smoothing:
        labels = (1 - label_smoothing) * labels + label_smoothing / np.shape(scores)[classes]
    if weight is not None:
        labels = labels * _along_classes(weight, np.ndim(scores))
    if reduction == "mean":
        n = np.size(scores) // np.shape(scores)[classes]
        return -np.sum(labels * log_p) / n
    return _reduced(-np.sum(labels * log_p, axis=classes), reduction)


def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Array:
    """-input at the targets: log-probabilities input[n, k, ...] or input[k] and integers target[n, ...]  ->  a number.

    weight[k] are factors of the classes, by whose sum the mean divides; a target of ignore_index does not count.
    """
    log_p, labels = input, target
    if ignore_index is not None:
        labels = np.where(labels == ignore_index, 0, labels)
    if np.ndim(log_p) == 1:
        chosen = log_p[labels]
    elif np.ndim(log_p) == 2:
        chosen = log_p[np.arange(np.shape(log_p)[0]), labels]
    else:
        chosen = np.take_along_axis(log_p, np.expand_dims(labels, 1), 1).squeeze(1)
    if weight is None and ignore_index is None:
        return _reduced(-chosen, reduction)
    counts = _counts(target, labels, weight, ignore_index)
    losses = -chosen * counts
    return np.sum(losses) / np.sum(counts) if reduction == "mean" else _reduced(losses, reduction)


def _counts(target: Array, labels: Array, weight: Array | None, ignore_index: int | None) -> Array:
    """How much each target counts."""
    kept = 1 if ignore_index is None else target != ignore_index
    return kept if weight is None else kept * np.take(weight, labels)


def _along_classes(weight: Array, ndim: int) -> Array:
    return weight if ndim < 3 else weight.reshape(-1, *[1] * (ndim - 2))


def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Array:
    """The square of the difference, elementwise, and its mean."""
    return _reduced((input - target) ** 2, reduction)


def binary_cross_entropy(input: Array, target: Array, weight: Array | None = None, reduction: str = "mean") -> Array:
    """-(target * log(input) + (1 - target) * log(1 - input)); input are probabilities, logarithms are at least -100."""
    log_p, log_q = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    losses = -(target * log_p + (1 - target) * log_q)
    return _reduced(losses if weight is None else weight * losses, reduction)


def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    """The binary cross-entropy of sigmoid(input), without overflow; pos_weight multiplies the part of the ones."""
    if pos_weight is None:
        losses = np.logaddexp(0, input) - target * input
    else:
        losses = (1 - target) * input + (1 + (pos_weight - 1) * target) * np.logaddexp(0, -input)
    return _reduced(losses if weight is None else weight * losses, reduction)
