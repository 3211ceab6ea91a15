"""Solving with matrices, and decomposing them."""

from __future__ import annotations

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.linalg import flipped
from srcgrad.rules.registry import constant, jvp, linear, vjp

# ---- determinants, inverses, systems -------------------------------------------------------------------------


@vjp(np.linalg.det, "a", domain="matrix")
def _det(d: Sym, out: Sym, a: Sym) -> Sym:
    scale = d * out
    return (scale if rank(a.kind) == 2 else scale[..., None, None]) * flipped(xp.linalg.inv(a))


@jvp(np.linalg.det, "a")
def _det_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    if rank(a.kind) == 2:
        return out * xp.trace(xp.linalg.solve(a, t))
    return out * xp.sum(flipped(xp.linalg.inv(a)) * t, axis=(-2, -1))


@vjp(np.linalg.inv, "a", domain="matrix")
def _inv(d: Sym, out: Sym, a: Sym) -> Sym:
    return -(flipped(out) @ d @ flipped(out))


@jvp(np.linalg.inv, "a")
def _inv_tangent(t: Sym, out: Sym) -> Sym:
    return -(out @ t @ out)


@linear(np.linalg.solve, "b", domain="matrix")
def _solve_right(d: Sym, a: Sym, b: Sym) -> Sym:
    _plain_solve(a, b)
    return xp.linalg.solve(a.T, d)


@vjp(np.linalg.solve, "a", domain="matrix")
def _solve_left(d: Sym, out: Sym, a: Sym, b: Sym) -> Sym:
    _plain_solve(a, b)
    d_b = xp.linalg.solve(a.T, d)
    return -xp.outer(d_b, out) if rank(b.kind) == 1 else -(d_b @ out.T)


@jvp(np.linalg.solve, "a", "b")
def _solve_tangent(t: tuple[Sym | None, Sym | None], out: Sym, a: Sym, b: Sym) -> Sym:
    of_a, of_b = t
    if of_a is None:
        return xp.linalg.solve(a, of_b)
    if rank(b.kind) in (None, 0) or (rank(b.kind) == 1 and rank(a.kind) != 2):
        _plain_solve(a, b)
    moved = of_a @ out
    return -xp.linalg.solve(a, moved) if of_b is None else xp.linalg.solve(a, of_b - moved)


def _plain_solve(a: Sym, b: Sym) -> None:
    if rank(a.kind) != 2 or rank(b.kind) not in (1, 2):
        raise KindError("np.linalg.solve is differentiated for one matrix, not for stacks of them")


# ---- decompositions ------------------------------------------------------------------------------------------

constant(runtime.sign_of_det)


def _matrix(a: Sym, name: str) -> None:
    if rank(a.kind) != 2:
        raise KindError(f"np.linalg.{name} is differentiated for one matrix, not for stacks of them")


@vjp(runtime.log_abs_det, "a", domain="matrix")
def _log_abs_det(d: Sym, a: Sym) -> Sym:
    return d * xp.linalg.inv(a).T


@jvp(runtime.log_abs_det, "a")
def _log_abs_det_tangent(t: Sym, a: Sym) -> Sym:
    return xp.trace(xp.linalg.solve(a, t))


@vjp(np.linalg.eigvalsh, "a", domain="matrix")
def _eigvalsh(d: Sym, a: Sym) -> Sym:
    _matrix(a, "eigvalsh")
    return helper(runtime.eigenvalues_adjoint)(d, a)


@jvp(np.linalg.eigvalsh, "a")
def _eigvalsh_tangent(t: Sym, a: Sym) -> Sym:
    _matrix(a, "eigvalsh")
    return helper(runtime.eigenvalues_tangent)(t, a)


@vjp(runtime.eigenvectors, "a", domain="matrix")
def _eigenvectors(d: Sym, a: Sym) -> Sym:
    return helper(runtime.eigenvectors_adjoint)(d, a)


@jvp(runtime.eigenvectors, "a")
def _eigenvectors_tangent(t: Sym, a: Sym) -> Sym:
    return helper(runtime.eigenvectors_tangent)(t, a)


@vjp(np.linalg.svdvals, "x", domain="matrix")
def _svdvals(d: Sym, x: Sym) -> Sym:
    _matrix(x, "svdvals")
    return helper(runtime.singular_values_adjoint)(d, x)


@jvp(np.linalg.svdvals, "x")
def _svdvals_tangent(t: Sym, x: Sym) -> Sym:
    _matrix(x, "svdvals")
    return helper(runtime.singular_values_tangent)(t, x)


@vjp(np.linalg.cholesky, "a", domain="matrix")
def _cholesky(d: Sym, out: Sym, a: Sym) -> Sym:
    _matrix(a, "cholesky")
    return helper(runtime.cholesky_adjoint)(d, out)


@jvp(np.linalg.cholesky, "a")
def _cholesky_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    _matrix(a, "cholesky")
    return helper(runtime.cholesky_tangent)(t, out)


@vjp(np.linalg.pinv, "a", domain="matrix")
def _pinv(d: Sym, out: Sym, a: Sym) -> Sym:
    _matrix(a, "pinv")
    return (
        (d.T - a @ (out @ d.T)) @ (out @ out.T)
        + (out.T @ out) @ (d.T - (d.T @ out) @ a)
        - out.T @ d @ out.T
    )


@jvp(np.linalg.pinv, "a")
def _pinv_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    _matrix(a, "pinv")
    return (
        out @ out.T @ (t.T - t.T @ a @ out)
        + (t.T - out @ a @ t.T) @ out.T @ out
        - out @ t @ out
    )
