"""Loops over the indices of an array, and limits of dtypes."""

import numpy as np

from tests.support import check

M34 = np.arange(12.0).reshape(3, 4) / 7 - 0.6


def test_ndindex_and_ndenumerate():
    def over_indices(m):
        total = 0.0
        for i, j in np.ndindex(m.shape):
            total += m[i, j] * i * m[2 - i, j]
        for i, j in np.ndindex(2, 3):
            total += m[i, j + 1] ** 2
        return total

    def over_items(m):
        out = np.zeros_like(m)
        for (i, j), v in np.ndenumerate(m):
            out[i, j] = v * v * (i + 2 * j)
            if v > 0.5:
                break
        return np.sum(out * m)

    check(over_indices, M34)
    check(over_items, M34)


def test_limits_of_dtypes():
    def f(x):
        eps = np.finfo(float).eps
        return np.sum(x / (np.abs(x) + eps + np.finfo(x.dtype).tiny + 1))

    check(f, np.array([0.7, -0.4, 0.3]))
