"""Optimisers against their formulas, schedules, clipping, SciPy's minimisers, and the plain training loop."""

import numpy as np
import pytest

from srcgrad import nn, value_and_grad
from srcgrad.errors import ArgumentError

G = [np.array([0.5, -1.0, 2.0]), np.array([-0.25, -1.0, 1.0]), np.array([0.0, 3.0, 1.0])]
START = np.array([1.0, 2.0, -1.0])


def after(make, gradients=G):
    model = {"w": START.copy()}
    optimiser = make(model)
    for g in gradients:
        optimiser.step({"w": g.copy()})
    return model["w"]


def test_sgd():
    np.testing.assert_allclose(after(lambda m: nn.SGD(m, 0.1)), START - 0.1 * sum(G))
    w = START.copy()
    for g in G:
        w -= 0.1 * (g + 0.01 * w)
    np.testing.assert_allclose(after(lambda m: nn.SGD(m, 0.1, decay=0.01)), w)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov):
    w, v = START.copy(), 0
    for g in G:
        v = 0.9 * v + g
        w -= 0.1 * (g + 0.9 * v if nesterov else v)
    np.testing.assert_allclose(after(lambda m: nn.SGD(m, 0.1, momentum=0.9, nesterov=nesterov)), w)


def test_rmsprop():
    w, s = START.copy(), 0
    for g in G:
        s = 0.8 * s + 0.2 * g**2
        w -= 0.1 * g / (np.sqrt(s) + 1e-8)
    np.testing.assert_allclose(after(lambda m: nn.RMSProp(m, 0.1, beta=0.8)), w)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam(decoupled):
    w, a, b = START.copy(), 0, 0
    for t, g in enumerate(G, 1):
        if decoupled:
            w -= 0.1 * 0.02 * w
        else:
            g = g + 0.02 * w
        a, b = 0.9 * a + 0.1 * g, 0.99 * b + 0.01 * g**2
        w -= 0.1 * (a / (1 - 0.9**t)) / (np.sqrt(b / (1 - 0.99**t)) + 1e-8)
    make = nn.AdamW if decoupled else nn.Adam
    np.testing.assert_allclose(after(lambda m: make(m, 0.1, beta2=0.99, decay=0.02)), w)


def test_amsgrad_centred_and_momentum():
    w, a, b, most = START.copy(), 0, 0, 0
    for t, g in enumerate(G, 1):
        a, b = 0.9 * a + 0.1 * g, 0.9 * b + 0.1 * g**2
        most = np.maximum(most, b)
        w -= 0.1 * (a / (1 - 0.9**t)) / (np.sqrt(most / (1 - 0.9**t)) + 1e-8)
    np.testing.assert_allclose(after(lambda m: nn.Adam(m, 0.1, beta2=0.9, amsgrad=True)), w)
    w, s, f, v = START.copy(), 0, 0, 0
    for g in G:
        s, f = 0.8 * s + 0.2 * g**2, 0.8 * f + 0.2 * g
        v = 0.5 * v + g / (np.sqrt(s - f**2) + 1e-8)
        w -= 0.1 * v
    np.testing.assert_allclose(after(lambda m: nn.RMSProp(m, 0.1, beta=0.8, centred=True, momentum=0.5)), w)


def test_adagrad_adadelta_lion():
    w, s = START.copy(), 0
    for g in G:
        s = s + g**2
        w -= 0.1 * g / (np.sqrt(s) + 1e-10)
    np.testing.assert_allclose(after(lambda m: nn.Adagrad(m, 0.1)), w)
    w, s, u = START.copy(), 0, 0
    for g in G:
        s = 0.9 * s + 0.1 * g**2
        step = np.sqrt((u + 1e-6) / (s + 1e-6)) * g
        u = 0.9 * u + 0.1 * step**2
        w -= 0.5 * step
    np.testing.assert_allclose(after(lambda m: nn.Adadelta(m, 0.5)), w)
    w, a = START.copy(), 0
    for g in G:
        w -= 0.1 * (np.sign(0.9 * a + 0.1 * g) + 0.02 * w)
        a = 0.99 * a + 0.01 * g
    np.testing.assert_allclose(after(lambda m: nn.Lion(m, 0.1, decay=0.02)), w)


