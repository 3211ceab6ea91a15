"""Adjoints and tangents of NumPy's interpolation, polynomials, convolution and statistics."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def cumprod_adjoint(d, x, axis=None):
    """The adjoint of x from that of np.cumprod(x, axis): safe where x is 0."""
    flat = np.reshape(x, -1) if axis is None else np.moveaxis(x, axis, 0)
    ahead = np.array(np.reshape(d, -1) if axis is None else np.moveaxis(d, axis, 0))
    for k in range(flat.shape[0] - 2, -1, -1):
        ahead[k] += flat[k + 1] * ahead[k + 1]
    ahead[1:] *= np.cumprod(flat[:-1], axis=0)
    return np.reshape(ahead, np.shape(x)) if axis is None else np.moveaxis(ahead, 0, axis)


def cumprod_tangent(t, x, axis=None):
    """The tangent of np.cumprod(x, axis) from that of x: safe where x is 0."""
    flat = np.reshape(x, -1) if axis is None else np.moveaxis(x, axis, 0)
    moved = np.array(np.reshape(t, -1) if axis is None else np.moveaxis(t, axis, 0))
    moved[1:] *= np.cumprod(flat[:-1], axis=0)
    for k in range(1, flat.shape[0]):
        moved[k] += flat[k] * moved[k - 1]
    return moved if axis is None else np.moveaxis(moved, 0, axis)


def median_weights(x, axis=None):
    """What each element contributes to the median: 1, or one half to each of two."""
    flat = np.reshape(x, (-1, 1)) if axis is None else np.moveaxis(x, axis, 0)
    order = np.argsort(flat, axis=0)
    n = flat.shape[0]
    weights = np.zeros_like(flat)
    for k in ((n - 1) // 2, n // 2):
        chosen = order[k : k + 1]
        np.put_along_axis(weights, chosen, np.take_along_axis(weights, chosen, axis=0) + 0.5, axis=0)
    return np.reshape(weights, np.shape(x)) if axis is None else np.moveaxis(weights, 0, axis)


def trapezoid_weights(x, axis=-1):
    """What the values at x are multiplied with in np.trapezoid."""
    if np.size(x) == 0:
        return np.zeros_like(x)
    steps = 0.5 * np.diff(x, axis=axis)
    end = np.zeros_like(np.take(x, [0], axis=axis))
    return np.concatenate((steps, end), axis=axis) + np.concatenate((end, steps), axis=axis)


def interp_slope(x, places, values):
    """The slope of np.interp(x, places, values) at x: 0 outside of the places."""
    k = np.clip(np.searchsorted(places, np.asarray(x), side="right") - 1, 0, len(places) - 2)
    slopes = np.diff(values) / np.diff(places)
    return np.where((x < places[0]) | (x > places[-1]), 0.0, slopes[k])[()]


def interp_adjoint(d, x, places, values):
    """The adjoint of the values that np.interp(x, places, values) goes through."""
    k = np.clip(np.searchsorted(places, np.asarray(x), side="right") - 1, 0, len(places) - 2)
    part = np.clip((x - places[k]) / (places[k + 1] - places[k]), 0.0, 1.0)
    result = np.zeros_like(values)
    np.add.at(result, k, d * (1 - part))
    np.add.at(result, k + 1, d * part)
    return result


def vander_tangent(t, out, increasing=False):
    """The tangent of out = np.vander(x) from that of x."""
    lower, higher = out[:, :-1] if increasing else out[:, 1:], np.arange(1, out.shape[1])
    moved = np.zeros_like(out)
    if increasing:
        moved[:, 1:] = t[:, None] * (lower * higher)
    else:
        moved[:, :-1] = t[:, None] * (lower * higher[::-1])
    return moved


def convolve_adjoint(d, x, other, mode="full"):
    """The adjoint of x from that of np.convolve(x, other, mode)."""
    short = min(len(x), len(other))
    whole = np.zeros(len(x) + len(other) - 1, dtype=d.dtype)
    start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
    whole[start : start + len(d)] = d
    return np.convolve(whole, other[::-1], mode="valid")


def correlation_in_full(d, n, m, mode="valid"):
    """The adjoint of np.correlate(a, v, "full") from that of np.correlate(a, v, mode), for n and m elements."""
    short = min(n, m)
    whole = np.zeros(n + m - 1, dtype=d.dtype)
    start = {"full": 0, "same": short // 2 if n < m else (short - 1) // 2, "valid": short - 1}[mode]
    whole[start : start + len(d)] = d
    return whole


def correlate_adjoint(d, a, v, mode="valid"):
    """The adjoint of a from that of np.correlate(a, v, mode)."""
    return np.convolve(correlation_in_full(d, len(a), len(v), mode), v, mode="valid")


def correlate_adjoint_right(d, a, v, mode="valid"):
    """The adjoint of v from that of np.correlate(a, v, mode)."""
    return np.convolve(correlation_in_full(d, len(a), len(v), mode), a[::-1], mode="valid")[::-1]


def add_along(x, indices, values, axis):
    """Zeros of x's shape with `values` added at the places that np.take_along_axis(x, indices, axis) takes."""
    result = np.zeros_like(x)
    places = list(np.ix_(*(np.arange(n) for n in indices.shape)))
    places[axis] = indices
    np.add.at(result, tuple(places), values)
    return result


def put_along(values, indices, axis=-1):
    """Where np.take_along_axis(x, indices, axis) gives `values`, x; the indices are each place once."""
    result = np.empty_like(values)
    np.put_along_axis(result, indices, values, axis)
    return result


def simpson_weights(n):
    """The weights of scipy.integrate.simpson for n samples of spacing 1; of an even number the last interval is
    Cartwright's (2017, eq. 7)."""
    if n < 3:
        return np.full(n, 0.5 * (n - 1))
    odd = n if n % 2 else n - 1
    w = np.zeros(n)
    w[:odd:2], w[1:odd:2] = 2 / 3, 4 / 3
    w[0] = w[odd - 1] = 1 / 3
    if odd < n:
        w[-3:] += [-1 / 12, 2 / 3, 5 / 12]
    return w


def romb_weights(n):
    """The weights of scipy.integrate.romb for n samples of spacing 1: those of the trapezoidal rule, extrapolated."""
    k = (n - 1).bit_length() - 1
    if n < 2 or n != 2**k + 1:
        raise ValueError("Number of samples must be one plus a non-negative power of 2.")
    rules = []
    for i in range(k + 1):
        step = 2 ** (k - i)
        w = np.zeros(n)
        w[::step], w[0], w[-1] = step, step / 2, step / 2
        rules.append(w)
    for j in range(1, k + 1):
        rules = [(4**j * fine - coarse) / (4**j - 1) for coarse, fine in zip(rules, rules[1:], strict=False)]
    return rules[0]


def legendre_points(n):
    """Points and weights of Gauss-Legendre quadrature on [-1, 1]."""
    return np.polynomial.legendre.leggauss(n)


def roots_of(p, w):
    """The roots of the polynomial p, of which w is known to be the value."""
    return w.copy()
