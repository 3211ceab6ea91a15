"""Random numbers inside of functions: constants, as they were drawn in the forward sweep."""

import numpy as np
import pytest

from srcgrad import grad


def noisy(x, rng):
    total = 0.0
    for _ in range(3):
        total += np.sum(x**2 * rng.normal(size=4)) + np.prod(x) * rng.uniform()
    return total


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_draws_of_a_generator_are_constants(make):
    x = np.array([0.5, -1.0, 2.0, 0.3])
    rng = make(3)
    found = grad(noisy)(x, rng)
    other, expected = make(3), np.zeros(4)
    for _ in range(3):
        expected += 2 * x * other.normal(size=4) + np.prod(x) / x * other.uniform()
    np.testing.assert_allclose(found, expected)
    assert rng.uniform() == other.uniform()  # each number was drawn once
