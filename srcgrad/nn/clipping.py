"""Gradients that are changed ahead of a step, in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.module import named_arrays


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


def add_gradient(total: Any, gradient: Any) -> Any:
    """Add a gradient to the sum of others, in place, and return that: of a batch that is taken in parts. None for the
    sum of none.

        total = None
        for x, y in parts:
            total = nn.add_gradient(total, gradient(model, x, y))
        optimiser.step(total)
    """
    if total is None:
        return gradient
    arrays = named_arrays(total)
    for name, array in named_arrays(gradient).items():
        arrays[name] += array
    return total
