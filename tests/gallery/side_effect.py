"""A loss that calls a kernel which overwrites its argument: the kernel's reverse works on the adjoints in place."""

import numpy as np

ARGNUMS = (0, 1, 2)


def smooth(v, g, dx):
    """One damped Gauss-Seidel sweep of v'' = g + v**3, in place."""
    for i in range(1, len(v) - 1):
        v[i] = 0.5 * v[i] + 0.25 * (v[i - 1] + v[i + 1] - dx * dx * (g[i] + v[i] ** 3))


def primal(v, g, dx, n):
    for _ in range(n):
        smooth(v, g, dx)
    return np.sum(v * v)


def smooth_fwd(v, g, dx):
    v_tape = np.empty(len(v))
    for i in range(1, len(v) - 1):
        v_tape[i] = v[i]
        v[i] = 0.5 * v[i] + 0.25 * (v[i - 1] + v[i + 1] - dx * dx * (g[i] + v[i] ** 3))
    return v_tape


def smooth_rev(residuals, v, g, dx, d_v, d_g):
    v_tape = residuals
    d_dx = 0.0
    for i in reversed(range(1, len(v) - 1)):
        v[i] = v_tape[i]
        d_new = d_v[i]
        d_v[i - 1] += 0.25 * d_new
        d_v[i + 1] += 0.25 * d_new
        d_dx -= 0.5 * dx * (g[i] + v[i] ** 3) * d_new
        d_g[i] -= 0.25 * dx * dx * d_new
        d_v[i] = (0.5 - 0.75 * dx * dx * v[i] ** 2) * d_new
    return d_dx


def gradient(v, g, dx, n, d_out=1.0):
    v = v.copy()
    smooth_tape = []
    for _ in range(n):
        smooth_tape.append(smooth_fwd(v, g, dx))

    d_g = np.zeros_like(g)
    d_dx = 0.0
    d_v = d_out * 2 * v
    for _ in range(n):
        d_dx += smooth_rev(smooth_tape.pop(), v, g, dx, d_v, d_g)
    return d_v, d_g, d_dx, None


def inputs(rng):
    return rng.standard_normal(7), rng.standard_normal(7), 0.6, 3
