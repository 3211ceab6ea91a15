"""Gradients of gradients at top level: what they are called with, what they are, and when they are made anew."""

import copy
import functools
import pickle

import numpy as np
import pytest

from srcgrad import SrcgradError, elementwise_grad, emit, grad, value_and_grad, vjp
from srcgrad.api import gradient as gradient_module
from srcgrad.errors import ArgumentError, NonScalarError, UnsupportedError
from tests.support import check, line_of

X = np.array([0.3, 0.7, 1.1])
SCALE = 2.0


def cubic(x, a=3.0, *, b=1.0):
    return a * x**3 + b * x


@grad
def module_level(x):
    return x**4


class Model:
    def __init__(self, w):
        self.w = w

    def energy(self, x):
        return self.w * x**4

    @grad
    def by_self(self, x):
        return np.sum(self.w**3 * x)


def scaled(x):
    return SCALE * x**3


def test_decorated_functions():
    assert grad(module_level)(2.0) == pytest.approx(48.0)
    assert grad(grad(module_level))(2.0) == pytest.approx(48.0)
    assert grad(grad(grad(module_level)))(2.0) == pytest.approx(24.0)


def test_names_and_text():
    second = grad(grad(cubic))
    assert second.__name__ == "cubic"
    second(2.0)
    assert second.source.startswith("def cubic_grad_grad(x, a, b, d_out=1.0):")
    assert "derivative" not in second.source
    assert "cubic_grad_grad" in grad(grad(cubic)).source


def test_defaults_and_keywords_stay():
    second = grad(grad(cubic))
    assert second(2.0) == pytest.approx(36.0)
    assert second(2.0, 1.0) == pytest.approx(12.0)
    assert second(2.0, b=5.0) == pytest.approx(36.0)
    assert grad(grad(cubic), argnums="a")(2.0, b=5.0) == pytest.approx(12.0)
    assert grad(grad(cubic), argnums="b")(2.0, b=5.0) == pytest.approx(1.0)


def test_methods_and_partials():
    model = Model(2.0)
    assert grad(grad(model.energy))(3.0) == pytest.approx(2 * 12 * 9)
    assert grad(grad(functools.partial(cubic, a=2.0)))(3.0) == pytest.approx(36.0)
    assert grad(grad(functools.partial(cubic, b=2.0), argnums=1), argnums=0)(3.0, 1.0) == pytest.approx(27.0)
    model.w = 1.0
    assert grad(grad(model.energy))(3.0) == pytest.approx(12 * 9)
    first = Model(np.array([1.0, 2.0]))
    other = grad(lambda m: np.sum(m.by_self(0.5).w))(first)
    np.testing.assert_allclose(other.w, 3 * first.w)


def test_starred_parameters():
    def f(*xs, **named):
        return np.sum(xs[0] ** 3 * named["k"])

    second = grad(grad(f))
    assert second(2.0, k=4.0) == pytest.approx(6 * 2 * 4)


def test_several_arguments():
    def f(x, y):
        return x**2 * y**3

    assert grad(grad(f, argnums=1), argnums=0)(2.0, 3.0) == pytest.approx(2 * 2 * 27.0)
    assert grad(grad(f, argnums="y"), argnums=(0, 1))(2.0, 3.0) == pytest.approx((108.0, 72.0))


def test_kinds_of_operators():
    f = np.frompyfunc(lambda t: t, 1, 1)  # not differentiated: only to be sure that it is refused
    with pytest.raises(SrcgradError):
        grad(grad(f))(2.0)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(lambda t: np.sin(t) * t))(X),
                               2 * np.cos(X) - X * np.sin(X))  # fmt: skip
    value, slope = value_and_grad(grad(lambda t: t**4))(2.0)
    assert (value, slope) == pytest.approx((32.0, 48.0))
    (slope, aux), outer = value_and_grad(grad(lambda t: (t**3, 2 * t), has_aux=True), has_aux=True)(2.0)
    assert (slope, aux, outer) == pytest.approx((12.0, 4.0, 12.0))


def test_the_pullback_of_a_gradient():
    out, pull = vjp(grad(lambda t: np.sum(t**3)), X)
    np.testing.assert_allclose(out, 3 * X**2)
    np.testing.assert_allclose(pull(np.ones(3))[0], 6 * X)


def test_a_pullback_keeps_what_its_function_captured():
    scale = np.array([1.0, 2.0, 3.0])
    _, pull = vjp(lambda t: t * scale, X)
    expected = scale.copy()
    scale[:] = 0.0
    np.testing.assert_allclose(pull(np.ones(3))[0], expected)


def test_arguments_are_left_alone():
    def f(x):
        x *= x
        return np.sum(x**2)

    given = X.copy()
    g = grad(lambda t: np.sum(grad(f)(t) * X))
    np.testing.assert_allclose(g(given), 12 * X**3)
    np.testing.assert_array_equal(given, X)


# -- caching and what is read ------------------------------------------------------------------------------------------


def test_globals_are_read_when_called():
    global SCALE
    second = grad(grad(scaled))
    inside = grad(lambda t: grad(scaled)(t))
    try:
        assert second(2.0) == inside(2.0) == pytest.approx(24.0)
        SCALE = 5.0
        assert second(2.0) == inside(2.0) == pytest.approx(60.0)
        SCALE = np.array([1.0, 2.0])
        with pytest.raises(NonScalarError):
            inside(2.0)
    finally:
        SCALE = 2.0


