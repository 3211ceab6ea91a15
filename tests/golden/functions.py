"""Functions whose generated gradients are kept as golden files, beside those of the gallery."""

from __future__ import annotations

import math

import numpy as np


def polynomial(x):
    return 3 * x**3 - x / 2 + 1


def scalar_math(x, y):
    return math.exp(x) * math.sin(y) + math.sqrt(x * y)


def softplus_sum(x, w, b):
    z = x @ w + b
    return np.sum(np.where(z > 0, z + np.log1p(np.exp(-np.abs(z))), np.log1p(np.exp(-np.abs(z)))))


def double_buffer(u, v, steps):
    for _ in range(steps):
        v[1:-1] = 0.5 * (u[:-2] + u[2:])
        u, v = v, u
    return np.sum(u * u)


def power(t, n):
    if n == 0:
        return 1.0
    return t * power(t, n - 1)


def nested_containers(model, x):
    hidden = x
    for layer in model["layers"]:
        hidden = np.tanh(hidden @ layer["w"] + layer["b"])
    return np.mean(hidden) * model["scale"]


def masked(x):
    y = x * x
    y[x < 0] *= 0.1
    return np.sum(y)


def inputs() -> dict:
    """Example arguments, which fix the kinds."""
    rng = np.random.default_rng(0)
    layers = [{"w": rng.random((3, 3)), "b": rng.random(3)} for _ in range(2)]
    return {
        polynomial: (0.5,),
        scalar_math: (0.5, 0.3),
        softplus_sum: (rng.random((4, 3)), rng.random((3, 2)), rng.random(2)),
        double_buffer: (rng.random(6), rng.random(6), 3),
        power: (0.5, 3),
        nested_containers: ({"layers": layers, "scale": 2.0}, rng.random((4, 3))),
        masked: (rng.random(4) - 0.5,),
    }
