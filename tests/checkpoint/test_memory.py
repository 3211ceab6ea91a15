"""Memory that a gradient holds at most, above what its primal does."""

import tracemalloc

import numpy as np
import pytest

import srcgrad
from srcgrad import checkpointed

STATE = 12_500  # floats: 100 kB


def peak(f, *args):
    """The most memory that a call takes, in bytes."""
    f(*args)  # compiled
    tracemalloc.start()
    try:
        f(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def new_arrays(x, n, slots):
    for _ in checkpointed(range(n), slots=slots):
        x = x - 1e-3 * x * x
    return x.sum()


def in_place(x, n, slots):
    for _ in checkpointed(range(n), slots=slots):
        x -= 1e-3 * x * x
    return x.sum()


def unknown(x, n, slots):
    while checkpointed(n > 0, slots=slots):
        x = x - 1e-3 * x * x
        n -= 1
    return x.sum()


def unmarked(x, n, slots):
    for _ in range(n):
        x = x - 1e-3 * x * x
    return x.sum()


@pytest.mark.parametrize("f", [new_arrays, in_place, unknown])
def test_memory_follows_the_slots(f):
    x = np.linspace(0, 1, STATE)
    gradient = srcgrad.grad(f)
    extra = peak(gradient, x, 2000, 20) - peak(f, x.copy(), 2000, 20)
    assert 15 * x.nbytes < extra < 27 * x.nbytes


def test_memory_of_a_loop_that_is_not_checkpointed():
    x = np.linspace(0, 1, STATE)
    assert peak(srcgrad.grad(unmarked), x, 200, 20) > 190 * x.nbytes


def test_gradients_are_the_same():
    x = np.linspace(0, 1, 50)
    expected = srcgrad.grad(unmarked)(x, 2000, 20)
    for f in (new_arrays, in_place, unknown):
        np.testing.assert_allclose(srcgrad.grad(f)(x, 2000, 20), expected, rtol=1e-12)
