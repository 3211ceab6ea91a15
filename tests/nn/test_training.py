"""The plain training loop: models, gradients and optimisers together."""

import numpy as np
import pytest

from srcgrad import nn, value_and_grad


@pytest.mark.parametrize("optimiser", [lambda m: nn.SGD(m, 0.1, momentum=0.9), lambda m: nn.Adam(m, 1e-2)])
def test_a_classifier_learns(optimiser):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(4, 16, rng=rng), nn.relu, nn.Dense(16, 3, rng=rng))
    x = rng.standard_normal((64, 4)).astype(np.float32)
    labels = np.abs(x[:, :3]).argmax(axis=1)
    step = optimiser(model)

    @value_and_grad
    def loss(model, x, labels):
        return nn.cross_entropy(model(x), labels)

    values = []
    for _ in range(100):
        value, d_model = loss(model, x, labels)
        step.step(d_model)
        values.append(value)
    assert values[-1] < 0.5 * values[0]
    assert value.dtype == np.float32 and type(d_model) is nn.Sequential
    assert all(p.dtype == np.float32 for p in model.parameters())
    assert list(model.named_parameters()) == ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
