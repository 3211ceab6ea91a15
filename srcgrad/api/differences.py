"""Difference quotients that know how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
COARSE_STEPS = (3e-2, 1e-2, 1e-3)  # for functions that compute in single precision whatever they are given


@dataclass(frozen=True)
class Quotient:
    """A central difference quotient, extrapolated from two steps.

    uncertainty: the difference of the two; rounding: what rounding in the function may have added; step: the larger.
    """

    value: float
    uncertainty: float
    rounding: float
    step: float

    def margin(self, number: float, rtol: float) -> float:
        """The distance that is allowed. That of a quotient at a kink stays small: it must not pass anything."""
        scale = max(abs(number), abs(self.value))
        return rtol * scale + self.rounding + min(4 * self.uncertainty, max(1e-3 * scale, 1e-9))


def quotients(f: Callable[[float], float], magnitude: float, eps: float, steps: tuple[float, ...]
              ) -> Iterator[Quotient]:  # fmt: skip
    """Quotients of f at 0 by ever smaller steps; those where f is not finite are left out.

    magnitude: the size of what f sums up; eps: the relative error of one number.
    """
    for h in steps:
        up, down, half_up, half_down = f(h), f(-h), f(h / 2), f(-h / 2)
        coarse, fine = (up - down) / (2 * h), (half_up - half_down) / h
        if np.isfinite(coarse) and np.isfinite(fine):
            yield Quotient((4 * fine - coarse) / 3, abs(fine - coarse), 100 * eps * magnitude / h, h)


def roughness(f: Callable[[float], float], magnitude: float, eps: float = 2.2e-16, unit: float = 1.0) -> str:
    """Why f looks as if it had no derivative at 0: a phrase, empty if it looks smooth.

    The slopes to the left and to the right of a smooth function approach each other as the step shrinks; those at a
    kink keep their distance, those at a jump grow. unit: what slopes are divided by in the phrase.
    """
    middle = f(0.0)
    if not np.isfinite(middle):
        return f"its value is {middle} there"
    found = []
    for h in (1e-4, 1e-6):
        right, left = (f(h) - middle) / h, (middle - f(-h)) / h
        if not np.isfinite(right) or not np.isfinite(left):
            side = "one side" if np.isfinite(right) or np.isfinite(left) else "both sides"
            if h == 1e-6:
                return f"it is not finite on {side} of it"
            continue
        found.append((left, right))
    (left, right), noise = found[-1], 100 * eps * magnitude / 1e-6
    steep = max(abs(left), abs(right))
    if len(found) < 2 or steep <= noise:
        return ""
    before = max(map(abs, found[0]))
    if steep > 5 * before and steep - before > noise:
        return f"its slope grows without bound as the step shrinks, to {steep / abs(unit):.3g} at the step 1e-6"
    if abs(right - left) > max(noise, 1e-4 * steep, 0.5 * abs(found[0][1] - found[0][0])):
        left, right = (left, right) if unit > 0 else (right, left)
        return f"the slopes to the left and to the right of it are {left / unit:.6g} and {right / unit:.6g}"
    return ""
