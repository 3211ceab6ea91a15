"""Sparse matrices given by their elements: values, rows and columns. Elements at one place count together.

Like the others here, each function can be copied by `emit`.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np


def sparse_product(data, row, col, shape, x):
    """The product of a sparse matrix and a vector or matrix x."""
    from scipy import sparse

    return sparse.coo_array((data, (row, col)), shape=shape).tocsr() @ x


def sparse_solution(data, row, col, shape, b):
    """The x with A @ x = b, for a sparse matrix A."""
    from scipy import sparse
    from scipy.sparse import linalg

    return linalg.spsolve(sparse.coo_array((data, (row, col)), shape=shape).tocsc(), b)


def sparse_dense(data, row, col, shape):
    """A sparse matrix as an array."""
    result = np.zeros(shape, data.dtype)
    np.add.at(result, (row, col), data)
    return result


def sparse_values(A):
    """The values of the elements of a sparse matrix of SciPy, in one order with their rows and columns."""
    return A.tocoo().data


def sparse_rows(A):
    """The rows of the elements of a sparse matrix of SciPy."""
    return A.tocoo().row


def sparse_columns(A):
    """The columns of the elements of a sparse matrix of SciPy."""
    return A.tocoo().col


def iterated(method, A, b, **options):
    """The solution of A @ x = b by an iterative method of scipy.sparse.linalg."""
    x, failed = method(A, b, **options)
    if failed:
        raise ArithmeticError(f"{method.__name__}: the derivative of the solution was not found: it gives {failed}")
    return x


def solution_found(method, x, A, b, **options):
    """x itself, which is the solution of A @ x = b that an iterative method found: what its derivative is known of."""
    return x
