"""Functions of matrices: the exponential, trigonometric and hyperbolic functions, roots, logarithms and powers.

The derivative of f at a along e is a block of f([[a, e], [0, a]]) (Mathias 1996; Higham 2008, 3.6), and the adjoint
of d the derivative at a.T along d. Where there is a shorter way, that is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.linalg as sl

from srcgrad import runtime
from srcgrad.rules.build import Sym, helper, xp
from srcgrad.rules.decompositions import along
from srcgrad.rules.defined.registry import hold
from srcgrad.rules.linalg import flipped
from srcgrad.rules.registry import jvp, vjp
from srcgrad.rules.scipy_linalg.common import defined, fit, known, linalg, shaped, unknown
from srcgrad.runtime import scipy_linalg as scipy_helpers

# ---- the exponential -----------------------------------------------------------------------------------------


@vjp(sl.expm, "A", domain="matrix")
def _expm(d: Sym, A: Sym) -> Sym:
    """By the Fréchet derivative of the exponential (Al-Mohy and Higham 2009)."""
    return linalg.expm_frechet(flipped(A), d, compute_expm=False)


@jvp(sl.expm, "A")
def _expm_tangent(t: Sym, A: Sym) -> Sym:
    return linalg.expm_frechet(A, t, compute_expm=False)


shaped(sl.expm, "A")


@defined(sl.expm_frechet)
def expm_frechet(A: Sym, E: Sym, compute_expm: Any = True, **options: Any) -> Any:
    """A block of the exponential of a larger matrix: there is no second derivative of the exponential in SciPy."""
    known(sl.expm_frechet, compute_expm=compute_expm)
    whole = hold(linalg.expm(helper(runtime.with_direction)(A, E)), "whole")
    n = A.shape[-1]
    derivative = helper(runtime.direction_of)(whole)
    return (whole[..., slice(None, n), slice(None, n)], derivative) if compute_expm else derivative


# ---- by a larger matrix --------------------------------------------------------------------------------------


def by_blocks(fn: Callable[..., Any], build: Callable[..., Sym]) -> None:
    """Give a function of matrices its derivative by its value at a larger matrix. build: a call of the function."""

    def adjoint(d: Sym, A: Sym) -> Sym:
        return along(build, flipped(A), d)

    def tangent(t: Sym, A: Sym) -> Sym:
        return along(build, A, t)

    vjp(fn, "A", domain="matrix")(adjoint)
    jvp(fn, "A")(tangent)
    shaped(fn, "A")


for _fn in (sl.cosm, sl.sinm, sl.tanm, sl.coshm, sl.sinhm, sl.tanhm):
    by_blocks(_fn, getattr(linalg, _fn.__name__))


# ---- by equations --------------------------------------------------------------------------------------------


@vjp(scipy_helpers.real_sqrtm, "a", domain="matrix")
def _sqrtm(d: Sym, out: Sym, a: Sym) -> Sym:
    """From out @ out = a: the adjoint solves a Sylvester equation (Higham 2008, 6.1)."""
    return linalg.solve_sylvester(flipped(out), flipped(out), d)


@jvp(scipy_helpers.real_sqrtm, "a")
def _sqrtm_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return linalg.solve_sylvester(out, out, t)


shaped(scipy_helpers.real_sqrtm, "a")


@vjp(sl.signm, "A", domain="matrix")
def _signm(d: Sym, out: Sym, A: Sym) -> Sym:
    """From A = out @ n with n @ n = A @ A: a Sylvester equation in n (Higham 2008, 5.1)."""
    w = linalg.solve_sylvester(flipped(out @ A), flipped(out @ A), d)
    return w - flipped(out) @ w @ flipped(out)


@jvp(sl.signm, "A")
def _signm_tangent(t: Sym, out: Sym, A: Sym) -> Sym:
    return linalg.solve_sylvester(out @ A, out @ A, t - out @ t @ out)


shaped(sl.signm, "A")


# ---- functions that may be complex at a real matrix: checked when they are called -----------------------------


def _of_real(fn: Any, checked: Any, A: Sym, options: dict[str, Any]) -> Sym:
    for name, value in options.items():
        if value is not True:
            raise unknown(fn, name)
    return helper(checked)(A)


@defined(sl.sqrtm)
def sqrtm(A: Sym, **options: Any) -> Sym:
    return _of_real(sl.sqrtm, scipy_helpers.real_sqrtm, A, options)


@defined(sl.logm)
def logm(A: Sym, **options: Any) -> Sym:
    return _of_real(sl.logm, scipy_helpers.real_logm, A, options)


@vjp(scipy_helpers.real_logm, "a", domain="matrix")
def _logm(d: Sym, a: Sym) -> Sym:
    return along(helper(scipy_helpers.real_logm), flipped(a), d)


@jvp(scipy_helpers.real_logm, "a")
def _logm_tangent(t: Sym, a: Sym) -> Sym:
    return along(helper(scipy_helpers.real_logm), a, t)


shaped(scipy_helpers.real_logm, "a")


# ---- powers --------------------------------------------------------------------------------------------------


@defined(sl.fractional_matrix_power)
def fractional_matrix_power(A: Sym, t: Any) -> Sym:
    return helper(scipy_helpers.real_power)(A, t)


@vjp(scipy_helpers.real_power, "a", domain="matrix")
def _power(d: Sym, a: Sym, exponent: Any) -> Sym:
    return along(lambda whole: helper(scipy_helpers.real_power)(whole, exponent), flipped(a), d)


@vjp(scipy_helpers.real_power, "exponent", domain="matrix")
def _power_exponent(d: Sym, out: Sym, a: Sym, exponent: Any) -> Sym:
    return fit(xp.sum(d * (helper(scipy_helpers.real_logm)(a) @ out)), exponent)


@jvp(scipy_helpers.real_power, "a")
def _power_tangent(t: Sym, a: Sym, exponent: Any) -> Sym:
    return along(lambda whole: helper(scipy_helpers.real_power)(whole, exponent), a, t)


@jvp(scipy_helpers.real_power, "exponent")
def _power_exponent_tangent(t: Sym, out: Sym, a: Sym) -> Sym:
    return t * (helper(scipy_helpers.real_logm)(a) @ out)


shaped(scipy_helpers.real_power, "a", exponent=0.5)
