"""Polynomials by their coefficients, the highest power first."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

import numpy as np

from srcgrad import runtime
from srcgrad.rules.defined.registry import in_python


def without_leading_zeros(p):
    first = np.argmax(p != 0) if np.any(p) else len(p) - 1
    return p[first:]


@in_python(np.polymul)
def polymul(a1, a2):
    return np.convolve(without_leading_zeros(np.atleast_1d(a1)), without_leading_zeros(np.atleast_1d(a2)))


@in_python(np.polydiv)
def polydiv(u, v):
    """By long division, as NumPy does it; what is left of the remainder begins with what is not 0 but for rounding."""
    remainder = np.atleast_1d(u) + 0.0
    divisor = np.atleast_1d(v) + 0.0
    degree = len(divisor) - 1
    steps = len(remainder) - degree
    quotient = np.zeros(max(steps, 1), (remainder[0] + divisor[0]).dtype)
    for k in range(steps):
        quotient[k] = remainder[k] / divisor[0]
        remainder[k : k + degree + 1] -= quotient[k] * divisor
    first = 0
    while first < len(remainder) - 1 and np.isclose(remainder[first], 0, rtol=1e-14):
        first += 1
    return quotient, remainder[first:]


@in_python(np.polyder)
def polyder(p, m=1):
    p = np.asarray(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@in_python(np.polyint)
def polyint(p, m=1, k=None):
    p = np.asarray(p)
    constants = np.zeros(m) if k is None else np.full(m, k) if np.size(k) == 1 else np.asarray(k)
    for j in range(m):
        p = np.append(p / np.arange(len(p), 0, -1), constants[j])
    return p


@in_python(np.poly)
def poly(seq_of_zeros):
    if np.ndim(seq_of_zeros) != 1:
        raise NotImplementedError("np.poly is differentiated for the zeros of a polynomial, not for matrices")
    zeros = np.asarray(seq_of_zeros)
    p = np.ones(1, zeros.dtype)
    for k in range(len(zeros)):
        p = np.append(p, 0.0) - zeros[k] * np.append(0.0, p)
    return p


@in_python(np.polyfit)
def polyfit(x, y, deg, rcond=None, *, w=None):
    x, y = np.asarray(x), np.asarray(y)
    powers, values = np.vander(x + 0.0, deg + 1), y + 0.0
    if w is not None:
        w = np.asarray(w)
        powers = powers * w[:, None]
        values = values * (w[:, None] if y.ndim == 2 else w)
    scale = runtime.stop_gradient(np.sqrt(np.sum(powers * powers, axis=0)))  # on which the fit does not depend
    found = runtime.least_squares(powers / scale, values, rcond)
    return found / (scale[:, None] if y.ndim == 2 else scale)
