"""Recurrent layers over x (batch, time, inputs). Each gives the states of all steps (batch, time, units), and the last.

The inputs of all steps are projected by one matrix product; a step multiplies the state by one matrix for all gates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.activations import sigmoid
from srcgrad.nn.initialisers import generator, glorot_uniform, orthogonal
from srcgrad.nn.module import Module

Array = Any


def lstm_step(projected: Array, h: Array, c: Array, weight_h: Array) -> tuple[Array, Array]:
    """One step of an LSTM (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), for projected inputs.

    projected: (batch, 4 units), in the order input, forget, output, candidate. Gives the new h and c.
    """
    units = weight_h.shape[0]
    z = projected + h @ weight_h
    gates = sigmoid(z[:, : 3 * units])
    candidate = np.tanh(z[:, 3 * units :])
    c = gates[:, units : 2 * units] * c + gates[:, :units] * candidate
    return gates[:, 2 * units :] * np.tanh(c), c


def gru_step(projected: Array, h: Array, weight_h: Array, bias_h: Array) -> Array:
    """One step of a GRU (Cho et al. 2014), with the reset gate behind the product, for projected inputs.

    projected: (batch, 3 units), in the order reset, update, candidate. Gives the new h.
    """
    units = weight_h.shape[0]
    hidden = h @ weight_h + bias_h
    gates = sigmoid(projected[:, : 2 * units] + hidden[:, : 2 * units])
    candidate = np.tanh(projected[:, 2 * units :] + gates[:, :units] * hidden[:, 2 * units :])
    update = gates[:, units:]
    return candidate + update * (h - candidate)


class _Recurrent(Module):
    weight_x: Array
    weight_h: Array
    bias: Array

    gates = 0

    def __init__(
        self, inputs: int, units: int, *, rng: np.random.Generator | int | None = None, dtype: Any = np.float32
    ) -> None:
        rng = generator(rng)
        self.weight_x = glorot_uniform(rng, (inputs, self.gates * units), dtype)
        self.weight_h = np.concatenate([orthogonal(rng, (units, units), dtype) for _ in range(self.gates)], axis=1)
        self.bias = np.zeros(self.gates * units, dtype)


class LSTMCell(_Recurrent):
    """One step: x (batch, inputs), h and c (batch, units) to the new h and c. The forget gate's bias starts at 1.

    weight_x: (inputs, 4 units), weight_h: (units, 4 units), bias: (4 units), for the gates input, forget, output and
    the candidate.
    """

    gates = 4

    def __init__(
        self, inputs: int, units: int, *, rng: np.random.Generator | int | None = None, dtype: Any = np.float32
    ) -> None:
        super().__init__(inputs, units, rng=rng, dtype=dtype)
        self.bias[units : 2 * units] = 1

    def __call__(self, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        check_inputs("LSTMCell", x, self.weight_x, 2)
        return lstm_step(x @ self.weight_x + self.bias, h, c, self.weight_h)


class LSTM(LSTMCell):
    """An LSTM over x (batch, time, inputs), started at zero or at `state = (h, c)`.

    Gives the h of all steps, (batch, time, units), and the last (h, c). Parameters as in LSTMCell.
    """

    def __call__(self, x: Array, state: tuple[Array, Array] | None = None) -> tuple[Array, tuple[Array, Array]]:  # type: ignore[override]
        check_inputs("LSTM", x, self.weight_x, 3)
        projected = x.swapaxes(0, 1) @ self.weight_x + self.bias
        if state is None:
            h = c = np.zeros((x.shape[0], self.weight_h.shape[0]), x.dtype)
        else:
            h, c = state
        hs = []
        for t in range(x.shape[1]):
            h, c = lstm_step(projected[t], h, c, self.weight_h)
            hs.append(h)
        return np.stack(hs, axis=1), (h, c)


class GRUCell(_Recurrent):
    """One step: x (batch, inputs) and h (batch, units) to the new h.

    weight_x: (inputs, 3 units), weight_h: (units, 3 units), bias and bias_h: (3 units), for the gates reset, update
    and the candidate.
    """

    bias_h: Array

    gates = 3

    def __init__(
        self, inputs: int, units: int, *, rng: np.random.Generator | int | None = None, dtype: Any = np.float32
    ) -> None:
        super().__init__(inputs, units, rng=rng, dtype=dtype)
        self.bias_h = np.zeros(3 * units, dtype)

    def __call__(self, x: Array, h: Array) -> Array:
        check_inputs("GRUCell", x, self.weight_x, 2)
        return gru_step(x @ self.weight_x + self.bias, h, self.weight_h, self.bias_h)


class GRU(GRUCell):
    """A GRU over x (batch, time, inputs), started at zero or at `state`: gives the h of all steps, and the last."""

    def __call__(self, x: Array, state: Array | None = None) -> tuple[Array, Array]:
        check_inputs("GRU", x, self.weight_x, 3)
        projected = x.swapaxes(0, 1) @ self.weight_x + self.bias
        h = np.zeros((x.shape[0], self.weight_h.shape[0]), x.dtype) if state is None else state
        hs = []
        for t in range(x.shape[1]):
            h = gru_step(projected[t], h, self.weight_h, self.bias_h)
            hs.append(h)
        return np.stack(hs, axis=1), h


def check_inputs(layer: str, x: Array, weight: Array, axes: int) -> None:
    """Raise ValueError where the inputs are not those that the weights are for."""
    if x.ndim != axes or x.shape[-1] != weight.shape[0]:
        form = "(batch, time, inputs)" if axes == 3 else "(batch, inputs)"
        raise ValueError(f"{layer}: weight_x has shape {weight.shape} and takes {form}, the input has shape {x.shape}")
