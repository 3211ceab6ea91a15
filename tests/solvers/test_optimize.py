"""Solutions of scipy.optimize: against central differences and between the modes, twice, and in what they refuse."""

import numpy as np
import pytest
from scipy import optimize, special

from srcgrad import check_grads, emit, grad, jacobian, value_and_grad
from srcgrad.errors import AliasError, KindError, NoRuleError, UnsupportedError
from tests.support import assert_refused, load


def kepler(E, e, M):
    return E - e * np.sin(E) - M


class Cubic:
    def __init__(self, a):
        self.a = a

    def residual(self, x):
        return x**3 - self.a


def by_method(p):
    return optimize.brentq(Cubic(p).residual, 0.0, 10.0)


def in_a_loop(e):
    total = 0.0
    for k in range(4):
        E = optimize.brentq(kepler, -1.0, 7.0, args=(e, 0.3 * k))
        total += np.cos(E) * E
    return total


def with_derivatives(p):
    return optimize.newton(lambda x, a: x**3 - a, 1.0, lambda x, a: 3 * x**2, (p,), fprime2=lambda x, a: 6 * x)


def pair_and_jac(p):
    found = optimize.root(lambda x: (x**3 - p, np.diag(3 * x**2)), np.ones(3), jac=True)
    return np.sum(found.x) if found.success else 0.0


def two_captured(p, q):
    return np.sum(optimize.root(lambda x: x**3 - p, np.ones(3), jac=lambda x: q * 0 + np.diag(3 * x**2)).x * q)


ROOTS = [
    (lambda e, M: np.cos(optimize.brentq(kepler, 0.0, 7.0, args=(e, M))), (0.3, 1.0)),
    (lambda e: optimize.bisect(kepler, 0.0, 7.0, (e, 1.0), xtol=1e-13), (0.3,)),
    (lambda e: optimize.ridder(lambda E: kepler(E, e, 1.0), 0.0, 7.0), (0.3,)),
    (lambda e: optimize.toms748(lambda E: kepler(E, e, 1.0), 0.0, 7.0), (0.3,)),
    (lambda p: optimize.newton(lambda x: x**3 - p, 1.0), (2.0,)),
    (lambda p: np.sum(optimize.newton(lambda x: x**3 - p, np.array([1.0, 2.0]))), (np.array([2.0, 3.0]),)),
    (with_derivatives, (2.0,)),
    (lambda p: optimize.root_scalar(lambda x: x**3 - p, bracket=(0, 10)).root, (2.0,)),
    (lambda p: optimize.root_scalar(lambda x: (x**3 - p, 3 * x * x), x0=1.0, fprime=True).root, (2.0,)),
    (lambda p: np.sum(optimize.fsolve(lambda x: [x[0] ** 2 - p, x[1] + x[0] - 3 * p], [1.0, 1.0])), (2.0,)),
    (lambda p: optimize.fsolve(lambda x: x**2 - p, 1.0)[0], (2.0,)),
    (pair_and_jac, (np.array([1.0, 2.0, 3.0]),)),
    (two_captured, (np.array([1.0, 2.0, 3.0]), 1.5)),
    (lambda p: optimize.fixed_point(lambda x: np.cos(p * x), 0.5), (0.7,)),
    (by_method, (2.0,)),
    (in_a_loop, (0.3,)),
    (lambda p: optimize.brentq(special.erf, -1.0, 2.0) * p, (2.0,)),
]


@pytest.mark.parametrize("case", range(len(ROOTS)))
def test_roots(case):
    f, args = ROOTS[case]
    check_grads(f, args, order=2)
    assert value_and_grad(f)(*args)[0] == f(*args)


A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
B = np.array([1.0, 2.0, 4.0])
T = np.linspace(0.0, 4.0, 9)
Y = 2.0 * np.exp(-0.7 * T) + 0.05 * np.cos(7 * T)


