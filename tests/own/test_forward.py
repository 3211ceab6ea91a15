"""Forward mode, matrices and second derivatives of own rules, numerical functions and solutions of equations."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special

from srcgrad import custom_root, fixed_point, grad, hessian, hvp, jacobian, jvp, numerical, rule, sparsity
from srcgrad.api.gradient import GradientFunction
from srcgrad.errors import NoRuleError
from tests.own.test_rule import A, X, _no_rules_left, bell, solve, solve_jvp, solve_vjp  # noqa: F401
from tests.support import check


def heron(x, a):
    return 0.5 * (x + a / x)


def roots(a):
    return fixed_point(heron, np.ones(3), a)


def test_a_solution_s_tangent_is_one_linear_system():
    def f(K, a):
        return np.sum(custom_root(lambda x: K @ x + x**3 - a, scipy.optimize.root, np.ones(3)) ** 2)

    made = GradientFunction(f, (0, 1), mode="jvp")
    source = made.source_for(A, X)
    assert "root_tangent(residual_jvp, " in source
    assert "(K, a), (K_dot, a_dot))" in source
    check(f, A, X)


def test_matrices():
    a = np.array([1.0, 2.0, 3.0])
    exact = np.diag(0.5 / np.sqrt(a))
    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(jacobian(roots, mode=mode)(a), exact, atol=1e-12)
    second = np.diag(-0.25 * a**-1.5)
    np.testing.assert_allclose(hessian(lambda a: np.sum(roots(a)))(a), second, atol=1e-10)
    v = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(hvp(lambda a: np.sum(roots(a)))(a, v), second @ v, atol=1e-10)
    assert sparsity(roots, a).toarray().all()  # never less than there is


def test_matrices_of_own_rules():
    rule(solve, vjp=solve_vjp, jvp=solve_jvp)
    rule(scipy.special.erf, partials=bell)

    def f(b):
        return scipy.special.erf(solve(A, b * b))

    forward, backward = jacobian(f, mode="forward")(X), jacobian(f, mode="reverse")(X)
    np.testing.assert_allclose(forward, backward, atol=1e-14)
    h = 1e-6
    for k, unit in enumerate(np.eye(3)):
        np.testing.assert_allclose(forward[:, k], (f(X + h * unit) - f(X - h * unit)) / (2 * h), atol=1e-8)

    def total(b):
        return np.sum(f(b))

    second = hessian(total)(X)
    for k, unit in enumerate(np.eye(3)):
        numeric = (grad(total)(X + h * unit) - grad(total)(X - h * unit)) / (2 * h)
        np.testing.assert_allclose(second[k], numeric, atol=1e-7)


def test_a_rule_in_one_mode_only():
    rule(solve).jvp(solve_jvp)

    def f(b):
        return solve(A, b)

    np.testing.assert_allclose(jvp(f, (X,), (X,))[1], np.linalg.solve(A, X))
    with pytest.raises(NoRuleError, match="derivative of solve"):
        grad(lambda b: np.sum(f(b)))(X)
    assert sparsity(f, X).toarray().all()
    rule(bell, vjp=lambda d, out, x: -2 * d * x * out)
    with pytest.raises(NoRuleError, match="Give its rule a jvp"):
        jvp(lambda x: bell(x), (X,), (X,))


def test_terms_of_arguments_without_a_tangent_are_left_out():
    rule(solve, vjp=solve_vjp, jvp=solve_jvp)
    source = GradientFunction(lambda b: np.sum(solve(A, b)), (0,), mode="jvp").source_for(X)
    assert "zeros" not in source
    assert "np.linalg.solve(" in source

    def scaled(x, y):
        return x * np.sum(y)

    rule(scaled, vjp=lambda d, out, x, y: (d * np.sum(y), np.full_like(y, np.sum(d * x))),
         jvp=lambda out, x, y, x_dot, y_dot: x_dot * np.sum(y) + x * np.sum(y_dot))  # fmt: skip
    np.testing.assert_allclose(jvp(lambda x: scaled(x, X), (X,), (X,))[1], X * np.sum(X))
    np.testing.assert_allclose(jvp(lambda y: scaled(X, y), (X,), (X,))[1], X * np.sum(X))


def test_statements_of_a_jvp_that_read_the_result():
    def root(x):
        return np.sqrt(x)

    @rule(root).jvp
    def _(out, x, x_dot):
        total = np.zeros_like(x)
        for k in range(len(x)):
            total[k] = x_dot[k] / (2 * out[k])
        return total

    def f(x):
        y = root(x)
        y = root(y + 1)
        z = np.zeros(3)
        z[:] = root(y)
        return z

    x, t = X**2, np.array([1.0, 2.0, -1.0])
    h = 1e-6
    np.testing.assert_allclose(jvp(f, (x,), (t,))[1], (f(x + h * t) - f(x - h * t)) / (2 * h), rtol=1e-7)


def test_numerical_tangents():
    wave = numerical(lambda x, y: np.tanh(x * y))
    _, found = jvp(lambda x: wave(x, x + 1), (X,), (X,))
    exact = (1 - np.tanh(X * (X + 1)) ** 2) * (2 * X + 1) * X
    np.testing.assert_allclose(found, exact, rtol=1e-7)
    assert "central differences" in GradientFunction(lambda x: wave(x, x), (0,), mode="jvp").source_for(X)


def test_the_tangent_s_source_can_be_differentiated_again():
    def f(W, b):
        return np.sum(fixed_point(lambda x: np.tanh(0.5 * W @ x + b), np.zeros(3)) ** 2)

    made = GradientFunction(f, (0, 1), mode="jvp")
    made.source_for(A, X)
    check(made._last.call, A, X, A * 0.1, X + 1)
