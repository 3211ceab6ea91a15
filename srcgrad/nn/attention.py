"""Attention (Vaswani et al. 2017) over x (batch, time, channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.activations import gelu, softmax
from srcgrad.nn.initialisers import generator
from srcgrad.nn.layers import Dense
from srcgrad.nn.module import Module, static
from srcgrad.nn.normalisation import Dropout, LayerNorm

Array = Any


def attention(queries: Array, keys: Array, values: Array, mask: Array | None = None) -> Array:
    """softmax(queries @ keys.T / sqrt(channels)) @ values, over the last two axes (time, channels).

    mask: numbers that are added to the products, such as those of `causal_mask`.
    """
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.swapaxes(-1, -2)
    if mask is not None:
        scores = scores + mask
    return softmax(scores) @ values


def causal_mask(time: int) -> Array:
    """(time, time): 0 where the step of the row may see that of the column, -1e9 for later ones."""
    return np.triu(np.full((time, time), -1e9, np.float32), 1)


class MultiHeadAttention(Module):
    """Attention of x (batch, time, channels) to itself in several heads, each with its part of the channels.

    causal: a step sees itself and earlier ones only. `project` makes queries, keys and values by one product.
    """

    project: Dense
    output: Dense
    heads: int = static()
    causal: bool = static()

    def __init__(
        self, channels: int, heads: int, *, causal: bool = False, rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if heads < 1 or channels % heads:
            raise ValueError(f"MultiHeadAttention: {channels} channels do not fall into {heads} heads")
        rng = generator(rng)
        self.project = Dense(channels, 3 * channels, rng=rng, dtype=dtype)
        self.output = Dense(channels, channels, rng=rng, dtype=dtype)
        self.heads, self.causal = heads, causal

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3:
            raise ValueError(f"MultiHeadAttention takes (batch, time, channels), the input has shape {x.shape}")
        batch, time, channels = x.shape[0], x.shape[1], x.shape[-1]
        split = self.project(x).reshape(batch, time, 3, self.heads, channels // self.heads)
        queries, keys, values = split.transpose(2, 0, 3, 1, 4)
        mask = causal_mask(time) if self.causal else None
        mixed = attention(queries, keys, values, mask)
        return self.output(mixed.swapaxes(1, 2).reshape(batch, time, channels))


class TransformerBlock(Module):
    """Attention and a network of one hidden layer, each added to its normalised input (Xiong et al. 2020, pre-norm)."""

    norm1: LayerNorm
    attention: MultiHeadAttention
    norm2: LayerNorm
    hidden: Dense
    output: Dense
    dropout: Dropout

    def __init__(
        self, channels: int, heads: int, *, hidden: int | None = None, causal: bool = False, dropout: float = 0.0,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        rng = generator(rng)
        hidden = 4 * channels if hidden is None else hidden
        self.norm1, self.norm2 = LayerNorm(channels, dtype=dtype), LayerNorm(channels, dtype=dtype)
        self.attention = MultiHeadAttention(channels, heads, causal=causal, rng=rng, dtype=dtype)
        self.hidden = Dense(channels, hidden, rng=rng, dtype=dtype)
        self.output = Dense(hidden, channels, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng)

    def __call__(self, x: Array) -> Array:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.output(gelu(self.hidden(self.norm2(x)))))
