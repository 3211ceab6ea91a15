"""Recurrent layers over x (batch, time, inputs). Each gives the h of all steps, (batch, time, units), and its last
state.

The inputs of all steps are projected by one matrix product; a step multiplies the state by one matrix for all gates.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from srcgrad.nn.activations import relu, sigmoid
from srcgrad.nn.initialisers import generator, glorot_uniform, orthogonal
from srcgrad.nn.module import Module, static
from srcgrad.nn.normalisation import Dropout

Array = Any
State = tuple[Array, ...]


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


class _Cell(Module):
    """Weights of one layer in one direction. state: h, and whatever else a step hands on, each (batch, units)."""

    weight_x: Array
    weight_h: Array
    bias: Array

    gates: ClassVar[int] = 0
    states: ClassVar[int] = 1

    def __init__(
        self, inputs: int, units: int, *, rng: np.random.Generator | int | None = None, dtype: Any = np.float32
    ) -> None:
        rng = generator(rng)
        self.weight_x = glorot_uniform(rng, (inputs, self.gates * units), dtype)
        self.weight_h = np.concatenate([orthogonal(rng, (units, units), dtype) for _ in range(self.gates)], axis=1)
        self.bias = np.zeros(self.gates * units, dtype)

    def step(self, projected: Array, state: State) -> State:
        """The new state, for inputs that have been multiplied by weight_x."""
        raise NotImplementedError


class RNNCell(_Cell):
    """One step: x (batch, inputs) and h (batch, units) to the new h, tanh(x @ weight_x + h @ weight_h + bias).

    activation: "tanh" or "relu". weight_x: (inputs, units), weight_h: (units, units), bias: (units).
    """

    activation: str = static("tanh")

    gates = 1

    def __init__(
        self, inputs: int, units: int, *, activation: str = "tanh", rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if activation not in ("tanh", "relu"):
            raise ValueError(f'RNN: activation is {activation!r}, it has to be "tanh" or "relu"')
        super().__init__(inputs, units, rng=rng, dtype=dtype)
        self.activation = activation

    def __call__(self, x: Array, h: Array) -> Array:
        check_inputs("RNNCell", x, self.weight_x, 2)
        return self.step(x @ self.weight_x + self.bias, (h,))[0]

    def step(self, projected: Array, state: State) -> State:
        z = projected + state[0] @ self.weight_h
        return (np.tanh(z) if self.activation == "tanh" else relu(z),)


class LSTMCell(_Cell):
    """One step: x (batch, inputs), h and c (batch, units) to the new h and c. The forget gate's bias starts at 1.

    weight_x: (inputs, 4 units), weight_h: (units, 4 units), bias: (4 units), for the gates input, forget, output and
    the candidate.
    """

    gates = 4
    states = 2

    def __init__(
        self, inputs: int, units: int, *, rng: np.random.Generator | int | None = None, dtype: Any = np.float32
    ) -> None:
        super().__init__(inputs, units, rng=rng, dtype=dtype)
        self.bias[units : 2 * units] = 1

    def __call__(self, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        check_inputs("LSTMCell", x, self.weight_x, 2)
        return lstm_step(x @ self.weight_x + self.bias, h, c, self.weight_h)

    def step(self, projected: Array, state: State) -> State:
        return lstm_step(projected, state[0], state[1], self.weight_h)


class GRUCell(_Cell):
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

    def step(self, projected: Array, state: State) -> State:
        return (gru_step(projected, state[0], self.weight_h, self.bias_h),)


# ---- sequences -------------------------------------------------------------------------------------------------


class _Layers(Module):
    """Cells over sequences: `further` holds those of the backward direction and of the layers above, in the order
    layer 0 forward (the layer itself), layer 0 backward, layer 1 forward, ..."""

    further: list[Any]
    dropout: Dropout
    bidirectional: bool = static()

    def stack(
        self, cell: Any, inputs: int, units: int, layers: int, bidirectional: bool, dropout: float,
        rng: np.random.Generator, dtype: Any, **options: Any,
    ) -> None:  # fmt: skip
        """Make the further cells."""
        if layers < 1:
            raise ValueError(f"{type(self).__name__}: layers is {layers}, it has to be positive")
        ways = 2 if bidirectional else 1
        made = [cell(inputs if k < ways else ways * units, units, rng=rng, dtype=dtype, **options)
                for k in range(1, layers * ways)]  # fmt: skip
        self.further, self.bidirectional, self.dropout = made, bidirectional, Dropout(dropout, rng=rng)

    def run(self, x: Array, states: list[State] | None, lengths: Array | None) -> tuple[Array, list[State]]:
        """The h of the last layer at all steps, and the last state of each cell."""
        name, ways, count = type(self).__name__, 2 if self.bidirectional else 1, len(self.further) + 1
        check_inputs(name, x, self.weight_x, 3)  # type: ignore[attr-defined]
        if x.shape[1] == 0:
            raise ValueError(f"{name}: there are no steps, the input has shape {x.shape}")
        if states is not None and len(states) != count:
            raise ValueError(f"{name}: there are {count} cells and {len(states)} states")
        if lengths is not None and lengths.shape != x.shape[:1]:
            raise ValueError(f"{name}: the lengths have shape {lengths.shape}, the input {x.shape}")
        inside = None if lengths is None else np.arange(x.shape[1])[:, None] < lengths
        found = []
        for k, cell in enumerate((self, *self.further)):
            zero = np.zeros_like(x, shape=(x.shape[0], cell.weight_h.shape[0]))
            y, last = over(cell, x, (zero, zero)[: cell.states] if states is None else states[k], inside, k % ways == 1)
            found.append(last)
            if ways == 1:
                above = y
            elif k % 2 == 0:
                forward = y
            else:
                above = np.concatenate((forward, y), axis=-1)
            if (k + 1) % ways == 0:
                x = above if k == count - 1 else self.dropout(above)
        return x, found


def over(cell: Any, x: Array, state: State, inside: Array | None, backward: bool) -> tuple[Array, State]:
    """A cell over x (batch, time, inputs): the h of all steps, and the last state. inside: (time, batch), whether a
    step is one of the sequence's: others leave the state as it is, and give 0."""
    if backward:
        x = x[:, ::-1]
        inside = None if inside is None else inside[::-1]
    projected = x.swapaxes(0, 1) @ cell.weight_x + cell.bias
    hs = []
    for t in range(x.shape[1]):
        if inside is None:
            state = cell.step(projected[t], state)
            hs.append(state[0])
        else:
            here, new = inside[t][:, None], cell.step(projected[t], state)
            state = tuple([np.where(here, a, b) for a, b in zip(new, state, strict=True)])
            hs.append(np.where(here, state[0], 0))
    y = np.stack(hs, axis=1)
    if backward:
        return y[:, ::-1], state
    return y, state


