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


def to_lower(d):
    """The adjoint of a matrix of which only the lower triangle is read, from that of the symmetric matrix."""
    return np.tril(d) + np.triu(d, 1).T


def from_lower(t):
    """The symmetric matrix that has the lower triangle of t."""
    return np.tril(t) + np.tril(t, -1).T


def eigenvalues_adjoint(d, a):
    """The adjoint of a symmetric matrix from that of its eigenvalues."""
    v = np.linalg.eigh(a)[1]
    return to_lower((v * d) @ v.T)


def eigenvalues_tangent(t, a):
    """The tangent of the eigenvalues of a symmetric matrix from that of the matrix."""
    v = np.linalg.eigh(a)[1]
    return np.sum(v * (from_lower(t) @ v), axis=0)


def eigenvectors_adjoint(d, a):
    """The adjoint of a symmetric matrix with distinct eigenvalues from that of its eigenvectors."""
    w, v = np.linalg.eigh(a)
    gaps = w - w[:, None]
    inner = np.where(gaps == 0, 0.0, v.T @ d / np.where(gaps == 0, 1.0, gaps))
    return to_lower(v @ inner @ v.T)


def eigenvectors_tangent(t, a):
    """The tangent of the eigenvectors of a symmetric matrix with distinct eigenvalues from that of the matrix."""
    w, v = np.linalg.eigh(a)
    gaps = w - w[:, None]
    return v @ np.where(gaps == 0, 0.0, v.T @ from_lower(t) @ v / np.where(gaps == 0, 1.0, gaps))


def singular_values_adjoint(d, a):
    """The adjoint of a matrix from that of its singular values."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return (u * d) @ vt


def singular_values_tangent(t, a):
    """The tangent of the singular values of a matrix from that of the matrix."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return np.sum(u * (t @ vt.T), axis=0)


def cholesky_adjoint(d, factor):
    """The adjoint of a matrix from that of its Cholesky factor."""
    inner = np.tril(factor.T @ d)
    inner[np.diag_indices_from(inner)] *= 0.5
    inner = np.linalg.solve(factor.T, np.linalg.solve(factor.T, inner.T).T)
    return to_lower(0.5 * (inner + inner.T))


def cholesky_tangent(t, factor):
    """The tangent of the Cholesky factor of a matrix from that of the matrix."""
    inner = np.linalg.solve(factor, np.linalg.solve(factor, from_lower(t)).T)
    return factor @ (np.tril(inner) - 0.5 * np.diag(np.diag(inner)))
