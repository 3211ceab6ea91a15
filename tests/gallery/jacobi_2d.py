"""A linear stencil on two arrays in turn: no tape, adjoints updated in place."""

import numpy as np

ARGNUMS = (1, 2)


def primal(trips, U, V):
    for t in range(1, trips):
        V[1:-1, 1:-1] = 0.2 * (U[1:-1, 1:-1] + U[1:-1, :-2] + U[1:-1, 2:] + U[2:, 1:-1] + U[:-2, 1:-1])
        U[1:-1, 1:-1] = 0.2 * (V[1:-1, 1:-1] + V[1:-1, :-2] + V[1:-1, 2:] + V[2:, 1:-1] + V[:-2, 1:-1])
    return np.sum(U * U)


def gradient(trips, U, V, d_out=1.0):
    U, V = U.copy(), V.copy()
    for t in range(1, trips):
        V[1:-1, 1:-1] = 0.2 * (U[1:-1, 1:-1] + U[1:-1, :-2] + U[1:-1, 2:] + U[2:, 1:-1] + U[:-2, 1:-1])
        U[1:-1, 1:-1] = 0.2 * (V[1:-1, 1:-1] + V[1:-1, :-2] + V[1:-1, 2:] + V[2:, 1:-1] + V[:-2, 1:-1])

    d_U = d_out * 2 * U
    d_V = np.zeros_like(V)
    for t in reversed(range(1, trips)):
        d_new = 0.2 * d_U[1:-1, 1:-1]
        d_U[1:-1, 1:-1] = 0
        d_V[1:-1, 1:-1] += d_new
        d_V[1:-1, :-2] += d_new
        d_V[1:-1, 2:] += d_new
        d_V[2:, 1:-1] += d_new
        d_V[:-2, 1:-1] += d_new
        d_new = 0.2 * d_V[1:-1, 1:-1]
        d_V[1:-1, 1:-1] = 0
        d_U[1:-1, 1:-1] += d_new
        d_U[1:-1, :-2] += d_new
        d_U[1:-1, 2:] += d_new
        d_U[2:, 1:-1] += d_new
        d_U[:-2, 1:-1] += d_new
    return None, d_U, d_V


def inputs(rng):
    return 4, rng.standard_normal((6, 7)), rng.standard_normal((6, 7))
