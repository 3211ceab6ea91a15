"""Factors of matrices that are decomposed once: each function gives one of them, which its derivative hangs on.

Where singular values are equal, the singular vectors have no derivative; what would be divided by their difference
is left out, and likewise what would be divided by a singular value of zero. What turning the vectors of equal singular
values together does not change, such as u @ vt, has its true derivative.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from srcgrad.runtime.matrices import flip, gaps_between, inverse_of


def svd_u(a, u, s, vt):
    """The left singular vectors of a, of which u, s, vt is the decomposition."""
    return u.copy()


def svd_s(a, u, s, vt):
    """The singular values of a, of which u, s, vt is the decomposition."""
    return s.copy()


def svd_vt(a, u, s, vt):
    """The right singular vectors of a, as rows; u, s, vt is the decomposition of a."""
    return vt.copy()


def check_thin(u, s, vt):
    """Raise ValueError where there are more singular vectors than values: those have no derivative."""
    if u.shape[-1] != s.shape[-1] or vt.shape[-2] != s.shape[-1]:
        raise ValueError("the svd of a matrix that is not square is differentiated with full_matrices=False")


def svd_s_adjoint(d, u, vt):
    """The adjoint of a matrix from that of its singular values."""
    k = d.shape[-1]
    return (u[..., :, :k] * d[..., None, :]) @ vt[..., :k, :]


def svd_s_tangent(t, u, s, vt):
    """The tangent of the singular values of a matrix from that of the matrix."""
    k = s.shape[-1]
    return np.sum(u[..., :, :k] * (t @ flip(vt[..., :k, :])), axis=-2)


def svd_u_adjoint(d, u, s, vt):
    """The adjoint of a matrix from that of its left singular vectors (Townsend 2016)."""
    check_thin(u, s, vt)
    inner = flip(u) @ d
    core = 0.5 * (gaps_between(s) + inverse_of(s[..., None, :] + s[..., :, None])) * (inner - flip(inner))
    return (u @ core + (d - u @ inner) * inverse_of(s)[..., None, :]) @ vt


def svd_vt_adjoint(d, u, s, vt):
    """The adjoint of a matrix from that of its right singular vectors (Townsend 2016)."""
    check_thin(u, s, vt)
    inner = vt @ flip(d)
    core = 0.5 * (gaps_between(s) - inverse_of(s[..., None, :] + s[..., :, None])) * (inner - flip(inner))
    return u @ (core @ vt + inverse_of(s)[..., :, None] * (d - flip(inner) @ vt))


def svd_u_tangent(t, u, s, vt):
    """The tangent of the left singular vectors of a matrix from that of the matrix (Townsend 2016)."""
    check_thin(u, s, vt)
    moved = t @ flip(vt)
    inner = flip(u) @ moved
    turned = inverse_of(s[..., None, :] + s[..., :, None]) * (inner - flip(inner))
    core = 0.5 * (gaps_between(s) * (inner + flip(inner)) + turned)
    return u @ core + (moved - u @ inner) * inverse_of(s)[..., None, :]


def svd_vt_tangent(t, u, s, vt):
    """The tangent of the right singular vectors of a matrix from that of the matrix (Townsend 2016)."""
    check_thin(u, s, vt)
    moved = flip(u) @ t
    inner = moved @ flip(vt)
    turned = inverse_of(s[..., None, :] + s[..., :, None]) * (inner - flip(inner))
    core = 0.5 * (gaps_between(s) * (inner + flip(inner)) - turned)
    return flip(core) @ vt + inverse_of(s)[..., :, None] * (moved - inner @ vt)


def qr_q(a, q, r):
    """The orthogonal factor of a, of which q, r is the reduced decomposition."""
    return q.copy()


def qr_r(a, q, r):
    """The triangular factor of a, of which q, r is the reduced decomposition."""
    return r.copy()


def qr_adjoint(d_q, d_r, a, q, r):
    """The adjoint of a matrix from those of its factors (Walter and Lehmann 2018; Roberts and Roberts 2020).

    Where the matrix has more columns than rows, its first columns make the factors, and the others are moved along.
    """
    m = q.shape[-1]
    rest = d_r[..., :, m:]
    d_q = d_q + a[..., :, m:] @ flip(rest)
    inner = r[..., :, :m] @ flip(d_r[..., :, :m]) - flip(d_q) @ q
    inner = np.tril(inner) + flip(np.tril(inner, -1))
    first = flip(np.linalg.solve(r[..., :, :m], flip(d_q + q @ inner)))
    return np.concatenate([first, q @ rest], axis=-1)


def check_reduced(a, q):
    """Raise ValueError where there are more columns of q than of the matrix: those have no derivative."""
    if q.shape[-1] > a.shape[-1]:
        raise ValueError("qr of a matrix of more rows than columns is differentiated in its reduced (economic) form")


def qr_q_adjoint(d, a, q, r):
    """The adjoint of a matrix from that of its orthogonal factor."""
    check_reduced(a, q)
    return qr_adjoint(d, np.zeros_like(r), a, q, r)


def qr_r_adjoint(d, a, q, r):
    """The adjoint of a matrix from that of its triangular factor, which may have rows of zeros below."""
    k = min(a.shape[-1], q.shape[-1])
    q = q[..., :, :k]
    return qr_adjoint(np.zeros_like(q), d[..., :k, :], a, q, r[..., :k, :])


def qr_rotation(t, q, r):
    """The skew matrix W of dQ = Q W + ..., and the tangent of the matrix divided by the square part of r."""
    m = q.shape[-1]
    scaled = flip(np.linalg.solve(flip(r[..., :, :m]), flip(t[..., :, :m])))
    inner = np.tril(flip(q) @ scaled, -1)
    return inner - flip(inner), scaled


def qr_q_tangent(t, q, r):
    """The tangent of the orthogonal factor of a matrix from that of the matrix."""
    check_reduced(t, q)
    turned, scaled = qr_rotation(t, q, r)
    return q @ turned + scaled - q @ (flip(q) @ scaled)


def qr_r_tangent(t, q, r):
    """The tangent of the triangular factor of a matrix from that of the matrix."""
    k = min(t.shape[-1], q.shape[-1])
    first, upper = q[..., :, :k], r[..., :k, :]
    turned, _ = qr_rotation(t, first, upper)
    moved = np.triu(flip(first) @ t - turned @ upper)
    return np.concatenate([moved, np.zeros_like(r[..., k:, :])], axis=-2)


# ---- symmetric matrices --------------------------------------------------------------------------------------


def eigh_w(a, w, v, lower=True):
    """The eigenvalues of a symmetric matrix a, of which w, v is the decomposition. lower: which triangle is read."""
    return w.copy()


def eigh_v(a, w, v, lower=True):
    """The eigenvectors of a symmetric matrix a, of which w, v is the decomposition. lower: which triangle is read."""
    return v.copy()


def eigh_w_adjoint(d, v):
    """The adjoint of a symmetric matrix from that of its eigenvalues."""
    return (v * d[..., None, :]) @ flip(v)


def eigh_v_adjoint(d, w, v):
    """The adjoint of a symmetric matrix from that of its eigenvectors (Giles 2008, 3.1)."""
    return v @ (gaps_between(w) * (flip(v) @ d)) @ flip(v)


def eigh_w_tangent(t, v):
    """The tangent of the eigenvalues of a symmetric matrix from that of the matrix."""
    return np.sum(v * (t @ v), axis=-2)


def eigh_v_tangent(t, w, v):
    """The tangent of the eigenvectors of a symmetric matrix from that of the matrix (Giles 2008, 3.1)."""
    return v @ (gaps_between(w) * (flip(v) @ t @ v))


def pencil_w(a, b, w, v, lower=True):
    """The w of a @ v = b @ v * w, for symmetric matrices. lower: the triangles that are read."""
    return w.copy()


def pencil_v(a, b, w, v, lower=True):
    """The v of a @ v = b @ v * w with v.T @ b @ v = 1, for symmetric matrices. lower: the triangles that are read."""
    return v.copy()


def pencil_v_adjoint(d, w, v):
    """The adjoint of b from that of v: by the equation, and by the condition that v.T @ b @ v is 1."""
    inner, gaps = flip(v) @ d, gaps_between(w)
    return -(v @ (gaps * inner * w[..., None, :] + 0.5 * (gaps == 0) * inner) @ flip(v))


def pencil_v_tangent(t, w, v):
    """The tangent of v from that of b."""
    inner, gaps = flip(v) @ t @ v, gaps_between(w)
    return -(v @ (gaps * inner * w[..., None, :] + 0.5 * (gaps == 0) * inner))


def tridiagonal(diagonal, beside):
    """The symmetric matrix with this diagonal and these elements beside it."""
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def tridiagonal_w(diagonal, beside, w, v):
    """The eigenvalues of a tridiagonal matrix, of which w, v is the decomposition."""
    return w.copy()


def tridiagonal_v(diagonal, beside, w, v):
    """The eigenvectors of a tridiagonal matrix, of which w, v is the decomposition."""
    return v.copy()


def banded_w(ab, w, v, lower):
    """The eigenvalues of a symmetric matrix that is stored by diagonals, of which w, v is the decomposition."""
    return w.copy()


def banded_v(ab, w, v, lower):
    """The eigenvectors of a symmetric matrix that is stored by diagonals, of which w, v is the decomposition."""
    return v.copy()
