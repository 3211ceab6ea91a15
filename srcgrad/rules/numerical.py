"""Interpolation, integration, polynomials, convolution, statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.errors import KindError
from srcgrad.ir.kinds import rank
from srcgrad.rules.bodies import held
from srcgrad.rules.build import Sym, const, helper, xp
from srcgrad.rules.reductions import count, literal, mean_where, options, shared, spread
from srcgrad.rules.registry import flat, jvp, linear, vjp


def _vectors(name: str, *arrays: Sym) -> None:
    if any(rank(a.kind) != 1 for a in arrays):
        raise KindError(f"{name} is differentiated for vectors")


# ---- statistics ----------------------------------------------------------------------------------------------


@vjp(np.cumprod, "a")
def _cumprod(d: Sym, a: Sym, axis: Any = None) -> Sym:
    k = literal(axis)
    return helper(runtime.cumprod_adjoint)(d, a) if k is None else helper(runtime.cumprod_adjoint)(d, a, k)


@jvp(np.cumprod, "a")
def _cumprod_tangent(t: Sym, a: Sym, axis: Any = None) -> Sym:
    k = literal(axis)
    return helper(runtime.cumprod_tangent)(t, a) if k is None else helper(runtime.cumprod_tangent)(t, a, k)


@vjp(np.ptp, "a", domain="distinct")
def _ptp(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    k = literal(axis)
    along = {"keepdims": True} if k is None else {"axis": k, "keepdims": True}
    top, low = (held(a.eq(end(a, **along)), name) for end, name in ((xp.max, "highest"), (xp.min, "lowest")))
    d = held(spread(d, a, axis, keepdims), "d_new")
    return d / xp.sum(top, **along) * top - d / xp.sum(low, **along) * low


@jvp(np.ptp, "a")
def _ptp_tangent(t: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    top, low = (a.eq(end(a, **options(axis, literal(axis) is not None))) for end in (xp.max, xp.min))
    return mean_where(top, t, axis, keepdims) - mean_where(low, t, axis, keepdims)


@linear(np.average, "a")
def _average(d: Sym, a: Sym, axis: Any = None, weights: Any = None) -> Sym:
    if weights is None:
        return xp.zeros_like(a) + spread(d / count(a, axis), a, axis, False)
    return spread(d / _total(a, axis, weights), a, axis, False) * weights


@vjp(np.average, "weights")
def _average_weights(d: Sym, out: Sym, a: Sym, weights: Sym, axis: Any = None) -> Sym:
    return spread(d / _total(a, axis, weights), a, axis, False) * (a - spread(out, a, axis, False))


@jvp(np.average, "weights")
def _average_weights_tangent(t: Sym, out: Sym, a: Sym, weights: Sym, axis: Any = None) -> Sym:
    total = _total(a, axis, weights)
    return xp.sum(t * (a - spread(out, a, axis, False)), **options(axis, False)) / total


def _total(a: Sym, axis: Any, weights: Sym) -> Sym:
    if rank(a.kind) is None or rank(a.kind) != rank(weights.kind):
        raise KindError("np.average is differentiated for weights of the shape of the array")
    return weights.sum(literal(axis))


@linear(np.nansum, "a")
def _nansum(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return xp.where(xp.isnan(a), 0.0, spread(d, a, axis, keepdims))


@jvp(np.nansum, "a")
def _nansum_tangent(t: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return xp.sum(xp.where(xp.isnan(a), 0.0, t), **options(axis, keepdims))


@linear(np.nanmean, "a")
def _nanmean(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    here = ~xp.isnan(a)
    number = xp.count_nonzero(here) if literal(axis) is None else xp.count_nonzero(here, axis=literal(axis))
    shared = spread(d, a, axis, keepdims) / spread(number, a, axis, False)
    return xp.where(here, shared, 0.0)


@jvp(np.nanmean, "a")
def _nanmean_tangent(t: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return mean_where(~xp.isnan(a), t, axis, keepdims)


@vjp((np.nanmax, np.nanmin), "a", domain="distinct")
def _nan_extremum(d: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return shared(d, held(a.eq(spread(out, a, axis, keepdims)), "hits"), a, axis, keepdims)


@jvp((np.nanmax, np.nanmin), "a")
def _nan_extremum_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    return mean_where(a.eq(spread(out, a, axis, keepdims)), t, axis, keepdims)


@vjp(np.median, "a", domain="distinct")
def _median(d: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    k = literal(axis)
    if isinstance(k, (tuple, list)):
        return helper(runtime.quantile_adjoint)(d, a, 0.5, axis=tuple(k))
    shares = helper(runtime.median_weights)(a) if k is None else helper(runtime.median_weights)(a, k)
    return spread(d, a, axis, keepdims) * shares


@jvp(np.median, "a")
def _median_tangent(t: Sym, out: Sym, a: Sym, axis: Any = None, keepdims: Any = False) -> Sym:
    k = literal(axis)
    if isinstance(k, (tuple, list)):
        moved = helper(runtime.quantile_tangent)(t, a, 0.5, out.shape, axis=tuple(k))
        return moved if rank(out.kind) else moved[()]
    shares = helper(runtime.median_weights)(a) if k is None else helper(runtime.median_weights)(a, k)
    return xp.sum(t * shares, **options(axis, keepdims))


@linear(np.bincount, "weights")
def _bincount(d: Sym, x: Any, weights: Sym, minlength: Any = 0) -> Sym:
    return d[x]


# ---- integration and interpolation ---------------------------------------------------------------------------


def _along(axis: Any, n: int | None) -> int:
    """The axis of an integral, from the front."""
    k = literal(axis)
    if n is None or not isinstance(k, int):
        raise KindError("np.trapezoid is differentiated for arrays of known rank")
    return k + n if k < 0 else k


def _beside(v: Sym, k: int, n: int) -> Sym:
    """A vector along the k-th of n axes."""
    return v if k == n - 1 else v[(slice(None), *[None] * (n - 1 - k))]


@linear(np.trapezoid, "y")
def _trapezoid(d: Sym, y: Sym, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Sym:
    n = rank(y.kind)
    k = _along(axis, n)
    assert n is not None
    outer = spread(d, y, k, False)
    given = isinstance(x, Sym) and const(x.expr) is not None
    if given and rank(x.kind) != 1:
        return outer * helper(runtime.trapezoid_weights)(x, **({} if k == n - 1 else {"axis": k}))
    if given:
        return outer * _beside(helper(runtime.trapezoid_weights)(x), k, n)
    step = dx if isinstance(dx, Sym) else literal(dx, "dx")
    return outer * (step * _beside(helper(runtime.trapezoid_weights)(xp.arange(y.shape[k])), k, n))


@linear(np.trapezoid, "x")
def _trapezoid_places(d: Sym, y: Sym, x: Sym, axis: Any = -1) -> Sym:
    n = rank(y.kind)
    k = _along(axis, n)
    assert n is not None
    lower, upper = ((*[slice(None)] * k, part) for part in (slice(None, -1), slice(1, None)))
    heights = y[upper] + y[lower] if k else y[1:] + y[:-1]
    along = {} if k == n - 1 else {"axis": k}
    moved = -0.5 * spread(d, y, k, False) * xp.diff(heights, prepend=0, append=0, **along)
    return moved.sum(axis=tuple(a for a in range(n) if a != k)) if rank(x.kind) == 1 and n > 1 else moved


@vjp(np.trapezoid, "dx")
def _trapezoid_step(d: Sym, y: Sym, dx: Sym, axis: Any = -1) -> Sym:
    return xp.sum(d * xp.trapezoid(y, **({} if literal(axis) == -1 else {"axis": literal(axis)})))


@jvp(np.trapezoid, "dx")
def _trapezoid_step_tangent(t: Sym, y: Sym, dx: Sym, axis: Any = -1) -> Sym:
    return t * xp.trapezoid(y, **({} if literal(axis) == -1 else {"axis": literal(axis)}))


@vjp(np.interp, "x", domain="distinct")
def _interp(d: Sym, x: Sym, xp: Sym, fp: Sym) -> Sym:
    return d * helper(runtime.interp_slope)(x, xp, fp)


@jvp(np.interp, "x")
def _interp_tangent(t: Sym, x: Sym, xp: Sym, fp: Sym) -> Sym:
    return t * helper(runtime.interp_slope)(x, xp, fp)


@linear(np.interp, "fp")
def _interp_values(d: Sym, x: Sym, xp: Sym, fp: Sym) -> Sym:
    return helper(runtime.interp_adjoint)(d, x, xp, fp)


@vjp(np.interp, "xp")
def _interp_places(d: Sym, x: Sym, xp: Sym, fp: Sym) -> Sym:
    slope = helper(runtime.interp_slope)(x, xp, fp)
    return helper(runtime.interp_adjoint)(-d * slope, x, xp, xp)


@jvp(np.interp, "xp")
def _interp_places_tangent(t: Sym, x: Sym, xp: Sym, fp: Sym) -> Sym:
    return -helper(runtime.interp_slope)(x, xp, fp) * helper(np.interp, "np.interp")(x, xp, t)


# ---- polynomials and convolution -----------------------------------------------------------------------------


@vjp(np.vander, "x")
def _vander(d: Sym, out: Sym, x: Sym, N: Any = None, increasing: Any = False) -> Sym:
    d = held(d, "d_new")
    powers = xp.arange(d.shape[1] - 1, 0, -1) if not literal(increasing, "increasing") else xp.arange(1, d.shape[1])
    if literal(increasing, "increasing"):
        return (d[:, 1:] * out[:, :-1]) @ powers
    return (d[:, :-1] * out[:, 1:]) @ powers


@jvp(np.vander, "x")
def _vander_tangent(t: Sym, out: Sym, x: Sym, increasing: Any = False) -> Sym:
    return helper(runtime.vander_tangent)(t, out, **({"increasing": True} if literal(increasing, "increasing") else {}))


def _last(d: Sym, p: Sym) -> Sym:
    """What of the adjoint of a sum of polynomials belongs to the coefficients of one of them."""
    return d[d.size - p.size :] if rank(p.kind) else d[-1]


def _beside_zeros(t: Sym | None, p: Sym) -> Sym:
    return xp.zeros_like(p) if t is None else t


for _fn, _name, _sign in ((np.polyadd, "np.polyadd", 1), (np.polysub, "np.polysub", -1)):

    @vjp(_fn, "a1", "a2")
    def _(d: Sym, a1: Sym, a2: Sym, sign: int = _sign) -> tuple[Sym, Sym]:
        return _last(d, a1), _last(d, a2) if sign > 0 else -_last(d, a2)

    @jvp(_fn, "a1", "a2")
    def _(t: tuple[Sym | None, Sym | None], a1: Sym, a2: Sym, fn: Any = helper(_fn, _name)) -> Sym:  # noqa: B008
        return fn(_beside_zeros(t[0], a1), _beside_zeros(t[1], a2))


@vjp(np.unwrap, "p")
def _unwrap(d: Sym, p: Sym, discont: Any = None, axis: Any = -1, period: Any = None) -> Sym:
    """What is added to the angles is constant between the jumps."""
    return d


@jvp(np.unwrap, "p")
def _unwrap_tangent(t: Sym, p: Sym, discont: Any = None, axis: Any = -1, period: Any = None) -> Sym:
    return t


@linear(np.polyval, "p")
def _polyval(d: Sym, p: Sym, x: Sym) -> Sym:
    _vectors("np.polyval", p)
    powers = xp.arange(p.size - 1, -1, -1)
    if rank(x.kind) == 0:
        return d * x**powers
    return xp.vander(xp.ravel(x), p.size).T @ xp.ravel(d)


@vjp(np.polyval, "x")
def _polyval_place(d: Sym, p: Sym, x: Sym) -> Sym:
    return d * _slope(p, x)


@jvp(np.polyval, "x")
def _polyval_tangent(t: Sym, p: Sym, x: Sym) -> Sym:
    return t * _slope(p, x)


def _slope(p: Sym, x: Sym) -> Sym:
    if rank(p.kind) is not None:
        _vectors("np.polyval", p)
    return xp.polyval(xp.polyder(p), x)


@linear(np.polyder, "p")
def _polyder(d: Sym, p: Sym) -> Sym:
    _vectors("np.polyder", p)
    return xp.pad(d * xp.arange(p.size - 1, 0, -1), (0, 1))


@vjp(runtime.roots_of, "p")
def _roots(d: Sym, p: Sym, w: Sym) -> Sym:
    """By the implicit function theorem: p(w) stays 0."""
    return -(d / xp.polyval(xp.polyder(p), w)) @ xp.vander(w, p.size)


@jvp(runtime.roots_of, "p")
def _roots_tangent(t: Sym, p: Sym, w: Sym) -> Sym:
    return -(xp.polyval(t, w) / xp.polyval(xp.polyder(p), w))


flat(runtime.roots_of, "w")


@linear(np.convolve, "a")
def _convolve(d: Sym, a: Sym, v: Sym, mode: Any = "full") -> Sym:
    _vectors("np.convolve", a, v)
    return helper(runtime.convolve_adjoint)(d, a, v, literal(mode, "mode"))


@linear(np.convolve, "v")
def _convolve_right(d: Sym, a: Sym, v: Sym, mode: Any = "full") -> Sym:
    _vectors("np.convolve", a, v)
    return helper(runtime.convolve_adjoint)(d, v, a, literal(mode, "mode"))


@linear(np.correlate, "a")
def _correlate(d: Sym, a: Sym, v: Sym, mode: Any = "valid") -> Sym:
    _vectors("np.correlate", a, v)
    how = literal(mode, "mode")
    return helper(runtime.correlate_adjoint)(d, a, v, **({} if how == "valid" else {"mode": how}))


@linear(np.correlate, "v")
def _correlate_right(d: Sym, a: Sym, v: Sym, mode: Any = "valid") -> Sym:
    _vectors("np.correlate", a, v)
    how = literal(mode, "mode")
    return helper(runtime.correlate_adjoint_right)(d, a, v, **({} if how == "valid" else {"mode": how}))
