"""Models of srcgrad.nn on the device: layers in use, dropout, training, measuring, saving."""

import numpy as np
import pytest

from srcgrad import grad, nn, primal
from tests.backends.tools import to_device, to_host
from tests.standin import syncs

ON_DEVICE_TOO = True
R = np.random.default_rng


LAYERS = {
    "RNN": (lambda: nn.RNN(3, 4, rng=R(0)), (2, 5, 3)),
    "LSTM": (lambda: nn.LSTM(3, 4, layers=2, bidirectional=True, rng=R(0)), (2, 5, 3)),
    "GRU": (lambda: nn.GRU(3, 4, rng=R(0)), (2, 5, 3)),
    "Conv2d": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, rng=R(0)), (2, 5, 5, 4)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, rng=R(0)), (2, 5, 5, 3)),
    "Upsample": (lambda: nn.Upsample(2), (2, 4, 4, 3)),
    "AdaptiveAvgPool": (lambda: nn.AdaptiveAvgPool(2), (2, 5, 5, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(6, 2), (2, 5, 6)),
    "RMSNorm": (lambda: nn.RMSNorm(6), (5, 6)),
    "PReLU": (lambda: nn.PReLU(6), (5, 6)),
    "transformer": (lambda: nn.TransformerBlock(8, 2, rng=R(0)), (2, 5, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_use_and_their_gradients(cp, name):
    make, shape = LAYERS[name]
    x = R(1).standard_normal(shape).astype("f4")

    def total(layer, x):
        out = layer(x)
        return np.sum((out[0] if isinstance(out, tuple) else out) ** 2)

    host, device = nn.Sequential(make()), nn.Sequential(make()).to_cupy()
    given = to_device(cp, x)
    want, got = host.layers[0](x), primal(device.layers[0])(given)
    want, got = (out[0] if isinstance(out, tuple) else out for out in (want, got))
    np.testing.assert_allclose(to_host(got), want, rtol=1e-4, atol=1e-5)
    want, got = grad(total, 1)(host.layers[0], x), grad(total, 1)(device.layers[0], given)
    np.testing.assert_allclose(to_host(got), want, rtol=1e-3, atol=1e-5)


def test_dropout_draws_on_the_device(cp):
    model = nn.Sequential(nn.Dense(4, 50, rng=R(0)), nn.Dropout(0.5, rng=R(1))).to_cupy()
    x = to_device(cp, R(2).standard_normal((6, 4)).astype("f4"))

    def loss(model, x):
        return np.sum(model(x) ** 2)

    with syncs() as waited:
        first, second = (grad(loss)(model, x).layers[0].weight for _ in range(2))
    assert waited.count == 0
    assert np.any(first.get() != second.get())
    model.eval()
    np.testing.assert_allclose(grad(loss)(model, x).layers[0].weight.get(), grad(loss)(model, x).layers[0].weight.get())


def test_fit_measures_saves_and_goes_on(cp, tmp_path):
    x, y = R(0).standard_normal((40, 6, 6, 1)).astype("f4"), R(1).integers(0, 3, 40)

    def make():
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, rng=R(0)), nn.BatchNorm(4), nn.relu, nn.flatten,
                             nn.Dropout(0.3, rng=R(1)), nn.Dense(144, 3, rng=R(2)))  # fmt: skip

    def loss(model, x, y):
        return nn.cross_entropy(model(x), y)

    model, data, file = make().to_cupy(), to_device(cp, (x, y)), tmp_path / "model.safetensors"
    optimiser = nn.AdamW(model, 0.01)
    given = dict(batch_size=16, progress=False, checkpoint=file)
    nn.fit(model, loss, data, optimiser, epochs=2, validation=data, metrics=[nn.accuracy], clip=1.0, **given)
    history = nn.fit(model, loss, data, optimiser, epochs=3, resume=True, **given)
    assert history["loss"][-1] < 3.0
    measured = nn.evaluate(model, loss, data, [nn.accuracy])

    other = make()
    nn.load(file, other)
    for name, array in other.named_parameters().items():
        np.testing.assert_array_equal(array, model.to_numpy().named_parameters()[name])
    on_host = nn.evaluate(other, loss, (x, y), [nn.accuracy])
    np.testing.assert_allclose(on_host["loss"], measured["loss"], rtol=1e-4)
    assert on_host["accuracy"] == measured["accuracy"]
