"""Layers beyond the first ones: depthwise and transposed convolutions, what is added around images, other sizes, norms,
recurrent layers in layers and both directions, attention to a memory and under masks."""

import numpy as np
import pytest

from srcgrad import check_grads, grad, nn
from srcgrad.nn.convolution import WIDTH, convolve, convolve_input, convolve_weight
from tests.nn.test_layers import IMAGES, SEQUENCES, WIDE, drawn, in_loops, total

LAYERS = {
    "transposed": (nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=1, groups=2, more=1, **WIDE), IMAGES),
    "reflected": (nn.Conv2d(4, 3, 3, padding=1, stride=2, around="reflect", **WIDE), IMAGES),
    "replicated": (nn.Conv1d(6, 3, 3, padding=(2, 0), around="replicate", **WIDE), SEQUENCES),
    "circular": (nn.Conv2d(4, 3, 3, dilation=2, around="circular", **WIDE), IMAGES),
    "bilinear": (nn.Sequential(nn.Upsample((2, 3), mode="bilinear"), nn.Conv2d(4, 2, 1, **WIDE)), IMAGES),
    "nearest": (nn.Sequential(nn.Upsample(2), nn.Conv2d(4, 2, 1, **WIDE)), IMAGES),
    "adaptive": (nn.Sequential(nn.AdaptiveAvgPool((2, 4)), nn.Conv2d(4, 2, 1, **WIDE)), IMAGES),
    "group norm": (nn.GroupNorm(4, 2, dtype=float), IMAGES),
    "rms norm": (nn.RMSNorm(6, dtype=float), SEQUENCES),
    "pooled sequences": (nn.Sequential(nn.MaxPool1d(2), nn.AvgPool1d(2, stride=1), nn.Dense(6, 2, **WIDE)), SEQUENCES),
    "post-norm": (nn.TransformerBlock(6, 2, post=True, activation=nn.tanh, hidden=4, **WIDE), SEQUENCES),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_differences(name):
    model, x = LAYERS[name]
    check_grads(total, (model, x), order=1)
    small = grad(total)(model.astype(np.float32), x.astype(np.float32))
    assert {array.dtype for array in small.parameters()} == {np.dtype(np.float32)}


# ---- groups of channels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels, outputs, groups", [(6, 6, 6), (6, 12, 6), (2 * WIDTH, 2 * WIDTH, 2 * WIDTH),
                                                       (4 * WIDTH, 8, 8), (24, 24, 8), (12, 6, 3)])  # fmt: skip
