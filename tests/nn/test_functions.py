"""Activations, losses and initialisers against their definitions, and their gradients against differences."""

import numpy as np
import pytest
import scipy.special as sc

from srcgrad import check_grads, grad, nn
from srcgrad.nn import initialisers

X = np.random.default_rng(0).standard_normal((5, 6)) * 2
Y = np.random.default_rng(1).standard_normal((5, 6))
LABELS = np.array([0, 5, 2, 2, 1])
P = sc.softmax(Y, axis=1)

ACTIVATIONS = {
    nn.relu: lambda x: np.maximum(x, 0),
    nn.leaky_relu: lambda x: np.where(x > 0, x, 0.01 * x),
    nn.elu: lambda x: np.where(x > 0, x, np.expm1(x)),
    nn.celu: lambda x: np.where(x > 0, x, np.expm1(x)),
    nn.selu: lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    nn.mish: lambda x: x * np.tanh(np.log1p(np.exp(x))),
    nn.relu6: lambda x: np.minimum(np.maximum(x, 0), 6),
    nn.hard_tanh: lambda x: np.clip(x, -1, 1),
    nn.hard_sigmoid: lambda x: np.clip(x / 6 + 0.5, 0, 1),
    nn.hard_swish: lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    nn.log_sigmoid: lambda x: np.log(sc.expit(x)),
    nn.softsign: lambda x: x / (1 + abs(x)),
    nn.gelu: lambda x: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    nn.silu: lambda x: x * sc.expit(x),
    nn.softplus: lambda x: np.log1p(np.exp(x)),
    nn.sigmoid: sc.expit,
    nn.tanh: np.tanh,
    nn.softmax: lambda x: sc.softmax(x, axis=-1),
    nn.log_softmax: lambda x: sc.log_softmax(x, axis=-1),
}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda f: f.__name__)
def test_activations(activation):
    np.testing.assert_allclose(activation(X), ACTIVATIONS[activation](X), atol=1e-12)
    check_grads(lambda x: np.sum(activation(x) * np.cos(Y)), (X,), order=2)
    assert activation(X.astype(np.float32)).dtype == np.float32
    assert grad(lambda x: np.sum(activation(x)))(X.astype(np.float32)).dtype == np.float32
    large = np.array([[-1e4, 0, 1e4]])
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(activation(large)).all()
        assert np.isfinite(grad(lambda x: np.sum(activation(x) * np.array([[1.0, 2.0, 4.0]])))(large)).all()


def test_slopes_at_kinks():
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(nn.relu(x)))(x), [0, 0, 1])
    np.testing.assert_array_equal(grad(lambda x: np.sum(nn.hard_tanh(x)))(x), [0, 1, 0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(nn.leaky_relu(x)))(x), [0.01, 0.01, 1])


@pytest.mark.parametrize("activation", [nn.relu, nn.relu6, nn.leaky_relu, nn.elu, nn.selu, nn.hard_tanh])
def test_activations_of_infinity(activation):
    x = np.array([-np.inf, np.inf])
    with np.errstate(all="raise", under="ignore"):
        y, d_x = activation(x), grad(lambda x: np.sum(activation(x)))(x)
    assert not np.isnan(y).any() and y[0] == activation(x[:1])[0]
    np.testing.assert_array_equal(d_x, grad(lambda x: np.sum(activation(x)))(np.array([-1e300, 1e300])))


def test_exact_gelu():
    np.testing.assert_allclose(nn.gelu(X, exact=True), X * sc.ndtr(X), atol=1e-12)
    check_grads(lambda x: np.sum(nn.gelu(x, exact=True) * np.cos(Y)), (X,), order=2)
    assert nn.gelu(X.astype(np.float32), exact=True).dtype == np.float32


def test_glu_halves_the_last_axis():
    np.testing.assert_allclose(nn.glu(X), X[:, :3] * sc.expit(X[:, 3:]))
    check_grads(lambda x: np.sum(np.sin(nn.glu(x))), (X,))
    with pytest.raises(ValueError, match=r"glu halves the last axis, the input has shape \(5, 5\)"):
        nn.glu(X[:, :5])


def test_a_slope_that_is_trained():
    model = nn.PReLU(6, dtype=float)
    model.slope[:] = np.arange(6) / 5
    np.testing.assert_allclose(model(X), np.where(X > 0, X, X * model.slope))
    check_grads(lambda model, x: np.sum(model(x) * Y), (model, X))
    with pytest.raises(ValueError, match=r"PReLU: slope has shape \(6,\), the input \(5, 4\)"):
        model(X[:, :4])


def chosen(log_p):
    return log_p[np.arange(5), LABELS]


