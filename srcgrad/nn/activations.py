"""Activations: functions of floats or arrays, element by element, but for the softmax and `glu`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.module import Module
from srcgrad.rules.own import rule
from srcgrad.runtime import stop_gradient

Array = Any


def relu(x: Array) -> Array:
    """max(x, 0), with slope 0 at 0."""
    return np.maximum(x, 0)


rule(relu, partials=lambda x, out: out > 0)  # np.maximum has the slope 1/2 at 0


def relu6(x: Array) -> Array:
    """x between 0 and 6, 0 below, 6 above."""
    return hard_tanh(x, 0.0, 6.0)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """x where x is positive, else slope * x."""
    return np.where(x > 0, x, slope * x)


class PReLU(Module):
    """x where x is positive, else slope * x, with a slope for each channel that is trained (He et al. 2015).

    x (..., channels), or one slope for all of any x.
    """

    slope: Array

    def __init__(self, channels: int = 1, *, slope: float = 0.25, dtype: Any = np.float32) -> None:
        self.slope = np.full(channels, slope, dtype)

    def __call__(self, x: Array) -> Array:
        if self.slope.shape[0] not in (1, x.shape[-1]):
            raise ValueError(f"PReLU: slope has shape {self.slope.shape}, the input {x.shape}")
        return leaky_relu(x, self.slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where x is positive, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


def celu(x: Array, alpha: float = 1.0) -> Array:
    """x where x is positive, else alpha * (exp(x / alpha) - 1) (Barron 2017)."""
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


def selu(x: Array) -> Array:
    """elu, scaled so that mean 0 and variance 1 are kept from layer to layer (Klambauer et al. 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x: Array, exact: bool = False) -> Array:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016): by tanh, or exactly by SciPy's erf."""
    if exact:
        from scipy.special import erf

        return 0.5 * x * (1 + erf(x * 0.7071067811865476))
    root = 0.7978845608028654  # of 2 / pi
    return 0.5 * x * (1 + np.tanh(x * (root + root * 0.044715 * (x * x))))


def silu(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def mish(x: Array) -> Array:
    """x * tanh(softplus(x)) (Misra 2020)."""
    return x * np.tanh(softplus(x))


def hard_tanh(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """x between low and high, with slope 0 beyond and at them."""
    return np.clip(x, low, high)


rule(hard_tanh, partials=(lambda x, low, high: (x > low) & (x < high), None, None))  # np.clip has 1/2 at the ends


def hard_sigmoid(x: Array) -> Array:
    """x / 6 + 1/2 between -3 and 3, 0 below, 1 above."""
    return hard_tanh(x * (1 / 6) + 0.5, 0.0, 1.0)


def hard_swish(x: Array) -> Array:
    """x * hard_sigmoid(x) (Howard et al. 2019)."""
    return x * hard_sigmoid(x)


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(x, 0)


def log_sigmoid(x: Array) -> Array:
    """The logarithm of the sigmoid."""
    return -np.logaddexp(-x, 0)


def softsign(x: Array) -> Array:
    """x / (1 + abs(x))."""
    return x / (1 + np.abs(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written with tanh, which does not overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


def glu(x: Array) -> Array:
    """One half of the last axis times the sigmoid of the other (Dauphin et al. 2017): (..., 2 n) to (..., n)."""
    if x.shape[-1] % 2:
        raise ValueError(f"glu halves the last axis, the input has shape {x.shape}")
    half = x.shape[-1] // 2
    return x[..., :half] * sigmoid(x[..., half:])


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) over its sum along an axis."""
    e = np.exp(x - stop_gradient(x.max(axis=axis, keepdims=True)))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of the softmax along an axis."""
    shifted = x - stop_gradient(x.max(axis=axis, keepdims=True))
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
