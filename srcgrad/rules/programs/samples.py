"""Integrals of samples: trapezoid, simpson, romb and the like of scipy.integrate, as what they are made of."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np
from scipy import integrate

from srcgrad.rules.defined.registry import in_python, refuse, source
from srcgrad.rules.registry import constant
from srcgrad.runtime import legendre_points, romb_weights, simpson_weights

constant(simpson_weights, romb_weights, legendre_points)


@in_python(integrate.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


@in_python(integrate.cumulative_trapezoid)
def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    y = np.moveaxis(np.asarray(y), axis, -1)
    found = np.cumsum(0.5 * widths(x, dx, axis) * (y[..., 1:] + y[..., :-1]), axis=-1)
    if initial is not None:
        if initial != 0:
            raise ValueError("`initial` must be `None` or `0`.")
        found = np.concatenate([np.zeros_like(y[..., :1]), found], axis=-1)
    return np.moveaxis(found, -1, axis)


@source
def widths(x, dx, axis):
    if x is None:
        return dx
    x = np.asarray(x)
    return np.diff(x) if x.ndim == 1 else np.diff(np.moveaxis(x, axis, -1))


@in_python(integrate.simpson)
def simpson(y, x=None, *, dx=1.0, axis=-1):
    y = np.moveaxis(np.asarray(y), axis, -1)
    n = y.shape[-1]
    if x is None:
        return dx * (y @ simpson_weights(n))
    h = widths(x, dx, axis)
    odd = n if n % 2 else n - 1
    h0, h1 = h[..., : odd - 1 : 2], h[..., 1:odd:2]
    first, middle, last = y[..., : odd - 2 : 2], y[..., 1 : odd - 1 : 2], y[..., 2:odd:2]
    parts = first * (2.0 - h1 / h0) + middle * ((h0 + h1) * (h0 + h1) / (h0 * h1)) + last * (2.0 - h0 / h1)
    found = np.sum((h0 + h1) / 6.0 * parts, axis=-1)
    if n % 2 == 0:
        found = found + last_of_simpson(y, h, n)
    return found


@source
def last_of_simpson(y, h, n):
    """The last interval of an even number of points (Cartwright 2017, eq. 7 and 9)."""
    if n == 2:
        return 0.5 * h[..., -1] * (y[..., -1] + y[..., -2])
    a, b = h[..., -2], h[..., -1]
    found = y[..., -1] * (2.0 * b * b + 3.0 * a * b) / (6.0 * (a + b)) + y[..., -2] * (b * b + 3.0 * a * b) / (6.0 * a)
    return found - y[..., -3] * (b * b * b) / (6.0 * a * (a + b))


@in_python(integrate.cumulative_simpson)
def cumulative_simpson(y, *, x=None, dx=1.0, axis=-1, initial=None):
    y = np.moveaxis(np.asarray(y), axis, -1)
    n = y.shape[-1]
    if n < 3:
        raise NotImplementedError("cumulative_simpson is differentiated for three points and more")
    h = dx + np.zeros(n - 1) if x is None else widths(x, dx, axis)
    left = first_of_parabola(y[..., :-2], y[..., 1:-1], y[..., 2:], h[..., :-1], h[..., 1:])
    right = first_of_parabola(y[..., 2:], y[..., 1:-1], y[..., :-2], h[..., 1:], h[..., :-1])
    parts = np.zeros(y.shape[:-1] + (n - 1,))
    parts[..., :-1:2] = left[..., ::2]
    parts[..., 1::2] = right[..., ::2]
    parts[..., -1] = right[..., -1]
    found = np.cumsum(parts, axis=-1)
    if initial is not None:
        start = initial + np.zeros_like(y[..., :1])
        found = np.concatenate([start, start + found], axis=-1)
    return np.moveaxis(found, -1, axis)


@source
def first_of_parabola(y0, y1, y2, a, b):
    """The integral over the first interval of the parabola through three points, which are a and b apart (Cartwright
    2017, eq. 8)."""
    part, ratio = a / (a + b), a * a / (b * (a + b))
    return a / 6.0 * ((3.0 - part) * y0 + (3.0 + ratio + part) * y1 - ratio * y2)


@in_python(integrate.romb)
def romb(y, dx=1.0, axis=-1, show=False):
    if show:
        refuse("romb with `show` prints.", "Leave it out.")
    y = np.moveaxis(np.asarray(y), axis, -1)
    return dx * (y @ romb_weights(y.shape[-1]))


@in_python(integrate.fixed_quad)
def fixed_quad(func, a, b, args=(), n=5):
    x, w = legendre_points(n)
    return 0.5 * (b - a) * np.sum(w * func(0.5 * (b - a) * (x + 1.0) + a, *args), axis=-1), None


@in_python(integrate.dblquad)
def dblquad(func, a, b, gfun, hfun, args=(), epsabs=1.49e-8, epsrel=1.49e-8):
    def inner(x, *args):
        lo = gfun(x) if callable(gfun) else gfun
        hi = hfun(x) if callable(hfun) else hfun
        return integrate.quad(func, lo, hi, args=(x, *args), epsabs=epsabs, epsrel=epsrel)[0]

    return integrate.quad(inner, a, b, args=args, epsabs=epsabs, epsrel=epsrel)
