"""srcgrad.nn on the device: models of the layers that do not draw random numbers, step by step beside the host."""

import numpy as np
import pytest

from srcgrad import nn, value_and_grad
from tests.backends.tools import to_device, to_host
from tests.standin import syncs

R = np.random.default_rng


def mlp():
    return nn.Sequential(nn.Dense(6, 8, rng=R(0)), nn.relu, nn.Dense(8, 3, rng=R(1)))


@value_and_grad
def loss(model, x, y):
    return nn.cross_entropy(model(x), y)


OPTIMISERS = [lambda m: nn.SGD(m, 0.1, momentum=0.9, nesterov=True), lambda m: nn.Adam(m, 0.01),
              lambda m: nn.AdamW(m, 0.01), lambda m: nn.RMSProp(m, 0.01)]  # fmt: skip


@pytest.mark.parametrize("make", OPTIMISERS)
def test_steps_are_those_of_the_host(cp, make):
    x, y = R(2).standard_normal((5, 6)).astype("f4"), R(3).integers(0, 3, 5)
    host, device = mlp(), mlp().to_cupy()
    optimisers = make(host), make(device)
    on_device = to_device(cp, (x, y))
    with syncs() as waited:
        for _ in range(3):
            values = []
            for model, optimiser, batch in zip((host, device), optimisers, ((x, y), on_device), strict=True):
                value, d_model = loss(model, *batch)
                optimiser.step(d_model)
                values.append(value)
    assert waited.count == 3 * 2  # two decisions for each step: whether the labels are in range
    np.testing.assert_allclose(to_host(values[1]), values[0], rtol=1e-5)
    found = device.to_numpy().named_parameters()
    for name, a in host.named_parameters().items():
        b = found[name]
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=name)
        assert a.dtype == b.dtype == np.float32


LAYERS = {
    "LayerNorm": (lambda: nn.LayerNorm(6), (5, 6)),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, padding="same", rng=R(0)), (2, 7, 3)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1, rng=R(0)), (2, 7, 7, 3)),
    "MaxPool": (lambda: nn.MaxPool(2), (2, 6, 6, 3)),
    "BatchNorm": (lambda: nn.BatchNorm(6), (5, 6)),
    "LSTM": (lambda: nn.LSTM(3, 4, rng=R(0)), (2, 5, 3)),
    "GRU": (lambda: nn.GRU(3, 4, rng=R(0)), (2, 5, 3)),
    "attention": (lambda: nn.MultiHeadAttention(8, 2, rng=R(0)), (2, 5, 8)),
    "transformer": (lambda: nn.TransformerBlock(8, 2, rng=R(0)), (2, 5, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(cp, name):
    make, shape = LAYERS[name]
    x = R(1).standard_normal(shape).astype("f4")

    def total(model, x):
        out = model["layer"](x)
        return np.sum((out[0] if isinstance(out, tuple) else out) ** 2) * model["gain"][0]

    value, (d_model, d_x) = value_and_grad(total, (0, 1))({"layer": make(), "gain": np.ones(1, "f4")}, x)
    device = nn.map_arrays(cp.asarray, {"layer": make(), "gain": np.ones(1, "f4")})
    value_2, (d_model_2, d_x_2) = value_and_grad(total, (0, 1))(device, cp.asarray(x))
    np.testing.assert_allclose(to_host(value_2), value, rtol=1e-4)
    np.testing.assert_allclose(to_host(d_x_2), d_x, rtol=1e-3, atol=1e-5)
    found, expected = (nn.named_parameters(to_host(d)) for d in (d_model_2, d_model))
    for where, a in expected.items():
        np.testing.assert_allclose(found[where], a, rtol=1e-3, atol=1e-5, err_msg=where)
