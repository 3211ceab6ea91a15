"""Derivatives of callables of which nothing is known, by central differences, and what has no derivative by decree."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def stop_gradient(x):
    """x itself, whose derivative is taken to be zero. x: a float, an array, or a container of them."""
    return x


def numerical_vjp(f, v, k, *args, eps=None):
    """The adjoint of the k-th argument of f(*args), by central differences, from the adjoint v of the result.

    eps: the step; None: the cube root of the dtype's precision, times the entry's size where that is over 1.
    """
    x = args[k]
    if not isinstance(x, np.ndarray):
        step = type(x)(usual_step(x) * max(1.0, abs(x)) if eps is None else eps)
        up, down = x + step, x - step
        change = np.subtract(f(*args[:k], up, *args[k + 1 :]), f(*args[:k], down, *args[k + 1 :]))
        return np.asarray(np.sum(v * change) / (up - down), getattr(x, "dtype", np.float64))[()]
    steps = usual_step(x) * np.maximum(1.0, np.abs(x)) if eps is None else np.full_like(x, eps)
    result = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        up, down = np.array(x), np.array(x)
        up[place] += steps[place]
        down[place] -= steps[place]
        change = np.subtract(f(*args[:k], up, *args[k + 1 :]), f(*args[:k], down, *args[k + 1 :]))
        result[place] = np.sum(v * change) / (up[place] - down[place])
    return result


def numerical_jvp(f, t, k, *args, eps=None):
    """The tangent of f(*args), by central differences, from the tangent t of the k-th argument. eps: the step."""
    x = args[k]
    largest = largest_magnitude(t)
    if not np.any(largest):
        return 0.0 * f(*args)
    step = (usual_step(x) * np.maximum(1.0, largest_magnitude(x)) if eps is None else eps) / largest
    up, down = x + step * t, x - step * t
    return (f(*args[:k], up, *args[k + 1 :]) - f(*args[:k], down, *args[k + 1 :])) / (2 * step)


def usual_step(x):
    """The step of central differences for numbers of the dtype of x, relative to their size."""
    return float(np.finfo(getattr(x, "dtype", np.float64)).eps ** (1 / 3))


def largest_magnitude(x):
    """The largest magnitude in x, a number or an array; 0 where there is nothing in it."""
    return np.max(np.abs(x)) if np.size(x) else 0.0
