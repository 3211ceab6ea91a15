"""A running product in place: the old element, and no more, is recorded and put back."""

import numpy as np

ARGNUMS = (0,)


def primal(v):
    for i in range(1, len(v)):
        v[i] = v[i] * v[i - 1]
    return v[-1]


def gradient(v, d_out=1.0):
    v = v.copy()
    v_tape = np.empty(len(v))
    for i in range(1, len(v)):
        v_tape[i] = v[i]
        v[i] = v[i] * v[i - 1]

    d_v = np.zeros_like(v)
    d_v[-1] = d_out
    for i in reversed(range(1, len(v))):
        v[i] = v_tape[i]
        d_new = d_v[i]
        d_v[i] = d_new * v[i - 1]
        d_v[i - 1] += d_new * v[i]
    return d_v


def inputs(rng):
    return (rng.uniform(0.5, 1.5, 7),)
