"""Jacobians: both modes against central differences and each other, structures, shapes, dtypes, options."""

import pickle
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcgrad import gauss_newton_vp, grad, hessian, jacfwd, jacobian, jacrev
from tests.matrices.tools import assert_jacobian, numeric_jacobian, programs
from tests.support import assert_same, float_leaves

MODES = [jacobian, jacfwd, jacrev]
X = np.array([0.3, 0.7, 1.1])
A = np.arange(6.0).reshape(2, 3) / 5


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from([None, 1, 2, 7]))
def test_of_generated_programs_is_that_of_central_differences(program, chunk_size):
    f, arg = program
    expected = numeric_jacobian(f, arg)
    out = f(arg)
    for mode in ("auto", "forward", "reverse"):
        found = jacobian(f, mode=mode, chunk_size=chunk_size)(arg)
        assert_jacobian(found, out, arg, expected)


def linear(x):
    return A @ x


def looped(x):
    y = np.zeros((len(x), 2))
    for i in range(len(x)):
        if x[i] > 0.5:
            y[i] = x[i] * x[0], np.sin(x[i])
        else:
            y[i, 1] = x[i] ** 3
    y[1:] *= y[:-1]
    return y


def overwrites(x):
    x *= 2.0
    x[1:] += np.sin(x[:-1])
    return x * x


def recursive(x, n=3):
    return x if n == 0 else np.sin(recursive(x, n - 1)) * x


def counted(x):
    trips = 0
    while np.linalg.norm(x) < 10:
        x = x * 2
        trips += 1
    return {"x": x, "trips": trips, "norm": np.linalg.norm(x)}


@pytest.mark.parametrize("f", [linear, looped, overwrites, recursive, counted])
@pytest.mark.parametrize("op", MODES)
def test_of_programs(op, f):
    x = X.copy()
    assert_jacobian(op(f)(x), f(X.copy()), X, numeric_jacobian(f, X))
    assert_same(X, x)


@pytest.mark.parametrize("op", MODES)
def test_structure_is_the_results_and_in_it_the_arguments(op):
    Pair = namedtuple("Pair", "a b")

    @dataclass
    class Model:
        w: np.ndarray
        scale: float
        name: str

    def f(m, p):
        return {"y": m.w @ p.a * m.scale, "more": [p.b[0], None, 3], "n": (m.scale, "text")}

    m, p = Model(A.copy(), 2.0, "m"), Pair(X.copy(), [0.5, 2])
    found = op(f, argnums=(0, "p"))(m, p)
    assert type(found) is dict and type(found["more"]) is list and type(found["n"]) is tuple
    by_m, by_p = found["y"]
    assert type(by_m) is Model and type(by_p) is Pair and type(by_p.b) is list
    assert by_m.w.shape == (2, 2, 3) and by_m.scale.shape == (2,) and by_m.name is None
    np.testing.assert_allclose(by_m.scale, A @ X)
    np.testing.assert_allclose(by_p.a, 2 * A)
    assert found["more"][1] is None and found["more"][2] is None and found["n"][1] is None
    assert by_p.b[0].shape == (2,) and found["more"][0][1].b[0] == 1.0
    np.testing.assert_array_equal(found["n"][0][0].w, np.zeros((2, 3)))
    assert m.name == "m"
    assert type(op(f)(m, p)["y"]) is Model
    assert isinstance(op(f, argnums=("p",))(m, p)["y"], tuple)


@pytest.mark.parametrize("op", MODES)
@pytest.mark.parametrize("x, y, shape", [
    (2.0, 3.0, ()), (np.array(2.0), 3.0, ()), (np.float64(2.0), np.ones(2), (2,)), (1.0, np.ones(0), (0,)),
    (np.ones((0,)), np.ones((2, 1)), (2, 0, 0)), (np.ones((2, 1)), np.ones((0, 1, 3)), (0, 2, 3, 2, 1)),
    (np.ones((2, 0)), 1.0, (2, 0, 2, 0)),
])  # fmt: skip
def test_shapes_are_those_of_result_and_argument(op, x, y, shape):
    found = op(lambda x, y: np.sin(x) * y)(x, y)
    assert type(found) is np.ndarray and found.shape == shape and found.dtype == np.float64
    if shape == ():
        np.testing.assert_allclose(found, np.cos(2.0) * 3.0)


