"""scipy.interpolate: splines and interpolants as the arrays that they hold, and the formulas by which they are called.

An object that is made inside of the function is an object of one of the classes here, which are read like a user's; one
that is made outside is looked into (see rules/objects), and called by the same source.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np
from scipy import interpolate

from srcgrad.rules.defined.registry import in_python, refuse, source, stands_for
from srcgrad.rules.programs import grids  # noqa: F401  (they register)
from srcgrad.runtime import solve_tridiagonal

# ---- piecewise polynomials -----------------------------------------------------------------------------------


def _pieces(value):
    if value.axis != 0:
        return None
    return {"c": tuple(value.c), "x": value.x, "extrapolate": value.extrapolate, "axis": None}


PIECEWISE = (
    interpolate.PPoly, interpolate.CubicHermiteSpline, interpolate.CubicSpline, interpolate.PchipInterpolator,
    interpolate.Akima1DInterpolator,
)  # fmt: skip


@stands_for(PIECEWISE, _pieces)
class PiecewisePolynomial:
    """c: the coefficients of each power of the distance from the left end of a piece, the highest first."""

    def __init__(self, c, x, extrapolate, axis):
        self.c = c
        self.x = x
        self.extrapolate = extrapolate
        self.axis = None if axis is None or axis == 0 else axis

    def __call__(self, x, nu=0, extrapolate=None):
        c = self.derivative(nu).c
        x = np.asarray(x) if isinstance(x, (list, tuple)) else x
        beyond = self.extrapolate if extrapolate is None else extrapolate
        if isinstance(beyond, str):
            x = self.x[0] + (x - self.x[0]) % (self.x[-1] - self.x[0])
        i = np.clip(np.searchsorted(self.x, x, side="right") - 1, 0, len(self.x) - 2)
        h = x - self.x[i]
        h = beside(h, c[0])
        y = c[0][i]
        for part in c[1:]:
            y = y * h + part[i]
        if not beyond:
            y = np.where(beside((x >= self.x[0]) & (x <= self.x[-1]), c[0]), y + 0.0 * h, np.nan)
        if self.axis is None or np.ndim(x) == 0:
            return y
        if np.ndim(x) > 1:
            refuse("The derivative of a spline along another axis than the first is known at vectors alone.")
        return np.moveaxis(y, 0, self.axis)

    def derivative(self, nu=1):
        if nu < 0 or nu > 3:
            refuse("Of piecewise polynomials the derivatives up to the third are differentiated.")
        c = self.c
        if nu > 0:
            c = lowered(c)
        if nu > 1:
            c = lowered(c)
        if nu > 2:
            c = lowered(c)
        return PiecewisePolynomial(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu=1):
        if nu != 1:
            refuse("Of piecewise polynomials the first antiderivative is differentiated.")
        upwards = list(reversed(self.c))
        c = tuple(reversed([part / (k + 1) for k, part in enumerate(upwards)]))
        h = beside(np.diff(self.x), c[0])
        whole = c[0]
        for part in c[1:]:
            whole = whole * h + part
        start = np.concatenate([np.zeros_like(whole[:1]), np.cumsum(whole * h, axis=0)[:-1]])
        return PiecewisePolynomial((*c, start), self.x, self.extrapolate, self.axis)

    def integrate(self, a, b, extrapolate=None):
        if isinstance(self.extrapolate, str):
            refuse("The integral of a periodic spline is not differentiated.", "Integrate it piece by piece.")
        whole = self.antiderivative()
        return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)


@source
def lowered(c):
    """The coefficients of the derivative."""
    if len(c) == 1:
        return (0.0 * c[0],)
    upwards = list(reversed(c))
    return tuple(reversed([k * part for k, part in enumerate(upwards) if k > 0]))


@in_python(interpolate.CubicHermiteSpline)
def cubic_hermite_spline(x, y, dydx, axis=0, extrapolate=None):
    x, y, dydx = np.asarray(x), np.asarray(y), np.asarray(dydx)
    if axis != 0:
        y, dydx = np.moveaxis(y, axis, 0), np.moveaxis(dydx, axis, 0)
    h = spacings(x, y)
    return through_slopes(x, y, h, np.diff(y, axis=0) / h, dydx, axis, True if extrapolate is None else extrapolate)


@source
def through_slopes(x, y, h, m, s, axis, extrapolate):
    """The cubic pieces of lengths h and mean slopes m that have the slopes s at their ends."""
    t = (s[:-1] + s[1:] - 2.0 * m) / h
    return PiecewisePolynomial((t / h, (m - s[:-1]) / h - t, s[:-1], y[:-1]), x, extrapolate, axis)


@source
def spacings(x, y):
    h = np.diff(x)
    if np.any(h <= 0):
        raise ValueError("`x` must be strictly increasing sequence.")
    return beside(h, y)


@source
def beside(h, y):
    """What stands for the first axis of y, or is to be multiplied with items of it, with the axes of an item."""
    if np.ndim(y) == 1:
        return h
    if np.ndim(y) > 3:
        refuse("The derivative of an interpolant of values with four axes and more is not known.", "Write a loop.")
    if np.ndim(y) == 2:
        return h[..., None] if np.ndim(h) else h
    return h[..., None, None] if np.ndim(h) else h


@in_python(interpolate.CubicSpline)
def cubic_spline(x, y, axis=0, bc_type="not-a-knot", extrapolate=None):
    x, y = np.asarray(x), np.asarray(y)
    if axis != 0:
        y = np.moveaxis(y, axis, 0)
    h = spacings(x, y)
    m = np.diff(y, axis=0) / h
    if isinstance(bc_type, str):
        start, end = bc_type, bc_type
    else:
        start, end = bc_type
    if isinstance(start, str) and start == "periodic":
        s = periodic_slopes(np.diff(x), h, m)
        return through_slopes(x, y, h, m, s, axis, "periodic" if extrapolate is None else extrapolate)
    if (isinstance(start, str) and start == "not-a-knot") or (isinstance(end, str) and end == "not-a-knot"):
        if len(x) < 4:
            raise NotImplementedError("CubicSpline by not-a-knot is differentiated for four points and more")
    d = np.diff(x)
    b = np.zeros(np.shape(y))
    b[1:-1] = 3.0 * (h[1:] * m[:-1] + h[:-1] * m[1:])
    first, above, b[0] = end_of_spline(start, d[0], d[1], m[0], m[1], -1.0)
    last, below, b[-1] = end_of_spline(end, d[-1], d[-2], m[-1], m[-2], 1.0)
    diagonal = np.concatenate([[first], 2.0 * (d[:-1] + d[1:]), [last]])
    lower, upper = np.concatenate([d[1:], [below]]), np.concatenate([[above], d[:-1]])
    s = solve_tridiagonal(lower, diagonal, upper, b)
    return through_slopes(x, y, h, m, s, axis, True if extrapolate is None else extrapolate)


@source
def end_of_spline(condition, h0, h1, m0, m1, sign):
    """The equation of the slope at an end: the factor of it, that of its neighbour, and the right-hand side. h0, h1:
    the lengths of the two pieces there; m0, m1: their slopes. (de Boor 2001, chapter IV.)"""
    if isinstance(condition, str):
        if condition == "not-a-knot":
            return h1, h0 + h1, ((h0 + 2.0 * (h0 + h1)) * h1 * m0 + h0 * h0 * m1) / (h0 + h1)
        if condition == "clamped":
            return 1.0, 0.0, 0.0 * m0
        if condition == "natural":
            return 2.0 * h0, h0, 3.0 * h0 * m0
        refuse("CubicSpline has no boundary condition of this name.", "Name not-a-knot, clamped, natural or periodic.")
    order, value = condition
    if order == 1:
        return 1.0, 0.0, value + 0.0 * m0
    return 2.0 * h0, h0, 3.0 * h0 * m0 + sign * 0.5 * value * h0 * h0


@source
def periodic_slopes(d, h, m):
    """The slopes of a periodic spline: a tridiagonal system with two corners (Sherman and Morrison 1950)."""
    if len(d) < 3:
        raise NotImplementedError("CubicSpline that is periodic is differentiated for four points and more")
    before = np.roll(d, 1)
    b = 3.0 * (h * np.roll(m, 1, axis=0) + np.roll(h, 1, axis=0) * m)
    diagonal = 2.0 * (before + d)
    top, bottom, pivot = d[0], before[-1], -diagonal[0]
    inner = np.concatenate([[diagonal[0] - pivot], diagonal[1:-1], [diagonal[-1] - top * bottom / pivot]])
    border = np.concatenate([[pivot], np.zeros(len(d) - 2), [bottom]])
    z = solve_tridiagonal(d[1:], inner, before[:-1], b)
    q = solve_tridiagonal(d[1:], inner, before[:-1], border)
    share = (z[0] + top / pivot * z[-1]) / (1.0 + q[0] + top / pivot * q[-1])
    s = z - beside(q, z) * share
    return np.concatenate([s, s[:1]])


@in_python(interpolate.PchipInterpolator)
def pchip(x, y, axis=0, extrapolate=None):
    """Slopes as weighted harmonic means, none where the data turns round (Fritsch and Butland 1984)."""
    x, y = np.asarray(x), np.asarray(y)
    if axis != 0:
        y = np.moveaxis(y, axis, 0)
    if len(x) < 3:
        raise NotImplementedError("PchipInterpolator is differentiated for three points and more")
    h = spacings(x, y)
    m = np.diff(y, axis=0) / h
    alike = m[:-1] * m[1:] > 0
    left, right = np.where(alike, m[:-1], 1.0), np.where(alike, m[1:], 1.0)
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    s = np.zeros(np.shape(y))
    s[1:-1] = np.where(alike, (w1 + w2) / (w1 / left + w2 / right), 0.0)
    s[0] = end_of_pchip(h[0], h[1], m[0], m[1])
    s[-1] = end_of_pchip(h[-1], h[-2], m[-1], m[-2])
    return through_slopes(x, y, h, m, s, axis, True if extrapolate is None else extrapolate)


@source
def end_of_pchip(h0, h1, m0, m1):
    """The slope of a parabola at an end, kept from turning round (Moler 2004, section 3.6)."""
    s = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(s) > 3.0 * np.abs(m0))
    return np.where(np.sign(s) != np.sign(m0), 0.0, np.where(steep, 3.0 * m0, s))


@in_python(interpolate.Akima1DInterpolator)
def akima(x, y, axis=0, *, method="akima", extrapolate=None):
    """Slopes weighted by the differences of their neighbours (Akima 1970)."""
    x, y = np.asarray(x), np.asarray(y)
    if axis != 0:
        y = np.moveaxis(y, axis, 0)
    if len(x) < 3:
        raise NotImplementedError("Akima1DInterpolator is differentiated for three points and more")
    h = spacings(x, y)
    m = np.diff(y, axis=0) / h
    one = 2.0 * m[:1] - m[1:2]
    end = 2.0 * m[-1:] - m[-2:-1]
    slopes = np.concatenate([2.0 * one - m[:1], one, m, end, 2.0 * end - m[-1:]])
    change = np.abs(np.diff(slopes, axis=0))
    f1, f2 = change[2:], change[:-2]
    if method == "makima":
        level = np.abs(slopes[1:] + slopes[:-1])
        f1, f2 = f1 + 0.5 * level[2:], f2 + 0.5 * level[:-2]
    known = f1 + f2 > 1e-9 * np.max(f1 + f2)
    share = f2 / np.where(known, f1 + f2, 1.0)
    between = slopes[1:-2] + share * (slopes[2:-1] - slopes[1:-2])
    s = np.where(known, between, 0.5 * (slopes[3:] + slopes[:-3]))
    return through_slopes(x, y, h, m, s, axis, False if extrapolate is None else extrapolate)


@in_python(interpolate.pchip_interpolate)
def pchip_interpolate(xi, yi, x, der=0, axis=0):
    return interpolate.PchipInterpolator(xi, yi, axis)(x, der)


# ---- B-splines -----------------------------------------------------------------------------------------------


def _knots(value):
    if value.axis != 0:
        return None
    return {"t": value.t, "c": value.c, "k": value.k, "extrapolate": value.extrapolate}


@stands_for((interpolate.BSpline,), _knots)
class BasisSpline:
    """What stands for BSpline: knots t, coefficients c, degree k."""

    def __init__(self, t, c, k, extrapolate):
        self.t = t
        self.c = c
        self.k = k
        self.extrapolate = extrapolate

    def __call__(self, x, nu=0, extrapolate=None):
        spline = self if nu == 0 else self.derivative(nu)
        return spline.at(x, self.extrapolate if extrapolate is None else extrapolate)

    def at(self, x, beyond):
        x = np.asarray(x) if isinstance(x, (list, tuple)) else x
        t, c, k = self.t, self.c, self.k
        if isinstance(beyond, str):
            x = t[k] + (x - t[k]) % (t[len(c)] - t[k])
        i = np.clip(np.searchsorted(t, x, side="right") - 1, k, len(c) - 1)
        d = c[np.add.outer(np.arange(-k, 1), i)]
        at, more = (x, i) if np.ndim(c) == 1 else (x[..., None], i[..., None])
        if np.ndim(c) > 2:
            refuse("The derivative of a BSpline with coefficients of three axes and more is not known.")
        for r in range(1, k + 1):
            for j in range(k, r - 1, -1):
                left = t[more + j - k]
                a = (at - left) / (t[more + j + 1 - r] - left)
                d[j] = (1.0 - a) * d[j - 1] + a * d[j]
        if not beyond:
            return np.where((at >= t[k]) & (at <= t[len(c)]), d[k], np.nan)
        return d[k]

    def derivative(self, nu=1):
        if nu < 1 or nu > 3:
            refuse("Of B-splines the derivatives up to the third are differentiated.")
        found = self.lowered()
        if nu > 1:
            found = found.lowered()
        if nu > 2:
            found = found.lowered()
        return found

    def lowered(self):
        n = len(self.c)
        gaps = self.t[self.k + 1 : n + self.k] - self.t[1:n]
        gaps = np.where(gaps == 0, 1.0, gaps)
        gaps = gaps if np.ndim(self.c) == 1 else gaps[:, None]
        return BasisSpline(self.t[1:-1], self.k * np.diff(self.c[:n], axis=0) / gaps, self.k - 1, self.extrapolate)


@in_python(interpolate.BSpline)
def bspline(t, c, k, extrapolate=True, axis=0):
    if axis != 0:
        refuse("The derivative of a BSpline along an axis other than the first is not known.")
    return BasisSpline(np.asarray(t), np.asarray(c), k, extrapolate)


@in_python(interpolate.make_interp_spline)
def make_interp_spline(x, y, k=3, t=None, bc_type=None, axis=0, check_finite=True):
    if t is not None or bc_type is not None or axis != 0:
        refuse("The derivative of make_interp_spline with `t`, `bc_type` or `axis` is not known.", "Use CubicSpline.")
    x, y = np.asarray(x), np.asarray(y)
    if k % 2 == 0:
        middle = 0.5 * (x[1:] + x[:-1])
        inner = middle[k // 2 : len(middle) - k // 2]
    else:
        inner = x[(k + 1) // 2 : len(x) - (k + 1) // 2]
    knots = np.concatenate([x[0] + np.zeros(k + 1), inner, x[-1] + np.zeros(k + 1)])
    design = BasisSpline(knots, np.eye(len(x)), k, True)(x)
    return BasisSpline(knots, np.linalg.solve(design, y), k, True)
