"""Losses. Each gives the mean over the batch, with reduction="sum" the sum, with "none" one number for each example or
element, and is written so that large arguments neither overflow nor cancel."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.activations import log_softmax, relu, softplus

Array = Any


def mse(prediction: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The mean of squared errors, of arrays of equal shape."""
    same_shape("mse", prediction, target)
    error = prediction - target
    return reduced(error * error, reduction)


def mae(prediction: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The mean of absolute errors, of arrays of equal shape."""
    same_shape("mae", prediction, target)
    return reduced(np.abs(prediction - target), reduction)


def huber(prediction: Array, target: Array, delta: float = 1.0, *, reduction: str = "mean") -> Array:
    """The mean of e * e / 2 where the error e is at most delta, else delta * (abs(e) - delta / 2) (Huber 1964)."""
    same_shape("huber", prediction, target)
    error = prediction - target
    near = np.clip(error, -delta, delta)
    return reduced(near * (error - 0.5 * near), reduction)


def cross_entropy(
    logits: Array, labels: Array, *, smoothing: float = 0.0, weights: Array | None = None, ignore: int | None = None,
    reduction: str = "mean",
) -> Array:  # fmt: skip
    """The mean of -log softmax(logits) of the labels.

    logits: floats (..., classes). labels: ints (...), or probabilities (..., classes). smoothing: so much of each
    label is spread over all classes (Szegedy et al. 2016). weights: (classes), how much examples of each class count,
    in the sum and in the number that a mean divides by. ignore: a label that does not count, such as that of padding.
    Raises ValueError for labels out of range and shapes that do not fit.
    """
    if labels.ndim == logits.ndim:
        if ignore is not None:
            raise ValueError("cross_entropy: ignore is a label, and the labels are probabilities")
        check_labels("cross_entropy", logits, labels)
        if weights is not None:
            labels = labels * weights
        log_p = log_softmax(logits)
        chosen, total = (labels * log_p).sum(axis=-1), labels.sum(axis=-1)
    else:
        if ignore is not None:
            counts = labels != ignore
            labels = np.where(counts, labels, 0)
        check_labels("cross_entropy", logits, labels)
        log_p = log_softmax(logits)
        chosen = of_labels(log_p, labels)
        if weights is None and ignore is None:
            if smoothing != 0:
                chosen = (1 - smoothing) * chosen + smoothing * log_p.mean(axis=-1)
            return -reduced(chosen, reduction)
        total = np.ones_like(chosen) if weights is None else weights[labels]
        if ignore is not None:
            total = total * counts
        chosen = total * chosen
    if smoothing != 0:
        spread = (log_p if weights is None else log_p * weights).mean(axis=-1)
        chosen = (1 - smoothing) * chosen + smoothing * (spread if ignore is None else spread * counts)
    return -np.sum(chosen) / np.sum(total) if reduction == "mean" else -reduced(chosen, reduction)


def nll(log_p: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """The mean of -log_p of the labels: cross_entropy of logarithms of probabilities (..., classes), such as
    `log_softmax` gives. labels: ints (...)."""
    check_labels("nll", log_p, labels)
    return -reduced(of_labels(log_p, labels), reduction)


def binary_cross_entropy_with_logits(
    logits: Array, labels: Array, *, positive: Array | float | None = None, reduction: str = "mean"
) -> Array:
    """The mean of -log sigmoid(logit) for label 1 and -log(1 - sigmoid(logit)) for label 0, and between for labels
    between.

    logits and labels: of equal shape. positive: how much label 1 counts, one number or one for each column.
    """
    same_shape("binary_cross_entropy_with_logits", logits, labels)
    if positive is None:
        return reduced(softplus(logits) - labels * logits, reduction)
    return reduced((1 + (positive - 1) * labels) * softplus(-logits) + (1 - labels) * logits, reduction)


def binary_cross_entropy(p: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """binary_cross_entropy_with_logits of probabilities, whose logarithms count as -100 where they are less."""
    same_shape("binary_cross_entropy", p, labels)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"binary_cross_entropy: the probabilities go from {p.min():g} to {p.max():g}: of logits take "
                         "binary_cross_entropy_with_logits")  # fmt: skip
    least = 3.720075976020836e-44  # exp(-100)
    lost, kept = np.log(np.maximum(1 - p, least)), np.log(np.maximum(p, least))
    return -reduced(labels * kept + (1 - labels) * lost, reduction)


def hinge(scores: Array, labels: Array, margin: float = 1.0, *, reduction: str = "mean") -> Array:
    """The mean of max(0, margin - label * score), for labels -1 and 1 of the shape of scores."""
    same_shape("hinge", scores, labels)
    return reduced(relu(margin - labels * scores), reduction)


def multiclass_hinge(scores: Array, labels: Array, margin: float = 1.0, *, reduction: str = "mean") -> Array:
    """The mean of the sum of max(0, margin + score - score of the label) over other classes (Weston and Watkins 1999).

    scores: floats (batch, classes); labels: ints (batch).
    """
    check_labels("multiclass_hinge", scores, labels)
    rows = np.arange(len(labels))
    over = relu(margin + scores - scores[rows, labels][:, None])
    return reduced(over.sum(axis=-1) - margin, reduction)


def kl_div(log_q: Array, p: Array, *, reduction: str = "mean") -> Array:
    """The divergence of q from p, sum p * (log p - log q) over the last axis, in the mean over the others.

    log_q: logarithms of probabilities, such as `log_softmax` gives; p: probabilities; of equal shape.
    """
    same_shape("kl_div", log_q, p)
    return reduced((p * (np.log(np.where(p > 0, p, 1)) - log_q)).sum(axis=-1), reduction)


def gaussian_nll(mean: Array, target: Array, variance: Array, *, reduction: str = "mean") -> Array:
    """The mean of (log(variance) + (target - mean)**2 / variance) / 2, all of equal shape, the variance positive."""
    same_shape("gaussian_nll", mean, target)
    same_shape("gaussian_nll", mean, variance)
    return reduced(0.5 * (np.log(variance) + (target - mean) ** 2 / variance), reduction)


def poisson_nll(log_rate: Array, counts: Array, *, reduction: str = "mean") -> Array:
    """The mean of exp(log_rate) - counts * log_rate, of arrays of equal shape: up to what the counts alone decide."""
    same_shape("poisson_nll", log_rate, counts)
    return reduced(np.exp(log_rate) - counts * log_rate, reduction)


def cosine_similarity(a: Array, b: Array, eps: float = 1e-8) -> Array:
    """The cosine between vectors along the last axis, of arrays of equal shape; norms count as at least eps."""
    same_shape("cosine_similarity", a, b)
    squares = np.maximum((a * a).sum(axis=-1), eps * eps) * np.maximum((b * b).sum(axis=-1), eps * eps)
    return (a * b).sum(axis=-1) / np.sqrt(squares)


def triplet_margin(
    anchor: Array, near: Array, far: Array, margin: float = 1.0, *, reduction: str = "mean"
) -> Array:
    """The mean of max(0, margin + distance to near - distance to far), Euclidean along the last axis (Schroff et al.
    2015)."""
    same_shape("triplet_margin", anchor, near)
    same_shape("triplet_margin", anchor, far)
    to_near = np.sqrt(((anchor - near) ** 2).sum(axis=-1) + 1e-12)
    return reduced(relu(margin + to_near - np.sqrt(((anchor - far) ** 2).sum(axis=-1) + 1e-12)), reduction)


def of_labels(log_p: Array, labels: Array) -> Array:
    """The number of its label of each example."""
    flat = labels.reshape(-1).astype(np.intp)  # floats have been refused by then, in words of ours
    chosen = log_p.reshape(-1, log_p.shape[-1])[np.arange(flat.size), flat]
    return chosen if labels.ndim == 1 else chosen.reshape(labels.shape)


def reduced(values: Array, reduction: str) -> Array:
    """The mean of values, their sum, or themselves, for "mean", "sum" and "none"."""
    if reduction == "mean":
        return np.mean(values)
    if reduction == "sum":
        return np.sum(values)
    if reduction != "none":
        raise ValueError(f'reduction is {reduction!r}, it has to be "mean", "sum" or "none"')
    return values


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
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{loss}: the labels are {labels.dtype} of shape {labels.shape}, and have to be integers, or "
                         f"probabilities of the shape of the logits, {logits.shape}")  # fmt: skip
    if labels.shape != logits.shape[:-1]:
        raise ValueError(f"{loss}: the labels have shape {labels.shape}, the logits {logits.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{loss}: the labels go from {labels.min()} to {labels.max()}, there are {classes} classes")
