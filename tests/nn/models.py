"""Small models, data and losses for the tests of training."""

import numpy as np

from srcgrad import nn


class Noisy(nn.Module):
    """A network that a random generator disturbs in training, as dropout does."""

    inner: nn.Sequential
    rng: np.random.Generator = nn.static()

    def __call__(self, x):
        if self.training:
            x = x + 0.1 * self.rng.standard_normal(x.shape)
        return self.inner(x)


def network(seed=0, dtype=np.float64):
    return nn.Sequential(nn.Dense(3, 5, rng=seed, dtype=dtype), np.tanh, nn.Dense(5, 2, rng=seed + 1, dtype=dtype))


def noisy(seed=0):
    return Noisy(network(seed), np.random.default_rng(seed))


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
