"""Transformations inside of differentiated functions, in all the ways in which they can be written."""

import dataclasses
import functools

import numpy as np
import pytest

import srcgrad
from srcgrad import elementwise_grad, grad, value_and_grad, vjp
from tests.support import Cases

X = np.array([0.3, 0.7, 1.1])
V = np.array([1.0, -2.0, 0.5])


class InLoops(Cases):
    """Each program as it stands and in a loop, where it is interpreted more than once."""

    def __call__(self, *args, wrap="loop", **options):
        return super().__call__(*args, wrap=wrap, **options)


CASES = InLoops()


def f(x):
    return np.sum(np.sin(x) * x**2)


@grad
def decorated(x):
    return np.sum(np.exp(x) * x)


@value_and_grad(argnums="b")
def decorated_by_name(a, b):
    return np.sum(a * b**3)


@dataclasses.dataclass
class Pair:
    w: np.ndarray
    b: float


class Model:
    def __init__(self, w):
        self.w = w

    def loss(self, x):
        return np.sum((x @ self.w) ** 3)

    @functools.partial(grad, argnums=1)
    def slope(self, x):
        return np.sum(self.w * x**3)

    def __call__(self, x):
        return np.sum(self.w @ x * x)


MODEL = Model(np.arange(9.0).reshape(3, 3) / 10)


@CASES(X)
def a_decorated_global(x):
    return np.sum(decorated(x) * V)


@CASES(X, V)
def a_decorated_global_with_value(x, y):
    value, slope = decorated_by_name(x, b=y)
    return value * np.sum(slope * x)


@CASES(X, V)
def a_decorated_nested_function(x, y):
    @grad
    def inner(t):
        return np.sum(t * t * y)

    return np.sum(inner(x) ** 2)


@CASES(X, V)
def a_decorator_with_arguments(x, y):
    @grad(argnums=(0, 1))
    def inner(t, s):
        return np.sum(t * t * s)

    a, b = inner(x, y)
    return np.sum(a * b * x)


@CASES(X)
def one_of_several_is_a_tuple(x):
    (only,) = grad(f, argnums=(0,))(x)
    return np.sum(only * V)


@CASES(X)
def a_bound_method(x):
    return np.sum(grad(MODEL.loss)(x) * V)


@CASES(X)
def a_method_that_is_a_gradient(x):
    return np.sum(MODEL.slope(x) * V)


@CASES(X)
def a_callable_object(x):
    return np.sum(grad(MODEL)(x) * V)


@CASES(X)
def a_partial(x):
    return np.sum(grad(functools.partial(lambda a, b: np.sum(a * b**3), x))(x) ** 2)


@CASES(X)
def value_and_gradient(x):
    value, slope = value_and_grad(f)(x)
    return value * np.sum(slope * V)


@CASES(X)
def the_method_value_and_grad(x):
    value, slope = decorated.value_and_grad(x)
    return value * np.sum(slope * V)


@CASES(X)
def the_primal_of_a_gradient(x):
    return decorated.primal(x)


@CASES(X)
def auxiliary_results(x):
    slope, aux = grad(lambda t: (np.sum(t**3), t * 2), has_aux=True)(x)
    return np.sum(slope * aux)


@CASES(X)
def value_and_gradient_with_auxiliary_results(x):
    (value, aux), slope = value_and_grad(lambda t: (np.sum(t**3), {"half": t / 2}), has_aux=True)(x)
    return np.sum(slope * aux["half"]) * value


@CASES(X)
def elementwise(x):
    return np.sum(elementwise_grad(lambda t: np.tanh(t) * t)(x) * V)


@CASES(X)
def an_attribute_of_the_module(x):
    return np.sum(srcgrad.grad(f)(x) ** 2)


@CASES(1.3)
def third_derivative(x):
    return grad(grad(lambda t: t**5 * np.sin(t)))(x)


@CASES(0.7)
def fourth_derivative(x):
    return grad(grad(grad(lambda t: np.sin(t) * t)))(x)


@CASES(X)
def a_row_of_the_hessian(x):
    return np.sum(grad(lambda t: grad(f)(t)[1])(x) * V)


@CASES(X, V)
def hessian_times_vector(x, v):
    return np.sum(grad(lambda t: np.dot(grad(f)(t), v))(x) * v)


@CASES(X, V)
def closed_over_variables_are_active(x, y):
    z = y * x
    return np.sum(grad(lambda t: np.sum(t * z**2 * np.sin(t)))(x) * V)


@CASES(X)
def closed_over_at_two_levels(x):
    return np.sum(grad(lambda t: np.sum(grad(lambda u: np.sum(u**3 * t * x))(t)))(x))


@CASES({"w": np.ones((3, 2)), "b": np.zeros(2)}, X)
def a_step_on_a_dict(p, x):
    def loss(p):
        return np.sum(np.tanh(x @ p["w"] + p["b"]) ** 2)

    d = grad(loss)(p)
    return loss({key: p[key] - 0.1 * d[key] for key in p})


@CASES([np.full((3, 2), 0.4), np.ones((2, 2))], X)
def a_list_of_layers(p, x):
    def loss(p):
        h = x
        for w in p:
            h = np.tanh(h @ w)
        return np.sum(h**2)

    return sum(np.sum(a * a) for a in grad(loss)(p))


@CASES(Pair(X, 2.0), V)
def a_dataclass(p, x):
    d = grad(lambda p, x: np.sum(np.sin(p.w * x) * p.b))(p, x)
    return np.sum(d.w**2) + d.b**2


@CASES(X)
def steps_in_a_loop(x):
    s = 0.0
    for _ in range(3):
        x = x - 0.1 * grad(f)(x)
        s += x.sum()
    return s


