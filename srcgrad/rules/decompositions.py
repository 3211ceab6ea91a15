"""Solving with matrices, and decomposing them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, helper, total, unbroadcast, xp
from srcgrad.rules.linalg import flipped, ranks
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
    return helper(runtime.matrix_power_derivative)(flipped(a), d, n)


@jvp(np.linalg.matrix_power, "a")
def _matrix_power_tangent(t: Sym, a: Sym, n: Any) -> Sym:
    return helper(runtime.matrix_power_derivative)(a, t, n)


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
    return total(terms)


@linear(runtime.least_squares, "b", domain="matrix")
def _least_squares_right(d: Sym, a: Sym, b: Sym, rcond: Any = None) -> Sym:
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
    found = moved + (turned - inverse @ (a @ turned))
    return found if of_b is None else found + inverse @ of_b


# ---- decompositions ------------------------------------------------------------------------------------------

constant(runtime.sign_of_det)


@vjp(runtime.log_abs_det, "a", domain="matrix")
def _log_abs_det(d: Sym, a: Sym) -> Sym:
    return (d if rank(a.kind) == 2 else d[..., None, None]) * flipped(xp.linalg.inv(a))


@jvp(runtime.log_abs_det, "a")
def _log_abs_det_tangent(t: Sym, a: Sym) -> Sym:
    return _relative(a, t)


def _by_helpers(fn: Any, wrt: str, adjoint: Any, tangent: Any) -> None:
    """Rules that call helpers, of the adjoint or tangent and those arguments, or the result, that they name."""
    for declare, function in ((vjp(fn, wrt, domain="matrix"), adjoint), (jvp(fn, wrt), tangent)):
        names = tuple(inspect.signature(function).parameters)

        def build(function: Any = function, names: tuple[str, ...] = names, **given: Any) -> Sym:
            return helper(function)(*(given[name] for name in names))

        every = dict.fromkeys((*names, wrt))
        build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in every]
        )
        declare(build)


_by_helpers(np.linalg.eigvalsh, "a", runtime.eigenvalues_adjoint, runtime.eigenvalues_tangent)
_by_helpers(np.linalg.svdvals, "x", runtime.singular_values_adjoint, runtime.singular_values_tangent)
_by_helpers(np.linalg.cholesky, "a", runtime.cholesky_adjoint, runtime.cholesky_tangent)

# factors of what was decomposed once (see defined/several)
_by_helpers(runtime.eigh_values, "a", runtime.eigh_values_adjoint, runtime.eigh_values_tangent)
_by_helpers(runtime.eigh_vectors, "a", runtime.eigh_vectors_adjoint, runtime.eigh_vectors_tangent)
_by_helpers(runtime.svd_s, "a", runtime.svd_s_adjoint, runtime.svd_s_tangent)
_by_helpers(runtime.svd_u, "a", runtime.svd_u_adjoint, runtime.svd_u_tangent)
_by_helpers(runtime.svd_vt, "a", runtime.svd_vt_adjoint, runtime.svd_vt_tangent)
_by_helpers(runtime.qr_q, "a", runtime.qr_q_adjoint, runtime.qr_q_tangent)
_by_helpers(runtime.qr_r, "a", runtime.qr_r_adjoint, runtime.qr_r_tangent)
flat((runtime.eigh_values, runtime.eigh_vectors), "w", "v")
flat((runtime.svd_u, runtime.svd_s, runtime.svd_vt), "u", "s", "vt")
flat((runtime.qr_q, runtime.qr_r), "q", "r")


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
