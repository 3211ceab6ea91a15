"""Dense layers, and layers that are made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.nn.initialisers import generator, glorot_uniform
from srcgrad.nn.module import Module

Array = Any


class Dense(Module):
    """`x @ weight + bias` along the last axis: x (..., inputs) to (..., outputs)."""

    weight: Array
    bias: Array | None

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = True, init: Callable[..., Array] = glorot_uniform,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.weight = init(generator(rng), (inputs, outputs), dtype)
        self.bias = np.zeros(outputs, dtype) if bias else None

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] != self.weight.shape[0]:
            raise ValueError(f"Dense: weight has shape {self.weight.shape}, the input {x.shape}")
        return x @ self.weight if self.bias is None else x @ self.weight + self.bias


class Sequential(Module):
    """Layers and functions, one after the other."""

    layers: list[Any]

    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)

    def __call__(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer(x)
        return x
