"""Matrices of few numbers: Toeplitz, Hankel and circulant ones, blocks; and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined import matrices
from srcgrad.rules.defined.registry import Declined, array, hold, ndim, written_as
from srcgrad.rules.registry import RULES, jvp, linear, vjp
from srcgrad.rules.scipy_linalg.common import defined, dtype_of, known, linalg, share
from srcgrad.rules.scipy_linalg.systems import given_options, pair
from srcgrad.runtime import scipy_linalg as scipy_helpers

REVERSED = slice(None, None, -1)

# ---- Toeplitz matrices and their like ------------------------------------------------------------------------


def first_column(sums: Sym, c: Sym) -> Sym:
    """The adjoint of the first column, from the sums over the diagonals of the matrix' adjoint."""
    return sums[: c.size][REVERSED]


def first_row(sums: Sym, c: Sym) -> Sym:
    """The adjoint of the first row, of which the first element is not read."""
    return xp.pad(sums[c.size :], (1, 0))


def vectors(fn: Any, *arrays: Any) -> None:
    """Refuse stacks of vectors."""
    if any(ndim(x) != 1 for x in arrays):
        raise KindError(f"scipy.linalg.{fn.__name__} is differentiated for vectors", "Write a loop over the stack.")


@defined(sl.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Sym:
    c = array(c)
    row = c if r is None else array(r)
    vectors(sl.toeplitz, c, row)
    return linalg.toeplitz(c, row)


@vjp(sl.toeplitz, "c", "r", domain="matrix")
def _toeplitz(d: Sym, c: Sym, r: Sym) -> tuple[Sym, Sym]:
    sums = helper(runtime.diagonal_sums)(d)
    return first_column(sums, c), first_row(sums, c)


@jvp(sl.toeplitz, "c", "r")
def _toeplitz_tangent(t: Any, c: Sym, r: Sym) -> Sym:
    return linalg.toeplitz(*(xp.zeros_like(x) if s is None else s for s, x in zip(t, (c, r), strict=True)))


@linear(runtime.diagonal_sums, "x", domain="matrix")
def _diagonal_sums(d: Sym, x: Sym) -> Sym:
    return linalg.toeplitz(d[: x.shape[0]][REVERSED], d[x.shape[0] - 1 :])


@defined(sl.hankel)
def hankel(c: Any, r: Any = None) -> Sym:
    """A Toeplitz matrix with its rows in the other order."""
    c = array(c)
    vectors(sl.hankel, c, c if r is None else r)
    rest = xp.zeros_like(c[1:]) if r is None else array(r)[1:]
    return hold(linalg.toeplitz(c[REVERSED], xp.concatenate([c[-1:], rest])), "turned")[REVERSED]


@defined(sl.circulant)
def circulant(c: Any) -> Sym:
    c = array(c)
    vectors(sl.circulant, c)
    return linalg.toeplitz(c, xp.roll(c[REVERSED], 1))


@defined(sl.convolution_matrix)
def convolution_matrix(a: Any, n: Any, mode: Any = "full") -> Sym:
    known(sl.convolution_matrix, mode=mode)
    a = array(a)
    vectors(sl.convolution_matrix, a)
    if mode not in ("full", "valid", "same"):
        raise Declined
    rest = xp.zeros(n - 1, dtype=dtype_of(a))
    whole = linalg.toeplitz(xp.concatenate([a, rest]), xp.concatenate([a[:1], rest]))
    if mode == "full":
        return whole
    whole, cut = hold(whole, "whole"), hold(xp.minimum(a.size, n) - 1, "cut")
    first, last = (cut, cut) if mode == "valid" else (cut // 2, cut - cut // 2)
    return whole[first : a.size + n - 1 - last]


def _pair_of(c_or_cr: Any, fn: Any) -> tuple[Any, Any]:
    both = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, c_or_cr)
    c, r = (array(x) for x in both)
    vectors(fn, c, r)
    return c, r


@defined(sl.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, **options: Any) -> Sym:
    return linalg.solve_toeplitz(_pair_of(c_or_cr, sl.solve_toeplitz), array(b), **options)


def _solve_toeplitz_transposed(c: Sym, r: Sym, d: Sym, check_finite: Any) -> Sym:
    row = xp.concatenate([c[:1], r[1:]])
    return linalg.solve_toeplitz((row, c), d, **given_options(check_finite=check_finite))


@vjp(sl.solve_toeplitz, "b", domain="matrix", displays=True)
def _solve_toeplitz_right(d: Sym, c_or_cr: Any, b: Sym, check_finite: Any = None) -> Sym:
    return _solve_toeplitz_transposed(*pair(c_or_cr, "c_or_cr"), d, check_finite)


@vjp(sl.solve_toeplitz, "c_or_cr", domain="matrix", displays=True)
def _solve_toeplitz_left(d: Sym, out: Sym, c_or_cr: Any, b: Sym, check_finite: Any = None) -> list[Sym]:
    c, r = pair(c_or_cr, "c_or_cr")
    sums = -helper(scipy_helpers.lag_products)(_solve_toeplitz_transposed(c, r, d, check_finite), out)
    return [first_column(sums, c), first_row(sums, c)]


def _moved(t: Any, c: Sym, r: Sym, x: Sym) -> Sym:
    """The product of the tangent of a Toeplitz matrix and x."""
    return linalg.matmul_toeplitz(
        tuple(xp.zeros_like(whole) if s is None else s for s, whole in zip(t, (c, r), strict=True)), x
    )


@jvp(sl.solve_toeplitz, "c_or_cr", "b")
def _solve_toeplitz_tangent(t: Any, out: Sym, c_or_cr: Any, b: Sym, check_finite: Any = None) -> Sym:
    c, r = pair(c_or_cr, "c_or_cr")
    options = given_options(check_finite=check_finite)
    if t[0] is None:
        return linalg.solve_toeplitz((c, r), t[1], **options)
    moved = _moved(t[0], c, r, out)
    return linalg.solve_toeplitz((c, r), -moved if t[1] is None else t[1] - moved, **options)


@defined(sl.matmul_toeplitz)
def matmul_toeplitz(c_or_cr: Any, x: Any, **options: Any) -> Sym:
    return linalg.matmul_toeplitz(_pair_of(c_or_cr, sl.matmul_toeplitz), array(x), **options)


@vjp(sl.matmul_toeplitz, "x", domain="matrix", displays=True)
def _matmul_toeplitz_right(d: Sym, c_or_cr: Any, x: Sym) -> Sym:
    c, r = pair(c_or_cr, "c_or_cr")
    return linalg.matmul_toeplitz((xp.concatenate([c[:1], r[1:]]), c), d)


@vjp(sl.matmul_toeplitz, "c_or_cr", domain="matrix", displays=True)
def _matmul_toeplitz_left(d: Sym, c_or_cr: Any, x: Sym) -> list[Sym]:
    c, _ = pair(c_or_cr, "c_or_cr")
    sums = helper(scipy_helpers.lag_products)(d, x)
    return [first_column(sums, c), first_row(sums, c)]


@jvp(sl.matmul_toeplitz, "c_or_cr", "x")
def _matmul_toeplitz_tangent(t: Any, c_or_cr: Any, x: Sym) -> Sym:
    c, r = pair(c_or_cr, "c_or_cr")
    terms = [] if t[0] is None else [_moved(t[0], c, r, x)]
    if t[1] is not None:
        terms.append(linalg.matmul_toeplitz((c, r), t[1]))
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


@defined(sl.solve_circulant)
def solve_circulant(c: Any, b: Any, **options: Any) -> Sym:
    c, b = array(c), array(b)
    vectors(sl.solve_circulant, c)
    return linalg.solve_circulant(c, b, **options)


def _turned(c: Sym) -> Sym:
    return xp.roll(c[REVERSED], 1)


@vjp(sl.solve_circulant, "b", domain="matrix")
def _solve_circulant_right(d: Sym, c: Sym, b: Sym) -> Sym:
    return linalg.solve_circulant(_turned(c), d)


@vjp(sl.solve_circulant, "c", domain="matrix")
def _solve_circulant_left(d: Sym, out: Sym, c: Sym, b: Sym) -> Sym:
    sums = -helper(scipy_helpers.lag_products)(linalg.solve_circulant(_turned(c), d), out)
    return first_column(sums, c) + xp.pad(sums[c.size :][REVERSED], (1, 0))


@jvp(sl.solve_circulant, "c", "b")
def _solve_circulant_tangent(t: Any, out: Sym, c: Sym, b: Sym) -> Sym:
    of_c, of_b = t
    if of_c is None:
        return linalg.solve_circulant(c, of_b)
    moved = linalg.matmul_toeplitz((of_c, _turned(of_c)), out)
    return linalg.solve_circulant(c, -moved if of_b is None else of_b - moved)


# ---- blocks and other matrices -------------------------------------------------------------------------------


@written_as(sl.block_diag)
def block_diag(*arrs: Any) -> Sym:
    if not arrs or any(ndim(x) > 2 for x in arrs):
        raise KindError("scipy.linalg.block_diag is differentiated for matrices", "Write a loop over the stack.")
    return linalg.block_diag(*(x if ndim(x) == 2 else xp.reshape(x, (1, -1)) for x in map(array, arrs)))


@linear(sl.block_diag, "arrs", variadic="arrs", domain="matrix")
def _block_diag(d: Sym, arrs: list[Sym]) -> list[Sym]:
    found = []
    row: Any = 0
    column: Any = 0
    for x in arrs:
        rows, columns = x.shape[0], x.shape[1]
        found.append(d[row : row + rows, column : column + columns])
        row, column = row + rows, column + columns
    return found


@defined(sl.khatri_rao)
def khatri_rao(a: Sym, b: Sym) -> Sym:
    if ndim(a) != 2 or ndim(b) != 2:
        raise KindError("scipy.linalg.khatri_rao is differentiated for two matrices", "Write a loop over the stack.")
    return (a[:, None] * b).reshape(a.shape[0] * b.shape[0], a.shape[1])


@defined(sl.companion)
def companion(a: Any) -> Sym:
    a = array(a)
    vectors(sl.companion, a)
    n = a.size - 1
    row = hold(-a[1:] / a[0], "row")
    return xp.concatenate([row[None], xp.eye(n - 1, n, dtype=dtype_of(a))])


@defined(sl.leslie)
def leslie(f: Any, s: Any) -> Sym:
    f, s = array(f), array(s)
    vectors(sl.leslie, f, s)
    return xp.concatenate([f[None], xp.pad(xp.diag(s), ((0, 0), (0, 1)))])


@defined(sl.fiedler)
def fiedler(a: Any) -> Sym:
    a = array(a)
    vectors(sl.fiedler, a)
    return xp.abs(a[:, None] - a)


@defined(sl.diagsvd)
def diagsvd(s: Any, M: Any, N: Any) -> Sym:
    s = array(s)
    vectors(sl.diagsvd, s)
    rows = hold(xp.eye(M, s.size, dtype=dtype_of(s)) * s, "rows")
    return rows @ xp.eye(s.size, N, dtype=dtype_of(s))


# ---- norms ---------------------------------------------------------------------------------------------------

share(sl.norm, np.linalg.norm, a="x")


@vjp(sl.norm, "a", domain="distinct")
def _norm(d: Sym, out: Sym, a: Sym, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Sym:
    """SciPy gives a number of Python's for an array of any precision, whose adjoint is in double precision."""
    found = RULES[np.linalg.norm].builders["x"](d=d, out=out, x=a, ord=ord, axis=axis, keepdims=keepdims)
    return found if getattr(a.kind, "dtype", "") == "float64" else found.astype(dtype_of(a).__name__)


@defined(sl.norm)
def norm(a: Sym, ord: Any = None, axis: Any = None, keepdims: Any = False, **options: Any) -> Sym | None:
    known(sl.norm, ord=ord, axis=axis, keepdims=keepdims)
    return matrices.norm(a, ord, axis, keepdims)

