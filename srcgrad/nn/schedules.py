"""Learning rates as functions of the number of steps made before: what optimisers take as `rate`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]


def step_decay(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """The rate, times `factor` after each `every` steps."""
    return lambda step: rate * factor ** (step // every)


def cosine(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """From the rate to `final` along half a cosine in so many steps, and `final` from then on (Loshchilov and Hutter
    2017)."""
    return lambda step: final + 0.5 * (rate - final) * (1 + math.cos(math.pi * min(step / steps, 1)))


def warm_up(steps: int, then: float | Schedule) -> Schedule:
    """Up from 0 in a straight line in so many steps, then a rate or another schedule, which starts at its step 0."""
    after = then if callable(then) else lambda step: then
    return lambda step: after(0) * (step + 1) / steps if step < steps else after(step - steps)


def multi_step(rate: float, steps: Sequence[int], factor: float = 0.1) -> Schedule:
    """The rate, times `factor` from each of these steps on."""
    return lambda step: rate * factor ** sum(step >= at for at in steps)


def exponential(rate: float, factor: float) -> Schedule:
    """The rate, times `factor` after each step."""
    return lambda step: rate * factor**step


def linear(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """From the rate to `final` in a straight line in so many steps, and `final` from then on."""
    return polynomial(rate, steps, 1.0, final)


def polynomial(rate: float, steps: int, power: float, final: float = 0.0) -> Schedule:
    """From the rate to `final` by the power of what is left of so many steps, and `final` from then on."""
    return lambda step: final + (rate - final) * (1 - min(step / steps, 1)) ** power


def cosine_restarts(rate: float, steps: int, growth: int = 1, final: float = 0.0) -> Schedule:
    """`cosine` over and over, each time `growth` times as long as before (Loshchilov and Hutter 2017)."""

    def at(step: int) -> float:
        length = steps
        while step >= length:
            step, length = step - length, length * growth
        return cosine(rate, length, final)(step)

    return at


def one_cycle(rate: float, steps: int, rise: float = 0.3, start: float = 0.04, final: float = 4e-6) -> Schedule:
    """From `start * rate` up to the rate along half a cosine in the first part of so many steps, `rise` of them, and
    down to `final * rate` along another in the rest (Smith and Topin 2018)."""
    top = rise * steps - 1
    up, down = cosine(start * rate, 1, rate), cosine(rate, 1, final * rate)

    def at(step: int) -> float:
        return up(step / top) if step <= top else down((step - top) / (steps - 1 - top))  # type: ignore[arg-type]

    return at
