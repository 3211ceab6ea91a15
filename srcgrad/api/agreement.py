"""How far two computations of one derivative may differ by rounding alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def noise_cap(scale: float, eps: float) -> float:
    """The most that a measured noise may excuse: what a wrong derivative does must not pass as noise."""
    return max(1e-3 * abs(scale), 0.1 * float(np.sqrt(eps)))


def allowance(
    scale: float, magnitude: float, eps: float, noise: Callable[[], float] | None = None, gap: float = np.inf
) -> float:
    """The gap between the modes that rounding explains.

    scale: the sum of the magnitudes of what is summed to each number; magnitude: that of the function's value; eps: the
    relative error of one number, 2.2e-16 in double precision. noise: measures how much rounding there is, as the
    distance of the derivative from a linear map; it is asked only if the gap is too large otherwise.
    """
    allowed = float(eps**0.45) * scale + 1e3 * eps * magnitude
    if gap <= allowed or noise is None:
        return allowed
    return allowed + min(30 * noise(), noise_cap(scale, eps))
