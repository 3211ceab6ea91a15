"""numerical and stop_gradient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import srcgrad
from srcgrad import emit, grad, numerical, stop_gradient
from srcgrad.errors import AliasError, ArgumentError, KindError, NoRuleError, UnsupportedError
from tests.support import assert_refused, check, load

X = np.array([0.3, -0.7, 1.1])


def hidden(text, name="f"):
    """A function without source."""
    namespace = {"np": np}
    exec(compile(text, "<nowhere>", "exec"), namespace)
    return namespace[name]


@numerical
def module_level(x):
    return np.tanh(x) * 2


wave = hidden("def f(x, y, n=2, mode='plain'):\n    return np.tanh(x * y) ** n if mode == 'plain' else x")


# -- numerical -------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([((3,), (3,)), ((2, 3), (3,)), ((), (4,)), ((2,), ()), ((), ())]), st.integers(0, 2**16))
def test_gradients_of_what_cannot_be_read(shapes, seed):
    rng = np.random.default_rng(seed)
    args = [np.asarray(rng.uniform(0.3, 1.0, shape)) for shape in shapes]
    args = [a if a.shape else float(a) for a in args]
    opaque = numerical(wave)

    def f(x, y):
        z = opaque(x * x, y)
        return np.sum(np.sin(z) * opaque(x, y + 1, n=3))

    check(f, *args, rtol=1e-5)


def test_the_source_says_so():
    opaque = numerical(wave, eps=1e-4)

    def f(x):
        return np.sum(opaque(x, 2.0) ** 2)

    source = grad(f).source_for(X)
    assert "numerical_vjp(opaque, " in source
    assert "eps=0.0001" in source
    assert "central differences" in source
    assert opaque(X, 1.0) is not None
    np.testing.assert_array_equal(opaque(X, 2.0), wave(X, 2.0))
    check(f, X, rtol=1e-4)


def test_what_is_no_float_is_passed_on():
    opaque = numerical(wave)
    check(lambda x: np.sum(opaque(x, 2, 3) + opaque(x, 1.5, mode="other")), X, rtol=1e-5)


def test_any_number_of_arguments():
    total = numerical(hidden("def f(*parts):\n    return parts[0] * parts[-1]"))
    check(lambda x, y: np.sum(total(x, y) * total(y, x, np.sin(x))), X, X + 1, rtol=1e-5)


def test_in_loops_and_branches():
    opaque = numerical(hidden("def f(x):\n    return np.sqrt(1 + x * x)"))

    def f(x):
        for k in range(3):
            if k != 1:
                x = opaque(x) * np.cos(x)
        x[0] = opaque(x[1])
        return np.sum(x)

    check(lambda x: f(x * 1.0), X, rtol=1e-5)


def test_single_precision():
    opaque = numerical(hidden("def f(x):\n    return x * x"))
    got = grad(lambda x: np.sum(opaque(x)))(X.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, 2 * X, rtol=1e-2)


def test_emit_imports_the_function():
    module = emit(lambda x: np.sum(module_level(x) ** 2), args=(X,))
    assert f"from {__name__} import module_level" in module
    assert "def numerical_vjp(" in module


def test_the_source_is_linear_in_the_adjoint():
    """What is printed can be differentiated by the adjoint, and says that it cannot by the point."""
    opaque = numerical(hidden("def f(x):\n    return np.sin(x)"))
    g = grad(lambda x: np.sum(opaque(x) * 2.0))
    g(X)
    made = g._last.call

    def by_the_adjoint(d):
        return np.sum(made(X, d))

    check(by_the_adjoint, 0.7, rtol=1e-5)

    def by_the_point(x):
        return np.sum(made(x))

    with pytest.raises(NoRuleError, match="numerical_vjp"):
        grad(by_the_point)(X)


def test_what_numerical_refuses():
    with pytest.raises(ArgumentError, match="wraps a callable"):
        numerical(3.0)
    with pytest.raises(ArgumentError, match="not positive"):
        numerical(wave, eps=-1.0)
    stubborn = numerical(hidden("def f(x):\n    assert len(x) == 3, 'three entries'\n    return x * 2"))

    def f(x):
        return np.sum(stubborn(x))  # <- here

    assert_refused(f, X, error=KindError, reason="three entries")
    shown = numerical(stubborn.function, example=lambda x: x)
    np.testing.assert_allclose(grad(lambda x: np.sum(shown(x)))(X), np.full(3, 2.0), rtol=1e-6)

    def inside(x):
        return np.sum(numerical(wave)(x, 1.0))  # <- here

    assert_refused(inside, X, error=UnsupportedError, reason="inside a differentiated function")

    def display(x):
        return np.sum(shown([x[0], x[1], x[2]]))  # <- here

    assert_refused(display, X, error=srcgrad.SrcgradError, reason="array|display|no number")


# -- stop_gradient ---------------------------------------------------------------------------------------------------


def test_no_derivative_flows():
    def f(x, y):
        held = stop_gradient(x * y)
        return np.sum(held * x) + stop_gradient(y) * np.sum(x) * y

    d_x, d_y = grad(f, argnums=(0, 1))(X, 0.5)
    np.testing.assert_allclose(d_x, X * 0.5 + 0.25)
    np.testing.assert_allclose(d_y, 0.5 * np.sum(X))
    assert stop_gradient(X) is X
    kept = {"a": X}
    assert stop_gradient(kept) is kept


def test_containers_and_what_is_no_float():
    def f(p, n):
        q = stop_gradient(p)
        k = stop_gradient(n)
        return np.sum(p["a"] * q["a"] * k) + p["b"][0] * q["b"][1]

    got = grad(f)({"a": X, "b": (2.0, 3.0)}, 4)
    np.testing.assert_allclose(got["a"], 4 * X)
    assert got["b"] == (3.0, 0.0)
    assert "n" in grad(f).source_for({"a": X, "b": (2.0, 3.0)}, 4)

    def of_lists(xs):
        held = stop_gradient(xs)
        total = 0.0
        for k in range(len(xs)):
            total += xs[k] * held[k]
        return total

    assert grad(of_lists)([1.0, 2.0, 5.0]) == [1.0, 2.0, 5.0]


def test_the_printed_source_keeps_it():
    """Else the second derivative would flow where the first did not."""
    f = load("def f(x):\n    return stop_gradient(x) * x * x\n", "f", {"stop_gradient": stop_gradient})
    g = grad(f)
    assert g(3.0) == 18.0
    assert grad(g._last.call)(3.0) == 6.0


def test_arrays_that_are_written():
    def before(x):
        y = np.zeros(4)
        for i in range(4):
            y[i] = x[i % 3] * i
        held = stop_gradient(y)
        return np.sum(held * y)

    def by_hand(x):
        y = np.array([x[i % 3] * i for i in range(4)])
        return sum(y[i] * i * np.eye(3)[i % 3] for i in range(4))

    np.testing.assert_allclose(grad(before)(X), by_hand(X))

    def a_copy(x):
        y = x * 1.0
        held = stop_gradient(y.copy())
        y *= 2
        return np.sum(held * y)

    np.testing.assert_allclose(grad(a_copy)(X), 2 * X)

    def later(x):
        y = x * 1.0
        held = stop_gradient(y)  # <- here
        y *= 2
        return np.sum(held * y)

    assert_refused(later, X, error=AliasError, reason="written in place later")

    def in_a_loop(x):
        y = x * 1.0
        total = 0.0
        for i in range(3):
            y[i] = y[i - 1]
            total += np.sum(stop_gradient(y) * x)  # <- here
        return total

    assert_refused(in_a_loop, X, error=AliasError, reason="written in place later")

    def changed(x):
        p = {"a": x}
        q = stop_gradient(p)
        q["a"] = x * 2  # <- here
        return np.sum(p["a"] * x)

    assert_refused(changed, X, error=srcgrad.SrcgradError, reason="stop_gradient")
