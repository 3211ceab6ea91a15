"""Models: names of parameters, freezing, casting, gradients of the same class; plain dataclasses and containers."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from srcgrad import check_grads, grad, hvp, nn, rule, stop_gradient, vjp
from srcgrad.errors import ArgumentError


def network():
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3, rng=rng), nn.BatchNorm(2), nn.relu, nn.flatten)
    return nn.Sequential(encoder, nn.Dropout(0.5, rng=rng), nn.Dense(32, 3, rng=rng))


X = np.random.default_rng(1).standard_normal((4, 4, 4, 1)).astype(np.float32)
LABELS = np.array([0, 1, 2, 1])


def loss(model, x, labels):
    return nn.cross_entropy(model(x), labels)


def test_names_and_summary():
    model = network()
    assert {name: array.shape for name, array in model.named_parameters().items()} == {
        "layers.0.layers.0.weight": (3, 3, 1, 2), "layers.0.layers.0.bias": (2,), "layers.0.layers.1.scale": (2,),
        "layers.0.layers.1.shift": (2,), "layers.2.weight": (32, 3), "layers.2.bias": (3,),
    }  # fmt: skip
    assert set(nn.named_arrays(model)) - set(model.named_parameters()) == {
        "layers.0.layers.1.running_mean", "layers.0.layers.1.running_variance",
    }  # fmt: skip
    lines = model.summary().splitlines()
    assert lines[0].split() == ["parameter", "shape", "dtype", "count"]
    assert lines[5].split() == ["layers.2.weight", "32", "x", "3", "float32", "96"]
    assert lines[-1].split() == ["total", "123"]
    assert "Dense(weight=float32[32, 3], bias=float32[3])" in repr(model)


def test_a_gradient_is_a_model():
    model = network()
    d_model = grad(loss)(model, X, LABELS)
    assert type(d_model) is nn.Sequential and type(d_model.layers[2]) is nn.Dense
    assert d_model.layers[0].layers[2] is None
    assert d_model.named_parameters().keys() == model.named_parameters().keys()
    assert nn.named_arrays(d_model).keys() == d_model.named_parameters().keys()


def test_training_and_use_compile_apart():
    model = network()
    gradient = grad(loss)
    gradient(model, X, LABELS)
    assert "random" in gradient.source
    gradient(model.eval(), X, LABELS)
    assert "random" not in gradient.source and not any(part.training for part in nn.module.modules(model))
    assert all(part.training for part in nn.module.modules(model.train()))


def test_what_is_frozen_is_left_alone():
    model = network()
    model.freeze("layers.0", "layers.2.bias")
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    nn.SGD(model, 0.1).step(grad(loss)(model, X, LABELS))
    changed = {name for name, array in model.named_parameters().items() if (array != before[name]).any()}
    assert changed == {"layers.2.weight"}
    assert "layers.0.layers.0.weight (frozen)" in model.summary()
    assert model.summary().splitlines()[-1].split() == ["trained", "96"]
    model.unfreeze("layers.0")
    assert model.frozen == ("layers.2.bias",)
    model.unfreeze()
    model.layers[0].freeze()
    assert set(nn.named_parameters(model, trainable=True)) == {"layers.2.weight", "layers.2.bias"}
    model.freeze().unfreeze("layers.2")
    assert set(nn.named_parameters(model, trainable=True)) == {"layers.2.weight", "layers.2.bias"}
    for change in model.freeze, model.unfreeze:
        with pytest.raises(ArgumentError, match="Sequential has no parameter 'layers.9'.*It has layers.0"):
            change("layers.9")


def test_what_is_frozen_is_not_differentiated():
    model = nn.Sequential(*(nn.Dense(3, 3, rng=k, dtype=float) for k in range(3)), np.tanh)
    x = np.random.default_rng(0).standard_normal((4, 3))

    def square(model, x):
        return np.mean(model(x) ** 2)

    gradient = grad(square)
    whole = gradient(model, x)
    gradient(model.freeze("layers.0", "layers.1.bias"), x)
    assert "layers[0].weight.T" not in gradient.source and gradient.source.count("sum(axis=0)") == 1
    d_model = gradient(model, x)
    assert d_model.layers[0] is None and d_model.layers[1].bias is None
    np.testing.assert_array_equal(d_model.layers[1].weight, whole.layers[1].weight)
    check_grads(square, (model, x), order=2)
    product = hvp(square)(model, x, whole)
    assert product.layers[0] is None and product.layers[2].bias.shape == (3,)
    with pytest.raises(ArgumentError, match=r"all of the argument 'model' is frozen.*\n.*model.unfreeze\(\)"):
        gradient(model.freeze(), x)
    gradient(model.unfreeze(), x)
    assert gradient.source.count("sum(axis=0)") == 3


def test_parts_of_a_field_that_is_a_container_may_be_frozen():
    @dataclass(eq=False)
    class Chain(nn.Module):
        weights: list
        scales: dict

        def __call__(self, x):
            for weight in self.weights:
                x = np.tanh(x @ weight)
            return x * self.scales["out"]

    model = Chain([np.eye(3), np.ones((3, 4))], {"out": np.ones(4), "other": np.ones(2)})
    model.freeze("weights.0", "scales")
    d_model = grad(lambda m, x: np.sum(m(x)))(model, np.ones((2, 3)))
    assert d_model.scales is None
    nn.SGD(model, 0.1).step(d_model)
    assert (model.weights[0] == np.eye(3)).all() and (model.weights[1] != 1).all()


def test_casting_copies():
    model = network()
    wide = model.astype(np.float64)
    assert {a.dtype for a in nn.named_arrays(wide).values()} == {np.dtype(float)}
    wide.layers[2].weight[:] = 0
    assert model.layers[2].weight.any() and wide.layers[0].layers[0].stride == (1, 1)
    assert grad(loss)(wide, X, LABELS).layers[2].weight.dtype == np.float64
    assert (model.to_numpy().layers[2].weight == model.layers[2].weight).all()
    assert model.eval().astype(np.float32).training is False


def test_to_cupy_says_what_is_missing():
    try:
        import cupy  # noqa: F401
    except ImportError:
        with pytest.raises(ArgumentError, match="CuPy, which is not installed.*pip install"):
            network().to_cupy()


@dataclass
class Plain:
    layers: tuple
    scales: dict
    name: str = "plain"
    power: int = field(default=2, metadata={"static": True})
    slope: float = field(default=0.1, metadata={"static": True})

    def __call__(self, x):
        for layer in self.layers:
            x = nn.leaky_relu(layer(x), self.slope)
        return x**self.power * self.scales["out"]


def test_plain_dataclasses_tuples_and_dicts():
    rng = np.random.default_rng(0)
    model = Plain((nn.Dense(6, 5, rng=rng, dtype=float), nn.Dense(5, 4, rng=rng, dtype=float)), {"out": np.ones(4)})
    x = rng.standard_normal((3, 6))
    check_grads(lambda m, x: np.sum(m(x)), (model, x))
    d_model = grad(lambda m, x: np.sum(m(x)))(model, x)
    assert type(d_model) is Plain and d_model.slope is None and d_model.name is None
    assert list(nn.named_parameters(model)) == [
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "scales.out",
    ]  # fmt: skip
    before = model.scales["out"].copy()
    nn.Adam(model, 0.1).step(d_model)
    assert (model.scales["out"] != before).all()


def test_modules_need_no_declaration():
    class Net(nn.Module):
        def __init__(self, deep):
            self.first = nn.Dense(3, 4, rng=0, dtype=float)
            if deep:
                self.more = [nn.Dense(4, 4, rng=1, dtype=float), nn.Dense(4, 4, rng=2, dtype=float)]
            self.width = 4

        def __call__(self, x):
            x = np.tanh(self.first(x))
            if self.more is not None:
                for layer in self.more:
                    x = np.tanh(layer(x))
            return x * self.width

    class Wider(Net):
        scale: np.ndarray

        def __init__(self):
            super().__init__(True)
            self.scale, self.last = np.ones(4), nn.Dense(4, 1, rng=3, dtype=float)

        def __call__(self, x):
            return self.last(Net.__call__(self, x) * self.scale)

    shallow, deep, wider = Net(False), Net(True), Wider()
    x = np.random.default_rng(0).standard_normal((5, 3))
    assert list(shallow.named_parameters()) == ["first.weight", "first.bias"]
    assert list(deep.named_parameters())[2:] == ["more.0.weight", "more.0.bias", "more.1.weight", "more.1.bias"]
    assert "scale" in wider.named_parameters() and "last.bias" in wider.named_parameters()
    for model in shallow, deep, wider:
        check_grads(lambda m, x: np.sum(m(x)), (model, x), order=1)
        d_model = grad(lambda m, x: np.sum(m(x)))(model, x)
        assert type(d_model) is type(model) and list(d_model.named_parameters()) == list(model.named_parameters())


def test_arrays_have_to_be_declared():
    class Scaled(nn.Module):
        def __init__(self):
            self.factor = np.ones(3)

    with pytest.raises(ArgumentError, match="Scaled.factor is an array that is not declared. Write `factor: np"):
        Scaled()


# ---- what the compiler does for models ------------------------------------------------------------------------------


def test_static_fields_are_constants_of_the_generated_code():
    model = Plain((), {"out": np.ones(4)})
    gradient = grad(lambda m, x: np.sum(m(x)))
    x = np.arange(4.0)
    np.testing.assert_array_equal(gradient(model, x).scales["out"], x**2)
    assert "m.power" not in gradient.source
    model.power = 3
    np.testing.assert_array_equal(gradient(model, x).scales["out"], x**3)
    model.note, model.training = 1.5, False  # attributes that are no fields
    assert type(gradient(model, x)) is Plain
    captured = grad(lambda x: np.sum(model(x)))
    np.testing.assert_array_equal(captured(x), 3 * x**2)
    model.power = 2
    np.testing.assert_array_equal(captured(x), 2 * x)
    _, pullback = vjp(lambda m, x: m(x), model, x)
    assert pullback(np.ones(4))[0].power is None


def test_models_to_second_order():
    model = nn.Dense(3, 2, rng=0, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((4, 3))

    def f(model):
        return np.sum(np.tanh(model(x)) ** 2)

    def of_gradient(model):
        d_model = grad(f)(model)
        return np.sum(d_model.weight**2) + np.sum(d_model.bias)

    check_grads(of_gradient, (model,), order=1)
    product = hvp(f)(model, model)
    assert type(product) is nn.Dense and product.weight.shape == (3, 2)


def test_a_function_with_a_rule_that_returns_nothing_is_an_effect():
    seen = []

    def note(x):
        seen.append(x.copy())

    rule(note, nondifferentiable=True, example=lambda x: None)

    def f(x):
        for k in range(2):
            x = np.sin(x) * k
            note(stop_gradient(x))
        return np.sum(x)

    gradient = grad(f)
    x = np.ones(2)
    gradient(x)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[1], np.sin(np.zeros(2)))
    assert gradient.source.count("note(") == 1
    gradient.value_and_grad(x)
    assert len(seen) == 4
    check_grads(f, (x,))


def test_slices_of_shapes_are_known():
    def f(x):
        rows, columns = x.shape[1:3]
        total = 0.0
        for i in range(2):
            total += np.sum(x[:, i : i + rows - 1, : columns - 1] ** 2)
        return total

    check_grads(f, (np.random.default_rng(0).standard_normal((2, 3, 4, 2)),))


def test_known_numbers_and_texts_are_decided_when_compiling():
    def f(x, rate=0.0, name="x"):
        if rate == 0.0:
            if x.shape[0] > 9:
                raise ValueError(f"{name} is long: {x.shape}")
            return np.sum(x * x)
        return np.sum(x) / rate

    gradient = grad(lambda x: f(x))
    np.testing.assert_array_equal(gradient(np.ones(2)), [2, 2])
    assert "0.0 == 0.0" not in gradient.source and 'f"x is long: {x.shape}"' in gradient.source
    np.testing.assert_array_equal(grad(lambda x: f(x, 0.5))(np.ones(2)), [2, 2])
