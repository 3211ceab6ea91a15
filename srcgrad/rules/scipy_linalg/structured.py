"""Matrices of few numbers: by their diagonals, Toeplitz, Hankel and circulant ones, blocks; and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import TUPLE
from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, rank
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.defined import matrices
from srcgrad.rules.defined.registry import Declined, array, hold, ndim, parts, written_as
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import RULES, flat, jvp, linear, vjp
from srcgrad.rules.scipy_linalg.common import defined, dtype_of, known, linalg, share, solved, unknown
from srcgrad.rules.scipy_linalg.systems import given_options, pair
from srcgrad.runtime import scipy_linalg as scipy_helpers

REVERSED = slice(None, None, -1)

# ---- diagonals -----------------------------------------------------------------------------------------------

@linear(runtime.banded_transpose, "ab", domain="matrix")
def _banded_transpose(d: Sym, below: Any, above: Any) -> Sym:
    return helper(runtime.banded_transpose)(d, above, below)


@linear(runtime.banded_product, "ab", domain="matrix")
def _banded_product_left(d: Sym, x: Sym, below: Any, above: Any) -> Sym:
    return helper(runtime.banded_outer)(d, x, below, above)


@linear(runtime.banded_product, "x", domain="matrix")
def _banded_product_right(d: Sym, ab: Sym, below: Any, above: Any) -> Sym:
    return helper(runtime.banded_product)(helper(runtime.banded_transpose)(ab, below, above), d, above, below)


@linear(runtime.banded_outer, "w", domain="matrix")
def _banded_outer_left(d: Sym, x: Sym, below: Any, above: Any) -> Sym:
    return helper(runtime.banded_product)(d, x, below, above)


@linear(runtime.banded_outer, "x", domain="matrix")
def _banded_outer_right(d: Sym, w: Sym, below: Any, above: Any) -> Sym:
    return helper(runtime.banded_product)(helper(runtime.banded_transpose)(d, below, above), w, above, below)


def one_matrix(fn: Any, *arrays: Sym) -> None:
    """Refuse stacks, for functions of which the derivative is that of one matrix."""
    if any(rank(x.kind) not in (1, 2) for x in arrays):
        raise KindError(f"scipy.linalg.{fn.__name__} is differentiated for one matrix", "Write a loop over the stack.")


@vjp(sl.solve_banded, "b", domain="matrix")
def _solve_banded_right(d: Sym, l_and_u: Any, ab: Sym, b: Sym, check_finite: Any = None) -> Sym:
    return _solve_transposed(l_and_u, ab, d, check_finite)


def _solve_transposed(l_and_u: Any, ab: Sym, d: Sym, check_finite: Any) -> Sym:
    below, above = literal(l_and_u, "l_and_u")
    turned = helper(runtime.banded_transpose)(ab, below, above)
    return linalg.solve_banded((above, below), turned, d, **given_options(check_finite=check_finite))


@vjp(sl.solve_banded, "ab", domain="matrix")
def _solve_banded_left(d: Sym, out: Sym, l_and_u: Any, ab: Sym, b: Sym, check_finite: Any = None) -> Sym:
    one_matrix(sl.solve_banded, ab, b)
    w = _solve_transposed(l_and_u, ab, d, check_finite)
    return -helper(runtime.banded_outer)(w, out, *literal(l_and_u, "l_and_u"))


@jvp(sl.solve_banded, "ab", "b")
def _solve_banded_tangent(t: Any, out: Sym, l_and_u: Any, ab: Sym, b: Sym, check_finite: Any = None) -> Sym:
    one_matrix(sl.solve_banded, ab, b)
    of_ab, of_b = t
    options = given_options(check_finite=check_finite)
    if of_ab is None:
        return linalg.solve_banded(l_and_u, ab, of_b, **options)
    moved = helper(runtime.banded_product)(of_ab, out, *literal(l_and_u, "l_and_u"))
    return linalg.solve_banded(l_and_u, ab, -moved if of_b is None else of_b - moved, **options)


solved(sl.solve_banded, "ab")


def _symmetric_solve(ab: Sym, d: Sym, lower: Any, check_finite: Any) -> Sym:
    return linalg.solveh_banded(ab, d, **given_options(lower=lower, check_finite=check_finite))


@vjp(sl.solveh_banded, "b", domain="matrix")
def _solveh_right(d: Sym, ab: Sym, b: Sym, lower: Any = None, check_finite: Any = None) -> Sym:
    one_matrix(sl.solveh_banded, ab, b)
    return _symmetric_solve(ab, d, lower, check_finite)


@vjp(sl.solveh_banded, "ab", domain="matrix")
def _solveh_left(d: Sym, out: Sym, ab: Sym, b: Sym, lower: Any = None, check_finite: Any = None) -> Sym:
    one_matrix(sl.solveh_banded, ab, b)
    k = ab.shape[0] - 1
    whole = helper(runtime.banded_outer)(_symmetric_solve(ab, d, lower, check_finite), out, k, k)
    return -helper(runtime.symmetric_bands_adjoint)(whole, bool(literal(lower, "lower")))


@jvp(sl.solveh_banded, "ab", "b")
def _solveh_tangent(t: Any, out: Sym, ab: Sym, b: Sym, lower: Any = None, check_finite: Any = None) -> Sym:
    one_matrix(sl.solveh_banded, ab, b)
    of_ab, of_b = t
    if of_ab is None:
        return _symmetric_solve(ab, of_b, lower, check_finite)
    k = ab.shape[0] - 1
    whole = helper(runtime.symmetric_bands)(of_ab, bool(literal(lower, "lower")))
    moved = helper(runtime.banded_product)(whole, out, k, k)
    return _symmetric_solve(ab, -moved if of_b is None else of_b - moved, lower, check_finite)


solved(sl.solveh_banded, "ab")
infer_shapes.RULES[runtime.banded_product] = infer_shapes.like("x")
infer_shapes.RULES[runtime.banded_transpose] = infer_shapes.like("ab")



@defined(sl.eig_banded)
def eig_banded(
    a_band: Sym, lower: Any = False, eigvals_only: Any = False, select: Any = "a", check_finite: Any = True
) -> Any:
    known(sl.eig_banded, lower=lower, eigvals_only=eigvals_only, select=select)
    one_matrix(sl.eig_banded, a_band)
    if select not in ("a", "all", 0):
        raise unknown(sl.eig_banded, "select")
    dtype = np.dtype(dtype_of(a_band)).name
    options = {"lower": lower} if lower else {}
    w, v = parts(linalg.eig_banded(a_band, **options), kinds=(Array(dtype, (None,)), Array(dtype, (None, None))))
    values = helper(runtime.banded_w)(a_band, w, v, bool(lower))
    return values if eigvals_only else (values, helper(runtime.banded_v)(a_band, w, v, bool(lower)))


@defined(sl.eigvals_banded)
def eigvals_banded(a_band: Sym, lower: Any = False, select: Any = "a", check_finite: Any = True) -> Sym:
    return eig_banded(a_band=a_band, lower=lower, eigvals_only=True, select=select)


def _bands_of(left: Sym, v: Sym, ab: Sym, lower: Any) -> Sym:
    k = ab.shape[0] - 1
    return helper(runtime.symmetric_bands_adjoint)(helper(runtime.banded_outer)(left, v, k, k), literal(lower, "lower"))


def _times(t: Sym, v: Sym, ab: Sym, lower: Any) -> Sym:
    k = ab.shape[0] - 1
    return helper(runtime.banded_product)(helper(runtime.symmetric_bands)(t, literal(lower, "lower")), v, k, k)


@vjp(runtime.banded_w, "ab", domain="matrix")
def _banded_w(d: Sym, ab: Sym, v: Sym, lower: Any) -> Sym:
    return _bands_of(v * d, v, ab, lower)


@jvp(runtime.banded_w, "ab")
def _banded_w_tangent(t: Sym, ab: Sym, v: Sym, lower: Any) -> Sym:
    return xp.sum(v * _times(t, v, ab, lower), axis=0)


@vjp(runtime.banded_v, "ab", domain="matrix")
def _banded_v(d: Sym, ab: Sym, w: Sym, v: Sym, lower: Any) -> Sym:
    return _bands_of(v @ (helper(runtime.gaps_between)(w) * (v.T @ d)), v, ab, lower)


@jvp(runtime.banded_v, "ab")
def _banded_v_tangent(t: Sym, ab: Sym, w: Sym, v: Sym, lower: Any) -> Sym:
    return v @ (helper(runtime.gaps_between)(w) * (v.T @ _times(t, v, ab, lower)))


flat((runtime.banded_w, runtime.banded_v), "w", "v", "lower")
infer_shapes.RULES[sl.eig_banded] = lambda prim, bound: TUPLE
infer_shapes.RULES[runtime.banded_w] = infer_shapes.like("w")
infer_shapes.RULES[runtime.banded_v] = infer_shapes.like("v")

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

