"""Optimisers: each changes the parameters of its model in place, given the model's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError
from srcgrad.nn.module import named_arrays, named_parameters

Array = Any
Rate = float | Callable[[int], float]


class Optimiser:
    """Base: holds the model, the number of steps that were made, and arrays of state for each parameter.

    rate: the learning rate, or a function that gives it for the number of steps made before. Subclasses say in `kept`
    what they hold for each parameter, zeros in the beginning, and give `update`.
    """

    kept: tuple[str, ...] = ()

    def __init__(self, model: Any, rate: Rate) -> None:
        self.model, self.rate = model, rate
        self.steps = 0
        self.held: dict[str, tuple[Array, ...]] = {}

    def step(self, gradient: Any) -> None:
        """One step against the gradient, a container of the model's structure. Frozen parts are left alone.

        Raises ArgumentError for a gradient of another structure or other shapes.
        """
        parameters = named_parameters(self.model, trainable=True)
        derivatives = named_arrays(gradient)
        rate = self.rate(self.steps) if callable(self.rate) else self.rate
        self.steps += 1
        for name, parameter in parameters.items():
            derivative = derivatives.get(name)
            if derivative is None or derivative.shape != parameter.shape:
                has = "nothing" if derivative is None else f"shape {derivative.shape}"
                raise ArgumentError(f"{name} has shape {parameter.shape}, its gradient has {has}.",
                                    "Pass what grad gives for this model.")  # fmt: skip
            if name not in self.held:
                self.held[name] = tuple(np.zeros_like(parameter) for _ in self.kept)
            self.update(parameter, derivative, float(rate), *self.held[name])

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        """Change the parameter, and what is held for it, in place."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """What has to be saved to go on later: a flat dict of arrays."""
        held = {f"{kept}.{name}": array for name, arrays in self.held.items()
                for kept, array in zip(self.kept, arrays, strict=True)}  # fmt: skip
        return {"steps": np.array(self.steps), **held}

    def load_state(self, state: dict[str, Array]) -> None:
        """Go on from what `state` gave. Raises ArgumentError if it does not belong to this model and optimiser."""
        parameters = named_parameters(self.model)
        names = [key.split(".", 1)[1] for key in state if key != "steps" and key.split(".", 1)[0] == self.kept[0]] \
            if self.kept else []  # fmt: skip
        wanted = {f"{kept}.{name}" for name in names for kept in self.kept} | {"steps"}
        if wanted != set(state) or not set(names) <= set(parameters):
            odd = sorted(wanted ^ set(state) | set(names) - set(parameters))
            raise ArgumentError(f"the state does not fit {type(self).__name__} of this model: {', '.join(odd[:5])}.",
                                "Load it into the optimiser and the model that it was saved from.")  # fmt: skip
        for name in names:
            for kept in self.kept:
                if state[f"{kept}.{name}"].shape != parameters[name].shape:
                    raise ArgumentError(f"{kept}.{name} has shape {state[f'{kept}.{name}'].shape}, {name} has "
                                        f"{parameters[name].shape}.", "Load the state of the same model.")  # fmt: skip
        self.steps = int(state["steps"])
        self.held = {name: tuple(np.array(state[f"{kept}.{name}"]) for kept in self.kept) for name in names}


class SGD(Optimiser):
    """`p -= rate * g`; with momentum, `v = momentum * v + g` takes the place of g, with nesterov `g + momentum * v`.

    decay: `decay * p` is added to g.
    """

    def __init__(
        self, model: Any, rate: Rate = 0.01, *, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0
    ) -> None:
        super().__init__(model, rate)
        self.momentum, self.nesterov, self.decay = momentum, nesterov, decay
        self.kept = ("velocity",) if momentum else ()

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        if self.decay:
            derivative = derivative + self.decay * parameter
        if held:
            velocity = held[0]
            velocity *= self.momentum
            velocity += derivative
            derivative = derivative + self.momentum * velocity if self.nesterov else velocity
        parameter -= rate * derivative


class RMSProp(Optimiser):
    """Steps of g over the root of the running mean of g * g (Tieleman and Hinton 2012)."""

    kept = ("second",)

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta: float = 0.9, eps: float = 1e-8, decay: float = 0.0
    ) -> None:
        super().__init__(model, rate)
        self.beta, self.eps, self.decay = beta, eps, decay

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        (second,) = held
        if self.decay:
            derivative = derivative + self.decay * parameter
        _follow(second, derivative * derivative, self.beta)
        root = np.sqrt(second)
        root += self.eps
        np.divide(derivative, root, out=root)
        root *= rate
        parameter -= root


class Adam(Optimiser):
    """Steps of the running mean of g over the root of that of g * g (Kingma and Ba 2015, algorithm 1).

    decay: `decay * p` is added to g.
    """

    kept = ("first", "second")

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
        decay: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(model, rate)
        self.beta1, self.beta2, self.eps, self.decay = beta1, beta2, eps, decay

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        first, second = held
        derivative = self.decayed(parameter, derivative, rate)
        _follow(first, derivative, self.beta1)
        root = derivative * derivative
        _follow(second, root, self.beta2)
        np.sqrt(second, out=root)
        root *= (1 - self.beta2**self.steps) ** -0.5
        root += self.eps
        np.divide(first, root, out=root)
        root *= rate / (1 - self.beta1**self.steps)
        parameter -= root

    def decayed(self, parameter: Array, derivative: Array, rate: float) -> Array:
        """What stands for the derivative."""
        return derivative + self.decay * parameter if self.decay else derivative


class AdamW(Adam):
    """Adam, with `rate * decay * p` taken off p ahead of the step, instead of decay * p in g (Loshchilov and Hutter
    2019)."""

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
        decay: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay)

    def decayed(self, parameter: Array, derivative: Array, rate: float) -> Array:
        parameter *= 1 - rate * self.decay
        return derivative


def _follow(mean: Array, value: Array, beta: float) -> None:
    """mean = beta * mean + (1 - beta) * value, in place."""
    mean *= beta
    mean += (1 - beta) * value


# ---- clipping --------------------------------------------------------------------------------------------------


def clip_by_norm(gradient: Any, most: float) -> float:
    """Scale all arrays of a gradient, in place, so that their common Euclidean norm is at most `most`. Gives the norm
    that it was."""
    arrays = list(named_arrays(gradient).values())
    norm = sum(float(np.vdot(array, array)) for array in arrays) ** 0.5
    if norm > most:
        for array in arrays:
            array *= most / norm
    return norm


def clip_by_value(gradient: Any, most: float) -> None:
    """Clip all numbers in the arrays of a gradient, in place, to between -most and most."""
    for array in named_arrays(gradient).values():
        np.clip(array, -most, most, out=array)