class RNN(_Layers, RNNCell):
    """An Elman network over x (batch, time, inputs). Arguments, states and results as of `GRU`, activation as of
    `RNNCell`."""

    def __init__(
        self, inputs: int, units: int, *, layers: int = 1, bidirectional: bool = False, dropout: float = 0.0,
        activation: str = "tanh", rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        rng = generator(rng)
        RNNCell.__init__(self, inputs, units, activation=activation, rng=rng, dtype=dtype)
        self.stack(RNNCell, inputs, units, layers, bidirectional, dropout, rng, dtype, activation=activation)

    def __call__(self, x: Array, state: Any = None, *, lengths: Array | None = None) -> tuple[Array, Any]:
        many = len(self.further) > 0
        states = None if state is None else [(h,) for h in state] if many else [(state,)]
        y, found = self.run(x, states, lengths)
        return y, [last[0] for last in found] if many else found[0][0]


class LSTM(_Layers, LSTMCell):
    """An LSTM over x (batch, time, inputs), started at zero or at `state = (h, c)`.

    Gives the h of all steps, (batch, time, units), and the last (h, c). Parameters as in LSTMCell. layers: each but the
    first is over the h of the one below, between them `dropout`. bidirectional: each layer has a second cell that runs
    backwards, and gives the h of both, (batch, time, 2 units). Where there are several cells, a list has the state of
    each: layer 0 forward, layer 0 backward, layer 1 forward, ... lengths: ints (batch), how many steps each sequence
    has; behind them the result is 0, and the last state is that of the last step within.
    """

    def __init__(
        self, inputs: int, units: int, *, layers: int = 1, bidirectional: bool = False, dropout: float = 0.0,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        rng = generator(rng)
        LSTMCell.__init__(self, inputs, units, rng=rng, dtype=dtype)
        self.stack(LSTMCell, inputs, units, layers, bidirectional, dropout, rng, dtype)

    def __call__(self, x: Array, state: Any = None, *, lengths: Array | None = None) -> tuple[Array, Any]:  # type: ignore[override]
        many = len(self.further) > 0
        states = None if state is None else list(state) if many else [state]
        y, found = self.run(x, states, lengths)
        return y, found if many else found[0]


class GRU(_Layers, GRUCell):
    """A GRU over x (batch, time, inputs), started at zero or at `state`: gives the h of all steps, and the last. The
    arguments are those of LSTM; a state is one array."""

    def __init__(
        self, inputs: int, units: int, *, layers: int = 1, bidirectional: bool = False, dropout: float = 0.0,
        rng: np.random.Generator | int | None = None, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        rng = generator(rng)
        GRUCell.__init__(self, inputs, units, rng=rng, dtype=dtype)
        self.stack(GRUCell, inputs, units, layers, bidirectional, dropout, rng, dtype)

    def __call__(self, x: Array, state: Any = None, *, lengths: Array | None = None) -> tuple[Array, Any]:
        many = len(self.further) > 0
        states = None if state is None else [(h,) for h in state] if many else [(state,)]
        y, found = self.run(x, states, lengths)
        return y, [last[0] for last in found] if many else found[0][0]


def check_inputs(layer: str, x: Array, weight: Array, axes: int) -> None:
    """Raise ValueError where the inputs are not those that the weights are for."""
    if x.ndim != axes or x.shape[-1] != weight.shape[0]:
        form = "(batch, time, inputs)" if axes == 3 else "(batch, inputs)"
        raise ValueError(f"{layer}: weight_x has shape {weight.shape} and takes {form}, the input has shape {x.shape}")
