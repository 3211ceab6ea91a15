"""Dense layers, embeddings, and layers that are made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.nn.initialisers import generator, glorot_uniform
from srcgrad.nn.module import Module, static

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


class Embedding(Module):
    """A row of `weight` for each index: ints (...) to (..., outputs). weight: (entries, outputs).

    padding: an index that stands for nothing: it gives zeros, and its row is not trained.
    """

    weight: Array
    padding: int | None = static(None)

    def __init__(
        self, entries: int, outputs: int, *, padding: int | None = None,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if padding is not None and not 0 <= padding < entries:
            raise ValueError(f"Embedding: padding is {padding}, there are {entries} rows")
        self.weight = generator(rng).standard_normal((entries, outputs)).astype(dtype)
        self.padding = padding

    def __call__(self, indices: Array) -> Array:
        if indices.dtype.kind not in "iu":
            raise ValueError(f"Embedding: the indices are {indices.dtype}, they have to be integers")
        if indices.size and (indices.min() < 0 or indices.max() >= self.weight.shape[0]):
            raise ValueError(f"Embedding: weight has {self.weight.shape[0]} rows, "
                             f"the indices go from {indices.min()} to {indices.max()}")  # fmt: skip
        rows = self.weight[indices]
        return rows if self.padding is None else rows * (indices != self.padding)[..., None]


class Sequential(Module):
    """Layers and functions, one after the other."""

    layers: list[Any]

    def __init__(self, *layers: Any) -> None:
        for layer in layers:
            if not callable(layer):
                raise ValueError(f"Sequential takes layers, one by one, and is given a {type(layer).__name__}")
        self.layers = list(layers)

    def __call__(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer(x)
        return x


class Residual(Module):
    """`activation(layer(x) + shortcut(x))`; without them x itself, and no activation."""

    layer: Any
    shortcut: Any
    activation: Any

    def __init__(self, layer: Any, *, shortcut: Any = None, activation: Any = None) -> None:
        self.layer, self.shortcut, self.activation = layer, shortcut, activation

    def __call__(self, x: Array) -> Array:
        y = self.layer(x) + (x if self.shortcut is None else self.shortcut(x))
        return y if self.activation is None else self.activation(y)


def flatten(x: Array) -> Array:
    """All axes but the first as one: x (batch, ...) to (batch, numbers)."""
    return x.reshape(x.shape[0], -1)
