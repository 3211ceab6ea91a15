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


def elements_of(A): ...


def placed(arg1, shape, is_matrix): ...


def compressed(arg1, shape, is_matrix): ...


def banded(diagonals, offsets, shape, is_matrix): ...


class Sparse:
    """A sparse matrix: values, their rows and columns, and the shape. Elements at one place count together.

    is_matrix: of the older classes (csr_matrix, ...), some of whose methods give a np.matrix. The parts have names that
    no class of SciPy has, where their order would be another one.
    """

    def __init__(self, values, rows, columns, shape, is_matrix):
        self.values, self.rows, self.columns, self.shape, self.is_matrix = values, rows, columns, shape, is_matrix

    def __matmul__(self, x):
        if isinstance(x, Sparse):
            raise NotImplementedError("products of two sparse matrices that are made inside are not differentiated")
        return sparse_product(self.values, self.rows, self.columns, self.shape, x)

    def __rmatmul__(self, x):
        if np.ndim(x) == 1:
            return sparse_product(self.values, self.columns, self.rows, self.shape[::-1], x)
        return sparse_product(self.values, self.columns, self.rows, self.shape[::-1], x.T).T

    def dot(self, other):
        return self @ other

    def _with(self, values):
        return Sparse(values, self.rows, self.columns, self.shape, self.is_matrix)

    def __neg__(self):
        return self._with(-self.values)

    def __mul__(self, factor):
        if np.ndim(factor) != 0:
            raise NotImplementedError("sparse matrices are multiplied by numbers: use multiply or @")
        return self._with(self.values * factor)

    def __rmul__(self, factor):
        return self * factor

    def __truediv__(self, factor):
        if np.ndim(factor) != 0:
            raise NotImplementedError("sparse matrices are divided by numbers")
        return self._with(self.values / factor)

    def __add__(self, other):
        if isinstance(other, np.ndarray):
            if self.is_matrix:
                raise NotImplementedError("a csr_matrix plus an array is a np.matrix: use csr_array, or toarray()")
            return self.toarray() + other
        if not isinstance(other, Sparse):  # a constant matrix
            other = elements_of(other)
        values = np.concatenate((self.values, other.values))
        rows, columns = np.concatenate((self.rows, other.rows)), np.concatenate((self.columns, other.columns))
        return Sparse(values, rows, columns, self.shape, self.is_matrix or other.is_matrix)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    @property
    def T(self):
        return Sparse(self.values, self.columns, self.rows, self.shape[::-1], self.is_matrix)

    def transpose(self):
        return self.T

    def toarray(self):
        return sparse_dense(self.values, self.rows, self.columns, self.shape)

    def tocsr(self):
        return self

    def tocsc(self):
        return self

    def tocoo(self):
        return self

    def asformat(self, format):
        return self

    def copy(self):
        return self._with(self.values.copy())

    def sum(self, axis=None):
        if axis is None:
            return np.sum(self.values)
        if self.is_matrix:
            raise NotImplementedError("sums of a csr_matrix along an axis are a np.matrix: use csr_array, or A @ ones")
        if axis in (0, -2):
            return sparse_product(self.values, self.columns, self.rows, self.shape[::-1], np.ones(self.shape[0]))
        return sparse_product(self.values, self.rows, self.columns, self.shape, np.ones(self.shape[1]))

    def mean(self):
        return np.sum(self.values) / (self.shape[0] * self.shape[1])

    def multiply(self, other):
        if np.ndim(other) == 0:
            return self * other
        if np.ndim(other) == 1:
            return self._with(self.values * other[self.columns])
        return self._with(self.values * np.broadcast_to(other, self.shape)[self.rows, self.columns])

    def diagonal(self):
        return np.diagonal(self.toarray())

    def trace(self):
        return np.sum(np.where(self.rows == self.columns, self.values, 0.0))


@in_python(elements_of)
def elements(A):
    """A constant matrix as a Sparse."""
    old = isinstance(A, ss.spmatrix)
    return Sparse(sparse_values(A), sparse_rows(A), sparse_columns(A), (A.shape[0], A.shape[1]), old)


