"""Learning rates as functions of the number of steps made before: what optimisers take as `rate`."""

from __future__ import annotations

import math
from collections.abc import Callable

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
