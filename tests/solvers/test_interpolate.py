"""Interpolants of SciPy, made inside and outside: against central differences, and between the modes."""

import numpy as np
import pytest
from scipy import interpolate
from scipy.interpolate import CubicSpline

from srcgrad import check_grads, grad, value_and_grad
from srcgrad.errors import NoRuleError
from tests.support import assert_refused

RNG = np.random.default_rng(0)
X, Y = np.sort(RNG.normal(size=7)), RNG.normal(size=7)
T = np.linspace(X[0] + 0.01, X[-1] - 0.01, 5)
Y2 = RNG.normal(size=(7, 2))
W = np.arange(1.0, 6.0)
KNOTS = np.array([0.0, 0, 0, 1, 2, 3, 3, 3])
GRID = np.array([0.0, 1.0, 3.0])


def periodic(x, y, t):
    return W @ CubicSpline(x, np.concatenate([y[:-1], y[:1]]), bc_type="periodic")(t)


def with_ends(x, y, t):
    return W @ CubicSpline(x, y, bc_type=((1, 0.5), (2, y[0])))(t)


def integral(x, y, t):
    spline = CubicSpline(x, y, bc_type="clamped")
    return spline.integrate(t[0], t[1]) + np.sum(spline(t) ** 2)


def beside_derivatives(x, y, t):
    return W @ CubicSpline(x, y).derivative()(t) + W @ CubicSpline(x, y, bc_type="natural")(t, 2)


INSIDE = [
    (lambda x, y, t: W @ CubicSpline(x, y)(t), (X, Y, T)),
    (with_ends, (X, Y, T)),
    (periodic, (X, Y, T)),
    (integral, (X, Y, T)),
    (beside_derivatives, (X, Y, T)),
    (lambda x, y, t: np.sum((W @ CubicSpline(x, y)(t)) ** 2), (X, Y2, T)),
    (lambda x, y, t: np.sum(CubicSpline(x, y, axis=1)(t) @ W), (X, Y2.T, T)),
    (lambda x, y, dy, t: W @ interpolate.CubicHermiteSpline(x, y, dy)(t), (X, Y, Y[::-1] * 0.5, T)),
    (lambda x, y, t: W @ interpolate.PchipInterpolator(x, y)(t), (X, Y, T)),
    (lambda x, y, t: np.sum(interpolate.pchip_interpolate(x, y, t) ** 2), (X, Y2, T)),
    (lambda x, y, t: W @ interpolate.Akima1DInterpolator(x, y)(t), (X, Y, T)),
    (lambda x, y, t: W @ interpolate.Akima1DInterpolator(x, y, method="makima")(t), (X, Y, T)),
    (lambda x, y, t: W @ interpolate.interp1d(x, y)(t), (X, Y, T)),
    (lambda x, y, t: W @ interpolate.interp1d(x, y, kind="cubic")(t), (X, Y, T)),
    (lambda x, y, t: W @ interpolate.interp1d(x, y, "nearest", fill_value="extrapolate")(t), (X, Y, T)),
    (lambda x, y: interpolate.interp1d(x, y, bounds_error=False, fill_value=(y[0], 2.0))(9.0) * y[0], (X, Y)),
    (lambda x, y, t: W @ interpolate.make_interp_spline(x, y)(t), (X, Y, T)),
    (lambda x, y, t: W @ interpolate.make_interp_spline(x, y, k=2)(t, 1), (X, Y, T)),
    (lambda c, t: W @ interpolate.BSpline(KNOTS, c, 2)(t), (RNG.normal(size=5), np.linspace(0.1, 2.9, 5))),
    (lambda x, y, t: W @ interpolate.BarycentricInterpolator(x, y)(t), (X, Y, T)),
    (lambda x, y: interpolate.barycentric_interpolate(x, y, 0.3) ** 2, (X, Y)),
    (lambda v, p, q: interpolate.RegularGridInterpolator((q, GRID), v)(p)[0] ** 2,
     (RNG.normal(size=(4, 3)), np.array([1.3, 2.1]), np.array([0.0, 1, 2, 4]))),
    (lambda v, p: np.sum(interpolate.RegularGridInterpolator((GRID, GRID, GRID), v)(p) ** 2),
     (RNG.normal(size=(3, 3, 3)), np.array([[1.3, 2.1, 0.4], [0.3, 0.6, 2.2]]))),
]  # fmt: skip

