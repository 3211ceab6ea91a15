"""Solving with matrices, and decomposing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, helper, unbroadcast, xp
from srcgrad.rules.linalg import flipped, ranks
from srcgrad.rules.reductions import literal
from srcgrad.rules.registry import constant, flat, jvp, linear, vjp
from srcgrad.rules.shapes import back

# ---- determinants, inverses, systems -------------------------------------------------------------------------


@vjp(np.linalg.det, "a", domain="matrix")
def _det(d: Sym, out: Sym, a: Sym) -> Sym:
    scale = d * out
    return (scale if rank(a.kind) == 2 else scale[..., None, None]) * flipped(xp.linalg.inv(a))


@jvp(np.linalg.det, "a")
def _det_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return out * _relative(a, t)


def _relative(a: Sym, t: Sym) -> Sym:
    """The tangent of the logarithm of the determinant."""
    if rank(a.kind) == 2:
        return xp.trace(xp.linalg.solve(a, t))
    return xp.sum(flipped(xp.linalg.inv(a)) * t, axis=(-2, -1))


@vjp(np.linalg.inv, "a", domain="matrix")
def _inv(d: Sym, out: Sym, a: Sym) -> Sym:
    return -(flipped(out) @ d @ flipped(out))


@jvp(np.linalg.inv, "a")
def _inv_tangent(t: Sym, out: Sym) -> Sym:
    return -(out @ t @ out)


@linear(np.linalg.solve, "b", domain="matrix")
def _solve_right(d: Sym, a: Sym, b: Sym) -> Sym:
    if ranks(a, b)[0] == 2 and rank(b.kind) in (1, 2):
        return xp.linalg.solve(a.T, d)
    found = xp.linalg.solve(flipped(a), d[..., None])[..., 0] if rank(b.kind) == 1 else xp.linalg.solve(flipped(a), d)
    return unbroadcast(found, found.kind, b.kind, b)


@vjp(np.linalg.solve, "a", domain="matrix")
def _solve_left(d: Sym, out: Sym, a: Sym, b: Sym) -> Sym:
    m, n = ranks(a, b)
    if m == 2 and n in (1, 2):
        d_b = xp.linalg.solve(a.T, d)
        return -xp.outer(d_b, out) if n == 1 else -(d_b @ out.T)
    if n == 1:
        found = xp.linalg.solve(flipped(a), d[..., None]) * out[..., None, :]
    else:
        found = xp.linalg.solve(flipped(a), d) @ flipped(out)
    return unbroadcast(-found, found.kind, a.kind, a)


@jvp(np.linalg.solve, "a", "b")
def _solve_tangent(t: tuple[Sym | None, Sym | None], out: Sym, a: Sym, b: Sym) -> Sym:
    of_a, of_b = t
    if of_a is None:
        return xp.linalg.solve(a, of_b)
    if ranks(a, b)[0] > 2 and rank(b.kind) == 1:
        found = xp.linalg.solve(a, of_a @ out[..., None])[..., 0]
        return -found if of_b is None else xp.linalg.solve(a, of_b) - found
    moved = of_a @ out
    return -xp.linalg.solve(a, moved) if of_b is None else xp.linalg.solve(a, of_b - moved)


@vjp(np.linalg.matrix_power, "a", view="maybe", domain="matrix")
def _matrix_power(d: Sym, a: Sym, n: Any) -> Sym:
    """The derivative in the direction d of the power of the transpose: sums are the same, read backwards."""
    return along(lambda whole: xp.linalg.matrix_power(whole, n), flipped(a), d)


@jvp(np.linalg.matrix_power, "a")
def _matrix_power_tangent(t: Sym, a: Sym, n: Any) -> Sym:
    return along(lambda whole: xp.linalg.matrix_power(whole, n), a, t)


def along(function: Callable[[Sym], Sym], a: Sym, direction: Sym) -> Sym:
    """The derivative of a function of matrices along a direction, which its value at a larger matrix has as a block."""
    found = helper(runtime.direction_of)(function(helper(runtime.with_direction)(a, direction)))
    return Sym(replace(found.expr, kind=direction.kind))


@vjp(runtime.with_direction, "a", "e", domain="matrix")
def _with_direction(d: Sym, a: Sym, e: Sym) -> tuple[Sym, Sym]:
    n = a.shape[-1]
    first, second = slice(None, n), slice(n, None)
    return d[..., first, first] + d[..., second, second], d[..., first, second]


@jvp(runtime.with_direction, "a", "e")
def _with_direction_tangent(t: tuple[Sym | None, Sym | None], a: Sym, e: Sym) -> Sym:
    both = (xp.zeros_like(x) if moved is None else moved for moved, x in zip(t, (a, e), strict=True))
    return helper(runtime.with_direction)(*both)


@linear(runtime.direction_of, "whole", domain="matrix")
def _direction_of(d: Sym) -> Sym:
    return helper(runtime.with_direction)(xp.zeros_like(d), d)


@linear(np.linalg.multi_dot, "arrays", displays=True)
def _multi_dot(d: Sym, arrays: Any) -> Any:
    """For each factor the transposed product of those on its left, the adjoint, and that of those on its right."""
    if isinstance(arrays, Sym):
        raise KindError("np.linalg.multi_dot is differentiated for a list of known length", "Use `@` in a loop.")
    first, last = arrays[0], arrays[-1]
    row, column = rank(first.kind) == 1, rank(last.kind) == 1
    full = [first[None] if row else first, *arrays[1:-1], last[:, None] if column else last]
    if row and column:
        d = d * xp.ones((1, 1))
    else:
        d = d[None] if row else d[:, None] if column else d
    result = []
    for k, x in enumerate(arrays):
        chain = [*(m.T for m in full[:k][::-1]), d, *(m.T for m in full[k + 1 :][::-1])]
        # left.T is the product of the transposes in the other order, and so is right.T
        found = xp.linalg.multi_dot(chain) if len(chain) > 2 else chain[0] @ chain[1]
        result.append(back(found, x) if rank(x.kind) == 1 else found)
    return result


@jvp(np.linalg.multi_dot, "arrays")
def _multi_dot_tangent(t: list[Sym | None], arrays: Any) -> Sym:
    """One product for each factor, with its tangent in its place."""
    terms = [xp.linalg.multi_dot([*arrays[:k], x, *arrays[k + 1 :]]) for k, x in enumerate(t) if x is not None]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@linear(runtime.least_squares, "b", domain="matrix")
def _least_squares_right(d: Sym, a: Sym, b: Sym) -> Sym:
    return flipped(xp.linalg.pinv(a)) @ d


@vjp(runtime.least_squares, "a", domain="matrix")
def _least_squares_left(d: Sym, out: Sym, a: Sym, b: Sym) -> Sym:
    """From the derivative of the pseudo-inverse at constant rank (Golub and Pereyra 1973)."""
    inverse = xp.linalg.pinv(a)
    moved = inverse.T @ d
    if rank(b.kind) == 1:
        return (xp.outer(b - a @ out, inverse @ moved) - xp.outer(moved, out)
                + xp.outer(inverse.T @ out, d - a.T @ moved))  # fmt: skip
    return ((b - a @ out) @ (inverse @ moved).T - moved @ out.T + inverse.T @ out @ (d - a.T @ moved).T)


@jvp(runtime.least_squares, "a", "b")
def _least_squares_tangent(t: tuple[Sym | None, Sym | None], out: Sym, a: Sym, b: Sym) -> Sym:
    of_a, of_b = t
    inverse = xp.linalg.pinv(a)
    if of_a is None:
        return inverse @ of_b
    moved = inverse @ (inverse.T @ (of_a.T @ (b - a @ out))) - inverse @ (of_a @ out)
    turned = of_a.T @ (inverse.T @ out)
    total = moved + (turned - inverse @ (a @ turned))
    return total if of_b is None else total + inverse @ of_b


# ---- decompositions ------------------------------------------------------------------------------------------

constant(runtime.sign_of_det)


@vjp(runtime.log_abs_det, "a", domain="matrix")
def _log_abs_det(d: Sym, a: Sym) -> Sym:
    return (d if rank(a.kind) == 2 else d[..., None, None]) * flipped(xp.linalg.inv(a))


@jvp(runtime.log_abs_det, "a")
def _log_abs_det_tangent(t: Sym, a: Sym) -> Sym:
    return _relative(a, t)


@vjp(np.linalg.eigvalsh, "a", domain="matrix")
def _eigvalsh(d: Sym, a: Sym) -> Sym:
    return helper(runtime.eigenvalues_adjoint)(d, a)


@jvp(np.linalg.eigvalsh, "a")
def _eigvalsh_tangent(t: Sym, a: Sym) -> Sym:
    return helper(runtime.eigenvalues_tangent)(t, a)


@vjp(np.linalg.svdvals, "x", domain="matrix")
def _svdvals(d: Sym, x: Sym) -> Sym:
    return helper(runtime.singular_values_adjoint)(d, x)


@jvp(np.linalg.svdvals, "x")
def _svdvals_tangent(t: Sym, x: Sym) -> Sym:
    return helper(runtime.singular_values_tangent)(t, x)


@vjp(np.linalg.cholesky, "a", domain="matrix")
def _cholesky(d: Sym, out: Sym, a: Sym) -> Sym:
    return helper(runtime.cholesky_adjoint)(d, out)


@jvp(np.linalg.cholesky, "a")
def _cholesky_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return helper(runtime.cholesky_tangent)(t, out)


@vjp(np.linalg.pinv, "a", domain="matrix")
def _pinv(d: Sym, out: Sym, a: Sym) -> Sym:
    """At constant rank (Golub and Pereyra 1973)."""
    return (
        (flipped(d) - a @ (out @ flipped(d))) @ (out @ flipped(out))
        + (flipped(out) @ out) @ (flipped(d) - (flipped(d) @ out) @ a)
        - flipped(out) @ d @ flipped(out)
    )


@jvp(np.linalg.pinv, "a")
def _pinv_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return (
        out @ flipped(out) @ (flipped(t) - flipped(t) @ a @ out)
        + (flipped(t) - out @ a @ flipped(t)) @ flipped(out) @ out
        - out @ t @ out
    )


# ---- factors that were decomposed once (see specialize/rewrites) ----------------------------------------------

@vjp(runtime.svd_s, "a", domain="matrix")
def _svd_s(d: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_s_adjoint)(d, u, vt)


@jvp(runtime.svd_s, "a")
def _svd_s_tangent(t: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_s_tangent)(t, u, s, vt)


@vjp(runtime.svd_u, "a", domain="matrix")
def _svd_u(d: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_u_adjoint)(d, u, s, vt)


@jvp(runtime.svd_u, "a")
def _svd_u_tangent(t: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_u_tangent)(t, u, s, vt)


@vjp(runtime.svd_vt, "a", domain="matrix")
def _svd_vt(d: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_vt_adjoint)(d, u, s, vt)


@jvp(runtime.svd_vt, "a")
def _svd_vt_tangent(t: Sym, a: Sym, u: Sym, s: Sym, vt: Sym) -> Sym:
    return helper(runtime.svd_vt_tangent)(t, u, s, vt)


def taken(d: Sym, lower: Any = None) -> Sym:
    """The adjoint of the triangle that is read of a symmetric matrix."""
    return helper(runtime.to_lower if lower is None or literal(lower) else runtime.to_upper)(d)


def given(t: Sym, lower: Any = None) -> Sym:
    """The tangent of a symmetric matrix of which one triangle is read."""
    return helper(runtime.from_lower if lower is None or literal(lower) else runtime.from_upper)(t)


@vjp(runtime.eigh_w, "a", domain="matrix")
def _eigh_w(d: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return taken(helper(runtime.eigh_w_adjoint)(d, v), lower)


@jvp(runtime.eigh_w, "a")
def _eigh_w_tangent(t: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return helper(runtime.eigh_w_tangent)(given(t, lower), v)


@vjp(runtime.eigh_v, "a", domain="matrix")
def _eigh_v(d: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return taken(helper(runtime.eigh_v_adjoint)(d, w, v), lower)


@jvp(runtime.eigh_v, "a")
def _eigh_v_tangent(t: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return helper(runtime.eigh_v_tangent)(given(t, lower), w, v)


@vjp(runtime.qr_q, "a", domain="matrix")
def _qr_q(d: Sym, a: Sym, q: Sym, r: Sym) -> Sym:
    return helper(runtime.qr_q_adjoint)(d, a, q, r)


@jvp(runtime.qr_q, "a")
def _qr_q_tangent(t: Sym, a: Sym, q: Sym, r: Sym) -> Sym:
    return helper(runtime.qr_q_tangent)(t, q, r)


@vjp(runtime.qr_r, "a", domain="matrix")
def _qr_r(d: Sym, a: Sym, q: Sym, r: Sym) -> Sym:
    return helper(runtime.qr_r_adjoint)(d, a, q, r)


@jvp(runtime.qr_r, "a")
def _qr_r_tangent(t: Sym, a: Sym, q: Sym, r: Sym) -> Sym:
    return helper(runtime.qr_r_tangent)(t, q, r)


flat((runtime.svd_u, runtime.svd_s, runtime.svd_vt), "u", "s", "vt")
flat((runtime.qr_q, runtime.qr_r), "q", "r")
flat((runtime.eigh_w, runtime.eigh_v), "w", "v")