class Factored:
    """What splu makes of a Sparse: its systems are solved as they come."""

    def __init__(self, A):
        self.A = A

    def solve(self, rhs, trans="N"):
        A = self.A if trans == "N" else self.A.T
        return sparse_solution(A.values, A.rows, A.columns, A.shape, rhs)


@in_python(placed)
def from_places(arg1, shape, is_matrix):
    """What the classes make of (values, (rows, columns)), of an array, and of a Sparse."""
    if isinstance(arg1, Sparse):
        return Sparse(arg1.values, arg1.rows, arg1.columns, arg1.shape, is_matrix)
    if isinstance(arg1, tuple):
        places = arg1[1]
        size = (np.max(places[0]) + 1, np.max(places[1]) + 1) if shape is None else shape
        return Sparse(arg1[0], places[0], places[1], size, is_matrix)
    rows, columns = np.nonzero(arg1)
    return Sparse(arg1[rows, columns], rows, columns, (arg1.shape[0], arg1.shape[1]), is_matrix)


@in_python(compressed)
def from_starts(arg1, shape, is_matrix):
    """What csr_array makes of (values, columns, starts of the rows)."""
    values, columns, starts = arg1
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    size = (len(starts) - 1, np.max(columns) + 1) if shape is None else shape
    return Sparse(values, rows, columns, size, is_matrix)


@in_python(ss.coo_array, where="arg1")
def coo_array(arg1, shape=None, *, copy=False):
    return placed(arg1, shape, False)


@in_python(ss.coo_matrix, where="arg1")
def coo_matrix(arg1, shape=None, *, copy=False):
    return placed(arg1, shape, True)


@in_python(ss.csr_array, where="arg1")
def csr_array(arg1, shape=None, *, copy=False):
    return compressed(arg1, shape, False) if isinstance(arg1, tuple) and len(arg1) == 3 else placed(arg1, shape, False)


@in_python(ss.csr_matrix, where="arg1")
def csr_matrix(arg1, shape=None, *, copy=False):
    return compressed(arg1, shape, True) if isinstance(arg1, tuple) and len(arg1) == 3 else placed(arg1, shape, True)


@in_python(ss.csc_array, where="arg1")
def csc_array(arg1, shape=None, *, copy=False):
    if isinstance(arg1, tuple) and len(arg1) == 3:
        return compressed(arg1, None if shape is None else shape[::-1], False).T
    return placed(arg1, shape, False)


@in_python(ss.csc_matrix, where="arg1")
def csc_matrix(arg1, shape=None, *, copy=False):
    if isinstance(arg1, tuple) and len(arg1) == 3:
        return compressed(arg1, None if shape is None else shape[::-1], True).T
    return placed(arg1, shape, True)


@in_python(banded)
def from_diagonals(diagonals, offsets, shape, is_matrix):
    places = offsets if isinstance(offsets, (list, tuple)) else [offsets]
    given = diagonals if isinstance(diagonals, (list, tuple)) else [diagonals]
    if shape is None:
        size = len(given[0]) + abs(places[0])
        shape = (size, size)
    values, rows, columns = [], [], []
    for diagonal, k in zip(given, places, strict=True):
        n = min(shape[0] + min(k, 0), shape[1] - max(k, 0))
        values.append(diagonal * np.ones(n) if np.ndim(diagonal) == 0 else diagonal)
        rows.append(np.arange(n) + max(-k, 0))
        columns.append(np.arange(n) + max(k, 0))
    return Sparse(np.concatenate(values), np.concatenate(rows), np.concatenate(columns), shape, is_matrix)


@in_python(ss.diags, where="diagonals")
def diags(diagonals, offsets=0, shape=None, format=None):
    return banded(diagonals, offsets, shape, True)


@in_python(ss.diags_array, where="diagonals")
def diags_array(diagonals, *, offsets=0, shape=None, format=None):
    return banded(diagonals, offsets, shape, False)


@in_python(sl.spsolve, where="A")
def spsolve(A, b):
    return sparse_solution(A.values, A.rows, A.columns, A.shape, b)


@in_python(sl.splu, where="A")
def splu(A):
    return Factored(A)


@in_python(sl.factorized, where="A")
def factorized(A):
    return Factored(A).solve
