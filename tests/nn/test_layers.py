"""Each layer against its definition, written out in loops or by hand, and its gradient against differences."""

import numpy as np
import pytest

from srcgrad import check_grads, grad, nn
from srcgrad.nn.convolution import convolve, convolve_input, convolve_weight
from srcgrad.nn.windows import both, window_places

RNG = np.random.default_rng(0)
WIDE = dict(rng=0, dtype=np.float64)


def drawn(*shape):
    return np.random.default_rng(shape).standard_normal(shape)


def total(model, *args):
    """A number that depends on each element of the result in its own way."""
    y = model(*args)
    return np.sum(np.sin(y) * (1.5 + np.cos(y)))


def first_total(model, *args):
    return np.sum(np.sin(model(*args)[0]))


IMAGES, SEQUENCES, ROWS = drawn(2, 5, 6, 4), drawn(2, 4, 6), drawn(5, 6)
LAYERS = {
    "dense": (nn.Dense(6, 3, **WIDE), SEQUENCES),
    "dense, no bias": (nn.Dense(6, 3, bias=False, **WIDE), ROWS),
    "conv2d": (nn.Conv2d(4, 3, 3, **WIDE), IMAGES),
    "conv2d, strided": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=2, **WIDE), IMAGES),
    "conv1d": (nn.Conv1d(6, 3, 3, stride=2, padding=(2, 0), dilation=2, **WIDE), SEQUENCES),
    "max pool": (nn.MaxPool(3, stride=2, padding=1), IMAGES),
    "max pool, apart": (nn.MaxPool(2, stride=(2, 3)), IMAGES),
    "avg pool": (nn.AvgPool((2, 3), stride=1, padding="same"), IMAGES),
    "batch norm": (nn.BatchNorm(4, dtype=np.float64), IMAGES),
    "batch norm in use": (nn.BatchNorm(4, dtype=np.float64).eval(), IMAGES),
    "layer norm": (nn.LayerNorm(6, dtype=np.float64), SEQUENCES),
    "dropout in use": (nn.Sequential(nn.Dropout(0.5, rng=0), nn.Dense(6, 2, **WIDE)).eval(), ROWS),
    "attention": (nn.MultiHeadAttention(6, 2, causal=True, **WIDE), SEQUENCES),
    "transformer": (nn.TransformerBlock(6, 3, **WIDE), SEQUENCES),
    "residual": (nn.Residual(nn.Sequential(nn.Dense(6, 6, **WIDE), nn.tanh)), ROWS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_differences(name):
    model, x = LAYERS[name]
    if model is not None and not model.named_parameters():
        check_grads(lambda x: total(model, x), (x,), order=2)
        return
    check_grads(total, (model, x), order=1)


@pytest.mark.parametrize("name", LAYERS)
def test_float32_stays_float32(name):
    model, x = LAYERS[name]
    model, x = model.astype(np.float32), x.astype(np.float32)
    assert model(x).dtype == np.float32
    d_x = grad(total, argnums=1)(model, x)
    assert d_x.dtype == np.float32 and d_x.shape == x.shape
    if model.named_parameters():
        d_model = grad(total)(model, x)
        assert type(d_model) is type(model)
        for path, array in model.named_parameters().items():
            found = d_model.named_parameters()[path]
            assert found.dtype == np.float32 and found.shape == array.shape, path


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU])
def test_recurrent_layers(make):
    model = make(6, 3, **WIDE)
    check_grads(first_total, (model, SEQUENCES), order=1)
    hs, last = model(SEQUENCES)
    state = np.zeros((2, 3)) if make is nn.GRU else (np.zeros((2, 3)), np.zeros((2, 3)))
    cell = (nn.GRUCell if make is nn.GRU else nn.LSTMCell)(6, 3, **WIDE)
    for t in range(4):
        state = cell(SEQUENCES[:, t], state) if make is nn.GRU else cell(SEQUENCES[:, t], *state)
        np.testing.assert_allclose(hs[:, t], state if make is nn.GRU else state[0])
    np.testing.assert_allclose(last, state)
    np.testing.assert_allclose(model(SEQUENCES[:, 2:], model(SEQUENCES[:, :2])[1])[0], hs[:, 2:])
    small = model.astype(np.float32)
    d_model, d_x = grad(first_total, argnums=(0, 1))(small, SEQUENCES.astype(np.float32))
    assert d_x.dtype == np.float32 and {a.dtype for a in d_model.parameters()} == {np.dtype("float32")}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_an_lstm_step_by_its_formulas():
    cell, x, h, c = nn.LSTMCell(6, 3, **WIDE), ROWS, drawn(5, 3), drawn(5, 3)
    i, f, o, g = np.split(x @ cell.weight_x + h @ cell.weight_h + cell.bias, 4, axis=1)
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    np.testing.assert_allclose(cell(x, h, c), (sigmoid(o) * np.tanh(new_c), new_c))
    assert (cell.bias[3:6] == 1).all()


