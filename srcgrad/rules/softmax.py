"""scipy.special.logsumexp, softmax and log_softmax."""

from __future__ import annotations

from typing import Any

import scipy.special as sc

from srcgrad.errors import KindError
from srcgrad.ir.kinds import Array, Scalar, rank
from srcgrad.rules.build import Sym, const, same_shape, unbroadcast, xp
from srcgrad.rules.reductions import literal, options, spread
from srcgrad.rules.registry import jvp, vjp


def shares(out: Sym, a: Sym, axis: Any, keepdims: Any) -> Sym:
    """exp(a - out): what each element gives to the sum, without its factor in b."""
    return xp.exp(a - spread(out, a, axis, keepdims))


def factors(a: Sym, b: Any) -> Sym | None:
    """`b` as an array or a number that the elements are multiplied by, None where it is not given."""
    if b is None or const(b.expr) is None:
        return None
    if not isinstance(b.kind, (Scalar, Array)):
        b = xp.array(b)
    if rank(b.kind) != 0 and (rank(a.kind) is None or rank(a.kind) != rank(b.kind)):
        remedy = "Reshape it, or use np.broadcast_to."
        raise KindError("scipy.special.logsumexp is differentiated with `b` of as many axes as `a`", remedy)
    return b


@vjp(sc.logsumexp, "a", singular=True, accepts_lazy="scalar")
def _logsumexp(d: Sym, out: Sym, a: Sym, axis: Any = None, b: Any = None, keepdims: Any = False) -> Sym:
    term, given = spread(d, a, axis, keepdims) * shares(out, a, axis, keepdims), factors(a, b)
    return term if given is None else unbroadcast(term * given, (term * given).kind, a.kind, a, [given.kind])


@vjp(sc.logsumexp, "b")
def _logsumexp_factors(d: Sym, out: Sym, a: Sym, b: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    factors(a, b)
    term = spread(d, a, axis, keepdims) * shares(out, a, axis, keepdims)
    whole = (term * b).kind
    if not same_shape(whole, term.kind, [b.kind]):
        term = term + xp.zeros_like(b)  # which may have longer axes than a
    return unbroadcast(term, whole, b.kind, b, [a.kind])


@jvp(sc.logsumexp, "a")
def _logsumexp_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, b: Any = None, keepdims: Any = False) -> Sym:
    term, given = t * shares(out, a, axis, keepdims), factors(a, b)
    return xp.sum(term if given is None else term * given, **options(axis, keepdims))


@jvp(sc.logsumexp, "b")
def _logsumexp_factors_tangent(t: Sym, out: Sym, a: Sym, b: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    factors(a, b)
    return xp.sum(t * shares(out, a, axis, keepdims), **options(axis, keepdims))


def _total(term: Sym, axis: Any) -> Sym:
    """The sum over the axes that a softmax is over, one for each of its elements."""
    k = literal(axis)
    return xp.sum(term) if k is None or rank(term.kind) == 1 else xp.sum(term, axis=k, keepdims=True)


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