WEIGHTS = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 0.25])
SIGNS = np.sign(Y)
IGNORED = np.array([-1, 5, 2, 2, -1])
ONE_HOT = np.eye(6)[LABELS]
SMOOTH = 0.9 * ONE_HOT + 0.1 / 6
LOSSES = {
    "mse": (lambda x: nn.mse(x, Y), lambda x: np.mean((x - Y) ** 2)),
    "mae": (lambda x: nn.mae(x, Y), lambda x: np.mean(abs(x - Y))),
    "huber": (lambda x: nn.huber(x, Y, 0.7), lambda x: np.mean(sc.huber(0.7, x - Y))),
    "cross entropy": (lambda x: nn.cross_entropy(x, LABELS), lambda x: -chosen(sc.log_softmax(x, 1)).mean()),
    "soft labels": (lambda x: nn.cross_entropy(x, P), lambda x: -(P * sc.log_softmax(x, 1)).sum(1).mean()),
    "smoothing": (lambda x: nn.cross_entropy(x, LABELS, smoothing=0.1),
                  lambda x: -(SMOOTH * sc.log_softmax(x, 1)).sum(1).mean()),
    "weights": (lambda x: nn.cross_entropy(x, LABELS, weights=WEIGHTS),
                lambda x: -(WEIGHTS[LABELS] * chosen(sc.log_softmax(x, 1))).sum() / WEIGHTS[LABELS].sum()),
    "weights of one-hot labels": (lambda x: nn.cross_entropy(x, ONE_HOT, weights=WEIGHTS),
                                  lambda x: nn.cross_entropy(x, LABELS, weights=WEIGHTS)),
    "both": (lambda x: nn.cross_entropy(x, LABELS, weights=WEIGHTS, smoothing=0.1),
             lambda x: -(SMOOTH * WEIGHTS * sc.log_softmax(x, 1)).sum() / WEIGHTS[LABELS].sum()),
    "binary": (lambda x: nn.binary_cross_entropy_with_logits(x, P),
               lambda x: -np.mean(P * np.log(sc.expit(x)) + (1 - P) * np.log(sc.expit(-x)))),
    "hinge": (lambda x: nn.hinge(x, SIGNS), lambda x: np.mean(np.maximum(0, 1 - SIGNS * x))),
    "multiclass hinge": (lambda x: nn.multiclass_hinge(x, LABELS),
                         lambda x: ((np.maximum(0, 1 + x - chosen(x)[:, None]) * (1 - ONE_HOT)).sum(1)).mean()),
    "ignored": (lambda x: nn.cross_entropy(x, IGNORED, ignore=-1), lambda x: nn.cross_entropy(x[1:4], LABELS[1:4])),
    "ignored and smooth": (
        lambda x: nn.cross_entropy(x, IGNORED, ignore=-1, smoothing=0.1, weights=WEIGHTS),
        lambda x: nn.cross_entropy(x[1:4], LABELS[1:4], smoothing=0.1, weights=WEIGHTS)),
    "logarithms": (lambda x: nn.nll(nn.log_softmax(x), LABELS), lambda x: nn.cross_entropy(x, LABELS)),
    "binary of probabilities": (lambda x: nn.binary_cross_entropy(nn.sigmoid(x), P),
                                lambda x: nn.binary_cross_entropy_with_logits(x, P)),
    "rare positives": (lambda x: nn.binary_cross_entropy_with_logits(x, P, positive=WEIGHTS),
                       lambda x: -np.mean(WEIGHTS * P * np.log(sc.expit(x)) + (1 - P) * np.log(sc.expit(-x)))),
    "normal": (lambda x: nn.gaussian_nll(x, Y, P), lambda x: 0.5 * np.mean(np.log(P) + (x - Y) ** 2 / P)),
    "poisson": (lambda x: nn.poisson_nll(x, P), lambda x: np.mean(np.exp(x) - P * x)),
    "cosine": (lambda x: np.mean(nn.cosine_similarity(x, Y)),
               lambda x: np.mean((x * Y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(Y, axis=1))),
    "triplet": (lambda x: nn.triplet_margin(x, Y, P, 3.0), lambda x: np.mean(np.maximum(
        0, 3 + np.linalg.norm(x - Y, axis=1) - np.linalg.norm(x - P, axis=1)))),
    "sum": (lambda x: nn.cross_entropy(x, IGNORED, ignore=-1, reduction="sum"),
            lambda x: 3 * nn.cross_entropy(x, IGNORED, ignore=-1)),
    "divergence": (lambda x: nn.kl_div(nn.log_softmax(x), P),
                   lambda x: sc.rel_entr(P, sc.softmax(x, 1)).sum(1).mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss, definition = LOSSES[name]
    np.testing.assert_allclose(loss(X), definition(X))
    check_grads(loss, (X,), order=2)
    small = X.astype(np.float32)
    assert grad(loss)(small).dtype == np.float32


def test_reductions():
    for loss, shape in (
        (lambda r: nn.mse(X, Y, reduction=r), X.shape), (lambda r: nn.huber(X, Y, reduction=r), X.shape),
        (lambda r: nn.cross_entropy(X, LABELS, reduction=r), (5,)), (lambda r: nn.kl_div(X, P, reduction=r), (5,)),
        (lambda r: nn.hinge(X, SIGNS, reduction=r), X.shape),
        (lambda r: nn.multiclass_hinge(X, LABELS, reduction=r), (5,)),
    ):  # fmt: skip
        each = loss("none")
        assert each.shape == shape
        np.testing.assert_allclose([loss("sum"), loss("mean")], [each.sum(), each.mean()])
    with pytest.raises(ValueError, match='reduction is .max., it has to be "mean"'):
        nn.mse(X, Y, reduction="max")


def test_probabilities_of_0_and_1():
    p, labels = np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])
    with np.errstate(all="raise"):
        assert nn.binary_cross_entropy(p, labels, reduction="sum") == pytest.approx(100)
        assert np.isfinite(grad(nn.binary_cross_entropy)(p, labels)).all()
    with pytest.raises(ValueError, match="go from -2 to 1: of logits take binary_cross_entropy_with_logits"):
        nn.binary_cross_entropy(p - np.array([2.0, 0, 0]), labels)


def test_losses_of_large_numbers():
    large = np.array([[1e4, -1e4, 0.0]])
    with np.errstate(all="raise", under="ignore"):
        assert nn.cross_entropy(large, np.array([1])) == 2e4
        assert np.isfinite(grad(nn.cross_entropy)(large, np.array([1]))).all()
        assert np.isfinite(nn.binary_cross_entropy_with_logits(large, np.zeros((1, 3))))
        assert nn.kl_div(nn.log_softmax(np.zeros((1, 3))), np.array([[1.0, 0.0, 0.0]])) == pytest.approx(np.log(3))


def test_cross_entropy_over_more_axes():
    logits, labels = X.reshape(5, 2, 3), np.arange(10).reshape(5, 2) % 3
    flat = nn.cross_entropy(logits.reshape(10, 3), labels.ravel())
    np.testing.assert_allclose(nn.cross_entropy(logits, labels), flat)
    check_grads(nn.cross_entropy, (logits, labels))


@pytest.mark.parametrize("call, said", [
    (lambda x: nn.mse(x, x[:3]), r"mse: the prediction has shape \(5, 6\), the target \(3, 6\)"),
    (lambda x: nn.hinge(x, x[0]), "hinge"),
    (lambda x: nn.cross_entropy(x, LABELS + 1), "cross_entropy: the labels go from 1 to 6, there are 6 classes"),
    (lambda x: nn.cross_entropy(x, LABELS - 1), "the labels go from -1 to 4"),
    (lambda x: nn.cross_entropy(x, LABELS[:4]), r"the labels have shape \(4,\), the logits \(5, 6\)"),
    (lambda x: nn.cross_entropy(x, P[:, :5]), r"the labels have shape \(5, 5\), the logits \(5, 6\)"),
    (lambda x: nn.cross_entropy(x[:0], LABELS[:0]), r"the batch is empty: the logits have shape \(0, 6\)"),
    (lambda x: nn.mse(x[:0], x[:0]), r"mse: the batch is empty"),
    (lambda x: nn.multiclass_hinge(x, LABELS + 1), "multiclass_hinge: the labels go from 1 to 6"),
    (lambda x: nn.cross_entropy(x, LABELS * 1.0), "labels are float64 of shape .5,., and have to be integers, or prob"),
    (lambda x: nn.cross_entropy(x, P, ignore=0), "ignore is a label, and the labels are probabilities"),
])  # fmt: skip
def test_labels_that_do_not_fit(call, said):
    with pytest.raises(ValueError, match=said):
        call(X)
    with pytest.raises(ValueError, match=said):
        grad(call)(X)


@pytest.mark.parametrize("init, variance", [
    (initialisers.glorot_uniform, 2 / 700), (initialisers.glorot_normal, 2 / 700),
    (initialisers.he_uniform, 2 / 400), (initialisers.he_normal, 2 / 400),
])  # fmt: skip
def test_initialisers(init, variance):
    w = init(np.random.default_rng(0), (400, 300))
    assert w.dtype == np.float32 and abs(w.var() / variance - 1) < 0.02 and abs(w.mean()) < 1e-3
    np.testing.assert_array_equal(w, init(np.random.default_rng(0), (400, 300)))
    assert abs(init(np.random.default_rng(0), (2, 2, 100, 75)).var() / variance - 1) < 0.05


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 5)])
def test_orthogonal(shape):
    w = initialisers.orthogonal(np.random.default_rng(0), shape, np.float64).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
