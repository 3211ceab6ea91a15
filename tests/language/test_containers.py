"""Nested lists, tuples, namedtuples, dicts and dataclasses: as arguments, in gradients, and inside programs."""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from srcgrad import grad, value_and_grad, vjp
from tests.support import Cases, assert_matches, check, compare

X4 = np.array([0.7, -0.4, 0.3, 0.9])
Y4 = np.array([-0.2, 0.8, 0.5, -0.6])
M34 = np.array([[0.2, -0.5, 0.8, 0.1], [0.6, 0.3, -0.7, 0.4], [-0.9, 0.5, 0.35, 1.1]])

CASES = Cases()

Layer = namedtuple("Layer", ["w", "b"])


class Body(NamedTuple):
    position: Any
    velocity: Any
    name: str = "body"


@dataclass
class Model:
    weight: Any
    bias: Any
    size: int = 4
    kind: str = "tanh"

    def __call__(self, x):
        y = x @ self.weight + self.bias
        return np.tanh(y) if self.kind == "tanh" else y


@dataclass(frozen=True)
class Network:
    layers: list
    scale: float = 1.0
    options: dict = field(default_factory=dict)


# -- arguments -------------------------------------------------------------------------------------------------------


@CASES([0.7, -0.4, 0.3])
def list_of_floats(items):
    total = 0.0
    for i, v in enumerate(items):
        total = total * v + v * i
    return total + items[0] * items[-1] * len(items)


@CASES((0.7, X4, 3))
def tuple_of_different_things(t):
    s, x, n = t
    for _ in range(n):
        s = s * np.sum(x * t[0])
    return s + t[1][1]


@CASES({"w": M34, "b": Y4, "n": 2})
def dict_of_parameters(params):
    y = params["b"]
    for _ in range(params["n"]):
        y = np.tanh(params["w"].T @ (params["w"] @ y) + params["b"])
    return np.sum(y * y)


@CASES([{"w": X4, "b": 0.5}, {"w": Y4, "b": -0.3}])
def list_of_dicts(layers):
    y = 1.0
    for layer in layers:
        y = np.sum(np.sin(layer["w"] * y)) + layer["b"]
    return y * layers[0]["b"]


@CASES([{"w": X4, "b": 0.5}, {"w": M34, "b": 1, "extra": "name"}])
def list_of_different_dicts(layers):
    first, second = layers
    return np.sum(first["w"] * second["w"] + first["b"]) * second["b"]


@CASES({"layers": [(M34, X4), (M34.T.copy(), Y4[:3].copy())], "scale": 0.5, "names": ["a", "b"], "none": None})
def nested_deeply(tree):
    y = tree["layers"][1][1]
    for w, b in tree["layers"]:
        y = np.tanh(y @ w + b)
    return np.sum(y) * tree["scale"] * len(tree["names"])


@CASES(Layer(M34, Y4), X4[:3].copy())
def named_tuple(layer, x):
    w, b = layer
    return np.sum(np.sin(x @ layer.w + b) * layer.b) + layer[1][0] * w[0, 0]


@CASES([Body(X4, Y4), Body(Y4, 0.5, "other")])
def list_of_named_tuples(bodies):
    total = 0.0
    for body in bodies:
        moved = body._replace(position=body.position + 0.1 * body.velocity) if False else body
        total = total + np.sum(moved.position * moved.velocity) * (2.0 if body.name == "other" else 1.0)
    return total


@CASES(Model(M34, Y4), X4[:3].copy())
def data_class(model, x):
    y = model(x)
    return np.sum(y * model.bias) * model.size


@CASES(Network([Model(M34, X4), Model(M34.T.copy(), X4[:3].copy(), 3, "linear")], 0.5, {"gain": 2.0}), X4[:3].copy())
def nested_data_classes(network, x):
    for layer in network.layers:
        x = layer(x) * network.scale
    return np.sum(x * x) * network.options["gain"]


@CASES([[0.7, -0.4], [0.3, 0.9, 0.1]])
def ragged_lists(rows):
    total = 0.0
    for i in range(len(rows)):
        for j in range(len(rows[i])):
            total = total * rows[i][0] + rows[i][j] ** 2
    return total


@CASES({1: 0.7, (0, 1): X4, "k": {"k": {"k": -0.4}}})
def keys_of_every_kind(d):
    return d[1] * np.sum(d[0, 1]) + d["k"]["k"]["k"] * d[(0, 1)][0]