@pytest.mark.parametrize("op", MODES)
@pytest.mark.parametrize("argument, other, dtype", [
    (np.ones(3, np.float32), np.ones(3, np.float32), np.float32),
    (np.ones(3, np.float32), 2.0, np.float32),
    (2.0, np.ones(3, np.float32), np.float32),
    (np.float32(2.0), np.ones(3, np.float32), np.float32),
    (np.ones(3, np.float32), np.ones(3), np.float64),
    (np.ones(3), np.ones(3, np.float32), np.float64),
])  # fmt: skip
def test_dtype_is_that_of_result_and_argument(op, argument, other, dtype):
    argument = argument * 1.3  # the same type again
    found = op(lambda a, b: a * a * b)(argument, other)
    assert found.dtype == dtype
    where = np.asarray(argument, float)
    rows = 2 * where * np.asarray(other, float) * np.ones(3)
    np.testing.assert_allclose(found, np.diag(rows) if where.ndim else rows, rtol=2e-6)


def test_auto_takes_the_mode_with_fewer_sweeps():
    def tall(x):
        return np.outer(x, x)

    def wide(x):
        return x.sum() * x[:2]

    for f, ending in ((tall, "_jvp"), (wide, "_vjp"), (linear, "_vjp"), (recursive, "_jvp")):
        j = jacobian(f)
        j(X)
        assert f"def {f.__name__}{ending}(" in j.source, j.source
    j = jacobian(wide)
    j(X[:2])  # as many results as inputs
    assert "def wide_jvp(" in j.source


@pytest.mark.parametrize("op", MODES)
def test_keywords_are_passed_and_star_arguments_counted(op):
    def f(x, *more, power=2, **named):
        return x ** power * more[1] * named["scale"]

    found = op(f, argnums=(2, 0))(X, 1.0, X + 1, power=3, scale=2.0)
    np.testing.assert_allclose(found[0], np.diag(2 * X**3), atol=1e-12)
    np.testing.assert_allclose(found[1], np.diag(6 * X**2 * (X + 1)), atol=1e-12)
    by_name = op(f, argnums="scale")(X, 1.0, X + 1, power=3, scale=2.0)
    np.testing.assert_allclose(by_name, X**3 * (X + 1))
    np.testing.assert_allclose(op(f, argnums=-1)(X, 1.0, X, scale=1.0), np.diag(X**2), atol=1e-12)


def test_auto_counts_only_what_is_differentiated_by():
    def f(*xs):
        return xs[0] * xs[1].sum()

    j = jacobian(f, argnums=0)
    np.testing.assert_allclose(j(X, np.ones(50)), 50 * np.eye(3))
    assert "def f_jvp(" in j.source


@pytest.mark.parametrize("op", MODES)
def test_aux_is_passed_through(op):
    def f(x):
        y = x * x
        return {"y": y}, {"norm": np.sum(y), "label": "a"}

    found, aux = op(f, has_aux=True)(X)
    np.testing.assert_allclose(found["y"], np.diag(2 * X), atol=1e-12)
    assert aux == {"norm": np.sum(X * X), "label": "a"}


@pytest.mark.parametrize("op", MODES)
def test_methods_partials_closures_and_decorators(op):
    class Net:
        def __init__(self, w):
            self.w = w

        @op
        def of_self(self, x):
            return self.w @ x

        def call(self, x):
            return np.tanh(self.w @ x)

    net = Net(A)
    expected = (1 - np.tanh(A @ X) ** 2)[:, None] * A
    np.testing.assert_allclose(op(net.call)(X), expected)
    np.testing.assert_allclose(op(Net.call, argnums="x")(net, X), expected)

    @op(argnums=1)
    def scaled(s, x):
        return s * x * x

    np.testing.assert_allclose(scaled(3.0, X), np.diag(6 * X), atol=1e-12)
    assert scaled.__name__ == "scaled" and scaled.primal(3.0, 2.0) == 12.0 and scaled.argnums == 1
    with pytest.raises(TypeError, match="self"):
        net.of_self(X)  # argnums count the object

    from functools import partial
    np.testing.assert_allclose(op(partial(scaled.primal, 3.0))(X), np.diag(6 * X), atol=1e-12)


def test_source_before_a_call_is_for_arrays_and_then_that_of_the_last_call():
    j = jacfwd(looped)
    assert "def looped_jvp(x, x_dot)" in j.source
    assert "def looped_vjp(x, d_out)" in jacrev(looped).source
    j = jacobian(recursive)
    assert "recursive" in j.source
    text = j.source_for(X)
    j(X)
    assert j.source == text
    assert repr(jacfwd(looped)) == "<srcgrad forward Jacobian of looped>"
    assert repr(jacobian(looped, argnums="x")) == "<srcgrad Jacobian of looped by argnums='x'>"


