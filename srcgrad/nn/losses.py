"""Losses. Each gives the mean over the batch, and is written so that large arguments neither overflow nor cancel."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.runtime import stop_gradient

Array = Any


def mse(prediction: Array, target: Array) -> Array:
    """The mean of squared errors, of arrays of equal shape."""
    _same_shape("mse", prediction, target)
    error = prediction - target
    return np.mean(error * error)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean of -log softmax(logits)[label]. logits: floats (..., classes); labels: ints (...)."""
    log_p = logits - stop_gradient(logits.max(axis=-1, keepdims=True))
    log_p = log_p - np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def _same_shape(loss: str, prediction: Array, target: Array) -> None:
    if prediction.shape != target.shape:
        raise ValueError(f"{loss}: prediction has shape {prediction.shape}, target {target.shape}")
