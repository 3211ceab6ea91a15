"""The Cholesky factor in place. Nothing is recorded: what the reverse sweep reads still stands in the matrix."""

import numpy as np

ARGNUMS = (0,)


def primal(M):
    size = M.shape[0]
    for r in range(size):
        for c in range(r):
            M[r, c] -= M[r, :c] @ M[c, :c]
            M[r, c] /= M[c, c]
        M[r, r] -= M[r, :r] @ M[r, :r]
        M[r, r] = np.sqrt(M[r, r])
    return np.sum(np.tril(M))


def gradient(M, d_out=1.0):
    M = M.copy()
    size = M.shape[0]
    for r in range(size):
        for c in range(r):
            M[r, c] -= M[r, :c] @ M[c, :c]
            M[r, c] /= M[c, c]
        M[r, r] -= M[r, :r] @ M[r, :r]
        M[r, r] = np.sqrt(M[r, r])

    d_M = np.tril(np.full_like(M, d_out))
    for r in reversed(range(size)):
        d_M[r, r] = d_M[r, r] / (2 * M[r, r])
        d_M[r, :r] -= 2 * d_M[r, r] * M[r, :r]
        for c in reversed(range(r)):
            d_M[r, c] /= M[c, c]
            d_M[c, c] -= d_M[r, c] * M[r, c]
            d_M[r, :c] -= d_M[r, c] * M[c, :c]
            d_M[c, :c] -= d_M[r, c] * M[r, :c]
    return d_M


def inputs(rng):
    root = rng.standard_normal((5, 5))
    return (root @ root.T + 5 * np.eye(5),)
