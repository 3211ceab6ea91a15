"""Random starting values of weights. Each takes a generator, a shape and a dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input: for weights (..., inputs, outputs)."""
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""
    bound = math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape).astype(dtype)


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Normal with variance 2 / inputs, for relu (He et al. 2015)."""
    return (rng.standard_normal(shape) * math.sqrt(2 / fans(shape)[0])).astype(dtype)


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator itself, or one with this seed."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