def ridge(loglam, y):
    """Cross-validation: the error of a ridge regression by the size of its penalty."""
    lam = np.exp(loglam)
    w = optimize.minimize(lambda w: np.sum((A @ w - y) ** 2) + lam * np.sum(w * w), np.zeros(2), tol=1e-12,
                          jac=lambda w: 2 * A.T @ (A @ w - y) + 2 * lam * w).x  # fmt: skip
    return np.mean((A @ w - 1.0) ** 2)


def value_of_minimum(p):
    found = optimize.minimize(lambda x: np.sum((x - p) ** 2) + np.sum(x**4), np.zeros(2), tol=1e-12)
    return found.fun + 0.0 * found.nit


def decay(t, a, b):
    return a * np.exp(-b * t)


def fitted(y):
    p, covariance = optimize.curve_fit(decay, T, y)
    return p[0] * p[1] + 100.0 * covariance[0, 1]


def least(y):
    found = optimize.least_squares(lambda b: decay(T, b[0], b[1]) - y, [1.0, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    return found.x[0] * found.x[1] + found.cost + np.sum(found.fun**2)


MINIMA = [
    (ridge, (0.5, B), 2),
    (value_of_minimum, (np.array([0.3, 0.8]),), 2),
    (lambda p: optimize.minimize_scalar(lambda x: (x - p) ** 2 + np.exp(x), tol=1e-12).x, (1.0,), 1),
    (lambda p: optimize.fmin_bfgs(lambda x: (x[0] - p) ** 2 + x[0] ** 4, 0.0, gtol=1e-10, disp=0)[0], (1.0,), 1),
    (least, (Y,), 1),
    (lambda c: np.sum(c[optimize.linear_sum_assignment(c)] ** 2), (np.array([[4.0, 1.0], [2.0, 3.5]]),), 1),
    (lambda x: optimize.rosen(x) + np.sum(optimize.rosen_der(x) ** 2), (np.array([0.3, 0.4, 0.5]),), 2),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(MINIMA)))
def test_minima(case):
    f, args, order = MINIMA[case]
    check_grads(f, args, order=order, rtol=1e-4)


def test_curve_fit_by_the_data():
    """Its own tolerance hides small differences, so these are wide."""
    h = 1e-3
    slopes = [(fitted(Y + h * u) - fitted(Y - h * u)) / (2 * h) for u in np.eye(len(Y))]
    np.testing.assert_allclose(grad(fitted)(Y), slopes, rtol=2e-2, atol=2e-2)


def test_what_a_bound_holds_moves_with_it():
    def f(p, lo, hi):
        found = optimize.minimize(
            lambda x: np.sum((x - p) ** 2), np.full(3, 0.3), bounds=[(lo, None), (0.0, hi), (None, 9.0)]
        )
        return found.x @ np.array([1.0, 2.0, 3.0])

    d = grad(f, argnums=(0, 1, 2))(np.array([-1.0, 2.0, 0.4]), 0.1, 0.7)
    np.testing.assert_allclose(np.concatenate([d[0], d[1:]]), [0.0, 0.0, 3.0, 1.0, 2.0], atol=1e-9)

    def bounded(p, hi):
        return optimize.minimize_scalar(lambda x: (x - p) ** 2, bounds=(0.0, hi), method="bounded").x

    assert grad(bounded, argnums=(0, 1))(0.3, 0.5) == pytest.approx((1.0, 0.0))
    assert grad(bounded, argnums=(0, 1))(0.9, 0.5) == pytest.approx((0.0, 1.0))
    assert grad(lambda p: optimize.fminbound(lambda x: (x - p) ** 2, 0.0, 0.5))(0.9) == 0.0


def test_the_source_is_a_division_by_the_slope():
    def anomaly(e, M):
        E = optimize.brentq(kepler, 0.0, 7.0, args=(e, M))
        return np.cos(E)

    text = grad(anomaly, argnums=1).source_for(0.3, 1.0)
    assert "    E = scipy.optimize.brentq(kepler, 0.0, 7.0, args=(e, M))\n" in text
    assert "kepler_vjp(E, e, M, root_adjoint(kepler_vjp, -(d_out * np.sin(E)), E, e, M))" in text


def test_a_jacobian_and_a_module():
    f = lambda p: optimize.fsolve(lambda x: x**3 - p, np.ones(2))  # noqa: E731
    np.testing.assert_allclose(jacobian(f)(np.array([1.0, 8.0])), np.diag([1 / 3, 1 / 12]), rtol=1e-6)
    module = load(emit(in_a_loop, args=(0.3,)), "in_a_loop_grad")
    assert module(0.3) == grad(in_a_loop)(0.3)


def test_a_minimum_inside_of_an_integral_inside_of_a_root():
    from scipy import integrate

    def f(p):
        return optimize.minimize_scalar(lambda x: integrate.quad(lambda s: (x - p * s) ** 2, 0.0, 1.0)[0]).x

    assert grad(f)(1.0) == pytest.approx(0.5, rel=1e-8)


MINIMIZE = optimize.minimize
REFUSED = [
    (lambda p: optimize.brentq(lambda x: x - p, 0, 5, full_output=True)[0], NoRuleError, "`full_output`"),
    (lambda p: optimize.brentq(lambda x: x - p, 0, 5, foo=1), KindError, "'foo'"),
    (lambda p: optimize.brentq(lambda x: x - p, 0), KindError, "'b'"),
    (lambda p: MINIMIZE(lambda x: (x[0] - p) ** 2, [0.0], constraints=[{}]).x[0], NoRuleError, "`constraints`"),
    (lambda p: MINIMIZE(lambda x: (x[0] - p) ** 2, [0.0], hessp=lambda x, v: 2 * v).x[0], NoRuleError, "`hessp`"),
    (lambda p: MINIMIZE(lambda x: (x[0] - p) ** 2, [0.0], bounds=[(0, 1)], method="trust-constr").x[0], NoRuleError,
     "stops short"),
    (lambda p: MINIMIZE(lambda x: np.sum((x - p) ** 2), np.zeros(2)).hess_inv[0, 0], KindError, "'hess_inv'"),
    (lambda p: np.sum(optimize.fsolve(lambda x: x - p, np.ones(2, np.float32))), UnsupportedError, "single precision"),
    (lambda p: optimize.fsolve(lambda x: x[0] - p, np.ones(2))[0], KindError, "has to give"),
    (lambda p: optimize.nnls(np.eye(2) * p, np.ones(2))[0][0], NoRuleError, "held by constraints"),
    (lambda p: optimize.approx_fprime(np.ones(2), lambda x: np.sum(x * p))[0], NoRuleError, "takes differences"),
    (lambda p: optimize.curve_fit(decay, T, Y * p, bounds=(0, 1))[0][0], NoRuleError, "`bounds`"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refusals(case):
    f, error, words = REFUSED[case]
    assert_refused(f, 1.0, error=error, reason=words, marker=None)


def counted(p):
    calls = []

    def residual(x):
        calls.append(x)
        return x - p

    return optimize.brentq(residual, 0.0, 5.0)


def filled(p):
    buffer = np.zeros(2)

    def residual(x):
        buffer[0] = x[0] ** 2 - p
        buffer[1] = x[1] - p
        return buffer

    return np.sum(optimize.fsolve(residual, np.ones(2)))


def test_a_function_that_writes_around_itself_is_refused():
    assert_refused(counted, 1.0, error=UnsupportedError, reason="that a solver calls", marker=None)
    assert_refused(filled, 1.0, error=AliasError, reason="writes into", marker=None)


def test_what_is_captured_is_that_at_the_call():
    def f(p):
        q = np.array([p])
        root = optimize.brentq(lambda x: x**2 - q[0], 0.0, 5.0)
        q[0] = 5.0
        return root * q[0]

    assert grad(f)(2.0) == pytest.approx(2.5 / np.sqrt(2.0))


def test_an_error_of_the_solver_is_the_users():
    with pytest.raises(ValueError, match="different signs"):
        grad(lambda p: optimize.brentq(lambda x: x * x + p, 0, 1))(1.0)
