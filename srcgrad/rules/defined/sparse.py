"""Sparse matrices that are made inside of a function: their elements, and what is done with them, in Python.

A call of a class of scipy.sparse, of diags or of eye makes a Sparse in its place.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import scipy.sparse as ss
import scipy.sparse.linalg as sl

from srcgrad.rules.defined.registry import in_python
from srcgrad.runtime import (
    sparse_columns,
    sparse_dense,
    sparse_product,
    sparse_rows,
    sparse_solution,
    sparse_values,
)


class Sparse:
    """A sparse matrix: values, their rows and columns, and the shape. Elements at one place count together."""

    def __init__(self, data, row, col, shape):
        self.data, self.row, self.col, self.shape = data, row, col, shape

    def __matmul__(self, x):
        if isinstance(x, Sparse):
            raise NotImplementedError("products of two sparse matrices that are made inside are not differentiated")
        return sparse_product(self.data, self.row, self.col, self.shape, x)

    def __rmatmul__(self, x):
        if np.ndim(x) == 1:
            return sparse_product(self.data, self.col, self.row, self.shape[::-1], x)
        return sparse_product(self.data, self.col, self.row, self.shape[::-1], x.T).T

    def dot(self, other):
        return self @ other

    def __neg__(self):
        return Sparse(-self.data, self.row, self.col, self.shape)

    def __mul__(self, factor):
        if np.ndim(factor) != 0:
            raise NotImplementedError("sparse matrices are multiplied by numbers: use multiply or @")
        return Sparse(self.data * factor, self.row, self.col, self.shape)

    def __rmul__(self, factor):
        return self * factor

    def __truediv__(self, factor):
        return Sparse(self.data / factor, self.row, self.col, self.shape)

    def __add__(self, other):
        if not isinstance(other, Sparse):  # a constant matrix
            other = Sparse(sparse_values(other), sparse_rows(other), sparse_columns(other), self.shape)
        data = np.concatenate((self.data, other.data))
        row, col = np.concatenate((self.row, other.row)), np.concatenate((self.col, other.col))
        return Sparse(data, row, col, self.shape)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return -(-self + other)

    def __rsub__(self, other):
        return -self + other

    @property
    def T(self):
        return Sparse(self.data, self.col, self.row, self.shape[::-1])

    def transpose(self):
        return self.T

    def toarray(self):
        return sparse_dense(self.data, self.row, self.col, self.shape)

    def todense(self):
        return self.toarray()

    def tocsr(self):
        return self

    def tocsc(self):
        return self

    def tocoo(self):
        return self

    def asformat(self, format):
        return self

    def copy(self):
        return Sparse(self.data.copy(), self.row, self.col, self.shape)

    def sum(self, axis=None):
        if axis is None:
            return np.sum(self.data)
        if axis in (0, -2):
            return sparse_product(self.data, self.col, self.row, self.shape[::-1], np.ones(self.shape[0]))
        return sparse_product(self.data, self.row, self.col, self.shape, np.ones(self.shape[1]))

    def mean(self):
        return np.sum(self.data) / (self.shape[0] * self.shape[1])

    def multiply(self, other):
        if np.ndim(other) == 0:
            return self * other
        if np.ndim(other) == 1:
            return Sparse(self.data * other[self.col], self.row, self.col, self.shape)
        wide = np.broadcast_to(other, self.shape)
        return Sparse(self.data * wide[self.row, self.col], self.row, self.col, self.shape)

    def diagonal(self):
        return np.diagonal(self.toarray())

    def trace(self):
        return np.sum(np.where(self.row == self.col, self.data, 0.0))


def elements(A):
    """A constant matrix as a Sparse."""
    return Sparse(sparse_values(A), sparse_rows(A), sparse_columns(A), (A.shape[0], A.shape[1]))


class Factored:
    """What splu makes of a Sparse: its systems are solved as they come."""

    def __init__(self, A):
        self.A = A

    def solve(self, rhs, trans="N"):
        A = self.A if trans == "N" else self.A.T
        return sparse_solution(A.data, A.row, A.col, A.shape, rhs)


@in_python(ss.coo_array, ss.coo_matrix, where="arg1")
def coo_array(arg1, shape=None, dtype=None, copy=False):
    if isinstance(arg1, Sparse):
        return arg1
    if isinstance(arg1, tuple):
        places = arg1[1]
        size = (np.max(places[0]) + 1, np.max(places[1]) + 1) if shape is None else shape
        return Sparse(arg1[0], places[0], places[1], size)
    row, col = np.nonzero(arg1)
    return Sparse(arg1[row, col], row, col, (arg1.shape[0], arg1.shape[1]))


@in_python(ss.csr_array, ss.csr_matrix, where="arg1")
def csr_array(arg1, shape=None, dtype=None, copy=False):
    if isinstance(arg1, tuple) and len(arg1) == 3:
        data, indices, starts = arg1
        row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        return Sparse(data, row, indices, (len(starts) - 1, np.max(indices) + 1) if shape is None else shape)
    return ss.coo_array(arg1, shape)


@in_python(ss.csc_array, ss.csc_matrix, where="arg1")
def csc_array(arg1, shape=None, dtype=None, copy=False):
    if isinstance(arg1, tuple) and len(arg1) == 3:
        data, indices, starts = arg1
        col = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        return Sparse(data, indices, col, (np.max(indices) + 1, len(starts) - 1) if shape is None else shape)
    return ss.coo_array(arg1, shape)


@in_python(ss.diags, ss.diags_array, where="diagonals")
def diags(diagonals, offsets=0, shape=None, format=None):
    places = offsets if isinstance(offsets, (list, tuple)) else [offsets]
    given = diagonals if isinstance(diagonals, (list, tuple)) else [diagonals]
    if shape is None:
        size = len(given[0]) + abs(places[0])
        shape = (size, size)
    data, rows, columns = [], [], []
    for values, k in zip(given, places, strict=True):
        n = min(shape[0] + min(k, 0), shape[1] - max(k, 0))
        data.append(values * np.ones(n) if np.ndim(values) == 0 else values)
        rows.append(np.arange(n) + max(-k, 0))
        columns.append(np.arange(n) + max(k, 0))
    return Sparse(np.concatenate(data), np.concatenate(rows), np.concatenate(columns), shape)


@in_python(sl.spsolve, where="A")
def spsolve(A, b):
    return sparse_solution(A.data, A.row, A.col, A.shape, b)


@in_python(sl.splu, where="A")
def splu(A):
    return Factored(A)


@in_python(sl.factorized, where="A")
def factorized(A):
    return Factored(A).solve
