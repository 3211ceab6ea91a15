"""Matrices stored by their diagonals, as LAPACK does: ab[above + i - j, j] = a[i, j], with `above` diagonals above the
main one and `below` diagonals below it; and sums over diagonals."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def banded_transpose(ab, below, above):
    """The transpose of a matrix that is stored by diagonals: it has `above` diagonals below."""
    if ab.shape[0] != below + above + 1:
        raise ValueError(f"{below} diagonals below and {above} above are stored in {below + above + 1} rows")
    n = ab.shape[1]
    turned = np.zeros_like(ab)
    for k in range(-above, below + 1):
        start, end = max(0, -k), max(min(n, n - k), max(0, -k))
        turned[below - k, start + k : end + k] = ab[above + k, start:end]
    return turned


def banded_product(ab, x, below, above):
    """The product of a matrix that is stored by diagonals and a vector, or the columns of a matrix."""
    n = ab.shape[1]
    product = np.zeros(x.shape, np.result_type(ab, x))
    for k in range(-above, below + 1):
        start, end = max(0, -k), max(min(n, n - k), max(0, -k))
        product[start + k : end + k] += (ab[above + k, start:end] * x[start:end].T).T
    return product


def banded_outer(w, x, below, above):
    """The diagonals of w @ x.T, stored as those of a matrix with so many diagonals."""
    n = x.shape[0]
    products = np.zeros((below + above + 1, n), np.result_type(w, x))
    for k in range(-above, below + 1):
        start, end = max(0, -k), max(min(n, n - k), max(0, -k))
        both = w[start + k : end + k] * x[start:end]
        products[above + k, start:end] = both if both.ndim == 1 else np.sum(both, axis=1)
    return products


def symmetric_bands(ab, lower):
    """All diagonals of a symmetric matrix, of which those below (or above) the main one are stored."""
    k = ab.shape[0] - 1
    if lower:
        return np.concatenate([banded_transpose(ab, k, 0)[:-1], ab])
    return np.concatenate([ab, banded_transpose(ab, 0, k)[1:]])


def symmetric_bands_adjoint(d, lower):
    """The adjoint of the diagonals that are stored of a symmetric matrix, from that of all its diagonals."""
    k = d.shape[0] // 2
    both = d + banded_transpose(d, k, k)
    return np.concatenate([d[k : k + 1], both[k + 1 :]]) if lower else np.concatenate([both[:k], d[k : k + 1]])


def diagonal_sums(x):
    """The sums over the diagonals of a matrix, from that below on the left to that above on the right."""
    m, n = x.shape
    rows = np.concatenate([x[::-1], np.zeros((m, m), x.dtype)], axis=1)  # each row begins one place further on
    return np.sum(rows.ravel()[: m * (m + n - 1)].reshape(m, m + n - 1), axis=0)
