"""Integrals and differential equations: against central differences and between the modes, and in what they refuse."""

import numpy as np
import pytest
from scipy import integrate

from srcgrad import check_grads, emit, grad, hessian, value_and_grad
from srcgrad.errors import NoRuleError
from tests.support import assert_refused, load

RNG = np.random.default_rng(7)
X, Y = np.sort(RNG.normal(size=7)), RNG.normal(size=7)
X8, Y8, M8 = np.sort(RNG.normal(size=8)), RNG.normal(size=8), RNG.normal(size=(3, 8))


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def at(self, x, size):
        return np.exp(-self.rate * x) * size


def period(angle, g):
    """Of a pendulum: an elliptic integral."""
    k = np.sin(angle / 2)
    return 4 / np.sqrt(g) * integrate.quad(lambda p: 1 / np.sqrt(1 - k**2 * np.sin(p) ** 2), 0, np.pi / 2)[0]


def of_a_method(rate, size):
    value, error = integrate.quad(Decay(rate).at, 0, 2, args=size, epsabs=1e-12)
    return value + 0.0 * error


def of_vectors(p, end):
    return np.sum(np.sin(integrate.quad_vec(lambda x: np.exp(-p * x), 0.0, end)[0]))


def over_a_region(a, b, p):
    return integrate.dblquad(lambda y, x: np.exp(-p * x * y), a, b, 0.0, lambda x: x * p)[0]


QUADRATURES = [
    (period, (1.0, 9.8)),
    (lambda a, b, p: integrate.quad(lambda x, p: np.sin(p * x) * x, a, b * b, args=(p,))[0], (0.1, 1.3, 2.0)),
    (lambda p: integrate.quad(lambda x: np.exp(-p * x * x), -np.inf, np.inf)[0], (2.0,)),
    (lambda p: integrate.quad(np.cos, 0.0, p)[0], (0.4,)),
    (lambda w: integrate.quad(lambda x: np.sum(w * np.array([1.0, x])) ** 2, 0, 1)[0] ** 2, (np.array([1.0, 2.0]),)),
    (of_a_method, (1.0, 2.0)),
    (of_vectors, (np.array([1.0, 2.0]), 1.2)),
    (lambda a, b, p: integrate.fixed_quad(lambda x: np.exp(-p * x), a, b)[0], (0.1, 0.7, 1.2)),
    (lambda y, x: integrate.trapezoid(y, x) ** 2, (Y, X)),
    (lambda y, x: np.sum(integrate.cumulative_trapezoid(y, x, initial=0) ** 2), (Y, X)),
    (lambda y: np.sum(integrate.cumulative_trapezoid(y, dx=0.3, axis=0) ** 2), (M8,)),
    (lambda y, x: integrate.simpson(y, x) ** 2, (Y, X)),
    (lambda y, x: np.sum(integrate.simpson(y, x, axis=1) ** 2), (M8, X8)),
    (lambda y, h: np.sum(integrate.simpson(y, dx=h)) ** 2, (Y8, 0.1)),
    (lambda y, x: np.sum(integrate.cumulative_simpson(y, x=x) ** 2), (Y8, X8)),
    (lambda y, h: np.sum(integrate.cumulative_simpson(y, dx=h, axis=0, initial=0) ** 2), (Y, 0.3)),
    (lambda y, h: integrate.romb(y, dx=h) ** 2, (RNG.normal(size=9), 0.1)),
]


@pytest.mark.parametrize("case", range(len(QUADRATURES)))
def test_quadratures(case):
    f, args = QUADRATURES[case]
    check_grads(f, args, order=2 if case < 8 else 1)
    np.testing.assert_allclose(value_and_grad(f)(*args)[0], f(*args), rtol=1e-13)


def test_a_double_integral():
    check_grads(over_a_region, (0.1, 0.7, 1.2), order=1)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 9])
def test_weights(n):
    """Those of equal spacing, against SciPy's own."""
    y = RNG.normal(size=n)
    np.testing.assert_allclose(
        grad(lambda y: integrate.simpson(y))(y), integrate.simpson(np.eye(n), axis=0), atol=1e-15
    )
    if n in (2, 3, 5, 9):
        np.testing.assert_allclose(grad(lambda y: integrate.romb(y))(y), integrate.romb(np.eye(n), axis=0), atol=1e-15)