@CASES(X, np.eye(3) + 0.1, V, wrap="callee")
def a_gradient_step_inside_a_loss(w, a, y):
    def loss(w):
        return np.mean((a @ w - y) ** 2)

    for _ in range(3):
        w = w - 0.1 * grad(loss)(w)
    return loss(w)


@CASES(X, wrap="callee")
def steps_until_it_is_small(x):
    while np.sum(x) > 0.5:
        x = x - 0.1 * grad(f)(x)
    return np.sum(x**2)


@CASES(X)
def one_of_two_gradients(x):
    slope = grad(f) if x[0] > 0 else grad(lambda t: np.sum(t))
    return np.sum(slope(x) ** 2)


@CASES(X)
def the_gradient_of_one_of_two(x):
    chosen = f if x[0] > 0 else np.sum
    total = (lambda t: t @ t) if x[1] > 0 else (lambda t: f(t))
    return np.sum(grad(total)(x) ** 2) + chosen(x)


@CASES(X)
def a_function_that_takes_gradients(x):
    def newton(h, t):
        return t - grad(h)(t) * 0.3

    return np.sum(newton(f, newton(f, x)))


@CASES(2.0, 3)
def a_count_as_an_argument(x, n):
    def power(x, k):
        r = 1.0
        for _ in range(k):
            r = r * x
        return r

    return grad(power)(x, n) ** 2 + grad(power)(x, 2)


@CASES(X)
def keywords(x):
    def g(a, *, scale=2.0, **others):
        return np.sum(a**2 * scale * others["k"])

    return np.sum(grad(g)(x, scale=x[0], k=x) ** 2) + np.sum(grad(g)(x, k=x))


@CASES(X)
def starred_parameters(x):
    def g(*a):
        return np.sum(a[0] * a[1] ** 2)

    first, second = grad(g, argnums=(0, -1))(x, x)
    return np.sum(first * second)


@CASES(X)
def in_a_comprehension(x):
    return sum(np.sum(grad(lambda t: np.sum(t**k))(x)) for k in [2, 3, 4])


@CASES(X)
def arguments_written_in_place(x):
    def g(t):
        t[1:] *= t[:-1]
        t[0] += t[2] ** 2
        return np.sum(t**2)

    return np.sum(grad(g)(x) * V)


@CASES(X)
def a_list_that_grows(x):
    def g(t):
        out = []
        for i in range(len(t)):
            if t[i] > 0.5:
                out.append(t[i] ** 3)
        s = 0.0
        for o in out:
            s += o * o
        return s

    return np.sum(grad(g)(x) * V)


@CASES(np.eye(3) * 4 + 0.1)
def helpers_of_generated_code(a):
    return np.sum(grad(lambda b: np.sum(np.linalg.cholesky(b) ** 2) + np.linalg.slogdet(b)[1])(a) ** 2)


@CASES(1.3)
def recursion(x):
    def power(x, n):
        if n == 0:
            return 1.0
        h = power(x, n // 2)
        return h * h * x if n % 2 else h * h

    return grad(power)(x, 5)


@CASES(0.8)
def recursion_to_the_third_order(x):
    def power(x, n):
        return 1.0 if n == 0 else np.sin(x) * power(x, n - 1)

    return grad(grad(lambda t: power(t, 4)))(x)


@CASES(X, V)
def the_pullback(x, w):
    return np.sum(vjp(lambda t: np.sin(t) * t, x)[1](w)[0] ** 2)


@CASES(X, V)
def the_pullback_keeps_its_arguments(x, w):
    x = x * 1.0
    scale = w * 2
    out, pull = vjp(lambda t: np.sin(t) * t * scale, x)
    x[0] = 5.0
    scale[1] = 7.0
    x = x * 2
    return np.sum(pull(w)[0] ** 2) + out.sum() + x.sum() + np.sum(scale)


@CASES(X, V)
def a_pullback_of_several_results(x, w):
    out, pull = vjp(lambda t, s: (np.sin(t) * s, t * t), x, w)
    a, b = pull((w, x))
    return np.sum(a * b) + np.sum(out[0] * out[1])


@CASES(X, V)
def a_pullback_called_twice(x, w):
    _, pull = vjp(lambda t, k, s: {"a": np.sin(t) * s * k, "b": t * t}, x, 3, w)
    first, second = pull({"a": w, "b": x}), pull({"a": x, "b": w})
    return np.sum(first[0] * first[2]) + np.sum(second[0] * second[2] ** 2)


@CASES(X, wrap="callee")
def pullbacks_in_a_loop(x):
    for k in range(3):
        out, pull = vjp(lambda t: np.sin(t) * t * (k + 1), x)
        x = x - 0.1 * pull(out)[0]
    return np.sum(x**2)


@CASES(X)
def the_pullback_of_a_function_that_writes(x):
    def g(t):
        t *= t
        return t

    out, pull = vjp(g, x)
    return np.sum(pull(x)[0] * out) + np.sum(x)


@CASES(X)
def the_pullback_of_a_gradient(x):
    return np.sum(vjp(grad(f), x)[1](V)[0] ** 2)


test_inside = CASES.test()


def test_a_pullback_without_floats_gives_none():
    def g(x):
        return np.sum(vjp(lambda t, k: t**k, x, 3)[1](x)[0]) if vjp(lambda t, k: t**k, x, 3)[1](x)[1] is None else 0.0

    np.testing.assert_allclose(grad(g)(X), 9 * X**2)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_orders_agree_with_formulas(order):
    def g(x):
        return np.sin(2 * x)

    d = g
    for _ in range(order):
        d = grad(d)
    expected = {1: 2 * np.cos(2 * 0.4), 2: -4 * np.sin(2 * 0.4), 3: -8 * np.cos(2 * 0.4)}[order]
    np.testing.assert_allclose(d(0.4), expected)
