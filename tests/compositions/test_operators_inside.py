"""jvp, linearize, hvp, Hessians and Jacobians inside of functions that are differentiated."""

import numpy as np
import pytest

from srcgrad import grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize, value_and_grad, vjp
from tests.support import check, compare_modes

X, V = np.array([0.3, 0.8, -0.4]), np.array([1.0, 2.0, -0.5])


def energy(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += (x[i + 1] - x[i] ** 2) ** 2 + np.sin(x[i])
    return total


def in_place(x):
    y = np.zeros(3)
    y[0] = x[0] * x[1]
    y[1:] = np.sin(x[1:]) * x[0]
    y[2] *= y[0]
    return y


def branching(x):
    while np.sum(x * x) < 4:
        x = 1.5 * x
    return np.sum(x**3) if x[0] > 0 else np.sum(x)


hessian_of_energy, product_of_energy, jacobian_of_in_place = hessian(energy), hvp(energy), jacobian(in_place)


@jacrev
def rows(x):
    return in_place(x) * 2


def slope_along(x, v):
    value, slope = jvp(energy, (x,), (v,))
    return slope**2 + value


def slope_of_a_closure(x, v):
    return np.sum(jvp(lambda t: in_place(t * x), (v,), (x,))[1] ** 2)


def slope_of_two(x, v):
    return np.sum(jvp(lambda a, b: a * np.sin(b), (x, v), (v, None))[1])


def slope_in_a_loop(x, v):
    for _ in range(2):
        x = x - 0.1 * jvp(in_place, (x,), (v,))[1]
    return np.sum(x * x)


def slope_of_branches(x, v):
    return jvp(branching, (x,), (v,))[1]


def tangents_of_containers(x, v):
    out, dot = jvp(lambda p: {"s": np.sum(p["a"] * p["b"]), "p": (p["a"] ** 2,)}, ({"a": x, "b": v},),
                   ({"a": v, "b": x},))
    return dot["s"] * out["s"] + np.sum(dot["p"][0] ** 2)


def linear_map(x, v):
    out, linear = linearize(in_place, x)
    x = x * 2
    return np.sum(out * linear(v)) + np.sum(linear(x))


def product(x, v):
    return np.sum(hvp(energy)(x, v) ** 2) + np.sum(product_of_energy(x, x) * v)


def second_matrix(x, v):
    return v @ hessian(energy)(x) @ v + np.sum(hessian_of_energy(x) ** 2)


def first_matrices(x, v):
    return (np.sum(jacobian(in_place)(x) ** 2) + np.sum(jacfwd(in_place)(x) @ v) + np.sum(jacrev(in_place)(x) * x)
            + np.sum(jacobian_of_in_place(x) ** 3) + np.sum(rows(x)))


def by_the_second(x, v):
    return np.sum(jacobian(lambda a, b: a * np.sin(b * b), argnums=1)(x, v) ** 2)


def matrix_of_a_matrix(x, v):
    return np.sum(jacobian(jacobian(in_place))(x) ** 2) + np.sum(jacfwd(grad(energy))(x) @ v)


def newton_step(x, v):
    x = x - np.linalg.solve(hessian(energy)(x) + 5 * np.eye(3), grad(energy)(x))
    return energy(x) * np.sum(v)


def forward_over_forward(x, v):
    return jvp(lambda t: jvp(energy, (t,), (v,))[1], (x,), (v,))[1]


def reverse_over_forward_over_reverse(x, v):
    return np.sum(grad(lambda t: jvp(energy, (t,), (v,))[1])(x) ** 2)


def everything_at_once(x, v):
    value, gradient = value_and_grad(energy)(x)
    out, pull = vjp(in_place, x)
    return value + gradient @ v + np.sum(pull(out)[0] * jvp(in_place, (x,), (v,))[1])


PROGRAMS = [
    slope_along, slope_of_a_closure, slope_of_two, slope_in_a_loop, slope_of_branches, tangents_of_containers,
    linear_map, product, second_matrix, first_matrices, by_the_second, matrix_of_a_matrix, newton_step,
    forward_over_forward, reverse_over_forward_over_reverse, everything_at_once,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients_of_programs_with_operators(f):
    check(f, X, V, rtol=1e-5)


@pytest.mark.parametrize("f", [slope_along, product, linear_map, slope_in_a_loop])
def test_and_their_gradients_again(f):
    def second(x, v):
        return np.sum(grad(f)(x, v) * np.cos(np.arange(3.0)))

    check(second, X, V, rtol=1e-4)


@pytest.mark.parametrize("f", [energy, branching])
def test_all_orders_of_modes_agree(f):
    by = [
        jvp(grad(f), (X,), (V,))[1], grad(lambda x: jvp(f, (x,), (V,))[1])(X), hvp(f)(X, V), hessian(f)(X) @ V,
        grad(lambda x: grad(f)(x) @ V)(X), jacrev(grad(f))(X) @ V, jacfwd(grad(f))(X) @ V,
    ]
    for found in by[1:]:
        np.testing.assert_allclose(found, by[0], rtol=1e-10, atol=1e-12)


def test_third_derivatives():
    third = grad(grad(grad(lambda t: np.sin(t) * t**2)))
    t = 0.7
    assert abs(third(t) - (6 * np.cos(t) - 6 * t * np.sin(t) - t**2 * np.cos(t))) < 1e-12
    compare_modes(lambda x: jvp(grad(energy), (x,), (V,))[1] @ V, (X,), (0,),
                  (grad(lambda x: hvp(energy)(x, V) @ V)(X),))


@pytest.mark.parametrize("f, words", [
    (lambda x: jvp(energy, x, V)[1], "a tuple of primals"),
    (lambda x: jvp(energy, (x,), (V, V))[1], "1 primals and 2 tangents"),
    (lambda x: jvp(energy, (x,), (1.0,))[1], "argument 0 has 0 axes"),
    (lambda x: jvp(energy, (x,), (None,))[1], "no tangent"),
    (lambda x: linearize(energy, x)[1](x, x), "1 tangents"),
    (lambda x: np.sum(jacobian(energy, argnums="x")(x)), "by its position"),
])
def test_what_does_not_fit_is_refused(f, words):
    from srcgrad import SrcgradError

    with pytest.raises(SrcgradError, match=words):
        grad(f)(X)
