"""Single results of NumPy's decompositions, and adjoints of decompositions.

eigh, eigvalsh and cholesky read the lower triangle alone: that is where their adjoints are.
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


def eigenvalues_adjoint(d, a):
    """The adjoint of a symmetric matrix from that of its eigenvalues."""
    v = np.linalg.eigh(a)[1]
    return to_lower((v * d) @ v.T)


def eigenvectors_adjoint(d, a):
    """The adjoint of a symmetric matrix with distinct eigenvalues from that of its eigenvectors."""
    w, v = np.linalg.eigh(a)
    gaps = w - w[:, None]
    inner = np.where(gaps == 0, 0.0, v.T @ d / np.where(gaps == 0, 1.0, gaps))
    return to_lower(v @ inner @ v.T)


def singular_values_adjoint(d, a):
    """The adjoint of a matrix from that of its singular values."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return (u * d) @ vt


def cholesky_adjoint(d, factor):
    """The adjoint of a matrix from that of its Cholesky factor."""
    inner = np.tril(factor.T @ d)
    inner[np.diag_indices_from(inner)] *= 0.5
    inner = np.linalg.solve(factor.T, np.linalg.solve(factor.T, inner.T).T)
    return to_lower(0.5 * (inner + inner.T))
