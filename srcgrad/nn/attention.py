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


def attention(
    queries: Array, keys: Array, values: Array, mask: Array | None = None, dropout: Dropout | None = None
) -> Array:
    """softmax(queries @ keys.T / sqrt(channels)) @ values, over the last two axes (time, channels).

    mask: bools, True where a step of the queries may see one of the keys, or numbers that are added to the products,
    such as those of `causal_mask`. dropout: of what the softmax gives.
    """
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -1e9) if mask.dtype == bool else scores + mask
    weights = softmax(scores)
    return (weights if dropout is None else dropout(weights)) @ values


def causal_mask(time: int) -> Array:
    """(time, time): 0 where the step of the row may see that of the column, -1e9 for later ones."""
    return np.triu(np.full((time, time), -1e9, np.float32), 1)


def positions(time: int, channels: int, dtype: Any = np.float32) -> Array:
    """Sines and cosines of the steps, to be added to what a network is told of them: (time, channels) (Vaswani et al.
    2017)."""
    at = np.arange(time)[:, None] / 10000.0 ** (np.arange(0, channels, 2) / channels)
    made = np.stack((np.sin(at), np.cos(at)), axis=-1).reshape(time, -1)
    return made[:, :channels].astype(dtype)


class MultiHeadAttention(Module):
    """Attention of x (batch, time, channels) to itself in several heads, each with its part of the channels.

    causal: a step sees itself and earlier ones only. `project` makes queries, keys and values by one product. Called
    with `memory` (batch, time', channels), x attends to that instead. mask: as of `attention`, (time, time') or (batch,
    time or 1, time'): `(np.arange(time) < lengths[:, None])[:, None]` leaves out what pads sequences.
    """

    project: Dense
    output: Dense
    heads: int = static()
    causal: bool = static()
    dropout: Dropout | None = None

    def __init__(
        self, channels: int, heads: int, *, causal: bool = False, dropout: float = 0.0,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if heads < 1 or channels % heads:
            raise ValueError(f"MultiHeadAttention: {channels} channels do not fall into {heads} heads")
        rng = generator(rng)
        self.project = Dense(channels, 3 * channels, rng=rng, dtype=dtype)
        self.output = Dense(channels, channels, rng=rng, dtype=dtype)
        self.heads, self.causal = heads, causal
        self.dropout = Dropout(dropout, rng=rng) if dropout else None

    def __call__(self, x: Array, memory: Array | None = None, mask: Array | None = None) -> Array:
        if x.ndim != 3:
            raise ValueError(f"MultiHeadAttention takes (batch, time, channels), the input has shape {x.shape}")
        batch, time, channels = x.shape[0], x.shape[1], x.shape[-1]
        if memory is None:
            split = self.project(x).reshape(batch, time, 3, self.heads, channels // self.heads)
            queries, keys, values = split.transpose(2, 0, 3, 1, 4)
        else:
            if memory.ndim != 3 or memory.shape[-1] != channels or memory.shape[0] != batch:
                raise ValueError(f"MultiHeadAttention: the input has shape {x.shape}, the memory {memory.shape}")
            if self.causal:
                raise ValueError("MultiHeadAttention: attention to a memory is not causal")
            weight, seen = self.project.weight, memory.shape[1]
            bias: Array = self.project.bias
            queries = (x @ weight[:, :channels] + bias[:channels]).reshape(batch, time, self.heads, -1).swapaxes(1, 2)
            pair = (memory @ weight[:, channels:] + bias[channels:]).reshape(batch, seen, 2, self.heads, -1)
            keys, values = pair.transpose(2, 0, 3, 1, 4)
        if mask is not None:
            mask = mask if mask.ndim == 2 else mask[:, None]
        if self.causal:
            later = causal_mask(time)
            mask = later if mask is None else mask & (later == 0) if mask.dtype == bool else mask + later
        mixed = attention(queries, keys, values, mask, self.dropout)
        return self.output(mixed.swapaxes(1, 2).reshape(batch, time, channels))


class TransformerBlock(Module):
    """Attention and a network of one hidden layer, each added to its input: `x + part(norm(x))` (Xiong et al. 2020), or
    with post=True `norm(x + part(x))`, as in Vaswani et al. 2017.

    memory: whether there is a second attention between the two, to what the block is called with as `memory`, as in a
    decoder. `mask` is that of the attention to x itself, `memory_mask` that to the memory.
    """

    norm1: LayerNorm
    attention: MultiHeadAttention
    norm2: LayerNorm
    hidden: Dense
    output: Dense
    dropout: Dropout
    activation: Any
    post: bool = static(False)
    norm3: LayerNorm | None = None
    to_memory: MultiHeadAttention | None = None

    def __init__(
        self, channels: int, heads: int, *, hidden: int | None = None, causal: bool = False, dropout: float = 0.0,
        activation: Any = gelu, post: bool = False, memory: bool = False,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        rng = generator(rng)
        hidden = 4 * channels if hidden is None else hidden
        self.norm1, self.norm2 = LayerNorm(channels, dtype=dtype), LayerNorm(channels, dtype=dtype)
        self.attention = MultiHeadAttention(channels, heads, causal=causal, dropout=dropout, rng=rng, dtype=dtype)
        self.hidden = Dense(channels, hidden, rng=rng, dtype=dtype)
        self.output = Dense(hidden, channels, rng=rng, dtype=dtype)
        self.dropout, self.activation, self.post = Dropout(dropout, rng=rng), activation, post
        self.norm3 = LayerNorm(channels, dtype=dtype) if memory else None
        self.to_memory = MultiHeadAttention(channels, heads, dropout=dropout, rng=rng, dtype=dtype) if memory else None

    def __call__(
        self, x: Array, memory: Array | None = None, mask: Array | None = None, memory_mask: Array | None = None
    ) -> Array:
        if (memory is None) != (self.to_memory is None):
            raise ValueError("TransformerBlock: what is made with memory=True is called with a memory, and no other")
        if self.post:
            x = self.norm1(x + self.dropout(self.attention(x, None, mask)))
            if self.to_memory is not None:
                x = self.norm3(x + self.dropout(self.to_memory(x, memory, memory_mask)))  # type: ignore[misc]
            return self.norm2(x + self.dropout(self.output(self.dropout(self.activation(self.hidden(x))))))
        x = x + self.dropout(self.attention(self.norm1(x), None, mask))
        if self.to_memory is not None:
            x = x + self.dropout(self.to_memory(self.norm3(x), memory, memory_mask))  # type: ignore[misc]
        return x + self.dropout(self.output(self.dropout(self.activation(self.hidden(self.norm2(x))))))