def test_a_gru_step_by_its_formulas():
    cell, x, h = nn.GRUCell(6, 3, **WIDE), ROWS, drawn(5, 3)
    cell.bias_h[:] = [0.1, -0.2, 0.3] * 3
    r, z, n = np.split(x @ cell.weight_x + cell.bias, 3, axis=1)
    hr, hz, hn = np.split(h @ cell.weight_h + cell.bias_h, 3, axis=1)
    candidate, z = np.tanh(n + sigmoid(r + hr) * hn), sigmoid(z + hz)
    np.testing.assert_allclose(cell(x, h), (1 - z) * candidate + z * h)


# ---- convolutions ----------------------------------------------------------------------------------------------


def in_loops(x, w, stride, padding, dilation, groups):
    rows, top, bottom = window_places(x.shape[1], w.shape[0], stride[0], dilation[0], both(padding, 0))
    columns, left, right = window_places(x.shape[2], w.shape[1], stride[1], dilation[1], both(padding, 1))
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    inputs, outputs = w.shape[2], w.shape[3] // groups
    y = np.zeros((len(x), rows, columns, w.shape[3]))
    for p, q, g, i, j in np.ndindex(rows, columns, groups, *w.shape[:2]):
        seen = x[:, p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1], g * inputs : (g + 1) * inputs]
        own = slice(g * outputs, (g + 1) * outputs)
        y[:, p, q, own] += seen @ w[i, j, :, own]
    return y


CONVOLUTIONS = [
    ((3, 3), (1, 1), "same", (1, 1), 1), ((3, 3), (2, 2), "same", (1, 1), 1), ((3, 2), (2, 1), "valid", (1, 2), 2),
    ((1, 1), (1, 1), "same", (1, 1), 1), ((1, 1), (2, 2), "valid", (1, 1), 1), ((3, 3), (2, 2), 1, (1, 1), 4),
    ((5, 3), (1, 2), ((2, 1), (0, 3)), (1, 1), 2), ((7, 7), (2, 2), "same", (1, 1), 1), ((2, 2), (3, 3), 2, (1, 1), 1),
]  # fmt: skip


