"""Slices that are values: kept in variables, returned, passed, captured."""

import numpy as np
import pytest

from srcgrad import check_grads, grad

X = np.array([0.4, -1.1, 0.7, 1.6, -0.2, 0.9])
MIDDLE = slice(1, 4)


def kept(x, n):
    window = slice(0, n)
    n = n + 2  # the slice has the old number
    return np.sum(x[window] ** 2) * np.sum(x[slice(1, n)])


def batch(i, size):
    return slice(i * size, (i + 1) * size)


def returned(x, i):
    rows = batch(i % 2, 3)
    return np.sum(np.sin(x[rows]))


def written(x, n):
    y = np.zeros_like(x)
    part = slice(1, n)
    y[part] = x[part] ** 2
    y[part] += x[: n - 1]
    return np.sum(y[slice(None, None, -1)] * x)


def looped(x):
    total = 0.0
    for part in [slice(0, 2), slice(2, None)]:
        total += np.sum(x[part]) ** 2
    return total


def passed(x, part):
    return np.sum(x[part] ** 2)


def captured(x):
    return np.sum(x[MIDDLE] ** 3)


def of_several_axes(x, n):
    place = (slice(None), slice(0, n))
    return np.sum(x.reshape(2, 3)[place] ** 2)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (kept, (X, 2)), (returned, (X, 0)), (returned, (X, 1)), (written, (X, 4)), (looped, (X,)),
        (passed, (X, slice(1, 3))), (passed, (X, slice(None, -1))), (captured, (X,)), (of_several_axes, (X, 2)),
    ],
)  # fmt: skip
def test_slices_that_are_values(function, args):
    check_grads(function, args)


def test_slices_of_a_list():
    gradient = grad(lambda xs, part: xs[part][0] * xs[part][1])
    assert gradient([2.0, 3.0, 5.0], slice(None, -1)) == [3.0, 2.0, 0.0]
    assert gradient([2.0, 3.0, 5.0], slice(1, None)) == [0.0, 5.0, 3.0]