def count_compilations(monkeypatch):
    made = []
    inner = gradient_module.compile_gradient

    def counted(*args):
        made.append(args)
        return inner(*args)

    monkeypatch.setattr(gradient_module, "compile_gradient", counted)
    return made


def test_functions_made_anew_are_compiled_once(monkeypatch):
    made = count_compilations(monkeypatch)

    def loss_for(k):
        return lambda t: k * t**3

    found = [grad(grad(loss_for(float(k))))(2.0) for k in range(4)]
    np.testing.assert_allclose(found, [12.0 * k for k in range(4)])
    assert len(made) == 1


def test_captured_gradients_made_anew_are_compiled_once(monkeypatch):
    made = count_compilations(monkeypatch)

    def step_for(k):
        slope = grad(lambda t: k * t**3)
        return grad(lambda t: slope(t) * t)

    found = [step_for(float(k))(2.0) for k in range(4)]
    np.testing.assert_allclose(found, [9.0 * k * 4 for k in range(4)])
    assert len(made) == 1


def test_a_captured_gradient_that_is_taken_otherwise_is_another_program():
    def f(x, y):
        return x**2 * y**3

    def using(slope):
        return grad(lambda t: slope(t, 3.0))

    assert using(grad(f))(2.0) == pytest.approx(2 * 27.0)
    assert using(grad(f, argnums=1))(2.0) == pytest.approx(2 * 2.0 * 27.0)
    assert using(grad(lambda x, y: x * y))(2.0) == pytest.approx(0.0)


def test_gradients_as_arguments():
    def apply(slope, x):
        return slope(x) * x

    outer = grad(apply, argnums=1)
    assert outer(grad(lambda t: t**3), 2.0) == pytest.approx(36.0)
    assert outer(grad(lambda t: t**4), 2.0) == pytest.approx(16 * 8.0)


# -- being an object ---------------------------------------------------------------------------------------------------


def test_objects():
    second = grad(module_level)
    assert second.primal is module_level
    assert "gradient of module_level" in repr(second)
    again = pickle.loads(pickle.dumps(grad(cubic_gradient)))
    assert again(2.0) == pytest.approx(36.0)
    assert copy.copy(second)(2.0) == pytest.approx(48.0)


cubic_gradient = grad(cubic)


def test_emitted_modules_stand_alone():
    text = emit(grad(grad(scaled)), args=(2.0,))
    assert "srcgrad" not in text.split('"""', 2)[2]
    names = {}
    exec(compile(text, "<emitted>", "exec"), names)
    assert names["scaled_grad_grad"](2.0) == pytest.approx(24.0)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_the_gradient_of_value_and_grad_is_refused():
    with pytest.raises(NonScalarError, match="several values"):
        grad(value_and_grad(cubic))(2.0)


def test_the_gradient_of_an_array_of_gradients_is_refused():
    with pytest.raises(NonScalarError, match="vjp or jacobian"):
        grad(grad(lambda t: np.sum(t**3)))(X)


def test_refusals_stand_at_the_users_call():
    def no_float(x):
        return grad(lambda t: 3)(x)  # <- here

    def integer(x):
        return grad(lambda k: k * x)(2)  # <- here

    def no_argument(x):
        return grad(lambda t: t * t, argnums=3)(x)  # <- here

    def no_function(x):
        return grad(3.0)(x)  # <- here

    def no_source(x):
        return grad(np.bmat)(x)  # <- here

    def nonlocal_write(x):
        total = 0.0

        def inner(t):
            nonlocal total
            total = t * 2  # <- here
            return t * t

        return grad(inner)(x) + total

    cases = [(no_float, NonScalarError), (integer, ArgumentError), (no_argument, ArgumentError),
             (no_function, UnsupportedError), (no_source, UnsupportedError),
             (nonlocal_write, UnsupportedError)]  # fmt: skip
    for f, error in cases:
        with pytest.raises(error) as caught:
            grad(f)(2.0)
        assert caught.value.pos is not None and caught.value.pos.line == line_of(f), f"{f.__name__}: {caught.value}"


def test_arguments_that_share_memory_with_one_that_is_written():
    def inner(a, b):
        a *= 2.0
        return np.sum(a * b)

    def twice(x):
        return np.sum(grad(inner)(x, x))

    def through_a_view(x):
        y = x[:]
        return np.sum(grad(inner)(x, y))

    for f in (twice, through_a_view):
        with pytest.raises(SrcgradError, match="overwrites"):
            grad(f)(X)
    check(lambda x: np.sum(grad(inner)(x, x * 2)), X)


def test_the_same_at_top_level():
    def inner(a, b):
        a *= 2.0
        return np.sum(a * b)

    with pytest.raises(ArgumentError, match="share memory"):
        grad(inner)(X, X)
    np.testing.assert_allclose(grad(inner)(X, X.copy()), 2 * X)


def test_recursion_over_derivatives():
    def f(x, n):
        return grad(f)(x, n - 1) if n > 0 else x**4

    assert grad(f)(2.0, 2) == 24 * 2.0  # the number of levels is known when compiling
    with pytest.raises(SrcgradError):
        grad(f)(2.0, 2.0)
