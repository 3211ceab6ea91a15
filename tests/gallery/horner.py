"""Horner's rule: the running value is recorded in an array of known length."""

import numpy as np

ARGNUMS = (0, 1)


def primal(a, t):
    p = 0.0
    for k in range(len(a)):
        p = p * t + a[k]
    return p


def gradient(a, t, d_out=1.0):
    p = 0.0
    p_tape = np.empty(len(a))
    for k in range(len(a)):
        p_tape[k] = p
        p = p * t + a[k]

    d_a = np.zeros_like(a)
    d_t = 0.0
    d_p = d_out
    for k in reversed(range(len(a))):
        d_a[k] += d_p
        d_t += d_p * p_tape[k]
        d_p = d_p * t
    return d_a, d_t


def inputs(rng):
    return rng.standard_normal(6), float(rng.uniform(0.5, 1.5))
