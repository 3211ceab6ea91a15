"""Adjoints and tangents that call SciPy: read with the rules of scipy.linalg (see rules/scipy_linalg)."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np
import scipy.linalg

from srcgrad.runtime.matrices import flip, from_lower, to_lower


def real_valued(x):
    """A function's value at a real matrix; raises ValueError where it is complex, which is not differentiated."""
    if np.iscomplexobj(x):
        raise ValueError("a function of a real matrix has a complex value here, which is not differentiated")
    return x


def real_sqrtm(a):
    """scipy.linalg.sqrtm(a), which has to be real."""
    return real_valued(scipy.linalg.sqrtm(a))


def real_logm(a):
    """scipy.linalg.logm(a), which has to be real."""
    return real_valued(scipy.linalg.logm(a))


def real_power(a, exponent):
    """scipy.linalg.fractional_matrix_power(a, exponent), which has to be real."""
    return real_valued(scipy.linalg.fractional_matrix_power(a, exponent))


# ---- Cholesky and LU -----------------------------------------------------------------------------------------


def cholesky_lower_adjoint(d, factor):
    """The adjoint of a matrix from that of its lower Cholesky factor (Murray 2016)."""
    inner = np.tril(flip(factor) @ d)
    inner = inner + flip(np.tril(inner, -1))
    inner = flip(scipy.linalg.solve_triangular(factor, inner, trans=1, lower=True))
    return 0.5 * to_lower(scipy.linalg.solve_triangular(factor, inner, trans=1, lower=True))


def cholesky_lower_tangent(t, factor):
    """The tangent of the lower Cholesky factor of a matrix from that of the matrix (Murray 2016)."""
    inner = flip(scipy.linalg.solve_triangular(factor, from_lower(t), lower=True))
    inner = np.tril(scipy.linalg.solve_triangular(factor, inner, lower=True))
    return factor @ (inner - 0.5 * (inner * np.eye(factor.shape[-1], dtype=factor.dtype)))


def rows_of(piv, m):
    """The order of rows that the pivots of LAPACK stand for: a[rows] = l @ u, with m rows."""
    rows = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for i in range(piv.shape[-1]):
        other = piv[..., i : i + 1]
        moved = np.take_along_axis(rows, other, axis=-1)
        np.put_along_axis(rows, other, rows[..., i : i + 1].copy(), axis=-1)
        rows[..., i : i + 1] = moved
    return rows


def squared(l, u):
    """The factors as square matrices: l with unit vectors as further columns, u with unit vectors as further rows."""
    (m, k), n = l.shape[-2:], u.shape[-1]
    columns = np.broadcast_to(np.eye(m, dtype=l.dtype)[:, k:], (*l.shape[:-2], m, m - k))
    rows = np.broadcast_to(np.eye(n, dtype=u.dtype)[k:], (*u.shape[:-2], n - k, n))
    return np.concatenate([l, columns], axis=-1), np.concatenate([u, rows], axis=-2)


def lu_adjoint(d_l, d_u, rows, l, u):
    """The adjoint of a matrix from those of its factors, a[rows] = l @ u (Seeger et al. 2017, with unit vectors added
    to factors that are not square)."""
    left, right = squared(l, u)
    k = l.shape[-1]
    inner = np.zeros((*l.shape[:-1], u.shape[-1]), l.dtype)
    inner[..., :, :k] = np.tril(flip(left) @ d_l, -1)
    inner[..., :k, :] += np.triu(d_u @ flip(right))
    inner = scipy.linalg.solve_triangular(left, inner, trans=1, lower=True, unit_diagonal=True)
    inner = flip(scipy.linalg.solve_triangular(right, flip(inner)))
    return np.take_along_axis(inner, np.argsort(rows, axis=-1)[..., None], axis=-2)


def lu_inner(t, rows, l, u):
    """What the tangents of the factors are made of: inv(l) @ t[rows] @ inv(u); and the factors as square matrices."""
    left, right = squared(l, u)
    inner = np.take_along_axis(t, rows[..., None], axis=-2)
    inner = scipy.linalg.solve_triangular(left, inner, lower=True, unit_diagonal=True)
    return flip(scipy.linalg.solve_triangular(right, flip(inner), trans=1)), left, right


