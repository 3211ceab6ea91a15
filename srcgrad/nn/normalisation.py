"""Normalisation and dropout: layers that work otherwise in training than in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.initialisers import generator
from srcgrad.nn.module import Module, static
from srcgrad.rules.own import rule
from srcgrad.runtime import stop_gradient

Array = Any


def follow(running: Array, value: Array, momentum: float) -> None:
    """Move a running mean towards a value, in place: an effect, which no derivative sees."""
    running += momentum * (value - running)


rule(follow, nondifferentiable=True, example=lambda running, value, momentum: None)


class BatchNorm(Module):
    """Each channel to mean 0 and variance 1 over the batch, then `scale * x + shift` (Ioffe and Szegedy 2015).

    x (..., channels). In training the batch's mean and variance count, and the running ones follow them by `momentum`
    each time the layer is run, also as part of a gradient; in use (`model.eval()`) the running ones count. The running
    variance is the unbiased one, n / (n - 1) times that of the n numbers of the batch.
    """

    scale: Array
    shift: Array
    running_mean: Array = static()
    running_variance: Array = static()
    momentum: float = static()
    eps: float = static()

    def __init__(self, channels: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.scale, self.shift = np.ones(channels, dtype), np.zeros(channels, dtype)
        self.running_mean, self.running_variance = np.zeros(channels, dtype), np.ones(channels, dtype)
        self.momentum, self.eps = momentum, eps

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] != self.scale.shape[0]:
            raise ValueError(f"BatchNorm: scale has shape {self.scale.shape}, the input {x.shape}")
        if self.training:
            over = tuple(range(x.ndim - 1))
            mean = x.mean(axis=over)
            centred = x - mean
            variance = (centred * centred).mean(axis=over)
            follow(self.running_mean, stop_gradient(mean), self.momentum)
            count = x.size // x.shape[-1]
            unbiased = stop_gradient(variance) * (count / max(count - 1, 1))
            follow(self.running_variance, unbiased, self.momentum)
            return centred * (self.scale / np.sqrt(variance + self.eps)) + self.shift
        factor = self.scale / np.sqrt(self.running_variance + self.eps)
        return x * factor + (self.shift - self.running_mean * factor)


class LayerNorm(Module):
    """The last axis to mean 0 and variance 1, then `scale * x + shift` (Ba et al. 2016). x (..., channels)."""

    scale: Array
    shift: Array
    eps: float = static()

    def __init__(self, channels: int, *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.scale, self.shift, self.eps = np.ones(channels, dtype), np.zeros(channels, dtype), eps

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] != self.scale.shape[0]:
            raise ValueError(f"LayerNorm: scale has shape {self.scale.shape}, the input {x.shape}")
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        return centred / np.sqrt(variance + self.eps) * self.scale + self.shift


class RMSNorm(Module):
    """The last axis divided by the root of its mean square, then `scale * x` (Zhang and Sennrich 2019). x (...,
    channels)."""

    scale: Array
    eps: float = static()

    def __init__(self, channels: int, *, eps: float = 1e-6, dtype: Any = np.float32) -> None:
        self.scale, self.eps = np.ones(channels, dtype), eps

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] != self.scale.shape[0]:
            raise ValueError(f"RMSNorm: scale has shape {self.scale.shape}, the input {x.shape}")
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps) * self.scale


class GroupNorm(Module):
    """Each group of channels of each example to mean 0 and variance 1, then `scale * x + shift` (Wu and He 2018).

    x (batch, ..., channels). As many groups as channels make an instance norm; one makes a layer norm over all axes but
    the batch.
    """

    scale: Array
    shift: Array
    groups: int = static()
    eps: float = static()

    def __init__(self, channels: int, groups: int, *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        if groups < 1 or channels % groups:
            raise ValueError(f"GroupNorm: {channels} channels do not fall into {groups} groups")
        self.scale, self.shift = np.ones(channels, dtype), np.zeros(channels, dtype)
        self.groups, self.eps = groups, eps

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] != self.scale.shape[0]:
            raise ValueError(f"GroupNorm: scale has shape {self.scale.shape}, the input {x.shape}")
        grouped = x.reshape(x.shape[0], -1, self.groups, x.shape[-1] // self.groups)
        centred = grouped - grouped.mean(axis=(1, 3), keepdims=True)
        variance = (centred * centred).mean(axis=(1, 3), keepdims=True)
        return (centred / np.sqrt(variance + self.eps)).reshape(x.shape) * self.scale + self.shift


class Dropout(Module):
    """In training, zeros with probability `rate`, and all else divided by 1 - rate; in use nothing.

    whole: drop whole channels of an example, of x (batch, ..., channels), instead of single numbers. rng: a generator
    or a seed; its state goes on with each call.
    """

    rate: float = static()
    rng: np.random.Generator = static()
    whole: bool = static(False)

    def __init__(self, rate: float, *, whole: bool = False, rng: np.random.Generator | int | None = None) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout: rate is {rate}, it has to be at least 0 and less than 1")
        self.rate, self.whole, self.rng = rate, whole, generator(rng)

    def __call__(self, x: Array) -> Array:
        if not self.training or self.rate == 0:
            return x
        shape = (x.shape[0], *[1 for _ in x.shape[1:-1]], x.shape[-1]) if self.whole else x.shape
        kept = self.rng.random(shape, dtype=np.float32) >= self.rate
        return x * (kept / np.asarray(1 - self.rate, x.dtype))
