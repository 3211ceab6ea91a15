"""Optimisers: each changes the parameters of its model in place, given the model's gradient."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError
from srcgrad.nn.module import is_under, named_arrays, named_parameters

Array = Any
Rate = float | Callable[[int], float]
Groups = Mapping[str, Mapping[str, Any]]


class Optimiser:
    """Base: holds the model, the number of steps that were made, and arrays of state for each parameter.

    rate: the learning rate, or a function that gives it for the number of steps made before. groups: other values of
    the optimiser's options, `rate` among them, for parts of the model by dotted name, as in `{"encoder": {"rate":
    1e-4}, "head.bias": {"decay": 0}}`; of two names that hold for a parameter, the later one counts. Subclasses say in
    `kept` what they hold for each parameter, zeros in the beginning, and give `update`.
    """

    kept: tuple[str, ...] = ()

    def __init__(self, model: Any, rate: Rate, groups: Groups | None = None) -> None:
        if not named_parameters(model):
            raise ArgumentError(f"the {type(model).__name__} has no parameters: arrays of floats that are not static.",
                                "Pass a model: a dataclass, dict or list of arrays.")  # fmt: skip
        if not callable(rate) and not (isinstance(rate, numbers.Real) and rate >= 0):
            raise ArgumentError(f"the rate is {rate!r}.", "Give a number that is not negative, or a schedule.")
        self.model, self.rate = model, rate
        self.groups = {} if groups is None else groups
        self.steps = 0
        self.held: dict[str, tuple[Array, ...]] = {}

    def step(self, gradient: Any) -> None:
        """One step against the gradient, a container of the model's structure. Frozen parts are left alone.

        Raises ArgumentError for a gradient of another structure or other shapes.
        """
        parameters = named_parameters(self.model, trainable=True)
        derivatives = named_arrays(gradient)
        variants = self._variants(parameters)
        rates = {id(made): float(made.rate(self.steps) if callable(made.rate) else made.rate)
                 for made in variants.values()}  # fmt: skip
        self.steps += 1
        for made in variants.values():
            made.steps = self.steps
        for name, parameter in parameters.items():
            derivative = derivatives.get(name)
            if derivative is None or derivative.shape != parameter.shape:
                has = "nothing" if derivative is None else f"shape {derivative.shape}"
                both = isinstance(gradient, tuple) and len(gradient) == 2 and np.ndim(gradient[0]) == 0
                remedy = "Of value and gradient pass the second." if both else "Pass what grad gives for this model."
                raise ArgumentError(f"{name} has shape {parameter.shape}, its gradient has {has}.", remedy)
            if name not in self.held:
                self.held[name] = tuple(np.zeros_like(parameter) for _ in self.kept)
            made = variants[name]
            made.update(parameter, derivative, rates[id(made)], *self.held[name])

    def _variants(self, parameters: dict[str, Array]) -> dict[str, Optimiser]:
        """For each parameter this optimiser, or a copy with the options of its group. ArgumentError for a name or an
        option that there is not."""
        found: dict[str, Optimiser] = dict.fromkeys(parameters, self)
        for part, options in self.groups.items():
            own = [name for name in parameters if is_under(name, part)]
            if not any(is_under(name, part) for name in named_parameters(self.model)):
                raise ArgumentError(f"there is no part {part!r} of the model, of which groups speaks.",
                                    f"It has {', '.join(parameters)}.")  # fmt: skip
            for option in options:
                if option not in vars(self) or option in ("model", "groups", "steps", "held", "kept", "_known"):
                    raise ArgumentError(f"{type(self).__name__} has no option {option!r}, of which groups speaks.",
                                        "Give rate, decay, or what it is made with.")  # fmt: skip
                if option in ("momentum", "amsgrad", "centred") and options[option] and not vars(self)[option]:
                    raise ArgumentError(f"{option} of {part!r} needs state that {type(self).__name__} does not keep.",
                                        f"Give {option} to the optimiser, and 0 to other parts.")  # fmt: skip
            copies = {id(found[name]): copy.copy(found[name]) for name in own}
            for name in own:
                found[name] = copies[id(found[name])]
                vars(found[name]).update(options)
        return found

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
        self.held = {name: tuple(state[f"{kept}.{name}"].copy() for kept in self.kept) for name in names}


class SGD(Optimiser):
    """`p -= rate * g`; with momentum, `v = momentum * v + g` takes the place of g, with nesterov `g + momentum * v`.

    decay: `decay * p` is added to g.
    """

    def __init__(
        self, model: Any, rate: Rate = 0.01, *, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, groups)
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
    """Steps of g over the root of the running mean of g * g (Tieleman and Hinton 2012).

    centred: of its running variance. momentum: `v = momentum * v + step` takes the place of a step.
    """

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta: float = 0.9, eps: float = 1e-8, decay: float = 0.0,
        momentum: float = 0.0, centred: bool = False, groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, groups)
        self.beta, self.eps, self.decay, self.momentum, self.centred = beta, eps, decay, momentum, centred
        self.kept = ("second", *(["first"] if centred else []), *(["velocity"] if momentum else []))

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        second = held[0]
        if self.decay:
            derivative = derivative + self.decay * parameter
        _follow(second, derivative * derivative, self.beta)
        if self.centred:
            _follow(held[1], derivative, self.beta)
            root = np.sqrt(np.maximum(second - held[1] * held[1], 0))
        else:
            root = np.sqrt(second)
        root += self.eps
        np.divide(derivative, root, out=root)
        if self.momentum:
            velocity = held[-1]
            velocity *= self.momentum
            velocity += root
            parameter -= rate * velocity
        else:
            root *= rate
            parameter -= root


class Adam(Optimiser):
    """Steps of the running mean of g over the root of that of g * g (Kingma and Ba 2015, algorithm 1).

    decay: `decay * p` is added to g. amsgrad: the largest mean of g * g so far counts (Reddi et al. 2018).
    """

    kept: tuple[str, ...] = ("first", "second")

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
        decay: float = 0.0, amsgrad: bool = False, groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, groups)
        self.beta1, self.beta2, self.eps, self.decay, self.amsgrad = beta1, beta2, eps, decay, amsgrad
        if amsgrad:
            self.kept = ("first", "second", "largest")

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        first, second = held[:2]
        derivative = self.decayed(parameter, derivative, rate)
        _follow(first, derivative, self.beta1)
        root = derivative * derivative
        _follow(second, root, self.beta2)
        np.sqrt(np.maximum(held[2], second, out=held[2]) if self.amsgrad else second, out=root)
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
        decay: float = 0.01, amsgrad: bool = False, groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay, amsgrad=amsgrad, groups=groups)

    def decayed(self, parameter: Array, derivative: Array, rate: float) -> Array:
        parameter *= 1 - rate * self.decay
        return derivative


class _MeansOfAdam(Adam):
    """Another step that is made of Adam's two means, without amsgrad."""

    def __init__(
        self, model: Any, rate: Rate = 1e-3, *, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
        decay: float = 0.0, groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay, groups=groups)

    def means(
        self, parameter: Array, derivative: Array, rate: float, held: tuple[Array, ...]
    ) -> tuple[Array, Array, Array]:
        """What stands for the derivative, and the means of it and of its square with it."""
        first, second = held[:2]
        derivative = self.decayed(parameter, derivative, rate)
        _follow(first, derivative, self.beta1)
        _follow(second, derivative * derivative, self.beta2)
        return derivative, first, second


class NAdam(_MeansOfAdam):
    """Adam with Nesterov's momentum (Dozat 2016): steps of the mean of g as it will be, by the momenta
    `beta1 * (1 - 0.96**(t / 250) / 2)` of this step and the next."""

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        derivative, first, second = self.means(parameter, derivative, rate, held)
        this, later, product = self.momentum(self.steps), self.momentum(self.steps + 1), self.product()
        root = np.sqrt(second / (1 - self.beta2**self.steps))
        root += self.eps
        parameter -= rate * (1 - this) / (1 - product) * (derivative / root)
        parameter -= rate * later / (1 - product * later) * (first / root)

    def momentum(self, step: int) -> float:
        """The momentum of a step, counted from 1."""
        return self.beta1 * (1 - 0.5 * 0.96 ** (step / 250))

    def product(self) -> float:
        """The product of the momenta so far, which goes on from the last step's, and needs no state that is saved."""
        at, product = self._known
        if at > self.steps:
            at, product = 0, 1.0
        for step in range(at + 1, self.steps + 1):
            product *= self.momentum(step)
        self._known = self.steps, product
        return product

    _known = (0, 1.0)


class RAdam(_MeansOfAdam):
    """Adam whose steps are the mean of g alone until the variance of their scale is known (Liu et al. 2020)."""

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        _, first, second = self.means(parameter, derivative, rate, held)
        mean = first / (1 - self.beta1**self.steps)
        most = 2 / (1 - self.beta2) - 1
        power = self.beta2**self.steps
        length = most - 2 * self.steps * power / (1 - power)
        if length <= 5:
            parameter -= rate * mean
            return
        known = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        parameter -= rate * (known * (1 - power)) ** 0.5 * (mean / (np.sqrt(second) + self.eps))


class Adagrad(Optimiser):
    """Steps of g over the root of the sum of all g * g so far (Duchi et al. 2011). decay: `decay * p` is added to g."""

    kept = ("second",)

    def __init__(
        self, model: Any, rate: Rate = 0.01, *, eps: float = 1e-10, decay: float = 0.0, groups: Groups | None = None
    ) -> None:
        super().__init__(model, rate, groups)
        self.eps, self.decay = eps, decay

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        if self.decay:
            derivative = derivative + self.decay * parameter
        held[0][...] += derivative * derivative
        parameter -= rate * (derivative / (np.sqrt(held[0]) + self.eps))


class Adadelta(Optimiser):
    """Steps of g times the root of the running mean of squared steps over that of g * g (Zeiler 2012). decay: `decay *
    p` is added to g."""

    kept = ("second", "moved")

    def __init__(
        self, model: Any, rate: Rate = 1.0, *, beta: float = 0.9, eps: float = 1e-6, decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, groups)
        self.beta, self.eps, self.decay = beta, eps, decay

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        second, moved = held
        if self.decay:
            derivative = derivative + self.decay * parameter
        _follow(second, derivative * derivative, self.beta)
        step = np.sqrt((moved + self.eps) / (second + self.eps)) * derivative
        _follow(moved, step * step, self.beta)
        parameter -= rate * step


class Lion(Optimiser):
    """Steps of the sign of a mean of g (Chen et al. 2023), with `rate * decay * p` taken off p ahead of the step."""

    kept = ("first",)

    def __init__(
        self, model: Any, rate: Rate = 1e-4, *, beta1: float = 0.9, beta2: float = 0.99, decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, groups)
        self.beta1, self.beta2, self.decay = beta1, beta2, decay

    def update(self, parameter: Array, derivative: Array, rate: float, *held: Array) -> None:
        (first,) = held
        parameter *= 1 - rate * self.decay
        parameter -= rate * np.sign(self.beta1 * first + (1 - self.beta1) * derivative)
        _follow(first, derivative, self.beta2)


def _follow(mean: Array, value: Array, beta: float) -> None:
    """mean = beta * mean + (1 - beta) * value, in place."""
    mean *= beta
    mean += (1 - beta) * value
