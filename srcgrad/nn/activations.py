"""Activations: functions of floats or arrays, element by element, but for the softmax."""

from __future__ import annotations

from typing import Any

Array = Any


def relu(x: Array) -> Array:
    """max(x, 0), with slope 0 at 0. Of -inf it is nan."""
    return x * (x > 0)
