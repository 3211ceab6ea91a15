"""Matrices that are stored by their diagonals (see runtime/banded): systems and eigenvalues."""

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
from srcgrad.rules.defined.registry import parts
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import flat, jvp, linear, vjp
from srcgrad.rules.scipy_linalg.common import defined, dtype_of, known, linalg, solved, unknown
from srcgrad.rules.scipy_linalg.systems import given_options

# ---- products and systems ------------------------------------------------------------------------------------

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
    one_matrix(sl.solve_banded, ab, b)
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

# ---- eigenvalues ---------------------------------------------------------------------------------------------


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