def test_nadam_and_radam():
    w, a, b, product = START.copy(), 0, 0, 1.0
    for t, g in enumerate(G, 1):
        this, later = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1))
        product *= this
        a, b = 0.9 * a + 0.1 * g, 0.999 * b + 0.001 * g**2
        mean = later * a / (1 - product * later) + (1 - this) * g / (1 - product)
        w -= 0.1 * mean / (np.sqrt(b / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(after(lambda m: nn.NAdam(m, 0.1)), w)
    w, a, b = START.copy(), 0, 0
    many = [g * (1 + k) for k in range(4) for g in G]
    for t, g in enumerate(many, 1):
        a, b = 0.9 * a + 0.1 * g, 0.9 * b + 0.1 * g**2
        length = 19 - 2 * t * 0.9**t / (1 - 0.9**t)
        scale = np.sqrt((length - 4) * (length - 2) * 19 / (15 * 17 * length)) if length > 5 else 0
        root = np.sqrt(1 - 0.9**t) / (np.sqrt(b) + 1e-8) * scale if length > 5 else 1
        w -= 0.01 * a / (1 - 0.9**t) * root
    np.testing.assert_allclose(after(lambda m: nn.RAdam(m, 0.01, beta2=0.9), many), w)


def test_groups_have_options_of_their_own():
    def model():
        return {"head": {"w": START.copy(), "b": START.copy()}, "body": START.copy()}

    groups = {"head": {"rate": nn.exponential(0.2, 0.5), "decay": 0.0}, "head.b": {"rate": 0.5}}
    together, optimiser = model(), None
    optimiser = nn.Adam(together, 0.1, decay=0.1, groups=groups)
    apart = [(nn.Adam({"w": START.copy()}, nn.exponential(0.2, 0.5)), ("head", "w")),
             (nn.Adam({"w": START.copy()}, 0.5), ("head", "b")),
             (nn.Adam({"w": START.copy()}, 0.1, decay=0.1), ("body",))]  # fmt: skip
    for g in G:
        optimiser.step({"head": {"w": g, "b": g}, "body": g})
        for other, _ in apart:
            other.step({"w": g})
    for other, path in apart:
        found = together
        for key in path:
            found = found[key]
        np.testing.assert_array_equal(found, other.model["w"])
    other = nn.Adam(model(), 0.1, groups=groups)
    other.load_state(optimiser.state())
    with pytest.raises(ArgumentError, match="no part 'tail' of the model.*It has head.w"):
        nn.Adam(model(), groups={"tail": {"rate": 1}}).step(model())
    with pytest.raises(ArgumentError, match="momentum of 'head' needs state that SGD does not keep"):
        nn.SGD(model(), groups={"head": {"momentum": 0.9}}).step(model())
    with pytest.raises(ArgumentError, match="Adam has no option 'lr', of which groups speaks"):
        nn.Adam(model(), groups={"head": {"lr": 1}}).step(model())


OPTIMISERS = {
    "sgd": lambda m: nn.SGD(m, 0.1), "momentum": lambda m: nn.SGD(m, 0.1, momentum=0.9),
    "rmsprop": lambda m: nn.RMSProp(m, 1e-2), "adam": lambda m: nn.Adam(m, 1e-2), "adamw": lambda m: nn.AdamW(m, 1e-2),
    "amsgrad": lambda m: nn.Adam(m, 1e-2, amsgrad=True), "nadam": lambda m: nn.NAdam(m), "radam": lambda m: nn.RAdam(m),
    "adagrad": lambda m: nn.Adagrad(m), "adadelta": lambda m: nn.Adadelta(m), "lion": lambda m: nn.Lion(m),
    "centred": lambda m: nn.RMSProp(m, centred=True, momentum=0.9),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_state_goes_on(name):
    make = OPTIMISERS[name]
    model = {"w": START.copy()}
    first = make(model)
    first.step({"w": G[0]})
    state = {key: array.copy() for key, array in first.state().items()}
    assert state["steps"] == 1 and all(isinstance(array, np.ndarray) for array in state.values())
    other = {"w": model["w"].copy()}
    second = make(other)
    second.load_state(state)
    for optimiser in first, second:
        optimiser.step({"w": G[1]})
    np.testing.assert_array_equal(model["w"], other["w"])
    with pytest.raises(ArgumentError, match="does not fit"):
        make(other).load_state({**state, "third.w": G[0]})


def test_steps_are_in_place_and_float32():
    for make in OPTIMISERS.values():
        w = START.astype(np.float32)
        model = {"w": w}
        make(model).step({"w": G[0].astype(np.float32)})
        assert model["w"] is w and w.dtype == np.float32
        assert all(a.dtype == np.float32 for key, a in make(model).state().items() if key != "steps")


def test_gradients_that_do_not_fit():
    with pytest.raises(ArgumentError, match=r"w has shape \(3,\), its gradient has shape \(2,\)"):
        nn.SGD({"w": START}).step({"w": G[0][:2]})
    with pytest.raises(ArgumentError, match="w has shape .* its gradient has nothing"):
        nn.SGD({"w": START}).step({})


def test_value_and_gradient_are_no_gradient():
    with pytest.raises(ArgumentError, match="Of value and gradient pass the second"):
        nn.SGD({"w": START}).step((1.0, {"w": G[0]}))
    for rate in -0.1, "0.1":
        with pytest.raises(ArgumentError, match="the rate is .* not negative, or a schedule"):
            nn.SGD({"w": START}, rate)


def test_schedules():
    assert [nn.step_decay(1.0, 2, 0.5)(k) for k in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    cosine = nn.cosine(1.0, 10, 0.2)
    assert cosine(0) == 1 and cosine(5) == pytest.approx(0.6) and cosine(10) == cosine(99) == pytest.approx(0.2)
    warm = nn.warm_up(4, nn.cosine(1.0, 10))
    assert [warm(k) for k in range(5)] == [0.25, 0.5, 0.75, 1, 1] and warm(14) == pytest.approx(0)
    assert nn.warm_up(2, 0.5)(7) == 0.5
    decayed = after(lambda m: nn.SGD(m, nn.step_decay(1.0, 1)))
    np.testing.assert_allclose(decayed, START - G[0] - 0.1 * G[1] - 0.01 * G[2])


def test_more_schedules():
    assert [nn.multi_step(1.0, [1, 3], 0.5)(k) for k in range(5)] == [1, 0.5, 0.5, 0.25, 0.25]
    assert [nn.exponential(1.0, 0.5)(k) for k in range(3)] == [1, 0.5, 0.25]
    assert [nn.linear(1.0, 4, 0.2)(k) for k in (0, 2, 4, 9)] == pytest.approx([1, 0.6, 0.2, 0.2])
    assert nn.polynomial(1.0, 4, 2)(2) == 0.25
    again = nn.cosine_restarts(1.0, 2, 2)
    assert [again(k) for k in (0, 1, 2, 4, 6, 14)] == pytest.approx([1, 0.5, 1, 0.5, 1, 1])
    cycle = nn.one_cycle(1.0, 11, rise=0.4)
    assert [cycle(k) for k in (0, 3.4, 10)] == pytest.approx([0.04, 1, 4e-6]) and cycle(3) < 1 > cycle(4)


def test_gradients_are_added():
    total = None
    for g in G:
        total = nn.add_gradient(total, {"w": g.copy(), "b": None})
    np.testing.assert_array_equal(total["w"], sum(G))


def test_the_state_of_a_model():
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.BatchNorm(3))
    state = model.state()
    for array in nn.named_arrays(model).values():
        array += 1
    assert "layers.1.running_mean" in state and (state["layers.0.weight"] != model.layers[0].weight).all()
    model.load_state(state)
    assert all((array == state[name]).all() for name, array in nn.named_arrays(model).items())
    with pytest.raises(ArgumentError, match="the state does not fit Sequential: layers.0.bias"):
        model.load_state({name: array for name, array in state.items() if "bias" not in name})
    with pytest.raises(ArgumentError, match=r"layers.0.bias has shape \(3,\), and \(2,\) in the state"):
        model.load_state({**state, "layers.0.bias": np.ones(2)})


def test_an_optimiser_of_no_parameters():
    with pytest.raises(ArgumentError, match="the Dropout has no parameters"):
        nn.SGD(nn.Dropout(0.5))


def test_clipping():
    gradient = {"a": np.array([3.0, 0.0]), "b": [np.array([[4.0]]), None]}
    assert nn.clip_by_norm(gradient, 10) == 5 and gradient["a"][0] == 3
    assert nn.clip_by_norm(gradient, 1) == 5
    np.testing.assert_allclose([gradient["a"][0], gradient["b"][0][0, 0]], [0.6, 0.8])
    nn.clip_by_value(gradient, 0.7)
    np.testing.assert_allclose([gradient["a"][0], gradient["b"][0][0, 0]], [0.6, 0.7])


def test_scipy_minimises_over_a_model():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(1, 8, rng=rng), nn.tanh, nn.Dense(8, 1, rng=rng))
    model.freeze("layers.0.bias")
    x = np.linspace(-1, 1, 30, dtype=np.float32)[:, None]
    calls = []

    def loss(model, x, y):
        return nn.mse(model(x), y)

    result = nn.minimize(loss, model, x, np.sin(3 * x), options={"maxiter": 200}, callback=calls.append)
    assert loss(model, x, np.sin(3 * x)) == pytest.approx(result.fun) and result.fun < 1e-3 and calls
    assert not model.layers[0].bias.any()


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
