"""Decompositions: each is made once, its results are functions of the matrix and of all factors (runtime/factors)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from srcgrad import runtime
from srcgrad.analysis import infer_shapes
from srcgrad.analysis.operands import TUPLE
from srcgrad.errors import KindError, NoRuleError
from srcgrad.ir.kinds import Array
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.decompositions import given, taken
from srcgrad.rules.defined.registry import array, hold, ndim, results
from srcgrad.rules.defined.several import eig as numpy_eig
from srcgrad.rules.defined.several import eigvals as numpy_eigvals
from srcgrad.rules.linalg import flipped
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, vjp
from srcgrad.rules.scipy_linalg.common import defined, dtype_of, known, linalg, shaped, share, unknown
from srcgrad.runtime import scipy_linalg as scipy_helpers

# ---- Cholesky ------------------------------------------------------------------------------------------------


@vjp(sl.cholesky, "a", domain="matrix")
def _cholesky(d: Sym, out: Sym, lower: Any = None) -> Sym:
    if literal(lower, "lower"):
        return helper(scipy_helpers.cholesky_lower_adjoint)(d, out)
    return flipped(helper(scipy_helpers.cholesky_lower_adjoint)(flipped(d), flipped(out)))


@jvp(sl.cholesky, "a")
def _cholesky_tangent(t: Sym, out: Sym, lower: Any = None) -> Sym:
    if literal(lower, "lower"):
        return helper(scipy_helpers.cholesky_lower_tangent)(t, out)
    return flipped(helper(scipy_helpers.cholesky_lower_tangent)(flipped(t), flipped(out)))


shaped(sl.cholesky, "a")


@defined(sl.cho_factor)
def cho_factor(a: Sym, lower: Any = False, **options: Any) -> Any:
    """With zeros in the other triangle, where SciPy leaves what it found."""
    known(sl.cho_factor, lower=lower)
    return linalg.cholesky(a, **({"lower": lower} if lower else {}), **options), lower


# ---- LU ------------------------------------------------------------------------------------------------------


@defined(sl.lu)
def lu(a: Sym, permute_l: Any = False, p_indices: Any = False, **options: Any) -> Any:
    known(sl.lu, permute_l=permute_l, p_indices=p_indices)
    p, *factors = results(linalg.lu(a, p_indices=True, **options))
    rows = hold(xp.argsort(p, axis=-1) if ndim(a) > 2 else xp.argsort(p), "rows")
    lower, upper = (helper(part)(a, rows, *factors) for part in (scipy_helpers.lu_l, scipy_helpers.lu_u))
    if permute_l:
        lower = hold(lower, "lower")
        rows = xp.broadcast_to(p[..., None], lower.shape)
        return xp.take_along_axis(lower, rows, axis=-2) if ndim(a) > 2 else xp.take(lower, p, axis=0), upper
    return p if p_indices else xp.eye(a.shape[-2], dtype=dtype_of(a))[p], lower, upper


@vjp(scipy_helpers.lu_l, "a", domain="matrix")
def _lu_l(d: Sym, rows: Sym, lower: Sym, upper: Sym) -> Sym:
    return helper(scipy_helpers.lu_l_adjoint)(d, rows, lower, upper)


@jvp(scipy_helpers.lu_l, "a")
def _lu_l_tangent(t: Sym, rows: Sym, lower: Sym, upper: Sym) -> Sym:
    return helper(scipy_helpers.lu_l_tangent)(t, rows, lower, upper)


@vjp(scipy_helpers.lu_u, "a", domain="matrix")
def _lu_u(d: Sym, rows: Sym, lower: Sym, upper: Sym) -> Sym:
    return helper(scipy_helpers.lu_u_adjoint)(d, rows, lower, upper)


@jvp(scipy_helpers.lu_u, "a")
def _lu_u_tangent(t: Sym, rows: Sym, lower: Sym, upper: Sym) -> Sym:
    return helper(scipy_helpers.lu_u_tangent)(t, rows, lower, upper)


@defined(sl.lu_factor)
def lu_factor(a: Sym, **options: Any) -> Any:
    packed, piv = results(linalg.lu_factor(a, **options))
    return helper(scipy_helpers.lu_packed)(a, packed, piv), piv


@vjp(scipy_helpers.lu_packed, "a", domain="matrix")
def _lu_packed(d: Sym, lu: Sym, piv: Sym) -> Sym:
    return helper(scipy_helpers.lu_packed_adjoint)(d, lu, piv)


@jvp(scipy_helpers.lu_packed, "a")
def _lu_packed_tangent(t: Sym, lu: Sym, piv: Sym) -> Sym:
    return helper(scipy_helpers.lu_packed_tangent)(t, lu, piv)


flat((scipy_helpers.lu_l, scipy_helpers.lu_u), "rows", "lower", "upper")
flat(scipy_helpers.lu_packed, "lu", "piv")
constant(scipy_helpers.rows_of)
infer_shapes.RULES[scipy_helpers.lu_l] = infer_shapes.like("lower")
infer_shapes.RULES[scipy_helpers.lu_u] = infer_shapes.like("upper")
infer_shapes.RULES[scipy_helpers.lu_packed] = infer_shapes.like("lu")

# ---- QR and RQ -----------------------------------------------------------------------------------------------


def _mode(fn: Any, mode: Any) -> None:
    known(fn, mode=mode)
    if mode not in ("full", "qr", "economic", "r"):
        raise NoRuleError(f"The derivative of scipy.linalg.{fn.__name__} with mode={mode!r} is not known.")


def _in_columns(a: Sym, p: Sym) -> Sym:
    return xp.take_along_axis(a, xp.broadcast_to(p[..., None, :], a.shape), axis=-1)


@defined(sl.qr)
def qr(a: Sym, mode: Any = "full", pivoting: Any = False, **options: Any) -> Any:
    _mode(sl.qr, mode)
    known(sl.qr, pivoting=pivoting)
    if mode in ("economic", "r"):
        options["mode"] = "economic"
    if pivoting:
        q, r, p = results(linalg.qr(a, pivoting=True, **options))
        a = hold(xp.take(a, p, axis=1) if ndim(a) == 2 else _in_columns(a, p), "pivoted")
        places = [p]
    else:
        q, r = results(linalg.qr(a, **options))
        places = []
    upper = helper(runtime.qr_r)(a, q, r)
    if mode != "r":
        return (helper(runtime.qr_q)(a, q, r), upper, *places)
    below = hold(xp.zeros_like(a), "below")[..., r.shape[-2] :, slice(None)]
    whole = xp.concatenate([upper, below], axis=-2)
    return (whole, *places) if ndim(a) == 2 or pivoting else whole


@defined(sl.rq)
def rq(a: Sym, mode: Any = "full", **options: Any) -> Any:
    """As the QR decomposition of the transpose with its columns in the other order."""
    _mode(sl.rq, mode)
    if mode == "economic":
        options["mode"] = mode
    r, q = results(linalg.rq(a, **options))

    def turned(x: Sym, columns: bool) -> Sym:
        back = slice(None, None, -1)
        return flipped(x[..., back, back] if columns else x[..., back, slice(None)])

    given = (hold(turned(a, False), "turned"), hold(turned(q, False), "q"), hold(turned(r, True), "r"))
    upper = hold(helper(runtime.qr_r)(*given), "upper")
    back = slice(None, None, -1)
    upper = flipped(upper[..., back, back])
    if mode == "r":
        return upper
    rows = hold(helper(runtime.qr_q)(*given), "rows")
    return upper, flipped(rows[..., slice(None), back])


# ---- singular values -----------------------------------------------------------------------------------------

share(sl.svdvals, np.linalg.svdvals, a="x")


@defined(sl.svd)
def svd(a: Sym, compute_uv: Any = True, **options: Any) -> Any:
    known(sl.svd, compute_uv=compute_uv)
    if not compute_uv:
        kept = {name: value for name, value in options.items() if name == "check_finite"}
        return linalg.svdvals(a, **kept)
    factors = results(linalg.svd(a, **options))
    return tuple(helper(part)(a, *factors) for part in (runtime.svd_u, runtime.svd_s, runtime.svd_vt))


@defined(sl.polar)
def polar(a: Sym, side: Any = "right") -> Any:
    known(sl.polar, side=side)
    w, s, vh = (hold(x, hint) for x, hint in zip(svd(a=a, full_matrices=False), ("w", "s", "vh"), strict=True))
    scale = s if ndim(a) == 2 else s[..., None, :]
    return w @ vh, (flipped(vh) * scale) @ vh if side == "right" else (w * scale) @ flipped(w)


@defined(sl.orthogonal_procrustes)
def orthogonal_procrustes(A: Sym, B: Sym, **options: Any) -> Any:
    if ndim(A) != 2 or ndim(B) != 2:
        raise KindError("scipy.linalg.orthogonal_procrustes is differentiated for two matrices")
    u, w, vt = svd(a=hold(A.T @ B, "product"))
    return u @ vt, xp.sum(w)


# ---- eigenvalues of symmetric matrices -----------------------------------------------------------------------

DRIVERS = ("check_finite", "driver")


def eigen(a: Sym, b: Any, lower: Any, type: Any, options: dict[str, Any], fn: Any) -> tuple[Sym, Sym]:
    """The eigenvalues and eigenvectors of a symmetric matrix, or of a pair of them."""
    known(fn, lower=lower)
    for name, value in options.items():
        if name not in DRIVERS and value is not None:
            raise unknown(fn, name)
    if type != 1:
        raise unknown(fn, "type")
    triangle = {} if lower else {"lower": False}
    options = {name: value for name, value in options.items() if name in DRIVERS}
    own = () if lower else (False,)
    if b is None:
        w, v = results(linalg.eigh(a, **triangle, **options))
        return helper(runtime.eigh_w)(a, w, v, *own), helper(runtime.eigh_v)(a, w, v, *own)
    b = array(b)
    w, v = results(linalg.eigh(a, b, **triangle, **options))
    return helper(runtime.pencil_w)(a, b, w, v, *own), helper(runtime.pencil_v)(a, b, w, v, *own)


@defined(sl.eigh)
def eigh(a: Sym, b: Any = None, lower: Any = True, eigvals_only: Any = False, type: Any = 1, **options: Any) -> Any:
    known(sl.eigh, eigvals_only=eigvals_only)
    both = eigen(a, b, lower, type, options, sl.eigh)
    return both[0] if eigvals_only else both


@defined(sl.eigvalsh)
def eigvalsh(a: Sym, b: Any = None, lower: Any = True, type: Any = 1, **options: Any) -> Sym:
    return eigen(a, b, lower, type, options, sl.eigvalsh)[0]


@vjp(runtime.pencil_w, "a", "b", domain="matrix")
def _pencil_w(d: Sym, a: Sym, b: Sym, w: Sym, v: Sym, lower: Any = None) -> tuple[Sym, Sym]:
    adjoint = helper(runtime.eigh_w_adjoint)
    return taken(adjoint(d, v), lower), taken(-adjoint(d * w, v), lower)


@jvp(runtime.pencil_w, "a", "b")
def _pencil_w_tangent(t: Any, a: Sym, b: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    moved = [None if s is None else helper(runtime.eigh_w_tangent)(given(s, lower), v) for s in t]
    terms = [s for s in (moved[0], None if moved[1] is None else -(w * moved[1])) if s is not None]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


@vjp(runtime.pencil_v, "a", "b", domain="matrix")
def _pencil_v(d: Sym, a: Sym, b: Sym, w: Sym, v: Sym, lower: Any = None) -> tuple[Sym, Sym]:
    of_a, of_b = helper(runtime.eigh_v_adjoint)(d, w, v), helper(runtime.pencil_v_adjoint)(d, w, v)
    return taken(of_a, lower), taken(of_b, lower)


@jvp(runtime.pencil_v, "a", "b")
def _pencil_v_tangent(t: Any, a: Sym, b: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    both = (runtime.eigh_v_tangent, runtime.pencil_v_tangent)
    terms = [helper(fn)(given(s, lower), w, v) for fn, s in zip(both, t, strict=True) if s is not None]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


flat((runtime.pencil_w, runtime.pencil_v), "w", "v")
infer_shapes.RULES[runtime.pencil_w] = infer_shapes.like("w")
infer_shapes.RULES[runtime.pencil_v] = infer_shapes.like("v")

# ---- tridiagonal matrices ------------------------------------------------------------------------------------


@defined(sl.eigh_tridiagonal)
def eigh_tridiagonal(d: Sym, e: Sym, eigvals_only: Any = False, select: Any = "a", **options: Any) -> Any:
    known(sl.eigh_tridiagonal, eigvals_only=eigvals_only, select=select)
    if select not in ("a", "all", 0) or options.get("select_range") is not None:
        raise unknown(sl.eigh_tridiagonal, "select")
    if ndim(d) != 1 or ndim(e) != 1:
        raise KindError("scipy.linalg.eigh_tridiagonal is differentiated for one matrix", "Write a loop.")
    dtype = np.result_type(*(getattr(x.kind, "dtype", "float64") for x in (d, e))).name
    kinds = (Array(dtype, (None,)), Array(dtype, (None, None)))
    w, v = results(linalg.eigh_tridiagonal(d, e, **options), kinds=kinds)
    values = helper(runtime.tridiagonal_w)(d, e, w, v)
    return values if eigvals_only else (values, helper(runtime.tridiagonal_v)(d, e, w, v))


@defined(sl.eigvalsh_tridiagonal)
def eigvalsh_tridiagonal(d: Sym, e: Sym, select: Any = "a", **options: Any) -> Sym:
    return eigh_tridiagonal(d=d, e=e, eigvals_only=True, select=select, **options)


@vjp(runtime.tridiagonal_w, "diagonal", "beside", domain="matrix")
def _tridiagonal_w(d: Sym, diagonal: Sym, beside: Sym, w: Sym, v: Sym) -> tuple[Sym, Sym]:
    return v**2 @ d, 2 * (v[:-1] * v[1:]) @ d


@vjp(runtime.tridiagonal_v, "diagonal", "beside", domain="matrix")
def _tridiagonal_v(d: Sym, diagonal: Sym, beside: Sym, w: Sym, v: Sym) -> tuple[Sym, Sym]:
    whole = helper(runtime.eigh_v_adjoint)(d, w, v)
    return xp.diagonal(whole), xp.diagonal(whole, 1) + xp.diagonal(whole, -1)


def _tridiagonal(t: Any, diagonal: Sym, beside: Sym) -> Sym:
    return helper(runtime.tridiagonal)(
        *(xp.zeros_like(x) if s is None else s for s, x in zip(t, (diagonal, beside), strict=True))
    )


@jvp(runtime.tridiagonal_w, "diagonal", "beside")
def _tridiagonal_w_tangent(t: Any, diagonal: Sym, beside: Sym, v: Sym) -> Sym:
    return helper(runtime.eigh_w_tangent)(_tridiagonal(t, diagonal, beside), v)


@jvp(runtime.tridiagonal_v, "diagonal", "beside")
def _tridiagonal_v_tangent(t: Any, diagonal: Sym, beside: Sym, w: Sym, v: Sym) -> Sym:
    return helper(runtime.eigh_v_tangent)(_tridiagonal(t, diagonal, beside), w, v)


infer_shapes.RULES[sl.eigh_tridiagonal] = lambda prim, bound: TUPLE
flat((runtime.tridiagonal_w, runtime.tridiagonal_v), "w", "v")
infer_shapes.RULES[runtime.tridiagonal_w] = infer_shapes.like("w")
infer_shapes.RULES[runtime.tridiagonal_v] = infer_shapes.like("v")


@defined(sl.eig)
def eig(a: Sym) -> tuple[Sym, Sym]:
    w, v = numpy_eig(a)
    return w, v


@defined(sl.eigvals)
def eigvals(a: Sym) -> Sym:
    return numpy_eigvals(a)
