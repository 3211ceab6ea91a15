"""Adjoints and tangents that call SciPy: read with the rules of scipy.linalg (see rules/scipy_linalg)."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np
import scipy.linalg

from srcgrad.runtime.matrices import flip, from_lower, to_lower


def real_valued(x, a):
    """The value x of a function at a real matrix a, in its precision, without imaginary parts that are rounding errors.

    Raises ValueError where the value is complex, which is not differentiated.
    """
    dtype = np.result_type(a, np.float32)
    if np.max(np.abs(np.imag(x)), initial=0.0) > np.sqrt(np.finfo(dtype).eps) * np.max(np.abs(x), initial=0.0):
        raise ValueError("a function of a real matrix has a complex value here, which is not differentiated")
    return np.asarray(np.real(x), dtype)


def real_sqrtm(a):
    """scipy.linalg.sqrtm(a), which has to be real."""
    return real_valued(scipy.linalg.sqrtm(a), a)


def real_logm(a):
    """scipy.linalg.logm(a), which has to be real."""
    return real_valued(scipy.linalg.logm(a), a)


def real_power(a, exponent):
    """scipy.linalg.fractional_matrix_power(a, exponent), which has to be real."""
    return real_valued(scipy.linalg.fractional_matrix_power(a, exponent), a)


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
    """The order of rows that the pivots of LAPACK stand for: a[rows] = lower @ upper, with m rows."""
    rows = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for i in range(piv.shape[-1]):
        other = piv[..., i : i + 1]
        moved = np.take_along_axis(rows, other, axis=-1)
        np.put_along_axis(rows, other, rows[..., i : i + 1].copy(), axis=-1)
        rows[..., i : i + 1] = moved
    return rows


def in_rows(x, rows):
    """The rows of a matrix, or of each of a stack, in another order."""
    return np.take_along_axis(x, np.broadcast_to(rows[..., None], x.shape), axis=-2)


def squared(lower, upper):
    """The factors as square matrices: with unit vectors as further columns of the lower one, as rows of the upper."""
    m, k, n = lower.shape[-2], lower.shape[-1], upper.shape[-1]
    columns = np.zeros_like(lower[..., :1]) + np.eye(m, dtype=lower.dtype)[:, k:]
    rows = np.zeros_like(upper[..., :1, :]) + np.eye(n, dtype=upper.dtype)[k:]
    return np.concatenate([lower, columns], axis=-1), np.concatenate([upper, rows], axis=-2)


def lu_adjoint(d_l, d_u, rows, lower, upper):
    """The adjoint of a matrix from those of its factors, a[rows] = lower @ upper (Seeger et al. 2017).

    Factors that are not square are those of a square matrix with unit vectors as further rows or columns.
    """
    left, right = squared(lower, upper)
    k = lower.shape[-1]
    inner = np.zeros_like(lower[..., :1] + upper[..., :1, :])
    inner[..., :, :k] = np.tril(flip(left) @ d_l, -1)
    inner[..., :k, :] += np.triu(d_u @ flip(right))
    inner = scipy.linalg.solve_triangular(left, inner, trans=1, lower=True, unit_diagonal=True)
    inner = flip(scipy.linalg.solve_triangular(right, flip(inner)))
    return in_rows(inner, np.argsort(rows, axis=-1))


def lu_inner(t, rows, lower, upper):
    """What the factors' tangents are made of, inv(lower) @ t[rows] @ inv(upper), and the factors as square matrices."""
    left, right = squared(lower, upper)
    inner = scipy.linalg.solve_triangular(left, in_rows(t, rows), lower=True, unit_diagonal=True)
    return flip(scipy.linalg.solve_triangular(right, flip(inner), trans=1)), left, right


def lu_l(a, rows, lower, upper):
    """The lower triangular factor of a, where a[rows] = lower @ upper."""
    return lower.copy()


def lu_u(a, rows, lower, upper):
    """The upper triangular factor of a, where a[rows] = lower @ upper."""
    return upper.copy()