@CASES([X4, Y4, X4 * Y4])
def list_of_arrays(xs):
    total = np.zeros(4)
    for x in xs:
        total = total * 0.5 + x * x
    return np.sum(total * xs[1]) + np.sum(sum(xs) ** 2) + np.sum(np.stack(xs)[1:] ** 3)


@CASES([0.7, -0.4], [0.3, 0.9])
def unused_leaves(a, b):
    return a[1] * a[1]


@CASES({"a": X4, "b": Y4})
def dict_iterated(params):
    total = 0.0
    for name, value in params.items():
        total = total + np.sum(value * value) * (2 if name == "a" else 3)
    for value in params.values():
        total = total + value[0] * total
    return total + sum(np.sum(v) for v in params.values()) + len(params)


# -- inside programs -------------------------------------------------------------------------------------------------


@CASES(X4, 0.8)
def tuples_made_and_taken_apart(x, s):
    pair = (x * s, s)
    both = pair + (x,)
    a, b, c = both
    state = (a, (b, c))
    for _ in range(2):
        state = (state[0] * state[1][0], (state[1][0] + 0.1, state[0]))
    return np.sum(state[0] * state[1][1]) * both[1] + np.sum(both[-1])


@CASES(X4, 0.8)
def dicts_rebuilt_in_a_loop(x, s):
    params = {"w": x, "b": s}
    for i in range(3):
        params = {name: value * s + i for name, value in params.items()}
    return np.sum(params["w"] * params["b"])


@CASES([{"w": X4, "b": 0.5}, {"w": Y4, "b": -0.3}], 0.1)
def updated_parameters(layers, rate):
    new = [{k: v - rate * v * v for k, v in layer.items()} for layer in layers]
    return sum(np.sum(layer["w"]) * layer["b"] for layer in new)


@CASES([0.7, -0.4, 0.3], 0.5)
def list_written(items, s):
    items[1] = items[0] * s
    items.append(items[1] * items[2])
    items[0] *= 2
    return sum(items) * items[3]


@CASES({"x": X4, "n": 0.5}, 0.5)
def dict_written(d, s):
    d["x"][1] = s * s
    d["n"] = d["n"] * np.sum(d["x"])
    d["new"] = d["n"] * s
    return d["new"] * d["n"]


@CASES([X4, Y4], 0.5)
def arrays_of_a_list_written(xs, s):
    xs[0][1] = s * xs[1][2]
    xs[1] *= s
    first = xs[0]
    first += xs[1]
    return np.sum(xs[0] * xs[1])


@CASES(X4)
def lists_of_lists(x):
    grid = [[x[i] * x[j] for j in range(3)] for i in range(3)]
    grid[1][2] = grid[0][0] * 2
    for row in grid:
        row[0] = row[1] * row[2]
    return sum(sum(row) for row in grid) * grid[2][0]


@CASES(X4)
def list_repeated_and_joined(x):
    zeros = [0.0] * 3
    zeros[1] = x[0]
    both = zeros + [x[1], x[2] * x[3]]
    both = both[1:] + both[:1]
    twice = [x[2]] * 2
    twice[0] *= 3
    return sum(both) * both[0] + both[2] * both[3] + twice[0] * twice[1]


@CASES(X4)
def membership_and_length(x):
    d = {"a": x[0]}
    items = [x[1], x[2]]
    if "a" in d and "b" not in d and len(items) == 2 and items:
        d["b"] = items[0] * d["a"]
    return d["b"] * len(d) + (x[0] if not [] else 0.0)


@CASES(X4, 0.8)
def named_tuples_made_inside(x, s):
    layer = Layer(w=x * s, b=s)
    body = Body(layer.w, layer)
    return np.sum(body.position * body.velocity.w) * layer.b


test_containers = CASES.test()


# -- gradients -------------------------------------------------------------------------------------------------------


def test_gradient_has_the_structure_of_its_argument():
    tree = {"a": [0.5, (X4, 3, None)], "b": Layer(Y4, "text"), "c": Model(M34, 0.5), "d": [], "e": True}

    def f(tree):
        return np.sum(tree["a"][0] * tree["a"][1][0] + tree["b"].w) * tree["c"].bias

    d_tree = grad(f)(tree)
    assert_matches(tree, d_tree)
    assert list(d_tree) == list(tree)
    assert isinstance(d_tree["b"], Layer) and isinstance(d_tree["c"], Model)
    assert d_tree["a"][1][1] is None and d_tree["a"][1][2] is None and d_tree["b"].b is None and d_tree["e"] is None
    np.testing.assert_array_equal(d_tree["c"].weight, 0 * M34)
    assert d_tree["c"].size is None


