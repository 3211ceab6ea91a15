"""Rows changed through views: a view of the array has the same view of the adjoint."""

import numpy as np

ARGNUMS = (0, 1)


def primal(M, s):
    for i in range(M.shape[0]):
        row = M[i]
        row *= s
        row[0] += np.sum(row[1:] ** 2)
    return np.sum(M)


def gradient(M, s, d_out=1.0):
    M = M.copy()
    row_tape = np.empty_like(M)
    for i in range(M.shape[0]):
        row = M[i]
        row_tape[i] = row
        row *= s
        row[0] += np.sum(row[1:] ** 2)

    d_s = np.zeros_like(s)
    d_M = np.full_like(M, d_out)
    for i in reversed(range(M.shape[0])):
        row, d_row = M[i], d_M[i]
        d_row[1:] += 2 * d_row[0] * row[1:]
        row[:] = row_tape[i]
        d_s += d_row * row
        d_row *= s
    return d_M, d_s


def inputs(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal(3)
