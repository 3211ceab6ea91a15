"""Matrix equations of Sylvester, Lyapunov and Riccati: the adjoint of the solution solves the transposed linear
equation (Kao and Hennequin 2020)."""

from __future__ import annotations

from typing import Any

import scipy.linalg as sl

from srcgrad.rules.build import Sym, helper
from srcgrad.rules.linalg import flipped
from srcgrad.rules.registry import jvp, vjp
from srcgrad.rules.scipy_linalg.common import fit, linalg, shaped
from srcgrad.runtime import scipy_linalg as scipy_helpers


def total(terms: list[Sym]) -> Sym:
    found = terms[0]
    for term in terms[1:]:
        found = found + term
    return found


# ---- a @ x + x @ b = q ---------------------------------------------------------------------------------------


@vjp(sl.solve_sylvester, "a", "b", "q", domain="matrix")
def _sylvester(d: Sym, out: Sym, a: Sym, b: Sym, q: Sym) -> tuple[Sym, Sym, Sym]:
    w = linalg.solve_sylvester(flipped(a), flipped(b), d)
    return fit(-(w @ flipped(out)), a), fit(-(flipped(out) @ w), b), fit(w, q)


@jvp(sl.solve_sylvester, "a", "b", "q")
def _sylvester_tangent(t: Any, out: Sym, a: Sym, b: Sym, q: Sym) -> Sym:
    of_a, of_b, of_q = t
    terms = [s for s in (of_q, None if of_a is None else -(of_a @ out), None if of_b is None else -(out @ of_b))
             if s is not None]  # fmt: skip
    return linalg.solve_sylvester(a, b, total(terms))


shaped(sl.solve_sylvester, "q", "a", "b", "q")

# ---- a @ x + x @ a.T = q -------------------------------------------------------------------------------------


@vjp(sl.solve_continuous_lyapunov, "a", "q", domain="matrix")
def _lyapunov(d: Sym, out: Sym, a: Sym, q: Sym) -> tuple[Sym, Sym]:
    w = linalg.solve_continuous_lyapunov(flipped(a), d)
    return fit(-(w @ flipped(out) + flipped(w) @ out), a), fit(w, q)


@jvp(sl.solve_continuous_lyapunov, "a", "q")
def _lyapunov_tangent(t: Any, out: Sym, a: Sym, q: Sym) -> Sym:
    of_a, of_q = t
    if of_a is None:
        return linalg.solve_continuous_lyapunov(a, of_q)
    moved = of_a @ out + out @ flipped(of_a)
    return linalg.solve_continuous_lyapunov(a, -moved if of_q is None else of_q - moved)


shaped(sl.solve_continuous_lyapunov, "q", "a", "q")

# ---- x = a @ x @ a.T + q -------------------------------------------------------------------------------------


@vjp(sl.solve_discrete_lyapunov, "a", "q", domain="matrix")
def _stein(d: Sym, out: Sym, a: Sym, q: Sym) -> tuple[Sym, Sym]:
    w = linalg.solve_discrete_lyapunov(flipped(a), d)
    return fit(w @ a @ flipped(out) + flipped(w) @ a @ out, a), fit(w, q)


@jvp(sl.solve_discrete_lyapunov, "a", "q")
def _stein_tangent(t: Any, out: Sym, a: Sym, q: Sym) -> Sym:
    of_a, of_q = t
    if of_a is None:
        return linalg.solve_discrete_lyapunov(a, of_q)
    moved = of_a @ out @ flipped(a) + a @ out @ flipped(of_a)
    return linalg.solve_discrete_lyapunov(a, moved if of_q is None else moved + of_q)


shaped(sl.solve_discrete_lyapunov, "q", "a", "q")

# ---- Riccati -------------------------------------------------------------------------------------------------
# With the gain k and the closed loop c = a - b @ k, the tangent of x solves a Lyapunov equation in c, whose right-hand
# side is that of the equation's other terms. q and r are symmetric: SciPy refuses others.


def _gain(out: Sym, a: Sym, b: Sym, r: Sym, discrete: bool) -> Sym:
    if discrete:
        return helper(scipy_helpers.discrete_gain)(out, a, b, r)
    return helper(scipy_helpers.continuous_gain)(out, b, r)


def _adjoints(d: Sym, out: Sym, a: Sym, b: Sym, r: Sym, discrete: bool) -> tuple[Sym, Sym, Sym, Sym]:
    gain = _gain(out, a, b, r, discrete)
    closed, even = a - b @ gain, 0.5 * (d + flipped(d))
    if discrete:
        w = linalg.solve_discrete_lyapunov(closed, even)
        of_a = 2 * (out @ closed @ w)
    else:
        w = linalg.solve_continuous_lyapunov(closed, -even)
        of_a = 2 * (out @ w)
    return fit(of_a, a), fit(-(of_a @ flipped(gain)), b), w, gain @ w @ flipped(gain)


def _tangent(t: Any, out: Sym, a: Sym, b: Sym, r: Sym, discrete: bool) -> Sym:
    of_a, of_b, of_q, of_r = t
    gain = _gain(out, a, b, r, discrete)
    closed = a - b @ gain
    terms = []
    if of_a is not None or of_b is not None:
        moved = total([s for s in (of_a, None if of_b is None else -(of_b @ gain)) if s is not None])
        half = flipped(moved) @ out @ closed if discrete else flipped(moved) @ out
        terms.append(half + flipped(half))
    if of_q is not None:
        terms.append(of_q)
    if of_r is not None:
        terms.append(flipped(gain) @ of_r @ gain)
    found = total(terms)
    if discrete:
        return linalg.solve_discrete_lyapunov(flipped(closed), 0.5 * (found + flipped(found)))
    return linalg.solve_continuous_lyapunov(flipped(closed), -0.5 * (found + flipped(found)))


@vjp(sl.solve_continuous_are, "a", "b", "q", "r", domain="matrix")
def _continuous_are(d: Sym, out: Sym, a: Sym, b: Sym, q: Sym, r: Sym) -> tuple[Sym, Sym, Sym, Sym]:
    return _adjoints(d, out, a, b, r, discrete=False)


@jvp(sl.solve_continuous_are, "a", "b", "q", "r")
def _continuous_are_tangent(t: Any, out: Sym, a: Sym, b: Sym, q: Sym, r: Sym) -> Sym:
    return _tangent(t, out, a, b, r, discrete=False)


@vjp(sl.solve_discrete_are, "a", "b", "q", "r", domain="matrix")
def _discrete_are(d: Sym, out: Sym, a: Sym, b: Sym, q: Sym, r: Sym) -> tuple[Sym, Sym, Sym, Sym]:
    return _adjoints(d, out, a, b, r, discrete=True)


@jvp(sl.solve_discrete_are, "a", "b", "q", "r")
def _discrete_are_tangent(t: Any, out: Sym, a: Sym, b: Sym, q: Sym, r: Sym) -> Sym:
    return _tangent(t, out, a, b, r, discrete=True)


shaped(sl.solve_continuous_are, "q", "a", "b", "q", "r")
shaped(sl.solve_discrete_are, "q", "a", "b", "q", "r")
