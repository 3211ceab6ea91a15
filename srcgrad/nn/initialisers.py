"""Random starting values of weights. Each takes a generator, a shape (..., inputs, outputs) and a dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any
Shape = tuple[int, ...]


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator itself, or one with this seed."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)


def fans(shape: Shape) -> tuple[int, int]:
    """How many numbers each output is made of, and how many outputs each input goes into; leading axes are windows."""
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
        raise ValueError(f"weights cannot have the shape {shape}: inputs, outputs and windows are ints, not negative")
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def glorot_uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float32) -> Array:
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""
    return _uniform(rng, shape, 2 / sum(fans(shape)), dtype)


def glorot_normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float32) -> Array:
    """Normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""
    return _normal(rng, shape, 2 / sum(fans(shape)), dtype)


def he_uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float32) -> Array:
    """Uniform with variance 2 / inputs, for relu (He et al. 2015)."""
    return _uniform(rng, shape, 2 / fans(shape)[0], dtype)


def he_normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float32) -> Array:
    """Normal with variance 2 / inputs, for relu (He et al. 2015)."""
    return _normal(rng, shape, 2 / fans(shape)[0], dtype)


def orthogonal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float32) -> Array:
    """A matrix (inputs, outputs), leading axes folded into inputs, with orthonormal columns or rows (Saxe et al.
    2014)."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # as many of either sign: else it is not uniform over orthogonal matrices
    return (q if rows >= columns else q.T).reshape(shape).astype(dtype)


def _uniform(rng: np.random.Generator, shape: Shape, variance: float, dtype: Any) -> Array:
    bound = math.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape).astype(dtype)


def _normal(rng: np.random.Generator, shape: Shape, variance: float, dtype: Any) -> Array:
    return (math.sqrt(variance) * rng.standard_normal(shape)).astype(dtype)