SPLINE = CubicSpline(X, Y)
NATURAL = CubicSpline(X, Y2, bc_type="natural")
PIECES = interpolate.PPoly(RNG.normal(size=(3, 6)), X, extrapolate=False)
BASIS = interpolate.make_interp_spline(X, Y)
LINEAR = interpolate.interp1d(X, Y)
PLANE = interpolate.RegularGridInterpolator((GRID, np.arange(4.0)), RNG.normal(size=(3, 4)))
OUTSIDE = [
    (lambda t: W @ (SPLINE(t) * SPLINE(t, 1)), (T,)),
    (lambda t: SPLINE(t) ** 2, (0.3,)),
    (lambda t: np.sum((W @ NATURAL(t)) ** 2), (T,)),
    (lambda t: np.sum(PIECES(t) ** 2), (T,)),
    (lambda a: SPLINE.integrate(a, 0.7), (0.1,)),
    (lambda t: W @ (BASIS(t) + BASIS(t, 2)), (T,)),
    (lambda t: W @ LINEAR(t), (T,)),
    (lambda p: PLANE(p)[0] ** 2, (np.array([0.5, 1.5]),)),
    (lambda y, t: CubicSpline(X, y)(t), (Y, 0.3)),
]


@pytest.mark.parametrize("case", range(len(INSIDE)))
def test_made_inside(case):
    f, args = INSIDE[case]
    check_grads(f, args, order=1)
    np.testing.assert_allclose(value_and_grad(f)(*args)[0], f(*args), rtol=1e-10)


@pytest.mark.parametrize("case", range(len(OUTSIDE)))
def test_made_outside(case):
    f, args = OUTSIDE[case]
    check_grads(f, args, order=2 if case < 5 else 1)
    np.testing.assert_allclose(value_and_grad(f)(*args)[0], f(*args), rtol=1e-12)


def test_second_derivatives_by_the_knots():
    check_grads(lambda x: W[:2] @ interpolate.make_interp_spline(x, Y[:5], k=2)(X[2:4]), (X[:5],), order=2)


def test_a_spline_is_passed():
    f = grad(lambda t, spline: spline(t) ** 2)
    assert f(0.3, SPLINE) == pytest.approx(2 * SPLINE(0.3) * SPLINE(0.3, 1))
    other = CubicSpline(X, Y + 1.0)
    assert f(0.3, other) == pytest.approx(2 * other(0.3) * other(0.3, 1))


def test_a_spline_that_is_held_reads_as_a_polynomial():
    text = grad(lambda t: SPLINE(t)).source_for(0.3)
    assert 'i = np.clip(np.searchsorted(SPLINE.x, t, side="right") - 1, 0, len(SPLINE.x) - 2)' in text
    assert "SPLINE.c[0][i]" in text


def test_a_fit_by_its_values():
    """The least-squares fit of a spline's values at its knots is linear: its gradient is what it says."""
    target = np.sin(T)
    loss = lambda y: np.sum((CubicSpline(X, y)(T) - target) ** 2)  # noqa: E731
    basis = CubicSpline(X, np.eye(7))(T)
    np.testing.assert_allclose(grad(loss)(Y), 2 * basis.T @ (basis @ Y - target), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [CubicSpline, interpolate.PchipInterpolator, interpolate.Akima1DInterpolator])
def test_knots_that_do_not_rise_are_an_error(make):
    with pytest.raises(ValueError, match="strictly increasing"):
        grad(lambda y: make(np.array([0.0, 2.0, 1.0, 3.0]), y)(0.5))(np.ones(4))


def test_points_outside_are_an_error():
    with pytest.raises(ValueError, match="range"):
        grad(lambda t: LINEAR(t))(100.0)
    with pytest.raises(ValueError, match="out of bounds"):
        grad(lambda p: PLANE(p)[0])(np.array([0.5, 9.0]))


REFUSED = [
    (lambda p: interpolate.UnivariateSpline(np.arange(5.0), np.arange(5.0) * p)(1.5), "FITPACK"),
    (lambda p: interpolate.lagrange(np.arange(3.0), np.arange(3.0) * p)(1.5), "makes an object"),
    (lambda p: interpolate.griddata(np.ones((3, 2)), np.ones(3) * p, np.ones((1, 2)))[0], "scattered"),
    (lambda p: interpolate.interp1d(np.arange(4.0), np.arange(4.0) * p, kind="quadratic")(1.5), "`kind`"),
    (lambda p: np.sum(interpolate.interp1d(np.arange(4.0), np.ones((2, 4)) * p)(1.5)), "several axes"),
    (lambda p: CubicSpline(np.arange(5.0), np.arange(5.0) * p, bc_type="wild")(1.5), "of this name"),
    (lambda p: CubicSpline(np.arange(5.0), np.arange(5.0) * p)(1.5, 4), "up to the third"),
    (lambda p: interpolate.make_interp_spline(np.arange(5.0), np.arange(5.0) * p, bc_type="natural")(1.5), "`bc_type`"),
    (lambda p: interpolate.RegularGridInterpolator((GRID,), GRID * p, method="cubic")(np.array([0.5]))[0], "linear"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refusals(case):
    f, words = REFUSED[case]
    assert_refused(f, 1.0, error=NoRuleError, reason=words, marker=None)
