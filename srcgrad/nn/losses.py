"""Losses. Each gives the mean over the batch, and is written so that large arguments neither overflow nor cancel."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.activations import log_softmax, softplus

Array = Any


def mse(prediction: Array, target: Array) -> Array:
    """The mean of squared errors, of arrays of equal shape."""
    same_shape("mse", prediction, target)
    error = prediction - target
    return np.mean(error * error)


def mae(prediction: Array, target: Array) -> Array:
    """The mean of absolute errors, of arrays of equal shape."""
    same_shape("mae", prediction, target)
    return np.mean(np.abs(prediction - target))


def huber(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """The mean of e * e / 2 where the error e is at most delta, else delta * (abs(e) - delta / 2) (Huber 1964)."""
    same_shape("huber", prediction, target)
    error = prediction - target
    near = np.clip(error, -delta, delta)
    return np.mean(near * (error - 0.5 * near))


def cross_entropy(
    logits: Array, labels: Array, *, smoothing: float = 0.0, weights: Array | None = None
) -> Array:
    """The mean of -log softmax(logits) of the labels.

    logits: floats (..., classes). labels: ints (...), or probabilities (..., classes). smoothing: so much of each
    label is spread over all classes (Szegedy et al. 2016). weights: (classes), how much examples of each class count
    in the mean. Raises ValueError for labels out of range and shapes that do not fit.
    """
    classes = logits.shape[-1]
    soft = labels.ndim == logits.ndim
    check_labels("cross_entropy", logits, labels)
    log_p = log_softmax(logits)
    if soft:
        if weights is not None:
            labels = labels * weights
        chosen, total = (labels * log_p).sum(axis=-1), labels.sum(axis=-1)
    else:
        flat = labels.reshape(-1)
        chosen = log_p.reshape(-1, classes)[np.arange(len(flat)), flat]
        if weights is None:
            if smoothing == 0:
                return -np.mean(chosen)
            return -np.mean((1 - smoothing) * chosen + smoothing * log_p.reshape(-1, classes).mean(axis=-1))
        total = weights[flat]
        chosen = total * chosen
        log_p = log_p.reshape(-1, classes)
    if smoothing != 0:
        spread = log_p if weights is None else log_p * weights
        chosen = (1 - smoothing) * chosen + smoothing * spread.mean(axis=-1)
    return -np.sum(chosen) / np.sum(total)


def binary_cross_entropy_with_logits(logits: Array, labels: Array) -> Array:
    """The mean of -log sigmoid(logit) for label 1 and -log(1 - sigmoid(logit)) for label 0, and between for labels
    between.

    logits and labels: of equal shape.
    """
    same_shape("binary_cross_entropy_with_logits", logits, labels)
    return np.mean(softplus(logits) - labels * logits)


def hinge(scores: Array, labels: Array, margin: float = 1.0) -> Array:
    """The mean of max(0, margin - label * score), for labels -1 and 1 of the shape of scores."""
    same_shape("hinge", scores, labels)
    short = margin - labels * scores
    return np.mean(short * (short > 0))


def multiclass_hinge(scores: Array, labels: Array, margin: float = 1.0) -> Array:
    """The mean of the sum of max(0, margin + score - score of the label) over other classes (Weston and Watkins 1999).

    scores: floats (batch, classes); labels: ints (batch).
    """
    check_labels("multiclass_hinge", scores, labels)
    rows = np.arange(len(labels))
    short = margin + scores - scores[rows, labels][:, None]
    over = (short * (short > 0)).sum(axis=-1) - margin
    return np.mean(over)


def kl_div(log_q: Array, p: Array) -> Array:
    """The divergence of q from p, sum p * (log p - log q) over the last axis, in the mean over the others.

    log_q: logarithms of probabilities, such as `log_softmax` gives; p: probabilities; of equal shape.
    """
    same_shape("kl_div", log_q, p)
    return np.mean((p * (np.log(np.where(p > 0, p, 1)) - log_q)).sum(axis=-1))


def same_shape(loss: str, prediction: Array, target: Array) -> None:
    """Raise ValueError where two shapes differ, and for an empty batch."""
    if prediction.size == 0:
        raise ValueError(f"{loss}: the batch is empty: the prediction has shape {prediction.shape}")
    if prediction.shape != target.shape:
        raise ValueError(f"{loss}: the prediction has shape {prediction.shape}, the target {target.shape}")


def check_labels(loss: str, logits: Array, labels: Array) -> None:
    """Raise ValueError where labels are no classes of the logits, and for an empty batch."""
    classes = logits.shape[-1]
    if logits.size == 0:
        raise ValueError(f"{loss}: the batch is empty: the logits have shape {logits.shape}")
    if labels.ndim == logits.ndim:
        if labels.shape != logits.shape:
            raise ValueError(f"{loss}: the labels have shape {labels.shape}, the logits {logits.shape}")
        return
    if labels.shape != logits.shape[:-1]:
        raise ValueError(f"{loss}: the labels have shape {labels.shape}, the logits {logits.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{loss}: the labels go from {labels.min()} to {labels.max()}, there are {classes} classes")
