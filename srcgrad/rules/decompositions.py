"""Solving with matrices, and decomposing them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, conj, helper, total, unbroadcast, xp
from srcgrad.rules.linalg import dagger, flipped, ranks
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


@linear(runtime.solve_tridiagonal, "b")
def _tridiagonal_right(d: Sym, lower: Sym, diagonal: Sym, upper: Sym, b: Sym) -> Sym:
    return helper(runtime.solve_tridiagonal)(upper, diagonal, lower, d)


@vjp(runtime.solve_tridiagonal, "lower", "diagonal", "upper")
def _tridiagonal_left(d: Sym, out: Sym, lower: Sym, diagonal: Sym, upper: Sym) -> tuple[Sym, Sym, Sym]:
    w = helper(runtime.solve_tridiagonal)(upper, diagonal, lower, d)
    axes = tuple(range(1, ndim_of(out)))
    found = (w[1:] * out[:-1], w * out, w[:-1] * out[1:])
    below, at, above = (product.sum(axis=axes) if axes else product for product in found)
    return -below, -at, -above


@jvp(runtime.solve_tridiagonal, "lower", "diagonal", "upper", "b")
def _tridiagonal_tangent(t: tuple[Sym | None, ...], out: Sym, lower: Sym, diagonal: Sym, upper: Sym) -> Sym:
    """The right-hand side moves by b_dot - A_dot x."""
    of_lower, of_diagonal, of_upper, moved = t

    def column(dot: Sym) -> Sym:
        return dot[(slice(None), *(None,) * (ndim_of(out) - 1))] if ndim_of(out) > 1 else dot

    parts = []
    if of_diagonal is not None:
        parts.append(column(of_diagonal) * out)
    if of_lower is not None:
        parts.append(xp.concatenate([xp.zeros_like(out[:1]), column(of_lower) * out[:-1]]))
    if of_upper is not None:
        parts.append(xp.concatenate([column(of_upper) * out[1:], xp.zeros_like(out[:1])]))
    for part in parts:
        moved = -part if moved is None else moved - part
    assert moved is not None
    return helper(runtime.solve_tridiagonal)(lower, diagonal, upper, moved)


def ndim_of(x: Sym) -> int:
    """The number of axes, which has to be known."""
    n = rank(x.kind)
    if n is None:
        raise KindError("the number of axes of the right-hand side of a system is not known")
    return n


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
    return total(terms)


@linear(runtime.least_squares, "b", domain="matrix")
def _least_squares_right(d: Sym, a: Sym, b: Sym, rcond: Any = None) -> Sym:
    return flipped(xp.linalg.pinv(a)) @ d


@vjp(runtime.least_squares, "a", domain="matrix")
def _least_squares_left(d: Sym, out: Sym, a: Sym, b: Sym) -> Sym:
    """From the derivative of the pseudo-inverse at constant rank (Golub and Pereyra 1973)."""
    inverse, d = xp.linalg.pinv(a), conj(d)
    moved = conj(inverse.T) @ d
    if rank(b.kind) == 1:
        return conj(xp.outer(b - a @ out, conj(inverse @ moved)) - xp.outer(moved, conj(out))
                    + xp.outer(conj(inverse.T) @ out, conj(d - conj(a.T) @ moved)))  # fmt: skip
    return conj((b - a @ out) @ conj((inverse @ moved).T) - moved @ conj(out.T)
                + conj(inverse.T) @ out @ conj((d - conj(a.T) @ moved).T))  # fmt: skip


@jvp(runtime.least_squares, "a", "b")
def _least_squares_tangent(t: tuple[Sym | None, Sym | None], out: Sym, a: Sym, b: Sym) -> Sym:
    of_a, of_b = t
    inverse = xp.linalg.pinv(a)
    if of_a is None:
        return inverse @ of_b
    moved = inverse @ (conj(inverse.T) @ (conj(of_a.T) @ (b - a @ out))) - inverse @ (of_a @ out)
    turned = conj(of_a.T) @ (conj(inverse.T) @ out)
    found = moved + (turned - inverse @ (a @ turned))
    return found if of_b is None else found + inverse @ of_b


# ---- decompositions ------------------------------------------------------------------------------------------

constant(runtime.sign_of_det)


@vjp(runtime.phase_of_det, "a", domain="matrix")
def _phase_of_det(d: Sym, out: Sym, a: Sym) -> Sym:
    scale = (1j * d * out).real
    return -(1j * (scale if rank(a.kind) == 2 else scale[..., None, None]) * flipped(xp.linalg.inv(a)))


@jvp(runtime.phase_of_det, "a")
def _phase_of_det_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return 1j * out * xp.imag(_relative(a, t))


@vjp(runtime.log_abs_det, "a", domain="matrix")
def _log_abs_det(d: Sym, a: Sym) -> Sym:
    return (d if rank(a.kind) == 2 else d[..., None, None]) * flipped(xp.linalg.inv(a))


@jvp(runtime.log_abs_det, "a")
def _log_abs_det_tangent(t: Sym, a: Sym) -> Sym:
    return _relative(a, t)


def _by_helpers(fn: Any, wrt: str, adjoint: Any, tangent: Any) -> None:
    """Rules that call helpers, of the adjoint or tangent and those arguments, or the result, that they name.

    Helpers take and give adjoints as the literature has them for complex matrices: as conjugates of ours.
    """
    for declare, function in ((vjp(fn, wrt, domain="matrix"), adjoint), (jvp(fn, wrt), tangent)):
        names = tuple(inspect.signature(function).parameters)

        def build(function: Any = function, names: tuple[str, ...] = names, **given: Any) -> Sym:
            if "d" in given:
                given["d"] = conj(given["d"])
            made = helper(function)(*(given[name] for name in names))
            return conj(made) if "d" in given else made

        every = dict.fromkeys((*names, wrt))
        build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in every]
        )
        declare(build)


_by_helpers(np.linalg.eigvalsh, "a", runtime.eigenvalues_adjoint, runtime.eigenvalues_tangent)
_by_helpers(np.linalg.svdvals, "x", runtime.singular_values_adjoint, runtime.singular_values_tangent)
_by_helpers(np.linalg.cholesky, "a", runtime.cholesky_adjoint, runtime.cholesky_tangent)
_by_helpers(runtime.eig_values, "a", runtime.eig_values_adjoint, runtime.eig_values_tangent)
_by_helpers(runtime.eig_vectors, "a", runtime.eig_vectors_adjoint, runtime.eig_vectors_tangent)
flat((runtime.eig_values, runtime.eig_vectors), "w", "v")

# factors of what was decomposed once (see defined/several)
_by_helpers(runtime.svd_s, "a", runtime.svd_s_adjoint, runtime.svd_s_tangent)
_by_helpers(runtime.svd_u, "a", runtime.svd_u_adjoint, runtime.svd_u_tangent)
_by_helpers(runtime.svd_vt, "a", runtime.svd_vt_adjoint, runtime.svd_vt_tangent)
_by_helpers(runtime.qr_q, "a", runtime.qr_q_adjoint, runtime.qr_q_tangent)
_by_helpers(runtime.qr_r, "a", runtime.qr_r_adjoint, runtime.qr_r_tangent)
flat((runtime.svd_u, runtime.svd_s, runtime.svd_vt), "u", "s", "vt")
flat((runtime.qr_q, runtime.qr_r), "q", "r")


@vjp(np.linalg.pinv, "a", domain="matrix")
def _pinv(d: Sym, out: Sym, a: Sym) -> Sym:
    """At constant rank (Golub and Pereyra 1973)."""
    return conj(
        (flipped(d) - a @ (out @ flipped(d))) @ (out @ dagger(out))
        + (dagger(out) @ out) @ (flipped(d) - (flipped(d) @ out) @ a)
        - dagger(out) @ conj(d) @ dagger(out)
    )


@jvp(np.linalg.pinv, "a")
def _pinv_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return (
        out @ dagger(out) @ (dagger(t) - dagger(t) @ a @ out)
        + (dagger(t) - out @ a @ dagger(t)) @ dagger(out) @ out
        - out @ t @ out
    )


def taken(d: Sym, lower: Any = None) -> Sym:
    """The adjoint of the triangle that is read of a symmetric matrix."""
    return helper(runtime.to_lower if lower is None or literal(lower) else runtime.to_upper)(d)


def given(t: Sym, lower: Any = None) -> Sym:
    """The tangent of a symmetric matrix of which one triangle is read."""
    return helper(runtime.from_lower if lower is None or literal(lower) else runtime.from_upper)(t)


@vjp(runtime.eigh_w, "a", domain="matrix")
def _eigh_w(d: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return conj(taken(helper(runtime.eigh_w_adjoint)(conj(d), v), lower))


@jvp(runtime.eigh_w, "a")
def _eigh_w_tangent(t: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return helper(runtime.eigh_w_tangent)(given(t, lower), v)


@vjp(runtime.eigh_v, "a", domain="matrix")
def _eigh_v(d: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return conj(taken(helper(runtime.eigh_v_adjoint)(conj(d), w, v), lower))


@jvp(runtime.eigh_v, "a")
def _eigh_v_tangent(t: Sym, a: Sym, w: Sym, v: Sym, lower: Any = None) -> Sym:
    return helper(runtime.eigh_v_tangent)(given(t, lower), w, v)


flat((runtime.eigh_w, runtime.eigh_v), "w", "v")
