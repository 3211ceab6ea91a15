"""Small models, data and losses for the tests of training."""

import numpy as np

from srcgrad import nn


def network(seed=0, dtype=np.float64):
    return nn.Sequential(nn.Dense(3, 5, rng=seed, dtype=dtype), np.tanh, nn.Dense(5, 2, rng=seed + 1, dtype=dtype))


def noisy(seed=0):
    """A model with random numbers and running statistics."""
    return nn.Sequential(
        nn.Dense(3, 5, rng=seed, dtype=np.float64), nn.BatchNorm(5, dtype=np.float64), np.tanh,
        nn.Dropout(0.2, rng=seed), nn.Dense(5, 2, rng=seed + 1, dtype=np.float64),
    )  # fmt: skip


def points(count=23, seed=0):
    x = np.random.default_rng(seed).standard_normal((count, 3))
    return nn.ArrayDataset(x, (x.sum(axis=1) > 0).astype(int))


def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def arrays(model):
    return {name: array.copy() for name, array in nn.named_arrays(model).items()}


def assert_same(one, other):
    """Bit for bit."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name, strict=True)