def test_integer_leaves_get_none():
    def f(params):
        return np.sum(params["x"]) * params["n"]

    d = grad(f)({"x": X4, "n": 3, "k": np.array([1, 2])})
    assert d["n"] is None and d["k"] is None
    np.testing.assert_array_equal(d["x"], 3.0)


def test_argnums_picks_among_containers():
    def f(a, b, c):
        return a["x"] * b[0] * c.b

    assert grad(f, argnums=1)({"x": 2.0}, [3.0], Layer(1.0, 5.0)) == [10.0]
    d_c, d_a = grad(f, argnums=(2, 0))({"x": 2.0}, [3.0], Layer(1.0, 5.0))
    assert d_a == {"x": 15.0} and d_c == Layer(0.0, 6.0)


def test_lengths_may_change_between_calls():
    def f(items):
        total = 1.0
        for v in items:
            total = total * v
        return total

    g = grad(f)
    for n in (1, 2, 5, 3):
        items = [1.0 + 0.1 * k for k in range(n)]
        got = g(items)
        assert len(got) == n
        compare(f, (items,), (0,), (got,))


def test_keys_and_kinds_may_change_between_calls():
    def f(params):
        total = 0.0
        for value in params.values():
            total = total + np.sum(value * value)
        return total

    g = value_and_grad(f)
    for params in ({"a": X4}, {"b": Y4, "c": 0.5}, {"c": 0.5, "b": M34}, {"a": 0.25}, {"a": X4.astype(np.float32)}):
        value, d = g(params)
        assert value == f(params)
        assert_matches(params, d)
        for key in params:
            np.testing.assert_allclose(d[key], 2 * params[key], rtol=1e-6)


@pytest.mark.parametrize("result", ["tuple", "list", "dict", "namedtuple", "nested"])
def test_vjp_of_containers_takes_cotangents_of_the_same_structure(result):
    def as_tuple(x, s):
        return x * s, np.sum(x * x)

    def as_list(x, s):
        return [x * s, np.sum(x * x)]

    def as_dict(x, s):
        return {"y": x * s, "e": np.sum(x * x)}

    def as_named(x, s):
        return Layer(x * s, np.sum(x * x))

    def as_nested(x, s):
        y = x * s
        y[0] *= 2
        return {"a": [y, (s, 3)], "e": np.sum(x * x)}

    w, e = Y4, 0.5
    f, cotangent, weigh = {
        "tuple": (as_tuple, (w, e), lambda r: np.sum(r[0] * w) + r[1] * e),
        "list": (as_list, [w, e], lambda r: np.sum(r[0] * w) + r[1] * e),
        "dict": (as_dict, {"y": w, "e": e}, lambda r: np.sum(r["y"] * w) + r["e"] * e),
        "namedtuple": (as_named, Layer(w, e), lambda r: np.sum(r[0] * w) + r[1] * e),
        "nested": (as_nested, {"a": [w, (2.0, None)], "e": e},
                   lambda r: np.sum(r["a"][0] * w) + 2 * r["a"][1][0] + r["e"] * e),
    }[result]
    out, pullback = vjp(f, X4, 0.8)
    assert type(out) is type(f(X4, 0.8))
    for _ in range(2):
        compare(f, (X4, 0.8), (0, 1), pullback(cotangent), value=lambda x, s: float(weigh(f(x, s))))


def test_same_list_twice_in_an_argument():
    def f(pair):
        return np.sum(pair[0] * pair[1])

    shared = X4.copy()
    d = grad(f)([shared, shared])
    np.testing.assert_allclose(d[0], X4)
    np.testing.assert_allclose(d[1], X4)
    assert not np.shares_memory(d[0], d[1])


def test_program_with_many_leaves():
    def f(layers):
        y = X4
        for layer in layers:
            y = np.tanh(layer["w"] * y + layer["b"])
        return np.sum(y)

    check(f, [{"w": X4 + k, "b": Y4 * k} for k in range(1, 12)])
