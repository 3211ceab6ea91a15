"""Callables that bring something with them (methods, partials, globals), and whose memory is whose."""

import functools
import math

import numpy as np
import pytest

import srcgrad
from srcgrad import grad, value_and_grad, vjp
from srcgrad.errors import ArgumentError
from tests.support import check, load

X3 = np.array([0.5, -1.0, 2.0])
W3 = np.array([1.0, 3.0, -2.0])


def energy(x, w=1.0):
    return 0.5 * np.sum(w * x * x)


# -- callables with something inside ---------------------------------------------------------------------------------


class Spring:
    stiffness = 2.0

    def __init__(self, rest):
        self.rest = rest

    def energy(self, x):
        return 0.5 * self.stiffness * np.sum((x - self.rest) ** 2)

    def __call__(self, x, scale=1.0):
        return self.energy(x) * scale

    @classmethod
    def quadratic(cls, x):
        return cls.stiffness * x * x

    @grad(argnums="x")
    def force(self, x):
        return self.energy(x)


def test_methods_partials_and_objects(monkeypatch):
    spring = Spring(np.ones(3))
    for f, expected in [
        (spring.energy, 2 * (X3 - 1)),
        (spring, 2 * (X3 - 1)),
        (functools.partial(spring, scale=3.0), 6 * (X3 - 1)),
        (functools.partial(Spring.energy, spring), 2 * (X3 - 1)),
        (functools.partial(functools.partial(energy), w=W3), W3 * X3),
    ]:
        np.testing.assert_allclose(grad(f)(X3), expected)
        np.testing.assert_allclose(value_and_grad(f)(X3)[1], expected)
    assert grad(Spring.quadratic)(3.0) == 12.0
    np.testing.assert_allclose(spring.force(X3), 2 * (X3 - 1))
    np.testing.assert_allclose(spring.force.value_and_grad(X3)[0], spring.energy(X3))
    g = grad(spring.energy)
    np.testing.assert_allclose(g(X3), 2 * (X3 - 1))
    spring.rest = 0.0  # read when called, and of another kind
    monkeypatch.setattr(Spring, "stiffness", 4.0)
    np.testing.assert_allclose(g(X3), 4 * X3)
    d_spring = grad(Spring.energy)(spring, X3)
    assert type(d_spring) is Spring and d_spring.rest == pytest.approx(-4 * np.sum(X3))


def test_argnums_count_into_the_star():
    def f(x, *rest, scale=1.0):
        return x * rest[0] * rest[1] ** 2 * scale

    assert grad(f, argnums=2)(2.0, 3.0, 5.0) == 60.0
    assert grad(f, argnums=-1)(2.0, 3.0, 5.0) == 60.0
    assert grad(f, argnums="rest")(2.0, 3.0, 5.0) == (50.0, 60.0)
    assert grad(f, argnums=(0, "scale"))(2.0, 3.0, 5.0, scale=2.0) == (150.0, 150.0)
    with pytest.raises(ArgumentError):
        grad(f, argnums=3)(2.0, 3.0, 5.0)

    def g(x, **options):
        return x * options["w"]

    assert grad(g, argnums="w")(2.0, w=3.0) == 2.0


# -- captured values -------------------------------------------------------------------------------------------------

RATE = 0.5
OFFSETS = np.array([1.0, 2.0, 3.0])


def reads_globals(x):
    return np.sum(x * x * OFFSETS) * RATE


def test_globals_are_read_when_called(monkeypatch):
    g = grad(reads_globals)
    np.testing.assert_allclose(g(X3), X3 * OFFSETS)
    monkeypatch.setitem(globals(), "RATE", 2)
    np.testing.assert_allclose(g(X3), 4 * X3 * OFFSETS)
    monkeypatch.setitem(globals(), "OFFSETS", 3.0)
    np.testing.assert_allclose(g(X3), 12 * X3)


def test_a_builtin_that_is_shadowed_later(monkeypatch):
    f = load("def f(x):\n    return max(x, 1.0) * x\n")
    g = grad(f)
    assert g(3.0) == 6.0
    f.__globals__["max"] = lambda a, b: a * a
    assert g(3.0) == 27.0


def test_a_function_made_anew_is_compiled_once(monkeypatch):
    import srcgrad.api.gradient as module

    compiled = []
    original = module.compile_gradient
    monkeypatch.setattr(module, "compile_gradient", lambda *args: compiled.append(1) or original(*args))
    for k in (1.0, 2.0, 3.0):
        assert grad(lambda x, k=k: x * x * k)(2.0) == 4 * k
        assert grad(lambda x: x * x * k)(2.0) == 4 * k  # noqa: B023
    assert len(compiled) == 2


