"""Activations: functions of floats or arrays, element by element, but for the softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.runtime import stop_gradient

Array = Any


def relu(x: Array) -> Array:
    """max(x, 0), with slope 0 at 0. Of -inf it is nan."""
    return x * (x > 0)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """x where x is positive, else slope * x."""
    return slope * x + (1 - slope) * (x * (x > 0))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where x is positive, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""
    positive = x * (x > 0)
    return positive + alpha * np.expm1(x - positive)


def gelu(x: Array) -> Array:
    """x times the normal distribution function of x, by tanh (Hendrycks and Gimpel 2016)."""
    root = 0.7978845608028654  # of 2 / pi
    return 0.5 * x * (1 + np.tanh(x * (root + root * 0.044715 * (x * x))))


def silu(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(x, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written with tanh, which does not overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) over its sum along an axis."""
    e = np.exp(x - stop_gradient(x.max(axis=axis, keepdims=True)))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of the softmax along an axis."""
    shifted = x - stop_gradient(x.max(axis=axis, keepdims=True))
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