def test_the_reverse_of_an_integral_is_an_integral():
    text = grad(lambda a, b, p: integrate.quad(lambda x, p: p * x, a, b, (p,))[0], argnums=(1, 2)).source_for(
        0.0, 1.0, 2.0
    )
    assert "return d_out * integrand(b, p), integral_adjoint(integrand_vjp, 0, d_out, a, b, p)" in text


# ---- differential equations ----------------------------------------------------------------------------------


def predators(t, z, a, b):
    x, y = z
    return [a * x - b * x * y, -y + 0.5 * x * y]


TIGHT = {"rtol": 1e-9, "atol": 1e-10}
TIMES = np.linspace(0.0, 2.0, 5)
DATA = np.array([[1.0, 1.2, 1.5, 1.7, 1.6], [0.5, 0.45, 0.5, 0.6, 0.8]])


def at_the_end(a, b, z):
    return np.sum(integrate.solve_ivp(predators, (0.0, 2.0), z, args=(a, b), rtol=1e-9, atol=1e-10).y[:, -1] ** 2)


def misfit(p):
    """Of Lotka and Volterra's equations to data."""
    found = integrate.solve_ivp(
        lambda t, z: np.array([p[0] * z[0] - p[1] * z[0] * z[1], -z[1] + p[2] * z[0] * z[1]]),
        (0.0, 2.0), DATA[:, 0], t_eval=TIMES, rtol=1e-9, atol=1e-10,
    )  # fmt: skip
    return np.sum((found.y - DATA) ** 2) + 0.0 * found.t[1]


def swing(T, w):
    found = integrate.solve_ivp(lambda t, y: np.array([y[1], -w * np.sin(y[0])]), (0.0, T), [1.0, 0.0], "DOP853",
                                rtol=1e-9, atol=1e-10)  # fmt: skip
    return found.y[0, -1]


def at_moving_times(T, w):
    found = integrate.solve_ivp(lambda t, y: np.array([y[1], -w * np.sin(y[0])]), (0.0, T), [1.0, 0.0], "RK23",
                                T * np.linspace(0, 1, 4), rtol=1e-7, atol=1e-8)  # fmt: skip
    return found.y[0] @ found.y[1]


def backwards(a, z):
    return integrate.solve_ivp(lambda t, y: a * np.cos(t) * y, (1.0, 0.0), z, t_eval=[0.8, 0.1], **TIGHT).y[
        0
    ] @ np.array([1.0, 2.0])


def reactions(t, y, k):
    r1, r2, r3 = k[0] * y[0], k[1] * y[1] * y[2], k[2] * y[1] ** 2
    return np.array([-r1 + r2, r1 - r2 - r3, r3])


def radau(k, y0):
    return np.sum(
        integrate.solve_ivp(reactions, (0.0, 2.0), y0, method="Radau", args=(k,), rtol=1e-6, atol=1e-8).y[:, -1] ** 2
    )


def bdf(k, y0):
    return np.sum(
        integrate.solve_ivp(reactions, (0.0, 2.0), y0, method="BDF", t_eval=TIMES, args=(k,), rtol=1e-6, atol=1e-8).y
        ** 2
    )


def lsoda(k, y0):
    return np.sum(integrate.odeint(lambda y, t, k: reactions(t, y, k), y0, TIMES, args=(k,)) ** 2)


def lsoda_first(k, y0):
    return np.sum(integrate.odeint(reactions, y0, TIMES, args=(k,), tfirst=True, rtol=1e-9, atol=1e-10) ** 2)


K, Z = np.array([0.04, 10.0, 30.0]), np.array([1.0, 0.1, 0.2])
TRAJECTORIES = [
    (at_the_end, (1.0, 0.8, np.array([1.0, 0.5])), 1e-5),
    (misfit, (np.array([1.0, 0.8, 0.5]),), 1e-4),
    (swing, (1.5, 2.0), 1e-6),
    (at_moving_times, (1.5, 2.0), 1e-4),
    (backwards, (0.7, np.array([1.3])), 1e-5),
    (radau, (K, Z), 1e-4),
    (bdf, (K, Z), 1e-3),
    (lsoda, (K, Z), 1e-3),
    (lsoda_first, (K, Z), 1e-3),
]


