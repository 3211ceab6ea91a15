"""Single results of NumPy's decompositions, and adjoints and tangents of decompositions.

eigh, eigvalsh and cholesky read the lower triangle alone: that is where their adjoints are, and all that matters of
a matrix' tangent. For complex matrices transposes are conjugate ones, and adjoints are in the convention of the papers
named: conjugates of those of docs/complex.md.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def sign_of_det(a):
    """The sign of the determinant: the first result of np.linalg.slogdet."""
    return np.linalg.slogdet(a)[0]


def log_abs_det(a):
    """The logarithm of the absolute value of the determinant: the second result of np.linalg.slogdet."""
    return np.linalg.slogdet(a)[1]


def flip(a):
    """The conjugate transpose of a matrix, or of each matrix of a stack."""
    return np.swapaxes(a, -1, -2).conj()


def diagonal_part(a):
    """The real part of the diagonal of a matrix, as a matrix."""
    return a.real * np.eye(a.shape[-1], dtype=a.real.dtype)


def to_lower(d):
    """The adjoint of a matrix of which only the lower triangle is read, from that of the symmetric matrix."""
    return np.tril(d, -1) + diagonal_part(d) + flip(np.triu(d, 1))


def from_lower(t):
    """The symmetric matrix that has the lower triangle of t."""
    return np.tril(t, -1) + diagonal_part(t) + flip(np.tril(t, -1))


def to_upper(d):
    """The adjoint of a matrix of which only the upper triangle is read, from that of the symmetric matrix."""
    return np.triu(d, 1) + diagonal_part(d) + flip(np.tril(d, -1))


def from_upper(t):
    """The symmetric matrix that has the upper triangle of t."""
    return np.triu(t, 1) + diagonal_part(t) + flip(np.triu(t, 1))


def gaps_between(w):
    """One over w[j] - w[i], and zero where the two are equal up to rounding."""
    gaps = w[..., None, :] - w[..., :, None]
    size = np.sum(np.abs(w), axis=-1, keepdims=True)[..., None]
    equal = size + 0.125 * gaps == size
    return np.where(equal, 0.0, 1 / np.where(equal, 1.0, gaps))


def inverse_of(s):
    """One over s, and zero where s is zero."""
    return np.where(s == 0, 0.0, 1 / np.where(s == 0, 1.0, s))


def eigenvalues_adjoint(d, a):
    """The adjoint of a symmetric matrix from that of its eigenvalues."""
    v = np.linalg.eigh(a)[1]
    return to_lower((v * d[..., None, :]) @ flip(v))


def eigenvalues_tangent(t, a):
    """The tangent of the eigenvalues of a symmetric matrix from that of the matrix."""
    v = np.linalg.eigh(a)[1]
    return np.sum((v.conj() * (from_lower(t) @ v)).real, axis=-2)


def singular_values_adjoint(d, x):
    """The adjoint of a matrix from that of its singular values."""
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    return (u * d[..., None, :]) @ vt


def singular_values_tangent(t, x):
    """The tangent of the singular values of a matrix from that of the matrix."""
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    return np.sum((u.conj() * (t @ flip(vt))).real, axis=-2)


def cholesky_adjoint(d, out):
    """The adjoint of a matrix from that of its Cholesky factor (Murray 2016)."""
    inner = np.tril(flip(out) @ d)
    inner = inner - 0.5 * (inner * np.eye(out.shape[-1], dtype=out.dtype))
    inner = np.linalg.solve(flip(out), flip(np.linalg.solve(flip(out), flip(inner))))
    return to_lower(0.5 * (inner + flip(inner)))


def cholesky_tangent(t, out):
    """The tangent of the Cholesky factor of a matrix from that of the matrix (Murray 2016)."""
    inner = np.linalg.solve(out, flip(np.linalg.solve(out, from_lower(t))))
    return out @ (np.tril(inner) - 0.5 * (inner * np.eye(out.shape[-1], dtype=out.dtype)))


def with_direction(a, e):
    """[[a, e], [0, a]]: a function of it has the derivative of the function of a along e in the upper right block
    (Mathias 1996; Higham 2008, 3.6)."""
    above = np.concatenate([a, e], axis=-1)
    below = np.concatenate([np.zeros_like(a), a], axis=-1)
    return np.concatenate([above, below], axis=-2)


def direction_of(whole):
    """The upper right block of a matrix."""
    n = whole.shape[-1] // 2
    return whole[..., :n, n:].copy()


def phase_of_det(a):
    """The first result of np.linalg.slogdet, where it is a complex number of size 1."""
    return np.linalg.slogdet(a)[0]


def least_squares(a, b, rcond=None):
    """The solution of least squares: the first result of np.linalg.lstsq."""
    return np.linalg.lstsq(a, b, rcond)[0]


def lstsq_x(a, b, x):
    """The solution of least squares, of which x is known to be the value."""
    return x.copy()


def solve_tridiagonal(lower, diagonal, upper, b):
    """The x with A x = b, where A has these three diagonals. b: (n,) or (n, ...), one system for each column."""
    from scipy import linalg

    bands = np.zeros((3, len(diagonal)), np.result_type(lower, diagonal, upper))
    bands[0, 1:], bands[1], bands[2, :-1] = upper, diagonal, lower
    return np.reshape(linalg.solve_banded((1, 1), bands, np.reshape(b, (len(b), -1))), np.shape(b))