@pytest.mark.parametrize("window, stride, padding, dilation, groups", CONVOLUTIONS)
def test_convolutions_and_their_adjoints(window, stride, padding, dilation, groups):
    given = stride, padding, dilation, groups
    x, w = drawn(2, 6, 7, 4), drawn(*window, 4 // groups, 8)
    y = convolve(x, w, *given)
    np.testing.assert_allclose(y, in_loops(x, w, *given), atol=1e-12)
    d = drawn(*y.shape)
    np.testing.assert_allclose(np.vdot(convolve_input(d, w, x, *given), x), np.vdot(d, y))
    np.testing.assert_allclose(np.vdot(convolve_weight(d, x, w, *given), w), np.vdot(d, y))


def test_second_derivatives_of_a_convolution():
    def f(x, w):
        return np.sum(np.sin(convolve(x, w, (1, 2), "same", (1, 1), 2)))

    check_grads(f, (drawn(1, 3, 4, 2), drawn(2, 3, 1, 2)), order=2)


@pytest.mark.parametrize("layout", [lambda x: x[::-1, ::2], lambda x: x.swapaxes(1, 2), lambda x: x[:0]])
def test_convolutions_of_views_and_of_nothing(layout):
    x, w, given = layout(drawn(3, 8, 8, 2)), drawn(3, 3, 2, 2), ((1, 1), "same", (1, 1), 1)
    np.testing.assert_allclose(convolve(x, w, *given), in_loops(x, w, *given), atol=1e-12)
    assert convolve_input(np.ones((*x.shape[:3], 2)), w, x, *given).shape == x.shape


def test_large_images_are_taken_in_blocks(monkeypatch):
    x, w, given = drawn(5, 6, 6, 2), drawn(3, 3, 2, 3), ((1, 1), "same", (1, 1), 1)
    d = drawn(5, 6, 6, 3)
    whole = convolve(x, w, *given), convolve_input(d, w, x, *given), convolve_weight(d, x, w, *given)
    monkeypatch.setattr("srcgrad.nn.convolution.BLOCK", 2 * 6 * 6 * 9 * 2)
    blocks = convolve(x, w, *given), convolve_input(d, w, x, *given), convolve_weight(d, x, w, *given)
    for a, b in zip(whole, blocks, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_lengths_that_look_constant_are_none():
    """Images and kernels of equal size give padded convolutions of one length: once taken for a constant."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False, **WIDE), nn.BatchNorm(2, dtype=np.float64))
    check_grads(total, (model, drawn(2, 5, 5, 1)), order=1)
    check_grads(lambda m, x: np.mean(m(x) ** 3), (model.layers[0], drawn(2, 4, 6, 1)), order=1)


# ---- pooling ---------------------------------------------------------------------------------------------------


def test_pooling_by_definition():
    x = drawn(2, 6, 6, 3)
    folded = x.reshape(2, 3, 2, 3, 2, 3)
    np.testing.assert_array_equal(nn.MaxPool(2)(x), folded.max(axis=(2, 4)))
    np.testing.assert_allclose(nn.AvgPool(2)(x), folded.mean(axis=(2, 4)))
    np.testing.assert_allclose(nn.global_avg_pool(x), x.mean(axis=(1, 2)))
    np.testing.assert_array_equal(nn.global_max_pool(x), x.max(axis=(1, 2)))
    check_grads(lambda x: np.sum(np.sin(nn.global_avg_pool(x)) + nn.global_max_pool(x)), (x,))
    assert nn.MaxPool(3, stride=2, padding=1)(-np.ones((1, 4, 4, 1))).max() == -1  # what is added does not count


def test_of_equal_elements_the_first_gets_the_derivative():
    pool = nn.MaxPool(2)
    d_x = grad(lambda x: np.sum(pool(x)))(np.zeros((1, 2, 2, 1)))
    np.testing.assert_array_equal(d_x.ravel(), [1, 0, 0, 0])


# ---- normalisation and dropout -----------------------------------------------------------------------------------


def test_running_statistics_follow_once_for_each_gradient():
    model, x = nn.BatchNorm(3, momentum=0.25, dtype=np.float64), 2 + 3 * drawn(50, 3)
    y = model(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(model.running_mean, 0.25 * x.mean(axis=0))
    model.running_mean[:] = 0
    d_model = grad(total)(model, x)
    np.testing.assert_allclose(model.running_mean, 0.25 * x.mean(axis=0))
    assert d_model.running_mean is None and d_model.eps is None
    for _ in range(60):
        grad(total)(model, x)
    held = model.running_mean.copy()
    model.eval()
    np.testing.assert_allclose(model.running_variance, x.var(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(model(x), y * np.sqrt(49 / 50), rtol=1e-3, atol=1e-3)
    grad(total)(model, x)
    np.testing.assert_array_equal(model.running_mean, held)


def test_dropout_is_seeded_and_keeps_the_mean():
    x = np.ones((200, 50))
    model = nn.Dropout(0.25, rng=3)
    y = model(x)
    assert set(np.unique(y)) == {0, 1 / 0.75} and abs(y.mean() - 1) < 0.02
    assert (model(x) != y).any()
    np.testing.assert_array_equal(nn.Dropout(0.25, rng=3)(x), y)
    d_x = grad(lambda m, x: np.sum(m(x)), argnums=1)(nn.Dropout(0.25, rng=3), x)
    np.testing.assert_array_equal(d_x, y)
    assert model.eval()(x) is x


def test_layer_norm_by_definition():
    model = nn.LayerNorm(6, dtype=np.float64)
    model.scale[:], model.shift[:] = drawn(6), drawn(6)
    expected = (SEQUENCES - SEQUENCES.mean(-1, keepdims=True)) / np.sqrt(SEQUENCES.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(model(SEQUENCES), expected * model.scale + model.shift)


# ---- attention and embeddings --------------------------------------------------------------------------------------


def test_attention_by_definition():
    model = nn.MultiHeadAttention(6, 2, causal=True, **WIDE)
    q, k, v = np.split(model.project(SEQUENCES), 3, axis=-1)
    parts = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = q[..., head] @ k[..., head].swapaxes(1, 2) / np.sqrt(3)
        scores[:, np.triu(np.ones((4, 4), bool), 1)] = -np.inf
        p = np.exp(scores)
        parts.append(p / p.sum(-1, keepdims=True) @ v[..., head])
    np.testing.assert_allclose(model(SEQUENCES), model.output(np.concatenate(parts, -1)))
    changed = SEQUENCES.copy()
    changed[:, 3] += 1
    np.testing.assert_allclose(model(changed)[:, :3], model(SEQUENCES)[:, :3])


def test_embedding():
    model, indices = nn.Embedding(7, 3, **WIDE), np.array([[0, 6, 6], [1, 1, 1]])
    np.testing.assert_array_equal(model(indices)[0, 1], model.weight[6])
    check_grads(lambda m: total(m, indices), (model,))


# ---- careless inputs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model, x, said", [
    (nn.Dense(6, 3), np.ones((2, 5)), r"Dense: weight has shape \(6, 3\), the input \(2, 5\)"),
    (nn.Conv2d(4, 3, 3), np.ones((2, 5, 5, 3)), r"Conv2d: weight has shape \(3, 3, 4, 3\).*shape \(2, 5, 5, 3\)"),
    (nn.Conv2d(4, 3, 7, padding="valid"), np.ones((2, 5, 8, 4)), "window of 7 x 7.*not fit into images of 5 x 8"),
    (nn.MaxPool(3), np.ones((2, 5, 2, 4)), "a window of 3 x 3.*does not fit into images of 5 x 2"),
    (nn.Conv2d(4, 3, 3), np.ones((5, 5, 4)), r"Conv2d.*input has shape \(5, 5, 4\)"),
    (nn.Conv1d(4, 3, 3), np.ones((5, 5, 3)), r"Conv1d.*input has shape \(5, 5, 3\)"),
    (nn.MaxPool(2), np.ones((5, 5)), r"MaxPool.*input has shape \(5, 5\)"),
    (nn.BatchNorm(4), np.ones((5, 3)), r"BatchNorm: scale has shape \(4,\), the input \(5, 3\)"),
    (nn.LayerNorm(4), np.ones((5, 3)), r"LayerNorm: scale has shape \(4,\), the input \(5, 3\)"),
    (nn.LSTM(4, 2), np.ones((5, 4)), r"LSTM: weight_x has shape \(4, 8\).*input has shape \(5, 4\)"),
    (nn.GRU(4, 2), np.ones((5, 1, 3)), r"GRU: weight_x has shape \(4, 6\).*input has shape \(5, 1, 3\)"),
    (nn.MultiHeadAttention(4, 2), np.ones((5, 4)), r"MultiHeadAttention takes.*input has shape \(5, 4\)"),
    (nn.Embedding(4, 2), np.array([0, 4]), "Embedding: weight has 4 rows, the indices go from 0 to 4"),
])  # fmt: skip
def test_shapes_that_do_not_fit(model, x, said):
    with pytest.raises(ValueError, match=said):
        model(x)
    with pytest.raises(ValueError, match=said):
        function = first_total if isinstance(model, (nn.LSTM, nn.GRU)) else total
        grad(function)(model, x) if model.parameters() else model(x)


@pytest.mark.parametrize("make, said", [
    (lambda: nn.Conv2d(4, 3, 3, stride=0), "stride is"),
    (lambda: nn.Conv2d(4, 3, 3, padding="full"), 'padding is .full., it has to be "same"'),
    (lambda: nn.Conv2d(4, 3, 3, groups=2), "4 inputs and 3 outputs do not fall into 2 groups"),
    (lambda: nn.Conv1d(4, 3, 3, padding=-1), "padding is"),
    (lambda: nn.Conv2d(4, 3, 3, padding=[1, (1, 2)]), "padding is"),
    (lambda: nn.MaxPool("2"), "'2' is no number, and no pair of numbers"),
    (lambda: nn.Dense(4.0, 3), r"weights cannot have the shape \(4.0, 3\): inputs, outputs and windows are ints"),
    (lambda: nn.Dense(-4, 3), r"weights cannot have the shape \(-4, 3\)"),
    (lambda: nn.Sequential([nn.tanh]), "Sequential takes layers, one by one, and is given a list"),
    (lambda: nn.Dropout(1.0), "rate is 1.0"),
    (lambda: nn.MultiHeadAttention(4, 3), "4 channels do not fall into 3 heads"),
])  # fmt: skip
def test_layers_that_there_cannot_be(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_seeds_decide():
    for make in (lambda s: nn.TransformerBlock(8, 2, rng=s), lambda s: nn.LSTM(3, 4, rng=s)):
        for a, b, c in zip(*(make(s).parameters() for s in (1, 1, 2)), strict=True):
            assert (a == b).all() and (a.ndim < 2 or (a != c).any())