def test_writes_to_what_is_not_an_argument_are_refused():
    def f(x):
        OFFSETS[0] = x
        return np.sum(OFFSETS) * x

    with pytest.raises(srcgrad.errors.UnsupportedError, match="OFFSETS"):
        grad(f)(2.0)
    assert OFFSETS[0] == 1.0


def test_emitted_module_of_a_function_that_reads_globals():
    namespace = {}
    exec(srcgrad.emit(reads_globals), namespace)
    np.testing.assert_array_equal(namespace["reads_globals_grad"](X3), grad(reads_globals)(X3))

    def options(x, model, *, scale=2.0):
        return np.sum(x * model.rest) * scale

    text = srcgrad.emit(options, args=(X3, Spring(W3)))
    namespace = {}
    exec(text, namespace)
    np.testing.assert_array_equal(namespace["options_grad"](X3, Spring(W3), scale=3.0), 3 * W3)


# -- what comes back belongs to the caller ---------------------------------------------------------------------------


def test_gradients_share_no_memory():
    def same(x, y):
        return np.sum(x + y)

    def given_back(x):
        return x

    d_x, d_y = grad(same, argnums=(0, 1))(X3, W3)
    assert not np.shares_memory(d_x, d_y)
    w = np.ones(3)
    _, pullback = vjp(given_back, X3)
    (d_x,) = pullback(w)
    assert not np.shares_memory(d_x, w) and not np.shares_memory(d_x, X3)
    d_x[0] = 5.0
    np.testing.assert_array_equal(pullback(w)[0], w)


def test_written_leaves_of_containers_are_copied():
    def f(params):
        w = params["w"]
        w -= 1.0
        params["b"][0] = w[1]
        return np.sum(w * params["b"])

    params = {"w": X3.copy(), "b": W3.copy()}
    d = grad(f)(params)
    np.testing.assert_array_equal(params["w"], X3)
    np.testing.assert_array_equal(params["b"], W3)
    np.testing.assert_allclose(d["w"], [X3[1] - 1, W3[1] + X3[0] - 1, W3[2]])
    np.testing.assert_allclose(d["b"], [0, *(X3 - 1)[1:]])
    with pytest.raises(ArgumentError, match="share memory"):
        grad(f)({"w": params["w"], "b": params["w"]})


# -- failures of the compiler ----------------------------------------------------------------------------------------


def test_internal_failures_name_the_function(monkeypatch):
    import srcgrad.api.gradient as module

    def broken(*args):
        raise KeyError("nothing")

    monkeypatch.setattr(module, "compile_gradient", broken)

    def fresh(x):
        return x * 3.0

    with pytest.raises(srcgrad.errors.InternalError, match="report") as info:
        grad(fresh)(2.0)
    assert "fresh" in str(info.value) and "^" in str(info.value)
    assert isinstance(info.value.__cause__, KeyError)


def test_calls_cost_little():
    import timeit

    def f(x, y):
        return np.sum(x * y)

    g = grad(f, argnums=(0, 1))
    g(X3, W3)
    call = g._last.call
    both = min(timeit.repeat(lambda: g(X3, W3), number=2000, repeat=7))
    alone = min(timeit.repeat(lambda: call(X3, W3), number=2000, repeat=7))
    assert (both - alone) / 2000 < 3e-6 * 3  # a loaded machine is no reason to fail; alone it is 1 microsecond


# -- functions of libraries that have a rule ---------------------------------------------------------------------------


@pytest.mark.parametrize("f, args", [
    (np.sin, (0.3,)), (math.exp, (0.3,)), (np.sum, (np.arange(3.0),)), (np.linalg.norm, (np.arange(1.0, 4.0),)),
    (np.dot, (np.arange(3.0), np.ones(3))), (np.hypot, (0.3, 0.4)), (np.prod, (np.array([2.0, 3.0, 0.5]),)),
])
def test_functions_of_numpy_are_differentiated_themselves(f, args):
    check(f, *args)


def test_and_their_derivatives_again():
    x = np.array([0.3, -0.2])
    np.testing.assert_allclose(srcgrad.elementwise_grad(srcgrad.elementwise_grad(np.sin))(x), -np.sin(x))
    np.testing.assert_allclose(srcgrad.hessian(np.prod)(x), [[0, 1], [1, 0]])
    check(lambda x: np.sum(srcgrad.elementwise_grad(np.tanh)(x)) + srcgrad.jvp(np.sum, (x,), (x * x,))[1], x)


def test_functions_of_numpy_without_a_rule_are_refused():
    for f in (np.percentile, print):
        with pytest.raises(srcgrad.SrcgradError):
            srcgrad.grad(f)(np.ones(3))