def lu_l(a, rows, l, u):
    """The lower triangular factor of a, where a[rows] = l @ u."""
    return l.copy()


def lu_u(a, rows, l, u):
    """The upper triangular factor of a, where a[rows] = l @ u."""
    return u.copy()


def lu_l_adjoint(d, rows, l, u):
    """The adjoint of a matrix from that of its lower triangular factor."""
    return lu_adjoint(d, np.zeros_like(u), rows, l, u)


def lu_u_adjoint(d, rows, l, u):
    """The adjoint of a matrix from that of its upper triangular factor."""
    return lu_adjoint(np.zeros_like(l), d, rows, l, u)


def lu_l_tangent(t, rows, l, u):
    """The tangent of the lower triangular factor of a matrix from that of the matrix."""
    inner, left, _ = lu_inner(t, rows, l, u)
    return left @ np.tril(inner, -1)[..., :, : l.shape[-1]]


def lu_u_tangent(t, rows, l, u):
    """The tangent of the upper triangular factor of a matrix from that of the matrix."""
    inner, _, right = lu_inner(t, rows, l, u)
    return np.triu(inner)[..., : u.shape[-2], :] @ right


def unpacked(lu):
    """The factors that LAPACK returns in one matrix."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    return np.tril(lu[..., :, :k], -1) + np.eye(m, k, dtype=lu.dtype), np.triu(lu[..., :k, :])


def lu_packed(a, lu, piv):
    """The factors of a in one matrix, as scipy.linalg.lu_factor returns them."""
    return lu.copy()


def lu_packed_adjoint(d, lu, piv):
    """The adjoint of a matrix from that of its factors in one matrix."""
    l, u = unpacked(lu)
    rows = rows_of(piv, lu.shape[-2])
    return lu_adjoint(np.tril(d, -1)[..., :, : l.shape[-1]], np.triu(d)[..., : l.shape[-1], :], rows, l, u)


def lu_packed_tangent(t, lu, piv):
    """The tangent of the factors of a matrix in one matrix from that of the matrix."""
    l, u = unpacked(lu)
    inner, left, right = lu_inner(t, rows_of(piv, lu.shape[-2]), l, u)
    return left @ np.tril(inner, -1) + np.triu(inner) @ right


def packed_adjoint(d, lu, piv):
    """The adjoint of the factors of a matrix in one square matrix from that of the matrix."""
    l, u = unpacked(lu)
    moved = np.take_along_axis(d, rows_of(piv, lu.shape[-2])[..., None], axis=-2)
    return np.tril(moved @ flip(u), -1) + np.triu(flip(l) @ moved)


def packed_tangent(t, lu, piv):
    """The tangent of a matrix from that of its factors in one square matrix."""
    l, u = unpacked(lu)
    moved = np.tril(t, -1) @ u + l @ np.triu(t)
    return np.take_along_axis(moved, np.argsort(rows_of(piv, lu.shape[-2]), axis=-1)[..., None], axis=-2)


# ---- Toeplitz matrices and Riccati equations ------------------------------------------------------------------


def lag_products(w, x):
    """The sums over the diagonals of w @ x.T, from that below on the left to that above on the right.

    That is the convolution of the reversed w and x: the product of a Toeplitz matrix and x.
    """
    if x.ndim == 2:
        return sum([lag_products(w[:, k], x[:, k]) for k in range(x.shape[1])])
    n = x.shape[0]
    column = np.concatenate([w[::-1], np.zeros(n - 1)])
    row = np.concatenate([w[-1:], np.zeros(n - 1)])
    return scipy.linalg.matmul_toeplitz((column, row), x)


def continuous_gain(x, b, r):
    """The gain of the continuous-time regulator: inv(r) @ b.T @ x."""
    return scipy.linalg.solve(r, flip(b) @ x)


def discrete_gain(x, a, b, r):
    """The gain of the discrete-time regulator: inv(r + b.T @ x @ b) @ b.T @ x @ a."""
    return scipy.linalg.solve(r + flip(b) @ x @ b, flip(b) @ x @ a)