@pytest.mark.parametrize("stride, dilation", [((1, 1), (1, 1)), ((2, 1), (1, 2)), ((1, 2), (1, 1))])
def test_groups(channels, outputs, groups, stride, dilation):
    given = stride, ((1, 0), (2, 1)), dilation, groups
    x, w = drawn(2, 6, 5, channels), drawn(3, 2, channels // groups, outputs)
    y = convolve(x, w, *given)
    np.testing.assert_allclose(y, in_loops(x, w, *given), atol=1e-12)
    d = drawn(*y.shape)
    np.testing.assert_allclose(np.vdot(convolve_input(d, w, x, *given), x), np.vdot(d, y))
    np.testing.assert_allclose(np.vdot(convolve_weight(d, x, w, *given), w), np.vdot(d, y))


@pytest.mark.parametrize("layout", [lambda x: x[::-1, ::2], lambda x: x.swapaxes(1, 2), lambda x: x[:0]])
def test_depthwise_convolutions_of_views_and_of_nothing(layout):
    x, w, given = layout(drawn(3, 8, 8, 5)), drawn(3, 3, 1, 5), ((1, 1), "same", (1, 1), 5)
    y = convolve(x, w, *given)
    np.testing.assert_allclose(y, in_loops(x, w, *given), atol=1e-12)
    assert convolve_input(y, w, x, *given).shape == x.shape and convolve_weight(y, x, w, *given).shape == w.shape
    assert convolve(x.astype(np.float32), w.astype(np.float32), *given).dtype == np.float32


# ---- other sizes -----------------------------------------------------------------------------------------------------


def test_a_transposed_convolution_undoes_the_shape_of_a_convolution():
    for stride, padding, more in ((2, 1, 1), (3, 0, 2), (1, 2, 0), (2, "same", 0), (2, "valid", 1)):
        down = nn.Conv2d(3, 5, 3, stride=stride, padding=padding, **WIDE)
        up = nn.ConvTranspose2d(5, 3, 3, stride=stride, padding=padding, more=more, bias=False, **WIDE)
        x = drawn(2, 8, 8, 3)
        y = down(x) - down.bias
        back = up(y)
        if back.shape == x.shape:  # the same product, transposed
            up.weight[:] = down.weight
            np.testing.assert_allclose(np.vdot(up(y), x), np.vdot(y, y))
        else:
            assert padding != "same"
    assert nn.ConvTranspose2d(2, 3, 4, stride=2, rng=0)(np.ones((1, 5, 6, 2), np.float32)).shape == (1, 10, 12, 3)


def test_sizes_by_definition():
    x = drawn(1, 2, 3, 1)
    np.testing.assert_array_equal(nn.Upsample((1, 2))(x)[0, :, :, 0], np.repeat(x[0, :, :, 0], 2, axis=1))
    np.testing.assert_allclose(nn.Upsample(2, mode="bilinear")(np.array([[[[0.0], [4.0]]]]))[0, 0, :, 0], [0, 1, 3, 4])
    np.testing.assert_allclose(nn.AdaptiveAvgPool(1)(x), x.mean(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(nn.AdaptiveAvgPool((2, 2))(x)[0, :, 0], x[0, :, :2].mean(axis=1))
    shuffled = nn.pixel_shuffle(np.arange(8.0).reshape(1, 1, 1, 8), 2)
    np.testing.assert_array_equal(shuffled[0, :, :, 1], [[4, 5], [6, 7]])


def test_group_norm_by_definition():
    model = nn.GroupNorm(4, 2, dtype=float)
    y = model(IMAGES).reshape(2, -1, 2, 2)
    np.testing.assert_allclose(y.mean(axis=(1, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(1, 3)), 1, rtol=1e-3)
    np.testing.assert_allclose(nn.RMSNorm(6, dtype=float, eps=0)(SEQUENCES) ** 2 @ np.ones(6), 6)


def test_dropout_of_whole_channels():
    y = nn.Dropout(0.5, whole=True, rng=0)(np.ones((20, 3, 4, 5)))
    assert set(np.unique(y)) == {0, 2} and (y == y[:, :1, :1]).all() and len(np.unique(y[:, 0, 0], axis=0)) > 5


def test_an_index_that_stands_for_padding():
    model, indices = nn.Embedding(7, 3, padding=0, **WIDE), np.array([[3, 0, 0], [3, 4, 0]])
    assert not model(indices)[indices == 0].any() and model(indices)[0, 0].all()
    assert not grad(lambda m: total(m, indices))(model).weight[0].any()


# ---- recurrent layers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_layers_and_directions(make):
    model, x = make(6, 3, layers=2, bidirectional=True, **WIDE), SEQUENCES
    y, states = model(x)
    assert y.shape == (2, 4, 6) and len(states) == 4
    check_grads(lambda m, x: np.sum(np.sin(m(x)[0])), (model, x), order=1, modes="rev")
    one = make(6, 3, **WIDE)  # the same numbers: drawn first
    forward = one(x)[0]
    single, twice = make(6, 3, bidirectional=True, **WIDE), make(6, 3, layers=2, dropout=0.5, **WIDE)
    np.testing.assert_allclose(single(x)[0][..., :3], forward)
    one.weight_x, one.weight_h, one.bias = (getattr(single.further[0], n) for n in ("weight_x", "weight_h", "bias"))
    if make is nn.GRU:
        one.bias_h = single.further[0].bias_h
    np.testing.assert_allclose(single(x)[0][..., 3:], one(x[:, ::-1])[0][:, ::-1])
    twice.eval()
    np.testing.assert_array_equal(twice(x)[0], twice(x)[0])
    np.testing.assert_allclose(twice(x[:, 2:], twice(x[:, :2])[1])[0], twice(x)[0][:, 2:])
    assert (twice.train()(x)[0] != twice(x)[0]).any()


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_sequences_of_different_lengths(make):
    sequences = [drawn(4, 6), drawn(2, 6), drawn(3, 6)]
    x, lengths = nn.pad_sequences(sequences)
    model = make(6, 3, layers=2, bidirectional=True, **WIDE)
    y, states = model(x, lengths=lengths)
    for k, sequence in enumerate(sequences):
        alone, last = model(sequence[None])
        np.testing.assert_allclose(y[k, : len(sequence)], alone[0])
        assert not y[k, len(sequence) :].any()
        for a, b in zip(states, last, strict=True):
            np.testing.assert_allclose(a[0][k] if make is nn.LSTM else a[k], b[0][0] if make is nn.LSTM else b[0])
    single = make(6, 3, **WIDE)
    check_grads(lambda x: np.sum(np.sin(single(x, lengths=lengths)[0])), (x,), order=1)


# ---- attention -------------------------------------------------------------------------------------------------------


def test_masks_hide_steps():
    model, x = nn.MultiHeadAttention(6, 2, **WIDE), drawn(2, 5, 6)
    inside = (np.arange(5) < np.array([3, 5])[:, None])[:, None]
    np.testing.assert_allclose(model(x, mask=inside)[0, :3], model(x[:1, :3])[0])
    added = np.where(inside, 0, -1e9)
    np.testing.assert_allclose(model(x, mask=added), model(x, mask=inside))
    later = np.tril(np.ones((5, 5), bool))
    causal = nn.MultiHeadAttention(6, 2, causal=True, **WIDE)
    np.testing.assert_allclose(model(x, mask=later), causal(x))
    np.testing.assert_allclose(model(x, mask=later & inside), causal(x, mask=inside))
    check_grads(lambda m, x: np.sum(np.sin(m(x, mask=inside))), (model, x), order=1)


def test_attention_to_a_memory():
    model, x, memory = nn.MultiHeadAttention(6, 2, **WIDE), drawn(2, 5, 6), drawn(2, 3, 6)
    np.testing.assert_allclose(model(x, x), model(x))
    check_grads(lambda m, x, memory: np.sum(np.sin(m(x, memory))), (model, x, memory), order=1)
    decoder = nn.TransformerBlock(6, 2, hidden=4, causal=True, memory=True, **WIDE)
    check_grads(lambda m, x, memory: np.sum(np.sin(m(x, memory))), (decoder, x, memory), order=1)
    np.testing.assert_allclose(decoder(x[:, :2], memory), decoder(x, memory)[:, :2])


def test_positions():
    at = nn.positions(10, 7)
    assert at.shape == (10, 7) and at.dtype == np.float32 and (at[0] == [0, 1, 0, 1, 0, 1, 0]).all()
    np.testing.assert_allclose(at[3, :2], [np.sin(3), np.cos(3)], rtol=1e-6)


@pytest.mark.parametrize("call, said", [
    (lambda: nn.Conv2d(4, 3, 3, around="mirror"), "around is 'mirror', it has to be zeros, reflect"),
    (lambda: nn.ConvTranspose2d(4, 3, 3, more=1), "more is 1, it has to be smaller than the stride"),
    (lambda: nn.ConvTranspose2d(4, 3, 3)(IMAGES[..., :3]), "ConvTranspose2d: weight has shape"),
    (lambda: nn.GroupNorm(4, 3), "4 channels do not fall into 3 groups"),
    (lambda: nn.Upsample(2, mode="cubic"), "mode 'cubic'"),
    (lambda: nn.pixel_shuffle(IMAGES, 3), "4 channels do not fall into squares of 3 x 3"),
    (lambda: nn.RNN(6, 3, activation="elu"), "activation is 'elu'"),
    (lambda: nn.LSTM(6, 3, layers=0), "LSTM: layers is 0"),
    (lambda: nn.LSTM(6, 3)(SEQUENCES[:, :0]), r"LSTM: there are no steps, the input has shape \(2, 0, 6\)"),
    (lambda: nn.GRU(6, 3, layers=2)(SEQUENCES, [np.zeros((2, 3))]), "GRU: there are 2 cells and 1 states"),
    (lambda: nn.GRU(6, 3)(SEQUENCES, lengths=np.ones(3, int)), r"GRU: the lengths have shape \(3,\)"),
    (lambda: nn.MultiHeadAttention(6, 2)(SEQUENCES, SEQUENCES[..., :3]), "the memory"),
    (lambda: nn.TransformerBlock(6, 2)(SEQUENCES, SEQUENCES), "TransformerBlock: what is made with memory=True"),
    (lambda: nn.Embedding(4, 2, padding=4), "padding is 4, there are 4 rows"),
    (lambda: nn.Embedding(4, 2)(np.array([0.0])), "Embedding: the indices are float64, they have to be integers"),
    (lambda: nn.MaxPool1d(2)(IMAGES), "MaxPool1d takes"),
])  # fmt: skip
def test_what_does_not_fit(call, said):
    with pytest.raises(ValueError, match=said):
        call()