def lu_l_adjoint(d, rows, lower, upper):
    """The adjoint of a matrix from that of its lower triangular factor."""
    return lu_adjoint(d, np.zeros_like(upper), rows, lower, upper)


def lu_u_adjoint(d, rows, lower, upper):
    """The adjoint of a matrix from that of its upper triangular factor."""
    return lu_adjoint(np.zeros_like(lower), d, rows, lower, upper)


def lu_l_tangent(t, rows, lower, upper):
    """The tangent of the lower triangular factor of a matrix from that of the matrix."""
    inner, left, _ = lu_inner(t, rows, lower, upper)
    return left @ np.tril(inner, -1)[..., :, : lower.shape[-1]]


def lu_u_tangent(t, rows, lower, upper):
    """The tangent of the upper triangular factor of a matrix from that of the matrix."""
    inner, _, right = lu_inner(t, rows, lower, upper)
    return np.triu(inner)[..., : upper.shape[-2], :] @ right


def unpacked(lu):
    """The factors that LAPACK returns in one matrix."""
    m = lu.shape[-2]
    k = min(m, lu.shape[-1])
    return np.tril(lu[..., :, :k], -1) + np.eye(m, k, dtype=lu.dtype), np.triu(lu[..., :k, :])


def lu_packed(a, lu, piv):
    """The factors of a in one matrix, as scipy.linalg.lu_factor returns them."""
    return lu.copy()


def lu_packed_adjoint(d, lu, piv):
    """The adjoint of a matrix from that of its factors in one matrix."""
    lower, upper = unpacked(lu)
    rows = rows_of(piv, lu.shape[-2])
    k = lower.shape[-1]
    return lu_adjoint(np.tril(d, -1)[..., :, :k], np.triu(d)[..., :k, :], rows, lower, upper)


def lu_packed_tangent(t, lu, piv):
    """The tangent of the factors of a matrix in one matrix from that of the matrix."""
    lower, upper = unpacked(lu)
    inner, left, right = lu_inner(t, rows_of(piv, lu.shape[-2]), lower, upper)
    return left @ np.tril(inner, -1) + np.triu(inner) @ right


def packed_adjoint(d, lu, piv):
    """The adjoint of the factors of a matrix in one square matrix from that of the matrix."""
    lower, upper = unpacked(lu)
    moved = in_rows(d, rows_of(piv, lu.shape[-2]))
    return np.tril(moved @ flip(upper), -1) + np.triu(flip(lower) @ moved)


def packed_tangent(t, lu, piv):
    """The tangent of a matrix from that of its factors in one square matrix."""
    lower, upper = unpacked(lu)
    moved = np.tril(t, -1) @ upper + lower @ np.triu(t)
    return in_rows(moved, np.argsort(rows_of(piv, lu.shape[-2]), axis=-1))


# ---- Toeplitz matrices and Riccati equations ------------------------------------------------------------------


def lag_products(w, x):
    """The sums over the diagonals of w @ x.T, from that below on the left to that above on the right.

    Each is the convolution of the reversed w and x: the product of a Toeplitz matrix and x.
    """
    if x.ndim == 1:
        return convolution(w[::-1], x)
    total = np.zeros(w.shape[0] + x.shape[0] - 1)
    for k in range(x.shape[1]):
        total = total + convolution(w[::-1, k], x[:, k])
    return total


def convolution(w, x):
    """The convolution of two vectors, by a fast transform."""
    rest = np.zeros(x.shape[0] - 1)
    return scipy.linalg.matmul_toeplitz((np.concatenate([w, rest]), np.concatenate([w[:1], rest])), x)


def continuous_gain(x, b, r):
    """The gain of the continuous-time regulator: inv(r) @ b.T @ x."""
    return scipy.linalg.solve(r, flip(b) @ x)


def discrete_gain(x, a, b, r):
    """The gain of the discrete-time regulator: inv(r + b.T @ x @ b) @ b.T @ x @ a."""
    return scipy.linalg.solve(r + flip(b) @ x @ b, flip(b) @ x @ a)