def test_pickles():
    j = pickle.loads(pickle.dumps(jacobian(linear, mode="reverse", chunk_size=2)))
    np.testing.assert_allclose(j(X), A)
    assert j.mode == "reverse" and repr(j) == repr(jacrev(linear))


@pytest.mark.parametrize("outer", [jacfwd, jacrev])
@pytest.mark.parametrize("inner", [jacfwd, jacrev])
def test_of_a_jacobian_is_the_second_derivative(outer, inner):
    def f(p):
        return {"y": np.sin(p["a"]) * p["b"] * p["a"].sum(), "n": 2}

    p = {"a": X[:2].copy(), "b": 1.5}
    first = jacobian(f)
    twice = outer(inner(f))
    expected = numeric_jacobian(first, p)
    found = twice(p)
    assert found["n"] is None
    for place, path in expected:
        block = found["y"][place[1]][path[0]]
        np.testing.assert_allclose(block, expected[place, path], rtol=1e-6, atol=1e-7)
        assert block.shape == expected[place, path].shape
    assert len(list(float_leaves(first(p)))) == 2


@pytest.mark.parametrize("outer", MODES)
def test_of_a_gradient_and_third_derivatives(outer):
    def f(x, y):
        s = 0.0
        for i in range(len(x)):
            s += x[i] ** 3 * y * x[0]
        return s

    H = numeric_jacobian(lambda x: grad(f)(x, 2.0), X)[(), ()]
    np.testing.assert_allclose(outer(grad(f))(X, 2.0), H, rtol=1e-6, atol=1e-7)
    third = numeric_jacobian(lambda x: jacfwd(grad(f))(x, 2.0), X)[(), ()]
    np.testing.assert_allclose(outer(jacfwd(grad(f)))(X, 2.0), third, rtol=1e-6, atol=1e-7)
    mixed = outer(grad(f, argnums=(0, 1)), argnums=1)(X, 2.0)
    assert isinstance(mixed, tuple) and mixed[0].shape == (3,) and mixed[1].shape == ()
    np.testing.assert_allclose(mixed[0], grad(f)(X, 2.0) / 2.0)


def test_linear_functions_of_many_numbers_are_taken_in_chunks():
    x = np.linspace(0, 1, 50)
    for size in (1, 3, 50, 1000):
        np.testing.assert_array_equal(jacfwd(lambda x: np.cumsum(x), chunk_size=size)(x), np.tril(np.ones((50, 50))))
        np.testing.assert_array_equal(jacrev(lambda x: np.cumsum(x), chunk_size=size)(x), np.tril(np.ones((50, 50))))


def noisy(x, rng):
    return x * rng.standard_normal(3) + x.sum() * rng.uniform()


@pytest.mark.parametrize("op", [*MODES, lambda f: jacfwd(f, chunk_size=1), lambda f: jacrev(f, chunk_size=2)])
def test_random_numbers_are_the_same_in_each_sweep(op):
    seen = np.random.default_rng(1)
    draws, shift = seen.standard_normal(3), seen.uniform()
    expected = np.diag(draws) + shift
    rng = np.random.default_rng(1)
    np.testing.assert_allclose(op(noisy)(X, rng), expected)
    assert rng.uniform() == seen.uniform()  # one run's worth has been drawn
    held = {"rngs": [np.random.default_rng(1)]}
    np.testing.assert_allclose(op(lambda x, o: noisy(x, o["rngs"][0]))(X, held), expected)


def test_random_numbers_are_the_same_in_products_and_second_derivatives():
    def f(x, rng):
        return np.sum(x**3 * rng.standard_normal(3))

    draws = np.random.default_rng(1).standard_normal(3)
    for op in (hessian, lambda f: jacrev(grad(f)), lambda f: jacfwd(jacrev(f)), lambda f: jacrev(jacfwd(f))):
        np.testing.assert_allclose(op(f)(X, np.random.default_rng(1)), np.diag(6 * X * draws), atol=1e-14)
    np.testing.assert_allclose(jacfwd(hessian(f))(X, np.random.default_rng(1))[1, 1, 1], 6 * draws[1])
    J = np.diag(np.random.default_rng(1).standard_normal(3)) + 0.0
    found = gauss_newton_vp(lambda x, rng: x * rng.standard_normal(3))(X, np.random.default_rng(1), X)
    np.testing.assert_allclose(found, J.T @ J @ X)
