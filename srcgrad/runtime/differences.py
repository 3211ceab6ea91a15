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
    given = args[k]
    x = np.asarray(given)
    result = np.zeros(x.shape, x.dtype)
    relative = np.finfo(x.dtype).eps ** (1 / 3)
    for place in np.ndindex(x.shape):
        step = relative * max(1.0, abs(x[place])) if eps is None else eps
        up, down = np.array(x), np.array(x)
        up[place] += step
        down[place] -= step
        width = up[place] - down[place]
        if not isinstance(given, np.ndarray):
            up, down = up[()], down[()]
        change = np.subtract(f(*args[:k], up, *args[k + 1 :]), f(*args[:k], down, *args[k + 1 :]))
        result[place] = np.sum(v * change) / width
    return result if isinstance(given, np.ndarray) else result[()]


def numerical_jvp(f, t, k, *args, eps=None):
    """The tangent of f(*args), by central differences, from the tangent t of the k-th argument. eps: the step."""
    given = args[k]
    x = np.asarray(given)
    largest = np.max(np.abs(t), initial=0.0)
    if largest == 0:
        return 0.0 * f(*args)
    relative = np.finfo(x.dtype).eps ** (1 / 3)
    step = (relative * max(1.0, np.max(np.abs(x))) if eps is None else eps) / largest
    up, down = x + step * t, x - step * t
    if not isinstance(given, np.ndarray):
        up, down = up[()], down[()]
    return (f(*args[:k], up, *args[k + 1 :]) - f(*args[:k], down, *args[k + 1 :])) / (2 * step)
