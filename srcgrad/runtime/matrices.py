"""Single results of NumPy's decompositions, and adjoints and tangents of decompositions.

eigh, eigvalsh and cholesky read the lower triangle alone: that is where their adjoints are, and all that matters of
a matrix' tangent.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def sign_of_det(a):
    """The sign of the determinant: the first result of np.linalg.slogdet."""
    return np.linalg.slogdet(a)[0]


def log_abs_det(a):
    """The logarithm of the absolute value of the determinant: the second result of np.linalg.slogdet."""
    return np.linalg.slogdet(a)[1]


def eigenvectors(a):
    """The eigenvectors of a symmetric matrix: the second result of np.linalg.eigh."""
    return np.linalg.eigh(a)[1]


def flip(a):
    """The transpose of a matrix, or of each matrix of a stack."""
    return np.swapaxes(a, -1, -2)


def to_lower(d):
    """The adjoint of a matrix of which only the lower triangle is read, from that of the symmetric matrix."""
    return np.tril(d) + flip(np.triu(d, 1))


def from_lower(t):
    """The symmetric matrix that has the lower triangle of t."""
    return np.tril(t) + flip(np.tril(t, -1))


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
    return np.sum(v * (from_lower(t) @ v), axis=-2)


def eigenvectors_adjoint(d, a):
    """The adjoint of a symmetric matrix from that of its eigenvectors (Giles 2008, 3.1)."""
    w, v = np.linalg.eigh(a)
    return to_lower(v @ (gaps_between(w) * (flip(v) @ d)) @ flip(v))


def eigenvectors_tangent(t, a):
    """The tangent of the eigenvectors of a symmetric matrix from that of the matrix (Giles 2008, 3.1)."""
    w, v = np.linalg.eigh(a)
    return v @ (gaps_between(w) * (flip(v) @ from_lower(t) @ v))


def singular_values_adjoint(d, a):
    """The adjoint of a matrix from that of its singular values."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return (u * d[..., None, :]) @ vt


def singular_values_tangent(t, a):
    """The tangent of the singular values of a matrix from that of the matrix."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return np.sum(u * (t @ flip(vt)), axis=-2)


def cholesky_adjoint(d, factor):
    """The adjoint of a matrix from that of its Cholesky factor (Murray 2016)."""
    inner = np.tril(flip(factor) @ d)
    inner = inner - 0.5 * (inner * np.eye(factor.shape[-1], dtype=factor.dtype))
    inner = np.linalg.solve(flip(factor), flip(np.linalg.solve(flip(factor), flip(inner))))
    return to_lower(0.5 * (inner + flip(inner)))


def cholesky_tangent(t, factor):
    """The tangent of the Cholesky factor of a matrix from that of the matrix (Murray 2016)."""
    inner = np.linalg.solve(factor, flip(np.linalg.solve(factor, from_lower(t))))
    return factor @ (np.tril(inner) - 0.5 * (inner * np.eye(factor.shape[-1], dtype=factor.dtype)))


def matrix_power_derivative(a, e, n):
    """The derivative of the n-th power of a along e: a block of the power of [[a, e], [0, a]] (Higham 2008, 3.6)."""
    m = a.shape[-1]
    above = np.concatenate([a, e], axis=-1)
    below = np.concatenate([np.zeros_like(a), a], axis=-1)
    return np.linalg.matrix_power(np.concatenate([above, below], axis=-2), n)[..., :m, m:]


def least_squares(a, b, rcond=None):
    """The solution of least squares: the first result of np.linalg.lstsq."""
    return np.linalg.lstsq(a, b, rcond)[0]


def solve_tridiagonal(lower, diagonal, upper, b):
    """The x with A x = b, where A has these three diagonals. b: (n,) or (n, ...), one system for each column."""
    from scipy import linalg

    bands = np.zeros((3, len(diagonal)))
    bands[0, 1:], bands[1], bands[2, :-1] = upper, diagonal, lower
    return np.reshape(linalg.solve_banded((1, 1), bands, np.reshape(b, (len(b), -1))), np.shape(b))