@pytest.mark.parametrize("case", range(len(TRAJECTORIES)))
def test_trajectories(case):
    f, args, rtol = TRAJECTORIES[case]
    check_grads(f, args, order=1, rtol=rtol)
    np.testing.assert_allclose(value_and_grad(f)(*args)[0], f(*args), rtol=1e-12)


def test_a_gradient_is_that_of_the_formula():
    """For a linear equation the steps do not matter: the formula's own derivative is known."""
    f = lambda a: integrate.solve_ivp(
        lambda t, y: a * y, (0.0, 1.0), [1.0], first_step=0.25, max_step=0.25, rtol=1.0
    ).y[0, -1]  # noqa: E731
    h = 0.25 * 0.3
    factor = 1 + h + h**2 / 2 + h**3 / 6 + h**4 / 24 + h**5 / 120 + h**6 / 600
    slope = 1 + h + h**2 / 2 + h**3 / 6 + h**4 / 24 + h**5 / 100
    assert f(0.3) == pytest.approx(factor**4, rel=1e-14)
    assert grad(f)(0.3) == pytest.approx(4 * factor**3 * slope * 0.25, rel=1e-13)


def test_second_derivatives_of_a_fit():
    p, step = np.array([1.0, 0.8, 0.5]), 1e-4
    slopes = [(grad(misfit)(p + step * u) - grad(misfit)(p - step * u)) / (2 * step) for u in np.eye(3)]
    np.testing.assert_allclose(hessian(misfit)(p), slopes, rtol=1e-4)


def test_a_stiff_equation_is_followed_where_it_is_stable():
    def f(p):
        rhs = lambda t, y: np.array([-1000 * p * (y[0] - np.cos(t)), y[0] - y[1]])  # noqa: E731
        found = integrate.solve_ivp(rhs, (0, 2), [0.0, 0.0],
                                    method="Radau", rtol=1e-8, atol=1e-10)  # fmt: skip
        return 1e3 * found.y[1, -1]

    assert grad(f)(1.0) == pytest.approx((f(1.001) - f(0.999)) / 0.002, rel=1e-4)


def test_a_module():
    z = np.array([1.0, 0.5])
    for f, args in ((at_the_end, (1.0, 0.8, z)), (bdf, (K, Z))):
        text = emit(f, args=args)
        assert "import srcgrad" not in text
        np.testing.assert_array_equal(load(text, f"{f.__name__}_grad")(*args), grad(f)(*args))


REFUSED = [
    (lambda p: integrate.quad(lambda x: p * x, 0, 1, points=[0.5])[0], "`points`"),
    (lambda p: integrate.quad(lambda x: p * x, 0, 1, weight="cos", wvar=2.0)[0], "`weight`"),
    (lambda p: integrate.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], events=lambda t, y: y[0]).y[0, -1], "`events`"),
    (
        lambda p: integrate.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], dense_output=True).sol(0.5)[0],
        "`dense_output`",
    ),
    (lambda p: integrate.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], method=integrate.RK45).y[0, -1], "this method"),
    (lambda p: integrate.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], "DOP853", [0.5]).y[0, -1], "DOP853"),
    (lambda p: integrate.odeint(lambda y, t: -p * y, [1.0], [0.0, 1.0], full_output=True)[0][0, -1], "this keyword"),
    (lambda p: integrate.tplquad(lambda z, y, x: p, 0, 1, 0, 1, 0, 1)[0], "quad"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refusals(case):
    f, words = REFUSED[case]
    assert_refused(f, 1.0, error=NoRuleError, reason=words, marker=None)


def test_a_solver_that_does_not_arrive_is_an_error():
    with pytest.raises(ArithmeticError, match="solve_ivp"):
        grad(lambda p: integrate.solve_ivp(lambda t, y: p * y**2, (0.0, 2.0), [1.0]).y[0, -1])(1.0)
