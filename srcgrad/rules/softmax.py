"""scipy.special.logsumexp, softmax and log_softmax."""

from __future__ import annotations

from typing import Any

import scipy.special as sc

from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.build import Sym, const, unbroadcast, xp
from srcgrad.rules.reductions import literal, options, spread
from srcgrad.rules.registry import jvp, vjp


def weights(out: Sym, a: Sym, b: Any, axis: Any, keepdims: Any) -> Sym:
    """exp(a - out): what each element gives to the sum, without its factor in b."""
    if b is not None and _given(b) and (rank(a.kind) is None or rank(a.kind) != rank(b.kind)):
        raise KindError(
            "scipy.special.logsumexp is differentiated with `b` of as many axes as `a`", "Use np.broadcast_to."
        )
    return xp.exp(a - spread(out, a, axis, keepdims))


def _given(b: Any) -> bool:
    return isinstance(b, Sym) and const(b.expr) is not None


def _sign_free(return_sign: Any) -> None:
    if literal(return_sign, "return_sign"):
        raise KindError("scipy.special.logsumexp with `return_sign` is not differentiated", "Leave it out.")


@vjp(sc.logsumexp, "a", singular=True)
def _logsumexp(
    d: Sym, out: Sym, a: Sym, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False
) -> Sym:
    _sign_free(return_sign)
    term = spread(d, a, axis, keepdims) * weights(out, a, b, axis, keepdims)
    return unbroadcast(term * b, (term * b).kind, a.kind, a, [b.kind]) if _given(b) else term


@vjp(sc.logsumexp, "b")
def _logsumexp_factors(d: Sym, out: Sym, a: Sym, b: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    term = spread(d, a, axis, keepdims) * weights(out, a, b, axis, keepdims)
    return unbroadcast(term, (term * b).kind, b.kind, b, [a.kind])


@jvp(sc.logsumexp, "a")
def _logsumexp_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, b: Any = None, keepdims: Any = False) -> Sym:
    term = t * weights(out, a, b, axis, keepdims)
    return xp.sum(term * b if _given(b) else term, **options(axis, keepdims))


@jvp(sc.logsumexp, "b")
def _logsumexp_factors_tangent(t: Sym, out: Sym, a: Sym, b: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return xp.sum(t * weights(out, a, b, axis, keepdims), **options(axis, keepdims))


def _total(term: Sym, axis: Any) -> Sym:
    """The sum over the axes that a softmax is over, one for each of its elements."""
    return xp.sum(term) if literal(axis) is None else xp.sum(term, axis=literal(axis), keepdims=True)


@vjp(sc.softmax, "x")
def _softmax(d: Sym, out: Sym, x: Sym, axis: Any = None) -> Sym:
    return out * (d - _total(d * out, axis))


@jvp(sc.softmax, "x")
def _softmax_tangent(t: Sym, out: Sym, x: Sym, axis: Any = None) -> Sym:
    return out * (t - _total(t * out, axis))


@vjp(sc.log_softmax, "x")
def _log_softmax(d: Sym, out: Sym, x: Sym, axis: Any = None) -> Sym:
    return d - xp.exp(out) * _total(d, axis)


@jvp(sc.log_softmax, "x")
def _log_softmax_tangent(t: Sym, out: Sym, x: Sym, axis: Any = None) -> Sym:
    return t - _total(t * xp.exp(out), axis)
